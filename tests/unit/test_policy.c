/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A policy compiled from its items. */
#include "tests/unit/policy_fixture.h"

/* --- building --- */

static void policy_builder__nothing_added__utc_and_nothing_there(void **state)
{
    struct fixture *f = *state;

    finish(f);
    assert_string_equal(policy_site(f->policy)->timezone, "UTC");
    assert_false(policy_site(f->policy)->ignore_untrusted_clock);
    assert_int_equal(zone_local(policy_zone(f->policy), us("2026-07-01T00:00:00Z")).offset, 0);
    for (int kind = 0; kind < ITEM_KINDS; kind++) {
        assert_int_equal(policy_count(f->policy, (enum item_kind)kind), 0);
        assert_int_equal(policy_find(f->policy, (enum item_kind)kind, "x"), POLICY_NONE);
        assert_null(policy_id(f->policy, (enum item_kind)kind, POLICY_NONE));
    }
    assert_int_equal(policy_dangling_count(f->policy), 0);
    assert_int_equal(policy_point_of_reader(f->policy, "x"), POLICY_NONE);
    assert_int_equal(policy_door_of_target(f->policy, "x"), POLICY_NONE);
    uint8_t hash[CREDENTIAL_HASH_BYTES] = { 0 };
    uint32_t found = 77;

    assert_int_equal(policy_lookup(f->policy, CREDENTIAL_CARD, hash, &found), 0);
    assert_int_equal(found, 77);
}

static void policy_find__what_is_built_in__there_without_being_defined(void **state)
{
    struct fixture *f = *state;

    finish(f);
    assert_int_equal(policy_find(f->policy, ITEM_AREA, "outside"), AREA_OUTSIDE);
    assert_int_equal(policy_find(f->policy, ITEM_SCHEDULE, "always"), SCHEDULE_ALWAYS);
    assert_int_equal(policy_find(f->policy, ITEM_SCHEDULE, "never"), SCHEDULE_NEVER);
    assert_string_equal(policy_id(f->policy, ITEM_AREA, AREA_OUTSIDE), "outside");
    assert_string_equal(policy_id(f->policy, ITEM_SCHEDULE, SCHEDULE_ALWAYS), "always");
    assert_string_equal(policy_id(f->policy, ITEM_SCHEDULE, SCHEDULE_NEVER), "never");
    assert_int_equal(policy_find(f->policy, ITEM_TAG, "outside"), POLICY_NONE);
    assert_int_equal(policy_find(f->policy, ITEM_AREA, "always"), POLICY_NONE);
}

static void policy_builder__second_site_or_no_such_zone__refused(void **state)
{
    struct fixture *f = *state;
    struct json_error error;

    assert_int_equal(try_add(f, "site {'id':'s','timezone':'Europe/Nowhere'}", &error), -EBADMSG);
    assert_string_equal(error.path, "timezone");
    assert_int_equal(try_add(f, "site {'id':'s','timezone':'Europe'}", &error), -EBADMSG);
    assert_string_equal(error.path, "timezone");
    add(f, "site {'id':'s','timezone':'Europe/Madrid','untrusted_clock':'ignore_time'}");
    assert_int_equal(try_add(f, "site {'id':'s2','timezone':'UTC'}", &error), -EBADMSG);
    finish(f);
    assert_string_equal(policy_site(f->policy)->timezone, "Europe/Madrid");
    assert_true(policy_site(f->policy)->ignore_untrusted_clock);
}

static void policy_builder__unknown_kind__ignored(void **state)
{
    struct fixture *f = *state;

    BUILD(f, "hologram {'id':'x','user':7}", "tag {'id':'t'}");
    assert_int_equal(policy_count(f->policy, ITEM_TAG), 1);
    assert_int_equal(policy_dangling_count(f->policy), 0);
}

