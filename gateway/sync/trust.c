/* SPDX-License-Identifier: GPL-3.0-or-later */
/* trust.c: trust_open() is the contract's list of checks, in its order; each has its own code, and the first
 * one that fails ends it. */
#include "gateway/sync/trust.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proto/jws.h"

struct trust {
    enum trust_mode mode;
    const struct key_set *config; /* NULL: none */
    const struct key_set *items;  /* likewise */
    char (*retired)[ID_SIZE];
    size_t retired_count;
    char payload[CLOUD_PAYLOAD_MAX + 1]; /* of the last message */
};

const char *trust_mode_name(enum trust_mode mode)
{
    return mode == TRUST_SIGNED ? "signed" : "broker";
}

int trust_new(enum trust_mode mode, const struct key_set *config_keys, struct trust **ret)
{
    struct trust *trust = calloc(1, sizeof(*trust));

    if (!trust)
        return -ENOMEM;
    trust->mode = mode;
    trust->config = config_keys;
    *ret = trust;
    return 0;
}

struct trust *trust_free(struct trust *trust)
{
    if (!trust)
        return NULL;
    free(trust->retired);
    free(trust);
    return NULL;
}

/* --- keys --- */

static bool is_retired(const struct trust *trust, const char *kid)
{
    for (size_t i = 0; i < trust->retired_count; i++)
        if (strcmp(trust->retired[i], kid) == 0)
            return true;
    return false;
}

/* Retired or not. */
static const struct key *find_key(const struct trust *trust, const char *kid)
{
    const struct key *key = trust->config ? key_set_find(trust->config, kid) : NULL;

    return key || !trust->items ? key : key_set_find(trust->items, kid);
}

/* One whose scope is not understood may do nothing. */
static bool is_root(const struct key *key)
{
    return key_has_use(key, KEY_USE_ROOT) && !key->scope_unknown;
}

static size_t count_roots(const struct trust *trust, const struct key_set *set)
{
    size_t count = 0;

    for (size_t i = 0; set && i < set->count; i++)
        count += is_root(&set->keys[i]) && !is_retired(trust, set->keys[i].id) &&
                 find_key(trust, set->keys[i].id) == &set->keys[i];
    return count;
}

static bool is_last_root(const struct trust *trust, const char *kid)
{
    const struct key *key = find_key(trust, kid);
    size_t roots = count_roots(trust, trust->config) + count_roots(trust, trust->items);

    return key && is_root(key) && !is_retired(trust, kid) && roots == 1;
}

void trust_set_items(struct trust *trust, const struct key_set *items)
{
    trust->items = items;
}

int trust_restore_retired(struct trust *trust, const char *kid)
{
    assert(strlen(kid) < ID_SIZE);
    if (is_retired(trust, kid))
        return 0;
    char(*retired)[ID_SIZE] = reallocarray(trust->retired, trust->retired_count + 1, sizeof(*retired));

    if (!retired)
        return -ENOMEM;
    trust->retired = retired;
    strcpy(retired[trust->retired_count++], kid);
    return 0;
}

int trust_retire(struct trust *trust, const char *kid)
{
    return is_last_root(trust, kid) ? TRUST_E_LAST_ROOT : trust_restore_retired(trust, kid);
}

/* --- messages --- */

static int refuse(struct cloud_refusal *refusal, const char *code, const char *member, const char *text)
{
    *refusal = (struct cloud_refusal){ .code = code };
    json_error_set(&refusal->error, member, "%s", text);
    return -EBADMSG;
}

static int refuse_jws(struct cloud_refusal *refusal, int error)
{
    return refuse(refusal, jws_code((enum jws_error)error), "", jws_text((enum jws_error)error));
}

/* A scope that is not understood allows nothing; of a command the command's own check says so. */
static bool may_sign(const struct key *key, enum key_use use)
{
    if (use == KEY_USE_COMMAND)
        return key_has_use(key, KEY_USE_COMMAND) || key_has_use(key, KEY_USE_ROOT);
    return key_has_use(key, use) && !key->scope_unknown;
}

static int check_key(const struct trust *trust, const char *kid, enum key_use use, const struct key **ret,
                     struct cloud_refusal *refusal)
{
    const struct key *key = find_key(trust, kid);

    if (is_retired(trust, kid))
        return refuse(refusal, "retired", "kid", "is retired");
    if (!key)
        return refuse(refusal, "kid", "kid", "is no key of this gateway");
    if (!may_sign(key, use))
        return refuse(refusal, "use", "kid", "is a key for something else");
    *ret = key;
    return 0;
}

static int open_jws(struct trust *trust, enum cloud_topic topic, const struct trust_message *message,
                    struct trust_opened *opened, struct cloud_refusal *refusal)
{
    struct jws jws;
    int r = jws_parse(message->bytes, message->len, cloud_topic_typ(topic), &jws);

    if (r != 0)
        return r < 0 ? r : refuse_jws(refusal, r);
    r = check_key(trust, jws.kid, cloud_topic_use(topic), &opened->key, refusal);
    if (r < 0)
        return r;
    r = jws_verify(&jws, opened->key->public_key);
    if (r == 0)
        r = jws_decode(&jws, trust->payload, sizeof(trust->payload), &opened->len);
    if (r != 0)
        return refuse_jws(refusal, r);
    opened->payload = trust->payload;
    return opened->payload[0] == '{' ? 0 : refuse(refusal, "payload", "", "must be a JSON object");
}

/* Policy and acks may be, by trust broker. */
static bool is_bare(const struct trust *trust, enum cloud_topic topic, const struct trust_message *message)
{
    enum key_use use = cloud_topic_use(topic);

    return trust->mode == TRUST_BROKER && (use == KEY_USE_POLICY || use == KEY_USE_EVENTS) &&
           message->len > 0 && message->bytes[0] == '{';
}

int trust_check(enum cloud_topic topic, const struct trust_message *message, struct cloud_refusal *refusal)
{
    if (message->len > CLOUD_PAYLOAD_MAX)
        return refuse(refusal, "size", "", "is longer than a payload may be");
    if (message->retained && !cloud_topic_retained(topic))
        return refuse(refusal, "retained", "", "came from the broker's store, where it has no place");
    return 0;
}

int trust_open(struct trust *trust, enum cloud_topic topic, const struct trust_message *message,
               struct trust_opened *ret, struct cloud_refusal *refusal)
{
    struct trust_opened opened = { .payload = message->bytes, .len = message->len };
    int r = trust_check(topic, message, refusal);

    assert(cloud_topic_typ(topic));
    if (r == 0 && !is_bare(trust, topic, message))
        r = open_jws(trust, topic, message, &opened, refusal);
    if (r < 0)
        return r;
    cloud_ref(message->bytes, message->len, opened.ref);
    *ret = opened;
    return 0;
}

bool trust_may_change_keys(const struct trust_opened *opened)
{
    return opened->key && key_has_use(opened->key, KEY_USE_ROOT);
}

bool trust_may_raise_generation(const struct trust_opened *opened)
{
    return !opened->key || key_has_use(opened->key, KEY_USE_ROOT);
}
