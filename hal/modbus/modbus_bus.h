/* SPDX-License-Identifier: GPL-3.0-or-later */
/* modbus_bus.h: one serial line or one TCP connection, and one request on it at a time.
 *
 * The room's only user of libmodbus. Its calls block, for the reply's time-out and, on a serial line, for the
 * time in which a reply may still come late: after that nothing on the line can be taken for the answer to
 * the next request. On TCP the connection is closed instead. Nothing is ever sent twice: whoever wants to try
 * again asks again.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "gateway/base/cleanup.h"
#include "hal/modbus/modbus_image.h"

struct modbus_bus;

/* What became of a request, beside 0 and a negative errno, which says that the line is gone. */
#define MODBUS_BUS_E_REFUSED 1 /* the device answered with an exception: it has done nothing */
#define MODBUS_BUS_E_SILENT  2 /* no answer in time */
#define MODBUS_BUS_E_WRONG   3 /* an answer that does not belong to the request, or is damaged */
#define MODBUS_BUS_E_LATE    4 /* the deadline is over: nothing was sent */

#define MODBUS_PATH_SIZE 128

struct modbus_line {
    char rtu[MODBUS_PATH_SIZE]; /* a serial port, "" for TCP */
    int64_t baud;
    char parity; /* 'N', 'E', 'O' */
    int64_t stop_bits;
    char tcp[MODBUS_PATH_SIZE]; /* an IPv4 address */
    uint16_t port;
    int64_t response_ms; /* from the end of the request to the reply's first byte */
    int64_t late_ms;     /* how late a reply can be beyond that */
};

/* Counts since the start. */
struct modbus_bus_counts {
    int64_t requests;
    int64_t refused;
    int64_t silent;
    int64_t wrong;
    int64_t opened;
};

/* Copies line; opens nothing. Returns 0 or -ENOMEM. */
int modbus_bus_new(const struct modbus_line *line, struct modbus_bus **ret_bus) must_check;

/* Takes NULL, returns NULL. */
struct modbus_bus *modbus_bus_free(struct modbus_bus *bus);

/* Opens the port, for this process alone, or connects. Returns 0, -EBUSY (another process has the port), or
 * another negative errno. */
int modbus_bus_open(struct modbus_bus *bus) must_check;

/* Whether it is open: a request that says the line is gone has closed it, and so has one that found a TCP
 * peer silent or wrong. */
bool modbus_bus_is_open(const struct modbus_bus *bus);

const struct modbus_bus_counts *modbus_bus_counts(const struct modbus_bus *bus);

/* Reads a range: one word a register or bit into ret_words, which has room for range->count. */
int modbus_bus_read(struct modbus_bus *bus, uint8_t unit, const struct modbus_range *range,
                    uint16_t ret_words[]) must_check;

/* Writes one coil (FC05, any value; not after deadline_us of boot time), one register (FC06), or up to
 * MODBUS_TEXT_WORDS_MAX registers (FC16). The reply is compared with what was sent, byte by byte. */
int modbus_bus_write_coil(struct modbus_bus *bus, uint8_t unit, uint16_t address, uint16_t value,
                          int64_t deadline_us) must_check;
int modbus_bus_write_register(struct modbus_bus *bus, uint8_t unit, uint16_t address,
                              uint16_t value) must_check;
int modbus_bus_write_registers(struct modbus_bus *bus, uint8_t unit, uint16_t address, const uint16_t words[],
                               uint16_t count) must_check;

/* For people: "silent", "wrong_answer", "refused", "deadline", or the errno's text. */
const char *modbus_bus_reason(int result);
