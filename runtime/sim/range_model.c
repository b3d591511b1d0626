#include "runtime/sim/range_model.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/base/assert.h"
#include "core/node/batch.h"
#include "runtime/sim/memory.h"
#include "runtime/sim/trace.h"

static const struct de_range_state absent;

void de_range_model_init(struct de_range_model *model, const struct de_oracle *oracle)
{
    DE_ASSERT(oracle != NULL);
    memset(model, 0, sizeof(*model));
    model->oracle = oracle;
}

void de_range_model_deinit(struct de_range_model *model)
{
    for (uint32_t i = 0; i < DE_RANGE_KEYS; i++) {
        de_sim_free(model->pasts[i].states);
    }
    de_sim_free(model->outcomes);
    memset(model, 0, sizeof(*model));
}

/* ---- the past ---- */

/* A key as it was at a revision. */
static const struct de_range_state *state_at(const struct de_range_model *model, uint32_t key,
                                             uint64_t revision)
{
    const struct de_range_past *past = &model->pasts[key];
    size_t i = past->count;

    DE_ASSERT(key < DE_RANGE_KEYS);
    while (i > 0 && past->states[i - 1].revision > revision) {
        i--;
    }
    return i > 0 ? &past->states[i - 1] : &absent;
}

static void set(struct de_range_model *model, uint32_t key, const struct de_range_state *state)
{
    struct de_range_past *past = &model->pasts[key];

    DE_ASSERT(past->count == 0 || past->states[past->count - 1].revision <= state->revision);
    past->states = de_sim_grow(past->states, past->count, &past->capacity, sizeof(past->states[0]));
    past->states[past->count++] = *state;
}

/* ---- commands ---- */

/* One entry under way: what its commands answer so far. */
struct entry {
    struct de_range_model *model;
    uint64_t revision;
    uint64_t answer;
};

static void tell(struct entry *entry, uint64_t what)
{
    entry->answer = de_trace_mix(entry->answer, what);
}

static void tell_head(struct entry *entry, uint32_t type, bool more, uint64_t count, uint32_t pairs)
{
    tell(entry, type);
    tell(entry, more ? 1 : 0);
    tell(entry, count);
    tell(entry, pairs);
}

static void tell_pair(struct entry *entry, uint32_t key, const struct de_range_state *state,
                      bool keys_only)
{
    const struct dengine_slice name = de_range_key(key);

    tell(entry, de_trace_hash_bytes(name.data, name.size));
    tell(entry, state->create_revision);
    tell(entry, state->revision);
    tell(entry, state->version);
    tell(entry, keys_only ? de_trace_hash_bytes("", 0)
                          : de_trace_hash_bytes(state->value.data, state->value.size));
}

static void put(struct entry *entry, const struct de_kv_op *op, uint32_t key)
{
    const struct de_range_state old = *state_at(entry->model, key, UINT64_MAX);
    const struct de_range_state new = {
        .revision = entry->revision,
        .present = true,
        .create_revision = old.present ? old.create_revision : entry->revision,
        .version = old.present ? old.version + 1 : 1,
        .value = op->value,
    };

    tell_head(entry, op->type, false, old.present ? 1 : 0,
              old.present && op->want_previous ? 1 : 0);
    if (old.present && op->want_previous) {
        tell_pair(entry, key, &old, false);
    }
    set(entry->model, key, &new);
}

static void remove_key(struct entry *entry, uint32_t key)
{
    const struct de_range_state gone = {.revision = entry->revision};

    set(entry->model, key, &gone);
}

static void get_or_delete(struct entry *entry, const struct de_kv_op *op, uint32_t key)
{
    const struct de_range_state old = *state_at(entry->model, key, UINT64_MAX);
    const bool shown = old.present && (op->want_previous || op->type == DE_KV_GET);

    tell_head(entry, op->type, false, old.present ? 1 : 0, shown ? 1 : 0);
    if (shown) {
        tell_pair(entry, key, &old, false);
    }
    if (old.present && op->type == DE_KV_DELETE) {
        remove_key(entry, key);
    }
}

static bool in_op(const struct de_kv_op *op, uint32_t key)
{
    return de_range_order(de_range_key(key), op->key) >= 0 &&
           (op->end.size == 0 || de_range_order(de_range_key(key), op->end) < 0);
}

