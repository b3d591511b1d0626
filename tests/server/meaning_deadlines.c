/* Calls of a node that knows no leader: each ends by its deadline, and says what became of it. An
 * engine says TIMEOUT, and so may a client of servers; or NO_LEADER, for it has asked them. */
#include "core/base/assert.h"
#include "tests/server/meaning.h"

static const struct dengine_call_options brief = {.timeout_ms = 100};

static void say_written(struct de_meaning *m, const char *what, int err)
{
    static const char *const outcomes[] = {
        [DENGINE_DONE] = "done", [DENGINE_NOT_DONE] = "not done", [DENGINE_OUTCOME_UNKNOWN] = "?"};

    (void)fprintf(m->out, "%s: %s\n", what, outcomes[dengine_outcome(err)]);
}

static void say_read(struct de_meaning *m, const char *what, int err)
{
    const bool late = err == DENGINE_E_TIMEOUT || err == DENGINE_E_NO_LEADER;

    (void)fprintf(m->out, "%s: %s\n", what, late ? "no answer" : dengine_error_name(err));
}

static void writes(struct de_meaning *m)
{
    const struct dengine_slice k = DENGINE_STR("k");
    const struct dengine_op put = {.type = DENGINE_OP_PUT, .key = DENGINE_STR("k")};
    const struct dengine_txn txn = {.then_ops = &put, .then_count = 1};
    struct dengine_client *c = m->client;
    struct dengine_txn_result result;
    uint64_t number = 77;
    bool succeeded = true;

    say_written(m, "put", dengine_put(c, k, k, &brief));
    say_written(m, "put with", dengine_put_with(c, k, k, NULL, &brief, &number));
    de_say_number(m, "revision", number);
    say_written(m, "delete", dengine_delete(c, k, &brief));
    say_written(m, "delete a range", dengine_delete_range(c, k, DENGINE_STR("l"), &brief, &number));
    de_say_number(m, "count", number);
    say_written(m, "swap", dengine_compare_and_swap(c, k, NULL, k, &brief, &succeeded));
    de_say_number(m, "succeeded", succeeded);
    say_written(m, "txn", dengine_txn(c, &txn, &brief, &result));
    de_say_txn(m, &result);
    say_written(m, "grant", dengine_lease_grant(c, 1000, &brief, &number));
    de_say_number(m, "lease", number);
    say_written(m, "keep alive", dengine_lease_keep_alive(c, 1, &brief));
    say_written(m, "revoke", dengine_lease_revoke(c, 1, &brief));
}

static void reads(struct de_meaning *m, enum dengine_consistency policy)
{
    const struct dengine_slice k = DENGINE_STR("k");
    const struct dengine_scan scan = {.consistency = policy};
    struct dengine_client *c = m->client;
    struct dengine_lease_page leases;
    struct dengine_lease_info info;
    struct dengine_value value;
    struct dengine_page page;

    say_read(m, "get", dengine_get(c, k, policy, &brief, &value));
    say_read(m, "get several", dengine_get_multi(c, &k, 1, policy, &brief, &page));
    de_say_page(m, &page);
    say_read(m, "scan", dengine_scan(c, &scan, &brief, &page));
    de_say_page(m, &page);
    say_read(m, "look", dengine_lease_look(c, 1, policy, &brief, &info));
    say_read(m, "list", dengine_lease_list(c, 0, policy, &brief, &leases));
    de_say_leases(m, &leases);
}

void de_meaning_deadlines(struct de_meaning *m)
{
    writes(m);
    for (int policy = DENGINE_DEFAULT; policy <= DENGINE_EVENTUAL; policy++) {
        reads(m, (enum dengine_consistency)policy);
    }
}
