/* SPDX-License-Identifier: GPL-3.0-or-later */
/* modbus_device.c: rows. A TCP address is a number, not a name: a resolver can block for half a minute. */
#include "hal/modbus/modbus_device.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define TCP_PORT_DEFAULT 502 /* Modbus Messaging on TCP/IP V1.0b, 3.1.3 */
#define PORT_DIGITS_MAX  5
#define UNIT_RTU_MAX     247

static const char *const parity_names[] = { "N", "E", "O", NULL };

struct item_members {
    const char *profile;
    struct json_object *connection;
    struct json_object *points;
    struct json_object *targets;
    int64_t unit;
};

struct connection_members {
    const char *rtu;
    const char *tcp;
    int64_t baud;
    int64_t stop_bits;
    int parity;
};

static int refuse(struct json_error *error, const char *path, const char *why)
{
    json_error_set(error, path, "%s", why);
    return -EBADMSG;
}

/* "192.0.2.7" or "192.0.2.7:1502". */
static int read_tcp(const char *text, struct modbus_line *line)
{
    const char *colon = strchr(text, ':');
    size_t len = colon ? (size_t)(colon - text) : strlen(text);
    unsigned long port = TCP_PORT_DEFAULT;
    struct in_addr address;

    if (len >= sizeof(line->tcp))
        return -EBADMSG;
    memcpy(line->tcp, text, len);
    line->tcp[len] = '\0';
    if (colon) {
        size_t digits = strspn(colon + 1, "0123456789");

        if (digits == 0 || digits > PORT_DIGITS_MAX || colon[1 + digits] != '\0')
            return -EBADMSG;
        port = strtoul(colon + 1, NULL, 10);
    }
    if (inet_pton(AF_INET, line->tcp, &address) != 1 || port == 0 || port > UINT16_MAX)
        return -EBADMSG;
    line->port = (uint16_t)port;
    return 0;
}

static int read_connection(struct json_object *object, struct modbus_line *ret_line, struct json_error *error)
{
    static const struct json_row rows[] = {
        JSON_ROW_STRING(struct connection_members, rtu, "rtu", 1, MODBUS_PATH_SIZE - 1),
        JSON_ROW_STRING(struct connection_members, tcp, "tcp", 1, MODBUS_PATH_SIZE - 1),
        JSON_ROW_INT(struct connection_members, baud, "baud", 1200, 115200, 19200),
        JSON_ROW_INT(struct connection_members, stop_bits, "stop_bits", 1, 2, 1),
        JSON_ROW_ENUM(struct connection_members, parity, "parity", parity_names, 1),
    };
    struct connection_members members;
    struct modbus_line line = { 0 };
    int r = json_read(object, JSON_ROWS(rows), &members, error);

    if (r < 0)
        return r;
    if (!members.rtu == !members.tcp)
        return refuse(error, "", "must have one of rtu and tcp");
    if (members.tcp && read_tcp(members.tcp, &line) < 0)
        return refuse(error, "tcp", "must be an IPv4 address, with :port if it is not 502");
    if (members.rtu)
        snprintf(line.rtu, sizeof(line.rtu), "%s", members.rtu);
    line.baud = members.baud;
    line.stop_bits = members.stop_bits;
    line.parity = parity_names[members.parity][0];
    *ret_line = line;
    return 0;
}

static int read_names(const struct item_members *members, struct modbus_device *device,
                      struct json_error *error)
{
    device->point_count = json_list_length(members->points);
    for (size_t i = 0; i < device->point_count; i++) {
        const char *point = json_list_string(members->points, i, error);

        if (!point) {
            json_error_within(error, "points");
            return -EBADMSG;
        }
        snprintf(device->points[i], sizeof(device->points[i]), "%s", point);
    }
    if (json_list_length(members->targets) != 1)
        return refuse(error, "targets", "must be one target: what the device opens, both ways");
    const char *target = json_list_string(members->targets, 0, error);

    if (!target) {
        json_error_within(error, "targets");
        return -EBADMSG;
    }
    snprintf(device->target, sizeof(device->target), "%s", target);
    return 0;
}

int modbus_device_read(struct json_object *item, struct modbus_device *ret_device, struct json_error *error)
{
    static const struct json_row rows[] = {
        JSON_ROW_CHECKED(struct item_members, profile, "profile", true, id_valid, ID_EXPECTED),
        JSON_ROW_OBJECT(struct item_members, connection, "connection"),
        JSON_ROW_LIST(struct item_members, points, "points", 0, MODBUS_SIDES),
        JSON_ROW_LIST(struct item_members, targets, "targets", 0, 1),
        JSON_ROW_INT(struct item_members, unit, "unit", 1, UNIT_RTU_MAX, 1),
    };
    struct item_members members;
    struct modbus_device device = { 0 };
    int r = json_read(item, JSON_ROWS(rows), &members, error);

    if (r < 0)
        return r;
    if (!members.connection)
        return refuse(error, "connection", "is missing");
    r = read_connection(members.connection, &device.line, error);
    if (r < 0) {
        json_error_within(error, "connection");
        return r;
    }
    r = read_names(&members, &device, error);
    if (r < 0)
        return r;
    snprintf(device.profile, sizeof(device.profile), "%s", members.profile);
    device.unit = (uint8_t)members.unit;
    *ret_device = device;
    return 0;
}

int modbus_device_match(struct modbus_device *device, const struct modbus_profile *profile,
                        const char *ret_points[static MODBUS_SIDES], struct json_error *error)
{
    const char *points[MODBUS_SIDES] = { NULL };
    size_t count = 0;

    for (size_t side = 0; side < MODBUS_SIDES; side++)
        if (profile->sides[side].present && count++ < device->point_count)
            points[side] = device->points[count - 1];
    if (count != device->point_count) {
        json_error_set(error, "points", "must be %zu, one for each side of the profile%s", count,
                       count == MODBUS_SIDES ? ": in, out" : "");
        return -EBADMSG;
    }
    memcpy(ret_points, points, sizeof(points));
    device->line.response_ms = profile->timing.response;
    device->line.late_ms = profile->timing.late;
    return 0;
}
