/* The public calls: arguments are checked here once, for every kind of client, and the blocking
 * forms are the asynchronous ones plus waiting. */
#include <stdlib.h>
#include <string.h>

#include "client/calling_back.h"
#include "client/client_ops.h"
#include "client/waiter.h"
#include "core/base/assert.h"

/* Longest life, nine years. */
#define TTL_MS_MAX UINT64_C(288230376000)

/* ---- values ---- */

int de_client_value_copy(struct dengine_value *value, struct dengine_slice bytes, uint64_t revision)
{
    DE_ASSERT(value != NULL);
    DE_ASSERT(bytes.data != NULL || bytes.size == 0);
    *value = (struct dengine_value){0};
    value->owner = malloc(bytes.size > 0 ? bytes.size : 1);
    if (value->owner == NULL) {
        return DENGINE_E_NO_MEMORY;
    }
    if (bytes.size > 0) {
        memcpy(value->owner, bytes.data, bytes.size);
    }
    value->data = value->owner;
    value->size = bytes.size;
    value->revision = revision;
    return 0;
}

void dengine_value_free(struct dengine_value *value)
{
    if (value != NULL) {
        free(value->owner);
        *value = (struct dengine_value){0};
    }
}

/* ---- checking ---- */

static int check_bytes(const char *what, struct dengine_slice bytes)
{
    if (bytes.data == NULL && bytes.size > 0) {
        de_client_set_last_error("the %s has a size but no bytes", what);
        return DENGINE_E_INVALID;
    }
    return 0;
}

/* What the call says of time and leases. */
static int check_life(const struct de_client_call *call)
{
    const bool lease = call->type == DE_CLIENT_LEASE_KEEP || call->type == DE_CLIENT_LEASE_REVOKE ||
                       call->type == DE_CLIENT_LEASE_LOOK;

    if (call->ttl_ms > TTL_MS_MAX || (call->type == DE_CLIENT_LEASE_GRANT && call->ttl_ms == 0)) {
        de_client_set_last_error("the time to live is %llu ms, 1 to %llu are allowed",
                                 (unsigned long long)call->ttl_ms, (unsigned long long)TTL_MS_MAX);
        return DENGINE_E_INVALID;
    }
    if (call->ttl_ms != 0 && call->lease != 0) {
        de_client_set_last_error("a key ends with a lease or after a time, not both");
        return DENGINE_E_INVALID;
    }
    if (lease && call->lease == 0) {
        de_client_set_last_error("there is no lease 0");
        return DENGINE_E_INVALID;
    }
    return 0;
}

/* A range of keys that is to be changed or read. */
static int check_range(const struct de_client_call *call)
{
    const size_t common = call->key.size < call->end.size ? call->key.size : call->end.size;
    int order;

    if (call->end.size > DE_CLIENT_KEY_BYTES_MAX) {
        de_client_set_last_error("the end has %zu bytes, at most %d are allowed", call->end.size,
                                 DE_CLIENT_KEY_BYTES_MAX);
        return DENGINE_E_TOO_LARGE;
    }
    if (check_bytes("end", call->end) != 0) {
        return DENGINE_E_INVALID;
    }
    order = common > 0 ? memcmp(call->key.data, call->end.data, common) : 0;
    if (call->end.size > 0 && (order > 0 || (order == 0 && call->key.size >= call->end.size))) {
        de_client_set_last_error("the range ends before it begins");
        return DENGINE_E_INVALID;
    }
    return 0;
}

static bool has_key(const struct de_client_call *call)
{
    return call->type == DE_CLIENT_PUT || call->type == DE_CLIENT_GET ||
           call->type == DE_CLIENT_DELETE || call->type == DE_CLIENT_CAS;
}

