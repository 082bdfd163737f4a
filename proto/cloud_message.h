/* SPDX-License-Identifier: GPL-3.0-or-later */
/* cloud_message.h: the messages of the cloud contract, for both ends.
 *
 * Each kind has a struct, a parser and a formatter. Parsers are strict ("Form"): what breaks a rule is
 * refused with the contract's code, unknown members are ignored. Formatters write what the parsers take, and
 * nothing longer than CLOUD_PAYLOAD_MAX.
 *
 * A struct that ends in `object` borrows from it and is released by its own *_finish(); lines are borrowed
 * from the payload; everything else is copied. Payloads are bare objects here: proto/jws.h signs them.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/cleanup.h"
#include "gateway/base/clock.h"
#include "gateway/base/text.h"
#include "proto/digest.h"
#include "proto/encode.h"
#include "proto/event.h"
#include "proto/json.h"
#include "proto/key.h"
#include "proto/name.h"

#define CLOUD_CONTRACT "1.0"

/* Bounds of the contract (sections 1 to 3). */
#define CLOUD_PAYLOAD_MAX        61440
#define CLOUD_PACKET_MAX         65536
#define CLOUD_RECEIVE_MAX        16
#define CLOUD_KEEP_ALIVE_S       30
#define CLOUD_OPS_MAX            1000
#define CLOUD_ITEM_BYTES_MAX     16384
#define CLOUD_CHUNK_WINDOW       16
#define CLOUD_BATCH_EVENTS_MAX   500
#define CLOUD_BATCH_WINDOW       4
#define CLOUD_REPORT_ENTRIES_MAX 128

/* Bytes of a batch's lines that surely fit a payload behind the first line. */
#define CLOUD_BATCH_BYTES_MAX (CLOUD_PAYLOAD_MAX - 512)

/* Sizes in text, with NUL. */
#define CLOUD_ROOT_SIZE    HEX_SIZE(DIGEST_BYTES)
#define CLOUD_EPOCH_SIZE   HEX_SIZE(8)
#define CLOUD_HASH_SIZE    SHA256_HEX_SIZE
#define CLOUD_REF_SIZE     HEX_SIZE(16)
#define CLOUD_AUD_SIZE     (2 * ID_BYTES_MAX + 2)
#define CLOUD_PREFIX_SIZE  (2 * ID_BYTES_MAX + 11) /* "stile/1/<site>/<gateway>/" */
#define CLOUD_WORD_SIZE    33                      /* a code, an outcome */
#define CLOUD_VERSION_SIZE 33
#define CLOUD_MEMBER_SIZE  JSON_PATH_SIZE

/* Challenges and nonces: 16 random bytes in base64url. */
#define CLOUD_CHALLENGE_BYTES 16
#define CLOUD_CHALLENGE_SIZE  B64_SIZE(CLOUD_CHALLENGE_BYTES)

#define CLOUD_ROOT_NONE "00000000000000000000000000000000"

/* The topics below the prefix. */
enum cloud_topic {
    CLOUD_UP_STATE,
    CLOUD_UP_REPORT,
    CLOUD_UP_EVENTS,
    CLOUD_UP_LIVE,
    CLOUD_UP_REQUEST,
    CLOUD_UP_RESULT,
    CLOUD_DOWN_DESIRED,
    CLOUD_DOWN_DELTA,
    CLOUD_DOWN_SNAPSHOT,
    CLOUD_DOWN_CHUNK,
    CLOUD_DOWN_DIGEST,
    CLOUD_DOWN_ACK,
    CLOUD_DOWN_COMMAND,
    CLOUD_DOWN_TIME,
};
#define CLOUD_TOPIC_COUNT (CLOUD_DOWN_TIME + 1)

enum cloud_want {
    CLOUD_WANT_DELTA,
    CLOUD_WANT_SNAPSHOT,
    CLOUD_WANT_CHUNKS,
    CLOUD_WANT_DIGEST,
    CLOUD_WANT_TIME,
};

