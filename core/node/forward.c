#include "core/node/forward.h"

#include "core/base/assert.h"
#include "core/base/random.h"
#include "core/base/sometimes.h"
#include "core/node/batch.h"
#include "core/node/node_state.h"

/* Another one for each run of a node, whose clock has gone on. */
static void begin_run(struct de_node *node, uint64_t now_ns)
{
    struct de_forwarding *forwarding = &node->forwarding;

    DE_ASSERT(forwarding->sent_count == 0);
    forwarding->nonce = de_mix64(node->raft_options.seed ^ de_mix64(now_ns)) | 1;
    forwarding->number = 0;
    forwarding->doubtful = false;
    DE_ASSERT(forwarding->nonce != 0);
}

void de_node_forward_init(struct de_node *node, bool off, uint64_t now_ns)
{
    struct de_forwarding *forwarding = &node->forwarding;

    DE_ASSERT(forwarding->first == NULL && forwarding->sent_count == 0);
    forwarding->off = off;
    forwarding->last = &forwarding->first;
    begin_run(node, now_ns);
}

bool de_node_can_forward(const struct de_node *node)
{
    DE_ASSERT(node->inside);
    DE_ASSERT_IMPLIES(node->view.role == DE_RAFT_LEADER, node->view.leader != 0);
    return !node->forwarding.off && node->view.role != DE_RAFT_LEADER && node->view.leader != 0 &&
           !node->told_removed;
}

/* How long a follower waits for what only a leader can tell. */
static uint64_t patience_ns(const struct de_node *node)
{
    DE_ASSERT(node->raft_options.election_timeout_max_ns > 0);
    DE_ASSERT(node->raft_options.election_timeout_max_ns < DE_NODE_NEVER / 4);
    return 2 * node->raft_options.election_timeout_max_ns;
}

/* A new term of office: nothing of it has been decided on. */
static void begin_term(struct de_node *node)
{
    struct de_forwarding *forwarding = &node->forwarding;

    DE_ASSERT(forwarding->term <= node->view.term);
    if (node->view.role == DE_RAFT_LEADER && forwarding->term != node->view.term) {
        memset(forwarding->peers, 0, sizeof forwarding->peers);
        forwarding->last_index = 0;
        forwarding->term = node->view.term;
    }
    DE_ASSERT_IMPLIES(node->view.role == DE_RAFT_LEADER, forwarding->term == node->view.term);
}

/* ---- the follower ---- */

static void send_batch(struct de_node *node, const struct de_proposal *proposal,
                       struct de_entry_buffer *buffer)
{
    struct dengine_entry entry = de_entry_buffer_entry(buffer);
    const struct de_peer_message message = {
        .raft = {.type = DE_NODE_MSG_FORWARD,
                 .cluster_id = node->raft_options.cluster_id,
                 .from = node->raft_options.id,
                 .to = node->view.leader,
                 .term = proposal->term,
                 .last_index = 1,
                 .last_term = proposal->term,
                 .commit = node->forwarding.knew,
                 .round = proposal->number,
                 .sent_ns = node->forwarding.nonce,
                 .entry_count = 1},
        .entries = &entry,
    };

    DE_ASSERT(node->view.leader != node->raft_options.id);
    DE_ASSERT(proposal->number > 0 && proposal->index == 0);
    entry.term = proposal->term;
    node->env.send(node->env.context, &message);
}

bool de_node_forward_is_held(const struct de_node *node)
{
    const struct de_forwarding *forwarding = &node->forwarding;

    DE_ASSERT(node->inside);
    DE_ASSERT(forwarding->sent_count <= DE_FORWARDS_MAX);
    return forwarding->sent_count == DE_FORWARDS_MAX ||
           (forwarding->doubtful && forwarding->sent_count > 0 &&
            node->view.commit > forwarding->knew);
}

