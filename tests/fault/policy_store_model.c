/* SPDX-License-Identifier: GPL-3.0-or-later */
/* policy_store_model.c: item i was changed last by the version that leaves i when divided by their number. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include <inttypes.h>

#include "tests/fault/policy_store_model.h"
#include "tests/unit/policy_store_fixture.h"

#define ITEMS     60
#define ITEM_SIZE 64
#define DEL_EVERY 7 /* each so many versions delete an item instead of putting it */
#define SPAN      POLICY_STORE_MODEL_SPAN

/* The rev of item i in that version, 0 if it is not there. */
static int64_t rev_of(int64_t i, int64_t version)
{
    int64_t rev = version - (version - i + ITEMS) % ITEMS;

    return rev > 0 && rev % DEL_EVERY != 0 ? rev : 0;
}

static void format_item(int64_t i, int64_t rev, char ret[static ITEM_SIZE])
{
    snprintf(ret, ITEM_SIZE, "{\"id\":\"u%" PRId64 "\",\"name\":\"%" PRId64 "\"}", i, rev);
}

static int64_t expected_root(int64_t version, char ret[static ROOT_SIZE])
{
    struct digest sum = { 0 };
    int64_t count = 0;
    char id[ID_SIZE];

    for (int64_t i = 0; i < ITEMS; i++) {
        int64_t rev = rev_of(i, version);

        snprintf(id, sizeof(id), "u%" PRId64, i);
        if (rev == 0)
            continue;
        add_to_root(&sum, "user", id, rev);
        count++;
    }
    hex_encode(sum.bytes, DIGEST_BYTES, ret);
    return count;
}

static enum policy_outcome apply_span(struct fixture *f, int64_t from)
{
    static char items[SPAN][ITEM_SIZE], ids[SPAN][ID_SIZE];
    struct policy_op ops[SPAN];
    char root[ROOT_SIZE];

    expected_root(from + SPAN, root);
    for (int64_t k = 0; k < SPAN; k++) {
        int64_t rev = from + 1 + k, i = rev % ITEMS;

        snprintf(ids[k], sizeof(ids[k]), "u%" PRId64, i);
        format_item(i, rev, items[k]);
        ops[k] = rev % DEL_EVERY == 0 ? del_op("user", ids[k]) : put_op("user", rev, items[k]);
    }
    return apply(f, from, from + SPAN, root, ops, SPAN);
}

/* Chunk c of CHUNKS_MAX has every item whose number leaves c. */
static void format_lines(int64_t version, size_t c, char ret[static CHUNK_SIZE])
{
    size_t len = 0;

    for (int64_t i = (int64_t)c; i < ITEMS; i += CHUNKS_MAX) {
        char item[ITEM_SIZE];
        int64_t rev = rev_of(i, version);

        format_item(i, rev, item);
        if (rev != 0)
            len += (size_t)snprintf(ret + len, CHUNK_SIZE - len,
                                    "{\"kind\":\"user\",\"rev\":%" PRId64 ",\"item\":%s}\n", rev, item);
    }
    ret[len] = '\0';
}

/* Goes on with what a former life has staged. */
static enum policy_outcome take_snapshot(struct fixture *f, int64_t version)
{
    static char lines[CHUNKS_MAX][CHUNK_SIZE];
    const char *chunks[CHUNKS_MAX + 1] = { NULL };
    char root[ROOT_SIZE];
    struct snapshot s;
    int64_t items = expected_root(version, root);

    for (size_t c = 0; c < CHUNKS_MAX; c++) {
        format_lines(version, c, lines[c]);
        chunks[c] = lines[c];
    }
    make_snapshot(&s, version, chunks, items, root);
    enum policy_outcome outcome = begin(f, &s.manifest);

    while (outcome == POLICY_STAGED)
        outcome = send_chunk(f, s.chunks[f->report.staging.next]);
    return outcome;
}

enum policy_outcome policy_store_model_change(struct fixture *f, bool delta)
{
    int64_t from = policy_store_position(f->store)->version;
    bool possible = from > 0 && !policy_store_staging(f->store)->active;

    return delta && possible ? apply_span(f, from) : take_snapshot(f, from + SPAN);
}

struct found {
    int64_t version;
    size_t items;
    struct digest sum;
};

static void look_at(void *user, const char *kind, const char *id, int64_t rev, const char *json)
{
    struct found *found = user;
    int64_t i = strtoll(id + 1, NULL, 10);
    char item[ITEM_SIZE];

    assert_int_equal(rev, rev_of(i, found->version));
    format_item(i, rev, item);
    assert_string_equal(json, item);
    add_to_root(&found->sum, kind, id, rev);
    found->items++;
}

static void end_look(void *user, int error)
{
    assert_int_equal(error, 0);
}

/* Whoever is in the policy is as the version says. */
static void look_at_policy(const struct fixture *f, const struct policy_position *position)
{
    char id[ID_SIZE], name[ID_SIZE];

    assert_int_equal(policy_count(f->policy, ITEM_USER), position->items);
    for (int64_t i = 0; i < ITEMS; i++) {
        snprintf(id, sizeof(id), "u%" PRId64, i);
        snprintf(name, sizeof(name), "%" PRId64, rev_of(i, position->version));
        uint32_t user = policy_find(f->policy, ITEM_USER, id);

        assert_int_equal(user != POLICY_NONE, rev_of(i, position->version) != 0);
        if (user != POLICY_NONE)
            assert_string_equal(policy_name(f->policy, ITEM_USER, user), name);
    }
}

/* The rows are those of the version that the head states, all of them and no other; so is the policy. */
int64_t policy_store_model_check(struct fixture *f)
{
    char root[ROOT_SIZE], rows_root[ROOT_SIZE];

    open_store(f);
    assert_false(f->opened.damaged);
    struct policy_position position = *policy_store_position(f->store);
    struct found found = { .version = position.version };

    look_at_policy(f, &position);
    assert_int_equal(policy_store_list(f->store, NULL, look_at, end_look, &found), 0);
    close_store(f);
    hex_encode(found.sum.bytes, DIGEST_BYTES, rows_root);
    assert_int_equal(position.items, expected_root(position.version, root));
    assert_int_equal(position.items, found.items);
    assert_string_equal(position.root, root);
    assert_string_equal(position.root, rows_root);
    return position.version;
}
