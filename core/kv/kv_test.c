#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/random.h"
#include "core/kv/kv.h"
#include "core/kv/kv_test_machine.h"
#include "core/kv/record.h"
#include "tests/support/test_support.h"

static int apply(struct test_machine *f, uint64_t index, const struct de_kv_command *command,
                 struct dengine_result *result)
{
    uint8_t bytes[1024];
    const size_t size = de_kv_command_encode(command, bytes, sizeof bytes);

    const struct dengine_position at = {index, 1, index * 10};

    return f->machine.ops->apply(f->machine.object, &at, dengine_bytes(bytes, size), result);
}

static struct de_kv_command put_of(const char *key, const char *value)
{
    return de_kv_put(dengine_str(key), dengine_str(value));
}

static struct de_kv_command delete_of(const char *key)
{
    return de_kv_delete(dengine_str(key));
}

/* expected NULL: absent. */
static struct de_kv_command cas_of(const char *key, const char *expected, const char *value)
{
    const struct dengine_slice slice = dengine_str(expected != NULL ? expected : "");

    return de_kv_cas(dengine_str(key), expected != NULL ? &slice : NULL, dengine_str(value));
}

/* One command as one entry. */
static struct dengine_result run(struct test_machine *f, uint64_t index,
                                 struct de_kv_command command)
{
    struct dengine_result result = {.status = -1};

    assert_int_equal(f->machine.ops->begin(f->machine.object), 0);
    assert_int_equal(apply(f, index, &command, &result), 0);
    assert_int_equal(f->machine.ops->commit(f->machine.object, index, 1), 0);
    return result;
}

/* The record's numbers, and its value as a string in a static-sized buffer; 0 or NOT_FOUND. */
static int look(struct test_machine *f, const char *key, struct de_kv_record *record, char *value)
{
    struct de_kv_view view;
    int rc;

    assert_int_equal(de_kv_view_open(f->kv, &view), 0);
    rc = de_kv_view_get(&view, dengine_str(key), record);
    if (rc == 0) {
        assert_true(record->value.size < 64);
        if (record->value.size > 0) {
            memcpy(value, record->value.data, record->value.size);
        }
        value[record->value.size] = '\0';
    }
    de_kv_view_close(&view);
    return rc;
}

static void test_put_counts_revisions_and_versions(void **state)
{
    struct test_machine f;
    struct de_kv_record record;
    char value[64];
    struct dengine_result result;

    (void)state;
    test_machine_setup(&f);
    assert_int_equal(look(&f, "a", &record, value), DENGINE_E_NOT_FOUND);
    result = run(&f, 5, put_of("a", "one"));
    assert_int_equal(result.status, 0);
    assert_true(result.succeeded);
    assert_int_equal(result.revision, 5);
    (void)run(&f, 8, put_of("a", "two"));
    assert_int_equal(look(&f, "a", &record, value), 0);
    assert_string_equal(value, "two");
    assert_int_equal(record.create_revision, 5);
    assert_int_equal(record.mod_revision, 8);
    assert_int_equal(record.version, 2);
    assert_int_equal(record.lease, 0);
    test_machine_teardown(&f);
}

static void test_delete_of_an_absent_key_succeeds_and_changes_nothing(void **state)
{
    struct test_machine f;
    struct dengine_result result;

    (void)state;
    test_machine_setup(&f);
    (void)run(&f, 1, put_of("a", "x"));
    result = run(&f, 2, delete_of("b"));
    assert_int_equal(result.status, 0);
    assert_true(result.succeeded);
    assert_int_equal(result.revision, 2);
    assert_int_equal(f.store.committed.count, 2); /* "a" and our own mark */
    test_machine_teardown(&f);
}

static void test_a_key_put_after_delete_starts_anew(void **state)
{
    struct test_machine f;
    struct de_kv_record record;
    char value[64];

    (void)state;
    test_machine_setup(&f);
    (void)run(&f, 1, put_of("a", "x"));
    (void)run(&f, 2, delete_of("a"));
    assert_int_equal(look(&f, "a", &record, value), DENGINE_E_NOT_FOUND);
    (void)run(&f, 3, put_of("a", ""));
    assert_int_equal(look(&f, "a", &record, value), 0);
    assert_string_equal(value, "");
    assert_int_equal(record.create_revision, 3);
    assert_int_equal(record.version, 1);
    test_machine_teardown(&f);
}

