/* SPDX-License-Identifier: GPL-3.0-or-later */
/* item_values.c: what stands in single members and entries: times, dates, windows, combinations. */
#include <errno.h>
#include <json-c/json.h>
#include <string.h>

#include "gateway/core/item_read.h"
#include "gateway/core/zone.h"
#include "proto/name.h"
#include "proto/rfc3339.h"

#define FRACTION_DIGITS_MAX 9

/* Exactly this many digits. */
static bool digits(const char *text, size_t count, int *ret)
{
    int value = 0;

    for (size_t i = 0; i < count; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        value = value * 10 + (text[i] - '0');
    }
    *ret = value;
    return true;
}

static int days_in(int year, int month)
{
    static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

    return days[month - 1] + (month == 2 && leap);
}

bool item_date_read(const char *text, int32_t *ret_day)
{
    int year, month, day;

    if (strlen(text) != 10 || text[4] != '-' || text[7] != '-' || !digits(text, 4, &year) ||
        !digits(text + 5, 2, &month) || !digits(text + 8, 2, &day))
        return false;
    if (year < 1970 || month < 1 || month > 12 || day < 1 || day > days_in(year, month))
        return false;
    *ret_day = zone_day(year, month, day);
    return true;
}

bool item_yearly_read(const char *text, int32_t *ret_month_day)
{
    int month, day;

    if (strlen(text) != 5 || text[2] != '-' || !digits(text, 2, &month) || !digits(text + 3, 2, &day))
        return false;
    if (month < 1 || month > 12 || day < 1 || day > days_in(2000, month)) /* a leap year: 02-29 is a date */
        return false;
    *ret_month_day = month * 100 + day;
    return true;
}

int32_t item_clock_read(const char *text, int32_t max_s)
{
    size_t len = strlen(text);
    int hour, minute, second = 0;

    if ((len != 5 && len != 8) || text[2] != ':' || !digits(text, 2, &hour) || !digits(text + 3, 2, &minute))
        return -1;
    if (len == 8 && (text[5] != ':' || !digits(text + 6, 2, &second)))
        return -1;
    int32_t clock = hour * 3600 + minute * 60 + second;

    return minute < 60 && second < 60 && clock <= max_s ? clock : -1;
}

/* The contract is stricter than RFC 3339: capital T and Z, no second 60, at most nine digits of a fraction.
 */
static bool is_instant(const char *text, int64_t *ret_us)
{
    if (!rfc3339_parse(text, ret_us) || text[10] != 'T' || strncmp(text + 17, "60", 2) == 0 ||
        strchr(text, 'z'))
        return false;
    return text[19] != '.' || strspn(text + 20, "0123456789") <= FRACTION_DIGITS_MAX;
}

int item_instant_read(const char *text, const char *member, struct item_instant *ret,
                      struct json_error *error)
{
    struct item_instant instant = { .set = text };

    if (text && item_date_read(text, &instant.day)) {
        instant.is_date = true;
    } else if (text && !is_instant(text, &instant.us)) {
        json_error_set(error, member, "must be a time like 2026-11-22T14:30:00Z, or a date like 2026-11-22");
        return -EBADMSG;
    }
    *ret = instant;
    return 0;
}

struct range {
    const char *from;
    const char *to;
};

static const struct json_row range_rows[] = {
    JSON_ROW_STRING_REQUIRED(struct range, from, "from", 0, INT64_MAX),
    JSON_ROW_STRING_REQUIRED(struct range, to, "to", 0, INT64_MAX),
};

#define DATE_EXPECTED "must be a date like 2026-11-22"

static int read_range(struct json_object *object, struct item_days *ret, struct json_error *error)
{
    struct range range;
    int r = json_read(object, JSON_ROWS(range_rows), &range, error);

    if (r < 0)
        return r;
    if (!item_date_read(range.from, &ret->from))
        json_error_set(error, "from", DATE_EXPECTED);
    else if (!item_date_read(range.to, &ret->to))
        json_error_set(error, "to", DATE_EXPECTED);
    else if (ret->from > ret->to)
        json_error_set(error, "to", "must not be before from");
    else
        return 0;
    return -EBADMSG;
}

