/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is ordered of devices, and what becomes of it. */
#include "tests/unit/hal_fixture.h"

static void result__for_an_unknown_id__ignored(void **state)
{
    struct fixture *f = *state;

    run_script(f, WELL RESULT("completed") MARK STAY);
    until(f, &f->events, 1);
    assert_int_equal(f->results, 0);
    look(f);
    assert_int_equal(f->refused, 1);
}

static void result__told_twice__heard_once(void **state)
{
    struct fixture *f = *state;

    run_up(f, WELL "read -r release\n" RESULT("accepted") RESULT("accepted") RESULT("completed")
                  RESULT("failed") MARK STAY);
    release(f);
    until(f, &f->events, 1);
    assert_int_equal(f->accepted, 1);
    assert_int_equal(f->results, 1);
    assert_int_equal(f->outcome, DRIVER_OUTCOME_COMPLETED);
}

static void result__after_its_time__was_unknown_and_stays_so(void **state)
{
    struct fixture *f = *state;

    f->config.result_margin_ms = 1;
    run_up(f, WELL "read -r release; read -r show\n" RESULT("completed") MARK STAY);
    release_until(f, clock_boot_us() + 50 * USEC_PER_MSEC);
    until(f, &f->results, 1);
    assert_int_equal(f->outcome, DRIVER_OUTCOME_UNKNOWN);
    assert_string_equal(f->result_reason, "no_answer");
    hal_show(f->hal, "in", DRIVER_INDICATION_DENIED, "now say it");
    until(f, &f->events, 1);
    assert_int_equal(f->results, 1);
}

static void show__text_too_long__ends_with_a_character(void **state)
{
    struct fixture *f = *state;
    char text[DRIVER_TEXT_SIZE + 2] = "";

    memset(text, 'a', DRIVER_TEXT_SIZE - 2);
    strcat(text, "\u00e9");
    run_up(f, WELL "read -r show; case $show in *aaa\\\"*) " MARK " ;; esac\n" STAY);
    hal_show(f->hal, "in", DRIVER_INDICATION_DENIED, text);
    until(f, &f->events, 1);
}

static void prepare__driver_without_the_capability__not_told(void **state)
{
    struct fixture *f = *state;

    run_up(f, WELL "read -r first; case $first in *prepare*) exit 1 ;; esac\n" MARK STAY);
    assert_false(hal_can(f->hal, "dev", DRIVER_CAN_PREPARE));
    hal_prepare(f->hal, "gate");
    hal_show(f->hal, "in", DRIVER_INDICATION_WAIT, NULL);
    until(f, &f->events, 1);
}

static void prepare__driver_with_the_capability__told(void **state)
{
    struct fixture *f = *state;

    run_up(f, "read -r configure\n"
              "echo "
              "'{\"ev\":\"hello\",\"driver\":\"bad\",\"version\":\"7\",\"protocol\":1,\"capabilities\":["
              "\"scan\",\"prepare\"]}'\n"
              "echo '{\"ev\":\"health\",\"state\":\"up\"}'\n"
              "read -r first; case $first in *prepare*gate*) " MARK ";; esac\n" STAY);
    assert_true(hal_can(f->hal, "dev", DRIVER_CAN_PREPARE));
    hal_prepare(f->hal, "gate");
    hal_prepare(f->hal, "vault");
    until(f, &f->events, 1);
}

static void prepare__told_just_now__not_told_again(void **state)
{
    struct fixture *f = *state;

    run_up(f, "read -r configure\n"
              "echo "
              "'{\"ev\":\"hello\",\"driver\":\"bad\",\"version\":\"7\",\"protocol\":1,\"capabilities\":["
              "\"prepare\"]}'\n"
              "echo '{\"ev\":\"health\",\"state\":\"up\"}'\n"
              "read -r first; read -r next; case $next in *prepare*) exit 1 ;; esac\n" MARK STAY);
    hal_prepare(f->hal, "gate");
    hal_prepare(f->hal, "gate");
    hal_show(f->hal, "in", DRIVER_INDICATION_WAIT, NULL);
    until(f, &f->events, 1);
}

#define FOUND "echo '{\"ev\":\"found\",\"id\":1,\"address\":\"54:D2:72:0A:0B:0C\"}'\n"

static void scan__under_way__what_is_found_is_told_until_its_end(void **state)
{
    struct fixture *f = *state;
    const struct driver_command scan = { .kind = DRIVER_COMMAND_SCAN, .deadline_us = INT64_MAX };
    const char *reason;
    int64_t id;

    run_up(f,
           WELL "read -r scan\n"
                "echo '{\"ev\":\"progress\",\"id\":1,\"text\":\"Wait.\"}'\n" FOUND FOUND RESULT("completed")
                    FOUND MARK STAY);
    assert_int_equal(hal_command(f->hal, "dev", &scan, &id, &reason), 0);
    until(f, &f->events, 1);
    assert_int_equal(f->progress, 1);
    assert_string_equal(f->told, "Wait.");
    assert_int_equal(f->found, 2);
    assert_int_equal(f->outcome, DRIVER_OUTCOME_COMPLETED);
    look(f);
    assert_int_equal(f->refused, 1);
}

