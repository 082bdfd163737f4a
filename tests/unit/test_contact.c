/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What interlocked doors know of each other that no script can tell: a device is gone, a release was not a
 * grant's. */
#include "tests/unit/script_fixture.h"

#include "gateway/core/world.h"

static const char *const items[] = {
    "{'kind':'device','item':{'id':'unit','driver':'sim','targets':['t1','t2']}}",
    "{'kind':'door','item':{'id':'outer','kind':'door','target':'t1','interlock':'lock'}}",
    "{'kind':'door','item':{'id':'inner','kind':'door','target':'t2','interlock':'lock'}}",
    "{'kind':'access_point','item':{'id':'inner.in','door':'inner','direction':'entry'}}",
    "{'kind':'user','item':{'id':'ada'}}",
    "{'kind':'credential','item':{'id':'c','user':'ada','type':'card','value':'04A1'}}",
    "{'kind':'rule','item':{'id':'r','users':['ada'],'doors':['inner']}}",
};

static int setup(void **state)
{
    return setup_items(state, items, sizeof(items) / sizeof(items[0]));
}

static void tap(struct fixture *f, const char *at, const char *reason)
{
    char line[256];

    text_reset(&f->text);
    snprintf(line, sizeof(line),
             "{'at':'%s','present':{'point':'inner.in','credential':{'type':'card','value':'04A1'}}}", at);
    say(f, line);
    assert_non_null(strstr(text_string(&f->text), reason));
}

static void contact__device_is_gone__is_not_taken_for_closed(void **state)
{
    struct fixture *f = *state;
    uint32_t outer = policy_find(f->script.policy, ITEM_DOOR, "outer");

    say(f, "{'at':'2026-03-02T10:00:00Z','input':{'door':'outer','role':'contact','value':false}}");
    tap(f, "2026-03-02T10:00:01Z", "\"reason\":\"RULE\"");
    world_contact_lost(f->script.world, outer);
    assert_int_equal(world_door_contact(f->script.world, outer), -1);
    tap(f, "2026-03-02T10:01:00Z", "\"reason\":\"INTERLOCK\"");
    say(f, "{'at':'2026-03-02T10:02:00Z','input':{'door':'outer','role':'contact','value':false}}");
    tap(f, "2026-03-02T10:03:00Z", "\"reason\":\"RULE\"");
}

static void release__by_no_grant__keeps_the_other_door_shut(void **state)
{
    struct fixture *f = *state;
    uint32_t outer = policy_find(f->script.policy, ITEM_DOOR, "outer");

    say(f, "{'at':'2026-03-02T10:00:00Z','input':{'door':'outer','role':'contact','value':false}}");
    struct timestamp now = f->script.now;

    assert_int_equal(world_released(f->script.world, outer, 3000, false, &now), 0);
    tap(f, "2026-03-02T10:00:02Z", "\"reason\":\"INTERLOCK\"");
    tap(f, "2026-03-02T10:00:03Z", "\"reason\":\"RULE\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(contact__device_is_gone__is_not_taken_for_closed, setup, teardown),
        cmocka_unit_test_setup_teardown(release__by_no_grant__keeps_the_other_door_shut, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