void de_node_forward(struct de_node *node, uint64_t now_ns)
{
    struct de_forwarding *forwarding = &node->forwarding;

    DE_ASSERT(de_node_can_forward(node));
    DE_ASSERT(node->staged_count == 0);
    if (forwarding->doubtful && forwarding->sent_count == 0 &&
        node->view.commit > forwarding->knew) {
        begin_run(node, now_ns);
    }
    while (node->waiting_writes.first != NULL && !de_node_forward_is_held(node)) {
        struct de_entry_buffer *buffer;
        struct de_proposal *proposal = de_node_make_batch(node, 0, &buffer);

        if (proposal == NULL) {
            continue; /* the requests have been answered */
        }
        forwarding->knew = forwarding->number == 0 ? node->view.commit : forwarding->knew;
        proposal->term = node->view.term;
        proposal->number = ++forwarding->number;
        proposal->deadline_ns = now_ns + patience_ns(node);
        de_proposal_list_push(&forwarding->sent, proposal);
        forwarding->sent_count++;
        send_batch(node, proposal, buffer);
        de_entry_buffer_unref(&node->allocator, buffer);
    }
    if (forwarding->sent.first != NULL) {
        de_node_wake_at(node, forwarding->sent.first->deadline_ns);
    }
}

/* Takes out the one with that number; NULL when there is none. */
static struct de_proposal *take_sent(struct de_node *node, uint64_t number)
{
    struct de_forwarding *forwarding = &node->forwarding;
    struct de_proposal *proposal = forwarding->sent.first;

    DE_ASSERT((proposal == NULL) == (forwarding->sent_count == 0));
    DE_ASSERT(forwarding->sent_count <= DE_FORWARDS_MAX);
    while (proposal != NULL && proposal->number != number) {
        proposal = proposal->next;
    }
    if (proposal != NULL) {
        de_proposal_list_remove(&forwarding->sent, proposal);
        forwarding->sent_count--;
    }
    return proposal;
}

/* What a leader's refusal is to those who asked here. */
static int refusal(const struct de_raft_message *reply)
{
    const int err = -(int)reply->hint_index;

    DE_ASSERT(reply->rejected);
    DE_ASSERT(reply->hint_index > 0 && reply->hint_index <= INT16_MAX);
    if (err == DENGINE_E_NOT_LEADER) {
        return DENGINE_E_NO_LEADER; /* they wait for the next one */
    }
    return dengine_outcome(err) == DENGINE_NOT_DONE ? err : DENGINE_E_UNKNOWN;
}

/* The requests of proposal wait again: nothing was done for them. */
static void take_back(struct de_node *node, struct de_proposal *proposal)
{
    struct de_request *request;

    DE_ASSERT(proposal->index == 0);
    DE_ASSERT(proposal->requests.first != NULL);
    while ((request = de_request_list_pop(&proposal->requests)) != NULL) {
        de_request_list_push(&node->waiting_writes, request);
    }
    de_release(&node->allocator, proposal);
}

/* The leader says what became of a batch. False: dropped. */
bool de_node_forward_answered(struct de_node *node, const struct de_raft_message *reply)
{
    struct de_proposal *proposal;

    DE_ASSERT(reply->type == DE_NODE_MSG_FORWARD_REPLY);
    DE_ASSERT(reply->to == node->raft_options.id);
    if (reply->sent_ns != node->forwarding.nonce) {
        return false; /* to an earlier run of this node */
    }
    proposal = take_sent(node, reply->round);
    if (proposal == NULL) {
        return false;
    }
    if (reply->rejected && refusal(reply) == DENGINE_E_NO_LEADER && de_node_can_forward(node) &&
        node->view.term > proposal->term) {
        take_back(node, proposal); /* this turn sends them to the one that leads now */
    } else if (reply->rejected) {
        de_node_end_proposal(node, proposal, refusal(reply));
    } else if (reply->last_index <= node->applying_to || reply->last_index <= node->applied) {
        /* It overtook the answer, and what it did here has not been kept. */
        de_node_end_proposal(node, proposal, DENGINE_E_UNKNOWN);
    } else {
        proposal->index = reply->last_index;
        proposal->term = reply->last_term;
        proposal->deadline_ns = DE_NODE_NEVER;
        de_proposal_list_push(&node->forwarding.accepted, proposal);
        de_node_resolve_orphans(node);
    }
    return true;
}

