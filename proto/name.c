/* SPDX-License-Identifier: GPL-3.0-or-later */
/* name.c: one scanner, two alphabets. */
#include "proto/name.h"

#include <stddef.h>

static bool alphanumeric(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool valid(const char *text, bool colon)
{
    size_t len = 0;

    if (!alphanumeric(text[0]))
        return false;
    for (; text[len]; len++) {
        char c = text[len];

        if (len == ID_BYTES_MAX)
            return false;
        if (!alphanumeric(c) && c != '.' && c != '_' && c != '-' && !(colon && c == ':'))
            return false;
    }
    return true;
}

bool id_valid(const char *id)
{
    return valid(id, true);
}

bool topic_name_valid(const char *name)
{
    return valid(name, false);
}
