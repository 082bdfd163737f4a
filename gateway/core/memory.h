/* SPDX-License-Identifier: GPL-3.0-or-later */
/* memory.h: what a world remembers. For the files of the world only (decide.c reads it, world.c and the files
 * beside it keep it).
 *
 * Records are kept by id and never go away. Those of few things (areas, doors, points) know their index in
 * the policy in force and are found by it; those of many (people, credentials) exist only where there is
 * something to remember, and are looked up by id.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "gateway/core/decide.h"
#include "gateway/core/door.h"
#include "gateway/core/table.h"
#include "gateway/core/world.h"
#include "proto/name.h"

/* "Row 5": so many PINs within this time lock a point for as long. */
#define PIN_FAILURES_MAX  5
#define PIN_FAILURES_SPAN (300 * USEC_PER_SEC)
#define PIN_LOCKOUT_US    (300 * USEC_PER_SEC)

/* Credentials of a grant: both people's. */
#define GRANT_CREDENTIALS_MAX (2 * WORLD_SESSION_MAX)

#define BOOT_NEVER INT64_MAX

/* When something was, or will be. One of an earlier boot has its boot time counted from this boot's start as
 * if no time had passed between the two; with a trusted clock the wall clock tells better. */
struct moment {
    int64_t boot_us;
    int64_t utc_us; /* INSTANT_MIN: nobody vouched for the clock */
    bool earlier;   /* of an earlier boot */
};

/* How many of a policy's people count in an area. */
struct headcount {
    int64_t recorded; /* it is their recorded area */
    int64_t expected; /* others who have a place reserved here */
    int64_t reserved; /* all who have one */
};

struct area_memory {
    struct table_node node;
    uint32_t index;                 /* in the policy in force; POLICY_NONE: not there */
    uint64_t forgiven;              /* records up to this serial number are void */
    struct headcount headcounts[2]; /* by turn_side() */
    int64_t forgive_utc_us;         /* when forgive_at comes next; INSTANT_MAX: not known, or never */
};

/* Places that awaited grants reserve for somebody in one area. */
struct place {
    struct place *next;
    struct area_memory *area;
    unsigned count;
};

struct door_memory;

/* The last release of somebody at a door in a direction. */
struct release {
    struct release *next;
    struct door_memory *door;
    enum direction direction;
    struct moment at;
    bool counts; /* false: nobody passed */
};

struct person_memory {
    struct table_node node;
    uint32_t known[2];        /* by turn_side(): of the last policy there that has this user; 0: none had */
    struct area_memory *area; /* NULL: never recorded, or forgiven */
    uint64_t serial;          /* of the passage that recorded it */
    struct moment moved;      /* when that was */
    struct place *places;
    struct release *releases;
};

struct credential_memory {
    struct table_node node;
    int64_t used;
    int64_t reserved;
};

/* A grant whose passage has not come yet. */
struct awaited {
    struct awaited *next; /* younger */
    uint64_t grant;
    struct door_memory *door;
    struct point_memory *point;
    enum direction direction;
    int64_t until_us;
    struct area_memory *to;          /* NULL: moves nobody */
    struct person_memory *people[2]; /* who completed the session, who came first (or NULL) */
    struct release *released[2];     /* theirs; NULL: the door was unlocked */
    struct release before[2];        /* what stood there before */
    struct credential_memory *credentials[GRANT_CREDENTIALS_MAX];
    size_t credential_count;
};

/* When a user with a tag was last granted by a rule at an entry of a door. */
struct first_person {
    struct first_person *next;
    char *tag;
    bool came;  /* false: there is only room to note it */
    bool dated; /* by a trusted clock: */
    int32_t day;
    int32_t second;
};

struct alarm_memory {
    bool on;
    struct moment since; /* or when it ended */
};

enum door_button {
    DOOR_BUTTON_UNKNOWN, /* not heard of; found pressed it may be stuck */
    DOOR_BUTTON_READY,   /* let go: the next time is a press */
    DOOR_BUTTON_PRESSED,
};

/* What is said at one place of a door: at its target, at a reader of one of its points, or at what was that
 * and said fire. When so many places say something or have an exit button, a further one still raises an
 * alarm, but does not keep it in force, and its button is taken for the target's. */
#define DOOR_PLACES_MAX 8
struct door_place {
    char id[ID_SIZE]; /* "": the target, which is the first */
    bool left;        /* a target that the door has left; else a reader */
    unsigned alarms;  /* bit 1 << door_alarm: says that it is so; rex_stuck: its button is */
    enum door_button button;
    int64_t pressed_us; /* since when it is */
};

/* The last who passed in a direction after a grant; people may follow him until then. */
struct followed {
    uint64_t grant;
    int64_t until_us;
};

struct door_memory {
    struct table_node node;
    uint32_t index;
    struct door_memory *interlock; /* the next of its group, in a ring; NULL: no group */
    enum door_mode override;       /* DOOR_MODES: none */
    struct moment override_until;  /* boot_us BOOT_NEVER: until somebody ends it */
    bool locked_down;              /* by itself, beside its override and the site's lockdown */
    enum door_phase phase;         /* what the contact came to */
    int64_t open_since_us;         /* counted for how long it may be open */
    char target[ID_SIZE];          /* where the contact is, in the last policy that had the door; "": none */
    char device[ID_SIZE];          /* that has the target, "": none */
    enum door_lock lock;           /* as it says itself */
    enum door_lock settled;        /* locked or unlocked, whichever it said last */
    int64_t unlocked_until_us;     /* when it had been unlocked or moving */
    bool vehicle;                  /* one stands under the barrier */
    int64_t excused_until_us;      /* somebody went out by it */
    int64_t released_until_us;     /* by its device */
    bool extended;                 /* for somebody who needs longer */
    bool used;                     /* and was opened since */
    bool locks;                    /* its device was told to end the release */
    struct alarm_memory alarms[DOOR_ALARMS];
    struct door_place places[DOOR_PLACES_MAX];
    struct followed followed[DIRECTIONS];
    int64_t pulse_until_us;  /* of a grant, for interlocks */
    struct awaited *awaited; /* oldest first */
    struct first_person *first;
    enum door_mode told_mode; /* by the last notice */
    enum mode_cause told_cause;
};

