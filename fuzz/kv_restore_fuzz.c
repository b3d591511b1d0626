/* Fuzz target: the stream that a state machine is restored from. Any bytes are refused, and the
 * state stays; or they are the one stream of the state that then is there, and saving it gives the
 * same bytes, unless they are of an older format. The first byte says how the stream is cut. */
#include <stdlib.h>
#include <string.h>

#include <dengine/error.h>

#include "core/base/assert.h"
#include "core/base/codec.h"
#include "core/base/crc32c.h"
#include "core/kv/kv.h"
#include "core/kv/record.h"
#include "fuzz/fuzz_target.h"
#include "storage/base/heap.h"
#include "storage/mem/mem_kv.h"

#define SIZE_MAX_BYTES 65536u /* so that one read saves it all */
#define OLDER_BYTES    52     /* of "\0state" in format 2 */

/* Puts the checksum of the first "\0state" right, or a fuzzer would hardly get past it, and says
 * what it says. */
static void seal(uint8_t *stream, size_t size, uint64_t *index, uint64_t *term)
{
    static const char key[] = "\0state";
    const size_t key_size = sizeof(key) - 1;

    *index = 1;
    *term = 1;
    for (size_t at = 0; at + key_size + OLDER_BYTES <= size; at++) {
        if (memcmp(stream + at, key, key_size) == 0) {
            uint8_t *state = stream + at + key_size;
            const size_t bytes = de_load_u32(state + 4) == 2 ? OLDER_BYTES : DE_KV_STATE_BYTES;
            const uint64_t says_index = de_load_u64(state + 8);
            const uint64_t says_term = de_load_u64(state + 16);

            if (at + key_size + bytes > size) {
                return;
            }
            de_store_u32(state + bytes - 4, de_crc32c(0, state, bytes - 4));
            *index = says_index > 0 ? says_index : 1;
            *term = says_term > 0 ? says_term : 1;
            return;
        }
    }
}

static int restore(struct dengine_state_machine machine, const uint8_t *stream, size_t size,
                   size_t piece, uint64_t index, uint64_t term)
{
    int error = machine.ops->restore_begin(machine.object);

    DE_ASSERT(error == 0);
    for (size_t at = 0; at < size && error == 0; at += piece) {
        const size_t left = size - at < piece ? size - at : piece;

        error = machine.ops->restore_write(machine.object, dengine_bytes(stream + at, left));
    }
    if (error != 0) {
        machine.ops->restore_abort(machine.object);
        return error;
    }
    return machine.ops->restore_commit(machine.object, index, term);
}

static uint8_t again[SIZE_MAX_BYTES + DE_KV_STATE_BYTES];

static size_t save_again(struct dengine_state_machine machine, uint64_t *index, uint64_t *term)
{
    struct dengine_machine_save *save;
    size_t got = 0;
    int error = machine.ops->save_begin(machine.object, &save, index, term);

    DE_ASSERT(error == 0);
    error = machine.ops->save_read(machine.object, save, again, sizeof(again), &got);
    DE_ASSERT(error == 0);
    machine.ops->save_end(machine.object, save);
    return got;
}

static void check_saved(struct dengine_state_machine machine, const uint8_t *stream, size_t size)
{
    static uint8_t first[sizeof(again)];
    uint64_t index;
    uint64_t term;
    size_t got = save_again(machine, &index, &term);
    int error;

    if (got == size) {
        DE_ASSERT(memcmp(again, stream, size) == 0);
        return;
    }
    /* Of an older format: it has become the stream of this one. */
    DE_ASSERT(got == size + DE_KV_STATE_BYTES - OLDER_BYTES);
    memcpy(first, again, got);
    error = restore(machine, first, got, got, index, term);
    DE_ASSERT(error == 0);
    DE_ASSERT(save_again(machine, &index, &term) == got && memcmp(again, first, got) == 0);
}

static void try_stream(const uint8_t *stream, size_t size, size_t piece, uint64_t index,
                       uint64_t term)
{
    struct dengine_kv_store store;
    struct dengine_state_machine machine;
    struct de_kv *kv = NULL;
    uint64_t digest = 0;
    uint64_t before = 0;
    int error = de_mem_kv_open(NULL, &store);

    DE_ASSERT(error == 0);
    error = de_kv_new(store, de_heap_allocator(), &kv);
    DE_ASSERT(error == 0);
    machine = de_kv_state_machine(kv);
    error = machine.ops->digest(machine.object, &before);
    DE_ASSERT(error == 0);
    error = restore(machine, stream, size, piece, index, term);
    if (error == 0) {
        check_saved(machine, stream, size);
    } else {
        DE_ASSERT(error == DENGINE_E_CORRUPT || error == DENGINE_E_VERSION);
        error = machine.ops->digest(machine.object, &digest);
        DE_ASSERT(error == 0 && digest == before);
    }
    de_kv_free(kv);
    store.ops->close(store.object);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint64_t index;
    uint64_t term;
    uint8_t *stream;

    if (size < 1 || size > SIZE_MAX_BYTES) {
        return 0;
    }
    stream = malloc(size);
    DE_ASSERT(stream != NULL);
    memcpy(stream, data + 1, size - 1);
    try_stream(stream, size - 1, 1u + data[0], 1, 1);
    seal(stream, size - 1, &index, &term);
    try_stream(stream, size - 1, 1u + data[0], index, term);
    free(stream);
    return 0;
}
