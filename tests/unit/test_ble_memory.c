/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test_ble_memory.c: what is known of locks comes back, for the same protocol only, and damage costs nothing
 * but finding it again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "gateway/base/file.h"
#include "hal/ble/ble_memory.h"
#include "tests/unit/ble_file_fixture.h"

#define WANTS 3

static const struct ble_address front = { .bytes = { 1, 2, 3, 4, 5, 6 } };
static const struct ble_address back = { .bytes = { 7, 2, 3, 4, 5, 6 } };
static const struct ble_memory known = {
    .cache = { .known = true, .at = { { 3, 4 }, { 0x1234, 0xffff }, { 0, 0 } } },
    .log_index = UINT32_MAX,
    .relock = true,
};

static int set_up(void **state)
{
    return fixture_set_up(state, BLE_MEMORY_FILE);
}

static void memory__of_a_lock__comes_back(void **state)
{
    const struct fixture *fixture = *state;
    struct ble_memory memory;

    assert_int_equal(ble_memory_put(fixture->directory, &front, "nuki", WANTS, &known), 0);
    assert_int_equal(ble_memory_put(fixture->directory, &back, "nuki", WANTS, &(struct ble_memory){ 0 }), 0);
    ble_memory_find(fixture->directory, &front, "nuki", WANTS, &memory);
    assert_memory_equal(&memory, &known, sizeof(memory));
    ble_memory_find(fixture->directory, &back, "nuki", WANTS, &memory);
    assert_false(memory.cache.known);
    assert_int_equal(memory.log_index, 0);
    assert_false(memory.relock);
}

static void memory__lock_that_is_locked_again__is_not_to_be(void **state)
{
    const struct fixture *fixture = *state;
    struct ble_memory memory = known;

    assert_int_equal(ble_memory_put(fixture->directory, &front, "nuki", WANTS, &known), 0);
    memory.relock = false;
    assert_int_equal(ble_memory_put(fixture->directory, &front, "nuki", WANTS, &memory), 0);
    ble_memory_find(fixture->directory, &front, "nuki", WANTS, &memory);
    assert_false(memory.relock);
    assert_true(memory.cache.known);
}

static void memory__handles_no_longer_known__are_forgotten(void **state)
{
    const struct fixture *fixture = *state;
    struct ble_memory memory = known;

    assert_int_equal(ble_memory_put(fixture->directory, &front, "nuki", WANTS, &known), 0);
    memory.cache.known = false;
    assert_int_equal(ble_memory_put(fixture->directory, &front, "nuki", WANTS, &memory), 0);
    ble_memory_find(fixture->directory, &front, "nuki", WANTS, &memory);
    assert_false(memory.cache.known);
    assert_int_equal(memory.log_index, UINT32_MAX);
}

static void memory__of_another_protocol_or_list__is_none(void **state)
{
    const struct fixture *fixture = *state;
    struct ble_memory memory;

    assert_int_equal(ble_memory_put(fixture->directory, &front, "nuki", WANTS, &known), 0);
    ble_memory_find(fixture->directory, &front, "other", WANTS, &memory);
    assert_false(memory.cache.known);
    assert_int_equal(memory.log_index, 0);
    ble_memory_find(fixture->directory, &front, "nuki", WANTS + 1, &memory);
    assert_false(memory.cache.known);
}

static void memory__damaged_file__is_begun_anew(void **state)
{
    const struct fixture *fixture = *state;
    struct ble_memory memory;

    assert_int_equal(file_write(fixture->path, "{\"locks", 7, 0644), 0);
    ble_memory_find(fixture->directory, &front, "nuki", WANTS, &memory);
    assert_false(memory.cache.known);
    assert_int_equal(ble_memory_put(fixture->directory, &front, "nuki", WANTS, &known), 0);
    ble_memory_find(fixture->directory, &front, "nuki", WANTS, &memory);
    assert_memory_equal(&memory, &known, sizeof(memory));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(memory__of_a_lock__comes_back, set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(memory__lock_that_is_locked_again__is_not_to_be, set_up,
                                        fixture_tear_down),
        cmocka_unit_test_setup_teardown(memory__handles_no_longer_known__are_forgotten, set_up,
                                        fixture_tear_down),
        cmocka_unit_test_setup_teardown(memory__of_another_protocol_or_list__is_none, set_up,
                                        fixture_tear_down),
        cmocka_unit_test_setup_teardown(memory__damaged_file__is_begun_anew, set_up, fixture_tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
