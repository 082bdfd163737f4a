/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The compiled copy beside policy.db: it saves time, and never changes what is in force. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include <fcntl.h>
#include <sqlite3.h>

#include "tests/unit/policy_store_fixture.h"

static bool told_of_damage;

static void note_damage(void *user)
{
    told_of_damage = true;
}

static void image_path(const struct fixture *f, char ret_path[static 160])
{
    snprintf(ret_path, 160, "%s.image", f->path);
}

static bool image_is_there(const struct fixture *f)
{
    char path[160];

    image_path(f, path);
    return access(path, F_OK) == 0;
}

/* As the fixture opens, with an image from the first person on. It is written by the time the store is
 * closed. */
static void open_with_image(struct fixture *f)
{
    struct policy_store_options options = {
        .path = f->path, .secret = f->secret, .image_people_min = 1, .damaged = note_damage
    };

    policy_free(f->policy);
    f->policy = NULL;
    assert_int_equal(policy_store_open(&options, &f->store, &f->opened), 0);
    f->policy = take_ptr(f->opened.policy);
    assert_int_equal(policy_store_start(f->store), 0);
}

static int setup_image(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    make_dir(f);
    memset(f->secret, 7, sizeof(f->secret));
    told_of_damage = false;
    open_with_image(f);
    *state = f;
    return 0;
}

/* Closes the file and changes the JSON of u2 in it behind the store's back. */
static void damage_row(const struct fixture *f)
{
    cleanup_with(freep) char *bytes = NULL;
    size_t len;

    assert_int_equal(file_read(f->path, FILE_SIZE_MAX, &bytes, &len), 0);
    char *name = memmem(bytes, len, "Bob", 3);

    assert_non_null(name);
    name[1] = 'D';
    assert_int_equal(file_write(f->path, bytes, len, 0600), 0);
}

static void change_image(const struct fixture *f, size_t cut, size_t flip)
{
    cleanup_with(freep) char *bytes = NULL;
    char path[160];
    size_t len;

    image_path(f, path);
    assert_int_equal(file_read(path, FILE_SIZE_MAX, &bytes, &len), 0);
    bytes[flip % len] ^= 1;
    assert_int_equal(file_write(path, bytes, len - cut, 0600), 0);
}

static void assert_two_users(const struct fixture *f)
{
    assert_int_equal(policy_count(f->policy, ITEM_USER), 2);
    assert_string_equal(policy_name(f->policy, ITEM_USER, 0), "Ada");
    assert_int_equal(policy_store_position(f->store)->version, 7);
    assert_false(f->opened.damaged);
}

static void image__after_a_change__is_there(void **state)
{
    struct fixture *f = *state;

    assert_false(image_is_there(f));
    have_two_users(f);
    close_store(f);
    assert_true(image_is_there(f));
}

static void image__few_people__is_not_written(void **state)
{
    struct fixture *f = *state;

    close_store(f);
    open_store(f); /* the default: some thousands */
    have_two_users(f);
    close_store(f);
    assert_false(image_is_there(f));
}

static void image__fits__is_taken_without_looking_at_people(void **state)
{
    struct fixture *f = *state;

    have_two_users(f);
    close_store(f);
    damage_row(f);
    open_with_image(f);
    assert_two_users(f);
}

