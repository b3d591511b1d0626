#include "core/base/assert.h"
#include "core/base/random.h"
#include "storage/base/log_check.h"
#include "storage/contract/check.h"
#include "storage/contract/log_model.h"

#include <stdlib.h>

/* What a case works with. */
struct bench {
    const struct dengine_log_contract *contract;
    struct dengine_log_store store;
    struct de_log_model *model;
};

static const struct dengine_hard_state hard_one = {5, 2, 1};

static bool bench_init(struct bench *bench, const struct dengine_log_contract *contract,
                       struct dengine_contract_report *report)
{
    bench->contract = contract;
    bench->model = malloc(sizeof(*bench->model));
    CHECK(bench->model != NULL);
    de_log_model_init(bench->model);
    CHECK_OK(contract->create(contract->context, &bench->store));
    return true;
}

static bool bench_deinit(struct bench *bench)
{
    bench->contract->destroy(bench->contract->context, &bench->store);
    free(bench->model);
    return true;
}

static bool reopen(struct bench *bench, struct dengine_contract_report *report)
{
    if (bench->contract->reopen != NULL) {
        struct dengine_log_state state;

        CHECK_OK(bench->contract->reopen(bench->contract->context, &bench->store));
        bench->store.ops->state(bench->store.object, &state);
        CHECK(!state.created);
    }
    return true;
}

/* Compares now and after a reopening. */
static bool matches(struct bench *bench, struct dengine_contract_report *report)
{
    return de_log_model_matches(bench->model, bench->store, report) && reopen(bench, report) &&
           de_log_model_matches(bench->model, bench->store, report);
}

#define ENTRIES_PER_WRITE 8u
#define DATA_BYTES_MAX    3000u

/* One dengine_log_write with the memory it points to. */
struct draft {
    struct dengine_log_write write;
    struct dengine_entry entries[ENTRIES_PER_WRITE];
    uint8_t data[ENTRIES_PER_WRITE][DATA_BYTES_MAX];
};

/* Adds an entry to the draft and to the model. */
static void draft_entry(struct draft *draft, struct de_log_model *model, uint64_t term,
                        uint32_t size, uint64_t seed)
{
    size_t at = draft->write.entry_count;
    struct de_log_model_entry entry = {term, DENGINE_ENTRY_COMMAND + (uint32_t)(seed % 3), size,
                                       seed};

    DE_ASSERT(at < ENTRIES_PER_WRITE);
    DE_ASSERT(size <= DATA_BYTES_MAX);
    de_log_model_append(model, entry);
    if (at == 0) {
        draft->write.first_index = model->last_index;
        draft->write.entries = draft->entries;
    }
    de_log_model_data(seed, size, draft->data[at]);
    draft->entries[at].term = term;
    draft->entries[at].type = entry.type;
    draft->entries[at].data = dengine_bytes(draft->data[at], size);
    draft->write.entry_count++;
}

static void draft_hard_state(struct draft *draft, struct de_log_model *model, uint64_t term,
                             uint64_t vote, uint64_t commit)
{
    struct dengine_hard_state hard_state = {term, vote, commit};

    draft->write.set_hard_state = true;
    draft->write.hard_state = hard_state;
    model->hard_state = hard_state;
}

static void draft_truncate(struct draft *draft, struct de_log_model *model, uint64_t from)
{
    draft->write.truncate_from = from;
    de_log_model_truncate(model, from);
}

/* Appends count small entries of a term in one write. */
static bool append(struct bench *bench, size_t count, uint64_t term,
                   struct dengine_contract_report *report)
{
    struct draft *draft = calloc(1, sizeof(*draft));
    int error;

    CHECK(draft != NULL);
    for (size_t i = 0; i < count; i++) {
        draft_entry(draft, bench->model, term, (uint32_t)(10 + i), bench->model->last_index);
    }
    error = bench->store.ops->write(bench->store.object, &draft->write, 1);
    free(draft);
    CHECK_OK(error);
    return true;
}

