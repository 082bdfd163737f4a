/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Devices whose drivers live, die, and say what no driver should. */
#include "tests/unit/hal_fixture.h"

static void sim__presented_and_released__all_is_told(void **state)
{
    struct fixture *f = *state;

    configure(f, "dev", "sim",
              "{\"driver\":\"sim\",\"points\":[\"in\"],\"targets\":[\"gate\"],\"pass_ms\":1,"
              "\"steps\":[{\"say\":\"present in card 04A1B2C3\"}]}");
    until(f, &f->events, 1);
    assert_string_equal(f->last_event.credential_value, "04A1B2C3");
    assert_int_equal(f->changes, 1);
    assert_int_equal(f->state, HAL_STATE_UP);
    release(f);
    until(f, &f->results, 1);
    assert_int_equal(f->accepted, 1);
    assert_int_equal(f->outcome, DRIVER_OUTCOME_COMPLETED);
    until(f, &f->events, 2);
    assert_int_equal(f->last_event.kind, DRIVER_EVENT_PASSAGE);
    assert_int_equal(f->last_event.direction, DRIVER_DIRECTION_ENTRY);
}

static void sim__stopped_process__down_then_up_again(void **state)
{
    struct fixture *f = *state;

    f->config.times.ping_every_ms = 5;
    f->config.times.pong_limit_ms = 200;
    configure(f, "dev", "sim", "{\"driver\":\"sim\",\"points\":[\"in\"],\"targets\":[\"gate\"]}");
    until(f, &f->changes, 1);
    look(f);
    kill(f->pid, SIGSTOP);
    until(f, &f->changes, 2);
    assert_int_equal(f->state, HAL_STATE_DOWN);
    assert_string_equal(f->reason, "does not answer");
    until(f, &f->changes, 3);
    assert_int_equal(f->state, HAL_STATE_UP);
}

static void garbage__a_little__refused_and_forgiven(void **state)
{
    struct fixture *f = *state;

    run_script(f, WELL "for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do echo '{'; done\n" MARK STAY);
    until(f, &f->events, 1);
    look(f);
    assert_int_equal(f->refused, 15);
    assert_int_equal(f->changes, 1);
}

static void garbage__a_lot__restarted(void **state)
{
    struct fixture *f = *state;

    run_script(f, WELL "while echo garbage; do :; done\n");
    until(f, &f->changes, 2);
    assert_int_equal(f->state, HAL_STATE_DOWN);
    assert_string_equal(f->reason, "writes what cannot be understood");
}

static void line__too_long__refused_and_next_is_heard(void **state)
{
    struct fixture *f = *state;

    run_script(f, WELL "printf '%09000d\\n' 0\n" MARK STAY);
    until(f, &f->events, 1);
    look(f);
    assert_int_equal(f->refused, 1);
}

static void event__of_a_foreign_point__not_passed_on(void **state)
{
    struct fixture *f = *state;

    run_script(f, WELL "echo '{\"ev\":\"removed\",\"at\":1,\"point\":\"vault\"}'\n"
                       "echo '{\"ev\":\"passage\",\"at\":1,\"target\":\"vault\"}'\n" MARK STAY);
    until(f, &f->events, 1);
    assert_string_equal(f->last_event.point, "in");
    look(f);
    assert_int_equal(f->refused, 2);
}

static void event__of_an_unknown_kind__refused_without_restart(void **state)
{
    struct fixture *f = *state;

    run_script(f, WELL "for i in $(seq 40); do echo '{\"ev\":\"weather\"}'; done\n" MARK STAY);
    until(f, &f->events, 1);
    assert_int_equal(f->changes, 1);
}

static void event__before_hello__not_passed_on(void **state)
{
    struct fixture *f = *state;

    run_script(f, MARK WELL "echo '{\"ev\":\"removed\",\"at\":2,\"point\":\"in\"}'\n" STAY);
    until(f, &f->events, 1);
    assert_int_equal(f->last_event.at_us, 2);
}

static void event__from_the_future__is_now(void **state)
{
    struct fixture *f = *state;

    run_script(f, WELL "echo '{\"ev\":\"removed\",\"at\":9000000000000000,\"point\":\"in\"}'\n" STAY);
    until(f, &f->events, 1);
    assert_true(f->last_event.at_us <= clock_boot_us());
}

static void health__degraded__is_told_once(void **state)
{
    struct fixture *f = *state;

    run_script(f, WELL "echo '{\"ev\":\"health\",\"state\":\"degraded\",\"reason\":\"weak\"}'\n"
                       "echo '{\"ev\":\"health\",\"state\":\"degraded\",\"reason\":\"weaker\"}'\n" MARK STAY);
    until(f, &f->events, 1);
    assert_int_equal(f->changes, 2); /* the first one was up */
    assert_int_equal(f->state, HAL_STATE_DEGRADED);
    assert_string_equal(f->reason, "weak");
}

