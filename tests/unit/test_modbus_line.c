/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test_modbus_line.c: bytes on a serial line against a unit that answers by script. Frames are those of
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
#include "hal/modbus/modbus_line.h"
#include "proto/encode.h"
#include "tools/sim/pty.h"

/* Long enough for a thread that a busy machine lets wait. */
#define PATIENCE_MS 10000

#define FRAME_MAX 64

/* A request that must come, and its reply. */
struct exchange {
    const char *request;
    const char *reply;
};

struct fixture {
    char link[64];
    struct pty pty;
    struct modbus_line line;
    struct modbus_frame answer;
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
        if (pty_write(&f->pty, reply, reply_len) < 0)
            f->as_scripted = false;
    }
    return NULL;
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    struct modbus_connection connection = { .baud = 115200, .parity = 'E', .stop_bits = 1, .rs485 = true };

    f->pty = (struct pty)PTY_INIT;
    snprintf(f->link, sizeof(f->link), "/tmp/stile-test-line-%d", (int)getpid());
    assert_int_equal(pty_open(&f->pty, f->link), 0);
    snprintf(connection.rtu, sizeof(connection.rtu), "%s", f->link);
    modbus_line_init(&f->line, &connection);
    assert_int_equal(modbus_line_open(&f->line), 0);
    assert_true(f->line.rs485 < 0); /* a pseudo-terminal cannot, and is used all the same */
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    modbus_line_close(&f->line);
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

/* Sends to unit 1 and waits for the answer. Returns its result, or the negative errno of a line that is gone.
 */
static int ask(struct fixture *f, const struct modbus_request *request)
{
    int r = modbus_line_send(&f->line, 1, request);

    while (r == 0 && poll(&(struct pollfd){ .fd = f->line.fd, .events = POLLIN }, 1, PATIENCE_MS) > 0)
        r = modbus_line_receive(&f->line, &f->answer);
    return r < 0 ? r : (int)f->answer.result;
}

static int write_coil(struct fixture *f, uint16_t address, uint16_t value)
{
    const struct modbus_request request =
        modbus_unit_write(MODBUS_REQUEST_WRITE_COIL, address, value, INT64_MAX, 0);

    return ask(f, &request);
}

static void send__waveshares_frames__are_answered(void **state)
{
    struct fixture *f = *state;
    const struct exchange script[] = {
        { "0105020000078db0", "0105020000078db0" }, /* relay 1 for 700 ms */
        { "01050000ff008c3a", "01050000ff008c3a" },
        { "010500005500f29a", "010500005500f29a" },
        { "0101000000083dcc", "010101519074" },
        { "010380000001adca", "01030200c8b9d2" },
        { NULL },
    };
    const struct modbus_request coils = modbus_unit_read((struct modbus_range){ MODBUS_TABLE_COIL, 0, 8 }, 0);
    const struct modbus_request version =
        modbus_unit_read((struct modbus_range){ MODBUS_TABLE_HOLDING, 0x8000, 1 }, 0);

    begin(f, script);
    assert_int_equal(write_coil(f, 0x200, 7), MODBUS_RESULT_OK);
    assert_int_equal(write_coil(f, 0, 0xff00), MODBUS_RESULT_OK);
    assert_int_equal(write_coil(f, 0, 0x5500), MODBUS_RESULT_OK);
    assert_int_equal(ask(f, &coils), MODBUS_RESULT_OK);
    assert_memory_equal(f->answer.words, ((uint16_t[]){ 1, 0, 0, 0, 1, 0, 1, 0 }), 8 * sizeof(uint16_t));
    assert_int_equal(ask(f, &version), MODBUS_RESULT_OK);
    assert_int_equal(f->answer.words[0], 200);
    end(f);
}

