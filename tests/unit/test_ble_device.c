/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test_ble_device.c: device items of BLE locks: presets, and which member is wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "hal/ble/ble_device.h"

/* Single quotes stand for double ones. */
static int read_item(const char *text, struct ble_device *ret_device, struct json_error *error)
{
    cleanup_with(json_putp) struct json_object *item = NULL;
    cleanup_with(freep) char *bytes = strdup(text);

    for (char *quote = bytes; (quote = strchr(quote, '\''));)
        *quote = '"';
    assert_int_equal(json_parse(bytes, strlen(bytes), &item, error), 0);
    return ble_device_read(item, ret_device, error);
}

static void read__target_alone__takes_the_presets(void **state)
{
    struct ble_device device;
    struct json_error error;

    assert_int_equal(read_item("{'targets':['front'],'locks':[{'target':'front'}]}", &device, &error), 0);
    assert_string_equal(device.adapter, "hci0");
    assert_int_equal(device.lock_count, 1);
    const struct ble_lock_item *lock = &device.locks[0];

    assert_string_equal(lock->target, "front");
    assert_string_equal(lock->protocol, "nuki");
    assert_false(lock->has_address);
    assert_int_equal(lock->release, BLE_RELEASE_UNLATCH);
    assert_false(lock->relock);
    assert_false(lock->warm);
    assert_int_equal(lock->idle_s, 10);
    assert_int_equal(lock->heartbeat_s, 900);
    assert_int_equal(lock->pin, -1);
}

static void read__all_members__takes_them(void **state)
{
    struct ble_device device;
    struct json_error error;

    assert_int_equal(read_item("{'adapter':'hci65534','targets':['b','a'],'locks':[{'target':'a'},"
                               "{'target':'b','protocol':'nuki','address':'54:d2:72:0a:0b:0c',"
                               "'address_type':'random','release':'unlock','relock':true,'link':'warm',"
                               "'idle_s':3600,'heartbeat_s':10,'pin':1234}]}",
                               &device, &error),
                     0);
    assert_string_equal(device.adapter, "hci65534");
    assert_int_equal(ble_device_find(&device, "a"), 0);
    assert_int_equal(ble_device_find(&device, "b"), 1);
    assert_int_equal(ble_device_find(&device, "c"), 2);
    const struct ble_lock_item *lock = &device.locks[1];

    assert_true(lock->has_address);
    assert_int_equal(lock->address.bytes[0], 0x0c);
    assert_int_equal(lock->address.type, BLE_ADDRESS_RANDOM);
    assert_int_equal(lock->release, BLE_RELEASE_UNLOCK);
    assert_true(lock->relock);
    assert_true(lock->warm);
    assert_int_equal(lock->idle_s, 3600);
    assert_int_equal(lock->heartbeat_s, 10);
    assert_int_equal(lock->pin, 1234);
}

static void read__bad_item__names_the_member(void **state)
{
    static const struct {
        const char *text;
        const char *path;
    } rows[] = {
        { "{'targets':['a']}", "locks" },
        { "{'targets':['a'],'locks':[]}", "locks" },
        { "{'locks':[{'target':'a'}]}", "targets" },
        { "{'targets':['a'],'locks':[{'target':'a','pin':-1}]}", "locks[0].pin" },
        { "{'targets':['a','b'],'locks':[{'target':'a'}]}", "targets" },
        { "{'targets':['a','a'],'locks':[{'target':'a'}]}", "targets" },
        { "{'targets':['a'],'points':['p'],'locks':[{'target':'a'}]}", "points" },
        { "{'targets':['a'],'locks':[{'target':'a'}],'adapter':'hci'}", "adapter" },
        { "{'targets':['a'],'locks':[{'target':'a'}],'adapter':'hci0x'}", "adapter" },
        { "{'targets':['a'],'locks':[{'target':'a'}],'adapter':'hci123456'}", "adapter" },
        { "{'targets':['a'],'locks':[{'target':'a'}],'adapter':'hci65535'}", "adapter" },
        { "{'targets':['a'],'locks':[{'target':'a'}],'adapter':'hci65536'}", "adapter" },
        { "{'targets':['a'],'locks':['a']}", "locks[0]" },
        { "{'targets':['a'],'locks':[{}]}", "locks[0].target" },
        { "{'targets':['a'],'locks':[{'target':'a'},{'target':'a'}]}", "locks[1].target" },
        { "{'targets':['a'],'locks':[{'target':'a','address':'54:D2'}]}", "locks[0].address" },
        { "{'targets':['a'],'locks':[{'target':'a','address_type':'static'}]}", "locks[0].address_type" },
        { "{'targets':['a'],'locks':[{'target':'a','protocol':'yale'}]}", "locks[0].protocol" },
        { "{'targets':['a'],'locks':[{'target':'a','release':'open'}]}", "locks[0].release" },
        { "{'targets':['a'],'locks':[{'target':'a','relock':1}]}", "locks[0].relock" },
        { "{'targets':['a'],'locks':[{'target':'a','link':'cold'}]}", "locks[0].link" },
        { "{'targets':['a'],'locks':[{'target':'a','idle_s':0}]}", "locks[0].idle_s" },
        { "{'targets':['a'],'locks':[{'target':'a','heartbeat_s':9}]}", "locks[0].heartbeat_s" },
        { "{'targets':['a'],'locks':[{'target':'a','pin':65536}]}", "locks[0].pin" },
        { "{'targets':['a','b'],'locks':[{'target':'a','address':'54:D2:72:0A:0B:0C'},"
          "{'target':'b','address':'54:D2:72:0a:0b:0c'}]}",
          "locks[1].address" },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct ble_device device;
        struct json_error error = { 0 };

        assert_int_equal(read_item(rows[i].text, &device, &error), -EBADMSG);
        assert_string_equal(error.path, rows[i].path);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(read__target_alone__takes_the_presets),
        cmocka_unit_test(read__all_members__takes_them),
        cmocka_unit_test(read__bad_item__names_the_member),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
