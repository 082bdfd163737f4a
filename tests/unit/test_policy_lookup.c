/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a compiled policy says of a credential, a person, a place. */
#include "tests/unit/policy_fixture.h"

static uint32_t lookup(const struct fixture *f, enum credential_type type, const char *value, uint32_t *ret)
{
    uint8_t hash[CREDENTIAL_HASH_BYTES];

    credential_hash(secret, credential_type_name(type), value, hash);
    return policy_lookup(f->policy, type, hash, ret);
}

static uint32_t lookup_of(const struct fixture *f, uint32_t user_ref, const char *pin, uint32_t *ret)
{
    uint8_t hash[CREDENTIAL_HASH_BYTES];

    credential_hash(secret, "pin", pin, hash);
    return policy_lookup_of_user(f->policy, user_ref, CREDENTIAL_PIN, hash, ret);
}

static void policy_lookup__one_none_many(void **state)
{
    struct fixture *f = *state;
    uint32_t found = 77;

    BUILD(f, "user {'id':'u'}", "user {'id':'v'}",
          "credential {'id':'c3','user':'u','type':'pin','value':'1234'}",
          "credential {'id':'c1','user':'v','type':'pin','value':'1234'}",
          "credential {'id':'c2','user':'u','type':'card','value':'1234'}",
          "credential {'id':'c4','user':'u','type':'qr','value':'same'}",
          "credential {'id':'c5','user':'u','type':'qr','value':'same'}",
          "credential {'id':'c6','user':'u','type':'key','value':'x','status':'blocked'}");
    assert_int_equal(lookup(f, CREDENTIAL_CARD, "1235", &found), 0);
    assert_int_equal(lookup(f, CREDENTIAL_PLATE, "1234", &found), 0);
    assert_int_equal(found, 77);
    assert_int_equal(lookup(f, CREDENTIAL_CARD, "1234", &found), 1);
    assert_int_equal(found, find(f, ITEM_CREDENTIAL, "c2"));
    assert_int_equal(lookup(f, CREDENTIAL_KEY, "x", &found), 1); /* whatever its status */
    assert_true(lookup(f, CREDENTIAL_PIN, "1234", &found) > 1);
    assert_int_equal(found, find(f, ITEM_CREDENTIAL, "c1"));
    assert_true(lookup(f, CREDENTIAL_QR, "same", &found) > 1); /* of one user, but two items */
    assert_int_equal(found, find(f, ITEM_CREDENTIAL, "c4"));
    /* A hash under another type is another credential. */
    uint8_t hash[CREDENTIAL_HASH_BYTES];

    credential_hash(secret, "card", "1234", hash);
    assert_int_equal(policy_lookup(f->policy, CREDENTIAL_PIN, hash, &found), 0);
}

static void policy_lookup_of_user__pins_that_many_share__only_his(void **state)
{
    struct fixture *f = *state;
    uint32_t found = 77;

    for (int i = 0; i < 500; i++) {
        addf(f, "user {'id':'u%03d'}", i);
        addf(f, "credential {'id':'c%03d','user':'u%03d','type':'pin','value':'1234'}", i, i);
        addf(f, "credential {'id':'d%03d','user':'u%03d','type':'pin','value':'%06d'}", 499 - i, i, i);
    }
    add(f, "credential {'id':'e','user':'u007','type':'pin','value':'000007'}");
    finish(f);
    assert_true(lookup(f, CREDENTIAL_PIN, "1234", &found) > 1);
    for (uint32_t i = 0; i < 500; i++) {
        char own[8];

        snprintf(own, sizeof(own), "%06u", i);
        assert_int_equal(lookup_of(f, i, "1234", &found), 1);
        assert_int_equal(policy_credential(f->policy, found).user, i);
        assert_true(i == 7 ? lookup_of(f, i, own, &found) > 1 : lookup_of(f, i, own, &found) == 1);
        assert_int_equal(policy_credential(f->policy, found).user, i);
        assert_int_equal(lookup_of(f, (i + 1) % 500, own, &found), 0);
    }
}

