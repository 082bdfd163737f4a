/* SPDX-License-Identifier: GPL-3.0-or-later */
/* import.c: both formats come down to items, and items are checked by the same code that a gateway checks
 * them with. */
#include "tools/stile-cloud/import.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "gateway/base/file.h"
#include "gateway/core/item.h"
#include "tools/stile-cloud/csv.h"

static int problem(struct import *import, const char *place, const struct json_error *error)
{
    text_addf(&import->problems, "%s: %s%s%s\n", place, error->path, error->path[0] ? ": " : "", error->text);
    return -EBADMSG;
}

static int take_item(struct import *import, const char *place, const char *kind, struct json_object *item)
{
    cleanup_with(text_finish) struct text text = TEXT_INIT;
    struct json_out out = json_out_to(&text);
    struct json_error error;
    enum item_kind known = item_kind_find(kind);

    if (!import->unchecked && known == ITEM_KINDS) {
        json_error_set(&error, "kind", "there is no kind \"%s\"", kind);
        return problem(import, place, &error);
    }
    int r = item_check(import->unchecked ? ITEM_KINDS : known, item, false, &error);

    if (r == -EBADMSG)
        return problem(import, place, &error);
    if (r < 0)
        return r;
    json_add_object(&out, NULL, item);
    if (text.len > CLOUD_ITEM_BYTES_MAX) {
        json_error_set(&error, "", "the item has more than %d bytes", CLOUD_ITEM_BYTES_MAX);
        return problem(import, place, &error);
    }
    import->items++;
    r = text_error(&text);
    return r < 0 ? r : feed_change_set(import->change, kind, item_id(item), text_string(&text));
}

int import_item(struct import *import, const char *place, const char *kind, const char *json)
{
    cleanup_with(json_putp) struct json_object *item = NULL;
    struct json_error error;
    int r = json_parse(json, strlen(json), &item, &error);

    if (r == -EBADMSG)
        return problem(import, place, &error);
    return r < 0 ? r : take_item(import, place, kind, item);
}

struct line {
    const char *kind;
    struct json_object *item;
};

static const struct json_row line_rows[] = {
    { .member = "kind",
      .type = JSON_STRING,
      .required = true,
      .offset = offsetof(struct line, kind),
      .max = ID_BYTES_MAX },
    { .member = "item", .type = JSON_OBJECT, .required = true, .offset = offsetof(struct line, item) },
};

static int import_line(struct import *import, const char *place, const char *bytes, size_t len)
{
    cleanup_with(json_putp) struct json_object *object = NULL;
    struct json_error error;
    struct line line;
    int r = json_parse(bytes, len, &object, &error);

    if (r == 0)
        r = json_read(object, JSON_ROWS(line_rows), &line, &error);
    if (r == -EBADMSG)
        return problem(import, place, &error);
    return r < 0 ? r : take_item(import, place, line.kind, line.item);
}

static bool is_blank(const char *bytes, size_t len)
{
    return strspn(bytes, " \t\r") >= len;
}

/* Goes on behind a problem, so that all are told at once. */
static int note(int r, int problems, int *ret_problems)
{
    if (r != -EBADMSG)
        return r;
    *ret_problems = problems + 1;
    return problems + 1 < IMPORT_PROBLEMS_MAX ? 0 : -EBADMSG;
}

static int import_lines(struct import *import, const char *path, char *bytes)
{
    char place[4200];
    int problems = 0;
    int number = 1;
    int r = 0;

    for (char *line = bytes, *end; *line && r == 0; line = end, number++) {
        size_t len = strcspn(line, "\n");

        end = line + len + (line[len] == '\n');
        line[len] = '\0';
        if (is_blank(line, len))
            continue;
        snprintf(place, sizeof(place), "%s:%d", path, number);
        r = note(import_line(import, place, line, len), problems, &problems);
    }
    return r == 0 && problems ? -EBADMSG : r;
}

/* --- CSV: a row is a user, and what it has of credentials. --- */

/* A column that becomes a member of the user as it is. */
static const char *const user_columns[] = { "id",         "name",        "kind", "status",
                                            "valid_from", "valid_until", "link" };

/* A column that becomes a credential of this type. */
static const char *const credential_columns[] = { "card", "pin", "plate", "mobile", "qr" };

