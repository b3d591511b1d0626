#include "runtime/sim/network.h"

#include "core/base/assert.h"
#include "runtime/sim/dice.h"
#include "runtime/sim/memory.h"

struct de_packet {
    uint32_t references;
    uint32_t from;
    uint32_t to;
    size_t size;
    uint64_t hash;
    uint8_t bytes[];
};

struct de_packet *de_packet_new(size_t size, uint8_t **bytes)
{
    struct de_packet *packet = de_sim_allocate(sizeof(*packet) + size);

    packet->references = 1;
    packet->from = 0;
    packet->to = 0;
    packet->size = size;
    packet->hash = 0;
    *bytes = packet->bytes;
    return packet;
}

static void packet_release(struct de_packet *packet)
{
    DE_ASSERT(packet->references > 0);
    if (--packet->references == 0) {
        de_sim_free(packet);
    }
}

static void hold(struct de_network *network, struct de_link *link, uint64_t time_ns,
                 const struct de_sim_event *event)
{
    /* What is held comes out in a burst, in stream mode in order. */
    if (network->options.stream && link->released_ns >= time_ns) {
        time_ns = link->released_ns + 1;
    }
    link->released_ns = time_ns;
    de_kernel_post(network->kernel, time_ns, network->kind + 1, event->entity, event->content,
                   event->data);
}

static void arrive(struct de_network *network, const struct de_sim_event *event, bool was_held)
{
    struct de_packet *packet = event->data;
    struct de_link *link = &network->links[packet->from][packet->to];
    uint64_t now_ns = network->kernel->now_ns;

    if (link->clogged_until_ns > now_ns) {
        hold(network, link, link->clogged_until_ns, event);
        return;
    }
    if (network->options.stream && !was_held && link->released_ns >= now_ns) {
        hold(network, link, now_ns, event); /* behind those that are coming out */
        return;
    }
    DE_ASSERT(link->in_flight > 0);
    link->in_flight--;
    if (link->blocked > 0) {
        network->stats.blocked++;
    } else {
        network->stats.delivered++;
        network->deliver(network->context, packet->from, packet->to,
                         dengine_bytes(packet->bytes, packet->size));
    }
    packet_release(packet);
}

static void network_run(void *context, const struct de_sim_event *event)
{
    arrive(context, event, false);
}

static void network_run_held(void *context, const struct de_sim_event *event)
{
    arrive(context, event, true);
}

static void network_drop(void *context, const struct de_sim_event *event)
{
    (void)context;
    packet_release(event->data);
}

static void link_init(struct de_network *network, uint32_t from, uint32_t to)
{
    struct de_link *link = &network->links[from][to];
    struct de_link empty = {0};
    struct de_dice dice;
    uint64_t usual = network->options.latency_ns;

    de_dice_init(&dice, network->kernel->seed, DE_DICE_LINK, (uint64_t)from << 32 | to);
    *link = empty;
    link->minimum_ns = de_dice_between(&dice, usual / 4, usual);
    link->mean_ns = de_dice_between(&dice, usual / 8, usual / 2);
}

void de_network_init(struct de_network *network, struct de_kernel *kernel, uint32_t kind,
                     const struct de_network_options *options,
                     void (*deliver)(void *context, uint32_t from, uint32_t to,
                                     struct dengine_slice bytes),
                     void *context)
{
    struct de_kernel_handler handler = {"deliver", network, network_run, network_drop};
    struct de_kernel_handler held = {"deliver-held", network, network_run_held, network_drop};
    struct de_network_stats no_stats = {0};

    network->kernel = kernel;
    network->options = *options;
    network->trouble = options->base;
    network->stats = no_stats;
    network->kind = kind;
    network->context = context;
    network->deliver = deliver;
    de_kernel_set_handler(kernel, kind, &handler);
    de_kernel_set_handler(kernel, kind + 1, &held);
    for (uint32_t from = 0; from < DE_NETWORK_ENDPOINTS_MAX; from++) {
        for (uint32_t to = 0; to < DE_NETWORK_ENDPOINTS_MAX; to++) {
            link_init(network, from, to);
        }
    }
}

static void network_post(struct de_network *network, struct de_link *link, uint64_t time_ns,
                         uint64_t number, struct de_packet *packet)
{
    if (link->in_flight >= network->options.in_flight_max) {
        network->stats.overflowed++;
        return;
    }
    link->in_flight++;
    packet->references++;
    /* The number is part of the content: of two equal packets at one time, one has the first tie.
     */
    de_kernel_post(network->kernel, time_ns, network->kind, packet->to,
                   de_trace_mix(packet->hash, (uint64_t)packet->from << 48 ^ number), packet);
}

