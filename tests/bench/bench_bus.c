/* SPDX-License-Identifier: GPL-3.0-or-later */
/* bench_bus.c: how long a release takes through stile-modbus on a simulated RS-485 line, from the command to
 * the unit that has heard all of it, while 1, 8 or 32 units are polled without a pause; and what the wire
 * alone takes: the longest transaction that can be under way, the gap, and the release's own characters; and
 * how long the kernel itself takes to hand a byte from one end of such a line to the other, which happens
 * several times in each of these, and makes an answer too late if it takes longer than the unit is waited
 * for.
 *
 *     bench_bus STILE-MODBUS
 */
#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gateway/base/clock.h"
#include "hal/modbus/modbus_bus.h"
#include "hal/modbus/modbus_frame.h"
#include "tools/sim/pty.h"

#define RELEASES      120
#define RESPONSE_MS   50
#define TURNAROUND_US 2000
#define CHAR_BITS     11
#define REQUEST_SIZE  8 /* of each request here */
#define ANSWER_MAX    8

struct bench {
    int64_t baud;
    size_t units;
    size_t dead;
    char directory[64];
    char port[96];
    struct pty pty;
    struct pty bare; /* nobody else uses it */
    pthread_t thread;
    int to_fd;   /* the driver's input */
    int from_fd; /* its output */
    pid_t pid;
    volatile bool ended;
    volatile int64_t heard_us; /* when the last release was heard */
};

static void put(int fd, const char *text)
{
    if (write(fd, text, strlen(text)) < 0)
        abort();
}

static void answer(struct bench *bench, struct pty_line *line, uint8_t request[REQUEST_SIZE])
{
    const struct modbus_frame_to to = { .unit = request[0] };
    const struct modbus_request write_coil =
        modbus_unit_write(MODBUS_REQUEST_WRITE_COIL, request[2] << 8 | request[3],
                          (uint16_t)(request[4] << 8 | request[5]), 0, 0);
    uint8_t bytes[MODBUS_FRAME_MAX];
    size_t len = modbus_frame_format(&to, &write_coil, bytes);

    pty_line_wait(line, REQUEST_SIZE);
    if (request[0] <= bench->dead)
        return;
    if (request[1] == 5)
        bench->heard_us = clock_boot_us();
    usleep(TURNAROUND_US);
    if (request[1] == 2) { /* eight inputs, all 0 */
        static const uint8_t inputs[] = { 2, 1, 0 };
        uint16_t sum = 0xffff;

        memcpy(bytes + 1, inputs, sizeof(inputs));
        for (size_t i = 0; i < 4; i++) {
            sum ^= bytes[i];
            for (int bit = 0; bit < 8; bit++)
                sum = (uint16_t)(sum & 1 ? sum >> 1 ^ 0xa001 : sum >> 1);
        }
        bytes[4] = (uint8_t)sum;
        bytes[5] = (uint8_t)(sum >> 8);
        len = 6;
    }
    pty_line_wait(line, len);
    (void)!pty_write(&bench->pty, bytes, len);
}

static void *run_line(void *userdata)
{
    struct bench *bench = userdata;
    struct pty_line line = { .baud = bench->baud, .char_bits = CHAR_BITS };
    uint8_t request[REQUEST_SIZE];
    size_t len = 0;

    while (!bench->ended) {
        if (poll(&(struct pollfd){ .fd = bench->pty.fd, .events = POLLIN }, 1, 100) <= 0)
            continue;
        ssize_t n = read(bench->pty.fd, request + len, sizeof(request) - len);

        len += n > 0 ? (size_t)n : 0;
        if (len == sizeof(request)) {
            answer(bench, &line, request);
            len = 0;
        }
    }
    return NULL;
}

static void write_profile(const struct bench *bench)
{
    char path[128];

    snprintf(path, sizeof(path), "%s/bench.json", bench->directory);
    FILE *file = fopen(path, "w");

    fprintf(file,
            "{\"profile\":\"bench\",\"timing\":{\"poll_ms\":5,\"response_ms\":%d,\"late_ms\":100},"
            "\"sides\":{\"in\":{\"release\":{\"method\":\"coil\",\"address\":0}}},"
            "\"inputs\":[{\"role\":\"tamper\",\"at\":{\"table\":\"discrete\",\"address\":0}}]}",
            RESPONSE_MS);
    fclose(file);
}

