#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/base/assert.h"
#include "core/base/random.h"
#include "storage/contract/check.h"
#include "storage/contract/kv_contract.h"
#include "storage/contract/kv_model.h"

static int visit_none(void *context, struct dengine_slice key, struct dengine_slice value)
{
    (void)context;
    (void)key;
    (void)value;
    return 1;
}

static bool a_new_store_is_empty(const struct dengine_kv_contract *contract,
                                 struct dengine_contract_report *report)
{
    struct dengine_kv_store store;

    CHECK_OK(contract->create(contract->context, &store));
    CHECK(de_kv_view_says(store, "a", "") == DENGINE_E_NOT_FOUND);
    CHECK_OK(store.ops->begin(store.object));
    CHECK_OK(store.ops->iterate(store.object, dengine_str(""), visit_none, NULL));
    CHECK(store.ops->remove(store.object, dengine_str("a")) == DENGINE_E_NOT_FOUND);
    CHECK_OK(store.ops->commit(store.object));
    CHECK_OK(store.ops->sync(store.object));
    CHECK(store.ops->message(store.object) != NULL);
    contract->destroy(contract->context, &store);
    return true;
}

static bool a_transaction_sees_itself(const struct dengine_kv_contract *contract,
                                      struct dengine_contract_report *report)
{
    struct dengine_kv_store store;
    struct dengine_slice value;

    CHECK_OK(contract->create(contract->context, &store));
    CHECK_OK(store.ops->begin(store.object));
    CHECK_OK(store.ops->put(store.object, dengine_str("a"), dengine_str("1")));
    CHECK_OK(store.ops->get(store.object, dengine_str("a"), &value));
    CHECK(de_kv_has(value, "1"));
    CHECK_OK(store.ops->put(store.object, dengine_str("a"), dengine_str("22")));
    CHECK_OK(store.ops->get(store.object, dengine_str("a"), &value));
    CHECK(de_kv_has(value, "22"));
    CHECK(de_kv_view_says(store, "a", "") == DENGINE_E_NOT_FOUND);
    CHECK_OK(store.ops->remove(store.object, dengine_str("a")));
    CHECK(store.ops->get(store.object, dengine_str("a"), &value) == DENGINE_E_NOT_FOUND);
    CHECK_OK(store.ops->put(store.object, dengine_str("b"), dengine_str("")));
    CHECK_OK(store.ops->commit(store.object));
    CHECK(de_kv_view_says(store, "a", "") == DENGINE_E_NOT_FOUND);
    CHECK(de_kv_view_says(store, "b", "") == 0);
    contract->destroy(contract->context, &store);
    return true;
}

static bool an_abort_leaves_nothing(const struct dengine_kv_contract *contract,
                                    struct dengine_contract_report *report)
{
    struct dengine_kv_store store;

    CHECK_OK(contract->create(contract->context, &store));
    CHECK_OK(de_kv_put_one(store, "a", "1"));
    CHECK_OK(store.ops->begin(store.object));
    CHECK_OK(store.ops->put(store.object, dengine_str("a"), dengine_str("2")));
    CHECK_OK(store.ops->put(store.object, dengine_str("b"), dengine_str("3")));
    store.ops->abort(store.object);
    CHECK(de_kv_view_says(store, "a", "1") == 0);
    CHECK(de_kv_view_says(store, "b", "") == DENGINE_E_NOT_FOUND);
    CHECK_OK(de_kv_put_one(store, "c", "4"));
    CHECK(de_kv_view_says(store, "c", "4") == 0);
    contract->destroy(contract->context, &store);
    return true;
}

static bool a_view_keeps_its_moment(const struct dengine_kv_contract *contract,
                                    struct dengine_contract_report *report)
{
    struct dengine_kv_store store;
    struct dengine_kv_view *view;
    struct dengine_slice before;
    struct dengine_slice value;

