/* dengine-server: one node of a cluster as a process. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include <dengine/dengine.h>

#include "core/base/assert.h"
#include "engine/config.h"
#include "engine/engine.h"
#include "engine/engine_parts.h"
#include "runtime/libev/clock.h"
#include "server/flags.h"
#include "server/log.h"
#include "server/monitor.h"
#include "server/peer_log.h"
#include "server/service.h"
#include "server/settings.h"

/* How long calls under way may take when the node is told to stop. */
#define GRACE_MS 2000

/* What a node of a small cluster opens before its first client comes, and some to spare. */
#define FILES_MIN 64

/* How often the main thread looks whether there is something to log. */
#define LOOK_MS 250

enum exit_status {
    STATUS_OK = 0,
    STATUS_FAILED = 1,      /* the node failed: disk, memory, a broken invariant */
    STATUS_USAGE = 2,       /* flags or configuration */
    STATUS_UNAVAILABLE = 3, /* address or directory in use, not permitted, not ours */
    STATUS_NO_SPACE = 4,    /* no room to start in */
    STATUS_CORRUPT = 5,     /* what is stored is damaged: rebuild it from the peers */
    STATUS_VERSION = 6,     /* it is of another version of the program */
    STATUS_IO = 7,          /* the disk failed, at the start or later */
    STATUS_REMOVED = 8,     /* the node was removed from the cluster */
};

struct server {
    enum de_log_format log_format;
    struct dengine_config *config;
    struct de_service *service;
    struct dengine *engine;
    struct de_monitor *monitor; /* NULL: none */
    sigset_t signals;
    int stopped_by; /* a signal that came during the start; 0: none */
    struct dengine_status logged; /* what the log knows */
    struct de_peer_log peers;     /* and of the other members */
};

static int status_of(int err)
{
    switch (err) {
    case 0:
        return STATUS_OK;
    case DENGINE_E_CONFIG:
    case DENGINE_E_INVALID:
        return STATUS_USAGE;
    case DENGINE_E_LOCKED:
    case DENGINE_E_FOREIGN:
    case DENGINE_E_PERMISSION:
    case DENGINE_E_READ_ONLY:
    case DENGINE_E_ADDRESS_IN_USE:
    case DENGINE_E_NOT_FOUND:
    case DENGINE_E_UNAVAILABLE: /* the cluster to join */
    case DENGINE_E_NO_LEADER:
    case DENGINE_E_BUSY:
    case DENGINE_E_TIMEOUT:
        return STATUS_UNAVAILABLE;
    case DENGINE_E_NO_SPACE:
        return STATUS_NO_SPACE;
    case DENGINE_E_CORRUPT:
        return STATUS_CORRUPT;
    case DENGINE_E_VERSION:
        return STATUS_VERSION;
    case DENGINE_E_IO:
        return STATUS_IO;
    case DENGINE_E_REMOVED:
        return STATUS_REMOVED;
    default:
        return STATUS_FAILED;
    }
}

static int add_methods(void *context, struct de_rpc_server *server, struct dengine_client *client)
{
    (void)client;
    return de_service_add_methods(context, server);
}

static enum dengine_consistency default_policy(const struct dengine_config *config)
{
    const char *policy = de_config_text(config, DE_CONFIG_DEFAULT_POLICY);

    if (strcmp(policy, "EventualConsistency") == 0) {
        return DENGINE_EVENTUAL;
    }
    return strcmp(policy, "LeaseRead") == 0 ? DENGINE_LEASE : DENGINE_LINEARIZABLE;
}

static int make_service(struct server *server)
{
    const struct dengine_config *config = server->config;
    struct de_service_options options = {0};

    options.default_policy = default_policy(config);
    options.allow_client_override =
        strcmp(de_config_text(config, DE_CONFIG_ALLOW_CLIENT_OVERRIDE), "true") == 0;
    options.value_bytes_max = de_config_number(config, DE_CONFIG_VALUE_BYTES_MAX);
    options.timeout_ms = (uint32_t)de_config_number(config, DE_CONFIG_REQUEST_TIMEOUT);
    return de_service_new(&options, &server->service);
}

