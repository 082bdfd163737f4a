/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Real processes on a real loop. The test waits for callbacks only; times are checked from below, which holds
 * on the slowest machine. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/types.h>

#include "gateway/base/child.h"
#include "gateway/base/clock.h"
#include "gateway/base/lines.h"

#define NEVER_MS   INT64_C(3600000)
#define STARTS_MAX 8

struct fixture {
    sd_event *event;
    struct child *child;
    const char *send;    /* at each start */
    const char *fail_on; /* a line at which child_fail() is called */
    bool stop_at_end;    /* child_stop() from within `ended` */
    int started;
    int lines;
    int too_long;
    int ended;
    bool will_retry;
    char first[LINE_BYTES_MAX];
    char last[LINE_BYTES_MAX];
    char reason[CHILD_REASON_SIZE];
    int64_t ended_us[STARTS_MAX];
    int64_t started_us[STARTS_MAX];
};

static int64_t loop_us(struct fixture *f)
{
    uint64_t now = 0;

    assert_true(sd_event_now(f->event, CLOCK_BOOTTIME, &now) >= 0);
    return (int64_t)now;
}

static void on_started(void *userdata)
{
    struct fixture *f = userdata;

    if (f->started < STARTS_MAX)
        f->started_us[f->started] = loop_us(f);
    f->started++;
    if (f->send)
        assert_int_equal(child_send(f->child, f->send, strlen(f->send)), 0);
}

static void on_line(void *userdata, char *line, size_t len)
{
    struct fixture *f = userdata;

    assert_int_equal(strlen(line), len);
    if (strcmp(line, "pong") == 0)
        child_pong(f->child);
    if (f->fail_on && strcmp(line, f->fail_on) == 0)
        child_fail(f->child, "told so");
    snprintf(f->last, sizeof(f->last), "%s", line); /* the line is still there after child_fail() */
    if (f->lines == 0)
        snprintf(f->first, sizeof(f->first), "%s", line);
    f->lines++;
}

static void on_too_long(void *userdata)
{
    struct fixture *f = userdata;

    f->too_long++;
}

static void on_ended(void *userdata, const char *reason, bool will_retry)
{
    struct fixture *f = userdata;

    if (f->ended < STARTS_MAX)
        f->ended_us[f->ended] = loop_us(f);
    f->ended++;
    f->will_retry = will_retry;
    snprintf(f->reason, sizeof(f->reason), "%s", reason);
    if (f->stop_at_end)
        child_stop(f->child, NULL);
}

static const struct child_callbacks callbacks = {
    .started = on_started,
    .line = on_line,
    .too_long = on_too_long,
    .ended = on_ended,
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    sigset_t chld;

    sigemptyset(&chld);
    sigaddset(&chld, SIGCHLD);
    sigprocmask(SIG_BLOCK, &chld, NULL);
    assert_true(sd_event_new(&f->event) >= 0);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    child_free(f->child);
    sd_event_unref(f->event);
    free(f);
    return 0;
}

static void run_program(struct fixture *f, const char *const *argv, const char *ping,
                        const struct child_times *times)
{
    struct child_spec spec = {
        .argv = argv, .ping = ping, .line_max = 256, .out_max = 16 * 1024, .times = *times
    };

    assert_int_equal(child_new(f->event, &spec, &callbacks, f, &f->child), 0);
}

/* Never pinged; restarted quickly. */
static void run_script(struct fixture *f, const char *script)
{
    const char *const argv[] = { "/bin/sh", "-c", script, NULL };
    const struct child_times times = { .retry_min_ms = 1, .retry_max_ms = 1, .stop_limit_ms = NEVER_MS };

    run_program(f, argv, NULL, &times);
}

/* Turns the loop until *counter has come to count. */
static void until(struct fixture *f, const int *counter, int count)
{
    while (*counter < count)
        assert_true(sd_event_run(f->event, UINT64_MAX) >= 0);
}

static void line__sent__answer_comes(void **state)
{
    struct fixture *f = *state;

    f->send = "hello";
    run_script(f, "while read line; do echo \"got $line\"; done");
    assert_false(child_running(f->child));
    until(f, &f->lines, 1);
    assert_string_equal(f->last, "got hello");
    assert_true(child_running(f->child));
    assert_true(child_pid(f->child) > 0);
    assert_int_equal(child_restarts(f->child), 0);
}

static void exit__last_words__are_heard_and_it_is_restarted(void **state)
{
    struct fixture *f = *state;

    run_script(f, "echo one; echo two; exit 3");
    until(f, &f->ended, 1);
    assert_int_equal(f->lines, 2);
    assert_string_equal(f->last, "two");
    assert_string_equal(f->reason, "exited with status 3");
    assert_true(f->will_retry);
    assert_int_equal(child_pid(f->child), 0);
    until(f, &f->started, 2);
    assert_int_equal(child_restarts(f->child), 1);
}

static void exit__by_signal__named(void **state)
{
    struct fixture *f = *state;

    run_script(f, "kill -SEGV $$");
    until(f, &f->ended, 1);
    assert_non_null(strstr(f->reason, "killed by signal 11"));
}

