/* SPDX-License-Identifier: GPL-3.0-or-later */
/* item_read.h: an item's members as they stand, checked; for item_check() and for compiling. Strings and
 * lists are borrowed from the item. */
#pragma once

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/cleanup.h"
#include "gateway/core/item.h"
#include "gateway/core/policy.h"

/* Takes what reading returns of an item that was checked: it cannot fail again. */
static inline void item_was_checked(int r)
{
    assert(r == 0);
}

/* An instant, or a date alone, whose day begins or ends where the site's clock says. */
struct item_instant {
    bool set;
    bool is_date;
    int32_t day; /* since 1970-01-01, of a date */
    int64_t us;  /* since 1970, of an instant */
};

/* text: NULL is not set. Returns 0, or -EBADMSG with *error naming member. */
int item_instant_read(const char *text, const char *member, struct item_instant *ret,
                      struct json_error *error) must_check;

/* "HH:MM" or "HH:MM:SS", up to max_s. Returns the second of the day, or -1. */
int32_t item_clock_read(const char *text, int32_t max_s);

/* "YYYY-MM-DD" to its day; "MM-DD" to 100 × month + day. False if there is no such day. */
bool item_date_read(const char *text, int32_t *ret_day);
bool item_yearly_read(const char *text, int32_t *ret_month_day);

struct item_site {
    const char *timezone;
    int untrusted_clock; /* 1: ignore_time */
    struct json_object *lockdown_tags;
};

struct item_calendar {
    struct json_object *days;   /* strings, or {from, to} */
    struct json_object *yearly; /* strings */
};

/* An entry of a calendar's days. */
struct item_days {
    int32_t from;
    int32_t to;
};
int item_days_read(struct json_object *days, size_t i, struct item_days *ret,
                   struct json_error *error) must_check;

struct item_schedule {
    struct json_object *windows;
    struct json_object *special;
};

/* A window. days: bit 1 << weekday, Monday is 0; all bits for one of a special. */
struct item_window {
    uint8_t days;
    int32_t from_s;
    int32_t to_s;
};
int item_window_read(struct json_object *windows, size_t i, bool with_days, struct item_window *ret,
                     struct json_error *error) must_check;

struct item_special {
    const char *calendar;
    struct json_object *windows;
};
int item_special_read(struct json_object *special, size_t i, struct item_special *ret,
                      struct json_error *error) must_check;

struct item_area {
    int64_t capacity; /* -1: none */
    enum anti_passback anti_passback;
    int64_t anti_passback_min;
    const char *forgive_at;
};

struct item_min_interval {
    int64_t s[USER_KINDS]; /* 0: none */
};

struct item_door {
    enum door_kind kind;
    const char *target;
    int64_t pulse_ms;
    int64_t extended_pulse_ms; /* 0: not said */
    int64_t held_ms;
    int64_t extended_held_ms;  /* 0: not said */
    int64_t held_warn_percent; /* 100: not said */
    int free;                  /* DIRECTIONS: not said */
    bool relock_on_close;
    bool rex_releases;
    int64_t passage_timeout_ms;
    int passage; /* -1: not said, 0: sensed, 1: assumed */
    enum door_mode mode;
    struct json_object *mode_schedules;
    const char *interlock;
    bool strict_log;
    struct json_object *min_interval;
};
int item_min_interval_read(struct json_object *object, struct item_min_interval *ret,
                           struct json_error *error) must_check;

struct item_mode_entry {
    const char *schedule;
    enum door_mode mode;
    const char *first_person;
};
int item_mode_entry_read(struct json_object *entries, size_t i, struct item_mode_entry *ret,
                         struct json_error *error) must_check;

struct item_point {
    const char *door;
    enum direction direction;
    const char *from;
    const char *to;
    struct json_object *readers;
    struct json_object *factors;
    int64_t factor_timeout_s;
    enum assurance min_assurance;
    bool two_person;
    int64_t max_age_ms;
};

struct item_factor_entry {
    const char *schedule;
    struct json_object *any;
};
int item_factor_entry_read(struct json_object *factors, size_t i, struct item_factor_entry *ret,
                           struct json_error *error) must_check;

/* Entry i of `any`: a list of types, as bits 1 << credential_type. */
int item_combination_read(struct json_object *any, size_t i, uint32_t *ret_types,
                          struct json_error *error) must_check;

struct item_device {
    const char *driver;
    const char *profile;
    struct json_object *points;
    struct json_object *targets;
};

struct item_user {
    enum user_kind kind;
    struct json_object *source;
    enum user_status status;
    const char *valid_from;
    const char *valid_until;
    struct json_object *tags;
    bool mobile;
    struct json_object *block;
    bool extended_time;
    bool apb_exempt;
    const char *link;
};

struct item_block {
    const char *from;
    const char *message;
};
int item_block_read(struct json_object *block, struct item_block *ret, struct json_error *error) must_check;

struct item_credential {
    const char *user;
    enum credential_type type;
    const char *value;  /* as the cloud sends it */
    const char *sealed; /* as it is stored */
    enum credential_status status;
    const char *valid_from;
    const char *valid_until;
    int64_t uses; /* -1: unlimited */
    bool duress;
};

struct item_rule {
    struct json_object *tags;
    struct json_object *users;
    struct json_object *points;
    struct json_object *doors;
    struct json_object *areas;
    const char *schedule;
    struct json_object *types;
    const char *valid_from;
    const char *valid_until;
    bool enabled;
};

struct item_link {
    const char *description;
    const char *unit_url;
    const char *company_key;
    bool enabled;
    int64_t max_stale_h;
    const char *refreshed_at;
};

/* Members besides these that every kind with a name has. */
struct item_common {
    const char *id;
    const char *name;
};

struct item {
    struct item_common common;
    union {
        struct item_site site;
        struct item_calendar calendar;
        struct item_schedule schedule;
        struct item_area area;
        struct item_door door;
        struct item_point point;
        struct item_device device;
        struct item_user user;
        struct item_credential credential;
        struct item_rule rule;
        struct item_link link;
    };
};

/* Checks the whole item and fills *ret. sealed: as for item_check(). */
int item_read(enum item_kind kind, struct json_object *object, bool sealed, struct item *ret,
              struct json_error *error) must_check;

/* Bits 1 << credential_type of a list of types. */
int item_types_read(struct json_object *types, uint32_t *ret_types, struct json_error *error) must_check;
