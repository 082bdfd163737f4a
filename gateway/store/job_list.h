/* SPDX-License-Identifier: GPL-3.0-or-later */
/* job_list.h: worker jobs in the order in which they came. A place is where a pointer to a job stands. */
#pragma once

#include <stddef.h>

#include "gateway/store/worker.h"

struct job_list {
    struct worker_job *first;
    struct worker_job **end;
};

static inline void job_list_init(struct job_list *list)
{
    list->first = NULL;
    list->end = &list->first;
}

static inline void job_list_add(struct job_list *list, struct worker_job *job)
{
    job->next = NULL;
    *list->end = job;
    list->end = &job->next;
}

static inline struct worker_job *job_list_take(struct job_list *list, struct worker_job **place)
{
    struct worker_job *job = *place;

    *place = job->next;
    if (!*place)
        list->end = place;
    job->next = NULL;
    return job;
}
