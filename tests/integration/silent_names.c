/* SPDX-License-Identifier: GPL-3.0-or-later */
/* silent_names.c: a name server that is silent until somebody opens the FIFO that SILENT_NAMES names. To be
 * put before the C library's with LD_PRELOAD. */
#include <fcntl.h>
#include <netdb.h>
#include <stdlib.h>
#include <unistd.h>

__attribute__((visibility("default"))) int getaddrinfo(const char *node, const char *service,
                                                       const struct addrinfo *hints, struct addrinfo **ret)
{
    const char *fifo = getenv("SILENT_NAMES");
    int fd = fifo ? open(fifo, O_RDONLY | O_CLOEXEC) : -1;

    if (fd >= 0)
        close(fd);
    return EAI_AGAIN;
}
