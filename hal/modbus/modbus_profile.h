/* SPDX-License-Identifier: GPL-3.0-or-later */
/* modbus_profile.h: what a kind of device keeps in which coil and register. Pure.
 *
 * A profile is a JSON file, config/profiles/<name>.json; config/profiles/README.md describes every member for
 * people who write one. It is read strictly: a member that nobody knows, or one that does not fit another, is
 * refused, with its name.
 *
 * A collector has up to two sides, `in` and `out`: a card slot, a display, a release and a passage counter
 * each. A panel has outputs and inputs by name: relay boards, barriers.
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

/* Of a panel. */
#define MODBUS_OUTPUTS_MAX 16
#define MODBUS_LINES_MAX   24
#define MODBUS_STATES_MAX  16

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
    int64_t count;   /* COIL: the two that take the number of pulses before, low word last; -1: none */
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

/* What is written to move something. */
struct modbus_write {
    bool present;
    enum modbus_table table; /* coil or holding */
    int64_t address;
    int64_t value;
};

/* One relay, or one barrier: a level, a pulse that the device times, or both. */
struct modbus_output {
    char name[ID_SIZE];
    struct modbus_write on; /* with off, or neither */
    struct modbus_write off;
    struct modbus_place read; /* bit: whether it is on */
    struct modbus_release pulse;
};

/* A contact that can be read, or a counter of its edges. */
struct modbus_line_in {
    char name[ID_SIZE];
    struct modbus_place place;
};

/* What a barrier's state word can mean. */
enum modbus_state {
    MODBUS_STATE_UNKNOWN,
    MODBUS_STATE_OPEN,
    MODBUS_STATE_CLOSED,
    MODBUS_STATE_OPENING,
    MODBUS_STATE_CLOSING,
    MODBUS_STATE_STOPPED,  /* neither open nor closed, and at rest */
    MODBUS_STATE_OBSTACLE, /* something keeps it from closing */
};

struct modbus_status {
    struct modbus_place place;
    size_t count;
    struct {
        int64_t value;
        enum modbus_state state;
    } words[MODBUS_STATES_MAX];
};

/* What an input can mean for a target. */
enum modbus_role {
    MODBUS_ROLE_CONTACT, /* true: open */
    MODBUS_ROLE_REX,     /* pressed */
    MODBUS_ROLE_TAMPER,
    MODBUS_ROLE_FIRE,
    MODBUS_ROLE_ALARM, /* the device's own: told as tamper */
    MODBUS_ROLE_READY, /* false: it would not open */
    MODBUS_ROLE_VEHICLE,
    MODBUS_ROLE_OBSTACLE,
    MODBUS_ROLE_PASSED,       /* these three by edges or a counter */
    MODBUS_ROLE_PASSED_ENTRY, /* in the order of enum driver_direction */
    MODBUS_ROLE_PASSED_EXIT,
    MODBUS_ROLES,
};

#define MODBUS_DIRECTIONS 3 /* enum driver_direction */

/* Which outputs and inputs belong to one target: indices, -1 for none. */
struct modbus_wiring {
    int outputs[MODBUS_DIRECTIONS]; /* ANY: whatever the direction */
    int inputs[MODBUS_ROLES];
    bool closed_at_rest[MODBUS_ROLES]; /* 1 is read while nothing is the matter */
    bool status;                       /* the device's state word is this target's */
};

/* A device of relays and inputs, instead of sides. What is joined to which door is the site's: it stands in
 * the device item (modbus_wiring.h), unless the device is a whole one, as a barrier is. */
struct modbus_panel_map {
    size_t output_count; /* 0: this profile is none of a panel */
    struct modbus_output outputs[MODBUS_OUTPUTS_MAX];
    size_t input_count;
    struct modbus_line_in inputs[MODBUS_LINES_MAX];
    struct modbus_status status;
    bool wired; /* the wiring is that of the one target if an item says nothing else */
    struct modbus_wiring wiring;
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
    struct modbus_panel_map panel;
};

/* Returns 0, -EBADMSG with *error filled, or -ENOMEM. */
int modbus_profile_parse(const char *bytes, size_t len, struct modbus_profile *ret_profile,
                         struct json_error *error) must_check;

/* Reads a file. On -EBADMSG, or another negative errno, problem holds one line without LF:
 * "profiles/x.json:7: sides.in.release.address: must be an integer from 0 to 65535". A profile has the name
 * of its file. */
int modbus_profile_load(const char *path, struct modbus_profile *ret_profile,
                        struct text *problem) must_check;

/* "in", "out". */
const char *modbus_profile_side(enum modbus_side_name side);
