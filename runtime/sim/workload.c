#include "runtime/sim/workload.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/base/assert.h"
#include "core/kv/kv.h"
#include "core/node/node.h"
#include "runtime/sim/dice.h"
#include "runtime/sim/memory.h"
#include "runtime/sim/rpc.h"
#include "runtime/sim/workload_internal.h"

/* A key with a long history is retired. */
#define KEY_OPERATIONS_MAX 300
/* Every so many reads by lease wait so much longer for an answer. */
#define PATIENT_ONE_IN 4
#define PATIENCE       16
/* ... but not so long that nobody sees when the cluster is well again (world.c, run_healed). */
#define PATIENCE_MAX_NS (4 * DE_NS_PER_S)
#define VALUE_BYTES_MAX 512

static void client_dice(const struct de_workload *workload, const struct de_client *client,
                        struct de_dice *dice, uint64_t purpose)
{
    /* A last read goes on until somebody answers: it must not come round to the same few nodes. */
    const uint64_t again = client->final ? client->attempt << 24 : 0;

    de_dice_init(dice, workload->kernel->seed, DE_DICE_CLIENT,
                 (uint64_t)client->endpoint << 56 | purpose << 48 | again | client->operations);
}

static void key_renew(struct de_workload *workload, uint32_t slot)
{
    struct de_workload_key *key = de_sim_allocate_zeroed(sizeof(*key));

    (void)snprintf(key->name, sizeof(key->name), "k%" PRIu32 ".%zu", slot, workload->all_count);
    workload->all_keys = de_sim_grow(workload->all_keys, workload->all_count,
                                     &workload->all_capacity, sizeof(workload->all_keys[0]));
    workload->all_keys[workload->all_count++] = key;
    workload->keys[slot] = key;
}

/* Reads by lease go on at a node for as long as that answers, whatever writes find elsewhere: so a
 * leader that has been replaced without knowing it is asked again and again. */
static uint32_t *target_of(struct de_client *client)
{
    return client->by_lease ? &client->lease_target : &client->target;
}

static void choose_operation(struct de_workload *workload, struct de_client *client)
{
    const struct de_workload_options *options = &workload->options;
    struct de_dice dice;
    uint32_t slot;
    uint64_t point;

    client_dice(workload, client, &dice, 1);
    slot = (uint32_t)de_dice_below(&dice, options->keys);
    if (workload->keys[slot]->open_ends >= options->open_ends_max ||
        workload->keys[slot]->operations >= KEY_OPERATIONS_MAX) {
        key_renew(workload, slot);
    }
    client->key = workload->keys[slot];
    client->key->operations++;
    client->by_lease = false;
    client->value = (int64_t)client->endpoint * 10000000 + (int64_t)client->operations;
    client->expected = de_dice_chance(&dice, 900000) ? client->key->recent : 0;
    point = de_dice_below(&dice, DE_DICE_CERTAIN_PPM);
    if (options->divided) {
        bool reads = client->endpoint % 2 == 0;

        point = reads ? DE_DICE_CERTAIN_PPM : point % (options->write_ppm + 1);
    }
    if (point < options->write_ppm) {
        client->function = DE_HISTORY_WRITE;
    } else if (point < options->write_ppm + options->cas_ppm) {
        client->function = DE_HISTORY_CAS;
    } else if (point < options->write_ppm + options->cas_ppm + options->delete_ppm) {
        client->function = DE_HISTORY_DELETE;
    } else {
        client->function = DE_HISTORY_READ;
        client_dice(workload, client, &dice, 200);
        client->by_lease = de_dice_chance(&dice, options->lease_ppm);
    }
    client_dice(workload, client, &dice, 201);
    if (!client->by_lease && de_dice_chance(&dice, options->roam_ppm)) {
        client->target = 0;
    }
}

static size_t print_value(const struct de_workload *workload, int64_t value, char *text)
{
    size_t width = 0;

    if (workload->options.value_bytes_max > 0) {
        width = (size_t)value % (workload->options.value_bytes_max + 1);
    }
    return (size_t)snprintf(text, VALUE_BYTES_MAX, "%0*" PRId64, (int)width, value);
}

