#include "engine/stores.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/assert.h"
#include "storage/base/heap.h"
#include "storage/lmdb/lmdb_kv.h"
#include "storage/lmdb/lmdb_log.h"
#include "storage/memfirst/memfirst.h"
#include "storage/posix/posix_dir.h"
#include "storage/snapshot/snapshot.h"
#include "storage/wal/wal.h"

#define PATH_BYTES 4096

/* An empty file in the data directory: the log has been made. */
#define LOG_MARK "log.made"

/* A cluster of one gets an id that nobody else has. */
static int random_cluster_id(uint64_t *cluster_id)
{
    if (getrandom(cluster_id, sizeof(*cluster_id), 0) != (ssize_t)sizeof(*cluster_id)) {
        return DENGINE_E_IO;
    }
    *cluster_id &= ~DE_CLUSTER_OF_SEVERAL;
    if (*cluster_id == 0) {
        *cluster_id = 1;
    }
    return 0;
}

/* Fills in what was left open when the directory was made, by this open or one that crashed. */
static int complete_identity(const struct de_plan *plan, struct de_stores *stores, char *message,
                             size_t message_size)
{
    struct de_identity identity = stores->data_dir.identity;
    int err = 0;

    if (identity.node_id == 0) {
        identity.node_id = plan->node_id;
    }
    if (identity.cluster_id == 0) {
        DE_ASSERT(plan->alone || plan->cluster_id != 0);
        identity.cluster_id = plan->cluster_id;
        err = plan->cluster_id != 0 ? 0 : random_cluster_id(&identity.cluster_id);
    }
    if (err == 0 && memcmp(&identity, &stores->data_dir.identity, sizeof(identity)) != 0) {
        err = de_data_dir_set_identity(&stores->data_dir, &identity);
    }
    if (err != 0) {
        (void)snprintf(message, message_size, "cannot write the identity of data directory %s: %s",
                       plan->data_dir, dengine_strerror(err));
        return err;
    }
    return 0;
}

static int open_data_dir(const struct de_plan *plan, struct de_stores *stores, char *message,
                         size_t message_size)
{
    struct de_identity expected = {0};
    int err;

    expected.node_id = plan->node_id_given ? plan->node_id : 0;
    expected.cluster_id = plan->join[0] != '\0' ? 0 : plan->cluster_id;
    err = de_data_dir_open(plan->data_dir, &expected, &stores->data_dir, message, message_size);
    if (err != 0) {
        return err;
    }
    stores->data_dir_open = true;
    err = complete_identity(plan, stores, message, message_size);
    if (err != 0) {
        return err;
    }
    if (plan->alone && (stores->data_dir.identity.cluster_id & DE_CLUSTER_OF_SEVERAL) != 0) {
        (void)snprintf(message, message_size,
                       "data directory %s belongs to node %llu of a cluster of several; open it "
                       "with that node's configuration",
                       plan->data_dir, (unsigned long long)stores->data_dir.identity.node_id);
        return DENGINE_E_FOREIGN;
    }
    return 0;
}

static int join_path(const char *directory, const char *name, char *path, char *message,
                     size_t message_size)
{
    int size = snprintf(path, PATH_BYTES, "%s/%s", directory, name);

    if (size < 0 || size >= PATH_BYTES) {
        (void)snprintf(message, message_size, "the path of the data directory is too long");
        return DENGINE_E_INVALID;
    }
    return 0;
}

/* Whether DIR/name is there. */
static bool has(const struct de_plan *plan, const char *name)
{
    char path[PATH_BYTES];
    char message[64];

    return join_path(plan->data_dir, name, path, message, sizeof(message)) == 0 &&
           access(path, F_OK) == 0;
}

/* Whether this node has had a log: then one that is not there is lost, with the votes in it, and
 * must not be begun anew (Raft figure 2: they are on stable storage before any answer). */
