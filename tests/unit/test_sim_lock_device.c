/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What can go wrong with the simulated lock, and does so where it was told to. */
#include "lock_fixture.h"

#include "tools/sim/lock_command.h"

#define HOSTILE_PDUS 400

static void command(struct client *client, const char *line, const char *expected)
{
    char words[CTL_LINE_SIZE];
    char reply[CTL_REPLY_SIZE] = "";
    char *argv[CTL_WORDS_MAX + 1] = { NULL };
    int argc = 0;
    char *rest = NULL;

    text_copy(words, sizeof(words), line);
    for (char *word = strtok_r(words, " ", &rest); word; word = strtok_r(NULL, " ", &rest))
        argv[argc++] = word;
    lock_command_handle(&client->device, argc, argv, reply);
    assert_memory_equal(reply, expected, strlen(expected));
}

/* --- messages --- */

/* Spoils the next states; returns what the client makes of them. */
static int states_with(struct client *client, const char *fault)
{
    char line[CTL_LINE_SIZE];
    struct nuki_message message;

    snprintf(line, sizeof(line), "fault %s 1 keyturner_states", fault);
    command(client, line, "ok");
    client_ask(client, NUKI_COMMAND_CHALLENGE); /* another one is not spoilt */
    assert_int_equal(client_hear(client).command, NUKI_COMMAND_CHALLENGE);
    client_ask(client, NUKI_COMMAND_KEYTURNER_STATES);
    const struct att_pdu pdu = client_indication(client, LOCK_IO_SECRET);

    return nuki_frame_open(&client->access, pdu.value, pdu.len, &message);
}

static void message__spoilt__refused_for_its_reason(void **state)
{
    static const struct {
        const char *fault;
        int expected;
    } rows[] = {
        { "none", 0 },
        { "mac", NUKI_E_MAC },
        { "garbage", NUKI_E_LENGTH },
        { "crc", NUKI_E_CRC },
        { "length", NUKI_E_LENGTH },
        { "truncated", NUKI_E_SHORT },
        { "auth-id", NUKI_E_AUTH_ID },
        { "inner-auth-id", NUKI_E_INNER_AUTH_ID },
    };
    struct client *client = *state;

    client_ready(client);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_int_equal(states_with(client, rows[i].fault), rows[i].expected);
    assert_int_equal(states_with(client, "none"), 0);
}

static void message__repeated__has_the_nonce_of_the_last(void **state)
{
    struct client *client = *state;
    uint8_t before[NUKI_FRAME_NONCE_BYTES];
    struct att_pdu pdu;

    client_ready(client);
    command(client, "fault nonce 1 keyturner_states", "ok");
    client_ask(client, NUKI_COMMAND_CHALLENGE);
    pdu = client_indication(client, LOCK_IO_SECRET);
    memcpy(before, pdu.value, sizeof(before));
    client_ask(client, NUKI_COMMAND_KEYTURNER_STATES);
    assert_memory_equal(client->pdu[client->taken] + ATT_VALUE_BEFORE, before, sizeof(before));
    client_hears_state(client, NUKI_LOCK_STATE_LOCKED);
    command(client, "fault replay", "ok");
    client_ask(client, NUKI_COMMAND_KEYTURNER_STATES);
    assert_int_equal(client_hear(client).command, NUKI_COMMAND_CHALLENGE);
}

static void message__silent_twice_or_plain__so_it_is(void **state)
{
    struct client *client = *state;

    client_ready(client);
    command(client, "fault silent", "ok");
    client_ask(client, NUKI_COMMAND_KEYTURNER_STATES);
    assert_true(client_waits(client));
    command(client, "fault twice", "ok");
    client_ask(client, NUKI_COMMAND_KEYTURNER_STATES);
    client_hears_state(client, NUKI_LOCK_STATE_LOCKED);
    client_hears_state(client, NUKI_LOCK_STATE_LOCKED);
    command(client, "fault plain", "ok");
    client_ask(client, NUKI_COMMAND_KEYTURNER_STATES);
    assert_int_equal(client_hear_plain(client, LOCK_IO_SECRET).command, NUKI_COMMAND_KEYTURNER_STATES);
}

