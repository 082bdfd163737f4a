/* SPDX-License-Identifier: GPL-3.0-or-later */
/* modbus_bus.c: libmodbus without its error recovery, which sleeps, loops and sends again.
 *
 * libmodbus 3.1.6 takes whatever arrives next for the answer and does not look at the address or value in the
 * reply to a write. So the input is flushed before each request, a line that missed a reply rests until the
 * reply can no longer come, and writes are sent raw, their replies compared with the only right one. Raw
 * requests have transaction 0, libmodbus' own count from 1 on, so that over TCP a reading's reply is never
 * taken for a write's.
 *
 * Its byte time-out is switched off: the response time-out then is for the whole reply, and a device that
 * sends one byte now and then cannot hold us.
 */
#include "hal/modbus/modbus_bus.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <modbus/modbus.h>
#include <poll.h>
#include <string.h>
#include <sys/file.h>
#include <termios.h>
#include <time.h>

#include "gateway/base/clock.h"

/* Bytes around a PDU: unit and CRC on a serial line, MBAP in TCP. */
#define RTU_FRAME_EXTRA 3
#define TCP_HEADER      7

/* Silence between frames (Modbus over Serial Line V1.02, 2.5.1.1): 3.5 characters, 1.75 ms above 19200 baud.
 */
#define GAP_FIXED_ABOVE_BAUD 19200
#define GAP_FIXED_US         1750

struct modbus_bus {
    struct modbus_line line;
    modbus_t *context;   /* NULL: closed */
    int lock_fd;         /* holds the serial port for us; -1: none */
    int64_t quiet_at_us; /* the next frame may begin */
    struct modbus_bus_counts counts;
};

static bool is_rtu(const struct modbus_bus *bus)
{
    return bus->line.rtu[0] != '\0';
}

static int64_t characters_us(const struct modbus_bus *bus, int64_t count)
{
    int64_t bits = 9 + bus->line.stop_bits + (bus->line.parity != 'N');

    return is_rtu(bus) ? count * bits * USEC_PER_SEC / bus->line.baud : 0;
}

static int64_t gap_us(const struct modbus_bus *bus)
{
    if (!is_rtu(bus))
        return 0;
    return bus->line.baud > GAP_FIXED_ABOVE_BAUD ? GAP_FIXED_US : characters_us(bus, 7) / 2;
}

static void close_bus(struct modbus_bus *bus)
{
    if (bus->context) {
        modbus_close(bus->context);
        modbus_free(bus->context);
        bus->context = NULL;
    }
    if (bus->lock_fd >= 0)
        close(take_fd(&bus->lock_fd));
}

int modbus_bus_new(const struct modbus_line *line, struct modbus_bus **ret_bus)
{
    struct modbus_bus *bus = calloc(1, sizeof(*bus));

    if (!bus)
        return -ENOMEM;
    bus->line = *line;
    bus->lock_fd = -1;
    *ret_bus = bus;
    return 0;
}

struct modbus_bus *modbus_bus_free(struct modbus_bus *bus)
{
    if (bus)
        close_bus(bus);
    free(bus);
    return NULL;
}

/* Takes the serial port for this process before libmodbus touches it: two masters would get each other's
 * replies. Its speed is set to one that is never used: where a setting cannot be had (a pseudo-terminal has
 * no parity) glibc calls tcsetattr() a success only if something else changed. */
static int claim_port(struct modbus_bus *bus)
{
    struct termios termios;
    cleanup_with(closep) int fd = open(bus->line.rtu, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);

    if (fd < 0)
        return -errno;
    if (flock(fd, LOCK_EX | LOCK_NB) < 0)
        return errno == EWOULDBLOCK ? -EBUSY : -errno;
    if (tcgetattr(fd, &termios) < 0 || cfsetspeed(&termios, B300) < 0 || tcsetattr(fd, TCSANOW, &termios) < 0)
        return -errno;
    bus->lock_fd = take_fd(&fd);
    return 0;
}

static int connect_bus(struct modbus_bus *bus)
{
    modbus_set_error_recovery(bus->context, MODBUS_ERROR_RECOVERY_NONE);
    if (modbus_set_byte_timeout(bus->context, 0, 0) < 0 ||
        modbus_set_response_timeout(bus->context, (uint32_t)(bus->line.response_ms / 1000),
                                    (uint32_t)(bus->line.response_ms % 1000 * 1000)) < 0 ||
        modbus_connect(bus->context) < 0 || fcntl(modbus_get_socket(bus->context), F_SETFD, FD_CLOEXEC) < 0)
        return errno > 0 && errno < MODBUS_ENOBASE ? -errno : -EIO;
    return 0;
}

