#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "storage/lmdb/lmdb_kv.h"
#include "storage/posix/posix_dir.h"

struct fixture {
    char path[64];
    char boot_path[80];
    struct de_lmdb_options options;
    struct dengine_kv_store store;
    enum de_lmdb_found found;
    char message[512];
};

static void set_boot_id(struct fixture *f, const char *id)
{
    FILE *file = fopen(f->boot_path, "w");

    assert_non_null(file);
    assert_true(fprintf(file, "%s\n", id) > 0);
    assert_int_equal(fclose(file), 0);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    assert_non_null(f);
    (void)snprintf(f->path, sizeof(f->path), "lmdb_kv_XXXXXX");
    assert_non_null(mkdtemp(f->path));
    (void)snprintf(f->boot_path, sizeof(f->boot_path), "%s.boot", f->path);
    set_boot_id(f, "11111111-aaaa");
    f->options.boot_id_path = f->boot_path;
    *state = f;
    return 0;
}

static int remove_name(void *context, const char *name)
{
    const struct dengine_dir *dir = context;

    return dir->ops->remove(dir->object, name);
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    struct dengine_dir dir;

    assert_int_equal(de_posix_dir_open(f->path, false, &dir, NULL, 0), 0);
    (void)dir.ops->list(dir.object, remove_name, &dir);
    de_posix_dir_close(dir);
    (void)rmdir(f->path);
    (void)unlink(f->boot_path);
    free(f);
    return 0;
}

static int open_store(struct fixture *f)
{
    return de_lmdb_kv_open(f->path, &f->options, &f->store, &f->found, f->message,
                           sizeof(f->message));
}

static void open_finds(struct fixture *f, enum de_lmdb_found found)
{
    if (open_store(f) != 0) {
        fail_msg("%s", f->message);
    }
    assert_int_equal(f->found, found);
}

static void close_store(struct fixture *f)
{
    f->store.ops->close(f->store.object);
}

static int put(struct fixture *f, const char *key, const void *data, size_t size)
{
    int error = f->store.ops->begin(f->store.object);

    if (error == 0) {
        error = f->store.ops->put(f->store.object, dengine_str(key), dengine_bytes(data, size));
        if (error != 0) {
            f->store.ops->abort(f->store.object);
            return error;
        }
        error = f->store.ops->commit(f->store.object);
    }
    return error;
}

static bool has(struct fixture *f, const char *key)
{
    struct dengine_kv_view *view;
    struct dengine_slice value;
    int error;

    assert_int_equal(f->store.ops->view_open(f->store.object, &view), 0);
    error = f->store.ops->view_get(f->store.object, view, dengine_str(key), &value);
    f->store.ops->view_close(f->store.object, view);
    return error == 0;
}

