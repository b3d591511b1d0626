/* cli/command_table.h - the commands and the options of dengine-cli: what there is, and what the
 * help says of it.
 *
 * Threads: pure functions and constant tables. */
#ifndef DE_CLI_COMMAND_TABLE_H
#define DE_CLI_COMMAND_TABLE_H

#include <stddef.h>

#include "cli/arguments.h"

#ifdef __cplusplus
extern "C" {
#endif

struct de_cli_usage {
    const char *name;
    enum de_cli_command command;
    size_t operands_least;
    size_t operands;
    const char *usage;
    const char *help;
};

#define DE_CLI_COMMANDS 17

extern const struct de_cli_usage de_cli_commands[DE_CLI_COMMANDS];

/* NULL for DE_CLI_NONE. */
const struct de_cli_usage *de_cli_usage_of(enum de_cli_command command);

enum de_cli_option_kind {
    OPTION_ENDPOINTS,
    OPTION_CONSISTENCY,
    OPTION_TIMEOUT,
    OPTION_OUTPUT,
    OPTION_EXPECT,
    OPTION_DATA_DIR,
    OPTION_NODE_ID,
    OPTION_INITIAL_CLUSTER,
    OPTION_CLUSTER_NAME,
    OPTION_CONFIG,
    OPTION_TTL,
    OPTION_LEASE,
    OPTION_LIMIT,
    OPTION_CLIENT_ADDRESS,
    OPTION_FROM_REVISION,
    OPTION_MOD_REVISION,
    OPTION_ABSENT, /* from here on without a value */
    OPTION_PREFIX,
    OPTION_KEYS_ONLY,
    OPTION_COUNT_ONLY,
    OPTION_REVERSE,
    OPTION_PREVIOUS,
    OPTION_READ_ONLY,
    OPTION_REVISION,
    OPTION_HELP,
    OPTION_VERSION,
};

struct de_cli_option {
    const char *name;
    enum de_cli_option_kind kind;
    const char *value_name;
    uint32_t commands; /* that take it: bit 1 << enum de_cli_command of each */
    const char *help;
};

#define DE_CLI_ALL     UINT32_MAX
#define DE_CLI_OPTIONS 26

extern const struct de_cli_option de_cli_options[DE_CLI_OPTIONS];

#ifdef __cplusplus
}
#endif

#endif
