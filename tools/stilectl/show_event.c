/* SPDX-License-Identifier: GPL-3.0-or-later */
/* show_event.c: where, who, what; then whatever else the event says, in words. */
#include "tools/stilectl/show.h"

#include <stdio.h>
#include <string.h>

#include "proto/json.h"
#include "tools/stilectl/field.h"
#include "tools/stilectl/reason.h"

#define WHERE_WIDTH 12
#define WHO_WIDTH   16
#define BRIEF_WIDTH 8

static const char *first_of(struct json_object *event, const char *const members[])
{
    for (size_t i = 0; members[i]; i++) {
        const char *value = field_string(event, members[i]);

        if (value)
            return value;
    }
    return "-";
}

static void add_padded(struct text *out, size_t from, size_t width)
{
    while (out->len - from < width)
        text_add(out, " ");
    text_add(out, "  ");
}

static void add_where(struct text *out, struct json_object *event, size_t width)
{
    static const char *const members[] = { "point", "door", "target", "device", NULL };
    size_t from = out->len;

    field_add(out, first_of(event, members));
    add_padded(out, from, width);
}

static void add_who(struct text *out, struct json_object *event, size_t width)
{
    static const char *const members[] = { "user", "operator", "credential", "value", "type", "iss", NULL };
    const char *name = field_string(event, "name");
    const char *second = field_string(event, "second_user");
    size_t from = out->len;

    if (name) {
        field_add(out, name);
        text_add(out, " (");
    }
    field_add(out, first_of(event, members));
    text_add(out, name ? ")" : "");
    if (second) {
        text_add(out, " + ");
        field_add(out, second);
    }
    add_padded(out, from, width);
}

static void add_reason(struct text *out, const char *code)
{
    const struct reason_words *words = reason_words_find(code);

    field_add(out, words ? words->what : code);
}

static void add_reasons(struct text *out, struct json_object *event)
{
    struct json_object *failed = field_list(event, "failed");
    const char *reason = field_string(event, "reason");

    if (json_list_length(failed) > 0) {
        for (size_t i = 0; i < json_list_length(failed); i++) {
            const char *code = field_entry(failed, i);

            text_add(out, i ? "; " : ": ");
            add_reason(out, code ? code : "?");
        }
    } else if (reason && strcmp(reason, "RULE") != 0) {
        text_add(out, ": ");
        add_reason(out, reason);
    }
}

void show_words(struct text *out, const char *kind)
{
    for (; *kind; kind++) {
        const char one[] = { *kind == '_' ? ' ' : *kind, '\0' };

        field_add(out, one);
    }
}

/* Members that are told behind a word of their own. */
static const struct {
    const char *member;
    const char *before;
    const char *after;
} strings[] = {
    { "direction", " (", ")" },
    { "what", ": ", "" },
    { "by", " by ", "" },
    { "verb", ": ", "" },
    { "mode", ": ", "" },
    { "rule", " by rule ", "" },
    { "outcome", ": ", "" },
    { "code", ": ", "" },
    { "until", " until ", "" },
    { "software", ": ", "" },
    { "member", ": ", "" },
    { "message", ": \"", "\"" },
    { "text", ": ", "" },
    { "authorization", ", for \"", "\"" },
    { "lock_utc", ", at ", " by its clock" },
};

static const struct {
    const char *member;
    const char *before;
    const char *after;
} numbers[] = {
    { "generation", " generation ", "" },
    { "version", " version ", "" },
    { "ms", " in ", " ms" },
    { "count", ", count ", "" },
    { "from", ", from ", "" },
    { "to", " to ", "" },
    { "index", ", entry ", "" },
    { "retry_after_s", ", again in ", " s" },
};

static void add_rest(struct text *out, struct json_object *event)
{
    for (size_t i = 0; i < sizeof(strings) / sizeof(strings[0]); i++) {
        const char *value = field_string(event, strings[i].member);

        if (!value)
            continue;
        text_add(out, strings[i].before);
        field_add(out, value);
        text_add(out, strings[i].after);
    }
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        long long value = field_int(event, numbers[i].member, INT64_MIN);

        if (value != INT64_MIN)
            text_addf(out, "%s%lld%s", numbers[i].before, value, numbers[i].after);
    }
}

static void add_warnings(struct text *out, struct json_object *event)
{
    struct json_object *warnings = field_list(event, "warnings");

    if (json_list_length(warnings) > 0) {
        text_add(out, "; warning: ");
        field_add_list(out, warnings, ", ");
    }
}

static void add_event(struct text *out, struct json_object *event, size_t where_width, size_t who_width)
{
    const char *kind = field_string(event, "kind");

    add_where(out, event, where_width);
    add_who(out, event, who_width);
    show_words(out, kind ? kind : "?");
    text_add(out, field_false(event, "on") ? " (over)" : "");
    add_rest(out, event);
    add_reasons(out, event);
    add_warnings(out, event);
}

void show_event(struct text *out, struct json_object *event)
{
    add_event(out, event, WHERE_WIDTH, WHO_WIDTH);
}

void show_event_briefly(struct text *out, struct json_object *event)
{
    add_event(out, event, BRIEF_WIDTH, BRIEF_WIDTH);
}
