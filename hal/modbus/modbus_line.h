/* SPDX-License-Identifier: GPL-3.0-or-later */
/* modbus_line.h: a serial port or a TCP connection, and the bytes of one request on it. Never blocks.
 *
 * The serial port is for this process alone: two masters would get each other's answers. Where the port's
 * kernel driver switches an RS-485 transmitter (TIOCSRS485), it is told to, unless the connection says not
 * to.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "gateway/base/cleanup.h"
#include "hal/modbus/modbus_bus.h"
#include "hal/modbus/modbus_frame.h"

#define MODBUS_PATH_SIZE 128

struct modbus_connection {
    char rtu[MODBUS_PATH_SIZE]; /* a serial port, "" for TCP */
    int64_t baud;
    char parity; /* 'N', 'E', 'O' */
    int64_t stop_bits;
    bool rs485;
    char tcp[MODBUS_PATH_SIZE]; /* an IPv4 address */
    uint16_t port;
};

struct modbus_line {
    struct modbus_connection connection;
    int fd;    /* -1: closed */
    int rs485; /* negative: the port was asked to switch its transmitter and does not, by this errno */
    uint16_t transaction;
    struct modbus_frame_to to;
    const struct modbus_request *request; /* that is to be answered; NULL: none */
    size_t len;
    uint8_t bytes[2 * MODBUS_FRAME_MAX]; /* that came and were not taken */
};

/* Opens nothing. */
void modbus_line_init(struct modbus_line *line, const struct modbus_connection *connection);

/* baud 0 for TCP. */
struct modbus_wire modbus_line_wire(const struct modbus_connection *connection);

/* Opens the port or begins to connect: then line->fd becomes writable, and modbus_line_connected() tells.
 * Returns 0 (open), 1 (connecting), -EBUSY (another process has the port), or another negative errno. */
int modbus_line_open(struct modbus_line *line) must_check;

/* Returns 0 or a negative errno. */
int modbus_line_connected(struct modbus_line *line) must_check;

/* Closes; what TCP has not delivered yet is thrown away. Harmless if closed. */
void modbus_line_close(struct modbus_line *line);

/* Sends a request, which is borrowed until it is answered, unless its deadline is over: the last look at the
 * clock before the bytes go. Returns 0, MODBUS_LINE_E_LATE, or a negative errno: the line is gone. */
#define MODBUS_LINE_E_LATE 1
int modbus_line_send(struct modbus_line *line, uint8_t unit, const struct modbus_request *request) must_check;

/* Nobody waits for the answer any more. */
void modbus_line_forget(struct modbus_line *line);

/* Reads what came. Returns 1 with the answer, 0 if there is none yet, or a negative errno: the line is gone.
 * At 0 ret_frame->why says what came instead, if anything did. */
int modbus_line_receive(struct modbus_line *line, struct modbus_frame *ret_frame) must_check;
