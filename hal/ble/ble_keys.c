/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ble_keys.c: the file is read anew each time: that is at the start and in pairing. */
#include "hal/ble/ble_keys.h"

#include <errno.h>
#include <json-c/json.h>
#include <string.h>

#include "hal/ble/ble_file.h"
#include "proto/encode.h"
#include "proto/json.h"

struct members {
    const char *target;
    const char *protocol;
    const char *secret;
};

static const char *target_of(struct json_object *entry)
{
    struct json_object *target;

    return json_object_object_get_ex(entry, "target", &target) &&
                   json_object_is_type(target, json_type_string)
               ? json_object_get_string(target)
               : "";
}

static struct json_object *find_target(const struct ble_file *file, const char *target)
{
    for (size_t i = 0; i < json_list_length(file->locks); i++) {
        struct json_error error;
        struct json_object *entry = json_list_object(file->locks, i, &error);

        if (entry && strcmp(target_of(entry), target) == 0)
            return entry;
    }
    return NULL;
}

static int read_key(struct json_object *entry, struct ble_key *ret_key)
{
    static const struct json_row rows[] = {
        JSON_ROW_CHECKED(struct members, target, "target", true, id_valid, ID_EXPECTED),
        JSON_ROW_STRING_REQUIRED(struct members, protocol, "protocol", 1, DRIVER_WORD_SIZE - 1),
        JSON_ROW_STRING_REQUIRED(struct members, secret, "secret", 2, HEX_SIZE(BLE_SECRET_MAX) - 1),
    };
    cleanup_with(ble_keys_wipe) struct ble_key key = { 0 };
    struct members members;
    struct json_error error;
    int r = json_read(entry, JSON_ROWS(rows), &members, &error);

    if (r == 0)
        r = ble_file_address(entry, &key.address);
    if (r == 0) {
        key.secret_len = strlen(members.secret) / 2;
        r = hex_decode(members.secret, key.secret, key.secret_len);
    }
    if (r < 0)
        return r;
    text_copy(key.target, sizeof(key.target), members.target);
    text_copy(key.protocol, sizeof(key.protocol), members.protocol);
    *ret_key = key;
    return 0;
}

int ble_keys_find(const char *directory, const char *target, const struct ble_address *address,
                  struct ble_key *ret_key)
{
    cleanup_with(ble_file_close) struct ble_file file = { .lock = -1 };
    int r = ble_file_open(directory, BLE_KEYS_FILE, &file);

    if (r < 0)
        return r;
    struct json_object *entry = address ? ble_file_find(&file, address) : find_target(&file, target);

    return entry ? read_key(entry, ret_key) : -ENOENT;
}

/* Takes out the entries of target that are of another lock. */
static void forget_others(struct ble_file *file, const char *target, struct json_object *kept)
{
    for (size_t i = json_list_length(file->locks); i-- > 0;) {
        struct json_error error;
        struct json_object *entry = json_list_object(file->locks, i, &error);

        if (entry && entry != kept && strcmp(target_of(entry), target) == 0)
            json_object_array_del_idx(file->locks, i, 1);
    }
}

static int write_key(struct json_object *entry, const struct ble_key *key)
{
    char secret[HEX_SIZE(BLE_SECRET_MAX)];

    hex_encode(key->secret, key->secret_len, secret);
    int r = ble_file_set(entry, "target", key->target);

    if (r == 0)
        r = ble_file_set(entry, "protocol", key->protocol);
    if (r == 0)
        r = ble_file_set(entry, "secret", secret);
    explicit_bzero(secret, sizeof(secret));
    return r;
}

int ble_keys_put(const char *directory, const struct ble_key *key)
{
    cleanup_with(ble_file_close) struct ble_file file = { .lock = -1 };
    int r = ble_file_open(directory, BLE_KEYS_FILE, &file);

    if (r < 0)
        return r;
    struct json_object *entry = ble_file_entry(&file, &key->address);

    r = entry ? write_key(entry, key) : -ENOMEM;
    if (r < 0)
        return r;
    forget_others(&file, key->target, entry);
    return ble_file_save(&file);
}

void ble_keys_wipe(struct ble_key *key)
{
    explicit_bzero(key, sizeof(*key));
}
