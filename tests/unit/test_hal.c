/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Devices with real driver processes: stile-sim, and shell scripts that do what no driver should. Scripts and
 * tests wait for each other's lines, never for time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include "gateway/base/clock.h"
#include "gateway/base/file.h"
#include "gateway/base/log.h"
#include "hal/hal.h"

#define PATH_SIZE 256
#define NEVER_MS  INT64_C(3600000)
#define ITEM_JSON "{\"driver\":\"bad\",\"points\":[\"in\"],\"targets\":[\"gate\"]}"

/* What a script starts with: takes its item, says hello, is well. */
#define WELL                                                                                                 \
    "read -r configure\n"                                                                                    \
    "echo '{\"ev\":\"hello\",\"driver\":\"bad\",\"version\":\"7\",\"protocol\":1}'\n"                        \
    "echo '{\"ev\":\"health\",\"state\":\"up\"}'\n"
#define MARK            "echo '{\"ev\":\"removed\",\"at\":1,\"point\":\"in\"}'\n" /* the test waits for it */
#define STAY            "while read -r line; do :; done\n"
#define RESULT(outcome) "echo '{\"ev\":\"result\",\"id\":1,\"outcome\":\"" outcome "\"}'\n"

struct fixture {
    sd_event *event;
    struct hal *hal;
    struct hal_config config;
    char directory[PATH_SIZE];
    int events;
    int changes;
    int results;
    int accepted;
    int stopped;
    struct driver_event last_event;
    enum hal_state state;
    char reason[DRIVER_REASON_SIZE];
    enum driver_outcome outcome;
    char result_reason[DRIVER_REASON_SIZE];
    /* of the last hal_each() */
    int seen;
    pid_t pid;
    int64_t refused;
    char last_error[DRIVER_REASON_SIZE];
};

static void on_event(void *userdata, const char *device, const struct driver_event *event)
{
    struct fixture *f = userdata;

    f->events++;
    f->last_event = *event;
}

static void on_device(void *userdata, const struct hal_status *status)
{
    struct fixture *f = userdata;

    f->changes++;
    f->state = status->state;
    snprintf(f->reason, sizeof(f->reason), "%s", status->reason);
}

static void on_result(void *userdata, int64_t id, enum driver_outcome outcome, const char *reason, int64_t ms)
{
    struct fixture *f = userdata;

    assert_true(ms >= 0);
    if (outcome == DRIVER_OUTCOME_ACCEPTED)
        f->accepted++;
    else
        f->results++;
    f->outcome = outcome;
    snprintf(f->result_reason, sizeof(f->result_reason), "%s", reason);
}

static void on_stopped(void *userdata)
{
    struct fixture *f = userdata;

    f->stopped++;
}

static const struct hal_callbacks callbacks = {
    .event = on_event,
    .device = on_device,
    .result = on_result,
    .stopped = on_stopped,
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    char path[2 * PATH_SIZE];
    char sim[2 * PATH_SIZE];
    sigset_t chld;

    log_init("test", LOG_EMERG);
    sigemptyset(&chld);
    sigaddset(&chld, SIGCHLD);
    sigprocmask(SIG_BLOCK, &chld, NULL);
    assert_true(sd_event_new(&f->event) >= 0);
    snprintf(f->directory, sizeof(f->directory), "/tmp/test_hal.XXXXXX");
    assert_non_null(mkdtemp(f->directory));
    snprintf(path, sizeof(path), "%s/stile-sim", f->directory);
    snprintf(sim, sizeof(sim), "%s/hal/sim/stile-sim", getenv("STILE_BUILD"));
    assert_int_equal(symlink(sim, path), 0);
    f->config = (struct hal_config){
        .driver_directory = f->directory,
        .times = { .ping_every_ms = NEVER_MS, .retry_min_ms = 1, .retry_max_ms = 1 },
        .hello_limit_ms = NEVER_MS,
        .result_margin_ms = NEVER_MS,
    };
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    char path[2 * PATH_SIZE];

    hal_free(f->hal);
    sd_event_unref(f->event);
    snprintf(path, sizeof(path), "%s/stile-sim", f->directory);
    unlink(path);
    snprintf(path, sizeof(path), "%s/stile-bad", f->directory);
    unlink(path);
    rmdir(f->directory);
    free(f);
    return 0;
}

static void until(struct fixture *f, const int *counter, int count)
{
    while (*counter < count)
        assert_true(sd_event_run(f->event, UINT64_MAX) >= 0);
}