static void log_failure(const struct server *server, const char *event, int err, const char *reason)
{
    const struct de_log_field fields[] = {{"error", dengine_error_name(err), 0},
                                          {"reason", reason, 0}};

    de_log(server->log_format, DE_LOG_ERROR, event, fields, DE_ARRAY_SIZE(fields));
}

static void log_listening(const struct server *server)
{
    char address[256];
    const struct de_log_field fields[] = {
        {"node_id", NULL, dengine_node_id(server->engine)},
        {"address", address, 0},
        {"port", NULL, de_engine_port(server->engine)},
        {"version", dengine_version(), 0},
    };

    de_engine_address(server->engine, address, sizeof address);
    de_log(server->log_format, DE_LOG_INFO, "listening", fields, DE_ARRAY_SIZE(fields));
}

/* Whoever starts a server that joins a cluster which does not answer sees what it is about. */
static void log_joining(void *context, const char *whom, uint32_t most_ms)
{
    const struct server *server = context;
    const struct de_log_field fields[] = {{"asks", whom, 0}, {"waits_ms", NULL, most_ms}};

    de_log(server->log_format, DE_LOG_INFO, "joining", fields, DE_ARRAY_SIZE(fields));
}

static void log_stopping(const struct server *server, int signal)
{
    const struct de_log_field field = {"signal", signal == SIGTERM ? "SIGTERM" : "SIGINT", 0};

    de_log(server->log_format, DE_LOG_INFO, "stopping", &field, 1);
}

/* Whether to wait no longer for the cluster to join. */
static bool gives_up(void *context)
{
    const struct timespec at_once = {0, 0};
    struct server *server = context;
    const int received = sigtimedwait(&server->signals, NULL, &at_once);

    if (received == SIGTERM || received == SIGINT) {
        server->stopped_by = received;
    }
    return server->stopped_by != 0;
}

/* Opens the engine with the public services in it. */
static int start(struct server *server)
{
    struct de_engine_services services = {.add = add_methods,
                                          .answered = de_service_answered,
                                          .waiting = log_joining,
                                          .gives_up = gives_up,
                                          .waiting_context = server,
                                          .grace_ms = GRACE_MS};
    struct de_service_parts parts = {0};
    char message[1200];
    int err = make_service(server);

    if (err != 0) {
        log_failure(server, "cannot_start", err, dengine_strerror(err));
        return err;
    }
    services.context = server->service;
    err = de_engine_open(server->config, &services, &server->engine);
    if (err == DENGINE_E_CANCELED) {
        DE_ASSERT(server->stopped_by != 0);
        log_stopping(server, server->stopped_by);
        return err;
    }
    if (err != 0) {
        de_flags_explain(dengine_open_message(), message, sizeof message);
        log_failure(server, "cannot_start", err, message);
        return err;
    }
    if (dengine_open_message()[0] != '\0') {
        const struct de_log_field note = {"what", dengine_open_message(), 0};

        de_log(server->log_format, DE_LOG_WARNING, "mended", &note, 1);
    }
    parts.replica = de_engine_replica(server->engine);
    parts.kv = de_engine_kv(server->engine);
    parts.snapshots = de_engine_snapshots(server->engine);
    parts.watches = de_engine_watches(server->engine);
    parts.engine = server->engine;
    de_service_attach(server->service, &parts);
    return 0;
}

/* Takes the port for metrics, if there is to be one. */
static int open_monitor(struct server *server)
{
    const struct dengine_config *config = server->config;
    char message[600];
    int err;

    if (strcmp(de_config_text(config, DE_CONFIG_PROMETHEUS_ENABLED), "true") != 0) {
        return 0;
    }
    err = de_monitor_open(de_config_text(config, DE_CONFIG_PROMETHEUS_ADDRESS),
                          (uint16_t)de_config_number(config, DE_CONFIG_PROMETHEUS_PORT),
                          &server->monitor, message, sizeof message);
    if (err != 0) {
        log_failure(server, "cannot_start", err, message);
    }
    return err;
}

