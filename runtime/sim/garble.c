#include "runtime/sim/garble.h"

#include <string.h>

#include "core/base/assert.h"
#include "runtime/sim/memory.h"

/* How: false when this message cannot be garbled so. */
typedef bool garbling(struct de_garbled *garbled, const struct de_raft_view *receiver,
                      struct de_dice *dice);

/* An id that no cluster of a run has: they are small. */
#define STRANGER UINT64_C(1000)

static struct de_raft_message *raft_of(struct de_garbled *garbled)
{
    return &garbled->message.raft;
}

/* ---- the envelope ---- */

static bool other_cluster(struct de_garbled *garbled, const struct de_raft_view *receiver,
                          struct de_dice *dice)
{
    (void)receiver;
    (void)dice;
    raft_of(garbled)->cluster_id++;
    garbled->what = "a message of another cluster";
    return true;
}

static bool no_type(struct de_garbled *garbled, const struct de_raft_view *receiver,
                    struct de_dice *dice)
{
    (void)receiver;
    raft_of(garbled)->type = de_dice_chance(dice, 500000) ? 0 : 20;
    garbled->what = "a message of no known type";
    return true;
}

static bool for_another(struct de_garbled *garbled, const struct de_raft_view *receiver,
                        struct de_dice *dice)
{
    (void)receiver;
    if (de_dice_chance(dice, 500000)) {
        raft_of(garbled)->to = STRANGER;
    } else {
        raft_of(garbled)->from = raft_of(garbled)->to;
    }
    garbled->what = "a message for somebody else, or of oneself";
    return true;
}

/* Only a refused pre-vote has no term. */
static bool bad_term(struct de_garbled *garbled, const struct de_raft_view *receiver,
                     struct de_dice *dice)
{
    (void)receiver;
    raft_of(garbled)->term =
        de_dice_chance(dice, 500000) && raft_of(garbled)->type != DE_RAFT_MSG_VOTE_REPLY
            ? 0
            : UINT64_MAX;
    garbled->what = "a message of a term that there cannot be";
    return true;
}

/* ---- what it says ---- */

static bool bad_position(struct de_garbled *garbled, const struct de_raft_view *receiver,
                         struct de_dice *dice)
{
    struct de_raft_message *raft = raft_of(garbled);

    (void)receiver;
    garbled->what = "a message about entries that there cannot be";
    if (raft->type == DE_RAFT_MSG_VOTE_REQUEST) {
        switch (de_dice_below(dice, 4)) {
        case 0:
            raft->prev_term = raft->term;
            break;
        case 1:
            raft->config_index = raft->prev_index + 1;
            break;
        case 2:
            raft->config_term = raft->term;
            break;
        default:
            raft->prev_term = 0;
            raft->prev_index++;
        }
        return true;
    }
    if (raft->type == DE_RAFT_MSG_APPEND && raft->entry_count == 0) {
        raft->prev_index = de_dice_chance(dice, 500000) ? 0 : UINT64_MAX;
        raft->prev_term = 1;
        raft->last_index = raft->prev_index;
        raft->last_term = 1;
        return true;
    }
    return false;
}

static bool both_votes(struct de_garbled *garbled, const struct de_raft_view *receiver,
                       struct de_dice *dice)
{
    (void)receiver;
    (void)dice;
    raft_of(garbled)->pre_vote = true;
    raft_of(garbled)->transfer = true;
    garbled->what = "a question for a vote that is tentative and urgent";
    return raft_of(garbled)->type == DE_RAFT_MSG_VOTE_REQUEST;
}

/* "At most one leader per term" (Raft 5.2). */
static bool second_leader(struct de_garbled *garbled, const struct de_raft_view *receiver,
                          struct de_dice *dice)
{
    (void)dice;
    raft_of(garbled)->from = STRANGER;
    garbled->what = "an append of a second leader of the term";
    return raft_of(garbled)->type == DE_RAFT_MSG_APPEND && receiver->leader != 0 &&
           raft_of(garbled)->term == receiver->term;
}

static bool empty_snapshot(struct de_garbled *garbled, const struct de_raft_view *receiver,
                           struct de_dice *dice)
{
    (void)receiver;
    raft_of(garbled)->last_index *= de_dice_below(dice, 2);
    raft_of(garbled)->last_term = 0;
    garbled->what = "a snapshot of no entry";
    return raft_of(garbled)->type == DE_RAFT_MSG_SNAPSHOT;
}

