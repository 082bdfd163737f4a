/* SPDX-License-Identifier: GPL-3.0-or-later */
/* events.c: an event is known by epoch and seq, and compared by a hash of its bytes; the lists are walked
 * from their ends, where what is asked for mostly lies. */
#include "tests/sim/events.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/ctl/ctl.h"
#include "proto/cloud_message.h"
#include "proto/digest.h"
#include "tests/sim/disk.h"
#include "tests/sim/doors.h"
#include "tests/sim/sim.h"
#include "tests/sim/watch.h"

#define EPOCHS_MAX 64

struct told {
    size_t epoch;
    int64_t seq;
    uint64_t bytes;
    bool excused;
};

struct lost {
    size_t epoch;
    int64_t from;
    int64_t to;
};

struct epoch {
    char name[CLOUD_EPOCH_SIZE];
    int64_t last;  /* told of */
    int64_t acked; /* by the cloud, at the most */
    int64_t kept;  /* what the cloud's store must have of it */
};

static struct {
    struct epoch epochs[EPOCHS_MAX];
    size_t epoch_count;
    size_t current; /* of the last event told; EPOCHS_MAX: none yet */
    bool may_skip;
    struct told *told;
    size_t count, size;
    struct lost *lost;
    size_t lost_count;
} events;

void events_begin(void)
{
    memset(&events, 0, sizeof(events));
    events.current = EPOCHS_MAX;
}

void events_end(void)
{
    free(events.told);
    free(events.lost);
}

int64_t events_count(void)
{
    return (int64_t)events.count;
}

static uint64_t hash_of(const char *line, size_t len)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);

    for (size_t i = 0; i < len; i++)
        hash = (hash ^ (unsigned char)line[i]) * UINT64_C(0x100000001b3);
    return hash;
}

static size_t epoch_of(const char *name)
{
    size_t i = 0;

    while (i < events.epoch_count && strcmp(events.epochs[i].name, name) != 0)
        i++;
    if (i < events.epoch_count)
        return i;
    SIM_REQUIRE(i < EPOCHS_MAX, "E5", "there are more than %d epochs", EPOCHS_MAX);
    snprintf(events.epochs[i].name, CLOUD_EPOCH_SIZE, "%s", name);
    return events.epoch_count++;
}

static const struct told *find(size_t epoch, int64_t seq)
{
    for (size_t i = events.count; i-- > 0;)
        if (events.told[i].epoch == epoch && events.told[i].seq == seq)
            return &events.told[i];
    return NULL;
}

static void note_lost(size_t epoch, const char *line)
{
    const char *from = strstr(line, "\"from\":");
    const char *to = strstr(line, "\"to\":");
    struct lost lost = { .epoch = epoch };

    if (!from || !to)
        return;
    sscanf(from, "\"from\":%" SCNd64, &lost.from);
    sscanf(to, "\"to\":%" SCNd64, &lost.to);
    events.lost = realloc(events.lost, (events.lost_count + 1) * sizeof(*events.lost));
    assert(events.lost);
    events.lost[events.lost_count++] = lost;
    sim_trace("events %" PRId64 " to %" PRId64 " are lost", lost.from, lost.to);
}

static void add(size_t epoch, int64_t seq, const char *line, size_t len)
{
    if (events.count == events.size) {
        events.size = events.size ? 2 * events.size : 1024;
        events.told = realloc(events.told, events.size * sizeof(*events.told));
        assert(events.told);
    }
    events.told[events.count++] = (struct told){ .epoch = epoch, .seq = seq, .bytes = hash_of(line, len) };
    if (strstr(line, "\"kind\":\"lost\""))
        note_lost(epoch, line);
}

/* E1: contiguous. Behind what was not told (at a life's begin, and what a new epoch repeats) it may go on
 * higher. */
static void check_seq(size_t epoch, int64_t seq)
{
    struct epoch *at = &events.epochs[epoch];
    bool other = epoch != events.current;

    SIM_REQUIRE(seq > at->last, "E1", "event %" PRId64 " of %s is told after %" PRId64, seq, at->name,
                at->last);
    SIM_REQUIRE(other || events.may_skip || seq == at->last + 1, "E1",
                "event %" PRId64 " of %s follows %" PRId64, seq, at->name, at->last);
    events.may_skip = other && at->last == 0;
    events.current = epoch;
    at->last = seq;
}

