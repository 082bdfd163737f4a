/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A driver that notes what reaches it, run on a socket pair: what is typed to it stands there before it
 * starts, and its work() ends it, so nothing here waits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <syslog.h>
#include <unistd.h>

#include "gateway/base/clock.h"
#include "gateway/base/log.h"
#include "hal/driver.h"

#define CONFIGURE                                                                                            \
    "{\"do\":\"configure\",\"device\":{\"driver\":\"fake\",\"points\":[\"in\"],\"targets\":[\"gate\"]}}\n"
#define LATER INT64_C(9000000000000000)

struct fixture {
    int fds[2]; /* 0: the driver's, 1: the gateway's */
    int configured;
    int released;
    int shown;
    int prepared;
    int works;
    int configure_result;
    char out[128 * 1024];
    size_t out_len;
    void (*in_work)(struct driver *driver, struct fixture *f);
};

static int fake_configure(struct driver *driver, void *self, struct json_object *device,
                          struct json_error *error)
{
    struct fixture *f = self;

    f->configured++;
    if (f->configure_result == -EBADMSG)
        json_error_set(error, "port", "is missing");
    return f->configure_result;
}

static int fake_work(struct driver *driver, void *self)
{
    struct fixture *f = self;

    f->works++;
    if (f->in_work)
        f->in_work(driver, f);
    driver_quit(driver, 7);
    return DRIVER_WAIT_FOREVER;
}

static void fake_release(struct driver *driver, void *self, const struct driver_command *command)
{
    struct fixture *f = self;

    f->released++;
    driver_result(driver, command->id, DRIVER_OUTCOME_ACCEPTED, NULL);
    driver_result(driver, command->id, DRIVER_OUTCOME_COMPLETED, NULL);
    driver_result(driver, command->id, DRIVER_OUTCOME_FAILED, "twice"); /* must not be told */
}

static void fake_show(struct driver *driver, void *self, const struct driver_command *command)
{
    struct fixture *f = self;

    f->shown++;
}

static void fake_prepare(struct driver *driver, void *self, const struct driver_command *command)
{
    struct fixture *f = self;

    f->prepared++;
}

static void fake_scan(struct driver *driver, void *self, const struct driver_command *command)
{
    const struct driver_found found = { .address = "54:D2:72:0A:0B:0C", .rssi = -60 };

    driver_progress(driver, command->id, "Wait.");
    driver_found(driver, command->id, &found);
    driver_result(driver, command->id, DRIVER_OUTCOME_COMPLETED, NULL);
    driver_found(driver, command->id, &found); /* must not be told */
    driver_progress(driver, command->id, "Wait.");
}

static const char *const capabilities[] = { "display", NULL };
static const struct driver_ops ops = {
    .name = "fake",
    .version = "1",
    .capabilities = capabilities,
    .configure = fake_configure,
    .work = fake_work,
    .release = fake_release,
    .show = fake_show,
    .prepare = fake_prepare,
    .scan = fake_scan,
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, f->fds), 0);
    log_init("test", LOG_EMERG);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    close(f->fds[0]);
    close(f->fds[1]);
    free(f);
    return 0;
}

static void type_in(struct fixture *f, const char *bytes)
{
    assert_int_equal(write(f->fds[1], bytes, strlen(bytes)), (ssize_t)strlen(bytes));
}

static void release_line(struct fixture *f, int id, const char *target, int64_t deadline_us)
{
    char line[256];

    snprintf(line, sizeof(line),
             "{\"do\":\"release\",\"id\":%d,\"target\":\"%s\",\"pulse_ms\":500,\"deadline\":%lld}\n", id,
             target, (long long)deadline_us);
    type_in(f, line);
}

/* Runs it to its end and takes what it said. */
static int run(struct fixture *f)
{
    int status = driver_run_on(&ops, f, f->fds[0], f->fds[0]);
    ssize_t n;

    while ((n = read(f->fds[1], f->out + f->out_len, sizeof(f->out) - 1 - f->out_len)) > 0)
        f->out_len += (size_t)n;
    return status;
}

static int run_to_end_of_file(struct fixture *f)
{
    shutdown(f->fds[1], SHUT_WR);
    return run(f);
}

static int said(const struct fixture *f, const char *part)
{
    int count = 0;

    for (const char *at = f->out; (at = strstr(at, part)); at++)
        count++;
    return count;
}

static void configure__first__hello_then_work(void **state)
{
    struct fixture *f = *state;

    type_in(f, CONFIGURE);
    assert_int_equal(run(f), 7);
    assert_int_equal(f->works, 1);
    assert_non_null(strstr(f->out, "{\"ev\":\"hello\",\"driver\":\"fake\",\"version\":\"1\",\"protocol\":1,"
                                   "\"points\":[\"in\"],\"targets\":[\"gate\"],\"capabilities\":["
                                   "\"display\"]"));
}

static void configure__twice__second_is_an_error(void **state)
{
    struct fixture *f = *state;

    type_in(f, CONFIGURE CONFIGURE);
    assert_int_equal(run(f), 7);
    assert_int_equal(f->configured, 1);
    assert_int_equal(said(f, "is configured already"), 1);
}

