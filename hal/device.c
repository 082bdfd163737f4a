/* SPDX-License-Identifier: GPL-3.0-or-later */
/* device.c: the state follows from three facts: a process runs, it has said hello, and what it last said of
 * its health. The one timer is the patience for hello, or, at 0, the next turn of the loop. */
#include "hal/device.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "gateway/base/clock.h"
#include "gateway/base/log.h"
#include "gateway/base/text.h"
#include "hal/place.h"

/* The driver that is left what the unit may have been given for it (systemd/README.md): to scan with the
 * radio. */
#define CAPABLE_DRIVER "ble"

#define PING_LINE     "{\"do\":\"ping\"}"
#define SHUTDOWN_LINE "{\"do\":\"shutdown\"}"
#define OUT_MAX       (256u * 1024)

/* A target is prepared again no sooner than this: who cannot keep his hand still wakes no lock each time. */
#define PREPARE_REST_US USEC_PER_SEC

struct device {
    sd_event *event;
    const struct hal_config *config;
    const struct device_callbacks *callbacks;
    void *userdata;

    char id[ID_SIZE];
    char driver[DRIVER_WORD_SIZE];
    char *json;
    struct device_item item;
    struct places places;
    int64_t rest_until_us[DRIVER_TARGETS_MAX]; /* before it is prepared again */
    char unusable[DRIVER_REASON_SIZE];         /* why the item cannot be used, "" if it can */
    struct text configure;                     /* the line */

    struct child *child; /* NULL: not started, or unusable */
    sd_event_source *timer;
    bool stopping;
    bool hello;                                                   /* said by this process ... */
    char capabilities[DRIVER_CAPABILITIES_MAX][DRIVER_WORD_SIZE]; /* ... and what it can */
    size_t capability_count;
    char refusal[DRIVER_REASON_SIZE]; /* the error it said instead, "" */
    bool late;                        /* half of the patience for hello is over */
    unsigned garbage;
    int64_t garbage_us;

    enum hal_state state;
    enum hal_state before;
    char version[DRIVER_WORD_SIZE];
    char reason[DRIVER_REASON_SIZE];
    char last_error[DRIVER_REASON_SIZE];
    int64_t since_us;
    int64_t events;
    int64_t refused;
    struct driver_counter counters[DRIVER_COUNTERS_MAX];
    size_t counter_count;
};

static void arm(struct device *device, int64_t ms)
{
    int r = sd_event_source_set_time_relative(device->timer, (uint64_t)(ms * USEC_PER_MSEC));

    if (r >= 0)
        r = sd_event_source_set_enabled(device->timer, SD_EVENT_ONESHOT);
    assert(r >= 0);
}

static void disarm(struct device *device)
{
    int r = sd_event_source_set_enabled(device->timer, SD_EVENT_OFF);

    assert(r >= 0);
}

bool device_is_up(const struct device *device)
{
    return device->state == HAL_STATE_UP || device->state == HAL_STATE_DEGRADED;
}

static void set_state(struct device *device, enum hal_state state, const char *reason)
{
    text_copy(device->reason, sizeof(device->reason), reason);
    if (reason[0] != '\0')
        text_copy(device->last_error, sizeof(device->last_error), reason);
    if (state == device->state)
        return;
    device->before = device->state;
    device->state = state;
    device->since_us = clock_boot_us();
    if (!device->stopping)
        device->callbacks->changed(device->userdata, device);
}

/* Tells the driver, for whoever debugs it. */
static void answer_error(struct device *device, const char *text, const char *member)
{
    cleanup_with(text_finish) struct text line = TEXT_INIT;
    struct driver_command command = { .kind = DRIVER_COMMAND_ERROR };

    device->refused++;
    text_copy(command.text, sizeof(command.text), text);
    text_copy(command.member, sizeof(command.member), member);
    log_debug("hal", "%s: line refused: %s %s", device->id, member, text);
    if (driver_command_format(&line, &command) == 0)
        (void)!child_send(device->child, line.data, line.len);
}

