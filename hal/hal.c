/* SPDX-License-Identifier: GPL-3.0-or-later */
/* hal.c: the set of devices, sorted by id, and the commands that wait for their end. A device that leaves the
 * configuration is kept apart until its process is gone, so that its successor does not find the bus taken.
 */
#include "hal/hal.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "gateway/base/clock.h"
#include "gateway/base/log.h"
#include "gateway/base/text.h"
#include "hal/device.h"

/* How long a point shows something. */
#define SHOW_MS 3000

#define LATE_MS 20

struct waiting_command {
    int64_t id; /* 0: free */
    struct device *device;
    int64_t sent_us;
    int64_t until_us; /* then its end is unknown ... */
    bool late;        /* ... if a further turn of the loop brings no answer: we may have slept ourselves */
    enum driver_command_kind kind;
    int64_t pulse_ms;
    bool accepted;
};

struct hal {
    sd_event *event;
    struct hal_config config;
    char *driver_directory;
    struct hal_callbacks callbacks;
    void *userdata;
    bool stopping;
    size_t device_count;
    size_t gone_count; /* of devices, after hal_stop() */
    size_t leaving_count;
    size_t leaving_size;
    struct device *devices[HAL_DEVICES_MAX];
    struct device **leaving; /* out of the configuration, their processes not yet gone */
    sd_event_source *timer;  /* the first command whose patience ends */
    sd_event_source *stopped;
    int64_t last_id;
    struct waiting_command commands[HAL_COMMANDS_MAX];
};

static void arm(struct hal *hal)
{
    int64_t first_us = INT64_MAX;
    int r;

    for (size_t i = 0; i < HAL_COMMANDS_MAX; i++)
        if (hal->commands[i].id != 0 && hal->commands[i].until_us < first_us)
            first_us = hal->commands[i].until_us;
    r = sd_event_source_set_time(hal->timer, (uint64_t)first_us);
    if (r >= 0)
        r = sd_event_source_set_enabled(hal->timer, first_us == INT64_MAX ? SD_EVENT_OFF : SD_EVENT_ONESHOT);
    assert(r >= 0);
}

/* Tells the end of a command, once: its place is free before anybody hears of it. */
static void end_unknown(struct hal *hal, struct waiting_command *command, const char *reason)
{
    int64_t id = command->id;
    int64_t ms = (clock_boot_us() - command->sent_us) / USEC_PER_MSEC;

    command->id = 0;
    hal->callbacks.result(hal->userdata, id, DRIVER_OUTCOME_UNKNOWN, reason, ms);
}

static void expire(struct hal *hal, struct waiting_command *command, int64_t now_us)
{
    if (command->late) {
        end_unknown(hal, command, "no_answer");
        return;
    }
    command->late = true;
    command->until_us = now_us + LATE_MS * USEC_PER_MSEC;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
    struct hal *hal = userdata;
    int64_t now_us = clock_boot_us();

    for (size_t i = 0; i < HAL_COMMANDS_MAX; i++)
        if (hal->commands[i].id != 0 && hal->commands[i].until_us <= now_us)
            expire(hal, &hal->commands[i], now_us);
    arm(hal);
    return 0;
}

static void on_event(void *userdata, struct device *device, const struct driver_event *event)
{
    struct hal *hal = userdata;

    hal->callbacks.event(hal->userdata, device_id(device), event);
}

static struct waiting_command *find_command(struct hal *hal, int64_t id)
{
    for (size_t i = 0; i < HAL_COMMANDS_MAX; i++)
        if (hal->commands[i].id == id)
            return &hal->commands[i];
    return NULL;
}

static bool on_result(void *userdata, struct device *device, const struct driver_event *event)
{
    struct hal *hal = userdata;
    struct waiting_command *command = find_command(hal, event->id);

    if (!command || command->device != device ||
        (event->outcome == DRIVER_OUTCOME_ACCEPTED && command->accepted))
        return false;
    if (event->outcome == DRIVER_OUTCOME_ACCEPTED) {
        command->accepted = true;
        if (command->kind != DRIVER_COMMAND_SCAN &&
            command->kind != DRIVER_COMMAND_PAIR) /* take their time */
            command->until_us =
                clock_boot_us() + (hal->config.accepted_limit_ms + command->pulse_ms) * USEC_PER_MSEC;
    } else {
        command->id = 0;
    }
    arm(hal);
    hal->callbacks.result(hal->userdata, event->id, event->outcome, event->reason, event->ms);
    return true;
}

