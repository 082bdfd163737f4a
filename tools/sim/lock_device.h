/* SPDX-License-Identifier: GPL-3.0-or-later */
/* lock_device.h: a whole simulated lock: what it is (lock.h), what it says (lock_talk.h), how it is reached
 * (lock_gatt.h), and the accidents of a link. Pure: PDUs and the time go in, PDUs and lines come out.
 *
 * A line for each thing that happens; some are points at which the link can be made to break:
 *   link on|off · mtu N · discovery · subscribed IO on|off · heard COMMAND … · refused COMMAND WORD ·
 *   told COMMAND|accepted|complete|WORD (a message's last piece was confirmed) · moved STATE ·
 *   spurned WORD (a frame that cannot be opened) · paired ID · offence TEXT (against ATT) · …
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/cleanup.h"
#include "tools/sim/lock_advert.h"
#include "tools/sim/lock_gatt.h"
#include "tools/sim/lock_talk.h"

#define LOCK_POINT_SIZE 64

struct lock_device_user {
    void (*send)(void *userdata, const uint8_t pdu[], size_t len);
    void (*note)(void *userdata, const char *line);
    void (*random)(void *userdata, uint8_t ret_bytes[], size_t len);
    void *userdata;
};

struct lock_device {
    struct lock_device_user user;
    struct lock_gatt gatt;
    struct lock_talk talk;
    int64_t now_us; /* of what is being taken */
    bool linked;
    bool dropping;                 /* the link is to be closed now; nothing more is sent */
    char drop_at[LOCK_POINT_SIZE]; /* it breaks where a line begins like this; "": nowhere */
    unsigned deaf;                 /* so many of the next PDUs are not heard */
    int64_t idle_ms;               /* a link on which so long nothing is heard is closed; 0: never */
    int64_t heard_us;
    int64_t gone_until_us; /* out of reach or without power; 0: it is there, INT64_MAX: until told */
};

/* id: the lock's number. */
void lock_device_init(struct lock_device *device, uint32_t id, int64_t now_us, int64_t utc_us,
                      const struct lock_device_user *user);

/* A client has connected; the link has ended, by whomever. */
void lock_device_connect(struct lock_device *device, int64_t now_us);
void lock_device_disconnect(struct lock_device *device, int64_t now_us);

/* Takes one PDU. */
void lock_device_receive(struct lock_device *device, int64_t now_us, const uint8_t pdu[], size_t len);

/* What is due happens. Returns the time of the next thing, or INT64_MAX. */
int64_t lock_device_turn(struct lock_device *device, int64_t now_us);

/* Whether it advertises, and what: not while it is linked or gone. */
bool lock_device_advert(const struct lock_device *device, struct lock_advert *ret_advert);

/* Is gone until then, at once; a reboot loses more. */
void lock_device_go(struct lock_device *device, int64_t until_us);
void lock_device_reboot(struct lock_device *device, int64_t until_us);

/* Breaks the link: now if point is "", or where a line begins like that. */
void lock_device_drop(struct lock_device *device, const char *point);

/* Sends the last frame so often, as forbidden, without awaiting one confirmation. Then: so many PDUs of a
 * hostile peer. */
void lock_device_storm(struct lock_device *device, unsigned count);
void lock_device_attack(struct lock_device *device, uint64_t seed, unsigned count);
