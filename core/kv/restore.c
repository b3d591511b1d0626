/* Replacing the state by one from a stream (stream.h). The bytes come from a disk or from another
 * machine: nothing in them is believed. What is wrong with them is CORRUPT or VERSION, and the
 * state stays what it was. */
#include "core/base/assert.h"
#include "core/base/codec.h"
#include "core/kv/kv_state.h"
#include "core/kv/stream.h"

/* The part of the stream that the bytes at hand belong to. */
enum part {
    PART_HEADER,
    PART_LENGTHS,
    PART_KEY,
    PART_VALUE,
    PART_COUNT,
    PART_NONE, /* all has been read */
};

struct de_kv_restore {
    enum part part;
    size_t need; /* bytes of this part in all */
    size_t have; /* of them */
    uint8_t fixed[DE_KV_STREAM_HEADER_BYTES];
    size_t key_size;
    size_t value_size;
    uint8_t key[DENGINE_KV_KEY_MAX];
    uint8_t *value; /* grows as its bytes come in: a length alone gets no memory */
    size_t value_capacity;
    uint64_t records;
    uint64_t leases;        /* that have come */
    uint64_t sessions;      /* those of them that have one */
    struct de_kv_mark mark; /* what "\0state" says; index 0: it has not come */
    uint64_t wake_ns;       /* the first deadline that has come; UINT64_MAX: none */
    int failed;             /* 0, or what the first failure was */
};

DE_STATIC_ASSERT(DE_KV_STREAM_HEADER_BYTES >= DE_KV_STREAM_LENGTHS_BYTES, "lengths fit in fixed");
DE_STATIC_ASSERT(DE_KV_STREAM_HEADER_BYTES >= DE_KV_STREAM_COUNT_BYTES, "the count fits in fixed");

static void enter(struct de_kv_restore *restore, enum part part, size_t need)
{
    DE_ASSERT(restore->have == restore->need);
    DE_ASSERT(part != PART_NONE || need == 0);
    restore->part = part;
    restore->need = need;
    restore->have = 0;
}

int de_kv_op_restore_begin(void *object)
{
    struct de_kv *kv = object;
    struct de_kv_restore *made;
    int rc;

    DE_ASSERT(!kv->batch_open);
    DE_ASSERT(kv->restore == NULL);
    if (kv->broken != 0) {
        return kv->broken;
    }
    made = de_allocate(&kv->allocator, sizeof *made);
    if (made == NULL) {
        return DENGINE_E_NO_MEMORY;
    }
    memset(made, 0, sizeof *made);
    made->wake_ns = UINT64_MAX;
    enter(made, PART_HEADER, DE_KV_STREAM_HEADER_BYTES);
    rc = kv->store.ops->replace_begin(kv->store.object);
    if (rc != 0) {
        de_kv_note(kv, kv->store.ops->message(kv->store.object));
        de_release(&kv->allocator, made);
        return rc;
    }
    kv->restore = made;
    return 0;
}

/* What is wrong with the stream, or with the store; 0 when nothing is. */
static int header(struct de_kv_restore *restore)
{
    DE_ASSERT(restore->part == PART_HEADER);
    DE_ASSERT(restore->have == DE_KV_STREAM_HEADER_BYTES);
    if (memcmp(restore->fixed, de_kv_stream_magic, sizeof de_kv_stream_magic) != 0) {
        return DENGINE_E_CORRUPT;
    }
    if (de_load_u32(restore->fixed + 4) != DE_KV_STREAM_VERSION) {
        return DENGINE_E_VERSION;
    }
    enter(restore, PART_LENGTHS, DE_KV_STREAM_LENGTHS_BYTES);
    return 0;
}

static int lengths(struct de_kv_restore *restore)
{
    struct de_reader reader;
    uint16_t key_size;
    uint32_t value_size;

    DE_ASSERT(restore->part == PART_LENGTHS);
    de_reader_init(&reader, restore->fixed, DE_KV_STREAM_LENGTHS_BYTES);
    key_size = de_read_u16(&reader);
    value_size = de_read_u32(&reader);
    DE_ASSERT(!reader.failed);
    if (key_size == 0) {
        enter(restore, PART_COUNT, DE_KV_STREAM_COUNT_BYTES);
        return value_size == 0 ? 0 : DENGINE_E_CORRUPT;
    }
    if (key_size > DENGINE_KV_KEY_MAX || value_size > INT32_MAX) {
        return DENGINE_E_CORRUPT;
    }
    restore->key_size = key_size;
    restore->value_size = value_size;
    enter(restore, PART_KEY, key_size);
    return 0;
}

