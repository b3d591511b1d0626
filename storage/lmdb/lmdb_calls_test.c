/* What the store asks of LMDB and of the system when these refuse. Linked with --wrap for
 * fallocate, fdatasync and mdb_env_sync. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/types.h>
#include <unistd.h>

#include <cmocka.h>
#include <lmdb.h>

#include "storage/lmdb/lmdb_kv.h"
#include "storage/lmdb/lmdb_mark.h"
#include "storage/posix/posix_dir.h"

static struct {
    int fallocate_errno; /* 0: the real one is called */
    int fdatasync_errno; /* of the next one of data.mdb */
    int sync_code;
    int syncs; /* that waited for the disk */
} calls;

int __real_fallocate(int fd, int mode, off_t offset, off_t length);
int __wrap_fallocate(int fd, int mode, off_t offset, off_t length);
int __real_fdatasync(int fd);
int __wrap_fdatasync(int fd);
int __real_mdb_env_sync(MDB_env *env, int force);
int __wrap_mdb_env_sync(MDB_env *env, int force);

int __wrap_fallocate(int fd, int mode, off_t offset, off_t length)
{
    if (calls.fallocate_errno != 0) {
        errno = calls.fallocate_errno;
        return -1;
    }
    return __real_fallocate(fd, mode, offset, length);
}

