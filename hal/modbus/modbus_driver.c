/* SPDX-License-Identifier: GPL-3.0-or-later */
/* modbus_driver.c: the turns of one device.
 *
 * A cycle is: read each range of the poll, look at what they come to, then do the chores that wait (fetch a
 * card, acknowledge it, write a display), each once. One turn is one request, so that a release waits for at
 * most the one that is under way. A release is written at once, from the command itself.
 *
 * A device is up when a whole cycle's ranges were read, and down when it was silent or wrong
 * MODBUS_FAILURES_DOWN times in a row or its port cannot be opened; then it is asked less and less often.
 */
#include "hal/modbus/modbus_driver.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "gateway/base/clock.h"
#include "gateway/base/log.h"
#include "hal/driver.h"
#include "hal/modbus/modbus_bus.h"
#include "hal/modbus/modbus_collector.h"
#include "hal/modbus/modbus_device.h"
#include "hal/modbus/modbus_image.h"

#define LOG "modbus"

#define FAILURES_DOWN 3
#define RETRY_MIN_MS  100
#define RETRY_MAX_MS  5000

#define COIL_ON 0xff00

enum chore { CHORE_FETCH, CHORE_ACKNOWLEDGE, CHORE_DISPLAY, CHORES };

struct display {
    bool waits;       /* text is to be written */
    int64_t clear_us; /* when it is to be cleared; 0: it is clear */
    char text[DRIVER_REASON_SIZE];
};

struct modbus_driver {
    const char *profiles;
    struct modbus_device device;
    struct modbus_profile profile;
    const char *points[MODBUS_SIDES]; /* into device */
    struct modbus_bus *bus;
    struct modbus_collector collector;
    struct modbus_poll poll;
    size_t next_range;                  /* poll.count: the chores are on */
    bool done[CHORES][MODBUS_SIDES];    /* tried in this cycle */
    bool refused[CHORES][MODBUS_SIDES]; /* by the device, when it was tried last */
    int64_t begun_us;                   /* when this cycle began */
    int64_t pulse_units[MODBUS_SIDES];  /* what the pulse register holds; -1: not known */
    struct display displays[MODBUS_SIDES];
    bool up;
    unsigned failures; /* in a row */
    int64_t retry_ms;
    int64_t retry_us; /* nothing is asked before */
    int64_t cards;
    int64_t stale_cards;
};

int modbus_driver_new(const char *profiles, struct modbus_driver **ret_modbus)
{
    struct modbus_driver *modbus = calloc(1, sizeof(*modbus));

    if (!modbus)
        return -ENOMEM;
    modbus->profiles = profiles;
    *ret_modbus = modbus;
    return 0;
}

struct modbus_driver *modbus_driver_free(struct modbus_driver *modbus)
{
    if (modbus)
        modbus_bus_free(modbus->bus);
    free(modbus);
    return NULL;
}

static int load_profile(struct modbus_driver *modbus, struct json_error *error)
{
    cleanup_with(text_finish) struct text path = TEXT_INIT;
    cleanup_with(text_finish) struct text problem = TEXT_INIT;

    text_addf(&path, "%s/%s.json", modbus->profiles, modbus->device.profile);
    int r = modbus_profile_load(text_string(&path), &modbus->profile, &problem);

    if (r < 0)
        json_error_set(error, "profile", "%s", text_string(&problem));
    return r == -ENOMEM ? r : r < 0 ? -EBADMSG : 0;
}

static void forget_pulses(struct modbus_driver *modbus)
{
    for (size_t side = 0; side < MODBUS_SIDES; side++)
        modbus->pulse_units[side] = -1;
}

static int configure(struct driver *driver, void *self, struct json_object *item, struct json_error *error)
{
    struct modbus_driver *modbus = self;
    int r = modbus_device_read(item, &modbus->device, error);

    if (r == 0)
        r = load_profile(modbus, error);
    if (r == 0)
        r = modbus_device_match(&modbus->device, &modbus->profile, modbus->points, error);
    if (r == 0)
        r = modbus_bus_new(&modbus->device.line, &modbus->bus);
    if (r < 0)
        return r;
    modbus_collector_init(&modbus->collector, &modbus->profile);
    modbus_image_plan(&modbus->profile, &modbus->poll);
    forget_pulses(modbus);
    return 0;
}

