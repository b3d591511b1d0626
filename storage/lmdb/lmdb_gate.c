#include "storage/lmdb/lmdb_gate.h"

#include <dengine/error.h>

#include "core/base/assert.h"

/* Whoever enters counts itself first and looks at `closed` second; whoever closes sets `closed`
 * first and looks at the count second. All are sequentially consistent, so at least one of the two
 * sees the other. */

int de_lmdb_gate_init(struct de_lmdb_gate *gate)
{
    DE_ASSERT(gate != NULL);
    atomic_init(&gate->inside, 0);
    atomic_init(&gate->closed, false);
    if (pthread_mutex_init(&gate->lock, NULL) != 0) {
        return DENGINE_E_NO_MEMORY;
    }
    if (pthread_cond_init(&gate->changed, NULL) != 0) {
        (void)pthread_mutex_destroy(&gate->lock);
        return DENGINE_E_NO_MEMORY;
    }
    return 0;
}

void de_lmdb_gate_deinit(struct de_lmdb_gate *gate)
{
    DE_ASSERT(atomic_load(&gate->inside) == 0);
    DE_ASSERT(!atomic_load(&gate->closed));
    (void)pthread_cond_destroy(&gate->changed);
    (void)pthread_mutex_destroy(&gate->lock);
}

void de_lmdb_gate_enter(struct de_lmdb_gate *gate)
{
    for (;;) {
        (void)atomic_fetch_add(&gate->inside, 1);
        if (!atomic_load(&gate->closed)) {
            return;
        }
        de_lmdb_gate_leave(gate);
        (void)pthread_mutex_lock(&gate->lock);
        while (atomic_load(&gate->closed)) {
            (void)pthread_cond_wait(&gate->changed, &gate->lock);
        }
        (void)pthread_mutex_unlock(&gate->lock);
    }
}

void de_lmdb_gate_leave(struct de_lmdb_gate *gate)
{
    unsigned before = atomic_fetch_sub(&gate->inside, 1);

    DE_ASSERT(before > 0);
    if (before == 1 && atomic_load(&gate->closed)) {
        (void)pthread_mutex_lock(&gate->lock);
        (void)pthread_cond_broadcast(&gate->changed);
        (void)pthread_mutex_unlock(&gate->lock);
    }
}

bool de_lmdb_gate_close(struct de_lmdb_gate *gate, bool wait)
{
    DE_ASSERT(!atomic_load(&gate->closed));
    atomic_store(&gate->closed, true);
    if (!wait && atomic_load(&gate->inside) > 0) {
        de_lmdb_gate_open(gate);
        return false;
    }
    (void)pthread_mutex_lock(&gate->lock);
    while (atomic_load(&gate->inside) > 0) {
        (void)pthread_cond_wait(&gate->changed, &gate->lock);
    }
    (void)pthread_mutex_unlock(&gate->lock);
    return true;
}

void de_lmdb_gate_open(struct de_lmdb_gate *gate)
{
    DE_ASSERT(atomic_load(&gate->closed));
    (void)pthread_mutex_lock(&gate->lock);
    atomic_store(&gate->closed, false);
    (void)pthread_cond_broadcast(&gate->changed);
    (void)pthread_mutex_unlock(&gate->lock);
}
