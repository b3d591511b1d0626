#include "engine/lease_page.h"

#include <stdlib.h>

#include "client/client_ops.h"
#include "core/base/assert.h"

#define NS_PER_MS UINT64_C(1000000)

enum {
    FULL = 1,
};

struct filling {
    struct dengine_lease_page *page;
    uint64_t now_ns; /* cluster time */
};

static int take(void *context, uint64_t id, const struct de_kv_lease *lease)
{
    struct filling *filling = context;
    const uint64_t left_ns =
        lease->deadline_ns > filling->now_ns ? lease->deadline_ns - filling->now_ns : 0;
    const struct dengine_lease_info info = {.lease = id,
                                            .ttl_ms = lease->ttl_ns / NS_PER_MS,
                                            .left_ms = lease->ending ? 0 : left_ns / NS_PER_MS,
                                            .keys = lease->keys,
                                            .of_one_key = lease->single};

    if (filling->page->count == DENGINE_LEASES_PAGE_MAX) {
        filling->page->more = true;
        return FULL;
    }
    de_client_leases_add(filling->page, &info);
    return 0;
}

int de_engine_read_leases(struct de_kv *kv, uint64_t from, bool one,
                          struct dengine_lease_page *page)
{
    struct filling filling = {.page = page};
    struct de_kv_lease lease;
    struct de_kv_view view;
    int err;

    DE_ASSERT(from != 0 || !one);
    err = de_client_leases_new(page, one ? 1 : DENGINE_LEASES_PAGE_MAX);
    if (err != 0) {
        return err;
    }
    err = de_kv_view_open(kv, &view);
    if (err == 0) {
        filling.now_ns = view.time_ns;
        if (one) {
            err = de_kv_view_lease(&view, from, &lease);
            err = err == 0 ? take(&filling, from, &lease) : err;
        } else {
            err = de_kv_view_leases(&view, from, take, &filling);
            err = err == FULL ? 0 : err;
        }
        page->revision = view.revision;
        de_kv_view_close(&view);
    }
    if (err != 0) {
        dengine_lease_page_free(page);
    }
    return err;
}
