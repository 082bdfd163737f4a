/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ledger_kill.c: nothing that the ledger has reported is lost when its process is killed.
 *
 *     ledger_kill ROUNDS [SEED]
 *
 * In each round a child opens the ledger, appends as fast as it can, acknowledges now and then, and reports
 * through a pipe what the ledger told it; it is killed with SIGKILL at a random moment, while opening too.
 * Then the file is opened again and compared with all reports of all rounds: each event is there as reported,
 * numbered without a gap, the chain holds, and the state is that of the last event. After some rounds the
 * file begins anew, so that its creation is killed as well.
 */
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include "gateway/store/ledger.h"

#define ROUNDS_OF_A_FILE 25
#define LIFE_MAX_US      6000 /* opening takes the first two or three thousand */
#define ACK_EVERY        64
#define RETAIN_ROWS      300
#define WINDOW_BITS      8
#define REPORTS_MAX      100000

struct report {
    int64_t acked; /* an ack that was taken, or 0 */
    int64_t seq;   /* an event that was stored, or 0 */
    uint8_t hash[CHAIN_BYTES];
};

/* What all children reported of this file. */
struct model {
    uint8_t hashes[REPORTS_MAX][CHAIN_BYTES]; /* by seq */
    bool reported[REPORTS_MAX];
    int64_t head;
    int64_t acked;
};

struct child {
    struct ledger *ledger;
    int fd;
    int64_t next; /* number that the next event carries */
};

struct check {
    struct model *model;
    int64_t state;
    int64_t seq; /* of the last line seen */
    bool done;
};

#define REQUIRE(condition, ...)                                                                              \
    do {                                                                                                     \
        if (!(condition)) {                                                                                  \
            fprintf(stderr, "ledger_kill: " __VA_ARGS__);                                                    \
            fputc('\n', stderr);                                                                             \
            exit(1);                                                                                         \
        }                                                                                                    \
    } while (0)