static bool a_new_store_is_empty(const struct dengine_log_contract *contract,
                                 struct dengine_contract_report *report)
{
    struct bench bench;
    struct dengine_log_state state;

    if (!bench_init(&bench, contract, report)) {
        return false;
    }
    bench.store.ops->state(bench.store.object, &state);
    CHECK(state.created);
    CHECK(state.first_index == 1 && state.last_index == 0 && state.base_term == 0);
    CHECK(bench.store.ops->message(bench.store.object) != NULL);
    CHECK(bench.store.ops->write(bench.store.object, NULL, 0) == 0);
    return matches(&bench, report) && bench_deinit(&bench);
}

static bool written_entries_are_read_back(const struct dengine_log_contract *contract,
                                          struct dengine_contract_report *report)
{
    struct bench bench;

    return bench_init(&bench, contract, report) && append(&bench, 1, 1, report) &&
           append(&bench, 8, 2, report) && matches(&bench, report) &&
           append(&bench, 3, 7, report) && matches(&bench, report) && bench_deinit(&bench);
}

static bool hard_state_is_kept(const struct dengine_log_contract *contract,
                               struct dengine_contract_report *report)
{
    struct bench bench;
    struct dengine_log_write write = {.set_hard_state = true, .hard_state = hard_one};

    if (!bench_init(&bench, contract, report)) {
        return false;
    }
    bench.model->hard_state = hard_one;
    CHECK_OK(bench.store.ops->write(bench.store.object, &write, 1));
    return matches(&bench, report) && append(&bench, 2, 5, report) && matches(&bench, report) &&
           bench_deinit(&bench);
}

static bool several_writes_in_one_call_are_in_order(const struct dengine_log_contract *contract,
                                                    struct dengine_contract_report *report)
{
    struct bench bench;
    struct draft *drafts = calloc(3, sizeof(*drafts));
    struct dengine_log_write writes[3];

    CHECK(drafts != NULL);
    if (!bench_init(&bench, contract, report)) {
        return false;
    }
    draft_entry(&drafts[0], bench.model, 1, 100, 1);
    draft_entry(&drafts[0], bench.model, 1, 100, 2);
    draft_hard_state(&drafts[1], bench.model, 2, 3, 1);
    draft_truncate(&drafts[1], bench.model, 2);
    draft_entry(&drafts[1], bench.model, 2, 50, 3);
    draft_entry(&drafts[2], bench.model, 2, 60, 4);
    for (size_t i = 0; i < 3; i++) {
        writes[i] = drafts[i].write;
    }
    CHECK_OK(bench.store.ops->write(bench.store.object, writes, 3));
    CHECK(bench.model->last_index == 3);
    free(drafts);
    return matches(&bench, report) && bench_deinit(&bench);
}

static bool truncated_entries_are_gone(const struct dengine_log_contract *contract,
                                       struct dengine_contract_report *report)
{
    struct bench bench;
    struct dengine_log_write write = {.truncate_from = 4};

    if (!bench_init(&bench, contract, report) || !append(&bench, 8, 1, report)) {
        return false;
    }
    de_log_model_truncate(bench.model, 4);
    CHECK_OK(bench.store.ops->write(bench.store.object, &write, 1));
    if (!matches(&bench, report) || !append(&bench, 2, 9, report) || !matches(&bench, report)) {
        return false;
    }
    write.truncate_from = 1;
    de_log_model_truncate(bench.model, 1);
    CHECK_OK(bench.store.ops->write(bench.store.object, &write, 1));
    return matches(&bench, report) && append(&bench, 1, 10, report) && matches(&bench, report) &&
           bench_deinit(&bench);
}

static bool a_truncation_behind_the_end_does_nothing(const struct dengine_log_contract *contract,
                                                     struct dengine_contract_report *report)
{
    struct bench bench;
    struct dengine_log_write write = {.truncate_from = 3};

    if (!bench_init(&bench, contract, report) || !append(&bench, 2, 1, report)) {
        return false;
    }
    CHECK_OK(bench.store.ops->write(bench.store.object, &write, 1));
    return matches(&bench, report) && bench_deinit(&bench);
}

