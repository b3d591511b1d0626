#include "runtime/sim/check/problem.h"

#include <stdlib.h>
#include <string.h>

#include <dengine/error.h>

#include "core/base/assert.h"

/* One end of an operation, for sorting. */
struct end {
    uint64_t at;
    uint32_t op;
    bool is_return;
};

static bool is_settled(const struct de_history_operation *operation)
{
    return operation->outcome != DE_HISTORY_INFO;
}

/* By position; at equal ones calls first: what touches overlaps, so no order is made up. */
static int compare_ends(const void *left, const void *right)
{
    const struct end *a = left;
    const struct end *b = right;
    if (a->at != b->at) {
        return a->at < b->at ? -1 : 1;
    }
    if (a->is_return != b->is_return) {
        return a->is_return ? 1 : -1;
    }
    return a->op < b->op ? -1 : a->op > b->op ? 1 : 0;
}

/* Keeps what the model does not ignore. */
static int select_ops(struct de_problem *problem, const struct de_model *model,
                      struct de_model_context *context,
                      const struct de_history_operation *operations, const uint32_t *chosen,
                      uint32_t count)
{
    struct de_model_op *translated = malloc(((size_t)count + 1) * sizeof(*translated));
    problem->ops = calloc((size_t)count + 1, sizeof(*problem->ops));
    int err = DENGINE_E_NO_MEMORY;
    problem->linked = true;
    if (translated != NULL && problem->ops != NULL) {
        err = model->translate(context, operations, chosen, count, translated);
    }
    for (uint32_t i = 0; i < count && err == 0; i++) {
        const struct de_history_operation *operation = &operations[chosen[i]];
        if (is_settled(operation) && operation->return_at <= operation->call_at) {
            err = DENGINE_E_INVALID;
        } else if (!translated[i].ignored) {
            /* The search never tries what is pure and may not have happened. */
            DE_ASSERT(is_settled(operation) || !translated[i].pure);
            struct de_problem_op *op = &problem->ops[problem->ops_count++];
            op->model = translated[i];
            op->source = chosen[i];
            problem->settled_count += is_settled(operation) ? 1 : 0;
            problem->linked = problem->linked && (op->model.pure || op->model.to != DE_MODEL_ANY);
        }
    }
    free(translated);
    return err;
}

/* The ends of all ops in order. Room for two of each op. */
static size_t sort_ends(const struct de_problem *problem,
                        const struct de_history_operation *operations, struct end *ends)
{
    size_t count = 0;
    for (uint32_t i = 0; i < problem->ops_count; i++) {
        const struct de_history_operation *operation = &operations[problem->ops[i].source];
        ends[count++] = (struct end){operation->call_at, i, false};
        if (is_settled(operation)) {
            ends[count++] = (struct end){operation->return_at, i, true};
        }
    }
    qsort(ends, count, sizeof(*ends), compare_ends);
    return count;
}

/* Makes the list of entries and gives out slots. free_slots has room for one of each op. */
static void lay_out(struct de_problem *problem, const struct de_history_operation *operations,
                    const struct end *ends, size_t ends_count, uint32_t *free_slots)
{
    uint32_t free_count = 0;
    uint32_t settled_slots = 0;
    uint32_t indeterminate_slots = 0;
    uint32_t entry = 0;
    for (size_t i = 0; i < ends_count; i++) {
        struct de_problem_op *op = &problem->ops[ends[i].op];
        bool settled = is_settled(&operations[op->source]);
        if (!ends[i].is_return) {
            op->slot = !settled         ? indeterminate_slots++
                       : free_count > 0 ? free_slots[--free_count]
                                        : settled_slots++;
            op->call_entry = entry + 1;
        } else {
            DE_ASSERT(op->call_entry <= entry);
            free_slots[free_count++] = op->slot;
            op->return_entry = entry + 1;
        }
        if (settled) {
            entry++;
            problem->entries[entry] =
                (struct de_problem_entry){ends[i].op, entry - 1, entry + 1, ends[i].is_return};
        }
    }
    DE_ASSERT(entry == problem->settled_count * 2);
    problem->settled_words = (settled_slots + 63) / 64;
    problem->indeterminate_words = (indeterminate_slots + 63) / 64;
    for (uint32_t i = 0; i < problem->ops_count; i++) {
        if (!is_settled(&operations[problem->ops[i].source])) {
            problem->ops[i].slot += problem->settled_words * 64;
        }
    }
    problem->entries[0] = (struct de_problem_entry){0, entry, entry > 0 ? 1 : 0, true};
    problem->entries[entry].next = 0;
}

