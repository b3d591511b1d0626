/* A state goes from any store through a snapshot into any store, and stays what it was. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/base/random.h"
#include "storage/mem/mem_snapshot.h"
#include "tests/snapshot/state.h"

#define COMMANDS  3000u
#define VALUE_MAX 200000u

/* Puts and deletes of a few hundred keys, some with a time to live; now and then a large value. */
static void run(struct de_test_state *state, uint64_t seed, unsigned count)
{
    uint8_t *value = calloc(1, VALUE_MAX);
    struct de_random random;

    assert_non_null(value);
    de_random_init(&random, seed);
    for (unsigned i = 0; i < count; i++) {
        const uint64_t which = de_random_below(&random, 300);
        const uint64_t most = de_random_below(&random, 500) == 0 ? VALUE_MAX : 100;
        struct de_kv_command command;
        char key[16];

        (void)snprintf(key, sizeof(key), "key%llu", (unsigned long long)which);
        memset(value, (int)(i % 256), 64);
        command = de_kv_put(dengine_str(key),
                            dengine_bytes(value, (size_t)de_random_below(&random, most)));
        if (de_random_below(&random, 4) == 0) {
            command = de_kv_delete(dengine_str(key));
        } else if (de_random_below(&random, 4) == 0) {
            command.op.ttl_ns = 1000000000;
        }
        de_test_state_apply(state, &command);
    }
    free(value);
}

static void a_state_goes_from_any_store_to_any_other(void **unused)
{
    (void)unused;
    for (unsigned from = 0; from < 2; from++) {
        for (unsigned to = 0; to < 2; to++) {
            struct dengine_snapshot_store snapshots;
            struct de_test_state one;
            struct de_test_state other;

            assert_int_equal(de_mem_snapshot_open(NULL, &snapshots), 0);
            de_test_state_open(&one, from == 1);
            de_test_state_open(&other, to == 1);
            run(&one, 1, COMMANDS);
            run(&other, 2, 50);
            de_test_state_save(&one, snapshots);
            de_test_state_restore(&other, snapshots);
            assert_true(de_test_state_digest(&one) == de_test_state_digest(&other));
            /* And both go on alike. */
            run(&one, 3, 500);
            run(&other, 3, 500);
            assert_true(de_test_state_digest(&one) == de_test_state_digest(&other));
            de_test_state_close(&one);
            de_test_state_close(&other);
            snapshots.ops->close(snapshots.object);
        }
    }
}

/* The image of the newest snapshot; the caller frees it. */
static uint8_t *image_of(struct dengine_snapshot_store snapshots, size_t *size)
{
    struct dengine_snapshot_reader *reader;
    struct dengine_snapshot_meta meta;
    uint64_t bytes = 0;
    uint8_t *image;

    assert_int_equal(snapshots.ops->open(snapshots.object, 0, &reader, &meta, &bytes), 0);
    image = malloc((size_t)bytes);
    assert_non_null(image);
    assert_int_equal(
        snapshots.ops->read_image(snapshots.object, reader, 0, image, (size_t)bytes, size), 0);
    assert_int_equal(*size, bytes);
    snapshots.ops->close_reader(snapshots.object, reader);
    return image;
}

static void equal_states_have_equal_images_whatever_the_store(void **unused)
{
    uint8_t *images[2];
    size_t sizes[2];

    (void)unused;
    for (unsigned i = 0; i < 2; i++) {
        struct dengine_snapshot_store snapshots;
        struct de_test_state state;

        assert_int_equal(de_mem_snapshot_open(NULL, &snapshots), 0);
        de_test_state_open(&state, i == 1);
        run(&state, 1, COMMANDS);
        de_test_state_save(&state, snapshots);
        images[i] = image_of(snapshots, &sizes[i]);
        de_test_state_close(&state);
        snapshots.ops->close(snapshots.object);
    }
    assert_int_equal(sizes[0], sizes[1]);
    assert_memory_equal(images[0], images[1], sizes[0]);
    free(images[0]);
    free(images[1]);
}

struct saving {
    struct de_test_state *state;
    struct dengine_machine_save *save;
    struct dengine_snapshot_store snapshots;
    uint64_t index;
    uint64_t term;
};

static void *save_on(void *context)
{
    const struct saving *saving = context;

    de_test_state_save_read(saving->state, saving->save, saving->index, saving->term,
                            saving->snapshots);
    return NULL;
}

/* The saver has a thread of its own; what the applier does meanwhile does not show. */
static void a_save_goes_on_beside_the_applier(void **unused)
{
    (void)unused;
    for (unsigned lmdb = 0; lmdb < 2; lmdb++) {
        struct de_test_state one;
        struct de_test_state other;
        struct saving saving = {.state = &one};
        pthread_t thread;
        uint64_t digest;

        assert_int_equal(de_mem_snapshot_open(NULL, &saving.snapshots), 0);
        de_test_state_open(&one, lmdb == 1);
        de_test_state_open(&other, false);
        run(&one, 5, COMMANDS);
        for (unsigned round = 0; round < 5; round++) {
            digest = de_test_state_digest(&one);
            assert_int_equal(one.machine.ops->save_begin(one.machine.object, &saving.save,
                                                         &saving.index, &saving.term),
                             0);
            assert_int_equal(pthread_create(&thread, NULL, save_on, &saving), 0);
            run(&one, 6 + round, 2000);
            assert_int_equal(pthread_join(thread, NULL), 0);
            de_test_state_restore(&other, saving.snapshots);
            assert_true(de_test_state_digest(&other) == digest);
            assert_false(de_test_state_digest(&one) == digest);
        }
        de_test_state_close(&one);
        de_test_state_close(&other);
        saving.snapshots.ops->close(saving.snapshots.object);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_state_goes_from_any_store_to_any_other),
        cmocka_unit_test(equal_states_have_equal_images_whatever_the_store),
        cmocka_unit_test(a_save_goes_on_beside_the_applier),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