/* empty: whether that is a key, too. */
static int check_key(struct dengine_slice key, bool empty)
{
    if (check_bytes("key", key) != 0) {
        return DENGINE_E_INVALID;
    }
    if (key.size == 0 && !empty) {
        de_client_set_last_error("the key is empty");
        return DENGINE_E_INVALID;
    }
    if (key.size > DE_CLIENT_KEY_BYTES_MAX) {
        de_client_set_last_error("the key has %zu bytes, at most %d are allowed", key.size,
                                 DE_CLIENT_KEY_BYTES_MAX);
        return DENGINE_E_TOO_LARGE;
    }
    return 0;
}

static int check_consistency(enum dengine_consistency consistency)
{
    if ((unsigned)consistency > (unsigned)DENGINE_EVENTUAL) {
        de_client_set_last_error("there is no consistency %d", (int)consistency);
        return DENGINE_E_INVALID;
    }
    return 0;
}

static int check_call(const struct de_client_call *call)
{
    int err = check_key(call->key, !has_key(call));

    if (err == 0) {
        err = check_range(call);
    }
    if (err == 0) {
        err = check_life(call);
    }
    if (err == 0) {
        err = check_bytes("value", call->value);
    }
    if (err == 0) {
        err = check_bytes("expected value", call->expected);
    }
    return err != 0 ? err : check_consistency(call->consistency);
}

/* What every call begins with. */
static int check_client(const struct dengine_client *client)
{
    de_client_clear_last_error();
    if (client == NULL) {
        de_client_set_last_error("there is no client");
        return DENGINE_E_INVALID;
    }
    return 0;
}

int de_client_prepare(const struct dengine_client *client,
                      const struct dengine_call_options *options, struct de_client_call *call)
{
    if (check_client(client) != 0) {
        return DENGINE_E_INVALID;
    }
    call->timeout_ms = options != NULL ? options->timeout_ms : 0;
    if (call->timeout_ms == 0) {
        call->timeout_ms = client->timeout_ms;
    }
    DE_ASSERT(call->timeout_ms > 0);
    return check_call(call);
}

int de_client_start(struct dengine_client *client, const struct dengine_call_options *options,
                    struct de_client_call *call, dengine_callback *callback, void *context)
{
    const int err = de_client_prepare(client, options, call);

    if (err == 0 && callback == NULL) {
        de_client_set_last_error("there is no callback");
        return DENGINE_E_INVALID;
    }
    call->callback = callback;
    call->context = context;
    return err != 0 ? err : client->ops->start(client, call);
}

/* ---- blocking ---- */

/* Starts the call and waits for its end, which start() promises to come by the deadline. */
static int wait_for(struct dengine_client *client, struct de_client_call *call,
                    struct dengine_reply *reply)
{
    struct de_waiter waiter;
    const int err = de_may_wait();

    if (err != 0) {
        return err;
    }
    de_waiter_init(&waiter);
    waiter.cluster = call->cluster;
    call->callback = de_waiter_wake;
    call->context = &waiter;
    return de_waiter_end(&waiter, client->ops->start(client, call), reply);
}

int de_client_run(struct dengine_client *client, const struct dengine_call_options *options,
                  struct de_client_call *call, struct dengine_reply *reply)
{
    int err = de_client_prepare(client, options, call);

    *reply = (struct dengine_reply){0};
    if (err == 0) {
        err = wait_for(client, call, reply);
    }
    if (err != 0) {
        reply->succeeded = false;
    }
    return err;
}

/* ---- the calls ---- */

static struct de_client_call put_call(struct dengine_slice key, struct dengine_slice value)
{
    struct de_client_call call = {.type = DE_CLIENT_PUT, .key = key, .value = value};

    return call;
}

static struct de_client_call get_call(struct dengine_slice key, enum dengine_consistency level)
{
    struct de_client_call call = {.type = DE_CLIENT_GET, .key = key, .consistency = level};

    return call;
}

static struct de_client_call delete_call(struct dengine_slice key)
{
    struct de_client_call call = {.type = DE_CLIENT_DELETE, .key = key};

    return call;
}

static struct de_client_call
cas_call(struct dengine_slice key, const struct dengine_slice *expected, struct dengine_slice value)
{
    struct de_client_call call = {.type = DE_CLIENT_CAS, .key = key, .value = value};

    call.expect_absent = expected == NULL;
    if (expected != NULL) {
        call.expected = *expected;
    }
    return call;
}

