/* Pages of scans: one block of memory each, the pairs in front, then the bytes they point to. */
#include <stdlib.h>
#include <string.h>

#include "client/client_ops.h"
#include "core/base/assert.h"

int de_client_page_new(struct dengine_page *page, size_t pairs, size_t bytes)
{
    const size_t table = pairs * sizeof(struct dengine_pair);

    DE_ASSERT(pairs <= SIZE_MAX / 2 / sizeof(struct dengine_pair));
    DE_ASSERT(bytes <= SIZE_MAX / 2);
    *page = (struct dengine_page){0};
    page->owner = malloc(table + bytes + 1);
    if (page->owner == NULL) {
        return DENGINE_E_NO_MEMORY;
    }
    page->pairs = page->owner;
    return 0;
}

uint8_t *de_client_page_bytes(const struct dengine_page *page, size_t pairs)
{
    DE_ASSERT(page->owner != NULL);
    return (uint8_t *)page->owner + pairs * sizeof(struct dengine_pair);
}

/* Copies bytes to *at, which moves on. */
static struct dengine_slice keep(uint8_t **at, struct dengine_slice bytes)
{
    const struct dengine_slice kept = dengine_bytes(*at, bytes.size);

    DE_ASSERT(bytes.data != NULL || bytes.size == 0);
    if (bytes.size > 0) {
        memcpy(*at, bytes.data, bytes.size);
        *at += bytes.size;
    }
    return kept;
}

void de_client_page_add(struct dengine_page *page, uint8_t **at, const struct dengine_pair *pair)
{
    struct dengine_pair *pairs = page->owner;
    struct dengine_pair *copy = &pairs[page->count++];

    DE_ASSERT(page->owner != NULL);
    *copy = *pair;
    copy->key = keep(at, pair->key);
    copy->value = keep(at, pair->value);
}

void dengine_page_free(struct dengine_page *page)
{
    if (page != NULL) {
        free(page->owner);
        *page = (struct dengine_page){0};
    }
}

bool dengine_scan_next(struct dengine_scan *scan, const struct dengine_page *page)
{
    DE_ASSERT(scan != NULL && page != NULL);
    if (!page->more || page->count == 0) {
        return false;
    }
    if (scan->reverse) {
        scan->end = page->pairs[page->count - 1].key;
    } else {
        scan->from = page->pairs[page->count - 1].key;
        scan->from_excluded = true;
    }
    return true;
}
