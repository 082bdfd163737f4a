/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test_cloud_feed.c: versions, deltas and snapshots, recomputed by hand from what is sent. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "tests/unit/cloud_fixture.h"
#include "tools/stile-cloud/feed.h"
#include "tools/stile-cloud/stage.h"

#define NOW INT64_C(1795357800)

static const struct cloud_self self = { "hub", "gw1" };

static void put(struct cloud_fixture *f, const char *id, const char *item)
{
    struct feed_change change;

    assert_int_equal(feed_change_begin(&f->site, &change), 0);
    assert_int_equal(feed_change_end(&change, feed_change_put(&change, "user", id, item)), 0);
}

static void del(struct cloud_fixture *f, const char *id)
{
    struct feed_change change;

    assert_int_equal(feed_change_begin(&f->site, &change), 0);
    assert_int_equal(feed_change_end(&change, feed_change_del(&change, "user", id)), 0);
}

/* One version with so many users of some bytes each. */
static void put_many(struct cloud_fixture *f, int count, int bytes)
{
    struct feed_change change;
    char id[ID_SIZE];
    char item[1024];
    int r = 0;

    assert_int_equal(feed_change_begin(&f->site, &change), 0);
    for (int i = 0; i < count && r == 0; i++) {
        snprintf(id, sizeof(id), "u%05d", i);
        snprintf(item, sizeof(item), "{\"id\":\"%s\",\"name\":\"%0*d\"}", id, bytes, i);
        r = feed_change_put(&change, "user", id, item);
    }
    assert_int_equal(feed_change_end(&change, r), 0);
}

static struct cloud_snapshot offer(struct cloud_fixture *f, int64_t now)
{
    struct cloud_snapshot snapshot;
    struct cloud_refusal refusal;

    assert_int_equal(feed_offer(&f->site, now, &f->payload), 0);
    assert_int_equal(cloud_snapshot_parse(f->payload.data, f->payload.len, &self, &snapshot, &refusal), 0);
    return snapshot;
}

static struct cloud_request chunks_of(const struct cloud_snapshot *snapshot)
{
    return (struct cloud_request){ .want = CLOUD_WANT_CHUNKS,
                                   .generation = snapshot->policy.generation,
                                   .version = snapshot->policy.version,
                                   .count = 1 };
}

static void version__of_two_items__has_the_root_of_the_contract(void **state)
{
    struct cloud_fixture *f = *state;

    put(f, "u1", "{\"id\":\"u1\"}");
    assert_int_equal(f->site.policy.version, 1);
    assert_string_equal(f->site.policy.root, "0659f83cbabe055240a858f00136e47b");
    for (int i = 2; i < 7; i++) /* versions of no interest until u2 can get revision 7 */
        put(f, "u3", i % 2 ? "{\"id\":\"u3\"}" : "{\"id\":\"u3\",\"name\":\"x\"}");
    struct feed_change change;

    assert_int_equal(feed_change_begin(&f->site, &change), 0);
    int r = feed_change_del(&change, "user", "u3");

    if (r == 0)
        r = feed_change_put(&change, "user", "u2", "{\"id\":\"u2\"}");
    assert_int_equal(feed_change_end(&change, r), 0);
    assert_int_equal(f->site.policy.version, 7);
    assert_string_equal(f->site.policy.root, "4e7ebe1c70c0788ebaf9d57d9f99390e");
}

static void change__that_changes_nothing__makes_no_version(void **state)
{
    struct cloud_fixture *f = *state;

    put(f, "u1", "{\"id\":\"u1\"}");
    put(f, "u1", "{\"id\":\"u1\"}");
    assert_int_equal(f->site.policy.version, 1);
}

