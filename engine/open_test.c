/* Opening what cannot be opened: what is said, and that nothing foreign is touched. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/codec.h"
#include "core/base/crc32c.h"
#include "core/kv/record.h"
#include "engine/engine_test_support.h"
#include "storage/lmdb/lmdb_kv.h"

#define DIRECTORY "open.data"

static int setup(void **state)
{
    (void)state;
    de_test_remove_tree(DIRECTORY);
    return 0;
}

static void check_refused(int err, int expected, const char *part)
{
    if (err != expected) {
        fail_msg("%s instead of %s: %s", dengine_error_name(err), dengine_error_name(expected),
                 dengine_open_message());
    }
    if (strstr(dengine_open_message(), part) == NULL) {
        fail_msg("\"%s\" does not contain \"%s\"", dengine_open_message(), part);
    }
}

static void refuse_open(int expected, const char *part)
{
    struct dengine *engine;

    check_refused(dengine_open(DIRECTORY, &engine), expected, part);
    assert_null(engine);
}

static void open_and_close(void)
{
    struct dengine *engine;

    if (dengine_open(DIRECTORY, &engine) != 0) {
        fail_msg("%s", dengine_open_message());
    }
    assert_int_equal(dengine_wait_ready(engine, 20000, NULL), 0);
    assert_int_equal(dengine_close(engine), 0);
}

static void put_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    assert_int_equal(close(fd), 0);
}

static void a_second_engine_on_a_directory_is_locked_out(void **state)
{
    struct dengine *engine;
    struct dengine *second;

    (void)state;
    assert_int_equal(dengine_open(DIRECTORY, &engine), 0);
    check_refused(dengine_open(DIRECTORY, &second), DENGINE_E_LOCKED, "is in use by process");
    assert_int_equal(dengine_close(engine), 0);
    open_and_close();
}

static void a_directory_of_something_else_is_not_touched(void **state)
{
    struct stat info;

    (void)state;
    assert_int_equal(mkdir(DIRECTORY, 0700), 0);
    put_file(DIRECTORY "/thesis.tex", "precious");
    refuse_open(DENGINE_E_FOREIGN, "thesis.tex");
    assert_int_not_equal(stat(DIRECTORY "/dengine.id", &info), 0);
    assert_int_not_equal(stat(DIRECTORY "/LOCK", &info), 0);
    assert_int_not_equal(stat(DIRECTORY "/wal", &info), 0);
}

static void a_file_in_place_of_the_directory_is_refused(void **state)
{
    (void)state;
    put_file(DIRECTORY, "a file");
    refuse_open(DENGINE_E_INVALID, DIRECTORY);
    assert_int_equal(remove(DIRECTORY), 0);
}

static void a_missing_parent_is_not_found(void **state)
{
    struct dengine *engine;

    (void)state;
    check_refused(dengine_open("open.none/data", &engine), DENGINE_E_NOT_FOUND, "open.none");
}

static void a_changed_node_id_is_refused(void **state)
{
    struct dengine_config *config = dengine_config_new();
    struct dengine *engine;

    (void)state;
    assert_non_null(config);
    open_and_close();
    assert_int_equal(dengine_config_set(config, "cluster.db_root_dir", DIRECTORY), 0);
    assert_int_equal(dengine_config_set(config, "cluster.node_id", "2"), 0);
    check_refused(dengine_open_config(config, &engine), DENGINE_E_FOREIGN, "belongs to node 1");
    dengine_config_free(config);
}

/* A node that was given an id is found again by who does not name it. */
static void the_node_id_of_the_directory_is_kept(void **state)
{
    struct dengine_config *config = dengine_config_new();
    struct dengine *engine;

    (void)state;
    assert_non_null(config);
    assert_int_equal(dengine_config_set(config, "cluster.db_root_dir", DIRECTORY), 0);
    assert_int_equal(dengine_config_set(config, "cluster.node_id", "7"), 0);
    engine = de_test_open(config);
    assert_int_equal(dengine_close(engine), 0);
    assert_int_equal(dengine_open(DIRECTORY, &engine), 0);
    assert_int_equal(dengine_node_id(engine), 7);
    assert_int_equal(dengine_close(engine), 0);
    dengine_config_free(config);
}

static void a_directory_of_one_is_not_one_of_several_nor_the_reverse(void **state)
{
    uint16_t ports[3];
    struct dengine_config *config;
    struct dengine *engine;

    (void)state;
    de_test_free_ports(ports, 3);
    config = de_test_cluster_config(1, ports, 3, DIRECTORY);
    open_and_close();
    check_refused(dengine_open_config(config, &engine), DENGINE_E_FOREIGN, "belongs to cluster");
    de_test_remove_tree(DIRECTORY);
    engine = de_test_open(config);
    assert_int_equal(dengine_close(engine), 0);
    refuse_open(DENGINE_E_FOREIGN, "cluster of several");
    assert_int_equal(dengine_config_set(config, "cluster.name", "another"), 0);
    check_refused(dengine_open_config(config, &engine), DENGINE_E_FOREIGN, "belongs to cluster");
    dengine_config_free(config);
}

