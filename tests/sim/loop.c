/* SPDX-License-Identifier: GPL-3.0-or-later */
/* loop.c: as much of sd-event as stiled uses: one timer, signals, descriptors that become readable, one
 * thing that is done piece by piece. */
#include "tests/sim/loop.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <systemd/sd-event.h>

#include "tests/sim/machine.h"
#include "tests/sim/sim.h"
#include "tests/sim/watch.h"

#define DESCRIPTORS_MAX 8

/* Until the loop comes round to something. */
#define TURN_US 50

/* A loop that has much to do. */
#define TURN_MAX_US (300 * USEC_PER_MSEC)

struct sd_event_source {
    int fd;
    sd_event_io_handler_t on_io;
    sd_event_signal_handler_t on_signal;
    sd_event_time_handler_t on_time;
    sd_event_handler_t on_turn;
    void *user;
    bool pending;
};

struct sd_event {
    int unused;
};

static struct {
    struct sd_event event;
    struct sd_event_source descriptors[DESCRIPTORS_MAX];
    size_t descriptor_count;
    struct sd_event_source timer;
    struct sd_event_source signals;
    struct sd_event_source turn; /* what is done piece by piece */
    uint64_t due_us;
    bool armed;
    int64_t looks_at; /* when the timer is looked at next; 0: never */
    bool turned;
    bool ended;
    int code;
} loop;

void loop_begin(void)
{
    memset(&loop, 0, sizeof(loop));
}

bool loop_has_turned(void)
{
    return loop.turned;
}

struct daemon *loop_daemon(void)
{
    return loop.turned && !loop.ended ? loop.timer.user : NULL;
}

int sd_event_new(sd_event **ret)
{
    *ret = &loop.event;
    return 0;
}

sd_event *sd_event_unref(sd_event *event)
{
    return NULL;
}

sd_event_source *sd_event_source_unref(sd_event_source *source)
{
    return NULL;
}

int sd_event_set_watchdog(sd_event *event, int on)
{
    return 0;
}

int sd_event_add_signal(sd_event *event, sd_event_source **ret, int signal, sd_event_signal_handler_t handler,
                        void *user)
{
    loop.signals = (struct sd_event_source){ .on_signal = handler, .user = user };
    return 0;
}

int sd_event_add_time(sd_event *event, sd_event_source **ret, clockid_t clock, uint64_t usec,
                      uint64_t accuracy, sd_event_time_handler_t handler, void *user)
{
    loop.timer = (struct sd_event_source){ .on_time = handler, .user = user };
    *ret = &loop.timer;
    return 0;
}

int sd_event_add_io(sd_event *event, sd_event_source **ret, int fd, uint32_t events,
                    sd_event_io_handler_t handler, void *user)
{
    assert(loop.descriptor_count < DESCRIPTORS_MAX);
    *ret = &loop.descriptors[loop.descriptor_count++];
    **ret = (struct sd_event_source){ .fd = fd, .on_io = handler, .user = user };
    return 0;
}

int sd_event_source_set_time(sd_event_source *source, uint64_t usec)
{
    assert(source == &loop.timer);
    loop.due_us = usec;
    return 0;
}

static void look_at_timer(void *argument, int64_t number);

static void arm(void)
{
    int64_t wait_us = (int64_t)loop.due_us - clock_boot_us();
    int64_t at = sim_now() + (wait_us > TURN_US ? wait_us : TURN_US);

    if (!loop.armed || loop.due_us > INT64_MAX / 2 || (loop.looks_at && loop.looks_at <= at))
        return;
    loop.looks_at = at;
    sim_at(SIM_GATEWAY, at - sim_now(), look_at_timer, NULL, at);
}

/* An earlier look may have been asked for meanwhile, and the timer may have been set to later. */
static void look_at_timer(void *argument, int64_t at)
{
    if (loop.looks_at != at)
        return;
    loop.looks_at = 0;
    if (!loop.armed || clock_boot_us() < (int64_t)loop.due_us) {
        arm();
        return;
    }
    loop.armed = false;
    loop.timer.on_time(&loop.timer, loop.due_us, loop.timer.user);
}

int sd_event_add_defer(sd_event *event, sd_event_source **ret, sd_event_handler_t handler, void *user)
{
    loop.turn = (struct sd_event_source){ .on_turn = handler, .user = user };
    *ret = &loop.turn;
    return 0;
}

static void call_turn(void *argument, int64_t number)
{
    loop.turn.pending = false;
    loop.turn.on_turn(&loop.turn, loop.turn.user);
}

static void arm_turn(bool enabled)
{
    if (!enabled || loop.turn.pending)
        return;
    loop.turn.pending = true;
    sim_at(SIM_GATEWAY, sim_between(TURN_US, TURN_MAX_US), call_turn, NULL, 0);
}

int sd_event_source_set_enabled(sd_event_source *source, int enabled)
{
    if (source == &loop.turn) {
        arm_turn(enabled != SD_EVENT_OFF);
        return 0;
    }
    assert(source == &loop.timer);
    loop.armed = enabled != SD_EVENT_OFF;
    arm();
    return 0;
}

static void call_reader(void *argument, int64_t number)
{
    struct sd_event_source *source = &loop.descriptors[number];

    source->pending = false;
    source->on_io(source, source->fd, EPOLLIN, source->user);
}

void loop_readable(int fd)
{
    for (size_t i = 0; i < loop.descriptor_count; i++) {
        if (loop.descriptors[i].fd != fd || loop.descriptors[i].pending)
            continue;
        loop.descriptors[i].pending = true;
        sim_at(SIM_GATEWAY, TURN_US, call_reader, NULL, (int64_t)i);
    }
}

static void call_signal(void *argument, int64_t number)
{
    const struct signalfd_siginfo info = { .ssi_signo = (uint32_t)number };

    loop.signals.on_signal(&loop.signals, &info, loop.signals.user);
}

void loop_signal(int signal)
{
    sim_at(SIM_GATEWAY, TURN_US, call_signal, NULL, signal);
}

void loop_end(void)
{
    loop.ended = true;
}

int sd_event_exit(sd_event *event, int code)
{
    loop.ended = true;
    loop.code = code;
    return 0;
}

int sd_event_loop(sd_event *event)
{
    loop.turned = true;
    while (!loop.ended && !watch_is_over())
        machine_step();
    return loop.code;
}
