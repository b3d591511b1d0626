#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "core/base/assert.h"
#include "core/base/random.h"
#include "storage/contract/check.h"

#define STREAM_MAX (UINT32_C(1) << 20)
#define IMAGE_MAX  (2 * STREAM_MAX)
#define CLUSTER    77

/* What image_of asks for at a time: fits no block. */
#define IMAGE_PIECE 70001u

/* The stream of the snapshot at an index: any bytes, but always the same. */
static void fill_stream(uint64_t index, uint8_t *bytes, size_t size)
{
    struct de_random random;

    de_random_init(&random, index);
    for (size_t i = 0; i < size; i += 8) {
        const uint64_t word = de_random_next(&random);

        memcpy(bytes + i, &word, size - i < 8 ? size - i : 8);
    }
}

static struct dengine_snapshot_meta meta_of(uint64_t index)
{
    struct dengine_snapshot_meta meta = {CLUSTER, index, 3, dengine_str("one, two and three")};

    return meta;
}

static bool is_meta(const struct dengine_snapshot_meta *a, const struct dengine_snapshot_meta *b)
{
    return a->cluster_id == b->cluster_id && a->index == b->index && a->term == b->term &&
           a->configuration.size == b->configuration.size &&
           (a->configuration.size == 0 ||
            memcmp(a->configuration.data, b->configuration.data, a->configuration.size) == 0);
}

/* Writes the snapshot of meta with a stream of size bytes in pieces. */
static int save_as(struct dengine_snapshot_store store, const struct dengine_snapshot_meta *meta,
                   size_t size, size_t piece)
{
    uint8_t *stream = malloc(STREAM_MAX);
    struct dengine_snapshot_writer *writer;
    int error =
        stream == NULL ? DENGINE_E_NO_MEMORY : store.ops->create(store.object, meta, &writer);

    if (error != 0) {
        free(stream);
        return error;
    }
    fill_stream(meta->index, stream, size);
    for (size_t at = 0; at < size && error == 0; at += piece) {
        const size_t left = size - at < piece ? size - at : piece;

        error = store.ops->write(store.object, writer, dengine_bytes(stream + at, left));
    }
    free(stream);
    if (error != 0) {
        store.ops->abort(store.object, writer);
        return error;
    }
    return store.ops->commit(store.object, writer);
}

static int save(struct dengine_snapshot_store store, uint64_t index, size_t size)
{
    const struct dengine_snapshot_meta meta = meta_of(index);

    return save_as(store, &meta, size, 10007);
}

/* Whether the open reader gives a stream of size bytes of the snapshot at index, and no more. */
static bool stream_is(struct dengine_snapshot_store store, struct dengine_snapshot_reader *reader,
                      uint64_t index, size_t size, struct dengine_contract_report *report)
{
    uint8_t *wanted = malloc(STREAM_MAX);
    uint8_t *got = malloc(STREAM_MAX);
    size_t total = 0;
    size_t more = 1;

    CHECK(wanted != NULL && got != NULL);
    fill_stream(index, wanted, size);
    while (more > 0) {
        /* Pieces that fit neither the writes nor any block. */
        const size_t most = STREAM_MAX - total < 9999 ? STREAM_MAX - total : 9999;

        CHECK(most > 0);
        CHECK_OK(store.ops->read(store.object, reader, got + total, most, &more));
        CHECK(more <= most);
        total += more;
    }
    CHECK(total == size);
    CHECK(size == 0 || memcmp(got, wanted, size) == 0);
    CHECK_OK(store.ops->read(store.object, reader, got, 1, &more));
    CHECK(more == 0);
    free(wanted);
    free(got);
    return true;
}

/* Whether the newest snapshot is the one at index, with a stream of size bytes. */
static bool newest_is(struct dengine_snapshot_store store, uint64_t index, size_t size,
                      struct dengine_contract_report *report)
{
    const struct dengine_snapshot_meta wanted = meta_of(index);
    struct dengine_snapshot_reader *reader;
    struct dengine_snapshot_meta meta;
    uint64_t image_bytes = 0;
    bool passed;

    CHECK_OK(store.ops->newest(store.object, &meta));
    CHECK(is_meta(&meta, &wanted));
    CHECK_OK(store.ops->open(store.object, 0, &reader, &meta, &image_bytes));
    CHECK(is_meta(&meta, &wanted));
    CHECK(image_bytes > size);
    passed = stream_is(store, reader, index, size, report);
    store.ops->close_reader(store.object, reader);
    return passed;
}

