/* The state as a stream: saving it, and restoring it from streams good and bad. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/codec.h"
#include "core/base/crc32c.h"
#include "core/base/random.h"
#include "core/kv/kv.h"
#include "core/kv/kv_test_machine.h"
#include "core/kv/record.h"
#include "core/kv/stream.h"
#include "tests/support/test_support.h"

enum {
    STREAM_MAX = 1 << 20,
    VALUE_BIG = 200000, /* larger than the buffer that a save is read into */
    CAPACITY = 65536,
};

static void run(struct test_machine *f, uint64_t index, uint64_t time_ns,
                const struct de_kv_command *command)
{
    const size_t capacity = de_kv_command_size(command);
    uint8_t *bytes = malloc(capacity);
    const struct dengine_position at = {index, 2, time_ns};
    struct dengine_result result;
    size_t size;

    assert_non_null(bytes);
    size = de_kv_command_encode(command, bytes, capacity);
    assert_int_equal(f->machine.ops->begin(f->machine.object), 0);
    assert_int_equal(
        f->machine.ops->apply(f->machine.object, &at, dengine_bytes(bytes, size), &result), 0);
    assert_int_equal(f->machine.ops->commit(f->machine.object, index, 2), 0);
    free(bytes);
}

static void put(struct test_machine *f, uint64_t index, const char *key, struct dengine_slice value)
{
    const struct de_kv_command command = de_kv_put(dengine_str(key), value);

    run(f, index, 10 * index, &command);
}

/* A few keys, one of them with a value that is larger than any buffer. The last index is 4. */
static void fill(struct test_machine *f)
{
    uint8_t *big = malloc(VALUE_BIG);

    assert_non_null(big);
    for (size_t i = 0; i < VALUE_BIG; i++) {
        big[i] = (uint8_t)(i % 253);
    }
    put(f, 1, "a", dengine_str("one"));
    put(f, 2, "big", dengine_bytes(big, VALUE_BIG));
    put(f, 3, "c", dengine_str(""));
    put(f, 4, "a", dengine_str("two"));
    free(big);
}

static size_t read_all(struct test_machine *f, struct dengine_machine_save *save, size_t capacity,
                       uint8_t *stream)
{
    size_t total = 0;

    for (;;) {
        size_t size = 0;

        assert_true(total + capacity <= STREAM_MAX);
        assert_int_equal(
            f->machine.ops->save_read(f->machine.object, save, stream + total, capacity, &size), 0);
        assert_true(size <= capacity);
        if (size == 0) {
            return total;
        }
        total += size;
    }
}

static uint8_t *save(struct test_machine *f, size_t capacity, size_t *size)
{
    uint8_t *stream = malloc(STREAM_MAX);
    struct dengine_machine_save *open = NULL;
    uint64_t index = 0;
    uint64_t term = 0;
    uint64_t applied = 0;

    assert_non_null(stream);
    assert_int_equal(f->machine.ops->save_begin(f->machine.object, &open, &index, &term), 0);
    *size = read_all(f, open, capacity, stream);
    f->machine.ops->save_end(f->machine.object, open);
    assert_int_equal(f->machine.ops->applied(f->machine.object, &applied, &term), 0);
    assert_int_equal(index, applied);
    return stream;
}

/* Feeds the stream in pieces; 0 or the first failure, after which the restore is ended. */
static int restore(struct test_machine *f, const uint8_t *stream, size_t size, size_t piece,
                   uint64_t index, uint64_t term)
{
    int rc = f->machine.ops->restore_begin(f->machine.object);

    if (rc != 0) {
        return rc;
    }
    for (size_t at = 0; at < size && rc == 0; at += piece) {
        const size_t left = size - at < piece ? size - at : piece;

        rc = f->machine.ops->restore_write(f->machine.object, dengine_bytes(stream + at, left));
    }
    if (rc != 0) {
        f->machine.ops->restore_abort(f->machine.object);
        return rc;
    }
    return f->machine.ops->restore_commit(f->machine.object, index, term);
}

