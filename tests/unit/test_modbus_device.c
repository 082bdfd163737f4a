/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Device sections of the policy, and the profile that they name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "hal/modbus/modbus_device.h"

static int read_item(const char *bytes, struct modbus_device *ret_device, struct json_error *error)
{
    cleanup_with(json_putp) struct json_object *item = NULL;

    assert_int_equal(json_parse(bytes, strlen(bytes), &item, error), 0);
    return modbus_device_read(item, ret_device, error);
}

#define HEAD   "{\"id\":\"c\",\"driver\":\"modbus\",\"profile\":\"x\",\"unit\":7,"
#define NAMES  "\"points\":[\"gym.in\",\"gym.out\"],\"targets\":[\"gym\"],"
#define TCP(a) HEAD NAMES "\"connection\":{\"tcp\":\"" a "\"}}"

static void read__tcp__takes_address_and_port(void **state)
{
    struct modbus_device device;
    struct json_error error;

    assert_int_equal(read_item(TCP("192.0.2.7:1502"), &device, &error), 0);
    assert_string_equal(device.line.tcp, "192.0.2.7");
    assert_string_equal(device.line.rtu, "");
    assert_int_equal(device.line.port, 1502);
    assert_int_equal(device.unit, 7);
    assert_string_equal(device.target, "gym");
    assert_string_equal(device.points[1], "gym.out");
    assert_int_equal(read_item(TCP("192.0.2.7"), &device, &error), 0);
    assert_int_equal(device.line.port, 502);
}

static void read__rtu__takes_the_standards_presets(void **state)
{
    struct modbus_device device;
    struct json_error error;

    assert_int_equal(read_item(HEAD NAMES "\"connection\":{\"rtu\":\"/dev/ttyUSB0\"}}", &device, &error), 0);
    assert_string_equal(device.line.rtu, "/dev/ttyUSB0");
    assert_int_equal(device.line.baud, 19200);
    assert_int_equal(device.line.parity, 'E');
    assert_int_equal(device.line.stop_bits, 1);
}

static const struct {
    const char *bytes;
    const char *path;
} mistakes[] = {
    { HEAD NAMES "\"connection\":{}}", "connection" },
    { HEAD NAMES "\"connection\":{\"tcp\":\"192.0.2.7\",\"rtu\":\"/dev/x\"}}", "connection" },
    { HEAD NAMES "\"x\":1}", "connection" },
    { TCP("localhost"), "connection.tcp" },
    { TCP("192.0.2.7:"), "connection.tcp" },
    { TCP("192.0.2.7:0"), "connection.tcp" },
    { TCP("192.0.2.7:65536"), "connection.tcp" },
    { TCP("192.0.2.7:50x"), "connection.tcp" },
    { HEAD NAMES "\"connection\":{\"rtu\":\"/dev/x\",\"baud\":1}}", "connection.baud" },
    { HEAD NAMES "\"connection\":{\"rtu\":\"/dev/x\",\"parity\":\"M\"}}", "connection.parity" },
    { HEAD "\"points\":[1],\"targets\":[\"t\"],\"connection\":{\"tcp\":\"192.0.2.7\"}}", "points[0]" },
    { HEAD "\"points\":[\"a\"],\"connection\":{\"tcp\":\"192.0.2.7\"}}", "targets" },
    { HEAD "\"points\":[\"a\",\"b\",\"c\"],\"targets\":[\"t\"],\"connection\":{\"tcp\":\"192.0.2.7\"}}",
      "points" },
    { "{\"profile\":\"../x\"}", "profile" },
    { "{\"profile\":\"x\",\"unit\":248}", "unit" },
};

static void read__mistake__names_the_member(void **state)
{
    for (size_t i = 0; i < sizeof(mistakes) / sizeof(mistakes[0]); i++) {
        struct modbus_device device;
        struct json_error error;

        assert_int_equal(read_item(mistakes[i].bytes, &device, &error), -EBADMSG);
        assert_string_equal(error.path, mistakes[i].path);
    }
}

static void match__points__go_to_sides_in_order(void **state)
{
    struct modbus_profile profile = { .timing = { .response = 300, .late = 1000 } };
    struct modbus_device device = { .point_count = 1, .points = { "a", "b" } };
    const char *points[MODBUS_SIDES];
    struct json_error error;

    profile.sides[MODBUS_SIDE_OUT].present = true;
    assert_int_equal(modbus_device_match(&device, &profile, points, &error), 0);
    assert_null(points[MODBUS_SIDE_IN]);
    assert_string_equal(points[MODBUS_SIDE_OUT], "a");
    assert_int_equal(device.line.late_ms, 1000);
    profile.sides[MODBUS_SIDE_IN].present = true;
    assert_int_equal(modbus_device_match(&device, &profile, points, &error), -EBADMSG);
    assert_string_equal(error.path, "points");
    device.point_count = 2;
    assert_int_equal(modbus_device_match(&device, &profile, points, &error), 0);
    assert_string_equal(points[MODBUS_SIDE_IN], "a");
    assert_string_equal(points[MODBUS_SIDE_OUT], "b");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(read__tcp__takes_address_and_port),
        cmocka_unit_test(read__rtu__takes_the_standards_presets),
        cmocka_unit_test(read__mistake__names_the_member),
        cmocka_unit_test(match__points__go_to_sides_in_order),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
