/* SPDX-License-Identifier: GPL-3.0-or-later */
/* child.h: a child process that speaks in lines and is kept alive.
 *
 * The child has one end of a socketpair as standard input and output and inherits standard error. It is
 * pinged; one that does not answer (stopped, spinning, blocked) is killed with its process group. Whatever
 * ends it, it is started again after a time that doubles with each failure, with jitter, until it has stayed
 * up for a while. Lines that were not handled when it is killed are dropped.
 *
 * Runs on an sd-event loop. The program must have SIGCHLD blocked in every thread (sd_event_add_child()),
 * and descriptors 0, 1 and 2 open. The child starts with no signal blocked or ignored, no descriptor above 2,
 * and dies with the thread that runs the loop (PR_SET_PDEATHSIG).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <systemd/sd-event.h>

#include "gateway/base/cleanup.h"

struct child;

/* Bytes of a reason with NUL. */
#define CHILD_REASON_SIZE 161

/* The process does not run now. */
#define CHILD_E_DOWN 1

/* Durations in milliseconds; 0 takes the default behind it. A child that hangs is noticed within
 * ping_every_ms + pong_limit_ms. Patience is counted in our own turns, so that time in which this program
 * itself slept is not held against the child. */
#define CHILD_PING_EVERY_MS 500
#define CHILD_PONG_LIMIT_MS 4000
#define CHILD_STOP_LIMIT_MS 2000
#define CHILD_RETRY_MIN_MS  250
#define CHILD_RETRY_MAX_MS  30000
#define CHILD_HEALTHY_MS    10000
struct child_times {
    int64_t ping_every_ms; /* between pings, and between looks at what the child owes */
    int64_t pong_limit_ms; /* until an unanswered ping is a hang */
    int64_t stop_limit_ms; /* between child_stop() and SIGKILL */
    int64_t retry_min_ms;  /* before the first restart; each further one waits twice as long ... */
    int64_t retry_max_ms;  /* ... up to this. The wait lies between half and all of it */
    int64_t healthy_ms;    /* up for this long: the next failure counts as the first */
};

struct child_spec {
    const char *const *argv; /* NULL-terminated; argv[0] is the program's path. Copied */
    const char *ping;        /* the line that asks for a pong, without LF; NULL: never asks. Copied */
    size_t line_max;         /* longest line with LF, both ways */
    bool capable;            /* keeps the capabilities that systemd gave this program; others have none */
    size_t out_max;          /* most bytes kept for a child that does not read; more is a hang */
    struct child_times times;
};

/* Called from the loop, never from within child_new(), child_send() or child_free(). child_free() must not
 * be called from them; child_fail(), child_stop() and child_send() may. */
struct child_callbacks {
    /* The process was started; nothing was said yet. */
    void (*started)(void *userdata);

    /* A line without LF, terminated by NUL, writable until return. Call child_pong() for an answer to ping.
     */
    void (*line)(void *userdata, char *line, size_t len);

    /* A line was longer than line_max and is gone. */
    void (*too_long)(void *userdata);

    /* The process ended, is being killed, or could not be started; nothing more comes from it. It will be
     * started again, unless child_stop() was called: then will_retry is false and this is the last call. */
    void (*ended)(void *userdata, const char *reason, bool will_retry);
};

/* Starts the process from the loop's next turn on. Returns 0 or a negative errno. */
int child_new(sd_event *event, const struct child_spec *spec, const struct child_callbacks *callbacks,
              void *userdata, struct child **ret) must_check;

/* Kills the process if it runs, waits for its end (a second at most), frees. Takes NULL, returns NULL. */
struct child *child_free(struct child *child);

/* Sends a line without LF. Returns 0, CHILD_E_DOWN, or -EMSGSIZE. A child whose out_max is exceeded or whose
 * end is closed is killed from the loop's next turn on, and CHILD_E_DOWN returned. */
int child_send(struct child *child, const char *line, size_t len) must_check;

/* The child answered a ping. */
void child_pong(struct child *child);

/* The child misbehaves: it is killed and started again after its back-off. `ended` is called before this
 * returns. Nothing happens if it does not run. */
void child_fail(struct child *child, const char *reason);

/* Ends it for good: sends line (NULL: none), closes its input, kills it after stop_limit_ms. `ended` is
 * called once it is gone, from the loop. */
void child_stop(struct child *child, const char *line);

/* Whether a process runs that can be talked to. */
bool child_running(const struct child *child);

/* Its process id, 0 if none runs. */
pid_t child_pid(const struct child *child);

/* How often it was started again. */
unsigned child_restarts(const struct child *child);
