/* SPDX-License-Identifier: GPL-3.0-or-later */
/* item.c: rows for each kind's members, and for each kind a function for what rows cannot say. */
#include "gateway/core/item.h"

#include <errno.h>
#include <json-c/json.h>
#include <string.h>

#include "gateway/base/zoneinfo.h"
#include "gateway/core/item_read.h"
#include "proto/encode.h"
#include "proto/key.h"
#include "proto/name.h"
#include "proto/rfc3339.h"

#define NAME_CHARACTERS_MAX 128
#define VALUE_BYTES_MAX     128 /* mobile, key, qr */
#define CARD_DIGITS_MAX     130 /* 65 bytes */
#define PIN_DIGITS_MIN      4
#define PIN_DIGITS_MAX      12
#define PLATE_BYTES_MAX     16
#define DRIVER_BYTES_MAX    32

static const char *const kind_names[ITEM_KINDS] = {
    [ITEM_SITE] = "site",         [ITEM_CALENDAR] = "calendar",
    [ITEM_SCHEDULE] = "schedule", [ITEM_AREA] = "area",
    [ITEM_DOOR] = "door",         [ITEM_ACCESS_POINT] = "access_point",
    [ITEM_DEVICE] = "device",     [ITEM_TAG] = "tag",
    [ITEM_USER] = "user",         [ITEM_CREDENTIAL] = "credential",
    [ITEM_RULE] = "rule",         [ITEM_LINK] = "link",
    [ITEM_KEY] = "key",
};

static const char *const type_names[CREDENTIAL_TYPES + 1] = {
    [CREDENTIAL_CARD] = "card", [CREDENTIAL_PIN] = "pin",     [CREDENTIAL_MOBILE] = "mobile",
    [CREDENTIAL_KEY] = "key",   [CREDENTIAL_PLATE] = "plate", [CREDENTIAL_QR] = "qr",
};

const char *item_kind_name(enum item_kind kind)
{
    return kind < ITEM_KINDS ? kind_names[kind] : NULL;
}

enum item_kind item_kind_find(const char *name)
{
    for (int kind = 0; kind < ITEM_KINDS; kind++)
        if (strcmp(kind_names[kind], name) == 0)
            return (enum item_kind)kind;
    return ITEM_KINDS;
}

const char *credential_type_name(enum credential_type type)
{
    return type_names[type];
}

enum credential_type credential_type_find(const char *name)
{
    int type = json_enum_value(type_names, name);

    return type < 0 ? CREDENTIAL_TYPES : (enum credential_type)type;
}

/* --- rows --- */

static const char *const clock_words[] = { "deny_scheduled", "ignore_time", NULL };
static const char *const passback_words[] = { "off", "soft", "hard", "timed", NULL };
static const char *const door_kind_words[] = { "door", "turnstile", "barrier", NULL };
static const char *const mode_words[] = { "controlled", "unlocked",    "locked_open",
                                          "blocked",    "locked_down", NULL };
static const char *const passage_words[] = { "sensed", "assumed", NULL };
static const char *const direction_words[] = { "entry", "exit", NULL };
static const char *const assurance_words[] = { "identifier", "shared_secret", "authenticated", NULL };
static const char *const user_kind_words[] = { "member", "employee", "visitor", NULL };
static const char *const user_status_words[] = { "active", "pending", "suspended", "cancelled", NULL };
static const char *const credential_status_words[] = {
    "active", "pending", "blocked", "lost", "invalid", NULL
};

#define ROW_ID(type, field, name, required_)                                                                 \
    JSON_ROW_CHECKED(type, field, name, required_, id_valid, ID_EXPECTED)
#define ROW_LIST(type, field, name) JSON_ROW_LIST(type, field, name, 0, INT64_MAX)

/* UTF-8: every byte but those that continue a character begins one. */
static bool is_name(const char *text)
{
    size_t characters = 0;

    for (; *text; text++)
        characters += (*text & 0xc0) != 0x80;
    return characters <= NAME_CHARACTERS_MAX;
}

