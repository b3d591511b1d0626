/* engine/embedded_page.h - reading a page of a scan from the state of this node.
 *
 * Threads: any. */
#ifndef DE_ENGINE_EMBEDDED_PAGE_H
#define DE_ENGINE_EMBEDDED_PAGE_H

#include <dengine/client.h>

#include "core/kv/kv.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A page of what view shows. The caller frees *page, which is empty after an error. */
int de_engine_read_page(struct de_kv_view *view, const struct dengine_scan *scan,
                        struct dengine_page *page);

#ifdef __cplusplus
}
#endif

#endif
