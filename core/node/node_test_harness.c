#include "core/node/node_test_harness.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/assert.h"
#include "core/base/codec.h"
#include "core/node/batch.h"

static struct harness_member *member_of(struct harness *h, uint32_t i)
{
    DE_ASSERT(i < h->count);
    return &h->members[i];
}

/* ---- environment ---- */

static void free_message(struct harness_message *m)
{
    for (uint32_t i = 0; i < m->message.raft.entry_count; i++) {
        free((void *)(uintptr_t)m->message.entries[i].data.data);
    }
    free((void *)(uintptr_t)m->message.entries);
    free((void *)(uintptr_t)m->message.chunk.data.data);
    free(m);
}

static void note_append(struct harness *h, const struct de_peer_message *message)
{
    size_t bytes = 0;

    DE_ASSERT(message->raft.entry_count == message->raft.last_index - message->raft.prev_index);
    for (uint32_t i = 0; i < message->raft.entry_count; i++) {
        bytes += message->entries[i].data.size;
    }
    h->appends_sent += message->raft.entry_count > 0 ? 1 : 0;
    if (message->raft.entry_count > 1 && bytes > h->append_bytes_largest) {
        h->append_bytes_largest = bytes;
    }
}

/* Puts a copy at the end of the queue, if there is room. */
static void queue_copy(struct harness *h, const struct de_peer_message *message)
{
    const uint32_t count = message->raft.entry_count;
    struct dengine_entry *entries;
    struct harness_message *copy;

    if (h->message_count == HARNESS_QUEUE_MAX) {
        return;
    }
    copy = calloc(1, sizeof *copy);
    entries = calloc(count + 1, sizeof *entries);
    DE_ASSERT(copy != NULL && entries != NULL);
    for (uint32_t i = 0; i < count; i++) {
        entries[i] = message->entries[i];
        entries[i].data.data = harness_copy_bytes(entries[i].data.data, entries[i].data.size);
    }
    copy->message = *message;
    copy->message.entries = entries;
    copy->message.chunk.data.data =
        harness_copy_bytes(message->chunk.data.data, message->chunk.data.size);
    h->messages[h->message_count++] = copy;
}

void harness_repeat(struct harness *h, size_t position)
{
    DE_ASSERT(position < h->message_count);
    queue_copy(h, &h->messages[position]->message);
}

static void env_send(void *context, const struct de_peer_message *message)
{
    struct harness_member *member = context;
    struct harness *h = member->harness;

    DE_ASSERT(message->raft.from == member->id);
    if (message->raft.type == DE_RAFT_MSG_APPEND) {
        note_append(h, message);
        /* lease.h: whoever hears what is committed may show it. */
        DE_ASSERT(member->lease.index >= message->raft.commit || member->lease.until_ns == 0);
    }
    if (message->raft.type == DE_RAFT_MSG_TIMEOUT_NOW) {
        DE_ASSERT(member->lease.until_ns == 0); /* lease.h: it has ended for all threads */
        h->timeouts_sent++;
    } else if (message->raft.type == DE_RAFT_MSG_READ_REPLY && !message->raft.rejected) {
        DE_ASSERT(member->lease.index >= message->raft.commit || member->lease.until_ns == 0);
    }
    queue_copy(h, message);
}

static void env_arm(void *context, uint64_t deadline_ns)
{
    struct harness_member *member = context;

    member->deadline_ns = deadline_ns;
}

static void env_persist(void *context, struct de_persist_job *job)
{
    struct harness_member *member = context;

    DE_ASSERT(member->persist_count < HARNESS_QUEUE_MAX);
    member->persists[member->persist_count++] = job;
}

static void env_apply(void *context, struct de_apply_job *job)
{
    struct harness_member *member = context;

    DE_ASSERT(member->apply == NULL);
    member->apply = job;
    member->apply_run = false;
}

