/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ledger_disk.c: nothing that the ledger has reported is lost when the disk is full or broken for a while, or
 * when the power goes before any write, truncation, sync or deletion of a file.
 *
 *     ledger_disk CUTS [SEED [NORMAL]]      NORMAL: the ledger's files are synced as seldom as that
 */
#include <errno.h>
#include <poll.h>
#include <time.h>

#include "tests/fault/ledger_model.h"
#include "tests/fault/memory_disk.h"

#define PATH       "ledger.db"
#define ACK_EVERY  64
#define LIVES      3    /* of a file: cuts one after the other */
#define LIFE_MAX   301  /* operations until the cut; opening takes the first dozen. Prime to LIVES */
#define FAULTS_MAX 3    /* operations that fail in a row, each try being one */
#define EVENTS     2000 /* appended while a disk is broken; a checkpoint is among them */

/* Of a log whose epoch changes: its events, and operations in which the power goes. Closing is among them. */
#define EPOCH_EVENTS     300
#define EPOCH_OPERATIONS 100

struct run {
    struct memory_disk disk;
    struct ledger_model model;
    struct ledger *ledger;
    uint64_t seed;
    int error; /* last told by trouble() */
    size_t troubles;
    bool changing; /* to a new epoch: the model is of the old one */
    int epoch_error;
    bool verified;
};

static void acked(void *user, const struct ledger_acked *answer)
{
    struct run *run = user;
    const struct ledger_report report = { .acked = answer->seq };

    REQUIRE(answer->outcome == LEDGER_ACK_TAKEN || answer->outcome == LEDGER_ACK_FAILED, "ack refused");
    if (answer->outcome == LEDGER_ACK_TAKEN)
        ledger_model_note(&run->model, &report);
}

static void committed(void *user, const struct ledger_stored stored[], size_t count)
{
    struct run *run = user;
    const struct ledger_position *position = ledger_position(run->ledger);

    if (run->changing)
        return;
    for (size_t i = 0; i < count; i++) {
        const struct ledger_report report = ledger_model_report(&stored[i]);

        ledger_model_note(&run->model, &report);
    }
    if (position->head - position->acked > ACK_EVERY)
        (void)!ledger_ack(run->ledger, position->epoch, position->head, position->head_hash, acked, run);
}

static void trouble(void *user, int error, const char *text)
{
    struct run *run = user;

    run->error = error;
    run->troubles++;
    REQUIRE(error == 0 || text[0] != '\0', "trouble without words");
}

/* Returns what ledger_open() does, with the number of the last event. */
static int begin(struct run *run, int64_t *ret_number)
{
    const struct ledger_options options = ledger_model_options(
        PATH, (struct ledger_hooks){ .user = run, .committed = committed, .trouble = trouble });
    struct ledger_opened opened;
    int r = ledger_open(&options, &run->ledger, &opened);

    run->error = 0;
    run->troubles = 0;
    *ret_number = 0;
    if (r < 0)
        return r;
    r = ledger_restore(run->ledger, "number", ledger_model_number, ret_number);
    if (r == 0)
        REQUIRE(ledger_start(run->ledger) == 0, "no thread");
    else
        run->ledger = ledger_close(run->ledger, NULL);
    return r;
}

static void dispatch(struct run *run)
{
    struct pollfd poll_fd = { .fd = ledger_fd(run->ledger), .events = POLLIN };

    (void)poll(&poll_fd, 1, -1);
    ledger_dispatch(run->ledger);
}

/* Appends until the power is gone. */
static void live_until_cut(struct run *run, size_t window)
{
    int64_t number;

    if (begin(run, &number) < 0)
        return;
    while (run->error == 0) {
        while (ledger_pending(run->ledger) < window)
            REQUIRE(ledger_model_append(run->ledger, ++number) == 0, "appending");
        dispatch(run);
    }
    run->ledger = ledger_close(run->ledger, NULL);
}

static void forget(struct run *run)
{
    memory_disk_format(&run->disk);
    memset(&run->model, 0, sizeof(run->model));
}

static void cut_power(struct run *run, uint64_t cuts)
{
    for (uint64_t i = 0; i < cuts; i++) {
        if (i % LIVES == 0)
            forget(run);
        enum memory_disk_cut cut = memory_disk_plan(&run->disk, i, LIFE_MAX);

        live_until_cut(run, (size_t)1 << ledger_model_draw(&run->seed) % 6);
        memory_disk_restart(&run->disk, cut, ledger_model_draw, &run->seed);
        ledger_model_check(&run->model, PATH);
    }
}

static void epoch_begun(void *user, int error)
{
    struct run *run = user;

    run->epoch_error = error;
}

static void verified(void *user, const struct ledger_verified *verified)
{
    struct run *run = user;

    REQUIRE(verified->error == 0 && verified->first_bad == 0, "the chain breaks at %" PRId64,
            verified->first_bad);
    run->verified = true;
}

static void verify_and_wait(struct run *run)
{
    REQUIRE(ledger_verify(run->ledger, verified, run) == 0, "verifying");
    for (run->verified = false; !run->verified;)
        dispatch(run);
}

/* After a cut in ledger_new_epoch(): the old epoch whole or the new one whole, and certainly the new one if
 * it was told. */