static const struct json_row common_rows[] = {
    ROW_ID(struct item_common, id, "id", true),
    JSON_ROW_CHECKED(struct item_common, name, "name", false, is_name, "must be at most 128 characters"),
};

static const struct json_row site_rows[] = {
    JSON_ROW_STRING_REQUIRED(struct item_site, timezone, "timezone", 1, INT64_MAX),
    JSON_ROW_ENUM(struct item_site, untrusted_clock, "untrusted_clock", clock_words, 0),
    ROW_LIST(struct item_site, lockdown_tags, "lockdown_tags"),
};

static const struct json_row calendar_rows[] = {
    ROW_LIST(struct item_calendar, days, "days"),
    ROW_LIST(struct item_calendar, yearly, "yearly"),
};

static const struct json_row schedule_rows[] = {
    ROW_LIST(struct item_schedule, windows, "windows"),
    ROW_LIST(struct item_schedule, special, "special"),
};

static const struct json_row area_rows[] = {
    JSON_ROW_INT(struct item_area, capacity, "capacity", 0, 1000000, -1),
    JSON_ROW_ENUM(struct item_area, anti_passback, "anti_passback", passback_words, ANTI_PASSBACK_OFF),
    JSON_ROW_INT(struct item_area, anti_passback_min, "anti_passback_min", 1, 10080, 60),
    JSON_ROW_STRING(struct item_area, forgive_at, "forgive_at", 0, INT64_MAX),
};

static const struct json_row door_rows[] = {
    JSON_ROW_ENUM_REQUIRED(struct item_door, kind, "kind", door_kind_words),
    ROW_ID(struct item_door, target, "target", true),
    JSON_ROW_INT(struct item_door, pulse_ms, "pulse_ms", 50, 600000, 3000),
    JSON_ROW_INT(struct item_door, extended_pulse_ms, "extended_pulse_ms", 50, 1800000, 0),
    JSON_ROW_INT(struct item_door, held_ms, "held_ms", 1000, 86400000, 30000),
    JSON_ROW_INT(struct item_door, extended_held_ms, "extended_held_ms", 1000, 86400000, 0),
    JSON_ROW_INT(struct item_door, held_warn_percent, "held_warn_percent", 1, 99, 100),
    JSON_ROW_ENUM(struct item_door, free, "free", direction_words, DIRECTIONS),
    JSON_ROW_BOOL(struct item_door, relock_on_close, "relock_on_close", false),
    JSON_ROW_BOOL(struct item_door, rex_releases, "rex_releases", true),
    JSON_ROW_INT(struct item_door, passage_timeout_ms, "passage_timeout_ms", 100, 600000, 5000),
    JSON_ROW_ENUM(struct item_door, passage, "passage", passage_words, -1),
    JSON_ROW_ENUM(struct item_door, mode, "mode", mode_words, DOOR_MODE_CONTROLLED),
    ROW_LIST(struct item_door, mode_schedules, "mode_schedules"),
    ROW_ID(struct item_door, interlock, "interlock", false),
    JSON_ROW_BOOL(struct item_door, strict_log, "strict_log", false),
    JSON_ROW_OBJECT(struct item_door, min_interval, "min_interval_s"),
};

static const struct json_row point_rows[] = {
    ROW_ID(struct item_point, door, "door", true),
    JSON_ROW_ENUM_REQUIRED(struct item_point, direction, "direction", direction_words),
    ROW_ID(struct item_point, from, "from", false),
    ROW_ID(struct item_point, to, "to", false),
    ROW_LIST(struct item_point, readers, "readers"),
    ROW_LIST(struct item_point, factors, "factors"),
    JSON_ROW_INT(struct item_point, factor_timeout_s, "factor_timeout_s", 1, 300, 10),
    JSON_ROW_ENUM(struct item_point, min_assurance, "min_assurance", assurance_words, ASSURANCE_IDENTIFIER),
    JSON_ROW_BOOL(struct item_point, two_person, "two_person", false),
    JSON_ROW_INT(struct item_point, max_age_ms, "max_age_ms", 100, 60000, 5000),
};

