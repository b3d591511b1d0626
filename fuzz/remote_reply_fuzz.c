/* Fuzz target: what a server answers a remote client. Any bytes are taken for no reply at all, or
 * give a result within its bounds that frees what it holds. The first byte says to which call. */
#include <string.h>

#include "client/client_ops.h"
#include "client/remote.h"
#include "client/remote_change.h"
#include "core/base/assert.h"
#include "fuzz/fuzz_target.h"

static void check_text(const char *text, size_t capacity)
{
    DE_ASSERT(memchr(text, '\0', capacity) != NULL);
}

static void check_page(const struct dengine_page *page)
{
    for (size_t i = 0; i < page->count; i++) {
        const struct dengine_pair *pair = &page->pairs[i];

        DE_ASSERT(pair->key.data != NULL || pair->key.size == 0);
        DE_ASSERT(pair->value.data != NULL || pair->value.size == 0);
    }
}

static void release(struct de_remote_reply *reply)
{
    check_text(reply->leader_address, sizeof(reply->leader_address));
    check_text(reply->message, sizeof(reply->message));
    check_page(&reply->page);
    dengine_value_free(&reply->value);
    dengine_page_free(&reply->page);
    dengine_txn_result_free(&reply->txn);
    dengine_lease_page_free(&reply->leases);
}

static void try_status(grpc_slice bytes)
{
    struct dengine_cluster_status status;
    const int err = de_remote_unpack_status(bytes, &status);

    DE_ASSERT(err == 0 || err == DENGINE_E_PROTOCOL);
    DE_ASSERT(status.member_count <= DENGINE_MEMBERS_MAX);
    for (uint32_t i = 0; i < status.member_count; i++) {
        check_text(status.members[i].address, sizeof(status.members[i].address));
        check_text(status.members[i].peer_address, sizeof(status.members[i].peer_address));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct de_remote_reply reply = {0};
    grpc_slice bytes;
    uint32_t type;

    if (size == 0) {
        return 0;
    }
    bytes = grpc_slice_from_static_buffer(data + 1, size - 1);
    type = data[0] % (DE_CLIENT_TRANSFER + 1);
    if (type == DE_CLIENT_CHANGE || type == DE_CLIENT_TRANSFER) {
        de_remote_unpack_change(bytes, &reply);
        release(&reply);
    } else if (type == 0 || type == DE_CLIENT_BARRIER) {
        try_status(bytes);
    } else {
        de_remote_unpack(type, bytes, &reply);
        release(&reply);
    }
    return 0;
}
