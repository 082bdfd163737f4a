/* SPDX-License-Identifier: GPL-3.0-or-later */
/* zone.c: the file's table of transitions, and behind its last one the rule that its footer states.
 * Everything else is built on one question: which stretch of equal offset is this instant in? */
#include "gateway/core/zone.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/clock.h"
#include "gateway/base/zoneinfo.h"
#include "gateway/core/zone_rule.h"

#define SECONDS_PER_DAY 86400

/* RFC 8536, 3.1. */
#define TRANSITIONS_MAX  2000
#define TYPES_MAX        256
#define TYPE_BYTES       6
#define FOOTER_BYTES_MAX 64

/* No zone is further from UTC (RFC 8536, 3.2, gives one hour less; a rule may add one). */
#define OFFSET_MAX (26 * 3600)

struct transition {
    int64_t at; /* seconds since 1970 */
    int32_t offset;
};

struct zone {
    struct transition *transitions;
    size_t count;
    int32_t first_offset;  /* before the first transition */
    struct zone_rule rule; /* behind the last one */
};

/* From ≤ t < until, in seconds since 1970. */
struct stretch {
    int64_t from;
    int64_t until;
    int32_t offset;
};

/* A reader whose first error sticks. */
struct reader {
    const uint8_t *at;
    size_t left;
    bool failed;
};

static const uint8_t *take(struct reader *reader, size_t len)
{
    const uint8_t *at = reader->at;

    if (reader->failed || reader->left < len) {
        reader->failed = true;
        return NULL;
    }
    reader->at += len;
    reader->left -= len;
    return at;
}

static int64_t take_int(struct reader *reader, size_t len)
{
    const uint8_t *bytes = take(reader, len);
    uint64_t value = bytes && bytes[0] & 0x80 ? UINT64_MAX : 0;

    for (size_t i = 0; bytes && i < len; i++)
        value = value << 8 | bytes[i];
    return (int64_t)value;
}

struct header {
    int64_t version; /* '\0', '2', '3' */
    int64_t isutcnt;
    int64_t isstdcnt;
    int64_t leapcnt;
    int64_t timecnt;
    int64_t typecnt;
    int64_t charcnt;
};

static void take_header(struct reader *reader, struct header *ret)
{
    const uint8_t *magic = take(reader, 4);

    if (magic && memcmp(magic, "TZif", 4) != 0)
        reader->failed = true;
    ret->version = take_int(reader, 1);
    take(reader, 15);
    ret->isutcnt = take_int(reader, 4);
    ret->isstdcnt = take_int(reader, 4);
    ret->leapcnt = take_int(reader, 4);
    ret->timecnt = take_int(reader, 4);
    ret->typecnt = take_int(reader, 4);
    ret->charcnt = take_int(reader, 4);
    if (ret->timecnt < 0 || ret->timecnt > TRANSITIONS_MAX || ret->typecnt < 1 || ret->typecnt > TYPES_MAX ||
        ret->charcnt < 0 || ret->leapcnt < 0 || ret->isutcnt < 0 || ret->isstdcnt < 0)
        reader->failed = true;
}

/* A block's bytes behind its header; time is 4 or 8. */
static size_t block_bytes(const struct header *header, size_t time)
{
    return (size_t)header->timecnt * (time + 1) + (size_t)header->typecnt * TYPE_BYTES +
           (size_t)header->charcnt + (size_t)header->leapcnt * (time + 4) + (size_t)header->isstdcnt +
           (size_t)header->isutcnt;
}

static bool offset_is_good(int32_t offset)
{
    return offset >= -OFFSET_MAX && offset <= OFFSET_MAX;
}

/* Zones with leap seconds ("right/…") count other seconds than we do. */
static int take_block(struct reader *reader, const struct header *header, struct zone *zone)
{
    int64_t times[1 + TRANSITIONS_MAX];
    size_t count = (size_t)header->timecnt;

    for (size_t i = 0; i < count; i++)
        times[i] = take_int(reader, 8);
    const uint8_t *indexes = take(reader, count);
    const uint8_t *types = take(reader, (size_t)header->typecnt * TYPE_BYTES);

    take(reader, (size_t)header->charcnt + (size_t)header->isstdcnt + (size_t)header->isutcnt);
    if (reader->failed || header->leapcnt > 0)
        return -EBADMSG;
    zone->transitions = calloc(count + 1, sizeof(*zone->transitions));
    if (!zone->transitions)
        return -ENOMEM;
    struct reader first = { .at = types, .left = TYPE_BYTES };

    zone->first_offset = (int32_t)take_int(&first, 4);
    for (size_t i = 0; i < count; i++) {
        struct reader type = { .at = types + indexes[i] % TYPES_MAX * TYPE_BYTES, .left = TYPE_BYTES };

        if (indexes[i] >= header->typecnt || (i > 0 && times[i] <= times[i - 1]))
            return -EBADMSG;
        zone->transitions[i] = (struct transition){ times[i], (int32_t)take_int(&type, 4) };
        if (!offset_is_good(zone->transitions[i].offset))
            return -EBADMSG;
    }
    zone->count = count;
    return offset_is_good(zone->first_offset) ? 0 : -EBADMSG;
}

