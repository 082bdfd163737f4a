/* SPDX-License-Identifier: GPL-3.0-or-later */
/* main.c: stile-cloud, the reference cloud peer: a table row for each command. */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>

#include "gateway/base/file.h"
#include "gateway/base/log.h"
#include "tools/stile-cloud/arguments.h"
#include "tools/stile-cloud/command.h"
#include "tools/stile-cloud/feed.h"
#include "tools/stile-cloud/import.h"
#include "tools/stile-cloud/journal.h"
#include "tools/stile-cloud/key_command.h"
#include "tools/stile-cloud/serve.h"
#include "tools/stile-cloud/verify.h"

#define PASSWORD_BYTES_MAX 1024

/* How long --follow waits before it looks anyway. */
#define FOLLOW_TICK_MS 1000

enum exit_status { EXIT_DONE = 0, EXIT_FAULT = 1, EXIT_USAGE = 2, EXIT_NO = 3, EXIT_UNKNOWN = 4 };

struct command {
    const char *name;
    const char *syntax;
    const char *help;
    int words_min;
    int words_max;
    enum exit_status (*run)(struct site *site, const struct arguments *arguments);
};

static enum exit_status fail(const struct site *site, const char *what, int r)
{
    const char *text = site ? site_text(site) : "";

    fprintf(stderr, "stile-cloud: %s: %s%s%s\n", what, strerror(-r), text[0] ? ": " : "", text);
    return EXIT_FAULT;
}

static enum exit_status print_policy(const struct site *site, bool changed)
{
    printf("%s%" PRId64 ".%" PRId64 "\n", changed ? "policy " : "nothing new, policy ",
           site->policy.generation, site->policy.version);
    return EXIT_DONE;
}

/* Ends an import: all of it, or nothing and why. */
static enum exit_status finish_import(struct site *site, struct import *import, int r)
{
    bool changed = false;

    if (r == 0 && import->problems)
        r = -EBADMSG;
    r = stage_end(import->stage, r, &changed);
    fputs(text_string(&import->text), stderr);
    text_finish(&import->text);
    if (r == -EBADMSG) {
        fputs("stile-cloud: nothing was taken\n", stderr);
        return EXIT_USAGE;
    }
    if (r < 0)
        return fail(site, "import", r);
    printf("%" PRId64 " items, ", import->items);
    return print_policy(site, changed);
}

static enum exit_status run_import(struct site *site, const struct arguments *arguments)
{
    struct stage stage;
    struct import import = { .stage = &stage, .unchecked = arguments->unchecked };
    int r = stage_begin(site, &stage);

    if (r < 0)
        return fail(site, "import", r);
    for (int i = 0; i < arguments->count && r == 0; i++)
        r = import_file(&import, arguments->words[i]);
    return finish_import(site, &import, r);
}

static enum exit_status run_put(struct site *site, const struct arguments *arguments)
{
    struct stage stage;
    struct import import = { .stage = &stage, .unchecked = arguments->unchecked };
    const char *kind = arguments->words[0];
    int r = stage_begin(site, &stage);

    if (r < 0)
        return fail(site, "put", r);
    return finish_import(site, &import, import_item(&import, kind, kind, arguments->words[1]));
}

/* What is not there is not taken for deleted: the name may be a slip. */
static enum exit_status run_del(struct site *site, const struct arguments *arguments)
{
    const char *kind = arguments->words[0];
    const char *id = arguments->words[1];
    struct feed_change change;
    int r = feed_change_begin(site, &change);

    if (r < 0)
        return fail(site, "del", r);
    r = feed_change_end(&change, feed_change_del(&change, kind, id));
    if (r == -ENOENT) {
        fprintf(stderr, "stile-cloud: there is no %s \"%s\"\n", kind, id);
        return EXIT_USAGE;
    }
    return r < 0 ? fail(site, "del", r) : print_policy(site, true);
}

/* "host:port" or "[v6]:port". */
static bool take_broker(const char *broker, char *ret_host, size_t size, int *ret_port)
{
    const char *colon = strrchr(broker, ':');
    char *end;

    if (!colon || (size_t)(colon - broker) >= size)
        return false;
    long port = strtol(colon + 1, &end, 10);
    bool bracketed = broker[0] == '[' && colon > broker + 1 && colon[-1] == ']';

    snprintf(ret_host, size, "%.*s", (int)(colon - broker) - 2 * bracketed, broker + bracketed);
    *ret_port = (int)port;
    return ret_host[0] && colon[1] && *end == '\0' && port > 0 && port < 65536;
}

