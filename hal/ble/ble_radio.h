/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ble_radio.h: one adapter among many links: who may connect, and who must let go.
 *
 * A controller makes one connection at a time (Core Specification, Vol 4, Part E, 7.8.12), so one link
 * connects and the others wait. The link that has waited longest goes first, those with a person before
 * those without; but after BLE_RADIO_AHEAD_MAX persons it is the turn of one without. A person also
 * interrupts a connect without one; and if two persons wait, each connects for BLE_RADIO_SLICE_MS in turn,
 * so that a lock without power delays the others by no more.
 *
 * A controller holds a few connections only. When they are all taken, the link that was used longest ago and
 * that nobody asks for makes room.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hal/ble/ble_link.h"

/* Links of one adapter. */
#define BLE_RADIO_LINKS_MAX 32

/* Connections that usual controllers can hold at once. */
#define BLE_RADIO_CONNECTIONS 7

#define BLE_RADIO_AHEAD_MAX 4
#define BLE_RADIO_SLICE_MS  3000

struct ble_radio {
    size_t count;
    struct ble_link *links[BLE_RADIO_LINKS_MAX]; /* borrowed */
    size_t connections;                          /* that may be at once, as far as we know */
    unsigned ahead;                              /* persons that went before somebody without, in a row */
    bool guarded;                                /* who connects now may not be interrupted */
};

/* connections: how many the controller can hold; if it has no room for as many, that is found out. */
void ble_radio_init(struct ble_radio *radio, size_t connections);

/* Borrows the link until the radio is gone. */
void ble_radio_add(struct ble_radio *radio, struct ble_link *link);

/* Lets the next link connect, if it is time. Is called after the links' turns, and when ble_radio_due_us() is
 * over. Links that it told something have something to tell: their turns follow. Returns whether it did
 * something. */
bool ble_radio_turn(struct ble_radio *radio, int64_t now_us);

/* INT64_MAX: not before something happens. */
int64_t ble_radio_due_us(const struct ble_radio *radio);

/* Whether a link connects: scanning pauses, since the controller would do neither well. */
bool ble_radio_is_connecting(const struct ble_radio *radio);