    CHECK_OK(contract->create(contract->context, &store));
    CHECK_OK(de_kv_put_one(store, "a", "old"));
    CHECK_OK(store.ops->view_open(store.object, &view));
    CHECK_OK(store.ops->view_get(store.object, view, dengine_str("a"), &before));
    CHECK_OK(de_kv_put_one(store, "a", "new"));
    CHECK_OK(de_kv_put_one(store, "b", "new"));
    CHECK_OK(de_kv_remove_one(store, "a"));
    CHECK(de_kv_has(before, "old"));
    CHECK_OK(store.ops->view_get(store.object, view, dengine_str("a"), &value));
    CHECK(de_kv_has(value, "old"));
    CHECK(store.ops->view_get(store.object, view, dengine_str("b"), &value) == DENGINE_E_NOT_FOUND);
    store.ops->view_close(store.object, view);
    CHECK(de_kv_view_says(store, "a", "") == DENGINE_E_NOT_FOUND);
    contract->destroy(contract->context, &store);
    return true;
}

struct order {
    char text[256];
    size_t stop_after;
    size_t seen;
};

/* Nobody asks for more. */
#define ORDER_KEYS_MAX 16u

static int note_key(void *context, struct dengine_slice key, struct dengine_slice value)
{
    struct order *order = context;
    size_t length = strlen(order->text);

    (void)value;
    (void)snprintf(order->text + length, sizeof(order->text) - length, "%.*s,", (int)key.size,
                   (const char *)key.data);
    if (++order->seen > ORDER_KEYS_MAX) {
        return DE_FOUND_MORE;
    }
    return order->seen == order->stop_after ? 77 : 0;
}

static bool keys_come_in_byte_order(const struct dengine_kv_contract *contract,
                                    struct dengine_contract_report *report)
{
    static const char *const keys[] = {"b", "a", "ab", "\xff", "B", "aa", "b0"};
    struct dengine_kv_store store;
    struct dengine_kv_view *view;
    struct order all = {"", 0, 0};
    struct order some = {"", 2, 0};
    struct order none = {"", 0, 0};

    CHECK_OK(contract->create(contract->context, &store));
    for (size_t i = 0; i < DE_ARRAY_SIZE(keys); i++) {
        CHECK_OK(de_kv_put_one(store, keys[i], "v"));
    }
    CHECK_OK(store.ops->view_open(store.object, &view));
    CHECK_OK(de_kv_view_walk(store, view, dengine_str(""), DE_ARRAY_SIZE(keys), note_key, &all));
    CHECK(strcmp(all.text, "B,a,aa,ab,b,b0,\xff,") == 0);
    CHECK(de_kv_view_walk(store, view, dengine_str("aaa"), 4, note_key, &some) == 77);
    CHECK(strcmp(some.text, "ab,b,") == 0);
    CHECK_OK(de_kv_view_walk(store, view, dengine_str("\xff!"), 0, note_key, &none));
    CHECK(none.seen == 0);
    store.ops->view_close(store.object, view);
    contract->destroy(contract->context, &store);
    return true;
}

static bool iterating_stops_when_it_is_told(const struct dengine_kv_contract *contract,
                                            struct dengine_contract_report *report)
{
    struct dengine_kv_store store;
    struct order all = {"", 0, 0};
    struct order some = {"", 2, 0};

    CHECK_OK(contract->create(contract->context, &store));
    CHECK_OK(de_kv_put_one(store, "a", "v"));
    CHECK_OK(de_kv_put_one(store, "b", "v"));
    CHECK_OK(store.ops->begin(store.object));
    CHECK_OK(store.ops->put(store.object, dengine_str("c"), dengine_str("v")));
    CHECK_OK(store.ops->put(store.object, dengine_str("d"), dengine_str("v")));
    CHECK(store.ops->iterate(store.object, dengine_str("b"), note_key, &some) == 77);
    CHECK(strcmp(some.text, "b,c,") == 0);
    CHECK_OK(store.ops->iterate(store.object, dengine_bytes(NULL, 0), note_key, &all));
    CHECK(strcmp(all.text, "a,b,c,d,") == 0);
    store.ops->abort(store.object);
    contract->destroy(contract->context, &store);
    return true;
}

