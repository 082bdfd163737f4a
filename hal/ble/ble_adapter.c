/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ble_adapter.c: an ioctl to look, which everybody may do, and the kernel's management socket to switch on
 * (bluez, doc/mgmt-api.txt). */
#include "hal/ble/ble_adapter.h"

#include <bluetooth/bluetooth.h>
#include <bluetooth/hci.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

/* Management commands, each with one byte: 1. */
#define MGMT_SET_POWERED 0x0005
#define MGMT_SET_LE      0x000d

int ble_adapter_index(const char *name)
{
    return atoi(name + strlen("hci"));
}

static int hci_socket(void)
{
    int fd = socket(AF_BLUETOOTH, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, BTPROTO_HCI);

    return fd < 0 ? -errno : fd;
}

int ble_adapter_look(int index, struct ble_address *ret_address)
{
    cleanup_with(closep) int fd = hci_socket();
    struct hci_dev_info info = { .dev_id = (uint16_t)index };

    if (fd < 0)
        return fd;
    if (ioctl(fd, HCIGETDEVINFO, &info) < 0)
        return -errno;
    if (!(info.flags & 1u << HCI_UP))
        return BLE_ADAPTER_E_OFF;
    ret_address->type = BLE_ADDRESS_PUBLIC;
    memcpy(ret_address->bytes, info.bdaddr.b, BLE_ADDRESS_BYTES);
    return 0;
}

static void command(int fd, uint16_t opcode, int index)
{
    const uint8_t bytes[] = {
        (uint8_t)opcode, (uint8_t)(opcode >> 8), (uint8_t)index, (uint8_t)(index >> 8), 1, 0, 1,
    };

    (void)!send(fd, bytes, sizeof(bytes), MSG_NOSIGNAL);
}

void ble_adapter_switch_on(int index)
{
    cleanup_with(closep) int fd = hci_socket();
    const struct sockaddr_hci address = {
        .hci_family = AF_BLUETOOTH,
        .hci_dev = HCI_DEV_NONE,
        .hci_channel = HCI_CHANNEL_CONTROL,
    };

    if (fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
        return;
    command(fd, MGMT_SET_LE, index);
    command(fd, MGMT_SET_POWERED, index);
}
