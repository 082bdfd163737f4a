/* SPDX-License-Identifier: GPL-3.0-or-later */
/* main.c: stiled's command line. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "gateway/base/log.h"
#include "gateway/daemon/daemon.h"
#include "gateway/simulate/simulate.h"

/* The configuration is wrong: systemd's EX_CONFIG, not worth a restart. */
#define EXIT_CONFIG 78

static const char usage[] =
    "usage: stiled [--config FILE] [--verbose]           run the gateway\n"
    "       stiled [--config FILE] --check-config        look for mistakes in the configuration\n"
    "       stiled [--config FILE] --show-config         say what is in effect\n"
    "       stiled simulate --policy FILE --script FILE  decide without hardware\n"
    "       stiled --version | --help\n";

struct arguments {
    const char *config;
    int level;
    bool check;
    bool show;
};

/* Returns -1, or the status to exit with at once. */
static int parse_arguments(int argc, char *argv[], struct arguments *ret)
{
    static const struct option options[] = {
        { "config", required_argument, NULL, 'c' },
        { "check-config", no_argument, NULL, 'C' },
        { "show-config", no_argument, NULL, 'S' },
        { "verbose", no_argument, NULL, 'v' },
        { "version", no_argument, NULL, 'V' },
        { "help", no_argument, NULL, 'h' },
        { NULL, 0, NULL, 0 },
    };

    for (int option; (option = getopt_long(argc, argv, "c:vhV", options, NULL)) != -1;) {
        switch (option) {
        case 'c':
            ret->config = optarg;
            break;
        case 'C':
            ret->check = true;
            break;
        case 'S':
            ret->show = true;
            break;
        case 'v':
            ret->level = LOG_DEBUG;
            break;
        case 'V':
            puts("stiled " STILE_VERSION);
            return EXIT_SUCCESS;
        case 'h':
            fputs(usage, stdout);
            return EXIT_SUCCESS;
        default:
            fputs(usage, stderr);
            return 2;
        }
    }
    if (optind == argc)
        return -1;
    fputs(usage, stderr);
    return 2;
}

static int check_or_show(const struct config *config, const struct arguments *arguments,
                         struct text *problems)
{
    cleanup_with(text_finish) struct text out = TEXT_INIT, warnings = TEXT_INIT;

    if (arguments->show) {
        config_show(config, &out);
        fputs(text_string(&out), stdout);
    }
    int r = arguments->check ? config_check(config, problems) : 0;

    if (arguments->check)
        config_warn(config, &warnings);
    fputs(text_string(problems), stderr);
    fputs(text_string(&warnings), stderr);
    if (arguments->check && r == 0)
        printf("%s: no mistakes found\n", config->path);
    return r == 0 ? EXIT_SUCCESS : EXIT_CONFIG;
}

int main(int argc, char *argv[])
{
    struct arguments arguments = { .config = CONFIG_PATH_DEFAULT, .level = LOG_INFO };
    cleanup_with(text_finish) struct text problems = TEXT_INIT;
    struct config config = { 0 };

    if (argc > 1 && strcmp(argv[1], "simulate") == 0)
        return simulate_main(argc - 1, argv + 1);
    int status = parse_arguments(argc, argv, &arguments);

    if (status >= 0)
        return status;
    log_init("stiled", arguments.level);
    if (config_load(arguments.config, &config, &problems) < 0) {
        fputs(text_string(&problems), stderr);
        return EXIT_CONFIG;
    }
    if (!arguments.check && !arguments.show)
        return daemon_run(&config);
    status = check_or_show(&config, &arguments, &problems);
    config_finish(&config);
    return status;
}
