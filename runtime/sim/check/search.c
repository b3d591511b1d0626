#include "runtime/sim/check/search.h"

#include <stdlib.h>
#include <string.h>

#include <dengine/error.h>

#include "core/base/assert.h"

/* How a frame came about, and so how to go on when it is taken back. */
enum {
    FRAME_FORCED,       /* reduction 2: there is no alternative, take back more */
    FRAME_SETTLED,      /* go on with the entry at cursor */
    FRAME_INDETERMINATE /* go on with the class at cursor */
};

/* Comparing a configuration with so many others counts as a step. */
#define COMPARES_PER_STEP 8

int de_search_init(struct de_search *search, struct de_problem *problem,
                   const struct de_model *model, struct de_model_context *context,
                   uint64_t steps_max)
{
    size_t mask_words = (size_t)problem->settled_words + problem->indeterminate_words;
    memset(search, 0, sizeof(*search));
    search->problem = problem;
    search->model = model;
    search->context = context;
    search->steps_max = steps_max;
    search->settled_left = problem->settled_count;
    search->used = calloc((size_t)problem->classes_count + 1, sizeof(*search->used));
    search->mask = calloc(mask_words + 1, sizeof(*search->mask));
    search->frames = malloc(((size_t)problem->ops_count + 1) * sizeof(*search->frames));
    de_config_set_init(&search->seen, problem->settled_words, problem->indeterminate_words);
    int err = de_useful_init(&search->useful, problem);
    if (err == 0 && (search->used == NULL || search->mask == NULL || search->frames == NULL)) {
        err = DENGINE_E_NO_MEMORY;
    }
    if (err != 0) {
        de_search_deinit(search);
    }
    return err;
}

void de_search_deinit(struct de_search *search)
{
    free(search->used);
    free(search->mask);
    free(search->frames);
    de_config_set_deinit(&search->seen);
    de_useful_deinit(&search->useful);
    memset(search, 0, sizeof(*search));
}

bool de_search_step(struct de_search *search, uint32_t state, uint32_t op, uint32_t *after)
{
    search->steps++;
    return search->model->step(search->context, state, &search->problem->ops[op].model, after);
}

static void unlink_entry(struct de_problem_entry *entries, uint32_t entry)
{
    DE_ASSERT(entry != 0);
    entries[entries[entry].previous].next = entries[entry].next;
    entries[entries[entry].next].previous = entries[entry].previous;
}

/* Undoes unlink_entry. Only in the reverse order of unlinking: the neighbours must be the same. */
static void relink_entry(struct de_problem_entry *entries, uint32_t entry)
{
    DE_ASSERT(entries[entries[entry].previous].next == entries[entry].next);
    entries[entries[entry].previous].next = entry;
    entries[entries[entry].next].previous = entry;
}

static void flip(struct de_search *search, uint32_t op)
{
    uint32_t slot = search->problem->ops[op].slot;
    search->mask[slot / 64] ^= UINT64_C(1) << (slot % 64);
}

static void push(struct de_search *search, uint32_t op, uint32_t after, uint32_t cursor, int kind)
{
    DE_ASSERT(search->depth < search->problem->ops_count);
    search->frames[search->depth++] =
        (struct de_search_frame){op, search->state, cursor, (uint8_t)kind};
    search->state = after;
    flip(search, op);
}

static void place_settled(struct de_search *search, uint32_t op, uint32_t after, int kind)
{
    const struct de_problem_op *placed = &search->problem->ops[op];
    push(search, op, after, search->problem->entries[placed->call_entry].next, kind);
    unlink_entry(search->problem->entries, placed->call_entry);
    unlink_entry(search->problem->entries, placed->return_entry);
    DE_ASSERT(search->settled_left > 0);
    search->settled_left--;
}

static void place_indeterminate(struct de_search *search, uint32_t class, uint32_t op,
                                uint32_t after)
{
    push(search, op, after, class + 1, FRAME_INDETERMINATE);
    search->used[class]++;
    DE_ASSERT(search->used[class] <= search->problem->classes[class].count);
}

