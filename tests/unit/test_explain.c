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

/* A reason of a verdict of then, explained at another time or after another policy. */
static const char *told(struct fixture *f, const struct verdict *verdict, enum reason reason, int64_t later_s)
{
    struct timestamp now = f->script.now;

    now.boot_us += later_s * USEC_PER_SEC;
    now.utc_us += later_s * USEC_PER_SEC;
    text_reset(&f->text);
    explain_reason(&f->text, f->script.world, f->script.policy, verdict, reason, &now);
    return text_string(&f->text);
}

/* Of ada at gym.in, with a credential that is gone. */
static const struct verdict of_ada = { .credential = POLICY_NONE };

static void unknown_point__is_said(void **state)
{
    say(*state, "{'at':'" SUNDAY "','del':{'kind':'device','id':'unit'}}");
    assert_string_equal(explained(*state, CREDENTIAL_CARD, "01"),
                        "the access point, its door, its target or one of its areas is not in the policy");
}

static void blocked__says_by_what(void **state)
{
    say(*state, "{'at':'" SUNDAY "','mode':{'door':'gym','mode':'blocked'}}");
    assert_string_equal(explained(*state, CREDENTIAL_CARD, "01"), "Gym door is blocked by an operator");
    say(*state, "{'at':'" SUNDAY "','mode':{'door':'gym','mode':'auto'}}");
    say(*state,
        "{'at':'" SUNDAY "','put':{'kind':'door','item':{'id':'gym','name':'','kind':'door','target':'t1',"
        "'mode_schedules':[{'schedule':'always','mode':'blocked'}]}}}");
    assert_string_equal(explained(*state, CREDENTIAL_CARD, "01"), "gym is blocked by its schedule");
    say(*state, "{'at':'" SUNDAY
                "','put':{'kind':'door','item':{'id':'gym','kind':'door','target':'t1','mode':'blocked'}}}");
    assert_string_equal(explained(*state, CREDENTIAL_CARD, "01"), "gym is blocked");
}

static void outside_schedule__never_or_not_this_week__is_said(void **state)
{
    say(*state,
        "{'at':'" SUNDAY
        "','put':{'kind':'rule','item':{'id':'r1','tags':['cowork'],'doors':['gym'],'schedule':'never'}}}");
    assert_string_equal(explained(*state, CREDENTIAL_CARD, "01"), "rule r1 opens never, it was Sun 10:12");
    say(*state, "{'at':'" SUNDAY "','put':{'kind':'rule','item':{'id':'r1','tags':['cowork'],'doors':['gym'],"
                "'schedule':'gone'}}}");
    assert_string_equal(explained(*state, CREDENTIAL_CARD, "01"), "rule r1 opens never, it was Sun 10:12");
    say(*state, "{'at':'" SUNDAY "','put':{'kind':'schedule','item':{'id':'gone'}}}");
    assert_string_equal(explained(*state, CREDENTIAL_CARD, "01"),
                        "rule r1 opens never this week, it was Sun 10:12");
}

static void outside_schedule__days_that_end_otherwise__stand_apart(void **state)
{
    say(*state,
        "{'at':'" SUNDAY "','put':{'kind':'schedule','item':{'id':'evenings','windows':["
        "{'days':['mon','tue'],'from':'17:00','to':'22:00'},{'days':['wed'],'from':'17:00','to':'23:00'},"
        "{'days':['thu'],'from':'18:00','to':'23:00'}]}}}");
    assert_string_equal(
        explained(*state, CREDENTIAL_CARD, "01"),
        "rule Evenings opens Mon-Tue 17:00-22:00, Wed 17:00-23:00, Thu 18:00-23:00, it was Sun "
        "10:12");
}

/* The first of what joins; they stand in the order of their ids. */
static void outside_schedule__many_rules__three_are_told(void **state)
{
    for (char id[] = "a"; id[0] <= 'd'; id[0]++) {
        char line[256];

        snprintf(line, sizeof(line),
                 "{'at':'" SUNDAY "','put':{'kind':'rule','item':{'id':'%s','tags':['cowork'],"
                 "'doors':['gym'],'schedule':'never'}}}",
                 id);
        say(*state, line);
    }
    assert_string_equal(explained(*state, CREDENTIAL_CARD, "01"),
                        "rule a opens never; rule b opens never; rule c opens never, it was Sun 10:12");
}

static void outside_schedule__then_no_clock__says_no_time(void **state)
{
    say(*state, "{'at':'" SUNDAY "','clock':'none'}");
    assert_string_equal(told(*state, &of_ada, REASON_OUTSIDE_SCHEDULE, 0),
                        "rule Evenings opens Mon-Fri 17:00-22:00, Sat 10:00-12:00 22:00-02:00");
}

static void no_rule__names_one_that_is_not_valid(void **state)
{
    say(*state, "{'at':'" SUNDAY "','put':{'kind':'rule','item':{'id':'r1','tags':['cowork'],'doors':['gym'],"
                "'valid_until':'2026-02-01'}}}");
    assert_string_equal(explained(*state, CREDENTIAL_CARD, "01"), "rule r1 was valid until 2026-02-01");
    say(*state, "{'at':'" SUNDAY "','put':{'kind':'rule','item':{'id':'r1','tags':['cowork'],'doors':['gym'],"
                "'valid_from':'2026-04-01T12:30:00Z'}}}");
    assert_string_equal(explained(*state, CREDENTIAL_CARD, "01"), "rule r1 is valid from 2026-04-01 12:30");
}