/* "\nCET-1CEST,M3.5.0,M10.5.0/3\n"; empty: the last offset holds for ever. */
static int take_footer(struct reader *reader, struct zone *zone)
{
    char text[FOOTER_BYTES_MAX];
    size_t len = 0;

    if (take_int(reader, 1) != '\n')
        return -EBADMSG;
    for (int64_t c; (c = take_int(reader, 1)) != '\n'; text[len++] = (char)c)
        if (reader->failed || len == sizeof(text) - 1 || c <= 0)
            return -EBADMSG;
    text[len] = '\0';
    if (reader->left > 0 || (len > 0 && !zone_rule_parse(text, &zone->rule)))
        return -EBADMSG;
    if (len > 0 && zone->count == 0)
        zone->first_offset = zone->rule.offset;
    return 0;
}

static int read_file(const void *bytes, size_t len, struct zone *zone)
{
    struct reader reader = { .at = bytes, .left = len };
    struct header header = { 0 };

    take_header(&reader, &header);
    if (reader.failed || header.version < '2')
        return -EBADMSG;
    take(&reader, block_bytes(&header, 4));
    take_header(&reader, &header);
    if (reader.failed)
        return -EBADMSG;
    int r = take_block(&reader, &header, zone);

    return r < 0 ? r : take_footer(&reader, zone);
}

int zone_new(const void *bytes, size_t len, struct zone **ret)
{
    struct zone *zone = calloc(1, sizeof(*zone));
    int r = 0;

    if (!zone)
        return -ENOMEM;
    if (bytes)
        r = len > ZONEINFO_BYTES_MAX ? -EBADMSG : read_file(bytes, len, zone);
    if (r < 0) {
        zone_free(zone);
        return r;
    }
    *ret = zone;
    return 0;
}

struct zone *zone_free(struct zone *zone)
{
    if (zone)
        free(zone->transitions);
    free(zone);
    return NULL;
}

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

/* How many transitions are at or before t. */
static size_t transitions_until(const struct zone *zone, int64_t t)
{
    size_t low = 0;
    size_t high = zone->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (zone->transitions[middle].at <= t)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The table's stretch before its transition i; behind its last one without an end. */
static struct stretch stretch_of_table(const struct zone *zone, size_t i)
{
    return (struct stretch){
        .from = i ? zone->transitions[i - 1].at : INT64_MIN,
        .until = i < zone->count ? zone->transitions[i].at : INT64_MAX,
        .offset = i ? zone->transitions[i - 1].offset : zone->first_offset,
    };
}

/* Behind the table the last offset holds until the first of the rule's transitions, of the years around t. A
 * year's may fall up to a week into the next. */
static struct stretch stretch_of_rule(const struct zone *zone, int64_t t)
{
    struct stretch stretch = stretch_of_table(zone, zone->count);
    int year, month, day;

    if (!zone->rule.has_dst)
        return stretch;
    zone_date((int32_t)floor_div(t, SECONDS_PER_DAY), &year, &month, &day);
    for (int y = year - 2; y <= year + 1; y++) {
        struct zone_rule_year of = zone_rule_year(&zone->rule, y);
        const struct transition both[] = { { of.dst_begins, zone->rule.dst_offset },
                                           { of.dst_ends, zone->rule.offset } };

        for (size_t i = 0; i < 2; i++) {
            if (both[i].at <= t && both[i].at >= stretch.from) {
                stretch.from = both[i].at;
                stretch.offset = both[i].offset;
            }
            if (both[i].at > t && both[i].at < stretch.until)
                stretch.until = both[i].at;
        }
    }
    return stretch;
}

static struct stretch stretch_at(const struct zone *zone, int64_t t)
{
    size_t i = transitions_until(zone, t);

    return i < zone->count ? stretch_of_table(zone, i) : stretch_of_rule(zone, t);
}

struct local_time zone_local(const struct zone *zone, int64_t utc_us)
{
    int64_t t = floor_div(utc_us, USEC_PER_SEC);
    int32_t offset = stretch_at(zone, t).offset;
    int64_t local = t + offset;
    int64_t day = floor_div(local, SECONDS_PER_DAY);

    return (struct local_time){ (int32_t)day, (int32_t)(local - day * SECONDS_PER_DAY), offset };
}

int64_t zone_instant(const struct zone *zone, int32_t day, int32_t second)
{
    int64_t local = day * (int64_t)SECONDS_PER_DAY + second;
    struct stretch stretch = stretch_at(zone, local - OFFSET_MAX);

    /* In each stretch the clock only goes forward: the first one that gets there, gets there first. */
    while (local - stretch.offset >= stretch.until)
        stretch = stretch_at(zone, stretch.until);
    int64_t t = local - stretch.offset;

    return (t > stretch.from ? t : stretch.from) * USEC_PER_SEC;
}

int zone_weekday(int32_t day)
{
    return (int)(((int64_t)day % 7 + 7 + 3) % 7); /* 1970-01-01 was a Thursday */
}

/* Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms": years begin in March, so that leap days come
 * last. */
void zone_date(int32_t day, int *ret_year, int *ret_month, int *ret_day)
{
    int64_t z = day + INT64_C(719468);
    int64_t era = floor_div(z, 146097);
    int64_t of_era = z - era * 146097;
    int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
    int64_t month = (5 * of_year + 2) / 153;

    *ret_day = (int)(of_year - (153 * month + 2) / 5 + 1);
    *ret_month = (int)(month < 10 ? month + 3 : month - 9);
    *ret_year = (int)(year + era * 400 + (*ret_month <= 2));
}

int32_t zone_day(int year, int month, int day)
{
    int64_t y = year - (month <= 2);
    int64_t era = floor_div(y, 400);
    int64_t of_era = y - era * 400;
    int64_t of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;

    return (int32_t)(era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468);
}
