/* SPDX-License-Identifier: GPL-3.0-or-later */
/* bench_policy.c: compiling a policy of a thousand to a million credentials, what one of them takes in
 * memory, and how long it takes to find one at random, beside the floor: the same in a bare table of hashes.
 *
 * Each size has a process of its own, so that no memory of another is counted. Times of compiling are without
 * parsing the items' JSON. */
#include <malloc.h>
#include <sys/wait.h>
#include <unistd.h>

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
    policy_free(policy);
}

int main(void)
{
    static const uint32_t counts[] = { 1000, 100000, 1000000 };
    int status = 0;

    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        pid_t child = fork();

        if (child == 0) {
            run(counts[i]);
            return 0;
        }
        if (child < 0 || waitpid(child, &status, 0) < 0 || status != 0)
            return 1;
    }
    return 0;
}
