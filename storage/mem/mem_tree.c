#include "storage/mem/mem_tree.h"

#include <dengine/error.h>

#include "storage/mem/mem_node.h"

/* The way from the root to a leaf. */
struct path {
    uint32_t depth; /* steps */
    struct de_mem_node *nodes[DE_MEM_LEVELS_MAX];
    uint32_t slots[DE_MEM_LEVELS_MAX];
};

static struct de_mem_item *item_new(const struct de_allocator *allocator, struct dengine_slice key,
                                    struct dengine_slice value)
{
    struct de_mem_item *item = de_allocate(allocator, sizeof(*item) + key.size + value.size);

    DE_ASSERT(key.size <= UINT32_MAX);
    DE_ASSERT(value.size <= INT32_MAX);
    if (item == NULL) {
        return NULL;
    }
    __atomic_store_n(&item->references, 1u, __ATOMIC_RELAXED);
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

static struct de_mem_item *item_hold(struct de_mem_item *item)
{
    unsigned before = __atomic_fetch_add(&item->references, 1, __ATOMIC_RELAXED);

    DE_ASSERT(before > 0 && before < UINT32_MAX);
    return item;
}

static void item_release(const struct de_allocator *allocator, struct de_mem_item *item)
{
    unsigned before = __atomic_fetch_sub(&item->references, 1, __ATOMIC_ACQ_REL);

    DE_ASSERT(before > 0);
    if (before == 1) {
        de_release(allocator, item);
    }
}

struct de_mem_node *de_mem_root_hold(struct de_mem_node *root)
{
    if (root != NULL) {
        unsigned before = __atomic_fetch_add(&root->references, 1, __ATOMIC_RELAXED);

        DE_ASSERT(before > 0 && before < UINT32_MAX);
    }
    return root;
}

/* Gives up one reference; a node nobody holds any more is put in front of *dead. */
static void node_drop(struct de_mem_node *node, struct de_mem_node **dead)
{
    unsigned before = __atomic_fetch_sub(&node->references, 1, __ATOMIC_ACQ_REL);

    DE_ASSERT(before > 0);
    if (before == 1) {
        DE_ASSERT(node->next_dead == NULL);
        DE_ASSERT(node->count <= DE_MEM_ORDER);
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

    DE_ASSERT(level < DE_MEM_LEVELS_MAX);
    DE_ASSERT(edit->number > 0);
    DE_ASSERT(edit->allocator != NULL);
    if (level > 0) {
        size += DE_MEM_ORDER * sizeof(node->children[0]);
    }
    node = de_allocate(edit->allocator, size);
    if (node == NULL) {
        return NULL;
    }
    __atomic_store_n(&node->references, 1u, __ATOMIC_RELAXED);
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

    DE_ASSERT(old->count > 0 && old->count <= DE_MEM_ORDER);
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

/* Makes room at slot for an item (and a child), which the node then owns. */
static void insert_at(struct de_mem_node *node, uint32_t slot, struct de_mem_item *item,
                      struct de_mem_node *child)
{
    size_t after = node->count - slot;

    DE_ASSERT(node->count < DE_MEM_ORDER);
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
    struct de_mem_item *bound = item_new(
        edit->allocator, de_mem_item_key(left->items[DE_MEM_ORDER / 2]), dengine_bytes(NULL, 0));

    DE_ASSERT(left->count == DE_MEM_ORDER);
    DE_ASSERT(parent->count < DE_MEM_ORDER && parent->edit == edit->number);
    DE_ASSERT(parent->level == left->level + 1);
    DE_ASSERT(left->edit == edit->number);
    if (right == NULL || bound == NULL) {
        de_release(edit->allocator, right);
        de_release(edit->allocator, bound);
        return DENGINE_E_NO_MEMORY;
    }
    right->count = DE_MEM_ORDER - DE_MEM_ORDER / 2;
    left->count = DE_MEM_ORDER / 2;
    memcpy(right->items, &left->items[DE_MEM_ORDER / 2], right->count * sizeof(right->items[0]));
    if (left->level > 0) {
        memcpy(right->children, &left->children[DE_MEM_ORDER / 2],
               right->count * sizeof(right->children[0]));
    }
    DE_ASSERT(left->count > 0 && left->count < DE_MEM_ORDER);
    DE_ASSERT(right->count > 0 && right->count < DE_MEM_ORDER);
    insert_at(parent, slot + 1, bound, right);
    return 0;
}

/* Puts a new root above a full one, with the old as its only child. */
static int grow(struct de_mem_edit *edit)
{
    struct de_mem_node *root = node_new(edit, edit->root->level + 1);
    struct de_mem_item *bound =
        item_new(edit->allocator, de_mem_item_key(edit->root->items[0]), dengine_bytes(NULL, 0));

    DE_ASSERT(edit->root->count == DE_MEM_ORDER);
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

    if (error == 0 && edit->root->count == DE_MEM_ORDER) {
        error = grow(edit);
    }
    node = edit->root;
    while (error == 0 && node->level > 0) {
        uint32_t slot = de_mem_inner_slot(node, key);

        DE_ASSERT(node->edit == edit->number && node->count < DE_MEM_ORDER);
        error = make_own(edit, &node->children[slot]);
        if (error == 0 && node->children[slot]->count == DE_MEM_ORDER) {
            error = split_child(edit, node, slot);
            slot = error == 0 ? de_mem_inner_slot(node, key) : slot;
        }
        DE_ASSERT(node->children[slot]->level + 1 == node->level);
        node = node->children[slot];
    }
    *leaf = node;
    return error;
}

int de_mem_edit_put(struct de_mem_edit *edit, struct dengine_slice key, struct dengine_slice value)
{
    struct de_mem_item *item = item_new(edit->allocator, key, value);
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
    DE_ASSERT(leaf->level == 0 && leaf->count < DE_MEM_ORDER);
    DE_ASSERT(leaf->edit == edit->number);
    slot = de_mem_leaf_slot(leaf, key, &equal);
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
        DE_ASSERT(path->depth < DE_MEM_LEVELS_MAX);
        DE_ASSERT(node->edit == edit->number);
        path->nodes[path->depth] = node;
        if (node->level == 0) {
            bool equal;

            path->slots[path->depth++] = de_mem_leaf_slot(node, key, &equal);
            DE_ASSERT(equal);
            return 0;
        }
        path->slots[path->depth] = de_mem_inner_slot(node, key);
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