static void env_read_log(void *context, struct de_log_read_job *job)
{
    struct harness_member *member = context;

    DE_ASSERT(member->read_count < DE_ARRAY_SIZE(member->reads));
    member->reads[member->read_count++] = job;
}

static void env_run_task(void *context, struct de_node_task *task)
{
    struct harness_member *member = context;
    const uint32_t worker = task->worker;

    DE_ASSERT(worker < DE_WORKERS);
    DE_ASSERT(member->task_count[worker] < DE_ARRAY_SIZE(member->tasks[worker]));
    DE_ASSERT(worker != DE_WORKER_APPLIER || member->apply == NULL);
    member->tasks[worker][member->task_count[worker]++] = task;
}

static void env_changed(void *context, const struct de_node_status *status)
{
    struct harness_member *member = context;

    member->status = *status;
    member->changes++;
}

static void env_lease(void *context, const struct de_node_lease *lease)
{
    struct harness_member *member = context;

    member->lease = *lease;
    member->leases++;
}

static void env_halted(void *context, int err, const char *reason)
{
    struct harness_member *member = context;

    DE_ASSERT(strlen(reason) < sizeof member->halt_reason);
    member->halt_err = err;
    member->halts++;
    memcpy(member->halt_reason, reason, strlen(reason) + 1);
}

/* ---- the whole ---- */

struct harness *harness_new(uint32_t count, uint64_t seed)
{
    struct harness *h = calloc(1, sizeof *h);

    DE_ASSERT(h != NULL && count >= 1 && count <= HARNESS_NODES_MAX);
    h->count = count;
    h->initial_count = count;
    h->now_ns = 1000 * HARNESS_MS;
    de_random_init(&h->random, seed);
    de_node_limits_default(&h->limits);
    h->raft = (struct de_raft_options){
        .cluster_id = 7,
        .election_timeout_min_ns = 100 * HARNESS_MS,
        .election_timeout_max_ns = 200 * HARNESS_MS,
        .heartbeat_interval_ns = 20 * HARNESS_MS,
        .drift_ppm = 1000,
        .append_entries_max = 16,
        .append_bytes_max = 4096,
        .window_messages_max = 8,
        .window_bytes_max = 1 << 20,
        .uncommitted_bytes_max = 1 << 24,
        .term_runs_max = 64,
        .size_ring = 1024,
    };
    for (uint32_t i = 0; i < count; i++) {
        struct harness_member *member = &h->members[i];

        member->harness = h;
        member->id = i + 1;
        member->log.first_index = 1;
        member->log.created = true;
        de_test_heap_init(&member->heap);
    }
    return h;
}

struct de_member_addresses harness_addresses(uint64_t id)
{
    struct de_member_addresses addresses;

    memset(&addresses, 0, sizeof addresses);
    (void)snprintf(addresses.peer, sizeof addresses.peer, "peer%" PRIu64 ":1", id);
    (void)snprintf(addresses.client, sizeof addresses.client, "client%" PRIu64 ":2", id);
    return addresses;
}

int harness_start(struct harness *h, uint32_t i, char *message, size_t message_size)
{
    struct harness_member *member = member_of(h, i);
    struct de_node_options options = {
        .raft = h->raft,
        .limits = h->limits,
        .env = {member, env_send, env_arm, env_persist, env_apply, env_read_log, env_run_task,
                env_changed, env_lease, env_halted},
        .allocator = member->heap.allocator,
        .machine = harness_machine_table(&member->machine),
        .log = harness_log_store(&member->log),
        .snapshots = harness_snapshot_store(&member->snapshots),
    };

    DE_ASSERT(member->node == NULL);
    options.no_forwarding = h->no_forwarding;
    if (h->no_snapshots) {
        options.snapshots.ops = NULL;
    }
    options.raft.id = member->id;
    options.raft.seed = member->id + de_random_next(&h->random);
    for (uint32_t j = 0; i < h->initial_count && j < h->initial_count; j++) {
        const struct de_member_addresses addresses = harness_addresses(j + 1);

        DE_ASSERT(de_membership_add(&options.initial_membership, j + 1, DE_RAFT_VOTER, &addresses));
    }
    member->deadline_ns = UINT64_MAX;
    return de_node_new(&options, h->now_ns, &member->node, message, message_size);
}