static const struct json_row device_rows[] = {
    JSON_ROW_STRING_REQUIRED(struct item_device, driver, "driver", 1, DRIVER_BYTES_MAX),
    JSON_ROW_STRING(struct item_device, profile, "profile", 0, INT64_MAX),
    ROW_LIST(struct item_device, points, "points"),
    ROW_LIST(struct item_device, targets, "targets"),
};

static const struct json_row user_rows[] = {
    JSON_ROW_ENUM(struct item_user, kind, "kind", user_kind_words, USER_MEMBER),
    JSON_ROW_OBJECT(struct item_user, source, "source"),
    JSON_ROW_ENUM(struct item_user, status, "status", user_status_words, USER_ACTIVE),
    JSON_ROW_STRING(struct item_user, valid_from, "valid_from", 0, INT64_MAX),
    JSON_ROW_STRING(struct item_user, valid_until, "valid_until", 0, INT64_MAX),
    ROW_LIST(struct item_user, tags, "tags"),
    JSON_ROW_BOOL(struct item_user, mobile, "mobile", true),
    JSON_ROW_OBJECT(struct item_user, block, "block"),
    JSON_ROW_BOOL(struct item_user, extended_time, "extended_time", false),
    JSON_ROW_BOOL(struct item_user, apb_exempt, "apb_exempt", false),
    ROW_ID(struct item_user, link, "link", false),
};

static const struct json_row credential_rows[] = {
    ROW_ID(struct item_credential, user, "user", true),
    JSON_ROW_ENUM_REQUIRED(struct item_credential, type, "type", type_names),
    JSON_ROW_STRING(struct item_credential, value, "value", 0, INT64_MAX),
    JSON_ROW_STRING(struct item_credential, sealed, "sealed", 0, INT64_MAX),
    JSON_ROW_ENUM(struct item_credential, status, "status", credential_status_words, CREDENTIAL_ACTIVE),
    JSON_ROW_STRING(struct item_credential, valid_from, "valid_from", 0, INT64_MAX),
    JSON_ROW_STRING(struct item_credential, valid_until, "valid_until", 0, INT64_MAX),
    JSON_ROW_INT(struct item_credential, uses, "uses", 0, 1000000, -1),
    JSON_ROW_BOOL(struct item_credential, duress, "duress", false),
};

static const struct json_row rule_rows[] = {
    ROW_LIST(struct item_rule, tags, "tags"),
    ROW_LIST(struct item_rule, users, "users"),
    ROW_LIST(struct item_rule, points, "points"),
    ROW_LIST(struct item_rule, doors, "doors"),
    ROW_LIST(struct item_rule, areas, "areas"),
    ROW_ID(struct item_rule, schedule, "schedule", false),
    JSON_ROW_LIST(struct item_rule, types, "types", 1, INT64_MAX),
    JSON_ROW_STRING(struct item_rule, valid_from, "valid_from", 0, INT64_MAX),
    JSON_ROW_STRING(struct item_rule, valid_until, "valid_until", 0, INT64_MAX),
    JSON_ROW_BOOL(struct item_rule, enabled, "enabled", true),
};

static const struct json_row link_rows[] = {
    JSON_ROW_STRING(struct item_link, description, "description", 0, INT64_MAX),
    JSON_ROW_STRING(struct item_link, unit_url, "unit_url", 0, INT64_MAX),
    JSON_ROW_STRING(struct item_link, company_key, "company_key", 0, INT64_MAX),
    JSON_ROW_BOOL(struct item_link, enabled, "enabled", true),
    JSON_ROW_INT(struct item_link, max_stale_h, "max_stale_h", 1, 8760, 72),
    JSON_ROW_STRING(struct item_link, refreshed_at, "refreshed_at", 0, INT64_MAX),
};

/* --- what rows cannot say --- */

static int refuse(struct json_error *error, const char *member, const char *what)
{
    json_error_set(error, member, "%s", what);
    return -EBADMSG;
}

/* Every entry of a list is a string that check() takes. */
static int check_strings(struct json_object *list, const char *member, bool (*check)(const char *),
                         const char *expected, struct json_error *error)
{
    for (size_t i = 0; i < json_list_length(list); i++) {
        const char *string = json_list_string(list, i, error);

        if (string && check(string))
            continue;
        json_error_set(error, "", "%s", expected);
        json_error_within(error, "%s[%zu]", member, i);
        return -EBADMSG;
    }
    return 0;
}

