/* The public calls that read ranges, or several keys. */
#include "client/client_ops.h"
#include "core/base/assert.h"

/* The call that reads what *scan says; INVALID when it makes no sense. */
static int scan_call(const struct dengine_scan *scan, struct de_client_call *call)
{
    *call = (struct de_client_call){.type = DE_CLIENT_SCAN};
    if (scan == NULL) {
        de_client_set_last_error("there is no scan");
        return DENGINE_E_INVALID;
    }
    if (scan->keys_only && scan->count_only) {
        de_client_set_last_error("a scan has keys_only or count_only, not both");
        return DENGINE_E_INVALID;
    }
    if (scan->count_only && scan->limit != 0) {
        de_client_set_last_error("a scan that counts has no limit");
        return DENGINE_E_INVALID;
    }
    call->key = scan->from;
    call->end = scan->end;
    call->consistency = scan->consistency;
    call->scan = scan;
    return 0;
}

int dengine_scan(struct dengine_client *client, const struct dengine_scan *scan,
                 const struct dengine_call_options *options, struct dengine_page *page)
{
    struct de_client_call call;
    struct dengine_reply reply;
    int err = scan_call(scan, &call);

    if (page == NULL) {
        de_client_set_last_error("there is no room for the page");
        return DENGINE_E_INVALID;
    }
    *page = (struct dengine_page){0};
    if (err != 0) {
        return err;
    }
    err = de_client_run(client, options, &call, &reply);
    if (err == 0) {
        *page = reply.page;
    }
    return err;
}

int dengine_scan_async(struct dengine_client *client, const struct dengine_scan *scan,
                       const struct dengine_call_options *options, dengine_callback *callback,
                       void *context)
{
    struct de_client_call call;
    const int err = scan_call(scan, &call);

    return err != 0 ? err : de_client_start(client, options, &call, callback, context);
}

/* ---- in place ---- */

static int visit_pages(struct dengine_client *client, struct dengine_scan scan,
                       const struct dengine_call_options *options, dengine_pair_visitor *visit,
                       void *context)
{
    const uint32_t limit = scan.limit;
    struct dengine_page last = {0};
    uint64_t seen = 0;
    bool more = true;
    int err = 0;

    while (err == 0 && more) {
        struct dengine_page page;

        scan.limit = limit != 0 ? limit - (uint32_t)seen : 0;
        err = dengine_scan(client, &scan, options, &page);
        more = err == 0;
        for (size_t i = 0; more && i < page.count; i++) {
            more = visit(context, &page.pairs[i]);
            seen++;
        }
        DE_ASSERT_IMPLIES(limit != 0, seen <= limit);
        more = more && dengine_scan_next(&scan, &page) && seen != limit;
        dengine_page_free(&last); /* which the last scan began with */
        last = page;
    }
    dengine_page_free(&last);
    return err;
}

int dengine_scan_in_place(struct dengine_client *client, const struct dengine_scan *scan,
                          const struct dengine_call_options *options, dengine_pair_visitor *visit,
                          void *context)
{
    struct de_client_call call;
    int err = scan_call(scan, &call);

    err = err != 0 ? err : de_client_prepare(client, options, &call);
    if (err == 0 && (scan->count_only || visit == NULL)) {
        de_client_set_last_error("there is nobody to show pairs to");
        err = DENGINE_E_INVALID;
    }
    if (err != 0 || client->ops->scan_here == NULL) {
        return err != 0 ? err : visit_pages(client, *scan, options, visit, context);
    }
    err = client->ops->scan_here(client, &call, visit, context);
    if (err == DENGINE_E_INVALID) {
        struct dengine_reply reply;

        call.type = DE_CLIENT_BARRIER;
        err = de_client_run(client, options, &call, &reply);
        err = err != 0 ? err : client->ops->scan_here(client, &call, visit, context);
    }
    return err;
}

/* ---- several keys ---- */

static int check_keys(const struct dengine_slice *keys, size_t count)
{
    if (count > DENGINE_GET_MULTI_MAX || (keys == NULL && count > 0)) {
        de_client_set_last_error("%zu keys, at most %d are read at once", count,
                                 DENGINE_GET_MULTI_MAX);
        return DENGINE_E_INVALID;
    }
    for (size_t i = 0; i < count; i++) {
        if (keys[i].size == 0 || keys[i].data == NULL || keys[i].size > DE_CLIENT_KEY_BYTES_MAX) {
            de_client_set_last_error("key %zu has %zu bytes, 1 to %d are allowed", i, keys[i].size,
                                     DE_CLIENT_KEY_BYTES_MAX);
            return keys[i].size > DE_CLIENT_KEY_BYTES_MAX ? DENGINE_E_TOO_LARGE : DENGINE_E_INVALID;
        }
    }
    return 0;
}

static struct de_client_call multi_call(const struct dengine_slice *keys, size_t count,
                                        enum dengine_consistency consistency)
{
    struct de_client_call call = {
        .type = DE_CLIENT_GET_MULTI, .consistency = consistency, .keys = keys, .key_count = count};

    DE_ASSERT(count <= DENGINE_GET_MULTI_MAX);
    return call;
}

int dengine_get_multi(struct dengine_client *client, const struct dengine_slice *keys, size_t count,
                      enum dengine_consistency consistency,
                      const struct dengine_call_options *options, struct dengine_page *page)
{
    struct de_client_call call;
    struct dengine_reply reply;
    int err;

    if (page == NULL) {
        de_client_set_last_error("there is no room for the page");
        return DENGINE_E_INVALID;
    }
    *page = (struct dengine_page){0};
    err = check_keys(keys, count);
    if (err != 0) {
        return err;
    }
    call = multi_call(keys, count, consistency);
    err = de_client_run(client, options, &call, &reply);
    if (err == 0) {
        *page = reply.page;
    }
    return err;
}

int dengine_get_multi_async(struct dengine_client *client, const struct dengine_slice *keys,
                            size_t count, enum dengine_consistency consistency,
                            const struct dengine_call_options *options, dengine_callback *callback,
                            void *context)
{
    struct de_client_call call;
    const int err = check_keys(keys, count);

    if (err != 0) {
        return err;
    }
    call = multi_call(keys, count, consistency);
    return de_client_start(client, options, &call, callback, context);
}
