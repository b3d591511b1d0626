/* dengine/metrics.h - what an engine counts and measures, by name. A dengine-server serves the same
 * over HTTP, as Prometheus reads it: see [monitoring] in its configuration. */
#ifndef DENGINE_METRICS_H
#define DENGINE_METRICS_H

#include <dengine/dengine.h>

#ifdef __cplusplus
extern "C" {
#endif

enum dengine_metric_kind {
    DENGINE_GAUGE = 1,   /* what is now */
    DENGINE_COUNTER = 2, /* what has happened since the engine was opened; never less than before */
};

struct dengine_metric {
    const char *name; /* as Prometheus names them: dengine_..., counters end in _total; static */
    enum dengine_metric_kind kind;
    const char *help; /* one sentence; static */
    uint64_t value;
};

/* Calls visit with every metric, in a fixed order. Each is right by itself, a moment old at most;
 * two of them need not be of the same moment. Never waits for the engine. Any thread. */
DENGINE_EXPORT void
dengine_metrics(struct dengine *engine,
                void (*visit)(void *context, const struct dengine_metric *metric), void *context);

#ifdef __cplusplus
}
#endif

#endif
