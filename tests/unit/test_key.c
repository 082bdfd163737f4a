/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a key may, and which points are keys. */
#include "tests/unit/jws_fixture.h"

#include <errno.h>

static void read_key(const char *uses, const char *more, struct key *ret)
{
    cleanup_with(json_putp) struct json_object *item = key_item("k", 1, uses, more);
    struct json_error error;

    assert_int_equal(key_read(item, ret, &error), 0);
}

static void key_has_use__root__covers_policy_alone(void **state)
{
    struct key key;

    read_key("\"root\"", "", &key);
    for (int use = 0; use < KEY_USES; use++)
        assert_int_equal(key_has_use(&key, (enum key_use)use), use == KEY_USE_ROOT || use == KEY_USE_POLICY);
    key_finish(&key);
    read_key("\"policy\",\"fly\"", "", &key); /* what is not known grants nothing */
    for (int use = 0; use < KEY_USES; use++)
        assert_int_equal(key_has_use(&key, (enum key_use)use), use == KEY_USE_POLICY);
    key_finish(&key);
}

static void key_allows__scope__limits_verbs_and_targets(void **state)
{
    static const struct {
        const char *scope;
        const char *verb, *target;
        bool allowed;
    } rows[] = {
        { "", "open", "front", true },
        { ",\"scope\":{}", "open", "front", true },
        { ",\"scope\":{\"verbs\":[\"open\"]}", "open", "back", true },
        { ",\"scope\":{\"verbs\":[\"open\"]}", "lock", "front", false },
        { ",\"scope\":{\"verbs\":[]}", "open", "front", false },
        { ",\"scope\":{\"targets\":[\"front\"]}", "lock", "front", true },
        { ",\"scope\":{\"targets\":[\"front\"]}", "lock", "back", false },
        { ",\"scope\":{\"targets\":[\"front\"]}", "sync", "", false },
        { ",\"scope\":{\"verbs\":[\"open\"],\"targets\":[\"front\"]}", "open", "front", true },
        { ",\"scope\":{\"verbs\":[\"open\"],\"targets\":[\"front\"]}", "open", "back", false },
        { ",\"scope\":{\"hours\":[]}", "open", "front", false }, /* not understood: nothing */
        { ",\"scope\":{\"verbs\":[\"open\"],\"hours\":[]}", "open", "front", false },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct key key;

        read_key("\"command\"", rows[i].scope, &key);
        assert_int_equal(key_allows(&key, rows[i].verb, rows[i].target), rows[i].allowed);
        key_finish(&key);
    }
}

/* A key of small order would sign anything; 2 is no point of the curve. */
static void key_read__no_point_of_the_group__is_refused(void **state)
{
    static const char *const points[] = {
        "0100000000000000000000000000000000000000000000000000000000000000",
        "0000000000000000000000000000000000000000000000000000000000000000",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "0200000000000000000000000000000000000000000000000000000000000000",
    };

    for (size_t i = 0; i < sizeof(points) / sizeof(points[0]); i++) {
        cleanup_with(json_putp) struct json_object *item = NULL;
        uint8_t bytes[KEY_PUBLIC_BYTES];
        char x[B64_SIZE(KEY_PUBLIC_BYTES)];
        char text[256];
        struct json_error error;
        struct key key;

        assert_int_equal(hex_decode(points[i], bytes, sizeof(bytes)), 0);
        b64_encode(bytes, sizeof(bytes), x);
        snprintf(
            text, sizeof(text),
            "{\"id\":\"k\",\"use\":[\"root\"],\"jwk\":{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"%s\"}}",
            x);
        assert_int_equal(json_parse(text, strlen(text), &item, &error), 0);
        assert_int_equal(key_read(item, &key, &error), -EBADMSG);
        assert_string_equal(error.path, "jwk.x");
    }
}

static void key_set__two_of_one_id__the_first_stays(void **state)
{
    struct key_set set = { 0 };
    cleanup_with(json_putp) struct json_object *again = key_item("a", 2, "\"root\"", "");
    struct json_error error;

    add_key(&set, "a", 1, "\"policy\"");
    add_key(&set, "b", 2, "\"events\"");
    assert_int_equal(key_set_add(&set, again, &error), -EEXIST);
    assert_int_equal(set.count, 2);
    assert_false(key_has_use(key_set_find(&set, "a"), KEY_USE_ROOT));
    assert_null(key_set_find(&set, "c"));
    assert_null(key_set_find(&set, ""));
    key_set_finish(&set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(key_has_use__root__covers_policy_alone),
        cmocka_unit_test(key_allows__scope__limits_verbs_and_targets),
        cmocka_unit_test(key_read__no_point_of_the_group__is_refused),
        cmocka_unit_test(key_set__two_of_one_id__the_first_stays),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