static int check_ids(struct json_object *list, const char *member, struct json_error *error)
{
    return check_strings(list, member, id_valid, ID_EXPECTED, error);
}

static int check_validity(const char *from, const char *until, struct json_error *error)
{
    struct item_instant instant;
    int r = item_instant_read(from, "valid_from", &instant, error);

    return r < 0 ? r : item_instant_read(until, "valid_until", &instant, error);
}

static int check_site(const struct item *item, bool sealed, struct json_error *error)
{
    if (!zoneinfo_name_valid(item->site.timezone))
        return refuse(error, "timezone", "must be a time zone's name like Europe/Madrid");
    return check_ids(item->site.lockdown_tags, "lockdown_tags", error);
}

static bool is_yearly(const char *text)
{
    int32_t month_day;

    return item_yearly_read(text, &month_day);
}

static int check_calendar(const struct item *item, bool sealed, struct json_error *error)
{
    struct item_days days;
    int r = 0;

    for (size_t i = 0; i < json_list_length(item->calendar.days) && r == 0; i++)
        r = item_days_read(item->calendar.days, i, &days, error);
    return r < 0
               ? r
               : check_strings(item->calendar.yearly, "yearly", is_yearly, "must be a day like 12-25", error);
}

static int check_windows(struct json_object *windows, bool with_days, struct json_error *error)
{
    struct item_window window;
    int r = 0;

    for (size_t i = 0; i < json_list_length(windows) && r == 0; i++)
        r = item_window_read(windows, i, with_days, &window, error);
    return r;
}

static int check_schedule(const struct item *item, bool sealed, struct json_error *error)
{
    struct item_special special;
    int r = check_windows(item->schedule.windows, true, error);

    if (strcmp(item->common.id, "always") == 0 || strcmp(item->common.id, "never") == 0)
        return refuse(error, "id", "always and never exist already");
    for (size_t i = 0; i < json_list_length(item->schedule.special) && r == 0; i++) {
        r = item_special_read(item->schedule.special, i, &special, error);
        if (r < 0)
            return r;
        r = check_windows(special.windows, false, error);
        if (r < 0)
            json_error_within(error, "special[%zu]", i);
    }
    return r;
}

static int check_area(const struct item *item, bool sealed, struct json_error *error)
{
    const char *forgive_at = item->area.forgive_at;

    if (strcmp(item->common.id, "outside") == 0)
        return refuse(error, "id", "outside exists already");
    if (forgive_at && (strlen(forgive_at) != 5 || item_clock_read(forgive_at, 86399) < 0))
        return refuse(error, "forgive_at", "must be a time of day like 04:00");
    return 0;
}

static int check_door(const struct item *item, bool sealed, struct json_error *error)
{
    struct item_min_interval interval;
    struct item_mode_entry entry;
    int r = item->door.min_interval ? item_min_interval_read(item->door.min_interval, &interval, error) : 0;

    for (size_t i = 0; i < json_list_length(item->door.mode_schedules) && r == 0; i++)
        r = item_mode_entry_read(item->door.mode_schedules, i, &entry, error);
    return r;
}

static int check_factors(struct json_object *factors, struct json_error *error)
{
    struct item_factor_entry entry;
    uint32_t types;
    int r = 0;

    for (size_t i = 0; i < json_list_length(factors) && r == 0; i++) {
        r = item_factor_entry_read(factors, i, &entry, error);
        if (r < 0)
            return r;
        for (size_t j = 0; j < json_list_length(entry.any) && r == 0; j++)
            r = item_combination_read(entry.any, j, &types, error);
        if (r < 0)
            json_error_within(error, "factors[%zu]", i);
    }
    return r;
}

static int check_point(const struct item *item, bool sealed, struct json_error *error)
{
    int r = check_ids(item->point.readers, "readers", error);

    return r < 0 ? r : check_factors(item->point.factors, error);
}

