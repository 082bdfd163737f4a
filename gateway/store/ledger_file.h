/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ledger_file.h: the ledger's file as its worker sees it: plain calls that wait for the disk. Only for
 * ledger*.c.
 *
 * Rows of `events` have contiguous ids, over all epochs; event seq of the current epoch has the id base +
 * seq. So a seq is found without an index and rows are counted by subtraction. A row keeps the hash *before*
 * its event; the last event's own hash is the log's head_hash. So the oldest row that is still there can be
 * checked, and can be sent with its prev, like any other.
 *
 * Each call that writes is one transaction and works on a copy of struct ledger_log that replaces the
 * original once it is durable.
 */
#pragma once

#include "gateway/base/text.h"
#include "gateway/store/database.h"
#include "gateway/store/ledger.h"
#include "proto/name.h"

/* Fewer rows than this cannot be kept: a transaction must fit. */
#define LEDGER_ROWS_MIN (2 * LEDGER_BATCH_MAX)

/* Rows that one turn of the worker looks through or prunes. */
#define LEDGER_SLICE_ROWS 2000

#define LEDGER_KIND_SIZE 32

extern const struct database_format ledger_schema;

/* A copy of what was appended; one block of memory. */
struct ledger_item {
    struct ledger_item *next;
    uint64_t ticket;
    uint64_t cause;
    struct timestamp now;
    const char *body; /* from event_body(); NULL: state only */
    size_t body_len;
    size_t cause_at;
    struct ledger_effect *effects;
    size_t effect_count;
    struct ledger_command command; /* its result is NULL: none */
};

/* What a transaction stored, for committed(). Of its own the ledger adds one event at most. */
struct ledger_output {
    struct ledger_stored stored[LEDGER_BATCH_MAX + 1];
    size_t at[LEDGER_BATCH_MAX + 1]; /* offset of its bytes in lines */
    size_t count;
    struct text lines;
};

struct ledger_log {
    struct ledger_position position;
    int64_t base;
    int64_t first_id; /* oldest row of any epoch; last id + 1 if there is none */
};

struct ledger_cause {
    uint64_t ticket;
    int64_t seq;
};

struct ledger_statements {
    sqlite3_stmt *insert;
    sqlite3_stmt *remove;
    sqlite3_stmt *rows;
    sqlite3_stmt *aged;
    sqlite3_stmt *find_first;
    sqlite3_stmt *find_last;
    sqlite3_stmt *save_log;
    sqlite3_stmt *put_state;
    sqlite3_stmt *delete_state;
    sqlite3_stmt *states;
    sqlite3_stmt *find_command;
    sqlite3_stmt *start_command;
    sqlite3_stmt *end_command;
    sqlite3_stmt *count_commands;
    sqlite3_stmt *count_commands_of_key;
    sqlite3_stmt *prune_commands;
    sqlite3_stmt *started_commands;
};

struct ledger_file {
    struct database database;
    struct ledger_statements sql;
    struct ledger_log log;
    bool created;
    char boot_id[BOOT_ID_SIZE];
    int64_t rows_max;
    int64_t retain_rows;
    int64_t retain_age_us;
    struct timestamp now;                          /* of the latest entry */
    int64_t aged_boot_us;                          /* when events were last looked at for their age */
    struct text body, line;                        /* under construction */
    struct ledger_cause causes[LEDGER_CAUSES_MAX]; /* by ticket modulo their number */
};

/* --- ledger_file.c --- */

/* As ledger_open(). */
int ledger_file_open(struct ledger_file *file, const struct ledger_options *options,
                     struct ledger_opened *ret_opened) must_check;

/* Harmless on a zeroed struct. */
void ledger_file_close(struct ledger_file *file);

/* As ledger_restore(). */
int ledger_file_restore(struct ledger_file *file, const char *prefix,
                        int (*fn)(void *user, const char *key, const char *value), void *user) must_check;

/* A new random name. Returns 0 or a negative errno. */
int ledger_file_new_epoch(char ret_epoch[static EPOCH_SIZE]) must_check;

