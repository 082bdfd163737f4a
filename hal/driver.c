/* SPDX-License-Identifier: GPL-3.0-or-later */
/* driver.c: one poll loop for all drivers. Commands are read and checked here, so that a driver sees only
 * what it can carry out; what it says is stamped and queued here, so that it never blocks on the gateway. */
#include "hal/driver.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>

#include "gateway/base/clock.h"
#include "gateway/base/lines.h"
#include "gateway/base/log.h"
#include "gateway/base/text.h"
#include "hal/device_item.h"

/* Commands whose end is still to be told; a further one is answered `failed`. */
#define OPEN_MAX 64

struct open_command {
    int64_t id; /* 0: free */
    int64_t arrived_us;
};

struct driver {
    const struct driver_ops *ops;
    void *self;
    struct lines lines;
    struct text text; /* the line that is being written */
    bool configured;
    bool ended;
    int status;
    int64_t work_at_us; /* INT64_MAX: when a command comes */
    int64_t unread_us;  /* since when the gateway has read nothing of what waits */
    unsigned dropped;   /* lines, since output was last empty */
    bool health_told;
    int64_t health_us; /* when it was told */
    struct driver_event health;
    struct open_command open[OPEN_MAX];
    struct device_item item;
    struct driver_command command; /* the one that is being handled */
};

void driver_quit(struct driver *driver, int status)
{
    if (driver->ended)
        return;
    driver->ended = true;
    driver->status = status;
}

static size_t unread_bytes(const struct driver *driver)
{
    return driver->lines.out.end - driver->lines.out.start;
}

static bool put(struct driver *driver)
{
    size_t before = unread_bytes(driver);
    int r = lines_put(&driver->lines, driver->text.data, driver->text.len);

    if (r == -ENOBUFS) {
        driver->dropped++;
    } else if (r < 0) {
        log_error("driver", "the gateway is gone: %s", strerror(-r));
        driver_quit(driver, 1);
    } else if (before == 0 || unread_bytes(driver) <= before) {
        driver->unread_us = clock_boot_us();
    }
    return r >= 0;
}

bool driver_emit(struct driver *driver, const struct driver_event *event)
{
    struct driver_event stamped = *event;

    if (stamped.at_us == 0)
        stamped.at_us = clock_boot_us();
    int r = driver_event_format(&driver->text, &stamped);

    if (r < 0) {
        log_error("driver", "cannot say %s: %s", driver_event_name(event->kind), strerror(-r));
        driver_quit(driver, 1);
        return false;
    }
    return put(driver);
}

static struct open_command *find_open(struct driver *driver, int64_t id)
{
    for (size_t i = 0; i < OPEN_MAX; i++)
        if (driver->open[i].id == id)
            return &driver->open[i];
    return NULL;
}

static void emit_result(struct driver *driver, int64_t id, enum driver_outcome outcome, const char *reason,
                        int64_t ms)
{
    struct driver_event event = { .kind = DRIVER_EVENT_RESULT, .id = id, .outcome = outcome, .ms = ms };

    text_copy(event.reason, sizeof(event.reason), reason);
    driver_emit(driver, &event);
}

void driver_result(struct driver *driver, int64_t id, enum driver_outcome outcome, const char *reason)
{
    assert(id > 0);
    struct open_command *open = find_open(driver, id);

    if (!open) {
        log_warning("driver", "command %lld has been answered already", (long long)id);
        return;
    }
    if (outcome != DRIVER_OUTCOME_ACCEPTED)
        open->id = 0;
    emit_result(driver, id, outcome, reason, (clock_boot_us() - open->arrived_us) / USEC_PER_MSEC);
}

void driver_found(struct driver *driver, int64_t id, const struct driver_found *found)
{
    struct driver_event event = { .kind = DRIVER_EVENT_FOUND, .id = id, .found = *found };

    assert(id > 0);
    if (find_open(driver, id))
        driver_emit(driver, &event);
}

void driver_progress(struct driver *driver, int64_t id, const char *text)
{
    struct driver_event event = { .kind = DRIVER_EVENT_PROGRESS, .id = id };

    assert(id > 0);
    text_copy(event.reason, sizeof(event.reason), text);
    if (find_open(driver, id))
        driver_emit(driver, &event);
}

