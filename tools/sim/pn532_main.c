/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pn532_main.c: sim-pn532, an NFC reader to play with: a PN532 on a pseudo-terminal, cards laid on and taken
 * off by a control command.
 *
 * libnfc drives it as it drives the real chip: `nfc-list` with LIBNFC_DEFAULT_DEVICE=pn532_uart:PORT. What
 * happens is told on standard output, a line each, with the boot time in microseconds in front.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <time.h>

#include "gateway/base/clock.h"
#include "tools/sim/ctl.h"
#include "tools/sim/pn532_chip.h"
#include "tools/sim/pty.h"

/* The chip's high-speed UART at its power-up speed, 8N1 (UM0701-02, 6.1). */
#define BAUD      115200
#define CHAR_BITS 10

#define GARBAGE_BYTES 12

/* What is wrong with the next answers. */
enum fault { FAULT_NONE, FAULT_SILENT, FAULT_GARBAGE, FAULT_LATE, FAULTS };

static const char *const fault_names[] = { "none", "silent", "garbage", "late", NULL };

struct sim {
    const char *port;
    struct pty pty;
    struct pty_line line_in;
    struct pty_line line_out;
    struct pn532_parser parser;
    struct pn532_chip chip;
    int control;
    int signals;
    enum fault fault;
    int64_t fault_count; /* answers that are still to be spoilt */
    int64_t late_us;
    int64_t back_us; /* when a port that is gone comes back; 0: it is there */
    int64_t take_us; /* when a tapped card is taken away; 0: none */
};

static void __attribute__((format(printf, 1, 2))) tell(const char *format, ...)
{
    va_list args;

    printf("%" PRId64 " ", clock_boot_us());
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    putchar('\n');
    fflush(stdout);
}

static void print_hex(const uint8_t *bytes, size_t len, char *ret_text)
{
    for (size_t i = 0; i < len; i++)
        sprintf(ret_text + 2 * i, "%02X", bytes[i]);
}

static bool read_hex(const char *text, uint8_t *ret_bytes, size_t size, size_t *ret_len)
{
    size_t len = strlen(text) / 2;

    if (len == 0 || len > size || strlen(text) % 2 || strspn(text, "0123456789abcdefABCDEF") != strlen(text))
        return false;
    for (size_t i = 0; i < len; i++) {
        const char digits[] = { text[2 * i], text[2 * i + 1], '\0' };

        ret_bytes[i] = (uint8_t)strtoul(digits, NULL, 16);
    }
    *ret_len = len;
    return true;
}

static void send_bytes(struct sim *sim, const uint8_t *bytes, size_t len)
{
    pty_line_wait(&sim->line_out, len);
    if (sim->pty.fd >= 0 && pty_write(&sim->pty, bytes, len) < 0)
        tell("the host does not read");
}

/* Whether this answer is spoilt, and how; counts it. */
static enum fault next_fault(struct sim *sim)
{
    enum fault fault = sim->fault_count > 0 ? sim->fault : FAULT_NONE;

    if (sim->fault_count > 0)
        sim->fault_count--;
    return fault;
}

static void send_garbage(struct sim *sim)
{
    uint8_t garbage[GARBAGE_BYTES];

    if (getrandom(garbage, sizeof(garbage), 0) == sizeof(garbage))
        send_bytes(sim, garbage, sizeof(garbage));
}

static void take_frame(struct sim *sim, enum pn532_frame kind)
{
    uint8_t ack[PN532_FRAME_MAX];
    int64_t now = clock_boot_us();

    if (kind == PN532_FRAME_ACK)
        pn532_chip_abort(&sim->chip);
    if (kind != PN532_FRAME_BODY)
        return;
    enum fault fault = next_fault(sim);

    if (fault == FAULT_SILENT)
        return;
    if (fault == FAULT_GARBAGE) {
        send_garbage(sim);
        return;
    }
    send_bytes(sim, ack, pn532_frame_ack(ack));
    pn532_chip_command(&sim->chip, sim->parser.body, sim->parser.len, now);
    if (fault == FAULT_LATE)
        sim->chip.due_us = now + sim->late_us;
}