static void change__that_fails__leaves_no_trace(void **state)
{
    struct cloud_fixture *f = *state;
    struct feed_change change;

    assert_int_equal(feed_change_begin(&f->site, &change), 0);
    assert_int_equal(feed_change_put(&change, "user", "u1", "{\"id\":\"u1\"}"), 0);
    assert_int_equal(feed_change_del(&change, "user", "u2"), -ENOENT);
    assert_int_equal(feed_change_end(&change, -EBADMSG), -EBADMSG);
    assert_int_equal(site_refresh(&f->site), 0);
    assert_int_equal(f->site.policy.version, 0);
    assert_string_equal(f->site.policy.root, CLOUD_ROOT_NONE);
    put(f, "u3", "{\"id\":\"u3\"}");
    assert_int_equal(offer(f, NOW).items, 1);
}

static void stage__of_some_items__becomes_one_change(void **state)
{
    struct cloud_fixture *f = *state;
    struct stage stage;
    bool changed = false;

    put(f, "u1", "{\"id\":\"u1\"}");
    for (int round = 0; round < 2; round++) {
        assert_int_equal(stage_begin(&f->site, &stage), 0);
        assert_int_equal(stage_put(&stage, "user", "u2", "{\"id\":\"u2\"}"), 0);
        assert_int_equal(stage_put(&stage, "user", "u1", "{\"id\":\"u1\",\"name\":\"x\"}"), 0);
        assert_int_equal(stage_put(&stage, "user", "u2", "{\"id\":\"u2\"}"), 0);
        assert_int_equal(stage_put(&stage, "user", "u2", "{\"id\":\"u2\",\"name\":\"x\"}"), -EEXIST);
        assert_int_equal(stage_put(&stage, "tag", "u2", "{\"id\":\"u2\"}"), 0);
        assert_int_equal(stage_end(&stage, 0, &changed), 0);
        assert_int_equal(changed, round == 0);
        assert_int_equal(f->site.policy.version, 2);
    }
    assert_int_equal(offer(f, NOW).items, 3);
}

static void stage__that_fails__leaves_no_trace(void **state)
{
    struct cloud_fixture *f = *state;
    struct stage stage;
    bool changed = false;

    for (int round = 0; round < 2; round++) {
        assert_int_equal(stage_begin(&f->site, &stage), 0);
        assert_int_equal(stage_put(&stage, "user", "u1", "{\"id\":\"u1\"}"), 0);
        assert_int_equal(stage_end(&stage, -EBADMSG, &changed), -EBADMSG);
    }
    assert_false(changed);
    assert_int_equal(site_refresh(&f->site), 0);
    assert_int_equal(f->site.policy.version, 0);
}

static void delta__over_several_versions__has_each_items_last_op_removals_first(void **state)
{
    struct cloud_fixture *f = *state;
    struct cloud_refusal refusal;
    struct cloud_delta delta;

    put(f, "z", "{\"id\":\"z\"}");
    put(f, "kept", "{\"id\":\"kept\"}");
    put(f, "a", "{\"id\":\"a\"}");
    put(f, "a", "{\"id\":\"a\",\"name\":\"A\"}");
    del(f, "z");
    assert_int_equal(feed_delta(&f->site, 2, NOW, &f->payload), 0);
    assert_int_equal(cloud_delta_parse(f->payload.data, f->payload.len, &self, &delta, &refusal), 0);
    assert_int_equal(delta.iat, NOW);
    assert_int_equal(delta.from, 2);
    assert_int_equal(delta.to, 5);
    assert_string_equal(delta.root, f->site.policy.root);
    assert_int_equal(delta.count, 2);
    assert_true(delta.ops[0].del);
    assert_string_equal(delta.ops[0].id, "z");
    assert_false(delta.ops[1].del);
    assert_int_equal(delta.ops[1].rev, 4);
    assert_memory_equal(delta.ops[1].item, "{\"id\":\"a\",\"name\":\"A\"}", delta.ops[1].item_len);
    cloud_delta_finish(&delta);
}

static void delta__of_more_than_a_message_holds__does_not_fit(void **state)
{
    struct cloud_fixture *f = *state;

    put_many(f, CLOUD_OPS_MAX, 1);
    put(f, "one", "{\"id\":\"one\"}");
    assert_int_equal(feed_delta(&f->site, 0, NOW, &f->payload), -EMSGSIZE);
    assert_int_equal(feed_delta(&f->site, 1, NOW, &f->payload), 0);
}