static bool any_sizes_are_kept(const struct dengine_kv_contract *contract,
                               struct dengine_contract_report *report)
{
    static const size_t sizes[] = {0, 1, 100, 2000, 4096, 100000, 3000000};
    struct dengine_kv_store store;
    struct dengine_slice value;
    struct dengine_kv_view *view;
    uint8_t key[DENGINE_KV_KEY_MAX];
    uint8_t *data = malloc(3000000);

    CHECK(data != NULL);
    memset(data, 'd', 3000000);
    memset(key, 0, sizeof(key));
    CHECK_OK(contract->create(contract->context, &store));
    CHECK_OK(store.ops->begin(store.object));
    for (size_t i = 0; i < DE_ARRAY_SIZE(sizes); i++) {
        key[sizeof(key) - 1] = (uint8_t)i;
        CHECK_OK(store.ops->put(store.object, dengine_bytes(key, sizeof(key)),
                                dengine_bytes(data, sizes[i])));
    }
    CHECK_OK(store.ops->put(store.object, dengine_bytes("\0", 1), dengine_bytes(NULL, 0)));
    CHECK_OK(store.ops->commit(store.object));
    if (contract->reopen != NULL) {
        CHECK_OK(contract->reopen(contract->context, &store));
    }
    CHECK_OK(store.ops->view_open(store.object, &view));
    for (size_t i = 0; i < DE_ARRAY_SIZE(sizes); i++) {
        key[sizeof(key) - 1] = (uint8_t)i;
        CHECK_OK(store.ops->view_get(store.object, view, dengine_bytes(key, sizeof(key)), &value));
        CHECK(value.size == sizes[i]);
        CHECK(value.size == 0 || memcmp(value.data, data, value.size) == 0);
    }
    CHECK_OK(store.ops->view_get(store.object, view, dengine_bytes("\0", 1), &value));
    CHECK(value.size == 0);
    store.ops->view_close(store.object, view);
    contract->destroy(contract->context, &store);
    free(data);
    return true;
}

#define RANGE_KEYS 600

/* Numbers in order, with a hole: [from, to) is gone. */
struct numbers {
    int next;
    int from;
    int to;
};

static struct dengine_slice number_key(int number, char text[8])
{
    (void)snprintf(text, 8, "%04d", number);
    return dengine_str(text);
}

static int visit_number(void *context, struct dengine_slice key, struct dengine_slice value)
{
    struct numbers *numbers = context;
    char text[8];

    if (numbers->next == numbers->from) {
        numbers->next = numbers->to;
    }
    (void)number_key(numbers->next++, text);
    return de_kv_has(key, text) && de_kv_has(value, text) ? 0 : DE_FOUND_OTHER_VALUE;
}

static int numbers_are(struct dengine_kv_store store, struct dengine_kv_view *view, int from,
                       int to)
{
    struct numbers numbers = {0, from, to};
    int error =
        de_kv_view_walk(store, view, dengine_bytes(NULL, 0), RANGE_KEYS, visit_number, &numbers);

    if (error == 0 && numbers.next != RANGE_KEYS && (numbers.next != from || to != RANGE_KEYS)) {
        error = DE_FOUND_LESS;
    }
    return error;
}

/* Removes or puts back [from, to) in one transaction, upwards or downwards. */
static int change_numbers(struct dengine_kv_store store, int from, int to, bool put, bool down)
{
    int error = store.ops->begin(store.object);

    for (int i = 0; i < to - from && error == 0; i++) {
        char text[8];
        struct dengine_slice key = number_key(down ? to - 1 - i : from + i, text);

        error = put ? store.ops->put(store.object, key, key) : store.ops->remove(store.object, key);
    }
    return error != 0 ? error : store.ops->commit(store.object);
}

static bool ranges_are_removed_and_put_back(const struct dengine_kv_contract *contract,
                                            struct dengine_contract_report *report)
{
    static const int ranges[][2] = {{100, 500}, {0, 300}, {300, 600}, {17, 18}, {0, 599}, {0, 600}};
    struct dengine_kv_store store;

