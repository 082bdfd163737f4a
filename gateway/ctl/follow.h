/* SPDX-License-Identifier: GPL-3.0-or-later */
/* follow.h: `events --follow`: which events one client still wants.
 *
 * History comes from the backend while events go on happening. Those are held back until history has ended;
 * then the ones that history did not reach follow, and nothing is told twice.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/cleanup.h"
#include "gateway/base/text.h"
#include "proto/control.h"

enum follow_stage {
    FOLLOW_OFF,
    FOLLOW_HISTORY,
    FOLLOW_LIVE,
};

struct follow {
    enum follow_stage stage;
    char *door;           /* NULL: any */
    char *user;           /* NULL: any */
    int64_t since_utc_us; /* INT64_MIN: any */
    int64_t seq;          /* the newest of history */
    struct text held;     /* lines that wait for the end of history */
};

/* Returns 0 or -ENOMEM. */
int follow_begin(struct follow *follow, const struct control_args *args) must_check;

/* Back to FOLLOW_OFF. */
void follow_finish(struct follow *follow);

/* One line of history is out. */
void follow_note(struct follow *follow, const char *event, size_t len);

/* Whether an event that happened is to be told: it fits, and history did not have it. */
bool follow_wants(const struct follow *follow, const char *event, size_t len);
