/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which of a site's keys signs what, and whose files they are. */
#include "tests/unit/jws_fixture.h"

#include <errno.h>
#include <sys/stat.h>

#include "gateway/base/file.h"
#include "tests/unit/cloud_fixture.h"
#include "tools/stile-cloud/feed.h"
#include "tools/stile-cloud/sign.h"

#define PAYLOAD "{\"aud\":\"hub/gw1\"}"

static int teardown_keys(void **state)
{
    struct cloud_fixture *f = *state;
    char command[128];

    snprintf(command, sizeof(command), "rm -rf %s/" KEYRING_DIRECTORY, f->directory);
    return system(command) == 0 ? cloud_teardown(state) : -1;
}

/* made: its age. more: members, with a comma in front. */
static int make(struct cloud_fixture *f, const char *id, const char *uses, int64_t made, const char *more)
{
    cleanup_with(json_putp) struct json_object *item = NULL;
    struct json_error error;
    char text[256];

    snprintf(text, sizeof(text), "{\"id\":\"%s\",\"use\":[%s]%s}", id, uses, more);
    assert_int_equal(json_parse(text, strlen(text), &item, &error), 0);
    return keyring_make(f->directory, item, made, &error);
}

static void retire(struct cloud_fixture *f, const char *id)
{
    assert_int_equal(keyring_read(&f->site.keyring, f->directory), 0);
    assert_int_equal(keyring_retire(f->directory, keyring_find(&f->site.keyring, id)), 0);
}

static int sign(struct cloud_fixture *f, const struct sign_request *request)
{
    text_reset(&f->payload);
    text_add(&f->payload, PAYLOAD);
    return sign_payload(&f->site, request, &f->payload);
}

/* The message is that key's. */
static void assert_signed(struct cloud_fixture *f, const struct sign_request *request, const char *kid)
{
    char payload[64];
    struct jws jws;
    size_t len;

    assert_int_equal(sign(f, request), 0);
    assert_int_equal(jws_parse(f->payload.data, f->payload.len, cloud_topic_typ(request->topic), &jws), 0);
    assert_string_equal(jws.kid, kid);
    assert_int_equal(jws_verify(&jws, keyring_find(&f->site.keyring, kid)->key.public_key), 0);
    assert_int_equal(jws_decode(&jws, payload, sizeof(payload), &len), 0);
    assert_string_equal(payload, PAYLOAD);
}

static const struct sign_request delta = { .topic = CLOUD_DOWN_DELTA };
static const struct sign_request delta_by_root = { .topic = CLOUD_DOWN_DELTA, .by = SIGN_BY_ROOT };
static const struct sign_request snapshot = { .topic = CLOUD_DOWN_SNAPSHOT, .by = SIGN_BY_ROOT_IF_ANY };
static const struct sign_request ack = { .topic = CLOUD_DOWN_ACK };

static void sign__site_without_keys__leaves_it_bare(void **state)
{
    struct cloud_fixture *f = *state;

    assert_int_equal(sign(f, &delta_by_root), 0);
    assert_string_equal(text_string(&f->payload), PAYLOAD);
    assert_int_equal(make(f, "a", "\"command\",\"time\"", 1, ""), 0);
    assert_int_equal(sign(f, &ack), 0); /* a key for commands says nothing of the policy */
    assert_string_equal(text_string(&f->payload), PAYLOAD);
}

static void sign__command_or_time_without_a_key__is_not_sent_bare(void **state)
{
    const struct sign_request command = { .topic = CLOUD_DOWN_COMMAND, .verb = "sync" };
    const struct sign_request time = { .topic = CLOUD_DOWN_TIME };
    struct cloud_fixture *f = *state;

    assert_int_equal(sign(f, &command), -ENOKEY);
    assert_int_equal(sign(f, &time), -ENOKEY);
}

static void sign__several_keys__the_oldest_that_is_not_retired(void **state)
{
    struct cloud_fixture *f = *state;

    assert_int_equal(make(f, "b", "\"policy\"", 1, ""), 0);
    assert_int_equal(make(f, "a", "\"policy\",\"events\"", 2, ""), 0);
    assert_signed(f, &delta, "b");
    assert_signed(f, &ack, "a");
    retire(f, "b");
    assert_signed(f, &delta, "a");
    retire(f, "a");
    assert_int_equal(sign(f, &delta), -ENOKEY); /* and not bare, now that gateways have keys */
}

static void sign__root__is_spared_where_another_will_do(void **state)
{
    struct cloud_fixture *f = *state;

    assert_int_equal(make(f, "root-1", "\"root\"", 1, ""), 0);
    assert_signed(f, &delta, "root-1"); /* covers policy */
    assert_int_equal(sign(f, &ack), -ENOKEY);
    assert_int_equal(make(f, "pol-1", "\"policy\",\"events\"", 2, ""), 0);
    assert_signed(f, &delta, "pol-1");
    assert_signed(f, &ack, "pol-1");
    assert_signed(f, &delta_by_root, "root-1");
    assert_signed(f, &snapshot, "root-1");
    retire(f, "root-1");
    assert_signed(f, &snapshot, "pol-1");
    assert_int_equal(sign(f, &delta_by_root), -ENOKEY);
}