enum cloud_outcome {
    CLOUD_OUTCOME_APPLIED,  /* in force and durable */
    CLOUD_OUTCOME_STALE,    /* not above what is in force: harmless */
    CLOUD_OUTCOME_GAP,      /* does not follow what is in force: the gateway asks */
    CLOUD_OUTCOME_REJECTED, /* code says why; what was in force stays */
    CLOUD_OUTCOME_FAILED,   /* the gateway could not (its disk): it will ask again */
};

/* Whom a message must be for: aud is "<site>/<gateway>" or "<site>/" and a star. */
struct cloud_self {
    const char *site;
    const char *gateway;
};

/* Why a payload was refused. */
struct cloud_refusal {
    const char *code;   /* the contract's word, static: "format", "signature", "claims", ... */
    char kind[ID_SIZE]; /* the item, with code "item", else empty */
    char id[ID_SIZE];
    struct json_error error; /* which member, and what it must be */
};

/* Which policy. Version 0 and a root of zeros: none yet. */
struct cloud_policy {
    int64_t generation;
    int64_t version;
    char root[CLOUD_ROOT_SIZE];
};

/* --- upward --- */

/* up/state. Offline (the Will) has only the first four. */
struct cloud_state {
    char gateway[ID_SIZE];
    char boot[BOOT_ID_SIZE];
    int64_t conn;
    bool online;
    char contract[CLOUD_VERSION_SIZE];
    char software[CLOUD_VERSION_SIZE];
    char trust[CLOUD_WORD_SIZE]; /* "signed", "broker" */
    struct cloud_policy policy;
    char challenge[CLOUD_CHALLENGE_SIZE]; /* for commands; "": none */
    char epoch[CLOUD_EPOCH_SIZE];
    int64_t oldest;
    int64_t acked;
    int64_t head;
    char utc[UTC_SIZE]; /* "": null */
    enum clock_state clock;
};

/* up/report. Strings are borrowed. */
struct cloud_report_door {
    const char *id;
    const char *mode;   /* decision contract 4: "controlled", ... */
    const char *sensed; /* "open", "closed", "unknown" */
};
struct cloud_report_device {
    const char *id;
    const char *state;  /* "starting", "up", "degraded", "down" */
    const char *reason; /* NULL: none */
};
struct cloud_report_alarm {
    const char *kind;   /* the event's word: "forced", "held", "tamper", ... */
    const char *door;   /* NULL: none */
    const char *device; /* NULL: none */
    int64_t since_us;   /* UTC; 0: nobody vouched for it */
};
struct cloud_report_area {
    const char *id;
    int64_t people;
};
struct cloud_report {
    const struct cloud_report_door *doors;
    size_t door_count;
    const struct cloud_report_device *devices;
    size_t device_count;
    const struct cloud_report_alarm *alarms; /* in force */
    size_t alarm_count;
    const struct cloud_report_area *areas; /* "occupancy" */
    size_t area_count;
};

/* Adds one of its alarms to an open list. */
struct json_out;
void cloud_report_alarm_add(struct json_out *out, const struct cloud_report_alarm *alarm);

/* up/events. */
struct cloud_events {
    char epoch[CLOUD_EPOCH_SIZE];
    int64_t first;
    int64_t count;
    uint8_t prev[CHAIN_BYTES]; /* hash(first - 1) */
    uint8_t hash[CHAIN_BYTES]; /* hash of the last */
    const char *lines;         /* each ended by LF */
    size_t len;
};

/* up/request. */
struct cloud_request {
    enum cloud_want want;
    char nonce[CLOUD_CHALLENGE_SIZE]; /* time, which has nothing else */
    int64_t generation;
    int64_t version;
    int64_t from;              /* chunks */
    int64_t count;             /* chunks: 1 to CLOUD_CHUNK_WINDOW */
    struct digest_set buckets; /* delta: those that differ; none: what comes after version */
};

