/* SPDX-License-Identifier: GPL-3.0-or-later */
/* lock_radio.c: the kernel's management interface does the advertising (Linux net/bluetooth/mgmt.c; BlueZ
 * doc/mgmt-api.txt has the commands), so that old and new controllers look alike from here. A command that
 * begins the work waits for its answer; one while people wait at the door does not. */
#include "tools/sim/lock_radio.h"

#include <bluetooth/bluetooth.h>
#include <bluetooth/hci.h>
#include <bluetooth/l2cap.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "gateway/base/bytes.h"

#define MGMT_READ_INFO          0x0004
#define MGMT_SET_POWERED        0x0005
#define MGMT_SET_LE             0x000d
#define MGMT_DISCONNECT         0x0014
#define MGMT_ADD_ADVERTISING    0x003e
#define MGMT_REMOVE_ADVERTISING 0x003f
#define MGMT_SET_DEFAULTS       0x004c
#define MGMT_COMMAND_COMPLETE   0x0001
#define MGMT_COMMAND_STATUS     0x0002

/* The kernel writes the flags itself: connectable, general discoverable. */
#define ADVERTISING_FLAGS    0x00000003u
#define ADVERTISING_INSTANCE 1

/* Types of defaults, and the unit of both: 0.625 ms. */
#define DEFAULT_INTERVAL_MIN 0x000a
#define DEFAULT_INTERVAL_MAX 0x000b
#define SLOTS_PER_5_MS       8

#define MGMT_HEADER_BYTES 6 /* command or event, index, length of the rest: u16LE each */
#define MGMT_BYTES_MAX    512
#define ANSWER_MS         2000
#define BACKLOG           4
#define ATT_CHANNEL       4

static int send_command(const struct lock_radio *radio, uint16_t command, const uint8_t *body, size_t len)
{
    uint8_t packet[MGMT_BYTES_MAX];

    bytes_put_u16(packet, command);
    bytes_put_u16(packet + 2, radio->index);
    bytes_put_u16(packet + 4, (uint16_t)len);
    memcpy(packet + MGMT_HEADER_BYTES, body, len);
    return send(radio->mgmt, packet, MGMT_HEADER_BYTES + len, 0) < 0 ? -errno : 0;
}

/* An answer to command: its body's length, or -EIO; -EAGAIN: something else. */
static ssize_t answer_to(const struct lock_radio *radio, uint16_t command, const uint8_t *packet, ssize_t len)
{
    if (len < MGMT_HEADER_BYTES + 3 || bytes_get_u16(packet + 2) != radio->index ||
        bytes_get_u16(packet) > MGMT_COMMAND_STATUS || bytes_get_u16(packet + MGMT_HEADER_BYTES) != command)
        return -EAGAIN;
    return packet[MGMT_HEADER_BYTES + 2] == 0 ? len - MGMT_HEADER_BYTES - 3 : -EIO;
}

/* Sends a command and waits for its answer, of which as much as fits is left in ret_answer. */
static int ask(const struct lock_radio *radio, uint16_t command, const uint8_t *body, size_t len,
               uint8_t ret_answer[static MGMT_BYTES_MAX])
{
    uint8_t packet[MGMT_BYTES_MAX];
    struct pollfd fd = { .fd = radio->mgmt, .events = POLLIN };
    int r = send_command(radio, command, body, len);

    if (r < 0)
        return r;
    while (poll(&fd, 1, ANSWER_MS) > 0) {
        ssize_t count = recv(radio->mgmt, packet, sizeof(packet), MSG_DONTWAIT);
        ssize_t rest = answer_to(radio, command, packet, count);

        if (rest == -EAGAIN)
            continue;
        if (rest > 0)
            memcpy(ret_answer, packet + MGMT_HEADER_BYTES + 3, (size_t)rest);
        return rest < 0 ? (int)rest : 0;
    }
    return -ETIMEDOUT;
}

static int open_mgmt(struct lock_radio *radio)
{
    struct sockaddr_hci address = { .hci_family = AF_BLUETOOTH,
                                    .hci_dev = HCI_DEV_NONE,
                                    .hci_channel = HCI_CHANNEL_CONTROL };

    radio->mgmt = socket(AF_BLUETOOTH, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, BTPROTO_HCI);
    return radio->mgmt < 0 || bind(radio->mgmt, (struct sockaddr *)&address, sizeof(address)) < 0 ? -errno
                                                                                                  : 0;
}

/* Set Default System Configuration: type u16, length u8 and value, of each. */
static int set_interval(const struct lock_radio *radio, unsigned interval_ms)
{
    uint8_t answer[MGMT_BYTES_MAX];
    uint8_t body[] = { DEFAULT_INTERVAL_MIN, 0, 2, 0, 0, DEFAULT_INTERVAL_MAX, 0, 2, 0, 0 };

    bytes_put_u16(body + 3, (uint16_t)(interval_ms * SLOTS_PER_5_MS / 5));
    bytes_put_u16(body + 8, (uint16_t)(interval_ms * SLOTS_PER_5_MS / 5));
    return ask(radio, MGMT_SET_DEFAULTS, body, sizeof(body), answer);
}