static bool on_progress(void *userdata, struct device *device, const struct driver_event *event)
{
    struct hal *hal = userdata;
    const struct waiting_command *command = find_command(hal, event->id);

    if (!command || command->device != device)
        return false;
    if (event->kind == DRIVER_EVENT_PROGRESS)
        hal->callbacks.progress(hal->userdata, event->id, event->reason);
    else if (command->kind == DRIVER_COMMAND_SCAN)
        hal->callbacks.found(hal->userdata, event->id, &event->found);
    else
        return false;
    return true;
}

static void on_lost(void *userdata, struct device *device)
{
    struct hal *hal = userdata;

    for (size_t i = 0; i < HAL_COMMANDS_MAX; i++)
        if (hal->commands[i].id != 0 && hal->commands[i].device == device)
            end_unknown(hal, &hal->commands[i], "driver_ended");
    arm(hal);
}

static void on_changed(void *userdata, struct device *device)
{
    struct hal *hal = userdata;
    struct hal_status status;

    device_status(device, &status);
    hal->callbacks.device(hal->userdata, &status);
}

static bool contains(struct device *const devices[], size_t count, const struct device *device)
{
    for (size_t i = 0; i < count; i++)
        if (devices[i] == device)
            return true;
    return false;
}

static struct device *find_device(const struct hal *hal, const char *id)
{
    for (size_t i = 0; i < hal->device_count; i++)
        if (strcmp(device_id(hal->devices[i]), id) == 0)
            return hal->devices[i];
    return NULL;
}

static bool is_leaving(const struct hal *hal, const char *id)
{
    for (size_t i = 0; i < hal->leaving_count; i++)
        if (strcmp(device_id(hal->leaving[i]), id) == 0)
            return true;
    return false;
}

static int on_stopped(sd_event_source *source, void *userdata)
{
    struct hal *hal = userdata;

    hal->callbacks.stopped(hal->userdata);
    return 0;
}

static void tell_stopped(struct hal *hal)
{
    int r = sd_event_source_set_enabled(hal->stopped, SD_EVENT_ONESHOT);

    assert(r >= 0);
}

/* Its successor can have the bus now. */
static void remove_leaving(struct hal *hal, struct device *device)
{
    char id[ID_SIZE];
    size_t i = 0;

    while (hal->leaving[i] != device)
        i++;
    hal->leaving[i] = hal->leaving[--hal->leaving_count];
    snprintf(id, sizeof(id), "%s", device_id(device));
    device_free(device);
    struct device *next = find_device(hal, id);

    if (next && !hal->stopping && !is_leaving(hal, id) && device_start(next) < 0)
        log_error("hal", "%s: cannot start", id);
}

static void on_gone(void *userdata, struct device *device)
{
    struct hal *hal = userdata;

    if (contains(hal->devices, hal->device_count, device))
        hal->gone_count++; /* and kept: people may still ask for its status */
    else
        remove_leaving(hal, device);
    if (hal->stopping && hal->gone_count == hal->device_count && hal->leaving_count == 0)
        tell_stopped(hal);
}

static const struct device_callbacks device_callbacks = {
    .event = on_event,
    .result = on_result,
    .progress = on_progress,
    .lost = on_lost,
    .changed = on_changed,
    .gone = on_gone,
};

static void hal_freep(struct hal **hal)
{
    hal_free(*hal);
}

int hal_new(sd_event *event, const struct hal_config *config, const struct hal_callbacks *callbacks,
            void *userdata, struct hal **ret)
{
    cleanup_with(hal_freep) struct hal *hal = calloc(1, sizeof(*hal));

    if (!hal)
        return -ENOMEM;
    hal->event = sd_event_ref(event);
    hal->config = *config;
    hal->config.driver_directory = hal->driver_directory = strdup(config->driver_directory);
    hal->config.hello_limit_ms = config->hello_limit_ms ? config->hello_limit_ms : HAL_HELLO_LIMIT_MS;
    hal->config.result_margin_ms = config->result_margin_ms ? config->result_margin_ms : HAL_RESULT_MARGIN_MS;
    hal->config.accepted_limit_ms =
        config->accepted_limit_ms ? config->accepted_limit_ms : HAL_ACCEPTED_LIMIT_MS;
    hal->callbacks = *callbacks;
    hal->userdata = userdata;
    if (!hal->driver_directory)
        return -ENOMEM;
    int r = sd_event_add_time(event, &hal->timer, CLOCK_BOOTTIME, UINT64_MAX, 1, on_timer, hal);

    if (r >= 0)
        r = sd_event_add_defer(event, &hal->stopped, on_stopped, hal);
    if (r >= 0)
        r = sd_event_source_set_enabled(hal->stopped, SD_EVENT_OFF);
    if (r < 0)
        return r;
    *ret = take_ptr(hal);
    return 0;
}