/* A child opens the store, writes and dies without closing. */
static void die_with_open_store(struct fixture *f)
{
    int status = 0;
    pid_t child = fork();

    if (child == 0) {
        if (open_store(f) != 0 || put(f, "child", "x", 1) != 0) {
            _exit(1);
        }
        _exit(0);
    }
    assert_true(child > 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static void data_path(const struct fixture *f, char *path, size_t size)
{
    (void)snprintf(path, size, "%s/data.mdb", f->path);
}

static void a_clean_store_is_kept_over_a_boot(void **state)
{
    struct fixture *f = *state;

    open_finds(f, DE_LMDB_NEW);
    assert_int_equal(put(f, "a", "1", 1), 0);
    close_store(f);
    set_boot_id(f, "22222222-bbbb");
    open_finds(f, DE_LMDB_KEPT);
    assert_true(has(f, "a"));
    close_store(f);
}

static void an_unclean_store_is_kept_in_the_same_boot(void **state)
{
    struct fixture *f = *state;

    die_with_open_store(f);
    open_finds(f, DE_LMDB_KEPT);
    assert_true(has(f, "child"));
    close_store(f);
}

static void an_unclean_store_of_another_boot_is_discarded(void **state)
{
    struct fixture *f = *state;

    die_with_open_store(f);
    set_boot_id(f, "22222222-bbbb");
    open_finds(f, DE_LMDB_DISCARDED);
    assert_non_null(strstr(f->message, "booted since"));
    assert_false(has(f, "child"));
    assert_int_equal(put(f, "a", "1", 1), 0);
    close_store(f);
    open_finds(f, DE_LMDB_KEPT);
    assert_true(has(f, "a"));
    close_store(f);
}

static void an_unclean_store_is_discarded_when_the_boot_is_not_known(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(unlink(f->boot_path), 0);
    die_with_open_store(f);
    open_finds(f, DE_LMDB_DISCARDED);
    close_store(f);
}

static void a_missing_mark_means_distrust(void **state)
{
    struct fixture *f = *state;
    char path[96];

    open_finds(f, DE_LMDB_NEW);
    close_store(f);
    (void)snprintf(path, sizeof(path), "%s/state.mark", f->path);
    assert_int_equal(unlink(path), 0);
    open_finds(f, DE_LMDB_DISCARDED);
    assert_non_null(strstr(f->message, "state.mark"));
    close_store(f);
}

static void a_damaged_mark_means_distrust(void **state)
{
    struct fixture *f = *state;
    char path[96];
    FILE *file;

    open_finds(f, DE_LMDB_NEW);
    close_store(f);
    (void)snprintf(path, sizeof(path), "%s/state.mark", f->path);
    file = fopen(path, "r+b");
    assert_non_null(file);
    assert_int_equal(fseek(file, 20, SEEK_SET), 0);
    assert_true(fputc(0x7f, file) != EOF);
    assert_int_equal(fclose(file), 0);
    open_finds(f, DE_LMDB_DISCARDED);
    close_store(f);
}

static void a_data_file_cut_short_is_discarded(void **state)
{
    struct fixture *f = *state;
    char path[96];

    open_finds(f, DE_LMDB_NEW);
    assert_int_equal(put(f, "a", "1", 1), 0);
    close_store(f);
    data_path(f, path, sizeof(path));
    assert_int_equal(truncate(path, 8192), 0);
    open_finds(f, DE_LMDB_DISCARDED);
    assert_non_null(strstr(f->message, "size"));
    close_store(f);
}

static void a_data_file_cut_short_while_it_was_open_is_discarded(void **state)
{
    struct fixture *f = *state;
    static const uint8_t data[100000];
    char path[96];

    open_finds(f, DE_LMDB_NEW);
    assert_int_equal(put(f, "a", data, sizeof(data)), 0);
    close_store(f);
    die_with_open_store(f);
    data_path(f, path, sizeof(path));
    assert_int_equal(truncate(path, 65536), 0);
    open_finds(f, DE_LMDB_DISCARDED);
    assert_non_null(strstr(f->message, "cut short"));
    close_store(f);
}

static void a_vanished_data_file_is_told_from_a_new_store(void **state)
{
    struct fixture *f = *state;
    char path[96];

    open_finds(f, DE_LMDB_NEW);
    close_store(f);
    data_path(f, path, sizeof(path));
    assert_int_equal(unlink(path), 0);
    open_finds(f, DE_LMDB_DISCARDED);
    close_store(f);
}

static void a_data_file_overwritten_with_garbage_is_discarded(void **state)
{
    struct fixture *f = *state;
    struct stat status;
    char path[96];
    FILE *file;

    open_finds(f, DE_LMDB_NEW);
    assert_int_equal(put(f, "a", "1", 1), 0);
    close_store(f);
    data_path(f, path, sizeof(path));
    assert_int_equal(stat(path, &status), 0);
    file = fopen(path, "r+b");
    assert_non_null(file);
    for (long i = 0; i < status.st_size; i++) {
        assert_true(fputc((int)(i * 31 & 255), file) != EOF);
    }
    assert_int_equal(fclose(file), 0);
    open_finds(f, DE_LMDB_DISCARDED);
    assert_non_null(strstr(f->message, "LMDB finds it damaged"));
    close_store(f);
}

static void the_file_is_as_long_as_its_pages_when_closed(void **state)
{
    struct fixture *f = *state;
    struct stat status;
    char path[96];

    open_finds(f, DE_LMDB_NEW);
    close_store(f);
    data_path(f, path, sizeof(path));
    assert_int_equal(stat(path, &status), 0);
    assert_true(status.st_size < 1 << 20);
}

struct reader {
    struct fixture *fixture;
    atomic_bool *stop;
    atomic_int *failures;
};

static void *read_on(void *context)
{
    const struct reader *reader = context;
    struct dengine_kv_store store = reader->fixture->store;

    while (!atomic_load(reader->stop)) {
        struct dengine_kv_view *view;
        struct dengine_slice value;

        if (store.ops->view_open(store.object, &view) != 0) {
            atomic_fetch_add(reader->failures, 1);
            break;
        }
        if (store.ops->view_get(store.object, view, dengine_str("first"), &value) != 0 ||
            value.size != 5 || memcmp(value.data, "value", 5) != 0) {
            atomic_fetch_add(reader->failures, 1);
        }
        store.ops->view_close(store.object, view);
    }
    return NULL;
}

static void the_map_grows_under_readers(void **state)
{
    struct fixture *f = *state;
    struct reader reader = {f, NULL, NULL};
    uint8_t *data = calloc(1, 100000);
    atomic_bool stop;
    atomic_int failures;
    pthread_t threads[3];
    uint64_t map = 0;
    uint64_t used = 0;

    assert_non_null(data);
    atomic_init(&stop, false);
    atomic_init(&failures, 0);
    reader.stop = &stop;
    reader.failures = &failures;
    f->options.map_bytes = 1 << 20;
    open_finds(f, DE_LMDB_NEW);
    assert_int_equal(put(f, "first", "value", 5), 0);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, read_on, &reader), 0);
    }
    for (int i = 0; i < 200; i++) {
        char key[16];
        int error;

        (void)snprintf(key, sizeof(key), "key%d", i);
        do { /* as the applier does: a reader's thread may be stopped for long with a view open */
            error = put(f, key, data, 100000);
        } while (error == DENGINE_E_NO_SPACE);
        assert_int_equal(error, 0);
    }
    atomic_store(&stop, true);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    assert_int_equal(atomic_load(&failures), 0);
    de_lmdb_kv_usage(f->store, &map, &used);
    assert_true(used > 19000000);
    assert_true(map >= 32u << 20);
    close_store(f);
    open_finds(f, DE_LMDB_KEPT);
    assert_true(has(f, "key199"));
    close_store(f);
    free(data);
}