/* Begins to answer there, now that there is an engine to tell of. */
static int start_monitor(struct server *server)
{
    const struct dengine_config *config = server->config;
    const int err = server->monitor == NULL
                        ? 0
                        : de_monitor_start(server->monitor, server->engine,
                                           de_config_text(config, DE_CONFIG_CLUSTER_NAME));

    if (err != 0) {
        log_failure(server, "cannot_start", err, "no memory to serve metrics");
    }
    return err;
}

static void log_monitoring(const struct server *server)
{
    const struct de_log_field fields[] = {
        {"address", de_config_text(server->config, DE_CONFIG_PROMETHEUS_ADDRESS), 0},
        {"port", NULL, de_monitor_port(server->monitor)},
    };

    de_log(server->log_format, DE_LOG_INFO, "monitoring", fields, DE_ARRAY_SIZE(fields));
}

static const char *role_name(enum dengine_role role)
{
    switch (role) {
    case DENGINE_FOLLOWER:
        return "follower";
    case DENGINE_CANDIDATE:
        return "candidate";
    case DENGINE_LEADER:
        return "leader";
    case DENGINE_LEARNER:
        return "learner";
    }
    return "none";
}

static void look_at_peers(struct server *server)
{
    struct de_peer_look looks[DE_RAFT_MEMBERS_MAX];
    const uint32_t count = de_replica_look_at_peers(de_engine_replica(server->engine), looks,
                                                    DE_ARRAY_SIZE(looks));

    de_peer_log_look(&server->peers, looks, count, de_clock_now_ns(), server->log_format);
}

/* Logs what has changed since the last look; false when the node has halted. */
static bool look(struct server *server)
{
    struct dengine_status *logged = &server->logged;
    struct dengine_status now;

    dengine_status(server->engine, &now);
    if (now.role != logged->role || now.term != logged->term || now.leader != logged->leader ||
        now.ready != logged->ready) {
        const struct de_log_field fields[] = {
            {"role", role_name(now.role), 0},   {"term", NULL, now.term},
            {"leader", NULL, now.leader},       {"ready", NULL, now.ready ? 1 : 0},
            {"commit", NULL, now.commit_index},
        };

        de_log(server->log_format, DE_LOG_INFO, "state", fields, DE_ARRAY_SIZE(fields));
    }
    if (now.no_space != logged->no_space) {
        const struct de_log_field field = {
            "what",
            now.no_space ? "a disk is full, or too many files are open: writes are refused and "
                           "reads served until there is room; free some, or give the directory a "
                           "larger disk"
                         : "there is room again: writes are taken",
            0};

        de_log(server->log_format, now.no_space ? DE_LOG_WARNING : DE_LOG_INFO,
               now.no_space ? "no_space" : "space", &field, 1);
    }
    *logged = now;
    look_at_peers(server);
    return !now.halted;
}

/* Until a signal says to stop, or the node has halted. */
static int run(struct server *server)
{
    const struct timespec pause = {0, LOOK_MS * 1000000L};
    struct de_log_field field = {"signal", NULL, 0};

    for (;;) {
        const int received = sigtimedwait(&server->signals, NULL, &pause);

        DE_ASSERT(received > 0 || errno == EAGAIN || errno == EINTR);
        if (!look(server)) {
            log_failure(server, "halted", DENGINE_E_HALTED, server->logged.halt_reason);
            return DENGINE_E_HALTED;
        }
        if (server->logged.removed) {
            log_failure(server, "removed", DENGINE_E_REMOVED,
                        "this node was removed from the cluster and stops; its data directory can "
                        "be deleted, and its id is never used again");
            return DENGINE_E_REMOVED;
        }
        if (received == SIGTERM || received == SIGINT) {
            log_stopping(server, received);
            return 0;
        }
        if (received == SIGHUP) {
            field.text = "SIGHUP";
            de_log(server->log_format, DE_LOG_WARNING, "nothing_to_reload", &field, 1);
        }
    }
}

