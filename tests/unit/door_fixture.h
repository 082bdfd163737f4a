/* SPDX-License-Identifier: GPL-3.0-or-later */
/* door_fixture.h: a world with a few doors, in which time goes on by seconds; what it tells is written into
 * one line of words, and what it keeps survives a restart. Inline, because not every test file needs all. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "gateway/core/sense.h"
#include "gateway/simulate/simulate_policy.h"

#define KEPT_MAX 64

struct kept {
    char key[128];
    char value[512];
};

struct fixture {
    struct simulate_items items;
    struct policy *policy;
    struct world *world;
    struct text told;
    struct kept kept[KEPT_MAX];
    size_t kept_count;
    uint32_t door; /* that the calls below are about */
    struct timestamp now;
};

/* What is written with ' for ". */
static inline struct json_object *object_of(const char *line)
{
    struct json_object *object = NULL;
    struct json_error error;
    char copy[512];

    snprintf(copy, sizeof(copy), "%s", line);
    for (char *quote = copy; (quote = strchr(quote, '\''));)
        *quote = '"';
    assert_int_equal(json_parse(copy, strlen(copy), &object, &error), 0);
    return object;
}

static inline void put_item(struct fixture *f, const char *line)
{
    cleanup_with(json_putp) struct json_object *object = object_of(line);
    struct json_error error;

    assert_int_equal(simulate_items_put(&f->items, object, true, &error), 0);
}

static inline void delete_item(struct fixture *f, const char *line)
{
    cleanup_with(json_putp) struct json_object *object = object_of(line);
    struct json_error error;

    assert_int_equal(simulate_items_delete(&f->items, object, &error), 0);
}

static inline void keep(void *user, const char *key, const char *value)
{
    struct fixture *f = user;
    size_t i = 0;

    while (i < f->kept_count && strcmp(f->kept[i].key, key) != 0)
        i++;
    assert_true(i < KEPT_MAX);
    if (i == f->kept_count)
        snprintf(f->kept[f->kept_count++].key, sizeof(f->kept[i].key), "%s", key);
    snprintf(f->kept[i].value, sizeof(f->kept[i].value), "%s", value ? value : "");
}

static inline void tell(void *user, const struct world_notice *notice)
{
    struct text *told = &((struct fixture *)user)->told;

    switch (notice->kind) {
    case WORLD_ALARM:
        text_addf(told, "%c%s%s ", notice->on ? '+' : '-', door_alarm_name(notice->alarm),
                  notice->unsaid ? "!" : "");
        break;
    case WORLD_HELD_SOON:
        text_add(told, "soon ");
        break;
    case WORLD_RELOCKED:
        text_add(told, "relock ");
        break;
    case WORLD_TAILGATED:
        text_addf(told, "tailgate:%d ", (int)notice->count);
        break;
    case WORLD_PASSED:
        text_add(told, notice->grant ? "passed " : "stranger ");
        break;
    case WORLD_NOT_PASSED:
    case WORLD_MODE:
    case WORLD_FORGIVEN:
    case WORLD_LOCKED_OUT:
        break;
    }
}

static inline struct world *new_world(struct fixture *f)
{
    const struct world_hooks hooks = { .user = f, .effect = keep, .notice = tell };
    struct world *world = NULL;

    assert_int_equal(world_new(f->policy, "aaaaaaaa-0000-4000-8000-000000000000", &hooks, &world), 0);
    return world;
}

static inline int setup_doors(void **state, const char *const items[], size_t count)
{
    struct fixture *f = calloc(1, sizeof(*f));

    for (size_t i = 0; i < count; i++)
        put_item(f, items[i]);
    assert_int_equal(simulate_items_compile(&f->items, &f->policy), 0);
    f->world = new_world(f);
    f->now = (struct timestamp){ .boot_us = 1000 * USEC_PER_SEC,
                                 .utc_us = INT64_C(1772445600) * USEC_PER_SEC,
                                 .clock = CLOCK_STATE_SYNCED };
    *state = f;
    return 0;
}

static inline int teardown(void **state)
{
    struct fixture *f = *state;

    world_free(f->world);
    policy_free(f->policy);
    simulate_items_finish(&f->items);
    text_finish(&f->told);
    free(f);
    return 0;
}

static inline void at_door(struct fixture *f, const char *id)
{
    f->door = policy_find(f->policy, ITEM_DOOR, id);
    assert_int_not_equal(f->door, POLICY_NONE);
}

/* Goes on so many seconds, calling whenever something is due, as the gateway does. */
static inline void wait_for(struct fixture *f, double seconds)
{
    int64_t end_us = f->now.boot_us + (int64_t)(seconds * USEC_PER_SEC);

    for (int64_t due_us; f->now.boot_us < end_us;) {
        due_us = world_due(f->world, &f->now);
        if (due_us <= f->now.boot_us)
            due_us = f->now.boot_us + 1;
        due_us = due_us < end_us ? due_us : end_us;
        f->now.utc_us += due_us - f->now.boot_us;
        f->now.boot_us = due_us;
        assert_int_equal(world_advance(f->world, &f->now), 0);
    }
}

static inline int input_at(struct fixture *f, const char *reader, enum world_input input, bool value)
{
    const struct world_sensed sensed = { .input = input, .value = value, .reader = reader };

    return world_input(f->world, f->door, &sensed, &f->now);
}

/* At the target. */
static inline int input(struct fixture *f, enum world_input input, bool value)
{
    return input_at(f, NULL, input, value);
}

static inline int lock_says(struct fixture *f, enum door_lock lock)
{
    return world_lock(f->world, f->door, lock, &f->now);
}

static inline void release(struct fixture *f, int64_t pulse_ms, bool extended)
{
    assert_int_equal(world_released(f->world, f->door, pulse_ms, extended, &f->now), 0);
}

static inline void set_mode(struct fixture *f, enum door_mode mode)
{
    assert_int_equal(world_mode(f->world, f->door, mode, INT64_MAX, &f->now), 0);
}

/* The gateway is started again, in the same boot. */
static inline void restart(struct fixture *f)
{
    world_free(f->world);
    f->world = new_world(f);
    for (size_t i = f->kept_count; i-- > 0;)
        if (f->kept[i].value[0])
            assert_int_equal(world_restore(f->world, f->kept[i].key, f->kept[i].value), 0);
    assert_int_equal(world_advance(f->world, &f->now), 0);
}

static inline bool alarm_on(const struct fixture *f, enum door_alarm alarm)
{
    int64_t since_us;

    return world_door_alarm(f->world, f->door, alarm, &since_us);
}

/* What was told since the last time. */
static inline void assert_told(struct fixture *f, const char *told)
{
    assert_string_equal(text_string(&f->told), told);
    text_reset(&f->told);
}

static inline enum door_command command(const struct fixture *f)
{
    return world_door_command(f->world, f->door, &f->now);
}

/* The door is known to be shut, and nobody was told anything. */
static inline struct fixture *shut(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(input(f, WORLD_INPUT_CONTACT, false), 1);
    assert_told(f, "");
    return f;
}
