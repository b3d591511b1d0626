/* What operators ask a server over HTTP: the metrics, and whether it lives. */
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <pthread.h>

#include <dengine/client.h>

#include "engine/engine_test_support.h"
#include "server/monitor.h"
#include "tests/processes/process.h"

#define TIMEOUT_MS  20000
#define DIRECTORY   "monitor_test.data"
#define ANSWER_MAX  65536
#define MANY        (DE_MONITOR_CONNECTIONS + 8)
#define DRIP_MS     100
#define LONG_HEADER (8 * DE_MONITOR_REQUEST_BYTES)

struct fixture {
    struct de_process *server;
    struct dengine_client *client;
    uint16_t port; /* of HTTP */
};

static uint16_t monitor_port(struct de_process *server)
{
    const char *line;

    assert_true(de_process_expect(server, "INFO monitoring", 0, TIMEOUT_MS));
    assert_true(de_process_expect(server, "INFO state", 0, TIMEOUT_MS)); /* so that line is whole */
    line = strstr(strstr(de_process_errors(server), "INFO monitoring"), "port=");
    assert_non_null(line);
    return (uint16_t)strtoul(line + 5, NULL, 10);
}

static void set_up(struct fixture *f)
{
    const char *argv[] = {DE_TEST_SERVER,
                          "--data-dir",
                          DIRECTORY,
                          "--listen",
                          "127.0.0.1:0",
                          "--cluster-name",
                          "a \"quoted\" name",
                          "--set",
                          "monitoring.prometheus_enabled=true",
                          "--set",
                          "monitoring.prometheus_port=0",
                          NULL};
    char endpoint[64];

    de_test_remove_tree(DIRECTORY);
    f->server = de_process_start(argv, NULL);
    (void)snprintf(endpoint, sizeof endpoint, "127.0.0.1:%u",
                   (unsigned)de_process_listening(f->server, TIMEOUT_MS));
    f->port = monitor_port(f->server);
    assert_int_not_equal(f->port, 0);
    assert_int_equal(dengine_connect(endpoint, NULL, &f->client), 0);
    assert_int_equal(dengine_put(f->client, DENGINE_STR("k"), DENGINE_STR("v"), NULL), 0);
}

static void tear_down(struct fixture *f)
{
    dengine_disconnect(f->client);
    de_process_signal(f->server, SIGTERM);
    assert_int_equal(de_process_wait(f->server, TIMEOUT_MS), 0);
    de_process_free(f->server);
    de_test_remove_tree(DIRECTORY);
}

static int dial(const struct fixture *f)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(f->port)};
    const struct timeval patience = {TIMEOUT_MS / 1000, 0};
    const int fd = socket(AF_INET, SOCK_STREAM, 0);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_true(fd >= 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience), 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience), 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

/* Sends text, which the other side may have stopped to read, and reads to the end. The status of
 * the answer, 0 when there is none. */
static int ask(const struct fixture *f, const char *text, size_t size, char *answer)
{
    const int fd = dial(f);
    size_t have = 0;
    ssize_t got;

    for (size_t sent = 0; sent < size; sent += (size_t)got) {
        got = send(fd, text + sent, size - sent, MSG_NOSIGNAL);
        if (got <= 0) {
            break;
        }
    }
    while (have < ANSWER_MAX - 1 && (got = recv(fd, answer + have, ANSWER_MAX - 1 - have, 0)) > 0) {
        have += (size_t)got;
    }
    answer[have] = '\0';
    (void)close(fd);
    return strncmp(answer, "HTTP/1.1 ", 9) == 0 ? (int)strtol(answer + 9, NULL, 10) : 0;
}

static int ask_line(const struct fixture *f, const char *line, char *answer)
{
    char request[200];
    const int size = snprintf(request, sizeof request,
                              "%s HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n", line);

    return ask(f, request, (size_t)size, answer);
}

