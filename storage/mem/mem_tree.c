#include "storage/mem/mem_tree.h"

#include <stdatomic.h>
#include <stdbool.h>

#include <dengine/error.h>

#include "core/base/assert.h"

/* Slots per node. Copying a node touches one count per slot, so it is small. */
#define ORDER 16u

/* A level is added only when a root of ORDER children splits, and each of these came from a split
 * of a full node: levels grow with the logarithm (base ORDER / 2) of the number of puts. */
#define LEVELS_MAX 24u

DE_STATIC_ASSERT(ORDER >= 4 && ORDER % 2 == 0, "both halves of a full node can be split again");
DE_STATIC_ASSERT(LEVELS_MAX * 3 >= 64, "a level for each factor of ORDER / 2 in 2^64 puts");
DE_STATIC_ASSERT(ORDER / 2 >= 8, "as the line before reckons");

struct item {
    atomic_uint references;
    uint32_t key_size;
    uint32_t value_size;
    uint8_t bytes[]; /* key, then value */
};

/* A leaf (level 0) has items only. In an inner node items[i] is a lower bound of what is below
 * children[i]; items[0] bounds nothing and is not looked at. */
struct de_mem_node {
    atomic_uint references;
    uint32_t level;
    uint32_t count;
    uint64_t edit;                 /* the number of the edit that made it */
    struct de_mem_node *next_dead; /* while it is being freed */
    struct item *items[ORDER];
    struct de_mem_node *children[]; /* ORDER of them when level > 0 */
};

/* The way from the root to a leaf. */
struct path {
    uint32_t depth; /* steps */
    struct de_mem_node *nodes[LEVELS_MAX];
    uint32_t slots[LEVELS_MAX];
};

static struct dengine_slice item_key(const struct item *item)
{
    return dengine_bytes(item->bytes, item->key_size);
}

static struct dengine_slice item_value(const struct item *item)
{
    return dengine_bytes(item->bytes + item->key_size, item->value_size);
}

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

static struct item *item_new(const struct de_allocator *allocator, struct dengine_slice key,
                             struct dengine_slice value)
{
    struct item *item = de_allocate(allocator, sizeof(*item) + key.size + value.size);

    DE_ASSERT(key.size <= UINT32_MAX);
    DE_ASSERT(value.size <= INT32_MAX);
    if (item == NULL) {
        return NULL;
    }
    atomic_init(&item->references, 1);
    item->key_size = (uint32_t)key.size;
    item->value_size = (uint32_t)value.size;
    if (key.size > 0) {
        memcpy(item->bytes, key.data, key.size);
    }
    if (value.size > 0) {
        memcpy(item->bytes + key.size, value.data, value.size);
    }
    return item;
}

static struct item *item_hold(struct item *item)
{
    unsigned before = atomic_fetch_add_explicit(&item->references, 1, memory_order_relaxed);

    DE_ASSERT(before > 0 && before < UINT32_MAX);
    return item;
}

static void item_release(const struct de_allocator *allocator, struct item *item)
{
    unsigned before = atomic_fetch_sub_explicit(&item->references, 1, memory_order_acq_rel);

    DE_ASSERT(before > 0);
    if (before == 1) {
        de_release(allocator, item);
    }
}

struct de_mem_node *de_mem_root_hold(struct de_mem_node *root)
{
    if (root != NULL) {
        unsigned before = atomic_fetch_add_explicit(&root->references, 1, memory_order_relaxed);

        DE_ASSERT(before > 0 && before < UINT32_MAX);
    }
    return root;
}

/* Gives up one reference; a node nobody holds any more is put in front of *dead. */
static void node_drop(struct de_mem_node *node, struct de_mem_node **dead)
{
    unsigned before = atomic_fetch_sub_explicit(&node->references, 1, memory_order_acq_rel);

    DE_ASSERT(before > 0);
    if (before == 1) {
        DE_ASSERT(node->next_dead == NULL);
        DE_ASSERT(node->count <= ORDER);
        node->next_dead = *dead;
        *dead = node;
    }
}

