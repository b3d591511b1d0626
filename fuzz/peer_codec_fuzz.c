/* Fuzz target: any bytes decode to an error or to a message that fulfils the check and that
 * encodes and decodes to itself. The checksum is put right first, or nothing would get past it. */
#include <stdlib.h>
#include <string.h>

#include "core/base/assert.h"
#include "core/base/codec.h"
#include "core/base/crc32c.h"
#include "fuzz/fuzz_target.h"
#include "proto/peer_codec.h"

static void check(const struct de_peer_decoded *decoded)
{
    const size_t size = de_peer_encoded_size(&decoded->message);
    uint8_t *bytes = malloc(size);
    uint8_t *again = malloc(size);
    struct de_peer_decoded *second;

    DE_ASSERT(bytes != NULL && again != NULL);
    DE_ASSERT(de_peer_encode(&decoded->message, bytes) == size);
    DE_ASSERT(de_peer_decode(dengine_bytes(bytes, size), &second) == 0);
    DE_ASSERT(de_peer_encoded_size(&second->message) == size);
    DE_ASSERT(de_peer_encode(&second->message, again) == size);
    DE_ASSERT(memcmp(bytes, again, size) == 0);
    de_peer_decoded_free(second);
    free(again);
    free(bytes);
}

static void decode(const uint8_t *data, size_t size)
{
    struct de_peer_decoded *decoded;
    const int err = de_peer_decode(dengine_bytes(data, size), &decoded);

    DE_ASSERT((err == 0) == (decoded != NULL));
    if (err == 0) {
        check(decoded);
        de_peer_decoded_free(decoded);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *framed = malloc(size + 7);

    DE_ASSERT(framed != NULL);
    decode(data, size);
    framed[0] = 0x08;
    framed[1] = DE_PEER_PROTOCOL_VERSION;
    if (size > 0) {
        memcpy(framed + 2, data, size);
    }
    framed[size + 2] = 0x7d;
    de_store_u32(framed + size + 3, de_crc32c(0, framed, size + 2));
    decode(framed, size + 7);
    free(framed);
    return 0;
}
