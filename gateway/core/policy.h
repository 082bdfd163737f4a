/* SPDX-License-Identifier: GPL-3.0-or-later */
/* policy.h: a compiled policy: what the cloud's items come to, ready to decide by.
 *
 * Built once from checked, sealed items, immutable afterwards, so that any number of decisions see exactly
 * one version of it. Things are named by their index; indexes are dense, sorted by the bytes of the id, and
 * mean nothing in another policy. A reference to what is not there is POLICY_NONE and listed as dangling; it
 * never opens anything. Pure: no clock, no file; the time zone's bytes are handed in.
 *
 * A million credentials are the size to build for: users and credentials are kept compactly and read through
 * views; doors, points and the rest are few and read in place.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/cleanup.h"
#include "gateway/core/item.h"
#include "gateway/core/zone.h"
#include "proto/digest.h"

struct policy;
struct policy_builder;
struct json_object;

#define POLICY_NONE UINT32_MAX

/* Schedules that exist without being defined. */
#define SCHEDULE_ALWAYS (UINT32_MAX - 1)
#define SCHEDULE_NEVER  (UINT32_MAX - 2)

/* The area around everything. */
#define AREA_OUTSIDE (UINT32_MAX - 1)

/* No limit: valid_from, valid_until. */
#define INSTANT_MIN INT64_MIN
#define INSTANT_MAX INT64_MAX

enum direction { DIRECTION_ENTRY, DIRECTION_EXIT, DIRECTIONS };

enum anti_passback { ANTI_PASSBACK_OFF, ANTI_PASSBACK_SOFT, ANTI_PASSBACK_HARD, ANTI_PASSBACK_TIMED };

enum door_kind { DOOR_KIND_DOOR, DOOR_KIND_TURNSTILE, DOOR_KIND_BARRIER };

enum door_mode {
    DOOR_MODE_CONTROLLED,
    DOOR_MODE_UNLOCKED,
    DOOR_MODE_LOCKED_OPEN,
    DOOR_MODE_BLOCKED,
    DOOR_MODE_LOCKED_DOWN,
    DOOR_MODES,
};

enum user_kind { USER_MEMBER, USER_EMPLOYEE, USER_VISITOR, USER_KINDS };
enum user_status { USER_ACTIVE, USER_PENDING, USER_SUSPENDED, USER_CANCELLED };
enum credential_status {
    CREDENTIAL_ACTIVE,
    CREDENTIAL_PENDING,
    CREDENTIAL_BLOCKED,
    CREDENTIAL_LOST,
    CREDENTIAL_INVALID,
};
enum assurance { ASSURANCE_IDENTIFIER, ASSURANCE_SHARED_SECRET, ASSURANCE_AUTHENTICATED };

struct policy_site {
    const char *timezone; /* "UTC" without a site */
    bool ignore_untrusted_clock;
};

struct policy_area {
    const char *id;
    const char *name;
    int64_t capacity; /* -1: none */
    enum anti_passback anti_passback;
    int64_t anti_passback_us;
    int32_t forgive_at_s; /* second of the local day; -1: never */
};

struct policy_mode_entry {
    uint32_t schedule; /* POLICY_NONE: missing, or names a missing calendar */
    enum door_mode mode;
    bool first_person;
    uint32_t first_person_tag; /* POLICY_NONE: missing, so nobody has it */
};

struct policy_door {
    const char *id;
    const char *name;
    enum door_kind kind;
    const char *target;
    uint32_t device; /* that lists the target, or POLICY_NONE */
    int64_t pulse_ms;
    int64_t extended_pulse_ms;
    int64_t held_ms;
    int64_t extended_held_ms;
    int64_t held_warn_percent; /* 100: no warning */
    enum direction free;       /* in which nobody is asked; DIRECTIONS: none */
    bool relock_on_close;
    bool rex_releases;
    int64_t passage_timeout_ms;
    bool sensed; /* passage: sensed */
    enum door_mode mode;
    const struct policy_mode_entry *modes;
    size_t mode_count;
    uint32_t interlock; /* doors of one group have the same number; POLICY_NONE: no group */
    bool strict_log;
    int64_t min_interval_s[USER_KINDS]; /* 0: none */
};

struct policy_factor_entry {
    uint32_t schedule;
    const uint32_t *any; /* combinations: bit 1 << credential_type */
    size_t any_count;
};

struct policy_point {
    const char *id;
    const char *name;
    uint32_t door; /* POLICY_NONE: missing */
    bool usable;   /* door, its target and both areas are there: else UNKNOWN_POINT */
    enum direction direction;
    uint32_t from; /* AREA_OUTSIDE, an area, or POLICY_NONE */
    uint32_t to;
    const char *const *readers; /* hal points */
    size_t reader_count;
    const struct policy_factor_entry *factors;
    size_t factor_count;
    int64_t factor_timeout_us;
    enum assurance min_assurance;
    bool two_person;
    int64_t max_age_us;
};

