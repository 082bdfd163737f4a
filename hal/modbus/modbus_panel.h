/* SPDX-License-Identifier: GPL-3.0-or-later */
/* modbus_panel.h: relays and inputs, or a barrier, as a unit of the bus (modbus_unit.h). Pure.
 *
 * Its outputs (modbus_panel_output.h) go before everything. A look reads what is wired; outputs are read back
 * too when there is doubt, when something is held, and when there is nothing else to look at. Each of its
 * targets (modbus_panel_target.h) makes of the look what it is wired for.
 */
#pragma once

#include "gateway/base/cleanup.h"
#include "hal/modbus/modbus_unit.h"

/* The item has no points, and a wiring for each target; without any it has one target, which is wired as the
 * profile says. As modbus_unit_new(). */
int modbus_panel_new(const struct modbus_unit_item *item, const struct modbus_profile *profile,
                     const struct modbus_voice *voice, struct modbus_unit *ret_unit,
                     struct json_error *error) must_check;
