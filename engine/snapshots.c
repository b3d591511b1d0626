/* Backups: taking, copying, checking and restoring snapshots (dengine/snapshot.h). */
#include <dengine/snapshot.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/calling_back.h"
#include "client/waiter.h"
#include "core/base/assert.h"
#include "core/node/config_codec.h"
#include "engine/engine_state.h"
#include "engine/open_message.h"
#include "runtime/libev/clock.h"
#include "storage/posix/posix_dir.h"
#include "storage/posix/whole_file.h"
#include "storage/snapshot/snapshot.h"

#define COPY_BYTES (256u * 1024)

static int say(int err, const char *what)
{
    DE_ASSERT(err != 0);
    (void)snprintf(de_open_message(), DE_OPEN_MESSAGE_BYTES, "%s: %s", what, dengine_strerror(err));
    return err;
}

/* ---- taking ---- */

/* A request for a snapshot. */
struct take {
    struct de_replica_request base;
    dengine_callback *callback;
    void *context;
};

static void take_done(struct de_replica_request *request, int status,
                      const struct dengine_result *result)
{
    struct take *take = DE_CONTAINER_OF(request, struct take, base);
    struct dengine_reply reply = {.status = status, .succeeded = status == 0};

    DE_ASSERT((status == 0) == (result != NULL));
    reply.revision = result == NULL ? 0 : result->revision;
    de_client_clear_last_error();
    de_call_back(take->callback, take->context, &reply);
}

static void take_release(struct de_replica_request *request)
{
    free(DE_CONTAINER_OF(request, struct take, base));
}

int dengine_snapshot_take_async(struct dengine *engine, uint32_t timeout_ms,
                                dengine_callback *callback, void *context)
{
    struct take *take;

    if (engine == NULL || callback == NULL) {
        de_client_set_last_error("there is no %s", engine == NULL ? "engine" : "callback");
        return DENGINE_E_INVALID;
    }
    take = calloc(1, sizeof(*take));
    if (take == NULL) {
        return DENGINE_E_NO_MEMORY;
    }
    take->callback = callback;
    take->context = context;
    take->base.type = DE_REQUEST_SNAPSHOT;
    take->base.deadline_ns = de_clock_now_ns() + (uint64_t)timeout_ms * 1000000;
    take->base.done = take_done;
    take->base.release = take_release;
    de_replica_submit(engine->replica, &take->base);
    return 0;
}

int dengine_snapshot_take(struct dengine *engine, uint32_t timeout_ms, uint64_t *index)
{
    struct de_waiter waiter;
    struct dengine_reply reply;
    int err = de_may_wait();

    if (err != 0) {
        return say(err, "a callback must not wait for a snapshot");
    }
    de_waiter_init(&waiter);
    err = dengine_snapshot_take_async(engine, timeout_ms, de_waiter_wake, &waiter);
    err = de_waiter_end(&waiter, err, &reply);
    if (index != NULL) {
        *index = reply.revision;
    }
    return err == 0 ? 0 : say(err, "a snapshot was not taken");
}

/* ---- copying ---- */

/* Copies the image that reader reads into file. */
static int copy_image(struct dengine_snapshot_store store, struct dengine_snapshot_reader *reader,
                      uint64_t image_bytes, struct de_whole_file *file)
{
    uint8_t *buffer = malloc(COPY_BYTES);
    uint64_t offset = 0;
    int err = buffer == NULL ? say(DENGINE_E_NO_MEMORY, "a snapshot was not copied") : 0;

    while (err == 0 && offset < image_bytes) {
        size_t size = 0;

        err = store.ops->read_image(store.object, reader, offset, buffer, COPY_BYTES, &size);
        if (err != 0 || size == 0) {
            err = err != 0 ? err : DENGINE_E_CORRUPT;
            (void)snprintf(de_open_message(), DE_OPEN_MESSAGE_BYTES, "%s",
                           store.ops->message(store.object));
        } else {
            err = de_whole_file_write(file, dengine_bytes(buffer, size), de_open_message(),
                                      DE_OPEN_MESSAGE_BYTES);
            offset += size;
        }
    }
    free(buffer);
    return err;
}

