/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test_modbus_panel_hold.c: outputs that are held, those that come to nothing, and those of a device that is
 * away. */
#include "tests/unit/panel_fixture.h"

static struct driver_command hold_of(int64_t id, bool on, int64_t deadline_us, const char *target)
{
    struct driver_command hold = {
        .kind = DRIVER_COMMAND_HOLD, .id = id, .on = on, .deadline_us = deadline_us
    };

    text_copy(hold.target, sizeof(hold.target), target);
    return hold;
}

static void hold__board__is_written_and_kept(void **state)
{
    struct bench bench;

    start_door(&bench);
    HOLD(&bench, "front", 1, true);
    HEARD(&bench, "05 0000=ff00; 1 completed");
    look(&bench);
    HEARD(&bench, "front unlocked -");
    RELEASE(&bench, "front", 2, 100);
    HEARD(&bench, "2 accepted"); /* a pulse would end the hold */
    wait_ms(&bench, 200);
    HEARD(&bench, "2 completed");
    bench.cells[MODBUS_TABLE_COIL][0] = 0; /* the board lost its supply for a moment */
    look(&bench);
    HEARD(&bench, "(relay1: is off, which nobody told it); front locked -; 05 0000=ff00");
    look(&bench);
    HEARD(&bench, "front unlocked -");
    HOLD(&bench, "front", 3, false);
    HEARD(&bench, "05 0000=0000; 3 completed");
    finish(&bench);
}

static void hold_off__during_a_pulse__does_not_end_it(void **state)
{
    struct bench bench;

    start_door(&bench);
    RELEASE(&bench, "front", 1, 700);
    HOLD(&bench, "front", 2, false);
    HEARD(&bench, "05 0200=0007; 1 accepted; 2 completed");
    wait_ms(&bench, 800);
    HEARD(&bench, "1 completed");
    finish(&bench);
}

static void hold_off__somebody_was_released_meanwhile__waits_for_him(void **state)
{
    struct bench bench;

    start_door(&bench);
    HOLD(&bench, "front", 1, true);
    RELEASE(&bench, "front", 2, 700);
    HOLD(&bench, "front", 3, false);
    HEARD(&bench, "05 0000=ff00; 1 completed; 2 accepted; 3 completed");
    wait_ms(&bench, 699);
    HEARD(&bench, "");
    wait_ms(&bench, 1);
    HEARD(&bench, "05 0000=0000; 2 completed");
    finish(&bench);
}

static void hold__refused__fails_and_is_tried_after_each_look(void **state)
{
    struct bench bench;
    const char *reason;

    start_door(&bench);
    bench.next_write = MODBUS_RESULT_REFUSED;
    HOLD(&bench, "front", 1, true);
    HEARD(&bench, "05 0000=ff00; 1 failed refused");
    assert_int_equal(bench.unit.ops->health(bench.unit.self, &reason), DRIVER_HEALTH_DEGRADED);
    look(&bench);
    HEARD(&bench, "05 0000=ff00");
    assert_int_equal(bench.unit.ops->health(bench.unit.self, &reason), DRIVER_HEALTH_UP);
    look(&bench);
    HEARD(&bench, "front unlocked -");
    finish(&bench);
}

static void hold__past_its_deadline__is_not_carried_out_later(void **state)
{
    struct bench bench;

    start_door(&bench);
    TELL(&bench, "front", .kind = DRIVER_COMMAND_HOLD, .id = 1, .on = true, .deadline_us = bench.now_us - 1);
    HEARD(&bench, "1 failed deadline");
    look(&bench);
    look(&bench);
    finish(&bench);
}

static void hold__told_otherwise_before_it_was_written__is_superseded(void **state)
{
    const struct driver_command hold = {
        .kind = DRIVER_COMMAND_HOLD, .id = 1, .on = true, .deadline_us = DEADLINE_OFF, .target = "front"
    };
    struct bench bench;

    start_door(&bench);
    bench.unit.ops->command(bench.unit.self, &hold, bench.now_us);
    HOLD(&bench, "front", 2, false);
    HEARD(&bench, "1 failed superseded; 05 0000=0000; 2 completed");
    finish(&bench);
}

