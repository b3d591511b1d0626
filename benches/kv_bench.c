#include "benches/kv_bench.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "benches/load.h"
#include "core/base/assert.h"

#define READY_MS     30000
#define PATH_MAX_LEN 4096

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *walk)
{
    (void)status;
    (void)type;
    (void)walk;
    return remove(path);
}

static void path_of(const struct de_kv_bench *bench, const char *name, char path[PATH_MAX_LEN])
{
    DE_ASSERT(bench->directory != NULL);
    (void)snprintf(path, PATH_MAX_LEN, "%s/%s", bench->directory, name);
}

int de_kv_bench_open(const struct de_kv_bench *bench, const char *name, struct dengine **engine)
{
    struct dengine_config *config = dengine_config_new();
    char path[PATH_MAX_LEN];
    int err = config != NULL ? 0 : DENGINE_E_NO_MEMORY;

    DE_ASSERT(engine != NULL);
    *engine = NULL;
    path_of(bench, name, path);
    (void)nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    err = err != 0 ? err : dengine_config_set(config, "cluster.db_root_dir", path);
    err = err != 0 ? err : dengine_config_set(config, "raft.watch.max_watchers", "1000000");
    err = err != 0 ? err : dengine_open_config(config, engine);
    dengine_config_free(config);
    if (err != 0) {
        (void)fprintf(stderr, "dengine-bench: %s\n", dengine_open_message());
        return err;
    }
    return dengine_wait_ready(*engine, READY_MS, NULL);
}

void de_kv_bench_close(const struct de_kv_bench *bench, const char *name, struct dengine *engine)
{
    char path[PATH_MAX_LEN];

    DE_ASSERT(name != NULL);
    if (engine != NULL) {
        (void)dengine_close(engine);
        path_of(bench, name, path);
        (void)nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    }
}

bool de_kv_bench_wants(const struct de_kv_bench *bench, const char *name)
{
    DE_ASSERT(bench->only != NULL);
    return strncmp(name, bench->only, strlen(bench->only)) == 0;
}

int de_kv_bench_compare(const struct de_kv_bench *bench, const char *name, uint32_t batch,
                        de_kv_bench_side *ours, de_kv_bench_side *limit, void *context)
{
    struct de_store_figure figure = {.name = name, .batch = batch};
    int err = 0;

    DE_ASSERT(bench->pairs > 0 && bench->pairs <= 99);
    if (!de_kv_bench_wants(bench, name)) {
        return 0;
    }
    for (uint32_t pair = 0; pair < bench->pairs && err == 0; pair++) {
        err = ours(context, &figure.ours_us[pair]);
        err = err != 0 ? err : limit(context, &figure.limit_us[pair]);
        figure.ratio[pair] = figure.limit_us[pair] / figure.ours_us[pair];
        figure.count++;
    }
    if (err == 0) {
        de_store_figure_print(&figure, bench->json);
        (void)fflush(stdout);
    }
    return err;
}

/* Each part makes engines of its own, so those of which no line is wanted are left out. */
static int run_parts(const struct de_kv_bench *bench)
{
    static const struct {
        int (*run)(const struct de_kv_bench *bench);
        const char *lines[4];
    } parts[] = {
        {de_kv_bench_reads, {"get-eventual", "get-lease", "scan"}},
        {de_kv_bench_watches,
         {"watch-apply-callback", "watch-callback-thread", "apply-watched", "write-watched"}},
        {de_kv_bench_leases,
         {"lease-keep-alive", "write-leased", "write-leases-ending", "write-none-ending"}},
    };
    int err = 0;

    for (size_t i = 0; i < DE_ARRAY_SIZE(parts) && err == 0; i++) {
        bool wanted = false;

        for (size_t j = 0; j < 4 && parts[i].lines[j] != NULL; j++) {
            const char *line = parts[i].lines[j];

            /* "get-eventual-in-place" is one of those that begin with "get-eventual". */
            wanted = wanted || de_kv_bench_wants(bench, line) ||
                     strncmp(line, bench->only, strlen(line)) == 0;
        }
        err = wanted ? parts[i].run(bench) : 0;
    }
    return err;
}

int de_kv_bench_run(const struct de_kv_bench *bench)
{
    int err;

    DE_ASSERT(bench->keys > 0 && bench->seconds > 0);
    if (mkdir(bench->directory, 0700) != 0 && errno != EEXIST) {
        perror("dengine-bench: --data-dir");
        return 1;
    }
    if (!bench->json) {
        (void)printf("medians of %u pairs with least and most; at 1.00x it costs nothing more\n",
                     bench->pairs);
    }
    err = run_parts(bench);
    if (err != 0) {
        (void)fprintf(stderr, "dengine-bench: %s\n", dengine_strerror(err));
    }
    return err == 0 ? 0 : 1;
}