static void policy_builder_add__not_checked_before__refused_and_named(void **state)
{
    struct fixture *f = *state;
    cleanup_with(json_putp) struct json_object *item = json_object_new_object();
    struct json_error error;

    for (int kind = 0; kind < ITEM_KINDS; kind++) {
        assert_int_equal(policy_builder_add(f->builder, (enum item_kind)kind, item, "{}", 2, &error),
                         -EBADMSG);
        assert_string_equal(error.path, "id");
    }
}

static void policy_builder__never_finished__freed(void **state)
{
    struct fixture *f = *state;

    add(f, "user {'id':'u','tags':['t'],'link':'l','block':{'message':'m'}}");
    add(f, "credential {'id':'c','user':'u','type':'pin','value':'1234'}");
    add(f, "site {'id':'s','timezone':'UTC'}");
    add(f, "device {'id':'d','driver':'sim'}");
    f->builder = policy_builder_free(f->builder);
    assert_null(policy_builder_free(NULL));
    assert_null(policy_free(NULL));
}

static void policy_share__lasts_until_both_have_freed_it(void **state)
{
    struct fixture *f = *state;

    BUILD(f, "tag {'id':'t'}");
    assert_ptr_equal(policy_share(f->policy), f->policy);
    assert_null(policy_free(f->policy));
    assert_string_equal(policy_id(f->policy, ITEM_TAG, 0), "t");
}

static void policy__ids_by_bytes__indexes_in_order(void **state)
{
    static const char *const ids[] = {
        "0", "A", "Z", "a", "a-", "a.", "a0", "a:", "aA", "a_", "aa", X64, "z"
    };
    struct fixture *f = *state;
    size_t count = sizeof(ids) / sizeof(ids[0]);

    for (size_t i = count; i-- > 0;) {
        addf(f, "tag {'id':'%s'}", ids[i]);
        addf(f, "user {'id':'%s','name':'n%zu'}", ids[i], i);
        addf(f, "credential {'id':'%s','user':'%s','type':'qr','value':'%zu'}", ids[i], ids[i], i);
        addf(f, "rule {'id':'%s','users':['%s']}", ids[i], ids[i]);
    }
    finish(f);
    for (uint32_t i = 0; i < count; i++) {
        assert_int_equal(policy_find(f->policy, ITEM_TAG, ids[i]), i);
        assert_int_equal(policy_find(f->policy, ITEM_USER, ids[i]), i);
        assert_int_equal(policy_find(f->policy, ITEM_CREDENTIAL, ids[i]), i);
        assert_int_equal(policy_find(f->policy, ITEM_RULE, ids[i]), i);
        assert_string_equal(policy_id(f->policy, ITEM_USER, i), ids[i]);
        assert_string_equal(policy_id(f->policy, ITEM_CREDENTIAL, i), ids[i]);
        assert_string_equal(policy_id(f->policy, ITEM_TAG, i), ids[i]);
        assert_string_equal(policy_rule(f->policy, i)->id, ids[i]);
        assert_string_equal(policy_user(f->policy, i).id, ids[i]);
        assert_int_equal(policy_credential(f->policy, i).user, i);
    }
    assert_int_equal(policy_find(f->policy, ITEM_USER, X64 "x"), POLICY_NONE);
    assert_int_equal(policy_find(f->policy, ITEM_USER, ""), POLICY_NONE);
}

/* --- what was said, and what holds where nothing was said --- */

