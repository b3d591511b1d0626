#include "cli/arguments_check.h"

#include <stdio.h>
#include <string.h>

#include "cli/command_table.h"
#include "core/base/assert.h"

/* What no other "snapshot" than restore takes. */
static int refuse_restore_options(struct de_cli_arguments *arguments)
{
    DE_ASSERT(arguments->command != DE_CLI_NONE);
    if (arguments->data_dir != NULL || arguments->node_id != NULL ||
        arguments->initial_cluster != NULL || arguments->cluster_name != NULL ||
        arguments->config != NULL) {
        return de_cli_refuse(arguments,
                             "--data-dir, --node-id, --initial-cluster, --cluster-name and "
                             "--config belong to snapshot restore");
    }
    return 0;
}

static int check_snapshot(struct de_cli_arguments *arguments, const struct de_cli_usage *command)
{
    const char *verb = arguments->operand[0];
    const bool restores = strcmp(verb, "restore") == 0;

    if (!restores && strcmp(verb, "save") != 0 && strcmp(verb, "status") != 0) {
        return de_cli_refuse(arguments, "there is no \"snapshot %.40s\"; usage: %s", verb,
                             command->usage);
    }
    if (restores && arguments->data_dir == NULL && arguments->config == NULL) {
        return de_cli_refuse(arguments, "snapshot restore needs --data-dir DIR, or --config FILE");
    }
    return restores ? 0 : refuse_restore_options(arguments);
}

/* The verb and object of "lease". */
static int check_lease(struct de_cli_arguments *arguments, const char *usage)
{
    const char *verb = arguments->operand[0];

    if (strcmp(verb, "grant") == 0) {
        return de_cli_take_number(arguments, "SECONDS", arguments->operand[1], DE_CLI_TTL_S_MAX,
                                  &arguments->ttl_s);
    }
    if (strcmp(verb, "list") == 0 && strcmp(arguments->operand[1], "0") == 0) {
        return 0;
    }
    if (strcmp(verb, "keep-alive") == 0 || strcmp(verb, "revoke") == 0 ||
        strcmp(verb, "ttl") == 0 || strcmp(verb, "list") == 0) {
        return de_cli_take_number(arguments, "ID", arguments->operand[1], UINT64_MAX,
                                  &arguments->lease);
    }
    return de_cli_refuse(arguments, "there is no \"lease %.40s\"; usage: %s", verb, usage);
}

/* Whether the last ID is among those before it. */
static bool is_repeated(const struct de_cli_arguments *arguments)
{
    const size_t last = arguments->id_count - 1;
    size_t i = 0;

    DE_ASSERT(arguments->id_count > 0);
    while (i < last && arguments->ids[i] != arguments->ids[last]) {
        i++;
    }
    return i < last;
}

/* "ID" or, where many are allowed, "ID,ID,...". One of many that is there twice was to be another,
 * which would be removed. */
static int take_ids(struct de_cli_arguments *arguments, const char *list, bool many)
{
    const char *at = list;

    while (*at != '\0') {
        const size_t size = strcspn(at, ",");
        char one[24];

        if (arguments->id_count == DENGINE_MEMBERS_MAX || size >= sizeof one ||
            (!many && at[size] == ',')) {
            return de_cli_refuse(arguments, "ID %.40s: must be 1 to 4294967295", list);
        }
        memcpy(one, at, size);
        one[size] = '\0';
        if (de_cli_take_number(arguments, "ID", one, UINT32_MAX,
                               &arguments->ids[arguments->id_count++]) != 0) {
            return DENGINE_E_INVALID;
        }
        if (many && is_repeated(arguments)) {
            return de_cli_refuse(arguments, "ID %s is there twice in %.60s", one, list);
        }
        at += size + (at[size] == ',' ? 1 : 0);
    }
    return arguments->id_count > 0 ? 0 : de_cli_refuse(arguments, "an ID is missing");
}

/* What each verb of "member" takes. */
static int check_member(struct de_cli_arguments *arguments, const char *usage)
{
    static const struct {
        const char *verb;
        size_t operands;
        bool address;
    } verbs[] = {{"list", 1, false},   {"add", 3, true},      {"promote", 2, false},
                 {"remove", 2, false}, {"replace", 3, false}, {"move", 3, true},
                 {"voters", 2, false}};
    const char *verb = arguments->operand[0];
    size_t i = 0;
    int err = 0;

    while (i < DE_ARRAY_SIZE(verbs) && strcmp(verbs[i].verb, verb) != 0) {
        i++;
    }
    if (i == DE_ARRAY_SIZE(verbs)) {
        return de_cli_refuse(arguments,
                             "there is no \"member %.40s\"; see dengine-cli member --help", verb);
    }
    if (arguments->operand_count != verbs[i].operands) {
        return de_cli_refuse(arguments, "usage: %s", usage);
    }
    if ((arguments->client_address != NULL && !verbs[i].address) ||
        (arguments->read_only && strcmp(verb, "add") != 0)) {
        return de_cli_refuse(arguments,
                             "--client-address belongs to member add and move, --read-only to "
                             "member add");
    }
    if (arguments->operand_count > 1) {
        err = take_ids(arguments, arguments->operand[1], strcmp(verb, "voters") == 0);
    }
    if (err == 0 && strcmp(verb, "replace") == 0) {
        err = take_ids(arguments, arguments->operand[2], false);
    }
    return err;
}

