/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test_modbus_collector_unit.c: what a collector wants in which order, and what it says of the answers. Each
 * step is answered by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "gateway/base/clock.h"
#include "hal/modbus/modbus_collector.h"
#include "hal/modbus/modbus_collector_unit.h"

/* Registers of the profile below. */
#define SEQUENCE 2
#define ACK      0
#define PULSE    2
#define LENGTH   16

static const struct modbus_unit_item item = {
    .address = 1, .point_count = 2, .target_count = 1, .points = { "in", "out" }, .targets = { "gym" }
};

struct fixture {
    struct modbus_profile profile;
    struct modbus_voice voice;
    struct modbus_unit unit;
    struct modbus_request request;
    uint16_t words[MODBUS_RANGE_MAX];
    int64_t now_us;
    char said[512];
};

static void say(void *userdata, const struct driver_event *event)
{
    struct fixture *f = userdata;
    size_t len = strlen(f->said);

    if (event->kind == DRIVER_EVENT_RESULT)
        snprintf(f->said + len, sizeof(f->said) - len, "%d %s %s; ", (int)event->id,
                 driver_outcome_name(event->outcome), event->reason);
    else
        snprintf(f->said + len, sizeof(f->said) - len, "%s %s; ", driver_event_name(event->kind),
                 event->credential_value);
}

static void note(void *userdata, const char *text)
{
}

static struct modbus_side make_side(int64_t side)
{
    return (struct modbus_side){
        .present = true,
        .card = { .present = true,
                  .sequence = { .present = true,
                                .table = MODBUS_TABLE_INPUT,
                                .address = SEQUENCE + side,
                                .words = 1 },
                  .length = { .present = true,
                              .table = MODBUS_TABLE_INPUT,
                              .address = LENGTH * (side + 1),
                              .words = 1 },
                  .data = { .present = true,
                            .table = MODBUS_TABLE_INPUT,
                            .address = LENGTH * (side + 1) + 1,
                            .words = 8 },
                  .ack = ACK + side },
        .release = { .present = true, .address = side, .unit_ms = 100, .pulse = PULSE + side },
        .hold = { .present = true, .address = 2 + side },
        .text = { .present = true, .address = LENGTH * (side + 1), .words = 2 },
    };
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    struct json_error error;

    f->profile.timing = (struct modbus_timing){ .poll = 50, .stale = 2000, .passage = 1000 };
    for (int64_t side = 0; side < MODBUS_SIDES; side++)
        f->profile.sides[side] = make_side(side);
    f->voice = (struct modbus_voice){ .say = say, .note = note, .userdata = f };
    f->now_us = USEC_PER_SEC;
    assert_int_equal(modbus_unit_new(&item, &f->profile, &f->voice, &f->unit, &error), 0);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    f->unit.ops->free(f->unit.self);
    free(f);
    return 0;
}

static enum modbus_urgency want(struct fixture *f)
{
    return f->unit.ops->want(f->unit.self, f->now_us, &f->request);
}

/* Answers what is wanted, a millisecond later. */
static void answer(struct fixture *f, enum modbus_result result)
{
    struct modbus_answer answer = { .result = result, .words = f->words, .begun_us = f->now_us };

    assert_true(want(f) != MODBUS_URGENCY_NONE);
    f->now_us += USEC_PER_MSEC;
    answer.now_us = f->now_us;
    f->unit.ops->answer(f->unit.self, &f->request, &answer);
}

static bool wants_write(struct fixture *f, enum modbus_request_kind kind, uint16_t address, uint16_t value)
{
    return want(f) != MODBUS_URGENCY_NONE && f->request.kind == kind && f->request.range.address == address &&
           f->request.words[0] == value;
}

/* A whole look; the sequence numbers are what it sees. */
static void look(struct fixture *f, uint16_t in, uint16_t out)
{
    f->now_us += f->profile.timing.poll * USEC_PER_MSEC;
    assert_int_equal(want(f), MODBUS_URGENCY_POLL);
    assert_int_equal(f->request.range.address, SEQUENCE);
    f->words[0] = in;
    f->words[1] = out;
    answer(f, MODBUS_RESULT_OK);
}

static void command(struct fixture *f, enum driver_command_kind kind, int64_t id,
                    enum driver_direction direction, bool on)
{
    const struct driver_command command = { .kind = kind,
                                            .id = id,
                                            .direction = direction,
                                            .pulse_ms = 700,
                                            .deadline_us = f->now_us + USEC_PER_SEC,
                                            .on = on };