/* Binds statement `rows` to the ids from first to last. Its columns are id, prev, line. Returns 0 or a
 * negative errno. */
int ledger_file_rows(struct ledger_file *file, int64_t first, int64_t last) must_check;

/* prev of the current row of statement `rows`. Returns 0 or -EUCLEAN. */
int ledger_file_prev(sqlite3_stmt *rows, uint8_t ret_hash[static CHAIN_BYTES]) must_check;

/* The hash of the event with that id, or before the first one. Returns 1, 0 if it cannot be known (pruned),
 * or a negative errno. */
int ledger_file_hash(struct ledger_file *file, int64_t id, uint8_t ret_hash[static CHAIN_BYTES]) must_check;

/* Bytes that each line of this epoch and seq begins with. */
#define LEDGER_PREFIX_SIZE 64
size_t ledger_file_prefix(const char *epoch, int64_t seq, char ret_prefix[static LEDGER_PREFIX_SIZE]);

static inline int64_t ledger_log_last_id(const struct ledger_log *log)
{
    return log->base + log->position.head;
}

/* --- ledger_write.c --- */

/* Commits a list of at most LEDGER_BATCH_MAX items. Returns 0 or a negative errno: then nothing changed. */
int ledger_write_items(struct ledger_file *file, const struct ledger_item *items,
                       struct ledger_output *output) must_check;

/* Takes or refuses an ack. */
enum ledger_ack_outcome ledger_write_ack(struct ledger_file *file, const char *epoch, int64_t seq,
                                         const uint8_t hash[static CHAIN_BYTES]);

/* As ledger_new_epoch(). */
int ledger_write_epoch(struct ledger_file *file, const struct timestamp *now,
                       struct ledger_output *output) must_check;

/* --- ledger_commands.c --- */

/* As ledger_begin_command(); *texts holds what *ret_begun points to. */
void ledger_commands_begin(struct ledger_file *file, const struct ledger_command *command,
                           const struct timestamp *now, struct text *texts, struct ledger_begun *ret_begun);

/* Within a transaction: the result of a command, told by the event with that seq. */
int ledger_commands_end(struct ledger_file *file, const struct ledger_command *command,
                        int64_t seq) must_check;

/* As ledger_restore_commands(). */
int ledger_commands_restore(struct ledger_file *file,
                            int (*fn)(void *user, const struct ledger_command *command),
                            void *user) must_check;

/* --- ledger_read.c --- */

/* Fills lines and *ret_batch but for its `lines`, `len` and `error`. Returns 0 or a negative errno. */
int ledger_read_batch(struct ledger_file *file, int64_t from, size_t count_max, size_t bytes_max,
                      struct text *lines, struct ledger_batch *ret_batch) must_check;

/* A search under way. Strings are empty where nothing is asked. */
struct ledger_search {
    char door[ID_SIZE];
    char user[ID_SIZE];
    char kinds[4][LEDGER_KIND_SIZE];
    char utc[UTC_SIZE];
    int64_t boot_us; /* with utc: for events of this boot that have none */
    int64_t since_seq;
    size_t limit;
    bool oldest_first;

    bool begun;
    int64_t first_id; /* not yet looked at */
    int64_t last_id;
    size_t count;
    bool more;
    size_t *at; /* where each line begins */
    struct text lines;
};

/* Looks through one slice. Returns 1 if there is more to look through, 0 at the end (lines are then in
 * order), or a negative errno. */
int ledger_read_search(struct ledger_file *file, struct ledger_search *search) must_check;

/* A verification under way; zeroed at first. */
struct ledger_walk {
    char epoch[EPOCH_SIZE]; /* in which seqs and hash are meant */
    int64_t first;          /* seq of the first event that was looked at, and of the last */
    int64_t seq;
    uint8_t hash[CHAIN_BYTES];
    int64_t first_bad;
};

/* Walks one slice. Returns 1 if there is more, 0 at the end or with first_bad, or a negative errno. */
int ledger_read_verify(struct ledger_file *file, struct ledger_walk *walk) must_check;
