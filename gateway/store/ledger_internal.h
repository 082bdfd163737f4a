/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ledger_internal.h: the loop's side of the ledger. Only for ledger.c and ledger_requests.c.
 *
 * `file` and what a job carries belong to the worker from worker_submit() to done(); all else is the loop's.
 */
#pragma once

#include "gateway/store/ledger.h"
#include "gateway/store/ledger_file.h"
#include "gateway/store/worker.h"

struct ledger_items {
    struct ledger_item *first;
    struct ledger_item **end;
    size_t count;
};

/* The one job that writes entries. Without a batch it only lets time pass in which entries gather. */
struct ledger_write {
    struct worker_job job;
    bool submitted;
    struct ledger_items batch;
    struct ledger_output output;
    struct ledger_position position; /* after it */
    int error;
    char text[DATABASE_TEXT_SIZE];
};

struct ledger {
    struct ledger_file file; /* the worker's once it is started */
    struct worker *worker;
    struct ledger_hooks hooks;
    char boot_id[BOOT_ID_SIZE];
    int64_t gather_us;

    struct ledger_position position;
    struct ledger_items waiting;
    struct ledger_write write;
    struct text body; /* under construction */
    uint64_t last_ticket;
    int trouble; /* what was told last */
    int64_t retry_us;

    int64_t refused_events; /* since the last `lost` event */
    struct timestamp refused_at;

    bool closing;
    bool last_try;
};
