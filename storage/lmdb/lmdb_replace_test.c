/* Replacing the map: crashes of the process at every point, failures of the system, views that
 * outlive it, and what is left on disk. Linked with --wrap for renameat, sync_file_range,
 * mdb_txn_commit and mdb_env_open. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <lmdb.h>
#include <pthread.h>
#include <sched.h>

#include "storage/lmdb/lmdb_internal.h"
#include "storage/lmdb/lmdb_kv.h"
#include "storage/posix/posix_dir.h"

static struct {
    int rename_errno;      /* of the next renameat to data.mdb; 0: the real one is called */
    int write_errno;       /* of each sync_file_range */
    int commit_errno;      /* of each mdb_txn_commit */
    int open_errno;        /* of each mdb_env_open of a file that is not to be filled */
    unsigned writes_begun; /* by sync_file_range */
    bool die_at_rename;    /* of data.mdb */
    bool die_after_rename;
} calls;

int __real_renameat(int from_dir, const char *from, int to_dir, const char *to);
int __wrap_renameat(int from_dir, const char *from, int to_dir, const char *to);
int __real_sync_file_range(int fd, off64_t offset, off64_t bytes, unsigned flags);
int __wrap_sync_file_range(int fd, off64_t offset, off64_t bytes, unsigned flags);
int __real_mdb_txn_commit(MDB_txn *txn);
int __wrap_mdb_txn_commit(MDB_txn *txn);
int __real_mdb_env_open(MDB_env *env, const char *path, unsigned flags, mdb_mode_t mode);
int __wrap_mdb_env_open(MDB_env *env, const char *path, unsigned flags, mdb_mode_t mode);

int __wrap_renameat(int from_dir, const char *from, int to_dir, const char *to)
{
    bool data = strcmp(to, "data.mdb") == 0;
    int result;

    if (data && calls.die_at_rename) {
        _exit(0);
    }
    if (data && calls.rename_errno != 0) {
        errno = calls.rename_errno;
        return -1;
    }
    result = __real_renameat(from_dir, from, to_dir, to);
    if (data && calls.die_after_rename) {
        _exit(result == 0 ? 0 : 1);
    }
    return result;
}

int __wrap_sync_file_range(int fd, off64_t offset, off64_t bytes, unsigned flags)
{
    calls.writes_begun++;
    if (calls.write_errno != 0) {
        errno = calls.write_errno;
        return -1;
    }
    return __real_sync_file_range(fd, offset, bytes, flags);
}

/* One that fails has ended its transaction. */
int __wrap_mdb_txn_commit(MDB_txn *txn)
{
    if (calls.commit_errno != 0) {
        mdb_txn_abort(txn);
        return calls.commit_errno;
    }
    return __real_mdb_txn_commit(txn);
}

/* A file is opened by mapping it: what is only written is let pass. */
int __wrap_mdb_env_open(MDB_env *env, const char *path, unsigned flags, mdb_mode_t mode)
{
    if (calls.open_errno != 0 && (flags & MDB_WRITEMAP) != 0) {
        return calls.open_errno;
    }
    return __real_mdb_env_open(env, path, flags, mode);
}

struct fixture {
    char path[64];
    struct de_lmdb_options options;
    struct dengine_kv_store store;
    enum de_lmdb_found found;
    char message[512];
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    assert_non_null(f);
    memset(&calls, 0, sizeof(calls));
    (void)snprintf(f->path, sizeof(f->path), "lmdb_replace_XXXXXX");
    assert_non_null(mkdtemp(f->path));
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
    assert_int_equal(rmdir(f->path), 0);
    free(f);
    return 0;
}

static int open_store(struct fixture *f)
{
    return de_lmdb_kv_open(f->path, &f->options, &f->store, &f->found, f->message,
                           sizeof(f->message));
}

static void close_store(struct fixture *f)
{
    f->store.ops->close(f->store.object);
}

static void put(struct fixture *f, const char *key, const char *value)
{
    assert_int_equal(f->store.ops->begin(f->store.object), 0);
    assert_int_equal(f->store.ops->put(f->store.object, dengine_str(key), dengine_str(value)), 0);
    assert_int_equal(f->store.ops->commit(f->store.object), 0);
}

/* What a view, or with NULL a fresh one, says of key. */
static bool says(struct fixture *f, struct dengine_kv_view *view, const char *key,
                 const char *value)
{
    struct dengine_kv_view *fresh = NULL;
    struct dengine_slice found;
    bool same;

    if (view == NULL) {
        assert_int_equal(f->store.ops->view_open(f->store.object, &fresh), 0);
    }
    same = f->store.ops->view_get(f->store.object, view == NULL ? fresh : view, dengine_str(key),
                                  &found) == 0 &&
           found.size == strlen(value) && memcmp(found.data, value, found.size) == 0;
    if (fresh != NULL) {
        f->store.ops->view_close(f->store.object, fresh);
    }
    return same;
}

