/* SPDX-License-Identifier: GPL-3.0-or-later */
/* worker.h: one thread that does what can block, for a loop that must not.
 *
 * A job is a struct embedded in the caller's own: run() is called on the worker's thread, done() afterwards
 * on the loop's thread, from worker_dispatch(). In between the job belongs to the worker; what it points to
 * is touched by nobody else. Jobs run one at a time, in order of submission except for delays. All functions
 * here are for the loop's thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/cleanup.h"

struct worker;

struct worker_job {
    void (*run)(struct worker_job *job);
    void (*done)(
        struct worker_job *job); /* the job is the caller's again: it may be freed or submitted anew */
    int64_t due_us;              /* the worker's */
    struct worker_job *next;     /* the worker's */
};

/* Starts a thread of that name (at most 15 bytes) with all signals blocked. queue_max: jobs submitted and not
 * yet done at most. Returns 0 or a negative errno. */
int worker_new(const char *name, size_t queue_max, struct worker **ret_worker) must_check;

/* Does what is still submitted, delays cut short, calls its done() and ends the thread. NULL is harmless.
 * Returns NULL. */
struct worker *worker_free(struct worker *worker);

/* Readable when worker_dispatch() has something to do. */
int worker_fd(const struct worker *worker);

/* Calls done() of each job that has run. */
void worker_dispatch(struct worker *worker);

/* Returns 0, or -ENOBUFS if queue_max jobs are there already: nothing is taken. */
int worker_submit(struct worker *worker, struct worker_job *job) must_check;

/* For a job of which there is only one, so that it needs no bound: is always taken, and runs delay_us from
 * now at the earliest. */
void worker_submit_reserved(struct worker *worker, struct worker_job *job, int64_t delay_us);

/* Waits until nothing is submitted any more, done() of everything called; delays are cut short from here on.
 * done() may go on submitting. */
void worker_drain(struct worker *worker);
