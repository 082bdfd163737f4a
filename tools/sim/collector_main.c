/* SPDX-License-Identifier: GPL-3.0-or-later */
/* collector_main.c: sim-collector, a turnstile's controller to play with.
 *
 * Standard output begins with the line that tells where it listens (the TCP port's number, or the serial
 * port's path); then comes one line for each thing that happens, with the boot time in microseconds before
 * it.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>

#include "gateway/base/clock.h"
#include "tools/sim/collector.h"
#include "tools/sim/collector_port.h"
#include "tools/sim/ctl.h"

#define BAUD_DEFAULT 19200

struct sim {
    struct collector collector;
    struct collector_port *port;
    const char *control; /* path of the control socket; NULL: none */
    int control_fd;
    int signal_fd;
};

struct options {
    struct collector_port_config port;
    const char *control;
    int64_t auto_pass_ms;
};

static void print_help(void)
{
    puts("sim-collector: a two-way turnstile's controller on Modbus, and the people before it.\n"
         "\n"
         "sim-collector [options]\n"
         "  --tcp PORT         listen on 127.0.0.1; 0, the default: any free port\n"
         "  --rtu LINK         a serial port instead: a pseudo-terminal that LINK leads to\n"
         "  --unit N           [1]\n"
         "  --baud N           speed for --baud-timing [19200]\n"
         "  --baud-timing      characters take the time they take on a line (RTU)\n"
         "  --auto pass:MS     people pass by themselves, MS after a release\n"
         "  --control SOCKET   where `ctl` finds it\n"
         "\n"
         "sim-collector ctl SOCKET COMMAND\n"
         "  present SIDE HEX   a card is presented; SIDE is in or out\n"
         "  pass SIDE          a person goes through\n"
         "  hesitate SIDE      the person waits until the release is over\n"
         "  turn-back SIDE     the person turns round\n"
         "  tamper on|off      fire on|off      restart\n"
         "  silent N [coil]    the next N requests are carried out and not answered; coil: those that\n"
         "                     write a coil\n"
         "  deaf N [coil]      ... are not even heard      garbage N [coil]   ... are answered with garbage\n"
         "  late MS N [coil]   ... are answered late       wrong-echo N [coil]  ... as for another address\n"
         "  refuse N [coil]    ... are answered with an exception\n"
         "  drop               the TCP connection ends\n"
         "  port gone MS       the port goes away for so long");
}

static void print_note(void *userdata, int64_t now_us, const char *line)
{
    printf("%" PRId64 " %s\n", now_us, line);
}

static bool parse_number(const char *word, int64_t max, int64_t *ret_value)
{
    char *end;

    if (!word || *word < '0' || *word > '9')
        return false;
    errno = 0;
    int64_t value = strtoll(word, &end, 10);

    if (*end != '\0' || errno != 0 || value > max)
        return false;
    *ret_value = value;
    return true;
}

static bool parse_side(const char *word, size_t *ret_side)
{
    if (!word || (strcmp(word, "in") != 0 && strcmp(word, "out") != 0))
        return false;
    *ret_side = strcmp(word, "out") == 0;
    return true;
}

static bool parse_switch(const char *word, bool *ret_on)
{
    if (!word || (strcmp(word, "on") != 0 && strcmp(word, "off") != 0))
        return false;
    *ret_on = strcmp(word, "on") == 0;
    return true;
}

/* Hex of either case. */
static bool parse_card(const char *word, uint8_t ret_card[static COLLECTOR_CARD_BYTES_MAX], size_t *ret_len)
{
    size_t digits = word ? strlen(word) : 0;

    if (digits == 0 || digits % 2 != 0 || digits > 2 * COLLECTOR_CARD_BYTES_MAX ||
        strspn(word, "0123456789abcdefABCDEF") != digits)
        return false;
    for (size_t i = 0; i < digits / 2; i++)
        ret_card[i] = (uint8_t)strtoul((char[]){ word[2 * i], word[2 * i + 1], '\0' }, NULL, 16);
    *ret_len = digits / 2;
    return true;
}

/* The commands. argv[0] is the command's word; behind the last one is NULL. Each returns NULL or what is
 * wrong. */
static const char *do_present(struct sim *sim, char *argv[])
{
    uint8_t card[COLLECTOR_CARD_BYTES_MAX];
    size_t side, len;

    if (!parse_side(argv[1], &side) || !parse_card(argv[2], card, &len))
        return "present in|out HEX, 1 to 16 bytes";
    return collector_present(&sim->collector, clock_boot_us(), side, card, len) < 0
               ? "the slot still holds a card"
               : NULL;
}

static const char *do_pass(struct sim *sim, char *argv[])
{
    size_t side;

    if (!parse_side(argv[1], &side))
        return "pass in|out";
    return collector_pass(&sim->collector, clock_boot_us(), side) < 0 ? "it is locked" : NULL;
}

