/* SPDX-License-Identifier: GPL-3.0-or-later */
/* modbus_health.c: made anew after every turn; what is not news driver.h does not send. */
#include "hal/modbus/modbus_health.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "gateway/base/clock.h"
#include "gateway/base/text.h"
#include "hal/driver.h"

/* Counters of the whole device, and of each unit. */
#define TOTALS      6
#define UNIT_TOTALS 3

static_assert(TOTALS + MODBUS_UNIT_COUNTERS_MAX + UNIT_TOTALS * MODBUS_UNITS_MAX <= DRIVER_COUNTERS_MAX,
              "all counters of all units fit");

struct summary {
    size_t there; /* answer */
    size_t untried;
    size_t amiss; /* something is wrong */
    struct text reason;
};

void modbus_health_name(struct text *text, const struct modbus_device *device, size_t unit)
{
    const struct modbus_unit_item *item = &device->units[unit];

    if (!device->several)
        return;
    text_addf(text, "unit %u (", item->address);
    for (size_t target = 0; target < item->target_count; target++)
        text_addf(text, "%s%s", target > 0 ? ", " : "", item->targets[target]);
    text_add(text, "): ");
}

const char *modbus_health_reason(const struct modbus_bus_unit *unit)
{
    const char *reason;

    (void)modbus_bus_health(unit, &reason);
    return reason[0] == '\0' ? "was not asked yet" : reason;
}

static void add_unit(struct summary *summary, const struct modbus_device *device, size_t i,
                     const struct modbus_bus_unit *unit)
{
    const char *reason;
    enum driver_health health = modbus_bus_health(unit, &reason);

    summary->there += health != DRIVER_HEALTH_DOWN;
    summary->untried += health == DRIVER_HEALTH_DOWN && reason[0] == '\0';
    if (health == DRIVER_HEALTH_UP)
        return;
    text_add(&summary->reason, summary->amiss++ > 0 ? "; " : "");
    modbus_health_name(&summary->reason, device, i);
    text_add(&summary->reason, modbus_health_reason(unit));
}

static void add_counter(struct driver_counter counters[], size_t *count, const char *name, int64_t value)
{
    struct driver_counter *counter = &counters[(*count)++];

    text_copy(counter->name, sizeof(counter->name), name);
    counter->value = value;
}

/* Adds a unit's own counters to those of the same name. */
static void add_own(struct driver_counter counters[], size_t *count, const struct modbus_unit *unit)
{
    struct driver_counter own[MODBUS_UNIT_COUNTERS_MAX];
    size_t own_count = unit->ops->counters ? unit->ops->counters(unit->self, own) : 0;

    for (size_t i = 0; i < own_count; i++) {
        size_t at = TOTALS;

        while (at < *count && strcmp(counters[at].name, own[i].name) != 0)
            at++;
        if (at < *count)
            counters[at].value += own[i].value;
        else if (at < TOTALS + MODBUS_UNIT_COUNTERS_MAX)
            add_counter(counters, count, own[i].name, own[i].value);
    }
}

static void add_unit_counters(struct driver_counter counters[], size_t *count, size_t i,
                              const struct modbus_bus_counts *counts)
{
    const struct {
        const char *name;
        int64_t value;
    } rows[UNIT_TOTALS] = {
        { "answered", counts->answered },
        { "failed", counts->silent + counts->wrong },
        { "slowest_ms", (counts->slowest_us + USEC_PER_MSEC - 1) / USEC_PER_MSEC },
    };

    for (size_t row = 0; row < UNIT_TOTALS; row++) {
        char name[DRIVER_WORD_SIZE];

        snprintf(name, sizeof(name), "unit%zu_%s", i + 1, rows[row].name);
        add_counter(counters, count, name, rows[row].value);
    }
}

static void add_totals(struct driver_counter counters[], const struct modbus_bus *bus, size_t place)
{
    const struct modbus_bus_counts *counts = &bus->units[place].counts;

    counters[0].value += counts->answered;
    counters[1].value += counts->refused;
    counters[2].value += counts->silent;
    counters[3].value += counts->wrong;
    counters[4].value += counts->late;
}

static size_t count_all(const struct modbus_device *device, const struct modbus_bus buses[],
                        const size_t place[], struct driver_counter ret_counters[static DRIVER_COUNTERS_MAX])
{
    static const char *const names[TOTALS] = { "answered", "refused", "silent", "wrong", "late", "opened" };
    size_t count = 0;

    for (size_t i = 0; i < TOTALS; i++)
        add_counter(ret_counters, &count, names[i], 0);
    for (size_t i = 0; i < device->line_count; i++)
        ret_counters[TOTALS - 1].value += buses[i].opened;
    for (size_t i = 0; i < device->unit_count; i++) {
        add_totals(ret_counters, &buses[device->line_of[i]], place[i]);
        add_own(ret_counters, &count, &buses[device->line_of[i]].units[place[i]].unit);
    }
    for (size_t i = 0; device->several && i < device->unit_count; i++)
        add_unit_counters(ret_counters, &count, i, &buses[device->line_of[i]].units[place[i]].counts);
    return count;
}

enum driver_health modbus_health_tell(struct driver *driver, const struct modbus_device *device,
                                      const struct modbus_bus buses[], const size_t place[], bool early)
{
    struct summary summary = { .reason = TEXT_INIT };
    struct driver_counter counters[DRIVER_COUNTERS_MAX];

    for (size_t i = 0; i < device->unit_count; i++)
        add_unit(&summary, device, i, &buses[device->line_of[i]].units[place[i]]);
    enum driver_health health = summary.amiss == 0  ? DRIVER_HEALTH_UP
                                : summary.there > 0 ? DRIVER_HEALTH_DEGRADED
                                                    : DRIVER_HEALTH_DOWN;

    if (summary.untried == 0 || early) {
        size_t count = count_all(device, buses, place, counters);

        driver_health(driver, health, summary.amiss > 0 ? text_string(&summary.reason) : NULL, counters,
                      count);
    }
    text_finish(&summary.reason);
    return health;
}