static bool is_one_of(const char *name, const char *const names[], size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static bool is_column(const char *name)
{
    return is_one_of(name, user_columns, COUNT(user_columns)) ||
           is_one_of(name, credential_columns, COUNT(credential_columns)) || strcmp(name, "tags") == 0;
}

static void add_tags(struct json_out *out, const char *tags)
{
    cleanup_with(freep) char *copy = strdup(tags);
    char *rest = copy;

    json_begin_list(out, "tags");
    for (char *tag; copy && (tag = strsep(&rest, " ;,"));)
        if (*tag)
            json_add_string(out, NULL, tag);
    json_end_list(out);
}

static int import_user(struct import *import, const char *place, const struct csv_row *header,
                       const struct csv_row *row)
{
    cleanup_with(text_finish) struct text text = TEXT_INIT;
    struct json_out out = json_out_to(&text);

    json_begin_object(&out, NULL);
    for (size_t i = 0; i < header->count; i++) {
        if (!row->fields[i][0])
            continue;
        if (strcmp(header->fields[i], "tags") == 0)
            add_tags(&out, row->fields[i]);
        else if (is_one_of(header->fields[i], user_columns, COUNT(user_columns)))
            json_add_string(&out, header->fields[i], row->fields[i]);
    }
    json_end_object(&out);
    int r = text_error(&text);

    return r < 0 ? r : import_item(import, place, "user", text_string(&text));
}

static int import_credential(struct import *import, const char *place, const char *user, const char *type,
                             const char *value)
{
    cleanup_with(text_finish) struct text text = TEXT_INIT;
    struct json_out out = json_out_to(&text);
    char id[2 * ID_SIZE];

    snprintf(id, sizeof(id), "%s.%s", user, type);
    json_begin_object(&out, NULL);
    json_add_string(&out, "id", id);
    json_add_string(&out, "user", user);
    json_add_string(&out, "type", type);
    json_add_string(&out, "value", value);
    json_end_object(&out);
    int r = text_error(&text);

    return r < 0 ? r : import_item(import, place, "credential", text_string(&text));
}

static const char *field(const struct csv_row *header, const struct csv_row *row, const char *name)
{
    for (size_t i = 0; i < header->count; i++)
        if (strcmp(header->fields[i], name) == 0)
            return row->fields[i];
    return "";
}

static int import_row(struct import *import, const char *place, const struct csv_row *header,
                      const struct csv_row *row)
{
    struct json_error error;

    if (row->count != header->count) {
        json_error_set(&error, "", "has %zu fields, the first line has %zu", row->count, header->count);
        return problem(import, place, &error);
    }
    int r = import_user(import, place, header, row);

    for (size_t i = 0; r == 0 && i < COUNT(credential_columns); i++) {
        const char *value = field(header, row, credential_columns[i]);

        if (value[0])
            r = import_credential(import, place, field(header, row, "id"), credential_columns[i], value);
    }
    return r;
}

static int check_header(struct import *import, const char *path, const struct csv_row *header)
{
    struct json_error error;

    for (size_t i = 0; i < header->count; i++) {
        if (is_column(header->fields[i]))
            continue;
        json_error_set(
            &error, header->fields[i],
            "is no column; there are id, name, kind, status, valid_from, valid_until, link, tags, card, pin, "
            "plate, mobile and qr");
        return problem(import, path, &error);
    }
    return 0;
}

static int import_csv(struct import *import, const char *path, char *bytes)
{
    struct csv_row header = { 0 };
    struct csv_row row = { 0 };
    struct csv csv = csv_over(bytes);
    char place[4200];
    int problems = 0;
    int r = csv_next(&csv, &header);

    if (r == 1)
        r = check_header(import, path, &header);
    while (r == 0 && (r = csv_next(&csv, &row)) == 1) {
        snprintf(place, sizeof(place), "%s:%u", path, csv.row_line);
        r = note(import_row(import, place, &header, &row), problems, &problems);
    }
    if (r == -EINVAL) {
        text_addf(&import->problems, "%s:%u: a quote has no end, or something stands behind it\n", path,
                  csv.row_line);
        r = -EBADMSG;
    }
    return r == 0 && problems ? -EBADMSG : r;
}

static int read_input(const char *path, char **ret_bytes)
{
    cleanup_with(text_finish) struct text text = TEXT_INIT;
    char buffer[65536];
    size_t len;

    if (strcmp(path, "-") != 0)
        return file_read(path, IMPORT_BYTES_MAX, ret_bytes, &len);
    while ((len = fread(buffer, 1, sizeof(buffer), stdin)) > 0)
        text_add_bytes(&text, buffer, len);
    if (text_error(&text) < 0)
        return text_error(&text);
    *ret_bytes = text.len ? text_take(&text) : strdup("");
    return *ret_bytes ? 0 : -ENOMEM;
}

int import_file(struct import *import, const char *path)
{
    cleanup_with(freep) char *bytes = NULL;
    size_t len = strlen(path);
    int r = read_input(path, &bytes);

    if (r < 0) {
        text_addf(&import->problems, "%s: %s\n", path, strerror(-r));
        return r;
    }
    return len > 4 && strcmp(path + len - 4, ".csv") == 0 ? import_csv(import, path, bytes)
                                                          : import_lines(import, path, bytes);
}
