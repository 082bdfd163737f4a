/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What random policies come to is compared with a join done the slow way, word by word as the contract says
 * it. */
#include "tests/unit/policy_fixture.h"

/* "r1,r4": the rules that join user and point, one after the other. */
static void assert_rules(const struct fixture *f, const char *user, const char *point, const char *expected)
{
    cleanup_with(text_finish) struct text text = TEXT_INIT;
    uint32_t cursor = 0;
    uint32_t rule;

    while (policy_rule_next(f->policy, find(f, ITEM_USER, user), find(f, ITEM_ACCESS_POINT, point), &cursor,
                            &rule))
        text_addf(&text, "%s%s", text.len ? "," : "", policy_rule(f->policy, rule)->id);
    if (strcmp(text_string(&text), expected) != 0)
        fail_msg("%s at %s: \"%s\", not \"%s\"", user, point, text_string(&text), expected);
}

static void policy_rule_next__every_way_to_be_joined(void **state)
{
    struct fixture *f = *state;

    BUILD(f, "device {'id':'v','driver':'sim','targets':['t1','t2']}",
          "door {'id':'d1','kind':'door','target':'t1'}", "door {'id':'d2','kind':'door','target':'t2'}",
          "area {'id':'gym'}", "access_point {'id':'in1','door':'d1','direction':'entry','to':'gym'}",
          "access_point {'id':'out1','door':'d1','direction':'exit','from':'gym'}",
          "access_point {'id':'in2','door':'d2','direction':'entry','to':'gym'}", "tag {'id':'staff'}",
          "tag {'id':'vip'}", "user {'id':'ana','tags':['staff','vip','gone']}",
          "user {'id':'bea','tags':['vip']}", "user {'id':'cleo'}",
          "rule {'id':'a-points','users':['ana'],'points':['in1','in1','gone']}",
          "rule {'id':'b-doors','tags':['staff'],'doors':['d1']}",
          "rule {'id':'c-areas','tags':['vip','gone'],'areas':['gym']}",
          "rule "
          "{'id':'d-outside','users':['bea','ana','bea'],'tags':['vip'],'areas':['outside'],'enabled':false}",
          "rule {'id':'e-nobody','doors':['d1']}", "rule {'id':'f-nowhere','users':['ana','bea','cleo']}",
          "rule {'id':'g-gone','tags':['gone'],'points':['in1','in2','out1']}", "rule {'id':'h-empty'}",
          "rule "
          "{'id':'i-all','users':['cleo'],'points':['in2'],'doors':['d2'],'areas':['gym'],'valid_until':'"
          "1999-01-01'}");
    assert_rules(f, "ana", "in1", "a-points,b-doors,c-areas");
    assert_rules(f, "ana", "out1", "b-doors,d-outside");
    assert_rules(f, "ana", "in2", "c-areas");
    assert_rules(f, "bea", "in1", "c-areas");
    assert_rules(f, "bea", "out1", "d-outside");
    assert_rules(f, "cleo", "in1", "i-all");
    assert_rules(f, "cleo", "in2", "i-all");
    assert_rules(f, "cleo", "out1", "");
    assert_false(policy_rule(f->policy, find(f, ITEM_RULE, "d-outside"))->enabled);
}

static void policy_rule__types_and_schedule(void **state)
{
    struct fixture *f = *state;

    BUILD(f, "rule {'id':'a'}", "rule {'id':'b','types':['pin','qr'],'schedule':'never','name':'B'}",
          "schedule {'id':'h'}", "rule {'id':'c','schedule':'h'}");
    assert_true(policy_rule(f->policy, 0)->schedule == SCHEDULE_ALWAYS && policy_rule(f->policy, 0)->enabled);
    for (int type = 0; type < CREDENTIAL_TYPES; type++)
        assert_true(policy_rule(f->policy, 0)->types >> type & 1);
    assert_int_equal(policy_rule(f->policy, 1)->types, 1 << CREDENTIAL_PIN | 1 << CREDENTIAL_QR);
    assert_int_equal(policy_rule(f->policy, 1)->schedule, SCHEDULE_NEVER);
    assert_string_equal(policy_rule(f->policy, 1)->name, "B");
    assert_int_equal(policy_rule(f->policy, 2)->schedule, find(f, ITEM_SCHEDULE, "h"));
}

