/* One page of a scan: bounded work, whoever asks. */
#include "core/base/assert.h"
#include "core/kv/kv_state.h"

enum {
    FULL = 1,
};

static int take(void *context, struct dengine_slice key, const struct de_kv_record *record)
{
    struct de_kv_page *page = context;
    struct de_kv_pair pair = {.key = key, .record = *record};
    size_t bytes;

    DE_ASSERT(key.size > 0);
    DE_ASSERT(page->count < DE_KV_PAGE_PAIRS_MAX);
    if (page->count_only) { /* the last one, to go on behind it */
        page->pairs[0] = pair;
        page->pairs[0].record.value = dengine_bytes(NULL, 0);
        page->count = 1;
        page->bytes = key.size;
        return 0;
    }
    if (page->keys_only) {
        pair.record.value = dengine_bytes(NULL, 0);
    }
    bytes = key.size + pair.record.value.size;
    /* The first pair is taken whatever it weighs, or a scan would never get past it. */
    if (page->count > 0 &&
        (page->bytes >= DE_KV_PAGE_BYTES_MAX || bytes > DE_KV_PAGE_BYTES_MAX - page->bytes)) {
        return FULL;
    }
    page->pairs[page->count++] = pair;
    page->bytes += bytes;
    return 0;
}

int de_kv_view_page(struct de_kv_view *view, const struct de_kv_scan *scan, struct de_kv_page *page)
{
    const uint64_t most = page->count_only ? DE_KV_PAGE_COUNT_MAX : DE_KV_PAGE_PAIRS_MAX;
    struct de_kv_scan bounded = *scan;
    uint64_t visited = 0;
    int rc;

    DE_ASSERT(page->pairs != NULL);
    DE_ASSERT(!page->keys_only || !page->count_only);
    page->count = 0;
    page->bytes = 0;
    if (bounded.limit == 0 || bounded.limit > most) {
        bounded.limit = most;
    }
    if (de_site(view->kv->sites, DE_SITE_SHORT_PAGE)) {
        bounded.limit = 1;
    }
    rc = de_kv_view_scan(view, &bounded, take, page, &visited, &page->more);
    page->total = page->count_only ? visited : page->count;
    if (rc == FULL) {
        page->more = true;
        rc = 0;
    }
    DE_ASSERT_IMPLIES(rc == 0 && page->more, page->count > 0);
    return rc;
}
