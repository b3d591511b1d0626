/* What replacing the whole map must do. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/base/assert.h"
#include "storage/contract/check.h"
#include "storage/contract/kv_contract.h"
#include "storage/contract/kv_model.h"

static int replace_put(struct dengine_kv_store store, const char *key, const char *value)
{
    return store.ops->replace_put(store.object, dengine_str(key), dengine_str(value));
}

/* What an open view says of key: as de_kv_view_says. */
static int shows(struct dengine_kv_store store, struct dengine_kv_view *view, const char *key,
                 const char *text)
{
    struct dengine_slice value;
    int error = store.ops->view_get(store.object, view, dengine_str(key), &value);

    return error == 0 && !de_kv_has(value, text) ? DE_FOUND_OTHER_VALUE : error;
}

bool de_kv_case_replace(const struct dengine_kv_contract *contract,
                        struct dengine_contract_report *report)
{
    struct dengine_kv_store store;
    struct dengine_kv_view *before;
    struct dengine_kv_view *meanwhile;

    CHECK_OK(contract->create(contract->context, &store));
    CHECK_OK(de_kv_put_one(store, "a", "old"));
    CHECK_OK(de_kv_put_one(store, "b", "old"));
    CHECK_OK(store.ops->view_open(store.object, &before));
    CHECK_OK(store.ops->replace_begin(store.object));
    CHECK_OK(replace_put(store, "a", "new"));
    CHECK_OK(replace_put(store, "c", ""));
    CHECK_OK(store.ops->view_open(store.object, &meanwhile));
    CHECK(shows(store, meanwhile, "a", "old") == 0);
    CHECK(shows(store, meanwhile, "c", "") == DENGINE_E_NOT_FOUND);
    CHECK_OK(store.ops->replace_commit(store.object));
    CHECK(de_kv_view_says(store, "a", "new") == 0);
    CHECK(de_kv_view_says(store, "b", "") == DENGINE_E_NOT_FOUND);
    CHECK(de_kv_view_says(store, "c", "") == 0);
    /* A transaction works on the new map, and the old one stays for those who have it. */
    CHECK_OK(de_kv_put_one(store, "d", "4"));
    CHECK(shows(store, before, "a", "old") == 0);
    CHECK(shows(store, before, "d", "") == DENGINE_E_NOT_FOUND);
    CHECK(shows(store, meanwhile, "b", "old") == 0);
    store.ops->view_close(store.object, before);
    store.ops->view_close(store.object, meanwhile);
    if (contract->reopen != NULL) {
        CHECK_OK(contract->reopen(contract->context, &store));
    }
    CHECK(de_kv_view_says(store, "a", "new") == 0);
    CHECK(de_kv_view_says(store, "b", "") == DENGINE_E_NOT_FOUND);
    CHECK(de_kv_view_says(store, "d", "4") == 0);
    contract->destroy(contract->context, &store);
    return true;
}

bool de_kv_case_replace_abort(const struct dengine_kv_contract *contract,
                              struct dengine_contract_report *report)
{
    struct dengine_kv_store store;

    CHECK_OK(contract->create(contract->context, &store));
    CHECK_OK(de_kv_put_one(store, "a", "old"));
    for (int i = 0; i < 3; i++) {
        CHECK_OK(store.ops->replace_begin(store.object));
        CHECK_OK(replace_put(store, "a", "new"));
        CHECK_OK(replace_put(store, "b", "new"));
        store.ops->replace_abort(store.object);
        CHECK(de_kv_view_says(store, "a", "old") == 0);
        CHECK(de_kv_view_says(store, "b", "") == DENGINE_E_NOT_FOUND);
    }
    CHECK_OK(store.ops->replace_begin(store.object));
    store.ops->replace_abort(store.object);
    CHECK_OK(de_kv_put_one(store, "c", "3"));
    if (contract->reopen != NULL) {
        CHECK_OK(contract->reopen(contract->context, &store));
    }
    CHECK(de_kv_view_says(store, "a", "old") == 0);
    CHECK(de_kv_view_says(store, "b", "") == DENGINE_E_NOT_FOUND);
    CHECK(de_kv_view_says(store, "c", "3") == 0);
    /* What was given up has left nothing behind for the next one. */
    CHECK_OK(store.ops->replace_begin(store.object));
    CHECK_OK(replace_put(store, "d", "4"));
    CHECK_OK(store.ops->replace_commit(store.object));
    CHECK(de_kv_view_says(store, "a", "") == DENGINE_E_NOT_FOUND);
    CHECK(de_kv_view_says(store, "b", "") == DENGINE_E_NOT_FOUND);
    CHECK(de_kv_view_says(store, "d", "4") == 0);
    contract->destroy(contract->context, &store);
    return true;
}

