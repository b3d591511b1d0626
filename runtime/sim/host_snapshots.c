/* The snapshot store of a host: the real one over the simulated disk, behind a probe that remembers
 * what is open, so that a crash can throw it away, and tells the oracle what was finished. */
#include "core/base/assert.h"
#include "runtime/sim/host.h"

#define REAL(host) (host)->snapshots.store.object

static const struct dengine_snapshot_store_ops *real_ops(const struct de_host *host)
{
    DE_ASSERT(host->snapshots.store.ops != NULL);
    return host->snapshots.store.ops;
}

static void tell(struct de_host *host, uint64_t index, uint64_t term)
{
    de_oracle_snapshot(host->shared->oracle, host->shared->kernel->now_ns, host->id, index, term);
}

static int probe_newest(void *object, struct dengine_snapshot_meta *meta)
{
    struct de_host *host = object;
    int err = real_ops(host)->newest(REAL(host), meta);

    if (err == 0) {
        tell(host, meta->index, meta->term);
    }
    return err;
}

static int probe_create(void *object, const struct dengine_snapshot_meta *meta,
                        struct dengine_snapshot_writer **writer)
{
    struct de_host *host = object;
    int err;

    DE_ASSERT(host->snapshots.writer == NULL);
    tell(host, meta->index, meta->term);
    err = real_ops(host)->create(REAL(host), meta, writer);
    host->snapshots.writer = err == 0 ? *writer : NULL;
    return err;
}

static int probe_write(void *object, struct dengine_snapshot_writer *writer,
                       struct dengine_slice bytes)
{
    struct de_host *host = object;

    DE_ASSERT(host->snapshots.writer == writer);
    if (host->older) {
        de_upgrade_stream_add(&host->snapshots.written, bytes);
        return 0;
    }
    return real_ops(host)->write(REAL(host), writer, bytes);
}

/* What a machine of the version before has written, as that would have. */
static int write_aged(struct de_host *host, struct dengine_snapshot_writer *writer)
{
    struct de_upgrade_stream *written = &host->snapshots.written;
    int err;

    de_upgrade_stream_age(written);
    err = real_ops(host)->write(REAL(host), writer, dengine_bytes(written->bytes, written->size));
    de_upgrade_stream_deinit(written);
    return err;
}

static int probe_commit(void *object, struct dengine_snapshot_writer *writer)
{
    struct de_host *host = object;
    int err = host->older ? write_aged(host, writer) : 0;

    DE_ASSERT(host->snapshots.writer == writer);
    host->snapshots.writer = NULL;
    if (err != 0) {
        real_ops(host)->abort(REAL(host), writer);
        return err;
    }
    return real_ops(host)->commit(REAL(host), writer);
}

static void probe_abort(void *object, struct dengine_snapshot_writer *writer)
{
    struct de_host *host = object;

    DE_ASSERT(host->snapshots.writer == writer);
    host->snapshots.writer = NULL;
    de_upgrade_stream_deinit(&host->snapshots.written);
    real_ops(host)->abort(REAL(host), writer);
}

static int probe_receive(void *object, uint64_t index, uint64_t term, uint64_t image_bytes,
                         struct dengine_snapshot_receiver **receiver, uint64_t *have_bytes)
{
    struct de_host *host = object;
    int err;

    DE_ASSERT(host->snapshots.receiver == NULL);
    err = real_ops(host)->receive(REAL(host), index, term, image_bytes, receiver, have_bytes);
    host->snapshots.receiver = err == 0 ? *receiver : NULL;
    host->snapshots.receive_left = err == 0 ? image_bytes - *have_bytes : 0;
    return err;
}

static int probe_receive_write(void *object, struct dengine_snapshot_receiver *receiver,
                               struct dengine_slice bytes)
{
    struct de_host *host = object;
    int err;

    DE_ASSERT(host->snapshots.receiver == receiver);
    err = real_ops(host)->receive_write(REAL(host), receiver, bytes);
    if (err == 0) {
        DE_ASSERT(bytes.size <= host->snapshots.receive_left);
        host->snapshots.receive_left -= bytes.size;
        host->trap_sprung = host->trap_sprung ||
                            (host->trap == DE_TRAP_IN_RECEIVE && host->snapshots.receive_left > 0);
    }
    return err;
}

static int probe_receive_finish(void *object, struct dengine_snapshot_receiver *receiver,
                                struct dengine_snapshot_meta *meta)
{
    struct de_host *host = object;
    int err;