static void start_driver(struct bench *bench, const char *program)
{
    int in[2], out[2];

    if (pipe(in) < 0 || pipe(out) < 0)
        abort();
    bench->pid = fork();
    if (bench->pid == 0) {
        dup2(in[0], STDIN_FILENO);
        dup2(out[1], STDOUT_FILENO);
        for (int fd = 3; fd < 64; fd++)
            close(fd);
        execl(program, program, "--profiles", bench->directory, NULL);
        _exit(127);
    }
    close(in[0]);
    close(out[1]);
    bench->to_fd = in[1];
    bench->from_fd = out[0];
}

static void configure(struct bench *bench)
{
    char names[2][2048] = { "", "" };
    char line[4096];

    for (size_t i = 1; i <= bench->units; i++) {
        const char *comma = i > 1 ? "," : "";

        snprintf(names[0] + strlen(names[0]), sizeof(names[0]) - strlen(names[0]), "%s\"%zu\"", comma, i);
        snprintf(names[1] + strlen(names[1]), sizeof(names[1]) - strlen(names[1]),
                 "%s{\"unit\":%zu,\"points\":[\"p%zu\"],\"targets\":[\"%zu\"]}", comma, i, i, i);
    }
    snprintf(line, sizeof(line),
             "{\"do\":\"configure\",\"device\":{\"driver\":\"modbus\",\"profile\":\"bench\",\"connection\":{"
             "\"rtu\":"
             "\"%s\",\"baud\":%d},\"targets\":[%s],\"points\":[",
             bench->port, (int)bench->baud, names[0]);
    put(bench->to_fd, line);
    for (size_t i = 1; i <= bench->units; i++) {
        snprintf(line, sizeof(line), "%s\"p%zu\"", i > 1 ? "," : "", i);
        put(bench->to_fd, line);
    }
    snprintf(line, sizeof(line), "],\"units\":[%s]}}\n", names[1]);
    put(bench->to_fd, line);
}

static void start(struct bench *bench, const char *program)
{
    snprintf(bench->directory, sizeof(bench->directory), "/tmp/stile-bench-bus-XXXXXX");
    if (!mkdtemp(bench->directory))
        abort();
    bench->pty = bench->bare = (struct pty)PTY_INIT;
    snprintf(bench->port, sizeof(bench->port), "%s/bare", bench->directory);
    if (pty_open(&bench->bare, bench->port) < 0)
        abort();
    snprintf(bench->port, sizeof(bench->port), "%s/port", bench->directory);
    write_profile(bench);
    if (pty_open(&bench->pty, bench->port) < 0 || pthread_create(&bench->thread, NULL, run_line, bench) != 0)
        abort();
    start_driver(bench, program);
    configure(bench);
}

static void stop(struct bench *bench)
{
    char path[128];

    close(bench->to_fd);
    waitpid(bench->pid, NULL, 0);
    close(bench->from_fd);
    bench->ended = true;
    pthread_join(bench->thread, NULL);
    pty_close(&bench->pty);
    pty_close(&bench->bare);
    snprintf(path, sizeof(path), "%s/bench.json", bench->directory);
    unlink(path);
    rmdir(bench->directory);
}

/* Throws away what the driver says for so long. */
static void let_pass(struct bench *bench, int64_t us)
{
    int64_t end_us = clock_boot_us() + us;
    char bytes[4096];

    for (int64_t left_us; (left_us = end_us - clock_boot_us()) > 0;)
        if (poll(&(struct pollfd){ .fd = bench->from_fd, .events = POLLIN }, 1, (int)(left_us / 1000)) > 0)
            (void)!read(bench->from_fd, bytes, sizeof(bytes));
}

