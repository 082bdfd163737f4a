/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who would be let in where, and the rules that came nearest. */
#include "tests/unit/script_fixture.h"

#include <inttypes.h>

#include "gateway/core/reach.h"
#include "proto/event.h"

/* A Sunday, 11:00 in Madrid. */
#define SUNDAY "2026-03-01T10:00:00Z"

static const char *const items[] = {
    "{'kind':'site','item':{'id':'hub','timezone':'Europe/Madrid'}}",
    "{'kind':'device','item':{'id':'unit','driver':'sim','targets':['t1']}}",
    "{'kind':'tag','item':{'id':'gold'}}",
    "{'kind':'tag','item':{'id':'member'}}",
    "{'kind':'schedule','item':{'id':'evenings','windows':[{'days':['mon','tue'],'from':'17:00','to':'22:00'"
    "}]}}",
    "{'kind':'schedule','item':{'id':'nights','windows':[{'days':['sun'],'from':'22:00','to':'02:00'},{'days'"
    ":['sun'],'from':'02:30','to':'04:00'}]}}",
    "{'kind':'door','item':{'id':'gym','kind':'door','target':'t1'}}",
    "{'kind':'access_point','item':{'id':'gym.in','door':'gym','direction':'entry'}}",
    "{'kind':'access_point','item':{'id':'side.in','door':'gym','direction':'entry'}}",
    "{'kind':'user','item':{'id':'ada','tags':['member']}}",
    "{'kind':'user','item':{'id':'ben','tags':['member']}}",
    "{'kind':'credential','item':{'id':'c1','user':'ada','type':'card','value':'01','status':'lost'}}",
    "{'kind':'credential','item':{'id':'c2','user':'ada','type':'card','value':'02'}}",
};

static int setup(void **state)
{
    int r = setup_items(state, items, sizeof(items) / sizeof(items[0]));

    say(*state, "{'at':'" SUNDAY "','clock':'synced'}");
    return r;
}

static void put_rule(struct fixture *f, const char *item)
{
    char line[512];

    snprintf(line, sizeof(line), "{'at':'" SUNDAY "','put':{'kind':'rule','item':{'points':['gym.in'],%s}}}",
             item);
    say(f, line);
}

static uint32_t find(struct fixture *f, enum item_kind kind, const char *id)
{
    uint32_t index = policy_find(f->script.policy, kind, id);

    assert_int_not_equal(index, POLICY_NONE);
    return index;
}

static struct verdict ask(struct fixture *f, const char *user, const char *point)
{
    struct verdict verdict;

    reach_ask(f->script.world, find(f, ITEM_USER, user), find(f, ITEM_ACCESS_POINT, point), &f->script.now,
              &verdict);
    return verdict;
}

/* "rule state opening" of each, after the time of script.now. */
static const char *nearest(struct fixture *f, const char *user)
{
    const struct verdict verdict = ask(f, user, "gym.in");
    struct reach_rule near[REACH_RULES_MAX];
    size_t count = reach_nearest(f->script.world, &verdict, &f->script.now, near);

    text_reset(&f->text);
    for (size_t i = 0; i < count; i++) {
        char utc[UTC_SIZE] = "";

        text_addf(&f->text, "%s%s %s", i ? ", " : "", policy_rule(f->script.policy, near[i].rule)->id,
                  reach_state_name(near[i].state));
        if (near[i].opens_us == INSTANT_MIN)
            text_add(&f->text, " open");
        else if (near[i].opens_us != INSTANT_MAX && event_utc_format(near[i].opens_us, utc))
            text_addf(&f->text, " %.16s", utc);
    }
    return text_string(&f->text);
}

static void ask__one_of_two_cards_is_lost__is_granted_by_the_other(void **state)
{
    struct fixture *f = *state;

    put_rule(f, "'id':'r1','tags':['member']");
    struct verdict verdict = ask(f, "ada", "gym.in");

    assert_int_equal(verdict.kind, VERDICT_GRANT);
    assert_string_equal(policy_id(f->script.policy, ITEM_CREDENTIAL, verdict.credential), "c2");
}