/* A view that is held while the map fills up stops neither the applier nor other readers: there is
 * no room, as on a full disk, until it is closed. */
static void a_view_that_is_held_holds_up_nobody(void **state)
{
    struct fixture *f = *state;
    uint8_t *data = calloc(1, 20000);
    struct dengine_kv_view *held;
    struct dengine_kv_view *view;
    struct dengine_slice value;
    uint64_t map = 0;
    uint64_t used = 0;
    char key[16] = "";
    int error = 0;
    int written = 0;

    assert_non_null(data);
    f->options.map_bytes = 1 << 20;
    open_finds(f, DE_LMDB_NEW);
    assert_int_equal(put(f, "first", "value", 5), 0);
    assert_int_equal(f->store.ops->view_open(f->store.object, &held), 0);
    for (int i = 0; i < 200 && error == 0; i++) {
        (void)snprintf(key, sizeof(key), "key%d", i);
        error = put(f, key, data, 20000);
        written += error == 0 ? 1 : 0;
    }
    assert_int_equal(error, DENGINE_E_NO_SPACE);
    assert_true(written > 30); /* the last eighth was used, too */
    assert_int_equal(put(f, key, data, 20000), DENGINE_E_NO_SPACE);
    assert_non_null(strstr(f->store.ops->message(f->store.object), "held open"));
    assert_int_equal(f->store.ops->view_open(f->store.object, &view), 0);
    assert_int_equal(f->store.ops->view_get(f->store.object, view, dengine_str("key0"), &value), 0);
    f->store.ops->view_close(f->store.object, view);
    assert_int_equal(f->store.ops->view_get(f->store.object, held, dengine_str("key0"), &value),
                     DENGINE_E_NOT_FOUND);
    f->store.ops->view_close(f->store.object, held);
    assert_int_equal(put(f, key, data, 20000), 0);
    de_lmdb_kv_usage(f->store, &map, &used);
    assert_int_equal(map, 2 << 20);
    close_store(f);
    free(data);
}