    f->unit.ops->command(f->unit.self, &command, f->now_us);
}

static void expect_said(struct fixture *f, const char *said)
{
    assert_string_equal(f->said, said);
    f->said[0] = '\0';
}

static void release__pulse_not_known__is_written_before_and_once(void **state)
{
    struct fixture *f = *state;

    look(f, 0, 0);
    command(f, DRIVER_COMMAND_RELEASE, 1, DRIVER_DIRECTION_ENTRY, false);
    assert_int_equal(want(f), MODBUS_URGENCY_RELEASE);
    assert_true(wants_write(f, MODBUS_REQUEST_WRITE_REGISTER, PULSE, 7));
    answer(f, MODBUS_RESULT_OK);
    assert_true(wants_write(f, MODBUS_REQUEST_WRITE_COIL, 0, 0xff00));
    answer(f, MODBUS_RESULT_OK);
    expect_said(f, "1 accepted ; ");
    command(f, DRIVER_COMMAND_RELEASE, 2, DRIVER_DIRECTION_ENTRY, false);
    assert_true(wants_write(f, MODBUS_REQUEST_WRITE_COIL, 0, 0xff00));
}

static void release__overtakes_cards_and_polls(void **state)
{
    struct fixture *f = *state;

    look(f, 0, 0);
    look(f, 1, 0);
    assert_int_equal(want(f), MODBUS_URGENCY_ACKNOWLEDGE);
    command(f, DRIVER_COMMAND_RELEASE, 1, DRIVER_DIRECTION_EXIT, false);
    assert_int_equal(want(f), MODBUS_URGENCY_RELEASE);
}

static void release__no_direction__is_refused_where_there_are_two(void **state)
{
    struct fixture *f = *state;

    look(f, 0, 0);
    command(f, DRIVER_COMMAND_RELEASE, 1, DRIVER_DIRECTION_ANY, false);
    expect_said(f, "1 failed direction; ");
    f->profile.sides[MODBUS_SIDE_OUT].release.present = false;
    command(f, DRIVER_COMMAND_RELEASE, 2, DRIVER_DIRECTION_ANY, false);
    expect_said(f, "");
}

static void release__answer_missing__is_unknown_and_not_wanted_again(void **state)
{
    struct fixture *f = *state;

    look(f, 0, 0);
    command(f, DRIVER_COMMAND_RELEASE, 1, DRIVER_DIRECTION_ENTRY, false);
    answer(f, MODBUS_RESULT_OK);
    answer(f, MODBUS_RESULT_SILENT);
    expect_said(f, "1 unknown silent; ");
    assert_int_equal(want(f), MODBUS_URGENCY_NONE);
}

static void release__pulse_not_taken__is_failed(void **state)
{
    struct fixture *f = *state;

    look(f, 0, 0);
    command(f, DRIVER_COMMAND_RELEASE, 1, DRIVER_DIRECTION_ENTRY, false);
    answer(f, MODBUS_RESULT_SILENT);
    expect_said(f, "1 failed silent; ");
    assert_int_equal(want(f), MODBUS_URGENCY_NONE);
}

static void release__too_many_of_a_side__is_busy(void **state)
{
    struct fixture *f = *state;

    look(f, 0, 0);
    for (int64_t id = 1; id <= MODBUS_RELEASES_MAX + 1; id++)
        command(f, DRIVER_COMMAND_RELEASE, id, DRIVER_DIRECTION_ENTRY, false);
    expect_said(f, "5 failed busy; ");
}

static void release__unit_lost_before_it_went__is_failed(void **state)
{
    struct fixture *f = *state;

    look(f, 0, 0);
    command(f, DRIVER_COMMAND_RELEASE, 1, DRIVER_DIRECTION_ENTRY, false);
    f->unit.ops->lost(f->unit.self, f->now_us);
    expect_said(f, "1 failed device_down; ");
}

