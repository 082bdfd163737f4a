/* SPDX-License-Identifier: GPL-3.0-or-later */
/* bench_decide.c: one decision with all rules at a million credentials, each time of somebody else: found by
 * the hash, and decided. Beside it the floor, the same credential found in a bare table of hashes, and what
 * one would write first: the join as a prepared statement of SQLite, all in memory. */
#include <sqlite3.h>
#include <stdlib.h>

#include "gateway/base/clock.h"
#include "gateway/core/world.h"
#include "tests/bench/big_policy.h"

#define CREDENTIALS 1000000
#define DECISIONS   200000

/* The join is slow, and its times do not spread much. */
#define JOINS 20000

/* A Tuesday noon, at which every schedule of the policy is open. */
#define NOON_US (INT64_C(1795521600) * USEC_PER_SEC)

static void check(int result, int wanted)
{
    if (result != wanted)
        abort();
}

static void print_times(const char *name, int64_t ns[], size_t count)
{
    qsort(ns, count, sizeof(*ns), compare_ns);
    printf("%s_p50 %" PRId64 " ns\n", name, ns[count / 2]);
    printf("%s_p99 %" PRId64 " ns\n", name, ns[count / 100 * 99]);
    printf("%s_p999 %" PRId64 " ns\n", name, ns[count / 1000 * 999]);
}

static void time_floor(const struct bare *bare, int64_t ns[static DECISIONS])
{
    for (uint32_t n = 0; n < DECISIONS; n++) {
        uint8_t hash[CREDENTIAL_HASH_BYTES];

        hash_of((uint32_t)(mix(n) % CREDENTIALS), hash);
        int64_t begin = now_ns();
        uint32_t found = bare_slot(bare, hash)->credential;

        ns[n] = now_ns() - begin;
        check(found != POLICY_NONE, true);
    }
}

static void time_decisions(const struct policy *policy, const struct world *world,
                           int64_t ns[static DECISIONS])
{
    const struct timestamp now = { USEC_PER_SEC, NOON_US, CLOCK_STATE_SYNCED };
    uint32_t granted = 0;

    for (uint32_t n = 0; n < DECISIONS; n++) {
        uint32_t point = (uint32_t)(mix(~(uint64_t)n) % POINTS);
        uint8_t hash[CREDENTIAL_HASH_BYTES];
        struct verdict verdict;
        uint32_t credential;

        hash_of((uint32_t)(mix(n) % CREDENTIALS), hash);
        int64_t begin = now_ns();

        check((int)policy_lookup(policy, CREDENTIAL_CARD, hash, &credential), 1);
        world_ask(world, point, credential, &now, &verdict);
        ns[n] = now_ns() - begin;
        granted += verdict.kind == VERDICT_GRANT;
    }
    printf("decide_granted %.1f percent\n", 100.0 * granted / DECISIONS);
}

static const char schema[] =
    "CREATE TABLE credentials(hash BLOB PRIMARY KEY, user INTEGER NOT NULL, status INTEGER NOT NULL) WITHOUT "
    "ROWID;"
    "CREATE TABLE users(user INTEGER PRIMARY KEY, status INTEGER NOT NULL, valid_from INTEGER NOT NULL);"
    "CREATE TABLE user_tags(user INTEGER, tag INTEGER, PRIMARY KEY(user, tag)) WITHOUT ROWID;"
    "CREATE TABLE rule_tags(tag INTEGER, rule INTEGER, PRIMARY KEY(tag, rule)) WITHOUT ROWID;"
    "CREATE TABLE rule_points(rule INTEGER, point INTEGER, PRIMARY KEY(rule, point)) WITHOUT ROWID;"
    "CREATE TABLE rules(rule INTEGER PRIMARY KEY, from_s INTEGER, to_s INTEGER);"
    "BEGIN";

#define JOIN                                                                                                 \
    "SELECT r.rule FROM credentials c JOIN users u USING(user) JOIN user_tags ut USING(user) JOIN "          \
    "rule_tags rt USING(tag)"                                                                                \
    " JOIN rule_points rp ON rp.rule = rt.rule AND rp.point = ?2 JOIN rules r ON r.rule = rt.rule"           \
    " WHERE c.hash = ?1 AND c.status = 0 AND u.status = 0 AND u.valid_from <= ?3 AND r.from_s <= ?4 AND ?4 " \
    "< r.to_s"                                                                                               \
    " ORDER BY r.rule LIMIT 1"

static sqlite3_stmt *prepare(sqlite3 *database, const char *sql)
{
    sqlite3_stmt *statement = NULL;

    check(sqlite3_prepare_v2(database, sql, -1, &statement, NULL), SQLITE_OK);
    return statement;
}

