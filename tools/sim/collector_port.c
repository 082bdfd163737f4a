/* SPDX-License-Identifier: GPL-3.0-or-later */
/* collector_port.c: libmodbus frames, checks and answers requests; the collector is told of writes before,
 * and its registers are what libmodbus reads. So the driver is tested against framing that is not its own. */
#include "tools/sim/collector_port.h"

#include <errno.h>
#include <inttypes.h>
#include <modbus/modbus.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "gateway/base/clock.h"
#include "tools/sim/pty.h"

/* What a device takes before it answers, with a line's timing on. */
#define TURNAROUND_US 1000

#define RTU_CHAR_BITS  11
#define CRC_SIZE       2
#define LISTEN_BACKLOG 1

static const uint8_t garbage[] = { 0xde, 0xad, 0xbe, 0xef, 0x00, 0xff, 0x55, 0xaa, 0x01 };

struct collector_port {
    struct collector_port_config config;
    char rtu[PTY_PATH_SIZE];
    struct collector *collector;
    modbus_t *context;
    modbus_mapping_t mapping; /* points into collector */
    struct pty pty;
    struct pty_line in;
    struct pty_line out;
    int listen_fd;
    int fd;          /* of the TCP connection */
    int64_t back_us; /* the port is gone until then; 0: it is there */
    struct collector_fault_plan plan;
    uint8_t late[MODBUS_MAX_ADU_LENGTH]; /* the request that is answered late */
    int late_len;                        /* 0: none */
    int64_t late_us;
};

static int open_tcp(struct collector_port *port)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                   .sin_port = htons(port->config.tcp_port) };
    socklen_t len = sizeof(address);
    cleanup_with(closep) int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){ 1 }, sizeof(int)) < 0 ||
        bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, LISTEN_BACKLOG) < 0 ||
        getsockname(fd, (struct sockaddr *)&address, &len) < 0)
        return -errno;
    port->config.tcp_port = ntohs(address.sin_port);
    port->listen_fd = take_fd(&fd);
    return 0;
}

static int open_rtu(struct collector_port *port)
{
    int r = pty_open(&port->pty, port->rtu);

    if (r < 0)
        return r;
    modbus_set_socket(port->context, port->pty.fd);
    return 0;
}

static int open_port(struct collector_port *port)
{
    return port->config.rtu ? open_rtu(port) : open_tcp(port);
}

static void close_connection(struct collector_port *port)
{
    if (port->fd >= 0)
        close(take_fd(&port->fd));
    port->late_len = 0;
}

static void close_port(struct collector_port *port)
{
    close_connection(port);
    pty_close(&port->pty);
    if (port->listen_fd >= 0)
        close(take_fd(&port->listen_fd));
}

static void map(struct collector_port *port)
{
    struct collector *collector = port->collector;

    port->mapping = (modbus_mapping_t){
        .nb_bits = COLLECTOR_SIDES,
        .tab_bits = collector->coils,
        .nb_input_bits = COLLECTOR_DISCRETES,
        .tab_input_bits = collector->discretes,
        .nb_input_registers = COLLECTOR_INPUTS,
        .tab_input_registers = collector->inputs,
        .nb_registers = COLLECTOR_HOLDINGS,
        .tab_registers = collector->holdings,
    };
}

static void portp(struct collector_port **port)
{
    collector_port_free(*port);
}

int collector_port_new(const struct collector_port_config *config, struct collector *collector,
                       struct collector_port **ret_port)
{
    cleanup_with(portp) struct collector_port *port = calloc(1, sizeof(*port));

    if (!port)
        return -ENOMEM;
    port->config = *config;
    port->collector = collector;
    port->pty = (struct pty)PTY_INIT;
    port->listen_fd = port->fd = -1;
    port->in = port->out = (struct pty_line){ .baud = config->baud, .char_bits = RTU_CHAR_BITS };
    map(port);
    /* The context only frames: its device is never opened, its address never bound. */
    port->context = config->rtu ? modbus_new_rtu(config->rtu, 19200, 'N', 8, 1)
                                : modbus_new_tcp("127.0.0.1", config->tcp_port);
    if (!port->context)
        return -errno;
    snprintf(port->rtu, sizeof(port->rtu), "%s", config->rtu ? config->rtu : "");
    modbus_set_slave(port->context, config->unit);
    int r = open_port(port);

