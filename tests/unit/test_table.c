/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Records by id: found however many there are, and walked in the order of their making. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include <stdio.h>

#include "gateway/core/table.h"

#define RECORDS 3000

struct record {
    struct table_node node;
    int number;
};

static void add(struct table *table, int number)
{
    char id[16];

    snprintf(id, sizeof(id), "id%d", number);
    struct record *record = table_get(table, id, sizeof(*record));

    assert_non_null(record);
    assert_int_equal(record->number, 0);
    record->number = number;
}

static const struct record *find(const struct table *table, int number)
{
    char id[16];

    snprintf(id, sizeof(id), "id%d", number);
    return table_find(table, id);
}

static void table__however_many__each_is_found(void **state)
{
    struct table table = { 0 };

    assert_null(find(&table, 1));
    for (int i = 1; i <= RECORDS; i++) {
        add(&table, i);
        for (int k = 1; k <= i; k += 1 + RECORDS / 100)
            assert_int_equal(find(&table, k)->number, k);
        assert_null(find(&table, i + 1));
    }
    assert_int_equal(table.count, RECORDS);
    table_finish(&table, NULL);
}

static void table__two_ids_of_one_hash__are_two(void **state)
{
    struct table table = { 0 };
    struct record *costarring = table_get(&table, "costarring", sizeof(*costarring));
    struct record *liquid = table_get(&table, "liquid", sizeof(*liquid));

    assert_int_equal(costarring->node.hash, liquid->node.hash);
    assert_ptr_not_equal(costarring, liquid);
    assert_ptr_equal(table_find(&table, "costarring"), costarring);
    assert_ptr_equal(table_find(&table, "liquid"), liquid);
    table_finish(&table, NULL);
}

static void table__walked__oldest_first_and_on_to_what_is_added(void **state)
{
    struct table table = { 0 };
    int number = 0;

    for (int i = 1; i <= 20; i++)
        add(&table, i);
    for (const struct record *record = NULL; (record = table_next(&table, record));) {
        assert_int_equal(record->number, ++number);
        if (number == 10)
            for (int i = 21; i <= 200; i++)
                add(&table, i);
    }
    assert_int_equal(number, 200);
    table_finish(&table, NULL);
}

static void table__finished__is_empty(void **state)
{
    struct table table = { 0 };

    table_finish(&table, NULL);
    add(&table, 1);
    table_finish(&table, NULL);
    assert_null(find(&table, 1));
    assert_null(table_next(&table, NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(table__however_many__each_is_found),
        cmocka_unit_test(table__two_ids_of_one_hash__are_two),
        cmocka_unit_test(table__walked__oldest_first_and_on_to_what_is_added),
        cmocka_unit_test(table__finished__is_empty),
    };

    return cmocka_run_group_tests_name("table", tests, NULL, NULL);
}