void de_mem_root_release(const struct de_allocator *allocator, struct de_mem_node *root)
{
    struct de_mem_node *dead = NULL;

    if (root == NULL) {
        return;
    }
    node_drop(root, &dead);
    while (dead != NULL) {
        struct de_mem_node *node = dead;

        dead = node->next_dead;
        for (uint32_t i = 0; i < node->count; i++) {
            item_release(allocator, node->items[i]);
            if (node->level > 0) {
                node_drop(node->children[i], &dead);
            }
        }
        de_release(allocator, node);
    }
}

static struct de_mem_node *node_new(const struct de_mem_edit *edit, uint32_t level)
{
    size_t size = sizeof(struct de_mem_node);
    struct de_mem_node *node;

    DE_ASSERT(level < LEVELS_MAX);
    DE_ASSERT(edit->number > 0);
    DE_ASSERT(edit->allocator != NULL);
    if (level > 0) {
        size += ORDER * sizeof(node->children[0]);
    }
    node = de_allocate(edit->allocator, size);
    if (node == NULL) {
        return NULL;
    }
    atomic_init(&node->references, 1);
    node->level = level;
    node->count = 0;
    node->edit = edit->number;
    node->next_dead = NULL;
    return node;
}

/* Puts a copy that this edit may change in the place of a shared node. */
static int make_own(const struct de_mem_edit *edit, struct de_mem_node **place)
{
    struct de_mem_node *old = *place;
    struct de_mem_node *copy;

    DE_ASSERT(old->count > 0 && old->count <= ORDER);
    /* A later edit's node would be one that is changed under a reader. */
    DE_ASSERT(old->edit <= edit->number);
    if (old->edit == edit->number) {
        return 0;
    }
    copy = node_new(edit, old->level);
    if (copy == NULL) {
        return DENGINE_E_NO_MEMORY;
    }
    copy->count = old->count;
    for (uint32_t i = 0; i < old->count; i++) {
        copy->items[i] = item_hold(old->items[i]);
        if (old->level > 0) {
            copy->children[i] = de_mem_root_hold(old->children[i]);
        }
    }
    DE_ASSERT(copy->edit == edit->number && copy->level == old->level);
    *place = copy;
    de_mem_root_release(edit->allocator, old);
    return 0;
}

