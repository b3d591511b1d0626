#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/assert.h"
#include "core/base/codec.h"
#include "core/base/crc32c.h"
#include "core/base/random.h"
#include "dengine_peer.pb-c.h"
#include "proto/peer_codec.h"

#define ENTRIES_MAX 20

/* A message with room for everything it points to. */
struct sample {
    struct de_peer_message message;
    struct dengine_entry entries[ENTRIES_MAX];
    uint8_t payloads[ENTRIES_MAX][300];
};

static uint64_t any_number(struct de_random *random)
{
    return de_random_next(random) >> de_random_below(random, 64);
}

static void fill_entries(struct sample *sample, struct de_random *random)
{
    struct de_raft_message *raft = &sample->message.raft;
    uint32_t i;

    raft->entry_count = (uint32_t)de_random_below(random, ENTRIES_MAX + 1);
    raft->prev_index = any_number(random) >> 1;
    raft->last_index = raft->prev_index + raft->entry_count;
    raft->prev_term = any_number(random) >> 1;
    raft->last_term = raft->prev_term;
    for (i = 0; i < raft->entry_count; i++) {
        struct dengine_entry *entry = &sample->entries[i];
        size_t k;

        raft->last_term += de_random_below(random, 3);
        entry->term = raft->last_term;
        entry->type = (uint32_t)de_random_between(random, 1, 3);
        entry->data.size = (size_t)de_random_below(random, sizeof sample->payloads[i]);
        entry->data.data = sample->payloads[i];
        for (k = 0; k < entry->data.size; k++) {
            sample->payloads[i][k] = (uint8_t)de_random_next(random);
        }
    }
    raft->term = raft->last_term + de_random_below(random, 3);
    sample->message.entries = sample->entries;
}

static void fill_chunk(struct sample *sample, struct de_random *random)
{
    struct de_peer_chunk *chunk = &sample->message.chunk;
    const bool is_reply = sample->message.raft.type == DE_NODE_MSG_CHUNK_REPLY;

    sample->message.raft.last_index = 1 + (any_number(random) >> 1);
    sample->message.raft.last_term = 1 + (any_number(random) >> 1);
    if (is_reply) {
        chunk->answer = (uint32_t)de_random_between(random, DE_CHUNK_WANTED, DE_CHUNK_NEWER);
    } else {
        chunk->data.size = (size_t)de_random_below(random, sizeof sample->payloads);
        chunk->data.data = sample->payloads;
        for (size_t k = 0; k < chunk->data.size; k++) {
            (&sample->payloads[0][0])[k] = (uint8_t)de_random_next(random);
        }
    }
    chunk->offset = any_number(random) >> 2;
    chunk->image_bytes = chunk->offset + chunk->data.size + 1 + (any_number(random) >> 2);
}

static void fill_forward(struct sample *sample, struct de_random *random)
{
    do {
        fill_entries(sample, random);
    } while (sample->message.raft.entry_count != 1 ||
             sample->entries[0].type != DENGINE_ENTRY_COMMAND);
}

static void fill_forward_reply(struct de_raft_message *raft, struct de_random *random)
{
    raft->hint_index = raft->rejected ? de_random_between(random, 1, INT16_MAX) : 0;
    raft->last_index = raft->rejected ? 0 : 1 + (any_number(random) >> 1);
    raft->last_term = raft->rejected ? 0 : 1 + (any_number(random) >> 1);
}

