/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test_world_turn.c: turning to another policy. One world is prepared for each policy bit by bit while things
 * happen, another turns at once; they and what is counted from the beginning must agree all along. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "gateway/core/memory.h"
#include "gateway/simulate/simulate_policy.h"

#define BOOT "aaaaaaaa-0000-4000-8000-000000000000"

/* 2026-03-02T10:00:00Z */
#define T0_UTC (INT64_C(1772445600) * USEC_PER_SEC)

#define USERS 12
#define AREAS 3

enum { PREPARED, DIRECT, WORLDS };

struct fixture {
    struct simulate_items items;
    struct policy *policy;
    struct policy *next; /* NULL: none is coming */
    struct world *worlds[WORLDS];
    struct table kept; /* of the prepared world */
    uint64_t random;
    double second;
};

struct kept {
    struct table_node node;
    char *value;
};

/* A small generator, so that a failure comes again. */
static unsigned pick(struct fixture *f, unsigned count)
{
    f->random = f->random * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(f->random >> 33) % count;
}

static void __attribute__((format(printf, 3, 4)))
change(struct fixture *f, bool there, const char *format, ...)
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
    if (there)
        assert_int_equal(simulate_items_put(&f->items, object, true, &error), 0);
    else
        assert_int_equal(simulate_items_delete(&f->items, object, &error), 0);
}

/* Some of the users, some of the areas. */
static struct policy *random_policy(struct fixture *f)
{
    struct policy *policy = NULL;

    for (int i = 0; i < USERS; i++) {
        if (pick(f, 4) > 0)
            change(f, true, "{'kind':'user','item':{'id':'u%d','tags':['member']}}", i);
        else
            change(f, false, "{'kind':'user','id':'u%d'}", i);
    }
    for (int i = 0; i < AREAS; i++) {
        if (pick(f, 6) > 0)
            change(f, true, "{'kind':'area','item':{'id':'a%d','capacity':%u,'anti_passback':'soft'%s}}", i,
                   1 + pick(f, 6), i == 0 ? ",'forgive_at':'04:00'" : "");
        else
            change(f, false, "{'kind':'area','id':'a%d'}", i);
    }
    assert_int_equal(simulate_items_compile(&f->items, &policy), 0);
    return policy;
}

static void keep(void *user, const char *key, const char *value)
{
    struct fixture *f = user;
    struct kept *kept = table_get(&f->kept, key, sizeof(*kept));

    free(kept->value);
    kept->value = value ? strdup(value) : NULL;
}

static struct world *new_world(struct fixture *f, bool kept)
{
    const struct world_hooks hooks = { .user = f, .effect = kept ? keep : NULL };
    struct world *world = NULL;

    assert_int_equal(world_new(f->policy, BOOT, &hooks, &world), 0);
    return world;
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    f->random = 20261125;
    change(f, true, "{'kind':'device','item':{'id':'unit','driver':'sim','targets':['t0','t1','t2']}}");
    change(f, true, "{'kind':'tag','item':{'id':'member'}}");
    change(f, true, "{'kind':'rule','item':{'id':'r','tags':['member'],'doors':['d0','d1','d2']}}");
    for (int i = 0; i < AREAS; i++) {
        int next = (i + 1) % AREAS;

        change(f, true, "{'kind':'door','item':{'id':'d%d','kind':'turnstile','target':'t%d'}}", i, i);
        change(f, true,
               "{'kind':'access_point','item':{'id':'p%d','door':'d%d','direction':'entry','from':'a%d','to':"
               "'a%d'}}",
               i, i, i, next);
    }
    for (int i = 0; i < USERS; i++)
        change(f, true, "{'kind':'credential','item':{'id':'c%d','user':'u%d','type':'card','value':'%02d'}}",
               i, i, i);
    f->policy = random_policy(f);
    for (int i = 0; i < WORLDS; i++)
        f->worlds[i] = new_world(f, i == PREPARED);
    *state = f;
    return 0;
}

static void finish_kept(void *record)
{
    free(((struct kept *)record)->value);
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    for (int i = 0; i < WORLDS; i++)
        world_free(f->worlds[i]);
    policy_free(f->policy);
    policy_free(f->next);
    simulate_items_finish(&f->items);
    table_finish(&f->kept, finish_kept);
    free(f);
    return 0;
}

static struct timestamp now(const struct fixture *f)
{
    int64_t passed_us = (int64_t)(f->second * USEC_PER_SEC);

    return (struct timestamp){ USEC_PER_SEC + passed_us, T0_UTC + passed_us, CLOCK_STATE_SYNCED };
}

/* --- What happens, to both worlds alike. --- */

static void tap(struct fixture *f, unsigned point, unsigned card)
{
    struct timestamp at = now(f);
    struct presentation presentation = { .type = CREDENTIAL_CARD };
    struct verdict verdicts[WORLDS];
    char id[8], value[8];

    snprintf(id, sizeof(id), "p%u", point);
    snprintf(value, sizeof(value), "%02u", card);
    presentation.point = id;
    simulate_items_hash(CREDENTIAL_CARD, value, presentation.hash);
    for (int i = 0; i < WORLDS; i++)
        assert_int_equal(world_present(f->worlds[i], &presentation, &at, &verdicts[i]), 0);
    assert_int_equal(verdicts[PREPARED].kind, verdicts[DIRECT].kind);
    assert_int_equal(verdicts[PREPARED].reason, verdicts[DIRECT].reason);
    assert_int_equal(verdicts[PREPARED].grant, verdicts[DIRECT].grant);
}

