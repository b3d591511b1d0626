#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "client/endpoints.h"

static char addresses[DE_ENDPOINTS_MAX][DE_ENDPOINT_BYTES];

static void test_takes_a_list_apart(void **state)
{
    char message[200] = "";
    size_t count;

    (void)state;
    assert_int_equal(de_endpoints_parse("127.0.0.1:9081, node-2.example:1,[::1]:65535 ", addresses,
                                        &count, message, sizeof message),
                     0);
    assert_int_equal(count, 3);
    assert_string_equal(addresses[0], "127.0.0.1:9081");
    assert_string_equal(addresses[1], "node-2.example:1");
    assert_string_equal(addresses[2], "[::1]:65535");
}

static void test_refuses_what_is_no_address(void **state)
{
    static const char *const bad[] = {
        "",      ",",        "host",    "host:",         ":1",    "host:0",      "host:65536",
        "a:1,",  "a:1,,b:2", "host:1x", "http://host:1", "a b:1", "host:123456", "::1:80",
        "h/p:1", "[]:1",     "host:-1", "host: 1",
    };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char message[200] = "";
        size_t count = 7;

        assert_int_equal(de_endpoints_parse(bad[i], addresses, &count, message, sizeof message),
                         DENGINE_E_INVALID);
        assert_int_equal(count, 0);
        assert_non_null(strstr(message, "is not an endpoint"));
    }
}

static void test_bounds(void **state)
{
    char list[DE_ENDPOINTS_MAX * 4 + 8] = "";
    char host[DE_ENDPOINT_BYTES + 10];
    char message[200] = "";
    size_t count;
    int i;

    (void)state;
    for (i = 0; i <= DE_ENDPOINTS_MAX; i++) {
        memcpy(list + 4 * i, "h:1,", 5);
    }
    list[4 * DE_ENDPOINTS_MAX + 3] = '\0';
    assert_int_equal(de_endpoints_parse(list, addresses, &count, message, sizeof message),
                     DENGINE_E_INVALID);
    assert_non_null(strstr(message, "more than 64"));
    list[4 * DE_ENDPOINTS_MAX - 1] = '\0';
    assert_int_equal(de_endpoints_parse(list, addresses, &count, message, sizeof message), 0);
    assert_int_equal(count, DE_ENDPOINTS_MAX);

    memset(host, 'h', sizeof host);
    (void)snprintf(host + DE_ENDPOINT_BYTES - 3, 4, ":%d", 1);
    assert_true(de_endpoint_check(host));
    (void)snprintf(host + DE_ENDPOINT_BYTES - 3, 4, "h:%d", 1);
    assert_false(de_endpoint_check(host));
    assert_int_equal(de_endpoints_parse(host, addresses, &count, message, sizeof message),
                     DENGINE_E_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_takes_a_list_apart),
        cmocka_unit_test(test_refuses_what_is_no_address),
        cmocka_unit_test(test_bounds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
