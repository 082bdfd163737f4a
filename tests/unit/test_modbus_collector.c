/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test_modbus_collector.c: stories. Each step is one thing that happens to the state machine and what it says
 * then, in words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "gateway/base/clock.h"
#include "hal/modbus/modbus_collector.h"

#define STALE_MS   2000
#define PASSAGE_MS 1000
#define STEPS_MAX  12

enum happening { END, SEE, MISS, RELEASED, READ, ACKNOWLEDGED };

/* Everything is about side in, unless `out` is set. */
struct step {
    enum happening happening;
    int64_t at_ms;
    uint32_t starts, sequence, passages; /* SEE */
    bool timed_out, tamper;
    bool out;
    int64_t id, pulse_ms; /* RELEASED */
    const char *said;     /* NULL: nothing. READ: "fresh" or "stale" */
    int card;             /* SEE, ACKNOWLEDGED: state of the card afterwards */
};

static void name_news(const struct modbus_news *news, char *text, size_t size)
{
    const char *side = modbus_profile_side(news->side);

    switch (news->kind) {
    case MODBUS_NEWS_PASSAGE:
        snprintf(text, size, "passage %s %d", side, (int)news->count);
        return;
    case MODBUS_NEWS_NO_PASSAGE:
        snprintf(text, size, "no_passage %s", side);
        return;
    case MODBUS_NEWS_INPUT:
        snprintf(text, size, "input %zu %d", news->input, news->value);
        return;
    case MODBUS_NEWS_STALE_CARD:
        snprintf(text, size, "stale %s", side);
        return;
    case MODBUS_NEWS_RESTART:
        snprintf(text, size, "restart");
        return;
    case MODBUS_NEWS_RESULT:
        snprintf(text, size, "%d %s %s", (int)news->id, driver_outcome_name(news->outcome),
                 news->reason ? news->reason : "-");
        return;
    }
}

static void check_said(const struct modbus_news_list *list, const char *expected)
{
    char said[1024] = "";
    char one[64] = "";

    for (size_t i = 0; i < list->count; i++) {
        name_news(&list->news[i], one, sizeof(one));
        snprintf(said + strlen(said), sizeof(said) - strlen(said), "%s%s", i ? "; " : "", one);
    }
    assert_string_equal(said, expected ? expected : "");
}

static void see(struct modbus_collector *collector, const struct step *step)
{
    enum modbus_side_name side = step->out ? MODBUS_SIDE_OUT : MODBUS_SIDE_IN;
    struct modbus_image image = { .starts = step->starts, .inputs = { step->tamper } };
    struct modbus_news_list list;

    image.sides[side] = (struct modbus_image_side){ step->sequence, step->passages, step->timed_out };
    modbus_collector_see(collector, &image, step->at_ms * USEC_PER_MSEC, &list);
    check_said(&list, step->said);
    assert_int_equal(collector->sides[side].card, step->card);
}

static void take_step(struct modbus_collector *collector, const struct step *step)
{
    enum modbus_side_name side = step->out ? MODBUS_SIDE_OUT : MODBUS_SIDE_IN;
    struct modbus_news_list list;

    switch (step->happening) {
    case END:
        return;
    case SEE:
        see(collector, step);
        return;
    case MISS:
        modbus_collector_miss(collector, step->at_ms * USEC_PER_MSEC, &list);
        check_said(&list, step->said);
        return;
    case RELEASED:
        modbus_collector_released(collector, side, step->id, step->pulse_ms, step->at_ms * USEC_PER_MSEC);
        return;
    case READ:
        assert_string_equal(
            modbus_collector_card_read(collector, side, step->at_ms * USEC_PER_MSEC) ? "fresh" : "stale",
            step->said);
        return;
    case ACKNOWLEDGED:
        modbus_collector_card_acknowledged(collector, side);
        assert_int_equal(collector->sides[side].card, step->card);
        return;
    }
}

static struct modbus_profile make_profile(int64_t counter_words)
{
    struct modbus_profile profile = {
        .timing = { .stale = STALE_MS, .passage = PASSAGE_MS },
        .input_count = 1,
    };

