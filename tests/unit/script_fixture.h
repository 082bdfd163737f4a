/* SPDX-License-Identifier: GPL-3.0-or-later */
/* script_fixture.h: a world under a policy of lines {'kind':…,'item':{…}}, with ' for ", to which a script's
 * lines happen. Inline, because not every test file needs all of it. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "gateway/simulate/simulate_policy.h"
#include "gateway/simulate/simulate_script.h"

struct fixture {
    struct simulate_items items;
    struct simulate_script script;
    struct text text;
};

static inline void parse(const char *format, struct json_object **ret_object)
{
    char line[512];
    struct json_error error;

    assert_true(strlen(format) < sizeof(line));
    snprintf(line, sizeof(line), "%s", format);
    for (char *quote = line; (quote = strchr(quote, '\''));)
        *quote = '"';
    assert_int_equal(json_parse(line, strlen(line), ret_object, &error), 0);
}

static inline int setup_items(void **state, const char *const items[], size_t count)
{
    struct fixture *f = calloc(1, sizeof(*f));

    for (size_t i = 0; i < count; i++) {
        cleanup_with(json_putp) struct json_object *object = NULL;
        struct json_error error;

        parse(items[i], &object);
        assert_int_equal(simulate_items_put(&f->items, object, true, &error), 0);
    }
    assert_int_equal(simulate_script_init(&f->script, &f->items), 0);
    *state = f;
    return 0;
}

static inline int teardown(void **state)
{
    struct fixture *f = *state;

    simulate_script_finish(&f->script);
    simulate_items_finish(&f->items);
    text_finish(&f->text);
    free(f);
    return 0;
}

static inline void say(struct fixture *f, const char *line)
{
    cleanup_with(json_putp) struct json_object *object = NULL;
    struct json_error error;

    parse(line, &object);
    assert_int_equal(simulate_script_line(&f->script, object, &f->text, &error), 0);
}
