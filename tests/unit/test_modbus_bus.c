/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test_modbus_bus.c: the scheduler with simulated time: a line whose bytes take their time, units that want
 * what the test says, some of them dead. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include <string.h>

#include "gateway/base/clock.h"
#include "hal/modbus/modbus_bus.h"
#include "hal/modbus/modbus_frame.h"

#define TURNAROUND_US 5000 /* of a unit */
#define RESPONSE_MS   100
#define LATE_MS       200
#define WAITS_MAX     4096

static const struct modbus_wire rtu_9600 = { 9600, 11 };
static const struct modbus_wire tcp = { 0 };

/* A unit that wants one register again and again, and releases when it is told to. */
struct fake {
    bool dead;
    bool wrong;
    const char *heard; /* of a dead one: what comes instead of its answer */
    bool seen;
    int64_t poll_us; /* 0: always wants to be polled */
    int64_t next_us;
    int64_t release_us; /* when it was commanded; 0: none waits */
    int64_t deadline_us;
    unsigned polls;
    unsigned lost;
    unsigned let_go;
    enum modbus_result released; /* what the last release came to */
    unsigned releases;
    int64_t begun_us; /* of the last release */
};

struct world {
    struct modbus_bus bus;
    struct fake fakes[MODBUS_UNITS_MAX];
    int64_t now_us;
    int64_t answer_us; /* when the answer under way is there; INT64_MAX: never */
    int64_t sent_end_us;
    unsigned sent;
    unsigned closed;
};

static enum modbus_urgency want(void *self, int64_t now_us, struct modbus_request *ret_request)
{
    struct fake *fake = self;

    if (fake->release_us != 0) {
        *ret_request = modbus_unit_write(MODBUS_REQUEST_WRITE_COIL, 0, 0xff00, fake->deadline_us, 1);
        return MODBUS_URGENCY_RELEASE;
    }
    if (now_us < fake->next_us)
        return MODBUS_URGENCY_NONE;
    *ret_request = modbus_unit_read((struct modbus_range){ MODBUS_TABLE_DISCRETE, 0, 8 }, 0);
    return MODBUS_URGENCY_POLL;
}

static int64_t due_us(const void *self)
{
    return ((const struct fake *)self)->next_us;
}

static void answer(void *self, const struct modbus_request *request, const struct modbus_answer *answer)
{
    struct fake *fake = self;

    if (request->tag == 1) {
        fake->released = answer->result;
        fake->releases++;
        fake->release_us = 0;
        fake->begun_us = answer->begun_us;
        return;
    }
    fake->polls++;
    fake->next_us = answer->begun_us + fake->poll_us;
    fake->seen = fake->seen || answer->result == MODBUS_RESULT_OK;
}

static void command(void *self, const struct driver_command *command, int64_t now_us)
{
    struct fake *fake = self;

    fake->release_us = now_us;
    fake->deadline_us = command->deadline_us;
}

static void lost(void *self, int64_t now_us)
{
    struct fake *fake = self;

    fake->lost++;
    fake->seen = false;
}

static void let_go(void *self, const struct driver_command *command, int64_t now_us)
{
    ((struct fake *)self)->let_go++;
}

static enum driver_health health(const void *self, const char **ret_reason)
{
    *ret_reason = NULL;
    return ((const struct fake *)self)->seen ? DRIVER_HEALTH_UP : DRIVER_HEALTH_DOWN;
}

static void free_fake(void *self)
{
}

static const struct modbus_unit_ops ops = { .want = want,
                                            .due_us = due_us,
                                            .answer = answer,
                                            .command = command,
                                            .lost = lost,
                                            .let_go = let_go,
                                            .health = health,
                                            .free = free_fake };

static struct world *make_world(struct modbus_wire wire, size_t units)
{
    const struct modbus_timing timing = { .response = RESPONSE_MS, .late = LATE_MS };
    struct world *world = calloc(1, sizeof(*world));

    modbus_bus_init(&world->bus, wire);
    world->now_us = USEC_PER_SEC;
    world->answer_us = INT64_MAX;
    for (size_t i = 0; i < units; i++)
        modbus_bus_add(&world->bus, (struct modbus_unit){ &ops, &world->fakes[i] }, (uint8_t)(i + 1),
                       &timing);
    return world;
}

