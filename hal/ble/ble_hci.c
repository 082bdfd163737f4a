/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ble_hci.c: bytes by hand: libbluetooth's structs know the old family only. */
#include "hal/ble/ble_hci.h"

#include <string.h>

#include "gateway/base/bytes.h"

enum { PACKET_COMMAND = 0x01, PACKET_EVENT = 0x04 };

enum {
    EVENT_COMPLETE = 0x0e,
    EVENT_STATUS = 0x0f,
    EVENT_LE = 0x3e,
};

enum { LE_REPORT = 0x02, LE_REPORT_EXTENDED = 0x0d };

enum {
    OPCODE_RESET = 0x0c03,
    OPCODE_READ_COMMANDS = 0x1002,
    OPCODE_SET_SCAN = 0x200b,
    OPCODE_ENABLE_SCAN = 0x200c,
    OPCODE_SET_SCAN_EXTENDED = 0x2041,
    OPCODE_ENABLE_SCAN_EXTENDED = 0x2042,
};

/* In units of 0.625 ms. Half of the time is left to links, and to a WLAN that shares the antenna. */
#define INTERVAL 160
#define WINDOW   80

/* The bits of both extended scan commands in the list of commands. */
#define COMMANDS_OCTET    37
#define COMMANDS_EXTENDED 0x60

/* Bytes of a report before its data, and behind it. */
#define REPORT_HEAD          9
#define REPORT_TAIL          1
#define REPORT_HEAD_EXTENDED 24

static size_t write_command(uint16_t opcode, const uint8_t parameters[], size_t len,
                            uint8_t ret_bytes[static BLE_HCI_COMMAND_MAX])
{
    const uint8_t head[] = { PACKET_COMMAND, (uint8_t)opcode, (uint8_t)(opcode >> 8), (uint8_t)len };

    memcpy(ret_bytes, head, sizeof(head));
    memcpy(ret_bytes + sizeof(head), parameters, len);
    return sizeof(head) + len;
}

size_t ble_hci_read_commands(uint8_t ret_bytes[static BLE_HCI_COMMAND_MAX])
{
    return write_command(OPCODE_READ_COMMANDS, (const uint8_t[]){ 0 }, 0, ret_bytes);
}

/* Own address public, everybody is heard. */
size_t ble_hci_set_scan(bool extended, uint8_t ret_bytes[static BLE_HCI_COMMAND_MAX])
{
    const uint8_t old[] = { 0, INTERVAL, 0, WINDOW, 0, 0, 0 };
    const uint8_t new[] = { 0, 0, 1 /* the 1M PHY */, 0, INTERVAL, 0, WINDOW, 0 };

    return extended ? write_command(OPCODE_SET_SCAN_EXTENDED, new, sizeof(new), ret_bytes)
                    : write_command(OPCODE_SET_SCAN, old, sizeof(old), ret_bytes);
}

/* No filter of duplicates: it does not look at the data, and would swallow every change of a beacon. */
size_t ble_hci_enable_scan(bool extended, bool on, uint8_t ret_bytes[static BLE_HCI_COMMAND_MAX])
{
    const uint8_t old[] = { on, 0 };
    const uint8_t new[] = { on, 0, 0, 0, 0, 0 /* without an end */ };

    return extended ? write_command(OPCODE_ENABLE_SCAN_EXTENDED, new, sizeof(new), ret_bytes)
                    : write_command(OPCODE_ENABLE_SCAN, old, sizeof(old), ret_bytes);
}

static enum ble_hci_command command_of(uint16_t opcode)
{
    switch (opcode) {
    case OPCODE_RESET:
        return BLE_HCI_RESET;
    case OPCODE_READ_COMMANDS:
        return BLE_HCI_READ_COMMANDS;
    case OPCODE_SET_SCAN:
    case OPCODE_SET_SCAN_EXTENDED:
        return BLE_HCI_SET_SCAN;
    case OPCODE_ENABLE_SCAN:
    case OPCODE_ENABLE_SCAN_EXTENDED:
        return BLE_HCI_ENABLE_SCAN;
    default:
        return BLE_HCI_OTHER;
    }
}

/* Packets allowed, opcode, status, and what the command returns. */
static struct ble_hci_event read_complete(const uint8_t bytes[], size_t len)
{
    struct ble_hci_event event = { .kind = BLE_HCI_DONE };

    if (len < 4)
        return (struct ble_hci_event){ 0 };
    event.command = command_of(bytes_get_u16(bytes + 1));
    event.status = bytes[3];
    if (event.command == BLE_HCI_READ_COMMANDS && len > 4 + COMMANDS_OCTET)
        event.extended = (bytes[4 + COMMANDS_OCTET] & COMMANDS_EXTENDED) == COMMANDS_EXTENDED;
    return event;
}

/* Status, packets allowed, opcode: a command that is carried on, or was refused. */
static struct ble_hci_event read_status(const uint8_t bytes[], size_t len)
{
    if (len < 4)
        return (struct ble_hci_event){ 0 };
    return (struct ble_hci_event){ .kind = BLE_HCI_DONE,
                                   .command = command_of(bytes_get_u16(bytes + 2)),
                                   .status = bytes[0] };
}

static struct ble_hci_event read_reports(const uint8_t bytes[], size_t len)
{
    if (len < 2 || (bytes[0] != LE_REPORT && bytes[0] != LE_REPORT_EXTENDED))
        return (struct ble_hci_event){ 0 };
    return (struct ble_hci_event){ .kind = BLE_HCI_REPORTS,
                                   .extended = bytes[0] == LE_REPORT_EXTENDED,
                                   .count = bytes[1],
                                   .bytes = bytes + 2,
                                   .len = len - 2 };
}

struct ble_hci_event ble_hci_read(const uint8_t packet[], size_t len)
{
    if (len < 3 || packet[0] != PACKET_EVENT || packet[2] != len - 3)
        return (struct ble_hci_event){ 0 };
    switch (packet[1]) {
    case EVENT_COMPLETE:
        return read_complete(packet + 3, len - 3);
    case EVENT_STATUS:
        return read_status(packet + 3, len - 3);
    case EVENT_LE:
        return read_reports(packet + 3, len - 3);
    default:
        return (struct ble_hci_event){ 0 };
    }
}

/* Types 2 and 3 are public and random ones that the controller has resolved. */
static struct ble_address address_of(uint8_t type, const uint8_t bytes[])
{
    struct ble_address address = { .type = type & 1 ? BLE_ADDRESS_RANDOM : BLE_ADDRESS_PUBLIC };

    memcpy(address.bytes, bytes, BLE_ADDRESS_BYTES);
    return address;
}

bool ble_hci_next(struct ble_hci_event *event, struct ble_hci_report *ret_report)
{
    const size_t head = event->extended ? REPORT_HEAD_EXTENDED : REPORT_HEAD;
    const size_t tail = event->extended ? 0 : REPORT_TAIL;
    const uint8_t *at = event->bytes;

    if (event->kind != BLE_HCI_REPORTS || event->count == 0 || event->len < head + tail ||
        event->len - head - tail < at[head - 1])
        return false;
    const size_t len = at[head - 1];
    const size_t type = event->extended ? 2 : 1; /* behind the kind of advertisement */

    ret_report->address = address_of(at[type], at + type + 1);
    ret_report->rssi = (int8_t)(event->extended ? at[13] : at[head + len]);
    ret_report->data = at + head;
    ret_report->len = len;
    event->count--;
    event->bytes += head + len + tail;
    event->len -= head + len + tail;
    return true;
}
