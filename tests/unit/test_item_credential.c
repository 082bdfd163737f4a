/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Credentials as the cloud sends them, and sealed. */
#include "tests/unit/item_fixture.h"

#define HEX8 "0123456789ABCDEF"

#define HEX64 HEX8 HEX8 HEX8 HEX8 HEX8 HEX8 HEX8 HEX8 /* 64 bytes */

static void item_check__credential_value__canonical_only(void **state)
{
    static const struct {
        const char *type;
        struct values values;
    } cases[] = {
        { "card",
          { { "'04'", "'04A1B2C3D4E5F6'", "'" HEX64 "FF'" },
            { "null", "4", "''", "'4'", "'04A'", "'04a1'", "'04 A1'", "'04:A1'", "'0G'", "'" HEX64 "FF00'",
              "[]" } } },
        { "pin",
          { { "'0000'", "'123456789012'" },
            { "null", "1234", "''", "'123'", "'1234567890123'", "'12a4'", "'12 34'", "'-1234'" } } },
        { "plate",
          { { "'1'", "'1234ABC'", "'0123456789ABCDEF'" },
            { "null", "1234", "''", "'1234abc'", "'1234-ABC'", "'1234 ABC'", "'Ñ1234'",
              "'0123456789ABCDEFG'" } } },
        { "mobile",
          { { "'x'", "' ~'", "'" X64 X64 "'" },
            { "null", "1", "''", "'" X64 X64 "x'", "'a\\tb'", "'ñ'", "'\\u007f'" } } },
        { "key",
          { { "'x'", "' ~'", "'" X64 X64 "'" },
            { "null", "1", "''", "'" X64 X64 "x'", "'a\\tb'", "'ñ'", "'\\u007f'" } } },
        { "qr",
          { { "'x'", "' ~'", "'" X64 X64 "'" },
            { "null", "1", "''", "'" X64 X64 "x'", "'a\\tb'", "'ñ'", "'\\u007f'" } } },
    };
    char fragment[TEXT_SIZE];

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        for (size_t j = 0; cases[i].values.good[j]; j++) {
            snprintf(fragment, sizeof(fragment), "'type':'%s','value':%s", cases[i].type,
                     cases[i].values.good[j]);
            assert_taken(ITEM_CREDENTIAL, fragment);
        }
        for (size_t j = 0; cases[i].values.bad[j]; j++) {
            snprintf(fragment, sizeof(fragment), "'type':'%s','value':%s", cases[i].type,
                     cases[i].values.bad[j]);
            assert_refused(ITEM_CREDENTIAL, fragment, "value");
        }
    }
    assert_refused(ITEM_CREDENTIAL, "'type':'face'", "type");
    assert_refused(ITEM_CREDENTIAL, "'type':null", "type");
}

static const uint8_t secret[SECRET_BYTES] = { 1, 2, 3 };

/* The sealed text of a credential, which it also checks as it is stored. */
static void seal(const char *fragment, const uint8_t with[static SECRET_BYTES], char ret[static 64])
{
    cleanup_with(json_putp) struct json_object *item = item_with(ITEM_CREDENTIAL, fragment);
    struct json_object *member;
    struct json_error error;

    assert_int_equal(item_check(ITEM_CREDENTIAL, item, false, &error), 0);
    assert_int_equal(item_seal(ITEM_CREDENTIAL, item, with), 0);
    assert_false(json_object_object_get_ex(item, "value", &member));
    assert_true(json_object_object_get_ex(item, "sealed", &member));
    snprintf(ret, 64, "%s", json_object_get_string(member));
    assert_true(json_object_object_get_ex(item, "user", &member));
    assert_int_equal(item_check(ITEM_CREDENTIAL, item, true, &error), 0);
}

static void item_seal__credential__is_the_keyed_hash_of_type_and_value(void **state)
{
    static const uint8_t other_secret[SECRET_BYTES] = { 1, 2, 4 };
    uint8_t hash[CREDENTIAL_HASH_BYTES];
    char expected[B64_SIZE(CREDENTIAL_HASH_BYTES)];
    char card[64];
    char other[64];

    credential_hash(secret, "card", "1234", hash);
    b64_encode(hash, sizeof(hash), expected);
    seal("'value':'1234'", secret, card);
    assert_string_equal(card, expected);
    seal("'value':'1234','id':'other','user':'other','duress':true", secret, other);
    assert_string_equal(card, other);
    seal("'value':'1234'", other_secret, other);
    assert_string_not_equal(card, other);
    seal("'value':'1234','type':'pin'", secret, other);
    assert_string_not_equal(card, other);
    seal("'value':'1235'", secret, other);
    assert_string_not_equal(card, other);
}

