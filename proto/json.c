/* SPDX-License-Identifier: GPL-3.0-or-later */
/* json.c: json-c parses; what it lets through is refused here.
 *
 * json-c keeps the last of two members with one name and cuts strings at U+0000 for callers that use C
 * strings; even its strict mode takes 'single quotes', NaN, TRUE, bare control characters and overlong UTF-8,
 * and it counts no level that is empty. All are refused before anyone sees the object: a scan of the text
 * counts the members and levels it states and looks for characters that have no place where they stand; an
 * object that holds fewer members than its text stated had a repeated one.
 */
#include "proto/json.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <locale.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void json_putp(struct json_object **object)
{
    json_object_put(*object);
}

void json_error_set(struct json_error *error, const char *path, const char *format, ...)
{
    va_list args;

    snprintf(error->path, sizeof(error->path), "%s", path);
    va_start(args, format);
    vsnprintf(error->text, sizeof(error->text), format, args);
    va_end(args);
}

void json_error_within(struct json_error *error, const char *format, ...)
{
    char outer[JSON_PATH_SIZE];
    char joined[2 * JSON_PATH_SIZE];
    va_list args;

    va_start(args, format);
    vsnprintf(outer, sizeof(outer), format, args);
    va_end(args);
    const char *dot = error->path[0] == '\0' || error->path[0] == '[' ? "" : ".";

    snprintf(joined, sizeof(joined), "%s%s%s", outer, dot, error->path);
    joined[JSON_PATH_SIZE - 1] = '\0';
    memcpy(error->path, joined, JSON_PATH_SIZE);
}

#define UTF8_BYTES_MAX 4

/* Bytes of the UTF-8 sequence at s, 0 if there is no valid one (RFC 3629). */
static size_t utf8_length(const unsigned char *s)
{
    static const struct {
        unsigned char first, last, second_min, second_max;
        unsigned char length;
    } forms[] = {
        { 0x01, 0x7f, 0, 0, 1 },       { 0xc2, 0xdf, 0x80, 0xbf, 2 }, { 0xe0, 0xe0, 0xa0, 0xbf, 3 },
        { 0xe1, 0xec, 0x80, 0xbf, 3 }, { 0xed, 0xed, 0x80, 0x9f, 3 }, { 0xee, 0xef, 0x80, 0xbf, 3 },
        { 0xf0, 0xf0, 0x90, 0xbf, 4 }, { 0xf1, 0xf3, 0x80, 0xbf, 4 }, { 0xf4, 0xf4, 0x80, 0x8f, 4 },
    };

    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        if (s[0] < forms[i].first || s[0] > forms[i].last)
            continue;
        if (forms[i].length > 1 && (s[1] < forms[i].second_min || s[1] > forms[i].second_max))
            return 0;
        for (size_t k = 2; k < forms[i].length; k++)
            if (s[k] < 0x80 || s[k] > 0xbf)
                return 0;
        return forms[i].length;
    }
    return 0;
}

/* What a text states, told without building anything. */
struct scan {
    size_t members;
    size_t depth; /* at its end */
    size_t deepest;
    bool nul;
    bool stray;      /* a character that JSON has no use for */
    size_t stray_at; /* the first one */
};

/* Outside strings JSON knows punctuation, white space, numbers, and the letters of true, false and null. */
#define BARE_CHARACTERS "{}[]:, \t\r\n+-.0123456789eEtrufalsn"

static void note_stray(struct scan *scan, size_t at)
{
    if (!scan->stray)
        scan->stray_at = at;
    scan->stray = true;
}

/* Bytes of the character that begins there within a string, 0 if it has no place in one. */
static size_t string_character(const char *bytes, size_t len)
{
    unsigned char character[UTF8_BYTES_MAX] = { 0 };

    if ((unsigned char)*bytes < 0x80)
        return (unsigned char)*bytes >= ' ';
    memcpy(character, bytes, len < sizeof(character) ? len : sizeof(character));
    return utf8_length(character);
}

/* One character outside strings. */
static void scan_bare(struct scan *scan, const char *bytes, size_t len, size_t at)
{
    char c = bytes[at];

    if (c != '"' && !strchr(BARE_CHARACTERS, c))
        note_stray(scan, at);
    if (c == '.' && (at + 1 == len || bytes[at + 1] < '0' || bytes[at + 1] > '9'))
        note_stray(scan, at); /* json-c takes "1." */
    if (c == '{' || c == '[')
        scan->depth++;
    else if ((c == '}' || c == ']') && scan->depth > 0)
        scan->depth--;
    else if (c == ':')
        scan->members++;
    scan->deepest = scan->depth > scan->deepest ? scan->depth : scan->deepest;
}