static int save_to(struct dengine_snapshot_store store, uint64_t index, const char *path)
{
    struct dengine_snapshot_reader *reader;
    struct dengine_snapshot_meta meta;
    struct de_whole_file file;
    uint64_t image_bytes;
    int err = store.ops->open(store.object, index, &reader, &meta, &image_bytes);

    if (err != 0) {
        return say(err, store.ops->message(store.object));
    }
    err = de_whole_file_create(&file, path, de_open_message(), DE_OPEN_MESSAGE_BYTES);
    if (err == 0) {
        err = copy_image(store, reader, image_bytes, &file);
    }
    if (err == 0) {
        err = de_whole_file_commit(&file, de_open_message(), DE_OPEN_MESSAGE_BYTES);
    } else {
        de_whole_file_abort(&file);
    }
    store.ops->close_reader(store.object, reader);
    return err;
}

int dengine_snapshot_save(struct dengine *engine, const char *path, uint32_t timeout_ms,
                          struct dengine_snapshot_info *info)
{
    uint64_t index = 0;
    int err = dengine_snapshot_take(engine, timeout_ms, &index);

    if (err == 0) {
        err = save_to(engine->stores.snapshots, index, path);
    }
    /* What was written is read again, all of it: a backup that cannot be read is none. */
    return err == 0 ? dengine_snapshot_check(path, info) : err;
}

/* ---- checking ---- */

/* The file was opened by the last part of its path; what was wrong is said of all of it. */
static void name_whole_path(const char *path, const char *name)
{
    char reason[DE_OPEN_MESSAGE_BYTES];
    const size_t size = strlen(name);

    DE_ASSERT(size > 0);
    (void)snprintf(reason, sizeof reason, "%s", de_open_message());
    if (strncmp(reason, name, size) == 0 && strcmp(path, name) != 0) {
        (void)snprintf(de_open_message(), DE_OPEN_MESSAGE_BYTES, "%.*s%s",
                       DE_OPEN_MESSAGE_BYTES / 2, path, reason + size);
    }
}

int dengine_snapshot_check(const char *path, struct dengine_snapshot_info *info)
{
    struct de_snapshot_summary summary = {0};
    char directory[DE_WHOLE_FILE_PATH_BYTES];
    struct dengine_dir dir;
    const char *name;
    /* A directory object follows no links; the file that is checked may have been named by one. */
    char *target = realpath(path, NULL);
    int err = de_whole_file_split(target != NULL ? target : path, directory, &name,
                                  de_open_message(), DE_OPEN_MESSAGE_BYTES);

    if (err == 0) {
        err = de_posix_dir_open(directory, false, &dir, de_open_message(), DE_OPEN_MESSAGE_BYTES);
    }
    if (err == 0) {
        err = de_snapshot_check(dir, name, &summary, de_open_message(), DE_OPEN_MESSAGE_BYTES);
        de_posix_dir_close(dir);
        if (err != 0) {
            name_whole_path(path, name);
        }
    }
    free(target);
    if (err == 0 && info != NULL) {
        info->cluster_id = summary.cluster_id;
        info->index = summary.index;
        info->term = summary.term;
        info->file_bytes = summary.image_bytes;
        info->state_bytes = summary.stream_bytes;
    }
    return err;
}

/* ---- restoring ---- */

static int store_failed(struct dengine_snapshot_store store, int err)
{
    DE_ASSERT(err != 0);
    (void)snprintf(de_open_message(), DE_OPEN_MESSAGE_BYTES, "the snapshot cannot be restored: %s",
                   store.ops->message(store.object));
    return err;
}

/* Receives the file into a store, which verifies it. */
static int import_file(const char *path, const struct dengine_snapshot_info *info,
                       struct dengine_snapshot_store store)
{
    struct dengine_snapshot_receiver *receiver;
    struct dengine_snapshot_meta meta;
    uint8_t *buffer = malloc(COPY_BYTES);
    FILE *file = fopen(path, "rb");
    uint64_t have = 0;
    size_t size;
    int err = 0;

    if (buffer == NULL || file == NULL) {
        err = say(buffer == NULL ? DENGINE_E_NO_MEMORY : DENGINE_E_IO, path);
        goto out;
    }
    err = store.ops->receive(store.object, info->index, info->term, info->file_bytes, &receiver,
                             &have);
    if (err != 0) {
        err = store_failed(store, err);
        goto out;
    }
    DE_ASSERT(have == 0);
    while (err == 0 && (size = fread(buffer, 1, COPY_BYTES, file)) > 0) {
        err = store.ops->receive_write(store.object, receiver, dengine_bytes(buffer, size));
    }
    if (err == 0 && !ferror(file)) {
        err = store.ops->receive_finish(store.object, receiver, &meta);
    } else {
        store.ops->receive_suspend(store.object, receiver);
        err = err != 0 ? err : DENGINE_E_IO;
    }
    if (err != 0) {
        err = store_failed(store, err);
    }
out:
    if (file != NULL) {
        (void)fclose(file);
    }
    free(buffer);
    return err;
}

