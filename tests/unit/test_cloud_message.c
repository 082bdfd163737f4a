/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Texts of the contract must come out as they went in; broken ones be refused with code and member. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "proto/cloud_message.h"

#define ROOT  "4e7ebe1c70c0788ebaf9d57d9f99390e"
#define EPOCH "9f2c51d07be8a634"
#define BOOT  "5d0e1c9a-7c1f-4a53-9a55-0c1f7e0a2b11"
#define HASH2 "4325ab85e3fd22edfee94c22c8cfc0effbb812a4501d506ba1cc6857926be956"
#define ZEROS "0000000000000000000000000000000000000000000000000000000000000000"

static const struct cloud_self self = { .site = "hub", .gateway = "gw1" };

/* Texts that must come out as they went in. */
static const char state_online[] =
    "{\"gateway\":\"gw1\",\"boot\":\"" BOOT "\",\"conn\":3,\"online\":true,\"contract\":\"1.0\","
    "\"software\":\"0.3.1\",\"trust\":\"broker\",\"policy\":{\"generation\":1,\"version\":42,\"root\":\"" ROOT
    "\"},\"challenge\":\"u3Rk0XbT5yXo7W0mZq1vJg\",\"events\":{\"epoch\":\"" EPOCH
    "\",\"oldest\":3001,\"acked\":4700,\"head\":4711},"
    "\"time\":{\"utc\":null,\"clock\":\"none\"}}";
static const char state_offline[] = "{\"gateway\":\"gw1\",\"boot\":\"" BOOT "\",\"conn\":3,\"online\":false}";
static const char request_delta[] = "{\"want\":\"delta\",\"generation\":1,\"version\":42}";
static const char request_chunks[] =
    "{\"want\":\"chunks\",\"generation\":1,\"version\":43,\"from\":16,\"count\":16}";
static const char request_time[] = "{\"want\":\"time\",\"nonce\":\"u3Rk0XbT5yXo7W0mZq1vJg\"}";
static const char request_buckets[] =
    "{\"want\":\"delta\",\"generation\":1,\"version\":43,\"buckets\":[\"000\",\"065\",\"fff\"]}";
static const char result_rejected[] = "{\"of\":\"delta\",\"ref\":\"0123456789abcdef0123456789abcdef\","
                                      "\"outcome\":\"rejected\",\"code\":\"item\","
                                      "\"kind\":\"user\",\"id\":\"u9\",\"member\":\"valid_from\","
                                      "\"generation\":1,\"version\":42,\"root\":\"" ROOT "\"}";
static const char desired_text[] =
    "{\"aud\":\"hub/gw1\",\"iat\":1795357800,\"generation\":1,\"version\":43,\"root\":\"" ROOT
    "\",\"lease_until\":1795444200}";
static const char delta_text[] =
    "{\"aud\":\"hub/gw1\",\"iat\":1795357800,\"generation\":1,\"from\":42,\"to\":43,\"ops\":["
    "{\"op\":\"put\",\"kind\":\"user\",\"rev\":17,\"item\":{\"id\":\"u17\",\"name\":\"Ada\"}},"
    "{\"op\":\"del\",\"kind\":\"user\",\"id\":\"u2\"}],\"root\":\"" ROOT "\"}";
static const char snapshot_text[] =
    "{\"aud\":\"hub/*\",\"iat\":1795357800,\"generation\":1,\"version\":43,\"root\":\"" ROOT
    "\",\"items\":90210,\"chunks\":212,\"first\":\"" HASH2 "\"}";
static const char chunk_text[] =
    "{\"generation\":1,\"version\":43,\"i\":0,\"next\":\"" HASH2 "\"}\n"
    "{\"kind\":\"user\",\"rev\":17,\"item\":{\"id\":\"u17\",\"name\":\"Ada\"}}\n";
static const char ack_text[] =
    "{\"aud\":\"hub/gw1\",\"iat\":1795357800,\"epoch\":\"" EPOCH "\",\"seq\":4711,\"hash\":\"" HASH2 "\"}";

static void state__both_forms__come_out_as_they_went_in(void **unused)
{
    const char *const texts[] = { state_online, state_offline };
    struct text text = TEXT_INIT;

    for (size_t i = 0; i < 2; i++) {
        struct cloud_refusal refusal;
        struct cloud_state state;

        assert_int_equal(cloud_state_parse(texts[i], strlen(texts[i]), &state, &refusal), 0);
        assert_int_equal(cloud_state_format(&text, &state), 0);
        assert_string_equal(text_string(&text), texts[i]);
    }
    text_finish(&text);
}