static void take_garbage(struct device *device, const char *text, const char *member)
{
    int64_t now_us = clock_boot_us();

    if (now_us - device->garbage_us > HAL_GARBAGE_FORGIVE_MS * USEC_PER_MSEC)
        device->garbage = 0;
    device->garbage_us = now_us;
    device->garbage++;
    snprintf(device->last_error, sizeof(device->last_error), "line not understood: %.40s %.80s", member,
             text);
    answer_error(device, text, member);
    if (device->garbage >= HAL_GARBAGE_MAX)
        child_fail(device->child, "writes what cannot be understood");
}

static void take_hello(struct device *device, const struct driver_hello *hello)
{
    if (device->hello) {
        answer_error(device, "hello was said already", "ev");
    } else if (strcmp(hello->driver, device->driver) != 0) {
        child_fail(device->child, "is another driver");
    } else if (hello->protocol != DRIVER_PROTOCOL) {
        child_fail(device->child, "speaks another protocol");
    } else {
        device->hello = true;
        text_copy(device->version, sizeof(device->version), hello->version);
        memcpy(device->capabilities, hello->capabilities, sizeof(device->capabilities));
        device->capability_count = hello->capability_count;
        disarm(device);
    }
}

static void take_health(struct device *device, const struct driver_event *event)
{
    static const enum hal_state states[] = {
        [DRIVER_HEALTH_UP] = HAL_STATE_UP,
        [DRIVER_HEALTH_DEGRADED] = HAL_STATE_DEGRADED,
        [DRIVER_HEALTH_DOWN] = HAL_STATE_DOWN,
    };

    device->counter_count = event->counter_count;
    memcpy(device->counters, event->counters, sizeof(device->counters));
    set_state(device, states[event->health], event->health == DRIVER_HEALTH_UP ? "" : event->reason);
}

static void take_event(struct device *device, struct driver_event *event)
{
    int64_t now_us = clock_boot_us();

    if ((event->point[0] != '\0' && !device_item_has_point(&device->item, event->point)) ||
        (event->target[0] != '\0' && !device_item_has_target(&device->item, event->target))) {
        answer_error(device, "is not of this device", event->point[0] != '\0' ? "point" : "target");
        return;
    }
    if (event->at_us > now_us)
        event->at_us = now_us;
    device->events++;
    places_take(&device->places, &device->item, event);
    if (!device->stopping)
        device->callbacks->event(device->userdata, device, event);
}

static void take_error(struct device *device, const struct driver_event *event)
{
    snprintf(device->last_error, sizeof(device->last_error), "%.60s%s%.90s", event->member,
             event->member[0] != '\0' ? " " : "", event->reason);
    if (!device->hello)
        text_copy(device->refusal, sizeof(device->refusal), device->last_error);
}

static void take(struct device *device, struct driver_event *event)
{
    switch (event->kind) {
    case DRIVER_EVENT_HELLO:
        take_hello(device, &event->hello);
        return;
    case DRIVER_EVENT_PONG:
        child_pong(device->child);
        return;
    case DRIVER_EVENT_ERROR:
        take_error(device, event);
        return;
    case DRIVER_EVENT_RESULT:
        if (!device->callbacks->result(device->userdata, device, event))
            answer_error(device, "no command waits for this result", "id");
        return;
    case DRIVER_EVENT_FOUND:
    case DRIVER_EVENT_PROGRESS:
        if (!device->callbacks->progress(device->userdata, device, event))
            answer_error(device, "no command waits for this", "id");
        return;
    case DRIVER_EVENT_HEALTH:
        take_health(device, event);
        return;
    case DRIVER_EVENT_PRESENTED:
    case DRIVER_EVENT_REMOVED:
    case DRIVER_EVENT_APPROACH:
    case DRIVER_EVENT_INPUT:
    case DRIVER_EVENT_PASSAGE:
    case DRIVER_EVENT_NO_PASSAGE:
    case DRIVER_EVENT_STATE:
    case DRIVER_EVENT_RECORD:
        take_event(device, event);
        return;
    }
}

