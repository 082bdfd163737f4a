/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whatever stands in gateway.json: it is refused with at least one line, or all of it can be shown. */
#include <assert.h>
#include <stdint.h>

#include "config/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cleanup_with(text_finish) struct text problems = TEXT_INIT;
    cleanup_with(text_finish) struct text shown = TEXT_INIT;
    cleanup_with(config_finish) struct config config = { 0 };
    int r = config_parse("gateway.json", "/etc/stile", (const char *)data, size, &config, &problems);

    assert(r == 0 || problems.len > 0);
    if (r == 0)
        config_show(&config, &shown);
    return 0;
}
