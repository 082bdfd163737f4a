/* SPDX-License-Identifier: GPL-3.0-or-later */
/* keyring.c: files and not the database, so that they can be backed up, or kept from a backup, by
 * themselves. */
#include "tools/stile-cloud/keyring.h"

#include <dirent.h>
#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "gateway/base/clock.h"
#include "gateway/base/file.h"
#include "gateway/base/log.h"
#include "proto/encode.h"

#define SUFFIX ".json"

static char *path_of(const char *directory, const char *id)
{
    char *path;

    return asprintf(&path, "%s/" KEYRING_DIRECTORY "%s%s%s", directory, id ? "/" : "", id ? id : "",
                    id ? SUFFIX : "") < 0
               ? NULL
               : path;
}

/* --- reading --- */

static void key_finishp(struct keyring_key *key)
{
    explicit_bzero(key->seed, sizeof(key->seed));
    key_finish(&key->key);
    json_object_put(key->item);
}

void keyring_finish(struct keyring *keyring)
{
    for (size_t i = 0; i < keyring->count; i++)
        key_finishp(&keyring->keys[i]);
    free(keyring->keys);
    *keyring = (struct keyring){ 0 };
}

static int check_mode(const char *path)
{
    struct stat st;

    if (stat(path, &st) < 0)
        return -errno;
    return st.st_mode & (S_IRWXG | S_IRWXO) ? -EPERM : 0;
}

/* What a file has beside the key item. */
struct own {
    const char *d;
    int64_t made;
    bool retired;
};

static const struct json_row own_rows[] = {
    JSON_ROW_STRING_REQUIRED(struct own, d, "d", 1, INT64_MAX),
    JSON_ROW_INT(struct own, made, "made", 0, JSON_INT_MAX, 0),
    JSON_ROW_BOOL(struct own, retired, "retired", false),
};

/* Takes over object. */
static int take_key(struct json_object *object, struct keyring_key *ret)
{
    cleanup_with(key_finishp) struct keyring_key key = { .item = object };
    uint8_t public_key[KEY_PUBLIC_BYTES];
    struct json_error error;
    struct own own;
    size_t len;
    int r = json_read(object, JSON_ROWS(own_rows), &own, &error);

    if (r == 0)
        r = b64_decode(own.d, strlen(own.d), key.seed, sizeof(key.seed), &len);
    if (r < 0)
        return r;
    for (size_t i = 0; i < sizeof(own_rows) / sizeof(own_rows[0]); i++)
        json_object_object_del(object, own_rows[i].member);
    r = key_read(object, &key.key, &error);
    if (r < 0)
        return r;
    key_derive(key.seed, public_key);
    if (len != sizeof(key.seed) || memcmp(public_key, key.key.public_key, sizeof(public_key)) != 0)
        return -EBADMSG;
    key.made = own.made;
    key.retired = own.retired;
    *ret = key;
    key = (struct keyring_key){ 0 };
    return 0;
}

static int read_key(const char *path, struct keyring_key *ret)
{
    cleanup_with(freep) char *bytes = NULL;
    struct json_object *object = NULL;
    struct json_error error;
    size_t len = 0;
    int r = check_mode(path);

    if (r == 0)
        r = file_read(path, KEYRING_FILE_BYTES_MAX, &bytes, &len);
    if (r == 0)
        r = json_parse(bytes, len, &object, &error);
    if (bytes)
        explicit_bzero(bytes, len);
    return r == 0 ? take_key(object, ret) : r;
}

static const char *why(int r)
{
    if (r == -EPERM)
        return "others may read it";
    return r == -EBADMSG ? "is no private key" : strerror(-r);
}

static int add_file(struct keyring *keyring, const char *directory, const char *name)
{
    cleanup_with(freep) char *path = NULL;

    if (asprintf(&path, "%s/%s", directory, name) < 0) {
        path = NULL;
        return -ENOMEM;
    }
    struct keyring_key *keys = reallocarray(keyring->keys, keyring->count + 1, sizeof(*keys));

    if (!keys)
        return -ENOMEM;
    keyring->keys = keys;
    int r = read_key(path, &keys[keyring->count]);

    if (r == 0)
        keyring->count++;
    else
        log_error("keys", "%s: %s", path, why(r));
    return r;
}

static bool is_key_file(const char *name)
{
    size_t len = strlen(name);

    return name[0] != '.' && len > strlen(SUFFIX) && strcmp(name + len - strlen(SUFFIX), SUFFIX) == 0;
}

static int compare(const void *left, const void *right)
{
    const struct keyring_key *a = left;
    const struct keyring_key *b = right;

    if (a->made != b->made)
        return a->made < b->made ? -1 : 1;
    return strcmp(a->key.id, b->key.id);
}

static void closedirp(DIR **directory)
{
    if (*directory)
        closedir(*directory);
}

