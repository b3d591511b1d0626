/* What readers keep LMDB from using again: pages that a view may still look at. A view that is open
 * does; one that was closed does not; nor does one whose process was killed. Real processes. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <lmdb.h>

#include "storage/lmdb/lmdb_kv.h"
#include "storage/posix/posix_dir.h"

#define KEYS        200u
#define VALUE_BYTES 1000u
#define ROUNDS      60u

struct fixture {
    char path[64];
    struct dengine_kv_store store;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    assert_non_null(f);
    (void)snprintf(f->path, sizeof(f->path), "lmdb_reader_XXXXXX");
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

static int open_store(struct fixture *f, enum de_lmdb_found *found)
{
    char message[512];

    return de_lmdb_kv_open(f->path, NULL, &f->store, found, message, sizeof(message));
}

/* Writes every key anew, in one transaction. */
static int write_all(struct fixture *f, unsigned round)
{
    const struct dengine_kv_store store = f->store;
    uint8_t value[VALUE_BYTES];
    int error = store.ops->begin(store.object);

    memset(value, (int)round, sizeof(value));
    for (unsigned i = 0; i < KEYS && error == 0; i++) {
        char key[16];

        (void)snprintf(key, sizeof(key), "%08u", i);
        error = store.ops->put(store.object, dengine_str(key), dengine_bytes(value, sizeof(value)));
    }
    return error != 0 ? error : store.ops->commit(store.object);
}

/* Bytes that the file has grown by while everything was written so often. */
static uint64_t growth(struct fixture *f, unsigned rounds)
{
    uint64_t map;
    uint64_t before;
    uint64_t after;

    assert_int_equal(write_all(f, 0), 0);
    de_lmdb_kv_usage(f->store, &map, &before);
    for (unsigned i = 1; i <= rounds; i++) {
        assert_int_equal(write_all(f, i), 0);
    }
    de_lmdb_kv_usage(f->store, &map, &after);
    assert_true(after >= before);
    return after - before;
}

/* Far less than what was written, far more than what a few versions of the tree take. */
#define GROWTH_MAX (UINT64_C(10) * KEYS * VALUE_BYTES)

static void an_open_view_keeps_pages_and_a_closed_one_does_not(void **state)
{
    struct fixture *f = *state;
    struct dengine_kv_view *view;
    struct dengine_slice value;
    enum de_lmdb_found found;

    assert_int_equal(open_store(f, &found), 0);
    assert_int_equal(write_all(f, 7), 0);
    assert_true(growth(f, ROUNDS) < GROWTH_MAX);
    assert_int_equal(write_all(f, 7), 0);
    assert_int_equal(f->store.ops->view_open(f->store.object, &view), 0);
    assert_true(growth(f, ROUNDS) > (UINT64_C(1) * ROUNDS / 2) * KEYS * VALUE_BYTES);
    assert_int_equal(f->store.ops->view_get(f->store.object, view, dengine_str("00000199"), &value),
                     0);
    assert_int_equal(((const uint8_t *)value.data)[0], 7);
    f->store.ops->view_close(f->store.object, view);
    /* What it kept is used before the file grows. */
    assert_true(growth(f, ROUNDS) < GROWTH_MAX);
    f->store.ops->close(f->store.object);
}

/* Opens the store with a view and says so. */
static void hold_a_view(struct fixture *f, int ready)
{
    struct dengine_kv_view *view;
    enum de_lmdb_found found;

    if (open_store(f, &found) != 0 || write_all(f, 1) != 0 ||
        f->store.ops->view_open(f->store.object, &view) != 0 || write(ready, "v", 1) != 1) {
        _exit(1);
    }
    for (;;) {
        (void)pause();
    }
}

/* Has the file open as LMDB's own tools have it, so that its table of readers is not made anew by
 * who opens it next. */
static void look_on(const struct fixture *f, int ready)
{
    char file[128];
    MDB_env *env;

    (void)snprintf(file, sizeof(file), "%s/data.mdb", f->path);
    if (mdb_env_create(&env) != 0 ||
        mdb_env_open(env, file, MDB_NOSUBDIR | MDB_RDONLY | MDB_NOTLS, 0600) != 0 ||
        write(ready, "v", 1) != 1) {
        _exit(1);
    }
    for (;;) {
        (void)pause();
    }
}

static pid_t start(struct fixture *f, bool holder)
{
    char byte = 0;
    int ready[2];
    pid_t child;

    assert_int_equal(pipe(ready), 0);
    child = fork();
    if (child == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* should the test fail, nobody ends it */
        (void)close(ready[0]);
        if (holder) {
            hold_a_view(f, ready[1]);
        } else {
            look_on(f, ready[1]);
        }
    }
    assert_true(child > 0);
    (void)close(ready[1]);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    (void)close(ready[0]);
    return child;
}

static void end(pid_t child)
{
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
}

static void the_view_of_a_killed_process_keeps_nothing(void **state)
{
    struct fixture *f = *state;

    for (int watched = 0; watched < 2; watched++) {
        const pid_t holder = start(f, true);
        const pid_t onlooker = watched ? start(f, false) : -1;
        enum de_lmdb_found found;

        end(holder);
        assert_int_equal(open_store(f, &found), 0);
        assert_int_equal(found, DE_LMDB_KEPT);
        assert_true(growth(f, ROUNDS) < GROWTH_MAX);
        f->store.ops->close(f->store.object);
        if (watched) {
            end(onlooker);
        }
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_open_view_keeps_pages_and_a_closed_one_does_not),
        TEST(the_view_of_a_killed_process_keeps_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
