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

/* The item, and each entry of its `units`. */
struct item_members {
    const char *profile;
    struct json_object *connection;
    struct json_object *points;
    struct json_object *targets;
    struct json_object *units;
    struct json_object *wiring;
    int64_t unit;
};

struct connection_members {
    const char *rtu;
    const char *tcp;
    int64_t baud;
    int64_t stop_bits;
    bool rs485;
    int parity;
};

static int refuse(struct json_error *error, const char *path, const char *why)
{
    json_error_set(error, path, "%s", why);
    return -EBADMSG;
}

/* "192.0.2.7" or "192.0.2.7:1502". */
static int read_tcp(const char *text, struct modbus_connection *connection)
{
    const char *colon = strchr(text, ':');
    size_t len = colon ? (size_t)(colon - text) : strlen(text);
    unsigned long port = TCP_PORT_DEFAULT;
    struct in_addr address;

    if (len >= sizeof(connection->tcp))
        return -EBADMSG;
    memcpy(connection->tcp, text, len);
    connection->tcp[len] = '\0';
    if (colon) {
        size_t digits = strspn(colon + 1, "0123456789");

        if (digits == 0 || digits > PORT_DIGITS_MAX || colon[1 + digits] != '\0')
            return -EBADMSG;
        port = strtoul(colon + 1, NULL, 10);
    }
    if (inet_pton(AF_INET, connection->tcp, &address) != 1 || port == 0 || port > UINT16_MAX)
        return -EBADMSG;
    connection->port = (uint16_t)port;
    return 0;
}

static int read_connection(struct json_object *object, struct modbus_connection *ret_connection,
                           struct json_error *error)
{
    static const struct json_row rows[] = {
        JSON_ROW_STRING(struct connection_members, rtu, "rtu", 1, MODBUS_PATH_SIZE - 1),
        JSON_ROW_STRING(struct connection_members, tcp, "tcp", 1, MODBUS_PATH_SIZE - 1),
        JSON_ROW_INT(struct connection_members, baud, "baud", 1200, 115200, 19200),
        JSON_ROW_INT(struct connection_members, stop_bits, "stop_bits", 1, 2, 1),
        JSON_ROW_ENUM(struct connection_members, parity, "parity", parity_names, 1),
        JSON_ROW_BOOL(struct connection_members, rs485, "rs485", true),
    };
    struct connection_members members;
    struct modbus_connection connection = { 0 };
    int r = json_read(object, JSON_ROWS(rows), &members, error);

    if (r < 0)
        return r;
    if (!members.rtu == !members.tcp)
        return refuse(error, "", "must have one of rtu and tcp");
    if (members.tcp && read_tcp(members.tcp, &connection) < 0)
        return refuse(error, "tcp", "must be an IPv4 address, with :port if it is not 502");
    if (members.rtu)
        snprintf(connection.rtu, sizeof(connection.rtu), "%s", members.rtu);
    connection.baud = members.baud;
    connection.stop_bits = members.stop_bits;
    connection.parity = parity_names[members.parity][0];
    connection.rs485 = members.rs485;
    *ret_connection = connection;
    return 0;
}

static int read_names(struct json_object *list, const char *member, char (*ret_names)[ID_SIZE],
                      struct json_error *error)
{
    for (size_t i = 0; i < json_list_length(list); i++) {
        const char *name = json_list_string(list, i, error);

        if (!name) {
            json_error_within(error, "%s", member);
            return -EBADMSG;
        }
        snprintf(ret_names[i], ID_SIZE, "%s", name);
    }
    return 0;
}

static bool same_line(const struct modbus_connection *a, const struct modbus_connection *b)
{
    return strcmp(a->rtu, b->rtu) == 0 && strcmp(a->tcp, b->tcp) == 0 && a->port == b->port;
}

/* Gives a unit its line: one that is there already, or a new one. */
static void join_line(struct modbus_device *device, size_t unit, const struct modbus_connection *connection)
{
    size_t i = 0;

    while (i < device->line_count && !same_line(&device->lines[i], connection))
        i++;
    if (i == device->line_count)
        device->lines[device->line_count++] = *connection;
    device->line_of[unit] = i;
}

/* The connection of an entry, or else the item's. */
static int read_line(const struct item_members *members, const struct item_members *item,
                     struct modbus_device *device, struct json_error *error)
{
    struct json_object *object = members->connection ? members->connection : item->connection;
    struct modbus_connection connection;

    if (!object)
        return refuse(error, "connection", "is missing");
    int r = read_connection(object, &connection, error);

    if (r < 0)
        json_error_within(error, "connection");
    else
        join_line(device, device->unit_count, &connection);
    return r;
}

static int read_unit(const struct item_members *members, const struct item_members *item,
                     struct modbus_device *device, struct json_error *error)
{
    struct modbus_unit_item *unit = &device->units[device->unit_count];
    const char *profile = members->profile ? members->profile : item->profile;

    if (!profile)
        return refuse(error, "profile", "is missing");
    int r = read_line(members, item, device, error);

