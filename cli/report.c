#include "cli/report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/json_text.h"
#include "core/base/assert.h"

/* Longest value that is read from standard input: more than any cluster allows. */
#define INPUT_BYTES_MAX (64u * 1024 * 1024)

/* Messages quote what they are about, which may be any bytes: a terminal is not to obey them. */
int de_cli_usage_error(const char *message)
{
    (void)fputs("dengine-cli: ", stderr);
    for (; *message != '\0'; message++) {
        const unsigned char byte = (unsigned char)*message;

        (void)fprintf(stderr, byte < 0x20 || byte == 0x7f ? "\\x%02x" : "%c", byte);
    }
    (void)fputs("\n", stderr);
    return STATUS_USAGE;
}

/* All of standard input. False with a message printed. */
static bool read_input(struct de_cli_input *input)
{
    size_t capacity = 64 * 1024;
    size_t size = 0;
    char *bytes = malloc(capacity);

    while (bytes != NULL) {
        char *larger;

        size += fread(bytes + size, 1, capacity - size, stdin);
        if (size < capacity || size > INPUT_BYTES_MAX) {
            break;
        }
        capacity *= 2;
        larger = realloc(bytes, capacity);
        if (larger == NULL) {
            free(bytes);
        }
        bytes = larger;
    }
    if (bytes == NULL || ferror(stdin) || size > INPUT_BYTES_MAX) {
        (void)de_cli_usage_error(bytes == NULL            ? "out of memory"
                                 : size > INPUT_BYTES_MAX ? "standard input is longer than 64 MiB"
                                                          : "cannot read standard input");
        free(bytes);
        return false;
    }
    input->owned = bytes;
    input->bytes = dengine_bytes(bytes, size);
    return true;
}

bool de_cli_take_value(const char *word, struct de_cli_input *input)
{
    *input = (struct de_cli_input){0};
    if (strcmp(word, "-") == 0) {
        return read_input(input);
    }
    input->bytes = dengine_str(word);
    return true;
}

static int status_of(int err, bool write)
{
    if (err == 0) {
        return STATUS_OK;
    }
    if (err == DENGINE_E_INVALID || err == DENGINE_E_TOO_LARGE) {
        return STATUS_USAGE;
    }
    if (err == DENGINE_E_NO_LEASE) {
        return STATUS_FALSE;
    }
    return write && dengine_outcome(err) == DENGINE_OUTCOME_UNKNOWN ? STATUS_UNKNOWN
                                                                    : STATUS_UNAVAILABLE;
}

int de_cli_report_failure(const struct de_cli_arguments *arguments, int err, const char *detail,
                          bool write)
{
    DE_ASSERT(err != 0);
    if (arguments->json) {
        (void)printf("{\"error\":\"%s\",\"message\":", dengine_error_name(err));
        de_json_put_string(stdout, dengine_str(dengine_strerror(err)));
        if (detail[0] != '\0') {
            (void)fputs(",", stdout);
            de_json_put_bytes(stdout, "detail", dengine_str(detail));
        }
        (void)fputs("}\n", stdout);
    } else {
        /* A server that has nothing to add gives the same text, behind its address. */
        const size_t size = strlen(detail);
        const size_t known = strlen(dengine_strerror(err));
        const bool more =
            size > 0 && (size < known || strcmp(detail + size - known, dengine_strerror(err)) != 0);

        (void)fprintf(stderr, "dengine-cli: %s%s%s%s\n", dengine_strerror(err), more ? " (" : "",
                      more ? detail : "", more ? ")" : "");
    }
    return status_of(err, write);
}

int de_cli_report_error(const struct de_cli_arguments *arguments, struct dengine_client *client,
                        int err, bool write)
{
    return de_cli_report_failure(arguments, err, dengine_last_error(client), write);
}

int de_cli_report_done(const struct de_cli_arguments *arguments)
{
    (void)puts(arguments->json ? "{\"ok\":true}" : "ok");
    return STATUS_OK;
}
