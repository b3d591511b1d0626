/* storage/mem/mem_cursor.h - looking things up in the tree, and walking it in both directions. */
#ifndef DE_STORAGE_MEM_MEM_CURSOR_H
#define DE_STORAGE_MEM_MEM_CURSOR_H

#include <stdbool.h>

#include <dengine/kv_store.h>

#include "storage/mem/mem_tree.h"

#ifdef __cplusplus
extern "C" {
#endif

#define DE_MEM_CURSOR_LEVELS 24u

/* The way from the root, which the caller holds and does not edit meanwhile, to an item of a leaf.
 * To make one: zero all of it and set root. */
struct de_mem_cursor {
    const struct de_mem_node *root; /* NULL: the empty map */
    bool placed;                    /* it stands on an item */
    uint32_t depth;                 /* of the leaf */
    const struct de_mem_node *nodes[DE_MEM_CURSOR_LEVELS];
    uint32_t slots[DE_MEM_CURSOR_LEVELS];
};

/* As the operations of dengine/kv_store.h of these names. */
int de_mem_cursor_seek(struct de_mem_cursor *cursor, struct dengine_slice key,
                       struct dengine_kv_pair *pair);
int de_mem_cursor_seek_before(struct de_mem_cursor *cursor, struct dengine_slice key,
                              struct dengine_kv_pair *pair);
int de_mem_cursor_next(struct de_mem_cursor *cursor, struct dengine_kv_pair *pair);
int de_mem_cursor_previous(struct de_mem_cursor *cursor, struct dengine_kv_pair *pair);

#ifdef __cplusplus
}
#endif

#endif
