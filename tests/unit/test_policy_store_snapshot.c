/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Snapshots: staged chunk by chunk, put in force in one step. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include <errno.h>

#include "tests/unit/policy_store_fixture.h"

/* --- Snapshots. --- */

static void snapshot__all_chunks__swapped_whole(void **state)
{
    struct fixture *f = *state;
    struct snapshot s;

    have_two_users(f);
    make_five(&s);
    assert_int_equal(begin(f, &s.manifest), POLICY_STAGED);
    for (int64_t i = 0; i < 4; i++) {
        assert_int_equal(f->report.staging.next, i);
        assert_int_equal(send_chunk(f, s.chunks[i]), POLICY_STAGED);
        assert_position(f, 7, 2, ROOT_U1_U2);
    }
    assert_int_equal(send_chunk(f, s.chunks[4]), POLICY_APPLIED);
    assert_position(f, 9, 5, s.root);
    assert_false(f->report.staging.active);
    assert_int_equal(policy_count(f->policy, ITEM_USER), 5);
    reopen(f);
    assert_position(f, 9, 5, s.root);
    assert_int_equal(policy_count(f->policy, ITEM_USER), 5);
}

static void snapshot__empty__applied_at_once(void **state)
{
    struct fixture *f = *state;
    struct snapshot s;

    have_two_users(f);
    make_snapshot(&s, 8, (const char *const[]){ NULL }, 0, ROOT_U1);
    begin(f, &s.manifest);
    assert_rejected(f, POLICY_CODE_ROOT, "", "", "root");
    assert_position(f, 7, 2, ROOT_U1_U2);
    make_snapshot(&s, 8, (const char *const[]){ NULL }, 0, NO_ROOT);
    assert_int_equal(begin(f, &s.manifest), POLICY_APPLIED);
    assert_position(f, 8, 0, NO_ROOT);
    assert_int_equal(policy_count(f->policy, ITEM_USER), 0);
}

static void snapshot__reopened_between_any_two_chunks__goes_on(void **state)
{
    struct fixture *f = *state;
    struct snapshot s;

    make_five(&s);
    assert_int_equal(begin(f, &s.manifest), POLICY_STAGED);
    for (int64_t i = 0; i < 5; i++) {
        reopen(f);
        assert_true(f->opened.staging.active);
        assert_int_equal(f->opened.staging.version, 9);
        assert_int_equal(f->opened.staging.chunks, 5);
        assert_int_equal(f->opened.staging.next, i);
        assert_memory_equal(&f->opened.staging, policy_store_staging(f->store), sizeof(f->opened.staging));
        assert_int_equal(send_chunk(f, s.chunks[i]), i < 4 ? POLICY_STAGED : POLICY_APPLIED);
    }
    assert_position(f, 9, 5, s.root);
}

static void copy_file(const char *from, const char *to)
{
    char *bytes;
    size_t len;

    if (access(from, F_OK) < 0)
        return;
    assert_int_equal(file_read(from, FILE_SIZE_MAX, &bytes, &len), 0);
    assert_int_equal(file_write(to, bytes, len, 0600), 0);
    free(bytes);
}

/* What a crash leaves: the files as they stand, with nobody having closed them. */
static void crash_into(const struct fixture *f, struct fixture *copy)
{
    char wal[160], copy_wal[160];

    *copy = (struct fixture){ 0 };
    memcpy(copy->secret, f->secret, sizeof(copy->secret));
    make_dir(copy);
    snprintf(wal, sizeof(wal), "%s-wal", f->path);
    snprintf(copy_wal, sizeof(copy_wal), "%s-wal", copy->path);
    copy_file(f->path, copy->path);
    copy_file(wal, copy_wal);
    open_store(copy);
    assert_false(copy->opened.damaged);
}

static void snapshot__crash_between_any_two_chunks__goes_on(void **state)
{
    struct fixture *f = *state;
    struct fixture copy;
    struct snapshot s;

    have_two_users(f);
    make_five(&s);
    assert_int_equal(begin(f, &s.manifest), POLICY_STAGED);
    for (int64_t i = 0; i < 5; i++) {
        crash_into(f, &copy);
        assert_position(&copy, 7, 2, ROOT_U1_U2);
        assert_int_equal(copy.opened.staging.next, i);
        for (int64_t k = i; k < 5; k++)
            assert_int_equal(send_chunk(&copy, s.chunks[k]), k < 4 ? POLICY_STAGED : POLICY_APPLIED);
        assert_position(&copy, 9, 5, s.root);
        close_store(&copy);
        policy_free(copy.policy);
        remove_dir(copy.dir);
        assert_int_equal(send_chunk(f, s.chunks[i]), i < 4 ? POLICY_STAGED : POLICY_APPLIED);
    }
}