static const char *do_hesitate(struct sim *sim, char *argv[])
{
    size_t side;

    if (!parse_side(argv[1], &side))
        return "hesitate in|out";
    collector_hesitate(&sim->collector, clock_boot_us(), side);
    return NULL;
}

static const char *do_turn_back(struct sim *sim, char *argv[])
{
    size_t side;

    if (!parse_side(argv[1], &side))
        return "turn-back in|out";
    collector_turn_back(&sim->collector, clock_boot_us(), side);
    return NULL;
}

static const char *do_tamper(struct sim *sim, char *argv[])
{
    bool on;

    if (!parse_switch(argv[1], &on))
        return "tamper on|off";
    collector_set_tamper(&sim->collector, clock_boot_us(), on);
    return NULL;
}

static const char *do_fire(struct sim *sim, char *argv[])
{
    bool on;

    if (!parse_switch(argv[1], &on))
        return "fire on|off";
    collector_set_fire(&sim->collector, clock_boot_us(), on);
    return NULL;
}

static const char *do_restart(struct sim *sim, char *argv[])
{
    collector_restart(&sim->collector, clock_boot_us());
    return NULL;
}

static const char *plan_fault(struct sim *sim, enum collector_fault fault, int64_t late_ms, char *words[])
{
    struct collector_fault_plan plan = { .fault = fault, .late_ms = late_ms };
    int64_t count;

    if (!parse_number(words[0], UINT16_MAX, &count) || (words[1] && strcmp(words[1], "coil") != 0))
        return "needs a number of requests, and `coil` at most";
    plan.count = (unsigned)count;
    plan.only_coil = words[1] != NULL;
    collector_port_plan(sim->port, &plan);
    return NULL;
}

static const char *do_silent(struct sim *sim, char *argv[])
{
    return plan_fault(sim, COLLECTOR_FAULT_SILENT, 0, argv + 1);
}

static const char *do_deaf(struct sim *sim, char *argv[])
{
    return plan_fault(sim, COLLECTOR_FAULT_DEAF, 0, argv + 1);
}

static const char *do_refuse(struct sim *sim, char *argv[])
{
    return plan_fault(sim, COLLECTOR_FAULT_REFUSE, 0, argv + 1);
}

static const char *do_garbage(struct sim *sim, char *argv[])
{
    return plan_fault(sim, COLLECTOR_FAULT_GARBAGE, 0, argv + 1);
}

static const char *do_wrong_echo(struct sim *sim, char *argv[])
{
    return plan_fault(sim, COLLECTOR_FAULT_WRONG_ECHO, 0, argv + 1);
}

static const char *do_late(struct sim *sim, char *argv[])
{
    int64_t ms;

    return parse_number(argv[1], UINT16_MAX, &ms) ? plan_fault(sim, COLLECTOR_FAULT_LATE, ms, argv + 2)
                                                  : "late MS N [coil]";
}

static const char *do_drop(struct sim *sim, char *argv[])
{
    return collector_port_drop(sim->port) < 0 ? "nobody is connected" : NULL;
}

static const char *do_port(struct sim *sim, char *argv[])
{
    int64_t ms;

    if (!argv[1] || strcmp(argv[1], "gone") != 0 || !parse_number(argv[2], UINT32_MAX, &ms))
        return "port gone MS";
    collector_port_go(sim->port, clock_boot_us() + ms * USEC_PER_MSEC);
    return NULL;
}

static const struct {
    const char *name;
    const char *(*run)(struct sim *sim, char *argv[]);
} commands[] = {
    { "deaf", do_deaf },       { "drop", do_drop },           { "fire", do_fire },
    { "garbage", do_garbage }, { "hesitate", do_hesitate },   { "late", do_late },
    { "pass", do_pass },       { "port", do_port },           { "present", do_present },
    { "refuse", do_refuse },   { "restart", do_restart },     { "silent", do_silent },
    { "tamper", do_tamper },   { "turn-back", do_turn_back }, { "wrong-echo", do_wrong_echo },
};

static void handle(void *userdata, int argc, char *argv[], char reply[static CTL_REPLY_SIZE])
{
    const char *problem = "no such command";

    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
        if (argc > 0 && strcmp(commands[i].name, argv[0]) == 0)
            problem = commands[i].run(userdata, argv);
    snprintf(reply, CTL_REPLY_SIZE, "%s%s", problem ? "error: " : "ok", problem ? problem : "");
}

static int wait_ms(int64_t until_us)
{
    int64_t left_us = until_us - clock_boot_us();

    if (until_us == INT64_MAX)
        return -1;
    return left_us <= 0 ? 0 : (int)((left_us + USEC_PER_MSEC - 1) / USEC_PER_MSEC);
}