static void policy_door__presets_and_members(void **state)
{
    struct fixture *f = *state;

    BUILD(
        f, "door {'id':'a','kind':'door','target':'t1'}",
        "door {'id':'b','kind':'turnstile','target':'t2','name':'Main','pulse_ms':1000,'strict_log':true,"
        "'min_interval_s':{'employee':5},'interlock':'g','mode':'blocked','held_ms':2000,'passage_timeout_ms'"
        ":700}",
        "door {'id':'c','kind':'turnstile','target':'t3','passage':'assumed','interlock':'g'}",
        "door "
        "{'id':'d','kind':'barrier','target':'t4','passage':'sensed','extended_pulse_ms':50,'interlock':'h'}",
        "door {'id':'e','kind':'barrier','target':'t5','interlock':'h'}",
        "device {'id':'v','driver':'sim','targets':['t1','t2','t3','t4','t5'],'points':['p'],'rate':9600}");
    const struct policy_door *a = policy_door(f->policy, find(f, ITEM_DOOR, "a"));
    const struct policy_door *b = policy_door(f->policy, find(f, ITEM_DOOR, "b"));
    const struct policy_door *c = policy_door(f->policy, find(f, ITEM_DOOR, "c"));
    const struct policy_door *d = policy_door(f->policy, find(f, ITEM_DOOR, "d"));
    const struct policy_door *e = policy_door(f->policy, find(f, ITEM_DOOR, "e"));

    assert_true(a->pulse_ms == 3000 && a->extended_pulse_ms == 9000 && a->held_ms == 30000);
    assert_true(a->passage_timeout_ms == 5000 && !a->sensed && !a->strict_log &&
                a->mode == DOOR_MODE_CONTROLLED);
    assert_true(a->kind == DOOR_KIND_DOOR && a->interlock == POLICY_NONE && a->mode_count == 0);
    assert_true(a->min_interval_s[USER_MEMBER] == 0 && a->min_interval_s[USER_EMPLOYEE] == 0);
    assert_string_equal(a->target, "t1");
    assert_true(b->pulse_ms == 1000 && b->extended_pulse_ms == 3000 && b->held_ms == 2000);
    assert_true(b->passage_timeout_ms == 700 && b->sensed && b->strict_log && b->mode == DOOR_MODE_BLOCKED);
    assert_true(b->min_interval_s[USER_EMPLOYEE] == 5 && b->min_interval_s[USER_VISITOR] == 0);
    assert_string_equal(b->name, "Main");
    assert_true(!c->sensed && c->interlock == b->interlock && c->interlock != POLICY_NONE);
    assert_true(d->sensed && d->extended_pulse_ms == 50 && d->interlock != c->interlock);
    assert_true(!e->sensed && e->interlock == d->interlock);
    assert_int_equal(policy_door_of_target(f->policy, "t4"), find(f, ITEM_DOOR, "d"));
    assert_int_equal(policy_door_of_target(f->policy, "t"), POLICY_NONE);
    const struct policy_device *device = policy_device(f->policy, a->device);

    assert_string_equal(device->driver, "sim");
    assert_int_equal(device->json_len, strlen(device->json));
    assert_non_null(strstr(device->json, "\"rate\":9600"));
}

