#include "runtime/sim/check/failure.h"

#include <stdlib.h>
#include <string.h>

#include <dengine/error.h>

#include "core/base/assert.h"
#include "runtime/sim/check/problem.h"
#include "runtime/sim/check/search.h"

/* What a repeated search looks for: configurations with all placed that returned before the
 * culprit, and the culprit not. */
struct look {
    const struct de_history_operation *operations;
    struct de_check_failure *failure;
    bool want_prefix; /* else states */
};

static bool is_culprit_next(const struct de_search *search, const struct look *look,
                            uint32_t first_return)
{
    uint32_t op = search->problem->entries[first_return].op;
    return search->problem->ops[op].source == look->failure->operation;
}

static void copy_prefix(const struct de_search *search, struct de_check_failure *failure)
{
    failure->prefix_count = search->depth;
    for (uint32_t i = 0; i < search->depth; i++) {
        failure->prefix[i] = search->problem->ops[search->frames[i].op].source;
    }
}

/* Adds the object's state, with the operation that left it. */
static void add_state(const struct de_search *search, const struct look *look, uint32_t state,
                      uint32_t left_by)
{
    struct de_check_failure *failure = look->failure;
    struct de_history_value value;
    if (!search->model->state_value(search->context, state, &value)) {
        failure->states_more = true;
        return;
    }
    for (uint32_t i = 0; i < failure->states_count; i++) {
        if (de_history_value_equal(&failure->states[i], &value)) {
            return;
        }
    }
    if (failure->states_count == DE_CHECK_STATES_MAX) {
        failure->states_more = true;
        return;
    }
    failure->states_left_by[failure->states_count] = left_by;
    failure->states[failure->states_count++] = value;
}

/* The last operation that changed the state. */
static uint32_t last_change(const struct de_search *search)
{
    uint32_t after = search->state;
    for (uint32_t depth = search->depth; depth-- > 0;) {
        const struct de_search_frame *frame = &search->frames[depth];
        if (frame->state != after) {
            return search->problem->ops[frame->op].source;
        }
        after = frame->state;
    }
    return DE_CHECK_NOBODY;
}

/* The search leaves out indeterminate operations that are of no use to it (reduction 4); what they
 * could do is possible all the same. One at a time is looked at here. */
static void add_indeterminate(struct de_search *search, const struct look *look,
                              uint32_t first_return)
{
    const struct de_problem *problem = search->problem;
    for (uint32_t class = 0; class < problem->classes_count; class ++) {
        const struct de_problem_class *members = &problem->classes[class];
        if (search->used[class] == members->count) {
            continue;
        }
        uint32_t op = problem->members[members->first + search->used[class]];
        uint32_t after;
        if (problem->ops[op].call_entry <= first_return &&
            search->model->step(search->context, search->state, &problem->ops[op].model, &after) &&
            after != search->state) {
            add_state(search, look, after, problem->ops[op].source);
        }
    }
}

static bool visit(struct de_search *search, uint32_t first_return, void *visitor)
{
    struct look *look = visitor;
    if (!is_culprit_next(search, look, first_return)) {
        return false;
    }
    if (look->want_prefix) {
        copy_prefix(search, look->failure);
        return true;
    }
    add_state(search, look, search->state, last_change(search));
    add_indeterminate(search, look, first_return);
    return false;
}

/* The op that the operation became; NULL if the model ignores it. Ops are in the order of their
 * operations. */
static const struct de_model_op *find_op(const struct de_problem *problem, uint32_t operation)
{
    uint32_t low = 0;
    uint32_t high = problem->ops_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (problem->ops[middle].source < operation) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    bool found = low < problem->ops_count && problem->ops[low].source == operation;
    return found ? &problem->ops[low].model : NULL;
}

/* Does what the prefix says, one after the other. Nothing of it is impossible, unless the states
 * take too much memory to be kept apart. */
static void replay_prefix(const struct de_search *search, struct de_check_failure *failure)
{
    uint32_t state = 0;
    bool possible = true;
    for (uint32_t i = 0; i < failure->prefix_count && possible; i++) {
        const struct de_model_op *op = find_op(search->problem, failure->prefix[i]);
        DE_ASSERT(op != NULL);
        possible = search->model->step(search->context, state, op, &state);
    }
    failure->prefix_state_known =
        possible && search->model->state_value(search->context, state, &failure->prefix_state);
}