static size_t request_size(const struct world *world)
{
    uint8_t bytes[MODBUS_FRAME_MAX];
    const struct modbus_frame_to to = { .tcp = world->bus.wire.baud == 0, .unit = 1 };

    return modbus_frame_format(&to, &world->bus.request, bytes);
}

static size_t answer_size(const struct world *world)
{
    const struct modbus_frame_to to = { .tcp = world->bus.wire.baud == 0, .unit = 1 };

    return modbus_frame_answer_size(&to, &world->bus.request);
}

/* Frames are never closer than the gap. */
static void send_frame(struct world *world)
{
    const struct fake *fake = &world->fakes[world->bus.asked];
    const struct modbus_wire *wire = &world->bus.wire;

    assert_true(world->now_us >= world->sent_end_us + modbus_bus_gap_us(wire));
    world->sent++;
    world->sent_end_us = world->now_us + modbus_bus_bytes_us(wire, request_size(world));
    world->answer_us =
        fake->dead ? INT64_MAX
                   : world->sent_end_us + TURNAROUND_US + modbus_bus_bytes_us(wire, answer_size(world));
    if (!fake->dead)
        world->sent_end_us = world->answer_us;
    else if (fake->heard)
        modbus_bus_heard(&world->bus, fake->heard);
}

static void turn(struct world *world)
{
    for (;;) {
        switch (modbus_bus_turn(&world->bus, world->now_us)) {
        case MODBUS_BUS_WAIT:
            return;
        case MODBUS_BUS_OPEN:
            modbus_bus_opened(&world->bus);
            break;
        case MODBUS_BUS_SEND:
            send_frame(world);
            break;
        case MODBUS_BUS_CLOSE:
            world->closed++;
            world->answer_us = INT64_MAX;
            break;
        }
    }
}

static void take_answer(struct world *world)
{
    static const struct modbus_frame right = { .result = MODBUS_RESULT_OK };
    static const struct modbus_frame wrong = { .result = MODBUS_RESULT_WRONG, .why = "answers nonsense" };

    world->answer_us = INT64_MAX;
    modbus_bus_answered(&world->bus, world->fakes[world->bus.asked].wrong ? &wrong : &right, world->now_us);
}

/* Lives until then. */
static void run(struct world *world, int64_t until_us)
{
    for (;;) {
        turn(world);
        int64_t due = modbus_bus_due_us(&world->bus, world->now_us);
        int64_t next_us = world->answer_us < due ? world->answer_us : due;

        if (next_us > until_us)
            break;
        assert_true(next_us > world->now_us); /* never a spin */
        world->now_us = next_us;
        if (world->answer_us == next_us)
            take_answer(world);
    }
    world->now_us = until_us;
}

static void release(struct world *world, size_t unit, int64_t deadline_us)
{
    const struct driver_command command = { .kind = DRIVER_COMMAND_RELEASE,
                                            .id = 1,
                                            .deadline_us = deadline_us };

    modbus_bus_command(&world->bus, unit, &command, NULL, world->now_us);
    assert_true(world->fakes[unit].release_us != 0);
}

/* The longest that one request can be under way, with the gap behind it. */
static int64_t transaction_us(const struct modbus_wire *wire, bool dead)
{
    return modbus_bus_bytes_us(wire, 8 + 8) + modbus_bus_gap_us(wire) +
           (dead ? RESPONSE_MS * USEC_PER_MSEC : TURNAROUND_US);
}

static int compare_times(const void *a, const void *b)
{
    int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;

    return (left > right) - (left < right);
}

/* Releases at random moments while everything is polled without a pause. Returns the share's waiting time
 * from the command to the first byte. */
static int64_t waiting_us(struct world *world, unsigned count, double share)
{
    static int64_t waits[WAITS_MAX];

    srandom(5);
    run(world, world->now_us + 10 * USEC_PER_SEC);
    for (unsigned i = 0; i < count; i++) {
        size_t unit = 4 + (size_t)random() % (world->bus.count - 4);

        run(world, world->now_us + 50000 + random() % 200000);
        int64_t commanded_us = world->now_us;

        release(world, unit, INT64_MAX);
        run(world, world->now_us + USEC_PER_SEC);
        assert_int_equal(world->fakes[unit].released, MODBUS_RESULT_OK);
        waits[i] = world->fakes[unit].begun_us - commanded_us;
    }
    qsort(waits, count, sizeof(waits[0]), compare_times);
    return waits[(size_t)(share * (count - 1))];
}

