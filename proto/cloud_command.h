/* SPDX-License-Identifier: GPL-3.0-or-later */
/* cloud_command.h: commands, what becomes of them, and time (cloud contract 4, and "Time" in 2).
 *
 * A command is read in two steps, because its codes have an order: the claims that every command has, and,
 * once the verb may be used at all, the args that this verb takes.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/cloud_message.h"

/* Bounds of the contract. */
#define CLOUD_JTI_BYTES_MIN    16
#define CLOUD_JTI_BYTES_MAX    64
#define CLOUD_ACTUATE_S_MAX    30  /* exp - iat of a verb that moves something */
#define CLOUD_COMMAND_S_MAX    300 /* of any other */
#define CLOUD_SKEW_S           5   /* the cloud's clock may be ahead by so much */
#define CLOUD_CHALLENGES       8   /* so many of the last ones count */
#define CLOUD_NONCE_S          10  /* a nonce counts for less than this */
#define CLOUD_ISSUER_BYTES_MAX 128
#define CLOUD_REASON_BYTES_MAX 256
#define CLOUD_SHOW_BYTES_MAX   128
#define CLOUD_SHOW_S_MAX       600
#define CLOUD_FOR_S_MAX        (366 * 86400) /* an override that ends later is none */

#define CLOUD_JTI_SIZE    (CLOUD_JTI_BYTES_MAX + 1)
#define CLOUD_ISSUER_SIZE (CLOUD_ISSUER_BYTES_MAX + 1)

/* Target of a lockdown of the whole site. */
#define CLOUD_TARGET_ALL "*"

/* In the contract's order: those up to lockdown move something. */
enum cloud_verb {
    CLOUD_VERB_OPEN,
    CLOUD_VERB_RELEASE,
    CLOUD_VERB_LOCK,
    CLOUD_VERB_UNLOCK,
    CLOUD_VERB_MODE,
    CLOUD_VERB_LOCKDOWN,
    CLOUD_VERB_FORGIVE,
    CLOUD_VERB_SHOW,
    CLOUD_VERB_PROBE,
    CLOUD_VERB_SYNC,
    CLOUD_VERB_RETIRE_KEY,
};
#define CLOUD_VERBS (CLOUD_VERB_RETIRE_KEY + 1)

/* Modes of the verb `mode`; `auto` ends an override. */
enum cloud_mode {
    CLOUD_MODE_CONTROLLED,
    CLOUD_MODE_UNLOCKED,
    CLOUD_MODE_LOCKED_OPEN,
    CLOUD_MODE_BLOCKED,
    CLOUD_MODE_LOCKED_DOWN,
    CLOUD_MODE_AUTO,
};

/* What the verb is done with. Strings are borrowed from the command; NULL or 0 where the verb has none. */
struct cloud_command_args {
    bool exit; /* release: direction "exit", not "entry" */
    enum cloud_mode mode;
    bool on;            /* lockdown */
    int64_t for_s;      /* lock, unlock, mode, show: 0 is not said */
    const char *reason; /* release, lock, unlock */
    const char *text;   /* show */
};

struct cloud_command {
    char aud[CLOUD_AUD_SIZE];
    int64_t iat;
    int64_t exp;
    char jti[CLOUD_JTI_SIZE];
    char issuer[CLOUD_ISSUER_SIZE];
    char sub[ID_SIZE];                    /* open: on whose behalf; "" for the others */
    char verb[CLOUD_WORD_SIZE];           /* may be none that we know */
    char target[ID_SIZE];                 /* "" if there is none, as for sync */
    char challenge[CLOUD_CHALLENGE_SIZE]; /* "": none. What has no challenge's form is "?", which is nobody's
                                           */
    struct json_object *args;             /* borrowed from object; NULL: none */
    struct json_object *object;
};

enum cloud_command_outcome {
    CLOUD_COMMAND_COMPLETED,
    CLOUD_COMMAND_DENIED,  /* reason: the decision's */
    CLOUD_COMMAND_FAILED,  /* reason: the device's */
    CLOUD_COMMAND_EXPIRED, /* code "expired": its time was over when it came, or before it could begin */
    CLOUD_COMMAND_REFUSED, /* code */
    CLOUD_COMMAND_UNKNOWN, /* may have been carried out */
};

/* up/result of a command. */
struct cloud_command_result {
    char ref[CLOUD_REF_SIZE];
    char jti[CLOUD_JTI_SIZE]; /* "": refused before it was known to be genuine */
    char kid[ID_SIZE];        /* the same */
    enum cloud_command_outcome outcome;
    char code[CLOUD_WORD_SIZE];     /* refused and expired */
    char member[CLOUD_MEMBER_SIZE]; /* refused: which member, "" if not one */
    char reason[CLOUD_REASON_BYTES_MAX + 1];
    char challenge[CLOUD_CHALLENGE_SIZE]; /* refused for want of one: a new one */
    int64_t seq;                          /* of its `command` event; 0: there is none */
    int64_t ms;                           /* how long it took; -1 is not told */
    bool repeat;                          /* the same was said before */
};

struct cloud_time {
    char aud[CLOUD_AUD_SIZE];
    int64_t iat;
    char nonce[CLOUD_CHALLENGE_SIZE];
    int64_t utc_us; /* cut to milliseconds */
};

/* "release". */
const char *cloud_verb_name(enum cloud_verb verb);

/* The verb of that name; false if there is none. */
bool cloud_verb_find(const char *name, enum cloud_verb *ret);

/* Whether it moves something, and so may live for CLOUD_ACTUATE_S_MAX only. */
bool cloud_verb_actuates(enum cloud_verb verb);

/* Whether it names a target. */
bool cloud_verb_has_target(enum cloud_verb verb);

const char *cloud_mode_name(enum cloud_mode mode);
const char *cloud_command_outcome_name(enum cloud_command_outcome outcome);
int cloud_command_outcome_find(const char *name); /* -1: none of that name */

/* As the parsers and formatters of cloud_message.h. Codes up to "claims". */
int cloud_command_parse(const char *bytes, size_t len, const struct cloud_self *self,
                        struct cloud_command *ret, struct cloud_refusal *refusal) must_check;
int cloud_command_format(struct text *text, const struct cloud_command *command) must_check;
void cloud_command_finish(struct cloud_command *command);

/* Code "args". */
int cloud_command_args_read(const struct cloud_command *command, enum cloud_verb verb,
                            struct cloud_command_args *ret, struct cloud_refusal *refusal) must_check;

/* Appends the args of that verb as an object. */
void cloud_command_args_write(struct text *text, enum cloud_verb verb, const struct cloud_command_args *args);

/* Whether a payload of up/result is of a command: then it is this parser's, else cloud_result_parse()'s. */
bool cloud_command_result_is(const char *bytes, size_t len);
int cloud_command_result_parse(const char *bytes, size_t len, struct cloud_command_result *ret,
                               struct cloud_refusal *refusal) must_check;
int cloud_command_result_format(struct text *text, const struct cloud_command_result *result) must_check;

int cloud_time_parse(const char *bytes, size_t len, const struct cloud_self *self, struct cloud_time *ret,
                     struct cloud_refusal *refusal) must_check;
int cloud_time_format(struct text *text, const struct cloud_time *time) must_check;
