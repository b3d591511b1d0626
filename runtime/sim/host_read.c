/* A read by lease, or an eventual one, as a thread of production does it: on its own, beside the
 * loop.
 *
 * The order is core/node/lease.h's: open the view, then look at the lease and the clock, then
 * answer. Between the two the thread may be held up for long, while the loop goes on. An eventual
 * read looks at neither. */
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

static void close_view(struct de_host_request *request)
{
    if (request->view_open) {
        de_kv_view_close(&request->view);
        request->view_open = false;
    }
}

static void open_view(struct de_host_request *request)
{
    int err = de_kv_view_open(request->host->kv, &request->view);

    DE_ASSERT(err == 0);
    request->view_open = true;
}

static bool lease_covers(const struct de_host_request *request)
{
    const struct de_host *host = request->host;

    return de_node_lease_covers(&host->lease, request->view.revision, de_host_clock(host));
}

void de_host_lease_read(struct de_host_request *request)
{
    struct de_host *host = request->host;

    host->reads_open++;
    open_view(request);
    de_host_post(host, thread_delay(host), DE_HOST_LEASE_READ, 0, request);
}

void de_host_lease_checked(struct de_host_request *request)
{
    struct de_host *host = request->host;

    DE_ASSERT(host->reads_open > 0);
    host->reads_open--;
    if (request->eventual) {
        de_host_request_answer(request, &request->view);
        close_view(request);
        return;
    }
    if (lease_covers(request)) {
        host->lease_reads++;
        de_host_request_answer(request, &request->view);
        close_view(request);
        return;
    }
    close_view(request);
    /* A quorum round instead. */
    de_host_request_submit(request);
}

void de_host_read_clear(struct de_host_request *request)
{
    close_view(request);
}
