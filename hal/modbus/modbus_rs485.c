/* SPDX-License-Identifier: GPL-3.0-or-later */
/* modbus_rs485.c: a kernel driver writes back what it made of the request, which is not always what it was
 * asked for. */
#include "hal/modbus/modbus_rs485.h"

#include <errno.h>
#include <sys/ioctl.h>

bool modbus_rs485_ask(struct serial_rs485 *rs485)
{
    const unsigned had = rs485->flags;

    if (!(had & SER_RS485_ENABLED)) {
        rs485->flags |= SER_RS485_ENABLED | SER_RS485_RTS_ON_SEND;
        rs485->flags &= ~(unsigned)SER_RS485_RTS_AFTER_SEND;
    }
    rs485->flags &= ~(unsigned)SER_RS485_RX_DURING_TX;
    return rs485->flags != had;
}

int modbus_rs485_set(int fd)
{
    struct serial_rs485 rs485;

    if (ioctl(fd, TIOCGRS485, &rs485) < 0)
        return -errno;
    if (modbus_rs485_ask(&rs485) && ioctl(fd, TIOCSRS485, &rs485) < 0)
        return -errno;
    return modbus_rs485_ask(&rs485) ? -EOPNOTSUPP : 0;
}