static int had_log(const struct de_stores *stores, bool *found)
{
    const struct dengine_dir dir = stores->data_dir.dir;
    struct dengine_file *file;
    int err = dir.ops->open(dir.object, LOG_MARK, DENGINE_FILE_READ, &file);

    *found = err == 0;
    if (err == 0) {
        dir.ops->close(dir.object, file);
    }
    return err == DENGINE_E_NOT_FOUND ? 0 : err;
}

/* Writes down, durably, that there is a log from now on. */
static int mark_log(const struct de_stores *stores)
{
    const struct dengine_dir dir = stores->data_dir.dir;
    struct dengine_file *file;
    int err = dir.ops->open(dir.object, LOG_MARK, DENGINE_FILE_CREATE, &file);

    if (err == 0) {
        err = dir.ops->sync(dir.object, file);
        dir.ops->close(dir.object, file);
    }
    return err != 0 ? err : dir.ops->sync_dir(dir.object);
}

/* LMDB makes a new map where there is no file, or an empty one. */
static bool lmdb_log_is_gone(const char *path)
{
    char file[PATH_BYTES];
    struct stat found;
    const int size = snprintf(file, sizeof(file), "%s/log.mdb", path);

    return size < 0 || size >= PATH_BYTES || stat(file, &found) != 0 || found.st_size == 0;
}

static int refuse_lost_log(const struct de_plan *plan, char *message, size_t message_size)
{
    (void)snprintf(message, message_size,
                   "the log in data directory %s is gone, and with it the votes of this node: put "
                   "its files back, or remove the node from the cluster and let an empty one join "
                   "under a new id",
                   plan->data_dir);
    return DENGINE_E_CORRUPT;
}

/* The log store that the plan names, in the directory at path. */
static int open_log_at(const struct de_plan *plan, struct de_stores *stores, const char *path,
                       bool must_exist, char *message, size_t message_size)
{
    const struct de_identity *identity = &stores->data_dir.identity;
    const struct de_lmdb_log_options in_lmdb = {identity->node_id, identity->cluster_id, 0};
    struct de_wal_options options;

    if (plan->log_in_lmdb) {
        return de_lmdb_log_open(path, &in_lmdb, &stores->log, message, message_size);
    }
    de_wal_options_init(&options, identity->node_id, identity->cluster_id);
    options.segment_bytes = plan->wal_segment_bytes;
    options.must_exist = must_exist;
    return de_wal_open(stores->log_dir, &options, &stores->log, message, message_size);
}

/* The same, but no new one in the place of one that was there. */
static int open_marked_log(const struct de_plan *plan, struct de_stores *stores, const char *path,
                           char *message, size_t message_size)
{
    bool marked = false;
    int err = had_log(stores, &marked);

    if (err == 0 && marked && plan->log_in_lmdb && lmdb_log_is_gone(path)) {
        return refuse_lost_log(plan, message, message_size);
    }
    if (err == 0) {
        err = open_log_at(plan, stores, path, marked, message, message_size);
        if (err != 0) {
            return err;
        }
    }
    if (err == 0 && !marked) {
        err = mark_log(stores);
    }
    if (err != 0) {
        (void)snprintf(message, message_size, "cannot read or make %s/%s: %s", plan->data_dir,
                       LOG_MARK, dengine_strerror(err));
    }
    return err;
}

static int open_log(const struct de_plan *plan, struct de_stores *stores, char *message,
                    size_t message_size)
{
    const struct de_memfirst_options early = {plan->flush_interval_ms, plan->flush_bytes, NULL};
    const char *other = plan->log_in_lmdb ? "wal" : "log";
    char path[PATH_BYTES];
    int err =
        join_path(plan->data_dir, plan->log_in_lmdb ? "log" : "wal", path, message, message_size);

    if (err == 0 && has(plan, other)) {
        (void)snprintf(message, message_size,
                       "the log in data directory %s is of the other kind: set storage.log_store "
                       "to %s, or let a server with a new id take this node's place",
                       plan->data_dir, plan->log_in_lmdb ? "wal" : "lmdb");
        return DENGINE_E_CONFIG;
    }
    if (err == 0) {
        err = de_posix_dir_open(path, true, &stores->log_dir, message, message_size);
    }
    if (err == 0) {
        err = open_marked_log(plan, stores, path, message, message_size);
    }
    if (err == 0) {
        err = de_memfirst_open(stores->log_dir, &early, &stores->log, message, message_size);
        if (err != 0) {
            stores->log.object = NULL;
        }
    }
    return err;
}

