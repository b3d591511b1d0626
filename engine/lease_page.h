/* engine/lease_page.h - looking at leases in the state of this node.
 *
 * Threads: any. */
#ifndef DE_ENGINE_LEASE_PAGE_H
#define DE_ENGINE_LEASE_PAGE_H

#include <dengine/client.h>

#include "core/kv/kv.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The leases from `from` on, as many as a page holds; or with `one` that lease alone, NO_LEASE when
 * there is none. The caller frees *page, which is empty after an error. */
int de_engine_read_leases(struct de_kv *kv, uint64_t from, bool one,
                          struct dengine_lease_page *page);

#ifdef __cplusplus
}
#endif

#endif
