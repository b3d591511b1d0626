/* runtime/sim/network.h - the simulated network: directed links between endpoints.
 *
 * Every link has a latency (minimum plus exponential, now and then a heavy tail) and may be slow,
 * blocked, clogged or full; packets are lost, damaged, doubled, and replayed seconds later. In
 * datagram mode packets overtake one another. In stream mode a link is a connection: packets arrive
 * in the order in which they were sent (replays apart, which stand for packets of a connection
 * before), a lost one is sent again and holds up those behind it or breaks the connection, and when
 * a connection breaks, all that is under way on it is lost. A reader gets whole messages, as gRPC
 * gives them. What happens to a packet is drawn at the address (link, packet number): it does not
 * depend on other links or packets.
 *
 * Endpoints are numbered 1..DE_NETWORK_ENDPOINTS_MAX - 1; nodes and clients alike. One thread. */
#ifndef DE_RUNTIME_SIM_NETWORK_H
#define DE_RUNTIME_SIM_NETWORK_H

#include <dengine/types.h>

#include "runtime/sim/kernel.h"

#ifdef __cplusplus
extern "C" {
#endif

#define DE_NETWORK_ENDPOINTS_MAX 42u

/* Bytes under way, shared by all copies of them. */
struct de_packet;

/* Rates of trouble, on all links together; faults add and later subtract. */
struct de_network_trouble {
    uint32_t loss_ppm;
    uint32_t duplicate_ppm;
    uint32_t replay_ppm;  /* of packets that come once more, up to replay_ns later */
    uint32_t tail_ppm;    /* of packets that are late by up to tail_ns */
    uint32_t corrupt_ppm; /* of packets that arrive damaged; not to or from once_from endpoints */
    uint32_t garble_ppm; /* before so many messages a node gets one that means nothing (garble.h) */
};

struct de_link {
    uint64_t minimum_ns;
    uint64_t mean_ns; /* on top of the minimum */
    uint32_t blocked; /* by so many faults at once */
    uint32_t in_flight;
    uint64_t packets; /* sent so far */
    uint64_t last_ns; /* latest delivery so far, for stream mode */
    uint64_t clogged_until_ns;
    uint64_t released_ns; /* latest release of a packet held by a clog */
    uint64_t connection;  /* number of the present connection, for stream mode */
    uint64_t evicted;     /* packets up to this number have been thrown out of the queue */
    uint64_t busy_ns;     /* until then the link transmits what it has */
    uint32_t half_open;   /* by so many faults: loses all, and nobody notices */
    bool broke;           /* the connection broke, which the sender has not been told yet */
};

struct de_network_stats {
    uint64_t sent;
    uint64_t delivered;
    uint64_t lost;
    uint64_t blocked;
    uint64_t overflowed;
    uint64_t duplicated;
    uint64_t replayed;
    uint64_t corrupted;
    uint64_t resets;
};

struct de_network_options {
    bool stream;
    uint64_t latency_ns;    /* about the usual one; each link draws its own around it */
    uint64_t tail_ns;       /* longest extra delay */
    uint64_t replay_ns;     /* longest delay of a replay */
    uint32_t in_flight_max; /* per link; beyond it a packet is lost: */
    bool evict_oldest;      /* the oldest under way, else the new one */
    /* To and from the endpoints from here on nothing comes twice: clients speak over connections,
     * and a write that came twice would be done twice. 0: none. */
    uint32_t once_from;
    struct de_network_trouble base; /* trouble of the healthy network */
};

struct de_network {
    struct de_kernel *kernel;
    struct de_network_options options;
    struct de_network_trouble trouble;
    struct de_link links[DE_NETWORK_ENDPOINTS_MAX][DE_NETWORK_ENDPOINTS_MAX]; /* [from][to] */
    struct de_network_stats stats;
    uint64_t bandwidth_bytes; /* per link and second; 0 = no limit */
    uint32_t queue_max;       /* packets per link while there is a limit; 0 = in_flight_max */
    bool damaged;             /* what is being delivered is not what was sent */
    uint32_t kind;            /* of its kernel events: this and the next two */
    void *context;
    void (*deliver)(void *context, uint32_t from, uint32_t to, struct dengine_slice bytes);
};

/* Takes over the kernel's events of this kind and the next two. deliver is called for each packet
 * that arrives; network->damaged then says whether its bytes are what was sent. */
void de_network_init(struct de_network *network, struct de_kernel *kernel, uint32_t kind,
                     const struct de_network_options *options,
                     void (*deliver)(void *context, uint32_t from, uint32_t to,
                                     struct dengine_slice bytes),
                     void *context);

/* A packet with room for size bytes, and where to put them. */
struct de_packet *de_packet_new(size_t size, uint8_t **bytes);

/* Sends (or loses) the packet, which becomes the network's. False when the link is cut, which a
 * real transport notices sooner or later. */
bool de_network_send(struct de_network *network, uint32_t from, uint32_t to,
                     struct de_packet *packet);

/* Blocks or unblocks one direction; calls nest. What arrives on a blocked link is lost. */
void de_network_block(struct de_network *network, uint32_t from, uint32_t to);
void de_network_unblock(struct de_network *network, uint32_t from, uint32_t to);

/* Holds back what arrives on this link until then. */
void de_network_clog(struct de_network *network, uint32_t from, uint32_t to, uint64_t until_ns);

/* The connection breaks: what is under way is lost. In datagram mode nothing happens. */
void de_network_reset(struct de_network *network, uint32_t from, uint32_t to);

/* From now on (or with on = false: no more) this link loses everything and its sender does not
 * notice; calls nest. The end breaks the connection. */
void de_network_half_open(struct de_network *network, uint32_t from, uint32_t to, bool on);

/* Limits every link to so many bytes in a second, with room for so many packets; 0, 0: no limit. */
void de_network_limit(struct de_network *network, uint64_t bandwidth_bytes, uint32_t queue_max);

/* Adds (or with sign -1 takes away) trouble. */
void de_network_add_trouble(struct de_network *network, const struct de_network_trouble *trouble,
                            int sign);

/* No trouble, no block, no clog, no limit from now on; what is under way still arrives. */
void de_network_heal(struct de_network *network);

#ifdef __cplusplus
}
#endif

#endif
