/* Every state that a power cut may leave of a log in LMDB, at every point of a short life.
 *
 * This program takes the place of the C library where LMDB writes and syncs, and records what it
 * does. Then, for each moment, images of the file are made: what was synced by then, and of what
 * was not any subset of its sectors, or garbage in their place. Each image is opened. It must hold
 * what was acknowledged, or that and the operation under way; nothing in between, and no refusal.
 *
 * LMDB writes its pages through one descriptor and syncs them, then the page that makes them count
 * through another, opened O_DSYNC: that is durable when the call returns. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/random.h"
#include "storage/contract/log_model.h"
#include "storage/lmdb/lmdb_log.h"

#define DIRECTORY    "lmdb_image.live"
#define IMAGE        "lmdb_image.cut"
#define FILE_NAME    "log.mdb"
#define EVENTS_MAX   4000u
#define OPS          60u
#define IMAGES       6u /* for each moment */
#define SECTOR_BYTES 512u
#define FILE_BYTES   (UINT64_C(4) << 20)
#define DATA_MAX     3000u

struct event {
    uint64_t offset;
    uint8_t *bytes; /* NULL: a sync */
    size_t size;
    bool durable; /* when the call returned */
};

static struct {
    bool on;
    struct event events[EVENTS_MAX];
    size_t count;
} record;

static struct {
    size_t events; /* had happened when it was acknowledged */
    struct de_log_model model;
} acknowledged[OPS + 1];

/* ---- in the place of the C library ---- */

#define TAKES_PLACE __attribute__((visibility("default")))

