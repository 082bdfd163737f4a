/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The simulated lock's GATT server: what clients find, read and write, and what it indicates. */
#include "lock_fixture.h"

#define SECRET_BYTES 54 /* three pieces at an MTU of 23 */

static struct att_pdu range(uint8_t opcode, uint16_t first, uint16_t type)
{
    return (struct att_pdu){
        .opcode = opcode, .first = first, .last = ATT_HANDLE_LAST, .type = att_uuid_16(type)
    };
}

static void services__default_mtu__come_by_length_of_uuid(void **state)
{
    struct att_pdu request = range(ATT_READ_GROUP_REQUEST, 1, ATT_TYPE_PRIMARY_SERVICE);
    struct att_pdu list = client_request(*state, &request);

    assert_int_equal(att_entry_count(&list), 2);
    assert_int_equal(att_entry_at(&list, 0).handle, 1);
    assert_int_equal(att_entry_at(&list, 0).end, 5);
    assert_int_equal(att_entry_at(&list, 1).end, 9);
    assert_memory_equal(att_entry_at(&list, 1).value, ((const uint8_t[]){ 0x01, 0x18 }), 2);
    request.first = 10;
    list = client_request(*state, &request);
    assert_int_equal(att_entry_count(&list), 1);
    assert_int_equal(att_entry_at(&list, 0).len, ATT_UUID_BYTES);
    assert_int_equal(att_entry_at(&list, 0).end, 13);
    request.first = 14;
    list = client_request(*state, &request);
    assert_int_equal(att_entry_at(&list, 0).end, ATT_HANDLE_LAST);
    request.first = 15;
    assert_int_equal(client_error(*state, &request), ATT_ERROR_NOT_FOUND);
}

static void services__other_group_or_bad_range__refused(void **state)
{
    struct att_pdu request = range(ATT_READ_GROUP_REQUEST, 1, ATT_TYPE_CHARACTERISTIC);

    assert_int_equal(client_error(*state, &request), ATT_ERROR_UNSUPPORTED_GROUP);
    request.first = 0;
    assert_int_equal(client_error(*state, &request), ATT_ERROR_INVALID_HANDLE);
    request.first = 9;
    request.last = 8;
    assert_int_equal(client_error(*state, &request), ATT_ERROR_INVALID_HANDLE);
}

static void service__looked_for_by_uuid__found_with_its_end(void **state)
{
    struct att_pdu request = range(ATT_FIND_VALUE_REQUEST, 1, ATT_TYPE_PRIMARY_SERVICE);
    uint8_t uuid[ATT_UUID_BYTES];
    struct att_uuid pairing;

    assert_int_equal(att_uuid_parse(NUKI_PAIRING_SERVICE, &pairing), 0);
    request.value = uuid;
    request.len = att_uuid_put(&pairing, uuid);
    struct att_pdu list = client_request(*state, &request);

    assert_int_equal(att_entry_count(&list), 1);
    assert_int_equal(att_entry_at(&list, 0).handle, 10);
    assert_int_equal(att_entry_at(&list, 0).end, 13);
    uuid[0]++;
    assert_int_equal(client_error(*state, &request), ATT_ERROR_NOT_FOUND);
}

static void characteristics__of_keyturner__write_and_indicate(void **state)
{
    struct client *client = *state;
    struct att_pdu request = range(ATT_READ_TYPE_REQUEST, 14, ATT_TYPE_CHARACTERISTIC);
    struct att_pdu list = client_request(client, &request);
    struct att_entry entry = att_entry_at(&list, 0);
    struct att_uuid uuid, wanted;

    assert_int_equal(att_entry_count(&list), 1);
    assert_int_equal(entry.value[0], ATT_PROPERTY_WRITE | ATT_PROPERTY_INDICATE);
    assert_int_equal(entry.value[1], lock_gatt_handle(&client->device.gatt, LOCK_IO_PLAIN));
    assert_int_equal(att_uuid_take(entry.value + 3, entry.len - 3, &uuid), 0);
    assert_int_equal(att_uuid_parse(NUKI_KEYTURNER_GDIO, &wanted), 0);
    assert_true(att_uuid_equal(&uuid, &wanted));
    request.first = 0x13;
    assert_int_equal(client_error(client, &request), ATT_ERROR_NOT_FOUND);
}

static void types__found_by_information__match_and_do_not_mix(void **state)
{
    struct att_pdu request = range(ATT_FIND_INFO_REQUEST, 11, 0);
    struct att_pdu list = client_request(*state, &request);
    struct att_entry entry = att_entry_at(&list, 0);
    struct att_uuid characteristic = att_uuid_16(ATT_TYPE_CHARACTERISTIC), cccd = att_uuid_16(ATT_TYPE_CCCD);

    assert_int_equal(att_entry_count(&list), 1); /* the value behind it has a long type */
    assert_true(att_uuid_equal(&entry.uuid, &characteristic));
    request.first = 20;
    list = client_request(*state, &request);
    entry = att_entry_at(&list, 0);
    assert_true(att_uuid_equal(&entry.uuid, &cccd));
}

