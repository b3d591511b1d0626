#include "benches/restart_bench.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <dengine/dengine.h>

#include "benches/load.h"
#include "benches/store_bench.h"
#include "core/base/assert.h"

#define READY_MS    60000
#define PIECE_BYTES 65536u

/* How the engine was left before it is opened again. */
enum leaving {
    LEAVING_CLOSED = 1,
    LEAVING_KILLED,
    LEAVING_WITHOUT_STATE,
};

static int opened(const struct de_restart_bench *bench, struct dengine **engine)
{
    struct dengine_value value;
    char key[DE_LOAD_KEY_BYTES + 1];
    int err = dengine_open(bench->directory, engine);

    if (err != 0) {
        (void)fprintf(stderr, "dengine-bench: %s\n", dengine_open_message());
        return err;
    }
    err = dengine_wait_ready(*engine, READY_MS, NULL);
    de_load_key(bench->keys - 1, key);
    if (err == 0) {
        err = dengine_get(dengine_client_of(*engine), DENGINE_STR(key), DENGINE_LINEARIZABLE, NULL,
                          &value);
    }
    if (err == 0) {
        dengine_value_free(&value);
    }
    return err;
}

/* Calls visit with the path of each file in DIR/name. */
static int each_file(const struct de_restart_bench *bench, const char *name,
                     int (*visit)(const char *path))
{
    char path[4096];
    struct dirent *entry;
    DIR *directory;
    int err = 0;

    (void)snprintf(path, sizeof(path), "%s/%s", bench->directory, name);
    directory = opendir(path);
    while (directory != NULL && err == 0 && (entry = readdir(directory)) != NULL) {
        if (entry->d_name[0] != '.') {
            (void)snprintf(path, sizeof(path), "%s/%s/%s", bench->directory, name, entry->d_name);
            err = visit(path);
        }
    }
    if (directory != NULL) {
        (void)closedir(directory);
    }
    return directory == NULL ? DENGINE_E_IO : err;
}

static int read_file(const char *path)
{
    static char piece[PIECE_BYTES];
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t size = fd < 0 ? -1 : 1;

    while (size > 0) {
        size = read(fd, piece, sizeof(piece));
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    return size == 0 ? 0 : DENGINE_E_IO;
}

static int remove_file(const char *path)
{
    return unlink(path) == 0 ? 0 : DENGINE_E_IO;
}

/* A process of its own opens the engine, writes, and is gone. No thread is running here. */
static int open_and_die(const struct de_restart_bench *bench)
{
    const pid_t child = fork();
    int status = 1;

    if (child == 0) {
        struct dengine *engine;
        int err = opened(bench, &engine);

        if (err == 0) {
            err = dengine_put(dengine_client_of(engine), DENGINE_STR("last"), DENGINE_STR("word"),
                              NULL);
        }
        _exit(err == 0 ? 0 : 1);
    }
    return child > 0 && waitpid(child, &status, 0) == child && status == 0 ? 0 : DENGINE_E_INTERNAL;
}

static int leave(const struct de_restart_bench *bench, enum leaving leaving)
{
    switch (leaving) {
    case LEAVING_CLOSED:
        return 0;
    case LEAVING_KILLED:
        return open_and_die(bench);
    case LEAVING_WITHOUT_STATE:
        return each_file(bench, "state", remove_file);
    }
    return DENGINE_E_INVALID;
}

static int measure(const struct de_restart_bench *bench, enum leaving leaving, const char *name)
{
    struct de_store_figure figure = {.name = name, .batch = bench->keys};
    int err = 0;

    DE_ASSERT(bench->pairs > 0 && bench->pairs <= DE_ARRAY_SIZE(figure.ratio));
    for (uint32_t pair = 0; pair < bench->pairs && err == 0; pair++) {
        struct dengine *engine = NULL;
        uint64_t start;
        int close_err;

        err = leave(bench, leaving);
        start = de_bench_now_ns();
        err = err != 0 ? err : opened(bench, &engine);
        figure.ours_us[pair] = (double)(de_bench_now_ns() - start) / 1000;
        close_err = dengine_close(engine); /* an open state is a file as long as its map */
        err = err != 0 ? err : close_err;
        start = de_bench_now_ns();
        err = err != 0 ? err : each_file(bench, "wal", read_file);
        err = err != 0 ? err
                       : each_file(bench, leaving == LEAVING_WITHOUT_STATE ? "snapshots" : "state",
                                   read_file);
        figure.limit_us[pair] = (double)(de_bench_now_ns() - start) / 1000;
        figure.ratio[pair] = figure.limit_us[pair] / figure.ours_us[pair];
        figure.count++;
    }
    if (err == 0) {
        de_store_figure_print(&figure, bench->json);
    }
    return err;
}

static int fill(const struct de_restart_bench *bench)
{
    struct dengine *engine;
    int err = dengine_open(bench->directory, &engine);

    if (err != 0) {
        (void)fprintf(stderr, "dengine-bench: %s\n", dengine_open_message());
        return err;
    }
    err = dengine_wait_ready(engine, READY_MS, NULL);
    err = err != 0 ? err : de_load_fill(dengine_client_of(engine), bench->keys, bench->value_bytes);
    return err != 0 ? err : dengine_close(engine);
}

int de_restart_bench_run(const struct de_restart_bench *bench)
{
    int err;

    DE_ASSERT(bench->directory != NULL && bench->keys > 0);
    err = fill(bench);
    err = err != 0 ? err : measure(bench, LEAVING_CLOSED, "restart-closed");
    err = err != 0 ? err : measure(bench, LEAVING_KILLED, "restart-killed");
    err = err != 0 ? err : measure(bench, LEAVING_WITHOUT_STATE, "restart-without-state");
    if (err != 0) {
        (void)fprintf(stderr, "dengine-bench: restart: %s\n", dengine_strerror(err));
    }
    return err == 0 ? 0 : 1;
}
