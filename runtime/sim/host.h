/* runtime/sim/host.h - one simulated machine with one replica on it.
 *
 * The replica is the production node over the production log store and state machine. The host
 * gives it an environment: its jobs (persist, apply, log read) run as events after random delays,
 * one writer and one applier as in production, so a crash may fall before a write, inside it,
 * between the write and its completion, or after. A crash throws the memory of the node away
 * without asking it. After a process crash the disk has its page cache and the state machine what
 * it committed; after a power cut the disk has what was synced (disk.h) and the state machine is
 * empty and rebuilt from the log.
 *
 * A host has a clock of its own: it starts at some offset and runs at its own rate (host_clock.c).
 *
 * A log store may report writes early; then it is told to flush when its time has come, and a crash
 * of the process takes away what was not flushed. A state machine that is ahead of what is left of
 * the log is rebuilt.
 *
 * A store that is told of a trouble of its disk makes the replica halt, or keeps it from booting:
 * that is as it should be. The machine then stops as the fault says, and may be started again; when
 * what was durable is gone, never.
 *
 * Threads: one, the kernel's. */
#ifndef DE_RUNTIME_SIM_HOST_H
#define DE_RUNTIME_SIM_HOST_H

#include "core/base/site.h"
#include "core/kv/kv.h"
#include "core/node/node.h"
#include "runtime/sim/disk.h"
#include "runtime/sim/memory.h"
#include "runtime/sim/network.h"
#include "runtime/sim/oracle.h"
#include "runtime/sim/stores.h"
#include "runtime/sim/upgrade.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Kinds of kernel events that hosts use. */
enum de_host_event {
    DE_HOST_TIMER = 1,
    DE_HOST_FLUSH = 2,
    DE_HOST_PERSIST_RUN = 3,
    DE_HOST_PERSIST_DONE = 4,
    DE_HOST_APPLY_RUN = 5,
    DE_HOST_APPLY_DONE = 6,
    DE_HOST_LOG_READ_RUN = 7,
    DE_HOST_LOG_READ_DONE = 8,
    DE_HOST_UNREACHABLE = 9,
    DE_HOST_LOOK = 21, /* whether there is room again */
    DE_HOST_TASK_RUN = 22,
    DE_HOST_TASK_DONE = 23,
    DE_HOST_LOG_FLUSH = 26,
    DE_HOST_LOG_FLUSHED = 27,
    DE_HOST_LEASE_READ = 28,
};

/* What all hosts of a run share. */
struct de_host_shared {
    struct de_kernel *kernel;
    struct de_network *network;
    struct de_oracle *oracle;
    struct de_verdict *verdict;
    const struct de_sim_stores *stores;
    uint8_t memory_fill;
    uint32_t slow_read_ppm;   /* of the reads of the log: the disk has to try again and again */
    uint32_t scarce_ppm;      /* running nodes find so often that there is no memory */
    const uint32_t *site_ppm; /* of DE_SITES: how often rare things are done; NULL: never */
    /* Template: id, seed and such are filled in per host. */
    struct de_raft_options raft;
    struct de_node_limits limits;
    struct de_membership initial_membership;
    uint32_t segment_bytes; /* of the log store */
    uint32_t flush_interval_ms;
    uint64_t flush_bytes;         /* 0: no log store reports early */
    bool no_forwarding;           /* followers refuse requests */
    bool upgrades;                /* some are of the version before, at first (upgrade.h) */
    bool no_rejoin;               /* replicas are not told that they may have forgotten entries */
    uint32_t clock_ppm;           /* clocks run off by at most this */
    uint64_t disk_latency_ns;     /* about one sync */
    uint64_t cpu_latency_ns;      /* about one hop between threads */
    uint32_t applier_held_up_ppm; /* of the work of appliers waits for an eighth of an election */
    /* A node has become leader; called inside a step, so only post events. */
    void (*elected)(void *context, uint32_t id, uint64_t term);
    void (*changed)(void *context); /* the role, the term or the members that some node knows */
    /* A host crashed where a trap (below) was set, or has stopped because of its disk. */
    void (*trapped)(void *context, uint32_t id);
    void *context;
};

/* How a machine stops. */
struct de_host_crash {
    bool power_cut;
    enum de_disk_cut cut; /* for a power cut */
};

/* Where a trap waits for the replica: the next time it does this, it crashes. */
enum de_host_trap {
    DE_TRAP_NONE = 0,
    DE_TRAP_IN_WRITE = 1,    /* between the parts of a write to the log store */
    DE_TRAP_AFTER_WRITE = 2, /* written, completion not yet told */
    DE_TRAP_AFTER_SEND = 3,  /* just after a message left */
    DE_TRAP_AFTER_APPLY = 4, /* applied, completion not yet told */
    /* The following where snapshots are taken of tiny logs. */
    DE_TRAP_IN_TASK = 5,     /* in the midst of what a task does to the disk */
    DE_TRAP_AFTER_STAGE = 6, /* a received snapshot is durable, and nobody knows yet */
    DE_TRAP_IN_RESET = 7,    /* in the midst of emptying the log, or just after */
    DE_TRAP_IN_RECEIVE = 8,  /* a part of a snapshot was received and written, but not all */
};