/* Takes back the last operation. */
static struct de_search_frame take_back(struct de_search *search)
{
    DE_ASSERT(search->depth > 0);
    struct de_search_frame frame = search->frames[--search->depth];
    const struct de_problem_op *op = &search->problem->ops[frame.op];
    search->state = frame.state;
    flip(search, frame.op);
    if (frame.kind == FRAME_INDETERMINATE) {
        DE_ASSERT(search->used[frame.cursor - 1] > 0);
        search->used[frame.cursor - 1]--;
    } else {
        relink_entry(search->problem->entries, op->return_entry);
        relink_entry(search->problem->entries, op->call_entry);
        search->settled_left++;
    }
    return frame;
}

/* Reduction 2: places every pure operation that is possible now. One pass is enough, the state
 * stays the same. Gives the first return left, 0 when there is none. */
static uint32_t place_pure(struct de_search *search)
{
    const struct de_problem_entry *entries = search->problem->entries;
    uint32_t entry = entries[0].next;
    while (!entries[entry].is_return) {
        uint32_t op = entries[entry].op;
        uint32_t after;
        entry = entries[entry].next;
        if (search->problem->ops[op].model.pure &&
            de_search_step(search, search->state, op, &after)) {
            DE_ASSERT(after == search->state);
            /* The return that ends this loop may be that of op: then look one further. */
            entry = entry == search->problem->ops[op].return_entry ? entries[entry].next : entry;
            place_settled(search, op, after, FRAME_FORCED);
        }
    }
    return entry;
}

/* Places the next settled operation from entry on that is possible; false if there is none. */
static bool try_settled(struct de_search *search, uint32_t entry)
{
    const struct de_problem_entry *entries = search->problem->entries;
    for (; !entries[entry].is_return; entry = entries[entry].next) {
        uint32_t op = entries[entry].op;
        uint32_t after;
        /* What is pure and was possible has been placed. */
        if (!search->problem->ops[op].model.pure &&
            de_search_step(search, search->state, op, &after)) {
            place_settled(search, op, after, FRAME_SETTLED);
            return true;
        }
    }
    return false;
}

static uint32_t first_return_of(const struct de_search *search)
{
    const struct de_problem_entry *entries = search->problem->entries;
    uint32_t entry = entries[0].next;
    while (!entries[entry].is_return) {
        entry = entries[entry].next;
    }
    return entry;
}

/* Places the next indeterminate operation from class on that is worth it; false if none is. */
static bool try_indeterminate(struct de_search *search, uint32_t class)
{
    uint32_t op;
    uint32_t after;
    if (class >= search->problem->classes_count ||
        !de_useful_next(search, first_return_of(search), &class, &op, &after)) {
        return false;
    }
    place_indeterminate(search, class, op, after);
    return true;
}

/* Takes back until there is an alternative, and places that; false when all is taken back. */
static bool next_alternative(struct de_search *search)
{
    while (search->depth > 0) {
        struct de_search_frame frame = take_back(search);
        if (frame.kind == FRAME_SETTLED &&
            (try_settled(search, frame.cursor) || try_indeterminate(search, 0))) {
            return true;
        }
        if (frame.kind == FRAME_INDETERMINATE && try_indeterminate(search, frame.cursor)) {
            return true;
        }
    }
    return false;
}

int de_search_run(struct de_search *search, enum de_search_end *end)
{
    const struct de_problem_entry *entries = search->problem->entries;
    for (;;) {
        uint32_t first_return = place_pure(search);
        uint32_t compared = 0;
        bool added = false;
        if (search->settled_left == 0) { /* reduction 1 */
            DE_ASSERT(first_return == 0);
            *end = DE_SEARCH_FOUND;
            return search->context->err;
        }
        DE_ASSERT(first_return != 0 && entries[first_return].is_return);
        if (first_return > search->furthest_return) {
            search->furthest_return = first_return;
        }
        int err = de_config_set_add(&search->seen, first_return, search->state, search->mask,
                                    &compared, &added);
        search->steps += (compared + COMPARES_PER_STEP - 1) / COMPARES_PER_STEP;
        err = err != 0 ? err : search->context->err;
        if (err != 0) {
            return err;
        }
        if (added && search->visit != NULL &&
            search->visit(search, first_return, search->visitor)) {
            *end = DE_SEARCH_STOPPED;
            return 0;
        }
        if (search->steps > search->steps_max) {
            *end = DE_SEARCH_EXHAUSTED;
            return 0;
        }
        if (added && (try_settled(search, entries[0].next) || try_indeterminate(search, 0))) {
            continue;
        }
        if (!next_alternative(search)) {
            *end = DE_SEARCH_NONE;
            return 0;
        }
    }
}
