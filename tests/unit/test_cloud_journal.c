/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test_cloud_journal.c: what E4 of the cloud contract asks, and a kill in the middle of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "tests/unit/cloud_fixture.h"
#include "tools/stile-cloud/journal.h"
#include "tools/stile-cloud/verify.h"

#define EPOCH   "9f2c51d07be8a634"
#define ANOTHER "0000000000000001"

/* A log of events as a gateway has it: kind tells two contents of one number apart. */
static void batch(struct text *lines, const char *epoch, int64_t first, int64_t count,
                  struct cloud_events *ret)
{
    uint8_t hash[CHAIN_BYTES] = { 0 };
    char line[128];

    text_reset(lines);
    *ret = (struct cloud_events){ .first = first, .count = count };
    memcpy(ret->epoch, epoch, sizeof(ret->epoch));
    for (int64_t seq = 1; seq < first + count; seq++) {
        int len = snprintf(line, sizeof(line), "{\"seq\":%" PRId64 ",\"epoch\":\"%s\"}", seq, epoch);

        if (seq == first)
            memcpy(ret->prev, hash, CHAIN_BYTES);
        chain_next(hash, line, (size_t)len, hash);
        if (seq >= first)
            text_addf(lines, "%s\n", line);
    }
    memcpy(ret->hash, hash, CHAIN_BYTES);
    ret->lines = lines->data;
    ret->len = lines->len;
}

static void assert_store(struct cloud_fixture *f, const struct cloud_events *events, int64_t oldest,
                         int outcome, int64_t seq)
{
    struct journal_cursor cursor;

    assert_int_equal(journal_store(&f->site, "gw1", events, oldest, &cursor), outcome);
    assert_int_equal(cursor.seq, seq);
    assert_int_equal(journal_cursor(&f->site, "gw1", events->epoch, &cursor), 0);
    assert_int_equal(cursor.seq, seq);
}

static void assert_batch(struct cloud_fixture *f, int64_t first, int64_t count, int64_t oldest, int outcome,
                         int64_t seq)
{
    struct cloud_events events;

    batch(&f->payload, EPOCH, first, count, &events);
    assert_store(f, &events, oldest, outcome, seq);
}

static int64_t number(struct cloud_fixture *f, const char *sql)
{
    cleanup_with(site_finalizep) sqlite3_stmt *query = NULL;

    assert_int_equal(site_prepare(&f->site, sql, &query), 0);
    assert_int_equal(site_step(&f->site, query), 1);
    return sqlite3_column_int64(query, 0);
}

static void assert_stored(struct cloud_fixture *f, int64_t events, int64_t alarms)
{
    assert_int_equal(number(f, "SELECT count(*) FROM events"), events);
    assert_int_equal(number(f, "SELECT count(*) FROM alarms"), alarms);
}

static void batch__that_follows__is_stored(void **state)
{
    struct cloud_fixture *f = *state;

    assert_batch(f, 1, 2, 1, JOURNAL_STORED, 2);
    assert_batch(f, 3, 3, 1, JOURNAL_STORED, 5);
    assert_stored(f, 5, 0);
}

static void batch__that_was_there__is_no_op(void **state)
{
    struct cloud_fixture *f = *state;

    assert_batch(f, 1, 5, 1, JOURNAL_STORED, 5);
    assert_batch(f, 1, 5, 1, JOURNAL_REPEATED, 5);
    assert_batch(f, 2, 2, 1, JOURNAL_REPEATED, 5);
    assert_batch(f, 4, 4, 1, JOURNAL_STORED, 7);
    assert_stored(f, 7, 0);
}

static void batch__with_another_content__is_not_taken_and_alarmed_once(void **state)
{
    struct cloud_fixture *f = *state;
    struct cloud_events events;

    assert_batch(f, 1, 3, 1, JOURNAL_STORED, 3);
    batch(&f->payload, EPOCH, 3, 2, &events);
    char *digit = strchr(f->payload.data, '3');

    *digit = '4';
    assert_store(f, &events, 1, JOURNAL_FORKED, 3);
    assert_store(f, &events, 1, JOURNAL_FORKED, 3);
    assert_stored(f, 3, 1);
    assert_int_equal(number(f, "SELECT count FROM alarms"), 2);
}

static void batch__whose_chain_does_not_lead_from_the_cursor__is_not_taken(void **state)
{
    struct cloud_fixture *f = *state;
    struct cloud_events events;

    assert_batch(f, 1, 3, 1, JOURNAL_STORED, 3);
    batch(&f->payload, EPOCH, 4, 2, &events);
    events.prev[0] ^= 1;
    events.hash[0] ^= 1;
    assert_store(f, &events, 1, JOURNAL_FORKED, 3);
    assert_stored(f, 3, 1);
}

