#include "cli/txn_command.h"

#include <stdlib.h>

#include "cli/scan_command.h"
#include "cli/txn_script.h"
#include "core/base/assert.h"

static const char *name_of(enum dengine_op_type type)
{
    switch (type) {
    case DENGINE_OP_PUT:
        return "put";
    case DENGINE_OP_DELETE:
        return "del";
    case DENGINE_OP_DELETE_RANGE:
        return "del-range";
    case DENGINE_OP_GET:
        return "get";
    case DENGINE_OP_RANGE:
        return "range";
    }
    return "unknown";
}

static void print_text(const struct dengine_txn_result *result)
{
    size_t i;
    size_t k;

    (void)puts(result->succeeded ? "then" : "else");
    for (i = 0; i < result->op_count; i++) {
        const struct dengine_op_result *op = &result->ops[i];

        (void)printf("%s %llu%s\n", name_of(op->type), (unsigned long long)op->count,
                     op->more ? " and more" : "");
        for (k = 0; k < op->pair_count; k++) {
            de_cli_print_pair(&op->pairs[k], false);
        }
    }
}

static void print_json(const struct dengine_txn_result *result)
{
    size_t i;
    size_t k;

    (void)printf("{\"succeeded\":%s,\"revision\":%llu,\"results\":[",
                 result->succeeded ? "true" : "false", (unsigned long long)result->revision);
    for (i = 0; i < result->op_count; i++) {
        const struct dengine_op_result *op = &result->ops[i];

        (void)printf("%s{\"op\":\"%s\",\"count\":%llu,\"more\":%s,\"pairs\":[", i > 0 ? "," : "",
                     name_of(op->type), (unsigned long long)op->count, op->more ? "true" : "false");
        for (k = 0; k < op->pair_count; k++) {
            (void)fputs(k > 0 ? "," : "", stdout);
            de_cli_print_pair_json(&op->pairs[k], false);
        }
        (void)fputs("]}", stdout);
    }
    (void)fputs("]}\n", stdout);
}

int de_cli_txn(const struct de_cli_arguments *arguments, struct dengine_client *client, char *text,
               size_t size, bool *succeeded, char *message, size_t message_size)
{
    struct de_txn_script *script = malloc(sizeof *script);
    struct dengine_txn_result result;
    int err;

    DE_ASSERT(message_size > 0);
    message[0] = '\0';
    *succeeded = false;
    if (script == NULL) {
        return DENGINE_E_NO_MEMORY;
    }
    err = de_txn_script_parse(script, text, size);
    if (err != 0) {
        (void)snprintf(message, message_size, "%s", script->message);
    } else {
        err = dengine_txn(client, &script->txn, NULL, &result);
        if (err == 0) {
            (arguments->json ? print_json : print_text)(&result);
            *succeeded = result.succeeded;
            dengine_txn_result_free(&result);
        }
    }
    free(script);
    return err;
}
