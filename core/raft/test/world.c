#include "core/raft/test/world.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/assert.h"

#define MS UINT64_C(1000000)

static void *grow(void *memory, size_t size)
{
    void *grown = realloc(memory, size);

    DE_ASSERT(grown != NULL);
    return grown;
}

struct de_raft_options de_world_options(uint64_t id)
{
    struct de_raft_options options;

    memset(&options, 0, sizeof(options));
    options.id = id;
    options.cluster_id = 77;
    options.seed = id;
    options.election_timeout_min_ns = 100 * MS;
    options.election_timeout_max_ns = 200 * MS;
    options.heartbeat_interval_ns = 20 * MS;
    options.drift_ppm = 1000;
    options.append_entries_max = 8;
    options.append_bytes_max = 1000;
    options.window_messages_max = 4;
    options.window_bytes_max = 4000;
    options.uncommitted_bytes_max = 10000;
    options.term_runs_max = 64;
    options.size_ring = 64;
    return options;
}

void de_world_init(struct de_world *world)
{
    memset(world, 0, sizeof(*world));
    world->now_ns = 1000 * MS;
    world->context = "";
    world->lease_is_checked = true;
}

static void drop_writes(struct de_world_server *server)
{
    for (size_t i = 0; i < server->write_count; i++) {
        free(server->writes[i].entries);
    }
    server->write_count = 0;
}

void de_world_deinit(struct de_world *world)
{
    for (uint32_t i = 0; i < world->server_count; i++) {
        struct de_world_server *server = &world->servers[i];
        drop_writes(server);
        free(server->writes);
        de_world_log_clear(&server->log);
        de_world_log_clear(&server->disk.log);
        free(server->memory);
        free(server->twin_memory);
    }
    while (world->message_count > 0) {
        de_world_drop(world, 0);
    }
    for (size_t i = 0; i < world->configuration_count; i++) {
        free(world->configurations[i]);
    }
    free(world->configurations);
    free(world->committed);
    free(world->leaders);
}

const struct de_raft_configuration *de_world_keep(struct de_world *world,
                                                  const struct de_raft_configuration *configuration)
{
    for (size_t i = 0; i < world->configuration_count; i++) {
        if (memcmp(world->configurations[i], configuration, sizeof(*configuration)) == 0) {
            return world->configurations[i];
        }
    }
    if (world->configuration_count == world->configuration_capacity) {
        world->configuration_capacity = world->configuration_capacity * 2 + 16;
        world->configurations = grow(world->configurations, world->configuration_capacity *
                                                                sizeof(*world->configurations));
    }
    struct de_raft_configuration *kept = grow(NULL, sizeof(*kept));
    *kept = *configuration;
    world->configurations[world->configuration_count++] = kept;
    return kept;
}

struct de_raft_configuration de_world_voters(uint32_t count)
{
    struct de_raft_configuration configuration;

    memset(&configuration, 0, sizeof(configuration));
    configuration.count = count;
    for (uint32_t i = 0; i < count; i++) {
        configuration.members[i].id = i + 1;
        configuration.members[i].flags = DE_RAFT_VOTER;
    }
    return configuration;
}

struct de_world_server *de_world_find(struct de_world *world, uint64_t id)
{
    for (uint32_t i = 0; i < world->server_count; i++) {
        if (world->servers[i].id == id) {
            return &world->servers[i];
        }
    }
    return NULL;
}

struct de_world_server *de_world_add(struct de_world *world, uint64_t id,
                                     const struct de_raft_configuration *configuration)
{
    DE_ASSERT(world->server_count < DE_WORLD_SERVERS_MAX);
    DE_ASSERT(de_world_find(world, id) == NULL);
    struct de_world_server *server = &world->servers[world->server_count++];
    server->id = id;
    server->options = de_world_options(id);
    server->disk.log.base_configuration = de_world_keep(world, configuration);
    return server;
}

uint64_t de_world_clock(const struct de_world *world, const struct de_world_server *server)
{
    int64_t now_us = (int64_t)(world->now_ns / 1000);

    return world->now_ns + (uint64_t)(now_us * server->drift_ppm / 1000);
}

/* Start and crash. */

static void boot_state(const struct de_world *world, struct de_world_server *server,
                       struct de_raft_boot *boot, struct de_raft_term_run *runs,
                       struct de_raft_boot_configuration *configurations)
{
    const struct de_world_log *log = &server->disk.log;

