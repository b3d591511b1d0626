#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include <dengine/error.h>

#include "storage/base/message.h"
#include "storage/posix/data_dir.h"
#include "storage/posix/posix_dir.h"

static const struct de_identity node_one = {1, 77};

struct fixture {
    char base[64];
    char path[80];
    char message[DE_MESSAGE_BYTES];
};

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));

    assert_non_null(fixture);
    (void)snprintf(fixture->base, sizeof(fixture->base), "data_dir_XXXXXX");
    assert_non_null(mkdtemp(fixture->base));
    (void)snprintf(fixture->path, sizeof(fixture->path), "%s/data", fixture->base);
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
    struct dengine_dir dir;

    (void)chmod(fixture->path, 0700);
    if (de_posix_dir_open(fixture->path, false, &dir, NULL, 0) == 0) {
        (void)dir.ops->list(dir.object, remove_name, &dir);
        de_posix_dir_close(dir);
    }
    (void)rmdir(fixture->path);
    (void)rmdir(fixture->base);
    free(fixture);
    return 0;
}

static int open_as(struct fixture *f, const struct de_identity *identity, struct de_data_dir *dir)
{
    f->message[0] = '\0';
    return de_data_dir_open(f->path, identity, dir, f->message, sizeof(f->message));
}

static void create_once(struct fixture *f)
{
    struct de_data_dir dir;

    assert_int_equal(open_as(f, &node_one, &dir), 0);
    assert_true(dir.created);
    de_data_dir_close(&dir);
}