/* Fills in count keys whose value is value; 0 or the first failure. */
static int fill(struct fixture *f, unsigned count, const char *value)
{
    int error = f->store.ops->replace_begin(f->store.object);

    for (unsigned i = 0; i < count && error == 0; i++) {
        char key[16];

        (void)snprintf(key, sizeof(key), "key%06u", i);
        error = f->store.ops->replace_put(f->store.object, dengine_str(key), dengine_str(value));
    }
    return error;
}

static int replace(struct fixture *f, unsigned count, const char *value)
{
    int error = fill(f, count, value);

    return error != 0 ? error : f->store.ops->replace_commit(f->store.object);
}

static bool exists(const struct fixture *f, const char *name)
{
    char path[128];
    struct stat status;

    (void)snprintf(path, sizeof(path), "%s/%s", f->path, name);
    return stat(path, &status) == 0;
}

static void expect_child_ends(pid_t child)
{
    int status = -1;

    assert_true(child > 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static void a_crash_while_filling_leaves_the_old_map(void **state)
{
    static const unsigned counts[] = {0, 1, 100, 20000};
    struct fixture *f = *state;

    assert_int_equal(open_store(f), 0);
    put(f, "a", "old");
    close_store(f);
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        pid_t child = fork();

        if (child == 0) {
            _exit(open_store(f) == 0 && fill(f, counts[i], "new") == 0 ? 0 : 1);
        }
        expect_child_ends(child);
        assert_true(exists(f, "next.mdb"));
        assert_int_equal(open_store(f), 0);
        assert_int_equal(f->found, DE_LMDB_KEPT);
        assert_false(exists(f, "next.mdb"));
        assert_true(says(f, NULL, "a", "old"));
        assert_false(says(f, NULL, "key000000", "new"));
        close_store(f);
    }
}

/* Just before and just after the one step that decides. */
static void a_crash_at_the_switch_leaves_the_one_or_the_other(void **state)
{
    struct fixture *f = *state;

    for (int after = 0; after < 2; after++) {
        pid_t child;

        assert_int_equal(open_store(f), 0);
        assert_int_equal(replace(f, 3000, "old"), 0);
        close_store(f);
        child = fork();
        if (child == 0) {
            calls.die_at_rename = after == 0;
            calls.die_after_rename = after == 1;
            /* Smaller than the old one: the mark must not call it cut short. */
            _exit(open_store(f) == 0 && replace(f, 5, "new") == 0 ? 1 : 2);
        }
        expect_child_ends(child);
        assert_int_equal(open_store(f), 0);
        assert_int_equal(f->found, DE_LMDB_KEPT);
        assert_true(says(f, NULL, "key000004", after ? "new" : "old"));
        assert_int_equal(says(f, NULL, "key000005", "old"), !after);
        close_store(f);
    }
}

static void a_crash_after_a_replacement_keeps_what_was_put_since(void **state)
{
    struct fixture *f = *state;
    pid_t child = fork();

    if (child == 0) {
        if (open_store(f) != 0 || replace(f, 10, "new") != 0) {
            _exit(1);
        }
        put(f, "since", "yes");
        _exit(0);
    }
    expect_child_ends(child);
    assert_int_equal(open_store(f), 0);
    assert_int_equal(f->found, DE_LMDB_KEPT);
    assert_true(says(f, NULL, "key000009", "new"));
    assert_true(says(f, NULL, "since", "yes"));
    close_store(f);
}

static void a_failed_commit_leaves_the_old_map(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(open_store(f), 0);
    put(f, "a", "old");
    calls.rename_errno = EIO;
    assert_int_equal(replace(f, 10, "new"), DENGINE_E_IO);
    calls.rename_errno = 0;
    assert_true(f->store.ops->message(f->store.object)[0] != '\0');
    assert_false(exists(f, "next.mdb"));
    assert_true(says(f, NULL, "a", "old"));
    assert_false(says(f, NULL, "key000000", "new"));
    put(f, "b", "2");
    assert_int_equal(replace(f, 10, "new"), 0);
    assert_false(says(f, NULL, "b", "2"));
    assert_true(says(f, NULL, "key000000", "new"));
    close_store(f);
    assert_int_equal(open_store(f), 0);
    assert_int_equal(f->found, DE_LMDB_KEPT);
    assert_true(says(f, NULL, "key000000", "new"));
    close_store(f);
}

static void a_full_disk_ends_a_replacement_without_harm(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(open_store(f), 0);
    put(f, "a", "old");
    assert_int_equal(fill(f, 10, "new"), 0);
    calls.commit_errno = ENOSPC;
    assert_int_equal(f->store.ops->replace_commit(f->store.object), DENGINE_E_NO_SPACE);
    calls.commit_errno = 0;
    assert_false(exists(f, "next.mdb"));
    assert_true(says(f, NULL, "a", "old"));
    put(f, "b", "2");
    close_store(f);
}

/* In the middle, when a part of what was put is committed, and at the end. */
static void a_part_that_cannot_be_written_ends_a_replacement(void **state)
{
    struct fixture *f = *state;
    char *value = calloc(1, 100001);

    assert_non_null(value);
    memset(value, 'v', 100000);
    assert_int_equal(open_store(f), 0);
    put(f, "a", "old");
    calls.write_errno = EIO;
    assert_int_equal(fill(f, 100, value), DENGINE_E_IO);
    f->store.ops->replace_abort(f->store.object);
    assert_int_equal(replace(f, 10, "new"), DENGINE_E_IO);
    assert_true(says(f, NULL, "a", "old"));
    /* A file system that does not know the call. */
    calls.write_errno = EINVAL;
    calls.writes_begun = 0;
    assert_int_equal(replace(f, 100, value), 0);
    assert_true(calls.writes_begun >= 2); /* 10 MB in parts of 4 MiB */
    assert_true(says(f, NULL, "key000099", value));
    calls.write_errno = 0;
    close_store(f);
    free(value);
}

static void a_filled_file_that_cannot_be_opened_leaves_the_old_map(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(open_store(f), 0);
    put(f, "a", "old");
    assert_int_equal(fill(f, 10, "new"), 0);
    calls.open_errno = EACCES;
    assert_true(f->store.ops->replace_commit(f->store.object) < 0);
    calls.open_errno = 0;
    assert_non_null(strstr(f->store.ops->message(f->store.object), "next.mdb"));
    assert_false(exists(f, "next.mdb"));
    assert_false(exists(f, "next.mdb-lock"));
    assert_true(says(f, NULL, "a", "old"));
    assert_int_equal(replace(f, 10, "new"), 0);
    assert_false(exists(f, "next.mdb-lock"));
    assert_true(says(f, NULL, "key000009", "new"));
    close_store(f);
}

/* Each replaced file lives as long as a view is open on it, and no longer. */
static void views_outlive_any_number_of_replacements(void **state)
{
    struct fixture *f = *state;
    struct dengine_kv_view *views[5];
    char text[5][8];

    assert_int_equal(open_store(f), 0);
    for (size_t i = 0; i < 5; i++) {
        (void)snprintf(text[i], sizeof(text[i]), "v%zu", i);
        assert_int_equal(replace(f, 100, text[i]), 0);
        assert_int_equal(f->store.ops->view_open(f->store.object, &views[i]), 0);
    }
    for (size_t i = 0; i < 5; i++) {
        assert_true(says(f, views[i], "key000099", text[i]));
    }
    for (size_t i = 0; i < 5; i++) {
        size_t turn = (i * 2 + 1) % 5;

        f->store.ops->view_close(f->store.object, views[turn]);
        put(f, "more", "x"); /* closes what was replaced and has no view left */
        assert_true(says(f, NULL, "key000099", "v4"));
    }
    for (int i = 0; i < 20; i++) {
        assert_int_equal(replace(f, 10, "again"), 0);
    }
    assert_true(says(f, NULL, "key000009", "again"));
    close_store(f);
}

struct reader {
    struct fixture *fixture;
    atomic_bool stop;
    atomic_int views;
    atomic_int failures;
};

/* Each view shows one map: all keys of a map have the same value. */
static void *read_on(void *context)
{
    struct reader *reader = context;
    const struct dengine_kv_store store = reader->fixture->store;

    while (!atomic_load(&reader->stop)) {
        struct dengine_kv_view *view;
        struct dengine_slice first = {NULL, 0};
        struct dengine_slice last = {NULL, 0};

        if (store.ops->view_open(store.object, &view) != 0) {
            atomic_fetch_add(&reader->failures, 1);
            continue;
        }
        if (store.ops->view_get(store.object, view, dengine_str("key000000"), &first) != 0 ||
            store.ops->view_get(store.object, view, dengine_str("key000099"), &last) != 0 ||
            first.size != last.size || memcmp(first.data, last.data, first.size) != 0) {
            atomic_fetch_add(&reader->failures, 1);
        }
        store.ops->view_close(store.object, view);
        atomic_fetch_add(&reader->views, 1);
    }
    return NULL;
}

/* How many files the store has mapped. */
static int maps(void)
{
    FILE *file = fopen("/proc/self/maps", "re");
    char line[512];
    int count = 0;

    assert_non_null(file);
    while (fgets(line, sizeof(line), file) != NULL) {
        count += strstr(line, ".mdb") != NULL && strstr(line, "lock") == NULL;
    }
    (void)fclose(file);
    return count;
}

static void maps_are_replaced_under_readers(void **state)
{
    struct reader reader = {.fixture = *state};
    struct fixture *f = *state;
    pthread_t threads[3];

    assert_int_equal(open_store(f), 0);
    assert_int_equal(replace(f, 100, "first"), 0);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, read_on, &reader), 0);
    }
    for (unsigned turn = 0; turn < 40; turn++) {
        const int before = atomic_load(&reader.views);
        char text[16];

        (void)snprintf(text, sizeof(text), "turn%u", turn);
        assert_int_equal(replace(f, 100, text), 0);
        while (atomic_load(&reader.views) == before) {
            (void)sched_yield();
        }
    }
    atomic_store(&reader.stop, true);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    assert_int_equal(atomic_load(&reader.failures), 0);
    put(f, "more", "x"); /* closes what was replaced and has no view left: all */
    assert_int_equal(maps(), 1);
    assert_true(says(f, NULL, "key000099", "turn39"));
    close_store(f);
}