/* up/result. */
struct cloud_result {
    enum cloud_topic of;
    char ref[CLOUD_REF_SIZE]; /* cloud_ref() of the payload answered */
    enum cloud_outcome outcome;
    char code[CLOUD_WORD_SIZE]; /* rejected; else empty */
    char kind[ID_SIZE];         /* the item that is at fault, else empty */
    char id[ID_SIZE];
    char member[CLOUD_MEMBER_SIZE]; /* which member of it or of the message, else empty */
    struct cloud_policy policy;     /* in force now */
};

/* --- downward --- */

struct cloud_desired {
    char aud[CLOUD_AUD_SIZE];
    int64_t iat;
    struct cloud_policy policy;
    int64_t lease_until; /* 0: no lease */
};

/* An op of a delta. Everything is borrowed. */
struct cloud_op {
    bool del;
    const char *kind;
    const char *id;   /* of a put it is the item's own */
    int64_t rev;      /* of a put */
    const char *item; /* of a put: the item's JSON, ended by NUL */
    size_t item_len;
};
struct cloud_delta {
    char aud[CLOUD_AUD_SIZE];
    int64_t iat;
    int64_t generation;
    int64_t from;
    int64_t to;
    char root[CLOUD_ROOT_SIZE];
    struct digest_set buckets; /* these become what the puts say (drift); none: a change */
    struct cloud_op *ops;
    size_t count;
    bool keys_allowed; /* not of the message: who sent it may change `key` items */
    struct json_object *object;
};

/* A manifest. */
struct cloud_snapshot {
    char aud[CLOUD_AUD_SIZE];
    int64_t iat;
    struct cloud_policy policy;
    int64_t items;
    int64_t chunks;
    char first[CLOUD_HASH_SIZE]; /* "" with no chunks: an empty policy */
    bool keys_allowed;           /* as in a delta */
};

struct cloud_chunk {
    int64_t generation;
    int64_t version;
    int64_t i;
    char next[CLOUD_HASH_SIZE]; /* "" in the last: null */
    const char *lines;          /* items, each ended by LF */
    size_t len;
};

/* A line of a chunk. */
struct cloud_item {
    const char *kind;
    const char *id; /* the item's own; not written */
    int64_t rev;
    const char *item; /* JSON, ended by NUL */
    size_t item_len;
    struct json_object *object;
};

#define CLOUD_SUM_BYTES  4
#define CLOUD_SUMS_BYTES (DIGEST_BUCKETS * CLOUD_SUM_BYTES)
struct cloud_digest {
    int64_t generation;
    int64_t version;
    uint8_t sums[CLOUD_SUMS_BYTES]; /* the first bytes of each bucket's sum, in order */
};

struct cloud_ack {
    char aud[CLOUD_AUD_SIZE];
    int64_t iat;
    char epoch[CLOUD_EPOCH_SIZE];
    int64_t seq;
    uint8_t hash[CHAIN_BYTES];
};

/* --- topics --- */

/* "up/state". */
const char *cloud_topic_name(enum cloud_topic topic);

/* The topic of that name below the prefix; false if there is none. */
bool cloud_topic_find(const char *name, enum cloud_topic *ret);

bool cloud_topic_retained(enum cloud_topic topic);
int cloud_topic_qos(enum cloud_topic topic);
bool cloud_topic_is_down(enum cloud_topic topic);

/* What signs a topic's messages: the header's typ (NULL: they are not signed), and the use of the key. */
const char *cloud_topic_typ(enum cloud_topic topic);
enum key_use cloud_topic_use(enum cloud_topic topic);

/* "stile/1/<site>/<gateway>/". */
void cloud_topic_prefix(const struct cloud_self *self, char ret[static CLOUD_PREFIX_SIZE]);

/* The contract's words. */
const char *cloud_want_name(enum cloud_want want);
const char *cloud_outcome_name(enum cloud_outcome outcome);

/* What a digest says of these sums, and which buckets two of them differ in. */
void cloud_digest_sums(struct cloud_digest *digest, const struct digest_sums *sums);
struct digest_set cloud_digest_differ(const struct cloud_digest *a, const struct cloud_digest *b);

