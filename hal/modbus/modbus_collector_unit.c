/* SPDX-License-Identifier: GPL-3.0-or-later */
/* modbus_collector_unit.c: want() goes through what could be wanted, most urgent first; the tag of a request
 * tells answer() which it was. */
#include "hal/modbus/modbus_collector_unit.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "gateway/base/clock.h"
#include "gateway/base/text.h"
#include "hal/modbus/modbus_collector.h"
#include "hal/modbus/modbus_commands.h"

/* What a request is for; FETCH to DISPLAY are the chores, in the order in which they are done. */
enum purpose {
    PURPOSE_PROBE,
    PURPOSE_FETCH,
    PURPOSE_ACKNOWLEDGE,
    PURPOSE_DISPLAY,
    PURPOSE_RANGE,
    PURPOSES,
};

struct display {
    bool waits;       /* text is to be written */
    int64_t clear_us; /* when it is to be cleared; 0: it is clear */
    char text[DRIVER_REASON_SIZE];
};

struct modbus_collector_unit {
    const struct modbus_profile *profile;
    const struct modbus_voice *voice;
    const char *points[MODBUS_SIDES]; /* borrowed from the item; NULL: the profile has no such side */
    const char *target;
    struct modbus_collector collector;
    struct modbus_commands commands;
    struct modbus_poll poll;
    size_t next_range;
    int64_t begun_us;                     /* when this cycle began */
    bool done[PURPOSES][MODBUS_SIDES];    /* chores: tried since the last look */
    bool refused[PURPOSES][MODBUS_SIDES]; /* chores: by the device, when it was tried last */
    struct display displays[MODBUS_SIDES];
    int64_t probe_id;  /* 0: none waits */
    bool seen;         /* a whole look was taken since it was lost */
    const char *unfit; /* why it cannot be used, or NULL */
    int64_t cards;
    int64_t stale_cards;
};

/* Begins a cycle anew; the chores' turn comes after the next look. */
static void begin_cycle(struct modbus_collector_unit *unit)
{
    unit->next_range = 0;
    memset(unit->done, 0, sizeof(unit->done));
}

static enum driver_direction direction_of(enum modbus_side_name side)
{
    return side == MODBUS_SIDE_IN ? DRIVER_DIRECTION_ENTRY : DRIVER_DIRECTION_EXIT;
}

/* Saying what the collector comes to. */

static void say_passage(struct modbus_collector_unit *unit, enum driver_event_kind kind,
                        const struct modbus_news *news)
{
    struct driver_event event = { .kind = kind, .direction = direction_of(news->side), .count = news->count };

    text_copy(event.target, sizeof(event.target), unit->target);
    unit->voice->say(unit->voice->userdata, &event);
}

static void say_input(struct modbus_collector_unit *unit, const struct modbus_news *news)
{
    struct driver_event event = { .kind = DRIVER_EVENT_INPUT,
                                  .role = unit->profile->inputs[news->input].role,
                                  .value = news->value };

    text_copy(event.target, sizeof(event.target), unit->target);
    unit->voice->say(unit->voice->userdata, &event);
}

static void say_card(struct modbus_collector_unit *unit, enum modbus_side_name side,
                     const struct modbus_card_number *number)
{
    struct driver_event event = { .kind = DRIVER_EVENT_PRESENTED,
                                  .credential_type = "card",
                                  .assurance = DRIVER_ASSURANCE_IDENTIFIER };

    for (size_t i = 0; i < number->len; i++)
        snprintf(event.credential_value + 2 * i, 3, "%02X", number->bytes[i]);
    text_copy(event.point, sizeof(event.point), unit->points[side]);
    unit->cards++;
    unit->voice->say(unit->voice->userdata, &event);
}

static void pass_over(struct modbus_collector_unit *unit, enum modbus_side_name side, const char *why)
{
    unit->stale_cards++;
    modbus_unit_note(unit->voice, "%s: passing over a card that %s", modbus_profile_side(side), why);
}