struct de_packet *de_workload_request(const struct de_workload *workload,
                                      const struct de_client *client)
{
    struct de_rpc_request request = {
        .type = client->by_lease ? DE_RPC_LEASE_READ : DE_REQUEST_READ,
        .attempt = client->attempt,
        .body = dengine_str(client->key->name),
    };
    const struct dengine_slice key = dengine_str(client->key->name);
    struct de_kv_command command;
    struct dengine_slice value = {NULL, 0};
    struct dengine_slice expected = {NULL, 0};
    char value_text[VALUE_BYTES_MAX];
    char expected_text[VALUE_BYTES_MAX];
    uint8_t encoded[4 * VALUE_BYTES_MAX];

    if (client->function != DE_HISTORY_READ) {
        value = dengine_bytes(value_text, print_value(workload, client->value, value_text));
        if (client->function == DE_HISTORY_WRITE) {
            command = de_kv_put(key, value);
        } else if (client->function == DE_HISTORY_DELETE) {
            command = de_kv_delete(key);
        } else {
            expected.data = expected_text;
            expected.size = print_value(workload, client->expected, expected_text);
            command = de_kv_cas(key, client->expected == 0 ? NULL : &expected, value);
        }
        if (client->session != NULL) {
            de_workload_session_command(client, &command);
        }
        DE_ASSERT(de_kv_command_size(&command) <= sizeof(encoded));
        request.type = DE_REQUEST_WRITE;
        request.body =
            dengine_bytes(encoded, de_kv_command_encode(&command, encoded, sizeof(encoded)));
    }
    return de_rpc_request_encode(&request);
}

/* One of the nodes that there are at present. */
static uint32_t draw_target(const struct de_workload *workload, struct de_dice *dice)
{
    uint64_t number;
    uint32_t count = 0;

    for (uint32_t id = 1; id <= workload->options.nodes; id++) {
        count += (workload->present >> id & 1) != 0 ? 1 : 0;
    }
    DE_ASSERT(count > 0);
    number = de_dice_below(dice, count);
    for (uint32_t id = 1;; id++) {
        if ((workload->present >> id & 1) != 0 && number-- == 0) {
            return id;
        }
    }
}

/* The next one after it, around: none is left out for long. */
static uint32_t next_target(const struct de_workload *workload, uint32_t after)
{
    DE_ASSERT(workload->present != 0);
    do {
        after = after % workload->options.nodes + 1;
    } while ((workload->present >> after & 1) == 0);
    return after;
}

static void client_attempt(struct de_workload *workload, struct de_client *client)
{
    uint32_t *target = target_of(client);
    uint64_t wait_ns = workload->options.attempt_ns;
    struct de_dice dice;

    client->attempt++;
    if (*target == 0 && client->final) {
        workload->final_target = next_target(workload, workload->final_target);
        *target = workload->final_target;
    } else if (*target == 0) {
        client_dice(workload, client, &dice, 2 + client->attempt % 64);
        *target = draw_target(workload, &dice);
    }
    (void)de_network_send(workload->network, client->endpoint, *target,
                          de_workload_request(workload, client));
    if (client->by_lease && client->operations % PATIENT_ONE_IN == 0) {
        /* For a thread that was held up. */
        wait_ns = wait_ns < PATIENCE_MAX_NS / PATIENCE ? wait_ns * PATIENCE : PATIENCE_MAX_NS;
    }
    de_kernel_post(workload->kernel, workload->kernel->now_ns + wait_ns, DE_CLIENT_TIMEOUT,
                   client->endpoint, client->attempt, NULL);
}

static struct de_history_value value_of(int64_t value)
{
    return value == 0 ? de_history_null() : de_history_integer(value);
}

static void client_begin(struct de_workload *workload, struct de_client *client)
{
    bool cas = client->function == DE_HISTORY_CAS;
    bool writes = cas || client->function == DE_HISTORY_WRITE;

    client->busy = true;
    workload->load->begun++;
    client->deadline_ns = workload->kernel->now_ns + workload->options.operation_ns;
    client->recorded = de_recorder_invoke(workload->recorder, client->process, client->function,
                                          de_history_string(dengine_str(client->key->name)),
                                          cas ? value_of(client->expected) : de_history_null(),
                                          writes ? value_of(client->value) : de_history_null(),
                                          workload->kernel->now_ns);
    de_recorder_mark(workload->recorder, client->recorded, client->by_lease);
    if (client->remote != NULL) {
        de_workload_remote_begin(workload, client);
    } else {
        client_attempt(workload, client);
    }
}

static void final_next(struct de_workload *workload, struct de_client *client)
{
    if (workload->final_key == workload->options.keys) {
        workload->final_done = true;
        return;
    }
    client->operations++;
    client->final = true;
    client->key = workload->keys[workload->final_key++];
    client->function = DE_HISTORY_READ;
    client->by_lease = false;
    client_begin(workload, client);
}