/* The sample that belongs to seed. Padding and unused room get the byte `poison`. */
static void make_sample(struct sample *sample, uint64_t seed, int poison)
{
    struct de_raft_message *raft = &sample->message.raft;
    struct de_random random;

    memset(sample, poison, sizeof *sample);
    de_random_init(&random, seed);
    raft->type = (uint32_t)de_random_between(&random, 1, 13);
    if (raft->type > DE_RAFT_MSG_REMOVED) {
        raft->type += DE_NODE_MSG_CHUNK - DE_RAFT_MSG_REMOVED - 1;
    }
    raft->pre_vote = de_random_below(&random, 2) == 1;
    raft->granted = de_random_below(&random, 2) == 1;
    raft->rejected = de_random_below(&random, 2) == 1;
    raft->transfer = de_random_below(&random, 2) == 1;
    raft->recovering = de_random_below(&random, 2) == 1;
    raft->has_config = de_random_below(&random, 2) == 1;
    raft->cluster_id = any_number(&random);
    raft->from = 1 + (any_number(&random) >> 2);
    raft->to = raft->from + 1 + de_random_below(&random, 5);
    raft->term = any_number(&random);
    raft->prev_index = any_number(&random);
    raft->prev_term = any_number(&random);
    raft->last_index = any_number(&random);
    raft->last_term = any_number(&random);
    raft->commit = any_number(&random);
    raft->round = any_number(&random);
    raft->sent_ns = any_number(&random);
    raft->match = any_number(&random);
    raft->hint_index = any_number(&random);
    raft->hint_term = any_number(&random);
    raft->promise_ns = any_number(&random);
    raft->config_index = any_number(&random);
    raft->config_term = any_number(&random);
    raft->entries = NULL;
    raft->entry_count = 0;
    raft->configuration = NULL;
    sample->message.entries = NULL;
    sample->message.chunk = (struct de_peer_chunk){.data = {NULL, 0}};
    if (raft->type == DE_RAFT_MSG_APPEND) {
        fill_entries(sample, &random);
    } else if (raft->type == DE_NODE_MSG_FORWARD) {
        fill_forward(sample, &random);
    } else if (raft->type == DE_NODE_MSG_FORWARD_REPLY) {
        fill_forward_reply(raft, &random);
    } else if (raft->type > DE_RAFT_MSG_REMOVED) {
        fill_chunk(sample, &random);
    }
}

static uint8_t *encode(const struct sample *sample, size_t *size)
{
    uint8_t *bytes;

    *size = de_peer_encoded_size(&sample->message);
    bytes = malloc(*size);
    assert_non_null(bytes);
    assert_int_equal(de_peer_encode(&sample->message, bytes), *size);
    return bytes;
}

static int decode(const uint8_t *bytes, size_t size, struct de_peer_decoded **decoded)
{
    return de_peer_decode(dengine_bytes(bytes, size), decoded);
}

static void assert_chunks_equal(const struct de_peer_chunk *a, const struct de_peer_chunk *b)
{
    assert_true(a->image_bytes == b->image_bytes && a->offset == b->offset);
    assert_int_equal(a->answer, b->answer);
    assert_int_equal(a->data.size, b->data.size);
    if (a->data.size > 0) {
        assert_memory_equal(a->data.data, b->data.data, a->data.size);
    }
}

static void assert_scalars_equal(const struct de_raft_message *a, const struct de_raft_message *b)
{
    assert_int_equal(a->type, b->type);
    assert_true(a->pre_vote == b->pre_vote && a->granted == b->granted);
    assert_true(a->rejected == b->rejected && a->transfer == b->transfer);
    assert_true(a->recovering == b->recovering && a->promise_ns == b->promise_ns);
    assert_true(a->cluster_id == b->cluster_id && a->from == b->from && a->to == b->to);
    assert_true(a->term == b->term);
    assert_true(a->prev_index == b->prev_index && a->prev_term == b->prev_term);
    assert_true(a->last_index == b->last_index && a->last_term == b->last_term);
    assert_true(a->commit == b->commit && a->round == b->round && a->sent_ns == b->sent_ns);
    assert_true(a->match == b->match);
    assert_true(a->hint_index == b->hint_index && a->hint_term == b->hint_term);
    assert_true(a->config_index == b->config_index && a->config_term == b->config_term);
    assert_int_equal(a->has_config, b->has_config);
    assert_int_equal(a->entry_count, b->entry_count);
}

static void assert_decodes_to(const struct sample *sample, const uint8_t *bytes, size_t size)
{
    const struct de_raft_message *raft = &sample->message.raft;
    struct de_peer_decoded *decoded;
    uint32_t i;

    assert_int_equal(decode(bytes, size, &decoded), 0);
    assert_scalars_equal(raft, &decoded->message.raft);
    for (i = 0; i < raft->entry_count; i++) {
        const struct dengine_entry *got = &decoded->message.entries[i];
        const struct de_raft_entry *meta = &decoded->message.raft.entries[i];
        const struct dengine_entry *want = &sample->entries[i];

        assert_true(got->term == want->term && meta->term == want->term);
        assert_true(got->type == want->type && meta->type == want->type);
        assert_int_equal(got->data.size, want->data.size);
        assert_int_equal(meta->bytes, want->data.size);
        assert_null(meta->configuration);
        if (want->data.size > 0) {
            assert_memory_equal(got->data.data, want->data.data, want->data.size);
        }
    }
    assert_null(decoded->message.raft.configuration);
    assert_chunks_equal(&decoded->message.chunk, &sample->message.chunk);
    de_peer_decoded_free(decoded);
}