/* What is open in the snapshot store and in the state machine when a process dies. */
#define DE_HOST_READERS_MAX 64u

struct de_host_snapshots {
    struct dengine_snapshot_store store; /* the real one; ops NULL: none */
    struct dengine_snapshot_writer *writer;
    struct de_upgrade_stream written; /* by a machine of the version before; not yet stored */
    struct dengine_snapshot_receiver *receiver;
    uint64_t receive_left; /* bytes of the image that are still to come */
    struct dengine_snapshot_reader *readers[DE_HOST_READERS_MAX];
    size_t reader_count;
    struct dengine_machine_save *save; /* of the state machine */
    bool restoring;                    /* the state machine is */
};

/* The store of the state machine (host_store.c). */
struct de_host_store {
    struct dengine_kv_store real;
    uint64_t fails_in; /* calls from now; UINT64_MAX: none fails */
    int error;         /* ... with this */
    int last;          /* what the newest failure was; 0: there was none */
    bool asked;        /* by the node's state machine, right now */
    bool troubled;     /* it has failed in this life */
};

struct de_host_request;
struct de_host_watch;
struct de_host;

/* The environment of the node on host (host_env.c). */
struct de_node_env de_host_env(struct de_host *host);
/* The state machine of host behind a probe that tells the oracle (host_probe.c). */
struct dengine_state_machine de_host_probe(struct de_host *host);
/* A store for the state machine that fails when store says so, over wrapped, which it owns. */
struct dengine_kv_store de_host_store_probe(struct de_host_store *store,
                                            struct dengine_kv_store wrapped);
/* The snapshot store of host behind a probe, which knows what is open (host_snapshots.c); opened
 * first. False: it cannot be opened, and message says why. */
int de_host_open_snapshots(struct de_host *host, char *message, size_t message_size);
struct dengine_snapshot_store de_host_snapshot_probe(struct de_host *host);
/* Gives up what is open, and the store with it. */
void de_host_kill_snapshots(struct de_host *host);
/* The log store as the node sees it: the oracle learns of compactions and of resets at boot
 * (host_log.c). */
struct dengine_log_store de_host_log_probe(struct de_host *host);
/* What the newest snapshot covers; UINT64_MAX where there are no snapshots at all. */
uint64_t de_host_newest_snapshot(struct de_host *host);
/* A client's request (host_request.c); submits it to the node. */
void de_host_request(struct de_host *host, uint32_t client, struct dengine_slice bytes);
/* All requests of this life are forgotten; with ended_required each must have ended. */
void de_host_requests_clear(struct de_host *host, bool ended_required);
/* The workers of the node, as far as they run tasks (host_task.c). */
void de_host_run_task(void *context, struct de_node_task *task);
void de_host_register_tasks(struct de_kernel *kernel, struct de_host *hosts);
/* A number below `below` at the address of this host's next job. */
uint64_t de_host_chance(struct de_host *host, uint64_t below);
/* The watcher of everything on this host (host_watch.c): begins when the state machine is opened,
 * at that revision; ends with the life; looks now and then, after something was applied. */
int de_host_watch_start(struct de_host *host, uint64_t revision);
void de_host_watch_end(struct de_host *host);
/* The same in good order: watchers leave, and the hub is freed. */
void de_host_watch_close(struct de_host *host);
void de_host_watch_free(struct de_host *host);
void de_host_watch_look(struct de_host *host);
/* Reads let go of the state machine, which is about to end. */
void de_host_reads_clear(struct de_host *host);
/* The addresses under which others know a node. */
struct de_member_addresses de_host_addresses(uint64_t id);
/* Every input of the node ends here: oracle, then the trap. The host may be down afterwards. */
void de_host_stepped(struct de_host *host);
/* A delay of about mean_ns, drawn at the address of this host's next job. */
uint64_t de_host_delay(struct de_host *host, uint64_t mean_ns);
/* Posts an event bound to this life of host. */
void de_host_post(struct de_host *host, uint64_t delay_ns, uint32_t kind, uint64_t content,
                  void *data);
/* The host of event when its replica may act now; NULL: it is paused, and the event waits. */
struct de_host *de_host_awake(void *context, const struct de_sim_event *event);
/* The same for a processor's hop between two threads. */
uint64_t de_host_hop(struct de_host *host);
/* Kernel time at which the host's own clock shows about clock_ns (not before now); UINT64_MAX while
 * it stands still. */
uint64_t de_host_kernel_time(const struct de_host *host, uint64_t clock_ns);
/* The clock was changed: the timer may be due at another time (host_env.c). */
void de_host_rearm(struct de_host *host);
void de_host_clock_init(struct de_host *host, uint64_t start_ns, uint32_t rate_ppm);
/* Whether the disk was told to do something that excuses a halt or a refusal to boot. */
bool de_host_excused(const struct de_host *host);

