/* SPDX-License-Identifier: GPL-3.0-or-later */
/* config.c: rows say what a member may be; each is read alone, so that one mistake does not hide the next.
 *
 * The rows fill the struct itself. Their strings are borrowed from the parsed text until own_strings() makes
 * copies of them, puts in what the file leaves out, and makes paths absolute.
 */
#include "config/config.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "config/config_keys.h"
#include "gateway/base/file.h"
#include "proto/control.h"
#include "proto/json.h"
#include "proto/json_locate.h"
#include "proto/name.h"

#define PATH_BYTES_MAX     (PATH_MAX - 1)
#define SOCKET_BYTES_MAX   ((int64_t)sizeof(((struct sockaddr_un *)0)->sun_path) - 1)
#define HOST_BYTES_MAX     255
#define TLS_PORT           8883 /* preset with TLS */
#define NAME_BYTES_MAX     255  /* of a user or a group */
#define PASSWORD_BYTES_MAX 1024
#define SECRET_NAME        "secret"

/* Nobody but the owner and, for reading, the file's group. */
#define SECRET_MODE_FORBIDDEN (S_IRWXO | S_IWGRP | S_IXGRP)

/* What is being read; its rows' fields lie in it. */
struct draft {
    struct config config;
    struct json_object *broker;
    struct json_object *limits;
    struct json_object *keys;
};

struct section {
    const char *name; /* "": the outermost object */
    const struct json_row *rows;
    size_t count;
};

static const char *const trust_names[] = { "broker", "signed", NULL };
static const char *const clock_names[] = { "kernel", "vouched", NULL };

static const struct json_row top_rows[] = {
    JSON_ROW_CHECKED(struct draft, config.site, "site", true, topic_name_valid, TOPIC_NAME_EXPECTED),
    JSON_ROW_CHECKED(struct draft, config.gateway, "gateway", true, topic_name_valid, TOPIC_NAME_EXPECTED),
    JSON_ROW_ENUM(struct draft, config.trust, "trust", trust_names, CONFIG_TRUST_BROKER),
    JSON_ROW_ENUM(struct draft, config.clock, "clock", clock_names, CONFIG_CLOCK_KERNEL),
    JSON_ROW_STRING(struct draft, config.state_directory, "state_directory", 1, PATH_BYTES_MAX),
    JSON_ROW_STRING(struct draft, config.secret_file, "secret_file", 1, PATH_BYTES_MAX),
    JSON_ROW_STRING(struct draft, config.control_socket, "control_socket", 1, SOCKET_BYTES_MAX),
    JSON_ROW_STRING(struct draft, config.operator_group, "operator_group", 1, NAME_BYTES_MAX),
    JSON_ROW_STRING(struct draft, config.driver_directory, "driver_directory", 1, PATH_BYTES_MAX),
    JSON_ROW_STRING(struct draft, config.profile_directory, "profile_directory", 1, PATH_BYTES_MAX),
    JSON_ROW_OBJECT(struct draft, broker, "broker"),
    JSON_ROW_OBJECT(struct draft, limits, "limits"),
    JSON_ROW_LIST(struct draft, keys, "keys", 0, CONFIG_KEYS_MAX),
};

static const struct json_row broker_rows[] = {
    JSON_ROW_STRING_REQUIRED(struct draft, config.broker.host, "host", 1, HOST_BYTES_MAX),
    JSON_ROW_INT(struct draft, config.broker.port, "port", 1, 65535, 1883),
    JSON_ROW_STRING(struct draft, config.broker.username, "username", 1, NAME_BYTES_MAX),
    JSON_ROW_STRING(struct draft, config.broker.password_file, "password_file", 1, PATH_BYTES_MAX),
    JSON_ROW_STRING(struct draft, config.broker.ca_file, "ca_file", 1, PATH_BYTES_MAX),
    JSON_ROW_STRING(struct draft, config.broker.cert_file, "cert_file", 1, PATH_BYTES_MAX),
    JSON_ROW_STRING(struct draft, config.broker.key_file, "key_file", 1, PATH_BYTES_MAX),
};

static const struct json_row limits_rows[] = {
    JSON_ROW_INT(struct draft, config.limits.event_rows_max, "event_rows_max", 1000, 100000000, 2000000),
    JSON_ROW_INT(struct draft, config.limits.event_rows_kept, "event_rows_kept", 0, 100000000, 200000),
    JSON_ROW_INT(struct draft, config.limits.retention_days, "retention_days", 0, 3650, 90),
    JSON_ROW_INT(struct draft, config.limits.gather_ms, "gather_ms", 0, 1000, 5),
};