static uint64_t link_latency(const struct de_network *network, const struct de_link *link,
                             struct de_dice *dice)
{
    uint64_t latency = link->minimum_ns + de_dice_exponential(dice, link->mean_ns);

    if (de_dice_chance(dice, network->trouble.tail_ppm)) {
        latency += de_dice_below(dice, network->options.tail_ns + 1);
    }
    return latency;
}

bool de_network_send(struct de_network *network, uint32_t from, uint32_t to,
                     struct de_packet *packet)
{
    struct de_link *link = &network->links[from][to];
    uint64_t now_ns = network->kernel->now_ns;
    uint64_t number = link->packets++;
    uint64_t time_ns;
    struct de_dice dice;
    bool once = network->options.once_from != 0 &&
                (from >= network->options.once_from || to >= network->options.once_from);

    DE_ASSERT(from < DE_NETWORK_ENDPOINTS_MAX && to < DE_NETWORK_ENDPOINTS_MAX);
    DE_ASSERT(packet->references == 1);
    packet->from = from;
    packet->to = to;
    packet->hash = de_trace_hash_bytes(packet->bytes, packet->size);
    network->stats.sent++;
    de_dice_init(&dice, network->kernel->seed, DE_DICE_NETWORK,
                 (uint64_t)from << 56 | (uint64_t)to << 48 | number);
    time_ns = now_ns + link_latency(network, link, &dice);
    if (network->options.stream && time_ns <= link->last_ns) {
        time_ns = link->last_ns + 1;
    }
    if (link->blocked > 0) {
        network->stats.blocked++;
    } else if (de_dice_chance(&dice, network->trouble.loss_ppm)) {
        network->stats.lost++;
    } else {
        link->last_ns = time_ns > link->last_ns ? time_ns : link->last_ns;
        network_post(network, link, time_ns, number, packet);
        if (de_dice_chance(&dice, network->trouble.duplicate_ppm) && !once) {
            network->stats.duplicated++;
            network_post(network, link, now_ns + link_latency(network, link, &dice), number,
                         packet);
        }
    }
    /* Also of a packet whose first copy was lost: it was late, not lost. */
    if (de_dice_chance(&dice, network->trouble.replay_ppm) && !once) {
        network->stats.replayed++;
        network_post(network, link, now_ns + de_dice_below(&dice, network->options.replay_ns + 1),
                     number, packet);
    }
    packet_release(packet);
    return link->blocked == 0;
}

void de_network_block(struct de_network *network, uint32_t from, uint32_t to)
{
    network->links[from][to].blocked++;
}

void de_network_unblock(struct de_network *network, uint32_t from, uint32_t to)
{
    /* A heal in between has taken the block away already. */
    if (network->links[from][to].blocked > 0) {
        network->links[from][to].blocked--;
    }
}

void de_network_clog(struct de_network *network, uint32_t from, uint32_t to, uint64_t until_ns)
{
    struct de_link *link = &network->links[from][to];

    link->clogged_until_ns = until_ns > link->clogged_until_ns ? until_ns : link->clogged_until_ns;
}

static uint32_t adjust(uint32_t rate, uint32_t by, int sign)
{
    uint32_t most = DE_DICE_CERTAIN_PPM * 9 / 10;

    if (sign < 0) {
        return rate > by ? rate - by : 0;
    }
    return rate + by < most ? rate + by : most;
}

void de_network_add_trouble(struct de_network *network, const struct de_network_trouble *trouble,
                            int sign)
{
    struct de_network_trouble *now = &network->trouble;

    DE_ASSERT(sign == 1 || sign == -1);
    now->loss_ppm = adjust(now->loss_ppm, trouble->loss_ppm, sign);
    now->duplicate_ppm = adjust(now->duplicate_ppm, trouble->duplicate_ppm, sign);
    now->replay_ppm = adjust(now->replay_ppm, trouble->replay_ppm, sign);
    now->tail_ppm = adjust(now->tail_ppm, trouble->tail_ppm, sign);
}

void de_network_heal(struct de_network *network)
{
    struct de_network_trouble none = {0};

    network->trouble = none;
    for (uint32_t from = 0; from < DE_NETWORK_ENDPOINTS_MAX; from++) {
        for (uint32_t to = 0; to < DE_NETWORK_ENDPOINTS_MAX; to++) {
            network->links[from][to].blocked = 0;
            network->links[from][to].clogged_until_ns = 0;
        }
    }
}
