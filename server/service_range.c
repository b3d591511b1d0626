#include "server/service_range.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/assert.h"

#define REPLY_BYTES_MAX (4u * 1024 * 1024)

uint64_t de_service_reply_bytes_max(const struct de_service *service)
{
    const uint64_t one_value = service->options.value_bytes_max + 2 * DE_KV_USER_KEY_MAX;

    DE_ASSERT(service->options.value_bytes_max > 0);
    return one_value > REPLY_BYTES_MAX ? one_value : REPLY_BYTES_MAX;
}

int de_service_range_check(const DEngine__Client__Range *range, size_t keys, char *message,
                           size_t size)
{
    DE_ASSERT(message != NULL);
    if (keys > 0) {
        (void)snprintf(message, size, "a read has keys or a range, not both");
    } else if (range->from.len > DE_KV_USER_KEY_MAX || range->end.len > DE_KV_USER_KEY_MAX) {
        (void)snprintf(message, size, "a bound of the range is longer than %d bytes",
                       DE_KV_USER_KEY_MAX);
    } else if (range->keys_only && range->count_only) {
        (void)snprintf(message, size, "a range has keys_only or count_only, not both");
    } else if (range->count_only && range->limit != 0) {
        (void)snprintf(message, size, "a range that is counted has no limit");
    } else {
        return 0;
    }
    return DENGINE_E_INVALID;
}

/* protobuf-c has no const; packing changes nothing. */
static ProtobufCBinaryData binary(struct dengine_slice slice)
{
    ProtobufCBinaryData data = {slice.size, NULL};

    memcpy(&data.data, &slice.data, sizeof data.data);
    return data;
}

static void fill(DEngine__Client__ClientResult *result, const struct de_kv_pair *pair)
{
    d_engine__client__client_result__init(result);
    result->key = binary(pair->key);
    result->value = binary(pair->record.value);
    result->mod_revision = pair->record.mod_revision;
    result->create_revision = pair->record.create_revision;
    result->version = pair->record.version;
    result->lease = pair->record.lease;
}

static void free_arrays(struct de_service_page *page)
{
    free(page->page.pairs);
    free(page->results);
    free(page->pointers);
}

int de_service_page_open(struct de_service_page *page, struct de_service *service,
                         const DEngine__Client__Range *range)
{
    const struct de_kv_scan scan = {.from = dengine_bytes(range->from.data, range->from.len),
                                    .end = dengine_bytes(range->end.data, range->end.len),
                                    .from_excluded = range->from_excluded != 0,
                                    .reverse = range->reverse != 0,
                                    .limit = range->limit};
    size_t i;
    int err = DENGINE_E_NO_MEMORY;

    *page = (struct de_service_page){0};
    page->page.keys_only = range->keys_only != 0;
    page->page.count_only = range->count_only != 0;
    page->page.pairs = malloc(DE_KV_PAGE_PAIRS_MAX * sizeof *page->page.pairs);
    page->results = malloc(DE_KV_PAGE_PAIRS_MAX * sizeof *page->results);
    page->pointers = malloc(DE_KV_PAGE_PAIRS_MAX * sizeof *page->pointers);
    if (page->page.pairs != NULL && page->results != NULL && page->pointers != NULL) {
        err = de_kv_view_open(service->kv, &page->view);
    }
    if (err != 0) {
        free_arrays(page);
        return err;
    }
    err = de_kv_view_page(&page->view, &scan, &page->page);
    if (err != 0) {
        de_service_page_close(page);
        return err;
    }
    for (i = 0; i < page->page.count; i++) {
        fill(&page->results[i], &page->page.pairs[i]);
        page->pointers[i] = &page->results[i];
    }
    return 0;
}

void de_service_page_close(struct de_service_page *page)
{
    DE_ASSERT(page->view.kv != NULL);
    de_kv_view_close(&page->view);
    free_arrays(page);
}
