/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test_ble_nuki.c: whom ble_nuki believes: messages that are altered, foreign, repeated, out of order or too
 * many. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include <errno.h>

#include "nuki_rig.h"

/* A frame from which one byte is taken, at an offset from its end. */
static void say_altered(struct rig *rig, size_t from_end)
{
    struct nuki_message message = rig_states(NUKI_LOCK_STATE_UNLOCKED);
    uint8_t nonce[NUKI_FRAME_NONCE_BYTES], bytes[NUKI_FRAME_MAX];
    size_t len = nuki_frame_seal(&rig->access, rig_nonce(rig, nonce), &message, bytes);

    bytes[len - from_end] ^= 1;
    rig_indicate(rig, BLE_NUKI_CHANNEL_KEYTURNER, bytes, len);
}

/* States whose inner bytes were altered before they were boxed. */
static void say_boxed(struct rig *rig, size_t at)
{
    static const uint8_t inner[] = { 3, 2, 1, 0, 0x0e, 0, 0, 0, 0 };
    uint8_t nonce[NUKI_FRAME_NONCE_BYTES], bytes[NUKI_FRAME_MAX], altered[sizeof(inner)];
    uint16_t crc = nuki_frame_crc(inner, sizeof(inner) - 2);

    memcpy(altered, inner, sizeof(inner));
    altered[7] = (uint8_t)crc;
    altered[8] = (uint8_t)(crc >> 8);
    altered[at] ^= 1;
    size_t len = nuki_frame_box(&rig->access, rig_nonce(rig, nonce), altered, sizeof(altered), bytes);

    rig_indicate(rig, BLE_NUKI_CHANNEL_KEYTURNER, bytes, len);
}

static void message__not_to_be_believed__is_refused_and_changes_nothing(void **state)
{
    struct rig *rig = *state;
    struct nuki_access right = rig->access;
    uint8_t short_one[] = { 1, 2, 3 }, too_long[NUKI_FRAME_HEADER] = { [28] = 0xff, [29] = 0xff };

    rig_unlock(rig, RIG_ACCEPTED);
    unsigned states = rig->state_count;

    say_altered(rig, 1);
    assert_refused(rig, 1, "mac");
    say_boxed(rig, 8);
    assert_refused(rig, 2, "crc");
    say_boxed(rig, 0);
    assert_refused(rig, 3, "inner_auth_id");
    rig->access.auth_id++;
    rig_say_states(rig, NUKI_LOCK_STATE_UNLOCKED);
    assert_refused(rig, 4, "auth_id");
    rig->access = right;
    rig->access.key[5] ^= 1;
    rig_say_states(rig, NUKI_LOCK_STATE_UNLOCKED);
    assert_refused(rig, 5, "mac");
    rig->access = right;
    ble_nuki.value(rig->nuki, BLE_NUKI_CHANNEL_KEYTURNER, too_long, sizeof(too_long), &rig->now);
    assert_refused(rig, 6, "length");
    ble_nuki.value(rig->nuki, BLE_NUKI_CHANNEL_KEYTURNER, short_one, 0, &rig->now);
    assert_refused(rig, 7, "short");
    rig_say_challenge(rig, 9);
    assert_refused(rig, 8, "unasked");
    rig_say_status(rig, NUKI_STATUS_ACCEPTED);
    assert_refused(rig, 9, "unasked");
    struct nuki_message complete = rig_status(NUKI_STATUS_COMPLETE);

    rig_say_plain(rig, &complete);
    assert_refused(rig, 10, "unasked");
    assert_int_equal(rig->state_count, states);
    assert_int_equal(rig->result_count, 1);
    rig_say_states(rig, NUKI_LOCK_STATE_UNLOCKED);
    rig_say_status(rig, NUKI_STATUS_COMPLETE);
    assert_end(rig, DRIVER_OUTCOME_COMPLETED, NULL);
}

static void message__wrong_order__is_refused_at_each_step(void **state)
{
    struct rig *rig = *state;

    rig_say_states(rig, NUKI_LOCK_STATE_UNLOCKED);
    assert_refused(rig, 1, "unasked");
    rig_say_error(rig, NUKI_CODE_K_MOTOR_BLOCKED);
    assert_refused(rig, 2, "unasked");
    rig_unlock(rig, RIG_ASKED);
    rig_say_status(rig, NUKI_STATUS_COMPLETE);
    assert_refused(rig, 3, "unasked");
    rig_say_states(rig, NUKI_LOCK_STATE_UNLOCKED);
    assert_refused(rig, 4, "unasked");
    rig_say_challenge(rig, 1);
    rig_say_states(rig, NUKI_LOCK_STATE_UNLOCKED);
    assert_refused(rig, 5, "unasked");
    rig_say_challenge(rig, 2);
    assert_refused(rig, 6, "unasked");
    assert_int_equal(rig->state_count, 0);
    assert_int_equal(rig->result_count, 0);
    assert_int_equal(rig->writes, 2);
}

