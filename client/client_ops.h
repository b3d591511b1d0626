/* client/client_ops.h - what an implementation of dengine_client provides. Embedded and remote
 * clients embed struct dengine_client as their first member; client/client.c turns the public calls
 * into these, and builds the blocking forms out of the asynchronous ones. */
#ifndef DE_CLIENT_CLIENT_OPS_H
#define DE_CLIENT_CLIENT_OPS_H

#include <dengine/client.h>
#include <dengine/keeper.h>
#include <dengine/watch.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Longest key (dengine/client.h). */
#define DE_CLIENT_KEY_BYTES_MAX 500

enum de_client_call_type {
    DE_CLIENT_PUT = 1,
    DE_CLIENT_GET = 2,
    DE_CLIENT_DELETE = 3,
    DE_CLIENT_CAS = 4,
    DE_CLIENT_DELETE_RANGE = 5,
    DE_CLIENT_LEASE_GRANT = 6,
    DE_CLIENT_LEASE_KEEP = 7,
    DE_CLIENT_LEASE_REVOKE = 8,
    DE_CLIENT_SCAN = 9,
    DE_CLIENT_TXN = 10,
    DE_CLIENT_LEASE_LOOK = 11,
    DE_CLIENT_LEASE_LIST = 12,
    DE_CLIENT_GET_MULTI = 13,
    DE_CLIENT_BARRIER = 14, /* what this node has is fresh enough when it is done; see get_here */
    DE_CLIENT_CHANGE = 15,
    DE_CLIENT_TRANSFER = 16,
    DE_CLIENT_STATUS = 17, /* the reply has cluster */
};

/* What makes a write exactly-once (client/session.c, core/kv/kv.h). */
struct de_client_session {
    uint64_t id; /* 0 = none */
    uint64_t sequence;
    uint64_t acknowledged; /* the results of all up to this one are there; < sequence */
};

enum de_client_change_kind {
    DE_CLIENT_ADD_LEARNER = 1,
    DE_CLIENT_PROMOTE = 2,
    DE_CLIENT_REMOVE = 3,
    DE_CLIENT_REPLACE = 4,
    DE_CLIENT_SET_VOTERS = 5,
    DE_CLIENT_MOVE = 6,
    DE_CLIENT_JOIN = 7, /* remote only, see de_client_join_async */
    DE_CLIENT_TRANSFER_TO = 8,
};

/* A change of the membership; or a transfer of leadership to id. */
struct de_client_change {
    uint32_t kind; /* enum de_client_change_kind */
    bool read_only;
    bool fresh; /* JOIN */
    uint64_t id;
    uint64_t by;
    const char *peer; /* ADD_LEARNER, MOVE, JOIN: never NULL, as client */
    const char *client;
    uint64_t cluster_id; /* JOIN */
    uint32_t voter_count;
    uint64_t voters[DENGINE_MEMBERS_MAX];
};

/* One call, arguments checked by client.c except for the cluster's own limits. */
struct de_client_call {
    uint32_t type; /* enum de_client_call_type */
    enum dengine_consistency consistency;
    struct dengine_slice key; /* DELETE_RANGE, SCAN: the first one, may be empty */
    struct dengine_slice end; /* DELETE_RANGE, SCAN */
    struct dengine_slice value;
    const struct dengine_slice *keys; /* GET_MULTI; borrowed for the call */
    size_t key_count;
    const struct dengine_txn *txn;         /* TXN; borrowed for the call */
    const struct dengine_scan *scan;       /* SCAN: for the rest of it; borrowed for the call */
    const struct de_client_change *change; /* CHANGE, TRANSFER; borrowed for the call */
    uint64_t ttl_ms;                       /* PUT, LEASE_GRANT; 0 = none */
    uint64_t lease;                        /* PUT (0 = none), LEASE_KEEP, LEASE_REVOKE */
    struct de_client_session session;      /* of a write */
    bool with_session;                     /* LEASE_GRANT */
    bool expect_absent;
    struct dengine_slice expected;
    struct dengine_cluster_status *cluster; /* STATUS: where a caller that waits wants it */
    uint32_t timeout_ms;                    /* never 0 */
    dengine_callback *callback;
    void *context;
};

/* What stands behind a dengine_watch (client/watch.c): gives events and never waits. The calls come
 * from one thread at a time. */
struct de_watch_feed {
    const struct de_watch_feed_ops *ops;
};

struct de_watch_feed_ops {
    /* As dengine_watch_next with time-out 0. *event is good until the next call. */
    int (*next)(struct de_watch_feed *feed, struct dengine_event *event);
    uint64_t (*revision)(const struct de_watch_feed *feed);
    void (*progress)(struct de_watch_feed *feed); /* may be NULL */
    void (*close)(struct de_watch_feed *feed);    /* ready is not called any more */
};

struct de_helper;

/* A read of one key in the calling thread. Not a de_client_call: that is hundreds of bytes to be
 * cleared, for a read that takes a microsecond. */
struct de_client_look {
    struct dengine_slice key;
    enum dengine_consistency consistency;
    bool passed; /* a BARRIER that was started after the read came is done */
};