/* Each connection is a file. Libraries below end the process when they cannot have those that they
 * begin with, and gRPC listens no more once it could not take a connection: so the server takes as
 * many as it is allowed, and does not begin with too few. */
static int take_files(const struct server *server)
{
    struct rlimit files;
    char message[200];

    if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < files.rlim_max) {
        const struct rlimit most = {files.rlim_max, files.rlim_max};

        (void)setrlimit(RLIMIT_NOFILE, &most);
    }
    if (getrlimit(RLIMIT_NOFILE, &files) != 0 || files.rlim_cur >= FILES_MIN) {
        return 0;
    }
    (void)snprintf(message, sizeof message,
                   "the server may open only %llu files and needs %d at least, and one more for "
                   "each connection: raise the limit (ulimit -n; LimitNOFILE= of systemd)",
                   (unsigned long long)files.rlim_cur, FILES_MIN);
    log_failure(server, "cannot_start", DENGINE_E_PERMISSION, message);
    return DENGINE_E_PERMISSION;
}

/* The port for metrics is taken before anything is touched, and none is told of before all are
 * served. */
static int serve(struct server *server)
{
    int err = take_files(server);
    int close_err;

    err = err == 0 ? open_monitor(server) : err;
    err = err == 0 ? start(server) : err;
    err = err == 0 ? start_monitor(server) : err;
    if (err == 0) {
        log_listening(server);
        if (server->monitor != NULL) {
            log_monitoring(server);
        }
        err = run(server);
    }
    de_monitor_close(server->monitor);
    if (server->engine != NULL) {
        de_service_drain(server->service);
    }
    close_err = dengine_close(server->engine);
    if (err == DENGINE_E_CANCELED) { /* told to stop before it had begun */
        err = 0;
    }
    if (err == DENGINE_E_HALTED && close_err != 0) {
        err = close_err; /* what made it halt */
    } else if (err == 0 && close_err != 0) {
        err = close_err;
        log_failure(server, "closed_with_error", err, dengine_strerror(err));
    } else if (err == 0) {
        de_log(server->log_format, DE_LOG_INFO, "stopped", NULL, 0);
    }
    de_service_free(server->service);
    return err;
}

/* Before any thread exists: gRPC's threads inherit the mask, so that only main sees signals. */
static void take_signals(struct server *server)
{
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGXFSZ, SIG_IGN); /* a limit on files then counts as a disk that is full */
    (void)sigemptyset(&server->signals);
    (void)sigaddset(&server->signals, SIGTERM);
    (void)sigaddset(&server->signals, SIGINT);
    (void)sigaddset(&server->signals, SIGHUP);
    (void)pthread_sigmask(SIG_BLOCK, &server->signals, NULL);
}

static int refuse_usage(const char *message)
{
    (void)fprintf(stderr, "dengine-server: %s\n", message);
    return STATUS_USAGE;
}

int main(int argc, char **argv)
{
    struct server server = {0};
    struct de_flags flags;
    char message[600];
    int status;
    int err = de_flags_parse(&flags, argc, argv);

    if (err != 0) {
        (void)snprintf(message, sizeof message, "%s\nSee dengine-server --help", flags.message);
        return refuse_usage(message);
    }
    if (flags.action == DE_ACTION_HELP) {
        de_flags_help(stdout);
        return STATUS_OK;
    }
    if (flags.action == DE_ACTION_VERSION) {
        (void)printf("dengine-server %s\n", dengine_version());
        return STATUS_OK;
    }
    err = de_settings_make(&flags, &server.config, message, sizeof message);
    if (err != 0) {
        return refuse_usage(message);
    }
    server.log_format = flags.log_format;
    if (flags.action == DE_ACTION_CHECK_CONFIG) {
        de_settings_print(server.config, stdout);
        status = fflush(stdout) == 0 ? STATUS_OK : STATUS_FAILED;
    } else {
        take_signals(&server);
        status = status_of(serve(&server));
    }
    dengine_config_free(server.config);
    return status;
}