/* An indeterminate op, for sorting into classes. */
struct member {
    struct de_model_op model;
    uint32_t call_entry;
    uint32_t op;
};

static int compare_numbers(uint32_t a, uint32_t b)
{
    return a < b ? -1 : a > b ? 1 : 0;
}

/* By the state they lead to; interchangeable ones together, in the order of their calls. The index
 * settles ties: ops come in the caller's order, which is the same in every run. */
static int compare_members(const void *left, const void *right)
{
    const struct member *a = left;
    const struct member *b = right;
    int order = compare_numbers(a->model.to, b->model.to);
    order = order != 0 ? order : compare_numbers(a->model.kind, b->model.kind);
    order = order != 0 ? order : compare_numbers(a->model.a, b->model.a);
    order = order != 0 ? order : compare_numbers(a->model.b, b->model.b);
    order = order != 0 ? order : compare_numbers(a->call_entry, b->call_entry);
    return order != 0 ? order : compare_numbers(a->op, b->op);
}

static int classify(struct de_problem *problem, const struct de_history_operation *operations)
{
    uint32_t count = problem->ops_count - problem->settled_count;
    struct member *sorted = malloc(((size_t)count + 1) * sizeof(*sorted));
    problem->classes = malloc(((size_t)count + 1) * sizeof(*problem->classes));
    problem->members = malloc(((size_t)count + 1) * sizeof(*problem->members));
    if (sorted == NULL || problem->classes == NULL || problem->members == NULL) {
        free(sorted);
        return DENGINE_E_NO_MEMORY;
    }
    uint32_t found = 0;
    for (uint32_t i = 0; i < problem->ops_count; i++) {
        const struct de_problem_op *op = &problem->ops[i];
        if (!is_settled(&operations[op->source])) {
            sorted[found++] = (struct member){op->model, op->call_entry, i};
        }
    }
    DE_ASSERT(found == count);
    qsort(sorted, count, sizeof(*sorted), compare_members);
    for (uint32_t i = 0; i < count; i++) {
        if (i == 0 || !de_model_op_same(&sorted[i - 1].model, &sorted[i].model)) {
            problem->classes[problem->classes_count++] = (struct de_problem_class){i, 0};
        }
        problem->members[i] = sorted[i].op;
        problem->classes[problem->classes_count - 1].count++;
    }
    free(sorted);
    return 0;
}

int de_problem_init(struct de_problem *problem, const struct de_model *model,
                    struct de_model_context *context, const struct de_history_operation *operations,
                    const uint32_t *chosen, uint32_t count)
{
    struct end *ends = NULL;
    uint32_t *free_slots = NULL;
    memset(problem, 0, sizeof(*problem));
    if (count > DE_PROBLEM_OPERATIONS_MAX) {
        return DENGINE_E_TOO_LARGE;
    }
    int err = select_ops(problem, model, context, operations, chosen, count);
    if (err != 0) {
        goto out;
    }
    err = DENGINE_E_NO_MEMORY;
    ends = malloc(((size_t)problem->ops_count * 2 + 1) * sizeof(*ends));
    free_slots = malloc(((size_t)problem->ops_count + 1) * sizeof(*free_slots));
    problem->entries = malloc(((size_t)problem->settled_count * 2 + 1) * sizeof(*problem->entries));
    if (ends == NULL || free_slots == NULL || problem->entries == NULL) {
        goto out;
    }
    size_t ends_count = sort_ends(problem, operations, ends);
    lay_out(problem, operations, ends, ends_count, free_slots);
    err = classify(problem, operations);
out:
    free(ends);
    free(free_slots);
    if (err != 0) {
        de_problem_deinit(problem);
    }
    return err;
}

void de_problem_deinit(struct de_problem *problem)
{
    free(problem->ops);
    free(problem->entries);
    free(problem->classes);
    free(problem->members);
    memset(problem, 0, sizeof(*problem));
}
