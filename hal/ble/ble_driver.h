/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ble_driver.h: an adapter and its locks as a driver (hal/driver.h).
 *
 * All links, and the scan, are watched through one epoll descriptor. A turn gives each lock a few steps, the
 * first one another each time; so none waits for more than the others' bounded steps.
 */
#pragma once

#include "gateway/base/cleanup.h"
#include "hal/driver.h"
#include "proto/ble_address.h"

struct ble_driver;

/* The radio: a seam, so that tests bring their own. */
struct ble_world {
    /* As ble_adapter_look() and ble_adapter_switch_on(). */
    int (*look)(void *self, int index, struct ble_address *ret_address);
    void (*switch_on)(void *self, int index);

    /* As ble_scan_socket(). */
    int (*scan_socket)(void *self, int index, int *ret_fd);

    /* As ble_socket_connect(). */
    int (*connect)(void *self, const struct ble_address *adapter, const struct ble_address *peer,
                   int *ret_fd);
    void *self;
};

/* directory: where keys are kept; NULL: nowhere. Both are borrowed. Returns 0 or a negative errno. */
int ble_driver_new(const struct ble_world *world, const char *directory,
                   struct ble_driver **ret_ble) must_check;

/* Closes all links. Takes NULL, returns NULL. */
struct ble_driver *ble_driver_free(struct ble_driver *ble);

extern const struct driver_ops ble_driver_ops;
