/* SPDX-License-Identifier: GPL-3.0-or-later */
/* modbus_unit.h: one unit on a line, as the bus sees it: a pure state machine that says which request it
 * wants next and how urgently, and is told what became of it.
 *
 * What kind of unit it is, its profile says: modbus_collector_unit.h, modbus_panel.h. The bus (modbus_bus.h)
 * owns time: when a request may go, how long a reply is waited for, when a unit that does not answer is asked
 * again. A unit has at most one request under way. Nothing is ever sent twice by the bus: a unit that still
 * wants something asks again.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/cleanup.h"
#include "hal/modbus/modbus_image.h"
#include "hal/modbus/modbus_profile.h"
#include "proto/driver_message.h"

struct json_object;

/* Points and targets of one unit. */
#define MODBUS_UNIT_NAMES_MAX 16

/* What a device item says of a unit. */
struct modbus_unit_item {
    uint8_t address; /* on the line */
    char profile[ID_SIZE];
    size_t point_count;
    size_t target_count;
    char points[MODBUS_UNIT_NAMES_MAX][ID_SIZE];
    char targets[MODBUS_UNIT_NAMES_MAX][ID_SIZE];
    struct json_object *wiring; /* a list (modbus_wiring.h), borrowed for modbus_unit_new(); NULL: none */
};

/* Most registers that one request writes. */
#define MODBUS_WRITE_WORDS_MAX MODBUS_TEXT_WORDS_MAX

/* Who goes first, the last one before all. */
enum modbus_urgency {
    MODBUS_URGENCY_NONE,
    MODBUS_URGENCY_POLL,        /* looks, displays */
    MODBUS_URGENCY_ACKNOWLEDGE, /* a card that waits, a probe */
    MODBUS_URGENCY_RELEASE,     /* whatever moves something: somebody waits */
};

enum modbus_request_kind {
    MODBUS_REQUEST_READ,            /* functions 01 to 04, by range.table */
    MODBUS_REQUEST_WRITE_COIL,      /* function 05 with any value: words[0] */
    MODBUS_REQUEST_WRITE_REGISTER,  /* function 06 */
    MODBUS_REQUEST_WRITE_REGISTERS, /* function 16 */
};

struct modbus_request {
    enum modbus_request_kind kind;
    struct modbus_range
        range; /* READ: what; a write: address, and count 1 or, REGISTERS, up to the maximum */
    uint16_t words[MODBUS_WRITE_WORDS_MAX]; /* what is written */
    int64_t deadline_us;                    /* boot time after which it must not go; INT64_MAX: none */
    int tag;                                /* the unit's own: it comes back with the answer */
};

enum modbus_result {
    MODBUS_RESULT_OK,
    MODBUS_RESULT_REFUSED, /* an exception: the unit has done nothing, or (04) failed while it did it */
    MODBUS_RESULT_SILENT,  /* sent, and no answer in time */
    MODBUS_RESULT_WRONG,   /* sent, and the answer is damaged or belongs to nothing */
    MODBUS_RESULT_LATE,    /* not sent: the deadline was over */
    MODBUS_RESULT_GONE,    /* sent, and the line broke */
};

struct modbus_answer {
    enum modbus_result result;
    const uint16_t *words; /* READ and OK: one a register or bit */
    int64_t begun_us;      /* when the request went */
    int64_t now_us;
};

/* How a unit speaks to the gateway and to the log. */
struct modbus_voice {
    void (*say)(void *userdata, const struct driver_event *event);
    void (*note)(void *userdata, const char *text); /* one line for people */
    void *userdata;
};

/* self is the unit's own struct. None of these blocks or reads a clock. */
struct modbus_unit_ops {
    /* Fills *ret_request with what is wanted most and returns its urgency, or MODBUS_URGENCY_NONE. Is asked
     * often and may not remember that it was: the same is wanted until answer() or a command changes it. */
    enum modbus_urgency (*want)(void *self, int64_t now_us, struct modbus_request *ret_request);

    /* When want() may want something that it does not want now, although nothing happens; INT64_MAX: never.
     */
    int64_t (*due_us)(const void *self);

    /* What became of a request. A write that is not OK, REFUSED or LATE may have been carried out: its
     * command ends `unknown`. */
    void (*answer)(void *self, const struct modbus_request *request, const struct modbus_answer *answer);

    /* A command with an id is answered by saying results, now or later; `show` is not answered. While the
     * unit is down the bus refuses commands itself. What the unit cannot do: `failed`, reason
     * "not_supported". */
    void (*command)(void *self, const struct driver_command *command, int64_t now_us);

    /* The unit does not answer, or its line is gone; said again after each try in vain. Commands that were
     * not sent end `failed`, "device_down"; what the device is known to hold is known no more. When the unit
     * answers again a held state is written again: the gateway does not repeat it for one unit of several. */
    void (*lost)(void *self, int64_t now_us);

    /* While the unit is down: a lock, or hold off, that the bus refuses. What it lets go is written off, and
     * not on, when the unit answers again. */
    void (*let_go)(void *self, const struct driver_command *command, int64_t now_us);

    /* The whole device is down. When it is up the gateway says anew what is held; until then it is not
     * written. */
    void (*forget)(void *self);

    /* DOWN until everything was read that the profile wants read; then UP, or DEGRADED with a reason. DOWN
     * with a reason: the unit answers and cannot be used (another kind of device); the bus asks less often
     * then, and calls lost(). *ret_reason: static, or NULL. */
    enum driver_health (*health)(const void *self, const char **ret_reason);

    /* Counts of its own for health, at most MODBUS_UNIT_COUNTERS_MAX; returns how many. NULL: none. */
    size_t (*counters)(const void *self, struct driver_counter ret_counters[]);

    /* The driver ends: a pulse that only we would end is to end now. NULL: the device times its own. */
    void (*leave)(void *self, int64_t now_us);

    /* Takes NULL. */
    void (*free)(void *self);
};

#define MODBUS_UNIT_COUNTERS_MAX 4

struct modbus_unit {
    const struct modbus_unit_ops *ops;
    void *self;
};

/* A unit of the kind that its profile is of. item, profile and voice are borrowed. Returns 0, -EBADMSG with
 * *error filled if the item does not fit the profile, or -ENOMEM. */
int modbus_unit_new(const struct modbus_unit_item *item, const struct modbus_profile *profile,
                    const struct modbus_voice *voice, struct modbus_unit *ret_unit,
                    struct json_error *error) must_check;

/* Requests: one word to a coil or register; a range. */
struct modbus_request modbus_unit_write(enum modbus_request_kind kind, int64_t address, uint16_t value,
                                        int64_t deadline_us, int tag);
struct modbus_request modbus_unit_read(struct modbus_range range, int tag);

/* Says a result or writes a line to the log. */
void modbus_unit_result(const struct modbus_voice *voice, int64_t id, enum driver_outcome outcome,
                        const char *reason);
void modbus_unit_note(const struct modbus_voice *voice, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* What a command came to whose request did: completed is the caller's to tell. */
enum driver_outcome modbus_unit_outcome(enum modbus_result result);

/* For people and results: "refused", "silent", "wrong_answer", "deadline", "line_gone". */
const char *modbus_unit_reason(enum modbus_result result);
