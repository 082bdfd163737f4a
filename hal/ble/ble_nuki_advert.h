/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ble_nuki_advert.h: what a Nuki lock advertises (facts of the maker's staff, developer.nuki.io, topic 1109):
 *
 * - an iBeacon with the UUID of its keyturner service. The lowest bit of the power byte says that its states
 *   were not read by a bridge since they changed; the bits above it differ between generations;
 * - in pairing mode, data of its pairing service instead;
 * - now and then something of HomeKit, which says nothing here. Pure.
 */
#pragma once

#include "hal/ble/ble_protocol.h"

enum ble_heard ble_nuki_advert_heard(const struct advert *advert);

/* As its name would be: from its number, which the beacon has. */
void ble_nuki_advert_called(const struct advert *advert, char ret_name[static ADVERT_NAME_SIZE]);
