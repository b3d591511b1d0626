/* core/kv/watch_index.h - which watchers a key falls to; for watch.c.
 *
 * Watchers of one key are in a hash table. Those of a range stand in an array in the order of their
 * first keys, under a tree of the greatest end below each node: the ranges that hold a key begin at
 * or before it, and of these the tree leads to those that end behind it, past all others. */
#ifndef DE_CORE_KV_WATCH_INDEX_H
#define DE_CORE_KV_WATCH_INDEX_H

#include <stdbool.h>

#include <dengine/error.h>

#include "core/base/allocator.h"

#ifdef __cplusplus
extern "C" {
#endif

struct de_watch_node {
    struct de_watch_node *next; /* in the chain of the hash table */
    struct dengine_slice from;
    struct dengine_slice end; /* "": none */
    bool one_key;
    uint64_t number; /* order among equals: that of adding */
};

struct de_watch_index {
    const struct de_allocator *allocator;
    struct de_watch_node **buckets;
    size_t bucket_count; /* 0 or a power of two */
    size_t keys;         /* nodes in the table */
    struct de_watch_node **ranges;
    size_t range_count;
    size_t range_capacity;
    /* Of 2 * leaves nodes, 1 is the root and leaves + i the leaf of ranges[i]: which range below
     * ends last; NULL: there is none. */
    struct de_watch_node **tree;
    size_t leaves;
    bool stale; /* ranges have changed since the tree was made */
    uint64_t added;
    uint64_t looks; /* at nodes, since the beginning: what finding and placing them has cost */
};

void de_watch_index_init(struct de_watch_index *index, const struct de_allocator *allocator);
void de_watch_index_deinit(struct de_watch_index *index);

/* NO_MEMORY. The node is the caller's. */
int de_watch_index_add(struct de_watch_index *index, struct de_watch_node *node);
void de_watch_index_remove(struct de_watch_index *index, struct de_watch_node *node);

/* Visits the nodes that key falls to. The visitor must not change the index. */
void de_watch_index_find(struct de_watch_index *index, struct dengine_slice key,
                         void (*visit)(void *context, struct de_watch_node *node), void *context);

#ifdef __cplusplus
}
#endif

#endif
