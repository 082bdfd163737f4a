/* SPDX-License-Identifier: GPL-3.0-or-later */
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
    int64_t first_bad;
};

static void committed(void *user, const struct ledger_stored stored[], size_t count)
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

static void open_ledger(struct fixture *f)
{
    assert_int_equal(ledger_open(&f->options, &f->ledger, &f->opened), 0);
}

static void start_ledger(struct fixture *f)
{
    open_ledger(f);
    assert_int_equal(ledger_start(f->ledger), 0);
}

static void close_ledger(struct fixture *f)
{
    size_t lost = 77;

    f->ledger = ledger_close(f->ledger, &lost);
    assert_int_equal(lost, 0);
}

static void restart_ledger(struct fixture *f)
{
    close_ledger(f);
    start_ledger(f);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    strcpy(f->directory, "/tmp/test-ledger-XXXXXX");
    assert_non_null(mkdtemp(f->directory));
    snprintf(f->path, sizeof(f->path), "%s/ledger.db", f->directory);
    f->options =
        (struct ledger_options){ .path = f->path,
                                 .boot_id = BOOT,
                                 .now = { .boot_us = BOOT_US, .utc_us = UTC_US, .clock = CLOCK_STATE_SYNCED },
                                 .rows_max = LEDGER_ROWS_MAX_DEFAULT,
                                 .retain_rows = LEDGER_RETAIN_ROWS_DEFAULT,
                                 .hooks = { .user = f, .committed = committed } };
    *state = f;
    return 0;
}

static int teardown(void **state)
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

static void dispatch(struct fixture *f)
{
    struct pollfd poll_fd = { .fd = ledger_fd(f->ledger), .events = POLLIN };

    assert_int_equal(poll(&poll_fd, 1, -1), 1);
    ledger_dispatch(f->ledger);
}

static void await_stored(struct fixture *f)
{
    while (ledger_pending(f->ledger) > 0)
        dispatch(f);
}

static void await_answer(struct fixture *f)
{
    while (!f->answered)
        dispatch(f);
    f->answered = false;
}

static uint64_t append(struct fixture *f, const struct event *event, uint64_t cause)
{
    const struct ledger_entry entry = { .event = event, .now = f->options.now, .cause = cause };
    uint64_t ticket = 0;

    assert_int_equal(ledger_append(f->ledger, &entry, &ticket), 0);
    return ticket;
}

static void append_many(struct fixture *f, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct event event = { .kind = EVENT_REX, .door = i % 2 ? "odd" : "even" };

        append(f, &event, 0);
        if (i % 1000 == 999)
            await_stored(f);
    }
    await_stored(f);
}

static void append_effect(struct fixture *f, const char *key, const char *value)
{
    const struct ledger_effect effect = { .key = key, .value = value };
    const struct ledger_entry entry = { .now = f->options.now, .effects = &effect, .effect_count = 1 };

    assert_int_equal(ledger_append(f->ledger, &entry, NULL), 0);
}

static void read_answered(void *user, const struct ledger_batch *batch)
{
    struct fixture *f = user;

    f->answered = true;
    f->batch = *batch;
    text_reset(&f->answer);
    text_add_bytes(&f->answer, batch->lines, batch->len);
}

static void read_from(struct fixture *f, int64_t from, size_t count_max, size_t bytes_max)
{
    assert_int_equal(ledger_read(f->ledger, from, count_max, bytes_max, read_answered, f), 0);
    await_answer(f);
    assert_int_equal(f->batch.error, 0);
}

static void found(void *user, const struct ledger_found *answer)
{
    struct fixture *f = user;

    f->answered = true;
    f->found = *answer;
    text_reset(&f->answer);
    text_add_bytes(&f->answer, answer->lines, answer->len);
}

static size_t find(struct fixture *f, const struct ledger_query *query)
{
    assert_int_equal(ledger_find(f->ledger, query, found, f), 0);
    await_answer(f);
    assert_int_equal(f->found.error, 0);
    return f->found.count;
}

static void acked(void *user, const struct ledger_acked *answer)
{
    struct fixture *f = user;

    f->answered = true;
    f->acked = *answer;
}

static enum ledger_ack_outcome ack(struct fixture *f, const char *epoch, int64_t seq, const uint8_t *hash)
{
    assert_int_equal(ledger_ack(f->ledger, epoch, seq, hash, acked, f), 0);
    await_answer(f);
    assert_int_equal(f->acked.seq, seq);
    return f->acked.outcome;
}

static enum ledger_ack_outcome ack_truly(struct fixture *f, int64_t seq)
{
    char epoch[EPOCH_SIZE];

    strcpy(epoch, ledger_position(f->ledger)->epoch);
    read_from(f, seq, 1, 1);
    return ack(f, epoch, seq, f->batch.hash);
}

static void finished(void *user, int error)
{
    struct fixture *f = user;

    f->answered = true;
    f->error = error;
}

static void new_epoch(struct fixture *f)
{
    assert_int_equal(ledger_new_epoch(f->ledger, &f->options.now, finished, f), 0);
    await_answer(f);
    assert_int_equal(f->error, 0);
}

static void verified(void *user, int error, int64_t first_bad)
{
    struct fixture *f = user;

    f->answered = true;
    f->error = error;
    f->first_bad = first_bad;
}

