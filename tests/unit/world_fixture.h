/* SPDX-License-Identifier: GPL-3.0-or-later */
/* world_fixture.h: a small site with a world that keeps what must outlast it, so that it can be restarted.
 * The tests' seconds count from a Monday. Inline, because not every test file needs all of it. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "gateway/core/memory.h"
#include "gateway/simulate/simulate_policy.h"

#define BOOT_A "aaaaaaaa-0000-4000-8000-000000000000"
#define BOOT_B "bbbbbbbb-0000-4000-8000-000000000000"

/* 2026-03-02T10:00:00Z, a Monday: second 0 of the tests, at boot time T0_BOOT. */
#define T0_UTC  (INT64_C(1772445600) * USEC_PER_SEC)
#define T0_BOOT (INT64_C(1000) * USEC_PER_SEC)

#define KEPT_MAX    256
#define NOTICES_MAX 64
#define USERS       6

static const char *const items[] = {
    "{'kind':'device','item':{'id':'unit','driver':'sim','targets':['t1','t2','t3']}}",
    "{'kind':'tag','item':{'id':'member'}}",
    "{'kind':'schedule','item':{'id':'noon','windows':[{'days':['mon'],'from':'12:00','to':'13:00'}]}}",
    "{'kind':'area','item':{'id':'gym','anti_passback':'hard','capacity':3,'forgive_at':'04:00'}}",
    "{'kind':'area','item':{'id':'hall','anti_passback':'soft'}}",
    "{'kind':'door','item':{'id':'gate','kind':'turnstile','target':'t1'}}",
    "{'kind':'door','item':{'id':'front','kind':'door','target':'t2','min_interval_s':{'member':60}}}",
    "{'kind':'door','item':{'id':'shop','kind':'door','target':'t3','mode_schedules':"
    "[{'schedule':'noon','mode':'unlocked','first_person':'member'}]}}",
    "{'kind':'access_point','item':{'id':'gate.in','door':'gate','direction':'entry','from':'hall','to':'gym'"
    "}}",
    "{'kind':'access_point','item':{'id':'gate.out','door':'gate','direction':'exit','from':'gym','to':'hall'"
    "}}",
    "{'kind':'access_point','item':{'id':'front.in','door':'front','direction':'entry','to':'hall',"
    "'factors':[{'any':[['card'],['pin']]}]}}",
    "{'kind':'access_point','item':{'id':'shop.in','door':'shop','direction':'entry'}}",
    "{'kind':'rule','item':{'id':'r','tags':['member'],'doors':['gate','front','shop']}}",
    "{'kind':'credential','item':{'id':'twice','user':'u0','type':'plate','value':'TWICE','uses':2}}",
};

struct pair {
    char *key;
    char *value;
};

struct fixture {
    struct simulate_items items;
    struct policy *policy;
    struct world *world;
    struct pair kept[KEPT_MAX];
    size_t kept_count;
    struct world_notice notices[NOTICES_MAX];
    size_t notice_count;
    int64_t boot_offset_us; /* between the boot clock and the wall clock */
    enum clock_state clock;
};

__attribute__((format(printf, 2, 3))) static inline void put_item(struct fixture *f, const char *format, ...)
{
    cleanup_with(json_putp) struct json_object *object = NULL;
    struct json_error error;
    char line[512];
    va_list args;

    va_start(args, format);
    vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    for (char *quote = line; (quote = strchr(quote, '\''));)
        *quote = '"';
    assert_int_equal(json_parse(line, strlen(line), &object, &error), 0);
    assert_int_equal(simulate_items_put(&f->items, object, true, &error), 0);
}

static inline void keep(void *user, const char *key, const char *value)
{
    struct fixture *f = user;
    size_t i = 0;

    while (i < f->kept_count && strcmp(f->kept[i].key, key) != 0)
        i++;
    if (i == f->kept_count) {
        assert_true(f->kept_count < KEPT_MAX);
        f->kept[f->kept_count++].key = strdup(key);
    }
    free(f->kept[i].value);
    f->kept[i].value = value ? strdup(value) : NULL;
}

