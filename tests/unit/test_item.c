/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Members are tried one by one on an otherwise good item: what each may hold and what it may not, and that
 * the refusal names it. */
#include "tests/unit/item_fixture.h"

#define N16  "ññññññññññññññññ" /* 32 bytes */
#define N128 N16 N16 N16 N16 N16 N16 N16 N16

/* --- what members hold --- */

static const struct values boolean = {
    { "true", "false" },
    { "null", "0", "1", "'true'", "[]", "{}" },
};

static const struct values id = {
    { "'a'", "'Z'", "'0'", "'9._:-'", "'" X64 "'" },
    { "null", "1", "true", "''", "'" X64 "x'", "'.a'", "'_a'", "':a'", "'-a'", "'a b'", "'a/b'", "'ñ'",
      "'a\\n'", "[]", "{}" },
};

static const struct values ids = {
    { "[]", "['a']", "['a','9._:-','" X64 "','a']" },
    { "null", "'a'", "1", "{}" },
};

static const struct values list = {
    { "[]" },
    { "null", "'a'", "1", "true", "{}" },
};

static const struct values object = {
    { "{}", "{'unknown':null}" },
    { "null", "'a'", "1", "true", "[]" },
};

static const struct values string = {
    { "'a'", "'ñ b'" },
    { "null", "1", "true", "[]", "{}" },
};

static const struct values name = {
    { "''", "'Ana'", "'" X64 X64 "'", "'" N128 "'" },
    { "null", "1", "true", "[]", "{}", "'" X64 X64 "x'", "'" N128 "x'" },
};

#define INSTANTS_BAD                                                                                         \
    "null", "1", "true", "''", "'2026-11-22T14:30:00'", "'2026-11-22 14:30:00Z'", "'2026-11-22t14:30:00Z'",  \
        "'2026-11-22T14:30:00z'", "'2026-11-22T14:30:60Z'", "'2026-11-22T24:00:00Z'", "'2026-11-22T14:30Z'", \
        "'2026-11-22T14:30:00.Z'", "'2026-11-22T14:30:00.0123456789Z'", "'2026-02-29T00:00:00Z'",            \
        "'1969-12-31T23:59:59Z'", "'2026-11-22T14:30:00+0100'", "'2026-11-22T14:30:00Z '"

#define INSTANTS_GOOD                                                                                        \
    "'2026-11-22T14:30:00Z'", "'2026-11-22T14:30:00.123456789+01:00'", "'2024-02-29T23:59:59-03:30'",        \
        "'1970-01-01T00:00:00Z'", "'9999-12-31T23:59:59.999999999Z'"

static const struct values instant = {
    { INSTANTS_GOOD },
    { INSTANTS_BAD, "'2026-11-22'" },
};

static const struct values instant_or_date = {
    { INSTANTS_GOOD, "'2026-11-22'", "'1970-01-01'", "'9999-12-31'", "'2000-02-29'" },
    { INSTANTS_BAD, "'2026-2-9'", "'2026-02-29'", "'2100-02-29'", "'1969-12-31'", "'2026-00-01'",
      "'2026-01-00'" },
};

static const struct values date = {
    { "'2026-11-22'", "'1970-01-01'", "'2024-02-29'" },
    { "null", "1", "true", "''", "'2026-11-31'", "'2023-02-29'", "'2026-13-01'", "'1969-12-31'", "'2026-1-1'",
      "'2026/01/01'", "'26-01-01'", "'2026-11-22T00:00:00Z'", "'+026-11-22'", "'2026-01/01'", "'2026-x1-01'",
      "'2026-01-0x'", "[]" },
};

static const struct values yearly = {
    { "'12-25'", "'01-01'", "'02-29'", "'12-31'" },
    { "null", "1", "true", "''", "'02-30'", "'04-31'", "'13-01'", "'00-10'", "'01-00'", "'1-1'", "'12/25'",
      "'x1-01'", "'01-x1'", "'2026-12-25'", "{}" },
};

