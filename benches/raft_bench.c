/* dengine-bench-raft: rounds of the consensus core alone, for counting instructions.
 *
 *   dengine-bench-raft write VOTERS BATCH ROUNDS    a round: BATCH entries are proposed at once,
 * and replicated, committed and applied everywhere dengine-bench-raft read  VOTERS BATCH ROUNDS a
 * round: BATCH reads, confirmed by a quorum
 *
 * No disk, no network, no clock: a write is durable when the next event is, and messages arrive in
 * order. All steps of the leader go through leader_step(), all of its followers through
 * follower_step(), so that callgrind can tell them apart; raft_instructions.sh does that, and takes
 * the difference of two numbers of rounds, in which the election cancels out. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/assert.h"
#include "core/raft/raft.h"

#define MS          UINT64_C(1000000)
#define VOTERS_MAX  5
#define BATCH_MAX   1000
#define QUEUE       256
#define ENTRY_BYTES 256

struct member {
    struct de_raft *raft;
    struct de_raft_update update;
    uint64_t done; /* ticket that it has been told of */
};

struct bench {
    struct member members[VOTERS_MAX];
    uint32_t voters;
    uint64_t now_ns;
    struct de_raft_message queue[QUEUE]; /* on their way, oldest at first */
    uint32_t first;
    uint32_t count;
    struct de_raft_entry entries[BATCH_MAX + 1]; /* payloads are not looked at */
    uint64_t committed;
    uint64_t released;
};

int leader_step(struct member *member, const struct de_raft_event *event);
int follower_step(struct member *member, const struct de_raft_event *event);

__attribute__((noinline)) int leader_step(struct member *member, const struct de_raft_event *event)
{
    return de_raft_step(member->raft, event, &member->update);
}

__attribute__((noinline)) int follower_step(struct member *member,
                                            const struct de_raft_event *event)
{
    return de_raft_step(member->raft, event, &member->update);
}

static void post(struct bench *bench, const struct member *member)
{
    for (uint32_t i = 0; i < member->update.message_count; i++) {
        DE_ASSERT(bench->count < QUEUE);
        bench->queue[(bench->first + bench->count++) % QUEUE] = member->update.messages[i];
    }
}

/* One event; then the write that it caused is durable, and its messages are on their way. */
static void step(struct bench *bench, struct member *member, struct de_raft_event *event)
{
    struct de_raft_event persisted = {.now_ns = bench->now_ns, .type = DE_RAFT_EV_PERSISTED};
    bool leads = member == &bench->members[0];

    event->now_ns = bench->now_ns;
    for (;;) {
        int rc = leads ? leader_step(member, event) : follower_step(member, event);
        DE_ASSERT(rc == 0);
        post(bench, member);
        if (leads && bench->released < member->update.reads_released) {
            bench->released = member->update.reads_released;
        }
        if (leads) {
            bench->committed = member->update.commit;
        }
        if (member->update.persist.ticket == 0) {
            return;
        }
        member->done = member->update.persist.ticket;
        persisted.ticket = member->done;
        event = &persisted;
    }
}

/* Until nothing is on its way any more. */
static void deliver(struct bench *bench)
{
    while (bench->count > 0) {
        struct de_raft_message message = bench->queue[bench->first];
        struct de_raft_event event = {.type = DE_RAFT_EV_MESSAGE, .message = &message};

        bench->first = (bench->first + 1) % QUEUE;
        bench->count--;
        if (message.type == DE_RAFT_MSG_APPEND && message.last_index > message.prev_index) {
            DE_ASSERT(message.last_index - message.prev_index <= BATCH_MAX);
            message.entries = bench->entries;
            message.entry_count = (uint32_t)(message.last_index - message.prev_index);
        }
        step(bench, &bench->members[message.to - 1], &event);
    }
}

static struct de_raft_options options_of(uint32_t id)
{
    return (struct de_raft_options){
        .id = id,
        .cluster_id = 1,
        .seed = id,
        .election_timeout_min_ns = 1000 * MS,
        .election_timeout_max_ns = 2000 * MS,
        .heartbeat_interval_ns = 100 * MS,
        .drift_ppm = 500,
        .append_entries_max = BATCH_MAX,
        .append_bytes_max = 1 << 20,
        .window_messages_max = 64,
        .window_bytes_max = 8 << 20,
        .uncommitted_bytes_max = 16 << 20,
        .term_runs_max = 1024,
        .size_ring = 65536,
    };
}

