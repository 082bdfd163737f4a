/* SPDX-License-Identifier: GPL-3.0-or-later */
/* challenge.h: 16 random bytes in base64url: challenges and nonces (cloud contract C1). */
#pragma once

#include <string.h>

#include "gateway/sync/sync.h"
#include "proto/encode.h"

static inline void challenge_make(const struct sync_hooks *hooks, char ret[static CLOUD_CHALLENGE_SIZE])
{
    uint64_t random[2] = { hooks->random(hooks->user), hooks->random(hooks->user) };

    b64_encode((const uint8_t *)random, CLOUD_CHALLENGE_BYTES, ret);
}
