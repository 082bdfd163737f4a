/* SPDX-License-Identifier: GPL-3.0-or-later */
/* lock_radio.h: a lock's radio: a Bluetooth adapter of the kernel that advertises, and hands out the links
 * that come in on the channel of ATT.
 *
 * It needs CAP_NET_ADMIN, and an adapter that bluetoothd leaves alone. One lock an adapter: a controller has
 * one public address.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "gateway/base/cleanup.h"
#include "proto/ble_address.h"
#include "tools/sim/lock_advert.h"

struct lock_radio {
    int mgmt;   /* the kernel's management socket; -1: none */
    int listen; /* L2CAP, channel 4 of that adapter; -1: none */
    uint16_t index;
    struct ble_address address;
};

#define LOCK_RADIO_INIT                                                                                      \
    {                                                                                                        \
        .mgmt = -1, .listen = -1                                                                             \
    }

/* From one advertisement to the next. */
#define LOCK_RADIO_INTERVAL_MS     100
#define LOCK_RADIO_INTERVAL_MS_MIN 20
#define LOCK_RADIO_INTERVAL_MS_MAX 10240

/* Powers adapter ("hci1") and listens; interval_ms: of advertisements, from _MIN to _MAX. Returns 0 or a
 * negative errno: -EINVAL that is no adapter's name, -EADDRINUSE bluetoothd or another lock listens there,
 * -ETIMEDOUT or -EIO it refuses. */
int lock_radio_open(struct lock_radio *radio, const char *adapter, unsigned interval_ms) must_check;

/* The adapter advertises no more. radio may be LOCK_RADIO_INIT. */
void lock_radio_close(struct lock_radio *radio);

/* Advertises that from now on, in the place of what was advertised before; connectable. What the kernel says
 * to it comes by lock_radio_read(). */
void lock_radio_advertise(struct lock_radio *radio, const struct lock_advert *advert);

/* Advertises nothing. */
void lock_radio_hush(struct lock_radio *radio);

/* Reads one answer of the kernel. Returns 0, or -EIO: it refused to advertise. */
int lock_radio_read(struct lock_radio *radio) must_check;

/* Takes the link that waits on listen. Returns its descriptor, non-blocking and close-on-exec, or a negative
 * errno. */
int lock_radio_accept(struct lock_radio *radio) must_check;

/* Ends a link and closes its descriptor, which may be any. The peer learns of it at once: without that, the
 * kernel holds a link for two seconds more. */
void lock_radio_drop(struct lock_radio *radio, int fd);
