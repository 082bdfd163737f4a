/* SPDX-License-Identifier: GPL-3.0-or-later */
/* config_keys.h: `keys` of gateway.json: `key` items, read more strictly than those of a policy, since a
 * person typed them. */
#pragma once

#include <stdbool.h>

#include "gateway/base/cleanup.h"
#include "gateway/base/text.h"
#include "proto/json.h"
#include "proto/key.h"

/* More than a site that rotates its keys has at once. */
#define CONFIG_KEYS_MAX 64

/* Told of each problem; path begins at the list: "[2].jwk.x". */
typedef void config_keys_problem_fn(void *user, struct json_error *error);

/* Reads the list, all of it. Returns 0, also if there were problems, or -ENOMEM. *ret is the caller's to
 * finish. */
int config_keys_read(struct json_object *list, struct key_set *ret, config_keys_problem_fn *problem,
                     void *user) must_check;

/* Whether one is a root. */
bool config_keys_have_root(const struct key_set *keys);

/* "pol-1 (policy); root-1 (root)", or "none". */
void config_keys_show(const struct key_set *keys, struct text *out);
