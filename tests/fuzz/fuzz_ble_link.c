/* SPDX-License-Identifier: GPL-3.0-or-later */
/* fuzz_ble_link.c: a script for a hostile lock at the other end of a link. */
#include "tests/unit/hostile_fixture.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    (void)hostile_run(data, size);
    return 0;
}
