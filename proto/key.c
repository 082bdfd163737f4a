/* SPDX-License-Identifier: GPL-3.0-or-later */
/* key.c: the scope stays JSON, since only a command looks at it, and a key's lists may be long. */
#include "proto/key.h"

#include <errno.h>
#include <json-c/json.h>
#include <sodium.h>
#include <string.h>

#include "proto/encode.h"

static const char *const use_names[KEY_USES + 1] = {
    [KEY_USE_POLICY] = "policy", [KEY_USE_EVENTS] = "events", [KEY_USE_COMMAND] = "command",
    [KEY_USE_TIME] = "time",     [KEY_USE_ROOT] = "root",     [KEY_USE_DIGITAL_KEY] = "digital_key",
};

static const char *const kty_names[] = { "OKP", NULL };
static const char *const crv_names[] = { "Ed25519", NULL };

const char *key_use_name(enum key_use use)
{
    return use_names[use];
}

enum key_use key_use_find(const char *name)
{
    int use = json_enum_value(use_names, name);

    return use < 0 ? KEY_USES : (enum key_use)use;
}

/* --- reading --- */

struct raw {
    const char *id, *x, *d;
    struct json_object *jwk, *use, *scope, *verbs, *targets;
    int kty, crv;
};

/* On the curve, canonical, in the main subgroup: a key of small order would sign anything. */
static bool is_public_key(const char *text)
{
    uint8_t bytes[KEY_PUBLIC_BYTES];
    size_t len;

    return b64_decode(text, strlen(text), bytes, sizeof(bytes), &len) == 0 && len == sizeof(bytes) &&
           crypto_core_ed25519_is_valid_point(bytes) == 1;
}

/* It would go to every gateway, over a broker that can read it. */
static int refuse_private(struct json_object *object, struct json_error *error)
{
    if (!json_object_object_get_ex(object, "d", NULL))
        return 0;
    json_error_set(error, "d", "is a private key, which has no place here");
    return -EBADMSG;
}

static int read_jwk(struct json_object *object, struct key *key, struct json_error *error)
{
    static const struct json_row rows[] = {
        JSON_ROW_ENUM_REQUIRED(struct raw, kty, "kty", kty_names),
        JSON_ROW_ENUM_REQUIRED(struct raw, crv, "crv", crv_names),
        JSON_ROW_CHECKED(struct raw, x, "x", true, is_public_key,
                         "must be an Ed25519 public key, 32 bytes in base64url"),
    };
    struct raw raw = { 0 };
    size_t len;
    int r = refuse_private(object, error);

    if (r == 0)
        r = json_read(object, JSON_ROWS(rows), &raw, error);

    return r < 0 ? r : b64_decode(raw.x, strlen(raw.x), key->public_key, KEY_PUBLIC_BYTES, &len);
}

static int read_strings(struct json_object *list, const char *member, struct json_error *error)
{
    for (size_t i = 0; i < json_list_length(list); i++)
        if (!json_list_string(list, i, error)) {
            json_error_within(error, "%s", member);
            return -EBADMSG;
        }
    return 0;
}

static int read_uses(struct json_object *list, struct key *key, struct json_error *error)
{
    int r = read_strings(list, "use", error);

    for (size_t i = 0; r == 0 && i < json_list_length(list); i++) {
        enum key_use use = key_use_find(json_list_string(list, i, error));

        if (use < KEY_USES)
            key->uses |= 1u << use;
    }
    return r;
}

static int read_scope(struct json_object *object, struct key *key, struct json_error *error)
{
    static const struct json_row rows[] = {
        JSON_ROW_LIST(struct raw, verbs, "verbs", 0, INT64_MAX),
        JSON_ROW_LIST(struct raw, targets, "targets", 0, INT64_MAX),
    };
    struct raw raw = { 0 };
    int r = json_read(object, JSON_ROWS(rows), &raw, error);

    if (r == 0)
        r = read_strings(raw.verbs, "verbs", error);
    if (r == 0)
        r = read_strings(raw.targets, "targets", error);
    if (r < 0)
        return r;
    key->scope_unknown = json_object_object_length(object) != (raw.verbs != NULL) + (raw.targets != NULL);
    key->scope = json_object_get(object);
    return 0;
}

