/* SPDX-License-Identifier: GPL-3.0-or-later */
/* fuzz_sim_lock.c: a client of the simulated lock, which is in pairing mode. The input is PDUs, each behind a
 * byte with its length; the lock's answers must be PDUs of the protocol, within the MTU. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "gateway/base/clock.h"
#include "tools/sim/lock_device.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void take_answer(void *userdata, const uint8_t pdu[], size_t len)
{
    const struct lock_device *device = *(struct lock_device **)userdata;
    struct att_pdu ignored;

    assert(len <= device->gatt.mtu && att_parse(pdu, len, &ignored) == 0);
}

static void ignore_note(void *userdata, const char *line)
{
}

static void make_bytes(void *userdata, uint8_t ret_bytes[], size_t len)
{
    memset(ret_bytes, 0x5a, len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct lock_device device;
    struct lock_device *self = &device;
    const struct lock_device_user user = { take_answer, ignore_note, make_bytes, &self };
    const struct nuki_access access = { .auth_id = 2 };
    int64_t now_us = 0;

    lock_device_init(&device, 1, now_us, 0, &user);
    (void)!lock_talk_authorize(&device.talk, &access, NUKI_ID_TYPE_BRIDGE, "fuzz");
    lock_talk_press(&device.talk, now_us);
    lock_device_connect(&device, now_us);
    while (size > 0 && size > data[0]) {
        now_us += 100 * USEC_PER_MSEC;
        lock_device_receive(&device, now_us, data + 1, data[0]);
        lock_device_turn(&device, now_us);
        size -= 1u + data[0];
        data += 1 + data[0];
    }
    return 0;
}