static void request__with_and_without_window__come_out_as_they_went_in(void **unused)
{
    const char *const texts[] = { request_delta, request_chunks, request_buckets, request_time };
    struct text text = TEXT_INIT;

    for (size_t i = 0; i < 4; i++) {
        struct cloud_refusal refusal;
        struct cloud_request request;

        assert_int_equal(cloud_request_parse(texts[i], strlen(texts[i]), &request, &refusal), 0);
        assert_int_equal(cloud_request_format(&text, &request), 0);
        assert_string_equal(text_string(&text), texts[i]);
    }
    text_finish(&text);
}

static void result__rejected__comes_out_as_it_went_in(void **unused)
{
    struct text text = TEXT_INIT;
    struct cloud_refusal refusal;
    struct cloud_result result;

    assert_int_equal(cloud_result_parse(result_rejected, strlen(result_rejected), &result, &refusal), 0);
    assert_int_equal(result.of, CLOUD_DOWN_DELTA);
    assert_int_equal(cloud_result_format(&text, &result), 0);
    assert_string_equal(text_string(&text), result_rejected);
    text_finish(&text);
}

static void desired_and_ack__come_out_as_they_went_in(void **unused)
{
    struct text text = TEXT_INIT;
    struct cloud_refusal refusal;
    struct cloud_desired desired;
    struct cloud_ack ack;

    assert_int_equal(cloud_desired_parse(desired_text, strlen(desired_text), &self, &desired, &refusal), 0);
    assert_int_equal(cloud_desired_format(&text, &desired), 0);
    assert_string_equal(text_string(&text), desired_text);
    assert_int_equal(cloud_ack_parse(ack_text, strlen(ack_text), &self, &ack, &refusal), 0);
    assert_int_equal(cloud_ack_format(&text, &ack), 0);
    assert_string_equal(text_string(&text), ack_text);
    text_finish(&text);
}

static void delta__put_and_del__come_out_as_they_went_in(void **unused)
{
    struct text text = TEXT_INIT;
    struct cloud_refusal refusal;
    struct cloud_delta delta;

    assert_int_equal(cloud_delta_parse(delta_text, strlen(delta_text), &self, &delta, &refusal), 0);
    assert_int_equal(delta.count, 2);
    assert_string_equal(delta.ops[0].id, "u17");
    assert_true(delta.ops[1].del);
    assert_int_equal(cloud_delta_format(&text, &delta), 0);
    assert_string_equal(text_string(&text), delta_text);
    cloud_delta_finish(&delta);
    text_finish(&text);
}

static void delta__with_buckets__comes_out_as_it_went_in(void **unused)
{
    static const char payload[] =
        "{\"aud\":\"hub/*\",\"iat\":1,\"generation\":1,\"from\":43,\"to\":43,\"buckets\":[\"065\",\"a3f\"],"
        "\"ops\":[],\"root\":\"" ROOT "\"}";
    struct text text = TEXT_INIT;
    struct cloud_refusal refusal;
    struct cloud_delta delta;

    assert_int_equal(cloud_delta_parse(payload, strlen(payload), &self, &delta, &refusal), 0);
    assert_int_equal(digest_set_count(&delta.buckets), 2);
    assert_true(digest_set_has(&delta.buckets, 0x065));
    assert_true(digest_set_has(&delta.buckets, 0xa3f));
    assert_int_equal(cloud_delta_format(&text, &delta), 0);
    assert_string_equal(text_string(&text), payload);
    cloud_delta_finish(&delta);
    text_finish(&text);
}

static void snapshot_and_chunk__come_out_as_they_went_in(void **unused)
{
    struct text text = TEXT_INIT;
    struct cloud_refusal refusal;
    struct cloud_snapshot snapshot;
    struct cloud_chunk chunk;
    struct cloud_item item;

    assert_int_equal(cloud_snapshot_parse(snapshot_text, strlen(snapshot_text), &self, &snapshot, &refusal),
                     0);
    assert_int_equal(cloud_snapshot_format(&text, &snapshot), 0);
    assert_string_equal(text_string(&text), snapshot_text);
    assert_int_equal(cloud_chunk_parse(chunk_text, strlen(chunk_text), &chunk, &refusal), 0);
    assert_int_equal(cloud_chunk_format(&text, &chunk), 0);
    assert_string_equal(text_string(&text), chunk_text);
    assert_int_equal(cloud_item_parse(chunk.lines, chunk.len - 1, &item, &refusal), 0);
    text_reset(&text);
    cloud_item_add(&text, &item);
    assert_string_equal(text_string(&text), chunk.lines);
    cloud_item_finish(&item);
    text_finish(&text);
}

