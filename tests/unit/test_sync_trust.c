/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whom the gateway believes: the envelope's checks in their order, and the keys in force. */
#include "tests/unit/jws_fixture.h"
#include "tests/unit/sync_fixture.h"

/* Seeds, and the ids of their keys in the fixture. */
#define ROOT    1
#define POLICY  2
#define EVENTS  3
#define COMMAND 4
#define OTHER   9

struct keys {
    struct world *world;
    struct key_set config;
    struct key_set items;
    struct text text;
};

/* A gateway with trust signed, its keys in gateway.json. */
static int setup_keys(void **state)
{
    struct keys *k = calloc(1, sizeof(*k));
    void *world = NULL;

    assert_int_equal(setup(&world), 0);
    k->world = world;
    add_key(&k->config, "root-1", ROOT, "\"root\"");
    add_key(&k->config, "pol-1", POLICY, "\"policy\"");
    add_key(&k->config, "ev-1", EVENTS, "\"events\"");
    add_key(&k->config, "cmd-1", COMMAND, "\"command\"");
    k->world->trust = TRUST_SIGNED;
    k->world->keys = &k->config;
    start(k->world);
    *state = k;
    return 0;
}

static int teardown_keys(void **state)
{
    struct keys *k = *state;
    void *world = k->world;

    assert_int_equal(teardown(&world), 0);
    key_set_finish(&k->config);
    key_set_finish(&k->items);
    text_finish(&k->text);
    free(k);
    return 0;
}

/* --- messages through sync --- */

static void receive_crafted(struct keys *k, enum cloud_topic topic, bool retained)
{
    const struct trust_message message = { retained, k->text.data, k->text.len };

    sync_message(k->world->sync, &k->world->now, cloud_topic_name(topic), &message);
}

static void craft_as(struct keys *k, const char *kid, const char *typ, const char *payload, uint8_t seed)
{
    char header[HEADER_SIZE];

    craft(&k->text, header_of(header, "EdDSA", kid, typ), payload, seed);
}

/* The refusal's code is this, and nothing else was done. */
static void assert_refused(struct keys *k, enum cloud_topic topic, const char *code)
{
    const struct world *w = k->world;
    struct cloud_result result = expect_result(k->world, topic, CLOUD_OUTCOME_REJECTED);
    char ref[CLOUD_REF_SIZE];

    cloud_ref(k->text.data, k->text.len, ref);
    assert_string_equal(result.code, code);
    assert_string_equal(result.ref, ref);
    assert_int_equal(w->deltas + w->snapshots + w->acks, 0);
    expect_silence(k->world);
}

#define DELTA(aud, members) "{\"aud\":\"" aud "\",\"iat\":1,\"generation\":1" members "}"
#define DELTA_REST          ",\"from\":42,\"to\":43,\"ops\":[],\"root\":\"" ROOT_B "\""
#define DELTA_TYP           "stile-delta+jws"

static void refuse_before_the_header(struct keys *k)
{
    char long_payload[CLOUD_PAYLOAD_MAX];

    memset(long_payload, 'x', sizeof(long_payload) - 1);
    long_payload[sizeof(long_payload) - 1] = '\0';
    craft(&k->text, "{\"alg\":\"none\"}", long_payload, OTHER);
    receive_crafted(k, CLOUD_DOWN_DELTA, true);
    assert_refused(k, CLOUD_DOWN_DELTA, "size");
    craft(&k->text, "{\"alg\":\"none\"}", "x", OTHER);
    text_add(&k->text, ".");
    receive_crafted(k, CLOUD_DOWN_DELTA, true);
    assert_refused(k, CLOUD_DOWN_DELTA, "retained");
    receive_crafted(k, CLOUD_DOWN_DELTA, false);
    assert_refused(k, CLOUD_DOWN_DELTA, "format");
    craft(&k->text, "{\"alg\":\"none\"}", "x", OTHER);
    receive_crafted(k, CLOUD_DOWN_DELTA, false);
    assert_refused(k, CLOUD_DOWN_DELTA, "header");
}

