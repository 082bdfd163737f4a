/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ble_rig.h: doors with simulated locks on one simulated adapter, and the units that drive them. Time goes to
 * the next thing that is due, so that days take no time. What units say is kept as lines. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <syslog.h>
#include <unistd.h>

#include "gateway/base/clock.h"
#include "gateway/base/text.h"
#include "hal/ble/ble_keys.h"
#include "hal/ble/ble_radio.h"
#include "hal/ble/ble_unit.h"
#include "tools/sim/lock_device.h"

#define RIG_DOORS_MAX 16
#define RIG_UTC_S     INT64_C(1772445600) /* 2026-03-02T10:00:00Z, when the rig's time is 0 */

/* From the radio's permission to a connection. */
#define RIG_CONNECT_MS 200

/* More rounds in which something happens at the same time are a livelock. */
#define RIG_ROUNDS_MAX 1000

struct rig;

struct rig_door {
    struct rig *rig;
    size_t number;
    struct ble_lock_item item;
    struct ble_unit unit;
    struct lock_device device;
    struct ble_address address;
    bool absent;            /* it does not answer */
    int fd;                 /* the lock's end; -1: none */
    int64_t answers_us;     /* when the connection is made; 0: it is */
    int64_t due_us;         /* of the lock */
    int64_t connects;       /* that were begun */
    int64_t answered_us[8]; /* when the result of order 0 to 7 came that was no `accepted` */
};

struct rig {
    char directory[64];
    int64_t now_us;
    bool busy; /* something has happened in this round */
    bool deaf; /* units say nothing that anybody hears */
    struct ble_radio radio;
    size_t count;
    struct rig_door doors[RIG_DOORS_MAX];
    struct text said; /* by units, a line each */
};

static inline struct ble_now rig_now(const struct rig *rig)
{
    return (struct ble_now){ .us = rig->now_us, .utc_s = RIG_UTC_S + rig->now_us / USEC_PER_SEC };
}

/* The lock's side. */

static inline void rig_lock_sends(void *userdata, const uint8_t pdu[], size_t len)
{
    struct rig_door *door = userdata;

    door->rig->busy = true;
    if (door->fd >= 0)
        assert_int_equal(send(door->fd, pdu, len, MSG_DONTWAIT | MSG_NOSIGNAL), len);
}

static inline void rig_lock_notes(void *userdata, const char *line)
{
}

static inline void rig_lock_random(void *userdata, uint8_t ret_bytes[], size_t len)
{
    assert_int_equal(getrandom(ret_bytes, len, 0), len);
}

static inline void rig_disconnect(struct rig_door *door)
{
    if (door->fd < 0)
        return;
    close(door->fd);
    door->fd = -1;
    door->rig->busy = true;
    if (door->answers_us == 0)
        lock_device_disconnect(&door->device, door->rig->now_us);
}

/* A connection that is being made is one that cannot be written to. */
static inline int rig_connect(void *self, const struct ble_address *peer, int *ret_fd)
{
    struct rig *rig = self;
    struct rig_door *door = rig->doors;
    static const uint8_t filling[512];
    int fds[2];

    while (memcmp(door->address.bytes, peer->bytes, BLE_ADDRESS_BYTES) != 0)
        assert_true(++door < rig->doors + rig->count);
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
    while (send(fds[0], filling, sizeof(filling), MSG_DONTWAIT) > 0)
        continue;
    rig_disconnect(door);
    door->fd = fds[1];
    door->connects++;
    door->answers_us = door->absent || door->device.gone_until_us || peer->type != door->address.type
                           ? INT64_MAX
                           : rig->now_us + RIG_CONNECT_MS * USEC_PER_MSEC;
    *ret_fd = fds[0];
    return 0;
}

static inline bool rig_link_is_closed(const struct rig_door *door)
{
    return door->unit.link.fd < 0;
}

static inline void rig_lock_receives(struct rig_door *door)
{
    uint8_t pdu[1024];
    ssize_t len = door->fd < 0 || door->answers_us > 0 ? -1 : recv(door->fd, pdu, sizeof(pdu), 0);

    if (len <= 0)
        return;
    door->rig->busy = true;
    lock_device_receive(&door->device, door->rig->now_us, pdu, (size_t)len);
}

