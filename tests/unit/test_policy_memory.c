/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A policy is built again and again, with one allocation of the core's after the other failing: each time it
 * is -ENOMEM or the whole policy. So is one that takes people over. */
#include "tests/unit/allocation_fixture.h"
#include "tests/unit/policy_fixture.h"

static const char *const lines[] = {
    "tag {'id':'staff'}",
    "tag {'id':'vip'}",
    "calendar {'id':'feast','days':['2026-12-25','2026-12-24'],'yearly':['01-01']}",
    "schedule {'id':'day','windows':[{'days':['mon'],'from':'08:00','to':'20:00'}],"
    "'special':[{'calendar':'feast','windows':[{'from':'10:00','to':'12:00'}]},{'calendar':'x','windows':[]}]"
    "}",
    "area {'id':'gym'}",
    "device {'id':'v','driver':'sim','targets':['t']}",
    "link {'id':'l'}",
    "door {'id':'d','kind':'door','target':'t','mode_schedules':[{'schedule':'day','mode':'unlocked'}]}",
    "access_point {'id':'p','door':'d','direction':'entry','factors':[{'any':[['card']]}]}",
    "access_point {'id':'q','door':'d','direction':'exit','from':'gym','readers':['r']}",
    "rule {'id':'r','tags':['vip','x'],'users':['b','a','x'],'areas':['gym'],'schedule':'day'}",
    "user {'id':'b','tags':['vip','staff','x'],'link':'l','block':{'message':'m'},'valid_from':'2026-01-01'}",
    "user {'id':'a','name':'A'}",
    "credential {'id':'c2','user':'b','type':'pin','value':'1234'}",
    "credential {'id':'c1','user':'x','type':'card','value':'04'}",
    "site {'id':'s','timezone':'Europe/Madrid','lockdown_tags':['staff']}",
};

#define LINES (sizeof(lines) / sizeof(lines[0]))

/* With the nth allocation from here on failing. base: whose people are taken over, or NULL. */
static int build_failing(const struct prepared prepared[], const struct policy *base, size_t nth,
                         struct policy **ret_policy)
{
    struct policy_builder *builder = NULL;
    struct json_error error;

    countdown = nth;
    int r = policy_builder_new(zoneinfo_read, NULL, &builder);

    if (r == 0 && base) {
        policy_builder_take_people(builder, base);
        r = policy_builder_remove(builder, ITEM_USER, "z");
    }
    for (size_t i = 0; i < LINES && r == 0; i++)
        r = policy_builder_add(builder, prepared[i].kind, prepared[i].item, prepared[i].json,
                               strlen(prepared[i].json), &error);
    if (r == 0)
        r = policy_builder_finish(builder, ret_policy);
    policy_builder_free(builder);
    return r;
}

static void assert_whole_or_enomem(const struct prepared prepared[], const struct policy *base)
{
    size_t failures = 0;
    bool failed = true;

    for (size_t nth = 1; failed; nth++) {
        struct policy *policy = NULL;
        int r = build_failing(prepared, base, nth, &policy);

        failed = countdown == 0;
        countdown = 0;
        failures += failed;
        if (r != 0)
            assert_int_equal(r, -ENOMEM);
        if (r == 0)
            assert_int_equal(policy_count(policy, ITEM_USER), 2);
        assert_true(failed || r == 0);
        policy_free(policy);
    }
    assert_true(failures > LINES);
}

static void policy_builder__any_allocation_fails__enomem(void **state)
{
    struct prepared *prepared = calloc(LINES, sizeof(*prepared));
    struct fixture other = { 0 };

    for (size_t i = 0; i < LINES; i++)
        prepare(lines[i], &prepared[i]);
    assert_whole_or_enomem(prepared, NULL);
    BUILD(&other, "tag {'id':'old'}", "user {'id':'z'}", "user {'id':'a','tags':['old']}",
          "credential {'id':'c3','user':'z','type':'card','value':'05'}",
          "credential {'id':'c1','user':'y','type':'card','value':'04'}",
          "site {'id':'s','timezone':'Europe/Madrid'}");
    assert_whole_or_enomem(prepared, other.policy);
    policy_free(other.policy);
    for (size_t i = 0; i < LINES; i++)
        json_object_put(prepared[i].item);
    free(prepared);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(policy_builder__any_allocation_fails__enomem) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
