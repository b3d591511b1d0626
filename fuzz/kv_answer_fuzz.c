/* Fuzz target: what a command answers, and what the state machine keeps of leases and sessions. Any
 * bytes are refused, or are read without a step beyond them; a lease and a remembered result encode
 * to the same bytes. */
#include <string.h>

#include "core/base/assert.h"
#include "core/kv/answer.h"
#include "fuzz/fuzz_target.h"

static void try_answer(const uint8_t *data, size_t size)
{
    struct de_kv_answer answer;
    size_t sum = 0;

    if (de_kv_answer_decode(dengine_bytes(data, size), &answer) != 0) {
        return;
    }
    for (uint32_t i = 0; i < answer.ops; i++) {
        struct de_kv_op_answer op;

        DE_ASSERT(de_kv_op_answer_read(&answer.reader, &op));
        for (uint32_t n = 0; n < op.pairs; n++) {
            struct de_kv_pair pair;

            DE_ASSERT(de_kv_pair_read(&answer.reader, &pair));
            sum += de_kv_pair_size(pair.key, pair.record.value);
        }
    }
    DE_ASSERT(sum <= size);
    DE_ASSERT(de_reader_left(&answer.reader) == 0);
}

static void try_lease(const uint8_t *data, size_t size)
{
    struct de_kv_lease lease;
    uint8_t again[DE_KV_LEASE_BYTES];

    if (de_kv_lease_decode(dengine_bytes(data, size), &lease) == 0) {
        de_kv_lease_encode(&lease, again);
        DE_ASSERT(size == sizeof(again) && memcmp(again, data, size) == 0);
    }
}

static void try_remembered(const uint8_t *data, size_t size)
{
    struct dengine_result result;
    uint8_t again[DE_KV_REMEMBERED_HEADER_BYTES];

    if (de_kv_remembered_decode(dengine_bytes(data, size), &result) == 0) {
        de_kv_remembered_encode_header(&result, again);
        DE_ASSERT(memcmp(again, data, sizeof(again)) == 0);
        DE_ASSERT(result.bytes.size == size - sizeof(again));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    try_answer(data, size);
    try_lease(data, size);
    try_remembered(data, size);
    return 0;
}
