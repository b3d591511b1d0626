#include "core/node/node_test_stores.h"

#include <stdlib.h>

#include "core/base/assert.h"
#include "core/base/codec.h"
#include "core/base/random.h"

/* ---- log ---- */

void *harness_copy_bytes(const void *data, size_t size)
{
    uint8_t *copy = malloc(size + 1);

    DE_ASSERT(copy != NULL);
    if (size > 0) {
        memcpy(copy, data, size);
    }
    return copy;
}

void harness_log_add(struct harness_log *log, const struct dengine_entry *entry)
{
    log->entries = realloc(log->entries, (log->count + 1) * sizeof log->entries[0]);
    DE_ASSERT(log->entries != NULL);
    log->entries[log->count++] = (struct harness_entry){
        .term = entry->term,
        .type = entry->type,
        .size = entry->data.size,
        .data = harness_copy_bytes(entry->data.data, entry->data.size),
    };
}

void harness_log_truncate(struct harness_log *log, uint64_t from)
{
    DE_ASSERT(from >= log->first_index);
    while (log->first_index + log->count > from) {
        free(log->entries[--log->count].data);
    }
}

static void log_state(void *object, struct dengine_log_state *state)
{
    const struct harness_log *log = object;

    state->hard_state = log->hard_state;
    state->first_index = log->first_index;
    state->last_index = log->first_index + log->count - 1;
    state->base_term = log->base_term;
    state->created = log->created;
    state->recovering = log->recovering;
}

static int log_whole(void *object)
{
    struct harness_log *log = object;

    DE_ASSERT(log->recovering);
    log->wholes++;
    log->recovering = log->whole_error != 0;
    return log->whole_error;
}

void harness_log_write(struct harness_log *log, const struct dengine_log_write *write)
{
    if (write->set_hard_state) {
        DE_ASSERT(write->hard_state.term >= log->hard_state.term);
        log->hard_state = write->hard_state;
    }
    if (write->truncate_from != 0) {
        harness_log_truncate(log, write->truncate_from);
    }
    for (size_t i = 0; i < write->entry_count; i++) {
        DE_ASSERT(write->first_index + i == log->first_index + log->count);
        harness_log_add(log, &write->entries[i]);
    }
    log->created = false;
    log->writes++;
}

static int log_read(void *object, uint64_t first, uint64_t last,
                    int (*visit)(void *context, uint64_t index, const struct dengine_entry *entry),
                    void *context)
{
    const struct harness_log *log = object;

    if (log->read_error != 0) {
        return log->read_error;
    }
    if (first < log->first_index || last >= log->first_index + log->count || first > last) {
        return DENGINE_E_INVALID;
    }
    for (uint64_t i = first; i <= last; i++) {
        const struct harness_entry *at = &log->entries[i - log->first_index];
        /* Lives until visit returns, not longer. */
        void *copy = harness_copy_bytes(at->data, at->size);
        struct dengine_entry entry = {at->term, at->type, {copy, at->size}};
        const int rc = visit(context, i, &entry);

        free(copy);
        if (rc != 0) {
            return rc;
        }
    }
    return 0;
}

static int log_write(void *object, const struct dengine_log_write *writes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        harness_log_write(object, &writes[i]);
    }
    return 0;
}

static int log_compact(void *object, uint64_t index, uint64_t term)
{
    struct harness_log *log = object;

    DE_ASSERT(index < log->first_index + log->count);
    if (log->compact_error != 0) {
        return log->compact_error;
    }
    while (log->first_index <= index) {
        log->base_term = log->entries[0].term;
        free(log->entries[0].data);
        log->count--;
        memmove(&log->entries[0], &log->entries[1], log->count * sizeof log->entries[0]);
        log->first_index++;
        DE_ASSERT(log->first_index <= index || log->base_term == term);
    }
    log->compactions++;
    return 0;
}

void harness_log_reset(struct harness_log *log, uint64_t index, uint64_t term)
{
    harness_log_truncate(log, log->first_index);
    log->first_index = index + 1;
    log->base_term = term;
    log->created = false;
    log->resets++;
}

