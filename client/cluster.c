/* The public calls that change the membership and the leadership. */
#include <dengine/cluster.h>

#include <string.h>

#include "client/client_ops.h"
#include "client/endpoints.h"
#include "core/base/assert.h"

/* Everything a call needs; lives until it has been started, or has ended. */
struct change_call {
    struct de_client_change change;
    struct de_client_call call;
};

static int refuse(const char *text)
{
    de_client_set_last_error("%s", text);
    return DENGINE_E_INVALID;
}

static void make(struct change_call *making, uint32_t kind, uint64_t id)
{
    memset(making, 0, sizeof *making);
    making->change.kind = kind;
    making->change.id = id;
    making->call.type = kind == DE_CLIENT_TRANSFER_TO ? DE_CLIENT_TRANSFER : DE_CLIENT_CHANGE;
    making->call.change = &making->change;
}

/* Ids travel as 32 bits in d-engine's messages. */
static int check_id(uint64_t id)
{
    return id >= 1 && id <= UINT32_MAX ? 0 : refuse("a member's id is 1 to 4294967295");
}

static int take_addresses(struct change_call *making, const struct dengine_addresses *addresses)
{
    if (addresses == NULL || addresses->peer == NULL) {
        return refuse("there is no address");
    }
    making->change.peer = addresses->peer;
    making->change.client = addresses->client != NULL ? addresses->client : addresses->peer;
    if (!de_endpoint_check(making->change.peer) || !de_endpoint_check(making->change.client)) {
        return refuse("an address has the form host:port, and a port is 1 to 65535");
    }
    return 0;
}

static int make_add(struct change_call *making, uint64_t id,
                    const struct dengine_addresses *addresses, bool read_only)
{
    int err = check_id(id);

    make(making, DE_CLIENT_ADD_LEARNER, id);
    making->change.read_only = read_only;
    return err != 0 ? err : take_addresses(making, addresses);
}

static int make_move(struct change_call *making, uint64_t id,
                     const struct dengine_addresses *addresses)
{
    int err = check_id(id);

    make(making, DE_CLIENT_MOVE, id);
    return err != 0 ? err : take_addresses(making, addresses);
}

static int make_replace(struct change_call *making, uint64_t id, uint64_t by)
{
    int err = check_id(id);

    make(making, DE_CLIENT_REPLACE, id);
    making->change.by = by;
    return err != 0 ? err : check_id(by);
}

static int make_set_voters(struct change_call *making, const uint64_t *ids, size_t count)
{
    int err = 0;

    make(making, DE_CLIENT_SET_VOTERS, 0);
    if (ids == NULL || count == 0 || count > DENGINE_MEMBERS_MAX) {
        return refuse("a cluster has 1 to 32 voters");
    }
    making->change.voter_count = (uint32_t)count;
    for (size_t i = 0; i < count && err == 0; i++) {
        making->change.voters[i] = ids[i];
        err = check_id(ids[i]);
    }
    return err;
}

static int run(struct dengine_client *client, int err, struct change_call *making,
               const struct dengine_call_options *options)
{
    struct dengine_reply reply;

    return err != 0 ? err : de_client_run(client, options, &making->call, &reply);
}

static int start(struct dengine_client *client, int err, struct change_call *making,
                 const struct dengine_call_options *options, dengine_callback *callback,
                 void *context)
{
    return err != 0 ? err : de_client_start(client, options, &making->call, callback, context);
}

int dengine_member_add(struct dengine_client *client, uint64_t id,
                       const struct dengine_addresses *addresses, bool read_only,
                       const struct dengine_call_options *options)
{
    struct change_call making;

    return run(client, make_add(&making, id, addresses, read_only), &making, options);
}

int dengine_member_add_async(struct dengine_client *client, uint64_t id,
                             const struct dengine_addresses *addresses, bool read_only,
                             const struct dengine_call_options *options, dengine_callback *callback,
                             void *context)
{
    struct change_call making;

    return start(client, make_add(&making, id, addresses, read_only), &making, options, callback,
                 context);
}

