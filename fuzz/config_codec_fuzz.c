/* Fuzz target: the payload of a CONFIG entry. Any bytes are refused or give a membership that may
 * be encoded, and then decodes to itself. */
#include <string.h>

#include <dengine/error.h>

#include "core/base/assert.h"
#include "core/node/config_codec.h"
#include "core/raft/configuration.h"
#include "fuzz/fuzz_target.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct de_membership first;
    struct de_membership second;
    struct de_raft_configuration members;
    uint8_t bytes[DE_CONFIG_BYTES_MAX];
    size_t used;
    int error = de_config_decode(dengine_bytes(data, size), &first);

    DE_ASSERT(de_config_decode_members(dengine_bytes(data, size), &members) == error);
    if (error != 0) {
        DE_ASSERT(error == DENGINE_E_PROTOCOL || error == DENGINE_E_VERSION);
        return 0;
    }
    DE_ASSERT(de_configuration_equal(&first.configuration, &members));
    used = de_config_encode(&first, bytes, sizeof(bytes));
    DE_ASSERT(used > 0 && used == de_config_size(&first));
    DE_ASSERT(de_config_decode(dengine_bytes(bytes, used), &second) == 0);
    DE_ASSERT(memcmp(&first, &second, sizeof(first)) == 0);
    /* What is skipped when decoding is not written again, and version 1 is never written. */
    DE_ASSERT(data[0] != DE_CONFIG_VERSION || used <= size);
    DE_ASSERT(data[0] != DE_CONFIG_VERSION || used < size || memcmp(bytes, data, used) == 0);
    return 0;
}