void harness_crash(struct harness *h, uint32_t i)
{
    struct harness_member *member = member_of(h, i);

    if (member->node == NULL) {
        return;
    }
    de_node_stop(member->node);
    while (member->persist_count > 0) {
        (void)harness_report_persist(h, i, 0); /* not run: lost */
    }
    if (member->apply != NULL) {
        (void)harness_run_apply(h, i);
        (void)harness_report_apply(h, i);
    }
    while (harness_run_read(h, i)) {
    }
    for (uint32_t worker = 0; worker < DE_WORKERS; worker++) {
        while (harness_run_task(h, i, worker)) {
        }
    }
    while (harness_run_task(h, i, DE_WORKER_SNAPSHOTS)) {
    }
    DE_ASSERT(de_node_idle(member->node));
    de_node_free(member->node);
    member->node = NULL;
    DE_ASSERT(member->heap.blocks == 0);
}

void harness_lose_state(struct harness *h, uint32_t i)
{
    struct harness_machine *machine = &member_of(h, i)->machine;

    DE_ASSERT(h->members[i].node == NULL);
    machine->count = 0;
    machine->index = 0;
    machine->term = 0;
    machine->time_ns = 0;
}

void harness_free(struct harness *h)
{
    for (uint32_t i = 0; i < h->count; i++) {
        struct harness_member *member = &h->members[i];

        harness_crash(h, i);
        DE_ASSERT(member->heap.blocks == 0);
        harness_log_truncate(&member->log, member->log.first_index);
        free(member->log.entries);
        harness_machine_free(&member->machine);
        harness_snapshots_free(&member->snapshots);
    }
    harness_drop_all(h);
    for (size_t i = 0; i < h->request_count; i++) {
        DE_ASSERT(h->requests[i].outcomes == 1);
        free(h->requests[i].command);
    }
    free(h);
}

static void request_done(struct de_request *request, int status,
                         const struct dengine_result *result)
{
    struct harness_request *r = DE_CONTAINER_OF(request, struct harness_request, request);

    DE_ASSERT(r->outcomes == 0); /* R8 */
    DE_ASSERT((result != NULL) == (status == 0 && (request->type == DE_REQUEST_WRITE ||
                                                   request->type == DE_REQUEST_SNAPSHOT)));
    r->outcomes++;
    r->status = status;
    if (result != NULL) {
        r->result = *result;
    }
    r->reason = request->reason;
    /* As if freed: nobody may look at it again. */
    memset(request, 0xdd, sizeof *request);
}

static struct harness_request *new_request(struct harness *h, uint32_t i, uint32_t type)
{
    struct harness_request *r = &h->requests[h->request_count];

    DE_ASSERT(h->request_count < HARNESS_REQUESTS_MAX);
    r->harness = h;
    r->member = i;
    r->number = ++h->request_count;
    r->request.type = type;
    r->request.done = request_done;
    return r;
}

struct harness_request *harness_write(struct harness *h, uint32_t i, size_t size)
{
    struct harness_request *r = new_request(h, i, DE_REQUEST_WRITE);

    DE_ASSERT(size >= 8);
    r->command = calloc(1, size);
    DE_ASSERT(r->command != NULL);
    de_store_u64(r->command, r->number);
    r->request.command = dengine_bytes(r->command, size);
    de_node_submit(member_of(h, i)->node, &r->request, h->now_ns);
    return r;
}

struct harness_request *harness_admin(struct harness *h, uint32_t i, uint32_t type,
                                      const struct de_change *change, uint64_t target)
{
    struct harness_request *r = new_request(h, i, type);

    if (change != NULL) {
        r->change = *change;
        r->request.change = &r->change;
    }
    r->request.target = target;
    de_node_submit(member_of(h, i)->node, &r->request, h->now_ns);
    return r;
}

