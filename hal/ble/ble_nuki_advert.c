/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ble_nuki_advert.c: who is no beacon and has no service may still bear the name that all locks begin with.
 */
#include "hal/ble/ble_nuki_advert.h"

#include <stdio.h>
#include <string.h>

#define NAME "Nuki_"

#define CHANGED 0x01

/* a92ee?00-5501-11e4-916c-0800200c9a66 */
#define UUID(number)                                                                                         \
    {                                                                                                        \
        0xa9, 0x2e, 0xe0 + (number), 0x00, 0x55, 0x01, 0x11, 0xe4, 0x91, 0x6c, 0x08, 0x00, 0x20, 0x0c, 0x9a, \
            0x66                                                                                             \
    }

static const uint8_t pairing_service[] = UUID(1);
static const uint8_t keyturner_service[] = UUID(2);
static const uint8_t pairing_service_ultra[] = UUID(3);

static bool is_beacon(const struct advert_beacon *beacon)
{
    return beacon->present && memcmp(beacon->uuid, keyturner_service, sizeof(keyturner_service)) == 0;
}

enum ble_heard ble_nuki_advert_heard(const struct advert *advert)
{
    const struct advert_beacon *beacon = &advert->beacon;

    if (advert_has_service(advert, pairing_service) || advert_has_service(advert, pairing_service_ultra))
        return BLE_HEARD_PAIRING;
    if (is_beacon(beacon))
        return beacon->power & CHANGED ? BLE_HEARD_CHANGED : BLE_HEARD_LOCK;
    if (advert_has_service(advert, keyturner_service) || strncmp(advert->name, NAME, strlen(NAME)) == 0)
        return BLE_HEARD_LOCK;
    return BLE_HEARD_NOTHING;
}

void ble_nuki_advert_called(const struct advert *advert, char ret_name[static ADVERT_NAME_SIZE])
{
    ret_name[0] = '\0';
    if (is_beacon(&advert->beacon))
        snprintf(ret_name, ADVERT_NAME_SIZE, NAME "%04X%04X", advert->beacon.major, advert->beacon.minor);
}
