/* SPDX-License-Identifier: GPL-3.0-or-later */
/* feed.h: a site's policy as the cloud keeps it: items, versions, and what is sent of them (cloud contract
 * 2). */
#pragma once

#include "gateway/base/cleanup.h"
#include "gateway/base/text.h"
#include "tools/stile-cloud/site.h"

/* A snapshot that nobody asked for any more goes after this long. */
#define FEED_OFFER_S 3600

/* Bytes of items in one chunk; what one item may have more is room enough. */
#define FEED_CHUNK_FILL (40u * 1024)

/* How far a gateway's generation may be ahead of ours and still be believed: generations begin at the clock,
 * and a clock may be years behind the one that the gateway's began at. */
#define FEED_LEAD_MAX (INT64_C(10) * 366 * 86400)

/* A change in the making: one transaction, one new version. */
struct feed_change {
    struct site *site;
    int64_t version; /* that it makes */
    struct digest root;
    int64_t changed;
    sqlite3_stmt *get;
    sqlite3_stmt *set;
};

int feed_change_begin(struct site *site, struct feed_change *ret) must_check;

/* Puts an item. Nothing changes where it is so already. item: its JSON. */
int feed_change_put(struct feed_change *change, const char *kind, const char *id,
                    const char *item) must_check;

/* Deletes an item. -ENOENT if there is none. */
int feed_change_del(struct feed_change *change, const char *kind, const char *id) must_check;

/* Commits if r is 0 and something changed, tells others, and frees. Returns r, or what the commit said. */
int feed_change_end(struct feed_change *change, int r) must_check;

/* Starts the generation above one that a gateway holds, for a cloud that fell behind it (P6). -ERANGE if that
 * one is too far ahead to be believed. */
int feed_raise(struct site *site, int64_t theirs) must_check;

/* What is sent. now: Unix seconds. */

int feed_desired(const struct site *site, const char *gateway, int64_t now, struct text *payload) must_check;

/* The delta that leads from a version of this generation to the newest, removals first. -EMSGSIZE if it fits
 * no message. */
int feed_delta(struct site *site, int64_t from, int64_t now, struct text *payload) must_check;

/* The digest of the newest policy, and what mends one that differs from it in these buckets. -EMSGSIZE if the
 * latter fits no message. */
int feed_digest(struct site *site, struct text *payload) must_check;
int feed_repair(struct site *site, const struct digest_set *buckets, int64_t now,
                struct text *payload) must_check;

/* The manifest of the newest policy, whose chunks are made if they are not there. */
int feed_offer(struct site *site, int64_t now, struct text *payload) must_check;

/* A chunk of an offered snapshot. -ENOENT if there is none (any more). */
int feed_chunk(struct site *site, const struct cloud_request *request, int64_t i,
               struct text *payload) must_check;

/* Keeps an offer for another FEED_OFFER_S. */
int feed_offer_asked(struct site *site, const struct cloud_request *request, int64_t now) must_check;
