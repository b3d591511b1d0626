#include "cli/value_command.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/report.h"
#include "client/json_text.h"

int de_cli_put(const struct de_cli_arguments *arguments, struct dengine_client *client)
{
    const struct dengine_put_options life = {.ttl_ms = arguments->ttl_s * 1000,
                                             .lease = arguments->lease};
    struct de_cli_input value;
    int err;

    if (!de_cli_take_value(arguments->operand[1], &value)) {
        return STATUS_USAGE;
    }
    err = dengine_put_with(client, dengine_str(arguments->operand[0]), value.bytes, &life, NULL,
                           NULL);
    free(value.owned);
    return err != 0 ? de_cli_report_error(arguments, client, err, true)
                    : de_cli_report_done(arguments);
}

static void print_value(const struct de_cli_arguments *arguments, const struct dengine_value *value)
{
    const struct dengine_slice bytes = dengine_bytes(value->data, value->size);

    if (arguments->json) {
        (void)fputs("{\"found\":true,", stdout);
        de_json_put_bytes(stdout, "key", dengine_str(arguments->operand[0]));
        (void)fputs(",", stdout);
        de_json_put_bytes(stdout, "value", bytes);
        if (arguments->revision) {
            (void)printf(",\"revision\":%llu", (unsigned long long)value->revision);
        }
        (void)fputs("}\n", stdout);
        return;
    }
    if (arguments->revision) {
        (void)printf("%llu\t", (unsigned long long)value->revision);
    }
    (void)fwrite(bytes.data, 1, bytes.size, stdout);
    if (isatty(STDOUT_FILENO)) {
        (void)fputs("\n", stdout);
    }
}

int de_cli_get(const struct de_cli_arguments *arguments, struct dengine_client *client)
{
    struct dengine_value value;
    int err = dengine_get(client, dengine_str(arguments->operand[0]), arguments->consistency, NULL,
                          &value);

    if (err == 0 && arguments->revision && value.revision == 0) {
        dengine_value_free(&value);
        err = DENGINE_E_VERSION; /* a server that does not tell */
    }
    if (err == 0) {
        print_value(arguments, &value);
        dengine_value_free(&value);
        return STATUS_OK;
    }
    if (err != DENGINE_E_NOT_FOUND) {
        return de_cli_report_error(arguments, client, err, false);
    }
    if (arguments->json) {
        (void)fputs("{\"found\":false,", stdout);
        de_json_put_bytes(stdout, "key", dengine_str(arguments->operand[0]));
        (void)fputs("}\n", stdout);
    } else {
        (void)fputs("dengine-cli: key not found\n", stderr);
    }
    return STATUS_FALSE;
}

/* Puts value if the key has changed last at --mod-revision. */
static int swap_revision(const struct de_cli_arguments *arguments, struct dengine_client *client,
                         struct dengine_slice value, bool *succeeded)
{
    const struct dengine_slice key = dengine_str(arguments->operand[0]);
    const struct dengine_compare last = {.target = DENGINE_COMPARE_MOD_REVISION,
                                         .relation = DENGINE_EQUAL,
                                         .key = key,
                                         .number = arguments->mod_revision};
    const struct dengine_op put = {.type = DENGINE_OP_PUT, .key = key, .value = value};
    const struct dengine_txn txn = {&last, 1, &put, 1, NULL, 0};
    struct dengine_txn_result result = {0};
    const int err = dengine_txn(client, &txn, NULL, &result);

    *succeeded = err == 0 && result.succeeded;
    dengine_txn_result_free(&result);
    return err;
}

int de_cli_cas(const struct de_cli_arguments *arguments, struct dengine_client *client)
{
    struct de_cli_input expected = {0};
    struct de_cli_input value = {0};
    bool succeeded = false;
    int err;

    if ((arguments->expect != NULL && !de_cli_take_value(arguments->expect, &expected)) ||
        !de_cli_take_value(arguments->operand[1], &value)) {
        free(expected.owned);
        return STATUS_USAGE;
    }
    err = arguments->mod_revision != 0
              ? swap_revision(arguments, client, value.bytes, &succeeded)
              : dengine_compare_and_swap(client, dengine_str(arguments->operand[0]),
                                         arguments->absent ? NULL : &expected.bytes, value.bytes,
                                         NULL, &succeeded);
    free(value.owned);
    free(expected.owned);
    if (err != 0) {
        return de_cli_report_error(arguments, client, err, true);
    }
    if (arguments->json) {
        (void)printf("{\"succeeded\":%s}\n", succeeded ? "true" : "false");
    } else {
        (void)puts(succeeded ? "ok" : "comparison false, nothing changed");
    }
    return succeeded ? STATUS_OK : STATUS_FALSE;
}
