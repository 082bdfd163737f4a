/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A chunk of a snapshot whose hash is right and whose bytes are anything. */
#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "gateway/store/policy_store_file.h"
#include "gateway/store/policy_store_snapshot.h"

/* A file that nobody else can open, gone when the process ends: SQLite keeps what has no name. */
static struct policy_file *open_file(void)
{
    static const uint8_t secret[SECRET_BYTES];
    char dir[] = "/tmp/stile-fuzz-XXXXXX", path[64], wal[68], text[DATABASE_TEXT_SIZE];
    struct policy_file *file = calloc(1, sizeof(*file));
    struct policy *policy = NULL;

    assert(file && mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/policy.db", dir);
    snprintf(wal, sizeof(wal), "%s-wal", path);
    struct policy_store_options options = { .path = path, .secret = secret };
    int r = policy_store_file_open(file, &options, &policy, text);

    assert(r == 0);
    policy_free(policy);
    unlink(path);
    unlink(wal);
    rmdir(dir);
    return file;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct policy_file *file;
    char first[SHA256_HEX_SIZE];
    struct policy_manifest manifest = { .generation = 1,
                                        .version = 1,
                                        .items = 1,
                                        .chunks = 2,
                                        .root = "00000000000000000000000000000000",
                                        .first = first };
    struct policy_report begun = { 0 }, taken = { 0 }, cancelled = { 0 };

    if (!file)
        file = open_file();
    sha256_hex(data, size, first);
    policy_store_snapshot_begin(file, &manifest, &begun);
    assert(begun.outcome == POLICY_STAGED);
    policy_store_snapshot_chunk(file, data, size, &taken);
    assert(taken.outcome == POLICY_STAGED || taken.outcome == POLICY_REJECTED);
    assert(taken.outcome == POLICY_STAGED || taken.code != POLICY_CODE_NONE);
    policy_store_snapshot_cancel(file, &cancelled);
    assert(cancelled.outcome == POLICY_STALE && !cancelled.staging.active);
    return 0;
}