/* What nobody signs has bounds, too. */
static void trust__chunk_and_digest__are_refused_by_size_and_retain_flag(void **state)
{
    static const enum cloud_topic topics[] = { CLOUD_DOWN_CHUNK, CLOUD_DOWN_DIGEST };
    struct keys *k = *state;

    connect_up(k->world);
    for (size_t i = 0; i < sizeof(topics) / sizeof(topics[0]); i++) {
        text_reset(&k->text);
        text_add(&k->text, "{}\n");
        receive_crafted(k, topics[i], true);
        assert_refused(k, topics[i], "retained");
        while (k->text.len <= CLOUD_PAYLOAD_MAX)
            text_add(&k->text, "{}\n");
        receive_crafted(k, topics[i], true);
        assert_refused(k, topics[i], "size");
    }
    assert_int_equal(k->world->chunks, 0);
}

/* P3. Each message has one fault less than the one before: the first in the contract's order is the code. */
static void trust__P3_many_faults__the_first_in_the_contract_s_order_is_the_code(void **state)
{
    static const struct {
        const char *alg, *kid, *typ, *payload;
        uint8_t seed;
        const char *code;
    } rows[] = {
        { "HS256", "nobody", "stile-ack+jws", "x", OTHER, "alg" },
        { "EdDSA", "nobody", "stile-ack+jws", "x", OTHER, "typ" },
        { "EdDSA", "nobody", DELTA_TYP, "x", OTHER, "kid" },
        { "EdDSA", "gone-1", DELTA_TYP, "x", OTHER, "retired" },
        { "EdDSA", "ev-1", DELTA_TYP, "x", OTHER, "use" },
        { "EdDSA", "pol-1", DELTA_TYP, "x", OTHER, "signature" },
        { "EdDSA", "pol-1", DELTA_TYP, "x", POLICY, "payload" },
        { "EdDSA", "pol-1", DELTA_TYP, DELTA("hub/gw2", ""), POLICY, "audience" },
        { "EdDSA", "pol-1", DELTA_TYP, DELTA("hub/gw1", ""), POLICY, "claims" },
    };
    struct keys *k = *state;
    char header[HEADER_SIZE];

    assert_int_equal(sync_retire_key(k->world->sync, "gone-1"), 0);
    connect_up(k->world);
    refuse_before_the_header(k);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        craft(&k->text, header_of(header, rows[i].alg, rows[i].kid, rows[i].typ), rows[i].payload,
              rows[i].seed);
        receive_crafted(k, CLOUD_DOWN_DELTA, false);
        assert_refused(k, CLOUD_DOWN_DELTA, rows[i].code);
    }
    craft(&k->text, header_of(header, "Ed25519", "pol-1", DELTA_TYP), DELTA("hub/gw1", DELTA_REST), POLICY);
    receive_crafted(k, CLOUD_DOWN_DELTA, false);
    assert_int_equal(k->world->deltas, 1);
    expect_silence(k->world);
}

static void trust__bare_message__counts_by_trust_broker_alone(void **state)
{
    struct keys *k = *state;

    for (int broker = 0; broker < 2; broker++) {
        k->world->trust = broker ? TRUST_BROKER : TRUST_SIGNED;
        start(k->world);
        connect_up(k->world);
        text_reset(&k->text);
        text_add(&k->text, DELTA("hub/gw1", DELTA_REST));
        receive_crafted(k, CLOUD_DOWN_DELTA, false);
        if (!broker)
            assert_refused(k, CLOUD_DOWN_DELTA, "format");
    }
    assert_int_equal(k->world->deltas, 1);
    assert_false(k->world->keys_allowed); /* without key items, and they cannot be told from others before */
}

/* By trust broker what is signed is verified nevertheless. */
static void trust__jws_by_trust_broker__is_verified(void **state)
{
    struct keys *k = *state;

    k->world->trust = TRUST_BROKER;
    start(k->world);
    connect_up(k->world);
    craft_as(k, "pol-1", DELTA_TYP, DELTA("hub/gw1", DELTA_REST), OTHER);
    receive_crafted(k, CLOUD_DOWN_DELTA, false);
    assert_refused(k, CLOUD_DOWN_DELTA, "signature");
    craft_as(k, "pol-1", DELTA_TYP, DELTA("hub/gw1", DELTA_REST), POLICY);
    receive_crafted(k, CLOUD_DOWN_DELTA, false);
    assert_int_equal(k->world->deltas, 1);
}

