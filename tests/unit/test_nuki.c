/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test_nuki.c: what is in the messages of vectors/nuki.json, payloads of every length, words and times. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "nuki_vectors.h"

/* Message i of the synthetic run. */
static struct nuki_message synthetic(struct json_object *vectors, size_t i)
{
    struct json_object *run = vector_member(vectors, "synthetic");
    struct vector inner = vector_at(vector_member(run, "encrypted"), i, "plaintext");
    struct nuki_message message;

    assert_int_equal(nuki_parse((uint16_t)(inner.bytes[4] | inner.bytes[5] << 8), inner.bytes + 6,
                                inner.len - NUKI_FRAME_INNER_MIN, &message),
                     0);
    return message;
}

static void states__of_2016__are_read(void **state)
{
    struct json_object *list = vector_member(*state, "encrypted_usdio_a92ee202");
    struct vector inner = vector_at(list, 1, "plaintext");
    struct nuki_message message;

    assert_int_equal(nuki_parse(NUKI_COMMAND_KEYTURNER_STATES, inner.bytes + 6, 15, &message), 0);
    const struct nuki_states *states = &message.states;

    assert_int_equal(states->size, NUKI_STATES_BYTES_2016);
    assert_int_equal(states->nuki_state, NUKI_STATE_DOOR_MODE);
    assert_int_equal(states->lock_state, NUKI_LOCK_STATE_LOCKED);
    assert_int_equal(states->trigger, NUKI_TRIGGER_SYSTEM);
    assert_int_equal(nuki_time_seconds(&states->time), 1457338530); /* 2016-03-07 08:15:30 */
    assert_int_equal(states->zone_minutes, 60);
    assert_int_equal(states->config_update_count, 0x20);
    assert_int_equal(states->lock_n_go_timer, 0x0a);
    assert_int_equal(states->door_sensor, NUKI_DOOR_SENSOR_UNAVAILABLE);
    assert_false(nuki_battery_critical(states->battery));
    assert_int_equal(nuki_battery_percent(states->battery), -1);
}

static void states__of_today__are_read(void **state)
{
    struct nuki_message message = synthetic(*state, 1);
    const struct nuki_states *states = &message.states;

    assert_int_equal(states->size, 27);
    assert_int_equal(states->lock_state, NUKI_LOCK_STATE_LOCKED);
    assert_int_equal(states->last_action, NUKI_ACTION_LOCK);
    assert_int_equal(states->door_sensor, NUKI_DOOR_SENSOR_CLOSED);
    assert_int_equal(nuki_battery_percent(states->battery), 80);
    assert_int_equal(states->zone_minutes, 60);
}

static void states__each_length__is_read_and_written_again(void **state)
{
    uint8_t payload[NUKI_PAYLOAD_MAX], again[NUKI_PAYLOAD_MAX];
    struct nuki_message message;

    for (size_t i = 0; i < sizeof(payload); i++)
        payload[i] = (uint8_t)(i + 1);
    for (size_t len = 0; len <= sizeof(payload); len++) {
        int r = nuki_parse(NUKI_COMMAND_KEYTURNER_STATES, payload, len, &message);

        if (len < NUKI_STATES_BYTES_2016 || len > NUKI_STATES_BYTES_MAX) {
            assert_int_equal(r, NUKI_E_PAYLOAD);
            continue;
        }
        assert_int_equal(r, 0);
        assert_int_equal(message.states.door_sensor, len < NUKI_STATES_BYTES_V21 ? 0 : 19);
        assert_int_equal(nuki_format(&message, again), len);
        assert_memory_equal(again, payload, len);
    }
}

static void lock_action__with_suffix__has_one(void **state)
{
    struct nuki_message message = synthetic(*state, 4);
    struct vector challenge = vector_of(vector_member(*state, "synthetic"), "challenge_3");

    assert_int_equal(message.command, NUKI_COMMAND_LOCK_ACTION);
    assert_int_equal(message.lock_action.action, NUKI_ACTION_UNLATCH);
    assert_int_equal(message.lock_action.app_id, 0x5711e);
    assert_string_equal(message.lock_action.suffix, "stile");
    assert_memory_equal(message.lock_action.nonce, challenge.bytes, NUKI_NONCE_BYTES);
}

static void lock_action__length_between_the_two__is_refused(void **state)
{
    static const uint8_t payload[NUKI_PAYLOAD_MAX];
    struct nuki_message message;

    for (size_t len = 0; len <= sizeof(payload); len++)
        assert_int_equal(nuki_parse(NUKI_COMMAND_LOCK_ACTION, payload, len, &message),
                         len == 38 || len == 58 ? 0 : NUKI_E_PAYLOAD);
}

static void log_entry__of_an_action__is_read(void **state)
{
    struct nuki_message request = synthetic(*state, 10), message = synthetic(*state, 11);
    const struct nuki_log_entry *entry = &message.log_entry;

    assert_int_equal(request.request_log.start, 41);
    assert_int_equal(request.request_log.count, 10);
    assert_int_equal(request.request_log.pin, 1234);
    assert_int_equal(entry->index, 42);
    assert_int_equal(entry->auth_id, 7);
    assert_string_equal(entry->name, "Ada");
    assert_int_equal(entry->type, NUKI_LOG_TYPE_LOCK_ACTION);
    assert_int_equal(entry->data_len, 4);
    assert_string_equal(nuki_action_word(entry->data[0]), "unlock");
    assert_string_equal(nuki_trigger_word(entry->data[1]), "manual");
    assert_string_equal(nuki_completion_word(entry->data[3]), "success");
}

