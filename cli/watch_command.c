#include "cli/watch_command.h"

#include <string.h>

#include <dengine/watch.h>

#include "client/json_text.h"
#include "core/base/assert.h"

/* Between two looks whether all is well; nothing is missed or late by it. */
#define WAIT_MS 60000

/* How long a server is looked for. */
#define TIMEOUT_MS_DEFAULT 5000

static void print_text(const struct de_cli_arguments *arguments, const struct dengine_event *event)
{
    const char *what = event->type == DENGINE_EVENT_PUT ? "put"
                       : event->expired                 ? "expire"
                                                        : "delete";

    (void)printf("%llu\t%s\t", (unsigned long long)event->revision, what);
    (void)fwrite(event->key.data, 1, event->key.size, stdout);
    if (event->type == DENGINE_EVENT_PUT) {
        (void)fputs("\t", stdout);
        (void)fwrite(event->value.data, 1, event->value.size, stdout);
    }
    if (arguments->previous && event->had_previous && !event->resynced) {
        (void)fputs("\twas ", stdout);
        (void)fwrite(event->previous.data, 1, event->previous.size, stdout);
    }
    (void)fputs("\n", stdout);
}

static void print_json(const struct de_cli_arguments *arguments, const struct dengine_event *event)
{
    (void)printf("{\"type\":\"%s\",\"revision\":%llu,",
                 event->type == DENGINE_EVENT_PUT ? "put" : "delete",
                 (unsigned long long)event->revision);
    de_json_put_bytes(stdout, "key", event->key);
    if (event->type == DENGINE_EVENT_PUT) {
        (void)fputs(",", stdout);
        de_json_put_bytes(stdout, "value", event->value);
    } else {
        (void)printf(",\"expired\":%s", event->expired ? "true" : "false");
    }
    (void)printf(",\"create_revision\":%llu,\"version\":%llu",
                 (unsigned long long)event->create_revision, (unsigned long long)event->version);
    if (event->lease != 0) {
        (void)printf(",\"lease\":%llu", (unsigned long long)event->lease);
    }
    if (event->resynced) {
        (void)fputs(",\"resynced\":true", stdout);
    }
    if (arguments->previous && event->had_previous && !event->resynced) {
        (void)fputs(",", stdout);
        de_json_put_bytes(stdout, "previous", event->previous);
    }
    (void)fputs("}\n", stdout);
}

/* 0 when enough has been seen. Once a server has been heard it goes on for ever; UNAVAILABLE when
 * none is within the time-out, for what cannot be reached may be a slip of the pen. */
static int follow(const struct de_cli_arguments *arguments, struct dengine_watch *watch)
{
    const uint32_t patience_ms =
        arguments->timeout_ms != 0 ? arguments->timeout_ms : TIMEOUT_MS_DEFAULT;
    bool heard = false;
    uint64_t seen = 0;
    int err = 0;

    dengine_watch_progress(watch);
    while ((err == 0 || err == DENGINE_E_TIMEOUT) &&
           (arguments->limit == 0 || seen < arguments->limit)) {
        struct dengine_event event;

        err = dengine_watch_next(watch, heard ? WAIT_MS : patience_ms, &event);
        heard = heard || err == 0 || dengine_watch_revision(watch) != 0;
        if (err == DENGINE_E_TIMEOUT && !heard) {
            return DENGINE_E_UNAVAILABLE;
        }
        if (err == 0) {
            (arguments->json ? print_json : print_text)(arguments, &event);
            seen++;
            /* Whoever reads this through a pipe is to see it now. */
            err = fflush(stdout) == 0 ? 0 : DENGINE_E_IO;
        }
    }
    return err;
}

int de_cli_watch(const struct de_cli_arguments *arguments, struct dengine_client *client,
                 uint64_t *revision)
{
    const struct dengine_slice key = dengine_str(arguments->operand[0]);
    struct dengine_watch_options options = {.from = key,
                                            .one_key = !arguments->prefix,
                                            .resync = true,
                                            .from_revision = arguments->from_revision};
    struct dengine_watch *watch;
    char end[512];
    int err;

    *revision = 0;
    if (arguments->prefix && key.size <= sizeof end) {
        options.end = dengine_prefix_end(key, end);
    }
    err = dengine_watch_open(client, &options, &watch);
    if (err == 0) {
        err = follow(arguments, watch);
        if (err == DENGINE_E_CANCELED || err == DENGINE_E_COMPACTED) {
            *revision = dengine_watch_revision(watch);
        }
        dengine_watch_close(watch);
    }
    return err;
}
