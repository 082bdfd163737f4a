/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The people of a policy as one block of bytes: the same people, or nobody. */
#include "tests/unit/policy_fixture.h"

#include "gateway/core/policy_builder.h"
#include "gateway/core/policy_image.h"

static const uint8_t key[POLICY_IMAGE_KEY_BYTES] = { 1, 2, 3 };
static const uint8_t other_key[POLICY_IMAGE_KEY_BYTES] = { 1, 2, 4 };

static const char *const places[] = {
    "site {'id':'s','timezone':'Europe/Madrid'}",
    "device {'id':'d','driver':'sim','points':['r'],'targets':['t']}",
    "door {'id':'gym','kind':'door','target':'t'}",
    "access_point {'id':'in','door':'gym','direction':'entry','readers':['r']}",
    "tag {'id':'member'}",
    "tag {'id':'staff'}",
    "rule {'id':'members','tags':['member'],'doors':['gym']}",
    "rule {'id':'named','users':['u7','nobody'],'points':['in']}",
};

static void add_places(struct fixture *f)
{
    begin(f);
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
        add(f, places[i]);
}

#define PEOPLE 40

static void add_people(struct fixture *f)
{
    for (int i = 0; i < PEOPLE; i++) {
        addf(f, "user {'id':'u%d','name':'Person %d','tags':['%s'],'valid_until':'2026-%02d-01'}", i, i,
             i % 3 == 0   ? "member"
             : i % 3 == 1 ? "staff"
                          : "gone",
             i % 12 + 1);
        addf(f, "credential {'id':'c%d','user':'u%d','type':'card','value':'%08X','uses':%d}", i, i, i / 2,
             i);
    }
    add(f, "user {'id':'blocked','block':{'from':'2026-01-01','message':'See the desk'},'link':'nowhere'}");
    add(f, "credential {'id':'stray','user':'missing','type':'pin','value':'1234'}");
}

/* The image of what f has; the caller frees it. Aligned, as a mapping is. */
static uint8_t *image_of(struct fixture *f, size_t *ret_len)
{
    struct policy_image_part parts[POLICY_IMAGE_PARTS];
    struct policy_image_header header;
    size_t count = policy_image_parts(f->policy, key, &header, parts);
    size_t len = 0;

    for (size_t i = 0; i < count; i++)
        len += parts[i].len;
    uint8_t *bytes = malloc(len);
    size_t at = 0;

    for (size_t i = 0; i < count; at += parts[i++].len)
        if (parts[i].len)
            memcpy(bytes + at, parts[i].bytes, parts[i].len);
    *ret_len = len;
    return bytes;
}

static void release(void *bytes, size_t len)
{
    memset(bytes, 0xdd, len); /* whoever reads it afterwards shows */
    free(bytes);
}

static void build_whole(struct fixture *f)
{
    add_places(f);
    add_people(f);
    finish(f);
}

static void assert_same_user(const struct policy *a, const struct policy *b, uint32_t i)
{
    struct policy_user x = policy_user(a, i);
    struct policy_user y = policy_user(b, i);
    uint32_t cursor_x = 0, cursor_y = 0, rule_x = 0, rule_y = 0;

    assert_string_equal(x.id, y.id);
    assert_string_equal(policy_name(a, ITEM_USER, i), policy_name(b, ITEM_USER, i));
    assert_int_equal(x.valid_until_us, y.valid_until_us);
    assert_int_equal(x.link, y.link);
    assert_int_equal(x.blocked, y.blocked);
    if (x.blocked)
        assert_string_equal(x.block_message, y.block_message);
    for (bool more = true; more;) {
        more = policy_rule_next(a, i, 0, &cursor_x, &rule_x);
        assert_int_equal(more, policy_rule_next(b, i, 0, &cursor_y, &rule_y));
        assert_int_equal(rule_x, rule_y);
    }
}

static void assert_same(const struct policy *a, const struct policy *b)
{
    assert_int_equal(policy_count(a, ITEM_USER), policy_count(b, ITEM_USER));
    for (uint32_t i = 0; i < policy_count(a, ITEM_USER); i++)
        assert_same_user(a, b, i);
    assert_int_equal(policy_count(a, ITEM_CREDENTIAL), policy_count(b, ITEM_CREDENTIAL));
    for (uint32_t i = 0; i < policy_count(a, ITEM_CREDENTIAL); i++) {
        struct policy_credential x = policy_credential(a, i);
        struct policy_credential y = policy_credential(b, i);

        assert_string_equal(x.id, y.id);
        assert_int_equal(x.user, y.user);
        assert_int_equal(x.uses, y.uses);
    }
    assert_int_equal(policy_dangling_count(a), policy_dangling_count(b));
    for (size_t i = 0; i < policy_dangling_count(a); i++)
        assert_string_equal(policy_dangling(a, i), policy_dangling(b, i));
}