/* What a device that has started anew held is lost. */
static void start_anew(struct modbus_collector_unit *unit)
{
    modbus_unit_note(unit->voice, "the device has started anew");
    modbus_commands_forget(&unit->commands);
}

static void say_news(struct modbus_collector_unit *unit, const struct modbus_news *news)
{
    switch (news->kind) {
    case MODBUS_NEWS_PASSAGE:
        say_passage(unit, DRIVER_EVENT_PASSAGE, news);
        return;
    case MODBUS_NEWS_NO_PASSAGE:
        say_passage(unit, DRIVER_EVENT_NO_PASSAGE, news);
        return;
    case MODBUS_NEWS_INPUT:
        say_input(unit, news);
        return;
    case MODBUS_NEWS_STALE_CARD:
        pass_over(unit, news->side, "may have been presented long ago");
        return;
    case MODBUS_NEWS_RESTART:
        start_anew(unit);
        return;
    case MODBUS_NEWS_RESULT:
        modbus_unit_result(unit->voice, news->id, news->outcome, news->reason);
        return;
    }
}

static void say_all(struct modbus_collector_unit *unit, const struct modbus_news_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        say_news(unit, &list->news[i]);
}

/* What is wanted. */

static int tag_of(enum purpose purpose, enum modbus_side_name side)
{
    return MODBUS_COMMANDS_TAGS + (int)purpose * MODBUS_SIDES + (int)side;
}

static bool display_waits(struct display *display, int64_t now_us)
{
    if (display->clear_us != 0 && display->clear_us <= now_us) {
        display->text[0] = '\0';
        display->clear_us = 0;
        display->waits = true;
    }
    return display->waits;
}

static bool want_display(struct modbus_collector_unit *unit, enum modbus_side_name side, int64_t now_us,
                         struct modbus_request *ret_request)
{
    const struct modbus_text *text = &unit->profile->sides[side].text;

    if (!text->present || !display_waits(&unit->displays[side], now_us))
        return false;
    *ret_request = (struct modbus_request){
        .kind = MODBUS_REQUEST_WRITE_REGISTERS,
        .range = { .address = (uint16_t)text->address, .count = (uint16_t)text->words },
        .deadline_us = INT64_MAX,
    };
    modbus_image_text(unit->profile, text, unit->displays[side].text, ret_request->words);
    return true;
}

static bool want_chore(struct modbus_collector_unit *unit, enum purpose purpose, enum modbus_side_name side,
                       int64_t now_us, struct modbus_request *ret_request)
{
    const struct modbus_card *card = &unit->profile->sides[side].card;
    const struct modbus_collector_side *state = &unit->collector.sides[side];

    if (purpose == PURPOSE_DISPLAY)
        return want_display(unit, side, now_us, ret_request);
    if (!card->present)
        return false;
    if (purpose == PURPOSE_FETCH) {
        *ret_request = modbus_unit_read(modbus_image_card_range(card), 0);
        return state->card == MODBUS_CARD_WAITS;
    }
    *ret_request =
        modbus_unit_write(MODBUS_REQUEST_WRITE_REGISTER, card->ack, (uint16_t)state->sequence, INT64_MAX, 0);
    return state->card == MODBUS_CARD_TAKEN;
}

/* The first chore from first to last that waits and was not tried since the last look. */
static bool want_chores(struct modbus_collector_unit *unit, enum purpose first, enum purpose last,
                        int64_t now_us, struct modbus_request *ret_request)
{
    for (enum purpose purpose = first; unit->seen && purpose <= last; purpose++) {
        for (enum modbus_side_name side = 0; side < MODBUS_SIDES; side++) {
            if (unit->done[purpose][side] || !want_chore(unit, purpose, side, now_us, ret_request))
                continue;
            ret_request->tag = tag_of(purpose, side);
            return true;
        }
    }
    return false;
}

static int64_t cycle_us(const struct modbus_collector_unit *unit)
{
    return unit->begun_us + unit->profile->timing.poll * USEC_PER_MSEC;
}

