/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sign.c: which key signs what. */
#include "tools/stile-cloud/sign.h"

#include <errno.h>
#include <string.h>

#include "proto/jws.h"

static bool may(const struct keyring_key *key, enum key_use use, const struct sign_request *request)
{
    return !key->retired && key_has_use(&key->key, use) &&
           (!request->kid || strcmp(key->key.id, request->kid) == 0) &&
           (!request->verb || key_allows(&key->key, request->verb, request->target ? request->target : ""));
}

/* The oldest one. */
static const struct keyring_key *find(const struct keyring *keyring, enum key_use use,
                                      const struct sign_request *request)
{
    for (size_t i = 0; i < keyring->count; i++)
        if (may(&keyring->keys[i], use, request))
            return &keyring->keys[i];
    return NULL;
}

/* A root is spared where another will do. */
static const struct keyring_key *find_by_use(const struct keyring *keyring,
                                             const struct sign_request *request)
{
    enum key_use use = cloud_topic_use(request->topic);

    for (size_t i = 0; i < keyring->count; i++)
        if (may(&keyring->keys[i], use, request) && !key_has_use(&keyring->keys[i].key, KEY_USE_ROOT))
            return &keyring->keys[i];
    return find(keyring, use, request);
}

static const struct keyring_key *choose(const struct keyring *keyring, const struct sign_request *request)
{
    const struct keyring_key *key = NULL;

    if (request->by != SIGN_BY_USE)
        key = find(keyring, KEY_USE_ROOT, request);
    if (!key && request->by != SIGN_BY_ROOT)
        key = find_by_use(keyring, request);
    return key;
}

static int sign_with(const struct keyring_key *key, enum cloud_topic topic, struct text *payload)
{
    cleanup_with(text_finish) struct text text = TEXT_INIT;
    const struct jws_signer signer = { key->key.id, key->seed };
    int r = jws_sign(&text, &signer, cloud_topic_typ(topic), text_string(payload), payload->len);

    if (r == 0 && text.len > CLOUD_PAYLOAD_MAX)
        r = -EMSGSIZE;
    if (r < 0)
        return r;
    text_finish(payload);
    *payload = text;
    text = (struct text)TEXT_INIT;
    return 0;
}

/* Once it has made a key for policy or acks, retired or not, a site sends neither bare any more. */
static bool goes_bare(const struct keyring *keyring, enum key_use use)
{
    for (size_t i = 0; i < keyring->count; i++)
        if (key_has_use(&keyring->keys[i].key, KEY_USE_POLICY) ||
            key_has_use(&keyring->keys[i].key, KEY_USE_EVENTS))
            return false;
    return use == KEY_USE_POLICY || use == KEY_USE_EVENTS;
}

int sign_payload(struct site *site, const struct sign_request *request, struct text *payload)
{
    int r = keyring_read(&site->keyring, site->directory);

    if (r < 0 || goes_bare(&site->keyring, cloud_topic_use(request->topic)))
        return r;
    const struct keyring_key *key = choose(&site->keyring, request);

    return key ? sign_with(key, request->topic, payload) : -ENOKEY;
}

int sign_needs_root(struct site *site, const struct cloud_policy *theirs, bool *ret)
{
    cleanup_with(site_finalizep) sqlite3_stmt *query = NULL;
    int r;

    if (theirs->generation != site->policy.generation) {
        *ret = true;
        return 0;
    }
    r = site_prepare(site, "SELECT 1 FROM items WHERE kind = 'key' AND rev > ? LIMIT 1", &query);
    if (r < 0)
        return r;
    sqlite3_bind_int64(query, 1, theirs->version);
    r = site_step(site, query);
    if (r < 0)
        return r;
    *ret = r == 1;
    return 0;
}
