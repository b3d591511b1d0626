/* Watches: a right stream passes, however it is cut; each wrong one is named. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/base/random.h"
#include "runtime/sim/check/mirror.h"
#include "runtime/sim/check/watch_check.h"

#define S(text) dengine_str(text)

static const struct dengine_slice no_end = {NULL, 0};

struct watch {
    struct de_change_log log;
    struct de_watch_check check;
    struct de_finding finding;
};

/* 1: a=1; 2: b=2; 3: a=3, b=4, c=5; 4: nothing; 5: b deleted; 6: a expired; 7: z=7. */
static void make_log(struct de_change_log *log)
{
    de_change_log_init(log);
    de_change_log_commit(log, 1);
    de_change_log_put(log, S("a"), S("1"));
    de_change_log_commit(log, 2);
    de_change_log_put(log, S("b"), S("2"));
    de_change_log_commit(log, 3);
    de_change_log_put(log, S("a"), S("3"));
    de_change_log_put(log, S("b"), S("4"));
    de_change_log_put(log, S("c"), S("5"));
    de_change_log_commit(log, 4);
    de_change_log_commit(log, 5);
    de_change_log_delete(log, S("b"), false);
    de_change_log_commit(log, 6);
    de_change_log_delete(log, S("a"), true);
    de_change_log_commit(log, 7);
    de_change_log_put(log, S("z"), S("7"));
}

static struct de_watch_event put(uint64_t revision, const char *key, const char *value,
                                 const char *previous)
{
    struct de_watch_event event = {.revision = revision, .key = S(key), .value = S(value)};
    event.has_previous = previous != NULL;
    event.previous = previous == NULL ? no_end : S(previous);
    return event;
}

static struct de_watch_event gone(uint64_t revision, const char *key, bool expired,
                                  const char *previous)
{
    struct de_watch_event event = put(revision, key, "", previous);
    event.deleted = true;
    event.expired = expired;
    return event;
}

/* A stream of a up to m, from revision 1. */
static void begin(struct watch *watch, uint64_t asked)
{
    struct de_watch_wish wish = {.from = S("a"), .to = S("m"), .previous = true};
    make_log(&watch->log);
    de_finding_init(&watch->finding);
    de_watch_check_init(&watch->check, &watch->log, 9, &wish);
    assert_true(de_watch_check_started(&watch->check, asked, 7, 1, &watch->finding));
}

static void end(struct watch *watch, const char *rule)
{
    assert_string_equal(watch->finding.rule, rule);
    de_change_log_deinit(&watch->log);
}

static bool send(struct watch *watch, const struct de_watch_event *events, size_t count)
{
    return de_watch_check_events(&watch->check, events, count, &watch->finding);
}

static void send_good(struct watch *watch)
{
    const struct de_watch_event first[] = {put(1, "a", "1", NULL), put(2, "b", "2", NULL)};
    const struct de_watch_event third[] = {put(3, "a", "3", "1"), put(3, "b", "4", "2"),
                                           put(3, "c", "5", NULL)};
    assert_true(send(watch, first, 2));
    assert_true(send(watch, third, 3));
}

static void test_a_right_stream_passes(void **state)
{
    const struct de_watch_event rest[] = {gone(5, "b", false, "4"), gone(6, "a", true, "3")};
    struct watch watch;
    (void)state;
    begin(&watch, 1);
    send_good(&watch);
    assert_true(de_watch_check_progress(&watch.check, 3, &watch.finding));
    assert_true(de_watch_check_progress(&watch.check, 4, &watch.finding));
    assert_true(send(&watch, rest, 2));
    assert_true(de_watch_check_progress(&watch.check, 7, &watch.finding));
    assert_true(de_watch_check_finish(&watch.check, 7, &watch.finding));
    assert_int_equal(de_watch_check_resume_from(&watch.check), 8);
    end(&watch, "");
}

/* Sends the events of a bad message after the good part of the stream. */
static void expect_bad(const struct de_watch_event *events, size_t count, const char *rule)
{
    struct watch watch;
    begin(&watch, 1);
    send_good(&watch);
    assert_false(send(&watch, events, count));
    end(&watch, rule);
}

