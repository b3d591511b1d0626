#include "runtime/sim/check/history.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <dengine/error.h>

#include "core/base/assert.h"
#include "runtime/sim/check/history_shape.h"

#define OPERATIONS_MAX (UINT32_MAX / 8)
#define BLOCK_BYTES    ((size_t)64 * 1024)
#define NO_OPERATION   SIZE_MAX

/* What one process is doing. */
struct de_history_process {
    size_t open;           /* index of the operation it is in, or NO_OPERATION */
    uint64_t open_line;    /* of that one's invoke */
    uint64_t retired_line; /* where it ended with info; 0 while it lives */
};

/* Strings are kept in blocks that never move, so operations can point at them. */
struct de_history_block {
    struct de_history_block *next;
    size_t used;
    size_t capacity;
    uint8_t bytes[];
};

const char *de_history_type_text(enum de_history_type type)
{
    static const char *const texts[] = {
#define TEXT(name, text) text,
        DE_HISTORY_TYPE_MAP(TEXT)
#undef TEXT
    };
    DE_ASSERT((size_t)type < DE_ARRAY_SIZE(texts));
    return texts[type];
}

const char *de_history_function_text(enum de_history_function function)
{
    static const char *const texts[] = {
#define TEXT(name, text) text,
        DE_HISTORY_FUNCTION_MAP(TEXT)
#undef TEXT
    };
    DE_ASSERT((size_t)function < DE_ARRAY_SIZE(texts));
    return texts[function];
}

void de_history_functions_text(uint32_t functions, char *text, size_t size)
{
    static const enum de_history_function all[] = {
#define FUNCTION(name, text) DE_HISTORY_##name,
        DE_HISTORY_FUNCTION_MAP(FUNCTION)
#undef FUNCTION
    };
    uint32_t left = functions & ((UINT32_C(1) << DE_ARRAY_SIZE(all)) - 1);
    size_t used = 0;
    DE_ASSERT(size > 0);
    text[0] = '\0';
    for (size_t i = 0; left != 0; i++) {
        uint32_t bit = UINT32_C(1) << i;
        if ((left & bit) == 0) {
            continue;
        }
        const char *separator = used == 0 ? "" : left == bit ? " or " : ", ";
        int written =
            snprintf(text + used, size - used, "%s%s", separator, de_history_function_text(all[i]));
        used += (size_t)written;
        DE_ASSERT(written > 0 && used < size);
        left &= ~bit;
    }
}

int de_history_fail(struct de_history_error *error, uint64_t line, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    error->line = line;
    (void)vsnprintf(error->text, sizeof(error->text), format, arguments);
    va_end(arguments);
    return DENGINE_E_INVALID;
}

void de_history_init(struct de_history *history)
{
    memset(history, 0, sizeof(*history));
    de_value_table_init(&history->process_numbers);
    history->last_time_ns = INT64_MIN;
    history->functions = DE_HISTORY_ALL_FUNCTIONS;
}

void de_history_limit(struct de_history *history, uint32_t functions, const char *model)
{
    DE_ASSERT(functions != 0 && model != NULL);
    history->functions = functions;
    history->model = model;
}

void de_history_deinit(struct de_history *history)
{
    while (history->blocks != NULL) {
        struct de_history_block *next = history->blocks->next;
        free(history->blocks);
        history->blocks = next;
    }
    free(history->operations);
    free(history->processes);
    de_value_table_deinit(&history->process_numbers);
    memset(history, 0, sizeof(*history));
}

/* Makes value's string belong to the history. */
static int keep(struct de_history *history, struct de_history_value *value)
{
    if (value->kind != DE_HISTORY_STRING || value->string.size == 0) {
        return 0;
    }
    size_t size = value->string.size;
    struct de_history_block *block = history->blocks;
    if (block == NULL || block->capacity - block->used < size) {
        size_t capacity = size > BLOCK_BYTES ? size : BLOCK_BYTES;
        block = malloc(sizeof(*block) + capacity);
        if (block == NULL) {
            return DENGINE_E_NO_MEMORY;
        }
        block->next = history->blocks;
        block->used = 0;
        block->capacity = capacity;
        history->blocks = block;
    }
    DE_ASSERT(block->capacity - block->used >= size);
    memcpy(block->bytes + block->used, value->string.data, size);
    value->string.data = block->bytes + block->used;
    block->used += size;
    return 0;
}

/* The process of an event; a new one begins idle. Growing the array first keeps it in step with
 * the numbers. */
static int find_process(struct de_history *history, const struct de_history_event *event,
                        struct de_history_process **process)
{
    struct de_history_value name = de_history_integer(event->process);
    if (history->process_numbers.count == history->processes_capacity) {
        size_t capacity = history->processes_capacity == 0 ? 16 : history->processes_capacity * 2;
        struct de_history_process *processes =
            realloc(history->processes, capacity * sizeof(*processes));
        if (processes == NULL) {
            return DENGINE_E_NO_MEMORY;
        }
        history->processes = processes;
        history->processes_capacity = capacity;
    }
    uint32_t known = history->process_numbers.count;
    uint32_t number;
    int err = de_value_table_intern(&history->process_numbers, &name, &number);
    if (err != 0) {
        return err;
    }
    DE_ASSERT(number < history->processes_capacity);
    if (number == known) {
        history->processes[number].open = NO_OPERATION;
        history->processes[number].retired_line = 0;
    }
    *process = &history->processes[number];
    return 0;
}

