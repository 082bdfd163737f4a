/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sync.h: the gateway's end of the cloud contract: presence, trust, policy, events, commands, time.
 *
 * State machines over messages and time, without I/O of their own. What happens outside is told to sync by
 * the functions below; what sync wants done it asks for through the hooks. main.c joins it with stile-link
 * and the stores:
 *
 *     stile-link  connected, disconnected, message  →  sync  →  connect(), publish()
 *     ledger      log changed, batch, ack outcome   →  sync  →  read_events(), ack(), new_epoch()
 *     policy      reports, sums                     →  sync  →  apply_delta(), begin_snapshot(), …
 *     timer       sync_advance() at sync_due()
 *
 * Hooks are called from within sync's functions and must not call them back: answers come later, from the
 * loop. Each hook that says so is answered exactly once if it returned 0, in the order of the calls; one that
 * returns a negative errno is not answered, and sync tries again in its own time.
 *
 * Nothing here can make a decision wait: the link may be down for ever.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/cleanup.h"
#include "gateway/base/clock.h"
#include "gateway/sync/trust.h"
#include "proto/cloud_command.h"
#include "proto/cloud_message.h"
#include "proto/digest.h"

struct sync;

/* Nothing is due. */
#define SYNC_NEVER INT64_MAX

/* Where the event log stands (the ledger's position). */
struct sync_log {
    char epoch[CLOUD_EPOCH_SIZE];
    int64_t oldest; /* head + 1 if no event is left */
    int64_t acked;
    int64_t head;
};

/* A snapshot that the policy store is receiving. */
struct sync_staging {
    bool active;
    int64_t generation;
    int64_t version;
    int64_t chunks;
    int64_t next; /* the chunk to ask for */
};

/* What the policy store answered. */
enum sync_policy_outcome {
    SYNC_POLICY_APPLIED,
    SYNC_POLICY_STALE,
    SYNC_POLICY_GAP,
    SYNC_POLICY_STAGED,
    SYNC_POLICY_IGNORED,
    SYNC_POLICY_REJECTED,
    SYNC_POLICY_FAILED,
};
struct sync_policy_report {
    enum sync_policy_outcome outcome;
    const char *code;   /* REJECTED: the contract's word, else NULL. All are borrowed for the call */
    const char *kind;   /* the item that was refused, or NULL */
    const char *id;     /* or NULL */
    const char *member; /* or NULL */
    struct cloud_policy policy;
    struct sync_staging staging;
};

/* What the ledger made of an ack. */
enum sync_ack_outcome {
    SYNC_ACK_TAKEN,
    SYNC_ACK_OTHER_EPOCH,
    SYNC_ACK_DISPUTED, /* beyond the head, or with another hash (E5): a new epoch is asked for */
    SYNC_ACK_FAILED,
};

/* Messages from the cloud that were refused, for one event: one at first, then what came in a minute. */
struct sync_refused {
    enum cloud_topic of; /* the last one */
    const char *code;
    const char *member; /* "": none; and in words, of the last one */
    const char *text;
    int64_t count;
};

/* What a command is to the ledger. `what` is for its event, should it be cut short. */
struct sync_command_name {
    const char *kid;
    const char *jti;
    const char *ref;
    const char *what;
};

/* What the ledger knows of it. */
enum sync_begun_outcome {
    SYNC_BEGUN_NEW,    /* it is started, durably */
    SYNC_BEGUN_KNOWN,  /* it came before */
    SYNC_BEGUN_FAILED, /* nothing is stored: it must not be carried out */
};
struct sync_command_begun {
    enum sync_begun_outcome outcome;
    const char *ref;    /* KNOWN */
    const char *result; /* KNOWN: what end_command() stored; NULL: it is under way */
    int64_t seq;        /* KNOWN: of its event; 0: none yet */
};

/* A command that is to be carried out. Valid until its result is with the ledger. */
struct sync_command {
    int64_t id;
    enum cloud_verb verb;
    const char *target;
    const char *sub; /* open */
    const char *issuer;
    const char *kid;
    const char *jti;
    struct cloud_command_args args;
    int64_t deadline_us; /* boot time: the device is not told later */
};

/* What became of it: completed, denied, failed or unknown. */
struct sync_command_end {
    enum cloud_command_outcome outcome;
    const char *reason; /* the decision's or the device's word; NULL: none */
};

