#include "runtime/sim/check/history_replay.h"

#include <stdlib.h>

#include <dengine/error.h>

#include "core/base/assert.h"
#include "runtime/sim/check/history_shape.h"

/* One end of an operation, for sorting. */
struct end {
    uint64_t at;
    size_t operation;
    bool is_return;
};

/* By position; at equal ones calls first, so that what overlaps goes on overlapping. */
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
    return a->operation < b->operation ? -1 : a->operation > b->operation ? 1 : 0;
}

static struct de_history_event event_of(const struct de_history_operation *operation,
                                        bool is_return)
{
    struct de_history_event event = {
        .process = operation->process,
        .type = is_return ? operation->outcome : DE_HISTORY_INVOKE,
        .function = operation->function,
        .shape = DE_HISTORY_SINGLE,
        .key = operation->key,
        .expected = operation->expected,
        .value = operation->value,
        .time_ns = is_return ? operation->return_ns : operation->call_ns,
    };
    if (operation->function == DE_HISTORY_CAS) {
        event.shape = DE_HISTORY_PAIR;
    } else if (de_history_observes(operation->function) && event.type != DE_HISTORY_OK) {
        event.value = de_history_null();
    }
    return event;
}

int de_history_replay(const struct de_history_operation *operations, size_t count,
                      int (*each)(void *context, const struct de_history_event *event),
                      void *context)
{
    int err = 0;
    size_t ends_count = 0;
    struct end *ends = malloc((count * 2 + 1) * sizeof(*ends));
    DE_ASSERT(each != NULL);
    if (ends == NULL) {
        return DENGINE_E_NO_MEMORY;
    }
    for (size_t i = 0; i < count; i++) {
        const struct de_history_operation *operation = &operations[i];
        if (operation->untold) {
            continue;
        }
        ends[ends_count++] = (struct end){operation->call_at, i, false};
        if (operation->outcome != DE_HISTORY_INFO || operation->return_at > operation->call_at) {
            ends[ends_count++] = (struct end){operation->return_at, i, true};
        }
    }
    qsort(ends, ends_count, sizeof(*ends), compare_ends);
    for (size_t i = 0; i < ends_count && err == 0; i++) {
        struct de_history_event event = event_of(&operations[ends[i].operation], ends[i].is_return);
        err = each(context, &event);
    }
    free(ends);
    return err;
}