struct point_memory {
    struct table_node node;
    uint32_t index;
    struct session session;
    int64_t failures_us[PIN_FAILURES_MAX]; /* oldest first */
    size_t failure_count;
    struct moment locked_until;
};

struct world {
    const struct policy *policy;
    char boot_id[BOOT_ID_SIZE];
    struct world_hooks hooks;
    struct timestamp now; /* latest that a call was given */
    bool started;         /* there was one */

    struct table areas;
    struct table people;
    struct table credentials;
    struct table doors;
    struct table points;
    struct area_memory *outside;

    /* Policies are numbered as they come. People are looked up in the next one and counted for it while the
     * one before is still in force. */
    uint32_t turn;                    /* number of the policy in force */
    const struct policy *next_policy; /* NULL: none is being prepared */
    uint32_t next_turn;
    struct person_memory *looked_up; /* the last; NULL: nobody yet */

    /* By index in the policy in force. */
    struct area_memory **area_at;
    struct door_memory **door_at;
    struct point_memory **point_at;

    bool lockdown;
    uint64_t serial;   /* last given to a passage */
    uint64_t grants;   /* last given to a grant */
    uint64_t forgiven; /* everybody recorded up to this serial number */

    int64_t due_us;         /* no passage and no override ends before, by boot time */
    int64_t forgive_utc_us; /* no forgive_at comes before */
    int64_t modes_utc_us;   /* no schedule of a mode opens or closes before */
    int64_t told_utc_us;    /* when modes were looked at last */

    struct text text; /* of effects */
};

/* Which of the two places of a record belongs to a policy, by its number. */
static inline unsigned turn_side(uint32_t turn)
{
    return turn % 2;
}

/* --- Reading, for decide.c too: const and without allocation. --- */

/* Boot time of a moment as well as it can be told. */
int64_t memory_boot_us(const struct moment *moment, const struct timestamp *now);

struct moment memory_moment(const struct timestamp *now);

static inline bool memory_clock_trusted(const struct timestamp *now)
{
    return now->clock != CLOCK_STATE_NONE;
}

/* The record behind an index of the policy in force; AREA_OUTSIDE included. */
struct area_memory *memory_area(const struct world *world, uint32_t area);

/* NULL: nothing is remembered of the user. */
struct person_memory *memory_person(const struct world *world, uint32_t user);

/* Where the user is known to be: NULL if unknown, or in an area that is not in the policy. */
const struct area_memory *memory_whereabouts(const struct world *world, const struct person_memory *person);

/* The people of the policy in force in an area. */
static inline const struct headcount *memory_headcount(const struct world *world,
                                                       const struct area_memory *area)
{
    return &area->headcounts[turn_side(world->turn)];
}

/* Whether a user of the policy in force (NULL: of whom nothing is remembered) is counted in an area: recorded
 * there, or with a place reserved. */
bool memory_is_counted(const struct world *world, const struct person_memory *person,
                       const struct area_memory *area);

/* Uses counted and reserved. */
int64_t memory_uses(const struct world *world, const char *credential);

/* The release that MIN_INTERVAL counts from, or NULL. */
const struct release *memory_release(const struct person_memory *person, const struct door_memory *door,
                                     enum direction direction);

/* --- Keeping. --- */

/* world_prepare(). */
bool memory_prepare(struct world *world, const struct policy *policy, size_t people);

/* Prepares what is left and makes the policy the one in force. Returns 0 or -ENOMEM: the old one stays. */
int memory_bind(struct world *world, const struct policy *policy) must_check;
void memory_finish(struct world *world);

/* The record of an id, made if there is none; NULL: out of memory. */
struct area_memory *memory_area_get(struct world *world, const char *id);
struct person_memory *memory_person_get(struct world *world, const char *id);
struct credential_memory *memory_credential_get(struct world *world, const char *id);
struct door_memory *memory_door_get(struct world *world, const char *id);
struct point_memory *memory_point_get(struct world *world, const char *id);
struct release *memory_release_get(struct person_memory *person, struct door_memory *door,
                                   enum direction direction);
struct place *memory_place_get(struct person_memory *person, struct area_memory *area);
struct first_person *memory_first_get(struct door_memory *door, const char *tag);

/* The place of a reader (NULL: the target), or of a target that was left; NULL: all say something. */
struct door_place *memory_place_of(struct door_memory *door, const char *reader);
struct door_place *memory_left_place(struct door_memory *door, const char *target);

/* Records somebody in an area, as the passage with that serial number. */
void memory_record(struct world *world, struct person_memory *person, struct area_memory *area,
                   uint64_t serial);

/* Reserves a place (made before by memory_place_get()), gives it back. */
void memory_reserve(struct world *world, struct person_memory *person, struct area_memory *area);
void memory_unreserve(struct world *world, struct person_memory *person, struct area_memory *area);

/* Nobody is recorded in this area any more (NULL: in any). */
void memory_forgive_area(struct world *world, struct area_memory *area);
void memory_forgive_person(struct world *world, struct person_memory *person);

/* Counts the people of the policy in force anew. */
void memory_count(struct world *world);
