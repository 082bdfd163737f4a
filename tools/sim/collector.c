/* SPDX-License-Identifier: GPL-3.0-or-later */
/* collector.c: the registers are the state; what they cannot hold (times, people) stands beside them. */
#include "tools/sim/collector.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "gateway/base/clock.h"

#define IDENTITY      0x5354
#define PULSE_DEFAULT 30
#define PULSE_UNIT_MS 100
#define COIL_ON       0xff00
#define COIL_OFF      0x0000

enum { INPUT_IDENTITY, INPUT_STARTS, INPUT_CARD, INPUT_PASSAGES = 4, INPUT_SLOT = 16 };
enum { HOLDING_ACK, HOLDING_PULSE = 2, HOLDING_TEXT = 16 };
enum { DISCRETE_TIMED_OUT, DISCRETE_TAMPER = 2, DISCRETE_FIRE };

#define SLOT_WORDS 16

static const char *const side_names[COLLECTOR_SIDES] = { "in", "out" };

__attribute__((format(printf, 3, 4))) static void note(struct collector *collector, int64_t now_us,
                                                       const char *format, ...)
{
    char line[COLLECTOR_NOTE_SIZE];
    va_list args;

    va_start(args, format);
    vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    collector->note(collector->userdata, now_us, line);
}

static void clear(struct collector *collector)
{
    uint16_t starts = collector->inputs[INPUT_STARTS];

    memset(collector->sides, 0, sizeof(collector->sides));
    memset(collector->inputs, 0, sizeof(collector->inputs));
    memset(collector->holdings, 0, sizeof(collector->holdings));
    memset(collector->coils, 0, sizeof(collector->coils));
    memset(collector->discretes, 0, sizeof(collector->discretes));
    collector->inputs[INPUT_IDENTITY] = IDENTITY;
    collector->inputs[INPUT_STARTS] = (uint16_t)(starts + 1);
    for (size_t side = 0; side < COLLECTOR_SIDES; side++)
        collector->holdings[HOLDING_PULSE + side] = PULSE_DEFAULT;
}

void collector_init(struct collector *collector, int64_t auto_pass_ms,
                    void (*note_fn)(void *userdata, int64_t now_us, const char *line), void *userdata)
{
    *collector = (struct collector){ .auto_pass_ms = auto_pass_ms, .note = note_fn, .userdata = userdata };
    clear(collector);
}

void collector_restart(struct collector *collector, int64_t now_us)
{
    clear(collector);
    note(collector, now_us, "restarted");
}

static void lock(struct collector *collector, size_t side)
{
    collector->sides[side].releases = 0;
    collector->sides[side].pass_us = 0;
    collector->coils[side] = 0;
}

static void time_out(struct collector *collector, int64_t now_us, size_t side, const char *why)
{
    lock(collector, side);
    collector->sides[side].person = COLLECTOR_PERSON_USUAL;
    collector->discretes[DISCRETE_TIMED_OUT + side] = 1;
    note(collector, now_us, "%s: %s, locked", side_names[side], why);
}

static void release(struct collector *collector, int64_t now_us, size_t side)
{
    struct collector_side *state = &collector->sides[side];
    int64_t pulse_ms = (int64_t)collector->holdings[HOLDING_PULSE + side] * PULSE_UNIT_MS;

    state->releases++;
    state->until_us = now_us + pulse_ms * USEC_PER_MSEC;
    collector->coils[side] = 1;
    collector->discretes[DISCRETE_TIMED_OUT + side] = 0;
    note(collector, now_us, "%s: released for %" PRId64 " ms", side_names[side], pulse_ms);
    if (state->person == COLLECTOR_PERSON_TURNS_BACK)
        time_out(collector, now_us, side, "turned back");
    else if (state->person == COLLECTOR_PERSON_USUAL && collector->auto_pass_ms >= 0 && state->pass_us == 0)
        state->pass_us = now_us + collector->auto_pass_ms * USEC_PER_MSEC;
}

int collector_write_coil(struct collector *collector, int64_t now_us, unsigned address, uint16_t value)
{
    if (address >= COLLECTOR_SIDES || (value != COIL_ON && value != COIL_OFF))
        return -EINVAL;
    note(collector, now_us, "coil %u written %04x", address, value);
    if (value == COIL_ON)
        release(collector, now_us, address);
    else
        lock(collector, address);
    return 0;
}

int collector_write_holding(struct collector *collector, int64_t now_us, unsigned address, uint16_t value)
{
    if (address >= COLLECTOR_HOLDINGS)
        return -EINVAL;
    collector->holdings[address] = value;
    size_t side = address - HOLDING_ACK;

    if (side < COLLECTOR_SIDES && value != 0 && value == collector->inputs[INPUT_CARD + side]) {
        collector->inputs[INPUT_CARD + side] = 0;
        note(collector, now_us, "%s: card %u acknowledged", side_names[side], value);
    }
    return 0;
}

