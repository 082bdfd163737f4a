/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test_modbus_device.c: device items, with one unit and with several. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "hal/modbus/modbus_device.h"

/* Single quotes stand for double ones. */
static int read_item(const char *text, struct modbus_device *ret_device, struct json_error *error)
{
    cleanup_with(json_putp) struct json_object *item = NULL;
    cleanup_with(freep) char *bytes = strdup(text);

    for (char *quote = bytes; (quote = strchr(quote, '\''));)
        *quote = '"';
    assert_int_equal(json_parse(bytes, strlen(bytes), &item, error), 0);
    return modbus_device_read(item, ret_device, error);
}

#define HEAD  "{\"id\":\"c\",\"driver\":\"modbus\",\"profile\":\"x\",\"unit\":7,"
#define NAMES "\"points\":[\"gym.in\",\"gym.out\"],\"targets\":[\"gym\"],"
#define SEVERAL(a, b, units)                                                                                 \
    "{'profile':'x','connection':{'rtu':'/dev/x'},'targets':['" a "','" b "'],'units':[" units "]}"
#define TCP(a) HEAD NAMES "\"connection\":{\"tcp\":\"" a "\"}}"

static void read__tcp__takes_address_and_port(void **state)
{
    struct modbus_device device;
    struct json_error error;

    assert_int_equal(read_item(TCP("192.0.2.7:1502"), &device, &error), 0);
    assert_string_equal(device.lines[0].tcp, "192.0.2.7");
    assert_string_equal(device.lines[0].rtu, "");
    assert_int_equal(device.lines[0].port, 1502);
    assert_int_equal(device.units[0].address, 7);
    assert_string_equal(device.units[0].targets[0], "gym");
    assert_string_equal(device.units[0].points[1], "gym.out");
    assert_int_equal(read_item(TCP("192.0.2.7"), &device, &error), 0);
    assert_int_equal(device.lines[0].port, 502);
}

static void read__rtu__takes_the_standards_presets(void **state)
{
    struct modbus_device device;
    struct json_error error;

    assert_int_equal(read_item(HEAD NAMES "\"connection\":{\"rtu\":\"/dev/ttyUSB0\"}}", &device, &error), 0);
    assert_string_equal(device.lines[0].rtu, "/dev/ttyUSB0");
    assert_int_equal(device.lines[0].baud, 19200);
    assert_int_equal(device.lines[0].parity, 'E');
    assert_int_equal(device.lines[0].stop_bits, 1);
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
    { "{\"profile\":\"../x\"}", "profile" },
    { "{\"profile\":\"x\",\"unit\":248}", "unit" },
    { "{\"connection\":{\"tcp\":\"192.0.2.7\"}}", "profile" },
    { SEVERAL("a", "b", "{'unit':1,'targets':['a']},{'unit':1,'targets':['b']}"), "units[1].unit" },
    { SEVERAL("a", "b", "{'unit':1,'targets':['a']},{'unit':2,'targets':['c']}"), "targets" },
    { SEVERAL("a", "b", "{'unit':1,'targets':['a','b']},{'unit':2,'targets':['b']}"), "targets" },
    { SEVERAL("a", "b", "{'unit':1,'targets':['a']}"), "targets" },
    { SEVERAL("a", "b", "{'unit':0}"), "units[0].unit" },
    { SEVERAL("a", "b", "1"), "units[0]" },
    { SEVERAL("a", "b", "{'connection':{'tcp':'x'}}"), "units[0].connection.tcp" },
    { "{'units':[{'profile':'x'}]}", "units[0].connection" },
    { "{'units':[]}", "units" },
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

static void read__units__share_lines_and_presets(void **state)
{
    struct modbus_device device;
    struct json_error error;

    assert_int_equal(read_item("{'profile':'x','connection':{'rtu':'/dev/x'},'points':['p'],"
                               "'targets':['a','b','c'],'units':["
                               "{'unit':5,'targets':['b'],'points':['p']},"
                               "{'unit':6,'targets':['a'],'profile':'y'},"
                               "{'targets':['c'],'connection':{'tcp':'192.0.2.7'}}]}",
                               &device, &error),
                     0);
    assert_true(device.several);
    assert_int_equal(device.unit_count, 3);
    assert_int_equal(device.line_count, 2);
    assert_int_equal(device.line_of[1], 0);
    assert_int_equal(device.line_of[2], 1);
    assert_int_equal(device.units[0].address, 5);
    assert_string_equal(device.units[0].profile, "x");
    assert_string_equal(device.units[1].profile, "y");
    assert_int_equal(modbus_device_find_target(&device, "a"), 1);
    assert_int_equal(modbus_device_find_point(&device, "p"), 0);
    assert_int_equal(modbus_device_find_point(&device, "a"), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(read__tcp__takes_address_and_port),
        cmocka_unit_test(read__rtu__takes_the_standards_presets),
        cmocka_unit_test(read__mistake__names_the_member),
        cmocka_unit_test(read__units__share_lines_and_presets),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
