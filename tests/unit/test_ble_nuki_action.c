/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test_ble_nuki_action.c: states and lock actions against a lock played by hand, and what goes wrong at each
 * step: errors, a lost link, silence, the deadline. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "nuki_rig.h"

static void states__asked__are_said(void **state)
{
    struct rig *rig = *state;
    struct nuki_message message = rig_states(NUKI_LOCK_STATE_LOCKED);

    rig_begin(rig, BLE_COMMAND_STATES);
    assert_asked(rig, NUKI_COMMAND_KEYTURNER_STATES);
    assert_int_equal(rig->channel, BLE_NUKI_CHANNEL_KEYTURNER);
    message.states.trigger = NUKI_TRIGGER_MANUAL;
    rig_say(rig, &message);
    assert_end(rig, DRIVER_OUTCOME_COMPLETED, NULL);
    assert_int_equal(rig->state.lock, DRIVER_LOCK_LOCKED);
    assert_int_equal(rig->state.door, DRIVER_DOOR_CLOSED);
    assert_int_equal(rig->state.battery, 80);
    assert_string_equal(rig->state.trigger, "manual");
    assert_false(rig->state.clock_wrong);
}

static void action__each__is_done_when_the_bolt_is_there(void **state)
{
    static const struct {
        enum ble_command_kind kind;
        enum nuki_action action;
        enum nuki_lock_state moving, there;
    } rows[] = {
        { BLE_COMMAND_LOCK, NUKI_ACTION_LOCK, NUKI_LOCK_STATE_LOCKING, NUKI_LOCK_STATE_LOCKED },
        { BLE_COMMAND_UNLOCK, NUKI_ACTION_UNLOCK, NUKI_LOCK_STATE_UNLOCKING, NUKI_LOCK_STATE_UNLOCKED },
        { BLE_COMMAND_UNLATCH, NUKI_ACTION_UNLATCH, NUKI_LOCK_STATE_UNLATCHING, NUKI_LOCK_STATE_UNLATCHED },
    };
    struct rig *rig = *state;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        rig->result_count = 0;
        rig_begin(rig, rows[i].kind);
        assert_asked(rig, NUKI_COMMAND_CHALLENGE);
        rig_say_challenge(rig, (uint8_t)(1 + i));
        struct nuki_message heard = rig_heard(rig), challenge = rig_challenge((uint8_t)(1 + i));

        assert_int_equal(heard.command, NUKI_COMMAND_LOCK_ACTION);
        assert_int_equal(heard.lock_action.action, rows[i].action);
        assert_memory_equal(heard.lock_action.nonce, challenge.nonce, NUKI_NONCE_BYTES);
        rig_say_status(rig, NUKI_STATUS_ACCEPTED);
        assert_int_equal(rig->result_count, 1);
        rig_say_states(rig, rows[i].moving);
        assert_int_equal(rig->state.lock, DRIVER_LOCK_MOVING);
        rig_say_states(rig, rows[i].there);
        assert_int_equal(rig->result_count, 1);
        rig_say_status(rig, NUKI_STATUS_COMPLETE);
        assert_end(rig, DRIVER_OUTCOME_COMPLETED, NULL);
    }
    assert_int_equal(rig->refused_count, 0);
}

static void unlatch__latch_is_back_before_complete__is_done(void **state)
{
    struct rig *rig = *state;

    rig_begin(rig, BLE_COMMAND_UNLATCH);
    rig_say_challenge(rig, 1);
    rig_say_status(rig, NUKI_STATUS_ACCEPTED);
    rig_say_states(rig, NUKI_LOCK_STATE_UNLATCHED);
    rig_say_states(rig, NUKI_LOCK_STATE_UNLOCKED);
    rig_say_status(rig, NUKI_STATUS_COMPLETE);
    assert_end(rig, DRIVER_OUTCOME_COMPLETED, NULL);
}