static bool same_counters(const struct driver_event *a, const struct driver_event *b)
{
    if (a->counter_count != b->counter_count)
        return false;
    for (size_t i = 0; i < a->counter_count; i++)
        if (a->counters[i].value != b->counters[i].value ||
            strcmp(a->counters[i].name, b->counters[i].name) != 0)
            return false;
    return true;
}

/* Whether the gateway would learn something now. */
static bool health_is_news(const struct driver *driver, const struct driver_event *event)
{
    if (!driver->health_told || event->health != driver->health.health ||
        strcmp(event->reason, driver->health.reason) != 0)
        return true;
    return !same_counters(event, &driver->health) &&
           clock_boot_us() - driver->health_us >= DRIVER_COUNTERS_EVERY_MS * USEC_PER_MSEC;
}

void driver_health(struct driver *driver, enum driver_health state, const char *reason,
                   const struct driver_counter *counters, size_t count)
{
    struct driver_event event = { .kind = DRIVER_EVENT_HEALTH, .health = state, .counter_count = count };

    assert(count <= DRIVER_COUNTERS_MAX);
    text_copy(event.reason, sizeof(event.reason), reason);
    for (size_t i = 0; i < count; i++)
        event.counters[i] = counters[i];
    if (!health_is_news(driver, &event))
        return;
    driver->health = event;
    driver->health_told = true;
    driver->health_us = clock_boot_us();
    driver_emit(driver, &event);
}

static void emit_error(struct driver *driver, const char *text, const char *member)
{
    struct driver_event event = { .kind = DRIVER_EVENT_ERROR };

    text_copy(event.reason, sizeof(event.reason), text);
    text_copy(event.member, sizeof(event.member), member);
    driver_emit(driver, &event);
}

static void emit_hello(struct driver *driver)
{
    const struct driver_ops *ops = driver->ops;
    struct driver_event event = { .kind = DRIVER_EVENT_HELLO };
    struct driver_hello *hello = &event.hello;

    text_copy(hello->driver, sizeof(hello->driver), ops->name);
    text_copy(hello->version, sizeof(hello->version), ops->version);
    hello->protocol = DRIVER_PROTOCOL;
    hello->point_count = driver->item.point_count;
    hello->target_count = driver->item.target_count;
    memcpy(hello->points, driver->item.points, sizeof(hello->points));
    memcpy(hello->targets, driver->item.targets, sizeof(hello->targets));
    for (size_t i = 0; ops->capabilities && ops->capabilities[i]; i++) {
        assert(i < DRIVER_CAPABILITIES_MAX);
        text_copy(hello->capabilities[i], DRIVER_WORD_SIZE, ops->capabilities[i]);
        hello->capability_count++;
    }
    driver_emit(driver, &event);
}

static int take_device(struct driver *driver, struct json_error *error)
{
    cleanup_with(json_putp) struct json_object *device = NULL;
    const char *json = driver->command.device;
    int r = json_parse(json, strlen(json), &device, error);

    if (r == 0)
        r = device_item_read(device, &driver->item, error);
    if (r == 0)
        r = driver->ops->configure(driver, driver->self, device, error);
    if (r < 0 && r != -EBADMSG)
        json_error_set(error, "", "%s", strerror(-r));
    return r;
}

static void configure(struct driver *driver)
{
    struct json_error error = { 0 };

    if (driver->configured) {
        emit_error(driver, "is configured already", NULL);
        return;
    }
    if (take_device(driver, &error) < 0) {
        log_error("driver", "device item: %s %s", error.path, error.text);
        emit_error(driver, error.text, error.path);
        driver_quit(driver, 1);
        return;
    }
    driver->configured = true;
    driver->work_at_us = 0;
    emit_hello(driver);
}

typedef void driver_function(struct driver *driver, void *self, const struct driver_command *command);