static void configure__refused__error_names_member_and_ends(void **state)
{
    struct fixture *f = *state;

    f->configure_result = -EBADMSG;
    type_in(f, CONFIGURE);
    assert_int_equal(run(f), 1);
    assert_int_equal(said(f, "\"ev\":\"error\",\"text\":\"is missing\",\"member\":\"port\""), 1);
    assert_int_equal(said(f, "hello"), 0);
}

static void ping__before_configure__pong_with_its_id(void **state)
{
    struct fixture *f = *state;

    type_in(f, "{\"do\":\"ping\",\"id\":5}\n{\"do\":\"ping\"}\n");
    assert_int_equal(run_to_end_of_file(f), 0);
    assert_int_equal(said(f, "{\"ev\":\"pong\",\"id\":5,"), 1);
    assert_int_equal(said(f, "{\"ev\":\"pong\",\"id\":0,"), 1);
}

static void release__in_time__reaches_the_driver_and_ends_once(void **state)
{
    struct fixture *f = *state;

    type_in(f, CONFIGURE);
    release_line(f, 3, "gate", LATER);
    run(f);
    assert_int_equal(f->released, 1);
    assert_int_equal(said(f, "\"id\":3,\"outcome\":\"accepted\""), 1);
    assert_int_equal(said(f, "\"id\":3,\"outcome\":\"completed\""), 1);
    assert_int_equal(said(f, "\"outcome\":\"failed\""), 0);
}

static void release__past_its_deadline__failed_unseen(void **state)
{
    struct fixture *f = *state;

    type_in(f, CONFIGURE);
    release_line(f, 3, "gate", clock_boot_us() - 1);
    run(f);
    assert_int_equal(f->released, 0);
    assert_int_equal(said(f, "\"id\":3,\"outcome\":\"failed\",\"reason\":\"deadline\""), 1);
}

static void release__of_a_foreign_target__failed_unseen(void **state)
{
    struct fixture *f = *state;

    type_in(f, CONFIGURE);
    release_line(f, 3, "vault", LATER);
    run(f);
    assert_int_equal(f->released, 0);
    assert_int_equal(said(f, "\"reason\":\"unknown_target\""), 1);
}

static void release__before_configure__failed(void **state)
{
    struct fixture *f = *state;

    release_line(f, 3, "gate", LATER);
    assert_int_equal(run_to_end_of_file(f), 0);
    assert_int_equal(said(f, "\"reason\":\"not_configured\""), 1);
}

static void command__without_function__failed(void **state)
{
    struct fixture *f = *state;

    type_in(f, CONFIGURE "{\"do\":\"lock\",\"id\":4,\"target\":\"gate\",\"deadline\":9000000000000000}\n");
    run(f);
    assert_int_equal(said(f, "\"id\":4,\"outcome\":\"failed\",\"reason\":\"not_supported\""), 1);
}

static void show__own_and_foreign_point__only_own_reaches(void **state)
{
    struct fixture *f = *state;

    type_in(f, CONFIGURE "{\"do\":\"show\",\"point\":\"in\",\"indication\":\"denied\"}\n"
                         "{\"do\":\"show\",\"point\":\"out\",\"indication\":\"denied\"}\n");
    run(f);
    assert_int_equal(f->shown, 1);
    assert_int_equal(said(f, "result"), 0);
}

static void prepare__own_and_foreign_target__only_own_reaches(void **state)
{
    struct fixture *f = *state;

    type_in(f, CONFIGURE "{\"do\":\"prepare\",\"target\":\"gate\"}\n"
                         "{\"do\":\"prepare\",\"target\":\"vault\"}\n");
    run(f);
    assert_int_equal(f->prepared, 1);
    assert_int_equal(said(f, "result"), 0);
}

static void scan__under_way__told_until_its_end(void **state)
{
    struct fixture *f = *state;

    type_in(f, CONFIGURE "{\"do\":\"scan\",\"id\":4,\"deadline\":9000000000000000}\n");
    run(f);
    assert_int_equal(said(f, "{\"ev\":\"progress\",\"id\":4,\"text\":\"Wait.\""), 1);
    assert_int_equal(said(f, "{\"ev\":\"found\",\"id\":4,\"address\":\"54:D2:72:0A:0B:0C\",\"rssi\":-60"), 1);
    assert_int_equal(said(f, "\"id\":4,\"outcome\":\"completed\""), 1);
}

static void pair__driver_without_it__failed(void **state)
{
    struct fixture *f = *state;

    type_in(f, CONFIGURE "{\"do\":\"pair\",\"id\":4,\"target\":\"gate\",\"address\":\"54:D2:72:0A:0B:0C\","
                         "\"deadline\":9000000000000000}\n");
    run(f);
    assert_int_equal(said(f, "\"id\":4,\"outcome\":\"failed\",\"reason\":\"not_supported\""), 1);
}

