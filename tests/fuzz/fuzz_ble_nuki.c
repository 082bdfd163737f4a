/* SPDX-License-Identifier: GPL-3.0-or-later */
/* fuzz_ble_nuki.c: a hostile lock, an unreliable link and a busy driver against ble_nuki. The input is a list
 * of moves of two bytes, with what they bring behind them. What must hold whatever comes: nothing that acts
 * is written once the deadline is over; each command has one end, after at most one `accepted`; a state or a
 * record is only told while a message is brought that was made with the lock's key; after a wish to drop the
 * link nothing is heard. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "hal/ble/ble_nuki.h"
#include "proto/nuki_frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define DEADLINE_MS 5000
#define TICK_MS     100
#define SECRET      41
#define PIN         1234

enum move { MOVE_BEGIN, MOVE_RAW, MOVE_SEALED, MOVE_PLAIN, MOVE_WRITTEN, MOVE_CLOSE, MOVE_WAIT, MOVE_AGAIN };

static const struct nuki_access access_ = { .auth_id = 2, .key = { 1, 2, 3 } };

struct world {
    void *nuki;
    struct ble_now now;
    struct ble_command command;
    bool busy;      /* a command is begun and not ended */
    bool accepted;  /* and was accepted */
    bool writing;   /* a value is not confirmed */
    bool dropped;   /* the link is to be closed */
    bool authentic; /* what is being brought was made with the lock's key */
    uint8_t nonce;  /* of the next sealed frame */
    uint8_t random;
};

static void on_write(void *userdata, unsigned channel, const uint8_t bytes[], size_t len)
{
    struct world *world = userdata;
    struct nuki_message message;

    assert(!world->writing && world->busy && len <= BLE_VALUE_MAX);
    assert(channel == ble_nuki.channel(world->command.kind));
    world->writing = true;
    if (world->command.kind == BLE_COMMAND_PAIR || nuki_frame_open(&access_, bytes, len, &message) != 0)
        return;
    assert(message.command == NUKI_COMMAND_REQUEST_DATA || world->now.us < world->command.deadline_us ||
           message.command == NUKI_COMMAND_REQUEST_LOG_ENTRIES);
}

static void on_state(void *userdata, const struct ble_state *state)
{
    struct world *world = userdata;

    assert(world->authentic && world->busy && state->trigger);
}

static void on_result(void *userdata, const struct ble_result *result)
{
    struct world *world = userdata;
    bool ends = result->outcome != DRIVER_OUTCOME_ACCEPTED;

    assert(world->busy && (ends || !world->accepted));
    assert(!result->again || !world->accepted);
    world->accepted = !ends;
    world->busy = !ends;
}

static void on_progress(void *userdata, const char *text)
{
    assert(text[0] != '\0');
}

static void on_record(void *userdata, const struct ble_record *record)
{
    struct world *world = userdata;

    assert(world->authentic && world->busy && record->index > world->command.after);
}

static int on_keep(void *userdata, const uint8_t secret[], size_t len)
{
    assert(len <= BLE_SECRET_MAX);
    return -1; /* else the fuzzer would lose the key that it knows */
}

static void on_refused(void *userdata, const char *reason)
{
    struct world *world = userdata;

    assert(!world->dropped && reason);
}

static void on_drop(void *userdata, const char *reason)
{
    struct world *world = userdata;

    assert(!world->dropped);
    world->dropped = true;
}

static void on_random(void *userdata, void *ret_bytes, size_t len)
{
    struct world *world = userdata;

    memset(ret_bytes, ++world->random, len);
}

static void begin(struct world *world, uint8_t what)
{
    if (world->busy || world->dropped)
        return;
    world->command = (struct ble_command){ .kind = (enum ble_command_kind)(what % (BLE_COMMAND_CLOCK + 1)),
                                           .deadline_us = world->now.us + DEADLINE_MS * 1000,
                                           .after = what >> 4 };
    world->busy = true;
    world->accepted = false;
    ble_nuki.begin(world->nuki, &world->command, &world->now);
}