static uint64_t value_of(const char *answer, const char *name)
{
    char line[100];
    const char *at;

    (void)snprintf(line, sizeof line, "\n%s ", name);
    at = strstr(answer, line);
    if (at == NULL) {
        fail_msg("there is no %s in %s", name, answer);
        return 0;
    }
    return strtoull(at + strlen(line), NULL, 10);
}

static void metrics_are_served_as_prometheus_reads_them(void **state)
{
    static char answer[ANSWER_MAX];
    struct fixture f;
    uint64_t revision = 0;
    uint64_t applied;
    const char *line;
    size_t metrics = 0;

    (void)state;
    set_up(&f);
    assert_int_equal(ask_line(&f, "GET /metrics", answer), 200);
    assert_non_null(strstr(answer, "Content-Type: text/plain; version=0.0.4"));
    assert_non_null(strstr(answer, "\ndengine_node_info{cluster=\"a \\\"quoted\\\" name\","
                                   "node_id=\"1\",version=\""));
    assert_int_equal(value_of(answer, "dengine_role"), DENGINE_LEADER);
    applied = value_of(answer, "dengine_applied_index");
    assert_true(applied > 0);
    /* Each metric: HELP, TYPE, and its line. */
    for (line = strstr(answer, "\r\n\r\n") + 4; *line != '\0'; line = strchr(line, '\n') + 1) {
        char name[80];
        char kind[16];

        assert_int_equal(sscanf(line, "# HELP %79s", name), 1);
        line = strchr(line, '\n') + 1;
        assert_int_equal(strncmp(line + 7, name, strlen(name)), 0);
        assert_int_equal(sscanf(line, "# TYPE %*s %15s", kind), 1);
        assert_int_equal(strcmp(kind, "counter") == 0, strstr(name, "_total") != NULL);
        line = strchr(line, '\n') + 1;
        assert_int_equal(strncmp(line, name, strlen(name)), 0);
        metrics++;
    }
    assert_true(metrics > 20);
    assert_int_equal(
        dengine_put_with(f.client, DENGINE_STR("k"), DENGINE_STR("w"), NULL, NULL, &revision), 0);
    assert_true(revision > applied);
    do { /* what is told may be a moment old; the test's time-out ends this */
        assert_int_equal(ask_line(&f, "GET /metrics", answer), 200);
    } while (value_of(answer, "dengine_applied_index") < revision);
    tear_down(&f);
}

static void health_and_what_is_not_there(void **state)
{
    static char answer[ANSWER_MAX];
    static char request[LONG_HEADER];
    struct fixture f;
    int status;

    (void)state;
    set_up(&f);
    assert_int_equal(ask_line(&f, "GET /healthz", answer), 200);
    assert_int_equal(ask_line(&f, "GET /readyz", answer), 200);
    assert_int_equal(ask_line(&f, "HEAD /metrics", answer), 200);
    assert_string_equal(strstr(answer, "\r\n\r\n"), "\r\n\r\n"); /* no body */
    assert_int_equal(ask_line(&f, "GET /", answer), 404);
    assert_int_equal(ask_line(&f, "GET /metrics/../healthz", answer), 404);
    assert_int_equal(ask_line(&f, "POST /metrics", answer), 405);
    assert_non_null(strstr(answer, "Allow: GET, HEAD"));
    assert_int_not_equal(ask(&f, "\1\2\3 nonsense\r\n\r\n", 15, answer), 200);
    memset(request, 'x', sizeof request);
    memcpy(request, "GET /metrics HTTP/1.1\r\nLong: ", 29);
    status = ask(&f, request, sizeof request, answer);
    assert_true(status == 0 || status >= 400);
    assert_int_equal(ask_line(&f, "GET /metrics", answer), 200);
    tear_down(&f);
}

/* Those who connect and say nothing are closed after a while, so that others get in; and nobody
 * but them waits for that. */
