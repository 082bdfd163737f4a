/* SPDX-License-Identifier: GPL-3.0-or-later */
/* simulate_policy.h: a policy that is kept in memory and changed item by item. */
#pragma once

#include <stdbool.h>

#include "gateway/base/cleanup.h"
#include "gateway/core/policy.h"
#include "gateway/core/table.h"
#include "proto/json.h"

struct simulate_items {
    struct table table; /* of items, by "kind/id" */
};

void simulate_items_finish(struct simulate_items *items);

/* Takes {"kind":…,"item":{…}}: a new item, or with `replace` also one in the place of another. Returns 0,
 * -EBADMSG with *error (path within that object), or -ENOMEM. */
int simulate_items_put(struct simulate_items *items, struct json_object *change, bool replace,
                       struct json_error *error) must_check;

/* Takes {"kind":…,"id":…}; an item that is not there may be deleted. Returns as above. */
int simulate_items_delete(struct simulate_items *items, struct json_object *change,
                          struct json_error *error) must_check;

/* Compiles the items as they are now. Returns 0 or a negative errno. */
int simulate_items_compile(struct simulate_items *items, struct policy **ret_policy) must_check;

/* The same, as a gateway follows a delta: the people of the policy that was compiled last are taken over, but
 * for those that were changed since. */
int simulate_items_follow(struct simulate_items *items, const struct policy *last,
                          struct policy **ret_policy) must_check;

/* The hash of a presented value, by the secret that items are sealed with here. */
void simulate_items_hash(enum credential_type type, const char *value,
                         uint8_t ret_hash[static CREDENTIAL_HASH_BYTES]);