static void found__for_a_release__refused(void **state)
{
    struct fixture *f = *state;

    run_up(f, WELL "read -r release\n" FOUND MARK STAY);
    release(f);
    until(f, &f->events, 1);
    assert_int_equal(f->found, 0);
    look(f);
    assert_int_equal(f->refused, 1);
}

static void pair__device_is_down__sent(void **state)
{
    struct fixture *f = *state;
    const struct driver_command pair = { .kind = DRIVER_COMMAND_PAIR,
                                         .target = "gate",
                                         .address = "54:D2:72:0A:0B:0C",
                                         .deadline_us = INT64_MAX };
    const char *reason;
    int64_t id;

    run_script(f, "read -r configure\n"
                  "echo '{\"ev\":\"hello\",\"driver\":\"bad\",\"version\":\"7\",\"protocol\":1}'\n"
                  "echo '{\"ev\":\"health\",\"state\":\"down\",\"reason\":\"no lock\"}'\n"
                  "read -r pair\n" RESULT("completed") STAY);
    until(f, &f->changes, 1);
    assert_int_equal(f->state, HAL_STATE_DOWN);
    assert_int_equal(hal_command(f->hal, NULL, &pair, &id, &reason), 0);
    until(f, &f->results, 1);
    assert_int_equal(f->outcome, DRIVER_OUTCOME_COMPLETED);
}

static void driver__dies_after_accepted__unknown_once(void **state)
{
    struct fixture *f = *state;

    run_up(f, WELL "read -r release\n" RESULT("accepted") "kill -KILL $$\n");
    release(f);
    until(f, &f->changes, 3); /* and it is up again */
    assert_int_equal(f->accepted, 1);
    assert_int_equal(f->results, 1);
    assert_int_equal(f->outcome, DRIVER_OUTCOME_UNKNOWN);
    assert_string_equal(f->result_reason, "driver_ended");
}

static void health__down__no_command_is_taken(void **state)
{
    struct fixture *f = *state;

    run_up(f, WELL
           "read -r show\necho '{\"ev\":\"health\",\"state\":\"down\",\"reason\":\"unplugged\"}'\n" STAY);
    hal_show(f->hal, "in", DRIVER_INDICATION_WAIT, NULL);
    until(f, &f->changes, 2);
    assert_string_equal(f->reason, "unplugged");
    expect_refused(f, "gate", INT64_MAX, "device_down");
}

static void command__that_cannot_be_sent__refused_with_why(void **state)
{
    struct fixture *f = *state;
    struct driver_command probe = { .kind = DRIVER_COMMAND_PROBE, .deadline_us = INT64_MAX };
    struct driver_command hold = { .kind = DRIVER_COMMAND_HOLD, .deadline_us = INT64_MAX, .target = "gate" };
    int64_t id;
    const char *reason = "";

    run_script(f, WELL STAY);
    expect_refused(f, "gate", INT64_MAX, "device_down");
    until(f, &f->changes, 1);
    expect_refused(f, "vault", INT64_MAX, "unknown_target");
    expect_refused(f, "gate", clock_boot_us(), "deadline");
    assert_int_equal(hal_command(f->hal, "nobody", &probe, &id, &reason), HAL_E_REFUSED);
    assert_string_equal(reason, "unknown_device");
    assert_int_equal(hal_command(f->hal, "nobody", &hold, &id, &reason), HAL_E_REFUSED);
    assert_string_equal(reason, "unknown_device");
    snprintf(hold.target, sizeof(hold.target), "vault");
    assert_int_equal(hal_command(f->hal, "dev", &hold, &id, &reason), HAL_E_REFUSED);
    assert_string_equal(reason, "unknown_target");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ROW(result__for_an_unknown_id__ignored),
        ROW(result__told_twice__heard_once),
        ROW(result__after_its_time__was_unknown_and_stays_so),
        ROW(show__text_too_long__ends_with_a_character),
        ROW(prepare__driver_without_the_capability__not_told),
        ROW(prepare__driver_with_the_capability__told),
        ROW(prepare__told_just_now__not_told_again),
        ROW(scan__under_way__what_is_found_is_told_until_its_end),
        ROW(found__for_a_release__refused),
        ROW(pair__device_is_down__sent),
        ROW(driver__dies_after_accepted__unknown_once),
        ROW(health__down__no_command_is_taken),
        ROW(command__that_cannot_be_sent__refused_with_why),
    };

    return cmocka_run_group_tests_name("hal_commands", tests, NULL, NULL);
}