static int log_reset(void *object, uint64_t index, uint64_t term,
                     const struct dengine_hard_state *hard_state)
{
    struct harness_log *log = object;

    DE_ASSERT(hard_state->term >= log->hard_state.term && hard_state->term >= term);
    harness_log_reset(log, index, term);
    log->hard_state = *hard_state;
    return 0;
}

static const char *log_message(void *object)
{
    const struct harness_log *log = object;

    return log->read_error != 0 || log->compact_error != 0 ? "the test log was told to fail" : "";
}

struct dengine_log_store harness_log_store(struct harness_log *log)
{
    static const struct dengine_log_store_ops ops = {
        .state = log_state,
        .write = log_write,
        .read = log_read,
        .compact = log_compact,
        .reset = log_reset,
        .whole = log_whole,
        .message = log_message,
    };
    struct dengine_log_store store = {&ops, log};

    return store;
}

/* ---- state machine ---- */

static int machine_applied(void *object, uint64_t *index, uint64_t *term)
{
    const struct harness_machine *machine = object;

    *index = machine->index;
    *term = machine->term;
    return machine->applied_error;
}

static int machine_begin(void *object)
{
    struct harness_machine *machine = object;

    DE_ASSERT(!machine->open);
    machine->open = machine->begin_error == 0;
    machine->open_count = machine->count;
    machine->open_time_ns = machine->time_ns;
    return machine->begin_error;
}

static const uint8_t wake_command[8] = {255, 255, 255, 255, 255, 255, 255, 255};

static int machine_apply(void *object, const struct dengine_position *at,
                         struct dengine_slice command, struct dengine_result *result)
{
    static uint8_t answer[1 << 20];
    struct harness_machine *machine = object;

    DE_ASSERT(machine->open && command.size >= 8);
    DE_ASSERT(at->index > machine->index && at->term >= machine->term);
    DE_ASSERT(at->time_ns >= machine->open_time_ns);
    if (machine->apply_error != 0) {
        machine->open = false;
        return machine->apply_error;
    }
    machine->commands =
        realloc(machine->commands, (machine->open_count + 1) * sizeof machine->commands[0]);
    DE_ASSERT(machine->commands != NULL);
    machine->commands[machine->open_count].number = de_load_u64(command.data);
    machine->commands[machine->open_count].index = at->index;
    machine->commands[machine->open_count].time_ns = at->time_ns;
    machine->open_count++;
    machine->open_time_ns = at->time_ns;
    if (de_load_u64(command.data) == HARNESS_WAKE && machine->wake_ns <= at->time_ns &&
        !machine->stay_awake) {
        machine->wake_ns = 0;
    }
    DE_ASSERT(machine->result_bytes <= sizeof answer);
    *result = (struct dengine_result){
        .succeeded = true,
        .revision = at->index,
        .bytes = dengine_bytes(answer, machine->result_bytes),
    };
    return 0;
}

static int machine_commit(void *object, uint64_t index, uint64_t term)
{
    struct harness_machine *machine = object;

    DE_ASSERT(machine->open && index > machine->index);
    machine->open = false;
    if (machine->commit_error != 0) {
        return machine->commit_error;
    }
    machine->count = machine->open_count;
    machine->time_ns = machine->open_time_ns;
    machine->commits++;
    machine->index = index;
    machine->term = term;
    return 0;
}

static void machine_clock(void *object, struct dengine_machine_clock *clock)
{
    const struct harness_machine *machine = object;

    DE_ASSERT(!machine->open);
    *clock = (struct dengine_machine_clock){
        .time_ns = machine->time_ns,
        .wake_ns = machine->wake_ns != 0 ? machine->wake_ns : UINT64_MAX,
        .wake_command = dengine_bytes(wake_command, sizeof wake_command),
    };
}

static int machine_digest(void *object, uint64_t *digest)
{
    const struct harness_machine *machine = object;

    *digest = machine->index;
    for (size_t i = 0; i < machine->count; i++) {
        *digest = de_mix64(*digest ^ machine->commands[i].number);
    }
    return 0;
}

/* ---- its snapshots: for each command three numbers ---- */

#define RECORD 24

struct dengine_machine_save {
    struct harness_applied *commands;
    size_t count;
    size_t at;
};

