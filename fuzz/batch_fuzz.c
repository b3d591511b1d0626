/* Fuzz target: the payload of an entry with commands, which is also what a follower forwards. Any
 * bytes are refused, or are a batch that is written again as the same bytes. */
#include <stdlib.h>
#include <string.h>

#include "core/base/assert.h"
#include "core/node/batch.h"
#include "fuzz/fuzz_target.h"

struct seen {
    uint32_t count;
    uint64_t bytes;
    struct de_writer *writer; /* NULL: only counts */
};

static int see(void *context, uint32_t number, struct dengine_slice command)
{
    struct seen *seen = context;

    DE_ASSERT(number == seen->count);
    DE_ASSERT(command.data != NULL || command.size == 0);
    seen->count++;
    seen->bytes += command.size;
    if (seen->writer != NULL) {
        de_batch_add(seen->writer, command);
    }
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct dengine_slice payload = dengine_bytes(data, size);
    const uint32_t count = de_batch_count(payload);
    struct de_writer writer;
    struct seen seen = {0};
    uint8_t *again;
    int err = de_batch_visit(payload, see, &seen);

    DE_ASSERT((err == 0) == (count > 0));
    if (err != 0) {
        DE_ASSERT(err == DENGINE_E_PROTOCOL || err == DENGINE_E_VERSION);
        return 0;
    }
    DE_ASSERT(seen.count == count);
    DE_ASSERT(de_batch_size(count, seen.bytes) == size);
    again = malloc(size);
    DE_ASSERT(again != NULL);
    de_writer_init(&writer, again, size);
    de_batch_start(&writer, count, de_batch_time_ns(payload));
    seen = (struct seen){.writer = &writer};
    err = de_batch_visit(payload, see, &seen);
    DE_ASSERT(err == 0 && writer.size == size && memcmp(again, data, size) == 0);
    free(again);
    return 0;
}
