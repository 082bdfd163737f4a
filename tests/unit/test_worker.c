/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Jobs for the thread that owns a file, and their answers on the loop. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>

#include "gateway/store/worker.h"

#define QUEUE_MAX 8
#define LONG_US   INT64_C(3600000000)

struct fixture {
    struct worker *worker;
    sem_t gate; /* jobs that wait for the test */
    size_t ran; /* in this order */
    size_t done;
    size_t again; /* how often a job submits itself anew */
};

struct numbered {
    struct worker_job job;
    struct fixture *fixture;
    size_t order; /* when it ran, from 1 */
    pthread_t thread;
    bool signals_blocked;
    struct sched_param schedule;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    assert_int_equal(sem_init(&f->gate, 0, 0), 0);
    assert_int_equal(worker_new("test", QUEUE_MAX, &f->worker), 0);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    worker_free(f->worker);
    sem_destroy(&f->gate);
    free(f);
    return 0;
}

static void run(struct worker_job *job)
{
    struct numbered *self = (struct numbered *)job;
    sigset_t mask;

    self->order = ++self->fixture->ran;
    self->thread = pthread_self();
    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    self->signals_blocked = sigismember(&mask, SIGTERM);
    assert_int_equal(sched_getparam(0, &self->schedule), 0);
}

static void run_gated(struct worker_job *job)
{
    sem_wait(&((struct numbered *)job)->fixture->gate);
    run(job);
}

static void done(struct worker_job *job)
{
    ((struct numbered *)job)->fixture->done++;
}

static void done_again(struct worker_job *job)
{
    struct fixture *f = ((struct numbered *)job)->fixture;

    f->done++;
    if (f->again-- > 0)
        assert_int_equal(worker_submit(f->worker, job), 0);
}

static struct numbered job_for(struct fixture *f)
{
    return (struct numbered){ .job = { .run = run, .done = done }, .fixture = f };
}

static void worker__jobs__run_elsewhere_in_order_and_come_back(void **state)
{
    struct fixture *f = *state;
    struct numbered jobs[3] = { job_for(f), job_for(f), job_for(f) };
    struct pollfd poll_fd = { .fd = worker_fd(f->worker), .events = POLLIN };

    for (size_t i = 0; i < 3; i++)
        assert_int_equal(worker_submit(f->worker, &jobs[i].job), 0);
    assert_int_equal(f->done, 0);
    while (f->done < 3) {
        assert_int_equal(poll(&poll_fd, 1, -1), 1);
        worker_dispatch(f->worker);
    }
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(jobs[i].order, i + 1);
        assert_false(pthread_equal(jobs[i].thread, pthread_self()));
        assert_true(jobs[i].signals_blocked);
    }
}

static void worker__nothing_left__fd_is_quiet(void **state)
{
    struct fixture *f = *state;
    struct numbered job = job_for(f);
    struct pollfd poll_fd = { .fd = worker_fd(f->worker), .events = POLLIN };

    assert_int_equal(poll(&poll_fd, 1, 0), 0);
    assert_int_equal(worker_submit(f->worker, &job.job), 0);
    worker_drain(f->worker);
    assert_int_equal(poll(&poll_fd, 1, 0), 0);
}

static void worker_submit__full__refuses_and_reserved_does_not(void **state)
{
    struct fixture *f = *state;
    struct numbered jobs[QUEUE_MAX + 2];

    for (size_t i = 0; i < QUEUE_MAX + 2; i++)
        jobs[i] = job_for(f);
    jobs[0].job.run = run_gated;
    for (size_t i = 0; i < QUEUE_MAX; i++)
        assert_int_equal(worker_submit(f->worker, &jobs[i].job), 0);
    assert_int_equal(worker_submit(f->worker, &jobs[QUEUE_MAX].job), -ENOBUFS);
    worker_submit_reserved(f->worker, &jobs[QUEUE_MAX + 1].job, 0);
    sem_post(&f->gate);
    worker_drain(f->worker);
    assert_int_equal(f->done, QUEUE_MAX + 1);
    assert_int_equal(jobs[QUEUE_MAX].order, 0);
    assert_int_equal(worker_submit(f->worker, &jobs[QUEUE_MAX].job), 0);
    worker_drain(f->worker);
}

