/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test_nuki_frame.c: frames byte for byte as in vectors/nuki.json, in one piece and in parts, and all that is
 * wrong with one, each with its own reason. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "nuki_vectors.h"

#define INDICATION 20 /* bytes that an MTU of 23 leaves */

/* Offsets in an encrypted frame. */
#define AT_AUTH_ID 24
#define AT_LENGTH  28

struct row {
    struct nuki_access access;
    struct vector wire, nonce, inner;
};

static struct nuki_access example_access(struct json_object *vectors)
{
    struct json_object *row = json_object_array_get_idx(vector_member(vectors, "key_agreement"), 0);
    struct nuki_access access = { .auth_id = 2 };

    memcpy(access.key, vector_of(row, "hsalsa20_zero_nonce").bytes, NUKI_KEY_BYTES);
    return access;
}

static struct nuki_access synthetic_access(struct json_object *vectors)
{
    struct json_object *run = vector_member(vectors, "synthetic");
    struct nuki_access access = { .auth_id = vector_number(run, "auth_id") };

    memcpy(access.key, vector_of(run, "shared").bytes, NUKI_KEY_BYTES);
    return access;
}

static struct row row_of(const struct nuki_access *access, struct json_object *list, size_t i)
{
    return (struct row){ .access = *access,
                         .wire = vector_at(list, i, "wire"),
                         .nonce = vector_at(list, i, "nonce"),
                         .inner = vector_at(list, i, "plaintext") };
}

/* The challenge of the maker's example. */
static struct row challenge_row(struct json_object *vectors)
{
    struct nuki_access access = example_access(vectors);

    return row_of(&access, vector_member(vectors, "encrypted_usdio_a92ee202"), 3);
}

static int add_in_parts(struct nuki_assembly *assembly, const struct vector *wire, size_t size)
{
    int r = NUKI_FRAME_PART;

    for (size_t at = 0; at < wire->len; at += size) {
        size_t left = wire->len - at;

        assert_int_equal(r, NUKI_FRAME_PART);
        r = nuki_frame_add(assembly, wire->bytes + at, left < size ? left : size);
    }
    return r;
}

static void assert_row(const struct row *row)
{
    struct nuki_assembly assembly = { .encrypted = true };
    struct nuki_message message;
    uint8_t bytes[NUKI_FRAME_MAX];

    assert_int_equal(add_in_parts(&assembly, &row->wire, INDICATION), 0);
    assert_int_equal(nuki_frame_auth_id(assembly.bytes), row->access.auth_id);
    assert_int_equal(nuki_frame_open(&row->access, assembly.bytes, assembly.len, &message), 0);
    assert_int_equal(nuki_frame_seal(&row->access, row->nonce.bytes, &message, bytes), row->wire.len);
    assert_memory_equal(bytes, row->wire.bytes, row->wire.len);
    assert_int_equal(nuki_frame_box(&row->access, row->nonce.bytes, row->inner.bytes, row->inner.len, bytes),
                     row->wire.len);
    assert_memory_equal(bytes, row->wire.bytes, row->wire.len);
}

static void assert_rows(const struct nuki_access *access, struct json_object *list)
{
    assert_true(json_object_array_length(list) > 0);
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        struct row row = row_of(access, list, i);

        assert_row(&row);
    }
}

static void crc__check_value__is_right(void **state)
{
    assert_int_equal(nuki_frame_crc((const uint8_t *)"123456789", 9), 0x29b1);
}

static void encrypted__makers_examples__open_and_seal_to_the_same(void **state)
{
    struct nuki_access access = example_access(*state);

    assert_rows(&access, vector_member(*state, "encrypted_usdio_a92ee202"));
}

static void encrypted__synthetic_run__opens_and_seals_to_the_same(void **state)
{
    struct nuki_access access = synthetic_access(*state);

    assert_rows(&access, vector_member(vector_member(*state, "synthetic"), "encrypted"));
}

/* The maker has these only as what is inside. */
static void encrypted__after_lock_action__comes_through(void **state)
{
    static const uint8_t nonce[NUKI_FRAME_NONCE_BYTES] = { 1 };
    struct json_object *list = vector_member(*state, "plaintexts_after_lock_action");
    struct nuki_access access = example_access(*state);

    for (size_t i = 0; i < json_object_array_length(list); i++) {
        struct vector inner = vector_at(list, i, "msg");
        uint8_t boxed[NUKI_FRAME_MAX], sealed[NUKI_FRAME_MAX];
        size_t len = nuki_frame_box(&access, nonce, inner.bytes, inner.len, boxed);
        struct nuki_message message;

        assert_int_equal(nuki_frame_open(&access, boxed, len, &message), 0);
        assert_int_equal(nuki_frame_seal(&access, nonce, &message, sealed), len);
        assert_memory_equal(sealed, boxed, len);
    }
}