static void type_not_allowed__names_the_types(void **state)
{
    say(*state, "{'at':'" SUNDAY "','put':{'kind':'rule','item':{'id':'r1','tags':['cowork'],'doors':['gym'],"
                "'types':['pin','qr']}}}");
    assert_string_equal(explained(*state, CREDENTIAL_CARD, "01"), "rule r1 takes only pin, qr");
    say(*state, "{'at':'" SUNDAY "','del':{'kind':'rule','id':'r1'}}");
    assert_string_equal(told(*state, &of_ada, REASON_TYPE_NOT_ALLOWED, 0),
                        "no rule joins ada to gym.in; tags of ada: cowork");
}

static void user__blocked_not_started_or_linked__says_why(void **state)
{
    say(*state, "{'at':'" SUNDAY "','put':{'kind':'user','item':{'id':'ada','block':{},'tags':['cowork']}}}");
    assert_string_equal(explained(*state, CREDENTIAL_CARD, "01"), "ada is blocked");
    say(*state, "{'at':'" SUNDAY "','put':{'kind':'user','item':{'id':'ada','block':{'message':'Ask'}}}}");
    assert_string_equal(explained(*state, CREDENTIAL_CARD, "01"), "ada is blocked: Ask");
    say(*state, "{'at':'" SUNDAY "','put':{'kind':'user','item':{'id':'ada','valid_from':'2026-12-01'}}}");
    assert_string_equal(explained(*state, CREDENTIAL_CARD, "01"), "ada is valid from 2026-12-01");
    say(*state, "{'at':'" SUNDAY "','put':{'kind':'user','item':{'id':'ada','link':'hq'}}}");
    assert_string_equal(explained(*state, CREDENTIAL_CARD, "01"), "the link that ada comes over is gone");
    say(*state,
        "{'at':'" SUNDAY "','put':{'kind':'link','item':{'id':'hq','refreshed_at':'2026-02-01T00:00:00Z'}}}");
    assert_string_equal(explained(*state, CREDENTIAL_CARD, "01"),
                        "link hq was last refreshed 2026-02-01, more than 72 h ago");
}

static void credential__gone_since__is_not_named(void **state)
{
    assert_string_equal(told(*state, &of_ada, REASON_CREDENTIAL_EXPIRED, 0), "the credential");
    assert_string_equal(told(*state, &of_ada, REASON_USED_UP, 0), "the credential has no use left");
}

static void min_interval__over_or_without_a_clock__says_less(void **state)
{
    say(*state,
        "{'at':'" SUNDAY "','put':{'kind':'rule','item':{'id':'r1','tags':['cowork'],'doors':['gym']}}}");
    assert_string_equal(explained(*state, CREDENTIAL_CARD, "01"), "rule r1 opens gym.in for ada");
    assert_string_equal(told(*state, &of_ada, REASON_MIN_INTERVAL, 600),
                        "ada was let in at Gym door at 10:12");
    say(*state, "{'at':'" SUNDAY "','clock':'none'}");
    assert_string_equal(told(*state, &of_ada, REASON_MIN_INTERVAL, 0),
                        "ada was let in at Gym door, try again in 300 s");
}

static void factors__of_the_open_entry_or_none__are_told(void **state)
{
    static const char *const cases[][2] = {
        { "{'schedule':'evenings','any':[['card']]},{'any':[['qr']]}", "gym.in takes qr" },
        { "{'schedule':'evenings','any':[['card']]}", "gym.in takes any one credential but a PIN alone" },
        { "{'schedule':'gone','any':[['card']]}",
          "gym.in takes nothing: a schedule of its factors is missing" },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char line[512];

        snprintf(line, sizeof(line),
                 "{'at':'" SUNDAY "','put':{'kind':'access_point','item':{'id':'gym.in','door':'gym',"
                 "'direction':'entry','to':'gym','factors':[%s]}}}",
                 cases[i][0]);
        say(*state, line);
        assert_string_equal(told(*state, &of_ada, REASON_FACTORS_NOT_ALLOWED, 0), cases[i][1]);
    }
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

static void every_reason__has_a_name_that_leads_back(void **state)
{
    for (enum reason reason = 0; reason < REASONS; reason++)
        assert_int_equal(reason_find(reason_name(reason)), reason);
    assert_int_equal(reason_find("RAIN"), REASONS);
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
        TEST(unknown_point__is_said),
        TEST(blocked__says_by_what),
        TEST(outside_schedule__never_or_not_this_week__is_said),
        TEST(outside_schedule__days_that_end_otherwise__stand_apart),
        TEST(outside_schedule__many_rules__three_are_told),
        TEST(outside_schedule__then_no_clock__says_no_time),
        TEST(no_rule__names_one_that_is_not_valid),
        TEST(type_not_allowed__names_the_types),
        TEST(user__blocked_not_started_or_linked__says_why),
        TEST(credential__gone_since__is_not_named),
        TEST(min_interval__over_or_without_a_clock__says_less),
        TEST(factors__of_the_open_entry_or_none__are_told),
        TEST(expired__names_the_last_day),
        TEST(no_rule__names_the_tags),
        TEST(no_rule__names_one_that_is_off),
        TEST(min_interval_and_anti_passback__say_since_when),
        TEST(locked_out__says_how_long),
        TEST(factors__are_listed),
        TEST(every_reason__has_a_name_that_leads_back),
        TEST(every_reason__has_a_sentence),
        TEST(schedule__special_day__shows_in_its_week),
    };

    return cmocka_run_group_tests_name("explain", tests, NULL, NULL);
}
