#include "cli/wal_command.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/exit_status.h"
#include "client/json_text.h"
#include "core/base/assert.h"
#include "storage/posix/data_dir.h"
#include "storage/posix/posix_dir.h"
#include "storage/wal/wal_format.h"
#include "storage/wal/wal_inspect.h"

#define PATH_BYTES    4096
#define MESSAGE_BYTES 1024

/* A log, and what keeps its owner away meanwhile. */
struct place {
    char wal[PATH_BYTES];
    int lock_fd; /* -1: nobody has to be kept away */
};

static int report(const struct de_cli_arguments *arguments, int err, const char *message)
{
    if (arguments->json) {
        (void)printf("{\"error\":\"%s\",\"message\":", dengine_error_name(err));
        de_json_put_string(stdout, dengine_str(message));
        (void)fputs("}\n", stdout);
    } else {
        (void)fprintf(stderr, "dengine-cli: %s\n", message);
    }
    switch (err) {
    case DENGINE_E_CORRUPT:
    case DENGINE_E_VERSION:
    case DENGINE_E_FOREIGN:
        return STATUS_FALSE;
    default:
        return STATUS_UNAVAILABLE;
    }
}

/* The directory that was named has a log in wal/, or is one, with its data directory above it. */
static int find_place(const char *path, struct place *place, char *message)
{
    char owner[PATH_BYTES];
    int size = snprintf(place->wal, sizeof(place->wal), "%s/wal", path);
    bool inside = size > 0 && size < PATH_BYTES && access(place->wal, F_OK) == 0;

    if (!inside) {
        size = snprintf(place->wal, sizeof(place->wal), "%s", path);
    }
    DE_ASSERT(size >= 0);
    if (size >= PATH_BYTES ||
        snprintf(owner, sizeof(owner), "%s%s", path, inside ? "" : "/..") >= (int)sizeof(owner)) {
        (void)snprintf(message, MESSAGE_BYTES, "the path of the directory is too long");
        return DENGINE_E_INVALID;
    }
    return de_data_dir_hold(owner, &place->lock_fd, message, MESSAGE_BYTES);
}

static int print_line(void *context, const char *line)
{
    (void)context;
    return puts(line) == EOF ? DENGINE_E_IO : 0;
}

static void print_verdict(const struct de_cli_arguments *arguments,
                          const struct de_wal_verdict *verdict)
{
    char name[DE_WAL_NAME_BYTES];

    de_wal_name(verdict->end_sequence, name);
    if (arguments->json) {
        (void)printf("{\"ok\":true,\"segments\":%llu,\"spares\":%llu,\"groups\":%llu,"
                     "\"records\":%llu,\"entries\":%llu,\"node_id\":%llu,"
                     "\"cluster_id\":\"%016llx\",\"end_segment\":\"%s\",\"end_offset\":%llu,"
                     "\"torn\":%s,\"marked\":%s}\n",
                     (unsigned long long)verdict->segments, (unsigned long long)verdict->spares,
                     (unsigned long long)verdict->groups, (unsigned long long)verdict->records,
                     (unsigned long long)verdict->entries, (unsigned long long)verdict->node_id,
                     (unsigned long long)verdict->cluster_id, name,
                     (unsigned long long)verdict->end_offset, verdict->torn ? "true" : "false",
                     verdict->marked ? "true" : "false");
        return;
    }
    (void)printf("ok: %llu segments and %llu spares, %llu groups, %llu records, %llu entries; node "
                 "%llu of cluster %016llx; ends in %s at byte %llu\n",
                 (unsigned long long)verdict->segments, (unsigned long long)verdict->spares,
                 (unsigned long long)verdict->groups, (unsigned long long)verdict->records,
                 (unsigned long long)verdict->entries, (unsigned long long)verdict->node_id,
                 (unsigned long long)verdict->cluster_id, name,
                 (unsigned long long)verdict->end_offset);
    if (verdict->torn) {
        (void)puts("a write that was not finished stands behind the end; the next start cuts it "
                   "off");
    }
}

int de_cli_wal(const struct de_cli_arguments *arguments)
{
    const bool print = strcmp(arguments->operand[0], "inspect") == 0;
    const enum de_wal_lines lines = arguments->json ? DE_WAL_LINES_JSON : DE_WAL_LINES_TEXT;
    struct place place = {.lock_fd = -1};
    struct dengine_dir dir = {NULL, NULL};
    struct de_wal_verdict verdict;
    char message[MESSAGE_BYTES] = "";
    int status = STATUS_OK;
    int err = find_place(arguments->operand[1], &place, message);

    DE_ASSERT(arguments->command == DE_CLI_WAL && arguments->operand_count == 2);
    if (err == 0) {
        err = de_posix_dir_open(place.wal, false, &dir, message, sizeof(message));
    }
    if (err == 0) {
        err = de_wal_inspect(dir, lines, print ? print_line : NULL, NULL, &verdict, message,
                             sizeof(message));
    }
    if (err != 0) {
        status = report(arguments, err, message[0] != '\0' ? message : dengine_strerror(err));
    } else {
        print_verdict(arguments, &verdict);
    }
    if (dir.object != NULL) {
        de_posix_dir_close(dir);
    }
    if (place.lock_fd >= 0) {
        (void)close(place.lock_fd);
    }
    return status;
}