/* A frame of the lock's around these bytes of command and payload; again: with the last nonce. */
static void bring_sealed(struct world *world, const uint8_t *data, size_t len, bool again)
{
    uint8_t inner[NUKI_FRAME_INNER_MAX] = { 2 }, bytes[NUKI_FRAME_MAX];
    uint8_t nonce[NUKI_FRAME_NONCE_BYTES] = { 0xee, again ? world->nonce : ++world->nonce };

    memcpy(inner + 4, data, len);
    uint16_t crc = nuki_frame_crc(inner, 4 + len);

    inner[4 + len] = (uint8_t)crc;
    inner[5 + len] = (uint8_t)(crc >> 8);
    len = nuki_frame_box(&access_, nonce, inner, 6 + len, bytes);
    world->authentic = true;
    ble_nuki.value(world->nuki, ble_nuki.channel(BLE_COMMAND_STATES), bytes, len, &world->now);
    world->authentic = false;
}

static void bring_plain(struct world *world, const uint8_t *data, size_t len)
{
    uint8_t bytes[NUKI_FRAME_PLAIN_MAX];
    uint16_t crc = nuki_frame_crc(data, len);

    memcpy(bytes, data, len);
    bytes[len] = (uint8_t)crc;
    bytes[len + 1] = (uint8_t)(crc >> 8);
    ble_nuki.value(world->nuki, ble_nuki.channel(BLE_COMMAND_PAIR), bytes, len + 2, &world->now);
}

static void confirm(struct world *world, bool ok)
{
    if (!world->writing)
        return;
    world->writing = false;
    ble_nuki.written(world->nuki, ok, &world->now);
}

static void close_link(struct world *world)
{
    world->writing = false;
    world->dropped = false;
    ble_nuki.closed(world->nuki, &world->now);
    assert(!world->busy);
}

static void wait(struct world *world, uint8_t ticks)
{
    world->now.us += ticks * INT64_C(1000) * TICK_MS;
    ble_nuki.tick(world->nuki, &world->now);
    assert(world->busy == (ble_nuki.due_us(world->nuki) != INT64_MAX));
}

/* Makes the move that stands first; returns the bytes that it took. */
static size_t play(struct world *world, const uint8_t *data, size_t size)
{
    size_t len = size - 2 < data[1] ? size - 2 : data[1];
    const uint8_t *bytes = data + 2;

    if (len > 2 + NUKI_PAYLOAD_MAX)
        len = 2 + NUKI_PAYLOAD_MAX;
    switch ((enum move)(data[0] & 7)) {
    case MOVE_BEGIN:
        begin(world, data[1]);
        return 2;
    case MOVE_RAW:
        ble_nuki.value(world->nuki, data[0] >> 3 & 1, bytes, len, &world->now);
        return 2 + len;
    case MOVE_SEALED:
    case MOVE_AGAIN:
        bring_sealed(world, bytes, len, (data[0] & 7) == MOVE_AGAIN);
        return 2 + len;
    case MOVE_PLAIN:
        bring_plain(world, bytes, len);
        return 2 + len;
    case MOVE_WRITTEN:
        confirm(world, data[1] & 1);
        return 2;
    case MOVE_CLOSE:
        close_link(world);
        return 2;
    case MOVE_WAIT:
        wait(world, data[1]);
        return 2;
    }
    return 2;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t secret[SECRET] = { 1, 2, 0, 0, 0, 5, 0, 0, 0, 1, 2, 3 };
    const struct ble_identity identity = { .name = "x", .pin = PIN, .secret = secret, .secret_len = SECRET };
    struct world world = { .now = { .us = 1, .utc_s = 1795634400 } };
    const struct ble_port port = { on_write, on_state,   on_result, on_progress, on_record,
                                   on_keep,  on_refused, on_drop,   on_random,   &world };

    if (ble_nuki.create(&identity, &port, &world.nuki) != 0)
        return 0;
    for (size_t at = 0; at + 2 <= size;)
        at += play(&world, data + at, size - at);
    close_link(&world);
    ble_nuki.destroy(world.nuki);
    return 0;
}