static void range(struct entry *entry, const struct de_kv_op *op)
{
    const bool removes = op->type == DE_KV_DELETE_RANGE;
    const bool shown = removes ? op->want_previous : !op->count_only;
    uint32_t found[DE_RANGE_KEYS];
    uint32_t count = 0;
    bool more = false;

    for (uint32_t key = 0; key < DE_RANGE_KEYS; key++) {
        if (!in_op(op, key) || !state_at(entry->model, key, UINT64_MAX)->present) {
            continue;
        }
        if (op->limit != 0 && count == op->limit) {
            more = true;
            break;
        }
        found[count++] = key;
    }
    tell_head(entry, op->type, more, count, shown ? count : 0);
    for (uint32_t i = 0; i < count; i++) {
        if (shown) {
            tell_pair(entry, found[i], state_at(entry->model, found[i], UINT64_MAX), op->keys_only);
        }
        if (removes) {
            remove_key(entry, found[i]);
        }
    }
}

/* False: it is none of ours. */
static bool run_op(struct entry *entry, const struct de_kv_op *op)
{
    const uint32_t key = de_range_number(op->key);

    if (op->type == DE_KV_RANGE || op->type == DE_KV_DELETE_RANGE) {
        if (op->key.size == 0 || *(const char *)op->key.data != 'z') {
            return false;
        }
        range(entry, op);
        return true;
    }
    if (key == DE_RANGE_KEYS) {
        return false;
    }
    if (op->type == DE_KV_PUT) {
        put(entry, op, key);
    } else {
        get_or_delete(entry, op, key);
    }
    return true;
}

static bool relates(uint32_t relation, int order)
{
    return relation == DE_KV_EQUAL       ? order == 0
           : relation == DE_KV_NOT_EQUAL ? order != 0
           : relation == DE_KV_LESS      ? order < 0
                                         : order > 0;
}

static bool holds(const struct de_range_model *model, const struct de_kv_compare *compare)
{
    const struct de_range_state *state = state_at(model, de_range_number(compare->key), UINT64_MAX);
    const uint64_t number = !state->present                           ? 0
                            : compare->target == DE_KV_COMPARE_CREATE ? state->create_revision
                            : compare->target == DE_KV_COMPARE_MOD    ? state->revision
                                                                      : state->version;

    if (compare->target == DE_KV_COMPARE_ABSENCE) {
        return state->present != (compare->relation == DE_KV_EQUAL);
    }
    if (compare->target == DE_KV_COMPARE_VALUE) {
        return state->present &&
               relates(compare->relation, de_range_order(state->value, compare->value));
    }
    return relates(compare->relation, (number > compare->number) - (number < compare->number));
}

/* False: it is none of ours, for our clients do not mix. */
static bool run_txn(struct entry *entry, const struct de_kv_command *command, bool *succeeded)
{
    const struct de_kv_list *list = &command->then_ops;
    struct de_reader reader;
    bool ours = true;

    *succeeded = true;
    de_reader_init(&reader, command->compares.bytes.data, command->compares.bytes.size);
    for (uint32_t i = 0; i < command->compares.count && ours; i++) {
        struct de_kv_compare compare;
        const bool read = de_kv_compare_read(&reader, &compare);

        DE_ASSERT(read);
        ours = de_range_number(compare.key) < DE_RANGE_KEYS;
        *succeeded = ours && *succeeded && holds(entry->model, &compare);
    }
    list = *succeeded ? list : &command->else_ops;
    de_reader_init(&reader, list->bytes.data, list->bytes.size);
    for (uint32_t i = 0; i < list->count && ours; i++) {
        struct de_kv_op op;
        const bool read = de_kv_op_read(&reader, &op);

        DE_ASSERT(read);
        ours = run_op(entry, &op);
    }
    return ours && command->compares.count + list->count > 0;
}

static int run_command(void *context, uint32_t number, struct dengine_slice bytes)
{
    struct entry *entry = context;
    struct de_range_model *model = entry->model;
    struct de_range_outcome outcome = {.revision = entry->revision, .succeeded = true};
    struct de_kv_command command;
    bool ours = false;
    bool answers = true;

    (void)number;
    entry->answer = 1;
    if (de_kv_command_decode(bytes, &command) != 0 || command.session != 0) {
        return 0;
    }
    if (command.type == DE_KV_WRITE) {
        ours = run_op(entry, &command.op);
        answers = command.op.want_previous || command.op.type == DE_KV_DELETE_RANGE;
    } else if (command.type == DE_KV_TXN) {
        ours = run_txn(entry, &command, &outcome.succeeded);
    }
    if (ours) {
        outcome.command = de_trace_hash_bytes(bytes.data, bytes.size);
        outcome.answer = answers ? entry->answer : 0;
        model->outcomes = de_sim_grow(model->outcomes, model->outcome_count,
                                      &model->outcome_capacity, sizeof(model->outcomes[0]));
        model->outcomes[model->outcome_count++] = outcome;
    }
    return 0;
}

