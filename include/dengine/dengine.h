/* dengine/dengine.h - the embedded engine: a replica inside your process.
 *
 *     struct dengine *engine;
 *     dengine_open("./data", &engine);
 *     dengine_wait_ready(engine, 5000, NULL);
 *     dengine_put(dengine_client_of(engine), DENGINE_STR("k"), DENGINE_STR("v"), NULL);
 *     dengine_close(engine);
 *
 * An engine opened on a directory alone is a cluster of one: it opens no port. With a configuration
 * that names an address it is one member of a cluster, and the cluster can grow
 * (dengine/cluster.h).
 *
 * The calls that wait have twins that end in _async, as dengine/client.h says.
 *
 * Threads: the engine runs on threads of its own. Any call from any thread, except that
 * dengine_close must be the last one and must not come from a callback. */
#ifndef DENGINE_DENGINE_H
#define DENGINE_DENGINE_H

#include <dengine/client.h>

#ifdef __cplusplus
extern "C" {
#endif

struct dengine;
struct dengine_config;

/* ---- configuration ---- */

/* A configuration with the built-in values. The caller owns it; free with dengine_config_free. NULL
 * when out of memory. One thread at a time uses a configuration; different ones are independent. */
DENGINE_EXPORT struct dengine_config *dengine_config_new(void);
/* Frees it, also while an engine that was opened with it runs. NULL is allowed. */
DENGINE_EXPORT void dengine_config_free(struct dengine_config *config);

/* Sets "section.key" (such as "raft.election.election_timeout_min") to a value that is written as
 * in the file; text may lack its quotes. CONFIG for an unknown key (the message names one that it
 * resembles, if there is one) or a value out of range (the message says the range); NO_MEMORY. */
DENGINE_EXPORT int dengine_config_set(struct dengine_config *config, const char *key,
                                      const char *value);

/* Reads a TOML file over what is set. CONFIG, NOT_FOUND, PERMISSION; the message has file and line.
 */
DENGINE_EXPORT int dengine_config_load(struct dengine_config *config, const char *path);

/* Takes settings from environment variables such as RAFT__ELECTION__ELECTION_TIMEOUT_MIN. CONFIG
 * for one that is no setting, or whose value is out of range; the message names it. */
DENGINE_EXPORT int dengine_config_load_environment(struct dengine_config *config);

/* Checks the whole, beyond what single values show: CONFIG for what is missing, or values that do
 * not go together. The calls that open check it, too. */
DENGINE_EXPORT int dengine_config_check(struct dengine_config *config);

/* What the last failed call on config has to say: one sentence; lives until the next call. */
DENGINE_EXPORT const char *dengine_config_message(const struct dengine_config *config);

/* Calls visit with every key and its effective value, in a fixed order, as they would stand in a
 * file. */
DENGINE_EXPORT void dengine_config_visit(const struct dengine_config *config,
                                         void (*visit)(void *context, const char *section,
                                                       const char *key, const char *value),
                                         void *context);

/* The value of one key as written in a file; NULL for an unknown key. Lives until the next call. */
DENGINE_EXPORT const char *dengine_config_get(const struct dengine_config *config, const char *key);

/* ---- engine ---- */

/* Opens a cluster of one in directory (created if missing, only its last component). On failure
 * *engine is NULL, nothing in the directory was touched unless it was the engine's own, and
 * dengine_open_message() says what was wrong and what to do. The caller ends it with dengine_close.
 * LOCKED, FOREIGN, PERMISSION,
 * READ_ONLY, CORRUPT, VERSION, NO_SPACE, IO, NO_MEMORY. */
DENGINE_EXPORT int dengine_open(const char *directory, struct dengine **engine);

/* Opens what a configuration file describes; CONFIG and ADDRESS_IN_USE besides. */
DENGINE_EXPORT int dengine_open_file(const char *path, struct dengine **engine);

/* Opens what config describes; borrows config for the call. */
DENGINE_EXPORT int dengine_open_config(const struct dengine_config *config,
                                       struct dengine **engine);

/* Why the calling thread's last dengine_open* failed: one sentence. When it did not: what it found
 * and mended by itself, which belongs into a log (that the state is being made again from snapshot
 * and log, and why), or "". Lives until the thread's next call of that kind. */
DENGINE_EXPORT const char *dengine_open_message(void);

/* Waits until a leader is known that has committed in its term. leader, when not NULL, gets its id.
 * TIMEOUT, SHUTDOWN, HALTED, REMOVED (this node is no member any more). */
DENGINE_EXPORT int dengine_wait_ready(struct dengine *engine, uint32_t timeout_ms,
                                      uint64_t *leader);
/* The reply has cluster, as it is then. */
DENGINE_EXPORT int dengine_wait_ready_async(struct dengine *engine, uint32_t timeout_ms,
                                            dengine_callback *callback, void *context);

/* Waits until the members are those of a log entry newer than `after` (dengine_cluster_status has
 * it as version; 0: the members of the beginning are older than any), committed and complete, and
 * gives them. So a loop that hands in the last version sees every change that lasts. TIMEOUT,
 * SHUTDOWN, HALTED: *members is then as it is now. */
DENGINE_EXPORT int dengine_wait_members(struct dengine *engine, uint64_t after, uint32_t timeout_ms,
                                        struct dengine_cluster_status *members);
/* The reply has cluster, whatever its status. */
DENGINE_EXPORT int dengine_wait_members_async(struct dengine *engine, uint64_t after,
                                              uint32_t timeout_ms, dengine_callback *callback,
                                              void *context);

/* The engine's client; lives as long as the engine (never dengine_disconnect it). Everything works
 * on any node: one that does not lead hands writes on to the leader, and asks it for what makes a
 * read linearizable. While there is no leader they wait; when one was lost in between, NO_LEADER or
 * NOT_LEADER: nothing was done; or UNKNOWN. Eventual reads run in the calling thread. */
DENGINE_EXPORT struct dengine_client *dengine_client_of(struct dengine *engine);

enum dengine_role {
    DENGINE_FOLLOWER = 1,
    DENGINE_CANDIDATE = 2,
    DENGINE_LEADER = 3,
    DENGINE_LEARNER = 4, /* follows, but has no vote: not promoted yet, or not a member */
};

struct dengine_status {
    uint64_t node_id;
    uint64_t cluster_id;
    uint64_t term;
    uint64_t leader; /* 0 = none known */
    enum dengine_role role;
    bool ready; /* a leader is known and has committed in its term */
    bool halted;
    bool removed;  /* it was a member and is none any more: close it, its data can be deleted */
    bool no_space; /* a disk is full: writes are refused with NO_SPACE, reads go on */
    uint64_t commit_index;
    uint64_t applied_index;
    uint64_t first_index; /* of the oldest log entry that is kept */
    uint64_t last_index;
    uint32_t pending_requests;
    uint64_t pending_bytes;       /* of the writes among them */
    uint64_t snapshot_index;      /* of the newest snapshot; 0 = none yet */
    uint64_t snapshot_bytes;      /* its size */
    uint64_t snapshots_taken;     /* since the engine was opened, as the following */
    uint64_t snapshots_sent;      /* to members that had fallen behind the log */
    uint64_t snapshots_installed; /* received from the leader, in place of the log */
    uint64_t snapshot_failures;   /* tried again later, all of them */
    char halt_reason[256];        /* "" unless halted */
};

/* A consistent picture of the engine, a moment old at most. Never blocks. */
DENGINE_EXPORT void dengine_status(struct dengine *engine, struct dengine_status *status);

/* Single members of the status, each a moment old at most; they never block. Two calls may be of
 * two moments: what belongs together is asked for with dengine_status. */
DENGINE_EXPORT bool dengine_is_leader(struct dengine *engine);
DENGINE_EXPORT uint64_t dengine_leader(struct dengine *engine);
DENGINE_EXPORT uint64_t dengine_node_id(struct dengine *engine);
DENGINE_EXPORT uint64_t dengine_term(struct dengine *engine);

/* Hands leadership over when this node leads others (which takes one election time-out at most, if
 * none of them can take it), stops taking requests, ends those under way (UNKNOWN for writes that
 * may still commit), stops the threads, syncs and closes the stores, and frees the engine. NULL is
 * allowed. Returns the error that halted the engine earlier, if any. */
DENGINE_EXPORT int dengine_close(struct dengine *engine);

/* The library's version, "major.minor.patch". Static, any thread. */
DENGINE_EXPORT const char *dengine_version(void);

#ifdef __cplusplus
}
#endif

#endif