static void a_port_in_use_is_told_before_anything_is_made(void **state)
{
    uint16_t ports[2];
    struct dengine_config *config;
    struct dengine *engine;
    struct sockaddr_in address = {0};
    struct stat info;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    (void)state;
    assert_true(fd >= 0);
    de_test_free_ports(ports, 2);
    address.sin_family = AF_INET;
    address.sin_port = htons(ports[0]);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(fd, 1), 0);
    config = de_test_cluster_config(1, ports, 2, DIRECTORY);
    check_refused(dengine_open_config(config, &engine), DENGINE_E_ADDRESS_IN_USE, "is in use");
    assert_int_not_equal(stat(DIRECTORY, &info), 0);
    assert_int_equal(close(fd), 0);
    dengine_config_free(config);
}

static void a_configuration_without_directory_is_refused(void **state)
{
    struct dengine_config *config = dengine_config_new();
    struct dengine *engine;

    (void)state;
    assert_non_null(config);
    check_refused(dengine_open_config(config, &engine), DENGINE_E_CONFIG, "db_root_dir");
    dengine_config_free(config);
    check_refused(dengine_open_file("open.none.toml", &engine), DENGINE_E_NOT_FOUND, "open.none");
    assert_int_equal(mkdir(DIRECTORY, 0700), 0);
    put_file(DIRECTORY "/open.toml", "[cluster]\ndb_root = \"x\"\n");
    check_refused(dengine_open_file(DIRECTORY "/open.toml", &engine), DENGINE_E_CONFIG,
                  "open.toml:2: there is no setting");
}

/* The state is a view of the log: without it, it is made again. */
static void a_lost_state_is_made_again_from_the_log(void **state)
{
    struct dengine *engine;
    struct dengine_value value;

    (void)state;
    assert_int_equal(dengine_open(DIRECTORY, &engine), 0);
    assert_int_equal(dengine_wait_ready(engine, 20000, NULL), 0);
    assert_int_equal(
        dengine_put(dengine_client_of(engine), DENGINE_STR("k"), DENGINE_STR("v"), NULL), 0);
    assert_int_equal(dengine_close(engine), 0);
    de_test_remove_tree(DIRECTORY "/state");
    assert_int_equal(dengine_open(DIRECTORY, &engine), 0);
    assert_int_equal(dengine_wait_ready(engine, 20000, NULL), 0);
    assert_int_equal(
        dengine_get(dengine_client_of(engine), DENGINE_STR("k"), DENGINE_EVENTUAL, NULL, &value),
        0);
    dengine_value_free(&value);
    assert_int_equal(dengine_close(engine), 0);
}

/* Writes the state's format version into the closed store, as another version of the program would
 * have. */
static void set_state_version(uint8_t version)
{
    struct dengine_kv_store store;
    struct dengine_kv_view *view;
    struct dengine_slice value;
    enum de_lmdb_found found;
    uint8_t bytes[DE_KV_STATE_BYTES];
    char message[512];

    assert_int_equal(
        de_lmdb_kv_open(DIRECTORY "/state", NULL, &store, &found, message, sizeof(message)), 0);
    assert_int_equal(found, DE_LMDB_KEPT);
    assert_int_equal(store.ops->view_open(store.object, &view), 0);
    assert_int_equal(store.ops->view_get(store.object, view, de_kv_state_key(), &value), 0);
    assert_int_equal(value.size, sizeof(bytes));
    memcpy(bytes, value.data, sizeof(bytes));
    store.ops->view_close(store.object, view);
    bytes[4] = version;
    de_store_u32(bytes + sizeof(bytes) - 4, de_crc32c(0, bytes, sizeof(bytes) - 4));
    assert_int_equal(store.ops->begin(store.object), 0);
    assert_int_equal(
        store.ops->put(store.object, de_kv_state_key(), dengine_bytes(bytes, sizeof(bytes))), 0);
    assert_int_equal(store.ops->commit(store.object), 0);
    store.ops->close(store.object);
}

static void a_state_of_an_older_version_is_made_again(void **state)
{
    struct dengine *engine;
    struct dengine_value value;

    (void)state;
    assert_int_equal(dengine_open(DIRECTORY, &engine), 0);
    assert_string_equal(dengine_open_message(), "");
    assert_int_equal(dengine_wait_ready(engine, 20000, NULL), 0);
    assert_int_equal(
        dengine_put(dengine_client_of(engine), DENGINE_STR("k"), DENGINE_STR("v"), NULL), 0);
    assert_int_equal(dengine_close(engine), 0);
    set_state_version(DE_KV_FORMAT_VERSION - 1);
    assert_int_equal(dengine_open(DIRECTORY, &engine), 0);
    assert_non_null(strstr(dengine_open_message(), "an older version of dengine wrote it"));
    assert_int_equal(dengine_wait_ready(engine, 20000, NULL), 0);
    assert_int_equal(
        dengine_get(dengine_client_of(engine), DENGINE_STR("k"), DENGINE_EVENTUAL, NULL, &value),
        0);
    dengine_value_free(&value);
    assert_int_equal(dengine_close(engine), 0);
    assert_int_equal(dengine_open(DIRECTORY, &engine), 0);
    assert_string_equal(dengine_open_message(), "");
    assert_int_equal(dengine_close(engine), 0);
}

