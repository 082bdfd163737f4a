/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ble_device.c: rows, and what they cannot say: each target has its lock, and no two locks are the same
 * one. */
#include "hal/ble/ble_device.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hal/ble/ble_protocol.h"
#include "proto/json.h"

/* The kernel numbers adapters with 16 bits, of which all ones mean none. */
#define ADAPTER_INDEX_MAX 0xfffe

struct lock_members {
    const char *target;
    const char *protocol;
    const char *address;
    int address_type;
    int release;
    bool relock;
    int link;
    int64_t idle_s;
    int64_t heartbeat_s;
    int64_t pin;
};

struct item_members {
    const char *adapter;
    struct json_object *points;
    struct json_object *targets;
    struct json_object *locks;
};

static const char *const release_names[] = { "unlatch", "unlock", NULL };

enum { LINK_DROP, LINK_WARM };
static const char *const link_names[] = { "drop", "warm", NULL };

static int refuse(struct json_error *error, const char *member, const char *text)
{
    json_error_set(error, member, "%s", text);
    return -EBADMSG;
}

/* "hci0". */
static bool adapter_valid(const char *name)
{
    size_t digits = strncmp(name, "hci", 3) == 0 ? strspn(name + 3, "0123456789") : 0;

    return digits > 0 && digits < BLE_ADAPTER_SIZE - 3 && name[3 + digits] == '\0' &&
           atoi(name + 3) <= ADAPTER_INDEX_MAX;
}

static bool protocol_known(const char *name)
{
    return ble_protocol_find(name) != NULL;
}

static int read_address(const struct lock_members *members, struct ble_lock_item *lock)
{
    lock->has_address = members->address != NULL;
    return members->address ? ble_address_parse(members->address,
                                                (enum ble_address_type)members->address_type, &lock->address)
                            : 0;
}

static int read_lock(struct json_object *entry, struct ble_lock_item *ret_lock, struct json_error *error)
{
    static const struct json_row rows[] = {
        JSON_ROW_CHECKED(struct lock_members, target, "target", true, id_valid, ID_EXPECTED),
        JSON_ROW_CHECKED(struct lock_members, protocol, "protocol", false, protocol_known, "must be nuki"),
        JSON_ROW_CHECKED(struct lock_members, address, "address", false, ble_address_valid,
                         BLE_ADDRESS_EXPECTED),
        JSON_ROW_ENUM(struct lock_members, address_type, "address_type", ble_address_type_names,
                      BLE_ADDRESS_PUBLIC),
        JSON_ROW_ENUM(struct lock_members, release, "release", release_names, BLE_RELEASE_UNLATCH),
        JSON_ROW_BOOL(struct lock_members, relock, "relock", false),
        JSON_ROW_ENUM(struct lock_members, link, "link", link_names, LINK_DROP),
        JSON_ROW_INT(struct lock_members, idle_s, "idle_s", 1, 3600, 10),
        JSON_ROW_INT(struct lock_members, heartbeat_s, "heartbeat_s", 10, 86400, 900),
        JSON_ROW_INT(struct lock_members, pin, "pin", 0, UINT16_MAX, -1),
    };
    struct lock_members members;
    struct ble_lock_item lock = { 0 };
    int r = json_read(entry, JSON_ROWS(rows), &members, error);

    if (r == 0)
        r = read_address(&members, &lock);
    if (r < 0)
        return r;
    text_copy(lock.target, sizeof(lock.target), members.target);
    text_copy(lock.protocol, sizeof(lock.protocol), members.protocol ? members.protocol : "nuki");
    lock.release = (enum ble_release)members.release;
    lock.relock = members.relock;
    lock.warm = members.link == LINK_WARM;
    lock.idle_s = members.idle_s;
    lock.heartbeat_s = members.heartbeat_s;
    lock.pin = members.pin;
    *ret_lock = lock;
    return 0;
}

static bool same_device(const struct ble_lock_item *a, const struct ble_lock_item *b)
{
    return a->has_address && b->has_address && ble_address_equal(&a->address, &b->address);
}

/* Adds a lock that is none of those before. */
static int add_lock(struct ble_device *device, const struct ble_lock_item *lock, struct json_error *error)
{
    for (size_t i = 0; i < device->lock_count; i++) {
        if (strcmp(device->locks[i].target, lock->target) == 0)
            return refuse(error, "target", "has a lock already");
        if (same_device(&device->locks[i], lock))
            return refuse(error, "address", "is that of another lock");
    }
    device->locks[device->lock_count++] = *lock;
    return 0;
}

static int read_locks(struct json_object *list, struct ble_device *device, struct json_error *error)
{
    for (size_t i = 0; i < json_list_length(list); i++) {
        struct json_object *entry = json_list_object(list, i, error);
        struct ble_lock_item lock;
        int r = entry ? read_lock(entry, &lock, error) : -EBADMSG;

        if (r == 0)
            r = add_lock(device, &lock, error);
        if (r < 0) {
            json_error_within(error, entry ? "locks[%zu]" : "locks", i);
            return r;
        }
    }
    return 0;
}

/* The targets of the item, which the policy knows, are those of the locks. */
static int check_targets(struct json_object *list, const struct ble_device *device, struct json_error *error)
{
    size_t count = json_list_length(list);

    for (size_t i = 0; i < count; i++) {
        const char *target = json_list_string(list, i, error);

        if (!target || ble_device_find(device, target) == device->lock_count) {
            if (target)
                json_error_set(error, "", "%s has no lock", target);
            json_error_within(error, "targets");
            return -EBADMSG;
        }
    }
    return count == device->lock_count ? 0
                                       : refuse(error, "targets", "must be those of the locks, each once");
}

int ble_device_read(struct json_object *item, struct ble_device *ret_device, struct json_error *error)
{
    static const struct json_row rows[] = {
        JSON_ROW_CHECKED(struct item_members, adapter, "adapter", false, adapter_valid,
                         "must be hci and a number"),
        JSON_ROW_LIST(struct item_members, points, "points", 0, 0),
        JSON_ROW_LIST(struct item_members, targets, "targets", 1, BLE_LOCKS_MAX),
        JSON_ROW_LIST(struct item_members, locks, "locks", 1, BLE_LOCKS_MAX),
    };
    struct item_members members;
    int r = json_read(item, JSON_ROWS(rows), &members, error);

    if (r < 0)
        return r;
    *ret_device = (struct ble_device){ 0 };
    text_copy(ret_device->adapter, sizeof(ret_device->adapter), members.adapter ? members.adapter : "hci0");
    if (!members.locks)
        return refuse(error, "locks", "is missing");
    r = read_locks(members.locks, ret_device, error);
    return r < 0 ? r : check_targets(members.targets, ret_device, error);
}

size_t ble_device_find(const struct ble_device *device, const char *target)
{
    size_t i = 0;

    while (i < device->lock_count && strcmp(device->locks[i].target, target) != 0)
        i++;
    return i;
}