/* The image of the newest snapshot, read in pieces; the caller frees it. */
static int image_of(struct dengine_snapshot_store store, uint8_t **image, size_t *size)
{
    struct dengine_snapshot_reader *reader;
    struct dengine_snapshot_meta meta;
    uint64_t image_bytes = 0;
    size_t more = 1;
    int error = store.ops->open(store.object, 0, &reader, &meta, &image_bytes);

    if (error != 0) {
        return error;
    }
    *size = 0;
    *image = malloc(IMAGE_MAX);
    error = *image == NULL ? DENGINE_E_NO_MEMORY : 0;
    while (error == 0 && more > 0) {
        error =
            store.ops->read_image(store.object, reader, *size, *image + *size, IMAGE_PIECE, &more);
        *size += error == 0 ? more : 0;
        if (error == 0 && (more > IMAGE_PIECE || *size > IMAGE_MAX - IMAGE_PIECE)) {
            error = DE_FOUND_MORE;
        }
    }
    store.ops->close_reader(store.object, reader);
    if (error == 0 && *size != image_bytes) {
        error = *size < image_bytes ? DE_FOUND_LESS : DE_FOUND_MORE;
    }
    return error;
}

/* Sends image[from, to) in pieces. */
static int send(struct dengine_snapshot_store store, struct dengine_snapshot_receiver *receiver,
                const uint8_t *image, size_t from, size_t to, size_t piece)
{
    int error = 0;

    for (size_t at = from; at < to && error == 0; at += piece) {
        const size_t left = to - at < piece ? to - at : piece;

        error = store.ops->receive_write(store.object, receiver, dengine_bytes(image + at, left));
    }
    return error;
}

/* Sends the whole image; what the receiver says in the end. */
static int send_all(struct dengine_snapshot_store store, uint64_t index, const uint8_t *image,
                    size_t size, size_t piece)
{
    struct dengine_snapshot_receiver *receiver;
    struct dengine_snapshot_meta meta;
    uint64_t have = 0;
    int error = store.ops->receive(store.object, index, 3, size, &receiver, &have);

    if (error != 0) {
        return error;
    }
    if (have != 0) {
        store.ops->receive_suspend(store.object, receiver);
        return DENGINE_E_INTERNAL;
    }
    error = send(store, receiver, image, 0, size, piece);
    if (error != 0) {
        store.ops->receive_suspend(store.object, receiver);
        return error;
    }
    return store.ops->receive_finish(store.object, receiver, &meta);
}

static bool a_new_store_has_none(const struct dengine_snapshot_contract *contract,
                                 struct dengine_contract_report *report)
{
    struct dengine_snapshot_store store;
    struct dengine_snapshot_reader *reader;
    struct dengine_snapshot_meta meta;
    uint64_t image_bytes;

    CHECK_OK(contract->create(contract->context, &store));
    CHECK(store.ops->newest(store.object, &meta) == DENGINE_E_NOT_FOUND);
    CHECK(store.ops->message(store.object)[0] != '\0');
    CHECK(store.ops->open(store.object, 0, &reader, &meta, &image_bytes) == DENGINE_E_NOT_FOUND);
    CHECK(store.ops->open(store.object, 5, &reader, &meta, &image_bytes) == DENGINE_E_NOT_FOUND);
    contract->destroy(contract->context, &store);
    return true;
}

static bool what_was_saved_is_read(const struct dengine_snapshot_contract *contract,
                                   struct dengine_contract_report *report)
{
    static const size_t sizes[] = {0, 1, 4096, 65535, 65536, 65537, 131072, 400001};
    struct dengine_snapshot_store store;

    CHECK_OK(contract->create(contract->context, &store));
    for (size_t i = 0; i < DE_ARRAY_SIZE(sizes); i++) {
        CHECK_OK(save(store, 10 + i, sizes[i]));
        CHECK(store.ops->message(store.object)[0] == '\0');
        if (!newest_is(store, 10 + i, sizes[i], report)) {
            return false;
        }
        if (contract->reopen != NULL) {
            CHECK_OK(contract->reopen(contract->context, &store));
            if (!newest_is(store, 10 + i, sizes[i], report)) {
                return false;
            }
        }
    }
    contract->destroy(contract->context, &store);
    return true;
}

