/* storage/mem/mem_tree.h - an ordered map of byte strings that can be held at a point in time.
 *
 * A B+ tree whose nodes are never changed once they are shared: a writer copies the nodes on the
 * way to its change, so a root that somebody holds goes on showing what it showed. Nodes and items
 * count their references; the counts are atomic, so roots may be released in any thread. The shape
 * depends on the sequence of calls only.
 *
 * A node emptied by removals is dropped; half-empty neighbours are not merged. */
#ifndef DE_STORAGE_MEM_MEM_TREE_H
#define DE_STORAGE_MEM_MEM_TREE_H

#include <stdint.h>

#include <dengine/types.h>

#include "core/base/allocator.h"

#ifdef __cplusplus
extern "C" {
#endif

/* One version of the map; NULL is the empty map. */
struct de_mem_node;

/* Another holder of root. Any thread that has root. */
struct de_mem_node *de_mem_root_hold(struct de_mem_node *root);

/* Gives a holding up; the last one frees. Any thread; NULL is ignored. */
void de_mem_root_release(const struct de_allocator *allocator, struct de_mem_node *root);

/* A change in progress: edits work on *root, which this struct holds. `number` tells the nodes that
 * this edit made (and may change in place) from shared ones: each edit of a map needs its own, and
 * it is never 0. */
struct de_mem_edit {
    const struct de_allocator *allocator;
    struct de_mem_node *root;
    uint64_t number;
};

/* Inserts or replaces. NO_MEMORY leaves a map with the old contents. */
int de_mem_edit_put(struct de_mem_edit *edit, struct dengine_slice key, struct dengine_slice value);

/* NOT_FOUND when there is no such key; NO_MEMORY leaves a map with the old contents. */
int de_mem_edit_remove(struct de_mem_edit *edit, struct dengine_slice key);

/* NOT_FOUND or 0; value lives as long as root is held and not edited. */
int de_mem_get(const struct de_mem_node *root, struct dengine_slice key,
               struct dengine_slice *value);

#ifdef __cplusplus
}
#endif

#endif
