/* runtime/sim/rpc.h - what simulated clients and hosts say to each other.
 *
 *   request  u8 type (enum de_request_type), u64 attempt, u32 size, command or key
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

struct de_packet;

struct de_rpc_request {
    uint8_t type;
    uint64_t attempt;
    struct dengine_slice body; /* an encoded kv command, or the key to read; borrowed */
};

struct de_rpc_reply {
    uint64_t attempt;
    int status; /* 0 or DENGINE_E_* */
    bool succeeded;
    bool found;
    uint64_t revision;
    uint64_t leader; /* a hint; 0 = unknown */
    struct dengine_slice value; /* of a read; of a write, what the command answers (answer.h) */
};

/* Both make a packet to hand to the network. */
struct de_packet *de_rpc_request_encode(const struct de_rpc_request *request);
struct de_packet *de_rpc_reply_encode(const struct de_rpc_reply *reply);

/* false when bytes are not such a message; slices borrow from bytes. */
bool de_rpc_request_decode(struct dengine_slice bytes, struct de_rpc_request *request);
bool de_rpc_reply_decode(struct dengine_slice bytes, struct de_rpc_reply *reply);

#ifdef __cplusplus
}
#endif

#endif