static bool a_configuration_has_any_size(const struct dengine_snapshot_contract *contract,
                                         struct dengine_contract_report *report)
{
    static const size_t sizes[] = {DENGINE_SNAPSHOT_CONFIGURATION_MAX, 0, 1, 5000};
    struct dengine_snapshot_store store;
    uint8_t *configuration = calloc(1, DENGINE_SNAPSHOT_CONFIGURATION_MAX + 1);
    struct dengine_snapshot_meta wanted = meta_of(1);
    struct dengine_snapshot_meta meta;
    struct dengine_snapshot_writer *writer;

    CHECK(configuration != NULL);
    CHECK_OK(contract->create(contract->context, &store));
    for (size_t i = 0; i < DE_ARRAY_SIZE(sizes); i++) {
        configuration[0] = (uint8_t)i;
        wanted.index = i + 1;
        wanted.configuration = dengine_bytes(configuration, sizes[i]);
        CHECK_OK(save_as(store, &wanted, 100, 100));
        CHECK_OK(store.ops->newest(store.object, &meta));
        CHECK(is_meta(&meta, &wanted));
    }
    wanted.index = 9;
    wanted.configuration = dengine_bytes(configuration, DENGINE_SNAPSHOT_CONFIGURATION_MAX + 1);
    CHECK(store.ops->create(store.object, &wanted, &writer) == DENGINE_E_INVALID);
    contract->destroy(contract->context, &store);
    free(configuration);
    return true;
}

static bool equal_states_have_equal_images(const struct dengine_snapshot_contract *contract,
                                           struct dengine_contract_report *report)
{
    static const size_t pieces[] = {1000, 65536, STREAM_MAX};
    const struct dengine_snapshot_meta meta = meta_of(8);
    uint8_t *first = NULL;
    size_t first_size = 0;

    for (size_t i = 0; i < DE_ARRAY_SIZE(pieces); i++) {
        struct dengine_snapshot_store store;
        uint8_t *image = NULL;
        size_t size = 0;

        CHECK_OK(contract->create(contract->context, &store));
        if (i > 0) {
            CHECK_OK(save(store, 4, 99)); /* with another history */
        }
        CHECK_OK(save_as(store, &meta, 300000, pieces[i]));
        CHECK_OK(image_of(store, &image, &size));
        contract->destroy(contract->context, &store);
        if (i == 0) {
            first = image;
            first_size = size;
            continue;
        }
        CHECK(size == first_size && memcmp(image, first, size) == 0);
        free(image);
    }
    free(first);
    return true;
}

static bool an_aborted_one_leaves_nothing(const struct dengine_snapshot_contract *contract,
                                          struct dengine_contract_report *report)
{
    const struct dengine_snapshot_meta meta = meta_of(6);
    struct dengine_snapshot_store store;
    struct dengine_snapshot_writer *writer;

    CHECK_OK(contract->create(contract->context, &store));
    CHECK_OK(save(store, 5, 100));
    CHECK_OK(store.ops->create(store.object, &meta, &writer));
    CHECK_OK(store.ops->write(store.object, writer, dengine_str("something")));
    if (!newest_is(store, 5, 100, report)) {
        return false; /* before commit it does not count */
    }
    store.ops->abort(store.object, writer);
    CHECK_OK(store.ops->create(store.object, &meta, &writer));
    store.ops->abort(store.object, writer);
    if (contract->reopen != NULL) {
        CHECK_OK(contract->reopen(contract->context, &store));
    }
    if (!newest_is(store, 5, 100, report)) {
        return false;
    }
    CHECK_OK(save(store, 6, 200));
    if (!newest_is(store, 6, 200, report)) {
        return false;
    }
    contract->destroy(contract->context, &store);
    return true;
}

static bool what_makes_no_sense_is_refused(const struct dengine_snapshot_contract *contract,
                                           struct dengine_contract_report *report)
{
    struct dengine_snapshot_store store;
    struct dengine_snapshot_meta meta = meta_of(0);
    struct dengine_snapshot_writer *writer;
    struct dengine_snapshot_receiver *receiver;
    uint64_t have;