static uint64_t digest_of(struct test_machine *f)
{
    uint64_t digest = 0;

    assert_int_equal(f->machine.ops->digest(f->machine.object, &digest), 0);
    return digest;
}

static void test_a_restored_state_is_the_saved_one(void **state)
{
    static const size_t pieces[] = {1, 7, 4096, STREAM_MAX};
    struct test_machine f;
    uint8_t *stream;
    size_t size;

    (void)state;
    test_machine_setup(&f);
    fill(&f);
    stream = save(&f, CAPACITY, &size);
    for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
        struct test_machine g;
        uint64_t index = 0;
        uint64_t term = 0;

        test_machine_setup(&g);
        put(&g, 1, "gone", dengine_str("x"));
        assert_int_equal(restore(&g, stream, size, pieces[i], 4, 2), 0);
        assert_true(digest_of(&f) == digest_of(&g));
        assert_int_equal(g.machine.ops->applied(g.machine.object, &index, &term), 0);
        assert_int_equal(index, 4);
        assert_int_equal(term, 2);
        put(&g, 5, "after", dengine_str("y"));
        /* And so it is for who opens it again. */
        de_kv_free(g.kv);
        test_machine_open(&g);
        assert_int_equal(g.machine.ops->applied(g.machine.object, &index, &term), 0);
        assert_int_equal(index, 5);
        test_machine_teardown(&g);
    }
    free(stream);
    test_machine_teardown(&f);
}

static void test_the_stream_is_the_same_however_it_is_cut(void **state)
{
    static const size_t capacities[] = {CAPACITY, CAPACITY + 1, 100003, 300000};
    struct test_machine f;
    uint8_t *first;
    size_t first_size;

    (void)state;
    test_machine_setup(&f);
    fill(&f);
    first = save(&f, capacities[0], &first_size);
    for (size_t i = 1; i < sizeof capacities / sizeof capacities[0]; i++) {
        size_t size = 0;
        uint8_t *stream = save(&f, capacities[i], &size);

        assert_int_equal(size, first_size);
        assert_memory_equal(stream, first, size);
        free(stream);
    }
    free(first);
    test_machine_teardown(&f);
}

static void test_a_save_shows_its_moment(void **state)
{
    struct test_machine f;
    struct dengine_machine_save *open = NULL;
    uint64_t index = 0;
    uint64_t term = 0;
    uint8_t *before;
    uint8_t *stream = malloc(STREAM_MAX);
    size_t before_size;

    (void)state;
    assert_non_null(stream);
    test_machine_setup(&f);
    fill(&f);
    before = save(&f, CAPACITY, &before_size);
    assert_int_equal(f.machine.ops->save_begin(f.machine.object, &open, &index, &term), 0);
    assert_int_equal(index, 4);
    assert_int_equal(term, 2);
    put(&f, 5, "0", dengine_str("later"));
    put(&f, 6, "a", dengine_str("later"));
    assert_int_equal(read_all(&f, open, CAPACITY, stream), before_size);
    assert_memory_equal(stream, before, before_size);
    f.machine.ops->save_end(f.machine.object, open);
    free(before);
    free(stream);
    test_machine_teardown(&f);
}

/* A change of the format must be noticed and be given another version. */
static void test_the_stream_is_laid_out_as_documented(void **state)
{
    struct test_machine f;
    struct de_reader reader;
    uint8_t *stream;
    size_t size;

    (void)state;
    test_machine_setup(&f);
    put(&f, 1, "k", dengine_str("v"));
    stream = save(&f, CAPACITY, &size);
    de_reader_init(&reader, stream, size);
    assert_memory_equal(de_read_bytes(&reader, 4), "DEKS", 4);
    assert_int_equal(de_read_u32(&reader), 1);
    assert_int_equal(de_read_u16(&reader), 6);
    assert_int_equal(de_read_u32(&reader), DE_KV_STATE_BYTES);
    assert_memory_equal(de_read_bytes(&reader, 6), "\0state", 6);
    (void)de_read_bytes(&reader, DE_KV_STATE_BYTES);
    assert_int_equal(de_read_u16(&reader), 2);
    assert_int_equal(de_read_u32(&reader), DE_KV_RECORD_HEADER_BYTES + 1);
    assert_memory_equal(de_read_bytes(&reader, 2), "\1k", 2);
    (void)de_read_bytes(&reader, DE_KV_RECORD_HEADER_BYTES);
    assert_int_equal(de_read_u8(&reader), 'v');
    assert_int_equal(de_read_u16(&reader), 0);
    assert_int_equal(de_read_u32(&reader), 0);
    assert_int_equal(de_read_u64(&reader), 2);
    assert_int_equal(de_reader_left(&reader), 0);
    assert_false(reader.failed);
    free(stream);
    test_machine_teardown(&f);
}

