#include "engine/embedded_page.h"

#include <stdlib.h>

#include "client/client_ops.h"
#include "core/base/assert.h"

/* A copy of page for the user. */
static int copy_page(const struct de_kv_page *from, uint64_t revision, struct dengine_page *page)
{
    uint8_t *at;
    size_t i;
    int err = de_client_page_new(page, from->count, from->bytes);

    if (err != 0) {
        return err;
    }
    at = de_client_page_bytes(page, from->count);
    for (i = 0; i < from->count; i++) {
        const struct de_kv_record *record = &from->pairs[i].record;
        const struct dengine_pair pair = {.key = from->pairs[i].key,
                                          .value = record->value,
                                          .create_revision = record->create_revision,
                                          .mod_revision = record->mod_revision,
                                          .version = record->version,
                                          .lease = record->lease};

        de_client_page_add(page, &at, &pair);
    }
    page->total = from->total;
    page->more = from->more;
    page->revision = revision;
    return 0;
}

int de_engine_read_page(struct de_kv_view *view, const struct dengine_scan *scan,
                        struct dengine_page *page)
{
    const struct de_kv_scan range = {.from = scan->from,
                                     .end = scan->end,
                                     .from_excluded = scan->from_excluded,
                                     .reverse = scan->reverse,
                                     .limit = scan->limit};
    struct de_kv_page found = {.keys_only = scan->keys_only, .count_only = scan->count_only};
    int err;

    DE_ASSERT(view != NULL);
    *page = (struct dengine_page){0};
    found.pairs = malloc(DE_KV_PAGE_PAIRS_MAX * sizeof *found.pairs);
    if (found.pairs == NULL) {
        return DENGINE_E_NO_MEMORY;
    }
    err = de_kv_view_page(view, &range, &found);
    if (err == 0) {
        err = copy_page(&found, view->revision, page);
    }
    free(found.pairs);
    return err;
}
