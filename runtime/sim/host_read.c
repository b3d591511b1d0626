/* A read by lease, or an eventual one, as a thread of production does it: on its own, beside the
 * loop.
 *
 * The order is core/node/lease.h's: look at the lease, at what is applied and at the clock, then
 * open the view, then answer. Between any two the thread may be held up for long, while the loop
 * goes on. An eventual read looks at nothing. Production may look at the clock after the view is
 * read, where fewer reads are covered; before it is the harder case. */
#include "core/base/assert.h"
#include "runtime/sim/dice.h"
#include "runtime/sim/host_request.h"
#include "runtime/sim/rpc.h"

/* How often a thread is held up for long: for about as long as an election takes. */
#define HELD_UP_PPM 100000

static uint64_t thread_delay(struct de_host *host)
{
    bool held_up = de_host_delay(host, UINT64_C(1) << 32) % DE_DICE_CERTAIN_PPM < HELD_UP_PPM;

    return de_host_delay(host, held_up ? host->shared->raft.election_timeout_min_ns
                                       : host->shared->cpu_latency_ns);
}

static void open_view(struct de_host *host, struct de_kv_view *view)
{
    int err = de_kv_view_open(host->kv, view);

    DE_ASSERT(err == 0);
}

static bool lease_covers(struct de_host *host)
{
    struct de_kv_view view;
    uint64_t applied;

    open_view(host, &view);
    applied = view.revision;
    de_kv_view_close(&view);
    return de_node_lease_covers(&host->lease, applied, de_host_clock(host));
}

void de_host_lease_read(struct de_host_request *request)
{
    struct de_host *host = request->host;

    host->reads_open++;
    request->covered = request->eventual || lease_covers(host);
    de_host_post(host, thread_delay(host), DE_HOST_LEASE_READ, 0, request);
}

static void answer(struct de_host_request *request)
{
    struct de_host *host = request->host;

    DE_ASSERT(request->view_open);
    DE_ASSERT(host->reads_open > 0);
    host->reads_open--;
    host->lease_reads += request->eventual ? 0 : 1;
    de_host_request_answer(request, &request->view);
    de_host_read_clear(request);
}

void de_host_read_go_on(struct de_host_request *request)
{
    struct de_host *host = request->host;

    if (request->view_open) {
        answer(request);
        return;
    }
    if (!request->covered) {
        DE_ASSERT(host->reads_open > 0);
        host->reads_open--;
        de_host_request_submit(request); /* a quorum round instead */
        return;
    }
    open_view(host, &request->view);
    request->view_open = true;
    de_host_post(host, thread_delay(host), DE_HOST_LEASE_READ, 0, request);
}

void de_host_read_clear(struct de_host_request *request)
{
    if (request->view_open) {
        de_kv_view_close(&request->view);
        request->view_open = false;
    }
}
