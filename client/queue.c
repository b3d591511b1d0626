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
    de_turn_init(&queue->turn);
    err = pthread_mutex_init(&queue->mutex, NULL);
    DE_ASSERT(err == 0);
    de_monotonic_condition_init(&queue->changed);
    return 0;
}

static struct dengine_slice own_key(const struct de_queue *queue)
{
    return dengine_bytes(queue->key, queue->name.size + DE_PLACE_DIGITS);
}

/* From the keeper's thread. */
static void keeper_lost(void *context)
{
    struct de_queue *queue = context;
    bool tell;

    (void)pthread_mutex_lock(&queue->mutex);
    tell = de_turn_lose(&queue->turn);
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
    struct dengine_keeper *keeper;
    int err;

    if (queue->keeper != NULL) {
        return 0;
    }
    err = dengine_keeper_open(queue->client, queue->lease_ms, &options, NULL, &keeper);
    if (err != 0) {
        return err;
    }
    memcpy(queue->key, queue->name.prefix, queue->name.size);
    de_place_digits(dengine_keeper_lease(keeper), queue->key + queue->name.size);
    (void)pthread_mutex_lock(&queue->mutex);
    queue->keeper = keeper;
    (void)pthread_mutex_unlock(&queue->mutex);
    return 0;
}

/* Whether our lease lives for certain. */
static bool is_sure(const struct de_queue *queue)
{
    return queue->keeper != NULL && dengine_keeper_left_ms(queue->keeper) > 0;
}

/* Puts our key if `condition` is true, else reads it. */
static void put_key(struct de_queue *queue, const struct dengine_compare *condition,
                    struct dengine_slice value, struct de_turn_put *done)
{
    const struct dengine_op put = {.type = DENGINE_OP_PUT,
                                   .key = own_key(queue),
                                   .value = value,
                                   .lease = dengine_keeper_lease(queue->keeper)};
    const struct dengine_op get = {.type = DENGINE_OP_GET, .key = own_key(queue)};
    const struct dengine_txn txn = {condition, 1, &put, 1, &get, 1};
    struct dengine_txn_result result;

    *done = (struct de_turn_put){.err = dengine_txn(queue->client, &txn, NULL, &result)};
    if (done->err != 0) {
        return;
    }
    DE_ASSERT(result.op_count == 1);
    done->succeeded = result.succeeded;
    if (result.succeeded) {
        done->revision = result.revision;
    } else if (result.ops[0].pair_count == 1) {
        done->found = result.ops[0].pairs[0].create_revision;
    }
    dengine_txn_result_free(&result);
}

static int lost_place(int err)
{
    if (err == DENGINE_E_NO_LEASE) {
        de_client_set_last_error("the place in the queue is gone: its lease has ended");
    }
    return err;
}

static int enter(struct de_queue *queue, struct dengine_slice value)
{
    const struct dengine_compare absent = {
        .target = DENGINE_COMPARE_ABSENCE, .relation = DENGINE_EQUAL, .key = own_key(queue)};
    struct de_turn_put put;
    int err;

    put_key(queue, &absent, value, &put);
    (void)pthread_mutex_lock(&queue->mutex);
    err = de_turn_entered(&queue->turn, &put, queue->key + queue->name.size);
    (void)pthread_mutex_unlock(&queue->mutex);
    return err;
}

static struct dengine_compare created_at(const struct de_queue *queue, uint64_t revision)
{
    struct dengine_compare compare = {.target = DENGINE_COMPARE_CREATE_REVISION,
                                      .relation = DENGINE_EQUAL,
                                      .key = own_key(queue),
                                      .number = revision};

    DE_ASSERT(compare.key.size <= DE_QUEUE_KEY_MAX);
    return compare;
}

static int take_office(struct de_queue *queue, struct dengine_slice value)
{
    const struct dengine_compare condition = created_at(queue, queue->turn.place.joined);
    struct de_turn_put put;
    int err;

    put_key(queue, &condition, value, &put);
    (void)pthread_mutex_lock(&queue->mutex);
    err = de_turn_took_office(&queue->turn, &put, is_sure(queue));
    (void)pthread_mutex_unlock(&queue->mutex);
    return lost_place(err);
}

/* Whether the one before us is still there, without a look at all the others. */
static int look_before(struct de_queue *queue)
{
    const struct de_place *before = &queue->turn.before;
    uint8_t bytes[DE_QUEUE_KEY_MAX];
    const struct dengine_scan scan = {.from = de_queue_key(&queue->name, before, bytes),
                                      .keys_only = true,
                                      .limit = 1,
                                      .consistency = DENGINE_LINEARIZABLE};
    struct dengine_page page;
    bool there;
    int err;

    DE_ASSERT(before->joined != 0);
    err = dengine_scan(queue->client, &scan, NULL, &page);
    if (err == 0) {
        there = page.count == 1 && page.pairs[0].key.size == scan.from.size &&
                memcmp(page.pairs[0].key.data, bytes, scan.from.size) == 0 &&
                page.pairs[0].create_revision == before->joined;
        de_turn_looked_before(&queue->turn, there);
    }
    dengine_page_free(&page);
    return err;
}