int item_days_read(struct json_object *days, size_t i, struct item_days *ret, struct json_error *error)
{
    struct json_error ignored;
    const char *date = json_list_string(days, i, &ignored);
    struct json_object *range = date ? NULL : json_list_object(days, i, error);

    if (date && item_date_read(date, &ret->from)) {
        ret->to = ret->from;
        return 0;
    }
    if (date || !range) {
        json_error_set(error, "", DATE_EXPECTED " or {\"from\", \"to\"}");
        json_error_within(error, "days[%zu]", i);
        return -EBADMSG;
    }
    int r = read_range(range, ret, error);

    if (r < 0)
        json_error_within(error, "days[%zu]", i);
    return r;
}

static const char *const weekdays[] = { "mon", "tue", "wed", "thu", "fri", "sat", "sun", NULL };

struct window {
    struct json_object *days;
    const char *from;
    const char *to;
};

static const struct json_row window_rows[] = {
    { .member = "days",
      .type = JSON_LIST,
      .required = true,
      .offset = offsetof(struct window, days),
      .min = 1,
      .max = INT64_MAX },
    JSON_ROW_STRING_REQUIRED(struct window, from, "from", 0, INT64_MAX),
    JSON_ROW_STRING_REQUIRED(struct window, to, "to", 0, INT64_MAX),
};

static int read_weekdays(struct json_object *days, uint8_t *ret, struct json_error *error)
{
    *ret = 0;
    for (size_t i = 0; i < json_list_length(days); i++) {
        const char *name = json_list_string(days, i, error);
        int day = name ? json_enum_value(weekdays, name) : -1;

        if (day < 0) {
            json_error_set(error, "", "must be one of mon, tue, wed, thu, fri, sat, sun");
            json_error_within(error, "days[%zu]", i);
            return -EBADMSG;
        }
        *ret |= (uint8_t)(1 << day);
    }
    return 0;
}

/* `days` of a special's window is an unknown member: its row is left out. */
static int read_window(struct json_object *object, bool with_days, struct item_window *ret,
                       struct json_error *error)
{
    size_t skipped = with_days ? 0 : 1;
    struct window window = { 0 };
    int r = json_read(object, window_rows + skipped, sizeof(window_rows) / sizeof(window_rows[0]) - skipped,
                      &window, error);

    if (r == 0 && with_days)
        r = read_weekdays(window.days, &ret->days, error);
    if (r < 0)
        return r;
    if (!with_days)
        ret->days = 0x7f;
    ret->from_s = item_clock_read(window.from, 86399);
    ret->to_s = item_clock_read(window.to, 86400);
    if (ret->from_s < 0)
        json_error_set(error, "from", "must be a time of day like 08:00 or 08:00:30");
    else if (ret->to_s < 0)
        json_error_set(error, "to", "must be a time of day like 18:00, up to 24:00");
    else if (ret->from_s == ret->to_s)
        json_error_set(error, "to", "must differ from from");
    else
        return 0;
    return -EBADMSG;
}

int item_window_read(struct json_object *windows, size_t i, bool with_days, struct item_window *ret,
                     struct json_error *error)
{
    struct json_object *object = json_list_object(windows, i, error);
    int r = object ? read_window(object, with_days, ret, error) : -EBADMSG;

    if (r == -EBADMSG && object)
        json_error_within(error, "windows[%zu]", i);
    else if (r == -EBADMSG)
        json_error_within(error, "windows");
    return r;
}

/* Reads entry i of the list called member by rows. */
static int read_entry(struct json_object *list, const char *member, size_t i, const struct json_row rows[],
                      size_t count, void *ret, struct json_error *error)
{
    struct json_object *object = json_list_object(list, i, error);
    int r = object ? json_read(object, rows, count, ret, error) : -EBADMSG;

    if (r == -EBADMSG && object)
        json_error_within(error, "%s[%zu]", member, i);
    else if (r == -EBADMSG)
        json_error_within(error, "%s", member);
    return r;
}

