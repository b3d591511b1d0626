/* core/node/node_test_snapshots.h - a snapshot store in memory, for the tests of core/node; it can
 * be told to fail. */
#ifndef DE_CORE_NODE_NODE_TEST_SNAPSHOTS_H
#define DE_CORE_NODE_NODE_TEST_SNAPSHOTS_H

#include <dengine/error.h>
#include <dengine/snapshot_store.h>

#define HARNESS_SNAPSHOTS_MAX 4

/* A finished snapshot: u64 cluster, index, term; u32 size of the configuration, and it; the stream;
 * u32 CRC-32C of all before. Little-endian. */
struct harness_image {
    uint8_t *bytes;
    size_t size;
    uint32_t references; /* of the list, and of readers */
};

struct harness_snapshots {
    struct harness_image *images[HARNESS_SNAPSHOTS_MAX]; /* ascending by index */
    size_t count;
    /* What came of a transfer. */
    uint64_t partial_index;
    uint64_t partial_term;
    uint64_t partial_size; /* of the whole image */
    uint8_t *partial;
    size_t partial_have;
    int error;       /* every call fails with it; 0 = none */
    size_t error_in; /* ... after so many calls */
    size_t opened;   /* writers, receivers and readers that are open */
    size_t received; /* bytes given to receive_write */
    int damage;      /* receive_write finds the image damaged so many times */
};

struct dengine_snapshot_store harness_snapshot_store(struct harness_snapshots *snapshots);
void harness_snapshots_free(struct harness_snapshots *snapshots);
/* Index of the newest, 0 = none. */
uint64_t harness_snapshots_newest(const struct harness_snapshots *snapshots);

#endif