/* The leader that they were for leads no more: what it took in may still be committed. */
static void give_up_accepted(struct de_node *node, uint64_t now_ns)
{
    struct de_proposal_list *accepted = &node->forwarding.accepted;
    struct de_proposal *proposal = accepted->first;

    DE_ASSERT(node->inside);
    while (proposal != NULL) {
        struct de_proposal *next = proposal->next;

        DE_ASSERT(proposal->index > 0);
        DE_ASSERT(proposal->term <= node->view.term);
        if (proposal->term != node->view.term || node->view.leader == 0) {
            de_proposal_list_remove(accepted, proposal);
            proposal->deadline_ns = now_ns + node->raft_options.election_timeout_max_ns;
            de_proposal_list_push(&node->orphans, proposal);
        }
        proposal = next;
    }
}

void de_node_forward_turn(struct de_node *node, uint64_t now_ns)
{
    struct de_forwarding *forwarding = &node->forwarding;

    DE_ASSERT(de_node_running(node));
    DE_ASSERT((forwarding->sent.first == NULL) == (forwarding->sent_count == 0));
    begin_term(node);
    give_up_accepted(node, now_ns);
    while (forwarding->sent.first != NULL && forwarding->sent.first->deadline_ns <= now_ns) {
        struct de_proposal *proposal = take_sent(node, forwarding->sent.first->number);

        DE_ASSERT(proposal != NULL);
        forwarding->doubtful = true;
        de_node_end_proposal(node, proposal, DENGINE_E_UNKNOWN);
    }
    if (forwarding->sent.first != NULL) {
        de_node_wake_at(node, forwarding->sent.first->deadline_ns);
    }
}

/* ---- the leader ---- */

static void reply_to(struct de_node *node, const struct de_forwarded *forwarded, int err,
                     uint64_t index, uint64_t term)
{
    const struct de_peer_message message = {
        .raft = {.type = DE_NODE_MSG_FORWARD_REPLY,
                 .cluster_id = node->raft_options.cluster_id,
                 .from = node->raft_options.id,
                 .to = forwarded->from,
                 .term = node->view.term,
                 .last_index = index,
                 .last_term = term,
                 .round = forwarded->number,
                 .sent_ns = forwarded->nonce,
                 .rejected = err != 0,
                 .hint_index = (uint64_t)-err},
    };

    DE_ASSERT(err <= 0);
    DE_ASSERT_IMPLIES(err == 0, index > 0 && term > 0);
    node->env.send(node->env.context, &message);
}

static bool is_member(const struct de_node *node, uint64_t id)
{
    const struct de_raft_configuration *members = &node->book.current.configuration;
    uint32_t i = 0;

    DE_ASSERT(id != 0);
    DE_ASSERT(members->count <= DE_RAFT_MEMBERS_MAX);
    while (i < members->count && members->members[i].id != id) {
        i++;
    }
    return i < members->count;
}

/* Room for a member that nothing is known of: that of one whose removal is committed, since ids are
 * never used twice, or what is free. NULL: all are members, or may be members again. */
static struct de_forward_peer *add_peer(struct de_node *node, uint64_t id)
{
    const bool committed = node->book.current_index <= node->view.commit;
    struct de_forward_peer *peers = node->forwarding.peers;
    uint32_t i = 0;

    DE_ASSERT(is_member(node, id));
    while (i < DE_RAFT_MEMBERS_MAX && peers[i].id != 0 &&
           (!committed || is_member(node, peers[i].id))) {
        i++;
    }
    if (i == DE_RAFT_MEMBERS_MAX) {
        return NULL;
    }
    DE_SOMETIMES(peers[i].id != 0, "a leader forgets what a former member forwarded");
    peers[i] = (struct de_forward_peer){.id = id};
    return &peers[i];
}

/* What this leader knows of a follower; NULL: it is no member, or there is no room. */
static struct de_forward_peer *peer_of(struct de_node *node, uint64_t id)
{
    struct de_forwarding *forwarding = &node->forwarding;
    uint32_t i = 0;

    DE_ASSERT(forwarding->term > 0 && forwarding->term <= node->view.term);
    if (!is_member(node, id)) {
        return NULL;
    }
    while (i < DE_RAFT_MEMBERS_MAX && forwarding->peers[i].id != id) {
        i++;
    }
    return i < DE_RAFT_MEMBERS_MAX ? &forwarding->peers[i] : add_peer(node, id);
}