static void run(struct sim *sim)
{
    struct pollfd fds[4] = {
        { .fd = sim->signal_fd, .events = POLLIN },
        { .fd = sim->control_fd, .events = POLLIN },
        { .events = POLLIN },
        { .events = POLLIN },
    };
    int port_fds[2];

    while (!(fds[0].revents & POLLIN)) {
        int64_t now_us = clock_boot_us();
        int64_t people_us = collector_turn(&sim->collector, now_us);
        int64_t port_us = collector_port_turn(sim->port, now_us);

        collector_port_fds(sim->port, port_fds);
        fds[2].fd = port_fds[0];
        fds[3].fd = port_fds[1];
        if (poll(fds, 4, wait_ms(people_us < port_us ? people_us : port_us)) > 0 && fds[1].revents & POLLIN)
            ctl_serve(sim->control_fd, handle, sim);
    }
}

static int open_control(struct sim *sim, const char *path)
{
    int fd = ctl_listen(path);

    if (fd < 0)
        return fd;
    sim->control = path;
    sim->control_fd = fd;
    return 0;
}

static void simp(struct sim *sim)
{
    collector_port_free(sim->port);
    closep(&sim->control_fd);
    closep(&sim->signal_fd);
    if (sim->control)
        unlink(sim->control);
}

static int serve(const struct options *options)
{
    cleanup_with(simp) struct sim sim = { .control_fd = -1, .signal_fd = -1 };
    char name[256];
    sigset_t signals;

    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    signal(SIGPIPE, SIG_IGN);
    setvbuf(stdout, NULL, _IOLBF, 0);
    sim.signal_fd = signalfd(-1, &signals, SFD_CLOEXEC);
    collector_init(&sim.collector, options->auto_pass_ms, print_note, NULL);
    int r = sim.signal_fd < 0 ? -errno : collector_port_new(&options->port, &sim.collector, &sim.port);

    if (r == 0 && options->control)
        r = open_control(&sim, options->control);
    if (r < 0) {
        fprintf(stderr, "sim-collector: %s\n", strerror(-r));
        return 1;
    }
    collector_port_name(sim.port, name, sizeof(name));
    puts(name);
    run(&sim);
    return 0;
}

enum { OPTION_TCP = 256, OPTION_RTU, OPTION_UNIT, OPTION_BAUD, OPTION_TIMING, OPTION_AUTO, OPTION_CONTROL };

static bool take_auto(const char *word, int64_t *ret_ms)
{
    return strncmp(word, "pass:", 5) == 0 && parse_number(word + 5, UINT32_MAX, ret_ms);
}

static bool parse_options(int argc, char *argv[], struct options *options)
{
    static const struct option longs[] = {
        { "tcp", required_argument, NULL, OPTION_TCP },
        { "rtu", required_argument, NULL, OPTION_RTU },
        { "unit", required_argument, NULL, OPTION_UNIT },
        { "baud", required_argument, NULL, OPTION_BAUD },
        { "baud-timing", no_argument, NULL, OPTION_TIMING },
        { "auto", required_argument, NULL, OPTION_AUTO },
        { "control", required_argument, NULL, OPTION_CONTROL },
        { 0 },
    };
    int64_t tcp = 0, unit = 1, baud = BAUD_DEFAULT;
    bool good = true, timing = false;

    for (int option; good && (option = getopt_long(argc, argv, "h", longs, NULL)) >= 0;) {
        if (option == OPTION_TCP)
            good = parse_number(optarg, UINT16_MAX, &tcp);
        else if (option == OPTION_RTU)
            options->port.rtu = optarg;
        else if (option == OPTION_UNIT)
            good = parse_number(optarg, 247, &unit) && unit > 0;
        else if (option == OPTION_BAUD)
            good = parse_number(optarg, 1000000, &baud) && baud >= 300;
        else if (option == OPTION_TIMING)
            timing = true;
        else if (option == OPTION_AUTO)
            good = take_auto(optarg, &options->auto_pass_ms);
        else if (option == OPTION_CONTROL)
            options->control = optarg;
        else
            good = false;
    }
    options->port.tcp_port = (uint16_t)tcp;
    options->port.unit = (uint8_t)unit;
    options->port.baud = timing ? baud : 0;
    return good && optind == argc;
}

int main(int argc, char *argv[])
{
    struct options options = { .auto_pass_ms = -1 };

    if (argc >= 3 && strcmp(argv[1], "ctl") == 0)
        return ctl_main(argv[2], argc - 3, argv + 3);
    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        print_help();
        return 0;
    }
    if (!parse_options(argc, argv, &options)) {
        print_help();
        return 2;
    }
    return serve(&options);
}