static void release__32_units_polled__waits_for_one_transaction_at_most(void **state)
{
    struct world *world = make_world(rtu_9600, 32);

    assert_true(waiting_us(world, 1000, 1.0) <= transaction_us(&rtu_9600, false));
    free(world);
}

static void release__4_of_32_dead__waits_for_one_time_out_at_most(void **state)
{
    struct world *world = make_world(rtu_9600, 32);

    for (size_t i = 0; i < 4; i++)
        world->fakes[i].dead = true;
    assert_true(waiting_us(world, 1000, 1.0) <= transaction_us(&rtu_9600, true));
    assert_true(waiting_us(world, 1000, 0.9) <= transaction_us(&rtu_9600, false));
    free(world);
}

static void poll__all_want__each_has_its_turn(void **state)
{
    struct world *world = make_world(rtu_9600, 32);
    unsigned least = UINT32_MAX, most = 0;

    run(world, world->now_us + 60 * USEC_PER_SEC);
    for (size_t i = 0; i < 32; i++) {
        least = world->fakes[i].polls < least ? world->fakes[i].polls : least;
        most = world->fakes[i].polls > most ? world->fakes[i].polls : most;
    }
    assert_true(least > 40);
    assert_true(most - least <= 1);
    free(world);
}

static void dead_unit__in_a_minute__costs_one_time_out_a_period(void **state)
{
    struct world *world = make_world(rtu_9600, 8);

    world->fakes[0].dead = true;
    run(world, world->now_us + 60 * USEC_PER_SEC);
    unsigned polls = world->fakes[0].polls; /* seven as the period grows, then one in each */

    assert_in_range(polls, 10, 7 + 60 * 1000 / MODBUS_RETRY_MAX_MS);
    assert_int_equal(world->fakes[0].lost, polls);
    assert_int_equal(world->fakes[1].lost, 0);
    world->fakes[0].dead = false;
    run(world, world->now_us + (MODBUS_RETRY_MAX_MS + RESPONSE_MS) * USEC_PER_MSEC);
    assert_true(modbus_bus_is_up(&world->bus.units[0]));
    free(world);
}

static void unit__silent_once__stays_up(void **state)
{
    struct world *world = make_world(rtu_9600, 2);

    run(world, world->now_us + USEC_PER_SEC);
    world->fakes[0].dead = true;
    while (world->bus.units[0].counts.silent == 0)
        run(world, world->now_us + 10000);
    world->fakes[0].dead = false;
    run(world, world->now_us + USEC_PER_SEC);
    assert_int_equal(world->fakes[0].lost, 0);
    assert_true(modbus_bus_is_up(&world->bus.units[0]));
    free(world);
}

static void assert_health(const struct world *world, enum driver_health health, const char *reason)
{
    const char *why;

    assert_int_equal(modbus_bus_health(&world->bus.units[0], &why), health);
    if (reason)
        assert_string_equal(why, reason);
}

static void unit__answers_wrongly__is_degraded_until_it_is_silent(void **state)
{
    struct world *world = make_world(rtu_9600, 2);

    assert_health(world, DRIVER_HEALTH_DOWN, "");
    world->fakes[0].wrong = true;
    run(world, world->now_us + 20 * USEC_PER_SEC);
    assert_health(world, DRIVER_HEALTH_DEGRADED, "answers nonsense");
    assert_false(modbus_bus_is_up(&world->bus.units[0]));
    world->fakes[0].dead = true;
    unsigned polls = world->fakes[0].polls;

    while (world->fakes[0].polls < polls + MODBUS_FAILURES_DOWN) {
        assert_health(world, DRIVER_HEALTH_DEGRADED, NULL);
        run(world, world->now_us + 10000);
    }
    assert_health(world, DRIVER_HEALTH_DOWN, "silent");
    world->fakes[0].dead = world->fakes[0].wrong = false;
    run(world, world->now_us + (MODBUS_RETRY_MAX_MS + RESPONSE_MS) * USEC_PER_MSEC);
    assert_health(world, DRIVER_HEALTH_UP, NULL);
    free(world);
}

static void unit__heard_but_no_answer__is_degraded(void **state)
{
    struct world *world = make_world(rtu_9600, 2);

    run(world, world->now_us + USEC_PER_SEC);
    world->fakes[0].dead = true;
    world->fakes[0].heard = "answers as another unit";
    run(world, world->now_us + 20 * USEC_PER_SEC);
    assert_health(world, DRIVER_HEALTH_DEGRADED, "answers as another unit");
    assert_int_equal(world->bus.units[0].counts.wrong, 0); /* nothing was taken for its answer */
    free(world);
}

