/* SPDX-License-Identifier: GPL-3.0-or-later */
/* modbus_profile.h: what a kind of device keeps in which coil and register. Pure.
 *
 * A profile is a JSON file, config/profiles/<name>.json; config/profiles/README.md describes every member for
 * people who write one. It is read strictly: a member that nobody knows, or one that does not fit another, is
 * refused, with its name.
 *
 * A device has up to two sides, `in` and `out`: a card slot, a display, a release and a passage counter each.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/cleanup.h"
#include "gateway/base/text.h"
#include "proto/driver_message.h"
#include "proto/json.h"

/* Longest file. */
#define MODBUS_PROFILE_BYTES_MAX (64u * 1024)

/* Registers or bits of one request (Modbus Application Protocol V1.1b3, 6.3: 125 registers; ours for bits).
 */
#define MODBUS_RANGE_MAX 125

#define MODBUS_CARD_BYTES_MAX 32
#define MODBUS_TEXT_WORDS_MAX 64
#define MODBUS_INPUTS_MAX     8
#define MODBUS_SIDES          2

enum modbus_side_name { MODBUS_SIDE_IN, MODBUS_SIDE_OUT };

/* Coils and discrete inputs hold bits, the others 16-bit registers. */
enum modbus_table { MODBUS_TABLE_COIL, MODBUS_TABLE_DISCRETE, MODBUS_TABLE_INPUT, MODBUS_TABLE_HOLDING };

enum modbus_order { MODBUS_ORDER_HIGH_FIRST, MODBUS_ORDER_LOW_FIRST };

/* Where a value lies. */
struct modbus_place {
    bool present;
    enum modbus_table table;
    int64_t address; /* as it is on the wire: from 0 on */
    int64_t words;   /* registers; 1 for a bit */
    bool inverted;   /* a bit: 0 means true */
};

/* The slot that holds a presented card until the gateway acknowledges it. */
struct modbus_card {
    bool present;
    struct modbus_place sequence; /* another number for each card; 0: none since the device started */
    struct modbus_place length;   /* bytes of the number */
    struct modbus_place data;     /* behind length: one read fetches both */
    int64_t ack;                  /* holding register that takes the sequence back */
};

enum modbus_release_method {
    MODBUS_RELEASE_COIL,      /* FF00 to a coil; the device times the pulse */
    MODBUS_RELEASE_COIL_TIME, /* the pulse itself, in units, to a coil (FC05 with a value of its own) */
};

struct modbus_release {
    bool present;
    enum modbus_release_method method;
    int64_t address;
    int64_t unit_ms; /* of the pulse */
    int64_t pulse;   /* COIL: holding register that takes the pulse before; -1: the device has its own */
};

/* A coil that keeps a side released while it is on. */
struct modbus_hold {
    bool present;
    int64_t address;
};

struct modbus_text {
    bool present;
    int64_t address; /* holding registers, two characters each, filled up with spaces */
    int64_t words;
};

struct modbus_side {
    bool present;
    struct modbus_card card;
    struct modbus_release release;
    struct modbus_hold hold;
    struct modbus_place passages;  /* counter of people */
    struct modbus_place timed_out; /* bit: the last release ended and nobody passed */
    struct modbus_text text;
};

struct modbus_input {
    enum driver_role role;
    struct modbus_place place;
};

/* All in milliseconds. */
struct modbus_timing {
    int64_t poll;     /* from one look at the device to the next */
    int64_t response; /* a reply's first byte is there by then, or it is missing */
    int64_t late;     /* a missing reply may still arrive for so long; the line rests */
    int64_t stale;    /* a card may have waited for so long before it is seen */
    int64_t passage;  /* a passage may end so long after its pulse */
};

struct modbus_profile {
    char name[ID_SIZE];
    enum modbus_order words; /* of numbers that take two registers */
    enum modbus_order bytes; /* of two characters or card bytes in a register */
    struct modbus_timing timing;
    struct modbus_place identity; /* not present: any device will do */
    int64_t identity_value;
    struct modbus_place starts; /* another number after each start of the device */
    struct modbus_side sides[MODBUS_SIDES];
    size_t input_count;
    struct modbus_input inputs[MODBUS_INPUTS_MAX];
};

/* Returns 0, -EBADMSG with *error filled, or -ENOMEM. */
int modbus_profile_parse(const char *bytes, size_t len, struct modbus_profile *ret_profile,
                         struct json_error *error) must_check;

/* Reads a file. On -EBADMSG, or another negative errno, problem holds one line without LF:
 * "profiles/x.json:7: sides.in.release.address: must be an integer from 0 to 65535". */
int modbus_profile_load(const char *path, struct modbus_profile *ret_profile,
                        struct text *problem) must_check;

/* "in", "out". */
const char *modbus_profile_side(enum modbus_side_name side);
