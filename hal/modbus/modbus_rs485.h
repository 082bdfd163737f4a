/* SPDX-License-Identifier: GPL-3.0-or-later */
/* modbus_rs485.h: RS-485 as Linux has it (Documentation/driver-api/serial/serial-rs485.rst): the kernel
 * driver of a port switches the transmitter on for as long as it sends. Most ports do not offer this: then an
 * adapter finds out by itself when to drive the line. */
#pragma once

#include <linux/serial.h>
#include <stdbool.h>

#include "gateway/base/cleanup.h"

/* Makes of what a port has what it is asked for: that it switches, and that it does not hear itself, since
 * what we write is also what the right answer to it looks like. How RTS drives a transmitter that is switched
 * already is left as it was set up. False: all is so. */
bool modbus_rs485_ask(struct serial_rs485 *rs485);

/* Asks it of an open port. Returns 0, or why the port does not do it: -ENOTTY if it cannot, -EOPNOTSUPP if it
 * does something else, or another negative errno. */
int modbus_rs485_set(int fd) must_check;
