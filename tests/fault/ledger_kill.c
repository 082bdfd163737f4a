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

#include "tests/fault/ledger_model.h"

#define ROUNDS_OF_A_FILE 25
#define LIFE_MAX_US      6000 /* opening takes the first two or three thousand */
#define ACK_EVERY        64
#define WINDOW_BITS      8

struct child {
    struct ledger *ledger;
    int fd;
    int64_t next; /* number that the next event carries */
};

/* Smaller than PIPE_BUF: a report is written whole or not at all. */
static void send_report(const struct child *child, const struct ledger_report *report)
{
    if (write(child->fd, report, sizeof(*report)) != (ssize_t)sizeof(*report))
        _exit(2);
}

static void acked(void *user, const struct ledger_acked *acked_now)
{
    const struct ledger_report report = { .acked = acked_now->seq };

    if (acked_now->outcome != LEDGER_ACK_TAKEN)
        _exit(3);
    send_report(user, &report);
}

static void committed(void *user, const struct ledger_stored stored[], size_t count)
{
    struct child *child = user;
    const struct ledger_position *position = ledger_position(child->ledger);

    for (size_t i = 0; i < count; i++) {
        const struct ledger_report report = ledger_model_report(&stored[i]);

        send_report(child, &report);
    }
    if (position->head - position->acked > ACK_EVERY)
        (void)!ledger_ack(child->ledger, position->epoch, position->head, position->head_hash, acked, child);
}

static void live(const char *path, int fd, size_t window)
{
    struct child child = { .fd = fd };
    const struct ledger_options options =
        ledger_model_options(path, (struct ledger_hooks){ .user = &child, .committed = committed });
    struct ledger_opened opened;
    struct pollfd poll_fd = { .events = POLLIN };
    int64_t last = 0;

    if (ledger_open(&options, &child.ledger, &opened) < 0 || opened.damaged ||
        ledger_restore(child.ledger, "number", ledger_model_number, &last) < 0 ||
        ledger_start(child.ledger) < 0)
        _exit(5);
    child.next = last + 1;
    poll_fd.fd = ledger_fd(child.ledger);
    for (;;) {
        while (ledger_pending(child.ledger) < window)
            if (ledger_model_append(child.ledger, child.next++) < 0)
                _exit(4);
        (void)poll(&poll_fd, 1, -1);
        ledger_dispatch(child.ledger);
    }
}

static int64_t now_us(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * USEC_PER_SEC + ts.tv_nsec / 1000;
}

/* Takes reports until the time is over, or to the end with deadline_us 0. */
static void take_reports(struct ledger_model *model, int fd, int64_t deadline_us)
{
    struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
    struct ledger_report report;

    for (;;) {
        int64_t left = deadline_us - now_us();
        const struct timespec ts = { .tv_nsec = left * 1000 };

        if (deadline_us > 0 && (left <= 0 || ppoll(&poll_fd, 1, &ts, NULL) == 0))
            return;
        if (read(fd, &report, sizeof(report)) != (ssize_t)sizeof(report))
            return;
        ledger_model_note(model, &report);
    }
}

static void run_child(struct ledger_model *model, const char *path, uint64_t *seed)
{
    int64_t life_us = (int64_t)(ledger_model_draw(seed) % LIFE_MAX_US);
    size_t window = (size_t)1 << ledger_model_draw(seed) % WINDOW_BITS;
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

static void remove_file(const char *path)
{
    char wal[80];

    snprintf(wal, sizeof(wal), "%s-wal", path);
    (void)unlink(wal);
    (void)unlink(path);
}

int main(int argc, char **argv)
{
    static struct ledger_model model;
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
        ledger_model_check(&model, path);
    }
    reported += model.head;
    remove_file(path);
    rmdir(directory);
    printf("%" PRIu64 " kills, %" PRId64 " events reported, none lost\n", rounds, reported);
    return 0;
}