static int open_snapshots(const struct de_plan *plan, const char *name,
                          struct dengine_snapshot_store *store, char *message, size_t message_size)
{
    const struct de_snapshot_options options = {.close_dir = de_posix_dir_close};
    struct dengine_dir dir;
    char path[PATH_BYTES];
    int err = join_path(plan->data_dir, name, path, message, message_size);

    if (err == 0) {
        err = de_posix_dir_open(path, true, &dir, message, message_size);
    }
    if (err != 0) {
        return err;
    }
    err = de_snapshot_store_open(dir, &options, store, message, message_size);
    if (err != 0) {
        de_posix_dir_close(dir);
        store->object = NULL;
    }
    return err;
}

/* Opens the store at path and the state machine in it. */
static int open_kv(const char *path, const struct de_lmdb_options *options,
                   struct de_stores *stores, char *message, size_t message_size)
{
    enum de_lmdb_found found;
    int err = de_lmdb_kv_open(path, options, &stores->kv_store, &found, message, message_size);

    if (err != 0) {
        return err;
    }
    DE_ASSERT_IMPLIES(options->discard != NULL, found != DE_LMDB_KEPT);
    if (found == DE_LMDB_DISCARDED) {
        (void)snprintf(stores->note, sizeof(stores->note), "%s", message);
    }
    /* A new or discarded store has applied nothing, so the node restores the newest snapshot to it
     * and applies the log. */
    return de_kv_new(stores->kv_store, de_heap_allocator(), &stores->kv);
}

/* The state is only a view: one that an older version of the program wrote is made again. One of a
 * newer version is left to that version. */
static int open_state(const struct de_plan *plan, struct de_stores *stores, const char *discard,
                      char *message, size_t message_size)
{
    struct de_lmdb_options options = {
        .map_bytes = plan->map_bytes, .views_max = plan->readers_max, .discard = discard};
    char path[PATH_BYTES];
    bool older = false;
    int err = join_path(plan->data_dir, "state", path, message, message_size);

    if (err != 0) {
        return err;
    }
    err = open_kv(path, &options, stores, message, message_size);
    if (err == 0 || stores->kv_store.object == NULL) {
        return err;
    }
    if (err == DENGINE_E_VERSION && de_kv_is_older(stores->kv_store, &older) == 0 && older) {
        stores->kv_store.ops->close(stores->kv_store.object);
        stores->kv_store.object = NULL;
        options.discard = "an older version of dengine wrote it";
        err = open_kv(path, &options, stores, message, message_size);
        if (err == 0 || stores->kv_store.object == NULL) {
            return err;
        }
    }
    (void)snprintf(message, message_size,
                   err == DENGINE_E_VERSION
                       ? "the state in %s is of a newer version of dengine: %s; use that version"
                       : "the state in %s cannot be used: %s; remove that directory, and the state "
                         "is made again from the newest snapshot and the log",
                   path, dengine_strerror(err));
    return err;
}

static void close_state(struct de_stores *stores)
{
    de_kv_free(stores->kv);
    stores->kv = NULL;
    if (stores->kv_store.object != NULL) {
        stores->kv_store.ops->close(stores->kv_store.object);
        stores->kv_store.object = NULL;
    }
}

/* What is left of the log may end before what the state has applied. If the whole cluster forgot,
 * other entries come in the place of those, so the state has to be made again. */
