/* SPDX-License-Identifier: GPL-3.0-or-later */
/* lock_fault.h: frames of a lock, as they should be or as they should never be. Pure: the same seed makes the
 * same garbage.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/cleanup.h"
#include "proto/nuki_frame.h"
#include "tools/sim/lock_gatt.h"

enum lock_fault {
    LOCK_FAULT_NONE,
    LOCK_FAULT_SILENT,        /* is not sent */
    LOCK_FAULT_TWICE,         /* is sent twice */
    LOCK_FAULT_TRUNCATED,     /* half of it */
    LOCK_FAULT_GARBAGE,       /* as many bytes of nothing */
    LOCK_FAULT_MAC,           /* a bit of the box, or in pairing of the authenticator, is another */
    LOCK_FAULT_CRC,           /* wrong, under a right MAC */
    LOCK_FAULT_LENGTH,        /* the length field says one more */
    LOCK_FAULT_AUTH_ID,       /* outside, of another authorization */
    LOCK_FAULT_INNER_AUTH_ID, /* inside, under a right MAC */
    LOCK_FAULT_NONCE,         /* sealed with the nonce of the frame before */
    LOCK_FAULT_REPLAY,        /* the frame before once more instead */
    LOCK_FAULT_PLAIN,         /* not encrypted */
    LOCK_FAULTS,
};

/* The next `count` frames go wrong; command: only those with that one, 0: any. */
struct lock_fault_plan {
    enum lock_fault fault;
    unsigned count;
    uint16_t command;
    uint64_t seed;
};

struct lock_frame {
    enum lock_io io;
    unsigned times; /* it is to be sent */
    size_t len;
    uint8_t bytes[NUKI_FRAME_MAX];
};

struct lock_faults {
    struct lock_fault_plan plan;
    struct lock_frame last; /* encrypted, and not spoilt */
};

/* LOCK_FAULTS: there is none of that name. */
enum lock_fault lock_fault_find(const char *name);

/* A plain frame for that characteristic. */
void lock_fault_plain(struct lock_faults *faults, enum lock_io io, const struct nuki_message *message,
                      struct lock_frame *ret_frame);

/* An encrypted one. */
void lock_fault_seal(struct lock_faults *faults, const struct nuki_access *access,
                     const uint8_t nonce[static NUKI_FRAME_NONCE_BYTES], const struct nuki_message *message,
                     struct lock_frame *ret_frame);

/* The next PDU of a hostile peer: indications of handle, and whatever else there is. Returns its length, at
 * most mtu. */
size_t lock_fault_pdu(uint64_t *seed, uint16_t handle, size_t mtu, uint8_t ret_pdu[static ATT_MTU_MAX]);
