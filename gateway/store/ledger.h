/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ledger.h: what the gateway owns: its events, numbered and chained, and the state that they tell of.
 *
 * One SQLite file, one connection, one worker thread. Everything here is called from the loop's thread and
 * never waits for the disk, except where it says so (opening, restoring, closing). Answers come from
 * ledger_dispatch(), which the loop calls when ledger_fd() is readable.
 *
 *     ledger_open(&options, &ledger, &opened);
 *     ledger_restore(ledger, apply, self);        // state of the last run, at once
 *     ledger_start(ledger);                       // from here on the worker owns the file
 *     ledger_append(ledger, &entry, &ticket);     // committed() tells ticket, seq and stored bytes
 *     ledger_close(ledger, &lost);                // commits what waits, joins
 *
 * What is appended in one turn of the loop is committed in one transaction (up to LEDGER_BATCH_MAX entries;
 * one entry always is): an event gets its seq there (cloud contract E1)
 * together with the state it tells of, and the link of the chain (E2). If a commit fails (disk full, I/O
 * error) the entries are kept and tried again with back-off; trouble() tells, and tells when it is over.
 * Nothing is dropped silently.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/cleanup.h"
#include "gateway/base/clock.h"
#include "proto/digest.h"
#include "proto/encode.h"
#include "proto/event.h"

/* Entries that wait for the disk at most. Beyond LEDGER_PENDING_MAX - LEDGER_RESERVE only essential ones are
 * taken, beyond LEDGER_PENDING_MAX none: -ENOBUFS. Each refused event counts, and one counted `lost` event
 * follows. */
#define LEDGER_PENDING_MAX 4096
#define LEDGER_RESERVE     1024

/* Entries in one transaction. */
#define LEDGER_BATCH_MAX 256

/* Effects of one entry, bytes of a state key and of its value. */
#define LEDGER_EFFECTS_MAX     64
#define LEDGER_KEY_BYTES_MAX   256
#define LEDGER_VALUE_BYTES_MAX 16384

/* Tickets whose seq is remembered for the `cause` of later events; the cause of an older one is left out. */
#define LEDGER_CAUSES_MAX 4096

/* An epoch: 16 hex digits. */
#define EPOCH_SIZE HEX_SIZE(8)

struct ledger;

/* Results of commands are kept for this long by the boot clock, and so many of them in any case (cloud
 * contract C2); never more than LEDGER_COMMANDS_MAX, nor LEDGER_COMMANDS_KEY_MAX of one key: a key that may
 * do little could else keep the others from doing anything, and from being retired. What was kept before a
 * boot counts as old with that. */
#define LEDGER_COMMANDS_AGE_US  (INT64_C(86400) * USEC_PER_SEC)
#define LEDGER_COMMANDS_MIN     10000
#define LEDGER_COMMANDS_MAX     100000
#define LEDGER_COMMANDS_KEY_MAX 25000

/* Bytes of a command's result, and of what it is about. */
#define LEDGER_COMMAND_BYTES_MAX 2048

/* A command from the cloud; kid and jti name it, the texts are the caller's own. */
struct ledger_command {
    const char *kid;
    const char *jti;
    const char *ref;    /* of its bytes */
    const char *what;   /* what it is about */
    const char *result; /* what became of it; NULL: started */
};

/* A change of lasting state. */
struct ledger_effect {
    const char *key;
    const char *value; /* NULL deletes the key */
};

/* What is appended at once. Everything is copied. */
struct ledger_entry {
    const struct event *event; /* NULL: state only */
    struct timestamp now;
    uint64_t cause; /* ticket of an earlier append of this run; 0 is none */
    const struct ledger_effect *effects;
    size_t effect_count;
    const struct ledger_command *command; /* its result (kid, jti, result), told by the event; NULL: none */
    bool essential; /* may use the reserve: what changes presence, uses, doors or commands */
};

/* An entry that is durable. */
struct ledger_stored {
    uint64_t ticket;   /* 0: an event of the ledger itself (lost, epoch) */
    int64_t seq;       /* 0: state only */
    const char *bytes; /* the event without LF; NULL: state only */
    size_t len;
};

/* Where the log stands. After a refused ack or a new epoch, as after each commit, it is up to date before the
 * answer comes. */
struct ledger_position {
    char epoch[EPOCH_SIZE];
    int64_t oldest; /* first seq of this epoch that is still here; head + 1 if none is */
    int64_t acked;  /* highest seq that the cloud has stored */
    int64_t head;   /* last seq given, 0 at an epoch's begin */
    uint8_t head_hash[CHAIN_BYTES];
};