static bool needs_hello(enum driver_event_kind kind)
{
    return kind != DRIVER_EVENT_HELLO && kind != DRIVER_EVENT_PONG && kind != DRIVER_EVENT_ERROR;
}

static void on_line(void *userdata, char *line, size_t len)
{
    struct device *device = userdata;
    struct driver_event event;
    struct json_error error = { 0 };
    int r = driver_event_parse(line, len, &event, &error);

    if (r == DRIVER_E_UNKNOWN_KIND)
        answer_error(device, error.text, error.path);
    else if (r < 0)
        take_garbage(device, error.text, error.path);
    else if (!device->hello && needs_hello(event.kind))
        take_garbage(device, "hello comes first", "ev");
    else
        take(device, &event);
}

static void on_too_long(void *userdata)
{
    take_garbage(userdata, "is too long", "");
}

/* In two halves: if we slept through one ourselves, the other is left. */
static void wait_for_hello(struct device *device, bool late)
{
    device->late = late;
    arm(device, device->config->hello_limit_ms / 2);
}

static void on_started(void *userdata)
{
    struct device *device = userdata;

    device->refusal[0] = '\0';
    wait_for_hello(device, false);
    (void)!child_send(device->child, device->configure.data, device->configure.len);
}

static void on_ended(void *userdata, const char *reason, bool will_retry)
{
    struct device *device = userdata;
    disarm(device);
    device->hello = false;
    device->garbage = 0;
    device->callbacks->lost(device->userdata, device);
    /* A driver that refuses its item says so and ends: that is the better reason. */
    set_state(device, HAL_STATE_DOWN, device->refusal[0] != '\0' ? device->refusal : reason);
    device->refusal[0] = '\0';
    if (!will_retry)
        arm(device, 0);
}

static const struct child_callbacks child_callbacks = {
    .started = on_started,
    .line = on_line,
    .too_long = on_too_long,
    .ended = on_ended,
};

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
    struct device *device = userdata;

    if (device->stopping && !(device->child && child_pid(device->child) > 0))
        device->callbacks->gone(device->userdata, device);
    else if (!device->child)
        set_state(device, HAL_STATE_DOWN, device->unusable);
    else if (!device->late)
        wait_for_hello(device, true);
    else
        child_fail(device->child, "said no hello in time");
    return 0;
}

/* Why an item cannot be used, or 0 with the configure line. */
static int read_item(struct device *device, const struct hal_item *item, struct json_error *error)
{
    cleanup_with(json_putp) struct json_object *object = NULL;
    struct driver_command command = { .kind = DRIVER_COMMAND_CONFIGURE };
    int r = json_parse(item->json, item->json_len, &object, error);

    if (r == 0)
        r = device_item_read(object, &device->item, error);
    if (r < 0)
        return r;
    if (!driver_name_valid(item->driver)) {
        json_error_set(error, "driver", "must be 1 to 32 of a-z 0-9 -");
        return -EBADMSG;
    }
    r = driver_command_set_device(&command, object);
    if (r == 0)
        r = driver_command_format(&device->configure, &command);
    if (r == -EMSGSIZE) {
        json_error_set(error, "", "is too long for a line to the driver");
        r = -EBADMSG;
    }
    return r;
}

static void device_freep(struct device **device)
{
    device_free(*device);
}

int device_new(sd_event *event, const struct hal_config *config, const struct hal_item *item,
               const struct device_callbacks *callbacks, void *userdata, struct device **ret)
{
    struct json_error error = { 0 };
    cleanup_with(device_freep) struct device *device = calloc(1, sizeof(*device));

    if (!device)
        return -ENOMEM;
    device->event = sd_event_ref(event);
    device->config = config;
    device->callbacks = callbacks;
    device->userdata = userdata;
    device->since_us = clock_boot_us();
    text_copy(device->id, sizeof(device->id), item->id);
    text_copy(device->driver, sizeof(device->driver), item->driver);
    device->json = strndup(item->json, item->json_len);
    int r = read_item(device, item, &error);

    if (!device->json || r == -ENOMEM)
        return -ENOMEM;
    if (r < 0)
        snprintf(device->unusable, sizeof(device->unusable), "item: %.60s %.90s", error.path, error.text);
    r = sd_event_add_time_relative(event, &device->timer, CLOCK_BOOTTIME, 0, 1, on_timer, device);
    if (r < 0)
        return r;
    disarm(device);
    *ret = take_ptr(device);
    return 0;
}

