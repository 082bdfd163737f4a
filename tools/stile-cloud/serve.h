/* SPDX-License-Identifier: GPL-3.0-or-later */
/* serve.h: the cloud on the broker, until it is told to stop. */
#pragma once

#include "gateway/base/cleanup.h"
#include "gateway/link/tls.h"
#include "tools/stile-cloud/site.h"

struct serve_options {
    const char *host;
    int port;
    const char *username; /* NULL: none */
    const char *password; /* NULL: none */
    struct tls *tls;      /* NULL: plain TCP */
};

/* Serves until SIGTERM or SIGINT. Prints a line for each thing that happens; the first is "serving …" once
 * everything is subscribed to. Returns 0, -EWOULDBLOCK if another process
 * serves the site, or another negative errno. */
int serve(struct site *site, const struct serve_options *options) must_check;