static enum driver_direction direction_of(enum modbus_side_name side)
{
    return side == MODBUS_SIDE_IN ? DRIVER_DIRECTION_ENTRY : DRIVER_DIRECTION_EXIT;
}

static void tell_health(struct modbus_driver *modbus, struct driver *driver, enum driver_health health,
                        const char *reason)
{
    const struct modbus_bus_counts *counts = modbus_bus_counts(modbus->bus);
    const struct driver_counter counters[] = {
        { "requests", counts->requests },       { "refused", counts->refused },
        { "silent", counts->silent },           { "wrong", counts->wrong },
        { "opened", counts->opened },           { "cards", modbus->cards },
        { "stale_cards", modbus->stale_cards },
    };

    driver_health(driver, health, reason, counters, sizeof(counters) / sizeof(counters[0]));
}

static void tell_news(struct modbus_driver *modbus, struct driver *driver, const struct modbus_news *news)
{
    const char *target = modbus->device.target;

    switch (news->kind) {
    case MODBUS_NEWS_PASSAGE:
        driver_passage(driver, target, direction_of(news->side), news->count);
        return;
    case MODBUS_NEWS_NO_PASSAGE:
        driver_no_passage(driver, target, direction_of(news->side));
        return;
    case MODBUS_NEWS_INPUT:
        driver_input_target(driver, target, modbus->profile.inputs[news->input].role, news->value);
        return;
    case MODBUS_NEWS_STALE_CARD:
        modbus->stale_cards++;
        log_notice(LOG, "%s: passing over a card that may have been presented long ago",
                   modbus_profile_side(news->side));
        return;
    case MODBUS_NEWS_RESTART:
        log_warning(LOG, "the device has started anew");
        forget_pulses(modbus);
        return;
    case MODBUS_NEWS_RESULT:
        driver_result(driver, news->id, news->outcome, news->reason);
        return;
    }
}

static void tell_all(struct modbus_driver *modbus, struct driver *driver, const struct modbus_news_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        tell_news(modbus, driver, &list->news[i]);
}

static void begin_cycle(struct modbus_driver *modbus)
{
    modbus->next_range = 0;
    memset(modbus->done, 0, sizeof(modbus->done));
}

static void go_down(struct modbus_driver *modbus, struct driver *driver, const char *reason)
{
    struct modbus_news_list news;

    modbus->up = false;
    forget_pulses(modbus);
    tell_health(modbus, driver, DRIVER_HEALTH_DOWN, reason);
    modbus_collector_miss(&modbus->collector, clock_boot_us(), &news);
    tell_all(modbus, driver, &news);
}

/* After a request that did not come to anything, or a port that did not open. */
static void fail(struct modbus_driver *modbus, struct driver *driver, const char *reason, bool gone)
{
    modbus->failures++;
    begin_cycle(modbus);
    if (!gone && modbus->failures < FAILURES_DOWN && modbus->up)
        return;
    if (modbus->up)
        log_warning(LOG, "down: %s", reason);
    modbus->retry_ms = modbus->retry_ms == 0 ? RETRY_MIN_MS : modbus->retry_ms * 2;
    if (modbus->retry_ms > RETRY_MAX_MS)
        modbus->retry_ms = RETRY_MAX_MS;
    modbus->retry_us = clock_boot_us() + modbus->retry_ms * USEC_PER_MSEC;
    go_down(modbus, driver, reason);
}

/* After each request: what it came to. A refusal is an answer. */
static void note(struct modbus_driver *modbus, struct driver *driver, int r)
{
    if (r == 0 || r == MODBUS_BUS_E_REFUSED)
        modbus->failures = 0;
    else if (r != MODBUS_BUS_E_LATE)
        fail(modbus, driver, modbus_bus_reason(r), r < 0);
}

static void tell_up(struct modbus_driver *modbus, struct driver *driver)
{
    static const char *const reasons[CHORES] = { "the device refuses to give a card",
                                                 "the device refuses that a card is acknowledged",
                                                 "the device refuses a text" };
    const char *reason = NULL;

    for (size_t chore = 0; chore < CHORES; chore++)
        for (size_t side = 0; side < MODBUS_SIDES; side++)
            if (modbus->refused[chore][side] && !reason)
                reason = reasons[chore];
    tell_health(modbus, driver, reason ? DRIVER_HEALTH_DEGRADED : DRIVER_HEALTH_UP, reason);
}