    CHECK_OK(contract->create(contract->context, &store));
    CHECK_OK(save(store, 5, 100));
    CHECK(store.ops->create(store.object, &meta, &writer) == DENGINE_E_INVALID);
    meta.index = 4;
    CHECK(store.ops->create(store.object, &meta, &writer) == DENGINE_E_INVALID);
    meta.index = 6;
    meta.term = 0;
    CHECK(store.ops->create(store.object, &meta, &writer) == DENGINE_E_INVALID);
    CHECK(store.ops->receive(store.object, 0, 3, 100, &receiver, &have) == DENGINE_E_INVALID);
    CHECK(store.ops->receive(store.object, 4, 3, 100, &receiver, &have) == DENGINE_E_INVALID);
    CHECK(store.ops->receive(store.object, 6, 0, 100, &receiver, &have) == DENGINE_E_INVALID);
    CHECK(store.ops->message(store.object)[0] != '\0');
    if (!newest_is(store, 5, 100, report)) {
        return false;
    }
    contract->destroy(contract->context, &store);
    return true;
}

static bool two_are_kept_and_those_that_are_read(const struct dengine_snapshot_contract *contract,
                                                 struct dengine_contract_report *report)
{
    struct dengine_snapshot_store store;
    struct dengine_snapshot_reader *readers[2];
    struct dengine_snapshot_reader *other;
    struct dengine_snapshot_meta meta;
    uint64_t image_bytes;

    CHECK_OK(contract->create(contract->context, &store));
    CHECK_OK(save(store, 1, 1000));
    CHECK_OK(store.ops->open(store.object, 1, &readers[0], &meta, &image_bytes));
    CHECK_OK(store.ops->open(store.object, 0, &readers[1], &meta, &image_bytes));
    for (uint64_t index = 2; index <= 5; index++) {
        CHECK_OK(save(store, index, 100000));
        CHECK_OK(store.ops->open(store.object, index - 1, &other, &meta, &image_bytes));
        CHECK(meta.index == index - 1);
        store.ops->close_reader(store.object, other);
    }
    CHECK(store.ops->open(store.object, 2, &other, &meta, &image_bytes) == DENGINE_E_NOT_FOUND);
    CHECK(store.ops->open(store.object, 3, &other, &meta, &image_bytes) == DENGINE_E_NOT_FOUND);
    for (size_t i = 0; i < 2; i++) {
        if (!stream_is(store, readers[i], 1, 1000, report)) {
            return false;
        }
        store.ops->close_reader(store.object, readers[i]);
    }
    CHECK_OK(save(store, 6, 10));
    CHECK(store.ops->open(store.object, 1, &other, &meta, &image_bytes) == DENGINE_E_NOT_FOUND);
    CHECK(store.ops->open(store.object, 4, &other, &meta, &image_bytes) == DENGINE_E_NOT_FOUND);
    if (contract->reopen != NULL) {
        CHECK_OK(contract->reopen(contract->context, &store));
        CHECK(store.ops->open(store.object, 4, &other, &meta, &image_bytes) == DENGINE_E_NOT_FOUND);
    }
    CHECK_OK(store.ops->open(store.object, 5, &other, &meta, &image_bytes));
    store.ops->close_reader(store.object, other);
    contract->destroy(contract->context, &store);
    return true;
}

/* What is there has been damaged, and is made anew. */
static bool the_newest_is_replaced(const struct dengine_snapshot_contract *contract,
                                   struct dengine_contract_report *report)
{
    struct dengine_snapshot_store store;
    struct dengine_snapshot_reader *reader;
    struct dengine_snapshot_meta meta;
    uint64_t image_bytes;

    CHECK_OK(contract->create(contract->context, &store));
    CHECK_OK(save(store, 4, 100));
    CHECK_OK(save(store, 8, 70000));
    CHECK_OK(store.ops->open(store.object, 0, &reader, &meta, &image_bytes));
    CHECK_OK(save(store, 8, 150000));
    if (!stream_is(store, reader, 8, 70000, report) || !newest_is(store, 8, 150000, report)) {
        return false;
    }
    store.ops->close_reader(store.object, reader);
    CHECK_OK(store.ops->open(store.object, 4, &reader, &meta, &image_bytes)); /* two are kept */
    store.ops->close_reader(store.object, reader);
    if (contract->reopen != NULL) {
        CHECK_OK(contract->reopen(contract->context, &store));
    }
    if (!newest_is(store, 8, 150000, report)) {
        return false;
    }
    contract->destroy(contract->context, &store);
    return true;
}

static bool an_image_is_received(const struct dengine_snapshot_contract *contract,
                                 struct dengine_contract_report *report)
{
    static const size_t pieces[] = {1, 7, 65536, IMAGE_MAX};
    struct dengine_snapshot_store store;
    uint8_t *image = NULL;
    size_t size = 0;

