/* SPDX-License-Identifier: GPL-3.0-or-later */
/* show_reach.c: verdicts as rows, short enough to be looked through; explain has the rest. */
#include "proto/json.h"
#include "tools/stilectl/field.h"
#include "tools/stilectl/moment.h"
#include "tools/stilectl/reason.h"
#include "tools/stilectl/show.h"

#include <string.h>

static void add_verdict(struct show *show, struct json_object *verdict)
{
    static const struct {
        const char *verdict;
        const char *shown;
        enum tone tone;
    } verdicts[] = {
        { "grant", "yes", TONE_GOOD },
        { "deny", "no", TONE_BAD },
        { "pending", "not alone", TONE_DOUBTFUL },
    };
    const char *what = field_string(verdict, "verdict");

    for (size_t i = 0; what && i < sizeof(verdicts) / sizeof(verdicts[0]); i++)
        if (strcmp(verdicts[i].verdict, what) == 0) {
            table_add(&show->table, verdicts[i].tone, verdicts[i].shown);
            return;
        }
    table_add(&show->table, TONE_PLAIN, what);
}

/* What failed; at an open door nothing that matters. */
static void add_failed(struct show *show, struct json_object *verdict)
{
    struct json_object *failed = field_list(verdict, "failed");
    const char *what = field_string(verdict, "verdict");
    cleanup_with(text_finish) struct text text = TEXT_INIT;

    for (size_t i = 0; i < json_list_length(failed); i++) {
        const char *code = field_entry(failed, i);
        const struct reason_words *words = code ? reason_words_find(code) : NULL;

        text_add(&text, i > 0 ? "; " : "");
        text_add(&text, words ? words->what : code ? code : "?");
    }
    table_add(&show->table, TONE_PLAIN, what && strcmp(what, "grant") == 0 ? NULL : text_string(&text));
}

void show_who(struct show *show, struct json_object *verdict)
{
    table_add(&show->table, TONE_PLAIN, field_string(verdict, "user"));
    table_add(&show->table, TONE_PLAIN, field_string(verdict, "name"));
    add_verdict(show, verdict);
    add_failed(show, verdict);
}

void show_where(struct show *show, struct json_object *verdict)
{
    const char *opens = field_string(verdict, "opens");
    cleanup_with(text_finish) struct text text = TEXT_INIT;

    if (opens)
        moment_add(&text, opens, show->now_us);
    table_add(&show->table, TONE_PLAIN, field_string(verdict, "point"));
    table_add(&show->table, TONE_PLAIN, field_string(verdict, "point_name"));
    add_verdict(show, verdict);
    add_failed(show, verdict);
    table_add(&show->table, TONE_PLAIN, text_string(&text));
}
