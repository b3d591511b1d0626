/* What becomes of a log in LMDB when its file is damaged: it is refused or whole, and never a
 * signal from the memory map. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/assert.h"
#include "storage/lmdb/lmdb_log.h"

#define DIRECTORY  "lmdb_log_test.data"
#define FILE_PATH  DIRECTORY "/log.mdb"
#define LOCK_PATH  DIRECTORY "/log.mdb-lock"
#define ENTRIES    100u
#define DATA_BYTES 5000u /* some pages for each */
#define PAGE_BYTES 4096u

struct image {
    uint8_t *bytes;
    size_t size;
};

static int open_log(struct dengine_log_store *store, char message[512])
{
    const struct de_lmdb_log_options options = {1, 2, 0};

    return de_lmdb_log_open(DIRECTORY, &options, store, message, 512);
}

static void close_log(struct dengine_log_store *store)
{
    store->ops->close(store->object);
}

/* A log that has grown and was cut and compacted, so that pages are used again. */
static void write_log(void)
{
    static uint8_t data[DATA_BYTES];
    struct dengine_log_store store;
    char message[512];

    assert_int_equal(open_log(&store, message), 0);
    for (uint64_t i = 1; i <= ENTRIES; i++) {
        struct dengine_entry entry = {1, DENGINE_ENTRY_COMMAND, {data, sizeof(data)}};
        struct dengine_log_write write = {.first_index = i, .entries = &entry, .entry_count = 1};

        memset(data, (int)i, sizeof(data));
        assert_int_equal(store.ops->write(store.object, &write, 1), 0);
    }
    assert_int_equal(store.ops->compact(store.object, 20, 1), 0);
    while (store.ops->tidy(store.object, true) > 0) {
    }
    close_log(&store);
}

static int check_entry(void *context, uint64_t index, const struct dengine_entry *entry)
{
    const uint8_t *data = entry->data.data;
    unsigned *count = context;

    (*count)++;
    return entry->data.size == DATA_BYTES && data[0] == (uint8_t)index &&
                   data[DATA_BYTES - 1] == (uint8_t)index
               ? 0
               : 1;
}

/* What a reading of all says: 0 when every entry is there. */
static int read_all(struct dengine_log_store *store)
{
    unsigned count = 0;
    const int error = store->ops->read(store->object, 21, ENTRIES, check_entry, &count);

    assert_true(error != 0 || count == ENTRIES - 20);
    return error;
}

static void load_image(struct image *image)
{
    FILE *file = fopen(FILE_PATH, "rb");
    long size;

    assert_non_null(file);
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    size = ftell(file);
    assert_true(size > 0);
    rewind(file);
    image->size = (size_t)size;
    image->bytes = malloc(image->size);
    assert_non_null(image->bytes);
    assert_int_equal(fread(image->bytes, 1, image->size, file), image->size);
    assert_int_equal(fclose(file), 0);
}

static void store_image(const struct image *image, size_t size)
{
    FILE *file = fopen(FILE_PATH, "wb");

    assert_non_null(file);
    assert_int_equal(fwrite(image->bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static int setup(void **state)
{
    struct image *image = calloc(1, sizeof(*image));

    assert_non_null(image);
    (void)unlink(FILE_PATH);
    write_log();
    load_image(image);
    *state = image;
    return 0;
}

static int teardown(void **state)
{
    struct image *image = *state;

    free(image->bytes);
    free(image);
    (void)unlink(FILE_PATH);
    (void)unlink(LOCK_PATH);
    return rmdir(DIRECTORY);
}

static void a_file_cut_short_is_refused_or_whole(void **state)
{
    const struct image *image = *state;
    unsigned refused = 0;

    for (size_t size = image->size - PAGE_BYTES; size > 0; size -= PAGE_BYTES) {
        for (int again = 0; again < 2; again++) {
            struct dengine_log_store store;
            char message[512] = "";
            int error;

            if (again == 0) {
                store_image(image, size);
            }
            error = open_log(&store, message);
            if (error == 0) {
                assert_int_equal(read_all(&store), 0);
                close_log(&store);
                continue;
            }
            assert_int_equal(error, DENGINE_E_CORRUPT);
            assert_non_null(strstr(message, "to rebuild this node from its peers"));
            refused++;
        }
    }
    assert_true(refused > 2 * ENTRIES);
}

/* The engine knows that there must be a log; to the store this is a new one. */
static void an_emptied_file_is_a_new_log(void **state)
{
    struct dengine_log_store store;
    struct dengine_log_state found;
    char message[512];

    store_image(*state, 0);
    assert_int_equal(open_log(&store, message), 0);
    store.ops->state(store.object, &found);
    assert_true(found.created);
    close_log(&store);
}

static void an_entry_that_rots_is_not_served(void **state)
{
    struct image *image = *state;
    struct dengine_log_store store;
    char message[512];
    size_t at = 0;

    /* In the middle of the data of entry 50. */
    while (at + DATA_BYTES / 2 < image->size &&
           !(image->bytes[at] == 50 && image->bytes[at + DATA_BYTES / 2] == 50)) {
        at++;
    }
    image->bytes[at + DATA_BYTES / 4] ^= 1;
    store_image(image, image->size);
    assert_int_equal(open_log(&store, message), 0);
    assert_int_equal(read_all(&store), DENGINE_E_CORRUPT);
    assert_non_null(strstr(store.ops->message(store.object), "entry 50 of the log cannot be read"));
    close_log(&store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_file_cut_short_is_refused_or_whole, setup, teardown),
        cmocka_unit_test_setup_teardown(an_emptied_file_is_a_new_log, setup, teardown),
        cmocka_unit_test_setup_teardown(an_entry_that_rots_is_not_served, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