static void policy_point_and_area__presets_and_members(void **state)
{
    struct fixture *f = *state;

    BUILD(
        f, "device {'id':'v','driver':'sim','targets':['t']}", "door {'id':'d','kind':'door','target':'t'}",
        "area {'id':'gym'}",
        "area {'id':'pool','capacity':0,'anti_passback':'timed','anti_passback_min':5,'forgive_at':'04:30'}",
        "access_point {'id':'in','door':'d','direction':'entry','to':'gym','readers':['r1','r2']}",
        "access_point "
        "{'id':'out','door':'d','direction':'exit','from':'gym','to':'outside','readers':['r2','r3'],"
        "'factor_timeout_s':300,'min_assurance':'authenticated','two_person':true,'max_age_ms':100,"
        "'factors':[{'any':[['card'],['pin','card']]},{'schedule':'never','any':[['qr']]}]}");
    const struct policy_point *in = policy_point(f->policy, find(f, ITEM_ACCESS_POINT, "in"));
    const struct policy_point *out = policy_point(f->policy, find(f, ITEM_ACCESS_POINT, "out"));
    const struct policy_area *gym = policy_area(f->policy, find(f, ITEM_AREA, "gym"));
    const struct policy_area *pool = policy_area(f->policy, find(f, ITEM_AREA, "pool"));

    assert_true(in->usable && in->from == AREA_OUTSIDE && in->to == find(f, ITEM_AREA, "gym"));
    assert_true(in->door == find(f, ITEM_DOOR, "d") && in->direction == DIRECTION_ENTRY && !in->two_person);
    assert_true(in->factor_timeout_us == 10 * USEC_PER_SEC && in->max_age_us == 5 * USEC_PER_SEC);
    assert_true(in->min_assurance == ASSURANCE_IDENTIFIER && in->factor_count == 0 && in->reader_count == 2);
    assert_true(out->usable && out->to == AREA_OUTSIDE && out->direction == DIRECTION_EXIT &&
                out->two_person);
    assert_true(out->factor_timeout_us == 300 * USEC_PER_SEC && out->max_age_us == 100 * USEC_PER_MSEC);
    assert_true(out->min_assurance == ASSURANCE_AUTHENTICATED && out->factor_count == 2);
    assert_true(out->factors[0].schedule == SCHEDULE_ALWAYS && out->factors[0].any_count == 2);
    assert_int_equal(out->factors[0].any[0], 1 << CREDENTIAL_CARD);
    assert_int_equal(out->factors[0].any[1], 1 << CREDENTIAL_CARD | 1 << CREDENTIAL_PIN);
    assert_true(out->factors[1].schedule == SCHEDULE_NEVER && out->factors[1].any[0] == 1 << CREDENTIAL_QR);
    assert_true(gym->capacity == -1 && gym->anti_passback == ANTI_PASSBACK_OFF && gym->forgive_at_s == -1);
    assert_true(gym->anti_passback_us == 3600 * USEC_PER_SEC);
    assert_true(pool->capacity == 0 && pool->anti_passback == ANTI_PASSBACK_TIMED);
    assert_true(pool->anti_passback_us == 300 * USEC_PER_SEC && pool->forgive_at_s == 4 * 3600 + 1800);
    assert_int_equal(policy_point_of_reader(f->policy, "r1"), find(f, ITEM_ACCESS_POINT, "in"));
    assert_int_equal(policy_point_of_reader(f->policy, "r2"), find(f, ITEM_ACCESS_POINT, "in"));
    assert_int_equal(policy_point_of_reader(f->policy, "r3"), find(f, ITEM_ACCESS_POINT, "out"));
    assert_int_equal(policy_point_of_reader(f->policy, "r"), POLICY_NONE);
    assert_int_equal(policy_point_of_reader(f->policy, "r4"), POLICY_NONE);
}

static void policy_point__reader_at_two_points__first_by_id(void **state)
{
    struct fixture *f = *state;

    BUILD(f, "door {'id':'d','kind':'door','target':'t'}",
          "access_point {'id':'c','door':'d','direction':'entry','readers':['y','r']}",
          "access_point {'id':'a','door':'d','direction':'entry','readers':['x']}",
          "access_point {'id':'b','door':'d','direction':'entry','readers':['r','z']}");
    assert_int_equal(policy_point_of_reader(f->policy, "r"), find(f, ITEM_ACCESS_POINT, "b"));
    assert_int_equal(policy_point_of_reader(f->policy, "y"), find(f, ITEM_ACCESS_POINT, "c"));
}

