/* SPDX-License-Identifier: GPL-3.0-or-later */
/* wall.c: a nonce counts once, so that the broker cannot tell the same time twice. The lease in force and the
 * one that waits for its version are kept apart, because a desired says what is wanted, not what is. */
#include "gateway/sync/wall.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "gateway/base/log.h"
#include "gateway/sync/challenge.h"
#include "proto/cloud_command.h"

/* A synced clock that is further behind what was signed is not believed (C1). */
#define BEHIND_S 300

/* A lease that ends later than this from now is looked at when something else happens. */
#define LOOK_S_MAX 86400

#define WALL_TEXT_SIZE 96

static void restore(struct wall *wall, const char *saved)
{
    struct wall_lease lease = { 0 };
    int64_t latest_iat = 0;
    int over = 0;

    if (!saved)
        return;
    if (sscanf(saved, "%" SCNd64 " %" SCNd64 " %" SCNd64 " %d", &latest_iat, &lease.iat, &lease.until,
               &over) != 4) {
        log_error("sync", "the stored lease is not understood and was left alone");
        return;
    }
    wall->latest_iat = wall->saved_iat = latest_iat;
    wall->lease = lease;
    wall->over = over;
}

/* The policy that it was of is lost: it is unknown until a desired's version is in force again (P7), which
 * may be the very one that brought it, and no earlier one. */
static void forget_lease(struct wall *wall)
{
    wall->lease.until = 0;
    wall->lease.iat--;
}

static void save(struct wall *wall)
{
    char text[WALL_TEXT_SIZE];

    snprintf(text, sizeof(text), "%" PRId64 " %" PRId64 " %" PRId64 " %d", wall->latest_iat, wall->lease.iat,
             wall->lease.until, wall->over);
    wall->saved_iat = wall->latest_iat;
    wall->hooks->save_wall(wall->hooks->user, text);
}

void wall_init(struct wall *wall, const struct sync_options *options, const struct sync_hooks *hooks)
{
    *wall = (struct wall){
        .hooks = hooks, .ask_at = SYNC_NEVER, .over_at = SYNC_NEVER, .forgetful = options->forgetful
    };
    restore(wall, options->wall);
    if (options->policy.version == 0)
        forget_lease(wall);
}

void wall_finish(struct wall *wall)
{
    text_finish(&wall->text);
}

static void ask(struct wall *wall, const struct timestamp *now)
{
    struct cloud_request request = { .want = CLOUD_WANT_TIME };

    challenge_make(wall->hooks, wall->nonce);
    memcpy(request.nonce, wall->nonce, sizeof(request.nonce));
    wall->asked_at = now->boot_us;
    wall->ask_at = now->boot_us + wall->pause_us;
    int r = cloud_request_format(&wall->text, &request);

    if (r < 0)
        log_error("sync", "cannot write a request: %s", strerror(-r));
    else
        wall->hooks->publish(wall->hooks->user, CLOUD_UP_REQUEST, wall->text.data, wall->text.len);
}

void wall_disconnected(struct wall *wall)
{
    wall->nonce[0] = '\0';
    wall->ask_at = SYNC_NEVER;
}

void wall_note_iat(struct wall *wall, int64_t iat)
{
    if (iat > wall->latest_iat)
        wall->latest_iat = iat;
    if (wall->latest_iat - wall->saved_iat >= WALL_SAVE_S)
        save(wall);
}

/* Whether the nonce is the one that is out, and young. */
static bool nonce_counts(const struct wall *wall, const char *nonce, const struct timestamp *now)
{
    return wall->nonce[0] && strcmp(wall->nonce, nonce) == 0 &&
           now->boot_us - wall->asked_at < CLOUD_NONCE_S * USEC_PER_SEC;
}

