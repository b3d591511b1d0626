#include "cli/snapshot_command.h"

#include <dengine/snapshot.h>
#include <stdio.h>
#include <string.h>

#include "cli/exit_status.h"
#include "client/json_text.h"
#include "client/snapshot_fetch.h"
#include "core/base/assert.h"
#include "storage/posix/whole_file.h"

#define MESSAGE_BYTES 1024
#define ADDRESS_BYTES 256

/* Time without any progress; taking a large snapshot is one step. */
#define TIMEOUT_MS_DEFAULT 60000

static int report(const struct de_cli_arguments *arguments, int err, const char *message)
{
    const char *text = message[0] != '\0' ? message : dengine_strerror(err);

    DE_ASSERT(err != 0);
    if (arguments->json) {
        (void)printf("{\"error\":\"%s\",\"message\":", dengine_error_name(err));
        de_json_put_string(stdout, dengine_str(text));
        (void)fputs("}\n", stdout);
    } else {
        (void)fprintf(stderr, "dengine-cli: %s\n", text);
    }
    if (err == DENGINE_E_INVALID || err == DENGINE_E_CONFIG) {
        return STATUS_USAGE;
    }
    return err == DENGINE_E_CORRUPT || err == DENGINE_E_VERSION ? STATUS_FALSE : STATUS_UNAVAILABLE;
}

static int print_info(const struct de_cli_arguments *arguments, const char *path)
{
    struct dengine_snapshot_info info;
    const int err = dengine_snapshot_check(path, &info);

    if (err != 0) {
        return report(arguments, err, dengine_open_message());
    }
    if (arguments->json) {
        (void)printf("{\"index\":%llu,\"term\":%llu,\"cluster_id\":\"%016llx\",\"file_bytes\":%llu,"
                     "\"state_bytes\":%llu}\n",
                     (unsigned long long)info.index, (unsigned long long)info.term,
                     (unsigned long long)info.cluster_id, (unsigned long long)info.file_bytes,
                     (unsigned long long)info.state_bytes);
    } else {
        (void)printf("index %llu, term %llu, cluster %016llx, %llu bytes, whole\n",
                     (unsigned long long)info.index, (unsigned long long)info.term,
                     (unsigned long long)info.cluster_id, (unsigned long long)info.file_bytes);
    }
    return STATUS_OK;
}

/* The file that a snapshot is copied to. */
struct target {
    const char *path;
    struct de_whole_file file;
    char message[MESSAGE_BYTES];
};

static int begin_file(void *context)
{
    struct target *target = context;

    de_whole_file_abort(&target->file);
    return de_whole_file_create(&target->file, target->path, target->message,
                                sizeof target->message);
}

static int write_piece(void *context, struct dengine_slice bytes)
{
    struct target *target = context;

    return de_whole_file_write(&target->file, bytes, target->message, sizeof target->message);
}

static int save_from(const struct de_cli_arguments *arguments, const char *address,
                     struct target *target)
{
    const struct de_snapshot_sink sink = {target, begin_file, write_piece};
    const uint32_t timeout_ms =
        arguments->timeout_ms != 0 ? arguments->timeout_ms : TIMEOUT_MS_DEFAULT;
    char message[MESSAGE_BYTES];
    int err;

    target->file.fd = -1;
    target->message[0] = '\0';
    err = de_snapshot_fetch(address, timeout_ms, &sink, message, sizeof message);
    if (err == 0) {
        return de_whole_file_commit(&target->file, target->message, sizeof target->message);
    }
    de_whole_file_abort(&target->file);
    if (target->message[0] == '\0') {
        (void)snprintf(target->message, sizeof target->message, "%s: %.*s", address,
                       MESSAGE_BYTES - ADDRESS_BYTES - 3,
                       message[0] != '\0' ? message : dengine_strerror(err));
    }
    return err;
}

/* From the first of the endpoints that gives one. */
static int save(const struct de_cli_arguments *arguments, const char *endpoints)
{
    struct target target = {.path = arguments->operand[1]};
    const char *at = endpoints;
    int err = DENGINE_E_UNAVAILABLE;

    while (err != 0 && *at != '\0') {
        char address[ADDRESS_BYTES];
        const size_t size = strcspn(at, ",");

        if (size > 0 && size < sizeof address) {
            memcpy(address, at, size);
            address[size] = '\0';
            err = save_from(arguments, address, &target);
        }
        at += size + (at[size] == ',' ? 1 : 0);
    }
    /* What was written is read again: a backup that cannot be read is none. */
    return err != 0 ? report(arguments, err, target.message) : print_info(arguments, target.path);
}

static int set(struct dengine_config *config, const char *key, const char *value)
{
    return value == NULL ? 0 : dengine_config_set(config, key, value);
}

static int restore(const struct de_cli_arguments *arguments)
{
    struct dengine_config *config = dengine_config_new();
    int status = STATUS_OK;
    int err;

    if (config == NULL) {
        return report(arguments, DENGINE_E_NO_MEMORY, "");
    }
    err = arguments->config == NULL ? 0 : dengine_config_load(config, arguments->config);
    err = err != 0 ? err : set(config, "cluster.db_root_dir", arguments->data_dir);
    err = err != 0 ? err : set(config, "cluster.node_id", arguments->node_id);
    err = err != 0 ? err : set(config, "cluster.initial_cluster", arguments->initial_cluster);
    err = err != 0 ? err : set(config, "cluster.name", arguments->cluster_name);
    if (err != 0) {
        status = report(arguments, err, dengine_config_message(config));
    } else {
        err = dengine_snapshot_restore(arguments->operand[1], config);
        if (err != 0) {
            status = report(arguments, err, dengine_open_message());
        } else {
            (void)puts(arguments->json ? "{\"ok\":true}" : "ok");
        }
    }
    dengine_config_free(config);
    return status;
}

int de_cli_snapshot(const struct de_cli_arguments *arguments, const char *endpoints)
{
    DE_ASSERT(arguments->operand_count == 2);
    if (strcmp(arguments->operand[0], "save") == 0) {
        return save(arguments, endpoints);
    }
    if (strcmp(arguments->operand[0], "status") == 0) {
        return print_info(arguments, arguments->operand[1]);
    }
    DE_ASSERT(strcmp(arguments->operand[0], "restore") == 0);
    return restore(arguments);
}
