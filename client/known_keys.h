/* client/known_keys.h - the keys that the user of a watch knows of, and what they are now
 * (watch_resync.h).
 *
 * Threads: one at a time. */
#ifndef DE_CLIENT_KNOWN_KEYS_H
#define DE_CLIENT_KNOWN_KEYS_H

#include <dengine/watch.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A key, in a table and in a list of its bucket. */
struct de_known_key {
    struct de_known_key *next;
    bool told;              /* the user knows that it is there ... */
    uint64_t told_revision; /* ... since its change at this one */
    /* As it is, while a new look is under way: */
    bool looked;       /* what follows is known */
    bool is;           /* it is there */
    uint64_t revision; /* of its newest change that is known; deleted: 0 = not exactly known */
    uint64_t create_revision;
    uint64_t version;
    uint64_t lease;
    void *value; /* from malloc, or NULL */
    size_t value_size;
    size_t key_size;
    uint8_t key[];
};

struct de_known_keys {
    struct de_known_key **buckets;
    size_t bucket_count;
    size_t count;
};

void de_known_keys_free(struct de_known_keys *keys);

/* The key, made if it is not there; NULL without memory. */
struct de_known_key *de_known_keys_get(struct de_known_keys *keys, struct dengine_slice key);

/* Removes it, if it is there. */
void de_known_keys_remove(struct de_known_keys *keys, struct dengine_slice key);

/* Takes value over as a copy. False without memory. */
bool de_known_key_set_value(struct de_known_key *key, struct dengine_slice value);

/* Removes those for which keep says no. */
void de_known_keys_filter(struct de_known_keys *keys,
                          bool (*keep)(void *context, struct de_known_key *key), void *context);

#ifdef __cplusplus
}
#endif

#endif
