/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Rows hold what a line may have; the first mistake is named by its path. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include <errno.h>
#include <locale.h>
#include <string.h>

#include "proto/digest.h"
#include "proto/encode.h"
#include "proto/json.h"
#include "proto/name.h"

enum colour { COLOUR_RED, COLOUR_GREEN };

static const char *const colour_names[] = { "red", "green", NULL };

struct sample {
    bool flag;
    int64_t count;
    const char *name;
    const char *id;
    enum colour colour;
    struct json_object *list;
    struct json_object *object;
};

static const struct json_row rows[] = {
    JSON_ROW_BOOL(struct sample, flag, "flag", true),
    JSON_ROW_INT(struct sample, count, "count", 1, 300, 7),
    JSON_ROW_STRING(struct sample, name, "name", 0, 8),
    JSON_ROW_CHECKED(struct sample, id, "id", true, id_valid, ID_EXPECTED),
    JSON_ROW_ENUM(struct sample, colour, "colour", colour_names, COLOUR_GREEN),
    JSON_ROW_LIST(struct sample, list, "list", 1, 2),
    JSON_ROW_OBJECT(struct sample, object, "object"),
};

static int parse(const char *text, struct json_error *error)
{
    cleanup_with(json_putp) struct json_object *object = NULL;

    return json_parse(text, strlen(text), &object, error);
}

static int read_sample(const char *text, struct sample *ret, struct json_error *error)
{
    cleanup_with(json_putp) struct json_object *object = NULL;

    assert_int_equal(json_parse(text, strlen(text), &object, error), 0);
    return json_read(object, JSON_ROWS(rows), ret, error);
}

static void json_parse__what_the_contract_refuses__is_refused(void **state)
{
    static const char *const bad[] = {
        "",
        "[]",
        "1",
        "{",
        "{} {}",
        "{}x",
        "{'a':1}",
        "{\"a\":'x'}",
        "{\"a\":NaN}",
        "{\"a\":-Infinity}",
        "{\"a\":TRUE}",
        "{\"a\":nul}",
        "{\"a\":01}",
        "{\"a\":.5}",
        "{\"a\":1.}",
        "{\"a\":\"x\ny\"}",
        "{\"a\":1}//",
        "{\"a\" 1}",
        "{a:1}",
        "{\"a\":1,}",
        "{\"a\":1,\"a\":2}",
        "{\"a\":{\"b\":1,\"b\":1}}",
        "{\"a\":[{\"b\":1,\"b\":1}]}",
        "{\"a\":\"x\\u0000y\"}",
        "{\"a\\u0000\":1}",
        "{\"a\":\"\xff\"}",
        "{\"a\":\"\xc0\xaf\"}",
        "{\"a\":\"\xed\xa0\x80\"}",
        "{\"a\":\"\xf4\x90\x80\x80\"}",
        "{\"a\":\"\xc3\xa9\x80\"}",
        "{\"a\xe2\x82\":1}",
        "{\"a\":\"\xe2\x82",
        "{\"a\":[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]}",
        "{\"a\":[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]}",
    };
    struct json_error error;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (parse(bad[i], &error) != -EBADMSG)
            fail_msg("taken: %s", bad[i]);
        assert_true(error.text[0] != '\0');
    }
}

static void json_parse__what_only_looks_bad__is_taken(void **state)
{
    static const char *const good[] = {
        "{}",
        " { } \n",
        "{\"a\":\"b:c\",\"d\":\"\\\"e\\\":1\"}",
        "{\"a\":{\"b\":1},\"c\":{\"b\":1}}",
        "{\"a\":\"\\\\u0000\"}",
        "{\"a\":[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]}",
        "{\"a\":[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]}",
        "{\"\xc3\xa9\":\"\xe2\x82\xac\xf0\x9f\x9a\xaa\"}",
    };
    struct json_error error;

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        if (parse(good[i], &error) != 0)
            fail_msg("refused: %s: %s", good[i], error.text);
}

