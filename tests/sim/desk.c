/* SPDX-License-Identifier: GPL-3.0-or-later */
/* desk.c: each command is remembered with what must not happen to it. */
#include "tests/sim/desk.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/sync/sync.h"
#include "proto/cloud_command.h"
#include "proto/jws.h"
#include "tests/sim/broker.h"
#include "tests/sim/cloud.h"
#include "tests/sim/content.h"
#include "tests/sim/disk.h"
#include "tests/sim/machine.h"
#include "tests/sim/sim.h"

#define KID          "cmd-1"
#define TOPIC        "stile/1/" MACHINE_SITE "/" MACHINE_GATEWAY "/down/command"
#define SENT_MAX     128
#define LIFE_S       20
#define OUTCOME_SIZE 16

struct sent {
    char jti[CLOUD_JTI_SIZE];
    int64_t at;
    bool challenged; /* so that its age is known to a gateway without a clock */
    bool forbidden;  /* retained, or signed by somebody else */
    int runs;
    char outcome[OUTCOME_SIZE]; /* as said; "": nothing yet */
};

static struct {
    char challenge[CLOUD_CHALLENGE_SIZE]; /* of the last state heard */
    struct sent sent[SENT_MAX];
    size_t count;
    bool running;
    struct text payload, signed_payload;
} desk;

static const uint8_t seed[KEY_SEED_BYTES] = "the seed of who may command ...";
static const uint8_t other_seed[KEY_SEED_BYTES] = "the seed of somebody else ....";

void desk_begin(void)
{
    memset(&desk, 0, sizeof(desk));
}

void desk_end(void)
{
    text_finish(&desk.payload);
    text_finish(&desk.signed_payload);
}

struct key_set desk_keys(void)
{
    struct key_set set = { .keys = calloc(1, sizeof(*set.keys)), .count = 1 };

    assert(set.keys);
    strcpy(set.keys[0].id, KID);
    key_derive(seed, set.keys[0].public_key);
    set.keys[0].uses = 1u << KEY_USE_COMMAND;
    return set;
}

bool desk_running(void)
{
    return desk.running;
}

void desk_heard(const char *payload, size_t len)
{
    struct cloud_refusal refusal;
    struct cloud_state state;

    if (cloud_state_parse(payload, len, &state, &refusal) == 0 && state.online)
        snprintf(desk.challenge, sizeof(desk.challenge), "%s", state.challenge);
}

/* --- who commands --- */

static void write_command(const struct sent *sent)
{
    int64_t now = machine_true_utc_us() / USEC_PER_SEC;

    text_reset(&desk.payload);
    text_addf(&desk.payload,
              "{\"aud\":\"" MACHINE_SITE "/" MACHINE_GATEWAY "\",\"iat\":%" PRId64 ",\"exp\":%" PRId64
              ",\"jti\":\"%s\",\"iss\":\"desk@hub\",\"verb\":\"release\",\"target\":\"%s\","
              "\"args\":{\"direction\":\"entry\",\"reason\":\"parcel %d\"}",
              now, now + LIFE_S, sent->jti, sim_chance(100) ? "nowhere" : content_target(sim_chance(500)),
              (int)sim_below(1000));
    if (sent->challenged)
        text_addf(&desk.payload, ",\"chal\":\"%s\"", desk.challenge);
    text_add(&desk.payload, "}");
}

static struct sent *new_command(void)
{
    struct sent *sent = &desk.sent[desk.count++];

    *sent = (struct sent){ .challenged = desk.challenge[0] && sim_chance(700) };
    snprintf(sent->jti, sizeof(sent->jti), "jti-%016zu", desk.count);
    return sent;
}

/* Now and then the last one's jti comes again with other bytes. */
void desk_send(void)
{
    bool again = desk.count > 0 && !desk.sent[desk.count - 1].forbidden && sim_chance(100);
    bool retained = !again && sim_chance(80);
    bool forged = !again && sim_chance(80);
    const struct jws_signer signer = { .kid = KID, .seed = forged ? other_seed : seed };

    if (!cloud_serving() || desk.count == SENT_MAX)
        return;
    struct sent *sent = again ? &desk.sent[desk.count - 1] : new_command();

    sent->at = sim_now();
    sent->forbidden |= retained || forged;
    write_command(sent);
    int r = jws_sign(&desk.signed_payload, &signer, cloud_topic_typ(CLOUD_DOWN_COMMAND),
                     text_string(&desk.payload), desk.payload.len);

    assert(r == 0);
    sim_trace("command %s%s%s%s", sent->jti, again ? " with other bytes" : "", retained ? ", retained" : "",
              forged ? ", forged" : "");
    broker_publish(BROKER_CLOUD, TOPIC, retained, desk.signed_payload.data, desk.signed_payload.len);
}

/* --- what becomes of it --- */

static struct sent *find(const char *jti)
{
    for (size_t i = 0; i < desk.count; i++)
        if (strcmp(desk.sent[i].jti, jti) == 0)
            return &desk.sent[i];
    sim_fail("C1", "nobody commanded %s", jti);
}