static void worker__delayed_job__lets_others_pass(void **state)
{
    struct fixture *f = *state;
    struct numbered late = job_for(f), early = job_for(f);
    struct pollfd poll_fd = { .fd = worker_fd(f->worker), .events = POLLIN };

    worker_submit_reserved(f->worker, &late.job, LONG_US);
    assert_int_equal(worker_submit(f->worker, &early.job), 0);
    assert_int_equal(poll(&poll_fd, 1, -1), 1);
    worker_dispatch(f->worker);
    assert_int_equal(early.order, 1);
    assert_int_equal(late.order, 0);
    worker_drain(f->worker);
}

static void worker__delay_over__runs(void **state)
{
    struct fixture *f = *state;
    struct numbered job = job_for(f);
    struct pollfd poll_fd = { .fd = worker_fd(f->worker), .events = POLLIN };

    worker_submit_reserved(f->worker, &job.job, 1000);
    assert_int_equal(poll(&poll_fd, 1, -1), 1);
    worker_dispatch(f->worker);
    assert_int_equal(f->done, 1);
}

static void worker_free__jobs_waiting__does_them_at_once(void **state)
{
    struct fixture *f = *state;
    struct numbered late = job_for(f), early = job_for(f);

    worker_submit_reserved(f->worker, &late.job, LONG_US);
    assert_int_equal(worker_submit(f->worker, &early.job), 0);
    f->worker = worker_free(f->worker);
    assert_int_equal(f->done, 2);
    assert_null(f->worker);
}

static void worker_drain__done_submits_again__goes_on(void **state)
{
    struct fixture *f = *state;
    struct numbered job = job_for(f);

    job.job.done = done_again;
    f->again = 5;
    assert_int_equal(worker_submit(f->worker, &job.job), 0);
    worker_drain(f->worker);
    assert_int_equal(f->done, 6);
}

/* An ordinary loop has priority 0, and stays ordinary where the test may not change that. */
static void worker__loop_with_priority__stays_below_it(void **state)
{
    static const struct sched_param ordinary = { .sched_priority = 0 }, high = { .sched_priority = 3 };
    struct fixture f = { 0 };
    struct numbered job = job_for(&f);
    struct sched_param own;

    (void)sched_setscheduler(0, SCHED_RR, &high);
    assert_int_equal(sched_getparam(0, &own), 0);
    assert_int_equal(worker_new("test", QUEUE_MAX, &f.worker), 0);
    assert_int_equal(worker_submit(f.worker, &job.job), 0);
    worker_free(f.worker);
    assert_int_equal(sched_setscheduler(0, SCHED_OTHER, &ordinary), 0);
    assert_int_equal(job.schedule.sched_priority, own.sched_priority ? own.sched_priority - 1 : 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(worker__jobs__run_elsewhere_in_order_and_come_back, setup, teardown),
        cmocka_unit_test_setup_teardown(worker__nothing_left__fd_is_quiet, setup, teardown),
        cmocka_unit_test_setup_teardown(worker_submit__full__refuses_and_reserved_does_not, setup, teardown),
        cmocka_unit_test_setup_teardown(worker__delayed_job__lets_others_pass, setup, teardown),
        cmocka_unit_test_setup_teardown(worker__delay_over__runs, setup, teardown),
        cmocka_unit_test_setup_teardown(worker_free__jobs_waiting__does_them_at_once, setup, teardown),
        cmocka_unit_test_setup_teardown(worker_drain__done_submits_again__goes_on, setup, teardown),
        cmocka_unit_test(worker__loop_with_priority__stays_below_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
