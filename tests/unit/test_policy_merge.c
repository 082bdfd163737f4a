/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test_policy_merge.c: people taken over from another policy and changed must come to what compiling all of
 * them comes to, whatever was changed and however often. */
#include "tests/unit/policy_fixture.h"

#include "gateway/core/policy_image.h"

#define USERS       24
#define CREDENTIALS 48
#define VALUES      64
#define COMMON      8 /* of these, so many that several credentials have one */
#define TAGS        5
#define LINKS       3
#define ROUNDS      1500

static const uint8_t key[POLICY_IMAGE_KEY_BYTES] = { 9 };

/* What there is, as lines; NULL: it is not there. */
struct items {
    char *users[USERS];
    char *credentials[CREDENTIALS];
    char *tags[TAGS];
    char *links[LINKS];
    char *rule;
    bool changed_users[USERS]; /* since the last policy */
    bool changed_credentials[CREDENTIALS];
    uint64_t random;
};

static const char *const places[] = {
    "site {'id':'s','timezone':'Europe/Madrid','lockdown_tags':['t1']}",
    "device {'id':'d','driver':'sim','points':['r'],'targets':['t']}",
    "door {'id':'gym','kind':'door','target':'t'}",
    "access_point {'id':'in','door':'gym','direction':'entry','readers':['r']}",
    "rule {'id':'tagged','tags':['t0','t2'],'doors':['gym']}",
};

/* A small generator, so that a failure comes again. */
static unsigned pick(struct items *items, unsigned count)
{
    items->random = items->random * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(items->random >> 33) % count;
}

__attribute__((format(printf, 2, 3))) static void put(char **line, const char *format, ...)
{
    va_list args;

    free(*line);
    va_start(args, format);
    assert_true(vasprintf(line, format, args) > 0);
    va_end(args);
}

static void drop(char **line)
{
    free(*line);
    *line = NULL;
}

static void change_user(struct items *items, unsigned i)
{
    static const char *const more[] = {
        "",
        ",'name':'Somebody with a name'",
        ",'block':{'from':'2026-01-01','message':'See the desk'}",
        ",'valid_until':'2026-05-31'",
        ",'kind':'visitor','mobile':true",
    };

    items->changed_users[i] = true;
    if (pick(items, 4) == 0)
        drop(&items->users[i]);
    else if (pick(items, 3) == 0)
        put(&items->users[i], "user {'id':'u%u','tags':['t%u','t%u'],'link':'l%u'%s}", i, pick(items, TAGS),
            pick(items, TAGS), pick(items, LINKS), more[pick(items, 5)]);
    else
        put(&items->users[i], "user {'id':'u%u','tags':['t%u']%s}", i, pick(items, TAGS),
            more[pick(items, 5)]);
}

static void change_credential(struct items *items, unsigned i)
{
    static const char *const types[] = { "card", "card", "plate" };
    static const char *const more[] = { "", ",'uses':3", ",'duress':true", ",'valid_from':'2026-02-01'",
                                        ",'status':'lost'" };

    items->changed_credentials[i] = true;
    if (pick(items, 3) == 0)
        drop(&items->credentials[i]);
    else
        put(&items->credentials[i], "credential {'id':'c%u','user':'u%u','type':'%s','value':'%08X'%s}", i,
            pick(items, USERS), types[pick(items, 3)], pick(items, pick(items, 3) ? VALUES : COMMON),
            more[pick(items, 5)]);
}

static void change_something(struct items *items)
{
    unsigned what = pick(items, 20);
    unsigned tag = pick(items, TAGS);
    unsigned link = pick(items, LINKS);

    if (what < 9)
        change_user(items, pick(items, USERS));
    else if (what < 17)
        change_credential(items, pick(items, CREDENTIALS));
    else if (what == 17 && items->tags[tag])
        drop(&items->tags[tag]);
    else if (what == 17)
        put(&items->tags[tag], "tag {'id':'t%u'}", tag);
    else if (what == 18 && items->links[link])
        drop(&items->links[link]);
    else if (what == 18)
        put(&items->links[link], "link {'id':'l%u','max_stale_h':24}", link);
    else
        put(&items->rule, "rule {'id':'named','users':['u%u','u%u','nobody'],'points':['in']}",
            pick(items, USERS), pick(items, USERS));
}

