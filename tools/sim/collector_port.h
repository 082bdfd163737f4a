/* SPDX-License-Identifier: GPL-3.0-or-later */
/* collector_port.h: the collector's Modbus side: libmodbus' server over TCP or a pseudo-terminal, and what
 * can go wrong with it.
 *
 * One master at a time: a new TCP connection takes the place of the old one.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/cleanup.h"
#include "tools/sim/collector.h"

struct collector_port;

/* tcp_port 0: the kernel chooses. */
struct collector_port_config {
    const char *rtu; /* path of the port's symbolic link; NULL: TCP on 127.0.0.1 */
    uint16_t tcp_port;
    uint8_t unit;
    int64_t baud; /* of RTU; 0: characters take no time */
};

enum collector_fault {
    COLLECTOR_FAULT_NONE,
    COLLECTOR_FAULT_SILENT,     /* carries the request out and does not answer */
    COLLECTOR_FAULT_DEAF,       /* does not even hear it */
    COLLECTOR_FAULT_REFUSE,     /* answers with an exception, and does nothing */
    COLLECTOR_FAULT_GARBAGE,    /* answers with bytes that mean nothing */
    COLLECTOR_FAULT_LATE,       /* answers late */
    COLLECTOR_FAULT_WRONG_ECHO, /* answers a write as if it had been for the address next to it */
};

/* The next count requests go wrong; only_coil: of those that write a coil, and others go well. late_ms is for
 * COLLECTOR_FAULT_LATE. */
struct collector_fault_plan {
    enum collector_fault fault;
    unsigned count;
    bool only_coil;
    int64_t late_ms;
};

/* Returns 0 or a negative errno. collector is borrowed. */
int collector_port_new(const struct collector_port_config *config, struct collector *collector,
                       struct collector_port **ret_port) must_check;

/* Takes NULL, returns NULL. */
struct collector_port *collector_port_free(struct collector_port *port);

/* Where it listens, for people and tests: the TCP port's number or the path. */
void collector_port_name(const struct collector_port *port, char *ret_name, size_t size);

/* Descriptors to wait for readability on, -1 for none: the listening one and the line. */
void collector_port_fds(const struct collector_port *port, int ret_fds[static 2]);

/* What waits is taken, what is due is sent. Returns the time of the next thing that is due, or INT64_MAX. */
int64_t collector_port_turn(struct collector_port *port, int64_t now_us);

void collector_port_plan(struct collector_port *port, const struct collector_fault_plan *plan);

/* Ends the TCP connection. Returns 0 or -ENOTCONN. */
int collector_port_drop(struct collector_port *port) must_check;

/* The port goes away, and comes back under the same name at until_us. */
void collector_port_go(struct collector_port *port, int64_t until_us);
