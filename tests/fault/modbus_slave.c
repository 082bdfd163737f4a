/* SPDX-License-Identifier: GPL-3.0-or-later */
/* modbus_slave.c: libmodbus' own server and nothing else: a mapping, and modbus_reply() for whatever comes.
 *
 *     modbus-slave rtu PORT UNIT    a serial port
 *     modbus-slave tcp              a free port of 127.0.0.1, any unit; its number is the first line
 *
 * A line for each write: boot time in microseconds, unit, function, address, value.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <modbus/modbus.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gateway/base/clock.h"

#define REGISTERS 64

/* A register that has the unit's number. */
#define IDENTITY 10

static void tell(modbus_t *context, const uint8_t *request)
{
    const uint8_t *pdu = request + modbus_get_header_length(context);

    if (pdu[0] == MODBUS_FC_WRITE_SINGLE_COIL || pdu[0] == MODBUS_FC_WRITE_SINGLE_REGISTER)
        printf("%lld %u %u %u %u\n", (long long)clock_boot_us(), pdu[-1], pdu[0], pdu[1] << 8 | pdu[2],
               pdu[3] << 8 | pdu[4]);
}

/* Until the line is gone. */
static void serve(modbus_t *context, modbus_mapping_t *mapping, bool rtu)
{
    uint8_t request[MODBUS_TCP_MAX_ADU_LENGTH];

    for (;;) {
        int len = modbus_receive(context, request);

        if (len > 0) {
            tell(context, request);
            modbus_reply(context, request, len, mapping);
        } else if (len < 0 && (!rtu || errno == EIO || errno == EBADF || errno == ECONNRESET)) {
            return;
        }
    }
}

static int serve_tcp(modbus_mapping_t *mapping)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof(address);
    modbus_t *context = modbus_new_tcp("127.0.0.1", 1502);
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, 1) < 0 ||
        getsockname(fd, (struct sockaddr *)&address, &len) < 0)
        return 1;
    printf("%u\n", ntohs(address.sin_port));
    for (;;) {
        int connection = accept(fd, NULL, NULL);

        modbus_set_socket(context, connection);
        serve(context, mapping, false);
        close(connection);
    }
}

static int serve_rtu(const char *port, int unit, modbus_mapping_t *mapping)
{
    modbus_t *context = modbus_new_rtu(port, 115200, 'N', 8, 1);

    modbus_set_slave(context, unit);
    mapping->tab_registers[IDENTITY] = (uint16_t)unit;
    if (modbus_connect(context) < 0) {
        fprintf(stderr, "%s: %s\n", port, modbus_strerror(errno));
        return 1;
    }
    puts("ready");
    serve(context, mapping, true);
    return 0;
}

int main(int argc, char *argv[])
{
    modbus_mapping_t *mapping = modbus_mapping_new(REGISTERS, REGISTERS, REGISTERS, REGISTERS);

    setvbuf(stdout, NULL, _IOLBF, 0);
    if (argc == 4 && strcmp(argv[1], "rtu") == 0)
        return serve_rtu(argv[2], atoi(argv[3]), mapping);
    return serve_tcp(mapping);
}
