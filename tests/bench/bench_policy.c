/* SPDX-License-Identifier: GPL-3.0-or-later */
/* bench_policy.c: compiling a policy of a thousand to a million credentials, what one of them takes in
 * memory, and how long it takes to find one at random, beside the floor: the same in a bare table of hashes;
 * and how long a card waits at worst while a world that remembers many people turns to another policy.
 *
 * Each size has a process of its own, so that no memory of another is counted. Times of compiling are without
 * parsing the items' JSON. */
#include <malloc.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gateway/base/clock.h"
#include "gateway/core/world.h"
#include "tests/bench/big_policy.h"

#define LOOKUPS 200000

static int64_t resident_bytes(void)
{
    long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");

    malloc_trim(0);
    if (!file || fscanf(file, "%*d %ld", &pages) != 1)
        abort();
    fclose(file);
    return pages * (int64_t)sysconf(_SC_PAGESIZE);
}

/* Sorted times of as many lookups, each of another credential, in the policy or (NULL) in the bare table. */
static void measure(const struct policy *policy, const struct bare *bare, uint32_t count,
                    int64_t ret_ns[static LOOKUPS])
{
    for (uint32_t n = 0; n < LOOKUPS; n++) {
        uint32_t wanted = (uint32_t)(mix(n) % count);
        uint8_t hash[CREDENTIAL_HASH_BYTES];
        uint32_t found = POLICY_NONE;

        hash_of(wanted, hash);
        int64_t begin = now_ns();

        if (policy)
            (void)policy_lookup(policy, CREDENTIAL_CARD, hash, &found);
        else
            found = bare_slot(bare, hash)->credential;
        ret_ns[n] = now_ns() - begin;
        assert(found == wanted);
    }
    qsort(ret_ns, LOOKUPS, sizeof(*ret_ns), compare_ns);
}

/* The same policy with so many credentials taken out. */
static void measure_change(const struct policy *base, uint32_t count, uint32_t changes)
{
    struct work work = { 0 };
    struct policy *policy = NULL;
    char id[32];

    if (policy_builder_new(no_zone, NULL, &work.builder) < 0)
        abort();
    int64_t begin = now_ns();

    policy_builder_take_people(work.builder, base);
    for (uint32_t i = 0; i < changes; i++) {
        snprintf(id, sizeof(id), "credential%07u", i * (count / changes));
        if (policy_builder_remove(work.builder, ITEM_CREDENTIAL, id) < 0)
            abort();
    }
    int64_t changed = now_ns();

    add_places(&work);
    int64_t added = now_ns();

    if (policy_builder_finish(work.builder, &policy) < 0)
        abort();
    printf("policy_change_%u_at_%u %.1f ms\n", changes, count,
           (double)(changed - begin + work.ns + now_ns() - added) / 1e6);
    policy_builder_free(work.builder);
    policy_free(policy);
}

static void run(uint32_t count)
{
    static int64_t in_policy[LOOKUPS];
    static int64_t in_bare[LOOKUPS];
    int64_t compile_ns = 0;
    int64_t before = resident_bytes();
    struct policy *policy = build(count, &compile_ns);
    int64_t bytes = resident_bytes() - before;
    struct bare bare = make_bare(count);

    measure(policy, NULL, count, in_policy);
    measure(NULL, &bare, count, in_bare);
    printf("policy_compile_%u %" PRId64 " ms\n", count, compile_ns / 1000000);
    printf("policy_bytes_per_credential_%u %" PRId64 " bytes\n", count, bytes / count);
    printf("policy_lookup_p50_%u %" PRId64 " ns\n", count, in_policy[LOOKUPS / 2]);
    printf("policy_lookup_p99_%u %" PRId64 " ns\n", count, in_policy[LOOKUPS / 100 * 99]);
    printf("policy_lookup_p999_%u %" PRId64 " ns\n", count, in_policy[LOOKUPS / 1000 * 999]);
    printf("policy_lookup_to_bare_p50_%u %.2f ratio\n", count,
           (double)in_policy[LOOKUPS / 2] / (double)in_bare[LOOKUPS / 2]);
    printf("policy_lookup_to_bare_p99_%u %.2f ratio\n", count,
           (double)in_policy[LOOKUPS / 100 * 99] / (double)in_bare[LOOKUPS / 100 * 99]);
    free(bare.slots);
    measure_change(policy, count, 1);
    measure_change(policy, count, 1000);
    policy_free(policy);
}

