/* The stores in memory when memory runs out: at any allocation the call fails, and nothing has
 * changed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "storage/mem/mem_kv.h"
#include "storage/mem/mem_log.h"
#include "tests/support/test_support.h"

#define KEYS 200

static struct dengine_slice key_of(size_t number, uint8_t bytes[2])
{
    bytes[0] = (uint8_t)('a' + number / 20);
    bytes[1] = (uint8_t)('a' + number % 20);
    return dengine_bytes(bytes, 2);
}

static void fill(struct dengine_kv_store store)
{
    uint8_t bytes[2];

    assert_int_equal(store.ops->begin(store.object), 0);
    for (size_t i = 0; i < KEYS; i++) {
        struct dengine_slice key = key_of(i * 7 % KEYS, bytes);

        assert_int_equal(store.ops->put(store.object, key, key), 0);
    }
    assert_int_equal(store.ops->commit(store.object), 0);
}

static void expect_filled(struct dengine_kv_store store)
{
    struct dengine_kv_view *view;
    struct dengine_kv_cursor *cursor;
    struct dengine_kv_pair pair;
    size_t count = 0;
    int error;

    assert_int_equal(store.ops->view_open(store.object, &view), 0);
    assert_int_equal(store.ops->cursor_open(store.object, view, &cursor), 0);
    error = store.ops->cursor_seek(store.object, cursor, dengine_bytes(NULL, 0), &pair);
    for (; error == 0; count++) {
        assert_int_equal(pair.key.size, pair.value.size);
        assert_memory_equal(pair.key.data, pair.value.data, pair.key.size);
        error = store.ops->cursor_next(store.object, cursor, &pair);
    }
    assert_int_equal(count, KEYS);
    store.ops->cursor_close(store.object, cursor);
    store.ops->view_close(store.object, view);
}

/* Overwrites, adds and removes; 0 or the first error, after which it aborts. */
static int change_much(struct dengine_kv_store store)
{
    uint8_t bytes[2];
    int error = store.ops->begin(store.object);

    assert_int_equal(error, 0);
    for (size_t i = 0; i < KEYS && error == 0; i++) {
        struct dengine_slice key = key_of(i, bytes);

        error = i % 3 == 0 ? store.ops->remove(store.object, key)
                           : store.ops->put(store.object, key, dengine_str("changed"));
    }
    for (size_t i = KEYS; i < KEYS + 40 && error == 0; i++) {
        error = store.ops->put(store.object, key_of(i, bytes), dengine_str("new"));
    }
    store.ops->abort(store.object);
    return error;
}

static void a_transaction_that_runs_out_leaves_the_contents(void **state)
{
    struct de_test_heap heap;
    struct dengine_kv_store store;
    size_t base;
    size_t failures = 0;

    (void)state;
    de_test_heap_init(&heap);
    assert_int_equal(de_mem_kv_open(&heap.allocator, &store), 0);
    fill(store);
    base = heap.blocks;
    for (size_t at = 0;; at++) {
        int error;

        heap.resizes_max = heap.resizes + at;
        error = change_much(store);
        heap.resizes_max = SIZE_MAX;
        expect_filled(store);
        assert_int_equal(heap.blocks, base);
        if (error == 0) {
            break;
        }
        assert_int_equal(error, DENGINE_E_NO_MEMORY);
        failures++;
    }
    assert_true(failures > 150);
    store.ops->close(store.object);
    assert_int_equal(heap.blocks, 0);
}

static int replace_all(struct dengine_kv_store store)
{
    uint8_t bytes[2];
    int error = store.ops->replace_begin(store.object);

    for (size_t i = 0; i < KEYS / 2 && error == 0; i++) {
        struct dengine_slice key = key_of(2 * i, bytes);

        error = store.ops->replace_put(store.object, key, key);
    }
    store.ops->replace_abort(store.object);
    return error;
}

static void a_replacement_that_runs_out_leaves_the_contents(void **state)
{
    struct de_test_heap heap;
    struct dengine_kv_store store;
    size_t base;
    int error = DENGINE_E_NO_MEMORY;

    (void)state;
    de_test_heap_init(&heap);
    assert_int_equal(de_mem_kv_open(&heap.allocator, &store), 0);
    fill(store);
    base = heap.blocks;
    for (size_t at = 0; error != 0; at++) {
        heap.resizes_max = heap.resizes + at;
        error = replace_all(store);
        heap.resizes_max = SIZE_MAX;
        assert_true(error == 0 || error == DENGINE_E_NO_MEMORY);
        expect_filled(store);
        assert_int_equal(heap.blocks, base);
    }
    store.ops->close(store.object);
    assert_int_equal(heap.blocks, 0);
}