static void test_wrong_events_are_named(void **state)
{
    const struct de_watch_event invented[] = {put(4, "a", "9", "3")};
    const struct de_watch_event other_key[] = {put(7, "z", "7", NULL)};
    const struct de_watch_event ahead[] = {gone(8, "b", false, "4")};
    const struct de_watch_event again[] = {put(3, "c", "5", NULL)};
    const struct de_watch_event back[] = {put(1, "a", "1", NULL)};
    const struct de_watch_event gap[] = {gone(6, "a", true, "3")};
    const struct de_watch_event twice[] = {gone(5, "b", false, "4"), gone(5, "b", false, "4")};
    const struct de_watch_event as_put[] = {put(5, "b", "4", "4")};
    const struct de_watch_event as_empty_put[] = {put(5, "b", "", "4")};
    const struct de_watch_event expired[] = {gone(5, "b", true, "4")};
    const struct de_watch_event no_previous[] = {gone(5, "b", false, NULL)};
    const struct de_watch_event old_previous[] = {gone(5, "b", false, "2")};
    const struct de_watch_event not_expired[] = {gone(5, "b", false, "4"),
                                                 gone(6, "a", false, "3")};
    (void)state;
    expect_bad(invented, 1, "watch-invented");
    expect_bad(ahead, 1, "watch-invented");
    expect_bad(other_key, 1, "watch-filter");
    expect_bad(again, 1, "watch-order");
    expect_bad(back, 1, "watch-order");
    expect_bad(gap, 1, "watch-gap");
    expect_bad(twice, 2, "watch-order");
    expect_bad(as_put, 1, "watch-value");
    expect_bad(as_empty_put, 1, "watch-value");
    expect_bad(expired, 1, "watch-value");
    expect_bad(not_expired, 2, "watch-value");
    expect_bad(no_previous, 1, "watch-value");
    expect_bad(old_previous, 1, "watch-value");
}

static void test_other_values_and_invented_previous_ones(void **state)
{
    const struct de_watch_event value[] = {put(1, "a", "2", NULL)};
    const struct de_watch_event previous[] = {put(1, "a", "1", "0")};
    const struct de_watch_event as_delete[] = {gone(1, "a", false, NULL)};
    struct watch watch;
    (void)state;
    begin(&watch, 1);
    assert_false(send(&watch, value, 1));
    end(&watch, "watch-value");
    begin(&watch, 1);
    assert_false(send(&watch, previous, 1));
    end(&watch, "watch-value");
    begin(&watch, 1);
    assert_false(send(&watch, as_delete, 1));
    end(&watch, "watch-value");
}

static void test_a_revision_is_never_split(void **state)
{
    const struct de_watch_event part[] = {put(1, "a", "1", NULL), put(2, "b", "2", NULL),
                                          put(3, "a", "3", "1"), put(3, "b", "4", "2")};
    struct watch watch;
    (void)state;
    begin(&watch, 1);
    assert_false(send(&watch, part, 4));
    end(&watch, "watch-split");
}

/* A batch may change one key twice: two events, in order, in one message. */
static void test_one_key_twice_in_a_revision(void **state)
{
    struct de_watch_wish wish = {.from = S(""), .to = no_end, .previous = true};
    const struct de_watch_event right[] = {put(1, "k", "1", NULL), put(1, "k", "2", "1")};
    const struct de_watch_event swapped[] = {put(1, "k", "2", NULL), put(1, "k", "1", "2")};
    const struct de_watch_event half[] = {put(1, "k", "1", NULL)};
    (void)state;
    for (int variant = 0; variant < 3; variant++) {
        struct watch watch;
        de_change_log_init(&watch.log);
        de_finding_init(&watch.finding);
        de_change_log_commit(&watch.log, 1);
        de_change_log_put(&watch.log, S("k"), S("1"));
        de_change_log_put(&watch.log, S("k"), S("2"));
        de_watch_check_init(&watch.check, &watch.log, 9, &wish);
        assert_true(de_watch_check_started(&watch.check, 1, 1, 1, &watch.finding));
        assert_int_equal(send(&watch,
                              variant == 0   ? right
                              : variant == 1 ? swapped
                                             : half,
                              variant == 2 ? 1 : 2),
                         variant == 0);
        end(&watch, variant == 0 ? "" : variant == 1 ? "watch-value" : "watch-split");
    }
}

