/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test_ble_driver.c: the whole driver in a thread of its own; the test is the gateway, the adapter and the
 * lock. Waits for what is said, and for nothing else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gateway/base/clock.h"
#include "hal/ble/ble_driver.h"
#include "hal/ble/ble_keys.h"
#include "hal/ble/ble_memory.h"
#include "tools/sim/lock_device.h"

#define ADDRESS "54:D2:72:0A:0B:0C"
#define ITEM    "{\"driver\":\"ble\",\"targets\":[\"front\"],\"locks\":[{\"target\":\"front\"}]}"

/* The motor's times: nobody waits for them here. */
#define MOTOR_MS 20

struct site {
    char directory[64];
    struct ble_world world;
    struct ble_driver *ble;
    pthread_t thread;
    int status;         /* of the driver */
    int driver_end;     /* of the gateway's socket */
    int wire[2];        /* the lock's ends of links, from the driver's thread to ours */
    atomic_int adapter; /* what looking at it returns */
    atomic_int switched_on;
    atomic_int scan_error; /* of making the scan's socket; 0: it can be made */
    int scans[2];          /* the controller's ends of such, from the driver's thread to ours */
    int controller;        /* one that was taken, -1: none */
    struct lines gateway;
    struct lock_device device;
    int link; /* the lock's end, -1: none */
    int64_t next_id;
    char line[LINE_BYTES_MAX]; /* heard last */
};

/* In the driver's thread. */

static int look(void *self, int index, struct ble_address *ret_address)
{
    struct site *site = self;

    *ret_address = (struct ble_address){ 0 };
    return atomic_load(&site->adapter);
}

static void switch_on(void *self, int index)
{
    struct site *site = self;

    atomic_fetch_add(&site->switched_on, 1);
}

static int scan_socket(void *self, int index, int *ret_fd)
{
    struct site *site = self;
    int error = atomic_load(&site->scan_error);
    int fds[2];

    if (error < 0)
        return error;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) < 0)
        return -errno;
    *ret_fd = fds[0];
    return write(site->scans[1], &fds[1], sizeof(fds[1])) == sizeof(fds[1]) ? 0 : -EIO;
}

static int connect_peer(void *self, const struct ble_address *adapter, const struct ble_address *peer,
                        int *ret_fd)
{
    struct site *site = self;
    int fds[2];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) < 0)
        return -errno;
    *ret_fd = fds[0];
    return write(site->wire[1], &fds[1], sizeof(fds[1])) == sizeof(fds[1]) ? 0 : -EIO;
}

static void *run(void *self)
{
    struct site *site = self;

    site->status = driver_run_on(&ble_driver_ops, site->ble, site->driver_end, site->driver_end);
    return NULL;
}

/* The lock. */