static void hold__both_sides__is_completed_once(void **state)
{
    struct fixture *f = *state;

    look(f, 0, 0);
    command(f, DRIVER_COMMAND_HOLD, 1, DRIVER_DIRECTION_ANY, true);
    assert_true(wants_write(f, MODBUS_REQUEST_WRITE_COIL, 2, 0xff00));
    answer(f, MODBUS_RESULT_OK);
    expect_said(f, "");
    assert_true(wants_write(f, MODBUS_REQUEST_WRITE_COIL, 3, 0xff00));
    answer(f, MODBUS_RESULT_OK);
    expect_said(f, "1 completed ; ");
}

static void hold__one_of_two_sides_fails__is_unknown(void **state)
{
    struct fixture *f = *state;

    look(f, 0, 0);
    command(f, DRIVER_COMMAND_HOLD, 1, DRIVER_DIRECTION_ANY, true);
    answer(f, MODBUS_RESULT_OK);
    answer(f, MODBUS_RESULT_REFUSED);
    expect_said(f, "1 unknown refused; ");
}

static void hold__unit_was_away__is_written_again(void **state)
{
    struct fixture *f = *state;

    look(f, 0, 0);
    command(f, DRIVER_COMMAND_HOLD, 1, DRIVER_DIRECTION_ENTRY, true);
    answer(f, MODBUS_RESULT_OK);
    expect_said(f, "1 completed ; ");
    f->unit.ops->lost(f->unit.self, f->now_us);
    assert_int_equal(want(f), MODBUS_URGENCY_NONE);
    look(f, 0, 0);
    assert_true(wants_write(f, MODBUS_REQUEST_WRITE_COIL, 2, 0xff00));
    answer(f, MODBUS_RESULT_OK);
    assert_int_equal(want(f), MODBUS_URGENCY_NONE);
    expect_said(f, "");
}

static void let_go__unit_is_away__is_written_off(void **state)
{
    const struct driver_command off = { .kind = DRIVER_COMMAND_HOLD, .direction = DRIVER_DIRECTION_ENTRY };
    struct fixture *f = *state;

    look(f, 0, 0);
    command(f, DRIVER_COMMAND_HOLD, 1, DRIVER_DIRECTION_ENTRY, true);
    answer(f, MODBUS_RESULT_OK);
    f->unit.ops->lost(f->unit.self, f->now_us);
    f->unit.ops->let_go(f->unit.self, &off, f->now_us);
    look(f, 0, 0);
    assert_true(wants_write(f, MODBUS_REQUEST_WRITE_COIL, 2, 0));
    answer(f, MODBUS_RESULT_OK);
    assert_int_equal(want(f), MODBUS_URGENCY_NONE);
}

static void forget__device_is_away__is_not_written_again(void **state)
{
    struct fixture *f = *state;

    look(f, 0, 0);
    command(f, DRIVER_COMMAND_HOLD, 1, DRIVER_DIRECTION_ANY, true);
    answer(f, MODBUS_RESULT_OK);
    answer(f, MODBUS_RESULT_OK);
    command(f, DRIVER_COMMAND_HOLD, 2, DRIVER_DIRECTION_EXIT, false);
    answer(f, MODBUS_RESULT_SILENT);
    f->unit.ops->lost(f->unit.self, f->now_us);
    f->unit.ops->forget(f->unit.self);
    look(f, 0, 0);
    assert_true(wants_write(f, MODBUS_REQUEST_WRITE_COIL, 3, 0)); /* a let-go in doubt stays wanted */
    answer(f, MODBUS_RESULT_OK);
    assert_int_equal(want(f), MODBUS_URGENCY_NONE);
}

static void hold__taken_back_in_doubt__is_taken_back_again(void **state)
{
    struct fixture *f = *state;

    look(f, 0, 0);
    command(f, DRIVER_COMMAND_HOLD, 1, DRIVER_DIRECTION_ENTRY, true);
    answer(f, MODBUS_RESULT_OK);
    command(f, DRIVER_COMMAND_HOLD, 2, DRIVER_DIRECTION_ENTRY, false);
    answer(f, MODBUS_RESULT_WRONG);
    expect_said(f, "1 completed ; 2 unknown wrong_answer; ");
    assert_true(wants_write(f, MODBUS_REQUEST_WRITE_COIL, 2, 0));
}

static void hold__not_in_the_profile__is_refused(void **state)
{
    struct fixture *f = *state;

    f->profile.sides[MODBUS_SIDE_IN].hold.present = f->profile.sides[MODBUS_SIDE_OUT].hold.present = false;
    look(f, 0, 0);
    command(f, DRIVER_COMMAND_HOLD, 1, DRIVER_DIRECTION_ANY, true);
    expect_said(f, "1 failed not_supported; ");
}

