/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test_modbus_panel.c: what each kind of device is told and what is said of it, in order. */
#include "hal/modbus/modbus_panel_target.h"
#include "tests/unit/panel_fixture.h"

/* A board whose relay times its pulse */

static void release__board__is_one_write_that_the_device_times(void **state)
{
    struct bench bench;

    start_door(&bench);
    RELEASE(&bench, "front", 1, 650);
    HEARD(&bench, "05 0200=0007; 1 accepted");
    wait_ms(&bench, 699);
    HEARD(&bench, "");
    wait_ms(&bench, 100);
    HEARD(&bench, "1 completed");
    finish(&bench);
}

static void input__changes__is_told_once_by_its_polarity(void **state)
{
    struct bench bench;

    start_door(&bench);
    bench.cells[MODBUS_TABLE_DISCRETE][0] = 0;
    bench.cells[MODBUS_TABLE_DISCRETE][1] = 1;
    look(&bench);
    HEARD(&bench, "front contact 1; front rex 1");
    look(&bench);
    finish(&bench);
}

static void restart__releases_are_unknown_and_a_hold_is_written_again(void **state)
{
    struct bench bench;

    start_door(&bench);
    bench.profile.starts =
        (struct modbus_place){ .present = true, .table = MODBUS_TABLE_INPUT, .address = 9, .words = 1 };
    look(&bench);
    HOLD(&bench, "front", 1, true);
    RELEASE(&bench, "front", 2, 5000);
    look(&bench);
    HEARD(&bench, "05 0000=ff00; 1 completed; 2 accepted; front unlocked -");
    bench.cells[MODBUS_TABLE_INPUT][9] = 1;
    look(&bench);
    HEARD(&bench, "(the device has started anew); 2 unknown device_restarted; 05 0000=ff00");
    finish(&bench);
}

static void release__not_answered__is_unknown_and_read_back(void **state)
{
    struct bench bench;

    start_door(&bench);
    bench.next_write = MODBUS_RESULT_SILENT;
    RELEASE(&bench, "front", 1, 700);
    HEARD(&bench, "05 0200=0007; 1 unknown silent");
    bench.cells[MODBUS_TABLE_COIL][0] = 1;
    look(&bench);
    HEARD(&bench, "front unlocked -");
    finish(&bench);
}

static void release__refused_or_late__fails(void **state)
{
    struct bench bench;

    start_door(&bench);
    bench.next_write = MODBUS_RESULT_REFUSED;
    RELEASE(&bench, "front", 1, 700);
    RELEASE(&bench, "front", 2, 700, .deadline_us = bench.now_us - 1);
    RELEASE(&bench, "nowhere", 3, 700);
    HEARD(&bench, "05 0200=0007; 1 failed refused; 2 failed deadline; 3 failed unknown_target");
    finish(&bench);
}

static void lost__and_back__says_inputs_and_holds_again(void **state)
{
    struct bench bench;
    const char *reason;

    start_door(&bench);
    HOLD(&bench, "front", 1, true);
    look(&bench);
    HEARD(&bench, "05 0000=ff00; 1 completed; front unlocked -");
    bench.unit.ops->lost(bench.unit.self, bench.now_us);
    assert_int_equal(bench.unit.ops->health(bench.unit.self, &reason), DRIVER_HEALTH_DOWN);
    HEARD(&bench, "front unknown unknown"); /* nobody sees whether it is closed */
    bench.unit.ops->lost(bench.unit.self, bench.now_us);
    bench.cells[MODBUS_TABLE_COIL][0] = 0;
    look(&bench);
    HEARD(&bench, "front contact 0; front rex 0; front locked -; 05 0000=ff00");
    look(&bench);
    HEARD(&bench, "front unlocked -");
    finish(&bench);
}

static void probe__says_what_is_seen_now(void **state)
{
    struct bench bench;

    start_door(&bench);
    TELL(&bench, "", .kind = DRIVER_COMMAND_PROBE, .id = 4);
    HEARD(&bench, "front locked -; 4 completed");
    finish(&bench);
}

/* A relay that we must time */

static void release__timed_by_us__is_on_and_off(void **state)
{
    struct bench bench;

    start(&bench, "moxa-e1214", "gate", GATE, "gate locked -");
    RELEASE(&bench, "gate", 1, 700);
    HEARD(&bench, "05 0000=ff00; 1 accepted");
    wait_ms(&bench, 699);
    HEARD(&bench, "");
    wait_ms(&bench, 1);
    HEARD(&bench, "05 0000=0000");
    wait_ms(&bench, 1100);
    HEARD(&bench, "gate no_passage any; 1 completed no_passage");
    finish(&bench);
}

