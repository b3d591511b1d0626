/* core/raft/test/world.h - a few cores over a hand-operated network, disk and clock.
 *
 * The reference owner of a core, for tests: it keeps the entries, does the writes of persist parts
 * one by one when told to, fills in appends (R3), applies, takes and streams snapshots, crashes and
 * restarts. After each step the promises of Raft (figure 3) and the rules of raft.h are checked; a
 * broken one prints a sentence and aborts. Each core has a twin that is given the same events:
 * their updates must be equal byte by byte (R6).
 *
 * Nothing happens by itself: a script, a seed or a fuzzer decides what comes next. */
#ifndef DE_CORE_RAFT_TEST_WORLD_H
#define DE_CORE_RAFT_TEST_WORLD_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "core/raft/raft.h"

#ifdef __cplusplus
extern "C" {
#endif

#define DE_WORLD_SERVERS_MAX   10
#define DE_WORLD_CHAOS_KINDS   12
#define DE_WORLD_READS_MAX     256
#define DE_WORLD_PROPOSALS_MAX 512
#define DE_WORLD_MESSAGES_MAX  4096
#define DE_WORLD_PARCELS_MAX   16

/* What servers may forget (struct de_raft_boot, recovering) without anything committed being lost.
 */
enum de_world_forgets {
    DE_WORLD_FORGETS_NOTHING = 0,
    DE_WORLD_FORGETS_ONE = 1,    /* at most one server at a time has; there are two voters always */
    DE_WORLD_FORGETS_COPIED = 2, /* any of them, what another voter has on its disk; no changes */
};

struct de_world_entry {
    uint64_t term;
    uint64_t value;        /* stands for the payload; unique per proposal */
    uint64_t committed_in; /* in world.committed: the term in which it was seen committed first */
    uint32_t type;
    uint32_t bytes;
    const struct de_raft_configuration *configuration; /* lives as long as the world */
};

/* A log with the entries base_index + 1 .. base_index + count. */
struct de_world_log {
    uint64_t base_index;
    uint64_t base_term;
    const struct de_raft_configuration *base_configuration;
    struct de_world_entry *entries;
    uint64_t count;
    uint64_t capacity;
};

/* A write that has been handed to the disk. */
struct de_world_write {
    uint64_t ticket; /* 0: a compaction */
    bool is_synced;  /* must not be reported early */
    struct dengine_hard_state hard_state;
    uint64_t truncate_from;
    uint64_t first_index;
    struct de_world_entry *entries;
    uint64_t count;
    uint64_t install_index;
    uint64_t install_term;
    const struct de_raft_configuration *install_configuration;
    uint64_t compact_to;
};

struct de_world_disk {
    struct dengine_hard_state hard_state;
    struct de_world_log log;
    bool used; /* a server has run on it before */
    /* Entries beyond this are in the page cache only: an owner that reports writes early may lose
     * them (struct de_raft_boot, recovering). */
    uint64_t synced_index;
    uint64_t synced_commit; /* the hint of that time: a later one may be lost with them */
    bool unclean;          /* the next server to run on it is recovering */
    uint64_t forgotten_to; /* where its log ended before it lost some; 0 = it has lost nothing */
};

struct de_world_server {
    uint64_t id;
    bool up;
    struct de_raft_options options;
    struct de_raft *raft;
    struct de_raft *twin;
    void *memory;
    void *twin_memory;
    struct de_world_disk disk;

    /* Memory: gone with a crash. */
    struct de_world_log log;
    struct de_world_write *writes; /* not durable yet, oldest first */
    size_t write_count;
    size_t write_capacity;
    uint64_t written; /* ticket of the newest write that is durable */
    uint64_t told;    /* ticket of the newest PERSISTED given */
    uint64_t life;    /* counts restarts */
    uint64_t deadline_ns;
    uint64_t commit; /* published */
    uint64_t known_commit;
    struct {
        uint64_t ticket;
        uint64_t floor; /* committed anywhere when the read was asked for */
    } reads[DE_WORLD_READS_MAX];
    size_t read_count;
    struct {
        uint64_t index;
        uint64_t term;
    } proposals[DE_WORLD_PROPOSALS_MAX]; /* accepted, and not ended yet (R8) */
    size_t proposal_count;
    uint32_t streams; /* bit id: a snapshot stream to that server was asked for */

    int32_t drift_ppm; /* of its clock */
};

/* A message on its way. */
struct de_world_message {
    struct de_raft_message message;
    struct de_raft_entry *metas; /* APPEND, when filled in */
    uint64_t *values;
    bool filled;
    uint64_t sender_life;
};

/* A snapshot on its way, or received and not staged yet: it may get there long after its sender was
 * deposed, after newer ones, after the log has come by itself, and twice. */
struct de_world_parcel {
    uint64_t from;
    uint64_t sender_life; /* 0: its sender is not waiting for an end */
    uint64_t to;
    uint64_t index;
    uint64_t term;
    const struct de_raft_configuration *configuration;
};

struct de_world {
    struct de_world_server servers[DE_WORLD_SERVERS_MAX];
    uint32_t server_count;
    uint64_t now_ns;
    uint64_t next_value;

    struct de_world_message messages[DE_WORLD_MESSAGES_MAX];
    size_t message_count;
    struct de_world_parcel parcels[DE_WORLD_PARCELS_MAX];
    size_t parcel_count;
    uint32_t cut; /* chaos: bit id: which side of a partition a server is on */
    uint8_t weights[DE_WORLD_CHAOS_KINDS]; /* chaos: how often what happens; drawn first */
    bool lazy;                             /* appends are filled in when delivered, not when sent */
    uint32_t forgets; /* chaos: what a crash may take away that was reported as durable */
    bool removed_stay_away; /* peace: whose removal is committed does not come back */

    /* What is committed, for ever. */
    struct de_world_entry *committed; /* [committed_count], of index 1.. */
    uint64_t committed_count;
    uint64_t committed_capacity;

    /* Leaders seen, by term. */
    uint64_t *leaders;
    uint64_t leader_capacity;

    struct de_raft_configuration **configurations;
    size_t configuration_count;
    size_t configuration_capacity;

    const struct de_raft_message *delivering; /* of which the payload is known */
    const uint64_t *delivering_values;

    FILE *out;           /* updates are printed here, unless NULL */
    const char *context; /* said with a failure */
    uint64_t context_number;
    bool halt_is_expected;
    bool is_hostile;       /* peers lie: what Raft promises is not checked */
    bool lease_is_checked; /* clocks keep the promise */
    uint64_t steps;
    uint64_t proposals_committed;
    uint64_t proposals_overwritten;
    uint64_t reads_served;
};

/* Options that the tests share; times in milliseconds look round. */
struct de_raft_options de_world_options(uint64_t id);

void de_world_init(struct de_world *world);
void de_world_deinit(struct de_world *world);

/* A copy that lives as long as the world. */
const struct de_raft_configuration *
de_world_keep(struct de_world *world, const struct de_raft_configuration *configuration);
/* Voters 1 .. count. */
struct de_raft_configuration de_world_voters(uint32_t count);

/* A new server, down, on an empty disk with this initial configuration. */
struct de_world_server *de_world_add(struct de_world *world, uint64_t id,
                                     const struct de_raft_configuration *configuration);
struct de_world_server *de_world_find(struct de_world *world, uint64_t id);

/* Starts it from its disk. */
void de_world_start(struct de_world *world, struct de_world_server *server);
/* Of a server that is down: up to `count` entries at the end of its disk's log were not there after
 * all, as far as they may be lost; and its next life begins recovering. */
void de_world_forget(struct de_world *world, struct de_world_server *server, uint64_t count);
/* What is in memory is gone; of the writes under way the first `kept` reached the disk. */
void de_world_crash(struct de_world *world, struct de_world_server *server, size_t kept);

/* Gives it an event (now_ns is filled in), carries out the update, checks everything. */
int de_world_step(struct de_world *world, struct de_world_server *server,
                  struct de_raft_event *event);
uint64_t de_world_clock(const struct de_world *world, const struct de_world_server *server);

/* The oldest write becomes durable; whether there was one. */
bool de_world_disk_write(struct de_world *world, struct de_world_server *server);
/* Tells the core of all durable writes up to this ticket (0: all). */
void de_world_disk_tell(struct de_world *world, struct de_world_server *server, uint64_t ticket);

/* Takes message i out of the network and gives it to its receiver, when that is up; keep = the
 * network keeps a copy. */
void de_world_deliver(struct de_world *world, size_t i, bool keep);
void de_world_drop(struct de_world *world, size_t i);

int de_world_propose(struct de_world *world, struct de_world_server *server, uint32_t count,
                     uint32_t bytes);
int de_world_read(struct de_world *world, struct de_world_server *server);
int de_world_change(struct de_world *world, struct de_world_server *server,
                    const struct de_raft_configuration *target);
int de_world_transfer(struct de_world *world, struct de_world_server *server, uint64_t to);
void de_world_deadline(struct de_world *world, struct de_world_server *server);
void de_world_unreachable(struct de_world *world, struct de_world_server *server, uint64_t peer);
/* Saves the state machine as applied; compacts. */
int de_world_snapshot(struct de_world *world, struct de_world_server *server);
/* A stream that the leader was asked for: arrives (then the receiver stages it) or not. */
void de_world_stream(struct de_world *world, struct de_world_server *server, uint64_t to,
                     bool arrives);

/* The same in two parts: the snapshot leaves (false: too many are on their way); parcel i arrives,
 * keep = and may arrive again. */
bool de_world_ship(struct de_world *world, struct de_world_server *server, uint64_t to);
void de_world_unpack(struct de_world *world, size_t i, bool keep);

/* Any of the servers that it was asked to stream a snapshot to; there is one. */
uint64_t de_world_first_stream(const struct de_world_server *server);

/* Everything works from now on: all servers up that may be (removed_stay_away), messages and writes
 * in order, timers when due. Until the cluster has a leader whose log everybody has applied; false
 * when that takes longer than limit_ns of virtual time. */
bool de_world_heal(struct de_world *world, uint64_t limit_ns);

/* Draws a number below bound, bound > 0. */
typedef uint64_t de_world_draw(void *context, uint64_t bound);
/* One thing happens, drawn at random: mostly messages and writes, sometimes a fault. */
void de_world_chaos(struct de_world *world, de_world_draw *draw, void *context);

/* world_log.c */
const struct de_world_entry *de_world_entry_at(const struct de_world_log *log, uint64_t index);
uint64_t de_world_term_at(const struct de_world_log *log, uint64_t index);
const struct de_raft_configuration *de_world_configuration_at(const struct de_world_log *log,
                                                              uint64_t index);
void de_world_log_clear(struct de_world_log *log);
void de_world_log_append(struct de_world_log *log, const struct de_world_entry *entry);
void de_world_log_truncate(struct de_world_log *log, uint64_t from);
/* Nothing is left but what a snapshot says. */
void de_world_log_reset(struct de_world_log *log, uint64_t index, uint64_t term,
                        const struct de_raft_configuration *configuration);
void de_world_log_compact(struct de_world_log *log, uint64_t index);
void de_world_log_copy(struct de_world_log *to, const struct de_world_log *from);

/* world_check.c */
void de_world_fail(const struct de_world *world, const char *format, ...)
    __attribute__((format(printf, 2, 3), noreturn));
#define DE_WORLD_CHECK(world, condition, ...)                                                      \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            de_world_fail((world), __VA_ARGS__);                                                   \
        }                                                                                          \
    } while (0)
/* Before the update is carried out: its messages keep R4. */
void de_world_check_messages(struct de_world *world, const struct de_world_server *server,
                             const struct de_raft_update *update);
/* After: election safety, log matching, leader completeness, state agreement. */
void de_world_check_server(struct de_world *world, struct de_world_server *server);

/* world_print.c */
void de_world_print_update(const struct de_world *world, const struct de_world_server *server,
                           int rc, const struct de_raft_update *update, bool deadline_moved);
void de_world_print_state(struct de_world *world);
void de_world_print_log(const struct de_world *world, const struct de_world_server *server);
void de_world_print_messages(const struct de_world *world);
const char *de_world_message_name(const struct de_raft_message *message);

#ifdef __cplusplus
}
#endif

#endif