static void chunk__last__has_null_for_next(void **unused)
{
    static const char last[] = "{\"generation\":1,\"version\":43,\"i\":1,\"next\":null}\n";
    static const char absent[] = "{\"generation\":1,\"version\":43,\"i\":1}\n";
    struct cloud_refusal refusal;
    struct cloud_chunk chunk;

    assert_int_equal(cloud_chunk_parse(last, strlen(last), &chunk, &refusal), 0);
    assert_string_equal(chunk.next, "");
    assert_int_equal(chunk.len, 0);
    assert_int_equal(cloud_chunk_parse(absent, strlen(absent), &chunk, &refusal), -EBADMSG);
}

static void digest__comes_out_as_it_went_in(void **unused)
{
    struct text text = TEXT_INIT;
    struct cloud_refusal refusal;
    struct cloud_digest digest = { .generation = 1, .version = 43 };
    struct cloud_digest again;

    for (size_t i = 0; i < CLOUD_SUMS_BYTES; i++)
        digest.sums[i] = (uint8_t)(i * 7);
    assert_int_equal(cloud_digest_format(&text, &digest), 0);
    assert_int_equal(cloud_digest_parse(text.data, text.len, &again, &refusal), 0);
    assert_memory_equal(again.sums, digest.sums, CLOUD_SUMS_BYTES);
    text_finish(&text);
}

static void report__everything__is_one_object(void **unused)
{
    const struct cloud_report_door doors[] = { { "front", "controlled", "closed" } };
    const struct cloud_report_device devices[] = { { "reader", "down", "gone" } };
    const struct cloud_report_alarm alarms[] = { { .kind = "forced", .door = "front" } };
    const struct cloud_report_area areas[] = { { "gym", 17 } };
    const struct cloud_report report = { doors, 1, devices, 1, alarms, 1, areas, 1 };
    struct text text = TEXT_INIT;

    assert_int_equal(cloud_report_format(&text, &report), 0);
    assert_string_equal(text_string(&text),
                        "{\"doors\":[{\"id\":\"front\",\"mode\":\"controlled\",\"sensed\":\"closed\"}],"
                        "\"devices\":[{\"id\":\"reader\",\"state\":\"down\",\"reason\":\"gone\"}],"
                        "\"alarms\":[{\"kind\":\"forced\",\"door\":\"front\"}],\"occupancy\":{\"gym\":17}}");
    text_finish(&text);
}

static void batch(struct text *text, const char *count, const char *hash, const char *second)
{
    text_reset(text);
    text_addf(text,
              "{\"epoch\":\"" EPOCH "\",\"first\":1,\"count\":%s,\"prev\":\"" ZEROS "\",\"hash\":\"%s\"}\n"
              "{\"seq\":1,\"epoch\":\"" EPOCH "\"}\n%s\n",
              count, hash, second);
}

static void events__chain__is_checked_seq_by_seq(void **unused)
{
    static const char second[] = "{\"seq\":2,\"epoch\":\"" EPOCH "\"}";
    static const char first[] = "{\"seq\":1,\"epoch\":\"" EPOCH "\"}";
    uint8_t hash[CHAIN_BYTES] = { 0 };
    char hex[HEX_SIZE(CHAIN_BYTES)];
    struct cloud_refusal refusal;
    struct cloud_events events;
    struct text text = TEXT_INIT;

    chain_next(hash, first, strlen(first), hash);
    chain_next(hash, second, strlen(second), hash);
    hex_encode(hash, CHAIN_BYTES, hex);
    batch(&text, "2", hex, second);
    assert_int_equal(cloud_events_parse(text.data, text.len, &events, &refusal), 0);
    assert_int_equal(cloud_events_check(&events, &refusal), 0);

    batch(&text, "2", HASH2, second); /* another hash */
    assert_int_equal(cloud_events_parse(text.data, text.len, &events, &refusal), 0);
    assert_int_equal(cloud_events_check(&events, &refusal), -EBADMSG);
    batch(&text, "2", hex, "{\"seq\":3,\"epoch\":\"" EPOCH "\"}"); /* a hole */
    assert_int_equal(cloud_events_parse(text.data, text.len, &events, &refusal), 0);
    assert_int_equal(cloud_events_check(&events, &refusal), -EBADMSG);
    batch(&text, "3", hex, second); /* not so many lines */
    assert_int_equal(cloud_events_parse(text.data, text.len, &events, &refusal), -EBADMSG);
    text_finish(&text);
}