int modbus_bus_open(struct modbus_bus *bus)
{
    const struct modbus_line *line = &bus->line;

    close_bus(bus);
    int r = is_rtu(bus) ? claim_port(bus) : 0;

    if (r < 0)
        return r;
    bus->context = is_rtu(bus)
                       ? modbus_new_rtu(line->rtu, (int)line->baud, line->parity, 8, (int)line->stop_bits)
                       : modbus_new_tcp(line->tcp, line->port);
    r = bus->context ? connect_bus(bus) : -errno;
    if (r < 0)
        close_bus(bus);
    else
        bus->counts.opened++;
    return r;
}

bool modbus_bus_is_open(const struct modbus_bus *bus)
{
    return bus->context != NULL;
}

const struct modbus_bus_counts *modbus_bus_counts(const struct modbus_bus *bus)
{
    return &bus->counts;
}

static void sleep_until(int64_t at_us)
{
    struct timespec ts = { .tv_sec = at_us / USEC_PER_SEC, .tv_nsec = at_us % USEC_PER_SEC * 1000 };

    while (clock_nanosleep(CLOCK_BOOTTIME, TIMER_ABSTIME, &ts, NULL) == EINTR)
        ;
}

/* Makes ready for one request to unit that has request bytes, and whose reply has reply bytes. */
static int prepare(struct modbus_bus *bus, uint8_t unit, size_t request, size_t reply)
{
    if (!bus->context)
        return -ENOTCONN;
    int64_t limit_us = bus->line.response_ms * USEC_PER_MSEC +
                       characters_us(bus, (int64_t)(request + reply) + 2 * RTU_FRAME_EXTRA);

    if (modbus_set_slave(bus->context, unit) < 0 ||
        modbus_set_response_timeout(bus->context, (uint32_t)(limit_us / USEC_PER_SEC),
                                    (uint32_t)(limit_us % USEC_PER_SEC)) < 0)
        return -errno;
    sleep_until(bus->quiet_at_us);
    bus->counts.requests++;
    if (modbus_flush(bus->context) < 0) {
        int r = -errno;

        close_bus(bus);
        return r;
    }
    return 0;
}

/* Throws away what comes until a reply can no longer come. */
static void rest(struct modbus_bus *bus)
{
    int64_t end_us = clock_boot_us() + bus->line.late_ms * USEC_PER_MSEC;
    int fd = modbus_get_socket(bus->context);
    char bytes[256];

    for (int64_t left_us; (left_us = end_us - clock_boot_us()) > 0;) {
        struct pollfd pollfd = { .fd = fd, .events = POLLIN };

        if (poll(&pollfd, 1, (int)(left_us / USEC_PER_MSEC) + 1) > 0 && read(fd, bytes, sizeof(bytes)) <= 0)
            return;
    }
}

/* After an answer that is missing or makes no sense. */
static void recover(struct modbus_bus *bus)
{
    if (is_rtu(bus))
        rest(bus);
    else
        close_bus(bus);
}

/* What errno, as libmodbus left it after a request, comes to. */
static int judge(struct modbus_bus *bus, int error)
{
    if (error > MODBUS_ENOBASE && error < EMBBADCRC) {
        bus->counts.refused++;
        return MODBUS_BUS_E_REFUSED;
    }
    if (error == ETIMEDOUT) {
        bus->counts.silent++;
        recover(bus);
        return MODBUS_BUS_E_SILENT;
    }
    if (error >= MODBUS_ENOBASE) {
        bus->counts.wrong++;
        recover(bus);
        return MODBUS_BUS_E_WRONG;
    }
    close_bus(bus);
    return error > 0 ? -error : -EIO;
}

static int finish(struct modbus_bus *bus, int error)
{
    int r = error ? judge(bus, error) : 0;

    bus->quiet_at_us = clock_boot_us() + gap_us(bus);
    return r;
}

static int read_words(modbus_t *context, const struct modbus_range *range, uint16_t words[])
{
    uint8_t bits[MODBUS_RANGE_MAX];
    bool coils = range->table == MODBUS_TABLE_COIL;
    int r;

    if (range->table == MODBUS_TABLE_INPUT)
        return modbus_read_input_registers(context, range->address, range->count, words);
    if (range->table == MODBUS_TABLE_HOLDING)
        return modbus_read_registers(context, range->address, range->count, words);
    r = coils ? modbus_read_bits(context, range->address, range->count, bits)
              : modbus_read_input_bits(context, range->address, range->count, bits);
    for (int i = 0; i < r; i++)
        words[i] = bits[i];
    return r;
}

int modbus_bus_read(struct modbus_bus *bus, uint8_t unit, const struct modbus_range *range,
                    uint16_t ret_words[])
{
    uint16_t words[MODBUS_RANGE_MAX] = { 0 };

    assert(range->count > 0 && range->count <= MODBUS_RANGE_MAX);
    int r = prepare(bus, unit, 5, 2 + 2 * (size_t)range->count);

    if (r < 0)
        return r;
    r = finish(bus, read_words(bus->context, range, words) == range->count ? 0 : errno);
    if (r == 0)
        memcpy(ret_words, words, range->count * sizeof(words[0]));
    return r;
}