    if (r < 0)
        return r;
    *ret_port = take_ptr(port);
    return 0;
}

struct collector_port *collector_port_free(struct collector_port *port)
{
    if (!port)
        return NULL;
    close_port(port);
    if (port->context)
        modbus_free(port->context);
    free(port);
    return NULL;
}

void collector_port_name(const struct collector_port *port, char *ret_name, size_t size)
{
    if (port->config.rtu)
        snprintf(ret_name, size, "%s", port->rtu);
    else
        snprintf(ret_name, size, "%u", port->config.tcp_port);
}

static int line_fd(const struct collector_port *port)
{
    return port->config.rtu ? port->pty.fd : port->fd;
}

void collector_port_fds(const struct collector_port *port, int ret_fds[static 2])
{
    ret_fds[0] = port->listen_fd;
    ret_fds[1] = line_fd(port);
}

/* The request without its header: function and what follows. */
static const uint8_t *pdu_of(const struct collector_port *port, const uint8_t *request)
{
    return request + modbus_get_header_length(port->context);
}

static unsigned word_at(const uint8_t *bytes)
{
    return (unsigned)bytes[0] << 8 | bytes[1];
}

/* Bytes of the reply on a serial line. */
static size_t reply_size(const uint8_t *pdu)
{
    switch (pdu[0]) {
    case MODBUS_FC_READ_COILS:
    case MODBUS_FC_READ_DISCRETE_INPUTS:
        return 5 + (word_at(pdu + 3) + 7) / 8;
    case MODBUS_FC_READ_HOLDING_REGISTERS:
    case MODBUS_FC_READ_INPUT_REGISTERS:
        return 5 + 2 * word_at(pdu + 3);
    default:
        return 8;
    }
}

/* Has the collector carry out what a request writes; libmodbus refuses bad addresses by itself. */
static void carry_out(struct collector_port *port, const uint8_t *pdu, int64_t now_us)
{
    struct collector *collector = port->collector;
    unsigned address = word_at(pdu + 1);

    if (pdu[0] == MODBUS_FC_WRITE_SINGLE_COIL)
        (void)!collector_write_coil(collector, now_us, address, (uint16_t)word_at(pdu + 3));
    else if (pdu[0] == MODBUS_FC_WRITE_SINGLE_REGISTER)
        (void)!collector_write_holding(collector, now_us, address, (uint16_t)word_at(pdu + 3));
    if (pdu[0] != MODBUS_FC_WRITE_MULTIPLE_REGISTERS)
        return;
    for (unsigned i = 0; i < word_at(pdu + 3); i++)
        (void)!collector_write_holding(collector, now_us, address + i, (uint16_t)word_at(pdu + 6 + 2 * i));
    for (size_t side = 0; side < COLLECTOR_SIDES; side++)
        if (address == 16 * (side + 1))
            collector_note_display(collector, now_us, side);
}

/* libmodbus writes coils as well; here only the collector may. */
static void reply(struct collector_port *port, const uint8_t *request, int len)
{
    uint8_t coils[COLLECTOR_SIDES];

    memcpy(coils, port->collector->coils, sizeof(coils));
    if (modbus_reply(port->context, request, len, &port->mapping) < 0)
        close_connection(port);
    memcpy(port->collector->coils, coils, sizeof(coils));
}

/* The echo of a write to the neighbour's address. libmodbus would give it a transaction of its own on TCP. */
static void reply_wrong(struct collector_port *port, const uint8_t *request, int len)
{
    const uint8_t *pdu = pdu_of(port, request);
    uint8_t frame[MODBUS_MAX_ADU_LENGTH];

    memcpy(frame, request, (size_t)len);
    frame[pdu + 2 - request] ^= 1;
    if (port->config.rtu) /* with a checksum */
        modbus_send_raw_request(port->context, frame, len - CRC_SIZE);
    else
        (void)!write(port->fd, frame, (size_t)len);
}

