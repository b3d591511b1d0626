/* dengine-cli: reads and changes the state of a cluster from the command line. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/arguments.h"
#include "cli/check_command.h"
#include "cli/elect_command.h"
#include "cli/exit_status.h"
#include "cli/lock_command.h"
#include "cli/member_command.h"
#include "cli/report.h"
#include "cli/scan_command.h"
#include "cli/snapshot_command.h"
#include "cli/txn_command.h"
#include "cli/value_command.h"
#include "cli/watch_command.h"
#include "cli/wal_command.h"
#include "client/json_text.h"

#define ENDPOINTS_DEFAULT "127.0.0.1:9081"

/* For asking why no server was found. */
#define WHY_MS 200

/* ---- the commands ---- */

static int run_delete(const struct de_cli_arguments *arguments, struct dengine_client *client)
{
    const struct dengine_slice key = dengine_str(arguments->operand[0]);
    uint64_t count = 0;
    uint8_t *end;
    int err;

    if (!arguments->prefix) {
        err = dengine_delete(client, key, NULL);
        return err != 0 ? de_cli_report_error(arguments, client, err, true)
                        : de_cli_report_done(arguments);
    }
    end = malloc(key.size + 1);
    if (end == NULL) {
        return de_cli_report_error(arguments, client, DENGINE_E_NO_MEMORY, true);
    }
    err = dengine_delete_range(client, key, dengine_prefix_end(key, end), NULL, &count);
    free(end);
    if (err != 0) {
        return de_cli_report_error(arguments, client, err, true);
    }
    (void)printf(arguments->json ? "{\"count\":%llu}\n" : "%llu\n", (unsigned long long)count);
    return STATUS_OK;
}

static int run_scan(const struct de_cli_arguments *arguments, struct dengine_client *client)
{
    const int err = de_cli_scan(arguments, client);

    return err != 0 ? de_cli_report_error(arguments, client, err, false) : STATUS_OK;
}

static int run_txn(const struct de_cli_arguments *arguments, struct dengine_client *client)
{
    struct de_cli_input script;
    char message[200];
    bool succeeded;
    int err;

    if (!de_cli_take_value("-", &script)) {
        return STATUS_USAGE;
    }
    err = de_cli_txn(arguments, client, script.owned, script.bytes.size, &succeeded, message,
                     sizeof message);
    free(script.owned);
    if (message[0] != '\0') {
        return de_cli_usage_error(message);
    }
    if (err != 0) {
        return de_cli_report_error(arguments, client, err, true);
    }
    return succeeded ? STATUS_OK : STATUS_FALSE;
}

static int run_watch(const struct de_cli_arguments *arguments, struct dengine_client *client)
{
    uint64_t revision;
    const int err = de_cli_watch(arguments, client, &revision);

    if (err == 0) {
        return STATUS_OK;
    }
    if (err == DENGINE_E_UNAVAILABLE) {
        const struct dengine_call_options soon = {.timeout_ms = WHY_MS};
        struct dengine_cluster_status status;

        (void)dengine_cluster_status(client, &soon, &status); /* says why in dengine_last_error */
    }
    if (revision == 0) {
        return de_cli_report_error(arguments, client, err, false);
    }
    if (arguments->json) {
        (void)printf("{\"error\":\"%s\",\"revision\":%llu}\n", dengine_error_name(err),
                     (unsigned long long)revision);
    } else if (err == DENGINE_E_CANCELED) {
        (void)fprintf(stderr,
                      "dengine-cli: the changes were read too slowly; go on with "
                      "--from-revision %llu\n",
                      (unsigned long long)revision);
    } else {
        (void)fprintf(stderr,
                      "dengine-cli: changes before revision %llu are not remembered any more\n",
                      (unsigned long long)revision);
    }
    return STATUS_FALSE;
}

static void print_lease(const struct de_cli_arguments *arguments,
                        const struct dengine_lease_info *info)
{
    (void)printf(arguments->json
                     ? "{\"lease\":%llu,\"ttl_ms\":%llu,\"left_ms\":%llu,\"keys\":%llu}\n"
                     : "%llu %llu %llu %llu\n",
                 (unsigned long long)info->lease, (unsigned long long)info->ttl_ms,
                 (unsigned long long)info->left_ms, (unsigned long long)info->keys);
}

