#include "client/known_keys.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/assert.h"

#define BUCKETS_MIN 16

/* FNV-1a: whoever chooses keys that fall together slows nobody but his own watch. */
static size_t hash_of(struct dengine_slice key)
{
    const uint8_t *bytes = key.data;
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    size_t i;

    for (i = 0; i < key.size; i++) {
        hash = (hash ^ bytes[i]) * UINT64_C(0x100000001b3);
    }
    return (size_t)(hash ^ hash >> 32);
}

static struct dengine_slice name_of(const struct de_known_key *key)
{
    return dengine_bytes(key->key, key->key_size);
}

/* Twice the buckets; without memory the lists just grow longer. */
static bool grow(struct de_known_keys *keys)
{
    const size_t count = keys->bucket_count == 0 ? BUCKETS_MIN : 2 * keys->bucket_count;
    struct de_known_key **buckets = calloc(count, sizeof *buckets);
    size_t i;

    if (buckets == NULL) {
        return keys->bucket_count > 0;
    }
    for (i = 0; i < keys->bucket_count; i++) {
        while (keys->buckets[i] != NULL) {
            struct de_known_key *key = keys->buckets[i];
            struct de_known_key **to = &buckets[hash_of(name_of(key)) % count];

            keys->buckets[i] = key->next;
            key->next = *to;
            *to = key;
        }
    }
    free(keys->buckets);
    keys->buckets = buckets;
    keys->bucket_count = count;
    return true;
}

struct de_known_key *de_known_keys_get(struct de_known_keys *keys, struct dengine_slice name)
{
    struct de_known_key **bucket;
    struct de_known_key *key;

    DE_ASSERT(name.size > 0);
    if (keys->count >= keys->bucket_count && !grow(keys)) {
        return NULL;
    }
    bucket = &keys->buckets[hash_of(name) % keys->bucket_count];
    for (key = *bucket; key != NULL; key = key->next) {
        if (key->key_size == name.size && memcmp(key->key, name.data, name.size) == 0) {
            return key;
        }
    }
    key = calloc(1, sizeof *key + name.size);
    if (key != NULL) {
        key->key_size = name.size;
        memcpy(key->key, name.data, name.size);
        key->next = *bucket;
        *bucket = key;
        keys->count++;
    }
    return key;
}

void de_known_keys_remove(struct de_known_keys *keys, struct dengine_slice name)
{
    struct de_known_key **at;

    DE_ASSERT(name.size > 0);
    if (keys->bucket_count == 0) {
        return;
    }
    at = &keys->buckets[hash_of(name) % keys->bucket_count];
    while (*at != NULL) {
        struct de_known_key *key = *at;

        if (key->key_size == name.size && memcmp(key->key, name.data, name.size) == 0) {
            *at = key->next;
            keys->count--;
            free(key->value);
            free(key);
            return;
        }
        at = &key->next;
    }
}

bool de_known_key_set_value(struct de_known_key *key, struct dengine_slice value)
{
    void *copy = malloc(value.size + 1);

    if (copy == NULL) {
        return false;
    }
    if (value.size > 0) {
        memcpy(copy, value.data, value.size);
    }
    free(key->value);
    key->value = copy;
    key->value_size = value.size;
    return true;
}

void de_known_keys_filter(struct de_known_keys *keys,
                          bool (*keep)(void *context, struct de_known_key *key), void *context)
{
    size_t i;

    for (i = 0; i < keys->bucket_count; i++) {
        struct de_known_key **at = &keys->buckets[i];

        while (*at != NULL) {
            struct de_known_key *key = *at;

            if (keep(context, key)) {
                at = &key->next;
            } else {
                *at = key->next;
                keys->count--;
                free(key->value);
                free(key);
            }
        }
    }
}

static bool keep_none(void *context, struct de_known_key *key)
{
    (void)context;
    (void)key;
    return false;
}

void de_known_keys_free(struct de_known_keys *keys)
{
    de_known_keys_filter(keys, keep_none, NULL);
    DE_ASSERT(keys->count == 0);
    free(keys->buckets);
    *keys = (struct de_known_keys){NULL, 0, 0};
}