/* Whether a reply's frame is the right one: pdu is unit, function, and what follows. Returns 0 or an errno as
 * libmodbus has them. */
static int compare_reply(const struct modbus_bus *bus, const uint8_t *frame, int len, const uint8_t *pdu,
                         size_t pdu_len)
{
    uint8_t header[TCP_HEADER - 1] = { 0, 0, 0, 0, 0, (uint8_t)pdu_len };
    size_t before = is_rtu(bus) ? 0 : sizeof(header);
    size_t after = is_rtu(bus) ? RTU_FRAME_EXTRA - 1 : 0;

    if (len == (int)(before + 3 + after) && frame[before] == pdu[0] && frame[before + 1] == (pdu[1] | 0x80))
        return MODBUS_ENOBASE + frame[before + 2] < EMBBADCRC ? MODBUS_ENOBASE + frame[before + 2]
                                                              : EMBXSFAIL;
    if (len != (int)(before + pdu_len + after) || memcmp(frame + before, pdu, pdu_len) != 0 ||
        memcmp(frame, header, before) != 0)
        return EMBBADDATA;
    return 0;
}

/* Sends request (unit, function, ...) unless the deadline is over, and takes a reply of reply_len bytes that
 * begins as it does. */
static int write_raw(struct modbus_bus *bus, const uint8_t *request, size_t len, size_t reply_len,
                     int64_t deadline_us)
{
    uint8_t frame[MODBUS_TCP_MAX_ADU_LENGTH] = { 0 };
    int r = prepare(bus, request[0], len, reply_len);

    if (r < 0)
        return r;
    if (clock_boot_us() > deadline_us)
        return MODBUS_BUS_E_LATE;
    if (modbus_send_raw_request(bus->context, request, (int)len) < 0)
        return finish(bus, errno);
    r = modbus_receive_confirmation(bus->context, frame);
    return finish(bus, r < 0 ? errno : compare_reply(bus, frame, r, request, reply_len));
}

#define WRITE_ONE_SIZE 6

static void format_one(uint8_t unit, uint8_t function, uint16_t address, uint16_t value,
                       uint8_t ret_request[static WRITE_ONE_SIZE])
{
    const uint8_t request[WRITE_ONE_SIZE] = {
        unit, function, (uint8_t)(address >> 8), (uint8_t)address, (uint8_t)(value >> 8), (uint8_t)value
    };

    memcpy(ret_request, request, sizeof(request));
}

int modbus_bus_write_coil(struct modbus_bus *bus, uint8_t unit, uint16_t address, uint16_t value,
                          int64_t deadline_us)
{
    uint8_t request[WRITE_ONE_SIZE];

    format_one(unit, MODBUS_FC_WRITE_SINGLE_COIL, address, value, request);
    return write_raw(bus, request, sizeof(request), sizeof(request), deadline_us);
}

int modbus_bus_write_register(struct modbus_bus *bus, uint8_t unit, uint16_t address, uint16_t value)
{
    uint8_t request[WRITE_ONE_SIZE];

    format_one(unit, MODBUS_FC_WRITE_SINGLE_REGISTER, address, value, request);
    return write_raw(bus, request, sizeof(request), sizeof(request), INT64_MAX);
}

int modbus_bus_write_registers(struct modbus_bus *bus, uint8_t unit, uint16_t address, const uint16_t words[],
                               uint16_t count)
{
    uint8_t request[7 + 2 * MODBUS_TEXT_WORDS_MAX] = {
        unit,
        MODBUS_FC_WRITE_MULTIPLE_REGISTERS,
        (uint8_t)(address >> 8),
        (uint8_t)address,
        (uint8_t)(count >> 8),
        (uint8_t)count,
        (uint8_t)(2 * count),
    };

    assert(count > 0 && count <= MODBUS_TEXT_WORDS_MAX);
    for (size_t i = 0; i < count; i++) {
        request[7 + 2 * i] = (uint8_t)(words[i] >> 8);
        request[8 + 2 * i] = (uint8_t)words[i];
    }
    return write_raw(bus, request, 7 + 2 * (size_t)count, WRITE_ONE_SIZE, INT64_MAX);
}

const char *modbus_bus_reason(int result)
{
    switch (result) {
    case MODBUS_BUS_E_REFUSED:
        return "refused";
    case MODBUS_BUS_E_SILENT:
        return "silent";
    case MODBUS_BUS_E_WRONG:
        return "wrong_answer";
    case MODBUS_BUS_E_LATE:
        return "deadline";
    default:
        return strerror(-result);
    }
}
