/* SPDX-License-Identifier: GPL-3.0-or-later */
/* modbus_collector.c: every decision compares an image with what was seen before. Edges, not levels: a bit
 * that was set all along says nothing about a release that was given meanwhile. */
#include "hal/modbus/modbus_collector.h"

#include <assert.h>
#include <string.h>

#include "gateway/base/clock.h"

static struct modbus_news *add_news(struct modbus_news_list *list, enum modbus_news_kind kind,
                                    enum modbus_side_name side)
{
    assert(list->count < MODBUS_NEWS_MAX);
    struct modbus_news *news = &list->news[list->count++];

    *news = (struct modbus_news){ .kind = kind, .side = side };
    return news;
}

static void end_oldest(struct modbus_collector_side *state, enum modbus_side_name side,
                       enum driver_outcome outcome, const char *reason, struct modbus_news_list *list)
{
    struct modbus_news *news = add_news(list, MODBUS_NEWS_RESULT, side);

    news->id = state->releases[0].id;
    news->outcome = outcome;
    news->reason = reason;
    state->release_count--;
    memmove(&state->releases[0], &state->releases[1], state->release_count * sizeof(state->releases[0]));
}

uint32_t modbus_collector_people(const struct modbus_place *counter, uint32_t before, uint32_t now,
                                 bool restarted)
{
    uint32_t mask = counter->words == 1 ? UINT16_MAX : UINT32_MAX;
    uint32_t difference = restarted ? now : (now - before) & mask;

    if (difference <= MODBUS_PEOPLE_MAX)
        return difference;
    return now <= MODBUS_PEOPLE_MAX ? now : 0;
}

static void see_passages(struct modbus_collector *collector, enum modbus_side_name side, uint32_t passages,
                         bool restarted, struct modbus_news_list *list)
{
    struct modbus_collector_side *state = &collector->sides[side];
    uint32_t count = collector->known ? modbus_collector_people(&collector->profile->sides[side].passages,
                                                                state->passages, passages, restarted)
                                      : 0;

    state->passages = passages;
    if (count == 0)
        return;
    add_news(list, MODBUS_NEWS_PASSAGE, side)->count = count;
    for (; count > 0 && state->release_count > 0; count--)
        end_oldest(state, side, DRIVER_OUTCOME_COMPLETED, NULL, list);
}

static void see_time_out(struct modbus_collector *collector, enum modbus_side_name side, bool timed_out,
                         struct modbus_news_list *list)
{
    struct modbus_collector_side *state = &collector->sides[side];
    bool news = collector->known && timed_out && !state->timed_out;

    state->timed_out = timed_out;
    if (!news)
        return;
    add_news(list, MODBUS_NEWS_NO_PASSAGE, side);
    if (state->release_count > 0)
        end_oldest(state, side, DRIVER_OUTCOME_COMPLETED, "no_passage", list);
}

/* Releases whose time was over before the device was looked at. */
static void see_ends(struct modbus_collector *collector, enum modbus_side_name side, int64_t begun_us,
                     struct modbus_news_list *list)
{
    struct modbus_collector_side *state = &collector->sides[side];
    bool counts = collector->profile->sides[side].passages.present;

    while (state->release_count > 0 && state->releases[0].until_us <= begun_us) {
        if (counts)
            add_news(list, MODBUS_NEWS_NO_PASSAGE, side);
        end_oldest(state, side, DRIVER_OUTCOME_COMPLETED, counts ? "no_passage" : NULL, list);
    }
}

static bool too_old(const struct modbus_collector *collector, const struct modbus_collector_side *state,
                    int64_t now_us)
{
    return now_us - state->since_us > collector->profile->timing.stale * USEC_PER_MSEC;
}

/* anew: the numbers that were seen before mean nothing now, and a card may have waited for ever. */
static void see_card(struct modbus_collector *collector, enum modbus_side_name side, uint32_t sequence,
                     bool anew, int64_t begun_us, struct modbus_news_list *list)
{
    struct modbus_collector_side *state = &collector->sides[side];

    if (anew || sequence != state->sequence) {
        state->card = sequence == 0 ? MODBUS_CARD_NONE : MODBUS_CARD_WAITS;
        state->sequence = sequence;
        state->since_us = collector->seen_us;
    }
    if (state->card == MODBUS_CARD_WAITS && (anew || too_old(collector, state, begun_us))) {
        state->card = MODBUS_CARD_TAKEN;
        add_news(list, MODBUS_NEWS_STALE_CARD, side);
    }
}

