#include "runtime/sim/check/useful.h"

#include <stdlib.h>
#include <string.h>

#include <dengine/error.h>

#include "core/base/assert.h"
#include "runtime/sim/check/search.h"

/* Passing over so many classes counts as a step. */
#define CLASSES_PER_STEP 8

int de_useful_init(struct de_useful *useful, const struct de_problem *problem)
{
    useful->epoch = 0;
    useful->marks = calloc((size_t)problem->classes_count + 1, sizeof(*useful->marks));
    /* At most one state of each op that waits, and one of each class. */
    useful->wanted = malloc(((size_t)problem->ops_count + 1) * sizeof(*useful->wanted));
    return useful->marks == NULL || useful->wanted == NULL ? DENGINE_E_NO_MEMORY : 0;
}

void de_useful_deinit(struct de_useful *useful)
{
    free(useful->marks);
    free(useful->wanted);
    memset(useful, 0, sizeof(*useful));
}

/* The op of a class to try next, after so many skipped ones, if its call comes before
 * first_return. */
static bool class_head(const struct de_search *search, uint32_t class_index, uint32_t skipped,
                       uint32_t first_return, uint32_t *op)
{
    const struct de_problem_class *members = &search->problem->classes[class_index];
    uint32_t position = search->used[class_index] + skipped;
    if (position >= members->count) {
        return false;
    }
    *op = search->problem->members[members->first + position];
    return search->problem->ops[*op].call_entry <= first_return;
}

/* The local rule for a settled o. */
static bool settled_needs(struct de_search *search, uint32_t changed, uint32_t o)
{
    uint32_t with;
    uint32_t without;
    if (!de_search_step(search, changed, o, &with)) {
        return false;
    }
    if (!de_search_step(search, search->state, o, &without)) {
        return true;
    }
    return with != without && !(with == changed && without == search->state);
}

/* The local rule for an indeterminate o, which itself must change the changed state. */
static bool indeterminate_needs(struct de_search *search, uint32_t changed, uint32_t o)
{
    uint32_t with;
    uint32_t without;
    if (!de_search_step(search, changed, o, &with) || with == changed) {
        return false;
    }
    return !de_search_step(search, search->state, o, &without) || with != without;
}

/* Whether anything that can come right after the op of the class needs the changed state. */
static bool is_needed(struct de_search *search, uint32_t class_index, uint32_t changed,
                      uint32_t first_return)
{
    const struct de_problem_entry *entries = search->problem->entries;
    for (uint32_t entry = entries[0].next; !entries[entry].is_return; entry = entries[entry].next) {
        if (settled_needs(search, changed, entries[entry].op)) {
            return true;
        }
    }
    for (uint32_t other = 0; other < search->problem->classes_count; other++) {
        uint32_t op;
        if (class_head(search, other, other == class_index ? 1 : 0, first_return, &op) &&
            indeterminate_needs(search, changed, op)) {
            return true;
        }
    }
    return false;
}

static uint32_t to_of(const struct de_problem *problem, uint32_t class_index)
{
    return problem->ops[problem->members[problem->classes[class_index].first]].model.to;
}

/* The first class that leads to state or to a higher one. */
static uint32_t first_class_to(const struct de_problem *problem, uint32_t state)
{
    uint32_t low = 0;
    uint32_t high = problem->classes_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (to_of(problem, middle) < state) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* The states that settled operations wait for, into wanted; *wild if one of them waits for any
 * other state than this. Those that are possible now wait for nothing. */
static uint32_t settled_wants(struct de_search *search, bool *wild)
{
    const struct de_problem_entry *entries = search->problem->entries;
    uint32_t count = 0;
    *wild = false;
    for (uint32_t entry = entries[0].next; !entries[entry].is_return; entry = entries[entry].next) {
        const struct de_model_op *op = &search->problem->ops[entries[entry].op].model;
        if (op->from == DE_MODEL_ANY) {
            *wild = *wild || op->pure; /* pure and not yet placed: impossible here */
        } else if (op->from != search->state) {
            search->useful.wanted[count++] = op->from;
        }
    }
    return count;
}

/* Marks the classes that lead, over other marked ones, to a wanted state. */
static void mark_chains(struct de_search *search, uint32_t wanted_count)
{
    const struct de_problem *problem = search->problem;
    struct de_useful *useful = &search->useful;
    useful->epoch++;
    while (wanted_count > 0) {
        uint32_t state = useful->wanted[--wanted_count];
        search->steps++;
        for (uint32_t class_index = first_class_to(problem, state);
             class_index < problem->classes_count && to_of(problem, class_index) == state;
             class_index++) {
            const struct de_problem_class *members = &problem->classes[class_index];
            uint32_t from = problem->ops[problem->members[members->first]].model.from;
            search->steps++;
            if (useful->marks[class_index] == useful->epoch ||
                search->used[class_index] == members->count) {
                continue;
            }
            useful->marks[class_index] = useful->epoch;
            if (from != DE_MODEL_ANY && from != search->state) {
                DE_ASSERT(wanted_count < problem->ops_count);
                useful->wanted[wanted_count++] = from;
            }
        }
    }
}

bool de_useful_next(struct de_search *search, uint32_t first_return, uint32_t *class_index,
                    uint32_t *op, uint32_t *after)
{
    const struct de_problem *problem = search->problem;
    bool chained = problem->linked;
    bool wild = false;
    if (chained) {
        mark_chains(search, settled_wants(search, &wild));
    }
    for (uint32_t c = *class_index; c < problem->classes_count; c++) {
        search->steps += c % CLASSES_PER_STEP == 0 ? 1 : 0;
        bool marked = search->useful.marks[c] == search->useful.epoch;
        if ((chained && !wild && !marked) || !class_head(search, c, 0, first_return, op) ||
            !de_search_step(search, search->state, *op, after) || *after == search->state ||
            *after == search->context->sink) {
            continue;
        }
        if (chained ? marked || wild : is_needed(search, c, *after, first_return)) {
            *class_index = c;
            return true;
        }
    }
    return false;
}
