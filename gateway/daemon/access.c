/* SPDX-License-Identifier: GPL-3.0-or-later */
/* access.c: the way from a tap to the command is straight: verdict, command, and only then the events, which
 * the ledger stores while the motor turns. What waits for its commit first (strict_log, a limited number of
 * uses) takes the detour through record_event_then(). */
#include "gateway/daemon/access.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "gateway/base/log.h"
#include "gateway/daemon/cloud.h"
#include "gateway/daemon/cloud_commands.h"
#include "gateway/daemon/daemon.h"
#include "gateway/daemon/inputs.h"
#include "gateway/daemon/modes.h"
#include "gateway/daemon/orders.h"
#include "gateway/daemon/record.h"
#include "gateway/daemon/releases.h"
#include "proto/digest.h"

#define SUBSYSTEM "access"

/* Reasons of releases that were not tried. */
#define NO_MEMORY      "no_memory"
#define POLICY_CHANGED "policy_changed"
#define MODE_CHANGED   "mode_changed"
#define NOT_AWAITED    "not_awaited"

/* Room for notices at first; it doubles. */
#define NOTICES_FIRST 16

struct grant_ticket {
    uint64_t grant;
    uint64_t ticket;
};

struct access {
    struct world_notice *notices;
    size_t notice_count;
    size_t notice_size;
    bool modes_changed; /* which is acted on even if there was no room for the notice */
    struct grant_ticket grants[ACCESS_GRANTS_MAX];
};

int access_new(struct access **ret)
{
    struct access *access = calloc(1, sizeof(*access));

    if (!access)
        return -ENOMEM;
    *ret = access;
    return 0;
}

struct access *access_free(struct access *access)
{
    if (access)
        free(access->notices);
    free(access);
    return NULL;
}

static int make_room(struct access *access)
{
    size_t size = access->notice_size ? 2 * access->notice_size : NOTICES_FIRST;

    if (access->notice_count < access->notice_size)
        return 0;
    if (size > ACCESS_NOTICES_MAX)
        return -ENOBUFS;
    struct world_notice *notices = realloc(access->notices, size * sizeof(*notices));

    if (!notices)
        return -ENOMEM;
    access->notices = notices;
    access->notice_size = size;
    return 0;
}

void access_notice(void *user, const struct world_notice *notice)
{
    struct access *access = ((struct daemon *)user)->access;
    int r = make_room(access);

    if (notice->kind == WORLD_MODE)
        access->modes_changed = true;
    if (r < 0)
        daemon_trouble(SUBSYSTEM, "something that happened is not recorded", r);
    else
        access->notices[access->notice_count++] = *notice;
}

static void remember_grant(struct access *access, uint64_t grant, uint64_t ticket)
{
    access->grants[grant % ACCESS_GRANTS_MAX] = (struct grant_ticket){ grant, ticket };
}

static uint64_t ticket_of(const struct access *access, uint64_t grant)
{
    const struct grant_ticket *known = &access->grants[grant % ACCESS_GRANTS_MAX];

    return grant && known->grant == grant ? known->ticket : 0;
}

const char *access_cause_name(enum mode_cause cause)
{
    static const char *const names[] = {
        [MODE_BY_FIRE] = "fire",         [MODE_BY_LOCKDOWN] = "lockdown", [MODE_BY_OVERRIDE] = "override",
        [MODE_BY_SCHEDULE] = "schedule", [MODE_BY_DOOR] = "door",
    };

    return names[cause];
}

static const char *id_of(const struct daemon *daemon, enum item_kind kind, uint32_t index)
{
    return index == POLICY_NONE ? NULL : policy_id(daemon->policy, kind, index);
}

/* Returns whether the alarm has an event of its own: the others are told with the input that they are, unless
 * none tells it. */
static bool fill_alarm(struct event *event, const struct world_notice *notice)
{
    bool own = notice->unsaid;

    switch (notice->alarm) {
    case DOOR_ALARM_FORCED:
        event->kind = EVENT_FORCED;
        event->on = &notice->on;
        return true;
    case DOOR_ALARM_HELD:
        event->kind = notice->on ? EVENT_HELD : EVENT_HELD_CLEAR;
        return true;
    case DOOR_ALARM_REX_STUCK:
        own = true;
        break;
    case DOOR_ALARM_TAMPER:
        event->kind = EVENT_TAMPER;
        event->on = &notice->on;
        return own;
    case DOOR_ALARM_FIRE:
    case DOOR_ALARM_OBSTACLE:
    case DOOR_ALARM_JAMMED:
    case DOOR_ALARMS:
        break;
    }
    event->kind = EVENT_ALARM;
    event->reason = door_alarm_name(notice->alarm);
    event->on = &notice->on;
    return own;
}

