/* SPDX-License-Identifier: GPL-3.0-or-later */
/* stage.h: items that shall become one change, gathered in a table of this process alone: however long they
 * take to be read and checked, nobody waits meanwhile. */
#pragma once

#include <stdbool.h>

#include "gateway/base/cleanup.h"
#include "tools/stile-cloud/site.h"

struct stage {
    struct site *site;
    sqlite3_stmt *get;
    sqlite3_stmt *set;
};

int stage_begin(struct site *site, struct stage *ret) must_check;

/* -EEXIST if something else was put there before. item: its JSON. */
int stage_put(struct stage *stage, const char *kind, const char *id, const char *item) must_check;

/* If r is 0 makes what is gathered one change, in one transaction; forgets it in any case. *ret_changed:
 * whether there is a new version. Returns r, or what came of the change. */
int stage_end(struct stage *stage, int r, bool *ret_changed) must_check;
