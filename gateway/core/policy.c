/* SPDX-License-Identifier: GPL-3.0-or-later */
/* policy.c: a compiled policy, read. */
#include "gateway/core/policy.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "gateway/core/policy_internal.h"
#include "proto/name.h"

const struct policy_site *policy_site(const struct policy *policy)
{
    return &policy->site;
}

const struct zone *policy_zone(const struct policy *policy)
{
    return policy->zone;
}

uint32_t policy_count(const struct policy *policy, enum item_kind kind)
{
    if (kind == ITEM_USER)
        return policy->user_count;
    return kind == ITEM_CREDENTIAL ? policy->credential_count : policy->named[kind].count;
}

static const char *id_at(const struct policy *policy, enum item_kind kind, uint32_t i)
{
    if (kind == ITEM_USER)
        return pool_string(&policy->pool, policy->users[i].id);
    if (kind == ITEM_CREDENTIAL)
        return pool_string(&policy->pool, policy->credentials[i].id);
    return policy->named[kind].list[i].id;
}

uint32_t policy_find_from(const struct policy *policy, enum item_kind kind, const char *id)
{
    uint32_t low = 0;
    uint32_t high = policy_count(policy, kind);

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (strcmp(id_at(policy, kind, middle), id) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

uint32_t policy_find(const struct policy *policy, enum item_kind kind, const char *id)
{
    if (kind == ITEM_AREA && strcmp(id, "outside") == 0)
        return AREA_OUTSIDE;
    if (kind == ITEM_SCHEDULE && strcmp(id, "always") == 0)
        return SCHEDULE_ALWAYS;
    if (kind == ITEM_SCHEDULE && strcmp(id, "never") == 0)
        return SCHEDULE_NEVER;
    uint32_t index = policy_find_from(policy, kind, id);

    if (index == policy_count(policy, kind) || strcmp(id_at(policy, kind, index), id) != 0)
        return POLICY_NONE;
    return index;
}

const char *policy_id(const struct policy *policy, enum item_kind kind, uint32_t index)
{
    if (kind == ITEM_AREA && index == AREA_OUTSIDE)
        return "outside";
    if (kind == ITEM_SCHEDULE && index == SCHEDULE_ALWAYS)
        return "always";
    if (kind == ITEM_SCHEDULE && index == SCHEDULE_NEVER)
        return "never";
    return index == POLICY_NONE ? NULL : id_at(policy, kind, index);
}

const char *policy_name(const struct policy *policy, enum item_kind kind, uint32_t index)
{
    const char *id = id_at(policy, kind, index);
    const char *name = id;

    if (kind == ITEM_USER)
        name = id + strlen(id) + 1;
    else if (kind != ITEM_CREDENTIAL)
        name = policy->named[kind].list[index].name;
    return *name ? name : id;
}

const struct policy_area *policy_area(const struct policy *policy, uint32_t area)
{
    return &policy->areas[area];
}

const struct policy_door *policy_door(const struct policy *policy, uint32_t door)
{
    return &policy->doors[door];
}

const struct policy_point *policy_point(const struct policy *policy, uint32_t point)
{
    return &policy->points[point];
}

const struct policy_device *policy_device(const struct policy *policy, uint32_t device)
{
    return &policy->devices[device];
}

const struct policy_rule *policy_rule(const struct policy *policy, uint32_t rule)
{
    return &policy->rules[rule];
}

const struct policy_link *policy_link(const struct policy *policy, uint32_t link)
{
    return &policy->links[link];
}

struct policy_user policy_user(const struct policy *policy, uint32_t user)
{
    const struct user_record *record = &policy->users[user];
    const struct validity *validity = &policy->validities[record->validity];
    struct policy_user view = {
        .id = pool_string(&policy->pool, record->id),
        .kind = (enum user_kind)record->kind,
        .status = (enum user_status)record->status,
        .valid_from_us = validity->from_us,
        .valid_until_us = validity->until_us,
        .mobile = record->mobile,
        .extended_time = record->extended_time,
        .apb_exempt = record->apb_exempt,
        .blocked = record->block != POLICY_NONE,
        .linked = record->linked,
        .link = record->linked ? policy->linkages[record->link].link : POLICY_NONE,
    };

    if (view.blocked) {
        view.block_from_us = policy->blocks[record->block].from_us;
        view.block_message = pool_string(&policy->pool, policy->blocks[record->block].message);
    }
    return view;
}

struct policy_credential policy_credential(const struct policy *policy, uint32_t credential)
{
    const struct credential_record *record = &policy->credentials[credential];
    const struct terms *terms = &policy->terms[record->terms];

    return (struct policy_credential){
        .id = pool_string(&policy->pool, record->id),
        .type = (enum credential_type)terms->type,
        .status = (enum credential_status)terms->status,
        .valid_from_us = terms->from_us,
        .valid_until_us = terms->until_us,
        .uses = terms->uses,
        .duress = terms->duress,
        .user = record->user_ref < policy->user_count ? record->user_ref : POLICY_NONE,
        .user_ref = record->user_ref,
    };
}

/* The first who owns a place. */
static uint32_t owner_of(const struct hal_owners *owners, const char *id)
{
    uint32_t low = 0;
    uint32_t high = owners->count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (strcmp(owners->list[middle].id, id) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low < owners->count && strcmp(owners->list[low].id, id) == 0 ? owners->list[low].owner
                                                                        : POLICY_NONE;
}

uint32_t policy_point_of_reader(const struct policy *policy, const char *reader)
{
    return owner_of(&policy->readers, reader);
}

uint32_t policy_door_of_target(const struct policy *policy, const char *target)
{
    return owner_of(&policy->targets, target);
}

uint32_t policy_index_mask(uint32_t count)
{
    uint32_t mask = 1;

    while (mask < count)
        mask = mask << 1 | 1;
    return mask;
}

/* Those bits of a hash that a slot has room for. */
static uint32_t slot_bits(const struct policy *policy, const uint8_t hash[static CREDENTIAL_HASH_BYTES])
{
    uint32_t bits;

    memcpy(&bits, hash + sizeof(bits), sizeof(bits));
    return bits & ~policy->slot_index_mask;
}

uint32_t policy_slot_value(const struct policy *policy, uint32_t credential)
{
    return slot_bits(policy, policy->credentials[credential].hash) | credential;
}

static bool is_same(const struct policy *policy, uint32_t credential, enum credential_type type,
                    const uint8_t hash[static CREDENTIAL_HASH_BYTES])
{
    const struct credential_record *record = &policy->credentials[credential];

    return memcmp(record->hash, hash, CREDENTIAL_HASH_BYTES) == 0 &&
           policy->terms[record->terms].type == type;
}

/* The hash is keyed: nobody outside can choose where it falls. */
uint32_t *policy_slot(const struct policy *policy, enum credential_type type,
                      const uint8_t hash[static CREDENTIAL_HASH_BYTES])
{
    uint32_t bits = slot_bits(policy, hash);
    uint32_t fraction; /* of the table */

    memcpy(&fraction, hash, sizeof(fraction));
    uint32_t at = (uint32_t)((uint64_t)fraction * policy->slot_count >> 32);

    while (policy->slots[at] != POLICY_NONE) {
        uint32_t index = policy->slots[at] & policy->slot_index_mask;

        if ((policy->slots[at] ^ index) == bits && is_same(policy, index, type, hash))
            break;
        at = at + 1 < policy->slot_count ? at + 1 : 0;
    }
    return &policy->slots[at];
}

/* The first by id with this type and hash, or POLICY_NONE. */
static uint32_t first_same(const struct policy *policy, enum credential_type type,
                           const uint8_t hash[static CREDENTIAL_HASH_BYTES])
{
    uint32_t slot = *policy_slot(policy, type, hash);

    return slot == POLICY_NONE ? POLICY_NONE : slot & policy->slot_index_mask;
}

uint32_t policy_lookup(const struct policy *policy, enum credential_type type,
                       const uint8_t hash[static CREDENTIAL_HASH_BYTES], uint32_t *ret_credential)
{
    uint32_t first = first_same(policy, type, hash);

    if (first == POLICY_NONE)
        return 0;
    *ret_credential = first;
    return policy->credentials[first].next_same == POLICY_NONE ? 1 : 2;
}

uint32_t policy_lookup_of_user(const struct policy *policy, uint32_t user_ref, enum credential_type type,
                               const uint8_t hash[static CREDENTIAL_HASH_BYTES], uint32_t *ret_credential)
{
    bool known = user_ref < policy->user_count;
    uint32_t at = known ? policy->users[user_ref].first_credential : first_same(policy, type, hash);
    uint32_t end = known ? policy->users[user_ref + 1].first_credential : POLICY_NONE;
    uint32_t found = 0;

    /* A known user has few credentials; of one that is missing, those with this hash are walked. */
    while (at != end && found < 2) {
        uint32_t i = known ? policy->by_user[at] : at;
        const struct credential_record *record = &policy->credentials[i];

        if (record->user_ref == user_ref && is_same(policy, i, type, hash) && found++ == 0)
            *ret_credential = i;
        at = known ? at + 1 : record->next_same;
    }
    return found;
}

bool policy_credential_of_user_next(const struct policy *policy, uint32_t user, uint32_t *cursor,
                                    uint32_t *ret_credential)
{
    uint32_t at = policy->users[user].first_credential + *cursor;

    if (at >= policy->users[user + 1].first_credential)
        return false;
    (*cursor)++;
    *ret_credential = policy->by_user[at];
    return true;
}

bool policy_user_passes_lockdown(const struct policy *policy, uint32_t user)
{
    return policy->tagsets[policy->users[user].tagset].passes_lockdown;
}

bool policy_user_has_tag(const struct policy *policy, uint32_t user, uint32_t tag)
{
    const struct tagset *tagset = &policy->tagsets[policy->users[user].tagset];

    for (uint32_t i = 0; i < tagset->count; i++)
        if (policy->tagset_tags[tagset->first_tag + i] == tag)
            return true;
    return false;
}

int64_t policy_resolve(const struct policy *policy, const struct item_instant *instant, bool at_end,
                       int64_t unset)
{
    if (!instant->set)
        return unset;
    return instant->is_date ? zone_instant(policy->zone, instant->day + at_end, 0) : instant->us;
}

void policy_note_dangling(struct policy *policy, enum item_kind kind, const char *id, enum item_kind to,
                          const char *missing)
{
    char text[4 * ID_SIZE];

    if (policy->dangling_count++ >= POLICY_DANGLING_MAX)
        return;
    snprintf(text, sizeof(text), "%s:%s %s:%s", item_kind_name(kind), id, item_kind_name(to), missing);
    policy->dangling[policy->dangling_count - 1] = policy_copy(policy, text);
}

uint32_t policy_refer(struct policy *policy, enum item_kind kind, const char *id, enum item_kind to,
                      const char *wanted)
{
    uint32_t index = policy_find(policy, to, wanted);
    bool broken =
        to == ITEM_SCHEDULE && index < policy->named[ITEM_SCHEDULE].count && policy->schedules[index].broken;

    if (index == POLICY_NONE)
        policy_note_dangling(policy, kind, id, to, wanted);
    return broken ? POLICY_NONE : index;
}

size_t policy_dangling_count(const struct policy *policy)
{
    return policy->dangling_count;
}

const char *policy_dangling(const struct policy *policy, size_t i)
{
    return i < POLICY_DANGLING_MAX && policy->dangling[i] ? policy->dangling[i] : "";
}

static const char *const mode_names[] = { "controlled", "unlocked",    "locked_open",
                                          "blocked",    "locked_down", NULL };

const char *door_mode_name(enum door_mode mode)
{
    return mode_names[mode];
}

int door_mode_find(const char *name)
{
    return json_enum_value(mode_names, name);
}

const char *door_kind_name(enum door_kind kind)
{
    static const char *const names[] = { "door", "turnstile", "barrier" };

    return names[kind];
}

const char *direction_name(enum direction direction)
{
    return direction == DIRECTION_ENTRY ? "entry" : "exit";
}
