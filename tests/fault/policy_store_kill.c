/* SPDX-License-Identifier: GPL-3.0-or-later */
/* policy_store_kill.c: kills a process at any moment of a delta or snapshot, and looks at what is left.
 *
 * The child says which version it is about to ask for and which one was reported; after its death the file
 * must be at one of the two.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include <inttypes.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/fault/policy_store_model.h"
#include "tests/unit/policy_store_fixture.h"

#define ROUNDS           300
#define ROUNDS_OF_A_FILE 25 /* then a new one, so that its creation is killed as well */
#define LIFE_US_MAX      40000

/* What a child says. */
struct word {
    int64_t version;
    bool reported; /* else it is about to be asked for */
};

static void say(int fd, int64_t version, bool reported)
{
    struct word word = { .version = version, .reported = reported };

    assert_int_equal(write(fd, &word, sizeof(word)), sizeof(word));
}

static void live(struct fixture *f, int fd, unsigned seed)
{
    open_store(f);
    for (;;) {
        int64_t next = policy_store_position(f->store)->version + POLICY_STORE_MODEL_SPAN;

        say(fd, next, false);
        assert_int_equal(policy_store_model_change(f, rand_r(&seed) % 4 != 0), POLICY_APPLIED);
        say(fd, next, true);
    }
}

static void kill_after(pid_t pid, int64_t life_us)
{
    struct timespec life = { .tv_nsec = life_us * 1000 };
    int status;

    nanosleep(&life, NULL);
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

/* One life. *version is the last reported one, before and after. */
static void live_and_die(struct fixture *f, int64_t *version, unsigned *seed)
{
    int fds[2];
    struct word word;
    int64_t asked = *version;

    assert_int_equal(pipe(fds), 0);
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        close(fds[0]);
        live(f, fds[1], (unsigned)rand_r(seed));
    }
    close(fds[1]);
    kill_after(pid, rand_r(seed) % LIFE_US_MAX);
    while (read(fds[0], &word, sizeof(word)) == sizeof(word)) {
        asked = word.version;
        if (word.reported)
            *version = word.version;
    }
    close(fds[0]);
    int64_t found = policy_store_model_check(f);

    assert_true(found == *version || found == asked);
    *version = found;
}

static void killed__at_any_moment__whole_version(void **state)
{
    struct fixture *f = *state;
    unsigned seed = 1;
    int64_t version = 0, versions = 0;

    f->image_people_min = 1;
    close_store(f);
    for (int i = 0; i < ROUNDS; i++) {
        if (i % ROUNDS_OF_A_FILE == 0) {
            remove_dir(f->dir);
            make_dir(f);
            versions += version;
            version = 0;
        }
        live_and_die(f, &version, &seed);
    }
    print_message("# %d rounds, %" PRId64 " versions\n", ROUNDS, versions);
    assert_true(versions > ROUNDS); /* most lives were long enough to change something */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(killed__at_any_moment__whole_version, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
