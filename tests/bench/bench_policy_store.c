/* SPDX-License-Identifier: GPL-3.0-or-later */
/* bench_policy_store.c: what a change and a start cost at the size of a site: items are people, each with one
 * card, and a door that a rule opens to them. While a change is applied decisions go on, one a millisecond;
 * the longest one is told with what it waited for, and what it takes to turn to the new policy. Run it with
 * the priority that the unit has: chrt --rr 10. */
#include <assert.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "gateway/base/text.h"
#include "gateway/base/clock.h"
#include "gateway/core/world.h"
#include "gateway/store/policy_store.h"

#define CHUNK_PEOPLE 250 /* credentials and their users: fit into POLICY_CHUNK_BYTES */
#define CHUNKS_MAX   (1000000 / CHUNK_PEOPLE + 1)
#define OPS          1000

struct bench {
    char dir[32];
    char path[64];
    struct policy_store *store;
    struct policy *policy;
    struct world *world;
    bool answered;
    double longest_us; /* of the decisions while something was awaited, and what stood before them */
    double swap_us;
    struct policy_report report;
    struct digest sum;
    int64_t version;
    uint64_t random;
};

static const struct world_hooks hooks;

static double now_ms(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

static struct timestamp now_stamp(void)
{
    return (struct timestamp){ clock_boot_us(), clock_utc_us(), CLOCK_STATE_SYNCED };
}

/* As the daemon does: the world turns to the new policy, then the old one goes. */
static void take_policy(struct bench *bench, struct policy *policy)
{
    struct timestamp now = now_stamp();
    double start = now_ms();
    int r = bench->world ? world_set_policy(bench->world, policy, &now)
                         : world_new(policy, "boot", &hooks, &bench->world);

    assert(r == 0);
    policy_store_retire(bench->store, bench->policy);
    bench->policy = policy;
    bench->swap_us = (now_ms() - start) * 1e3;
}

static void note(void *user, const struct policy_report *report)
{
    struct bench *bench = user;

    bench->answered = true;
    bench->report = *report;
    if (report->policy)
        take_policy(bench, report->policy);
}

/* One after the other, of people from all over. */
static void decide(struct bench *bench)
{
    uint32_t people = policy_count(bench->policy, ITEM_CREDENTIAL);
    struct timestamp now = now_stamp();
    struct verdict verdict;

    if (people == 0)
        return;
    bench->random = bench->random * UINT64_C(6364136223846793005) + 1442695040888963407;
    world_ask(bench->world, 0, (uint32_t)((bench->random >> 33) % people), &now, &verdict);
    assert(verdict.kind == VERDICT_GRANT);
}

/* What a card waits for that comes when the loop has just been woken. */
static void turn_loop(struct bench *bench)
{
    double start = now_ms();

    policy_store_dispatch(bench->store);
    decide(bench);
    double us = (now_ms() - start) * 1e3;

    bench->longest_us = us > bench->longest_us ? us : bench->longest_us;
}

static enum policy_outcome wait_answer(struct bench *bench, int r)
{
    struct pollfd poll_fd = { .fd = policy_store_fd(bench->store), .events = POLLIN };

    assert(r == 0);
    bench->answered = false;
    while (!bench->answered) {
        poll(&poll_fd, 1, 1);
        turn_loop(bench);
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
    r = policy_store_start(bench->store);
    assert(r == 0);
    take_policy(bench, opened.policy);
}

static void count(struct bench *bench, const char *kind, const char *id, int64_t rev)
{
    struct digest digest = digest_item(kind, id, rev);

    digest_add(&bench->sum, &digest);
}

/* Each second credential is a new user's. */
static void add_person(struct bench *bench, struct text *text, int64_t i)
{
    char id[ID_SIZE];

    if (i % 2 == 0) {
        text_addf(text,
                  "{\"kind\":\"user\",\"rev\":1,\"item\":{\"id\":\"u%" PRId64 "\",\"name\":\"Person %" PRId64
                  "\",\"tags\":[\"members\"],\"valid_until\":\"2027-12-31\"}}\n",
                  i / 2, i / 2);
        snprintf(id, sizeof(id), "u%" PRId64, i / 2);
        count(bench, "user", id, 1);
    }
    text_addf(text,
              "{\"kind\":\"credential\",\"rev\":1,\"item\":{\"id\":\"c%" PRId64 "\",\"user\":\"u%" PRId64
              "\",\"type\":\"card\",\"value\":\"04%012" PRIX64 "\"}}\n",
              i, i / 2, i);
    snprintf(id, sizeof(id), "c%" PRId64, i);
    count(bench, "credential", id, 1);
}

static const struct {
    const char *kind;
    const char *id;
    const char *item;
} places[] = {
    { "site", "s", "{\"id\":\"s\",\"timezone\":\"Europe/Madrid\"}" },
    { "tag", "members", "{\"id\":\"members\"}" },
    { "device", "d", "{\"id\":\"d\",\"driver\":\"sim\",\"targets\":[\"t\"]}" },
    { "door", "gym", "{\"id\":\"gym\",\"kind\":\"turnstile\",\"target\":\"t\"}" },
    { "access_point", "in", "{\"id\":\"in\",\"door\":\"gym\",\"direction\":\"entry\"}" },
    { "rule", "r", "{\"id\":\"r\",\"tags\":[\"members\"],\"doors\":[\"gym\"]}" },
};

#define PLACES (sizeof(places) / sizeof(places[0]))

static void add_places(struct bench *bench, struct text *text)
{
    for (size_t i = 0; i < PLACES; i++) {
        text_addf(text, "{\"kind\":\"%s\",\"rev\":1,\"item\":%s}\n", places[i].kind, places[i].item);
        count(bench, places[i].kind, places[i].id, 1);
    }
}

/* The chunks are made from the last to the first, because each names the hash of the next. */
static int64_t make_chunks(struct bench *bench, int64_t people, struct text chunks[],
                           char hash[static SHA256_HEX_SIZE])
{
    int64_t n = (people + CHUNK_PEOPLE - 1) / CHUNK_PEOPLE;
    char next[SHA256_HEX_SIZE + 2] = "null";

    for (int64_t c = n; c-- > 0;) {
        struct text *text = &chunks[c];

        text_addf(text, "{\"generation\":1,\"version\":%" PRId64 ",\"i\":%" PRId64 ",\"next\":%s}\n",
                  bench->version + 1, c, next);
        if (c == 0)
            add_places(bench, text);
        for (int64_t i = c * CHUNK_PEOPLE; i < people && i < (c + 1) * CHUNK_PEOPLE; i++) {
            add_person(bench, text, i);
        }
        sha256_hex(text->data, text->len, hash);
        snprintf(next, sizeof(next), "\"%s\"", hash);
    }
    return n;
}

/* A snapshot of so many people: the first, or again in the place of the same. */
static void fill(struct bench *bench, int64_t people, const char *name)
{
    static struct text chunks[CHUNKS_MAX];
    char first[SHA256_HEX_SIZE], root[ROOT_SIZE];

    bench->sum = (struct digest){ 0 };
    int64_t n = make_chunks(bench, people, chunks, first);
    struct policy_manifest manifest = { .generation = 1,
                                        .version = bench->version + 1,
                                        .items = people + (people + 1) / 2 + (int64_t)PLACES,
                                        .chunks = n,
                                        .root = root,
                                        .first = first };

    hex_encode(bench->sum.bytes, DIGEST_BYTES, root);
    double start = now_ms();

    bench->longest_us = 0;
    enum policy_outcome outcome =
        wait_answer(bench, policy_store_begin(bench->store, &manifest, note, bench));

    for (int64_t c = 0; c < n; c++) {
        assert(outcome == POLICY_STAGED);
        outcome =
            wait_answer(bench, policy_store_chunk(bench->store, chunks[c].data, chunks[c].len, note, bench));
        text_finish(&chunks[c]);
    }
    assert(outcome == POLICY_APPLIED);
    bench->version++;
    printf("policy_%s_%" PRId64 " %.1f ms\n", name, people, now_ms() - start);
    printf("policy_%s_longest_decision_%" PRId64 " %.1f us\n", name, people, bench->longest_us);
    printf("policy_%s_swap_%" PRId64 " %.1f us\n", name, people, bench->swap_us);
}

/* Puts so many new users. */
static void time_delta(struct bench *bench, int64_t people, size_t ops_count)
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

    bench->longest_us = 0;
    enum policy_outcome outcome = wait_answer(bench, policy_store_apply(bench->store, &delta, note, bench));

    assert(outcome == POLICY_APPLIED);
    bench->version = delta.to;
    printf("policy_delta_%zu_at_%" PRId64 " %.1f ms\n", ops_count, people, now_ms() - start);
    printf("policy_delta_%zu_longest_decision_at_%" PRId64 " %.1f us\n", ops_count, people,
           bench->longest_us);
    printf("policy_delta_%zu_swap_at_%" PRId64 " %.1f us\n", ops_count, people, bench->swap_us);
}

/* From nothing to the first decision. */
static void time_open(struct bench *bench, int64_t people, const char *how)
{
    policy_store_close(bench->store);
    double start = now_ms();

    open_store(bench);
    decide(bench);
    printf("policy_open_%s_%" PRId64 " %.1f ms\n", how, people, now_ms() - start);
}

static void run(int64_t people)
{
    struct bench bench = { .dir = "/tmp/stile-bench-XXXXXX" };
    char *dir = mkdtemp(bench.dir);
    char image[sizeof(bench.path) + 8];

    assert(dir);
    snprintf(bench.path, sizeof(bench.path), "%s/policy.db", dir);
    snprintf(image, sizeof(image), "%s.image", bench.path);
    open_store(&bench);
    fill(&bench, people, "snapshot");
    fill(&bench, people, "snapshot_again");
    time_open(&bench, people, "image");
    time_delta(&bench, people, 1);
    time_delta(&bench, people, OPS);
    unlink(image);
    time_open(&bench, people, "compiled");
    policy_store_close(bench.store);
    world_free(bench.world);
    policy_free(bench.policy);
    unlink(image);
    unlink(bench.path);
    rmdir(dir);
}

int main(void)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    run(1000);
    run(10000);
    run(100000);
    run(1000000);
    return 0;
}
