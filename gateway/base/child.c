/* SPDX-License-Identifier: GPL-3.0-or-later */
/* child.c: one state, one timer. The timer's meaning follows from the state: the next start, the next look at
 * a running child, the end of patience with one that shall stop.
 *
 * fork() rather than posix_spawn(): the latter has the parent wait until the program was loaded, which can
 * take long on a worn SD card, while doors wait. What the child does before exec is system calls only, since
 * other threads exist.
 */
#include "gateway/base/child.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gateway/base/clock.h"
#include "gateway/base/lines.h"

#define EXEC_FAILED_STATUS 127
#define REAP_LIMIT_MS      1000
#define DRAIN_READS_MAX    64 /* of a line each: what a socket can hold, so that a grandchild can't hold us */

enum child_state {
    CHILD_WAITING,  /* nothing runs; the timer starts it */
    CHILD_RUNNING,  /* the timer pings it and counts what it owes */
    CHILD_STOPPING, /* was told to end; the timer kills it */
    CHILD_KILLED,   /* will be reaped; no line is taken any more */
    CHILD_STOPPED,  /* for good */
};

struct child {
    sd_event *event;
    char **argv;
    char *ping;
    bool capable;
    size_t line_max;
    size_t out_max;
    struct child_times times;
    struct child_callbacks callbacks;
    void *userdata;

    enum child_state state;
    bool stop;   /* child_stop() was called */
    bool doomed; /* fails at the next turn, for `reason` */
    bool told;   /* `ended` was called for this process */
    char reason[CHILD_REASON_SIZE];

    pid_t pid; /* 0: none */
    int fd;
    struct lines lines;
    sd_event_source *io;
    sd_event_source *exit;
    sd_event_source *timer;

    bool ping_open;  /* sent and not answered */
    int64_t owed_ms; /* how long, in our own turns */
    int64_t started_us;
    unsigned starts;
    unsigned failures; /* in a row */
};

static int64_t or_default(int64_t value, int64_t preset)
{
    return value > 0 ? value : preset;
}

static struct child_times times_with_defaults(const struct child_times *times)
{
    return (struct child_times){
        .ping_every_ms = or_default(times->ping_every_ms, CHILD_PING_EVERY_MS),
        .pong_limit_ms = or_default(times->pong_limit_ms, CHILD_PONG_LIMIT_MS),
        .stop_limit_ms = or_default(times->stop_limit_ms, CHILD_STOP_LIMIT_MS),
        .retry_min_ms = or_default(times->retry_min_ms, CHILD_RETRY_MIN_MS),
        .retry_max_ms = or_default(times->retry_max_ms, CHILD_RETRY_MAX_MS),
        .healthy_ms = or_default(times->healthy_ms, CHILD_HEALTHY_MS),
    };
}

/* The timer exists and its arguments are right: it cannot fail. */
static void arm(struct child *child, int64_t ms)
{
    int r = sd_event_source_set_time_relative(child->timer, (uint64_t)(ms * USEC_PER_MSEC));

    if (r >= 0)
        r = sd_event_source_set_enabled(child->timer, SD_EVENT_ONESHOT);
    assert(r >= 0);
}

static void set_reason(struct child *child, const char *reason)
{
    snprintf(child->reason, sizeof(child->reason), "%s", reason);
}

static void doom(struct child *child, const char *reason)
{
    set_reason(child, reason);
    child->doomed = true;
    arm(child, 0);
}

static void watch_output(struct child *child)
{
    uint32_t events = EPOLLIN | (lines_pending(&child->lines) ? (uint32_t)EPOLLOUT : 0);
    int r = sd_event_source_set_io_events(child->io, events);

    assert(r >= 0);
    if (child->state == CHILD_STOPPING && !lines_pending(&child->lines))
        shutdown(child->fd, SHUT_WR);
}

/* Everything it has started goes with it. */
static void kill_group(struct child *child)
{
    kill(-child->pid, SIGKILL);
    kill(child->pid, SIGKILL); /* it may not yet have its group */
    child->io = sd_event_source_disable_unref(child->io);
    child->state = CHILD_KILLED;
}

