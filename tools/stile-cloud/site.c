/* SPDX-License-Identifier: GPL-3.0-or-later */
/* site.c: statements are prepared where they are used, since a command runs each once and serving is bound by
 * the disk. */
#include "tools/stile-cloud/site.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define APPLICATION_ID 0x5354434c /* "STCL" */

/* A row is a version of the schema. */
static const char *const migrations[] = {
    "CREATE TABLE site(name TEXT NOT NULL, generation INTEGER NOT NULL, version INTEGER NOT NULL,"
    " root TEXT NOT NULL) STRICT;"

    /* item NULL: deleted in that version, for deltas. */
    "CREATE TABLE items(kind TEXT NOT NULL, id TEXT NOT NULL, rev INTEGER NOT NULL, item TEXT,"
    " PRIMARY KEY(kind, id)) STRICT, WITHOUT ROWID;"
    "CREATE INDEX items_rev ON items(rev);"

    /* Snapshots that were offered; chunks are payloads as they are sent. */
    "CREATE TABLE offers(generation INTEGER NOT NULL, version INTEGER NOT NULL, items INTEGER NOT NULL,"
    " chunks INTEGER NOT NULL, first TEXT NOT NULL, asked INTEGER NOT NULL,"
    " PRIMARY KEY(generation, version)) STRICT;"
    "CREATE TABLE chunks(generation INTEGER NOT NULL, version INTEGER NOT NULL, i INTEGER NOT NULL,"
    " payload BLOB NOT NULL, PRIMARY KEY(generation, version, i)) STRICT;"

    /* What each gateway said last. */
    "CREATE TABLE gateways(name TEXT PRIMARY KEY, online INTEGER NOT NULL, state TEXT NOT NULL,"
    " result TEXT) STRICT;"

    /* How far each log has been stored without a gap. */
    "CREATE TABLE logs(gateway TEXT NOT NULL, epoch TEXT NOT NULL, seq INTEGER NOT NULL, hash BLOB NOT NULL,"
    " PRIMARY KEY(gateway, epoch)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE events(n INTEGER PRIMARY KEY, gateway TEXT NOT NULL, epoch TEXT NOT NULL,"
    " seq INTEGER NOT NULL, line TEXT NOT NULL, UNIQUE(gateway, epoch, seq)) STRICT;"

    /* What a person should look at. */
    "CREATE TABLE alarms(n INTEGER PRIMARY KEY, gateway TEXT NOT NULL, text TEXT NOT NULL,"
    " first INTEGER NOT NULL, last INTEGER NOT NULL, count INTEGER NOT NULL, UNIQUE(gateway, text)) STRICT;",

    /* Events of a log that never came; hash: the chain's behind the last. */
    "CREATE TABLE holes(gateway TEXT NOT NULL, epoch TEXT NOT NULL, first INTEGER NOT NULL,"
    " last INTEGER NOT NULL, hash BLOB NOT NULL, PRIMARY KEY(gateway, epoch, first)) STRICT, WITHOUT ROWID;",

    "ALTER TABLE site ADD COLUMN lease_s INTEGER NOT NULL DEFAULT 0;"

    /* Commands on their way; ref: hash of the signed bytes. */
    "CREATE TABLE commands(ref TEXT PRIMARY KEY, gateway TEXT NOT NULL, exp INTEGER NOT NULL,"
    " payload TEXT NOT NULL, sent INTEGER NOT NULL, result TEXT) STRICT;"
    "CREATE INDEX commands_sent ON commands(sent) WHERE sent = 0;",
};

#define SCHEMA_VERSION ((int64_t)(sizeof(migrations) / sizeof(migrations[0])))

static int errno_of(int result)
{
    switch (result & 0xff) {
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE:
        return 0;
    case SQLITE_BUSY:
        return -EBUSY;
    case SQLITE_FULL:
        return -ENOSPC;
    case SQLITE_NOMEM:
        return -ENOMEM;
    case SQLITE_CANTOPEN:
        return -ENOENT;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return -EUCLEAN;
    default:
        return -EIO;
    }
}