/* A reader that has looked up the current file and is held up before it writes that file's name
 * into its slot: the file may be replaced, closed and filled anew by then. It finds out when it
 * looks again; until then the name says nothing. */
static void a_reader_may_come_late_to_a_file_that_was_replaced(void **state)
{
    struct fixture *f = *state;
    struct de_lmdb_kv *kv;
    struct de_lmdb_view *late;
    struct de_lmdb_file *old;

    assert_int_equal(open_store(f), 0);
    kv = f->store.object;
    old = kv->current;
    late = de_lmdb_pool_take(&kv->pool);
    assert_non_null(late);
    assert_int_equal(replace(f, 10, "new"), 0);
    assert_null(old->env);
    __atomic_store_n(&late->file, old, __ATOMIC_SEQ_CST);
    assert_int_equal(fill(f, 10, "other"), 0);
    assert_ptr_equal(kv->filling, old);
    f->store.ops->replace_abort(f->store.object);
    __atomic_store_n(&late->file, kv->current, __ATOMIC_SEQ_CST);
    de_lmdb_pool_give(late);
    assert_true(says(f, NULL, "key000009", "new"));
    close_store(f);
}

static void the_map_grows_while_it_is_filled(void **state)
{
    struct fixture *f = *state;
    static uint8_t data[300000];
    uint64_t map = 0;
    uint64_t used = 0;

    f->options.map_bytes = 1 << 20;
    assert_int_equal(open_store(f), 0);
    assert_int_equal(f->store.ops->replace_begin(f->store.object), 0);
    for (unsigned i = 0; i < 200; i++) {
        char key[16];

        (void)snprintf(key, sizeof(key), "key%06u", i);
        assert_int_equal(f->store.ops->replace_put(f->store.object, dengine_str(key),
                                                   dengine_bytes(data, i == 7 ? 8 : sizeof(data))),
                         0);
    }
    assert_int_equal(f->store.ops->replace_commit(f->store.object), 0);
    put(f, "then", "1"); /* reads the figures */
    de_lmdb_kv_usage(f->store, &map, &used);
    assert_true(used > 199 * sizeof(data));
    assert_true(map >= used);
    close_store(f);
    assert_int_equal(open_store(f), 0);
    assert_int_equal(f->found, DE_LMDB_KEPT);
    assert_true(says(f, NULL, "then", "1"));
    close_store(f);
}