static void line__not_understood__error_and_goes_on(void **state)
{
    struct fixture *f = *state;

    type_in(f, "hello?\n{\"do\":\"dance\"}\n{\"do\":\"ping\",\"id\":9}\n");
    assert_int_equal(run_to_end_of_file(f), 0);
    assert_int_equal(said(f, "\"ev\":\"error\""), 2);
    assert_int_equal(said(f, "\"pong\""), 1);
}

static void shutdown__said__ends_with_0(void **state)
{
    struct fixture *f = *state;

    type_in(f, CONFIGURE "{\"do\":\"shutdown\"}\n");
    release_line(f, 3, "gate", LATER);
    assert_int_equal(run(f), 0);
    assert_int_equal(f->released, 0);
}

static void say_health(struct driver *driver, struct fixture *f)
{
    struct driver_counter counter = { "reads", 1 };

    driver_health(driver, DRIVER_HEALTH_UP, NULL, &counter, 1);
    counter.value = 2; /* new, but too soon */
    driver_health(driver, DRIVER_HEALTH_UP, NULL, &counter, 1);
    driver_health(driver, DRIVER_HEALTH_DOWN, "unplugged", &counter, 1);
    driver_health(driver, DRIVER_HEALTH_DOWN, "unplugged", &counter, 1);
}

static void health__said_again__told_once(void **state)
{
    struct fixture *f = *state;

    f->in_work = say_health;
    type_in(f, CONFIGURE);
    run(f);
    assert_int_equal(said(f, "\"ev\":\"health\""), 2);
    assert_int_equal(said(f, "\"state\":\"down\",\"reason\":\"unplugged\",\"counters\":{\"reads\":2}"), 1);
}

static void say_events(struct driver *driver, struct fixture *f)
{
    driver_presented(driver, "in", "card", "04A1B2C3", DRIVER_ASSURANCE_IDENTIFIER);
    driver_removed(driver, "in");
    driver_input(driver, "in", DRIVER_ROLE_TAMPER, true);
    driver_input_target(driver, "gate", DRIVER_ROLE_FIRE, false);
    driver_passage(driver, "gate", DRIVER_DIRECTION_ENTRY, 2);
    driver_no_passage(driver, "gate", DRIVER_DIRECTION_EXIT);
    driver_state(driver, "gate", DRIVER_LOCK_LOCKED, DRIVER_DOOR_CLOSED, 80);
    driver_door(driver, "gate", DRIVER_DOOR_OPENING, false, true);
    driver_lock(driver, "gate", DRIVER_LOCK_JAMMED, DRIVER_DOOR_CLOSED, "motor_blocked");
    driver_approach(driver, "in");
}

static void events__each__stamped_and_readable(void **state)
{
    struct fixture *f = *state;
    struct driver_event event;
    struct json_error error;
    int64_t before_us = clock_boot_us();
    int count = 0;
    char *rest = NULL;

    f->in_work = say_events;
    type_in(f, CONFIGURE);
    run(f);
    for (char *line = strtok_r(f->out, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        assert_int_equal(driver_event_parse(line, strlen(line), &event, &error), 0);
        assert_in_range(event.at_us, before_us, clock_boot_us());
        count++;
    }
    assert_int_equal(count, 11); /* and hello */
}

static void say_too_much(struct driver *driver, struct fixture *f)
{
    for (int i = 0; i < 10000; i++)
        driver_removed(driver, "in");
}

static void output__unread__bounded_and_never_blocks(void **state)
{
    struct fixture *f = *state;

    f->in_work = say_too_much;
    type_in(f, CONFIGURE);
    assert_int_equal(run(f), 7);
    assert_in_range(said(f, "removed"), 1, 9999);
}

static void ask_wanted(struct driver *driver, struct fixture *f)
{
    assert_false(driver_wanted(driver));
    type_in(f, "{\"do\":\"ping\"}\n");
    assert_true(driver_wanted(driver));
}

static void wanted__command_waits__true(void **state)
{
    struct fixture *f = *state;

    f->in_work = ask_wanted;
    type_in(f, CONFIGURE);
    run(f);
    assert_int_equal(f->works, 1);
}

#define ROW(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ROW(configure__first__hello_then_work),
        ROW(configure__twice__second_is_an_error),
        ROW(configure__refused__error_names_member_and_ends),
        ROW(ping__before_configure__pong_with_its_id),
        ROW(release__in_time__reaches_the_driver_and_ends_once),
        ROW(release__past_its_deadline__failed_unseen),
        ROW(release__of_a_foreign_target__failed_unseen),
        ROW(release__before_configure__failed),
        ROW(command__without_function__failed),
        ROW(show__own_and_foreign_point__only_own_reaches),
        ROW(prepare__own_and_foreign_target__only_own_reaches),
        ROW(scan__under_way__told_until_its_end),
        ROW(pair__driver_without_it__failed),
        ROW(line__not_understood__error_and_goes_on),
        ROW(shutdown__said__ends_with_0),
        ROW(health__said_again__told_once),
        ROW(events__each__stamped_and_readable),
        ROW(output__unread__bounded_and_never_blocks),
        ROW(wanted__command_waits__true),
    };

    return cmocka_run_group_tests_name("driver", tests, NULL, NULL);
}
