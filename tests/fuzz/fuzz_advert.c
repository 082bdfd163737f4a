/* SPDX-License-Identifier: GPL-3.0-or-later */
/* fuzz_advert.c: whatever is advertised, what is made of it is within its bounds, and a name can be shown. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "proto/advert.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct advert advert = { 0 };

    advert_read(data, size, &advert);
    advert_read(data, size, &advert);
    assert(advert.service_count <= ADVERT_SERVICES_MAX);
    assert(memchr(advert.name, '\0', sizeof(advert.name)));
    for (const char *c = advert.name; *c; c++)
        assert(*c >= 0x20 && *c < 0x7f);
    for (size_t i = 0; i < advert.service_count; i++)
        assert(advert_has_service(&advert, advert.services[i]));
    return 0;
}