static void unit__answers_wrongly_and_its_line_breaks__is_down(void **state)
{
    struct world *world = make_world(tcp, 1);

    world->fakes[0].wrong = true;
    run(world, world->now_us + USEC_PER_SEC);
    assert_health(world, DRIVER_HEALTH_DEGRADED, "answers nonsense");
    modbus_bus_gone(&world->bus, "cable", world->now_us);
    assert_health(world, DRIVER_HEALTH_DOWN, "cable");
    free(world);
}

static void late_answer__may_come__its_unit_rests_and_others_do_not(void **state)
{
    struct world *world = make_world(rtu_9600, 2);

    run(world, world->now_us + USEC_PER_SEC);
    world->fakes[0].dead = true;
    while (world->bus.units[0].counts.silent == 0)
        run(world, world->now_us + 1000);
    world->fakes[0].dead = false;
    int64_t missed_us = world->now_us;
    unsigned polls = world->fakes[1].polls;

    release(world, 0, INT64_MAX);
    run(world, missed_us + 2 * LATE_MS * USEC_PER_MSEC);
    assert_int_equal(world->fakes[0].released, MODBUS_RESULT_OK);
    assert_true(world->fakes[0].begun_us >= missed_us - 1000 + LATE_MS * USEC_PER_MSEC);
    assert_true(world->fakes[1].polls > polls + 4);
    free(world);
}

static void release__deadline_passes_while_it_waits__is_not_sent(void **state)
{
    struct world *world = make_world(rtu_9600, 2);

    run(world, world->now_us + USEC_PER_SEC);
    while (world->bus.state != MODBUS_BUS_BUSY)
        run(world, world->now_us + 1000);
    release(world, 0, world->now_us + 1);
    run(world, world->now_us + USEC_PER_SEC);
    assert_int_equal(world->fakes[0].released, MODBUS_RESULT_LATE);
    assert_int_equal(world->bus.units[0].counts.late, 1);
    assert_int_equal(world->fakes[0].lost, 0);
    free(world);
}

static void tcp__release_unanswered__throws_the_connection_away(void **state)
{
    struct world *world = make_world(tcp, 2);

    world->fakes[0].poll_us = world->fakes[1].poll_us = 20000;
    run(world, world->now_us + USEC_PER_SEC);
    while (world->bus.state == MODBUS_BUS_BUSY)
        run(world, world->now_us + 1000);
    world->fakes[0].dead = true;
    release(world, 0, INT64_MAX - 1);
    run(world, world->now_us + (RESPONSE_MS + 20) * USEC_PER_MSEC);
    assert_int_equal(world->fakes[0].released, MODBUS_RESULT_SILENT);
    assert_int_equal(world->closed, 1);
    assert_int_equal(world->fakes[1].lost, 0); /* it is open again before anybody noticed */
    free(world);
}

static void tcp__one_of_two_silent__keeps_the_connection(void **state)
{
    struct world *world = make_world(tcp, 2);

    world->fakes[0].dead = true;
    run(world, world->now_us + 20 * USEC_PER_SEC);
    assert_int_equal(world->closed, 0);
    world->fakes[1].dead = true;
    run(world, world->now_us + 20 * USEC_PER_SEC);
    assert_true(world->closed > 0);
    free(world);
}

static void tcp__answer_makes_no_sense__throws_the_connection_away(void **state)
{
    struct world *world = make_world(tcp, 1);

    world->fakes[0].wrong = true;
    run(world, world->now_us + 50 * USEC_PER_MSEC);
    assert_int_equal(world->closed, 1);
    free(world);
}

static void line__cannot_be_opened__is_tried_less_and_less_often(void **state)
{
    struct world *world = make_world(tcp, 2);
    unsigned tries = 0;

    for (int64_t end_us = world->now_us + 60 * USEC_PER_SEC; world->now_us < end_us;) {
        if (modbus_bus_turn(&world->bus, world->now_us) == MODBUS_BUS_OPEN) {
            tries++;
            modbus_bus_gone(&world->bus, "refused", world->now_us);
            assert_string_equal(world->bus.units[1].reason, "refused");
        }
        world->now_us = modbus_bus_due_us(&world->bus, world->now_us);
    }
    assert_in_range(tries, 10, 20);
    free(world);
}