static void trust__state__says_which(void **state)
{
    struct keys *k = *state;

    sync_link_started(k->world->sync);
    sync_connected(k->world->sync, &k->world->now);
    assert_string_equal(expect_state(k->world).trust, "signed");
}

#define DESIRED(generation)                                                                                  \
    "{\"aud\":\"hub/gw1\",\"iat\":1,\"generation\":" #generation ",\"version\":43,\"root\":\"" ROOT_B "\"}"

static void trust__P6_higher_generation__by_root_alone(void **state)
{
    struct keys *k = *state;

    connect_up(k->world);
    craft_as(k, "pol-1", "stile-desired+jws", DESIRED(2), POLICY);
    receive_crafted(k, CLOUD_DOWN_DESIRED, true);
    assert_refused(k, CLOUD_DOWN_DESIRED, "generation");
    craft_as(k, "root-1", "stile-desired+jws", DESIRED(2), ROOT);
    receive_crafted(k, CLOUD_DOWN_DESIRED, true);
    (void)expect_request(k->world, CLOUD_WANT_SNAPSHOT);
}

static void trust__key_items__by_root_alone(void **state)
{
    struct keys *k = *state;

    connect_up(k->world);
    craft_as(k, "pol-1", DELTA_TYP, DELTA("hub/gw1", DELTA_REST), POLICY);
    receive_crafted(k, CLOUD_DOWN_DELTA, false);
    assert_false(k->world->keys_allowed);
    craft_as(k, "root-1", DELTA_TYP, DELTA("hub/gw1", DELTA_REST), ROOT);
    receive_crafted(k, CLOUD_DOWN_DELTA, false);
    assert_true(k->world->keys_allowed);
}

#define ACK(aud)                                                                                             \
    "{\"aud\":\"" aud "\",\"iat\":1,\"epoch\":\"" EPOCH "\",\"seq\":0,\"hash\":\""                           \
    "0000000000000000000000000000000000000000000000000000000000000000\"}"

static void trust__ack__is_for_one_gateway(void **state)
{
    struct keys *k = *state;

    connect_up(k->world);
    craft_as(k, "ev-1", "stile-ack+jws", ACK("hub/*"), EVENTS);
    receive_crafted(k, CLOUD_DOWN_ACK, false);
    assert_refused(k, CLOUD_DOWN_ACK, "audience");
    craft_as(k, "root-1", "stile-ack+jws", ACK("hub/gw1"), ROOT); /* root covers policy, not events */
    receive_crafted(k, CLOUD_DOWN_ACK, false);
    assert_refused(k, CLOUD_DOWN_ACK, "use");
    craft_as(k, "ev-1", "stile-ack+jws", ACK("hub/gw1"), EVENTS);
    receive_crafted(k, CLOUD_DOWN_ACK, false);
    assert_int_equal(k->world->acks, 1);
}

/* --- keys --- */

/* What trust_open() says of a delta, "" if nothing. */
static const char *opened_as(struct keys *k, struct trust *trust, const char *kid, uint8_t seed)
{
    struct trust_opened opened;
    struct cloud_refusal refusal;

    craft_as(k, kid, DELTA_TYP, "{}", seed);
    const struct trust_message message = { false, k->text.data, k->text.len };

    return trust_open(trust, CLOUD_DOWN_DELTA, &message, &opened, &refusal) < 0 ? refusal.code : "";
}

static void trust__key_item__counts_from_the_policy_s_swap_until_the_next(void **state)
{
    struct keys *k = *state;
    struct trust *trust;
    const struct key_set none = { 0 };

    assert_int_equal(trust_new(TRUST_SIGNED, &k->config, &trust), 0);
    add_key(&k->items, "pol-2", OTHER, "\"policy\"");
    assert_string_equal(opened_as(k, trust, "pol-2", OTHER), "kid");
    trust_set_items(trust, &k->items);
    assert_string_equal(opened_as(k, trust, "pol-2", OTHER), "");
    assert_string_equal(opened_as(k, trust, "pol-1", POLICY), ""); /* both: rotation overlaps */
    trust_set_items(trust, &none);
    assert_string_equal(opened_as(k, trust, "pol-2", OTHER), "kid");
    trust_free(trust);
}