static void test_round_trip(void **state)
{
    uint64_t seed;

    (void)state;
    for (seed = 0; seed < 3000; seed++) {
        struct sample sample;
        uint8_t *bytes;
        size_t size;

        make_sample(&sample, seed, 0);
        bytes = encode(&sample, &size);
        assert_decodes_to(&sample, bytes, size);
        free(bytes);
    }
}

static void test_golden_heartbeat(void **state)
{
    /* Changing these bytes changes the protocol: raise its version. */
    static const uint8_t golden[] = {
        0x08, 0x01,                               /* version */
        0x10, 0x03,                               /* APPEND */
        0x19, 8,    7,    6,    5,    4, 3, 2, 1, /* cluster_id */
        0x20, 0x01, 0x28, 0x02, 0x30, 5,          /* from, to, term */
        0x38, 0xac, 0x02, 0x40, 4,                /* prev */
        0x48, 0xac, 0x02, 0x50, 4,                /* last */
        0x58, 0x80, 0x02, 0x60, 9,                /* commit, round */
        0x69, 0x15, 0xcd, 0x5b, 7,    0, 0, 0, 0, /* sent_ns */
        0x7d, 0x00, 0x00, 0x00, 0x00,             /* checksum */
    };
    struct sample sample = {.message.raft = {.type = DE_RAFT_MSG_APPEND,
                                             .cluster_id = UINT64_C(0x0102030405060708),
                                             .from = 1,
                                             .to = 2,
                                             .term = 5,
                                             .prev_index = 300,
                                             .prev_term = 4,
                                             .last_index = 300,
                                             .last_term = 4,
                                             .commit = 256,
                                             .round = 9,
                                             .sent_ns = 123456789}};
    uint8_t *bytes;
    size_t size;

    (void)state;
    bytes = encode(&sample, &size);
    assert_int_equal(size, sizeof golden);
    assert_memory_equal(bytes, golden, size - 4);
    assert_int_equal(de_load_u32(bytes + size - 4), de_crc32c(0, bytes, size - 5));
    free(bytes);
}

/* protobuf-c reads what we write. */
static void test_protobuf_reads_it(void **state)
{
    uint64_t seed;

    (void)state;
    for (seed = 0; seed < 1000; seed++) {
        Dengine__Peer__PeerMessage *peer;
        struct sample sample;
        const struct de_raft_message *raft = &sample.message.raft;
        uint8_t *bytes;
        size_t size;
        uint32_t i;

        make_sample(&sample, seed, 0);
        bytes = encode(&sample, &size);
        peer = dengine__peer__peer_message__unpack(NULL, size, bytes);
        assert_non_null(peer);
        assert_int_equal(peer->version, DE_PEER_PROTOCOL_VERSION);
        assert_int_equal(peer->type, raft->type);
        assert_true(peer->cluster_id == raft->cluster_id && peer->from == raft->from);
        assert_true(peer->to == raft->to && peer->term == raft->term);
        assert_true(peer->prev_index == raft->prev_index && peer->prev_term == raft->prev_term);
        assert_true(peer->last_index == raft->last_index && peer->last_term == raft->last_term);
        assert_true(peer->commit == raft->commit && peer->round == raft->round);
        assert_true(peer->sent_ns == raft->sent_ns && peer->match == raft->match);
        assert_true(peer->hint_index == raft->hint_index && peer->hint_term == raft->hint_term);
        assert_true(peer->pre_vote == raft->pre_vote && peer->granted == raft->granted);
        assert_true(peer->rejected == raft->rejected && peer->transfer == raft->transfer);
        assert_true(peer->recovering == raft->recovering);
        assert_true(peer->promise_ns == raft->promise_ns);
        assert_true(peer->image_bytes == sample.message.chunk.image_bytes);
        assert_true(peer->offset == sample.message.chunk.offset);
        assert_int_equal(peer->answer, sample.message.chunk.answer);
        assert_int_equal(peer->chunk.len, sample.message.chunk.data.size);
        assert_int_equal(peer->n_entries, raft->entry_count);
        for (i = 0; i < raft->entry_count; i++) {
            assert_true(peer->entries[i]->term == sample.entries[i].term);
            assert_int_equal(peer->entries[i]->data.len, sample.entries[i].data.size);
        }
        dengine__peer__peer_message__free_unpacked(peer, NULL);
        free(bytes);
    }
}