static const struct section top = { "", JSON_ROWS(top_rows) };
static const struct section broker = { "broker", JSON_ROWS(broker_rows) };
static const struct section limits = { "limits", JSON_ROWS(limits_rows) };

static const struct {
    size_t offset; /* in struct config */
    bool path;
    const char *preset;
} strings[] = {
    { offsetof(struct config, site), false, NULL },
    { offsetof(struct config, gateway), false, NULL },
    { offsetof(struct config, broker.host), false, NULL },
    { offsetof(struct config, broker.username), false, NULL },
    { offsetof(struct config, broker.password_file), true, NULL },
    { offsetof(struct config, broker.ca_file), true, NULL },
    { offsetof(struct config, broker.cert_file), true, NULL },
    { offsetof(struct config, broker.key_file), true, NULL },
    { offsetof(struct config, state_directory), true, "/var/lib/stile" },
    { offsetof(struct config, secret_file), true, NULL },
    { offsetof(struct config, control_socket), true, CONTROL_SOCKET_DEFAULT },
    { offsetof(struct config, operator_group), false, NULL },
    { offsetof(struct config, driver_directory), true, STILE_DRIVER_DIRECTORY },
    { offsetof(struct config, profile_directory), true, STILE_PROFILE_DIRECTORY },
};
#define STRINGS (sizeof(strings) / sizeof(strings[0]))

static char **string_at(struct config *config, size_t i)
{
    return (char **)(void *)((char *)config + strings[i].offset);
}

const char *config_trust_name(enum config_trust trust)
{
    return trust_names[trust];
}

void config_finish(struct config *config)
{
    for (size_t i = 0; i < STRINGS; i++)
        free(*string_at(config, i));
    key_set_finish(&config->keys);
    free(config->path);
    free(config->source);
    *config = (struct config){ 0 };
}

/* The text that is read or checked, and where its problems go. */
struct report {
    const char *path;
    const char *bytes;
    size_t len;
    struct text *problems;
    size_t count;
};

__attribute__((format(printf, 3, 4))) static void add_problem(struct report *report, const char *member,
                                                              const char *format, ...)
{
    va_list args;

    text_addf(report->problems, "%s:%u: %s%s", report->path,
              json_locate(report->bytes, report->len, member, NULL), member, *member ? ": " : "");
    va_start(args, format);
    text_vaddf(report->problems, format, args);
    va_end(args);
    text_add(report->problems, "\n");
    report->count++;
}

static void add_error(struct report *report, const struct section *section, struct json_error *error)
{
    if (*section->name)
        json_error_within(error, "%s", section->name);
    add_problem(report, error->path, "%s", error->text);
}

static void report_unknown(struct report *report, const struct section *section, struct json_object *object)
{
    const char *name;
    struct json_error error;

    for (size_t i = 0; (name = json_locate_unknown(object, section->rows, section->count, i)); i++) {
        const char *similar = json_locate_similar(name, section->rows, section->count);

        if (similar)
            json_error_set(&error, name, "is not known; did you mean \"%s\"?", similar);
        else
            json_error_set(&error, name, "is not known");
        add_error(report, section, &error);
    }
}

static void read_section(struct report *report, const struct section *section, struct json_object *object,
                         struct draft *draft)
{
    struct json_error error;

    for (size_t i = 0; i < section->count; i++)
        if (json_read(object, &section->rows[i], 1, draft, &error) < 0)
            add_error(report, section, &error);
    report_unknown(report, section, object);
}

static void report_key(void *user, struct json_error *error)
{
    json_error_within(error, "keys");
    add_problem(user, error->path, "%s", error->text);
}

static void report_contradictions(struct report *report, const struct config *config)
{
    const struct config_broker *tls = &config->broker;

    if (tls->cert_file && !tls->ca_file)
        add_problem(report, "broker.cert_file", "needs broker.ca_file: without it there is no TLS");
    if (tls->cert_file && !tls->key_file)
        add_problem(report, "broker.cert_file", "needs broker.key_file");
    if (tls->key_file && !tls->cert_file)
        add_problem(report, "broker.key_file", "needs broker.cert_file");
    if (config->trust == CONFIG_TRUST_SIGNED && !config_keys_have_root(&config->keys))
        add_problem(report, "keys", "must hold a key with use \"root\" where trust is \"signed\"");
    if (config->limits.event_rows_kept > config->limits.event_rows_max)
        add_problem(report, "limits.event_rows_kept", "must not exceed limits.event_rows_max (%" PRId64 ")",
                    config->limits.event_rows_max);
}

