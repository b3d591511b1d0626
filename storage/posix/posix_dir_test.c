#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include <dengine/error.h>

#include "storage/base/message.h"
#include "storage/posix/posix_dir.h"

/* The test runs in a scratch directory of its own; each test makes a fresh one below it. */
struct fixture {
    char path[64];
    struct dengine_dir dir;
};

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    char message[DE_MESSAGE_BYTES];

    assert_non_null(fixture);
    (void)snprintf(fixture->path, sizeof(fixture->path), "posix_dir_XXXXXX");
    assert_non_null(mkdtemp(fixture->path));
    assert_int_equal(
        de_posix_dir_open(fixture->path, false, &fixture->dir, message, sizeof(message)), 0);
    *state = fixture;
    return 0;
}

static int remove_name(void *context, const char *name)
{
    struct dengine_dir *dir = context;

    return dir->ops->remove(dir->object, name);
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;

    (void)fixture->dir.ops->list(fixture->dir.object, remove_name, &fixture->dir);
    de_posix_dir_close(fixture->dir);
    (void)rmdir(fixture->path);
    free(fixture);
    return 0;
}

static struct dengine_file *open_file(struct fixture *fixture, const char *name,
                                      enum dengine_file_mode mode)
{
    struct dengine_file *file = NULL;

    assert_int_equal(fixture->dir.ops->open(fixture->dir.object, name, mode, &file), 0);
    assert_non_null(file);
    return file;
}

static void write_then_read_gives_the_bytes(void **state)
{
    struct fixture *f = *state;
    struct dengine_slice parts[3] = {dengine_str("one"), {NULL, 0}, dengine_str("two")};
    struct dengine_file *file = open_file(f, "a", DENGINE_FILE_CREATE);
    char text[7] = "";
    uint64_t size = 0;

    assert_int_equal(f->dir.ops->write(f->dir.object, file, 5, parts, 3), 0);
    assert_int_equal(f->dir.ops->sync(f->dir.object, file), 0);
    assert_int_equal(f->dir.ops->size(f->dir.object, file, &size), 0);
    assert_int_equal(size, 11);
    assert_int_equal(f->dir.ops->read(f->dir.object, file, 5, text, 6), 0);
    assert_string_equal(text, "onetwo");
    assert_int_equal(f->dir.ops->read(f->dir.object, file, 6, text, 6), DENGINE_E_IO);
    f->dir.ops->close(f->dir.object, file);
}

/* A hint: the bytes are the same with and without it, and the sync is still needed. */
static void a_sync_may_be_begun_before(void **state)
{
    struct fixture *f = *state;
    struct dengine_slice text = dengine_str("text");
    struct dengine_file *file = open_file(f, "a", DENGINE_FILE_CREATE);
    char back[5] = "";

    f->dir.ops->begin_sync(f->dir.object, file);
    for (uint64_t at = 0; at < 100; at += 4) {
        assert_int_equal(f->dir.ops->write(f->dir.object, file, at, &text, 1), 0);
        f->dir.ops->begin_sync(f->dir.object, file);
    }
    assert_int_equal(f->dir.ops->sync(f->dir.object, file), 0);
    assert_int_equal(f->dir.ops->read(f->dir.object, file, 96, back, 4), 0);
    assert_string_equal(back, "text");
    f->dir.ops->close(f->dir.object, file);
}

static void a_write_of_many_buffers_is_whole(void **state)
{
    struct fixture *f = *state;
    struct dengine_slice parts[1000];
    static uint8_t data[1000];
    static uint8_t back[1000];
    struct dengine_file *file = open_file(f, "a", DENGINE_FILE_CREATE);

    for (size_t i = 0; i < 1000; i++) {
        data[i] = (uint8_t)(i * 7);
        parts[i] = dengine_bytes(&data[i], 1);
    }
    assert_int_equal(f->dir.ops->write(f->dir.object, file, 0, parts, 1000), 0);
    assert_int_equal(f->dir.ops->read(f->dir.object, file, 0, back, 1000), 0);
    assert_memory_equal(data, back, 1000);
    f->dir.ops->close(f->dir.object, file);
}

static void modes_say_what_must_exist(void **state)
{
    struct fixture *f = *state;
    struct dengine_file *file;

    assert_int_equal(f->dir.ops->open(f->dir.object, "a", DENGINE_FILE_READ, &file),
                     DENGINE_E_NOT_FOUND);
    assert_int_equal(f->dir.ops->open(f->dir.object, "a", DENGINE_FILE_WRITE, &file),
                     DENGINE_E_NOT_FOUND);
    f->dir.ops->close(f->dir.object, open_file(f, "a", DENGINE_FILE_CREATE));
    assert_int_equal(f->dir.ops->open(f->dir.object, "a", DENGINE_FILE_CREATE, &file),
                     DENGINE_E_INVALID);
    f->dir.ops->close(f->dir.object, open_file(f, "a", DENGINE_FILE_READ));
    f->dir.ops->close(f->dir.object, open_file(f, "a", DENGINE_FILE_WRITE));
}

