/* SPDX-License-Identifier: GPL-3.0-or-later */
/* policy_store.h: the policy that the cloud owns: items on disk, and the compiled policy that decides.
 *
 * One SQLite file, one connection, one worker thread. A change is one transaction: verified, applied to the
 * rows, root recomputed, compiled, committed, and only then reported (cloud contract P1, P3, P4). The
 * compiled policy comes with the report and is the receiver's; until it swaps its pointer the old one goes on
 * deciding. Called from the loop's thread only, answers come from policy_store_dispatch().
 *
 * The file can be replaced: one that is damaged is moved aside and an empty one (version 0) takes its place.
 * So is one that is sound and yet cannot be trusted: an old copy of itself, below the floor (P6), or sealed
 * with another secret. Credentials' values are sealed with the secret before they are kept.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/cleanup.h"
#include "proto/digest.h"
#include "proto/encode.h"
#include "proto/json.h"
#include "proto/key.h"
#include "proto/name.h"

struct policy; /* core's */
struct policy_store;

/* Bounds of what the cloud can make grow (cloud contract 2). */
#define POLICY_OPS_MAX     1000
#define POLICY_ITEM_BYTES  16384
#define POLICY_ITEMS_MAX   2000000
#define POLICY_CHUNK_BYTES 61440
#define POLICY_KIND_SIZE   ID_SIZE

/* Fewer people are compiled faster than they are written, and a card is worn by writing. */
#define POLICY_IMAGE_PEOPLE_MIN 5000

#define ROOT_SIZE HEX_SIZE(DIGEST_BYTES)

/* Which policy this is. Version 0, root of zeros: none yet. */
struct policy_position {
    int64_t generation;
    int64_t version;
    int64_t items;
    char root[ROOT_SIZE];
};

/* A snapshot that is being received. */
struct policy_staging {
    bool active;
    int64_t generation;
    int64_t version;
    int64_t chunks;
    int64_t next; /* the chunk to ask for */
};

enum policy_outcome {
    POLICY_APPLIED,  /* in force, durable */
    POLICY_STALE,    /* `to` not above the current version: harmless, nothing done */
    POLICY_GAP,      /* another generation, or `from` is not the current version: ask for the right one */
    POLICY_STAGED,   /* a manifest or chunk was taken; more is needed */
    POLICY_IGNORED,  /* a chunk that nobody waits for */
    POLICY_REJECTED, /* by its content: code, kind, id, member say why; the old policy is in force */
    POLICY_FAILED,   /* by the disk or memory: error says why; the old policy is in force, the same change may
                        be tried again */
};

/* Codes of a rejection: cloud contract 2. */
enum policy_code {
    POLICY_CODE_NONE,
    POLICY_CODE_CLAIMS,
    POLICY_CODE_GENERATION,
    POLICY_CODE_VERSION,
    POLICY_CODE_KEYS,
    POLICY_CODE_ITEM,
    POLICY_CODE_ROOT,
    POLICY_CODE_CHUNK,
};

struct policy_report {
    enum policy_outcome outcome;
    int error;                   /* POLICY_FAILED: negative errno */
    enum policy_code code;       /* POLICY_REJECTED */
    char kind[POLICY_KIND_SIZE]; /* the item that was refused */
    char id[ID_SIZE];
    struct json_error why;           /* its member and what it must be, for people */
    struct policy_position position; /* in force now */
    struct policy_staging staging;
    struct policy *policy; /* POLICY_APPLIED: the compiled policy, the receiver's to free */
};

/* The receiver of a report; report lasts for the call. */
typedef void policy_report_fn(void *user, const struct policy_report *report);

/* One op. Everything is borrowed during the call. */
struct policy_op {
    bool del;
    const char *kind;
    const char *id;   /* of a del; of a put it is the item's own */
    int64_t rev;      /* of a put */
    const char *item; /* of a put: the item's JSON */
    size_t item_len;
};

struct policy_delta {
    int64_t generation;
    int64_t from;
    int64_t to;
    const struct policy_op *ops;
    size_t count;
    const char *root; /* 32 hex digits */
    bool root_key;    /* signed by a `root` key, which alone may change `key` items (cloud contract 1) */
    struct digest_set buckets; /* not empty: no change but a repair, with from = to; these buckets become what
                                  the puts say */
};

struct policy_manifest {
    int64_t generation;
    int64_t version;
    int64_t items;
    int64_t chunks;
    const char *root;
    const char *first; /* SHA-256 of chunk 0, hex; NULL if chunks is 0 (an empty policy) */
    bool root_key;     /* as in a delta */
};