static void a_view_without_memory_is_refused(void **state)
{
    struct de_test_heap heap;
    struct dengine_kv_store store;
    struct dengine_kv_view *view;
    struct dengine_kv_cursor *cursor;

    (void)state;
    de_test_heap_init(&heap);
    heap.resizes_max = 0;
    assert_int_equal(de_mem_kv_open(&heap.allocator, &store), DENGINE_E_NO_MEMORY);
    heap.resizes_max = SIZE_MAX;
    assert_int_equal(de_mem_kv_open(&heap.allocator, &store), 0);
    heap.resizes_max = heap.resizes;
    assert_int_equal(store.ops->view_open(store.object, &view), DENGINE_E_NO_MEMORY);
    heap.resizes_max = heap.resizes + 1;
    assert_int_equal(store.ops->view_open(store.object, &view), 0);
    assert_int_equal(store.ops->cursor_open(store.object, view, &cursor), DENGINE_E_NO_MEMORY);
    store.ops->view_close(store.object, view);
    store.ops->close(store.object);
    assert_int_equal(heap.blocks, 0);
}

static int check_entry(void *context, uint64_t index, const struct dengine_entry *entry)
{
    assert_int_equal(entry->term, *(const uint64_t *)context);
    assert_int_equal(entry->data.size, 3);
    assert_memory_equal(entry->data.data, "old", 3);
    assert_true(index >= 1);
    return 0;
}

static int append(struct dengine_log_store store, uint64_t first, uint64_t term, const char *text)
{
    struct dengine_entry entries[40];
    struct dengine_log_write writes[2];

    memset(writes, 0, sizeof(writes));
    for (size_t i = 0; i < 40; i++) {
        entries[i].term = term;
        entries[i].type = DENGINE_ENTRY_COMMAND;
        entries[i].data = dengine_str(text);
    }
    writes[0].set_hard_state = true;
    writes[0].hard_state.term = term;
    writes[0].truncate_from = first;
    writes[0].first_index = first;
    writes[0].entries = entries;
    writes[0].entry_count = 20;
    writes[1].first_index = first + 20;
    writes[1].entries = entries + 20;
    writes[1].entry_count = 20;
    return store.ops->write(store.object, writes, 2);
}

static void a_write_that_runs_out_leaves_the_log(void **state)
{
    struct de_test_heap heap;
    struct dengine_log_store store;
    struct dengine_log_state found;
    uint64_t term = 1;
    size_t base;
    int error = DENGINE_E_NO_MEMORY;

    (void)state;
    de_test_heap_init(&heap);
    heap.resizes_max = 0;
    assert_int_equal(de_mem_log_open(&heap.allocator, &store), DENGINE_E_NO_MEMORY);
    heap.resizes_max = SIZE_MAX;
    assert_int_equal(de_mem_log_open(&heap.allocator, &store), 0);
    assert_int_equal(append(store, 1, term, "old"), 0);
    base = heap.blocks;
    for (size_t at = 0; error != 0; at++) {
        heap.resizes_max = heap.resizes + at;
        error = append(store, 10, 2, "replaced");
        heap.resizes_max = SIZE_MAX;
        if (error != 0) {
            assert_int_equal(error, DENGINE_E_NO_MEMORY);
            assert_true(store.ops->message(store.object)[0] != '\0');
            store.ops->state(store.object, &found);
            assert_int_equal(found.last_index, 40);
            assert_int_equal(found.hard_state.term, 1);
            assert_int_equal(store.ops->read(store.object, 1, 40, check_entry, &term), 0);
            assert_int_equal(heap.blocks, base);
        }
    }
    store.ops->state(store.object, &found);
    assert_int_equal(found.last_index, 49);
    store.ops->close(store.object);
    assert_int_equal(heap.blocks, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_transaction_that_runs_out_leaves_the_contents),
        cmocka_unit_test(a_replacement_that_runs_out_leaves_the_contents),
        cmocka_unit_test(a_view_without_memory_is_refused),
        cmocka_unit_test(a_write_that_runs_out_leaves_the_log),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
