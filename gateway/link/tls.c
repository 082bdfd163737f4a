/* SPDX-License-Identifier: GPL-3.0-or-later */
/* tls.c: the context is made here and not by libmosquitto, which neither says why a certificate was refused
 * nor can be told a least version; and the host is checked by OpenSSL itself, with the rest of the chain.
 *
 * Everything that goes wrong passes OpenSSL's info callback: an alert from the broker, or the end of a call
 * that made no handshake. What it finds first is the reason; what follows are consequences.
 */
#include "gateway/link/tls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct tls {
    SSL_CTX *context;
    char reason[TLS_REASON_SIZE];
};

#define TOO_OLD "the broker does not offer TLS 1.2 or later"

__attribute__((format(printf, 2, 3))) static void note(struct tls *tls, const char *format, ...)
{
    va_list args;

    if (tls->reason[0] != '\0')
        return;
    va_start(args, format);
    vsnprintf(tls->reason, sizeof(tls->reason), format, args);
    va_end(args);
}

/* Why the broker's certificate is not believed. */
static void note_certificate(struct tls *tls, long error)
{
    switch (error) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
        note(tls, "the broker's certificate has expired, or this machine's clock is wrong");
        return;
    case X509_V_ERR_CERT_NOT_YET_VALID:
        note(tls, "the broker's certificate is not yet valid, or this machine's clock is wrong");
        return;
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
        note(tls, "the broker's certificate is for another name than the host's");
        return;
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
        note(tls, "the broker's certificate does not come from the CA file (%s)",
             X509_verify_cert_error_string(error));
        return;
    default:
        note(tls, "the broker's certificate is refused: %s", X509_verify_cert_error_string(error));
    }
}

/* The broker breaks off. */
static void note_alert(struct tls *tls, int alert)
{
    switch (alert & 0xff) {
    case SSL_AD_CLOSE_NOTIFY: /* it takes leave */
    case SSL_AD_USER_CANCELLED:
        return;
    case SSL_AD_CERTIFICATE_REQUIRED:
        note(tls, "the broker wants a client certificate, and none was shown");
        return;
    case SSL_AD_HANDSHAKE_FAILURE:
        note(tls, "the broker refuses the TLS handshake; it may want a client certificate");
        return;
    case SSL_AD_PROTOCOL_VERSION:
        note(tls, TOO_OLD);
        return;
    case SSL_AD_UNKNOWN_CA:
    case SSL_AD_BAD_CERTIFICATE:
    case SSL_AD_UNSUPPORTED_CERTIFICATE:
    case SSL_AD_CERTIFICATE_REVOKED:
    case SSL_AD_CERTIFICATE_EXPIRED:
    case SSL_AD_CERTIFICATE_UNKNOWN:
        note(tls, "the broker refuses our certificate: %s", SSL_alert_desc_string_long(alert));
        return;
    default:
        note(tls, "the broker breaks off TLS: %s", SSL_alert_desc_string_long(alert));
    }
}

/* The handshake went wrong on this side. */
static void note_error(struct tls *tls, unsigned long error)
{
    switch (ERR_GET_REASON(error)) {
    case SSL_R_UNSUPPORTED_PROTOCOL:
        note(tls, TOO_OLD);
        return;
    case SSL_R_WRONG_VERSION_NUMBER:
    case SSL_R_UNEXPECTED_EOF_WHILE_READING:
        note(tls, "the broker does not speak TLS; is it the right port?");
        return;
    default:
        note(tls, "TLS fails: %s", ERR_reason_error_string(error));
    }
}

static void on_info(const SSL *ssl, int where, int ret)
{
    struct tls *tls = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
    long verified = SSL_get_verify_result(ssl);
    unsigned long error = ERR_peek_error();

    if ((where & SSL_CB_READ_ALERT) == SSL_CB_READ_ALERT)
        note_alert(tls, ret);
    else if (where != SSL_CB_CONNECT_EXIT || ret > 0)
        return;
    else if (verified != X509_V_OK)
        note_certificate(tls, verified);
    else if (ERR_GET_LIB(error) == ERR_LIB_SSL)
        note_error(tls, error);
    else if (SSL_get_error(ssl, ret) == SSL_ERROR_SYSCALL) /* else it goes on with the next call */
        note(tls, "%s", errno != 0 ? strerror(errno) : "the broker closed the connection");
}

/* A key that is encrypted must not ask a terminal. */
static int no_password(char *buffer, int size, int for_writing, void *user)
{
    return 0;
}

static bool bad_file(struct tls *tls, const char *member, const char *path, const char *what)
{
    note(tls, "%s: %s: %s", member, path, access(path, R_OK) < 0 ? strerror(errno) : what);
    return false;
}

static bool load_files(struct tls *tls, const struct tls_options *options)
{
    SSL_CTX *context = tls->context;

    if (SSL_CTX_load_verify_file(context, options->ca_file) != 1)
        return bad_file(tls, "ca_file", options->ca_file, "has no certificate in PEM form");
    if (!options->cert_file || options->cert_file[0] == '\0')
        return true;
    if (SSL_CTX_use_certificate_chain_file(context, options->cert_file) != 1)
        return bad_file(tls, "cert_file", options->cert_file, "has no certificate in PEM form");
    if (SSL_CTX_use_PrivateKey_file(context, options->key_file, SSL_FILETYPE_PEM) != 1)
        return bad_file(tls, "key_file", options->key_file,
                        "has no key in PEM form, unencrypted, that belongs to cert_file");
    return true;
}

static bool set_host(SSL_CTX *context, const char *host)
{
    X509_VERIFY_PARAM *param = SSL_CTX_get0_param(context);
    unsigned char address[sizeof(struct in6_addr)];

    if (inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1)
        return X509_VERIFY_PARAM_set1_ip_asc(param, host) == 1;
    X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return X509_VERIFY_PARAM_set1_host(param, host, 0) == 1;
}

static void tls_freep(struct tls **tls)
{
    tls_free(*tls);
}

int tls_new(const struct tls_options *options, char ret_reason[static TLS_REASON_SIZE], struct tls **ret)
{
    cleanup_with(tls_freep) struct tls *tls = calloc(1, sizeof(*tls));

    if (!tls)
        return -ENOMEM;
    tls->context = SSL_CTX_new(TLS_client_method());
    if (!tls->context || SSL_CTX_set_min_proto_version(tls->context, TLS1_2_VERSION) != 1 ||
        !set_host(tls->context, options->host))
        return -ENOMEM;
    SSL_CTX_set_app_data(tls->context, tls);
    SSL_CTX_set_verify(tls->context, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_info_callback(tls->context, on_info);
    SSL_CTX_set_default_passwd_cb(tls->context, no_password);
    if (!load_files(tls, options)) {
        memcpy(ret_reason, tls->reason, sizeof(tls->reason));
        return -EBADMSG;
    }
    *ret = take_ptr(tls);
    return 0;
}

struct tls *tls_free(struct tls *tls)
{
    if (tls)
        SSL_CTX_free(tls->context);
    free(tls);
    return NULL;
}

void *tls_context(struct tls *tls)
{
    return tls->context;
}

const char *tls_reason(const struct tls *tls)
{
    return tls->reason;
}

void tls_forget(struct tls *tls)
{
    tls->reason[0] = '\0';
}