static void contract__chain_vector__holds(void **unused)
{
    uint8_t hash[CHAIN_BYTES] = { 0 };
    char hex[HEX_SIZE(CHAIN_BYTES)];

    chain_next(hash, "{\"seq\":1}", 9, hash);
    chain_next(hash, "{\"seq\":2}", 9, hash);
    hex_encode(hash, CHAIN_BYTES, hex);
    assert_string_equal(hex, HASH2);
}

/* What a parser must refuse, with which code and which member. */
struct refused {
    const char *payload;
    const char *code;
    const char *path;
};

#define D(ops_)                                                                                              \
    "{\"aud\":\"hub/gw1\",\"iat\":1,\"generation\":1,\"from\":1,\"to\":2,\"root\":\"" ROOT "\"," ops_ "}"

static const struct refused refused_deltas[] = {
    { "eyJhbGciOiJFZERTQSJ9.e30.AA", "format", "" },
    { "", "format", "" },
    { "[]", "format", "" },
    { "{\"aud\":\"hub/gw1\",\"aud\":\"hub/gw1\"}", "payload", "" },
    { "{} ", "audience", "aud" },
    { "{}x", "payload", "" },
    { "{\"aud\":\"hub/gw2\",\"iat\":1}", "audience", "aud" },
    { "{\"aud\":\"hubgw1\",\"iat\":1}", "audience", "aud" },
    { "{\"aud\":\"hub/gw1\"}", "claims", "iat" },
    { "{\"aud\":\"hub/gw1\",\"iat\":1.0}", "claims", "iat" },
    { "{\"aud\":\"hub/gw1\",\"iat\":1,\"generation\":0,\"from\":1,\"to\":2,\"root\":\"" ROOT "\",\"ops\":[]}",
      "claims", "generation" },
    { "{\"aud\":\"hub/gw1\",\"iat\":1,\"generation\":1,\"from\":3,\"to\":2,\"root\":\"" ROOT "\",\"ops\":[]}",
      "claims", "to" },
    { "{\"aud\":\"hub/gw1\",\"iat\":1,\"generation\":1,\"from\":1,\"to\":2,\"root\":\"AB\",\"ops\":[]}",
      "claims", "root" },
    { D("\"ops\":[],\"buckets\":[]"), "claims", "buckets" },
    { D("\"ops\":[],\"buckets\":[\"06\"]"), "claims", "buckets" },
    { D("\"ops\":[],\"buckets\":[\"065\",\"0065\"]"), "claims", "buckets" },
    { D("\"ops\":[],\"buckets\":[\"A3F\"]"), "claims", "buckets" },
    { D("\"ops\":[],\"buckets\":[101]"), "claims", "buckets" },
    { D("\"ops\":{}"), "claims", "ops" },
    { D("\"ops\":[1]"), "claims", "ops[0]" },
    { D("\"ops\":[{\"op\":\"move\",\"kind\":\"user\",\"id\":\"u1\"}]"), "claims", "ops[0].op" },
    { D("\"ops\":[{\"op\":\"del\",\"kind\":\"user\"}]"), "claims", "ops[0].id" },
    { D("\"ops\":[{\"op\":\"put\",\"kind\":\"user\",\"rev\":0,\"item\":{\"id\":\"u1\"}}]"), "claims",
      "ops[0].rev" },
    { D("\"ops\":[{\"op\":\"put\",\"kind\":\"user\",\"rev\":1,\"item\":{\"id\":\"\"}}]"), "item",
      "ops[0].item.id" },
};