static void finish_items(struct items *items)
{
    for (size_t i = 0; i < USERS; i++)
        free(items->users[i]);
    for (size_t i = 0; i < CREDENTIALS; i++)
        free(items->credentials[i]);
    for (size_t i = 0; i < TAGS; i++)
        free(items->tags[i]);
    for (size_t i = 0; i < LINKS; i++)
        free(items->links[i]);
    free(items->rule);
}

/* --- Compiling. --- */

static void add_line(struct fixture *f, const char *line)
{
    if (line)
        add(f, line);
}

static void add_places(struct fixture *f, const struct items *items)
{
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
        add(f, places[i]);
    for (size_t i = 0; i < TAGS; i++)
        add_line(f, items->tags[i]);
    for (size_t i = 0; i < LINKS; i++)
        add_line(f, items->links[i]);
    add_line(f, items->rule);
}

static struct policy *compile_all(struct fixture *f, const struct items *items)
{
    begin(f);
    add_places(f, items);
    for (size_t i = 0; i < USERS; i++)
        add_line(f, items->users[i]);
    for (size_t i = 0; i < CREDENTIALS; i++)
        add_line(f, items->credentials[i]);
    finish(f);
    return take_ptr(f->policy);
}

static void change_one(struct fixture *f, enum item_kind kind, const char *line, const char *id)
{
    if (line)
        add(f, line);
    else
        assert_int_equal(policy_builder_remove(f->builder, kind, id), 0);
}

/* The builder has taken people over. */
static struct policy *compile_changes(struct fixture *f, const struct items *items)
{
    char id[8];

    add_places(f, items);
    for (unsigned i = CREDENTIALS; i-- > 0;) {
        snprintf(id, sizeof(id), "c%u", i);
        if (items->changed_credentials[i])
            change_one(f, ITEM_CREDENTIAL, items->credentials[i], id);
    }
    for (unsigned i = 0; i < USERS; i++) {
        snprintf(id, sizeof(id), "u%u", i);
        if (items->changed_users[i])
            change_one(f, ITEM_USER, items->users[i], id);
    }
    finish(f);
    return take_ptr(f->policy);
}

static struct policy *compile_from(struct fixture *f, const struct items *items, const struct policy *base)
{
    begin(f);
    policy_builder_take_people(f->builder, base);
    return compile_changes(f, items);
}

static void release(void *bytes, size_t len)
{
    memset(bytes, 0xdd, len); /* whoever reads it afterwards shows */
    free(bytes);
}

static struct policy *compile_from_image(struct fixture *f, const struct items *items,
                                         const struct policy *base)
{
    struct policy_image_part parts[POLICY_IMAGE_PARTS];
    struct policy_image_header header;
    size_t count = policy_image_parts(base, key, &header, parts);
    size_t len = 0;

    for (size_t i = 0; i < count; i++)
        len += parts[i].len;
    uint8_t *bytes = aligned_alloc(64, (len + 63) / 64 * 64);
    size_t at = 0;

    for (size_t i = 0; i < count; at += parts[i++].len)
        if (parts[i].len)
            memcpy(bytes + at, parts[i].bytes, parts[i].len);
    begin(f);
    assert_int_equal(policy_builder_take_image(f->builder, bytes, len, key, release), 0);
    return compile_changes(f, items);
}

/* --- Comparing. --- */

