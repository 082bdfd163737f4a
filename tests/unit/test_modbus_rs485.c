/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test_modbus_rs485.c: what a port is asked for, with kernels that do it, refuse it, or do something else;
 * and a pseudo-terminal, which cannot. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "hal/modbus/modbus_rs485.h"

#define ON      (SER_RS485_ENABLED | SER_RS485_RTS_ON_SEND)
#define NOT_SET UINT32_MAX

/* The port of a test; without one, the kernel's own. */
static struct kernel {
    uint32_t has;
    uint32_t asked; /* NOT_SET: was not asked */
    uint32_t makes; /* of what it was asked: it keeps these flags only */
    int get_error;
    int set_error;
} * kernel;

int __real_ioctl(int fd, unsigned long request, void *argument);
int __wrap_ioctl(int fd, unsigned long request, void *argument);

static int fail_with(int error)
{
    errno = error;
    return error ? -1 : 0;
}

int __wrap_ioctl(int fd, unsigned long request, void *argument)
{
    struct serial_rs485 *rs485 = argument;

    if (!kernel)
        return __real_ioctl(fd, request, argument);
    if (request == TIOCGRS485) {
        *rs485 = (struct serial_rs485){ .flags = kernel->has };
        return fail_with(kernel->get_error);
    }
    assert_true(request == TIOCSRS485);
    kernel->asked = rs485->flags;
    rs485->flags &= kernel->makes;
    return fail_with(kernel->set_error);
}

static void set__each_kernel__is_asked_for_the_right_thing(void **state)
{
    static const struct {
        struct kernel kernel;
        uint32_t asked;
        int result;
    } rows[] = {
        { { .has = 0, .makes = ON }, ON, 0 },
        { { .has = SER_RS485_RTS_AFTER_SEND | SER_RS485_RX_DURING_TX, .makes = ON }, ON, 0 },
        { { .has = ON }, NOT_SET, 0 },
        { { .has = SER_RS485_ENABLED | SER_RS485_RTS_AFTER_SEND },
          NOT_SET,
          0 }, /* wired the other way round */
        { { .has = ON | SER_RS485_RX_DURING_TX, .makes = ON }, ON, 0 },
        { { .has = ON | SER_RS485_TERMINATE_BUS }, NOT_SET, 0 },
        { { .has = 0, .makes = 0 }, ON, -EOPNOTSUPP },
        { { .has = 0, .set_error = EINVAL }, ON, -EINVAL },
        { { .get_error = ENOTTY }, NOT_SET, -ENOTTY },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct kernel port = rows[i].kernel;

        port.asked = NOT_SET;
        kernel = &port;
        assert_int_equal(modbus_rs485_set(0), rows[i].result);
        assert_int_equal(port.asked, rows[i].asked);
        kernel = NULL;
    }
}

static void set__pseudo_terminal__cannot(void **state)
{
    int fd = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);

    assert_true(fd >= 0);
    assert_true(modbus_rs485_set(fd) < 0);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(set__each_kernel__is_asked_for_the_right_thing),
        cmocka_unit_test(set__pseudo_terminal__cannot),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