struct policy_store_options {
    const char *path;         /* .../policy.db; its directory exists */
    const uint8_t *secret;    /* SECRET_BYTES, copied */
    int64_t floor_generation; /* highest ever applied, from the ledger (P6): nothing below it applies */
    int64_t floor_version;

    /* From how many users and credentials on the compiled people are kept in a file beside, <path>.image; 0:
     * POLICY_IMAGE_PEOPLE_MIN. */
    int64_t image_people_min;

    /* Called from policy_store_dispatch(), once at most: the file, whose policy was taken from its compiled
     * copy, turned out to be damaged. The policy in force is whole; changes fail until the next start, which
     * moves the file aside. NULL: nobody is told. */
    void (*damaged)(void *user);
    void *user;
};

struct policy_opened {
    bool created;
    bool damaged;    /* the old file lies aside; ask the cloud for a snapshot */
    char aside[256]; /* file name only */
    char text[192];  /* what was wrong with it, or why opening failed */
    struct policy_position position;
    struct policy_staging staging;
    struct policy *policy; /* compiled, the caller's to free; never NULL after success */
};

/* Opens or creates the file, moves an older schema forward, loads and compiles. Waits for the disk. Returns
 * 0, -EPROTONOSUPPORT if a newer version wrote the file, or a negative errno; *ret_opened is filled in any
 * case. */
int policy_store_open(const struct policy_store_options *options, struct policy_store **ret_store,
                      struct policy_opened *ret_opened) must_check;

/* Starts the worker. Returns 0 or a negative errno. */
int policy_store_start(struct policy_store *store) must_check;

/* Finishes what is under way, ends the worker, closes and frees. NULL is harmless. Returns NULL. */
struct policy_store *policy_store_close(struct policy_store *store);

int policy_store_fd(const struct policy_store *store);
void policy_store_dispatch(struct policy_store *store);

/* As of the last dispatch. Valid until the next; what the keys are at lasts as long as the store. */
const struct key_set *policy_store_keys(const struct policy_store *store); /* `key` items in force */
const struct policy_position *policy_store_position(const struct policy_store *store);
const struct policy_staging *policy_store_staging(const struct policy_store *store);

/* --- Each of these copies what it is given and answers once through done, changes in order. They return 0,
 * -ENOBUFS (too much waits: try again later), -EMSGSIZE (beyond the bounds above) or -ENOMEM; then done is
 * not called.
 * --- */

/* Applies a delta. */
int policy_store_apply(struct policy_store *store, const struct policy_delta *delta, policy_report_fn *done,
                       void *user) must_check;

/* Begins a snapshot, in place of any that was being staged; with the same manifest as before it goes on where
 * it was. Answers STAGED (staging.next says what to ask for), STALE (it is in force already), APPLIED (an
 * empty policy), REJECTED or FAILED. */
int policy_store_begin(struct policy_store *store, const struct policy_manifest *manifest,
                       policy_report_fn *done, void *user) must_check;

/* A chunk as received: its SHA-256 is compared before it is parsed. Answers STAGED, IGNORED (not the one
 * asked for, or its hash is another), APPLIED with the last one, REJECTED (staging is dropped) or FAILED. */
int policy_store_chunk(struct policy_store *store, const void *bytes, size_t len, policy_report_fn *done,
                       void *user) must_check;

/* Drops what is staged. Answers STALE with the position. */
int policy_store_cancel(struct policy_store *store, policy_report_fn *done, void *user) must_check;

/* Frees a policy that decides no more, on the worker: giving back the memory of a million people takes
 * milliseconds. NULL is harmless. */
void policy_store_retire(struct policy_store *store, struct policy *policy);

/* The policy's items, for people: calls each() from policy_store_dispatch() for every item of kind (NULL:
 * all) in order of id, then done with error 0 or a negative errno. json is the sealed item. */
int policy_store_list(struct policy_store *store, const char *kind,
                      void (*each)(void *user, const char *kind, const char *id, int64_t rev,
                                   const char *json),
                      void (*done)(void *user, int error), void *user) must_check;

/* What the items in force come to, by buckets: calls done from policy_store_dispatch() with the position that
 * the sums are of. It takes turns with changes, which do not wait for it: so it may be answered after what
 * was asked for later. error: 0, -ECANCELED if another policy came in force meanwhile, or another negative
 * errno. */
int policy_store_sum(struct policy_store *store,
                     void (*done)(void *user, int error, const struct policy_position *position,
                                  const struct digest_sums *sums),
                     void *user) must_check;

/* "applied", "stale", …; "item", "root", …; the contract's words. */
const char *policy_outcome_name(enum policy_outcome outcome);
const char *policy_code_name(enum policy_code code);
