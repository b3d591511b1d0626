#include "tests/server/one_server.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "engine/engine_test_support.h"

#define PATIENCE_MS 30000

struct de_process *de_one_server_start(const char *directory, char endpoint[64])
{
    const char *const argv[] = {DE_TEST_SERVER, "--data-dir",  directory,
                                "--listen",     "127.0.0.1:0", NULL};
    struct de_process *server;
    uint16_t port;

    de_test_remove_tree(directory);
    server = de_process_start(argv, NULL);
    port = de_process_listening(server, PATIENCE_MS);
    assert_int_not_equal(port, 0);
    (void)snprintf(endpoint, 64, "127.0.0.1:%u", (unsigned)port);
    return server;
}

void de_one_server_stop(struct de_process *server, const char *directory)
{
    de_process_signal(server, SIGTERM);
    assert_int_equal(de_process_wait(server, PATIENCE_MS), 0);
    de_process_free(server);
    de_test_remove_tree(directory);
}
