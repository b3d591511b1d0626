#include "cli/arguments.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "cli/arguments_check.h"
#include "cli/command_table.h"
#include "client/nearest.h"
#include "core/base/assert.h"

/* A message is one line; a usage may be several. */
static void join_lines(char *text)
{
    char *to = text;
    const char *from;

    for (from = text; *from != '\0'; from++) {
        if (*from == '\n') {
            from += strspn(from + 1, " ");
            *to++ = ' ';
        } else {
            *to++ = *from;
        }
    }
    *to = '\0';
    DE_ASSERT(to <= from);
}

int de_cli_refuse(struct de_cli_arguments *arguments, const char *format, ...)
{
    va_list list;

    va_start(list, format);
    (void)vsnprintf(arguments->message, sizeof arguments->message, format, list);
    va_end(list);
    join_lines(arguments->message);
    return DENGINE_E_INVALID;
}

int de_cli_take_number(struct de_cli_arguments *arguments, const char *what, const char *value,
                       uint64_t most, uint64_t *number)
{
    char *end;

    errno = 0;
    *number = strtoull(value, &end, 10);
    if (value[0] < '0' || value[0] > '9' || *end != '\0' || errno != 0 || *number < 1 ||
        *number > most) {
        return de_cli_refuse(arguments, "%s %.40s: must be 1 to %llu", what, value,
                             (unsigned long long)most);
    }
    return 0;
}

static int take_command(struct de_cli_arguments *arguments, const char *word)
{
    const char *names[DE_CLI_COMMANDS];
    const char *nearest;
    size_t i;

    for (i = 0; i < DE_CLI_COMMANDS; i++) {
        names[i] = de_cli_commands[i].name;
        if (strcmp(word, de_cli_commands[i].name) == 0) {
            arguments->command = de_cli_commands[i].command;
            return 0;
        }
    }
    /* Operands may begin with a dash, as keys and values do; commands do not. */
    if (strcmp(word, "-h") == 0) {
        arguments->help = true;
        return 0;
    }
    if (word[0] == '-') {
        return de_cli_refuse(arguments, "there is no option %.60s; see dengine-cli --help", word);
    }
    nearest = de_nearest(word, names, DE_CLI_COMMANDS);
    return nearest == NULL
               ? de_cli_refuse(arguments, "there is no command \"%.60s\"; see dengine-cli --help",
                               word)
               : de_cli_refuse(arguments, "there is no command \"%.60s\"; did you mean \"%s\"?",
                               word, nearest);
}

static int take_operand(struct de_cli_arguments *arguments, const char *word)
{
    if (arguments->command == DE_CLI_NONE) {
        return take_command(arguments, word);
    }
    if (arguments->operand_count == de_cli_usage_of(arguments->command)->operands) {
        return de_cli_refuse(arguments, "\"%.60s\" is one operand too many; usage: %s", word,
                             de_cli_usage_of(arguments->command)->usage);
    }
    arguments->operand[arguments->operand_count++] = word;
    return 0;
}

static int take_consistency(struct de_cli_arguments *arguments, const char *value)
{
    if (strcmp(value, "linearizable") == 0) {
        arguments->consistency = DENGINE_LINEARIZABLE;
    } else if (strcmp(value, "lease") == 0) {
        arguments->consistency = DENGINE_LEASE;
    } else if (strcmp(value, "eventual") == 0) {
        arguments->consistency = DENGINE_EVENTUAL;
    } else {
        return de_cli_refuse(arguments,
                             "--consistency %.40s: must be linearizable, lease or eventual", value);
    }
    return 0;
}

static int take_timeout(struct de_cli_arguments *arguments, const char *value)
{
    char *end;
    const unsigned long number = strtoul(value, &end, 10);

    if (value[0] < '0' || value[0] > '9' || *end != '\0' || number < 1 || number > 86400000) {
        return de_cli_refuse(arguments, "--timeout %.40s: must be 1 to 86400000 milliseconds",
                             value);
    }
    arguments->timeout_ms = (uint32_t)number;
    return 0;
}

static int take_output(struct de_cli_arguments *arguments, const char *value)
{
    arguments->json = strcmp(value, "json") == 0;
    if (!arguments->json && strcmp(value, "text") != 0) {
        return de_cli_refuse(arguments, "--output %.40s: must be text or json", value);
    }
    return 0;
}

/* Where an option goes whose value is kept as it is; NULL for the others. */
static const char **text_of(struct de_cli_arguments *arguments, enum de_cli_option_kind kind)
{
    switch ((int)kind) {
    case OPTION_ENDPOINTS:
        return &arguments->endpoints;
    case OPTION_EXPECT:
        return &arguments->expect;
    case OPTION_DATA_DIR:
        return &arguments->data_dir;
    case OPTION_NODE_ID:
        return &arguments->node_id;
    case OPTION_INITIAL_CLUSTER:
        return &arguments->initial_cluster;
    case OPTION_CLUSTER_NAME:
        return &arguments->cluster_name;
    case OPTION_CONFIG:
        return &arguments->config;
    case OPTION_CLIENT_ADDRESS:
        return &arguments->client_address;
    default:
        return NULL;
    }
}

