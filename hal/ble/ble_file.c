/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ble_file.c: json-c's own objects are changed in place, so that what others wrote into them stays. Bytes
 * that were read or written are wiped, since they may be secret; json-c's strings, and a buffer of its that
 * has grown, are not ours to wipe, and are only freed. */
#include "hal/ble/ble_file.h"

#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "gateway/base/file.h"
#include "proto/json.h"

#define MODE 0600

/* Bytes that were read. */
struct content {
    char *bytes;
    size_t len;
};

static void content_wipe(struct content *content)
{
    if (content->bytes)
        explicit_bzero(content->bytes, content->len);
    free(content->bytes);
}

/* Whether the file is ours alone. */
static int check_rights(const char *path)
{
    struct stat st;

    if (lstat(path, &st) < 0)
        return -errno;
    return S_ISREG(st.st_mode) && st.st_uid == geteuid() && (st.st_mode & 07777 & ~MODE) == 0 ? 0 : -EPERM;
}

static int read_root(const char *path, struct json_object **ret_root)
{
    cleanup_with(content_wipe) struct content content = { 0 };
    struct json_error error;
    int r = check_rights(path);

    if (r == 0)
        r = file_read(path, BLE_FILE_BYTES_MAX, &content.bytes, &content.len);
    if (r == -ENOENT) {
        *ret_root = json_object_new_object();
        return *ret_root ? 0 : -ENOMEM;
    }
    return r < 0 ? r : json_parse(content.bytes, content.len, ret_root, &error);
}

/* Finds or makes the list. */
static int take_locks(struct ble_file *file)
{
    if (json_object_object_get_ex(file->root, "locks", &file->locks))
        return json_object_is_type(file->locks, json_type_array) ? 0 : -EBADMSG;
    file->locks = json_object_new_array();
    return file->locks && json_object_object_add(file->root, "locks", file->locks) == 0 ? 0 : -ENOMEM;
}

static int lock_directory(const char *directory, int *ret_lock)
{
    cleanup_with(closep) int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0 || flock(fd, LOCK_EX) < 0)
        return -errno;
    *ret_lock = take_fd(&fd);
    return 0;
}

int ble_file_open(const char *directory, const char *name, struct ble_file *ret_file)
{
    cleanup_with(ble_file_close) struct ble_file file = { .lock = -1 };

    if (asprintf(&file.path, "%s/%s", directory, name) < 0)
        return -ENOMEM;
    int r = lock_directory(directory, &file.lock);

    if (r == 0)
        r = read_root(file.path, &file.root);
    if (r == 0)
        r = take_locks(&file);
    if (r < 0)
        return r;
    *ret_file = file;
    file = (struct ble_file){ .lock = -1 };
    return 0;
}

void ble_file_close(struct ble_file *file)
{
    json_putp(&file->root);
    closep(&file->lock);
    free(file->path);
    *file = (struct ble_file){ .lock = -1 };
}

struct members {
    const char *address;
    int type;
};

int ble_file_address(struct json_object *entry, struct ble_address *ret_address)
{
    static const struct json_row rows[] = {
        JSON_ROW_CHECKED(struct members, address, "address", true, ble_address_valid, BLE_ADDRESS_EXPECTED),
        JSON_ROW_ENUM(struct members, type, "address_type", ble_address_type_names, BLE_ADDRESS_PUBLIC),
    };
    struct members members;
    struct json_error error;
    int r = json_read(entry, JSON_ROWS(rows), &members, &error);

    return r < 0 ? r : ble_address_parse(members.address, (enum ble_address_type)members.type, ret_address);
}

static bool is_of(struct json_object *entry, const struct ble_address *address)
{
    struct ble_address its;

    return ble_file_address(entry, &its) == 0 && ble_address_equal(&its, address);
}

struct json_object *ble_file_find(const struct ble_file *file, const struct ble_address *address)
{
    for (size_t i = 0; i < json_list_length(file->locks); i++) {
        struct json_error error;
        struct json_object *entry = json_list_object(file->locks, i, &error);

        if (entry && is_of(entry, address))
            return entry;
    }
    return NULL;
}

static struct json_object *add_entry(struct ble_file *file)
{
    struct json_object *entry = json_object_new_object();

    if (entry && json_object_array_add(file->locks, entry) < 0)
        json_putp(&entry);
    return entry;
}

struct json_object *ble_file_entry(struct ble_file *file, const struct ble_address *address)
{
    struct json_object *entry = ble_file_find(file, address);
    char text[BLE_ADDRESS_TEXT_SIZE];

    if (entry)
        return entry;
    entry = add_entry(file);
    ble_address_format(address, text);
    return entry && ble_file_set(entry, "address", text) == 0 &&
                   ble_file_set(entry, "address_type", ble_address_type_names[address->type]) == 0
               ? entry
               : NULL;
}

int ble_file_set(struct json_object *entry, const char *member, const char *value)
{
    cleanup_with(json_putp) struct json_object *string = json_object_new_string(value);

    if (!string || json_object_object_add(entry, member, string) < 0)
        return -ENOMEM;
    (void)take_ptr(string); /* the entry has it */
    return 0;
}

int ble_file_save(const struct ble_file *file)
{
    size_t len;
    const char *bytes = json_object_to_json_string_length(file->root, JSON_C_TO_STRING_PRETTY, &len);

    if (!bytes)
        return -ENOMEM;
    int r = file_write(file->path, bytes, len, MODE);

    explicit_bzero((void *)(uintptr_t)bytes, len); /* the root has the buffer, and prints into it anew */
    return r;
}