static int machine_save_begin(void *object, struct dengine_machine_save **save, uint64_t *index,
                              uint64_t *term)
{
    struct harness_machine *machine = object;

    DE_ASSERT(!machine->open && !machine->restoring);
    if (machine->save_error != 0) {
        return machine->save_error;
    }
    *save = calloc(1, sizeof **save);
    DE_ASSERT(*save != NULL);
    (*save)->commands =
        harness_copy_bytes(machine->commands, machine->count * sizeof machine->commands[0]);
    (*save)->count = machine->count;
    *index = machine->index;
    *term = machine->term;
    machine->saves++;
    return 0;
}

static int machine_save_read(void *object, struct dengine_machine_save *save, void *buffer,
                             size_t capacity, size_t *size)
{
    const struct harness_machine *machine = object;
    uint8_t *out = buffer;

    DE_ASSERT(capacity >= 65536);
    *size = 0;
    while (machine->save_error == 0 && save->at < save->count && *size + RECORD <= capacity) {
        de_store_u64(out + *size, save->commands[save->at].number);
        de_store_u64(out + *size + 8, save->commands[save->at].index);
        de_store_u64(out + *size + 16, save->commands[save->at].time_ns);
        save->at++;
        *size += RECORD;
    }
    return machine->save_error;
}

static void machine_save_end(void *object, struct dengine_machine_save *save)
{
    struct harness_machine *machine = object;

    DE_ASSERT(machine->saves > 0);
    machine->saves--;
    free(save->commands);
    free(save);
}

static int machine_restore_begin(void *object)
{
    struct harness_machine *machine = object;

    DE_ASSERT(!machine->open && !machine->restoring);
    machine->restoring = true;
    machine->restored_size = 0;
    return 0;
}

static int machine_restore_write(void *object, struct dengine_slice bytes)
{
    struct harness_machine *machine = object;

    DE_ASSERT(machine->restoring && bytes.size > 0);
    machine->restored = realloc(machine->restored, machine->restored_size + bytes.size);
    DE_ASSERT(machine->restored != NULL);
    memcpy(machine->restored + machine->restored_size, bytes.data, bytes.size);
    machine->restored_size += bytes.size;
    return machine->restore_error;
}

static void machine_restore_abort(void *object)
{
    struct harness_machine *machine = object;

    DE_ASSERT(machine->restoring);
    machine->restoring = false;
}

static int machine_restore_commit(void *object, uint64_t index, uint64_t term)
{
    struct harness_machine *machine = object;

    machine_restore_abort(object);
    if (machine->restore_error != 0) {
        return machine->restore_error;
    }
    DE_ASSERT(machine->restored_size % RECORD == 0 && index > machine->index);
    machine->count = machine->restored_size / RECORD;
    machine->commands =
        realloc(machine->commands, (machine->count + 1) * sizeof machine->commands[0]);
    DE_ASSERT(machine->commands != NULL);
    for (size_t i = 0; i < machine->count; i++) {
        machine->commands[i].number = de_load_u64(machine->restored + RECORD * i);
        machine->commands[i].index = de_load_u64(machine->restored + RECORD * i + 8);
        machine->commands[i].time_ns = de_load_u64(machine->restored + RECORD * i + 16);
        machine->time_ns = machine->commands[i].time_ns;
        DE_ASSERT(machine->commands[i].index <= index);
    }
    machine->index = index;
    machine->term = term;
    machine->restores++;
    return 0;
}

void harness_machine_free(struct harness_machine *machine)
{
    DE_ASSERT(machine->saves == 0);
    free(machine->commands);
    free(machine->restored);
}

static const char *machine_message(void *object)
{
    (void)object;
    return "the test machine was told to fail";
}

struct dengine_state_machine harness_machine_table(struct harness_machine *machine)
{
    static const struct dengine_state_machine_ops ops = {
        .applied = machine_applied,
        .begin = machine_begin,
        .apply = machine_apply,
        .commit = machine_commit,
        .clock = machine_clock,
        .digest = machine_digest,
        .save_begin = machine_save_begin,
        .save_read = machine_save_read,
        .save_end = machine_save_end,
        .restore_begin = machine_restore_begin,
        .restore_write = machine_restore_write,
        .restore_commit = machine_restore_commit,
        .restore_abort = machine_restore_abort,
        .message = machine_message,
    };
    struct dengine_state_machine table = {&ops, machine};

    return table;
}