/* Writes what `from` has again, as a snapshot of the new cluster. */
static int rewrite(struct dengine_snapshot_store from, struct dengine_snapshot_store to,
                   const struct de_membership *membership, uint64_t cluster_id)
{
    struct dengine_snapshot_reader *reader = NULL;
    struct dengine_snapshot_writer *writer = NULL;
    struct dengine_snapshot_meta meta;
    uint64_t image_bytes;
    uint8_t *configuration = malloc(de_config_size(membership));
    uint8_t *buffer = malloc(COPY_BYTES);
    size_t size = 1;
    int err = DENGINE_E_NO_MEMORY;

    if (configuration != NULL && buffer != NULL) {
        err = from.ops->open(from.object, 0, &reader, &meta, &image_bytes);
    }
    if (err == 0) {
        meta.cluster_id = cluster_id;
        meta.configuration = dengine_bytes(
            configuration, de_config_encode(membership, configuration, de_config_size(membership)));
        err = to.ops->create(to.object, &meta, &writer);
    }
    while (err == 0 && size > 0) {
        err = from.ops->read(from.object, reader, buffer, COPY_BYTES, &size);
        if (err == 0 && size > 0) {
            err = to.ops->write(to.object, writer, dengine_bytes(buffer, size));
        }
    }
    if (writer != NULL && err == 0) {
        err = to.ops->commit(to.object, writer);
    } else if (writer != NULL) {
        to.ops->abort(to.object, writer);
    }
    if (reader != NULL) {
        from.ops->close_reader(from.object, reader);
    }
    free(buffer);
    free(configuration);
    return err == 0 ? 0 : say(err, "the snapshot cannot be restored");
}

/* Through a store of its own inside the data directory, removed afterwards. */
static int restore_into(const char *path, const struct dengine_snapshot_info *info,
                        const struct de_plan *plan, struct de_stores *stores)
{
    struct dengine_snapshot_store import;
    int err = de_stores_open_import(plan, &import, de_open_message(), DE_OPEN_MESSAGE_BYTES);

    if (err != 0) {
        return err;
    }
    err = import_file(path, info, import);
    if (err == 0) {
        struct de_membership *membership = calloc(1, sizeof(*membership));

        err = membership == NULL ? say(DENGINE_E_NO_MEMORY, path) : 0;
        if (err == 0) {
            de_plan_membership(plan, stores->data_dir.identity.node_id, membership);
            err = rewrite(import, stores->snapshots, membership,
                          stores->data_dir.identity.cluster_id);
        }
        free(membership);
    }
    import.ops->close(import.object);
    de_stores_remove_import(plan);
    return err;
}

int dengine_snapshot_restore(const char *path, const struct dengine_config *config)
{
    struct dengine_snapshot_info info;
    struct de_stores stores;
    struct de_plan plan;
    int err = dengine_snapshot_check(path, &info);

    if (err == 0) {
        err = de_plan_make(config, &plan, de_open_message(), DE_OPEN_MESSAGE_BYTES);
    }
    if (err == 0 && plan.join[0] != '\0') {
        (void)snprintf(de_open_message(), DE_OPEN_MESSAGE_BYTES,
                       "cluster.join is set: a node that joins gets the state from its leader, and "
                       "is not restored");
        err = DENGINE_E_CONFIG;
    }
    if (err == 0 && plan.cluster_id == info.cluster_id) {
        (void)snprintf(de_open_message(), DE_OPEN_MESSAGE_BYTES,
                       "the snapshot is of a cluster with the same name and members, and so the "
                       "same id: what is left of that one would take this one for its own; give "
                       "the new one another cluster.name, here and when it is started");
        err = DENGINE_E_CONFIG;
    }
    if (err == 0) {
        err = de_stores_open_new(&plan, &stores, de_open_message(), DE_OPEN_MESSAGE_BYTES);
    }
    if (err != 0) {
        return err;
    }
    err = restore_into(path, &info, &plan, &stores);
    de_stores_close(&stores);
    return err;
}