static int look_at_all(struct de_queue *queue, struct de_queue_wait *wait)
{
    struct de_queue_look look = {.keys = {.own = queue->turn.place}};
    int err = de_queue_look(queue->client, &queue->name, false, &look);

    DE_ASSERT(look.value.owner == NULL);
    if (err != 0) {
        return err;
    }
    wait->seen = look.keys.seen;
    return lost_place(de_turn_looked(&queue->turn, &look.keys));
}

/* Steps until there is nothing to do: 0 when we are first, TIMEOUT when somebody is before us. */
static int step(struct de_queue *queue, struct dengine_slice value, struct de_queue_wait *wait)
{
    int err = have_keeper(queue);

    if (err == 0) {
        de_turn_begin(&queue->turn, is_sure(queue));
    }
    while (err == 0) {
        switch (queue->turn.step) {
        case DE_TURN_ENTER:
            err = enter(queue, value);
            break;
        case DE_TURN_LOOK_BEFORE:
            err = look_before(queue);
            break;
        case DE_TURN_LOOK:
            err = look_at_all(queue, wait);
            break;
        case DE_TURN_TAKE_OFFICE:
            err = take_office(queue, value);
            break;
        case DE_TURN_REST:
            return DENGINE_E_TIMEOUT;
        case DE_TURN_FIRST:
            return 0;
        }
    }
    return err;
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
    de_turn_lease_ended(&queue->turn);
    (void)pthread_mutex_unlock(&queue->mutex);
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
    DE_ASSERT(queue->turn.place.joined == 0);
}

int de_queue_join(struct de_queue *queue, struct dengine_slice value, uint32_t timeout_ms)
{
    const uint64_t deadline_ns = de_monotonic_ns() + timeout_ms * DE_NS_PER_MS;
    struct de_queue_wait wait = {0};
    int err;

    if (queue->turn.token != 0) {
        de_client_set_last_error("it is held already; give it back first");
        return DENGINE_E_INVALID;
    }
    de_turn_join(&queue->turn);
    do {
        err = step(queue, value, &wait);
    } while (err != 0 && de_turn_passes(err) && de_queue_rest(queue, &wait, deadline_ns));
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

static enum de_turn_leave forget(struct de_queue *queue)
{
    enum de_turn_leave what;

    (void)pthread_mutex_lock(&queue->mutex);
    what = de_turn_leave(&queue->turn, is_sure(queue));
    DE_ASSERT(queue->turn.token == 0);
    (void)pthread_mutex_unlock(&queue->mutex);
    return what;
}

int de_queue_leave(struct de_queue *queue)
{
    const enum de_turn_leave what = forget(queue);

    DE_ASSERT_IMPLIES(what == DE_TURN_DELETE, queue->keeper != NULL);
    if (queue->keeper == NULL || what == DE_TURN_STAYS_OUT ||
        (what == DE_TURN_DELETE && dengine_delete(queue->client, own_key(queue), NULL) == 0)) {
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
    DE_ASSERT_IMPLIES(queue->turn.token != 0, queue->keeper != NULL);
    result = de_turn_leads(&queue->turn, is_sure(queue));
    (void)pthread_mutex_unlock(&queue->mutex);
    return result;
}

uint64_t de_queue_token(struct de_queue *queue)
{
    uint64_t token;

    (void)pthread_mutex_lock(&queue->mutex);
    token = queue->turn.token;
    (void)pthread_mutex_unlock(&queue->mutex);
    return token;
}

struct dengine_compare de_queue_guard(struct de_queue *queue)
{
    struct dengine_compare guard;

    (void)pthread_mutex_lock(&queue->mutex);
    guard = created_at(queue, de_turn_guard(&queue->turn));
    DE_ASSERT(guard.number != 0);
    (void)pthread_mutex_unlock(&queue->mutex);
    return guard;
}

int de_queue_say(struct de_queue *queue, struct dengine_slice value)
{
    const struct dengine_compare guard = de_queue_guard(queue);
    struct de_turn_put put;
    int err;

    if (!de_queue_is_first(queue)) {
        de_client_set_last_error("it is not held");
        return DENGINE_E_NO_LEASE;
    }
    put_key(queue, &guard, value, &put);
    (void)pthread_mutex_lock(&queue->mutex);
    err = de_turn_said(&queue->turn, &put);
    (void)pthread_mutex_unlock(&queue->mutex);
    return lost_place(err);
}