/* C2: `started` is durable before the device is told, and its result before the cloud is. */
static bool is_stored(const char *jti, bool with_result)
{
    sqlite3 *ledger = disk_audit(DISK_LEDGER);
    sqlite3_stmt *row = NULL;
    bool found =
        sqlite3_prepare_v2(ledger, "SELECT 1 FROM commands WHERE jti = ? AND (result IS NOT NULL OR ?)", -1,
                           &row, NULL) == SQLITE_OK &&
        sqlite3_bind_text(row, 1, jti, -1, SQLITE_STATIC) == SQLITE_OK &&
        sqlite3_bind_int(row, 2, !with_result) == SQLITE_OK && sqlite3_step(row) == SQLITE_ROW;

    sqlite3_finalize(row);
    disk_audit_end(ledger);
    return found;
}

static void check_run(const struct sync_command *command)
{
    struct sent *sent = find(command->jti);
    bool datable = sent->challenged || (machine_time().clock == CLOCK_STATE_SYNCED && !sim_faults()->clock);

    sent->runs++;
    sim_trace("%s is carried out", command->jti);
    SIM_REQUIRE(!sent->forbidden, "C1", "%s was retained or forged, and is carried out", command->jti);
    SIM_REQUIRE(!datable || sim_now() - sent->at <= LIFE_S * USEC_PER_SEC, "C1",
                "%s is carried out after %.1f s", command->jti,
                (double)(sim_now() - sent->at) / USEC_PER_SEC);
    SIM_REQUIRE(sent->runs == 1 || sim_faults()->old_image, "C2", "%s is carried out again", command->jti);
    SIM_REQUIRE(is_stored(command->jti, false), "C2", "%s is carried out before it is stored", command->jti);
}

bool __real_cloud_commands_run(void *user, const struct timestamp *now, const struct sync_command *command,
                               struct sync_command_end *ret_end);
bool __wrap_cloud_commands_run(void *user, const struct timestamp *now, const struct sync_command *command,
                               struct sync_command_end *ret_end);

bool __wrap_cloud_commands_run(void *user, const struct timestamp *now, const struct sync_command *command,
                               struct sync_command_end *ret_end)
{
    if (machine_alive())
        check_run(command);
    desk.running = true;
    bool ended = __real_cloud_commands_run(user, now, command, ret_end);

    desk.running = false;
    return ended;
}

/* C3: one outcome, whenever it is said. */
void desk_said(const char *payload, size_t len)
{
    struct cloud_command_result result;
    struct cloud_refusal refusal;

    SIM_REQUIRE(cloud_command_result_parse(payload, len, &result, &refusal) == 0, "the contract", "%s",
                payload);
    const char *outcome = cloud_command_outcome_name(result.outcome);

    sim_trace("result: %s %s %s %s%s", result.jti, outcome, result.code, result.reason,
              result.repeat ? ", again" : "");
    if (!result.jti[0] || strcmp(result.code, "jti") == 0)
        return;
    struct sent *sent = find(result.jti);

    SIM_REQUIRE(!sent->outcome[0] || strcmp(sent->outcome, outcome) == 0 || sim_faults()->old_image, "C3",
                "%s is %s, and was %s", result.jti, outcome, sent->outcome);
    SIM_REQUIRE(result.outcome != CLOUD_COMMAND_COMPLETED || sent->runs > 0, "C3",
                "%s is completed, and was not begun", result.jti);
    SIM_REQUIRE(!machine_alive() || result.outcome == CLOUD_COMMAND_REFUSED || is_stored(result.jti, true),
                "C3", "%s is said to be %s before that is stored", result.jti, outcome);
    snprintf(sent->outcome, sizeof(sent->outcome), "%s", outcome);
}

static void check_events(sqlite3_stmt *rows, const struct sent *sent)
{
    char pattern[160];
    int count = 0;

    snprintf(pattern, sizeof(pattern), "%%\"kind\":\"command\"%%\"jti\":\"%s\"%%", sent->jti);
    sqlite3_bind_text(rows, 1, pattern, -1, SQLITE_STATIC);
    for (; sqlite3_step(rows) == SQLITE_ROW; count++) {
        const char *line = (const char *)sqlite3_column_text(rows, 0);
        const char *at = strstr(line, "\"outcome\":\"");
        char outcome[OUTCOME_SIZE] = "";

        if (strstr(line, "\"code\":\"jti\"")) {
            count--;
            continue;
        }
        if (at)
            sscanf(at, "\"outcome\":\"%15[a-z]", outcome);
        SIM_REQUIRE(!sent->outcome[0] || strcmp(outcome, sent->outcome) == 0, "C3",
                    "%s was said to be %s: %s", sent->jti, sent->outcome, line);
    }
    sqlite3_reset(rows);
    SIM_REQUIRE(count == (sent->runs > 0), "C3", "%s was carried out %d times and has %d events", sent->jti,
                sent->runs, count);
}

void desk_check_all(sqlite3 *cloud)
{
    sqlite3_stmt *rows = NULL;
    int r = sqlite3_prepare_v2(cloud, "SELECT line FROM events WHERE line LIKE ?", -1, &rows, NULL);

    SIM_REQUIRE(r == SQLITE_OK, "the audit", "%s", sqlite3_errmsg(cloud));
    for (size_t i = 0; i < desk.count && !sim_faults()->old_image && !sim_faults()->flood; i++)
        if (desk.sent[i].runs > 0)
            check_events(rows, &desk.sent[i]);
    sqlite3_finalize(rows);
}