static void record_notice(struct daemon *daemon, const struct world_notice *notice, uint64_t cause,
                          const struct timestamp *now)
{
    struct event event = {
        .door = id_of(daemon, ITEM_DOOR, notice->door),
        .point = id_of(daemon, ITEM_ACCESS_POINT, notice->point),
        .user = id_of(daemon, ITEM_USER, notice->user),
        .second_user = id_of(daemon, ITEM_USER, notice->second_user),
        .jti = cloud_commands_jti(daemon),
    };
    uint64_t ticket = ticket_of(daemon->access, notice->grant);

    switch (notice->kind) {
    case WORLD_PASSED:
    case WORLD_NOT_PASSED:
        event.kind = notice->kind == WORLD_PASSED ? EVENT_PASSAGE : EVENT_NO_PASSAGE;
        event.direction = direction_name(notice->direction);
        break;
    case WORLD_MODE:
        orders_follow(daemon, notice->door, now);
        event.kind = EVENT_MODE;
        event.mode = door_mode_name(notice->mode);
        event.reason = access_cause_name(notice->cause);
        break;
    case WORLD_LOCKED_OUT:
        event.kind = EVENT_ALARM;
        event.reason = reason_name(REASON_LOCKED_OUT);
        break;
    case WORLD_ALARM:
        if (!fill_alarm(&event, notice))
            return;
        if (event.kind == EVENT_HELD && world_door_vehicle(daemon->world, notice->door))
            event.reason = "vehicle"; /* that keeps it open */
        break;
    case WORLD_HELD_SOON:
        event.kind = EVENT_ALARM;
        event.reason = "held_soon";
        break;
    case WORLD_TAILGATED:
        event.kind = EVENT_ALARM;
        event.reason = "tailgate";
        event.direction = direction_name(notice->direction);
        event.count = notice->count;
        break;
    case WORLD_RELOCKED:
        releases_lock(daemon, notice->door, cause, now);
        return;
    case WORLD_FORGIVEN:
        return; /* state only */
    }
    record_event(daemon, &event, ticket ? ticket : cause, now);
}

void access_settle(struct daemon *daemon, uint64_t cause, const struct timestamp *now)
{
    struct access *access = daemon->access;

    for (size_t i = 0; i < access->notice_count; i++)
        record_notice(daemon, &access->notices[i], cause, now);
    access->notice_count = 0;
    if (access->modes_changed)
        modes_follow(daemon, now);
    access->modes_changed = false;
    record_state(daemon, now);
    cloud_world_changed(daemon);
}

void access_advance(struct daemon *daemon, const struct timestamp *now)
{
    int r = world_advance(daemon->world, now);

    if (r < 0)
        daemon_trouble(SUBSYSTEM, "what is due", r);
    access_settle(daemon, 0, now);
    modes_advance(daemon, now);
}

/* What a verdict's event says, with the arrays that it points to. */
struct verdict_event {
    struct event event;
    const char *failed[REASONS];
    const char *warnings[3];
};

static void fill_warnings(struct verdict_event *told, unsigned warnings)
{
    static const enum warning all[] = { WARNING_ANTI_PASSBACK, WARNING_CLOCK_UNTRUSTED, WARNING_DURESS };

    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        if (warnings & all[i])
            told->warnings[told->event.warnings.count++] = warning_name(all[i]);
}

static void fill_verdict(struct verdict_event *told, const struct daemon *daemon,
                         const struct driver_event *driver, const struct verdict *verdict)
{
    static const enum event_kind kinds[] = {
        [VERDICT_GRANT] = EVENT_GRANTED,
        [VERDICT_DENY] = EVENT_DENIED,
        [VERDICT_PENDING] = EVENT_PENDING,
    };

    *told = (struct verdict_event){ .event = {
                                        .kind = kinds[verdict->kind],
                                        .point = verdict->point == POLICY_NONE
                                                     ? driver->point
                                                     : id_of(daemon, ITEM_ACCESS_POINT, verdict->point),
                                        .door = id_of(daemon, ITEM_DOOR, verdict->door),
                                        .user = id_of(daemon, ITEM_USER, verdict->user),
                                        .second_user = id_of(daemon, ITEM_USER, verdict->second_user),
                                        .credential = id_of(daemon, ITEM_CREDENTIAL, verdict->credential),
                                        .credential_type = driver->credential_type,
                                        .value = driver->credential_value,
                                        .reason = reason_name(verdict->reason),
                                        .rule = id_of(daemon, ITEM_RULE, verdict->rule),
                                        .retry_after_s = verdict->retry_after_s,
                                        .pulse_ms = verdict->pulse_ms,
                                    } };
    for (size_t i = 0; i < verdict->failed_count; i++)
        told->failed[i] = reason_name(verdict->failed[i]);
    told->event.failed = (struct event_list){ told->failed, verdict->failed_count };
    told->event.warnings.items = told->warnings;
    fill_warnings(told, verdict->warnings);
    if (verdict->reason == REASON_USER_BLOCKED && verdict->user != POLICY_NONE)
        told->event.message = policy_user(daemon->policy, verdict->user).block_message;
}