static void plain__makers_example_in_parts__is_whole_at_its_last_byte(void **state)
{
    struct json_object *list = vector_member(*state, "pairing_classic_gdio_a92ee101_plain");
    struct nuki_assembly assembly = { 0 };

    for (size_t i = 0; i < json_object_array_length(list); i++) {
        struct vector frame = vector_at(list, i, "msg");
        uint8_t bytes[NUKI_FRAME_MAX];
        struct nuki_message message;

        assert_int_equal(add_in_parts(&assembly, &frame, 1), 0);
        assert_int_equal(nuki_frame_open_plain(assembly.bytes, assembly.len, &message), 0);
        assert_int_equal(nuki_frame_plain(&message, bytes), frame.len);
        assert_memory_equal(bytes, frame.bytes, frame.len);
    }
}

static void open__each_thing_that_can_be_wrong__has_its_reason(void **state)
{
    struct row row = challenge_row(*state);
    struct nuki_access other = row.access;
    struct nuki_message message = { .command = NUKI_COMMAND_STATUS };
    uint8_t bytes[NUKI_FRAME_MAX + 1];
    size_t len = row.wire.len;

    memset(bytes, 0, sizeof(bytes));
    memcpy(bytes, row.wire.bytes, len);
    assert_int_equal(nuki_frame_open(&row.access, bytes, len - 1, &message), NUKI_E_LENGTH);
    assert_int_equal(nuki_frame_open(&row.access, bytes, len + 1, &message), NUKI_E_LENGTH);
    assert_int_equal(nuki_frame_open(&row.access, bytes, 53, &message), NUKI_E_SHORT);
    assert_int_equal(nuki_frame_open(&row.access, bytes, 0, &message), NUKI_E_SHORT);
    assert_int_equal(nuki_frame_open(&row.access, bytes, sizeof(bytes), &message), NUKI_E_LONG);
    bytes[AT_LENGTH]++;
    assert_int_equal(nuki_frame_open(&row.access, bytes, len, &message), NUKI_E_LENGTH);
    bytes[AT_LENGTH]--;
    bytes[AT_AUTH_ID]++;
    assert_int_equal(nuki_frame_open(&row.access, bytes, len, &message), NUKI_E_AUTH_ID);
    other.auth_id++;
    assert_int_equal(nuki_frame_open(&other, bytes, len, &message), NUKI_E_INNER_AUTH_ID);
    bytes[AT_AUTH_ID]--;
    row.access.key[0] ^= 1;
    assert_int_equal(nuki_frame_open(&row.access, bytes, len, &message), NUKI_E_MAC);
    assert_int_equal(message.command, NUKI_COMMAND_STATUS);
}

static void open__any_bit_turned__is_refused(void **state)
{
    struct row row = challenge_row(*state);
    struct nuki_message message;

    for (size_t bit = 0; bit < 8 * row.wire.len; bit++) {
        row.wire.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        int r = nuki_frame_open(&row.access, row.wire.bytes, row.wire.len, &message);

        assert_int_equal(r, bit < 8 * AT_AUTH_ID || bit >= 8 * NUKI_FRAME_HEADER ? NUKI_E_MAC
                            : bit < 8 * AT_LENGTH                                ? NUKI_E_AUTH_ID
                                                                                 : NUKI_E_LENGTH);
        row.wire.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
}

static void open__well_boxed_nonsense__has_its_reason(void **state)
{
    struct row row = challenge_row(*state);
    uint8_t inner[NUKI_FRAME_INNER_MAX], bytes[NUKI_FRAME_MAX];
    size_t len = row.inner.len;
    struct nuki_message message;

    memcpy(inner, row.inner.bytes, len);
    inner[len - 1] ^= 1;
    nuki_frame_box(&row.access, row.nonce.bytes, inner, len, bytes);
    assert_int_equal(nuki_frame_open(&row.access, bytes, row.wire.len, &message), NUKI_E_CRC);
    static const struct {
        uint8_t inner[6];
        int error;
    } rows[] = { { { 2, 0, 0, 0, 0x99, 0 }, NUKI_E_COMMAND }, { { 2, 0, 0, 0, 4, 0 }, NUKI_E_PAYLOAD } };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        memcpy(inner, rows[i].inner, 6);
        uint16_t crc = nuki_frame_crc(inner, 6);

        inner[6] = (uint8_t)crc;
        inner[7] = (uint8_t)(crc >> 8);
        len = nuki_frame_box(&row.access, row.nonce.bytes, inner, 8, bytes);
        assert_int_equal(nuki_frame_open(&row.access, bytes, len, &message), rows[i].error);
    }
}