/* We read what protobuf-c writes, in its order of fields. */
static void test_reads_what_protobuf_writes(void **state)
{
    uint64_t seed;

    (void)state;
    for (seed = 0; seed < 1000; seed++) {
        Dengine__Peer__PeerMessage *peer;
        struct sample sample;
        uint8_t *bytes;
        uint8_t *packed;
        size_t size;

        make_sample(&sample, seed, 0);
        bytes = encode(&sample, &size);
        peer = dengine__peer__peer_message__unpack(NULL, size, bytes);
        assert_non_null(peer);
        peer->checksum = 0;
        packed = malloc(size);
        assert_non_null(packed);
        assert_int_equal(dengine__peer__peer_message__pack(peer, packed), size - 5);
        packed[size - 5] = 0x7d;
        de_store_u32(packed + size - 4, de_crc32c(0, packed, size - 5));
        assert_decodes_to(&sample, packed, size);
        dengine__peer__peer_message__free_unpacked(peer, NULL);
        free(packed);
        free(bytes);
    }
}

static void test_padding_never_reaches_the_wire(void **state)
{
    uint64_t seed;

    (void)state;
    for (seed = 0; seed < 500; seed++) {
        struct sample clean;
        struct sample dirty;
        uint8_t *a;
        uint8_t *b;
        size_t a_size;
        size_t b_size;

        make_sample(&clean, seed, 0);
        make_sample(&dirty, seed, 0xa5);
        a = encode(&clean, &a_size);
        b = encode(&dirty, &b_size);
        assert_int_equal(a_size, b_size);
        assert_memory_equal(a, b, a_size);
        free(b);
        free(a);
    }
}

static void test_every_truncation_is_refused(void **state)
{
    uint64_t seed;

    (void)state;
    for (seed = 0; seed < 60; seed++) {
        struct de_peer_decoded *decoded;
        struct sample sample;
        uint8_t *bytes;
        size_t size;
        size_t cut;

        make_sample(&sample, seed, 0);
        bytes = encode(&sample, &size);
        for (cut = 0; cut < size; cut++) {
            /* In memory of its own, so that a sanitizer sees a read past the end. */
            uint8_t *shorter = malloc(cut > 0 ? cut : 1);

            assert_non_null(shorter);
            memcpy(shorter, bytes, cut);
            assert_int_equal(decode(shorter, cut, &decoded), DENGINE_E_PROTOCOL);
            assert_null(decoded);
            free(shorter);
        }
        free(bytes);
    }
}

