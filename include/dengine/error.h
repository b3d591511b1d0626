/* dengine/error.h - every error of the library: one table, one name, one sentence.
 *
 * Functions return 0 or one of these (all negative). For a write there are three outcomes, and
 * dengine_outcome() tells which of them an error stands for: done, not done, unknown. */
#ifndef DENGINE_ERROR_H
#define DENGINE_ERROR_H

#include <dengine/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* X(NAME, value, text). The values are part of the interface: never reuse one. */
#define DENGINE_ERROR_MAP(X)                                                                       \
    X(INVALID, -1, "invalid argument")                                                             \
    X(NO_MEMORY, -2, "out of memory")                                                              \
    X(NOT_FOUND, -3, "key not found")                                                              \
    X(TOO_LARGE, -4, "key, value or request exceeds its limit")                                    \
    X(BUSY, -5, "not possible just now, nothing was done; retry later")                            \
    X(TIMEOUT, -6, "deadline passed; nothing was done")                                            \
    X(UNKNOWN, -7, "outcome unknown: the write may or may not take effect")                        \
    X(NOT_LEADER, -8, "this node is not the leader")                                               \
    X(NO_LEADER, -9, "no leader is known")                                                         \
    X(UNAVAILABLE, -10, "no endpoint could be reached")                                            \
    X(SHUTDOWN, -11, "the engine is shutting down")                                                \
    X(HALTED, -12, "the node has halted for good; see its log for the reason")                     \
    X(SUPERSEDED, -13, "another leader overwrote the request; nothing was done")                   \
    X(IO, -14, "input/output error")                                                               \
    X(NO_SPACE, -15, "no space left on the device")                                                \
    X(PERMISSION, -16, "permission denied")                                                        \
    X(READ_ONLY, -17, "read-only file system")                                                     \
    X(LOCKED, -18, "the data directory is in use by another process")                              \
    X(FOREIGN, -19, "the directory does not belong to this engine")                                \
    X(CORRUPT, -20, "stored data is corrupt")                                                      \
    X(VERSION, -21, "format or protocol version not supported")                                    \
    X(CONFIG, -22, "invalid configuration")                                                        \
    X(ADDRESS_IN_USE, -23, "the listen address is in use")                                         \
    X(PROTOCOL, -24, "the peer broke the protocol")                                                \
    X(COMPACTED, -25, "the requested position has been compacted away")                            \
    X(CANCELED, -26, "canceled")                                                                   \
    X(INTERNAL, -27, "internal error")                                                             \
    X(NO_LEASE, -28, "there is no such lease, or it has ended")                                    \
    X(STALE, -29, "the result of this sequence number was acknowledged and is forgotten")          \
    X(NO_SESSION, -30, "there is no such session, or it has ended")                                \
    X(REMOVED, -31, "this node was removed from the cluster")

enum dengine_error {
    DENGINE_OK = 0,
#define DENGINE_ERROR_ENUM(name, value, text) DENGINE_E_##name = value,
    DENGINE_ERROR_MAP(DENGINE_ERROR_ENUM)
#undef DENGINE_ERROR_ENUM
};

/* What a write's return code says about its effect. */
enum dengine_outcome {
    DENGINE_DONE,           /* it took effect, once, and is durable as configured */
    DENGINE_NOT_DONE,       /* it did not take effect and never will */
    DENGINE_OUTCOME_UNKNOWN /* it may have taken effect, or may yet do so, at most once */
};

/* The text of an error code; "unknown error code" for a number not in the table. Static, any
 * thread. */
DENGINE_EXPORT const char *dengine_strerror(int err);

/* The name of an error code, as in "DENGINE_E_BUSY"; "DENGINE_OK" for 0. Static, any thread. */
DENGINE_EXPORT const char *dengine_error_name(int err);

/* Classifies the return code of a write. Any thread. */
DENGINE_EXPORT enum dengine_outcome dengine_outcome(int err);

#ifdef __cplusplus
}
#endif

#endif