struct device *device_free(struct device *device)
{
    if (!device)
        return NULL;
    child_free(device->child);
    sd_event_source_disable_unref(device->timer);
    text_finish(&device->configure);
    sd_event_unref(device->event);
    free(device->json);
    free(device);
    return NULL;
}

int device_start(struct device *device)
{
    cleanup_with(text_finish) struct text program = TEXT_INIT;

    if (device->unusable[0] != '\0') {
        arm(device, 0);
        return 0;
    }
    text_addf(&program, "%s/stile-%s", device->config->driver_directory, device->driver);
    if (text_error(&program) < 0)
        return text_error(&program);
    const char *const argv[] = { text_string(&program), NULL };
    const struct child_spec spec = {
        .argv = argv,
        .ping = PING_LINE,
        .line_max = LINE_BYTES_MAX,
        .capable = strcmp(device->driver, CAPABLE_DRIVER) == 0,
        .out_max = OUT_MAX,
        .times = device->config->times,
    };

    return child_new(device->event, &spec, &child_callbacks, device, &device->child);
}

void device_stop(struct device *device)
{
    if (device->stopping)
        return;
    device->stopping = true;
    disarm(device);
    if (device->child)
        child_stop(device->child, SHUTDOWN_LINE);
    else
        arm(device, 0);
}

int device_send(struct device *device, const struct driver_command *command)
{
    cleanup_with(text_finish) struct text line = TEXT_INIT;

    if (!device->hello || device->stopping || driver_command_format(&line, command) < 0)
        return HAL_E_REFUSED;
    return child_send(device->child, line.data, line.len) == 0 ? 0 : HAL_E_REFUSED;
}

bool device_is(const struct device *device, const struct hal_item *item)
{
    return strcmp(device->driver, item->driver) == 0 && strlen(device->json) == item->json_len &&
           memcmp(device->json, item->json, item->json_len) == 0;
}

bool device_can(const struct device *device, const char *capability)
{
    for (size_t i = 0; device->hello && i < device->capability_count; i++)
        if (strcmp(device->capabilities[i], capability) == 0)
            return true;
    return false;
}

void device_prepare(struct device *device, const char *target)
{
    struct driver_command command = { .kind = DRIVER_COMMAND_PREPARE };
    int64_t now_us = clock_boot_us();
    size_t i = 0;

    while (strcmp(device->item.targets[i], target) != 0)
        i++;
    if (!device_can(device, DRIVER_CAN_PREPARE) || now_us < device->rest_until_us[i])
        return;
    text_copy(command.target, sizeof(command.target), target);
    if (device_send(device, &command) == 0)
        device->rest_until_us[i] = now_us + PREPARE_REST_US;
}

const char *device_id(const struct device *device)
{
    return device->id;
}

const struct device_item *device_ids(const struct device *device)
{
    return &device->item;
}

void device_status(const struct device *device, struct hal_status *ret)
{
    *ret = (struct hal_status){
        .id = device->id,
        .driver = device->driver,
        .version = device->version,
        .state = device->state,
        .before = device->before,
        .reason = device->reason,
        .last_error = device->last_error,
        .pid = device->child ? child_pid(device->child) : 0,
        .restarts = device->child ? child_restarts(device->child) : 0,
        .since_us = device->since_us,
        .events = device->events,
        .refused = device->refused,
        .counters = device->counters,
        .counter_count = device->counter_count,
    };
}

int device_each_place(const struct device *device, int (*fn)(void *userdata, const struct hal_place *place),
                      void *userdata)
{
    return places_each(&device->places, &device->item, device->id, fn, userdata);
}
