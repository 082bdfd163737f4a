/* SPDX-License-Identifier: GPL-3.0-or-later */
/* show_sync.c: where gateway and cloud differ is said in words, and why as far as the gateway knows. */
#include "tools/stilectl/show.h"

#include <inttypes.h>
#include <string.h>

#include "proto/json.h"
#include "tools/stilectl/field.h"
#include "tools/stilectl/moment.h"

static void add_field(struct show *show, struct json_object *object, const char *member)
{
    const char *value = field_string(object, member);

    field_add(&show->out, value ? value : "?");
}

static void add_ago(struct show *show, struct json_object *object, const char *member)
{
    moment_add_duration(&show->out, field_int(object, member, 0));
    text_add(&show->out, " ago");
}

static void show_talk(struct show *show, struct json_object *sync)
{
    bool connected = field_true(sync, "connected");

    show_label(show, "cloud");
    if (!field_true(sync, "configured")) {
        text_add(&show->out, "none: this gateway stands alone\n");
        return;
    }
    tone_add(&show->out, show->colour, connected ? TONE_GOOD : TONE_BAD,
             connected ? "connected" : "not connected");
    text_add(&show->out, " for ");
    moment_add_duration(&show->out, field_int(sync, "since_s", 0));
    if (field_string(sync, "error")) {
        text_add(&show->out, ": ");
        add_field(show, sync, "error");
    }
    if (field_int(sync, "heard_s", -1) < 0) {
        text_add(&show->out, ", nothing heard of the cloud yet");
    } else {
        text_add(&show->out, ", heard of the cloud ");
        add_ago(show, sync, "heard_s");
    }
    if (connected && !field_true(sync, "answered"))
        tone_add(&show->out, show->colour, TONE_DOUBTFUL, ", which has not answered all");
    text_add(&show->out, "\n");
}

static void add_version(struct show *show, struct json_object *policy)
{
    text_addf(&show->out, "%" PRId64 ".%" PRId64, field_int(policy, "generation", 0),
              field_int(policy, "version", 0));
}

static bool same_root(struct json_object *a, struct json_object *b)
{
    const char *root_a = field_string(a, "root");
    const char *root_b = field_string(b, "root");

    return root_a && root_b && strcmp(root_a, root_b) == 0;
}

/* What the cloud wants, beside what there is. */
static void add_difference(struct show *show, struct json_object *sync, struct json_object *have,
                           struct json_object *want)
{
    int64_t lag = field_int(sync, "lag", -1);

    if (lag == 0 && same_root(have, want)) {
        tone_add(&show->out, show->colour, TONE_GOOD, ", as the cloud wants it");
        return;
    }
    text_add(&show->out, ", the cloud wants ");
    add_version(show, want);
    if (lag == 0)
        tone_add(&show->out, show->colour, TONE_BAD, ": of the same version, but not the same");
    else if (lag > 0)
        text_addf(&show->out, ": %" PRId64 " behind", lag);
    else
        tone_add(&show->out, show->colour, TONE_DOUBTFUL, ": another generation, or older");
}

static void show_roots(struct show *show, struct json_object *have, struct json_object *want)
{
    show_label(show, "");
    text_add(&show->out, "root ");
    add_field(show, have, "root");
    if (want && !same_root(have, want)) {
        text_add(&show->out, ", wanted ");
        add_field(show, want, "root");
    }
    text_add(&show->out, "\n");
}

static void show_policy(struct show *show, struct json_object *sync)
{
    struct json_object *have = field_object(sync, "have");
    struct json_object *want = field_object(sync, "want");
    struct json_object *staging = field_object(sync, "staging");

    show_label(show, "policy");
    add_version(show, have);
    if (want)
        add_difference(show, sync, have, want);
    if (field_string(sync, "asks")) {
        text_add(&show->out, ", asks for: ");
        add_field(show, sync, "asks");
    }
    text_add(&show->out, "\n");
    show_roots(show, have, want);
    if (!staging)
        return;
    show_label(show, "");
    text_add(&show->out, "snapshot ");
    add_version(show, staging);
    text_addf(&show->out, " is coming: %" PRId64 " of %" PRId64 " chunks\n", field_int(staging, "next", 0),
              field_int(staging, "chunks", 0));
}

