/* Fuzz target: requests of the public protocol, ours and d-engine's, as a server gets them. The
 * first byte says which method, the rest is the request: any bytes are answered, with a result or
 * with why not, and the server serves on. It lives as long as this process, so requests find what
 * earlier ones left; what changes who the members are is sent with a body that is none, or it would
 * be somebody else's server soon. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <dengine/dengine.h>

#include "core/base/assert.h"
#include "engine/engine.h"
#include "engine/engine_parts.h"
#include "engine/engine_test_support.h"
#include "fuzz/fuzz_target.h"
#include "server/service.h"
#include "tests/server/raw_call.h"

#define DIRECTORY "service_fuzz.data"
#define READY_MS  30000
#define CALL_MS   20000

struct method {
    const char *path;
    bool streams;
};

static const struct method methods[] = {
    {"/d_engine.client.RaftClientService/HandleClientWrite", false},
    {"/d_engine.client.RaftClientService/HandleClientRead", false},
    {"/d_engine.client.RaftClientService/HandleClientScan", false},
    {"/dengine.admin.SnapshotService/Read", false},
    {"/d_engine.server.cluster.ClusterManagementService/GetClusterMetadata", false},
    {"/d_engine.server.cluster.ClusterManagementService/DiscoverLeader", false},
    {"/d_engine.server.cluster.ClusterManagementService/JoinCluster", false},
    {"/dengine.admin.ClusterService/Change", false},
    {"/dengine.admin.ClusterService/Transfer", false},
    {"/dengine.watch.WatchService/Watch", true},
    {"/d_engine.client.RaftClientService/Watch", true},
    {"/d_engine.client.RaftClientService/WatchMembership", true},
};

static struct dengine *engine;
static struct de_service *service;
static struct de_raw_channel channel;

static int add_methods(void *context, struct de_rpc_server *server, struct dengine_client *client)
{
    (void)client;
    return de_service_add_methods(context, server);
}

static void stop(void)
{
    de_raw_close(&channel);
    de_service_drain(service);
    (void)dengine_close(engine);
    de_service_free(service);
    de_test_remove_tree(DIRECTORY);
}

static void set(struct dengine_config *config, const char *key, const char *value)
{
    const int err = dengine_config_set(config, key, value);

    DE_ASSERT(err == 0);
}

static void attach(void)
{
    struct de_service_parts parts = {0};

    parts.replica = de_engine_replica(engine);
    parts.kv = de_engine_kv(engine);
    parts.snapshots = de_engine_snapshots(engine);
    parts.watches = de_engine_watches(engine);
    parts.engine = engine;
    de_service_attach(service, &parts);
}

static void start(void)
{
    const struct de_service_options options = {.default_policy = DENGINE_LINEARIZABLE,
                                               .allow_client_override = true,
                                               .value_bytes_max = 65536,
                                               .timeout_ms = CALL_MS / 2};
    struct de_engine_services services = {.add = add_methods, .answered = de_service_answered};
    struct dengine_config *config = dengine_config_new();
    char address[64];
    int err;

    DE_ASSERT(config != NULL);
    de_test_remove_tree(DIRECTORY);
    set(config, "cluster.db_root_dir", DIRECTORY);
    set(config, "cluster.listen_address", "127.0.0.1:0");
    set(config, "limits.value_bytes_max", "65536");
    set(config, "limits.leases_max", "1000");
    err = de_service_new(&options, &service);
    DE_ASSERT(err == 0);
    services.context = service;
    err = de_engine_open(config, &services, &engine);
    DE_ASSERT(err == 0);
    dengine_config_free(config);
    attach();
    err = dengine_wait_ready(engine, READY_MS, NULL);
    DE_ASSERT(err == 0);
    (void)snprintf(address, sizeof address, "127.0.0.1:%u", (unsigned)de_engine_port(engine));
    de_raw_open(&channel, address, false);
    (void)atexit(stop);
}

static void ask(const struct method *method, struct dengine_slice request)
{
    grpc_status_code status;
    uint8_t *response;
    size_t size;

    if (method->streams) {
        struct de_raw_watch watch;

        de_raw_stream_open(&channel, &watch, method->path, request);
        status = de_raw_watch_close(&watch, true);
        DE_ASSERT(status != GRPC_STATUS_OK && status != GRPC_STATUS_UNKNOWN);
        return;
    }
    status = de_raw_call(&channel, method->path, request, CALL_MS, &response, &size);
    DE_ASSERT(status != GRPC_STATUS_DEADLINE_EXCEEDED && status != GRPC_STATUS_UNKNOWN);
    free(response);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct dengine_status status;

    if (size == 0) {
        return 0;
    }
    if (engine == NULL) {
        start();
    }
    ask(&methods[data[0] % DE_ARRAY_SIZE(methods)], dengine_bytes(data + 1, size - 1));
    dengine_status(engine, &status);
    DE_ASSERT(!status.halted && !status.removed);
    return 0;
}
