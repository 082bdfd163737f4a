/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ble_scan.h: hears what devices advertise, over a raw HCI socket, if we have CAP_NET_RAW.
 *
 * The controller is not ours alone. Whoever else scans is not disturbed: a controller that refuses our
 * settings is scanning already, and we hear its reports as well. The kernel ends a scan when it connects; so
 * ours is begun again every BLE_SCAN_AGAIN_MS, but not while a connect is under way.
 *
 * Only passive scanning: devices are not asked for more. Asking would make the kernel believe that it is
 * discovering devices itself (since 6.2 or so), and it does not connect as long as it believes that.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "gateway/base/cleanup.h"
#include "hal/ble/ble_hci.h"

#define BLE_SCAN_AGAIN_MS 3000

/* Packets that are read at once, so that a storm of advertisements does not starve the links. */
#define BLE_SCAN_PACKETS_MAX 32

struct ble_scan {
    int fd;    /* -1: closed */
    bool on;   /* the controller scans for us, as far as we know */
    bool next; /* the same, once it has answered */
    bool extended;
    bool knows;                 /* which family of commands */
    bool held;                  /* a connect is under way */
    bool forbidden;             /* we have not the capability */
    enum ble_hci_command asked; /* and not answered; OTHER: nothing */
    int64_t due_us;
    int64_t heard; /* reports */
};

/* Called for each report. */
struct ble_scan_ear {
    void (*heard)(void *self, const struct ble_hci_report *report);
    void *self;
};

/* Closed. */
void ble_scan_init(struct ble_scan *scan);

/* Adapter hciINDEX is there. fd: a descriptor to use for it, which is ours then; ble_scan_socket() makes one.
 */
void ble_scan_open(struct ble_scan *scan, int fd);

/* Returns a negative errno, or 0 with *ret_fd. */
int ble_scan_socket(int index, int *ret_fd) must_check;

/* Ends our scan and closes. */
void ble_scan_close(struct ble_scan *scan);

/* Begins anew: some controllers tell of a device once in a scan, although no filter was asked for. */
void ble_scan_again(struct ble_scan *scan);

/* Whether a connect is under way. */
void ble_scan_hold(struct ble_scan *scan, bool connecting, int64_t now_us);

/* Reads what has come. Returns 0 or a negative errno: the adapter is gone. */
int ble_scan_receive(struct ble_scan *scan, const struct ble_scan_ear *ear) must_check;

/* Begins to scan, or begins again. Is due at ble_scan_due_us(); INT64_MAX: never. */
void ble_scan_turn(struct ble_scan *scan, int64_t now_us);
int64_t ble_scan_due_us(const struct ble_scan *scan);
