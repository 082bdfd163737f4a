/* SPDX-License-Identifier: GPL-3.0-or-later */
/* bench_policy_store.c: what a change costs at the size of a site: items are users, each with one card. */
#include <assert.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "gateway/base/text.h"
#include "gateway/core/policy.h"
#include "gateway/store/policy_store.h"

#define CHUNK_USERS 150 /* fit into POLICY_CHUNK_BYTES with their cards */
#define CHUNKS_MAX  (100000 / CHUNK_USERS + 1)
#define OPS         1000

struct bench {
    char dir[32];
    char path[64];
    struct policy_store *store;
    bool answered;
    struct policy_report report;
    struct digest sum;
    int64_t version;
};

static double now_ms(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

static void note(void *user, const struct policy_report *report)
{
    struct bench *bench = user;

    bench->answered = true;
    bench->report = *report;
    policy_free(report->policy);
}

static enum policy_outcome wait_answer(struct bench *bench, int r)
{
    struct pollfd poll_fd = { .fd = policy_store_fd(bench->store), .events = POLLIN };

    assert(r == 0);
    bench->answered = false;
    while (!bench->answered) {
        poll(&poll_fd, 1, -1);
        policy_store_dispatch(bench->store);
    }
    return bench->report.outcome;
}

static void open_store(struct bench *bench)
{
    static const uint8_t secret[SECRET_BYTES] = { 1 };
    struct policy_store_options options = { .path = bench->path, .secret = secret };
    struct policy_opened opened;
    int r = policy_store_open(&options, &bench->store, &opened);

    assert(r == 0 && !opened.damaged);
    policy_free(opened.policy);
    r = policy_store_start(bench->store);
    assert(r == 0);
}

static void count(struct bench *bench, const char *kind, const char *id, int64_t rev)
{
    struct digest digest = digest_item(kind, id, rev);

    digest_add(&bench->sum, &digest);
}

static void add_user(struct text *text, int64_t i)
{
    text_addf(text,
              "{\"kind\":\"user\",\"rev\":1,\"item\":{\"id\":\"u%" PRId64 "\",\"name\":\"Person %" PRId64
              "\",\"tags\":[\"members\"],\"valid_until\":\"2027-12-31\"}}\n"
              "{\"kind\":\"credential\",\"rev\":1,\"item\":{\"id\":\"c%" PRId64 "\",\"user\":\"u%" PRId64
              "\",\"type\":\"card\",\"value\":\"04%012" PRIX64 "\"}}\n",
              i, i, i, i, i);
}

/* The chunks are made from the last to the first, because each names the hash of the next. */
static int64_t make_chunks(struct bench *bench, int64_t users, struct text chunks[],
                           char hash[static SHA256_HEX_SIZE])
{
    int64_t n = (users + CHUNK_USERS - 1) / CHUNK_USERS;
    char next[SHA256_HEX_SIZE + 2] = "null", id[ID_SIZE];

    for (int64_t c = n; c-- > 0;) {
        struct text *text = &chunks[c];

        text_addf(text, "{\"generation\":1,\"version\":1,\"i\":%" PRId64 ",\"next\":%s}\n", c, next);
        for (int64_t i = c * CHUNK_USERS; i < users && i < (c + 1) * CHUNK_USERS; i++) {
            add_user(text, i);
            snprintf(id, sizeof(id), "u%" PRId64, i);
            count(bench, "user", id, 1);
            snprintf(id, sizeof(id), "c%" PRId64, i);
            count(bench, "credential", id, 1);
        }
        sha256_hex(text->data, text->len, hash);
        snprintf(next, sizeof(next), "\"%s\"", hash);
    }
    return n;
}

static void fill(struct bench *bench, int64_t users)
{
    static struct text chunks[CHUNKS_MAX];
    char first[SHA256_HEX_SIZE], root[ROOT_SIZE];
    int64_t n = make_chunks(bench, users, chunks, first);
    struct policy_manifest manifest = {
        .generation = 1, .version = 1, .items = 2 * users, .chunks = n, .root = root, .first = first
    };

    hex_encode(bench->sum.bytes, DIGEST_BYTES, root);
    double start = now_ms();
    enum policy_outcome outcome =
        wait_answer(bench, policy_store_begin(bench->store, &manifest, note, bench));

    for (int64_t c = 0; c < n; c++) {
        assert(outcome == POLICY_STAGED);
        outcome =
            wait_answer(bench, policy_store_chunk(bench->store, chunks[c].data, chunks[c].len, note, bench));
        text_finish(&chunks[c]);
    }
    assert(outcome == POLICY_APPLIED);
    bench->version = 1;
    printf("policy_snapshot_%" PRId64 " %.1f ms\n", users, now_ms() - start);
}

/* Puts so many new users. */
static void time_delta(struct bench *bench, int64_t users, size_t ops_count)
{
    static struct policy_op ops[OPS];
    static char items[OPS][128];
    char root[ROOT_SIZE], id[ID_SIZE];
    struct policy_delta delta = { .generation = 1,
                                  .from = bench->version,
                                  .to = bench->version + 1,
                                  .ops = ops,
                                  .count = ops_count,
                                  .root = root };

    for (size_t i = 0; i < ops_count; i++) {
        snprintf(id, sizeof(id), "n%" PRId64 "-%zu", delta.to, i);
        snprintf(items[i], sizeof(items[i]), "{\"id\":\"%s\",\"name\":\"Someone new\"}", id);
        ops[i] = (struct policy_op){
            .kind = "user", .rev = delta.to, .item = items[i], .item_len = strlen(items[i])
        };
        count(bench, "user", id, delta.to);
    }
    hex_encode(bench->sum.bytes, DIGEST_BYTES, root);
    double start = now_ms();
    enum policy_outcome outcome = wait_answer(bench, policy_store_apply(bench->store, &delta, note, bench));

    assert(outcome == POLICY_APPLIED);
    bench->version = delta.to;
    printf("policy_delta_%zu_at_%" PRId64 " %.1f ms\n", ops_count, users, now_ms() - start);
}

static void time_open(struct bench *bench, int64_t users)
{
    policy_store_close(bench->store);
    double start = now_ms();

    open_store(bench);
    printf("policy_open_%" PRId64 " %.1f ms\n", users, now_ms() - start);
}

static void run(int64_t users)
{
    struct bench bench = { .dir = "/tmp/stile-bench-XXXXXX" };
    char *dir = mkdtemp(bench.dir);

    assert(dir);
    snprintf(bench.path, sizeof(bench.path), "%s/policy.db", dir);
    open_store(&bench);
    fill(&bench, users);
    time_delta(&bench, users, 1);
    time_delta(&bench, users, OPS);
    time_open(&bench, users);
    policy_store_close(bench.store);
    unlink(bench.path);
    rmdir(dir);
}

int main(void)
{
    run(1000);
    run(100000);
    return 0;
}