bool de_kv_case_replace_empty(const struct dengine_kv_contract *contract,
                              struct dengine_contract_report *report)
{
    struct dengine_kv_store store;

    CHECK_OK(contract->create(contract->context, &store));
    for (int i = 0; i < 500; i++) {
        char key[16];

        (void)snprintf(key, sizeof(key), "key%d", i);
        CHECK_OK(de_kv_put_one(store, key, "v"));
    }
    CHECK_OK(store.ops->replace_begin(store.object));
    CHECK_OK(store.ops->replace_commit(store.object));
    CHECK(de_kv_view_says(store, "key7", "") == DENGINE_E_NOT_FOUND);
    CHECK_OK(de_kv_put_one(store, "key7", "again"));
    if (contract->reopen != NULL) {
        CHECK_OK(contract->reopen(contract->context, &store));
    }
    CHECK(de_kv_view_says(store, "key7", "again") == 0);
    CHECK(de_kv_view_says(store, "key8", "") == DENGINE_E_NOT_FOUND);
    contract->destroy(contract->context, &store);
    return true;
}

bool de_kv_case_replace_order(const struct dengine_kv_contract *contract,
                              struct dengine_contract_report *report)
{
    static const char *const bad[] = {"b", "a", "ab", "aaa"};
    struct dengine_kv_store store;

    CHECK_OK(contract->create(contract->context, &store));
    CHECK_OK(de_kv_put_one(store, "old", "1"));
    for (size_t i = 0; i < DE_ARRAY_SIZE(bad); i++) {
        CHECK_OK(store.ops->replace_begin(store.object));
        CHECK_OK(replace_put(store, "a", "1"));
        CHECK_OK(replace_put(store, "aa", "1"));
        CHECK_OK(replace_put(store, "b", "1"));
        CHECK(replace_put(store, bad[i], "1") == DENGINE_E_INVALID);
        store.ops->replace_abort(store.object);
    }
    CHECK_OK(store.ops->replace_begin(store.object));
    CHECK_OK(replace_put(store, "a", "1"));
    CHECK_OK(replace_put(store, "\xff", "1"));
    CHECK_OK(replace_put(store, "\xff\x01", "1"));
    CHECK_OK(store.ops->replace_commit(store.object));
    CHECK(de_kv_view_says(store, "old", "") == DENGINE_E_NOT_FOUND);
    CHECK(de_kv_view_says(store, "\xff\x01", "1") == 0);
    contract->destroy(contract->context, &store);
    return true;
}

#define SIZES_KEYS 20000u
#define SIZE_BIG   3000000u

/* Small values, and some large ones among them. */
static struct dengine_slice sized_value(const uint8_t *data, unsigned number)
{
    return dengine_bytes(data, number % 1999 == 1 ? SIZE_BIG - number : number % 300);
}

struct sized {
    const uint8_t *data;
    unsigned next;
};

static int visit_sized(void *context, struct dengine_slice key, struct dengine_slice value)
{
    struct sized *sized = context;
    struct dengine_slice wanted = sized_value(sized->data, sized->next);
    char text[16];

    (void)snprintf(text, sizeof(text), "%08u", sized->next++);
    return de_kv_has(key, text) && value.size == wanted.size &&
                   (value.size == 0 || memcmp(value.data, wanted.data, value.size) == 0)
               ? 0
               : DE_FOUND_OTHER_VALUE;
}

static int fill_sizes(struct dengine_kv_store store, const uint8_t *data)
{
    char key[16];
    int error = store.ops->replace_begin(store.object);

    for (unsigned i = 0; i < SIZES_KEYS && error == 0; i++) {
        (void)snprintf(key, sizeof(key), "%08u", i);
        error = store.ops->replace_put(store.object, dengine_str(key), sized_value(data, i));
    }
    return error != 0 ? error : store.ops->replace_commit(store.object);
}

bool de_kv_case_replace_sizes(const struct dengine_kv_contract *contract,
                              struct dengine_contract_report *report)
{
    struct dengine_kv_store store;
    struct dengine_kv_view *view;
    uint8_t *data = malloc(SIZE_BIG);
    struct sized sized = {data, 0};

