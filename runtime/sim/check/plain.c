#include "runtime/sim/check/plain.h"

#include <stdlib.h>
#include <string.h>

#include <dengine/error.h>

#include "core/base/assert.h"
#include "runtime/sim/check/config_set.h"

/* One end of an operation; a list in the order of the history, 0 is its sentinel. */
struct end {
    uint64_t at;
    uint32_t op;
    bool is_return;
    uint32_t previous;
    uint32_t next;
};

struct frame {
    uint32_t call;
    uint32_t state;
};

struct plain {
    const struct de_model *model;
    struct de_model_context context;
    const struct de_history_operation *operations;
    struct de_model_op *ops;
    struct end *ends;
    uint32_t ends_count;
    uint32_t *returns; /* by op: its end in the list */
    struct frame *frames;
    uint32_t depth;
    uint64_t *mask;
    struct de_config_set seen;
    uint32_t state;
};

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

static void lay_out(struct plain *plain, uint32_t count)
{
    uint32_t ends = 1;
    for (uint32_t i = 0; i < count; i++) {
        const struct de_history_operation *operation = &plain->operations[i];
        if (!plain->ops[i].ignored) {
            bool lost = operation->outcome == DE_HISTORY_INFO;
            plain->ends[ends++] = (struct end){operation->call_at, i, false, 0, 0};
            plain->ends[ends++] =
                (struct end){lost ? UINT64_MAX : operation->return_at, i, true, 0, 0};
        }
    }
    qsort(plain->ends + 1, ends - 1, sizeof(plain->ends[0]), compare_ends);
    for (uint32_t i = 0; i < ends; i++) {
        plain->ends[i].previous = i == 0 ? ends - 1 : i - 1;
        plain->ends[i].next = i + 1 == ends ? 0 : i + 1;
        if (i > 0 && plain->ends[i].is_return) {
            plain->returns[plain->ends[i].op] = i;
        }
    }
    plain->ends_count = ends;
}

static int plain_init(struct plain *plain, const struct de_model *model,
                      const struct de_history_operation *operations, uint32_t count)
{
    size_t words = ((size_t)count + 63) / 64;
    uint32_t *chosen = malloc(((size_t)count + 1) * sizeof(*chosen));
    memset(plain, 0, sizeof(*plain));
    plain->model = model;
    plain->operations = operations;
    /* The kv model puts strings together when exact, and has a bound for that. */
    de_model_context_init(&plain->context, model != &de_model_kv);
    de_config_set_init(&plain->seen, words, 0);
    plain->ops = calloc((size_t)count + 1, sizeof(*plain->ops));
    plain->ends = calloc((size_t)count * 2 + 1, sizeof(*plain->ends));
    plain->returns = calloc((size_t)count + 1, sizeof(*plain->returns));
    plain->frames = calloc((size_t)count + 1, sizeof(*plain->frames));
    plain->mask = calloc(words + 1, sizeof(*plain->mask));
    int err = DENGINE_E_NO_MEMORY;
    if (chosen != NULL && plain->ops != NULL && plain->ends != NULL && plain->returns != NULL &&
        plain->frames != NULL && plain->mask != NULL) {
        for (uint32_t i = 0; i < count; i++) {
            chosen[i] = i;
        }
        err = model->translate(&plain->context, operations, chosen, count, plain->ops);
    }
    free(chosen);
    if (err == 0) {
        lay_out(plain, count);
    }
    return err;
}

static void plain_deinit(struct plain *plain)
{
    de_model_context_deinit(&plain->context);
    de_config_set_deinit(&plain->seen);
    free(plain->ops);
    free(plain->ends);
    free(plain->returns);
    free(plain->frames);
    free(plain->mask);
}

static void flip(struct plain *plain, uint32_t op)
{
    plain->mask[op / 64] ^= UINT64_C(1) << (op % 64);
}

static void lift(struct plain *plain, uint32_t end)
{
    struct end *ends = plain->ends;
    ends[ends[end].previous].next = ends[end].next;
    ends[ends[end].next].previous = ends[end].previous;
}

static void unlift(struct plain *plain, uint32_t end)
{
    struct end *ends = plain->ends;
    ends[ends[end].previous].next = end;
    ends[ends[end].next].previous = end;
}

/* Whether the call can be placed now, in a configuration that is new; then it is. What is lost and
 * impossible may be placed too: it did nothing. */
static int place(struct plain *plain, uint32_t call, bool *placed)
{
    uint32_t op = plain->ends[call].op;
    uint32_t after;
    uint32_t compared;
    *placed = false;
    if (!plain->model->step(&plain->context, plain->state, &plain->ops[op], &after)) {
        if (plain->operations[op].outcome != DE_HISTORY_INFO) {
            return plain->context.err;
        }
        after = plain->state;
    }
    flip(plain, op);
    int err = de_config_set_add(&plain->seen, 0, after, plain->mask, &compared, placed);
    err = err != 0 ? err : plain->context.err;
    if (err != 0 || !*placed) {
        flip(plain, op);
        return err;
    }
    plain->frames[plain->depth++] = (struct frame){call, plain->state};
    plain->state = after;
    lift(plain, call);
    lift(plain, plain->returns[op]);
    return 0;
}

/* Takes back the last one; gives what comes after its call. */
static uint32_t take_back(struct plain *plain)
{
    struct frame frame = plain->frames[--plain->depth];
    uint32_t op = plain->ends[frame.call].op;
    unlift(plain, plain->returns[op]);
    unlift(plain, frame.call);
    flip(plain, op);
    plain->state = frame.state;
    return plain->ends[frame.call].next;
}

static int run(struct plain *plain, uint64_t steps_max, enum de_check_verdict *verdict)
{
    uint32_t end = plain->ends[0].next;
    for (uint64_t steps = 0; steps < steps_max; steps++) {
        if (plain->ends[0].next == 0) {
            *verdict = DE_CHECK_LINEARIZABLE;
            return 0;
        }
        if (!plain->ends[end].is_return) {
            bool placed;
            int err = place(plain, end, &placed);
            if (err != 0) {
                return err;
            }
            end = placed ? plain->ends[0].next : plain->ends[end].next;
        } else if (plain->depth == 0) {
            *verdict = DE_CHECK_NOT_LINEARIZABLE;
            return 0;
        } else {
            end = take_back(plain);
        }
    }
    *verdict = DE_CHECK_UNKNOWN;
    return 0;
}

int de_plain_check(const struct de_model *model, const struct de_history_operation *operations,
                   size_t count, uint64_t steps_max, enum de_check_verdict *verdict)
{
    struct plain plain;
    DE_ASSERT(count < UINT32_MAX / 8);
    int err = plain_init(&plain, model, operations, (uint32_t)count);
    if (err == 0) {
        err = run(&plain, steps_max, verdict);
    }
    plain_deinit(&plain);
    return err;
}