/* Half to all of a wait that doubles with each failure. */
static int64_t retry_ms(const struct child *child)
{
    int64_t wait_ms = child->times.retry_min_ms;
    uint32_t random = 0;

    for (unsigned i = 1; i < child->failures && wait_ms < child->times.retry_max_ms; i++)
        wait_ms *= 2;
    if (wait_ms > child->times.retry_max_ms)
        wait_ms = child->times.retry_max_ms;
    (void)!getrandom(&random, sizeof(random), GRND_NONBLOCK); /* without: everybody takes the shortest */
    return wait_ms - wait_ms / 2 + (int64_t)random % (wait_ms / 2 + 1);
}

static void end(struct child *child, bool will_retry)
{
    child->told = true;
    child->callbacks.ended(child->userdata, child->reason, will_retry);
}

static void retry(struct child *child)
{
    if (child->started_us > 0 &&
        clock_boot_us() - child->started_us >= child->times.healthy_ms * USEC_PER_MSEC)
        child->failures = 0;
    child->started_us = 0;
    child->failures++;
    child->state = CHILD_WAITING;
    arm(child, retry_ms(child));
}

/* For `reason`. One that was told to stop says its end when it is reaped. */
static void fail(struct child *child)
{
    kill_group(child);
    if (!child->stop)
        end(child, true);
}

void child_fail(struct child *child, const char *reason)
{
    if (child->state != CHILD_RUNNING && child->state != CHILD_STOPPING)
        return;
    set_reason(child, reason);
    fail(child);
}

/* Hands out what is complete; a callback may end it. */
static void take_lines(struct child *child)
{
    char *line;
    size_t len;
    int r;

    while ((child->state == CHILD_RUNNING || child->state == CHILD_STOPPING) &&
           (r = lines_next(&child->lines, &line, &len)) != 0) {
        if (r > 0)
            child->callbacks.line(child->userdata, line, len);
        else
            child->callbacks.too_long(child->userdata);
    }
}

static int on_io(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
    struct child *child = userdata;
    int r = 0;

    if (revents & EPOLLOUT) {
        if (lines_flush(&child->lines) < 0)
            doom(child, "closed its input");
        else
            watch_output(child);
    }
    if (revents & (EPOLLIN | EPOLLHUP | EPOLLERR)) {
        r = lines_fill(&child->lines);
        take_lines(child);
    }
    if (r < 0 && (child->state == CHILD_RUNNING || child->state == CHILD_STOPPING)) {
        set_reason(child, "closed its output"); /* told when it is reaped, which may know better */
        kill_group(child);
    }
    return 0;
}

static void describe_exit(struct child *child, const siginfo_t *info)
{
    if (info->si_code != CLD_EXITED)
        snprintf(child->reason, sizeof(child->reason), "killed by signal %d (%s)", info->si_status,
                 strsignal(info->si_status));
    else if (info->si_status == EXEC_FAILED_STATUS)
        snprintf(child->reason, sizeof(child->reason), "cannot be executed: %s", child->argv[0]);
    else
        snprintf(child->reason, sizeof(child->reason), "exited with status %d", info->si_status);
}

/* The last words of one that went by itself. */
static void drain(struct child *child)
{
    for (int i = 0; i < DRAIN_READS_MAX; i++) {
        int r = child->state == CHILD_KILLED ? 0 : lines_fill(&child->lines);

        take_lines(child);
        if (r <= 0)
            return;
    }
}

/* Forgets the process: it is reaped, or never came to be. */
static void release(struct child *child)
{
    child->io = sd_event_source_disable_unref(child->io);
    child->exit = sd_event_source_disable_unref(child->exit);
    lines_finish(&child->lines);
    closep(&child->fd);
    child->fd = -1;
    child->pid = 0;
    child->doomed = false;
    child->ping_open = false;
}

