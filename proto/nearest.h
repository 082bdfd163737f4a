/* SPDX-License-Identifier: GPL-3.0-or-later */
/* nearest.h: "did you mean ...": which known word somebody may have meant. */
#pragma once

#include <stddef.h>

/* Longer words are never near to anything. */
#define NEAREST_BYTES_MAX 64

/* Slips of the pen between two words: letters put in, left out, replaced, or swapped with their neighbour. */
unsigned nearest_distance(const char *a, const char *b);

/* The best candidate so far. */
struct nearest {
    const char *word; /* the mistyped one */
    const char *best; /* NULL: none is near yet */
    unsigned distance;
};

static inline struct nearest nearest_to(const char *word)
{
    return (struct nearest){ .word = word };
}

/* Looks at one more candidate; keeps it if it is nearer than the best and near at all: at most a third of the
 * word is wrong. */
void nearest_offer(struct nearest *nearest, const char *candidate);
