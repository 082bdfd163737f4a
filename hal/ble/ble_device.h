/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ble_device.h: a device item of driver `ble`: an adapter and its locks. Pure. hal/ble/README.md describes it
 * for people. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/cleanup.h"
#include "proto/ble_address.h"
#include "proto/driver_message.h"

struct json_object;

/* Locks of one driver; all of an item has to fit in a line. */
#define BLE_LOCKS_MAX DRIVER_TARGETS_MAX

/* "hci" and a number, with its NUL. */
#define BLE_ADAPTER_SIZE 9

/* What a release does to a lock. */
enum ble_release {
    BLE_RELEASE_UNLATCH, /* pulls the latch for a moment: the door can be pushed open */
    BLE_RELEASE_UNLOCK,  /* turns the bolt back: somebody presses the handle */
};

struct ble_lock_item {
    char target[ID_SIZE];
    char protocol[DRIVER_WORD_SIZE];
    bool has_address; /* else it is the one that was paired for target */
    struct ble_address address;
    enum ble_release release;
    bool relock;         /* locks again when the pulse of a release is over */
    bool warm;           /* the link is kept; else dropped idle_s after its last use */
    int64_t idle_s;      /* how long */
    int64_t pin;         /* with which a lock lets its log be read and its clock be set; -1: not given */
    int64_t heartbeat_s; /* between looks at a lock that nobody commands */
};

struct ble_device {
    char adapter[BLE_ADAPTER_SIZE];
    size_t lock_count;
    struct ble_lock_item locks[BLE_LOCKS_MAX];
};

/* Returns 0, or -EBADMSG with *error filled: *ret_device is of no use then. Each target has one lock. */
int ble_device_read(struct json_object *item, struct ble_device *ret_device,
                    struct json_error *error) must_check;

/* The lock of a target; lock_count: none's. */
size_t ble_device_find(const struct ble_device *device, const char *target);
