/* SPDX-License-Identifier: GPL-3.0-or-later */
/* `key` items: a root alone changes them, and what is in force is handed on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "tests/unit/policy_store_fixture.h"

static void apply__keys__by_root_key_only(void **state)
{
    struct fixture *f = *state;
    char root[ROOT_SIZE];
    struct policy_op ops[] = { del_op("user", "u2"), put_op("key", 8, KEY_1) };
    struct policy_delta delta = { .generation = 1, .from = 7, .to = 8, .ops = ops, .count = 2, .root = root };

    have_two_users(f);
    root_with_u1("key", "k1", 8, root);
    answer(f, policy_store_apply(f->store, &delta, note_answer, f));
    assert_rejected(f, POLICY_CODE_KEYS, "key", "k1", "");
    assert_unchanged(f);
    assert_int_equal(policy_store_keys(f->store)->count, 0);
    delta.root_key = true;
    assert_int_equal(answer(f, policy_store_apply(f->store, &delta, note_answer, f)), POLICY_APPLIED);
    APPLY(f, 8, 9, ROOT_U1, del_op("key", "k1"));
    assert_rejected(f, POLICY_CODE_KEYS, "key", "k1", "");
    assert_true(key_has_use(key_set_find(policy_store_keys(f->store), "k1"), KEY_USE_COMMAND));
}

static void open__keys_in_force__are_there_again(void **state)
{
    struct fixture *f = *state;
    char root[ROOT_SIZE];
    struct policy_op ops[] = { del_op("user", "u2"), put_op("key", 8, KEY_1) };
    struct policy_delta delta = {
        .generation = 1, .from = 7, .to = 8, .ops = ops, .count = 2, .root = root, .root_key = true
    };

    have_two_users(f);
    root_with_u1("key", "k1", 8, root);
    assert_int_equal(answer(f, policy_store_apply(f->store, &delta, note_answer, f)), POLICY_APPLIED);
    reopen(f);
    assert_int_equal(policy_store_keys(f->store)->count, 1);
    assert_non_null(key_set_find(policy_store_keys(f->store), "k1"));
}

/* A root, with k1 of version 8 if that is wanted. */
static void with_key(const char *root, bool wanted, char ret_root[static ROOT_SIZE])
{
    const struct digest key = digest_item("key", "k1", 8);
    struct digest sum;

    assert_int_equal(hex_decode(root, sum.bytes, sizeof(sum.bytes)), 0);
    if (wanted)
        digest_add(&sum, &key);
    hex_encode(sum.bytes, sizeof(sum.bytes), ret_root);
}

/* By a policy key: it may say again what is there, and neither leave a key out nor put another in the place
 * of one with the same id and rev, which has the same root. */
static void repair__keys__stay_as_they_are(void **state)
{
    static const char other[] = "{\"id\":\"k1\",\"jwk\":{\"kty\":\"OKP\",\"crv\":\"Ed25519\","
                                "\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"},\"use\":[\"root\"]}";
    const struct policy_op u1 = put_op("user", 1, "{\"id\":\"u1\"}");
    const struct policy_op u2 = put_op("user", 7, "{\"id\":\"u2\"}");
    const struct {
        struct policy_op ops[3];
        size_t count;
        enum policy_outcome outcome;
    } rows[] = {
        { { u1, u2 }, 2, POLICY_REJECTED },
        { { u1, u2, put_op("key", 8, other) }, 3, POLICY_REJECTED },
        { { u1, u2, put_op("key", 8, KEY_1) }, 3, POLICY_APPLIED },
    };
    struct fixture *f = *state;
    char root[ROOT_SIZE];
    struct policy_op ops[] = { del_op("user", "u2"), put_op("key", 8, KEY_1) };
    struct policy_delta delta = {
        .generation = 1, .from = 7, .to = 8, .ops = ops, .count = 2, .root = root, .root_key = true
    };

    have_two_users(f);
    root_with_u1("key", "k1", 8, root);
    assert_int_equal(answer(f, policy_store_apply(f->store, &delta, note_answer, f)), POLICY_APPLIED);
    delta.from = 8;
    delta.root_key = false;
    memset(&delta.buckets, 0xff, sizeof(delta.buckets));
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        delta.ops = rows[i].ops;
        delta.count = rows[i].count;
        with_key(ROOT_U1_U2, rows[i].count == 3, root);
        assert_int_equal(answer(f, policy_store_apply(f->store, &delta, note_answer, f)), rows[i].outcome);
        if (rows[i].outcome == POLICY_REJECTED)
            assert_int_equal(f->report.code, POLICY_CODE_KEYS);
        assert_true(key_has_use(key_set_find(policy_store_keys(f->store), "k1"), KEY_USE_COMMAND));
    }
}

/* Whoever signed it may be none of those any more. */
static void apply__other_keys__drop_a_snapshot_on_its_way(void **state)
{
    struct fixture *f = *state;
    struct snapshot s;
    char root[ROOT_SIZE];
    struct policy_op ops[] = { del_op("user", "u2"), put_op("key", 8, KEY_1) };
    struct policy_delta delta = {
        .generation = 1, .from = 7, .to = 8, .ops = ops, .count = 2, .root = root, .root_key = true
    };

    have_two_users(f);
    make_snapshot(&s, 9, two_chunks, 2, ROOT_U1_U2);
    assert_int_equal(answer(f, policy_store_begin(f->store, &s.manifest, note_answer, f)), POLICY_STAGED);
    root_with_u1("key", "k1", 8, root);
    assert_int_equal(answer(f, policy_store_apply(f->store, &delta, note_answer, f)), POLICY_APPLIED);
    assert_false(policy_store_staging(f->store)->active);
}

static void snapshot__keys__by_root_key_only(void **state)
{
    struct fixture *f = *state;
    char root[ROOT_SIZE];
    struct snapshot s;

    have_two_users(f);
    root_with_u1("key", "k1", 8, root);
    make_snapshot(&s, 8, (const char *const[]){ U1, LINE("key", 8, KEY_1), NULL }, 2, root);
    send_all(f, &s);
    assert_rejected(f, POLICY_CODE_KEYS, "", "", "");
    assert_unchanged(f);
    s.manifest.root_key = true;
    assert_int_equal(send_all(f, &s), POLICY_APPLIED);
    /* The same key is no change, its absence is one. */
    make_snapshot(&s, 9, (const char *const[]){ U1, LINE("key", 8, KEY_1), NULL }, 2, root);
    assert_int_equal(send_all(f, &s), POLICY_APPLIED);
    make_snapshot(&s, 10, two_chunks, 2, ROOT_U1_U2);
    send_all(f, &s);
    assert_rejected(f, POLICY_CODE_KEYS, "", "", "");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(apply__keys__by_root_key_only),    TEST(open__keys_in_force__are_there_again),
        TEST(repair__keys__stay_as_they_are),   TEST(apply__other_keys__drop_a_snapshot_on_its_way),
        TEST(snapshot__keys__by_root_key_only),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
