/* Locks and elections: taken, waited for in vain, given back, guarded, lost. */
#include <stdatomic.h>

#include <dengine/election.h>

#include "tests/server/meaning.h"

#define HOUR_MS  3600000
#define WAIT_MS  20000
#define BRIEF_MS 50

static void count_lost(void *context)
{
    (void)atomic_fetch_add((atomic_int *)context, 1);
}

/* What is written under the guard of a lock or an election, if that is held. */
static void write_guarded(struct de_meaning *m, const char *what, struct dengine_compare guard)
{
    const struct dengine_op op = {
        .type = DENGINE_OP_PUT, .key = DENGINE_STR("guarded"), .value = DENGINE_STR("1")};
    const struct dengine_txn txn = {&guard, 1, &op, 1, NULL, 0};
    struct dengine_txn_result result;

    de_say(m, dengine_txn(m->client, &txn, NULL, &result), "write under %s", what);
    de_say_txn(m, &result);
}

/* The keys in the queue of name, with their values and leases. */
static void say_queue(struct de_meaning *m, const char *from, const char *end)
{
    const struct dengine_scan scan = {.from = dengine_str(from), .end = dengine_str(end)};
    struct dengine_page page;

    de_say(m, dengine_scan(m->client, &scan, NULL, &page), "look at the queue");
    de_say_number(m, "in it", page.count);
    for (size_t i = 0; i < page.count; i++) {
        de_say_bytes(m, "owner", page.pairs[i].value);
    }
    dengine_page_free(&page);
}

static void say_lock(struct de_meaning *m, struct dengine_lock *lock)
{
    de_say_number(m, "held", dengine_lock_held(lock));
    de_say_revision(m, "token", dengine_lock_token(lock));
}

/* Whoever holds it loses its lease to somebody else's hand. */
static void lose(struct de_meaning *m, struct dengine_slice from, struct dengine_slice end)
{
    const struct dengine_scan scan = {.from = from, .end = end};
    struct dengine_page page;

    de_say(m, dengine_scan(m->client, &scan, NULL, &page), "look who is first");
    if (page.count > 0) {
        de_say(m, dengine_lease_revoke(m->client, page.pairs[0].lease, NULL), "end its lease");
    }
    dengine_page_free(&page);
}

static void two_locks(struct de_meaning *m)
{
    const struct dengine_lock_options one = {.lease_ms = HOUR_MS, .owner = DENGINE_STR("one")};
    const struct dengine_lock_options two = {.lease_ms = HOUR_MS, .owner = DENGINE_STR("two")};
    struct dengine_lock *first = NULL;
    struct dengine_lock *second = NULL;

    de_say(m, dengine_lock_open(m->client, DENGINE_STR("lock"), &one, &first), "open a lock");
    de_say(m, dengine_lock_open(m->client, DENGINE_STR("lock"), &two, &second), "open it again");
    say_lock(m, first);
    write_guarded(m, "a lock that was never held", dengine_lock_guard(first));
    de_say(m, dengine_lock_release(first), "release what is not held");
    de_say(m, dengine_lock_acquire(first, WAIT_MS), "acquire");
    say_lock(m, first);
    say_queue(m, "lock/", "lock0");
    de_say(m, dengine_lock_acquire(first, WAIT_MS), "acquire what is held");
    de_say(m, dengine_lock_acquire(second, 0), "acquire without waiting");
    de_say(m, dengine_lock_acquire(second, BRIEF_MS), "acquire in vain");
    dengine_lock_cancel(second);
    de_say(m, dengine_lock_acquire(second, WAIT_MS), "acquire what was canceled");
    say_lock(m, second);
    say_queue(m, "lock/", "lock0");
    write_guarded(m, "a lock that is held", dengine_lock_guard(first));
    de_say(m, dengine_lock_release(first), "release");
    say_lock(m, first);
    write_guarded(m, "a lock that was released", dengine_lock_guard(first));
    de_say(m, dengine_lock_acquire(second, WAIT_MS), "acquire as the next");
    say_lock(m, second);
    de_say(m, dengine_lock_close(first), "close");
    de_say(m, dengine_lock_close(second), "close while it is held");
    say_queue(m, "lock/", "lock0");
}

