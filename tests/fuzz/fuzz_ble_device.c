/* SPDX-License-Identifier: GPL-3.0-or-later */
/* fuzz_ble_device.c: an item that is taken has a lock for each target, and each has what it needs. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include "hal/ble/ble_device.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cleanup_with(json_putp) struct json_object *item = NULL;
    struct ble_device device;
    struct json_error error;

    if (json_parse((const char *)data, size, &item, &error) < 0 || ble_device_read(item, &device, &error) < 0)
        return 0;
    assert(device.lock_count > 0 && device.lock_count <= BLE_LOCKS_MAX);
    for (size_t i = 0; i < device.lock_count; i++) {
        assert(ble_device_find(&device, device.locks[i].target) == i);
        assert(device.locks[i].idle_s > 0 && device.locks[i].heartbeat_s > 0);
    }
    return 0;
}