static void check_epoch(struct run *run, const struct ledger_position *old)
{
    const struct ledger_position *position;
    int64_t number;

    REQUIRE(begin(run, &number) == 0 && number == EPOCH_EVENTS, "the state is of event %" PRId64, number);
    position = ledger_position(run->ledger);
    if (strcmp(position->epoch, old->epoch) == 0) {
        REQUIRE(run->epoch_error < 0, "the new epoch was told and is not there");
        run->ledger = ledger_close(run->ledger, NULL);
        ledger_model_check(&run->model, PATH);
        return;
    }
    REQUIRE(position->head == 1 + old->head - old->acked && position->oldest == 1 && position->acked == 0,
            "the new epoch has %" PRId64 " events", position->head);
    verify_and_wait(run);
    run->ledger = ledger_close(run->ledger, NULL);
}

/* Power goes in the middle of a change of epoch. */
static void cut_epoch(struct run *run, uint64_t i)
{
    const struct timestamp now = { 0 };
    struct ledger_position old;
    int64_t number;

    forget(run);
    REQUIRE(begin(run, &number) == 0, "opening");
    while (number < EPOCH_EVENTS)
        REQUIRE(ledger_model_append(run->ledger, ++number) == 0, "appending");
    while (ledger_pending(run->ledger) > 0)
        dispatch(run);
    verify_and_wait(run); /* behind all acks */
    old = *ledger_position(run->ledger);
    enum memory_disk_cut cut = memory_disk_plan(&run->disk, i, EPOCH_OPERATIONS);

    run->changing = true;
    REQUIRE(ledger_new_epoch(run->ledger, &now, epoch_begun, run) == 0, "new epoch");
    run->ledger = ledger_close(run->ledger, NULL);
    run->changing = false;
    memory_disk_restart(&run->disk, cut, ledger_model_draw, &run->seed);
    check_epoch(run, &old);
}

/* The disk fails for a while in the middle of work: all is stored in the end, and trouble() tells both ends.
 */
static void break_disk(struct run *run, int code, int error)
{
    int64_t number;
    bool told = false;

    forget(run);
    REQUIRE(begin(run, &number) == 0, "opening");
    run->disk.fail_code = code;
    run->disk.fail_from = run->disk.operations + ledger_model_draw(&run->seed) % LIFE_MAX;
    run->disk.fail_to = run->disk.fail_from + 1 + ledger_model_draw(&run->seed) % FAULTS_MAX;
    while (number < EVENTS || ledger_pending(run->ledger) > 0) {
        while (number < EVENTS && ledger_pending(run->ledger) < 16)
            REQUIRE(ledger_model_append(run->ledger, ++number) == 0, "appending");
        dispatch(run);
        REQUIRE(run->error == 0 || run->error == error, "trouble %d in place of %d", run->error, error);
        told = told || run->error == error;
    }
    REQUIRE(run->error == 0 && run->troubles % 2 == 0, "the end of the trouble was not told");
    REQUIRE(run->model.head == EVENTS, "%" PRId64 " of %d events are stored", run->model.head, EVENTS);
    run->ledger = ledger_close(run->ledger, NULL);
    ledger_model_check(&run->model, PATH);
}

/* What cannot be stored even at the end is counted. */
static void close_broken(struct run *run)
{
    size_t lost = 0;
    int64_t number;

    forget(run);
    REQUIRE(begin(run, &number) == 0, "opening");
    run->disk.fail_code = SQLITE_FULL;
    run->disk.fail_from = run->disk.operations;
    run->disk.fail_to = UINT64_MAX;
    for (int i = 1; i <= 300; i++)
        REQUIRE(ledger_model_append(run->ledger, i) == 0, "appending");
    run->ledger = ledger_close(run->ledger, &lost);
    REQUIRE(lost == 300 && run->error == -ENOSPC, "%zu of 300 counted as lost", lost);
    run->disk.fail_to = 0;
    ledger_model_check(&run->model, PATH);
}

int main(int argc, char **argv)
{
    static struct run run;
    uint64_t cuts = argc > 1 ? strtoull(argv[1], NULL, 10) : 0;

    run.seed = argc > 2 ? strtoull(argv[2], NULL, 10) : (uint64_t)time(NULL);
    run.disk.careless = argc > 3;
    REQUIRE(cuts > 0 && run.seed > 0, "usage: ledger_disk CUTS [SEED [NORMAL]]");
    REQUIRE(run.disk.careless || memory_disk_notices("100"), "synchronous=NORMAL is not noticed");
    printf("seed %" PRIu64 "\n", run.seed);
    fflush(stdout);
    memory_disk_install(&run.disk);
    close_broken(&run);
    for (int i = 0; i < 5; i++) {
        break_disk(&run, SQLITE_FULL, -ENOSPC);
        break_disk(&run, SQLITE_IOERR_WRITE, -EIO);
    }
    cut_power(&run, cuts);
    for (uint64_t i = 0; i < cuts / 10; i++)
        cut_epoch(&run, i);
    memory_disk_format(&run.disk);
    printf("%" PRIu64 " power cuts, nothing lost\n", cuts + cuts / 10);
    return 0;
}