/* Feeds a stream that must not be taken, whole and byte by byte; nothing may change. */
static void refuse(struct test_machine *f, const uint8_t *stream, size_t size, int error)
{
    const uint64_t before = digest_of(f);
    struct de_kv_view view;

    assert_int_equal(restore(f, stream, size, STREAM_MAX, 4, 2), error);
    assert_true(f->machine.ops->message(f->machine.object)[0] != '\0');
    assert_int_equal(restore(f, stream, size, 3, 4, 2), error);
    assert_true(digest_of(f) == before);
    assert_int_equal(de_kv_view_open(f->kv, &view), 0);
    de_kv_view_close(&view);
}

static void test_a_stream_that_is_not_whole_is_refused(void **state)
{
    struct test_machine f;
    struct test_machine g;
    uint8_t *stream;
    size_t size;

    (void)state;
    test_machine_setup(&f);
    put(&f, 3, "a", dengine_str("x"));
    put(&f, 4, "b", dengine_str("y"));
    stream = save(&f, CAPACITY, &size);
    test_machine_setup(&g);
    put(&g, 1, "old", dengine_str("z"));
    for (size_t cut = 0; cut < size; cut++) {
        refuse(&g, stream, cut, DENGINE_E_CORRUPT);
    }
    stream[size] = 0;
    refuse(&g, stream, size + 1, DENGINE_E_CORRUPT);
    assert_int_equal(restore(&g, stream, size, 5, 4, 2), 0);
    assert_true(digest_of(&f) == digest_of(&g));
    free(stream);
    test_machine_teardown(&f);
    test_machine_teardown(&g);
}

static void test_a_stream_of_another_index_is_refused(void **state)
{
    struct test_machine f;
    struct test_machine g;
    uint8_t *stream;
    size_t size;
    uint64_t before;

    (void)state;
    test_machine_setup(&f);
    fill(&f);
    stream = save(&f, CAPACITY, &size);
    test_machine_setup(&g);
    before = digest_of(&g);
    assert_int_equal(restore(&g, stream, size, CAPACITY, 5, 2), DENGINE_E_CORRUPT);
    assert_int_equal(restore(&g, stream, size, CAPACITY, 4, 1), DENGINE_E_CORRUPT);
    assert_non_null(strstr(g.machine.ops->message(g.machine.object), "another log index"));
    assert_true(digest_of(&g) == before);
    free(stream);
    test_machine_teardown(&f);
    test_machine_teardown(&g);
}

/* A stream put together by hand. */
struct maker {
    struct de_writer writer;
    uint8_t bytes[4096];
};

static void make(struct maker *maker, uint32_t version)
{
    de_writer_init(&maker->writer, maker->bytes, sizeof maker->bytes);
    de_write_bytes(&maker->writer, de_kv_stream_magic, 4);
    de_write_u32(&maker->writer, version);
}

static void make_pair(struct maker *maker, struct dengine_slice key, struct dengine_slice value)
{
    de_write_u16(&maker->writer, (uint16_t)key.size);
    de_write_u32(&maker->writer, (uint32_t)value.size);
    de_write_bytes(&maker->writer, key.data, key.size);
    de_write_bytes(&maker->writer, value.data, value.size);
}

static void make_state(struct maker *maker)
{
    const struct de_kv_mark mark = {.index = 4, .term = 2, .time_ns = 40};
    uint8_t bytes[DE_KV_STATE_BYTES];

    de_kv_state_encode(&mark, bytes);
    make_pair(maker, de_kv_state_key(), dengine_bytes(bytes, sizeof bytes));
}

