/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ble_scan.c: one command at a time: what else is wanted waits for the answer, or until it was due. The
 * kernel's own interface (mgmt) is not used for it: in the background it filters duplicates, and so would not
 * say that a beacon has changed. */
#include "hal/ble/ble_scan.h"

#include <bluetooth/bluetooth.h>
#include <bluetooth/hci.h>
#include <bluetooth/hci_lib.h>
#include <errno.h>
#include <sys/socket.h>

#include "gateway/base/clock.h"

void ble_scan_init(struct ble_scan *scan)
{
    *scan = (struct ble_scan){ .fd = -1, .due_us = INT64_MAX };
}

int ble_scan_socket(int index, int *ret_fd)
{
    cleanup_with(closep) int fd = socket(AF_BLUETOOTH, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, BTPROTO_HCI);
    struct sockaddr_hci address = {
        .hci_family = AF_BLUETOOTH,
        .hci_dev = (unsigned short)index,
        .hci_channel = HCI_CHANNEL_RAW,
    };
    struct hci_filter filter;

    hci_filter_clear(&filter);
    hci_filter_set_ptype(HCI_EVENT_PKT, &filter);
    hci_filter_set_event(EVT_CMD_COMPLETE, &filter);
    hci_filter_set_event(EVT_CMD_STATUS, &filter);
    hci_filter_set_event(EVT_LE_META_EVENT, &filter);
    if (fd < 0 || setsockopt(fd, SOL_HCI, HCI_FILTER, &filter, sizeof(filter)) < 0 ||
        bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
        return -errno;
    *ret_fd = take_fd(&fd);
    return 0;
}

void ble_scan_open(struct ble_scan *scan, int fd)
{
    scan->fd = fd;
    scan->due_us = 0;
    scan->on = scan->knows = scan->forbidden = false;
    scan->asked = BLE_HCI_OTHER;
}

static void ask(struct ble_scan *scan, enum ble_hci_command command, const uint8_t bytes[], size_t len)
{
    scan->asked = command;
    if (send(scan->fd, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 && errno == EPERM)
        scan->forbidden = true;
}

static void enable(struct ble_scan *scan, bool on)
{
    uint8_t bytes[BLE_HCI_COMMAND_MAX];

    scan->next = on;
    ask(scan, BLE_HCI_ENABLE_SCAN, bytes, ble_hci_enable_scan(scan->extended, on, bytes));
}

void ble_scan_close(struct ble_scan *scan)
{
    if (scan->on)
        enable(scan, false);
    closep(&scan->fd);
    scan->fd = -1;
    scan->on = false;
}

void ble_scan_again(struct ble_scan *scan)
{
    if (scan->on && !scan->held)
        enable(scan, false);
}

void ble_scan_hold(struct ble_scan *scan, bool connecting, int64_t now_us)
{
    if (scan->held && !connecting && scan->asked == BLE_HCI_OTHER)
        scan->due_us = now_us;
    scan->held = connecting;
}

/* What the controller did with a command. Those of others, the kernel's above all, are seen, too: an enable
 * that we did not ask for ends what we had. */
static void take_done(struct ble_scan *scan, const struct ble_hci_event *event)
{
    bool ours = event->command == scan->asked;
    bool done = ours && event->status == BLE_HCI_STATUS_OK;

    if (ours)
        scan->asked = BLE_HCI_OTHER;
    switch (event->command) {
    case BLE_HCI_READ_COMMANDS:
        scan->extended = event->extended;
        scan->knows = true;
        scan->due_us = 0;
        break;
    case BLE_HCI_SET_SCAN:
        if (done && !scan->held)
            enable(scan, true);
        break;
    case BLE_HCI_ENABLE_SCAN:
        scan->on = done && scan->next;
        if (done && !scan->next)
            scan->due_us = 0;
        break;
    case BLE_HCI_RESET:
        scan->on = false;
        break;
    case BLE_HCI_OTHER:
        break;
    }
}

static void take(struct ble_scan *scan, struct ble_hci_event event, const struct ble_scan_ear *ear)
{
    struct ble_hci_report report;

    if (event.kind == BLE_HCI_DONE)
        take_done(scan, &event);
    while (ble_hci_next(&event, &report)) {
        scan->heard++;
        ear->heard(ear->self, &report);
    }
}

int ble_scan_receive(struct ble_scan *scan, const struct ble_scan_ear *ear)
{
    for (int i = 0; i < BLE_SCAN_PACKETS_MAX; i++) {
        uint8_t packet[BLE_HCI_EVENT_MAX];
        ssize_t len = recv(scan->fd, packet, sizeof(packet), MSG_DONTWAIT);

        if (len < 0)
            return errno == EAGAIN || errno == EINTR ? 0 : -errno;
        if (len == 0)
            return -EPIPE;
        take(scan, ble_hci_read(packet, (size_t)len), ear);
    }
    return 0;
}

void ble_scan_turn(struct ble_scan *scan, int64_t now_us)
{
    uint8_t bytes[BLE_HCI_COMMAND_MAX];

    if (scan->fd < 0 || now_us < scan->due_us)
        return;
    scan->due_us = now_us + BLE_SCAN_AGAIN_MS * USEC_PER_MSEC;
    if (!scan->knows)
        ask(scan, BLE_HCI_READ_COMMANDS, bytes, ble_hci_read_commands(bytes));
    else if (!scan->on && !scan->held)
        ask(scan, BLE_HCI_SET_SCAN, bytes, ble_hci_set_scan(scan->extended, bytes));
    if (scan->forbidden)
        scan->due_us = INT64_MAX;
}

int64_t ble_scan_due_us(const struct ble_scan *scan)
{
    return scan->fd < 0 ? INT64_MAX : scan->due_us;
}
