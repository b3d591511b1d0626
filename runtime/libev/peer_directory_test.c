/* Where peers live: from the membership, from the one before, from what they say themselves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "runtime/libev/peer_directory.h"

static struct de_peer_directory directory;
static struct de_membership current;
static struct de_membership before;
static struct de_peer_address peers[DE_PEERS_MAX];

static void add(struct de_membership *membership, uint64_t id, const char *address)
{
    struct de_member_addresses addresses = {"", ""};

    (void)snprintf(addresses.peer, sizeof addresses.peer, "%s", address);
    assert_true(de_membership_add(membership, id, DE_RAFT_VOTER, &addresses));
}

static bool hear(uint64_t id, uint64_t config_index, const char *address)
{
    return de_peer_directory_hear(&directory, id, config_index, dengine_str(address));
}

/* Node 1's view; its membership stands at index 10. */
static const char *address_of(const struct de_membership *previous, uint64_t id)
{
    const struct de_peer_view view = {1, &current, previous, 10};
    const uint32_t count = de_peer_directory_list(&directory, &view, peers);

    for (uint32_t i = 0; i < count; i++) {
        assert_int_not_equal(peers[i].id, 1);
        if (peers[i].id == id) {
            return peers[i].address;
        }
    }
    return "none";
}

static int set_up(void **state)
{
    (void)state;
    memset(&directory, 0, sizeof directory);
    memset(&current, 0, sizeof current);
    memset(&before, 0, sizeof before);
    add(&current, 1, "one:1");
    add(&current, 2, "two:1");
    add(&current, 4, "");
    add(&before, 1, "one:1");
    add(&before, 2, "two:0");
    add(&before, 3, "three:1");
    return 0;
}

static void test_the_membership_says_where_members_live(void **state)
{
    (void)state;
    assert_string_equal(address_of(NULL, 2), "two:1");
    assert_string_equal(address_of(NULL, 3), "none");
    assert_string_equal(address_of(NULL, 4), "none"); /* not known */
}

static void test_who_leaves_is_reached_until_that_is_committed(void **state)
{
    (void)state;
    assert_string_equal(address_of(&before, 3), "three:1");
    assert_string_equal(address_of(&before, 2), "two:1");
    assert_string_equal(address_of(NULL, 3), "none");
}

static void test_whoever_goes_by_a_newer_membership_knows_better(void **state)
{
    (void)state;
    assert_true(hear(2, 10, "two:9"));
    assert_string_equal(address_of(NULL, 2), "two:1");
    assert_false(hear(2, 11, "two:9"));
    assert_string_equal(address_of(NULL, 2), "two:9");
    assert_true(hear(2, 12, "two:8"));
    assert_string_equal(address_of(NULL, 2), "two:8");
    assert_false(hear(2, 11, "two:7")); /* a member that was away */
    assert_string_equal(address_of(NULL, 2), "two:8");
}

static void test_who_is_not_known_yet_is_reached_where_it_says(void **state)
{
    (void)state;
    assert_true(hear(5, 12, "five:1"));
    assert_true(hear(4, 0, "four:1"));
    assert_string_equal(address_of(NULL, 5), "five:1");
    assert_string_equal(address_of(NULL, 4), "four:1");
    assert_false(hear(6, 12, ""));
    assert_string_equal(address_of(NULL, 6), "none");
    assert_false(de_peer_directory_hear(&directory, 6, 12, dengine_bytes("a\0b", 3)));
    assert_true(hear(1, 12, "me:1")); /* somebody else calls itself 1: never listed */
    assert_string_equal(address_of(NULL, 5), "five:1");
}

static void test_who_was_removed_is_reached_no_more(void **state)
{
    (void)state;
    assert_true(hear(3, 9, "three:1"));
    assert_string_equal(address_of(NULL, 3), "none");
    assert_string_equal(address_of(&before, 3), "three:1");
    memset(&current, 0, sizeof current); /* who waits to be told does not know */
    assert_string_equal(address_of(NULL, 3), "three:1");
}

static void test_the_table_is_bounded(void **state)
{
    (void)state;
    for (uint64_t id = 100; id < 100 + 2 * DE_PEERS_HEARD_MAX; id++) {
        assert_true(hear(id, 12, "somewhere:1"));
    }
    assert_string_equal(address_of(NULL, 100), "none");
    assert_string_equal(address_of(NULL, 100 + 2 * DE_PEERS_HEARD_MAX - 1), "somewhere:1");
    assert_string_equal(address_of(NULL, 2), "two:1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_the_membership_says_where_members_live, set_up),
        cmocka_unit_test_setup(test_who_leaves_is_reached_until_that_is_committed, set_up),
        cmocka_unit_test_setup(test_whoever_goes_by_a_newer_membership_knows_better, set_up),
        cmocka_unit_test_setup(test_who_is_not_known_yet_is_reached_where_it_says, set_up),
        cmocka_unit_test_setup(test_who_was_removed_is_reached_no_more, set_up),
        cmocka_unit_test_setup(test_the_table_is_bounded, set_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