/* The display's ISO 8859-1 as UTF-8, without the spaces at its end. */
static void read_display(const uint16_t words[], char ret_text[static 2 * COLLECTOR_TEXT_BYTES + 1])
{
    size_t len = 0, end = 0;

    for (size_t i = 0; i < COLLECTOR_TEXT_BYTES; i++) {
        uint8_t c = (uint8_t)(i % 2 == 0 ? words[i / 2] >> 8 : words[i / 2]);

        if (c >= 0x80)
            ret_text[len++] = (char)(0xc0 | c >> 6);
        ret_text[len++] = (char)(c >= 0x80 ? 0x80 | (c & 0x3f) : c);
        if (c != ' ' && c != '\0')
            end = len;
    }
    ret_text[end] = '\0';
}

void collector_note_display(struct collector *collector, int64_t now_us, size_t side)
{
    char text[2 * COLLECTOR_TEXT_BYTES + 1];

    read_display(&collector->holdings[HOLDING_TEXT + side * SLOT_WORDS], text);
    note(collector, now_us, "%s: display \"%s\"", side_names[side], text);
}

static int64_t next_time(const struct collector_side *state)
{
    if (state->releases == 0)
        return INT64_MAX;
    return state->pass_us != 0 && state->pass_us < state->until_us ? state->pass_us : state->until_us;
}

int64_t collector_turn(struct collector *collector, int64_t now_us)
{
    int64_t next_us = INT64_MAX;

    for (size_t side = 0; side < COLLECTOR_SIDES; side++) {
        struct collector_side *state = &collector->sides[side];
        int64_t at_us = next_time(state);

        if (at_us <= now_us && at_us == state->pass_us)
            (void)!collector_pass(collector, now_us, side);
        else if (at_us <= now_us)
            time_out(collector, now_us, side, "nobody passed");
        at_us = next_time(state);
        if (at_us < next_us)
            next_us = at_us;
    }
    return next_us;
}

int collector_present(struct collector *collector, int64_t now_us, size_t side, const uint8_t *card,
                      size_t len)
{
    uint16_t *slot = &collector->inputs[INPUT_SLOT + side * SLOT_WORDS];
    struct collector_side *state = &collector->sides[side];

    assert(side < COLLECTOR_SIDES && len <= COLLECTOR_CARD_BYTES_MAX);
    if (collector->inputs[INPUT_CARD + side] != 0)
        return -EBUSY;
    state->last_card = state->last_card == UINT16_MAX ? 1 : (uint16_t)(state->last_card + 1);
    memset(slot, 0, SLOT_WORDS * sizeof(slot[0]));
    slot[0] = (uint16_t)len;
    for (size_t i = 0; i < len; i++)
        slot[1 + i / 2] = (uint16_t)(slot[1 + i / 2] | card[i] << (i % 2 == 0 ? 8 : 0));
    collector->inputs[INPUT_CARD + side] = state->last_card;
    note(collector, now_us, "%s: card %u presented", side_names[side], state->last_card);
    return 0;
}

int collector_pass(struct collector *collector, int64_t now_us, size_t side)
{
    struct collector_side *state = &collector->sides[side];
    uint16_t *passages = &collector->inputs[INPUT_PASSAGES + 2 * side];
    bool free_way = collector->discretes[DISCRETE_FIRE];

    if (state->releases == 0 && !free_way)
        return -EBUSY;
    if (++passages[1] == 0)
        passages[0]++;
    state->pass_us = 0;
    if (state->releases > 0 && --state->releases == 0)
        lock(collector, side);
    else if (state->releases > 0 && collector->auto_pass_ms >= 0)
        state->pass_us = now_us + collector->auto_pass_ms * USEC_PER_MSEC;
    note(collector, now_us, "%s: passed, %" PRIu32 " so far", side_names[side],
         (uint32_t)passages[0] << 16 | passages[1]);
    return 0;
}

void collector_hesitate(struct collector *collector, int64_t now_us, size_t side)
{
    collector->sides[side].person = COLLECTOR_PERSON_HESITATES;
    collector->sides[side].pass_us = 0;
    note(collector, now_us, "%s: a person hesitates", side_names[side]);
}

void collector_turn_back(struct collector *collector, int64_t now_us, size_t side)
{
    if (collector->sides[side].releases > 0)
        time_out(collector, now_us, side, "turned back");
    else
        collector->sides[side].person = COLLECTOR_PERSON_TURNS_BACK;
}

static void set_discrete(struct collector *collector, int64_t now_us, unsigned address, const char *name,
                         bool on)
{
    collector->discretes[address] = on;
    note(collector, now_us, "%s %s", name, on ? "on" : "off");
}

void collector_set_tamper(struct collector *collector, int64_t now_us, bool on)
{
    set_discrete(collector, now_us, DISCRETE_TAMPER, "tamper", on);
}

void collector_set_fire(struct collector *collector, int64_t now_us, bool on)
{
    set_discrete(collector, now_us, DISCRETE_FIRE, "fire", on);
}