    CHECK(data != NULL);
    for (size_t i = 0; i < SIZE_BIG; i++) {
        data[i] = (uint8_t)(i % 251);
    }
    CHECK_OK(contract->create(contract->context, &store));
    CHECK_OK(de_kv_put_one(store, "old", "1"));
    CHECK_OK(fill_sizes(store, data));
    if (contract->reopen != NULL) {
        CHECK_OK(contract->reopen(contract->context, &store));
    }
    CHECK_OK(store.ops->view_open(store.object, &view));
    CHECK_OK(de_kv_view_walk(store, view, dengine_bytes(NULL, 0), SIZES_KEYS, visit_sized, &sized));
    CHECK(sized.next == SIZES_KEYS);
    store.ops->view_close(store.object, view);
    contract->destroy(contract->context, &store);
    free(data);
    return true;
}

#define RACE_READERS 3u
#define RACE_KEYS    50u

/* The writer replaces all values by the next number; readers must never see two numbers. */
struct race {
    struct dengine_kv_store store;
    atomic_bool stop;
    atomic_uint views;
    atomic_int error;
};

struct seen {
    uint64_t number;
    size_t count;
};

static int visit_race(void *context, struct dengine_slice key, struct dengine_slice value)
{
    struct seen *seen = context;
    uint64_t number;

    (void)key;
    if (value.size != sizeof(number)) {
        return DE_FOUND_OTHER_VALUE;
    }
    memcpy(&number, value.data, sizeof(number));
    if (seen->count++ > 0 && number != seen->number) {
        return DE_FOUND_TORN;
    }
    seen->number = number;
    return 0;
}

static void *read_race(void *context)
{
    struct race *race = context;
    struct dengine_kv_store store = race->store;
    uint64_t newest = 0;

    while (!atomic_load(&race->stop) && atomic_load(&race->error) == 0) {
        struct dengine_kv_view *view;
        struct seen seen = {0, 0};
        int error = store.ops->view_open(store.object, &view);

        if (error == 0) {
            error =
                de_kv_view_walk(store, view, dengine_bytes(NULL, 0), RACE_KEYS, visit_race, &seen);
            if (error == 0 && seen.count != RACE_KEYS) {
                error = DE_FOUND_LESS;
            } else if (error == 0 && seen.number < newest) {
                error = DE_FOUND_OLDER;
            }
            newest = seen.number;
            store.ops->view_close(store.object, view);
        }
        if (error != 0) {
            atomic_store(&race->error, error);
        }
        atomic_fetch_add(&race->views, 1);
    }
    return NULL;
}

static int replace_race(struct dengine_kv_store store, uint64_t number)
{
    int error = store.ops->replace_begin(store.object);

    for (unsigned i = 0; i < RACE_KEYS && error == 0; i++) {
        char key[16];

        (void)snprintf(key, sizeof(key), "%08u", i);
        error = store.ops->replace_put(store.object, dengine_str(key),
                                       dengine_bytes(&number, sizeof(number)));
    }
    return error != 0 ? error : store.ops->replace_commit(store.object);
}

bool de_kv_case_replace_threads(const struct dengine_kv_contract *contract,
                                struct dengine_contract_report *report)
{
    struct race race;
    struct de_patience patience;
    pthread_t threads[RACE_READERS];
    bool late = false;
    int error = 0;

    CHECK_OK(contract->create(contract->context, &race.store));
    CHECK_OK(replace_race(race.store, 1));
    atomic_init(&race.stop, false);
    atomic_init(&race.views, 0);
    atomic_init(&race.error, 0);
    for (size_t i = 0; i < RACE_READERS; i++) {
        CHECK(pthread_create(&threads[i], NULL, read_race, &race) == 0);
    }
    de_patience_init(&patience);
    for (uint64_t n = 2; error == 0 && atomic_load(&race.error) == 0 && !late; n++) {
        error = replace_race(race.store, n);
        late = de_patience_is_over(&patience); /* readers do not get on beside the writer */
        if (n >= 200 && atomic_load(&race.views) >= 1000) {
            break;
        }
    }
    atomic_store(&race.stop, true);
    for (size_t i = 0; i < RACE_READERS; i++) {
        (void)pthread_join(threads[i], NULL);
    }
    CHECK_OK(error);
    CHECK_OK(atomic_load(&race.error));
    CHECK(!late);
    contract->destroy(contract->context, &race.store);
    return true;
}
