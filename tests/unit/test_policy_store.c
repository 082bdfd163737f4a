/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Deltas: applied whole or not at all, and kept; files that cannot be trusted are moved aside. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <sys/resource.h>

#include "tests/unit/policy_store_fixture.h"

/* --- Opening. --- */

static void open__no_file__creates_empty_policy(void **state)
{
    struct fixture *f = *state;

    assert_true(f->opened.created);
    assert_false(f->opened.damaged);
    assert_position(f, 0, 0, NO_ROOT);
    assert_int_equal(policy_count(f->policy, ITEM_USER), 0);
    reopen(f);
    assert_false(f->opened.created);
}

static void assert_moved_aside(struct fixture *f, const char *text)
{
    char aside[512];

    open_store(f);
    assert_true(f->opened.damaged);
    assert_string_equal(f->opened.aside, "policy.db.damaged-1");
    assert_non_null(strstr(f->opened.text, text));
    snprintf(aside, sizeof(aside), "%s/%s", f->dir, f->opened.aside);
    assert_int_equal(access(aside, F_OK), 0);
    assert_position(f, 0, 0, NO_ROOT);
    have_two_users(f);
    assert_unchanged(f);
}

static void open__not_a_database__moved_aside(void **state)
{
    struct fixture *f = *state;

    close_store(f);
    assert_int_equal(file_write(f->path, "something else, long enough to be read", 38, 0600), 0);
    assert_moved_aside(f, "not");
}

/* Replaces what stands in the file; the store is closed. */
static void patch_file(struct fixture *f, const char *from, const char *to)
{
    char *bytes;
    size_t len;

    assert_int_equal(file_read(f->path, FILE_SIZE_MAX, &bytes, &len), 0);
    char *place = memmem(bytes, len, from, strlen(from));

    assert_non_null(place);
    memcpy(place, to, strlen(to));
    assert_int_equal(file_write(f->path, bytes, len, 0600), 0);
    free(bytes);
}

static void open__bit_flipped_in_item__moved_aside(void **state)
{
    struct fixture *f = *state;

    have_two_users(f);
    close_store(f);
    patch_file(f, "\"Ada\"", "\"Adb\"");
    assert_moved_aside(f, "damaged");
}

static void open__bit_flipped_in_root__moved_aside(void **state)
{
    struct fixture *f = *state;

    have_two_users(f);
    close_store(f);
    patch_file(f, ROOT_U1_U2, "5");
    assert_moved_aside(f, "root");
}

static void open__sealed_with_another_secret__moved_aside(void **state)
{
    struct fixture *f = *state;

    have_two_users(f);
    close_store(f);
    f->secret[0]++;
    assert_moved_aside(f, "secret");
}

static void open__below_floor__moved_aside(void **state)
{
    struct fixture *f = *state;

    have_two_users(f);
    close_store(f);
    f->floor_generation = 1;
    f->floor_version = 8;
    open_store(f);
    assert_true(f->opened.damaged);
    assert_non_null(strstr(f->opened.text, "1/8"));
    assert_position(f, 0, 0, NO_ROOT);
}

static void open__at_floor__in_force(void **state)
{
    struct fixture *f = *state;

    have_two_users(f);
    f->floor_generation = 1;
    f->floor_version = 7;
    assert_unchanged(f);
}

static void open__newer_schema__left_alone(void **state)
{
    struct fixture *f = *state;
    char *bytes;
    size_t len;

    have_two_users(f);
    close_store(f);
    assert_int_equal(file_read(f->path, FILE_SIZE_MAX, &bytes, &len), 0);
    bytes[60 + 2] = 1; /* user_version (SQLite file format 1.3) */
    assert_int_equal(file_write(f->path, bytes, len, 0600), 0);
    free(bytes);
    assert_int_equal(try_open(f), -EPROTONOSUPPORT);
    assert_false(f->opened.damaged);
    assert_string_not_equal(f->opened.text, "");
}

static void open__no_directory__fails(void **state)
{
    struct fixture *f = *state;

    close_store(f);
    snprintf(f->path, sizeof(f->path), "%s/none/policy.db", f->dir);
    assert_true(try_open(f) < 0);
    assert_string_not_equal(f->opened.text, "");
}

/* --- Deltas. --- */