    for (size_t i = 0; i < MODBUS_SIDES; i++) {
        profile.sides[i].present = profile.sides[i].card.present = true;
        profile.sides[i].passages = (struct modbus_place){ .present = counter_words > 0,
                                                           .table = MODBUS_TABLE_INPUT,
                                                           .words = counter_words };
    }
    return profile;
}

static void run_story(const struct modbus_profile *profile, const struct step steps[])
{
    struct modbus_collector collector;

    modbus_collector_init(&collector, profile);
    for (size_t i = 0; i < STEPS_MAX && steps[i].happening != END; i++)
        take_step(&collector, &steps[i]);
}

#define STORY(name_, ...)                                                                                    \
    static void name_(void **state)                                                                          \
    {                                                                                                        \
        static const struct step steps[STEPS_MAX + 1] = { __VA_ARGS__ };                                     \
        const struct modbus_profile profile = make_profile(2);                                               \
                                                                                                             \
        run_story(&profile, steps);                                                                          \
    }

/* Cards */

STORY(card__appears__is_read_once_and_acknowledged, { SEE, 1000, .said = "input 0 0" },
      { SEE, 1050, .sequence = 1, .card = MODBUS_CARD_WAITS }, { READ, 1055, .said = "fresh" },
      { SEE, 1100, .sequence = 1, .card = MODBUS_CARD_TAKEN }, { ACKNOWLEDGED, .card = MODBUS_CARD_NONE },
      { SEE, 1150, .sequence = 1 }, { SEE, 1200 }, { SEE, 1250, .sequence = 2, .card = MODBUS_CARD_WAITS })

STORY(card__latched_before_start__is_passed_over,
      { SEE, 1000, .sequence = 7, .said = "stale in; input 0 0", .card = MODBUS_CARD_TAKEN },
      { ACKNOWLEDGED, .card = MODBUS_CARD_NONE }, { SEE, 1050 },
      { SEE, 1100, .sequence = 8, .card = MODBUS_CARD_WAITS })

STORY(card__latched_while_away__is_passed_over, { SEE, 1000, .said = "input 0 0" },
      { SEE, 1000 + STALE_MS + 1, .sequence = 1, .said = "stale in", .card = MODBUS_CARD_TAKEN })

STORY(card__at_the_limit_of_age__is_taken, { SEE, 1000, .said = "input 0 0" },
      { SEE, 1000 + STALE_MS, .sequence = 1, .card = MODBUS_CARD_WAITS },
      { READ, 1000 + STALE_MS, .said = "fresh" })

STORY(card__read_after_a_stall__is_stale, { SEE, 1000, .said = "input 0 0" },
      { SEE, 1050, .sequence = 1, .card = MODBUS_CARD_WAITS }, { READ, 1000 + STALE_MS + 1, .said = "stale" })

STORY(card__never_readable__is_passed_over_in_time, { SEE, 1000, .said = "input 0 0" },
      { SEE, 1050, .sequence = 1, .card = MODBUS_CARD_WAITS },
      { SEE, 2900, .sequence = 1, .card = MODBUS_CARD_WAITS },
      { SEE, 3001, .sequence = 1, .said = "stale in", .card = MODBUS_CARD_TAKEN })

STORY(card__same_number_after_restart__is_passed_over, { SEE, 1000, .starts = 1, .said = "input 0 0" },
      { SEE, 1050, .starts = 1, .sequence = 1, .card = MODBUS_CARD_WAITS }, { READ, 1055, .said = "fresh" },
      { ACKNOWLEDGED, .card = MODBUS_CARD_NONE },
      { SEE, 1100, .starts = 2, .sequence = 1, .said = "restart; stale in", .card = MODBUS_CARD_TAKEN })

STORY(card__gone_before_it_was_read__is_forgotten, { SEE, 1000, .said = "input 0 0" },
      { SEE, 1050, .sequence = 1, .card = MODBUS_CARD_WAITS }, { SEE, 1100, .card = MODBUS_CARD_NONE })

/* Passages */

STORY(passage__first_look__is_no_news, { SEE, 1000, .passages = 500, .said = "input 0 0" })