static void a_state_of_a_newer_version_is_refused_and_left(void **state)
{
    (void)state;
    open_and_close();
    set_state_version(DE_KV_FORMAT_VERSION + 1);
    refuse_open(DENGINE_E_VERSION, "newer version");
    set_state_version(DE_KV_FORMAT_VERSION); /* all of it is still there */
    open_and_close();
    assert_string_equal(dengine_open_message(), "");
}

/* The log is not: a state ahead of it shows that acknowledged writes are gone. */
static void a_lost_log_is_corruption(void **state)
{
    struct dengine *engine;

    (void)state;
    assert_int_equal(dengine_open(DIRECTORY, &engine), 0);
    assert_int_equal(dengine_wait_ready(engine, 20000, NULL), 0);
    assert_int_equal(
        dengine_put(dengine_client_of(engine), DENGINE_STR("k"), DENGINE_STR("v"), NULL), 0);
    assert_int_equal(dengine_close(engine), 0);
    de_test_remove_tree(DIRECTORY "/wal");
    refuse_open(DENGINE_E_CORRUPT, "log is gone");
    /* Nor is it when nothing is ahead of it: the votes were in it. */
    de_test_remove_tree(DIRECTORY "/state");
    refuse_open(DENGINE_E_CORRUPT, "under a new id");
    refuse_open(DENGINE_E_CORRUPT, "under a new id");
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, setup)

static int open_with_log(const char *log_store, struct dengine **engine)
{
    struct dengine_config *config = dengine_config_new();
    int err;

    assert_non_null(config);
    assert_int_equal(dengine_config_set(config, "cluster.db_root_dir", DIRECTORY), 0);
    assert_int_equal(dengine_config_set(config, "storage.log_store", log_store), 0);
    err = dengine_open_config(config, engine);
    dengine_config_free(config);
    return err;
}

/* The state is removed, so what is read comes from the log. */
static void the_log_may_be_kept_in_lmdb(void **state)
{
    struct dengine_value value;
    struct dengine *engine;

    (void)state;
    assert_int_equal(open_with_log("lmdb", &engine), 0);
    assert_int_equal(dengine_wait_ready(engine, 20000, NULL), 0);
    assert_int_equal(
        dengine_put(dengine_client_of(engine), DENGINE_STR("k"), DENGINE_STR("v"), NULL), 0);
    assert_int_equal(dengine_close(engine), 0);
    check_refused(open_with_log("wal", &engine), DENGINE_E_CONFIG, "set storage.log_store to lmdb");
    de_test_remove_tree(DIRECTORY "/state");
    assert_int_equal(open_with_log("lmdb", &engine), 0);
    assert_int_equal(dengine_wait_ready(engine, 20000, NULL), 0);
    assert_int_equal(dengine_get(dengine_client_of(engine), DENGINE_STR("k"), DENGINE_LINEARIZABLE,
                                 NULL, &value),
                     0);
    assert_int_equal(value.size, 1);
    dengine_value_free(&value);
    assert_int_equal(dengine_close(engine), 0);
}

static void an_emptied_log_in_lmdb_is_corruption(void **state)
{
    struct dengine *engine;

    (void)state;
    assert_int_equal(open_with_log("lmdb", &engine), 0);
    assert_int_equal(dengine_wait_ready(engine, 20000, NULL), 0);
    assert_int_equal(
        dengine_put(dengine_client_of(engine), DENGINE_STR("k"), DENGINE_STR("v"), NULL), 0);
    assert_int_equal(dengine_close(engine), 0);
    assert_int_equal(truncate(DIRECTORY "/log/log.mdb", 0), 0);
    check_refused(open_with_log("lmdb", &engine), DENGINE_E_CORRUPT, "is gone");
    de_test_remove_tree(DIRECTORY "/state");
    check_refused(open_with_log("lmdb", &engine), DENGINE_E_CORRUPT, "under a new id");
    de_test_remove_tree(DIRECTORY "/log");
    check_refused(open_with_log("lmdb", &engine), DENGINE_E_CORRUPT, "under a new id");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_second_engine_on_a_directory_is_locked_out),
        CASE(a_directory_of_something_else_is_not_touched),
        CASE(a_file_in_place_of_the_directory_is_refused),
        CASE(a_missing_parent_is_not_found),
        CASE(a_changed_node_id_is_refused),
        CASE(the_node_id_of_the_directory_is_kept),
        CASE(a_directory_of_one_is_not_one_of_several_nor_the_reverse),
        CASE(a_port_in_use_is_told_before_anything_is_made),
        CASE(a_configuration_without_directory_is_refused),
        CASE(a_lost_state_is_made_again_from_the_log),
        CASE(the_log_may_be_kept_in_lmdb),
        CASE(an_emptied_log_in_lmdb_is_corruption),
        CASE(a_state_of_an_older_version_is_made_again),
        CASE(a_state_of_a_newer_version_is_refused_and_left),
        CASE(a_lost_log_is_corruption),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