static void apply__put_replace_and_del__durable(void **state)
{
    struct fixture *f = *state;
    char root[ROOT_SIZE];

    have_two_users(f);
    root_with_u1("user", "u3", 8, root);
    assert_int_equal(APPLY(f, 7, 8, root, del_op("user", "u2"), put_op("user", 8, "{\"id\":\"u3\"}")),
                     POLICY_APPLIED);
    assert_position(f, 8, 2, root);
    assert_int_equal(policy_count(f->policy, ITEM_USER), 2);
    root_with_u1("user", "u3", 9, root);
    assert_int_equal(APPLY(f, 8, 10, root, put_op("user", 9, "{\"id\":\"u3\",\"name\":\"Cy\"}")),
                     POLICY_APPLIED);
    reopen(f);
    assert_false(f->opened.damaged);
    assert_position(f, 10, 2, root);
    assert_int_equal(policy_count(f->policy, ITEM_USER), 2);
}

static void apply__del_of_what_is_not_there__harmless(void **state)
{
    struct fixture *f = *state;

    have_two_users(f);
    assert_int_equal(APPLY(f, 7, 8, ROOT_U1_U2, del_op("user", "u99"), del_op("nonsense", "x")),
                     POLICY_APPLIED);
    assert_position(f, 8, 2, ROOT_U1_U2);
}

static void apply__no_ops__new_version(void **state)
{
    struct fixture *f = *state;

    have_two_users(f);
    assert_int_equal(apply(f, 7, 8, ROOT_U1_U2, NULL, 0), POLICY_APPLIED);
    assert_position(f, 8, 2, ROOT_U1_U2);
}

static void apply__repeated__stale(void **state)
{
    struct fixture *f = *state;

    have_two_users(f);
    assert_int_equal(APPLY(f, 7, 8, ROOT_U1, del_op("user", "u2")), POLICY_APPLIED);
    assert_int_equal(APPLY(f, 7, 8, ROOT_U1, del_op("user", "u2")), POLICY_STALE);
    assert_int_equal(APPLY(f, 3, 5, NO_ROOT, del_op("user", "u1")), POLICY_STALE);
    assert_int_equal(APPLY(f, 8, 8, NO_ROOT, del_op("user", "u1")), POLICY_STALE);
    assert_position(f, 8, 1, ROOT_U1);
}

static void apply__from_another_version__gap(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(APPLY(f, 0, 1, NO_ROOT, del_op("user", "u1")), POLICY_GAP);
    have_two_users(f);
    assert_int_equal(APPLY(f, 8, 9, ROOT_U1, del_op("user", "u2")), POLICY_GAP);
    assert_int_equal(APPLY(f, 6, 9, ROOT_U1, del_op("user", "u2")), POLICY_GAP);
    assert_unchanged(f);
}

static void apply__another_generation__gap_or_stale(void **state)
{
    struct fixture *f = *state;
    struct snapshot s;

    make_snapshot(&s, 7, (const char *const[]){ NULL }, 0, NO_ROOT);
    s.manifest.generation = 2;
    assert_int_equal(begin(f, &s.manifest), POLICY_APPLIED);
    struct policy_delta delta = { .generation = 3, .from = 7, .to = 8, .root = NO_ROOT };

    assert_int_equal(answer(f, policy_store_apply(f->store, &delta, note_answer, f)), POLICY_GAP);
    delta.generation = 1;
    assert_int_equal(answer(f, policy_store_apply(f->store, &delta, note_answer, f)), POLICY_STALE);
}

static void apply__bad_item_in_the_middle__nothing_changes(void **state)
{
    struct fixture *f = *state;

    have_two_users(f);
    APPLY(f, 7, 8, ROOT_U1, del_op("user", "u2"), put_op("user", 8, "{\"id\":\"u9\",\"valid_from\":5}"),
          put_op("user", 8, "{\"id\":\"u1\",\"name\":\"Eve\"}"));
    assert_rejected(f, POLICY_CODE_ITEM, "user", "u9", "valid_from");
    assert_unchanged(f);
}

static void apply__zone_that_does_not_exist__site_named(void **state)
{
    struct fixture *f = *state;
    char root[ROOT_SIZE];

    have_two_users(f);
    APPLY(f, 7, 8, root_with_u1("site", "hub", 8, root), del_op("user", "u2"),
          put_op("site", 8, "{\"id\":\"hub\",\"timezone\":\"Europe/Nowhere\"}"));
    assert_rejected(f, POLICY_CODE_ITEM, "site", "hub", "timezone");
    assert_unchanged(f);
    assert_int_equal(APPLY(f, 7, 8, root, del_op("user", "u2"),
                           put_op("site", 8, "{\"id\":\"hub\",\"timezone\":\"Europe/Vienna\"}")),
                     POLICY_APPLIED);
    assert_string_equal(policy_site(f->policy)->timezone, "Europe/Vienna");
}

