/* SPDX-License-Identifier: GPL-3.0-or-later */
/* table.c: chained hashing. Ids come from a policy that was accepted, not from who stands at a door, so a
 * plain hash (FNV-1a) will do. The table grows bucket by bucket (linear hashing), so that nobody waits while
 * those of a hundred thousand people are laid out anew. */
#include "gateway/core/table.h"

#include <stdlib.h>
#include <string.h>

static uint32_t hash_of(const char *id)
{
    uint32_t hash = 2166136261u;

    for (; *id; id++)
        hash = (hash ^ (uint8_t)*id) * 16777619u;
    return hash;
}

/* At least half of the room is in use. A bucket that is not there yet is the one that it will be split from.
 */
static struct table_node **bucket_of(const struct table *table, uint32_t hash)
{
    size_t at = hash & (table->room - 1);

    return &table->buckets[at < table->size ? at : at & (table->room / 2 - 1)];
}

static struct table_node *find(const struct table *table, const char *id, uint32_t hash)
{
    struct table_node *node = table->size ? *bucket_of(table, hash) : NULL;

    while (node && (node->hash != hash || strcmp(node->id, id) != 0))
        node = node->next;
    return node;
}

void *table_find(const struct table *table, const char *id)
{
    return table->count ? find(table, id, hash_of(id)) : NULL;
}

static int make_room(struct table *table)
{
    size_t room = table->room ? 2 * table->room : 1;
    struct table_node **buckets = realloc(table->buckets, room * sizeof(*buckets));

    if (!buckets)
        return -1;
    table->buckets = buckets;
    table->room = room;
    return 0;
}

/* One bucket more, split from another. */
static int grow(struct table *table)
{
    if (table->size == table->room && make_room(table) < 0)
        return -1;
    table->buckets[table->size] = NULL;
    struct table_node **from = bucket_of(table, (uint32_t)table->size);
    struct table_node *node = *from;

    *from = NULL;
    table->size++;
    for (struct table_node *next; node; node = next) {
        struct table_node **bucket = bucket_of(table, node->hash);

        next = node->next;
        node->next = *bucket;
        *bucket = node;
    }
    return 0;
}

void *table_get(struct table *table, const char *id, size_t record_size)
{
    uint32_t hash = hash_of(id);
    struct table_node *node = find(table, id, hash);

    if (node)
        return node;
    if (table->count == table->size && grow(table) < 0)
        return NULL;
    node = calloc(1, record_size);
    if (!node)
        return NULL;
    node->id = strdup(id);
    if (!node->id) {
        free(node);
        return NULL;
    }
    node->hash = hash;
    struct table_node **bucket = bucket_of(table, hash);

    node->next = *bucket;
    *bucket = node;
    table->count++;
    if (table->newest)
        table->newest->newer = node;
    else
        table->oldest = node;
    table->newest = node;
    return node;
}

void *table_next(const struct table *table, const void *record)
{
    const struct table_node *node = record;

    return node ? node->newer : table->oldest;
}

void table_finish(struct table *table, void (*finish)(void *record))
{
    for (struct table_node *node = table->oldest, *newer; node; node = newer) {
        newer = node->newer;
        if (finish)
            finish(node);
        free(node->id);
        free(node);
    }
    free(table->buckets);
    *table = (struct table){ 0 };
}