static bool a_write_that_does_not_fit_changes_nothing(const struct dengine_log_contract *contract,
                                                      struct dengine_contract_report *report)
{
    struct bench bench;
    struct dengine_entry entry = {1, DENGINE_ENTRY_COMMAND, {"x", 1}};
    struct dengine_log_write writes[2] = {
        {.first_index = 3, .entries = &entry, .entry_count = 1},
        {.set_hard_state = true,
         .hard_state = {8, 8, 8},
         .first_index = 5,
         .entries = &entry,
         .entry_count = 1},
    };

    if (!bench_init(&bench, contract, report) || !append(&bench, 2, 1, report)) {
        return false;
    }
    CHECK(bench.store.ops->write(bench.store.object, writes, 2) == DENGINE_E_INVALID);
    writes[0].first_index = 2;
    CHECK(bench.store.ops->write(bench.store.object, writes, 1) == DENGINE_E_INVALID);
    if (!de_log_model_matches(bench.model, bench.store, report) || !append(&bench, 1, 2, report)) {
        return false;
    }
    CHECK_OK(bench.store.ops->compact(bench.store.object, 2, 1));
    de_log_model_compact(bench.model, 2);
    writes[0] = (struct dengine_log_write){.truncate_from = 2};
    CHECK(bench.store.ops->write(bench.store.object, writes, 1) == DENGINE_E_INVALID);
    return matches(&bench, report) && bench_deinit(&bench);
}

struct visits {
    uint64_t sum; /* of the indexes */
    size_t count;
};

static int visit_until_four(void *context, uint64_t index, const struct dengine_entry *entry)
{
    struct visits *visits = context;

    (void)entry;
    visits->sum += index;
    if (++visits->count > 8) {
        return DE_FOUND_MORE;
    }
    return index == 4 ? 44 : 0;
}

static bool reads_keep_to_their_range(const struct dengine_log_contract *contract,
                                      struct dengine_contract_report *report)
{
    struct bench bench;
    struct visits seen = {0, 0};

    if (!bench_init(&bench, contract, report) || !append(&bench, 8, 1, report)) {
        return false;
    }
    CHECK_OK(bench.store.ops->read(bench.store.object, 2, 3, visit_until_four, &seen));
    CHECK(seen.sum == 5);
    seen.sum = 0;
    CHECK(bench.store.ops->read(bench.store.object, 3, 8, visit_until_four, &seen) == 44);
    CHECK(seen.sum == 7);
    CHECK(bench.store.ops->read(bench.store.object, 0, 2, visit_until_four, &seen) ==
          DENGINE_E_INVALID);
    CHECK(bench.store.ops->read(bench.store.object, 8, 9, visit_until_four, &seen) ==
          DENGINE_E_INVALID);
    CHECK(bench.store.ops->read(bench.store.object, 5, 4, visit_until_four, &seen) ==
          DENGINE_E_INVALID);
    CHECK(seen.sum == 7);
    return bench_deinit(&bench);
}

static bool compaction_forgets_a_prefix(const struct dengine_log_contract *contract,
                                        struct dengine_contract_report *report)
{
    struct bench bench;

    if (!bench_init(&bench, contract, report) || !append(&bench, 8, 3, report) ||
        !append(&bench, 8, 4, report)) {
        return false;
    }
    CHECK_OK(bench.store.ops->compact(bench.store.object, 9, 4));
    de_log_model_compact(bench.model, 9);
    CHECK_OK(bench.store.ops->compact(bench.store.object, 5, 3));
    CHECK(bench.store.ops->compact(bench.store.object, 17, 4) == DENGINE_E_INVALID);
    if (!matches(&bench, report) || !append(&bench, 4, 5, report) || !matches(&bench, report)) {
        return false;
    }
    CHECK_OK(bench.store.ops->compact(bench.store.object, 20, 5));
    de_log_model_compact(bench.model, 20);
    return matches(&bench, report) && append(&bench, 2, 6, report) && matches(&bench, report) &&
           bench_deinit(&bench);
}

