#include "core/kv/watch_index.h"

#include "core/base/assert.h"
#include "core/base/random.h"

enum {
    BUCKETS_MIN = 16,
    DEPTH_MAX = 64, /* of a tree over an array: its height, and one sibling at each level */
};

static int compare(struct dengine_slice a, struct dengine_slice b)
{
    const size_t size = a.size < b.size ? a.size : b.size;
    const int order = size > 0 ? memcmp(a.data, b.data, size) : 0;

    DE_ASSERT(a.data != NULL || a.size == 0);
    DE_ASSERT(b.data != NULL || b.size == 0);
    return order != 0 ? order : (a.size > b.size) - (a.size < b.size);
}

void de_watch_index_init(struct de_watch_index *index, const struct de_allocator *allocator)
{
    DE_ASSERT(index != NULL);
    DE_ASSERT(allocator != NULL);
    memset(index, 0, sizeof *index);
    index->allocator = allocator;
}

void de_watch_index_deinit(struct de_watch_index *index)
{
    DE_ASSERT(index->keys == 0);
    DE_ASSERT(index->range_count == 0);
    de_release(index->allocator, index->buckets);
    de_release(index->allocator, index->ranges);
    de_release(index->allocator, index->tree);
    memset(index, 0, sizeof *index);
}

/* ---- one key ---- */

static size_t bucket_of(const struct de_watch_index *index, struct dengine_slice key)
{
    const uint8_t *at = key.data;
    uint64_t hash = key.size;

    DE_ASSERT(key.size >= 1);
    DE_ASSERT(index->bucket_count > 0);
    for (size_t i = 0; i < key.size; i++) {
        hash = (hash ^ at[i]) * UINT64_C(0x100000001b3);
    }
    return (size_t)de_mix64(hash) & (index->bucket_count - 1);
}

static int grow_table(struct de_watch_index *index)
{
    const size_t count = index->bucket_count == 0 ? BUCKETS_MIN : index->bucket_count * 2;
    struct de_watch_node **old = index->buckets;
    const size_t old_count = index->bucket_count;
    struct de_watch_node **buckets =
        de_allocate(index->allocator, count * sizeof(struct de_watch_node *));

    DE_ASSERT(count > index->keys);
    if (buckets == NULL) {
        return DENGINE_E_NO_MEMORY;
    }
    memset(buckets, 0, count * sizeof(struct de_watch_node *));
    index->buckets = buckets;
    index->bucket_count = count;
    for (size_t i = 0; i < old_count; i++) {
        while (old[i] != NULL) {
            struct de_watch_node *node = old[i];
            struct de_watch_node **to = &buckets[bucket_of(index, node->from)];

            old[i] = node->next;
            node->next = *to;
            *to = node;
        }
    }
    de_release(index->allocator, old);
    DE_ASSERT(index->bucket_count == count);
    return 0;
}

static int add_key(struct de_watch_index *index, struct de_watch_node *node)
{
    struct de_watch_node **to;

    DE_ASSERT(node->one_key);
    DE_ASSERT(node->from.size >= 1);
    if (index->keys == index->bucket_count && grow_table(index) != 0) {
        return DENGINE_E_NO_MEMORY;
    }
    to = &index->buckets[bucket_of(index, node->from)];
    node->next = *to;
    *to = node;
    index->keys++;
    DE_ASSERT(index->keys <= index->bucket_count);
    return 0;
}

static void remove_key(struct de_watch_index *index, struct de_watch_node *node)
{
    struct de_watch_node **at = &index->buckets[bucket_of(index, node->from)];

    DE_ASSERT(index->keys > 0);
    DE_ASSERT(node->one_key);
    while (*at != node) {
        DE_ASSERT(*at != NULL); /* it is there */
        at = &(*at)->next;
    }
    *at = node->next;
    index->keys--;
}

/* ---- ranges ---- */

/* The first place whose range begins behind key, or at it with a later number. */
static size_t place_of(struct de_watch_index *index, struct dengine_slice from, uint64_t number)
{
    size_t low = 0;
    size_t high = index->range_count;

    DE_ASSERT(index->range_count <= index->range_capacity);
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const struct de_watch_node *node = index->ranges[middle];
        const int order = compare(node->from, from);

        index->looks++;
        if (order < 0 || (order == 0 && node->number < number)) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    DE_ASSERT(low <= index->range_count);
    return low;
}

/* Room for one more range, in the array and in the tree. */
static int grow_ranges(struct de_watch_index *index)
{
    const size_t capacity = index->range_capacity == 0 ? 16 : index->range_capacity * 2;
    struct de_watch_node **grown;

    DE_ASSERT(index->range_count == index->range_capacity);
    grown =
        de_reallocate(index->allocator, index->tree, 2 * capacity * sizeof(struct de_watch_node *));
    if (grown == NULL) {
        return DENGINE_E_NO_MEMORY;
    }
    index->tree = grown;
    index->stale = true;
    grown =
        de_reallocate(index->allocator, index->ranges, capacity * sizeof(struct de_watch_node *));
    if (grown == NULL) {
        return DENGINE_E_NO_MEMORY;
    }
    index->ranges = grown;
    index->range_capacity = capacity;
    DE_ASSERT(index->range_count < index->range_capacity);
    return 0;
}

