/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sign.h: what goes down, signed (cloud contract 1). A site without keys for policy and acks sends these
 * bare, which gateways with `trust: broker` take. */
#pragma once

#include <stdbool.h>

#include "gateway/base/cleanup.h"
#include "gateway/base/text.h"
#include "proto/cloud_message.h"
#include "tools/stile-cloud/site.h"

enum sign_by {
    SIGN_BY_USE,         /* a key for that topic; where there is none a root, which covers policy */
    SIGN_BY_ROOT,        /* what only a root may say */
    SIGN_BY_ROOT_IF_ANY, /* the same, as far as there is one */
};

/* What is signed, and what the signature is to allow. */
struct sign_request {
    enum cloud_topic topic; /* a signed one */
    enum sign_by by;
    const char *verb; /* of a command, which its key's scope must allow: else NULL */
    const char *target;
    const char *kid; /* with this key, NULL: with any that may */
};

/* Signs a payload in place, with the oldest key that may and is not retired: a new one waits until the old
 * one is retired, so that gateways have learned of it. Or leaves it bare. Returns 0;
 * -ENOKEY if no key may; -EMSGSIZE if it is too long, signed; or a negative errno. */
int sign_payload(struct site *site, const struct sign_request *request, struct text *payload) must_check;

/* Whether a gateway that holds this policy would not believe any other than a root: what is new to it has
 * another generation, or changes key items. Returns 0 with *ret, or a negative errno. */
int sign_needs_root(struct site *site, const struct cloud_policy *theirs, bool *ret) must_check;
