/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ledger_fixture.h: a ledger in a directory of its own, and calls that wait for its answers. Inline, because
 * not every test file needs all of them. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "gateway/base/file.h"
#include "gateway/base/text.h"
#include "gateway/store/ledger_file.h"

#define BOOT       "5d0e1c9a-7c1f-4a53-9a55-0c1f7e0a2b11"
#define OTHER_BOOT "00000000-7c1f-4a53-9a55-0c1f7e0a2b11"
#define UTC_US     INT64_C(1795357800000000) /* 2026-11-22T14:30:00Z */
#define BOOT_US    (INT64_C(1000) * USEC_PER_SEC)
#define DAY_US     (INT64_C(86400) * USEC_PER_SEC)
#define ROWS_MAX   600

struct fixture {
    char directory[32];
    char path[48];
    struct ledger_options options;
    struct ledger *ledger;
    struct ledger_opened opened;

    /* What committed() told. */
    size_t transactions;
    size_t entries;
    int64_t last_seq;
    uint64_t last_ticket;
    struct text lines;

    /* The last answer. */
    bool answered;
    struct ledger_batch batch;
    struct ledger_found found;
    struct ledger_acked acked;
    struct text answer;
    int error;
    struct ledger_verified verified;
};

static inline void committed(void *user, const struct ledger_stored stored[], size_t count)
{
    struct fixture *f = user;

    f->transactions++;
    for (size_t i = 0; i < count; i++) {
        f->entries++;
        f->last_ticket = stored[i].ticket;
        if (stored[i].seq == 0) {
            assert_null(stored[i].bytes);
            continue;
        }
        f->last_seq = stored[i].seq;
        text_add_bytes(&f->lines, stored[i].bytes, stored[i].len);
        text_add(&f->lines, "\n");
    }
}

static inline void open_ledger(struct fixture *f)
{
    assert_int_equal(ledger_open(&f->options, &f->ledger, &f->opened), 0);
}

static inline void start_ledger(struct fixture *f)
{
    open_ledger(f);
    assert_int_equal(ledger_start(f->ledger), 0);
}

static inline void close_ledger(struct fixture *f)
{
    size_t lost = 77;

    f->ledger = ledger_close(f->ledger, &lost);
    assert_int_equal(lost, 0);
}

static inline void restart_ledger(struct fixture *f)
{
    close_ledger(f);
    start_ledger(f);
}

static inline int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    strcpy(f->directory, "/tmp/test-ledger-XXXXXX");
    assert_non_null(mkdtemp(f->directory));
    snprintf(f->path, sizeof(f->path), "%s/ledger.db", f->directory);
    f->options =
        (struct ledger_options){ .path = f->path,
                                 .boot_id = BOOT,
                                 .now = { .boot_us = BOOT_US, .utc_us = UTC_US, .clock = CLOCK_STATE_SYNCED },
                                 .rows_max = 1000000,
                                 .retain_rows = 100000,
                                 .hooks = { .user = f, .committed = committed } };
    *state = f;
    return 0;
}

static inline int teardown(void **state)
{
    struct fixture *f = *state;
    char command[64];

    ledger_close(f->ledger, NULL);
    text_finish(&f->lines);
    text_finish(&f->answer);
    snprintf(command, sizeof(command), "rm -r %s", f->directory);
    assert_int_equal(system(command), 0);
    free(f);
    return 0;
}

static inline void dispatch(struct fixture *f)
{
    struct pollfd poll_fd = { .fd = ledger_fd(f->ledger), .events = POLLIN };

    assert_int_equal(poll(&poll_fd, 1, -1), 1);
    ledger_dispatch(f->ledger);
}

static inline void await_stored(struct fixture *f)
{
    while (ledger_pending(f->ledger) > 0)
        dispatch(f);
}

static inline void await_answer(struct fixture *f)
{
    while (!f->answered)
        dispatch(f);
    f->answered = false;
}

static inline uint64_t append(struct fixture *f, const struct event *event, uint64_t cause)
{
    const struct ledger_entry entry = { .event = event, .now = f->options.now, .cause = cause };
    uint64_t ticket = 0;

    assert_int_equal(ledger_append(f->ledger, &entry, &ticket), 0);
    return ticket;
}

static inline void append_many(struct fixture *f, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct event event = { .kind = EVENT_REX, .door = i % 2 ? "odd" : "even" };

        append(f, &event, 0);
        if (i % 1000 == 999)
            await_stored(f);
    }
    await_stored(f);
}