/* The end of every command, refused ones included, for its event and for the ledger. */
struct sync_command_ended {
    int64_t id;
    const char *kid;
    const char *jti;
    const char *issuer; /* these: "" if not known */
    const char *verb;
    const char *target;
    const char *sub;
    const char *text; /* the reason that the sender gave, or NULL */
    const struct cloud_command_result *result;
    const char *stored; /* for struct sync_command_begun */
};

struct sync_hooks {
    void *user;

    /* Asks stile-link for one connection whose Will in up/state is this. Answered by sync_connected(), and
     * in any case once by sync_disconnected(). */
    void (*connect)(void *user, const char *will, size_t len);

    /* Hands a payload to stile-link. Called only while connected. */
    void (*publish)(void *user, enum cloud_topic topic, const char *payload, size_t len);

    /* Connection number conn of this boot stands: to be remembered through a restart (options.conn). */
    void (*save_conn)(void *user, int64_t conn);

    /* Reads events from seq `from` on. Answered by sync_batch(). */
    int (*read_events)(void *user, int64_t from, size_t count_max, size_t bytes_max);

    /* The cloud has stored all up to seq. Answered by sync_acked(). */
    int (*ack)(void *user, const struct cloud_ack *ack);

    /* The cloud's log and ours differ (E5): start a new epoch. Answered by sync_new_epoch(). */
    int (*new_epoch)(void *user);

    /* To the policy store; each is answered by sync_policy(). What is passed lasts for the call. -EMSGSIZE
     * means that it exceeds what the store takes. */
    int (*apply_delta)(void *user, const struct cloud_delta *delta);
    int (*begin_snapshot)(void *user, const struct cloud_snapshot *manifest);
    int (*put_chunk)(void *user, const char *bytes, size_t len); /* not yet verified */
    int (*cancel_snapshot)(void *user);

    /* What the policy in force comes to, bucket by bucket, to find where it drifted. Answered by sync_sums(),
     * before or after the answers above. */
    int (*read_sums)(void *user);

    /* To be recorded. NULL: nobody is told. */
    void (*refused)(void *user, const struct timestamp *now, const struct sync_refused *refused);

    /* Whether target is what the verb is done to. */
    bool (*has_target)(void *user, enum cloud_verb verb, const char *target);

    /* Starts a command in the ledger unless it came before. Answered by sync_command_begun(). */
    int (*begin_command)(void *user, const struct sync_command_name *name);

    /* Carries a command out. True: *ret_end is its end; false: sync_command_done() follows. */
    bool (*run_command)(void *user, const struct timestamp *now, const struct sync_command *command,
                        struct sync_command_end *ret_end);

    /* Records the event of a command and what became of it, together. Answered by sync_command_ended(). */
    int (*end_command)(void *user, const struct timestamp *now, const struct sync_command_ended *ended);

    /* It is that time; the clock is `holdover` from here on. */
    void (*set_time)(void *user, const struct timestamp *now, int64_t utc_us);

    /* To be remembered through a restart (options.wall). */
    void (*save_wall)(void *user, const char *value);

    /* The lease has run out, or a new one runs. */
    void (*lease_over)(void *user, bool over);

    /* 64 random bits. */
    uint64_t (*random)(void *user);
};

/* Who signed a change, and when. */
struct sync_author {
    char kid[ID_SIZE]; /* "": the broker was believed */
    int64_t iat;       /* 0: that is not known */
};

/* Strings are copied. */
struct sync_options {
    struct cloud_self self;
    enum trust_mode trust;
    const struct key_set *keys; /* of gateway.json; they last as long as sync. NULL: none */
    const char *software;
    const char *boot_id;
    int64_t conn; /* last one saved in this boot, 0 if none */
    struct sync_log log;
    struct cloud_policy policy;
    struct sync_staging staging;
    const char *wall; /* last text saved, NULL if none */
    bool forgetful;   /* what earlier runs were commanded is not known any more: the ledger was damaged */
    struct sync_author changed; /* as of the last applied report (sync_status()) */
};

/* For people: how the talk with the cloud stands. */
struct sync_status {
    bool connected;
    int64_t since_us;   /* boot time of the last change of connected */
    const char *reason; /* why it is not connected; "" while nothing is known. Valid until the next call */
    bool answered;      /* the cloud answered since the connection stands */
    int64_t heard_us;   /* boot time of its last message, 0: never */
    bool target_known;  /* what the cloud wants in force */
    struct cloud_policy target;
    int64_t agreed_us; /* boot time when that was last known to be in force, 0: never */
    const char *asks;  /* what the cloud is asked for: "delta", ...; NULL: nothing */
    struct sync_staging staging;
    struct sync_author changed;  /* the last change that was applied */
    struct cloud_result trouble; /* what was refused or failed last ... */
    int64_t trouble_us;          /* ... at this boot time, 0: never */
    int64_t lease_until;         /* of the policy in force, seconds since 1970; 0: no lease */
    bool lease_over;             /* as far as was known when there was a clock */
};