static void ask__one_is_lost_and_one_lacks_a_factor__is_pending(void **state)
{
    struct fixture *f = *state;

    say(f, "{'at':'" SUNDAY "','put':{'kind':'access_point','item':{'id':'gym.in','door':'gym','direction':'"
           "entry','factors':[{'any':[['card','pin'],['qr']]}]}}}");
    say(f, "{'at':'" SUNDAY "','put':{'kind':'credential','item':{'id':'a','user':'ben','type':'qr','value':'"
           "x','status':'lost'}}}");
    say(f,
        "{'at':'" SUNDAY "','put':{'kind':'credential','item':{'id':'b','user':'ben','type':'card','value':"
        "'03'}}}");
    put_rule(f, "'id':'r1','tags':['member']");
    struct verdict verdict = ask(f, "ben", "gym.in");

    assert_int_equal(verdict.kind, VERDICT_PENDING);
    assert_int_equal(verdict.reason, REASON_SECOND_FACTOR_REQUIRED);
}

static void ask__no_credential__is_unknown_and_names_the_user(void **state)
{
    struct fixture *f = *state;

    put_rule(f, "'id':'r1','tags':['member']");
    struct verdict verdict = ask(f, "ben", "gym.in");

    assert_int_equal(verdict.kind, VERDICT_DENY);
    assert_int_equal(verdict.reason, REASON_UNKNOWN_CREDENTIAL);
    assert_int_equal(verdict.user, find(f, ITEM_USER, "ben"));
    assert_string_equal(nearest(f, "ben"), "");
}

static void ask__point_without_target__is_unknown_with_or_without_a_credential(void **state)
{
    struct fixture *f = *state;

    say(f, "{'at':'" SUNDAY "','del':{'kind':'device','id':'unit'}}");
    for (size_t i = 0; i < 2; i++) {
        struct verdict verdict = ask(f, i ? "ada" : "ben", "gym.in");

        assert_int_equal(verdict.reason, REASON_UNKNOWN_POINT);
        assert_int_equal(verdict.door, POLICY_NONE);
        assert_int_not_equal(verdict.user, POLICY_NONE);
    }
}

/* Asked between the end of a passage's time and the call that lets it happen. */
static void ask__awaited_passage_is_over__interlock_is_free(void **state)
{
    struct fixture *f = *state;
    struct verdict verdict;

    say(f, "{'at':'" SUNDAY
           "','put':{'kind':'device','item':{'id':'unit','driver':'sim','targets':['t1','t2']}}}");
    say(f, "{'at':'" SUNDAY
           "','put':{'kind':'door','item':{'id':'gym','kind':'door','target':'t1','interlock':'i'"
           "}}}");
    say(f, "{'at':'" SUNDAY
           "','put':{'kind':'door','item':{'id':'lock','kind':'door','target':'t2','interlock':'i'"
           ",'passage':'sensed'}}}");
    say(f, "{'at':'" SUNDAY "','put':{'kind':'access_point','item':{'id':'lock.in','door':'lock','direction':"
           "'entry'}}}");
    say(f,
        "{'at':'" SUNDAY "','put':{'kind':'rule','item':{'id':'r','users':['ada'],'doors':['gym','lock']}}}");
    say(f, "{'at':'" SUNDAY "','input':{'door':'gym','role':'contact','value':false}}");
    say(f, "{'at':'" SUNDAY "','input':{'door':'lock','role':'contact','value':false}}");
    say(f, "{'at':'" SUNDAY "','present':{'point':'lock.in','credential':{'type':'card','value':'02'}}}");
    assert_int_equal(ask(f, "ada", "gym.in").reason, REASON_INTERLOCK);
    struct timestamp later = f->script.now;

    later.boot_us += 5 * USEC_PER_SEC;
    reach_ask(f->script.world, find(f, ITEM_USER, "ada"), find(f, ITEM_ACCESS_POINT, "gym.in"), &later,
              &verdict);
    assert_int_equal(verdict.reason, REASON_RULE);
}

static void joins__by_an_enabled_rule_only(void **state)
{
    struct fixture *f = *state;
    const struct policy *policy;

    put_rule(f, "'id':'r1','tags':['member'],'enabled':false");
    policy = f->script.policy;
    assert_false(reach_joins(policy, find(f, ITEM_USER, "ada"), find(f, ITEM_ACCESS_POINT, "gym.in")));
    put_rule(f, "'id':'r2','users':['ada'],'schedule':'never'");
    policy = f->script.policy;
    assert_true(reach_joins(policy, find(f, ITEM_USER, "ada"), find(f, ITEM_ACCESS_POINT, "gym.in")));
    assert_false(reach_joins(policy, find(f, ITEM_USER, "ada"), find(f, ITEM_ACCESS_POINT, "side.in")));
}

static void nearest__granted__is_nothing(void **state)
{
    put_rule(*state, "'id':'r1','tags':['member']");
    put_rule(*state, "'id':'r2','tags':['gold']");
    assert_string_equal(nearest(*state, "ada"), "");
}

