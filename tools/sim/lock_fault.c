/* SPDX-License-Identifier: GPL-3.0-or-later */
/* lock_fault.c: faults inside the box need the key, so they are made where frames are made; the others are
 * made of a good frame. */
#include "tools/sim/lock_fault.h"

#include <string.h>

#include "gateway/base/bytes.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define OUTER_AUTH_ID NUKI_FRAME_NONCE_BYTES
#define OUTER_LENGTH  (NUKI_FRAME_NONCE_BYTES + 4)
#define STRANGER      0x00010000u /* no authorization has that bit */
#define PDU_CHANCES   4

static const char *const names[LOCK_FAULTS] = {
    "none",   "silent",  "twice",         "truncated", "garbage", "mac",   "crc",
    "length", "auth-id", "inner-auth-id", "nonce",     "replay",  "plain",
};

enum lock_fault lock_fault_find(const char *name)
{
    enum lock_fault fault = LOCK_FAULT_NONE;

    while (fault < LOCK_FAULTS && strcmp(names[fault], name) != 0)
        fault++;
    return fault;
}

/* splitmix64 */
static uint64_t next_random(uint64_t *seed)
{
    uint64_t z = *seed += 0x9e3779b97f4a7c15u;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static void fill(uint64_t *seed, uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        bytes[i] = (uint8_t)next_random(seed);
}

/* How this frame goes wrong; counts it. */
static enum lock_fault next_fault(struct lock_fault_plan *plan, uint16_t command)
{
    if (plan->count == 0 || (plan->command != 0 && plan->command != command))
        return LOCK_FAULT_NONE;
    plan->count--;
    return plan->fault;
}

/* What can be done to a good frame without a key. */
static void spoil(struct lock_faults *faults, enum lock_fault fault, struct lock_frame *frame)
{
    if (fault == LOCK_FAULT_SILENT)
        frame->times = 0;
    else if (fault == LOCK_FAULT_TWICE)
        frame->times = 2;
    else if (fault == LOCK_FAULT_TRUNCATED)
        frame->len /= 2;
    else if (fault == LOCK_FAULT_GARBAGE)
        fill(&faults->plan.seed, frame->bytes, frame->len);
}

void lock_fault_plain(struct lock_faults *faults, enum lock_io io, const struct nuki_message *message,
                      struct lock_frame *ret_frame)
{
    enum lock_fault fault = next_fault(&faults->plan, (uint16_t)message->command);
    struct nuki_message wrong = *message;

    if (fault == LOCK_FAULT_MAC)
        wrong.authenticator[0] ^= 1; /* every message's payload that has one begins with it */
    *ret_frame = (struct lock_frame){ .io = io, .times = 1 };
    ret_frame->len = nuki_frame_plain(&wrong, ret_frame->bytes);
    if (fault == LOCK_FAULT_CRC)
        ret_frame->bytes[ret_frame->len - 1] ^= 1;
    spoil(faults, fault, ret_frame);
}

/* A box whose inside is wrong. */
static size_t seal_wrong(enum lock_fault fault, const struct nuki_access *access,
                         const uint8_t nonce[static NUKI_FRAME_NONCE_BYTES],
                         const struct nuki_message *message, uint8_t ret_bytes[static NUKI_FRAME_MAX])
{
    uint8_t inner[4 + 2 + NUKI_PAYLOAD_MAX + 2];
    size_t len = 6;

    bytes_put_u32(inner, access->auth_id ^ (fault == LOCK_FAULT_INNER_AUTH_ID ? STRANGER : 0));
    bytes_put_u16(inner + 4, (uint16_t)message->command);
    len += nuki_format(message, inner + len);
    uint16_t crc = nuki_frame_crc(inner, len) ^ (fault == LOCK_FAULT_CRC ? 1 : 0);

    bytes_put_u16(inner + len, crc);
    return nuki_frame_box(access, nonce, inner, len + sizeof(crc), ret_bytes);
}

static void spoil_sealed(struct lock_faults *faults, enum lock_fault fault,
                         const struct nuki_message *message, struct lock_frame *frame)
{
    if (fault == LOCK_FAULT_MAC)
        frame->bytes[frame->len - 1] ^= 1;
    else if (fault == LOCK_FAULT_LENGTH)
        frame->bytes[OUTER_LENGTH]++;
    else if (fault == LOCK_FAULT_AUTH_ID)
        frame->bytes[OUTER_AUTH_ID + 2] ^= STRANGER >> 16;
    else if (fault == LOCK_FAULT_REPLAY)
        *frame = faults->last;
    else if (fault == LOCK_FAULT_PLAIN)
        frame->len = nuki_frame_plain(message, frame->bytes);
    else
        spoil(faults, fault, frame);
}

void lock_fault_seal(struct lock_faults *faults, const struct nuki_access *access,
                     const uint8_t nonce[static NUKI_FRAME_NONCE_BYTES], const struct nuki_message *message,
                     struct lock_frame *ret_frame)
{
    enum lock_fault fault = next_fault(&faults->plan, (uint16_t)message->command);

    *ret_frame = (struct lock_frame){ .io = LOCK_IO_SECRET, .times = 1 };
    if (fault == LOCK_FAULT_NONCE)
        nonce = faults->last.bytes;
    if (fault == LOCK_FAULT_CRC || fault == LOCK_FAULT_INNER_AUTH_ID)
        ret_frame->len = seal_wrong(fault, access, nonce, message, ret_frame->bytes);
    else
        ret_frame->len = nuki_frame_seal(access, nonce, message, ret_frame->bytes);
    if (fault == LOCK_FAULT_NONE)
        faults->last = *ret_frame;
    else
        spoil_sealed(faults, fault, message, ret_frame);
}

size_t lock_fault_pdu(uint64_t *seed, uint16_t handle, size_t mtu, uint8_t ret_pdu[static ATT_MTU_MAX])
{
    static const uint8_t opcodes[] = { ATT_ERROR,
                                       ATT_MTU_RESPONSE,
                                       ATT_FIND_INFO_RESPONSE,
                                       ATT_READ_TYPE_RESPONSE,
                                       ATT_READ_GROUP_RESPONSE,
                                       ATT_WRITE_RESPONSE,
                                       ATT_NOTIFICATION,
                                       ATT_MTU_REQUEST,
                                       ATT_READ_REQUEST };
    size_t len = 1 + next_random(seed) % mtu;

    fill(seed, ret_pdu, len);
    uint64_t chance = next_random(seed) % PDU_CHANCES;

    if (chance == 0 && len >= ATT_VALUE_BEFORE) {
        ret_pdu[0] = ATT_INDICATION;
        bytes_put_u16(ret_pdu + 1, handle);
    } else if (chance != 1)
        ret_pdu[0] = opcodes[next_random(seed) % COUNT(opcodes)];
    return len;
}
