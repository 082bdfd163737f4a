/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test_modbus_driver.c: what the driver leaves behind. What it does on lines is
 * tests/integration/test_modbus.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "hal/driver.h"
#include "hal/modbus/modbus_driver.h"
#include "proto/json.h"

static void configure__item_refused_after_its_lines__closes_no_other_descriptor(void **state)
{
    static const char bytes[] =
        "{\"profile\":\"x\",\"connection\":{\"tcp\":\"127.0.0.1\"},\"targets\":[\"a\",\"b\"],"
        "\"units\":[{\"unit\":1,\"targets\":[\"a\"]}]}";
    cleanup_with(json_putp) struct json_object *item = NULL;
    struct modbus_driver *modbus;
    struct json_error error;
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

    assert_true(fd >= 0);
    assert_int_equal(dup2(fd, STDIN_FILENO), STDIN_FILENO);
    assert_int_equal(json_parse(bytes, strlen(bytes), &item, &error), 0);
    assert_int_equal(modbus_driver_new("profiles", &modbus), 0);
    assert_int_equal(modbus_driver_ops.configure(NULL, modbus, item, &error), -EBADMSG);
    modbus_driver_free(modbus);
    assert_true(fcntl(STDIN_FILENO, F_GETFD) >= 0);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(configure__item_refused_after_its_lines__closes_no_other_descriptor),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