static void show(struct daemon *daemon, const struct driver_event *driver, const struct verdict *verdict,
                 const char *text)
{
    static const enum driver_indication indications[] = {
        [VERDICT_GRANT] = DRIVER_INDICATION_GRANTED,
        [VERDICT_DENY] = DRIVER_INDICATION_DENIED,
        [VERDICT_PENDING] = DRIVER_INDICATION_WAIT,
    };

    hal_show(daemon->hal, driver->point, indications[verdict->kind], text);
}

/* A grant that waits for its commit; freed by whoever takes it up. */
struct deferred {
    struct release_order order;
    uint64_t turns;      /* of the policy by which it was decided */
    enum door_mode mode; /* in which it was */
    bool awaits;         /* somebody's passage */
    char door[ID_SIZE];
    char point[ID_SIZE]; /* hal point, for the indication */
    char jti[CLOUD_JTI_SIZE];
    uint64_t ticket;
};

/* A release that is not even tried; reason says why. */
static void give_back(struct daemon *daemon, const struct release_order *order, const char *reason,
                      const struct timestamp *now)
{
    int r = order->grant ? world_release_failed(daemon->world, order->grant, now) : 0;

    if (r < 0)
        daemon_trouble(SUBSYSTEM, "a grant that was not carried out", r);
    if (order->command)
        cloud_commands_driven(daemon, order->command, DRIVER_OUTCOME_FAILED, reason);
}

/* Returns whether the device was told. */
static bool release_now(struct daemon *daemon, const struct release_order *order, uint64_t cause,
                        const struct timestamp *now)
{
    struct release *release = releases_send(daemon, order);
    bool sent = release && releases_sent(release);

    if (release)
        releases_record(daemon, release, cause, now);
    else
        give_back(daemon, order, NO_MEMORY, now);
    return sent;
}

static enum door_mode mode_of(const struct daemon *daemon, uint32_t door, const struct timestamp *now)
{
    enum mode_cause cause;

    return world_door_mode(daemon->world, door, now, &cause);
}

/* Why a grant may not be carried out any more, NULL if it may: it was decided by another policy, which is not
 * asked what it would say, since who was granted can present the credential again; somebody may have blocked
 * the door; the passage was turned back, timed out, or is awaited by a newer grant. */
static const char *lapsed(const struct daemon *daemon, const struct deferred *deferred,
                          const struct timestamp *now)
{
    if (daemon->turns != deferred->turns)
        return POLICY_CHANGED;
    if (mode_of(daemon, deferred->order.door, now) != deferred->mode)
        return MODE_CHANGED;
    return deferred->awaits && !world_awaits(daemon->world, deferred->order.grant) ? NOT_AWAITED : NULL;
}

static void withdraw(struct daemon *daemon, const struct deferred *deferred, const char *reason,
                     const struct timestamp *now)
{
    const struct event event = {
        .kind = EVENT_FAILED, .door = deferred->door, .reason = reason, .jti = deferred->order.jti
    };

    give_back(daemon, &deferred->order, reason, now);
    record_event(daemon, &event, deferred->ticket, now);
}

/* The commit of a grant that waited for it is there. */
static void release_deferred(struct daemon *daemon, int64_t seq, void *argument)
{
    cleanup_with(freep) struct deferred *deferred = argument;
    struct timestamp now = daemon_now(daemon);
    bool sent = false;

    access_advance(daemon, &now);
    const char *reason = lapsed(daemon, deferred, &now);

    if (reason)
        withdraw(daemon, deferred, reason, &now);
    else
        sent = release_now(daemon, &deferred->order, deferred->ticket, &now);
    hal_show(daemon->hal, deferred->point, sent ? DRIVER_INDICATION_GRANTED : DRIVER_INDICATION_DENIED, NULL);
    access_settle(daemon, deferred->ticket, &now);
}

