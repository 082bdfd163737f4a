/* SPDX-License-Identifier: GPL-3.0-or-later */
/* lock_device.c: everything that happens passes through note(), so that a link can be made to break at any of
 * it. */
#include "tools/sim/lock_device.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "gateway/base/clock.h"
#include "gateway/base/text.h"

#define NOTE_SIZE   128
#define STORM_BYTES 20 /* if no frame was sent yet */

static const char *const io_names[LOCK_IOS] = { "changed", "pairing", "plain", "secret" };

static void take_note(void *userdata, const char *line)
{
    struct lock_device *device = userdata;

    device->user.note(device->user.userdata, line);
    if (device->linked && *device->drop_at && strncmp(line, device->drop_at, strlen(device->drop_at)) == 0) {
        *device->drop_at = '\0';
        device->dropping = true;
    }
}

static void __attribute__((format(printf, 2, 3))) note(struct lock_device *device, const char *format, ...)
{
    char line[NOTE_SIZE];
    va_list args;

    va_start(args, format);
    vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    take_note(device, line);
}

static void send_pdu(void *userdata, const uint8_t pdu[], size_t len)
{
    struct lock_device *device = userdata;

    if (device->linked && !device->dropping)
        device->user.send(device->user.userdata, pdu, len);
}

static void take_random(void *userdata, uint8_t ret_bytes[], size_t len)
{
    const struct lock_device *device = userdata;

    device->user.random(device->user.userdata, ret_bytes, len);
}

static void take_write(void *userdata, enum lock_io io, const uint8_t value[], size_t len)
{
    struct lock_device *device = userdata;

    lock_talk_take(&device->talk, device->now_us, io, value, len);
}

static void take_event(void *userdata, enum lock_gatt_event event, enum lock_io io, const char *text)
{
    struct lock_device *device = userdata;

    switch (event) {
    case LOCK_GATT_MTU_AGREED:
        note(device, "mtu %u", device->gatt.mtu);
        break;
    case LOCK_GATT_DISCOVERY:
        note(device, "discovery");
        break;
    case LOCK_GATT_SUBSCRIBED:
        note(device, "subscribed %s %s", io_names[io], text);
        break;
    case LOCK_GATT_TOLD:
        note(device, "told %s", text);
        break;
    case LOCK_GATT_OFFENCE:
        note(device, "offence %s", text);
        break;
    case LOCK_GATT_DEAD:
        note(device, "dead");
        device->dropping = true;
        break;
    }
}

static void say(void *userdata, int64_t now_us, const struct lock_frame *frame, const char *label)
{
    struct lock_device *device = userdata;
    struct lock_gatt_value value = { .io = frame->io, .label = label, .len = frame->len };

    memcpy(value.bytes, frame->bytes, frame->len);
    if (device->linked && lock_gatt_indicate(&device->gatt, now_us, &value) < 0)
        note(device, "unheard %s", label);
}

void lock_device_connect(struct lock_device *device, int64_t now_us)
{
    device->linked = true;
    device->dropping = false;
    device->heard_us = now_us;
    lock_gatt_begin(&device->gatt);
    lock_talk_begin(&device->talk);
    note(device, "link on");
}

void lock_device_disconnect(struct lock_device *device, int64_t now_us)
{
    device->linked = device->dropping = false;
    lock_gatt_begin(&device->gatt);
    lock_talk_begin(&device->talk);
    note(device, "link off");
}

void lock_device_receive(struct lock_device *device, int64_t now_us, const uint8_t pdu[], size_t len)
{
    device->now_us = device->heard_us = now_us;
    if (device->dropping)
        return;
    if (device->deaf > 0)
        device->deaf--;
    else
        lock_gatt_receive(&device->gatt, now_us, pdu, len);
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

int64_t lock_device_turn(struct lock_device *device, int64_t now_us)
{
    int64_t idle_us = device->heard_us + device->idle_ms * USEC_PER_MSEC;
    bool idles = device->linked && device->idle_ms > 0;

    device->now_us = now_us;
    if (device->gone_until_us && now_us >= device->gone_until_us) {
        device->gone_until_us = 0;
        note(device, "back");
    }
    if (idles && now_us >= idle_us && !device->dropping) {
        note(device, "idle");
        device->dropping = true;
    }
    int64_t due = earlier(lock_talk_turn(&device->talk, now_us), lock_gatt_turn(&device->gatt, now_us));

    if (idles)
        due = earlier(due, idle_us);
    return device->gone_until_us ? earlier(due, device->gone_until_us) : due;
}

bool lock_device_advert(const struct lock_device *device, struct lock_advert *ret_advert)
{
    if (device->linked || device->gone_until_us)
        return false;
    *ret_advert =
        lock_advert_make(device->talk.lock.id, device->talk.pairing_until_us != 0, device->talk.lock.changed);
    return true;
}

void lock_device_go(struct lock_device *device, int64_t until_us)
{
    device->gone_until_us = until_us;
    device->dropping = device->linked;
    note(device, "gone");
}

void lock_device_reboot(struct lock_device *device, int64_t until_us)
{
    lock_fail(&device->talk.lock);
    device->talk.pairing_until_us = 0;
    device->talk.pin_tries = 0;
    lock_device_go(device, until_us);
}

void lock_device_drop(struct lock_device *device, const char *point)
{
    text_copy(device->drop_at, sizeof(device->drop_at), point);
    if (!*point)
        device->dropping = device->linked;
}

void lock_device_storm(struct lock_device *device, unsigned count)
{
    static const uint8_t nothing[STORM_BYTES];
    const struct lock_frame *last = &device->talk.faults.last;

    for (unsigned i = 0; i < count; i++)
        lock_gatt_storm(&device->gatt, LOCK_IO_SECRET, last->len ? last->bytes : nothing,
                        last->len ? last->len : sizeof(nothing));
}

void lock_device_attack(struct lock_device *device, uint64_t seed, unsigned count)
{
    uint8_t pdu[ATT_MTU_MAX];

    for (unsigned i = 0; i < count; i++) {
        size_t len =
            lock_fault_pdu(&seed, lock_gatt_handle(&device->gatt, LOCK_IO_SECRET), device->gatt.mtu, pdu);

        send_pdu(device, pdu, len);
    }
}

void lock_device_init(struct lock_device *device, uint32_t id, int64_t now_us, int64_t utc_us,
                      const struct lock_device_user *user)
{
    const struct lock_gatt_user gatt = { send_pdu, take_write, take_event, device };
    const struct lock_talk_user talk = { say, take_note, take_random, device };
    char name[LOCK_GATT_NAME_SIZE];

    memset(device, 0, sizeof(*device));
    device->user = *user;
    snprintf(name, sizeof(name), "Nuki_%08X", id);
    lock_gatt_init(&device->gatt, name, &gatt);
    lock_talk_init(&device->talk, id, now_us, utc_us, &talk);
}
