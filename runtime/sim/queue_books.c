/* What must hold of locks and elections (queue_clients.h). */
#include <stdio.h>
#include <string.h>

#include "core/base/assert.h"
#include "runtime/sim/kernel.h"
#include "runtime/sim/queue_clients.h"

#define ULL(x) ((unsigned long long)(x))

void de_queue_books_fail(struct de_queue_clients *queues, const struct de_queue_client *client,
                         const char *oracle, const char *what)
{
    de_verdict_fail(queues->verdict, DE_VERDICT_CORRECTNESS, queues->caller.kernel->now_ns, oracle,
                    "client %u in queue %u: %s (lease %llu, place %llu, token %llu)",
                    client->endpoint, client->queue, what, ULL(client->lease),
                    ULL(client->turn.place.joined), ULL(client->turn.token));
}

bool de_queue_books_sure(const struct de_queue_clients *queues,
                         const struct de_queue_client *client)
{
    DE_ASSERT(!client->observes);
    return client->lease != 0 && de_keep_left_ns(&client->keep, queues->caller.kernel->now_ns) > 0;
}

static void check_overlap(struct de_queue_clients *queues, const struct de_queue_client *mine)
{
    for (uint32_t i = 0; i < queues->options.clients; i++) {
        const struct de_queue_client *other = &queues->clients[i];
        uint64_t from_ns;
        uint64_t until_ns;

        if (other == mine || other->queue != mine->queue || !de_turn_leads(&other->turn, true)) {
            continue;
        }
        from_ns = mine->first_ns > other->first_ns ? mine->first_ns : other->first_ns;
        until_ns = mine->keep.sure_until_ns < other->keep.sure_until_ns ? mine->keep.sure_until_ns
                                                                        : other->keep.sure_until_ns;
        if (from_ns < until_ns) {
            de_queue_books_fail(queues, mine, "queue-overlap",
                                "is first for certain while another one is, too");
        }
    }
}

/* Nobody who surely stands before it is passed over. */
static void check_order(struct de_queue_clients *queues, const struct de_queue_client *mine)
{
    const struct de_place *last = &queues->holders[mine->queue];

    if (last->joined != 0 && !de_place_is_before(last, &mine->turn.place)) {
        de_queue_books_fail(queues, mine, "queue-order", "is first after one who stood behind it");
    }
    if (mine->turn.token <= queues->tokens[mine->queue]) {
        de_queue_books_fail(queues, mine, "queue-order",
                            "has a token that is not greater than that of the one before");
    }
    for (uint32_t i = 0; i < queues->options.clients; i++) {
        const struct de_queue_client *other = &queues->clients[i];

        if (other != mine && !other->observes && other->queue == mine->queue &&
            other->turn.place.joined != 0 && de_queue_books_sure(queues, other) &&
            de_place_is_before(&other->turn.place, &mine->turn.place)) {
            de_queue_books_fail(queues, mine, "queue-order",
                                "is first although another one surely stands before it");
        }
    }
}

void de_queue_books_first(struct de_queue_clients *queues, struct de_queue_client *client)
{
    const uint64_t now_ns = queues->caller.kernel->now_ns;

    DE_ASSERT(client->turn.token != 0);
    client->first_ns = now_ns;
    if (!de_turn_leads(&client->turn, de_queue_books_sure(queues, client))) {
        de_queue_books_fail(queues, client, "queue-order",
                            "is told that it is first when its lease may have ended");
    }
    check_overlap(queues, client);
    check_order(queues, client);
    queues->tokens[client->queue] = client->turn.token;
    queues->holders[client->queue] = client->turn.place;
    queues->firsts++;
    queues->last_first_ns = now_ns;
}

void de_queue_books_renewed(struct de_queue_clients *queues, const struct de_queue_client *client)
{
    DE_ASSERT(client->lease != 0);
    if (de_turn_leads(&client->turn, true)) {
        check_overlap(queues, client);
    }
}

void de_queue_books_used(struct de_queue_clients *queues, const struct de_queue_client *client,
                         uint64_t before)
{
    DE_ASSERT(client->aim == DE_QUEUE_USE);
    queues->guarded++;
    if (before > client->turn.token) {
        de_queue_books_fail(queues, client, "queue-fence",
                            "writes what its lock guards after a later holder has");
    }
}

void de_queue_books_gone(struct de_queue_clients *queues, const struct de_queue_client *client)
{
    if (de_turn_leads(&client->turn, de_queue_books_sure(queues, client))) {
        de_queue_books_fail(queues, client, "queue-lost",
                            "is first for certain, and finds its place gone");
    }
}

void de_queue_books_looked(struct de_queue_clients *queues, const struct de_queue_client *client)
{
    uint8_t digits[DE_PLACE_DIGITS];

    for (uint32_t i = 0; client->look.first.joined != 0 && i < queues->options.clients; i++) {
        const struct de_queue_client *other = &queues->clients[i];
        const uint64_t left_ns = other->left_ns[client->queue];

        if (other->lease == 0 || left_ns == 0 || left_ns >= client->look_ns) {
            continue;
        }
        de_place_digits(other->lease, digits);
        if (memcmp(digits, client->look.first.digits, DE_PLACE_DIGITS) == 0) {
            de_queue_books_fail(queues, client, "queue-left",
                                "sees one stand first who had left and has not come back");
        }
    }
}

void de_queue_books_said(struct de_queue_clients *queues, uint32_t queue, uint64_t revision)
{
    DE_ASSERT(queue < DE_QUEUES && revision != 0);
    if (revision > queues->said[queue]) {
        queues->said[queue] = revision;
    }
}

void de_queue_books_seen(struct de_queue_clients *queues, struct de_queue_client *client)
{
    const uint64_t revision = de_look_leader(&client->look);
    uint64_t *seen = &client->seen[client->queue];

    DE_ASSERT(client->observes);
    queues->observed++;
    if (revision == 0) {
        return;
    }
    if (strncmp(client->value, "lead", 4) != 0) {
        de_queue_books_fail(queues, client, "queue-leader",
                            "sees a leader who does not know that it leads");
    } else if (revision < *seen || revision < client->floor) {
        de_queue_books_fail(queues, client, "queue-leader",
                            "sees a leader of before one who had led already");
    }
    *seen = revision;
}