static void test_filters_of_puts_and_deletes(void **state)
{
    const struct de_watch_event deletes[] = {gone(5, "b", false, NULL), gone(6, "a", true, NULL)};
    const struct de_watch_event a_put[] = {put(1, "a", "1", NULL)};
    struct watch watch;
    (void)state;
    begin(&watch, 1);
    watch.check.wish.no_puts = true;
    watch.check.wish.previous = false;
    assert_true(send(&watch, deletes, 2));
    assert_true(de_watch_check_finish(&watch.check, 7, &watch.finding));
    end(&watch, "");
    begin(&watch, 1);
    watch.check.wish.no_puts = true;
    assert_false(send(&watch, a_put, 1));
    end(&watch, "watch-filter");
    begin(&watch, 1);
    watch.check.wish.no_deletes = true;
    watch.check.wish.previous = false;
    assert_false(send(&watch, deletes, 1));
    end(&watch, "watch-filter");
}

static void test_streams_begin_where_asked(void **state)
{
    const struct de_watch_event second[] = {put(2, "b", "2", NULL)};
    const struct de_watch_event deleted[] = {gone(5, "b", false, "4")};
    struct watch watch;
    (void)state;
    begin(&watch, 2);
    assert_true(send(&watch, second, 1));
    end(&watch, "");
    begin(&watch, 3);
    assert_false(send(&watch, second, 1));
    end(&watch, "watch-order");
    begin(&watch, 2);
    assert_false(send(&watch, deleted, 1));
    end(&watch, "watch-gap");
    begin(&watch, 0); /* from now on: nothing is owed */
    assert_true(de_watch_check_finish(&watch.check, 7, &watch.finding));
    end(&watch, "");
    begin(&watch, 0); /* of a node that is behind: the change after that is owed, and no other */
    assert_true(de_watch_check_started(&watch.check, 0, 5, 1, &watch.finding));
    assert_true(de_watch_check_finish(&watch.check, 5, &watch.finding));
    assert_false(de_watch_check_finish(&watch.check, 6, &watch.finding));
    end(&watch, "watch-behind");
    begin(&watch, 20); /* in the future */
    assert_false(send(&watch, deleted, 1));
    end(&watch, "watch-order");
}

static void test_progress_is_never_ahead_and_never_goes_back(void **state)
{
    struct watch watch;
    (void)state;
    begin(&watch, 1);
    send_good(&watch);
    assert_false(de_watch_check_progress(&watch.check, 5, &watch.finding));
    end(&watch, "watch-progress");
    begin(&watch, 5);
    assert_true(de_watch_check_progress(&watch.check, 4, &watch.finding));
    assert_false(de_watch_check_progress(&watch.check, 3, &watch.finding));
    end(&watch, "watch-progress");
    begin(&watch, 7);
    assert_false(de_watch_check_progress(&watch.check, 8, &watch.finding));
    end(&watch, "watch-progress");
}

static void test_compacted_exactly_when_it_is(void **state)
{
    struct watch watch;
    (void)state;
    begin(&watch, 1);
    de_watch_check_lost(&watch.check);
    assert_true(de_watch_check_compacted(&watch.check, 2, 3, 3, &watch.finding));
    assert_true(de_watch_check_started(&watch.check, 3, 7, 3, &watch.finding));
    assert_false(de_watch_check_compacted(&watch.check, 3, 3, 3, &watch.finding));
    end(&watch, "watch-compacted");
    begin(&watch, 1);
    assert_false(de_watch_check_compacted(&watch.check, 2, 4, 3, &watch.finding));
    end(&watch, "watch-compacted");
    begin(&watch, 1);
    assert_false(de_watch_check_started(&watch.check, 2, 7, 3, &watch.finding));
    end(&watch, "watch-compacted");
}