static void batch__beyond_the_cursor__is_a_gap(void **state)
{
    struct cloud_fixture *f = *state;

    assert_batch(f, 4, 2, 1, JOURNAL_GAP, 0);
    assert_batch(f, 1, 2, 1, JOURNAL_STORED, 2);
    assert_batch(f, 4, 2, 1, JOURNAL_GAP, 2);
    assert_batch(f, 4, 2, 0, JOURNAL_GAP, 2);
    assert_stored(f, 2, 0);
}

static void batch__at_the_oldest__is_taken_over_a_hole(void **state)
{
    struct cloud_fixture *f = *state;

    assert_batch(f, 1, 2, 1, JOURNAL_STORED, 2);
    assert_batch(f, 6, 2, 6, JOURNAL_STORED, 7);
    assert_batch(f, 8, 1, 6, JOURNAL_STORED, 8);
    assert_batch(f, 6, 3, 6, JOURNAL_REPEATED, 8);
    assert_stored(f, 5, 1);
    assert_int_equal(number(f, "SELECT text LIKE '%events 3 to 5 are gone' FROM alarms"), 1);
}

static void epoch__that_is_new__has_a_log_of_its_own(void **state)
{
    struct cloud_fixture *f = *state;
    struct cloud_events events;
    struct journal_cursor cursor;

    assert_batch(f, 1, 3, 1, JOURNAL_STORED, 3);
    batch(&f->payload, ANOTHER, 1, 2, &events);
    assert_store(f, &events, 1, JOURNAL_STORED, 2);
    assert_int_equal(journal_cursor(&f->site, "gw1", EPOCH, &cursor), 0);
    assert_int_equal(cursor.seq, 3);
    assert_int_equal(journal_cursor(&f->site, "gw2", EPOCH, &cursor), 0);
    assert_int_equal(cursor.seq, 0);
    assert_stored(f, 5, 0);
}

static void reading__from_the_last_few__goes_on_in_order(void **state)
{
    struct cloud_fixture *f = *state;
    cleanup_with(text_finish) struct text text = TEXT_INIT;
    struct journal_query query = { .gateway = "gw1" };

    assert_batch(f, 1, JOURNAL_PAGE + 2, 1, JOURNAL_STORED, JOURNAL_PAGE + 2);
    assert_int_equal(journal_read(&f->site, &query, &text), JOURNAL_PAGE);
    assert_int_equal(journal_read(&f->site, &query, &text), 2);
    assert_int_equal(journal_read(&f->site, &query, &text), 0);
    text_reset(&text);
    assert_int_equal(journal_seek(&f->site, &query, 1), 0);
    assert_int_equal(journal_read(&f->site, &query, &text), 1);
    assert_string_equal(text_string(&text), "gw1 {\"seq\":502,\"epoch\":\"" EPOCH "\"}\n");
    assert_int_equal(journal_seek(&f->site, &query, 1000), 0);
    assert_int_equal(query.after, 0);
}

static void change(struct cloud_fixture *f, const char *sql)
{
    assert_int_equal(sqlite3_exec(f->site.handle, sql, NULL, NULL, NULL), SQLITE_OK);
}

static void assert_verified(struct cloud_fixture *f, const char *gateway, int broken, const char *report)
{
    cleanup_with(text_finish) struct text text = TEXT_INIT;

    assert_int_equal(verify_events(&f->site, gateway, &text), broken);
    assert_string_equal(text_string(&text), report);
}

#define LOG "gw1 epoch " EPOCH ": events 1 to "

static void verify__E4_hole_that_was_recorded__is_no_fault(void **state)
{
    struct cloud_fixture *f = *state;
    struct cloud_events events;

    assert_verified(f, NULL, 0, "");
    assert_batch(f, 3, 1, 3, JOURNAL_STORED, 3);
    assert_batch(f, 6, JOURNAL_PAGE + 5, 6, JOURNAL_STORED, JOURNAL_PAGE + 10);
    batch(&f->payload, ANOTHER, 1, 2, &events);
    assert_store(f, &events, 1, JOURNAL_STORED, 2);
    assert_verified(f, "gw1", 0,
                    "gw1 epoch " ANOTHER ": events 1 to 2: the chain holds\n" LOG
                    "510, 4 of them gone before they came: the chain holds\n");
    assert_verified(f, "gw2", 0, "");
    change(f, "DELETE FROM holes WHERE first = 4");
    assert_verified(f, NULL, 1,
                    "gw1 epoch " ANOTHER ": events 1 to 2: the chain holds\n" LOG
                    "510, 2 of them gone before they came: event 4 is missing\n");
}