struct de_host_clock {
    uint64_t base_ns;  /* what it showed */
    uint64_t since_ns; /* at this kernel time */
    uint32_t rate_ppm; /* of real time; 0 = stands still */
    uint32_t natural_ppm;
};

struct de_host {
    const struct de_host_shared *shared;
    uint32_t id;
    bool running;
    bool joins;        /* was no member at first: starts without a membership */
    bool admin_closed; /* takes no changes and transfers any more */
    bool older;        /* of the version before (upgrade.h) */
    bool absent;       /* not there yet, or gone for good: nobody starts it */
    uint64_t lives;    /* starts so far */
    struct de_disk disk;
    struct de_sites sites;
    /* Survive a process crash. */
    struct de_host_store store;
    struct dengine_kv_store kv_store; /* store, as the state machine sees it */
    bool kv_exists;
    /* One life. */
    struct de_sim_pool node_pool;
    struct de_sim_pool kv_pool;
    struct de_kv *kv;
    struct dengine_state_machine machine; /* the real one, behind the probe */
    struct de_host_snapshots snapshots;
    struct dengine_log_store log;
    struct de_node *node;
    struct de_host_watch *watch; /* outlives a life */
    struct de_host_tasks {
        struct de_node_task *head; /* under way, and those that wait for it */
        struct de_node_task *tail;
    } tasks[DE_WORKERS];
    struct de_persist_job *persist_head;
    struct de_persist_job *persist_tail;
    struct de_persist_job *writing; /* linked; written, completion under way */
    size_t writing_count;
    bool writer_busy;
    bool writer_blocked; /* what waits found no room */
    bool look_posted;
    bool machine_full;
    enum dengine_log_room room; /* as told to the node */
    bool flush_posted;
    bool log_flush_posted;
    uint64_t deadline_ns; /* own clock */
    uint64_t timer_at_ns; /* kernel time of the earliest timer event; UINT64_MAX = none */
    uint32_t role;        /* as last told by the node */
    uint64_t term;
    uint64_t leader;                  /* 0 = unknown */
    struct de_node_lease lease;       /* as published by the node */
    const struct de_change *changed;  /* said to be done in the step under way; else NULL */
    struct de_host_request *requests; /* of this life */
    /* Troubles. */
    uint64_t paused_until_ns;
    uint64_t stalled_until_ns;       /* the disk */
    uint64_t disk_slowness;          /* factor, 1 = normal */
    uint64_t starves_in;             /* allocations of the next start; UINT64_MAX: all succeed */
    bool room_hidden;                /* the log store does not say that room runs out */
    uint64_t slowness;               /* of the processor, the same */
    bool lost;                       /* what was durable is gone: not to be started again */
    bool halted;                     /* because of its disk: stops when the step is over */
    uint32_t trap;                   /* enum de_host_trap */
    bool trap_sprung;                /* AFTER_SEND: crash when the step is over */
    struct de_host_crash trap_crash; /* how, at a trap or after a halt */
    struct de_host_clock clock;
    uint64_t draws;    /* jobs that have drawn a delay */
    uint64_t received; /* messages, while some of them come garbled */
    uint64_t requests_ended;
    uint64_t lease_reads; /* answered by lease */
    uint32_t reads_open;  /* by lease, whose threads are on their way; of this life */
    uint64_t crashes;
};

/* Registers the handlers of all host events; hosts[id] for id in 1..count. */
void de_host_register(struct de_kernel *kernel, struct de_host *hosts);

void de_host_init(struct de_host *host, const struct de_host_shared *shared, uint32_t id);
/* The host must be down. */
void de_host_deinit(struct de_host *host);

/* Boots the replica from what is on its disk. A failure goes to the verdict. */
void de_host_start(struct de_host *host);

/* Stops the machine at once. Not from inside a step. */
void de_host_crash(struct de_host *host, const struct de_host_crash *how);

/* Ends the replica in an orderly way: de_host_stopped is true once its jobs are done, then
 * de_host_finish frees it. Each request must then have ended. */
void de_host_stop(struct de_host *host);
bool de_host_stopped(const struct de_host *host);
void de_host_finish(struct de_host *host);

/* A packet from an endpoint that is a node (from <= nodes) or a client. */
void de_host_receive(struct de_host *host, uint32_t from, bool from_client,
                     struct dengine_slice bytes);

/* The replica does nothing until then, while its clock goes on. */
void de_host_pause(struct de_host *host, uint64_t until_ns);

/* The same, and the clock stands still until its rate is set again. */
void de_host_suspend(struct de_host *host, uint64_t until_ns);

/* The clock runs at this rate (1000000 = real time), or jumps forward. */
void de_host_clock_rate(struct de_host *host, uint32_t rate_ppm);
void de_host_clock_step(struct de_host *host, uint64_t forward_ns);

/* The replica's own clock. */
uint64_t de_host_clock(const struct de_host *host);

/* Its view, for those who steer faults and for liveness; the host must run. */
void de_host_view(const struct de_host *host, struct de_raft_view *view);

#ifdef __cplusplus
}
#endif

#endif