static void test_cancelled_streams_resume_without_a_gap(void **state)
{
    const struct de_watch_event rest[] = {gone(5, "b", false, "4"), gone(6, "a", true, "3")};
    struct watch watch;
    (void)state;
    for (uint64_t resume = 4; resume <= 5; resume++) {
        begin(&watch, 1);
        send_good(&watch);
        assert_true(de_watch_check_cancelled(&watch.check, resume, &watch.finding));
        assert_true(de_watch_check_started(&watch.check, resume, 7, 1, &watch.finding));
        assert_true(send(&watch, rest, 2));
        end(&watch, "");
    }
    begin(&watch, 1);
    send_good(&watch);
    assert_false(de_watch_check_cancelled(&watch.check, 6, &watch.finding));
    end(&watch, "watch-resume");
    begin(&watch, 1);
    send_good(&watch);
    assert_false(de_watch_check_cancelled(&watch.check, 3, &watch.finding));
    end(&watch, "watch-resume");
}

static void test_living_streams_have_sent_all_in_the_end(void **state)
{
    struct watch watch;
    (void)state;
    begin(&watch, 1);
    send_good(&watch);
    assert_true(de_watch_check_finish(&watch.check, 4, &watch.finding));
    assert_false(de_watch_check_finish(&watch.check, 7, &watch.finding));
    end(&watch, "watch-behind");
    begin(&watch, 1);
    de_watch_check_lost(&watch.check);
    assert_true(de_watch_check_finish(&watch.check, 7, &watch.finding));
    end(&watch, "");
}

static void test_mirror_equals_a_scan(void **state)
{
    const struct de_read_pair start[] = {{S("b"), S("0"), 0}, {S("a"), S("1"), 1}};
    const struct de_read_pair scan[] = {{S("a"), S("3"), 0}, {S("c"), S("5"), 0}};
    const struct de_read_pair other[] = {{S("a"), S("3"), 0}, {S("c"), S("6"), 0}};
    const struct de_read_pair more[] = {
        {S("a"), S("3"), 0}, {S("b"), S("2"), 0}, {S("c"), S("5"), 0}};
    const struct de_watch_event events[] = {put(1, "a", "0", NULL), put(3, "a", "3", "1"),
                                            put(3, "c", "5", NULL), gone(5, "b", false, "0"),
                                            gone(6, "bb", false, NULL)};
    struct de_mirror mirror;
    struct de_finding finding;
    (void)state;
    de_mirror_init(&mirror);
    de_mirror_load(&mirror, start, 2, 2);
    de_mirror_apply(&mirror, &events[0]); /* older than what was loaded */
    assert_memory_equal(mirror.pairs[0].value.data, "1", 1);
    for (size_t i = 0; i < 5; i++) {
        de_mirror_apply(&mirror, &events[i]);
    }
    de_finding_init(&finding);
    assert_true(de_mirror_equals(&mirror, scan, 2, 6, &finding));
    assert_false(de_mirror_equals(&mirror, other, 2, 6, &finding));
    assert_string_equal(finding.rule, "watch-mirror");
    assert_false(de_mirror_equals(&mirror, more, 3, 6, &finding));
    assert_false(de_mirror_equals(&mirror, scan, 1, 6, &finding));
    assert_false(de_mirror_equals(&mirror, NULL, 0, 6, &finding));
    assert_true(de_mirror_equals(&mirror, scan, 2, 6, &finding));
    de_mirror_deinit(&mirror);
}

/* One event of a random right stream: what the watcher is owed next. */
static struct de_watch_event event_of(const struct de_change_log *log,
                                      const struct de_change *change)
{
    struct de_watch_event event = {.revision = change->revision,
                                   .key = change->key,
                                   .value = change->value,
                                   .deleted = change->deleted,
                                   .expired = change->expired};
    if (change->previous != DE_CHANGE_NONE && !log->changes[change->previous].deleted) {
        event.has_previous = true;
        event.previous = log->changes[change->previous].value;
    }
    return event;
}

