/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The driver's GATT client and the simulated lock's server, which know nothing of each other but the
 * specification. */
#include "lock_fixture.h"

#include "hal/ble/ble_gatt.h"

#define WANTS 2
#define LONG  180 /* bytes: ten pieces at an MTU of 23 */

struct pair {
    struct client client; /* for its lock */
    struct ble_gatt gatt;
    struct ble_gatt_wants wants;
    struct ble_gatt_cache cache;
    struct ble_gatt_report report; /* the last that was any news */
};

static int pair_open(void **state)
{
    struct pair *pair = test_calloc(1, sizeof(*pair));
    const struct lock_device_user user = { client_gets, client_notes, client_random, &pair->client };
    const char *const uuids[WANTS][2] = { { NUKI_PAIRING_SERVICE, NUKI_PAIRING_GDIO },
                                          { NUKI_KEYTURNER_SERVICE, NUKI_KEYTURNER_USDIO } };

    lock_device_init(&pair->client.device, LOCK_ID, 0, 0, &user);
    pair->wants.count = WANTS;
    for (size_t i = 0; i < WANTS; i++) {
        pair->wants.at[i].subscribe = BLE_GATT_SUBSCRIBE_INDICATE;
        assert_int_equal(att_uuid_parse(uuids[i][0], &pair->wants.at[i].service), 0);
        assert_int_equal(att_uuid_parse(uuids[i][1], &pair->wants.at[i].uuid), 0);
    }
    *state = pair;
    return 0;
}

static int pair_close(void **state)
{
    text_finish(&((struct pair *)*state)->client.lines);
    test_free(*state);
    return 0;
}

/* PDUs go to and fro until both are quiet. */
static void exchange(struct pair *pair)
{
    struct client *client = &pair->client;
    struct ble_gatt_report report;
    const uint8_t *pdu;
    size_t len;

    while ((pdu = ble_gatt_output(&pair->gatt, &len)) || !client_waits(client)) {
        if (pdu) {
            lock_device_receive(&client->device, 0, pdu, len);
            ble_gatt_sent(&pair->gatt, 0);
            continue;
        }
        ble_gatt_receive(&pair->gatt, client->pdu[client->taken], client->len[client->taken], &report);
        client->taken++;
        if (report.news != BLE_GATT_NOTHING)
            pair->report = report;
    }
}

static void connect_pair(struct pair *pair)
{
    if (pair->client.device.linked)
        lock_device_disconnect(&pair->client.device, 0);
    lock_device_connect(&pair->client.device, 0);
    ble_gatt_start(&pair->gatt, &pair->wants, 3, &pair->cache);
    exchange(pair);
    assert_int_equal(pair->gatt.state, BLE_GATT_READY);
}

static void client__finds_what_the_lock_has(void **state)
{
    struct pair *pair = *state;

    connect_pair(pair);
    assert_int_equal(pair->gatt.mtu, LOCK_GATT_MTU);
    assert_int_equal(pair->cache.at[0].value, lock_gatt_handle(&pair->client.device.gatt, LOCK_IO_PAIRING));
    assert_int_equal(pair->cache.at[1].cccd, lock_gatt_cccd(&pair->client.device.gatt, LOCK_IO_SECRET));
    text_reset(&pair->client.lines);
    connect_pair(pair);
    assert_false(client_read(&pair->client, "discovery"));
}

static void client__handles_have_moved__finds_them_again(void **state)
{
    struct pair *pair = *state;

    connect_pair(pair);
    pair->client.device.gatt.shift = 16;
    connect_pair(pair);
    assert_int_equal(pair->cache.at[1].value, lock_gatt_handle(&pair->client.device.gatt, LOCK_IO_SECRET));
}

static void client__value_longer_than_the_mtu__is_taken_as_one(void **state)
{
    struct pair *pair = *state;
    uint8_t value[LONG] = { 0 };

    pair->client.device.gatt.mtu_offered = ATT_MTU_DEFAULT;
    connect_pair(pair);
    value[28] = LONG - 30; /* the length in a frame's header */
    assert_int_equal(ble_gatt_write(&pair->gatt, 1, value, sizeof(value)), 0);
    exchange(pair);
    assert_int_equal(pair->report.news, BLE_GATT_WRITTEN);
    assert_true(client_read(&pair->client, "spurned auth_id")); /* it was whole, though nobody's */
    assert_int_equal(ble_gatt_write(&pair->gatt, 1, value, 20), 0);
    exchange(pair);
    assert_int_equal(pair->report.news, BLE_GATT_WRITTEN);
    assert_int_equal(pair->client.device.talk.secret.len, 20);
}

static void client__piece_comes_back_altered__breaks(void **state)
{
    struct pair *pair = *state;
    struct client *client = &pair->client;
    const uint8_t value[LONG] = { 0 };
    const uint8_t *pdu;
    size_t len;

    client->device.gatt.mtu_offered = ATT_MTU_DEFAULT;
    connect_pair(pair);
    assert_int_equal(ble_gatt_write(&pair->gatt, 1, value, sizeof(value)), 0);
    pdu = ble_gatt_output(&pair->gatt, &len);
    lock_device_receive(&client->device, 0, pdu, len);
    ble_gatt_sent(&pair->gatt, 0);
    client->pdu[client->taken][len - 1] ^= 1;
    exchange(pair);
    assert_int_equal(pair->report.news, BLE_GATT_BROKE);
    assert_string_equal(pair->report.reason, "garbled_write");
}

static void client__piece_refused_after_others__breaks(void **state)
{
    struct pair *pair = *state;
    struct client *client = &pair->client;
    const uint8_t value[LONG] = { 0 };
    const uint8_t *pdu;
    size_t len;

    client->device.gatt.mtu_offered = ATT_MTU_DEFAULT;
    connect_pair(pair);
    assert_int_equal(ble_gatt_write(&pair->gatt, 1, value, sizeof(value)), 0);
    pdu = ble_gatt_output(&pair->gatt, &len);
    lock_device_receive(&client->device, 0, pdu, len);
    client->device.gatt.prepared_len = 0; /* it forgets the piece */
    ble_gatt_sent(&pair->gatt, 0);
    exchange(pair);
    assert_int_equal(pair->report.news, BLE_GATT_BROKE);
    assert_string_equal(pair->report.reason, att_error_word(ATT_ERROR_INVALID_OFFSET));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, pair_open, pair_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(client__finds_what_the_lock_has),
        TEST(client__handles_have_moved__finds_them_again),
        TEST(client__value_longer_than_the_mtu__is_taken_as_one),
        TEST(client__piece_comes_back_altered__breaks),
        TEST(client__piece_refused_after_others__breaks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