static void start(struct bench *bench, uint32_t i)
{
    struct de_raft_options options = options_of(i + 1);
    struct de_raft_configuration voters = {.count = bench->voters};
    struct de_raft_boot boot = {.now_ns = bench->now_ns, .first_boot = true};
    struct member *member = &bench->members[i];

    for (uint32_t j = 0; j < bench->voters; j++) {
        voters.members[j] = (struct de_raft_member){.id = j + 1, .flags = DE_RAFT_VOTER};
    }
    boot.configuration = &voters;
    void *memory = malloc(de_raft_size(&options));
    DE_ASSERT(memory != NULL);
    int rc = de_raft_init(memory, &options, &boot, &member->raft, &member->update);
    DE_ASSERT(rc == 0);
}

static void elect(struct bench *bench)
{
    struct de_raft_event event = {.type = DE_RAFT_EV_DEADLINE};
    struct de_raft_view view;

    bench->now_ns += 3000 * MS;
    step(bench, &bench->members[0], &event);
    deliver(bench);
    de_raft_get_view(bench->members[0].raft, &view);
    DE_ASSERT(view.role == DE_RAFT_LEADER && view.ready);
}

static void write_round(struct bench *bench, uint32_t batch)
{
    struct de_raft_event event = {
        .type = DE_RAFT_EV_PROPOSE, .entries = bench->entries, .entry_count = batch};
    uint64_t before = bench->committed;

    step(bench, &bench->members[0], &event);
    deliver(bench);
    DE_ASSERT(bench->committed == before + batch);
    for (uint32_t i = 0; i < bench->voters; i++) {
        DE_ASSERT(bench->members[i].update.commit == bench->committed);
    }
}

static void read_round(struct bench *bench, uint32_t batch)
{
    uint64_t before = bench->released;

    for (uint32_t i = 0; i < batch; i++) {
        struct de_raft_event event = {.type = DE_RAFT_EV_READ};
        step(bench, &bench->members[0], &event);
    }
    deliver(bench);
    DE_ASSERT(bench->released == before + batch);
}

static uint32_t number(const char *text, uint32_t most)
{
    unsigned long value = strtoul(text, NULL, 10);

    if (value < 1 || value > most) {
        fprintf(stderr, "dengine-bench-raft: %s is not a number from 1 to %" PRIu32 "\n", text,
                most);
        exit(2);
    }
    return (uint32_t)value;
}

int main(int argc, char **argv)
{
    static struct bench bench;
    bool writes = argc == 5 && strcmp(argv[1], "write") == 0;

    if (argc != 5 || (!writes && strcmp(argv[1], "read") != 0)) {
        fputs("Usage: dengine-bench-raft write|read VOTERS BATCH ROUNDS\n", stderr);
        return 2;
    }
    bench.voters = number(argv[2], VOTERS_MAX);
    uint32_t batch = number(argv[3], BATCH_MAX);
    uint32_t rounds = number(argv[4], 1000000);
    bench.now_ns = 1000 * MS;
    for (uint32_t i = 0; i <= BATCH_MAX; i++) {
        bench.entries[i].term = 1;
        bench.entries[i].type = DENGINE_ENTRY_COMMAND;
        bench.entries[i].bytes = ENTRY_BYTES;
    }
    for (uint32_t i = 0; i < bench.voters; i++) {
        start(&bench, i);
    }
    elect(&bench);
    for (uint32_t i = 0; i < rounds; i++) {
        if (writes) {
            write_round(&bench, batch);
        } else {
            read_round(&bench, batch);
        }
    }
    for (uint32_t i = 0; i < bench.voters; i++) {
        free(bench.members[i].raft); /* the object begins its memory */
    }
    printf("%" PRIu32 " rounds of %" PRIu32 "\n", rounds, batch);
    return 0;
}
