/* See the header. */
#include "runtime/sim/test/oracle_bench.h"

int setup(void **state)
{
    struct bench *bench = calloc(1, sizeof(*bench));
    struct de_log_mirror empty;

    de_verdict_init(&bench->verdict);
    de_oracle_init(&bench->oracle, &bench->verdict, NODES);
    de_log_mirror_init(&empty);
    for (uint32_t id = 1; id <= NODES; id++) {
        de_oracle_booted(&bench->oracle, 0, id, &empty);
    }
    *state = bench;
    return 0;
}

int teardown(void **state)
{
    struct bench *bench = *state;

    de_oracle_deinit(&bench->oracle);
    free(bench);
    return 0;
}

void expect(struct bench *bench, const char *oracle)
{
    assert_string_equal(bench->verdict.oracle, oracle);
}

void submit(struct bench *bench, uint32_t id, uint64_t term, uint64_t vote, uint64_t entry_term,
            const char *data)
{
    struct dengine_entry entry = {entry_term, DENGINE_ENTRY_COMMAND,
                                  dengine_str(data == NULL ? "" : data)};
    struct dengine_log_write write = {.set_hard_state = true};

    write.hard_state.term = term;
    write.hard_state.vote = vote;
    if (data != NULL) {
        write.first_index = bench->oracle.nodes[id].memory.last + 1;
        write.entries = &entry;
        write.entry_count = 1;
    }
    de_oracle_submitted(&bench->oracle, 1, id, &write);
}

void store(struct bench *bench, uint32_t id, uint64_t term, uint64_t vote, uint64_t entry_term,
           const char *data)
{
    submit(bench, id, term, vote, entry_term, data);
    de_oracle_durable(&bench->oracle, 1, id, 1);
}

void truncate_from(struct bench *bench, uint32_t id, uint64_t index)
{
    struct dengine_log_write write = {.truncate_from = index};

    de_oracle_submitted(&bench->oracle, 1, id, &write);
    de_oracle_durable(&bench->oracle, 1, id, 1);
}

void step(struct bench *bench, uint32_t id, uint32_t role, uint64_t term, uint64_t commit)
{
    const struct de_oracle_node *node = &bench->oracle.nodes[id];
    struct de_raft_view view = {0};

    view.id = id;
    view.role = role;
    view.term = term;
    view.commit = commit;
    view.last_index = node->memory.last;
    view.last_term = de_log_mirror_term(&node->memory, node->memory.last);
    view.durable_index = node->durable.last;
    view.halt_reason = "";
    de_oracle_stepped(&bench->oracle, 2, id, &view);
}

void vote(struct bench *bench, uint64_t from, uint64_t to, uint64_t term)
{
    struct de_raft_message message = {.type = DE_RAFT_MSG_VOTE_REPLY, .granted = true};

    message.from = from;
    message.to = to;
    message.term = term;
    de_oracle_message(&bench->oracle, 3, &message);
}

void acknowledge(struct bench *bench, uint64_t from, uint64_t to, uint64_t term, uint64_t match)
{
    struct de_raft_message message = {.type = DE_RAFT_MSG_APPEND_REPLY};

    message.from = from;
    message.to = to;
    message.term = term;
    message.match = match;
    de_oracle_message(&bench->oracle, 3, &message);
}

void give_vote(struct bench *bench, uint32_t voter, uint32_t candidate, uint64_t term)
{
    store(bench, voter, term, candidate, 0, NULL);
    if (voter != candidate) {
        vote(bench, voter, candidate, term);
    }
}

void lead(struct bench *bench, uint32_t id, uint64_t term, uint64_t commit)
{
    give_vote(bench, id, id, term);
    give_vote(bench, id % NODES + 1, id, term);
    step(bench, id, DE_RAFT_LEADER, term, commit);
}
