/* SPDX-License-Identifier: GPL-3.0-or-later */
/* commands.h: commands from the cloud (cloud contract 4).
 *
 *     taken ── begin_command() ── BEGINNING ─┬─ known: the stored result again, or nothing while it runs
 *                                            └─ new ─┬─ refused or expired ──────────────────┐
 *                                                    └─ run_command() ── RUNNING ── done ── ENDING
 *                                                                          end_command() ── up/result
 *
 * What is checked is checked when the command comes; its code waits until the ledger has said that the
 * command is new, since a repeat gets the first answer whatever would be said now. The device is told after
 * `started` is durable, the cloud after the result is: so what a crash leaves is `unknown` and nothing else.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/text.h"
#include "gateway/sync/answer.h"
#include "gateway/sync/sync.h"
#include "gateway/sync/trust.h"
#include "gateway/sync/wall.h"
#include "proto/cloud_command.h"

/* Commands under way; more are dropped, which the cloud can only call unknown. From COMMANDS_BUSY on they are
 * refused. The last ones are for root keys, which are not refused: whoever holds another key must not be able
 * to keep a root from retiring it. */
#define COMMANDS_MAX     64
#define COMMANDS_BUSY    48
#define COMMANDS_OF_ROOT 8
#define COMMANDS_SLOTS   (COMMANDS_MAX + COMMANDS_OF_ROOT)

/* Between two attempts to store a result. */
#define COMMANDS_AGAIN_US (1 * USEC_PER_SEC)

enum command_phase {
    COMMAND_FREE,
    COMMAND_BEGINNING, /* the ledger looks whether it is new */
    COMMAND_RUNNING,
    COMMAND_ENDING,  /* its result is known, and not with the ledger yet */
    COMMAND_STORING, /* with the ledger */
};

struct command_slot {
    enum command_phase phase;
    int64_t id; /* names it, and orders it: of those that begin the lowest is answered first */
    struct cloud_command command; /* owned */
    struct sync_command told;     /* what the hooks get */
    char kid[ID_SIZE];
    char ref[CLOUD_REF_SIZE];
    int64_t came_us;
    int64_t again_us;                   /* ENDING: when to try */
    struct cloud_command_result result; /* BEGINNING: refused already if it has a code */
};

struct commands {
    const struct sync_hooks *hooks;
    const struct cloud_self *self;
    struct answer *answer;
    struct wall *wall;
    void (*say)(void *user, const struct timestamp *now); /* the state, at once: the verb `sync` */
    void *say_user;

    struct command_slot slots[COMMANDS_SLOTS];
    int64_t last_id;
    struct {
        char text[CLOUD_CHALLENGE_SIZE];
        int64_t made_us;
    } challenges[CLOUD_CHALLENGES]; /* a ring */
    size_t challenge_next;
    struct text text;
};

void commands_init(struct commands *commands, const struct sync_hooks *hooks);
void commands_finish(struct commands *commands);

/* A new challenge, for a state or a refusal. */
void commands_challenge(struct commands *commands, const struct timestamp *now,
                        char ret[static CLOUD_CHALLENGE_SIZE]);

/* down/command, whose signature holds. */
void commands_take(struct commands *commands, const struct timestamp *now, const struct trust_opened *opened);

/* As the functions of sync.h. */
void commands_begun(struct commands *commands, const struct timestamp *now,
                    const struct sync_command_begun *begun);
void commands_done(struct commands *commands, const struct timestamp *now, int64_t id,
                   const struct sync_command_end *end);
void commands_ended(struct commands *commands, const struct timestamp *now, int64_t id, int64_t seq);
void commands_restore(struct commands *commands, const struct sync_command_name *name);

void commands_advance(struct commands *commands, const struct timestamp *now);
int64_t commands_due(const struct commands *commands);
