/* SPDX-License-Identifier: GPL-3.0-or-later */
/* hal_fixture.h: devices with real driver processes: stile-sim, and shell scripts that do what no driver
 * should. Scripts and tests wait for each other's lines, never for time. */
#pragma once

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
    int found;
    int progress;
    char told[DRIVER_REASON_SIZE];
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

static void on_found(void *userdata, int64_t id, const struct driver_found *found)
{
    struct fixture *f = userdata;

    assert_int_equal(id, 1);
    assert_string_equal(found->address, "54:D2:72:0A:0B:0C");
    f->found++;
}

static void on_progress(void *userdata, int64_t id, const char *text)
{
    struct fixture *f = userdata;

    assert_int_equal(id, 1);
    f->progress++;
    snprintf(f->told, sizeof(f->told), "%s", text);
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
    .found = on_found,
    .progress = on_progress,
    .stopped = on_stopped,
};

static inline int setup(void **state)
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

static inline int teardown(void **state)
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

static inline void until(struct fixture *f, const int *counter, int count)
{
    while (*counter < count)
        assert_true(sd_event_run(f->event, UINT64_MAX) >= 0);
}

static inline void configure(struct fixture *f, const char *id, const char *driver, const char *json)
{
    struct hal_item item = { .id = id, .driver = driver, .json = json, .json_len = strlen(json) };

    if (!f->hal)
        assert_int_equal(hal_new(f->event, &f->config, &callbacks, f, &f->hal), 0);
    assert_int_equal(hal_configure(f->hal, &item, 1), 0);
}

/* A device whose driver is this script. */
static inline void run_script(struct fixture *f, const char *body)
{
    char path[2 * PATH_SIZE];
    char script[2048];

    snprintf(path, sizeof(path), "%s/stile-bad", f->directory);
    snprintf(script, sizeof(script), "#!/bin/sh\n%s", body);
    assert_int_equal(file_write(path, script, strlen(script), 0700), 0);
    configure(f, "dev", "bad", ITEM_JSON);
}

/* The same, up. */
static inline void run_up(struct fixture *f, const char *body)
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

static inline void look(struct fixture *f)
{
    f->seen = 0;
    assert_int_equal(hal_each(f->hal, take_status, f), 0);
}

static inline void release_until(struct fixture *f, int64_t deadline_us)
{
    int64_t id;
    const char *reason;

    assert_int_equal(hal_release(f->hal, "gate", DRIVER_DIRECTION_ENTRY, 500, deadline_us, &id, &reason), 0);
    assert_int_equal(id, 1);
}

static inline void release(struct fixture *f)
{
    release_until(f, clock_boot_us() + NEVER_MS * USEC_PER_MSEC);
}

static inline void expect_refused(struct fixture *f, const char *target, int64_t deadline_us,
                                  const char *expected)
{
    int64_t id;
    const char *reason = "";

    assert_int_equal(hal_release(f->hal, target, DRIVER_DIRECTION_ANY, 500, deadline_us, &id, &reason),
                     HAL_E_REFUSED);
    assert_string_equal(reason, expected);
}

#define ROW(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
