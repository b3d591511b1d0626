#include "server/monitor.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <microhttpd.h>
#include <pthread.h>

#include "core/base/assert.h"
#include "runtime/libev/clock.h"
#include "server/listen_socket.h"
#include "server/metrics_text.h"

#define TEXT      "text/plain; charset=utf-8"
#define NS_PER_MS UINT64_C(1000000)
#define TOTAL_NS  (DE_MONITOR_TOTAL_S * 1000 * NS_PER_MS)

/* A connection, from when it is accepted until it is closed. */
struct visit {
    bool open;
    int fd;
    uint64_t until_ns; /* UINT64_MAX: it was told to go */
};

struct de_monitor {
    int listen_fd;
    uint16_t port;
    struct dengine *engine; /* NULL: not started */
    const char *cluster;
    struct MHD_Daemon *daemon;
    int stop_fd; /* readable: end */
    pthread_t thread;
    /* The thread's: */
    struct visit visits[DE_MONITOR_CONNECTIONS];
    bool left; /* a connection was closed in this turn */
};

/* ---- answers, on the thread ---- */

/* body is handed over; NULL: there was no memory for it, and the connection is closed. */
static enum MHD_Result answer(struct MHD_Connection *connection, unsigned status, const char *type,
                              char *body, size_t size)
{
    struct MHD_Response *response = NULL;
    enum MHD_Result result = MHD_NO;

    if (body == NULL) {
        return MHD_NO;
    }
    response = MHD_create_response_from_buffer(size, body, MHD_RESPMEM_MUST_FREE);
    if (response == NULL) {
        free(body);
        return MHD_NO;
    }
    if (MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type) == MHD_YES &&
        MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close") == MHD_YES &&
        (status != MHD_HTTP_METHOD_NOT_ALLOWED ||
         MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD") == MHD_YES)) {
        result = MHD_queue_response(connection, status, response);
    }
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result answer_line(struct MHD_Connection *connection, unsigned status,
                                   const char *line)
{
    const size_t size = strlen(line) + 1;
    char *body = malloc(size + 1);

    if (body != NULL) {
        (void)snprintf(body, size + 1, "%s\n", line);
    }
    return answer(connection, status, TEXT, body, size);
}

static enum MHD_Result answer_metrics(struct de_monitor *monitor, struct MHD_Connection *connection)
{
    char *body = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&body, &size);
    bool failed;

    if (file == NULL) {
        return MHD_NO;
    }
    de_metrics_print(monitor->engine, monitor->cluster, file);
    failed = ferror(file) != 0;
    failed = fclose(file) != 0 || failed;
    if (failed) {
        free(body);
        body = NULL;
    }
    return answer(connection, MHD_HTTP_OK, DE_METRICS_CONTENT_TYPE, body, size);
}

static enum MHD_Result answer_health(struct de_monitor *monitor, struct MHD_Connection *connection,
                                     bool must_be_ready)
{
    struct dengine_status status;

    dengine_status(monitor->engine, &status);
    if (status.halted) {
        return answer_line(connection, MHD_HTTP_SERVICE_UNAVAILABLE, status.halt_reason);
    }
    if (must_be_ready && !status.ready) {
        return answer_line(connection, MHD_HTTP_SERVICE_UNAVAILABLE, "no leader that can serve");
    }
    return answer_line(connection, MHD_HTTP_OK, "ok");
}

/* Called when the head of a request is there, and then for its body, of which nothing is taken. */
static enum MHD_Result handle(void *context, struct MHD_Connection *connection, const char *url,
                              const char *method, const char *version, const char *upload,
                              size_t *upload_size, void **seen)
{
    struct de_monitor *monitor = context;

    (void)version;
    (void)upload;
    if (*seen == NULL) {
        *seen = monitor; /* anything but NULL: the head was seen */
        return MHD_YES;
    }
    if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0) {
        if (*upload_size != 0) {
            *upload_size = 0;
            return MHD_YES;
        }
        return answer_line(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "only GET and HEAD");
    }
    if (*upload_size != 0) {
        return MHD_NO;
    }
    if (strcmp(url, "/metrics") == 0) {
        return answer_metrics(monitor, connection);
    }
    if (strcmp(url, "/healthz") == 0 || strcmp(url, "/readyz") == 0) {
        return answer_health(monitor, connection, strcmp(url, "/readyz") == 0);
    }
    return answer_line(connection, MHD_HTTP_NOT_FOUND, "there are /metrics, /healthz and /readyz");
}

/* ---- connections, on the thread ---- */

static void note_connection(void *context, struct MHD_Connection *connection, void **seat,
                            enum MHD_ConnectionNotificationCode what)
{
    struct de_monitor *monitor = context;
    struct visit *visit = *seat;

    if (what == MHD_CONNECTION_NOTIFY_CLOSED) {
        DE_ASSERT(visit != NULL && visit->open);
        visit->open = false;
        monitor->left = true;
        return;
    }
    visit = monitor->visits;
    while (visit->open) {
        visit++;
        DE_ASSERT(visit < monitor->visits + DE_MONITOR_CONNECTIONS); /* no more are accepted */
    }
    *visit = (struct visit){
        .open = true,
        .fd = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd,
        .until_ns = de_clock_now_ns() + TOTAL_NS,
    };
    *seat = visit;
}

