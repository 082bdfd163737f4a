/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test_modbus_bus.c: bytes on a serial line against a unit that answers by script. Frames are those of
 * Waveshare's development protocol V2 for its 8-relay board, checksums and all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "gateway/base/clock.h"
#include "hal/modbus/modbus_bus.h"
#include "proto/encode.h"
#include "tools/sim/pty.h"

/* Long enough for a thread that a busy machine lets wait. */
#define RESPONSE_MS 400
#define LATE_MS     900
#define FRAME_MAX   64

/* A request that must come, and its reply ("": none), so much later. */
struct exchange {
    const char *request;
    const char *reply;
    int delay_ms;
};

struct fixture {
    char link[64];
    struct pty pty;
    struct modbus_bus *bus;
    const struct exchange *script;
    pthread_t unit;
    bool as_scripted;
};

static void read_exactly(int fd, uint8_t *bytes, size_t len)
{
    for (size_t have = 0; have < len;) {
        poll(&(struct pollfd){ .fd = fd, .events = POLLIN }, 1, -1);
        ssize_t n = read(fd, bytes + have, len - have);

        have += n > 0 ? (size_t)n : 0;
    }
}

static void *run_unit(void *userdata)
{
    struct fixture *f = userdata;

    f->as_scripted = true;
    for (const struct exchange *exchange = f->script; exchange->request; exchange++) {
        uint8_t expected[FRAME_MAX], request[FRAME_MAX], reply[FRAME_MAX];
        size_t len = strlen(exchange->request) / 2;
        size_t reply_len = strlen(exchange->reply) / 2;

        if (hex_decode(exchange->request, expected, len) < 0 ||
            hex_decode(exchange->reply, reply, reply_len) < 0)
            f->as_scripted = false;
        read_exactly(f->pty.fd, request, len);
        if (memcmp(request, expected, len) != 0)
            f->as_scripted = false;
        poll(NULL, 0, exchange->delay_ms);
        if (pty_write(&f->pty, reply, reply_len) < 0)
            f->as_scripted = false;
    }
    return NULL;
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    struct modbus_line line = {
        .baud = 115200, .parity = 'N', .stop_bits = 1, .response_ms = RESPONSE_MS, .late_ms = LATE_MS
    };

    f->pty = (struct pty)PTY_INIT;
    snprintf(f->link, sizeof(f->link), "/tmp/stile-test-bus-%d", (int)getpid());
    assert_int_equal(pty_open(&f->pty, f->link), 0);
    snprintf(line.rtu, sizeof(line.rtu), "%s", f->link);
    assert_int_equal(modbus_bus_new(&line, &f->bus), 0);
    assert_int_equal(modbus_bus_open(f->bus), 0);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    modbus_bus_free(f->bus);
    pty_close(&f->pty);
    free(f);
    return 0;
}

static void begin(struct fixture *f, const struct exchange script[])
{
    f->script = script;
    assert_int_equal(pthread_create(&f->unit, NULL, run_unit, f), 0);
}

static void end(struct fixture *f)
{
    pthread_join(f->unit, NULL);
    assert_true(f->as_scripted);
}

static void write_coil__any_value__is_echoed(void **state)
{
    struct fixture *f = *state;
    const struct exchange script[] = {
        { "0105020000078db0", "0105020000078db0" }, /* relay 1 for 700 ms */
        { "01050000ff008c3a", "01050000ff008c3a" },
        { "010500005500f29a", "010500005500f29a" },
        { NULL },
    };

    begin(f, script);
    assert_int_equal(modbus_bus_write_coil(f->bus, 1, 0x200, 7, INT64_MAX), 0);
    assert_int_equal(modbus_bus_write_coil(f->bus, 1, 0, 0xff00, INT64_MAX), 0);
    assert_int_equal(modbus_bus_write_coil(f->bus, 1, 0, 0x5500, INT64_MAX), 0);
    end(f);
}

static void write_register__and_registers__are_echoed(void **state)
{
    struct fixture *f = *state;
    const struct exchange script[] = {
        { "0106100000014cca", "0106100000014cca" },
        { "01100010000204484920202ccd", "011000100002400d" },
        { NULL },
    };

    begin(f, script);
    assert_int_equal(modbus_bus_write_register(f->bus, 1, 0x1000, 1), 0);
    assert_int_equal(modbus_bus_write_registers(f->bus, 1, 0x10, (uint16_t[]){ 0x4849, 0x2020 }, 2), 0);
    end(f);
}

static void read__coils_and_registers__become_words(void **state)
{
    struct fixture *f = *state;
    const struct exchange script[] = {
        { "0101000000083dcc", "010101519074" },
        { "010380000001adca", "01030200c8b9d2" },
        { NULL },
    };
    const struct modbus_range coils = { MODBUS_TABLE_COIL, 0, 8 };
    const struct modbus_range version = { MODBUS_TABLE_HOLDING, 0x8000, 1 };
    uint16_t words[8];

    begin(f, script);
    assert_int_equal(modbus_bus_read(f->bus, 1, &coils, words), 0);
    assert_memory_equal(words, ((uint16_t[]){ 1, 0, 0, 0, 1, 0, 1, 0 }), sizeof(words));
    assert_int_equal(modbus_bus_read(f->bus, 1, &version, words), 0);
    assert_int_equal(words[0], 200);
    end(f);
}