static void frame__said_twice__counts_once(void **state)
{
    struct rig *rig = *state;
    struct nuki_message locked = rig_states(NUKI_LOCK_STATE_LOCKED);
    uint8_t nonce[NUKI_FRAME_NONCE_BYTES], bytes[NUKI_FRAME_MAX];
    size_t len = nuki_frame_seal(&rig->access, rig_nonce(rig, nonce), &locked, bytes);

    rig_begin(rig, BLE_COMMAND_STATES);
    rig_indicate(rig, BLE_NUKI_CHANNEL_KEYTURNER, bytes, len);
    assert_end(rig, DRIVER_OUTCOME_COMPLETED, NULL);
    rig_close(rig);
    rig->result_count = 0;
    rig_begin(rig, BLE_COMMAND_STATES);
    rig_indicate(rig, BLE_NUKI_CHANNEL_KEYTURNER, bytes, len);
    assert_refused(rig, 1, "replayed");
    assert_int_equal(rig->state_count, 1);
    rig_pass(rig, RIG_START_US + BLE_NUKI_ANSWER_US);
    assert_end(rig, DRIVER_OUTCOME_FAILED, "no_answer");
}

static void challenge__said_twice__is_not_used_again(void **state)
{
    struct rig *rig = *state;

    rig_unlock(rig, RIG_ARRIVED);
    rig_say_status(rig, NUKI_STATUS_COMPLETE);
    rig->result_count = 0;
    rig_begin(rig, BLE_COMMAND_LOCK);
    rig_say_challenge(rig, 1);
    assert_refused(rig, 1, "replayed");
    assert_asked(rig, NUKI_COMMAND_CHALLENGE);
    rig_say_challenge(rig, 2);
    assert_heard(rig, NUKI_COMMAND_LOCK_ACTION);
}

static void nonce__of_each_of_our_frames__is_another(void **state)
{
    struct rig *rig = *state;
    uint8_t first[NUKI_FRAME_NONCE_BYTES];

    rig_unlock(rig, RIG_ASKED);
    memcpy(first, rig->bytes, sizeof(first));
    rig_say_challenge(rig, 1);
    assert_memory_not_equal(rig->bytes, first, sizeof(first));
}

static void storm__of_rubbish__drops_the_link(void **state)
{
    static const uint8_t rubbish[RIG_INDICATION] = { 0xff };
    struct rig *rig = *state;
    unsigned said;

    rig_unlock(rig, RIG_WRITTEN);
    for (said = 0; rig->drop_count == 0; said++)
        ble_nuki.value(rig->nuki, BLE_NUKI_CHANNEL_KEYTURNER, rubbish, sizeof(rubbish), &rig->now);
    assert_true(said <= BLE_NUKI_REFUSED_MAX * (NUKI_FRAME_MAX / RIG_INDICATION + 1));
    assert_string_equal(rig->dropped, "flood");
    assert_end(rig, DRIVER_OUTCOME_UNKNOWN, "flood");
    for (int i = 0; i < 1000; i++)
        ble_nuki.value(rig->nuki, BLE_NUKI_CHANNEL_KEYTURNER, rubbish, sizeof(rubbish), &rig->now);
    assert_int_equal(rig->drop_count, 1);
    assert_int_equal(rig->refused_count, BLE_NUKI_REFUSED_MAX);
    rig->result_count = 0;
    rig_begin(rig, BLE_COMMAND_STATES);
    assert_end(rig, DRIVER_OUTCOME_FAILED, "link_lost");
    rig_close(rig);
    rig->result_count = 0;
    rig_begin(rig, BLE_COMMAND_STATES);
    rig_say_states(rig, NUKI_LOCK_STATE_UNLOCKED);
    assert_end(rig, DRIVER_OUTCOME_COMPLETED, NULL);
}

static void storm__of_true_states__drops_the_link(void **state)
{
    struct rig *rig = *state;

    rig_unlock(rig, RIG_ACCEPTED);
    while (rig->drop_count == 0)
        rig_say_states(rig, NUKI_LOCK_STATE_UNLOCKING);
    assert_true(rig->state_count <= BLE_NUKI_MESSAGES_MAX);
    assert_end(rig, DRIVER_OUTCOME_UNKNOWN, "flood");
}

