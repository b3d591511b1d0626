/* What cursors over views must do. */
#include <stdio.h>

#include "core/base/assert.h"
#include "core/base/random.h"
#include "storage/contract/check.h"
#include "storage/contract/kv_contract.h"

bool de_kv_has(struct dengine_slice value, const char *text)
{
    return value.size == strlen(text) && memcmp(value.data, text, value.size) == 0;
}

int de_kv_put_one(struct dengine_kv_store store, const char *key, const char *value)
{
    int error = store.ops->begin(store.object);

    if (error == 0) {
        error = store.ops->put(store.object, dengine_str(key), dengine_str(value));
        if (error != 0) {
            store.ops->abort(store.object);
        }
    }
    return error != 0 ? error : store.ops->commit(store.object);
}

int de_kv_remove_one(struct dengine_kv_store store, const char *key)
{
    int error = store.ops->begin(store.object);

    if (error == 0) {
        error = store.ops->remove(store.object, dengine_str(key));
        if (error != 0) {
            store.ops->abort(store.object);
        }
    }
    return error != 0 ? error : store.ops->commit(store.object);
}

int de_kv_view_says(struct dengine_kv_store store, const char *key, const char *text)
{
    struct dengine_kv_view *view;
    struct dengine_slice value;
    int error = store.ops->view_open(store.object, &view);

    if (error != 0) {
        return error;
    }
    error = store.ops->view_get(store.object, view, dengine_str(key), &value);
    if (error == 0 && !de_kv_has(value, text)) {
        error = DE_FOUND_OTHER_VALUE;
    }
    store.ops->view_close(store.object, view);
    return error;
}

static bool is_pair(struct dengine_kv_pair pair, const char *key, const char *value)
{
    return de_kv_has(pair.key, key) && de_kv_has(pair.value, value);
}

bool de_kv_case_cursor(const struct dengine_kv_contract *contract,
                       struct dengine_contract_report *report)
{
    struct dengine_kv_store store;
    struct dengine_kv_view *view;
    struct dengine_kv_cursor *cursor;
    struct dengine_kv_pair first;
    struct dengine_kv_pair pair;

    CHECK_OK(contract->create(contract->context, &store));
    CHECK_OK(de_kv_put_one(store, "b", "2"));
    CHECK_OK(de_kv_put_one(store, "a", "1"));
    CHECK_OK(de_kv_put_one(store, "bb", ""));
    CHECK_OK(store.ops->view_open(store.object, &view));
    CHECK_OK(store.ops->cursor_open(store.object, view, &cursor));
    /* The view does not move under the cursor. */
    CHECK_OK(de_kv_put_one(store, "aa", "later"));
    CHECK_OK(de_kv_remove_one(store, "b"));
    CHECK_OK(store.ops->cursor_seek(store.object, cursor, dengine_bytes(NULL, 0), &first));
    CHECK(is_pair(first, "a", "1"));
    CHECK_OK(store.ops->cursor_next(store.object, cursor, &pair));
    CHECK(is_pair(pair, "b", "2"));
    CHECK_OK(store.ops->cursor_next(store.object, cursor, &pair));
    CHECK(is_pair(pair, "bb", ""));
    CHECK_OK(store.ops->cursor_previous(store.object, cursor, &pair));
    CHECK(is_pair(pair, "b", "2"));
    CHECK_OK(store.ops->cursor_seek(store.object, cursor, dengine_str("b"), &pair));
    CHECK(is_pair(pair, "b", "2"));
    CHECK_OK(store.ops->cursor_seek(store.object, cursor, dengine_str("aaa"), &pair));
    CHECK(is_pair(pair, "b", "2"));
    CHECK_OK(store.ops->cursor_seek_before(store.object, cursor, dengine_str("b"), &pair));
    CHECK(is_pair(pair, "a", "1"));
    CHECK_OK(store.ops->cursor_seek_before(store.object, cursor, dengine_str("zz"), &pair));
    CHECK(is_pair(pair, "bb", ""));
    CHECK_OK(store.ops->cursor_seek_before(store.object, cursor, dengine_bytes(NULL, 0), &pair));
    CHECK(is_pair(pair, "bb", ""));
    /* What a step has shown lives as long as the view. */
    store.ops->cursor_close(store.object, cursor);
    CHECK(is_pair(first, "a", "1"));
    store.ops->view_close(store.object, view);
    contract->destroy(contract->context, &store);
    return true;
}

