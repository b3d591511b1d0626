#include "runtime/sim/network.h"

#include "core/base/assert.h"
#include "runtime/sim/dice.h"
#include "runtime/sim/memory.h"

struct de_packet {
    uint32_t references;
    uint32_t from;
    uint32_t to;
    bool damaged;
    uint64_t number; /* on its link, from 1 */
    uint64_t connection;
    size_t size;
    uint64_t hash;
    uint8_t bytes[];
};

struct de_packet *de_packet_new(size_t size, uint8_t **bytes)
{
    struct de_packet *packet = de_sim_allocate(sizeof(*packet) + size);

    memset(packet, 0, sizeof(*packet));
    packet->references = 1;
    packet->size = size;
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

/* What arrives is not what was sent: some bits are turned, or the end is missing. */
static void deliver_damaged(struct de_network *network, const struct de_packet *packet)
{
    struct de_dice dice;
    uint8_t *bytes = de_sim_allocate(packet->size + 1);
    size_t size = packet->size;

    de_dice_init(&dice, network->kernel->seed, DE_DICE_NETWORK, ~packet->hash ^ packet->number);
    memcpy(bytes, packet->bytes, size);
    if (size > 0 && de_dice_chance(&dice, 200000)) {
        size = (size_t)de_dice_below(&dice, size);
    } else if (size > 0) {
        /* One bit at least; several may cancel out. */
        for (uint64_t flips = 1 + de_dice_below(&dice, 3); flips > 0; flips--) {
            uint64_t bit = de_dice_below(&dice, size * 8);

            bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
    }
    network->damaged =
        size != packet->size || (size > 0 && memcmp(bytes, packet->bytes, size) != 0);
    network->stats.corrupted += network->damaged ? 1 : 0;
    network->deliver(network->context, packet->from, packet->to, dengine_bytes(bytes, size));
    if (network->damaged) {
        de_network_reset(network, packet->from, packet->to);
    }
    network->damaged = false;
    de_sim_free(bytes);
}

static void arrived(struct de_network *network, const struct de_packet *packet)
{
    network->stats.delivered++;
    if (packet->damaged) {
        deliver_damaged(network, packet);
    } else {
        network->deliver(network->context, packet->from, packet->to,
                         dengine_bytes(packet->bytes, packet->size));
    }
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
    } else if (packet->number <= link->evicted) {
        network->stats.overflowed++;
    } else if (packet->connection != link->connection || link->half_open > 0) {
        network->stats.lost++;
    } else {
        arrived(network, packet);
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

/* A packet of long ago, from whatever connection there was: nothing but a cut keeps it away. */
static void network_run_replayed(void *context, const struct de_sim_event *event)
{
    struct de_network *network = context;
    struct de_packet *packet = event->data;
    const struct de_link *link = &network->links[packet->from][packet->to];

    if (link->clogged_until_ns > network->kernel->now_ns) {
        de_kernel_post(network->kernel, link->clogged_until_ns, event->kind, event->entity,
                       event->content, packet);
        return;
    }
    if (link->blocked > 0) {
        network->stats.blocked++;
    } else {
        arrived(network, packet);
    }
    packet_release(packet);
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
    struct de_kernel_handler replayed = {"deliver-replayed", network, network_run_replayed,
                                         network_drop};
    struct de_network_stats no_stats = {0};

    network->kernel = kernel;
    network->options = *options;
    network->trouble = options->base;
    network->stats = no_stats;
    network->bandwidth_bytes = 0;
    network->queue_max = 0;
    network->damaged = false;
    network->kind = kind;
    network->context = context;
    network->deliver = deliver;
    de_kernel_set_handler(kernel, kind, &handler);
    de_kernel_set_handler(kernel, kind + 1, &held);
    de_kernel_set_handler(kernel, kind + 2, &replayed);
    for (uint32_t from = 0; from < DE_NETWORK_ENDPOINTS_MAX; from++) {
        for (uint32_t to = 0; to < DE_NETWORK_ENDPOINTS_MAX; to++) {
            link_init(network, from, to);
        }
    }
}

/* False when a packet had to go for it, or it itself. */
static bool network_post(struct de_network *network, struct de_link *link, uint64_t time_ns,
                         struct de_packet *packet)
{
    uint32_t room = network->queue_max != 0 ? network->queue_max : network->options.in_flight_max;
    bool whole = link->in_flight < room;

    if (!whole) {
        if (!network->options.evict_oldest || packet->number < room) {
            network->stats.overflowed++;
            return false;
        }
        if (link->evicted < packet->number - room) {
            link->evicted = packet->number - room;
        }
    }
    link->in_flight++;
    packet->references++;
    /* The number is part of the content: of two equal packets at one time, one has the first tie.
     */
    de_kernel_post(network->kernel, time_ns, network->kind, packet->to,
                   de_trace_mix(packet->hash, (uint64_t)packet->from << 48 ^ packet->number),
                   packet);
    return whole;
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

/* When the last byte of a packet has left: at once, or after those before it. */
static uint64_t transmitted(const struct de_network *network, struct de_link *link, size_t size)
{
    uint64_t now_ns = network->kernel->now_ns;

    if (network->bandwidth_bytes == 0) {
        return now_ns;
    }
    link->busy_ns = link->busy_ns > now_ns ? link->busy_ns : now_ns;
    link->busy_ns += size * DE_NS_PER_S / network->bandwidth_bytes;
    return link->busy_ns;
}

static void post_usual(struct de_network *network, struct de_link *link, struct de_packet *packet,
                       uint64_t time_ns, struct de_dice *dice, bool once)
{
    uint64_t again_ns = network->kernel->now_ns + link_latency(network, link, dice);

    if (network->options.stream && time_ns <= link->last_ns) {
        time_ns = link->last_ns + 1;
    }
    link->last_ns = time_ns > link->last_ns ? time_ns : link->last_ns;
    if (!network_post(network, link, time_ns, packet)) {
        link->broke = true; /* the sender's queue is its own: it is told with the next packet */
    }
    if (de_dice_chance(dice, network->trouble.duplicate_ppm) && !once && !network->options.stream) {
        network->stats.duplicated++;
        (void)network_post(network, link, again_ns, packet);
    }
}

/* The packet gets lost. On a connection that means: sent again until it arrives, or the end of the
 * connection. */
static void post_lost(struct de_network *network, struct de_link *link, struct de_packet *packet,
                      uint64_t time_ns, struct de_dice *dice, bool once)
{
    network->stats.lost++;
    if (!network->options.stream) {
        return;
    }
    if (de_dice_chance(dice, 125000)) {
        de_network_reset(network, packet->from, packet->to);
        return;
    }
    post_usual(network, link, packet, time_ns + de_dice_below(dice, network->options.tail_ns + 1),
               dice, once);
}

static void post_replay(struct de_network *network, struct de_packet *packet, struct de_dice *dice)
{
    network->stats.replayed++;
    packet->references++;
    de_kernel_post(network->kernel,
                   network->kernel->now_ns + de_dice_below(dice, network->options.replay_ns + 1),
                   network->kind + 2, packet->to,
                   de_trace_mix(packet->hash, (uint64_t)packet->from << 48 ^ packet->number),
                   packet);
}

bool de_network_send(struct de_network *network, uint32_t from, uint32_t to,
                     struct de_packet *packet)
{
    struct de_link *link = &network->links[from][to];
    uint64_t time_ns;
    struct de_dice dice;
    bool told = link->blocked == 0 && !link->broke;
    bool once = network->options.once_from != 0 &&
                (from >= network->options.once_from || to >= network->options.once_from);

    DE_ASSERT(from < DE_NETWORK_ENDPOINTS_MAX && to < DE_NETWORK_ENDPOINTS_MAX);
    DE_ASSERT(packet->references == 1);
    packet->from = from;
    packet->to = to;
    packet->number = ++link->packets;
    packet->connection = link->connection;
    packet->hash = de_trace_hash_bytes(packet->bytes, packet->size);
    link->broke = false;
    network->stats.sent++;
    de_dice_init(&dice, network->kernel->seed, DE_DICE_NETWORK,
                 (uint64_t)from << 56 | (uint64_t)to << 48 | packet->number);
    time_ns = transmitted(network, link, packet->size) + link_latency(network, link, &dice);
    packet->damaged = de_dice_chance(&dice, network->trouble.corrupt_ppm) && !once;
    if (link->blocked > 0) {
        network->stats.blocked++;
    } else if (link->half_open > 0) {
        network->stats.lost++;
    } else if (de_dice_chance(&dice, network->trouble.loss_ppm)) {
        post_lost(network, link, packet, time_ns, &dice, once);
    } else {
        post_usual(network, link, packet, time_ns, &dice, once);
    }
    /* Also of a packet whose first copy was lost: it was late, not lost. */
    if (de_dice_chance(&dice, network->trouble.replay_ppm) && !once) {
        post_replay(network, packet, &dice);
    }
    packet_release(packet);
    return told;
}

void de_network_reset(struct de_network *network, uint32_t from, uint32_t to)
{
    struct de_link *link = &network->links[from][to];

    if (network->options.stream) {
        link->connection++;
        link->last_ns = 0;
        link->broke = true;
        network->stats.resets++;
    }
}

void de_network_half_open(struct de_network *network, uint32_t from, uint32_t to, bool on)
{
    struct de_link *link = &network->links[from][to];

    if (on) {
        link->half_open++;
    } else if (link->half_open > 0 && --link->half_open == 0) {
        /* Now it is noticed. */
        link->broke = true;
        de_network_reset(network, from, to);
    }
}

void de_network_limit(struct de_network *network, uint64_t bandwidth_bytes, uint32_t queue_max)
{
    network->bandwidth_bytes = bandwidth_bytes;
    network->queue_max = queue_max;
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
    now->corrupt_ppm = adjust(now->corrupt_ppm, trouble->corrupt_ppm, sign);
    now->garble_ppm = adjust(now->garble_ppm, trouble->garble_ppm, sign);
}

void de_network_heal(struct de_network *network)
{
    struct de_network_trouble none = {0};

    network->trouble = none;
    de_network_limit(network, 0, 0);
    for (uint32_t from = 0; from < DE_NETWORK_ENDPOINTS_MAX; from++) {
        for (uint32_t to = 0; to < DE_NETWORK_ENDPOINTS_MAX; to++) {
            struct de_link *link = &network->links[from][to];

            link->blocked = 0;
            link->clogged_until_ns = 0;
            link->half_open = 0;
            link->busy_ns = 0;
        }
    }
}
