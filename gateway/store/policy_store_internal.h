/* SPDX-License-Identifier: GPL-3.0-or-later */
/* policy_store_internal.h: the loop's side of the policy store. Only for policy_store.c and
 * policy_store_read.c. */
#pragma once

#include <stdatomic.h>

#include "gateway/store/policy_store.h"
#include "gateway/store/policy_store_file.h"
#include "gateway/store/worker.h"

struct policy_store {
    struct worker *worker; /* NULL until started */
    struct policy_file file;
    struct worker_job verify; /* after a start from the compiled copy */
    struct policy_check check;
    int verified;           /* its answer */
    struct worker_job save; /* of the compiled copy */
    bool saving;            /* the loop's: it is under way */
    atomic_bool closing;    /* there is nobody left to tell */
    void (*damaged)(void *user);
    void *damaged_user;
    /* The loop's. */
    struct key_set keys;
    struct policy_position position;
    struct policy_staging staging;
};
