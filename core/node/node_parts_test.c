/* The small parts: batch, configuration codec, entry cache, request lists, text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/random.h"
#include "core/node/batch.h"
#include "core/node/config_codec.h"
#include "core/node/entry_cache.h"
#include "core/node/requests.h"
#include "core/node/text.h"
#include "tests/support/test_support.h"

static size_t two_commands(uint8_t *payload, size_t capacity)
{
    struct de_writer writer;

    de_writer_init(&writer, payload, capacity);
    de_batch_start(&writer, 2, 0x0807060504030201);
    de_batch_add(&writer, dengine_str("one"));
    de_batch_add(&writer, dengine_str(""));
    assert_int_equal(writer.size, de_batch_size(2, 3));
    return writer.size;
}

static int see_command(void *context, uint32_t number, struct dengine_slice command)
{
    int *stop_at = context;

    assert_int_equal(command.size, number == 0 ? 3 : 0);
    return (int)number == *stop_at ? 42 : 0;
}

static void test_a_batch_comes_back(void **state)
{
    static const uint8_t expected[] = {2, 0, 0, 0, 2, 0, 0,   0,   1,   2, 3, 4, 5, 6,
                                       7, 8, 3, 0, 0, 0, 'o', 'n', 'e', 0, 0, 0, 0};
    uint8_t payload[64];
    int stop_at = -1;
    const size_t size = two_commands(payload, sizeof payload);

    (void)state;
    assert_int_equal(size, sizeof expected);
    assert_memory_equal(payload, expected, size);
    assert_int_equal(de_batch_visit(dengine_bytes(payload, size), see_command, &stop_at), 0);
    assert_int_equal(de_batch_count(dengine_bytes(payload, size)), 2);
    assert_int_equal(de_batch_time_ns(dengine_bytes(payload, size)), 0x0807060504030201);
    assert_int_equal(de_batch_time_ns(dengine_bytes(payload, 15)), 0);
    stop_at = 0;
    assert_int_equal(de_batch_visit(dengine_bytes(payload, size), see_command, &stop_at), 42);
}

/* In a block of exactly the size, so that a sanitizer sees any step beyond. */
static uint32_t count_exact(const uint8_t *payload, size_t size)
{
    uint8_t *exact = malloc(size > 0 ? size : 1);
    uint32_t count;

    assert_non_null(exact);
    memcpy(exact, payload, size);
    count = de_batch_count(dengine_bytes(exact, size));
    free(exact);
    return count;
}

static void test_damaged_batches_are_refused(void **state)
{
    uint8_t payload[64] = {0};
    const size_t size = two_commands(payload, sizeof payload);
    int stop_at = -1;

    (void)state;
    for (size_t cut = 0; cut < size; cut++) {
        assert_int_equal(count_exact(payload, cut), 0);
    }
    assert_int_equal(count_exact(payload, size + 1), 0);
    for (size_t bit = 0; bit < size * 8; bit++) {
        payload[bit / 8] ^= (uint8_t)(1u << (bit % 8));
        /* Only time and the bytes of the command may change unnoticed; time has a bound. */
        const bool free = (bit >= 8 * 8 && bit < 8 * 16 - 2) || (bit / 8 >= 20 && bit / 8 < 23);

        assert_int_equal(count_exact(payload, size), free ? 2 : 0);
        payload[bit / 8] ^= (uint8_t)(1u << (bit % 8));
    }
    payload[0] = 1;
    assert_int_equal(de_batch_visit(dengine_bytes(payload, size), see_command, &stop_at),
                     DENGINE_E_VERSION);
    payload[0] = DE_BATCH_VERSION;
    memset(payload + 4, 0, 4);
    assert_int_equal(count_exact(payload, DE_BATCH_HEADER_BYTES), 0); /* no command at all */
}

static struct de_membership three_members(void)
{
    const struct de_member_addresses nine = {"nine.example:9081", "[::1]:1"};
    struct de_membership membership = {0};

