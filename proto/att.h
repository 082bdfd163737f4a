/* SPDX-License-Identifier: GPL-3.0-or-later */
/* att.h: PDUs of the Attribute Protocol, for both sides of a Bluetooth LE link (Core Specification, Vol 3,
 * Part F). Pure.
 *
 * A PDU is an opcode, a few numbers and a rest of bytes; one struct serves for all, and each opcode says
 * which of its members count. Lengths are checked here; what handles and ranges mean is for those who know
 * attributes.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/cleanup.h"

/* The MTU before one was agreed on, and the greatest that is of use: a value of 512 bytes in a Prepare Write
 * (3.2.9). */
#define ATT_MTU_DEFAULT 23
#define ATT_MTU_MAX     517

/* Longest value of an attribute (3.2.9). */
#define ATT_VALUE_MAX 512

/* Opcode and handle before the value that a write, notification or indication carries. */
#define ATT_VALUE_BEFORE 3

/* A transaction that takes longer is failed, and the link with it (3.3.3). */
#define ATT_TRANSACTION_MS 30000

#define ATT_HANDLE_FIRST 0x0001
#define ATT_HANDLE_LAST  0xffff

enum att_opcode {                                /* members that count, besides opcode: */
                  ATT_ERROR = 0x01,              /* request, handle, code */
                  ATT_MTU_REQUEST = 0x02,        /* mtu */
                  ATT_MTU_RESPONSE = 0x03,       /* mtu */
                  ATT_FIND_INFO_REQUEST = 0x04,  /* first, last */
                  ATT_FIND_INFO_RESPONSE = 0x05, /* list of handle and UUID */
                  ATT_FIND_VALUE_REQUEST =
                      0x06, /* first, last, type (16 bits), value: "find by type value" */
                  ATT_FIND_VALUE_RESPONSE = 0x07,    /* list of handle and end */
                  ATT_READ_TYPE_REQUEST = 0x08,      /* first, last, type: "read by type" */
                  ATT_READ_TYPE_RESPONSE = 0x09,     /* list of handle and value */
                  ATT_READ_REQUEST = 0x0a,           /* handle */
                  ATT_READ_RESPONSE = 0x0b,          /* value */
                  ATT_READ_BLOB_REQUEST = 0x0c,      /* handle, offset */
                  ATT_READ_BLOB_RESPONSE = 0x0d,     /* value */
                  ATT_READ_GROUP_REQUEST = 0x10,     /* first, last, type: "read by group type" */
                  ATT_READ_GROUP_RESPONSE = 0x11,    /* list of handle, end and value */
                  ATT_WRITE_REQUEST = 0x12,          /* handle, value */
                  ATT_WRITE_RESPONSE = 0x13,         /* nothing */
                  ATT_PREPARE_WRITE_REQUEST = 0x16,  /* handle, offset, value */
                  ATT_PREPARE_WRITE_RESPONSE = 0x17, /* handle, offset, value */
                  ATT_EXECUTE_WRITE_REQUEST = 0x18,  /* flags */
                  ATT_EXECUTE_WRITE_RESPONSE = 0x19, /* nothing */
                  ATT_NOTIFICATION = 0x1b,           /* handle, value */
                  ATT_INDICATION = 0x1d,             /* handle, value */
                  ATT_CONFIRMATION = 0x1e,           /* nothing */
                  ATT_WRITE_COMMAND = 0x52,          /* handle, value */
};

/* Codes of ATT_ERROR (3.4.1.1, and the supplement's common profile and service errors). */
enum att_error {
    ATT_ERROR_INVALID_HANDLE = 0x01,
    ATT_ERROR_READ_NOT_PERMITTED = 0x02,
    ATT_ERROR_WRITE_NOT_PERMITTED = 0x03,
    ATT_ERROR_INVALID_PDU = 0x04,
    ATT_ERROR_AUTHENTICATION = 0x05,
    ATT_ERROR_NOT_SUPPORTED = 0x06,
    ATT_ERROR_INVALID_OFFSET = 0x07,
    ATT_ERROR_AUTHORIZATION = 0x08,
    ATT_ERROR_QUEUE_FULL = 0x09,
    ATT_ERROR_NOT_FOUND = 0x0a,
    ATT_ERROR_NOT_LONG = 0x0b,
    ATT_ERROR_KEY_SIZE = 0x0c,
    ATT_ERROR_INVALID_LENGTH = 0x0d,
    ATT_ERROR_UNLIKELY = 0x0e,
    ATT_ERROR_ENCRYPTION = 0x0f,
    ATT_ERROR_UNSUPPORTED_GROUP = 0x10,
    ATT_ERROR_RESOURCES = 0x11,
    ATT_ERROR_OUT_OF_SYNC = 0x12,
    ATT_ERROR_VALUE_NOT_ALLOWED = 0x13,
    ATT_ERROR_APPLICATION_FIRST = 0x80, /* 0x80 to 0x9f are the application's own */
    ATT_ERROR_APPLICATION_LAST = 0x9f,
    ATT_ERROR_WRITE_REJECTED = 0xfc,
    ATT_ERROR_CCCD_IMPROPER = 0xfd,
    ATT_ERROR_IN_PROGRESS = 0xfe,
    ATT_ERROR_OUT_OF_RANGE = 0xff,
};

