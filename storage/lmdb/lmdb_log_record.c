/* The log in one LMDB database, keys of eight bytes, big-endian, so that they sort by number:
 *
 *   key 0        the head; all numbers little-endian
 *     0  u32  CRC-32C of what follows
 *     4  u32  version, 1
 *     8  u64  node id         16  u64  cluster id
 *    24  u64  term            32  u64  vote           40  u64  commit
 *    48  u64  first index     56  u64  last index     64  u64  base term
 *   key i        the entry at index i
 *     0  u32  CRC-32C of the key and of what follows
 *     4  u32  type
 *     8  u64  term
 *    16       data
 *
 * The head says which entries count. Keys above the last index are removed in the transaction that
 * lowers it; those below the first, which a compaction leaves, wait for tidy(). */
#include "core/base/assert.h"
#include "core/base/codec.h"
#include "core/base/crc32c.h"
#include "storage/lmdb/lmdb_log_internal.h"

#define HEAD_VERSION 1u
#define HEAD_BYTES   72u
#define ENTRY_BYTES  16u

DE_STATIC_ASSERT(HEAD_BYTES == 8 + 8 * 8, "checksum, version and eight numbers");
DE_STATIC_ASSERT(ENTRY_BYTES + (uint64_t)DE_LOG_DATA_MAX <= UINT32_MAX, "LMDB's longest value");

MDB_val de_lmdb_log_key(uint64_t index, uint8_t bytes[DE_LMDB_LOG_KEY_BYTES])
{
    MDB_val key = {DE_LMDB_LOG_KEY_BYTES, bytes};

    DE_ASSERT(index <= DE_LOG_INDEX_MAX);
    for (size_t i = 0; i < DE_LMDB_LOG_KEY_BYTES; i++) {
        bytes[i] = (uint8_t)(index >> (56 - 8 * i));
    }
    DE_ASSERT(bytes[0] <= 0x7f);
    return key;
}

uint64_t de_lmdb_log_index(const MDB_val *key)
{
    const uint8_t *bytes = key->mv_data;
    uint64_t index = 0;

    DE_ASSERT(bytes != NULL);
    DE_ASSERT(key->mv_size == DE_LMDB_LOG_KEY_BYTES);
    for (size_t i = 0; i < DE_LMDB_LOG_KEY_BYTES; i++) {
        index = index << 8 | bytes[i];
    }
    return index;
}

int de_lmdb_log_put_head(struct de_lmdb_log *log)
{
    const struct dengine_log_state *state = &log->next;
    const uint64_t numbers[8] = {
        log->node_id,           log->cluster_id,          state->hard_state.term,
        state->hard_state.vote, state->hard_state.commit, state->first_index,
        state->last_index,      state->base_term};
    uint8_t bytes[HEAD_BYTES];
    uint8_t zero[DE_LMDB_LOG_KEY_BYTES];
    MDB_val key = de_lmdb_log_key(0, zero);
    MDB_val value = {sizeof(bytes), bytes};
    struct de_writer writer;
    uint32_t crc;

    DE_ASSERT(log->txn != NULL);
    de_writer_init(&writer, bytes, sizeof(bytes));
    de_write_u32(&writer, 0);
    de_write_u32(&writer, HEAD_VERSION);
    for (size_t i = 0; i < DE_ARRAY_SIZE(numbers); i++) {
        de_write_u64(&writer, numbers[i]);
    }
    DE_ASSERT(!writer.failed && writer.size == HEAD_BYTES);
    crc = de_crc32c(0, bytes + 4, HEAD_BYTES - 4);
    de_writer_init(&writer, bytes, sizeof(bytes));
    de_write_u32(&writer, crc);
    return mdb_put(log->txn, log->dbi, &key, &value, 0);
}