static void nearest__every_state__nearest_first(void **state)
{
    put_rule(*state, "'id':'a','tags':['gold']");
    put_rule(*state, "'id':'b','tags':['member'],'enabled':false");
    put_rule(*state, "'id':'c','tags':['member'],'valid_until':'2026-02-28'");
    put_rule(*state, "'id':'d','tags':['member'],'valid_from':'2026-03-03'");
    assert_string_equal(nearest(*state, "ada"),
                        "d not_started 2026-03-02T23:00, c expired open, b off open, a others open");
    put_rule(*state, "'id':'e','tags':['member'],'types':['pin']");
    put_rule(*state, "'id':'f','users':['ada'],'schedule':'evenings'");
    assert_string_equal(nearest(*state, "ada"),
                        "f closed 2026-03-02T16:00, e other_type open, d not_started 2026-03-02T23:00, "
                        "c expired open, b off open");
}

static void nearest__type_alone_is_wrong__is_told(void **state)
{
    put_rule(*state, "'id':'a','tags':['member'],'types':['pin']");
    assert_string_equal(nearest(*state, "ada"), "a other_type open");
}

static void nearest__several_closed__the_earliest_first(void **state)
{
    put_rule(*state, "'id':'a','tags':['member'],'schedule':'never'");
    put_rule(*state, "'id':'b','tags':['member'],'schedule':'evenings'");
    put_rule(*state, "'id':'c','tags':['member'],'schedule':'nights'");
    put_rule(*state, "'id':'d','tags':['member'],'schedule':'evenings','valid_until':'2026-03-01'");
    assert_string_equal(nearest(*state, "ada"),
                        "c closed 2026-03-01T21:00, b closed 2026-03-02T16:00, a closed, d closed");
}

static void nearest__others_that_do_not_hold__are_left_out(void **state)
{
    put_rule(*state, "'id':'a','tags':['gold'],'enabled':false");
    put_rule(*state, "'id':'b','tags':['gold'],'valid_until':'2026-02-28'");
    put_rule(*state, "'id':'c','tags':['gold'],'valid_from':'2026-03-03'");
    put_rule(*state, "'id':'d','users':['ben']");
    assert_string_equal(nearest(*state, "ada"), "d others open");
}

static void nearest__not_started_and_closed_then__opens_with_its_schedule(void **state)
{
    put_rule(*state, "'id':'a','tags':['member'],'valid_from':'2026-03-03','schedule':'evenings'");
    assert_string_equal(nearest(*state, "ada"), "a not_started 2026-03-03T16:00");
    put_rule(*state, "'id':'a','tags':['member'],'valid_from':'2026-04-03'");
    assert_string_equal(nearest(*state, "ada"), "a not_started");
}

static void nearest__opening_in_a_skipped_hour__is_its_end(void **state)
{
    struct fixture *f = *state;

    put_rule(f, "'id':'a','tags':['member'],'schedule':'nights'");
    say(f, "{'at':'2026-03-29T00:30:00Z','clock':'synced'}"); /* 01:30; at 02:00 it is 03:00 */
    assert_string_equal(nearest(f, "ada"), "a closed 2026-03-29T01:00");
}

static void nearest__no_clock__tells_no_opening(void **state)
{
    struct fixture *f = *state;

    put_rule(f, "'id':'a','tags':['member'],'schedule':'never'");
    put_rule(f, "'id':'b','tags':['gold'],'schedule':'evenings'");
    put_rule(f, "'id':'c','tags':['gold']");
    say(f, "{'at':'" SUNDAY "','clock':'none'}");
    assert_string_equal(nearest(f, "ada"), "a closed, c others open, b others");
}

static void nearest__no_clock_but_limits__tells_no_opening(void **state)
{
    struct fixture *f = *state;

    put_rule(f, "'id':'a','tags':['gold'],'valid_until':'2026-12-31'");
    put_rule(f, "'id':'b','tags':['gold'],'valid_from':'2026-01-01'");
    say(f, "{'at':'" SUNDAY "','clock':'none'}");
    assert_string_equal(nearest(f, "ada"), "a others, b others");
}

static void nearest__a_day_of_several_windows__the_first_that_is_to_come(void **state)
{
    struct fixture *f = *state;

    say(f, "{'at':'" SUNDAY "','put':{'kind':'schedule','item':{'id':'evenings','windows':["
           "{'days':['sun'],'from':'20:00','to':'21:00'},{'days':['sun'],'from':'10:00','to':'10:30'},"
           "{'days':['sun'],'from':'15:00','to':'16:00'},{'days':['sun'],'from':'18:00','to':'19:00'}]}}}");
    put_rule(f, "'id':'a','tags':['member'],'schedule':'evenings'");
    assert_string_equal(nearest(f, "ada"), "a closed 2026-03-01T14:00");
}

