#include "runtime/sim/scenario.h"

#include <string.h>

#include "runtime/sim/kernel.h"
#include "runtime/sim/queue_clients.h"
#include "runtime/sim/range_clients.h"
#include "runtime/sim/schedule.h"
#include "runtime/sim/service.h"

#define FAULT(name) DE_FAULT_BIT(name)

/* What no disk and no clock has a part in, but for slow and full disks. */
#define USUAL_FAULTS                                                                               \
    (DE_FAULT_ALL & ~(FAULT(SYNC_ERROR) | FAULT(WRITE_ERROR) | FAULT(READ_ERROR) | FAULT(ROT) |    \
                      FAULT(STORE_ERROR) | FAULT(DISK_LOSS) | FAULT(SNAPSHOT_LOSS) |               \
                      FAULT(SNAPSHOT_ROT) | FAULT(DRIFT) | FAULT(STEP) | FAULT(STOP)))

/* The same where there are reads by lease: no clock may stand still either. */
#define CLOCKED_FAULTS (USUAL_FAULTS & ~FAULT(SUSPEND))

#define DISK_FAULTS                                                                                \
    (FAULT(CRASH) | FAULT(TRAP) | FAULT(BLACKOUT) | FAULT(CRASH_LOOP) | FAULT(SLOW_DISK) |         \
     FAULT(STALL) | FAULT(SYNC_ERROR) | FAULT(WRITE_ERROR) | FAULT(READ_ERROR) | FAULT(NO_SPACE) | \
     FAULT(STORE_ERROR) | FAULT(ROT) | FAULT(DISK_LOSS) | FAULT(SNAPSHOT_LOSS) |                   \
     FAULT(SNAPSHOT_ROT) | FAULT(ISOLATE) | FAULT(CHURN))

/* What makes a leader fall without its knowing, while clients still reach it. */
#define LEASE_FAULTS                                                                               \
    (FAULT(ISOLATE) | FAULT(MUTE) | FAULT(CLOG) | FAULT(TAIL) | FAULT(PAUSE) | FAULT(CHURN) |      \
     FAULT(STALE))

/* ---- parts of a row ---- */

#define CLIENTS(least, most) .clients_min = (least), .clients_max = (most)
/* Shares of the operations in per cent; what is left are reads. */
#define MIX(puts, comparisons, deletes)                                                            \
    .write_ppm = 10000 * (puts), .cas_ppm = 10000 * (comparisons), .delete_ppm = 10000 * (deletes)
/* Faults of these kinds, one in so many milliseconds. */
#define FAULTS(kinds, gap_ms)    .faults = (kinds), .fault_gap_ns = DE_NS_PER_MS * (gap_ms)
#define CHAOS_S(seconds)         .chaos_ns = DE_NS_PER_S * (seconds)
#define TRANSFERS_EACH(gap_ms)   .admin_gap_ns = DE_NS_PER_MS * (gap_ms)
#define LEASE_READS(percent)     .lease_ppm = 10000 * (percent)
#define ROAMING_CLIENTS(percent) .roam_ppm = 10000 * (percent)

#define CHANGES_OF_MEMBERS                                                                         \
    .spares = 8, .admin_gap_ns = 300 * DE_NS_PER_MS, .admin_changes = true, .forwarding = true,    \
    .snapshots = true, CLIENTS(1, 6), MIX(50, 10, 0), FAULTS(CLOCKED_FAULTS, 700), CHAOS_S(20),    \
    LEASE_READS(30), ROAMING_CLIENTS(30)

#define READS_BY_LEASE                                                                             \
    .hasty = true, .drift_ppm_max = 150000, CLIENTS(4, 12), MIX(30, 0, 0),                         \
    FAULTS(LEASE_FAULTS, 500), CHAOS_S(25), TRANSFERS_EACH(500), LEASE_READS(90),                  \
    ROAMING_CLIENTS(30)