static void reply_garbage(struct collector_port *port)
{
    (void)!write(line_fd(port), garbage, sizeof(garbage));
}

static enum collector_fault take_fault(struct collector_port *port, uint8_t function)
{
    bool write = function == MODBUS_FC_WRITE_SINGLE_COIL || function == MODBUS_FC_WRITE_SINGLE_REGISTER;

    if (port->plan.count == 0 || (port->plan.only_coil && function != MODBUS_FC_WRITE_SINGLE_COIL) ||
        (port->plan.fault == COLLECTOR_FAULT_WRONG_ECHO && !write))
        return COLLECTOR_FAULT_NONE;
    port->plan.count--;
    return port->plan.fault;
}

static void answer(struct collector_port *port, const uint8_t *request, int len)
{
    const uint8_t *pdu = pdu_of(port, request);
    enum collector_fault fault = take_fault(port, pdu[0]);
    int64_t now_us = clock_boot_us();

    if (fault != COLLECTOR_FAULT_DEAF && fault != COLLECTOR_FAULT_REFUSE)
        carry_out(port, pdu, now_us);
    if (port->out.baud > 0)
        usleep(TURNAROUND_US);
    pty_line_wait(&port->out, reply_size(pdu));
    switch (fault) {
    case COLLECTOR_FAULT_NONE:
        reply(port, request, len);
        return;
    case COLLECTOR_FAULT_SILENT:
    case COLLECTOR_FAULT_DEAF:
        return;
    case COLLECTOR_FAULT_REFUSE:
        modbus_reply_exception(port->context, request, MODBUS_EXCEPTION_SLAVE_OR_SERVER_FAILURE);
        return;
    case COLLECTOR_FAULT_GARBAGE:
        reply_garbage(port);
        return;
    case COLLECTOR_FAULT_WRONG_ECHO:
        reply_wrong(port, request, len);
        return;
    case COLLECTOR_FAULT_LATE:
        memcpy(port->late, request, (size_t)len);
        port->late_len = len;
        port->late_us = now_us + port->plan.late_ms * USEC_PER_MSEC;
        return;
    }
}

static bool readable(int fd)
{
    return fd >= 0 && poll(&(struct pollfd){ .fd = fd, .events = POLLIN }, 1, 0) > 0;
}

static void take_connection(struct collector_port *port)
{
    if (!readable(port->listen_fd))
        return;
    close_connection(port);
    port->fd = accept4(port->listen_fd, NULL, NULL, SOCK_CLOEXEC);
    if (port->fd >= 0)
        modbus_set_socket(port->context, port->fd);
}

static void take_request(struct collector_port *port)
{
    uint8_t request[MODBUS_MAX_ADU_LENGTH];

    if (!readable(line_fd(port)))
        return;
    int len = modbus_receive(port->context, request);

    if (len < 0 && !port->config.rtu)
        close_connection(port);
    if (len <= 0) /* damaged, or for another unit */
        return;
    pty_line_wait(&port->in, (size_t)len);
    answer(port, request, len);
}

int64_t collector_port_turn(struct collector_port *port, int64_t now_us)
{
    if (port->back_us != 0 && port->back_us <= now_us)
        port->back_us = open_port(port) < 0 ? now_us + USEC_PER_SEC : 0;
    take_connection(port);
    take_request(port);
    if (port->late_len > 0 && port->late_us <= now_us) {
        reply(port, port->late, port->late_len);
        port->late_len = 0;
    }
    int64_t next_us = port->late_len > 0 ? port->late_us : INT64_MAX;

    return port->back_us != 0 && port->back_us < next_us ? port->back_us : next_us;
}

void collector_port_plan(struct collector_port *port, const struct collector_fault_plan *plan)
{
    port->plan = *plan;
}

int collector_port_drop(struct collector_port *port)
{
    if (port->fd < 0)
        return -ENOTCONN;
    close_connection(port);
    return 0;
}

void collector_port_go(struct collector_port *port, int64_t until_us)
{
    close_port(port);
    port->back_us = until_us;
}