static int check_device(const struct item *item, bool sealed, struct json_error *error)
{
    int r = check_ids(item->device.points, "points", error);

    return r < 0 ? r : check_ids(item->device.targets, "targets", error);
}

static int check_source(struct json_object *object, struct json_error *error)
{
    struct source {
        const char *system;
        const char *ref;
    } source;
    static const struct json_row rows[] = {
        JSON_ROW_STRING(struct source, system, "system", 0, INT64_MAX),
        JSON_ROW_STRING(struct source, ref, "ref", 0, INT64_MAX),
    };
    int r = json_read(object, JSON_ROWS(rows), &source, error);

    if (r == -EBADMSG)
        json_error_within(error, "source");
    return r;
}

static int check_user(const struct item *item, bool sealed, struct json_error *error)
{
    struct item_block block;
    int r = check_validity(item->user.valid_from, item->user.valid_until, error);

    if (r == 0 && item->user.source)
        r = check_source(item->user.source, error);
    if (r == 0 && item->user.block)
        r = item_block_read(item->user.block, &block, error);
    return r < 0 ? r : check_ids(item->user.tags, "tags", error);
}

static bool consists_of(const char *value, const char *characters, size_t min, size_t max)
{
    size_t len = strlen(value);

    return len >= min && len <= max && strspn(value, characters) == len;
}

static bool is_printable(const char *value)
{
    size_t len = strlen(value);

    for (size_t i = 0; i < len; i++)
        if (value[i] < ' ' || value[i] > '~')
            return false;
    return len >= 1 && len <= VALUE_BYTES_MAX;
}

#define DIGITS "0123456789"

/* What is wrong with a value of this type; NULL: nothing. */
static const char *value_fault(enum credential_type type, const char *value)
{
    switch (type) { /* GCOVR_EXCL_BR_LINE: it names every value */
    case CREDENTIAL_CARD:
        if (consists_of(value, DIGITS "ABCDEF", 2, CARD_DIGITS_MAX) && strlen(value) % 2 == 0)
            return NULL;
        return "must be 1 to 65 bytes in upper-case hex";
    case CREDENTIAL_PIN:
        return consists_of(value, DIGITS, PIN_DIGITS_MIN, PIN_DIGITS_MAX) ? NULL : "must be 4 to 12 digits";
    case CREDENTIAL_PLATE:
        if (consists_of(value, DIGITS "ABCDEFGHIJKLMNOPQRSTUVWXYZ", 1, PLATE_BYTES_MAX))
            return NULL;
        return "must be 1 to 16 upper-case letters and digits";
    case CREDENTIAL_MOBILE:
    case CREDENTIAL_KEY:
    case CREDENTIAL_QR:
    case CREDENTIAL_TYPES: /* is none */
        break;
    }
    return is_printable(value) ? NULL : "must be 1 to 128 printable ASCII characters";
}

static bool is_sealed(const char *sealed)
{
    uint8_t hash[CREDENTIAL_HASH_BYTES];
    size_t len;

    return b64_decode(sealed, strlen(sealed), hash, sizeof(hash), &len) == 0 && len == sizeof(hash);
}

static int check_credential(const struct item *item, bool sealed, struct json_error *error)
{
    const struct item_credential *credential = &item->credential;
    const char *fault = NULL;

    if (sealed && (!credential->sealed || !is_sealed(credential->sealed)))
        return refuse(error, "sealed", "must be a sealed value");
    if (!sealed)
        fault = credential->value ? value_fault(credential->type, credential->value) : "is missing";
    if (fault)
        return refuse(error, "value", fault);
    return check_validity(credential->valid_from, credential->valid_until, error);
}

static int check_rule(const struct item *item, bool sealed, struct json_error *error)
{
    const struct item_rule *rule = &item->rule;
    uint32_t types;
    int r = check_ids(rule->tags, "tags", error);

    if (r == 0)
        r = check_ids(rule->users, "users", error);
    if (r == 0)
        r = check_ids(rule->points, "points", error);
    if (r == 0)
        r = check_ids(rule->doors, "doors", error);
    if (r == 0)
        r = check_ids(rule->areas, "areas", error);
    if (r < 0)
        return r;
    r = item_types_read(rule->types, &types, error);
    if (r < 0) {
        json_error_within(error, "types");
        return r;
    }
    return check_validity(rule->valid_from, rule->valid_until, error);
}