static void read_port(struct sim *sim)
{
    uint8_t bytes[256];
    ssize_t count = read(sim->pty.fd, bytes, sizeof(bytes));

    if (count <= 0)
        return;
    pty_line_wait(&sim->line_in, (size_t)count);
    for (ssize_t i = 0; i < count; i++)
        take_frame(sim, pn532_parser_put(&sim->parser, bytes[i]));
}

static void send_answer(struct sim *sim)
{
    uint8_t body[PN532_BODY_MAX];
    uint8_t frame[PN532_FRAME_MAX];
    size_t len;

    if (!pn532_chip_answer(&sim->chip, clock_boot_us(), body, &len))
        return;
    send_bytes(sim, frame, len ? pn532_frame_build(body, len, frame) : pn532_frame_error(frame));
}

/* --- the control command --- */

static void reply_with(char reply[static CTL_REPLY_SIZE], const char *text)
{
    snprintf(reply, CTL_REPLY_SIZE, "%s", text);
}

static void lay(struct sim *sim, const char *kind, const char *number, char reply[static CTL_REPLY_SIZE])
{
    enum pn532_card_kind known = pn532_card_kind_find(kind);
    uint8_t uid[PN532_UID_MAX];
    struct pn532_card card;
    size_t len;

    if (known == PN532_CARD_KINDS) {
        reply_with(reply,
                   "error: there are the kinds classic, ultralight, ntag, desfire, uid10, phone and bad-ats");
        return;
    }
    if (!read_hex(number, uid, sizeof(uid), &len) || pn532_card_init(&card, known, uid, len) < 0) {
        snprintf(reply, CTL_REPLY_SIZE, "error: a %s has a number of %zu bytes in hex", kind,
                 pn532_card_uid_len(known));
        return;
    }
    int64_t now = clock_boot_us();

    tell("lay %s %s", kind, number);
    int r = pn532_chip_lay(&sim->chip, &card, now);

    reply_with(reply, r == 0         ? "ok"
                      : r == -EEXIST ? "error: that card lies there"
                                     : "error: there are four cards already");
}

static void do_lay(struct sim *sim, int argc, char *argv[], char reply[static CTL_REPLY_SIZE])
{
    lay(sim, argv[1], argv[2], reply);
}

static void do_take(struct sim *sim, int argc, char *argv[], char reply[static CTL_REPLY_SIZE])
{
    uint8_t uid[PN532_UID_MAX];
    size_t len = 0;

    if (argc == 2 && !read_hex(argv[1], uid, sizeof(uid), &len)) {
        reply_with(reply, "error: a card's number is hex");
        return;
    }
    size_t taken = pn532_chip_take(&sim->chip, argc == 2 ? uid : NULL, len);

    tell("take %zu", taken);
    snprintf(reply, CTL_REPLY_SIZE, "ok %zu", taken);
}

static void take_tapped(struct sim *sim)
{
    sim->take_us = 0;
    tell("take %zu", pn532_chip_take(&sim->chip, NULL, 0));
}

/* One person after the other: whoever tapped before takes the card away first. */
static void do_tap(struct sim *sim, int argc, char *argv[], char reply[static CTL_REPLY_SIZE])
{
    int64_t ms = argc == 4 ? strtoll(argv[3], NULL, 10) : 300;

    if (sim->take_us)
        take_tapped(sim);
    lay(sim, argv[1], argv[2], reply);
    sim->take_us = clock_boot_us() + ms * USEC_PER_MSEC;
}

static void do_cards(struct sim *sim, int argc, char *argv[], char reply[static CTL_REPLY_SIZE])
{
    char uid[2 * PN532_UID_MAX + 1];
    size_t at = (size_t)snprintf(reply, CTL_REPLY_SIZE, "ok");

    for (size_t i = 0; i < sim->chip.card_count; i++) {
        const struct pn532_card *card = &sim->chip.cards[i];

        print_hex(card->uid, card->uid_len, uid);
        at += (size_t)snprintf(reply + at, CTL_REPLY_SIZE - at, " %s:%s", pn532_card_kind_name(card->kind),
                               uid);
    }
}