static void test_cas_compares_value_or_absence(void **state)
{
    struct test_machine f;
    struct de_kv_record record;
    char value[64];

    (void)state;
    test_machine_setup(&f);
    assert_false(run(&f, 1, cas_of("a", "x", "y")).succeeded);
    assert_false(run(&f, 2, cas_of("a", "", "y")).succeeded); /* empty is not absent */
    assert_true(run(&f, 3, cas_of("a", NULL, "y")).succeeded);
    assert_false(run(&f, 4, cas_of("a", NULL, "z")).succeeded);
    assert_false(run(&f, 5, cas_of("a", "yy", "z")).succeeded);
    assert_true(run(&f, 6, cas_of("a", "y", "z")).succeeded);
    assert_int_equal(look(&f, "a", &record, value), 0);
    assert_string_equal(value, "z");
    assert_int_equal(record.create_revision, 3);
    assert_int_equal(record.mod_revision, 6);
    assert_int_equal(record.version, 2);
    test_machine_teardown(&f);
}

/* Zoo 51: two CAS of one batch from the same old value; only the first may win. */
static void test_cas_sees_its_own_batch(void **state)
{
    struct test_machine f;
    struct de_kv_command first = cas_of("a", NULL, "first");
    struct de_kv_command second = cas_of("a", NULL, "second");
    struct de_kv_command third = cas_of("a", "first", "third");
    struct de_kv_record record;
    struct dengine_result result;
    char value[64];

    (void)state;
    test_machine_setup(&f);
    assert_int_equal(f.machine.ops->begin(f.machine.object), 0);
    assert_int_equal(apply(&f, 7, &first, &result), 0);
    assert_true(result.succeeded);
    assert_int_equal(apply(&f, 7, &second, &result), 0);
    assert_false(result.succeeded);
    assert_int_equal(apply(&f, 7, &third, &result), 0);
    assert_true(result.succeeded);
    assert_int_equal(result.revision, 7);
    assert_int_equal(f.machine.ops->commit(f.machine.object, 7, 1), 0);
    assert_int_equal(look(&f, "a", &record, value), 0);
    assert_string_equal(value, "third");
    assert_int_equal(record.create_revision, 7);
    assert_int_equal(record.version, 2);
    test_machine_teardown(&f);
}

/* Zoo 32: a crash at any point leaves data and applied index of the same batch. */
static void test_applied_index_is_atomic_with_data(void **state)
{
    (void)state;
    for (size_t fail_at = 0; fail_at < 12; fail_at++) {
        struct test_machine f;
        struct de_kv_command a = put_of("a", "new");
        struct de_kv_command b = put_of("b", "new");
        struct dengine_result result;
        struct de_kv_record record;
        uint64_t index = 0;
        uint64_t term = 0;
        char value[64];
        int rc;

        test_machine_setup(&f);
        (void)run(&f, 1, put_of("a", "old"));
        f.store.calls = 0;
        f.store.fail_at = fail_at;
        rc = f.machine.ops->begin(f.machine.object);
        rc = rc ? rc : apply(&f, 2, &a, &result);
        rc = rc ? rc : apply(&f, 3, &b, &result);
        rc = rc ? rc : f.machine.ops->commit(f.machine.object, 3, 4);
        assert_int_equal(rc, fail_at < 7 ? DENGINE_E_IO : 0);
        if (rc != 0) {
            /* Final, with the store's reason. */
            assert_int_equal(f.machine.ops->begin(f.machine.object), DENGINE_E_IO);
            assert_int_equal(apply(&f, 4, &a, &result), DENGINE_E_IO);
            assert_int_equal(f.machine.ops->commit(f.machine.object, 4, 4), DENGINE_E_IO);
            assert_string_equal(f.machine.ops->message(f.machine.object),
                                "the test store was told to fail");
        }
        de_kv_free(f.kv);
        f.store.fail_at = SIZE_MAX;
        test_machine_open(&f);
        assert_int_equal(f.machine.ops->applied(f.machine.object, &index, &term), 0);
        assert_int_equal(index, rc == 0 ? 3 : 1);
        assert_int_equal(term, rc == 0 ? 4 : 1);
        assert_int_equal(look(&f, "a", &record, value), 0);
        assert_string_equal(value, rc == 0 ? "new" : "old");
        assert_int_equal(look(&f, "b", &record, value), rc == 0 ? 0 : DENGINE_E_NOT_FOUND);
        test_machine_teardown(&f);
    }
}