    DE_ASSERT(host->snapshots.receiver == receiver);
    host->snapshots.receiver = NULL;
    err = real_ops(host)->receive_finish(REAL(host), receiver, meta);
    if (err == 0) {
        tell(host, meta->index, meta->term);
        host->trap_sprung = host->trap_sprung || host->trap == DE_TRAP_AFTER_STAGE;
    }
    return err;
}

static void probe_receive_suspend(void *object, struct dengine_snapshot_receiver *receiver)
{
    struct de_host *host = object;

    DE_ASSERT(host->snapshots.receiver == receiver);
    host->snapshots.receiver = NULL;
    real_ops(host)->receive_suspend(REAL(host), receiver);
}

static int probe_open(void *object, uint64_t index, struct dengine_snapshot_reader **reader,
                      struct dengine_snapshot_meta *meta, uint64_t *image_bytes)
{
    struct de_host *host = object;
    struct de_host_snapshots *snapshots = &host->snapshots;
    int err = real_ops(host)->open(REAL(host), index, reader, meta, image_bytes);

    if (err == 0) {
        DE_ASSERT(snapshots->reader_count < DE_HOST_READERS_MAX);
        snapshots->readers[snapshots->reader_count++] = *reader;
    }
    return err;
}

static int probe_read(void *object, struct dengine_snapshot_reader *reader, void *buffer,
                      size_t capacity, size_t *size)
{
    struct de_host *host = object;

    return real_ops(host)->read(REAL(host), reader, buffer, capacity, size);
}

static int probe_read_image(void *object, struct dengine_snapshot_reader *reader, uint64_t offset,
                            void *buffer, size_t capacity, size_t *size)
{
    struct de_host *host = object;

    return real_ops(host)->read_image(REAL(host), reader, offset, buffer, capacity, size);
}

static void probe_close_reader(void *object, struct dengine_snapshot_reader *reader)
{
    struct de_host *host = object;
    struct de_host_snapshots *snapshots = &host->snapshots;
    size_t at = 0;

    while (at < snapshots->reader_count && snapshots->readers[at] != reader) {
        at++;
    }
    DE_ASSERT(at < snapshots->reader_count);
    snapshots->readers[at] = snapshots->readers[--snapshots->reader_count];
    real_ops(host)->close_reader(REAL(host), reader);
}

static const char *probe_message(void *object)
{
    struct de_host *host = object;

    return real_ops(host)->message(REAL(host));
}

struct dengine_snapshot_store de_host_snapshot_probe(struct de_host *host)
{
    static const struct dengine_snapshot_store_ops ops = {
        .newest = probe_newest,
        .create = probe_create,
        .write = probe_write,
        .commit = probe_commit,
        .abort = probe_abort,
        .receive = probe_receive,
        .receive_write = probe_receive_write,
        .receive_finish = probe_receive_finish,
        .receive_suspend = probe_receive_suspend,
        .open = probe_open,
        .read = probe_read,
        .read_image = probe_read_image,
        .close_reader = probe_close_reader,
        .message = probe_message,
    };
    struct dengine_snapshot_store store = {
        host->snapshots.store.ops != NULL ? &ops : NULL,
        host,
    };

    return store;
}

int de_host_open_snapshots(struct de_host *host, char *message, size_t message_size)
{
    const struct de_sim_stores *stores = host->shared->stores;
    int err;

    memset(&host->snapshots, 0, sizeof(host->snapshots));
    if (stores->snapshots_open == NULL) {
        return 0;
    }
    err =
        stores->snapshots_open(stores->context, de_disk_dir(&host->disk), &host->kv_pool.allocator,
                               &host->sites, &host->snapshots.store, message, message_size);
    if (err != 0) {
        host->snapshots.store.ops = NULL;
    }
    return err;
}

void de_host_kill_snapshots(struct de_host *host)
{
    struct de_host_snapshots *snapshots = &host->snapshots;
    const struct dengine_snapshot_store store = snapshots->store;

    if (snapshots->save != NULL) {
        host->machine.ops->save_end(host->machine.object, snapshots->save);
    }
    if (snapshots->restoring) {
        host->machine.ops->restore_abort(host->machine.object);
    }
    if (store.ops != NULL) {
        if (snapshots->writer != NULL) {
            store.ops->abort(store.object, snapshots->writer);
        }
        if (snapshots->receiver != NULL) {
            store.ops->receive_suspend(store.object, snapshots->receiver);
        }
        for (size_t i = 0; i < snapshots->reader_count; i++) {
            store.ops->close_reader(store.object, snapshots->readers[i]);
        }
        store.ops->close(store.object);
    }
    de_upgrade_stream_deinit(&snapshots->written);
    memset(snapshots, 0, sizeof(*snapshots));
}