static enum modbus_urgency want(void *self, int64_t now_us, struct modbus_request *ret_request)
{
    struct modbus_collector_unit *unit = self;

    if (modbus_commands_want(&unit->commands, ret_request) ||
        (unit->seen && modbus_commands_want_again(&unit->commands, ret_request)))
        return MODBUS_URGENCY_RELEASE;
    if (want_chores(unit, PURPOSE_FETCH, PURPOSE_ACKNOWLEDGE, now_us, ret_request))
        return MODBUS_URGENCY_ACKNOWLEDGE;
    if (unit->probe_id != 0) {
        *ret_request = modbus_unit_read(unit->poll.ranges[0], tag_of(PURPOSE_PROBE, 0));
        return MODBUS_URGENCY_ACKNOWLEDGE;
    }
    if (want_chores(unit, PURPOSE_DISPLAY, PURPOSE_DISPLAY, now_us, ret_request))
        return MODBUS_URGENCY_POLL;
    if (unit->next_range == 0 && now_us < cycle_us(unit))
        return MODBUS_URGENCY_NONE;
    *ret_request = modbus_unit_read(unit->poll.ranges[unit->next_range], tag_of(PURPOSE_RANGE, 0));
    return MODBUS_URGENCY_POLL;
}

static int64_t due_us(const void *self)
{
    const struct modbus_collector_unit *unit = self;
    int64_t due_us = cycle_us(unit);

    for (size_t side = 0; side < MODBUS_SIDES; side++)
        if (unit->displays[side].clear_us != 0 && unit->displays[side].clear_us < due_us)
            due_us = unit->displays[side].clear_us;
    return due_us;
}

/* What became of it. */

static void answer_probe(struct modbus_collector_unit *unit, enum modbus_result result)
{
    modbus_unit_result(unit->voice, unit->probe_id,
                       result == MODBUS_RESULT_OK ? DRIVER_OUTCOME_COMPLETED : DRIVER_OUTCOME_FAILED,
                       modbus_unit_reason(result));
    unit->probe_id = 0;
}

static void take_card(struct modbus_collector_unit *unit, enum modbus_side_name side,
                      const struct modbus_answer *answer)
{
    const struct modbus_card *card = &unit->profile->sides[side].card;
    struct modbus_card_number number;
    bool fresh = modbus_collector_card_read(&unit->collector, side, answer->now_us);

    if (modbus_image_card(unit->profile, card, answer->words, &number) < 0)
        modbus_unit_note(unit->voice, "%s: a card of %u bytes makes no sense", modbus_profile_side(side),
                         answer->words[0]);
    else if (fresh)
        say_card(unit, side, &number);
    else
        pass_over(unit, side, "took too long to read");
}

/* Whether what was written is still what the display should show. Best effort: it is not tried again. */
static void answer_display(struct modbus_collector_unit *unit, enum modbus_side_name side,
                           const struct modbus_request *request)
{
    const struct modbus_text *text = &unit->profile->sides[side].text;
    uint16_t words[MODBUS_TEXT_WORDS_MAX];

    modbus_image_text(unit->profile, text, unit->displays[side].text, words);
    unit->displays[side].waits = memcmp(words, request->words, (size_t)text->words * sizeof(words[0])) != 0;
}

static void answer_chore(struct modbus_collector_unit *unit, enum purpose purpose, enum modbus_side_name side,
                         const struct modbus_request *request, const struct modbus_answer *answer)
{
    bool ok = answer->result == MODBUS_RESULT_OK;

    unit->done[purpose][side] = purpose != PURPOSE_DISPLAY;
    unit->refused[purpose][side] = answer->result == MODBUS_RESULT_REFUSED;
    if (purpose == PURPOSE_DISPLAY)
        answer_display(unit, side, request);
    else if (ok && purpose == PURPOSE_FETCH)
        take_card(unit, side, answer);
    else if (ok)
        modbus_collector_card_acknowledged(&unit->collector, side);
}