static void snapshot__flipped_bit__ignored(void **state)
{
    struct fixture *f = *state;
    struct snapshot s;

    make_five(&s);
    assert_int_equal(begin(f, &s.manifest), POLICY_STAGED);
    for (size_t i = 0; s.chunks[0][i]; i++) {
        s.chunks[0][i] ^= 1;
        assert_int_equal(send_chunk(f, s.chunks[0]), POLICY_IGNORED);
        s.chunks[0][i] ^= 1;
    }
    assert_int_equal(send_chunk(f, ""), POLICY_IGNORED);
    assert_int_equal(f->report.staging.next, 0);
    assert_int_equal(send_all(f, &s), POLICY_APPLIED);
}

static void snapshot__chunk_out_of_order__ignored(void **state)
{
    struct fixture *f = *state;
    struct snapshot s;

    make_five(&s);
    assert_int_equal(send_chunk(f, s.chunks[0]), POLICY_IGNORED);
    assert_int_equal(begin(f, &s.manifest), POLICY_STAGED);
    assert_int_equal(send_chunk(f, s.chunks[1]), POLICY_IGNORED);
    assert_int_equal(send_chunk(f, s.chunks[0]), POLICY_STAGED);
    assert_int_equal(send_chunk(f, s.chunks[0]), POLICY_IGNORED);
    assert_int_equal(send_chunk(f, s.chunks[4]), POLICY_IGNORED);
    assert_int_equal(f->report.staging.next, 1);
    for (int64_t i = 1; i < 5; i++)
        send_chunk(f, s.chunks[i]);
    assert_int_equal(f->report.outcome, POLICY_APPLIED);
    assert_int_equal(send_chunk(f, s.chunks[4]), POLICY_IGNORED);
}

static void snapshot__same_manifest_again__goes_on(void **state)
{
    struct fixture *f = *state;
    struct snapshot s;

    make_five(&s);
    begin(f, &s.manifest);
    send_chunk(f, s.chunks[0]);
    assert_int_equal(begin(f, &s.manifest), POLICY_STAGED);
    assert_int_equal(f->report.staging.next, 1);
}

static void snapshot__another_manifest__starts_anew(void **state)
{
    struct fixture *f = *state;
    struct snapshot s, other;

    make_five(&s);
    begin(f, &s.manifest);
    for (size_t i = 0; i < 3; i++)
        send_chunk(f, s.chunks[i]);
    make_snapshot(&other, 9, two_chunks, 2, ROOT_U1_U2);
    assert_int_equal(begin(f, &other.manifest), POLICY_STAGED);
    assert_int_equal(f->report.staging.next, 0);
    send_chunk(f, other.chunks[0]);
    assert_int_equal(send_chunk(f, other.chunks[1]), POLICY_APPLIED);
    assert_position(f, 9, 2, ROOT_U1_U2);
}

static void snapshot__below_what_was_in_force__rejected(void **state)
{
    struct fixture *f = *state;
    struct snapshot s;

    have_two_users(f);
    make_snapshot(&s, 6, two_chunks, 2, ROOT_U1_U2);
    begin(f, &s.manifest);
    assert_rejected(f, POLICY_CODE_VERSION, "", "", "version");
    s.manifest.generation = 2;
    s.manifest.chunks = s.manifest.items = 0;
    s.manifest.root = NO_ROOT;
    assert_int_equal(begin(f, &s.manifest), POLICY_APPLIED);
    make_snapshot(&s, 100, two_chunks, 2, ROOT_U1_U2);
    begin(f, &s.manifest);
    assert_rejected(f, POLICY_CODE_GENERATION, "", "", "generation");
}

static void snapshot__below_floor__rejected(void **state)
{
    struct fixture *f = *state;
    struct snapshot s;

    f->floor_generation = 1;
    f->floor_version = 8;
    reopen(f);
    make_snapshot(&s, 7, two_chunks, 2, ROOT_U1_U2);
    begin(f, &s.manifest);
    assert_rejected(f, POLICY_CODE_VERSION, "", "", "version");
    make_snapshot(&s, 8, two_chunks, 2, ROOT_U1_U2);
    assert_int_equal(send_all(f, &s), POLICY_APPLIED);
}