/* Notes what there is to know of a pair that is sound. */
static void note_pair(struct de_kv_restore *restore, struct dengine_slice key,
                      struct dengine_slice value)
{
    struct de_kv_lease lease;
    uint64_t deadline_ns = 0;
    uint64_t id = 0;

    DE_ASSERT(key.size >= 1);
    DE_ASSERT(restore->sessions <= restore->leases);
    if (de_kv_deadline_of(key, &deadline_ns, &id) && deadline_ns < restore->wake_ns) {
        restore->wake_ns = deadline_ns;
    }
    if (de_kv_lease_of(key, &id) && de_kv_lease_decode(value, &lease) == 0) {
        restore->leases++;
        restore->sessions += lease.session ? 1 : 0;
    }
}

/* "\0state" stands behind all leases: what it says of them is compared with what came. Format 2
 * said nothing of sessions. *value becomes what the store is to have, in state. */
static int check_state(struct de_kv_restore *restore, struct dengine_slice *value, uint8_t *state)
{
    struct de_kv_mark *mark = &restore->mark;
    int rc = de_kv_state_decode_2(*value, mark);

    DE_ASSERT(state != NULL);
    if (rc == DENGINE_E_VERSION) {
        rc = de_kv_state_decode(*value, mark);
    } else if (rc == 0) {
        mark->sessions = restore->sessions;
    }
    if (rc != 0) {
        return rc;
    }
    if (mark->leases != restore->leases || mark->sessions != restore->sessions) {
        return DENGINE_E_CORRUPT;
    }
    de_kv_state_encode(mark, state);
    *value = dengine_bytes(state, DE_KV_STATE_BYTES);
    DE_ASSERT(mark->index > 0);
    return 0;
}

static int pair(struct de_kv *kv, struct de_kv_restore *restore)
{
    const struct dengine_slice key = dengine_bytes(restore->key, restore->key_size);
    struct dengine_slice value = dengine_bytes(restore->value, restore->value_size);
    uint8_t state[DE_KV_STATE_BYTES];
    int rc;

    DE_ASSERT(restore->part == PART_VALUE);
    DE_ASSERT(key.size >= 1);
    if (de_kv_is_state_key(key)) {
        rc = check_state(restore, &value, state);
    } else {
        rc = de_kv_pair_check(key, value);
    }
    if (rc == 0) {
        note_pair(restore, key, value);
        rc = kv->store.ops->replace_put(kv->store.object, key, value);
        if (rc == DENGINE_E_INVALID) {
            return DENGINE_E_CORRUPT; /* not in ascending order */
        }
        if (rc != 0) {
            de_kv_note(kv, kv->store.ops->message(kv->store.object));
        }
    }
    restore->records++;
    enter(restore, PART_LENGTHS, DE_KV_STREAM_LENGTHS_BYTES);
    return rc;
}

/* The part at hand is complete. */
static int finish_part(struct de_kv *kv, struct de_kv_restore *restore)
{
    DE_ASSERT(restore->have == restore->need);
    DE_ASSERT(restore->failed == 0);
    switch (restore->part) {
    case PART_HEADER:
        return header(restore);
    case PART_LENGTHS:
        return lengths(restore);
    case PART_KEY:
        enter(restore, PART_VALUE, restore->value_size);
        return 0;
    case PART_VALUE:
        return pair(kv, restore);
    case PART_COUNT:
        enter(restore, PART_NONE, 0);
        return de_load_u64(restore->fixed) == restore->records ? 0 : DENGINE_E_CORRUPT;
    case PART_NONE:
        break;
    }
    DE_UNREACHABLE("nothing follows the end");
}

/* Room for so many bytes of the value: doubled, up to what the value needs. */
static int grow_value(struct de_kv *kv, struct de_kv_restore *restore, size_t size)
{
    size_t capacity = 2 * restore->value_capacity;
    uint8_t *grown;

    DE_ASSERT(size <= restore->value_size);
    if (size <= restore->value_capacity) {
        return 0;
    }
    capacity = capacity < 4096 ? 4096 : capacity;
    capacity = capacity < size ? size : capacity;
    grown = de_reallocate(&kv->allocator, restore->value, capacity);
    if (grown == NULL) {
        de_kv_note(kv, "no memory for a value of a snapshot");
        return DENGINE_E_NO_MEMORY;
    }
    restore->value = grown;
    restore->value_capacity = capacity;
    return 0;
}