/* A UUID in the order of its text. One of 16 bits stands for its place in the Bluetooth Base UUID (Vol 3,
 * Part B, 2.5.1), so two are equal if their bytes are. */
#define ATT_UUID_BYTES     16
#define ATT_UUID_TEXT_SIZE 37

struct att_uuid {
    uint8_t bytes[ATT_UUID_BYTES];
};

/* clang-format off */
#define ATT_UUID_16(number)                                                                                  \
    { { 0, 0, (uint8_t)((number) >> 8), (uint8_t)(number), 0, 0, 0x10, 0, 0x80, 0, 0, 0x80, 0x5f, 0x9b, 0x34, 0xfb } }
/* clang-format on */

/* Types that GATT gives to attributes (Vol 3, Part G, 3). */
#define ATT_TYPE_PRIMARY_SERVICE 0x2800
#define ATT_TYPE_CHARACTERISTIC  0x2803
#define ATT_TYPE_CCCD            0x2902 /* client characteristic configuration */

/* What the CCCD is written to (3.3.3.3). */
#define ATT_CCCD_NOTIFY   0x0001
#define ATT_CCCD_INDICATE 0x0002

/* A characteristic's properties (3.3.1.1). */
#define ATT_PROPERTY_READ          0x02
#define ATT_PROPERTY_WRITE_COMMAND 0x04
#define ATT_PROPERTY_WRITE         0x08
#define ATT_PROPERTY_NOTIFY        0x10
#define ATT_PROPERTY_INDICATE      0x20

struct att_pdu {
    uint8_t opcode;   /* enum att_opcode */
    uint16_t request; /* 8 bits, as code and flags */
    uint16_t code;
    uint16_t flags;
    uint16_t mtu;
    uint16_t handle;
    uint16_t first;
    uint16_t last;
    uint16_t offset;
    struct att_uuid type;
    const uint8_t *value; /* borrowed: a value, or the entries of a list */
    size_t len;
    size_t each; /* list: bytes of an entry; len is at least one of them, and a multiple */
};

/* An entry of a list. */
struct att_entry {
    uint16_t handle;
    uint16_t end;         /* FIND_VALUE, READ_GROUP: last handle of the group */
    struct att_uuid uuid; /* FIND_INFO */
    const uint8_t *value; /* READ_TYPE, READ_GROUP: borrowed */
    size_t len;
};

/* The opcode is none of the enum's: ret_pdu has it, and the rest in value. */
#define ATT_E_UNKNOWN 1

/* Takes bytes apart, which ret_pdu borrows. Returns 0, ATT_E_UNKNOWN, or -EBADMSG: empty, longer than
 * ATT_MTU_MAX, or not of its opcode's length. */
int att_parse(const uint8_t bytes[], size_t len, struct att_pdu *ret_pdu) must_check;

/* Makes bytes of a PDU whose opcode is of the enum. It must fit into ATT_MTU_MAX. Returns the length. */
size_t att_format(const struct att_pdu *pdu, uint8_t ret_bytes[static ATT_MTU_MAX]);

/* Whether an opcode is a request, which is answered by one response or ATT_ERROR; one of a later version of
 * the protocol as well. A command has no answer and may be ignored. */
bool att_is_request(uint8_t opcode);
bool att_is_command(uint8_t opcode);

/* How many entries a list has, and one of them. */
size_t att_entry_count(const struct att_pdu *list);
struct att_entry att_entry_at(const struct att_pdu *list, size_t index);

/* Adds an entry to a list that stands in bytes: false, and nothing added, if the PDU would be longer than mtu
 * or the entry is not as long as those before it. list begins as { .opcode = ATT_..._RESPONSE }. */
bool att_entry_add(struct att_pdu *list, uint8_t bytes[static ATT_MTU_MAX], size_t mtu,
                   const struct att_entry *entry);

/* A word for people and reasons: "invalid_handle"; "application_error", "unknown_error". */
const char *att_error_word(uint8_t code);

struct att_uuid att_uuid_16(uint16_t number);
bool att_uuid_equal(const struct att_uuid *a, const struct att_uuid *b);

/* From the bytes of a PDU, where they stand backwards: 2 or 16 of them. Returns 0 or -EBADMSG. */
int att_uuid_take(const uint8_t bytes[], size_t len, struct att_uuid *ret_uuid) must_check;

/* To the bytes of a PDU. Returns how many: 2 if it has 16 bits, else 16. */
size_t att_uuid_put(const struct att_uuid *uuid, uint8_t ret_bytes[static ATT_UUID_BYTES]);

/* Text: "2902", or "a92ee200-5501-11e4-916c-0800200c9a66" in upper or lower case. Returns 0 or -EBADMSG. */
int att_uuid_parse(const char *text, struct att_uuid *ret_uuid) must_check;