static void test_a_malformed_command_is_answered_invalid(void **state)
{
    const struct dengine_position at = {2, 1, 0};
    struct test_machine f;
    struct dengine_result result;
    uint64_t index = 0;
    uint64_t term = 0;

    (void)state;
    test_machine_setup(&f);
    assert_int_equal(f.machine.ops->begin(f.machine.object), 0);
    assert_int_equal(f.machine.ops->apply(f.machine.object, &at, dengine_str("nonsense"), &result),
                     0);
    assert_int_equal(result.status, DENGINE_E_INVALID);
    assert_false(result.succeeded);
    assert_int_equal(f.machine.ops->commit(f.machine.object, 2, 1), 0);
    assert_int_equal(f.store.committed.count, 1);
    assert_int_equal(f.machine.ops->applied(f.machine.object, &index, &term), 0);
    assert_int_equal(index, 2);
    test_machine_teardown(&f);
}

static void test_an_entry_without_commands_moves_the_applied_index(void **state)
{
    struct test_machine f;
    struct de_kv_view view;

    (void)state;
    test_machine_setup(&f);
    assert_int_equal(f.machine.ops->begin(f.machine.object), 0);
    assert_int_equal(f.machine.ops->commit(f.machine.object, 9, 2), 0);
    assert_int_equal(de_kv_view_open(f.kv, &view), 0);
    assert_int_equal(view.revision, 9);
    de_kv_view_close(&view);
    test_machine_teardown(&f);
}

static void test_a_view_does_not_move(void **state)
{
    struct test_machine f;
    struct de_kv_view view;
    struct de_kv_record record;

    (void)state;
    test_machine_setup(&f);
    (void)run(&f, 1, put_of("a", "old"));
    assert_int_equal(de_kv_view_open(f.kv, &view), 0);
    (void)run(&f, 2, put_of("a", "new"));
    assert_int_equal(view.revision, 1);
    assert_int_equal(de_kv_view_get(&view, dengine_str("a"), &record), 0);
    assert_memory_equal(record.value.data, "old", 3);
    assert_int_equal(de_kv_view_get(&view, dengine_str(""), &record), DENGINE_E_NOT_FOUND);
    de_kv_view_close(&view);
    test_machine_teardown(&f);
}

struct seen {
    char keys[64];
    size_t count;
    size_t stop_at;
};

static int note_key(void *context, struct dengine_slice key, const struct de_kv_record *record)
{
    struct seen *seen = context;

    assert_true(record->version >= 1);
    strncat(seen->keys, key.data, key.size);
    return ++seen->count == seen->stop_at ? 42 : 0;
}

static void test_iteration_shows_user_keys_in_order(void **state)
{
    static uint8_t long_key[DE_KV_USER_KEY_MAX + 1];
    struct test_machine f;
    struct de_kv_view view;
    struct seen seen = {.stop_at = SIZE_MAX};

    (void)state;
    test_machine_setup(&f);
    (void)run(&f, 1, put_of("c", ""));
    (void)run(&f, 2, put_of("a", ""));
    (void)run(&f, 3, put_of("b", ""));
    assert_int_equal(de_kv_view_open(f.kv, &view), 0);
    assert_int_equal(de_kv_view_iterate(&view, dengine_str(""), note_key, &seen), 0);
    assert_string_equal(seen.keys, "abc");
    seen = (struct seen){.stop_at = SIZE_MAX};
    assert_int_equal(de_kv_view_iterate(&view, dengine_str("b"), note_key, &seen), 0);
    assert_string_equal(seen.keys, "bc");
    seen = (struct seen){.stop_at = 1};
    assert_int_equal(de_kv_view_iterate(&view, dengine_str("b"), note_key, &seen), 42);
    assert_string_equal(seen.keys, "b");
    assert_int_equal(
        de_kv_view_iterate(&view, dengine_bytes(long_key, sizeof long_key), note_key, &seen),
        DENGINE_E_TOO_LARGE);
    de_kv_view_close(&view);
    test_machine_teardown(&f);
}