int dengine_member_promote(struct dengine_client *client, uint64_t id,
                           const struct dengine_call_options *options)
{
    struct change_call making;

    make(&making, DE_CLIENT_PROMOTE, id);
    return run(client, check_id(id), &making, options);
}

int dengine_member_promote_async(struct dengine_client *client, uint64_t id,
                                 const struct dengine_call_options *options,
                                 dengine_callback *callback, void *context)
{
    struct change_call making;

    make(&making, DE_CLIENT_PROMOTE, id);
    return start(client, check_id(id), &making, options, callback, context);
}

int dengine_member_remove(struct dengine_client *client, uint64_t id,
                          const struct dengine_call_options *options)
{
    struct change_call making;

    make(&making, DE_CLIENT_REMOVE, id);
    return run(client, check_id(id), &making, options);
}

int dengine_member_remove_async(struct dengine_client *client, uint64_t id,
                                const struct dengine_call_options *options,
                                dengine_callback *callback, void *context)
{
    struct change_call making;

    make(&making, DE_CLIENT_REMOVE, id);
    return start(client, check_id(id), &making, options, callback, context);
}

int dengine_member_replace(struct dengine_client *client, uint64_t id, uint64_t by,
                           const struct dengine_call_options *options)
{
    struct change_call making;

    return run(client, make_replace(&making, id, by), &making, options);
}

int dengine_member_replace_async(struct dengine_client *client, uint64_t id, uint64_t by,
                                 const struct dengine_call_options *options,
                                 dengine_callback *callback, void *context)
{
    struct change_call making;

    return start(client, make_replace(&making, id, by), &making, options, callback, context);
}

int dengine_member_set_voters(struct dengine_client *client, const uint64_t *ids, size_t count,
                              const struct dengine_call_options *options)
{
    struct change_call making;

    return run(client, make_set_voters(&making, ids, count), &making, options);
}

int dengine_member_set_voters_async(struct dengine_client *client, const uint64_t *ids,
                                    size_t count, const struct dengine_call_options *options,
                                    dengine_callback *callback, void *context)
{
    struct change_call making;

    return start(client, make_set_voters(&making, ids, count), &making, options, callback, context);
}

int dengine_member_move(struct dengine_client *client, uint64_t id,
                        const struct dengine_addresses *addresses,
                        const struct dengine_call_options *options)
{
    struct change_call making;

    return run(client, make_move(&making, id, addresses), &making, options);
}

int dengine_member_move_async(struct dengine_client *client, uint64_t id,
                              const struct dengine_addresses *addresses,
                              const struct dengine_call_options *options,
                              dengine_callback *callback, void *context)
{
    struct change_call making;

    return start(client, make_move(&making, id, addresses), &making, options, callback, context);
}

int dengine_transfer_leadership(struct dengine_client *client, uint64_t target,
                                const struct dengine_call_options *options)
{
    struct change_call making;

    make(&making, DE_CLIENT_TRANSFER_TO, target);
    return run(client, target == 0 ? 0 : check_id(target), &making, options);
}

int dengine_transfer_leadership_async(struct dengine_client *client, uint64_t target,
                                      const struct dengine_call_options *options,
                                      dengine_callback *callback, void *context)
{
    struct change_call making;

    make(&making, DE_CLIENT_TRANSFER_TO, target);
    return start(client, target == 0 ? 0 : check_id(target), &making, options, callback, context);
}

int de_client_join_async(struct dengine_client *client, uint64_t id,
                         const struct dengine_addresses *addresses, uint64_t cluster_id, bool fresh,
                         const struct dengine_call_options *options, dengine_callback *callback,
                         void *context)
{
    struct change_call making;
    int err = make_add(&making, id, addresses, false);

    DE_ASSERT(cluster_id != 0);
    making.change.kind = DE_CLIENT_JOIN;
    making.change.cluster_id = cluster_id;
    making.change.fresh = fresh;
    return start(client, err, &making, options, callback, context);
}