/* *ret is the caller's to free, NULL if no file is named. Returns EXIT_DONE or what to exit with. */
static enum exit_status take_password(const struct arguments *arguments, char **ret)
{
    size_t len;
    int r = arguments->password_file ? file_read(arguments->password_file, PASSWORD_BYTES_MAX, ret, &len) : 0;

    if (r < 0)
        return fail(NULL, arguments->password_file, r);
    if (*ret)
        (*ret)[strcspn(*ret, "\n")] = '\0';
    return EXIT_DONE;
}

static enum exit_status take_tls(const struct arguments *arguments, const char *host, struct tls **ret)
{
    const struct tls_options options = {
        .host = host,
        .ca_file = arguments->ca_file,
        .cert_file = arguments->cert_file,
        .key_file = arguments->key,
    };
    char reason[TLS_REASON_SIZE];

    if (!arguments->cert_file != !arguments->key || (arguments->cert_file && !arguments->ca_file)) {
        fputs("stile-cloud: --cert and --key belong together, and to --ca\n", stderr);
        return EXIT_USAGE;
    }
    int r = arguments->ca_file ? tls_new(&options, reason, ret) : 0;

    if (r == -EBADMSG)
        fprintf(stderr, "stile-cloud: %s\n", reason);
    else if (r < 0)
        fail(NULL, "TLS", r);
    return r < 0 ? EXIT_FAULT : EXIT_DONE;
}

static enum exit_status serve_with(struct site *site, const struct serve_options *options)
{
    int r = serve(site, options);

    if (r == -EWOULDBLOCK) {
        fputs("stile-cloud: another process serves this site\n", stderr);
        return EXIT_FAULT;
    }
    return r < 0 ? fail(NULL, "serve", r) : EXIT_DONE;
}

static enum exit_status run_serve(struct site *site, const struct arguments *arguments)
{
    cleanup_with(freep) char *password = NULL;
    char host[256];
    struct serve_options options = { .host = host, .username = arguments->username };

    if (!take_broker(arguments->broker ? arguments->broker : "localhost:1883", host, sizeof(host),
                     &options.port)) {
        fprintf(stderr, "stile-cloud: --broker: must be HOST:PORT\n");
        return EXIT_USAGE;
    }
    enum exit_status status = take_password(arguments, &password);

    options.password = password;
    if (status == EXIT_DONE)
        status = take_tls(arguments, host, &options.tls);
    if (status == EXIT_DONE)
        status = serve_with(site, &options);
    tls_free(options.tls);
    return status;
}

/* Prints what there is. Nothing of the database is held meanwhile: the reader may be a person. */
static int print_events(struct site *site, struct journal_query *query)
{
    cleanup_with(text_finish) struct text text = TEXT_INIT;
    int r;

    do {
        text_reset(&text);
        r = journal_read(site, query, &text);
        fputs(text_string(&text), stdout);
    } while (r > 0);
    return fflush(stdout) == EOF ? -errno : r;
}

static enum exit_status run_events(struct site *site, const struct arguments *arguments)
{
    struct journal_query query = { .gateway = arguments->gateway };
    cleanup_with(closep) int marks = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    struct pollfd fd = { .fd = marks, .events = POLLIN };
    char buffer[4096];
    int r = marks >= 0 && inotify_add_watch(marks, site->directory, IN_CLOSE_WRITE) >= 0 ? 0 : -errno;

    if (r == 0 && arguments->limit)
        r = journal_seek(site, &query, arguments->limit);
    if (r == 0)
        r = print_events(site, &query);
    while (r == 0 && arguments->follow) {
        if (poll(&fd, 1, FOLLOW_TICK_MS) > 0 && read(marks, buffer, sizeof(buffer)) < 0)
            r = -errno;
        if (r == 0)
            r = print_events(site, &query);
    }
    return r < 0 ? fail(site, "events", r) : EXIT_DONE;
}

static int add_gateways(struct site *site, struct text *text)
{
    cleanup_with(site_finalizep) sqlite3_stmt *query = NULL;
    int r = site_prepare(
        site, "SELECT name, online, state, coalesce(result, '-') FROM gateways ORDER BY name", &query);

    while (r >= 0 && (r = site_step(site, query)) == 1)
        text_addf(text, "%s %s\n  state  %s\n  result %s\n", (const char *)sqlite3_column_text(query, 0),
                  sqlite3_column_int(query, 1) ? "online" : "offline",
                  (const char *)sqlite3_column_text(query, 2), (const char *)sqlite3_column_text(query, 3));
    return r;
}

