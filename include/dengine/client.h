/* dengine/client.h - reading and writing the replicated key-value state.
 *
 * A dengine_client comes from an embedded engine (dengine_client_of, in dengine/dengine.h) or from
 * a list of endpoints (dengine_connect). All other calls are the same for both.
 *
 * Keys are 1..500 bytes, values 0..(limit of the cluster, 1 MiB unless configured) bytes; any
 * bytes.
 *
 * Every call ends by its deadline. A call that changes something says which of three it was (see
 * dengine_outcome): done, not done, or DENGINE_E_UNKNOWN: the deadline passed or the connection
 * broke after the request had left, and it may take effect, at most once, now or later.
 *
 * A call means the same for both kinds of client, and gives the same errors, but for what only a
 * client of servers can know or only they can be: UNAVAILABLE; NO_LEADER, where an engine that has
 * waited for one in vain says TIMEOUT; BUSY by the deadline instead of at once.
 *
 * Every call of the library that waits for a cluster has a twin that ends in _async. A twin
 * copies its arguments and returns at once: 0, and then the callback is called exactly once, from a
 * thread of the library, possibly before the call returns; or an error, and then the callback is
 * never called. A callback must not block; the blocking form of a call notices that it is called
 * there, and answers INVALID before it asks anybody. dengine_last_error() in the callback tells
 * more about a failure.
 *
 * No twin have: calls that wait for nobody; dengine_get_in_place and dengine_scan_in_place, whose
 * visitors run in the calling thread; dengine_watch_next, since a watch has a descriptor and a
 * callback of its own (dengine/watch.h); what opens or closes an engine or a client; and what reads
 * or writes a file that it is given (dengine/dengine.h, dengine/snapshot.h).
 *
 * Threads: any call from any thread, except that dengine_disconnect must be the last one. */
#ifndef DENGINE_CLIENT_H
#define DENGINE_CLIENT_H

#include <stdbool.h>

#include <dengine/error.h>

