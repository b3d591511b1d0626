#include "storage/lmdb/lmdb_gate.h"

#include <limits.h>

#include <dengine/error.h>

#include "core/base/assert.h"

/* Whoever enters counts itself first and looks at `closed` second; whoever closes sets `closed`
 * first and looks at the count second. All are sequentially consistent, so at least one of the two
 * sees the other. */

int de_lmdb_gate_init(struct de_lmdb_gate *gate)
{
    DE_ASSERT(gate != NULL);
    gate->inside = 0;
    gate->closed = false;
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
    DE_ASSERT(__atomic_load_n(&gate->inside, __ATOMIC_SEQ_CST) == 0);
    DE_ASSERT(!__atomic_load_n(&gate->closed, __ATOMIC_SEQ_CST));
    (void)pthread_cond_destroy(&gate->changed);
    (void)pthread_mutex_destroy(&gate->lock);
}

void de_lmdb_gate_enter(struct de_lmdb_gate *gate)
{
    for (;;) {
        unsigned before = __atomic_fetch_add(&gate->inside, 1, __ATOMIC_SEQ_CST);

        DE_ASSERT(before < UINT_MAX);
        if (!__atomic_load_n(&gate->closed, __ATOMIC_SEQ_CST)) {
            return;
        }
        de_lmdb_gate_leave(gate);
        (void)pthread_mutex_lock(&gate->lock);
        while (__atomic_load_n(&gate->closed, __ATOMIC_SEQ_CST)) {
            (void)pthread_cond_wait(&gate->changed, &gate->lock);
        }
        (void)pthread_mutex_unlock(&gate->lock);
    }
}

void de_lmdb_gate_leave(struct de_lmdb_gate *gate)
{
    unsigned before = __atomic_fetch_sub(&gate->inside, 1, __ATOMIC_SEQ_CST);

    DE_ASSERT(before > 0);
    if (before == 1 && __atomic_load_n(&gate->closed, __ATOMIC_SEQ_CST)) {
        (void)pthread_mutex_lock(&gate->lock);
        (void)pthread_cond_broadcast(&gate->changed);
        (void)pthread_mutex_unlock(&gate->lock);
    }
}

bool de_lmdb_gate_close(struct de_lmdb_gate *gate, bool wait)
{
    DE_ASSERT(!__atomic_load_n(&gate->closed, __ATOMIC_SEQ_CST));
    __atomic_store_n(&gate->closed, true, __ATOMIC_SEQ_CST);
    if (!wait && __atomic_load_n(&gate->inside, __ATOMIC_SEQ_CST) > 0) {
        de_lmdb_gate_open(gate);
        DE_ASSERT(!__atomic_load_n(&gate->closed, __ATOMIC_SEQ_CST));
        return false;
    }
    (void)pthread_mutex_lock(&gate->lock);
    while (__atomic_load_n(&gate->inside, __ATOMIC_SEQ_CST) > 0) {
        (void)pthread_cond_wait(&gate->changed, &gate->lock);
    }
    (void)pthread_mutex_unlock(&gate->lock);
    DE_ASSERT(__atomic_load_n(&gate->closed, __ATOMIC_SEQ_CST));
    return true;
}

void de_lmdb_gate_open(struct de_lmdb_gate *gate)
{
    DE_ASSERT(__atomic_load_n(&gate->closed, __ATOMIC_SEQ_CST));
    (void)pthread_mutex_lock(&gate->lock);
    __atomic_store_n(&gate->closed, false, __ATOMIC_SEQ_CST);
    (void)pthread_cond_broadcast(&gate->changed);
    (void)pthread_mutex_unlock(&gate->lock);
}