    CHECK_OK(contract->create(contract->context, &store));
    CHECK_OK(save(store, 8, 150000));
    CHECK_OK(image_of(store, &image, &size));
    contract->destroy(contract->context, &store);
    for (size_t i = 0; i < DE_ARRAY_SIZE(pieces); i++) {
        uint8_t *copy = NULL;
        size_t copy_size = 0;

        CHECK_OK(contract->create(contract->context, &store));
        CHECK_OK(save(store, 3, 10));
        CHECK_OK(send_all(store, 8, image, size, pieces[i]));
        if (contract->reopen != NULL) {
            CHECK_OK(contract->reopen(contract->context, &store));
        }
        if (!newest_is(store, 8, 150000, report)) {
            return false;
        }
        CHECK_OK(image_of(store, &copy, &copy_size));
        CHECK(copy_size == size && memcmp(copy, image, size) == 0);
        free(copy);
        contract->destroy(contract->context, &store);
    }
    free(image);
    return true;
}

static bool a_broken_transfer_goes_on(const struct dengine_snapshot_contract *contract,
                                      struct dengine_contract_report *report)
{
    struct dengine_snapshot_store from;
    struct dengine_snapshot_store to;
    struct dengine_snapshot_receiver *receiver;
    struct dengine_snapshot_meta meta;
    const struct dengine_snapshot_meta wanted = meta_of(8);
    uint8_t *image = NULL;
    size_t size = 0;
    uint64_t have = 0;

    CHECK_OK(contract->create(contract->context, &from));
    CHECK_OK(save(from, 8, 150000));
    CHECK_OK(image_of(from, &image, &size));
    CHECK(size > 150000);
    CHECK_OK(contract->create(contract->context, &to));
    for (size_t at = 0; at < size; at += size / 7) {
        CHECK_OK(to.ops->receive(to.object, 8, 3, size, &receiver, &have));
        CHECK(have == at);
        CHECK_OK(send(to, receiver, image, at, at + size / 7 < size ? at + size / 7 : size, 999));
        to.ops->receive_suspend(to.object, receiver);
        CHECK(to.ops->newest(to.object, &meta) == DENGINE_E_NOT_FOUND);
    }
    CHECK_OK(to.ops->receive(to.object, 8, 3, size, &receiver, &have));
    CHECK(have == size);
    CHECK_OK(to.ops->receive_finish(to.object, receiver, &meta));
    CHECK(is_meta(&meta, &wanted));
    if (!newest_is(to, 8, 150000, report)) {
        return false;
    }
    /* Another image forgets what is there of the first. */
    CHECK_OK(to.ops->receive(to.object, 9, 3, size, &receiver, &have));
    CHECK_OK(send(to, receiver, image, 0, 100, 100));
    to.ops->receive_suspend(to.object, receiver);
    CHECK_OK(to.ops->receive(to.object, 9, 3, size + 1, &receiver, &have));
    CHECK(have == 0);
    to.ops->receive_suspend(to.object, receiver);
    CHECK_OK(to.ops->receive(to.object, 9, 3, size, &receiver, &have));
    CHECK(have == 0);
    to.ops->receive_suspend(to.object, receiver);
    contract->destroy(contract->context, &to);
    contract->destroy(contract->context, &from);
    free(image);
    return true;
}

static bool a_damaged_image_is_not_taken(const struct dengine_snapshot_contract *contract,
                                         struct dengine_contract_report *report)
{
    struct dengine_snapshot_store store;
    uint8_t *image = NULL;
    size_t size = 0;

    CHECK_OK(contract->create(contract->context, &store));
    CHECK_OK(save(store, 8, 70000));
    CHECK_OK(image_of(store, &image, &size));
    contract->destroy(contract->context, &store);
    CHECK_OK(contract->create(contract->context, &store));
    CHECK_OK(save(store, 3, 10));
    for (size_t at = 0; at < size; at += at < 200 || at + 200 > size ? 1 : 501) {
        int error;

        image[at] ^= (uint8_t)(1u << at % 8);
        error = send_all(store, 8, image, size, 30000);
        CHECK(error == DENGINE_E_CORRUPT || error == DENGINE_E_VERSION);
        CHECK(store.ops->message(store.object)[0] != '\0');
        image[at] ^= (uint8_t)(1u << at % 8);
    }
    CHECK(send_all(store, 8, image, size - 1, 30000) == DENGINE_E_CORRUPT);
    CHECK(send_all(store, 9, image, size, 30000) == DENGINE_E_CORRUPT);
    if (!newest_is(store, 3, 10, report)) {
        return false;
    }
    CHECK_OK(send_all(store, 8, image, size, 30000));
    if (!newest_is(store, 8, 70000, report)) {
        return false;
    }
    contract->destroy(contract->context, &store);
    free(image);
    return true;
}

