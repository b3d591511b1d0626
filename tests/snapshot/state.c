#include "tests/snapshot/state.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "storage/base/heap.h"
#include "storage/lmdb/lmdb_kv.h"
#include "storage/mem/mem_kv.h"
#include "storage/posix/posix_dir.h"

#define TERM         2
#define BUFFER_BYTES 65536

void de_test_state_open(struct de_test_state *state, bool lmdb)
{
    enum de_lmdb_found found;

    memset(state, 0, sizeof(*state));
    if (lmdb) {
        (void)snprintf(state->path, sizeof(state->path), "state_XXXXXX");
        assert_non_null(mkdtemp(state->path));
        assert_int_equal(de_lmdb_kv_open(state->path, NULL, &state->store, &found, NULL, 0), 0);
    } else {
        assert_int_equal(de_mem_kv_open(NULL, &state->store), 0);
    }
    assert_int_equal(de_kv_new(state->store, de_heap_allocator(), &state->kv), 0);
    state->machine = de_kv_state_machine(state->kv);
}

static int remove_name(void *context, const char *name)
{
    const struct dengine_dir *dir = context;

    return dir->ops->remove(dir->object, name);
}

void de_test_state_close(struct de_test_state *state)
{
    struct dengine_dir dir;

    de_kv_free(state->kv);
    state->store.ops->close(state->store.object);
    if (state->path[0] != '\0') {
        assert_int_equal(de_posix_dir_open(state->path, false, &dir, NULL, 0), 0);
        (void)dir.ops->list(dir.object, remove_name, &dir);
        de_posix_dir_close(dir);
        assert_int_equal(rmdir(state->path), 0);
    }
}

void de_test_state_apply(struct de_test_state *state, const struct de_kv_command *command)
{
    const struct dengine_position at = {++state->index, TERM, 1000 * state->index};
    const size_t size = de_kv_command_size(command);
    uint8_t *bytes = malloc(size);
    struct dengine_result result;

    assert_non_null(bytes);
    assert_int_equal(de_kv_command_encode(command, bytes, size), size);
    assert_int_equal(state->machine.ops->begin(state->machine.object), 0);
    assert_int_equal(
        state->machine.ops->apply(state->machine.object, &at, dengine_bytes(bytes, size), &result),
        0);
    assert_int_equal(result.status, 0);
    assert_int_equal(state->machine.ops->commit(state->machine.object, at.index, TERM), 0);
    free(bytes);
}

uint64_t de_test_state_digest(struct de_test_state *state)
{
    uint64_t digest = 0;

    assert_int_equal(state->machine.ops->digest(state->machine.object, &digest), 0);
    return digest;
}

void de_test_state_save_read(struct de_test_state *state, struct dengine_machine_save *save,
                             uint64_t index, uint64_t term, struct dengine_snapshot_store snapshots)
{
    const struct dengine_snapshot_meta meta = {1, index, term, dengine_str("members")};
    struct dengine_snapshot_writer *writer;
    uint8_t *buffer = malloc(BUFFER_BYTES);
    size_t size = 1;

    assert_non_null(buffer);
    assert_int_equal(snapshots.ops->create(snapshots.object, &meta, &writer), 0);
    while (size > 0) {
        assert_int_equal(
            state->machine.ops->save_read(state->machine.object, save, buffer, BUFFER_BYTES, &size),
            0);
        assert_int_equal(
            snapshots.ops->write(snapshots.object, writer, dengine_bytes(buffer, size)), 0);
    }
    assert_int_equal(snapshots.ops->commit(snapshots.object, writer), 0);
    state->machine.ops->save_end(state->machine.object, save);
    free(buffer);
}

void de_test_state_save(struct de_test_state *state, struct dengine_snapshot_store snapshots)
{
    struct dengine_machine_save *save;
    uint64_t index;
    uint64_t term;

    assert_int_equal(state->machine.ops->save_begin(state->machine.object, &save, &index, &term),
                     0);
    assert_int_equal(index, state->index);
    de_test_state_save_read(state, save, index, term, snapshots);
}

void de_test_state_restore(struct de_test_state *state, struct dengine_snapshot_store snapshots)
{
    struct dengine_snapshot_reader *reader;
    struct dengine_snapshot_meta meta;
    uint64_t image_bytes;
    uint8_t *buffer = malloc(BUFFER_BYTES);
    size_t size = 1;

    assert_non_null(buffer);
    assert_int_equal(snapshots.ops->open(snapshots.object, 0, &reader, &meta, &image_bytes), 0);
    assert_int_equal(state->machine.ops->restore_begin(state->machine.object), 0);
    while (size > 0) {
        assert_int_equal(snapshots.ops->read(snapshots.object, reader, buffer, BUFFER_BYTES, &size),
                         0);
        assert_int_equal(
            state->machine.ops->restore_write(state->machine.object, dengine_bytes(buffer, size)),
            0);
    }
    assert_int_equal(
        state->machine.ops->restore_commit(state->machine.object, meta.index, meta.term), 0);
    state->index = meta.index;
    snapshots.ops->close_reader(snapshots.object, reader);
    free(buffer);
}
