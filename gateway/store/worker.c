/* SPDX-License-Identifier: GPL-3.0-or-later */
/* worker.c: two lists under one mutex: jobs that wait and jobs that have run. An eventfd tells the loop of
 * the second, a condition variable tells the thread of the first. */
#include "gateway/store/worker.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <time.h>

#include "gateway/store/job_list.h"

#define NSEC_PER_USEC   1000
#define USEC_PER_SECOND INT64_C(1000000)

struct worker {
    pthread_t thread;
    int event_fd;

    /* The loop's thread only. */
    size_t submitted; /* and not yet done */
    size_t queue_max;

    pthread_mutex_t mutex;
    pthread_cond_t wake;
    /* Under the mutex. */
    struct job_list waiting;
    struct job_list finished;
    bool hurry; /* delays are over */
    bool stop;
};

static int64_t monotonic_us(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * USEC_PER_SECOND + ts.tv_nsec / NSEC_PER_USEC;
}

/* The first job whose time has come, or NULL with *ret_due the time of the earliest (0: there is none). */
static struct worker_job *take_due(struct worker *worker, int64_t *ret_due)
{
    struct worker_job **place;
    int64_t now_us = monotonic_us();
    int64_t earliest = 0;

    for (place = &worker->waiting.first; *place; place = &(*place)->next) {
        int64_t due = (*place)->due_us;

        if (worker->hurry || due <= now_us)
            return job_list_take(&worker->waiting, place);
        if (earliest == 0 || due < earliest)
            earliest = due;
    }
    *ret_due = earliest;
    return NULL;
}

static void wait_until(struct worker *worker, int64_t due_us)
{
    struct timespec ts = { .tv_sec = due_us / USEC_PER_SECOND,
                           .tv_nsec = due_us % USEC_PER_SECOND * NSEC_PER_USEC };

    if (due_us == 0)
        pthread_cond_wait(&worker->wake, &worker->mutex);
    else
        pthread_cond_timedwait(&worker->wake, &worker->mutex, &ts);
}

static void *worker_main(void *argument)
{
    struct worker *worker = argument;
    struct worker_job *job;
    int64_t due_us = 0;

    pthread_mutex_lock(&worker->mutex);
    for (;;) {
        job = take_due(worker, &due_us);
        if (!job && worker->stop)
            break;
        if (!job) {
            wait_until(worker, due_us);
            continue;
        }
        pthread_mutex_unlock(&worker->mutex);
        job->run(job);
        pthread_mutex_lock(&worker->mutex);
        job_list_add(&worker->finished, job);
        eventfd_write(worker->event_fd, 1);
    }
    pthread_mutex_unlock(&worker->mutex);
    return NULL;
}

/* A job may compute for as long as it likes. Where the loop has real-time priority (systemd/stiled.service) a
 * thread of the same one would keep a processor from it for a whole slice; one below, it gives way at once.
 * It stays above what is ordinary, since that must not keep a processor from a thread that holds our mutex.
 */
static void give_way(pthread_t thread)
{
    struct sched_param param;

    if (sched_getparam(0, &param) == 0 && param.sched_priority > 1)
        pthread_setschedprio(thread, param.sched_priority - 1);
}

/* The thread leaves all signals to the loop. */
static int start_thread(struct worker *worker, const char *name)
{
    sigset_t all, before;
    int r;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    r = pthread_create(&worker->thread, NULL, worker_main, worker);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (r != 0)
        return -r;
    pthread_setname_np(worker->thread, name);
    give_way(worker->thread);
    return 0;
}

static void init_locks(struct worker *worker)
{
    pthread_condattr_t attributes;

    pthread_mutex_init(&worker->mutex, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&worker->wake, &attributes);
    pthread_condattr_destroy(&attributes);
}

static void destroy(struct worker *worker)
{
    pthread_cond_destroy(&worker->wake);
    pthread_mutex_destroy(&worker->mutex);
    closep(&worker->event_fd);
    free(worker);
}

int worker_new(const char *name, size_t queue_max, struct worker **ret_worker)
{
    struct worker *worker = calloc(1, sizeof(*worker));
    int r;

    if (!worker)
        return -ENOMEM;
    worker->queue_max = queue_max;
    job_list_init(&worker->waiting);
    job_list_init(&worker->finished);
    init_locks(worker);
    worker->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    r = worker->event_fd < 0 ? -errno : start_thread(worker, name);
    if (r < 0) {
        destroy(worker);
        return r;
    }
    *ret_worker = worker;
    return 0;
}

struct worker *worker_free(struct worker *worker)
{
    if (!worker)
        return NULL;
    worker_drain(worker);
    pthread_mutex_lock(&worker->mutex);
    worker->stop = true;
    pthread_cond_signal(&worker->wake);
    pthread_mutex_unlock(&worker->mutex);
    pthread_join(worker->thread, NULL);
    destroy(worker);
    return NULL;
}

int worker_fd(const struct worker *worker)
{
    return worker->event_fd;
}

void worker_dispatch(struct worker *worker)
{
    struct worker_job *job, *next;
    eventfd_t count;

    (void)eventfd_read(worker->event_fd, &count);
    pthread_mutex_lock(&worker->mutex);
    job = worker->finished.first;
    job_list_init(&worker->finished);
    pthread_mutex_unlock(&worker->mutex);
    for (; job; job = next) {
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
    job->due_us = delay_us > 0 ? monotonic_us() + delay_us : 0;
    worker->submitted++;
    pthread_mutex_lock(&worker->mutex);
    job_list_add(&worker->waiting, job);
    pthread_cond_signal(&worker->wake);
    pthread_mutex_unlock(&worker->mutex);
}

void worker_drain(struct worker *worker)
{
    struct pollfd poll_fd = { .fd = worker->event_fd, .events = POLLIN };

    pthread_mutex_lock(&worker->mutex);
    worker->hurry = true;
    pthread_cond_signal(&worker->wake);
    pthread_mutex_unlock(&worker->mutex);
    while (worker->submitted > 0) {
        (void)poll(&poll_fd, 1, -1);
        worker_dispatch(worker);
    }
}