    memset(boot, 0, sizeof(*boot));
    boot->now_ns = de_world_clock(world, server);
    boot->hard_state = server->disk.hard_state;
    boot->base_index = log->base_index;
    boot->base_term = log->base_term;
    boot->last_index = log->base_index + log->count;
    boot->applied = log->base_index; /* the state machine is rebuilt from snapshot and log */
    boot->runs = runs;
    boot->configuration = log->base_configuration;
    boot->log_configurations = configurations;
    boot->first_boot = !server->disk.used;
    boot->recovering = server->disk.unclean;
    for (uint64_t i = 0; i < log->count; i++) {
        if (i == 0 || log->entries[i - 1].term != log->entries[i].term) {
            runs[boot->run_count].first_index = log->base_index + 1 + i;
            runs[boot->run_count++].term = log->entries[i].term;
        }
        if (log->entries[i].configuration != NULL) {
            configurations[boot->log_configuration_count].index = log->base_index + 1 + i;
            configurations[boot->log_configuration_count++].configuration =
                log->entries[i].configuration;
        }
    }
}

static void carry_out(struct de_world *world, struct de_world_server *server, int rc,
                      const struct de_raft_event *event, const struct de_raft_update *update);

/* R6: a second instance that was given the same events says the same. Only addresses differ. */
static void compare_twins(const struct de_world *world, const struct de_world_server *server,
                          struct de_raft_update a, struct de_raft_update b)
{
    DE_WORLD_CHECK(world, a.message_count == b.message_count, "R6: %u messages, twin %u",
                   a.message_count, b.message_count);
    for (uint32_t i = 0; i < a.message_count; i++) {
        DE_WORLD_CHECK(world, memcmp(&a.messages[i], &b.messages[i], sizeof(a.messages[0])) == 0,
                       "R6: message %u of server %llu differs from its twin's", i,
                       (unsigned long long)server->id);
    }
    if (a.persist.configuration != NULL && b.persist.configuration != NULL) {
        DE_WORLD_CHECK(world,
                       memcmp(a.persist.configuration, b.persist.configuration,
                              sizeof(*a.persist.configuration)) == 0,
                       "R6: configurations differ");
        b.persist.configuration = a.persist.configuration;
    }
    b.messages = a.messages;
    DE_WORLD_CHECK(world, memcmp(&a, &b, sizeof(a)) == 0, "R6: update of server %llu differs",
                   (unsigned long long)server->id);
}

void de_world_start(struct de_world *world, struct de_world_server *server)
{
    const struct de_world_log *log = &server->disk.log;
    struct de_raft_boot boot;
    struct de_raft_update update;
    struct de_raft_update twin_update;
    const char *reason;

    DE_ASSERT(!server->up);
    struct de_raft_term_run *runs = grow(NULL, (log->count + 1) * sizeof(*runs));
    struct de_raft_boot_configuration *configurations =
        grow(NULL, (log->count + 1) * sizeof(*configurations));
    boot_state(world, server, &boot, runs, configurations);
    DE_ASSERT(de_raft_check_options(&server->options, &reason) == 0);
    size_t size = de_raft_size(&server->options);
    server->memory = grow(server->memory, size);
    server->twin_memory = grow(server->twin_memory, size);
    memset(server->memory, 0xa5, size);
    memset(server->twin_memory, 0x5a, size);
    int rc = de_raft_init(server->memory, &server->options, &boot, &server->raft, &update);
    DE_WORLD_CHECK(world, rc == 0, "server %llu does not start: %s", (unsigned long long)server->id,
                   dengine_error_name(rc));
    rc = de_raft_init(server->twin_memory, &server->options, &boot, &server->twin, &twin_update);
    DE_ASSERT(rc == 0);
    compare_twins(world, server, update, twin_update);
    free(runs);
    free(configurations);

    server->up = true;
    server->life++;
    server->disk.used = true;
    server->written = 0;
    server->told = 0;
    server->commit = 0;
    server->known_commit = 0;
    server->read_count = 0;
    server->proposal_count = 0; /* given up as unknown */
    server->streams = 0;
    server->deadline_ns = 0;
    de_world_log_copy(&server->log, log);
    carry_out(world, server, 0, NULL, &update);
}