static void release__timed_by_us_in_doubt__is_off_at_once(void **state)
{
    struct bench bench;

    start(&bench, "moxa-e1214", "gate", GATE, "gate locked -");
    bench.next_write = MODBUS_RESULT_WRONG;
    RELEASE(&bench, "gate", 1, 700);
    HEARD(&bench, "05 0000=ff00; 1 unknown wrong_answer; 05 0000=0000");
    finish(&bench);
}

static void release__timed_by_us_refused__is_off_unless_another_runs(void **state)
{
    struct bench bench;

    start(&bench, "moxa-e1214", "gate", GATE, "gate locked -");
    bench.next_write = MODBUS_RESULT_REFUSED;
    RELEASE(&bench, "gate", 1, 700);
    HEARD(&bench, "05 0000=ff00; 1 failed refused; 05 0000=0000");
    RELEASE(&bench, "gate", 2, 700);
    bench.next_write = MODBUS_RESULT_REFUSED;
    RELEASE(&bench, "gate", 3, 700);
    HEARD(&bench, "05 0000=ff00; 2 accepted; 05 0000=ff00; 3 failed refused");
    wait_ms(&bench, 700);
    HEARD(&bench, "05 0000=0000");
    wait_ms(&bench, 1100);
    HEARD(&bench, "gate no_passage any; 2 completed no_passage");
    finish(&bench);
}

static void off__not_confirmed__is_wanted_until_it_is(void **state)
{
    struct bench bench;

    start(&bench, "moxa-e1214", "gate", GATE, "gate locked -");
    RELEASE(&bench, "gate", 1, 700);
    wait_ms(&bench, 699);
    HEARD(&bench, "05 0000=ff00; 1 accepted");
    bench.next_write = MODBUS_RESULT_SILENT;
    wait_ms(&bench, 1);
    HEARD(&bench, "05 0000=0000; 05 0000=0000"); /* there was a look between them */
    look(&bench);
    bench.unit.ops->lost(bench.unit.self, bench.now_us + HOUR_US);
    HEARD(&bench, "1 unknown device_down");
    finish(&bench);
}

static void leave__off_not_answered__is_written_again_at_once(void **state)
{
    struct bench bench;

    start(&bench, "moxa-e1214", "gate", GATE, "gate locked -");
    RELEASE(&bench, "gate", 1, 700);
    bench.next_write = MODBUS_RESULT_SILENT;
    bench.unit.ops->leave(bench.unit.self, bench.now_us);
    run(&bench);
    HEARD(&bench, "05 0000=ff00; 1 accepted; 05 0000=0000; 05 0000=0000");
    finish(&bench);
}

static void leave__device_is_away__writes_off_before_it_looks(void **state)
{
    struct modbus_request request;
    struct bench bench;

    start(&bench, "moxa-e1214", "gate", GATE, "gate locked -");
    RELEASE(&bench, "gate", 1, 700);
    HEARD(&bench, "05 0000=ff00; 1 accepted");
    bench.unit.ops->lost(bench.unit.self, bench.now_us);
    bench.unit.ops->leave(bench.unit.self, bench.now_us);
    assert_int_equal(bench.unit.ops->want(bench.unit.self, bench.now_us, &request), MODBUS_URGENCY_RELEASE);
    assert_int_equal(request.kind, MODBUS_REQUEST_WRITE_COIL);
    assert_int_equal(request.words[0], 0);
    finish(&bench);
}

static void off__vehicle_present__waits(void **state)
{
    struct bench bench;

    start(&bench, "moxa-e1214", "gate", GATE, "gate locked -");
    RELEASE(&bench, "gate", 1, 700);
    bench.cells[MODBUS_TABLE_DISCRETE][1] = 1;
    wait_ms(&bench, 900);
    HEARD(&bench, "05 0000=ff00; 1 accepted; gate locked - vehicle");
    bench.cells[MODBUS_TABLE_INPUT][16 + 5] = 1; /* counter 2, low word */
    bench.cells[MODBUS_TABLE_DISCRETE][1] = 0;
    look(&bench);
    HEARD(&bench, "gate passage any 1; 1 completed; gate locked -; 05 0000=0000");
    finish(&bench);
}