static void assert_same_user(const struct policy *a, const struct policy *b, uint32_t i)
{
    struct policy_user x = policy_user(a, i);
    struct policy_user y = policy_user(b, i);

    assert_string_equal(x.id, y.id);
    assert_string_equal(policy_name(a, ITEM_USER, i), policy_name(b, ITEM_USER, i));
    assert_int_equal(policy_find(b, ITEM_USER, x.id), i);
    assert_int_equal(x.kind, y.kind);
    assert_int_equal(x.status, y.status);
    assert_int_equal(x.valid_from_us, y.valid_from_us);
    assert_int_equal(x.valid_until_us, y.valid_until_us);
    assert_int_equal(x.mobile, y.mobile);
    assert_int_equal(x.extended_time, y.extended_time);
    assert_int_equal(x.apb_exempt, y.apb_exempt);
    assert_int_equal(x.blocked, y.blocked);
    assert_int_equal(x.linked, y.linked);
    assert_int_equal(x.link, y.link);
    if (x.blocked) {
        assert_int_equal(x.block_from_us, y.block_from_us);
        assert_string_equal(x.block_message, y.block_message);
    }
}

static void assert_same_joins(const struct policy *a, const struct policy *b, uint32_t user)
{
    uint32_t cursor_a = 0, cursor_b = 0, found_a = 0, found_b = 0;

    for (bool more = true; more;) {
        more = policy_rule_next(a, user, 0, &cursor_a, &found_a);
        assert_int_equal(more, policy_rule_next(b, user, 0, &cursor_b, &found_b));
        assert_int_equal(found_a, found_b);
    }
    cursor_a = cursor_b = 0;
    for (bool more = true; more;) {
        more = policy_credential_of_user_next(a, user, &cursor_a, &found_a);
        assert_int_equal(more, policy_credential_of_user_next(b, user, &cursor_b, &found_b));
        assert_int_equal(found_a, found_b);
    }
    assert_int_equal(policy_user_passes_lockdown(a, user), policy_user_passes_lockdown(b, user));
    for (uint32_t tag = 0; tag < policy_count(a, ITEM_TAG); tag++)
        assert_int_equal(policy_user_has_tag(a, user, tag), policy_user_has_tag(b, user, tag));
}

static void assert_same_credential(const struct policy *a, const struct policy *b, uint32_t i)
{
    struct policy_credential x = policy_credential(a, i);
    struct policy_credential y = policy_credential(b, i);

    assert_string_equal(x.id, y.id);
    assert_int_equal(policy_find(b, ITEM_CREDENTIAL, x.id), i);
    assert_int_equal(x.type, y.type);
    assert_int_equal(x.status, y.status);
    assert_int_equal(x.valid_from_us, y.valid_from_us);
    assert_int_equal(x.valid_until_us, y.valid_until_us);
    assert_int_equal(x.uses, y.uses);
    assert_int_equal(x.duress, y.duress);
    assert_int_equal(x.user, y.user);
    for (uint32_t other = 0; other < i; other++)
        assert_int_equal(policy_credential(a, other).user_ref == x.user_ref,
                         policy_credential(b, other).user_ref == y.user_ref);
}

/* All that is found by a value, with whichever user it belongs to. */
static void assert_same_finds(const struct policy *a, const struct policy *b, enum credential_type type,
                              unsigned value)
{
    uint8_t hash[CREDENTIAL_HASH_BYTES];
    uint32_t found_a = POLICY_NONE, found_b = POLICY_NONE;
    char text[16];

    snprintf(text, sizeof(text), "%08X", value);
    credential_hash(secret, credential_type_name(type), text, hash);
    assert_int_equal(policy_lookup(a, type, hash, &found_a), policy_lookup(b, type, hash, &found_b));
    assert_int_equal(found_a, found_b);
    for (uint32_t i = 0; i < policy_count(a, ITEM_CREDENTIAL); i++) {
        found_a = found_b = POLICY_NONE;
        assert_int_equal(policy_lookup_of_user(a, policy_credential(a, i).user_ref, type, hash, &found_a),
                         policy_lookup_of_user(b, policy_credential(b, i).user_ref, type, hash, &found_b));
        assert_int_equal(found_a, found_b);
    }
}

