/* The state machine of a host behind a probe: the oracle sees what is applied. */
#include "runtime/sim/host.h"

static int probe_applied(void *object, uint64_t *index, uint64_t *term)
{
    struct de_host *host = object;

    return host->machine.ops->applied(host->machine.object, index, term);
}

static int probe_begin(void *object)
{
    struct de_host *host = object;
    const struct de_disk *disk = &host->disk;

    /* The state takes room as well, now and then. */
    if (disk->capacity_bytes != UINT64_MAX &&
        de_disk_used(disk) + DE_DISK_PAGE_BYTES > disk->capacity_bytes &&
        de_host_delay(host, UINT64_C(1) << 32) % 2 == 0) {
        return DENGINE_E_NO_SPACE;
    }
    return host->machine.ops->begin(host->machine.object);
}

static int probe_apply(void *object, const struct dengine_position *at,
                       struct dengine_slice command, struct dengine_result *result)
{
    struct de_host *host = object;

    de_oracle_applying(host->shared->oracle, host->shared->kernel->now_ns, host->id, at->index,
                       at->term, command);
    return host->machine.ops->apply(host->machine.object, at, command, result);
}

static int probe_commit(void *object, uint64_t index, uint64_t term)
{
    struct de_host *host = object;
    uint64_t digest = 0;
    int err = host->machine.ops->commit(host->machine.object, index, term);

    if (err == 0) {
        err = host->machine.ops->digest(host->machine.object, &digest);
    }
    if (err == 0) {
        de_oracle_applied(host->shared->oracle, host->shared->kernel->now_ns, host->id, index,
                          digest);
    }
    return err;
}

static void probe_clock(void *object, struct dengine_machine_clock *clock)
{
    struct de_host *host = object;

    host->machine.ops->clock(host->machine.object, clock);
}

static int probe_digest(void *object, uint64_t *digest)
{
    struct de_host *host = object;

    return host->machine.ops->digest(host->machine.object, digest);
}

static const char *probe_message(void *object)
{
    struct de_host *host = object;

    return host->machine.ops->message(host->machine.object);
}

struct dengine_state_machine de_host_probe(struct de_host *host)
{
    static const struct dengine_state_machine_ops ops = {
        .applied = probe_applied,
        .begin = probe_begin,
        .apply = probe_apply,
        .commit = probe_commit,
        .clock = probe_clock,
        .digest = probe_digest,
        .message = probe_message,
    };
    struct dengine_state_machine machine = {&ops, host};

    return machine;
}
