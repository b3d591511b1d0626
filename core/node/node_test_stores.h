/* core/node/node_test_stores.h - the simplest possible log store and state machine, for the tests
 * of core/node; both can be told to fail. */
#ifndef DE_CORE_NODE_NODE_TEST_STORES_H
#define DE_CORE_NODE_NODE_TEST_STORES_H

#include <dengine/log_store.h>
#include <dengine/state_machine.h>

struct harness_entry {
    uint64_t term;
    uint32_t type;
    size_t size;
    uint8_t *data;
};

struct harness_log {
    struct dengine_hard_state hard_state;
    struct harness_entry *entries; /* entries[i] has index first_index + i */
    size_t count;
    uint64_t first_index;
    uint64_t base_term;
    bool created;
    bool recovering;
    int whole_error;   /* of being told that it is not any more */
    size_t wholes;     /* how often it was told */
    int read_error;    /* every read fails with it; 0 = none */
    int compact_error; /* the same */
    size_t compactions;
    size_t resets;
    size_t writes;
};

struct harness_applied {
    uint64_t number;
    uint64_t index;
    uint64_t time_ns; /* cluster time then */
};

/* The number of the wake command. */
#define HARNESS_WAKE UINT64_MAX

struct harness_machine {
    struct harness_applied *commands;
    size_t count;
    size_t commits;
    size_t open_count; /* of the batch under way; beyond count */
    uint64_t index;
    uint64_t term;
    bool open;
    /* Time, as the machine is told; and what it asks for. */
    uint64_t time_ns;
    uint64_t open_time_ns;
    uint64_t wake_ns;       /* 0 = never; a command numbered HARNESS_WAKE turns it off */
    uint64_t next_stamp_ns; /* of entries that harness_append_command adds */
    bool stay_awake;        /* a wake command does not turn it off */
    size_t result_bytes;    /* that each command answers */
    int begin_error;
    int apply_error;
    int commit_error;
    int applied_error;
    int save_error;    /* of save_begin and save_read */
    int restore_error; /* of restore_write and restore_commit */
    size_t saves;      /* open */
    bool restoring;
    uint8_t *restored; /* bytes of the stream so far */
    size_t restored_size;
    size_t restores; /* committed */
};

/* A copy from malloc(), never NULL. */
void *harness_copy_bytes(const void *data, size_t size);

void harness_log_add(struct harness_log *log, const struct dengine_entry *entry);
void harness_log_truncate(struct harness_log *log, uint64_t from);
void harness_log_write(struct harness_log *log, const struct dengine_log_write *write);
void harness_log_reset(struct harness_log *log, uint64_t index, uint64_t term);
/* Frees what it holds. */
void harness_machine_free(struct harness_machine *machine);
struct dengine_log_store harness_log_store(struct harness_log *log);
struct dengine_state_machine harness_machine_table(struct harness_machine *machine);

#endif
