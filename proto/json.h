/* SPDX-License-Identifier: GPL-3.0-or-later */
/* json.h: the one reader and the one writer of JSON.
 *
 * Reading is strict (cloud contract, "Form"): one object and nothing else, UTF-8, at most 16 deep, no
 * repeated member, no U+0000. json_parse() checks that; json_read() then fills a struct from rows that state
 * each member's type, bounds and preset, and names the first member that does not fit. Unknown members are
 * ignored. null is a wrong type, and so is 1.0 for an integer.
 *
 * Writing goes to a struct text; nothing is checked until json_out_error() at the end.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/cleanup.h"
#include "gateway/base/text.h"

struct json_object; /* json-c's */

#define JSON_DEPTH_MAX 16
#define JSON_INT_MAX   ((INT64_C(1) << 53) - 1) /* every integer lies within plus or minus this */
#define JSON_PATH_SIZE 128
#define JSON_TEXT_SIZE 192

/* Where and why a text was refused. */
struct json_error {
    char path[JSON_PATH_SIZE]; /* "windows[2].from"; "" is the text as a whole */
    char text[JSON_TEXT_SIZE]; /* "must be an integer from 1 to 300" */
};

enum json_kind {
    JSON_BOOL,   /* field: bool */
    JSON_INT,    /* field: int64_t; min, max: value */
    JSON_STRING, /* field: const char *, borrowed from the object, NULL if absent; min, max: bytes */
    JSON_ENUM,   /* field: an enum (int); a string that is one of names */
    JSON_OBJECT, /* field: struct json_object *, borrowed, NULL if absent */
    JSON_LIST,   /* field: struct json_object *, borrowed, NULL if absent; min, max: entries */
};

/* One member. Use the macros below. */
struct json_row {
    const char *member;
    enum json_kind type;
    bool required;
    size_t offset; /* of the field */
    int64_t min;
    int64_t max;
    int64_t preset;                   /* of an absent bool, int or enum */
    const char *const *names;         /* enum: NULL-terminated; the value is the index */
    bool (*check)(const char *value); /* string: NULL or what it must also satisfy */
    const char *expected;             /* how a failed check is put: "must be ..." */
};

#define JSON_ROW_BOOL(type_, field, name, preset_)                                                           \
    {                                                                                                        \
        .member = name, .type = JSON_BOOL, .offset = offsetof(type_, field), .preset = preset_               \
    }
#define JSON_ROW_INT(type_, field, name, min_, max_, preset_)                                                \
    {                                                                                                        \
        .member = name, .type = JSON_INT, .offset = offsetof(type_, field), .min = min_, .max = max_,        \
        .preset = preset_                                                                                    \
    }
#define JSON_ROW_INT_REQUIRED(type_, field, name, min_, max_)                                                \
    {                                                                                                        \
        .member = name, .type = JSON_INT, .required = true, .offset = offsetof(type_, field), .min = min_,   \
        .max = max_                                                                                          \
    }
#define JSON_ROW_STRING(type_, field, name, min_, max_)                                                      \
    {                                                                                                        \
        .member = name, .type = JSON_STRING, .offset = offsetof(type_, field), .min = min_, .max = max_      \
    }
#define JSON_ROW_STRING_REQUIRED(type_, field, name, min_, max_)                                             \
    {                                                                                                        \
        .member = name, .type = JSON_STRING, .required = true, .offset = offsetof(type_, field),             \
        .min = min_, .max = max_                                                                             \
    }
#define JSON_ROW_CHECKED(type_, field, name, required_, check_, expected_)                                   \
    {                                                                                                        \
        .member = name, .type = JSON_STRING, .required = required_, .offset = offsetof(type_, field),        \
        .min = 0, .max = INT64_MAX, .check = check_, .expected = expected_                                   \
    }