/* Ends those whose time is over, and says when the next one's is. */
static uint64_t end_visits(struct de_monitor *monitor, uint64_t now_ns)
{
    uint64_t next_ns = UINT64_MAX;
    size_t i;

    for (i = 0; i < DE_MONITOR_CONNECTIONS; i++) {
        struct visit *visit = &monitor->visits[i];

        if (visit->open && visit->until_ns <= now_ns) {
            (void)shutdown(visit->fd, SHUT_RDWR); /* which the daemon sees, and closes it */
            visit->until_ns = UINT64_MAX;
        }
        if (visit->open && visit->until_ns < next_ns) {
            next_ns = visit->until_ns;
        }
    }
    return next_ns;
}

/* How long to wait for something to happen, -1: as long as it takes. */
static int pause_ms(struct de_monitor *monitor)
{
    const uint64_t now_ns = de_clock_now_ns();
    const uint64_t next_ns = end_visits(monitor, now_ns);
    MHD_UNSIGNED_LONG_LONG asked_ms = 0;
    uint64_t ms = next_ns == UINT64_MAX ? UINT64_MAX : (next_ns - now_ns) / NS_PER_MS + 1;

    DE_ASSERT(next_ns > now_ns);
    if (MHD_get_timeout(monitor->daemon, &asked_ms) == MHD_YES && asked_ms < ms) {
        ms = asked_ms;
    }
    return ms == UINT64_MAX ? -1 : (int)ms;
}

static void *serve(void *context)
{
    struct de_monitor *monitor = context;
    const union MHD_DaemonInfo *info =
        MHD_get_daemon_info(monitor->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    struct pollfd wait[2] = {{.fd = info->epoll_fd, .events = POLLIN},
                             {.fd = monitor->stop_fd, .events = POLLIN}};

    while (wait[1].revents == 0) {
        (void)poll(wait, 2, pause_ms(monitor));
        do { /* once more when somebody has left: the daemon listens again only in the next turn */
            monitor->left = false;
            (void)MHD_run(monitor->daemon);
        } while (monitor->left);
    }
    return NULL;
}

/* ---- life ---- */

int de_monitor_open(const char *address, uint16_t port, struct de_monitor **monitor, char *message,
                    size_t message_size)
{
    struct de_monitor *made = calloc(1, sizeof *made);
    char reason[200];
    int err;

    DE_ASSERT(address != NULL);
    *monitor = NULL;
    if (made == NULL) {
        (void)snprintf(message, message_size, "no memory to serve metrics");
        return DENGINE_E_NO_MEMORY;
    }
    err = de_listen_at(address, port, DE_MONITOR_CONNECTIONS, &made->listen_fd, reason,
                       sizeof reason);
    if (err != 0) {
        (void)snprintf(message, message_size,
                       "cannot serve metrics at %s port %u: %s; choose another "
                       "monitoring.prometheus_address or prometheus_port",
                       address, (unsigned)port, reason);
        free(made);
        return err;
    }
    made->port = de_listen_port(made->listen_fd);
    made->stop_fd = -1;
    *monitor = made;
    return 0;
}

int de_monitor_start(struct de_monitor *monitor, struct dengine *engine, const char *cluster)
{
    DE_ASSERT(engine != NULL && cluster != NULL);
    DE_ASSERT(monitor->engine == NULL);
    monitor->cluster = cluster;
    monitor->stop_fd = eventfd(0, EFD_CLOEXEC);
    if (monitor->stop_fd < 0) {
        return DENGINE_E_NO_MEMORY;
    }
    monitor->engine = engine;
    monitor->daemon = MHD_start_daemon(
        MHD_USE_EPOLL, 0, NULL, NULL, handle, monitor, MHD_OPTION_LISTEN_SOCKET, monitor->listen_fd,
        MHD_OPTION_CONNECTION_LIMIT, (unsigned)DE_MONITOR_CONNECTIONS,
        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)DE_MONITOR_SILENCE_S,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)DE_MONITOR_REQUEST_BYTES,
        MHD_OPTION_NOTIFY_CONNECTION, note_connection, monitor, MHD_OPTION_END);
    if (monitor->daemon != NULL && pthread_create(&monitor->thread, NULL, serve, monitor) != 0) {
        MHD_stop_daemon(monitor->daemon); /* closes the socket, too */
        monitor->daemon = NULL;
        monitor->listen_fd = -1;
    }
    if (monitor->daemon == NULL) {
        monitor->engine = NULL;
        return DENGINE_E_NO_MEMORY;
    }
    return 0;
}

uint16_t de_monitor_port(const struct de_monitor *monitor)
{
    DE_ASSERT(monitor != NULL);
    return monitor->port;
}

void de_monitor_close(struct de_monitor *monitor)
{
    if (monitor == NULL) {
        return;
    }
    if (monitor->daemon != NULL) {
        const uint64_t one = 1;
        const ssize_t written = write(monitor->stop_fd, &one, sizeof one);
        const int err = pthread_join(monitor->thread, NULL);

        DE_ASSERT(written == (ssize_t)sizeof one && err == 0);
        MHD_stop_daemon(monitor->daemon);
    } else if (monitor->listen_fd >= 0) {
        (void)close(monitor->listen_fd);
    }
    if (monitor->stop_fd >= 0) {
        (void)close(monitor->stop_fd);
    }
    free(monitor);
}