static int on_exit_of_child(sd_event_source *source, const siginfo_t *info, void *userdata)
{
    struct child *child = userdata;
    bool by_us;

    drain(child);
    by_us = child->state == CHILD_KILLED && info->si_code != CLD_EXITED && info->si_status == SIGKILL;
    if (!by_us && !child->doomed)
        describe_exit(child, info);
    kill_group(child); /* its own children; it is a zombie still, so the number is not another's */
    release(child);
    if (child->stop) {
        child->state = CHILD_STOPPED;
        end(child, false);
        return 0;
    }
    retry(child);
    if (!child->told)
        end(child, true);
    return 0;
}

/* In the new process, between fork and exec. */
static _Noreturn void become(char *const *argv, bool capable, int fd, pid_t parent)
{
    sigset_t none;

    setpgid(0, 0);
    if (!capable)
        (void)!prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent)
        _exit(EXEC_FAILED_STATUS);
    if (dup2(fd, STDIN_FILENO) < 0 || dup2(fd, STDOUT_FILENO) < 0 ||
        close_range(STDERR_FILENO + 1, ~0U, 0) < 0)
        _exit(EXEC_FAILED_STATUS);
    for (int number = 1; number < NSIG; number++)
        signal(number, SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    execv(argv[0], argv);
    _exit(EXEC_FAILED_STATUS);
}