static uint64_t digest_of(struct test_machine *f)
{
    uint64_t digest = 0;

    assert_int_equal(f->machine.ops->digest(f->machine.object, &digest), 0);
    return digest;
}

static void test_digest_tells_states_apart(void **state)
{
    struct test_machine f;
    struct test_machine g;

    (void)state;
    test_machine_setup(&f);
    test_machine_setup(&g);
    assert_true(digest_of(&f) == digest_of(&g));
    (void)run(&f, 1, put_of("ab", "c"));
    (void)run(&g, 1, put_of("a", "bc"));
    assert_false(digest_of(&f) == digest_of(&g));
    (void)run(&f, 2, delete_of("ab"));
    (void)run(&g, 2, delete_of("a"));
    assert_true(digest_of(&f) == digest_of(&g));
    (void)run(&f, 3, delete_of("a")); /* only the applied index differs */
    assert_false(digest_of(&f) == digest_of(&g));
    (void)run(&g, 3, delete_of("z"));
    (void)run(&f, 4, put_of("a", "0123456789"));
    (void)run(&g, 4, put_of("a", "0123456780"));
    assert_false(digest_of(&f) == digest_of(&g));
    f.store.fail_at = f.store.calls;
    {
        uint64_t digest = 0;

        assert_int_equal(f.machine.ops->digest(f.machine.object, &digest), DENGINE_E_IO);
    }
    test_machine_teardown(&f);
    test_machine_teardown(&g);
}

static void test_a_foreign_store_is_refused(void **state)
{
    struct test_store store;
    struct de_kv *kv = NULL;
    const struct de_kv_mark said = {.index = 3, .term = 1};
    uint8_t mark[DE_KV_STATE_BYTES];
    bool older = true;

    (void)state;
    test_store_init(&store);
    test_store_set(&store, dengine_str("somebody's"), dengine_str("data"));
    assert_int_equal(de_kv_new(test_store_table(&store), de_test_allocator(), &kv),
                     DENGINE_E_CORRUPT);
    assert_null(kv);
    de_kv_state_encode(&said, mark);
    mark[4] = 9;
    test_store_set(&store, de_kv_state_key(), dengine_bytes(mark, sizeof mark));
    assert_int_equal(de_kv_new(test_store_table(&store), de_test_allocator(), &kv),
                     DENGINE_E_VERSION);
    assert_int_equal(de_kv_is_older(test_store_table(&store), &older), 0);
    assert_false(older);
    mark[4] = 1; /* which was shorter */
    test_store_set(&store, de_kv_state_key(), dengine_bytes(mark, 28));
    assert_int_equal(de_kv_new(test_store_table(&store), de_test_allocator(), &kv),
                     DENGINE_E_VERSION);
    assert_int_equal(de_kv_is_older(test_store_table(&store), &older), 0);
    assert_true(older);
    mark[4] = DE_KV_FORMAT_VERSION;
    mark[8] ^= 1;
    test_store_set(&store, de_kv_state_key(), dengine_bytes(mark, sizeof mark));
    assert_int_equal(de_kv_new(test_store_table(&store), de_test_allocator(), &kv),
                     DENGINE_E_CORRUPT);
    mark[0] = 'X';
    test_store_set(&store, de_kv_state_key(), dengine_bytes(mark, sizeof mark));
    assert_int_equal(de_kv_new(test_store_table(&store), de_test_allocator(), &kv),
                     DENGINE_E_CORRUPT);
    test_store_deinit(&store);
}

