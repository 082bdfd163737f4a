/* SPDX-License-Identifier: GPL-3.0-or-later */
/* policy_store_image.c: the file is read, not mapped. Its bytes are checked once, and what decides must be
 * what was checked: a mapped page can be let go and come back from a failing card as something else. It is
 * written beside and renamed, and never synced: after a power cut its sum tells whether it arrived. */
#include "gateway/store/policy_store_image.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "gateway/base/file.h"

void policy_store_image_key(const struct policy_position *position, const uint8_t secret[static SECRET_BYTES],
                            uint8_t ret_key[static POLICY_IMAGE_KEY_BYTES])
{
    char text[2 * ROOT_SIZE + 64];

    snprintf(text, sizeof(text), "%lld/%lld/%s", (long long)position->generation,
             (long long)position->version, position->root);
    credential_hash(secret, "policy.img", text, ret_key);
    credential_hash(secret, "policy.img+", text, ret_key + CREDENTIAL_HASH_BYTES);
}

static void release(void *bytes, size_t len)
{
    free(bytes);
}

int policy_store_image_take(const char *path, const uint8_t key[static POLICY_IMAGE_KEY_BYTES],
                            struct policy_builder *builder)
{
    cleanup_with(freep) char *bytes = NULL;
    size_t len;
    int r = file_read(path, POLICY_STORE_IMAGE_BYTES_MAX, &bytes, &len);

    if (r == 0)
        r = policy_builder_take_image(builder, bytes, len, key, release);
    if (r == 0)
        (void)take_ptr(bytes); /* the policy's now */
    return r;
}

static int write_all(int fd, const void *bytes, size_t len)
{
    for (const char *at = bytes; len > 0;) {
        ssize_t n = write(fd, at, len);

        if (n < 0)
            return -errno;
        at += n;
        len -= (size_t)n;
    }
    return 0;
}

static int write_parts(const char *path, const struct policy_image_part parts[], size_t count)
{
    cleanup_with(closep) int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    int r = fd < 0 ? -errno : 0;

    for (size_t i = 0; i < count && r == 0; i++)
        r = write_all(fd, parts[i].bytes, parts[i].len);
    return r;
}

int policy_store_image_save(const char *path, const uint8_t key[static POLICY_IMAGE_KEY_BYTES],
                            const struct policy *policy)
{
    struct policy_image_part parts[POLICY_IMAGE_PARTS];
    struct policy_image_header header;
    char beside[PATH_MAX];

    if (snprintf(beside, sizeof(beside), "%s.new", path) >= (int)sizeof(beside))
        return -ENAMETOOLONG;
    size_t count = policy_image_parts(policy, key, &header, parts);
    int r = write_parts(beside, parts, count);

    if (r == 0 && rename(beside, path) < 0)
        r = -errno;
    if (r < 0)
        unlink(beside);
    return r;
}