static void silent_clients_hold_up_nobody(void **state)
{
    static char answer[ANSWER_MAX];
    struct fixture f;
    int silent[MANY];
    int i;

    (void)state;
    set_up(&f);
    for (i = 0; i < MANY; i++) {
        silent[i] = dial(&f);
        assert_int_equal(send(silent[i], "GET /met", 8, MSG_NOSIGNAL), 8);
    }
    for (i = 0; i < 100; i++) {
        assert_int_equal(dengine_put(f.client, DENGINE_STR("k"), DENGINE_STR("v"), NULL), 0);
    }
    for (i = 0; i < MANY; i++) {
        char byte;

        assert_true(recv(silent[i], &byte, 1, 0) >= 0); /* closed, or told why */
        (void)close(silent[i]);
    }
    assert_int_equal(ask_line(&f, "GET /metrics", answer), 200);
    tear_down(&f);
}

/* Clients that always have one more byte to say. */
struct drip {
    int sockets[DE_MONITOR_CONNECTIONS];
    pthread_t thread;
};

/* Until all are closed by the server. */
static void *drip_on(void *context)
{
    struct drip *drip = context;

    for (int i = 0; i < DE_MONITOR_CONNECTIONS; i++) {
        struct pollfd closed = {.fd = drip->sockets[i], .events = POLLIN};

        while (poll(&closed, 1, DRIP_MS) == 0) {
            for (int other = i; other < DE_MONITOR_CONNECTIONS; other++) {
                (void)send(drip->sockets[other], "x", 1, MSG_NOSIGNAL);
            }
        }
    }
    return NULL;
}

/* Nor do those who are never silent: their time is over, too, and whoever waited gets in. */
static void dripping_clients_keep_nobody_out(void **state)
{
    static char answer[ANSWER_MAX];
    struct fixture f;
    struct drip drip;
    int i;

    (void)state;
    set_up(&f);
    for (i = 0; i < DE_MONITOR_CONNECTIONS; i++) {
        drip.sockets[i] = dial(&f);
        assert_int_equal(send(drip.sockets[i], "GET /metrics HTTP/1.1\r\nDrip: ", 29, MSG_NOSIGNAL),
                         29);
    }
    assert_int_equal(pthread_create(&drip.thread, NULL, drip_on, &drip), 0);
    assert_int_equal(ask_line(&f, "GET /metrics", answer), 200);
    assert_int_equal(pthread_join(drip.thread, NULL), 0);
    for (i = 0; i < DE_MONITOR_CONNECTIONS; i++) {
        (void)close(drip.sockets[i]);
    }
    tear_down(&f);
}

static void a_port_that_is_taken_is_told(void **state)
{
    char setting[64];
    struct fixture f;
    const char *argv[] = {DE_TEST_SERVER,
                          "--data-dir",
                          DIRECTORY ".other",
                          "--listen",
                          "127.0.0.1:0",
                          "--set",
                          "monitoring.prometheus_enabled=true",
                          "--set",
                          setting,
                          NULL};
    struct de_process *other;

    (void)state;
    set_up(&f);
    de_test_remove_tree(DIRECTORY ".other");
    (void)snprintf(setting, sizeof setting, "monitoring.prometheus_port=%u", (unsigned)f.port);
    other = de_process_start(argv, NULL);
    assert_int_equal(de_process_wait(other, TIMEOUT_MS), 3);
    assert_non_null(strstr(de_process_errors(other), "cannot serve metrics at 127.0.0.1 port "));
    assert_non_null(strstr(de_process_errors(other), "choose another monitoring.prometheus_"));
    /* Nothing was served that is not served any more, and nothing touched. */
    assert_null(strstr(de_process_errors(other), "listening"));
    assert_int_equal(access(DIRECTORY ".other", F_OK), -1);
    de_process_free(other);
    tear_down(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(metrics_are_served_as_prometheus_reads_them),
        cmocka_unit_test(health_and_what_is_not_there),
        cmocka_unit_test(silent_clients_hold_up_nobody),
        cmocka_unit_test(dripping_clients_keep_nobody_out),
        cmocka_unit_test(a_port_that_is_taken_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
