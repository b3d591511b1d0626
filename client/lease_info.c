/* Looking at leases: the public calls, and their results. */
#include <stdlib.h>

#include "client/client_ops.h"
#include "core/base/assert.h"

int de_client_leases_new(struct dengine_lease_page *page, size_t room)
{
    DE_ASSERT(room <= DENGINE_LEASES_PAGE_MAX);
    *page = (struct dengine_lease_page){0};
    page->owner = malloc((room + 1) * sizeof(struct dengine_lease_info));
    page->leases = page->owner;
    return page->owner != NULL ? 0 : DENGINE_E_NO_MEMORY;
}

void de_client_leases_add(struct dengine_lease_page *page, const struct dengine_lease_info *info)
{
    struct dengine_lease_info *leases = page->owner;

    DE_ASSERT(leases != NULL);
    leases[page->count++] = *info;
}

void dengine_lease_page_free(struct dengine_lease_page *page)
{
    if (page != NULL) {
        free(page->owner);
        *page = (struct dengine_lease_page){0};
    }
}

static struct de_client_call look_call(uint32_t type, uint64_t lease,
                                       enum dengine_consistency consistency)
{
    struct de_client_call call = {.type = type, .lease = lease, .consistency = consistency};

    return call;
}

int dengine_lease_look(struct dengine_client *client, uint64_t lease,
                       enum dengine_consistency consistency,
                       const struct dengine_call_options *options, struct dengine_lease_info *info)
{
    struct de_client_call call = look_call(DE_CLIENT_LEASE_LOOK, lease, consistency);
    struct dengine_reply reply;
    int err;

    if (info == NULL) {
        de_client_set_last_error("there is no room for the lease");
        return DENGINE_E_INVALID;
    }
    *info = (struct dengine_lease_info){0};
    err = de_client_run(client, options, &call, &reply);
    if (err == 0) {
        DE_ASSERT(reply.leases.count == 1);
        *info = reply.leases.leases[0];
        dengine_lease_page_free(&reply.leases);
    }
    return err;
}

int dengine_lease_look_async(struct dengine_client *client, uint64_t lease,
                             enum dengine_consistency consistency,
                             const struct dengine_call_options *options, dengine_callback *callback,
                             void *context)
{
    struct de_client_call call = look_call(DE_CLIENT_LEASE_LOOK, lease, consistency);

    return de_client_start(client, options, &call, callback, context);
}

int dengine_lease_list(struct dengine_client *client, uint64_t from,
                       enum dengine_consistency consistency,
                       const struct dengine_call_options *options, struct dengine_lease_page *page)
{
    struct de_client_call call = look_call(DE_CLIENT_LEASE_LIST, from, consistency);
    struct dengine_reply reply;
    int err;

    if (page == NULL) {
        de_client_set_last_error("there is no room for the page");
        return DENGINE_E_INVALID;
    }
    *page = (struct dengine_lease_page){0};
    err = de_client_run(client, options, &call, &reply);
    if (err == 0) {
        *page = reply.leases;
    }
    return err;
}

int dengine_lease_list_async(struct dengine_client *client, uint64_t from,
                             enum dengine_consistency consistency,
                             const struct dengine_call_options *options, dengine_callback *callback,
                             void *context)
{
    struct de_client_call call = look_call(DE_CLIENT_LEASE_LIST, from, consistency);

    return de_client_start(client, options, &call, callback, context);
}
