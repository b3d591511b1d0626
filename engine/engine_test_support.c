#include "engine/engine_test_support.h"

#include <arpa/inet.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define READY_MS 20000 /* the longest that an engine of its own may take on a loaded machine */

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *where)
{
    (void)info;
    (void)kind;
    (void)where;
    return remove(path);
}

void de_test_remove_tree(const char *path)
{
    (void)nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

void de_test_free_ports(uint16_t *ports, uint32_t count)
{
    int fds[16];
    uint32_t i;

    assert_true(count <= 16);
    for (i = 0; i < count; i++) {
        struct sockaddr_in address = {0};
        socklen_t size = sizeof(address);

        fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_true(fds[i] >= 0);
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        assert_int_equal(bind(fds[i], (struct sockaddr *)&address, sizeof(address)), 0);
        assert_int_equal(getsockname(fds[i], (struct sockaddr *)&address, &size), 0);
        ports[i] = ntohs(address.sin_port);
    }
    for (i = 0; i < count; i++) {
        assert_int_equal(close(fds[i]), 0);
    }
}

static void set(struct dengine_config *config, const char *key, const char *value)
{
    if (dengine_config_set(config, key, value) != 0) {
        fail_msg("%s", dengine_config_message(config));
    }
}

struct dengine_config *de_test_cluster_config(uint32_t id, const uint16_t *ports, uint32_t count,
                                              const char *directory)
{
    struct dengine_config *config = dengine_config_new();
    char text[256];
    size_t used = 0;
    uint32_t i;

    assert_non_null(config);
    (void)snprintf(text, sizeof(text), "%u", (unsigned)id);
    set(config, "cluster.node_id", text);
    for (i = 0; i < count; i++) {
        used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%u=127.0.0.1:%u",
                                 i == 0 ? "" : ",", (unsigned)(i + 1), (unsigned)ports[i]);
    }
    set(config, "cluster.initial_cluster", text);
    set(config, "cluster.db_root_dir", directory);
    set(config, "raft.election.election_timeout_min", "600");
    set(config, "raft.election.election_timeout_max", "1200");
    set(config, "raft.replication.rpc_append_entries_clock_in_ms", "50");
    set(config, "storage.wal_segment_bytes", "16777216");
    return config;
}

struct dengine *de_test_open(const struct dengine_config *config)
{
    struct dengine *engine;

    if (dengine_open_config(config, &engine) != 0) {
        fail_msg("%s", dengine_open_message());
    }
    return engine;
}

struct dengine *de_test_open_new(const char *directory)
{
    struct dengine *engine;

    de_test_remove_tree(directory);
    if (dengine_open(directory, &engine) != 0) {
        fail_msg("%s", dengine_open_message());
    }
    assert_int_equal(dengine_wait_ready(engine, READY_MS, NULL), 0);
    return engine;
}

void de_test_close_and_remove(struct dengine *engine, const char *directory)
{
    assert_int_equal(dengine_close(engine), 0);
    de_test_remove_tree(directory);
}
