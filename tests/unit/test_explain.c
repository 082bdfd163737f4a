/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The explanation of a verdict: every condition that failed, and what it looked at. */
#include "tests/unit/script_fixture.h"

#include "gateway/core/explain.h"

/* 2026-03-01T10:12:00Z, a Sunday. */
#define SUNDAY "2026-03-01T10:12:00Z"

static const char *const items[] = {
    "{'kind':'device','item':{'id':'unit','driver':'sim','targets':['t1']}}",
    "{'kind':'tag','item':{'id':'cowork'}}",
    "{'kind':'calendar','item':{'id':'feast','days':['2026-02-25']}}",
    "{'kind':'schedule','item':{'id':'evenings','windows':[{'days':['mon','tue','wed','thu','fri'],'from':'"
    "17:00','to':'22:00'},"
    "{'days':['sat'],'from':'10:00','to':'12:00'},{'days':['sat'],'from':'22:00','to':'02:00'}]}}",
    "{'kind':'schedule','item':{'id':'feasts','windows':[{'days':['mon','wed'],'from':'08:00','to':'09:00:30'"
    "}],"
    "'special':[{'calendar':'feast','windows':[]}]}}",
    "{'kind':'area','item':{'id':'gym','anti_passback':'hard'}}",
    "{'kind':'door','item':{'id':'gym','name':'Gym "
    "door','kind':'door','target':'t1','min_interval_s':{'member':300}}}",
    "{'kind':'access_point','item':{'id':'gym.in','door':'gym','direction':'entry','to':'gym','factors':[{'"
    "any':[['card'],['card','pin'],['pin']]}]}}",
    "{'kind':'user','item':{'id':'ada','tags':['cowork'],'valid_until':'2026-10-31'}}",
    "{'kind':'credential','item':{'id':'c1','user':'ada','type':'card','value':'01'}}",
    "{'kind':'rule','item':{'id':'r1','name':'Evenings','tags':['cowork'],'points':['gym.in'],'schedule':'"
    "evenings'}}",
};

static int setup(void **state)
{
    return setup_items(state, items, sizeof(items) / sizeof(items[0]));
}

/* Presents and explains the reason. */
static const char *explained(struct fixture *f, enum credential_type type, const char *value)
{
    struct presentation presentation = { .point = "gym.in", .type = type };
    struct verdict verdict;

    simulate_items_hash(type, value, presentation.hash);
    assert_int_equal(world_present(f->script.world, &presentation, &f->script.now, &verdict), 0);
    text_reset(&f->text);
    explain_reason(&f->text, f->script.world, f->script.policy, &verdict, verdict.reason, &f->script.now);
    return text_string(&f->text);
}

static void outside_schedule__says_when_it_opens(void **state)
{
    say(*state, "{'at':'" SUNDAY "','clock':'synced'}");
    assert_string_equal(
        explained(*state, CREDENTIAL_CARD, "01"),
        "rule Evenings opens Mon-Fri 17:00-22:00, Sat 10:00-12:00 22:00-02:00, it was Sun 10:12");
}

static void expired__names_the_last_day(void **state)
{
    say(*state, "{'at':'2026-11-02T18:00:00Z','clock':'synced'}");
    assert_string_equal(explained(*state, CREDENTIAL_CARD, "01"), "ada was valid until 2026-10-31");
}

static void no_rule__names_the_tags(void **state)
{
    say(*state, "{'at':'" SUNDAY "','del':{'kind':'rule','id':'r1'}}");
    assert_string_equal(explained(*state, CREDENTIAL_CARD, "01"),
                        "no rule joins ada to gym.in; tags of ada: cowork");
}

static void no_rule__names_one_that_is_off(void **state)
{
    say(*state,
        "{'at':'" SUNDAY
        "','put':{'kind':'rule','item':{'id':'r1','tags':['cowork'],'doors':['gym'],'enabled':false}}}");
    assert_string_equal(explained(*state, CREDENTIAL_CARD, "01"), "rule r1 is off");
}