/* So many more users before the two, by deltas of a thousand. */
static void add_thousands(struct fixture *f, int thousands)
{
    static struct policy_op ops[POLICY_OPS_MAX];
    static char items[POLICY_OPS_MAX][ID_SIZE + 16];
    struct digest sum = { 0 };
    char id[ID_SIZE], root[ROOT_SIZE];

    add_to_root(&sum, "user", "u1", 1);
    add_to_root(&sum, "user", "u2", 7);
    for (int version = 8; version < 8 + thousands; version++) {
        for (int i = 0; i < POLICY_OPS_MAX; i++) {
            snprintf(id, sizeof(id), "a%d", version * POLICY_OPS_MAX + i);
            snprintf(items[i], sizeof(items[i]), "{\"id\":\"%s\"}", id);
            ops[i] = put_op("user", version, items[i]);
            add_to_root(&sum, "user", id, version);
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

/* What is damaged is the last of more rows than are verified at a time. */
static void image__rows_are_damaged__is_told_afterwards(void **state)
{
    struct fixture *f = *state;
    uint32_t users;

    have_two_users(f);
    add_thousands(f, 11);
    users = policy_count(f->policy, ITEM_USER);
    close_store(f);
    damage_row(f);
    open_with_image(f);
    struct pollfd poll_fd = { .fd = policy_store_fd(f->store), .events = POLLIN };

    while (!told_of_damage) {
        poll(&poll_fd, 1, -1);
        policy_store_dispatch(f->store);
    }
    assert_int_equal(policy_count(f->policy, ITEM_USER), users);
    assert_false(f->opened.damaged);
}

static void image__damaged__rows_are_compiled(void **state)
{
    struct fixture *f = *state;

    have_two_users(f);
    for (size_t i = 0; i < 64; i++) {
        close_store(f);
        change_image(f, 0, i * 37);
        open_with_image(f);
        assert_two_users(f);
    }
}

static void image__cut_off_or_gone__rows_are_compiled(void **state)
{
    struct fixture *f = *state;
    char path[160];

    have_two_users(f);
    close_store(f);
    change_image(f, 100, 0);
    open_with_image(f);
    assert_two_users(f);
    close_store(f);
    image_path(f, path);
    assert_int_equal(unlink(path), 0);
    open_with_image(f);
    assert_two_users(f);
    close_store(f);
    assert_true(image_is_there(f));
}

/* What the disk makes of the file once it was checked: a page that was let go and is read again. */
static void image__changed_after_the_start__changes_nothing(void **state)
{
    struct fixture *f = *state;
    char path[160];
    struct stat st;

    have_two_users(f);
    close_store(f);
    open_with_image(f);
    image_path(f, path);
    cleanup_with(closep) int fd = open(path, O_WRONLY | O_CLOEXEC);

    assert_true(fd >= 0 && fstat(fd, &st) == 0 && st.st_size > 0);
    for (off_t at = 0; at < st.st_size; at++)
        assert_int_equal(pwrite(fd, "\xff", 1, at), 1);
    assert_two_users(f);
    assert_string_equal(policy_name(f->policy, ITEM_USER, 1), "Bob");
}

/* One op on version 7 or later, after which those are all users. */
static void change_user(struct fixture *f, const struct policy_op *op, const char *const left[],
                        const int64_t revs[])
{
    int64_t version = policy_store_position(f->store)->version;
    struct digest sum = { 0 };
    char root[ROOT_SIZE];

    for (size_t i = 0; left[i]; i++)
        add_to_root(&sum, "user", left[i], revs[i]);
    hex_encode(sum.bytes, DIGEST_BYTES, root);
    const struct policy_delta delta = {
        .generation = 1, .from = version, .to = version + 1, .ops = op, .count = 1, .root = root
    };

    assert_int_equal(answer(f, policy_store_apply(f->store, &delta, note_answer, f)), POLICY_APPLIED);
}

/* u0 comes, u1 goes. */
static void change_two_users(struct fixture *f)
{
    struct policy_op come = put_op("user", 8, "{\"id\":\"u0\",\"name\":\"Ann\"}");
    struct policy_op gone = del_op("user", "u1");

    change_user(f, &come, (const char *[]){ "u0", "u1", "u2", NULL }, (int64_t[]){ 8, 1, 7 });
    change_user(f, &gone, (const char *[]){ "u0", "u2", NULL }, (int64_t[]){ 8, 7 });
}

static void assert_changed_users(const struct fixture *f)
{
    assert_false(f->opened.damaged);
    assert_int_equal(policy_store_position(f->store)->version, 9);
    assert_int_equal(policy_count(f->policy, ITEM_USER), 2);
    assert_string_equal(policy_name(f->policy, ITEM_USER, 0), "Ann");
    assert_string_equal(policy_name(f->policy, ITEM_USER, 1), "Bob");
}

/* The row of who was not changed is damaged, so that it shows whether it was looked at. */
static void image__people_changed_since__are_followed(void **state)
{
    struct fixture *f = *state;
    cleanup_with(freep) char *before = NULL;
    cleanup_with(freep) char *after = NULL;
    char path[160];
    size_t before_len, after_len;

    have_two_users(f);
    close_store(f);
    image_path(f, path);
    assert_int_equal(file_read(path, FILE_SIZE_MAX, &before, &before_len), 0);
    open_with_image(f);
    change_two_users(f);
    assert_changed_users(f);
    close_store(f);
    assert_int_equal(file_read(path, FILE_SIZE_MAX, &after, &after_len), 0);
    assert_int_equal(before_len, after_len);
    assert_memory_equal(before, after, before_len);
    damage_row(f);
    open_with_image(f);
    assert_changed_users(f);
}

static void change_noted(const struct fixture *f, const char *sql)
{
    sqlite3 *file = NULL;

    assert_int_equal(sqlite3_open(f->path, &file), SQLITE_OK);
    assert_int_equal(sqlite3_exec(file, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(file), SQLITE_OK);
}

/* What was noted is another than it was: nobody who was deleted comes back. */
static void image__notes_are_damaged__rows_are_compiled(void **state)
{
    static const char *const damages[] = {
        "DELETE FROM changed WHERE id = 'u1'",
        "DELETE FROM changed",
        "UPDATE changed SET id = 'u2' WHERE id = 'u1'",
        "UPDATE changed SET kind = 'tag' WHERE id = 'u1'",
        "INSERT INTO changed VALUES ('user', 'u2')",
        "UPDATE head SET image_changes = image_changes + 1",
        "UPDATE head SET image_sum = ''",
        "UPDATE head SET image_upto = ''",
        "UPDATE head SET image_version = 8",
        "UPDATE head SET image_root = root",
    };
    struct fixture *f = *state;

    have_two_users(f);
    close_store(f);
    for (size_t i = 0; i < sizeof(damages) / sizeof(damages[0]); i++) {
        remove_dir(f->dir);
        make_dir(f);
        open_with_image(f);
        have_two_users(f);
        close_store(f);
        open_with_image(f);
        change_two_users(f);
        close_store(f);
        change_noted(f, damages[i]);
        open_with_image(f);
        assert_changed_users(f);
        close_store(f);
    }
}

/* A copy of an earlier version, put back. */
static void image__of_an_earlier_version__is_not_taken(void **state)
{
    struct fixture *f = *state;
    cleanup_with(freep) char *old = NULL;
    char path[160];
    size_t len;

    have_two_users(f);
    close_store(f);
    image_path(f, path);
    assert_int_equal(file_read(path, FILE_SIZE_MAX, &old, &len), 0);
    assert_int_equal(unlink(path), 0);
    open_with_image(f);
    change_two_users(f);
    close_store(f); /* has written another one */
    assert_int_equal(file_write(path, old, len, 0600), 0);
    open_with_image(f);
    assert_changed_users(f);
}

/* The same with a snapshot in between, which is compiled whole. */
static void image__a_snapshot_since__is_not_followed_from_before(void **state)
{
    struct fixture *f = *state;
    struct snapshot s;
    char path[160];

    have_two_users(f);
    close_store(f);
    open_with_image(f);
    make_five(&s);
    assert_int_equal(send_all(f, &s), POLICY_APPLIED);
    image_path(f, path);
    close_store(f);
    damage_row(f);
    open_with_image(f);
    assert_int_equal(policy_count(f->policy, ITEM_USER), 5);
    assert_false(f->opened.damaged);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(image__after_a_change__is_there, setup_image, teardown),
        cmocka_unit_test_setup_teardown(image__few_people__is_not_written, setup_image, teardown),
        cmocka_unit_test_setup_teardown(image__fits__is_taken_without_looking_at_people, setup_image,
                                        teardown),
        cmocka_unit_test_setup_teardown(image__rows_are_damaged__is_told_afterwards, setup_image, teardown),
        cmocka_unit_test_setup_teardown(image__damaged__rows_are_compiled, setup_image, teardown),
        cmocka_unit_test_setup_teardown(image__cut_off_or_gone__rows_are_compiled, setup_image, teardown),
        cmocka_unit_test_setup_teardown(image__changed_after_the_start__changes_nothing, setup_image,
                                        teardown),
        cmocka_unit_test_setup_teardown(image__people_changed_since__are_followed, setup_image, teardown),
        cmocka_unit_test_setup_teardown(image__notes_are_damaged__rows_are_compiled, setup_image, teardown),
        cmocka_unit_test_setup_teardown(image__of_an_earlier_version__is_not_taken, setup_image, teardown),
        cmocka_unit_test_setup_teardown(image__a_snapshot_since__is_not_followed_from_before, setup_image,
                                        teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