static void the_directory_may_be_relative(void **state)
{
    struct fixture *f = *state;
    char here[4096];

    assert_int_equal(open_store(f), 0);
    assert_non_null(getcwd(here, sizeof(here)));
    assert_int_equal(chdir("/"), 0);
    assert_int_equal(replace(f, 10, "new"), 0);
    assert_true(says(f, NULL, "key000009", "new"));
    close_store(f);
    assert_int_equal(chdir(here), 0);
    assert_int_equal(open_store(f), 0);
    assert_true(says(f, NULL, "key000009", "new"));
    close_store(f);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_crash_while_filling_leaves_the_old_map),
        TEST(a_crash_at_the_switch_leaves_the_one_or_the_other),
        TEST(a_crash_after_a_replacement_keeps_what_was_put_since),
        TEST(a_failed_commit_leaves_the_old_map),
        TEST(a_full_disk_ends_a_replacement_without_harm),
        TEST(a_part_that_cannot_be_written_ends_a_replacement),
        TEST(a_filled_file_that_cannot_be_opened_leaves_the_old_map),
        TEST(views_outlive_any_number_of_replacements),
        TEST(maps_are_replaced_under_readers),
        TEST(a_reader_may_come_late_to_a_file_that_was_replaced),
        TEST(the_map_grows_while_it_is_filled),
        TEST(the_directory_may_be_relative),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