static void hold__both_directions__completes_with_the_last(void **state)
{
    struct bench bench;

    start_turnstile(&bench);
    HOLD(&bench, "gate", 1, true);
    HEARD(&bench, "05 0000=ff00; 05 0001=ff00; 1 completed");
    TELL(&bench, "gate", .kind = DRIVER_COMMAND_HOLD, .id = 2, .on = false, EXIT);
    HEARD(&bench, "05 0001=0000; 2 completed");
    finish(&bench);
}

static void hold__late__leaves_the_end_of_a_pulse_as_it_was(void **state)
{
    struct bench bench;

    start(&bench, "moxa-e1214", "gate", GATE, "gate locked -");
    RELEASE(&bench, "gate", 1, 700);
    TELL(&bench, "gate", .kind = DRIVER_COMMAND_HOLD, .id = 2, .on = true, .deadline_us = bench.now_us - 1);
    HEARD(&bench, "05 0000=ff00; 1 accepted; 2 failed deadline");
    wait_ms(&bench, 700);
    HEARD(&bench, "05 0000=0000");
    wait_ms(&bench, 1100);
    HEARD(&bench, "gate no_passage any; 1 completed no_passage");
    finish(&bench);
}

static void hold__late_and_released_meanwhile__ends_the_pulse(void **state)
{
    struct bench bench;

    start(&bench, "moxa-e1214", "gate", GATE, "gate locked -");
    const struct driver_command hold = hold_of(1, true, bench.now_us, "gate");

    bench.unit.ops->command(bench.unit.self, &hold, bench.now_us++);
    RELEASE(&bench, "gate", 2, 700);
    HEARD(&bench, "05 0000=ff00; 2 accepted; 1 failed deadline");
    wait_ms(&bench, 700);
    HEARD(&bench, "05 0000=0000");
    wait_ms(&bench, 1100);
    HEARD(&bench, "gate no_passage any; 2 completed no_passage");
    finish(&bench);
}

static void hold_off__late_after_one_in_doubt__is_still_wanted(void **state)
{
    struct bench bench;

    start(&bench, "moxa-e1214", "gate", GATE, "gate locked -");
    bench.next_write = MODBUS_RESULT_SILENT;
    HOLD(&bench, "gate", 1, false);
    TELL(&bench, "gate", .kind = DRIVER_COMMAND_HOLD, .id = 2, .on = true, .deadline_us = bench.now_us - 1);
    HEARD(&bench, "05 0000=0000; 1 unknown silent; 2 failed deadline; 05 0000=0000");
    finish(&bench);
}

static void hold__first_of_two_outputs_is_late__second_is_not_written(void **state)
{
    struct bench bench;

    start_turnstile(&bench);
    TELL(&bench, "gate", .kind = DRIVER_COMMAND_HOLD, .id = 1, .on = true, .deadline_us = bench.now_us - 1);
    HEARD(&bench, "1 failed deadline");
    look(&bench);
    finish(&bench);
}

static void hold__lost_before_it_was_written__is_not_written_later(void **state)
{
    struct bench bench;

    start_door(&bench);
    const struct driver_command hold = hold_of(1, true, DEADLINE_OFF, "front");

    bench.unit.ops->command(bench.unit.self, &hold, bench.now_us);
    bench.unit.ops->lost(bench.unit.self, bench.now_us);
    HEARD(&bench, "1 failed device_down; front unknown unknown");
    look(&bench);
    HEARD(&bench, DOOR_SAYS);
    finish(&bench);
}

static void let_go__while_lost__is_written_off(void **state)
{
    const struct driver_command lock = { .kind = DRIVER_COMMAND_LOCK, .target = "front" };
    struct bench bench;

    start_door(&bench);
    HOLD(&bench, "front", 1, true);
    HEARD(&bench, "05 0000=ff00; 1 completed");
    bench.unit.ops->lost(bench.unit.self, bench.now_us);
    bench.unit.ops->let_go(bench.unit.self, &lock, bench.now_us);
    bench.cells[MODBUS_TABLE_COIL][0] = 0;
    look(&bench);
    HEARD(&bench, "front unknown unknown; " DOOR_SAYS "; 05 0000=0000");
    finish(&bench);
}