static void card__waits__is_fetched_told_and_acknowledged(void **state)
{
    struct fixture *f = *state;

    look(f, 0, 0);
    look(f, 5, 0);
    assert_int_equal(want(f), MODBUS_URGENCY_ACKNOWLEDGE);
    assert_int_equal(f->request.range.address, LENGTH);
    f->words[0] = 2;
    f->words[1] = 0xab01;
    answer(f, MODBUS_RESULT_OK);
    expect_said(f, "presented AB01; ");
    assert_true(wants_write(f, MODBUS_REQUEST_WRITE_REGISTER, ACK, 5));
    answer(f, MODBUS_RESULT_OK);
    assert_int_equal(want(f), MODBUS_URGENCY_NONE);
}

static void card__refused__is_tried_once_a_look_and_degrades(void **state)
{
    struct fixture *f = *state;
    const char *reason;

    look(f, 0, 0);
    look(f, 5, 0);
    answer(f, MODBUS_RESULT_REFUSED);
    assert_int_equal(want(f), MODBUS_URGENCY_NONE);
    assert_int_equal(f->unit.ops->health(f->unit.self, &reason), DRIVER_HEALTH_DEGRADED);
    look(f, 5, 0);
    assert_int_equal(want(f), MODBUS_URGENCY_ACKNOWLEDGE);
}

static void show__text_changes_while_it_is_written__the_new_one_is_written(void **state)
{
    struct fixture *f = *state;
    struct driver_command show = { .kind = DRIVER_COMMAND_SHOW, .point = "out", .text = "ab", .ms = 60000 };

    look(f, 0, 0);
    f->unit.ops->command(f->unit.self, &show, f->now_us);
    assert_true(wants_write(f, MODBUS_REQUEST_WRITE_REGISTERS, 2 * LENGTH, 0x6162));
    struct modbus_request old = f->request;
    const struct modbus_answer done = { .result = MODBUS_RESULT_OK,
                                        .begun_us = f->now_us,
                                        .now_us = f->now_us };

    snprintf(show.text, sizeof(show.text), "cd");
    f->unit.ops->command(f->unit.self, &show, f->now_us);
    f->unit.ops->answer(f->unit.self, &old, &done);
    assert_true(wants_write(f, MODBUS_REQUEST_WRITE_REGISTERS, 2 * LENGTH, 0x6364));
    answer(f, MODBUS_RESULT_OK);
    assert_int_equal(want(f), MODBUS_URGENCY_NONE);
}

static void new__names_do_not_fit__is_refused(void **state)
{
    struct fixture *f = *state;
    struct modbus_unit_item other = item;
    struct modbus_unit unit;
    struct json_error error;

    other.point_count = 1;
    assert_int_equal(modbus_unit_new(&other, &f->profile, &f->voice, &unit, &error), -EBADMSG);
    assert_string_equal(error.path, "points");
    other = item;
    other.target_count = 2;
    assert_int_equal(modbus_unit_new(&other, &f->profile, &f->voice, &unit, &error), -EBADMSG);
    assert_string_equal(error.path, "targets");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(release__pulse_not_known__is_written_before_and_once),
        TEST(release__overtakes_cards_and_polls),
        TEST(release__no_direction__is_refused_where_there_are_two),
        TEST(release__answer_missing__is_unknown_and_not_wanted_again),
        TEST(release__pulse_not_taken__is_failed),
        TEST(release__too_many_of_a_side__is_busy),
        TEST(release__unit_lost_before_it_went__is_failed),
        TEST(hold__both_sides__is_completed_once),
        TEST(hold__one_of_two_sides_fails__is_unknown),
        TEST(hold__unit_was_away__is_written_again),
        TEST(let_go__unit_is_away__is_written_off),
        TEST(forget__device_is_away__is_not_written_again),
        TEST(hold__taken_back_in_doubt__is_taken_back_again),
        TEST(hold__not_in_the_profile__is_refused),
        TEST(card__waits__is_fetched_told_and_acknowledged),
        TEST(card__refused__is_tried_once_a_look_and_degrades),
        TEST(show__text_changes_while_it_is_written__the_new_one_is_written),
        TEST(new__names_do_not_fit__is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