static void snapshot__staged_below_floor__rejected_at_the_end(void **state)
{
    struct fixture *f = *state;
    struct snapshot s;

    make_snapshot(&s, 7, two_chunks, 2, ROOT_U1_U2);
    begin(f, &s.manifest);
    f->floor_generation = 2;
    reopen(f);
    send_chunk(f, s.chunks[0]);
    send_chunk(f, s.chunks[1]);
    assert_rejected(f, POLICY_CODE_GENERATION, "", "", "generation");
    assert_position(f, 0, 0, NO_ROOT);
}

static void snapshot__of_version_in_force__stale_or_repair(void **state)
{
    struct fixture *f = *state;
    struct snapshot s;

    have_two_users(f);
    make_snapshot(&s, 7, two_chunks, 2, ROOT_U1_U2);
    assert_int_equal(begin(f, &s.manifest), POLICY_STALE);
    assert_false(f->report.staging.active);
    make_snapshot(&s, 7, (const char *const[]){ U1, NULL }, 1, ROOT_U1);
    assert_int_equal(send_all(f, &s), POLICY_APPLIED);
    assert_position(f, 7, 1, ROOT_U1);
}

static void snapshot__claims_that_cannot_be__rejected(void **state)
{
    struct fixture *f = *state;
    struct snapshot s;

    make_five(&s);
    const struct policy_manifest good = s.manifest;
    const struct {
        struct policy_manifest manifest;
        const char *member;
    } cases[] = {
        { { 0, 9, 5, 5, good.root, good.first, false }, "generation" },
        { { 1, 0, 5, 5, good.root, good.first, false }, "version" },
        { { 1, 9, -1, 5, good.root, good.first, false }, "items" },
        { { 1, 9, 5, -1, good.root, good.first, false }, "chunks" },
        { { 1, 9, 5, POLICY_ITEMS_MAX + 1, good.root, good.first, false }, "chunks" },
        { { 1, 9, 5, 0, good.root, good.first, false }, "chunks" },
        { { 1, 9, 5, 5, "00", good.first, false }, "root" },
        { { 1, 9, 5, 5, good.root, NULL, false }, "first" },
        { { 1, 9, 5, 5, good.root, good.root, false }, "first" },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        begin(f, &cases[i].manifest);
        assert_rejected(f, POLICY_CODE_CLAIMS, "", "", cases[i].member);
        assert_false(f->report.staging.active);
    }
    s.manifest.items = POLICY_ITEMS_MAX + 1;
    assert_int_equal(policy_store_begin(f->store, &s.manifest, note_answer, f), -EMSGSIZE);
}

/* Sends a snapshot of version 9 with these lines in its last chunk; U1 is in the first. */
static void send_last(struct fixture *f, const char *lines, int64_t items, const char *root)
{
    struct snapshot s;

    make_snapshot(&s, 9, (const char *const[]){ U1, lines, NULL }, items, root);
    send_all(f, &s);
}

static void snapshot__bad_line__rejected_and_dropped(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *lines, *member;
    } cases[] = {
        { "{}\n", "line[2].kind" },
        { U2 "nonsense\n", "line[3]" },
        { U2 "\n", "line[3]" },
        { "{\"kind\":\"user\",\"rev\":9,\"item\":{\"id\":\"u3\"}}", "line[2]" },
        { "{\"kind\":\"user\",\"rev\":0,\"item\":{\"id\":\"u3\"}}\n", "line[2].rev" },
        { "{\"kind\":\"user\",\"rev\":9,\"item\":[]}\n", "line[2].item" },
        { "{\"kind\":\"user\",\"rev\":9}\n", "line[2].item" },
    };

    have_two_users(f);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        send_last(f, cases[i].lines, 2, ROOT_U1_U2);
        assert_rejected(f, POLICY_CODE_CHUNK, "", "", cases[i].member);
        assert_unchanged(f);
    }
}

static void snapshot__bad_header__rejected_and_dropped(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *chunk, *member;
    } cases[] = {
        { "nonsense\n", "line[1]" },
        { "{\"version\":9,\"i\":0,\"next\":null}\n", "line[1].generation" },
        { "{\"generation\":1,\"version\":9,\"i\":0,\"next\":null}\n", "line[1].next" },
        { "{\"generation\":1,\"version\":9,\"i\":0,\"next\":\"0\"}\n", "line[1].next" },
        { "{\"generation\":1,\"version\":9,\"i\":1,\"next\":\"" NO_ROOT NO_ROOT "\"}\n", "line[1]" },
        { "{\"generation\":1,\"version\":8,\"i\":0,\"next\":\"" NO_ROOT NO_ROOT "\"}\n", "line[1]" },
        { "{\"generation\":2,\"version\":9,\"i\":0,\"next\":\"" NO_ROOT NO_ROOT "\"}\n", "line[1]" },
    };
    struct snapshot s;

    have_two_users(f);
    make_five(&s);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        sha256_hex(cases[i].chunk, strlen(cases[i].chunk), s.hashes[0]);
        assert_int_equal(begin(f, &s.manifest), POLICY_STAGED);
        send_chunk(f, cases[i].chunk);
        assert_rejected(f, POLICY_CODE_CHUNK, "", "", cases[i].member);
        assert_unchanged(f);
    }
}