static void counter__wraps_and_restarts__counts_people(void **state)
{
    struct bench bench;
    struct json_error error = { 0 };

    assert_int_equal(make(&bench, "moxa-e1214", "gate", GATE, &error), 0);
    uint16_t *counter = &bench.cells[MODBUS_TABLE_INPUT][16 + 4];

    counter[1] = 3; /* who passed before is no news */
    run(&bench);
    HEARD(&bench, "gate locked -");
    counter[0] = counter[1] = UINT16_MAX;
    look(&bench);
    counter[0] = 0;
    counter[1] = 1;
    look(&bench);
    HEARD(&bench, "gate passage any 2");
    counter[0] = 5;
    look(&bench); /* a jump that no people make */
    counter[0] = 0;
    counter[1] = 3;
    look(&bench); /* the device has restarted, unsaid */
    HEARD(&bench, "gate passage any 3");
    finish(&bench);
}

/* A pulse that is set up first */

static void release__pulse_registers__are_set_once(void **state)
{
    struct bench bench;

    start(&bench, "moxa-e1214", "lock",
          "{\"wiring\":[{\"target\":\"lock\",\"release\":\"pulse1\",\"contact\":\"di0\"}]}",
          "lock contact 0");
    RELEASE(&bench, "lock", 1, 700);
    HEARD(&bench, "10 0026=00000001; 06 0035=0001; 05 0011=ff00; 1 accepted");
    wait_ms(&bench, 1600);
    HEARD(&bench, "1 completed"); /* after the least that the device can: 1.5 s */
    RELEASE(&bench, "lock", 2, 1501);
    HEARD(&bench, "06 0035=0002; 05 0011=ff00; 2 accepted");
    RELEASE(&bench, "lock", 3, 3000);
    HEARD(&bench, "05 0011=ff00; 3 accepted");
    HOLD(&bench, "lock", 4, true);
    HEARD(&bench, "4 failed not_supported");
    bench.unit.ops->lost(bench.unit.self, bench.now_us);
    look(&bench);
    HEARD(&bench, "lock unknown unknown; lock contact 0");
    bench.next_write = MODBUS_RESULT_SILENT;
    RELEASE(&bench, "lock", 5, 700);
    HEARD(&bench, "10 0026=00000001; 5 failed silent");
    RELEASE(&bench, "lock", 6, 700, .deadline_us = bench.now_us + 1);
    HEARD(&bench, "10 0026=00000001; 06 0035=0001; 05 0011=ff00; 6 accepted");
    bench.next_write = MODBUS_RESULT_WRONG;
    RELEASE(&bench, "lock", 7, 2000);
    RELEASE(&bench, "lock", 8, 2000);
    HEARD(&bench, "06 0035=0002; 7 failed wrong_answer; 06 0035=0002; 05 0011=ff00; 8 accepted");
    wait_ms(&bench, 4000);
    HEARD(&bench, "6 completed; 2 completed; 3 completed; 8 completed");
    finish(&bench);
}

/* A barrier */

static void barrier__opens_and_closes__is_told_as_it_goes(void **state)
{
    static const struct {
        uint16_t word;
        const char *said;
    } states[] = {
        { 32, "lane moving opening" }, { 16, "lane unlocked open" },  { 33, "lane moving closing" },
        { 19, "lane unknown open" },   { 17, "lane locked closed" },  { 34, "lane moving opening" },
        { 18, "lane unlocked open" },  { 3, "lane unknown unknown" },
    };
    struct bench bench;
    struct json_error error = { 0 };

    assert_int_equal(make(&bench, "came-zlb30b", "lane", NULL, &error), 0);
    bench.cells[MODBUS_TABLE_HOLDING][100] = 17;
    run(&bench);
    HEARD(&bench, "lane locked closed");
    RELEASE(&bench, "lane", 1, 5000);
    HEARD(&bench, "05 0001=ff00; 1 accepted");
    for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
        bench.cells[MODBUS_TABLE_HOLDING][100] = states[i].word;
        look(&bench);
        HEARD(&bench, states[i].said);
    }
    wait_ms(&bench, 5000);
    HEARD(&bench, "05 0003=ff00; 1 completed");
    HOLD(&bench, "lane", 2, true);
    TELL(&bench, "lane", .kind = DRIVER_COMMAND_LOCK, .id = 3);
    HEARD(&bench, "05 0001=ff00; 2 completed; 05 0003=ff00; 3 completed");
    finish(&bench);
}

/* A turnstile of contacts */

