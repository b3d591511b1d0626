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

static void add_state(struct de_check_failure *failure, struct de_history_value state)
{
    for (uint32_t i = 0; i < failure->states_count; i++) {
        if (de_history_value_equal(&failure->states[i], &state)) {
            return;
        }
    }
    if (failure->states_count == DE_CHECK_STATES_MAX) {
        failure->states_more = true;
        return;
    }
    failure->states[failure->states_count++] = state;
}

/* The state at hand: what the last operation that changed it left behind. */
static struct de_history_value current_state(const struct de_search *search,
                                             const struct look *look)
{
    uint32_t after = search->state;
    for (uint32_t depth = search->depth; depth-- > 0;) {
        const struct de_search_frame *frame = &search->frames[depth];
        if (frame->state != after) {
            uint32_t source = search->problem->ops[frame->op].source;
            return search->model->state_after(&look->operations[source]);
        }
        after = frame->state;
    }
    return search->model->state_after(NULL);
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
            uint32_t source = problem->ops[op].source;
            add_state(look->failure, search->model->state_after(&look->operations[source]));
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
    add_state(look->failure, current_state(search, look));
    add_indeterminate(search, look, first_return);
    return false;
}

/* Repeats the search with the look. The prefix needs the very search that found the failure; for
 * the states all values must be kept apart, which takes other steps. */
static int search_again(const uint32_t *chosen, uint32_t count,
                        const struct de_check_options *options, struct look *look,
                        enum de_search_end *end)
{
    struct de_model_context context;
    struct de_problem problem;
    struct de_search search;
    de_model_context_init(&context, !look->want_prefix);
    int err = de_problem_init(&problem, options->model, &context, look->operations, chosen, count);
    if (err != 0) {
        goto out_context;
    }
    err = de_search_init(&search, &problem, options->model, &context, options->steps_max);
    if (err != 0) {
        goto out_problem;
    }
    search.visit = visit;
    search.visitor = look;
    err = de_search_run(&search, end);
    de_search_deinit(&search);
out_problem:
    de_problem_deinit(&problem);
out_context:
    de_model_context_deinit(&context);
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

int de_check_failure_init(struct de_check_failure *failure,
                          const struct de_history_operation *operations, const uint32_t *chosen,
                          uint32_t count, const struct de_check_options *options,
                          uint32_t operation)
{
    struct look look = {operations, failure, true};
    enum de_search_end end;
    int err = DENGINE_E_NO_MEMORY;
    memset(failure, 0, sizeof(*failure));
    DE_ASSERT(count > 0 && operations[operation].outcome != DE_HISTORY_INFO);
    failure->operation = operation;
    failure->key = operations[operation].key;
    failure->prefix = malloc(count * sizeof(*failure->prefix));
    failure->overlapping = malloc(count * sizeof(*failure->overlapping));
    failure->states = malloc(DE_CHECK_STATES_MAX * sizeof(*failure->states));
    if (failure->prefix == NULL || failure->overlapping == NULL || failure->states == NULL) {
        goto out;
    }
    find_overlapping(failure, operations, chosen, count);
    err = search_again(chosen, count, options, &look, &end);
    if (err != 0) {
        goto out;
    }
    DE_ASSERT(end == DE_SEARCH_STOPPED);
    look.want_prefix = false;
    err = search_again(chosen, count, options, &look, &end);
    DE_ASSERT(err != 0 || end == DE_SEARCH_NONE || end == DE_SEARCH_EXHAUSTED);
    failure->states_more = failure->states_more || end == DE_SEARCH_EXHAUSTED;
out:
    if (err != 0) {
        de_check_failure_deinit(failure);
    }
    return err;
}

void de_check_failure_deinit(struct de_check_failure *failure)
{
    free(failure->prefix);
    free(failure->overlapping);
    free(failure->states);
    memset(failure, 0, sizeof(*failure));
}