    CHECK_OK(contract->create(contract->context, &store));
    CHECK_OK(change_numbers(store, 0, RANGE_KEYS, true, false));
    for (size_t i = 0; i < 2 * DE_ARRAY_SIZE(ranges); i++) {
        const int *range = ranges[i / 2];
        struct dengine_kv_view *before;
        struct dengine_kv_view *after;

        CHECK_OK(store.ops->view_open(store.object, &before));
        CHECK_OK(change_numbers(store, range[0], range[1], false, i % 2 == 1));
        CHECK_OK(store.ops->view_open(store.object, &after));
        CHECK_OK(numbers_are(store, before, -1, -1));
        CHECK_OK(numbers_are(store, after, range[0], range[1]));
        CHECK_OK(change_numbers(store, range[0], range[1], true, i % 2 == 0));
        CHECK_OK(numbers_are(store, after, range[0], range[1]));
        store.ops->view_close(store.object, before);
        store.ops->view_close(store.object, after);
    }
    contract->destroy(contract->context, &store);
    return true;
}

#define VIEWS 3u

struct bench {
    struct dengine_kv_store store;
    struct de_kv_model now;  /* committed */
    struct de_kv_model next; /* of the open transaction */
    struct de_kv_model then[VIEWS];
    struct dengine_kv_view *views[VIEWS];
};

static struct dengine_slice random_key(struct de_random *random, uint8_t *buffer)
{
    size_t size = (size_t)de_random_between(random, 1, 4);

    if (de_random_below(random, 20) == 0) {
        size = (size_t)de_random_between(random, 1, DE_KV_MODEL_KEY_BYTES);
    }
    for (size_t i = 0; i < size; i++) {
        buffer[i] = (uint8_t)('a' + de_random_below(random, 4));
    }
    return dengine_bytes(buffer, size);
}

static bool random_edit(struct bench *bench, struct de_random *random,
                        struct dengine_contract_report *report)
{
    struct dengine_kv_store store = bench->store;
    uint8_t key_bytes[DE_KV_MODEL_KEY_BYTES];
    uint8_t data[DE_KV_MODEL_DATA_BYTES];
    struct dengine_slice key = random_key(random, key_bytes);
    const struct de_kv_model_item *item = de_kv_model_find(&bench->next, key);
    struct dengine_slice value;
    int error = store.ops->get(store.object, key, &value);

    CHECK(error == (item != NULL ? 0 : DENGINE_E_NOT_FOUND));
    CHECK(item == NULL || (value.size == item->value_size &&
                           (value.size == 0 || memcmp(value.data, item->value, value.size) == 0)));
    if (de_random_below(random, 5) < 2) {
        error = store.ops->remove(store.object, key);
        CHECK(error == (item != NULL ? 0 : DENGINE_E_NOT_FOUND));
        CHECK(de_kv_model_remove(&bench->next, key) == (error == 0));
    } else if (bench->next.count < DE_KV_MODEL_KEYS) {
        uint64_t most = de_random_below(random, 10) == 0 ? DE_KV_MODEL_DATA_BYTES : 30;

        value = dengine_bytes(data, (size_t)de_random_below(random, most));
        memset(data, (int)de_random_below(random, 256), value.size);
        CHECK_OK(store.ops->put(store.object, key, value));
        de_kv_model_put(&bench->next, key, value);
    }
    return true;
}

static bool random_transaction(struct bench *bench, struct de_random *random,
                               struct dengine_contract_report *report)
{
    struct dengine_kv_store store = bench->store;
    uint64_t edits = de_random_below(random, 40);

    CHECK_OK(store.ops->begin(store.object));
    bench->next = bench->now;
    for (uint64_t i = 0; i < edits; i++) {
        if (!random_edit(bench, random, report)) {
            return false;
        }
    }
    if (!de_kv_model_matches(&bench->next, store, NULL, dengine_str("b"), report)) {
        return false;
    }
    if (de_random_below(random, 5) == 0) {
        store.ops->abort(store.object);
    } else {
        CHECK_OK(store.ops->commit(store.object));
        bench->now = bench->next;
    }
    return true;
}

