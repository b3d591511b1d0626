/* Fuzz target: the payload of a CONFIG entry. Any bytes are refused or give a configuration that
 * may be encoded, and then decodes to itself. */
#include <string.h>

#include <dengine/error.h>

#include "core/base/assert.h"
#include "core/node/config_codec.h"
#include "core/raft/configuration.h"
#include "fuzz/fuzz_target.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct de_raft_configuration first;
    struct de_raft_configuration second;
    uint8_t bytes[DE_CONFIG_BYTES_MAX];
    size_t used;
    int error = de_config_decode(dengine_bytes(data, size), &first);

    if (error != 0) {
        DE_ASSERT(error == DENGINE_E_PROTOCOL || error == DENGINE_E_VERSION);
        return 0;
    }
    used = de_config_encode(&first, bytes, sizeof(bytes));
    /* What is skipped when decoding is not written again. */
    DE_ASSERT(used > 0 && used <= size);
    DE_ASSERT(de_config_decode(dengine_bytes(bytes, used), &second) == 0);
    DE_ASSERT(de_configuration_equal(&first, &second));
    DE_ASSERT(used < size || memcmp(bytes, data, used) == 0);
    return 0;
}