static void random_log(struct de_change_log *log, struct de_random *random)
{
    de_change_log_init(log);
    for (uint64_t revision = 1; revision <= 60; revision++) {
        uint64_t first = de_random_below(random, 5); /* keys of a revision differ */
        de_change_log_commit(log, revision);
        for (uint64_t changes = de_random_below(random, 4); changes > 0; changes--) {
            uint8_t key = (uint8_t)('a' + (first + changes) % 5);
            uint8_t value = (uint8_t)de_random_below(random, 5);
            if (value == 0) {
                de_change_log_delete(log, dengine_bytes(&key, 1), changes == 1);
            } else {
                de_change_log_put(log, dengine_bytes(&key, 1), dengine_bytes(&value, 1));
            }
        }
    }
}

/* Random logs, streams cut at random whole revisions: right as they are; wrong as soon as one event
 * is left out, doubled, or put in another place. */
static void test_random_streams(void **state)
{
    size_t spoiled = 0;
    (void)state;
    for (uint64_t seed = 0; seed < 2000; seed++) {
        struct de_watch_event events[256];
        struct de_random random;
        struct watch watch;
        size_t count = 0;
        struct de_watch_wish wish = {.from = S("b"), .to = S("e"), .previous = true};
        de_random_init(&random, seed);
        random_log(&watch.log, &random);
        wish.no_puts = seed % 7 == 0;
        wish.no_deletes = seed % 7 == 1;
        for (size_t i = 0; i < watch.log.count; i++) {
            const struct de_change *change = &watch.log.changes[i];
            bool filtered = change->deleted ? wish.no_deletes : wish.no_puts;
            if (!filtered && de_slice_in_range(change->key, wish.from, wish.to)) {
                events[count++] = event_of(&watch.log, change);
            }
        }
        assert_true(count > 2);
        bool spoil = seed % 2 == 1;
        size_t at = (size_t)de_random_below(&random, count - 1);
        if (spoil && seed % 3 == 0) {
            memmove(&events[at], &events[at + 1], (count - at - 1) * sizeof(events[0]));
            count--;
        } else if (spoil && seed % 3 == 1) {
            events[at + 1] = events[at];
        } else if (spoil) {
            struct de_watch_event event = events[at];
            events[at] = events[at + 1];
            events[at + 1] = event;
        }
        de_finding_init(&watch.finding);
        de_watch_check_init(&watch.check, &watch.log, 9, &wish);
        assert_true(de_watch_check_started(&watch.check, 1, 60, 1, &watch.finding));
        size_t sent = 0;
        bool right = true;
        while (sent < count && right) {
            size_t size = 1 + (size_t)de_random_below(&random, 4);
            size = size > count - sent ? count - sent : size;
            while (sent + size < count &&
                   events[sent + size].revision == events[sent + size - 1].revision) {
                size++;
            }
            right = send(&watch, &events[sent], size);
            sent += size;
        }
        right = right && de_watch_check_finish(&watch.check, 60, &watch.finding);
        assert_int_equal(right, !spoil);
        spoiled += right ? 0 : 1;
        end(&watch, right ? "" : watch.finding.rule);
    }
    assert_int_equal(spoiled, 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_right_stream_passes),
        cmocka_unit_test(test_wrong_events_are_named),
        cmocka_unit_test(test_other_values_and_invented_previous_ones),
        cmocka_unit_test(test_a_revision_is_never_split),
        cmocka_unit_test(test_one_key_twice_in_a_revision),
        cmocka_unit_test(test_filters_of_puts_and_deletes),
        cmocka_unit_test(test_streams_begin_where_asked),
        cmocka_unit_test(test_progress_is_never_ahead_and_never_goes_back),
        cmocka_unit_test(test_compacted_exactly_when_it_is),
        cmocka_unit_test(test_cancelled_streams_resume_without_a_gap),
        cmocka_unit_test(test_living_streams_have_sent_all_in_the_end),
        cmocka_unit_test(test_mirror_equals_a_scan),
        cmocka_unit_test(test_random_streams),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