#define TIMES_BAD                                                                                            \
    "null", "8", "true", "''", "'8:00'", "'08'", "'08:60'", "'08:00:60'", "'08:00:'", "'08.00'", "'-8:00'",  \
        "'25:00'", "'24:01'", "'08:00 '", "'08:00:00.5'", "'24:00:01'", "'0x:00'", "'08:x0'", "'08:00.00'",  \
        "'08:00:x0'", "'08:00:0/'"

static const struct values time_from = {
    { "'00:00'", "'08:00'", "'08:00:30'", "'23:59'", "'23:59:59'" },
    { TIMES_BAD, "'24:00'", "'24:00:00'" },
};

static const struct values time_to = {
    { "'00:00'", "'08:00'", "'08:00:30'", "'23:59:59'", "'24:00'", "'24:00:00'" },
    { TIMES_BAD },
};

static const struct values minute = {
    { "'00:00'", "'04:00'", "'23:59'" },
    { TIMES_BAD, "'24:00'", "'04:00:00'", "[]" },
};

static const struct values weekdays = {
    { "['mon','tue','wed','thu','fri','sat','sun']", "['sun','sun']" },
    { "null", "'mon'", "[]", "{}", "1" },
};

static const struct values zones = {
    { "'UTC'", "'Europe/Madrid'", "'America/Argentina/Buenos_Aires'", "'Etc/GMT+5'",
      "'America/Port-au-Prince'" },
    { "null", "1", "true", "''", "'/etc/passwd'", "'../x'", "'a/../b'", "'Europe/'", "'./UTC'", "'a b'",
      "'a\\n'" },
};

static const struct values drivers = {
    { "'sim'", "'modbus'" },
    { "null", "1", "true", "''", "[]" },
};

static const struct values types = {
    { "['card']", "['card','pin','mobile','key','plate','qr']", "['pin','pin']" },
    { "null", "[]", "'card'", "{}" },
};

/* Words: the good ones; the bad ones are the same for all. */
#define WORDS(name_, ...)                                                                                    \
    static const struct values name_ = { { __VA_ARGS__ },                                                    \
                                         { "null", "0", "true", "''", "'none'", "'Off'", "[]" } }

WORDS(untrusted_clocks, "'deny_scheduled'", "'ignore_time'");
WORDS(anti_passbacks, "'off'", "'soft'", "'hard'", "'timed'");
WORDS(door_kinds, "'door'", "'turnstile'", "'barrier'");
WORDS(passages, "'sensed'", "'assumed'");
WORDS(door_modes, "'controlled'", "'unlocked'", "'locked_open'", "'blocked'", "'locked_down'");
WORDS(directions, "'entry'", "'exit'");
WORDS(assurances, "'identifier'", "'shared_secret'", "'authenticated'");
WORDS(user_kinds, "'member'", "'employee'", "'visitor'");
WORDS(user_states, "'active'", "'pending'", "'suspended'", "'cancelled'");
WORDS(credential_states, "'active'", "'pending'", "'blocked'", "'lost'", "'invalid'");

/* One member: a fragment in which @ is its value, the path that names it, and what it may hold. */
struct member {
    enum item_kind kind;
    const char *fragment;
    const char *path;
    const struct values *values;
};

#define SPECIAL                                                                                              \
    "'special':[{'calendar':'c','windows':[]},{'calendar':'c','windows':[{'from':'01:00','to':'02:00'},"