/* Takes the head over; a DENGINE_E_*. */
int de_lmdb_log_take_head(struct de_lmdb_log *log, const MDB_val *value)
{
    struct dengine_log_state *state = &log->state;
    struct de_reader reader;
    uint64_t node_id;
    uint64_t cluster_id;
    uint32_t version;
    uint32_t crc;

    DE_ASSERT(value->mv_data != NULL || value->mv_size == 0);
    de_reader_init(&reader, value->mv_data, value->mv_size);
    crc = de_read_u32(&reader);
    version = de_read_u32(&reader);
    if (reader.failed ||
        crc != de_crc32c(0, (const uint8_t *)value->mv_data + 4, value->mv_size - 4)) {
        return DENGINE_E_CORRUPT;
    }
    if (version != HEAD_VERSION) {
        return DENGINE_E_VERSION;
    }
    node_id = de_read_u64(&reader);
    cluster_id = de_read_u64(&reader);
    state->hard_state.term = de_read_u64(&reader);
    state->hard_state.vote = de_read_u64(&reader);
    state->hard_state.commit = de_read_u64(&reader);
    state->first_index = de_read_u64(&reader);
    state->last_index = de_read_u64(&reader);
    state->base_term = de_read_u64(&reader);
    if (reader.failed || de_reader_left(&reader) != 0 || state->first_index == 0 ||
        state->last_index > DE_LOG_INDEX_MAX || state->first_index > state->last_index + 1) {
        return DENGINE_E_CORRUPT;
    }
    DE_ASSERT(state->last_index + 1 >= state->first_index);
    return node_id == log->node_id && cluster_id == log->cluster_id ? 0 : DENGINE_E_FOREIGN;
}

static uint32_t entry_crc(const MDB_val *key, const uint8_t *bytes, size_t size)
{
    DE_ASSERT(key->mv_size == DE_LMDB_LOG_KEY_BYTES);
    DE_ASSERT(size >= ENTRY_BYTES);
    return de_crc32c(de_crc32c(0, key->mv_data, DE_LMDB_LOG_KEY_BYTES), bytes + 4, size - 4);
}

int de_lmdb_log_put_entry(struct de_lmdb_log *log, uint64_t index,
                          const struct dengine_entry *entry)
{
    uint8_t bytes[DE_LMDB_LOG_KEY_BYTES];
    MDB_val key = de_lmdb_log_key(index, bytes);
    MDB_val value = {ENTRY_BYTES + entry->data.size, NULL};
    struct de_writer writer;
    uint32_t crc;
    int code;

    DE_ASSERT(index > 0);
    DE_ASSERT(entry->data.size <= DE_LOG_DATA_MAX);
    code = mdb_put(log->txn, log->dbi, &key, &value, MDB_RESERVE | MDB_APPEND);
    if (code != 0) {
        return code;
    }
    de_writer_init(&writer, value.mv_data, value.mv_size);
    de_write_u32(&writer, 0);
    de_write_u32(&writer, entry->type);
    de_write_u64(&writer, entry->term);
    de_write_bytes(&writer, entry->data.data, entry->data.size);
    DE_ASSERT(!writer.failed);
    key = de_lmdb_log_key(index, bytes);
    crc = entry_crc(&key, value.mv_data, value.mv_size);
    de_writer_init(&writer, value.mv_data, 4);
    de_write_u32(&writer, crc);
    return 0;
}

bool de_lmdb_log_decode(const MDB_val *key, const MDB_val *value, struct dengine_entry *entry)
{
    struct de_reader reader;
    uint32_t crc;

    DE_ASSERT(key->mv_data != NULL && entry != NULL);
    de_reader_init(&reader, value->mv_data, value->mv_size);
    crc = de_read_u32(&reader);
    entry->type = de_read_u32(&reader);
    entry->term = de_read_u64(&reader);
    if (reader.failed) {
        return false;
    }
    entry->data.size = de_reader_left(&reader);
    entry->data.data = de_read_bytes(&reader, entry->data.size);
    DE_ASSERT(!reader.failed);
    return crc == entry_crc(key, value->mv_data, value->mv_size);
}
