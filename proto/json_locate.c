/* SPDX-License-Identifier: GPL-3.0-or-later */
/* json_locate.c: json-c forgets where things stood, so the text is walked a second time once something is
 * wrong. The walk is lenient and flat: it pairs brackets and skips strings, and leaves judging to json.c. */
#include "proto/json_locate.h"

#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/nearest.h"

struct cursor {
    const char *at;
    const char *end;
};

static bool at_char(const struct cursor *cursor, char c)
{
    return cursor->at < cursor->end && *cursor->at == c;
}

static void skip_space(struct cursor *cursor)
{
    while (cursor->at < cursor->end && memchr(" \t\r\n", *cursor->at, 4))
        cursor->at++;
}

static bool skip_char(struct cursor *cursor, char c)
{
    skip_space(cursor);
    if (!at_char(cursor, c))
        return false;
    cursor->at++;
    skip_space(cursor);
    return true;
}

/* From the opening quote to behind the closing one. *ret_text: what lies between, as it is spelled. */
static bool skip_string(struct cursor *cursor, const char **ret_text, size_t *ret_len)
{
    if (!at_char(cursor, '"'))
        return false;
    *ret_text = ++cursor->at;
    while (cursor->at < cursor->end && *cursor->at != '"')
        cursor->at += *cursor->at == '\\' && cursor->at + 1 < cursor->end ? 2 : 1;
    if (cursor->at >= cursor->end)
        return false;
    *ret_len = (size_t)(cursor->at - *ret_text);
    cursor->at++;
    return true;
}

/* A value of any kind, by the brackets that it opens and closes. */
static bool skip_value(struct cursor *cursor)
{
    const char *start = cursor->at;
    const char *text;
    size_t len;
    int depth = 0;

    while (cursor->at < cursor->end) {
        char c = *cursor->at;

        if (depth == 0 && memchr(",]} \t\r\n", c, 7))
            break;
        if (c == '"') {
            if (!skip_string(cursor, &text, &len))
                return false;
            continue;
        }
        if (c == '{' || c == '[')
            depth++;
        else if (c == '}' || c == ']')
            depth--;
        cursor->at++;
    }
    return depth == 0 && cursor->at > start;
}

/* Whether the member's name is what path goes on with; if so *path moves behind it. */
static bool takes_member(const char **path, const char *name, size_t len)
{
    if (strncmp(*path, name, len) != 0 || !strchr(".[", (*path)[len])) /* its NUL is found too */
        return false;
    *path += len;
    if (**path == '.')
        (*path)++;
    return true;
}

/* From an object's brace to the value of the member that path begins with. */
static bool enter_member(struct cursor *cursor, const char **path, const char **ret_place)
{
    const char *name;
    size_t len;

    if (!skip_char(cursor, '{'))
        return false;
    do {
        const char *place = cursor->at;

        if (!skip_string(cursor, &name, &len) || !skip_char(cursor, ':'))
            return false;
        if (takes_member(path, name, len)) {
            *ret_place = place;
            return true;
        }
    } while (skip_value(cursor) && skip_char(cursor, ','));
    return false;
}

/* From a list's bracket to the entry that path begins with: "[2]". */
static bool enter_list(struct cursor *cursor, const char **path, const char **ret_place)
{
    char *behind;
    unsigned long index = strtoul(*path + 1, &behind, 10);

    if (*behind != ']' || !skip_char(cursor, '['))
        return false;
    for (unsigned long i = 0; i < index; i++)
        if (!skip_value(cursor) || !skip_char(cursor, ','))
            return false;
    if (cursor->at >= cursor->end || *cursor->at == ']')
        return false;
    *ret_place = cursor->at;
    *path = behind + 1;
    if (**path == '.')
        (*path)++;
    return true;
}

static unsigned line_at(const char *bytes, const char *place)
{
    unsigned line = 1;

    for (const char *p = bytes; p < place; p++)
        line += *p == '\n';
    return line;
}

unsigned json_locate(const char *bytes, size_t len, const char *path, bool *ret_found)
{
    struct cursor cursor = { .at = bytes, .end = bytes + len };
    bool found = true;

    skip_space(&cursor);
    const char *place = cursor.at;

    while (*path && found)
        found = *path == '[' ? enter_list(&cursor, &path, &place) : enter_member(&cursor, &path, &place);
    if (ret_found)
        *ret_found = found;
    return line_at(bytes, place);
}