/* Called from ledger_dispatch(). Each may be NULL. */
struct ledger_hooks {
    void *user;
    /* Entries of one transaction, in order of seq; the memory lasts for the call. */
    void (*committed)(void *user, const struct ledger_stored stored[], size_t count);
    /* error < 0: a commit failed (negative errno: -ENOSPC, -EIO, …), is tried again, and text says what
     * SQLite said; reported at the first failure and when the error changes. 0: commits work again. */
    void (*trouble)(void *user, int error, const char *text);
};

struct ledger_options {
    const char *path;    /* .../ledger.db; its directory exists */
    const char *boot_id; /* borrowed during the call */
    struct timestamp now;
    int64_t rows_max;      /* hard bound: beyond it the oldest go, acknowledged or not (E3); at least 512 */
    int64_t retain_rows;   /* acknowledged events that are kept for people at the site */
    int64_t retain_age_us; /* and for how long at most; 0: whatever their age */
    int64_t gather_us;     /* how long the first entry of a transaction waits for company; 0: not at all */
    struct ledger_hooks hooks;
};

/* What opening found. */
struct ledger_opened {
    bool created; /* there was none */
    bool damaged; /* there was one that cannot be trusted: it lies aside, a new epoch has begun, state is lost
                   */
    char aside[256]; /* where it lies, file name only; empty if not damaged */
    char text[192];  /* what was wrong with it, or why opening failed */
};

/* Opens or creates the file, moves an older schema forward, checks that the last event fits the head. A file
 * that is damaged is never deleted but renamed to <name>.damaged-<n>. *ret_opened is filled in any case.
 * Waits for the disk. Returns 0, -EPROTONOSUPPORT if a newer version wrote the file (it is left alone), or a
 * negative errno. */
int ledger_open(const struct ledger_options *options, struct ledger **ret_ledger,
                struct ledger_opened *ret_opened) must_check;

/* Calls fn for each key of the state whose name begins with prefix ("" for all), in order of the keys' bytes.
 * Only between open and start. fn returns 0 or a negative errno that ends it. Returns 0 or a negative errno.
 */
int ledger_restore(struct ledger *ledger, const char *prefix,
                   int (*fn)(void *user, const char *key, const char *value), void *user) must_check;

/* Calls fn for each command that was started and has no result, in the order in which they came. Otherwise as
 * ledger_restore(). */
int ledger_restore_commands(struct ledger *ledger,
                            int (*fn)(void *user, const struct ledger_command *command),
                            void *user) must_check;

/* Starts the worker. Returns 0 or a negative errno. */
int ledger_start(struct ledger *ledger) must_check;

/* Commits what waits, ends the worker, closes and frees; hooks are called for what gets committed. Commits
 * are tried a last time without back-off; *ret_lost (if not NULL) is how many entries could not be stored.
 * NULL is harmless. Returns NULL. */
struct ledger *ledger_close(struct ledger *ledger, size_t *ret_lost);

/* Becomes readable when ledger_dispatch() has something to do. */
int ledger_fd(const struct ledger *ledger);
void ledger_dispatch(struct ledger *ledger);

/* As of the last dispatch. Valid until the next. */
const struct ledger_position *ledger_position(const struct ledger *ledger);

/* Entries that wait for the disk. */
size_t ledger_pending(const struct ledger *ledger);

/* Takes a copy of entry. *ret_ticket (if not NULL) names it in committed() and as a cause. Returns 0,
 * -ENOBUFS (refused, see above), -EMSGSIZE (event or effect too long), -EINVAL (effect without key, too many)
 * or -ENOMEM. */
int ledger_append(struct ledger *ledger, const struct ledger_entry *entry, uint64_t *ret_ticket) must_check;

/* --- Reading. Each answer comes once, from ledger_dispatch(), unless the call failed. Calls return 0,
 * -ENOBUFS (too many requests wait, or the ledger is closing) or -ENOMEM. What an answer points to lasts
 * for the call. A search or verification that closing cuts short answers -ECANCELED. --- */

/* Events of the current epoch for the uplink. */
struct ledger_batch {
    int error; /* 0 or a negative errno */
    char epoch[EPOCH_SIZE];
    int64_t first; /* seq of the first event; 0 if there is none from there on */
    size_t count;
    const char *lines; /* each ended by LF */
    size_t len;
    uint8_t prev[CHAIN_BYTES]; /* hash(first - 1) */
    uint8_t hash[CHAIN_BYTES]; /* hash of the last */
};