/* Where a new run that knew so much is remembered: if it must be, in the place of one that knew
 * less. DE_FORWARD_RUNS_MAX: nowhere. */
static uint32_t add_run(struct de_forward_peer *peer, uint64_t nonce, uint64_t knew)
{
    uint32_t at = 0;

    DE_ASSERT(peer->id != 0 && nonce != 0);
    DE_ASSERT(peer->runs <= DE_FORWARD_RUNS_MAX);
    if (peer->runs < DE_FORWARD_RUNS_MAX) {
        at = peer->runs++;
    } else {
        for (uint32_t i = 1; i < DE_FORWARD_RUNS_MAX; i++) {
            at = peer->knew[i] < peer->knew[at] ? i : at;
        }
        if (peer->knew[at] >= knew) {
            return DE_FORWARD_RUNS_MAX;
        }
        DE_SOMETIMES(true, "a leader forgets a run of a follower");
    }
    peer->nonces[at] = nonce;
    peer->numbers[at] = 0;
    peer->knew[at] = knew;
    return at;
}

/* Whether the number is to be decided on now, which is then noted. */
static bool is_new(struct de_node *node, const struct de_raft_message *message)
{
    struct de_forward_peer *peer = peer_of(node, message->from);
    uint32_t i = 0;

    DE_ASSERT(message->term == node->forwarding.term);
    if (peer == NULL) {
        return false;
    }
    while (i < peer->runs && peer->nonces[i] != message->sent_ns) {
        i++;
    }
    if (i == peer->runs) {
        i = add_run(peer, message->sent_ns, message->commit);
    }
    if (i == DE_FORWARD_RUNS_MAX) {
        return false; /* it may be one that was forgotten */
    }
    if (message->round <= peer->numbers[i]) {
        return false;
    }
    peer->numbers[i] = message->round;
    return true;
}

/* 0, or why this leader does not take the batch. */
static int check_batch(const struct de_node *node, const struct dengine_entry *entry)
{
    const uint32_t count = de_batch_count(entry->data);

    DE_ASSERT(node->limits.batch_commands_max > 0);
    DE_ASSERT(entry->type == DENGINE_ENTRY_COMMAND);
    if (count == 0) {
        return DENGINE_E_PROTOCOL;
    }
    if (count > node->limits.batch_commands_max ||
        entry->data.size > de_batch_size(count, node->limits.batch_bytes_max)) {
        return DENGINE_E_TOO_LARGE;
    }
    if (de_node_short_of_space(node)) {
        return DENGINE_E_NO_SPACE;
    }
    return node->forwarding.bytes + entry->data.size > node->limits.pending_bytes_max ||
                   DE_NODE_SITE(node, BUSY_LEADER)
               ? DENGINE_E_BUSY
               : 0;
}

/* 0: it waits to be proposed. */
static int queue_batch(struct de_node *node, const struct de_forwarded *what,
                       const struct dengine_entry *entry)
{
    struct de_forwarding *forwarding = &node->forwarding;
    struct de_forwarded *forwarded = de_allocate(&node->allocator, sizeof *forwarded);
    struct de_entry_buffer *buffer =
        de_entry_buffer_new(&node->allocator, (uint32_t)entry->data.size);

    DE_ASSERT(entry->data.size > 0);
    DE_ASSERT(what->number > 0 || what->nonce != 0);
    if (forwarded == NULL || buffer == NULL) {
        de_release(&node->allocator, forwarded);
        de_entry_buffer_unref(&node->allocator, buffer);
        return DENGINE_E_NO_MEMORY;
    }
    buffer->type = DENGINE_ENTRY_COMMAND;
    memcpy(de_entry_buffer_data(buffer), entry->data.data, entry->data.size);
    *forwarded = *what;
    forwarded->next = NULL;
    forwarded->buffer = buffer;
    *forwarding->last = forwarded;
    forwarding->last = &forwarded->next;
    forwarding->bytes += entry->data.size;
    return 0;
}