static void something_happens(struct fixture *f)
{
    struct timestamp at = now(f);
    unsigned what = pick(f, 16);
    unsigned which = pick(f, USERS);

    f->second += pick(f, 4) + (what == 15 ? 3600.0 * pick(f, 12) : 0);
    if (what < 8)
        tap(f, pick(f, AREAS), which);
    for (int i = 0; what >= 8 && i < WORLDS; i++) {
        if (what < 13)
            assert_int_equal(world_passage(f->worlds[i], which % AREAS, DIRECTION_ENTRY, 1, &at), 0);
        else if (what == 13)
            assert_int_equal(world_no_passage_any(f->worlds[i], which % AREAS, &at), 0);
        else if (what == 14 && which < policy_count(f->policy, ITEM_USER))
            assert_int_equal(world_forgive(f->worlds[i], which ? which : POLICY_NONE, &at), 0);
        else
            assert_int_equal(world_advance(f->worlds[i], &at), 0);
    }
}

/* The prepared world comes nearer to the next policy, drops it for another, or turns to it. */
static void policy_goes_on(struct fixture *f)
{
    struct timestamp at = now(f);
    unsigned what = pick(f, 8);

    if (!f->next) {
        f->next = what == 0 ? random_policy(f) : NULL;
    } else if (what < 5) {
        (void)world_prepare(f->worlds[PREPARED], f->next, pick(f, 4));
    } else if (what == 5) {
        struct policy *other = random_policy(f);

        (void)world_prepare(f->worlds[PREPARED], other, pick(f, 4));
        policy_free(f->next);
        f->next = other;
    } else if (what == 6) {
        for (int i = 0; i < WORLDS; i++)
            assert_int_equal(world_set_policy(f->worlds[i], f->next, &at), 0);
        policy_free(f->policy);
        f->policy = take_ptr(f->next);
    }
}

/* --- What must hold. --- */

static bool reserves(const struct person_memory *person, const struct area_memory *area)
{
    for (const struct place *place = person->places; place; place = place->next)
        if (place->area == area && place->count > 0)
            return true;
    return false;
}

/* Counted from the beginning, without what a world keeps for counting. */
static void assert_counted(const struct fixture *f, const struct world *world, const struct area_memory *area)
{
    int64_t recorded = 0;
    int64_t all = 0;

    for (struct person_memory *person = NULL; (person = table_next(&world->people, person));) {
        bool there =
            person->area == area && person->serial > area->forgiven && person->serial > world->forgiven;

        if (policy_find(f->policy, ITEM_USER, person->node.id) == POLICY_NONE)
            continue;
        recorded += there;
        all += there || reserves(person, area);
        assert_int_equal(memory_is_counted(world, person, area), there || reserves(person, area));
    }
    assert_int_equal(memory_headcount(world, area)->recorded, recorded);
    assert_int_equal(memory_headcount(world, area)->recorded + memory_headcount(world, area)->expected, all);
}

static void assert_all_counted(const struct fixture *f)
{
    for (int i = 0; i < WORLDS; i++)
        for (struct area_memory *area = NULL; (area = table_next(&f->worlds[i]->areas, area));)
            assert_counted(f, f->worlds[i], area);
}

/* A world that begins with the policy in force and is told what was kept. */
static void assert_begun_anew_is_the_same(struct fixture *f)
{
    struct world *anew = new_world(f, false);

    for (struct kept *kept = NULL; (kept = table_next(&f->kept, kept));)
        if (kept->value)
            assert_int_equal(world_restore(anew, kept->node.id, kept->value), 0);
    for (uint32_t user = 0; user < policy_count(f->policy, ITEM_USER); user++)
        assert_int_equal(world_user_area(anew, user), world_user_area(f->worlds[PREPARED], user));
    for (uint32_t area = 0; area < policy_count(f->policy, ITEM_AREA); area++)
        assert_int_equal(world_occupancy(anew, area), world_occupancy(f->worlds[PREPARED], area));
    world_free(anew);
}

static void anything_while_policies_change__counts_hold(void **state)
{
    struct fixture *f = *state;

    for (int i = 0; i < 20000; i++) {
        something_happens(f);
        policy_goes_on(f);
        assert_all_counted(f);
        if (i % 100 == 0)
            assert_begun_anew_is_the_same(f);
    }
}

static void prepare__told_when_it_was_everybody(void **state)
{
    struct fixture *f = *state;

    for (unsigned i = 0; i < USERS; i++)
        tap(f, 0, i);
    size_t people = f->worlds[PREPARED]->people.count;

    f->next = random_policy(f);
    assert_true(people > 1);
    assert_false(world_prepare(f->worlds[PREPARED], f->next, people - 1));
    assert_true(world_prepare(f->worlds[PREPARED], f->next, 1));
    assert_true(world_prepare(f->worlds[PREPARED], f->next, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(anything_while_policies_change__counts_hold, setup, teardown),
        cmocka_unit_test_setup_teardown(prepare__told_when_it_was_everybody, setup, teardown),
    };

    return cmocka_run_group_tests_name("world_turn", tests, NULL, NULL);
}