static void stored(const char *line, size_t len)
{
    char epoch[CLOUD_EPOCH_SIZE];
    int64_t seq;

    SIM_REQUIRE(sscanf(line, "{\"seq\":%" SCNd64 ",\"epoch\":\"%16[0-9a-f]\"", &seq, epoch) == 2, "E1",
                "an event has no seq: %s", line);
    size_t index = epoch_of(epoch);

    check_seq(index, seq);
    add(index, seq, line, len);
    sim_trace("stored: %.160s", line);
    doors_stored(line);
    watch_stored(line);
}

/* The control socket is told of each event once it is durable. */
int __wrap_ctl_new(struct sd_event *event, const struct ctl_options *options, struct ctl **ret);
struct ctl *__wrap_ctl_free(struct ctl *ctl);
void __wrap_ctl_publish(struct ctl *ctl, const char *event, size_t len);

int __wrap_ctl_new(struct sd_event *event, const struct ctl_options *options, struct ctl **ret)
{
    *ret = (struct ctl *)&events; /* is not looked into */
    return 0;
}

struct ctl *__wrap_ctl_free(struct ctl *ctl)
{
    return NULL;
}

void __wrap_ctl_publish(struct ctl *ctl, const char *event, size_t len)
{
    stored(event, len);
}

void events_life_begins(void)
{
    events.may_skip = true;
}

/* --- the ledger --- */

struct ledger_log {
    size_t epoch;
    int64_t base, acked, head;
    int64_t oldest;
    uint8_t hash[CHAIN_BYTES];
};

static sqlite3_stmt *prepare(sqlite3 *handle, const char *sql)
{
    sqlite3_stmt *statement = NULL;
    int r = sqlite3_prepare_v2(handle, sql, -1, &statement, NULL);

    SIM_REQUIRE(r == SQLITE_OK, "the audit", "%s: %s", sql, sqlite3_errmsg(handle));
    return statement;
}

static bool read_log(sqlite3 *ledger, struct ledger_log *ret)
{
    sqlite3_stmt *tables = prepare(ledger, "SELECT 1 FROM sqlite_schema WHERE name = 'log'");
    bool there = sqlite3_step(tables) == SQLITE_ROW;

    sqlite3_finalize(tables);
    if (!there)
        return false;
    sqlite3_stmt *row = prepare(ledger, "SELECT epoch, base, acked, head, head_hash FROM log");

    there = sqlite3_step(row) == SQLITE_ROW;
    if (there) {
        ret->epoch = epoch_of((const char *)sqlite3_column_text(row, 0));
        ret->base = sqlite3_column_int64(row, 1);
        ret->acked = sqlite3_column_int64(row, 2);
        ret->head = sqlite3_column_int64(row, 3);
        memcpy(ret->hash, sqlite3_column_blob(row, 4), CHAIN_BYTES);
    }
    sqlite3_finalize(row);
    return there;
}

/* E1 and E2: the rows of the current epoch are contiguous up to the head, are what was told, and chain up to
 * the head's hash. */
static void check_rows(sqlite3 *ledger, struct ledger_log *log)
{
    sqlite3_stmt *rows = prepare(ledger, "SELECT id, prev, line FROM events WHERE id > ? ORDER BY id");
    uint8_t hash[CHAIN_BYTES] = { 0 };
    int64_t seq = 0;

    log->oldest = log->head + 1;
    sqlite3_bind_int64(rows, 1, log->base);
    for (bool first = true; sqlite3_step(rows) == SQLITE_ROW; first = false) {
        const char *line = (const char *)sqlite3_column_text(rows, 2);
        size_t len = (size_t)sqlite3_column_bytes(rows, 2);
        int64_t found = sqlite3_column_int64(rows, 0) - log->base;
        const struct told *told = find(log->epoch, found);

        SIM_REQUIRE(first || found == seq + 1, "E1", "event %" PRId64 " follows %" PRId64 " in the ledger",
                    found, seq);
        if (first && found > 1)
            memcpy(hash, sqlite3_column_blob(rows, 1), CHAIN_BYTES);
        log->oldest = first ? found : log->oldest;
        SIM_REQUIRE(memcmp(hash, sqlite3_column_blob(rows, 1), CHAIN_BYTES) == 0, "E2",
                    "event %" PRId64 " is not chained to the one before", found);
        SIM_REQUIRE(!told || told->excused || told->bytes == hash_of(line, len), "E2",
                    "event %" PRId64 " is another one than was told: %s", found, line);
        chain_next(hash, line, len, hash);
        seq = found;
    }
    sqlite3_finalize(rows);
    SIM_REQUIRE(log->oldest > log->head || (seq == log->head && memcmp(hash, log->hash, CHAIN_BYTES) == 0),
                "E2", "the last event is %" PRId64 ", the head %" PRId64, seq, log->head);
}

