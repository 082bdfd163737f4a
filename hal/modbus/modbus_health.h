/* SPDX-License-Identifier: GPL-3.0-or-later */
/* modbus_health.h: what all units together come to: one health, one reason, and counters.
 *
 * Up: all units are. Degraded: some are not, and the reason names them with their targets; one says itself
 * that something is amiss; or none can be used, but one answers, wrongly. Down: none answers.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "hal/modbus/modbus_bus.h"
#include "hal/modbus/modbus_device.h"

struct driver;

/* Adds what a reason is about, "unit 5 (gym, pool): ", if there are several units. */
void modbus_health_name(struct text *text, const struct modbus_device *device, size_t unit);

/* Why a unit is not up. */
const char *modbus_health_reason(const struct modbus_bus_unit *unit);

/* Tells it, and returns it. place: of each unit on the bus of its line. early: also before each unit was
 * tried once. */
enum driver_health modbus_health_tell(struct driver *driver, const struct modbus_device *device,
                                      const struct modbus_bus buses[], const size_t place[], bool early);
