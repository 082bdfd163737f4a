/* SPDX-License-Identifier: GPL-3.0-or-later */
/* modbus_driver.h: the driver `modbus` as hal/driver.h runs it. */
#pragma once

#include "gateway/base/cleanup.h"

struct driver_ops;
struct modbus_driver;

/* profiles: the directory of <name>.json; borrowed. Returns 0 or -ENOMEM. */
int modbus_driver_new(const char *profiles, struct modbus_driver **ret_modbus) must_check;

/* Takes NULL, returns NULL. */
struct modbus_driver *modbus_driver_free(struct modbus_driver *modbus);

/* After driver_run(): ends the pulses that only we would end, as far as the devices answer within
 * MODBUS_LEAVE_MS: less than the gateway gives a driver (CHILD_STOP_LIMIT_MS), and enough for a usual unit to
 * miss an answer, rest, and give the next. */
#define MODBUS_LEAVE_MS 1800
void modbus_driver_leave(struct modbus_driver *modbus);

/* What to give to driver_run(), together with the struct. */
extern const struct driver_ops modbus_driver_ops;
