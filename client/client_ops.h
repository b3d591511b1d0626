/* client/client_ops.h - what an implementation of dengine_client provides. Embedded and remote
 * clients embed struct dengine_client as their first member; client/client.c turns the public calls
 * into these, and builds the blocking forms out of the asynchronous ones. */
#ifndef DE_CLIENT_CLIENT_OPS_H
#define DE_CLIENT_CLIENT_OPS_H

#include <dengine/client.h>

#ifdef __cplusplus
extern "C" {
#endif

enum de_client_call_type {
    DE_CLIENT_PUT = 1,
    DE_CLIENT_GET = 2,
    DE_CLIENT_DELETE = 3,
    DE_CLIENT_CAS = 4,
    DE_CLIENT_DELETE_RANGE = 5,
    DE_CLIENT_LEASE_GRANT = 6,
    DE_CLIENT_LEASE_KEEP = 7,
    DE_CLIENT_LEASE_REVOKE = 8,
};

/* One call, arguments checked by client.c except for the cluster's own limits. */
struct de_client_call {
    uint32_t type; /* enum de_client_call_type */
    enum dengine_consistency consistency;
    struct dengine_slice key; /* DELETE_RANGE: the first one, may be empty */
    struct dengine_slice end; /* DELETE_RANGE */
    struct dengine_slice value;
    uint64_t ttl_ms; /* PUT, LEASE_GRANT; 0 = none */
    uint64_t lease;  /* PUT (0 = none), LEASE_KEEP, LEASE_REVOKE */
    bool expect_absent;
    struct dengine_slice expected;
    uint32_t timeout_ms; /* never 0 */
    dengine_callback *callback;
    void *context;
};

struct de_client_ops {
    /* Borrows the slices for the call only. 0: callback will be called exactly once, by the
     * deadline at the latest (an implementation enforces deadlines itself). */
    int (*start)(struct dengine_client *client, const struct de_client_call *call);
    /* The blocking form of a get that needs no other thread (eventual reads of an embedded engine);
     * NULL, or returning DENGINE_E_INVALID, means: take start. */
    int (*get_here)(struct dengine_client *client, const struct de_client_call *call,
                    struct dengine_value *value);
    int (*cluster_status)(struct dengine_client *client, uint32_t timeout_ms,
                          struct dengine_cluster_status *status);
    void (*disconnect)(struct dengine_client *client);
};

struct dengine_client {
    const struct de_client_ops *ops;
    uint32_t timeout_ms; /* default of each call */
};

/* Makes a value that dengine_value_free() can free: a copy of bytes. NO_MEMORY leaves *value empty.
 */
int de_client_value_copy(struct dengine_value *value, struct dengine_slice bytes,
                         uint64_t revision);

/* Sets the calling thread's text for dengine_last_error (printf form, cut at 511 bytes). */
__attribute__((format(printf, 1, 2))) void de_client_set_last_error(const char *format, ...);

/* The calling thread's text. An implementation that finishes a call on another thread sets the text
 * there before it calls back (an empty one when there is nothing to add); the blocking forms in
 * client.c carry it into the waiting thread. */
const char *de_client_get_last_error(void);

#ifdef __cplusplus
}
#endif

#endif