void de_world_crash(struct de_world *world, struct de_world_server *server, size_t kept)
{
    DE_ASSERT(server->up);
    for (size_t i = 0; i < kept && server->write_count > 0; i++) {
        de_world_disk_write(world, server);
    }
    drop_writes(server);
    server->up = false;
    server->deadline_ns = UINT64_MAX;
}

void de_world_forget(struct de_world *world, struct de_world_server *server, uint64_t count)
{
    struct de_world_disk *disk = &server->disk;
    uint64_t last = disk->log.base_index + disk->log.count;
    uint64_t floor =
        disk->synced_index > disk->log.base_index ? disk->synced_index : disk->log.base_index;

    DE_ASSERT(!server->up);
    DE_WORLD_CHECK(world, floor <= last, "more is synced than there is");
    disk->unclean = true;
    if (count > last - floor) {
        count = last - floor;
    }
    if (count > 0 && disk->forgotten_to < last) {
        disk->forgotten_to = last;
    }
    disk->log.count -= count;
    if (world->out != NULL && world->forgets != DE_WORLD_FORGETS_NOTHING) {
        fprintf(world->out, "%" PRIu64 ": crashed, has forgotten %" PRIu64 "..%" PRIu64 "\n",
                server->id, last - count + 1, last);
    }
}

/* Carrying out an update. */

static void queue_write(struct de_world_server *server, const struct de_world_write *write)
{
    if (server->write_count == server->write_capacity) {
        server->write_capacity = server->write_capacity * 2 + 16;
        server->writes = grow(server->writes, server->write_capacity * sizeof(server->writes[0]));
    }
    server->writes[server->write_count++] = *write;
}

static struct de_world_entry new_entry(struct de_world *world, uint32_t i,
                                       const struct de_raft_event *event,
                                       const struct de_raft_persist *persist)
{
    struct de_world_entry entry;

    memset(&entry, 0, sizeof(entry));
    if (persist->source == DE_RAFT_FROM_CORE) {
        entry.term = persist->term;
        entry.type = persist->core_type;
        entry.value = ++world->next_value;
        if (persist->configuration != NULL) {
            entry.configuration = de_world_keep(world, persist->configuration);
        }
    } else if (event->type == DE_RAFT_EV_PROPOSE) {
        entry.term = persist->term;
        entry.type = event->entries[persist->skip + i].type;
        entry.bytes = event->entries[persist->skip + i].bytes;
        entry.value = ++world->next_value;
    } else {
        const struct de_raft_entry *meta = &event->message->entries[persist->skip + i];
        entry.term = meta->term;
        entry.type = meta->type;
        entry.bytes = meta->bytes;
        entry.value = world->delivering_values[persist->skip + i];
        if (meta->configuration != NULL) {
            entry.configuration = de_world_keep(world, meta->configuration);
        }
    }
    return entry;
}

static void carry_out_persist(struct de_world *world, struct de_world_server *server,
                              const struct de_raft_event *event,
                              const struct de_raft_persist *persist)
{
    struct de_world_write write;

    memset(&write, 0, sizeof(write));
    write.ticket = persist->ticket;
    write.hard_state = persist->hard_state;
    write.is_synced =
        persist->hard_state_changed || persist->truncate_from != 0 || persist->install_index != 0 ||
        (persist->source == DE_RAFT_FROM_CORE && persist->core_type == DENGINE_ENTRY_CONFIG);
    if (persist->install_index != 0) {
        struct de_raft_view view;
        de_raft_get_view(server->raft, &view);
        write.install_index = persist->install_index;
        write.install_term = persist->install_term;
        write.install_configuration = de_world_keep(world, view.configuration);
        de_world_log_reset(&server->log, write.install_index, write.install_term,
                           write.install_configuration);
    }
    if (persist->truncate_from != 0) {
        write.truncate_from = persist->truncate_from;
        de_world_log_truncate(&server->log, persist->truncate_from);
    }
    if (persist->count > 0) {
        write.first_index = persist->first_index;
        write.entries = grow(NULL, persist->count * sizeof(write.entries[0]));
        DE_WORLD_CHECK(world,
                       persist->first_index == server->log.base_index + server->log.count + 1,
                       "entries leave a gap");
        for (uint32_t i = 0; i < persist->count; i++) {
            write.entries[i] = new_entry(world, i, event, persist);
            write.is_synced |= write.entries[i].type == DENGINE_ENTRY_CONFIG;
            de_world_log_append(&server->log, &write.entries[i]);
        }
        write.count = persist->count;
    }
    queue_write(server, &write);
}

