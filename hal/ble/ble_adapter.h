/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ble_adapter.h: the radio: whether it is there, and on.
 *
 * bluetoothd switches adapters on; where it does not run, nobody does, and so we do, if we have
 * CAP_NET_ADMIN.
 */
#pragma once

#include <stdint.h>

#include "gateway/base/cleanup.h"
#include "proto/ble_address.h"

/* Is there and off. */
#define BLE_ADAPTER_E_OFF 1

/* The number of "hci0". */
int ble_adapter_index(const char *name);

/* Looks at the adapter. Returns 0 with its address, BLE_ADAPTER_E_OFF, -ENODEV, -EAFNOSUPPORT (this kernel
 * has no Bluetooth), or another negative errno. */
int ble_adapter_look(int index, struct ble_address *ret_address) must_check;

/* Asks the kernel to switch it on, Low Energy included, which happens later if we may ask for it. */
void ble_adapter_switch_on(int index);