#define CARRIES 4 /* ids that an item's list names at most */

/* A random policy as plain numbers: things of a kind are 0 to count - 1, and numbers from count on are
 * missing. */
struct random_rule {
    uint32_t tags[CARRIES], users[CARRIES], points[CARRIES], doors[CARRIES], areas[CARRIES];
};

#define USERS_MAX  12
#define POINTS_MAX 10
#define RULES_MAX  150

struct world {
    uint64_t random;
    uint32_t tags, users, points, doors, areas, rules;
    uint32_t user_tags[USERS_MAX][CARRIES];
    uint32_t point_door[POINTS_MAX];
    uint32_t point_to[POINTS_MAX]; /* UINT32_MAX: outside */
    struct random_rule rule[RULES_MAX];
};

static uint32_t pick(struct world *world, uint32_t below)
{
    world->random ^= world->random << 13;
    world->random ^= world->random >> 7;
    world->random ^= world->random << 17;
    return (uint32_t)(world->random >> 11) % below;
}

/* A list of up to CARRIES, some of what is missing, some twice; UINT32_MAX fills the rest. */
static void pick_list(struct world *world, uint32_t count, uint32_t ret[static CARRIES])
{
    for (size_t i = 0; i < CARRIES; i++)
        ret[i] = pick(world, 3) == 0 ? pick(world, count + 2) : UINT32_MAX;
}

static struct world make_world(uint64_t seed)
{
    struct world world = { .random = seed };

    world.tags = 1 + pick(&world, 6);
    world.users = 1 + pick(&world, USERS_MAX);
    world.points = 1 + pick(&world, POINTS_MAX);
    world.doors = 1 + pick(&world, 4);
    world.areas = 1 + pick(&world, 3);
    world.rules = pick(&world, RULES_MAX + 1);
    for (uint32_t i = 0; i < world.users; i++)
        pick_list(&world, world.tags, world.user_tags[i]);
    for (uint32_t i = 0; i < world.points; i++) {
        world.point_door[i] = pick(&world, world.doors + 1);
        world.point_to[i] = pick(&world, 3) == 0 ? UINT32_MAX : pick(&world, world.areas + 1);
    }
    for (uint32_t i = 0; i < world.rules; i++) {
        pick_list(&world, world.tags, world.rule[i].tags);
        pick_list(&world, world.users, world.rule[i].users);
        pick_list(&world, world.points, world.rule[i].points);
        pick_list(&world, world.doors, world.rule[i].doors);
        pick_list(&world, world.areas, world.rule[i].areas);
    }
    return world;
}

static void add_list(struct text *text, const char *member, const char *prefix,
                     const uint32_t list[static CARRIES])
{
    text_addf(text, ",'%s':[", member);
    for (size_t i = 0, shown = 0; i < CARRIES; i++)
        if (list[i] != UINT32_MAX)
            text_addf(text, "%s'%s%03u'", shown++ ? "," : "", prefix, list[i]);
    text_add(text, "]");
}

static void add_rule(struct fixture *f, const struct world *world, uint32_t i)
{
    const struct random_rule *rule = &world->rule[i];
    cleanup_with(text_finish) struct text text = TEXT_INIT;

    text_addf(&text, "rule {'id':'r%03u'", i);
    add_list(&text, "tags", "t", rule->tags);
    add_list(&text, "users", "u", rule->users);
    add_list(&text, "points", "p", rule->points);
    add_list(&text, "doors", "d", rule->doors);
    add_list(&text, "areas", "a", rule->areas);
    text_add(&text, "}");
    add(f, text_string(&text));
}

