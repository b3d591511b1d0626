#include "engine/embedded_read.h"

#include <stdlib.h>
#include <string.h>

#include "client/calling_back.h"
#include "core/base/assert.h"
#include "core/kv/kv.h"
#include "core/kv/record.h"
#include "engine/embedded_page.h"
#include "engine/engine_parts.h"
#include "engine/lease_page.h"
#include "engine/lease_read.h"
#include "runtime/libev/clock.h"

/* A read under way that asks the quorum. What it reads is a copy of the call whose bytes lie behind
 * it. */
struct read_call {
    struct de_replica_request request;
    struct dengine *engine;
    struct de_client_call what;
    struct dengine_scan scan;
    struct dengine_slice keys[];
};

/* ---- is this node's state good enough? ---- */

/* What a read that asks for `asked` gets. */
static enum dengine_consistency effective(const struct dengine *engine,
                                          enum dengine_consistency asked)
{
    if (asked == DENGINE_DEFAULT || !engine->plan.allow_override) {
        return engine->plan.default_consistency;
    }
    return asked;
}

/* A node that has halted serves nothing: what it has may be a contradiction. */
static int check_alive(struct dengine *engine)
{
    struct dengine_status status;

    if (!de_replica_halted(engine->replica)) {
        return 0;
    }
    de_replica_status(engine->replica, &status);
    de_client_set_last_error("%s", status.halt_reason);
    return DENGINE_E_HALTED;
}

/* Whether a view that is opened from now on may answer. INVALID: not before the quorum was asked.
 * *until_ns: until when what it has may be shown; 0: whenever that is. */
static int check_fresh(struct dengine *engine, enum dengine_consistency asked, uint64_t *until_ns)
{
    const enum dengine_consistency consistency = effective(engine, asked);
    const int err = check_alive(engine);

    DE_ASSERT(consistency != DENGINE_DEFAULT);
    *until_ns = 0;
    if (err != 0) {
        return err;
    }
    if (consistency == DENGINE_LINEARIZABLE ||
        (consistency == DENGINE_LEASE &&
         !de_lease_read_begin(engine->replica, engine->stores.kv, until_ns))) {
        return DENGINE_E_INVALID;
    }
    DE_ASSERT((*until_ns != 0) == (consistency == DENGINE_LEASE));
    return 0;
}

/* Whether what a view has may be shown; until_ns is check_fresh's. */
static bool may_show(uint64_t until_ns)
{
    return until_ns == 0 || de_lease_read_end(until_ns);
}

/* Opens a view that may answer. INVALID: not before the quorum was asked. */
static int open_view(struct dengine *engine, enum dengine_consistency asked,
                     int (*open)(struct de_kv *kv, struct de_kv_view *view),
                     struct de_kv_view *view)
{
    uint64_t until_ns;
    int err = check_fresh(engine, asked, &until_ns);

    DE_ASSERT(view != NULL);
    if (err != 0) {
        return err;
    }
    if (!may_show(until_ns)) {
        return DENGINE_E_INVALID;
    }
    err = open(engine->stores.kv, view);
    de_admission_note_read(&engine->admission, err);
    return err;
}

/* ---- reading a view ---- */

static int read_keys(struct de_kv_view *view, const struct de_client_call *what,
                     struct dengine_page *page)
{
    struct de_kv_record *records = malloc(what->key_count * sizeof *records + 1);
    size_t bytes = 0;
    size_t found = 0;
    int err = records != NULL ? 0 : DENGINE_E_NO_MEMORY;

    DE_ASSERT(what->key_count <= DENGINE_GET_MULTI_MAX);
    for (size_t i = 0; i < what->key_count && err == 0; i++) {
        err = de_kv_view_get(view, what->keys[i], &records[i]);
        if (err == DENGINE_E_NOT_FOUND) {
            records[i].version = 0;
            err = 0;
        } else if (err == 0) {
            bytes += what->keys[i].size + records[i].value.size;
            found++;
        }
    }
    err = err != 0 ? err : de_client_page_new(page, found, bytes);
    if (err == 0) {
        uint8_t *at = de_client_page_bytes(page, found);

        for (size_t i = 0; i < what->key_count; i++) {
            const struct dengine_pair pair = {.key = what->keys[i],
                                              .value = records[i].value,
                                              .create_revision = records[i].create_revision,
                                              .mod_revision = records[i].mod_revision,
                                              .version = records[i].version,
                                              .lease = records[i].lease};

            if (pair.version != 0) {
                de_client_page_add(page, &at, &pair);
            }
        }
        page->total = found;
        page->revision = view->revision;
    }
    free(records);
    return err;
}