static void storm__while_nothing_is_asked__drops_the_link(void **state)
{
    struct rig *rig = *state;

    while (rig->drop_count == 0)
        rig_say_states(rig, NUKI_LOCK_STATE_LOCKED);
    assert_refused(rig, BLE_NUKI_REFUSED_MAX, "unasked");
    assert_int_equal(rig->state_count, 0);
    assert_int_equal(rig->result_count, 0);
}

static void storm__in_small_portions__is_none(void **state)
{
    struct rig *rig = *state;

    for (unsigned i = 0; i < 2 * BLE_NUKI_REFUSED_MAX; i++) {
        rig_say_states(rig, NUKI_LOCK_STATE_LOCKED);
        rig_close(rig);
    }
    for (unsigned i = 0; i <= BLE_NUKI_MESSAGES_MAX; i++) {
        rig->result_count = 0;
        rig_begin(rig, BLE_COMMAND_STATES);
        rig_say_states(rig, NUKI_LOCK_STATE_LOCKED);
        assert_end(rig, DRIVER_OUTCOME_COMPLETED, NULL);
    }
    assert_int_equal(rig->drop_count, 0);
}

static void frame__cut_by_a_lost_link__does_not_spoil_the_next(void **state)
{
    static const uint8_t part[RIG_INDICATION] = { 1 };
    struct rig *rig = *state;

    rig_begin(rig, BLE_COMMAND_STATES);
    ble_nuki.value(rig->nuki, BLE_NUKI_CHANNEL_KEYTURNER, part, sizeof(part), &rig->now);
    rig_close(rig);
    rig->result_count = 0;
    rig_begin(rig, BLE_COMMAND_STATES);
    rig_say_states(rig, NUKI_LOCK_STATE_LOCKED);
    assert_end(rig, DRIVER_OUTCOME_COMPLETED, NULL);
}

static void not_paired__each_command__is_refused(void **state)
{
    struct rig rig;

    rig_init(&rig, 0, -1);
    assert_false(ble_nuki.paired(rig.nuki));
    rig_begin(&rig, BLE_COMMAND_UNLOCK);
    assert_end(&rig, DRIVER_OUTCOME_FAILED, "not_paired");
    rig_say_states(&rig, NUKI_LOCK_STATE_UNLOCKED);
    assert_refused(&rig, 1, "unasked");
    assert_int_equal(rig.writes, 0);
    rig_finish(&rig);
}

static void create__secret_or_pin_that_is_none__is_refused(void **state)
{
    static const uint8_t secret[RIG_SECRET] = { 2 };
    struct ble_identity identity = { .name = "x", .pin = -1, .secret = secret, .secret_len = sizeof(secret) };
    struct ble_port port = { 0 };
    void *nuki = NULL;

    assert_int_equal(ble_nuki.create(&identity, &port, &nuki), -EBADMSG);
    identity.secret_len--;
    assert_int_equal(ble_nuki.create(&identity, &port, &nuki), -EBADMSG);
    identity.secret_len = 0;
    identity.pin = 65536;
    assert_int_equal(ble_nuki.create(&identity, &port, &nuki), -EBADMSG);
    assert_null(nuki);
    ble_nuki.destroy(NULL);
}

static void find__by_name__is_nuki(void **state)
{
    assert_ptr_equal(ble_protocol_find("nuki"), &ble_nuki);
    assert_null(ble_protocol_find("nuk"));
    assert_int_equal(ble_nuki.channel(BLE_COMMAND_PAIR), BLE_NUKI_CHANNEL_PAIRING);
    assert_int_equal(ble_nuki.channel(BLE_COMMAND_LOG), BLE_NUKI_CHANNEL_KEYTURNER);
    assert_true(ble_nuki.channel_count <= BLE_CHANNELS_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_RIG(message__not_to_be_believed__is_refused_and_changes_nothing),
        WITH_RIG(message__wrong_order__is_refused_at_each_step),
        WITH_RIG(frame__said_twice__counts_once),
        WITH_RIG(challenge__said_twice__is_not_used_again),
        WITH_RIG(nonce__of_each_of_our_frames__is_another),
        WITH_RIG(storm__of_rubbish__drops_the_link),
        WITH_RIG(storm__of_true_states__drops_the_link),
        WITH_RIG(storm__while_nothing_is_asked__drops_the_link),
        WITH_RIG(storm__in_small_portions__is_none),
        WITH_RIG(frame__cut_by_a_lost_link__does_not_spoil_the_next),
        cmocka_unit_test(not_paired__each_command__is_refused),
        cmocka_unit_test(create__secret_or_pin_that_is_none__is_refused),
        cmocka_unit_test(find__by_name__is_nuki),
    };

    return cmocka_run_group_tests_name("ble_nuki", tests, NULL, NULL);
}