static void line__breaks_under_a_release__is_told_and_all_are_down(void **state)
{
    struct world *world = make_world(tcp, 2);

    world->fakes[0].poll_us = world->fakes[1].poll_us = 20000;
    run(world, world->now_us + USEC_PER_SEC);
    while (world->bus.state == MODBUS_BUS_BUSY)
        run(world, world->now_us + 1000);
    world->fakes[0].dead = true;
    release(world, 0, INT64_MAX);
    turn(world);
    assert_int_equal(world->bus.state, MODBUS_BUS_BUSY);
    modbus_bus_gone(&world->bus, "cable", world->now_us);
    assert_int_equal(world->fakes[0].released, MODBUS_RESULT_GONE);
    assert_false(modbus_bus_is_up(&world->bus.units[1]));
    free(world);
}

static void count_refusal(void *userdata, const struct driver_event *event)
{
    assert_int_equal(event->outcome, DRIVER_OUTCOME_FAILED);
    assert_string_equal(event->reason, "device_down");
    ++*(unsigned *)userdata;
}

static void command__unit_is_down__is_refused_and_lets_go(void **state)
{
    static const struct driver_command commands[] = {
        { .kind = DRIVER_COMMAND_LOCK, .id = 1 },
        { .kind = DRIVER_COMMAND_HOLD, .id = 2 },
        { .kind = DRIVER_COMMAND_HOLD, .id = 3, .on = true },
        { .kind = DRIVER_COMMAND_UNLOCK, .id = 4 },
        { .kind = DRIVER_COMMAND_RELEASE, .id = 5 },
    };
    struct world *world = make_world(tcp, 1);
    unsigned refused = 0;
    const struct modbus_voice voice = { .say = count_refusal, .userdata = &refused };

    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
        modbus_bus_command(&world->bus, 0, &commands[i], &voice, world->now_us);
    assert_int_equal(refused, 5);
    assert_int_equal(world->fakes[0].let_go, 2);
    assert_int_equal(world->fakes[0].release_us, 0);
    free(world);
}

static void expect_wrong(void *userdata, const struct driver_event *event)
{
    assert_int_equal(event->outcome, DRIVER_OUTCOME_FAILED);
    assert_string_equal(event->reason, "wrong_answer");
    ++*(unsigned *)userdata;
}

static void command__unit_answers_wrongly__is_refused(void **state)
{
    static const struct driver_command command = { .kind = DRIVER_COMMAND_RELEASE, .id = 1 };
    struct world *world = make_world(tcp, 1);
    unsigned refused = 0;
    const struct modbus_voice voice = { .say = expect_wrong, .userdata = &refused };

    world->fakes[0].wrong = true;
    run(world, world->now_us + USEC_PER_SEC);
    modbus_bus_command(&world->bus, 0, &command, &voice, world->now_us);
    assert_int_equal(refused, 1);
    assert_int_equal(world->fakes[0].release_us, 0);
    free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(release__32_units_polled__waits_for_one_transaction_at_most),
        cmocka_unit_test(release__4_of_32_dead__waits_for_one_time_out_at_most),
        cmocka_unit_test(poll__all_want__each_has_its_turn),
        cmocka_unit_test(dead_unit__in_a_minute__costs_one_time_out_a_period),
        cmocka_unit_test(unit__silent_once__stays_up),
        cmocka_unit_test(unit__answers_wrongly__is_degraded_until_it_is_silent),
        cmocka_unit_test(unit__heard_but_no_answer__is_degraded),
        cmocka_unit_test(unit__answers_wrongly_and_its_line_breaks__is_down),
        cmocka_unit_test(late_answer__may_come__its_unit_rests_and_others_do_not),
        cmocka_unit_test(release__deadline_passes_while_it_waits__is_not_sent),
        cmocka_unit_test(tcp__release_unanswered__throws_the_connection_away),
        cmocka_unit_test(tcp__one_of_two_silent__keeps_the_connection),
        cmocka_unit_test(tcp__answer_makes_no_sense__throws_the_connection_away),
        cmocka_unit_test(line__cannot_be_opened__is_tried_less_and_less_often),
        cmocka_unit_test(line__breaks_under_a_release__is_told_and_all_are_down),
        cmocka_unit_test(command__unit_is_down__is_refused_and_lets_go),
        cmocka_unit_test(command__unit_answers_wrongly__is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