struct harness_request *harness_read(struct harness *h, uint32_t i)
{
    struct harness_request *r = new_request(h, i, DE_REQUEST_READ);

    de_node_submit(member_of(h, i)->node, &r->request, h->now_ns);
    return r;
}

struct harness_request *harness_snapshot(struct harness *h, uint32_t i)
{
    struct harness_request *r = new_request(h, i, DE_REQUEST_SNAPSHOT);

    de_node_submit(member_of(h, i)->node, &r->request, h->now_ns);
    return r;
}

void harness_flush(struct harness *h, uint32_t i)
{
    de_node_flush(member_of(h, i)->node, h->now_ns);
}

bool harness_run_persist(struct harness *h, uint32_t i)
{
    struct harness_member *member = member_of(h, i);
    struct de_persist_job *job;
    size_t count;
    int rc;

    if (member->persist_run == member->persist_count) {
        return false;
    }
    job = member->persists[member->persist_run++];
    job->next = NULL;
    rc = de_persist_jobs_run(job, harness_log_store(&member->log), &count);
    DE_ASSERT(rc == 0 && count == 1);
    return true;
}

bool harness_report_persist(struct harness *h, uint32_t i, int status)
{
    struct harness_member *member = member_of(h, i);
    struct de_persist_job *job;

    if (member->persist_count == 0) {
        return false;
    }
    job = member->persists[0];
    member->persist_count--;
    member->persist_run -= member->persist_run > 0 ? 1 : 0;
    memmove(&member->persists[0], &member->persists[1],
            member->persist_count * sizeof member->persists[0]);
    de_node_persisted(member->node, job, status, status != 0 ? "disk on fire" : "", h->now_ns);
    return true;
}

bool harness_run_apply(struct harness *h, uint32_t i)
{
    struct harness_member *member = member_of(h, i);

    if (member->apply == NULL || member->apply_run) {
        return false;
    }
    de_apply_job_run(member->apply);
    member->apply_run = true;
    return true;
}

bool harness_report_apply(struct harness *h, uint32_t i)
{
    struct harness_member *member = member_of(h, i);
    struct de_apply_job *job = member->apply;

    if (job == NULL || !member->apply_run) {
        return false;
    }
    member->apply = NULL;
    de_node_applied(member->node, job, h->now_ns);
    return true;
}

bool harness_run_read(struct harness *h, uint32_t i)
{
    struct harness_member *member = member_of(h, i);
    struct de_log_read_job *job = member->reads[0];

    if (member->read_count == 0) {
        return false;
    }
    member->read_count--;
    memmove(&member->reads[0], &member->reads[1], member->read_count * sizeof member->reads[0]);
    de_log_read_job_run(job, harness_log_store(&member->log));
    de_node_log_read(member->node, job, h->now_ns);
    return true;
}

bool harness_run_task(struct harness *h, uint32_t i, uint32_t worker)
{
    struct harness_member *member = member_of(h, i);
    struct de_node_task *task = member->tasks[worker][0];

    if (member->task_count[worker] == 0) {
        return false;
    }
    member->task_count[worker]--;
    memmove(&member->tasks[worker][0], &member->tasks[worker][1],
            member->task_count[worker] * sizeof member->tasks[worker][0]);
    de_node_task_run(task);
    de_node_task_done(member->node, task, h->now_ns);
    return true;
}

void harness_drain(struct harness *h, uint32_t i)
{
    bool worked = true;

    while (worked && member_of(h, i)->node != NULL) {
        worked = harness_run_persist(h, i);
        worked = harness_report_persist(h, i, 0) || worked;
        worked = harness_run_apply(h, i) || worked;
        worked = harness_report_apply(h, i) || worked;
        worked = harness_run_read(h, i) || worked;
        for (uint32_t worker = 0; worker < DE_WORKERS; worker++) {
            worked = harness_run_task(h, i, worker) || worked;
        }
    }
}

