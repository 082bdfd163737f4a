/* SPDX-License-Identifier: GPL-3.0-or-later */
/* world.h: what is remembered of people and doors, and the decision over it (decision contract 3, 4 and 6).
 *
 * Everything is kept by id, so that it outlasts a change of policy. The decision itself is one pure function
 * over (policy, world, session, time); world_present() runs it and applies its effects, world_ask() only runs
 * it. No clock, no file, no global; deciding allocates nothing. What must survive a restart leaves through
 * the effect hook as (key, value) in the same call, for the ledger to store with the event, and comes back
 * through world_restore().
 *
 * Every call is given the time; it never goes back on the boot clock (an earlier one counts as the latest).
 * Calls first let happen what was due before (passage time-outs, ends of overrides, forgive_at), telling it
 * through notices.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/clock.h"
#include "gateway/base/cleanup.h"
#include "gateway/core/door.h"
#include "gateway/core/policy.h"
#include "gateway/core/verdict.h"

struct world;

/* Credentials in one session; the oldest session grows no further. */
#define WORLD_SESSION_MAX 8

enum world_input {
    WORLD_INPUT_CONTACT,
    WORLD_INPUT_REX,
    WORLD_INPUT_TAMPER,
    WORLD_INPUT_FIRE,
    WORLD_INPUT_OBSTACLE,
    WORLD_INPUT_JAMMED,
    WORLD_INPUT_VEHICLE,
};

/* What is sensed at a door. */
struct world_sensed {
    enum world_input input;
    bool value;
    const char *reader; /* of one of its points, where it is sensed; NULL: at its target */
};

enum world_notice_kind {
    WORLD_PASSED,     /* a passage was confirmed; grant 0: nobody was awaited. user, from, to where known */
    WORLD_NOT_PASSED, /* an awaited passage timed out, was turned back, or its release failed */
    WORLD_MODE,       /* another mode holds at a door now; cause says why */
    WORLD_FORGIVEN,   /* user (POLICY_NONE: everybody in `area`) is in no known area any more */
    WORLD_LOCKED_OUT, /* five PINs failed at a point */
    WORLD_ALARM,      /* an alarm of a door is in force (on), or its cause has ended */
    WORLD_HELD_SOON,  /* a door will have been open for too long soon */
    WORLD_RELOCKED,   /* a door was shut before its release is over: its device is to end it */
    WORLD_TAILGATED,  /* count people followed somebody who was granted */
};

/* Why a mode holds, strongest first. */
enum mode_cause { MODE_BY_FIRE, MODE_BY_LOCKDOWN, MODE_BY_OVERRIDE, MODE_BY_SCHEDULE, MODE_BY_DOOR };

/* Indexes are of the policy in force. */
struct world_notice {
    enum world_notice_kind kind;
    uint32_t door;
    uint32_t point;
    uint32_t user;
    uint32_t second_user;
    uint32_t area;
    enum direction direction;
    uint64_t grant;
    enum door_mode mode;
    enum mode_cause cause;
    enum door_alarm alarm;
    bool on;
    bool unsaid; /* alarm: no input told it, but whoever said it is not the door's any more */
    int64_t count;
};

struct world_hooks {
    void *user;
    /* A change of lasting state; value NULL deletes the key. Strings last for the call. */
    void (*effect)(void *user, const char *key, const char *value);
    void (*notice)(void *user, const struct world_notice *notice);
};

/* A presentation of one credential. */
struct presentation {
    const char *point; /* access point's id */
    enum credential_type type;
    uint8_t hash[CREDENTIAL_HASH_BYTES]; /* credential_hash() of type and value */
    enum assurance assurance;
    int64_t age_us;
};

/* policy is borrowed until the next world_set_policy(). boot_id tells restored durations of this boot from
 * others. Returns 0 or -ENOMEM. */
int world_new(const struct policy *policy, const char *boot_id, const struct world_hooks *hooks,
              struct world **ret) must_check;
struct world *world_free(struct world *world);

/* Before anything else is called: one entry of the last run's state. Uses that were reserved count as used.
 * An entry that is not understood gives -EBADMSG and is left alone; but where its loss might open a door its
 * key alone counts, and it gives WORLD_E_DAMAGED: lockdown is on, an override is to `controlled` and without
 * end. Or returns 0 or -ENOMEM. */
#define WORLD_E_DAMAGED 1
int world_restore(struct world *world, const char *key, const char *value) must_check;

/* Looks up so many of the people who are remembered in a policy that the world is to turn to. Calls with the
 * same one go on with it, and everything else may be called in between. Returns whether that was everybody.
 * From the first call on the policy is borrowed, until the next world_set_policy() has returned. */
bool world_prepare(struct world *world, const struct policy *policy, size_t people);

/* Everything is decided by this policy from here on; sessions go on. Takes as long whatever is remembered if
 * the policy was prepared; what of that was not done is done first. Notices of what was due before have
 * indexes of the old one: call world_advance() first. Returns 0 or -ENOMEM: the old one stays. */
int world_set_policy(struct world *world, const struct policy *policy,
                     const struct timestamp *now) must_check;

/* Decides and applies. Returns 0 or -ENOMEM (then *ret is a denial: nothing changed). */
int world_present(struct world *world, const struct presentation *presentation, const struct timestamp *now,
                  struct verdict *ret) must_check;

/* A remote open, on behalf of whom the credential belongs to ("Remote open", 4): decided like the
 * presentation of that credential, by itself: it neither takes part in a session at the point nor begins one,
 * so `pending` is its end. credential: POLICY_NONE if there is none. Returns as world_present() does. */
int world_open(struct world *world, uint32_t point, uint32_t credential, const struct timestamp *now,
               struct verdict *ret) must_check;

