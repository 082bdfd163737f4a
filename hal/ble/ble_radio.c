/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ble_radio.c: there is no queue: who waits, for how long and how urgently is what the links' states say, so
 * a link that stops waiting is simply not found any more. */
#include "hal/ble/ble_radio.h"

#include <assert.h>

#include "gateway/base/clock.h"

#define LINGER_MS 3000

void ble_radio_init(struct ble_radio *radio, size_t connections)
{
    *radio = (struct ble_radio){ .connections = connections };
}

void ble_radio_add(struct ble_radio *radio, struct ble_link *link)
{
    assert(radio->count < BLE_RADIO_LINKS_MAX);
    radio->links[radio->count++] = link;
}

static struct ble_link *find_connecting(const struct ble_radio *radio)
{
    for (size_t i = 0; i < radio->count; i++)
        if (radio->links[i]->state == BLE_LINK_CONNECTING)
            return radio->links[i];
    return NULL;
}

bool ble_radio_is_connecting(const struct ble_radio *radio)
{
    return find_connecting(radio) != NULL;
}

/* A link that connects has a descriptor as well, and gives it up before another one connects. */
static bool is_connected(const struct ble_link *link)
{
    return link->fd >= 0 && link->state != BLE_LINK_CONNECTING;
}

static size_t count_connections(const struct ble_radio *radio)
{
    size_t count = 0;

    for (size_t i = 0; i < radio->count; i++)
        count += is_connected(radio->links[i]);
    return count;
}

/* Who makes room: the link that was used longest ago, of those that are asked for less than `next` is; NULL:
 * nobody. */
static struct ble_link *find_yielding(const struct ble_radio *radio, const struct ble_link *next)
{
    struct ble_link *found = NULL;

    for (size_t i = 0; i < radio->count; i++) {
        struct ble_link *link = radio->links[i];

        if (is_connected(link) && link->wanted < next->wanted && (!found || link->used_us < found->used_us))
            found = link;
    }
    return found;
}

static bool is_full(const struct ble_radio *radio)
{
    return count_connections(radio) >= radio->connections;
}

/* Who has waited longest with this urgency, of those for whom there is room: who has none must hold up
 * nobody. NULL: nobody. */
static struct ble_link *find_waiting(const struct ble_radio *radio, enum ble_link_urgency urgency)
{
    struct ble_link *found = NULL;
    bool full = is_full(radio);

    for (size_t i = 0; i < radio->count; i++) {
        struct ble_link *link = radio->links[i];

        if (link->state == BLE_LINK_WAITING && ble_link_urgency(link) == urgency &&
            (!found || link->since_us < found->since_us) && (!full || find_yielding(radio, link)))
            found = link;
    }
    return found;
}

/* Whose turn it is; NULL: nobody waits. */
static struct ble_link *choose(const struct ble_radio *radio)
{
    struct ble_link *person = find_waiting(radio, BLE_LINK_PERSON);
    struct ble_link *other = find_waiting(radio, BLE_LINK_BACKGROUND);

    return person && (!other || radio->ahead < BLE_RADIO_AHEAD_MAX) ? person : other;
}

static int64_t slice_over_us(const struct ble_link *connecting)
{
    return connecting->since_us + BLE_RADIO_SLICE_MS * USEC_PER_MSEC;
}

/* Only a person makes somebody else give up. */
static bool must_yield(const struct ble_radio *radio, const struct ble_link *connecting, int64_t now_us)
{
    if (!find_waiting(radio, BLE_LINK_PERSON))
        return false;
    return connecting->wanted == BLE_LINK_PERSON ? now_us >= slice_over_us(connecting) : !radio->guarded;
}

/* Whether the controller has no connections but ours: it may have one that has ended for a while longer. */
static bool has_settled(const struct ble_radio *radio, const struct ble_link *except, int64_t now_us)
{
    for (size_t i = 0; i < radio->count; i++) {
        const struct ble_link *link = radio->links[i];

        if (link != except && now_us - link->closed_us < LINGER_MS * USEC_PER_MSEC)
            return false;
    }
    return true;
}

/* Controllers differ, and do not say before how many they hold. */
static void learn(struct ble_radio *radio, int64_t now_us)
{
    size_t connections = count_connections(radio);

    for (size_t i = 0; i < radio->count; i++) {
        struct ble_link *link = radio->links[i];

        if (link->crowded_out && connections > 0 && connections < radio->connections &&
            has_settled(radio, link, now_us))
            radio->connections = connections;
        link->crowded_out = false;
    }
}

bool ble_radio_turn(struct ble_radio *radio, int64_t now_us)
{
    struct ble_link *connecting = find_connecting(radio);

    if (connecting) {
        if (!must_yield(radio, connecting, now_us))
            return false;
        ble_link_yield(connecting, now_us);
    }
    learn(radio, now_us);
    struct ble_link *next = choose(radio);

    if (!next)
        return connecting != NULL;
    if (is_full(radio))
        ble_link_let_go(find_yielding(radio, next), now_us);
    bool person = next->wanted == BLE_LINK_PERSON;

    radio->guarded = !person && radio->ahead >= BLE_RADIO_AHEAD_MAX;
    radio->ahead = person && find_waiting(radio, BLE_LINK_BACKGROUND) ? radio->ahead + 1 : 0;
    ble_link_connect(next, now_us);
    return true;
}

int64_t ble_radio_due_us(const struct ble_radio *radio)
{
    const struct ble_link *connecting = find_connecting(radio);
    bool contested =
        connecting && connecting->wanted == BLE_LINK_PERSON && find_waiting(radio, BLE_LINK_PERSON);

    return contested ? slice_over_us(connecting) : INT64_MAX;
}
