/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ble_socket.c: a receiver that sleeps in the kernel can block the whole link there, and a sender for 40
 * seconds (SO_SNDTIMEO), so every call says MSG_DONTWAIT. Nothing read is no end: an ATT PDU can be empty;
 * the end is what poll says. */
#include "hal/ble/ble_socket.h"

#include <bluetooth/bluetooth.h>
#include <bluetooth/l2cap.h>
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>

/* ATT's fixed channel (Core Specification, Vol 3, Part A, 2.1). */
#define ATT_CID 4

static struct sockaddr_l2 socket_address(const struct ble_address *address)
{
    struct sockaddr_l2 l2 = { .l2_family = AF_BLUETOOTH, .l2_cid = htobs(ATT_CID) };

    l2.l2_bdaddr_type = address && address->type == BLE_ADDRESS_RANDOM ? BDADDR_LE_RANDOM : BDADDR_LE_PUBLIC;
    if (address)
        memcpy(&l2.l2_bdaddr, address->bytes, sizeof(l2.l2_bdaddr));
    return l2;
}

int ble_socket_connect(const struct ble_address *adapter, const struct ble_address *peer, int *ret_fd)
{
    const struct bt_security security = { .level = BT_SECURITY_LOW };
    struct sockaddr_l2 from = socket_address(adapter);
    struct sockaddr_l2 to = socket_address(peer);
    cleanup_with(closep) int fd =
        socket(AF_BLUETOOTH, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, BTPROTO_L2CAP);

    if (fd < 0 || bind(fd, (const struct sockaddr *)&from, sizeof(from)) < 0 ||
        setsockopt(fd, SOL_BLUETOOTH, BT_SECURITY, &security, sizeof(security)) < 0)
        return -errno;
    if (connect(fd, (const struct sockaddr *)&to, sizeof(to)) < 0 && errno != EINPROGRESS)
        return -errno;
    *ret_fd = take_fd(&fd);
    return 0;
}

/* What ended it: 0 if nothing did. */
static int socket_error(int fd)
{
    int error = 0;
    socklen_t len = sizeof(error);

    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
        return -errno;
    return -error;
}

static short poll_now(int fd, short events)
{
    struct pollfd one = { .fd = fd, .events = events };

    return poll(&one, 1, 0) > 0 ? one.revents : 0;
}

/* The link is gone: its error, whatever it is. */
static int gone(int fd)
{
    int r = socket_error(fd);

    return r < 0 ? r : -ECONNRESET;
}

int ble_socket_connected(int fd)
{
    short events = poll_now(fd, POLLOUT);

    if (events & (POLLERR | POLLHUP | POLLNVAL))
        return gone(fd);
    if (!(events & POLLOUT))
        return 0;
    int r = socket_error(fd);

    return r < 0 ? r : 1;
}

static bool is_later(int error)
{
    return error == EAGAIN || error == EWOULDBLOCK || error == EINTR;
}

int ble_socket_send(int fd, const uint8_t bytes[], size_t len)
{
    if (send(fd, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
        return 1;
    return is_later(errno) ? 0 : -errno;
}

int ble_socket_receive(int fd, uint8_t ret_bytes[], size_t size, size_t *ret_len)
{
    ssize_t n = recv(fd, ret_bytes, size, MSG_DONTWAIT);

    if (n < 0)
        return is_later(errno) ? 0 : -errno;
    if (n == 0 && poll_now(fd, POLLRDHUP) & (POLLERR | POLLHUP | POLLRDHUP))
        return gone(fd);
    *ret_len = (size_t)n;
    return 1;
}

const char *ble_socket_reason(int error)
{
    switch (-error) {
    case ETIMEDOUT:
    case EHOSTDOWN:
        return "no_answer";
    case ECONNREFUSED: /* never advertised, or it is the wrong type of address */
        return "not_advertising";
    case ENOSYS: /* what the kernel makes of "failed to be established" */
        return "not_established";
    case EACCES:
        return "security_refused";
    case EHOSTUNREACH:
    case ENODEV:
        return "no_adapter";
    case ENETDOWN:
        return "adapter_down";
    case EMLINK:
    case ENOMEM:
        return "adapter_full";
    case EBUSY: /* another program has this device's ATT, or the controller is not done with the last link */
    case EALREADY:
    case EINPROGRESS:
    case EAGAIN:
        return "busy";
    case ECONNRESET:
    case ECONNABORTED:
    case ENOTCONN:
    case EPIPE:
    case ESHUTDOWN:
        return "link_lost";
    default:
        return "radio_error";
    }
}