/* The operation is over; think, then the next. */
static void client_rest(struct de_workload *workload, struct de_client *client)
{
    struct de_dice dice;
    uint64_t think_ns;

    client->busy = false;
    if (client->final) {
        client->final = false;
        final_next(workload, client);
        return;
    }
    client_dice(workload, client, &dice, 0);
    think_ns = de_dice_exponential(&dice, workload->options.think_ns);
    de_kernel_post(workload->kernel,
                   de_load_next_ns(workload->load, client->endpoint,
                                   workload->kernel->now_ns + think_ns, think_ns),
                   DE_CLIENT_NEXT, client->endpoint, client->operations, NULL);
}

void de_workload_end(struct de_workload *workload, struct de_client *client,
                     enum de_history_type outcome, int64_t seen)
{
    de_recorder_end(workload->recorder, client->recorded, outcome, value_of(seen),
                    workload->kernel->now_ns);
    if (outcome == DE_HISTORY_OK) {
        workload->ok++;
        if (client->function == DE_HISTORY_READ) {
            client->key->recent = seen;
        } else {
            workload->last_ok_write_ns = workload->kernel->now_ns;
            client->key->recent = client->function == DE_HISTORY_DELETE ? 0 : client->value;
        }
    } else if (outcome == DE_HISTORY_FAIL) {
        workload->failed++;
    } else {
        workload->unknown++;
        client->key->open_ends++;
        client->process = workload->next_process++;
    }
    client_rest(workload, client);
}

void de_workload_withdraw(struct de_workload *workload, struct de_client *client)
{
    de_recorder_withdraw(workload->recorder, client->recorded);
    workload->withdrawn++;
    client_rest(workload, client);
}

/* This attempt had no effect. Try another node a little later, or give up. */
static void client_try_elsewhere(struct de_workload *workload, struct de_client *client,
                                 uint64_t hint)
{
    struct de_dice dice;

    *target_of(client) = hint <= workload->options.nodes ? (uint32_t)hint : 0;
    if (workload->kernel->now_ns >= client->deadline_ns && !client->final) {
        de_workload_withdraw(workload, client);
        return;
    }
    client->attempt++; /* late answers to the old one are ignored */
    client_dice(workload, client, &dice, 100 + client->attempt % 64);
    de_kernel_post(workload->kernel,
                   workload->kernel->now_ns + DE_NS_PER_MS +
                       de_dice_below(&dice, workload->options.attempt_ns / 8),
                   DE_CLIENT_RETRY, client->endpoint, client->attempt, NULL);
}

static struct de_client *client_of(struct de_workload *workload, uint32_t endpoint)
{
    DE_ASSERT(endpoint >= DE_WORKLOAD_ENDPOINT);
    DE_ASSERT(endpoint < DE_WORKLOAD_ENDPOINT + workload->options.clients);
    return &workload->clients[endpoint - DE_WORKLOAD_ENDPOINT];
}

int64_t de_workload_value_in(const struct de_rpc_reply *reply)
{
    char text[VALUE_BYTES_MAX + 1] = "";

    if (!reply->found) {
        return 0;
    }
    DE_ASSERT(reply->value.size < sizeof(text));
    memcpy(text, reply->value.data, reply->value.size);
    return strtoll(text, NULL, 10);
}

void de_workload_receive(struct de_workload *workload, uint32_t endpoint,
                         struct dengine_slice bytes)
{
    struct de_client *client = client_of(workload, endpoint);
    struct de_rpc_reply reply;
    bool read = client->function == DE_HISTORY_READ;

    if (!de_rpc_reply_decode(bytes, &reply)) {
        return;
    }
    if (client->remote != NULL) {
        de_workload_remote_receive(workload, client, &reply);
        return;
    }
    if (!client->busy || reply.attempt != client->attempt) {
        return;
    }
    if (read && reply.status == 0) {
        de_workload_end(workload, client, DE_HISTORY_OK, de_workload_value_in(&reply));
    } else if (!read && reply.revision != 0) {
        de_workload_end(workload, client, reply.succeeded ? DE_HISTORY_OK : DE_HISTORY_FAIL, 0);
    } else if (read || dengine_outcome(reply.status) == DENGINE_NOT_DONE) {
        client_try_elsewhere(workload, client, reply.leader);
    } else {
        client->target = 0;
        de_workload_end(workload, client, DE_HISTORY_INFO, 0);
    }
}

