#include "client/queue.h"

#include <stdio.h>

#include "client/client_ops.h"
#include "client/monotonic.h"
#include "core/base/assert.h"

#define LEASE_MS_INITIAL 10000

int de_queue_init(struct de_queue *queue, struct dengine_client *client, struct dengine_slice name,
                  uint32_t lease_ms, void (*lost)(void *context), void *context)
{
    int err;

    *queue = (struct de_queue){.client = client, .lost = lost, .context = context};
    queue->lease_ms = lease_ms != 0 ? lease_ms : LEASE_MS_INITIAL;
    if (client == NULL || queue->lease_ms < DENGINE_KEEPER_TTL_MS_MIN) {
        de_client_set_last_error(client == NULL ? "there is no client"
                                                : "a lease lasts at least 100 ms");
        return DENGINE_E_INVALID;
    }
    err = de_queue_name_init(&queue->name, name);
    if (err != 0) {
        return err;
    }
    err = pthread_mutex_init(&queue->mutex, NULL);
    DE_ASSERT(err == 0);
    de_monotonic_condition_init(&queue->changed);
    return 0;
}

static struct dengine_slice own_key(const struct de_queue *queue)
{
    return dengine_bytes(queue->key, queue->name.size + DE_QUEUE_DIGITS);
}

/* From the keeper's thread. */
static void keeper_lost(void *context)
{
    struct de_queue *queue = context;
    bool tell;

    (void)pthread_mutex_lock(&queue->mutex);
    tell = queue->token != 0 && !queue->is_lost;
    if (tell) {
        queue->is_lost = true;
    }
    (void)pthread_cond_broadcast(&queue->changed);
    (void)pthread_mutex_unlock(&queue->mutex);
    if (tell && queue->lost != NULL) {
        queue->lost(queue->context);
    }
}

/* ---- joining ---- */

/* A lease and the key that goes with it, unless there is one. */
static int have_keeper(struct de_queue *queue)
{
    const struct dengine_keeper_options options = {keeper_lost, queue};
    char digits[DE_QUEUE_DIGITS + 1];
    struct dengine_keeper *keeper;
    int err;

    if (queue->keeper != NULL) {
        return 0;
    }
    err = dengine_keeper_open(queue->client, queue->lease_ms, &options, NULL, &keeper);
    if (err != 0) {
        return err;
    }
    (void)snprintf(digits, sizeof digits, "%016llx",
                   (unsigned long long)dengine_keeper_lease(keeper));
    memcpy(queue->key, queue->name.prefix, queue->name.size);
    memcpy(queue->key + queue->name.size, digits, DE_QUEUE_DIGITS);
    (void)pthread_mutex_lock(&queue->mutex);
    queue->keeper = keeper;
    (void)pthread_mutex_unlock(&queue->mutex);
    return 0;
}

/* Puts our key if `condition` is true, and says which revision that made; 0: it is not true. */
static int put_key(struct de_queue *queue, const struct dengine_compare *condition,
                   struct dengine_slice value, uint64_t *revision)
{
    const struct dengine_op put = {.type = DENGINE_OP_PUT,
                                   .key = own_key(queue),
                                   .value = value,
                                   .lease = dengine_keeper_lease(queue->keeper)};
    const struct dengine_op get = {.type = DENGINE_OP_GET, .key = own_key(queue)};
    const struct dengine_txn txn = {condition, 1, &put, 1, &get, 1};
    struct dengine_txn_result result;
    int err = dengine_txn(queue->client, &txn, NULL, &result);

    *revision = 0;
    if (err != 0) {
        queue->tainted = queue->tainted || dengine_outcome(err) == DENGINE_OUTCOME_UNKNOWN;
        return err;
    }
    DE_ASSERT(result.op_count == 1);
    if (result.succeeded) {
        *revision = result.revision;
    } else if (result.ops[0].pair_count == 1 && condition->target == DENGINE_COMPARE_ABSENCE) {
        /* An earlier attempt, whose outcome was not known, had been carried out. */
        *revision = result.ops[0].pairs[0].create_revision;
    }
    dengine_txn_result_free(&result);
    return 0;
}

