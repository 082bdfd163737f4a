/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test_ble_keys.c: keys are kept whole or not at all, for us alone, and nothing else in their file is lost.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gateway/base/file.h"
#include "hal/ble/ble_file.h"
#include "hal/ble/ble_keys.h"
#include "proto/json.h"
#include "tests/unit/ble_file_fixture.h"

static int set_up(void **state)
{
    return fixture_set_up(state, BLE_KEYS_FILE);
}

static struct ble_key key_of(const char *target, uint8_t last_byte)
{
    struct ble_key key = { .address = { .bytes = { last_byte, 2, 3, 4, 5, 6 } }, .secret_len = 36 };

    text_copy(key.target, sizeof(key.target), target);
    text_copy(key.protocol, sizeof(key.protocol), "nuki");
    memset(key.secret, last_byte, key.secret_len);
    return key;
}

static void write_file(const struct fixture *fixture, const char *content, mode_t mode)
{
    assert_int_equal(file_write(fixture->path, content, strlen(content), mode), 0);
}

static void assert_file_has(const struct fixture *fixture, const char *part)
{
    cleanup_with(freep) char *bytes = NULL;
    size_t len;

    assert_int_equal(file_read(fixture->path, 4096, &bytes, &len), 0);
    assert_non_null(strstr(bytes, part));
}

static void find__nothing_was_ever_paired__is_none(void **state)
{
    const struct fixture *fixture = *state;
    struct ble_key key;

    assert_int_equal(ble_keys_find(fixture->directory, "front", NULL, &key), -ENOENT);
    assert_int_equal(ble_keys_find("/nowhere/at/all", "front", NULL, &key), -ENOENT);
}

