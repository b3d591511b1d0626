/* core/raft/replicate.c - the leader sends its log (Raft 5.3). */
#include "core/raft/raft_internal.h"

struct de_progress *de_peer(struct de_raft *raft, uint64_t id)
{
    int at = de_configuration_find(&raft->configurations.current, id);

    DE_ASSERT(raft->role == DE_RAFT_LEADER);
    if (at < 0 || id == raft->options.id) {
        return NULL;
    }
    DE_ASSERT(raft->peers[at].id == id);
    return &raft->peers[at];
}

void de_replicate_heartbeat(struct de_raft *raft)
{
    DE_ASSERT(raft->role == DE_RAFT_LEADER);
    DE_ASSERT(raft->options.heartbeat_interval_ns > 0);
    raft->leading.heartbeat = true;
    raft->leading.heartbeat_due_ns = raft->now_ns + raft->options.heartbeat_interval_ns;
    if (de_site(raft->options.sites, DE_SITE_EARLY_HEARTBEAT)) {
        raft->leading.heartbeat_due_ns = raft->now_ns + 1;
    }
}

/* The range (prev, last]; an empty one is a heartbeat. R3: the owner fills in the entries. */
static void send_append(struct de_raft *raft, struct de_progress *peer, uint64_t prev,
                        uint64_t last)
{
    struct de_raft_message *append = de_update_message(raft, DE_RAFT_MSG_APPEND, peer->id);

    DE_ASSERT(prev <= last && last <= raft->log.last_index);
    DE_ASSERT(prev == 0 || prev >= raft->log.base_index);
    DE_ASSERT_IMPLIES(prev == last, peer->next > last || prev == 0);
    append->prev_index = prev;
    append->prev_term = de_term_runs_at(&raft->log, prev);
    append->last_index = last;
    append->last_term = de_term_runs_at(&raft->log, last);
    append->commit = raft->commit;
    append->round = raft->reads.round;
    append->sent_ns = raft->now_ns;
    peer->commit_sent = raft->commit;
    peer->appended = true;
}

static void send_entries(struct de_raft *raft, struct de_progress *peer)
{
    uint64_t last = raft->log.last_index;

    DE_ASSERT(peer->next > raft->log.base_index && peer->next <= last);
    if (last - peer->next >= raft->options.append_entries_max) {
        last = peer->next + raft->options.append_entries_max - 1;
    }
    last = de_sizes_fit(&raft->sizes, peer->next, last, raft->options.append_bytes_max);
    if (last > peer->next && de_site(raft->options.sites, DE_SITE_SHORT_APPEND)) {
        last = peer->next;
    }
    send_append(raft, peer, peer->next - 1, last);
    de_progress_sent(peer, last);
    DE_ASSERT(peer->next == last + 1);
}

/* The window in bytes: what is on its way and not acknowledged. */
static bool has_room(const struct de_raft *raft, const struct de_progress *peer)
{
    uint64_t last = peer->next - 1;

    DE_ASSERT(last <= raft->log.last_index);
    DE_ASSERT(raft->options.window_bytes_max > 0);
    return peer->flight_count == 0 || last <= peer->match ||
           de_sizes_between(&raft->sizes, peer->match + 1, last) < raft->options.window_bytes_max;
}

/* A heartbeat claims nothing about entries that have left our log; else it stands where the next
 * append will, so that one lost before it is noticed. */
static void send_heartbeat(struct de_raft *raft, struct de_progress *peer)
{
    uint64_t prev = peer->next - 1;

    DE_ASSERT(!peer->appended);
    if (prev < raft->log.base_index) {
        prev = 0;
    }
    send_append(raft, peer, prev, prev);
}

static void replicate(struct de_raft *raft, struct de_progress *peer)
{
    DE_ASSERT(peer->id != raft->options.id);
    peer->appended = false;
    for (int i = 0; i < DE_BURST_MAX && peer->next <= raft->log.last_index; i++) {
        if (peer->next <= raft->log.base_index) {
            de_snapshot_start(raft, peer); /* whatever is on its way to it cannot match */
            break;
        }
        if (raft->log.base_index > 0 && de_site(raft->options.sites, DE_SITE_NEEDLESS_SNAPSHOT)) {
            de_snapshot_start(raft, peer);
            break;
        }
        if (!de_progress_may_send(peer) || !has_room(raft, peer) ||
            de_site(raft->options.sites, DE_SITE_FULL_WINDOW)) {
            break;
        }
        send_entries(raft, peer);
    }
    bool is_news = peer->state == DE_PROGRESS_REPLICATE && peer->commit_sent < raft->commit &&
                   !de_site(raft->options.sites, DE_SITE_LATE_NEWS);
    /* Who is withheld its entries learns of us at once all the same. */
    if (!peer->appended && (raft->leading.heartbeat || is_news || peer->withheld)) {
        send_heartbeat(raft, peer);
    }
    peer->withheld = false;
    DE_ASSERT(peer->next <= raft->log.last_index + 1);
}

void de_replicate_settle(struct de_raft *raft)
{
    const struct de_raft_configuration *configuration = &raft->configurations.current;

    DE_ASSERT(raft->role == DE_RAFT_LEADER);
    for (uint32_t i = 0; i < configuration->count; i++) {
        DE_ASSERT(raft->peers[i].id == configuration->members[i].id);
        if (raft->peers[i].id == raft->options.id) {
            continue;
        }
        if (de_change_withholds(raft, &configuration->members[i])) {
            raft->peers[i].withheld = true;
        } else {
            replicate(raft, &raft->peers[i]);
        }
    }
    raft->leading.heartbeat = false;
}

int de_replicate_on_unreachable(struct de_raft *raft, const struct de_raft_event *event)
{
    struct de_progress *peer = NULL;

    DE_ASSERT(event->type == DE_RAFT_EV_UNREACHABLE);
    DE_ASSERT(raft->halt_reason == NULL);
    if (raft->role == DE_RAFT_LEADER) {
        peer = de_peer(raft, event->peer);
    }
    if (peer != NULL && peer->state != DE_PROGRESS_SNAPSHOT) {
        de_progress_unreachable(peer);
    }
    return 0;
}
