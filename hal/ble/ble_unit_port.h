/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ble_unit_port.h: what a lock's protocol says, on its way to the link, the gateway, the log and the keys. */
#pragma once

struct ble_unit;

/* Makes the unit's port. Results and wishes to drop the link are noted in the unit, for who called the
 * protocol. */
void ble_unit_port(struct ble_unit *unit);

/* Says that lock and door are not known: what was said of them holds no longer. The next state is told. */
void ble_unit_port_unseen(struct ble_unit *unit);
