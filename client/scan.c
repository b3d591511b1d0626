/* The public calls that read ranges. */
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