static void start__no_such_program__tried_again(void **state)
{
    struct fixture *f = *state;
    const char *const argv[] = { "/nonexistent/driver", NULL };
    const struct child_times times = { .retry_min_ms = 1, .retry_max_ms = 1 };

    run_program(f, argv, NULL, &times);
    until(f, &f->ended, 2);
    assert_int_equal(f->started, 0);
    assert_string_equal(f->reason, "cannot start /nonexistent/driver: No such file or directory");
    assert_true(f->will_retry);
}

static void start__not_a_program__tried_again(void **state)
{
    struct fixture *f = *state;
    const char *const argv[] = { "/tmp", NULL };
    const struct child_times times = { .retry_min_ms = 1, .retry_max_ms = 1 };

    run_program(f, argv, NULL, &times);
    until(f, &f->ended, 2);
    assert_string_equal(f->reason, "cannot be executed: /tmp");
}

static void retry__failing_again_and_again__waits_double(void **state)
{
    struct fixture *f = *state;
    const char *const argv[] = { "/bin/false", NULL };
    const struct child_times times = { .retry_min_ms = 4, .retry_max_ms = 16, .healthy_ms = NEVER_MS };
    const int64_t least_ms[] = { 2, 4, 8, 8 }; /* half of 4, 8, 16, 16 */

    run_program(f, argv, NULL, &times);
    until(f, &f->started, 5);
    for (int i = 0; i < 4; i++)
        assert_true(f->started_us[i + 1] - f->ended_us[i] >= least_ms[i] * USEC_PER_MSEC);
}

static void ping__answered__runs_on(void **state)
{
    struct fixture *f = *state;
    const char *const argv[] = { "/bin/sh", "-c", "while read line; do echo pong; done", NULL };
    const struct child_times times = { .ping_every_ms = 1, .pong_limit_ms = NEVER_MS };

    run_program(f, argv, "ping", &times);
    until(f, &f->lines, 5);
    assert_int_equal(f->ended, 0);
}

static void ping__stopped_process__killed_and_restarted(void **state)
{
    struct fixture *f = *state;
    const char *const argv[] = { "/bin/sh", "-c", "kill -STOP $$", NULL };
    const struct child_times times = {
        .ping_every_ms = 2, .pong_limit_ms = 10, .retry_min_ms = 1, .retry_max_ms = 1
    };

    run_program(f, argv, "ping", &times);
    until(f, &f->started, 2);
    assert_string_equal(f->reason, "does not answer");
    assert_int_equal(f->ended, 1);
}

static void send__never_read__killed(void **state)
{
    struct fixture *f = *state;
    char line[200];
    int sent = 0;

    memset(line, 'x', sizeof(line));
    run_script(f, "exec sleep 1000");
    until(f, &f->started, 1);
    while (child_send(f->child, line, sizeof(line)) == 0)
        sent++;
    assert_true(sent > 0);
    assert_false(child_running(f->child));
    assert_int_equal(f->ended, 0); /* not from within child_send() */
    until(f, &f->ended, 1);
    assert_string_equal(f->reason, "does not read");
    until(f, &f->started, 2);
    assert_int_equal(child_send(f->child, "y", 1), 0);
}

static void send__no_process__down(void **state)
{
    struct fixture *f = *state;

    run_script(f, "exit 0");
    assert_int_equal(child_send(f->child, "x", 1), CHILD_E_DOWN);
}

static void send__longer_than_a_line__refused_and_unharmed(void **state)
{
    struct fixture *f = *state;
    char line[256] = "";

    run_script(f, "exec cat");
    until(f, &f->started, 1);
    assert_int_equal(child_send(f->child, line, sizeof(line)), -EMSGSIZE);
    assert_true(child_running(f->child));
}

static void line__too_long__reported_and_next_is_heard(void **state)
{
    struct fixture *f = *state;

    run_script(f, "printf '%01000d\\nnext\\n' 0; exec cat");
    until(f, &f->lines, 1);
    assert_int_equal(f->too_long, 1);
    assert_string_equal(f->first, "next");
}

static void output__closed__killed(void **state)
{
    struct fixture *f = *state;

    run_script(f, "exec sleep 1000 >&- <&-");
    until(f, &f->ended, 1);
    assert_string_equal(f->reason, "closed its output");
    assert_true(f->will_retry);
}

static void fail__from_a_line__ended_at_once_and_later_lines_dropped(void **state)
{
    struct fixture *f = *state;

    f->fail_on = "bad";
    run_script(f, "printf 'bad\\nworse\\n'; exec sleep 1000");
    until(f, &f->lines, 1);
    assert_int_equal(f->ended, 1);
    assert_string_equal(f->reason, "told so");
    assert_string_equal(f->last, "bad");
    f->fail_on = NULL;
    until(f, &f->lines, 3); /* of its second life */
    assert_int_equal(f->ended, 1);
}