struct de_client_ops {
    /* Borrows the slices for the call only. 0: callback will be called exactly once, by the
     * deadline at the latest (an implementation enforces deadlines itself). */
    int (*start)(struct dengine_client *client, const struct de_client_call *call);
    /* Reads look->key in the calling thread and shows it to visit, which may be given bytes of the
     * state itself. INVALID: the state of this node is not known to be fresh enough; then the
     * caller starts a BARRIER, waits for it, and looks again with passed. NULL: there is no state
     * here. */
    int (*get_here)(struct dengine_client *client, const struct de_client_look *look,
                    dengine_value_visitor *visit, void *context);
    /* The same of the pairs of call->scan, up to its limit; after the barrier the call has its
     * type. NULL when get_here is. */
    int (*scan_here)(struct dengine_client *client, const struct de_client_call *call,
                     dengine_pair_visitor *visit, void *context);
    /* options->ready and context are the caller's to be told through; ready may be called before
     * this returns. */
    int (*watch)(struct dengine_client *client, const struct dengine_watch_options *options,
                 struct de_watch_feed **feed);
    void (*disconnect)(struct dengine_client *client);
};

struct dengine_client {
    const struct de_client_ops *ops;
    uint32_t timeout_ms; /* default of each call */
    struct de_helper
        *helper; /* what recipes run in (helper.h); a client on top of another shares it */
};

/* Makes a value that dengine_value_free() can free: a copy of bytes. NO_MEMORY leaves *value empty.
 */
int de_client_value_copy(struct dengine_value *value, struct dengine_slice bytes,
                         uint64_t revision);

/* Makes an empty page with room for pairs and for the bytes of their keys and values. NO_MEMORY. */
int de_client_page_new(struct dengine_page *page, size_t pairs, size_t bytes);
/* Where the bytes of a new page begin. */
uint8_t *de_client_page_bytes(const struct dengine_page *page, size_t pairs);
/* Adds a copy of pair, with its bytes at *at, which moves on. */
void de_client_page_add(struct dengine_page *page, uint8_t **at, const struct dengine_pair *pair);

/* Whether a call of this type only reads. */
static inline bool de_client_reads(uint32_t type)
{
    return type == DE_CLIENT_GET || type == DE_CLIENT_GET_MULTI || type == DE_CLIENT_BARRIER ||
           type == DE_CLIENT_SCAN || type == DE_CLIENT_LEASE_LOOK || type == DE_CLIENT_LEASE_LIST ||
           type == DE_CLIENT_STATUS;
}

/* Tells a remote client of a member, which it may know already. NO_MEMORY. */
int de_client_know(struct dengine_client *client, const char *address);

struct dengine_addresses;

/* The server id, which lives at addresses and is the caller, wants to be a learner of the cluster;
 * fresh: its directory was empty. 0 also when it is a member already and may begin with what it
 * has. For remote clients. Errors as dengine_member_add, and FOREIGN: another cluster answers. */
int de_client_join_async(struct dengine_client *client, uint64_t id,
                         const struct dengine_addresses *addresses, uint64_t cluster_id, bool fresh,
                         const struct dengine_call_options *options, dengine_callback *callback,
                         void *context);

/* Makes an empty page of leases. NO_MEMORY. */
int de_client_leases_new(struct dengine_lease_page *page, size_t room);
void de_client_leases_add(struct dengine_lease_page *page, const struct dengine_lease_info *info);

/* The result of a transaction under construction: first an operation, then its pairs. */
struct de_client_txn {
    struct dengine_txn_result *result;
    struct dengine_page page; /* all pairs */
    uint8_t *at;
};

/* Begins with an empty result that has room for so many operations, pairs, and bytes of keys and
 * values. NO_MEMORY leaves *result empty. */
int de_client_txn_new(struct de_client_txn *building, struct dengine_txn_result *result, size_t ops,
                      size_t pairs, size_t bytes);
void de_client_txn_add_op(struct de_client_txn *building, enum dengine_op_type type, uint64_t count,
                          bool more);
void de_client_txn_add_pair(struct de_client_txn *building, const struct dengine_pair *pair);

/* client.c: checks call and fills in its deadline; starts it, too; or waits for its end as well. */
int de_client_prepare(const struct dengine_client *client,
                      const struct dengine_call_options *options, struct de_client_call *call);
int de_client_start(struct dengine_client *client, const struct dengine_call_options *options,
                    struct de_client_call *call, dengine_callback *callback, void *context);
int de_client_run(struct dengine_client *client, const struct dengine_call_options *options,
                  struct de_client_call *call, struct dengine_reply *reply);
/* As dengine_lease_grant_async, with a session or without one. */
int de_client_grant_async(struct dengine_client *client, uint64_t ttl_ms, bool with_session,
                          uint32_t timeout_ms, dengine_callback *callback, void *context);
/* keeper.c: as dengine_keeper_open_async, likewise. */
int de_client_keeper_open_async(struct dengine_client *client, uint64_t ttl_ms, bool with_session,
                                const struct dengine_keeper_options *options,
                                const struct dengine_call_options *call,
                                dengine_keeper_callback *callback, void *context);

/* Sets the calling thread's text for dengine_last_error (printf form, cut at 511 bytes). */
__attribute__((format(printf, 1, 2))) void de_client_set_last_error(const char *format, ...);

/* The same with "", faster. */
void de_client_clear_last_error(void);

/* The calling thread's text. An implementation that finishes a call on another thread sets the text
 * there before it calls back (an empty one when there is nothing to add); the blocking forms in
 * client.c carry it into the waiting thread. */
const char *de_client_get_last_error(void);

#ifdef __cplusplus
}
#endif

#endif