int dengine_put(struct dengine_client *client, struct dengine_slice key, struct dengine_slice value,
                const struct dengine_call_options *options)
{
    struct de_client_call call = put_call(key, value);
    struct dengine_reply reply;

    return de_client_run(client, options, &call, &reply);
}

int dengine_put_async(struct dengine_client *client, struct dengine_slice key,
                      struct dengine_slice value, const struct dengine_call_options *options,
                      dengine_callback *callback, void *context)
{
    struct de_client_call call = put_call(key, value);

    return de_client_start(client, options, &call, callback, context);
}

/* From a client without a state of its own. */
static int get_elsewhere(struct dengine_client *client, const struct de_client_look *look,
                         const struct dengine_call_options *options, dengine_value_visitor *visit,
                         void *context)
{
    struct de_client_call call = get_call(look->key, look->consistency);
    struct dengine_reply reply;
    const int err = de_client_run(client, options, &call, &reply);

    if (err == 0) {
        visit(context, &reply.value);
    }
    dengine_value_free(&reply.value);
    return err;
}

static int check_look(const struct dengine_client *client, const struct de_client_look *look,
                      dengine_value_visitor *visit)
{
    int err = check_client(client);

    err = err != 0 ? err : check_key(look->key, false);
    err = err != 0 ? err : check_consistency(look->consistency);
    if (err == 0 && visit == NULL) {
        de_client_set_last_error("there is nobody to show the value to");
        err = DENGINE_E_INVALID;
    }
    DE_ASSERT(!look->passed);
    return err;
}

static int pass_barrier(struct dengine_client *client, const struct dengine_call_options *options)
{
    struct de_client_call call = {.type = DE_CLIENT_BARRIER};
    struct dengine_reply reply;

    return de_client_run(client, options, &call, &reply);
}

int dengine_get_in_place(struct dengine_client *client, struct dengine_slice key,
                         enum dengine_consistency consistency,
                         const struct dengine_call_options *options, dengine_value_visitor *visit,
                         void *context)
{
    struct de_client_look look = {.key = key, .consistency = consistency};
    int err = check_look(client, &look, visit);

    if (err != 0) {
        return err;
    }
    if (client->ops->get_here == NULL) {
        return get_elsewhere(client, &look, options, visit, context);
    }
    err = client->ops->get_here(client, &look, visit, context);
    if (err == DENGINE_E_INVALID) {
        err = pass_barrier(client, options);
        look.passed = true;
        err = err != 0 ? err : client->ops->get_here(client, &look, visit, context);
    }
    return err;
}

/* Where a value that is shown goes to. */
struct copying {
    struct dengine_value *value;
    int err;
};

static void copy_value(void *context, const struct dengine_value *value)
{
    struct copying *copying = context;

    DE_ASSERT(copying->value->owner == NULL);
    copying->err = de_client_value_copy(copying->value, dengine_bytes(value->data, value->size),
                                        value->revision);
}

int dengine_get(struct dengine_client *client, struct dengine_slice key,
                enum dengine_consistency consistency, const struct dengine_call_options *options,
                struct dengine_value *value)
{
    struct copying copying = {.value = value};
    int err;

    if (value == NULL) {
        de_client_set_last_error("there is no room for the value");
        return DENGINE_E_INVALID;
    }
    *value = (struct dengine_value){0};
    err = dengine_get_in_place(client, key, consistency, options, copy_value, &copying);
    err = err != 0 ? err : copying.err;
    DE_ASSERT(err == 0 || value->owner == NULL);
    return err;
}

int dengine_get_async(struct dengine_client *client, struct dengine_slice key,
                      enum dengine_consistency consistency,
                      const struct dengine_call_options *options, dengine_callback *callback,
                      void *context)
{
    struct de_client_call call = get_call(key, consistency);

    return de_client_start(client, options, &call, callback, context);
}