static const struct de_scenario scenarios[] = {
    {.name = "elect",
     .text = "leaders fall and rise: crashes, traps and partitions, hardly any load",
     .nodes_max = 7,
     CLIENTS(1, 1),
     MIX(50, 0, 0),
     FAULTS(USUAL_FAULTS & ~FAULT(SLOW_DISK), 300),
     CHAOS_S(20)},
    {.name = "replicate",
     .text = "logs diverge and are repaired: many writes, leaders cut off with what they have",
     CLIENTS(4, 12),
     MIX(90, 0, 0),
     FAULTS(USUAL_FAULTS, 400),
     .themed_ppm = 800000},
    {.name = "register",
     .text = "read, write, compare-and-swap and delete under all faults, linearizable per key",
     CLIENTS(1, 12),
     MIX(25, 25, 5),
     FAULTS(USUAL_FAULTS, 500)},
    {.name = "snapshot",
     .text = "tiny logs: snapshots taken, sent, installed all the time, crashes between any two "
             "steps",
     CLIENTS(2, 8),
     MIX(70, 10, 5),
     FAULTS(USUAL_FAULTS, 300),
     .snapshots = true},
    {.name = "ttl-lock",
     .text = "leases, locks with fencing, times to live, sessions and transactions",
     CLIENTS(1, 3),
     MIX(25, 25, 5),
     FAULTS(USUAL_FAULTS, 400),
     .service_clients = DE_SERVICE_CLIENTS_MAX,
     .hoard = true,
     .snapshots = true},
    {.name = "stale-leader",
     .text = "leaders that do not know yet that they lead no more, and clients that ask them",
     CLIENTS(10, 12),
     MIX(35, 0, 5),
     FAULTS(FAULT(STALE), 900),
     CHAOS_S(40),
     .calm = true},
    {.name = "disk",
     .text = "disks fail: power cuts, errors, rot, loss, no room; nothing acknowledged is lost",
     CLIENTS(2, 8),
     MIX(60, 10, 5),
     FAULTS(DISK_FAULTS, 300)},
    {.name = "disk-snapshot",
     .text = "the same with tiny logs: snapshots on disks that fail, and of states that do",
     CLIENTS(2, 8),
     MIX(60, 10, 5),
     FAULTS(DISK_FAULTS, 300),
     .service_clients = 2,
     .snapshots = true},
    {.name = "memfirst",
     .text = "logs report early and lose their ends; while a majority remembers, nothing is lost",
     CLIENTS(2, 8),
     MIX(60, 10, 5),
     FAULTS(USUAL_FAULTS, 250),
     .memfirst = true,
     .snapshots = true},
    {.name = "chaos",
     .text = "everything at once",
     .nodes_max = 7,
     CLIENTS(1, 12),
     MIX(30, 20, 5),
     FAULTS(DE_FAULT_ALL, 300),
     CHAOS_S(24),
     .service_clients = 2,
     .range_clients = 2,
     .snapshots = true},
    {.name = "member",
     .text = "the cluster grows, shrinks and is replaced while machines and links fail",
     CHANGES_OF_MEMBERS},
    {.name = "member-memfirst",
     .text = "the same with logs that report early: members come, go and forget",
     CHANGES_OF_MEMBERS,
     .memfirst = true},
    {.name = "transfer",
     .text = "leadership is handed over all the time: to laggards, to the dead, to strangers",
     CLIENTS(2, 8),
     MIX(50, 10, 0),
     FAULTS(CLOCKED_FAULTS, 700),
     TRANSFERS_EACH(250),
     LEASE_READS(50)},
    {.name = "retry",
     .text = "the production client's policy of retries and fail-over; every call ends once",
     CLIENTS(2, 8),
     MIX(30, 30, 5),
     FAULTS(USUAL_FAULTS, 400),
     .remote = true},
    {.name = "lease-read",
     .text = "reads by lease while leaders are cut off and clocks drift as far as promised",
     READS_BY_LEASE},
    {.name = "forward",
     .text = "any node takes any request: followers forward writes, and ask how far to read",
     CLIENTS(3, 10),
     MIX(30, 25, 5),
     FAULTS(CLOCKED_FAULTS, 500),
     LEASE_READS(30),
     ROAMING_CLIENTS(70),
     .forwarding = true},
    {.name = "txn",
     .text = "transfers between accounts by transactions in sessions: their sum never changes",
     CLIENTS(1, 2),
     MIX(40, 10, 0),
     FAULTS(USUAL_FAULTS, 400),
     .service_clients = DE_SERVICE_CLIENTS_MAX,
     .bank = true,
     .snapshots = true,
     .forwarding = true},
    {.name = "watch",
     .text = "watchers of everything and of one key, slow and quick, through crashes, snapshots "
             "and ends by time",
     CLIENTS(5, 12),
     MIX(50, 5, 30),
     FAULTS(USUAL_FAULTS, 350),
     .service_clients = 2,
     .snapshots = true,
     .forwarding = true},
    {.name = "scan",
     .text = "scans page by page, keys read together, range deletes and batches, at their revision",
     CLIENTS(1, 3),
     MIX(60, 10, 5),
     FAULTS(CLOCKED_FAULTS, 400),
     LEASE_READS(25),
     ROAMING_CLIENTS(30),
     .range_clients = DE_RANGE_CLIENTS_MAX,
     .snapshots = true,
     .forwarding = true},
    {.name = "recipe",
     .text = "locks and elections by the client library's rules: fair queues, guards, observers",
     CLIENTS(1, 3),
     MIX(50, 10, 5),
     FAULTS(USUAL_FAULTS, 400),
     .drift_ppm_max = 10000,
     .queue_clients = DE_QUEUE_CLIENTS_MAX,
     .snapshots = true,
     .forwarding = true},
    {.name = "upgrade",
     .text = "machines of the version before among those of this one, upgraded one by one",
     CLIENTS(1, 4),
     MIX(50, 10, 5),
     FAULTS(USUAL_FAULTS, 400),
     .service_clients = DE_SERVICE_CLIENTS_MAX,
     .snapshots = true,
     .forwarding = true,
     .upgrades = true},
    {.name = "beyond-budget",
     .text = "more is lost than can be: the damaged refuse to start, and nothing is made up for it",
     CLIENTS(2, 8),
     MIX(60, 10, 5),
     FAULTS(DISK_FAULTS, 300),
     CHAOS_S(8),
     .snapshots = true,
     .beyond = true},
    {.name = "negative-unfenced-lock",
     .text = "a control that must fail: resources that do not look at the token of a lock",
     CLIENTS(1, 1),
     MIX(50, 0, 0),
     FAULTS(USUAL_FAULTS, 400),
     .service_clients = DE_SERVICE_CLIENTS_MAX,
     .unfenced = true,
     .control = true},
    {.name = "negative-nosync",
     .text = "a control that must fail: disks that say synced and have only taken note",
     CLIENTS(2, 8),
     MIX(60, 10, 5),
     FAULTS(USUAL_FAULTS, 250),
     .no_sync = true,
     .control = true},
    {.name = "negative-memfirst",
     .text = "a control that must fail: replicas that forgot entries take part as if they had not",
     CLIENTS(2, 8),
     MIX(60, 10, 5),
     FAULTS(USUAL_FAULTS, 250),
     .memfirst = true,
     .snapshots = true,
     .no_rejoin = true,
     .control = true},
    {.name = "negative-lease-drift",
     .text = "the same with clocks that break the promise: reads by lease must be seen to fail",
     READS_BY_LEASE,
     .drift_beyond = 3,
     .control = true},
    {.name = NULL},
};

const struct de_scenario *de_scenarios(void)
{
    return scenarios;
}

const struct de_scenario *de_scenario_find(const char *name)
{
    for (const struct de_scenario *scenario = scenarios; scenario->name != NULL; scenario++) {
        if (strcmp(scenario->name, name) == 0) {
            return scenario;
        }
    }
    return NULL;
}