static const struct member members[] = {
    { ITEM_SITE, "'timezone':@", "timezone", &zones },
    { ITEM_SITE, "'untrusted_clock':@", "untrusted_clock", &untrusted_clocks },
    { ITEM_SITE, "'lockdown_tags':@", "lockdown_tags", &ids },
    { ITEM_SITE, "'lockdown_tags':['a',@]", "lockdown_tags[1]", &id },
    { ITEM_CALENDAR, "'days':@", "days", &list },
    { ITEM_CALENDAR, "'days':['2026-01-01',@]", "days[1]", &date },
    { ITEM_CALENDAR, "'days':[{'from':@,'to':'9999-12-31'}]", "days[0].from", &date },
    { ITEM_CALENDAR, "'days':[{'from':'1970-01-01','to':@}]", "days[0].to", &date },
    { ITEM_CALENDAR, "'yearly':@", "yearly", &list },
    { ITEM_CALENDAR, "'yearly':['01-01','01-02',@]", "yearly[2]", &yearly },
    { ITEM_SCHEDULE, "'windows':@", "windows", &list },
    { ITEM_SCHEDULE, "'windows':[{'days':@,'from':'08:00','to':'18:00'}]", "windows[0].days", &weekdays },
    { ITEM_SCHEDULE, "'windows':[{'days':['mon'],'from':@,'to':'12:34:56'}]", "windows[0].from", &time_from },
    { ITEM_SCHEDULE, "'windows':[{'days':['mon'],'from':'12:34:56','to':@}]", "windows[0].to", &time_to },
    { ITEM_SCHEDULE, "'special':@", "special", &list },
    { ITEM_SCHEDULE, "'special':[{'calendar':@,'windows':[]}]", "special[0].calendar", &id },
    { ITEM_SCHEDULE, "'special':[{'calendar':'c','windows':@}]", "special[0].windows", &list },
    { ITEM_SCHEDULE, SPECIAL "{'from':@,'to':'12:34:56'}]}]", "special[1].windows[1].from", &time_from },
    { ITEM_SCHEDULE, SPECIAL "{'from':'12:34:56','to':@}]}]", "special[1].windows[1].to", &time_to },
    { ITEM_AREA, "'anti_passback':@", "anti_passback", &anti_passbacks },
    { ITEM_AREA, "'forgive_at':@", "forgive_at", &minute },
    { ITEM_DOOR, "'kind':@", "kind", &door_kinds },
    { ITEM_DOOR, "'target':@", "target", &id },
    { ITEM_DOOR, "'passage':@", "passage", &passages },
    { ITEM_DOOR, "'mode':@", "mode", &door_modes },
    { ITEM_DOOR, "'mode_schedules':@", "mode_schedules", &list },
    { ITEM_DOOR, "'mode_schedules':[{'schedule':@,'mode':'unlocked'}]", "mode_schedules[0].schedule", &id },
    { ITEM_DOOR, "'mode_schedules':[{'schedule':'h','mode':@}]", "mode_schedules[0].mode", &door_modes },
    { ITEM_DOOR, "'mode_schedules':[{'schedule':'h','mode':'blocked','first_person':@}]",
      "mode_schedules[0].first_person", &id },
    { ITEM_DOOR, "'interlock':@", "interlock", &id },
    { ITEM_DOOR, "'strict_log':@", "strict_log", &boolean },
    { ITEM_DOOR, "'free':@", "free", &directions },
    { ITEM_DOOR, "'relock_on_close':@", "relock_on_close", &boolean },
    { ITEM_DOOR, "'rex_releases':@", "rex_releases", &boolean },
    { ITEM_DOOR, "'min_interval_s':@", "min_interval_s", &object },
    { ITEM_ACCESS_POINT, "'door':@", "door", &id },
    { ITEM_ACCESS_POINT, "'direction':@", "direction", &directions },
    { ITEM_ACCESS_POINT, "'from':@", "from", &id },
    { ITEM_ACCESS_POINT, "'to':@", "to", &id },
    { ITEM_ACCESS_POINT, "'readers':@", "readers", &ids },
    { ITEM_ACCESS_POINT, "'readers':[@]", "readers[0]", &id },
    { ITEM_ACCESS_POINT, "'factors':@", "factors", &list },
    { ITEM_ACCESS_POINT, "'factors':[{'schedule':@,'any':[['card']]}]", "factors[0].schedule", &id },
    { ITEM_ACCESS_POINT, "'factors':[{'any':[['card'],@]}]", "factors[0].any[1]", &types },
    { ITEM_ACCESS_POINT, "'min_assurance':@", "min_assurance", &assurances },
    { ITEM_ACCESS_POINT, "'two_person':@", "two_person", &boolean },
    { ITEM_DEVICE, "'driver':@", "driver", &drivers },
    { ITEM_DEVICE, "'points':@", "points", &ids },
    { ITEM_DEVICE, "'points':['a',@]", "points[1]", &id },
    { ITEM_DEVICE, "'targets':@", "targets", &ids },
    { ITEM_DEVICE, "'targets':['a',@]", "targets[1]", &id },
    { ITEM_DEVICE, "'profile':@", "profile", &string },
    { ITEM_USER, "'kind':@", "kind", &user_kinds },
    { ITEM_USER, "'source':@", "source", &object },
    { ITEM_USER, "'source':{'system':@}", "source.system", &string },
    { ITEM_USER, "'source':{'ref':@}", "source.ref", &string },
    { ITEM_USER, "'status':@", "status", &user_states },
    { ITEM_USER, "'valid_from':@", "valid_from", &instant_or_date },
    { ITEM_USER, "'valid_until':@", "valid_until", &instant_or_date },
    { ITEM_USER, "'tags':@", "tags", &ids },
    { ITEM_USER, "'tags':['a',@]", "tags[1]", &id },
    { ITEM_USER, "'mobile':@", "mobile", &boolean },
    { ITEM_USER, "'block':@", "block", &object },
    { ITEM_USER, "'block':{'from':@}", "block.from", &instant_or_date },
    { ITEM_USER, "'block':{'message':@}", "block.message", &string },
    { ITEM_USER, "'extended_time':@", "extended_time", &boolean },
    { ITEM_USER, "'apb_exempt':@", "apb_exempt", &boolean },
    { ITEM_USER, "'link':@", "link", &id },
    { ITEM_CREDENTIAL, "'user':@", "user", &id },
    { ITEM_CREDENTIAL, "'status':@", "status", &credential_states },
    { ITEM_CREDENTIAL, "'valid_from':@", "valid_from", &instant_or_date },
    { ITEM_CREDENTIAL, "'valid_until':@", "valid_until", &instant_or_date },
    { ITEM_CREDENTIAL, "'duress':@", "duress", &boolean },
    { ITEM_RULE, "'tags':@", "tags", &ids },
    { ITEM_RULE, "'tags':['a',@]", "tags[1]", &id },
    { ITEM_RULE, "'users':@", "users", &ids },
    { ITEM_RULE, "'users':['a',@]", "users[1]", &id },
    { ITEM_RULE, "'points':@", "points", &ids },
    { ITEM_RULE, "'points':['a',@]", "points[1]", &id },
    { ITEM_RULE, "'doors':@", "doors", &ids },
    { ITEM_RULE, "'doors':['a',@]", "doors[1]", &id },
    { ITEM_RULE, "'areas':@", "areas", &ids },
    { ITEM_RULE, "'areas':['outside',@]", "areas[1]", &id },
    { ITEM_RULE, "'schedule':@", "schedule", &id },
    { ITEM_RULE, "'types':@", "types", &types },
    { ITEM_RULE, "'valid_from':@", "valid_from", &instant_or_date },
    { ITEM_RULE, "'valid_until':@", "valid_until", &instant_or_date },
    { ITEM_RULE, "'enabled':@", "enabled", &boolean },
    { ITEM_LINK, "'description':@", "description", &string },
    { ITEM_LINK, "'unit_url':@", "unit_url", &string },
    { ITEM_LINK, "'company_key':@", "company_key", &string },
    { ITEM_LINK, "'enabled':@", "enabled", &boolean },
    { ITEM_LINK, "'refreshed_at':@", "refreshed_at", &instant },
};

