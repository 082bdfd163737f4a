/* SPDX-License-Identifier: GPL-3.0-or-later */
/* releases.c: few are under way at once (hal bounds them), so they lie in a list. Names are copied, since the
 * policy may be another one when the result comes. */
#include "gateway/daemon/releases.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "gateway/daemon/cloud_commands.h"
#include "gateway/daemon/daemon.h"
#include "gateway/daemon/record.h"
#include "proto/json.h"

#define SUBSYSTEM "release"

struct release {
    struct release *next;
    int64_t id;          /* hal's; 0: was not sent */
    const char *refused; /* why not */
    char door[ID_SIZE];
    char target[ID_SIZE];
    enum direction direction;
    int64_t pulse_ms;
    uint64_t grant;
    uint64_t cause;
    struct ctl_reply *reply;
    int64_t command;
    char jti[CLOUD_JTI_SIZE]; /* "": none */
    bool ends;                /* is the command that ends one early */
};

struct releases {
    struct release *first;
};

int releases_new(struct releases **ret)
{
    struct releases *releases = calloc(1, sizeof(*releases));

    if (!releases)
        return -ENOMEM;
    *ret = releases;
    return 0;
}

/* Takes it out of the list, if it is there, and frees it. */
static void drop(struct releases *releases, struct release *release)
{
    for (struct release **at = &releases->first; *at; at = &(*at)->next)
        if (*at == release) {
            *at = release->next;
            break;
        }
    free(release);
}

struct releases *releases_free(struct releases *releases)
{
    if (!releases)
        return NULL;
    while (releases->first) {
        if (releases->first->reply)
            ctl_reply_end(releases->first->reply, CONTROL_EXIT_DAEMON, "the daemon stops");
        drop(releases, releases->first);
    }
    free(releases);
    return NULL;
}

static enum driver_direction driver_direction_of(enum direction direction)
{
    return direction == DIRECTION_ENTRY ? DRIVER_DIRECTION_ENTRY : DRIVER_DIRECTION_EXIT;
}

/* The door may be opened from now on. */
static void tell_core(struct daemon *daemon, const struct release_order *order)
{
    struct timestamp now = daemon_now(daemon);
    int r = world_released(daemon->world, order->door, order->pulse_ms, order->extended, &now);

    if (r < 0)
        daemon_trouble(SUBSYSTEM, policy_door(daemon->policy, order->door)->id, r);
}

struct release_order releases_by_hand(const struct daemon *daemon, uint32_t door, enum direction direction,
                                      const struct timestamp *now)
{
    return (struct release_order){
        .door = door,
        .direction = direction,
        .pulse_ms = policy_door(daemon->policy, door)->pulse_ms,
        .deadline_us = now->boot_us + DAEMON_RELEASE_LIMIT_US,
    };
}

struct release *releases_send(struct daemon *daemon, const struct release_order *order)
{
    const struct policy_door *door = policy_door(daemon->policy, order->door);
    struct release *release = calloc(1, sizeof(*release));

    if (!release)
        return NULL;
    *release = (struct release){
        .direction = order->direction,
        .pulse_ms = order->pulse_ms,
        .grant = order->grant,
        .reply = order->reply,
        .command = order->command,
    };
    text_copy(release->jti, sizeof(release->jti), order->jti);
    snprintf(release->door, sizeof(release->door), "%s", door->id);
    snprintf(release->target, sizeof(release->target), "%s", door->target);
    int r = hal_release(daemon->hal, door->target, driver_direction_of(order->direction), order->pulse_ms,
                        order->deadline_us, &release->id, &release->refused);

    if (r < 0)
        release->refused = "no_memory";
    if (!release->refused)
        tell_core(daemon, order);
    return release;
}

bool releases_sent(const struct release *release)
{
    return !release->refused;
}

static struct event event_of(const struct release *release, enum event_kind kind)
{
    return (struct event){
        .kind = kind,
        .door = release->door,
        .target = release->target,
        .direction = release->ends ? NULL : direction_name(release->direction),
        .verb = release->ends ? driver_command_name(DRIVER_COMMAND_LOCK) : NULL,
        .jti = release->jti[0] ? release->jti : NULL,
    };
}

static void answer(struct daemon *daemon, struct release *release, enum driver_outcome outcome,
                   const char *reason, int64_t ms)
{
    cleanup_with(text_finish) struct text text = TEXT_INIT;
    struct json_out out = json_out_to(&text);

    if (release->command)
        cloud_commands_driven(daemon, release->command, outcome, reason);
    if (!release->reply)
        return;
    json_begin_object(&out, NULL);
    json_add_string(&out, "door", release->door);
    json_add_string(&out, "direction", direction_name(release->direction));
    json_add_string(&out, "outcome", driver_outcome_name(outcome));
    json_add_string(&out, "reason", reason && reason[0] ? reason : NULL);
    json_add_int(&out, "ms", ms);
    json_end_object(&out);
    ctl_reply_text(release->reply, &text);
    ctl_reply_end(release->reply, outcome == DRIVER_OUTCOME_COMPLETED ? CONTROL_EXIT_OK : CONTROL_EXIT_NO,
                  NULL);
    release->reply = NULL;
}