static void json_read__absent_members__get_their_presets(void **state)
{
    struct json_error error;
    struct sample s;

    assert_int_equal(read_sample("{\"id\":\"a1\",\"other\":null}", &s, &error), 0);
    assert_true(s.flag);
    assert_int_equal(s.count, 7);
    assert_null(s.name);
    assert_int_equal(s.colour, COLOUR_GREEN);
    assert_null(s.list);
    assert_null(s.object);
}

static void json_read__wrong_member__is_named(void **state)
{
    static const struct {
        const char *text, *member, *why;
    } cases[] = {
        { "{}", "id", "is missing" },
        { "{\"id\":\"-a\"}", "id", ID_EXPECTED },
        { "{\"id\":\"a\",\"flag\":1}", "flag", "must be true or false" },
        { "{\"id\":\"a\",\"count\":0}", "count", "must be an integer from 1 to 300" },
        { "{\"id\":\"a\",\"count\":301}", "count", "must be an integer from 1 to 300" },
        { "{\"id\":\"a\",\"count\":1.0}", "count", "must be an integer from 1 to 300" },
        { "{\"id\":\"a\",\"count\":null}", "count", "must be an integer from 1 to 300" },
        { "{\"id\":\"a\",\"count\":99999999999999999999}", "count", "must be an integer from 1 to 300" },
        { "{\"id\":\"a\",\"name\":\"123456789\"}", "name", "must be 0 to 8 bytes long" },
        { "{\"id\":\"a\",\"name\":5}", "name", "must be a string" },
        { "{\"id\":\"a\",\"colour\":\"blue\"}", "colour", "must be one of red, green" },
        { "{\"id\":\"a\",\"colour\":0}", "colour", "must be one of red, green" },
        { "{\"id\":\"a\",\"list\":[]}", "list", "must have 1 to 2 entries" },
        { "{\"id\":\"a\",\"list\":{}}", "list", "must be a list" },
        { "{\"id\":\"a\",\"object\":[]}", "object", "must be an object" },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct json_error error = { 0 };
        struct sample s;

        assert_int_equal(read_sample(cases[i].text, &s, &error), -EBADMSG);
        assert_string_equal(error.path, cases[i].member);
        assert_string_equal(error.text, cases[i].why);
    }
}

static void json_error_within__nested__builds_the_path(void **state)
{
    struct json_error error;

    json_error_set(&error, "from", "x");
    json_error_within(&error, "windows[%d]", 2);
    assert_string_equal(error.path, "windows[2].from");
    json_error_set(&error, "[1]", "x");
    json_error_within(&error, "tags");
    assert_string_equal(error.path, "tags[1]");
}

static void json_out__every_kind__is_what_the_parser_reads(void **state)
{
    cleanup_with(text_finish) struct text text = TEXT_INIT;
    struct json_out out = json_out_to(&text);
    struct json_error error;

    json_begin_object(&out, NULL);
    json_add_string(&out, "s", "a\"\\\n\x01\xc3\xa9");
    json_add_string(&out, "absent", NULL);
    json_add_string(&out, "broken", "\xc3(\xed\xa0\x80");
    json_begin_list(&out, "l");
    json_add_int(&out, NULL, -5);
    json_begin_object(&out, NULL);
    json_end_object(&out);
    json_add_bool(&out, NULL, true);
    json_end_list(&out);
    json_add_null(&out, "n");
    json_end_object(&out);
    assert_int_equal(text_error(&text), 0);
    assert_string_equal(
        text_string(&text),
        "{\"s\":\"a\\\"\\\\\\u000a\\u0001\xc3\xa9\","
        "\"broken\":\"\xef\xbf\xbd(\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\",\"l\":[-5,{},true],\"n\":null}");
    assert_int_equal(parse(text_string(&text), &error), 0);
}

static void names__by_the_contract(void **state)
{
    char longest[ID_SIZE];

    memset(longest, 'a', ID_BYTES_MAX);
    longest[ID_BYTES_MAX] = '\0';
    assert_true(id_valid(longest));
    assert_true(id_valid("0a.b_c:d-E"));
    assert_false(id_valid(""));
    assert_false(id_valid(".a"));
    assert_false(id_valid("a b"));
    assert_false(id_valid("\xc3\xa9"));
    assert_false(topic_name_valid("a:b"));
    assert_true(topic_name_valid("a.b"));
}