static int read_draft(struct report *report, struct json_object *object, struct draft *draft)
{
    cleanup_with(json_putp) struct json_object *nothing = json_object_new_object();

    if (!nothing)
        return -ENOMEM;
    read_section(report, &top, object, draft);
    draft->config.broker.present = draft->broker;
    if (draft->broker)
        read_section(report, &broker, draft->broker, draft);
    if (draft->config.broker.ca_file && !json_object_object_get_ex(draft->broker, "port", NULL))
        draft->config.broker.port = TLS_PORT;
    read_section(report, &limits, draft->limits ? draft->limits : nothing, draft);
    int r = config_keys_read(draft->keys, &draft->config.keys, report_key, report);

    if (r == 0 && report->count == 0)
        report_contradictions(report, &draft->config);
    return r;
}

static char *absolute(const char *directory, const char *path)
{
    char *joined = NULL;

    if (*path == '/')
        return strdup(path);
    return asprintf(&joined, "%s/%s", directory, path) < 0 ? NULL : joined;
}

/* Fills ret_config, whose strings are all NULL, with copies of what borrowed has. */
static int own_strings(const struct config *borrowed, const char *directory, struct config *ret_config)
{
    struct config source = *borrowed;

    for (size_t i = 0; i < STRINGS; i++) {
        const char *value = *string_at(&source, i);

        if (!value)
            value = strings[i].preset;
        if (!value)
            continue;
        char *copy = strings[i].path ? absolute(directory, value) : strdup(value);

        if (!copy)
            return -ENOMEM;
        *string_at(ret_config, i) = copy;
    }
    if (!ret_config->secret_file)
        ret_config->secret_file = absolute(ret_config->state_directory, SECRET_NAME);
    return ret_config->secret_file ? 0 : -ENOMEM;
}

/* Keys move. */
static int own(const struct report *report, struct config *borrowed, const char *directory,
               struct config *ret_config)
{
    cleanup_with(config_finish) struct config config = { 0 };

    config.trust = borrowed->trust;
    config.clock = borrowed->clock;
    config.limits = borrowed->limits;
    config.broker.present = borrowed->broker.present;
    config.broker.port = borrowed->broker.port;
    config.path = strdup(report->path);
    config.source = strndup(report->bytes, report->len);
    if (!config.path || !config.source)
        return -ENOMEM;
    int r = own_strings(borrowed, directory, &config);

    if (r < 0)
        return r;
    config.keys = borrowed->keys;
    borrowed->keys = (struct key_set){ 0 };
    *ret_config = config;
    config = (struct config){ 0 };
    return 0;
}

/* Its strings are borrowed. */
static void draft_finish(struct draft *draft)
{
    key_set_finish(&draft->config.keys);
}

static void report_socket_length(struct report *report, const struct config *config)
{
    if (strlen(config->control_socket) > (size_t)SOCKET_BYTES_MAX)
        add_problem(report, "control_socket", "%s is longer than %" PRId64 " bytes", config->control_socket,
                    SOCKET_BYTES_MAX);
}

static void report_fault(struct report *report, struct json_error *error)
{
    unsigned line = json_locate_fault(report->bytes, report->len, error);

    text_addf(report->problems, "%s:%u: %s%s%s\n", report->path, line, error->path, *error->path ? ": " : "",
              error->text);
    report->count++;
}

int config_parse(const char *path, const char *directory, const char *bytes, size_t len,
                 struct config *ret_config, struct text *problems)
{
    cleanup_with(json_putp) struct json_object *object = NULL;
    cleanup_with(config_finish) struct config config = { 0 };
    struct report report = { .path = path, .bytes = bytes, .len = len, .problems = problems };
    cleanup_with(draft_finish) struct draft draft = { 0 };
    struct json_error error;
    int r = json_parse(bytes, len, &object, &error);