struct policy_device {
    const char *id;
    const char *driver;
    const char *json; /* the whole item, for the driver */
    size_t json_len;
};

struct policy_rule {
    const char *id;
    const char *name;
    uint32_t schedule; /* POLICY_NONE: never open */
    uint32_t types;    /* bit 1 << credential_type; all bits if any */
    int64_t valid_from_us;
    int64_t valid_until_us;
    const uint32_t *tags; /* that it names and that are there; a user with one of them is joined */
    size_t tag_count;
    bool enabled;
};

struct policy_link {
    const char *id;
    bool enabled;
    int64_t max_stale_us;
    int64_t refreshed_us; /* INSTANT_MIN: never */
};

struct policy_user {
    const char *id;
    enum user_kind kind;
    enum user_status status;
    int64_t valid_from_us;
    int64_t valid_until_us;
    bool mobile;
    bool extended_time;
    bool apb_exempt;
    bool blocked; /* `block` is set */
    int64_t block_from_us;
    const char *block_message; /* NULL: none */
    bool linked;               /* comes over a link ... */
    uint32_t link;             /* ... this one; POLICY_NONE: gone */
};

struct policy_credential {
    const char *id;
    enum credential_type type;
    enum credential_status status;
    int64_t valid_from_us;
    int64_t valid_until_us;
    int64_t uses; /* -1: unlimited */
    bool duress;
    uint32_t user;     /* POLICY_NONE: not in the policy */
    uint32_t user_ref; /* equal for credentials whose `user` members are equal, in the policy or not */
};

/* A window of a schedule on one day. */
struct policy_window {
    int32_t day;    /* on which it starts */
    int32_t from_s; /* second of the day */
    int32_t to_s;   /* up to 86400; at most from_s: past midnight */
};

/* --- Building. --- */

/* Reads the bytes of a time zone by its valid name; *ret_bytes is freed by the builder. Returns 0 or a
 * negative errno (the site is then refused). */
typedef int policy_zone_fn(void *user, const char *name, char **ret_bytes, size_t *ret_len);

/* Returns 0 or -ENOMEM. */
int policy_builder_new(policy_zone_fn *zone, void *user, struct policy_builder **ret) must_check;
struct policy_builder *policy_builder_free(struct policy_builder *builder);

/* Takes a checked and sealed item, in any order; each (kind, id) once. item is borrowed for the call; text is
 * it as JSON, used for devices only. Returns 0, -EBADMSG with *error (a zone that does not exist, a second
 * site), or -ENOMEM. Items of unknown kinds are ignored. */
int policy_builder_add(struct policy_builder *builder, enum item_kind kind, struct json_object *item,
                       const char *text, size_t text_len, struct json_error *error) must_check;

/* Takes over the users and credentials of another policy, before any is added: one that is added then takes
 * the place of the one with its id, and one may be removed. Everything else is still to be added. It costs
 * what copying and renumbering them costs. base is borrowed until the builder has finished. */
void policy_builder_take_people(struct policy_builder *builder, const struct policy *base);

/* Takes a user or credential out that was taken over; one that is not there is harmless. Not twice, and not
 * for one that is added too. Returns 0 or -ENOMEM. */
int policy_builder_remove(struct policy_builder *builder, enum item_kind kind, const char *id) must_check;

/* Compiles. The builder is used up whatever is returned, and still to be freed. Returns 0, -ENOMEM, or
 * -EBADMSG if people were taken over that were compiled for another time zone. */
int policy_builder_finish(struct policy_builder *builder, struct policy **ret_policy) must_check;

/* One more holder, on any thread: a policy lasts until each has freed it. Returns the policy. */
struct policy *policy_share(struct policy *policy);

/* NULL is harmless. Returns NULL. */
struct policy *policy_free(struct policy *policy);

/* How many users and credentials were changed since all of them were compiled at once. What they leave behind
 * takes room until that is done again. */
uint32_t policy_edits(const struct policy *policy);

/* --- Reading. Strings live as long as the policy. --- */

const struct policy_site *policy_site(const struct policy *policy);
const struct zone *policy_zone(const struct policy *policy);

/* How many there are of a kind. */
uint32_t policy_count(const struct policy *policy, enum item_kind kind);

/* Index by id, or POLICY_NONE. For areas "outside" gives AREA_OUTSIDE, for schedules "always" and "never"
 * theirs. */
uint32_t policy_find(const struct policy *policy, enum item_kind kind, const char *id);

