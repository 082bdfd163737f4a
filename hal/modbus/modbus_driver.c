/* SPDX-License-Identifier: GPL-3.0-or-later */
/* modbus_driver.c: does what the buses decide. All lines and one timer are watched through one epoll
 * descriptor, so that nothing waits for a line but the bus of that line. */
#include "hal/modbus/modbus_driver.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "gateway/base/clock.h"
#include "gateway/base/log.h"
#include "hal/driver.h"
#include "hal/modbus/modbus_bus.h"
#include "hal/modbus/modbus_device.h"
#include "hal/modbus/modbus_health.h"
#include "hal/modbus/modbus_line.h"

#define LOG "modbus"

/* What epoll calls the timer; lines have their index. */
#define TIMER_TAG MODBUS_UNITS_MAX

/* A unit's voice says which unit it is. */
struct speaker {
    struct modbus_driver *modbus;
    size_t unit;
    struct modbus_voice voice;
};

/* A probe, which is given to all units. */
struct probe {
    int64_t id;     /* 0: none is under way */
    size_t waiting; /* units that have not ended theirs */
    enum driver_outcome outcome;
    struct text reason;
};

struct modbus_driver {
    const char *profiles;
    struct driver *driver; /* while it is called */
    struct modbus_device device;
    struct modbus_profile profile[MODBUS_UNITS_MAX];
    struct speaker speakers[MODBUS_UNITS_MAX];
    size_t place[MODBUS_UNITS_MAX]; /* of each unit on its bus */
    struct modbus_bus buses[MODBUS_UNITS_MAX];
    struct modbus_line lines[MODBUS_UNITS_MAX];
    int epoll_fd;
    int timer_fd;
    struct probe probe;
    bool leaves; /* nobody listens any more */
};

int modbus_driver_new(const char *profiles, struct modbus_driver **ret_modbus)
{
    struct modbus_driver *modbus = calloc(1, sizeof(*modbus));

    if (!modbus)
        return -ENOMEM;
    modbus->profiles = profiles;
    modbus->epoll_fd = modbus->timer_fd = -1;
    for (size_t i = 0; i < MODBUS_UNITS_MAX; i++)
        modbus->lines[i].fd = -1;
    *ret_modbus = modbus;
    return 0;
}

struct modbus_driver *modbus_driver_free(struct modbus_driver *modbus)
{
    if (!modbus)
        return NULL;
    for (size_t i = 0; i < modbus->device.line_count; i++) {
        modbus_bus_finish(&modbus->buses[i]);
        modbus_line_close(&modbus->lines[i]);
    }
    closep(&modbus->epoll_fd);
    closep(&modbus->timer_fd);
    text_finish(&modbus->probe.reason);
    free(modbus);
    return NULL;
}

/* Units speak. */

static enum driver_health tell_health(struct modbus_driver *modbus, bool early)
{
    return modbus_health_tell(modbus->driver, &modbus->device, modbus->buses, modbus->place, early);
}

static struct modbus_bus_unit *unit_at(struct modbus_driver *modbus, size_t unit)
{
    return &modbus->buses[modbus->device.line_of[unit]].units[modbus->place[unit]];
}

/* A unit has ended its probe. One that is down was refused it, and why is known better. */
static void end_probe(struct modbus_driver *modbus, size_t unit, const struct driver_event *event)
{
    struct probe *probe = &modbus->probe;
    const struct modbus_bus_unit *probed = unit_at(modbus, unit);

    if (event->outcome != DRIVER_OUTCOME_COMPLETED) {
        text_add(&probe->reason, probe->outcome == DRIVER_OUTCOME_COMPLETED ? "" : "; ");
        modbus_health_name(&probe->reason, &modbus->device, unit);
        text_add(&probe->reason, modbus_bus_is_up(probed) ? event->reason : modbus_health_reason(probed));
        probe->outcome = event->outcome;
    }
    if (--probe->waiting > 0)
        return;
    driver_result(modbus->driver, probe->id, probe->outcome, text_string(&probe->reason));
    probe->id = 0;
}

/* What a device says means nothing to the gateway before the device is up. What is said because a unit is
 * lost comes before the health, which waits for the others: they may be lost, too. */