/* Returns the ticket of the grant's event. If the ledger cannot take it the door stays shut. */
static uint64_t grant_after_commit(struct daemon *daemon, const struct driver_event *driver,
                                   const struct event *event, const struct release_order *order,
                                   const struct timestamp *now)
{
    struct deferred *deferred = malloc(sizeof(*deferred));
    uint64_t ticket = 0;

    if (deferred) {
        *deferred = (struct deferred){ .order = *order,
                                       .turns = daemon->turns,
                                       .mode = mode_of(daemon, order->door, now),
                                       .awaits = world_awaits(daemon->world, order->grant) };
        strcpy(deferred->door, policy_door(daemon->policy, order->door)->id);
        strcpy(deferred->point, driver->point);
        text_copy(deferred->jti, sizeof(deferred->jti), order->jti);
        deferred->order.jti = order->jti ? deferred->jti : NULL;
        ticket =
            record_event_then(daemon, event, now, &(struct record_then){ release_deferred, deferred, NULL });
        deferred->ticket = ticket;
    }
    hal_show(daemon->hal, driver->point, ticket ? DRIVER_INDICATION_WAIT : DRIVER_INDICATION_DENIED, NULL);
    if (ticket)
        return ticket;
    free(deferred);
    give_back(daemon, order, "not_recorded", now);
    log_error(SUBSYSTEM, "%s: not released, since the grant cannot be recorded", event->door);
    return 0;
}

/* Not after the tap is stale, nor when nobody waits for the passage any more. */
static int64_t release_deadline_us(const struct driver_event *driver, const struct policy_point *point,
                                   const struct policy_door *door, const struct timestamp *now)
{
    int64_t stale_us = driver->at_us + point->max_age_us;
    int64_t over_us = now->boot_us + door->passage_timeout_ms * USEC_PER_MSEC;

    return door->sensed && over_us < stale_us ? over_us : stale_us;
}

/* A release by a command of the cloud: not later than that may be, and told to it. */
static void set_command(struct release_order *order, struct event *event, const struct access_open *open)
{
    if (open->deadline_us < order->deadline_us)
        order->deadline_us = open->deadline_us;
    order->command = open->command;
    order->jti = event->jti = open->jti;
}

/* open: NULL if somebody is there. */
static void grant(struct daemon *daemon, const struct driver_event *driver, const struct verdict *verdict,
                  const struct access_open *open, const struct timestamp *now)
{
    const struct policy_point *point = policy_point(daemon->policy, verdict->point);
    const struct policy_door *door = policy_door(daemon->policy, verdict->door);
    struct release_order order = {
        .door = verdict->door,
        .direction = point->direction,
        .pulse_ms = verdict->pulse_ms,
        .extended = verdict->extended,
        .deadline_us = release_deadline_us(driver, point, door, now),
        .grant = verdict->grant,
    };
    struct verdict_event told;
    uint64_t ticket;

    fill_verdict(&told, daemon, driver, verdict);
    if (open)
        set_command(&order, &told.event, open);
    if (verdict->limited || door->strict_log) {
        ticket = grant_after_commit(daemon, driver, &told.event, &order, now);
        remember_grant(daemon->access, verdict->grant, ticket);
        access_settle(daemon, ticket, now);
        return;
    }
    struct release *release = releases_send(daemon, &order);

    hal_show(daemon->hal, driver->point,
             release && releases_sent(release) ? DRIVER_INDICATION_GRANTED : DRIVER_INDICATION_DENIED, NULL);
    ticket = record_event(daemon, &told.event, 0, now);
    remember_grant(daemon->access, verdict->grant, ticket);
    access_settle(daemon, ticket, now);
    if (release)
        releases_record(daemon, release, ticket, now);
    else
        give_back(daemon, &order, NO_MEMORY, now);
    access_settle(daemon, ticket, now);
}

/* Somebody is at this door and may be let in soon: a lock that is slow to reach can begin. */
static void prepare(struct daemon *daemon, uint32_t door)
{
    const char *target = door == POLICY_NONE ? NULL : policy_door(daemon->policy, door)->target;

    if (target)
        hal_prepare(daemon->hal, target);
}

