/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ble_file.h: a file with an entry for each lock that we were ever paired with, by its address:
 *
 *     {"locks":[{"address":"54:D2:72:0A:0B:0C","address_type":"public",…}]}
 *
 * Several drivers may share one: each change is made to what the file has at that moment, while the directory
 * is locked (flock), and replaces the file whole. Members that are not known are kept, and so are entries
 * that make no sense.
 */
#pragma once

#include "gateway/base/cleanup.h"
#include "proto/ble_address.h"

struct json_object;

/* Longest file that is read. */
#define BLE_FILE_BYTES_MAX (256u * 1024)

struct ble_file {
    char *path;
    int lock; /* the directory */
    struct json_object *root;
    struct json_object *locks; /* the list in root */
};

/* Locks the directory and reads its file of that name; one that is not there is empty. Returns 0; -EPERM: it
 * is another's, or others may read it; -EBADMSG: it is damaged; or another negative errno. It is left as it
 * is then. */
int ble_file_open(const char *directory, const char *name, struct ble_file *ret_file) must_check;

/* For cleanup_with(). */
void ble_file_close(struct ble_file *file);

/* The address of an entry. Returns 0 or -EBADMSG. */
int ble_file_address(struct json_object *entry, struct ble_address *ret_address) must_check;

/* The entry of an address, borrowed; NULL: there is none. */
struct json_object *ble_file_find(const struct ble_file *file, const struct ble_address *address);

/* The same, made if there is none; NULL: out of memory. */
struct json_object *ble_file_entry(struct ble_file *file, const struct ble_address *address);

/* Sets a string of an entry. Returns 0 or -ENOMEM. */
int ble_file_set(struct json_object *entry, const char *member, const char *value) must_check;

/* Replaces the file. Returns 0 or a negative errno; the old file is still there then. */
int ble_file_save(const struct ble_file *file) must_check;