/* A fragment with a value in place of its @. */
static void fill(const char *fragment, const char *value, char ret[static TEXT_SIZE])
{
    const char *at = strchr(fragment, '@');

    snprintf(ret, TEXT_SIZE, "%.*s%s%s", (int)(at - fragment), fragment, value, at + 1);
}

static void item_check__each_member__good_taken_bad_named(void **state)
{
    char fragment[TEXT_SIZE];

    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        const struct member *member = &members[i];

        for (size_t j = 0; j < VALUES_MAX && member->values->good[j]; j++) {
            fill(member->fragment, member->values->good[j], fragment);
            assert_taken(member->kind, fragment);
        }
        for (size_t j = 0; j < VALUES_MAX && member->values->bad[j]; j++) {
            fill(member->fragment, member->values->bad[j], fragment);
            assert_refused(member->kind, fragment, member->path);
        }
    }
}

struct integer {
    enum item_kind kind;
    const char *fragment;
    const char *path;
    int64_t min;
    int64_t max;
};

static const struct integer integers[] = {
    { ITEM_AREA, "'capacity':@", "capacity", 0, 1000000 },
    { ITEM_AREA, "'anti_passback_min':@", "anti_passback_min", 1, 10080 },
    { ITEM_DOOR, "'pulse_ms':@", "pulse_ms", 50, 600000 },
    { ITEM_DOOR, "'extended_pulse_ms':@", "extended_pulse_ms", 50, 1800000 },
    { ITEM_DOOR, "'held_ms':@", "held_ms", 1000, 86400000 },
    { ITEM_DOOR, "'extended_held_ms':@", "extended_held_ms", 1000, 86400000 },
    { ITEM_DOOR, "'held_warn_percent':@", "held_warn_percent", 1, 99 },
    { ITEM_DOOR, "'passage_timeout_ms':@", "passage_timeout_ms", 100, 600000 },
    { ITEM_DOOR, "'min_interval_s':{'member':@}", "min_interval_s.member", 1, 604800 },
    { ITEM_DOOR, "'min_interval_s':{'employee':@}", "min_interval_s.employee", 1, 604800 },
    { ITEM_DOOR, "'min_interval_s':{'visitor':@}", "min_interval_s.visitor", 1, 604800 },
    { ITEM_ACCESS_POINT, "'factor_timeout_s':@", "factor_timeout_s", 1, 300 },
    { ITEM_ACCESS_POINT, "'max_age_ms':@", "max_age_ms", 100, 60000 },
    { ITEM_CREDENTIAL, "'uses':@", "uses", 0, 1000000 },
    { ITEM_LINK, "'max_stale_h':@", "max_stale_h", 1, 8760 },
};

