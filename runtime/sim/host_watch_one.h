/* runtime/sim/host_watch_one.h - a watcher of one key, perhaps of its puts or deletes alone, beside
 * the one of everything (host_watch.c): it gets what it asked for, all of it and nothing else.
 *
 * One thread. */
#ifndef DE_RUNTIME_SIM_HOST_WATCH_ONE_H
#define DE_RUNTIME_SIM_HOST_WATCH_ONE_H

#include "core/kv/kv.h"
#include "core/kv/watch.h"

#ifdef __cplusplus
extern "C" {
#endif

struct de_watch_one {
    struct de_watcher *watcher; /* NULL: it does not watch */
    uint8_t key[DE_KV_USER_KEY_MAX];
    size_t size;
    uint64_t from; /* the revision that it began at */
    uint64_t seen;
    uint64_t last_put;
    uint64_t last_delete;
    bool no_puts;
    bool no_deletes;
    uint64_t rounds;
};

/* Begins at an event that has just been told, unless it watches already. */
void de_watch_one_begin(struct de_watch_one *one, struct de_watch_hub *hub,
                        const struct de_kv_event *event);
/* Takes so many things at most. NULL, or what is wrong, and *revision where. */
const char *de_watch_one_look(struct de_watch_one *one, struct de_watch_hub *hub, struct de_kv *kv,
                              uint64_t count, uint64_t *revision);

#ifdef __cplusplus
}
#endif

#endif