/* The process and our end of its socket. Both are the child's to release whatever is returned. */
static int spawn(struct child *child)
{
    int fds[2];
    pid_t parent = getpid();

    if (access(child->argv[0], X_OK) < 0 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
        return -errno;
    cleanup_with(closep) int theirs = fds[1];

    child->fd = fds[0];
    pid_t pid = fork();

    if (pid < 0)
        return -errno;
    if (pid == 0)
        become(child->argv, child->capable, theirs, parent);
    child->pid = pid;
    setpgid(pid, pid); /* whoever of both is first */
    return 0;
}

/* Waits for a killed process that the loop does not watch. */
static void reap(pid_t pid, int pidfd)
{
    struct pollfd poll_fd = { .fd = pidfd, .events = POLLIN };

    poll(&poll_fd, 1, REAP_LIMIT_MS);
    waitpid(pid, NULL, WNOHANG);
}

static int watch(struct child *child)
{
    int r = lines_init(&child->lines, child->fd, child->fd, child->line_max, child->out_max);

    if (r >= 0)
        r = sd_event_add_io(child->event, &child->io, child->fd, EPOLLIN, on_io, child);
    if (r >= 0)
        r = sd_event_add_child(child->event, &child->exit, child->pid, WEXITED, on_exit_of_child, child);
    return r < 0 ? r : 0;
}

static void start(struct child *child)
{
    int r = spawn(child);

    child->told = false;
    if (r == 0) {
        r = watch(child);
        if (r < 0) {
            kill_group(child);
            waitpid(child->pid, NULL, 0); /* has had no time to become unkillable */
        }
    }
    if (r < 0) {
        snprintf(child->reason, sizeof(child->reason), "cannot start %s: %s", child->argv[0], strerror(-r));
        release(child);
        retry(child);
        end(child, true);
        return;
    }
    child->state = CHILD_RUNNING;
    child->started_us = clock_boot_us();
    child->starts++;
    arm(child, child->times.ping_every_ms);
    child->callbacks.started(child->userdata);
}

/* One look at a running child. */
static void look(struct child *child)
{
    if (child->ping_open) {
        child->owed_ms += child->times.ping_every_ms;
        if (child->owed_ms >= child->times.pong_limit_ms) {
            on_io(child->io, child->fd, EPOLLIN, child); /* the answer may lie there already */
            if (child->ping_open)
                child_fail(child, "does not answer");
        }
    } else if (child->ping) {
        child->ping_open = true;
        child->owed_ms = 0;
        if (child_send(child, child->ping, strlen(child->ping)) != 0)
            return; /* doomed */
    }
    if (child->state == CHILD_RUNNING && !child->doomed)
        arm(child, child->times.ping_every_ms);
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
    struct child *child = userdata;

    switch (child->state) {
    case CHILD_WAITING:
        if (child->stop) {
            child->state = CHILD_STOPPED;
            end(child, false);
        } else {
            start(child);
        }
        break;
    case CHILD_RUNNING:
        if (child->doomed)
            fail(child);
        else
            look(child);
        break;
    case CHILD_STOPPING:
        child_fail(child, "did not stop when told to");
        break;
    case CHILD_KILLED:
    case CHILD_STOPPED:
        break;
    }
    return 0;
}

static char **copy_argv(const char *const *argv)
{
    size_t count = 0;

    while (argv[count])
        count++;
    char **copy = calloc(count + 1, sizeof(*copy));

    for (size_t i = 0; copy && i < count; i++)
        copy[i] = strdup(argv[i]);
    return copy;
}

static bool copied(const struct child *child, const struct child_spec *spec)
{
    if (!child->argv || (spec->ping && !child->ping))
        return false;
    for (size_t i = 0; spec->argv[i]; i++)
        if (!child->argv[i])
            return false;
    return true;
}

static void child_freep(struct child **child)
{
    child_free(*child);
}

int child_new(sd_event *event, const struct child_spec *spec, const struct child_callbacks *callbacks,
              void *userdata, struct child **ret)
{
    assert(spec->argv[0] && callbacks->started && callbacks->line && callbacks->too_long && callbacks->ended);
    cleanup_with(child_freep) struct child *child = calloc(1, sizeof(*child));

    if (!child)
        return -ENOMEM;
    child->event = sd_event_ref(event);
    child->fd = -1;
    child->argv = copy_argv(spec->argv);
    child->ping = spec->ping ? strdup(spec->ping) : NULL;
    child->capable = spec->capable;
    child->line_max = spec->line_max;
    child->out_max = spec->out_max;
    child->times = times_with_defaults(&spec->times);
    child->callbacks = *callbacks;
    child->userdata = userdata;
    if (!copied(child, spec))
        return -ENOMEM;
    int r = sd_event_add_time_relative(event, &child->timer, CLOCK_BOOTTIME, 0, 1, on_timer, child);

    if (r < 0)
        return r;
    *ret = take_ptr(child);
    return 0;
}

struct child *child_free(struct child *child)
{
    if (!child)
        return NULL;
    sd_event_source_disable_unref(child->timer);
    if (child->pid > 0) {
        kill_group(child);
        reap(child->pid, sd_event_source_get_child_pidfd(child->exit));
    }
    release(child);
    for (size_t i = 0; child->argv && child->argv[i]; i++)
        free(child->argv[i]);
    free(child->argv);
    free(child->ping);
    sd_event_unref(child->event);
    free(child);
    return NULL;
}

int child_send(struct child *child, const char *line, size_t len)
{
    if (!child_running(child))
        return CHILD_E_DOWN;
    int r = lines_put(&child->lines, line, len);

    if (r == -EMSGSIZE)
        return r;
    if (r < 0) {
        doom(child, r == -ENOBUFS ? "does not read" : "closed its input");
        return CHILD_E_DOWN;
    }
    watch_output(child);
    return 0;
}

void child_pong(struct child *child)
{
    child->ping_open = false;
}

void child_stop(struct child *child, const char *line)
{
    if (child->stop)
        return;
    child->stop = true;
    switch (child->state) {
    case CHILD_WAITING:
        arm(child, 0);
        break;
    case CHILD_RUNNING:
        if (line && child_send(child, line, strlen(line)) != 0)
            child->doomed = true;
        child->state = CHILD_STOPPING;
        watch_output(child);
        arm(child, child->doomed ? 0 : child->times.stop_limit_ms);
        break;
    case CHILD_STOPPING:
    case CHILD_KILLED:
    case CHILD_STOPPED:
        break;
    }
}

bool child_running(const struct child *child)
{
    return child->state == CHILD_RUNNING && !child->doomed;
}

pid_t child_pid(const struct child *child)
{
    return child->pid;
}

unsigned child_restarts(const struct child *child)
{
    return child->starts > 0 ? child->starts - 1 : 0;
}