static void receive__late_answer_of_another_unit__is_not_taken(void **state)
{
    struct fixture *f = *state;
    const struct exchange script[] = { { "01050000ff008c3a", "02050000ff008c0901050000ff008c3a" }, { NULL } };

    begin(f, script);
    assert_int_equal(write_coil(f, 0, 0xff00), MODBUS_RESULT_OK);
    end(f);
}

static void receive__answer_in_two_pieces__is_put_together(void **state)
{
    struct fixture *f = *state;
    const struct modbus_request request =
        modbus_unit_write(MODBUS_REQUEST_WRITE_COIL, 0, 0xff00, INT64_MAX, 0);

    assert_int_equal(modbus_line_send(&f->line, 1, &request), 0);
    assert_int_equal(pty_write(&f->pty, (const uint8_t *)"\x01\x05\x00\x00\xff", 5), 0);
    assert_int_equal(modbus_line_receive(&f->line, &f->answer), 0);
    assert_int_equal(modbus_line_receive(&f->line, &f->answer), 0); /* nothing came */
    assert_int_equal(pty_write(&f->pty, (const uint8_t *)"\x00\x8c\x3a", 3), 0);
    assert_int_equal(modbus_line_receive(&f->line, &f->answer), 1);
    assert_int_equal(f->answer.result, MODBUS_RESULT_OK);
}

static void send__stray_bytes_before__are_thrown_away(void **state)
{
    struct fixture *f = *state;
    const struct exchange script[] = { { "01050000ff008c3a", "01050000ff008c3a" }, { NULL } };

    assert_int_equal(pty_write(&f->pty, (const uint8_t *)"\x01\x05\x00\x01\xff", 5), 0);
    begin(f, script);
    assert_int_equal(write_coil(f, 0, 0xff00), MODBUS_RESULT_OK);
    end(f);
}

static void receive__babble_that_nobody_asked_for__is_thrown_away(void **state)
{
    struct fixture *f = *state;
    uint8_t babble[MODBUS_FRAME_MAX] = { 0 };

    for (int i = 0; i < 8; i++) {
        assert_int_equal(pty_write(&f->pty, babble, sizeof(babble)), 0);
        assert_int_equal(modbus_line_receive(&f->line, &f->answer), 0);
    }
}

static void send__deadline_over__sends_nothing(void **state)
{
    struct fixture *f = *state;
    const struct modbus_request request =
        modbus_unit_write(MODBUS_REQUEST_WRITE_COIL, 0, 0xff00, clock_boot_us() - 1, 0);

    assert_int_equal(modbus_line_send(&f->line, 1, &request), MODBUS_LINE_E_LATE);
    assert_int_equal(poll(&(struct pollfd){ .fd = f->pty.fd, .events = POLLIN }, 1, 0), 0);
}

static void open__port_in_use__is_busy(void **state)
{
    struct fixture *f = *state;
    struct modbus_line other;

    modbus_line_init(&other, &f->line.connection);
    assert_int_equal(modbus_line_open(&other), -EBUSY);
    assert_int_equal(other.fd, -1);
}

static void send__port_gone__is_told(void **state)
{
    struct fixture *f = *state;

    pty_close(&f->pty);
    assert_true(write_coil(f, 0, 0xff00) < 0);
    modbus_line_close(&f->line);
    assert_int_equal(modbus_line_open(&f->line), -ENOENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(send__waveshares_frames__are_answered, setup, teardown),
        cmocka_unit_test_setup_teardown(receive__late_answer_of_another_unit__is_not_taken, setup, teardown),
        cmocka_unit_test_setup_teardown(receive__answer_in_two_pieces__is_put_together, setup, teardown),
        cmocka_unit_test_setup_teardown(send__stray_bytes_before__are_thrown_away, setup, teardown),
        cmocka_unit_test_setup_teardown(receive__babble_that_nobody_asked_for__is_thrown_away, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(send__deadline_over__sends_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(open__port_in_use__is_busy, setup, teardown),
        cmocka_unit_test_setup_teardown(send__port_gone__is_told, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
