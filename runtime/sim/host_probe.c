/* The state machine of a host behind a probe: the oracle sees what is applied. */
#include "core/base/assert.h"
#include "runtime/sim/host.h"

/* The node asks; to boot takes what it takes. */
static void ask(struct de_host *host)
{
    host->store.asked = host->node != NULL;
}

/* The node's call is over: what the store is asked from now on must not fail. */
static int answered(struct de_host *host, int error)
{
    host->store.asked = false;
    return error;
}

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
    ask(host);
    return answered(host, host->machine.ops->begin(host->machine.object));
}

static int probe_apply(void *object, const struct dengine_position *at,
                       struct dengine_slice command, struct dengine_result *result)
{
    struct de_host *host = object;

    de_oracle_applying(host->shared->oracle, host->shared->kernel->now_ns, host->id, at->index,
                       at->term, command);
    ask(host);
    return answered(host, host->machine.ops->apply(host->machine.object, at, command, result));
}

static int probe_commit(void *object, uint64_t index, uint64_t term)
{
    struct de_host *host = object;
    uint64_t digest = 0;
    int err;

    ask(host);
    err = answered(host, host->machine.ops->commit(host->machine.object, index, term));
    if (err == 0) {
        err = host->machine.ops->digest(host->machine.object, &digest);
    }
    if (err == 0) {
        de_oracle_applied(host->shared->oracle, host->shared->kernel->now_ns, host->id, index,
                          digest);
        de_host_watch_look(host);
    }
    return err;
}

static int probe_save_begin(void *object, struct dengine_machine_save **save, uint64_t *index,
                            uint64_t *term)
{
    struct de_host *host = object;
    int err;

    DE_ASSERT(host->snapshots.save == NULL && !host->snapshots.restoring);
    ask(host);
    err = answered(host, host->machine.ops->save_begin(host->machine.object, save, index, term));
    if (err == 0) {
        host->snapshots.save = *save;
    }
    return err;
}

static int probe_save_read(void *object, struct dengine_machine_save *save, void *buffer,
                           size_t capacity, size_t *size)
{
    struct de_host *host = object;

    DE_ASSERT(host->snapshots.save == save);
    ask(host);
    return answered(
        host, host->machine.ops->save_read(host->machine.object, save, buffer, capacity, size));
}

static void probe_save_end(void *object, struct dengine_machine_save *save)
{
    struct de_host *host = object;

    DE_ASSERT(host->snapshots.save == save);
    host->snapshots.save = NULL;
    host->machine.ops->save_end(host->machine.object, save);
}

static int probe_restore_begin(void *object)
{
    struct de_host *host = object;
    int err;

    ask(host);
    err = answered(host, host->machine.ops->restore_begin(host->machine.object));
    host->snapshots.restoring = err == 0;
    return err;
}

static int probe_restore_write(void *object, struct dengine_slice bytes)
{
    struct de_host *host = object;

    ask(host);
    return answered(host, host->machine.ops->restore_write(host->machine.object, bytes));
}

static int probe_restore_commit(void *object, uint64_t index, uint64_t term)
{
    struct de_host *host = object;
    uint64_t digest = 0;
    int err;

    ask(host);
    err = answered(host, host->machine.ops->restore_commit(host->machine.object, index, term));
    host->snapshots.restoring = false;
    if (err == 0) {
        err = host->machine.ops->digest(host->machine.object, &digest);
        DE_ASSERT(err == 0);
        de_oracle_applied(host->shared->oracle, host->shared->kernel->now_ns, host->id, index,
                          digest);
    }
    return err;
}

static void probe_restore_abort(void *object)
{
    struct de_host *host = object;

    host->snapshots.restoring = false;
    host->machine.ops->restore_abort(host->machine.object);
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
        .save_begin = probe_save_begin,
        .save_read = probe_save_read,
        .save_end = probe_save_end,
        .restore_begin = probe_restore_begin,
        .restore_write = probe_restore_write,
        .restore_commit = probe_restore_commit,
        .restore_abort = probe_restore_abort,
        .message = probe_message,
    };
    struct dengine_state_machine machine = {&ops, host};

    return machine;
}
