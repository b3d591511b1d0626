/* runtime/sim/rpc.h - what simulated clients and hosts say to each other.
 *
 *   request  u8 type (enum de_request_type, or DE_RPC_*), u64 attempt, u64 target,
 *            u32 size, command, key or change
 *   change   u8 kind, u8 read-only, u64 id, u64 by, u32 count, u64 for each voter, u32 size and
 *            peer address, u32 size and client address
 *   reply    u64 attempt, u32 -status, u8 succeeded, u8 found, u64 revision, u64 leader,
 *            u32 size, value
 *
 * Little-endian. The attempt is the client's own number for this one request. */
#ifndef DE_RUNTIME_SIM_RPC_H
#define DE_RUNTIME_SIM_RPC_H

#include <stdbool.h>
#include <stdint.h>

#include <dengine/types.h>

#ifdef __cplusplus
extern "C" {
#endif

struct de_change;
struct de_packet;

/* A type of request beside those of a node: a read that asks nobody if the lease allows it. */
#define DE_RPC_LEASE_READ 32u
/* And a question that a host answers at once: whom it takes for the leader. */
#define DE_RPC_LEADER 33u
/* Reads of ranges (range.h): linearizable, by lease, and of whatever the host has applied. */
#define DE_RPC_RANGE          34u
#define DE_RPC_LEASE_RANGE    35u
#define DE_RPC_EVENTUAL_RANGE 36u
/* A linearizable look at a lease (lease_look.h). */
#define DE_RPC_LEASE_LOOK 37u
/* Bytes of an encoded change, at most. */
#define DE_RPC_CHANGE_BYTES 1024u

struct de_rpc_request {
    uint8_t type;
    uint64_t attempt;
    uint64_t target;           /* of a TRANSFER */
    struct dengine_slice body; /* an encoded kv command or query, or the key to read; borrowed */
};

struct de_rpc_reply {
    uint64_t attempt;
    int status; /* 0 or DENGINE_E_* */
    bool succeeded;
    bool found;
    uint64_t revision;
    uint64_t leader;            /* a hint; 0 = unknown */
    struct dengine_slice value; /* of a read; of a write, what the command answers (answer.h) */
};

/* Both make a packet to hand to the network. */
struct de_packet *de_rpc_request_encode(const struct de_rpc_request *request);
struct de_packet *de_rpc_reply_encode(const struct de_rpc_reply *reply);

/* Into buffer of DE_RPC_CHANGE_BYTES; returns how many. */
size_t de_rpc_change_encode(const struct de_change *change, uint8_t *buffer);
bool de_rpc_change_decode(struct dengine_slice bytes, struct de_change *change);

/* false when bytes are not such a message; slices borrow from bytes. */
bool de_rpc_request_decode(struct dengine_slice bytes, struct de_rpc_request *request);
bool de_rpc_reply_decode(struct dengine_slice bytes, struct de_rpc_reply *reply);

#ifdef __cplusplus
}
#endif

#endif