static void config__has_the_name(void **state)
{
    struct nuki_message config = { .command = NUKI_COMMAND_CONFIG,
                                   .config = { .size = NUKI_CONFIG_BYTES, .nuki_id = 77, .name = "Front" } };
    struct nuki_message message;
    uint8_t payload[NUKI_PAYLOAD_MAX];

    assert_int_equal(nuki_format(&config, payload), NUKI_CONFIG_BYTES);
    assert_int_equal(nuki_parse(NUKI_COMMAND_CONFIG, payload, NUKI_CONFIG_BYTES, &message), 0);
    assert_int_equal(message.config.nuki_id, 77);
    assert_string_equal(message.config.name, "Front");
    assert_int_equal(nuki_parse(NUKI_COMMAND_CONFIG, payload, 35, &message), NUKI_E_PAYLOAD);
}

static void name__as_long_as_it_may_be__keeps_its_last_byte(void **state)
{
    static const char full[] = "0123456789abcdef0123456789abcdef";
    struct nuki_message message = { .command = NUKI_COMMAND_AUTHORIZATION_DATA };
    uint8_t payload[NUKI_PAYLOAD_MAX];

    memcpy(message.authorization_data.name, full, sizeof(full));
    assert_int_equal(nuki_format(&message, payload), 101);
    assert_memory_equal(payload + 37, full, NUKI_NAME_BYTES);
    assert_int_equal(nuki_parse(NUKI_COMMAND_AUTHORIZATION_DATA, payload, 101, &message), 0);
    assert_string_equal(message.authorization_data.name, full);
}

static void parse__command_of_no_use_here__is_refused(void **state)
{
    static const uint8_t payload[NUKI_PAYLOAD_MAX];
    struct nuki_message message;

    assert_int_equal(nuki_parse(0x0100, payload, 0, &message), NUKI_E_COMMAND);
    assert_string_equal(nuki_command_word(0x0100), "unknown");
    assert_string_equal(nuki_command_word(NUKI_COMMAND_LOCK_ACTION), "lock_action");
}

static void battery__each_way_to_say_it__is_understood(void **state)
{
    static const struct {
        uint8_t battery;
        bool critical;
        int percent;
    } rows[] = { { 0x00, false, -1 }, { 0x01, true, -1 },   { 0xa0, false, 80 },
                 { 0x29, true, 20 },  { 0xc8, false, 100 }, { 0xfc, false, -1 } };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(nuki_battery_critical(rows[i].battery), rows[i].critical);
        assert_int_equal(nuki_battery_percent(rows[i].battery), rows[i].percent);
    }
}

static void time__to_and_fro__is_the_same(void **state)
{
    static const int64_t moments[] = { 1457338530, 1582934400, 1767225599, 4107542399 };

    for (size_t i = 0; i < sizeof(moments) / sizeof(moments[0]); i++) {
        struct nuki_time time = nuki_time_from_seconds(moments[i]);

        assert_int_equal(nuki_time_seconds(&time), moments[i]);
    }
}

static void time__that_is_none__is_refused(void **state)
{
    static const struct nuki_time none[] = {
        { 0 },
        { .year = 2026, .month = 2, .day = 29 },
        { .year = 2026, .month = 13, .day = 1 },
        { .year = 2026, .month = 1, .day = 0 },
        { .year = 2026, .month = 1, .day = 1, .hour = 24 },
        { .year = 2026, .month = 1, .day = 1, .minute = 60 },
        { .year = 2026, .month = 1, .day = 1, .second = 61 },
        { .year = 65535, .month = 1, .day = 1 },
    };

    for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
        assert_int_equal(nuki_time_seconds(&none[i]), INT64_MIN);
}

static void words__known_and_not__are_said(void **state)
{
    assert_string_equal(nuki_lock_state_word(NUKI_LOCK_STATE_MOTOR_BLOCKED), "motor_blocked");
    assert_string_equal(nuki_lock_state_word(0x42), "unknown");
    assert_string_equal(nuki_code_word(NUKI_CODE_K_BUSY), "busy");
    assert_string_equal(nuki_code_word(0xff), "unknown");
    assert_string_equal(nuki_door_sensor_word(NUKI_DOOR_SENSOR_TAMPERED), "tampered");
    assert_string_equal(nuki_error_word(NUKI_E_INNER_AUTH_ID), "inner_auth_id");
    for (int error = NUKI_E_SHORT; error <= NUKI_E_PAYLOAD; error++)
        assert_string_not_equal(nuki_error_word(error), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(states__of_2016__are_read),
        cmocka_unit_test(states__of_today__are_read),
        cmocka_unit_test(states__each_length__is_read_and_written_again),
        cmocka_unit_test(lock_action__with_suffix__has_one),
        cmocka_unit_test(lock_action__length_between_the_two__is_refused),
        cmocka_unit_test(log_entry__of_an_action__is_read),
        cmocka_unit_test(config__has_the_name),
        cmocka_unit_test(name__as_long_as_it_may_be__keeps_its_last_byte),
        cmocka_unit_test(parse__command_of_no_use_here__is_refused),
        cmocka_unit_test(battery__each_way_to_say_it__is_understood),
        cmocka_unit_test(time__to_and_fro__is_the_same),
        cmocka_unit_test(time__that_is_none__is_refused),
        cmocka_unit_test(words__known_and_not__are_said),
    };

    return cmocka_run_group_tests_name("nuki", tests, vectors_open, vectors_close);
}