STORY(passage__without_release__is_told, { SEE, 1000, .passages = 5, .said = "input 0 0" },
      { SEE, 1050, .passages = 7, .said = "passage in 2" })

STORY(passage__counter_wraps__counts_on, { SEE, 1000, .passages = UINT32_MAX, .said = "input 0 0" },
      { SEE, 1050, .passages = 1, .said = "passage in 2" })

STORY(passage__device_restarts__counts_from_zero,
      { SEE, 1000, .starts = 1, .passages = 2, .said = "input 0 0" },
      { SEE, 1050, .starts = 2, .passages = 3, .said = "restart; passage in 3" })

STORY(passage__counter_restarts_unsaid__counts_from_zero,
      { SEE, 1000, .passages = 5000, .said = "input 0 0" },
      { SEE, 1050, .passages = 3, .said = "passage in 3" })

STORY(passage__counter_jumps_beyond_people__is_no_news, { SEE, 1000, .passages = 5, .said = "input 0 0" },
      { SEE, 1050, .passages = 1000000 }, { SEE, 1100, .passages = 1000001, .said = "passage in 1" })

STORY(passage__while_away__is_told, { SEE, 1000, .passages = 5, .said = "input 0 0" }, { MISS, 5000 },
      { SEE, 9000, .passages = 6, .said = "passage in 1" })

/* Releases */

STORY(release__passage__completes_oldest_first, { SEE, 1000, .said = "input 0 0" },
      { RELEASED, 1010, .id = 1, .pulse_ms = 700 }, { RELEASED, 1020, .id = 2, .pulse_ms = 700 },
      { SEE, 1050, .passages = 1, .said = "passage in 1; 1 completed -" },
      { SEE, 1100, .passages = 2, .said = "passage in 1; 2 completed -" })

STORY(release__two_pass_at_once__completes_both, { SEE, 1000, .said = "input 0 0" },
      { RELEASED, 1010, .id = 1, .pulse_ms = 700 }, { RELEASED, 1020, .id = 2, .pulse_ms = 700 },
      { SEE, 1050, .passages = 2, .said = "passage in 2; 1 completed -; 2 completed -" })

STORY(release__timed_out__completes_without_passage, { SEE, 1000, .said = "input 0 0" },
      { RELEASED, 1010, .id = 1, .pulse_ms = 700 },
      { SEE, 1800, .timed_out = true, .said = "no_passage in; 1 completed no_passage" },
      { SEE, 1850, .timed_out = true })

STORY(release__time_out_bit_from_before__says_nothing, { SEE, 1000, .timed_out = true, .said = "input 0 0" },
      { RELEASED, 1010, .id = 1, .pulse_ms = 700 }, { SEE, 1050, .timed_out = true }, { SEE, 1100 },
      { SEE, 1750, .timed_out = true, .said = "no_passage in; 1 completed no_passage" })

STORY(release__nothing_heard_in_its_time__completes_without_passage, { SEE, 1000, .said = "input 0 0" },
      { RELEASED, 1000, .id = 1, .pulse_ms = 700 }, { SEE, 1000 + 700 + PASSAGE_MS - 1 },
      { SEE, 1000 + 700 + PASSAGE_MS, .said = "no_passage in; 1 completed no_passage" })

STORY(release__last_look_sees_passage__completes_with_it, { SEE, 1000, .said = "input 0 0" },
      { RELEASED, 1000, .id = 1, .pulse_ms = 700 },
      { SEE, 9000, .passages = 1, .said = "passage in 1; 1 completed -" })

STORY(release__device_gone__is_unknown_when_its_time_is_over, { SEE, 1000, .said = "input 0 0" },
      { RELEASED, 1000, .id = 1, .pulse_ms = 700 }, { MISS, 1000 + 700 + PASSAGE_MS - 1 },
      { MISS, 1000 + 700 + PASSAGE_MS, .said = "1 unknown device_down" }, { MISS, 9000 })

STORY(release__device_restarts__is_unknown, { SEE, 1000, .starts = 1, .said = "input 0 0" },
      { RELEASED, 1010, .id = 1, .pulse_ms = 700 },
      { SEE, 1050, .starts = 2, .said = "restart; 1 unknown device_restarted" })