static void put(sqlite3_stmt *statement, int64_t a, int64_t b, int64_t c)
{
    const int64_t values[] = { a, b, c };

    for (int i = 0; i < sqlite3_bind_parameter_count(statement); i++)
        check(sqlite3_bind_int64(statement, i + 1, values[i]), SQLITE_OK);
    check(sqlite3_step(statement), SQLITE_DONE);
    sqlite3_reset(statement);
}

static void put_people(sqlite3 *database)
{
    sqlite3_stmt *credential = prepare(database, "INSERT INTO credentials VALUES(?3, ?1, ?2)");
    sqlite3_stmt *user = prepare(database, "INSERT INTO users VALUES(?, ?, ?)");
    sqlite3_stmt *tag = prepare(database, "INSERT OR IGNORE INTO user_tags VALUES(?, ?)");

    for (uint32_t i = 0; i < CREDENTIALS / 2; i++) {
        put(user, i, 0, 0);
        put(tag, i, i % TAGS, 0);
        put(tag, i, i * 3 % TAGS, 0);
    }
    for (uint32_t i = 0; i < CREDENTIALS; i++) {
        uint8_t hash[CREDENTIAL_HASH_BYTES];

        hash_of(i, hash);
        check(sqlite3_bind_int64(credential, 1, i / 2), SQLITE_OK);
        check(sqlite3_bind_int64(credential, 2, 0), SQLITE_OK);
        check(sqlite3_bind_blob(credential, 3, hash, sizeof(hash), SQLITE_TRANSIENT), SQLITE_OK);
        check(sqlite3_step(credential), SQLITE_DONE);
        sqlite3_reset(credential);
    }
    sqlite3_finalize(credential);
    sqlite3_finalize(user);
    sqlite3_finalize(tag);
}

static void put_rules(sqlite3 *database)
{
    sqlite3_stmt *rule = prepare(database, "INSERT INTO rules VALUES(?, ?, ?)");
    sqlite3_stmt *tag = prepare(database, "INSERT INTO rule_tags VALUES(?, ?)");
    sqlite3_stmt *point = prepare(database, "INSERT OR IGNORE INTO rule_points VALUES(?, ?)");

    for (int i = 0; i < RULES; i++) {
        put(rule, i, i % SCHEDULES % 20 * 3600, 22 * 3600);
        put(tag, i % TAGS, i, 0);
        put(point, i, i % POINTS, 0);
        put(point, i, i * 7 % POINTS, 0);
    }
    sqlite3_finalize(rule);
    sqlite3_finalize(tag);
    sqlite3_finalize(point);
}

static void time_joins(int64_t ns[static DECISIONS])
{
    sqlite3 *database = NULL;

    check(sqlite3_open(":memory:", &database), SQLITE_OK);
    check(sqlite3_exec(database, schema, NULL, NULL, NULL), SQLITE_OK);
    put_people(database);
    put_rules(database);
    check(sqlite3_exec(database, "COMMIT; ANALYZE", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_stmt *join = prepare(database, JOIN);

    for (uint32_t n = 0; n < JOINS; n++) {
        uint8_t hash[CREDENTIAL_HASH_BYTES];

        hash_of((uint32_t)(mix(n) % CREDENTIALS), hash);
        int64_t begin = now_ns();

        sqlite3_bind_blob(join, 1, hash, sizeof(hash), SQLITE_STATIC);
        sqlite3_bind_int64(join, 2, (int64_t)(mix(~(uint64_t)n) % POINTS));
        sqlite3_bind_int64(join, 3, 1);
        sqlite3_bind_int64(join, 4, 12 * 3600);
        sqlite3_step(join);
        ns[n] = now_ns() - begin;
        sqlite3_reset(join);
    }
    sqlite3_finalize(join);
    sqlite3_close(database);
}

int main(void)
{
    static int64_t floor_ns[DECISIONS], decide_ns[DECISIONS], join_ns[DECISIONS];
    static const struct world_hooks hooks;
    struct world *world = NULL;
    int64_t ignored;
    struct policy *policy = build(CREDENTIALS, &ignored);
    struct bare bare = make_bare(CREDENTIALS);

    check(world_new(policy, "boot", &hooks, &world), 0);
    time_floor(&bare, floor_ns);
    time_decisions(policy, world, decide_ns);
    time_joins(join_ns);
    print_times("floor_lookup", floor_ns, DECISIONS);
    print_times("decide", decide_ns, DECISIONS);
    print_times("sqlite_join", join_ns, JOINS);
    printf("decide_p99_to_floor_p99 %.2f ratio\n",
           (double)decide_ns[DECISIONS / 100 * 99] / (double)floor_ns[DECISIONS / 100 * 99]);
    printf("sqlite_join_p50_to_decide_p50 %.1f ratio\n",
           (double)join_ns[JOINS / 2] / (double)decide_ns[DECISIONS / 2]);
    free(bare.slots);
    world_free(world);
    policy_free(policy);
    return 0;
}
