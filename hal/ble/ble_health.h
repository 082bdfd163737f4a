/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ble_health.h: what an adapter and all its locks together come to. */
#pragma once

#include "hal/ble/ble_scan.h"
#include "hal/ble/ble_unit.h"
#include "hal/driver.h"

/* Tells the gateway: down without an adapter, degraded with what is wrong with which lock, or up. adapter:
 * NULL, or why it cannot be used, for people. */
void ble_health_tell(struct driver *driver, const char *adapter, const struct ble_unit units[], size_t count,
                     const struct ble_scan *scan);