static void message__of_pairing__can_be_spoilt(void **state)
{
    const struct nuki_message request = { .command = NUKI_COMMAND_REQUEST_DATA,
                                          .request = NUKI_COMMAND_PUBLIC_KEY };
    struct client *client = *state;
    struct nuki_message message;

    client_ready(client);
    command(client, "press", "ok");
    command(client, "fault crc", "ok");
    client_say_plain(client, &request);
    const struct att_pdu pdu = client_indication(client, LOCK_IO_PAIRING);

    assert_int_equal(nuki_frame_open_plain(pdu.value, pdu.len, &message), NUKI_E_CRC);
}

static void storm__comes_without_being_confirmed(void **state)
{
    struct client *client = *state;

    client_ready(client);
    command(client, "storm 30", "ok");
    for (int i = 0; i < 30; i++)
        assert_int_equal(client_pdu(client).opcode, ATT_INDICATION);
    assert_true(client_waits(client));
}

static void attack__same_seed__same_bytes_within_the_mtu(void **state)
{
    struct client *client = *state;

    lock_device_attack(&client->device, 7, HOSTILE_PDUS / 2);
    lock_device_attack(&client->device, 7, HOSTILE_PDUS / 2);
    assert_int_equal(client->pdus, HOSTILE_PDUS);
    for (size_t i = 0; i < HOSTILE_PDUS / 2; i++) {
        size_t other = i + HOSTILE_PDUS / 2;

        assert_in_range(client->len[i], 1, ATT_MTU_DEFAULT);
        assert_int_equal(client->len[i], client->len[other]);
        assert_memory_equal(client->pdu[i], client->pdu[other], client->len[i]);
    }
}

/* --- the link --- */

static void drop__told__link_breaks_there_and_nothing_more_is_sent(void **state)
{
    struct client *client = *state;

    client_ready(client);
    command(client, "drop heard lock_action", "ok");
    client_act(client, NUKI_ACTION_UNLOCK);
    assert_true(client->device.dropping);
    assert_true(client_waits(client)); /* not even ACCEPTED, but the bolt moves */
    lock_device_disconnect(&client->device, client->now_us);
    client_wait(client, LOCK_MOTOR_MS);
    assert_true(client_read(client, "moved unlocked"));
    lock_device_connect(&client->device, client->now_us);
    client_ready(client);
    assert_false(client->device.dropping);
    command(client, "drop", "ok");
    assert_true(client->device.dropping);
}

static void deaf__hears_nothing_for_so_many_pdus(void **state)
{
    struct client *client = *state;
    const struct att_pdu request = { .opcode = ATT_MTU_REQUEST, .mtu = 100 };

    command(client, "deaf", "ok");
    client_send(client, &request);
    assert_true(client_waits(client));
    assert_int_equal(client_request(client, &request).opcode, ATT_MTU_RESPONSE);
}

static void idle__link_closes_after_silence(void **state)
{
    struct client *client = *state;

    command(client, "idle 1000", "ok");
    client_wait(client, 999);
    assert_false(client->device.dropping);
    client_ready(client);
    client_wait(client, 999);
    assert_false(client->device.dropping);
    client_wait(client, 1);
    assert_true(client->device.dropping);
}

static void reboot__link_and_motion_lost__comes_back(void **state)
{
    struct client *client = *state;
    struct lock_advert advert;

    client_ready(client);
    client_act(client, NUKI_ACTION_LOCK);
    lock_device_reboot(&client->device, client->now_us + 3 * USEC_PER_SEC);
    assert_true(client->device.dropping);
    lock_device_disconnect(&client->device, client->now_us);
    assert_false(lock_device_advert(&client->device, &advert));
    client_wait(client, 2999);
    assert_false(lock_device_advert(&client->device, &advert));
    client_wait(client, 1);
    assert_true(lock_device_advert(&client->device, &advert));
    assert_int_equal(client->device.talk.lock.state, NUKI_LOCK_STATE_UNDEFINED);
    assert_int_equal(client->device.talk.auths[0].access.auth_id, 2);
}