int dengine_delete(struct dengine_client *client, struct dengine_slice key,
                   const struct dengine_call_options *options)
{
    struct de_client_call call = delete_call(key);
    struct dengine_reply reply;

    return de_client_run(client, options, &call, &reply);
}

int dengine_delete_async(struct dengine_client *client, struct dengine_slice key,
                         const struct dengine_call_options *options, dengine_callback *callback,
                         void *context)
{
    struct de_client_call call = delete_call(key);

    return de_client_start(client, options, &call, callback, context);
}

int dengine_compare_and_swap(struct dengine_client *client, struct dengine_slice key,
                             const struct dengine_slice *expected, struct dengine_slice value,
                             const struct dengine_call_options *options, bool *succeeded)
{
    struct de_client_call call = cas_call(key, expected, value);
    struct dengine_reply reply;
    int err;

    if (succeeded == NULL) {
        de_client_set_last_error("there is no room for the result");
        return DENGINE_E_INVALID;
    }
    err = de_client_run(client, options, &call, &reply);
    *succeeded = reply.succeeded;
    return err;
}

int dengine_compare_and_swap_async(struct dengine_client *client, struct dengine_slice key,
                                   const struct dengine_slice *expected, struct dengine_slice value,
                                   const struct dengine_call_options *options,
                                   dengine_callback *callback, void *context)
{
    struct de_client_call call = cas_call(key, expected, value);

    return de_client_start(client, options, &call, callback, context);
}

static struct de_client_call put_with_call(struct dengine_slice key, struct dengine_slice value,
                                           const struct dengine_put_options *put)
{
    struct de_client_call call = put_call(key, value);

    call.ttl_ms = put != NULL ? put->ttl_ms : 0;
    call.lease = put != NULL ? put->lease : 0;
    return call;
}

int dengine_put_with(struct dengine_client *client, struct dengine_slice key,
                     struct dengine_slice value, const struct dengine_put_options *put,
                     const struct dengine_call_options *options, uint64_t *revision)
{
    struct de_client_call call = put_with_call(key, value, put);
    struct dengine_reply reply;
    const int err = de_client_run(client, options, &call, &reply);

    if (revision != NULL) {
        *revision = reply.revision;
    }
    return err;
}

int dengine_put_with_async(struct dengine_client *client, struct dengine_slice key,
                           struct dengine_slice value, const struct dengine_put_options *put,
                           const struct dengine_call_options *options, dengine_callback *callback,
                           void *context)
{
    struct de_client_call call = put_with_call(key, value, put);

    return de_client_start(client, options, &call, callback, context);
}

struct dengine_slice dengine_prefix_end(struct dengine_slice prefix, void *buffer)
{
    uint8_t *end = buffer;
    size_t size = prefix.size;

    DE_ASSERT(size == 0 || (prefix.data != NULL && buffer != NULL));
    if (size > 0) {
        memcpy(end, prefix.data, size);
    }
    /* A last byte of 0xff has no next one: the byte before it is the one to count up. */
    while (size > 0 && end[size - 1] == 0xff) {
        size--;
    }
    if (size > 0) {
        end[size - 1]++;
    }
    return dengine_bytes(size > 0 ? buffer : NULL, size);
}

static struct de_client_call delete_range_call(struct dengine_slice from, struct dengine_slice end)
{
    struct de_client_call call = {.type = DE_CLIENT_DELETE_RANGE, .key = from, .end = end};

    return call;
}

int dengine_delete_range(struct dengine_client *client, struct dengine_slice from,
                         struct dengine_slice end, const struct dengine_call_options *options,
                         uint64_t *count)
{
    struct de_client_call call = delete_range_call(from, end);
    struct dengine_reply reply;
    const int err = de_client_run(client, options, &call, &reply);

    if (count != NULL) {
        *count = reply.count;
    }
    return err;
}

int dengine_delete_range_async(struct dengine_client *client, struct dengine_slice from,
                               struct dengine_slice end, const struct dengine_call_options *options,
                               dengine_callback *callback, void *context)
{
    struct de_client_call call = delete_range_call(from, end);

    return de_client_start(client, options, &call, callback, context);
}