/* The objects that are open where the cursor stands, each with the names that it has stated so far. */
struct open_objects {
    struct json_object *names[JSON_DEPTH_MAX + 1]; /* NULL: a list */
    size_t depth;
};

static void close_all(struct open_objects *open)
{
    while (open->depth > 0)
        json_object_put(open->names[--open->depth]);
}

/* Notes a name; false if the innermost object has it already. */
static bool note_name(struct open_objects *open, const char *name, size_t len)
{
    struct json_object *names = open->depth > 0 ? open->names[open->depth - 1] : NULL;
    char copy[JSON_PATH_SIZE];

    if (!names || len >= sizeof(copy))
        return true;
    memcpy(copy, name, len);
    copy[len] = '\0';
    if (json_object_object_get_ex(names, copy, NULL))
        return false;
    json_object_object_add(names, copy, NULL);
    return true;
}

/* One bracket or other single character. */
static void pass_char(struct cursor *cursor, struct open_objects *open)
{
    char c = *cursor->at++;

    if ((c == '{' || c == '[') && open->depth <= JSON_DEPTH_MAX)
        open->names[open->depth++] = c == '{' ? json_object_new_object() : NULL;
    else if ((c == '}' || c == ']') && open->depth > 0)
        json_object_put(open->names[--open->depth]);
}

/* The place of the first name that its object states a second time; NULL if there is none. */
static const char *find_repeated(const char *bytes, size_t len, struct json_error *error)
{
    struct cursor cursor = { .at = bytes, .end = bytes + len };
    struct open_objects open = { .depth = 0 };
    const char *repeated = NULL;

    while (cursor.at < cursor.end && !repeated) {
        const char *place = cursor.at;
        const char *name;
        size_t name_len;

        if (!at_char(&cursor, '"')) {
            pass_char(&cursor, &open);
        } else if (!skip_string(&cursor, &name, &name_len)) {
            break;
        } else if (skip_char(&cursor, ':') && !note_name(&open, name, name_len)) {
            json_error_set(error, "", "stands twice");
            snprintf(error->path, sizeof(error->path), "%.*s", (int)name_len, name);
            repeated = place;
        }
    }
    close_all(&open);
    return repeated;
}

static void tokenerp(struct json_tokener **tokener)
{
    if (*tokener)
        json_tokener_free(*tokener);
}

/* Where the text stops being JSON. */
static const char *find_break(const char *bytes, size_t len, struct json_error *error)
{
    cleanup_with(tokenerp) struct json_tokener *tokener = json_tokener_new_ex(JSON_DEPTH_MAX + 1);

    if (!tokener)
        return bytes;
    json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
    cleanup_with(json_putp) struct json_object *object = json_tokener_parse_ex(tokener, bytes, (int)len);
    enum json_tokener_error e = json_tokener_get_error(tokener);
    size_t at = json_tokener_get_parse_end(tokener);

    (void)object;
    if (e == json_tokener_continue)
        json_error_set(error, "", "ends in the middle: a bracket or quote is not closed");
    else if (e == json_tokener_error_depth)
        json_error_set(error, "", "is nested too deep");
    else if (e != json_tokener_success)
        json_error_set(error, "", "is not JSON from here on (%s)", json_tokener_error_desc(e));
    return bytes + (at < len ? at : len);
}

unsigned json_locate_fault(const char *bytes, size_t len, struct json_error *error)
{
    struct json_object *object = NULL;
    const char *nul = memchr(bytes, '\0', len);

    if (json_parse(bytes, len, &object, error) == 0) {
        json_object_put(object);
        json_error_set(error, "", "nothing is wrong");
        return 1;
    }
    if (nul)
        return line_at(bytes, nul);
    const char *place = find_break(bytes, len, error);

    if (place == bytes + len) /* all of it is JSON, or would be if it went on */
        place = find_repeated(bytes, len, error) ?: place;
    return line_at(bytes, place);
}

static bool known(const char *name, const struct json_row rows[], size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(rows[i].member, name) == 0)
            return true;
    return false;
}

const char *json_locate_unknown(struct json_object *object, const struct json_row rows[], size_t count,
                                size_t nth)
{
    json_object_object_foreach(object, name, value)
    {
        (void)value;
        if (!known(name, rows, count) && nth-- == 0)
            return name;
    }
    return NULL;
}

const char *json_locate_similar(const char *name, const struct json_row rows[], size_t count)
{
    struct nearest nearest = nearest_to(name);

    for (size_t i = 0; i < count; i++)
        nearest_offer(&nearest, rows[i].member);
    return nearest.best;
}