static void find_makers(const struct de_search *search, struct de_check_failure *failure)
{
    const struct de_problem *problem = search->problem;
    const struct de_model *model = search->model;
    const struct de_model_op *culprit = find_op(problem, failure->operation);
    DE_ASSERT(culprit != NULL);
    failure->needs_state = culprit->from != DE_MODEL_ANY &&
                           model->state_value(search->context, culprit->from, &failure->needed);
    for (uint32_t i = 0; i < problem->ops_count && failure->needs_state; i++) {
        const struct de_model_op *op = &problem->ops[i].model;
        bool leads =
            op->to != DE_MODEL_ANY
                ? op->to == culprit->from
                : model->may_lead == NULL || model->may_lead(search->context, op, culprit->from);
        if (!op->pure && leads && problem->ops[i].source != failure->operation) {
            failure->makers[failure->makers_count++] = problem->ops[i].source;
        }
    }
}

/* Repeats the search with the look, in context. The prefix needs the very search that found the
 * failure; for the states all values must be kept apart, which takes other steps. */
static int search_again(const uint32_t *chosen, uint32_t count,
                        const struct de_check_options *options, struct look *look,
                        struct de_model_context *context, enum de_search_end *end)
{
    struct de_problem problem;
    struct de_search search;
    uint64_t steps_max = options->steps_max;
    if (!look->want_prefix && steps_max > DE_CHECK_STATES_STEPS_MAX) {
        steps_max = DE_CHECK_STATES_STEPS_MAX;
    }
    int err = de_problem_init(&problem, options->model, context, look->operations, chosen, count);
    if (err != 0) {
        return err;
    }
    err = de_search_init(&search, &problem, options->model, context, steps_max);
    if (err != 0) {
        goto out;
    }
    if (!look->want_prefix) { /* while there is room for states */
        replay_prefix(&search, look->failure);
        find_makers(&search, look->failure);
    }
    search.visit = visit;
    search.visitor = look;
    err = context->err != 0 ? context->err : de_search_run(&search, end);
    de_search_deinit(&search);
out:
    de_problem_deinit(&problem);
    return err;
}

static void find_overlapping(struct de_check_failure *failure,
                             const struct de_history_operation *operations, const uint32_t *chosen,
                             uint32_t count)
{
    const struct de_history_operation *culprit = &operations[failure->operation];
    for (uint32_t i = 0; i < count; i++) {
        const struct de_history_operation *other = &operations[chosen[i]];
        if (other != culprit && other->call_at <= culprit->return_at &&
            (other->outcome == DE_HISTORY_INFO || other->return_at >= culprit->call_at)) {
            failure->overlapping[failure->overlapping_count++] = chosen[i];
        }
    }
}

static int allocate(struct de_check_failure *failure, uint32_t count)
{
    failure->prefix = malloc(count * sizeof(*failure->prefix));
    failure->overlapping = malloc(count * sizeof(*failure->overlapping));
    failure->makers = malloc(count * sizeof(*failure->makers));
    failure->states = malloc(DE_CHECK_STATES_MAX * sizeof(*failure->states));
    failure->states_left_by = malloc(DE_CHECK_STATES_MAX * sizeof(*failure->states_left_by));
    bool all = failure->prefix != NULL && failure->overlapping != NULL && failure->makers != NULL &&
               failure->states != NULL && failure->states_left_by != NULL;
    return all ? 0 : DENGINE_E_NO_MEMORY;
}

int de_check_failure_init(struct de_check_failure *failure,
                          const struct de_history_operation *operations, const uint32_t *chosen,
                          uint32_t count, const struct de_check_options *options,
                          uint32_t operation)
{
    struct look look = {operations, failure, true};
    struct de_model_context context;
    enum de_search_end end;
    memset(failure, 0, sizeof(*failure));
    DE_ASSERT(count > 0 && operations[operation].outcome != DE_HISTORY_INFO);
    failure->operation = operation;
    failure->key = operations[operation].key;
    de_model_context_init(&context, false);
    de_model_context_init(&failure->context, true);
    int err = allocate(failure, count);
    if (err != 0) {
        goto out;
    }
    find_overlapping(failure, operations, chosen, count);
    err = search_again(chosen, count, options, &look, &context, &end);
    if (err != 0) {
        goto out;
    }
    DE_ASSERT(end == DE_SEARCH_STOPPED);
    look.want_prefix = false;
    err = search_again(chosen, count, options, &look, &failure->context, &end);
    DE_ASSERT(err != 0 || end == DE_SEARCH_NONE || end == DE_SEARCH_EXHAUSTED);
    failure->states_more = failure->states_more || end == DE_SEARCH_EXHAUSTED;
out:
    de_model_context_deinit(&context);
    if (err != 0) {
        de_check_failure_deinit(failure);
    }
    return err;
}

void de_check_failure_deinit(struct de_check_failure *failure)
{
    free(failure->prefix);
    free(failure->overlapping);
    free(failure->makers);
    free(failure->states);
    free(failure->states_left_by);
    de_model_context_deinit(&failure->context);
    memset(failure, 0, sizeof(*failure));
}