static inline void append_effect(struct fixture *f, const char *key, const char *value)
{
    const struct ledger_effect effect = { .key = key, .value = value };
    const struct ledger_entry entry = { .now = f->options.now, .effects = &effect, .effect_count = 1 };

    assert_int_equal(ledger_append(f->ledger, &entry, NULL), 0);
}

static inline void read_answered(void *user, const struct ledger_batch *batch)
{
    struct fixture *f = user;

    f->answered = true;
    f->batch = *batch;
    text_reset(&f->answer);
    text_add_bytes(&f->answer, batch->lines, batch->len);
}

static inline void read_from(struct fixture *f, int64_t from, size_t count_max, size_t bytes_max)
{
    assert_int_equal(ledger_read(f->ledger, from, count_max, bytes_max, read_answered, f), 0);
    await_answer(f);
    assert_int_equal(f->batch.error, 0);
}

static inline void found(void *user, const struct ledger_found *answer)
{
    struct fixture *f = user;

    f->answered = true;
    f->found = *answer;
    text_reset(&f->answer);
    text_add_bytes(&f->answer, answer->lines, answer->len);
}

static inline size_t find(struct fixture *f, const struct ledger_query *query)
{
    assert_int_equal(ledger_find(f->ledger, query, found, f), 0);
    await_answer(f);
    assert_int_equal(f->found.error, 0);
    return f->found.count;
}

static inline void acked(void *user, const struct ledger_acked *answer)
{
    struct fixture *f = user;

    f->answered = true;
    f->acked = *answer;
}

static inline enum ledger_ack_outcome ack(struct fixture *f, const char *epoch, int64_t seq,
                                          const uint8_t *hash)
{
    assert_int_equal(ledger_ack(f->ledger, epoch, seq, hash, acked, f), 0);
    await_answer(f);
    assert_int_equal(f->acked.seq, seq);
    return f->acked.outcome;
}

static inline enum ledger_ack_outcome ack_truly(struct fixture *f, int64_t seq)
{
    char epoch[EPOCH_SIZE];

    strcpy(epoch, ledger_position(f->ledger)->epoch);
    read_from(f, seq, 1, 1);
    return ack(f, epoch, seq, f->batch.hash);
}

static inline void finished(void *user, int error)
{
    struct fixture *f = user;

    f->answered = true;
    f->error = error;
}

static inline void new_epoch(struct fixture *f)
{
    assert_int_equal(ledger_new_epoch(f->ledger, &f->options.now, finished, f), 0);
    await_answer(f);
    assert_int_equal(f->error, 0);
}

static inline void verified(void *user, const struct ledger_verified *verified)
{
    struct fixture *f = user;

    f->answered = true;
    f->error = verified->error;
    f->verified = *verified;
}

static inline int64_t verify(struct fixture *f)
{
    assert_int_equal(ledger_verify(f->ledger, verified, f), 0);
    await_answer(f);
    assert_int_equal(f->error, 0);
    assert_string_equal(f->verified.epoch, ledger_position(f->ledger)->epoch);
    return f->verified.first_bad;
}

/* Behind the ledger's back, while it is closed. */
static inline void tamper(struct fixture *f, const char *sql)
{
    sqlite3 *handle;

    assert_int_equal(sqlite3_open(f->path, &handle), SQLITE_OK);
    assert_int_equal(sqlite3_exec(handle, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(handle);
}

/* The nth line (from 0) of text. */
static inline const char *line(const struct text *text, size_t n)
{
    const char *at = text_string(text);

    while (n-- > 0) {
        at = strchr(at, '\n');
        assert_non_null(at);
        at++;
    }
    return at;
}

static inline void assert_line(const struct text *text, size_t n, const char *part)
{
    const char *at = line(text, n);
    const char *end = strchr(at, '\n');
    const char *hit = strstr(at, part);

    if (!hit || hit >= end)
        fail_msg("line %zu lacks %s: %.*s", n, part, (int)(end - at), at);
}

static inline void assert_no_line(const struct text *text, size_t n, const char *part)
{
    const char *at = line(text, n);
    const char *hit = strstr(at, part);

    assert_true(!hit || hit > strchr(at, '\n'));
}

/* The chain over all lines of text. */
static inline void chain(const struct text *text, uint8_t hash[static CHAIN_BYTES])
{
    const char *at = text_string(text);

    for (const char *end; (end = strchr(at, '\n')); at = end + 1)
        chain_next(hash, at, (size_t)(end - at), hash);
}