static void policy_user_and_credential__presets_and_members(void **state)
{
    struct fixture *f = *state;

    BUILD(f, "user {'id':'a'}",
          "user "
          "{'id':'b','kind':'visitor','status':'cancelled','mobile':false,'extended_time':true,'apb_exempt':"
          "true,"
          "'block':{'from':'2026-01-01T00:00:00Z','message':'Ask at the desk'},'link':'l','tags':['t','t']}",
          "user {'id':'c','block':{}}", "link {'id':'l'}", "tag {'id':'t'}",
          "credential {'id':'k1','user':'a','type':'card','value':'04'}",
          "credential "
          "{'id':'k2','user':'b','type':'pin','value':'0000','status':'lost','uses':0,'duress':true}",
          "credential {'id':'k3','user':'b','type':'qr','value':'x','uses':1000000}");
    struct policy_user a = policy_user(f->policy, find(f, ITEM_USER, "a"));
    struct policy_user b = policy_user(f->policy, find(f, ITEM_USER, "b"));
    struct policy_user c = policy_user(f->policy, find(f, ITEM_USER, "c"));
    struct policy_credential k1 = policy_credential(f->policy, find(f, ITEM_CREDENTIAL, "k1"));
    struct policy_credential k2 = policy_credential(f->policy, find(f, ITEM_CREDENTIAL, "k2"));

    assert_true(a.kind == USER_MEMBER && a.status == USER_ACTIVE && a.mobile && !a.extended_time &&
                !a.apb_exempt);
    assert_true(a.valid_from_us == INSTANT_MIN && a.valid_until_us == INSTANT_MAX && !a.blocked && !a.linked);
    assert_true(b.kind == USER_VISITOR && b.status == USER_CANCELLED && !b.mobile && b.extended_time &&
                b.apb_exempt);
    assert_true(b.blocked && b.block_from_us == us("2026-01-01T00:00:00Z") && b.linked && b.link == 0);
    assert_string_equal(b.block_message, "Ask at the desk");
    assert_true(policy_user_has_tag(f->policy, find(f, ITEM_USER, "b"), 0));
    assert_false(policy_user_has_tag(f->policy, find(f, ITEM_USER, "a"), 0));
    assert_true(c.blocked && c.block_from_us == INSTANT_MIN && c.block_message == NULL);
    assert_true(k1.type == CREDENTIAL_CARD && k1.status == CREDENTIAL_ACTIVE && k1.uses == -1 && !k1.duress);
    assert_true(k2.type == CREDENTIAL_PIN && k2.status == CREDENTIAL_LOST && k2.uses == 0 && k2.duress);
    assert_int_equal(policy_credential(f->policy, find(f, ITEM_CREDENTIAL, "k3")).uses, 1000000);
    const struct policy_link *link = policy_link(f->policy, 0);

    assert_true(link->enabled && link->max_stale_us == INT64_C(72) * 3600 * USEC_PER_SEC);
    assert_true(link->refreshed_us == INSTANT_MIN);
}

static void policy__dates__begin_and_end_with_the_sites_day(void **state)
{
    struct fixture *f = *state;

    BUILD(
        f,
        "user {'id':'u','valid_from':'2026-03-29','valid_until':'2026-10-25','block':{'from':'2026-07-01'}}",
        "site {'id':'s','timezone':'Europe/Madrid'}",
        "credential "
        "{'id':'c','user':'u','type':'qr','value':'1','valid_from':'2026-03-29','valid_until':'2026-03-29'}",
        "rule {'id':'r','valid_from':'2026-10-25','valid_until':'2026-10-25T02:30:00.1234567+02:00'}");
    struct policy_user user = policy_user(f->policy, 0);
    struct policy_credential credential = policy_credential(f->policy, 0);

    assert_true(user.valid_from_us == us("2026-03-28T23:00:00Z"));
    assert_true(user.valid_until_us == us("2026-10-25T23:00:00Z"));
    assert_true(user.block_from_us == us("2026-06-30T22:00:00Z"));
    assert_true(credential.valid_from_us == us("2026-03-28T23:00:00Z"));
    assert_true(credential.valid_until_us == us("2026-03-29T22:00:00Z"));
    assert_true(policy_rule(f->policy, 0)->valid_from_us == us("2026-10-24T22:00:00Z"));
    assert_true(policy_rule(f->policy, 0)->valid_until_us == us("2026-10-25T00:30:00Z") + 123456);
}

static void policy__dates_without_midnight__begin_where_the_day_does(void **state)
{
    struct fixture *f = *state;

    BUILD(f, "site {'id':'s','timezone':'America/Sao_Paulo'}",
          "user {'id':'u','valid_from':'2017-10-15','valid_until':'2017-10-14'}");
    assert_true(policy_user(f->policy, 0).valid_from_us == us("2017-10-15T03:00:00Z"));
    assert_true(policy_user(f->policy, 0).valid_until_us == us("2017-10-15T03:00:00Z"));
}

/* --- what is missing --- */