static uint64_t draw(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

/* Smaller than PIPE_BUF: a report is written whole or not at all. */
static void send_report(const struct child *child, const struct report *report)
{
    if (write(child->fd, report, sizeof(*report)) != (ssize_t)sizeof(*report))
        _exit(2);
}

static void acked(void *user, const struct ledger_acked *acked_now)
{
    const struct report report = { .acked = acked_now->seq };

    if (acked_now->outcome != LEDGER_ACK_TAKEN)
        _exit(3);
    send_report(user, &report);
}

static void committed(void *user, const struct ledger_stored stored[], size_t count)
{
    struct child *child = user;
    const struct ledger_position *position = ledger_position(child->ledger);

    for (size_t i = 0; i < count; i++) {
        struct report report = { .seq = stored[i].seq };

        chain_next((const uint8_t[CHAIN_BYTES]){ 0 }, stored[i].bytes, stored[i].len, report.hash);
        send_report(child, &report);
    }
    if (position->head - position->acked > ACK_EVERY)
        (void)!ledger_ack(child->ledger, position->epoch, position->head, position->head_hash, acked, child);
}

static int take_number(void *user, const char *key, const char *value)
{
    *(int64_t *)user = strtoll(value, NULL, 10);
    return 0;
}

static void append_one(struct child *child)
{
    char number[24];
    const struct event event = { .kind = EVENT_REX, .door = "front", .count = child->next };
    const struct ledger_effect effect = { .key = "number", .value = number };
    const struct ledger_entry entry = { .event = &event, .effects = &effect, .effect_count = 1 };

    snprintf(number, sizeof(number), "%" PRId64, child->next);
    if (ledger_append(child->ledger, &entry, NULL) < 0)
        _exit(4);
    child->next++;
}

static struct ledger_options options_for(const char *path, struct child *child)
{
    return (struct ledger_options){ .path = path,
                                    .boot_id = "5d0e1c9a-7c1f-4a53-9a55-0c1f7e0a2b11",
                                    .rows_max = LEDGER_ROWS_MAX_DEFAULT,
                                    .retain_rows = RETAIN_ROWS,
                                    .hooks = { .user = child, .committed = child ? committed : NULL } };
}

static void live(const char *path, int fd, size_t window)
{
    struct child child = { .fd = fd };
    const struct ledger_options options = options_for(path, &child);
    struct ledger_opened opened;
    struct pollfd poll_fd = { .events = POLLIN };
    int64_t last = 0;

    if (ledger_open(&options, &child.ledger, &opened) < 0 || opened.damaged ||
        ledger_restore(child.ledger, "number", take_number, &last) < 0 || ledger_start(child.ledger) < 0)
        _exit(5);
    child.next = last + 1;
    poll_fd.fd = ledger_fd(child.ledger);
    for (;;) {
        while (ledger_pending(child.ledger) < window)
            append_one(&child);
        (void)poll(&poll_fd, 1, -1);
        ledger_dispatch(child.ledger);
    }
}

static void note_report(struct model *model, const struct report *report)
{
    if (report->acked > model->acked)
        model->acked = report->acked;
    if (report->seq == 0)
        return;
    REQUIRE(report->seq < REPORTS_MAX, "more reports than there is room for");
    REQUIRE(!model->reported[report->seq], "seq %" PRId64 " was given twice", report->seq);
    model->reported[report->seq] = true;
    memcpy(model->hashes[report->seq], report->hash, CHAIN_BYTES);
    if (report->seq > model->head)
        model->head = report->seq;
}

static int64_t now_us(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * USEC_PER_SEC + ts.tv_nsec / 1000;
}

/* Takes reports until the time is over, or to the end with deadline_us 0. */
static void take_reports(struct model *model, int fd, int64_t deadline_us)
{
    struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
    struct report report;

    for (;;) {
        int64_t left = deadline_us - now_us();
        const struct timespec ts = { .tv_nsec = left * 1000 };

        if (deadline_us > 0 && (left <= 0 || ppoll(&poll_fd, 1, &ts, NULL) == 0))
            return;
        if (read(fd, &report, sizeof(report)) != (ssize_t)sizeof(report))
            return;
        note_report(model, &report);
    }
}

static void run_child(struct model *model, const char *path, uint64_t *seed)
{
    int64_t life_us = (int64_t)(draw(seed) % LIFE_MAX_US);
    size_t window = (size_t)1 << draw(seed) % WINDOW_BITS;
    int fds[2], status = 0;
    pid_t pid;

    REQUIRE(pipe(fds) == 0, "no pipe");
    pid = fork();
    if (pid == 0) {
        close(fds[0]);
        live(path, fds[1], window);
    }
    close(fds[1]);
    take_reports(model, fds[0], now_us() + life_us);
    kill(pid, SIGKILL);
    take_reports(model, fds[0], 0);
    waitpid(pid, &status, 0);
    close(fds[0]);
    REQUIRE(WIFSIGNALED(status), "the child ended by itself: exit %d", WEXITSTATUS(status));
}

static void check_line(struct check *check, const char *line, size_t len)
{
    int64_t seq = ++check->seq;
    char end[48];
    uint8_t hash[CHAIN_BYTES];
    int end_len = snprintf(end, sizeof(end), ",\"count\":%" PRId64 "}", seq);

    REQUIRE(len > (size_t)end_len && memcmp(line + len - end_len, end, (size_t)end_len) == 0,
            "event %" PRId64 " is another: %.*s", seq, (int)len, line);
    chain_next((const uint8_t[CHAIN_BYTES]){ 0 }, line, len, hash);
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

static void verified(void *user, int error, int64_t first_bad)
{
    REQUIRE(error == 0 && first_bad == 0, "the chain breaks at %" PRId64, first_bad);
    ((struct check *)user)->done = true;
}

static void await(struct ledger *ledger, struct check *check)
{
    struct pollfd poll_fd = { .fd = ledger_fd(ledger), .events = POLLIN };

    for (check->done = false; !check->done; ledger_dispatch(ledger))
        (void)poll(&poll_fd, 1, -1);
}

static void check_position(const struct ledger_position *position, const struct model *model)
{
    REQUIRE(position->head >= model->head, "lost: the head is %" PRId64 ", reported was %" PRId64,
            position->head, model->head);
    REQUIRE(position->acked >= model->acked, "lost: an ack of %" PRId64, model->acked);
    REQUIRE(position->oldest <= position->acked + 1, "an event is gone that was not acknowledged");
}

static void check_file(struct model *model, const char *path)
{
    const struct ledger_options options = options_for(path, NULL);
    const struct ledger_position *position;
    struct check check = { .model = model };
    struct ledger_opened opened;
    struct ledger *ledger;
    int r = ledger_open(&options, &ledger, &opened);

    REQUIRE(r == 0 && !opened.damaged, "opening: %s", opened.text);
    position = ledger_position(ledger);
    check_position(position, model);
    REQUIRE(ledger_restore(ledger, "number", take_number, &check.state) == 0, "restoring");
    REQUIRE(check.state == position->head, "the state is of event %" PRId64 ", the head is %" PRId64,
            check.state, position->head);
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

static void remove_file(const char *path)
{
    char wal[80];

    snprintf(wal, sizeof(wal), "%s-wal", path);
    (void)unlink(wal);
    (void)unlink(path);
}

int main(int argc, char **argv)
{
    static struct model model;
    uint64_t rounds = argc > 1 ? strtoull(argv[1], NULL, 10) : 0;
    uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 10) : (uint64_t)now_us();
    char directory[] = "/tmp/ledger-kill-XXXXXX";
    char path[64];
    int64_t reported = 0;

    REQUIRE(rounds > 0 && seed > 0, "usage: ledger_kill ROUNDS [SEED]");
    REQUIRE(mkdtemp(directory), "no directory");
    snprintf(path, sizeof(path), "%s/ledger.db", directory);
    printf("seed %" PRIu64 ", files in %s\n", seed, directory);
    fflush(stdout);
    for (uint64_t i = 0; i < rounds; i++) {
        if (i % ROUNDS_OF_A_FILE == 0) {
            reported += model.head;
            memset(&model, 0, sizeof(model));
            remove_file(path);
        }
        run_child(&model, path, &seed);
        check_file(&model, path);
    }
    reported += model.head;
    remove_file(path);
    rmdir(directory);
    printf("%" PRIu64 " kills, %" PRId64 " events reported, none lost\n", rounds, reported);
    return 0;
}