/* Checks what a view shows against its version and opens it anew. */
static bool turn_view(struct bench *bench, size_t which, struct dengine_contract_report *report)
{
    struct dengine_kv_store store = bench->store;

    if (bench->views[which] != NULL) {
        if (!de_kv_model_matches(&bench->then[which], store, bench->views[which], dengine_str(""),
                                 report)) {
            return false;
        }
        store.ops->view_close(store.object, bench->views[which]);
    }
    CHECK_OK(store.ops->view_open(store.object, &bench->views[which]));
    bench->then[which] = bench->now;
    return true;
}

/* Replaces the map by a part of it, or begins to and gives up. */
static bool random_replacement(struct bench *bench, struct de_random *random,
                               struct dengine_contract_report *report)
{
    struct dengine_kv_store store = bench->store;

    CHECK_OK(store.ops->replace_begin(store.object));
    bench->next.count = 0;
    for (size_t i = 0; i < bench->now.count; i++) {
        const struct de_kv_model_item *item = &bench->now.items[i];

        if (de_random_below(random, 3) > 0) {
            bench->next.items[bench->next.count++] = *item;
            CHECK_OK(store.ops->replace_put(store.object, dengine_bytes(item->key, item->key_size),
                                            dengine_bytes(item->value, item->value_size)));
        }
    }
    if (de_random_below(random, 3) == 0) {
        store.ops->replace_abort(store.object);
    } else {
        CHECK_OK(store.ops->replace_commit(store.object));
        bench->now = bench->next;
    }
    return true;
}

static void close_views(struct bench *bench)
{
    for (size_t i = 0; i < VIEWS; i++) {
        if (bench->views[i] != NULL) {
            bench->store.ops->view_close(bench->store.object, bench->views[i]);
            bench->views[i] = NULL;
        }
    }
}

static bool random_run(const struct dengine_kv_contract *contract, struct bench *bench,
                       uint64_t seed, struct dengine_contract_report *report)
{
    struct de_random random;

    de_random_init(&random, seed);
    memset(bench, 0, sizeof(*bench));
    CHECK_OK(contract->create(contract->context, &bench->store));
    for (int step = 0; step < 60; step++) {
        size_t which = (size_t)de_random_below(&random, VIEWS);

        if (!random_transaction(bench, &random, report) || !turn_view(bench, which, report)) {
            return false;
        }
        if (de_random_below(&random, 20) == 0 && !random_replacement(bench, &random, report)) {
            return false;
        }
        if (de_random_below(&random, 15) == 0) {
            close_views(bench);
            if (de_random_below(&random, 2) == 0 && !random_replacement(bench, &random, report)) {
                return false;
            }
            if (contract->reopen != NULL) {
                CHECK_OK(contract->reopen(contract->context, &bench->store));
            }
        }
    }
    close_views(bench);
    contract->destroy(contract->context, &bench->store);
    return true;
}

static bool random_operations_match_the_model(const struct dengine_kv_contract *contract,
                                              struct dengine_contract_report *report)
{
    struct bench *bench = malloc(sizeof(*bench));
    bool passed = bench != NULL;

    for (uint64_t seed = 1; seed <= 15 && passed; seed++) {
        passed = random_run(contract, bench, seed, report);
    }
    free(bench);
    return passed;
}

#define READERS 3u

/* A writer keeps "x" and "y" equal; readers must never see them differ. */
struct race {
    struct dengine_kv_store store;
    atomic_bool stop;
    atomic_uint views;
    atomic_int error;
};

static void *read_pairs(void *context)
{
    struct race *race = context;
    struct dengine_kv_store store = race->store;
    uint64_t newest = 0;

    while (!atomic_load(&race->stop) && atomic_load(&race->error) == 0) {
        struct dengine_kv_view *view;
        struct dengine_slice x;
        struct dengine_slice y;
        uint64_t number;
        int error = store.ops->view_open(store.object, &view);

        if (error != 0) {
            atomic_store(&race->error, error);
            break;
        }
        error = store.ops->view_get(store.object, view, dengine_str("x"), &x);
        if (error == 0) {
            error = store.ops->view_get(store.object, view, dengine_str("y"), &y);
        }
        if (error == 0 && (x.size != sizeof(number) || y.size != x.size)) {
            error = DE_FOUND_OTHER_VALUE;
        }
        if (error == 0) {
            memcpy(&number, x.data, sizeof(number));
            if (memcmp(x.data, y.data, x.size) != 0) {
                error = DE_FOUND_TORN;
            } else if (number < newest) {
                error = DE_FOUND_OLDER;
            }
            newest = number;
        }
        store.ops->view_close(store.object, view);
        if (error != 0) {
            atomic_store(&race->error, error);
        }
        atomic_fetch_add(&race->views, 1);
    }
    return NULL;
}

