/* SPDX-License-Identifier: GPL-3.0-or-later */
/* content.h: what a policy says in this universe, small enough to tell without core who may enter: two doors,
 * some people with a card each, one rule. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/clock.h"

#define CONTENT_PEOPLE 6
#define CONTENT_BLOBS  9
#define CONTENT_DOORS  2

/* Longest item. */
#define CONTENT_ITEM_SIZE 16000

#define CONTENT_DEVICE "box"

/* The second one opens only after its grant is on the disk. */
enum content_door { CONTENT_FRONT, CONTENT_SIDE };

struct content_person {
    bool known;
    bool active;
    bool staff;
    bool has_card;
    bool card_works;
    bool until_2028;
};

struct content {
    bool placed; /* doors, devices, the tag */
    bool rule;
    bool blobs; /* items that nobody understands, and that are long */
    bool bad;   /* has an item that a gateway refuses */
    struct content_person people[CONTENT_PEOPLE];
};

/* Names. */
const char *content_point(enum content_door door);  /* of hal */
const char *content_target(enum content_door door); /* the door's id as well */
void content_card(int person, char ret_value[static 16]);

/* Whether a card is limited in its uses, so that the grant is stored before the door opens. */
bool content_limited(int person);

/* Whether this person's card opens a door now. */
bool content_opens(const struct content *content, int person, const struct timestamp *now);

/* Items as JSON. */
struct content_item {
    const char *kind;
    const char *id;
    const char *json; /* NULL: there is none */
};
struct content_item content_user(const struct content *content, int person);
struct content_item content_credential(const struct content *content, int person);
struct content_item content_rule(const struct content *content);
struct content_item content_place(size_t i); /* json NULL behind the last */
struct content_item content_blob(const struct content *content, size_t i, uint64_t filling);
struct content_item content_bad(const struct content *content);