/* A verdict that releases nothing: a denial, a wait, or a door that is open anyway. */
static void tell_verdict(struct daemon *daemon, const struct driver_event *driver,
                         const struct verdict *verdict, const char *jti, const struct timestamp *now)
{
    struct verdict_event told;

    fill_verdict(&told, daemon, driver, verdict);
    told.event.jti = jti;
    show(daemon, driver, verdict, told.event.message);
    if (verdict->kind == VERDICT_PENDING)
        prepare(daemon, verdict->door);
    uint64_t ticket = record_event(daemon, &told.event, 0, now);

    if (verdict->grant)
        remember_grant(daemon->access, verdict->grant, ticket);
    access_settle(daemon, ticket, now);
}

/* A door that its mode opens and its device cannot hold is released for each who comes. */
static bool is_released(const struct daemon *daemon, struct verdict *verdict)
{
    if (verdict->kind == VERDICT_GRANT && verdict->pulse_ms == 0 && modes_unable(daemon, verdict->door))
        verdict->pulse_ms = policy_door(daemon->policy, verdict->door)->pulse_ms;
    return verdict->kind == VERDICT_GRANT && verdict->pulse_ms > 0;
}

static void presented(struct daemon *daemon, const struct driver_event *driver)
{
    struct timestamp now = daemon_now(daemon);
    struct presentation presentation = {
        .type = credential_type_find(driver->credential_type),
        .assurance = (enum assurance)driver->assurance,
        .age_us = now.boot_us - driver->at_us,
    };
    uint32_t point = policy_point_of_reader(daemon->policy, driver->point);
    struct verdict verdict;

    presentation.point = point == POLICY_NONE ? "" : policy_point(daemon->policy, point)->id;
    credential_hash(daemon->secret, driver->credential_type, driver->credential_value, presentation.hash);
    access_advance(daemon, &now);
    int r = world_present(daemon->world, &presentation, &now, &verdict);

    if (r < 0)
        daemon_trouble(SUBSYSTEM, driver->point, r);
    if (is_released(daemon, &verdict))
        grant(daemon, driver, &verdict, NULL, &now);
    else
        tell_verdict(daemon, driver, &verdict, NULL, &now);
}

/* The credential is not read yet. */
static void approached(struct daemon *daemon, const struct driver_event *driver)
{
    uint32_t point = policy_point_of_reader(daemon->policy, driver->point);

    if (point != POLICY_NONE)
        prepare(daemon, policy_point(daemon->policy, point)->door);
}

/* What a driver would have said, had somebody held a telephone to the point. */
static void fill_remote(struct driver_event *driver, const struct policy_point *point, int64_t at_us)
{
    *driver = (struct driver_event){ .kind = DRIVER_EVENT_PRESENTED, .at_us = at_us };
    text_copy(driver->point, sizeof(driver->point), point->reader_count ? point->readers[0] : point->id);
    text_copy(driver->credential_type, sizeof(driver->credential_type),
              credential_type_name(CREDENTIAL_MOBILE));
}

void access_open(struct daemon *daemon, const struct access_open *open, const struct timestamp *now)
{
    struct driver_event driver;
    struct verdict verdict;

    access_advance(daemon, now);
    fill_remote(&driver, policy_point(daemon->policy, open->point), now->boot_us);
    int r = world_open(daemon->world, open->point, open->credential, now, &verdict);

    if (r < 0)
        daemon_trouble(SUBSYSTEM, driver.point, r);
    if (is_released(daemon, &verdict)) {
        grant(daemon, &driver, &verdict, open, now);
        return;
    }
    tell_verdict(daemon, &driver, &verdict, open->jti, now);
    cloud_commands_decided(daemon, open->command, &verdict);
}

void access_event(struct daemon *daemon, const char *device, const struct driver_event *event)
{
    switch (event->kind) {
    case DRIVER_EVENT_PRESENTED:
        presented(daemon, event);
        break;
    case DRIVER_EVENT_APPROACH:
        approached(daemon, event);
        break;
    case DRIVER_EVENT_INPUT:
    case DRIVER_EVENT_PASSAGE:
    case DRIVER_EVENT_NO_PASSAGE:
    case DRIVER_EVENT_STATE:
    case DRIVER_EVENT_RECORD:
        inputs_event(daemon, device, event);
        break;
    case DRIVER_EVENT_REMOVED:
        break; /* a session ends by time, not by the card going away */
    case DRIVER_EVENT_HELLO:
    case DRIVER_EVENT_RESULT:
    case DRIVER_EVENT_FOUND:
    case DRIVER_EVENT_PROGRESS:
    case DRIVER_EVENT_HEALTH:
    case DRIVER_EVENT_PONG:
    case DRIVER_EVENT_ERROR:
        assert(false); /* hal keeps these */
    }
    daemon_arm(daemon);
}