static void test_a_damaged_record_stops_the_machine(void **state)
{
    struct test_machine f;
    struct de_kv_command command = put_of("a", "y");
    struct dengine_result result;
    uint8_t buffer[DENGINE_KV_KEY_MAX];
    struct de_kv_view view;
    struct de_kv_record record;
    struct seen seen = {.stop_at = SIZE_MAX};

    (void)state;
    test_machine_setup(&f);
    (void)run(&f, 1, put_of("a", "x"));
    test_store_set(&f.store, de_kv_user_key(dengine_str("a"), buffer), dengine_str("damaged"));
    assert_int_equal(de_kv_view_open(f.kv, &view), 0);
    assert_int_equal(de_kv_view_get(&view, dengine_str("a"), &record), DENGINE_E_CORRUPT);
    assert_int_equal(de_kv_view_iterate(&view, dengine_str(""), note_key, &seen),
                     DENGINE_E_CORRUPT);
    de_kv_view_close(&view);
    assert_int_equal(f.machine.ops->begin(f.machine.object), 0);
    assert_int_equal(apply(&f, 2, &command, &result), DENGINE_E_CORRUPT);
    assert_string_equal(f.machine.ops->message(f.machine.object), "a stored record cannot be read");
    test_machine_teardown(&f);
}

static void test_no_memory_stops_the_machine_without_effect(void **state)
{
    struct test_machine f;
    struct de_kv_command command = put_of("a", "y");
    struct dengine_result result;
    struct de_kv *kv = NULL;

    (void)state;
    test_machine_setup(&f);
    f.heap.resizes_max = f.heap.resizes;
    assert_int_equal(de_kv_new(test_store_table(&f.store), &f.heap.allocator, &kv),
                     DENGINE_E_NO_MEMORY);
    assert_int_equal(f.machine.ops->begin(f.machine.object), 0);
    assert_int_equal(apply(&f, 1, &command, &result), DENGINE_E_NO_MEMORY);
    assert_int_equal(f.machine.ops->commit(f.machine.object, 1, 1), DENGINE_E_NO_MEMORY);
    assert_int_equal(f.store.committed.count, 0);
    test_machine_teardown(&f);
}

static void test_views_report_a_failing_store(void **state)
{
    struct test_machine f;
    struct de_kv_view view;
    struct de_kv *kv = NULL;

    (void)state;
    test_machine_setup(&f);
    f.store.fail_at = f.store.calls;
    assert_int_equal(de_kv_view_open(f.kv, &view), DENGINE_E_IO);
    f.store.fail_at = f.store.calls + 1;
    assert_int_equal(de_kv_view_open(f.kv, &view), DENGINE_E_IO);
    assert_int_equal(f.store.views, 0);
    f.store.fail_at = f.store.calls;
    assert_int_equal(de_kv_new(test_store_table(&f.store), &f.heap.allocator, &kv), DENGINE_E_IO);
    test_machine_teardown(&f);
}

static void test_an_open_batch_is_dropped_by_free(void **state)
{
    struct test_machine f;

    (void)state;
    test_machine_setup(&f);
    assert_int_equal(f.machine.ops->begin(f.machine.object), 0);
    test_machine_teardown(&f); /* deinit of the store asserts that no transaction is open */
    de_kv_free(NULL);
}

/* ---- against a naive model ---- */

enum {
    MODEL_KEYS = 6,
    MODEL_VALUES = 4,
};

struct model_key {
    bool exists;
    int value;
    uint64_t create_revision;
    uint64_t mod_revision;
    uint64_t version;
};

static const char *const model_values[MODEL_VALUES] = {"", "a", "b", "ab"};

static bool model_write(struct model_key *key, int value, uint64_t index)
{
    key->create_revision = key->exists ? key->create_revision : index;
    key->version = key->exists ? key->version + 1 : 1;
    key->exists = true;
    key->value = value;
    key->mod_revision = index;
    return true;
}

/* Draws a command, applies it to the model and returns whether it must succeed. */
static bool draw(struct de_random *random, struct model_key *model, uint64_t index, char *name,
                 struct de_kv_command *command)
{
    const size_t k = (size_t)de_random_below(random, MODEL_KEYS);
    const int value = (int)de_random_below(random, MODEL_VALUES);
    const int expected = (int)de_random_below(random, MODEL_VALUES + 1) - 1;
    struct model_key *key = &model[k];

