/* Fuzz target: whatever bytes come, decoding ends in an error or in a command that encodes to the
 * same bytes. */
#include <stdlib.h>
#include <string.h>

#include "core/base/assert.h"
#include "core/kv/command.h"
#include "fuzz/fuzz_target.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct de_kv_command command;
    uint8_t *again;

    if (de_kv_command_decode(dengine_bytes(data, size), &command) != 0) {
        return 0;
    }
    again = malloc(size);
    DE_ASSERT(again != NULL);
    DE_ASSERT(de_kv_command_encode(&command, again, size) == size);
    DE_ASSERT(memcmp(again, data, size) == 0);
    free(again);
    return 0;
}
