/* Fuzz target: records of what batches did, as they are read back from the store. Any bytes are
 * refused, or are events that encode to the same bytes. */
#include <string.h>

#include <dengine/error.h>

#include "core/base/assert.h"
#include "core/kv/past.h"
#include "fuzz/fuzz_target.h"

enum {
    RECORD_MAX = 4096,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct dengine_slice record = dengine_bytes(data, size);
    uint8_t again[RECORD_MAX];
    struct de_kv_past_header header;
    struct de_kv_event event;
    size_t end = size;
    int error;

    if (size > sizeof(again)) {
        return 0;
    }
    error = de_kv_past_decode_header(record, &header);
    DE_ASSERT(error == 0 || error == DENGINE_E_CORRUPT || error == DENGINE_E_VERSION);
    if (error != 0) {
        return 0;
    }
    de_kv_past_encode_header(&header, again);
    DE_ASSERT(memcmp(again, data, DE_KV_PAST_HEADER_BYTES) == 0);
    while ((error = de_kv_past_decode_event(record, &end, &event)) == 0) {
        DE_ASSERT(end >= DE_KV_PAST_HEADER_BYTES && end < size);
        DE_ASSERT(de_kv_past_event_bytes(&event) <= size - end);
        de_kv_past_encode_event(&event, again);
        DE_ASSERT(memcmp(again, data + end, de_kv_past_event_bytes(&event)) == 0);
    }
    DE_ASSERT(error == DENGINE_E_CORRUPT || error == DENGINE_E_NOT_FOUND);
    DE_ASSERT(error != DENGINE_E_NOT_FOUND || end == DE_KV_PAST_HEADER_BYTES);
    return 0;
}
