/* SPDX-License-Identifier: GPL-3.0-or-later */
/* record.c: the gathered effects are few (a tap has two or three), except when a day's end forgives
 * everybody; so they lie in one growing list, and what exceeds an entry of the ledger goes before the event
 * in entries of its own. */
#include "gateway/daemon/record.h"

#include <errno.h>
#include <string.h>

#include "gateway/base/log.h"
#include "gateway/daemon/daemon.h"

#define SUBSYSTEM "record"

struct waiting {
    uint64_t ticket; /* 0: free */
    void (*durable)(struct daemon *daemon, int64_t seq, void *argument);
    void *argument;
};

struct effect {
    char *key;
    char *value; /* NULL deletes the key */
};

struct record {
    struct effect *effects;
    size_t count;
    size_t size;
    struct waiting waiting[RECORD_WAITING_MAX];
    size_t waiting_count;
};

int record_new(struct record **ret)
{
    struct record *record = calloc(1, sizeof(*record));

    if (!record)
        return -ENOMEM;
    *ret = record;
    return 0;
}

static void forget_effects(struct record *record, size_t count)
{
    if (count == 0)
        return;
    for (size_t i = 0; i < count; i++) {
        free(record->effects[i].key);
        free(record->effects[i].value);
    }
    record->count -= count;
    memmove(record->effects, record->effects + count, record->count * sizeof(*record->effects));
}

struct record *record_free(struct record *record)
{
    if (!record)
        return NULL;
    forget_effects(record, record->count);
    free(record->effects);
    for (size_t i = 0; i < record->waiting_count; i++)
        free(record->waiting[i].argument);
    free(record);
    return NULL;
}

static int make_room(struct record *record)
{
    if (record->count < record->size)
        return 0;
    size_t size = record->size ? 2 * record->size : LEDGER_EFFECTS_MAX;
    struct effect *effects = realloc(record->effects, size * sizeof(*effects));

    if (!effects)
        return -ENOMEM;
    record->effects = effects;
    record->size = size;
    return 0;
}

void record_effect(void *user, const char *key, const char *value)
{
    struct daemon *daemon = user;
    struct record *record = daemon->record;
    cleanup_with(freep) char *own_key = strdup(key);
    cleanup_with(freep) char *own_value = value ? strdup(value) : NULL;

    if (record->count == RECORD_EFFECTS_MAX) {
        daemon_trouble(SUBSYSTEM, "a change of state was never stored", -ENOBUFS);
        forget_effects(record, 1);
    }
    if (!own_key || (value && !own_value) || make_room(record) < 0) {
        daemon_trouble(SUBSYSTEM, "a change of state is kept in memory only", -ENOMEM);
        return;
    }
    record->effects[record->count++] = (struct effect){ take_ptr(own_key), take_ptr(own_value) };
}

/* Appends an entry with the first effects that are gathered. If the ledger does not take it they stay, for
 * the next one. */
static uint64_t append(struct daemon *daemon, struct ledger_entry entry)
{
    struct record *record = daemon->record;
    struct ledger_effect effects[LEDGER_EFFECTS_MAX];
    uint64_t ticket = 0;

    entry.effects = effects;
    entry.effect_count = record->count < LEDGER_EFFECTS_MAX ? record->count : LEDGER_EFFECTS_MAX;
    for (size_t i = 0; i < entry.effect_count; i++)
        effects[i] = (struct ledger_effect){ record->effects[i].key, record->effects[i].value };
    int r = ledger_append(daemon->ledger, &entry, &ticket);

    if (r < 0) {
        daemon_trouble(SUBSYSTEM, entry.event ? event_kind_name(entry.event->kind) : "state", r);
        return 0;
    }
    forget_effects(record, entry.effect_count);
    return ticket;
}

/* Entries without an event, as long as more than `keep` effects are gathered. */
static void append_state(struct daemon *daemon, const struct timestamp *now, size_t keep)
{
    struct ledger_entry entry = { .now = *now, .essential = true };

    while (daemon->record->count > keep)
        if (!append(daemon, entry))
            return;
}

static struct ledger_entry entry_of(const struct event *event, const struct timestamp *now)
{
    return (struct ledger_entry){
        .event = event,
        .now = *now,
        .essential = event->kind != EVENT_DENIED && event->kind != EVENT_PENDING,
    };
}

uint64_t record_event(struct daemon *daemon, const struct event *event, uint64_t cause,
                      const struct timestamp *now)
{
    struct ledger_entry entry = entry_of(event, now);

    entry.cause = cause;
    append_state(daemon, now, LEDGER_EFFECTS_MAX);
    return append(daemon, entry);
}

uint64_t record_event_then(struct daemon *daemon, const struct event *event, const struct timestamp *now,
                           const struct record_then *then)
{
    struct record *record = daemon->record;
    struct ledger_entry entry = entry_of(event, now);

    if (record->waiting_count == RECORD_WAITING_MAX)
        return 0;
    entry.command = then->command;
    append_state(daemon, now, LEDGER_EFFECTS_MAX);
    uint64_t ticket = append(daemon, entry);

    if (ticket)
        record->waiting[record->waiting_count++] = (struct waiting){ ticket, then->durable, then->argument };
    return ticket;
}

void record_state(struct daemon *daemon, const struct timestamp *now)
{
    append_state(daemon, now, 0);
}

void record_committed(struct daemon *daemon, uint64_t ticket, int64_t seq)
{
    struct record *record = daemon->record;

    for (size_t i = 0; i < record->waiting_count; i++) {
        struct waiting waiting = record->waiting[i];

        if (waiting.ticket != ticket)
            continue;
        record->waiting[i] = record->waiting[--record->waiting_count];
        waiting.durable(daemon, seq, waiting.argument);
        return;
    }
}