/* The clock is put forward at two, so that a window from 02:30 to 02:45 is not there. */
static void nearest__window_in_a_skipped_hour__is_passed_over(void **state)
{
    struct fixture *f = *state;

    say(f, "{'at':'" SUNDAY "','put':{'kind':'schedule','item':{'id':'evenings','windows':["
           "{'days':['sun'],'from':'02:30','to':'02:45'},{'days':['mon'],'from':'08:00','to':'09:00'}]}}}");
    put_rule(f, "'id':'a','tags':['member'],'schedule':'evenings'");
    say(f, "{'at':'2026-03-28T12:00:00Z','clock':'synced'}");
    assert_string_equal(nearest(f, "ada"), "a closed 2026-03-30T06:00");
}

static void nearest__more_than_are_told__the_farthest_fall_off(void **state)
{
    struct fixture *f = *state;

    for (char id = 'b'; id <= 'f'; id++) {
        char rule[64];

        snprintf(rule, sizeof(rule), "'id':'%c','tags':['gold']", id);
        put_rule(f, rule);
    }
    put_rule(f, "'id':'a','tags':['gold']");
    put_rule(f, "'id':'z','tags':['member'],'schedule':'never'");
    assert_string_equal(nearest(f, "ada"),
                        "z closed, a others open, b others open, c others open, d others open");
}

static void nearest__policy_changed_since__tells_no_rule_that_lets_in(void **state)
{
    struct fixture *f = *state;
    struct verdict verdict = ask(f, "ada", "gym.in");
    struct reach_rule near[REACH_RULES_MAX];

    put_rule(f, "'id':'a','tags':['member']");
    assert_int_equal(verdict.reason, REASON_NO_RULE);
    assert_int_equal(reach_nearest(f->script.world, &verdict, &f->script.now, near), 0);
    verdict.user = POLICY_NONE;
    assert_int_equal(reach_nearest(f->script.world, &verdict, &f->script.now, near), 0);
    verdict.user = find(f, ITEM_USER, "ada");
    verdict.point = POLICY_NONE;
    assert_int_equal(reach_nearest(f->script.world, &verdict, &f->script.now, near), 0);
}

static void find_from__goes_on_where_an_id_was(void **state)
{
    struct fixture *f = *state;
    const struct policy *policy = f->script.policy;

    assert_int_equal(policy_find_from(policy, ITEM_USER, ""), 0);
    assert_int_equal(policy_find_from(policy, ITEM_USER, "ada"), 0);
    assert_int_equal(policy_find_from(policy, ITEM_USER, "adam"), 1);
    assert_int_equal(policy_find_from(policy, ITEM_USER, "ben"), 1);
    assert_int_equal(policy_find_from(policy, ITEM_USER, "zoe"), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(ask__one_of_two_cards_is_lost__is_granted_by_the_other),
        TEST(ask__one_is_lost_and_one_lacks_a_factor__is_pending),
        TEST(ask__no_credential__is_unknown_and_names_the_user),
        TEST(ask__point_without_target__is_unknown_with_or_without_a_credential),
        TEST(ask__awaited_passage_is_over__interlock_is_free),
        TEST(joins__by_an_enabled_rule_only),
        TEST(nearest__granted__is_nothing),
        TEST(nearest__every_state__nearest_first),
        TEST(nearest__type_alone_is_wrong__is_told),
        TEST(nearest__several_closed__the_earliest_first),
        TEST(nearest__others_that_do_not_hold__are_left_out),
        TEST(nearest__not_started_and_closed_then__opens_with_its_schedule),
        TEST(nearest__opening_in_a_skipped_hour__is_its_end),
        TEST(nearest__no_clock__tells_no_opening),
        TEST(nearest__no_clock_but_limits__tells_no_opening),
        TEST(nearest__a_day_of_several_windows__the_first_that_is_to_come),
        TEST(nearest__window_in_a_skipped_hour__is_passed_over),
        TEST(nearest__more_than_are_told__the_farthest_fall_off),
        TEST(nearest__policy_changed_since__tells_no_rule_that_lets_in),
        TEST(find_from__goes_on_where_an_id_was),
    };

    return cmocka_run_group_tests_name("reach", tests, NULL, NULL);
}
