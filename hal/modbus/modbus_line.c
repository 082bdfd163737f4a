/* SPDX-License-Identifier: GPL-3.0-or-later */
/* modbus_line.c: bytes are read as they come and looked at as a whole each time; a frame is never longer than
 * the buffer. On a serial line what came before the request is thrown away, on TCP it is taken frame by
 * frame, so that the stream stays in step. */
#include "hal/modbus/modbus_line.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

#include "gateway/base/clock.h"
#include "hal/modbus/modbus_rs485.h"

static bool is_rtu(const struct modbus_connection *connection)
{
    return connection->rtu[0] != '\0';
}

void modbus_line_init(struct modbus_line *line, const struct modbus_connection *connection)
{
    *line = (struct modbus_line){ .connection = *connection, .fd = -1 };
}

struct modbus_wire modbus_line_wire(const struct modbus_connection *connection)
{
    if (!is_rtu(connection))
        return (struct modbus_wire){ 0 };
    return (struct modbus_wire){ .baud = connection->baud,
                                 .char_bits = 9 + connection->stop_bits + (connection->parity != 'N') };
}

/* Sets speed and format. The speed is first set to one that is never used: where a setting cannot be had (a
 * pseudo-terminal has no parity) glibc calls tcsetattr() a success only if something else changed. */
static int set_format(int fd, const struct modbus_connection *connection)
{
    struct termios termios;

    if (tcgetattr(fd, &termios) < 0 || cfsetspeed(&termios, B300) < 0 || tcsetattr(fd, TCSANOW, &termios) < 0)
        return -errno;
    cfmakeraw(&termios);
    termios.c_cflag &= ~(tcflag_t)(PARENB | PARODD | CSTOPB | CRTSCTS);
    termios.c_cflag |= CLOCAL | CREAD;
    if (connection->parity != 'N')
        termios.c_cflag |= PARENB;
    if (connection->parity == 'O')
        termios.c_cflag |= PARODD;
    if (connection->stop_bits == 2)
        termios.c_cflag |= CSTOPB;
    termios.c_cc[VMIN] = 1; /* 0 would make "nothing there" look like the end */
    termios.c_cc[VTIME] = 0;
    if (cfsetspeed(&termios, (speed_t)connection->baud) < 0 || tcsetattr(fd, TCSANOW, &termios) < 0)
        return -errno;
    return 0;
}

static int open_port(struct modbus_line *line)
{
    cleanup_with(closep) int fd = open(line->connection.rtu, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);

    if (fd < 0)
        return -errno;
    if (flock(fd, LOCK_EX | LOCK_NB) < 0)
        return errno == EWOULDBLOCK ? -EBUSY : -errno;
    int r = set_format(fd, &line->connection);

    if (r < 0)
        return r;
    line->rs485 = line->connection.rs485 ? modbus_rs485_set(fd) : 0;
    line->fd = take_fd(&fd);
    return 0;
}

static int begin_connection(struct modbus_line *line)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(line->connection.port) };
    const struct linger abort = { .l_onoff = 1 };
    cleanup_with(closep) int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (inet_pton(AF_INET, line->connection.tcp, &address.sin_addr) != 1)
        return -EINVAL;
    if (fd < 0 || setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int)) < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &abort, sizeof(abort)) < 0)
        return -errno;
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0 && errno != EINPROGRESS)
        return -errno;
    line->fd = take_fd(&fd);
    return 1;
}

int modbus_line_open(struct modbus_line *line)
{
    assert(line->fd < 0);
    line->len = 0;
    line->request = NULL;
    return is_rtu(&line->connection) ? open_port(line) : begin_connection(line);
}

int modbus_line_connected(struct modbus_line *line)
{
    int error = 0;
    socklen_t len = sizeof(error);

    if (getsockopt(line->fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
        return -errno;
    return -error;
}

void modbus_line_close(struct modbus_line *line)
{
    if (line->fd >= 0)
        close(take_fd(&line->fd));
    line->request = NULL;
}

int modbus_line_send(struct modbus_line *line, uint8_t unit, const struct modbus_request *request)
{
    uint8_t bytes[MODBUS_FRAME_MAX];
    bool tcp = !is_rtu(&line->connection);

    line->to = (struct modbus_frame_to){ .tcp = tcp, .unit = unit, .transaction = ++line->transaction };
    size_t len = modbus_frame_format(&line->to, request, bytes);

    if (!tcp) {
        line->len = 0;
        if (tcflush(line->fd, TCIFLUSH) < 0)
            return -errno;
    }
    if (clock_boot_us() > request->deadline_us)
        return MODBUS_LINE_E_LATE;
    ssize_t n = write(line->fd, bytes, len);

    if (n != (ssize_t)len) /* the rest would go who knows when */
        return n < 0 ? -errno : -EPIPE;
    line->request = request;
    return 0;
}

void modbus_line_forget(struct modbus_line *line)
{
    line->request = NULL;
}

static void drop_bytes(struct modbus_line *line, size_t count)
{
    line->len -= count;
    memmove(line->bytes, line->bytes + count, line->len);
}

/* Looks at what came. Without a request there is nothing that it could answer. What is not the answer, or not
 * yet, leaves why in *ret_frame. */
static bool take_answer(struct modbus_line *line, struct modbus_frame *ret_frame)
{
    const char *why = NULL;

    while (line->request && line->len > 0) {
        switch (modbus_frame_take(&line->to, line->request, line->bytes, line->len, ret_frame)) {
        case MODBUS_FRAME_PART:
            ret_frame->why = ret_frame->why ? ret_frame->why : why;
            return false;
        case MODBUS_FRAME_FOREIGN:
            why = ret_frame->why;
            drop_bytes(line, ret_frame->used);
            break;
        case MODBUS_FRAME_ANSWER:
            drop_bytes(line, ret_frame->used);
            line->request = NULL;
            return true;
        }
    }
    ret_frame->why = why;
    return false;
}

int modbus_line_receive(struct modbus_line *line, struct modbus_frame *ret_frame)
{
    if (line->len == sizeof(line->bytes)) /* full of what nobody asked for */
        return -EPROTO;
    ret_frame->why = NULL;
    ssize_t n = read(line->fd, line->bytes + line->len, sizeof(line->bytes) - line->len);

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    if (n <= 0)
        return n < 0 ? -errno : -EPIPE;
    line->len += (size_t)n;
    if (!line->request && is_rtu(&line->connection))
        line->len = 0;
    return take_answer(line, ret_frame);
}
