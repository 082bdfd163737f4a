/* SPDX-License-Identifier: GPL-3.0-or-later */
/* simulate.c: files into lines, lines into verdicts, mistakes into one line on standard error. */
#include "gateway/simulate/simulate.h"

#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <string.h>

#include "gateway/base/file.h"
#include "gateway/simulate/simulate_policy.h"
#include "gateway/simulate/simulate_script.h"

#define FILE_BYTES_MAX (1024u * 1024 * 1024)

struct run {
    struct simulate_items items;
    struct simulate_script script;
    struct text text;
    FILE *out;
};

static int take_policy_line(struct run *run, struct json_object *line, struct json_error *error)
{
    return simulate_items_put(&run->items, line, false, error);
}

static int take_script_line(struct run *run, struct json_object *line, struct json_error *error)
{
    int r = simulate_script_line(&run->script, line, &run->text, error);

    if (r == 0 && run->text.len > 0 && fprintf(run->out, "%s\n", text_string(&run->text)) < 0)
        return -EIO;
    return r;
}

static bool is_blank(const char *line, size_t len)
{
    size_t i = 0;

    while (i < len && (line[i] == ' ' || line[i] == '\t' || line[i] == '\r'))
        i++;
    return i == len;
}

static int report(FILE *err, const struct simulate_text *text, unsigned line, const struct json_error *error)
{
    const char *colon = error->path[0] ? ": " : "";

    fprintf(err, "%s:%u: %s%s%s\n", text->name, line, error->path, colon, error->text);
    return SIMULATE_REFUSED;
}

static int fault(FILE *err, int r)
{
    fprintf(err, "simulate: %s\n", strerror(-r));
    return SIMULATE_FAILED;
}

/* Hands each line to take(). Returns an exit code. */
static int each_line(struct run *run, const struct simulate_text *text, FILE *err,
                     int (*take)(struct run *run, struct json_object *line, struct json_error *error))
{
    const char *end = text->bytes + text->len;
    unsigned number = 1;

    for (const char *line = text->bytes, *next; line < end; line = next, number++) {
        const char *feed = memchr(line, '\n', (size_t)(end - line));
        size_t len = (size_t)((feed ? feed : end) - line);
        cleanup_with(json_putp) struct json_object *object = NULL;
        struct json_error error = { 0 };

        next = feed ? feed + 1 : end;
        if (is_blank(line, len))
            continue;
        int r = json_parse(line, len, &object, &error);

        if (r == 0)
            r = take(run, object, &error);
        if (r == -EBADMSG)
            return report(err, text, number, &error);
        if (r < 0)
            return fault(err, r);
    }
    return SIMULATE_OK;
}

static void run_finish(struct run *run)
{
    simulate_script_finish(&run->script);
    simulate_items_finish(&run->items);
    text_finish(&run->text);
}

int simulate_run(const struct simulate_text *policy, const struct simulate_text *script, FILE *out, FILE *err)
{
    cleanup_with(run_finish) struct run run = { .out = out };
    int code = each_line(&run, policy, err, take_policy_line);

    if (code != SIMULATE_OK)
        return code;
    int r = simulate_script_init(&run.script, &run.items);

    if (r < 0)
        return fault(err, r);
    code = each_line(&run, script, err, take_script_line);
    return fflush(out) == 0 || code != SIMULATE_OK ? code : fault(err, -EIO);
}

static int usage(void)
{
    fputs("usage: stiled simulate --policy FILE --script FILE\n", stderr);
    return SIMULATE_REFUSED;
}

static int read_text(const char *path, char **ret_bytes, struct simulate_text *ret)
{
    int r = file_read(path, FILE_BYTES_MAX, ret_bytes, &ret->len);

    if (r < 0) {
        fprintf(stderr, "%s: %s\n", path, strerror(-r));
        return SIMULATE_REFUSED;
    }
    ret->name = path;
    ret->bytes = *ret_bytes;
    return SIMULATE_OK;
}

int simulate_main(int argc, char *argv[])
{
    static const struct option options[] = { { "policy", required_argument, NULL, 'p' },
                                             { "script", required_argument, NULL, 's' },
                                             { 0 } };
    cleanup_with(freep) char *policy_bytes = NULL;
    cleanup_with(freep) char *script_bytes = NULL;
    struct simulate_text policy = { 0 }, script = { 0 };
    int option;

    optind = 1;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == 'p')
            policy.name = optarg;
        else if (option == 's')
            script.name = optarg;
        else
            return usage();
    }
    if (!policy.name || !script.name || optind < argc)
        return usage();
    if (read_text(policy.name, &policy_bytes, &policy) != SIMULATE_OK ||
        read_text(script.name, &script_bytes, &script) != SIMULATE_OK)
        return SIMULATE_REFUSED;
    return simulate_run(&policy, &script, stdout, stderr);
}
