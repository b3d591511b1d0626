/* A million keys: saved, received and restored in bounded memory, and without a long pause of the
 * applier. (What is mapped from a file is not counted: it is the kernel's to take back.) */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "storage/posix/posix_dir.h"
#include "storage/snapshot/snapshot.h"
#include "tests/snapshot/state.h"

#define KEYS        1000000u
#define VALUE_BYTES 100u
#define PER_COMMAND 100u
/* Far above what is needed, far below what the state takes. */
#define MEMORY_MAX_KIB 32768
#define PAUSE_MAX_MS   1000

/* The process's own memory, without mapped files. */
static long anonymous_kib(void)
{
    FILE *file = fopen("/proc/self/status", "r");
    char line[256];
    long kib = -1;

    assert_non_null(file);
    while (fgets(line, sizeof(line), file) != NULL) {
        if (strncmp(line, "RssAnon:", 8) == 0) {
            kib = strtol(line + 8, NULL, 10);
        }
    }
    (void)fclose(file);
    assert_true(kib > 0);
    return kib;
}

static long now_ms(void)
{
    struct timespec now;

    assert_int_equal(clock_gettime(CLOCK_MONOTONIC, &now), 0);
    return (long)(now.tv_sec * 1000 + now.tv_nsec / 1000000);
}

static void put_range(struct de_test_state *state, unsigned from, unsigned count, uint8_t fill)
{
    uint8_t value[VALUE_BYTES];
    static uint8_t bytes[PER_COMMAND * 160];
    const struct dengine_position at = {++state->index, 2, 1};
    struct dengine_result result;

    memset(value, fill, sizeof(value));
    assert_int_equal(state->machine.ops->begin(state->machine.object), 0);
    for (unsigned i = from; i < from + count; i++) {
        struct de_kv_command command;
        char key[16];

        (void)snprintf(key, sizeof(key), "key%08u", i);
        command = de_kv_put(dengine_str(key), dengine_bytes(value, sizeof(value)));
        assert_int_equal(
            state->machine.ops->apply(
                state->machine.object, &at,
                dengine_bytes(bytes, de_kv_command_encode(&command, bytes, sizeof(bytes))),
                &result),
            0);
    }
    assert_int_equal(state->machine.ops->commit(state->machine.object, at.index, 2), 0);
}

static void fill(struct de_test_state *state, uint8_t byte)
{
    for (unsigned i = 0; i < KEYS; i += PER_COMMAND) {
        put_range(state, i, PER_COMMAND, byte);
    }
}

/* Sends the newest snapshot from one store to the other. */
static void send(struct dengine_snapshot_store from, struct dengine_snapshot_store to)
{
    static uint8_t buffer[100000];
    struct dengine_snapshot_receiver *receiver;
    struct dengine_snapshot_reader *reader;
    struct dengine_snapshot_meta meta;
    uint64_t image_bytes;
    uint64_t offset = 0;
    size_t size = 1;

    assert_int_equal(from.ops->open(from.object, 0, &reader, &meta, &image_bytes), 0);
    assert_int_equal(
        to.ops->receive(to.object, meta.index, meta.term, image_bytes, &receiver, &offset), 0);
    while (size > 0) {
        assert_int_equal(
            from.ops->read_image(from.object, reader, offset, buffer, sizeof(buffer), &size), 0);
        assert_int_equal(to.ops->receive_write(to.object, receiver, dengine_bytes(buffer, size)),
                         0);
        offset += size;
    }
    from.ops->close_reader(from.object, reader);
    assert_int_equal(to.ops->receive_finish(to.object, receiver, &meta), 0);
}

static void open_snapshots(char *path, struct dengine_dir *dir,
                           struct dengine_snapshot_store *snapshots)
{
    assert_non_null(mkdtemp(path));
    assert_int_equal(de_posix_dir_open(path, false, dir, NULL, 0), 0);
    assert_int_equal(de_snapshot_store_open(*dir, NULL, snapshots, NULL, 0), 0);
}

static int remove_name(void *context, const char *name)
{
    const struct dengine_dir *dir = context;

    return dir->ops->remove(dir->object, name);
}

static void close_snapshots(const char *path, struct dengine_dir dir,
                            struct dengine_snapshot_store snapshots)
{
    snapshots.ops->close(snapshots.object);
    (void)dir.ops->list(dir.object, remove_name, &dir);
    de_posix_dir_close(dir);
    assert_int_equal(rmdir(path), 0);
}

static void a_million_keys_in_bounded_memory(void **unused)
{
    char paths[2][32] = {"snapshots_XXXXXX", "snapshots_XXXXXX"};
    struct dengine_snapshot_store snapshots[2];
    struct dengine_dir dirs[2];
    struct de_test_state one;
    struct de_test_state other;
    long before;
    long start;
    uint64_t digest;

    (void)unused;
    open_snapshots(paths[0], &dirs[0], &snapshots[0]);
    open_snapshots(paths[1], &dirs[1], &snapshots[1]);
    de_test_state_open(&one, true);
    de_test_state_open(&other, true);
    fill(&one, 'n');
    fill(&other, 'o'); /* a big map that is replaced */
    digest = de_test_state_digest(&one);
    before = anonymous_kib();
    start = now_ms();
    de_test_state_save(&one, snapshots[0]);
    print_message("saved in %ld ms\n", now_ms() - start);
    start = now_ms();
    send(snapshots[0], snapshots[1]);
    print_message("received in %ld ms\n", now_ms() - start);
    start = now_ms();
    de_test_state_restore(&other, snapshots[1]);
    print_message("restored in %ld ms\n", now_ms() - start);
    /* The old map goes at the end of the restore, or with the next transaction. */
    start = now_ms();
    put_range(&other, 0, 1, 'x');
    print_message("first put after it: %ld ms\n", now_ms() - start);
    assert_true(now_ms() - start < PAUSE_MAX_MS);
    print_message("memory: %ld KiB more\n", anonymous_kib() - before);
    assert_true(anonymous_kib() - before < MEMORY_MAX_KIB);
    put_range(&one, 0, 1, 'x');
    assert_true(de_test_state_digest(&one) == de_test_state_digest(&other));
    assert_false(de_test_state_digest(&one) == digest);
    de_test_state_close(&one);
    de_test_state_close(&other);
    close_snapshots(paths[0], dirs[0], snapshots[0]);
    close_snapshots(paths[1], dirs[1], snapshots[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_million_keys_in_bounded_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