/* Index of the first whose id is not below this one by its bytes, policy_count() if there is none: where to
 * go on in another policy. */
uint32_t policy_find_from(const struct policy *policy, enum item_kind kind, const char *id);

/* The id behind an index of that kind, AREA_OUTSIDE and the built-in schedules included; NULL for
 * POLICY_NONE. */
const char *policy_id(const struct policy *policy, enum item_kind kind, uint32_t index);

/* The name behind an index that is in the policy; what has no name is called by its id. Not for built-in
 * ones. */
const char *policy_name(const struct policy *policy, enum item_kind kind, uint32_t index);

const struct policy_area *policy_area(const struct policy *policy, uint32_t area);
const struct policy_door *policy_door(const struct policy *policy, uint32_t door);
const struct policy_point *policy_point(const struct policy *policy, uint32_t point);
const struct policy_device *policy_device(const struct policy *policy, uint32_t device);
const struct policy_rule *policy_rule(const struct policy *policy, uint32_t rule);
const struct policy_link *policy_link(const struct policy *policy, uint32_t link);
struct policy_user policy_user(const struct policy *policy, uint32_t user);
struct policy_credential policy_credential(const struct policy *policy, uint32_t credential);

/* The access point that has this hal point among its readers (the first by id), or POLICY_NONE. */
uint32_t policy_point_of_reader(const struct policy *policy, const char *reader);

/* The door that has this target (the first by id), or POLICY_NONE. */
uint32_t policy_door_of_target(const struct policy *policy, const char *target);

/* How many credentials have this type and hash: 0, 1, or 2 for more than one; *ret_credential is the first of
 * them by id. */
uint32_t policy_lookup(const struct policy *policy, enum credential_type type,
                       const uint8_t hash[static CREDENTIAL_HASH_BYTES], uint32_t *ret_credential);

/* The same among one user's credentials; user_ref as in struct policy_credential. */
uint32_t policy_lookup_of_user(const struct policy *policy, uint32_t user_ref, enum credential_type type,
                               const uint8_t hash[static CREDENTIAL_HASH_BYTES], uint32_t *ret_credential);

/* A user's credentials one after the other, by id: *cursor begins at 0. False at the end. */
bool policy_credential_of_user_next(const struct policy *policy, uint32_t user, uint32_t *cursor,
                                    uint32_t *ret_credential);

/* Rules that join user and point by "Row 20, matching", enabled or not, in order of id: *cursor begins at 0.
 * False at the end. Touches only rules that join the user. */
bool policy_rule_next(const struct policy *policy, uint32_t user, uint32_t point, uint32_t *cursor,
                      uint32_t *ret_rule);

/* Rules that have a point, whomever they join, in order of id: *cursor begins at 0. False at the end. */
bool policy_rule_of_point_next(const struct policy *policy, uint32_t point, uint32_t *cursor,
                               uint32_t *ret_rule);

/* Whether a user has one of the site's lockdown_tags; a tag. */
bool policy_user_passes_lockdown(const struct policy *policy, uint32_t user);
bool policy_user_has_tag(const struct policy *policy, uint32_t user, uint32_t tag);

/* Whether a schedule is open at a local time ("2, local time"); POLICY_NONE and SCHEDULE_NEVER never are. */
bool policy_schedule_open(const struct policy *policy, uint32_t schedule, const struct local_time *local);

/* The windows of it that are open at that time, one after the other: *cursor begins at 0. False at the end.
 * SCHEDULE_ALWAYS has one that begins on day 0 and never ends. */
bool policy_schedule_window_next(const struct policy *policy, uint32_t schedule,
                                 const struct local_time *local, uint32_t *cursor,
                                 struct policy_window *ret_window);

/* The windows that begin on one day, by its special ones if it has any, else by its weekday's: *cursor begins
 * at 0. False at the end. SCHEDULE_ALWAYS has one from 0 to 86400 every day; SCHEDULE_NEVER and POLICY_NONE
 * have none. */
bool policy_schedule_day_next(const struct policy *policy, uint32_t schedule, int32_t day, uint32_t *cursor,
                              struct policy_window *ret_window);

/* What is referred to and missing, for people: "rule:evenings door:gmy". Entry i of policy_dangling_count().
 * At most POLICY_DANGLING_MAX are listed; the count is whole. */
#define POLICY_DANGLING_MAX 100
size_t policy_dangling_count(const struct policy *policy);
const char *policy_dangling(const struct policy *policy, size_t i);

/* "controlled", "entry", … and back; -1 if there is none. */
const char *door_mode_name(enum door_mode mode);
int door_mode_find(const char *name);
const char *door_kind_name(enum door_kind kind);
const char *direction_name(enum direction direction);
