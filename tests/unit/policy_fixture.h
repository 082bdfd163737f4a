/* SPDX-License-Identifier: GPL-3.0-or-later */
/* policy_fixture.h: policies written as lines "kind {item}", with ' for ". Inline, because not every test
 * file needs all of it. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include <errno.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#include "gateway/base/clock.h"
#include "gateway/base/zoneinfo.h"
#include "gateway/core/policy.h"
#include "proto/rfc3339.h"

#define LINE_SIZE 2048

#define X16 "xxxxxxxxxxxxxxxx"
#define X64 X16 X16 X16 X16 /* the longest id */

static const uint8_t secret[SECRET_BYTES] = { 7 };

struct fixture {
    struct policy_builder *builder;
    struct policy *policy;
};

static inline void begin(struct fixture *f)
{
    f->builder = policy_builder_free(f->builder);
    f->policy = policy_free(f->policy);
    assert_int_equal(policy_builder_new(zoneinfo_read, NULL, &f->builder), 0);
}

static inline int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    begin(f);
    *state = f;
    return 0;
}

static inline int teardown(void **state)
{
    struct fixture *f = *state;

    policy_builder_free(f->builder);
    policy_free(f->policy);
    free(f);
    return 0;
}

struct prepared {
    enum item_kind kind;
    struct json_object *item; /* the caller's to put */
    const char *json;         /* in text */
    char text[LINE_SIZE];
};

/* As the store would: checked and sealed. */
static inline void prepare(const char *line, struct prepared *ret)
{
    struct json_error error;
    size_t len = strlen(line);

    assert_true(len < sizeof(ret->text));
    for (size_t i = 0; i <= len; i++)
        ret->text[i] = line[i] == '\'' ? '"' : line[i];
    char *space = strchr(ret->text, ' ');

    assert_non_null(space);
    *space = '\0';
    ret->kind = item_kind_find(ret->text);
    ret->json = space + 1;
    if (json_parse(ret->json, strlen(ret->json), &ret->item, &error) < 0 ||
        item_check(ret->kind, ret->item, false, &error) < 0)
        fail_msg("%s: %s %s", line, error.path, error.text);
    assert_int_equal(item_seal(ret->kind, ret->item, secret), 0);
}

static inline int try_add(struct fixture *f, const char *line, struct json_error *error)
{
    struct prepared prepared;

    prepare(line, &prepared);
    int r = policy_builder_add(f->builder, prepared.kind, prepared.item, prepared.json, strlen(prepared.json),
                               error);

    json_object_put(prepared.item);
    return r;
}

static inline void add(struct fixture *f, const char *line)
{
    struct json_error error;

    if (try_add(f, line, &error) != 0)
        fail_msg("%s: %s %s", line, error.path, error.text);
}

__attribute__((format(printf, 2, 3))) static inline void addf(struct fixture *f, const char *format, ...)
{
    char line[LINE_SIZE];
    va_list args;

    va_start(args, format);
    vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    add(f, line);
}

static inline void finish(struct fixture *f)
{
    assert_int_equal(policy_builder_finish(f->builder, &f->policy), 0);
    f->builder = policy_builder_free(f->builder);
}

static inline void build(struct fixture *f, const char *const lines[], size_t count)
{
    begin(f);
    for (size_t i = 0; i < count; i++)
        add(f, lines[i]);
    finish(f);
}

#define BUILD(f, ...)                                                                                        \
    do {                                                                                                     \
        static const char *const lines_[] = { __VA_ARGS__ };                                                 \
        build(f, lines_, sizeof(lines_) / sizeof(lines_[0]));                                                \
    } while (0)

static inline uint32_t find(const struct fixture *f, enum item_kind kind, const char *id)
{
    uint32_t index = policy_find(f->policy, kind, id);

    if (index == POLICY_NONE)
        fail_msg("no %s %s", item_kind_name(kind), id);
    return index;
}

static inline bool is_dangling(const struct fixture *f, const char *text)
{
    for (size_t i = 0; i < policy_dangling_count(f->policy); i++)
        if (strcmp(policy_dangling(f->policy, i), text) == 0)
            return true;
    return false;
}

static inline void assert_dangling(const struct fixture *f, const char *const texts[], size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!is_dangling(f, texts[i]))
            fail_msg("\"%s\" is not listed", texts[i]);
    if (policy_dangling_count(f->policy) != count) {
        for (size_t i = 0; i < policy_dangling_count(f->policy); i++)
            print_message("# listed: %s\n", policy_dangling(f->policy, i));
        fail_msg("%zu listed, not %zu", policy_dangling_count(f->policy), count);
    }
}

#define ASSERT_DANGLING(f, ...)                                                                              \
    do {                                                                                                     \
        static const char *const texts_[] = { __VA_ARGS__ };                                                 \
        assert_dangling(f, texts_, sizeof(texts_) / sizeof(texts_[0]));                                      \
    } while (0)

static inline int64_t us(const char *text)
{
    int64_t utc_us = 0;

    assert_true(rfc3339_parse(text, &utc_us));
    return utc_us;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
