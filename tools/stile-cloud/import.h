/* SPDX-License-Identifier: GPL-3.0-or-later */
/* import.h: items from files, checked before any of them is taken. */
#pragma once

#include <stdbool.h>

#include "gateway/base/cleanup.h"
#include "tools/stile-cloud/feed.h"

/* Longest file. */
#define IMPORT_BYTES_MAX (1024u * 1024 * 1024)

struct import {
    struct feed_change *change;
    bool unchecked; /* takes what gateways will refuse; for tests of them */
    int64_t items;
    struct text problems; /* a line for each: "users.csv:7: card: must be …" */
};

/* Most problems that are told. */
#define IMPORT_PROBLEMS_MAX 20

/* Reads a file ("-": standard input): JSON lines {"kind":…,"item":{…}}, or CSV of users and cards if its name
 * ends in .csv. Returns 0, -EBADMSG with problems, or a negative errno. */
int import_file(struct import *import, const char *path) must_check;

/* One item from its JSON. place: names it in problems. */
int import_item(struct import *import, const char *place, const char *kind, const char *json) must_check;
