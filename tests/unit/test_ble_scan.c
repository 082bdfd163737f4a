/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test_ble_scan.c: packets of the controller, and a scan that keeps out of the way of others. The test is the
 * controller, at the other end of a socketpair. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include <string.h>
#include <sys/socket.h>

#include "gateway/base/clock.h"
#include "hal/ble/ble_scan.h"

#define AGAIN_US (BLE_SCAN_AGAIN_MS * USEC_PER_MSEC)

#define RESET            0x0c03
#define READ_COMMANDS    0x1002
#define SET_SCAN         0x200b
#define ENABLE_SCAN      0x200c
#define SET_SCAN_NEW     0x2041
#define ENABLE_SCAN_NEW  0x2042
#define SUPPORTED_OCTETS 64

struct fixture {
    struct ble_scan scan;
    int controller;
    int64_t now_us;
    struct ble_hci_report last;
    uint8_t data[32];
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    int fds[2];

    assert_non_null(fixture);
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
    fixture->controller = fds[1];
    fixture->now_us = 1000 * USEC_PER_SEC;
    ble_scan_init(&fixture->scan);
    ble_scan_open(&fixture->scan, fds[0]);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;

    ble_scan_close(&fixture->scan);
    close(fixture->controller);
    free(fixture);
    return 0;
}

static void heard(void *self, const struct ble_hci_report *report)
{
    struct fixture *fixture = self;

    fixture->last = *report;
    assert_true(report->len <= sizeof(fixture->data));
    memcpy(fixture->data, report->data, report->len);
}

static void receive(struct fixture *fixture)
{
    const struct ble_scan_ear ear = { .heard = heard, .self = fixture };

    assert_int_equal(ble_scan_receive(&fixture->scan, &ear), 0);
}

static void turn(struct fixture *fixture, int64_t later_us)
{
    fixture->now_us += later_us;
    ble_scan_turn(&fixture->scan, fixture->now_us);
}

/* The next command that the controller gets; 0: none. */
static unsigned command(struct fixture *fixture, uint8_t ret_parameters[static BLE_HCI_COMMAND_MAX])
{
    uint8_t bytes[BLE_HCI_COMMAND_MAX] = { 0 };
    ssize_t len = recv(fixture->controller, bytes, sizeof(bytes), 0);

    if (len < 0)
        return 0;
    assert_true(len >= 4 && bytes[0] == 1 && bytes[3] == len - 4);
    memcpy(ret_parameters, bytes + 4, sizeof(bytes) - 4);
    return bytes[1] | (unsigned)bytes[2] << 8;
}

static void expect(struct fixture *fixture, unsigned opcode, int first_parameter)
{
    uint8_t parameters[BLE_HCI_COMMAND_MAX];

    assert_int_equal(command(fixture, parameters), opcode);
    if (first_parameter >= 0)
        assert_int_equal(parameters[0], first_parameter);
}

static void expect_nothing(struct fixture *fixture)
{
    uint8_t parameters[BLE_HCI_COMMAND_MAX];

    assert_int_equal(command(fixture, parameters), 0);
}

static void complete(struct fixture *fixture, unsigned opcode, uint8_t status)
{
    const uint8_t packet[] = { 4, 0x0e, 4, 1, (uint8_t)opcode, (uint8_t)(opcode >> 8), status };

    assert_int_equal(send(fixture->controller, packet, sizeof(packet), 0), sizeof(packet));
    receive(fixture);
}

static void complete_commands(struct fixture *fixture, bool extended)
{
    uint8_t packet[3 + 4 + SUPPORTED_OCTETS] = { 4, 0x0e, 4 + SUPPORTED_OCTETS, 1, 0x02, 0x10, 0 };

    packet[7 + 37] = extended ? 0x60 : 0x20;
    assert_int_equal(send(fixture->controller, packet, sizeof(packet), 0), sizeof(packet));
    receive(fixture);
}

/* Until the controller is asked to listen for us. */
static void listen_until_enabled(struct fixture *fixture)
{
    turn(fixture, 0);
    expect(fixture, READ_COMMANDS, -1);
    complete_commands(fixture, false);
    turn(fixture, 0);
    expect(fixture, SET_SCAN, 0);
    complete(fixture, SET_SCAN, BLE_HCI_STATUS_OK);
    expect(fixture, ENABLE_SCAN, 1);
}

static void listen_for_beacons(struct fixture *fixture)
{
    listen_until_enabled(fixture);
    complete(fixture, ENABLE_SCAN, BLE_HCI_STATUS_OK);
}

static void scan__listening__is_asked_for_once(void **state)
{
    struct fixture *fixture = *state;

    listen_for_beacons(fixture);
    turn(fixture, AGAIN_US);
    expect_nothing(fixture);
}

static void scan__newer_controller__gets_the_newer_commands(void **state)
{
    struct fixture *fixture = *state;

    turn(fixture, 0);
    expect(fixture, READ_COMMANDS, -1);
    complete_commands(fixture, true);
    turn(fixture, 0);
    expect(fixture, SET_SCAN_NEW, -1);
    complete(fixture, SET_SCAN_NEW, BLE_HCI_STATUS_OK);
    expect(fixture, ENABLE_SCAN_NEW, 1);
}

static void scan__somebody_else_scans__is_left_alone_and_tried_again(void **state)
{
    struct fixture *fixture = *state;

    turn(fixture, 0);
    expect(fixture, READ_COMMANDS, -1);
    complete_commands(fixture, false);
    turn(fixture, 0);
    expect(fixture, SET_SCAN, 0);
    complete(fixture, SET_SCAN, BLE_HCI_STATUS_DISALLOWED);
    expect_nothing(fixture);
    turn(fixture, AGAIN_US - 1);
    expect_nothing(fixture);
    turn(fixture, 1);
    expect(fixture, SET_SCAN, 0);
}

