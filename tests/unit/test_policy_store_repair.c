/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Drift: a policy of the right version and another root, repaired bucket by bucket. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include <errno.h>

#include "tests/unit/policy_store_fixture.h"

static unsigned bucket_of(const char *kind, const char *id, int64_t rev)
{
    struct digest digest = digest_item(kind, id, rev);

    return digest_bucket(&digest);
}

/* Version 7 has u1 and u2 of the contract's example; u2 should be of revision 6, and u3 there as well. */
static void should_be(char ret_root[static ROOT_SIZE], struct digest_set *ret_buckets)
{
    struct digest sum = { 0 };

    add_to_root(&sum, "user", "u1", 1);
    add_to_root(&sum, "user", "u2", 6);
    add_to_root(&sum, "user", "u3", 5);
    hex_encode(sum.bytes, DIGEST_BYTES, ret_root);
    *ret_buckets = (struct digest_set){ 0 };
    digest_set_add(ret_buckets, bucket_of("user", "u2", 6));
    digest_set_add(ret_buckets, bucket_of("user", "u2", 7));
    digest_set_add(ret_buckets, bucket_of("user", "u3", 5));
}

static enum policy_outcome repair(struct fixture *f, const struct digest_set *buckets, const char *root,
                                  const struct policy_op *ops, size_t count)
{
    const struct policy_delta delta = {
        .generation = 1, .from = 7, .to = 7, .ops = ops, .count = count, .root = root, .buckets = *buckets
    };

    return answer(f, policy_store_apply(f->store, &delta, note_answer, f));
}

#define REPAIR(f, buckets, root, ...)                                                                        \
    repair(f, buckets, root, (struct policy_op[]){ __VA_ARGS__ },                                            \
           sizeof((struct policy_op[]){ __VA_ARGS__ }) / sizeof(struct policy_op))

static void repair__P5_changed_and_missing__mended_durably_and_once(void **state)
{
    struct fixture *f = *state;
    struct digest_set buckets;
    char root[ROOT_SIZE];

    have_two_users(f);
    should_be(root, &buckets);
    for (int i = 0; i < 2; i++)
        assert_int_equal(REPAIR(f, &buckets, root, put_op("user", 6, "{\"id\":\"u2\",\"name\":\"Bo\"}"),
                                put_op("user", 5, "{\"id\":\"u3\"}")),
                         i == 0 ? POLICY_APPLIED : POLICY_STALE);
    assert_position(f, 7, 3, root);
    reopen(f);
    assert_false(f->opened.damaged);
    assert_position(f, 7, 3, root);
    assert_int_equal(policy_count(f->policy, ITEM_USER), 3);
}

static void repair__P5_extra__goes(void **state)
{
    struct fixture *f = *state;
    struct digest_set buckets = { 0 };

    have_two_users(f);
    digest_set_add(&buckets, bucket_of("user", "u2", 7));
    assert_int_equal(repair(f, &buckets, ROOT_U1, NULL, 0), POLICY_APPLIED);
    assert_position(f, 7, 1, ROOT_U1);
}

/* Among many, those of the buckets and no others go. */
static void repair__many_items__only_the_buckets_are_emptied(void **state)
{
    struct fixture *f = *state;
    struct digest_set buckets = { 0 };
    struct digest sum = { 0 };
    char lines[CHUNK_SIZE / 2] = "";
    char root[ROOT_SIZE];
    size_t kept = 0;

    for (int i = 0; i < 40; i++) {
        char id[8];

        snprintf(id, sizeof(id), "v%02d", i);
        snprintf(lines + strlen(lines), sizeof(lines) - strlen(lines),
                 "{\"kind\":\"tag\",\"rev\":1,\"item\":{\"id\":\"%s\"}}\n", id);
        add_to_root(&sum, "tag", id, 1);
    }
    hex_encode(sum.bytes, DIGEST_BYTES, root);
    struct snapshot s;

    make_snapshot(&s, 7, (const char *const[]){ lines, NULL }, 40, root);
    assert_int_equal(send_all(f, &s), POLICY_APPLIED);
    for (unsigned i = 0; i < DIGEST_BUCKETS; i += 2)
        digest_set_add(&buckets, i);
    sum = (struct digest){ 0 };
    for (int i = 0; i < 40; i++) {
        char id[8];

        snprintf(id, sizeof(id), "v%02d", i);
        if (bucket_of("tag", id, 1) % 2 == 0)
            continue;
        add_to_root(&sum, "tag", id, 1);
        kept++;
    }
    hex_encode(sum.bytes, DIGEST_BYTES, root);
    assert_in_range(kept, 1, 39);
    assert_int_equal(repair(f, &buckets, root, NULL, 0), POLICY_APPLIED);
    assert_position(f, 7, (int64_t)kept, root);
}

