/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the examples of the contract do not say (test_cloud_example.c): broken messages are refused with code
 * and member, batches and digests checked. */
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
#define HASH2 "4325ab85e3fd22edfee94c22c8cfc0effbb812a4501d506ba1cc6857926be956"
#define ZEROS "0000000000000000000000000000000000000000000000000000000000000000"

static const struct cloud_self self = { .site = "hub", .gateway = "gw1" };

static const char desired_text[] =
    "{\"aud\":\"hub/gw1\",\"iat\":1795357800,\"generation\":1,\"version\":43,\"root\":\"" ROOT "\"}";

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
    const struct cloud_report_alarm alarms[] = { { .kind = "forced", .door = "front", .since_us = 1500000 },
                                                 { .kind = "lease" } };
    const struct cloud_report_area areas[] = { { "gym", 17 } };
    const struct cloud_report report = { doors, 1, devices, 1, alarms, 2, areas, 1 };
    struct text text = TEXT_INIT;

    assert_int_equal(cloud_report_format(&text, &report), 0);
    assert_string_equal(
        text_string(&text),
        "{\"doors\":[{\"id\":\"front\",\"mode\":\"controlled\",\"sensed\":\"closed\"}],"
        "\"devices\":[{\"id\":\"reader\",\"state\":\"down\",\"reason\":\"gone\"}],"
        "\"alarms\":[{\"kind\":\"forced\",\"door\":\"front\",\"since\":\"1970-01-01T00:00:01.500Z\"},"
        "{\"kind\":\"lease\"}],\"occupancy\":{\"gym\":17}}");
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
        cmocka_unit_test(delta__with_buckets__comes_out_as_it_went_in),
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
