/* storage/mem/mem_node.h - the nodes of the tree; for the files of storage/mem only. */
#ifndef DE_STORAGE_MEM_MEM_NODE_H
#define DE_STORAGE_MEM_MEM_NODE_H

#include <stdbool.h>

#include "core/base/assert.h"
#include "storage/mem/mem_tree.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Slots per node. Copying a node touches one count per slot, so it is small. */
#define DE_MEM_ORDER 16u

/* A level is added only when a root of DE_MEM_ORDER children splits, and each of these came from a
 * split of a full node: levels grow with the logarithm (base DE_MEM_ORDER / 2) of the number of
 * puts. */
#define DE_MEM_LEVELS_MAX 24u

DE_STATIC_ASSERT(DE_MEM_ORDER >= 4 && DE_MEM_ORDER % 2 == 0,
                 "both halves of a full node can be split again");
DE_STATIC_ASSERT(DE_MEM_LEVELS_MAX * 3 >= 64,
                 "a level for each factor of DE_MEM_ORDER / 2 in 2^64 puts");
DE_STATIC_ASSERT(DE_MEM_ORDER / 2 >= 8, "as the line before reckons");

struct de_mem_item {
    unsigned references; /* only with __atomic operations */
    uint32_t key_size;
    uint32_t value_size;
    uint8_t bytes[]; /* key, then value */
};

/* A leaf (level 0) has items only. In an inner node items[i] is a lower bound of what is below
 * children[i]; items[0] bounds nothing and is not looked at. */
struct de_mem_node {
    unsigned references; /* only with __atomic operations */
    uint32_t level;
    uint32_t count;
    uint64_t edit;                 /* the number of the edit that made it */
    struct de_mem_node *next_dead; /* while it is being freed */
    struct de_mem_item *items[DE_MEM_ORDER];
    struct de_mem_node *children[]; /* DE_MEM_ORDER of them when level > 0 */
};

static inline struct dengine_slice de_mem_item_key(const struct de_mem_item *item)
{
    return dengine_bytes(item->bytes, item->key_size);
}

static inline struct dengine_slice de_mem_item_value(const struct de_mem_item *item)
{
    return dengine_bytes(item->bytes + item->key_size, item->value_size);
}

/* The first slot of a leaf whose key is >= key; *equal when it is the key. */
uint32_t de_mem_leaf_slot(const struct de_mem_node *leaf, struct dengine_slice key, bool *equal);

/* The slot of the child that key belongs to: the last whose bound is <= key. */
uint32_t de_mem_inner_slot(const struct de_mem_node *node, struct dengine_slice key);

#ifdef __cplusplus
}
#endif

#endif
