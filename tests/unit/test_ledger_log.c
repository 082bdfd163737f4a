/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The log of events: acknowledged, pruned, begun anew. */
#include "tests/unit/ledger_fixture.h"

static void ack__right__moves_on_and_never_back(void **state)
{
    struct fixture *f = *state;

    start_ledger(f);
    append_many(f, 5);
    assert_int_equal(ack_truly(f, 4), LEDGER_ACK_TAKEN);
    assert_int_equal(ledger_position(f->ledger)->acked, 4);
    assert_int_equal(ack_truly(f, 2), LEDGER_ACK_TAKEN);
    assert_int_equal(ledger_position(f->ledger)->acked, 4);
}

static void ack__nothing_yet__is_seq_0_with_zeros(void **state)
{
    struct fixture *f = *state;
    uint8_t hash[CHAIN_BYTES] = { 0 };
    char epoch[EPOCH_SIZE];

    start_ledger(f);
    append_many(f, 1);
    strcpy(epoch, ledger_position(f->ledger)->epoch);
    assert_int_equal(ack(f, epoch, 0, hash), LEDGER_ACK_TAKEN);
    hash[0] = 1;
    assert_int_equal(ack(f, epoch, 0, hash), LEDGER_ACK_WRONG_HASH);
}

static void ack__wrong__changes_nothing(void **state)
{
    struct fixture *f = *state;
    uint8_t hash[CHAIN_BYTES];
    char epoch[EPOCH_SIZE];

    start_ledger(f);
    append_many(f, 5);
    strcpy(epoch, ledger_position(f->ledger)->epoch);
    memcpy(hash, ledger_position(f->ledger)->head_hash, CHAIN_BYTES);
    assert_int_equal(ack(f, "0123456789abcdef", 5, hash), LEDGER_ACK_OTHER_EPOCH);
    assert_int_equal(ack(f, epoch, 6, hash), LEDGER_ACK_BEYOND_HEAD);
    assert_int_equal(ack(f, epoch, 4, hash), LEDGER_ACK_WRONG_HASH);
    hash[31] ^= 1;
    assert_int_equal(ack(f, epoch, 5, hash), LEDGER_ACK_WRONG_HASH);
    assert_int_equal(ledger_position(f->ledger)->acked, 0);
}

static void ack__taken__keeps_what_people_may_look_up(void **state)
{
    struct fixture *f = *state;

    f->options.retain_rows = 3;
    start_ledger(f);
    append_many(f, 10);
    assert_int_equal(ack_truly(f, 8), LEDGER_ACK_TAKEN);
    assert_int_equal(ledger_position(f->ledger)->oldest, 6);
    read_from(f, 1, 10, SIZE_MAX);
    assert_int_equal(f->batch.first, 6);
    assert_int_equal(f->batch.count, 5);
    assert_int_equal(verify(f), 0);
    restart_ledger(f);
    assert_int_equal(ledger_position(f->ledger)->oldest, 6);
}

static void ack__nothing_retained__numbers_go_on(void **state)
{
    struct fixture *f = *state;
    uint8_t hash[CHAIN_BYTES];

    f->options.retain_rows = 0;
    start_ledger(f);
    append_many(f, 4);
    assert_int_equal(ack_truly(f, 4), LEDGER_ACK_TAKEN);
    assert_int_equal(ledger_position(f->ledger)->oldest, 5);
    memcpy(hash, ledger_position(f->ledger)->head_hash, CHAIN_BYTES);
    restart_ledger(f);
    assert_false(f->opened.damaged);
    append_many(f, 1);
    assert_int_equal(f->last_seq, 5);
    read_from(f, 1, 10, SIZE_MAX);
    assert_int_equal(f->batch.first, 5);
    assert_memory_equal(f->batch.prev, hash, CHAIN_BYTES);
    assert_int_equal(verify(f), 0);
}

