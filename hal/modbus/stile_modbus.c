/* SPDX-License-Identifier: GPL-3.0-or-later */
/* stile_modbus.c: the program: arguments, and the driver's loop. */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "gateway/base/log.h"
#include "hal/driver.h"
#include "hal/modbus/modbus_driver.h"
#include "hal/modbus/modbus_profile.h"

static void print_help(void)
{
    puts("stile-modbus: the driver for turnstile controllers, relays and barriers on Modbus RTU and TCP.\n"
         "It speaks JSON lines on standard input and output (hal/README.md).\n"
         "\n"
         "  --profiles DIR   where the profiles are; default: $STILE_PROFILES, then " STILE_PROFILES "\n"
         "  --check FILE     only check a profile\n"
         "  --version\n"
         "  --help");
}

static int check_profile(const char *path)
{
    cleanup_with(text_finish) struct text problem = TEXT_INIT;
    struct modbus_profile profile;

    if (modbus_profile_load(path, &profile, &problem) < 0) {
        fprintf(stderr, "%s\n", text_string(&problem));
        return 1;
    }
    printf("%s: profile %s can be used\n", path, profile.name);
    return 0;
}

static void driverp(struct modbus_driver **modbus)
{
    modbus_driver_free(*modbus);
}

static int run(const char *profiles)
{
    cleanup_with(driverp) struct modbus_driver *modbus = NULL;
    int r = modbus_driver_new(profiles, &modbus);

    if (r < 0) {
        log_error("modbus", "cannot start: %s", strerror(-r));
        return 1;
    }
    r = driver_run(&modbus_driver_ops, modbus);
    modbus_driver_leave(modbus);
    return r;
}

int main(int argc, char *argv[])
{
    static const struct option options[] = {
        { "profiles", required_argument, NULL, 'p' },
        { "check", required_argument, NULL, 'c' },
        { "version", no_argument, NULL, 'V' },
        { "help", no_argument, NULL, 'h' },
        { 0 },
    };
    const char *profiles = getenv("STILE_PROFILES") ?: STILE_PROFILES;

    for (int option; (option = getopt_long(argc, argv, "h", options, NULL)) >= 0;) {
        if (option == 'p') {
            profiles = optarg;
        } else if (option == 'c') {
            return check_profile(optarg);
        } else if (option == 'V') {
            puts("stile-modbus " STILE_VERSION);
            return 0;
        } else {
            print_help();
            return option == 'h' ? 0 : 2;
        }
    }
    log_init("stile-modbus", LOG_INFO);
    signal(SIGPIPE, SIG_IGN);
    return run(profiles);
}