static void read__name__whole_and_from_an_offset(void **state)
{
    struct att_pdu request = { .opcode = ATT_READ_REQUEST, .handle = 3 };
    struct att_pdu answer = client_request(*state, &request);

    assert_int_equal(answer.len, 13);
    assert_memory_equal(answer.value, "Nuki_0A0B0C0D", 13);
    request = (struct att_pdu){ .opcode = ATT_READ_BLOB_REQUEST, .handle = 3, .offset = 5 };
    answer = client_request(*state, &request);
    assert_memory_equal(answer.value, "0A0B0C0D", 8);
    request.offset = 13;
    answer = client_request(*state, &request);
    assert_int_equal(answer.opcode, ATT_READ_BLOB_RESPONSE);
    assert_int_equal(answer.len, 0);
    request.offset = 14;
    assert_int_equal(client_error(*state, &request), ATT_ERROR_INVALID_OFFSET);
}

static void read__what_cannot_be__refused(void **state)
{
    struct client *client = *state;
    struct att_pdu request = { .opcode = ATT_READ_REQUEST,
                               .handle = lock_gatt_handle(&client->device.gatt, LOCK_IO_SECRET) };

    assert_int_equal(client_error(client, &request), ATT_ERROR_READ_NOT_PERMITTED);
    request.handle = 21;
    assert_int_equal(client_error(client, &request), ATT_ERROR_INVALID_HANDLE);
    request = range(ATT_READ_TYPE_REQUEST, 1, 0);
    request.type = (struct att_uuid)ATT_UUID_16(0x2a05);
    assert_int_equal(client_error(client, &request), ATT_ERROR_READ_NOT_PERMITTED);
}

static void write__what_cannot_be__refused(void **state)
{
    struct client *client = *state;
    struct att_pdu request = {
        .opcode = ATT_WRITE_REQUEST, .handle = 3, .value = (const uint8_t[]){ 1, 0 }, .len = 2
    };

    assert_int_equal(client_error(client, &request), ATT_ERROR_WRITE_NOT_PERMITTED);
    request.handle = lock_gatt_cccd(&client->device.gatt, LOCK_IO_SECRET);
    assert_int_equal(client_error(client, &request), ATT_ERROR_VALUE_NOT_ALLOWED);
    request.len = 1;
    assert_int_equal(client_error(client, &request), ATT_ERROR_INVALID_LENGTH);
    request.opcode = ATT_WRITE_COMMAND;
    client_send(client, &request);
    assert_true(client_waits(client));
    assert_true(client_read(client, "offence a write without response"));
}

static void write__prepared__is_one_write(void **state)
{
    struct client *client = *state;
    uint8_t frame[NUKI_FRAME_MAX];
    const struct nuki_message message = { .command = NUKI_COMMAND_REQUEST_DATA,
                                          .request = NUKI_COMMAND_PUBLIC_KEY };
    size_t len = nuki_frame_plain(&message, frame);
    struct att_pdu request = { .opcode = ATT_PREPARE_WRITE_REQUEST,
                               .handle = lock_gatt_handle(&client->device.gatt, LOCK_IO_PAIRING),
                               .value = frame,
                               .len = 4 };
    struct att_pdu answer = client_request(client, &request);

    assert_int_equal(answer.opcode, ATT_PREPARE_WRITE_RESPONSE);
    assert_memory_equal(answer.value, frame, 4);
    assert_int_equal(client_error(client, &request), ATT_ERROR_INVALID_OFFSET); /* not what comes next */
    request.offset = 4;
    request.value = frame + 4;
    request.len = len - 4;
    client_request(client, &request);
    request = (struct att_pdu){ .opcode = ATT_EXECUTE_WRITE_REQUEST, .flags = 1 };
    assert_int_equal(client_request(client, &request).opcode, ATT_EXECUTE_WRITE_RESPONSE);
    assert_true(client_read(client, "heard request_data"));
}

static void mtu__agreed__is_the_smaller(void **state)
{
    struct client *client = *state;
    struct att_pdu request = { .opcode = ATT_MTU_REQUEST, .mtu = 100 };

    assert_int_equal(client_request(client, &request).mtu, LOCK_GATT_MTU);
    assert_int_equal(client->device.gatt.mtu, 100);
    request.mtu = 5;
    client_request(client, &request);
    assert_int_equal(client->device.gatt.mtu, ATT_MTU_DEFAULT);
}

static void request__malformed_or_unknown__refused(void **state)
{
    struct client *client = *state;

    lock_device_receive(&client->device, client->now_us, (const uint8_t[]){ ATT_READ_REQUEST, 1 }, 2);
    assert_int_equal(client_pdu(client).code, ATT_ERROR_INVALID_PDU);
    lock_device_receive(&client->device, client->now_us,
                        (const uint8_t[ATT_MTU_DEFAULT + 1]){ ATT_WRITE_REQUEST, 12 }, ATT_MTU_DEFAULT + 1);
    assert_int_equal(client_pdu(client).code, ATT_ERROR_INVALID_PDU);
    lock_device_receive(&client->device, client->now_us, (const uint8_t[]){ 0x0e, 1, 0, 2, 0 }, 5);
    assert_int_equal(client_pdu(client).code, ATT_ERROR_NOT_SUPPORTED);
    lock_device_receive(&client->device, client->now_us, (const uint8_t[]){ ATT_WRITE_RESPONSE }, 1);
    lock_device_receive(&client->device, client->now_us, (const uint8_t[]){ 0x72, 1 }, 2);
    lock_device_receive(&client->device, client->now_us, NULL, 0);
    assert_true(client_waits(client));
}