static void see(struct modbus_driver *modbus, struct driver *driver)
{
    struct modbus_image image;
    struct modbus_news_list news;

    modbus_image_decode(&modbus->profile, &modbus->poll, &image);
    if (image.stranger) {
        fail(modbus, driver, "this is another kind of device", true);
        return;
    }
    if (!modbus->up)
        log_info(LOG, "up");
    modbus->up = true;
    modbus->retry_ms = 0;
    modbus_collector_see(&modbus->collector, &image, modbus->begun_us, &news);
    tell_up(modbus, driver);
    tell_all(modbus, driver, &news);
}

static void read_range(struct modbus_driver *modbus, struct driver *driver)
{
    size_t i = modbus->next_range++;

    if (i == 0)
        modbus->begun_us = clock_boot_us();
    int r = modbus_bus_read(modbus->bus, modbus->device.unit, &modbus->poll.ranges[i], modbus->poll.words[i]);

    if (r == MODBUS_BUS_E_REFUSED)
        fail(modbus, driver, "the device refuses what the profile reads", true);
    else
        note(modbus, driver, r);
    if (r == 0 && modbus->next_range == modbus->poll.count)
        see(modbus, driver);
}

static void tell_card(struct modbus_driver *modbus, struct driver *driver, enum modbus_side_name side,
                      const struct modbus_card_number *number)
{
    char value[2 * MODBUS_CARD_BYTES_MAX + 1];

    for (size_t i = 0; i < number->len; i++)
        snprintf(value + 2 * i, 3, "%02X", number->bytes[i]);
    modbus->cards++;
    driver_presented(driver, modbus->points[side], "card", value, DRIVER_ASSURANCE_IDENTIFIER);
}

static int fetch_card(struct modbus_driver *modbus, struct driver *driver, enum modbus_side_name side)
{
    const struct modbus_card *card = &modbus->profile.sides[side].card;
    const struct modbus_range range = modbus_image_card_range(card);
    struct modbus_card_number number;
    uint16_t words[MODBUS_RANGE_MAX];
    int r = modbus_bus_read(modbus->bus, modbus->device.unit, &range, words);

    if (r != 0)
        return r;
    bool fresh = modbus_collector_card_read(&modbus->collector, side, clock_boot_us());

    if (modbus_image_card(&modbus->profile, card, words, &number) < 0) {
        log_warning(LOG, "%s: a card of %u bytes makes no sense", modbus_profile_side(side), words[0]);
    } else if (fresh) {
        tell_card(modbus, driver, side, &number);
    } else {
        modbus->stale_cards++;
        log_notice(LOG, "%s: passing over a card that took too long to read", modbus_profile_side(side));
    }
    return 0;
}

static int acknowledge_card(struct modbus_driver *modbus, enum modbus_side_name side)
{
    uint16_t sequence = (uint16_t)modbus->collector.sides[side].sequence;
    uint16_t address = (uint16_t)modbus->profile.sides[side].card.ack;
    int r = modbus_bus_write_register(modbus->bus, modbus->device.unit, address, sequence);

    if (r == 0)
        modbus_collector_card_acknowledged(&modbus->collector, side);
    return r;
}

static int write_display(struct modbus_driver *modbus, enum modbus_side_name side)
{
    const struct modbus_text *text = &modbus->profile.sides[side].text;
    uint16_t words[MODBUS_TEXT_WORDS_MAX];

    modbus->displays[side].waits = false; /* best effort: it is not tried again */
    modbus_image_text(&modbus->profile, text, modbus->displays[side].text, words);
    return modbus_bus_write_registers(modbus->bus, modbus->device.unit, (uint16_t)text->address, words,
                                      (uint16_t)text->words);
}

static bool display_waits(struct display *display)
{
    if (display->clear_us != 0 && display->clear_us <= clock_boot_us()) {
        display->text[0] = '\0';
        display->clear_us = 0;
        display->waits = true;
    }
    return display->waits;
}

