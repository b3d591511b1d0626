/* server/metrics_text.h - the metrics of an engine in Prometheus' text format, version 0.0.4.
 *
 * Threads: any. */
#ifndef DE_SERVER_METRICS_TEXT_H
#define DE_SERVER_METRICS_TEXT_H

#include <stdio.h>

#include <dengine/metrics.h>

#ifdef __cplusplus
extern "C" {
#endif

#define DE_METRICS_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"

/* Writes what dengine_metrics tells of engine, and who it is:
 *
 *   dengine_node_info{cluster="...",node_id="1",version="..."} 1 */
void de_metrics_print(struct dengine *engine, const char *cluster, FILE *file);

/* Writes one metric with its HELP and TYPE. */
void de_metrics_print_one(const struct dengine_metric *metric, FILE *file);

/* Writes the value of a label: in it a backslash, a quote and a newline are escaped. */
void de_metrics_print_label(const char *value, FILE *file);

#ifdef __cplusplus
}
#endif

#endif
