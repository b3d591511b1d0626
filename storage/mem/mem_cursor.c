#include "storage/mem/mem_cursor.h"

#include <dengine/error.h>

#include "storage/mem/mem_node.h"

DE_STATIC_ASSERT(DE_MEM_LEVELS_MAX == DE_MEM_CURSOR_LEVELS, "a cursor holds the longest way");

static int compare(struct dengine_slice a, struct dengine_slice b)
{
    DE_ASSERT(a.data != NULL || a.size == 0);
    DE_ASSERT(b.data != NULL || b.size == 0);
    size_t common = a.size < b.size ? a.size : b.size;
    int order = common == 0 ? 0 : memcmp(a.data, b.data, common);

    if (order != 0) {
        return order;
    }
    return a.size < b.size ? -1 : a.size > b.size;
}

uint32_t de_mem_leaf_slot(const struct de_mem_node *leaf, struct dengine_slice key, bool *equal)
{
    uint32_t low = 0;
    uint32_t high = leaf->count;

    DE_ASSERT(leaf->level == 0);
    *equal = false;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        int order = compare(de_mem_item_key(leaf->items[middle]), key);

        if (order < 0) {
            low = middle + 1;
        } else {
            *equal = *equal || order == 0;
            high = middle;
        }
    }
    DE_ASSERT(low <= leaf->count);
    DE_ASSERT_IMPLIES(*equal, low < leaf->count);
    return low;
}

uint32_t de_mem_inner_slot(const struct de_mem_node *node, struct dengine_slice key)
{
    uint32_t low = 0;
    uint32_t high = node->count;

    DE_ASSERT(node->level > 0);
    DE_ASSERT(node->count > 0);
    while (high - low > 1) {
        uint32_t middle = (low + high) / 2;

        if (compare(de_mem_item_key(node->items[middle]), key) <= 0) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return low;
}

int de_mem_get(const struct de_mem_node *root, struct dengine_slice key,
               struct dengine_slice *value)
{
    uint32_t slot;
    bool equal;

    DE_ASSERT(value != NULL);
    if (root == NULL) {
        return DENGINE_E_NOT_FOUND;
    }
    while (root->level > 0) {
        root = root->children[de_mem_inner_slot(root, key)];
    }
    DE_ASSERT(root->level == 0 && root->count > 0);
    slot = de_mem_leaf_slot(root, key, &equal);
    if (!equal) {
        return DENGINE_E_NOT_FOUND;
    }
    *value = de_mem_item_value(root->items[slot]);
    return 0;
}

/* Goes down from the node at depth to the leaf at its left or right edge. */
static void descend(struct de_mem_cursor *cursor, bool to_last)
{
    const struct de_mem_node *node = cursor->nodes[cursor->depth];

    DE_ASSERT(node->count > 0);
    while (node->level > 0) {
        node = node->children[cursor->slots[cursor->depth]];
        DE_ASSERT(node->count > 0 && cursor->depth + 1 < DE_MEM_CURSOR_LEVELS);
        cursor->nodes[++cursor->depth] = node;
        cursor->slots[cursor->depth] = to_last ? node->count - 1 : 0;
    }
}

/* What the cursor stands on. */
static int show(struct de_mem_cursor *cursor, struct dengine_kv_pair *pair)
{
    const struct de_mem_node *leaf = cursor->nodes[cursor->depth];
    const struct de_mem_item *item = leaf->items[cursor->slots[cursor->depth]];

    DE_ASSERT(leaf->level == 0 && cursor->slots[cursor->depth] < leaf->count);
    pair->key = de_mem_item_key(item);
    pair->value = de_mem_item_value(item);
    return 0;
}

/* Goes up to where there is a way on, one slot further, and down again. */
static int step(struct de_mem_cursor *cursor, bool forward)
{
    uint32_t depth = cursor->depth;

    for (;;) {
        const struct de_mem_node *node = cursor->nodes[depth];

        if (forward ? cursor->slots[depth] + 1 < node->count : cursor->slots[depth] > 0) {
            break;
        }
        if (depth == 0) {
            cursor->placed = false;
            return DENGINE_E_NOT_FOUND;
        }
        depth--;
    }
    cursor->depth = depth;
    if (forward) {
        cursor->slots[depth]++;
    } else {
        cursor->slots[depth]--;
    }
    descend(cursor, !forward);
    return 0;
}

/* Places the cursor on the slot of the leaf where key is or would be; *past: that is behind the
 * last one of the leaf. */
static void place(struct de_mem_cursor *cursor, struct dengine_slice key, bool *past)
{
    const struct de_mem_node *node = cursor->root;
    bool equal;

    DE_ASSERT(node != NULL);
    cursor->depth = 0;
    cursor->nodes[0] = node;
    while (node->level > 0) {
        uint32_t slot = de_mem_inner_slot(node, key);

        cursor->slots[cursor->depth] = slot;
        node = node->children[slot];
        DE_ASSERT(cursor->depth + 1 < DE_MEM_CURSOR_LEVELS);
        cursor->nodes[++cursor->depth] = node;
    }
    cursor->slots[cursor->depth] = de_mem_leaf_slot(node, key, &equal);
    *past = cursor->slots[cursor->depth] == node->count;
    cursor->placed = true;
}

int de_mem_cursor_seek(struct de_mem_cursor *cursor, struct dengine_slice key,
                       struct dengine_kv_pair *pair)
{
    bool past;

    DE_ASSERT(cursor != NULL && pair != NULL);
    cursor->placed = false;
    if (cursor->root == NULL) {
        return DENGINE_E_NOT_FOUND;
    }
    place(cursor, key, &past);
    DE_ASSERT(cursor->depth == cursor->root->level);
    if (past) {
        cursor->slots[cursor->depth]--;
        return de_mem_cursor_next(cursor, pair);
    }
    return show(cursor, pair);
}

int de_mem_cursor_seek_before(struct de_mem_cursor *cursor, struct dengine_slice key,
                              struct dengine_kv_pair *pair)
{
    bool past;

    DE_ASSERT(cursor != NULL && pair != NULL);
    cursor->placed = false;
    if (cursor->root == NULL) {
        return DENGINE_E_NOT_FOUND;
    }
    if (key.size > 0) {
        place(cursor, key, &past);
        DE_ASSERT(cursor->depth == cursor->root->level);
        return de_mem_cursor_previous(cursor, pair);
    }
    cursor->depth = 0;
    cursor->nodes[0] = cursor->root;
    cursor->slots[0] = cursor->root->count - 1;
    descend(cursor, true);
    cursor->placed = true;
    return show(cursor, pair);
}

int de_mem_cursor_next(struct de_mem_cursor *cursor, struct dengine_kv_pair *pair)
{
    DE_ASSERT(cursor->placed);
    DE_ASSERT(pair != NULL);
    return step(cursor, true) == 0 ? show(cursor, pair) : DENGINE_E_NOT_FOUND;
}

int de_mem_cursor_previous(struct de_mem_cursor *cursor, struct dengine_kv_pair *pair)
{
    DE_ASSERT(cursor->placed);
    DE_ASSERT(pair != NULL);
    return step(cursor, false) == 0 ? show(cursor, pair) : DENGINE_E_NOT_FOUND;
}
