/* SPDX-License-Identifier: GPL-3.0-or-later */
/* policy_internal.h: how a compiled policy lies in memory. Only the policy_*.c files see it.
 *
 * Users and credentials are flat arrays of records sorted by id, with strings as offsets into one pool; what
 * repeats among them (validities, terms, tag sets) is kept once. A credential is found through a table of
 * slots by its hash. The few other things are structs with pointers.
 *
 * Finding a credential and its user at random costs one cache line each for the slot, the credential and the
 * user; what they refer to is shared by many and at hand.
 */
#pragma once

#include <stdatomic.h>

#include "gateway/base/pages.h"
#include "gateway/core/item_read.h"
#include "gateway/core/policy.h"
#include "gateway/core/pool.h"

/* Records begin where a cache line begins, and a line holds a whole number of them. */
#define POLICY_LINE_BYTES PAGES_ALIGN

struct user_record {
    uint32_t id; /* in the pool; behind it stands the name, empty if there is none */
    uint32_t tagset;
    uint32_t validity;
    uint32_t block;            /* POLICY_NONE: none */
    uint32_t link;             /* if linked: in linkages */
    uint32_t first_credential; /* in by_user; the next record's is behind the last */
    uint32_t rules;            /* in user_rules: how many, and then which; 0: no rule names this user */
    uint8_t kind;
    uint8_t status;
    bool mobile : 1;
    bool extended_time : 1;
    bool apb_exempt : 1;
    bool linked : 1;
};

struct credential_record {
    uint8_t hash[CREDENTIAL_HASH_BYTES];
    uint32_t id;       /* in the pool */
    uint32_t user_ref; /* index of the user; beyond the users: one that is not there */
    uint32_t terms;
    uint32_t next_same; /* another with this type and hash; POLICY_NONE: none */
};

/* Records of both kinds. */
#define POLICY_RECORD_BYTES sizeof(struct user_record)

_Static_assert(POLICY_LINE_BYTES % POLICY_RECORD_BYTES == 0, "none lies across two lines");
_Static_assert(sizeof(struct credential_record) == POLICY_RECORD_BYTES, "one size");

struct validity {
    int64_t from_us;
    int64_t until_us;
};

/* Everything about a credential that many have in common. */
struct terms {
    int64_t from_us;
    int64_t until_us;
    int32_t uses; /* -1: unlimited */
    uint8_t type;
    uint8_t status;
    bool duress;
};

struct block {
    int64_t from_us;
    uint32_t message; /* in the pool; POOL_NONE: none */
};

/* The tags of one or more users. */
struct tagset {
    uint32_t ids;       /* in the pool: one after the other, behind them an empty one */
    uint32_t first_tag; /* in tagset_tags: those that exist, ascending */
    uint32_t count;
    bool passes_lockdown;
    bool lacks; /* others do not exist */
    uint16_t zero;
};

/* The link of one or more users. */
struct linkage {
    uint32_t id;   /* in the pool */
    uint32_t link; /* POLICY_NONE: it does not exist */
};

struct window_list {
    const struct item_window *list;
    size_t count;
};

struct special {
    uint32_t calendar;
    struct window_list windows;
};

struct schedule {
    struct window_list windows;
    const struct special *specials;
    size_t special_count;
    bool broken; /* names a missing calendar */
};

struct calendar {
    struct item_days *days; /* ascending, apart from each other */
    size_t count;
    uint32_t yearly[13]; /* of month m: bit 1 << day */
};

/* Things with an id that are few, by kind; sorted by id. */
struct named {
    const char *id;
    const char *name;
    struct json_object *object; /* while compiling */
    const char *text;           /* of devices */
    size_t text_len;
};

struct kind_list {
    struct named *list;
    uint32_t count;
    uint32_t size;
};

/* Which door has a target, which point a reader; sorted by hal's id, then by owner. */
struct hal_owner {
    const char *id;
    uint32_t owner;
};

struct hal_owners {
    struct hal_owner *list;
    uint32_t count;
};

struct policy {
    atomic_uint sharers; /* holders besides one */
    struct policy_site site;
    struct zone *zone;
    struct kind_list named[ITEM_KINDS]; /* not users, credentials */
    struct chunk *chunks;               /* what policy_alloc() gives from; the first is being filled */