static void assert_integer_refused(const struct integer *integer, const char *value)
{
    char fragment[TEXT_SIZE];

    fill(integer->fragment, value, fragment);
    assert_refused(integer->kind, fragment, integer->path);
}

static void assert_integer_taken(const struct integer *integer, int64_t value)
{
    char text[32];
    char fragment[TEXT_SIZE];

    snprintf(text, sizeof(text), "%" PRId64, value);
    fill(integer->fragment, text, fragment);
    assert_taken(integer->kind, fragment);
}

static void item_check__each_integer__bounds_hold(void **state)
{
    static const char *const bad[] = {
        "null", "true", "'1000'", "1000.0",           "1e3",
        "[]",   "{}",   "-1",     "9007199254740992", "99999999999999999999",
    };
    char beyond[32];

    for (size_t i = 0; i < sizeof(integers) / sizeof(integers[0]); i++) {
        const struct integer *integer = &integers[i];

        assert_integer_taken(integer, integer->min);
        assert_integer_taken(integer, integer->max);
        snprintf(beyond, sizeof(beyond), "%" PRId64, integer->min - 1);
        assert_integer_refused(integer, beyond);
        snprintf(beyond, sizeof(beyond), "%" PRId64, integer->max + 1);
        assert_integer_refused(integer, beyond);
        for (size_t j = 0; j < sizeof(bad) / sizeof(bad[0]); j++)
            assert_integer_refused(integer, bad[j]);
    }
}