static void see(struct modbus_collector_unit *unit)
{
    struct modbus_image image;
    struct modbus_news_list news;

    begin_cycle(unit);
    modbus_image_decode(unit->profile, &unit->poll, &image);
    if (image.stranger) {
        unit->unfit = "this is another kind of device";
        return;
    }
    unit->seen = true;
    modbus_collector_see(&unit->collector, &image, unit->begun_us, &news);
    say_all(unit, &news);
}

static void answer_range(struct modbus_collector_unit *unit, const struct modbus_answer *answer)
{
    size_t i = unit->next_range;

    if (i == 0)
        unit->begun_us = answer->begun_us;
    if (answer->result == MODBUS_RESULT_REFUSED)
        unit->unfit = "the device refuses what the profile reads";
    if (answer->result != MODBUS_RESULT_OK) {
        begin_cycle(unit);
        return;
    }
    memcpy(unit->poll.words[i], answer->words, unit->poll.ranges[i].count * sizeof(answer->words[0]));
    unit->next_range++;
    if (unit->next_range == unit->poll.count)
        see(unit);
}

static void answer(void *self, const struct modbus_request *request, const struct modbus_answer *answer)
{
    struct modbus_collector_unit *unit = self;
    int tag = request->tag - MODBUS_COMMANDS_TAGS;

    unit->unfit = NULL;
    if (tag < 0) {
        modbus_commands_answer(&unit->commands, request, answer);
        return;
    }
    enum purpose purpose = (enum purpose)(tag / MODBUS_SIDES);
    enum modbus_side_name side = (enum modbus_side_name)(tag % MODBUS_SIDES);

    switch (purpose) {
    case PURPOSE_PROBE:
        answer_probe(unit, answer->result);
        return;
    case PURPOSE_FETCH:
    case PURPOSE_ACKNOWLEDGE:
    case PURPOSE_DISPLAY:
        answer_chore(unit, purpose, side, request, answer);
        return;
    case PURPOSE_RANGE:
        answer_range(unit, answer);
        return;
    case PURPOSES:
        break;
    }
}

/* Commands. */