static void policy__missing_references__listed_and_without_effect(void **state)
{
    struct fixture *f = *state;

    BUILD(f, "site {'id':'s','timezone':'UTC','lockdown_tags':['nix','staff']}", "tag {'id':'staff'}",
          "device {'id':'v','driver':'sim','targets':['t']}",
          "door {'id':'good','kind':'door','target':'t','mode_schedules':["
          "{'schedule':'gone','mode':'unlocked','first_person':'gone'},{'schedule':'never','mode':'blocked'},"
          "{'schedule':'broken','mode':'unlocked'}]}",
          "door {'id':'bare','kind':'door','target':'t9'}",
          "schedule {'id':'broken','special':[{'calendar':'gone','windows':[]}]}",
          "access_point "
          "{'id':'p1','door':'good','direction':'entry','factors':[{'schedule':'gone','any':[['card']]}]}",
          "access_point {'id':'p2','door':'gone','direction':'entry'}",
          "access_point {'id':'p3','door':'bare','direction':'entry'}",
          "access_point {'id':'p4','door':'good','direction':'entry','from':'gone'}",
          "access_point {'id':'p5','door':'good','direction':'exit','to':'gone'}",
          "user {'id':'u','tags':['gone','staff'],'link':'gone'}", "user {'id':'plain'}",
          "rule "
          "{'id':'r','tags':['gone2'],'users':['gone'],'points':['gone'],'doors':['gone'],'areas':['gone'],'"
          "schedule':'gone'}",
          "rule {'id':'r2','schedule':'broken'}",
          "credential {'id':'c','user':'ghost','type':'pin','value':'1234'}");
    const struct policy_door *good = policy_door(f->policy, find(f, ITEM_DOOR, "good"));
    struct policy_user user = policy_user(f->policy, find(f, ITEM_USER, "u"));

    assert_true(good->mode_count == 3 && good->modes[0].schedule == POLICY_NONE &&
                good->modes[0].first_person);
    assert_true(good->modes[0].first_person_tag == POLICY_NONE && good->modes[1].schedule == SCHEDULE_NEVER);
    assert_true(!good->modes[1].first_person && good->modes[2].schedule == POLICY_NONE);
    assert_int_equal(policy_door(f->policy, find(f, ITEM_DOOR, "bare"))->device, POLICY_NONE);
    assert_true(policy_point(f->policy, find(f, ITEM_ACCESS_POINT, "p1"))->usable);
    assert_int_equal(policy_point(f->policy, find(f, ITEM_ACCESS_POINT, "p1"))->factors[0].schedule,
                     POLICY_NONE);
    assert_false(policy_point(f->policy, find(f, ITEM_ACCESS_POINT, "p2"))->usable);
    assert_int_equal(policy_point(f->policy, find(f, ITEM_ACCESS_POINT, "p2"))->door, POLICY_NONE);
    assert_false(policy_point(f->policy, find(f, ITEM_ACCESS_POINT, "p3"))->usable);
    assert_false(policy_point(f->policy, find(f, ITEM_ACCESS_POINT, "p4"))->usable);
    assert_int_equal(policy_point(f->policy, find(f, ITEM_ACCESS_POINT, "p4"))->from, POLICY_NONE);
    assert_false(policy_point(f->policy, find(f, ITEM_ACCESS_POINT, "p5"))->usable);
    assert_true(user.linked && user.link == POLICY_NONE);
    assert_true(policy_user_passes_lockdown(f->policy, find(f, ITEM_USER, "u")));
    assert_false(policy_user_passes_lockdown(f->policy, find(f, ITEM_USER, "plain")));
    assert_int_equal(policy_rule(f->policy, 0)->schedule, POLICY_NONE);
    assert_int_equal(policy_rule(f->policy, 1)->schedule, POLICY_NONE);
    assert_int_equal(policy_credential(f->policy, 0).user, POLICY_NONE);
    ASSERT_DANGLING(f, "site:s tag:nix", "door:good schedule:gone", "door:good tag:gone",
                    "schedule:broken calendar:gone", "door:bare device:t9", "access_point:p1 schedule:gone",
                    "access_point:p2 door:gone", "access_point:p4 area:gone", "access_point:p5 area:gone",
                    "user:u tag:gone", "user:u link:gone", "rule:r tag:gone2", "rule:r user:gone",
                    "rule:r access_point:gone", "rule:r door:gone", "rule:r area:gone",
                    "rule:r schedule:gone", "credential:c user:ghost");
}