static int power(struct lock_radio *radio, unsigned interval_ms)
{
    uint8_t answer[MGMT_BYTES_MAX];
    const uint8_t on = 1;
    int r = ask(radio, MGMT_SET_LE, &on, 1, answer);

    if (r == 0)
        r = set_interval(radio, interval_ms);
    if (r == 0)
        r = ask(radio, MGMT_SET_POWERED, &on, 1, answer);
    if (r == 0)
        r = ask(radio, MGMT_READ_INFO, &on, 0, answer);
    if (r == 0)
        memcpy(radio->address.bytes, answer, BLE_ADDRESS_BYTES);
    return r;
}

static int listen_on(struct lock_radio *radio)
{
    struct sockaddr_l2 address = { .l2_family = AF_BLUETOOTH,
                                   .l2_cid = htobs(ATT_CHANNEL),
                                   .l2_bdaddr_type = BDADDR_LE_PUBLIC };
    const struct bt_security security = { .level = BT_SECURITY_LOW };

    memcpy(&address.l2_bdaddr, radio->address.bytes, BLE_ADDRESS_BYTES);
    radio->listen = socket(AF_BLUETOOTH, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, BTPROTO_L2CAP);
    if (radio->listen < 0 || bind(radio->listen, (struct sockaddr *)&address, sizeof(address)) < 0 ||
        setsockopt(radio->listen, SOL_BLUETOOTH, BT_SECURITY, &security, sizeof(security)) < 0 ||
        listen(radio->listen, BACKLOG) < 0)
        return -errno;
    return 0;
}

int lock_radio_open(struct lock_radio *radio, const char *adapter, unsigned interval_ms)
{
    char *end;

    if (strncmp(adapter, "hci", 3) != 0 || adapter[3] < '0' || adapter[3] > '9')
        return -EINVAL;
    unsigned long index = strtoul(adapter + 3, &end, 10);

    if (*end != '\0' || index >= HCI_DEV_NONE)
        return -EINVAL;
    radio->index = (uint16_t)index;
    int r = open_mgmt(radio);

    if (r == 0)
        r = power(radio, interval_ms);
    return r < 0 ? r : listen_on(radio);
}

void lock_radio_close(struct lock_radio *radio)
{
    if (radio->mgmt >= 0)
        lock_radio_hush(radio);
    closep(&radio->listen);
    closep(&radio->mgmt);
}

/* Add Advertising: instance u8, flags u32, duration u16, timeout u16, lengths of both parts u8, the parts. */
void lock_radio_advertise(struct lock_radio *radio, const struct lock_advert *advert)
{
    uint8_t body[11 + 2 * LOCK_ADVERT_BYTES_MAX] = { ADVERTISING_INSTANCE, ADVERTISING_FLAGS };

    body[9] = (uint8_t)advert->len;
    body[10] = (uint8_t)advert->scan_len;
    memcpy(body + 11, advert->bytes, advert->len);
    memcpy(body + 11 + advert->len, advert->scan_bytes, advert->scan_len);
    (void)!send_command(radio, MGMT_ADD_ADVERTISING, body, 11 + advert->len + advert->scan_len);
}

void lock_radio_hush(struct lock_radio *radio)
{
    const uint8_t instance = ADVERTISING_INSTANCE;

    (void)!send_command(radio, MGMT_REMOVE_ADVERTISING, &instance, 1);
}

int lock_radio_read(struct lock_radio *radio)
{
    uint8_t packet[MGMT_BYTES_MAX];
    ssize_t count = recv(radio->mgmt, packet, sizeof(packet), MSG_DONTWAIT);

    return answer_to(radio, MGMT_ADD_ADVERTISING, packet, count) == -EIO ? -EIO : 0;
}

int lock_radio_accept(struct lock_radio *radio)
{
    int fd = accept4(radio->listen, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

    return fd < 0 ? -errno : fd;
}

/* Disconnect: address, type of address u8. */
void lock_radio_drop(struct lock_radio *radio, int fd)
{
    struct sockaddr_l2 peer = { 0 };
    socklen_t len = sizeof(peer);
    uint8_t body[BLE_ADDRESS_BYTES + 1];

    if (radio->mgmt >= 0 && getpeername(fd, (struct sockaddr *)&peer, &len) == 0) {
        memcpy(body, &peer.l2_bdaddr, BLE_ADDRESS_BYTES);
        body[BLE_ADDRESS_BYTES] = peer.l2_bdaddr_type;
        (void)!send_command(radio, MGMT_DISCONNECT, body, sizeof(body));
    }
    close(fd);
}