static void configure(struct fixture *f, const char *id, const char *driver, const char *json)
{
    struct hal_item item = { .id = id, .driver = driver, .json = json, .json_len = strlen(json) };

    if (!f->hal)
        assert_int_equal(hal_new(f->event, &f->config, &callbacks, f, &f->hal), 0);
    assert_int_equal(hal_configure(f->hal, &item, 1), 0);
}

/* A device whose driver is this script. */
static void run_script(struct fixture *f, const char *body)
{
    char path[2 * PATH_SIZE];
    char script[2048];

    snprintf(path, sizeof(path), "%s/stile-bad", f->directory);
    snprintf(script, sizeof(script), "#!/bin/sh\n%s", body);
    assert_int_equal(file_write(path, script, strlen(script), 0700), 0);
    configure(f, "dev", "bad", ITEM_JSON);
}

/* The same, up. */
static void run_up(struct fixture *f, const char *body)
{
    run_script(f, body);
    until(f, &f->changes, 1);
    assert_int_equal(f->state, HAL_STATE_UP);
}

static int take_status(void *userdata, const struct hal_status *status)
{
    struct fixture *f = userdata;

    f->seen++;
    f->pid = status->pid;
    f->refused = status->refused;
    snprintf(f->last_error, sizeof(f->last_error), "%s", status->last_error);
    return 0;
}

static void look(struct fixture *f)
{
    f->seen = 0;
    assert_int_equal(hal_each(f->hal, take_status, f), 0);
}

static void release_until(struct fixture *f, int64_t deadline_us)
{
    int64_t id;
    const char *reason;

    assert_int_equal(hal_release(f->hal, "gate", DRIVER_DIRECTION_ENTRY, 500, deadline_us, &id, &reason), 0);
    assert_int_equal(id, 1);
}

static void release(struct fixture *f)
{
    release_until(f, clock_boot_us() + NEVER_MS * USEC_PER_MSEC);
}

static void expect_refused(struct fixture *f, const char *target, int64_t deadline_us, const char *expected)
{
    int64_t id;
    const char *reason = "";

    assert_int_equal(hal_release(f->hal, target, DRIVER_DIRECTION_ANY, 500, deadline_us, &id, &reason),
                     HAL_E_REFUSED);
    assert_string_equal(reason, expected);
}

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

static void item__unusable__down_from_the_loop(void **state)
{
    struct fixture *f = *state;

    configure(f, "dev", "../evil", "{}");
    assert_int_equal(f->changes, 0);
    until(f, &f->changes, 1);
    assert_int_equal(f->state, HAL_STATE_DOWN);
    assert_non_null(strstr(f->reason, "item: driver"));
}

static void command__that_cannot_be_sent__refused_with_why(void **state)
{
    struct fixture *f = *state;
    struct driver_command probe = { .kind = DRIVER_COMMAND_PROBE, .deadline_us = INT64_MAX };
    int64_t id;
    const char *reason = "";

    run_script(f, WELL STAY);
    expect_refused(f, "gate", INT64_MAX, "device_down");
    until(f, &f->changes, 1);
    expect_refused(f, "vault", INT64_MAX, "unknown_target");
    expect_refused(f, "gate", clock_boot_us(), "deadline");
    assert_int_equal(hal_command(f->hal, "nobody", &probe, &id, &reason), HAL_E_REFUSED);
    assert_string_equal(reason, "unknown_device");
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

#define ROW(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

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
        ROW(result__for_an_unknown_id__ignored),
        ROW(result__told_twice__heard_once),
        ROW(result__after_its_time__was_unknown_and_stays_so),
        ROW(show__text_too_long__ends_with_a_character),
        ROW(driver__dies_after_accepted__unknown_once),
        ROW(driver__silent__down),
        ROW(driver__of_another_name__down),
        ROW(driver__refuses_its_item__its_reason_is_told),
        ROW(driver__does_not_exist__down),
        ROW(health__down__no_command_is_taken),
        ROW(item__unusable__down_from_the_loop),
        ROW(command__that_cannot_be_sent__refused_with_why),
        ROW(configure__same_item__runs_on),
        ROW(configure__changed_item__old_command_is_unknown_and_new_driver_runs),
        ROW(configure__too_many__nothing_changed),
        ROW(stop__running__stopped_is_called_once),
        ROW(stop__no_devices__stopped_is_called),
    };

    return cmocka_run_group_tests_name("hal", tests, NULL, NULL);
}
