#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <grpc/status.h>

#include "client/policy/verdict.h"
#include "proto/error_codes.h"

static struct de_judgement of_reply(bool write, int32_t error, uint64_t retry_after_ms)
{
    const struct de_answer answer = {.write = write,
                                     .status = GRPC_STATUS_OK,
                                     .understood = true,
                                     .err = de_error_of_wire_code(error),
                                     .retry_after_ms = retry_after_ms};

    return de_judge(&answer);
}

static struct de_judgement of_status(bool write, int status)
{
    const struct de_answer answer = {.write = write, .status = status};

    return de_judge(&answer);
}

static struct de_judgement of_change(int err)
{
    const struct de_answer answer = {
        .write = true, .status = GRPC_STATUS_OK, .understood = true, .err = err};

    return de_judge(&answer);
}

static void test_a_change_ends_as_the_server_says(void **state)
{
    (void)state;
    assert_int_equal(of_change(0).err, 0);
    assert_int_equal(of_change(DENGINE_E_SUPERSEDED).err, DENGINE_E_SUPERSEDED);
    assert_false(of_change(DENGINE_E_TIMEOUT).again);
    assert_true(of_change(DENGINE_E_BUSY).again);
    assert_true(of_change(DENGINE_E_NOT_LEADER).again);
    assert_false(of_change(DENGINE_E_UNKNOWN).again);
    assert_int_equal(of_change(DENGINE_E_UNKNOWN).err, DENGINE_E_UNKNOWN);
}

static void test_success_is_over(void **state)
{
    (void)state;
    assert_int_equal(of_reply(true, 0, 0).err, 0);
    assert_false(of_reply(true, 0, 0).again);
    assert_false(of_reply(true, 0, 0).leader_doubtful);
}

static void test_a_write_goes_again_only_when_not_done(void **state)
{
    int32_t code;
    int status;

    (void)state;
    for (code = -1; code < 10000; code++) {
        const struct de_judgement verdict = of_reply(true, code, 0);

        if (verdict.again) {
            assert_int_equal(dengine_outcome(verdict.err), DENGINE_NOT_DONE);
            assert_true(code == 4001 || code == 4004 || code == 4005 || code == 4008);
        }
    }
    for (status = GRPC_STATUS_CANCELLED; status <= GRPC_STATUS_UNAUTHENTICATED; status++) {
        assert_false(of_status(true, status).again);
    }
}

static void test_a_write_that_may_have_left_is_unknown(void **state)
{
    static const int statuses[] = {GRPC_STATUS_UNAVAILABLE, GRPC_STATUS_DEADLINE_EXCEEDED,
                                   GRPC_STATUS_CANCELLED,   GRPC_STATUS_INTERNAL,
                                   GRPC_STATUS_UNKNOWN,     GRPC_STATUS_ABORTED,
                                   GRPC_STATUS_DATA_LOSS,   GRPC_STATUS_FAILED_PRECONDITION};
    const struct de_answer garbled = {.write = true, .status = GRPC_STATUS_OK};
    size_t i;

    (void)state;
    for (i = 0; i < sizeof statuses / sizeof statuses[0]; i++) {
        assert_int_equal(of_status(true, statuses[i]).err, DENGINE_E_UNKNOWN);
    }
    assert_int_equal(de_judge(&garbled).err, DENGINE_E_UNKNOWN);
    assert_int_equal(of_reply(true, 4006, 0).err, DENGINE_E_UNKNOWN);
}

static void test_a_read_goes_again(void **state)
{
    (void)state;
    assert_true(of_status(false, GRPC_STATUS_UNAVAILABLE).again);
    assert_true(of_reply(false, 4001, 0).again);
    assert_true(of_reply(false, 4006, 0).again);
    assert_false(of_status(false, GRPC_STATUS_DEADLINE_EXCEEDED).again);
    assert_int_equal(of_status(false, GRPC_STATUS_DEADLINE_EXCEEDED).err, DENGINE_E_TIMEOUT);
    assert_int_equal(of_status(false, GRPC_STATUS_INTERNAL).err, DENGINE_E_PROTOCOL);
}

static void test_not_leader_looks_for_another(void **state)
{
    (void)state;
    assert_true(of_reply(true, 4001, 0).leader_doubtful);
    assert_true(of_reply(true, 4005, 0).leader_doubtful);
    assert_true(of_status(true, GRPC_STATUS_UNAVAILABLE).leader_doubtful);
    assert_false(of_reply(true, 4004, 0).leader_doubtful);
}

static void test_busy_obeys_the_server_within_reason(void **state)
{
    (void)state;
    assert_int_equal(of_reply(true, 4004, 30).delay_ms, 30);
    assert_int_equal(of_reply(true, 4004, UINT64_MAX).delay_ms, DE_RETRY_AFTER_MAX_MS);
    assert_int_equal(of_reply(true, 4004, 0).delay_ms, 0);
}

static void test_refusals_are_not_done(void **state)
{
    (void)state;
    assert_int_equal(of_status(true, GRPC_STATUS_INVALID_ARGUMENT).err, DENGINE_E_INVALID);
    assert_int_equal(of_status(true, GRPC_STATUS_RESOURCE_EXHAUSTED).err, DENGINE_E_TOO_LARGE);
    assert_int_equal(of_status(true, GRPC_STATUS_UNIMPLEMENTED).err, DENGINE_E_VERSION);
    assert_int_equal(of_status(true, GRPC_STATUS_UNAUTHENTICATED).err, DENGINE_E_PERMISSION);
}

static void test_backoff_grows_and_is_bounded(void **state)
{
    uint32_t failures;

    (void)state;
    assert_int_equal(de_backoff_ms(0, 0), 5);
    assert_int_equal(de_backoff_ms(0, 5), 10);
    assert_int_equal(de_backoff_ms(2, 0), 20);
    for (failures = 0; failures < 1000; failures++) {
        assert_in_range(de_backoff_ms(failures, 0x123456789abcdef0u * failures), 5, 1000);
    }
    assert_int_equal(de_backoff_ms(UINT32_MAX, 0), 500);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_success_is_over),
        cmocka_unit_test(test_a_change_ends_as_the_server_says),
        cmocka_unit_test(test_a_write_goes_again_only_when_not_done),
        cmocka_unit_test(test_a_write_that_may_have_left_is_unknown),
        cmocka_unit_test(test_a_read_goes_again),
        cmocka_unit_test(test_not_leader_looks_for_another),
        cmocka_unit_test(test_busy_obeys_the_server_within_reason),
        cmocka_unit_test(test_refusals_are_not_done),
        cmocka_unit_test(test_backoff_grows_and_is_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