static struct harness_message *take_message(struct harness *h, size_t position)
{
    struct harness_message *m = h->messages[position];

    DE_ASSERT(position < h->message_count);
    h->message_count--;
    memmove(&h->messages[position], &h->messages[position + 1],
            (h->message_count - position) * sizeof h->messages[0]);
    return m;
}

struct harness_message *harness_hold(struct harness *h, size_t position)
{
    return take_message(h, position);
}

void harness_put_back(struct harness *h, struct harness_message *m)
{
    DE_ASSERT(h->message_count < HARNESS_QUEUE_MAX);
    h->messages[h->message_count++] = m;
}

void harness_deliver(struct harness *h, size_t position)
{
    struct harness_message *m = take_message(h, position);
    const uint64_t to = m->message.raft.to;

    if (to <= h->count && member_of(h, (uint32_t)to - 1)->node != NULL) {
        de_node_receive(member_of(h, (uint32_t)to - 1)->node, &m->message, h->now_ns);
    }
    free_message(m);
}

void harness_drop(struct harness *h, size_t position)
{
    free_message(take_message(h, position));
}

void harness_drop_all(struct harness *h)
{
    while (h->message_count > 0) {
        harness_drop(h, h->message_count - 1);
    }
}

void harness_fire(struct harness *h, uint32_t i)
{
    struct harness_member *member = member_of(h, i);

    DE_ASSERT(member->node != NULL && member->deadline_ns != UINT64_MAX);
    if (member->deadline_ns > h->now_ns) {
        h->now_ns = member->deadline_ns;
    }
    member->deadline_ns = UINT64_MAX;
    de_node_timer(member->node, h->now_ns);
}

void harness_settle(struct harness *h)
{
    size_t steps = 0;

    do {
        for (uint32_t i = 0; i < h->count; i++) {
            if (h->members[i].node != NULL) {
                harness_drain(h, i);
            }
        }
        if (h->message_count == 0) {
            break;
        }
        harness_deliver(h, 0);
    } while (++steps < 100000);
    DE_ASSERT(steps < 100000);
}

/* The member that is up and whose timer is due first; UINT32_MAX when there is none. */
static uint32_t next_timer(const struct harness *h)
{
    uint32_t next = UINT32_MAX;

    for (uint32_t i = 0; i < h->count; i++) {
        const struct harness_member *member = &h->members[i];

        if (member->node != NULL && member->deadline_ns != UINT64_MAX &&
            (next == UINT32_MAX || member->deadline_ns < h->members[next].deadline_ns)) {
            next = i;
        }
    }
    return next;
}

struct de_node_status harness_status(struct harness *h, uint32_t i)
{
    struct de_node_status status;

    de_node_get_status(member_of(h, i)->node, &status);
    return status;
}

void harness_elect(struct harness *h, uint32_t i)
{
    for (size_t steps = 0; steps < 10000; steps++) {
        const struct de_node_status status = harness_status(h, i);
        const uint32_t next = next_timer(h);

        if (status.raft.role == DE_RAFT_LEADER && status.raft.ready) {
            return;
        }
        DE_ASSERT(next != UINT32_MAX);
        if (next != i && h->members[next].status.raft.role != DE_RAFT_LEADER) {
            /* Not the one we want: its timer comes late. */
            h->members[next].deadline_ns += 1000 * HARNESS_MS;
            continue;
        }
        harness_fire(h, next);
        harness_settle(h);
    }
    DE_ASSERT(false);
}

size_t harness_applied_count(const struct harness *h, uint32_t i, uint64_t number)
{
    const struct harness_machine *machine = &h->members[i].machine;
    size_t count = 0;

    for (size_t k = 0; k < machine->count; k++) {
        count += machine->commands[k].number == number ? 1 : 0;
    }
    return count;
}