static int64_t verify(struct fixture *f)
{
    assert_int_equal(ledger_verify(f->ledger, verified, f), 0);
    await_answer(f);
    assert_int_equal(f->error, 0);
    return f->first_bad;
}

/* Behind the ledger's back, while it is closed. */
static void tamper(struct fixture *f, const char *sql)
{
    sqlite3 *handle;

    assert_int_equal(sqlite3_open(f->path, &handle), SQLITE_OK);
    assert_int_equal(sqlite3_exec(handle, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(handle);
}

/* The nth line (from 0) of text. */
static const char *line(const struct text *text, size_t n)
{
    const char *at = text_string(text);

    while (n-- > 0) {
        at = strchr(at, '\n');
        assert_non_null(at);
        at++;
    }
    return at;
}

static void assert_line(const struct text *text, size_t n, const char *part)
{
    const char *at = line(text, n);
    const char *end = strchr(at, '\n');
    const char *hit = strstr(at, part);

    if (!hit || hit >= end)
        fail_msg("line %zu lacks %s: %.*s", n, part, (int)(end - at), at);
}

static void assert_no_line(const struct text *text, size_t n, const char *part)
{
    const char *at = line(text, n);
    const char *hit = strstr(at, part);

    assert_true(!hit || hit > strchr(at, '\n'));
}

/* The chain over all lines of text. */
static void chain(const struct text *text, uint8_t hash[static CHAIN_BYTES])
{
    const char *at = text_string(text);

    for (const char *end; (end = strchr(at, '\n')); at = end + 1)
        chain_next(hash, at, (size_t)(end - at), hash);
}

static void chain__lines_of_the_contract__give_its_hash(void **state)
{
    struct text lines = TEXT_INIT;
    uint8_t hash[CHAIN_BYTES] = { 0 };
    char hex[HEX_SIZE(CHAIN_BYTES)];

    text_add(&lines, "{\"seq\":1}\n{\"seq\":2}\n");
    chain(&lines, hash);
    hex_encode(hash, CHAIN_BYTES, hex);
    assert_string_equal(hex, "4325ab85e3fd22edfee94c22c8cfc0effbb812a4501d506ba1cc6857926be956");
    text_finish(&lines);
}

static void open__no_file__creates_an_empty_log(void **state)
{
    struct fixture *f = *state;
    const struct ledger_position *position;
    const uint8_t zeros[CHAIN_BYTES] = { 0 };

    open_ledger(f);
    position = ledger_position(f->ledger);
    assert_true(f->opened.created);
    assert_false(f->opened.damaged);
    assert_int_equal(strlen(position->epoch), 16);
    assert_int_equal(strspn(position->epoch, "0123456789abcdef"), 16);
    assert_int_equal(position->oldest, 1);
    assert_int_equal(position->head, 0);
    assert_memory_equal(position->head_hash, zeros, CHAIN_BYTES);
}

static void open__again__position_is_kept(void **state)
{
    struct fixture *f = *state;
    struct ledger_position before;

    start_ledger(f);
    append_many(f, 3);
    assert_int_equal(ack_truly(f, 2), LEDGER_ACK_TAKEN);
    before = *ledger_position(f->ledger);
    restart_ledger(f);
    assert_false(f->opened.created);
    assert_memory_equal(ledger_position(f->ledger), &before, sizeof(before));
    assert_int_equal(before.head, 3);
    assert_int_equal(before.acked, 2);
}

static void append__events__are_numbered_and_chained(void **state)
{
    struct fixture *f = *state;
    uint8_t hash[CHAIN_BYTES] = { 0 };
    char prefix[128];

    start_ledger(f);
    append_many(f, 3);
    assert_int_equal(f->last_seq, 3);
    assert_int_equal(f->last_ticket, 3);
    for (int i = 1; i <= 3; i++) {
        snprintf(prefix, sizeof(prefix), "{\"seq\":%d,\"epoch\":\"%s\",\"boot\":\"" BOOT "\",", i,
                 ledger_position(f->ledger)->epoch);
        assert_memory_equal(line(&f->lines, (size_t)i - 1), prefix, strlen(prefix));
    }
    chain(&f->lines, hash);
    assert_memory_equal(hash, ledger_position(f->ledger)->head_hash, CHAIN_BYTES);
}

static void append__in_one_turn__is_one_transaction(void **state)
{
    struct fixture *f = *state;

    start_ledger(f);
    for (size_t i = 0; i < LEDGER_BATCH_MAX; i++)
        append_effect(f, "k", "v");
    await_stored(f);
    assert_int_equal(f->transactions, 1);
    assert_int_equal(f->entries, LEDGER_BATCH_MAX);
}

static void append__gathering__waits_for_company(void **state)
{
    struct fixture *f = *state;

    f->options.gather_us = 3600 * USEC_PER_SEC;
    start_ledger(f);
    append_effect(f, "k", "v");
    read_from(f, 1, 1, 1);
    read_from(f, 1, 1, 1);
    append_effect(f, "k", "v");
    assert_int_equal(f->entries, 0);
    close_ledger(f);
    assert_int_equal(f->transactions, 1);
    assert_int_equal(f->entries, 2);
}

static void append__cause__is_the_seq_of_its_ticket(void **state)
{
    struct fixture *f = *state;
    const struct event event = { .kind = EVENT_RELEASED, .door = "front" };
    uint64_t first;

    start_ledger(f);
    append_effect(f, "k", "v");
    first = append(f, &event, 0);
    append(f, &event, first);
    await_stored(f);
    append(f, &event, first);
    append(f, &event, first - 1);
    append(f, &event, 999);
    await_stored(f);
    assert_no_line(&f->lines, 0, "cause");
    assert_line(&f->lines, 1, "\"kind\":\"released\",\"cause\":1,\"door\":\"front\"}");
    assert_line(&f->lines, 2, "\"cause\":1");
    assert_no_line(&f->lines, 3, "cause");
    assert_no_line(&f->lines, 4, "cause");
}

static void append__cause_too_long_ago__is_left_out(void **state)
{
    struct fixture *f = *state;
    const struct event event = { .kind = EVENT_RELEASED };
    uint64_t first;

    start_ledger(f);
    first = append(f, &event, 0);
    append_many(f, LEDGER_CAUSES_MAX);
    append(f, &event, first);
    append(f, &event, first + 1);
    await_stored(f);
    assert_no_line(&f->lines, LEDGER_CAUSES_MAX + 1, "cause");
    assert_no_line(&f->lines, LEDGER_CAUSES_MAX + 2, "cause");
    append(f, &event, first + 5);
    await_stored(f);
    assert_line(&f->lines, LEDGER_CAUSES_MAX + 3, "\"cause\":6");
}

static void append__bad_effects__are_refused(void **state)
{
    struct fixture *f = *state;
    struct ledger_effect effects[LEDGER_EFFECTS_MAX + 1];
    struct ledger_entry entry = { .effects = effects, .effect_count = 1 };
    char *big = calloc(1, LEDGER_VALUE_BYTES_MAX + 2);

    start_ledger(f);
    memset(big, 'x', LEDGER_VALUE_BYTES_MAX + 1);
    effects[0] = (struct ledger_effect){ .key = "k", .value = big };
    assert_int_equal(ledger_append(f->ledger, &entry, NULL), -EMSGSIZE);
    effects[0] = (struct ledger_effect){ .key = big, .value = "v" };
    assert_int_equal(ledger_append(f->ledger, &entry, NULL), -EMSGSIZE);
    effects[0] = (struct ledger_effect){ .key = "" };
    assert_int_equal(ledger_append(f->ledger, &entry, NULL), -EINVAL);
    effects[0] = (struct ledger_effect){ .value = "v" };
    assert_int_equal(ledger_append(f->ledger, &entry, NULL), -EINVAL);
    for (size_t i = 0; i <= LEDGER_EFFECTS_MAX; i++)
        effects[i] = (struct ledger_effect){ .key = "k" };
    entry.effect_count = LEDGER_EFFECTS_MAX + 1;
    assert_int_equal(ledger_append(f->ledger, &entry, NULL), -EINVAL);
    assert_int_equal(ledger_pending(f->ledger), 0);
    free(big);
}

static void append__too_many_wait__refuses_and_counts_the_lost(void **state)
{
    struct fixture *f = *state;
    const struct event event = { .kind = EVENT_REX };
    struct ledger_entry entry = { .event = &event, .now = f->options.now };

    start_ledger(f);
    for (size_t i = 0; i < LEDGER_PENDING_MAX - LEDGER_RESERVE; i++)
        assert_int_equal(ledger_append(f->ledger, &entry, NULL), 0);
    assert_int_equal(ledger_append(f->ledger, &entry, NULL), -ENOBUFS);
    entry.essential = true;
    for (size_t i = 0; i < LEDGER_RESERVE; i++)
        assert_int_equal(ledger_append(f->ledger, &entry, NULL), 0);
    assert_int_equal(ledger_append(f->ledger, &entry, NULL), -ENOBUFS);
    assert_int_equal(ledger_refused(f->ledger), 2);
    await_stored(f);
    assert_int_equal(f->last_seq, LEDGER_PENDING_MAX + 1);
    assert_line(&f->lines, LEDGER_PENDING_MAX, "\"kind\":\"lost\",\"count\":2}");
    assert_int_equal(f->last_ticket, 0);
}

static int remember(void *user, const char *key, const char *value)
{
    text_addf(user, "%s=%s ", key, value);
    return 0;
}

static void restore__after_restart__gives_what_was_stored_last(void **state)
{
    struct fixture *f = *state;

    start_ledger(f);
    append_effect(f, "use/b", "1");
    append_effect(f, "use/a", "1");
    append_effect(f, "use/c", "1");
    append_effect(f, "door", "x");
    append_effect(f, "uses", "x");
    append_effect(f, "use/b", "2");
    append_effect(f, "use/c", NULL);
    close_ledger(f);
    open_ledger(f);
    assert_int_equal(ledger_restore(f->ledger, "use/", remember, &f->answer), 0);
    assert_string_equal(text_string(&f->answer), "use/a=1 use/b=2 ");
    text_reset(&f->answer);
    assert_int_equal(ledger_restore(f->ledger, "", remember, &f->answer), 0);
    assert_string_equal(text_string(&f->answer), "door=x use/a=1 use/b=2 uses=x ");
}

static int refuse(void *user, const char *key, const char *value)
{
    return -ECANCELED;
}

static void restore__receiver_fails__stops(void **state)
{
    struct fixture *f = *state;

    start_ledger(f);
    append_effect(f, "a", "1");
    close_ledger(f);
    open_ledger(f);
    assert_int_equal(ledger_restore(f->ledger, "", refuse, NULL), -ECANCELED);
}

static void close__entries_wait__commits_them(void **state)
{
    struct fixture *f = *state;
    const struct event event = { .kind = EVENT_BOOT };

    f->options.gather_us = 3600 * USEC_PER_SEC;
    start_ledger(f);
    for (size_t i = 0; i < 2 * LEDGER_BATCH_MAX; i++)
        append(f, &event, 0);
    close_ledger(f);
    assert_int_equal(f->entries, 2 * LEDGER_BATCH_MAX);
    start_ledger(f);
    assert_int_equal(ledger_position(f->ledger)->head, 2 * LEDGER_BATCH_MAX);
}

static void read__nothing_there__says_where_the_log_stands(void **state)
{
    struct fixture *f = *state;

    start_ledger(f);
    append_many(f, 2);
    read_from(f, 3, 10, 1000);
    assert_int_equal(f->batch.count, 0);
    assert_int_equal(f->batch.first, 0);
    assert_string_equal(f->batch.epoch, ledger_position(f->ledger)->epoch);
}

static void read__batches__join_by_their_hashes(void **state)
{
    struct fixture *f = *state;
    uint8_t hash[CHAIN_BYTES] = { 0 };

    start_ledger(f);
    append_many(f, 10);
    for (int64_t seq = 1; seq <= 10; seq += 3) {
        read_from(f, seq, 3, SIZE_MAX);
        assert_int_equal(f->batch.first, seq);
        assert_int_equal(f->batch.count, seq == 10 ? 1 : 3);
        assert_memory_equal(f->batch.prev, hash, CHAIN_BYTES);
        chain(&f->answer, hash);
        assert_memory_equal(f->batch.hash, hash, CHAIN_BYTES);
    }
    assert_memory_equal(hash, ledger_position(f->ledger)->head_hash, CHAIN_BYTES);
}

static void read__bytes_bound__holds_but_for_one_event(void **state)
{
    struct fixture *f = *state;
    size_t two;

    start_ledger(f);
    append_many(f, 4);
    read_from(f, 1, 2, SIZE_MAX);
    two = f->batch.len;
    read_from(f, 1, 10, two);
    assert_int_equal(f->batch.count, 2);
    read_from(f, 1, 10, two - 1);
    assert_int_equal(f->batch.count, 1);
    read_from(f, 1, 10, 1);
    assert_int_equal(f->batch.count, 1);
}

static void ack__right__moves_on_and_never_back(void **state)
{
    struct fixture *f = *state;

    start_ledger(f);
    append_many(f, 5);
    assert_int_equal(ack_truly(f, 4), LEDGER_ACK_TAKEN);
    assert_int_equal(ledger_position(f->ledger)->acked, 4);
    assert_int_equal(ack_truly(f, 2), LEDGER_ACK_TAKEN);
    assert_int_equal(ledger_position(f->ledger)->acked, 4);
}

static void ack__nothing_yet__is_seq_0_with_zeros(void **state)
{
    struct fixture *f = *state;
    uint8_t hash[CHAIN_BYTES] = { 0 };
    char epoch[EPOCH_SIZE];

    start_ledger(f);
    append_many(f, 1);
    strcpy(epoch, ledger_position(f->ledger)->epoch);
    assert_int_equal(ack(f, epoch, 0, hash), LEDGER_ACK_TAKEN);
    hash[0] = 1;
    assert_int_equal(ack(f, epoch, 0, hash), LEDGER_ACK_WRONG_HASH);
}

static void ack__wrong__changes_nothing(void **state)
{
    struct fixture *f = *state;
    uint8_t hash[CHAIN_BYTES];
    char epoch[EPOCH_SIZE];

    start_ledger(f);
    append_many(f, 5);
    strcpy(epoch, ledger_position(f->ledger)->epoch);
    memcpy(hash, ledger_position(f->ledger)->head_hash, CHAIN_BYTES);
    assert_int_equal(ack(f, "0123456789abcdef", 5, hash), LEDGER_ACK_OTHER_EPOCH);
    assert_int_equal(ack(f, epoch, 6, hash), LEDGER_ACK_BEYOND_HEAD);
    assert_int_equal(ack(f, epoch, 4, hash), LEDGER_ACK_WRONG_HASH);
    hash[31] ^= 1;
    assert_int_equal(ack(f, epoch, 5, hash), LEDGER_ACK_WRONG_HASH);
    assert_int_equal(ledger_position(f->ledger)->acked, 0);
}

static void ack__taken__keeps_what_people_may_look_up(void **state)
{
    struct fixture *f = *state;

    f->options.retain_rows = 3;
    start_ledger(f);
    append_many(f, 10);
    assert_int_equal(ack_truly(f, 8), LEDGER_ACK_TAKEN);
    assert_int_equal(ledger_position(f->ledger)->oldest, 6);
    read_from(f, 1, 10, SIZE_MAX);
    assert_int_equal(f->batch.first, 6);
    assert_int_equal(f->batch.count, 5);
    assert_int_equal(verify(f), 0);
    restart_ledger(f);
    assert_int_equal(ledger_position(f->ledger)->oldest, 6);
}

static void ack__nothing_retained__numbers_go_on(void **state)
{
    struct fixture *f = *state;
    uint8_t hash[CHAIN_BYTES];

    f->options.retain_rows = 0;
    start_ledger(f);
    append_many(f, 4);
    assert_int_equal(ack_truly(f, 4), LEDGER_ACK_TAKEN);
    assert_int_equal(ledger_position(f->ledger)->oldest, 5);
    memcpy(hash, ledger_position(f->ledger)->head_hash, CHAIN_BYTES);
    restart_ledger(f);
    assert_false(f->opened.damaged);
    append_many(f, 1);
    assert_int_equal(f->last_seq, 5);
    read_from(f, 1, 10, SIZE_MAX);
    assert_int_equal(f->batch.first, 5);
    assert_memory_equal(f->batch.prev, hash, CHAIN_BYTES);
    assert_int_equal(verify(f), 0);
}

static void ack__behind_the_oldest__says_where_the_cloud_stands(void **state)
{
    struct fixture *f = *state;
    const uint8_t any[CHAIN_BYTES] = { 1 };
    char epoch[EPOCH_SIZE];

    f->options.rows_max = ROWS_MAX;
    start_ledger(f);
    append_many(f, 1000);
    strcpy(epoch, ledger_position(f->ledger)->epoch);
    assert_int_equal(ack(f, epoch, 100, any), LEDGER_ACK_TAKEN);
    assert_int_equal(ledger_position(f->ledger)->acked, 100);
}

static void retention__age__lets_old_events_go(void **state)
{
    struct fixture *f = *state;

    f->options.retain_age_us = DAY_US;
    start_ledger(f);
    append_many(f, 3);
    f->options.now.clock = CLOCK_STATE_NONE;
    append_many(f, 1);
    assert_int_equal(ack_truly(f, 4), LEDGER_ACK_TAKEN);
    assert_int_equal(ledger_position(f->ledger)->oldest, 1);
    f->options.now.clock = CLOCK_STATE_SYNCED;
    f->options.now.boot_us += DAY_US + USEC_PER_SEC;
    f->options.now.utc_us += DAY_US + USEC_PER_SEC;
    append_many(f, 1);
    assert_int_equal(ledger_position(f->ledger)->oldest, 5);
}

static void retention__age__keeps_what_the_cloud_lacks(void **state)
{
    struct fixture *f = *state;

    f->options.retain_age_us = DAY_US;
    start_ledger(f);
    append_many(f, 3);
    assert_int_equal(ack_truly(f, 1), LEDGER_ACK_TAKEN);
    f->options.now.boot_us += 2 * DAY_US;
    f->options.now.utc_us += 2 * DAY_US;
    append_many(f, 1);
    assert_int_equal(ledger_position(f->ledger)->oldest, 2);
}

static void overflow__unacked__one_event_counts_the_lost(void **state)
{
    struct fixture *f = *state;
    const struct ledger_query query = { .kinds = { "lost" }, .limit = 1, .oldest_first = true };
    int64_t oldest;
    char part[80];

    f->options.rows_max = ROWS_MAX;
    start_ledger(f);
    append_many(f, ROWS_MAX - 1);
    assert_int_equal(ledger_position(f->ledger)->oldest, 1);
    append_many(f, 2);
    oldest = ledger_position(f->ledger)->oldest;
    assert_true(oldest > 1);
    assert_int_equal(find(f, &query), 1);
    snprintf(part, sizeof(part), "\"kind\":\"lost\",\"from\":1,\"to\":%" PRId64 ",\"count\":%" PRId64 "}",
             oldest - 1, oldest - 1);
    assert_line(&f->answer, 0, part);
    assert_int_equal(ledger_position(f->ledger)->head, ROWS_MAX + 2);
    append_many(f, 2000);
    assert_true(ledger_position(f->ledger)->head - ledger_position(f->ledger)->oldest < ROWS_MAX);
    assert_int_equal(verify(f), 0);
}

static void overflow__acked__nothing_is_lost(void **state)
{
    struct fixture *f = *state;
    const struct ledger_query query = { .kinds = { "lost" } };

    f->options.rows_max = ROWS_MAX;
    start_ledger(f);
    append_many(f, ROWS_MAX - 1);
    assert_int_equal(ack_truly(f, 300), LEDGER_ACK_TAKEN);
    append_many(f, 50);
    assert_true(ledger_position(f->ledger)->oldest > 1);
    assert_int_equal(find(f, &query), 0);
}

static void new_epoch__unacked__are_repeated_with_was(void **state)
{
    struct fixture *f = *state;
    const struct event event = { .kind = EVENT_RELEASED, .door = "front" };
    struct ledger_position old;
    char part[160], hash[HEX_SIZE(CHAIN_BYTES)];
    uint64_t ticket;
    size_t told;

    start_ledger(f);
    append_many(f, 3);
    ticket = append(f, &event, 0);
    await_stored(f);
    assert_int_equal(ack_truly(f, 2), LEDGER_ACK_TAKEN);
    old = *ledger_position(f->ledger);
    told = f->entries;
    new_epoch(f);
    assert_int_equal(f->entries, told + 1);
    assert_int_equal(f->last_ticket, 0);
    assert_string_not_equal(ledger_position(f->ledger)->epoch, old.epoch);
    assert_int_equal(ledger_position(f->ledger)->head, 3);
    assert_int_equal(ledger_position(f->ledger)->oldest, 1);
    assert_int_equal(ledger_position(f->ledger)->acked, 0);
    append(f, &event, ticket);
    append(f, &event, ticket - 2);
    await_stored(f);

    read_from(f, 1, 10, SIZE_MAX);
    assert_int_equal(f->batch.count, 5);
    hex_encode(old.head_hash, CHAIN_BYTES, hash);
    snprintf(part, sizeof(part), "\"previous\":{\"epoch\":\"%s\",\"head\":4,\"hash\":\"%s\"}}", old.epoch,
             hash);
    assert_line(&f->answer, 0, part);
    snprintf(part, sizeof(part), "\"door\":\"even\",\"was\":{\"epoch\":\"%s\",\"seq\":3}}", old.epoch);
    assert_line(&f->answer, 1, part);
    snprintf(part, sizeof(part), "{\"seq\":3,\"epoch\":\"%s\",\"boot\":", f->batch.epoch);
    assert_line(&f->answer, 2, part);
    assert_line(&f->answer, 3, "\"cause\":3");
    assert_no_line(&f->answer, 4, "cause");
    assert_int_equal(verify(f), 0);
}

static void new_epoch__twice__keeps_the_first_was(void **state)
{
    struct fixture *f = *state;
    struct ledger_position old;
    char part[160];

    start_ledger(f);
    append_many(f, 1);
    old = *ledger_position(f->ledger);
    new_epoch(f);
    new_epoch(f);
    read_from(f, 1, 10, SIZE_MAX);
    assert_int_equal(f->batch.count, 3);
    assert_line(&f->answer, 1, "\"kind\":\"epoch\"");
    assert_line(&f->answer, 1, "\"was\":{");
    snprintf(part, sizeof(part), "\"was\":{\"epoch\":\"%s\",\"seq\":1}}", old.epoch);
    assert_line(&f->answer, 2, part);
    assert_no_line(&f->answer, 2, "}}}");
    restart_ledger(f);
    assert_false(f->opened.damaged);
    assert_int_equal(verify(f), 0);
}

static void new_epoch__many_tickets__no_cause_is_forgotten(void **state)
{
    struct fixture *f = *state;
    const struct event event = { .kind = EVENT_RELEASED };

    start_ledger(f);
    append_many(f, LEDGER_CAUSES_MAX);
    new_epoch(f);
    text_reset(&f->lines);
    append(f, &event, LEDGER_CAUSES_MAX);
    await_stored(f);
    assert_int_equal(f->last_seq, LEDGER_CAUSES_MAX + 2);
    assert_line(&f->lines, 0, "\"cause\":4097");
}

static void new_epoch__log_empty__begins_with_its_event(void **state)
{
    struct fixture *f = *state;

    start_ledger(f);
    new_epoch(f);
    assert_int_equal(f->last_seq, 1);
    append_many(f, 1);
    assert_int_equal(f->last_seq, 2);
    assert_int_equal(verify(f), 0);
}

static void find__by_member__gives_those_in_order(void **state)
{
    struct fixture *f = *state;
    const struct event granted = { .kind = EVENT_GRANTED, .user = "u1", .second_user = "u2" };
    struct ledger_query query = { .door = "odd" };

    start_ledger(f);
    append_many(f, 6);
    append(f, &granted, 0);
    await_stored(f);
    assert_int_equal(find(f, &query), 3);
    assert_line(&f->answer, 0, "{\"seq\":2,");
    assert_line(&f->answer, 2, "{\"seq\":6,");
    assert_false(f->found.more);
    query = (struct ledger_query){ .user = "u2" };
    assert_int_equal(find(f, &query), 1);
    query = (struct ledger_query){ .kinds = { "denied", "granted" } };
    assert_int_equal(find(f, &query), 1);
    query = (struct ledger_query){ .since_seq = 3 };
    assert_int_equal(find(f, &query), 5);
    query = (struct ledger_query){ .since_seq = 8 };
    assert_int_equal(find(f, &query), 0);
    query = (struct ledger_query){ .door = "odd", .user = "u2" };
    assert_int_equal(find(f, &query), 0);
}

static void find__limit__keeps_the_end_that_is_asked_for(void **state)
{
    struct fixture *f = *state;
    struct ledger_query query = { .limit = 2 };

    start_ledger(f);
    append_many(f, 5);
    assert_int_equal(find(f, &query), 2);
    assert_true(f->found.more);
    assert_line(&f->answer, 0, "{\"seq\":4,");
    assert_line(&f->answer, 1, "{\"seq\":5,");
    query.oldest_first = true;
    assert_int_equal(find(f, &query), 2);
    assert_true(f->found.more);
    assert_line(&f->answer, 0, "{\"seq\":1,");
    query.limit = 5;
    assert_int_equal(find(f, &query), 5);
    assert_false(f->found.more);
}

static void find__over_many_slices__misses_nothing(void **state)
{
    struct fixture *f = *state;
    struct ledger_query query = { .door = "odd" };

    start_ledger(f);
    append_many(f, 9001);
    assert_int_equal(find(f, &query), 4500);
    assert_line(&f->answer, 0, "{\"seq\":2,");
    assert_line(&f->answer, 4499, "{\"seq\":9000,");
    query.oldest_first = true;
    query.limit = 4000;
    assert_int_equal(find(f, &query), 4000);
    assert_line(&f->answer, 3999, "{\"seq\":8000,");
    assert_true(f->found.more);
}

static void find__one_row_behind_a_slice__is_not_missed(void **state)
{
    struct fixture *f = *state;
    struct ledger_query query = { 0 };

    start_ledger(f);
    append_many(f, LEDGER_SLICE_ROWS + 1);
    assert_int_equal(find(f, &query), LEDGER_SLICE_ROWS + 1);
    query.oldest_first = true;
    assert_int_equal(find(f, &query), LEDGER_SLICE_ROWS + 1);
}

static void find__since_a_date__counts_by_boot_time_without_one(void **state)
{
    struct fixture *f = *state;
    struct ledger_query query = { .since_utc_us = UTC_US, .now = f->options.now };
    struct timestamp start = f->options.now;

    query.now.boot_us += 60 * USEC_PER_SEC;
    query.now.utc_us += 60 * USEC_PER_SEC;
    f->options.boot_id = OTHER_BOOT;
    f->options.now.clock = CLOCK_STATE_NONE;
    start_ledger(f);
    append_many(f, 1); /* 1: of another boot, without a date */
    f->options.boot_id = BOOT;
    restart_ledger(f);
    append_many(f, 1); /* 2: just in time by boot time */
    f->options.now.boot_us--;
    append_many(f, 1); /* 3: too early by boot time */
    f->options.now = start;
    append_many(f, 1); /* 4: just in time by date */
    f->options.now.utc_us -= USEC_PER_MSEC;
    append_many(f, 1); /* 5: too early by date */
    assert_int_equal(find(f, &query), 2);
    assert_line(&f->answer, 0, "{\"seq\":2,");
    assert_line(&f->answer, 1, "{\"seq\":4,");
}

static void find__after_a_new_epoch__earlier_events_come_before(void **state)
{
    struct fixture *f = *state;
    const struct ledger_query query = { 0 };

    start_ledger(f);
    append_many(f, 2);
    assert_int_equal(ack_truly(f, 2), LEDGER_ACK_TAKEN);
    new_epoch(f);
    assert_int_equal(find(f, &query), 3);
    assert_line(&f->answer, 1, "{\"seq\":2,");
    assert_line(&f->answer, 2, "\"kind\":\"epoch\"");
}

static void find__damaged_line__does_not_hide_the_others(void **state)
{
    struct fixture *f = *state;
    const struct ledger_query query = { .door = "even" };

    start_ledger(f);
    append_many(f, 5);
    close_ledger(f);
    tamper(f, "UPDATE events SET line = 'x' WHERE id = 1");
    start_ledger(f);
    assert_int_equal(find(f, &query), 2);
}

static void find__closing__is_cancelled(void **state)
{
    struct fixture *f = *state;
    const struct ledger_query query = { .user = "nobody" };

    start_ledger(f);
    append_many(f, 9000);
    assert_int_equal(ledger_find(f->ledger, &query, found, f), 0);
    close_ledger(f);
    assert_true(f->answered);
    assert_int_equal(f->found.error, -ECANCELED);
}

static void requests__too_many__are_refused(void **state)
{
    struct fixture *f = *state;
    int r = 0;
    size_t taken = 0;

    start_ledger(f);
    while (r == 0 && taken < 10000) {
        r = ledger_read(f->ledger, 1, 1, 1, read_answered, f);
        taken++;
    }
    assert_int_equal(r, -ENOBUFS);
    await_answer(f);
    assert_int_equal(ledger_read(f->ledger, 1, 1, 1, read_answered, f), 0);
}

static void verify__changed_line__is_found(void **state)
{
    struct fixture *f = *state;

    start_ledger(f);
    append_many(f, 5000);
    assert_int_equal(verify(f), 0);
    close_ledger(f);
    tamper(f, "UPDATE events SET line = replace(line, 'even', 'evil') WHERE id = 4501");
    start_ledger(f);
    assert_false(f->opened.damaged);
    assert_int_equal(verify(f), 4501);
}

static void verify__missing_or_misplaced_event__is_found(void **state)
{
    struct fixture *f = *state;

    start_ledger(f);
    append_many(f, 10);
    close_ledger(f);
    tamper(f, "UPDATE events SET id = 99 WHERE id = 8; UPDATE events SET id = 8 WHERE id = 7;"
              "UPDATE events SET id = 7 WHERE id = 99");
    start_ledger(f);
    assert_int_equal(verify(f), 7);
    close_ledger(f);
    tamper(f, "DELETE FROM events WHERE id = 4");
    start_ledger(f);
    assert_int_equal(verify(f), 4);
}

static void verify__first_event_changed__is_found(void **state)
{
    struct fixture *f = *state;

    start_ledger(f);
    append_many(f, 3);
    close_ledger(f);
    tamper(f, "UPDATE events SET line = replace(line, 'even', 'evil') WHERE id = 1");
    start_ledger(f);
    assert_int_equal(verify(f), 1);
}

static void assert_moved_aside(struct fixture *f, const char *old_epoch)
{
    char aside[400];

    open_ledger(f);
    assert_true(f->opened.damaged);
    assert_false(f->opened.created);
    assert_string_not_equal(f->opened.text, "");
    assert_int_equal(strncmp(f->opened.aside, "ledger.db.damaged-", 18), 0);
    snprintf(aside, sizeof(aside), "%s/%s", f->directory, f->opened.aside);
    assert_int_equal(access(aside, F_OK), 0);
    assert_int_equal(ledger_position(f->ledger)->head, 0);
    assert_string_not_equal(ledger_position(f->ledger)->epoch, old_epoch);
}

static void open__damaged__lies_aside_and_a_new_epoch_begins(void **state)
{
    static const char *const damages[] = {
        "UPDATE events SET line = replace(line, 'even', 'evil') WHERE id = 3",
        "DELETE FROM events WHERE id = 3",
        "UPDATE log SET head = 2",
        "UPDATE log SET acked = 4",
        "UPDATE log SET epoch = 'x'",
        "UPDATE log SET head_hash = x'00'",
        "DELETE FROM log",
        "DROP TABLE state",
        "PRAGMA application_id = 1",
    };
    struct fixture *f = *state;
    char epoch[EPOCH_SIZE];

    for (size_t i = 0; i < sizeof(damages) / sizeof(damages[0]); i++) {
        start_ledger(f);
        strcpy(epoch, ledger_position(f->ledger)->epoch);
        append_many(f, 3);
        close_ledger(f);
        tamper(f, damages[i]);
        assert_moved_aside(f, epoch);
        f->ledger = ledger_close(f->ledger, NULL);
        assert_int_equal(unlink(f->path), 0);
    }
}

static void open__garbage__lies_aside(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(file_write(f->path, "This is no database, and it is long enough to tell.", 51, 0600), 0);
    assert_moved_aside(f, "");
}

static void open__newer_version__is_left_alone(void **state)
{
    struct fixture *f = *state;

    start_ledger(f);
    close_ledger(f);
    tamper(f, "PRAGMA user_version = 99");
    assert_int_equal(ledger_open(&f->options, &f->ledger, &f->opened), -EPROTONOSUPPORT);
    assert_false(f->opened.damaged);
    assert_string_not_equal(f->opened.text, "");
    assert_int_equal(access(f->path, F_OK), 0);
}

static void open__killed_while_creating__is_created_again(void **state)
{
    struct fixture *f = *state;

    start_ledger(f);
    close_ledger(f);
    tamper(f, "DELETE FROM log");
    start_ledger(f);
    assert_true(f->opened.created);
    append_many(f, 1);
    assert_int_equal(f->last_seq, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chain__lines_of_the_contract__give_its_hash),
        TEST(open__no_file__creates_an_empty_log),
        TEST(open__again__position_is_kept),
        TEST(append__events__are_numbered_and_chained),
        TEST(append__in_one_turn__is_one_transaction),
        TEST(append__gathering__waits_for_company),
        TEST(append__cause__is_the_seq_of_its_ticket),
        TEST(append__cause_too_long_ago__is_left_out),
        TEST(append__bad_effects__are_refused),
        TEST(append__too_many_wait__refuses_and_counts_the_lost),
        TEST(restore__after_restart__gives_what_was_stored_last),
        TEST(restore__receiver_fails__stops),
        TEST(close__entries_wait__commits_them),
        TEST(read__nothing_there__says_where_the_log_stands),
        TEST(read__batches__join_by_their_hashes),
        TEST(read__bytes_bound__holds_but_for_one_event),
        TEST(ack__right__moves_on_and_never_back),
        TEST(ack__nothing_yet__is_seq_0_with_zeros),
        TEST(ack__wrong__changes_nothing),
        TEST(ack__taken__keeps_what_people_may_look_up),
        TEST(ack__nothing_retained__numbers_go_on),
        TEST(ack__behind_the_oldest__says_where_the_cloud_stands),
        TEST(retention__age__lets_old_events_go),
        TEST(retention__age__keeps_what_the_cloud_lacks),
        TEST(overflow__unacked__one_event_counts_the_lost),
        TEST(overflow__acked__nothing_is_lost),
        TEST(new_epoch__unacked__are_repeated_with_was),
        TEST(new_epoch__twice__keeps_the_first_was),
        TEST(new_epoch__many_tickets__no_cause_is_forgotten),
        TEST(new_epoch__log_empty__begins_with_its_event),
        TEST(find__by_member__gives_those_in_order),
        TEST(find__limit__keeps_the_end_that_is_asked_for),
        TEST(find__over_many_slices__misses_nothing),
        TEST(find__one_row_behind_a_slice__is_not_missed),
        TEST(find__since_a_date__counts_by_boot_time_without_one),
        TEST(find__after_a_new_epoch__earlier_events_come_before),
        TEST(find__damaged_line__does_not_hide_the_others),
        TEST(find__closing__is_cancelled),
        TEST(requests__too_many__are_refused),
        TEST(verify__changed_line__is_found),
        TEST(verify__missing_or_misplaced_event__is_found),
        TEST(verify__first_event_changed__is_found),
        TEST(open__damaged__lies_aside_and_a_new_epoch_begins),
        TEST(open__garbage__lies_aside),
        TEST(open__newer_version__is_left_alone),
        TEST(open__killed_while_creating__is_created_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