/* Replaces or makes a file in the data directory. */
static void put_file(struct fixture *f, const char *name, const void *data, size_t size)
{
    char path[128];
    FILE *file;

    (void)snprintf(path, sizeof(path), "%s/%s", f->path, name);
    file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static void flip_identity_byte(struct fixture *f, long offset)
{
    char path[128];
    FILE *file;
    int byte;

    (void)snprintf(path, sizeof(path), "%s/dengine.id", f->path);
    file = fopen(path, "r+b");
    assert_non_null(file);
    assert_int_equal(fseek(file, offset, SEEK_SET), 0);
    byte = fgetc(file);
    assert_int_equal(fseek(file, offset, SEEK_SET), 0);
    assert_true(fputc(byte ^ 1, file) != EOF);
    assert_int_equal(fclose(file), 0);
}

static void a_new_directory_is_created_then_found(void **state)
{
    struct fixture *f = *state;
    struct de_identity any = {0, 0};
    struct de_data_dir dir;

    create_once(f);
    assert_int_equal(open_as(f, &any, &dir), 0);
    assert_false(dir.created);
    assert_int_equal(dir.identity.node_id, 1);
    assert_int_equal(dir.identity.cluster_id, 77);
    de_data_dir_close(&dir);
}

static void an_identity_can_be_replaced(void **state)
{
    struct fixture *f = *state;
    struct de_identity later = {1, 99};
    struct de_data_dir dir;

    create_once(f);
    assert_int_equal(open_as(f, &node_one, &dir), 0);
    assert_int_equal(de_data_dir_set_identity(&dir, &later), 0);
    assert_int_equal(dir.identity.cluster_id, 99);
    de_data_dir_close(&dir);
    assert_int_equal(open_as(f, &node_one, &dir), DENGINE_E_FOREIGN);
    assert_int_equal(open_as(f, &later, &dir), 0);
    de_data_dir_close(&dir);
}

static void a_second_holder_is_refused_and_the_first_named(void **state)
{
    struct fixture *f = *state;
    struct de_data_dir first;
    struct de_data_dir second;
    char pid[32];

    assert_int_equal(open_as(f, &node_one, &first), 0);
    assert_int_equal(open_as(f, &node_one, &second), DENGINE_E_LOCKED);
    (void)snprintf(pid, sizeof(pid), "process %ld;", (long)getpid());
    assert_non_null(strstr(f->message, pid));
    de_data_dir_close(&first);
    assert_int_equal(open_as(f, &node_one, &second), 0);
    de_data_dir_close(&second);
}

static void who_reads_holds_off_who_would_open(void **state)
{
    struct fixture *f = *state;
    struct de_data_dir first;
    int hold;
    char pid[32];

    assert_int_equal(de_data_dir_hold(f->path, &hold, f->message, sizeof(f->message)), 0);
    assert_int_equal(hold, -1); /* nothing to hold yet */
    assert_int_equal(open_as(f, &node_one, &first), 0);
    assert_int_equal(de_data_dir_hold(f->path, &hold, f->message, sizeof(f->message)),
                     DENGINE_E_LOCKED);
    (void)snprintf(pid, sizeof(pid), "process %ld;", (long)getpid());
    assert_non_null(strstr(f->message, pid));
    de_data_dir_close(&first);
    assert_int_equal(de_data_dir_hold(f->path, &hold, f->message, sizeof(f->message)), 0);
    assert_true(hold >= 0);
    assert_int_equal(open_as(f, &node_one, &first), DENGINE_E_LOCKED);
    assert_int_equal(close(hold), 0);
    assert_int_equal(open_as(f, &node_one, &first), 0);
    de_data_dir_close(&first);
}

static void another_process_is_refused(void **state)
{
    struct fixture *f = *state;
    struct de_data_dir first;
    struct de_data_dir second;
    int status = 0;
    pid_t child;

    assert_int_equal(open_as(f, &node_one, &first), 0);
    child = fork();
    if (child == 0) {
        _exit(open_as(f, &node_one, &second) == DENGINE_E_LOCKED ? 0 : 1);
    }
    assert_true(child > 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    de_data_dir_close(&first);
}

static int count_name(void *context, const char *name)
{
    (void)name;
    ++*(int *)context;
    return 0;
}

static void a_foreign_directory_is_not_touched(void **state)
{
    struct fixture *f = *state;
    struct de_data_dir dir;
    struct dengine_dir plain;
    int names = 0;

    assert_int_equal(mkdir(f->path, 0700), 0);
    put_file(f, "thesis.txt", "x", 1);
    assert_int_equal(open_as(f, &node_one, &dir), DENGINE_E_FOREIGN);
    assert_non_null(strstr(f->message, "thesis.txt"));
    assert_int_equal(de_posix_dir_open(f->path, false, &plain, NULL, 0), 0);
    assert_int_equal(plain.ops->list(plain.object, count_name, &names), 0);
    assert_int_equal(names, 1);
    de_posix_dir_close(plain);
}

static void leftovers_of_an_interrupted_creation_are_ours(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(mkdir(f->path, 0700), 0);
    put_file(f, "LOCK", "", 0);
    put_file(f, "dengine.id.tmp", "torn", 4);
    create_once(f);
}

static void another_node_or_cluster_is_refused(void **state)
{
    struct fixture *f = *state;
    struct de_identity other_node = {2, 77};
    struct de_identity other_cluster = {1, 78};
    struct de_data_dir dir;

    create_once(f);
    assert_int_equal(open_as(f, &other_node, &dir), DENGINE_E_FOREIGN);
    assert_non_null(strstr(f->message, "belongs to node 1, not to node 2"));
    assert_int_equal(open_as(f, &other_cluster, &dir), DENGINE_E_FOREIGN);
    assert_non_null(strstr(f->message, "cluster"));
}

static void every_damaged_byte_of_the_identity_is_noticed(void **state)
{
    struct fixture *f = *state;
    struct de_data_dir dir;

    create_once(f);
    for (long offset = 0; offset < 36; offset++) {
        flip_identity_byte(f, offset);
        assert_int_equal(open_as(f, &node_one, &dir), DENGINE_E_CORRUPT);
        flip_identity_byte(f, offset);
    }
    put_file(f, "dengine.id", "", 0);
    assert_int_equal(open_as(f, &node_one, &dir), DENGINE_E_CORRUPT);
    assert_non_null(strstr(f->message, "dengine.id is damaged"));
}

static void another_version_is_told_from_damage(void **state)
{
    struct fixture *f = *state;
    /* "DENGINEI", version 2, and the CRC-32C of these twelve bytes. */
    static const uint8_t later[16] = {'D', 'E', 'N', 'G', 'I',  'N',  'E',  'I',
                                      2,   0,   0,   0,   0xa4, 0x60, 0x60, 0x93};
    struct de_data_dir dir;

    create_once(f);
    put_file(f, "dengine.id", later, sizeof(later));
    assert_int_equal(open_as(f, &node_one, &dir), DENGINE_E_VERSION);
}

static void a_file_in_the_place_of_the_directory_is_refused(void **state)
{
    struct fixture *f = *state;
    struct de_data_dir dir;
    FILE *file = fopen(f->path, "wb");

    assert_non_null(file);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(open_as(f, &node_one, &dir), DENGINE_E_INVALID);
    assert_int_equal(unlink(f->path), 0);
}

/* Root may read everything, so a child gives that up first. */
static void an_unreadable_directory_is_refused(void **state)
{
    struct fixture *f = *state;
    struct de_data_dir dir;
    int status = 0;
    pid_t child;

    create_once(f);
    assert_int_equal(chmod(f->base, 0755), 0);
    assert_int_equal(chmod(f->path, 0), 0);
    child = fork();
    if (child == 0) {
        if (geteuid() == 0 && seteuid(65534) != 0) {
            _exit(2);
        }
        _exit(open_as(f, &node_one, &dir) == DENGINE_E_PERMISSION ? 0 : 1);
    }
    assert_true(child > 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(chmod(f->path, 0700), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_new_directory_is_created_then_found),
        TEST(an_identity_can_be_replaced),
        TEST(a_second_holder_is_refused_and_the_first_named),
        TEST(who_reads_holds_off_who_would_open),
        TEST(another_process_is_refused),
        TEST(a_foreign_directory_is_not_touched),
        TEST(leftovers_of_an_interrupted_creation_are_ours),
        TEST(another_node_or_cluster_is_refused),
        TEST(every_damaged_byte_of_the_identity_is_noticed),
        TEST(another_version_is_told_from_damage),
        TEST(a_file_in_the_place_of_the_directory_is_refused),
        TEST(an_unreadable_directory_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