static void see_inputs(struct modbus_collector *collector, const struct modbus_image *image,
                       struct modbus_news_list *list)
{
    for (size_t i = 0; i < collector->profile->input_count; i++) {
        if (collector->known && collector->inputs[i] == image->inputs[i])
            continue;
        struct modbus_news *news = add_news(list, MODBUS_NEWS_INPUT, MODBUS_SIDE_IN);

        news->input = i;
        news->value = image->inputs[i];
        collector->inputs[i] = image->inputs[i];
    }
}

static void forget_releases(struct modbus_collector *collector, enum modbus_side_name side,
                            struct modbus_news_list *list)
{
    struct modbus_collector_side *state = &collector->sides[side];

    while (state->release_count > 0)
        end_oldest(state, side, DRIVER_OUTCOME_UNKNOWN, "device_restarted", list);
}

void modbus_collector_init(struct modbus_collector *collector, const struct modbus_profile *profile)
{
    *collector = (struct modbus_collector){ .profile = profile };
}

void modbus_collector_see(struct modbus_collector *collector, const struct modbus_image *image,
                          int64_t begun_us, struct modbus_news_list *ret_news)
{
    bool restarted = collector->known && image->starts != collector->starts;

    ret_news->count = 0;
    if (restarted)
        add_news(ret_news, MODBUS_NEWS_RESTART, MODBUS_SIDE_IN);
    for (enum modbus_side_name side = 0; side < MODBUS_SIDES; side++) {
        const struct modbus_image_side *seen = &image->sides[side];

        see_passages(collector, side, seen->passages, restarted, ret_news);
        see_time_out(collector, side, seen->timed_out, ret_news);
        if (restarted)
            forget_releases(collector, side, ret_news);
        see_ends(collector, side, begun_us, ret_news);
        see_card(collector, side, seen->sequence, !collector->known || restarted, begun_us, ret_news);
    }
    see_inputs(collector, image, ret_news);
    collector->known = true;
    collector->seen_us = begun_us;
    collector->starts = image->starts;
}

void modbus_collector_miss(struct modbus_collector *collector, int64_t now_us,
                           struct modbus_news_list *ret_news)
{
    ret_news->count = 0;
    for (enum modbus_side_name side = 0; side < MODBUS_SIDES; side++) {
        struct modbus_collector_side *state = &collector->sides[side];

        while (state->release_count > 0 && state->releases[0].until_us <= now_us)
            end_oldest(state, side, DRIVER_OUTCOME_UNKNOWN, "device_down", ret_news);
    }
}

bool modbus_collector_can_release(const struct modbus_collector *collector, enum modbus_side_name side)
{
    return collector->sides[side].release_count < MODBUS_RELEASES_MAX;
}

void modbus_collector_released(struct modbus_collector *collector, enum modbus_side_name side, int64_t id,
                               int64_t pulse_ms, int64_t now_us)
{
    struct modbus_collector_side *state = &collector->sides[side];
    int64_t grace_ms =
        collector->profile->sides[side].passages.present ? collector->profile->timing.passage : 0;
    assert(state->release_count < MODBUS_RELEASES_MAX);
    state->releases[state->release_count++] =
        (struct modbus_release_state){ .id = id, .until_us = now_us + (pulse_ms + grace_ms) * USEC_PER_MSEC };
}

bool modbus_collector_card_read(struct modbus_collector *collector, enum modbus_side_name side,
                                int64_t now_us)
{
    struct modbus_collector_side *state = &collector->sides[side];

    assert(state->card == MODBUS_CARD_WAITS);
    state->card = MODBUS_CARD_TAKEN;
    return !too_old(collector, state, now_us);
}

void modbus_collector_card_acknowledged(struct modbus_collector *collector, enum modbus_side_name side)
{
    assert(collector->sides[side].card == MODBUS_CARD_TAKEN);
    collector->sides[side].card = MODBUS_CARD_NONE;
}