static void digest__contract_examples__match(void **state)
{
    struct digest u1 = digest_item("user", "u1", 1);
    struct digest u2 = digest_item("user", "u2", 7);
    char hex[HEX_SIZE(DIGEST_BYTES)];

    hex_encode(u1.bytes, DIGEST_BYTES, hex);
    assert_string_equal(hex, "0659f83cbabe055240a858f00136e47b");
    assert_int_equal(digest_bucket(&u1), 0x065);
    struct digest sum = u1;

    digest_add(&sum, &u2);
    hex_encode(sum.bytes, DIGEST_BYTES, hex);
    assert_string_equal(hex, "4e7ebe1c70c0788ebaf9d57d9f99390e");
    digest_subtract(&sum, &u2);
    assert_memory_equal(sum.bytes, u1.bytes, DIGEST_BYTES);
}

static void chain__contract_example__matches(void **state)
{
    uint8_t hash[CHAIN_BYTES] = { 0 };
    char hex[HEX_SIZE(CHAIN_BYTES)];

    chain_next(hash, "{\"seq\":1}", 9, hash);
    chain_next(hash, "{\"seq\":2}", 9, hash);
    hex_encode(hash, CHAIN_BYTES, hex);
    assert_string_equal(hex, "4325ab85e3fd22edfee94c22c8cfc0effbb812a4501d506ba1cc6857926be956");
}

static void encodings__round_trip_and_strictness(void **state)
{
    uint8_t bytes[4];
    size_t len;
    char text[B64_SIZE(4)];

    assert_int_equal(hex_decode("00ffa1", bytes, 3), 0);
    assert_memory_equal(bytes, "\x00\xff\xa1", 3);
    assert_int_equal(hex_decode("00FFA1", bytes, 3), -EBADMSG);
    assert_int_equal(hex_decode("00ff", bytes, 3), -EBADMSG);
    b64_encode((const uint8_t *)"\xfb\xff\x01\x02", 4, text);
    assert_string_equal(text, "-_8BAg");
    assert_int_equal(b64_decode(text, strlen(text), bytes, sizeof(bytes), &len), 0);
    assert_int_equal(len, 4);
    assert_int_equal(b64_decode("-_8BAh", 6, bytes, sizeof(bytes), &len), -EBADMSG); /* spare bits */
    assert_int_equal(b64_decode("-_8BAg==", 8, bytes, sizeof(bytes), &len), -EBADMSG);
    assert_int_equal(b64_decode("AAAAAAA", 7, bytes, sizeof(bytes), &len), -EBADMSG); /* too long */
}

static locale_t copied; /* by whoever copied a locale last */

/* Stands before the C library's own, which takes a lock for any locale but the constant one. */
__attribute__((visibility("default"))) locale_t duplocale(locale_t locale)
{
    copied = locale;
    return locale;
}

static void json_parse__locale_of_the_program__is_not_copied(void **state)
{
    locale_t plain = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    cleanup_with(json_putp) struct json_object *object = NULL;

    copied = plain;
    assert_int_equal(json_parse("{}", 2, &object, NULL), 0);
    assert_ptr_equal(copied, plain);
    assert_ptr_equal(uselocale((locale_t)0), LC_GLOBAL_LOCALE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_parse__what_the_contract_refuses__is_refused),
        cmocka_unit_test(json_parse__what_only_looks_bad__is_taken),
        cmocka_unit_test(json_read__absent_members__get_their_presets),
        cmocka_unit_test(json_read__wrong_member__is_named),
        cmocka_unit_test(json_error_within__nested__builds_the_path),
        cmocka_unit_test(json_out__every_kind__is_what_the_parser_reads),
        cmocka_unit_test(names__by_the_contract),
        cmocka_unit_test(digest__contract_examples__match),
        cmocka_unit_test(chain__contract_example__matches),
        cmocka_unit_test(json_parse__locale_of_the_program__is_not_copied),
        cmocka_unit_test(encodings__round_trip_and_strictness),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