static void make_user(struct maker *maker, const char *key)
{
    const struct de_kv_record record = {
        .create_revision = 1, .mod_revision = 2, .version = 2, .value = {NULL, 0}};
    uint8_t header[DE_KV_RECORD_HEADER_BYTES];
    uint8_t buffer[DENGINE_KV_KEY_MAX];

    de_kv_record_encode_header(&record, header);
    make_pair(maker, de_kv_user_key(dengine_str(key), buffer),
              dengine_bytes(header, sizeof header));
}

static void make_end(struct maker *maker, uint64_t count)
{
    de_write_u16(&maker->writer, 0);
    de_write_u32(&maker->writer, 0);
    de_write_u64(&maker->writer, count);
    assert_false(maker->writer.failed);
}

static void refuse_made(struct test_machine *f, const struct maker *maker, int error)
{
    refuse(f, maker->bytes, maker->writer.size, error);
}

static void test_bad_records_are_refused(void **state)
{
    struct test_machine f;
    struct maker maker;

    (void)state;
    test_machine_setup(&f);
    put(&f, 1, "old", dengine_str("z"));
    make(&maker, 2);
    refuse_made(&f, &maker, DENGINE_E_VERSION);
    make(&maker, 1);
    maker.bytes[0] = 'X';
    refuse_made(&f, &maker, DENGINE_E_CORRUPT);
    make(&maker, 1);
    make_end(&maker, 0); /* no state record */
    refuse_made(&f, &maker, DENGINE_E_CORRUPT);
    make(&maker, 1);
    make_state(&maker);
    make_end(&maker, 2); /* a record is missing */
    refuse_made(&f, &maker, DENGINE_E_CORRUPT);
    make(&maker, 1);
    make_state(&maker);
    make_user(&maker, "b");
    make_user(&maker, "a");
    make_end(&maker, 3); /* not in order */
    refuse_made(&f, &maker, DENGINE_E_CORRUPT);
    make(&maker, 1);
    make_state(&maker);
    make_user(&maker, "a");
    make_user(&maker, "a");
    make_end(&maker, 3); /* twice */
    refuse_made(&f, &maker, DENGINE_E_CORRUPT);
    make(&maker, 1);
    make_state(&maker);
    make_pair(&maker, dengine_str("\1a"), dengine_str("no record"));
    make_end(&maker, 2);
    refuse_made(&f, &maker, DENGINE_E_CORRUPT);
    make(&maker, 1);
    make_pair(&maker, de_kv_state_key(), dengine_str("no state"));
    make_end(&maker, 1);
    refuse_made(&f, &maker, DENGINE_E_CORRUPT);
    make(&maker, 1);
    make_state(&maker);
    make_pair(&maker, dengine_str("\2foreign"), dengine_str(""));
    make_end(&maker, 2);
    refuse_made(&f, &maker, DENGINE_E_CORRUPT);
    make(&maker, 1);
    make_state(&maker);
    make_end(&maker, 1);
    assert_int_equal(restore(&f, maker.bytes, maker.writer.size, 1, 4, 2), 0);
    test_machine_teardown(&f);
}

static void make_lease(struct maker *maker, uint64_t id, bool session)
{
    const struct de_kv_lease lease = {
        .session = session, .ttl_ns = DE_KV_TTL_MIN_NS, .deadline_ns = 90};
    uint8_t bytes[DE_KV_LEASE_BYTES];
    uint8_t buffer[DENGINE_KV_KEY_MAX];

    de_kv_lease_encode(&lease, bytes);
    make_pair(maker, de_kv_lease_key(id, buffer), dengine_bytes(bytes, sizeof bytes));
}