static void advert__beacon_then_pairing(void **state)
{
    struct client *client = *state;
    struct lock_advert advert;

    assert_false(lock_device_advert(&client->device, &advert)); /* linked */
    lock_device_disconnect(&client->device, client->now_us);
    assert_true(lock_device_advert(&client->device, &advert));
    assert_int_equal(advert.len, 27);
    assert_memory_equal(advert.bytes,
                        ((const uint8_t[]){ 26,   0xff, 0x4c, 0x00, 0x02, 0x15, 0xa9, 0x2e, 0xe2,
                                            0x00, 0x55, 0x01, 0x11, 0xe4, 0x91, 0x6c, 0x08, 0x00,
                                            0x20, 0x0c, 0x9a, 0x66, 0x0a, 0x0b, 0x0c, 0x0d, 0xc4 }),
                        27);
    assert_memory_equal(advert.scan_bytes, "\x0e\x09Nuki_0A0B0C0D", advert.scan_len);
    command(client, "door open", "ok");
    assert_true(lock_device_advert(&client->device, &advert));
    assert_int_equal(advert.bytes[26], 0xc5);
    command(client, "press", "ok");
    assert_true(lock_device_advert(&client->device, &advert));
    assert_memory_equal(advert.bytes, ((const uint8_t[]){ 21, 0x21, 0x66, 0x9a }), 4);
}

/* --- commands --- */

static void commands__wrong__say_what_they_should_have_been(void **state)
{
    static const char *const wrong[] = {
        "",
        "dance",
        "door",
        "door ajar",
        "key turned",
        "battery 101",
        "battery x",
        "battery 5 full",
        "motor -1",
        "jam 1 2",
        "refuse nobody",
        "clock soon",
        "pin 65536",
        "states 14",
        "authorize 0 00",
        "fault strange",
        "fault mac many",
        "fault mac 1 dance",
        "deaf x",
        "gone x",
        "reboot x",
        "storm",
        "attack x",
        "mtu 22",
        "handles -1",
        "idle x",
        "seed x",
        "press hard",
    };

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        command(*state, wrong[i], "error: ");
}

static void commands__right__change_the_lock(void **state)
{
    struct client *client = *state;
    const struct lock *lock = &client->device.talk.lock;

    command(client, "battery 12 critical", "ok");
    assert_true(lock->battery_critical);
    command(client, "key unlocked", "ok");
    command(client, "motor 5 6 7", "ok");
    assert_int_equal(lock->motor_ms + lock->latch_ms + lock->away_ms, 18);
    command(client, "refuse busy 2", "ok");
    assert_int_equal(client->device.talk.refusal, NUKI_CODE_K_BUSY);
    command(client, "states 15", "ok");
    command(client, "mtu 100", "ok");
    command(client, "handles 16", "ok");
    command(client, "pin 77", "ok");
    command(client, "clock -3600", "ok");
    assert_true(lock->clock_us < clock_utc_us() - clock_boot_us() - 3599 * USEC_PER_SEC);
    command(client, "authorize 9 00112233445566778899aabbccddeeff00112233445566778899AABBCCDDEEFF app", "ok");
    command(client, "gone", "ok");
    command(client, "back", "ok");
    command(client, "status", "ok state=unlocked door=closed link=1 pairing=0 changed=1 known=2 frames=0");
    command(client, "forget", "ok");
    command(client, "status", "ok state=unlocked door=closed link=1 pairing=0 changed=1 known=0");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, client_open, client_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(message__spoilt__refused_for_its_reason),
        TEST(message__repeated__has_the_nonce_of_the_last),
        TEST(message__silent_twice_or_plain__so_it_is),
        TEST(message__of_pairing__can_be_spoilt),
        TEST(storm__comes_without_being_confirmed),
        TEST(attack__same_seed__same_bytes_within_the_mtu),
        TEST(drop__told__link_breaks_there_and_nothing_more_is_sent),
        TEST(deaf__hears_nothing_for_so_many_pdus),
        TEST(idle__link_closes_after_silence),
        TEST(reboot__link_and_motion_lost__comes_back),
        TEST(advert__beacon_then_pairing),
        TEST(commands__wrong__say_what_they_should_have_been),
        TEST(commands__right__change_the_lock),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
