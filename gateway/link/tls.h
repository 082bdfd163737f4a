/* SPDX-License-Identifier: GPL-3.0-or-later */
/* tls.h: TLS for the connections of libmosquitto: whom to believe, what to show, and in words why it did not
 * come about. The library alone tells only that "a TLS error occurred".
 *
 * TLS 1.2 at least. The broker's certificate must lead to the CA file, be valid now, and be for the host's
 * name or address. Beside stile-link, tools/stile-cloud uses this file.
 */
#pragma once

#include "gateway/base/cleanup.h"

struct tls;

/* Bytes of a reason with NUL. */
#define TLS_REASON_SIZE 161

struct tls_options {
    const char *host;      /* name or address that the broker's certificate has to be for */
    const char *ca_file;   /* certificates in PEM form: whom to believe */
    const char *cert_file; /* our own, with what leads to its CA; NULL or "": none */
    const char *key_file;
};

/* Reads the files. Returns 0; -EBADMSG if one of them is no good, which ret_reason then tells; or -ENOMEM. */
int tls_new(const struct tls_options *options, char ret_reason[static TLS_REASON_SIZE],
            struct tls **ret) must_check;

/* After the instance of libmosquitto that uses it. Takes NULL, returns NULL. */
struct tls *tls_free(struct tls *tls);

/* The value for MOSQ_OPT_SSL_CTX (an SSL_CTX), to be used without the library's defaults. Stays tls's. */
void *tls_context(struct tls *tls);

/* What went wrong since tls_new() or tls_forget(), "" if nothing did. To be asked after each call of the
 * library, which takes a socket that has failed in the handshake for one that is not ready. */
const char *tls_reason(const struct tls *tls);
void tls_forget(struct tls *tls);
