/* SPDX-License-Identifier: GPL-3.0-or-later */
/* import.c: both formats come down to items, and items are checked by the same code that a gateway checks
 * them with. */
#include "tools/stile-cloud/import.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "gateway/base/file.h"
#include "gateway/core/item.h"
#include "tools/stile-cloud/csv.h"

/* "people.csv:7", and "-:7". */
#define PLACE_SIZE (4096 + 16)

static int problem(struct import *import, const char *place, const struct json_error *error)
{
    text_addf(&import->text, "%s: %s%s%s\n", place, error->path, error->path[0] ? ": " : "", error->text);
    if (++import->problems < IMPORT_PROBLEMS_MAX)
        return 0;
    text_add(&import->text, "more is not looked for\n");
    return -EBADMSG;
}

static int __attribute__((format(printf, 4, 5)))
problem_at(struct import *import, const char *place, const char *member, const char *format, ...)
{
    struct json_error error;
    char text[JSON_TEXT_SIZE];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    json_error_set(&error, member, "%s", text);
    return problem(import, place, &error);
}

static int check_item(const struct import *import, const char *kind, struct json_object *item,
                      struct json_error *error)
{
    enum item_kind known = import->unchecked ? ITEM_KINDS : item_kind_find(kind);

    if (import->unchecked ? id_valid(kind) : known != ITEM_KINDS)
        return item_check(known, item, false, error);
    json_error_set(error, "kind", "there is no kind \"%s\"", kind);
    return -EBADMSG;
}

static int take_item(struct import *import, const char *place, const char *kind, struct json_object *item)
{
    cleanup_with(text_finish) struct text text = TEXT_INIT;
    struct json_out out = json_out_to(&text);
    struct json_error error;
    int r = check_item(import, kind, item, &error);

    if (r < 0)
        return r == -EBADMSG ? problem(import, place, &error) : r;
    json_add_object(&out, NULL, item);
    if (text.len > CLOUD_ITEM_BYTES_MAX)
        return problem_at(import, place, "", "the item has more than %d bytes", CLOUD_ITEM_BYTES_MAX);
    r = text_error(&text);
    if (r == 0)
        r = stage_put(import->stage, kind, item_id(item), text_string(&text));
    if (r == -EEXIST)
        return problem_at(import, place, "id", "there is another %s \"%s\" before this one", kind,
                          item_id(item));
    import->items++;
    return r;
}

int import_item(struct import *import, const char *place, const char *kind, const char *json)
{
    cleanup_with(json_putp) struct json_object *item = NULL;
    struct json_error error;
    int r = json_parse(json, strlen(json), &item, &error);

    if (r < 0)
        return r == -EBADMSG ? problem(import, place, &error) : r;
    return take_item(import, place, kind, item);
}

struct line {
    const char *kind;
    struct json_object *item;
};

static const struct json_row line_rows[] = {
    JSON_ROW_STRING_REQUIRED(struct line, kind, "kind", 1, ID_BYTES_MAX),
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
    if (r < 0)
        return r == -EBADMSG ? problem(import, place, &error) : r;
    return take_item(import, place, line.kind, line.item);
}

static bool is_blank(const char *bytes, size_t len)
{
    return strspn(bytes, " \t\r\n") == len;
}