static int run_lease_look(const struct de_cli_arguments *arguments, struct dengine_client *client)
{
    struct dengine_lease_info info;
    const int err =
        dengine_lease_look(client, arguments->lease, arguments->consistency, NULL, &info);

    if (err != 0) {
        return de_cli_report_error(arguments, client, err, false);
    }
    print_lease(arguments, &info);
    return STATUS_OK;
}

static int run_lease_list(const struct de_cli_arguments *arguments, struct dengine_client *client)
{
    uint64_t from = arguments->lease;
    bool more = true;

    while (more) {
        struct dengine_lease_page page;
        const int err = dengine_lease_list(client, from, arguments->consistency, NULL, &page);
        size_t i;

        if (err != 0) {
            return de_cli_report_error(arguments, client, err, false);
        }
        for (i = 0; i < page.count; i++) {
            print_lease(arguments, &page.leases[i]);
            from = page.leases[i].lease + 1;
        }
        more = page.more;
        dengine_lease_page_free(&page);
    }
    return STATUS_OK;
}

static int run_lease(const struct de_cli_arguments *arguments, struct dengine_client *client)
{
    const char *verb = arguments->operand[0];
    uint64_t lease = 0;
    int err;

    if (strcmp(verb, "ttl") == 0) {
        return run_lease_look(arguments, client);
    }
    if (strcmp(verb, "list") == 0) {
        return run_lease_list(arguments, client);
    }
    if (strcmp(verb, "grant") == 0) {
        err = dengine_lease_grant(client, arguments->ttl_s * 1000, NULL, &lease);
    } else if (strcmp(verb, "keep-alive") == 0) {
        err = dengine_lease_keep_alive(client, arguments->lease, NULL);
    } else {
        err = dengine_lease_revoke(client, arguments->lease, NULL);
    }
    if (err != 0) {
        return de_cli_report_error(arguments, client, err, true);
    }
    if (lease == 0) {
        return de_cli_report_done(arguments);
    }
    (void)printf(arguments->json ? "{\"lease\":%llu}\n" : "%llu\n", (unsigned long long)lease);
    return STATUS_OK;
}

static void print_status(const struct de_cli_arguments *arguments,
                         const struct dengine_cluster_status *status)
{
    uint32_t i;

    if (arguments->json && status->leader == 0) {
        (void)fputs("{\"leader\":null,\"members\":[", stdout);
    } else if (arguments->json) {
        (void)printf("{\"leader\":%llu,\"members\":[", (unsigned long long)status->leader);
    } else if (status->leader == 0) {
        (void)puts("no leader is known");
    }
    for (i = 0; i < status->member_count; i++) {
        const struct dengine_member *member = &status->members[i];

        if (arguments->json) {
            (void)printf("%s{\"id\":%llu,", i > 0 ? "," : "", (unsigned long long)member->id);
            de_json_put_bytes(stdout, "address", dengine_str(member->address));
            (void)printf(",\"leader\":%s}", member->leader ? "true" : "false");
        } else {
            (void)printf("%llu %s%s\n", (unsigned long long)member->id, member->address,
                         member->leader ? " leader" : "");
        }
    }
    (void)fputs(arguments->json ? "]}\n" : "", stdout);
}

static int run_status(const struct de_cli_arguments *arguments, struct dengine_client *client)
{
    struct dengine_cluster_status status;
    const int err = dengine_cluster_status(client, NULL, &status);

    if (err != 0) {
        return de_cli_report_error(arguments, client, err, false);
    }
    print_status(arguments, &status);
    return STATUS_OK;
}

static int run_member(const struct de_cli_arguments *arguments, struct dengine_client *client)
{
    const int err = de_cli_member(arguments, client);
    const bool write = strcmp(arguments->operand[0], "list") != 0;

    return err != 0 ? de_cli_report_error(arguments, client, err, write) : STATUS_OK;
}

static int run_transfer(const struct de_cli_arguments *arguments, struct dengine_client *client)
{
    const int err = de_cli_transfer(arguments, client);

    return err != 0 ? de_cli_report_error(arguments, client, err, true) : STATUS_OK;
}