/* R3: an append is a range; it is filled in from the log as it is when it is sent. */
static bool fill(struct de_world *world, struct de_world_message *carried)
{
    struct de_raft_message *message = &carried->message;
    struct de_world_server *sender = de_world_find(world, message->from);

    carried->filled = true;
    if (message->type != DE_RAFT_MSG_APPEND) {
        return true;
    }
    if (!sender->up || sender->life != carried->sender_life ||
        (message->last_index > 0 &&
         de_world_term_at(&sender->log, message->last_index) != message->last_term)) {
        return false;
    }
    uint64_t count = message->last_index - message->prev_index;
    if (count == 0) {
        return true;
    }
    if (message->prev_index < sender->log.base_index) {
        return false;
    }
    carried->metas = grow(NULL, count * sizeof(carried->metas[0]));
    carried->values = grow(NULL, count * sizeof(carried->values[0]));
    for (uint64_t i = 0; i < count; i++) {
        const struct de_world_entry *entry =
            de_world_entry_at(&sender->log, message->prev_index + 1 + i);
        memset(&carried->metas[i], 0, sizeof(carried->metas[i]));
        carried->metas[i].term = entry->term;
        carried->metas[i].type = entry->type;
        carried->metas[i].bytes = entry->bytes;
        carried->metas[i].configuration = entry->configuration;
        carried->values[i] = entry->value;
    }
    message->entries = carried->metas;
    message->entry_count = (uint32_t)count;
    return true;
}

static void send(struct de_world *world, const struct de_world_server *server,
                 const struct de_raft_message *message)
{
    if (world->message_count == DE_WORLD_MESSAGES_MAX) {
        de_world_drop(world, 0);
    }
    struct de_world_message *carried = &world->messages[world->message_count++];
    memset(carried, 0, sizeof(*carried));
    carried->message = *message;
    carried->sender_life = server->life;
    if (!world->lazy && !fill(world, carried)) {
        de_world_drop(world, world->message_count - 1);
    }
}

static void carry_out_reads(struct de_world *world, struct de_world_server *server,
                            const struct de_raft_update *update)
{
    size_t kept = 0;

    if (update->read_ticket != 0 && server->read_count < DE_WORLD_READS_MAX) {
        server->reads[server->read_count].ticket = update->read_ticket;
        server->reads[server->read_count++].floor = world->committed_count;
    }
    for (size_t i = 0; i < server->read_count; i++) {
        uint64_t ticket = server->reads[i].ticket;
        if (ticket <= update->reads_released) {
            world->reads_served++;
            DE_WORLD_CHECK(world, world->is_hostile || update->read_index >= server->reads[i].floor,
                           "stale read on server %llu: index %llu, but %llu was committed before",
                           (unsigned long long)server->id, (unsigned long long)update->read_index,
                           (unsigned long long)server->reads[i].floor);
        } else if (ticket > update->reads_lost) {
            server->reads[kept++] = server->reads[i];
        }
    }
    server->read_count = kept;
}

/* R8: an accepted proposal ends once: committed where it was accepted, or overwritten; or nobody
 * can tell, when a snapshot takes the place of the log. */
static void carry_out_proposals(struct de_world *world, struct de_world_server *server,
                                const struct de_raft_event *event,
                                const struct de_raft_update *update)
{
    const struct de_raft_persist *persist = &update->persist;
    size_t kept = 0;

    if (persist->install_index != 0) {
        server->proposal_count = 0;
    }
    for (size_t i = 0; i < server->proposal_count; i++) {
        uint64_t index = server->proposals[i].index;
        if (persist->truncate_from != 0 && index >= persist->truncate_from) {
            world->proposals_overwritten++;
        } else if (index <= update->commit) {
            uint64_t term = de_world_term_at(&server->log, index);
            DE_WORLD_CHECK(
                world, term == server->proposals[i].term || term == 0 || world->is_hostile,
                "R8: a proposal at %llu was overwritten in silence", (unsigned long long)index);
            world->proposals_committed++;
        } else {
            server->proposals[kept++] = server->proposals[i];
        }
    }
    server->proposal_count = kept;
    if (update->proposed_index != 0 && event->type == DE_RAFT_EV_PROPOSE) {
        for (uint32_t i = 0; i < event->entry_count && kept < DE_WORLD_PROPOSALS_MAX; i++) {
            server->proposals[kept].index = update->proposed_index + i;
            server->proposals[kept++].term = update->proposed_term;
        }
        server->proposal_count = kept;
    }
}