static int write_pair(struct dengine_kv_store store, uint64_t number)
{
    struct dengine_slice value = dengine_bytes(&number, sizeof(number));
    int error = store.ops->begin(store.object);

    if (error == 0) {
        error = store.ops->put(store.object, dengine_str("x"), value);
    }
    if (error == 0) {
        error = store.ops->put(store.object, dengine_str("y"), value);
    }
    return error != 0 ? error : store.ops->commit(store.object);
}

static bool views_in_other_threads_are_consistent(const struct dengine_kv_contract *contract,
                                                  struct dengine_contract_report *report)
{
    struct race race;
    struct de_patience patience;
    pthread_t threads[READERS];
    bool late = false;
    int error = 0;

    CHECK_OK(contract->create(contract->context, &race.store));
    CHECK_OK(write_pair(race.store, 0));
    atomic_init(&race.stop, false);
    atomic_init(&race.views, 0);
    atomic_init(&race.error, 0);
    for (size_t i = 0; i < READERS; i++) {
        CHECK(pthread_create(&threads[i], NULL, read_pairs, &race) == 0);
    }
    de_patience_init(&patience);
    for (uint64_t n = 1; error == 0 && atomic_load(&race.error) == 0 && !late; n++) {
        error = write_pair(race.store, n);
        late = de_patience_is_over(&patience); /* readers do not get on beside the writer */
        if (n >= 2000 && atomic_load(&race.views) >= 2000) {
            break;
        }
    }
    atomic_store(&race.stop, true);
    for (size_t i = 0; i < READERS; i++) {
        (void)pthread_join(threads[i], NULL);
    }
    CHECK_OK(error);
    CHECK_OK(atomic_load(&race.error));
    CHECK(!late);
    contract->destroy(contract->context, &race.store);
    return true;
}

const struct dengine_kv_contract_case *dengine_kv_contract_cases(size_t *count)
{
#define CASE(name)                                                                                 \
    {                                                                                              \
#name, name                                                                                \
    }
    static const struct dengine_kv_contract_case cases[] = {
        CASE(a_new_store_is_empty),
        CASE(a_transaction_sees_itself),
        CASE(an_abort_leaves_nothing),
        CASE(a_view_keeps_its_moment),
        CASE(keys_come_in_byte_order),
        CASE(iterating_stops_when_it_is_told),
        CASE(any_sizes_are_kept),
        CASE(ranges_are_removed_and_put_back),
        CASE(random_operations_match_the_model),
        CASE(views_in_other_threads_are_consistent),
        {"a_cursor_walks_both_ways", de_kv_case_cursor},
        {"a_cursor_that_finds_nothing_is_placed_anew", de_kv_case_cursor_ends},
        {"cursors_match_the_model", de_kv_case_cursor_random},
        {"cursors_read_as_they_step", de_kv_case_cursor_read},
        {"a_replacement_takes_the_place_of_the_map", de_kv_case_replace},
        {"a_replacement_given_up_leaves_the_map", de_kv_case_replace_abort},
        {"an_empty_replacement_empties_the_map", de_kv_case_replace_empty},
        {"a_replacement_wants_keys_in_order", de_kv_case_replace_order},
        {"a_replacement_has_any_size", de_kv_case_replace_sizes},
        {"views_in_other_threads_see_replacements_whole", de_kv_case_replace_threads},
    };
#undef CASE

    DE_ASSERT(count != NULL);
    *count = DE_ARRAY_SIZE(cases);
    return cases;
}