static void give_back(struct daemon *daemon, const struct release *release, const struct timestamp *now)
{
    int r = release->grant ? world_release_failed(daemon->world, release->grant, now) : 0;

    if (r < 0)
        daemon_trouble(SUBSYSTEM, release->door, r);
}

void releases_record(struct daemon *daemon, struct release *release, uint64_t cause,
                     const struct timestamp *now)
{
    struct event event = event_of(release, releases_sent(release) ? EVENT_RELEASED : EVENT_FAILED);

    event.reason = release->refused;
    event.pulse_ms = release->refused ? 0 : release->pulse_ms;
    release->cause = cause;
    if (releases_sent(release)) {
        release->next = daemon->releases->first;
        daemon->releases->first = release;
        record_event(daemon, &event, cause, now);
        return;
    }
    give_back(daemon, release, now);
    record_event(daemon, &event, cause, now);
    answer(daemon, release, DRIVER_OUTCOME_FAILED, release->refused, 0);
    free(release);
}

/* A door that may not have been locked goes on as if nobody had tried. */
static int tell_core_ended(struct daemon *daemon, uint32_t door, enum driver_outcome outcome,
                           const struct timestamp *now)
{
    if (outcome == DRIVER_OUTCOME_ACCEPTED)
        return 0;
    return outcome == DRIVER_OUTCOME_COMPLETED ? world_locked(daemon->world, door, now)
                                               : world_not_locked(daemon->world, door, now);
}

/* The device opens only now, or did until now: a lock with a motor takes its time. */
static void tell_core_outcome(struct daemon *daemon, const struct release *release,
                              enum driver_outcome outcome, const struct timestamp *now)
{
    uint32_t door = policy_find(daemon->policy, ITEM_DOOR, release->door);
    int64_t pulse_ms = outcome == DRIVER_OUTCOME_ACCEPTED ? release->pulse_ms : 0;
    int r = 0;

    if (door == POLICY_NONE)
        return;
    if (release->ends)
        r = tell_core_ended(daemon, door, outcome, now);
    else if (outcome != DRIVER_OUTCOME_FAILED)
        r = world_release_lasts(daemon->world, door, pulse_ms, now);
    if (r < 0)
        daemon_trouble(SUBSYSTEM, release->door, r);
}

enum event_kind releases_event_kind(enum driver_outcome outcome)
{
    switch (outcome) {
    case DRIVER_OUTCOME_ACCEPTED:
        return EVENT_ACCEPTED;
    case DRIVER_OUTCOME_COMPLETED:
        return EVENT_COMPLETED;
    case DRIVER_OUTCOME_FAILED:
        return EVENT_FAILED;
    case DRIVER_OUTCOME_UNKNOWN:
        return EVENT_UNKNOWN;
    }
    return EVENT_UNKNOWN;
}

static void take_outcome(struct daemon *daemon, struct release *release, enum driver_outcome outcome,
                         const char *reason, int64_t ms)
{
    struct timestamp now = daemon_now(daemon);
    struct event event = event_of(release, releases_event_kind(outcome));

    event.reason = reason[0] ? reason : NULL;
    event.ms = &ms;
    if (outcome == DRIVER_OUTCOME_FAILED)
        give_back(daemon, release, &now);
    tell_core_outcome(daemon, release, outcome, &now);
    record_event(daemon, &event, release->cause, &now);
    if (outcome == DRIVER_OUTCOME_ACCEPTED)
        return;
    answer(daemon, release, outcome, reason, ms);
    drop(daemon->releases, release);
}

void releases_result(struct daemon *daemon, int64_t id, enum driver_outcome outcome, const char *reason,
                     int64_t ms)
{
    struct release *release = daemon->releases->first;

    while (release && release->id != id)
        release = release->next;
    if (release) /* else a hold or probe, which nobody waits for */
        take_outcome(daemon, release, outcome, reason, ms);
}

void releases_lock(struct daemon *daemon, uint32_t door, uint64_t cause, const struct timestamp *now)
{
    const struct policy_door *policy = policy_door(daemon->policy, door);
    struct driver_command command = {
        .kind = DRIVER_COMMAND_LOCK,
        .deadline_us = now->boot_us + DAEMON_RELEASE_LIMIT_US,
    };
    struct release *release = calloc(1, sizeof(*release));

    if (!release) {
        daemon_trouble(SUBSYSTEM, policy->id, -ENOMEM);
        return;
    }
    *release = (struct release){ .next = daemon->releases->first, .cause = cause, .ends = true };
    text_copy(release->door, sizeof(release->door), policy->id);
    text_copy(release->target, sizeof(release->target), policy->target);
    text_copy(command.target, sizeof(command.target), policy->target);
    daemon->releases->first = release;
    int r = hal_command(daemon->hal, NULL, &command, &release->id, &release->refused);

    if (r < 0)
        release->refused = "no_memory";
    if (release->refused)
        take_outcome(daemon, release, DRIVER_OUTCOME_FAILED, release->refused, 0);
}