    /* In any order. */
    assert_true(de_membership_add(&membership, 9, DE_RAFT_LEARNER, &nine));
    assert_true(de_membership_add(&membership, 1, DE_RAFT_VOTER, NULL));
    assert_true(de_membership_add(&membership, 5, DE_RAFT_VOTER | DE_RAFT_VOTER_OLD, NULL));
    assert_false(de_membership_add(&membership, 5, DE_RAFT_VOTER, NULL));
    assert_false(de_membership_add(&membership, 0, DE_RAFT_VOTER, NULL));
    assert_int_equal(membership.highest_id, 9);
    assert_string_equal(de_membership_addresses(&membership, 9)->peer, "nine.example:9081");
    assert_string_equal(de_membership_addresses(&membership, 5)->peer, "");
    return membership;
}

static void test_a_configuration_comes_back(void **state)
{
    struct de_membership written = three_members();
    struct de_raft_configuration counted;
    struct de_membership read;
    uint8_t payload[DE_CONFIG_BYTES_MAX];
    size_t size;

    (void)state;
    written.highest_id = 12; /* members 10 to 12 have left */
    size = de_config_encode(&written, payload, sizeof payload);
    assert_int_equal(size, 16 + 3 * 18 + 17 + 7);
    assert_int_equal(de_config_decode(dengine_bytes(payload, size), &read), 0);
    assert_memory_equal(&read, &written, sizeof read);
    assert_int_equal(de_config_decode_members(dengine_bytes(payload, size), &counted), 0);
    assert_memory_equal(&counted, &written.configuration, sizeof counted);
}

static void test_the_largest_configuration_fits(void **state)
{
    struct de_membership membership = {0};
    struct de_membership read;
    struct de_member_addresses addresses;
    uint8_t payload[DE_CONFIG_BYTES_MAX];
    size_t size;

    (void)state;
    memset(&addresses, 0, sizeof addresses);
    memset(addresses.peer, 'p', DE_ADDRESS_BYTES - 1);
    memset(addresses.client, 'c', DE_ADDRESS_BYTES - 1);
    for (uint32_t i = 0; i < DE_RAFT_MEMBERS_MAX; i++) {
        assert_true(de_membership_add(&membership, i + 1, DE_RAFT_VOTER, &addresses));
    }
    assert_false(de_membership_add(&membership, 100, DE_RAFT_VOTER, NULL));
    size = de_config_encode(&membership, payload, sizeof payload);
    assert_int_equal(size, DE_CONFIG_BYTES_MAX);
    assert_int_equal(de_config_decode(dengine_bytes(payload, size), &read), 0);
    assert_memory_equal(&read, &membership, sizeof read);
}

static int decode_exact(const uint8_t *payload, size_t size)
{
    struct de_membership membership;
    uint8_t *exact = malloc(size > 0 ? size : 1);
    int rc;

    assert_non_null(exact);
    memcpy(exact, payload, size);
    rc = de_config_decode(dengine_bytes(exact, size), &membership);
    assert_int_equal(
        rc, de_config_decode_members(dengine_bytes(exact, size), &membership.configuration));
    free(exact);
    return rc;
}

/* payload with one byte changed. */
static int decode_with(uint8_t *payload, size_t size, size_t at, uint8_t byte)
{
    const uint8_t before = payload[at];
    int rc;

    payload[at] = byte;
    rc = decode_exact(payload, size);
    payload[at] = before;
    return rc;
}

