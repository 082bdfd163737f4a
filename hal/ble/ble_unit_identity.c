/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ble_unit_identity.c: a pairing, and the end of one, make a unit another lock; so all that goes with it is
 * made anew, and nothing of the last one can be left. */
#include "hal/ble/ble_unit_identity.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "hal/ble/ble_keys.h"
#include "hal/ble/ble_memory.h"
#include "hal/ble/ble_unit.h"

/* What the lock is to call us in its list of users. */
#define NAME "stile"

static const char *key_fault(int error)
{
    switch (error) {
    case 0:
        return NULL;
    case -ENOENT:
        return "not_paired";
    case -EPERM:
        return "keys_file_rights";
    case -EBADMSG:
        return "keys_file_damaged";
    default:
        return "keys_file";
    }
}

static int find_key(const struct ble_unit *unit, struct ble_key *ret_key)
{
    const struct ble_lock_item *item = unit->item;

    if (!unit->directory)
        return -ENOENT;
    int r = ble_keys_find(unit->directory, item->target, item->has_address ? &item->address : NULL, ret_key);

    if (r == 0 && strcmp(ret_key->protocol, unit->protocol->name) != 0)
        r = -ENOENT;
    return r;
}

static void set_wants(struct ble_unit *unit)
{
    unit->wants.count = unit->protocol->channel_count;
    for (size_t i = 0; i < unit->wants.count; i++) {
        struct ble_gatt_want *want = &unit->wants.at[i];

        int r = att_uuid_parse(unit->protocol->channels[i].service, &want->service);

        if (r == 0)
            r = att_uuid_parse(unit->protocol->channels[i].characteristic, &want->uuid);
        assert(r == 0);
        want->subscribe = BLE_GATT_SUBSCRIBE_INDICATE;
    }
}

/* The protocol's lock with a key, or one that can only be paired. */
static int create_lock(struct ble_unit *unit, const struct ble_key *key)
{
    const struct ble_identity identity = {
        .name = NAME,
        .pin = unit->item->pin,
        .secret = key ? key->secret : NULL,
        .secret_len = key ? key->secret_len : 0,
    };

    unit->protocol->destroy(unit->lock);
    unit->lock = NULL;
    return unit->protocol->create(&identity, &unit->port, &unit->lock);
}

static void set_link(struct ble_unit *unit, const struct ble_address *address, struct ble_link_rule rule)
{
    const struct ble_link_counts counts = unit->link.counts;

    ble_link_finish(&unit->link);
    ble_link_init(&unit->link, address, &unit->wants, rule, unit->connector);
    unit->link.counts = counts;
}

/* A link to nobody, that is never wanted. */
static void close_link(struct ble_unit *unit)
{
    set_link(unit, &(struct ble_address){ 0 }, (struct ble_link_rule){ 0 });
    unit->has_link = false;
}

static void open_link(struct ble_unit *unit, const struct ble_address *address)
{
    const struct ble_link_rule rule = {
        .warm = unit->item->warm && !unit->pairing,
        .idle_ms = unit->item->idle_s * 1000,
        .uses = 1u << unit->protocol->channel(unit->pairing ? BLE_COMMAND_PAIR : BLE_COMMAND_STATES),
    };
    struct ble_memory memory = { 0 };

    if (unit->directory)
        ble_memory_find(unit->directory, address, unit->protocol->name, unit->wants.count, &memory);
    set_link(unit, address, rule);
    unit->link.cache = memory.cache;
    unit->log_index = memory.log_index;
    unit->log_kept = memory.log_index;
    unit->keep_us = INT64_MAX;
    unit->relock_kept = memory.relock;
    unit->has_link = true;
}

void ble_unit_identity_set(struct ble_unit *unit)
{
    cleanup_with(ble_keys_wipe) struct ble_key key;
    int r = find_key(unit, &key);

    set_wants(unit);
    if (r == 0)
        r = create_lock(unit, &key);
    if (r == 0)
        open_link(unit, &key.address);
    else
        close_link(unit);
    unit->unusable = key_fault(r);
    unit->unauthorized = false;
}

int ble_unit_identity_strange(struct ble_unit *unit, const struct ble_address *address)
{
    int r = create_lock(unit, NULL);

    if (r == 0)
        open_link(unit, address);
    return r;
}

void ble_unit_identity_forget(struct ble_unit *unit)
{
    close_link(unit);
    unit->protocol->destroy(unit->lock);
    unit->lock = NULL;
}

int ble_unit_identity_remember(const struct ble_unit *unit)
{
    const struct ble_memory memory = { .cache = unit->link.cache,
                                       .log_index = unit->log_kept,
                                       .relock = unit->relock_kept };

    return unit->directory ? ble_memory_put(unit->directory, &unit->link.peer, unit->protocol->name,
                                            unit->wants.count, &memory)
                           : 0;
}