/* Events from seq `from` on, or from the oldest if that is later: at most count_max events and bytes_max
 * bytes of lines, but one event at least if there is one. */
int ledger_read(struct ledger *ledger, int64_t from, size_t count_max, size_t bytes_max,
                void (*done)(void *user, const struct ledger_batch *batch), void *user) must_check;

/* Which events a person asks for. NULL and 0 restrict nothing; strings are copied. */
struct ledger_query {
    const char *door;
    const char *user;
    const char *kinds[4]; /* any of these */
    int64_t since_seq;    /* of the current epoch, inclusive */
    int64_t since_utc_us; /* inclusive; events without utc count by boot time if they are of this boot */
    struct timestamp now; /* needed with since_utc_us */
    size_t limit;         /* at most LEDGER_QUERY_MAX; 0 means that */
    bool oldest_first; /* which ones the limit keeps: the first matching ones, else the last. Order is by seq
                          anyway */
};

#define LEDGER_QUERY_MAX 10000

struct ledger_found {
    int error;
    size_t count;
    const char *lines; /* in order of seq, each ended by LF; earlier epochs' events come before */
    size_t len;
    bool more; /* the limit left some out */
};

/* Looks through the log in slices, so that commits go on meanwhile. */
int ledger_find(struct ledger *ledger, const struct ledger_query *query,
                void (*done)(void *user, const struct ledger_found *found), void *user) must_check;

/* What became of an ack. */
enum ledger_ack_outcome {
    LEDGER_ACK_TAKEN, /* position.acked is seq or beyond it; behind the oldest event it says where the cloud
                         stands */
    LEDGER_ACK_OTHER_EPOCH, /* of an epoch that is over: ignored */
    LEDGER_ACK_BEYOND_HEAD, /* E5: start a new epoch */
    LEDGER_ACK_WRONG_HASH,  /* E5: start a new epoch */
    LEDGER_ACK_FAILED,      /* the disk: nothing changed, the cloud will say it again */
};

struct ledger_acked {
    enum ledger_ack_outcome outcome;
    int64_t seq; /* the one stated */
};

/* The cloud's word that it has stored all up to seq. Taken, it lets events go that local retention no longer
 * needs (E3). */
int ledger_ack(struct ledger *ledger, const char *epoch, int64_t seq, const uint8_t hash[static CHAIN_BYTES],
               void (*done)(void *user, const struct ledger_acked *acked), void *user) must_check;

/* Starts a new random epoch in one transaction (E5): first an `epoch` event {previous}, then what was not
 * acknowledged again with `was` (an event that has a `was` keeps it). In such an event `cause` is a seq of
 * the epoch in `was`. The hook committed() is not called for the repeated ones. error: 0 or a negative errno
 * (nothing changed). */
int ledger_new_epoch(struct ledger *ledger, const struct timestamp *now, void (*done)(void *user, int error),
                     void *user) must_check;

/* What is known of a command. */
enum ledger_begun_outcome {
    LEDGER_BEGUN_NEW,    /* it is started now, durably */
    LEDGER_BEGUN_KNOWN,  /* it came before */
    LEDGER_BEGUN_FULL,   /* too many came in one day, of its key or of all: nothing is stored, it must not be
                            carried out */
    LEDGER_BEGUN_FAILED, /* the disk: the same */
};

struct ledger_begun {
    enum ledger_begun_outcome outcome;
    int error;          /* FAILED: a negative errno */
    const char *ref;    /* KNOWN: of the bytes that came before */
    const char *result; /* KNOWN: NULL while it is under way */
    int64_t seq;        /* KNOWN: of the event that told the result, as it was then; 0: none yet */
};

/* Starts a command unless it came before (cloud contract C2). Its result is appended later, as an entry's
 * `command`. */
int ledger_begin_command(struct ledger *ledger, const struct ledger_command *command,
                         const struct timestamp *now,
                         void (*done)(void *user, const struct ledger_begun *begun), void *user) must_check;

/* A walk along the chain of the current epoch. */
struct ledger_verified {
    int error; /* 0 or a negative errno */
    char epoch[EPOCH_SIZE];
    int64_t first; /* the events that were looked at; last < first: there are none */
    int64_t last;
    int64_t first_bad; /* 0, or the first seq whose hash, number or place is wrong: the walk ended there */
};

/* Walks in slices, so that commits go on meanwhile. */
int ledger_verify(struct ledger *ledger, void (*done)(void *user, const struct ledger_verified *verified),
                  void *user) must_check;
