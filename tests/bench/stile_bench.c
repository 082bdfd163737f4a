/* SPDX-License-Identifier: GPL-3.0-or-later */
/* stile_bench.c: the driver stile-bench: presents cards and takes the time until the gateway answers.
 *
 * The device item's `connection` is a Unix socket on which a benchmark listens. It writes orders, a line
 * each:
 *
 *     tap COUNT FIRST CARDS OPEN GAP_MS    so many random cards of FIRST ... FIRST + CARDS - 1, at most OPEN
 * of them unanswered, and GAP_MS of rest before the next
 *
 * and reads, when all are answered, a line for each with the boot times at which it was presented and
 * answered, and an empty one. The answer to a card that is let in is its release, to another one what the
 * reader shows. Run by itself with --floor COUNT it prints the same for a process that does nothing but send
 * lines of that length back.
 */
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "gateway/base/clock.h"
#include "gateway/base/log.h"
#include "hal/driver.h"

#define TAPS_MAX   1000000
#define LINE_BYTES 160 /* of a presented line, about; a release is shorter */

struct sample {
    int64_t sent_us;
    int64_t answered_us;
    bool let_in;
};

struct order {
    size_t count;
    int64_t first;
    int64_t cards;
    size_t open;
    int gap_ms;
};

struct bench {
    char point[ID_SIZE];
    int fd;
    FILE *orders; /* the same, to write to */
    struct order order;
    struct sample *samples;
    size_t sent;
    size_t answered;
    int64_t rest_until_us;
};

struct settings {
    const char *connection;
    struct json_object *points;
};

static const struct json_row settings_rows[] = {
    JSON_ROW_STRING_REQUIRED(struct settings, connection, "connection", 1,
                             (int64_t)sizeof(((struct sockaddr_un *)0)->sun_path) - 1),
    JSON_ROW_LIST(struct settings, points, "points", 1, 1),
};

static int configure(struct driver *driver, void *self, struct json_object *device, struct json_error *error)
{
    struct bench *bench = self;
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    struct settings settings;
    int r = json_read(device, JSON_ROWS(settings_rows), &settings, error);

    if (r < 0)
        return r;
    snprintf(bench->point, sizeof(bench->point), "%s", json_list_string(settings.points, 0, error));
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", settings.connection);
    bench->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bench->fd < 0 || connect(bench->fd, (struct sockaddr *)&address, sizeof(address)) < 0)
        return -errno;
    bench->orders = fdopen(bench->fd, "w");
    bench->samples = calloc(TAPS_MAX, sizeof(*bench->samples));
    return bench->orders && bench->samples ? 0 : -ENOMEM;
}

static int read_order(struct bench *bench)
{
    char line[128];
    ssize_t len = read(bench->fd, line, sizeof(line) - 1);
    struct order *order = &bench->order;

    if (len <= 0)
        return -EPIPE;
    line[len] = '\0';
    if (sscanf(line, "tap %zu %" SCNd64 " %" SCNd64 " %zu %d", &order->count, &order->first, &order->cards,
               &order->open, &order->gap_ms) != 5 ||
        order->count > TAPS_MAX || order->cards < 1)
        return -EBADMSG;
    bench->sent = bench->answered = 0;
    return 0;
}

static void tap(struct driver *driver, struct bench *bench)
{
    char card[32];

    snprintf(card, sizeof(card), "04%012" PRIX64, bench->order.first + random() % bench->order.cards);
    bench->samples[bench->sent++].sent_us = clock_boot_us();
    driver_presented(driver, bench->point, "card", card, DRIVER_ASSURANCE_IDENTIFIER);
}