/* Follows the committed log up to revision. False: it does not go so far. */
static bool follow(struct de_range_model *model, uint64_t revision)
{
    const struct de_oracle *oracle = model->oracle;

    if (revision > oracle->committed_count) {
        return false;
    }
    while (model->applied < revision) {
        const uint64_t index = model->applied + 1;
        const struct de_known_entry *known =
            de_oracle_known(oracle, index, oracle->committed[index - 1].entry.term);
        struct entry entry = {.model = model, .revision = index};

        DE_ASSERT(known != NULL);
        if (known->type == DENGINE_ENTRY_COMMAND) {
            int err =
                de_batch_visit(dengine_bytes(known->data, known->data_size), run_command, &entry);

            DE_ASSERT(err == 0);
        }
        model->applied = index;
    }
    return true;
}

/* ---- reads ---- */

/* The keys that a query is about, in the order in which they are to be shown; returns how many are
 * there at that revision. */
static uint32_t collect(const struct de_range_model *model,
                        const struct de_range_expectation *expected, uint64_t revision,
                        uint32_t found[DE_RANGE_KEYS])
{
    const struct de_range_query *query = expected->query;
    uint32_t count = 0;

    for (uint32_t i = 0; query->named && i < query->name_count; i++) {
        const uint32_t key = de_range_number(query->names[i]);

        if (key < DE_RANGE_KEYS && state_at(model, key, revision)->present) {
            found[count++] = key;
        }
    }
    for (uint32_t i = 0; !query->named && i < DE_RANGE_KEYS; i++) {
        const uint32_t key = query->reverse ? DE_RANGE_KEYS - 1 - i : i;
        const struct dengine_slice name = de_range_key(key);
        const int from = de_range_order(name, query->from);
        bool wanted = from > 0 || (from == 0 && !query->from_excluded);

        if (expected->prefix.size > 0) {
            wanted = wanted && name.size >= expected->prefix.size &&
                     memcmp(name.data, expected->prefix.data, expected->prefix.size) == 0;
        }
        if ((expected->prefix.size == 0 || expected->bounded) && query->end.size > 0) {
            wanted = wanted && de_range_order(name, query->end) < 0;
        }
        if (wanted && state_at(model, key, revision)->present) {
            found[count++] = key;
        }
    }
    return count;
}

__attribute__((format(printf, 2, 3))) static const char *say(char wrong[DE_RANGE_WRONG_MAX],
                                                             const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(wrong, DE_RANGE_WRONG_MAX, format, arguments);
    va_end(arguments);
    return wrong;
}

static const char *check_pair(const struct de_range_query *query, const struct de_kv_pair *pair,
                              uint32_t key, const struct de_range_state *state,
                              char wrong[DE_RANGE_WRONG_MAX])
{
    const struct de_kv_record *record = &pair->record;
    const bool no_value = query->keys_only || query->count_only;
    char has[DE_RANGE_TEXT_MAX];
    char wanted[DE_RANGE_TEXT_MAX];

    if (de_range_order(pair->key, de_range_key(key)) != 0) {
        return say(wrong, "has key %s where %s is to come", de_range_text(pair->key, has),
                   de_range_text(de_range_key(key), wanted));
    }
    if (record->mod_revision != state->revision ||
        record->create_revision != state->create_revision || record->version != state->version) {
        return say(wrong,
                   "has key %s of revision %" PRIu64 " (created %" PRIu64 ", version %" PRIu64
                   "), but %" PRIu64 " (%" PRIu64 ", %" PRIu64 ") is right",
                   de_range_text(pair->key, has), record->mod_revision, record->create_revision,
                   record->version, state->revision, state->create_revision, state->version);
    }
    if (no_value ? record->value.size > 0 : de_range_order(record->value, state->value) != 0) {
        return say(wrong, "has another value of key %s", de_range_text(pair->key, has));
    }
    return NULL;
}

