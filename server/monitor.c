#include "server/monitor.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <microhttpd.h>

#include "core/base/assert.h"
#include "server/metrics_text.h"

#define TEXT "text/plain; charset=utf-8"

struct de_monitor {
    struct MHD_Daemon *daemon;
    struct dengine *engine;
    const char *cluster;
    uint16_t port;
};

/* ---- answers, on the thread of the daemon ---- */

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

/* ---- the socket ---- */

static int error_of(int code)
{
    switch (code) {
    case EADDRINUSE:
        return DENGINE_E_ADDRESS_IN_USE;
    case EACCES:
        return DENGINE_E_PERMISSION;
    case EADDRNOTAVAIL:
        return DENGINE_E_NOT_FOUND;
    default:
        return DENGINE_E_IO;
    }
}

/* A socket that listens, or -1 and errno. */
static int listen_at(const struct addrinfo *at)
{
    const int on = 1;
    const int fd = socket(at->ai_family, at->ai_socktype | SOCK_CLOEXEC, at->ai_protocol);
    int code;

    if (fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
        bind(fd, at->ai_addr, at->ai_addrlen) == 0 && listen(fd, DE_MONITOR_CONNECTIONS) == 0) {
        return fd;
    }
    code = errno;
    if (fd >= 0) {
        (void)close(fd);
    }
    errno = code;
    return -1;
}

static uint16_t port_of(int fd)
{
    struct sockaddr_storage name;
    socklen_t size = sizeof name;
    char port[16] = "0";

    if (getsockname(fd, (struct sockaddr *)&name, &size) == 0) {
        (void)getnameinfo((struct sockaddr *)&name, size, NULL, 0, port, sizeof port,
                          NI_NUMERICSERV);
    }
    return (uint16_t)strtoul(port, NULL, 10);
}

static int open_socket(const struct de_monitor_options *options, int *fd, char *message,
                       size_t message_size)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
    struct addrinfo *found = NULL;
    char port[8];
    int err;

    (void)snprintf(port, sizeof port, "%u", (unsigned)options->port);
    err = getaddrinfo(options->address, port, &hints, &found);
    if (err != 0) {
        (void)snprintf(message, message_size, "monitoring.prometheus_address: %s: %s",
                       options->address, gai_strerror(err));
        return DENGINE_E_NOT_FOUND;
    }
    *fd = listen_at(found);
    if (*fd < 0) {
        err = error_of(errno);
        (void)snprintf(message, message_size,
                       "cannot serve metrics at %s port %s: %s; choose another "
                       "monitoring.prometheus_address or prometheus_port",
                       options->address, port, strerror(errno));
    }
    freeaddrinfo(found);
    return err;
}

/* ---- life ---- */

int de_monitor_start(const struct de_monitor_options *options, struct de_monitor **monitor,
                     char *message, size_t message_size)
{
    struct de_monitor *made = calloc(1, sizeof *made);
    int fd = -1;
    int err;

    DE_ASSERT(options->engine != NULL && options->cluster != NULL);
    *monitor = NULL;
    if (made == NULL) {
        (void)snprintf(message, message_size, "no memory to serve metrics");
        return DENGINE_E_NO_MEMORY;
    }
    made->engine = options->engine;
    made->cluster = options->cluster;
    err = open_socket(options, &fd, message, message_size);
    if (err == 0) {
        made->port = port_of(fd);
        made->daemon =
            MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_AUTO, 0, NULL, NULL, handle,
                             made, MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT,
                             (unsigned)DE_MONITOR_CONNECTIONS, MHD_OPTION_CONNECTION_TIMEOUT,
                             (unsigned)DE_MONITOR_TIMEOUT_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
                             (size_t)DE_MONITOR_REQUEST_BYTES, MHD_OPTION_END);
        if (made->daemon == NULL) {
            (void)close(fd);
            (void)snprintf(message, message_size, "cannot start to serve metrics");
            err = DENGINE_E_NO_MEMORY;
        }
    }
    if (err != 0) {
        free(made);
        return err;
    }
    *monitor = made;
    return 0;
}

uint16_t de_monitor_port(const struct de_monitor *monitor)
{
    DE_ASSERT(monitor != NULL);
    return monitor->port;
}

void de_monitor_stop(struct de_monitor *monitor)
{
    if (monitor != NULL) {
        MHD_stop_daemon(monitor->daemon); /* closes the socket, too */
        free(monitor);
    }
}