STORY(release__other_side_passes__goes_on, { SEE, 1000, .said = "input 0 0" },
      { RELEASED, 1010, .id = 1, .pulse_ms = 700 },
      { SEE, 1050, .passages = 1, .out = true, .said = "passage out 1" })

/* Inputs */

STORY(input__changes__is_told_once, { SEE, 1000, .tamper = true, .said = "input 0 1" },
      { SEE, 1050, .tamper = true }, { SEE, 1100, .said = "input 0 0" })

static void passage__16_bit_counter_wraps__counts_on(void **state)
{
    static const struct step steps[STEPS_MAX + 1] = {
        { SEE, 1000, .passages = UINT16_MAX, .said = "input 0 0" },
        { SEE, 1050, .passages = 0, .said = "passage in 1" },
    };
    const struct modbus_profile profile = make_profile(1);

    run_story(&profile, steps);
}

static void release__no_counter__completes_after_the_pulse(void **state)
{
    static const struct step steps[STEPS_MAX + 1] = {
        { SEE, 1000, .said = "input 0 0" },
        { RELEASED, 1000, .id = 1, .pulse_ms = 700 },
        { SEE, 1699 },
        { SEE, 1700, .said = "1 completed -" },
    };
    const struct modbus_profile profile = make_profile(0);

    run_story(&profile, steps);
}

static void release__too_many__are_refused(void **state)
{
    const struct modbus_profile profile = make_profile(2);
    struct modbus_collector collector;

    modbus_collector_init(&collector, &profile);
    for (int64_t id = 1; id <= MODBUS_RELEASES_MAX; id++) {
        assert_true(modbus_collector_can_release(&collector, MODBUS_SIDE_OUT));
        modbus_collector_released(&collector, MODBUS_SIDE_OUT, id, 700, 0);
    }
    assert_false(modbus_collector_can_release(&collector, MODBUS_SIDE_OUT));
    assert_true(modbus_collector_can_release(&collector, MODBUS_SIDE_IN));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(card__appears__is_read_once_and_acknowledged),
        cmocka_unit_test(card__latched_before_start__is_passed_over),
        cmocka_unit_test(card__latched_while_away__is_passed_over),
        cmocka_unit_test(card__at_the_limit_of_age__is_taken),
        cmocka_unit_test(card__read_after_a_stall__is_stale),
        cmocka_unit_test(card__never_readable__is_passed_over_in_time),
        cmocka_unit_test(card__same_number_after_restart__is_passed_over),
        cmocka_unit_test(card__gone_before_it_was_read__is_forgotten),
        cmocka_unit_test(passage__first_look__is_no_news),
        cmocka_unit_test(passage__without_release__is_told),
        cmocka_unit_test(passage__counter_wraps__counts_on),
        cmocka_unit_test(passage__16_bit_counter_wraps__counts_on),
        cmocka_unit_test(passage__device_restarts__counts_from_zero),
        cmocka_unit_test(passage__counter_restarts_unsaid__counts_from_zero),
        cmocka_unit_test(passage__counter_jumps_beyond_people__is_no_news),
        cmocka_unit_test(passage__while_away__is_told),
        cmocka_unit_test(release__passage__completes_oldest_first),
        cmocka_unit_test(release__two_pass_at_once__completes_both),
        cmocka_unit_test(release__timed_out__completes_without_passage),
        cmocka_unit_test(release__time_out_bit_from_before__says_nothing),
        cmocka_unit_test(release__nothing_heard_in_its_time__completes_without_passage),
        cmocka_unit_test(release__last_look_sees_passage__completes_with_it),
        cmocka_unit_test(release__device_gone__is_unknown_when_its_time_is_over),
        cmocka_unit_test(release__device_restarts__is_unknown),
        cmocka_unit_test(release__other_side_passes__goes_on),
        cmocka_unit_test(release__no_counter__completes_after_the_pulse),
        cmocka_unit_test(release__too_many__are_refused),
        cmocka_unit_test(input__changes__is_told_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
