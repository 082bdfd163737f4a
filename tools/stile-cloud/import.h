/* SPDX-License-Identifier: GPL-3.0-or-later */
/* import.h: items from files, checked and gathered before any of them is taken. */
#pragma once

#include <stdbool.h>

#include "gateway/base/cleanup.h"
#include "tools/stile-cloud/stage.h"

/* Longest CSV file. */
#define IMPORT_CSV_BYTES_MAX (256u * 1024 * 1024)

/* Most problems that are told. */
#define IMPORT_PROBLEMS_MAX 20

struct import {
    struct stage *stage;
    bool unchecked; /* takes what gateways will refuse; for tests of them */
    int64_t items;
    int64_t problems;
    struct text text; /* a line for each problem: "people.csv:7: valid_from: must be …" */
};

/* Each goes on behind a problem, so that all are told at once, and returns 0; -EBADMSG once there are too
 * many; or another negative errno. */

/* Reads JSON lines {"kind":…,"item":{…}} from a file ("-": standard input), or CSV of users and credentials
 * if its name ends in .csv. */
int import_file(struct import *import, const char *path) must_check;

/* One item from its JSON. place: names it in problems. */
int import_item(struct import *import, const char *place, const char *kind, const char *json) must_check;