/* A world that remembers where so many people are. */
static struct world *make_world(const struct policy *policy, uint32_t remembered)
{
    static const struct world_hooks hooks;
    struct world *world = NULL;
    char key[32], value[64];

    if (world_new(policy, "boot", &hooks, &world) < 0)
        abort();
    for (uint32_t i = 0; i < remembered; i++) {
        snprintf(key, sizeof(key), "person/user%07u", (uint32_t)(mix(i) % policy_count(policy, ITEM_USER)));
        snprintf(value, sizeof(value), "{\"area\":\"hall\",\"serial\":%u,\"at\":1}", i + 1);
        if (world_restore(world, key, value) < 0)
            abort();
    }
    return world;
}

/* Time that a decision takes; of another credential each time. */
static int64_t decide_ns(const struct policy *policy, const struct world *world, uint32_t n)
{
    const struct timestamp now = { USEC_PER_SEC, USEC_PER_SEC, CLOCK_STATE_SYNCED };
    struct verdict verdict;
    int64_t begin = now_ns();

    world_ask(world, (uint32_t)(mix(n) % POINTS), (uint32_t)(mix(n) % policy_count(policy, ITEM_CREDENTIAL)),
              &now, &verdict);
    return now_ns() - begin;
}

/* As the daemon does it: so many people at a time, and whoever came meanwhile is decided on in between. */
#define PEOPLE_AT_ONCE 200

static void run_turn(uint32_t count, uint32_t remembered)
{
    int64_t ignored;
    struct policy *policy = build(count, &ignored);
    struct policy *next = build(count, &ignored);
    struct world *world = make_world(policy, remembered);
    const struct timestamp now = { USEC_PER_SEC, USEC_PER_SEC, CLOCK_STATE_SYNCED };
    int64_t begin = now_ns();
    int64_t longest_ns = 0;
    uint32_t n = 0;

    for (bool ready = false; !ready;) {
        int64_t came = now_ns();

        ready = world_prepare(world, next, PEOPLE_AT_ONCE);
        int64_t waited = now_ns() - came + decide_ns(policy, world, n++);

        longest_ns = waited > longest_ns ? waited : longest_ns;
    }
    int64_t came = now_ns();

    if (world_set_policy(world, next, &now) < 0)
        abort();
    int64_t turn_ns = now_ns() - came;
    int64_t waited = turn_ns + decide_ns(next, world, n);

    longest_ns = waited > longest_ns ? waited : longest_ns;
    printf("policy_turn_prepared_%u_remembered_%u %" PRId64 " ms\n", count, remembered,
           (came - begin) / 1000000);
    printf("policy_turn_%u_remembered_%u %" PRId64 " us\n", count, remembered, turn_ns / 1000);
    printf("longest_decision_during_swap_%u_remembered_%u %" PRId64 " us\n", count, remembered,
           longest_ns / 1000);
    world_free(world);
    policy_free(policy);
    policy_free(next);
}

int main(void)
{
    static const struct {
        uint32_t credentials;
        uint32_t remembered; /* 0: compiling and finding are measured */
    } runs[] = { { 1000, 0 }, { 100000, 0 }, { 1000000, 0 }, { 1000000, 100000 } };
    int status = 0;

    for (size_t i = 0; i < sizeof(runs) / sizeof(runs[0]); i++) {
        pid_t child = fork();

        if (child == 0 && runs[i].remembered == 0)
            run(runs[i].credentials);
        else if (child == 0)
            run_turn(runs[i].credentials, runs[i].remembered);
        if (child == 0)
            return 0;
        if (child < 0 || waitpid(child, &status, 0) < 0 || status != 0)
            return 1;
    }
    return 0;
}