struct hal *hal_free(struct hal *hal)
{
    if (!hal)
        return NULL;
    for (size_t i = 0; i < hal->device_count; i++)
        device_free(hal->devices[i]);
    for (size_t i = 0; i < hal->leaving_count; i++)
        device_free(hal->leaving[i]);
    sd_event_source_disable_unref(hal->timer);
    sd_event_source_disable_unref(hal->stopped);
    sd_event_unref(hal->event);
    free(hal->leaving);
    free(hal->driver_directory);
    free(hal);
    return NULL;
}

static int by_id(const void *a, const void *b)
{
    return strcmp(device_id(*(struct device *const *)a), device_id(*(struct device *const *)b));
}

/* Room for all devices there are to leave. */
static int reserve_leaving(struct hal *hal)
{
    size_t size = hal->leaving_count + hal->device_count;

    if (size <= hal->leaving_size)
        return 0;
    struct device **leaving = realloc(hal->leaving, size * sizeof(*leaving));

    if (!leaving)
        return -ENOMEM;
    hal->leaving = leaving;
    hal->leaving_size = size;
    return 0;
}

static void leave(struct hal *hal, struct device *device)
{
    hal->leaving[hal->leaving_count++] = device;
    device_stop(device);
}

/* The devices that shall be: old ones where they are the same. On failure those that were made are freed. */
static int make_devices(struct hal *hal, const struct hal_item items[], size_t count, struct device *ret[])
{
    int r = 0;
    size_t i;

    for (i = 0; i < count && r == 0; i++) {
        struct device *old = find_device(hal, items[i].id);

        if (old && device_is(old, &items[i]))
            ret[i] = old;
        else
            r = device_new(hal->event, &hal->config, &items[i], &device_callbacks, hal, &ret[i]);
    }
    if (r == 0)
        return 0;
    for (size_t k = 0; k + 1 < i; k++)
        if (!contains(hal->devices, hal->device_count, ret[k]))
            device_free(ret[k]);
    return r;
}

int hal_configure(struct hal *hal, const struct hal_item items[], size_t count)
{
    struct device *devices[HAL_DEVICES_MAX];
    struct device *old[HAL_DEVICES_MAX];
    size_t old_count = hal->device_count;

    if (count > HAL_DEVICES_MAX)
        return -E2BIG;
    int r = reserve_leaving(hal);

    if (r == 0)
        r = make_devices(hal, items, count, devices);
    if (r < 0)
        return r;
    qsort(devices, count, sizeof(devices[0]), by_id);
    memcpy(old, hal->devices, sizeof(old));
    memcpy(hal->devices, devices, count * sizeof(devices[0]));
    hal->device_count = count;
    for (size_t i = 0; i < old_count; i++)
        if (!contains(devices, count, old[i]))
            leave(hal, old[i]);
    for (size_t i = 0; i < count; i++) { /* each, even if one cannot be started */
        bool starts = !contains(old, old_count, devices[i]) && !is_leaving(hal, device_id(devices[i]));
        int started = starts ? device_start(devices[i]) : 0;

        r = r < 0 ? r : started;
    }
    return r;
}

void hal_stop(struct hal *hal)
{
    if (hal->stopping)
        return;
    hal->stopping = true;
    for (size_t i = 0; i < hal->device_count; i++)
        device_stop(hal->devices[i]);
    if (hal->device_count + hal->leaving_count == 0)
        tell_stopped(hal);
}

static struct device *with_target(const struct hal *hal, const char *target)
{
    for (size_t i = 0; i < hal->device_count; i++)
        if (device_item_has_target(device_ids(hal->devices[i]), target))
            return hal->devices[i];
    return NULL;
}

static struct device *with_point(const struct hal *hal, const char *point)
{
    for (size_t i = 0; i < hal->device_count; i++)
        if (device_item_has_point(device_ids(hal->devices[i]), point))
            return hal->devices[i];
    return NULL;
}

/* The device that a command is for: the one that is named, or else the one that has the target. */
static struct device *addressed(const struct hal *hal, const char *name, const char *target)
{
    return name ? find_device(hal, name) : with_target(hal, target);
}

static int refuse(const char *reason, const char **ret_reason)
{
    *ret_reason = reason;
    return HAL_E_REFUSED;
}

