/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ble_gatt_find.h: how a GATT client finds what it wants: the part of ble_gatt.c that deals with services,
 * characteristics and descriptors, for it alone.
 *
 * The ask functions make the request of the next step in gatt->request, or return false: this phase is over.
 * The take functions return what is wrong with a response, or NULL.
 */
#pragma once

#include <stdbool.h>

#include "hal/ble/ble_gatt.h"

bool ble_gatt_find_ask_service(struct ble_gatt *gatt);
const char *ble_gatt_find_take_service(struct ble_gatt *gatt, const struct att_pdu *pdu,
                                       struct ble_gatt_report *ret_report);

bool ble_gatt_find_ask_characteristics(struct ble_gatt *gatt);
const char *ble_gatt_find_take_characteristics(struct ble_gatt *gatt, const struct att_pdu *pdu,
                                               struct ble_gatt_report *ret_report);

bool ble_gatt_find_ask_descriptors(struct ble_gatt *gatt);
const char *ble_gatt_find_take_descriptors(struct ble_gatt *gatt, const struct att_pdu *pdu,
                                           struct ble_gatt_report *ret_report);

/* Not found: the end of a list. */
const char *ble_gatt_find_refuse(struct ble_gatt *gatt, uint8_t code, struct ble_gatt_report *ret_report);

/* Whether handles serve their want: they are all there, or none. */
bool ble_gatt_find_is_whole(const struct ble_gatt_want *want, const struct ble_gatt_handles *handles);
