/* Fuzz target: what the log in LMDB keeps under its keys, the head and the entries. Any bytes are
 * refused, or say what lies within them. The bytes are tried as they are, and with the checksum put
 * right. */
#include <stdlib.h>
#include <string.h>

#include "core/base/assert.h"
#include "core/base/codec.h"
#include "core/base/crc32c.h"
#include "fuzz/fuzz_target.h"
#include "storage/lmdb/lmdb_log_internal.h"

#define INDEX 7u

static void try_head(void *bytes, size_t size)
{
    struct de_lmdb_log log = {.node_id = 1, .cluster_id = 2};
    const MDB_val value = {size, bytes};
    const struct dengine_log_state *state = &log.state;
    const int err = de_lmdb_log_take_head(&log, &value);

    DE_ASSERT(err == 0 || err == DENGINE_E_CORRUPT || err == DENGINE_E_VERSION ||
              err == DENGINE_E_FOREIGN);
    if (err == 0) {
        DE_ASSERT(state->first_index >= 1 && state->first_index <= state->last_index + 1);
    }
}

/* Whether it is an entry. */
static bool try_entry(void *bytes, size_t size)
{
    uint8_t number[DE_LMDB_LOG_KEY_BYTES];
    const MDB_val key = de_lmdb_log_key(INDEX, number);
    const MDB_val value = {size, bytes};
    struct dengine_entry entry = {0};
    const bool good = de_lmdb_log_decode(&key, &value, &entry);

    if (good) {
        DE_ASSERT(entry.data.size == size - 16);
        DE_ASSERT(entry.data.size == 0 || entry.data.data == (uint8_t *)bytes + 16);
    }
    return good;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t number[DE_LMDB_LOG_KEY_BYTES];
    const MDB_val key = de_lmdb_log_key(INDEX, number);
    uint8_t *bytes = malloc(size + 1);

    DE_ASSERT(bytes != NULL);
    if (size > 0) {
        memcpy(bytes, data, size);
    }
    try_head(bytes, size);
    (void)try_entry(bytes, size);
    if (size >= 16) {
        de_store_u32(bytes, de_crc32c(0, bytes + 4, size - 4));
        try_head(bytes, size);
        de_store_u32(bytes, de_crc32c(de_crc32c(0, key.mv_data, key.mv_size), bytes + 4, size - 4));
        DE_ASSERT(try_entry(bytes, size));
        bytes[size - 1] ^= 1; /* and one that has rotted is none */
        DE_ASSERT(!try_entry(bytes, size));
    }
    free(bytes);
    return 0;
}
