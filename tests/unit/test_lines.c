/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Bytes that come in any pieces, and lines that leave in any. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gateway/base/lines.h"

#define TEST_LINE_MAX 16

struct fixture {
    int fds[2]; /* 0: the lines', 1: the peer's */
    struct lines lines;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, f->fds), 0);
    assert_int_equal(lines_init(&f->lines, f->fds[0], f->fds[0], TEST_LINE_MAX, 4 * TEST_LINE_MAX), 0);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    lines_finish(&f->lines);
    close(f->fds[0]);
    close(f->fds[1]);
    free(f);
    return 0;
}

static void feed(struct fixture *f, const char *bytes)
{
    assert_int_equal(write(f->fds[1], bytes, strlen(bytes)), (ssize_t)strlen(bytes));
}

static void expect_line(struct fixture *f, const char *expected)
{
    char *line;
    size_t len;

    assert_int_equal(lines_next(&f->lines, &line, &len), 1);
    assert_string_equal(line, expected);
    assert_int_equal(len, strlen(expected));
}

static void expect_none(struct fixture *f)
{
    char *line;
    size_t len;

    assert_int_equal(lines_next(&f->lines, &line, &len), 0);
}

static void lines__several_in_one_read__come_one_by_one(void **state)
{
    struct fixture *f = *state;

    feed(f, "one\n\ntwo\nthr");
    assert_int_equal(lines_fill(&f->lines), 1);
    expect_line(f, "one");
    expect_line(f, "");
    expect_line(f, "two");
    expect_none(f);
    feed(f, "ee\n");
    assert_int_equal(lines_fill(&f->lines), 1);
    expect_line(f, "three");
    expect_none(f);
}

static void lines__nothing_there__is_not_an_end(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(lines_fill(&f->lines), 0);
    shutdown(f->fds[1], SHUT_WR);
    assert_int_equal(lines_fill(&f->lines), -EPIPE);
}

static void lines__longest_line__is_taken(void **state)
{
    struct fixture *f = *state;

    feed(f, "123456789012345\n");
    assert_int_equal(lines_fill(&f->lines), 1);
    expect_line(f, "123456789012345");
}

static void lines__too_long__is_dropped_whole_and_reported_once(void **state)
{
    struct fixture *f = *state;
    char *line;
    size_t len;
    int reported = 0;

    feed(f, "1234567890123456789012345678901234567890\nnext\n");
    for (int i = 0; i < 8; i++) {
        assert_true(lines_fill(&f->lines) >= 0);
        int r = lines_next(&f->lines, &line, &len);

        if (r == -EMSGSIZE) {
            reported++;
            continue;
        }
        if (r == 1)
            assert_string_equal(line, "next");
    }
    assert_int_equal(reported, 1);
    assert_false(f->lines.dropping);
}

static void lines_put__peer_reads__gets_the_lines(void **state)
{
    struct fixture *f = *state;
    char got[32] = "";

    assert_int_equal(lines_put(&f->lines, "hello", 5), 0);
    assert_int_equal(lines_put(&f->lines, "", 0), 0);
    assert_int_equal(read(f->fds[1], got, sizeof(got)), 7);
    assert_memory_equal(got, "hello\n\n", 7);
    assert_false(lines_pending(&f->lines));
}

static void lines_put__longer_than_a_line__is_refused(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(lines_put(&f->lines, "1234567890123456", 16), -EMSGSIZE);
    assert_int_equal(lines_put(&f->lines, "123456789012345", 15), 0);
}

static void lines_put__peer_does_not_read__is_refused_whole(void **state)
{
    struct fixture *f = *state;
    char block[4096];
    char got[8];
    int taken = 0;

    memset(block, 'x', sizeof(block));
    while (write(f->fds[0], block, sizeof(block)) > 0) /* the socket's own buffer */
        ;
    while (lines_put(&f->lines, "1234567", 7) == 0)
        taken++;
    assert_int_equal(taken, 8); /* 64 bytes of 8 each */
    assert_int_equal(lines_put(&f->lines, "1234567", 7), -ENOBUFS);
    assert_int_equal(lines_flush(&f->lines), 1);

    while (read(f->fds[1], block, sizeof(block)) > 0)
        ;
    assert_int_equal(lines_flush(&f->lines), 0);
    for (int i = 0; i < taken; i++) {
        assert_int_equal(read(f->fds[1], got, 8), 8);
        assert_memory_equal(got, "1234567\n", 8);
    }
    assert_int_equal(read(f->fds[1], got, 8), -1);
}

static void lines_put__peer_gone__says_so(void **state)
{
    struct fixture *f = *state;

    close(f->fds[1]);
    f->fds[1] = -1;
    assert_int_equal(lines_put(&f->lines, "x", 1), -EPIPE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(lines__several_in_one_read__come_one_by_one, setup, teardown),
        cmocka_unit_test_setup_teardown(lines__nothing_there__is_not_an_end, setup, teardown),
        cmocka_unit_test_setup_teardown(lines__longest_line__is_taken, setup, teardown),
        cmocka_unit_test_setup_teardown(lines__too_long__is_dropped_whole_and_reported_once, setup, teardown),
        cmocka_unit_test_setup_teardown(lines_put__peer_reads__gets_the_lines, setup, teardown),
        cmocka_unit_test_setup_teardown(lines_put__longer_than_a_line__is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(lines_put__peer_does_not_read__is_refused_whole, setup, teardown),
        cmocka_unit_test_setup_teardown(lines_put__peer_gone__says_so, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