static void test_damaged_configurations_are_refused(void **state)
{
    const struct de_membership written = three_members();
    uint8_t payload[DE_CONFIG_BYTES_MAX + 1] = {0};
    const size_t size = de_config_encode(&written, payload, sizeof payload);

    (void)state;
    for (size_t cut = 0; cut < size; cut++) {
        assert_int_equal(decode_exact(payload, cut), DENGINE_E_PROTOCOL);
    }
    assert_int_equal(decode_exact(payload, size + 1), DENGINE_E_PROTOCOL);
    for (size_t bit = 0; bit < size * 8; bit++) {
        payload[bit / 8] ^= (uint8_t)(1u << (bit % 8));
        (void)decode_exact(payload, size);
        payload[bit / 8] ^= (uint8_t)(1u << (bit % 8));
    }
    assert_int_equal(decode_with(payload, size, 0, 3), DENGINE_E_VERSION);
    assert_int_equal(decode_with(payload, size, 1, 1), DENGINE_E_PROTOCOL);
    assert_int_equal(decode_with(payload, size, 4, DE_RAFT_MEMBERS_MAX + 1), DENGINE_E_PROTOCOL);
    assert_int_equal(decode_with(payload, size, 8, 8), DENGINE_E_PROTOCOL);   /* there is a 9 */
    assert_int_equal(decode_with(payload, size, 34, 1), DENGINE_E_PROTOCOL);  /* two members 1 */
    assert_int_equal(decode_with(payload, size, 24, 0), DENGINE_E_PROTOCOL);  /* is nothing */
    assert_int_equal(decode_with(payload, size, 24, 16), DENGINE_E_PROTOCOL); /* of the future */
    assert_int_equal(decode_with(payload, size, 32, 1), DENGINE_E_PROTOCOL);  /* no room for it */
    assert_int_equal(decode_with(payload, size, size - 1, 0), DENGINE_E_PROTOCOL); /* a byte 0 */
    assert_int_equal(decode_exact(payload, size), 0);
}

/* There is room for more about a member; what is not known is skipped. Version 1 had no addresses
 * and no highest id. */
static void test_more_about_a_member_is_skipped(void **state)
{
    static const uint8_t first[] = {1, 0, 0, 0, 1, 0, 0, 0, 7, 0, 0, 0,   0,
                                    0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 'h', 'i'};
    static const uint8_t second[] = {2, 0, 0, 0, 1, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0,   0, 7,   0,  0,
                                     0, 0, 0, 0, 0, 1, 0, 0, 0, 5, 0, 0, 0, 1, 'p', 0, 'h', 'i'};
    struct de_membership membership;

    (void)state;
    assert_int_equal(de_config_decode(dengine_bytes(first, sizeof first), &membership), 0);
    assert_int_equal(membership.configuration.count, 1);
    assert_int_equal(membership.configuration.members[0].id, 7);
    assert_int_equal(membership.highest_id, 7);
    assert_string_equal(membership.addresses[0].peer, "");
    assert_int_equal(decode_exact(first, sizeof first - 1), DENGINE_E_PROTOCOL);
    assert_int_equal(de_config_decode(dengine_bytes(second, sizeof second), &membership), 0);
    assert_int_equal(membership.highest_id, 8);
    assert_string_equal(membership.addresses[0].peer, "p");
    assert_string_equal(membership.addresses[0].client, "");
}

static void append(struct de_entry_cache *cache, uint64_t index, uint32_t size, uint64_t term)
{
    struct de_entry_buffer *buffer = de_entry_buffer_new(cache->allocator, size);

    assert_non_null(buffer);
    buffer->term = term;
    assert_true(de_entry_cache_reserve(cache, 1));
    de_entry_cache_append(cache, index, buffer);
    de_entry_buffer_unref(cache->allocator, buffer);
}

static void test_cache_forgets_old_entries_but_not_held_ones(void **state)
{
    struct de_test_heap heap;
    struct de_entry_cache cache;
    struct de_entry_buffer *held;

    (void)state;
    de_test_heap_init(&heap);
    de_entry_cache_init(&cache, &heap.allocator, 10);
    for (uint64_t i = 10; i < 20; i++) {
        append(&cache, i, 100, 1);
    }
    de_entry_cache_evict(&cache, 0, 12);
    assert_null(de_entry_cache_get(&cache, 12));
    assert_non_null(de_entry_cache_get(&cache, 13));
    held = de_entry_buffer_ref(de_entry_cache_get(&cache, 14));
    de_entry_cache_evict(&cache, 0, 19);
    assert_null(de_entry_cache_get(&cache, 13));
    assert_ptr_equal(de_entry_cache_get(&cache, 14), held);
    de_entry_buffer_unref(&heap.allocator, held);
    de_entry_cache_evict(&cache, UINT64_MAX, 19);
    assert_non_null(de_entry_cache_get(&cache, 14)); /* there is room */
    de_entry_cache_deinit(&cache);
    de_entry_cache_deinit(&cache);
    assert_int_equal(heap.blocks, 0);
}