/* First 32 hex digits of the payload's SHA-256. */
void cloud_ref(const void *payload, size_t len, char ret[static CLOUD_REF_SIZE]);

/* --- parsers: 0; -EBADMSG with *refusal filled (*ret holds nothing of use); or -ENOMEM. A payload ends in a
 * NUL behind its len bytes. --- */

int cloud_state_parse(const char *bytes, size_t len, struct cloud_state *ret,
                      struct cloud_refusal *refusal) must_check;

/* Takes the batch apart: the first line, and count lines behind it. */
int cloud_events_parse(const char *bytes, size_t len, struct cloud_events *ret,
                       struct cloud_refusal *refusal) must_check;

/* Whether the lines are what the first line says: seq by seq from first on, in the epoch, chained from prev
 * to hash (E1, E2). Returns 0, -EBADMSG with *refusal, or -ENOMEM. */
int cloud_events_check(const struct cloud_events *events, struct cloud_refusal *refusal) must_check;

int cloud_request_parse(const char *bytes, size_t len, struct cloud_request *ret,
                        struct cloud_refusal *refusal) must_check;
int cloud_result_parse(const char *bytes, size_t len, struct cloud_result *ret,
                       struct cloud_refusal *refusal) must_check;

int cloud_desired_parse(const char *bytes, size_t len, const struct cloud_self *self,
                        struct cloud_desired *ret, struct cloud_refusal *refusal) must_check;
int cloud_delta_parse(const char *bytes, size_t len, const struct cloud_self *self, struct cloud_delta *ret,
                      struct cloud_refusal *refusal) must_check;
int cloud_snapshot_parse(const char *bytes, size_t len, const struct cloud_self *self,
                         struct cloud_snapshot *ret, struct cloud_refusal *refusal) must_check;
int cloud_ack_parse(const char *bytes, size_t len, const struct cloud_self *self, struct cloud_ack *ret,
                    struct cloud_refusal *refusal) must_check;

/* A chunk whose hash holds: the first line, and where its items are. */
int cloud_chunk_parse(const char *bytes, size_t len, struct cloud_chunk *ret,
                      struct cloud_refusal *refusal) must_check;
int cloud_item_parse(const char *line, size_t len, struct cloud_item *ret,
                     struct cloud_refusal *refusal) must_check;
int cloud_digest_parse(const char *bytes, size_t len, struct cloud_digest *ret,
                       struct cloud_refusal *refusal) must_check;

/* Release what a parser made. Harmless on a zeroed struct. */
void cloud_delta_finish(struct cloud_delta *delta);
void cloud_item_finish(struct cloud_item *item);

/* Takes the next line off *lines and *len, without its LF. Returns false if no complete one is left. */
bool cloud_line_next(const char **lines, size_t *len, const char **ret_line, size_t *ret_len);

/* --- formatters: write to text, which is emptied first. 0, -EMSGSIZE (longer than a payload may be) or
 * -ENOMEM. --- */

int cloud_state_format(struct text *text, const struct cloud_state *state) must_check;
int cloud_report_format(struct text *text, const struct cloud_report *report) must_check;
int cloud_events_format(struct text *text, const struct cloud_events *events) must_check;
int cloud_request_format(struct text *text, const struct cloud_request *request) must_check;
int cloud_result_format(struct text *text, const struct cloud_result *result) must_check;
int cloud_desired_format(struct text *text, const struct cloud_desired *desired) must_check;
int cloud_delta_format(struct text *text, const struct cloud_delta *delta) must_check;
int cloud_snapshot_format(struct text *text, const struct cloud_snapshot *snapshot) must_check;
int cloud_chunk_format(struct text *text, const struct cloud_chunk *chunk) must_check;
int cloud_digest_format(struct text *text, const struct cloud_digest *digest) must_check;
int cloud_ack_format(struct text *text, const struct cloud_ack *ack) must_check;

/* Appends one line of a chunk, LF included; text_error() tells. */
void cloud_item_add(struct text *text, const struct cloud_item *item);
