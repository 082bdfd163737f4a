/* SPDX-License-Identifier: GPL-3.0-or-later */
/* content.c: items are written here as a person at the cloud would, and decided here by the few lines that
 * this policy needs of the decision contract. */
#include "tests/sim/content.h"

#include <stdio.h>
#include <string.h>

/* 2028-01-01T00:00:00Z */
#define UNTIL_US (INT64_C(1830297600) * USEC_PER_SEC)

static const char *const points[CONTENT_DOORS] = { "front.reader", "side.reader" };
static const char *const targets[CONTENT_DOORS] = { "front", "side" };

static const struct content_item places[] = {
    { "site", "hub", "{\"id\":\"hub\",\"timezone\":\"UTC\"}" },
    { "tag", "staff", "{\"id\":\"staff\"}" },
    { "device", CONTENT_DEVICE,
      "{\"id\":\"" CONTENT_DEVICE "\",\"driver\":\"sim\",\"points\":[\"front.reader\",\"side.reader\"],"
      "\"targets\":[\"front\",\"side\"]}" },
    { "door", "front", "{\"id\":\"front\",\"kind\":\"door\",\"target\":\"front\"}" },
    { "door", "side", "{\"id\":\"side\",\"kind\":\"turnstile\",\"target\":\"side\",\"strict_log\":true}" },
    { "access_point", "front.in",
      "{\"id\":\"front.in\",\"door\":\"front\",\"direction\":\"entry\",\"readers\":[\"front.reader\"]}" },
    { "access_point", "side.in",
      "{\"id\":\"side.in\",\"door\":\"side\",\"direction\":\"entry\",\"readers\":[\"side.reader\"]}" },
};

const char *content_point(enum content_door door)
{
    return points[door];
}

const char *content_target(enum content_door door)
{
    return targets[door];
}

void content_card(int person, char ret_value[static 16])
{
    snprintf(ret_value, 16, "0A1B2C%02X", (unsigned)person);
}

bool content_limited(int person)
{
    return person % 3 == 0;
}

bool content_opens(const struct content *content, int person, const struct timestamp *now)
{
    const struct content_person *who = &content->people[person];
    bool in_time = !who->until_2028 || (now->clock != CLOCK_STATE_NONE && now->utc_us < UNTIL_US);

    return content->placed && content->rule && who->known && who->active && who->staff && who->has_card &&
           who->card_works && in_time;
}

/* One item at a time is written. */
static char json[CONTENT_ITEM_SIZE];
static char id[16];

static struct content_item item(const char *kind, bool there)
{
    return (struct content_item){ kind, id, there ? json : NULL };
}

struct content_item content_user(const struct content *content, int person)
{
    const struct content_person *who = &content->people[person];

    snprintf(id, sizeof(id), "u%d", person);
    snprintf(json, sizeof(json), "{\"id\":\"%s\",\"status\":\"%s\",\"tags\":[%s]%s}", id,
             who->active ? "active" : "suspended", who->staff ? "\"staff\"" : "",
             who->until_2028 ? ",\"valid_until\":\"2028-01-01T00:00:00Z\"" : "");
    return item("user", who->known);
}

struct content_item content_credential(const struct content *content, int person)
{
    const struct content_person *who = &content->people[person];
    char value[16];

    content_card(person, value);
    snprintf(id, sizeof(id), "c%d", person);
    snprintf(json, sizeof(json),
             "{\"id\":\"%s\",\"user\":\"u%d\",\"type\":\"card\",\"value\":\"%s\",\"status\":\"%s\"%s}", id,
             person, value, who->card_works ? "active" : "blocked",
             content_limited(person) ? ",\"uses\":1000000" : "");
    return item("credential", who->has_card);
}

struct content_item content_rule(const struct content *content)
{
    snprintf(id, sizeof(id), "staff");
    snprintf(json, sizeof(json), "{\"id\":\"staff\",\"tags\":[\"staff\"],\"doors\":[\"front\",\"side\"]}");
    return item("rule", content->rule);
}

struct content_item content_place(size_t i)
{
    return i < sizeof(places) / sizeof(places[0]) ? places[i] : (struct content_item){ 0 };
}

struct content_item content_blob(const struct content *content, size_t i, uint64_t filling)
{
    size_t len;

    snprintf(id, sizeof(id), "b%zu", i);
    len = (size_t)snprintf(json, sizeof(json), "{\"id\":\"%s\",\"filling\":\"%016llx", id,
                           (unsigned long long)filling);
    memset(json + len, 'x', CONTENT_ITEM_SIZE / 2);
    snprintf(json + len + CONTENT_ITEM_SIZE / 2, sizeof(json) - len - CONTENT_ITEM_SIZE / 2, "\"}");
    return item("blob", content->blobs);
}

struct content_item content_bad(const struct content *content)
{
    snprintf(id, sizeof(id), "odd");
    snprintf(json, sizeof(json), "{\"id\":\"odd\",\"status\":\"odd\"}");
    return item("user", content->bad);
}