int item_special_read(struct json_object *special, size_t i, struct item_special *ret,
                      struct json_error *error)
{
    static const struct json_row rows[] = {
        JSON_ROW_CHECKED(struct item_special, calendar, "calendar", true, id_valid, ID_EXPECTED),
        { .member = "windows",
          .type = JSON_LIST,
          .required = true,
          .offset = offsetof(struct item_special, windows),
          .max = INT64_MAX },
    };

    return read_entry(special, "special", i, JSON_ROWS(rows), ret, error);
}

static const char *const modes[] = {
    "controlled", "unlocked", "locked_open", "blocked", "locked_down", NULL
};

int item_mode_entry_read(struct json_object *entries, size_t i, struct item_mode_entry *ret,
                         struct json_error *error)
{
    static const struct json_row rows[] = {
        JSON_ROW_CHECKED(struct item_mode_entry, schedule, "schedule", true, id_valid, ID_EXPECTED),
        JSON_ROW_ENUM_REQUIRED(struct item_mode_entry, mode, "mode", modes),
        JSON_ROW_CHECKED(struct item_mode_entry, first_person, "first_person", false, id_valid, ID_EXPECTED),
    };

    return read_entry(entries, "mode_schedules", i, JSON_ROWS(rows), ret, error);
}

int item_factor_entry_read(struct json_object *factors, size_t i, struct item_factor_entry *ret,
                           struct json_error *error)
{
    static const struct json_row rows[] = {
        JSON_ROW_CHECKED(struct item_factor_entry, schedule, "schedule", false, id_valid, ID_EXPECTED),
        { .member = "any",
          .type = JSON_LIST,
          .required = true,
          .offset = offsetof(struct item_factor_entry, any),
          .min = 1,
          .max = INT64_MAX },
    };

    return read_entry(factors, "factors", i, JSON_ROWS(rows), ret, error);
}

int item_types_read(struct json_object *types, uint32_t *ret_types, struct json_error *error)
{
    *ret_types = 0;
    for (size_t i = 0; i < json_list_length(types); i++) {
        const char *name = json_list_string(types, i, error);
        enum credential_type type = name ? credential_type_find(name) : CREDENTIAL_TYPES;

        if (type == CREDENTIAL_TYPES) {
            json_error_set(error, "", "must be one of card, pin, mobile, key, plate, qr");
            json_error_within(error, "[%zu]", i);
            return -EBADMSG;
        }
        *ret_types |= UINT32_C(1) << type;
    }
    return 0;
}

int item_combination_read(struct json_object *any, size_t i, uint32_t *ret_types, struct json_error *error)
{
    struct json_object *types = json_object_array_get_idx(any, i);

    if (!json_object_is_type(types, json_type_array) || json_list_length(types) == 0)
        json_error_set(error, "", "must be a list of types that is not empty");
    else if (item_types_read(types, ret_types, error) == 0)
        return 0;
    json_error_within(error, "any[%zu]", i);
    return -EBADMSG;
}

int item_min_interval_read(struct json_object *object, struct item_min_interval *ret,
                           struct json_error *error)
{
    static const struct json_row rows[] = {
        JSON_ROW_INT(struct item_min_interval, s[USER_MEMBER], "member", 1, 604800, 0),
        JSON_ROW_INT(struct item_min_interval, s[USER_EMPLOYEE], "employee", 1, 604800, 0),
        JSON_ROW_INT(struct item_min_interval, s[USER_VISITOR], "visitor", 1, 604800, 0),
    };
    int r = json_read(object, JSON_ROWS(rows), ret, error);

    if (r == -EBADMSG)
        json_error_within(error, "min_interval_s");
    return r;
}

int item_block_read(struct json_object *block, struct item_block *ret, struct json_error *error)
{
    static const struct json_row rows[] = {
        JSON_ROW_STRING(struct item_block, from, "from", 0, INT64_MAX),
        JSON_ROW_STRING(struct item_block, message, "message", 0, INT64_MAX),
    };
    struct item_instant from;
    int r = json_read(block, JSON_ROWS(rows), ret, error);

    if (r == 0)
        r = item_instant_read(ret->from, "from", &from, error);
    if (r == -EBADMSG)
        json_error_within(error, "block");
    return r;
}