static void show_refused(struct show *show, struct json_object *refused)
{
    static const char *const members[] = { "of", "outcome", "code", "kind", "id", "member" };

    if (!refused)
        return;
    show_label(show, "refused");
    add_ago(show, refused, "ago_s");
    text_add(&show->out, ":");
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        if (!field_string(refused, members[i]))
            continue;
        text_add(&show->out, " ");
        add_field(show, refused, members[i]);
    }
    text_add(&show->out, "\n");
}

static void show_changed(struct show *show, struct json_object *changed)
{
    if (!changed)
        return;
    show_label(show, "changed");
    if (field_string(changed, "kid")) {
        text_add(&show->out, "by the key ");
        add_field(show, changed, "kid");
    } else {
        text_add(&show->out, "by the broker's word");
    }
    text_add(&show->out, ", ");
    moment_add(&show->out, field_string(changed, "at"), show->now_us);
    text_add(&show->out, "\n");
}

static void show_queue(struct show *show, struct json_object *events)
{
    int64_t oldest_s = field_int(events, "oldest_s", -1);

    show_label(show, "events");
    text_addf(&show->out, "%" PRId64 " not yet with the cloud", field_int(events, "waiting", 0));
    if (oldest_s >= 0) {
        text_add(&show->out, ", the oldest for ");
        moment_add_duration(&show->out, oldest_s);
    }
    text_addf(&show->out, "; %" PRId64 " not yet on the disk\n", field_int(events, "queued", 0));
}

static void show_lease(struct show *show, struct json_object *lease)
{
    if (!lease)
        return;
    show_label(show, "lease");
    text_add(&show->out, "until ");
    moment_add(&show->out, field_string(lease, "until"), show->now_us);
    if (field_true(lease, "over"))
        tone_add(&show->out, show->colour, TONE_BAD, ", which is over");
    text_add(&show->out, "\n");
}

static void add_source(struct show *show, struct json_object *source)
{
    cleanup_with(text_finish) struct text age = TEXT_INIT;
    const char *state = field_string(source, "state");
    int64_t age_s = field_int(source, "age_s", -1);

    if (age_s >= 0)
        moment_add_duration(&age, age_s);
    table_add(&show->table, TONE_PLAIN, field_string(source, "source"));
    table_add(&show->table, TONE_PLAIN, field_string(source, "id"));
    table_add(&show->table, TONE_PLAIN, text_string(&age));
    table_add(&show->table, state && strcmp(state, "stale") == 0 ? TONE_BAD : TONE_PLAIN, state);
}

void show_sync(struct show *show, struct json_object *sync)
{
    struct json_object *sources = field_list(sync, "sources");
    struct json_error ignored;

    show_talk(show, sync);
    show_policy(show, sync);
    show_refused(show, field_object(sync, "refused"));
    show_changed(show, field_object(sync, "changed"));
    show_queue(show, field_object(sync, "events"));
    show_lease(show, field_object(sync, "lease"));
    text_add(&show->out, "\n");
    for (size_t i = 0; i < json_list_length(sources); i++) {
        struct json_object *source = json_list_object(sources, i, &ignored);

        if (source)
            add_source(show, source);
    }
}

void show_verified(struct show *show, struct json_object *verified)
{
    const char *epoch = field_string(verified, "epoch");
    int64_t bad = field_int(verified, "first_bad", 0);

    text_addf(&show->out, "events %" PRId64 " to %" PRId64 " of epoch ", field_int(verified, "first", 0),
              field_int(verified, "last", 0));
    field_add(&show->out, epoch ? epoch : "?");
    text_addf(&show->out, ", %" PRId64 " in all: ", field_int(verified, "count", 0));
    if (bad)
        tone_add(&show->out, show->colour, TONE_BAD, "the chain breaks");
    else
        tone_add(&show->out, show->colour, TONE_GOOD, "the chain holds");
    text_add(&show->out, "\n");
}
