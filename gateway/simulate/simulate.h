/* SPDX-License-Identifier: GPL-3.0-or-later */
/* simulate.h: trying a policy without hardware (decision contract 5). */
#pragma once

#include <stdio.h>

#include "gateway/base/cleanup.h"

/* Exit codes. */
#define SIMULATE_OK     0
#define SIMULATE_FAILED 1 /* out of memory, or the output cannot be written */
#define SIMULATE_REFUSED                                                                                     \
    2 /* arguments, or input that cannot be taken: "FILE:LINE: MEMBER: WHAT" on standard error */

/* `stiled simulate --policy FILE --script FILE`; argv[0] is the word "simulate". Returns an exit code. */
int simulate_main(int argc, char *argv[]);

/* A text with the name it is called by in errors. */
struct simulate_text {
    const char *name;
    const char *bytes;
    size_t len;
};

/* Runs a script against a policy; verdicts go to out, an error to err. Returns an exit code. */
int simulate_run(const struct simulate_text *policy, const struct simulate_text *script, FILE *out,
                 FILE *err);