static int import_lines(struct import *import, const char *path, FILE *file)
{
    cleanup_with(freep) char *line = NULL;
    char place[PLACE_SIZE];
    size_t size = 0;
    ssize_t len;
    int r = 0;

    for (int number = 1; r == 0 && (len = getline(&line, &size, file)) >= 0; number++) {
        if (is_blank(line, (size_t)len))
            continue;
        snprintf(place, sizeof(place), "%s:%d", path, number);
        r = import_line(import, place, line, (size_t)len);
    }
    if (r == 0 && !feof(file))
        return problem_at(import, path, "", "%s", strerror(errno));
    return r;
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

/* What JSON writes for bytes that are not UTF-8. */
#define REPLACEMENT "\xef\xbf\xbd"

static int import_written(struct import *import, const char *place, const char *kind, struct json_out *out)
{
    json_end_object(out);
    int r = text_error(out->text);

    if (r == 0 && strstr(text_string(out->text), REPLACEMENT))
        return problem_at(import, place, "", "is not UTF-8: save the file with that encoding");
    return r < 0 ? r : import_item(import, place, kind, text_string(out->text));
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
    return import_written(import, place, "user", &out);
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
    return import_written(import, place, "credential", &out);
}

/* The column of that name, header->count if there is none. */
static size_t column(const struct csv_row *header, const char *name)
{
    size_t i = 0;

    while (i < header->count && strcmp(header->fields[i], name) != 0)
        i++;
    return i;
}

static const char *field(const struct csv_row *header, const struct csv_row *row, const char *name)
{
    size_t i = column(header, name);

    return i < header->count ? row->fields[i] : "";
}

static int import_row(struct import *import, const char *place, const struct csv_row *header,
                      const struct csv_row *row)
{
    if (row->count != header->count)
        return problem_at(import, place, "", "has %zu fields, the heading line has %zu", row->count,
                          header->count);
    const char *id = field(header, row, "id");
    int r = import_user(import, place, header, row);

    for (size_t i = 0; r == 0 && i < COUNT(credential_columns); i++) {
        const char *value = field(header, row, credential_columns[i]);

        if (id[0] && value[0])
            r = import_credential(import, place, id, credential_columns[i], value);
    }
    return r;
}

/* Returns 1 if the heading line will do, else what problem() said. */
static int check_header(struct import *import, const char *place, const struct csv_row *header)
{
    if (column(header, "id") == header->count)
        return problem_at(import, place, "id", "is missing in the heading line");
    for (size_t i = 0; i < header->count; i++) {
        if (!is_column(header->fields[i]))
            return problem_at(
                import, place, header->fields[i],
                "is no column; there are id, name, kind, status, valid_from, valid_until, link, "
                "tags, card, pin, plate, mobile and qr");
        if (column(header, header->fields[i]) != i)
            return problem_at(import, place, header->fields[i], "is there twice");
    }
    return 1;
}

static int import_rows(struct import *import, const char *path, struct csv *csv)
{
    struct csv_row header = { 0 };
    struct csv_row row = { 0 };
    char place[PLACE_SIZE];
    int r = csv_next(csv, &header);

    snprintf(place, sizeof(place), "%s:%u", path, csv->row_line);
    if (r == 0)
        return problem_at(import, path, "", "is empty");
    if (r == 1)
        r = check_header(import, place, &header);
    while (r == 1 && (r = csv_next(csv, &row)) == 1) {
        snprintf(place, sizeof(place), "%s:%u", path, csv->row_line);
        r = import_row(import, place, &header, &row) ?: 1;
    }
    return r;
}

static int import_csv(struct import *import, const char *path)
{
    cleanup_with(freep) char *bytes = NULL;
    char place[PLACE_SIZE];
    size_t len;
    int r = file_read(path, IMPORT_CSV_BYTES_MAX, &bytes, &len);

    if (r < 0)
        return problem_at(import, path, "", "%s", strerror(-r));
    if (strlen(bytes) != len)
        return problem_at(import, path, "", "is not UTF-8: save the file with that encoding");
    struct csv csv = csv_over(bytes);

    r = import_rows(import, path, &csv);
    snprintf(place, sizeof(place), "%s:%u", path, csv.row_line);
    if (r == -EINVAL)
        return problem_at(import, place, "", "a quote has no end, or something stands behind it");
    if (r == -E2BIG)
        return problem_at(import, place, "", "has more than %d fields", CSV_FIELDS_MAX);
    return r;
}

int import_file(struct import *import, const char *path)
{
    size_t len = strlen(path);

    if (len > 4 && strcasecmp(path + len - 4, ".csv") == 0)
        return import_csv(import, path);
    if (strcmp(path, "-") == 0)
        return import_lines(import, path, stdin);
    FILE *file = fopen(path, "re");

    if (!file)
        return problem_at(import, path, "", "%s", strerror(errno));
    int r = import_lines(import, path, file);

    fclose(file);
    return r;
}