/* Its lease is ended by somebody: the guard tells at once, and the holder not before it asks. */
static void a_lost_lock(struct de_meaning *m)
{
    atomic_int lost = 0;
    const struct dengine_lock_options options = {
        .lease_ms = HOUR_MS, .lost = count_lost, .context = &lost};
    struct dengine_lock *lock = NULL;

    de_say(m, dengine_lock_open(m->client, DENGINE_STR("lock"), &options, &lock), "open a lock");
    de_say(m, dengine_lock_acquire(lock, WAIT_MS), "acquire");
    lose(m, DENGINE_STR("lock/"), DENGINE_STR("lock0"));
    write_guarded(m, "a lock that is lost", dengine_lock_guard(lock));
    de_say(m, dengine_lock_release(lock), "release what is lost");
    de_say(m, dengine_lock_acquire(lock, WAIT_MS), "acquire again, and hear of the lost place");
    de_say(m, dengine_lock_acquire(lock, WAIT_MS), "acquire again");
    say_lock(m, lock);
    de_say(m, dengine_lock_close(lock), "close");
    de_say_number(m, "told to be lost", (uint64_t)atomic_load(&lost));
}

static void bad_locks(struct de_meaning *m)
{
    static char name[DENGINE_LOCK_NAME_MAX + 1] = {'n'};
    const struct dengine_lock_options hasty = {.lease_ms = 99};
    struct dengine_lock *lock = NULL;

    de_say(m, dengine_lock_open(m->client, DENGINE_STR(""), NULL, &lock), "lock without a name");
    de_say(m, dengine_lock_open(m->client, dengine_bytes(name, sizeof name), NULL, &lock),
           "lock with too long a name");
    de_say(m, dengine_lock_open(m->client, DENGINE_STR("lock"), &hasty, &lock),
           "lock with too short a lease");
}

static void say_election(struct de_meaning *m, struct dengine_election *election)
{
    de_say_number(m, "leading", dengine_election_leading(election));
    de_say_revision(m, "token", dengine_election_token(election));
}

static void observe(struct de_meaning *m, struct dengine_leader_info *known, uint32_t timeout_ms)
{
    de_say(m, dengine_election_observe(m->client, DENGINE_STR("office"), timeout_ms, known),
           "observe");
    de_say_revision(m, "since", known->revision);
    de_say_number(m, "by a lease", known->lease != 0);
    de_say_bytes(m, "who says", dengine_bytes(known->value.data, known->value.size));
}

static void an_election(struct de_meaning *m)
{
    const struct dengine_election_options options = {.lease_ms = HOUR_MS};
    struct dengine_leader_info known = {0};
    struct dengine_election *first = NULL;
    struct dengine_election *second = NULL;
    const struct dengine_slice name = DENGINE_STR("office");

    observe(m, &known, 0);
    de_say(m, dengine_election_open(m->client, name, &options, &first), "open an election");
    de_say(m, dengine_election_open(m->client, name, &options, &second), "open it again");
    de_say(m, dengine_election_proclaim(first, DENGINE_STR("x")), "proclaim too early");
    de_say(m, dengine_election_campaign(first, DENGINE_STR("a"), WAIT_MS), "campaign");
    say_election(m, first);
    observe(m, &known, WAIT_MS);
    observe(m, &known, BRIEF_MS);
    de_say(m, dengine_election_campaign(first, DENGINE_STR("b"), WAIT_MS), "campaign as leader");
    de_say(m, dengine_election_campaign(second, DENGINE_STR("b"), BRIEF_MS), "campaign in vain");
    de_say(m, dengine_election_proclaim(second, DENGINE_STR("x")), "proclaim without an office");
    de_say(m, dengine_election_proclaim(first, DENGINE_STR("a, still")), "proclaim");
    observe(m, &known, WAIT_MS);
    write_guarded(m, "an office", dengine_election_guard(first));
    de_say(m, dengine_election_resign(first), "resign");
    say_election(m, first);
    write_guarded(m, "an office that was left", dengine_election_guard(first));
    observe(m, &known, WAIT_MS);
    de_say(m, dengine_election_campaign(second, DENGINE_STR("b"), WAIT_MS), "campaign as the next");
    lose(m, DENGINE_STR("office/"), DENGINE_STR("office0"));
    de_say(m, dengine_election_proclaim(second, DENGINE_STR("x")), "proclaim what is lost");
    say_election(m, second);
    de_say(m, dengine_election_close(second), "close what is lost");
    de_say(m, dengine_election_close(first), "close");
    dengine_leader_info_free(&known);
}

void de_meaning_locks(struct de_meaning *m)
{
    two_locks(m);
    a_lost_lock(m);
    bad_locks(m);
    an_election(m);
}
