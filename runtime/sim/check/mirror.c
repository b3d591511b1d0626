#include "runtime/sim/check/mirror.h"

#include <inttypes.h>

#include "core/base/assert.h"
#include "runtime/sim/check/grow.h"

void de_mirror_init(struct de_mirror *mirror)
{
    memset(mirror, 0, sizeof(*mirror));
}

static void release(const struct de_read_pair *pair)
{
    free((void *)(uintptr_t)pair->key.data);
    free((void *)(uintptr_t)pair->value.data);
}

static void clear(struct de_mirror *mirror)
{
    for (size_t i = 0; i < mirror->count; i++) {
        release(&mirror->pairs[i]);
    }
    mirror->count = 0;
}

void de_mirror_deinit(struct de_mirror *mirror)
{
    clear(mirror);
    free(mirror->pairs);
    memset(mirror, 0, sizeof(*mirror));
}

/* The first pair whose key is not below key. */
static size_t place_of(const struct de_mirror *mirror, struct dengine_slice key)
{
    size_t low = 0;
    size_t high = mirror->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (de_slice_compare(mirror->pairs[middle].key, key) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static void remove_at(struct de_mirror *mirror, size_t at)
{
    DE_ASSERT(at < mirror->count);
    release(&mirror->pairs[at]);
    mirror->count--;
    memmove(&mirror->pairs[at], &mirror->pairs[at + 1],
            (mirror->count - at) * sizeof(mirror->pairs[0]));
}

static void put(struct de_mirror *mirror, struct dengine_slice key, struct dengine_slice value)
{
    size_t at = place_of(mirror, key);
    if (at < mirror->count && de_slice_compare(mirror->pairs[at].key, key) == 0) {
        remove_at(mirror, at);
    }
    mirror->pairs =
        de_grow(mirror->pairs, mirror->count, &mirror->capacity, sizeof(mirror->pairs[0]));
    memmove(&mirror->pairs[at + 1], &mirror->pairs[at],
            (mirror->count - at) * sizeof(mirror->pairs[0]));
    mirror->count++;
    mirror->pairs[at] = (struct de_read_pair){
        .key = dengine_bytes(de_copy(key.data, key.size), key.size),
        .value = dengine_bytes(de_copy(value.data, value.size), value.size),
    };
}

void de_mirror_load(struct de_mirror *mirror, const struct de_read_pair *pairs, size_t count,
                    uint64_t revision)
{
    clear(mirror);
    for (size_t i = 0; i < count; i++) {
        put(mirror, pairs[i].key, pairs[i].value);
    }
    mirror->revision = revision;
}

void de_mirror_apply(struct de_mirror *mirror, const struct de_watch_event *event)
{
    if (event->revision < mirror->revision) {
        return;
    }
    mirror->revision = event->revision;
    if (!event->deleted) {
        put(mirror, event->key, event->value);
        return;
    }
    size_t at = place_of(mirror, event->key);
    if (at < mirror->count && de_slice_compare(mirror->pairs[at].key, event->key) == 0) {
        remove_at(mirror, at);
    }
}

bool de_mirror_equals(const struct de_mirror *mirror, const struct de_read_pair *pairs,
                      size_t count, uint64_t revision, struct de_finding *finding)
{
    char key[DE_FINDING_BYTES_MAX];
    char held[DE_FINDING_BYTES_MAX];
    char scanned[DE_FINDING_BYTES_MAX];
    for (size_t i = 0; i < count || i < mirror->count; i++) {
        const struct de_read_pair *scan = i < count ? &pairs[i] : NULL;
        const struct de_read_pair *mine = i < mirror->count ? &mirror->pairs[i] : NULL;
        int order = scan == NULL ? -1 : mine == NULL ? 1 : de_slice_compare(mine->key, scan->key);
        if (order == 0 && de_slice_compare(mine->value, scan->value) == 0) {
            continue;
        }
        struct dengine_slice first = order <= 0 ? mine->key : scan->key;
        return de_finding_set(
            finding, "watch-mirror",
            "the map kept from a watch holds key %s with %s, a scan at revision %" PRIu64 " %s",
            de_finding_bytes(first, key),
            order <= 0 ? de_finding_bytes(mine->value, held) : "nothing", revision,
            order >= 0 ? de_finding_bytes(scan->value, scanned) : "does not");
    }
    return true;
}
