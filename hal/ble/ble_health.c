/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ble_health.c: made anew after every turn; what is not news driver.h does not send. A lock that cannot be
 * reached does not take the device down: the others work, and it is tried again. */
#include "hal/ble/ble_health.h"

#include "gateway/base/text.h"

/* While some have not been tried yet: one reason, instead of a new one with each lock. */
#define LOOKING "not all locks have been heard of yet"

struct total {
    const char *name;
    int64_t value;
};

static void add_fault(struct text *reason, const struct ble_unit *unit)
{
    const char *fault = ble_unit_fault(unit);

    if (fault)
        text_addf(reason, "%s%s: %s", reason->len > 0 ? "; " : "", unit->item->target, fault);
}

/* Returns whether all have been tried. */
static bool add_faults(struct text *reason, const struct ble_unit units[], size_t count)
{
    bool all = true;

    for (size_t i = 0; i < count; i++) {
        add_fault(reason, &units[i]);
        all = all && ble_unit_tried(&units[i]);
    }
    return all;
}

static void add_unit(struct ble_link_counts *links, struct ble_unit_counts *units,
                     const struct ble_unit *unit)
{
    const struct ble_link_counts *link = &unit->link.counts;

    links->connects += link->connects;
    links->failures += link->failures;
    links->busy += link->busy;
    links->yielded += link->yielded;
    links->discoveries += link->discoveries;
    links->lost += link->lost;
    links->timeouts += link->timeouts;
    links->broken += link->broken;
    units->commands += unit->counts.commands;
    units->completed += unit->counts.completed;
    units->failed += unit->counts.failed;
    units->unknown += unit->counts.unknown;
    units->retries += unit->counts.retries;
    units->looks += unit->counts.looks;
    units->beacons += unit->counts.beacons;
    units->records += unit->counts.records;
    units->refused += unit->counts.refused;
}

static size_t count_all(const struct ble_unit units[], size_t count, const struct ble_scan *scan,
                        struct driver_counter ret_counters[static DRIVER_COUNTERS_MAX])
{
    struct ble_link_counts link = { 0 };
    struct ble_unit_counts unit = { 0 };

    for (size_t i = 0; i < count; i++)
        add_unit(&link, &unit, &units[i]);
    const struct total totals[] = {
        { "commands", unit.commands },
        { "completed", unit.completed },
        { "failed", unit.failed },
        { "unknown", unit.unknown },
        { "retries", unit.retries },
        { "looks", unit.looks },
        { "beacons", unit.beacons },
        { "records", unit.records },
        { "refused_messages", unit.refused },
        { "connects", link.connects },
        { "connect_failures", link.failures },
        { "connect_busy", link.busy },
        { "connect_yielded", link.yielded },
        { "discoveries", link.discoveries },
        { "cached", link.connects - link.discoveries },
        { "lost", link.lost },
        { "timeouts", link.timeouts },
        { "broken", link.broken },
        { "scanning", scan->on },
        { "adverts", scan->heard },
    };
    size_t total = sizeof(totals) / sizeof(totals[0]);

    for (size_t i = 0; i < total; i++) {
        text_copy(ret_counters[i].name, sizeof(ret_counters[i].name), totals[i].name);
        ret_counters[i].value = totals[i].value;
    }
    return total;
}

void ble_health_tell(struct driver *driver, const char *adapter, const struct ble_unit units[], size_t count,
                     const struct ble_scan *scan)
{
    cleanup_with(text_finish) struct text faults = TEXT_INIT;
    struct driver_counter counters[DRIVER_COUNTERS_MAX];
    size_t total = count_all(units, count, scan, counters);
    bool all = add_faults(&faults, units, count);

    if (adapter)
        driver_health(driver, DRIVER_HEALTH_DOWN, adapter, counters, total);
    else if (faults.len > 0 || !all)
        driver_health(driver, DRIVER_HEALTH_DEGRADED, all ? text_string(&faults) : LOOKING, counters, total);
    else
        driver_health(driver, DRIVER_HEALTH_UP, NULL, counters, total);
}