static inline void note(void *user, const struct world_notice *notice)
{
    struct fixture *f = user;

    f->notices[f->notice_count++ % NOTICES_MAX] = *notice;
}

static inline struct world *new_world(struct fixture *f, const char *boot_id)
{
    const struct world_hooks hooks = { .user = f, .effect = keep, .notice = note };
    struct world *world = NULL;

    assert_int_equal(world_new(f->policy, boot_id, &hooks, &world), 0);
    return world;
}

static inline int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    for (size_t i = 0; i < sizeof(items) / sizeof(items[0]); i++)
        put_item(f, "%s", items[i]);
    for (int i = 0; i < USERS; i++) {
        put_item(f, "{'kind':'user','item':{'id':'u%d','tags':['member']}}", i);
        put_item(f, "{'kind':'credential','item':{'id':'c%d','user':'u%d','type':'card','value':'0%d'}}", i,
                 i, i);
    }
    f->clock = CLOCK_STATE_SYNCED;
    f->boot_offset_us = T0_UTC - T0_BOOT;
    assert_int_equal(simulate_items_compile(&f->items, &f->policy), 0);
    f->world = new_world(f, BOOT_A);
    *state = f;
    return 0;
}

static inline int teardown(void **state)
{
    struct fixture *f = *state;

    world_free(f->world);
    policy_free(f->policy);
    simulate_items_finish(&f->items);
    for (size_t i = 0; i < f->kept_count; i++) {
        free(f->kept[i].key);
        free(f->kept[i].value);
    }
    free(f);
    return 0;
}

/* Ends the world and begins another with what was kept, last key first. */
static inline void restart(struct fixture *f, const char *boot_id)
{
    world_free(f->world);
    f->world = new_world(f, boot_id);
    for (size_t i = f->kept_count; i-- > 0;)
        if (f->kept[i].value)
            assert_int_equal(world_restore(f->world, f->kept[i].key, f->kept[i].value), 0);
}

/* A restart of the machine: its boot clock begins anew at that second of the tests. */
static inline void reboot(struct fixture *f, double second)
{
    restart(f, BOOT_B);
    f->boot_offset_us = T0_UTC + (int64_t)(second * USEC_PER_SEC);
}

static inline struct timestamp at(const struct fixture *f, double second)
{
    int64_t utc_us = T0_UTC + (int64_t)(second * USEC_PER_SEC);

    return (struct timestamp){ .boot_us = utc_us - f->boot_offset_us, .utc_us = utc_us, .clock = f->clock };
}

static inline struct verdict present(struct fixture *f, double second, const char *point,
                                     enum credential_type type, const char *value)
{
    struct presentation presentation = { .point = point, .type = type };
    struct timestamp now = at(f, second);
    struct verdict verdict;

    simulate_items_hash(type, value, presentation.hash);
    assert_int_equal(world_present(f->world, &presentation, &now, &verdict), 0);
    return verdict;
}

static inline enum reason tap(struct fixture *f, double second, const char *point, const char *card)
{
    return present(f, second, point, CREDENTIAL_CARD, card).reason;
}

static inline uint32_t door(const struct fixture *f, const char *id)
{
    return policy_find(f->policy, ITEM_DOOR, id);
}

static inline void pass(struct fixture *f, double second, enum direction direction)
{
    struct timestamp now = at(f, second);

    assert_int_equal(world_passage(f->world, door(f, "gate"), direction, 1, &now), 0);
}

static inline void advance(struct fixture *f, double second)
{
    struct timestamp now = at(f, second);

    assert_int_equal(world_advance(f->world, &now), 0);
}

static inline const struct world_notice *last_notice(const struct fixture *f)
{
    assert_true(f->notice_count > 0);
    return &f->notices[(f->notice_count - 1) % NOTICES_MAX];
}

static inline const char *area_of(const struct fixture *f, const char *user)
{
    return policy_id(f->policy, ITEM_AREA,
                     world_user_area(f->world, policy_find(f->policy, ITEM_USER, user)));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