    assert(*directory == '/');
    if (r == -EBADMSG) {
        report_fault(&report, &error);
        return r;
    }
    if (r == 0)
        r = read_draft(&report, object, &draft);
    if (r == 0 && report.count == 0)
        r = own(&report, &draft.config, directory, &config);
    if (r < 0)
        return r;
    if (report.count == 0)
        report_socket_length(&report, &config);
    if (report.count > 0)
        return -EBADMSG;
    *ret_config = config;
    config = (struct config){ 0 };
    return 0;
}

int config_load(const char *path, struct config *ret_config, struct text *problems)
{
    cleanup_with(freep) char *bytes = NULL;
    cleanup_with(freep) char *real = realpath(path, NULL);
    size_t len = 0;
    int r = real ? file_read(real, CONFIG_BYTES_MAX, &bytes, &len) : -errno;

    if (r < 0) {
        text_addf(problems, "%s: cannot be read: %s\n", path, strerror(-r));
        return r;
    }
    return config_parse(path, dirname(real), bytes, len, ret_config, problems);
}

static void check_directory(struct report *report, const char *member, const char *path, int mode)
{
    struct stat st;

    if (stat(path, &st) < 0)
        add_problem(report, member, "%s: %s", path, strerror(errno));
    else if (!S_ISDIR(st.st_mode))
        add_problem(report, member, "%s is not a directory", path);
    else if (access(path, mode) < 0)
        add_problem(report, member, "%s: %s", path, strerror(errno));
}

static void check_readable(struct report *report, const char *member, const char *path)
{
    if (access(path, R_OK) < 0)
        add_problem(report, member, "%s: %s", path, strerror(errno));
}

/* size: what it must have; 0: anything but nothing. */
static void check_secret_file(struct report *report, const char *member, const char *path, off_t size)
{
    struct stat st;

    if (stat(path, &st) < 0)
        add_problem(report, member, "%s: %s", path, strerror(errno));
    else if (!S_ISREG(st.st_mode))
        add_problem(report, member, "%s is not a regular file", path);
    else if (st.st_mode & SECRET_MODE_FORBIDDEN)
        add_problem(report, member, "%s must be nobody else's to read (mode %04o)", path, st.st_mode & 07777);
    else if (st.st_size == 0)
        add_problem(report, member, "%s is empty", path);
    else if (size > 0 && st.st_size != size)
        add_problem(report, member, "%s must have %jd bytes", path, (intmax_t)size);
}

static int check_socket_directory(struct report *report, const struct config *config)
{
    cleanup_with(freep) char *copy = strdup(config->control_socket);

    if (!copy)
        return -ENOMEM;
    check_directory(report, "control_socket", dirname(copy), W_OK | X_OK);
    return 0;
}

static void check_broker_files(struct report *report, const struct config_broker *broker_config)
{
    if (broker_config->password_file)
        check_secret_file(report, "broker.password_file", broker_config->password_file, 0);
    if (broker_config->ca_file)
        check_readable(report, "broker.ca_file", broker_config->ca_file);
    if (broker_config->cert_file)
        check_readable(report, "broker.cert_file", broker_config->cert_file);
    if (broker_config->key_file)
        check_secret_file(report, "broker.key_file", broker_config->key_file, 0);
}

static struct report report_on(const struct config *config, struct text *problems)
{
    return (struct report){
        .path = config->path, .bytes = config->source, .len = strlen(config->source), .problems = problems
    };
}

int config_check(const struct config *config, struct text *problems)
{
    struct report report = report_on(config, problems);

    check_directory(&report, "state_directory", config->state_directory, W_OK | X_OK);
    int r = check_socket_directory(&report, config);

    if (r < 0)
        return r;
    check_directory(&report, "driver_directory", config->driver_directory, X_OK);
    check_directory(&report, "profile_directory", config->profile_directory, X_OK);
    check_broker_files(&report, &config->broker);
    if (access(config->secret_file, F_OK) == 0) /* otherwise the first start creates it */
        check_secret_file(&report, "secret_file", config->secret_file, SECRET_BYTES);
    if (config->operator_group && !getgrnam(config->operator_group))
        add_problem(&report, "operator_group", "there is no group \"%s\"", config->operator_group);
    return report.count > 0 ? -EBADMSG : 0;
}

static bool is_loopback(const char *host)
{
    return strcmp(host, "localhost") == 0 || strncmp(host, "127.", 4) == 0 || strcmp(host, "::1") == 0;
}