static const char *check_sizes(const struct de_range_expectation *expected,
                               const struct de_range_page *page, uint32_t there,
                               char wrong[DE_RANGE_WRONG_MAX])
{
    const struct de_range_query *query = expected->query;
    const bool limited = query->limit != 0 && query->limit < there;
    const uint64_t most = limited ? query->limit : there;
    const uint64_t shown = query->count_only ? (page->total > 0 ? 1 : 0) : page->total;
    const bool cut = expected->short_pages && page->total > 0 && page->total < most;

    if (page->total != most && !cut) {
        return say(wrong, "counts %" PRIu64 " keys, but %" PRIu64 " are right", page->total, most);
    }
    if (page->count != shown) {
        return say(wrong, "shows %" PRIu32 " keys and counts %" PRIu64, page->count, page->total);
    }
    if (page->more != (page->total < there)) {
        return say(wrong, "says that there is %s, after %" PRIu64 " keys of %" PRIu32,
                   page->more ? "more" : "no more", page->total, there);
    }
    return NULL;
}

const char *de_range_model_check(struct de_range_model *model,
                                 const struct de_range_expectation *expected,
                                 const struct de_range_page *page, char wrong[DE_RANGE_WRONG_MAX])
{
    const struct de_range_query *query = expected->query;
    uint32_t found[DE_RANGE_KEYS];
    const char *error;
    uint32_t there;

    if (!follow(model, page->revision)) {
        return say(wrong, "is of a revision that is not committed");
    }
    there = collect(model, expected, page->revision, found);
    error = check_sizes(expected, page, there, wrong);
    for (uint32_t i = 0; i < page->count && error == NULL; i++) {
        /* A count shows its last key, to go on behind. */
        const uint32_t key = found[query->count_only ? page->total - 1 : i];

        error =
            check_pair(query, &page->pairs[i], key, state_at(model, key, page->revision), wrong);
    }
    return error;
}

/* ---- answers ---- */

/* The same hash of an answer's bytes as the model makes of what it expects. 0: no bytes. */
static uint64_t hash_answer(struct dengine_slice bytes)
{
    struct de_kv_answer answer;
    struct entry said = {.answer = 1};

    if (bytes.size == 0) {
        return 0;
    }
    if (de_kv_answer_decode(bytes, &answer) != 0 || answer.kind != DE_KV_ANSWER_OPS) {
        return 2; /* nothing that is expected */
    }
    for (uint32_t i = 0; i < answer.ops; i++) {
        struct de_kv_op_answer op;

        (void)de_kv_op_answer_read(&answer.reader, &op); /* all of it was checked */
        tell_head(&said, op.type, op.more, op.count, op.pairs);
        for (uint32_t k = 0; k < op.pairs; k++) {
            struct de_kv_pair pair;

            (void)de_kv_pair_read(&answer.reader, &pair);
            tell(&said, de_trace_hash_bytes(pair.key.data, pair.key.size));
            tell(&said, pair.record.create_revision);
            tell(&said, pair.record.mod_revision);
            tell(&said, pair.record.version);
            tell(&said, de_trace_hash_bytes(pair.record.value.data, pair.record.value.size));
        }
    }
    return said.answer;
}

const char *de_range_model_answer(struct de_range_model *model, uint64_t revision,
                                  struct dengine_slice command, bool succeeded,
                                  struct dengine_slice answer, char wrong[DE_RANGE_WRONG_MAX])
{
    const uint64_t hash = de_trace_hash_bytes(command.data, command.size);
    const uint64_t said = hash_answer(answer);
    bool found = false;
    size_t i;

    if (!follow(model, revision)) {
        return say(wrong, "is said to be done at revision %" PRIu64 ", which is not committed",
                   revision);
    }
    for (i = model->outcome_count; i > 0 && model->outcomes[i - 1].revision > revision; i--) {
    }
    for (; i > 0 && model->outcomes[i - 1].revision == revision; i--) {
        const struct de_range_outcome *outcome = &model->outcomes[i - 1];

        if (outcome->command == hash && outcome->answer == said &&
            outcome->succeeded == succeeded) {
            return NULL; /* the same command may stand there twice */
        }
        found = found || outcome->command == hash;
    }
    if (found) {
        return say(wrong, "answers at revision %" PRIu64 " what the log does not make of it",
                   revision);
    }
    return say(wrong, "is not in the log at revision %" PRIu64 ", where it is said to be",
               revision);
}