static void scan__ended_by_the_kernel__is_begun_again_but_not_during_a_connect(void **state)
{
    struct fixture *fixture = *state;

    listen_for_beacons(fixture);
    ble_scan_hold(&fixture->scan, true, fixture->now_us);
    complete(fixture, ENABLE_SCAN, BLE_HCI_STATUS_OK); /* the kernel's */
    turn(fixture, AGAIN_US);
    expect_nothing(fixture);
    complete(fixture, SET_SCAN, BLE_HCI_STATUS_OK); /* and its settings */
    expect_nothing(fixture);
    ble_scan_hold(&fixture->scan, false, fixture->now_us);
    turn(fixture, 0);
    expect(fixture, SET_SCAN, 0);
}

/* The kernel does that by itself when a controller is stuck, sooner than anybody sees that it was off. */
static void scan__controller_is_reset__is_begun_again(void **state)
{
    struct fixture *fixture = *state;

    listen_for_beacons(fixture);
    complete(fixture, RESET, BLE_HCI_STATUS_OK);
    turn(fixture, AGAIN_US);
    expect(fixture, SET_SCAN, 0);
}

static void scan__answer_lost__is_asked_for_again(void **state)
{
    struct fixture *fixture = *state;

    listen_until_enabled(fixture);
    turn(fixture, AGAIN_US);
    expect(fixture, SET_SCAN, 0);
}

static void scan__again__ends_and_begins(void **state)
{
    struct fixture *fixture = *state;

    listen_for_beacons(fixture);
    ble_scan_again(&fixture->scan);
    expect(fixture, ENABLE_SCAN, 0);
    complete(fixture, ENABLE_SCAN, BLE_HCI_STATUS_OK);
    turn(fixture, 0);
    expect(fixture, SET_SCAN, 0);
    complete(fixture, SET_SCAN, BLE_HCI_STATUS_OK);
    expect(fixture, ENABLE_SCAN, 1);
}

static void scan__closed__ends_its_own_scan_only(void **state)
{
    struct fixture *fixture = *state;

    listen_for_beacons(fixture);
    ble_scan_close(&fixture->scan);
    expect(fixture, ENABLE_SCAN, 0);
}

static void report__old_and_new_kind__have_address_data_and_strength(void **state)
{
    static const uint8_t old[] = { 4, 0x3e, 2 + 9 + 3 + 1, 2, 1, 0, 1, 1, 2, 3, 4, 5, 6, 3, 2, 1, 6, 0xc3 };
    static const uint8_t new[] = { 4, 0x3e, 2 + 24 + 2, 0x0d, 1, 0x10, 0, 0, 6, 5, 4, 3, 2, 1,    1,   0,
                                   0, 0x7f, 0xb0,       0,    0, 0,    0, 0, 0, 0, 0, 0, 2, 0xaa, 0xbb };
    struct fixture *fixture = *state;

    assert_int_equal(send(fixture->controller, old, sizeof(old), 0), sizeof(old));
    receive(fixture);
    assert_int_equal(fixture->last.address.type, BLE_ADDRESS_RANDOM);
    assert_int_equal(fixture->last.address.bytes[0], 1);
    assert_int_equal(fixture->last.rssi, -61);
    assert_int_equal(fixture->last.len, 3);
    assert_int_equal(fixture->data[2], 6);
    assert_int_equal(send(fixture->controller, new, sizeof(new), 0), sizeof(new));
    receive(fixture);
    assert_int_equal(fixture->last.address.type, BLE_ADDRESS_PUBLIC);
    assert_int_equal(fixture->last.address.bytes[0], 6);
    assert_int_equal(fixture->last.rssi, -80);
    assert_int_equal(fixture->last.len, 2);
    assert_int_equal(fixture->data[1], 0xbb);
    assert_int_equal(fixture->scan.heard, 2);
}

static void report__longer_than_its_packet__is_none(void **state)
{
    static const uint8_t packet[] = {
        4, 0x3e, 2 + 9 + 3 + 1, 2, 1, 0, 1, 1, 2, 3, 4, 5, 6, 4, 2, 1, 6, 0xc3
    };
    struct ble_hci_event event = ble_hci_read(packet, sizeof(packet));
    struct ble_hci_report report;

    assert_int_equal(event.kind, BLE_HCI_REPORTS);
    assert_false(ble_hci_next(&event, &report));
    assert_int_equal(ble_hci_read(packet, sizeof(packet) - 1).kind, BLE_HCI_NOTHING);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(scan__listening__is_asked_for_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(scan__newer_controller__gets_the_newer_commands, set_up, tear_down),
        cmocka_unit_test_setup_teardown(scan__somebody_else_scans__is_left_alone_and_tried_again, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(scan__ended_by_the_kernel__is_begun_again_but_not_during_a_connect,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(scan__controller_is_reset__is_begun_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(scan__answer_lost__is_asked_for_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(scan__again__ends_and_begins, set_up, tear_down),
        cmocka_unit_test_setup_teardown(scan__closed__ends_its_own_scan_only, set_up, tear_down),
        cmocka_unit_test_setup_teardown(report__old_and_new_kind__have_address_data_and_strength, set_up,
                                        tear_down),
        cmocka_unit_test(report__longer_than_its_packet__is_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