static void verify__E1_event_missing__is_named(void **state)
{
    struct cloud_fixture *f = *state;

    assert_batch(f, 1, 9, 1, JOURNAL_STORED, 9);
    change(f, "DELETE FROM events WHERE seq = 7");
    assert_verified(f, NULL, 1, LOG "9: event 7 is missing\n");
    change(f, "UPDATE events SET seq = 7 WHERE seq = 8");
    assert_verified(f, NULL, 1, LOG "9: event 7 is another: events.seq does not follow\n");
    change(f, "DELETE FROM events WHERE seq = 9");
    change(f, "UPDATE logs SET seq = 6");
    assert_verified(f, NULL, 1, LOG "6: the chain breaks: an event is not what it was\n");
}

static void verify__E2_event_changed__breaks_the_chain(void **state)
{
    struct cloud_fixture *f = *state;

    assert_batch(f, 1, 9, 1, JOURNAL_STORED, 9);
    change(f, "UPDATE events SET line = replace(line, '}', ',\"x\":1}') WHERE seq = 2");
    assert_verified(f, NULL, 1, LOG "9: the chain breaks: an event is not what it was\n");
}

static void site__of_the_first_version__gets_what_is_new(void **state)
{
    struct cloud_fixture *f = *state;

    assert_batch(f, 1, 2, 1, JOURNAL_STORED, 2);
    change(f, "DROP TABLE holes; DROP TABLE commands; ALTER TABLE site DROP COLUMN lease_s;"
              " PRAGMA user_version = 1");
    site_close(&f->site);
    assert_int_equal(site_open(f->directory, &f->site), 0);
    assert_batch(f, 6, 2, 6, JOURNAL_STORED, 7);
    assert_verified(f, NULL, 0, LOG "7, 3 of them gone before they came: the chain holds\n");
    change(f, "PRAGMA user_version = 1000");
    struct site site;

    assert_int_equal(site_open(f->directory, &site), -EPROTONOSUPPORT);
}

/* Stores batches of three until it is killed; says each cursor once journal_store() has returned. */
static void store_for_ever(const char *directory, int said)
{
    struct text lines = TEXT_INIT;
    struct journal_cursor cursor;
    struct cloud_events events;
    struct site site;

    if (site_open(directory, &site) < 0)
        _exit(1);
    for (int r = journal_cursor(&site, "gw1", EPOCH, &cursor); r >= 0;) {
        batch(&lines, EPOCH, cursor.seq + 1, 3, &events);
        r = journal_store(&site, "gw1", &events, 1, &cursor);
        if (write(said, &cursor.seq, sizeof(cursor.seq)) < 0)
            break;
    }
    _exit(1);
}

/* The kill comes right behind a said cursor, so in the middle of the next transaction. */
static void process__killed_while_it_stores__leaves_cursor_and_events_as_one(void **state)
{
    struct cloud_fixture *f = *state;

    for (int round = 0; round < 20; round++) {
        struct journal_cursor cursor;
        int64_t said = 0;
        int pipes[2];

        assert_int_equal(pipe(pipes), 0);
        pid_t child = fork();

        if (child == 0)
            store_for_ever(f->directory, pipes[1]);
        close(pipes[1]);
        for (int i = 0; i <= round % 3; i++)
            assert_int_equal(read(pipes[0], &said, sizeof(said)), sizeof(said));
        kill(child, SIGKILL);
        assert_int_equal(waitpid(child, NULL, 0), child);
        while (read(pipes[0], &said, sizeof(said)) > 0)
            continue;
        close(pipes[0]);
        assert_int_equal(journal_cursor(&f->site, "gw1", EPOCH, &cursor), 0);
        assert_true(cursor.seq >= said);
        assert_int_equal(number(f, "SELECT count(*) FROM events"), cursor.seq);
        assert_int_equal(number(f, "SELECT max(seq) FROM events"), cursor.seq);
    }
    assert_batch(f, 1, 3, 1, JOURNAL_REPEATED, number(f, "SELECT seq FROM logs"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, cloud_setup, cloud_teardown)
    const struct CMUnitTest tests[] = {
        TEST(batch__that_follows__is_stored),
        TEST(batch__that_was_there__is_no_op),
        TEST(batch__with_another_content__is_not_taken_and_alarmed_once),
        TEST(batch__whose_chain_does_not_lead_from_the_cursor__is_not_taken),
        TEST(batch__beyond_the_cursor__is_a_gap),
        TEST(batch__at_the_oldest__is_taken_over_a_hole),
        TEST(epoch__that_is_new__has_a_log_of_its_own),
        TEST(reading__from_the_last_few__goes_on_in_order),
        TEST(verify__E4_hole_that_was_recorded__is_no_fault),
        TEST(verify__E1_event_missing__is_named),
        TEST(verify__E2_event_changed__breaks_the_chain),
        TEST(site__of_the_first_version__gets_what_is_new),
        TEST(process__killed_while_it_stores__leaves_cursor_and_events_as_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