static void snapshot__bad_item__rejected_and_dropped(void **state)
{
    struct fixture *f = *state;

    have_two_users(f);
    send_last(f, U2 LINE("user", 8, "{\"id\":\"u9\",\"valid_from\":5}"), 3, ROOT_U1_U2);
    assert_rejected(f, POLICY_CODE_ITEM, "user", "u9", "valid_from");
    assert_unchanged(f);
    send_last(f, U2 LINE("user", 10, "{\"id\":\"u9\"}"), 3, ROOT_U1_U2);
    assert_rejected(f, POLICY_CODE_ITEM, "user", "u9", "rev");
    assert_unchanged(f);
    send_last(f, LINE("site", 8, "{\"id\":\"hub\",\"timezone\":\"../passwd\"}"), 2, ROOT_U1_U2);
    assert_rejected(f, POLICY_CODE_ITEM, "site", "hub", "timezone");
    assert_unchanged(f);
}

static void snapshot__not_what_the_manifest_said__rejected_and_dropped(void **state)
{
    struct fixture *f = *state;

    have_two_users(f);
    send_last(f, U2, 2, ROOT_U1);
    assert_rejected(f, POLICY_CODE_ROOT, "", "", "root");
    assert_unchanged(f);
    send_last(f, U2, 3, ROOT_U1_U2);
    assert_rejected(f, POLICY_CODE_CLAIMS, "", "", "items");
    assert_unchanged(f);
}

static void snapshot__outrun_by_delta__dropped(void **state)
{
    struct fixture *f = *state;
    struct snapshot s;

    have_two_users(f);
    make_five(&s);
    begin(f, &s.manifest);
    send_chunk(f, s.chunks[0]);
    assert_int_equal(apply(f, 7, 8, ROOT_U1_U2, NULL, 0), POLICY_APPLIED);
    assert_true(f->report.staging.active);
    assert_int_equal(apply(f, 8, 9, ROOT_U1_U2, NULL, 0), POLICY_APPLIED);
    assert_false(f->report.staging.active);
    assert_int_equal(send_chunk(f, s.chunks[1]), POLICY_IGNORED);
}

static void snapshot__chunk_too_long__not_taken(void **state)
{
    struct fixture *f = *state;
    static const char chunk[POLICY_CHUNK_BYTES + 1];

    assert_int_equal(policy_store_chunk(f->store, chunk, sizeof(chunk), note_answer, f), -EMSGSIZE);
}

static void cancel__staged__dropped(void **state)
{
    struct fixture *f = *state;
    struct snapshot s;

    have_two_users(f);
    make_five(&s);
    begin(f, &s.manifest);
    send_chunk(f, s.chunks[0]);
    assert_int_equal(answer(f, policy_store_cancel(f->store, note_answer, f)), POLICY_STALE);
    assert_unchanged(f);
    assert_int_equal(answer(f, policy_store_cancel(f->store, note_answer, f)), POLICY_STALE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(snapshot__all_chunks__swapped_whole),
        TEST(snapshot__empty__applied_at_once),
        TEST(snapshot__reopened_between_any_two_chunks__goes_on),
        TEST(snapshot__crash_between_any_two_chunks__goes_on),
        TEST(snapshot__flipped_bit__ignored),
        TEST(snapshot__chunk_out_of_order__ignored),
        TEST(snapshot__same_manifest_again__goes_on),
        TEST(snapshot__another_manifest__starts_anew),
        TEST(snapshot__below_what_was_in_force__rejected),
        TEST(snapshot__below_floor__rejected),
        TEST(snapshot__staged_below_floor__rejected_at_the_end),
        TEST(snapshot__of_version_in_force__stale_or_repair),
        TEST(snapshot__claims_that_cannot_be__rejected),
        TEST(snapshot__bad_line__rejected_and_dropped),
        TEST(snapshot__bad_header__rejected_and_dropped),
        TEST(snapshot__bad_item__rejected_and_dropped),
        TEST(snapshot__not_what_the_manifest_said__rejected_and_dropped),
        TEST(snapshot__outrun_by_delta__dropped),
        TEST(snapshot__chunk_too_long__not_taken),
        TEST(cancel__staged__dropped),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