static void test_every_bit_flip_is_refused(void **state)
{
    uint64_t seed;

    (void)state;
    for (seed = 0; seed < 30; seed++) {
        struct de_peer_decoded *decoded;
        struct sample sample;
        uint8_t *bytes;
        size_t size;
        size_t bit;

        make_sample(&sample, seed, 0);
        bytes = encode(&sample, &size);
        for (bit = 0; bit < size * 8; bit++) {
            bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
            assert_int_not_equal(decode(bytes, size, &decoded), 0);
            bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
        free(bytes);
    }
}

/* With the checksum made right again: whatever decodes fulfils the check. */
static void test_damage_under_a_good_checksum(void **state)
{
    struct de_random random;
    uint64_t seed;
    int accepted = 0;

    (void)state;
    de_random_init(&random, 7);
    for (seed = 0; seed < 20000; seed++) {
        struct de_peer_decoded *decoded;
        struct sample sample;
        uint8_t *bytes;
        size_t size;
        uint64_t hits;

        make_sample(&sample, seed % 100, 0);
        bytes = encode(&sample, &size);
        for (hits = 1 + de_random_below(&random, 3); hits > 0; hits--) {
            bytes[2 + de_random_below(&random, size - 7)] = (uint8_t)de_random_next(&random);
        }
        de_store_u32(bytes + size - 4, de_crc32c(0, bytes, size - 5));
        if (decode(bytes, size, &decoded) == 0) {
            assert_true(de_peer_message_check(&decoded->message));
            de_peer_decoded_free(decoded);
            accepted++;
        }
        free(bytes);
    }
    assert_true(accepted > 0 && accepted < 20000);
}

static void test_another_version_is_told_apart(void **state)
{
    struct de_peer_decoded *decoded;
    struct sample sample;
    uint8_t *bytes;
    size_t size;

    (void)state;
    make_sample(&sample, 1, 0);
    bytes = encode(&sample, &size);
    bytes[1] = DE_PEER_PROTOCOL_VERSION + 1;
    assert_int_equal(decode(bytes, size, &decoded), DENGINE_E_VERSION);
    assert_null(decoded);
    free(bytes);
}

static void test_too_large_is_refused_unread(void **state)
{
    static const uint8_t byte = 0x08;
    struct de_peer_decoded *decoded;

    (void)state;
    assert_int_equal(decode(&byte, DE_PEER_MESSAGE_BYTES_MAX + 1, &decoded), DENGINE_E_TOO_LARGE);
}

/* A copy of a good APPEND, broken by the caller. */
static struct sample append_sample(void)
{
    struct sample sample;
    uint64_t seed = 0;

    do {
        make_sample(&sample, seed++, 0);
    } while (sample.message.raft.type != DE_RAFT_MSG_APPEND ||
             sample.message.raft.entry_count < 3 || sample.entries[1].term < 3);
    return sample;
}

static void test_check_refuses_contradictions(void **state)
{
    struct sample sample = append_sample();
    struct de_raft_message good = sample.message.raft;
    struct de_raft_message *raft = &sample.message.raft;

    (void)state;
    sample.message.entries = sample.entries;
    assert_true(de_peer_message_check(&sample.message));
    raft->last_index++;
    assert_false(de_peer_message_check(&sample.message));
    *raft = good;
    raft->last_term++;
    assert_false(de_peer_message_check(&sample.message));
    *raft = good;
    raft->term = raft->last_term - 1;
    assert_false(de_peer_message_check(&sample.message));
    *raft = good;
    raft->prev_term = raft->last_term + 1;
    assert_false(de_peer_message_check(&sample.message));
    *raft = good;
    raft->to = raft->from;
    assert_false(de_peer_message_check(&sample.message));
    *raft = good;
    raft->type = DE_RAFT_MSG_REMOVED + 1;
    assert_false(de_peer_message_check(&sample.message));
    *raft = good;
    raft->type = DE_RAFT_MSG_VOTE_REPLY;
    assert_false(de_peer_message_check(&sample.message));
    *raft = good;
    sample.entries[1].type = 4;
    assert_false(de_peer_message_check(&sample.message));
    sample.entries[1].type = 1;
    sample.entries[1].term = sample.entries[0].term - 1;
    assert_false(de_peer_message_check(&sample.message));
}

static void test_check_refuses_bad_chunks(void **state)
{
    struct sample sample;
    struct de_peer_chunk *chunk = &sample.message.chunk;
    struct de_peer_chunk good;
    uint64_t seed = 0;

    (void)state;
    do {
        make_sample(&sample, seed++, 0);
    } while (sample.message.raft.type != DE_NODE_MSG_CHUNK || chunk->data.size < 2);
    good = *chunk;
    assert_true(de_peer_message_check(&sample.message));
    chunk->image_bytes = chunk->offset + chunk->data.size - 1;
    assert_false(de_peer_message_check(&sample.message));
    *chunk = good;
    chunk->offset = chunk->image_bytes + 1;
    assert_false(de_peer_message_check(&sample.message));
    *chunk = good;
    chunk->image_bytes = UINT64_MAX;
    chunk->data.size = DE_CHUNK_BYTES_MAX + 1;
    assert_false(de_peer_message_check(&sample.message));
    *chunk = good;
    chunk->answer = DE_CHUNK_DONE;
    assert_false(de_peer_message_check(&sample.message));
    sample.message.raft.type = DE_NODE_MSG_CHUNK_REPLY;
    assert_false(de_peer_message_check(&sample.message)); /* with bytes */
    chunk->data.size = 0;
    assert_true(de_peer_message_check(&sample.message));
    chunk->answer = 0;
    assert_false(de_peer_message_check(&sample.message));
    chunk->answer = DE_CHUNK_NEWER + 1;
    assert_false(de_peer_message_check(&sample.message));
    *chunk = good;
    sample.message.raft.type = DE_RAFT_MSG_VOTE_REPLY;
    assert_false(de_peer_message_check(&sample.message));
    *chunk = (struct de_peer_chunk){.image_bytes = 0};
    assert_true(de_peer_message_check(&sample.message));
    sample.message.raft.type = DE_NODE_MSG_CHUNK;
    assert_false(de_peer_message_check(&sample.message)); /* of no image */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_golden_heartbeat),
        cmocka_unit_test(test_protobuf_reads_it),
        cmocka_unit_test(test_reads_what_protobuf_writes),
        cmocka_unit_test(test_padding_never_reaches_the_wire),
        cmocka_unit_test(test_every_truncation_is_refused),
        cmocka_unit_test(test_every_bit_flip_is_refused),
        cmocka_unit_test(test_damage_under_a_good_checksum),
        cmocka_unit_test(test_another_version_is_told_apart),
        cmocka_unit_test(test_too_large_is_refused_unread),
        cmocka_unit_test(test_check_refuses_contradictions),
        cmocka_unit_test(test_check_refuses_bad_chunks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
