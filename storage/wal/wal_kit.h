/* storage/wal/wal_kit.h - what the tests of the write-ahead log share: a log on a fault_dir beside
 * the model of what it must hold. */
#ifndef DE_STORAGE_WAL_WAL_KIT_H
#define DE_STORAGE_WAL_WAL_KIT_H

#include "core/base/random.h"
#include "storage/base/message.h"
#include "storage/contract/count_dir.h"
#include "storage/contract/log_model.h"
#include "storage/contract/fault_dir.h"
#include "storage/wal/wal.h"

#ifdef __cplusplus
extern "C" {
#endif

#define DE_KIT_NODE    7u
#define DE_KIT_CLUSTER 99u

struct de_wal_kit {
    struct de_fault_dir *fault;
    struct de_count_dir *count; /* before fault; tests may replace fault while the log is closed */
    struct dengine_log_store store;
    bool open;
    uint32_t segment_bytes;
    uint32_t spares_max;
    bool tidies; /* does what may wait after each operation, as the log writer does; else: never */
    bool idle;   /* and tells the log that nothing else is to be done */
    struct de_log_model *model; /* what write() acknowledged */
    struct de_log_model *next;  /* with the operation in flight */
    char message[DE_MESSAGE_BYTES];
};

/* A new kit with small segments, its log not open. deinit closes and frees. */
void de_wal_kit_init(struct de_wal_kit *kit);
void de_wal_kit_deinit(struct de_wal_kit *kit);

/* For cmocka: *state is a new kit, its log open. */
int de_wal_kit_setup(void **state);
int de_wal_kit_teardown(void **state);

/* Opens the log on what the directory holds; the message of a refusal is in kit->message. */
int de_wal_kit_open(struct de_wal_kit *kit);
void de_wal_kit_close(struct de_wal_kit *kit);

/* One operation on log and model: `next` has it at once, `model` when it returned 0. */
int de_wal_kit_append(struct de_wal_kit *kit, size_t count, uint32_t size);
int de_wal_kit_truncate(struct de_wal_kit *kit, uint64_t from);
int de_wal_kit_compact(struct de_wal_kit *kit, uint64_t index);
int de_wal_kit_reset(struct de_wal_kit *kit, uint64_t index);
int de_wal_kit_random(struct de_wal_kit *kit, struct de_random *random);

/* Whether the open log holds what `model` (or `next`) says. */
bool de_wal_kit_matches(struct de_wal_kit *kit, const struct de_log_model *model,
                        struct dengine_contract_report *report);

#ifdef __cplusplus
}
#endif

#endif