static driver_function *function_of(const struct driver_ops *ops, enum driver_command_kind kind)
{
    switch (kind) {
    case DRIVER_COMMAND_RELEASE:
        return ops->release;
    case DRIVER_COMMAND_LOCK:
        return ops->lock;
    case DRIVER_COMMAND_UNLOCK:
        return ops->unlock;
    case DRIVER_COMMAND_UNLATCH:
        return ops->unlatch;
    case DRIVER_COMMAND_HOLD:
        return ops->hold;
    case DRIVER_COMMAND_SHOW:
        return ops->show;
    case DRIVER_COMMAND_PREPARE:
        return ops->prepare;
    case DRIVER_COMMAND_PROBE:
        return ops->probe;
    case DRIVER_COMMAND_SCAN:
        return ops->scan;
    case DRIVER_COMMAND_PAIR:
        return ops->pair;
    case DRIVER_COMMAND_CONFIGURE:
    case DRIVER_COMMAND_PING:
    case DRIVER_COMMAND_SHUTDOWN:
    case DRIVER_COMMAND_ERROR:
        break;
    }
    return NULL;
}

static bool has_target(enum driver_command_kind kind)
{
    return kind != DRIVER_COMMAND_PROBE && kind != DRIVER_COMMAND_SCAN;
}

/* Why the driver must not see a command, or NULL. */
static const char *refusal(const struct driver *driver, const struct driver_command *command)
{
    if (!driver->configured)
        return "not_configured";
    if (!function_of(driver->ops, command->kind))
        return "not_supported";
    if (command->kind == DRIVER_COMMAND_SHOW)
        return device_item_has_point(&driver->item, command->point) ? NULL : "unknown_point";
    if (has_target(command->kind) && !device_item_has_target(&driver->item, command->target))
        return "unknown_target";
    if (driver_command_has_result(command->kind) && clock_boot_us() > command->deadline_us)
        return "deadline";
    return NULL;
}

static void carry_out(struct driver *driver)
{
    const struct driver_command *command = &driver->command;
    bool answered = driver_command_has_result(command->kind);
    const char *reason = refusal(driver, command);
    struct open_command *open = answered ? find_open(driver, 0) : NULL;

    if (!reason && answered && find_open(driver, command->id))
        reason = "repeated_id";
    if (!reason && answered && !open)
        reason = "busy";
    if (reason) {
        if (answered)
            emit_result(driver, command->id, DRIVER_OUTCOME_FAILED, reason, 0);
        return;
    }
    if (open)
        *open = (struct open_command){ .id = command->id, .arrived_us = clock_boot_us() };
    function_of(driver->ops, command->kind)(driver, driver->self, command);
}

static void pong(struct driver *driver)
{
    struct driver_event event = { .kind = DRIVER_EVENT_PONG, .id = driver->command.id };

    driver_emit(driver, &event);
}

static void handle(struct driver *driver)
{
    switch (driver->command.kind) {
    case DRIVER_COMMAND_CONFIGURE:
        configure(driver);
        return;
    case DRIVER_COMMAND_RELEASE:
    case DRIVER_COMMAND_LOCK:
    case DRIVER_COMMAND_UNLOCK:
    case DRIVER_COMMAND_UNLATCH:
    case DRIVER_COMMAND_HOLD:
    case DRIVER_COMMAND_SHOW:
    case DRIVER_COMMAND_PREPARE:
    case DRIVER_COMMAND_PROBE:
    case DRIVER_COMMAND_SCAN:
    case DRIVER_COMMAND_PAIR:
        carry_out(driver);
        driver->work_at_us = 0;
        return;
    case DRIVER_COMMAND_PING:
        pong(driver);
        return;
    case DRIVER_COMMAND_SHUTDOWN:
        driver_quit(driver, 0);
        return;
    case DRIVER_COMMAND_ERROR:
        log_warning("driver", "the gateway refused a line: %s %s", driver->command.member,
                    driver->command.text);
        return;
    }
}

static void take_line(struct driver *driver, const char *line, size_t len)
{
    struct json_error error = { 0 };
    int r = driver_command_parse(line, len, &driver->command, &error);

    if (r == 0)
        handle(driver);
    else
        emit_error(driver, r == -ENOMEM ? "out of memory" : error.text, error.path);
}

/* Reads and handles what has come; end of file counts once all before it is handled. */
static void take_commands(struct driver *driver)
{
    int filled;

    do {
        char *line;
        size_t len;
        int r;

        filled = lines_fill(&driver->lines);
        while (!driver->ended && (r = lines_next(&driver->lines, &line, &len)) != 0) {
            if (r > 0)
                take_line(driver, line, len);
            else
                emit_error(driver, "line is too long", NULL);
        }
    } while (!driver->ended && filled > 0);
    if (filled < 0)
        driver_quit(driver, filled == -EPIPE ? 0 : 1);
}