static void forget__while_lost__leaves_it_as_it_is_found(void **state)
{
    struct bench bench;

    start_door(&bench);
    HOLD(&bench, "front", 1, true);
    RELEASE(&bench, "front", 2, 60000);
    HEARD(&bench, "05 0000=ff00; 1 completed; 2 accepted");
    bench.unit.ops->lost(bench.unit.self, bench.now_us);
    bench.unit.ops->forget(bench.unit.self);
    look(&bench);
    HEARD(&bench, "front unknown unknown; front contact 0; front rex 0; front unlocked -");
    HOLD(&bench, "front", 3, false);
    HEARD(&bench, "05 0000=0000; 3 completed"); /* although the pulse is not over */
    wait_ms(&bench, 60000);
    HEARD(&bench, "2 completed");
    finish(&bench);
}

static void hold_off__released_before_it_was_written__stays_let_go(void **state)
{
    struct bench bench;

    start(&bench, "moxa-e1214", "gate", GATE, "gate locked -");
    HOLD(&bench, "gate", 1, true);
    look(&bench);
    bench.unit.ops->lost(bench.unit.self, bench.now_us);
    look(&bench);
    text_reset(&bench.heard);
    const struct driver_command off = hold_of(2, false, DEADLINE_OFF, "gate");

    bench.unit.ops->command(bench.unit.self, &off, bench.now_us);
    RELEASE(&bench, "gate", 3, 700);
    HEARD(&bench, "05 0000=ff00; 3 accepted; 05 0000=ff00; 2 completed");
    wait_ms(&bench, 700);
    HEARD(&bench, "05 0000=0000");
    wait_ms(&bench, 1100);
    HEARD(&bench, "gate no_passage any; 3 completed no_passage");
    finish(&bench);
}

static void hold_off__register_of_the_same_number__is_told_from_the_coil(void **state)
{
    struct bench bench;
    struct json_error error = { 0 };

    assert_int_equal(make(&bench, "came-zlb30b", "lane", NULL, &error), 0);
    bench.profile.panel.outputs[0].off = (struct modbus_write){ true, MODBUS_TABLE_HOLDING, 1, 0xff00 };
    bench.cells[MODBUS_TABLE_HOLDING][100] = 17;
    run(&bench);
    HEARD(&bench, "lane locked closed");
    HOLD(&bench, "lane", 1, true);
    HOLD(&bench, "lane", 2, false);
    HEARD(&bench, "05 0001=ff00; 1 completed; 06 0001=ff00; 2 completed");
    finish(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hold__board__is_written_and_kept),
        cmocka_unit_test(hold_off__during_a_pulse__does_not_end_it),
        cmocka_unit_test(hold_off__somebody_was_released_meanwhile__waits_for_him),
        cmocka_unit_test(hold__refused__fails_and_is_tried_after_each_look),
        cmocka_unit_test(hold__past_its_deadline__is_not_carried_out_later),
        cmocka_unit_test(hold__told_otherwise_before_it_was_written__is_superseded),
        cmocka_unit_test(hold__both_directions__completes_with_the_last),
        cmocka_unit_test(hold__late__leaves_the_end_of_a_pulse_as_it_was),
        cmocka_unit_test(hold__late_and_released_meanwhile__ends_the_pulse),
        cmocka_unit_test(hold_off__late_after_one_in_doubt__is_still_wanted),
        cmocka_unit_test(hold__first_of_two_outputs_is_late__second_is_not_written),
        cmocka_unit_test(hold__lost_before_it_was_written__is_not_written_later),
        cmocka_unit_test(let_go__while_lost__is_written_off),
        cmocka_unit_test(forget__while_lost__leaves_it_as_it_is_found),
        cmocka_unit_test(hold_off__released_before_it_was_written__stays_let_go),
        cmocka_unit_test(hold_off__register_of_the_same_number__is_told_from_the_coil),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