#define JSON_ROW_ENUM(type_, field, name, names_, preset_)                                                   \
    {                                                                                                        \
        .member = name, .type = JSON_ENUM, .offset = offsetof(type_, field), .names = names_,                \
        .preset = preset_                                                                                    \
    }
#define JSON_ROW_ENUM_REQUIRED(type_, field, name, names_)                                                   \
    {                                                                                                        \
        .member = name, .type = JSON_ENUM, .required = true, .offset = offsetof(type_, field),               \
        .names = names_                                                                                      \
    }
#define JSON_ROW_OBJECT(type_, field, name)                                                                  \
    {                                                                                                        \
        .member = name, .type = JSON_OBJECT, .offset = offsetof(type_, field)                                \
    }
#define JSON_ROW_LIST(type_, field, name, min_, max_)                                                        \
    {                                                                                                        \
        .member = name, .type = JSON_LIST, .offset = offsetof(type_, field), .min = min_, .max = max_        \
    }

#define JSON_ROWS(rows) (rows), (sizeof(rows) / sizeof((rows)[0]))

/* For cleanup_with() on a struct json_object *. */
void json_putp(struct json_object **object);

/* Parses one object. *ret_object is the caller's to put. Returns 0, or -EBADMSG with *error filled, or
 * -ENOMEM. */
int json_parse(const char *bytes, size_t len, struct json_object **ret_object,
               struct json_error *error) must_check;

/* Fills the struct at ret from object by rows. Every field named by a row is written: the member's value, or
 * its preset. Returns 0, or -EBADMSG with *error filled; fields may then hold values already, so read into a
 * struct of your own. */
int json_read(struct json_object *object, const struct json_row rows[], size_t count, void *ret,
              struct json_error *error) must_check;

/* Entry i of a list as a string or an object, borrowed; NULL with *error filled ("[i]" alone as path) if it
 * is of another type. */
const char *json_list_string(struct json_object *list, size_t i, struct json_error *error);
struct json_object *json_list_object(struct json_object *list, size_t i, struct json_error *error);

/* Entries of a list; 0 for NULL. */
size_t json_list_length(const struct json_object *list);

/* Fills an error. path and format are what the struct's comments say. */
void json_error_set(struct json_error *error, const char *path, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Puts an outer member's name before the path of an error that came from inside it: "from" becomes
 * "windows[2].from" with member "windows[2]"; a path that starts with '[' is joined without a dot. */
void json_error_within(struct json_error *error, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Index of name in names, or -1. */
int json_enum_value(const char *const names[], const char *name);

/* The word is a string and none of ours. */
#define JSON_E_UNKNOWN_KIND 1

/* Reads a message's kind, a required string: its place in names, which end in NULL. Returns 0,
 * JSON_E_UNKNOWN_KIND or -EBADMSG, both with *error filled. */
int json_read_kind(struct json_object *object, const char *member, const char *const names[], int *ret_kind,
                   struct json_error *error) must_check;

struct json_out {
    struct text *text;
    bool comma; /* the next entry needs one */
};

/* A writer that appends to text, which stays the caller's. */
static inline struct json_out json_out_to(struct text *text)
{
    return (struct json_out){ .text = text };
}

/* member is NULL for the outermost value and inside lists. */
void json_begin_object(struct json_out *out, const char *member);
void json_end_object(struct json_out *out);
void json_begin_list(struct json_out *out, const char *member);
void json_end_list(struct json_out *out);

/* A NULL value is left out, member and all. Bytes that are not UTF-8 are written as U+FFFD. */
void json_add_string(struct json_out *out, const char *member, const char *value);
void json_add_int(struct json_out *out, const char *member, int64_t value);
void json_add_bool(struct json_out *out, const char *member, bool value);
void json_add_null(struct json_out *out, const char *member);

/* A value that is JSON already. */
void json_add_raw(struct json_out *out, const char *member, const char *json, size_t len);

/* A value that was read. */
void json_add_object(struct json_out *out, const char *member, struct json_object *object);