static bool chore_waits(struct modbus_driver *modbus, enum chore chore, enum modbus_side_name side)
{
    const struct modbus_side *place = &modbus->profile.sides[side];

    if (modbus->done[chore][side])
        return false;
    switch (chore) {
    case CHORE_FETCH:
        return place->card.present && modbus->collector.sides[side].card == MODBUS_CARD_WAITS;
    case CHORE_ACKNOWLEDGE:
        return place->card.present && modbus->collector.sides[side].card == MODBUS_CARD_TAKEN;
    case CHORE_DISPLAY:
        return place->text.present && display_waits(&modbus->displays[side]);
    case CHORES:
        break;
    }
    return false;
}

static int run_chore(struct modbus_driver *modbus, struct driver *driver, enum chore chore,
                     enum modbus_side_name side)
{
    switch (chore) {
    case CHORE_FETCH:
        return fetch_card(modbus, driver, side);
    case CHORE_ACKNOWLEDGE:
        return acknowledge_card(modbus, side);
    case CHORE_DISPLAY:
        return write_display(modbus, side);
    case CHORES:
        break;
    }
    return 0;
}

static void do_chore(struct modbus_driver *modbus, struct driver *driver, enum chore chore,
                     enum modbus_side_name side)
{
    modbus->done[chore][side] = true;
    int r = run_chore(modbus, driver, chore, side);

    modbus->refused[chore][side] = r == MODBUS_BUS_E_REFUSED;
    note(modbus, driver, r);
}

/* Does the first chore that waits; false if none does. */
static bool work_chore(struct modbus_driver *modbus, struct driver *driver)
{
    for (enum chore chore = 0; chore < CHORES; chore++) {
        for (enum modbus_side_name side = 0; side < MODBUS_SIDES; side++) {
            if (chore_waits(modbus, chore, side)) {
                do_chore(modbus, driver, chore, side);
                return true;
            }
        }
    }
    return false;
}

static void open_bus(struct modbus_driver *modbus, struct driver *driver)
{
    int r = modbus_bus_open(modbus->bus);

    if (r == -EBUSY)
        fail(modbus, driver, "another process has the port", true);
    else if (r < 0)
        fail(modbus, driver, strerror(-r), true);
}

static int ms_until(int64_t at_us)
{
    int64_t left_us = at_us - clock_boot_us();

    return left_us <= 0 ? 0 : (int)((left_us + USEC_PER_MSEC - 1) / USEC_PER_MSEC);
}

static int work(struct driver *driver, void *self)
{
    struct modbus_driver *modbus = self;
    int wait_ms = ms_until(modbus->retry_us);

    if (wait_ms > 0)
        return wait_ms;
    if (!modbus_bus_is_open(modbus->bus)) {
        open_bus(modbus, driver);
        return ms_until(modbus->retry_us);
    }
    if (modbus->next_range < modbus->poll.count) {
        read_range(modbus, driver);
        return ms_until(modbus->retry_us);
    }
    if (work_chore(modbus, driver))
        return ms_until(modbus->retry_us);
    begin_cycle(modbus);
    return ms_until(modbus->begun_us + modbus->profile.timing.poll * USEC_PER_MSEC);
}

/* The side that a command means; false if it names none. */
static bool find_side(const struct modbus_driver *modbus, enum driver_direction direction,
                      enum modbus_side_name *ret_side)
{
    bool in = modbus->profile.sides[MODBUS_SIDE_IN].release.present;
    bool out = modbus->profile.sides[MODBUS_SIDE_OUT].release.present;

    switch (direction) {
    case DRIVER_DIRECTION_ENTRY:
        *ret_side = MODBUS_SIDE_IN;
        return in;
    case DRIVER_DIRECTION_EXIT:
        *ret_side = MODBUS_SIDE_OUT;
        return out;
    case DRIVER_DIRECTION_ANY:
        *ret_side = in ? MODBUS_SIDE_IN : MODBUS_SIDE_OUT;
        return in != out;
    }
    return false;
}

/* Writes the pulse to where the device keeps it, unless it holds it already. */
static int write_pulse(struct modbus_driver *modbus, enum modbus_side_name side, uint16_t units)
{
    const struct modbus_release *release = &modbus->profile.sides[side].release;

    if (release->method != MODBUS_RELEASE_COIL || release->pulse < 0 || modbus->pulse_units[side] == units)
        return 0;
    modbus->pulse_units[side] = -1;
    int r = modbus_bus_write_register(modbus->bus, modbus->device.unit, (uint16_t)release->pulse, units);

    if (r == 0)
        modbus->pulse_units[side] = units;
    return r;
}

