/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is sent to a terminal so that it shows a frame. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include <locale.h>

#include "tools/stilectl/screen.h"

#define CLEAR "\033[0m\033[2J"

struct fixture {
    struct screen screen;
    struct text out;
};

static int setup(void **state)
{
    *state = calloc(1, sizeof(struct fixture));
    return *state && setlocale(LC_CTYPE, "C.UTF-8") ? 0 : -1;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    screen_finish(&f->screen);
    text_finish(&f->out);
    free(f);
    return 0;
}

static const char *draw(struct fixture *f, size_t rows, size_t columns, const char *const lines[])
{
    assert_int_equal(screen_begin(&f->screen, rows, columns), 0);
    for (; *lines; lines++) {
        screen_cell(&f->screen, TONE_PLAIN, *lines, 0);
        screen_newline(&f->screen);
    }
    text_reset(&f->out);
    screen_end(&f->screen, &f->out);
    return text_string(&f->out);
}

#define DRAW(f, rows, columns, ...) draw(f, rows, columns, (const char *const[]){ __VA_ARGS__, NULL })

static void screen__second_frame__is_only_what_changed(void **state)
{
    struct fixture *f = *state;

    assert_string_equal(DRAW(f, 3, 10, "a", "b"), CLEAR "\033[1;1H\033[2Ka\033[2;1H\033[2Kb");
    assert_string_equal(DRAW(f, 3, 10, "a", "c", "d"), "\033[2;1H\033[2Kc\033[3;1H\033[2Kd");
    assert_string_equal(DRAW(f, 3, 10, "a", "c", "d"), "");
    assert_string_equal(DRAW(f, 3, 10, "a"), "\033[2;1H\033[2K\033[3;1H\033[2K");
}

static void screen__another_size__is_drawn_whole(void **state)
{
    struct fixture *f = *state;

    DRAW(f, 3, 10, "abc", "d");
    assert_string_equal(DRAW(f, 2, 2, "abc", "d", "below"), CLEAR "\033[1;1H\033[2Kab\033[2;1H\033[2Kd");
    assert_int_equal(screen_left(&f->screen), 0);
}

static void screen__characters__have_their_widths(void **state)
{
    static const struct {
        const char *words, *shown;
    } lines[] = {
        { "gr\xc3\xb6\xc3\x9f", "gr\xc3\xb6\xc3\x9f" },
        { "\xe9\x96\x80\xe9\x96\x80\xe9\x96\x80", "\xe9\x96\x80\xe9\x96\x80" }, /* two columns each */
        { "a\xe9\x96\x80\xe9\x96\x80", "a\xe9\x96\x80" },
        { "e\xcc\x81xyzw", "e\xcc\x81xyz" }, /* a combining accent */
        { "\xff\xe9\x96", "???" },
        { "\x1b[2J", "?[2J" },
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        cleanup_with(text_finish) struct text expected = TEXT_INIT;

        screen_finish(&f->screen);
        text_addf(&expected, CLEAR "\033[1;1H\033[2K%s", lines[i].shown);
        assert_string_equal(DRAW(f, 1, 4, lines[i].words), text_string(&expected));
    }
}

static void screen_cell__columns__are_filled_and_cut(void **state)
{
    struct fixture *f = *state;

    f->screen.colour = true;
    assert_int_equal(screen_begin(&f->screen, 1, 10), 0);
    screen_cell(&f->screen, TONE_PLAIN, "ab", 3);
    screen_cell(&f->screen, TONE_BAD, "cdef", 3);
    screen_cell(&f->screen, TONE_PLAIN, "ghi", 0);
    screen_cell(&f->screen, TONE_PLAIN, "beyond", 4);
    screen_end(&f->screen, &f->out);
    assert_string_equal(text_string(&f->out), CLEAR "\033[1;1H\033[2Kab  \033[31mcde\033[0m gh");
}

int main(void)
{
#define ROW(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        ROW(screen__second_frame__is_only_what_changed),
        ROW(screen__another_size__is_drawn_whole),
        ROW(screen__characters__have_their_widths),
        ROW(screen_cell__columns__are_filled_and_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