static void test_cache_stays_a_suffix_of_a_log_cut_below_it(void **state)
{
    struct de_entry_cache cache;

    (void)state;
    de_entry_cache_init(&cache, de_test_allocator(), 10);
    append(&cache, 10, 8, 1);
    append(&cache, 11, 8, 1);
    de_entry_cache_truncate(&cache, 5);
    assert_null(de_entry_cache_get(&cache, 10));
    append(&cache, 5, 8, 2);
    assert_int_equal(de_entry_cache_get(&cache, 5)->term, 2);
    de_entry_cache_deinit(&cache);
}

static void test_cache_agrees_with_a_model(void **state)
{
    struct de_test_heap heap;
    struct de_entry_cache cache;
    struct de_random random;
    uint64_t terms[4096] = {0};
    uint64_t first = 1;
    uint64_t next = 1;

    (void)state;
    de_test_heap_init(&heap);
    de_random_init(&random, 3);
    de_entry_cache_init(&cache, &heap.allocator, 1);
    for (int step = 0; step < 20000 && next < 4000; step++) {
        const uint64_t what = de_random_below(&random, 10);

        if (what < 7) {
            terms[next] = 1 + de_random_below(&random, 1000);
            append(&cache, next, (uint32_t)de_random_below(&random, 32), terms[next]);
            next++;
        } else if (what < 8 && next > first) {
            next = first + de_random_below(&random, next - first);
            de_entry_cache_truncate(&cache, next);
        } else {
            de_entry_cache_evict(&cache, de_random_below(&random, 4000), next);
            first = cache.first;
        }
        for (int probe = 0; probe < 4; probe++) {
            const uint64_t i = de_random_below(&random, next + 5);
            const struct de_entry_buffer *buffer = de_entry_cache_get(&cache, i);

            assert_int_equal(buffer != NULL, i >= first && i < next);
            assert_true(buffer == NULL || buffer->term == terms[i]);
        }
        assert_int_equal(cache.first + cache.count, next);
    }
    de_entry_cache_deinit(&cache);
    assert_int_equal(heap.blocks, 0);
}

static void test_proposals_are_found_anywhere_in_the_list(void **state)
{
    struct de_proposal p[3] = {
        {.index = 1, .term = 1}, {.index = 2, .term = 1}, {.index = 2, .term = 3}};
    struct de_proposal_list list = {NULL, NULL};

    (void)state;
    for (int i = 0; i < 3; i++) {
        de_proposal_list_push(&list, &p[i]);
    }
    assert_null(de_proposal_list_take(&list, 2, 2));
    assert_ptr_equal(de_proposal_list_take(&list, 2, 1), &p[1]);
    assert_ptr_equal(de_proposal_list_take(&list, 2, 3), &p[2]);
    assert_ptr_equal(list.last, &p[0]);
    assert_ptr_equal(de_proposal_list_take(&list, 1, 1), &p[0]);
    assert_null(list.first);
    assert_null(list.last);
}

static void test_sentences_are_cut_to_their_room(void **state)
{
    struct de_sentence text;
    char buffer[12];

    (void)state;
    de_sentence_init(&text, buffer, sizeof buffer);
    de_sentence_add(&text, "entry ");
    de_sentence_add_u64(&text, 0);
    de_sentence_add(&text, " ");
    de_sentence_add_u64(&text, UINT64_MAX);
    assert_string_equal(buffer, "entry 0 184");
    de_sentence_init(&text, NULL, 0);
    de_sentence_add(&text, "nowhere to go");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_batch_comes_back),
        cmocka_unit_test(test_damaged_batches_are_refused),
        cmocka_unit_test(test_a_configuration_comes_back),
        cmocka_unit_test(test_the_largest_configuration_fits),
        cmocka_unit_test(test_damaged_configurations_are_refused),
        cmocka_unit_test(test_more_about_a_member_is_skipped),
        cmocka_unit_test(test_cache_forgets_old_entries_but_not_held_ones),
        cmocka_unit_test(test_cache_stays_a_suffix_of_a_log_cut_below_it),
        cmocka_unit_test(test_cache_agrees_with_a_model),
        cmocka_unit_test(test_proposals_are_found_anywhere_in_the_list),
        cmocka_unit_test(test_sentences_are_cut_to_their_room),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