/* Gets a place at the end of the queue, unless we have one. */
static int enter(struct de_queue *queue, struct dengine_slice value)
{
    struct de_queue_place place = queue->place;
    struct dengine_compare absent = {.target = DENGINE_COMPARE_ABSENCE, .relation = DENGINE_EQUAL};
    int err = have_keeper(queue);

    if (err != 0 || place.joined != 0) {
        return err;
    }
    absent.key = own_key(queue);
    err = put_key(queue, &absent, value, &place.joined);
    if (err == 0) {
        DE_ASSERT(place.joined != 0);
        memcpy(place.digits, queue->key + queue->name.size, DE_QUEUE_DIGITS);
        (void)pthread_mutex_lock(&queue->mutex);
        queue->place = place;
        (void)pthread_mutex_unlock(&queue->mutex);
    }
    return err;
}

static int lost_place(void)
{
    de_client_set_last_error("the place in the queue is gone: its lease has ended");
    return DENGINE_E_NO_LEASE;
}

static struct dengine_compare has_place(const struct de_queue *queue)
{
    struct dengine_compare compare = {.target = DENGINE_COMPARE_CREATE_REVISION,
                                      .relation = DENGINE_EQUAL,
                                      .key = own_key(queue),
                                      .number = queue->place.joined};

    DE_ASSERT(compare.key.size <= DE_QUEUE_KEY_MAX);
    return compare;
}

/* Nobody is before us any more: takes office, which gives the token. TIMEOUT when it is not certain
 * that our lease lives. */
static int take_office(struct de_queue *queue, struct dengine_slice value)
{
    const struct dengine_compare condition = has_place(queue);
    uint64_t token;
    bool sure;
    int err = put_key(queue, &condition, value, &token);

    if (err != 0 || token == 0) {
        return err != 0 ? err : lost_place();
    }
    DE_ASSERT(token > queue->place.joined);
    (void)pthread_mutex_lock(&queue->mutex);
    queue->is_lost = false;
    sure = dengine_keeper_left_ms(queue->keeper) > 0;
    queue->token = sure ? token : 0;
    (void)pthread_mutex_unlock(&queue->mutex);
    return sure ? 0 : DENGINE_E_TIMEOUT;
}

/* Whether the one before us is still there, without a look at all the others. */
static int look_before(struct de_queue *queue, const struct de_queue_place *before, bool *there)
{
    uint8_t bytes[DE_QUEUE_KEY_MAX];
    const struct dengine_scan scan = {.from = de_queue_key(&queue->name, before, bytes),
                                      .keys_only = true,
                                      .limit = 1,
                                      .consistency = DENGINE_LINEARIZABLE};
    struct dengine_page page;
    int err;

    DE_ASSERT(before->joined != 0);
    err = dengine_scan(queue->client, &scan, NULL, &page);
    *there = err == 0 && page.count == 1 && page.pairs[0].key.size == scan.from.size &&
             memcmp(page.pairs[0].key.data, bytes, scan.from.size) == 0 &&
             page.pairs[0].create_revision == before->joined;
    dengine_page_free(&page);
    return err;
}

/* One step: 0 when we are first, TIMEOUT when somebody is before us: then *look shows who. */
static int step(struct de_queue *queue, struct dengine_slice value, struct de_queue_look *look)
{
    bool there = false;
    int err = enter(queue, value);

    if (err == 0 && look->before.joined != 0 && dengine_keeper_left_ms(queue->keeper) > 0) {
        err = look_before(queue, &look->before, &there);
    }
    if (err != 0 || there) {
        return err != 0 ? err : DENGINE_E_TIMEOUT;
    }
    *look = (struct de_queue_look){.own = queue->place};
    err = de_queue_look(queue->client, &queue->name, false, look);
    if (err != 0) {
        return err;
    }
    if (!look->there) {
        return lost_place();
    }
    DE_ASSERT(look->first.joined <= queue->place.joined);
    return look->before.joined == 0 ? take_office(queue, value) : DENGINE_E_TIMEOUT;
}

static bool take_cancel(struct de_queue *queue)
{
    bool canceled;

    (void)pthread_mutex_lock(&queue->mutex);
    canceled = queue->canceled;
    queue->canceled = false;
    (void)pthread_mutex_unlock(&queue->mutex);
    return canceled;
}

static int end_keeper(struct de_queue *queue)
{
    struct dengine_keeper *keeper;

    (void)pthread_mutex_lock(&queue->mutex);
    keeper = queue->keeper;
    queue->keeper = NULL;
    (void)pthread_mutex_unlock(&queue->mutex);
    queue->tainted = false; /* a late put finds no lease */
    return dengine_keeper_close(keeper);
}

/* Leaves after err, which is what the caller is to hear of. */
static void give_up(struct de_queue *queue, int err)
{
    char reason[512];

    (void)snprintf(reason, sizeof reason, "%s", de_client_get_last_error());
    (void)de_queue_leave(queue);
    if (err == DENGINE_E_NO_LEASE) { /* known here before the keeper has heard of it */
        (void)end_keeper(queue);
    }
    de_client_set_last_error("%s", reason);
    DE_ASSERT(queue->place.joined == 0);
}

