/* SPDX-License-Identifier: GPL-3.0-or-later */
/* item.h: the kinds of items, and what an item must look like (decision contract 1 and its fine print).
 *
 * Checking looks at one item alone. A credential's value is sealed before anything keeps it: `value` becomes
 * `sealed`, the keyed hash in base64url, so that neither databases nor core ever hold a card number or a PIN.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "gateway/base/cleanup.h"
#include "proto/digest.h"
#include "proto/json.h"

enum item_kind {
    ITEM_SITE,
    ITEM_CALENDAR,
    ITEM_SCHEDULE,
    ITEM_AREA,
    ITEM_DOOR,
    ITEM_ACCESS_POINT,
    ITEM_DEVICE,
    ITEM_TAG,
    ITEM_USER,
    ITEM_CREDENTIAL,
    ITEM_RULE,
    ITEM_LINK,
    ITEM_KEY,
    ITEM_KINDS, /* how many; also: a kind that is not ours, kept and without effect */
};

enum credential_type {
    CREDENTIAL_CARD,
    CREDENTIAL_PIN,
    CREDENTIAL_MOBILE,
    CREDENTIAL_KEY,
    CREDENTIAL_PLATE,
    CREDENTIAL_QR,
    CREDENTIAL_TYPES,
};

/* "access_point"; NULL for ITEM_KINDS. */
const char *item_kind_name(enum item_kind kind);

/* The kind of that name, ITEM_KINDS if it is not ours. */
enum item_kind item_kind_find(const char *name);

/* "card"; and back, CREDENTIAL_TYPES if there is none. */
const char *credential_type_name(enum credential_type type);
enum credential_type credential_type_find(const char *name);

/* Checks every member of an item as the cloud sends it (sealed false) or as it is stored (sealed true), its
 * id included. An unknown kind needs a valid id only. Returns 0, or -EBADMSG with *error naming the member.
 */
int item_check(enum item_kind kind, struct json_object *item, bool sealed,
               struct json_error *error) must_check;

/* Replaces a checked credential's `value` by `sealed`; other kinds are left as they are. Returns 0 or
 * -ENOMEM. */
int item_seal(enum item_kind kind, struct json_object *item,
              const uint8_t secret[static SECRET_BYTES]) must_check;

/* The id of a checked item, borrowed. */
const char *item_id(struct json_object *item);
