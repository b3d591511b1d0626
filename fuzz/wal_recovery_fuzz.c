/* Fuzz target: recovery of a write-ahead log from any bytes.
 *
 * The input is a list of edits to a good log of several segments, one of which puts all checksums
 * right (so that the fuzzer gets past them), or, with the first bit set, the bytes of one segment
 * themselves. Opening must give a usable log or a refusal; reading must give what the state says; a
 * second opening must give the same; and what can be opened can be written to. */
#include <stdlib.h>

#include "core/base/assert.h"
#include "core/base/codec.h"
#include "core/base/crc32c.h"
#include "fuzz/fuzz_target.h"
#include "storage/base/log_check.h"
#include "storage/wal/wal_format.h"
#include "storage/wal/wal_inspect.h"
#include "storage/wal/wal_kit.h"

/* Segments that edits reach. */
#define SEQUENCES 6u

/* Kinds of edits; all others store bytes of one value. */
#define EDIT_SEAL 253u
#define EDIT_CUT  254u
#define EDIT_LOSE 255u

static int count_entry(void *context, uint64_t index, const struct dengine_entry *entry)
{
    DE_ASSERT(index > 0);
    DE_ASSERT(entry->data.data != NULL || entry->data.size == 0);
    ++*(uint64_t *)context;
    return 0;
}

/* Lies the record at `at` within the bytes, header and data? */
static bool record_fits(const uint8_t *bytes, uint64_t size, uint64_t at)
{
    return at + DE_WAL_RECORD_BYTES <= size && bytes[at + 13] >= DE_WAL_HARD_STATE &&
           bytes[at + 13] <= DE_WAL_SYNCED &&
           de_load_u32(bytes + at + 8) <= size - at - DE_WAL_RECORD_BYTES;
}

/* Puts the checksums of the record at `at` right; returns its header's. */
static uint32_t seal_record(uint8_t *bytes, uint64_t at, uint32_t salt, uint32_t chain)
{
    struct de_wal_record record = {
        .length = de_load_u32(bytes + at + 8),
        .type = bytes[at + 13],
        .flags = bytes[at + 14] & DE_WAL_FLAG_LAST,
        .group = de_load_u64(bytes + at + 16),
        .number = de_load_u32(bytes + at + 24),
        .previous_crc = chain,
    };

    record.group += record.group == 0;
    record.data_crc = de_crc32c(0, bytes + at + DE_WAL_RECORD_BYTES, record.length);
    de_wal_record_encode(&record, salt, bytes + at);
    return record.header_crc;
}

/* Puts all checksums of a segment right, so that what was edited is judged for what it says;
 * *chain goes in from the segment before and out to the next. */
static void seal_segment(uint8_t *bytes, uint64_t size, uint64_t sequence, uint32_t *chain)
{
    uint32_t salt = de_wal_salt(DE_KIT_CLUSTER, DE_KIT_NODE, sequence);
    uint64_t at = DE_WAL_HEADER_BYTES;

    if (size < DE_WAL_HEADER_BYTES || de_load_u64(bytes + 16) != sequence) {
        return;
    }
    de_store_u32(bytes + 12, de_crc32c(0, bytes, 12));
    de_store_u32(bytes + 56, *chain);
    de_store_u32(bytes + 112, de_crc32c(0, bytes, 112));
    while (record_fits(bytes, size, at) && bytes[at + 13] != DE_WAL_SYNCED) {
        uint32_t length = de_load_u32(bytes + at + 8);

        *chain = seal_record(bytes, at, salt, *chain);
        at += de_wal_record_span(length);
        if (bytes[at - de_wal_record_span(length) + 14] == DE_WAL_FLAG_LAST) {
            at = de_wal_align(at, DE_WAL_ALIGN_BYTES);
        }
    }
}

static void seal_all(struct de_wal_kit *kit)
{
    uint32_t chain = 0;

    for (uint64_t sequence = 1; sequence <= SEQUENCES; sequence++) {
        char name[DE_WAL_NAME_BYTES];
        uint64_t size = 0;
        uint8_t *bytes;

        de_wal_name(sequence, name);
        bytes = de_fault_dir_bytes(kit->fault, name, &size);
        if (bytes != NULL) {
            /* The first that is left names the record before it; that stays. */
            chain = chain == 0 && size >= DE_WAL_HEADER_BYTES ? de_load_u32(bytes + 56) : chain;
            seal_segment(bytes, size, sequence, &chain);
        }
    }
}

