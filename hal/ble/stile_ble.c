/* SPDX-License-Identifier: GPL-3.0-or-later */
/* stile_ble.c: the program: arguments, the kernel's radio, and the driver's loop. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#include "gateway/base/log.h"
#include "hal/ble/ble_adapter.h"
#include "hal/ble/ble_driver.h"
#include "hal/ble/ble_scan.h"
#include "hal/ble/ble_socket.h"
#include "hal/driver.h"

static int look(void *self, int index, struct ble_address *ret_address)
{
    return ble_adapter_look(index, ret_address);
}

static void switch_on(void *self, int index)
{
    ble_adapter_switch_on(index);
}

static int scan_socket(void *self, int index, int *ret_fd)
{
    return ble_scan_socket(index, ret_fd);
}

static int connect_peer(void *self, const struct ble_address *adapter, const struct ble_address *peer,
                        int *ret_fd)
{
    return ble_socket_connect(adapter, peer, ret_fd);
}

static const struct ble_world world = {
    .look = look,
    .switch_on = switch_on,
    .scan_socket = scan_socket,
    .connect = connect_peer,
};

static void driverp(struct ble_driver **ble)
{
    ble_driver_free(*ble);
}

static int run(void)
{
    cleanup_with(driverp) struct ble_driver *ble = NULL;
    int r = ble_driver_new(&world, getenv("STATE_DIRECTORY"), &ble);

    if (r < 0) {
        log_error("ble", "cannot start: %s", strerror(-r));
        return 1;
    }
    return driver_run(&ble_driver_ops, ble);
}

int main(int argc, char *argv[])
{
    if (argc > 1 && strcmp(argv[1], "--version") == 0) {
        puts("stile-ble " STILE_VERSION);
        return 0;
    }
    log_init("stile-ble", LOG_INFO);
    if (argc > 1) {
        fputs("usage: stile-ble\nJSON lines on standard input and output: hal/README.md\n", stderr);
        return strcmp(argv[1], "--help") == 0 ? 0 : 2;
    }
    /* The keys of doors are in this memory: no core file, and no other process of this user looks into it. */
    (void)!prctl(PR_SET_DUMPABLE, 0);
    return run();
}