    struct pool pool;
    struct user_record *users; /* one more than there are */
    uint32_t user_count;
    struct credential_record *credentials;
    uint32_t credential_count;
    uint32_t *by_user; /* credentials of each user, by id */
    uint32_t *slots;   /* of the hash table: see policy_slot() */
    uint32_t slot_count;
    uint32_t slot_index_mask;
    struct validity *validities; /* of users */
    uint32_t validity_count;
    struct terms *terms;
    uint32_t terms_count;
    struct block *blocks;
    uint32_t people_block_count;
    struct tagset *tagsets;
    uint32_t tagset_count;
    struct linkage *linkages;
    uint32_t linkage_count;
    uint32_t *missing_users; /* ids in the pool: of the user_refs that are beyond the users */
    uint32_t missing_user_count;
    uint32_t edits; /* so many records were replaced, added, taken out since they were all compiled */

    /* People joined to the rest. */
    uint32_t *tagset_tags;
    uint32_t tagset_tag_count;
    uint64_t *tagset_rules; /* rule_words for each tag set: the rules that name one of its tags */
    uint32_t *user_rules;
    uint32_t user_rule_count;

    void *image; /* what the people's arrays lie in, if they were not compiled */
    size_t image_len;
    void (*release_image)(void *bytes, size_t len);
    uint64_t zone_sum; /* of the time zone's file */

    struct policy_area *areas;
    struct policy_door *doors;
    struct policy_point *points;
    struct hal_owners targets; /* of doors */
    struct hal_owners readers; /* of points */
    struct policy_rule *rules;
    struct policy_link *links;
    struct policy_device *devices;
    struct schedule *schedules;
    struct calendar *calendars;
    uint64_t *point_rules; /* rule_words for each point */
    uint32_t rule_words;

    char *dangling[POLICY_DANGLING_MAX];
    size_t dangling_count;
};

/* Zeroed memory that lives as long as the policy; NULL if there is none. */
void *policy_alloc(struct policy *policy, size_t count, size_t size);

/* What so many bytes lack to whole cache lines. */
static inline size_t policy_padding(size_t len)
{
    return (POLICY_LINE_BYTES - len % POLICY_LINE_BYTES) % POLICY_LINE_BYTES;
}

/* A copy of a string, likewise. */
char *policy_copy(struct policy *policy, const char *string);

/* Gives back what was kept for compiling only. */
void policy_drop_objects(struct policy *policy);

/* Lists a reference that leads nowhere. */
void policy_note_dangling(struct policy *policy, enum item_kind kind, const char *id, enum item_kind to,
                          const char *missing);

/* Index of a reference in an item (kind, id), POLICY_NONE and listed if it leads nowhere. Schedules that are
 * broken count as missing, and "always", "never" and "outside" are known. */
uint32_t policy_refer(struct policy *policy, enum item_kind kind, const char *id, enum item_kind to,
                      const char *wanted);

/* An instant as the site's clock says: a date is its day's start, or (at_end) its end. unset: what it is if
 * it was not said. */
int64_t policy_resolve(const struct policy *policy, const struct item_instant *instant, bool at_end,
                       int64_t unset);

/* Where the first credential with this type and hash is in the table of slots, or would be. A slot is
 * POLICY_NONE (free), or a credential's index in the bits of slot_index_mask and bits of its hash above them,
 * so that the others that are passed on the way need not be looked at. */
uint32_t *policy_slot(const struct policy *policy, enum credential_type type,
                      const uint8_t hash[static CREDENTIAL_HASH_BYTES]);

/* The smallest mask that leaves every index of so many, and POLICY_NONE, another value. */
uint32_t policy_index_mask(uint32_t count);

/* What fills the slot of a credential. */
uint32_t policy_slot_value(const struct policy *policy, uint32_t credential);

/* Steps of compiling, in this order. Each returns 0 or -ENOMEM. */
int policy_compile_calendars(struct policy *policy) must_check;
int policy_compile_schedules(struct policy *policy) must_check;
int policy_compile_places(struct policy *policy) must_check; /* areas, links, devices, doors, points */
int policy_compile_rules(struct policy *policy) must_check;
int policy_join_tagsets(struct policy *policy) must_check; /* rules to the tag sets of people */
int policy_join_users(struct policy *policy) must_check;   /* rules to the users that they name */
int policy_join_people(struct policy *policy) must_check;  /* both of them, and all else that people name */