static bool is_the_log(int fd, bool *dsync)
{
    char link[64];
    char path[256];
    ssize_t size;

    (void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    size = readlink(link, path, sizeof(path) - 1);
    *dsync = (fcntl(fd, F_GETFL) & O_DSYNC) == O_DSYNC;
    if (size <= 0) {
        return false;
    }
    path[size] = '\0';
    return strstr(path, DIRECTORY "/" FILE_NAME) != NULL;
}

static void note(int fd, const void *data, size_t size, uint64_t offset)
{
    struct event *event = &record.events[record.count];
    bool dsync = false;

    if (!record.on || !is_the_log(fd, &dsync)) {
        return;
    }
    if (record.count == EVENTS_MAX || offset + size > FILE_BYTES) {
        (void)fprintf(stderr, "too much was written for this test\n");
        abort();
    }
    event->offset = offset;
    event->size = size;
    event->durable = dsync;
    event->bytes = NULL;
    if (data != NULL) {
        event->bytes = malloc(size);
        if (event->bytes == NULL) {
            abort();
        }
        memcpy(event->bytes, data, size);
    }
    record.count++;
}

TAKES_PLACE ssize_t pwrite(int fd, const void *data, size_t size, off_t offset)
{
    note(fd, data, size, (uint64_t)offset);
    return syscall(SYS_pwrite64, fd, data, size, offset);
}

TAKES_PLACE ssize_t writev(int fd, const struct iovec *parts, int count)
{
    uint64_t offset = (uint64_t)lseek(fd, 0, SEEK_CUR);

    for (int i = 0; i < count; i++) {
        note(fd, parts[i].iov_base, parts[i].iov_len, offset);
        offset += parts[i].iov_len;
    }
    return syscall(SYS_writev, fd, parts, count);
}

/* The page cache is all this test needs of the real disk. */
TAKES_PLACE int fdatasync(int fd)
{
    note(fd, NULL, 0, 0);
    return 0;
}

/* ---- the life ---- */

static struct dengine_log_store open_log(const char *path)
{
    const struct de_lmdb_log_options options = {1, 2, UINT64_C(1) << 18};
    struct dengine_log_store store;
    char message[512] = "";

    if (de_lmdb_log_open(path, &options, &store, message, sizeof(message)) != 0) {
        fail_msg("%s", message);
    }
    return store;
}

static int append(struct dengine_log_store store, struct de_log_model *model, uint32_t count,
                  uint32_t size)
{
    static uint8_t data[4][DATA_MAX];
    struct dengine_entry entries[4];
    struct dengine_log_write write = {.set_hard_state = true, .entries = entries};

    write.hard_state = model->hard_state;
    write.first_index = model->last_index + 1;
    write.entry_count = count;
    for (uint32_t i = 0; i < count; i++) {
        const struct de_log_model_entry entry = {model->hard_state.term, DENGINE_ENTRY_COMMAND,
                                                 size, model->last_index * 1000 + size};

        de_log_model_append(model, entry);
        de_log_model_data(entry.seed, size, data[i]);
        entries[i] = (struct dengine_entry){entry.term, entry.type, {data[i], size}};
    }
    return store.ops->write(store.object, &write, 1);
}

static int step(struct dengine_log_store store, struct de_log_model *model,
                struct de_random *random)
{
    const uint64_t held = model->last_index - model->base_index;
    const uint64_t kind = de_random_below(random, 12);
    struct dengine_log_write write = {.set_hard_state = true};
    uint64_t index = model->base_index + 1 + (held > 0 ? de_random_below(random, held) : 0);

    if (kind == 0 && held > 0) {
        model->hard_state.term++;
        de_log_model_truncate(model, index);
        write.hard_state = model->hard_state;
        write.truncate_from = index;
        return store.ops->write(store.object, &write, 1);
    }
    if (kind == 1 && held > 0) {
        const uint64_t term = de_log_model_at(model, index)->term;

        de_log_model_compact(model, index);
        return store.ops->compact(store.object, index, term);
    }
    if (kind == 2) {
        index = model->last_index + de_random_below(random, 3);
        de_log_model_reset(model, index, model->hard_state.term, &model->hard_state);
        return store.ops->reset(store.object, index, model->hard_state.term, &model->hard_state);
    }
    return append(store, model, (uint32_t)de_random_between(random, 1, 4),
                  (uint32_t)de_random_below(random, DATA_MAX));
}

static void live(uint64_t seed)
{
    static struct de_log_model model;
    struct dengine_log_store store;
    struct de_random random;

    de_random_init(&random, seed);
    de_log_model_init(&model);
    model.hard_state.term = 1;
    record.on = true;
    store = open_log(DIRECTORY);
    acknowledged[0].events = record.count;
    de_log_model_init(&acknowledged[0].model);
    for (uint32_t i = 1; i <= OPS; i++) {
        assert_int_equal(step(store, &model, &random), 0);
        acknowledged[i].events = record.count;
        acknowledged[i].model = model;
        while (i % 4 == 0 && store.ops->tidy(store.object, true) > 0) {
        }
    }
    record.on = false;
    store.ops->close(store.object);
}

/* ---- the images ---- */

static void put(uint8_t *image, uint64_t *end, const struct event *event, size_t from, size_t size)
{
    memcpy(image + event->offset + from, event->bytes + from, size);
    *end = event->offset + from + size > *end ? event->offset + from + size : *end;
}

/* An event that no sync covers: each of its sectors is kept, lost, or spoilt. */
static void put_some(uint8_t *image, uint64_t *end, const struct event *event, uint32_t how,
                     struct de_random *random)
{
    for (size_t at = 0; at < event->size; at += SECTOR_BYTES) {
        const size_t size = event->size - at < SECTOR_BYTES ? event->size - at : SECTOR_BYTES;
        const uint64_t luck = how == 0   ? 0
                              : how == 1 ? 1
                                         : de_random_below(random, how == 2 ? 2 : 3);

        if (luck == 0) {
            continue;
        }
        put(image, end, event, at, size);
        if (luck == 2) {
            memset(image + event->offset + at, 0xa5, size);
        }
    }
}

/* The file as it may be when the power goes after so many events; returns its size. */
static uint64_t make_image(uint8_t *image, size_t events, uint32_t how, struct de_random *random)
{
    uint64_t end = 0;
    size_t synced = events;

    memset(image, 0, FILE_BYTES);
    while (synced > 0 && record.events[synced - 1].bytes != NULL) {
        synced--;
    }
    for (size_t i = 0; i < events; i++) {
        const struct event *event = &record.events[i];

        if (event->bytes == NULL) {
            continue;
        }
        if (i < synced || event->durable) {
            put(image, &end, event, 0, event->size);
        } else {
            put_some(image, &end, event, how, random);
        }
    }
    return end;
}

static void write_image(const uint8_t *image, uint64_t size)
{
    FILE *file = fopen(IMAGE "/" FILE_NAME, "wb");

    assert_non_null(file);
    assert_int_equal(fwrite(image, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

/* The last operation that was acknowledged by then. */
static uint32_t operation_at(size_t events)
{
    uint32_t operation = 0;

    while (operation < OPS && acknowledged[operation + 1].events <= events) {
        operation++;
    }
    return operation;
}

static void check_image(size_t events)
{
    const uint32_t before = operation_at(events);
    struct dengine_contract_report report;
    struct dengine_log_store store = open_log(IMAGE);
    bool matches = de_log_model_matches(&acknowledged[before].model, store, &report);

    if (!matches && before < OPS) {
        matches = de_log_model_matches(&acknowledged[before + 1].model, store, &report);
    }
    store.ops->close(store.object);
    if (!matches) {
        fail_msg("after event %zu of %zu, operation %u: %s", events, record.count, before,
                 report.message);
    }
}

static void remove_files(void)
{
    (void)unlink(DIRECTORY "/" FILE_NAME);
    (void)unlink(IMAGE "/" FILE_NAME);
    (void)rmdir(DIRECTORY);
    (void)rmdir(IMAGE);
}

static void a_power_cut_at_any_moment_leaves_what_was_acknowledged(void **state)
{
    uint8_t *image = malloc(FILE_BYTES);
    struct de_random random;

    (void)state;
    assert_non_null(image);
    remove_files();
    live(1);
    assert_int_equal(mkdir(IMAGE, 0700), 0);
    de_random_init(&random, 2);
    /* Before the first acknowledgement there is no log yet, and so nothing that counts on it. */
    for (size_t events = acknowledged[0].events; events <= record.count; events++) {
        for (uint32_t how = 0; how < IMAGES; how++) {
            write_image(image, make_image(image, events, how, &random));
            check_image(events);
        }
    }
    assert_true(record.count > 3 * OPS); /* or the calls were not recorded */
    for (size_t i = 0; i < record.count; i++) {
        free(record.events[i].bytes);
    }
    free(image);
    remove_files();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_power_cut_at_any_moment_leaves_what_was_acknowledged)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