static void trust__key_of_gateway_json__wins_over_an_item_of_its_id(void **state)
{
    struct keys *k = *state;
    struct trust *trust;

    assert_int_equal(trust_new(TRUST_SIGNED, &k->config, &trust), 0);
    add_key(&k->items, "pol-1", OTHER, "\"policy\",\"root\"");
    trust_set_items(trust, &k->items);
    assert_string_equal(opened_as(k, trust, "pol-1", OTHER), "signature");
    assert_string_equal(opened_as(k, trust, "pol-1", POLICY), "");
    trust_free(trust);
}

static void trust__retired__stays_so_whatever_the_policy_says(void **state)
{
    struct keys *k = *state;
    struct trust *trust;

    assert_int_equal(trust_new(TRUST_SIGNED, &k->config, &trust), 0);
    assert_int_equal(trust_restore_retired(trust, "pol-2"), 0); /* of an earlier run */
    add_key(&k->items, "pol-2", OTHER, "\"policy\"");
    trust_set_items(trust, &k->items);
    assert_string_equal(opened_as(k, trust, "pol-2", OTHER), "retired");
    assert_int_equal(trust_retire(trust, "pol-1"), 0); /* of gateway.json as well */
    assert_int_equal(trust_retire(trust, "pol-1"), 0);
    assert_string_equal(opened_as(k, trust, "pol-1", POLICY), "retired");
    trust_free(trust);
}

static void trust__last_root__cannot_be_retired(void **state)
{
    cleanup_with(json_putp) struct json_object *useless =
        key_item("root-3", OTHER, "\"root\"", ",\"scope\":{\"hours\":[]}");
    struct json_error error;
    struct keys *k = *state;
    struct trust *trust;

    assert_int_equal(trust_new(TRUST_SIGNED, &k->config, &trust), 0);
    add_key(&k->items, "root-1", OTHER, "\"root\""); /* hidden by the one of gateway.json: counts once */
    trust_set_items(trust, &k->items);
    assert_int_equal(trust_retire(trust, "root-1"), TRUST_E_LAST_ROOT);
    assert_int_equal(key_set_add(&k->items, useless, &error), 0);
    assert_int_equal(trust_retire(trust, "root-1"), TRUST_E_LAST_ROOT); /* root-3 may do nothing */
    assert_string_equal(opened_as(k, trust, "root-1", ROOT), "");
    add_key(&k->items, "root-2", OTHER, "\"root\"");
    assert_int_equal(trust_retire(trust, "root-1"), 0);
    assert_int_equal(trust_retire(trust, "root-2"), TRUST_E_LAST_ROOT);
    assert_string_equal(opened_as(k, trust, "root-1", ROOT), "retired");
    trust_free(trust);
}

static void trust__scope_not_understood__allows_nothing(void **state)
{
    struct keys *k = *state;
    struct trust *trust;
    cleanup_with(json_putp) struct json_object *item =
        key_item("pol-2", OTHER, "\"policy\"", ",\"scope\":{\"hours\":[]}");
    struct json_error error;

    assert_int_equal(key_set_add(&k->items, item, &error), 0);
    assert_int_equal(trust_new(TRUST_SIGNED, &k->config, &trust), 0);
    trust_set_items(trust, &k->items);
    assert_string_equal(opened_as(k, trust, "pol-2", OTHER), "use");
    trust_free(trust);
}

static void trust__command__by_command_or_root_key_and_never_bare(void **state)
{
    static const struct {
        const char *kid;
        uint8_t seed;
        const char *code;
    } rows[] = { { "cmd-1", COMMAND, "" },
                 { "root-1", ROOT, "" },
                 { "pol-1", POLICY, "use" },
                 { "ev-1", EVENTS, "use" } };
    const struct trust_message bare = { false, "{}", 2 };
    struct keys *k = *state;
    struct trust *trust;
    struct trust_opened opened;
    struct cloud_refusal refusal;

    assert_int_equal(trust_new(TRUST_BROKER, &k->config, &trust), 0);
    assert_int_equal(trust_open(trust, CLOUD_DOWN_COMMAND, &bare, &opened, &refusal), -EBADMSG);
    assert_string_equal(refusal.code, "format");
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        craft_as(k, rows[i].kid, "stile-command+jwt", "{}", rows[i].seed);
        const struct trust_message message = { false, k->text.data, k->text.len };
        int r = trust_open(trust, CLOUD_DOWN_COMMAND, &message, &opened, &refusal);

        assert_string_equal(r < 0 ? refusal.code : "", rows[i].code);
        if (r == 0)
            assert_string_equal(opened.key->id, rows[i].kid);
    }
    trust_free(trust);
}

