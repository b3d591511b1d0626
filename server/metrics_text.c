#include "server/metrics_text.h"

#include <inttypes.h>

#include "core/base/assert.h"

void de_metrics_print_label(const char *value, FILE *file)
{
    DE_ASSERT(value != NULL);
    for (; *value != '\0'; value++) {
        if (*value == '\n') {
            (void)fputs("\\n", file);
        } else {
            if (*value == '\\' || *value == '"') {
                (void)fputc('\\', file);
            }
            (void)fputc(*value, file);
        }
    }
}

/* In a HELP a quote stands for itself. */
static void print_help(const char *help, FILE *file)
{
    DE_ASSERT(help != NULL);
    for (; *help != '\0'; help++) {
        if (*help == '\n') {
            (void)fputs("\\n", file);
        } else {
            if (*help == '\\') {
                (void)fputc('\\', file);
            }
            (void)fputc(*help, file);
        }
    }
}

void de_metrics_print_one(const struct dengine_metric *metric, FILE *file)
{
    DE_ASSERT(metric->kind == DENGINE_GAUGE || metric->kind == DENGINE_COUNTER);
    (void)fprintf(file, "# HELP %s ", metric->name);
    print_help(metric->help, file);
    (void)fprintf(file, "\n# TYPE %s %s\n%s %" PRIu64 "\n", metric->name,
                  metric->kind == DENGINE_COUNTER ? "counter" : "gauge", metric->name,
                  metric->value);
}

static void print_one(void *context, const struct dengine_metric *metric)
{
    de_metrics_print_one(metric, context);
}

void de_metrics_print(struct dengine *engine, const char *cluster, FILE *file)
{
    DE_ASSERT(engine != NULL && cluster != NULL);
    (void)fputs("# HELP dengine_node_info Who this is; always 1.\n"
                "# TYPE dengine_node_info gauge\n"
                "dengine_node_info{cluster=\"",
                file);
    de_metrics_print_label(cluster, file);
    (void)fprintf(file, "\",node_id=\"%" PRIu64 "\",version=\"", dengine_node_id(engine));
    de_metrics_print_label(dengine_version(), file);
    (void)fputs("\"} 1\n", file);
    dengine_metrics(engine, print_one, file);
}