static void put__two_locks__each_is_found_by_target_and_by_address(void **state)
{
    const struct fixture *fixture = *state;
    struct ble_key front = key_of("front", 1);
    struct ble_key back = key_of("back", 7);
    struct ble_key found;
    struct stat st;

    assert_int_equal(ble_keys_put(fixture->directory, &front), 0);
    assert_int_equal(ble_keys_put(fixture->directory, &back), 0);
    assert_int_equal(ble_keys_find(fixture->directory, "front", NULL, &found), 0);
    assert_memory_equal(&found, &front, sizeof(found));
    assert_int_equal(ble_keys_find(fixture->directory, "renamed", &back.address, &found), 0);
    assert_memory_equal(&found, &back, sizeof(found));
    front.address.type = BLE_ADDRESS_RANDOM;
    assert_int_equal(ble_keys_find(fixture->directory, "front", &front.address, &found), -ENOENT);
    assert_int_equal(stat(fixture->path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
}

static void put__same_lock_again__replaces_its_key_and_keeps_what_is_not_ours(void **state)
{
    const struct fixture *fixture = *state;
    struct ble_key key = key_of("front", 1);
    struct ble_key found;

    write_file(fixture,
               "{\"note\":\"mine\",\"locks\":[7,{\"address\":\"06:05:04:03:02:01\",\"target\":\"old\","
               "\"secret\":\"00\",\"label\":\"oak door\"},{\"address\":\"no\",\"target\":\"x\"}]}",
               0600);
    assert_int_equal(ble_keys_put(fixture->directory, &key), 0);
    assert_int_equal(ble_keys_find(fixture->directory, "front", NULL, &found), 0);
    assert_memory_equal(&found, &key, sizeof(found));
    assert_int_equal(ble_keys_find(fixture->directory, "old", NULL, &found), -ENOENT);
    assert_file_has(fixture, "mine");
    assert_file_has(fixture, "oak door");
    assert_file_has(fixture, "\"no\"");
}

static void put__another_lock_for_the_target__forgets_the_first(void **state)
{
    const struct fixture *fixture = *state;
    struct ble_key first = key_of("front", 1);
    struct ble_key second = key_of("front", 7);
    struct ble_key found;

    assert_int_equal(ble_keys_put(fixture->directory, &first), 0);
    assert_int_equal(ble_keys_put(fixture->directory, &second), 0);
    assert_int_equal(ble_keys_find(fixture->directory, "front", NULL, &found), 0);
    assert_memory_equal(&found, &second, sizeof(found));
    assert_int_equal(ble_keys_find(fixture->directory, "front", &first.address, &found), -ENOENT);
}

static void file__others_could_read_it__is_not_used_and_not_written(void **state)
{
    const struct fixture *fixture = *state;
    struct ble_key key = key_of("front", 1);
    struct ble_key found;

    assert_int_equal(ble_keys_put(fixture->directory, &key), 0);
    assert_int_equal(chmod(fixture->path, 0640), 0);
    assert_int_equal(ble_keys_find(fixture->directory, "front", NULL, &found), -EPERM);
    assert_int_equal(ble_keys_put(fixture->directory, &key), -EPERM);
    assert_int_equal(chmod(fixture->path, 0400), 0);
    assert_int_equal(ble_keys_find(fixture->directory, "front", NULL, &found), 0);
}

static void file__torn__is_not_used_and_not_written_over(void **state)
{
    static const char *const torn[] = { "", "{\"locks\":[{\"addr", "{\"locks\":{}}", "[]" };
    const struct fixture *fixture = *state;
    struct ble_key key = key_of("front", 1);

    for (size_t i = 0; i < sizeof(torn) / sizeof(torn[0]); i++) {
        struct ble_key found;
        struct stat st;

        write_file(fixture, torn[i], 0600);
        assert_int_equal(ble_keys_find(fixture->directory, "front", NULL, &found), -EBADMSG);
        assert_int_equal(ble_keys_put(fixture->directory, &key), -EBADMSG);
        assert_int_equal(stat(fixture->path, &st), 0);
        assert_int_equal(st.st_size, strlen(torn[i]));
    }
}

/* The root prints into the same buffer as long as it is large enough. */
static void file__saved__is_wiped_where_it_was_printed(void **state)
{
    const struct fixture *fixture = *state;
    const struct ble_key key = key_of("front", 7);
    cleanup_with(ble_file_close) struct ble_file file = { .lock = -1 };
    size_t len;

    assert_int_equal(ble_keys_put(fixture->directory, &key), 0);
    assert_int_equal(ble_file_open(fixture->directory, BLE_KEYS_FILE, &file), 0);
    const char *printed = json_object_to_json_string_length(file.root, JSON_C_TO_STRING_PRETTY, &len);

    assert_int_equal(ble_file_save(&file), 0);
    for (size_t i = 0; i < len; i++)
        assert_int_equal(printed[i], 0);
    assert_file_has(fixture, "front");
}

static void find__damaged_entry__is_said_and_none_is_made_up(void **state)
{
    static const char *const secrets[] = { "", "0", "0g", "AB" };
    const struct fixture *fixture = *state;

    for (size_t i = 0; i < sizeof(secrets) / sizeof(secrets[0]); i++) {
        char content[256];
        struct ble_key found;

        snprintf(content, sizeof(content),
                 "{\"locks\":[{\"address\":\"06:05:04:03:02:01\",\"target\":\"front\",\"protocol\":\"nuki\","
                 "\"secret\":\"%s\"}]}",
                 secrets[i]);
        write_file(fixture, content, 0600);
        assert_int_equal(ble_keys_find(fixture->directory, "front", NULL, &found), -EBADMSG);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(find__nothing_was_ever_paired__is_none, set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(put__two_locks__each_is_found_by_target_and_by_address, set_up,
                                        fixture_tear_down),
        cmocka_unit_test_setup_teardown(put__same_lock_again__replaces_its_key_and_keeps_what_is_not_ours,
                                        set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(put__another_lock_for_the_target__forgets_the_first, set_up,
                                        fixture_tear_down),
        cmocka_unit_test_setup_teardown(file__others_could_read_it__is_not_used_and_not_written, set_up,
                                        fixture_tear_down),
        cmocka_unit_test_setup_teardown(file__saved__is_wiped_where_it_was_printed, set_up,
                                        fixture_tear_down),
        cmocka_unit_test_setup_teardown(file__torn__is_not_used_and_not_written_over, set_up,
                                        fixture_tear_down),
        cmocka_unit_test_setup_teardown(find__damaged_entry__is_said_and_none_is_made_up, set_up,
                                        fixture_tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
