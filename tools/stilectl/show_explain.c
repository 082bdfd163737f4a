/* SPDX-License-Identifier: GPL-3.0-or-later */
/* show_explain.c: the verdict first, then each failed condition with its value, then what would have to
 * change. */
#include "tools/stilectl/show.h"

#include <string.h>

#include "proto/json.h"
#include "tools/stilectl/field.h"
#include "tools/stilectl/moment.h"
#include "tools/stilectl/reason.h"

static void add_verdict(struct show *show, const char *verdict)
{
    static const struct {
        const char *verdict;
        const char *shown;
        enum tone tone;
    } verdicts[] = {
        { "grant", "GRANTED", TONE_GOOD },
        { "deny", "DENIED", TONE_BAD },
        { "pending", "MORE IS NEEDED", TONE_DOUBTFUL },
    };

    for (size_t i = 0; i < sizeof(verdicts) / sizeof(verdicts[0]); i++)
        if (strcmp(verdicts[i].verdict, verdict) == 0)
            tone_add(&show->out, show->colour, verdicts[i].tone, verdicts[i].shown);
}

/* "Ada (u17)", "u17" if that is the name too; otherwise if there is no id. */
static void add_named(struct text *out, struct json_object *verdict, const char *member,
                      const char *name_member, const char *otherwise)
{
    const char *id = field_string(verdict, member);
    const char *name = field_string(verdict, name_member);

    field_add(out, name ? name : id ? id : otherwise);
    if (!name || !id || strcmp(name, id) == 0)
        return;
    text_add(out, " (");
    field_add(out, id);
    text_add(out, ")");
}

static void add_head(struct show *show, struct json_object *verdict)
{
    const char *what = field_string(verdict, "verdict");
    struct text *out = &show->out;

    add_verdict(show, what ? what : "");
    text_add(out, " for ");
    add_named(out, verdict, "user", "name", "an unknown person");
    text_add(out, " at ");
    add_named(out, verdict, "point", "point_name", "an unknown access point");
    text_add(out, ", ");
    moment_add(out, field_string(verdict, "at"), show->now_us);
    if (field_string(verdict, "rule")) {
        text_add(out, ", by rule ");
        add_named(out, verdict, "rule", "rule_name", "");
    }
    text_add(out, "\n");
}

/* The text that details has for a reason; NULL: none. */
static const char *detail_of(struct json_object *verdict, const char *code)
{
    struct json_object *details = field_list(verdict, "details");
    struct json_error error;

    for (size_t i = 0; i < json_list_length(details); i++) {
        struct json_object *detail = json_list_object(details, i, &error);
        const char *reason = detail ? field_string(detail, "reason") : NULL;

        if (reason && strcmp(reason, code) == 0)
            return field_string(detail, "text");
    }
    return NULL;
}

static void add_condition(struct text *out, struct json_object *verdict, const char *code)
{
    const struct reason_words *words = reason_words_find(code);
    const char *detail = detail_of(verdict, code);

    text_add(out, "  - ");
    field_add(out, words ? words->what : code);
    if (detail) {
        text_add(out, ": ");
        field_add(out, detail);
    }
    text_add(out, ".\n");
}

static void add_remedies(struct text *out, struct json_object *failed)
{
    text_add(out, "To be let in:\n");
    for (size_t i = 0; i < json_list_length(failed); i++) {
        const char *code = field_entry(failed, i);
        const struct reason_words *words = code ? reason_words_find(code) : NULL;

        if (words && words->remedy)
            text_addf(out, "  - %s.\n", words->remedy);
    }
}

static void add_time(struct show *show, const char *before, const char *utc)
{
    if (!utc)
        return;
    text_add(&show->out, before);
    moment_add(&show->out, utc, show->now_us);
}

static void add_words(struct text *out, const char *before, struct json_object *list, const char *between)
{
    text_add(out, before);
    field_add_list(out, list, between);
}

/* What keeps a rule from letting in. */
static void add_state(struct show *show, struct json_object *near)
{
    const char *state = field_string(near, "state");
    struct json_object *tags = field_list(near, "tags");
    struct text *out = &show->out;

    if (!state)
        return;
    if (strcmp(state, "closed") == 0)
        text_add(out, " is closed");
    else if (strcmp(state, "other_type") == 0)
        add_words(out, " takes only ", field_list(near, "types"), ", ");
    else if (strcmp(state, "not_started") == 0)
        add_time(show, " is valid from ", field_string(near, "valid_from"));
    else if (strcmp(state, "expired") == 0)
        add_time(show, " was valid until ", field_string(near, "valid_until"));
    else if (strcmp(state, "off") == 0)
        text_add(out, " is off");
    else if (json_list_length(tags) > 0)
        add_words(out, " lets in people with the tag ", tags, " or ");
    else
        text_add(out, " names other people");
}

static void add_nearest(struct show *show, struct json_object *nearest)
{
    struct json_error error;

    if (json_list_length(nearest) > 0)
        text_add(&show->out, "The rules that came nearest:\n");
    for (size_t i = 0; i < json_list_length(nearest); i++) {
        struct json_object *near = json_list_object(nearest, i, &error);

        text_add(&show->out, "  - ");
        add_named(&show->out, near, "rule", "name", "?");
        add_state(show, near);
        add_time(show, ", opens next ", field_string(near, "opens"));
        text_add(&show->out, ".\n");
    }
}

static void add_notes(struct text *out, struct json_object *verdict)
{
    struct json_object *warnings = field_list(verdict, "warnings");
    const char *message = field_string(verdict, "message");
    int64_t retry_after_s = field_int(verdict, "retry_after_s", 0);

    if (json_list_length(warnings) > 0) {
        text_add(out, "Warning: ");
        field_add_list(out, warnings, ", ");
        text_add(out, ".\n");
    }
    if (message) {
        text_add(out, "The display says: ");
        field_add(out, message);
        text_add(out, "\n");
    }
    if (retry_after_s > 0) {
        text_add(out, "It can be tried again in ");
        moment_add_duration(out, retry_after_s);
        text_add(out, ".\n");
    }
}

void show_explain(struct show *show, struct json_object *verdict)
{
    struct json_object *failed = field_list(verdict, "failed");
    const char *what = field_string(verdict, "verdict");
    const char *reason = field_string(verdict, "reason");
    bool granted = what && strcmp(what, "grant") == 0;

    add_head(show, verdict);
    if (granted && reason && strcmp(reason, "RULE") != 0)
        add_condition(&show->out, verdict, reason);
    for (size_t i = 0; i < json_list_length(failed); i++) {
        const char *code = field_entry(failed, i);

        add_condition(&show->out, verdict, code ? code : "?");
    }
    if (!granted)
        add_remedies(&show->out, failed);
    add_nearest(show, field_list(verdict, "nearest"));
    add_notes(&show->out, verdict);
}