const char *site_text(const struct site *site)
{
    return site->handle && errno_of(sqlite3_errcode(site->handle)) < 0 ? sqlite3_errmsg(site->handle) : "";
}

int site_prepare(struct site *site, const char *sql, sqlite3_stmt **ret)
{
    return errno_of(sqlite3_prepare_v2(site->handle, sql, -1, ret, NULL));
}

void site_finalizep(sqlite3_stmt **statement)
{
    sqlite3_finalize(*statement);
}

int site_step(struct site *site, sqlite3_stmt *statement)
{
    int result = sqlite3_step(statement);

    return result == SQLITE_ROW ? 1 : errno_of(result);
}

int site_run(struct site *site, sqlite3_stmt *statement)
{
    int r = site_step(site, statement);

    sqlite3_reset(statement);
    return r < 0 ? r : 0;
}

static int execute(struct site *site, const char *sql)
{
    return errno_of(sqlite3_exec(site->handle, sql, NULL, NULL, NULL));
}

int site_begin(struct site *site)
{
    return execute(site, "BEGIN IMMEDIATE");
}

int site_begin_reading(struct site *site)
{
    return execute(site, "BEGIN");
}

int site_end(struct site *site, int r)
{
    if (r == 0)
        r = execute(site, "COMMIT");
    if (r < 0 && !sqlite3_get_autocommit(site->handle) && execute(site, "ROLLBACK") < 0)
        return -EIO;
    return r;
}

static int open_file(struct site *site, const char *directory, int flags)
{
    cleanup_with(freep) char *path = NULL;

    if (asprintf(&path, "%s/cloud.db", directory) < 0) {
        path = NULL;
        return -ENOMEM;
    }
    site->directory = strdup(directory);
    if (!site->directory)
        return -ENOMEM;
    int r = errno_of(sqlite3_open_v2(path, &site->handle, flags, NULL));

    if (r == -ENOENT && sqlite3_system_errno(site->handle) != 0)
        r = -sqlite3_system_errno(site->handle);
    if (r == 0)
        r = errno_of(sqlite3_busy_timeout(site->handle, SITE_BUSY_MS));
    if (r == 0)
        r = execute(site,
                    "PRAGMA journal_mode=TRUNCATE; PRAGMA synchronous=FULL; PRAGMA trusted_schema=OFF;");
    return r;
}

static int read_int(struct site *site, const char *sql, int64_t *ret)
{
    cleanup_with(site_finalizep) sqlite3_stmt *query = NULL;
    int r = site_prepare(site, sql, &query);

    if (r == 0)
        r = site_step(site, query);
    if (r == 1)
        *ret = sqlite3_column_int64(query, 0);
    return r < 0 ? r : r == 1 ? 0 : -EUCLEAN;
}

/* In a transaction: moves the schema to the newest version. */
static int migrate(struct site *site)
{
    char sql[64];
    int64_t version;
    int r = read_int(site, "PRAGMA user_version", &version);

    for (; r == 0 && version < SCHEMA_VERSION; version++)
        r = execute(site, migrations[version]);
    snprintf(sql, sizeof(sql), "PRAGMA user_version = %" PRId64, SCHEMA_VERSION);
    return r == 0 ? execute(site, sql) : r;
}

static int write_site(struct site *site, const char *name, int64_t generation)
{
    cleanup_with(site_finalizep) sqlite3_stmt *insert = NULL;
    char sql[64];

    snprintf(sql, sizeof(sql), "PRAGMA application_id = %d", APPLICATION_ID);
    int r = execute(site, sql);

    if (r == 0)
        r = migrate(site);
    if (r == 0)
        r = site_prepare(site, "INSERT INTO site VALUES(?, ?, 0, '" CLOUD_ROOT_NONE "', 0)", &insert);
    if (r == 0)
        r = errno_of(sqlite3_bind_text(insert, 1, name, -1, SQLITE_STATIC));
    if (r == 0)
        r = errno_of(sqlite3_bind_int64(insert, 2, generation));
    return r == 0 ? site_run(site, insert) : r;
}