static int reserve_operation(struct de_history *history)
{
    if (history->count < history->capacity) {
        return 0;
    }
    if (history->count >= OPERATIONS_MAX) {
        return DENGINE_E_TOO_LARGE;
    }
    size_t capacity = history->capacity == 0 ? 64 : history->capacity * 2;
    struct de_history_operation *operations =
        realloc(history->operations, capacity * sizeof(*operations));
    if (operations == NULL) {
        return DENGINE_E_NO_MEMORY;
    }
    history->operations = operations;
    history->capacity = capacity;
    return 0;
}

static int add_invoke(struct de_history *history, const struct de_history_event *event,
                      uint64_t line, uint64_t position, struct de_history_process *process,
                      struct de_history_error *error)
{
    if (process->open != NO_OPERATION) {
        return de_history_fail(
            error, line,
            "process %" PRId64 " invokes %s while its %s of line %" PRIu64
            " is open; expected that one's completion first",
            event->process, de_history_function_text(event->function),
            de_history_function_text(history->operations[process->open].function),
            process->open_line);
    }
    int err = reserve_operation(history);
    if (err != 0) {
        return err;
    }
    struct de_history_operation operation = {
        .process = event->process,
        .function = event->function,
        .outcome = DE_HISTORY_INFO,
        .key = event->key,
        .expected = event->expected,
        .value = event->value,
        .call_at = position,
        .call_ns = event->time_ns,
    };
    if ((err = keep(history, &operation.key)) != 0 ||
        (err = keep(history, &operation.expected)) != 0 ||
        (err = keep(history, &operation.value)) != 0) {
        return err;
    }
    process->open = history->count;
    process->open_line = line;
    history->operations[history->count++] = operation;
    return 0;
}

/* A completion repeats function and key of its invoke, and the value if it gives one. */
static int check_match(const struct de_history_event *event, uint64_t line, uint64_t invoke_line,
                       const struct de_history_operation *operation, struct de_history_error *error)
{
    const char *wrong = NULL;
    if (event->function != operation->function) {
        wrong = "f";
    } else if (!event->key_left_out && !de_history_value_equal(&event->key, &operation->key)) {
        wrong = "key";
    } else if (!de_history_observes(event->function) && event->shape != DE_HISTORY_MISSING &&
               (!de_history_value_equal(&event->expected, &operation->expected) ||
                !de_history_value_equal(&event->value, &operation->value))) {
        wrong = "value";
    }
    if (wrong == NULL) {
        return 0;
    }
    return de_history_fail(error, line,
                           "%s of process %" PRId64 " has another %s than its invoke of line "
                           "%" PRIu64 "; expected the same",
                           de_history_type_text(event->type), event->process, wrong, invoke_line);
}

static int add_completion(struct de_history *history, const struct de_history_event *event,
                          uint64_t line, uint64_t position, struct de_history_process *process,
                          struct de_history_error *error)
{
    if (process->open == NO_OPERATION) {
        return de_history_fail(error, line,
                               "%s of process %" PRId64
                               " without an invoke; expected an invoke by it before",
                               de_history_type_text(event->type), event->process);
    }
    DE_ASSERT(process->open < history->count);
    struct de_history_operation *operation = &history->operations[process->open];
    int err = check_match(event, line, process->open_line, operation, error);
    if (err != 0) {
        return err;
    }
    if (de_history_observes(event->function) && event->type == DE_HISTORY_OK) {
        struct de_history_value seen = event->value;
        err = keep(history, &seen);
        if (err != 0) {
            return err;
        }
        operation->value = seen;
    }
    DE_ASSERT(operation->call_at < position);
    operation->outcome = event->type;
    operation->untold = event->untold && event->type == DE_HISTORY_FAIL;
    operation->return_at = position;
    operation->return_ns = event->time_ns;
    process->open = NO_OPERATION;
    if (event->type == DE_HISTORY_INFO) {
        process->retired_line = line;
    }
    return 0;
}

/* What can be said of an event by itself. */
static int check_event(const struct de_history *history, const struct de_history_event *event,
                       uint64_t line, struct de_history_error *error)
{
    if (event->process < 0) {
        return de_history_fail(error, line, "process %" PRId64 "; expected 0 or more",
                               event->process);
    }
    if ((history->functions & UINT32_C(1) << event->function) == 0) {
        char expected[128];
        de_history_functions_text(history->functions, expected, sizeof(expected));
        return de_history_fail(error, line, "f %s does not belong to the model %s; expected %s",
                               de_history_function_text(event->function), history->model, expected);
    }
    if (event->time_ns < history->last_time_ns) {
        return de_history_fail(error, line,
                               "time %" PRId64 " is before %" PRId64
                               " of the event above; expected events in the order of time",
                               event->time_ns, history->last_time_ns);
    }
    return de_history_check_shape(event, line, error);
}

int de_history_add(struct de_history *history, const struct de_history_event *event, uint64_t line,
                   struct de_history_error *error)
{
    uint64_t position = line > history->last_position ? line : history->last_position + 1;
    DE_ASSERT(line >= history->last_line);
    int err = check_event(history, event, line, error);
    if (err != 0) {
        return err;
    }
    struct de_history_process *process;
    err = find_process(history, event, &process);
    if (err != 0) {
        return err;
    }
    if (process->retired_line != 0) {
        return de_history_fail(error, line,
                               "process %" PRId64 " is used again after its info of line %" PRIu64
                               "; expected a new process number",
                               event->process, process->retired_line);
    }
    err = event->type == DE_HISTORY_INVOKE
              ? add_invoke(history, event, line, position, process, error)
              : add_completion(history, event, line, position, process, error);
    if (err == 0) {
        history->last_line = line;
        history->last_position = position;
        history->last_time_ns = event->time_ns;
    }
    return err;
}