static int discard_if_ahead(const struct de_plan *plan, struct de_stores *stores, char *message,
                            size_t message_size)
{
    const struct dengine_state_machine machine = de_kv_state_machine(stores->kv);
    struct dengine_log_state log;
    uint64_t index = 0;
    uint64_t term = 0;
    int err = machine.ops->applied(machine.object, &index, &term);

    stores->log.ops->state(stores->log.object, &log);
    if (err != 0 || !log.recovering || index <= log.last_index) {
        return err;
    }
    close_state(stores);
    return open_state(plan, stores, "the log has lost entries that it had applied", message,
                      message_size);
}

int de_stores_open(const struct de_plan *plan, struct de_stores *stores, char *message,
                   size_t message_size)
{
    int err;

    memset(stores, 0, sizeof(*stores));
    err = open_data_dir(plan, stores, message, message_size);
    if (err == 0) {
        err = open_log(plan, stores, message, message_size);
    }
    if (err == 0) {
        err = open_snapshots(plan, "snapshots", &stores->snapshots, message, message_size);
    }
    if (err == 0) {
        err = open_state(plan, stores, NULL, message, message_size);
    }
    if (err == 0) {
        err = discard_if_ahead(plan, stores, message, message_size);
    }
    if (err != 0) {
        de_stores_close(stores);
    }
    return err;
}

int de_stores_identified(const struct de_plan *plan, bool *known, char *message,
                         size_t message_size)
{
    const struct de_identity expected = {.node_id = plan->node_id};
    struct de_data_dir data_dir;
    int err = de_data_dir_open(plan->data_dir, &expected, &data_dir, message, message_size);

    DE_ASSERT(plan->node_id_given);
    *known = false;
    if (err == 0) {
        *known = data_dir.identity.cluster_id != 0;
        de_data_dir_close(&data_dir);
    }
    return err;
}

int de_stores_open_new(const struct de_plan *plan, struct de_stores *stores, char *message,
                       size_t message_size)
{
    struct dengine_snapshot_meta newest;
    int err;

    memset(stores, 0, sizeof(*stores));
    err = open_data_dir(plan, stores, message, message_size);
    if (err == 0) {
        err = open_snapshots(plan, "snapshots", &stores->snapshots, message, message_size);
    }
    if (err == 0 &&
        (has(plan, "wal") || has(plan, "log") || has(plan, "state") ||
         stores->snapshots.ops->newest(stores->snapshots.object, &newest) != DENGINE_E_NOT_FOUND)) {
        (void)snprintf(message, message_size,
                       "data directory %s holds the data of a node already; name a new one",
                       plan->data_dir);
        err = DENGINE_E_FOREIGN;
    }
    if (err != 0) {
        de_stores_close(stores);
    }
    return err;
}

int de_stores_open_import(const struct de_plan *plan, struct dengine_snapshot_store *import,
                          char *message, size_t message_size)
{
    de_stores_remove_import(plan);
    return open_snapshots(plan, "snapshots.import", import, message, message_size);
}

void de_stores_remove_import(const struct de_plan *plan)
{
    char path[PATH_BYTES];
    char message[64];
    struct dirent *entry;
    DIR *directory;

    if (join_path(plan->data_dir, "snapshots.import", path, message, sizeof(message)) != 0) {
        return;
    }
    directory = opendir(path);
    if (directory == NULL) {
        return;
    }
    while ((entry = readdir(directory)) != NULL) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            (void)unlinkat(dirfd(directory), entry->d_name, 0);
        }
    }
    (void)closedir(directory);
    (void)rmdir(path); /* what is left does no harm: the next restore empties it */
}

void de_stores_close(struct de_stores *stores)
{
    close_state(stores);
    if (stores->snapshots.object != NULL) {
        stores->snapshots.ops->close(stores->snapshots.object);
        stores->snapshots.object = NULL;
    }
    if (stores->log.object != NULL) {
        stores->log.ops->close(stores->log.object);
        stores->log.object = NULL;
    }
    de_posix_dir_close(stores->log_dir);
    stores->log_dir.object = NULL;
    if (stores->data_dir_open) {
        de_data_dir_close(&stores->data_dir);
        stores->data_dir_open = false;
    }
}
