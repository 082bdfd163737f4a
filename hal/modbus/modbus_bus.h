/* SPDX-License-Identifier: GPL-3.0-or-later */
/* modbus_bus.h: who may speak on one line, and when. Pure: it is handed the time and tells its caller what to
 * do; modbus_line.h does it.
 *
 * One request is under way at a time. When the line is free, the most urgent one goes: a release waits for
 * the request under way and for nothing else. Among equals the unit goes that was served longest ago.
 *
 * A unit that does not answer is asked again after RETRY_MIN_MS, twice as long after each further try, up to
 * RETRY_MAX_MS: that is what it may cost its neighbours, one time-out in each of these periods. It is down
 * after MODBUS_FAILURES_DOWN tries in a row, or if it was not up yet. Then nothing is commanded of it. One
 * that answers, but wrongly, is there all the same: it is degraded, with the reason, until it was silent for
 * MODBUS_FAILURES_DOWN tries.
 *
 * On a serial line a frame begins at least 3.5 characters after the last one. A unit that missed an answer,
 * or gave a wrong one, is not asked anything for its late_ms: a late answer then finds no request of that
 * unit, and one of another unit does not take it. On TCP a transaction's number tells them apart; if
 * something that moves was not answered, or the stream makes no sense, the connection is thrown away, so that
 * nothing that the network still holds is carried out later.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/cleanup.h"
#include "gateway/base/text.h"
#include "hal/modbus/modbus_unit.h"

/* Units of one driver, on all its lines. */
#define MODBUS_UNITS_MAX 32

#define MODBUS_FAILURES_DOWN 3
#define MODBUS_RETRY_MIN_MS  100
#define MODBUS_RETRY_MAX_MS  5000
#define MODBUS_CONNECT_MS    1000

struct modbus_frame;

/* How long bytes take. */
struct modbus_wire {
    int64_t baud;      /* 0: TCP, where they take no time and there is no gap */
    int64_t char_bits; /* start, 8 data, parity, stop */
};

/* Counts since the start. */
struct modbus_bus_counts {
    int64_t answered; /* refusals too */
    int64_t refused;
    int64_t silent;
    int64_t wrong;
    int64_t late; /* not sent: the deadline was over */
    int64_t slowest_us;
};

struct modbus_bus_unit {
    struct modbus_unit unit;
    uint8_t address;
    struct modbus_timing timing;
    unsigned failures; /* in a row */
    unsigned heard;    /* it answered wrongly: tries in which it may be silent until it counts as dead */
    int64_t retry_ms;
    int64_t retry_us;                /* no polls before */
    int64_t rest_us;                 /* nothing before */
    int64_t served_us;               /* when it was asked last */
    char reason[DRIVER_REASON_SIZE]; /* why it is not up, "": it was not tried yet */
    struct modbus_bus_counts counts;
};

enum modbus_bus_state {
    MODBUS_BUS_CLOSED,
    MODBUS_BUS_OPENING,
    MODBUS_BUS_FREE,
    MODBUS_BUS_BUSY, /* a request is under way */
};

struct modbus_bus {
    struct modbus_wire wire;
    enum modbus_bus_state state;
    size_t count;
    struct modbus_bus_unit units[MODBUS_UNITS_MAX];
    size_t asked; /* BUSY: index */
    struct modbus_request request;
    const char *heard; /* BUSY: what came that is not the answer, or not yet; NULL: nothing */
    int64_t begun_us;
    int64_t expires_us; /* BUSY, OPENING */
    int64_t quiet_us;   /* the next frame may begin */
    int64_t retry_ms;   /* of opening */
    int64_t retry_us;
    unsigned failures; /* in a row, of any unit */
    bool spoilt;       /* the connection is to be thrown away */
    int64_t opened;
};

/* What the caller is to do now. */
enum modbus_bus_step {
    MODBUS_BUS_WAIT,  /* nothing, until modbus_bus_due_us() or something comes */
    MODBUS_BUS_OPEN,  /* open the line; modbus_bus_opened() follows */
    MODBUS_BUS_SEND,  /* send bus->request to bus->units[bus->asked]; modbus_bus_answered() may follow */
    MODBUS_BUS_CLOSE, /* throw the connection away */
};

void modbus_bus_init(struct modbus_bus *bus, struct modbus_wire wire);

/* The bus owns unit.self from now on. */
void modbus_bus_add(struct modbus_bus *bus, struct modbus_unit unit, uint8_t address,
                    const struct modbus_timing *timing);

/* Frees the units. */
void modbus_bus_finish(struct modbus_bus *bus);

/* Is to be asked again until it says WAIT, after whatever happened. */
enum modbus_bus_step modbus_bus_turn(struct modbus_bus *bus, int64_t now_us);

/* When it is to be asked although nothing happened; INT64_MAX: never. */
int64_t modbus_bus_due_us(const struct modbus_bus *bus, int64_t now_us);

/* The line is open; could not be opened, or broke. reason: for people. */
void modbus_bus_opened(struct modbus_bus *bus);
void modbus_bus_gone(struct modbus_bus *bus, const char *reason, int64_t now_us);

/* What became of the request that is under way: an answer, or it was not sent since its deadline was over. */
void modbus_bus_answered(struct modbus_bus *bus, const struct modbus_frame *frame, int64_t now_us);
void modbus_bus_late(struct modbus_bus *bus, int64_t now_us);

/* Something came instead, why says what is wrong with it. The answer may still come. */
void modbus_bus_heard(struct modbus_bus *bus, const char *why);

/* Whether a unit can be used: it is not down by its own account. */
bool modbus_bus_is_up(const struct modbus_bus_unit *unit);

/* How it is, with the reason unless it is up: DEGRADED also if it cannot be used, but answers. "": was not
 * tried yet. */
enum driver_health modbus_bus_health(const struct modbus_bus_unit *unit, const char **ret_reason);

/* Gives a command to a unit, or refuses it if the unit is not up. Answers by voice. What a refused command
 * lets go is not held again when the unit is up. */
void modbus_bus_command(struct modbus_bus *bus, size_t index, const struct driver_command *command,
                        const struct modbus_voice *voice, int64_t now_us);

/* How long it takes to send so many bytes, and how long a line is silent between frames (Modbus over Serial
 * Line V1.02, 2.5.1.1: 3.5 characters, 1.75 ms above 19200 baud). */
int64_t modbus_bus_bytes_us(const struct modbus_wire *wire, size_t count);
int64_t modbus_bus_gap_us(const struct modbus_wire *wire);