static int apply(struct de_cli_arguments *arguments, const struct de_cli_option *option,
                 const char *value)
{
    const char **text = text_of(arguments, option->kind);

    if (text != NULL) {
        *text = value;
        /* A variable of a script that is not set must not stand for the default servers. */
        return option->kind != OPTION_ENDPOINTS || value[0] != '\0'
                   ? 0
                   : de_cli_refuse(arguments, "--endpoints is empty; name servers: %s",
                                   option->value_name);
    }
    switch ((int)option->kind) {
    case OPTION_CONSISTENCY:
        return take_consistency(arguments, value);
    case OPTION_TIMEOUT:
        return take_timeout(arguments, value);
    case OPTION_OUTPUT:
        return take_output(arguments, value);
    case OPTION_TTL:
        return de_cli_take_number(arguments, "--ttl", value, DE_CLI_TTL_S_MAX, &arguments->ttl_s);
    case OPTION_LEASE:
        return de_cli_take_number(arguments, "--lease", value, UINT64_MAX, &arguments->lease);
    case OPTION_LIMIT:
        return de_cli_take_number(arguments, "--limit", value, UINT32_MAX, &arguments->limit);
    case OPTION_FROM_REVISION:
        return de_cli_take_number(arguments, "--from-revision", value, UINT64_MAX,
                                  &arguments->from_revision);
    case OPTION_MOD_REVISION:
        return de_cli_take_number(arguments, "--mod-revision", value, UINT64_MAX,
                                  &arguments->mod_revision);
    case OPTION_REVISION:
        arguments->revision = true;
        return 0;
    case OPTION_PREVIOUS:
        arguments->previous = true;
        return 0;
    case OPTION_KEYS_ONLY:
        arguments->keys_only = true;
        return 0;
    case OPTION_COUNT_ONLY:
        arguments->count_only = true;
        return 0;
    case OPTION_REVERSE:
        arguments->reverse = true;
        return 0;
    case OPTION_PREFIX:
        arguments->prefix = true;
        return 0;
    case OPTION_ABSENT:
        arguments->absent = true;
        return 0;
    case OPTION_READ_ONLY:
        arguments->read_only = true;
        return 0;
    case OPTION_HELP:
        arguments->help = true;
        return 0;
    case OPTION_VERSION:
        arguments->version = true;
        return 0;
    }
    return 0;
}

static int refuse_option(struct de_cli_arguments *arguments, const char *word, size_t size)
{
    const char *names[DE_CLI_OPTIONS];
    const char *nearest;
    char name[64];
    size_t i;

    for (i = 0; i < DE_CLI_OPTIONS; i++) {
        names[i] = de_cli_options[i].name;
    }
    (void)snprintf(name, sizeof name, "%.*s", size < 63 ? (int)size : 63, word);
    nearest = de_nearest(name, names, DE_CLI_OPTIONS);
    return nearest == NULL
               ? de_cli_refuse(
                     arguments,
                     "there is no option %s; see dengine-cli --help (-- ends the options)", name)
               : de_cli_refuse(arguments,
                               "there is no option %s; did you mean %s? (-- ends the options)",
                               name, nearest);
}

/* One option, at argv[*at], with its value: after "=" or in the next argument. */
static int take_option(struct de_cli_arguments *arguments, int argc, char *const *argv, int *at)
{
    const char *word = argv[*at];
    const size_t size = strcspn(word, "=");
    const char *value = word[size] == '=' ? word + size + 1 : NULL;
    const struct de_cli_option *option = NULL;
    size_t i;

    for (i = 0; i < DE_CLI_OPTIONS && option == NULL; i++) {
        if (strlen(de_cli_options[i].name) == size &&
            memcmp(de_cli_options[i].name, word, size) == 0) {
            option = &de_cli_options[i];
        }
    }
    if (option == NULL) {
        return refuse_option(arguments, word, size);
    }
    if (option->kind >= OPTION_ABSENT && value != NULL) {
        return de_cli_refuse(arguments, "%s takes no value", option->name);
    }
    if (option->kind < OPTION_ABSENT && value == NULL) {
        if (*at + 1 == argc) {
            return de_cli_refuse(arguments, "%s needs a value: %s", option->name,
                                 option->value_name);
        }
        (*at)++;
        value = argv[*at];
    }
    arguments->given |= UINT32_C(1) << option->kind;
    return apply(arguments, option, value);
}

int de_cli_parse(struct de_cli_arguments *arguments, int argc, char *const *argv)
{
    bool options_over = false;
    int at;
    int err = 0;

    memset(arguments, 0, sizeof *arguments);
    for (at = 1; at < argc && err == 0; at++) {
        const char *word = argv[at];

        if (!options_over && strcmp(word, "--") == 0) {
            options_over = true;
        } else if (arguments->command == DE_CLI_LOCK && arguments->operand_count == 1 &&
                   (options_over || strncmp(word, "--", 2) != 0)) {
            arguments->program = &argv[at]; /* whatever its words look like */
            break;
        } else if (!options_over && strncmp(word, "--", 2) == 0) {
            err = take_option(arguments, argc, argv, &at);
        } else {
            err = take_operand(arguments, word);
        }
    }
    return err != 0 ? err : de_cli_check(arguments);
}