/* What a release came to that the device did not confirm. Only a request that was sent and not answered, or
 * not understood, leaves doubt. */
static enum driver_outcome outcome_of(int r)
{
    return r == MODBUS_BUS_E_REFUSED || r == MODBUS_BUS_E_LATE ? DRIVER_OUTCOME_FAILED
                                                               : DRIVER_OUTCOME_UNKNOWN;
}

static void release_side(struct modbus_driver *modbus, struct driver *driver, enum modbus_side_name side,
                         const struct driver_command *command)
{
    const struct modbus_release *release = &modbus->profile.sides[side].release;
    uint16_t units = modbus_image_pulse(release, command->pulse_ms);
    int r = write_pulse(modbus, side, units);

    if (r != 0) {
        driver_result(driver, command->id, DRIVER_OUTCOME_FAILED, modbus_bus_reason(r));
        note(modbus, driver, r);
        return;
    }
    r = modbus_bus_write_coil(modbus->bus, modbus->device.unit, (uint16_t)release->address,
                              release->method == MODBUS_RELEASE_COIL ? COIL_ON : units, command->deadline_us);
    if (r == 0) {
        modbus_collector_released(&modbus->collector, side, command->id, units * release->unit_ms,
                                  clock_boot_us());
        driver_result(driver, command->id, DRIVER_OUTCOME_ACCEPTED, NULL);
    } else {
        driver_result(driver, command->id, outcome_of(r), modbus_bus_reason(r));
    }
    note(modbus, driver, r);
}

static void release(struct driver *driver, void *self, const struct driver_command *command)
{
    struct modbus_driver *modbus = self;
    enum modbus_side_name side;

    if (modbus->up && !modbus_bus_is_open(modbus->bus)) /* closed over a fault a moment ago */
        open_bus(modbus, driver);
    if (!find_side(modbus, command->direction, &side))
        driver_result(driver, command->id, DRIVER_OUTCOME_FAILED, "direction");
    else if (!modbus->up)
        driver_result(driver, command->id, DRIVER_OUTCOME_FAILED, "device_down");
    else if (!modbus_collector_can_release(&modbus->collector, side))
        driver_result(driver, command->id, DRIVER_OUTCOME_FAILED, "busy");
    else
        release_side(modbus, driver, side, command);
}

static const char *words_for(enum driver_indication indication)
{
    switch (indication) {
    case DRIVER_INDICATION_GRANTED:
        return "Please pass";
    case DRIVER_INDICATION_DENIED:
        return "No access";
    case DRIVER_INDICATION_WAIT:
        return "Please wait";
    }
    return "";
}

static void show(struct driver *driver, void *self, const struct driver_command *command)
{
    struct modbus_driver *modbus = self;

    for (size_t side = 0; side < MODBUS_SIDES; side++) {
        struct display *display = &modbus->displays[side];

        if (!modbus->points[side] || strcmp(modbus->points[side], command->point) != 0)
            continue;
        snprintf(display->text, sizeof(display->text), "%s",
                 command->text[0] ? command->text : words_for(command->indication));
        display->clear_us = clock_boot_us() + command->ms * USEC_PER_MSEC;
        display->waits = true;
    }
}

static void probe(struct driver *driver, void *self, const struct driver_command *command)
{
    struct modbus_driver *modbus = self;
    uint16_t words[MODBUS_RANGE_MAX];
    int r = modbus_bus_is_open(modbus->bus)
                ? modbus_bus_read(modbus->bus, modbus->device.unit, &modbus->poll.ranges[0], words)
                : -ENOTCONN;

    driver_result(driver, command->id, r == 0 ? DRIVER_OUTCOME_COMPLETED : DRIVER_OUTCOME_FAILED,
                  r == 0 ? NULL : modbus_bus_reason(r));
    note(modbus, driver, r);
}

static const char *const capabilities[] = { "release", "passage", "show", "probe", NULL };

const struct driver_ops modbus_driver_ops = {
    .name = "modbus",
    .version = STILE_VERSION,
    .capabilities = capabilities,
    .configure = configure,
    .work = work,
    .release = release,
    .show = show,
    .probe = probe,
};
