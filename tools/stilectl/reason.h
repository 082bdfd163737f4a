/* SPDX-License-Identifier: GPL-3.0-or-later */
/* reason.h: a verdict's reason codes (decision contract, section 2) in words for the person at the door. */
#pragma once

struct reason_words {
    const char *code;
    const char *what;   /* "The person's membership has ended" */
    const char *remedy; /* what would have to change; NULL: nothing needs to */
};

/* NULL if this program does not know the code. */
const struct reason_words *reason_words_find(const char *code);
