/* SPDX-License-Identifier: GPL-3.0-or-later */
/* worker.c: gateway/store/worker.h without a thread. A job runs in one step of the universe, some time after
 * it was submitted, and comes back some time after that: in between the disk knows more than the loop. */
#include "gateway/store/worker.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "gateway/store/job_list.h"
#include "tests/sim/loop.h"
#include "tests/sim/machine.h"
#include "tests/sim/sim.h"

#define WORKERS_MAX 2

/* Descriptors that are none. */
#define FIRST_FD 1000

#define QUICK_US 2000
#define SLOW_US  (20 * USEC_PER_SEC)

struct worker {
    bool used;
    size_t number;
    size_t submitted;
    size_t queue_max;
    struct job_list waiting;
    struct job_list finished;
    struct worker_job *running; /* taken, and not back yet */
    bool has_run;
    int64_t looks_at; /* for a job that is due later; 0: never */
};

static struct worker workers[WORKERS_MAX];

static int64_t time_taken(void)
{
    return sim_mishap(sim_faults()->slow_disk, 20) ? sim_between(0, SLOW_US) : sim_between(20, QUICK_US);
}

static void look(void *argument, int64_t number);

static void come_back(void *argument, int64_t number)
{
    struct worker *worker = &workers[number];

    job_list_add(&worker->finished, worker->running);
    worker->running = NULL;
    loop_readable(worker_fd(worker));
    look(NULL, number);
}

static void run(void *argument, int64_t number)
{
    struct worker_job *job = workers[number].running;

    job->run(job);
    workers[number].has_run = true;
    sim_at(SIM_GATEWAY, time_taken(), come_back, NULL, number);
}

/* Takes the first job that is due, unless there is one under way. */
static void look(void *argument, int64_t number)
{
    struct worker *worker = &workers[number];
    int64_t earliest = INT64_MAX;

    if (worker->looks_at <= sim_now())
        worker->looks_at = 0;
    for (struct worker_job **place = &worker->waiting.first; *place && !worker->running;
         place = &(*place)->next) {
        if ((*place)->due_us <= sim_now()) {
            worker->running = job_list_take(&worker->waiting, place);
            worker->has_run = false;
            sim_at(SIM_GATEWAY, time_taken(), run, NULL, number);
            return;
        }
        earliest = (*place)->due_us < earliest ? (*place)->due_us : earliest;
    }
    if (worker->running || earliest == INT64_MAX || (worker->looks_at && worker->looks_at <= earliest))
        return;
    worker->looks_at = earliest;
    sim_at(SIM_GATEWAY, earliest - sim_now(), look, NULL, number);
}

int worker_new(const char *name, size_t queue_max, struct worker **ret_worker)
{
    size_t number = 0;

    while (workers[number].used)
        number++;
    assert(number < WORKERS_MAX);
    workers[number] = (struct worker){ .used = true, .number = number, .queue_max = queue_max };
    job_list_init(&workers[number].waiting);
    job_list_init(&workers[number].finished);
    *ret_worker = &workers[number];
    return 0;
}

int worker_fd(const struct worker *worker)
{
    return FIRST_FD + (int)worker->number;
}

void worker_dispatch(struct worker *worker)
{
    struct worker_job *job = worker->finished.first;

    job_list_init(&worker->finished);
    for (struct worker_job *next; job; job = next) {
        next = job->next;
        assert(worker->submitted > 0);
        worker->submitted--;
        job->done(job);
    }
}

int worker_submit(struct worker *worker, struct worker_job *job)
{
    if (worker->submitted >= worker->queue_max)
        return -ENOBUFS;
    worker_submit_reserved(worker, job, 0);
    return 0;
}

void worker_submit_reserved(struct worker *worker, struct worker_job *job, int64_t delay_us)
{
    job->due_us = sim_now() + delay_us;
    worker->submitted++;
    job_list_add(&worker->waiting, job);
    look(NULL, (int64_t)worker->number);
}

/* The one under way; its event in the future finds nothing any more, since the process ends. */
static void finish_running(struct worker *worker)
{
    struct worker_job *job = worker->running;

    if (!job)
        return;
    if (!worker->has_run)
        job->run(job);
    worker->running = NULL;
    job_list_add(&worker->finished, job);
}

void worker_drain(struct worker *worker)
{
    sim_forget(SIM_GATEWAY);
    while (worker->submitted > 0) {
        finish_running(worker);
        while (worker->waiting.first) {
            struct worker_job *job = job_list_take(&worker->waiting, &worker->waiting.first);

            job->run(job);
            job_list_add(&worker->finished, job);
        }
        worker_dispatch(worker);
    }
}

struct worker *worker_free(struct worker *worker)
{
    if (!worker)
        return NULL;
    worker_drain(worker);
    worker->used = false;
    return NULL;
}