static void say(void *userdata, const struct driver_event *event)
{
    const struct speaker *speaker = userdata;

    if (speaker->modbus->leaves)
        return;
    if (event->kind == DRIVER_EVENT_RESULT && event->id == speaker->modbus->probe.id) {
        end_probe(speaker->modbus, speaker->unit, event);
        return;
    }
    if (event->kind == DRIVER_EVENT_RESULT) {
        driver_result(speaker->modbus->driver, event->id, event->outcome,
                      event->reason[0] ? event->reason : NULL);
        return;
    }
    if (modbus_bus_is_up(unit_at(speaker->modbus, speaker->unit)))
        (void)tell_health(speaker->modbus, true);
    driver_emit(speaker->modbus->driver, event);
}

static void note(void *userdata, const char *text)
{
    const struct speaker *speaker = userdata;

    log_notice(LOG, "unit %u: %s", speaker->modbus->device.units[speaker->unit].address, text);
}

/* Configuration. */

static int load_profile(struct modbus_driver *modbus, const char *name, struct modbus_profile *ret_profile,
                        struct json_error *error)
{
    cleanup_with(text_finish) struct text path = TEXT_INIT;
    cleanup_with(text_finish) struct text problem = TEXT_INIT;

    text_addf(&path, "%s/%s.json", modbus->profiles, name);
    int r = modbus_profile_load(text_string(&path), ret_profile, &problem);

    if (r < 0)
        json_error_set(error, "profile", "%s", text_string(&problem));
    return r == -ENOMEM ? r : r < 0 ? -EBADMSG : 0;
}

static int add_unit(struct modbus_driver *modbus, size_t i, struct json_error *error)
{
    const struct modbus_unit_item *item = &modbus->device.units[i];
    struct speaker *speaker = &modbus->speakers[i];
    struct modbus_bus *bus = &modbus->buses[modbus->device.line_of[i]];
    struct modbus_unit unit;
    int r = load_profile(modbus, item->profile, &modbus->profile[i], error);

    *speaker = (struct speaker){ .modbus = modbus, .unit = i };
    speaker->voice = (struct modbus_voice){ .say = say, .note = note, .userdata = speaker };
    if (r == 0)
        r = modbus_unit_new(item, &modbus->profile[i], &speaker->voice, &unit, error);
    if (r < 0)
        return r;
    modbus->place[i] = bus->count;
    modbus_bus_add(bus, unit, item->address, &modbus->profile[i].timing);
    return 0;
}

static int add_units(struct modbus_driver *modbus, struct json_error *error)
{
    for (size_t i = 0; i < modbus->device.unit_count; i++) {
        int r = add_unit(modbus, i, error);

        if (r < 0 && modbus->device.several)
            json_error_within(error, "units[%zu]", i);
        if (r < 0)
            return r;
    }
    return 0;
}