static void item_check__id_and_name__of_every_kind(void **state)
{
    char fragment[TEXT_SIZE];

    for (int kind = 0; kind < ITEM_KINDS; kind++) {
        for (size_t j = 0; id.good[j]; j++) {
            snprintf(fragment, sizeof(fragment), "'id':%s", id.good[j]);
            assert_taken((enum item_kind)kind, fragment);
        }
        for (size_t j = 0; id.bad[j]; j++) {
            snprintf(fragment, sizeof(fragment), "'id':%s", id.bad[j]);
            assert_refused((enum item_kind)kind, fragment, "id");
        }
        for (size_t j = 0; name.good[j]; j++) {
            snprintf(fragment, sizeof(fragment), "'name':%s", name.good[j]);
            assert_taken((enum item_kind)kind, fragment);
        }
        for (size_t j = 0; name.bad[j]; j++) {
            snprintf(fragment, sizeof(fragment), "'name':%s", name.bad[j]);
            assert_refused((enum item_kind)kind, fragment, "name");
        }
        assert_taken((enum item_kind)kind, "'colour':null,'points_of_view':1.0");
    }
}

static void item_check__required_member_missing__named(void **state)
{
    static const struct {
        enum item_kind kind;
        const char *member;
    } required[] = {
        { ITEM_SITE, "timezone" },     { ITEM_DOOR, "kind" },       { ITEM_DOOR, "target" },
        { ITEM_ACCESS_POINT, "door" }, { ITEM_DEVICE, "driver" },   { ITEM_ACCESS_POINT, "direction" },
        { ITEM_CREDENTIAL, "user" },   { ITEM_CREDENTIAL, "type" }, { ITEM_CREDENTIAL, "value" },
        { ITEM_KEY, "jwk" },           { ITEM_KEY, "use" },
    };
    struct json_error error;

    for (int kind = 0; kind <= ITEM_KINDS; kind++) {
        cleanup_with(json_putp) struct json_object *item = item_with((enum item_kind)kind, "");

        assert_int_equal(item_check((enum item_kind)kind, item, false, &error), 0);
        json_object_object_del(item, "id");
        assert_int_equal(item_check((enum item_kind)kind, item, false, &error), -EBADMSG);
        assert_string_equal(error.path, "id");
    }
    for (size_t i = 0; i < sizeof(required) / sizeof(required[0]); i++) {
        cleanup_with(json_putp) struct json_object *item = item_with(required[i].kind, "");

        json_object_object_del(item, required[i].member);
        assert_int_equal(item_check(required[i].kind, item, false, &error), -EBADMSG);
        assert_string_equal(error.path, required[i].member);
    }
}

