/* SPDX-License-Identifier: GPL-3.0-or-later */
/* lock_main.c: sim-lock, a Nuki-compatible door lock to play with: on a Bluetooth adapter of the kernel, or
 * on a socket that it was given.
 *
 * Standard output begins with "ready" and its address; then comes one line for each thing that happens, with
 * the boot time in microseconds before it.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <time.h>

#include "gateway/base/bytes.h"
#include "gateway/base/clock.h"
#include "tools/sim/ctl.h"
#include "tools/sim/lock_command.h"
#include "tools/sim/lock_device.h"
#include "tools/sim/lock_radio.h"

#define ID_DEFAULT 0x1a2b3c4du

struct options {
    const char *adapter; /* NULL: a descriptor */
    const char *control; /* NULL: none */
    int fd;              /* -1: an adapter */
    uint32_t id;         /* 0: of the adapter's address */
    unsigned interval_ms;
};

struct sim {
    struct lock_device device;
    struct lock_radio radio;
    struct lock_advert advert; /* on air; no bytes: none */
    int link;
    int control;
    int signals;
};

static void print_note(void *userdata, const char *line)
{
    printf("%" PRId64 " %s\n", clock_boot_us(), line);
}

/* Small enough that the kernel gives it whole. */
static void fill_random(void *userdata, uint8_t ret_bytes[], size_t len)
{
    if (getrandom(ret_bytes, len, 0) != (ssize_t)len)
        abort();
}