static bool a_reset_continues_after_a_snapshot(const struct dengine_log_contract *contract,
                                               struct dengine_contract_report *report)
{
    struct bench bench;
    struct dengine_hard_state later = {10, 0, 100};

    if (!bench_init(&bench, contract, report) || !append(&bench, 8, 3, report)) {
        return false;
    }
    CHECK_OK(bench.store.ops->reset(bench.store.object, 100, 9, &hard_one));
    de_log_model_reset(bench.model, 100, 9, &hard_one);
    if (!matches(&bench, report) || !append(&bench, 5, 9, report) || !matches(&bench, report)) {
        return false;
    }
    /* Inside the log as well: what follows the snapshot may contradict it. */
    CHECK_OK(bench.store.ops->reset(bench.store.object, 102, 10, &later));
    de_log_model_reset(bench.model, 102, 10, &later);
    return matches(&bench, report) && append(&bench, 1, 10, report) && matches(&bench, report) &&
           bench_deinit(&bench);
}

static bool indexes_have_a_bound(const struct dengine_log_contract *contract,
                                 struct dengine_contract_report *report)
{
    struct bench bench;
    struct dengine_entry entry = {9, DENGINE_ENTRY_NOOP, {NULL, 0}};
    struct dengine_log_write write = {
        .first_index = DE_LOG_INDEX_MAX + 1, .entries = &entry, .entry_count = 1};

    if (!bench_init(&bench, contract, report) || !append(&bench, 3, 3, report)) {
        return false;
    }
    CHECK(bench.store.ops->reset(bench.store.object, UINT64_MAX, 9, &hard_one) ==
          DENGINE_E_INVALID);
    CHECK(bench.store.ops->reset(bench.store.object, DE_LOG_INDEX_MAX + 1, 9, &hard_one) ==
          DENGINE_E_INVALID);
    CHECK(bench.store.ops->compact(bench.store.object, UINT64_MAX, 9) == DENGINE_E_INVALID);
    if (!matches(&bench, report)) {
        return false;
    }
    CHECK_OK(bench.store.ops->reset(bench.store.object, DE_LOG_INDEX_MAX, 9, &hard_one));
    de_log_model_reset(bench.model, DE_LOG_INDEX_MAX, 9, &hard_one);
    if (!matches(&bench, report)) {
        return false;
    }
    CHECK(bench.store.ops->write(bench.store.object, &write, 1) == DENGINE_E_INVALID);
    return matches(&bench, report) && bench_deinit(&bench);
}

static bool data_of_any_size_is_kept(const struct dengine_log_contract *contract,
                                     struct dengine_contract_report *report)
{
    static const uint32_t sizes[] = {0, 1, 7, 8, 9, 4095, 4096, 4097, 1u << 20, 0};
    uint8_t *data = malloc(1u << 20);
    struct bench bench;

    CHECK(data != NULL);
    if (!bench_init(&bench, contract, report)) {
        return false;
    }
    for (size_t i = 0; i < DE_ARRAY_SIZE(sizes); i++) {
        struct de_log_model_entry kept = {1, DENGINE_ENTRY_NOOP, sizes[i], i};
        struct dengine_entry entry = {1, DENGINE_ENTRY_NOOP, {data, sizes[i]}};
        struct dengine_log_write write = {
            .first_index = i + 1, .entries = &entry, .entry_count = 1};

        de_log_model_data(i, sizes[i], data);
        entry.data.data = sizes[i] == 0 ? NULL : data;
        de_log_model_append(bench.model, kept);
        CHECK_OK(bench.store.ops->write(bench.store.object, &write, 1));
    }
    free(data);
    return matches(&bench, report) && bench_deinit(&bench);
}

