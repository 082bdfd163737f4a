/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ble_protocol.c: the protocols that there are, a row each. */
#include "hal/ble/ble_protocol.h"

#include <string.h>

#include "hal/ble/ble_nuki.h"

static const struct ble_protocol *const protocols[] = { &ble_nuki };

const struct ble_protocol *ble_protocol_at(size_t i)
{
    return i < sizeof(protocols) / sizeof(protocols[0]) ? protocols[i] : NULL;
}

const struct ble_protocol *ble_protocol_find(const char *name)
{
    const struct ble_protocol *protocol;

    for (size_t i = 0; (protocol = ble_protocol_at(i)); i++)
        if (strcmp(protocol->name, name) == 0)
            return protocol;
    return NULL;
}