static struct scan scan_text(const char *bytes, size_t len)
{
    struct scan scan = { 0 };
    bool in_string = false;

    for (size_t i = 0; i < len; i++) {
        char c = bytes[i];

        if (c == '\0') {
            scan.nul = true;
        } else if (!in_string) {
            scan_bare(&scan, bytes, len, i);
            in_string = c == '"';
        } else if (c == '\\') {
            if (len - i > 5 && memcmp(bytes + i, "\\u0000", 6) == 0)
                scan.nul = true;
            i++;
        } else if (c == '"') {
            in_string = false;
        } else {
            size_t character = string_character(bytes + i, len - i);

            if (character == 0)
                note_stray(&scan, i);
            else
                i += character - 1;
        }
    }
    return scan;
}

static size_t count_members(struct json_object *value)
{
    size_t count = 0;

    if (json_object_is_type(value, json_type_object)) {
        json_object_object_foreach(value, name, member)
        {
            (void)name;
            count += 1 + count_members(member);
        }
    } else if (json_object_is_type(value, json_type_array)) {
        for (size_t i = 0; i < json_object_array_length(value); i++)
            count += count_members(json_object_array_get_idx(value, i));
    }
    return count;
}

static void tokenerp(struct json_tokener **tokener)
{
    json_tokener_free(*tokener);
}

/* json-c puts the thread into the locale "C" for each text and back again. Coming from any other, the global
 * one that a program begins in as well, it copies locales under a lock of the C library, on which a thread of
 * higher priority spins: on a single processor for ever, if the other one holds it. So it finds us in "C". */
static struct json_object *parse_in_plain_locale(struct json_tokener *tokener, const char *bytes, size_t len)
{
    locale_t before = uselocale(newlocale(LC_ALL_MASK, "C", (locale_t)0)); /* a constant */
    struct json_object *object = json_tokener_parse_ex(tokener, bytes, (int)len);

    uselocale(before);
    return object;
}

static int tokenise(const char *bytes, size_t len, struct json_object **ret_object, struct json_error *error)
{
    /* json-c counts the innermost value as a level of its own, if there is one. */
    cleanup_with(tokenerp) struct json_tokener *tokener = json_tokener_new_ex(JSON_DEPTH_MAX + 1);

    if (!tokener)
        return -ENOMEM;
    json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
    struct json_object *object = parse_in_plain_locale(tokener, bytes, len);
    enum json_tokener_error e = json_tokener_get_error(tokener);

    if (e == json_tokener_continue || (!object && e == json_tokener_success)) {
        json_error_set(error, "", "is not complete JSON");
    } else if (e != json_tokener_success) {
        json_error_set(error, "", "is not JSON: %s at byte %zu", json_tokener_error_desc(e),
                       json_tokener_get_parse_end(tokener));
    } else if (!json_object_is_type(object, json_type_object)) {
        json_error_set(error, "", "must be one JSON object");
    } else {
        *ret_object = object;
        return 0;
    }
    json_object_put(object);
    return -EBADMSG;
}

int json_parse(const char *bytes, size_t len, struct json_object **ret_object, struct json_error *error)
{
    cleanup_with(json_putp) struct json_object *object = NULL;

    if (len > INT32_MAX) {
        json_error_set(error, "", "is too long");
        return -EBADMSG;
    }
    struct scan scan = scan_text(bytes, len);

    if (scan.nul) {
        json_error_set(error, "", "holds U+0000");
        return -EBADMSG;
    }
    if (scan.stray) {
        json_error_set(error, "", "is not JSON: unexpected character at byte %zu", scan.stray_at);
        return -EBADMSG;
    }
    if (scan.deepest > JSON_DEPTH_MAX) {
        json_error_set(error, "", "is nested more than %d deep", JSON_DEPTH_MAX);
        return -EBADMSG;
    }
    int r = tokenise(bytes, len, &object, error);

    if (r < 0)
        return r;
    if (count_members(object) != scan.members) {
        json_error_set(error, "", "has a repeated member");
        return -EBADMSG;
    }
    *ret_object = take_ptr(object);
    return 0;
}

static int refuse_names(const struct json_row *row, struct json_error *error)
{
    cleanup_with(text_finish) struct text names = TEXT_INIT;

    for (size_t i = 0; row->names[i]; i++)
        text_addf(&names, "%s%s", i ? ", " : "", row->names[i]);
    json_error_set(error, row->member, "must be one of %s", text_string(&names));
    return -EBADMSG;
}