static int add_range(struct de_watch_index *index, struct de_watch_node *node)
{
    size_t place;

    DE_ASSERT(!node->one_key);
    if (index->range_count == index->range_capacity && grow_ranges(index) != 0) {
        return DENGINE_E_NO_MEMORY;
    }
    place = place_of(index, node->from, node->number);
    memmove(index->ranges + place + 1, index->ranges + place,
            (index->range_count - place) * sizeof(struct de_watch_node *));
    index->ranges[place] = node;
    index->range_count++;
    index->stale = true;
    DE_ASSERT(index->range_count <= index->range_capacity);
    return 0;
}

static void remove_range(struct de_watch_index *index, struct de_watch_node *node)
{
    const size_t place = place_of(index, node->from, node->number);

    DE_ASSERT(place < index->range_count);
    DE_ASSERT(index->ranges[place] == node);
    index->range_count--;
    memmove(index->ranges + place, index->ranges + place + 1,
            (index->range_count - place) * sizeof(struct de_watch_node *));
    index->stale = true;
    DE_ASSERT(index->range_count < index->range_capacity);
}

/* Whichever ends later; either may be NULL. */
static struct de_watch_node *later(struct de_watch_node *a, struct de_watch_node *b)
{
    if (a == NULL || b == NULL) {
        return a != NULL ? a : b;
    }
    DE_ASSERT(!a->one_key && !b->one_key);
    DE_ASSERT(a != b);
    if (a->end.size == 0 || b->end.size == 0) {
        return a->end.size == 0 ? a : b;
    }
    return compare(a->end, b->end) >= 0 ? a : b;
}

static void make_tree(struct de_watch_index *index)
{
    DE_ASSERT(index->stale);
    index->leaves = 1;
    while (index->leaves < index->range_count) {
        index->leaves *= 2;
    }
    DE_ASSERT(index->leaves <= index->range_capacity || index->range_count == 0);
    for (size_t i = 0; i < index->leaves && index->range_count > 0; i++) {
        index->looks++;
        index->tree[index->leaves + i] = i < index->range_count ? index->ranges[i] : NULL;
    }
    for (size_t i = index->leaves - 1; i > 0; i--) {
        index->tree[i] = later(index->tree[2 * i], index->tree[2 * i + 1]);
    }
    index->stale = false;
    DE_ASSERT((index->tree[1] == NULL) == (index->range_count == 0));
}

static bool ends_behind(const struct de_watch_node *node, struct dengine_slice key)
{
    DE_ASSERT(key.size >= 1);
    DE_ASSERT(node == NULL || !node->one_key);
    return node != NULL && (node->end.size == 0 || compare(node->end, key) > 0);
}

/* The ranges[i], i < count, that end behind key: down the tree where there are any, left first. */
static void find_ranges(struct de_watch_index *index, struct dengine_slice key, size_t count,
                        void (*visit)(void *context, struct de_watch_node *node), void *context)
{
    size_t stack[DEPTH_MAX];
    size_t first[DEPTH_MAX]; /* the first leaf below */
    size_t width[DEPTH_MAX]; /* leaves below */
    size_t depth = 0;

    DE_ASSERT(!index->stale);
    DE_ASSERT(count > 0 && count <= index->range_count);
    stack[0] = 1;
    first[0] = 0;
    width[0] = index->leaves;
    depth = 1;
    while (depth > 0) {
        const size_t at = stack[--depth];
        const size_t from = first[depth];
        const size_t half = width[depth] / 2;

        index->looks++;
        if (from >= count || !ends_behind(index->tree[at], key)) {
            continue;
        }
        if (half == 0) {
            visit(context, index->tree[at]);
            continue;
        }
        DE_ASSERT(depth + 2 <= DEPTH_MAX);
        stack[depth] = 2 * at + 1;
        first[depth] = from + half;
        width[depth++] = half;
        stack[depth] = 2 * at;
        first[depth] = from;
        width[depth++] = half;
    }
}

/* ---- both ---- */

int de_watch_index_add(struct de_watch_index *index, struct de_watch_node *node)
{
    DE_ASSERT(node->from.data != NULL || node->from.size == 0);
    DE_ASSERT_IMPLIES(node->one_key, node->from.size >= 1 && node->end.size == 0);
    node->number = ++index->added;
    node->next = NULL;
    return node->one_key ? add_key(index, node) : add_range(index, node);
}

void de_watch_index_remove(struct de_watch_index *index, struct de_watch_node *node)
{
    DE_ASSERT(node->number >= 1);
    DE_ASSERT(node->number <= index->added);
    if (node->one_key) {
        remove_key(index, node);
    } else {
        remove_range(index, node);
    }
}

void de_watch_index_find(struct de_watch_index *index, struct dengine_slice key,
                         void (*visit)(void *context, struct de_watch_node *node), void *context)
{
    size_t count;

    DE_ASSERT(key.size >= 1);
    DE_ASSERT(visit != NULL);
    if (index->keys > 0) {
        for (struct de_watch_node *node = index->buckets[bucket_of(index, key)]; node != NULL;
             node = node->next) {
            index->looks++;
            if (compare(node->from, key) == 0) {
                visit(context, node);
            }
        }
    }
    if (index->range_count == 0) {
        return;
    }
    if (index->stale) {
        make_tree(index);
    }
    count = place_of(index, key, UINT64_MAX); /* those that begin at or before key */
    if (count > 0) {
        find_ranges(index, key, count, visit, context);
    }
}