static void apply__items_that_cannot_be__named(void **state)
{
    struct fixture *f = *state;
    static const struct {
        struct policy_op op;
        const char *kind, *id, *member;
    } cases[] = {
        { { .kind = "user", .rev = 8, .item = "{\"id\":\"u9\"" }, "user", "", "" },
        { { .kind = "user", .rev = 8, .item = "{\"name\":\"Ada\"}" }, "user", "", "id" },
        { { .kind = "user", .rev = 8, .item = "{\"id\":\"-\"}" }, "user", "-", "id" },
        { { .kind = "user", .rev = 9, .item = "{\"id\":\"u9\"}" }, "user", "u9", "rev" },
        { { .kind = "user", .rev = 0, .item = "{\"id\":\"u9\"}" }, "user", "u9", "rev" },
        { { .kind = "a b", .rev = 8, .item = "{\"id\":\"u9\"}" }, "a b", "u9", "kind" },
        { { .kind = "future", .rev = 8, .item = "{\"name\":\"x\"}" }, "future", "", "id" },
        { { .kind = "user", .del = true, .id = "" }, "user", "", "id" },
        { { .kind = "", .del = true, .id = "u1" }, "", "u1", "kind" },
    };

    have_two_users(f);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct policy_op op = cases[i].op;

        op.item_len = op.item ? strlen(op.item) : 0;
        APPLY(f, 7, 8, ROOT_U1, del_op("user", "u2"), op);
        assert_rejected(f, POLICY_CODE_ITEM, cases[i].kind, cases[i].id, cases[i].member);
    }
    assert_unchanged(f);
}

static void apply__item_too_long__rejected(void **state)
{
    struct fixture *f = *state;
    char item[POLICY_ITEM_BYTES + 64];

    have_two_users(f);
    snprintf(item, sizeof(item), "{\"id\":\"f1\",\"x\":\"%0*d\"}", POLICY_ITEM_BYTES, 0);
    APPLY(f, 7, 8, ROOT_U1_U2, put_op("future", 8, item));
    assert_rejected(f, POLICY_CODE_ITEM, "future", "f1", "");
    assert_unchanged(f);
}

static void apply__wrong_root__rejected(void **state)
{
    struct fixture *f = *state;

    have_two_users(f);
    APPLY(f, 7, 8, ROOT_U1_U2, del_op("user", "u2"));
    assert_rejected(f, POLICY_CODE_ROOT, "", "", "root");
    assert_unchanged(f);
}

static void apply__claims_that_cannot_be__rejected(void **state)
{
    struct fixture *f = *state;
    static const struct {
        struct policy_delta delta;
        const char *member;
    } cases[] = {
        { { .generation = 0, .from = 7, .to = 8, .root = NO_ROOT }, "generation" },
        { { .generation = 1, .from = -1, .to = 8, .root = NO_ROOT }, "from" },
        { { .generation = 1, .from = 8, .to = 7, .root = NO_ROOT }, "to" },
        { { .generation = 1, .from = 7, .to = 8, .root = "0" }, "root" },
        { { .generation = 1, .from = 7, .to = 8, .root = NO_ROOT "0" }, "root" },
    };

    have_two_users(f);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        answer(f, policy_store_apply(f->store, &cases[i].delta, note_answer, f));
        assert_rejected(f, POLICY_CODE_CLAIMS, "", "", cases[i].member);
    }
    assert_unchanged(f);
}

static void apply__unknown_kind__kept_and_counted(void **state)
{
    struct fixture *f = *state;
    char root[ROOT_SIZE];

    have_two_users(f);
    root_with_u1("parking", "p1", 8, root);
    assert_int_equal(
        APPLY(f, 7, 8, root, del_op("user", "u2"), put_op("parking", 8, "{\"id\":\"p1\",\"x\":[1]}")),
        POLICY_APPLIED);
    reopen(f);
    assert_position(f, 8, 2, root);
}