static int read_bool(const struct json_row *row, struct json_object *value, void *field,
                     struct json_error *error)
{
    if (!json_object_is_type(value, json_type_boolean)) {
        json_error_set(error, row->member, "must be true or false");
        return -EBADMSG;
    }
    bool b = json_object_get_boolean(value);

    memcpy(field, &b, sizeof(b));
    return 0;
}

static int read_int(const struct json_row *row, struct json_object *value, void *field,
                    struct json_error *error)
{
    int64_t i = json_object_get_int64(value);

    /* json-c saturates beyond 64 bits, and every bound lies inside. */
    if (!json_object_is_type(value, json_type_int) || i < row->min || i > row->max) {
        json_error_set(error, row->member, "must be an integer from %" PRId64 " to %" PRId64, row->min,
                       row->max);
        return -EBADMSG;
    }
    memcpy(field, &i, sizeof(i));
    return 0;
}

static int read_string(const struct json_row *row, struct json_object *value, void *field,
                       struct json_error *error)
{
    if (!json_object_is_type(value, json_type_string)) {
        json_error_set(error, row->member, "must be a string");
        return -EBADMSG;
    }
    const char *string = json_object_get_string(value);
    int64_t len = json_object_get_string_len(value);

    if (len < row->min || len > row->max) {
        json_error_set(error, row->member, "must be %" PRId64 " to %" PRId64 " bytes long", row->min,
                       row->max);
        return -EBADMSG;
    }
    if (row->check && !row->check(string)) {
        json_error_set(error, row->member, "%s", row->expected);
        return -EBADMSG;
    }
    memcpy(field, &string, sizeof(string));
    return 0;
}

static int read_enum(const struct json_row *row, struct json_object *value, void *field,
                     struct json_error *error)
{
    int index = json_object_is_type(value, json_type_string)
                    ? json_enum_value(row->names, json_object_get_string(value))
                    : -1;

    if (index < 0)
        return refuse_names(row, error);
    memcpy(field, &index, sizeof(index));
    return 0;
}

static int read_object(const struct json_row *row, struct json_object *value, void *field,
                       struct json_error *error)
{
    if (!json_object_is_type(value, json_type_object)) {
        json_error_set(error, row->member, "must be an object");
        return -EBADMSG;
    }
    memcpy(field, &value, sizeof(value));
    return 0;
}

static int read_list(const struct json_row *row, struct json_object *value, void *field,
                     struct json_error *error)
{
    if (!json_object_is_type(value, json_type_array)) {
        json_error_set(error, row->member, "must be a list");
        return -EBADMSG;
    }
    int64_t len = (int64_t)json_object_array_length(value);

    if (len < row->min || len > row->max) {
        json_error_set(error, row->member, "must have %" PRId64 " to %" PRId64 " entries", row->min,
                       row->max);
        return -EBADMSG;
    }
    memcpy(field, &value, sizeof(value));
    return 0;
}

static int read_value(const struct json_row *row, struct json_object *value, void *field,
                      struct json_error *error)
{
    switch (row->type) {
    case JSON_BOOL:
        return read_bool(row, value, field, error);
    case JSON_INT:
        return read_int(row, value, field, error);
    case JSON_STRING:
        return read_string(row, value, field, error);
    case JSON_ENUM:
        return read_enum(row, value, field, error);
    case JSON_OBJECT:
        return read_object(row, value, field, error);
    case JSON_LIST:
        return read_list(row, value, field, error);
    }
    assert(false);
    return -EBADMSG;
}

static void write_preset(const struct json_row *row, void *field)
{
    switch (row->type) {
    case JSON_BOOL:
        memcpy(field, &(bool){ row->preset != 0 }, sizeof(bool));
        return;
    case JSON_INT:
        memcpy(field, &row->preset, sizeof(int64_t));
        return;
    case JSON_ENUM:
        memcpy(field, &(int){ (int)row->preset }, sizeof(int));
        return;
    case JSON_STRING:
    case JSON_OBJECT:
    case JSON_LIST:
        memcpy(field, &(void *){ NULL }, sizeof(void *));
        return;
    }
    assert(false);
}

int json_read(struct json_object *object, const struct json_row rows[], size_t count, void *ret,
              struct json_error *error)
{
    assert(json_object_is_type(object, json_type_object));
    for (size_t i = 0; i < count; i++) {
        const struct json_row *row = &rows[i];
        void *field = (char *)ret + row->offset;
        struct json_object *value;

        if (json_object_object_get_ex(object, row->member, &value)) {
            int r = read_value(row, value, field, error);

            if (r < 0)
                return r;
        } else if (row->required) {
            json_error_set(error, row->member, "is missing");
            return -EBADMSG;
        } else {
            write_preset(row, field);
        }
    }
    return 0;
}

