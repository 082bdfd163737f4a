/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ble_hci.h: the few HCI packets with which a controller is told to scan and says what it heard (Core
 * Specification, Vol 4, Part E, 7.7 and 7.8). Pure.
 *
 * A controller has two families of commands for it, and refuses the old ones once the new ones were used: we
 * use the one that the kernel uses for this controller.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/ble_address.h"

/* Longest command here, and longest event, with the byte that says which. */
#define BLE_HCI_COMMAND_MAX 16
#define BLE_HCI_EVENT_MAX   260

#define BLE_HCI_STATUS_OK         0x00
#define BLE_HCI_STATUS_DISALLOWED 0x0c

enum ble_hci_command {
    BLE_HCI_READ_COMMANDS, /* which ones the controller has */
    BLE_HCI_SET_SCAN,
    BLE_HCI_ENABLE_SCAN,
    BLE_HCI_RESET, /* the kernel's, when the controller is switched on */
    BLE_HCI_OTHER, /* none of these */
};

/* Writes a command; returns its length. extended: the newer family. The scan is passive. */
size_t ble_hci_read_commands(uint8_t ret_bytes[static BLE_HCI_COMMAND_MAX]);
size_t ble_hci_set_scan(bool extended, uint8_t ret_bytes[static BLE_HCI_COMMAND_MAX]);
size_t ble_hci_enable_scan(bool extended, bool on, uint8_t ret_bytes[static BLE_HCI_COMMAND_MAX]);

enum ble_hci_kind { BLE_HCI_NOTHING, BLE_HCI_DONE, BLE_HCI_REPORTS };

struct ble_hci_event {
    enum ble_hci_kind kind;
    enum ble_hci_command command; /* DONE */
    uint8_t status;               /* DONE */
    bool extended; /* DONE of READ_COMMANDS: it has the newer family. REPORTS: they are of it */
    size_t count;  /* REPORTS: still to be taken */
    const uint8_t *bytes;
    size_t len;
};

struct ble_hci_report {
    struct ble_address address;
    int rssi; /* dBm, 127: not known */
    const uint8_t *data;
    size_t len;
};

/* Reads a packet; what it makes of it refers to its bytes. Not known, or malformed: NOTHING. */
struct ble_hci_event ble_hci_read(const uint8_t packet[], size_t len);

/* Takes the next report. False: there is none, or it does not fit its lengths. */
bool ble_hci_next(struct ble_hci_event *event, struct ble_hci_report *ret_report);