static void apply__too_many_ops__not_taken(void **state)
{
    struct fixture *f = *state;
    struct policy_op *ops = calloc(POLICY_OPS_MAX + 1, sizeof(*ops));
    struct policy_delta delta = { .generation = 1, .from = 7, .to = 8, .ops = ops, .root = ROOT_U1 };

    have_two_users(f);
    for (size_t i = 0; i <= POLICY_OPS_MAX; i++)
        ops[i] = del_op("user", "u2");
    delta.count = POLICY_OPS_MAX + 1;
    assert_int_equal(policy_store_apply(f->store, &delta, note_answer, f), -EMSGSIZE);
    delta.count = POLICY_OPS_MAX;
    assert_int_equal(answer(f, policy_store_apply(f->store, &delta, note_answer, f)), POLICY_APPLIED);
    free(ops);
}

static void apply__disk_full__failed_and_can_be_repeated(void **state)
{
    struct fixture *f = *state;
    struct rlimit before;

    have_two_users(f);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    struct rlimit nothing = { .rlim_cur = 1, .rlim_max = before.rlim_max };

    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &nothing), 0);
    enum policy_outcome outcome = APPLY(f, 7, 8, ROOT_U1, del_op("user", "u2"));

    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(outcome, POLICY_FAILED);
    assert_true(f->report.error < 0);
    assert_position(f, 7, 2, ROOT_U1_U2);
    assert_int_equal(APPLY(f, 7, 8, ROOT_U1, del_op("user", "u2")), POLICY_APPLIED);
}

static void calls__too_many_waiting__not_taken(void **state)
{
    struct fixture *f = *state;
    size_t taken = 0;
    int r;

    while ((r = policy_store_cancel(f->store, note_answer, f)) == 0)
        taken++;
    assert_int_equal(r, -ENOBUFS);
    assert_true(taken >= 16); /* as many chunks as may be on their way */
    assert_int_equal(f->answers, 0);
    wait_for(f, taken);
}

static void close__with_requests_waiting__all_answered(void **state)
{
    struct fixture *f = *state;
    struct snapshot s;

    make_five(&s);
    assert_int_equal(policy_store_begin(f->store, &s.manifest, note_answer, f), 0);
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(policy_store_chunk(f->store, s.chunks[i], strlen(s.chunks[i]), note_answer, f), 0);
    close_store(f);
    assert_int_equal(f->answers, 6);
    assert_int_equal(f->report.outcome, POLICY_APPLIED);
    open_store(f);
    assert_position(f, 9, 5, s.root);
}

/* --- Lists, sealing, names. --- */

static void note_item(void *user, const char *kind, const char *id, int64_t rev, const char *json)
{
    struct fixture *f = user;
    size_t used = strlen(f->listed);

    f->listed_count++;
    snprintf(f->listed + used, sizeof(f->listed) - used, "%s/%s/%lld/%s|", kind, id, (long long)rev, json);
}

static void note_end(void *user, int error)
{
    struct fixture *f = user;

    f->list_error = error;
    f->answers++;
}

static void list(struct fixture *f, const char *kind)
{
    f->listed[0] = '\0';
    f->listed_count = 0;
    f->list_error = 1;
    assert_int_equal(policy_store_list(f->store, kind, note_item, note_end, f), 0);
    wait_for(f, f->answers + 1);
    assert_int_equal(f->list_error, 0);
}

static void list__by_kind__in_order_of_id(void **state)
{
    struct fixture *f = *state;
    char root[ROOT_SIZE];

    list(f, NULL);
    assert_string_equal(f->listed, "");
    have_two_users(f);
    root_with_u1("area", "a1", 8, root);
    assert_int_equal(APPLY(f, 7, 8, root, del_op("user", "u2"), put_op("area", 8, "{ \"id\": \"a1\" }")),
                     POLICY_APPLIED);
    list(f, NULL);
    assert_string_equal(f->listed, "area/a1/8/{\"id\":\"a1\"}|user/u1/1/{\"id\":\"u1\",\"name\":\"Ada\"}|");
    list(f, "user");
    assert_string_equal(f->listed, "user/u1/1/{\"id\":\"u1\",\"name\":\"Ada\"}|");
    list(f, "door");
    assert_string_equal(f->listed, "");
}

