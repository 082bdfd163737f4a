/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ledger_model.c: the file is read through the ledger itself, whose chain vouches for what it reads. */
#include "tests/fault/ledger_model.h"

#include <poll.h>

/* Few enough that acknowledged events are pruned in the tests. */
#define RETAIN_ROWS 300

struct check {
    struct ledger_model *model;
    int64_t seq; /* of the last line seen */
    bool done;
};

uint64_t ledger_model_draw(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

struct ledger_options ledger_model_options(const char *path, struct ledger_hooks hooks)
{
    return (struct ledger_options){ .path = path,
                                    .boot_id = "5d0e1c9a-7c1f-4a53-9a55-0c1f7e0a2b11",
                                    .rows_max = 1000000,
                                    .retain_rows = RETAIN_ROWS,
                                    .hooks = hooks };
}

int ledger_model_number(void *user, const char *key, const char *value)
{
    *(int64_t *)user = strtoll(value, NULL, 10);
    return 0;
}

int ledger_model_append(struct ledger *ledger, int64_t number)
{
    char text[24];
    const struct event event = { .kind = EVENT_REX, .door = "front", .count = number };
    const struct ledger_effect effect = { .key = "number", .value = text };
    const struct ledger_entry entry = { .event = &event, .effects = &effect, .effect_count = 1 };

    snprintf(text, sizeof(text), "%" PRId64, number);
    return ledger_append(ledger, &entry, NULL);
}

static void hash_line(const char *line, size_t len, uint8_t ret_hash[static CHAIN_BYTES])
{
    memset(ret_hash, 0, CHAIN_BYTES);
    chain_next(ret_hash, line, len, ret_hash);
}

struct ledger_report ledger_model_report(const struct ledger_stored *stored)
{
    struct ledger_report report = { .seq = stored->seq };

    hash_line(stored->bytes, stored->len, report.hash);
    return report;
}

void ledger_model_note(struct ledger_model *model, const struct ledger_report *report)
{
    if (report->acked > model->acked)
        model->acked = report->acked;
    if (report->seq == 0)
        return;
    REQUIRE(report->seq < LEDGER_MODEL_MAX, "more reports than there is room for");
    REQUIRE(!model->reported[report->seq], "seq %" PRId64 " was given twice", report->seq);
    model->reported[report->seq] = true;
    memcpy(model->hashes[report->seq], report->hash, CHAIN_BYTES);
    if (report->seq > model->head)
        model->head = report->seq;
}

static void check_line(struct check *check, const char *line, size_t len)
{
    int64_t seq = ++check->seq;
    char end[48];
    uint8_t hash[CHAIN_BYTES];
    size_t end_len = (size_t)snprintf(end, sizeof(end), ",\"count\":%" PRId64 "}", seq);

    REQUIRE(len > end_len && memcmp(line + len - end_len, end, end_len) == 0,
            "event %" PRId64 " is another: %.*s", seq, (int)len, line);
    hash_line(line, len, hash);
    REQUIRE(!check->model->reported[seq] || memcmp(hash, check->model->hashes[seq], CHAIN_BYTES) == 0,
            "event %" PRId64 " has changed", seq);
}

static void batch_read(void *user, const struct ledger_batch *batch)
{
    struct check *check = user;
    const char *at = batch->lines;

    REQUIRE(batch->error == 0, "reading: %s", strerror(-batch->error));
    for (const char *end; (end = memchr(at, '\n', (size_t)(batch->lines + batch->len - at))); at = end + 1)
        check_line(check, at, (size_t)(end - at));
    check->done = true;
}

static void verified(void *user, const struct ledger_verified *verified)
{
    REQUIRE(verified->error == 0 && verified->first_bad == 0, "the chain breaks at %" PRId64,
            verified->first_bad);
    ((struct check *)user)->done = true;
}

static void await(struct ledger *ledger, struct check *check)
{
    struct pollfd poll_fd = { .fd = ledger_fd(ledger), .events = POLLIN };

    for (check->done = false; !check->done; ledger_dispatch(ledger))
        (void)poll(&poll_fd, 1, -1);
}

static void check_position(const struct ledger_position *position, const struct ledger_model *model)
{
    REQUIRE(position->head >= model->head, "lost: the head is %" PRId64 ", reported was %" PRId64,
            position->head, model->head);
    REQUIRE(position->acked >= model->acked, "lost: an ack of %" PRId64, model->acked);
    REQUIRE(position->oldest <= position->acked + 1, "an event is gone that was not acknowledged");
}

void ledger_model_check(struct ledger_model *model, const char *path)
{
    const struct ledger_options options = ledger_model_options(path, (struct ledger_hooks){ 0 });
    const struct ledger_position *position;
    struct check check = { .model = model };
    struct ledger_opened opened;
    struct ledger *ledger;
    int64_t number = 0;
    int r = ledger_open(&options, &ledger, &opened);

    REQUIRE(r == 0 && !opened.damaged, "opening: %s", opened.text);
    position = ledger_position(ledger);
    check_position(position, model);
    REQUIRE(ledger_restore(ledger, "number", ledger_model_number, &number) == 0, "restoring");
    REQUIRE(number == position->head, "the state is of event %" PRId64 ", the head is %" PRId64, number,
            position->head);
    REQUIRE(ledger_start(ledger) == 0, "starting");
    REQUIRE(ledger_verify(ledger, verified, &check) == 0, "verifying");
    await(ledger, &check);
    check.seq = position->oldest - 1;
    REQUIRE(ledger_read(ledger, 1, SIZE_MAX, SIZE_MAX, batch_read, &check) == 0, "reading");
    await(ledger, &check);
    REQUIRE(check.seq == position->head, "only %" PRId64 " of %" PRId64 " are there", check.seq,
            position->head);
    ledger_close(ledger, NULL);
}