static void policy_lookup_of_user__user_missing__still_by_reference(void **state)
{
    struct fixture *f = *state;
    uint32_t pin = 77;
    uint32_t card = 77;

    BUILD(f, "user {'id':'m'}", "credential {'id':'a','user':'ghost','type':'card','value':'01'}",
          "credential {'id':'b','user':'ghost','type':'pin','value':'1234'}",
          "credential {'id':'c','user':'ghost2','type':'pin','value':'1234'}",
          "credential {'id':'d','user':'m','type':'pin','value':'1234'}",
          "credential {'id':'e','user':'ghost2','type':'pin','value':'5678'}");
    assert_int_equal(lookup(f, CREDENTIAL_CARD, "01", &card), 1);
    uint32_t ghost = policy_credential(f->policy, card).user_ref;

    assert_int_equal(policy_credential(f->policy, card).user, POLICY_NONE);
    assert_int_equal(lookup_of(f, ghost, "1234", &pin), 1);
    assert_int_equal(pin, find(f, ITEM_CREDENTIAL, "b"));
    assert_int_equal(policy_credential(f->policy, pin).user_ref, ghost);
    assert_int_equal(lookup_of(f, ghost, "5678", &pin), 0);
    uint32_t ghost2 = policy_credential(f->policy, find(f, ITEM_CREDENTIAL, "c")).user_ref;

    assert_int_not_equal(ghost, ghost2);
    assert_int_equal(policy_credential(f->policy, find(f, ITEM_CREDENTIAL, "e")).user_ref, ghost2);
    assert_int_equal(lookup_of(f, find(f, ITEM_USER, "m"), "1234", &pin), 1);
    assert_int_equal(pin, find(f, ITEM_CREDENTIAL, "d"));
}

static void policy_credential_of_user_next__in_order_of_id(void **state)
{
    struct fixture *f = *state;
    uint32_t cursor = 0;
    uint32_t credential;

    BUILD(f, "credential {'id':'z','user':'u','type':'qr','value':'1'}", "user {'id':'u'}", "user {'id':'v'}",
          "user {'id':'a'}", "credential {'id':'b','user':'u','type':'qr','value':'2'}",
          "credential {'id':'m','user':'v','type':'qr','value':'3'}",
          "credential {'id':'c','user':'ghost','type':'qr','value':'4'}");
    assert_true(policy_credential_of_user_next(f->policy, find(f, ITEM_USER, "u"), &cursor, &credential));
    assert_string_equal(policy_credential(f->policy, credential).id, "b");
    assert_true(policy_credential_of_user_next(f->policy, find(f, ITEM_USER, "u"), &cursor, &credential));
    assert_string_equal(policy_credential(f->policy, credential).id, "z");
    assert_false(policy_credential_of_user_next(f->policy, find(f, ITEM_USER, "u"), &cursor, &credential));
    cursor = 0;
    assert_false(policy_credential_of_user_next(f->policy, find(f, ITEM_USER, "a"), &cursor, &credential));
}

static void policy_lookup__ten_thousand__each_found(void **state)
{
    struct fixture *f = *state;

    for (int i = 0; i < 10000; i++)
        addf(f, "credential {'id':'c%05d','user':'u%d','type':'card','value':'%08X'}", i, i / 3, i * 7);
    finish(f);
    for (uint32_t i = 0; i < 10000; i++) {
        char value[16];
        uint32_t found = 0;

        snprintf(value, sizeof(value), "%08X", i * 7);
        assert_true(lookup(f, CREDENTIAL_CARD, value, &found) == 1 && found == i);
        snprintf(value, sizeof(value), "%08X", i * 7 + 1);
        assert_int_equal(lookup(f, CREDENTIAL_CARD, value, &found), 0);
    }
}

static void policy_name__none_or_empty__is_the_id(void **state)
{
    struct fixture *f = *state;

    BUILD(f, "user {'id':'a'}", "user {'id':'b','name':''}", "user {'id':'c','name':'Cleo'}",
          "user {'id':'d','block':{'from':'2026-01-01','message':'See the desk'}}",
          "door {'id':'front','kind':'door','target':'t'}",
          "credential {'id':'k','user':'a','type':'key','value':'x'}");
    assert_string_equal(policy_name(f->policy, ITEM_USER, 0), "a");
    assert_string_equal(policy_name(f->policy, ITEM_USER, 1), "b");
    assert_string_equal(policy_name(f->policy, ITEM_USER, 2), "Cleo");
    assert_string_equal(policy_name(f->policy, ITEM_USER, 3), "d");
    assert_string_equal(policy_name(f->policy, ITEM_DOOR, 0), "front");
    assert_string_equal(policy_name(f->policy, ITEM_CREDENTIAL, 0), "k");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(policy_lookup__one_none_many),
        TEST(policy_lookup_of_user__pins_that_many_share__only_his),
        TEST(policy_lookup_of_user__user_missing__still_by_reference),
        TEST(policy_credential_of_user_next__in_order_of_id),
        TEST(policy_lookup__ten_thousand__each_found),
        TEST(policy_name__none_or_empty__is_the_id),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