/* Takes bytes of the part at hand, and says how many. */
static int take(struct de_kv *kv, struct de_kv_restore *restore, struct dengine_slice bytes,
                size_t *taken)
{
    const size_t left = restore->need - restore->have;
    uint8_t *to = restore->fixed;

    DE_ASSERT(restore->part != PART_NONE);
    *taken = bytes.size < left ? bytes.size : left;
    if (*taken == 0) {
        return 0;
    }
    if (restore->part == PART_VALUE) {
        const int rc = grow_value(kv, restore, restore->have + *taken);

        if (rc != 0) {
            return rc;
        }
        to = restore->value;
    } else if (restore->part == PART_KEY) {
        to = restore->key;
    }
    memcpy(to + restore->have, bytes.data, *taken);
    restore->have += *taken;
    return 0;
}

static int feed(struct de_kv *kv, struct de_kv_restore *restore, struct dengine_slice bytes)
{
    int rc = 0;

    DE_ASSERT(restore->failed == 0);
    while (rc == 0 && (bytes.size > 0 || restore->have == restore->need)) {
        size_t taken = 0;

        if (restore->part == PART_NONE) {
            return bytes.size == 0 ? 0 : DENGINE_E_CORRUPT; /* something after the end */
        }
        rc = take(kv, restore, bytes, &taken);
        bytes = dengine_bytes((const uint8_t *)bytes.data + taken, bytes.size - taken);
        if (rc == 0 && restore->have == restore->need) {
            rc = finish_part(kv, restore);
        }
    }
    return rc;
}

int de_kv_op_restore_write(void *object, struct dengine_slice bytes)
{
    struct de_kv *kv = object;
    struct de_kv_restore *restore = kv->restore;

    DE_ASSERT(restore != NULL);
    DE_ASSERT(bytes.data != NULL || bytes.size == 0);
    if (restore->failed == 0 && bytes.size > 0) {
        restore->failed = feed(kv, restore, bytes);
        if (restore->failed == DENGINE_E_CORRUPT) {
            de_kv_note(kv, "a snapshot does not hold a state of the key-value state machine");
        } else if (restore->failed == DENGINE_E_VERSION) {
            de_kv_note(kv, "a snapshot has a format of another version of dengine");
        }
    }
    return restore->failed;
}

static void free_restore(struct de_kv *kv)
{
    DE_ASSERT(kv->restore != NULL);
    DE_ASSERT((kv->restore->value == NULL) == (kv->restore->value_capacity == 0));
    de_release(&kv->allocator, kv->restore->value);
    de_release(&kv->allocator, kv->restore);
    kv->restore = NULL;
}

void de_kv_op_restore_abort(void *object)
{
    struct de_kv *kv = object;

    DE_ASSERT(kv->restore != NULL);
    kv->store.ops->replace_abort(kv->store.object);
    free_restore(kv);
    DE_ASSERT(kv->restore == NULL);
}

int de_kv_op_restore_commit(void *object, uint64_t index, uint64_t term)
{
    struct de_kv *kv = object;
    const struct de_kv_restore *restore = kv->restore;
    int rc = restore->failed;

    DE_ASSERT(index > 0 && term > 0);
    DE_ASSERT(!kv->batch_open);
    if (rc == 0 && (restore->part != PART_NONE || restore->mark.index != index ||
                    restore->mark.term != term)) {
        rc = DENGINE_E_CORRUPT;
        de_kv_note(kv, restore->part != PART_NONE
                           ? "a snapshot ends too early"
                           : "a snapshot holds the state at another log index");
    }
    if (rc != 0) {
        de_kv_op_restore_abort(kv);
        return rc;
    }
    rc = kv->store.ops->replace_commit(kv->store.object);
    if (rc == 0) {
        kv->mark = restore->mark;
        kv->wake_ns = restore->wake_ns;
        kv->past.sum = (struct de_kv_past_sum){.last = index};
        if (kv->sink.reset != NULL) {
            kv->sink.reset(kv->sink.context, index);
        }
    } else {
        de_kv_note(kv, kv->store.ops->message(kv->store.object));
    }
    free_restore(kv);
    return rc;
}