static int check_link(const struct item *item, bool sealed, struct json_error *error)
{
    struct item_instant instant;
    int r = item_instant_read(item->link.refreshed_at, "refreshed_at", &instant, error);

    if (r == 0 && instant.is_date)
        return refuse(error, "refreshed_at", RFC3339_EXPECTED);
    return r;
}

struct kind {
    const struct json_row *rows;
    size_t count;
    int (*check)(const struct item *item, bool sealed, struct json_error *error);
};

static const struct kind kinds[ITEM_KINDS] = {
    [ITEM_SITE] = { JSON_ROWS(site_rows), check_site },
    [ITEM_CALENDAR] = { JSON_ROWS(calendar_rows), check_calendar },
    [ITEM_SCHEDULE] = { JSON_ROWS(schedule_rows), check_schedule },
    [ITEM_AREA] = { JSON_ROWS(area_rows), check_area },
    [ITEM_DOOR] = { JSON_ROWS(door_rows), check_door },
    [ITEM_ACCESS_POINT] = { JSON_ROWS(point_rows), check_point },
    [ITEM_DEVICE] = { JSON_ROWS(device_rows), check_device },
    [ITEM_TAG] = { NULL, 0, NULL },
    [ITEM_USER] = { JSON_ROWS(user_rows), check_user },
    [ITEM_CREDENTIAL] = { JSON_ROWS(credential_rows), check_credential },
    [ITEM_RULE] = { JSON_ROWS(rule_rows), check_rule },
    [ITEM_LINK] = { JSON_ROWS(link_rows), check_link },
    [ITEM_KEY] = { NULL, 0, NULL }, /* proto/key.h reads it */
};

static int check_key(struct json_object *object, struct json_error *error)
{
    struct key key;
    int r = key_read(object, &key, error);

    if (r == 0)
        key_finish(&key);
    return r;
}

int item_read(enum item_kind kind, struct json_object *object, bool sealed, struct item *ret,
              struct json_error *error)
{
    struct item item = { 0 };
    size_t common = kind == ITEM_KINDS ? 1 : 2; /* of an unknown kind only the id is known */
    int r = json_read(object, common_rows, common, &item.common, error);

    if (r == 0 && kind < ITEM_KINDS && kinds[kind].check) {
        r = json_read(object, kinds[kind].rows, kinds[kind].count, &item.site, error);
        if (r == 0)
            r = kinds[kind].check(&item, sealed, error);
    }
    if (r == 0 && kind == ITEM_KEY)
        r = check_key(object, error);
    if (r == 0)
        *ret = item;
    return r;
}

int item_check(enum item_kind kind, struct json_object *object, bool sealed, struct json_error *error)
{
    struct item item;

    return item_read(kind, object, sealed, &item, error);
}

int item_seal(enum item_kind kind, struct json_object *object, const uint8_t secret[static SECRET_BYTES])
{
    uint8_t hash[CREDENTIAL_HASH_BYTES];
    char text[B64_SIZE(CREDENTIAL_HASH_BYTES)];
    struct json_object *member;

    if (kind != ITEM_CREDENTIAL)
        return 0;
    if (!json_object_object_get_ex(object, "value", &member))
        return 0;
    const char *value = json_object_get_string(member);

    json_object_object_get_ex(object, "type", &member);
    credential_hash(secret, json_object_get_string(member), value, hash);
    b64_encode(hash, sizeof(hash), text);
    struct json_object *sealed = json_object_new_string(text);

    if (!sealed || json_object_object_add(object, "sealed", sealed) < 0) {
        json_object_put(sealed);
        return -ENOMEM;
    }
    json_object_object_del(object, "value");
    return 0;
}

const char *item_id(struct json_object *object)
{
    struct json_object *id;

    return json_object_object_get_ex(object, "id", &id) ? json_object_get_string(id) : NULL;
}