void wall_time(struct wall *wall, const struct timestamp *now, const struct trust_opened *opened,
               const struct cloud_policy *policy)
{
    struct cloud_result result = { .of = CLOUD_DOWN_TIME, .policy = *policy };
    struct cloud_refusal refusal;
    struct cloud_time time;
    int r = cloud_time_parse(opened->payload, opened->len, wall->self, &time, &refusal);

    if (r == 0 && !nonce_counts(wall, time.nonce, now)) {
        refusal = (struct cloud_refusal){ .code = "nonce" };
        json_error_set(&refusal.error, "nonce", "is not the one that was asked with, or too old");
        r = -EBADMSG;
    }
    memcpy(result.ref, opened->ref, sizeof(result.ref));
    if (r == -EBADMSG)
        answer_refusal(wall->answer, now, &result, &refusal);
    if (r < 0)
        return;
    wall->nonce[0] = '\0';
    wall_note_iat(wall, time.iat);
    if (now->clock == CLOCK_STATE_NONE)
        wall->hooks->set_time(wall->hooks->user, now, time.utc_us);
}

/* What the lease is worth now is told once. */
static void look(struct wall *wall, const struct timestamp *now)
{
    int64_t left_s = wall->lease.until - now->utc_us / USEC_PER_SEC;
    bool known = wall->lease.until && now->clock != CLOCK_STATE_NONE;
    bool over = known ? left_s <= 0 : wall->over && wall->lease.until;

    wall->over_at = known && !over && left_s < LOOK_S_MAX ? now->boot_us + left_s * USEC_PER_SEC : SYNC_NEVER;
    if (over == wall->over)
        return;
    wall->over = over;
    save(wall);
    wall->hooks->lease_over(wall->hooks->user, wall->over);
}

/* The lease that waits counts from here on, if its version is in force. */
static bool promote(struct wall *wall, const struct cloud_policy *policy)
{
    const struct wall_lease *next = &wall->next;

    if (next->iat <= wall->lease.iat || next->generation != policy->generation ||
        next->version != policy->version)
        return false;
    wall->lease = *next;
    return true;
}

void wall_policy(struct wall *wall, const struct timestamp *now, const struct cloud_policy *policy)
{
    if (promote(wall, policy))
        save(wall);
    look(wall, now);
}

void wall_desired(struct wall *wall, const struct timestamp *now, const struct cloud_desired *desired,
                  const struct cloud_policy *policy)
{
    if (desired->iat > wall->next.iat)
        wall->next = (struct wall_lease){ .iat = desired->iat,
                                          .until = desired->lease_until,
                                          .version = desired->policy.version,
                                          .generation = desired->policy.generation };
    wall_policy(wall, now, policy);
}

bool wall_vouches(const struct wall *wall, const struct timestamp *now)
{
    return !wall->forgetful && now->clock == CLOCK_STATE_SYNCED &&
           wall->latest_iat - now->utc_us / USEC_PER_SEC <= BEHIND_S;
}

static void begin_asking(struct wall *wall, const struct timestamp *now)
{
    wall->pause_us = WALL_PAUSE_MIN_US;
    wall->ask_at = now->boot_us;
}

/* In time no command of an earlier run can live any more. */
static void remember(struct wall *wall, const struct timestamp *now)
{
    if (wall->forgetful && wall->remembers_at == 0)
        wall->remembers_at = now->boot_us + (CLOUD_COMMAND_S_MAX + CLOUD_SKEW_S) * USEC_PER_SEC;
    wall->forgetful = wall->forgetful && now->boot_us < wall->remembers_at;
}

void wall_advance(struct wall *wall, const struct timestamp *now)
{
    look(wall, now);
    remember(wall, now);
    if (!wall->answer->online || now->clock != CLOCK_STATE_NONE)
        wall->ask_at = SYNC_NEVER;
    else if (wall->ask_at == SYNC_NEVER)
        begin_asking(wall, now);
    if (now->boot_us < wall->ask_at)
        return;
    ask(wall, now);
    wall->pause_us = 2 * wall->pause_us < WALL_PAUSE_MAX_US ? 2 * wall->pause_us : WALL_PAUSE_MAX_US;
}

int64_t wall_due(const struct wall *wall)
{
    return wall->ask_at < wall->over_at ? wall->ask_at : wall->over_at;
}