static bool is_recovering(const struct de_world_server *server)
{
    struct de_raft_view view;

    de_raft_get_view(server->raft, &view);
    return view.recovering;
}

static void carry_out(struct de_world *world, struct de_world_server *server, int rc,
                      const struct de_raft_event *event, const struct de_raft_update *update)
{
    bool deadline_moved = update->deadline_ns != server->deadline_ns;

    world->steps++;
    server->deadline_ns = update->deadline_ns;
    de_world_check_messages(world, server, update);
    if (update->persist.ticket != 0) {
        carry_out_persist(world, server, event, &update->persist);
    }
    for (uint32_t i = 0; i < update->message_count; i++) {
        send(world, server, &update->messages[i]);
    }
    if (update->compact_to != 0) {
        struct de_world_write write;
        memset(&write, 0, sizeof(write));
        write.compact_to = update->compact_to;
        queue_write(server, &write);
        de_world_log_compact(&server->log, update->compact_to);
    }
    if (update->snapshot_to != 0) {
        server->streams |= UINT32_C(1) << update->snapshot_to;
    }
    if (world->out != NULL) {
        de_world_print_update(world, server, rc, update, deadline_moved);
    }
    DE_WORLD_CHECK(world, update->commit >= server->commit, "published commit shrinks");
    DE_WORLD_CHECK(world, update->commit <= server->disk.log.base_index + server->disk.log.count,
                   "server %llu is to apply %llu, which its disk does not have",
                   (unsigned long long)server->id, (unsigned long long)update->commit);
    server->commit = update->commit;
    if (server->disk.unclean && !is_recovering(server)) {
        server->disk.unclean = false;
        server->disk.forgotten_to = 0;
    }
    de_world_check_server(world, server);
    carry_out_reads(world, server, update);
    carry_out_proposals(world, server, event, update);
}

int de_world_step(struct de_world *world, struct de_world_server *server,
                  struct de_raft_event *event)
{
    struct de_raft_update update;
    struct de_raft_update twin_update;

    DE_ASSERT(server->up);
    event->now_ns = de_world_clock(world, server);
    int rc = de_raft_step(server->raft, event, &update);
    int twin_rc = de_raft_step(server->twin, event, &twin_update);
    DE_WORLD_CHECK(world, rc == twin_rc, "R6: twins return different errors");
    compare_twins(world, server, update, twin_update);
    if (rc != 0) { /* R7 */
        DE_WORLD_CHECK(world,
                       update.persist.ticket == 0 && update.message_count == 0 &&
                           update.proposed_index == 0 && update.read_ticket == 0,
                       "R7: a refused request did something");
    }
    carry_out(world, server, rc, event, &update);
    return rc;
}

/* The disk. */

bool de_world_disk_write(struct de_world *world, struct de_world_server *server)
{
    struct de_world_disk *disk = &server->disk;

    if (server->write_count == 0) {
        return false;
    }
    struct de_world_write write = server->writes[0];
    memmove(server->writes, server->writes + 1,
            (server->write_count - 1) * sizeof(server->writes[0]));
    server->write_count--;
    if (write.ticket == 0) {
        de_world_log_compact(&disk->log, write.compact_to);
        return true;
    }
    disk->hard_state = write.hard_state;
    if (write.install_index != 0) {
        de_world_log_reset(&disk->log, write.install_index, write.install_term,
                           write.install_configuration);
    }
    if (write.truncate_from != 0) {
        de_world_log_truncate(&disk->log, write.truncate_from);
    }
    for (uint64_t i = 0; i < write.count; i++) {
        DE_WORLD_CHECK(world, write.first_index + i == disk->log.base_index + disk->log.count + 1,
                       "a write leaves a gap on disk");
        de_world_log_append(&disk->log, &write.entries[i]);
    }
    free(write.entries);
    if (write.is_synced) {
        disk->synced_index = disk->log.base_index + disk->log.count;
        disk->synced_commit = disk->hard_state.commit;
    }
    server->written = write.ticket;
    return true;
}