/* Three leases, two of them with a session; and what "\0state" says of them. */
static void make_sessions(struct maker *maker, uint64_t leases, uint64_t sessions, bool format_2)
{
    const struct de_kv_mark mark = {.index = 4,
                                    .term = 2,
                                    .time_ns = 40,
                                    .last_lease = 9,
                                    .leases = leases,
                                    .sessions = sessions};
    uint8_t bytes[DE_KV_STATE_BYTES];
    uint8_t buffer[DENGINE_KV_KEY_MAX];

    make(maker, 1);
    for (uint64_t id = 3; id <= 5; id++) {
        make_pair(maker, de_kv_deadline_key(90, id, buffer), dengine_str(""));
    }
    make_lease(maker, 3, true);
    make_lease(maker, 4, false);
    make_lease(maker, 5, true);
    de_kv_state_encode(&mark, bytes);
    if (format_2) {
        de_store_u32(bytes + 4, 2);
        de_store_u32(bytes + 48, de_crc32c(0, bytes, 48));
    }
    make_pair(maker, de_kv_state_key(), dengine_bytes(bytes, format_2 ? 52 : sizeof bytes));
    make_end(maker, 7);
}

static void test_leases_and_sessions_are_counted(void **state)
{
    struct test_machine f;
    struct test_machine g;
    struct maker maker;
    struct de_kv_view view;

    (void)state;
    test_machine_setup(&f);
    put(&f, 1, "old", dengine_str("z"));
    make_sessions(&maker, 2, 2, false);
    refuse_made(&f, &maker, DENGINE_E_CORRUPT);
    make_sessions(&maker, 3, 1, false);
    refuse_made(&f, &maker, DENGINE_E_CORRUPT);
    make_sessions(&maker, 2, 0, true);
    refuse_made(&f, &maker, DENGINE_E_CORRUPT);
    make_sessions(&maker, 3, 2, false);
    assert_int_equal(restore(&f, maker.bytes, maker.writer.size, 1, 4, 2), 0);
    /* A snapshot from before sessions were counted gives the same state. */
    test_machine_setup(&g);
    make_sessions(&maker, 3, 0, true);
    assert_int_equal(restore(&g, maker.bytes, maker.writer.size, 1, 4, 2), 0);
    assert_true(digest_of(&f) == digest_of(&g));
    assert_int_equal(de_kv_view_open(g.kv, &view), 0);
    assert_int_equal(view.leases, 3);
    assert_int_equal(view.sessions, 2);
    de_kv_view_close(&view);
    put(&g, 5, "more", dengine_str("")); /* and it goes on from there */
    test_machine_teardown(&f);
    test_machine_teardown(&g);
}

static void put_for(struct test_machine *f, uint64_t index, const char *key, uint64_t ttl_ns)
{
    struct de_kv_command command = de_kv_put(dengine_str(key), dengine_str(""));

    command.op.ttl_ns = ttl_ns;
    run(f, index, 10 * index, &command);
}

static uint64_t wake_ns(struct test_machine *f)
{
    struct dengine_machine_clock clock;

    f->machine.ops->clock(f->machine.object, &clock);
    return clock.wake_ns;
}

static uint64_t leases_of(struct test_machine *f)
{
    struct de_kv_view view;
    uint64_t leases;

    assert_int_equal(de_kv_view_open(f->kv, &view), 0);
    leases = view.leases;
    de_kv_view_close(&view);
    return leases;
}

/* Whoever leads with a restored state has to be woken for the first lease that ends, also when
 * nothing has changed a deadline since, and also when the state before had others. */
static void test_leases_end_in_a_restored_state_when_they_would_have(void **state)
{
    static const struct de_kv_command expire = {.type = DE_KV_EXPIRE};
    const uint64_t first_ns = 20 + DE_KV_TTL_MIN_NS;
    struct test_machine f;
    struct test_machine g;
    uint8_t *stream;
    size_t size;

    (void)state;
    test_machine_setup(&f);
    put_for(&f, 1, "a", 3 * DE_KV_TTL_MIN_NS);
    put_for(&f, 2, "b", DE_KV_TTL_MIN_NS);
    put_for(&f, 3, "c", 2 * DE_KV_TTL_MIN_NS);
    assert_int_equal(wake_ns(&f), first_ns);
    stream = save(&f, CAPACITY, &size);
    for (int before = 0; before < 3; before++) {
        test_machine_setup(&g);
        if (before > 0) {
            put_for(&g, 1, "d", before == 1 ? DE_KV_TTL_MIN_NS : 9 * DE_KV_TTL_MIN_NS);
        }
        assert_int_equal(restore(&g, stream, size, 7, 3, 2), 0);
        assert_int_equal(wake_ns(&g), first_ns);
        run(&g, 4, first_ns - 1, &expire);
        assert_int_equal(leases_of(&g), 3);
        run(&g, 5, first_ns, &expire);
        assert_int_equal(leases_of(&g), 2);
        assert_int_equal(wake_ns(&g), 30 + 2 * DE_KV_TTL_MIN_NS);
        test_machine_teardown(&g);
    }
    free(stream);
    test_machine_teardown(&f);
}