/* From the challenge to where the lock says it has completed, with no state on the way. */
static void complete_blindly(struct rig *rig, enum ble_command_kind kind)
{
    rig_begin(rig, kind);
    rig_say_challenge(rig, 1);
    rig_say_status(rig, NUKI_STATUS_ACCEPTED);
    rig_say_status(rig, NUKI_STATUS_COMPLETE);
    assert_int_equal(rig->result_count, 1);
    assert_asked(rig, NUKI_COMMAND_KEYTURNER_STATES);
}

static void complete__no_state_on_the_way__asks_and_believes_the_bolt(void **state)
{
    static const struct {
        enum nuki_lock_state found;
        enum driver_outcome outcome;
        const char *reason;
    } rows[] = {
        { NUKI_LOCK_STATE_LOCKED, DRIVER_OUTCOME_COMPLETED, NULL },
        { NUKI_LOCK_STATE_UNLOCKED, DRIVER_OUTCOME_UNKNOWN, "state_differs" },
        { NUKI_LOCK_STATE_LOCKING, DRIVER_OUTCOME_UNKNOWN, "state_differs" },
        { NUKI_LOCK_STATE_MOTOR_BLOCKED, DRIVER_OUTCOME_FAILED, "motor_blocked" },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct rig rig;

        rig_init(&rig, RIG_AUTH_ID, -1);
        complete_blindly(&rig, BLE_COMMAND_LOCK);
        rig_say_states(&rig, rows[i].found);
        assert_end(&rig, rows[i].outcome, rows[i].reason);
        rig_finish(&rig);
    }
}

static void complete__bolt_moved_on__is_not_done(void **state)
{
    struct rig *rig = *state;

    rig_unlock(rig, RIG_ARRIVED);
    rig_say_states(rig, NUKI_LOCK_STATE_LOCKED);
    rig_say_status(rig, NUKI_STATUS_COMPLETE);
    assert_asked(rig, NUKI_COMMAND_KEYTURNER_STATES);
    rig_say_states(rig, NUKI_LOCK_STATE_LOCKED);
    assert_end(rig, DRIVER_OUTCOME_UNKNOWN, "state_differs");
}

static void complete__unlatched_and_sprung_back__is_judged_by_the_locks_words(void **state)
{
    static const struct {
        uint8_t size, action, completion;
        enum driver_outcome outcome;
        const char *reason;
    } rows[] = {
        { NUKI_STATES_BYTES_V21, NUKI_ACTION_UNLATCH, NUKI_COMPLETION_SUCCESS, DRIVER_OUTCOME_COMPLETED },
        { NUKI_STATES_BYTES_V21, NUKI_ACTION_UNLOCK, NUKI_COMPLETION_SUCCESS, DRIVER_OUTCOME_UNKNOWN,
          "state_differs" },
        { NUKI_STATES_BYTES_V21, NUKI_ACTION_UNLATCH, NUKI_COMPLETION_CANCELED, DRIVER_OUTCOME_UNKNOWN,
          "state_differs" },
        { NUKI_STATES_BYTES_2016, NUKI_ACTION_UNLATCH, NUKI_COMPLETION_SUCCESS, DRIVER_OUTCOME_UNKNOWN,
          "state_differs" },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct nuki_message message = rig_states(NUKI_LOCK_STATE_UNLOCKED);
        struct rig rig;

        rig_init(&rig, RIG_AUTH_ID, -1);
        complete_blindly(&rig, BLE_COMMAND_UNLATCH);
        message.states.size = rows[i].size;
        message.states.last_action = rows[i].action;
        message.states.last_completion = rows[i].completion;
        rig_say(&rig, &message);
        assert_end(&rig, rows[i].outcome, rows[i].reason);
        rig_finish(&rig);
    }
}

static void action__after_another__starts_from_nothing(void **state)
{
    struct rig *rig = *state;

    rig_unlock(rig, RIG_WRITTEN);
    rig_say_error(rig, NUKI_CODE_K_BAD_NONCE);
    rig_say_challenge(rig, 2);
    rig_say_status(rig, NUKI_STATUS_ACCEPTED);
    rig_say_states(rig, NUKI_LOCK_STATE_UNLOCKED);
    rig_say_status(rig, NUKI_STATUS_COMPLETE);
    assert_end(rig, DRIVER_OUTCOME_COMPLETED, NULL);
    rig->result_count = 0;
    rig_begin(rig, BLE_COMMAND_UNLOCK);
    rig_say_challenge(rig, 3);
    rig_say_error(rig, NUKI_CODE_K_BAD_NONCE);
    rig_say_challenge(rig, 4);
    rig_say_status(rig, NUKI_STATUS_ACCEPTED);
    rig_say_status(rig, NUKI_STATUS_COMPLETE);
    assert_asked(rig, NUKI_COMMAND_KEYTURNER_STATES);
}