static int run_leader(const struct de_cli_arguments *arguments, struct dengine_client *client)
{
    bool known;
    const int err = de_cli_leader(arguments, client, &known);

    if (err != 0) {
        return de_cli_report_error(arguments, client, err, false);
    }
    return known ? STATUS_OK : STATUS_FALSE;
}

static int run_check(const struct de_cli_arguments *arguments, struct dengine_client *client)
{
    const int err = de_cli_check_perf(arguments, client);

    return err != 0 ? de_cli_report_error(arguments, client, err, false) : STATUS_OK;
}

static int run(const struct de_cli_arguments *arguments, struct dengine_client *client)
{
    switch (arguments->command) {
    case DE_CLI_PUT:
        return de_cli_put(arguments, client);
    case DE_CLI_GET:
        return de_cli_get(arguments, client);
    case DE_CLI_DELETE:
        return run_delete(arguments, client);
    case DE_CLI_CAS:
        return de_cli_cas(arguments, client);
    case DE_CLI_LEASE:
        return run_lease(arguments, client);
    case DE_CLI_SCAN:
        return run_scan(arguments, client);
    case DE_CLI_TXN:
        return run_txn(arguments, client);
    case DE_CLI_WATCH:
        return run_watch(arguments, client);
    case DE_CLI_STATUS:
        return run_status(arguments, client);
    case DE_CLI_MEMBER:
        return run_member(arguments, client);
    case DE_CLI_LEADER:
        return run_leader(arguments, client);
    case DE_CLI_TRANSFER:
        return run_transfer(arguments, client);
    case DE_CLI_CHECK:
        return run_check(arguments, client);
    case DE_CLI_LOCK:
        return de_cli_lock(arguments, client);
    case DE_CLI_ELECT: /* this ends its client itself, */
    case DE_CLI_WAL:   /* and these need none */
    case DE_CLI_SNAPSHOT:
    case DE_CLI_NONE:
        break;
    }
    return STATUS_USAGE;
}

static const char *endpoints_of(const struct de_cli_arguments *arguments)
{
    const char *endpoints = arguments->endpoints;

    if (endpoints == NULL) {
        endpoints = getenv("DENGINE_ENDPOINTS");
    }
    return endpoints == NULL || endpoints[0] == '\0' ? ENDPOINTS_DEFAULT : endpoints;
}

static int connect_and_run(const struct de_cli_arguments *arguments)
{
    const struct dengine_connect_options options = {.timeout_ms = arguments->timeout_ms};
    struct dengine_client *client;
    char message[300];
    int status;
    int err;

    err = dengine_connect(endpoints_of(arguments), &options, &client);
    if (err != 0) {
        (void)snprintf(message, sizeof message, "%.250s", dengine_last_error(NULL));
        return err == DENGINE_E_INVALID ? de_cli_usage_error(message)
                                        : de_cli_report_failure(arguments, err, message, false);
    }
    if (arguments->command == DE_CLI_ELECT) {
        return de_cli_elect(arguments, client);
    }
    status = run(arguments, client);
    dengine_disconnect(client);
    return status;
}

int main(int argc, char **argv)
{
    struct de_cli_arguments arguments;
    int status;

    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGXFSZ, SIG_IGN); /* a limit on files then counts as a disk that is full */
    if (de_cli_parse(&arguments, argc, argv) != 0) {
        return de_cli_usage_error(arguments.message);
    }
    if (arguments.help) {
        de_cli_help(arguments.command, stdout);
        status = STATUS_OK;
    } else if (arguments.version) {
        (void)puts("dengine-cli " DENGINE_VERSION_TEXT);
        status = STATUS_OK;
    } else if (arguments.command == DE_CLI_WAL) {
        status = de_cli_wal(&arguments);
    } else if (arguments.command == DE_CLI_SNAPSHOT) {
        status = de_cli_snapshot(&arguments, endpoints_of(&arguments));
    } else {
        status = connect_and_run(&arguments);
    }
    if (fflush(stdout) != 0) {
        (void)fputs("dengine-cli: cannot write to standard output\n", stderr);
        /* What was asked for has been done all the same; the caller just did not get to see it. */
        return status == STATUS_OK ? STATUS_UNAVAILABLE : status;
    }
    return status;
}