/* Drafts a random write that fits the model. */
static void draft_random(struct draft *draft, struct de_log_model *model, struct de_random *random)
{
    uint64_t term = model->hard_state.term;
    uint64_t count = de_random_below(random, ENTRIES_PER_WRITE + 1);

    memset(draft, 0, sizeof(*draft));
    if (de_random_below(random, 3) == 0) {
        term += de_random_below(random, 2);
        draft_hard_state(draft, model, term, de_random_below(random, 4), model->base_index);
    }
    if (de_random_below(random, 5) == 0) {
        uint64_t most = model->last_index + 1 - model->base_index;

        draft_truncate(draft, model,
                       model->last_index + 1 - de_random_below(random, most < 20 ? most : 20));
    }
    for (uint64_t i = 0; i < count; i++) {
        uint64_t most = de_random_below(random, 10) == 0 ? DATA_BYTES_MAX : 100;

        draft_entry(draft, model, term, (uint32_t)de_random_below(random, most),
                    de_random_next(random));
    }
}

static bool random_step(struct bench *bench, struct draft *drafts, struct de_random *random,
                        struct dengine_contract_report *report)
{
    struct de_log_model *model = bench->model;
    struct dengine_log_write writes[4];
    uint64_t kind = de_random_below(random, 20);
    uint64_t held = model->last_index - model->base_index;

    if (kind == 0 && held > 0) {
        uint64_t index = model->base_index + de_random_between(random, 1, held);
        uint64_t term = de_log_model_at(model, index)->term;

        CHECK_OK(bench->store.ops->compact(bench->store.object, index, term));
        de_log_model_compact(model, index);
    } else if (kind == 1 && de_random_below(random, 5) == 0) {
        uint64_t index = model->base_index + de_random_below(random, held + 50);
        struct dengine_hard_state hard_state = model->hard_state;

        hard_state.commit = index;
        CHECK_OK(bench->store.ops->reset(bench->store.object, index, hard_state.term, &hard_state));
        de_log_model_reset(model, index, hard_state.term, &hard_state);
    } else if (kind == 2) {
        return matches(bench, report);
    } else if (held + 40 < DE_LOG_MODEL_ENTRIES) {
        size_t count = (size_t)de_random_between(random, 1, 4);

        for (size_t i = 0; i < count; i++) {
            draft_random(&drafts[i], model, random);
            writes[i] = drafts[i].write;
        }
        CHECK_OK(bench->store.ops->write(bench->store.object, writes, count));
    }
    return true;
}

static bool random_operations_match_the_model(const struct dengine_log_contract *contract,
                                              struct dengine_contract_report *report)
{
    struct draft *drafts = calloc(4, sizeof(*drafts));
    bool passed = drafts != NULL;

    for (uint64_t seed = 1; seed <= 20 && passed; seed++) {
        struct de_random random;
        struct bench bench;

        de_random_init(&random, seed);
        passed = bench_init(&bench, contract, report);
        for (int step = 0; step < 150 && passed; step++) {
            passed = random_step(&bench, drafts, &random, report);
        }
        passed = passed && matches(&bench, report) && bench_deinit(&bench);
    }
    free(drafts);
    return passed;
}

const struct dengine_log_contract_case *dengine_log_contract_cases(size_t *count)
{
#define CASE(name)                                                                                 \
    {                                                                                              \
#name, name                                                                                \
    }
    static const struct dengine_log_contract_case cases[] = {
        CASE(a_new_store_is_empty),
        CASE(written_entries_are_read_back),
        CASE(hard_state_is_kept),
        CASE(several_writes_in_one_call_are_in_order),
        CASE(truncated_entries_are_gone),
        CASE(a_truncation_behind_the_end_does_nothing),
        CASE(a_write_that_does_not_fit_changes_nothing),
        CASE(reads_keep_to_their_range),
        CASE(compaction_forgets_a_prefix),
        CASE(a_reset_continues_after_a_snapshot),
        CASE(indexes_have_a_bound),
        CASE(data_of_any_size_is_kept),
        CASE(random_operations_match_the_model),
    };
#undef CASE

    DE_ASSERT(count != NULL);
    *count = DE_ARRAY_SIZE(cases);
    return cases;
}