int de_queue_join(struct de_queue *queue, struct dengine_slice value, uint32_t timeout_ms)
{
    const uint64_t deadline_ns = de_monotonic_ns() + timeout_ms * DE_NS_PER_MS;
    struct de_queue_wait wait = {.pause_ns = DE_QUEUE_PAUSE_LEAST_NS};
    struct de_queue_look look = {0};
    int err;

    if (queue->token != 0) {
        de_client_set_last_error("it is held already; give it back first");
        return DENGINE_E_INVALID;
    }
    DE_ASSERT(queue->place.joined == 0);
    do {
        err = step(queue, value, &look);
    } while (err != 0 && de_queue_passes(err) && de_queue_rest(queue, &wait, &look, deadline_ns));
    de_queue_wait_end(&wait);
    if (take_cancel(queue)) {
        err = DENGINE_E_CANCELED;
    }
    if (err != 0) {
        give_up(queue, err);
    }
    return err;
}

/* ---- leaving ---- */

/* What is known of our place is over, whatever the cluster still has. True: there was one. */
static bool forget(struct de_queue *queue)
{
    bool was_there;

    (void)pthread_mutex_lock(&queue->mutex);
    was_there = queue->place.joined != 0;
    DE_ASSERT_IMPLIES(queue->token != 0, was_there);
    queue->place = (struct de_queue_place){0};
    queue->token = 0;
    (void)pthread_mutex_unlock(&queue->mutex);
    return was_there;
}

int de_queue_leave(struct de_queue *queue)
{
    const bool was_there = forget(queue);

    if (queue->keeper == NULL) {
        return 0;
    }
    DE_ASSERT_IMPLIES(was_there, own_key(queue).size <= DE_QUEUE_KEY_MAX);
    if (!queue->tainted && dengine_keeper_left_ms(queue->keeper) > 0 &&
        (!was_there || dengine_delete(queue->client, own_key(queue), NULL) == 0)) {
        return 0; /* the lease serves the next time, too */
    }
    return end_keeper(queue);
}

int de_queue_deinit(struct de_queue *queue)
{
    int err;

    (void)forget(queue);
    err = end_keeper(queue);
    DE_ASSERT(queue->keeper == NULL);
    (void)pthread_cond_destroy(&queue->changed);
    (void)pthread_mutex_destroy(&queue->mutex);
    return err;
}

/* ---- being first ---- */

void de_queue_cancel(struct de_queue *queue)
{
    (void)pthread_mutex_lock(&queue->mutex);
    queue->canceled = true;
    (void)pthread_cond_broadcast(&queue->changed);
    (void)pthread_mutex_unlock(&queue->mutex);
}

bool de_queue_is_first(struct de_queue *queue)
{
    bool result;

    (void)pthread_mutex_lock(&queue->mutex);
    DE_ASSERT_IMPLIES(queue->token != 0, queue->keeper != NULL);
    result = queue->token != 0 && !queue->is_lost && dengine_keeper_left_ms(queue->keeper) > 0;
    (void)pthread_mutex_unlock(&queue->mutex);
    return result;
}

uint64_t de_queue_token(struct de_queue *queue)
{
    uint64_t token;

    (void)pthread_mutex_lock(&queue->mutex);
    token = queue->token;
    (void)pthread_mutex_unlock(&queue->mutex);
    return token;
}

struct dengine_compare de_queue_guard(struct de_queue *queue)
{
    struct dengine_compare guard;

    (void)pthread_mutex_lock(&queue->mutex);
    guard = has_place(queue);
    if (queue->token == 0) {
        guard.number = UINT64_MAX; /* no key has been created at the end of time */
    }
    DE_ASSERT(guard.number != 0);
    (void)pthread_mutex_unlock(&queue->mutex);
    return guard;
}

int de_queue_say(struct de_queue *queue, struct dengine_slice value)
{
    const struct dengine_compare guard = de_queue_guard(queue);
    uint64_t revision;
    int err;

    if (!de_queue_is_first(queue)) {
        de_client_set_last_error("it is not held");
        return DENGINE_E_NO_LEASE;
    }
    err = put_key(queue, &guard, value, &revision);
    DE_ASSERT_IMPLIES(err != 0, revision == 0);
    return err == 0 && revision == 0 ? lost_place() : err;
}