static void random_job(struct harness *h, uint32_t i)
{
    switch (de_random_below(&h->random, 7)) {
    case 0:
        (void)harness_run_persist(h, i);
        break;
    case 1:
        if (h->members[i].persist_run > 0) {
            (void)harness_report_persist(h, i, 0);
        }
        break;
    case 2:
        (void)harness_run_apply(h, i);
        break;
    case 3:
        (void)harness_report_apply(h, i);
        break;
    case 4:
        (void)harness_run_read(h, i);
        break;
    default:
        (void)harness_run_task(h, i, (uint32_t)de_random_below(&h->random, DE_WORKERS));
        break;
    }
}

static void random_message(struct harness *h, bool faults)
{
    size_t position = 0;

    if (h->message_count == 0) {
        return;
    }
    if (faults) {
        const struct de_raft_message *m;

        /* Mostly in order: what comes late is of little use to anybody. */
        position = de_random_below(&h->random, 4) != 0
                       ? 0
                       : (size_t)de_random_below(&h->random, h->message_count);
        m = &h->messages[position]->message.raft;
        if (de_random_below(&h->random, 20) == 0 || m->from == h->isolated ||
            m->to == h->isolated) {
            harness_drop(h, position);
            return;
        }
        if (de_random_below(&h->random, 20) == 0) {
            harness_repeat(h, position);
        }
    }
    harness_deliver(h, position);
}

/* A request, a partition or a crash. */
static void random_event(struct harness *h, uint32_t i, uint64_t what)
{
    if (what < 99 && h->request_count < HARNESS_REQUESTS_MAX) {
        if (what < 98) {
            (void)harness_write(h, i, 8 + (size_t)de_random_below(&h->random, 64));
        } else if (h->limits.snapshot_log_bytes_min < 4096 && de_random_below(&h->random, 4) == 0) {
            (void)harness_snapshot(h, i);
        } else {
            (void)harness_read(h, i);
        }
        if (de_random_below(&h->random, 4) != 0) {
            harness_flush(h, i);
        }
        return;
    }
    switch (de_random_below(&h->random, 6)) {
    case 0:
        harness_crash(h, i);
        if (h->power_cuts && de_random_below(&h->random, 2) == 0) {
            harness_lose_state(h, i);
        }
        break;
    case 1:
        h->isolated = i + 1;
        break;
    case 2:
        h->isolated = 0;
        break;
    default:
        break;
    }
}

void harness_random_step(struct harness *h, bool faults)
{
    const uint32_t i = (uint32_t)de_random_below(&h->random, h->count);
    const uint64_t what = de_random_below(&h->random, 100);

    if (h->members[i].node == NULL) {
        if (what < 20 || !faults) {
            const int rc = harness_start(h, i, NULL, 0);

            DE_ASSERT(rc == 0);
        }
    } else if (what < 45) {
        random_job(h, i);
    } else if (what < 91) {
        random_message(h, faults);
    } else if (what < 93) {
        const uint32_t next = next_timer(h);

        if (next != UINT32_MAX) {
            harness_fire(h, next);
        }
    } else if (faults) {
        random_event(h, i, what);
    }
}

void harness_append(struct harness *h, uint32_t i, uint64_t term, uint32_t type, const void *data,
                    size_t size)
{
    struct harness_log *log = &member_of(h, i)->log;
    const struct dengine_entry entry = {term, type, {data, size}};

    harness_log_add(log, &entry);
    log->created = false;
    if (log->hard_state.term < term) {
        log->hard_state.term = term;
        log->hard_state.vote = 0;
    }
}

void harness_append_command(struct harness *h, uint32_t i, uint64_t term, uint64_t number)
{
    uint8_t command[8];
    uint8_t payload[64];
    struct de_writer writer;

    de_store_u64(command, number);
    de_writer_init(&writer, payload, sizeof payload);
    de_batch_start(&writer, 1, h->members[i].machine.next_stamp_ns);
    de_batch_add(&writer, dengine_bytes(command, sizeof command));
    harness_append(h, i, term, DENGINE_ENTRY_COMMAND, payload, writer.size);
}