static void list__more_than_a_slice__complete(void **state)
{
    struct fixture *f = *state;
    enum { COUNT = 1000, PAD = 600 };
    struct policy_op ops[COUNT];
    static char items[COUNT][PAD + 64], ids[COUNT][16];
    struct digest sum = { 0 };
    char root[ROOT_SIZE];

    have_two_users(f);
    add_to_root(&sum, "user", "u1", 1);
    add_to_root(&sum, "user", "u2", 7);
    for (size_t i = 0; i < COUNT; i++) {
        snprintf(ids[i], sizeof(ids[i]), "f%zu", i);
        snprintf(items[i], sizeof(items[i]), "{\"id\":\"%s\",\"pad\":\"%0*d\"}", ids[i], PAD, 0);
        ops[i] = put_op("future", 8, items[i]);
        add_to_root(&sum, "future", ids[i], 8);
    }
    hex_encode(sum.bytes, DIGEST_BYTES, root);
    assert_int_equal(apply(f, 7, 8, root, ops, COUNT), POLICY_APPLIED);
    list(f, "future");
    assert_int_equal(f->listed_count, COUNT);
    list(f, NULL);
    assert_int_equal(f->listed_count, COUNT + 2);
}

/* Whether any file of the store holds these bytes. */
static bool on_disk(const struct fixture *f, const char *bytes)
{
    static const char *const suffixes[] = { "", "-wal" };
    bool found = false;

    for (size_t i = 0; i < 2; i++) {
        char path[160], *content;
        size_t len;

        snprintf(path, sizeof(path), "%s%s", f->path, suffixes[i]);
        if (file_read(path, FILE_SIZE_MAX, &content, &len) < 0)
            continue;
        found = found || memmem(content, len, bytes, strlen(bytes));
        free(content);
    }
    return found;
}

static void credentials__kept__sealed(void **state)
{
    struct fixture *f = *state;
    char root[ROOT_SIZE];

    have_two_users(f);
    root_with_u1("credential", "c1", 8, root);
    assert_int_equal(
        APPLY(f, 7, 8, root, del_op("user", "u2"),
              put_op("credential", 8,
                     "{\"id\":\"c1\",\"user\":\"u1\",\"type\":\"card\",\"value\":\"04A1B2C3D4E5F6\"}")),
        POLICY_APPLIED);
    list(f, "credential");
    assert_null(strstr(f->listed, "04A1B2C3D4E5F6"));
    assert_non_null(strstr(f->listed, "\"sealed\""));
    assert_true(on_disk(f, "\"sealed\""));
    assert_false(on_disk(f, "04A1B2C3D4E5F6"));
    reopen(f);
    assert_int_equal(policy_count(f->policy, ITEM_CREDENTIAL), 1);
}

static void names__all__as_in_the_contract(void **state)
{
    static const char *const outcomes[] = { "applied", "stale",    "gap",   "staged",
                                            "ignored", "rejected", "failed" };
    static const char *const codes[] = { "claims", "generation", "version", "keys", "item", "root", "chunk" };

    for (size_t i = 0; i < sizeof(outcomes) / sizeof(outcomes[0]); i++)
        assert_string_equal(policy_outcome_name((enum policy_outcome)i), outcomes[i]);
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
        assert_string_equal(policy_code_name((enum policy_code)(i + 1)), codes[i]);
    assert_null(policy_code_name(POLICY_CODE_NONE));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(open__no_file__creates_empty_policy),
        TEST(open__not_a_database__moved_aside),
        TEST(open__bit_flipped_in_item__moved_aside),
        TEST(open__bit_flipped_in_root__moved_aside),
        TEST(open__sealed_with_another_secret__moved_aside),
        TEST(open__below_floor__moved_aside),
        TEST(open__at_floor__in_force),
        TEST(open__newer_schema__left_alone),
        TEST(open__no_directory__fails),
        TEST(apply__put_replace_and_del__durable),
        TEST(apply__del_of_what_is_not_there__harmless),
        TEST(apply__no_ops__new_version),
        TEST(apply__repeated__stale),
        TEST(apply__from_another_version__gap),
        TEST(apply__another_generation__gap_or_stale),
        TEST(apply__bad_item_in_the_middle__nothing_changes),
        TEST(apply__zone_that_does_not_exist__site_named),
        TEST(apply__items_that_cannot_be__named),
        TEST(apply__item_too_long__rejected),
        TEST(apply__wrong_root__rejected),
        TEST(apply__claims_that_cannot_be__rejected),
        TEST(apply__unknown_kind__kept_and_counted),
        TEST(apply__too_many_ops__not_taken),
        TEST(apply__disk_full__failed_and_can_be_repeated),
        TEST(calls__too_many_waiting__not_taken),
        TEST(close__with_requests_waiting__all_answered),
        TEST(list__by_kind__in_order_of_id),
        TEST(list__more_than_a_slice__complete),
        TEST(credentials__kept__sealed),
        TEST(names__all__as_in_the_contract),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