bool driver_wanted(struct driver *driver)
{
    const struct lines_buffer *in = &driver->lines.in;
    struct pollfd poll_fd = { .fd = driver->lines.fd_in, .events = POLLIN };

    return driver->ended || memchr(in->data + in->start, '\n', in->end - in->start) ||
           poll(&poll_fd, 1, 0) > 0;
}

static void work(struct driver *driver)
{
    int wait_ms = driver->ops->work(driver, driver->self);

    driver->work_at_us =
        wait_ms == DRIVER_WAIT_FOREVER ? INT64_MAX : clock_boot_us() + wait_ms * USEC_PER_MSEC;
}

static void flush(struct driver *driver)
{
    int r = lines_flush(&driver->lines);

    if (r < 0) {
        log_error("driver", "the gateway is gone: %s", strerror(-r));
        driver_quit(driver, 1);
    }
    driver->unread_us = clock_boot_us();
    if (r == 0 && driver->dropped > 0) {
        log_warning("driver", "%u lines dropped: the gateway did not read", driver->dropped);
        driver->dropped = 0;
    }
}

/* When something must be done even if nothing comes, as poll() wants it: rounded up, so that it does not
 * spin through the last millisecond. */
static int wait_ms(const struct driver *driver)
{
    int64_t until_us = driver->configured ? driver->work_at_us : INT64_MAX;

    if (lines_pending(&driver->lines)) {
        int64_t stuck_us = driver->unread_us + DRIVER_STUCK_MS * USEC_PER_MSEC;

        until_us = stuck_us < until_us ? stuck_us : until_us;
    }
    if (until_us == INT64_MAX)
        return -1;
    int64_t left_us = until_us - clock_boot_us();

    return left_us <= 0 ? 0 : (int)((left_us + USEC_PER_MSEC - 1) / USEC_PER_MSEC);
}

static void turn(struct driver *driver)
{
    int work_fd =
        driver->configured && driver->ops->work_fd ? driver->ops->work_fd(driver, driver->self) : -1;
    struct pollfd fds[] = {
        { .fd = driver->lines.fd_in, .events = POLLIN },
        { .fd = lines_pending(&driver->lines) ? driver->lines.fd_out : -1, .events = POLLOUT },
        { .fd = work_fd, .events = POLLIN },
    };

    if (poll(fds, 3, wait_ms(driver)) < 0) {
        if (errno != EINTR)
            driver_quit(driver, 1);
        return;
    }
    if (fds[1].revents)
        flush(driver);
    if (fds[0].revents)
        take_commands(driver);
    if (!driver->ended && driver->configured && (fds[2].revents || clock_boot_us() >= driver->work_at_us))
        work(driver);
    if (lines_pending(&driver->lines) &&
        clock_boot_us() - driver->unread_us >= DRIVER_STUCK_MS * USEC_PER_MSEC) {
        log_error("driver", "the gateway has read nothing for %d ms", DRIVER_STUCK_MS);
        driver_quit(driver, 1);
    }
}

int driver_run_on(const struct driver_ops *ops, void *self, int fd_in, int fd_out)
{
    assert(ops->work && ops->configure && driver_name_valid(ops->name));
    cleanup_with(freep) struct driver *driver = calloc(1, sizeof(*driver));

    if (!driver || lines_init(&driver->lines, fd_in, fd_out, LINE_BYTES_MAX, DRIVER_OUT_MAX) < 0) {
        log_error("driver", "cannot start");
        return 1;
    }
    driver->ops = ops;
    driver->self = self;
    while (!driver->ended)
        turn(driver);
    (void)!lines_flush(&driver->lines);
    lines_finish(&driver->lines);
    text_finish(&driver->text);
    return driver->status;
}

int driver_run(const struct driver_ops *ops, void *self)
{
    signal(SIGPIPE, SIG_IGN); /* standard output may be a pipe: its end is an error like others */
    return driver_run_on(ops, self, STDIN_FILENO, STDOUT_FILENO);
}
