/* runtime/sim/check/lease_check.h - whether leases end when they may, and not before.
 *
 * Cluster time never runs faster than real time by more than the promised drift rho, and it stands
 * still while there is no leader. A renewal is stamped after it was called. So as long as the
 * clocks keep the promise, a lease surely lives until
 *
 *   certain until = call of the last renewal that surely happened + TTL / (1 + rho)
 *
 * (de_lease_certain_until). For the keys that are tied to a lease this becomes an operation of
 * their history, an indeterminate expire by a process of its own that is called at that time
 * (de_lease_expire_operation): a history that only an earlier end explains is then not
 * linearizable, and the search needs no clock. For the lease itself:
 *
 *   lease-early        it was answered that it is gone, before certain until, and nobody revoked it
 *   lease-resurrected  it is alive, after it was answered that it is gone: leases never come back,
 *                      and a renewal tells the truth
 *   lease-immortal     it is alive although its time is over at the slowest clock, with a leader
 *                      there all that time
 *   lease-ttl          it has more time left than it was given
 *
 * Times are nanoseconds of real (simulated) time. Calls come in the order in which answers came.
 * Pure; one thread. */
#ifndef DE_RUNTIME_SIM_CHECK_LEASE_CHECK_H
#define DE_RUNTIME_SIM_CHECK_LEASE_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/sim/check/finding.h"
#include "runtime/sim/check/history.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What is known of a lease. */
struct de_lease_track {
    uint64_t lease;
    uint64_t ttl_ns;
    uint64_t certain_until_ns;
    uint64_t renewed_ns;   /* when the last renewal that surely happened was answered */
    uint64_t revoked_ns;   /* the first call of a revoke; UINT64_MAX: none */
    uint64_t gone_told_ns; /* the first answer that it is gone; UINT64_MAX: none */
};

struct de_lease_check {
    uint32_t drift_ppm; /* rho, in millionths */
    struct de_lease_track *leases;
    size_t count;
    size_t capacity;
};

/* What an answer says of a lease. */
enum de_lease_word { DE_LEASE_ALIVE, DE_LEASE_GONE };

/* call + ttl / (1 + rho), rounded down. */
uint64_t de_lease_certain_until(uint64_t call_ns, uint64_t ttl_ns, uint32_t drift_ppm);

/* The last moment at which a lease renewed at from_ns is alive, if a leader is there all the time:
 * from + ttl * (1 + rho), rounded up. */
uint64_t de_lease_over_by(uint64_t from_ns, uint64_t ttl_ns, uint32_t drift_ppm);

void de_lease_check_init(struct de_lease_check *check, uint32_t drift_ppm);
void de_lease_check_deinit(struct de_lease_check *check);

/* A lease was granted; its id is new. */
void de_lease_check_granted(struct de_lease_check *check, uint64_t lease, uint64_t ttl_ns,
                            uint64_t call_ns, uint64_t return_ns);

/* Somebody calls a revoke: from now on the lease may be gone. */
void de_lease_check_revoking(struct de_lease_check *check, uint64_t lease, uint64_t call_ns);

/* A renewal (renews), a question after its time, a revoke that was done (GONE) was answered, with
 * what every replica agrees on: not an answer of a node that may be behind. in_spec: all clocks
 * kept the promise so far. False with a finding. */
bool de_lease_check_told(struct de_lease_check *check, uint64_t lease, enum de_lease_word word,
                         bool renews, uint64_t call_ns, uint64_t return_ns, bool in_spec,
                         struct de_finding *finding);

/* An answer named the time that is left. */
bool de_lease_check_left(const struct de_lease_check *check, uint64_t lease, uint64_t left_ns,
                         struct de_finding *finding);

/* At now_ns it is known whether the lease is alive. A leader was there, and no renewal under way,
 * since quiet_ns; slack_ns is what the cluster may take to propose and apply the end. */
bool de_lease_check_rest(const struct de_lease_check *check, uint64_t lease, bool alive,
                         uint64_t quiet_ns, uint64_t slack_ns, uint64_t now_ns, bool in_spec,
                         struct de_finding *finding);

/* Until when the lease surely lives, 0 if it is not known; with a revoke, only until its call. */
uint64_t de_lease_check_certain_until(const struct de_lease_check *check, uint64_t lease);

/* The operation to add to the history of count operations: what key (a register's or kv's) holds,
 * or who holds the lock, may vanish at certain_until_ns or later. value must be one that no other
 * operation writes; process a number that no other has. */
struct de_history_operation de_lease_expire_operation(const struct de_history_operation *operations,
                                                      size_t count, struct de_history_value key,
                                                      struct de_history_value value,
                                                      int64_t process, uint64_t certain_until_ns);

#ifdef __cplusplus
}
#endif

#endif
