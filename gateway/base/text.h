/* SPDX-License-Identifier: GPL-3.0-or-later */
/* text.h: a growing string whose first error sticks.
 *
 * Any number of text_add calls may follow each other unchecked; text_error() at the end tells whether one of
 * them ran out of memory or over the bound. The content is always terminated by NUL.
 */
#pragma once

#include <stddef.h>
#include <stdarg.h>

struct text {
    char *data; /* NULL until the first byte */
    size_t len; /* bytes without the NUL */
    size_t size;
    int error; /* 0 or the first negative errno */
};

#define TEXT_INIT                                                                                            \
    {                                                                                                        \
        0                                                                                                    \
    }

/* No text grows beyond this many bytes: -EMSGSIZE. */
#define TEXT_BYTES_MAX (64u * 1024 * 1024)

void text_finish(struct text *text);

/* Empties it and forgets the error; the memory is kept for the next use. */
void text_reset(struct text *text);

void text_add(struct text *text, const char *string);
void text_add_bytes(struct text *text, const void *bytes, size_t len);
void text_addf(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
void text_vaddf(struct text *text, const char *format, va_list args) __attribute__((format(printf, 2, 0)));

/* How many bytes of a UTF-8 string, at most max, end with a character. */
size_t text_cut(const char *string, size_t max);

/* The content ("" while there is none). */
const char *text_string(const struct text *text);

/* 0, -ENOMEM or -EMSGSIZE. */
int text_error(const struct text *text);

/* Copies a string into a buffer of that size, cut to fit; NULL is "". */
void text_copy(char *to, size_t size, const char *from);
