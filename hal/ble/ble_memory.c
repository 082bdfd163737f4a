/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ble_memory.c: handles as hex, value and CCCD of each want in turn. */
#include "hal/ble/ble_memory.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "hal/ble/ble_file.h"
#include "proto/driver_message.h"
#include "proto/encode.h"
#include "proto/json.h"

#define WANT_BYTES    4
#define HANDLES_BYTES (BLE_GATT_WANTS_MAX * WANT_BYTES)

struct members {
    const char *protocol;
    const char *handles;
    int64_t log_index;
    bool relock;
};

static uint16_t u16(const uint8_t bytes[])
{
    return (uint16_t)(bytes[0] << 8 | bytes[1]);
}

static void put_u16(uint8_t bytes[], uint16_t value)
{
    bytes[0] = (uint8_t)(value >> 8);
    bytes[1] = (uint8_t)value;
}

static void read_handles(const char *text, size_t want_count, struct ble_gatt_cache *cache)
{
    uint8_t bytes[HANDLES_BYTES];

    if (!text || hex_decode(text, bytes, want_count * WANT_BYTES) < 0)
        return;
    for (size_t i = 0; i < want_count; i++)
        cache->at[i] = (struct ble_gatt_handles){ .value = u16(bytes + i * WANT_BYTES),
                                                  .cccd = u16(bytes + i * WANT_BYTES + 2) };
    cache->known = true;
}

static void read_entry(struct json_object *entry, const char *protocol, size_t want_count,
                       struct ble_memory *memory)
{
    static const struct json_row rows[] = {
        JSON_ROW_STRING_REQUIRED(struct members, protocol, "protocol", 1, DRIVER_WORD_SIZE - 1),
        JSON_ROW_STRING(struct members, handles, "handles", 1, HEX_SIZE(HANDLES_BYTES) - 1),
        JSON_ROW_INT(struct members, log_index, "log_index", 0, UINT32_MAX, 0),
        JSON_ROW_BOOL(struct members, relock, "relock", false),
    };
    struct members members;
    struct json_error error;

    if (json_read(entry, JSON_ROWS(rows), &members, &error) < 0 || strcmp(members.protocol, protocol) != 0)
        return;
    memory->log_index = (uint32_t)members.log_index;
    memory->relock = members.relock;
    read_handles(members.handles, want_count, &memory->cache);
}

void ble_memory_find(const char *directory, const struct ble_address *address, const char *protocol,
                     size_t want_count, struct ble_memory *ret_memory)
{
    cleanup_with(ble_file_close) struct ble_file file = { .lock = -1 };

    *ret_memory = (struct ble_memory){ 0 };
    if (ble_file_open(directory, BLE_MEMORY_FILE, &file) < 0)
        return;
    struct json_object *entry = ble_file_find(&file, address);

    if (entry)
        read_entry(entry, protocol, want_count, ret_memory);
}

static int set_handles(struct json_object *entry, size_t want_count, const struct ble_gatt_cache *cache)
{
    uint8_t bytes[HANDLES_BYTES];
    char text[HEX_SIZE(HANDLES_BYTES)];

    if (!cache->known) {
        json_object_object_del(entry, "handles");
        return 0;
    }
    for (size_t i = 0; i < want_count; i++) {
        put_u16(bytes + i * WANT_BYTES, cache->at[i].value);
        put_u16(bytes + i * WANT_BYTES + 2, cache->at[i].cccd);
    }
    hex_encode(bytes, want_count * WANT_BYTES, text);
    return ble_file_set(entry, "handles", text);
}

/* Takes value; NULL: out of memory. */
static int set_member(struct json_object *entry, const char *member, struct json_object *value)
{
    if (value && json_object_object_add(entry, member, value) == 0)
        return 0;
    json_object_put(value);
    return -ENOMEM;
}

/* One that is damaged has little in it that could not be found again. */
static int open_anew(const char *directory, struct ble_file *ret_file)
{
    char path[4096];
    int r = ble_file_open(directory, BLE_MEMORY_FILE, ret_file);

    if (r != -EBADMSG && r != -EPERM)
        return r;
    snprintf(path, sizeof(path), "%s/%s", directory, BLE_MEMORY_FILE);
    return unlink(path) < 0 ? -errno : ble_file_open(directory, BLE_MEMORY_FILE, ret_file);
}

int ble_memory_put(const char *directory, const struct ble_address *address, const char *protocol,
                   size_t want_count, const struct ble_memory *memory)
{
    cleanup_with(ble_file_close) struct ble_file file = { .lock = -1 };
    int r = open_anew(directory, &file);

    if (r < 0)
        return r;
    struct json_object *entry = ble_file_entry(&file, address);

    r = entry ? ble_file_set(entry, "protocol", protocol) : -ENOMEM;
    if (r == 0)
        r = set_handles(entry, want_count, &memory->cache);
    if (r == 0)
        r = set_member(entry, "log_index", json_object_new_int64(memory->log_index));
    if (r == 0)
        r = set_member(entry, "relock", json_object_new_boolean(memory->relock));
    return r < 0 ? r : ble_file_save(&file);
}