static inline void rig_lock_answers(struct rig_door *door)
{
    uint8_t filling[1024];

    if (door->fd < 0 || door->answers_us == 0 || door->answers_us > door->rig->now_us)
        return;
    while (recv(door->fd, filling, sizeof(filling), 0) > 0)
        continue;
    door->rig->busy = true;
    door->answers_us = 0;
    lock_device_connect(&door->device, door->rig->now_us);
}

static inline void rig_lock_turns(struct rig_door *door)
{
    if (door->fd >= 0 && rig_link_is_closed(door))
        rig_disconnect(door);
    rig_lock_answers(door);
    rig_lock_receives(door);
    door->due_us = lock_device_turn(&door->device, door->rig->now_us);
    if (door->device.dropping)
        rig_disconnect(door);
}

/* The unit's side. */

static inline bool rig_say(void *userdata, const struct driver_event *event)
{
    struct rig_door *door = userdata;
    struct text *said = &door->rig->said;

    if (door->rig->deaf)
        return false;
    text_addf(said, "%s %s", door->item.target, driver_event_name(event->kind));
    if (event->kind == DRIVER_EVENT_RESULT) {
        text_addf(said, " %d %s %s", (int)event->id, driver_outcome_name(event->outcome), event->reason);
        if (event->outcome != DRIVER_OUTCOME_ACCEPTED && event->id < 8)
            door->answered_us[event->id] = door->rig->now_us;
    } else if (event->kind == DRIVER_EVENT_STATE) {
        text_addf(said, " %s %s %d %s", driver_lock_name(event->lock), driver_door_name(event->door),
                  (int)event->battery, event->detail);
    } else if (event->kind == DRIVER_EVENT_RECORD) {
        text_addf(said, " %d %s %s \"%s\"", (int)event->record.index, event->record.what,
                  event->record.outcome, event->record.name);
    } else if (event->kind == DRIVER_EVENT_INPUT) {
        text_addf(said, " %s %d", driver_role_name(event->role), event->value);
    } else {
        text_addf(said, " %d %s", (int)event->id, event->reason);
    }
    text_add(said, "\n");
    return true;
}

static inline void rig_note(void *userdata, int level, const char *text)
{
    struct rig_door *door = userdata;

    if (level < LOG_DEBUG)
        text_addf(&door->rig->said, "%s note %s\n", door->item.target, text);
}

static inline void rig_begin_unit(struct rig_door *door)
{
    struct rig *rig = door->rig;
    const struct ble_unit_setup setup = {
        .item = &door->item,
        .protocol = ble_protocol_find("nuki"),
        .directory = rig->directory,
        .voice = { .say = rig_say, .note = rig_note, .userdata = door },
        .connector = { .connect = rig_connect, .self = rig },
    };
    const struct ble_now now = rig_now(rig);

    ble_unit_init(&door->unit, &setup, &now);
    ble_radio_add(&rig->radio, &door->unit.link);
}

static inline void rig_add(struct rig *rig)
{
    struct rig_door *door = &rig->doors[rig->count];
    const struct lock_device_user user = { rig_lock_sends, rig_lock_notes, rig_lock_random, door };
    const struct ble_now now = rig_now(rig);

    door->rig = rig;
    door->number = rig->count++;
    door->fd = -1;
    door->address = (struct ble_address){ .bytes = { (uint8_t)door->number, 2, 3, 4, 5, 6 } };
    door->item = (struct ble_lock_item){ .idle_s = 10, .heartbeat_s = 900, .pin = -1 };
    snprintf(door->item.target, sizeof(door->item.target), "d%zu", door->number);
    snprintf(door->item.protocol, sizeof(door->item.protocol), "nuki");
    lock_device_init(&door->device, 0x100 + (uint32_t)door->number, rig->now_us, now.utc_s * USEC_PER_SEC,
                     &user);
    rig_begin_unit(door);
}

static inline struct rig *rig_new(size_t count)
{
    struct rig *rig = calloc(1, sizeof(*rig));

    assert_non_null(rig);
    rig->now_us = 1000 * USEC_PER_SEC;
    snprintf(rig->directory, sizeof(rig->directory), "/tmp/ble-rig-XXXXXX");
    assert_non_null(mkdtemp(rig->directory));
    ble_radio_init(&rig->radio, BLE_RADIO_CONNECTIONS);
    for (size_t i = 0; i < count; i++)
        rig_add(rig);
    return rig;
}