static void item_seal__value_and_a_sealed_of_the_senders__only_ours_stays(void **state)
{
    char ours[64];
    char other[64];

    seal("'value':'1234'", secret, ours);
    seal("'value':'1234','sealed':'AAAAAAAAAAAAAAAAAAAAAA'", secret, other);
    assert_string_equal(ours, other);
}

static void item_seal__sealed_already__untouched(void **state)
{
    cleanup_with(json_putp) struct json_object *item =
        item_with(ITEM_CREDENTIAL, "'sealed':'AAAAAAAAAAAAAAAAAAAAAA'");

    json_object_object_del(item, "value");
    cleanup_with(freep) char *before = strdup(json_object_to_json_string(item));

    assert_int_equal(item_seal(ITEM_CREDENTIAL, item, secret), 0);
    assert_string_equal(json_object_to_json_string(item), before);
}

static void item_seal__other_kinds__untouched(void **state)
{
    for (int kind = 0; kind <= ITEM_KINDS; kind++) {
        cleanup_with(json_putp) struct json_object *item = item_with((enum item_kind)kind, "'value':'1234'");
        cleanup_with(freep) char *before = strdup(json_object_to_json_string(item));

        if (kind == ITEM_CREDENTIAL)
            continue;
        assert_int_equal(item_seal((enum item_kind)kind, item, secret), 0);
        assert_string_equal(json_object_to_json_string(item), before);
    }
}

static void item_check__stored_credential__needs_a_whole_seal(void **state)
{
    static const char *const bad[] = {
        "'unsealed':true",
        "'sealed':null",
        "'sealed':1",
        "'sealed':''",
        "'sealed':'AAAAAAAAAAAAAAAAAAAAA'",
        "'sealed':'AAAAAAAAAAAAAAAAAAAAAAA'",
        "'sealed':'AAAAAAAAAAAAAAAAAAAAAB'",
        "'sealed':'AAAAAAAAAAAAAAAAAAAA=='",
        "'sealed':'AAAAAAAAAAAAAAAAAAAA+A'",
    };
    struct json_error error;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        cleanup_with(json_putp) struct json_object *item = item_with(ITEM_CREDENTIAL, bad[i]);

        json_object_object_del(item, "value");
        assert_int_equal(item_check(ITEM_CREDENTIAL, item, true, &error), -EBADMSG);
        assert_string_equal(error.path, "sealed");
    }
    /* What is sealed does not pass for what the cloud sends. */
    cleanup_with(json_putp) struct json_object *item =
        item_with(ITEM_CREDENTIAL, "'sealed':'AAAAAAAAAAAAAAAAAAAAAA'");

    json_object_object_del(item, "value");
    assert_int_equal(item_check(ITEM_CREDENTIAL, item, true, &error), 0);
    assert_int_equal(item_check(ITEM_CREDENTIAL, item, false, &error), -EBADMSG);
    assert_string_equal(error.path, "value");
}

static void credential_type__names__lead_back(void **state)
{
    static const char *const names[] = { "card", "pin", "mobile", "key", "plate", "qr" };

    for (int type = 0; type < CREDENTIAL_TYPES; type++) {
        assert_string_equal(credential_type_name((enum credential_type)type), names[type]);
        assert_int_equal(credential_type_find(names[type]), type);
    }
    assert_int_equal(credential_type_find("face"), CREDENTIAL_TYPES);
    assert_int_equal(credential_type_find(""), CREDENTIAL_TYPES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(item_check__credential_value__canonical_only),
        cmocka_unit_test(item_seal__credential__is_the_keyed_hash_of_type_and_value),
        cmocka_unit_test(item_seal__value_and_a_sealed_of_the_senders__only_ours_stays),
        cmocka_unit_test(item_seal__sealed_already__untouched),
        cmocka_unit_test(item_seal__other_kinds__untouched),
        cmocka_unit_test(item_check__stored_credential__needs_a_whole_seal),
        cmocka_unit_test(credential_type__names__lead_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