static void driver__silent__down(void **state)
{
    struct fixture *f = *state;

    f->config.hello_limit_ms = 5;
    run_script(f, STAY);
    until(f, &f->changes, 1);
    assert_int_equal(f->state, HAL_STATE_DOWN);
    assert_string_equal(f->reason, "said no hello in time");
}

static void driver__of_another_name__down(void **state)
{
    struct fixture *f = *state;

    run_script(f, "echo '{\"ev\":\"hello\",\"driver\":\"good\",\"version\":\"1\",\"protocol\":1}'\n" STAY);
    until(f, &f->changes, 1);
    assert_string_equal(f->reason, "is another driver");
}

static void driver__refuses_its_item__its_reason_is_told(void **state)
{
    struct fixture *f = *state;

    configure(f, "dev", "sim", "{\"driver\":\"sim\",\"accept_ms\":\"soon\"}");
    until(f, &f->changes, 1);
    assert_int_equal(f->state, HAL_STATE_DOWN);
    assert_non_null(strstr(f->reason, "accept_ms must be an integer"));
}

static void driver__does_not_exist__down(void **state)
{
    struct fixture *f = *state;

    configure(f, "dev", "none", "{\"driver\":\"none\"}");
    until(f, &f->changes, 1);
    assert_non_null(strstr(f->reason, "No such file"));
}

static void item__unusable__down_from_the_loop(void **state)
{
    struct fixture *f = *state;

    configure(f, "dev", "../evil", "{}");
    assert_int_equal(f->changes, 0);
    until(f, &f->changes, 1);
    assert_int_equal(f->state, HAL_STATE_DOWN);
    assert_non_null(strstr(f->reason, "item: driver"));
}

static void configure__same_item__runs_on(void **state)
{
    struct fixture *f = *state;

    run_up(f, WELL STAY);
    look(f);
    pid_t pid = f->pid;

    configure(f, "dev", "bad", ITEM_JSON);
    look(f);
    assert_int_equal(f->pid, pid);
    assert_int_equal(f->seen, 1);
}

static void configure__changed_item__old_command_is_unknown_and_new_driver_runs(void **state)
{
    struct fixture *f = *state;

    run_up(f, WELL STAY);
    look(f);
    pid_t pid = f->pid;

    release(f);
    configure(f, "dev", "bad", "{\"driver\":\"bad\",\"points\":[],\"targets\":[\"gate\"]}");
    assert_int_equal(f->results, 0); /* not from within */
    until(f, &f->changes, 2);        /* the new one is up; the old one's end is not news */
    look(f);
    assert_int_equal(f->results, 1);
    assert_int_equal(f->outcome, DRIVER_OUTCOME_UNKNOWN);
    assert_int_equal(f->state, HAL_STATE_UP);
    assert_true(f->pid > 0 && f->pid != pid);
    assert_int_equal(kill(pid, 0), -1); /* it was gone before */
}

static void configure__too_many__nothing_changed(void **state)
{
    struct fixture *f = *state;
    static const struct hal_item items[HAL_DEVICES_MAX + 1];

    run_up(f, WELL STAY);
    assert_int_equal(hal_configure(f->hal, items, HAL_DEVICES_MAX + 1), -E2BIG);
    look(f);
    assert_int_equal(f->seen, 1);
}

static void stop__running__stopped_is_called_once(void **state)
{
    struct fixture *f = *state;

    run_up(f, WELL STAY);
    hal_stop(f->hal);
    hal_stop(f->hal);
    assert_int_equal(f->stopped, 0);
    until(f, &f->stopped, 1);
    assert_int_equal(f->changes, 1);
    look(f);
    assert_int_equal(f->pid, 0);
}

static void stop__no_devices__stopped_is_called(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(hal_new(f->event, &f->config, &callbacks, f, &f->hal), 0);
    hal_stop(f->hal);
    until(f, &f->stopped, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ROW(sim__presented_and_released__all_is_told),
        ROW(sim__stopped_process__down_then_up_again),
        ROW(garbage__a_little__refused_and_forgiven),
        ROW(garbage__a_lot__restarted),
        ROW(line__too_long__refused_and_next_is_heard),
        ROW(event__of_a_foreign_point__not_passed_on),
        ROW(event__of_an_unknown_kind__refused_without_restart),
        ROW(event__before_hello__not_passed_on),
        ROW(event__from_the_future__is_now),
        ROW(health__degraded__is_told_once),
        ROW(driver__silent__down),
        ROW(driver__of_another_name__down),
        ROW(driver__refuses_its_item__its_reason_is_told),
        ROW(driver__does_not_exist__down),
        ROW(item__unusable__down_from_the_loop),
        ROW(configure__same_item__runs_on),
        ROW(configure__changed_item__old_command_is_unknown_and_new_driver_runs),
        ROW(configure__too_many__nothing_changed),
        ROW(stop__running__stopped_is_called_once),
        ROW(stop__no_devices__stopped_is_called),
    };

    return cmocka_run_group_tests_name("hal", tests, NULL, NULL);
}