static void keyp(struct key *key)
{
    key_finish(key);
}

int key_read(struct json_object *item, struct key *ret, struct json_error *error)
{
    static const struct json_row rows[] = {
        JSON_ROW_CHECKED(struct raw, id, "id", true, id_valid, ID_EXPECTED),
        { .member = "jwk", .type = JSON_OBJECT, .required = true, .offset = offsetof(struct raw, jwk) },
        { .member = "use",
          .type = JSON_LIST,
          .required = true,
          .offset = offsetof(struct raw, use),
          .min = 1,
          .max = INT64_MAX },
        JSON_ROW_OBJECT(struct raw, scope, "scope"),
    };
    cleanup_with(keyp) struct key key = { 0 };
    struct raw raw = { 0 };
    int r = refuse_private(item, error);

    if (r == 0)
        r = json_read(item, JSON_ROWS(rows), &raw, error);
    if (r < 0)
        return r;
    strcpy(key.id, raw.id);
    r = read_jwk(raw.jwk, &key, error);
    if (r < 0) {
        json_error_within(error, "jwk");
        return r;
    }
    r = read_uses(raw.use, &key, error);
    if (r < 0)
        return r;
    r = raw.scope ? read_scope(raw.scope, &key, error) : 0;
    if (r < 0) {
        json_error_within(error, "scope");
        return r;
    }
    *ret = key;
    key = (struct key){ 0 };
    return 0;
}

void key_finish(struct key *key)
{
    json_object_put(key->scope);
    *key = (struct key){ 0 };
}

/* --- what it may --- */

bool key_has_use(const struct key *key, enum key_use use)
{
    return key->uses & (1u << use) || (use == KEY_USE_POLICY && key->uses & (1u << KEY_USE_ROOT));
}

/* A list that is not there names everything. */
static bool names(struct json_object *scope, const char *member, const char *word)
{
    struct json_object *list;
    struct json_error error;

    if (!json_object_object_get_ex(scope, member, &list))
        return true;
    for (size_t i = 0; i < json_list_length(list); i++)
        if (strcmp(json_list_string(list, i, &error), word) == 0)
            return true;
    return false;
}

bool key_allows(const struct key *key, const char *verb, const char *target)
{
    return !key->scope ||
           (!key->scope_unknown && names(key->scope, "verbs", verb) && names(key->scope, "targets", target));
}

/* --- sets --- */

int key_set_add(struct key_set *set, struct json_object *item, struct json_error *error)
{
    cleanup_with(keyp) struct key key = { 0 };
    int r = key_read(item, &key, error);

    if (r < 0)
        return r;
    if (key_set_find(set, key.id))
        return -EEXIST;
    struct key *keys = reallocarray(set->keys, set->count + 1, sizeof(*keys));

    if (!keys)
        return -ENOMEM;
    set->keys = keys;
    keys[set->count++] = key;
    key = (struct key){ 0 };
    return 0;
}

const struct key *key_set_find(const struct key_set *set, const char *id)
{
    for (size_t i = 0; i < set->count; i++)
        if (strcmp(set->keys[i].id, id) == 0)
            return &set->keys[i];
    return NULL;
}

void key_set_finish(struct key_set *set)
{
    for (size_t i = 0; i < set->count; i++)
        key_finish(&set->keys[i]);
    free(set->keys);
    *set = (struct key_set){ 0 };
}

/* --- pairs --- */

void key_derive(const uint8_t seed[static KEY_SEED_BYTES], uint8_t ret_public[static KEY_PUBLIC_BYTES])
{
    uint8_t secret[crypto_sign_SECRETKEYBYTES];

    crypto_sign_seed_keypair(ret_public, secret, seed);
    sodium_memzero(secret, sizeof(secret));
}

void key_generate(uint8_t ret_seed[static KEY_SEED_BYTES], uint8_t ret_public[static KEY_PUBLIC_BYTES])
{
    randombytes_buf(ret_seed, KEY_SEED_BYTES);
    key_derive(ret_seed, ret_public);
}