static int64_t release_us(struct bench *bench, int64_t id)
{
    size_t unit = bench->dead + 1 + (size_t)random() % (bench->units - bench->dead);
    char line[256];

    snprintf(line, sizeof(line),
             "{\"do\":\"release\",\"id\":%d,\"target\":\"%zu\",\"direction\":\"entry\",\"pulse_ms\":50,"
             "\"deadline\":9000000000000000}\n",
             (int)id, unit);
    bench->heard_us = 0;
    int64_t sent_us = clock_boot_us();

    put(bench->to_fd, line);
    let_pass(bench, 150000 + random() % 40000);
    return bench->heard_us == 0 ? INT64_MAX : bench->heard_us - sent_us;
}

static int64_t handover_us(struct bench *bench)
{
    int64_t sent_us = clock_boot_us();
    char byte = 0;

    if (write(bench->bare.host_fd, &byte, 1) != 1 ||
        poll(&(struct pollfd){ .fd = bench->bare.fd, .events = POLLIN }, 1, 1000) < 0)
        abort();
    int64_t heard_us = clock_boot_us();

    (void)!read(bench->bare.fd, &byte, 1);
    return heard_us - sent_us;
}

static int compare_times(const void *a, const void *b)
{
    int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;

    return (left > right) - (left < right);
}

static void measure(const char *program, int64_t baud, size_t units, size_t dead)
{
    struct bench bench = { .baud = baud, .units = units, .dead = dead };
    const struct modbus_wire wire = { baud, CHAR_BITS };
    int64_t times[RELEASES], handovers[RELEASES];

    start(&bench, program);
    let_pass(&bench, 3 * USEC_PER_SEC + (int64_t)units * 100000);
    for (size_t i = 0; i < RELEASES; i++) {
        handovers[i] = handover_us(&bench);
        times[i] = release_us(&bench, (int64_t)i + 1);
    }
    stop(&bench);
    qsort(times, RELEASES, sizeof(times[0]), compare_times);
    qsort(handovers, RELEASES, sizeof(handovers[0]), compare_times);
    int64_t under_way_us = modbus_bus_bytes_us(&wire, REQUEST_SIZE + ANSWER_MAX) + modbus_bus_gap_us(&wire) +
                           (dead > 0 ? RESPONSE_MS * USEC_PER_MSEC : TURNAROUND_US);
    int64_t own_us = modbus_bus_bytes_us(&wire, REQUEST_SIZE);
    int64_t p99_us = times[RELEASES * 99 / 100];

    printf("bus_%d_%zu_units_%zu_dead_p50 %.2f ms\n", (int)baud, units, dead,
           (double)times[RELEASES / 2] / 1000);
    printf("bus_%d_%zu_units_%zu_dead_p99 %.2f ms\n", (int)baud, units, dead, (double)p99_us / 1000);
    printf("bus_%d_%zu_units_%zu_dead_wire %.2f ms\n", (int)baud, units, dead,
           (double)(under_way_us + own_us) / 1000);
    printf("bus_%d_%zu_units_%zu_dead_p99_excess %.2f ms\n", (int)baud, units, dead,
           (double)(p99_us - under_way_us - own_us) / 1000);
    printf("bus_%d_%zu_units_%zu_dead_p99_to_wire %.2f ratio\n", (int)baud, units, dead,
           (double)p99_us / (double)(under_way_us + own_us));
    printf("bus_%d_%zu_units_%zu_dead_handover_p99 %.2f ms\n", (int)baud, units, dead,
           (double)handovers[RELEASES * 99 / 100] / 1000);
    fflush(stdout);
}

/* As stiled's unit schedules it and its drivers. */
static void take_priority(void)
{
    const struct sched_param param = { .sched_priority = 10 };

    if (sched_setscheduler(0, SCHED_RR, &param) < 0)
        fprintf(stderr, "not allowed to schedule as the unit does: times are those of an ordinary process\n");
}

int main(int argc, char *argv[])
{
    static const int64_t bauds[] = { 9600, 19200, 115200 };

    assert(argc == 2);
    take_priority();
    for (size_t i = 0; i < 3; i++) {
        measure(argv[1], bauds[i], 1, 0);
        measure(argv[1], bauds[i], 8, 0);
        measure(argv[1], bauds[i], 32, 0);
        measure(argv[1], bauds[i], 32, 4);
    }
    return 0;
}