static void lock_sends(void *userdata, const uint8_t pdu[], size_t len)
{
    struct site *site = userdata;

    (void)!send(site->link, pdu, len, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void lock_notes(void *userdata, const char *line)
{
}

static void lock_random(void *userdata, uint8_t ret_bytes[], size_t len)
{
    assert_int_equal(getrandom(ret_bytes, len, 0), len);
}

static void end_link(struct site *site)
{
    close(site->link);
    site->link = -1;
    lock_device_disconnect(&site->device, clock_boot_us());
}

static void take_link(struct site *site)
{
    int fd;

    assert_int_equal(read(site->wire[0], &fd, sizeof(fd)), sizeof(fd));
    if (site->link >= 0)
        end_link(site);
    site->link = fd;
    lock_device_connect(&site->device, clock_boot_us());
}

static void read_link(struct site *site)
{
    uint8_t pdu[1024];
    ssize_t len = recv(site->link, pdu, sizeof(pdu), 0);

    if (len > 0)
        lock_device_receive(&site->device, clock_boot_us(), pdu, (size_t)len);
    else if (len == 0 || errno != EAGAIN)
        end_link(site);
}

/* Everything that has come, or becomes due. */
static void turn(struct site *site)
{
    int64_t due_us = lock_device_turn(&site->device, clock_boot_us());
    struct pollfd fds[] = {
        { .fd = site->gateway.fd_in, .events = POLLIN },
        { .fd = site->wire[0], .events = POLLIN },
        { .fd = site->link, .events = POLLIN },
    };
    int64_t wait_ms = (due_us - clock_boot_us()) / USEC_PER_MSEC + 1;

    assert_true(poll(fds, 3, due_us == INT64_MAX ? -1 : wait_ms < 0 ? 0 : (int)wait_ms) >= 0);
    if (fds[2].revents)
        read_link(site);
    if (fds[1].revents)
        take_link(site);
    if (fds[0].revents)
        (void)!lines_fill(&site->gateway);
}

/* Until the driver scans. */
static void take_controller(struct site *site)
{
    closep(&site->controller);
    assert_int_equal(read(site->scans[0], &site->controller, sizeof(site->controller)),
                     sizeof(site->controller));
}

/* The gateway. */

/* Until a line has both. */
static void until(struct site *site, const char *kind, const char *part)
{
    for (;;) {
        char *line;
        size_t len;

        while (lines_next(&site->gateway, &line, &len) > 0) {
            snprintf(site->line, sizeof(site->line), "%s", line);
            if (strstr(line, kind) && strstr(line, part))
                return;
        }
        turn(site);
    }
}

static void order(struct site *site, const char *members, int64_t limit_ms)
{
    cleanup_with(text_finish) struct text line = TEXT_INIT;

    text_addf(&line, "{%s,\"id\":%d,\"deadline\":%lld}", members, (int)++site->next_id,
              (long long)(clock_boot_us() + limit_ms * USEC_PER_MSEC));
    assert_int_equal(lines_put(&site->gateway, text_string(&line), line.len), 0);
}

static void configure(struct site *site, const char *item)
{
    cleanup_with(text_finish) struct text line = TEXT_INIT;

    text_addf(&line, "{\"do\":\"configure\",\"device\":%s}", item);
    assert_int_equal(lines_put(&site->gateway, text_string(&line), line.len), 0);
}

static void pair(struct site *site)
{
    configure(site, ITEM);
    until(site, "\"health\"", "not_paired");
    order(site, "\"do\":\"pair\",\"target\":\"front\",\"address\":\"" ADDRESS "\"", 30000);
    until(site, "\"progress\"", "Press the button");
    lock_talk_press(&site->device.talk, clock_boot_us());
    until(site, "\"result\"", "completed");
    until(site, "\"state\"", "locked");
    until(site, "\"health\"", "\"up\"");
}

/* The driver's thread and a gateway for it. */
static void start(struct site *site)
{
    int fds[2];

    site->world = (struct ble_world){ .look = look,
                                      .switch_on = switch_on,
                                      .scan_socket = scan_socket,
                                      .connect = connect_peer,
                                      .self = site };
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    site->driver_end = fds[1];
    assert_int_equal(lines_init(&site->gateway, fds[0], fds[0], LINE_BYTES_MAX, 65536), 0);
    assert_int_equal(ble_driver_new(&site->world, site->directory, &site->ble), 0);
    assert_int_equal(pthread_create(&site->thread, NULL, run, site), 0);
}

/* The gateway goes, the driver ends, and with it all links. */
static void end(struct site *site, int status)
{
    shutdown(site->gateway.fd_out, SHUT_WR);
    pthread_join(site->thread, NULL);
    assert_int_equal(site->status, status);
    site->ble = ble_driver_free(site->ble);
    while (site->link >= 0)
        read_link(site);
    close(site->gateway.fd_in);
    close(site->driver_end);
    lines_finish(&site->gateway);
}

static int set_up(void **state)
{
    struct site *site = calloc(1, sizeof(*site));
    const struct lock_device_user user = { lock_sends, lock_notes, lock_random, site };

    assert_non_null(site);
    site->link = site->controller = -1;
    snprintf(site->directory, sizeof(site->directory), "/tmp/ble-driver-XXXXXX");
    assert_non_null(mkdtemp(site->directory));
    assert_int_equal(pipe(site->wire), 0);
    assert_int_equal(pipe(site->scans), 0);
    lock_device_init(&site->device, 0x1d0a0b0c, clock_boot_us(), clock_utc_us(), &user);
    site->device.talk.lock.motor_ms = site->device.talk.lock.latch_ms = MOTOR_MS;
    start(site);
    *state = site;
    return 0;
}

static void remove_file(const struct site *site, const char *name)
{
    char path[128];

    snprintf(path, sizeof(path), "%s/%s", site->directory, name);
    unlink(path);
}

static int tear_down(void **state)
{
    struct site *site = *state;

    close(site->wire[0]);
    close(site->wire[1]);
    close(site->scans[0]);
    close(site->scans[1]);
    closep(&site->controller);
    remove_file(site, BLE_KEYS_FILE);
    remove_file(site, BLE_MEMORY_FILE);
    rmdir(site->directory);
    free(site);
    return 0;
}

static void driver__bad_item__says_which_member_and_ends(void **state)
{
    struct site *site = *state;

    configure(site,
              "{\"driver\":\"ble\",\"targets\":[\"front\"],\"locks\":[{\"target\":\"front\",\"idle_s\":0}]}");
    until(site, "\"error\"", "locks[0].idle_s");
    end(site, 1);
}

static void driver__paired__opens_when_it_is_told_to(void **state)
{
    struct site *site = *state;

    pair(site);
    order(site, "\"do\":\"release\",\"target\":\"front\",\"pulse_ms\":700", 10000);
    until(site, "\"result\"", "accepted");
    until(site, "\"result\"", "completed");
    assert_int_equal(site->device.talk.lock.last_action, NUKI_ACTION_UNLATCH);
    order(site, "\"do\":\"hold\",\"target\":\"front\",\"on\":false", 10000);
    until(site, "\"result\"", "completed");
    assert_int_equal(site->device.talk.lock.state, NUKI_LOCK_STATE_LOCKED);
    order(site, "\"do\":\"probe\"", 10000);
    until(site, "\"result\"", "completed");
    end(site, 0);
}

static void driver__started_again__knows_its_lock_and_no_command(void **state)
{
    struct site *site = *state;

    pair(site);
    order(site, "\"do\":\"unlock\",\"target\":\"front\"", 10000); /* not awaited */
    end(site, 0);
    uint8_t last_action = site->device.talk.lock.last_action;

    start(site);
    configure(site, ITEM);
    until(site, "\"state\"", "\"front\"");
    until(site, "\"health\"", "\"up\"");
    assert_non_null(strstr(site->line, "\"discoveries\":0"));
    assert_int_equal(site->device.talk.lock.last_action, last_action);
    end(site, 0);
}

static void driver__no_adapter__is_down_until_there_is_one(void **state)
{
    struct site *site = *state;

    atomic_store(&site->adapter, -ENODEV);
    configure(site, ITEM);
    until(site, "\"health\"", "\"down\"");
    order(site, "\"do\":\"release\",\"target\":\"front\",\"pulse_ms\":700", 10000);
    until(site, "\"result\"", "no_adapter");
    order(site, "\"do\":\"scan\"", 10000);
    until(site, "\"result\"", "no_adapter");
    atomic_store(&site->adapter, 0);
    until(site, "\"health\"", "not_paired");
    end(site, 0);
}

static void driver__scan__finds_the_lock_and_ends_before_its_deadline(void **state)
{
    static const uint8_t packet[] = { 4,    0x3e, 2 + 9 + 27 + 1, 2,    1,    0,    0,    0x0c, 0x0b,
                                      0x0a, 0x72, 0xd2,           0x54, 27,   26,   0xff, 0x4c, 0x00,
                                      0x02, 0x15, 0xa9,           0x2e, 0xe2, 0x00, 0x55, 0x01, 0x11,
                                      0xe4, 0x91, 0x6c,           0x08, 0x00, 0x20, 0x0c, 0x9a, 0x66,
                                      0x1d, 0x0a, 0x0b,           0x0c, 0xc4, 0xc3 };
    struct site *site = *state;

    configure(site, ITEM);
    until(site, "\"health\"", "not_paired");
    order(site, "\"do\":\"scan\"", 3000);
    order(site, "\"do\":\"scan\"", 3000);
    until(site, "\"result\"", "busy");
    take_controller(site);
    assert_int_equal(send(site->controller, packet, sizeof(packet), 0), sizeof(packet));
    until(site, "\"found\"", ADDRESS);
    assert_non_null(strstr(site->line, "Nuki_1D0A0B0C"));
    until(site, "\"result\"", "completed");
    end(site, 0);
}

static void driver__adapter_reset__is_down_and_taken_anew(void **state)
{
    struct site *site = *state;

    configure(site, ITEM);
    until(site, "\"health\"", "not_paired");
    take_controller(site);
    closep(&site->controller);
    until(site, "\"health\"", "\"down\"");
    until(site, "\"health\"", "not_paired");
    assert_true(atomic_load(&site->switched_on) >= 1);
    end(site, 0);
}

static void driver__no_descriptor_left_to_scan_with__says_so_and_tries_again(void **state)
{
    struct site *site = *state;

    atomic_store(&site->scan_error, -EMFILE);
    configure(site, ITEM);
    until(site, "\"health\"", "not_paired");
    order(site, "\"do\":\"scan\"", 3000);
    until(site, "\"result\"", "no_scan");
    atomic_store(&site->scan_error, 0);
    take_controller(site);
    order(site, "\"do\":\"scan\"", 1000);
    until(site, "\"result\"", "completed");
    end(site, 0);
}

#define ROW(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ROW(driver__bad_item__says_which_member_and_ends),
        ROW(driver__paired__opens_when_it_is_told_to),
        ROW(driver__started_again__knows_its_lock_and_no_command),
        ROW(driver__no_adapter__is_down_until_there_is_one),
        ROW(driver__adapter_reset__is_down_and_taken_anew),
        ROW(driver__no_descriptor_left_to_scan_with__says_so_and_tries_again),
        ROW(driver__scan__finds_the_lock_and_ends_before_its_deadline),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
