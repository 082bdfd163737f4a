/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test_ble_hostile.c: ten thousand PDUs of a lock that means harm or is broken, from fixed seeds. */
#include "tests/unit/hostile_fixture.h"

#define PDUS 10000

/* Of one lock's script, and of one of its connections: answers enough to be ready, then steps of harm. */
#define CONNECTIONS    20
#define ANSWERS_MAX    12
#define STEPS_MAX      8
#define CONNECTION_MAX (ANSWERS_MAX + STEPS_MAX * (STEP_SPOIL + 1) + 1)

/* xorshift32: the same scripts everywhere. */
static uint32_t next(uint32_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 17;
    *seed ^= *seed << 5;
    return *seed;
}

static uint8_t choose_step(uint32_t *seed)
{
    static const uint8_t steps[] = {
        STEP_ANSWER, STEP_ANSWER, STEP_SPOIL, STEP_WRITE, STEP_WRITE, STEP_WRITE
    };
    static const uint8_t rare[] = { STEP_HANG_UP, STEP_OVERSIZED, STEP_LONG, STEP_FLOOD, STEP_PASS + 15 };

    if (next(seed) % 16 == 0)
        return rare[next(seed) % sizeof(rare)];
    uint8_t step = steps[next(seed) % sizeof(steps)];

    return step == STEP_WRITE ? (uint8_t)(step + next(seed) % 32) : step;
}

/* A PDU of chance: every second one is as long as its opcode wants it. Returns its length. */
static size_t choose_pdu(uint32_t *seed, uint8_t pdu[static STEP_SPOIL])
{
    static const struct {
        uint8_t opcode;
        uint8_t len;
    } rows[] = {
        { ATT_ERROR, 5 },          { ATT_MTU_REQUEST, 3 },         { ATT_MTU_RESPONSE, 3 },
        { ATT_READ_REQUEST, 3 },   { ATT_FIND_VALUE_RESPONSE, 5 }, { ATT_READ_TYPE_RESPONSE, 9 },
        { ATT_WRITE_RESPONSE, 1 }, { ATT_FIND_INFO_RESPONSE, 6 },  { ATT_CONFIRMATION, 1 },
        { ATT_NOTIFICATION, 9 },   { ATT_INDICATION, 9 },
    };
    size_t row = next(seed) % (sizeof(rows) / sizeof(rows[0]));
    size_t len = next(seed) % 2 == 0 ? rows[row].len : next(seed) % STEP_SPOIL;

    for (size_t i = 0; i < len; i++)
        pdu[i] = (uint8_t)next(seed);
    if (next(seed) % 8 != 0)
        pdu[0] = rows[row].opcode;
    return len;
}

/* Returns its length. */
static size_t write_step(uint32_t *seed, uint8_t bytes[static STEP_SPOIL + 1])
{
    if (next(seed) % 2 == 0) {
        size_t len = choose_pdu(seed, bytes + 1);

        bytes[0] = (uint8_t)(STEP_SAY + len);
        return 1 + len;
    }
    bytes[0] = choose_step(seed);
    if (bytes[0] < STEP_SPOIL || bytes[0] >= STEP_ANSWER)
        return 1;
    bytes[1] = (uint8_t)next(seed);
    bytes[2] = (uint8_t)next(seed);
    return 3;
}

/* One connection: right answers up to some state or other, harm, and time to connect again. Returns its
 * length. */
static size_t write_connection(uint32_t *seed, uint8_t bytes[static CONNECTION_MAX])
{
    size_t len = next(seed) % (ANSWERS_MAX + 1);

    memset(bytes, STEP_ANSWER, len);
    for (unsigned steps = next(seed) % STEPS_MAX + 1; steps > 0; steps--)
        len += write_step(seed, bytes + len);
    bytes[len++] = STEP_PASS + 3;
    return len;
}

static void link__ten_thousand_pdus_of_a_hostile_lock__is_sound_and_heals(void **state)
{
    uint32_t seed = 1;

    for (unsigned said = 0; said < PDUS;) {
        uint8_t script[CONNECTIONS * CONNECTION_MAX];
        size_t len = 0;

        for (int i = 0; i < CONNECTIONS; i++)
            len += write_connection(&seed, script + len);
        said += hostile_run(script, len);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(link__ten_thousand_pdus_of_a_hostile_lock__is_sound_and_heals),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
