/* SPDX-License-Identifier: GPL-3.0-or-later */
/* text.c: grows by doubling; one place knows the bound. */
#include "gateway/base/text.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_FIRST_SIZE 256

void text_finish(struct text *text)
{
    free(text->data);
    *text = (struct text)TEXT_INIT;
}

void text_reset(struct text *text)
{
    text->len = 0;
    text->error = 0;
    if (text->data)
        text->data[0] = '\0';
}

/* Room for more bytes and the NUL. */
static int reserve(struct text *text, size_t more)
{
    if (text->error)
        return text->error;
    if (more > TEXT_BYTES_MAX - text->len)
        return text->error = -EMSGSIZE;

    size_t size = text->size ? text->size : TEXT_FIRST_SIZE;

    while (size < text->len + more + 1)
        size *= 2;
    if (size == text->size)
        return 0;
    char *data = realloc(text->data, size);

    if (!data)
        return text->error = -ENOMEM;
    text->data = data;
    text->size = size;
    return 0;
}

void text_add_bytes(struct text *text, const void *bytes, size_t len)
{
    if (reserve(text, len) < 0)
        return;
    if (len > 0)
        memcpy(text->data + text->len, bytes, len);
    text->len += len;
    text->data[text->len] = '\0';
}

void text_add(struct text *text, const char *string)
{
    text_add_bytes(text, string, strlen(string));
}

void text_vaddf(struct text *text, const char *format, va_list args)
{
    va_list again;

    va_copy(again, args);
    int len = vsnprintf(NULL, 0, format, args);

    assert(len >= 0);
    if (reserve(text, (size_t)len) == 0) {
        vsnprintf(text->data + text->len, (size_t)len + 1, format, again);
        text->len += (size_t)len;
    }
    va_end(again);
}

void text_addf(struct text *text, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    text_vaddf(text, format, args);
    va_end(args);
}

size_t text_cut(const char *string, size_t max)
{
    size_t len = strnlen(string, max + 1);

    if (len <= max)
        return len;
    len = max;
    while (len > 0 && ((unsigned char)string[len] & 0xc0) == 0x80)
        len--;
    return len;
}

const char *text_string(const struct text *text)
{
    return text->data ? text->data : "";
}

int text_error(const struct text *text)
{
    return text->error;
}

void text_copy(char *to, size_t size, const char *from)
{
    snprintf(to, size, "%s", from ? from : "");
}