/* The first slot of a leaf whose key is >= key; *equal when it is the key. */
static uint32_t leaf_slot(const struct de_mem_node *leaf, struct dengine_slice key, bool *equal)
{
    uint32_t low = 0;
    uint32_t high = leaf->count;

    DE_ASSERT(leaf->level == 0);
    *equal = false;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        int order = compare(item_key(leaf->items[middle]), key);

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

/* The slot of the child that key belongs to: the last whose bound is <= key. */
static uint32_t inner_slot(const struct de_mem_node *node, struct dengine_slice key)
{
    uint32_t low = 0;
    uint32_t high = node->count;

    DE_ASSERT(node->level > 0);
    DE_ASSERT(node->count > 0);
    while (high - low > 1) {
        uint32_t middle = (low + high) / 2;

        if (compare(item_key(node->items[middle]), key) <= 0) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return low;
}

/* Makes room at slot for an item (and a child), which the node then owns. */
static void insert_at(struct de_mem_node *node, uint32_t slot, struct item *item,
                      struct de_mem_node *child)
{
    size_t after = node->count - slot;

    DE_ASSERT(node->count < ORDER);
    DE_ASSERT(slot <= node->count);
    memmove(&node->items[slot + 1], &node->items[slot], after * sizeof(node->items[0]));
    node->items[slot] = item;
    if (node->level > 0) {
        memmove(&node->children[slot + 1], &node->children[slot],
                after * sizeof(node->children[0]));
        node->children[slot] = child;
    }
    node->count++;
}

static void remove_at(const struct de_mem_edit *edit, struct de_mem_node *node, uint32_t slot)
{
    size_t after = node->count - slot - 1;

    DE_ASSERT(slot < node->count);
    DE_ASSERT(node->edit == edit->number);
    item_release(edit->allocator, node->items[slot]);
    memmove(&node->items[slot], &node->items[slot + 1], after * sizeof(node->items[0]));
    if (node->level > 0) {
        de_mem_root_release(edit->allocator, node->children[slot]);
        memmove(&node->children[slot], &node->children[slot + 1],
                after * sizeof(node->children[0]));
    }
    node->count--;
}

/* Splits the full child at slot of a node that has room; both are this edit's own. The bound is a
 * copy of the key alone, so that no removed value lives on in it. */
static int split_child(const struct de_mem_edit *edit, struct de_mem_node *parent, uint32_t slot)
{
    struct de_mem_node *left = parent->children[slot];
    struct de_mem_node *right = node_new(edit, left->level);
    struct item *bound =
        item_new(edit->allocator, item_key(left->items[ORDER / 2]), dengine_bytes(NULL, 0));

    DE_ASSERT(left->count == ORDER);
    DE_ASSERT(parent->count < ORDER && parent->edit == edit->number);
    DE_ASSERT(parent->level == left->level + 1);
    DE_ASSERT(left->edit == edit->number);
    if (right == NULL || bound == NULL) {
        de_release(edit->allocator, right);
        de_release(edit->allocator, bound);
        return DENGINE_E_NO_MEMORY;
    }
    right->count = ORDER - ORDER / 2;
    left->count = ORDER / 2;
    memcpy(right->items, &left->items[ORDER / 2], right->count * sizeof(right->items[0]));
    if (left->level > 0) {
        memcpy(right->children, &left->children[ORDER / 2],
               right->count * sizeof(right->children[0]));
    }
    DE_ASSERT(left->count > 0 && left->count < ORDER);
    DE_ASSERT(right->count > 0 && right->count < ORDER);
    insert_at(parent, slot + 1, bound, right);
    return 0;
}

/* Puts a new root above a full one, with the old as its only child. */
static int grow(struct de_mem_edit *edit)
{
    struct de_mem_node *root = node_new(edit, edit->root->level + 1);
    struct item *bound =
        item_new(edit->allocator, item_key(edit->root->items[0]), dengine_bytes(NULL, 0));

    DE_ASSERT(edit->root->count == ORDER);
    if (root == NULL || bound == NULL) {
        de_release(edit->allocator, root);
        de_release(edit->allocator, bound);
        return DENGINE_E_NO_MEMORY;
    }
    insert_at(root, 0, bound, edit->root);
    edit->root = root;
    DE_ASSERT(root->count == 1 && root->level > 0);
    return 0;
}

/* Finds the leaf for key, all nodes on the way its own and with room for one more. */
static int descend_to_put(struct de_mem_edit *edit, struct dengine_slice key,
                          struct de_mem_node **leaf)
{
    struct de_mem_node *node;
    int error = make_own(edit, &edit->root);

    if (error == 0 && edit->root->count == ORDER) {
        error = grow(edit);
    }
    node = edit->root;
    while (error == 0 && node->level > 0) {
        uint32_t slot = inner_slot(node, key);

        DE_ASSERT(node->edit == edit->number && node->count < ORDER);
        error = make_own(edit, &node->children[slot]);
        if (error == 0 && node->children[slot]->count == ORDER) {
            error = split_child(edit, node, slot);
            slot = error == 0 ? inner_slot(node, key) : slot;
        }
        DE_ASSERT(node->children[slot]->level + 1 == node->level);
        node = node->children[slot];
    }
    *leaf = node;
    return error;
}

int de_mem_edit_put(struct de_mem_edit *edit, struct dengine_slice key, struct dengine_slice value)
{
    struct item *item = item_new(edit->allocator, key, value);
    struct de_mem_node *leaf = NULL;
    uint32_t slot;
    bool equal;
    int error;

    DE_ASSERT(edit->number > 0);
    if (item == NULL) {
        return DENGINE_E_NO_MEMORY;
    }
    if (edit->root == NULL) {
        edit->root = node_new(edit, 0);
        if (edit->root == NULL) {
            item_release(edit->allocator, item);
            return DENGINE_E_NO_MEMORY;
        }
        insert_at(edit->root, 0, item, NULL);
        return 0;
    }
    error = descend_to_put(edit, key, &leaf);
    if (error != 0) {
        item_release(edit->allocator, item);
        return error;
    }
    DE_ASSERT(leaf->level == 0 && leaf->count < ORDER);
    DE_ASSERT(leaf->edit == edit->number);
    slot = leaf_slot(leaf, key, &equal);
    if (equal) {
        item_release(edit->allocator, leaf->items[slot]);
        leaf->items[slot] = item;
    } else {
        insert_at(leaf, slot, item, NULL);
    }
    return 0;
}

/* Finds the leaf for key, all nodes on the way its own. */
static int descend_to_remove(struct de_mem_edit *edit, struct dengine_slice key, struct path *path)
{
    struct de_mem_node **place = &edit->root;

    path->depth = 0;
    for (;;) {
        struct de_mem_node *node;
        int error = make_own(edit, place);

        if (error != 0) {
            return error;
        }
        node = *place;
        DE_ASSERT(path->depth < LEVELS_MAX);
        DE_ASSERT(node->edit == edit->number);
        path->nodes[path->depth] = node;
        if (node->level == 0) {
            bool equal;

            path->slots[path->depth++] = leaf_slot(node, key, &equal);
            DE_ASSERT(equal);
            return 0;
        }
        path->slots[path->depth] = inner_slot(node, key);
        place = &node->children[path->slots[path->depth++]];
    }
}

int de_mem_edit_remove(struct de_mem_edit *edit, struct dengine_slice key)
{
    struct dengine_slice value;
    struct path path;
    uint32_t step;
    int error = de_mem_get(edit->root, key, &value);

    if (error == 0) {
        error = descend_to_remove(edit, key, &path);
    }
    if (error != 0) {
        return error;
    }
    /* The leaf loses the key; each node emptied by that goes from its parent. */
    DE_ASSERT(path.depth > 0 && path.depth == edit->root->level + 1);
    step = path.depth;
    do {
        step--;
        remove_at(edit, path.nodes[step], path.slots[step]);
    } while (step > 0 && path.nodes[step]->count == 0);
    if (edit->root->count == 0) {
        de_mem_root_release(edit->allocator, edit->root);
        edit->root = NULL;
    }
    while (edit->root != NULL && edit->root->level > 0 && edit->root->count == 1) {
        struct de_mem_node *root = edit->root;

        edit->root = de_mem_root_hold(root->children[0]);
        de_mem_root_release(edit->allocator, root);
    }
    return 0;
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
        root = root->children[inner_slot(root, key)];
    }
    DE_ASSERT(root->level == 0 && root->count > 0);
    slot = leaf_slot(root, key, &equal);
    if (!equal) {
        return DENGINE_E_NOT_FOUND;
    }
    *value = item_value(root->items[slot]);
    return 0;
}

int de_mem_iterate(const struct de_mem_node *root, struct dengine_slice from,
                   int (*visit)(void *context, struct dengine_slice key,
                                struct dengine_slice value),
                   void *context)
{
    const struct de_mem_node *nodes[LEVELS_MAX];
    uint32_t slots[LEVELS_MAX];
    uint32_t depth = 0; /* of the current node */
    bool equal;

    DE_ASSERT(visit != NULL);
    if (root == NULL) {
        return 0;
    }
    for (nodes[0] = root; nodes[depth]->level > 0; depth++) {
        slots[depth] = inner_slot(nodes[depth], from);
        nodes[depth + 1] = nodes[depth]->children[slots[depth]];
    }
    DE_ASSERT(depth == root->level);
    slots[depth] = leaf_slot(nodes[depth], from, &equal);
    for (;;) {
        const struct de_mem_node *node = nodes[depth];
        uint32_t slot = slots[depth];

        if (slot == node->count) {
            if (depth == 0) {
                return 0;
            }
            DE_ASSERT(slots[depth - 1] < nodes[depth - 1]->count);
            slots[--depth]++;
        } else if (node->level > 0) {
            DE_ASSERT(depth + 1 < LEVELS_MAX);
            nodes[++depth] = node->children[slot];
            slots[depth] = 0;
        } else {
            int result = visit(context, item_key(node->items[slot]), item_value(node->items[slot]));

            if (result != 0) {
                return result;
            }
            slots[depth]++;
        }
    }
}