#ifdef __cplusplus
extern "C" {
#endif

struct dengine_client;

/* How fresh a read has to be. */
enum dengine_consistency {
    /* What the server is configured to do; linearizable unless changed. */
    DENGINE_DEFAULT = 0,
    /* Sees every write that was acknowledged before the read began, by anyone. The leader confirms
     * its leadership with a quorum (thesis 6.4). */
    DENGINE_LINEARIZABLE = 1,
    /* As LINEARIZABLE as long as clocks drift less than promised. Who leads answers asking nobody,
     * while its lease runs, and an engine in the process does so in the calling thread; else it
     * takes the quorum path, which promises more than it must. */
    DENGINE_LEASE = 2,
    /* The state of the node that answers, which may be behind, but never uncommitted. */
    DENGINE_EVENTUAL = 3,
};

/* A value returned by a read. Free with dengine_value_free. */
struct dengine_value {
    const void *data;
    size_t size;
    uint64_t revision; /* of the key's last change, when the way there carries it; else 0 */
    void *owner;       /* the library's */
};

/* Frees what a read returned, and makes it empty; a value that is empty already is left alone. */
DENGINE_EXPORT void dengine_value_free(struct dengine_value *value);

/* Options of one call. NULL instead of a pointer to it means all defaults; start from zeros. */
struct dengine_call_options {
    uint32_t timeout_ms; /* 0 = the client's default */
};

/* Options of dengine_connect; start from zeros. */
struct dengine_connect_options {
    uint32_t timeout_ms; /* default deadline of each call; 0 = 5 000 */
    uint32_t client_id;  /* sent with each request; 0 = chosen at random */
};

/* Makes a client of the cluster that the endpoints belong to: "host:port[,host:port...]". Names are
 * resolved and the leader is looked for by the first call, not here, so this fails only for a list
 * that makes no sense (INVALID) or NO_MEMORY. options may be NULL. The caller owns *client. */
DENGINE_EXPORT int dengine_connect(const char *endpoints,
                                   const struct dengine_connect_options *options,
                                   struct dengine_client **client);

/* Ends a client made by dengine_connect: calls under way return SHUTDOWN (UNKNOWN for writes that
 * have left), and all callbacks have been called when it returns; then everything is freed. Locks,
 * elections, keepers and sessions that are still open do nothing any more, and can only be closed.
 * Not for clients of an embedded engine, nor from a callback. NULL is allowed. */
DENGINE_EXPORT void dengine_disconnect(struct dengine_client *client);

/* Sets key to value. Errors: INVALID, TOO_LARGE, BUSY, NOT_LEADER, NO_LEADER, UNAVAILABLE, TIMEOUT,
 * UNKNOWN, NO_SPACE, SHUTDOWN, HALTED. options may be NULL. */
DENGINE_EXPORT int dengine_put(struct dengine_client *client, struct dengine_slice key,
                               struct dengine_slice value,
                               const struct dengine_call_options *options);

/* How long a key is to live. At most one of the two is not 0. */
struct dengine_put_options {
    uint64_t ttl_ms; /* it is removed after so long, unless it is put again before; 0 = never */
    uint64_t lease;  /* it is removed when this lease ends; 0 = none */
};

/* As dengine_put, for a key that is to end; put NULL: for ever. Any put takes the key from the
 * lease or time it had before. *revision (may be NULL) is that of the change: of two changes of
 * whatever keys, the one that was asked for after the other was done has the greater revision, so
 * it serves as a fencing token (dengine/lock.h). Changes that are asked for at one time may share
 * one. Errors as dengine_put, and NO_LEASE.
 *
 * Time is the cluster's: it passes as the leader's clock measures it, and stands still while there
 * is none. So a key is never removed before its time (less the drift of a clock), and may be late.
 */
DENGINE_EXPORT int dengine_put_with(struct dengine_client *client, struct dengine_slice key,
                                    struct dengine_slice value,
                                    const struct dengine_put_options *put,
                                    const struct dengine_call_options *options, uint64_t *revision);

/* Reads one key; NOT_FOUND when there is none (*value is then empty). Other errors: INVALID,
 * TOO_LARGE (the key), BUSY, NOT_LEADER, NO_LEADER, UNAVAILABLE, TIMEOUT, IO, CORRUPT, NO_MEMORY,
 * SHUTDOWN, HALTED. The caller frees *value. */
DENGINE_EXPORT int dengine_get(struct dengine_client *client, struct dengine_slice key,
                               enum dengine_consistency consistency,
                               const struct dengine_call_options *options,
                               struct dengine_value *value);

/* Is shown a value; its bytes live for the call. */
typedef void dengine_value_visitor(void *context, const struct dengine_value *value);

/* As dengine_get, without a copy: visit is called once with the value, in the calling thread, if
 * there is one. With an engine in the process it sees the bytes of the state itself: until it
 * returns, the space of what is overwritten meanwhile is not used again, so it should be brief; and
 * it must call nothing of the engine. */
DENGINE_EXPORT int dengine_get_in_place(struct dengine_client *client, struct dengine_slice key,
                                        enum dengine_consistency consistency,
                                        const struct dengine_call_options *options,
                                        dengine_value_visitor *visit, void *context);

/* Removes key; 0 also when there was none. Errors as dengine_put. */
DENGINE_EXPORT int dengine_delete(struct dengine_client *client, struct dengine_slice key,
                                  const struct dengine_call_options *options);

/* The end of the range of all keys that begin with prefix: the shortest key behind them, in buffer
 * of at least prefix.size bytes; empty when they go on to the last key there is. Any thread. */
DENGINE_EXPORT struct dengine_slice dengine_prefix_end(struct dengine_slice prefix, void *buffer);

/* Removes the keys from <= key < end, all at one revision; end empty: to the last key. *count (may
 * be NULL) is how many there were. TOO_LARGE, and nothing done: more than 10 000. Other errors
 * as dengine_put. */
DENGINE_EXPORT int dengine_delete_range(struct dengine_client *client, struct dengine_slice from,
                                        struct dengine_slice end,
                                        const struct dengine_call_options *options,
                                        uint64_t *count);

/* What a scan reads: the keys from <= key < end. Start from zeros: all keys, with their values. */
struct dengine_scan {
    struct dengine_slice from; /* empty: from the first key there is */
    struct dengine_slice end;  /* empty: to the last; see dengine_prefix_end */
    bool from_excluded;        /* from itself not */
    bool reverse;              /* from the last key to the first */
    bool keys_only;            /* no values */
    bool count_only;           /* only how many there are; no limit then */
    uint32_t limit;            /* pairs in a page at most; 0: no limit but the page's own */
    enum dengine_consistency consistency;
};

/* One key as a scan found it. */
struct dengine_pair {
    struct dengine_slice key;
    struct dengine_slice value;
    uint64_t create_revision;
    uint64_t mod_revision; /* of its last change */
    uint64_t version;      /* 1 after creation, then one more with each change */
    uint64_t lease; /* it ends with; 0 = none. A key with a time to live has one of its own */
};

/* One page of a scan, all of it as it was at one revision. Free with dengine_page_free. */
struct dengine_page {
    const struct dengine_pair *pairs; /* in the order of the scan; they belong to the page */
    size_t count;                     /* pairs */
    uint64_t total;                   /* count, or with count_only the keys counted */
    bool more;                        /* there is another key: see dengine_scan_next */
    uint64_t revision;                /* nothing up to it is missing, nothing after it is in it */
    void *owner;                      /* the library's */
};

/* Reads a page: 1 000 pairs, or about 1 MiB, or scan->limit pairs, whatever is least; with
 * count_only it counts up to 10 000 keys and gives the last of them as its only pair. Consistency
 * and errors as dengine_get, but a range without keys is no error; INVALID for a range that ends
 * before it begins. The caller frees *page. */
DENGINE_EXPORT int dengine_scan(struct dengine_client *client, const struct dengine_scan *scan,
                                const struct dengine_call_options *options,
                                struct dengine_page *page);

/* Is shown a pair, whose bytes live for the call; false: that was enough. */
typedef bool dengine_pair_visitor(void *context, const struct dengine_pair *pair);

/* Shows the pairs of a range in order, up to scan->limit (0: all of them), without a copy, as
 * dengine_get_in_place does. From an engine in the process they are all of one revision; from
 * servers, those of each page are. Not for count_only. Errors as dengine_scan. */
DENGINE_EXPORT int dengine_scan_in_place(struct dengine_client *client,
                                         const struct dengine_scan *scan,
                                         const struct dengine_call_options *options,
                                         dengine_pair_visitor *visit, void *context);

#define DENGINE_GET_MULTI_MAX 10000

/* Reads several keys as they were at one revision, in one page: those that are there, in the order
 * in which they stand in keys (one that stands there twice comes twice). Consistency and errors as
 * dengine_get, but keys that are not there are no error; INVALID for more than
 * DENGINE_GET_MULTI_MAX, TOO_LARGE when the answer of a server is longer than a message may be. The
 * caller frees *page. */
DENGINE_EXPORT int dengine_get_multi(struct dengine_client *client,
                                     const struct dengine_slice *keys, size_t count,
                                     enum dengine_consistency consistency,
                                     const struct dengine_call_options *options,
                                     struct dengine_page *page);

/* Makes *scan go on behind page; false when there is nothing more. *scan then borrows from page:
 * free it after the next dengine_scan. Each page is of a revision of its own, but a key that is
 * there all the time is seen exactly once. Any thread. */
DENGINE_EXPORT bool dengine_scan_next(struct dengine_scan *scan, const struct dengine_page *page);

/* Frees what a scan returned, and makes it empty; an empty page is left alone. */
DENGINE_EXPORT void dengine_page_free(struct dengine_page *page);

/* ---- transactions ---- */

#define DENGINE_TXN_ITEMS_MAX 128 /* in each of the three lists */

enum dengine_compare_target {
    DENGINE_COMPARE_VALUE = 1,   /* false when there is no such key */
    DENGINE_COMPARE_ABSENCE = 2, /* EQUAL: there is no such key; NOT_EQUAL: there is one */
    DENGINE_COMPARE_VERSION = 3, /* these three are 0 when there is no such key */
    DENGINE_COMPARE_CREATE_REVISION = 4,
    DENGINE_COMPARE_MOD_REVISION = 5,
};

enum dengine_relation {
    DENGINE_EQUAL = 1,
    DENGINE_NOT_EQUAL = 2,
    DENGINE_LESS = 3,
    DENGINE_GREATER = 4,
};

/* What has to be so: target of key, relation, value or number. Values are ordered by bytes. */
struct dengine_compare {
    enum dengine_compare_target target;
    enum dengine_relation relation;
    struct dengine_slice key;
    struct dengine_slice value; /* VALUE */
    uint64_t number;            /* VERSION, CREATE_REVISION, MOD_REVISION */
};

enum dengine_op_type {
    DENGINE_OP_PUT = 1,
    DENGINE_OP_DELETE = 2,
    DENGINE_OP_DELETE_RANGE = 3, /* from <= key < end, 10 000 keys at most */
    DENGINE_OP_GET = 4,
    DENGINE_OP_RANGE = 5, /* from <= key < end, 10 000 keys at most */
};

/* One step; what it has no use for must be zero. */
struct dengine_op {
    enum dengine_op_type type;
    struct dengine_slice key;   /* of a range the first one, may be empty */
    struct dengine_slice end;   /* of a range; empty: to the last key */
    struct dengine_slice value; /* PUT */
    uint64_t ttl_ms;            /* PUT, as in dengine_put_options */
    uint64_t lease;
    uint32_t limit;  /* RANGE: pairs at most; 0 = no limit */
    bool previous;   /* PUT, DELETE, DELETE_RANGE: tell what was there before */
    bool keys_only;  /* RANGE */
    bool count_only; /* RANGE */
};

/* If all comparisons are true, then_ops; else else_ops. Start from zeros; any list may be empty. */
struct dengine_txn {
    const struct dengine_compare *compares;
    size_t compare_count;
    const struct dengine_op *then_ops;
    size_t then_count;
    const struct dengine_op *else_ops;
    size_t else_count;
};

/* What one step found or did. */
struct dengine_op_result {
    enum dengine_op_type type;
    uint64_t count; /* keys found (GET, RANGE), removed (DELETE, DELETE_RANGE), replaced (PUT) */
    bool more;      /* RANGE: there are more keys than limit */
    const struct dengine_pair *pairs; /* found, or there before; they belong to the result */
    size_t pair_count;
};

/* Free with dengine_txn_result_free. */
struct dengine_txn_result {
    bool succeeded;                      /* all comparisons were true */
    uint64_t revision;                   /* of all changes it made */
    const struct dengine_op_result *ops; /* of then_ops or else_ops, in their order */
    size_t op_count;
    void *owner; /* the library's, both */
    void *pairs_owner;
};

/* Compares and acts in one step: nothing happens between the comparisons and the operations, nobody
 * sees some of the operations without the others, and after an error none was carried out. Each
 * operation sees those before it. A list of puts without comparisons is a batch. With TOO_LARGE
 * an operation or the whole breaks a limit of bytes or keys; more than DENGINE_TXN_ITEMS_MAX items
 * in a list are INVALID. Errors as dengine_put, and NO_LEASE. The caller frees *result. */
DENGINE_EXPORT int dengine_txn(struct dengine_client *client, const struct dengine_txn *txn,
                               const struct dengine_call_options *options,
                               struct dengine_txn_result *result);

/* Frees what a transaction returned, and makes it empty; an empty result is left alone. */
DENGINE_EXPORT void dengine_txn_result_free(struct dengine_txn_result *result);

/* ---- leases ---- */

/* Makes a lease that ends ttl_ms (1 to 288 230 376 000) after it was granted or last kept alive,
 * whichever is later; with it end the keys that were put with it. Time is the cluster's, see
 * dengine_put_with. Errors as dengine_put; after UNKNOWN there may be a lease that ends by itself.
 */
DENGINE_EXPORT int dengine_lease_grant(struct dengine_client *client, uint64_t ttl_ms,
                                       const struct dengine_call_options *options, uint64_t *lease);

/* Lets the lease begin anew. NO_LEASE: it has ended, and so have its keys. Else as dengine_put;
 * after UNKNOWN it may be tried again at will. */
DENGINE_EXPORT int dengine_lease_keep_alive(struct dengine_client *client, uint64_t lease,
                                            const struct dengine_call_options *options);

/* Ends the lease and removes its keys now (a lease of many keys: in several steps, the last ones a
 * little later). NO_LEASE when there is none. Else as dengine_put; after UNKNOWN it may be tried
 * again at will. */
DENGINE_EXPORT int dengine_lease_revoke(struct dengine_client *client, uint64_t lease,
                                        const struct dengine_call_options *options);

/* What there is to know of a lease. */
struct dengine_lease_info {
    uint64_t lease;
    uint64_t ttl_ms;  /* as granted */
    uint64_t left_ms; /* as of the newest change; it may be less by now. 0: it is ending */
    uint64_t keys;    /* that end with it */
    bool of_one_key;  /* made by a put with a time to live */
};

#define DENGINE_LEASES_PAGE_MAX 1000

/* Leases, ascending. Free with dengine_lease_page_free. */
struct dengine_lease_page {
    const struct dengine_lease_info *leases; /* they belong to the page */
    size_t count;
    bool more;         /* there are more: go on from the last one plus 1 */
    uint64_t revision; /* that they are of */
    void *owner;       /* the library's */
};

/* Looks at one lease: NO_LEASE when there is none. Else as dengine_get. */
DENGINE_EXPORT int dengine_lease_look(struct dengine_client *client, uint64_t lease,
                                      enum dengine_consistency consistency,
                                      const struct dengine_call_options *options,
                                      struct dengine_lease_info *info);

/* The leases from `from` on (0: all), DENGINE_LEASES_PAGE_MAX at most. Errors as dengine_get. The
 * caller frees *page. */
DENGINE_EXPORT int dengine_lease_list(struct dengine_client *client, uint64_t from,
                                      enum dengine_consistency consistency,
                                      const struct dengine_call_options *options,
                                      struct dengine_lease_page *page);

/* Frees what a list returned, and makes it empty; an empty page is left alone. */
DENGINE_EXPORT void dengine_lease_page_free(struct dengine_lease_page *page);

/* Sets key to value if it now has the value *expected, or, with expected NULL, if there is no such
 * key. *succeeded tells whether the comparison was true. Errors as dengine_put. */
DENGINE_EXPORT int dengine_compare_and_swap(struct dengine_client *client, struct dengine_slice key,
                                            const struct dengine_slice *expected,
                                            struct dengine_slice value,
                                            const struct dengine_call_options *options,
                                            bool *succeeded);

/* What an asynchronous call ended with. */
struct dengine_reply {
    int status;                    /* as the blocking call would return */
    bool succeeded;                /* compare_and_swap: the comparison was true; else status == 0 */
    struct dengine_value value;    /* get: the callee owns it and frees it */
    uint64_t revision;             /* of a write that was done, when the server tells; else 0 */
    uint64_t count;                /* delete_range: keys that were removed */
    struct dengine_page page;      /* scan: the callee owns it and frees it */
    struct dengine_txn_result txn; /* txn: likewise; its succeeded and revision are those above */
    uint64_t lease;                /* lease_grant */
    struct dengine_lease_page leases; /* lease_look (one), lease_list: likewise */
    /* cluster_status, wait_ready, wait_members: lives for the call; a callee that wants it copies
     * it. */
    const struct dengine_cluster_status *cluster;
};

/* Is told how a call ended, once. *reply lives for the call; see above for what it must free. */
typedef void dengine_callback(void *context, struct dengine_reply *reply);

DENGINE_EXPORT int dengine_put_async(struct dengine_client *client, struct dengine_slice key,
                                     struct dengine_slice value,
                                     const struct dengine_call_options *options,
                                     dengine_callback *callback, void *context);
DENGINE_EXPORT int dengine_get_async(struct dengine_client *client, struct dengine_slice key,
                                     enum dengine_consistency consistency,
                                     const struct dengine_call_options *options,
                                     dengine_callback *callback, void *context);
DENGINE_EXPORT int dengine_delete_async(struct dengine_client *client, struct dengine_slice key,
                                        const struct dengine_call_options *options,
                                        dengine_callback *callback, void *context);
DENGINE_EXPORT int dengine_compare_and_swap_async(struct dengine_client *client,
                                                  struct dengine_slice key,
                                                  const struct dengine_slice *expected,
                                                  struct dengine_slice value,
                                                  const struct dengine_call_options *options,
                                                  dengine_callback *callback, void *context);

/* The reply has a page. */
DENGINE_EXPORT int dengine_get_multi_async(struct dengine_client *client,
                                           const struct dengine_slice *keys, size_t count,
                                           enum dengine_consistency consistency,
                                           const struct dengine_call_options *options,
                                           dengine_callback *callback, void *context);
DENGINE_EXPORT int dengine_scan_async(struct dengine_client *client,
                                      const struct dengine_scan *scan,
                                      const struct dengine_call_options *options,
                                      dengine_callback *callback, void *context);
DENGINE_EXPORT int dengine_txn_async(struct dengine_client *client, const struct dengine_txn *txn,
                                     const struct dengine_call_options *options,
                                     dengine_callback *callback, void *context);
DENGINE_EXPORT int dengine_lease_look_async(struct dengine_client *client, uint64_t lease,
                                            enum dengine_consistency consistency,
                                            const struct dengine_call_options *options,
                                            dengine_callback *callback, void *context);
DENGINE_EXPORT int dengine_lease_list_async(struct dengine_client *client, uint64_t from,
                                            enum dengine_consistency consistency,
                                            const struct dengine_call_options *options,
                                            dengine_callback *callback, void *context);
DENGINE_EXPORT int dengine_put_with_async(struct dengine_client *client, struct dengine_slice key,
                                          struct dengine_slice value,
                                          const struct dengine_put_options *put,
                                          const struct dengine_call_options *options,
                                          dengine_callback *callback, void *context);
DENGINE_EXPORT int dengine_delete_range_async(struct dengine_client *client,
                                              struct dengine_slice from, struct dengine_slice end,
                                              const struct dengine_call_options *options,
                                              dengine_callback *callback, void *context);
DENGINE_EXPORT int dengine_lease_grant_async(struct dengine_client *client, uint64_t ttl_ms,
                                             const struct dengine_call_options *options,
                                             dengine_callback *callback, void *context);
DENGINE_EXPORT int dengine_lease_keep_alive_async(struct dengine_client *client, uint64_t lease,
                                                  const struct dengine_call_options *options,
                                                  dengine_callback *callback, void *context);
DENGINE_EXPORT int dengine_lease_revoke_async(struct dengine_client *client, uint64_t lease,
                                              const struct dengine_call_options *options,
                                              dengine_callback *callback, void *context);

enum dengine_member_kind {
    DENGINE_MEMBER_VOTER = 1,
    DENGINE_MEMBER_LEARNER = 2,   /* has a copy, no vote; can be promoted */
    DENGINE_MEMBER_READ_ONLY = 3, /* a learner that is never promoted */
    DENGINE_MEMBER_LEAVING = 4,   /* votes until the change that is under way is complete */
};

/* One member of the cluster as dengine_cluster_status sees it. */
struct dengine_member {
    uint64_t id;
    char address[256]; /* "host:port" as advertised to clients */
    bool leader;
    enum dengine_member_kind kind;
    char peer_address[256]; /* "host:port" for other members; "" = not known */
    uint64_t match_index;   /* its log is known to go so far; 0 unless the leader answers */
};

#define DENGINE_MEMBERS_MAX 32

struct dengine_cluster_status {
    uint64_t leader; /* 0 = none known */
    uint64_t cluster_id;
    uint64_t version;      /* index of the log entry with these members; greater = later */
    bool changing;         /* that entry, or one that has to follow it, is not committed yet */
    uint64_t commit_index; /* of the node that answers */
    uint32_t member_count;
    struct dengine_member members[DENGINE_MEMBERS_MAX];
};

/* Who is in the cluster and who leads it, as far as the node that answers knows. INVALID,
 * UNAVAILABLE, TIMEOUT, NO_MEMORY, SHUTDOWN. options may be NULL. */
DENGINE_EXPORT int dengine_cluster_status(struct dengine_client *client,
                                          const struct dengine_call_options *options,
                                          struct dengine_cluster_status *status);
/* The reply has cluster. */
DENGINE_EXPORT int dengine_cluster_status_async(struct dengine_client *client,
                                                const struct dengine_call_options *options,
                                                dengine_callback *callback, void *context);

/* More about the calling thread's last failed call on this client, such as the endpoint and what it
 * said; "" when there is nothing to add. Lives until the thread's next call on any client. */
DENGINE_EXPORT const char *dengine_last_error(const struct dengine_client *client);

#ifdef __cplusplus
}
#endif

#endif
