/* SPDX-License-Identifier: GPL-3.0-or-later */
/* fuzz_ble_hci.c: every report of a controller's packet lies within it, and there are no more than it says.
 */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include "hal/ble/ble_hci.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ble_hci_event event = ble_hci_read(data, size);
    size_t promised = event.count;
    size_t taken = 0;
    struct ble_hci_report report;

    for (; ble_hci_next(&event, &report); taken++)
        assert(report.data >= data && report.data + report.len <= data + size);
    assert(taken <= promised);
    return 0;
}