static void delta__of_too_many_bytes__does_not_fit(void **state)
{
    struct cloud_fixture *f = *state;

    put_many(f, 100, 900);
    assert_int_equal(feed_delta(&f->site, 0, NOW, &f->payload), -EMSGSIZE);
}

static void digest__of_some_items__is_their_sums(void **state)
{
    struct cloud_fixture *f = *state;
    struct cloud_digest empty = { 0 };
    struct cloud_refusal refusal;
    struct cloud_digest digest;

    put(f, "u1", "{\"id\":\"u1\"}");
    put(f, "gone", "{\"id\":\"gone\"}");
    del(f, "gone");
    assert_int_equal(feed_digest(&f->site, &f->payload), 0);
    assert_int_equal(cloud_digest_parse(f->payload.data, f->payload.len, &digest, &refusal), 0);
    assert_int_equal(digest.generation, f->site.policy.generation);
    assert_int_equal(digest.version, 3);
    assert_memory_equal(digest.sums + 0x065 * CLOUD_SUM_BYTES, "\x06\x59\xf8\x3c", CLOUD_SUM_BYTES);
    const struct digest_set buckets = cloud_digest_differ(&digest, &empty);

    assert_int_equal(digest_set_count(&buckets), 1);
    assert_true(digest_set_has(&buckets, 0x065));
}

static void repair__of_a_bucket__has_all_that_it_holds_and_nothing_else(void **state)
{
    struct cloud_fixture *f = *state;
    struct digest_set buckets = { 0 };
    struct cloud_refusal refusal;
    struct cloud_delta delta;

    put_many(f, 5000, 1);
    put(f, "u00007", "{\"id\":\"u00007\"}");
    struct digest wanted = digest_item("user", "u00007", 2);

    digest_set_add(&buckets, digest_bucket(&wanted));
    assert_int_equal(feed_repair(&f->site, &buckets, NOW, &f->payload), 0);
    assert_int_equal(cloud_delta_parse(f->payload.data, f->payload.len, &self, &delta, &refusal), 0);
    assert_int_equal(delta.from, 2);
    assert_int_equal(delta.to, 2);
    assert_string_equal(delta.root, f->site.policy.root);
    assert_memory_equal(&delta.buckets, &buckets, sizeof(buckets));
    size_t expected = 1;

    for (int i = 0; i < 5000; i++) {
        char id[ID_SIZE];

        snprintf(id, sizeof(id), "u%05d", i);
        struct digest digest = digest_item("user", id, 1);

        expected += i != 7 && digest_bucket(&digest) == digest_bucket(&wanted);
    }
    assert_int_equal(delta.count, expected);
    for (size_t i = 0; i < delta.count; i++)
        assert_false(delta.ops[i].del);
    cloud_delta_finish(&delta);
    memset(&buckets, 0xff, sizeof(buckets));
    assert_int_equal(feed_repair(&f->site, &buckets, NOW, &f->payload), -EMSGSIZE);
}