static void repair__P3_that_misses_the_root__nothing_changes(void **state)
{
    struct fixture *f = *state;
    struct digest_set buckets;
    char root[ROOT_SIZE];

    have_two_users(f);
    should_be(root, &buckets);
    REPAIR(f, &buckets, root, put_op("user", 6, "{\"id\":\"u2\"}"));
    assert_rejected(f, POLICY_CODE_ROOT, "", "", "root");
    REPAIR(f, &buckets, root, put_op("user", 6, "{\"id\":\"u2\",\"valid_from\":5}"));
    assert_rejected(f, POLICY_CODE_ITEM, "user", "u2", "valid_from");
    assert_unchanged(f);
}

static void repair__P2_of_another_version__stale_or_gap(void **state)
{
    struct fixture *f = *state;
    struct policy_delta delta = { .generation = 1, .root = NO_ROOT };

    have_two_users(f);
    digest_set_add(&delta.buckets, 0);
    delta.from = delta.to = 6;
    assert_int_equal(answer(f, policy_store_apply(f->store, &delta, note_answer, f)), POLICY_STALE);
    delta.from = delta.to = 8;
    assert_int_equal(answer(f, policy_store_apply(f->store, &delta, note_answer, f)), POLICY_GAP);
    delta.from = 7;
    answer(f, policy_store_apply(f->store, &delta, note_answer, f));
    assert_rejected(f, POLICY_CODE_CLAIMS, "", "", "to");
    assert_unchanged(f);
}

/* A policy key may repeat the key items that are in force, and neither change nor lose one. */
static void repair__keys__stay_unless_a_root_key_signed(void **state)
{
    struct fixture *f = *state;
    struct digest_set all;
    char root[ROOT_SIZE];
    char root_2[ROOT_SIZE];
    struct policy_op put = put_op("key", 8, KEY_1);
    struct policy_delta delta = {
        .generation = 1, .from = 7, .to = 8, .ops = &put, .count = 1, .root = root, .root_key = true
    };
    struct digest sum = { 0 };

    have_two_users(f);
    add_to_root(&sum, "user", "u1", 1);
    add_to_root(&sum, "user", "u2", 7);
    add_to_root(&sum, "key", "k1", 8);
    hex_encode(sum.bytes, DIGEST_BYTES, root);
    assert_int_equal(answer(f, policy_store_apply(f->store, &delta, note_answer, f)), POLICY_APPLIED);
    memset(&all, 0xff, sizeof(all));
    root_with_u1("key", "k1", 8, root_2);
    const struct policy_op ops[] = { put_op("user", 1, "{\"id\":\"u1\"}"), put };

    delta = (struct policy_delta){
        .generation = 1, .from = 8, .to = 8, .ops = ops, .count = 1, .root = ROOT_U1, .buckets = all
    };
    answer(f, policy_store_apply(f->store, &delta, note_answer, f));
    assert_rejected(f, POLICY_CODE_KEYS, "", "", "");
    delta.count = 2;
    delta.root = root_2;
    assert_int_equal(answer(f, policy_store_apply(f->store, &delta, note_answer, f)), POLICY_APPLIED);
    delta.count = 1;
    delta.root = ROOT_U1;
    delta.root_key = true;
    assert_int_equal(answer(f, policy_store_apply(f->store, &delta, note_answer, f)), POLICY_APPLIED);
    assert_position(f, 8, 1, ROOT_U1);
}

struct summed {
    struct fixture *fixture;
    int error;
    struct policy_position position;
    struct digest_sums sums;
    int64_t after; /* the version that was told of last */
};