static bool is_lost(size_t epoch, int64_t seq)
{
    for (size_t i = 0; i < events.lost_count; i++)
        if (events.lost[i].epoch == epoch && events.lost[i].from <= seq && seq <= events.lost[i].to)
            return true;
    return false;
}

/* E3: what is gone was acknowledged, or lost and counted. */
static void check_pruned(const struct ledger_log *log)
{
    const struct epoch *epoch = &events.epochs[log->epoch];

    SIM_REQUIRE(log->acked <= epoch->acked, "E3",
                "the ledger is acknowledged to %" PRId64 ", the cloud said %" PRId64, log->acked,
                epoch->acked);
    for (int64_t seq = log->acked + 1; seq < log->oldest; seq++)
        SIM_REQUIRE(is_lost(log->epoch, seq), "E3", "event %" PRId64 " is gone and was not acknowledged",
                    seq);
}

static void forget_beyond(const struct ledger_log *log, bool there)
{
    for (size_t i = 0; i < events.count; i++) {
        struct told *told = &events.told[i];

        if (!there || told->epoch != log->epoch || told->seq > log->head)
            told->excused = true;
    }
    for (size_t i = 0; i < events.epoch_count; i++)
        events.epochs[i].last = there && i == log->epoch ? log->head : 0;
    events.current = there ? log->epoch : EPOCHS_MAX;
}

void events_check_ledger(bool forget)
{
    sqlite3 *ledger = disk_audit(DISK_LEDGER);
    struct ledger_log log = { 0 };
    bool there = read_log(ledger, &log);

    if (forget)
        forget_beyond(&log, there);
    if (there) {
        check_rows(ledger, &log);
        check_pruned(&log);
        SIM_REQUIRE(log.epoch != events.current || events.epochs[log.epoch].last <= log.head, "E1",
                    "event %" PRId64 " was told and is not stored: the head is %" PRId64,
                    events.epochs[log.epoch].last, log.head);
    }
    SIM_REQUIRE(there || events.count == 0 || forget, "E1", "the ledger is empty");
    disk_audit_end(ledger);
}

/* --- the cloud --- */

void events_acked(const struct cloud_ack *ack)
{
    struct epoch *epoch = &events.epochs[epoch_of(ack->epoch)];

    epoch->acked = ack->seq > epoch->acked ? ack->seq : epoch->acked;
    epoch->kept = ack->seq > epoch->kept ? ack->seq : epoch->kept;
}

void events_check_acked(sqlite3 *cloud, bool forget)
{
    sqlite3_stmt *logs = prepare(cloud, "SELECT seq FROM logs WHERE epoch = ?");

    for (size_t i = 0; i < events.epoch_count; i++) {
        struct epoch *epoch = &events.epochs[i];

        sqlite3_bind_text(logs, 1, epoch->name, -1, SQLITE_STATIC);
        int64_t seq = sqlite3_step(logs) == SQLITE_ROW ? sqlite3_column_int64(logs, 0) : 0;

        sqlite3_reset(logs);
        epoch->kept = forget ? seq : epoch->kept;
        SIM_REQUIRE(seq >= epoch->kept, "no ack before the commit",
                    "the cloud has events to %" PRId64 " of %s and acknowledged %" PRId64, seq, epoch->name,
                    epoch->kept);
    }
    sqlite3_finalize(logs);
}

