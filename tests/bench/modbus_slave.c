/* SPDX-License-Identifier: GPL-3.0-or-later */
/* modbus_slave.c: so many Modbus TCP devices in one process, each at a port of its own. Without a turn-around
 * they answer at once: what is left of a time is the driver's. Every read is answered, coils keep what was
 * written to them.
 *
 *     bench-slave COUNT [TURNAROUND-MS]
 *
 * Prints the ports, then a line for each write: boot time in microseconds, which device, address, value. */
#include <arpa/inet.h>
#include <assert.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "gateway/base/clock.h"

#define DEVICES_MAX 64
#define COILS       1024
#define BEFORE      6 /* bytes of a frame that its length does not count */
#define HEADER      7
#define FRAME_MAX   260

struct device {
    int connection; /* -1: none */
    size_t len;
    uint8_t bytes[FRAME_MAX];
    int64_t due_us; /* of the answer; INT64_MAX: there is none */
    size_t answer_len;
    uint8_t answer[FRAME_MAX];
    bool coils[COILS];
};

static struct pollfd fds[2 * DEVICES_MAX]; /* listeners, then connections */
static struct device devices[DEVICES_MAX];
static int64_t turnaround_us;

static unsigned get_word(const uint8_t *bytes)
{
    return (unsigned)bytes[0] << 8 | bytes[1];
}

static void open_listener(size_t i)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    if (fd < 0 || bind(fd, (struct sockaddr *)&address, len) < 0 || listen(fd, 1) < 0 ||
        getsockname(fd, (struct sockaddr *)&address, &len) < 0)
        abort();
    fds[i] = (struct pollfd){ .fd = fd, .events = POLLIN };
    printf("%s%d", i > 0 ? " " : "", ntohs(address.sin_port));
}

/* Puts the answer's PDU behind the header and returns its length. */
static size_t answer_read(const struct device *device, const uint8_t *pdu, uint8_t *ret_pdu)
{
    unsigned first = get_word(pdu + 1), count = get_word(pdu + 3);
    bool bits = pdu[0] <= 2;
    size_t size = bits ? (count + 7) / 8 : 2 * count;

    ret_pdu[0] = pdu[0];
    ret_pdu[1] = (uint8_t)size;
    memset(ret_pdu + 2, 0, size);
    for (unsigned i = 0; pdu[0] == 1 && i < count; i++)
        if (device->coils[(first + i) % COILS])
            ret_pdu[2 + i / 8] |= (uint8_t)(1u << i % 8);
    return 2 + size;
}

static void answer(size_t i, const uint8_t *frame)
{
    struct device *device = &devices[i];
    const uint8_t *pdu = frame + HEADER;
    uint8_t *bytes = device->answer;
    size_t size = 5; /* of what is repeated of a write */

    if (pdu[0] == 5)
        device->coils[get_word(pdu + 1) % COILS] = pdu[3] != 0;
    if (pdu[0] >= 5)
        printf("%lld %zu %u %u\n", (long long)clock_boot_us(), i, get_word(pdu + 1), get_word(pdu + 3));
    memcpy(bytes, frame, HEADER + 5);
    if (pdu[0] < 5)
        size = answer_read(device, pdu, bytes + HEADER);
    bytes[4] = (uint8_t)((1 + size) >> 8);
    bytes[5] = (uint8_t)(1 + size);
    device->answer_len = HEADER + size;
    device->due_us = clock_boot_us() + turnaround_us;
}

static void answer_due(size_t i)
{
    struct device *device = &devices[i];

    if (device->due_us > clock_boot_us())
        return;
    (void)!write(device->connection, device->answer, device->answer_len);
    device->due_us = INT64_MAX;
}

static void close_connection(size_t i)
{
    close(devices[i].connection);
    devices[i].connection = fds[DEVICES_MAX + i].fd = -1;
    devices[i].len = 0;
    devices[i].due_us = INT64_MAX;
}

static void receive(size_t i)
{
    struct device *device = &devices[i];
    ssize_t n = read(device->connection, device->bytes + device->len, sizeof(device->bytes) - device->len);

    if (n <= 0) {
        close_connection(i);
        return;
    }
    device->len += (size_t)n;
    while (device->len >= HEADER + 5 && device->len >= BEFORE + get_word(device->bytes + 4)) {
        size_t size = BEFORE + get_word(device->bytes + 4);

        answer(i, device->bytes);
        device->len -= size;
        memmove(device->bytes, device->bytes + size, device->len);
    }
}

static void take_connection(size_t i)
{
    int fd = accept(fds[i].fd, NULL, NULL);

    if (devices[i].connection >= 0)
        close_connection(i);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
    devices[i].connection = fd;
    fds[DEVICES_MAX + i] = (struct pollfd){ .fd = fd, .events = POLLIN };
}

/* Until something comes or an answer is due. */
static void wait_for_work(size_t count)
{
    int64_t due_us = INT64_MAX;

    for (size_t i = 0; i < count; i++)
        due_us = devices[i].due_us < due_us ? devices[i].due_us : due_us;
    int64_t left_us = due_us - clock_boot_us();
    struct timespec left = { .tv_sec = left_us / USEC_PER_SEC, .tv_nsec = left_us % USEC_PER_SEC * 1000 };

    if (left_us > 0 && ppoll(fds, 2 * DEVICES_MAX, due_us == INT64_MAX ? NULL : &left, NULL) < 0)
        abort();
}

int main(int argc, char *argv[])
{
    size_t count = argc > 1 ? strtoul(argv[1], NULL, 10) : 0;

    assert(count > 0 && count <= DEVICES_MAX);
    turnaround_us = argc > 2 ? atoi(argv[2]) * USEC_PER_MSEC : 0;
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (size_t i = 0; i < DEVICES_MAX; i++) {
        fds[i].fd = fds[DEVICES_MAX + i].fd = devices[i].connection = -1;
        devices[i].due_us = INT64_MAX;
        if (i < count)
            open_listener(i);
    }
    printf("\n");
    for (;;) {
        wait_for_work(count);
        for (size_t i = 0; i < count; i++) {
            if (fds[DEVICES_MAX + i].revents)
                receive(i);
            if (fds[i].revents)
                take_connection(i);
            answer_due(i);
            fds[i].revents = fds[DEVICES_MAX + i].revents = 0;
        }
    }
}