static void policy_dangling__more_than_are_listed__counted_to_the_last(void **state)
{
    struct fixture *f = *state;

    for (int i = 0; i < 3 * POLICY_DANGLING_MAX; i++)
        addf(f, "credential {'id':'c%03d','user':'" X64 "','type':'qr','value':'%d'}", i, i);
    addf(f, "rule {'id':'" X64 "','users':['" X64 "']}");
    finish(f);
    assert_int_equal(policy_dangling_count(f->policy), 3 * POLICY_DANGLING_MAX + 1);
    assert_true(is_dangling(f, "rule:" X64 " user:" X64));
    assert_true(strlen(policy_dangling(f->policy, POLICY_DANGLING_MAX - 1)) > 0);
    assert_string_equal(policy_dangling(f->policy, POLICY_DANGLING_MAX), "");
    BUILD(f, "tag {'id':'t'}");
    assert_string_equal(policy_dangling(f->policy, 0), "");
}

/* A door's target stands in no device any more, then in two: the first one by id has it. */
static void policy_door__target_in_two_devices__first_by_id(void **state)
{
    struct fixture *f = *state;

    BUILD(f, "device {'id':'w','driver':'sim','targets':['t']}",
          "device {'id':'v','driver':'sim','targets':['x','t']}",
          "door {'id':'d','kind':'door','target':'t'}", "door {'id':'c','kind':'door','target':'t'}");
    assert_int_equal(policy_door(f->policy, 0)->device, find(f, ITEM_DEVICE, "v"));
    assert_int_equal(policy_door_of_target(f->policy, "t"), find(f, ITEM_DOOR, "c"));
}

/* --- words --- */

static void door_mode__names__lead_back(void **state)
{
    static const char *const modes[] = { "controlled", "unlocked", "locked_open", "blocked", "locked_down" };

    for (int mode = 0; mode < DOOR_MODES; mode++) {
        assert_string_equal(door_mode_name((enum door_mode)mode), modes[mode]);
        assert_int_equal(door_mode_find(modes[mode]), mode);
    }
    assert_int_equal(door_mode_find("auto"), -1);
    assert_string_equal(door_kind_name(DOOR_KIND_DOOR), "door");
    assert_string_equal(door_kind_name(DOOR_KIND_TURNSTILE), "turnstile");
    assert_string_equal(door_kind_name(DOOR_KIND_BARRIER), "barrier");
    assert_string_equal(direction_name(DIRECTION_ENTRY), "entry");
    assert_string_equal(direction_name(DIRECTION_EXIT), "exit");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(policy_builder__nothing_added__utc_and_nothing_there),
        TEST(policy_find__what_is_built_in__there_without_being_defined),
        TEST(policy_builder__second_site_or_no_such_zone__refused),
        TEST(policy_builder__unknown_kind__ignored),
        TEST(policy_builder_add__not_checked_before__refused_and_named),
        TEST(policy_builder__never_finished__freed),
        TEST(policy_share__lasts_until_both_have_freed_it),
        TEST(policy__ids_by_bytes__indexes_in_order),
        TEST(policy_door__presets_and_members),
        TEST(policy_point_and_area__presets_and_members),
        TEST(policy_point__reader_at_two_points__first_by_id),
        TEST(policy_user_and_credential__presets_and_members),
        TEST(policy__dates__begin_and_end_with_the_sites_day),
        TEST(policy__dates_without_midnight__begin_where_the_day_does),
        TEST(policy__missing_references__listed_and_without_effect),
        TEST(policy_dangling__more_than_are_listed__counted_to_the_last),
        TEST(policy_door__target_in_two_devices__first_by_id),
        TEST(door_mode__names__lead_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