static void min_interval_and_anti_passback__say_since_when(void **state)
{
    say(*state, "{'at':'2026-03-02T18:00:00Z','clock':'synced'}");
    assert_string_equal(explained(*state, CREDENTIAL_CARD, "01"), "rule Evenings opens gym.in for ada");
    say(*state, "{'at':'2026-03-02T18:01:30Z','clock':'synced'}");
    assert_string_equal(explained(*state, CREDENTIAL_CARD, "01"),
                        "ada was let in at Gym door at 18:00, try again in 210 s");
    say(*state, "{'at':'2026-03-03T18:00:00Z','clock':'synced'}");
    assert_string_equal(explained(*state, CREDENTIAL_CARD, "01"),
                        "ada is recorded in gym since 2026-03-02 18:00");
}

static void locked_out__says_how_long(void **state)
{
    say(*state, "{'at':'" SUNDAY "','clock':'synced'}");
    for (int i = 0; i < 5; i++)
        assert_string_equal(explained(*state, CREDENTIAL_PIN, "9999"), "nobody has this credential");
    say(*state, "{'at':'2026-03-01T10:13:28Z','clock':'synced'}");
    assert_string_equal(explained(*state, CREDENTIAL_PIN, "9999"),
                        "five wrong PINs at 10:12, try again in 212 s");
}

static void factors__are_listed(void **state)
{
    say(*state,
        "{'at':'" SUNDAY "','put':{'kind':'rule','item':{'id':'r1','tags':['cowork'],'doors':['gym']}}}");
    say(*state, "{'at':'" SUNDAY
                "','put':{'kind':'credential','item':{'id':'q','user':'ada','type':'qr','value':'x'}}}");
    assert_string_equal(explained(*state, CREDENTIAL_QR, "x"), "gym.in takes card or card and pin or pin");
}

static void every_reason__has_a_sentence(void **state)
{
    struct fixture *f = *state;
    struct verdict verdict = {
        .point = 0, .door = 0, .user = 0, .second_user = POLICY_NONE, .credential = 0, .rule = 0
    };

    say(f, "{'at':'" SUNDAY "','put':{'kind':'link','item':{'id':'hq'}}}");
    say(f, "{'at':'" SUNDAY "','put':{'kind':'user','item':{'id':'ada','link':'hq'}}}");
    for (enum reason reason = 0; reason < REASONS; reason++) {
        text_reset(&f->text);
        explain_reason(&f->text, f->script.world, f->script.policy, &verdict, reason, &f->script.now);
        assert_int_equal(text_error(&f->text), 0);
        assert_true(f->text.len > 0);
    }
}

static void schedule__special_day__shows_in_its_week(void **state)
{
    struct fixture *f = *state;
    const struct policy *policy = f->script.policy;
    uint32_t schedule = policy_find(policy, ITEM_SCHEDULE, "feasts");

    explain_schedule(&f->text, policy, schedule, zone_day(2026, 2, 22));
    text_add(&f->text, "|");
    explain_schedule(&f->text, policy, schedule, zone_day(2026, 2, 26));
    text_add(&f->text, "|");
    explain_schedule(&f->text, policy, SCHEDULE_ALWAYS, 0);
    text_add(&f->text, "|");
    explain_schedule(&f->text, policy, SCHEDULE_NEVER, 0);
    assert_string_equal(text_string(&f->text),
                        "Mon 08:00-09:00:30, Wed 08:00-09:00:30|Mon 08:00-09:00:30|always|never");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(outside_schedule__says_when_it_opens),
        TEST(expired__names_the_last_day),
        TEST(no_rule__names_the_tags),
        TEST(no_rule__names_one_that_is_off),
        TEST(min_interval_and_anti_passback__say_since_when),
        TEST(locked_out__says_how_long),
        TEST(factors__are_listed),
        TEST(every_reason__has_a_sentence),
        TEST(schedule__special_day__shows_in_its_week),
    };

    return cmocka_run_group_tests_name("explain", tests, NULL, NULL);
}
