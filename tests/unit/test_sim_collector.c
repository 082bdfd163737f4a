/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The simulated turnstile: people who present cards, pass, hesitate or turn back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include <errno.h>

#include "gateway/base/clock.h"
#include "tools/sim/collector.h"

#define ON 0xff00

static void ignore(void *userdata, int64_t now_us, const char *line)
{
}

static struct collector make(int64_t auto_pass_ms)
{
    struct collector collector;

    collector_init(&collector, auto_pass_ms, ignore, NULL);
    assert_int_equal(collector_write_holding(&collector, 0, 2, 7), 0);
    return collector;
}

static void slot__full__refuses_until_acknowledged(void **state)
{
    struct collector collector = make(-1);

    assert_int_equal(collector_present(&collector, 0, 0, (uint8_t[]){ 0x04, 0xa1, 0xb2 }, 3), 0);
    assert_int_equal(collector.inputs[2], 1);
    assert_int_equal(collector.inputs[16], 3);
    assert_int_equal(collector.inputs[17], 0x04a1);
    assert_int_equal(collector.inputs[18], 0xb200);
    assert_int_equal(collector_present(&collector, 0, 0, (uint8_t[]){ 1 }, 1), -EBUSY);
    assert_int_equal(collector_write_holding(&collector, 0, 0, 9), 0); /* another number */
    assert_int_equal(collector.inputs[2], 1);
    assert_int_equal(collector_write_holding(&collector, 0, 0, 1), 0);
    assert_int_equal(collector.inputs[2], 0);
    assert_int_equal(collector_present(&collector, 0, 0, (uint8_t[]){ 1 }, 1), 0);
    assert_int_equal(collector.inputs[2], 2);
}

static void pass__released__counts_and_locks(void **state)
{
    struct collector collector = make(-1);

    assert_int_equal(collector_pass(&collector, 0, 0), -EBUSY);
    assert_int_equal(collector_write_coil(&collector, 0, 0, ON), 0);
    assert_int_equal(collector_write_coil(&collector, 0, 0, ON), 0);
    assert_int_equal(collector_pass(&collector, 1, 0), 0);
    assert_int_equal(collector.coils[0], 1);
    assert_int_equal(collector_pass(&collector, 2, 0), 0);
    assert_int_equal(collector.coils[0], 0);
    assert_int_equal(collector.inputs[5], 2);
    assert_int_equal(collector_turn(&collector, 700 * USEC_PER_MSEC), INT64_MAX);
    assert_int_equal(collector.discretes[0], 0);
}

static void turn__nobody_passes__times_out(void **state)
{
    struct collector collector = make(-1);

    assert_int_equal(collector_write_coil(&collector, 0, 0, ON), 0);
    assert_int_equal(collector_turn(&collector, 1), 700 * USEC_PER_MSEC);
    assert_int_equal(collector.coils[0], 1);
    collector_turn(&collector, 700 * USEC_PER_MSEC);
    assert_int_equal(collector.coils[0], 0);
    assert_int_equal(collector.discretes[0], 1);
    assert_int_equal(collector_write_coil(&collector, 0, 0, ON), 0);
    assert_int_equal(collector.discretes[0], 0);
}

static void turn__automatic_people__pass_unless_told_otherwise(void **state)
{
    struct collector collector = make(100);

    assert_int_equal(collector_write_coil(&collector, 0, 0, ON), 0);
    assert_int_equal(collector_turn(&collector, 1), 100 * USEC_PER_MSEC);
    collector_turn(&collector, 100 * USEC_PER_MSEC);
    assert_int_equal(collector.inputs[5], 1);
    collector_hesitate(&collector, 0, 0);
    assert_int_equal(collector_write_coil(&collector, 0, 0, ON), 0);
    assert_int_equal(collector_turn(&collector, 1), 700 * USEC_PER_MSEC);
    collector_turn(&collector, 700 * USEC_PER_MSEC);
    assert_int_equal(collector.discretes[0], 1);
    collector_turn_back(&collector, 0, 0);
    assert_int_equal(collector_write_coil(&collector, 0, 0, ON), 0);
    assert_int_equal(collector.coils[0], 0);
    assert_int_equal(collector.discretes[0], 1);
}

static void write__no_such_address__is_refused(void **state)
{
    struct collector collector = make(-1);

    assert_int_equal(collector_write_coil(&collector, 0, 2, ON), -EINVAL);
    assert_int_equal(collector_write_coil(&collector, 0, 0, 7), -EINVAL);
    assert_int_equal(collector_write_holding(&collector, 0, COLLECTOR_HOLDINGS, 0), -EINVAL);
}

static void restart__counters_and_slots__are_gone(void **state)
{
    struct collector collector = make(-1);

    assert_int_equal(collector_present(&collector, 0, 1, (uint8_t[]){ 1 }, 1), 0);
    assert_int_equal(collector_write_coil(&collector, 0, 1, ON), 0);
    collector_restart(&collector, 0);
    assert_int_equal(collector.inputs[1], 2);
    assert_int_equal(collector.inputs[3], 0);
    assert_int_equal(collector.coils[1], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slot__full__refuses_until_acknowledged),
        cmocka_unit_test(pass__released__counts_and_locks),
        cmocka_unit_test(turn__nobody_passes__times_out),
        cmocka_unit_test(turn__automatic_people__pass_unless_told_otherwise),
        cmocka_unit_test(write__no_such_address__is_refused),
        cmocka_unit_test(restart__counters_and_slots__are_gone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
