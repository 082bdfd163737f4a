/* SPDX-License-Identifier: GPL-3.0-or-later */
/* table.h: records found by id.
 *
 * A record embeds a struct table_node as its first member; the table owns it. Records are never taken out:
 * what is remembered of an id outlasts the item (decision contract, fine print, "what is remembered").
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct table_node {
    struct table_node *next;  /* in its bucket */
    struct table_node *newer; /* made after it */
    char *id;
    uint32_t hash;
};

struct table {
    struct table_node **buckets;
    size_t size; /* buckets that are in use */
    size_t room; /* for buckets: a power of two, or 0 */
    size_t count;
    struct table_node *oldest;
    struct table_node *newest;
};

/* The record of an id, NULL if there is none. */
void *table_find(const struct table *table, const char *id);

/* The same; a new one has record_size bytes of zeros behind its node. NULL: out of memory. */
void *table_get(struct table *table, const char *id, size_t record_size);

/* All records one after the other, oldest first: NULL gives the first; NULL is the end. One that is made
 * meanwhile comes last, so that a walk may pause. */
void *table_next(const struct table *table, const void *record);

/* Frees all records; finish (may be NULL) first frees what a record holds. */
void table_finish(struct table *table, void (*finish)(void *record));