void de_world_disk_tell(struct de_world *world, struct de_world_server *server, uint64_t ticket)
{
    struct de_raft_event event;

    memset(&event, 0, sizeof(event));
    event.type = DE_RAFT_EV_PERSISTED;
    event.ticket = ticket == 0 || ticket > server->written ? server->written : ticket;
    if (event.ticket > server->told) {
        server->told = event.ticket;
        de_world_step(world, server, &event);
    }
}

/* The network. */

void de_world_drop(struct de_world *world, size_t i)
{
    DE_ASSERT(i < world->message_count);
    free(world->messages[i].metas);
    free(world->messages[i].values);
    world->message_count--;
    memmove(&world->messages[i], &world->messages[i + 1],
            (world->message_count - i) * sizeof(world->messages[0]));
}

void de_world_deliver(struct de_world *world, size_t i, bool keep)
{
    struct de_raft_event event;

    DE_ASSERT(i < world->message_count);
    struct de_world_message *carried = &world->messages[i];
    struct de_world_server *receiver = de_world_find(world, carried->message.to);
    if (!carried->filled && !fill(world, carried)) {
        de_world_drop(world, i);
        return;
    }
    struct de_world_message delivered = *carried;
    if (keep) {
        size_t count = carried->message.entry_count;
        if (count > 0) {
            delivered.metas = grow(NULL, count * sizeof(delivered.metas[0]));
            delivered.values = grow(NULL, count * sizeof(delivered.values[0]));
            memcpy(delivered.metas, carried->metas, count * sizeof(delivered.metas[0]));
            memcpy(delivered.values, carried->values, count * sizeof(delivered.values[0]));
            delivered.message.entries = delivered.metas;
        }
    } else {
        carried->metas = NULL;
        carried->values = NULL;
        de_world_drop(world, i);
    }
    if (receiver != NULL && receiver->up) {
        memset(&event, 0, sizeof(event));
        event.type = DE_RAFT_EV_MESSAGE;
        event.message = &delivered.message;
        world->delivering_values = delivered.values;
        de_world_step(world, receiver, &event);
        world->delivering_values = NULL;
    }
    free(delivered.metas);
    free(delivered.values);
}

/* Requests. */

int de_world_propose(struct de_world *world, struct de_world_server *server, uint32_t count,
                     uint32_t bytes)
{
    struct de_raft_entry entries[64];
    struct de_raft_event event;

    DE_ASSERT(count <= DE_ARRAY_SIZE(entries));
    memset(entries, 0, sizeof(entries));
    memset(&event, 0, sizeof(event));
    for (uint32_t i = 0; i < count; i++) {
        entries[i].type = DENGINE_ENTRY_COMMAND;
        entries[i].bytes = bytes;
    }
    event.type = DE_RAFT_EV_PROPOSE;
    event.entries = entries;
    event.entry_count = count;
    return de_world_step(world, server, &event);
}

int de_world_read(struct de_world *world, struct de_world_server *server)
{
    struct de_raft_event event;

    memset(&event, 0, sizeof(event));
    event.type = DE_RAFT_EV_READ;
    return de_world_step(world, server, &event);
}

int de_world_change(struct de_world *world, struct de_world_server *server,
                    const struct de_raft_configuration *target)
{
    struct de_raft_event event;

    memset(&event, 0, sizeof(event));
    event.type = DE_RAFT_EV_CHANGE;
    event.configuration = target;
    return de_world_step(world, server, &event);
}

int de_world_transfer(struct de_world *world, struct de_world_server *server, uint64_t to)
{
    struct de_raft_event event;

    memset(&event, 0, sizeof(event));
    event.type = DE_RAFT_EV_TRANSFER;
    event.peer = to;
    return de_world_step(world, server, &event);
}

void de_world_deadline(struct de_world *world, struct de_world_server *server)
{
    struct de_raft_event event;

    memset(&event, 0, sizeof(event));
    event.type = DE_RAFT_EV_DEADLINE;
    de_world_step(world, server, &event);
}

void de_world_unreachable(struct de_world *world, struct de_world_server *server, uint64_t peer)
{
    struct de_raft_event event;

    memset(&event, 0, sizeof(event));
    event.type = DE_RAFT_EV_UNREACHABLE;
    event.peer = peer;
    de_world_step(world, server, &event);
}
