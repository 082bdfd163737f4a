/* SPDX-License-Identifier: GPL-3.0-or-later */
/* big_policy.h: a policy of as many credentials as one likes, half as many users, 2,000 rules, 200 points and
 * 64 schedules, made without a database; and beside it the floor, a bare table of hashes. */
#pragma once

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "gateway/base/pages.h"
#include "gateway/core/policy.h"

#define RULES     2000
#define POINTS    200
#define SCHEDULES 64
#define TAGS      100

static inline int64_t now_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * INT64_C(1000000000) + ts.tv_nsec;
}

/* splitmix64: a number's bits, well mixed. */
static inline uint64_t mix(uint64_t x)
{
    x += UINT64_C(0x9E3779B97F4A7C15);
    x = (x ^ x >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    x = (x ^ x >> 27) * UINT64_C(0x94D049BB133111EB);
    return x ^ x >> 31;
}

/* What the keyed hash of credential i would be: any bytes, as long as they are evenly spread. */
static inline void hash_of(uint32_t i, uint8_t ret[static CREDENTIAL_HASH_BYTES])
{
    const uint64_t words[2] = { mix(i), mix(UINT64_C(1) << 40 | i) };

    memcpy(ret, words, CREDENTIAL_HASH_BYTES);
}

static inline int no_zone(void *user, const char *name, char **ret_bytes, size_t *ret_len)
{
    return -ENOENT;
}

/* What is built, and the time spent in the builder. */
struct work {
    struct policy_builder *builder;
    int64_t ns;
};

__attribute__((format(printf, 3, 4))) static inline void add(struct work *work, enum item_kind kind,
                                                             const char *format, ...)
{
    char json[512];
    va_list args;

    va_start(args, format);
    vsnprintf(json, sizeof(json), format, args);
    va_end(args);
    struct json_object *item = NULL;
    struct json_error error;

    if (json_parse(json, strlen(json), &item, &error) < 0)
        abort();
    int64_t begin = now_ns();

    if (policy_builder_add(work->builder, kind, item, json, strlen(json), &error) < 0)
        abort();
    work->ns += now_ns() - begin;
    json_object_put(item);
}

static inline void add_places(struct work *work)
{
    add(work, ITEM_DEVICE, "{\"id\":\"unit\",\"driver\":\"sim\",\"targets\":[\"t\"]}");
    for (int i = 0; i < TAGS; i++)
        add(work, ITEM_TAG, "{\"id\":\"tag%d\"}", i);
    for (int i = 0; i < SCHEDULES; i++)
        add(work, ITEM_SCHEDULE,
            "{\"id\":\"hours%d\",\"windows\":[{\"days\":[\"mon\",\"tue\",\"wed\"],\"from\":\"%02d:00\","
            "\"to\":\"22:00\"}]}",
            i, i % 20);
    for (int i = 0; i < POINTS; i++) {
        add(work, ITEM_DOOR, "{\"id\":\"door%d\",\"kind\":\"turnstile\",\"target\":\"t\"}", i);
        add(work, ITEM_ACCESS_POINT, "{\"id\":\"point%d\",\"door\":\"door%d\",\"direction\":\"entry\"}", i,
            i);
    }
    for (int i = 0; i < RULES; i++)
        add(work, ITEM_RULE,
            "{\"id\":\"rule%d\",\"tags\":[\"tag%d\"],\"points\":[\"point%d\",\"point%d\"],\"schedule\":"
            "\"hours%d\"}",
            i, i % TAGS, i % POINTS, i * 7 % POINTS, i % SCHEDULES);
}

static inline void add_people(struct work *work, uint32_t count)
{
    for (uint32_t i = 0; i < count / 2; i++)
        add(work, ITEM_USER,
            "{\"id\":\"user%07u\",\"name\":\"Ada Lovelace %u\",\"tags\":[\"tag%u\",\"tag%u\"],\"valid_from\":"
            "\"2026-01-%02u\"}",
            i, i, i % TAGS, i * 3 % TAGS, 1 + i % 28);
    for (uint32_t i = 0; i < count; i++) {
        uint8_t hash[CREDENTIAL_HASH_BYTES];
        char sealed[B64_SIZE(CREDENTIAL_HASH_BYTES)];

        hash_of(i, hash);
        b64_encode(hash, sizeof(hash), sealed);
        add(work, ITEM_CREDENTIAL,
            "{\"id\":\"credential%07u\",\"user\":\"user%07u\",\"type\":\"card\",\"sealed\":\"%s\"}", i, i / 2,
            sealed);
    }
}

static inline struct policy *build(uint32_t count, int64_t *ret_ns)
{
    struct work work = { 0 };
    struct policy *policy = NULL;

    if (policy_builder_new(no_zone, NULL, &work.builder) < 0)
        abort();
    add_places(&work);
    add_people(&work, count);
    int64_t begin = now_ns();

    if (policy_builder_finish(work.builder, &policy) < 0)
        abort();
    policy_builder_free(work.builder);
    *ret_ns = work.ns + now_ns() - begin;
    return policy;
}

/* Nothing but hashes: where a credential stands by the bits of its hash, or behind. */
struct bare {
    struct slot {
        uint8_t hash[CREDENTIAL_HASH_BYTES];
        uint32_t credential; /* POLICY_NONE: free */
    } * slots;
    uint32_t mask;
};

static inline struct slot *bare_slot(const struct bare *bare,
                                     const uint8_t hash[static CREDENTIAL_HASH_BYTES])
{
    uint32_t at;

    memcpy(&at, hash, sizeof(at));
    for (at &= bare->mask; bare->slots[at].credential != POLICY_NONE; at = (at + 1) & bare->mask)
        if (memcmp(bare->slots[at].hash, hash, CREDENTIAL_HASH_BYTES) == 0)
            break;
    return &bare->slots[at];
}

static inline struct bare make_bare(uint32_t count)
{
    struct bare bare = { .mask = 1 };

    while (bare.mask < count / 2 * 3)
        bare.mask = bare.mask << 1 | 1;
    bare.slots = pages_alloc(((size_t)bare.mask + 1) * sizeof(*bare.slots));
    if (!bare.slots)
        abort();
    memset(bare.slots, 0xff, ((size_t)bare.mask + 1) * sizeof(*bare.slots));
    for (uint32_t i = 0; i < count; i++) {
        uint8_t hash[CREDENTIAL_HASH_BYTES];

        hash_of(i, hash);
        struct slot *slot = bare_slot(&bare, hash);

        memcpy(slot->hash, hash, sizeof(hash));
        slot->credential = i;
    }
    return bare;
}

static inline int compare_ns(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a;
    int64_t y = *(const int64_t *)b;

    return x < y ? -1 : x > y;
}
