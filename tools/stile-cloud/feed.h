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

/* item: its JSON, NULL deletes it. Nothing changes where it is so already. */
int feed_change_set(struct feed_change *change, const char *kind, const char *id,
                    const char *item) must_check;

/* Commits if r is 0 and something changed, tells others, and frees. Returns r, or what the commit said. */
int feed_change_end(struct feed_change *change, int r) must_check;

/* Starts a generation above that one, in which no version is used yet; for a cloud that fell behind a gateway
 * (P6). */
int feed_raise(struct site *site, int64_t generation) must_check;

/* Writes the delta that leads from a version of this generation to the newest. -EMSGSIZE if it fits no
 * message. */
int feed_delta(struct site *site, int64_t from, struct text *payload) must_check;

/* Makes sure that a snapshot of the newest policy is offered, and writes its manifest. now: Unix seconds. */
int feed_offer(struct site *site, int64_t now, struct text *payload) must_check;

/* A chunk of an offered snapshot. -ENOENT if it is not offered (any more). */
int feed_chunk(struct site *site, const struct cloud_request *request, int64_t i,
               struct text *payload) must_check;

/* Writes what is desired. */
int feed_desired(const struct site *site, const char *gateway, int64_t now, struct text *payload) must_check;
