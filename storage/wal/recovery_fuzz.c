/* libFuzzer target: recovery of a write-ahead log from any bytes.
 *
 * The input is a list of edits to a good log of several segments (so that the fuzzer gets past the
 * checksums), or, with the first bit set, the bytes of the first segment themselves. Opening must
 * give a usable log or a refusal; reading must give what the state says; a second opening must give
 * the same. */
#include <stdlib.h>

#include "core/base/assert.h"
#include "core/base/codec.h"
#include "storage/wal/wal_format.h"
#include "storage/wal/wal_inspect.h"
#include "storage/wal/wal_kit.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int count_entry(void *context, uint64_t index, const struct dengine_entry *entry)
{
    DE_ASSERT(index > 0);
    DE_ASSERT(entry->data.data != NULL || entry->data.size == 0);
    ++*(uint64_t *)context;
    return 0;
}

/* Fixes the checksums of the record at offset, so that edits inside reach the code behind them. */
static void seal(uint8_t *bytes, uint64_t size, uint64_t offset, uint64_t sequence)
{
    struct de_wal_record record = {0};

    if (offset + DE_WAL_RECORD_BYTES > size || bytes[offset + 13] < DE_WAL_HARD_STATE ||
        bytes[offset + 13] > DE_WAL_SYNCED) {
        return;
    }
    record.data_crc = de_load_u32(bytes + offset + 4);
    record.length = de_load_u32(bytes + offset + 8);
    record.type = bytes[offset + 13];
    record.flags = bytes[offset + 14] & 1;
    record.group = de_load_u64(bytes + offset + 16) | 1;
    record.number = de_load_u32(bytes + offset + 24);
    record.previous_crc = de_load_u32(bytes + offset + 28);
    de_wal_record_encode(&record, de_wal_salt(DE_KIT_CLUSTER, DE_KIT_NODE, sequence),
                         bytes + offset);
}

static void edit(struct de_wal_kit *kit, const uint8_t *data, size_t size)
{
    for (; size >= 6; data += 6, size -= 6) {
        uint64_t sequence = 1 + data[0] % 4;
        uint64_t offset = (uint64_t)data[1] << 8 | data[2];
        char name[DE_WAL_NAME_BYTES];
        uint64_t file_size = 0;
        uint8_t *bytes;

        de_wal_name(sequence, name);
        bytes = de_fault_dir_bytes(kit->fault, name, &file_size);
        if (bytes == NULL || file_size == 0) {
            continue;
        }
        offset %= file_size;
        if (data[3] == 255) {
            de_fault_dir_lose(kit->fault, name);
        } else if (data[3] == 254) {
            de_fault_dir_cut(kit->fault, name, offset);
        } else {
            bytes[offset] = data[4];
            if (data[3] % 2 == 1) {
                seal(bytes, file_size, offset / 32 * 32 % file_size, sequence);
            }
        }
    }
}

static void build(struct de_wal_kit *kit)
{
    for (int i = 0; i < 24; i++) {
        int error = de_wal_kit_append(kit, 2, 200);

        DE_ASSERT(error == 0);
    }
    de_wal_kit_close(kit);
}

static void check_open(struct de_wal_kit *kit, struct dengine_log_state *state)
{
    uint64_t entries = 0;

    kit->store.ops->state(kit->store.object, state);
    DE_ASSERT(state->last_index + 1 >= state->first_index);
    if (state->last_index >= state->first_index) {
        int error = kit->store.ops->read(kit->store.object, state->first_index, state->last_index,
                                         count_entry, &entries);

        DE_ASSERT(error == 0);
    }
    DE_ASSERT(entries == state->last_index + 1 - state->first_index);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct de_wal_kit kit;
    struct de_wal_verdict verdict;
    struct dengine_log_state first;
    struct dengine_log_state second;

    if (size < 1) {
        return 0;
    }
    de_wal_kit_init(&kit);
    if (de_wal_kit_open(&kit) != 0) {
        abort();
    }
    build(&kit);
    if ((data[0] & 1) == 0) {
        edit(&kit, data + 1, size - 1);
    } else {
        uint64_t file_size;
        uint8_t *bytes = de_fault_dir_bytes(kit.fault, "wal-0000000000000001.seg", &file_size);

        memcpy(bytes, data + 1, size - 1 < file_size ? size - 1 : (size_t)file_size);
    }
    (void)de_wal_inspect(de_fault_dir_dir(kit.fault), NULL, NULL, &verdict, kit.message,
                         sizeof(kit.message));
    if (de_wal_kit_open(&kit) == 0) {
        check_open(&kit, &first);
        de_wal_kit_close(&kit);
        if (de_wal_kit_open(&kit) != 0) {
            abort();
        }
        check_open(&kit, &second);
        DE_ASSERT(first.last_index == second.last_index);
        DE_ASSERT(first.first_index == second.first_index);
    } else {
        DE_ASSERT(kit.message[0] != '\0');
    }
    de_wal_kit_deinit(&kit);
    return 0;
}

/* The fuzzer is a program of its own: it needs the abort hook. */
void de_assert_failed(const char *expression, const char *file, int line)
{
    (void)expression;
    (void)file;
    (void)line;
    abort();
}