static void add__length_that_cannot_be__is_given_up_at_once(void **state)
{
    struct row row = challenge_row(*state);
    struct nuki_assembly assembly = { .encrypted = true };

    assert_int_equal(nuki_frame_add(&assembly, row.wire.bytes, 0), NUKI_E_SHORT);
    row.wire.bytes[AT_LENGTH + 1] = 0xff;
    assert_int_equal(nuki_frame_add(&assembly, row.wire.bytes, NUKI_FRAME_HEADER), NUKI_E_LENGTH);
    row.wire.bytes[AT_LENGTH + 1] = 0;
    row.wire.bytes[AT_LENGTH] = 23;
    assert_int_equal(nuki_frame_add(&assembly, row.wire.bytes, NUKI_FRAME_HEADER), NUKI_E_LENGTH);
    row = challenge_row(*state);
    row.wire.len++;
    assert_int_equal(nuki_frame_add(&assembly, row.wire.bytes, row.wire.len), NUKI_E_LENGTH);
    row.wire.len--;
    assert_int_equal(add_in_parts(&assembly, &row.wire, INDICATION), 0);
    assert_int_equal(add_in_parts(&assembly, &row.wire, row.wire.len), 0);
}

static void add__cut_frame_then_another__never_is_one_that_opens(void **state)
{
    struct row row = challenge_row(*state);
    struct nuki_assembly assembly = { .encrypted = true };
    struct nuki_message message;

    for (size_t cut = 1; cut < row.wire.len; cut++) {
        nuki_frame_reset(&assembly);
        assert_int_equal(nuki_frame_add(&assembly, row.wire.bytes, cut), NUKI_FRAME_PART);
        int r = nuki_frame_add(&assembly, row.wire.bytes, row.wire.len);

        if (r == 0)
            r = nuki_frame_open(&row.access, assembly.bytes, assembly.len, &message);
        assert_int_not_equal(r, 0);
    }
}

static void add__more_than_any_frame__is_refused(void **state)
{
    static const uint8_t flood[NUKI_FRAME_MAX + 1];
    struct nuki_assembly assembly = { .encrypted = true };

    assert_int_equal(nuki_frame_add(&assembly, flood, sizeof(flood)), NUKI_E_LONG);
    assert_int_equal(assembly.len, 0);
}

static void add__plain__is_judged_by_command_and_crc(void **state)
{
    static const uint8_t complete[] = { 0x0e, 0, 0, 0x9d, 0xd7 }, unknown[] = { 0x99, 0 };
    struct nuki_assembly assembly = { 0 };
    uint8_t bytes[sizeof(complete) + 1] = { 0 };

    assert_int_equal(nuki_frame_add(&assembly, complete, sizeof(complete)), 0);
    assert_int_equal(nuki_frame_add(&assembly, unknown, sizeof(unknown)), NUKI_E_COMMAND);
    memcpy(bytes, complete, sizeof(complete));
    assert_int_equal(nuki_frame_add(&assembly, bytes, sizeof(bytes)), NUKI_E_LENGTH);
    bytes[2] = 1;
    assert_int_equal(nuki_frame_add(&assembly, bytes, sizeof(complete)), NUKI_E_CRC);
    assert_int_equal(nuki_frame_add(&assembly, complete, 4), NUKI_FRAME_PART);
    assert_int_equal(nuki_frame_add(&assembly, complete + 4, 1), 0);
}

static void open_plain__too_short_or_altered__has_its_reason(void **state)
{
    static const uint8_t complete[] = { 0x0e, 0, 0, 0x9d, 0xd7 }, altered[] = { 0x0e, 0, 1, 0x9d, 0xd7 };
    struct nuki_message message;

    assert_int_equal(nuki_frame_open_plain(complete, 3, &message), NUKI_E_SHORT);
    assert_int_equal(nuki_frame_open_plain(altered, sizeof(altered), &message), NUKI_E_CRC);
    assert_int_equal(nuki_frame_open_plain(complete, sizeof(complete), &message), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(crc__check_value__is_right),
        cmocka_unit_test(encrypted__makers_examples__open_and_seal_to_the_same),
        cmocka_unit_test(encrypted__synthetic_run__opens_and_seals_to_the_same),
        cmocka_unit_test(encrypted__after_lock_action__comes_through),
        cmocka_unit_test(plain__makers_example_in_parts__is_whole_at_its_last_byte),
        cmocka_unit_test(open__each_thing_that_can_be_wrong__has_its_reason),
        cmocka_unit_test(open__any_bit_turned__is_refused),
        cmocka_unit_test(open__well_boxed_nonsense__has_its_reason),
        cmocka_unit_test(add__length_that_cannot_be__is_given_up_at_once),
        cmocka_unit_test(add__cut_frame_then_another__never_is_one_that_opens),
        cmocka_unit_test(add__more_than_any_frame__is_refused),
        cmocka_unit_test(add__plain__is_judged_by_command_and_crc),
        cmocka_unit_test(open_plain__too_short_or_altered__has_its_reason),
    };

    return cmocka_run_group_tests_name("nuki_frame", tests, vectors_open, vectors_close);
}
