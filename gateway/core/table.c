/* SPDX-License-Identifier: GPL-3.0-or-later */
/* table.c: chained hashing. Ids come from a policy that was accepted, not from who stands at a door, so a
 * plain hash (FNV-1a) will do. */
#include "gateway/core/table.h"

#include <stdlib.h>
#include <string.h>

#define TABLE_SIZE_MIN 16

static uint32_t hash_of(const char *id)
{
    uint32_t hash = 2166136261u;

    for (; *id; id++)
        hash = (hash ^ (uint8_t)*id) * 16777619u;
    return hash;
}

static struct table_node *find(const struct table *table, const char *id, uint32_t hash)
{
    struct table_node *node = table->size ? table->buckets[hash & (table->size - 1)] : NULL;

    while (node && (node->hash != hash || strcmp(node->id, id) != 0))
        node = node->next;
    return node;
}

void *table_find(const struct table *table, const char *id)
{
    return table->count ? find(table, id, hash_of(id)) : NULL;
}

static int grow(struct table *table)
{
    size_t size = table->size ? 2 * table->size : TABLE_SIZE_MIN;
    struct table_node **buckets = calloc(size, sizeof(*buckets));

    if (!buckets)
        return -1;
    for (size_t i = 0; i < table->size; i++)
        for (struct table_node *node = table->buckets[i], *next; node; node = next) {
            struct table_node **bucket = &buckets[node->hash & (size - 1)];

            next = node->next;
            node->next = *bucket;
            *bucket = node;
        }
    free(table->buckets);
    table->buckets = buckets;
    table->size = size;
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
    node->next = table->buckets[hash & (table->size - 1)];
    table->buckets[hash & (table->size - 1)] = node;
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
