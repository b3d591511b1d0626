#include "client/calling_back.h"

#include "client/client_ops.h"
#include "core/base/assert.h"

/* Callbacks may be inside each other: an eventual read calls back before it returns. */
static _Thread_local unsigned depth;

void de_calling_back_begin(void)
{
    depth++;
    DE_ASSERT(depth > 0);
}

void de_calling_back_end(void)
{
    DE_ASSERT(depth > 0);
    depth--;
}

void de_call_back(dengine_callback *callback, void *context, struct dengine_reply *reply)
{
    DE_ASSERT(callback != NULL && reply != NULL);
    de_calling_back_begin();
    callback(context, reply);
    de_calling_back_end();
}

int de_may_wait(void)
{
    if (depth > 0) {
        de_client_set_last_error("a callback must not block: use the call that ends in _async");
        return DENGINE_E_INVALID;
    }
    return 0;
}