static void refuse_entry(size_t i, const char *expected, struct json_error *error)
{
    char path[JSON_PATH_SIZE];

    snprintf(path, sizeof(path), "[%zu]", i);
    json_error_set(error, path, "%s", expected);
}

const char *json_list_string(struct json_object *list, size_t i, struct json_error *error)
{
    struct json_object *entry = json_object_array_get_idx(list, i);

    if (json_object_is_type(entry, json_type_string))
        return json_object_get_string(entry);
    refuse_entry(i, "must be a string", error);
    return NULL;
}

struct json_object *json_list_object(struct json_object *list, size_t i, struct json_error *error)
{
    struct json_object *entry = json_object_array_get_idx(list, i);

    if (json_object_is_type(entry, json_type_object))
        return entry;
    refuse_entry(i, "must be an object", error);
    return NULL;
}

size_t json_list_length(const struct json_object *list)
{
    return list ? json_object_array_length(list) : 0;
}

int json_enum_value(const char *const names[], const char *name)
{
    for (int i = 0; names[i]; i++)
        if (strcmp(names[i], name) == 0)
            return i;
    return -1;
}

int json_read_kind(struct json_object *object, const char *member, const char *const names[], int *ret_kind,
                   struct json_error *error)
{
    struct json_object *value;

    if (!json_object_object_get_ex(object, member, &value)) {
        json_error_set(error, member, "is missing");
        return -EBADMSG;
    }
    if (!json_object_is_type(value, json_type_string)) {
        json_error_set(error, member, "must be a string");
        return -EBADMSG;
    }
    int kind = json_enum_value(names, json_object_get_string(value));

    if (kind < 0) {
        json_error_set(error, member, "is not known: %.32s", json_object_get_string(value));
        return JSON_E_UNKNOWN_KIND;
    }
    *ret_kind = kind;
    return 0;
}

static void add_character(struct text *text, const unsigned char *s, size_t len)
{
    if (len == 0)
        text_add(text, "\xef\xbf\xbd");
    else if (*s == '"' || *s == '\\')
        text_addf(text, "\\%c", *s);
    else if (*s < 0x20)
        text_addf(text, "\\u%04x", *s);
    else
        text_add_bytes(text, s, len);
}

static void add_quoted(struct text *text, const char *value)
{
    const unsigned char *s = (const unsigned char *)value;

    text_add(text, "\"");
    while (*s) {
        size_t plain = 0;

        while (s[plain] >= 0x20 && s[plain] < 0x80 && s[plain] != '"' && s[plain] != '\\')
            plain++;
        text_add_bytes(text, s, plain);
        s += plain;
        if (!*s)
            break;
        size_t len = utf8_length(s);

        add_character(text, s, len);
        s += len ? len : 1;
    }
    text_add(text, "\"");
}

static void begin_entry(struct json_out *out, const char *member)
{
    if (out->comma)
        text_add(out->text, ",");
    out->comma = true;
    if (member) {
        add_quoted(out->text, member);
        text_add(out->text, ":");
    }
}

void json_begin_object(struct json_out *out, const char *member)
{
    begin_entry(out, member);
    text_add(out->text, "{");
    out->comma = false;
}

void json_end_object(struct json_out *out)
{
    text_add(out->text, "}");
    out->comma = true;
}

void json_begin_list(struct json_out *out, const char *member)
{
    begin_entry(out, member);
    text_add(out->text, "[");
    out->comma = false;
}

void json_end_list(struct json_out *out)
{
    text_add(out->text, "]");
    out->comma = true;
}

void json_add_string(struct json_out *out, const char *member, const char *value)
{
    if (!value)
        return;
    begin_entry(out, member);
    add_quoted(out->text, value);
}

void json_add_int(struct json_out *out, const char *member, int64_t value)
{
    begin_entry(out, member);
    text_addf(out->text, "%" PRId64, value);
}

void json_add_bool(struct json_out *out, const char *member, bool value)
{
    json_add_raw(out, member, value ? "true" : "false", value ? 4 : 5);
}

void json_add_null(struct json_out *out, const char *member)
{
    json_add_raw(out, member, "null", 4);
}

void json_add_raw(struct json_out *out, const char *member, const char *json, size_t len)
{
    begin_entry(out, member);
    text_add_bytes(out->text, json, len);
}

void json_add_object(struct json_out *out, const char *member, struct json_object *object)
{
    size_t len = 0;
    const char *json = json_object_to_json_string_length(
        object, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, &len);

    if (json)
        json_add_raw(out, member, json, len);
    else
        out->text->error = out->text->error ? out->text->error : -ENOMEM;
}