/* Returns 0 or -ENOMEM. Nothing is done before sync_link_started(). */
int sync_new(const struct sync_options *options, const struct sync_hooks *hooks,
             struct sync **ret) must_check;

/* Takes NULL, returns NULL. */
struct sync *sync_free(struct sync *sync);

/* --- stile-link --- */

/* The process runs and takes lines; nothing is connected yet. */
void sync_link_started(struct sync *sync);

/* The process is gone: counts as a disconnect, and there is no new attempt before it is started again. */
void sync_link_ended(struct sync *sync, const struct timestamp *now, const char *reason);

void sync_connected(struct sync *sync, const struct timestamp *now);
void sync_disconnected(struct sync *sync, const struct timestamp *now, const char *reason);

/* topic is below the prefix; unknown ones are ignored. */
void sync_message(struct sync *sync, const struct timestamp *now, const char *topic,
                  const struct trust_message *message);

/* --- ledger --- */

/* The log moved: events appended, acknowledged or gone. */
void sync_log_changed(struct sync *sync, const struct timestamp *now, const struct sync_log *log);

/* Answer to read_events(); NULL if reading failed. first 0 and count 0: there is none from there on. */
void sync_batch(struct sync *sync, const struct timestamp *now, const struct cloud_events *batch);

/* Answer to ack(). seq is the one stated there; sync_log_changed() came before if the position moved. */
void sync_acked(struct sync *sync, const struct timestamp *now, enum sync_ack_outcome outcome, int64_t seq);

/* Answer to new_epoch(): 0, with the position told by sync_log_changed() before; or a negative errno. */
void sync_new_epoch(struct sync *sync, int error);

/* One event as it happens, to up/live. Dropped while there is no connection. */
void sync_live(struct sync *sync, const char *event, size_t len);

/* --- policy store --- */

void sync_policy(struct sync *sync, const struct timestamp *now, const struct sync_policy_report *report);

/* --- commands --- */

/* Answer to begin_command(). */
void sync_command_begun(struct sync *sync, const struct timestamp *now,
                        const struct sync_command_begun *begun);

/* A command that run_command() began is at its end. */
void sync_command_done(struct sync *sync, const struct timestamp *now, int64_t id,
                       const struct sync_command_end *end);

/* Answer to end_command(): the event is durable, and has this seq. */
void sync_command_ended(struct sync *sync, const struct timestamp *now, int64_t id, int64_t seq);

/* Before anything else: a command that an earlier run started and did not end. More than there are places for
 * wait for the next start: a gateway must come up whatever its ledger holds. */
void sync_restore_command(struct sync *sync, const struct sync_command_name *name);

/* Answer to read_sums(); NULL if reading failed, or another policy came in force meanwhile. */
void sync_sums(struct sync *sync, const struct timestamp *now, const struct cloud_digest *sums);

/* --- keys --- */

/* The `key` items of the policy that is in force now; they last until the next call, or sync_free(). */
void sync_keys_changed(struct sync *sync, const struct key_set *items);

/* A key was retired in an earlier run. Returns 0 or -ENOMEM. */
int sync_restore_retired(struct sync *sync, const char *kid) must_check;

/* Retires a key for good; the caller makes that last. Returns as trust_retire() does. May be called from
 * within run_command(). */
int sync_retire_key(struct sync *sync, const char *kid) must_check;

/* --- doors and devices --- */

/* What up/report is to say from now on: a payload by cloud_report_format(). Published when it differs from
 * the last one, at most once in 5 s, and after each connect. Returns 0 or -ENOMEM. */
int sync_report(struct sync *sync, const struct timestamp *now, const char *payload, size_t len) must_check;

/* --- time --- */

/* Does what is due. */
void sync_advance(struct sync *sync, const struct timestamp *now);

/* Boot time at which sync_advance() is to be called next, or SYNC_NEVER. It may change with any call. */
int64_t sync_due(const struct sync *sync);

/* Clean stop: publishes the Will's content; no attempt to connect follows. The caller then shuts stile-link
 * down, which delivers it. */
void sync_stop(struct sync *sync);

void sync_status(const struct sync *sync, struct sync_status *ret);