static void assert_same(const struct policy *a, const struct policy *b)
{
    assert_int_equal(policy_count(a, ITEM_USER), policy_count(b, ITEM_USER));
    assert_int_equal(policy_count(a, ITEM_CREDENTIAL), policy_count(b, ITEM_CREDENTIAL));
    for (uint32_t i = 0; i < policy_count(a, ITEM_USER); i++) {
        assert_same_user(a, b, i);
        assert_same_joins(a, b, i);
    }
    for (uint32_t i = 0; i < policy_count(a, ITEM_CREDENTIAL); i++)
        assert_same_credential(a, b, i);
    for (unsigned value = 0; value < VALUES; value++) {
        assert_same_finds(a, b, CREDENTIAL_CARD, value);
        assert_same_finds(a, b, CREDENTIAL_PLATE, value);
    }
    assert_int_equal(policy_dangling_count(a), policy_dangling_count(b));
    for (size_t i = 0; i < policy_dangling_count(a); i++)
        assert_string_equal(policy_dangling(a, i), policy_dangling(b, i));
}

/* --- Tests. --- */

/* What was merged is what is merged into next; now and then it has been an image in between. */
static void merge__any_changes__are_as_all_compiled(void **state)
{
    struct fixture *f = *state;
    struct items items = { .random = 20261125 };
    struct policy *policy = compile_all(f, &items);

    for (int round = 0; round < ROUNDS; round++) {
        for (unsigned changes = pick(&items, 4) ? pick(&items, 6) : pick(&items, 60); changes > 0; changes--)
            change_something(&items);
        struct policy *whole = compile_all(f, &items);
        struct policy *merged =
            pick(&items, 3) ? compile_from(f, &items, policy) : compile_from_image(f, &items, policy);

        assert_same(whole, merged);
        policy_free(policy);
        policy_free(whole);
        policy = merged;
        memset(items.changed_users, 0, sizeof(items.changed_users));
        memset(items.changed_credentials, 0, sizeof(items.changed_credentials));
    }
    policy_free(policy);
    finish_items(&items);
}

static void merge__edits__are_counted(void **state)
{
    struct fixture *f = *state;

    BUILD(f, "user {'id':'a'}", "user {'id':'b'}",
          "credential {'id':'c','user':'a','type':'card','value':'00'}");
    struct policy *base = take_ptr(f->policy);

    assert_int_equal(policy_edits(base), 0);
    begin(f);
    policy_builder_take_people(f->builder, base);
    add(f, "user {'id':'b','name':'Bob'}");
    add(f, "user {'id':'d'}");
    assert_int_equal(policy_builder_remove(f->builder, ITEM_CREDENTIAL, "c"), 0);
    assert_int_equal(policy_builder_remove(f->builder, ITEM_CREDENTIAL, "nothing"), 0);
    finish(f);
    assert_int_equal(policy_edits(f->policy), 3);
    assert_int_equal(policy_count(f->policy, ITEM_USER), 3);
    policy_free(base);
}

static void merge__another_time_zone__is_refused(void **state)
{
    struct fixture *f = *state;
    struct policy *policy = NULL;

    BUILD(f, "site {'id':'s','timezone':'Europe/Madrid'}", "user {'id':'a','valid_until':'2026-05-31'}");
    struct policy *base = take_ptr(f->policy);

    begin(f);
    policy_builder_take_people(f->builder, base);
    add(f, "site {'id':'s','timezone':'Europe/Lisbon'}");
    assert_int_equal(policy_builder_finish(f->builder, &policy), -EBADMSG);
    f->builder = policy_builder_free(f->builder);
    policy_free(base);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(merge__any_changes__are_as_all_compiled),
        TEST(merge__edits__are_counted),
        TEST(merge__another_time_zone__is_refused),
    };

    return cmocka_run_group_tests_name("policy_merge", tests, NULL, NULL);
}
