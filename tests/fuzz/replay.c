/* SPDX-License-Identifier: GPL-3.0-or-later */
/* replay.c: runs a fuzz target over every file of its corpus, so that the plain test run needs no fuzzer. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>

#include "gateway/base/file.h"

#define INPUT_BYTES_MAX (1024u * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay_file(const char *directory, const char *name)
{
    cleanup_with(freep) char *bytes = NULL;
    char path[4096];
    size_t len = 0;

    snprintf(path, sizeof(path), "%s/%s", directory, name);
    int r = file_read(path, INPUT_BYTES_MAX, &bytes, &len);

    if (r < 0) {
        fprintf(stderr, "%s: error %d\n", path, -r);
        return r;
    }
    LLVMFuzzerTestOneInput((const uint8_t *)bytes, len);
    return 0;
}

int main(int argc, char *argv[])
{
    DIR *directory = argc == 2 ? opendir(argv[1]) : NULL;
    int replayed = 0;

    if (!directory) {
        fprintf(stderr, "usage: %s CORPUS\n", argv[0]);
        return 2;
    }
    for (struct dirent *entry; (entry = readdir(directory));) {
        if (entry->d_name[0] == '.')
            continue;
        if (replay_file(argv[1], entry->d_name) < 0)
            return 1;
        replayed++;
    }
    closedir(directory);
    printf("%d inputs replayed\n", replayed);
    return replayed > 0 ? 0 : 1;
}