static void image__taken__has_the_same_people(void **state)
{
    struct fixture *f = *state;
    size_t len;

    build_whole(f);
    uint8_t *bytes = image_of(f, &len);
    struct policy *whole = take_ptr(f->policy);

    add_places(f);
    assert_int_equal(policy_builder_take_image(f->builder, bytes, len, key, release), 0);
    finish(f);
    assert_same(whole, f->policy);
    uint8_t hash[CREDENTIAL_HASH_BYTES];
    uint32_t credential;

    credential_hash(secret, "card", "00000003", hash);
    assert_int_equal(policy_lookup(f->policy, CREDENTIAL_CARD, hash, &credential), 2);
    assert_string_equal(policy_id(f->policy, ITEM_CREDENTIAL, credential), "c6");
    policy_free(whole);
}

static void image__of_nobody__has_nobody(void **state)
{
    struct fixture *f = *state;
    size_t len;

    add_places(f);
    finish(f);
    uint8_t *bytes = image_of(f, &len);

    add_places(f);
    assert_int_equal(policy_builder_take_image(f->builder, bytes, len, key, release), 0);
    finish(f);
    assert_int_equal(policy_count(f->policy, ITEM_USER), 0);
}

static void image__any_byte_another__is_refused(void **state)
{
    struct fixture *f = *state;
    size_t len;

    build_whole(f);
    uint8_t *bytes = image_of(f, &len);

    add_places(f);
    for (size_t i = 0; i < len; i++) {
        bytes[i] ^= (uint8_t)(1u << i % 8);
        if (policy_builder_take_image(f->builder, bytes, len, key, release) != -EBADMSG)
            fail_msg("byte %zu of %zu was changed, and the image taken", i, len);
        bytes[i] ^= (uint8_t)(1u << i % 8);
    }
    assert_int_equal(policy_builder_take_image(f->builder, bytes, len, key, release), 0);
}

static void image__cut_off__is_refused(void **state)
{
    struct fixture *f = *state;
    size_t len;

    build_whole(f);
    uint8_t *bytes = image_of(f, &len);

    add_places(f);
    for (size_t cut = 0; cut < len; cut++)
        assert_int_equal(policy_builder_take_image(f->builder, bytes, cut, key, release), -EBADMSG);
    free(bytes);
}

/* Whole by its sum, but no image that we would write. */
static void image__counts_that_do_not_fit__is_refused(void **state)
{
    enum { USERS = 1, BY_USER = 3, SLOTS = 4 };
    static const struct {
        int counts[2];
        size_t lines;
    } cases[] = {
        { { USERS, SLOTS }, 1 },   /* there must be two */
        { { SLOTS, SLOTS }, 1 },   /* nobody, not even the record behind the last one */
        { { USERS, BY_USER }, 2 }, /* of no credential */
        { { USERS, USERS }, 1 },   /* no free slot */
    };
    struct fixture *f = *state;
    size_t len;

    build_whole(f);
    uint8_t *bytes = image_of(f, &len);
    struct policy_image_header *header = (struct policy_image_header *)bytes;
    size_t behind = offsetof(struct policy_image_header, key);

    add_places(f);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        len = sizeof(*header) + cases[i].lines * 64;
        memset(header->counts, 0, sizeof(header->counts));
        header->counts[cases[i].counts[0]] = header->counts[cases[i].counts[1]] = 1;
        header->len = len;
        header->sum = policy_image_sum(header->key, len - behind);
        assert_int_equal(policy_builder_take_image(f->builder, bytes, len, key, release), -EBADMSG);
    }
    header->counts[SLOTS] = 1;
    header->len = sizeof(*header) + 128;
    header->sum = policy_image_sum(header->key, header->len + 64 - behind);
    assert_int_equal(policy_builder_take_image(f->builder, bytes, header->len + 64, key, release), -EBADMSG);
    header->len = len = sizeof(*header) + 128;
    header->sum = policy_image_sum(header->key, len - behind);
    assert_int_equal(policy_builder_take_image(f->builder, bytes, len, key, release), 0);
}

static void image__of_another_policy__is_refused(void **state)
{
    struct fixture *f = *state;
    size_t len;

    build_whole(f);
    uint8_t *bytes = image_of(f, &len);

    add_places(f);
    assert_int_equal(policy_builder_take_image(f->builder, bytes, len, other_key, release), -EBADMSG);
    free(bytes);
}

static void image__of_another_zone__is_refused(void **state)
{
    struct fixture *f = *state;
    struct policy *policy = NULL;
    size_t len;

    build_whole(f);
    uint8_t *bytes = image_of(f, &len);

    begin(f);
    add(f, "site {'id':'s','timezone':'America/New_York'}");
    for (size_t i = 1; i < sizeof(places) / sizeof(places[0]); i++)
        add(f, places[i]);
    assert_int_equal(policy_builder_take_image(f->builder, bytes, len, key, release), 0);
    assert_int_equal(policy_builder_finish(f->builder, &policy), -EBADMSG);
    assert_null(policy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(image__taken__has_the_same_people, setup, teardown),
        cmocka_unit_test_setup_teardown(image__of_nobody__has_nobody, setup, teardown),
        cmocka_unit_test_setup_teardown(image__any_byte_another__is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(image__cut_off__is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(image__counts_that_do_not_fit__is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(image__of_another_policy__is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(image__of_another_zone__is_refused, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