static struct de_client_call lease_call(uint32_t type, uint64_t lease, uint64_t ttl_ms)
{
    struct de_client_call call = {.type = type, .lease = lease, .ttl_ms = ttl_ms};

    return call;
}

int de_client_grant_async(struct dengine_client *client, uint64_t ttl_ms, bool with_session,
                          uint32_t timeout_ms, dengine_callback *callback, void *context)
{
    const struct dengine_call_options options = {timeout_ms};
    struct de_client_call call = lease_call(DE_CLIENT_LEASE_GRANT, 0, ttl_ms);

    call.with_session = with_session;
    return de_client_start(client, &options, &call, callback, context);
}

int dengine_lease_grant(struct dengine_client *client, uint64_t ttl_ms,
                        const struct dengine_call_options *options, uint64_t *lease)
{
    struct de_client_call call = lease_call(DE_CLIENT_LEASE_GRANT, 0, ttl_ms);
    struct dengine_reply reply;
    int err;

    if (lease == NULL) {
        de_client_set_last_error("there is no room for the lease");
        return DENGINE_E_INVALID;
    }
    err = de_client_run(client, options, &call, &reply);
    *lease = reply.lease;
    return err;
}

int dengine_lease_grant_async(struct dengine_client *client, uint64_t ttl_ms,
                              const struct dengine_call_options *options,
                              dengine_callback *callback, void *context)
{
    struct de_client_call call = lease_call(DE_CLIENT_LEASE_GRANT, 0, ttl_ms);

    return de_client_start(client, options, &call, callback, context);
}

int dengine_lease_keep_alive(struct dengine_client *client, uint64_t lease,
                             const struct dengine_call_options *options)
{
    struct de_client_call call = lease_call(DE_CLIENT_LEASE_KEEP, lease, 0);
    struct dengine_reply reply;

    return de_client_run(client, options, &call, &reply);
}

int dengine_lease_keep_alive_async(struct dengine_client *client, uint64_t lease,
                                   const struct dengine_call_options *options,
                                   dengine_callback *callback, void *context)
{
    struct de_client_call call = lease_call(DE_CLIENT_LEASE_KEEP, lease, 0);

    return de_client_start(client, options, &call, callback, context);
}

int dengine_lease_revoke(struct dengine_client *client, uint64_t lease,
                         const struct dengine_call_options *options)
{
    struct de_client_call call = lease_call(DE_CLIENT_LEASE_REVOKE, lease, 0);
    struct dengine_reply reply;

    return de_client_run(client, options, &call, &reply);
}

int dengine_lease_revoke_async(struct dengine_client *client, uint64_t lease,
                               const struct dengine_call_options *options,
                               dengine_callback *callback, void *context)
{
    struct de_client_call call = lease_call(DE_CLIENT_LEASE_REVOKE, lease, 0);

    return de_client_start(client, options, &call, callback, context);
}

int dengine_cluster_status(struct dengine_client *client,
                           const struct dengine_call_options *options,
                           struct dengine_cluster_status *status)
{
    struct de_client_call call = {.type = DE_CLIENT_STATUS, .cluster = status};
    struct dengine_reply reply;

    if (status == NULL) {
        de_client_set_last_error("there is no room for the status");
        return DENGINE_E_INVALID;
    }
    *status = (struct dengine_cluster_status){0};
    return de_client_run(client, options, &call, &reply);
}

int dengine_cluster_status_async(struct dengine_client *client,
                                 const struct dengine_call_options *options,
                                 dengine_callback *callback, void *context)
{
    struct de_client_call call = {.type = DE_CLIENT_STATUS};

    return de_client_start(client, options, &call, callback, context);
}

void dengine_disconnect(struct dengine_client *client)
{
    if (client != NULL) {
        DE_ASSERT(client->ops->disconnect != NULL);
        client->ops->disconnect(client);
    }
}
