/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ble_protocol.c: the protocols that there are, a row each. */
#include "hal/ble/ble_protocol.h"

#include <string.h>

#include "hal/ble/ble_nuki.h"

const struct ble_protocol *ble_protocol_find(const char *name)
{
    static const struct ble_protocol *const protocols[] = { &ble_nuki };

    for (size_t i = 0; i < sizeof(protocols) / sizeof(protocols[0]); i++) {
        if (strcmp(protocols[i]->name, name) == 0)
            return protocols[i];
    }
    return NULL;
}
