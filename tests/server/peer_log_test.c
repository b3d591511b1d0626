/* What servers log that do not find each other: whoever mistyped an address, or gave one of them
 * another cluster name, has nothing else to go by. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "engine/engine_test_support.h"
#include "tests/processes/process.h"

#define PATIENCE_MS 30000
#define DIRECTORIES "peer_log_test.data"

struct fixture {
    uint16_t ports[2];
    char members[100];
};

static int setup(void **state)
{
    static struct fixture fixture;

    de_test_remove_tree(DIRECTORIES "1");
    de_test_remove_tree(DIRECTORIES "2");
    de_test_free_ports(fixture.ports, 2);
    (void)snprintf(fixture.members, sizeof fixture.members, "1=127.0.0.1:%u,2=127.0.0.1:%u",
                   fixture.ports[0], fixture.ports[1]);
    *state = &fixture;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    de_test_remove_tree(DIRECTORIES "1");
    de_test_remove_tree(DIRECTORIES "2");
    return 0;
}

/* Server id of the two, at the address of server `at`. */
static struct de_process *start(const struct fixture *f, unsigned id, unsigned at, const char *name)
{
    char number[4];
    char directory[40];
    char listen[40];
    const char *argv[] = {DE_TEST_SERVER, "--node-id", number, "--data-dir", directory, "--listen",
                          listen, "--initial-cluster", f->members, "--cluster-name", name, NULL};
    struct de_process *server;

    (void)snprintf(number, sizeof number, "%u", id);
    (void)snprintf(directory, sizeof directory, DIRECTORIES "%u", id);
    (void)snprintf(listen, sizeof listen, "127.0.0.1:%u", f->ports[at - 1]);
    server = de_process_start(argv, NULL);
    assert_true(de_process_listening(server, PATIENCE_MS) != 0);
    return server;
}

static void stop(struct de_process *server)
{
    de_process_signal(server, SIGTERM);
    assert_int_equal(de_process_wait(server, PATIENCE_MS), 0);
    de_process_free(server);
}

static void expect(struct de_process *server, const char *text)
{
    if (!de_process_expect(server, text, 0, PATIENCE_MS)) {
        fail_msg("%s is not in: %s", text, de_process_errors(server));
    }
}

static void test_a_member_that_is_down(void **state)
{
    const struct fixture *f = *state;
    struct de_process *one = start(f, 1, 1, "a");
    struct de_process *two;
    char address[40];

    (void)snprintf(address, sizeof address, "peer=2 address=\"127.0.0.1:%u\"", f->ports[1]);
    expect(one, "peer_unreachable");
    expect(one, address);
    two = start(f, 2, 2, "a");
    expect(one, "peer_reached");
    stop(two);
    stop(one);
}

static void test_a_member_of_another_cluster(void **state)
{
    const struct fixture *f = *state;
    struct de_process *one = start(f, 1, 1, "a");
    struct de_process *two = start(f, 2, 2, "b");

    expect(one, "peer_refuses");
    expect(one, "node 2 belongs to cluster");
    expect(two, "node 1 belongs to cluster");
    assert_null(strstr(de_process_errors(one), "peer_reached"));
    stop(two);
    stop(one);
}

static void test_two_addresses_mixed_up(void **state)
{
    const struct fixture *f = *state;
    struct de_process *two = start(f, 2, 1, "a");
    struct de_process *one = start(f, 1, 2, "a");

    expect(one, "this is node 1, called by 1 as 2");
    stop(two);
    stop(one);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_member_that_is_down),
        TEST(test_a_member_of_another_cluster),
        TEST(test_two_addresses_mixed_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