static void ack__behind_the_oldest__says_where_the_cloud_stands(void **state)
{
    struct fixture *f = *state;
    const uint8_t any[CHAIN_BYTES] = { 1 };
    char epoch[EPOCH_SIZE];

    f->options.rows_max = ROWS_MAX;
    start_ledger(f);
    append_many(f, 1000);
    strcpy(epoch, ledger_position(f->ledger)->epoch);
    assert_int_equal(ack(f, epoch, 100, any), LEDGER_ACK_TAKEN);
    assert_int_equal(ledger_position(f->ledger)->acked, 100);
}

static void retention__age__lets_old_events_go(void **state)
{
    struct fixture *f = *state;

    f->options.retain_age_us = DAY_US;
    start_ledger(f);
    append_many(f, 3);
    f->options.now.clock = CLOCK_STATE_NONE;
    append_many(f, 1);
    assert_int_equal(ack_truly(f, 4), LEDGER_ACK_TAKEN);
    assert_int_equal(ledger_position(f->ledger)->oldest, 1);
    f->options.now.clock = CLOCK_STATE_SYNCED;
    f->options.now.boot_us += DAY_US + USEC_PER_SEC;
    f->options.now.utc_us += DAY_US + USEC_PER_SEC;
    append_many(f, 1);
    assert_int_equal(ledger_position(f->ledger)->oldest, 5);
}

static void retention__age__keeps_what_the_cloud_lacks(void **state)
{
    struct fixture *f = *state;

    f->options.retain_age_us = DAY_US;
    start_ledger(f);
    append_many(f, 3);
    assert_int_equal(ack_truly(f, 1), LEDGER_ACK_TAKEN);
    f->options.now.boot_us += 2 * DAY_US;
    f->options.now.utc_us += 2 * DAY_US;
    append_many(f, 1);
    assert_int_equal(ledger_position(f->ledger)->oldest, 2);
}

static void overflow__unacked__one_event_counts_the_lost(void **state)
{
    struct fixture *f = *state;
    const struct ledger_query query = { .kinds = { "lost" }, .limit = 1, .oldest_first = true };
    int64_t oldest;
    char part[80];

    f->options.rows_max = ROWS_MAX;
    start_ledger(f);
    append_many(f, ROWS_MAX - 1);
    assert_int_equal(ledger_position(f->ledger)->oldest, 1);
    append_many(f, 2);
    oldest = ledger_position(f->ledger)->oldest;
    assert_true(oldest > 1);
    assert_int_equal(find(f, &query), 1);
    snprintf(part, sizeof(part), "\"kind\":\"lost\",\"from\":1,\"to\":%" PRId64 ",\"count\":%" PRId64 "}",
             oldest - 1, oldest - 1);
    assert_line(&f->answer, 0, part);
    assert_int_equal(ledger_position(f->ledger)->head, ROWS_MAX + 2);
    append_many(f, 2000);
    assert_true(ledger_position(f->ledger)->head - ledger_position(f->ledger)->oldest < ROWS_MAX);
    assert_int_equal(verify(f), 0);
}

static void overflow__acked__nothing_is_lost(void **state)
{
    struct fixture *f = *state;
    const struct ledger_query query = { .kinds = { "lost" } };

    f->options.rows_max = ROWS_MAX;
    start_ledger(f);
    append_many(f, ROWS_MAX - 1);
    assert_int_equal(ack_truly(f, 300), LEDGER_ACK_TAKEN);
    append_many(f, 50);
    assert_true(ledger_position(f->ledger)->oldest > 1);
    assert_int_equal(find(f, &query), 0);
}

