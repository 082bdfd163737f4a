/* SPDX-License-Identifier: GPL-3.0-or-later */
/* site_disk.c: nothing that the reference cloud would acknowledge is lost when the power goes before any
 * write, truncation, sync or deletion of a file: events that were stored, versions of the policy that were
 * made.
 *
 *     site_disk CUTS [SEED [NORMAL]]      NORMAL: the database is synced as seldom as that
 *
 * Event n and the item that version n puts follow from n, so that what is found can be told from a mix.
 */
#include <errno.h>
#include <time.h>

#include "tests/fault/ledger_model.h"
#include "tests/fault/memory_disk.h"
#include "tools/stile-cloud/feed.h"
#include "tools/stile-cloud/journal.h"

#define LIVES     4          /* of a file: cuts one after the other */
#define LIFE_MAX  301        /* operations until the cut. Prime to LIVES */
#define CREATED   1795357800 /* Unix seconds */
#define BATCH_MAX 20
#define ITEMS     12
#define EPOCH     "9f2c51d07be8a634"
#define LINE_SIZE 80

struct run {
    struct memory_disk disk;
    char directory[32];
    uint64_t seed;
    bool created; /* and so on: what was told */
    int64_t seq;
    int64_t version;
};

static size_t format_line(int64_t seq, char ret[static LINE_SIZE])
{
    return (size_t)snprintf(ret, LINE_SIZE,
                            "{\"seq\":%" PRId64 ",\"epoch\":\"" EPOCH "\",\"kind\":\"rex\"}\n", seq);
}

/* Moves hash, which stands before event first, to event last; appends their lines to text. */
static void chain_lines(int64_t first, int64_t last, uint8_t hash[static CHAIN_BYTES], struct text *text)
{
    char line[LINE_SIZE];

    for (int64_t seq = first; seq <= last; seq++) {
        size_t len = format_line(seq, line);

        chain_next(hash, line, len - 1, hash);
        text_add_bytes(text, line, len);
    }
}

static bool store_batch(struct run *run, struct site *site)
{
    cleanup_with(text_finish) struct text before = TEXT_INIT, lines = TEXT_INIT;
    struct cloud_events batch = { .epoch = EPOCH, .first = run->seq + 1 };
    struct journal_cursor cursor;

    batch.count = 1 + (int64_t)(ledger_model_draw(&run->seed) % BATCH_MAX);
    chain_lines(1, run->seq, batch.prev, &before);
    memcpy(batch.hash, batch.prev, sizeof(batch.hash));
    chain_lines(batch.first, run->seq + batch.count, batch.hash, &lines);
    batch.lines = text_string(&lines);
    batch.len = lines.len;
    int r = journal_store(site, "gw1", &batch, 1, &cursor);

    if (r < 0)
        return false;
    run->seq += batch.count;
    REQUIRE(r == JOURNAL_STORED && cursor.seq == run->seq, "stored: %d, cursor %" PRId64, r, cursor.seq);
    return true;
}

static void format_item(int64_t version, char ret_id[static ID_SIZE], char ret_item[static LINE_SIZE])
{
    snprintf(ret_id, ID_SIZE, "u%" PRId64, version % ITEMS);
    snprintf(ret_item, LINE_SIZE, "{\"id\":\"u%" PRId64 "\",\"name\":\"%" PRId64 "\"}", version % ITEMS,
             version);
}

static bool make_version(struct run *run, struct site *site)
{
    struct feed_change change;
    char id[ID_SIZE], item[LINE_SIZE];
    int r = feed_change_begin(site, &change);

    format_item(run->version + 1, id, item);
    if (r == 0)
        r = feed_change_end(&change, feed_change_put(&change, "user", id, item));
    if (r < 0)
        return false;
    run->version++;
    return true;
}

static void live_until_cut(struct run *run)
{
    cleanup_with(site_close) struct site site = { 0 };
    int r = site_create(run->directory, "hub", CREATED);

    if (r < 0 && r != -EEXIST)
        return;
    run->created = true;
    if (site_open(run->directory, &site) < 0)
        return;
    while (ledger_model_draw(&run->seed) % 2 ? store_batch(run, &site) : make_version(run, &site))
        continue;
}

static void check_integrity(struct site *site)
{
    cleanup_with(site_finalizep) sqlite3_stmt *query = NULL;

    REQUIRE(site_prepare(site, "PRAGMA integrity_check", &query) == 0 && site_step(site, query) == 1 &&
                strcmp((const char *)sqlite3_column_text(query, 0), "ok") == 0,
            "the database is damaged");
}