static void turnstile__passed__completes_its_direction(void **state)
{
    struct bench bench;

    start_turnstile(&bench);
    RELEASE(&bench, "gate", 1, 700, ENTRY);
    RELEASE(&bench, "gate", 2, 700, EXIT);
    RELEASE(&bench, "gate", 3, 700);
    HEARD(&bench, "05 0200=0007; 1 accepted; 05 0201=0007; 2 accepted; 3 failed direction");
    bench.cells[MODBUS_TABLE_DISCRETE][1] = 1;
    look(&bench);
    HEARD(&bench, "gate passage exit 1; 2 completed");
    look(&bench);
    bench.cells[MODBUS_TABLE_DISCRETE][1] = 0;
    look(&bench);
    bench.cells[MODBUS_TABLE_DISCRETE][1] = 1;
    look(&bench);
    HEARD(&bench, "gate passage exit 1"); /* free-out, or somebody forced it */
    wait_ms(&bench, 700 + bench.profile.timing.passage);
    HEARD(&bench, "gate no_passage entry; 1 completed no_passage");
    finish(&bench);
}

static void turnstile__not_ready__refuses_and_is_degraded_if_it_lasts(void **state)
{
    struct bench bench;
    const char *reason;

    start_turnstile(&bench);
    bench.cells[MODBUS_TABLE_DISCRETE][3] = 0;
    bench.cells[MODBUS_TABLE_DISCRETE][2] = 1;
    look(&bench);
    HEARD(&bench, "gate tamper 1");
    RELEASE(&bench, "gate", 1, 700, ENTRY);
    HEARD(&bench, "1 failed not_ready");
    wait_ms(&bench, MODBUS_READY_MS - 1000);
    assert_int_equal(bench.unit.ops->health(bench.unit.self, &reason), DRIVER_HEALTH_UP);
    wait_ms(&bench, 2000);
    assert_int_equal(bench.unit.ops->health(bench.unit.self, &reason), DRIVER_HEALTH_DEGRADED);
    bench.cells[MODBUS_TABLE_DISCRETE][3] = 1;
    look(&bench);
    assert_int_equal(bench.unit.ops->health(bench.unit.self, &reason), DRIVER_HEALTH_UP);
    finish(&bench);
}

static void turnstile__many_released__more_are_refused(void **state)
{
    struct bench bench;

    start_turnstile(&bench);
    for (int64_t id = 1; id <= 4; id++)
        RELEASE(&bench, "gate", id, 700, ENTRY);
    text_reset(&bench.heard);
    RELEASE(&bench, "gate", 5, 700, ENTRY);
    HEARD(&bench, "5 failed busy");
    finish(&bench);
}

static void turnstile__released_both_ways_before_either_is_written__last_is_refused(void **state)
{
    struct bench bench;
    const struct driver_command entry = { .kind = DRIVER_COMMAND_RELEASE,
                                          .id = 4,
                                          .pulse_ms = 700,
                                          .deadline_us = DEADLINE_OFF,
                                          .target = "gate",
                                          ENTRY };

    start_turnstile(&bench);
    for (int64_t id = 1; id <= 3; id++)
        RELEASE(&bench, "gate", id, 700, ENTRY);
    text_reset(&bench.heard);
    bench.unit.ops->command(bench.unit.self, &entry, bench.now_us);
    RELEASE(&bench, "gate", 5, 700, EXIT);
    HEARD(&bench, "5 failed busy; 05 0200=0007; 4 accepted");
    finish(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(release__board__is_one_write_that_the_device_times),
        cmocka_unit_test(input__changes__is_told_once_by_its_polarity),
        cmocka_unit_test(restart__releases_are_unknown_and_a_hold_is_written_again),
        cmocka_unit_test(release__not_answered__is_unknown_and_read_back),
        cmocka_unit_test(release__refused_or_late__fails),
        cmocka_unit_test(lost__and_back__says_inputs_and_holds_again),
        cmocka_unit_test(probe__says_what_is_seen_now),
        cmocka_unit_test(release__timed_by_us__is_on_and_off),
        cmocka_unit_test(release__timed_by_us_in_doubt__is_off_at_once),
        cmocka_unit_test(release__timed_by_us_refused__is_off_unless_another_runs),
        cmocka_unit_test(off__not_confirmed__is_wanted_until_it_is),
        cmocka_unit_test(leave__off_not_answered__is_written_again_at_once),
        cmocka_unit_test(leave__device_is_away__writes_off_before_it_looks),
        cmocka_unit_test(off__vehicle_present__waits),
        cmocka_unit_test(counter__wraps_and_restarts__counts_people),
        cmocka_unit_test(release__pulse_registers__are_set_once),
        cmocka_unit_test(barrier__opens_and_closes__is_told_as_it_goes),
        cmocka_unit_test(turnstile__passed__completes_its_direction),
        cmocka_unit_test(turnstile__not_ready__refuses_and_is_degraded_if_it_lasts),
        cmocka_unit_test(turnstile__many_released__more_are_refused),
        cmocka_unit_test(turnstile__released_both_ways_before_either_is_written__last_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