static void allocate_fills_with_zeros(void **state)
{
    struct fixture *f = *state;
    struct dengine_slice text = dengine_str("old");
    struct dengine_file *file = open_file(f, "a", DENGINE_FILE_CREATE);
    uint64_t size = 0;
    struct stat status;
    char path[80];
    uint8_t bytes[3];

    assert_int_equal(f->dir.ops->write(f->dir.object, file, 0, &text, 1), 0);
    assert_int_equal(f->dir.ops->allocate(f->dir.object, file, 5000001), 0);
    assert_int_equal(f->dir.ops->size(f->dir.object, file, &size), 0);
    assert_int_equal(size, 5000001);
    assert_int_equal(f->dir.ops->read(f->dir.object, file, 0, bytes, 3), 0);
    assert_memory_equal(bytes, "\0\0\0", 3);
    f->dir.ops->close(f->dir.object, file);
    (void)snprintf(path, sizeof(path), "%s/a", f->path);
    assert_int_equal(stat(path, &status), 0);
    assert_true(status.st_blocks * 512 >= 5000001);
}

static void truncate_cuts_and_extends(void **state)
{
    struct fixture *f = *state;
    struct dengine_slice text = dengine_str("abcdef");
    struct dengine_file *file = open_file(f, "a", DENGINE_FILE_CREATE);
    uint8_t bytes[6];

    assert_int_equal(f->dir.ops->write(f->dir.object, file, 0, &text, 1), 0);
    assert_int_equal(f->dir.ops->truncate(f->dir.object, file, 3), 0);
    assert_int_equal(f->dir.ops->truncate(f->dir.object, file, 6), 0);
    assert_int_equal(f->dir.ops->read(f->dir.object, file, 0, bytes, 6), 0);
    assert_memory_equal(bytes, "abc\0\0\0", 6);
    f->dir.ops->close(f->dir.object, file);
}

static int append_name(void *context, const char *name)
{
    char *text = context;
    size_t length = strlen(text);

    (void)snprintf(text + length, 64 - length, "%s ", name);
    return 0;
}

static void list_is_sorted_and_follows_rename_and_remove(void **state)
{
    struct fixture *f = *state;
    const char *names[] = {"b", "a10", "a9", "Z"};
    char text[64] = "";

    for (size_t i = 0; i < 4; i++) {
        f->dir.ops->close(f->dir.object, open_file(f, names[i], DENGINE_FILE_CREATE));
    }
    assert_int_equal(f->dir.ops->list(f->dir.object, append_name, text), 0);
    assert_string_equal(text, "Z a10 a9 b ");
    assert_int_equal(f->dir.ops->rename(f->dir.object, "b", "a9"), 0);
    assert_int_equal(f->dir.ops->remove(f->dir.object, "Z"), 0);
    assert_int_equal(f->dir.ops->remove(f->dir.object, "Z"), DENGINE_E_NOT_FOUND);
    assert_int_equal(f->dir.ops->sync_dir(f->dir.object), 0);
    text[0] = '\0';
    assert_int_equal(f->dir.ops->list(f->dir.object, append_name, text), 0);
    assert_string_equal(text, "a10 a9 ");
}

static int stop_at_first(void *context, const char *name)
{
    (void)name;
    ++*(int *)context;
    return 7;
}

static void list_stops_when_told(void **state)
{
    struct fixture *f = *state;
    int calls = 0;

    f->dir.ops->close(f->dir.object, open_file(f, "a", DENGINE_FILE_CREATE));
    f->dir.ops->close(f->dir.object, open_file(f, "b", DENGINE_FILE_CREATE));
    assert_int_equal(f->dir.ops->list(f->dir.object, stop_at_first, &calls), 7);
    assert_int_equal(calls, 1);
}

static void a_full_device_is_no_space(void **state)
{
    struct fixture *f = *state;
    struct dengine_slice text = dengine_str("x");
    struct dengine_dir dev;
    struct dengine_file *file;
    char message[DE_MESSAGE_BYTES];

    (void)f;
    assert_int_equal(de_posix_dir_open("/dev", false, &dev, message, sizeof(message)), 0);
    assert_int_equal(dev.ops->open(dev.object, "full", DENGINE_FILE_WRITE, &file), 0);
    assert_int_equal(dev.ops->write(dev.object, file, 0, &text, 1), DENGINE_E_NO_SPACE);
    dev.ops->close(dev.object, file);
    de_posix_dir_close(dev);
}

static void opening_what_is_no_directory_says_so(void **state)
{
    struct fixture *f = *state;
    struct dengine_dir dir;
    char message[DE_MESSAGE_BYTES] = "";
    char path[96];

    f->dir.ops->close(f->dir.object, open_file(f, "a", DENGINE_FILE_CREATE));
    (void)snprintf(path, sizeof(path), "%s/a", f->path);
    assert_int_equal(de_posix_dir_open(path, true, &dir, message, sizeof(message)),
                     DENGINE_E_INVALID);
    assert_non_null(strstr(message, path));
    (void)snprintf(path, sizeof(path), "%s/b", f->path);
    assert_int_equal(de_posix_dir_open(path, false, &dir, message, sizeof(message)),
                     DENGINE_E_NOT_FOUND);
    (void)snprintf(path, sizeof(path), "%s/b/c", f->path);
    assert_int_equal(de_posix_dir_open(path, true, &dir, message, sizeof(message)),
                     DENGINE_E_NOT_FOUND);
    assert_non_null(strstr(message, "above it does not exist"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(write_then_read_gives_the_bytes),
        TEST(a_sync_may_be_begun_before),
        TEST(a_write_of_many_buffers_is_whole),
        TEST(modes_say_what_must_exist),
        TEST(allocate_fills_with_zeros),
        TEST(truncate_cuts_and_extends),
        TEST(list_is_sorted_and_follows_rename_and_remove),
        TEST(list_stops_when_told),
        TEST(a_full_device_is_no_space),
        TEST(opening_what_is_no_directory_says_so),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
