/* SPDX-License-Identifier: GPL-3.0-or-later */
/* bench_decide.c: one decision with all rules at a million credentials, each time of somebody else: found by
 * the hash, and decided. Beside it the floor, another credential found in a bare table of hashes, and what
 * one would write first: the join as a prepared statement of SQLite, all in memory.
 *
 * They take turns, a few of each at a time, so that all meet the same machine and none finds in the cache
 * what it has just made. Half of the people stand where a rule joins them. */
#include <sqlite3.h>
#include <stdlib.h>

#include "gateway/base/clock.h"
#include "gateway/core/world.h"
#include "proto/name.h"
#include "tests/bench/big_policy.h"

#define CREDENTIALS 1000000

/* Of each in a turn. The join is slow, and its times do not spread much. */
#define ROUNDS    500
#define DECISIONS 400
#define JOINS     40

/* A Tuesday noon, at which every schedule of the policy is open. */
#define NOON_US (INT64_C(1795521600) * USEC_PER_SEC)

static void check(int result, int wanted)
{
    if (result != wanted)
        abort();
}

/* What is asked the nth time: whose credential is presented, and at which point. */
struct question {
    uint32_t credential;
    uint8_t hash[CREDENTIAL_HASH_BYTES];
    int point; /* by number */
};

static struct question question(uint64_t n)
{
    struct question q = { .credential = (uint32_t)(mix(n) % CREDENTIALS) };
    uint32_t number = (uint32_t)(mix(~n) >> 1);
    uint32_t tag = q.credential / 2 % TAGS;

    hash_of(q.credential, q.hash);
    q.point = (int)((n % 2 ? number : tag + number % (RULES / TAGS) * TAGS) % POINTS);
    return q;
}

struct bench {
    struct bare bare;
    struct policy *policy;
    struct world *world;
    uint32_t points[POINTS]; /* indexes, by number */
    sqlite3 *database;
    sqlite3_stmt *join;
    uint32_t granted;
};

/* Each returns the nanoseconds of one. */

static int64_t time_nothing(struct bench *bench, const struct question *q)
{
    int64_t begin = now_ns();

    return now_ns() - begin;
}

static int64_t time_floor(struct bench *bench, const struct question *q)
{
    int64_t begin = now_ns();
    uint32_t found = bare_slot(&bench->bare, q->hash)->credential;
    int64_t ns = now_ns() - begin;

    check((int)found, (int)q->credential);
    return ns;
}

static int64_t time_decision(struct bench *bench, const struct question *q)
{
    const struct timestamp now = { USEC_PER_SEC, NOON_US, CLOCK_STATE_SYNCED };
    struct verdict verdict;
    uint32_t credential;
    int64_t begin = now_ns();

    check((int)policy_lookup(bench->policy, CREDENTIAL_CARD, q->hash, &credential), 1);
    world_ask(bench->world, bench->points[q->point], credential, &now, &verdict);
    int64_t ns = now_ns() - begin;

    bench->granted += verdict.kind == VERDICT_GRANT;
    return ns;
}

static int64_t time_join(struct bench *bench, const struct question *q)
{
    int64_t begin = now_ns();

    sqlite3_bind_blob(bench->join, 1, q->hash, sizeof(q->hash), SQLITE_STATIC);
    sqlite3_bind_int64(bench->join, 2, q->point);
    sqlite3_bind_int64(bench->join, 3, 1);
    sqlite3_bind_int64(bench->join, 4, 12 * 3600);
    sqlite3_step(bench->join);
    int64_t ns = now_ns() - begin;

    sqlite3_reset(bench->join);
    return ns;
}

/* --- The same in SQLite. --- */

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

static void open_database(struct bench *bench)
{
    check(sqlite3_open(":memory:", &bench->database), SQLITE_OK);
    check(sqlite3_exec(bench->database, schema, NULL, NULL, NULL), SQLITE_OK);
    put_people(bench->database);
    put_rules(bench->database);
    check(sqlite3_exec(bench->database, "COMMIT; ANALYZE", NULL, NULL, NULL), SQLITE_OK);
    bench->join = prepare(bench->database, JOIN);
}

/* --- Taking turns. --- */

enum { TIMER, FLOOR, DECIDE, JOINED, SERIES };

struct series {
    const char *name;
    int64_t (*time)(struct bench *bench, const struct question *q);
    size_t a_turn;
    size_t count;
    int64_t ns[ROUNDS * DECISIONS];
};

static void run(struct bench *bench, struct series series[static SERIES])
{
    uint64_t n = 0;

    for (int round = 0; round < ROUNDS; round++)
        for (int i = 0; i < SERIES; i++)
            for (size_t k = 0; k < series[i].a_turn; k++) {
                struct question q = question(n++);

                series[i].ns[series[i].count++] = series[i].time(bench, &q);
            }
}

static int64_t at(const struct series *series, double share)
{
    return series->ns[(size_t)(share * (double)series->count)];
}

static void print_times(struct series *series)
{
    qsort(series->ns, series->count, sizeof(int64_t), compare_ns);
    printf("%s_p50 %" PRId64 " ns\n", series->name, at(series, 0.5));
    printf("%s_p99 %" PRId64 " ns\n", series->name, at(series, 0.99));
    printf("%s_p999 %" PRId64 " ns\n", series->name, at(series, 0.999));
}

static void print_ratio(const char *name, const struct series *a, const struct series *b, double share)
{
    printf("%s %.2f ratio\n", name, (double)at(a, share) / (double)at(b, share));
}

int main(void)
{
    static const struct world_hooks hooks;
    static struct series series[SERIES] = {
        [TIMER] = { .name = "timer", .time = time_nothing, .a_turn = DECISIONS },
        [FLOOR] = { .name = "floor_lookup", .time = time_floor, .a_turn = DECISIONS },
        [DECIDE] = { .name = "decide", .time = time_decision, .a_turn = DECISIONS },
        [JOINED] = { .name = "sqlite_join", .time = time_join, .a_turn = JOINS },
    };
    int64_t ignored;
    struct bench bench = { .policy = build(CREDENTIALS, &ignored), .bare = make_bare(CREDENTIALS) };

    check(world_new(bench.policy, "boot", &hooks, &bench.world), 0);
    for (int i = 0; i < POINTS; i++) {
        char id[ID_SIZE];

        snprintf(id, sizeof(id), "point%d", i);
        bench.points[i] = policy_find(bench.policy, ITEM_ACCESS_POINT, id);
    }
    open_database(&bench);
    run(&bench, series);
    for (int i = 0; i < SERIES; i++)
        print_times(&series[i]);
    printf("decide_granted %.1f percent\n", 100.0 * bench.granted / (ROUNDS * DECISIONS));
    print_ratio("decide_p99_to_floor_p99", &series[DECIDE], &series[FLOOR], 0.99);
    print_ratio("sqlite_join_p50_to_decide_p50", &series[JOINED], &series[DECIDE], 0.5);
    sqlite3_finalize(bench.join);
    sqlite3_close(bench.database);
    free(bench.bare.slots);
    world_free(bench.world);
    policy_free(bench.policy);
    return 0;
}