static void run_next(void *context, const struct de_sim_event *event)
{
    struct de_workload *workload = context;
    struct de_client *client = client_of(workload, event->entity);

    if (!workload->stopped && !client->busy) {
        client->operations++;
        choose_operation(workload, client);
        client_begin(workload, client);
    }
}

static void run_timeout(void *context, const struct de_sim_event *event)
{
    struct de_workload *workload = context;
    struct de_client *client = client_of(workload, event->entity);

    if (client->remote != NULL) {
        de_workload_remote_timeout(workload, client, event->content);
        return;
    }
    if (!client->busy || client->attempt != event->content) {
        return;
    }
    *target_of(client) = 0;
    if (client->function == DE_HISTORY_READ) {
        client_try_elsewhere(workload, client, 0);
    } else {
        de_workload_end(workload, client, DE_HISTORY_INFO, 0);
    }
}

static void run_retry(void *context, const struct de_sim_event *event)
{
    struct de_workload *workload = context;
    struct de_client *client = client_of(workload, event->entity);

    if (client->remote != NULL) {
        de_workload_remote_wake(workload, client, event->content);
    } else if (client->busy && client->attempt == event->content) {
        client_attempt(workload, client);
    }
}

void de_workload_init(struct de_workload *workload, struct de_kernel *kernel,
                      struct de_network *network, struct de_recorder *recorder,
                      struct de_verdict *verdict, const struct de_workload_options *options,
                      struct de_load *load)
{
    const struct de_kernel_handler next = {"client-next", workload, run_next, NULL};
    const struct de_kernel_handler timeout = {"client-timeout", workload, run_timeout, NULL};
    const struct de_kernel_handler retry = {"client-retry", workload, run_retry, NULL};

    DE_ASSERT(options->clients <= DE_WORKLOAD_CLIENTS_MAX);
    DE_ASSERT(options->keys >= 1 && options->keys <= DE_WORKLOAD_KEYS_MAX);
    memset(workload, 0, sizeof(*workload));
    workload->kernel = kernel;
    workload->network = network;
    workload->recorder = recorder;
    workload->verdict = verdict;
    workload->options = *options;
    workload->load = load;
    for (uint32_t id = 1; id <= options->nodes; id++) {
        workload->present |= UINT64_C(1) << id;
    }
    de_kernel_set_handler(kernel, DE_CLIENT_NEXT, &next);
    de_kernel_set_handler(kernel, DE_CLIENT_TIMEOUT, &timeout);
    de_kernel_set_handler(kernel, DE_CLIENT_RETRY, &retry);
    for (uint32_t slot = 0; slot < options->keys; slot++) {
        key_renew(workload, slot);
    }
    for (uint32_t i = 0; i < options->clients; i++) {
        workload->clients[i].endpoint = DE_WORKLOAD_ENDPOINT + i;
        workload->clients[i].process = workload->next_process++;
        if (options->remote) {
            de_workload_remote_init(workload, &workload->clients[i]);
        }
        client_rest(workload, &workload->clients[i]);
    }
}

void de_workload_deinit(struct de_workload *workload)
{
    for (size_t i = 0; i < workload->all_count; i++) {
        de_sim_free(workload->all_keys[i]);
    }
    de_sim_free(workload->all_keys);
    for (uint32_t i = 0; i < workload->options.clients; i++) {
        de_sim_free(workload->clients[i].remote);
        de_sim_free(workload->clients[i].session);
    }
    memset(workload, 0, sizeof(*workload));
}

void de_workload_stop(struct de_workload *workload)
{
    workload->stopped = true;
}

bool de_workload_idle(const struct de_workload *workload)
{
    for (uint32_t i = 0; i < workload->options.clients; i++) {
        if (workload->clients[i].busy) {
            return false;
        }
    }
    return true;
}

void de_workload_final_reads(struct de_workload *workload)
{
    DE_ASSERT(workload->stopped && de_workload_idle(workload));
    DE_ASSERT(workload->options.clients > 0);
    workload->final_reading = true;
    final_next(workload, &workload->clients[0]);
}

uint64_t de_workload_final_ns(const struct de_workload *workload)
{
    const uint64_t attempts = UINT64_C(2) * workload->options.nodes * workload->options.keys;

    DE_ASSERT(attempts > 0);
    return attempts * (DE_NS_PER_MS + workload->options.attempt_ns * 9 / 8);
}