static const char *take_command(struct modbus_collector_unit *unit, const struct driver_command *command)
{
    switch (command->kind) {
    case DRIVER_COMMAND_RELEASE:
    case DRIVER_COMMAND_HOLD:
        return modbus_commands_take(&unit->commands, command);
    case DRIVER_COMMAND_PROBE:
        if (unit->probe_id != 0)
            return "busy";
        unit->probe_id = command->id;
        return NULL;
    case DRIVER_COMMAND_LOCK:
    case DRIVER_COMMAND_UNLOCK:
    case DRIVER_COMMAND_UNLATCH:
    case DRIVER_COMMAND_SHOW:
    case DRIVER_COMMAND_PREPARE:
    case DRIVER_COMMAND_SCAN:
    case DRIVER_COMMAND_PAIR:
    case DRIVER_COMMAND_CONFIGURE:
    case DRIVER_COMMAND_PING:
    case DRIVER_COMMAND_SHUTDOWN:
    case DRIVER_COMMAND_ERROR:
        break;
    }
    return "not_supported";
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

static void show(struct modbus_collector_unit *unit, const struct driver_command *command, int64_t now_us)
{
    for (size_t side = 0; side < MODBUS_SIDES; side++) {
        struct display *display = &unit->displays[side];

        if (!unit->points[side] || strcmp(unit->points[side], command->point) != 0)
            continue;
        text_copy(display->text, sizeof(display->text),
                  command->text[0] ? command->text : words_for(command->indication));
        display->clear_us = now_us + command->ms * USEC_PER_MSEC;
        display->waits = true;
    }
}

static void command(void *self, const struct driver_command *command, int64_t now_us)
{
    struct modbus_collector_unit *unit = self;

    if (command->kind == DRIVER_COMMAND_SHOW) {
        show(unit, command, now_us);
        return;
    }
    const char *reason = take_command(unit, command);

    if (reason)
        modbus_unit_result(unit->voice, command->id, DRIVER_OUTCOME_FAILED, reason);
}

static void lost(void *self, int64_t now_us)
{
    struct modbus_collector_unit *unit = self;
    struct modbus_news_list news;

    unit->seen = false;
    begin_cycle(unit);
    if (unit->probe_id != 0)
        answer_probe(unit, MODBUS_RESULT_SILENT);
    modbus_commands_fail(&unit->commands);
    modbus_commands_forget(&unit->commands);
    modbus_collector_miss(&unit->collector, now_us, &news);
    say_all(unit, &news);
}

static void let_go(void *self, const struct driver_command *command, int64_t now_us)
{
    struct modbus_collector_unit *unit = self;

    modbus_commands_let_go(&unit->commands, command);
}

static void forget(void *self)
{
    struct modbus_collector_unit *unit = self;

    modbus_commands_drop(&unit->commands);
}

static enum driver_health health(const void *self, const char **ret_reason)
{
    static const char *const reasons[PURPOSES] = {
        [PURPOSE_FETCH] = "the device refuses to give a card",
        [PURPOSE_ACKNOWLEDGE] = "the device refuses that a card is acknowledged",
        [PURPOSE_DISPLAY] = "the device refuses a text",
    };
    const struct modbus_collector_unit *unit = self;

    *ret_reason = unit->unfit;
    if (unit->unfit || !unit->seen)
        return DRIVER_HEALTH_DOWN;
    for (enum purpose purpose = PURPOSE_FETCH; purpose <= PURPOSE_DISPLAY && !*ret_reason; purpose++)
        for (size_t side = 0; side < MODBUS_SIDES; side++)
            if (unit->refused[purpose][side])
                *ret_reason = reasons[purpose];
    return *ret_reason ? DRIVER_HEALTH_DEGRADED : DRIVER_HEALTH_UP;
}

static size_t counters(const void *self, struct driver_counter ret_counters[])
{
    const struct modbus_collector_unit *unit = self;

    ret_counters[0] = (struct driver_counter){ "cards", unit->cards };
    ret_counters[1] = (struct driver_counter){ "stale_cards", unit->stale_cards };
    return 2;
}

static void free_unit(void *self)
{
    free(self);
}

static const struct modbus_unit_ops ops = {
    .want = want,
    .due_us = due_us,
    .answer = answer,
    .command = command,
    .lost = lost,
    .let_go = let_go,
    .forget = forget,
    .health = health,
    .counters = counters,
    .free = free_unit,
};

/* Gives each side of the profile its point, in the order in, out. */
static int match_names(struct modbus_collector_unit *unit, const struct modbus_unit_item *item,
                       struct json_error *error)
{
    size_t count = 0;

    for (size_t side = 0; side < MODBUS_SIDES; side++)
        if (unit->profile->sides[side].present && count++ < item->point_count)
            unit->points[side] = item->points[count - 1];
    if (count != item->point_count) {
        json_error_set(error, "points", "must be %zu, one for each side of the profile%s", count,
                       count == MODBUS_SIDES ? ": in, out" : "");
        return -EBADMSG;
    }
    if (item->target_count != 1) {
        json_error_set(error, "targets", "must be one target: what the device opens, both ways");
        return -EBADMSG;
    }
    unit->target = item->targets[0];
    return 0;
}

int modbus_collector_unit_new(const struct modbus_unit_item *item, const struct modbus_profile *profile,
                              const struct modbus_voice *voice, struct modbus_unit *ret_unit,
                              struct json_error *error)
{
    cleanup_with(freep) struct modbus_collector_unit *unit = calloc(1, sizeof(*unit));

    if (!unit)
        return -ENOMEM;
    unit->profile = profile;
    unit->voice = voice;
    int r = match_names(unit, item, error);

    if (r < 0)
        return r;
    modbus_collector_init(&unit->collector, profile);
    modbus_commands_init(&unit->commands, profile, voice, &unit->collector);
    modbus_image_plan(profile, &unit->poll);
    *ret_unit = (struct modbus_unit){ .ops = &ops, .self = take_ptr(unit) };
    return 0;
}