static void do_fault(struct sim *sim, int argc, char *argv[], char reply[static CTL_REPLY_SIZE])
{
    enum fault fault = FAULT_NONE;

    while (fault < FAULTS && strcmp(argv[1], fault_names[fault]) != 0)
        fault++;
    if (fault == FAULTS || (fault == FAULT_LATE && argc != 4)) {
        reply_with(reply, "error: fault none | silent [N] | garbage [N] | late N MS");
        return;
    }
    sim->fault = fault;
    sim->fault_count = argc >= 3 ? strtoll(argv[2], NULL, 10) : 1;
    sim->late_us = argc == 4 ? strtoll(argv[3], NULL, 10) * USEC_PER_MSEC : 0;
    tell("fault %s %" PRId64, argv[1], sim->fault_count);
    reply_with(reply, "ok");
}

static void do_gone(struct sim *sim, int argc, char *argv[], char reply[static CTL_REPLY_SIZE])
{
    pty_close(&sim->pty);
    pn532_chip_abort(&sim->chip);
    sim->back_us = argc == 2 ? clock_boot_us() + strtoll(argv[1], NULL, 10) * USEC_PER_MSEC : INT64_MAX;
    tell("port gone");
    reply_with(reply, "ok");
}

static int come_back(struct sim *sim)
{
    sim->back_us = 0;
    sim->parser = (struct pn532_parser){ 0 };
    int r = sim->pty.fd >= 0 ? 0 : pty_open(&sim->pty, sim->port);

    tell(r < 0 ? "port cannot be opened" : "port back");
    return r;
}

static void do_back(struct sim *sim, int argc, char *argv[], char reply[static CTL_REPLY_SIZE])
{
    reply_with(reply, come_back(sim) < 0 ? "error: the port cannot be opened" : "ok");
}

struct verb {
    const char *name;
    int words_min;
    int words_max;
    const char *syntax;
    void (*run)(struct sim *sim, int argc, char *argv[], char reply[static CTL_REPLY_SIZE]);
};

static const struct verb verbs[] = {
    { "lay", 3, 3, "lay KIND UID          lay a card on", do_lay },
    { "take", 1, 2, "take [UID]            take it away (all of them)", do_take },
    { "tap", 3, 4, "tap KIND UID [MS]     lay it on for so long (300)", do_tap },
    { "cards", 1, 1, "cards                 which lie there", do_cards },
    { "fault", 2, 4, "fault silent|garbage [N] | late N MS | none   spoil the next N answers", do_fault },
    { "gone", 1, 2, "gone [MS]             pull the plug (for so long)", do_gone },
    { "back", 1, 1, "back                  plug it in again", do_back },
};

#define VERBS (sizeof(verbs) / sizeof(verbs[0]))

static void handle(void *userdata, int argc, char *argv[], char reply[static CTL_REPLY_SIZE])
{
    for (size_t i = 0; i < VERBS; i++) {
        if (argc == 0 || strcmp(argv[0], verbs[i].name) != 0)
            continue;
        if (argc < verbs[i].words_min || argc > verbs[i].words_max)
            snprintf(reply, CTL_REPLY_SIZE, "error: %s", verbs[i].syntax);
        else
            verbs[i].run(userdata, argc, argv, reply);
        return;
    }
    reply_with(reply, "error: there are lay, take, tap, cards, fault, gone and back");
}

/* --- the loop --- */

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* How long nothing is due, to the microsecond: with timing on, a millisecond late is a wrong figure. NULL:
 * for ever. */