    name[0] = (char)('a' + k);
    switch (de_random_below(random, 4)) {
    case 0:
        *command = delete_of(name);
        key->exists = false;
        return true;
    case 1:
        *command = put_of(name, model_values[value]);
        return model_write(key, value, index);
    default:
        *command = cas_of(name, expected < 0 ? NULL : model_values[expected], model_values[value]);
        if (expected < 0 ? key->exists : !key->exists || key->value != expected) {
            return false;
        }
        return model_write(key, value, index);
    }
}

static void compare_with_model(struct test_machine *f, const struct model_key *model)
{
    for (size_t k = 0; k < MODEL_KEYS; k++) {
        const char name[2] = {(char)('a' + k), '\0'};
        struct de_kv_record record;
        char value[64];
        const int rc = look(f, name, &record, value);

        assert_int_equal(rc, model[k].exists ? 0 : DENGINE_E_NOT_FOUND);
        if (rc == 0) {
            assert_string_equal(value, model_values[model[k].value]);
            assert_int_equal(record.create_revision, model[k].create_revision);
            assert_int_equal(record.mod_revision, model[k].mod_revision);
            assert_int_equal(record.version, model[k].version);
        }
    }
}

static void test_random_commands_agree_with_a_model(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 200; seed++) {
        struct model_key model[MODEL_KEYS] = {{false, 0, 0, 0, 0}};
        struct de_random random;
        struct test_machine f;
        uint64_t index = 0;

        test_machine_setup(&f);
        de_random_init(&random, seed);
        for (int batch = 0; batch < 30; batch++) {
            assert_int_equal(f.machine.ops->begin(f.machine.object), 0);
            for (uint64_t n = de_random_below(&random, 6); n > 0; n--) {
                char name[2] = "";
                struct de_kv_command command;
                struct dengine_result result;
                bool expected;

                /* Several commands may share an entry. */
                index += batch == 0 || index == 0 ? 1 : de_random_below(&random, 2);
                index = index == 0 ? 1 : index;
                if (f.store.commits > 0 && index <= (uint64_t)f.store.commits * 10) {
                    index = (uint64_t)f.store.commits * 10 + 1;
                }
                expected = draw(&random, model, index, name, &command);
                assert_int_equal(apply(&f, index, &command, &result), 0);
                assert_int_equal(result.status, 0);
                assert_int_equal(result.succeeded, expected);
                assert_int_equal(result.revision, index);
            }
            index = (uint64_t)(f.store.commits + 1) * 10;
            assert_int_equal(f.machine.ops->commit(f.machine.object, index, 1), 0);
            compare_with_model(&f, model);
        }
        test_machine_teardown(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_put_counts_revisions_and_versions),
        cmocka_unit_test(test_delete_of_an_absent_key_succeeds_and_changes_nothing),
        cmocka_unit_test(test_a_key_put_after_delete_starts_anew),
        cmocka_unit_test(test_cas_compares_value_or_absence),
        cmocka_unit_test(test_cas_sees_its_own_batch),
        cmocka_unit_test(test_applied_index_is_atomic_with_data),
        cmocka_unit_test(test_a_malformed_command_is_answered_invalid),
        cmocka_unit_test(test_an_entry_without_commands_moves_the_applied_index),
        cmocka_unit_test(test_a_view_does_not_move),
        cmocka_unit_test(test_iteration_shows_user_keys_in_order),
        cmocka_unit_test(test_digest_tells_states_apart),
        cmocka_unit_test(test_a_foreign_store_is_refused),
        cmocka_unit_test(test_a_damaged_record_stops_the_machine),
        cmocka_unit_test(test_no_memory_stops_the_machine_without_effect),
        cmocka_unit_test(test_views_report_a_failing_store),
        cmocka_unit_test(test_an_open_batch_is_dropped_by_free),
        cmocka_unit_test(test_random_commands_agree_with_a_model),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