/* gateway: NULL for all. */
static int add_alarms(struct site *site, const char *gateway, struct text *text)
{
    cleanup_with(site_finalizep) sqlite3_stmt *query = NULL;
    int r = site_prepare(site,
                         "SELECT gateway, text, count, strftime('%Y-%m-%dT%H:%M:%SZ', last, 'unixepoch')"
                         " FROM alarms WHERE ?1 IS NULL OR gateway = ?1 ORDER BY n",
                         &query);

    if (r == 0)
        sqlite3_bind_text(query, 1, gateway, -1, SQLITE_STATIC);
    while (r >= 0 && (r = site_step(site, query)) == 1)
        text_addf(text, "alarm %s: %s (%d times, last %s)\n", (const char *)sqlite3_column_text(query, 0),
                  (const char *)sqlite3_column_text(query, 1), sqlite3_column_int(query, 2),
                  (const char *)sqlite3_column_text(query, 3));
    return r;
}

static enum exit_status run_status(struct site *site, const struct arguments *arguments)
{
    cleanup_with(text_finish) struct text text = TEXT_INIT;
    int r = add_gateways(site, &text);

    if (r == 0)
        r = add_alarms(site, NULL, &text);
    if (r == 0)
        r = text_error(&text);
    if (r < 0)
        return fail(site, "status", r);
    printf("site %s, policy %" PRId64 ".%" PRId64 ", root %s\n", site->name, site->policy.generation,
           site->policy.version, site->policy.root);
    fputs(text_string(&text), stdout);
    return EXIT_DONE;
}

static enum exit_status run_verify(struct site *site, const struct arguments *arguments)
{
    cleanup_with(text_finish) struct text text = TEXT_INIT;
    int broken = verify_events(site, arguments->gateway, &text);
    int r = broken < 0 ? broken : add_alarms(site, arguments->gateway, &text);

    if (r < 0)
        return fail(site, "events verify", r);
    fputs(text_string(&text), stdout);
    return broken ? EXIT_FAULT : EXIT_DONE;
}

static enum exit_status end_key(const struct site *site, int r)
{
    if (r == -EINVAL) /* it said why */
        return EXIT_USAGE;
    return r < 0 ? fail(site, "key", r) : EXIT_DONE;
}

static enum exit_status run_key_new(struct site *site, const struct arguments *arguments)
{
    const struct key_command command = {
        .id = arguments->words[0],
        .uses = arguments->words[1],
        .verbs = arguments->verbs,
        .targets = arguments->targets,
    };

    return end_key(site, key_command_new(site, &command));
}

static enum exit_status run_key_list(struct site *site, const struct arguments *arguments)
{
    return end_key(site, key_command_list(site));
}

static enum exit_status run_key_retire(struct site *site, const struct arguments *arguments)
{
    return end_key(site, key_command_retire(site, arguments->words[0]));
}

static enum exit_status run_send(struct site *site, const struct arguments *arguments)
{
    static const enum exit_status statuses[] = {
        [COMMAND_END_COMPLETED] = EXIT_DONE,  [COMMAND_END_NO] = EXIT_NO,
        [COMMAND_END_UNKNOWN] = EXIT_UNKNOWN, [COMMAND_END_USAGE] = EXIT_USAGE,
        [COMMAND_END_FAULT] = EXIT_FAULT,
    };
    const struct command_order order = {
        .verb = arguments->words[0],
        .target = arguments->count > 1 ? arguments->words[1] : NULL,
        .value = arguments->count > 2 ? arguments->words[2] : NULL,
        .gateway = arguments->gateway,
        .kid = arguments->key,
        .direction = arguments->direction,
        .reason = arguments->reason,
        .for_s = arguments->for_s,
    };

    return statuses[command_send(site, &order)];
}

static enum exit_status run_lease(struct site *site, const struct arguments *arguments)
{
    int64_t lease_s = 0;

    if (strcmp(arguments->words[0], "off") != 0 && !arguments_duration(arguments->words[0], &lease_s)) {
        fputs("stile-cloud: lease: must be a time like 90s, 15m, 8h or 7d, or off\n", stderr);
        return EXIT_USAGE;
    }
    int r = site_set_lease(site, lease_s);

    return r < 0 ? fail(site, "lease", r) : EXIT_DONE;
}

static enum exit_status run_init(struct site *site, const struct arguments *arguments)
{
    const char *name = arguments->words[0];

    if (!topic_name_valid(name)) {
        fprintf(stderr, "stile-cloud: SITE: " TOPIC_NAME_EXPECTED "\n");
        return EXIT_USAGE;
    }
    int r = site_create(arguments->directory, name, clock_utc_us() / USEC_PER_SEC);

    return r < 0 ? fail(NULL, arguments->directory, r) : EXIT_DONE;
}