static void stop__obedient__hears_the_line_and_ends_for_good(void **state)
{
    struct fixture *f = *state;

    run_script(f, "read line; echo \"heard $line\"; read line || exit 7");
    until(f, &f->started, 1);
    child_stop(f->child, "bye");
    assert_false(child_running(f->child));
    until(f, &f->ended, 1);
    assert_string_equal(f->last, "heard bye");
    assert_string_equal(f->reason, "exited with status 7");
    assert_false(f->will_retry);
}

static void stop__deaf__killed_after_the_limit(void **state)
{
    struct fixture *f = *state;
    const char *const argv[] = { "/bin/sleep", "1000", NULL };
    const struct child_times times = { .stop_limit_ms = 5 };

    run_program(f, argv, NULL, &times);
    until(f, &f->started, 1);
    child_stop(f->child, NULL);
    until(f, &f->ended, 1);
    assert_string_equal(f->reason, "did not stop when told to");
    assert_false(f->will_retry);
}

static void stop__while_it_waits_to_start__last_call_says_so(void **state)
{
    struct fixture *f = *state;

    f->stop_at_end = true;
    run_script(f, "exit 1");
    until(f, &f->ended, 2);
    assert_false(f->will_retry);
    assert_int_equal(f->started, 1);
}

static void free__running__process_is_gone(void **state)
{
    struct fixture *f = *state;

    run_script(f, "exec sleep 1000");
    until(f, &f->started, 1);
    pid_t pid = child_pid(f->child);

    f->child = child_free(f->child);
    assert_int_equal(kill(pid, 0), -1);
    assert_int_equal(errno, ESRCH);
    assert_int_equal(f->ended, 0);
}

static void process__at_start__no_descriptor_and_no_signal_is_left(void **state)
{
    struct fixture *f = *state;
    int leaked = fcntl(STDERR_FILENO, F_DUPFD, 100); /* without close-on-exec */

    signal(SIGPIPE, SIG_IGN);
    run_script(f, "grep -cE '^Sig(Blk|Ign):.0+$' /proc/self/status; exec ls /proc/self/fd");
    until(f, &f->ended, 1);
    signal(SIGPIPE, SIG_DFL);
    close(leaked);
    assert_string_equal(f->first, "2"); /* SigBlk and SigIgn are empty */
    assert_int_equal(f->lines, 1 + 4);  /* 0, 1, 2, and ls's own of the directory */
    assert_string_equal(f->last, "3");
}

/* Ours, as systemd may have given them; the kernel gives some only to who may have them, so that for who may
 * not both children have none. */
static void take_ambient_capability(void)
{
    struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

    assert_int_equal(syscall(SYS_capget, &header, data), 0);
    data[0].inheritable |= data[0].permitted & 1u << CAP_NET_RAW;
    assert_int_equal(syscall(SYS_capset, &header, data), 0);
    (void)!prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_NET_RAW, 0, 0);
}

/* Returns what /proc says of it. */
static const char *ambient_capabilities(struct fixture *f, bool capable)
{
    const char *const argv[] = { "/bin/grep", "CapAmb", "/proc/self/status", NULL };
    const struct child_spec spec = { .argv = argv,
                                     .capable = capable,
                                     .line_max = 256,
                                     .out_max = 1024,
                                     .times = { .retry_min_ms = NEVER_MS, .retry_max_ms = NEVER_MS } };
    int ended = f->ended;

    assert_int_equal(child_new(f->event, &spec, &callbacks, f, &f->child), 0);
    until(f, &f->ended, ended + 1);
    f->child = child_free(f->child);
    return f->last;
}

static void process__capable_or_not__keeps_the_ambient_capabilities_or_has_none(void **state)
{
    struct fixture *f = *state;
    static const char none[] = "CapAmb:\t0000000000000000";

    take_ambient_capability();
    bool ours = prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_NET_RAW, 0, 0) > 0;

    assert_string_equal(ambient_capabilities(f, false), none);
    assert_int_equal(strcmp(ambient_capabilities(f, true), none) != 0, ours);
}

#define ROW(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ROW(line__sent__answer_comes),
        ROW(exit__last_words__are_heard_and_it_is_restarted),
        ROW(exit__by_signal__named),
        ROW(start__no_such_program__tried_again),
        ROW(start__not_a_program__tried_again),
        ROW(retry__failing_again_and_again__waits_double),
        ROW(ping__answered__runs_on),
        ROW(ping__stopped_process__killed_and_restarted),
        ROW(send__never_read__killed),
        ROW(send__no_process__down),
        ROW(send__longer_than_a_line__refused_and_unharmed),
        ROW(line__too_long__reported_and_next_is_heard),
        ROW(output__closed__killed),
        ROW(fail__from_a_line__ended_at_once_and_later_lines_dropped),
        ROW(stop__obedient__hears_the_line_and_ends_for_good),
        ROW(stop__deaf__killed_after_the_limit),
        ROW(stop__while_it_waits_to_start__last_call_says_so),
        ROW(free__running__process_is_gone),
        ROW(process__at_start__no_descriptor_and_no_signal_is_left),
        ROW(process__capable_or_not__keeps_the_ambient_capabilities_or_has_none),
    };

    return cmocka_run_group_tests_name("child", tests, NULL, NULL);
}