static const struct timespec *patience(const struct sim *sim, struct timespec *ret)
{
    int64_t due = pn532_chip_due(&sim->chip);

    due = earlier(due, sim->back_us ? sim->back_us : INT64_MAX);
    due = earlier(due, sim->take_us ? sim->take_us : INT64_MAX);
    if (due == INT64_MAX)
        return NULL;
    int64_t wait = due - clock_boot_us();

    if (wait < 0)
        wait = 0;
    *ret = (struct timespec){ .tv_sec = wait / USEC_PER_SEC, .tv_nsec = wait % USEC_PER_SEC * 1000 };
    return ret;
}

/* One turn; false: told to stop. */
static bool turn(struct sim *sim)
{
    struct pollfd fds[] = {
        { .fd = sim->signals, .events = POLLIN },
        { .fd = sim->control, .events = POLLIN },
        { .fd = sim->pty.fd, .events = POLLIN },
    };
    struct timespec wait;

    if (ppoll(fds, 3, patience(sim, &wait), NULL) < 0 || fds[0].revents)
        return false;
    if (fds[2].revents & POLLIN)
        read_port(sim);
    if (fds[1].revents)
        ctl_serve(sim->control, handle, sim);
    if (sim->back_us && clock_boot_us() >= sim->back_us && come_back(sim) < 0)
        return false;
    if (sim->take_us && clock_boot_us() >= sim->take_us)
        take_tapped(sim);
    send_answer(sim);
    return true;
}

static int open_signals(void)
{
    sigset_t signals;

    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    signal(SIGPIPE, SIG_IGN);
    if (sigprocmask(SIG_BLOCK, &signals, NULL) < 0)
        return -1;
    return signalfd(-1, &signals, SFD_CLOEXEC);
}

static void print_usage(FILE *out)
{
    fputs("usage: sim-pn532 --port LINK [--control SOCKET] [--timing]\n"
          "       sim-pn532 ctl SOCKET COMMAND …\n\n"
          "  --port LINK       the serial port, as a symbolic link to a pseudo-terminal\n"
          "  --control SOCKET  where commands are taken\n"
          "  --timing          characters and air take the time that they really take\n\n"
          "commands:\n",
          out);
    for (size_t i = 0; i < VERBS; i++)
        fprintf(out, "  %s\n", verbs[i].syntax);
}

static int run(const char *port, const char *control, bool timing)
{
    static struct sim sim = { .pty = PTY_INIT, .control = -1 };

    sim.port = port;
    sim.line_in = sim.line_out = (struct pty_line){ .baud = timing ? BAUD : 0, .char_bits = CHAR_BITS };
    pn532_chip_init(&sim.chip, timing);
    sim.signals = open_signals();
    int r = pty_open(&sim.pty, port);

    if (r == 0 && control) {
        sim.control = ctl_listen(control);
        r = sim.control < 0 ? sim.control : 0;
    }
    if (r < 0 || sim.signals < 0) {
        fprintf(stderr, "sim-pn532: %s: %s\n", port, strerror(-r));
        return EXIT_FAILURE;
    }
    tell("ready %s", port);
    while (turn(&sim))
        continue;
    if (control)
        unlink(control);
    pty_close(&sim.pty);
    return EXIT_SUCCESS;
}

int main(int argc, char *argv[])
{
    static const struct option options[] = {
        { "port", required_argument, NULL, 'p' },
        { "control", required_argument, NULL, 'c' },
        { "timing", no_argument, NULL, 't' },
        { "help", no_argument, NULL, 'h' },
        { NULL, 0, NULL, 0 },
    };
    const char *control = NULL;
    const char *port = NULL;
    bool timing = false;

    if (argc >= 4 && strcmp(argv[1], "ctl") == 0)
        return ctl_main(argv[2], argc - 3, argv + 3);
    for (int option; (option = getopt_long(argc, argv, "h", options, NULL)) != -1;) {
        if (option == 'p')
            port = optarg;
        else if (option == 'c')
            control = optarg;
        else if (option == 't')
            timing = true;
        else {
            print_usage(option == 'h' ? stdout : stderr);
            return option == 'h' ? EXIT_SUCCESS : 2;
        }
    }
    if (!port || optind < argc) {
        print_usage(stderr);
        return 2;
    }
    return run(port, control, timing);
}
