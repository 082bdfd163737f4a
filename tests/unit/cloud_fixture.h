/* SPDX-License-Identifier: GPL-3.0-or-later */
/* cloud_fixture.h: a site in a directory of its own, which goes with the test. */
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tools/stile-cloud/site.h"

struct cloud_fixture {
    char directory[32];
    struct site site;
    struct text payload;
};

static inline int cloud_setup(void **state)
{
    struct cloud_fixture *f = calloc(1, sizeof(*f));

    if (!f)
        return -1;
    *state = f;
    snprintf(f->directory, sizeof(f->directory), "/tmp/stile-test-XXXXXX");
    if (!mkdtemp(f->directory) || site_create(f->directory, "hub", 1) < 0)
        return -1;
    return site_open(f->directory, &f->site);
}

static inline int cloud_teardown(void **state)
{
    static const char *const files[] = { "cloud.db", "cloud.db-journal", SITE_POLICY_MARK, SITE_EVENTS_MARK };
    struct cloud_fixture *f = *state;
    char path[128];

    site_close(&f->site);
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        snprintf(path, sizeof(path), "%s/%s", f->directory, files[i]);
        unlink(path);
    }
    int r = rmdir(f->directory);

    text_finish(&f->payload);
    free(f);
    return r;
}