/* A length alone must not make us allocate what it says. */
static void test_lengths_out_of_bounds_are_refused(void **state)
{
    struct test_machine f;
    struct maker maker;

    (void)state;
    test_machine_setup(&f);
    put(&f, 1, "old", dengine_str("z"));
    make(&maker, 1);
    de_write_u16(&maker.writer, DENGINE_KV_KEY_MAX + 1);
    de_write_u32(&maker.writer, 1);
    refuse_made(&f, &maker, DENGINE_E_CORRUPT);
    make(&maker, 1);
    de_write_u16(&maker.writer, 1);
    de_write_u32(&maker.writer, (uint32_t)INT32_MAX + 1);
    refuse_made(&f, &maker, DENGINE_E_CORRUPT);
    make(&maker, 1);
    de_write_u16(&maker.writer, 0);
    de_write_u32(&maker.writer, 1);
    refuse_made(&f, &maker, DENGINE_E_CORRUPT);
    make(&maker, 1);
    de_write_u16(&maker.writer, 2);
    de_write_u32(&maker.writer, INT32_MAX);
    de_write_bytes(&maker.writer, "\1aXXXX", 6);
    refuse_made(&f, &maker, DENGINE_E_CORRUPT);
    assert_true(f.heap.blocks < 10);
    test_machine_teardown(&f);
}

/* One flipped bit in a length or a count: taken never, and never a crash. (Keys and values are
 * guarded by the checksums of who keeps the stream.) */
static void test_damage_never_crashes(void **state)
{
    struct test_machine f;
    struct test_machine g;
    struct de_random random;
    uint8_t *stream;
    size_t size;

    (void)state;
    test_machine_setup(&f);
    put(&f, 3, "a", dengine_str("x"));
    put(&f, 4, "b", dengine_str("y"));
    stream = save(&f, CAPACITY, &size);
    de_random_init(&random, 1);
    for (size_t bit = 0; bit < 8 * size; bit++) {
        const size_t piece = (size_t)de_random_between(&random, 1, size);

        test_machine_setup(&g);
        stream[bit / 8] ^= (uint8_t)(1u << bit % 8);
        (void)restore(&g, stream, size, piece, 4, 2);
        stream[bit / 8] ^= (uint8_t)(1u << bit % 8);
        test_machine_teardown(&g);
    }
    free(stream);
    test_machine_teardown(&f);
}

static void test_a_failing_store_leaves_the_old_state(void **state)
{
    struct test_machine f;
    uint8_t *stream;
    size_t size;
    int rc = DENGINE_E_IO;

    (void)state;
    test_machine_setup(&f);
    fill(&f);
    stream = save(&f, CAPACITY, &size);
    for (size_t at = 0; rc != 0; at++) {
        struct test_machine g;
        uint64_t before;

        test_machine_setup(&g);
        put(&g, 1, "old", dengine_str("z"));
        before = digest_of(&g);
        g.store.calls = 0;
        g.store.fail_at = at;
        rc = restore(&g, stream, size, CAPACITY, 4, 2);
        if (rc != 0) {
            assert_int_equal(rc, DENGINE_E_IO);
            assert_string_equal(g.machine.ops->message(g.machine.object),
                                "the test store was told to fail");
        }
        g.store.fail_at = SIZE_MAX;
        assert_int_equal(digest_of(&g) == before, rc != 0);
        put(&g, 7, "later", dengine_str("w")); /* and it goes on */
        test_machine_teardown(&g);
    }
    free(stream);
    test_machine_teardown(&f);
}