/* The driver is killed, and started after so many milliseconds. */
static inline void rig_restart(struct rig *rig, int64_t ms)
{
    struct ble_now now;

    for (size_t i = 0; i < rig->count; i++) {
        rig_disconnect(&rig->doors[i]);
        ble_unit_finish(&rig->doors[i].unit);
    }
    rig->now_us += ms * USEC_PER_MSEC;
    now = rig_now(rig);
    ble_radio_init(&rig->radio, BLE_RADIO_CONNECTIONS);
    for (size_t i = 0; i < rig->count; i++) {
        rig_begin_unit(&rig->doors[i]);
        ble_unit_start(&rig->doors[i].unit, &now);
    }
}

static inline void rig_remove_file(const struct rig *rig, const char *name)
{
    char path[128];

    snprintf(path, sizeof(path), "%s/%s", rig->directory, name);
    unlink(path);
}

static inline void rig_free(struct rig *rig)
{
    for (size_t i = 0; i < rig->count; i++) {
        rig_disconnect(&rig->doors[i]);
        ble_unit_finish(&rig->doors[i].unit);
    }
    rig_remove_file(rig, BLE_KEYS_FILE);
    rig_remove_file(rig, BLE_MEMORY_FILE);
    rmdir(rig->directory);
    text_finish(&rig->said);
    free(rig);
}

/* Time. */

static inline bool rig_round(struct rig *rig)
{
    const struct ble_now now = rig_now(rig);

    rig->busy = false;
    for (size_t i = 0; i < rig->count; i++)
        rig->busy |= ble_unit_turn(&rig->doors[i].unit, &now);
    rig->busy |= ble_radio_turn(&rig->radio, rig->now_us);
    for (size_t i = 0; i < rig->count; i++)
        rig_lock_turns(&rig->doors[i]);
    return rig->busy;
}

static inline int64_t rig_due_us(const struct rig *rig)
{
    int64_t due_us = ble_radio_due_us(&rig->radio);

    for (size_t i = 0; i < rig->count; i++) {
        const struct rig_door *door = &rig->doors[i];
        int64_t unit_us = ble_unit_due_us(&door->unit);

        due_us = unit_us < due_us ? unit_us : due_us;
        due_us = door->due_us < due_us ? door->due_us : due_us;
        if (door->fd >= 0 && door->answers_us > 0 && door->answers_us < due_us)
            due_us = door->answers_us;
    }
    return due_us;
}

/* What happens within so many milliseconds. */
static inline void rig_run(struct rig *rig, int64_t ms)
{
    int64_t end_us = rig->now_us + ms * USEC_PER_MSEC;

    for (;;) {
        int rounds = 0;

        while (rig_round(rig))
            assert_true(++rounds < RIG_ROUNDS_MAX);
        int64_t due_us = rig_due_us(rig);

        assert_true(due_us > rig->now_us);
        if (due_us > end_us)
            break;
        rig->now_us = due_us;
    }
    rig->now_us = end_us;
}

static inline void rig_order(struct rig *rig, size_t door, enum driver_command_kind kind, int64_t id,
                             int64_t limit_ms)
{
    const struct ble_now now = rig_now(rig);
    const struct ble_order order = {
        .kind = kind,
        .id = id,
        .deadline_us = rig->now_us + limit_ms * USEC_PER_MSEC,
        .pulse_ms = 700,
        .on = true,
        .address = rig->doors[door].address,
    };

    ble_unit_order(&rig->doors[door].unit, &order, &now);
}

/* All are paired and looked at, and nothing was said. */
static inline void rig_pair_all(struct rig *rig)
{
    const struct ble_now now = rig_now(rig);

    for (size_t i = 0; i < rig->count; i++) {
        ble_unit_start(&rig->doors[i].unit, &now);
        lock_talk_press(&rig->doors[i].device.talk, rig->now_us);
        rig_order(rig, i, DRIVER_COMMAND_PAIR, 1, 30000);
    }
    rig_run(rig, 60000);
    for (size_t i = 0; i < rig->count; i++) {
        assert_null(ble_unit_fault(&rig->doors[i].unit));
        assert_true(rig->doors[i].unit.heard);
    }
    text_reset(&rig->said);
}

/* What was said since the last time has this in it. */
static inline void rig_assert_said(struct rig *rig, const char *part)
{
    if (!strstr(text_string(&rig->said), part))
        fail_msg("\"%s\" was not said, but:\n%s", part, text_string(&rig->said));
}

static inline void rig_assert_not_said(struct rig *rig, const char *part)
{
    if (strstr(text_string(&rig->said), part))
        fail_msg("\"%s\" was said:\n%s", part, text_string(&rig->said));
}