static void send_pdu(void *userdata, const uint8_t pdu[], size_t len)
{
    struct sim *sim = userdata;

    if (send(sim->link, pdu, len, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
        print_note(NULL, "unsent");
}

static void end_link(struct sim *sim)
{
    lock_radio_drop(&sim->radio, sim->link);
    sim->link = -1;
    lock_device_disconnect(&sim->device, clock_boot_us());
}

/* A PDU may be empty, so that no bytes are not yet an end. */
static void read_link(struct sim *sim, short events)
{
    uint8_t pdu[ATT_MTU_MAX + 1];
    ssize_t len = recv(sim->link, pdu, sizeof(pdu), MSG_DONTWAIT);

    if (len > 0 || (len == 0 && !(events & (POLLHUP | POLLERR))))
        lock_device_receive(&sim->device, clock_boot_us(), pdu, (size_t)len);
    else if (len == 0 || errno != EAGAIN)
        end_link(sim);
}

/* A second client finds the lock taken. */
static void take_link(struct sim *sim)
{
    int fd = lock_radio_accept(&sim->radio);

    if (fd < 0)
        return;
    if (sim->link >= 0 || sim->device.gone_until_us) {
        lock_radio_drop(&sim->radio, fd);
        return;
    }
    sim->link = fd;
    lock_device_connect(&sim->device, clock_boot_us());
}

/* What is on air is what the lock says now. */
static void update_advert(struct sim *sim)
{
    struct lock_advert advert = { 0 };
    bool on = lock_device_advert(&sim->device, &advert);

    if (sim->radio.mgmt < 0 || memcmp(&advert, &sim->advert, sizeof(advert)) == 0)
        return;
    sim->advert = advert;
    if (on)
        lock_radio_advertise(&sim->radio, &advert);
    else
        lock_radio_hush(&sim->radio);
}

/* NULL: for ever. */
static const struct timespec *patience(int64_t due_us, struct timespec *ret)
{
    int64_t wait = due_us - clock_boot_us();

    if (due_us == INT64_MAX)
        return NULL;
    if (wait < 0)
        wait = 0;
    *ret = (struct timespec){ .tv_sec = wait / USEC_PER_SEC, .tv_nsec = wait % USEC_PER_SEC * 1000 };
    return ret;
}

/* One turn; false: told to stop, or the only link has ended. */
static bool turn(struct sim *sim)
{
    struct pollfd fds[] = {
        { .fd = sim->signals, .events = POLLIN },    { .fd = sim->control, .events = POLLIN },
        { .fd = sim->link, .events = POLLIN },       { .fd = sim->radio.listen, .events = POLLIN },
        { .fd = sim->radio.mgmt, .events = POLLIN },
    };
    struct timespec wait;
    int64_t due_us = lock_device_turn(&sim->device, clock_boot_us());

    if (sim->device.dropping)
        end_link(sim);
    update_advert(sim);
    if (sim->link < 0 && sim->radio.listen < 0)
        return false;
    fds[2].fd = sim->link;
    if (ppoll(fds, sizeof(fds) / sizeof(fds[0]), patience(due_us, &wait), NULL) < 0 || fds[0].revents)
        return false;
    if (fds[2].revents)
        read_link(sim, fds[2].revents);
    if (fds[3].revents)
        take_link(sim);
    if (fds[4].revents && lock_radio_read(&sim->radio) < 0)
        print_note(NULL, "the adapter does not advertise");
    if (fds[1].revents)
        ctl_serve(sim->control, lock_command_handle, &sim->device);
    return true;
}

static int open_signals(void)
{
    sigset_t signals;

    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    signal(SIGPIPE, SIG_IGN);
    return sigprocmask(SIG_BLOCK, &signals, NULL) < 0 ? -1 : signalfd(-1, &signals, SFD_CLOEXEC);
}

/* The lock's number is the end of its address, as the maker's are. */
static uint32_t id_of(const struct sim *sim, const struct options *options)
{
    const uint8_t *bytes = sim->radio.address.bytes;

    if (options->id)
        return options->id;
    return options->adapter ? bytes_get_u32(bytes) : ID_DEFAULT;
}

static int open_sim(struct sim *sim, const struct options *options)
{
    int r = options->adapter ? lock_radio_open(&sim->radio, options->adapter, options->interval_ms) : 0;

    if (r == 0 && options->control) {
        sim->control = ctl_listen(options->control);
        r = sim->control < 0 ? sim->control : 0;
    }
    sim->link = options->fd;
    sim->signals = open_signals();
    return r == 0 && sim->signals < 0 ? -errno : r;
}

static int run(const struct options *options)
{
    static struct sim sim = { .radio = LOCK_RADIO_INIT, .link = -1, .control = -1, .signals = -1 };
    const struct timestamp now = clock_now();
    const struct lock_device_user user = { send_pdu, print_note, fill_random, &sim };
    char address[BLE_ADDRESS_TEXT_SIZE];
    int r = open_sim(&sim, options);

    if (r < 0) {
        fprintf(stderr, "sim-lock: %s\n", strerror(-r));
        return EXIT_FAILURE;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    lock_device_init(&sim.device, id_of(&sim, options), now.boot_us, now.utc_us, &user);
    ble_address_format(&sim.radio.address, address);
    printf("%" PRId64 " ready %s\n", clock_boot_us(), options->adapter ? address : "socket");
    if (sim.link >= 0)
        lock_device_connect(&sim.device, clock_boot_us());
    while (turn(&sim))
        continue;
    lock_radio_close(&sim.radio);
    if (options->control)
        unlink(options->control);
    return EXIT_SUCCESS;
}

static void print_usage(FILE *out)
{
    fputs("usage: sim-lock --adapter HCI | --fd N [--id HEX] [--interval MS] [--control SOCKET]\n"
          "       sim-lock ctl SOCKET COMMAND\n\n"
          "  --adapter HCI     a Bluetooth adapter that bluetoothd leaves alone: hci1\n"
          "  --fd N            a socket of sequential packets instead, each of them a PDU of ATT\n"
          "  --id HEX          the lock's number; without it, the end of the adapter's address\n"
          "  --interval MS     from one advertisement to the next [100]\n"
          "  --control SOCKET  where commands are taken\n\n"
          "commands:\n",
          out);
    lock_command_help(out);
}

static bool take_number(const char *word, int base, unsigned long max, unsigned long *ret_value)
{
    char *end;

    errno = 0;
    *ret_value = strtoul(word, &end, base);
    return *word != '\0' && *word != '-' && *end == '\0' && errno == 0 && *ret_value <= max;
}

static bool take_option(int option, struct options *options)
{
    unsigned long number = 0;
    bool good = true;

    if (option == 'a')
        options->adapter = optarg;
    else if (option == 'c')
        options->control = optarg;
    else if (option == 'f') {
        good = take_number(optarg, 10, INT32_MAX, &number);
        options->fd = (int)number;
    } else if (option == 'i') {
        good = take_number(optarg, 16, UINT32_MAX, &number);
        options->id = (uint32_t)number;
    } else if (option == 'm') {
        good = take_number(optarg, 10, LOCK_RADIO_INTERVAL_MS_MAX, &number) &&
               number >= LOCK_RADIO_INTERVAL_MS_MIN;
        options->interval_ms = (unsigned)number;
    } else
        good = false;
    return good;
}

int main(int argc, char *argv[])
{
    static const struct option longs[] = {
        { "adapter", required_argument, NULL, 'a' },
        { "control", required_argument, NULL, 'c' },
        { "fd", required_argument, NULL, 'f' },
        { "id", required_argument, NULL, 'i' },
        { "interval", required_argument, NULL, 'm' },
        { "help", no_argument, NULL, 'h' },
        { 0 },
    };
    struct options options = { .fd = -1, .interval_ms = LOCK_RADIO_INTERVAL_MS };
    bool good = true;

    if (argc >= 4 && strcmp(argv[1], "ctl") == 0)
        return ctl_main(argv[2], argc - 3, argv + 3);
    for (int option; good && (option = getopt_long(argc, argv, "h", longs, NULL)) != -1;) {
        if (option == 'h') {
            print_usage(stdout);
            return EXIT_SUCCESS;
        }
        good = take_option(option, &options);
    }
    if (!good || optind < argc || (options.adapter != NULL) == (options.fd >= 0)) {
        print_usage(stderr);
        return 2;
    }
    return run(&options);
}
