/* SPDX-License-Identifier: GPL-3.0-or-later */
/* cleanup.h: resources that free themselves at the end of their scope.
 *
 *     cleanup_with(freep) char *name = strdup(x);
 *     ...
 *     *ret_name = take_ptr(name);      // hand it on: the scope no longer owns it
 */
#pragma once

#include <stdlib.h>
#include <unistd.h>

#define cleanup_with(fn) __attribute__((cleanup(fn)))
#define must_check       __attribute__((warn_unused_result))

/* Gives up ownership of a pointer: its value, leaving NULL behind. */
#define take_ptr(p)                                                                                          \
    ({                                                                                                       \
        __typeof__(p) take_ptr_value = (p);                                                                  \
        (p) = NULL;                                                                                          \
        take_ptr_value;                                                                                      \
    })

/* Gives up ownership of a file descriptor: its value, leaving -1 behind. */
static inline int take_fd(int *fd)
{
    int value = *fd;

    *fd = -1;
    return value;
}

/* For cleanup_with() on any heap pointer. */
static inline void freep(void *p)
{
    free(*(void **)p);
}

/* For cleanup_with() on a file descriptor; -1 is none. */
static inline void closep(int *fd)
{
    if (*fd >= 0)
        close(*fd);
}
