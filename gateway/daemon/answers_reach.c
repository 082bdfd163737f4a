/* SPDX-License-Identifier: GPL-3.0-or-later */
/* answers_reach.c: who would be let in at an access point, and where somebody would be.
 *
 * There may be half a million people to ask about. A sweep takes a slice of them a turn of the loop, behind
 * everything else that is to be done; where it goes on is an id, so that it carries over a change of policy.
 */
#include "gateway/daemon/answers.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "gateway/core/reach.h"
#include "gateway/daemon/daemon.h"
#include "proto/json.h"

/* Longest part of a turn of the loop. */
#define SLICE_US 1000

struct sweep {
    struct daemon *daemon;
    struct ctl_reply *reply; /* NULL: ended */
    struct timestamp now;    /* that is asked about */
    bool over_users;         /* at one access point; else over access points, for one user */
    char fixed[ID_SIZE];     /* the access point, or the user */
    char next[ID_SIZE];      /* where to go on */
    int64_t left;            /* answers that may still be given */
    bool any;
};

/* At the end of a sweep, or with the loop. */
static void sweep_free(void *userdata)
{
    struct sweep *sweep = userdata;

    if (sweep->reply)
        ctl_reply_end(sweep->reply, CONTROL_EXIT_DAEMON, "stiled is stopping");
    free(sweep);
}

static void end(struct sweep *sweep, enum control_exit code, const char *message)
{
    ctl_reply_end(take_ptr(sweep->reply), code, message);
}

static void end_complete(struct sweep *sweep)
{
    if (sweep->any)
        end(sweep, CONTROL_EXIT_OK, NULL);
    else
        end(sweep, CONTROL_EXIT_NO,
            sweep->over_users ? "no rule joins anybody to this access point" : "there are no access points");
}

/* When a rule that joins the user and is only closed opens next. */
static void add_opening(struct json_out *out, const struct world *world, const struct verdict *verdict,
                        const struct timestamp *now)
{
    struct reach_rule near[REACH_RULES_MAX];
    char utc[UTC_SIZE];

    if (reach_nearest(world, verdict, now, near) > 0 && near[0].state == REACH_CLOSED &&
        near[0].opens_us != INSTANT_MAX && event_utc_format(near[0].opens_us, utc))
        json_add_string(out, "opens", utc);
}

static void answer(struct sweep *sweep, uint32_t user, uint32_t point)
{
    const struct policy *policy = sweep->daemon->policy;
    uint32_t door = policy_point(policy, point)->door;
    cleanup_with(text_finish) struct text text = TEXT_INIT;
    struct json_out out = json_out_to(&text);
    struct verdict verdict;

    reach_ask(sweep->daemon->world, user, point, &sweep->now, &verdict);
    json_begin_object(&out, NULL);
    json_add_string(&out, "name", policy_name(policy, ITEM_USER, user));
    json_add_string(&out, "point", policy_id(policy, ITEM_ACCESS_POINT, point));
    json_add_string(&out, "point_name", policy_name(policy, ITEM_ACCESS_POINT, point));
    json_add_string(&out, "door", policy_id(policy, ITEM_DOOR, door));
    verdict_add(&out, policy, &verdict);
    if (!sweep->over_users)
        add_opening(&out, sweep->daemon->world, &verdict, &sweep->now);
    json_end_object(&out);
    ctl_reply_text(sweep->reply, &text);
    sweep->any = true;
}

/* One user or access point. */
static void take_step(struct sweep *sweep, uint32_t fixed, uint32_t index)
{
    uint32_t user = sweep->over_users ? index : fixed;
    uint32_t point = sweep->over_users ? fixed : index;

    if (sweep->over_users && !reach_joins(sweep->daemon->policy, user, point))
        return;
    if (sweep->left-- > 0)
        answer(sweep, user, point);
    else
        end(sweep, CONTROL_EXIT_OK, "people behind these were left out");
}

static void take_slice(struct sweep *sweep)
{
    const struct policy *policy = sweep->daemon->policy;
    enum item_kind over = sweep->over_users ? ITEM_USER : ITEM_ACCESS_POINT;
    uint32_t fixed = policy_find(policy, sweep->over_users ? ITEM_ACCESS_POINT : ITEM_USER, sweep->fixed);
    uint32_t index = policy_find_from(policy, over, sweep->next);
    int64_t until_us = clock_boot_us() + SLICE_US;

    if (fixed == POLICY_NONE) {
        end(sweep, CONTROL_EXIT_NO,
            sweep->over_users ? "there is no such access point" : "there is no such user");
        return;
    }
    for (; sweep->reply && index < policy_count(policy, over) && clock_boot_us() < until_us; index++)
        take_step(sweep, fixed, index);
    if (!sweep->reply)
        return;
    if (index == policy_count(policy, over) || !ctl_reply_wanted(sweep->reply))
        end_complete(sweep);
    else
        snprintf(sweep->next, sizeof(sweep->next), "%s", policy_id(policy, over, index));
}

static int on_turn(sd_event_source *source, void *userdata)
{
    struct sweep *sweep = userdata;

    take_slice(sweep);
    if (!sweep->reply)
        sd_event_source_set_floating(source, false); /* the loop's reference was the last */
    return 0;
}

/* The loop keeps the sweep from here on. Returns 0 or a negative errno: it is still the caller's. */
static int sweep_begin(struct sweep *sweep)
{
    sd_event_source *source = NULL;
    int r = sd_event_add_defer(sweep->daemon->event, &source, on_turn, sweep);

    if (r >= 0)
        r = sd_event_source_set_priority(source, SD_EVENT_PRIORITY_IDLE);
    if (r >= 0)
        r = sd_event_source_set_enabled(source, SD_EVENT_ON);
    if (r >= 0)
        r = sd_event_source_set_floating(source, true);
    if (r >= 0)
        r = sd_event_source_set_destroy_callback(source, sweep_free);
    if (r >= 0)
        sd_event_source_unref(source);
    else
        sd_event_source_disable_unref(source);
    return r < 0 ? r : 0;
}

/* Takes over from; its reply is ended here if there can be no sweep. */
static void start(const struct sweep *from)
{
    struct sweep *sweep = malloc(sizeof(*sweep));
    int r = -ENOMEM;

    if (sweep) {
        *sweep = *from;
        r = sweep_begin(sweep);
    }
    if (r == 0)
        return;
    free(sweep);
    ctl_reply_end(from->reply, CONTROL_EXIT_DAEMON, strerror(-r));
}

void answers_who_can(void *user, struct ctl_reply *reply, const char *point, const struct ctl_when *when,
                     int64_t limit)
{
    struct sweep sweep = {
        .daemon = user, .reply = reply, .now = answers_when(user, when), .over_users = true, .left = limit
    };

    snprintf(sweep.fixed, sizeof(sweep.fixed), "%s", point);
    start(&sweep);
}

void answers_where_can(void *user, struct ctl_reply *reply, const char *who, const struct ctl_when *when)
{
    struct sweep sweep = {
        .daemon = user, .reply = reply, .now = answers_when(user, when), .left = INT64_MAX
    };

    snprintf(sweep.fixed, sizeof(sweep.fixed), "%s", who);
    start(&sweep);
}