/* An answer to what was never asked. */
static bool unasked(struct de_garbled *garbled, const struct de_raft_view *receiver,
                    struct de_dice *dice)
{
    struct de_raft_message *raft = raft_of(garbled);

    if (receiver->role != DE_RAFT_LEADER || raft->term != receiver->term) {
        return false;
    }
    garbled->what = "an answer to what was not asked";
    if (raft->type == DE_RAFT_MSG_READ_REQUEST) {
        raft->round = 0;
        return true;
    }
    switch (de_dice_below(dice, 4)) {
    case 0:
        raft->match = receiver->last_index + 1;
        break;
    case 1:
        raft->round = UINT64_MAX;
        break;
    case 2:
        raft->sent_ns = UINT64_MAX;
        break;
    default:
        raft->promise_ns = UINT64_MAX;
    }
    return raft->type == DE_RAFT_MSG_APPEND_REPLY;
}

/* ---- entries ---- */

/* One of them, to be changed; NULL: there is none. */
static struct dengine_entry *any_entry(struct de_garbled *garbled, struct de_dice *dice)
{
    const uint32_t count = raft_of(garbled)->entry_count;

    if (raft_of(garbled)->type != DE_RAFT_MSG_APPEND || count == 0) {
        return NULL;
    }
    garbled->entries = de_sim_allocate(count * sizeof(garbled->entries[0]));
    memcpy(garbled->entries, garbled->message.entries, count * sizeof(garbled->entries[0]));
    garbled->message.entries = garbled->entries;
    return &garbled->entries[de_dice_below(dice, count)];
}

static bool bad_range(struct de_garbled *garbled, const struct de_raft_view *receiver,
                      struct de_dice *dice)
{
    struct de_raft_message *raft = raft_of(garbled);
    struct dengine_entry *entry = any_entry(garbled, dice);

    (void)receiver;
    if (entry == NULL) {
        return false;
    }
    garbled->what = "an append whose entries do not fit it";
    switch (de_dice_below(dice, 3)) {
    case 0:
        raft->last_index++;
        break;
    case 1:
        raft->last_index = raft->prev_index - 1;
        break;
    default:
        entry->term = de_dice_chance(dice, 500000) ? 0 : raft->term + 1;
    }
    return true;
}

static bool bad_type(struct de_garbled *garbled, const struct de_raft_view *receiver,
                     struct de_dice *dice)
{
    struct dengine_entry *entry = any_entry(garbled, dice);

    (void)receiver;
    if (entry == NULL) {
        return false;
    }
    garbled->what = "an entry of no known type";
    entry->type = 9;
    return true;
}

/* Cut short, or one byte of what stands in front (core/node/batch.h, config_codec.h) is 255: no
 * version and no flag has that number, and no batch or configuration so many parts. A no-op has
 * bytes. */
static bool bad_payload(struct de_garbled *garbled, const struct de_raft_view *receiver,
                        struct de_dice *dice)
{
    static const size_t telling[] = {0, 1, 2, 3, 7};
    struct dengine_entry *entry = any_entry(garbled, dice);
    const size_t size = entry == NULL ? 0 : entry->data.size;

    (void)receiver;
    if (entry == NULL) {
        return false;
    }
    garbled->what = "an entry whose contents are none";
    garbled->payload = de_sim_allocate_zeroed(size + 1);
    if (size > 0) {
        memcpy(garbled->payload, entry->data.data, size);
    }
    entry->data = dengine_bytes(garbled->payload, size);
    if (entry->type == DENGINE_ENTRY_NOOP) {
        entry->data.size++;
    } else if (de_dice_chance(dice, 500000)) {
        entry->data.size = de_dice_below(dice, size);
    } else {
        garbled->payload[telling[de_dice_below(dice, DE_ARRAY_SIZE(telling))]] = 255;
    }
    return true;
}

/* A configuration names a member twice, or with a flag that there is not, or says nothing of where
 * it lives: the parts of its first member (config_codec.h). */