int site_create(const char *directory, const char *name, int64_t now)
{
    cleanup_with(site_close) struct site site = { 0 };

    if (mkdir(directory, 0777) < 0 && errno != EEXIST)
        return -errno;
    int r = open_file(&site, directory, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);

    if (r == 0)
        r = site_begin(&site);
    if (r < 0)
        return r;
    cleanup_with(site_finalizep) sqlite3_stmt *tables = NULL;

    r = site_prepare(&site, "SELECT 1 FROM sqlite_schema LIMIT 1", &tables);
    if (r == 0)
        r = site_step(&site, tables) == 1 ? -EEXIST : write_site(&site, name, now);
    sqlite3_reset(tables); /* nothing commits while a row is being read */
    return site_end(&site, r);
}

static int check_format(struct site *site)
{
    int64_t application_id;
    int64_t version;
    int r = read_int(site, "PRAGMA application_id", &application_id);

    if (r == 0)
        r = read_int(site, "PRAGMA user_version", &version);
    if (r < 0)
        return r;
    if (application_id != APPLICATION_ID)
        return -EUCLEAN;
    if (version >= SCHEMA_VERSION)
        return version > SCHEMA_VERSION ? -EPROTONOSUPPORT : 0;
    r = site_begin(site);
    return r == 0 ? site_end(site, migrate(site)) : r;
}

int site_refresh(struct site *site)
{
    cleanup_with(site_finalizep) sqlite3_stmt *query = NULL;
    int r = site_prepare(site, "SELECT name, generation, version, root, lease_s FROM site", &query);

    if (r == 0)
        r = site_step(site, query);
    if (r != 1)
        return r < 0 ? r : -EUCLEAN;
    snprintf(site->name, sizeof(site->name), "%s", (const char *)sqlite3_column_text(query, 0));
    site->policy.generation = sqlite3_column_int64(query, 1);
    site->policy.version = sqlite3_column_int64(query, 2);
    snprintf(site->policy.root, sizeof(site->policy.root), "%s", (const char *)sqlite3_column_text(query, 3));
    site->lease_s = sqlite3_column_int64(query, 4);
    return 0;
}

int site_set_lease(struct site *site, int64_t lease_s)
{
    cleanup_with(site_finalizep) sqlite3_stmt *update = NULL;
    int r = site_prepare(site, "UPDATE site SET lease_s = ?", &update);

    if (r < 0)
        return r;
    sqlite3_bind_int64(update, 1, lease_s);
    r = site_run(site, update);
    if (r == 0)
        site_mark(site, SITE_POLICY_MARK);
    return r;
}

int site_open(const char *directory, struct site *ret)
{
    struct site site = { 0 };
    int r = open_file(&site, directory, SQLITE_OPEN_READWRITE);

    if (r == 0)
        r = check_format(&site);
    if (r == 0)
        r = site_refresh(&site);
    if (r < 0) {
        site_close(&site);
        return r;
    }
    *ret = site;
    return 0;
}

void site_close(struct site *site)
{
    sqlite3_close(site->handle);
    free(site->directory);
    keyring_finish(&site->keyring);
    *site = (struct site){ 0 };
}

void site_mark(const struct site *site, const char *mark)
{
    cleanup_with(freep) char *path = NULL;

    if (asprintf(&path, "%s/%s", site->directory, mark) < 0) {
        path = NULL;
        return;
    }
    cleanup_with(closep) int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);

    (void)fd; /* the opening is what is seen */
}

bool site_take_topic(const struct site *site, const char *topic, char ret_gateway[static ID_SIZE],
                     const char **ret_below)
{
    const struct cloud_self self = { site->name, "" };
    char prefix[CLOUD_PREFIX_SIZE];

    cloud_topic_prefix(&self, prefix);
    size_t len = strlen(prefix) - 1; /* without the slash behind the gateway's empty name */

    if (strncmp(topic, prefix, len) != 0)
        return false;
    const char *slash = strchr(topic + len, '/');
    size_t name = slash ? (size_t)(slash - topic) - len : 0;

    if (name == 0 || name >= ID_SIZE)
        return false;
    memcpy(ret_gateway, topic + len, name);
    ret_gateway[name] = '\0';
    *ret_below = slash + 1;
    return topic_name_valid(ret_gateway);
}