/* What the call asks for, from view; of leases, from the state as it is now. */
static void read_view(struct de_kv_view *view, const struct de_client_call *what,
                      struct dengine_reply *reply)
{
    struct de_kv_record record;

    DE_ASSERT(de_client_reads(what->type));
    switch (what->type) {
    case DE_CLIENT_GET:
        reply->status = de_kv_view_get(view, what->key, &record);
        if (reply->status == 0) {
            reply->status = de_client_value_copy(&reply->value, record.value, record.mod_revision);
        }
        break;
    case DE_CLIENT_GET_MULTI:
        reply->status = read_keys(view, what, &reply->page);
        break;
    case DE_CLIENT_SCAN:
        reply->status = de_engine_read_page(view, what->scan, &reply->page);
        break;
    case DE_CLIENT_BARRIER:
        break;
    default:
        reply->status = de_engine_read_leases(view->kv, what->lease,
                                              what->type == DE_CLIENT_LEASE_LOOK, &reply->leases);
        break;
    }
    reply->succeeded = reply->status == 0;
}

/* Looks a key up in view, and shows it while that may be shown. The clock is asked while the record
 * comes from memory. */
static int show_value(struct de_kv_view *view, struct dengine_slice key, uint64_t until_ns,
                      dengine_value_visitor *visit, void *context)
{
    struct dengine_slice bytes;
    struct de_kv_record record;
    int err = de_kv_view_find(view, key, &bytes);

    DE_ASSERT(visit != NULL);
    if (!may_show(until_ns)) {
        return DENGINE_E_INVALID;
    }
    err = err != 0 ? err : de_kv_record_decode(bytes, &record);
    if (err == 0) {
        const struct dengine_value value = {
            .data = record.value.data, .size = record.value.size, .revision = record.mod_revision};

        visit(context, &value);
    }
    return err;
}

int de_embedded_get_here(struct dengine *engine, const struct de_client_look *look,
                         dengine_value_visitor *visit, void *context)
{
    struct de_kv_view view;
    uint64_t until_ns = 0;
    int err = look->passed ? 0 : check_fresh(engine, look->consistency, &until_ns);

    DE_ASSERT(engine != NULL);
    if (err != 0) {
        return err;
    }
    err = de_kv_view_open_plain(engine->stores.kv, &view);
    if (err != 0) {
        de_admission_note_read(&engine->admission, err);
        return err;
    }
    err = show_value(&view, look->key, until_ns, visit, context);
    de_kv_view_close(&view);
    return err;
}

/* A view for a scan that shows what it reads; see de_client_ops.scan_here. */
static int open_scan(struct dengine *engine, const struct de_client_call *call,
                     struct de_kv_view *view)
{
    DE_ASSERT(engine != NULL);
    if (call->type == DE_CLIENT_BARRIER) { /* passed */
        return de_kv_view_open_plain(engine->stores.kv, view);
    }
    return open_view(engine, call->consistency, de_kv_view_open_plain, view);
}

struct showing {
    dengine_pair_visitor *visit;
    void *context;
    bool keys_only;
};

enum { SEEN_ENOUGH = 1 };

static int show_pair(void *context, struct dengine_slice key, const struct de_kv_record *record)
{
    const struct showing *showing = context;
    struct dengine_pair pair = {.key = key,
                                .value = record->value,
                                .create_revision = record->create_revision,
                                .mod_revision = record->mod_revision,
                                .version = record->version,
                                .lease = record->lease};

    DE_ASSERT(record->version > 0);
    if (showing->keys_only) {
        pair.value = dengine_bytes(NULL, 0);
    }
    return showing->visit(showing->context, &pair) ? 0 : SEEN_ENOUGH;
}

int de_embedded_scan_here(struct dengine *engine, const struct de_client_call *call,
                          dengine_pair_visitor *visit, void *context)
{
    const struct dengine_scan *scan = call->scan;
    const struct de_kv_scan range = {.from = scan->from,
                                     .end = scan->end,
                                     .from_excluded = scan->from_excluded,
                                     .reverse = scan->reverse,
                                     .limit = scan->limit};
    struct showing showing = {visit, context, scan->keys_only};
    struct de_kv_view view;
    uint64_t count;
    bool more;
    int err = open_scan(engine, call, &view);

    DE_ASSERT(call->type == DE_CLIENT_SCAN || call->type == DE_CLIENT_BARRIER);
    if (err != 0) {
        return err;
    }
    err = de_kv_view_scan(&view, &range, show_pair, &showing, &count, &more);
    de_kv_view_close(&view);
    return err == SEEN_ENOUGH ? 0 : err;
}