/* Whether the descriptor is of data.mdb. */
static bool is_data(int fd)
{
    char link[64];
    char path[256] = "";

    (void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    return readlink(link, path, sizeof(path) - 1) > 0 && strstr(path, "/data.mdb") != NULL;
}

int __wrap_fdatasync(int fd)
{
    if (calls.fdatasync_errno != 0 && is_data(fd)) {
        errno = calls.fdatasync_errno;
        calls.fdatasync_errno = 0;
        return -1;
    }
    return __real_fdatasync(fd);
}

int __wrap_mdb_env_sync(MDB_env *env, int force)
{
    /* Without force LMDB does nothing, opened as it is. */
    calls.syncs += force == 1;
    return calls.sync_code != 0 ? calls.sync_code : __real_mdb_env_sync(env, force);
}

struct fixture {
    char path[64];
    struct dengine_kv_store store;
    enum de_lmdb_found found;
    char message[512];
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    assert_non_null(f);
    memset(&calls, 0, sizeof(calls));
    (void)snprintf(f->path, sizeof(f->path), "lmdb_calls_XXXXXX");
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
    (void)rmdir(f->path);
    free(f);
    return 0;
}

static int open_store(struct fixture *f)
{
    return de_lmdb_kv_open(f->path, NULL, &f->store, &f->found, f->message, sizeof(f->message));
}

static void close_store(struct fixture *f)
{
    f->store.ops->close(f->store.object);
}

/* A value of a hundred bytes under each of count keys, in one transaction; it is aborted when it
 * fails. */
static int put_many(struct fixture *f, unsigned first, unsigned count, size_t value_bytes)
{
    uint8_t *value = calloc(1, value_bytes);
    int error = f->store.ops->begin(f->store.object);

    assert_non_null(value);
    if (error != 0) {
        free(value);
        return error;
    }
    for (unsigned i = first; i < first + count && error == 0; i++) {
        char key[16];

        (void)snprintf(key, sizeof(key), "%08u", i);
        error =
            f->store.ops->put(f->store.object, dengine_str(key), dengine_bytes(value, value_bytes));
    }
    free(value);
    if (error == 0) {
        return f->store.ops->commit(f->store.object);
    }
    f->store.ops->abort(f->store.object);
    return error;
}

static unsigned count_keys(struct fixture *f)
{
    struct dengine_kv_view *view;
    struct dengine_kv_cursor *cursor;
    struct dengine_kv_pair pair;
    unsigned count = 0;
    int error;

    assert_int_equal(f->store.ops->view_open(f->store.object, &view), 0);
    assert_int_equal(f->store.ops->cursor_open(f->store.object, view, &cursor), 0);
    error = f->store.ops->cursor_seek(f->store.object, cursor, dengine_bytes(NULL, 0), &pair);
    for (; error == 0; count++) {
        error = f->store.ops->cursor_next(f->store.object, cursor, &pair);
    }
    assert_int_equal(error, DENGINE_E_NOT_FOUND);
    f->store.ops->cursor_close(f->store.object, cursor);
    f->store.ops->view_close(f->store.object, view);
    return count;
}

static enum de_lmdb_mark_state mark_state(const struct fixture *f)
{
    struct de_lmdb_mark mark;
    struct dengine_dir dir;

    assert_int_equal(de_posix_dir_open(f->path, false, &dir, NULL, 0), 0);
    assert_int_equal(de_lmdb_mark_read(dir, &mark), 0);
    de_posix_dir_close(dir);
    return mark.state;
}

/* 16 MiB are reserved at a time; a mapped page without a disk block behind it would be SIGBUS. */
static void a_full_disk_is_no_space_before_a_page_is_touched(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(open_store(f), 0);
    assert_int_equal(put_many(f, 0, 10, 100), 0);
    calls.fallocate_errno = ENOSPC;
    assert_int_equal(put_many(f, 10, 40, 1u << 20), DENGINE_E_NO_SPACE);
    assert_non_null(strstr(f->store.ops->message(f->store.object), "reserving disk space"));
    assert_int_equal(count_keys(f), 10);
    calls.fallocate_errno = 0;
    assert_int_equal(put_many(f, 10, 20, 1u << 20), 0);
    assert_int_equal(count_keys(f), 30);
    close_store(f);
}

static void a_full_disk_refuses_the_first_transaction(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(open_store(f), 0);
    calls.fallocate_errno = ENOSPC;
    assert_int_equal(f->store.ops->begin(f->store.object), DENGINE_E_NO_SPACE);
    calls.fallocate_errno = 0;
    assert_int_equal(put_many(f, 0, 1, 1), 0);
    close_store(f);
}

static void a_file_system_that_cannot_reserve_will_do(void **state)
{
    struct fixture *f = *state;

    calls.fallocate_errno = EOPNOTSUPP;
    assert_int_equal(open_store(f), 0);
    assert_int_equal(put_many(f, 0, 100, 1000), 0);
    assert_int_equal(count_keys(f), 100);
    close_store(f);
}

static void an_open_store_is_marked_as_open(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(open_store(f), 0);
    assert_int_equal(mark_state(f), DE_LMDB_MARK_OPEN);
    close_store(f);
    assert_int_equal(mark_state(f), DE_LMDB_MARK_CLEAN);
    /* The same when the contents are kept. */
    assert_int_equal(open_store(f), 0);
    assert_int_equal(f->found, DE_LMDB_KEPT);
    assert_int_equal(mark_state(f), DE_LMDB_MARK_OPEN);
    close_store(f);
}

static void a_store_is_clean_only_when_it_was_synced(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(open_store(f), 0);
    assert_int_equal(put_many(f, 0, 1, 1), 0);
    calls.syncs = 0;
    close_store(f);
    assert_int_equal(calls.syncs, 1);
    assert_int_equal(mark_state(f), DE_LMDB_MARK_CLEAN);
    assert_int_equal(open_store(f), 0);
    calls.sync_code = EIO;
    close_store(f);
    assert_int_equal(mark_state(f), DE_LMDB_MARK_OPEN);
    calls.sync_code = 0;
    /* Its new length must be durable as well. */
    assert_int_equal(open_store(f), 0);
    calls.fdatasync_errno = EIO;
    close_store(f);
    assert_int_equal(calls.fdatasync_errno, 0);
    assert_int_equal(mark_state(f), DE_LMDB_MARK_OPEN);
}

static void a_failed_sync_is_reported(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(open_store(f), 0);
    assert_int_equal(put_many(f, 0, 1, 1), 0);
    calls.syncs = 0;
    assert_int_equal(f->store.ops->sync(f->store.object), 0);
    assert_int_equal(calls.syncs, 1);
    calls.sync_code = EIO;
    assert_int_equal(f->store.ops->sync(f->store.object), DENGINE_E_IO);
    assert_int_equal(calls.syncs, 2);
    assert_non_null(strstr(f->store.ops->message(f->store.object), "syncing"));
    close_store(f);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_full_disk_is_no_space_before_a_page_is_touched),
        TEST(a_full_disk_refuses_the_first_transaction),
        TEST(a_file_system_that_cannot_reserve_will_do),
        TEST(an_open_store_is_marked_as_open),
        TEST(a_store_is_clean_only_when_it_was_synced),
        TEST(a_failed_sync_is_reported),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