static int watch(struct modbus_driver *modbus, int fd, uint32_t events, uint32_t tag)
{
    struct epoll_event event = { .events = events, .data.u32 = tag };

    return epoll_ctl(modbus->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

static int open_timer(struct modbus_driver *modbus)
{
    modbus->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    modbus->timer_fd = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
    if (modbus->epoll_fd < 0 || modbus->timer_fd < 0)
        return -errno;
    return watch(modbus, modbus->timer_fd, EPOLLIN, TIMER_TAG);
}

static int configure(struct driver *driver, void *self, struct json_object *item, struct json_error *error)
{
    struct modbus_driver *modbus = self;
    int r = modbus_device_read(item, &modbus->device, error);

    if (r < 0)
        return r;
    for (size_t i = 0; i < modbus->device.line_count; i++) {
        modbus_line_init(&modbus->lines[i], &modbus->device.lines[i]);
        modbus_bus_init(&modbus->buses[i], modbus_line_wire(&modbus->device.lines[i]));
    }
    r = add_units(modbus, error);
    return r < 0 ? r : open_timer(modbus);
}

/* The lines. */

static void lose(struct modbus_driver *modbus, size_t i, int error)
{
    modbus_line_close(&modbus->lines[i]);
    modbus_bus_gone(&modbus->buses[i], error == -EBUSY ? "another process has the port" : strerror(-error),
                    clock_boot_us());
}

/* For whoever looks for the reason of silence. */
static void note_rs485(const struct modbus_line *line)
{
    if (line->connection.rtu[0] == '\0' || !line->connection.rs485)
        return;
    if (line->rs485 == 0)
        log_notice(LOG, "%s: the port switches its RS-485 transmitter", line->connection.rtu);
    else
        log_notice(LOG, "%s: the port does not switch an RS-485 transmitter (%s): its adapter must",
                   line->connection.rtu, strerror(-line->rs485));
}

static void open_line(struct modbus_driver *modbus, size_t i)
{
    struct modbus_line *line = &modbus->lines[i];
    int r = modbus_line_open(line);
    bool connecting = r == 1;

    if (r >= 0)
        r = watch(modbus, line->fd, connecting ? EPOLLOUT : EPOLLIN, (uint32_t)i);
    if (r < 0)
        lose(modbus, i, r);
    else if (!connecting)
        modbus_bus_opened(&modbus->buses[i]);
    if (r >= 0 && modbus->buses[i].opened == 1)
        note_rs485(line);
}

static void finish_connection(struct modbus_driver *modbus, size_t i)
{
    struct modbus_line *line = &modbus->lines[i];
    struct epoll_event event = { .events = EPOLLIN, .data.u32 = (uint32_t)i };
    int r = modbus_line_connected(line);

    if (r == 0 && epoll_ctl(modbus->epoll_fd, EPOLL_CTL_MOD, line->fd, &event) < 0)
        r = -errno;
    if (r < 0)
        lose(modbus, i, r);
    else
        modbus_bus_opened(&modbus->buses[i]);
}

static void send_request(struct modbus_driver *modbus, size_t i)
{
    struct modbus_bus *bus = &modbus->buses[i];
    int r = modbus_line_send(&modbus->lines[i], bus->units[bus->asked].address, &bus->request);

    if (r < 0)
        lose(modbus, i, r);
    else if (r == MODBUS_LINE_E_LATE)
        modbus_bus_late(bus, clock_boot_us());
}

static void receive(struct modbus_driver *modbus, size_t i)
{
    struct modbus_frame frame;
    int r = modbus_line_receive(&modbus->lines[i], &frame);

    if (r < 0)
        lose(modbus, i, r);
    else if (r > 0)
        modbus_bus_answered(&modbus->buses[i], &frame, clock_boot_us());
    else if (frame.why)
        modbus_bus_heard(&modbus->buses[i], frame.why);
}

static void take_events(struct modbus_driver *modbus)
{
    struct epoll_event events[MODBUS_UNITS_MAX + 1];
    int count = epoll_wait(modbus->epoll_fd, events, sizeof(events) / sizeof(events[0]), 0);

    for (int i = 0; i < count; i++) {
        uint32_t tag = events[i].data.u32;
        uint64_t expirations;

        if (tag == TIMER_TAG)
            (void)!read(modbus->timer_fd, &expirations, sizeof(expirations));
        else if (modbus->buses[tag].state == MODBUS_BUS_OPENING)
            finish_connection(modbus, tag);
        else
            receive(modbus, tag);
    }
}

/* Does what the bus of a line wants until it wants nothing. */
static void drive(struct modbus_driver *modbus, size_t i)
{
    struct modbus_bus *bus = &modbus->buses[i];

    for (;;) {
        enum modbus_bus_step step = modbus_bus_turn(bus, clock_boot_us());

        if (bus->state != MODBUS_BUS_BUSY)
            modbus_line_forget(&modbus->lines[i]);
        switch (step) {
        case MODBUS_BUS_WAIT:
            return;
        case MODBUS_BUS_OPEN:
            open_line(modbus, i);
            break;
        case MODBUS_BUS_SEND:
            send_request(modbus, i);
            break;
        case MODBUS_BUS_CLOSE:
            modbus_line_close(&modbus->lines[i]);
            break;
        }
    }
}

/* Wakes us when the first bus is due. */
static void set_timer(struct modbus_driver *modbus)
{
    int64_t due_us = INT64_MAX;
    int64_t now_us = clock_boot_us();

    for (size_t i = 0; i < modbus->device.line_count; i++) {
        int64_t bus_us = modbus_bus_due_us(&modbus->buses[i], now_us);

        due_us = bus_us < due_us ? bus_us : due_us;
    }
    const struct itimerspec when = { .it_value = { .tv_sec = due_us / USEC_PER_SEC,
                                                   .tv_nsec = due_us % USEC_PER_SEC * 1000 + 1 } };

    (void)!timerfd_settime(modbus->timer_fd, TFD_TIMER_ABSTIME, &when, NULL);
}

static void turn(struct modbus_driver *modbus)
{
    take_events(modbus);
    for (size_t i = 0; i < modbus->device.line_count; i++)
        drive(modbus, i);
    set_timer(modbus);
}

/* A device that is up after it was down is told anew what is held. */
static void forget_holds(struct modbus_driver *modbus)
{
    for (size_t i = 0; i < modbus->device.line_count; i++)
        for (size_t k = 0; k < modbus->buses[i].count; k++)
            modbus->buses[i].units[k].unit.ops->forget(modbus->buses[i].units[k].unit.self);
}

static int work(struct driver *driver, void *self)
{
    struct modbus_driver *modbus = self;

    modbus->driver = driver;
    turn(modbus);
    if (tell_health(modbus, false) == DRIVER_HEALTH_DOWN)
        forget_holds(modbus);
    return DRIVER_WAIT_FOREVER;
}

static int work_fd(struct driver *driver, void *self)
{
    const struct modbus_driver *modbus = self;

    return modbus->epoll_fd;
}

/* The end. */

/* Whether an output waits to be written. One whose unit or line is away may be back in time. */
static bool moves(const struct modbus_driver *modbus, int64_t now_us)
{
    for (size_t i = 0; i < modbus->device.line_count; i++) {
        const struct modbus_bus *bus = &modbus->buses[i];
        struct modbus_request request;

        for (size_t k = 0; k < bus->count; k++)
            if (bus->units[k].unit.ops->want(bus->units[k].unit.self, now_us, &request) ==
                MODBUS_URGENCY_RELEASE)
                return true;
    }
    return false;
}

void modbus_driver_leave(struct modbus_driver *modbus)
{
    int64_t now_us = clock_boot_us();
    int64_t end_us = now_us + MODBUS_LEAVE_MS * USEC_PER_MSEC;

    modbus->leaves = true;
    for (size_t i = 0; i < modbus->device.line_count; i++) {
        const struct modbus_bus *bus = &modbus->buses[i];

        for (size_t k = 0; k < bus->count; k++)
            if (bus->units[k].unit.ops->leave)
                bus->units[k].unit.ops->leave(bus->units[k].unit.self, now_us);
    }
    for (; now_us < end_us && moves(modbus, now_us); now_us = clock_boot_us()) {
        struct pollfd poll_fd = { .fd = modbus->epoll_fd, .events = POLLIN };

        turn(modbus);
        (void)!poll(&poll_fd, 1, (int)((end_us - now_us) / USEC_PER_MSEC));
    }
}

/* Commands. */

static void command_unit(struct modbus_driver *modbus, struct driver *driver, size_t unit,
                         const struct driver_command *command)
{
    modbus->driver = driver;
    if (unit < modbus->device.unit_count)
        modbus_bus_command(&modbus->buses[modbus->device.line_of[unit]], modbus->place[unit], command,
                           &modbus->speakers[unit].voice, clock_boot_us());
    else if (driver_command_has_result(command->kind))
        driver_result(driver, command->id, DRIVER_OUTCOME_FAILED, "unknown_target");
}

static void command_target(struct driver *driver, void *self, const struct driver_command *command)
{
    struct modbus_driver *modbus = self;

    command_unit(modbus, driver, modbus_device_find_target(&modbus->device, command->target), command);
}

static void show(struct driver *driver, void *self, const struct driver_command *command)
{
    struct modbus_driver *modbus = self;

    command_unit(modbus, driver, modbus_device_find_point(&modbus->device, command->point), command);
}

/* All units are to be looked at. */
static void probe(struct driver *driver, void *self, const struct driver_command *command)
{
    struct modbus_driver *modbus = self;

    if (modbus->probe.id != 0) {
        driver_result(driver, command->id, DRIVER_OUTCOME_FAILED, "busy");
        return;
    }
    text_reset(&modbus->probe.reason);
    modbus->probe.id = command->id;
    modbus->probe.waiting = modbus->device.unit_count;
    modbus->probe.outcome = DRIVER_OUTCOME_COMPLETED;
    for (size_t unit = 0; unit < modbus->device.unit_count; unit++)
        command_unit(modbus, driver, unit, command);
}

static const char *const capabilities[] = { "release", "passage", "show", "probe", DRIVER_CAN_HOLD, NULL };

const struct driver_ops modbus_driver_ops = {
    .name = "modbus",
    .version = STILE_VERSION,
    .capabilities = capabilities,
    .configure = configure,
    .work = work,
    .work_fd = work_fd,
    .release = command_target,
    .lock = command_target,
    .unlock = command_target,
    .hold = command_target,
    .show = show,
    .probe = probe,
};