static int work(struct driver *driver, void *self)
{
    struct bench *bench = self;
    int64_t now_us = clock_boot_us();

    driver_health(driver, DRIVER_HEALTH_UP, NULL, NULL, 0);
    if (bench->answered == bench->order.count) {
        int r = poll(&(struct pollfd){ .fd = bench->fd, .events = POLLIN }, 1, 0) > 0 ? read_order(bench) : 1;

        if (r < 0)
            driver_quit(driver, r == -EPIPE ? EXIT_SUCCESS : EXIT_FAILURE);
        if (r != 0)
            return DRIVER_WAIT_FOREVER;
    }
    if (now_us < bench->rest_until_us)
        return (int)((bench->rest_until_us - now_us) / USEC_PER_MSEC) + 1;
    while (bench->sent < bench->order.count && bench->sent - bench->answered < bench->order.open)
        tap(driver, bench);
    return DRIVER_WAIT_FOREVER;
}

static int work_fd(struct driver *driver, void *self)
{
    struct bench *bench = self;

    return bench->answered == bench->order.count ? bench->fd : -1;
}

static void print_samples(const struct sample *samples, size_t count, FILE *out)
{
    for (size_t i = 0; i < count; i++)
        fprintf(out, "%" PRId64 " %" PRId64 " %d\n", samples[i].sent_us, samples[i].answered_us,
                samples[i].let_in);
    fputc('\n', out);
    fflush(out);
}

/* Answers come in the order of the taps. */
static void answered(struct bench *bench, int64_t now_us, bool let_in)
{
    if (bench->answered == bench->sent)
        return;
    struct sample *sample = &bench->samples[bench->answered++];

    sample->answered_us = now_us;
    sample->let_in = let_in;
    bench->rest_until_us = bench->order.gap_ms ? now_us + bench->order.gap_ms * USEC_PER_MSEC : 0;
    if (bench->answered == bench->order.count)
        print_samples(bench->samples, bench->answered, bench->orders);
}

static void release(struct driver *driver, void *self, const struct driver_command *command)
{
    int64_t now_us = clock_boot_us();

    driver_result(driver, command->id, DRIVER_OUTCOME_ACCEPTED, NULL);
    driver_result(driver, command->id, DRIVER_OUTCOME_COMPLETED, NULL);
    answered(self, now_us, true);
}

/* That a card is let in was answered by its release. */
static void show(struct driver *driver, void *self, const struct driver_command *command)
{
    if (command->indication != DRIVER_INDICATION_GRANTED)
        answered(self, clock_boot_us(), false);
}

static const struct driver_ops ops = {
    .name = "bench",
    .version = STILE_VERSION,
    .configure = configure,
    .work = work,
    .work_fd = work_fd,
    .release = release,
    .show = show,
};

static void echo(int fd)
{
    char line[LINE_BYTES];
    ssize_t len;

    while ((len = read(fd, line, sizeof(line))) > 0)
        if (write(fd, line, (size_t)len) != len)
            break;
    _exit(EXIT_SUCCESS);
}

static int measure_floor(size_t count)
{
    struct sample *samples = calloc(count, sizeof(*samples));
    char line[LINE_BYTES] = "";
    int fds[2];

    if (!samples || socketpair(AF_UNIX, SOCK_STREAM, 0, fds) < 0)
        return EXIT_FAILURE;
    if (fork() == 0) {
        close(fds[0]);
        echo(fds[1]);
    }
    close(fds[1]);
    for (size_t i = 0; i < count; i++) {
        nanosleep(&(struct timespec){ .tv_nsec = 2 * 1000 * 1000 }, NULL);
        samples[i].sent_us = clock_boot_us();
        if (write(fds[0], line, sizeof(line)) != sizeof(line) ||
            read(fds[0], line, sizeof(line)) != sizeof(line))
            return EXIT_FAILURE;
        samples[i].answered_us = clock_boot_us();
    }
    print_samples(samples, count, stdout);
    free(samples);
    return EXIT_SUCCESS;
}

int main(int argc, char *argv[])
{
    struct bench bench = { .fd = -1 };

    log_init("stile-bench", LOG_INFO);
    if (argc == 3 && strcmp(argv[1], "--floor") == 0)
        return measure_floor(strtoul(argv[2], NULL, 10));
    int status = driver_run(&ops, &bench);

    if (bench.orders)
        fclose(bench.orders);
    free(bench.samples);
    return status;
}