static void new_epoch__unacked__are_repeated_with_was(void **state)
{
    struct fixture *f = *state;
    const struct event event = { .kind = EVENT_RELEASED, .door = "front" };
    struct ledger_position old;
    char part[160], hash[HEX_SIZE(CHAIN_BYTES)];
    uint64_t ticket;
    size_t told;

    start_ledger(f);
    append_many(f, 3);
    ticket = append(f, &event, 0);
    await_stored(f);
    assert_int_equal(ack_truly(f, 2), LEDGER_ACK_TAKEN);
    old = *ledger_position(f->ledger);
    told = f->entries;
    new_epoch(f);
    assert_int_equal(f->entries, told + 1);
    assert_int_equal(f->last_ticket, 0);
    assert_string_not_equal(ledger_position(f->ledger)->epoch, old.epoch);
    assert_int_equal(ledger_position(f->ledger)->head, 3);
    assert_int_equal(ledger_position(f->ledger)->oldest, 1);
    assert_int_equal(ledger_position(f->ledger)->acked, 0);
    append(f, &event, ticket);
    append(f, &event, ticket - 2);
    await_stored(f);

    read_from(f, 1, 10, SIZE_MAX);
    assert_int_equal(f->batch.count, 5);
    hex_encode(old.head_hash, CHAIN_BYTES, hash);
    snprintf(part, sizeof(part), "\"previous\":{\"epoch\":\"%s\",\"head\":4,\"hash\":\"%s\"}}", old.epoch,
             hash);
    assert_line(&f->answer, 0, part);
    snprintf(part, sizeof(part), "\"door\":\"even\",\"was\":{\"epoch\":\"%s\",\"seq\":3}}", old.epoch);
    assert_line(&f->answer, 1, part);
    snprintf(part, sizeof(part), "{\"seq\":3,\"epoch\":\"%s\",\"boot\":", f->batch.epoch);
    assert_line(&f->answer, 2, part);
    assert_line(&f->answer, 3, "\"cause\":3");
    assert_no_line(&f->answer, 4, "cause");
    assert_int_equal(verify(f), 0);
}

static void new_epoch__twice__keeps_the_first_was(void **state)
{
    struct fixture *f = *state;
    struct ledger_position old;
    char part[160];

    start_ledger(f);
    append_many(f, 1);
    old = *ledger_position(f->ledger);
    new_epoch(f);
    new_epoch(f);
    read_from(f, 1, 10, SIZE_MAX);
    assert_int_equal(f->batch.count, 3);
    assert_line(&f->answer, 1, "\"kind\":\"epoch\"");
    assert_line(&f->answer, 1, "\"was\":{");
    snprintf(part, sizeof(part), "\"was\":{\"epoch\":\"%s\",\"seq\":1}}", old.epoch);
    assert_line(&f->answer, 2, part);
    assert_no_line(&f->answer, 2, "}}}");
    restart_ledger(f);
    assert_false(f->opened.damaged);
    assert_int_equal(verify(f), 0);
}

static void new_epoch__many_tickets__no_cause_is_forgotten(void **state)
{
    struct fixture *f = *state;
    const struct event event = { .kind = EVENT_RELEASED };

    start_ledger(f);
    append_many(f, LEDGER_CAUSES_MAX);
    new_epoch(f);
    text_reset(&f->lines);
    append(f, &event, LEDGER_CAUSES_MAX);
    await_stored(f);
    assert_int_equal(f->last_seq, LEDGER_CAUSES_MAX + 2);
    assert_line(&f->lines, 0, "\"cause\":4097");
}

static void new_epoch__log_empty__begins_with_its_event(void **state)
{
    struct fixture *f = *state;

    start_ledger(f);
    new_epoch(f);
    assert_int_equal(f->last_seq, 1);
    append_many(f, 1);
    assert_int_equal(f->last_seq, 2);
    assert_int_equal(verify(f), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(ack__right__moves_on_and_never_back),
        TEST(ack__nothing_yet__is_seq_0_with_zeros),
        TEST(ack__wrong__changes_nothing),
        TEST(ack__taken__keeps_what_people_may_look_up),
        TEST(ack__nothing_retained__numbers_go_on),
        TEST(ack__behind_the_oldest__says_where_the_cloud_stands),
        TEST(retention__age__lets_old_events_go),
        TEST(retention__age__keeps_what_the_cloud_lacks),
        TEST(overflow__unacked__one_event_counts_the_lost),
        TEST(overflow__acked__nothing_is_lost),
        TEST(new_epoch__unacked__are_repeated_with_was),
        TEST(new_epoch__twice__keeps_the_first_was),
        TEST(new_epoch__many_tickets__no_cause_is_forgotten),
        TEST(new_epoch__log_empty__begins_with_its_event),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