static bool bad_member(struct de_garbled *garbled, const struct de_raft_view *receiver,
                       struct de_dice *dice)
{
    enum {
        MEMBERS = 16, /* where they begin: id u64, flags u32, u32 size of the rest, the rest */
        FLAGS = MEMBERS + 8,
        REST = FLAGS + 4,
        ADDRESS = REST + 4 + 1,
    };
    static const size_t telling[] = {FLAGS + 3, REST + 3, ADDRESS};
    struct dengine_entry *entry = any_entry(garbled, dice);
    size_t at;

    (void)receiver;
    if (entry == NULL || entry->type != DENGINE_ENTRY_CONFIG || entry->data.size <= ADDRESS) {
        return false;
    }
    garbled->what = "an entry whose configuration is none";
    at = telling[de_dice_below(dice, DE_ARRAY_SIZE(telling))];
    garbled->payload = de_sim_allocate(entry->data.size);
    memcpy(garbled->payload, entry->data.data, entry->data.size);
    garbled->payload[at] = at == ADDRESS ? 0 : 255;
    entry->data.data = garbled->payload;
    return true;
}

/* ---- what nodes say to one another beside their cores ---- */

/* No run calls itself 0, and none has a batch of that number. */
static bool no_run(struct de_garbled *garbled, const struct de_raft_view *receiver,
                   struct de_dice *dice)
{
    (void)receiver;
    garbled->what = "forwarded writes of no run, or of no number";
    if (de_dice_chance(dice, 500000)) {
        raft_of(garbled)->sent_ns = 0;
    } else {
        raft_of(garbled)->round = 0;
    }
    return raft_of(garbled)->type == DE_NODE_MSG_FORWARD ||
           raft_of(garbled)->type == DE_NODE_MSG_FORWARD_REPLY;
}

static bool bad_chunk(struct de_garbled *garbled, const struct de_raft_view *receiver,
                      struct de_dice *dice)
{
    struct de_peer_chunk *chunk = &garbled->message.chunk;

    (void)receiver;
    garbled->what = "a chunk, or an answer to one, that there cannot be";
    switch (de_dice_below(dice, 5)) {
    case 0:
        chunk->image_bytes = 0;
        break;
    case 1:
        chunk->offset = chunk->image_bytes + 1;
        break;
    case 2:
        raft_of(garbled)->last_index = 0;
        break;
    case 3:
        raft_of(garbled)->last_term = 0;
        break;
    default:
        chunk->answer = 9;
    }
    return raft_of(garbled)->type == DE_NODE_MSG_CHUNK ||
           raft_of(garbled)->type == DE_NODE_MSG_CHUNK_REPLY;
}

static garbling *const node_garblings[] = {other_cluster, for_another, no_run, bad_chunk};

static garbling *const garblings[] = {
    other_cluster, no_type,       for_another,    bad_term,    bad_position,
    both_votes,    second_leader, empty_snapshot, unasked,     bad_range,
    bad_type,      bad_payload,   bad_member,     bad_payload, bad_member,
};

/* Of the count ways, one that fits the message, beginning anywhere. */
static void garble_so(struct de_garbled *garbled, const struct de_peer_message *message,
                      const struct de_raft_view *receiver, struct de_dice *dice,
                      garbling *const *ways, size_t count)
{
    const size_t first = de_dice_below(dice, count);

    DE_ASSERT(count > 0);
    for (size_t i = 0; i < count; i++) {
        *garbled = (struct de_garbled){.message = *message};
        if (ways[(first + i) % count](garbled, receiver, dice)) {
            return;
        }
        de_garbled_free(garbled);
    }
    DE_UNREACHABLE("of every message there is one of another cluster");
}

void de_garble(struct de_garbled *garbled, const struct de_peer_message *message,
               const struct de_raft_view *receiver, struct de_dice *dice)
{
    if (message->raft.type < DE_RAFT_MSG_VOTE_REQUEST ||
        message->raft.type > DE_RAFT_MSG_SNAPSHOT) {
        garble_so(garbled, message, receiver, dice, node_garblings, DE_ARRAY_SIZE(node_garblings));
    } else {
        garble_so(garbled, message, receiver, dice, garblings, DE_ARRAY_SIZE(garblings));
    }
}

void de_garbled_free(struct de_garbled *garbled)
{
    de_sim_free(garbled->entries);
    de_sim_free(garbled->payload);
    garbled->entries = NULL;
    garbled->payload = NULL;
}
