/* Sockets that listen: at the first address that can be had. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include <dengine/error.h>

#include "server/listen_socket.h"

/* 192.0.2.0/24 is for documentation: no host has such an address. */
#define NOBODY "192.0.2.1"

struct place {
    struct addrinfo info;
    struct sockaddr_in address;
};

static void make(struct place *place, const char *number, uint16_t port, struct place *next)
{
    memset(place, 0, sizeof *place);
    place->address.sin_family = AF_INET;
    place->address.sin_port = htons(port);
    assert_int_equal(inet_pton(AF_INET, number, &place->address.sin_addr), 1);
    place->info.ai_family = AF_INET;
    place->info.ai_socktype = SOCK_STREAM;
    place->info.ai_addr = (struct sockaddr *)&place->address;
    place->info.ai_addrlen = sizeof place->address;
    place->info.ai_next = next != NULL ? &next->info : NULL;
}

static void the_first_address_that_can_be_had_is_taken(void **state)
{
    struct place first;
    struct place second;
    struct place third;
    int taken;
    int fd;

    (void)state;
    make(&second, "127.0.0.1", 0, NULL);
    taken = de_listen_first(&second.info, 1);
    assert_true(taken >= 0);
    make(&third, "127.0.0.2", de_listen_port(taken), NULL);
    make(&second, "127.0.0.1", de_listen_port(taken), &third);
    make(&first, NOBODY, 0, &second);
    fd = de_listen_first(&first.info, 1);
    assert_true(fd >= 0);
    assert_int_equal(de_listen_port(fd), de_listen_port(taken)); /* so it is the third */
    (void)close(fd);
    make(&second, "127.0.0.1", de_listen_port(taken), NULL);
    make(&first, NOBODY, 0, &second);
    assert_int_equal(de_listen_first(&first.info, 1), -1);
    (void)close(taken);
}

static void what_is_wrong_is_told(void **state)
{
    char reason[200];
    int other;
    int fd;

    (void)state;
    assert_int_equal(de_listen_at("localhost", 0, 1, &fd, reason, sizeof reason), 0);
    assert_true(de_listen_port(fd) > 0);
    (void)close(fd);
    assert_int_equal(de_listen_at(NOBODY, 0, 1, &fd, reason, sizeof reason), DENGINE_E_NOT_FOUND);
    assert_int_equal(fd, -1);
    assert_int_equal(de_listen_at("no host.invalid", 0, 1, &fd, reason, sizeof reason),
                     DENGINE_E_NOT_FOUND);
    assert_int_not_equal(reason[0], '\0');
    assert_int_equal(de_listen_at("127.0.0.1", 0, 1, &fd, reason, sizeof reason), 0);
    assert_int_equal(
        de_listen_at("127.0.0.1", de_listen_port(fd), 1, &other, reason, sizeof reason),
        DENGINE_E_ADDRESS_IN_USE);
    (void)close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_address_that_can_be_had_is_taken),
        cmocka_unit_test(what_is_wrong_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