static void write_coil__exception__is_refused(void **state)
{
    struct fixture *f = *state;
    const struct exchange script[] = { { "0105020000078db0", "0185030291" }, { NULL } };

    begin(f, script);
    assert_int_equal(modbus_bus_write_coil(f->bus, 1, 0x200, 7, INT64_MAX), MODBUS_BUS_E_REFUSED);
    end(f);
    assert_int_equal(modbus_bus_counts(f->bus)->refused, 1);
}

static void write_coil__echo_of_another_coil__is_wrong(void **state)
{
    struct fixture *f = *state;
    const struct exchange script[] = { { "0105020000078db0", "010500000000cdca" }, { NULL } };

    begin(f, script);
    assert_int_equal(modbus_bus_write_coil(f->bus, 1, 0x200, 7, INT64_MAX), MODBUS_BUS_E_WRONG);
    end(f);
}

static void write_coil__echo_of_the_opposite__is_wrong(void **state)
{
    struct fixture *f = *state;
    const struct exchange script[] = { { "01050000ff008c3a", "010500000000cdca" }, { NULL } };

    begin(f, script);
    assert_int_equal(modbus_bus_write_coil(f->bus, 1, 0, 0xff00, INT64_MAX), MODBUS_BUS_E_WRONG);
    end(f);
}

static void write_coil__damaged_reply__is_wrong(void **state)
{
    struct fixture *f = *state;
    const struct exchange script[] = { { "01050000ff008c3a", "01050000ff008c3b" }, { NULL } };

    begin(f, script);
    assert_int_equal(modbus_bus_write_coil(f->bus, 1, 0, 0xff00, INT64_MAX), MODBUS_BUS_E_WRONG);
    end(f);
}

static void write_coil__late_reply__is_not_the_next_ones(void **state)
{
    struct fixture *f = *state;
    const struct exchange script[] = {
        { "01050000ff008c3a", "01050000ff008c3a", RESPONSE_MS + 30 },
        { "01050000ff008c3a", "" }, /* the late one must not stand in for it */
        { NULL },
    };

    begin(f, script);
    assert_int_equal(modbus_bus_write_coil(f->bus, 1, 0, 0xff00, INT64_MAX), MODBUS_BUS_E_SILENT);
    assert_int_equal(modbus_bus_write_coil(f->bus, 1, 0, 0xff00, INT64_MAX), MODBUS_BUS_E_SILENT);
    end(f);
    assert_int_equal(modbus_bus_counts(f->bus)->silent, 2);
}

static void write_coil__stray_bytes_before__are_flushed(void **state)
{
    struct fixture *f = *state;
    const struct exchange script[] = { { "01050000ff008c3a", "01050000ff008c3a" }, { NULL } };

    assert_int_equal(pty_write(&f->pty, (const uint8_t *)"\x01\x05\x00\x01\xff", 5), 0);
    begin(f, script);
    assert_int_equal(modbus_bus_write_coil(f->bus, 1, 0, 0xff00, INT64_MAX), 0);
    end(f);
}

static void write_coil__deadline_over__sends_nothing(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(modbus_bus_write_coil(f->bus, 1, 0, 0xff00, clock_boot_us() - 1), MODBUS_BUS_E_LATE);
    assert_int_equal(poll(&(struct pollfd){ .fd = f->pty.fd, .events = POLLIN }, 1, 0), 0);
}

static void open__port_in_use__is_busy(void **state)
{
    struct fixture *f = *state;
    struct modbus_line line = { .baud = 19200, .parity = 'E', .stop_bits = 1, .response_ms = 50 };
    struct modbus_bus *other = NULL;

    snprintf(line.rtu, sizeof(line.rtu), "%s", f->link);
    assert_int_equal(modbus_bus_new(&line, &other), 0);
    assert_int_equal(modbus_bus_open(other), -EBUSY);
    assert_false(modbus_bus_is_open(other));
    modbus_bus_free(other);
}

static void request__port_gone__closes(void **state)
{
    struct fixture *f = *state;

    pty_close(&f->pty);
    assert_true(modbus_bus_write_coil(f->bus, 1, 0, 0xff00, INT64_MAX) < 0);
    assert_false(modbus_bus_is_open(f->bus));
    assert_true(modbus_bus_write_coil(f->bus, 1, 0, 0xff00, INT64_MAX) < 0);
    assert_int_equal(modbus_bus_open(f->bus), -ENOENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(write_coil__any_value__is_echoed, setup, teardown),
        cmocka_unit_test_setup_teardown(write_register__and_registers__are_echoed, setup, teardown),
        cmocka_unit_test_setup_teardown(read__coils_and_registers__become_words, setup, teardown),
        cmocka_unit_test_setup_teardown(write_coil__exception__is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(write_coil__echo_of_another_coil__is_wrong, setup, teardown),
        cmocka_unit_test_setup_teardown(write_coil__echo_of_the_opposite__is_wrong, setup, teardown),
        cmocka_unit_test_setup_teardown(write_coil__damaged_reply__is_wrong, setup, teardown),
        cmocka_unit_test_setup_teardown(write_coil__late_reply__is_not_the_next_ones, setup, teardown),
        cmocka_unit_test_setup_teardown(write_coil__stray_bytes_before__are_flushed, setup, teardown),
        cmocka_unit_test_setup_teardown(write_coil__deadline_over__sends_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(open__port_in_use__is_busy, setup, teardown),
        cmocka_unit_test_setup_teardown(request__port_gone__closes, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