static void snapshot__of_many_chunks__hashes_forward_to_the_root(void **state)
{
    struct cloud_fixture *f = *state;
    struct digest sum = { 0 };
    char expected[CLOUD_HASH_SIZE], root[CLOUD_ROOT_SIZE], hash[SHA256_HEX_SIZE];
    int64_t items = 0;

    put_many(f, 1000, 200);
    const struct cloud_snapshot snapshot = offer(f, NOW);
    const struct cloud_request request = chunks_of(&snapshot);

    assert_true(snapshot.chunks > 3);
    memcpy(expected, snapshot.first, sizeof(expected));
    for (int64_t i = 0; i < snapshot.chunks; i++) {
        struct cloud_refusal refusal;
        struct cloud_chunk chunk;
        const char *line;
        size_t len;

        assert_int_equal(feed_chunk(&f->site, &request, i, &f->payload), 0);
        sha256_hex(f->payload.data, f->payload.len, hash);
        assert_string_equal(hash, expected);
        assert_int_equal(cloud_chunk_parse(f->payload.data, f->payload.len, &chunk, &refusal), 0);
        assert_int_equal(chunk.i, i);
        memcpy(expected, chunk.next, sizeof(expected));
        for (; cloud_line_next(&chunk.lines, &chunk.len, &line, &len); items++) {
            struct cloud_item item;

            assert_int_equal(cloud_item_parse(line, len, &item, &refusal), 0);
            struct digest digest = digest_item(item.kind, item.id, item.rev);

            digest_add(&sum, &digest);
            cloud_item_finish(&item);
        }
    }
    hex_encode(sum.bytes, DIGEST_BYTES, root);
    assert_string_equal(expected, "");
    assert_int_equal(items, 1000);
    assert_int_equal(snapshot.items, 1000);
    assert_string_equal(root, snapshot.policy.root);
    assert_int_equal(feed_chunk(&f->site, &request, snapshot.chunks, &f->payload), -ENOENT);
}

static void offer__of_an_older_version__is_kept_for_an_hour_after_the_last_request(void **state)
{
    struct cloud_fixture *f = *state;

    put(f, "u1", "{\"id\":\"u1\"}");
    const struct cloud_snapshot old = offer(f, NOW);
    const struct cloud_request request = chunks_of(&old);

    put(f, "u2", "{\"id\":\"u2\"}");
    assert_int_equal(feed_offer_asked(&f->site, &request, NOW + 1800), 0);
    offer(f, NOW + 1800 + FEED_OFFER_S);
    assert_int_equal(feed_chunk(&f->site, &request, 0, &f->payload), 0);
    offer(f, NOW + 1800 + FEED_OFFER_S + 1);
    assert_int_equal(feed_chunk(&f->site, &request, 0, &f->payload), -ENOENT);
}

static void offer__asked_again__is_the_same(void **state)
{
    struct cloud_fixture *f = *state;

    put(f, "u1", "{\"id\":\"u1\"}");
    const struct cloud_snapshot first = offer(f, NOW);
    const struct cloud_snapshot second = offer(f, NOW + 5);

    assert_string_equal(first.first, second.first);
    assert_int_equal(second.chunks, 1);
}

static void generation__below_a_gateways__is_raised_and_everything_is_there(void **state)
{
    struct cloud_fixture *f = *state;

    put(f, "u1", "{\"id\":\"u1\"}");
    assert_int_equal(feed_raise(&f->site, 4), 0);
    assert_int_equal(f->site.policy.generation, 5);
    assert_int_equal(f->site.policy.version, 1);
    assert_int_equal(feed_raise(&f->site, 4), 0);
    assert_int_equal(f->site.policy.generation, 5);
    assert_int_equal(offer(f, NOW).items, 1);
    assert_int_equal(feed_raise(&f->site, JSON_INT_MAX), -ERANGE);
    assert_int_equal(f->site.policy.generation, 5);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, cloud_setup, cloud_teardown)
    const struct CMUnitTest tests[] = {
        TEST(version__of_two_items__has_the_root_of_the_contract),
        TEST(change__that_changes_nothing__makes_no_version),
        TEST(change__that_fails__leaves_no_trace),
        TEST(stage__of_some_items__becomes_one_change),
        TEST(stage__that_fails__leaves_no_trace),
        TEST(delta__over_several_versions__has_each_items_last_op_removals_first),
        TEST(delta__of_more_than_a_message_holds__does_not_fit),
        TEST(delta__of_too_many_bytes__does_not_fit),
        TEST(digest__of_some_items__is_their_sums),
        TEST(repair__of_a_bucket__has_all_that_it_holds_and_nothing_else),
        TEST(snapshot__of_many_chunks__hashes_forward_to_the_root),
        TEST(offer__of_an_older_version__is_kept_for_an_hour_after_the_last_request),
        TEST(offer__asked_again__is_the_same),
        TEST(generation__below_a_gateways__is_raised_and_everything_is_there),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