static void a_transaction_larger_than_the_map_fails_once(void **state)
{
    struct fixture *f = *state;
    uint8_t *data = calloc(1, 3 << 20);
    int error = DENGINE_E_NO_SPACE;

    assert_non_null(data);
    f->options.map_bytes = 1 << 20;
    open_finds(f, DE_LMDB_NEW);
    assert_int_equal(put(f, "big", data, 3 << 20), DENGINE_E_NO_SPACE);
    for (int i = 0; i < 3 && error == DENGINE_E_NO_SPACE; i++) {
        error = put(f, "big", data, 3 << 20);
    }
    assert_int_equal(error, 0);
    close_store(f);
    free(data);
}

/* Whether the system reads ahead in the map of data.mdb (proc(5): VmFlags, rr). */
static bool reads_ahead(void)
{
    FILE *file = fopen("/proc/self/smaps", "re");
    bool mine = false;
    bool result = true;
    char line[512];

    assert_non_null(file);
    while (fgets(line, sizeof(line), file) != NULL) {
        if (strchr(line, '/') != NULL) {
            mine = strstr(line, "/data.mdb\n") != NULL;
        } else if (mine && strncmp(line, "VmFlags:", 8) == 0) {
            result = strstr(line, " rr") == NULL;
            mine = false;
        }
    }
    (void)fclose(file);
    return result;
}

static void a_new_map_is_not_read_ahead(void **state)
{
    struct fixture *f = *state;

    open_finds(f, DE_LMDB_NEW);
    assert_false(reads_ahead());
    assert_int_equal(put(f, "key", "value", 5), 0);
    close_store(f);
    open_finds(f, DE_LMDB_KEPT);
    assert_true(reads_ahead());
    close_store(f);
}

static void too_many_views_are_busy(void **state)
{
    struct fixture *f = *state;
    struct dengine_kv_view *views[4];
    struct dengine_kv_view *more;

    f->options.views_max = 4;
    open_finds(f, DE_LMDB_NEW);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(f->store.ops->view_open(f->store.object, &views[i]), 0);
    }
    assert_int_equal(f->store.ops->view_open(f->store.object, &more), DENGINE_E_BUSY);
    f->store.ops->view_close(f->store.object, views[2]);
    assert_int_equal(f->store.ops->view_open(f->store.object, &views[2]), 0);
    for (size_t i = 0; i < 4; i++) {
        f->store.ops->view_close(f->store.object, views[i]);
    }
    close_store(f);
}

static void a_path_that_is_no_directory_is_refused(void **state)
{
    struct fixture *f = *state;

    (void)snprintf(f->path, sizeof(f->path), "%.40s", f->boot_path);
    assert_int_equal(open_store(f), DENGINE_E_INVALID);
    assert_true(f->message[0] != '\0');
    f->path[strlen(f->path) - strlen(".boot")] = '\0';
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_clean_store_is_kept_over_a_boot),
        TEST(an_unclean_store_is_kept_in_the_same_boot),
        TEST(an_unclean_store_of_another_boot_is_discarded),
        TEST(an_unclean_store_is_discarded_when_the_boot_is_not_known),
        TEST(a_missing_mark_means_distrust),
        TEST(a_damaged_mark_means_distrust),
        TEST(a_data_file_cut_short_is_discarded),
        TEST(a_data_file_cut_short_while_it_was_open_is_discarded),
        TEST(a_vanished_data_file_is_told_from_a_new_store),
        TEST(a_data_file_overwritten_with_garbage_is_discarded),
        TEST(the_file_is_as_long_as_its_pages_when_closed),
        TEST(the_map_grows_under_readers),
        TEST(a_view_that_is_held_holds_up_nobody),
        TEST(a_transaction_larger_than_the_map_fails_once),
        TEST(a_new_map_is_not_read_ahead),
        TEST(too_many_views_are_busy),
        TEST(a_path_that_is_no_directory_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