static int read_all(struct keyring *keyring, const char *path)
{
    cleanup_with(closedirp) DIR *directory = opendir(path);
    int r = directory ? 0 : -errno;

    for (struct dirent *entry; r == 0 && (entry = readdir(directory));)
        if (is_key_file(entry->d_name))
            r = add_file(keyring, path, entry->d_name);
    if (keyring->count > 0)
        qsort(keyring->keys, keyring->count, sizeof(*keyring->keys), compare);
    return r;
}

static bool same_time(const struct timespec *a, const struct timespec *b)
{
    return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

/* Times of files move in ticks: what changes in the tick in which it was read bears the same time. */
static bool is_settled(const struct timespec *changed)
{
    return clock_utc_us() / USEC_PER_SEC - changed->tv_sec > 1;
}

int keyring_read(struct keyring *keyring, const char *directory)
{
    cleanup_with(keyring_finish) struct keyring fresh = { 0 };
    cleanup_with(freep) char *path = path_of(directory, NULL);
    struct stat st;

    if (!path)
        return -ENOMEM;
    if (stat(path, &st) < 0)
        return errno == ENOENT ? 0 : -errno;
    if (same_time(&st.st_mtim, &keyring->changed))
        return 0;
    int r = read_all(&fresh, path);

    if (r < 0)
        return r;
    if (is_settled(&st.st_mtim))
        fresh.changed = st.st_mtim;
    keyring_finish(keyring);
    *keyring = fresh;
    fresh = (struct keyring){ 0 };
    return 0;
}

const struct keyring_key *keyring_find(const struct keyring *keyring, const char *id)
{
    for (size_t i = 0; i < keyring->count; i++)
        if (strcmp(keyring->keys[i].key.id, id) == 0)
            return &keyring->keys[i];
    return NULL;
}

/* --- writing --- */

static int write_key(const char *path, struct json_object *item, const struct keyring_key *key)
{
    cleanup_with(text_finish) struct text text = TEXT_INIT;
    struct json_out out = json_out_to(&text);
    char d[B64_SIZE(KEY_SEED_BYTES)];

    b64_encode(key->seed, sizeof(key->seed), d);
    json_begin_object(&out, NULL);
    json_object_object_foreach(item, member, value) json_add_object(&out, member, value);
    json_add_string(&out, "d", d);
    json_add_int(&out, "made", key->made);
    json_add_bool(&out, "retired", key->retired);
    json_end_object(&out);
    text_add(&text, "\n");
    int r = text_error(&text);

    if (r == 0)
        r = file_write(path, text.data, text.len, S_IRUSR | S_IWUSR);
    explicit_bzero(d, sizeof(d));
    explicit_bzero(text.data, text.size);
    return r;
}

static int add_jwk(struct json_object *item, const uint8_t public_key[static KEY_PUBLIC_BYTES])
{
    struct json_object *jwk = json_object_new_object();
    char x[B64_SIZE(KEY_PUBLIC_BYTES)];

    b64_encode(public_key, KEY_PUBLIC_BYTES, x);
    if (!jwk || json_object_object_add(item, "jwk", jwk) < 0) {
        json_object_put(jwk);
        return -ENOMEM;
    }
    if (json_object_object_add(jwk, "kty", json_object_new_string("OKP")) < 0 ||
        json_object_object_add(jwk, "crv", json_object_new_string("Ed25519")) < 0 ||
        json_object_object_add(jwk, "x", json_object_new_string(x)) < 0)
        return -ENOMEM;
    return 0;
}

static int make_directory(const char *directory)
{
    cleanup_with(freep) char *path = path_of(directory, NULL);

    if (!path)
        return -ENOMEM;
    return mkdir(path, S_IRWXU) < 0 && errno != EEXIST ? -errno : 0;
}

int keyring_make(const char *directory, struct json_object *item, int64_t now, struct json_error *error)
{
    cleanup_with(key_finishp) struct keyring_key key = { .made = now };
    uint8_t public_key[KEY_PUBLIC_BYTES];

    key_generate(key.seed, public_key);
    int r = add_jwk(item, public_key);

    if (r == 0)
        r = key_read(item, &key.key, error);
    if (r == 0)
        r = make_directory(directory);
    if (r < 0)
        return r;
    cleanup_with(freep) char *path = path_of(directory, key.key.id);

    if (!path)
        return -ENOMEM;
    return access(path, F_OK) == 0 ? -EEXIST : write_key(path, item, &key);
}

int keyring_retire(const char *directory, const struct keyring_key *key)
{
    cleanup_with(freep) char *path = path_of(directory, key->key.id);
    struct keyring_key retired = *key;

    retired.retired = true;
    int r = path ? write_key(path, key->item, &retired) : -ENOMEM;

    explicit_bzero(retired.seed, sizeof(retired.seed));
    return r;
}