bool de_node_forward_arrived(struct de_node *node, const struct de_peer_message *message)
{
    const struct de_raft_message *raft = &message->raft;
    const struct de_forwarded what = {
        .from = raft->from, .nonce = raft->sent_ns, .number = raft->round};
    int err = 0;

    DE_ASSERT(raft->type == DE_NODE_MSG_FORWARD);
    DE_ASSERT(raft->entry_count == 1);
    begin_term(node);
    /* Unless this run of the node led that term, it is not known here whether it once was taken:
     * only silence is true in any case. */
    if (what.nonce == 0 || what.number == 0 || node->forwarding.term == 0 ||
        raft->term != node->forwarding.term || !is_new(node, raft)) {
        return false;
    }
    if (node->view.role != DE_RAFT_LEADER || node->view.term != raft->term) {
        err = DENGINE_E_NOT_LEADER; /* any more: it was not taken, and never will be */
    }
    err = err != 0 ? err : check_batch(node, message->entries);
    err = err != 0 ? err : queue_batch(node, &what, message->entries);
    if (err != 0) {
        reply_to(node, &what, err, 0, 0);
    }
    return err == 0;
}

static struct de_forwarded *take_first(struct de_node *node)
{
    struct de_forwarding *forwarding = &node->forwarding;
    struct de_forwarded *forwarded = forwarding->first;

    DE_ASSERT(forwarded != NULL);
    DE_ASSERT(forwarding->bytes >= forwarded->buffer->size);
    forwarding->first = forwarded->next;
    if (forwarding->first == NULL) {
        forwarding->last = &forwarding->first;
    }
    forwarding->bytes -= forwarded->buffer->size;
    return forwarded;
}

static void drop(struct de_node *node, struct de_forwarded *forwarded)
{
    DE_ASSERT(forwarded != NULL && forwarded->buffer != NULL);
    DE_ASSERT(forwarded != node->forwarding.first);
    de_entry_buffer_unref(&node->allocator, forwarded->buffer);
    de_release(&node->allocator, forwarded);
}

void de_node_propose_forwarded(struct de_node *node, uint64_t now_ns)
{
    struct de_forwarded *forwarded = take_first(node);
    int rc = DENGINE_E_NO_MEMORY;

    DE_ASSERT(node->view.role == DE_RAFT_LEADER);
    DE_ASSERT(node->staged_count == 0);
    if (de_node_reserve(node, 1)) {
        de_batch_set_time(de_entry_buffer_data(forwarded->buffer), de_node_stamp(node, now_ns));
        node->staged[0] = de_entry_buffer_ref(forwarded->buffer);
        node->staged_count = 1;
        rc = de_node_propose_staged(node, NULL, now_ns);
    }
    if (rc == 0) {
        DE_ASSERT(node->forwarding.term == node->update.proposed_term);
        node->forwarding.last_index = node->update.proposed_index;
    }
    /* Behind the entry itself, and before anything that says it is committed. */
    reply_to(node, forwarded, rc, rc == 0 ? node->update.proposed_index : 0,
             rc == 0 ? node->update.proposed_term : 0);
    drop(node, forwarded);
}

void de_node_refuse_forwarded(struct de_node *node, int err)
{
    DE_ASSERT(err != 0);
    DE_ASSERT(node->inside);
    while (node->forwarding.first != NULL) {
        struct de_forwarded *forwarded = take_first(node);

        reply_to(node, forwarded, err, 0, 0);
        drop(node, forwarded);
    }
    DE_ASSERT(node->forwarding.bytes == 0);
}

/* ---- the end ---- */

void de_node_forward_end(struct de_node *node)
{
    struct de_forwarding *forwarding = &node->forwarding;

    DE_ASSERT(!de_node_running(node));
    DE_ASSERT(node->inside);
    while (forwarding->sent.first != NULL) {
        struct de_proposal *proposal = take_sent(node, forwarding->sent.first->number);

        de_node_end_proposal(node, proposal, DENGINE_E_UNKNOWN);
    }
    while (forwarding->accepted.first != NULL) {
        struct de_proposal *proposal = forwarding->accepted.first;

        de_proposal_list_remove(&forwarding->accepted, proposal);
        de_node_end_proposal(node, proposal, DENGINE_E_UNKNOWN);
    }
    while (forwarding->first != NULL) {
        drop(node, take_first(node)); /* its sender hears nothing: UNKNOWN there */
    }
}