static void delta__broken__is_refused_with_code_and_member(void **unused)
{
    for (size_t i = 0; i < sizeof(refused_deltas) / sizeof(refused_deltas[0]); i++) {
        const struct refused *row = &refused_deltas[i];
        struct cloud_refusal refusal;
        struct cloud_delta delta;

        assert_int_equal(cloud_delta_parse(row->payload, strlen(row->payload), &self, &delta, &refusal),
                         -EBADMSG);
        assert_string_equal(refusal.code, row->code);
        assert_string_equal(refusal.error.path, row->path);
    }
}

static void payload__too_long__is_refused_by_size(void **unused)
{
    struct text text = TEXT_INIT;
    struct cloud_refusal refusal;
    struct cloud_desired desired;

    text_add(&text, desired_text);
    while (text.len <= CLOUD_PAYLOAD_MAX)
        text_add(&text, " ");
    assert_int_equal(cloud_desired_parse(text.data, text.len, &self, &desired, &refusal), -EBADMSG);
    assert_string_equal(refusal.code, "size");
    assert_int_equal(cloud_desired_parse(text.data, CLOUD_PAYLOAD_MAX, &self, &desired, &refusal), 0);
    text_finish(&text);
}

static void item__too_long__is_refused_by_name(void **unused)
{
    struct text text = TEXT_INIT;
    struct cloud_refusal refusal;
    struct cloud_item item;

    text_add(&text, "{\"kind\":\"user\",\"rev\":1,\"item\":{\"id\":\"u9\",\"note\":\"");
    while (text.len <= CLOUD_ITEM_BYTES_MAX + 60)
        text_add(&text, "x");
    text_add(&text, "\"}}");
    assert_int_equal(cloud_item_parse(text.data, text.len, &item, &refusal), -EBADMSG);
    assert_string_equal(refusal.code, "item");
    assert_string_equal(refusal.kind, "user");
    assert_string_equal(refusal.id, "u9");
    text_finish(&text);
}

static void topics__names_and_flags__are_the_contract_s(void **unused)
{
    char prefix[CLOUD_PREFIX_SIZE];
    enum cloud_topic topic;

    for (int i = 0; i < CLOUD_TOPIC_COUNT; i++) {
        assert_true(cloud_topic_find(cloud_topic_name((enum cloud_topic)i), &topic));
        assert_int_equal(topic, i);
        assert_int_equal(cloud_topic_is_down(topic), strncmp(cloud_topic_name(topic), "down/", 5) == 0);
        assert_int_equal(cloud_topic_retained(topic),
                         topic == CLOUD_UP_STATE || topic == CLOUD_UP_REPORT || topic == CLOUD_DOWN_DESIRED);
        assert_int_equal(cloud_topic_qos(topic), topic == CLOUD_UP_LIVE ? 0 : 1);
    }
    assert_false(cloud_topic_find("down/desired/x", &topic));
    cloud_topic_prefix(&self, prefix);
    assert_string_equal(prefix, "stile/1/hub/gw1/");
}

static void ref__is_the_first_half_of_sha256(void **unused)
{
    char ref[CLOUD_REF_SIZE];

    cloud_ref("abc", 3, ref);
    assert_string_equal(ref, "ba7816bf8f01cfea414140de5dae2223");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(state__both_forms__come_out_as_they_went_in),
        cmocka_unit_test(request__with_and_without_window__come_out_as_they_went_in),
        cmocka_unit_test(result__rejected__comes_out_as_it_went_in),
        cmocka_unit_test(desired_and_ack__come_out_as_they_went_in),
        cmocka_unit_test(delta__put_and_del__come_out_as_they_went_in),
        cmocka_unit_test(delta__with_buckets__comes_out_as_it_went_in),
        cmocka_unit_test(snapshot_and_chunk__come_out_as_they_went_in),
        cmocka_unit_test(chunk__last__has_null_for_next),
        cmocka_unit_test(digest__comes_out_as_it_went_in),
        cmocka_unit_test(report__everything__is_one_object),
        cmocka_unit_test(events__chain__is_checked_seq_by_seq),
        cmocka_unit_test(contract__chain_vector__holds),
        cmocka_unit_test(delta__broken__is_refused_with_code_and_member),
        cmocka_unit_test(payload__too_long__is_refused_by_size),
        cmocka_unit_test(item__too_long__is_refused_by_name),
        cmocka_unit_test(topics__names_and_flags__are_the_contract_s),
        cmocka_unit_test(ref__is_the_first_half_of_sha256),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
