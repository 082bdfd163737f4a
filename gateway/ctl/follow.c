/* SPDX-License-Identifier: GPL-3.0-or-later */
/* follow.c: a number decides what is new; the ledger never gives one twice. */
#include "gateway/ctl/follow.h"

#include <errno.h>
#include <string.h>

#include "proto/json.h"
#include "proto/rfc3339.h"

struct happened {
    int64_t seq;
    const char *door;
    const char *user;
};

static const struct json_row happened_rows[] = {
    JSON_ROW_INT_REQUIRED(struct happened, seq, "seq", 1, JSON_INT_MAX),
    JSON_ROW_STRING(struct happened, door, "door", 0, INT64_MAX),
    JSON_ROW_STRING(struct happened, user, "user", 0, INT64_MAX),
};

static int copy(const char *value, char **ret_copy)
{
    *ret_copy = value ? strdup(value) : NULL;
    return value && !*ret_copy ? -ENOMEM : 0;
}

int follow_begin(struct follow *follow, const struct control_args *args)
{
    follow_finish(follow);
    if (copy(args->door, &follow->door) < 0 || copy(args->user, &follow->user) < 0) {
        follow_finish(follow);
        return -ENOMEM;
    }
    follow->since_utc_us = args->since_utc_us;
    follow->stage = FOLLOW_HISTORY;
    return 0;
}

void follow_finish(struct follow *follow)
{
    free(follow->door);
    free(follow->user);
    text_finish(&follow->held);
    *follow = (struct follow){ .stage = FOLLOW_OFF };
}

static int read_event(const char *event, size_t len, struct json_object **ret_object,
                      struct happened *ret_happened)
{
    struct json_error error;
    int r = json_parse(event, len, ret_object, &error);

    return r < 0 ? r : json_read(*ret_object, JSON_ROWS(happened_rows), ret_happened, &error);
}

void follow_note(struct follow *follow, const char *event, size_t len)
{
    cleanup_with(json_putp) struct json_object *object = NULL;
    struct happened happened;

    if (follow->stage == FOLLOW_HISTORY && read_event(event, len, &object, &happened) == 0)
        follow->seq = happened.seq;
}

static bool same(const char *wanted, const char *value)
{
    return !wanted || (value && strcmp(wanted, value) == 0);
}

/* An event without a wall clock is told: it happens now. */
static bool late_enough(struct json_object *object, int64_t since_utc_us)
{
    static const struct json_row row = { .member = "utc", .type = JSON_STRING, .max = INT64_MAX };
    struct json_error error;
    const char *utc = NULL;
    int64_t utc_us;

    if (json_read(object, &row, 1, &utc, &error) < 0 || !utc || !rfc3339_parse(utc, &utc_us))
        return true;
    return utc_us >= since_utc_us;
}

bool follow_wants(const struct follow *follow, const char *event, size_t len)
{
    cleanup_with(json_putp) struct json_object *object = NULL;
    struct happened happened;

    if (follow->stage == FOLLOW_OFF || read_event(event, len, &object, &happened) < 0)
        return false;
    return happened.seq > follow->seq && same(follow->door, happened.door) &&
           same(follow->user, happened.user) && late_enough(object, follow->since_utc_us);
}