static void complete__check_ends_in_error__is_unknown(void **state)
{
    static const struct {
        enum nuki_code code;
        const char *reason;
    } rows[] = { { NUKI_CODE_K_BUSY, "busy" }, { NUKI_CODE_K_NOT_AUTHORIZED, "authorization_lost" } };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct rig rig;

        rig_init(&rig, RIG_AUTH_ID, -1);
        complete_blindly(&rig, BLE_COMMAND_LOCK);
        rig_say_error(&rig, rows[i].code);
        assert_end(&rig, DRIVER_OUTCOME_UNKNOWN, rows[i].reason);
        rig_finish(&rig);
    }
}

static void complete__before_accepted__is_checked(void **state)
{
    struct rig *rig = *state;

    rig_unlock(rig, RIG_WRITTEN);
    rig_say_status(rig, NUKI_STATUS_COMPLETE);
    assert_asked(rig, NUKI_COMMAND_KEYTURNER_STATES);
    rig_say_states(rig, NUKI_LOCK_STATE_UNLOCKED);
    assert_end(rig, DRIVER_OUTCOME_COMPLETED, NULL);
}

static void link_lost__at_each_step__is_unknown_once_written(void **state)
{
    for (enum rig_progress at = RIG_ASKED; at < RIG_STEPS; at++) {
        struct rig rig;

        rig_init(&rig, RIG_AUTH_ID, -1);
        rig_unlock(&rig, at);
        rig_close(&rig);
        assert_end(&rig, at == RIG_ASKED ? DRIVER_OUTCOME_FAILED : DRIVER_OUTCOME_UNKNOWN, "link_lost");
        assert_int_equal(rig.results[rig.result_count - 1].again, at == RIG_ASKED);
        assert_int_equal(rig.result_count, at >= RIG_ACCEPTED ? 2 : 1);
        rig_finish(&rig);
    }
}

static void silence__at_each_step__drops_the_link(void **state)
{
    for (enum rig_progress at = RIG_ASKED; at < RIG_STEPS; at++) {
        struct rig rig;

        rig_init(&rig, RIG_AUTH_ID, -1);
        rig_unlock(&rig, at);
        rig_pass(&rig, RIG_START_US + BLE_NUKI_ANSWER_US - 1);
        assert_int_equal(rig.drop_count, 0);
        rig_pass(&rig, RIG_START_US + (at >= RIG_ACCEPTED ? BLE_NUKI_MOTOR_US : BLE_NUKI_ANSWER_US));
        assert_end(&rig, at == RIG_ASKED ? DRIVER_OUTCOME_FAILED : DRIVER_OUTCOME_UNKNOWN, "no_answer");
        assert_int_equal(rig.drop_count, 1);
        rig_close(&rig);
        assert_int_equal(rig.result_count, at >= RIG_ACCEPTED ? 2 : 1);
        rig_finish(&rig);
    }
}

/* The motor of the action before was blocked when nobody waited for it any more. */
static void error__of_an_action_that_this_one_has_not_sent__is_refused(void **state)
{
    struct nuki_message late = rig_error(NUKI_CODE_K_MOTOR_BLOCKED);
    struct rig *rig = *state;

    late.error_report.command = NUKI_COMMAND_LOCK_ACTION;
    rig_unlock(rig, RIG_ASKED);
    rig_say(rig, &late);
    assert_refused(rig, 1, "unasked");
    assert_int_equal(rig->result_count, 0);
    rig_say_challenge(rig, 1);
    rig_say(rig, &late);
    assert_end(rig, DRIVER_OUTCOME_FAILED, "motor_blocked");
}

