/* SPDX-License-Identifier: GPL-3.0-or-later */
/* policy_store_disk.c: the power goes before any write, truncation, sync or deletion of a file, and the disk
 * is full or broken for a while. What was reported is there afterwards, and never a mix.
 *
 *     policy_store_disk CUTS [SEED [NORMAL]]      NORMAL: the file is synced as seldom as that
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "tests/fault/memory_disk.h"
#include "tests/fault/policy_store_model.h"
#include "tests/unit/policy_store_fixture.h"

#define LIVES     3   /* of a file: cuts one after the other */
#define LIFE_MAX  400 /* operations until the cut; opening takes the first dozen. Prime to LIVES */
#define FAULTS    200
#define FAULT_MAX 3 /* operations that fail in a row */

struct arguments {
    uint64_t cuts;
    uint64_t seed;
    bool careless;
};

struct run {
    uint64_t cuts;
    struct memory_disk disk;
    struct fixture *f;
    uint64_t seed;
    int64_t reported;
};

static uint64_t draw(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

static void forget(struct run *run)
{
    memory_disk_format(&run->disk);
    run->reported = 0;
}

/* The file is at the version reported last or at the next. */
static void check(struct run *run)
{
    int64_t found = policy_store_model_check(run->f);

    assert_true(found == run->reported || found == run->reported + POLICY_STORE_MODEL_SPAN);
    run->reported = found;
}

static bool change(struct run *run)
{
    enum policy_outcome outcome = policy_store_model_change(run->f, draw(&run->seed) % 4 != 0);

    assert_true(outcome == POLICY_APPLIED || outcome == POLICY_FAILED);
    if (outcome == POLICY_APPLIED)
        run->reported = run->f->report.position.version;
    return outcome == POLICY_APPLIED;
}

static void live_until_cut(struct run *run)
{
    int r = try_open(run->f);

    assert_false(run->f->opened.damaged);
    if (r < 0)
        return;
    assert_int_equal(policy_store_start(run->f->store), 0);
    while (change(run))
        ;
    close_store(run->f);
}

static void power__cut_at_any_operation__whole_version(void **state)
{
    struct run *run = *state;

    for (uint64_t i = 0; i < run->cuts; i++) {
        if (i % LIVES == 0)
            forget(run);
        enum memory_disk_cut cut = memory_disk_plan(&run->disk, i, LIFE_MAX);

        live_until_cut(run);
        memory_disk_restart(&run->disk, cut, draw, &run->seed);
        check(run);
    }
}

/* A change that failed leaves the version, and succeeds when it is asked for again. */
static void break_disk(struct run *run, int code)
{
    open_store(run->f);
    assert_true(change(run));
    int64_t before = run->reported;

    run->disk.fail_code = code;
    run->disk.fail_from = run->disk.operations + draw(&run->seed) % LIFE_MAX;
    run->disk.fail_to = run->disk.fail_from + 1 + draw(&run->seed) % FAULT_MAX;
    while (run->disk.operations < run->disk.fail_to) {
        if (!change(run))
            assert_int_equal(policy_store_position(run->f->store)->version, run->reported);
    }
    assert_true(change(run));
    assert_true(run->reported > before);
    close_store(run->f);
    check(run);
}

static void disk__full_or_broken_for_a_while__goes_on(void **state)
{
    struct run *run = *state;

    forget(run);
    for (int i = 0; i < FAULTS; i++)
        break_disk(run, i % 2 == 0 ? SQLITE_FULL : SQLITE_IOERR_WRITE);
}

static void synchronous_normal__is_noticed(void **state)
{
    assert_true(memory_disk_notices("100"));
}

static int set_up(void **state)
{
    const struct arguments *arguments = *state;
    struct run *run = calloc(1, sizeof(*run));
    void *fixture = NULL;

    run->disk.careless = arguments->careless;

    memory_disk_install(&run->disk);
    setup(&fixture);
    run->f = fixture;
    run->cuts = arguments->cuts;
    run->seed = arguments->seed;
    run->f->image_people_min = 1;
    close_store(run->f);
    *state = run;
    return 0;
}

static int tear_down(void **state)
{
    struct run *run = *state;
    void *fixture = run->f;

    teardown(&fixture);
    memory_disk_format(&run->disk);
    sqlite3_vfs_unregister(&run->disk.vfs);
    free(run);
    return 0;
}

int main(int argc, char **argv)
{
    struct arguments arguments = {
        .cuts = argc > 1 ? strtoull(argv[1], NULL, 10) : 0,
        .seed = argc > 2 ? strtoull(argv[2], NULL, 10) : (uint64_t)time(NULL),
        .careless = argc > 3,
    };
    const struct CMUnitTest power[] = {
        cmocka_unit_test_prestate_setup_teardown(power__cut_at_any_operation__whole_version, set_up,
                                                 tear_down, &arguments),
    };
    const struct CMUnitTest others[] = {
        cmocka_unit_test(synchronous_normal__is_noticed),
        cmocka_unit_test_prestate_setup_teardown(disk__full_or_broken_for_a_while__goes_on, set_up, tear_down,
                                                 &arguments),
    };

    if (arguments.cuts == 0 || arguments.seed == 0) {
        fputs("usage: policy_store_disk CUTS [SEED [NORMAL]]\n", stderr);
        return 2;
    }
    printf("seed %" PRIu64 "\n", arguments.seed);
    fflush(stdout);
    if (arguments.careless)
        return cmocka_run_group_tests(power, NULL, NULL);
    return cmocka_run_group_tests(power, NULL, NULL) + cmocka_run_group_tests(others, NULL, NULL);
}