static void sign__command__by_a_key_whose_scope_allows_it(void **state)
{
    struct cloud_fixture *f = *state;
    const struct sign_request open = { .topic = CLOUD_DOWN_COMMAND, .verb = "open", .target = "front" };
    const struct sign_request lock = { .topic = CLOUD_DOWN_COMMAND, .verb = "lock", .target = "front" };

    assert_int_equal(make(f, "a", "\"command\"", 1, ",\"scope\":{\"verbs\":[\"lock\"]}"), 0);
    assert_signed(f, &lock, "a");
    assert_int_equal(sign(f, &open), -ENOKEY);
    assert_int_equal(make(f, "b", "\"command\"", 2, ""), 0);
    assert_signed(f, &open, "b");
}

static void sign__longer_than_a_message__says_so(void **state)
{
    struct cloud_fixture *f = *state;

    assert_int_equal(make(f, "a", "\"policy\"", 1, ""), 0);
    text_reset(&f->payload);
    for (int i = 0; i < CLOUD_PAYLOAD_MAX * 3 / 4; i++)
        text_add(&f->payload, "x");
    assert_int_equal(sign_payload(&f->site, &delta, &f->payload), -EMSGSIZE);
}

static void sign_needs_root__generation_or_key_items__are_roots(void **state)
{
    struct cloud_fixture *f = *state;
    struct feed_change change;
    bool needed = true;

    assert_int_equal(feed_change_begin(&f->site, &change), 0);
    assert_int_equal(feed_change_end(&change, feed_change_put(&change, "user", "ada", "{}")), 0);
    struct cloud_policy theirs = f->site.policy;

    assert_int_equal(sign_needs_root(&f->site, &theirs, &needed), 0);
    assert_false(needed);
    assert_int_equal(feed_change_begin(&f->site, &change), 0);
    assert_int_equal(feed_change_end(&change, feed_change_put(&change, "key", "k", "{}")), 0);
    assert_int_equal(sign_needs_root(&f->site, &theirs, &needed), 0);
    assert_true(needed);
    assert_int_equal(sign_needs_root(&f->site, &f->site.policy, &needed), 0);
    assert_false(needed);
    theirs = f->site.policy;
    theirs.generation--;
    assert_int_equal(sign_needs_root(&f->site, &theirs, &needed), 0);
    assert_true(needed);
}

static void keyring__id_that_is_there__is_not_made_again(void **state)
{
    struct cloud_fixture *f = *state;

    assert_int_equal(make(f, "a", "\"policy\"", 1, ""), 0);
    assert_int_equal(make(f, "a", "\"policy\"", 1, ""), -EEXIST);
    assert_int_equal(make(f, "../a", "\"policy\"", 1, ""), -EBADMSG);
}

static void keyring__file_that_others_may_read__is_not_used(void **state)
{
    struct cloud_fixture *f = *state;
    char path[128];

    assert_int_equal(make(f, "a", "\"policy\"", 1, ""), 0);
    snprintf(path, sizeof(path), "%s/" KEYRING_DIRECTORY "/a.json", f->directory);
    assert_int_equal(chmod(path, 0640), 0);
    assert_int_equal(sign(f, &delta), -EPERM);
}

static void keyring__halves_of_two_keys__are_none(void **state)
{
    struct cloud_fixture *f = *state;
    cleanup_with(freep) char *bytes = NULL;
    char path[128];
    size_t len;

    assert_int_equal(make(f, "a", "\"policy\"", 1, ""), 0);
    snprintf(path, sizeof(path), "%s/" KEYRING_DIRECTORY "/a.json", f->directory);
    assert_int_equal(file_read(path, KEYRING_FILE_BYTES_MAX, &bytes, &len), 0);
    char *d = strstr(bytes, "\"d\":\"") + 5;

    *d = *d == 'A' ? 'B' : 'A';
    assert_int_equal(file_write(path, bytes, len, 0600), 0);
    assert_int_equal(sign(f, &delta), -EBADMSG);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, cloud_setup, teardown_keys)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(sign__site_without_keys__leaves_it_bare),
        TEST(sign__command_or_time_without_a_key__is_not_sent_bare),
        TEST(sign__several_keys__the_oldest_that_is_not_retired),
        TEST(sign__root__is_spared_where_another_will_do),
        TEST(sign__command__by_a_key_whose_scope_allows_it),
        TEST(sign__longer_than_a_message__says_so),
        TEST(sign_needs_root__generation_or_key_items__are_roots),
        TEST(keyring__id_that_is_there__is_not_made_again),
        TEST(keyring__file_that_others_may_read__is_not_used),
        TEST(keyring__halves_of_two_keys__are_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