static void note_sums(void *user, int error, const struct policy_position *position,
                      const struct digest_sums *sums)
{
    struct summed *summed = user;

    summed->error = error;
    summed->position = *position;
    summed->sums = *sums;
    summed->after = summed->fixture->report.position.version;
    summed->fixture->answers++;
}

static void sum__of_what_is_in_force__by_buckets(void **state)
{
    static struct summed summed;
    static struct digest_sums expected;
    struct fixture *f = *state;
    struct digest digest = digest_item("user", "u1", 1);

    digest_sums_add(&expected, &digest);
    digest = digest_item("user", "u2", 7);
    digest_sums_add(&expected, &digest);
    have_two_users(f);
    struct snapshot s;

    make_five(&s); /* staged: does not count */
    assert_int_equal(begin(f, &s.manifest), POLICY_STAGED);
    assert_int_equal(send_chunk(f, s.chunks[0]), POLICY_STAGED);
    summed.fixture = f;
    assert_int_equal(policy_store_sum(f->store, note_sums, &summed), 0);
    wait_for(f, f->answers + 1);
    assert_int_equal(summed.error, 0);
    assert_int_equal(summed.position.version, 7);
    assert_memory_equal(&summed.sums, &expected, sizeof(expected));
}

/* Puts a thousand tags in each version from 8 to this one. */
static void put_tags(struct fixture *f, int64_t last)
{
    static char items[POLICY_OPS_MAX][24];
    static struct policy_op ops[POLICY_OPS_MAX];
    struct digest sum;
    char root[ROOT_SIZE];

    assert_int_equal(hex_decode(ROOT_U1_U2, sum.bytes, DIGEST_BYTES), 0);
    for (int64_t version = 8; version <= last; version++) {
        for (int i = 0; i < POLICY_OPS_MAX; i++) {
            char id[12];

            snprintf(id, sizeof(id), "t%d.%d", (int)version, i);
            snprintf(items[i], sizeof(items[i]), "{\"id\":\"%s\"}", id);
            ops[i] = put_op("tag", version, items[i]);
            add_to_root(&sum, "tag", id, version);
        }
        hex_encode(sum.bytes, DIGEST_BYTES, root);
        const struct policy_delta delta = { .generation = 1,
                                            .from = version - 1,
                                            .to = version,
                                            .ops = ops,
                                            .count = POLICY_OPS_MAX,
                                            .root = root };

        assert_int_equal(answer(f, policy_store_apply(f->store, &delta, note_answer, f)), POLICY_APPLIED);
    }
}

static void sum__change_behind_it__does_not_wait(void **state)
{
    static struct summed summed;
    struct fixture *f = *state;
    const int64_t version = 18;
    const struct policy_op op = del_op("tag", "t8.0");
    struct digest sum;
    struct digest gone = digest_item("tag", "t8.0", 8);
    char root[ROOT_SIZE];

    have_two_users(f);
    put_tags(f, version);
    assert_int_equal(hex_decode(policy_store_position(f->store)->root, sum.bytes, DIGEST_BYTES), 0);
    digest_subtract(&sum, &gone);
    hex_encode(sum.bytes, DIGEST_BYTES, root);
    const struct policy_delta delta = {
        .generation = 1, .from = version, .to = version + 1, .ops = &op, .count = 1, .root = root
    };

    summed = (struct summed){ .fixture = f };
    assert_int_equal(policy_store_sum(f->store, note_sums, &summed), 0);
    assert_int_equal(policy_store_apply(f->store, &delta, note_answer, f), 0);
    wait_for(f, f->answers + 2);
    assert_int_equal(f->report.outcome, POLICY_APPLIED);
    assert_int_equal(summed.error, -ECANCELED);
    assert_int_equal(summed.after, version + 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(repair__P5_changed_and_missing__mended_durably_and_once),
        TEST(repair__P5_extra__goes),
        TEST(repair__many_items__only_the_buckets_are_emptied),
        TEST(repair__P3_that_misses_the_root__nothing_changes),
        TEST(repair__P2_of_another_version__stale_or_gap),
        TEST(repair__keys__stay_unless_a_root_key_signed),
        TEST(sum__of_what_is_in_force__by_buckets),
        TEST(sum__change_behind_it__does_not_wait),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