bool de_kv_case_cursor_ends(const struct dengine_kv_contract *contract,
                            struct dengine_contract_report *report)
{
    struct dengine_kv_store store;
    struct dengine_kv_view *view;
    struct dengine_kv_cursor *cursor;
    struct dengine_kv_pair pair;

    CHECK_OK(contract->create(contract->context, &store));
    CHECK_OK(store.ops->view_open(store.object, &view));
    CHECK_OK(store.ops->cursor_open(store.object, view, &cursor));
    CHECK(store.ops->cursor_seek(store.object, cursor, dengine_bytes(NULL, 0), &pair) ==
          DENGINE_E_NOT_FOUND);
    CHECK(store.ops->cursor_seek_before(store.object, cursor, dengine_bytes(NULL, 0), &pair) ==
          DENGINE_E_NOT_FOUND);
    CHECK(store.ops->cursor_seek(store.object, cursor, dengine_str("a"), &pair) ==
          DENGINE_E_NOT_FOUND);
    store.ops->cursor_close(store.object, cursor);
    store.ops->view_close(store.object, view);
    CHECK_OK(de_kv_put_one(store, "k", "v"));
    CHECK_OK(store.ops->view_open(store.object, &view));
    CHECK_OK(store.ops->cursor_open(store.object, view, &cursor));
    CHECK(store.ops->cursor_seek(store.object, cursor, dengine_str("l"), &pair) ==
          DENGINE_E_NOT_FOUND);
    CHECK(store.ops->cursor_seek_before(store.object, cursor, dengine_str("k"), &pair) ==
          DENGINE_E_NOT_FOUND);
    CHECK_OK(store.ops->cursor_seek(store.object, cursor, dengine_str("k"), &pair));
    CHECK(store.ops->cursor_next(store.object, cursor, &pair) == DENGINE_E_NOT_FOUND);
    CHECK_OK(store.ops->cursor_seek_before(store.object, cursor, dengine_str("l"), &pair));
    CHECK(is_pair(pair, "k", "v"));
    CHECK(store.ops->cursor_previous(store.object, cursor, &pair) == DENGINE_E_NOT_FOUND);
    CHECK_OK(store.ops->cursor_seek(store.object, cursor, dengine_str("a"), &pair));
    CHECK(is_pair(pair, "k", "v"));
    store.ops->cursor_close(store.object, cursor);
    store.ops->view_close(store.object, view);
    contract->destroy(contract->context, &store);
    return true;
}

#define NUMBERS 3000

/* Even numbers are keys, odd ones lie between them. */
static struct dengine_slice number_key(int number, char text[8])
{
    (void)snprintf(text, 8, "%05d", number);
    return dengine_str(text);
}

static int fill(struct dengine_kv_store store)
{
    char text[8];
    int error = store.ops->begin(store.object);

    for (int i = 0; i < NUMBERS && error == 0; i += 2) {
        struct dengine_slice key = number_key(i, text);

        error = store.ops->put(store.object, key, key);
    }
    return error != 0 ? error : store.ops->commit(store.object);
}

/* One move from *at, which is where the cursor must then be; -1: on nothing. */
static bool random_move(struct dengine_kv_store store, struct dengine_kv_cursor *cursor,
                        struct de_random *random, int *at, struct dengine_contract_report *report)
{
    uint64_t choice = de_random_below(random, *at < 0 ? 2 : 8);
    int number = (int)de_random_below(random, NUMBERS + 2);
    struct dengine_kv_pair pair;
    char text[8];
    int error;