int hal_command(struct hal *hal, const char *device_name, const struct driver_command *command,
                int64_t *ret_id, const char **ret_reason)
{
    assert(driver_command_has_result(command->kind));
    bool named = command->kind == DRIVER_COMMAND_PROBE || command->kind == DRIVER_COMMAND_SCAN;
    bool needs_up = !named && command->kind != DRIVER_COMMAND_PAIR;
    struct device *device = addressed(hal, device_name, command->target);
    struct waiting_command *place = find_command(hal, 0);
    struct driver_command sent = *command;
    int64_t now_us = clock_boot_us();

    if (!device)
        return refuse(device_name ? "unknown_device" : "unknown_target", ret_reason);
    if (!named && !device_item_has_target(device_ids(device), command->target))
        return refuse("unknown_target", ret_reason);
    if (needs_up && !device_is_up(device))
        return refuse("device_down", ret_reason);
    if (!place)
        return refuse("busy", ret_reason);
    if (command->deadline_us <= now_us)
        return refuse("deadline", ret_reason);
    if (sent.deadline_us > JSON_INT_MAX)
        sent.deadline_us = JSON_INT_MAX; /* what a line can carry */
    sent.id = hal->last_id + 1;
    if (device_send(device, &sent) != 0)
        return refuse("device_down", ret_reason);
    hal->last_id = sent.id;
    *place = (struct waiting_command){
        .id = sent.id,
        .device = device,
        .sent_us = now_us,
        .until_us = sent.deadline_us + hal->config.result_margin_ms * USEC_PER_MSEC,
        .kind = command->kind,
        .pulse_ms = command->pulse_ms,
    };
    arm(hal);
    *ret_id = sent.id;
    return 0;
}

int hal_release(struct hal *hal, const char *target, enum driver_direction direction, int64_t pulse_ms,
                int64_t deadline_us, int64_t *ret_id, const char **ret_reason)
{
    struct driver_command command = {
        .kind = DRIVER_COMMAND_RELEASE,
        .direction = direction,
        .pulse_ms = pulse_ms,
        .deadline_us = deadline_us,
    };

    snprintf(command.target, sizeof(command.target), "%s", target);
    return hal_command(hal, NULL, &command, ret_id, ret_reason);
}

static bool show(struct hal *hal, const char *point, struct driver_command *command, const char *text)
{
    struct device *device = with_point(hal, point);

    if (!device)
        return false;
    snprintf(command->point, sizeof(command->point), "%s", point);
    if (text)
        memcpy(command->text, text, text_cut(text, DRIVER_TEXT_SIZE - 1));
    return device_send(device, command) == 0;
}

void hal_show(struct hal *hal, const char *point, enum driver_indication indication, const char *text)
{
    struct driver_command command = { .kind = DRIVER_COMMAND_SHOW, .indication = indication, .ms = SHOW_MS };

    (void)show(hal, point, &command, text);
}

bool hal_show_text(struct hal *hal, const char *point, const char *text, int64_t ms)
{
    struct driver_command command = { .kind = DRIVER_COMMAND_SHOW,
                                      .indication = DRIVER_INDICATION_WAIT,
                                      .ms = ms ? ms : SHOW_MS };

    return show(hal, point, &command, text);
}

void hal_prepare(struct hal *hal, const char *target)
{
    struct device *device = with_target(hal, target);

    if (device)
        device_prepare(device, target);
}

bool hal_can(const struct hal *hal, const char *device, const char *capability)
{
    const struct device *found = find_device(hal, device);

    return found && device_can(found, capability);
}

int hal_each(struct hal *hal, int (*fn)(void *userdata, const struct hal_status *status), void *userdata)
{
    int r = 0;

    for (size_t i = 0; i < hal->device_count && r == 0; i++) {
        struct hal_status status;

        device_status(hal->devices[i], &status);
        r = fn(userdata, &status);
    }
    return r;
}

int hal_each_place(struct hal *hal, int (*fn)(void *userdata, const struct hal_place *place), void *userdata)
{
    int r = 0;

    for (size_t i = 0; i < hal->device_count && r == 0; i++)
        r = device_each_place(hal->devices[i], fn, userdata);
    return r;
}

const char *hal_state_name(enum hal_state state)
{
    static const char *const names[] = {
        [HAL_STATE_STARTING] = "starting",
        [HAL_STATE_UP] = "up",
        [HAL_STATE_DEGRADED] = "degraded",
        [HAL_STATE_DOWN] = "down",
    };

    return names[state];
}