static const struct command commands[] = {
    { "init", "SITE", "make DIR the directory of a site", 1, 1, run_init },
    { "import", "FILE…",
      "take items from JSON lines {\"kind\":…,\"item\":{…}}, or users and cards from FILE.csv", 1, 64,
      run_import },
    { "put", "KIND JSON", "add or replace one item", 2, 2, run_put },
    { "del", "KIND ID", "delete one item", 2, 2, run_del },
    { "serve", "[--broker HOST:PORT] [--user NAME --password-file FILE] [--ca FILE [--cert FILE --key FILE]]",
      "feed the gateways, store their events", 0, 0, run_serve },
    { "events verify", "[--gateway NAME]", "check that no stored event was changed or taken away", 0, 0,
      run_verify },
    { "events", "[--follow] [--gateway NAME] [--limit N]", "print what was stored, in order of arrival", 0, 0,
      run_events },
    { "key new", "ID USE[,USE…] [--verbs VERB,…] [--targets ID,…]",
      "make a pair of keys, print the public one for gateway.json or put", 2, 2, run_key_new },
    { "key list", "", "the keys that were made here", 0, 0, run_key_list },
    { "key retire", "ID", "sign no more with a key, and take it out of the policy", 1, 1, run_key_retire },
    { "command",
      "VERB [TARGET [VALUE]] [--gateway NAME] [--for TIME] [--reason TEXT] [--direction WAY] [--key ID]",
      "command a gateway, and print what came of it: open POINT USER, release DOOR, lock DOOR, unlock DOOR, "
      "mode DOOR MODE, "
      "lockdown DOOR|'*' on|off, forgive USER, show POINT TEXT, probe DEVICE, sync, retire_key KEY",
      1, 3, run_send },
    { "lease", "TIME|off", "for how long gateways may rely on the policy without hearing of it again", 1, 1,
      run_lease },
    { "status", "", "the policy, and what each gateway said last", 0, 0, run_status },
};

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static void print_usage(FILE *out)
{
    fputs("usage: stile-cloud [--directory DIR] COMMAND …\n\n", out);
    for (size_t i = 0; i < COMMANDS; i++)
        fprintf(out, "  %s %s\n      %s\n", commands[i].name, commands[i].syntax, commands[i].help);
    fputs("\nDIR is . unless said. --unchecked (import, put) takes items that gateways will refuse.\n"
          "TIME is 30s, 15m, 8h or 7d.\n"
          "Exit: 0 done, 1 could not, 2 what was given is wrong; of command: 0 completed, 3 denied, failed,\n"
          "expired or refused, 4 unknown.\n",
          out);
}

/* How many words name this command; 0 if it is another. */
static int match(const struct command *command, const struct arguments *arguments)
{
    const char *rest = command->name;

    for (int i = 0; i < arguments->count; i++) {
        size_t len = strlen(arguments->words[i]);

        if (strncmp(rest, arguments->words[i], len) != 0 || (rest[len] && rest[len] != ' '))
            return 0;
        if (!rest[len])
            return i + 1;
        rest += len + 1;
    }
    return 0;
}

static enum exit_status run_command(const struct command *command, struct arguments *arguments)
{
    cleanup_with(site_close) struct site site = { 0 };

    int words = match(command, arguments);

    arguments->words += words;
    arguments->count -= words;
    if (arguments->count < command->words_min || arguments->count > command->words_max) {
        fprintf(stderr, "usage: stile-cloud %s %s\n", command->name, command->syntax);
        return EXIT_USAGE;
    }
    int r = command->run == run_init ? 0 : site_open(arguments->directory, &site);

    if (r == -ENOENT)
        fprintf(stderr, "stile-cloud: %s is no site's directory; make it one with: stile-cloud init SITE\n",
                arguments->directory);
    else if (r < 0)
        fail(NULL, arguments->directory, r);
    return r < 0 ? EXIT_FAULT : command->run(&site, arguments);
}

int main(int argc, char *argv[])
{
    struct arguments arguments = { .directory = "." };

    log_init("stile-cloud", LOG_INFO);
    if (!arguments_parse(argc, argv, &arguments)) {
        print_usage(stderr);
        return EXIT_USAGE;
    }
    if (arguments.help) {
        print_usage(stdout);
        return EXIT_DONE;
    }
    if (arguments.version) {
        puts("stile-cloud " STILE_VERSION);
        return EXIT_DONE;
    }
    for (size_t i = 0; i < COMMANDS; i++)
        if (match(&commands[i], &arguments))
            return run_command(&commands[i], &arguments);
    print_usage(stderr);
    return EXIT_USAGE;
}