/* What a batch or a version that was not told has left is taken for told from here on. */
static void check_events(struct run *run, struct site *site)
{
    cleanup_with(text_finish) struct text found = TEXT_INIT, expected = TEXT_INIT;
    struct journal_query query = { 0 };
    struct journal_cursor cursor;
    uint8_t hash[CHAIN_BYTES] = { 0 };
    char line[LINE_SIZE];

    REQUIRE(journal_cursor(site, "gw1", EPOCH, &cursor) == 0, "no cursor: %s", site_text(site));
    REQUIRE(cursor.seq >= run->seq && cursor.seq <= run->seq + BATCH_MAX,
            "stored up to %" PRId64 " was told, %" PRId64 " is there", run->seq, cursor.seq);
    for (int64_t seq = 1; seq <= cursor.seq; seq++) {
        size_t len = format_line(seq, line);

        chain_next(hash, line, len - 1, hash);
        text_addf(&expected, "gw1 %s", line);
    }
    while (journal_read(site, &query, &found) > 0)
        continue;
    REQUIRE(memcmp(hash, cursor.hash, sizeof(hash)) == 0, "the cursor's hash is another");
    REQUIRE(strcmp(text_string(&found), text_string(&expected)) == 0, "the events are others");
    run->seq = cursor.seq;
}

static void check_policy(struct run *run, struct site *site)
{
    cleanup_with(site_finalizep) sqlite3_stmt *query = NULL;
    struct digest sum = { 0 };
    char root[CLOUD_ROOT_SIZE], id[ID_SIZE], item[LINE_SIZE];
    int64_t version = site->policy.version, count = 0;

    REQUIRE(version == run->version || version == run->version + 1,
            "version %" PRId64 " was told, %" PRId64 " is there", run->version, version);
    REQUIRE(site_prepare(site, "SELECT rev, id, item FROM items", &query) == 0, "no items");
    for (; site_step(site, query) == 1; count++) {
        int64_t rev = sqlite3_column_int64(query, 0);
        struct digest digest;

        REQUIRE(rev > version - ITEMS && rev <= version, "an item of version %" PRId64, rev);
        format_item(rev, id, item);
        REQUIRE(strcmp((const char *)sqlite3_column_text(query, 1), id) == 0 &&
                    strcmp((const char *)sqlite3_column_text(query, 2), item) == 0,
                "item %s is another", id);
        digest = digest_item("user", id, rev);
        digest_add(&sum, &digest);
    }
    hex_encode(sum.bytes, DIGEST_BYTES, root);
    REQUIRE(count == (version < ITEMS ? version : ITEMS), "%" PRId64 " items", count);
    REQUIRE(strcmp(root, site->policy.root) == 0, "the root is another");
    run->version = version;
}

static void check(struct run *run)
{
    cleanup_with(site_close) struct site site = { 0 };
    int r = site_create(run->directory, "hub", CREATED);

    REQUIRE(r == -EEXIST || (r == 0 && !run->created), "the site is gone: %s", strerror(-r));
    r = site_open(run->directory, &site);
    REQUIRE(r == 0, "opening: %s", strerror(-r));
    run->created = true;
    check_integrity(&site);
    check_events(run, &site);
    check_policy(run, &site);
}

static void cut_power(struct run *run, uint64_t cuts)
{
    for (uint64_t i = 0; i < cuts; i++) {
        if (i % LIVES == 0) {
            memory_disk_format(&run->disk);
            run->created = false;
            run->seq = run->version = 0;
        }
        enum memory_disk_cut cut = memory_disk_plan(&run->disk, i, LIFE_MAX);

        live_until_cut(run);
        memory_disk_restart(&run->disk, cut, ledger_model_draw, &run->seed);
        check(run);
    }
}

static void remove_directory(const char *directory)
{
    char path[64];

    for (size_t i = 0; i < 2; i++) {
        snprintf(path, sizeof(path), "%s/%s", directory, i == 0 ? SITE_POLICY_MARK : SITE_EVENTS_MARK);
        (void)unlink(path);
    }
    (void)rmdir(directory);
}

int main(int argc, char **argv)
{
    static struct run run = { .directory = "/tmp/site-disk-XXXXXX" };
    uint64_t cuts = argc > 1 ? strtoull(argv[1], NULL, 10) : 0;

    run.seed = argc > 2 ? strtoull(argv[2], NULL, 10) : (uint64_t)time(NULL);
    run.disk.careless = argc > 3;
    REQUIRE(cuts > 0 && run.seed > 0, "usage: site_disk CUTS [SEED [NORMAL]]");
    REQUIRE(run.disk.careless || memory_disk_notices("600"), "synchronous=NORMAL is not noticed");
    REQUIRE(mkdtemp(run.directory), "no directory");
    printf("seed %" PRIu64 "\n", run.seed);
    fflush(stdout);
    memory_disk_install(&run.disk);
    cut_power(&run, cuts);
    memory_disk_format(&run.disk);
    remove_directory(run.directory);
    printf("%" PRIu64 " power cuts, nothing lost\n", cuts);
    return 0;
}