static void test_a_save_reports_a_failing_store_and_ends_clean(void **state)
{
    struct test_machine f;
    uint8_t *stream = malloc(STREAM_MAX);
    bool passed = false;

    (void)state;
    assert_non_null(stream);
    test_machine_setup(&f);
    fill(&f);
    for (size_t at = 0; !passed; at++) {
        struct dengine_machine_save *open = NULL;
        uint64_t index = 0;
        uint64_t term = 0;
        size_t size = 1;
        int rc;

        f.store.calls = 0;
        f.store.fail_at = at;
        rc = f.machine.ops->save_begin(f.machine.object, &open, &index, &term);
        while (rc == 0 && size > 0) {
            rc = f.machine.ops->save_read(f.machine.object, open, stream, CAPACITY, &size);
        }
        passed = rc == 0;
        assert_true(passed || rc == DENGINE_E_IO);
        if (open != NULL) {
            f.machine.ops->save_end(f.machine.object, open);
        }
        assert_int_equal(f.store.views, 0);
    }
    f.store.fail_at = SIZE_MAX;
    put(&f, 5, "later", dengine_str("w"));
    free(stream);
    test_machine_teardown(&f);
}

static void test_without_memory_nothing_changes(void **state)
{
    struct test_machine f;
    uint8_t *stream;
    size_t size;
    size_t failures = 0;
    int rc = DENGINE_E_NO_MEMORY;

    (void)state;
    test_machine_setup(&f);
    fill(&f);
    stream = save(&f, CAPACITY, &size);
    for (size_t at = 0; rc != 0; at++) {
        struct test_machine g;
        const uint64_t none = 0;

        test_machine_setup(&g);
        g.heap.resizes_max = g.heap.resizes + at;
        rc = restore(&g, stream, size, 1000, 4, 2);
        failures += rc != 0;
        assert_true(rc == 0 || rc == DENGINE_E_NO_MEMORY);
        assert_int_equal(digest_of(&g) == none, rc != 0);
        test_machine_teardown(&g);
    }
    assert_true(failures >= 3);
    f.heap.resizes_max = f.heap.resizes;
    {
        struct dengine_machine_save *open = NULL;
        uint64_t index = 0;
        uint64_t term = 0;

        assert_int_equal(f.machine.ops->save_begin(f.machine.object, &open, &index, &term),
                         DENGINE_E_NO_MEMORY);
    }
    free(stream);
    test_machine_teardown(&f);
}

static void test_an_open_restore_is_dropped_by_free(void **state)
{
    struct test_machine f;

    (void)state;
    test_machine_setup(&f);
    assert_int_equal(f.machine.ops->restore_begin(f.machine.object), 0);
    test_machine_teardown(&f); /* deinit of the store asserts that no replacement is open */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_restored_state_is_the_saved_one),
        cmocka_unit_test(test_the_stream_is_the_same_however_it_is_cut),
        cmocka_unit_test(test_a_save_shows_its_moment),
        cmocka_unit_test(test_the_stream_is_laid_out_as_documented),
        cmocka_unit_test(test_a_stream_that_is_not_whole_is_refused),
        cmocka_unit_test(test_a_stream_of_another_index_is_refused),
        cmocka_unit_test(test_bad_records_are_refused),
        cmocka_unit_test(test_leases_and_sessions_are_counted),
        cmocka_unit_test(test_leases_end_in_a_restored_state_when_they_would_have),
        cmocka_unit_test(test_lengths_out_of_bounds_are_refused),
        cmocka_unit_test(test_damage_never_crashes),
        cmocka_unit_test(test_a_failing_store_leaves_the_old_state),
        cmocka_unit_test(test_a_save_reports_a_failing_store_and_ends_clean),
        cmocka_unit_test(test_without_memory_nothing_changes),
        cmocka_unit_test(test_an_open_restore_is_dropped_by_free),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