static void add_world(struct fixture *f, const struct world *world)
{
    begin(f);
    for (uint32_t i = world->rules; i-- > 0;)
        add_rule(f, world, i);
    for (uint32_t i = 0; i < world->tags; i++)
        addf(f, "tag {'id':'t%03u'}", i);
    for (uint32_t i = 0; i < world->users; i++) {
        cleanup_with(text_finish) struct text text = TEXT_INIT;

        text_addf(&text, "user {'id':'u%03u'", i);
        add_list(&text, "tags", "t", world->user_tags[i]);
        text_add(&text, "}");
        add(f, text_string(&text));
    }
    for (uint32_t i = 0; i < world->points; i++)
        if (world->point_to[i] == UINT32_MAX)
            addf(f, "access_point {'id':'p%03u','door':'d%03u','direction':'entry'}", i,
                 world->point_door[i]);
        else
            addf(f, "access_point {'id':'p%03u','door':'d%03u','direction':'entry','to':'a%03u'}", i,
                 world->point_door[i], world->point_to[i]);
    for (uint32_t i = 0; i < world->doors; i++)
        addf(f, "door {'id':'d%03u','kind':'door','target':'t'}", i);
    for (uint32_t i = 0; i < world->areas; i++)
        addf(f, "area {'id':'a%03u'}", i);
    finish(f);
}

static bool has(const uint32_t list[static CARRIES], uint32_t wanted)
{
    for (size_t i = 0; i < CARRIES; i++)
        if (list[i] == wanted && wanted != UINT32_MAX)
            return true;
    return false;
}

static bool naive_joins(const struct world *world, const struct random_rule *rule, uint32_t user,
                        uint32_t point)
{
    bool joined = has(rule->users, user);

    for (uint32_t tag = 0; tag < world->tags; tag++)
        joined |= has(rule->tags, tag) && has(world->user_tags[user], tag);
    return joined &&
           (has(rule->points, point) ||
            (world->point_door[point] < world->doors && has(rule->doors, world->point_door[point])) ||
            (world->point_to[point] < world->areas && has(rule->areas, world->point_to[point])));
}

static void policy_rule_next__random_policies__as_the_slow_join(void **state)
{
    struct fixture *f = *state;

    for (uint64_t seed = 1; seed <= 300; seed++) {
        struct world world = make_world(seed * UINT64_C(0x9E3779B97F4A7C15));

        add_world(f, &world);
        for (uint32_t user = 0; user < world.users; user++)
            for (uint32_t point = 0; point < world.points; point++) {
                uint32_t cursor = 0;
                uint32_t rule = 0;

                for (uint32_t i = 0; i < world.rules; i++)
                    if (naive_joins(&world, &world.rule[i], user, point) &&
                        (!policy_rule_next(f->policy, user, point, &cursor, &rule) || rule != i))
                        fail_msg("policy %" PRIu64 ": user %u, point %u: rule %u is left out", seed, user,
                                 point, i);
                if (policy_rule_next(f->policy, user, point, &cursor, &rule))
                    fail_msg("policy %" PRIu64 ": user %u, point %u: rule %u is too much", seed, user, point,
                             rule);
            }
    }
}

/* --- any order --- */

/* All that a policy says of people and places, as text. */
static void describe(const struct policy *policy, struct text *text)
{
    for (uint32_t i = 0; i < policy_count(policy, ITEM_CREDENTIAL); i++) {
        struct policy_credential credential = policy_credential(policy, i);

        text_addf(text, "%s %u %s %" PRId64 "\n", credential.id, credential.user,
                  credential_type_name(credential.type), credential.valid_until_us);
    }
    for (uint32_t i = 0; i < policy_count(policy, ITEM_USER); i++) {
        struct policy_user user = policy_user(policy, i);

        text_addf(text, "%s %" PRId64 " %s %u:", user.id, user.valid_from_us,
                  user.block_message ? user.block_message : "-", user.linked ? user.link : 0);
        for (uint32_t p = 0; p < policy_count(policy, ITEM_ACCESS_POINT); p++)
            for (uint32_t cursor = 0, rule; policy_rule_next(policy, i, p, &cursor, &rule);)
                text_addf(text, " %s-%s", policy_point(policy, p)->id, policy_rule(policy, rule)->id);
        for (uint32_t t = 0; t < policy_count(policy, ITEM_TAG); t++)
            text_addf(text, " %d", policy_user_has_tag(policy, i, t));
        text_addf(text, " %d\n", policy_user_passes_lockdown(policy, i));
    }
    for (uint32_t i = 0; i < policy_count(policy, ITEM_ACCESS_POINT); i++)
        text_addf(text, "%s %u %u %d\n", policy_point(policy, i)->id, policy_point(policy, i)->door,
                  policy_point(policy, i)->to, policy_point(policy, i)->usable);
    for (uint32_t i = 0; i < policy_count(policy, ITEM_DOOR); i++)
        text_addf(text, "%s %u %u %u\n", policy_door(policy, i)->id, policy_door(policy, i)->device,
                  policy_door(policy, i)->interlock, policy_door(policy, i)->modes[0].schedule);
    text_addf(text, "%s %zu\n", policy_site(policy)->timezone, policy_dangling_count(policy));
}