/* What concerns more than one member, or a member of an entry. */
static void item_check__entries__named_by_their_path(void **state)
{
    static const struct {
        enum item_kind kind;
        const char *fragment;
        const char *path; /* NULL: good */
    } cases[] = {
        { ITEM_CALENDAR, "'days':[{'from':'2026-01-01','to':'2026-01-01'}]", NULL },
        { ITEM_CALENDAR, "'days':[{'from':'2026-01-02','to':'2026-01-01'}]", "days[0].to" },
        { ITEM_CALENDAR, "'days':[{'from':'2026-01-02'}]", "days[0].to" },
        { ITEM_CALENDAR, "'days':[{'to':'2026-01-02'}]", "days[0].from" },
        { ITEM_CALENDAR, "'days':['x','2026-01-02']", "days[0]" },
        { ITEM_SCHEDULE, "'id':'always'", "id" },
        { ITEM_SCHEDULE, "'id':'never'", "id" },
        { ITEM_SCHEDULE, "'id':'outside'", NULL },
        { ITEM_AREA, "'id':'outside'", "id" },
        { ITEM_AREA, "'id':'always'", NULL },
        { ITEM_SCHEDULE, "'windows':[{'days':['mon'],'from':'22:00','to':'06:00'}]", NULL },
        { ITEM_SCHEDULE, "'windows':[{'days':['mon'],'from':'00:00','to':'24:00'}]", NULL },
        { ITEM_SCHEDULE, "'windows':[{'days':['mon'],'from':'08:00','to':'08:00:00'}]", "windows[0].to" },
        { ITEM_SCHEDULE, "'windows':[{'from':'08:00','to':'09:00'}]", "windows[0].days" },
        { ITEM_SCHEDULE, "'windows':[{'days':['mon'],'to':'09:00'}]", "windows[0].from" },
        { ITEM_SCHEDULE, "'windows':[{'days':['mon'],'from':'09:00'}]", "windows[0].to" },
        { ITEM_SCHEDULE, "'windows':['08:00']", "windows[0]" },
        { ITEM_SCHEDULE, "'windows':[{'days':['mon','Tue'],'from':'08:00','to':'09:00'}]",
          "windows[0].days[1]" },
        { ITEM_SCHEDULE, "'windows':[{'days':['mon',null],'from':'08:00','to':'09:00'}]",
          "windows[0].days[1]" },
        { ITEM_SCHEDULE, "'windows':[{'days':['mon'],'from':'08:00','to':'09:00'},null]", "windows[1]" },
        { ITEM_SCHEDULE, "'windows':[null,{'days':['mon'],'from':'08:00','to':'09:00'}]", "windows[0]" },
        { ITEM_SCHEDULE, "'special':[{'windows':[]}]", "special[0].calendar" },
        { ITEM_SCHEDULE, "'special':[{'calendar':'c'}]", "special[0].windows" },
        { ITEM_SCHEDULE, "'special':[1,{'calendar':'c','windows':[]}]", "special[0]" },
        { ITEM_SCHEDULE, "'special':[{'calendar':'c','windows':[7]}]", "special[0].windows[0]" },
        { ITEM_SCHEDULE, "'special':[{'calendar':'c','windows':[{'from':'08:00','to':'08:00'}]}]",
          "special[0].windows[0].to" },
        { ITEM_SCHEDULE, "'special':[{'calendar':'c','windows':[{'days':7,'from':'08:00','to':'24:00'}]}]",
          NULL },
        { ITEM_DOOR, "'mode_schedules':[{'mode':'unlocked'}]", "mode_schedules[0].schedule" },
        { ITEM_DOOR, "'mode_schedules':[{'schedule':'h'}]", "mode_schedules[0].mode" },
        { ITEM_DOOR, "'mode_schedules':[{'schedule':'never','mode':'blocked'},'h']", "mode_schedules[1]" },
        { ITEM_DOOR, "'mode_schedules':['h',{'schedule':'never','mode':'blocked'}]", "mode_schedules[0]" },
        { ITEM_ACCESS_POINT, "'factors':[{}]", "factors[0].any" },
        { ITEM_ACCESS_POINT, "'factors':[{'any':[['face'],['card']]},{'any':[['card']]}]",
          "factors[0].any[0][0]" },
        { ITEM_ACCESS_POINT, "'factors':[{'any':[]}]", "factors[0].any" },
        { ITEM_ACCESS_POINT, "'factors':[{'any':[['card','pin']]},[]]", "factors[1]" },
        { ITEM_ACCESS_POINT, "'factors':[{'any':[['card'],['pin','face']]}]", "factors[0].any[1][1]" },
        { ITEM_ACCESS_POINT, "'factors':[{'any':[[1]]}]", "factors[0].any[0][0]" },
        { ITEM_RULE, "'types':['card','Pin']", "types[1]" },
        { ITEM_RULE, "'types':[null]", "types[0]" },
        { ITEM_USER, "'block':{'from':'2026-01-01','message':'Ask at the desk'}", NULL },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        if (cases[i].path)
            assert_refused(cases[i].kind, cases[i].fragment, cases[i].path);
        else
            assert_taken(cases[i].kind, cases[i].fragment);
}

static void item_check__key__named_by_its_path(void **state)
{
    static const struct {
        const char *fragment;
        const char *path;
    } cases[] = {
        { "'use':['command','fly'],'jwk':" JWK ",'scope':{'verbs':['open'],'days':7}", NULL },
        { "'use':[]", "use" },
        { "'d':'" X "'", "d" },
        { "'use':['command',7]", "use[1]" },
        { "'jwk':{'kty':'OKP','crv':'Ed25519'}", "jwk.x" },
        { "'jwk':{'kty':'EC','crv':'Ed25519','x':'" X "'}", "jwk.kty" },
        { "'jwk':{'kty':'OKP','crv':'X25519','x':'" X "'}", "jwk.crv" },
        { "'jwk':{'kty':'OKP','crv':'Ed25519','x':'" X "','d':'" X "'}", "jwk.d" },
        { "'jwk':{'kty':'OKP','crv':'Ed25519','x':'" X "='}", "jwk.x" },
        { "'scope':[]", "scope" },
        { "'scope':{'verbs':'open'}", "scope.verbs" },
        { "'scope':{'targets':['front',null]}", "scope.targets[1]" },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        if (cases[i].path)
            assert_refused(ITEM_KEY, cases[i].fragment, cases[i].path);
        else
            assert_taken(ITEM_KEY, cases[i].fragment);
}

/* --- kinds --- */

static void item_check__unknown_kind__needs_an_id_only(void **state)
{
    assert_taken(ITEM_KINDS, "'name':7,'value':null,'windows':1.0");
    assert_refused(ITEM_KINDS, "'id':'a b'", "id");
    assert_refused(ITEM_KINDS, "'id':7", "id");
}

static void item_kind__names__lead_back(void **state)
{
    static const char *const names[] = { "site",         "calendar", "schedule", "area", "door",
                                         "access_point", "device",   "tag",      "user", "credential",
                                         "rule",         "link",     "key" };

    for (int kind = 0; kind < ITEM_KINDS; kind++) {
        assert_string_equal(item_kind_name((enum item_kind)kind), names[kind]);
        assert_int_equal(item_kind_find(names[kind]), kind);
    }
    assert_null(item_kind_name(ITEM_KINDS));
    assert_int_equal(item_kind_find("holiday"), ITEM_KINDS);
    assert_int_equal(item_kind_find(""), ITEM_KINDS);
    assert_int_equal(item_kind_find("Site"), ITEM_KINDS);
}

static void item_id__of_a_checked_item__is_its_id(void **state)
{
    cleanup_with(json_putp) struct json_object *item = item_with(ITEM_TAG, "'id':'" X64 "'");

    assert_string_equal(item_id(item), X64);
    json_object_object_del(item, "id");
    assert_null(item_id(item));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(item_check__each_member__good_taken_bad_named),
        cmocka_unit_test(item_check__each_integer__bounds_hold),
        cmocka_unit_test(item_check__id_and_name__of_every_kind),
        cmocka_unit_test(item_check__required_member_missing__named),
        cmocka_unit_test(item_check__entries__named_by_their_path),
        cmocka_unit_test(item_check__key__named_by_its_path),
        cmocka_unit_test(item_check__unknown_kind__needs_an_id_only),
        cmocka_unit_test(item_kind__names__lead_back),
        cmocka_unit_test(item_id__of_a_checked_item__is_its_id),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
