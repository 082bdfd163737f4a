/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A policy is built again and again, with one allocation of the core's after the other failing: each time it
 * is -ENOMEM or the whole policy. So is one that takes people over. */
#include "tests/unit/allocation_fixture.h"
#include "tests/unit/policy_fixture.h"

#include "gateway/core/policy_image.h"

static const char *const lines[] = {
    "tag {'id':'staff'}",
    "tag {'id':'vip'}",
    "calendar {'id':'bank','days':['2026-12-31']}",
    "calendar {'id':'feast','days':['2026-12-25','2026-12-24'],'yearly':['01-01']}",
    "schedule {'id':'day','windows':[{'days':['mon'],'from':'08:00','to':'20:00'}],"
    "'special':[{'calendar':'feast','windows':[{'from':'10:00','to':'12:00'}]},{'calendar':'x','windows':[]}]"
    "}",
    "schedule {'id':'night','windows':[{'days':['sun'],'from':'20:00','to':'08:00'}]}",
    "area {'id':'gym'}",
    "area {'id':'pool'}",
    "device {'id':'v','driver':'sim','targets':['t']}",
    "link {'id':'l'}",
    "door {'id':'d','kind':'door','target':'t','mode_schedules':[{'schedule':'day','mode':'unlocked'}]}",
    "access_point {'id':'p','door':'d','direction':'entry','factors':[{'any':[['card']]}]}",
    "access_point "
    "{'id':'q','door':'d','direction':'exit','from':'gym','readers':['r','s'],'factors':[{'schedule':'day','"
    "any':[['pin']]},"
    "{'any':[['card'],['pin','qr']]}]}",
    "rule {'id':'r','tags':['vip','x'],'users':['b','a','x'],'areas':['gym'],'schedule':'day'}",
    "rule {'id':'r2','tags':['staff'],'users':['a','b'],'points':['p']}",
    "user {'id':'b','tags':['vip','staff','x'],'link':'l','block':{'message':'m'},'valid_from':'2026-01-01'}",
    "user {'id':'a','name':'A'}",
    "credential {'id':'c2','user':'b','type':'pin','value':'1234'}",
    "credential {'id':'c1','user':'x','type':'card','value':'04'}",
    "credential {'id':'c0','user':'y','type':'card','value':'0A'}",
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

static void release(void *bytes, size_t len)
{
    memset(bytes, 0, len);
    free(bytes);
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

/* An image whose people are taken as they are. */
static void policy_builder_take_image__any_allocation_fails__enomem(void **state)
{
    static const uint8_t key[POLICY_IMAGE_KEY_BYTES] = { 1 };
    struct policy_image_part parts[POLICY_IMAGE_PARTS];
    struct policy_image_header header;
    struct fixture f = { 0 };

    BUILD(&f, "tag {'id':'t'}");
    size_t count = policy_image_parts(f.policy, key, &header, parts);
    uint8_t *bytes = malloc(header.len);

    for (size_t i = 0, at = 0; i < count; at += parts[i++].len)
        if (parts[i].len)
            memcpy(bytes + at, parts[i].bytes, parts[i].len);
    begin(&f);
    countdown = 1;
    assert_int_equal(policy_builder_take_image(f.builder, bytes, header.len, key, release), -ENOMEM);
    assert_int_equal(policy_builder_take_image(f.builder, bytes, header.len, key, release), 0);
    finish(&f);
    assert_int_equal(policy_count(f.policy, ITEM_USER), 0);
    policy_free(f.policy);
}

static void item_seal__any_allocation_fails__enomem_and_untouched(void **state)
{
    for (size_t nth = 1; nth <= 2; nth++) {
        cleanup_with(json_putp) struct json_object *item = json_object_new_object();

        json_object_object_add(item, "type", json_object_new_string("pin"));
        json_object_object_add(item, "value", json_object_new_string("1234"));
        countdown = nth;
        assert_int_equal(item_seal(ITEM_CREDENTIAL, item, secret), -ENOMEM);
        assert_true(json_object_object_get_ex(item, "value", NULL));
        assert_false(json_object_object_get_ex(item, "sealed", NULL));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(policy_builder__any_allocation_fails__enomem),
        cmocka_unit_test(policy_builder_take_image__any_allocation_fails__enomem),
        cmocka_unit_test(item_seal__any_allocation_fails__enomem_and_untouched),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