/* Refuses an option that the command does not take, and says which do. */
static int refuse_option(struct de_cli_arguments *arguments, const struct de_cli_option *option)
{
    uint32_t rest = option->commands;
    char names[64] = "";
    size_t i;

    for (i = 0; i < DE_CLI_COMMANDS; i++) {
        const uint32_t bit = UINT32_C(1) << de_cli_commands[i].command;
        const size_t size = strlen(names);

        if ((rest & bit) != 0) {
            rest &= ~bit;
            (void)snprintf(names + size, sizeof names - size, "%s%s",
                           size == 0   ? ""
                           : rest == 0 ? " and "
                                       : ", ",
                           de_cli_commands[i].name);
        }
    }
    DE_ASSERT(rest == 0 && names[0] != '\0');
    return de_cli_refuse(arguments, "%s belongs to %s", option->name, names);
}

static int check_options(struct de_cli_arguments *arguments)
{
    const bool holds = arguments->command == DE_CLI_LOCK || arguments->command == DE_CLI_ELECT;
    size_t i;

    for (i = 0; i < DE_CLI_OPTIONS; i++) {
        const struct de_cli_option *option = &de_cli_options[i];

        if ((arguments->given & UINT32_C(1) << option->kind) != 0 &&
            (option->commands & UINT32_C(1) << arguments->command) == 0) {
            return refuse_option(arguments, option);
        }
    }
    if (holds && arguments->ttl_s > DE_CLI_HOLD_S_MAX) {
        return de_cli_refuse(arguments, "--ttl: must be 1 to %d", DE_CLI_HOLD_S_MAX);
    }
    if (arguments->ttl_s != 0 && arguments->lease != 0) {
        return de_cli_refuse(arguments, "a key ends after --ttl or with --lease, not both");
    }
    if (arguments->count_only &&
        (arguments->limit != 0 || arguments->keys_only || arguments->reverse)) {
        return de_cli_refuse(arguments,
                             "--count goes with none of --limit, --keys-only and --reverse");
    }
    return 0;
}

int de_cli_check(struct de_cli_arguments *arguments)
{
    const struct de_cli_usage *command = de_cli_usage_of(arguments->command);

    if (arguments->help || arguments->version) {
        return 0;
    }
    if (command == NULL) {
        return de_cli_refuse(arguments, "there is no command; see dengine-cli --help");
    }
    if (arguments->operand_count < command->operands_least ||
        (arguments->command == DE_CLI_LOCK && arguments->program == NULL)) {
        return de_cli_refuse(arguments, "something is missing; usage: %s", command->usage);
    }
    if (arguments->command == DE_CLI_WAL && strcmp(arguments->operand[0], "inspect") != 0 &&
        strcmp(arguments->operand[0], "verify") != 0) {
        return de_cli_refuse(arguments, "there is no \"wal %.40s\"; usage: %s",
                             arguments->operand[0], command->usage);
    }
    if (arguments->command == DE_CLI_CHECK && strcmp(arguments->operand[0], "perf") != 0) {
        return de_cli_refuse(arguments, "there is no \"check %.40s\"; usage: %s",
                             arguments->operand[0], command->usage);
    }
    if (check_options(arguments) != 0) {
        return DENGINE_E_INVALID;
    }
    if (arguments->command == DE_CLI_SNAPSHOT) {
        return check_snapshot(arguments, command);
    }
    if (arguments->command == DE_CLI_MEMBER) {
        return check_member(arguments, command->usage);
    }
    if (arguments->command == DE_CLI_TRANSFER && strcmp(arguments->operand[0], "0") != 0) {
        return take_ids(arguments, arguments->operand[0], false);
    }
    if (arguments->command == DE_CLI_LEASE) {
        return check_lease(arguments, command->usage);
    }
    if (arguments->command == DE_CLI_CAS &&
        arguments->absent + (arguments->expect != NULL) + (arguments->mod_revision != 0) != 1) {
        return de_cli_refuse(arguments,
                             "cas needs exactly one of --expect, --absent and --mod-revision; "
                             "usage: %s",
                             command->usage);
    }
    if (arguments->command == DE_CLI_CAS && arguments->expect != NULL &&
        strcmp(arguments->expect, "-") == 0 && strcmp(arguments->operand[1], "-") == 0) {
        return de_cli_refuse(arguments, "only one value can be read from standard input");
    }
    return 0;
}