static void indicate(struct client *client, int expected)
{
    struct lock_gatt_value value = { .io = LOCK_IO_SECRET, .label = "secret", .len = SECRET_BYTES };

    for (size_t i = 0; i < SECRET_BYTES; i++)
        value.bytes[i] = (uint8_t)i;
    assert_int_equal(lock_gatt_indicate(&client->device.gatt, client->now_us, &value), expected);
}

static void value__longer_than_mtu__each_piece_awaits_confirmation(void **state)
{
    struct client *client = *state;

    indicate(client, -ENOTCONN);
    client_subscribe(client, LOCK_IO_SECRET);
    indicate(client, 0);
    for (size_t at = 0; at < SECRET_BYTES; at += 20) {
        struct att_pdu pdu = client_pdu(client);

        assert_int_equal(pdu.len, SECRET_BYTES - at < 20 ? SECRET_BYTES - at : 20);
        assert_int_equal(pdu.value[0], at);
        assert_true(client_waits(client));
        assert_false(client_read(client, "told secret"));
        client_send(client, &(struct att_pdu){ .opcode = ATT_CONFIRMATION });
    }
    assert_true(client_read(client, "told secret"));
    client_send(client, &(struct att_pdu){ .opcode = ATT_CONFIRMATION });
    assert_true(client_read(client, "offence a confirmation of nothing"));
}

static void value__never_confirmed__ends_the_link(void **state)
{
    struct client *client = *state;

    client_subscribe(client, LOCK_IO_SECRET);
    indicate(client, 0);
    client_wait(client, ATT_TRANSACTION_MS - 1);
    assert_false(client->device.dropping);
    client_wait(client, 1);
    assert_true(client->device.dropping);
}

static void values__too_many__refused(void **state)
{
    struct client *client = *state;

    client_subscribe(client, LOCK_IO_SECRET);
    for (size_t i = 0; i < LOCK_GATT_QUEUE_MAX; i++)
        indicate(client, 0);
    indicate(client, -ENOBUFS);
}

static void connection__new_one__knows_nothing_of_the_last(void **state)
{
    struct client *client = *state;

    client_ready(client);
    indicate(client, 0);
    client->taken = client->pdus;
    lock_device_disconnect(&client->device, client->now_us);
    lock_device_connect(&client->device, client->now_us);
    indicate(client, -ENOTCONN);
    assert_int_equal(client->device.gatt.mtu, ATT_MTU_DEFAULT);
    client_subscribe(client, LOCK_IO_SECRET);
    indicate(client, 0);
    assert_int_equal(client_indication(client, LOCK_IO_SECRET).value[0], 0);
}

static void handles__shifted__old_ones_are_none(void **state)
{
    struct client *client = *state;
    struct att_pdu request = { .opcode = ATT_WRITE_REQUEST,
                               .handle = lock_gatt_cccd(&client->device.gatt, LOCK_IO_PAIRING),
                               .value = (const uint8_t[]){ 2, 0 },
                               .len = 2 };

    client->device.gatt.shift = 16;
    assert_int_equal(client_error(client, &request), ATT_ERROR_INVALID_HANDLE);
    request.handle += 16;
    assert_int_equal(client_request(client, &request).opcode, ATT_WRITE_RESPONSE);
    request = (struct att_pdu){ .opcode = ATT_READ_REQUEST, .handle = 3 };
    assert_int_equal(client_request(client, &request).opcode, ATT_READ_RESPONSE);
    request = range(ATT_READ_GROUP_REQUEST, 10, ATT_TYPE_PRIMARY_SERVICE);
    const struct att_pdu list = client_request(client, &request);

    assert_int_equal(att_entry_at(&list, 0).handle, 10 + 16);
    assert_int_equal(att_entry_at(&list, 0).end, 13 + 16);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, client_open, client_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(services__default_mtu__come_by_length_of_uuid),
        TEST(services__other_group_or_bad_range__refused),
        TEST(service__looked_for_by_uuid__found_with_its_end),
        TEST(characteristics__of_keyturner__write_and_indicate),
        TEST(types__found_by_information__match_and_do_not_mix),
        TEST(read__name__whole_and_from_an_offset),
        TEST(read__what_cannot_be__refused),
        TEST(write__what_cannot_be__refused),
        TEST(write__prepared__is_one_write),
        TEST(mtu__agreed__is_the_smaller),
        TEST(request__malformed_or_unknown__refused),
        TEST(value__longer_than_mtu__each_piece_awaits_confirmation),
        TEST(value__never_confirmed__ends_the_link),
        TEST(values__too_many__refused),
        TEST(connection__new_one__knows_nothing_of_the_last),
        TEST(handles__shifted__old_ones_are_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