/* Each edit is six bytes: segment, offset (two bytes, big-endian), kind, value, how often. */
static void edit(struct de_wal_kit *kit, const uint8_t *data, size_t size)
{
    for (; size >= 6; data += 6, size -= 6) {
        uint64_t offset = (uint64_t)data[1] << 8 | data[2];
        char name[DE_WAL_NAME_BYTES];
        uint64_t file_size = 0;
        uint8_t *bytes;

        de_wal_name(1 + data[0] % SEQUENCES, name);
        bytes = de_fault_dir_bytes(kit->fault, name, &file_size);
        if (data[3] == EDIT_SEAL) {
            seal_all(kit);
        } else if (bytes == NULL || file_size == 0) {
            continue;
        } else if (data[3] == EDIT_LOSE) {
            de_fault_dir_lose(kit->fault, name);
        } else if (data[3] == EDIT_CUT) {
            de_fault_dir_cut(kit->fault, name, offset % file_size);
        } else {
            uint64_t left = file_size - offset % file_size;
            uint64_t count = data[5] % 17 < left ? data[5] % 17 : left;

            memset(bytes + offset % file_size, data[4], (size_t)count);
        }
    }
}

static void must(int error)
{
    DE_ASSERT(error == 0);
}

/* Every type of record, several segments, one removed and one that is a spare. */
static void build(struct de_wal_kit *kit)
{
    for (int i = 0; i < 10; i++) {
        must(de_wal_kit_append(kit, 2, 200));
    }
    must(de_wal_kit_truncate(kit, 15));
    must(de_wal_kit_reset(kit, 40));
    for (int i = 0; i < 10; i++) {
        must(de_wal_kit_append(kit, 1, 1500));
    }
    must(de_wal_kit_compact(kit, 42));
    must(de_wal_kit_append(kit, 3, 100));
    must(de_wal_kit_truncate(kit, 52));
    must(de_wal_kit_append(kit, 2, 300));
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

/* The whole of the newest segment's bytes, as the input says. */
static void overwrite(struct de_wal_kit *kit, const uint8_t *data, size_t size)
{
    for (uint64_t sequence = SEQUENCES; sequence > 0; sequence--) {
        char name[DE_WAL_NAME_BYTES];
        uint64_t file_size = 0;
        uint8_t *bytes;

        de_wal_name(sequence, name);
        bytes = de_fault_dir_bytes(kit->fault, name, &file_size);
        if (bytes != NULL && size > 0) {
            memcpy(bytes, data, size < file_size ? size : (size_t)file_size);
            return;
        }
    }
}

/* A log that opens is sound: it reads, goes on, and is the same when it is opened again. */
static void use(struct de_wal_kit *kit)
{
    struct dengine_log_state first;
    struct dengine_log_state second;
    struct dengine_entry entry = {1, DENGINE_ENTRY_NOOP, {NULL, 0}};
    struct dengine_log_write write = {.entries = &entry, .entry_count = 1};

    check_open(kit, &first);
    de_wal_kit_close(kit);
    must(de_wal_kit_open(kit));
    check_open(kit, &second);
    DE_ASSERT(first.last_index == second.last_index);
    DE_ASSERT(first.first_index == second.first_index);
    write.first_index = second.last_index + 1;
    if (second.last_index == DE_LOG_INDEX_MAX) {
        DE_ASSERT(kit->store.ops->write(kit->store.object, &write, 1) == DENGINE_E_INVALID);
        return;
    }
    must(kit->store.ops->write(kit->store.object, &write, 1));
    de_wal_kit_close(kit);
    must(de_wal_kit_open(kit));
    check_open(kit, &first);
    DE_ASSERT(first.last_index == second.last_index + 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct de_wal_kit kit;
    struct de_wal_verdict verdict;
    int inspected;
    int error;

    if (size < 1) {
        return 0;
    }
    de_wal_kit_init(&kit);
    must(de_wal_kit_open(&kit));
    build(&kit);
    if ((data[0] & 1) == 0) {
        edit(&kit, data + 1, size - 1);
    } else {
        overwrite(&kit, data + 1, size - 1);
    }
    inspected = de_wal_inspect(de_fault_dir_dir(kit.fault), DE_WAL_LINES_TEXT, NULL, NULL, &verdict,
                               kit.message, sizeof(kit.message));
    DE_ASSERT(inspected == 0 || kit.message[0] != '\0');
    error = de_wal_kit_open(&kit);
    if (error == 0) {
        DE_ASSERT(inspected == 0 || inspected == DENGINE_E_NOT_FOUND);
        use(&kit);
    } else {
        DE_ASSERT(kit.message[0] != '\0');
    }
    de_wal_kit_deinit(&kit);
    return 0;
}