static void error__at_each_step__fails_with_its_word(void **state)
{
    for (enum rig_progress at = RIG_ASKED; at < RIG_STEPS; at++) {
        struct rig rig;

        rig_init(&rig, RIG_AUTH_ID, -1);
        rig_unlock(&rig, at);
        rig_say_error(&rig, NUKI_CODE_K_MOTOR_BLOCKED);
        assert_end(&rig, DRIVER_OUTCOME_FAILED, "motor_blocked");
        assert_false(rig.results[rig.result_count - 1].again);
        rig_finish(&rig);
    }
}

static void authorization__lost__is_said_at_each_step(void **state)
{
    static const enum nuki_code codes[] = { NUKI_CODE_K_NOT_AUTHORIZED, NUKI_CODE_K_INVALID_AUTH_ID };

    for (unsigned i = 0; i < 2 * RIG_STEPS; i++) {
        struct rig rig;

        rig_init(&rig, RIG_AUTH_ID, -1);
        rig_unlock(&rig, i / 2);
        rig_say_error(&rig, codes[i % 2]);
        assert_end(&rig, DRIVER_OUTCOME_FAILED, "authorization_lost");
        rig_finish(&rig);
    }
}

static void deadline__over_before_begin__asks_nothing(void **state)
{
    struct rig *rig = *state;

    rig->now.us = RIG_DEADLINE_US;
    rig_begin(rig, BLE_COMMAND_UNLOCK);
    assert_end(rig, DRIVER_OUTCOME_FAILED, "deadline");
    assert_int_equal(rig->writes, 0);
}

static void deadline__over_when_the_challenge_comes__nothing_acts(void **state)
{
    struct rig *rig = *state;

    rig_unlock(rig, RIG_ASKED);
    rig->now.us = RIG_DEADLINE_US;
    rig_say_challenge(rig, 1);
    assert_end(rig, DRIVER_OUTCOME_FAILED, "deadline");
    assert_int_equal(rig->writes, 1);
}

static void deadline__a_microsecond_before__acts(void **state)
{
    struct rig *rig = *state;

    rig_unlock(rig, RIG_ASKED);
    rig->now.us = RIG_DEADLINE_US - 1;
    rig_say_challenge(rig, 1);
    assert_heard(rig, NUKI_COMMAND_LOCK_ACTION);
}

static void deadline__over_while_the_last_write_is_confirmed__nothing_acts(void **state)
{
    struct rig *rig = *state;

    rig->slow = true;
    rig_unlock(rig, RIG_ASKED);
    rig_say_challenge(rig, 1);
    assert_int_equal(rig->writes, 1);
    rig->now.us = RIG_DEADLINE_US;
    rig->unconfirmed = false;
    ble_nuki.written(rig->nuki, true, &rig->now);
    assert_end(rig, DRIVER_OUTCOME_FAILED, "deadline");
    assert_int_equal(rig->writes, 1);
}

static void deadline__over_while_it_waits__fails_without_a_message(void **state)
{
    struct rig *rig = *state;

    rig_begin(rig, BLE_COMMAND_UNLOCK);
    rig->now.us = RIG_DEADLINE_US;
    ble_nuki.tick(rig->nuki, &rig->now);
    assert_end(rig, DRIVER_OUTCOME_FAILED, "deadline");
    rig_say_challenge(rig, 1);
    assert_refused(rig, 1, "unasked");
    assert_int_equal(rig->writes, 1);
}

static void deadline__over_at_each_later_step__does_not_end_it(void **state)
{
    for (enum rig_progress at = RIG_WRITTEN; at < RIG_STEPS; at++) {
        struct rig rig;

        rig_init(&rig, RIG_AUTH_ID, -1);
        rig.now.us = RIG_DEADLINE_US - 1;
        rig_unlock(&rig, at);
        rig_pass(&rig, RIG_DEADLINE_US + 1);
        assert_int_equal(rig.result_count, at >= RIG_ACCEPTED ? 1 : 0);
        rig_finish(&rig);
    }
}