static bool has_row(sqlite3_stmt *exact, const struct told *told)
{
    sqlite3_bind_text(exact, 1, events.epochs[told->epoch].name, -1, SQLITE_STATIC);
    sqlite3_bind_int64(exact, 2, told->seq);
    bool found =
        sqlite3_step(exact) == SQLITE_ROW && hash_of((const char *)sqlite3_column_text(exact, 0),
                                                     (size_t)sqlite3_column_bytes(exact, 0)) == told->bytes;

    sqlite3_reset(exact);
    return found;
}

static bool has_repeat(sqlite3_stmt *repeat, const struct told *told)
{
    char was[80];

    snprintf(was, sizeof(was), "%%\"was\":{\"epoch\":\"%s\",\"seq\":%" PRId64 "}%%",
             events.epochs[told->epoch].name, told->seq);
    sqlite3_bind_text(repeat, 1, was, -1, SQLITE_STATIC);
    bool found = sqlite3_step(repeat) == SQLITE_ROW;

    sqlite3_reset(repeat);
    return found;
}

/* Nothing that was told of is missing at the cloud, but for what is counted as lost. */
static void check_told(sqlite3 *cloud)
{
    sqlite3_stmt *exact = prepare(cloud, "SELECT line FROM events WHERE epoch = ? AND seq = ?");
    sqlite3_stmt *repeat = prepare(cloud, "SELECT 1 FROM events WHERE line LIKE ?");

    /* What an overflow took after it was acknowledged is nowhere, if the cloud or the epoch is older now. */
    bool excused = sim_faults()->flood && (sim_faults()->old_image || sim_faults()->old_cloud);

    for (size_t i = 0; i < events.count; i++) {
        const struct told *told = &events.told[i];

        SIM_REQUIRE(told->excused || has_row(exact, told) || has_repeat(repeat, told) ||
                        is_lost(told->epoch, told->seq) || excused,
                    "E3", "event %" PRId64 " of %s never came to the cloud", told->seq,
                    events.epochs[told->epoch].name);
    }
    sqlite3_finalize(exact);
    sqlite3_finalize(repeat);
}

static void check_cursor(sqlite3 *cloud, const struct ledger_log *log)
{
    sqlite3_stmt *cursor =
        prepare(cloud, "SELECT seq, hash, (SELECT count(*) FROM events WHERE epoch = ?1) FROM logs"
                       " WHERE epoch = ?1");

    sqlite3_bind_text(cursor, 1, events.epochs[log->epoch].name, -1, SQLITE_STATIC);
    bool found = sqlite3_step(cursor) == SQLITE_ROW;

    SIM_REQUIRE(found, "E4", "the cloud knows nothing of epoch %s", events.epochs[log->epoch].name);
    SIM_REQUIRE(sqlite3_column_int64(cursor, 0) == log->head &&
                    memcmp(sqlite3_column_blob(cursor, 1), log->hash, CHAIN_BYTES) == 0,
                "E4", "the cloud has events to %lld, the gateway to %" PRId64,
                (long long)sqlite3_column_int64(cursor, 0), log->head);
    SIM_REQUIRE(sqlite3_column_int64(cursor, 2) == log->head || events.lost_count > 0, "E1",
                "the cloud has %lld events of %" PRId64, (long long)sqlite3_column_int64(cursor, 2),
                log->head);
    sqlite3_finalize(cursor);
}

static void check_alarms(sqlite3 *cloud)
{
    sqlite3_stmt *alarms = prepare(cloud, "SELECT text FROM alarms");

    if (sqlite3_step(alarms) == SQLITE_ROW && events.lost_count == 0 && !sim_faults()->old_image &&
        !sim_faults()->old_cloud)
        sim_fail("no alarm without a cause", "the cloud says: %s",
                 (const char *)sqlite3_column_text(alarms, 0));
    sqlite3_finalize(alarms);
}

void events_check_all(sqlite3 *cloud)
{
    sqlite3 *ledger = disk_audit(DISK_LEDGER);
    struct ledger_log log = { 0 };

    SIM_REQUIRE(read_log(ledger, &log), "E1", "there is no ledger");
    check_rows(ledger, &log);
    check_pruned(&log);
    disk_audit_end(ledger);
    check_cursor(cloud, &log);
    check_told(cloud);
    check_alarms(cloud);
}
