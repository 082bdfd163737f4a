/* SPDX-License-Identifier: GPL-3.0-or-later */
/* nuki_vectors.h: vectors/nuki.json, read for tests: the maker's examples, and a run with both secrets. */
#pragma once

#include <ctype.h>
#include <json-c/json.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/encode.h"
#include "proto/nuki_frame.h"

#define VECTOR_BYTES_MAX NUKI_FRAME_MAX

struct vector {
    size_t len;
    uint8_t bytes[VECTOR_BYTES_MAX];
};

static inline int vectors_open(void **state)
{
    char path[PATH_MAX];

    snprintf(path, sizeof(path), "%s/tests/unit/vectors/nuki.json", getenv("STILE_SOURCE"));
    *state = json_object_from_file(path);
    return *state ? 0 : -1;
}

static inline int vectors_close(void **state)
{
    json_object_put(*state);
    return 0;
}

static inline struct json_object *vector_member(struct json_object *object, const char *name)
{
    struct json_object *member = json_object_object_get(object, name);

    assert_non_null(member);
    return member;
}

/* Bytes of a member in hex. */
static inline struct vector vector_of(struct json_object *object, const char *name)
{
    const char *hex = json_object_get_string(vector_member(object, name));
    char lower[2 * VECTOR_BYTES_MAX + 1] = "";
    struct vector vector = { .len = strlen(hex) / 2 };

    assert_true(vector.len <= VECTOR_BYTES_MAX);
    for (size_t i = 0; hex[i] != '\0'; i++)
        lower[i] = (char)tolower((unsigned char)hex[i]);
    assert_int_equal(hex_decode(lower, vector.bytes, vector.len), 0);
    return vector;
}

/* The member of the nth of a list. */
static inline struct vector vector_at(struct json_object *list, size_t i, const char *name)
{
    return vector_of(json_object_array_get_idx(list, i), name);
}

static inline uint32_t vector_number(struct json_object *object, const char *name)
{
    return (uint32_t)json_object_get_int64(vector_member(object, name));
}