static void answer__before_its_write_is_confirmed__waits(void **state)
{
    struct rig *rig = *state;

    rig->slow = true;
    rig_unlock(rig, RIG_ASKED);
    rig_say_challenge(rig, 1);
    assert_int_equal(rig->writes, 1);
    rig->slow = false;
    rig_settle(rig);
    assert_int_equal(rig->writes, 2);
    assert_heard(rig, NUKI_COMMAND_LOCK_ACTION);
}

static void accepted__before_the_action_is_written__is_refused(void **state)
{
    struct rig *rig = *state;

    rig->slow = true;
    rig_unlock(rig, RIG_ASKED);
    rig_say_challenge(rig, 1);
    rig_say_status(rig, NUKI_STATUS_ACCEPTED);
    assert_refused(rig, 1, "unasked");
    assert_int_equal(rig->result_count, 0);
    rig_close(rig);
    assert_end(rig, DRIVER_OUTCOME_FAILED, "link_lost");
    assert_true(rig->results[0].again);
}

static void busy__before_accepted__is_tried_again_with_a_new_challenge(void **state)
{
    struct rig *rig = *state;

    rig_unlock(rig, RIG_WRITTEN);
    rig_say_error(rig, NUKI_CODE_K_BUSY);
    assert_int_equal(rig->result_count, 0);
    rig_say_challenge(rig, 2);
    assert_refused(rig, 1, "unasked");
    rig_say_error(rig, NUKI_CODE_K_MOTOR_BLOCKED);
    assert_refused(rig, 2, "unasked");
    rig_pass(rig, RIG_START_US + BLE_NUKI_PAUSE_US);
    assert_asked(rig, NUKI_COMMAND_CHALLENGE);
    rig_say_challenge(rig, 3);
    struct nuki_message heard = rig_heard(rig), challenge = rig_challenge(3);

    assert_memory_equal(heard.lock_action.nonce, challenge.nonce, NUKI_NONCE_BYTES);
    rig_say_status(rig, NUKI_STATUS_ACCEPTED);
    rig_say_states(rig, NUKI_LOCK_STATE_UNLOCKED);
    rig_say_status(rig, NUKI_STATUS_COMPLETE);
    assert_end(rig, DRIVER_OUTCOME_COMPLETED, NULL);
}

static void busy__up_to_the_deadline__fails_and_never_acts_after_it(void **state)
{
    struct rig *rig = *state;

    rig_begin(rig, BLE_COMMAND_UNLOCK);
    for (uint8_t i = 1; rig->result_count == 0; i++) {
        rig_say_challenge(rig, i);
        assert_heard(rig, NUKI_COMMAND_LOCK_ACTION);
        assert_true(rig->now.us < RIG_DEADLINE_US);
        rig_say_error(rig, NUKI_CODE_K_BUSY);
        rig_pass(rig, rig->now.us + BLE_NUKI_PAUSE_US);
    }
    assert_end(rig, DRIVER_OUTCOME_FAILED, "busy");
}

static void busy__link_lost_meanwhile__may_be_tried_again(void **state)
{
    struct rig *rig = *state;

    rig_unlock(rig, RIG_WRITTEN);
    rig_say_error(rig, NUKI_CODE_K_BUSY);
    rig_close(rig);
    assert_end(rig, DRIVER_OUTCOME_FAILED, "link_lost");
    assert_true(rig->results[0].again);
}

static void busy__after_accepted__fails(void **state)
{
    struct rig *rig = *state;

    rig_unlock(rig, RIG_ACCEPTED);
    rig_say_error(rig, NUKI_CODE_K_BUSY);
    assert_end(rig, DRIVER_OUTCOME_FAILED, "busy");
}

static void bad_nonce__once__gets_one_new_challenge(void **state)
{
    struct rig *rig = *state;

    rig_unlock(rig, RIG_WRITTEN);
    rig_say_error(rig, NUKI_CODE_K_BAD_NONCE);
    assert_asked(rig, NUKI_COMMAND_CHALLENGE);
    rig_say_challenge(rig, 2);
    assert_heard(rig, NUKI_COMMAND_LOCK_ACTION);
    rig_say_error(rig, NUKI_CODE_K_BAD_NONCE);
    assert_end(rig, DRIVER_OUTCOME_FAILED, "bad_nonce");
}