#define READERS 3u

struct race {
    struct dengine_snapshot_store store;
    atomic_bool stop;
    atomic_uint reads;
    atomic_int error;
};

/* Reads the newest one over and over; every one of them has 100000 bytes. */
static void *read_newest(void *context)
{
    struct race *race = context;
    const struct dengine_snapshot_store store = race->store;
    uint8_t *wanted = malloc(STREAM_MAX);
    uint8_t *got = malloc(STREAM_MAX);

    if (wanted == NULL || got == NULL) {
        atomic_store(&race->error, DENGINE_E_NO_MEMORY);
    }
    while (!atomic_load(&race->stop) && atomic_load(&race->error) == 0) {
        struct dengine_snapshot_reader *reader;
        struct dengine_snapshot_meta meta;
        uint64_t image_bytes;
        size_t total = 0;
        size_t more = 1;
        int error = store.ops->open(store.object, 0, &reader, &meta, &image_bytes);

        if (error != 0) {
            atomic_store(&race->error, error);
            break;
        }
        while (error == 0 && more > 0 && total <= 100000) {
            error = store.ops->read(store.object, reader, got + total, 30000, &more);
            total += error == 0 ? more : 0;
        }
        fill_stream(meta.index, wanted, 100000);
        if (error == 0 && (total != 100000 || memcmp(wanted, got, total) != 0)) {
            error = DE_FOUND_OTHER_VALUE;
        }
        store.ops->close_reader(store.object, reader);
        if (error != 0) {
            atomic_store(&race->error, error);
        }
        atomic_fetch_add(&race->reads, 1);
    }
    free(wanted);
    free(got);
    return NULL;
}

static bool
readers_in_other_threads_read_whole_ones(const struct dengine_snapshot_contract *contract,
                                         struct dengine_contract_report *report)
{
    struct race race;
    struct de_patience patience;
    pthread_t threads[READERS];
    bool late = false;
    int error = 0;

    CHECK_OK(contract->create(contract->context, &race.store));
    CHECK_OK(save(race.store, 1, 100000));
    atomic_init(&race.stop, false);
    atomic_init(&race.reads, 0);
    atomic_init(&race.error, 0);
    for (size_t i = 0; i < READERS; i++) {
        CHECK(pthread_create(&threads[i], NULL, read_newest, &race) == 0);
    }
    de_patience_init(&patience);
    for (uint64_t index = 2; error == 0 && atomic_load(&race.error) == 0 && !late; index++) {
        error = save(race.store, index, 100000);
        late = de_patience_is_over(&patience); /* readers do not get on beside the writer */
        if (index >= 30 && atomic_load(&race.reads) >= 100) {
            break;
        }
    }
    atomic_store(&race.stop, true);
    for (size_t i = 0; i < READERS; i++) {
        (void)pthread_join(threads[i], NULL);
    }
    CHECK_OK(error);
    CHECK_OK(atomic_load(&race.error));
    CHECK(!late);
    contract->destroy(contract->context, &race.store);
    return true;
}

const struct dengine_snapshot_contract_case *dengine_snapshot_contract_cases(size_t *count)
{
#define CASE(name)                                                                                 \
    {                                                                                              \
#name, name                                                                                \
    }
    static const struct dengine_snapshot_contract_case cases[] = {
        CASE(a_new_store_has_none),
        CASE(what_was_saved_is_read),
        CASE(a_configuration_has_any_size),
        CASE(equal_states_have_equal_images),
        CASE(an_aborted_one_leaves_nothing),
        CASE(what_makes_no_sense_is_refused),
        CASE(two_are_kept_and_those_that_are_read),
        CASE(the_newest_is_replaced),
        CASE(an_image_is_received),
        CASE(a_broken_transfer_goes_on),
        CASE(a_damaged_image_is_not_taken),
        CASE(readers_in_other_threads_read_whole_ones),
    };
#undef CASE

    DE_ASSERT(count != NULL);
    *count = DE_ARRAY_SIZE(cases);
    return cases;
}