/* ---- through the loop ---- */

void de_embedded_explain(struct dengine *engine, int status)
{
    struct dengine_member leader;
    struct dengine_status now;

    DE_ASSERT(engine != NULL);
    if (status != DENGINE_E_HALTED && status != DENGINE_E_NOT_LEADER) {
        return;
    }
    de_replica_status(engine->replica, &now);
    if (status == DENGINE_E_HALTED) {
        de_client_set_last_error("%s", now.halt_reason);
        return;
    }
    if (de_engine_leader(engine, &leader)) {
        de_client_set_last_error("the leader is node %llu at %s", (unsigned long long)leader.id,
                                 leader.address);
    }
}

static void read_done(struct de_replica_request *request, int status,
                      const struct dengine_result *result)
{
    struct read_call *call = DE_CONTAINER_OF(request, struct read_call, request);
    struct dengine_reply reply = {.status = status};
    struct de_kv_view view;

    DE_ASSERT(result == NULL);
    if (status == 0) {
        reply.status = de_kv_view_open(call->engine->stores.kv, &view);
    }
    if (reply.status == 0) {
        read_view(&view, &call->what, &reply);
        de_kv_view_close(&view);
    }
    de_embedded_explain(call->engine, reply.status);
    de_call_back(call->what.callback, call->what.context, &reply);
    de_client_set_last_error("%s", "");
}

static void read_release(struct de_replica_request *request)
{
    free(DE_CONTAINER_OF(request, struct read_call, request));
}

static struct dengine_slice copy_slice(struct dengine_slice from, uint8_t **at)
{
    const struct dengine_slice copy = dengine_bytes(*at, from.size);

    DE_ASSERT(from.data != NULL || from.size == 0);
    if (from.size > 0) {
        memcpy(*at, from.data, from.size);
        *at += from.size;
    }
    return copy;
}

/* A copy of call with all that it borrows; NULL without memory. */
static struct read_call *new_call(struct dengine *engine, const struct de_client_call *call)
{
    const size_t table = call->key_count * sizeof call->keys[0];
    size_t bytes = call->key.size + call->end.size;
    struct read_call *copy;
    uint8_t *at;

    for (size_t i = 0; i < call->key_count; i++) {
        bytes += call->keys[i].size;
    }
    copy = malloc(sizeof *copy + table + bytes);
    if (copy == NULL) {
        return NULL;
    }
    memset(copy, 0, sizeof *copy);
    at = (uint8_t *)copy + sizeof *copy + table;
    copy->engine = engine;
    copy->what = *call;
    copy->what.key = copy_slice(call->key, &at);
    copy->what.end = copy_slice(call->end, &at);
    for (size_t i = 0; i < call->key_count; i++) {
        copy->keys[i] = copy_slice(call->keys[i], &at);
    }
    copy->what.keys = copy->keys;
    if (call->scan != NULL) {
        copy->scan = *call->scan;
        copy->scan.from = copy->what.key;
        copy->scan.end = copy->what.end;
        copy->what.scan = &copy->scan;
    }
    DE_ASSERT(at == (uint8_t *)copy + sizeof *copy + table + bytes);
    return copy;
}

int de_embedded_start_read(struct dengine *engine, const struct de_client_call *call)
{
    struct dengine_reply reply = {0};
    struct read_call *copy;
    struct de_kv_view view;
    int err = DENGINE_E_INVALID;

    DE_ASSERT(de_client_reads(call->type));
    if (call->type != DE_CLIENT_BARRIER) {
        err = open_view(engine, call->consistency, de_kv_view_open, &view);
    }
    if (err == 0) {
        read_view(&view, call, &reply);
        de_kv_view_close(&view);
    }
    if (err != DENGINE_E_INVALID) {
        reply.status = err != 0 ? err : reply.status;
        de_call_back(call->callback, call->context, &reply);
        return 0;
    }
    copy = new_call(engine, call);
    if (copy == NULL) {
        return DENGINE_E_NO_MEMORY;
    }
    copy->request.type = DE_REQUEST_READ;
    copy->request.done = read_done;
    copy->request.release = read_release;
    copy->request.deadline_ns = de_clock_now_ns() + call->timeout_ms * UINT64_C(1000000);
    de_replica_submit(engine->replica, &copy->request);
    return 0;
}