static void bad_nonce__link_lost_before_the_next_try__may_be_tried_again(void **state)
{
    struct rig *rig = *state;

    rig_unlock(rig, RIG_WRITTEN);
    rig_say_error(rig, NUKI_CODE_K_BAD_NONCE);
    rig_close(rig);
    assert_end(rig, DRIVER_OUTCOME_FAILED, "link_lost");
    assert_true(rig->results[0].again);
}

static void write__lost_with_its_link__does_not_hold_up_the_next(void **state)
{
    struct rig *rig = *state;

    rig->slow = true;
    rig_unlock(rig, RIG_ASKED);
    rig_close(rig);
    rig->result_count = 0;
    rig_begin(rig, BLE_COMMAND_STATES);
    assert_int_equal(rig->writes, 2);
}

static void write__refused__is_unknown_once_the_action_was_it(void **state)
{
    for (enum rig_progress at = RIG_ASKED; at <= RIG_WRITTEN; at++) {
        struct rig rig;

        rig_init(&rig, RIG_AUTH_ID, -1);
        rig_unlock(&rig, RIG_ASKED);
        rig.slow = true;
        if (at == RIG_WRITTEN)
            rig_say_challenge(&rig, 1);
        ble_nuki.written(rig.nuki, false, &rig.now);
        assert_end(&rig, at == RIG_ASKED ? DRIVER_OUTCOME_FAILED : DRIVER_OUTCOME_UNKNOWN, "write_refused");
        assert_string_equal(rig.dropped, "write_refused");
        rig_finish(&rig);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_RIG(states__asked__are_said),
        WITH_RIG(action__each__is_done_when_the_bolt_is_there),
        WITH_RIG(unlatch__latch_is_back_before_complete__is_done),
        cmocka_unit_test(complete__no_state_on_the_way__asks_and_believes_the_bolt),
        WITH_RIG(complete__bolt_moved_on__is_not_done),
        cmocka_unit_test(complete__unlatched_and_sprung_back__is_judged_by_the_locks_words),
        WITH_RIG(action__after_another__starts_from_nothing),
        cmocka_unit_test(complete__check_ends_in_error__is_unknown),
        WITH_RIG(complete__before_accepted__is_checked),
        cmocka_unit_test(link_lost__at_each_step__is_unknown_once_written),
        cmocka_unit_test(silence__at_each_step__drops_the_link),
        WITH_RIG(error__of_an_action_that_this_one_has_not_sent__is_refused),
        cmocka_unit_test(error__at_each_step__fails_with_its_word),
        cmocka_unit_test(authorization__lost__is_said_at_each_step),
        WITH_RIG(deadline__over_before_begin__asks_nothing),
        WITH_RIG(deadline__over_when_the_challenge_comes__nothing_acts),
        WITH_RIG(deadline__a_microsecond_before__acts),
        WITH_RIG(deadline__over_while_the_last_write_is_confirmed__nothing_acts),
        WITH_RIG(deadline__over_while_it_waits__fails_without_a_message),
        cmocka_unit_test(deadline__over_at_each_later_step__does_not_end_it),
        WITH_RIG(answer__before_its_write_is_confirmed__waits),
        WITH_RIG(accepted__before_the_action_is_written__is_refused),
        WITH_RIG(busy__before_accepted__is_tried_again_with_a_new_challenge),
        WITH_RIG(busy__up_to_the_deadline__fails_and_never_acts_after_it),
        WITH_RIG(busy__link_lost_meanwhile__may_be_tried_again),
        WITH_RIG(busy__after_accepted__fails),
        WITH_RIG(bad_nonce__once__gets_one_new_challenge),
        WITH_RIG(bad_nonce__link_lost_before_the_next_try__may_be_tried_again),
        WITH_RIG(write__lost_with_its_link__does_not_hold_up_the_next),
        cmocka_unit_test(write__refused__is_unknown_once_the_action_was_it),
    };

    return cmocka_run_group_tests_name("ble_nuki_action", tests, NULL, NULL);
}