/* A retired key's snapshot does not come in force by the chunks that follow, which nobody signs. */
static void trust__key_retired_while_its_snapshot_comes__drops_it(void **state)
{
    struct keys *k = *state;
    struct world *w = k->world;

    connect_up(w);
    w->staging = (struct sync_staging){ .active = true, .generation = 1, .version = 43, .chunks = 3 };
    start(w);
    connect_up(w);
    assert_int_equal(sync_retire_key(w->sync, "pol-1"), 0);
    assert_int_equal(w->cancels, 1);
    w->staging = (struct sync_staging){ 0 };
    report(w, SYNC_POLICY_STALE);
    assert_int_equal(w->cancels, 1);
}

/* --- the events of refusals --- */

static void refusal__first_of_its_code__is_an_event_at_once(void **state)
{
    struct keys *k = *state;

    connect_up(k->world);
    receive_text(k->world, CLOUD_DOWN_DELTA, "x");
    receive_text(k->world, CLOUD_DOWN_ACK, "x.y.z");
    assert_int_equal(k->world->refused, 2);
    assert_string_equal(k->world->last_refused.code, "header");
    assert_int_equal(k->world->last_refused.of, CLOUD_DOWN_ACK);
    assert_int_equal(k->world->last_refused.count, 1);
}

static void refusal__many_of_one_code__are_one_event_a_minute_with_a_count(void **state)
{
    struct keys *k = *state;

    connect_up(k->world);
    for (int i = 0; i < 80; i++)
        receive_text(k->world, CLOUD_DOWN_DELTA, "x");
    assert_int_equal(k->world->refused, 1);
    pass(k->world, 60 * SECOND - 1);
    assert_int_equal(k->world->refused, 1);
    assert_true(sync_due(k->world->sync) <= k->world->now.boot_us + 1);
    pass(k->world, 1);
    assert_int_equal(k->world->refused, 2);
    assert_int_equal(k->world->last_refused.count, 79); /* those that were not answered, too */
    receive_text(k->world, CLOUD_DOWN_DELTA, "x");
    pass(k->world, 59 * SECOND);
    assert_int_equal(k->world->refused, 2);
    pass(k->world, SECOND);
    assert_int_equal(k->world->refused, 3);
    pass(k->world, 60 * SECOND); /* silent for a minute: the next one is told at once */
    receive_text(k->world, CLOUD_DOWN_DELTA, "x");
    assert_int_equal(k->world->refused, 4);
}

#define KEYS_TEST(name) cmocka_unit_test_setup_teardown(name, setup_keys, teardown_keys)

int main(void)
{
    const struct CMUnitTest tests[] = {
        KEYS_TEST(trust__P3_many_faults__the_first_in_the_contract_s_order_is_the_code),
        KEYS_TEST(trust__chunk_and_digest__are_refused_by_size_and_retain_flag),
        KEYS_TEST(trust__bare_message__counts_by_trust_broker_alone),
        KEYS_TEST(trust__jws_by_trust_broker__is_verified),
        KEYS_TEST(trust__state__says_which),
        KEYS_TEST(trust__P6_higher_generation__by_root_alone),
        KEYS_TEST(trust__key_items__by_root_alone),
        KEYS_TEST(trust__ack__is_for_one_gateway),
        KEYS_TEST(trust__key_item__counts_from_the_policy_s_swap_until_the_next),
        KEYS_TEST(trust__key_of_gateway_json__wins_over_an_item_of_its_id),
        KEYS_TEST(trust__retired__stays_so_whatever_the_policy_says),
        KEYS_TEST(trust__last_root__cannot_be_retired),
        KEYS_TEST(trust__scope_not_understood__allows_nothing),
        KEYS_TEST(trust__command__by_command_or_root_key_and_never_bare),
        KEYS_TEST(trust__key_retired_while_its_snapshot_comes__drops_it),
        KEYS_TEST(refusal__first_of_its_code__is_an_event_at_once),
        KEYS_TEST(refusal__many_of_one_code__are_one_event_a_minute_with_a_count),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
