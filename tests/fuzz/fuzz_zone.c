/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whatever a time zone's file holds: it is refused, or its clock shows times of day and every instant lies
 * where the clock has reached what was asked for. */
#include <assert.h>
#include <stdint.h>

#include "gateway/base/clock.h"
#include "gateway/core/zone.h"

#define SECONDS_PER_DAY INT64_C(86400)
#define LAST_DAY        2932896 /* 9999-12-31 */

static void try_instant(const struct zone *zone, int32_t day, int32_t second)
{
    struct local_time local = zone_local(zone, zone_instant(zone, day, second));
    struct local_time before = zone_local(zone, zone_instant(zone, day, second) - 1);

    assert(local.day * SECONDS_PER_DAY + local.second >= day * SECONDS_PER_DAY + second);
    assert(before.day * SECONDS_PER_DAY + before.second < day * SECONDS_PER_DAY + second);
    assert(local.second >= 0 && local.second < SECONDS_PER_DAY);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct zone *zone = NULL;

    if (zone_new(data, size, &zone) < 0)
        return 0;
    (void)zone_local(zone, INT64_MIN);
    (void)zone_local(zone, INT64_MAX);
    for (int32_t day = 0; day < LAST_DAY; day += 1 + day / 7) {
        try_instant(zone, day, 0);
        try_instant(zone, day, 9000);
    }
    try_instant(zone, LAST_DAY, 86399);
    zone_free(zone);
    return 0;
}