static const char *const whole[] = {
    "site {'id':'s','timezone':'America/New_York','lockdown_tags':['staff']}",
    "calendar {'id':'feast','days':['2026-12-25']}",
    "schedule "
    "{'id':'day','windows':[{'days':['mon'],'from':'08:00','to':'20:00'}],'special':[{'calendar':'feast','"
    "windows':[]}]}",
    "area {'id':'gym'}",
    "area {'id':'pool'}",
    "device {'id':'v','driver':'sim','targets':['t1','t2']}",
    "door "
    "{'id':'d1','kind':'door','target':'t1','interlock':'g','mode_schedules':[{'schedule':'day','mode':'"
    "unlocked'}]}",
    "door "
    "{'id':'d2','kind':'turnstile','target':'t2','interlock':'g','mode_schedules':[{'schedule':'x','mode':'"
    "unlocked'}]}",
    "access_point {'id':'p1','door':'d1','direction':'entry','to':'gym'}",
    "access_point {'id':'p2','door':'d2','direction':'entry','from':'gym','to':'pool'}",
    "tag {'id':'staff'}",
    "tag {'id':'vip'}",
    "link {'id':'l'}",
    "user {'id':'u1','tags':['vip','staff'],'valid_from':'2026-01-01','block':{'message':'m'}}",
    "user {'id':'u2','tags':['vip','x'],'link':'l'}",
    "user {'id':'u3','valid_from':'2026-01-01','link':'x'}",
    "credential {'id':'c1','user':'u1','type':'card','value':'01','valid_until':'2026-07-04'}",
    "credential {'id':'c2','user':'u2','type':'pin','value':'1234'}",
    "credential {'id':'c3','user':'u1','type':'pin','value':'1234'}",
    "credential {'id':'c4','user':'x','type':'pin','value':'1234'}",
    "rule {'id':'r1','tags':['vip'],'areas':['pool']}",
    "rule {'id':'r2','users':['u3','x'],'doors':['d1'],'schedule':'day'}",
    "rule {'id':'r3','tags':['staff'],'points':['p1','p2']}",
};

#define WHOLE (sizeof(whole) / sizeof(whole[0]))

static void policy_builder__any_order__the_same_policy(void **state)
{
    struct fixture *f = *state;
    struct world dice = { .random = 42 };
    const char *lines[WHOLE];
    cleanup_with(text_finish) struct text first = TEXT_INIT;

    build(f, whole, WHOLE);
    describe(f->policy, &first);
    memcpy(lines, whole, sizeof(whole));
    for (int round = 0; round < 200; round++) {
        cleanup_with(text_finish) struct text text = TEXT_INIT;

        for (size_t i = WHOLE; i-- > 1;) {
            size_t j = pick(&dice, (uint32_t)i + 1);
            const char *line = lines[i];

            lines[i] = lines[j];
            lines[j] = line;
        }
        build(f, lines, WHOLE);
        describe(f->policy, &text);
        assert_string_equal(text_string(&text), text_string(&first));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(policy_rule_next__every_way_to_be_joined),
        TEST(policy_rule__types_and_schedule),
        TEST(policy_rule_next__random_policies__as_the_slow_join),
        TEST(policy_builder__any_order__the_same_policy),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
