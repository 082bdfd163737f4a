/* SPDX-License-Identifier: GPL-3.0-or-later */
/* bench_cloud.c: what a site's size costs the reference cloud: items are users, each with a card. Peaks are
 * of a process that does only that. */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tools/stile-cloud/feed.h"
#include "tools/stile-cloud/import.h"
#include "tools/stile-cloud/journal.h"

#define BATCHES 100

struct bench {
    char directory[32];
    char lines[64]; /* the file to import */
    struct site site;
    int64_t items;
};

static double now_ms(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

static void write_lines(const struct bench *bench)
{
    FILE *file = fopen(bench->lines, "we");

    assert(file);
    for (int64_t i = 0; i < bench->items / 2; i++)
        fprintf(file,
                "{\"kind\":\"user\",\"item\":{\"id\":\"u%" PRId64 "\",\"name\":\"Person %" PRId64
                "\",\"tags\":[\"members\"],\"valid_until\":\"2027-12-31\"}}\n"
                "{\"kind\":\"credential\",\"item\":{\"id\":\"c%" PRId64 "\",\"user\":\"u%" PRId64
                "\",\"type\":\"card\",\"value\":\"04%012" PRIX64 "\"}}\n",
                i, i, i, i, (uint64_t)i);
    fclose(file);
}

static void import_items(struct bench *bench)
{
    struct stage stage;
    struct import import = { .stage = &stage };
    bool changed;
    int r = stage_begin(&bench->site, &stage);

    assert(r == 0);
    r = stage_end(&stage, import_file(&import, bench->lines), &changed);
    assert(r == 0 && changed && import.items == bench->items);
}

static void offer_items(struct bench *bench)
{
    cleanup_with(text_finish) struct text payload = TEXT_INIT;
    int r = feed_offer(&bench->site, clock_utc_us() / USEC_PER_SEC, &payload);

    assert(r == 0);
}

static void store_events(struct bench *bench)
{
    cleanup_with(text_finish) struct text lines = TEXT_INIT;
    struct journal_cursor cursor = { 0 };
    char line[512];

    for (int i = 0; i < BATCHES; i++) {
        struct cloud_events events = { .epoch = "9f2c51d07be8a634",
                                       .first = cursor.seq + 1,
                                       .count = CLOUD_BATCH_EVENTS_MAX };

        memcpy(events.prev, cursor.hash, CHAIN_BYTES);
        memcpy(events.hash, cursor.hash, CHAIN_BYTES);
        text_reset(&lines);
        for (int64_t seq = events.first; seq < events.first + events.count; seq++) {
            int len = snprintf(line, sizeof(line),
                               "{\"seq\":%" PRId64 ",\"epoch\":\"%s\",\"kind\":\"granted\",\"door\":\"gym\"}",
                               seq, events.epoch);

            chain_next(events.hash, line, (size_t)len, events.hash);
            text_addf(&lines, "%s\n", line);
        }
        events.lines = lines.data;
        events.len = lines.len;
        int outcome = journal_store(&bench->site, "gw1", &events, 1, &cursor);

        assert(outcome == JOURNAL_STORED);
    }
}

/* Runs a step in a child. Returns how long it took; prints its time and memory if it has a name. */
static double step(struct bench *bench, const char *name, void (*run)(struct bench *))
{
    double start = now_ms();
    struct rusage usage;
    pid_t child = fork();
    int status;

    if (child == 0) {
        int r = site_open(bench->directory, &bench->site);

        assert(r == 0);
        run(bench);
        site_close(&bench->site);
        _exit(0);
    }
    pid_t ended = wait4(child, &status, 0, &usage);

    assert(ended == child && status == 0);
    double ms = now_ms() - start;

    if (name) {
        printf("cloud_%s_%" PRId64 " %.0f ms\n", name, bench->items, ms);
        printf("cloud_%s_peak_%" PRId64 " %ld kB\n", name, bench->items, usage.ru_maxrss);
        fflush(stdout);
    }
    return ms;
}

static void clean_up(const struct bench *bench)
{
    static const char *const files[] = { "cloud.db", "cloud.db-journal", SITE_POLICY_MARK, SITE_EVENTS_MARK,
                                         "items.jsonl" };
    char path[64];

    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        snprintf(path, sizeof(path), "%s/%s", bench->directory, files[i]);
        unlink(path);
    }
    rmdir(bench->directory);
}

static void bench_items(int64_t items, bool with_events)
{
    struct bench bench = { .directory = "/tmp/stile-bench-XXXXXX", .items = items };
    char *directory = mkdtemp(bench.directory);
    int r = directory ? site_create(directory, "hub", 1) : -1;

    assert(r == 0);
    snprintf(bench.lines, sizeof(bench.lines), "%s/items.jsonl", bench.directory);
    write_lines(&bench);
    step(&bench, "import", import_items);
    step(&bench, "offer", offer_items);
    if (with_events)
        printf("cloud_events_in_batches_of_%d %.0f events/s\n", CLOUD_BATCH_EVENTS_MAX,
               BATCHES * CLOUD_BATCH_EVENTS_MAX / step(&bench, NULL, store_events) * 1e3);
    clean_up(&bench);
}

int main(void)
{
    bench_items(100000, true);
    bench_items(1000000, false);
    return 0;
}