    if (choice == 0) {
        error = store.ops->cursor_seek(store.object, cursor, number_key(number, text), &pair);
        *at = (number + 1) / 2 * 2;
    } else if (choice == 1) {
        error =
            store.ops->cursor_seek_before(store.object, cursor, number_key(number, text), &pair);
        *at = (number + 1) / 2 * 2 - 2;
    } else if (choice < 5) {
        error = store.ops->cursor_next(store.object, cursor, &pair);
        *at += 2;
    } else {
        error = store.ops->cursor_previous(store.object, cursor, &pair);
        *at -= 2;
    }
    if (*at < 0 || *at >= NUMBERS) {
        *at = -1;
        CHECK(error == DENGINE_E_NOT_FOUND);
        return true;
    }
    CHECK_OK(error);
    (void)number_key(*at, text);
    CHECK(is_pair(pair, text, text));
    return true;
}

bool de_kv_case_cursor_random(const struct dengine_kv_contract *contract,
                              struct dengine_contract_report *report)
{
    struct dengine_kv_store store;
    struct dengine_kv_view *view;
    struct dengine_kv_cursor *cursor;
    struct de_random random;
    int at = -1;

    de_random_init(&random, 7);
    CHECK_OK(contract->create(contract->context, &store));
    CHECK_OK(fill(store));
    CHECK_OK(store.ops->view_open(store.object, &view));
    CHECK_OK(store.ops->cursor_open(store.object, view, &cursor));
    for (int i = 0; i < 20000; i++) {
        if (!random_move(store, cursor, &random, &at, report)) {
            return false;
        }
    }
    store.ops->cursor_close(store.object, cursor);
    store.ops->view_close(store.object, view);
    contract->destroy(contract->context, &store);
    return true;
}

/* Reads room pairs after *at, which is where the cursor is, and moves *at to the last of them; -1:
 * the cursor is on nothing. */
static bool read_several(struct dengine_kv_store store, struct dengine_kv_cursor *cursor,
                         bool reverse, size_t room, int *at, struct dengine_contract_report *report)
{
    const int step = reverse ? -2 : 2;
    struct dengine_kv_pair pairs[100];
    size_t left = (size_t)(reverse ? *at / 2 : (NUMBERS - 2 - *at) / 2);
    size_t count = 0;
    int error = store.ops->cursor_read(store.object, cursor, reverse, pairs, room, &count);

    if (left == 0) {
        *at = -1;
        CHECK(error == DENGINE_E_NOT_FOUND);
        return true;
    }
    CHECK_OK(error);
    CHECK(count == (left < room ? left : room));
    for (size_t i = 0; i < count; i++) {
        char text[8];

        *at += step;
        (void)number_key(*at, text);
        CHECK(is_pair(pairs[i], text, text));
    }
    *at = count < room ? -1 : *at;
    return true;
}

bool de_kv_case_cursor_read(const struct dengine_kv_contract *contract,
                            struct dengine_contract_report *report)
{
    struct dengine_kv_store store;
    struct dengine_kv_view *view;
    struct dengine_kv_cursor *cursor;
    struct de_random random;
    int at = -1;

    de_random_init(&random, 11);
    CHECK_OK(contract->create(contract->context, &store));
    CHECK_OK(fill(store));
    CHECK_OK(store.ops->view_open(store.object, &view));
    CHECK_OK(store.ops->cursor_open(store.object, view, &cursor));
    for (int i = 0; i < 5000 && store.ops->cursor_read != NULL; i++) {
        const size_t room = 1 + (size_t)de_random_below(&random, 100);

        if (at < 0 || de_random_below(&random, 3) == 0) {
            if (!random_move(store, cursor, &random, &at, report)) {
                return false;
            }
        } else if (!read_several(store, cursor, de_random_below(&random, 2) == 0, room, &at,
                                 report)) {
            return false;
        }
    }
    store.ops->cursor_close(store.object, cursor);
    store.ops->view_close(store.object, view);
    contract->destroy(contract->context, &store);
    return true;
}