    if (r == 0)
        r = read_names(members->points, "points", unit->points, error);
    if (r == 0)
        r = read_names(members->targets, "targets", unit->targets, error);
    if (r < 0)
        return r;
    unit->point_count = json_list_length(members->points);
    unit->target_count = json_list_length(members->targets);
    unit->wiring = members->wiring;
    unit->address = (uint8_t)members->unit;
    snprintf(unit->profile, sizeof(unit->profile), "%s", profile);
    device->unit_count++;
    return 0;
}

/* Two units that answer to the same address would answer at once. */
static int check_address(const struct modbus_device *device, struct json_error *error)
{
    size_t last = device->unit_count - 1;

    for (size_t i = 0; i < last; i++)
        if (device->line_of[i] == device->line_of[last] &&
            device->units[i].address == device->units[last].address)
            return refuse(error, "unit", "is that of another unit on the same line");
    return 0;
}

static const struct json_row unit_rows[] = {
    JSON_ROW_CHECKED(struct item_members, profile, "profile", false, id_valid, ID_EXPECTED),
    JSON_ROW_OBJECT(struct item_members, connection, "connection"),
    JSON_ROW_LIST(struct item_members, points, "points", 0, MODBUS_UNIT_NAMES_MAX),
    JSON_ROW_LIST(struct item_members, targets, "targets", 0, MODBUS_UNIT_NAMES_MAX),
    JSON_ROW_LIST(struct item_members, wiring, "wiring", 0, MODBUS_UNIT_NAMES_MAX),
    JSON_ROW_INT(struct item_members, unit, "unit", 1, UNIT_RTU_MAX, 1),
};

static int read_entry(struct json_object *entry, const struct item_members *item,
                      struct modbus_device *device, struct json_error *error)
{
    struct item_members members = { 0 };
    int r = json_read(entry, JSON_ROWS(unit_rows), &members, error);

    if (r == 0)
        r = read_unit(&members, item, device, error);
    return r < 0 ? r : check_address(device, error);
}

/* Whether each name of the item belongs to exactly one unit. */
static int check_shares(struct json_object *list, const char *member, const struct modbus_device *device,
                        size_t (*find)(const struct modbus_device *device, const char *name), size_t shared,
                        struct json_error *error)
{
    size_t count = json_list_length(list);

    for (size_t i = 0; i < count; i++) {
        const char *name = json_list_string(list, i, error);

        if (!name || find(device, name) == device->unit_count) {
            if (name)
                json_error_set(error, "", "%s is of no unit", name);
            json_error_within(error, "%s", member);
            return -EBADMSG;
        }
    }
    return count == shared ? 0 : refuse(error, member, "must be those of all units, each once");
}

static int check_names(const struct item_members *item, const struct modbus_device *device,
                       struct json_error *error)
{
    size_t points = 0;
    size_t targets = 0;

    for (size_t i = 0; i < device->unit_count; i++) {
        points += device->units[i].point_count;
        targets += device->units[i].target_count;
    }
    int r = check_shares(item->points, "points", device, modbus_device_find_point, points, error);

    return r < 0 ? r
                 : check_shares(item->targets, "targets", device, modbus_device_find_target, targets, error);
}

static int read_units(const struct item_members *item, struct modbus_device *device, struct json_error *error)
{
    device->several = true;
    for (size_t i = 0; i < json_list_length(item->units); i++) {
        struct json_object *entry = json_list_object(item->units, i, error);
        int r = entry ? read_entry(entry, item, device, error) : -EBADMSG;

        if (r < 0) {
            json_error_within(error, entry ? "units[%zu]" : "units", i);
            return r;
        }
    }
    return check_names(item, device, error);
}

int modbus_device_read(struct json_object *item, struct modbus_device *ret_device, struct json_error *error)
{
    static const struct json_row rows[] = {
        JSON_ROW_CHECKED(struct item_members, profile, "profile", false, id_valid, ID_EXPECTED),
        JSON_ROW_OBJECT(struct item_members, connection, "connection"),
        JSON_ROW_LIST(struct item_members, points, "points", 0, DRIVER_POINTS_MAX),
        JSON_ROW_LIST(struct item_members, targets, "targets", 0, DRIVER_TARGETS_MAX),
        JSON_ROW_INT(struct item_members, unit, "unit", 1, UNIT_RTU_MAX, 1),
        JSON_ROW_LIST(struct item_members, units, "units", 1, MODBUS_UNITS_MAX),
    };
    struct item_members members = { 0 };
    int r = json_read(item, JSON_ROWS(rows), &members, error);

    *ret_device = (struct modbus_device){ 0 };
    if (r < 0)
        return r;
    if (members.units)
        return read_units(&members, ret_device, error);
    r = json_read(item, JSON_ROWS(unit_rows), &members, error);
    return r < 0 ? r : read_unit(&members, &members, ret_device, error);
}

static bool has(const char names[][ID_SIZE], size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}

size_t modbus_device_find_point(const struct modbus_device *device, const char *point)
{
    size_t i = 0;

    while (i < device->unit_count && !has(device->units[i].points, device->units[i].point_count, point))
        i++;
    return i;
}

size_t modbus_device_find_target(const struct modbus_device *device, const char *target)
{
    size_t i = 0;

    while (i < device->unit_count && !has(device->units[i].targets, device->units[i].target_count, target))
        i++;
    return i;
}