/* What world_present() would say of a credential alone, were its session new; nothing changes. */
void world_ask(const struct world *world, uint32_t point, uint32_t credential, const struct timestamp *now,
               struct verdict *ret);

/* The door's device counted so many people, or said that nobody came. */
int world_passage(struct world *world, uint32_t door, enum direction direction, int64_t count,
                  const struct timestamp *now) must_check;
int world_no_passage(struct world *world, uint32_t door, enum direction direction,
                     const struct timestamp *now) must_check;
/* The same, told of either direction (oldest awaited grant of the door). */
int world_no_passage_any(struct world *world, uint32_t door, const struct timestamp *now) must_check;

/* Whether the passage of this grant is still awaited. */
bool world_awaits(const struct world *world, uint64_t grant);

/* The release of this grant was not carried out: what it reserved is given back. */
int world_release_failed(struct world *world, uint64_t grant, const struct timestamp *now) must_check;

/* The door's device was told to release it for so long. extended: for somebody who needs longer. */
int world_released(struct world *world, uint32_t door, int64_t pulse_ms, bool extended,
                   const struct timestamp *now) must_check;

/* It says that this release has begun (lasts for so long from now), or has ended (0): a slow device opens
 * after it was told. */
int world_release_lasts(struct world *world, uint32_t door, int64_t pulse_ms,
                        const struct timestamp *now) must_check;

/* It was told to end a release because the door was shut (WORLD_RELOCKED), and has done so. */
int world_locked(struct world *world, uint32_t door, const struct timestamp *now) must_check;

/* It has not, or nobody knows: the release goes on as if it had not been told. */
int world_not_locked(struct world *world, uint32_t door, const struct timestamp *now) must_check;

/* Returns 1 if that is news of the door, 0 if not; WORLD_PRESSED: somebody has just pressed the exit button.
 * What is an alarm is in force while any place of the door says so. */
#define WORLD_PRESSED 2
int world_input(struct world *world, uint32_t door, const struct world_sensed *sensed,
                const struct timestamp *now) must_check;

/* A target, or a reader, says that there is no fire: what it said to doors that had it when it said so, and
 * have it no more or are not in the policy, is over, too. */
void world_no_fire(struct world *world, const char *place, bool is_target, const struct timestamp *now);

/* The door's lock says how it is. Returns 1 if that is news of the door (it is locked or unlocked now, and
 * was not when it last was either), 0 if not. */
int world_lock(struct world *world, uint32_t door, enum door_lock lock,
               const struct timestamp *now) must_check;

/* Nobody knows any more whether the door is closed. */
void world_contact_lost(struct world *world, uint32_t door);

/* The device that told of the door's contact, exit button and lock is gone: nor whether the button is
 * pressed, or how the lock is. */
void world_device_lost(struct world *world, uint32_t door);

/* The device of one of its readers is: nor whether the button there is pressed. */
void world_reader_lost(struct world *world, uint32_t door, const char *reader);

/* An operator's override of a door's mode. until_us: boot time at which it ends, INT64_MAX: never.
 * DOOR_MODES: no override any more. */
int world_mode(struct world *world, uint32_t door, enum door_mode mode, int64_t until_us,
               const struct timestamp *now) must_check;

/* Lockdown of a door; POLICY_NONE: of the site. Neither touches the other, nor an override. */
int world_lockdown(struct world *world, uint32_t door, bool on, const struct timestamp *now) must_check;

/* POLICY_NONE: everybody. */
int world_forgive(struct world *world, uint32_t user, const struct timestamp *now) must_check;

/* Lets happen what is due. */
int world_advance(struct world *world, const struct timestamp *now) must_check;

/* Boot time at which world_advance() should be called next, INT64_MAX: nothing is due. */
int64_t world_due(const struct world *world, const struct timestamp *now);

/* For people. */
enum door_mode world_door_mode(const struct world *world, uint32_t door, const struct timestamp *now,
                               enum mode_cause *ret_cause);
/* The entry of the door's modes that makes it hold; NULL unless its cause is MODE_BY_SCHEDULE. */
const struct policy_mode_entry *world_door_entry(const struct world *world, uint32_t door,
                                                 const struct timestamp *now);
/* The override in force, even under something stronger; DOOR_MODES if there is none. *ret_until_us: boot time
 * at which it ends, INT64_MAX: never. */
enum door_mode world_door_override(const struct world *world, uint32_t door, const struct timestamp *now,
                                   int64_t *ret_until_us);
/* Whether a door's own lockdown is on, with POLICY_NONE the site's. */
bool world_is_locked_down(const struct world *world, uint32_t door);
/* The direction in which people walk freely though the mode does not open the door; DIRECTIONS: none. */
enum direction world_door_free(const struct world *world, uint32_t door, const struct timestamp *now);
/* Whether a vehicle stands under the barrier, so that nothing may close it. */
bool world_door_vehicle(const struct world *world, uint32_t door);
/* 1 open, 0 closed, -1 not known. */
int world_door_contact(const struct world *world, uint32_t door);
/* As it says itself. */
enum door_lock world_door_lock(const struct world *world, uint32_t door);
enum door_command world_door_command(const struct world *world, uint32_t door, const struct timestamp *now);
/* Whether the alarm is in force; *ret_since_us is UTC since when, INSTANT_MIN if nobody vouched for it. */
bool world_door_alarm(const struct world *world, uint32_t door, enum door_alarm alarm, int64_t *ret_since_us);
/* Whether there is fire at a door with this id, in the policy or not. */
bool world_burns(const struct world *world, const char *door);
/* Users whose recorded area it is. */
int64_t world_occupancy(const struct world *world, uint32_t area);
/* A user's recorded area, POLICY_NONE if unknown. */
uint32_t world_user_area(const struct world *world, uint32_t user);