void config_warn(const struct config *config, struct text *warnings)
{
    struct report report = report_on(config, warnings);

    if (config->broker.present && !config->broker.ca_file && !is_loopback(config->broker.host))
        add_problem(&report, "broker.host",
                    "what is said to %s can be read and changed on the way; broker.ca_file makes it TLS",
                    config->broker.host);
}

static void show_value(const struct json_row *row, const struct draft *draft, struct text *out)
{
    const void *field = (const char *)draft + row->offset;

    switch (row->type) {
    case JSON_BOOL:
        text_add(out, *(const bool *)field ? "true" : "false");
        return;
    case JSON_INT:
        text_addf(out, "%" PRId64, *(const int64_t *)field);
        return;
    case JSON_STRING:
        text_add(out, *(const char *const *)field ? *(const char *const *)field : "none");
        return;
    case JSON_ENUM:
        text_add(out, row->names[*(const int *)field]);
        return;
    case JSON_OBJECT:
    case JSON_LIST:
        break;
    }
    assert(false);
}

static void show_section(const struct section *section, struct json_object *object, const struct draft *draft,
                         struct text *out)
{
    for (size_t i = 0; i < section->count; i++) {
        const struct json_row *row = &section->rows[i];

        if (row->type == JSON_OBJECT || row->type == JSON_LIST)
            continue;
        text_addf(out, "%s%s%s = ", section->name, *section->name ? "." : "", row->member);
        show_value(row, draft, out);
        text_add(out, json_object_object_get_ex(object, row->member, NULL) ? "\n" : " (default)\n");
    }
}

void config_show(const struct config *config, struct text *out)
{
    cleanup_with(json_putp) struct json_object *object = NULL;
    const struct draft draft = { .config = *config };
    struct json_error error;
    int r = json_parse(config->source, strlen(config->source), &object, &error);

    assert(r == 0 || r == -ENOMEM);
    show_section(&top, object, &draft, out);
    text_add(out, "keys = ");
    config_keys_show(&config->keys, out);
    text_add(out, config->keys.count > 0 ? "\n" : " (default)\n");
    if (config->broker.present)
        show_section(&broker, json_object_object_get(object, broker.name), &draft, out);
    else
        text_add(out, "broker = none (default)\n");
    show_section(&limits, json_object_object_get(object, limits.name), &draft, out);
}

/* Reads at most size bytes of a file that nobody else may read. */
static int read_private(const char *path, char *buffer, size_t size, size_t *ret_len)
{
    cleanup_with(closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    struct stat st;

    if (fd < 0 || fstat(fd, &st) < 0)
        return -errno;
    if (st.st_mode & SECRET_MODE_FORBIDDEN)
        return -EPERM;
    ssize_t n = read(fd, buffer, size);

    if (n < 0)
        return -errno;
    *ret_len = (size_t)n;
    return 0;
}

static int create_secret(const char *path, uint8_t ret_secret[static SECRET_BYTES])
{
    uint8_t secret[SECRET_BYTES];

    if (getrandom(secret, sizeof(secret), 0) != (ssize_t)sizeof(secret))
        return -EIO;
    int r = file_write(path, secret, sizeof(secret), S_IRUSR | S_IWUSR);

    if (r < 0)
        return r;
    memcpy(ret_secret, secret, sizeof(secret));
    return 0;
}

int config_secret(const struct config *config, uint8_t ret_secret[static SECRET_BYTES])
{
    char bytes[SECRET_BYTES + 1];
    size_t len = 0;
    int r = read_private(config->secret_file, bytes, sizeof(bytes), &len);

    if (r == -ENOENT)
        return create_secret(config->secret_file, ret_secret);
    if (r < 0)
        return r;
    if (len != SECRET_BYTES)
        return -EBADMSG;
    memcpy(ret_secret, bytes, SECRET_BYTES);
    return 0;
}

int config_password(const struct config *config, char **ret_password)
{
    char bytes[PASSWORD_BYTES_MAX + 1];
    size_t len = 0;
    int r;

    if (!config->broker.password_file) {
        *ret_password = NULL;
        return 0;
    }
    r = read_private(config->broker.password_file, bytes, sizeof(bytes), &len);
    if (r < 0)
        return r;
    char *end = memchr(bytes, '\n', len);

    if (!end && len > PASSWORD_BYTES_MAX)
        return -EFBIG;
    char *password = strndup(bytes, end ? (size_t)(end - bytes) : len);

    if (!password)
        return -ENOMEM;
    *ret_password = password;
    return 0;
}
