/* storage/lmdb/lmdb_gate.h - lets any number of views through without a lock, except while the map
 * is exchanged under nobody's feet. */
#ifndef DE_STORAGE_LMDB_LMDB_GATE_H
#define DE_STORAGE_LMDB_LMDB_GATE_H

#include <pthread.h>
#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

/* inside and closed are only touched with __atomic operations, sequentially consistent; not
 * _Atomic, because this header is read by C++ compilers too. */
struct de_lmdb_gate {
    unsigned inside;
    bool closed;
    pthread_mutex_t lock;
    pthread_cond_t changed;
};

/* Caller's memory. 0 or NO_MEMORY. */
int de_lmdb_gate_init(struct de_lmdb_gate *gate);
void de_lmdb_gate_deinit(struct de_lmdb_gate *gate);

/* Any thread; waits only while the gate is closed. */
void de_lmdb_gate_enter(struct de_lmdb_gate *gate);
void de_lmdb_gate_leave(struct de_lmdb_gate *gate);

/* One thread at a time. Closes the gate when nobody is inside; with wait, waits for that. false:
 * somebody is, and the gate stays open. */
bool de_lmdb_gate_close(struct de_lmdb_gate *gate, bool wait);
void de_lmdb_gate_open(struct de_lmdb_gate *gate);

#ifdef __cplusplus
}
#endif

#endif
