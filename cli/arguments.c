#include "cli/arguments.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "client/nearest.h"
#include "core/base/assert.h"

struct command {
    const char *name;
    enum de_cli_command command;
    size_t operands;
    const char *usage;
    const char *help;
};

static const struct command commands[] = {
    {"put", DE_CLI_PUT, 2, "put KEY VALUE [--ttl SECONDS | --lease ID]",
     "Sets KEY to VALUE. A VALUE of - is read from standard input. The key is removed again after\n"
     "SECONDS, or when the lease ID ends, unless it is put anew before. Exit status 1 when there "
     "is\n"
     "no such lease.\n"},
    {"get", DE_CLI_GET, 1, "get KEY",
     "Prints the value of KEY: exactly its bytes, and a newline only on a terminal.\n"
     "Exit status 1 when there is no such key.\n"},
    {"del", DE_CLI_DELETE, 1, "del KEY [--prefix]",
     "Removes KEY, which need not exist; with --prefix all keys that begin with it (at most "
     "10000),\n"
     "at one revision, and prints how many there were.\n"},
    {"cas", DE_CLI_CAS, 2, "cas KEY (--expect VALUE | --absent) NEW",
     "Sets KEY to NEW if its value is VALUE, or with --absent if there is no such key. One of "
     "VALUE\n"
     "and NEW may be -, which is read from standard input. Exit status 1 when the comparison is\n"
     "false.\n"},
    {"scan", DE_CLI_SCAN, 1, "scan PREFIX [--limit N] [--reverse] [--keys-only | --count]",
     "Prints the keys that begin with PREFIX (\"\": all) in order of their bytes: key, tabulator,\n"
     "value, newline; with --output json an object on each line. --count prints how many there "
     "are.\n"
     "It reads page by page: a key that is there all the time is printed exactly once.\n"},
    {"txn", DE_CLI_TXN, 0, "txn",
     "Carries out the transaction on standard input, a line for each comparison and operation:\n\n"
     "    value KEY = VALUE     (or != < >)      absent KEY      exists KEY\n"
     "    version KEY = N       (or created, modified: revisions; 0: no such key)\n"
     "    then\n"
     "    put KEY VALUE [ttl SECONDS | lease ID]\n"
     "    del KEY               del-range FROM END\n"
     "    get KEY               range FROM END [LIMIT]\n"
     "    else\n"
     "    ...\n\n"
     "Words with blanks stand in double quotes, where \\\" \\\\ \\n \\t \\xHH mean what they do in "
     "C; # begins a\n"
     "comment. Prints which way was taken, and for each operation how many keys it found, "
     "removed\n"
     "or replaced (put: 0 when the key is new), and what it found. Exit status 1 when a "
     "comparison\n"
     "was false.\n"},
    {"watch", DE_CLI_WATCH, 1, "watch KEY [--prefix] [--from-revision N] [--prev] [--limit N]",
     "Prints each change of KEY, or with --prefix of all keys that begin with it, from now on or "
     "from\n"
     "revision N: revision, put, delete or expire, key, value; with --output json an object on "
     "each "
     "line.\n"
     "--prev adds the value before; --limit ends it after so many. It goes on at another node by "
     "itself;\n"
     "where what happened is not remembered, what is different is printed (JSON: resynced).\n"
     "Exit status 1 when revision N is not remembered any more, or what is printed is not read "
     "fast enough:\n"
     "the message says from which revision to go on.\n"},
    {"lease", DE_CLI_LEASE, 2,
     "lease (grant SECONDS | keep-alive ID | revoke ID | ttl ID | list FROM)",
     "grant makes a lease that ends SECONDS after it was last kept alive, and prints its ID; with "
     "it\n"
     "end the keys put with --lease ID. keep-alive lets it begin anew, revoke ends it now. ttl "
     "prints\n"
     "its ID, milliseconds as granted and left, and the number of its keys; list those of all "
     "leases\n"
     "from FROM (0: all). Exit status 1 when there is no such lease.\n"},
    {"status", DE_CLI_STATUS, 0, "status",
     "Prints the members of the cluster and which of them leads.\n"},
    {"member", DE_CLI_MEMBER, 3,
     "member (list | add ID HOST:PORT [--client-address HOST:PORT] [--read-only] | promote ID |\n"
     "       remove ID | replace ID BY | move ID HOST:PORT [--client-address HOST:PORT] |\n"
     "       voters ID,ID,...)",
     "list prints for each member its ID, what it is (voter, learner, read-only, leaving), the\n"
     "addresses for members and for clients, and which one leads or how many log entries it is\n"
     "behind. add adds a server as a learner: start it on an empty directory with --join (which "
     "adds\n"
     "it, too, if nobody has). promote makes a learner a voter, once it has caught up. remove "
     "removes\n"
     "a member. replace removes the voter ID and promotes the learner BY in one step, voters makes "
     "the\n"
     "members named, and no others, the voters. move records where a member lives from now on.\n"
     "One change at a time: while another is under way, or a learner has not caught up, the "
     "command\n"
     "tries again until --timeout. When it succeeds the change is complete. Exit status 2 when "
     "the\n"
     "change makes no sense, 3 when nothing was done, 4 when it is not known what came of it.\n"},
    {"leader", DE_CLI_LEADER, 0, "leader",
     "Prints the ID of the leader and its address for clients. Exit status 1 when there is none "
     "that\nis known.\n"},
    {"transfer", DE_CLI_TRANSFER, 1, "transfer ID",
     "Hands leadership over to the voter ID, or with 0 to the one with the longest log, and "
     "returns\n"
     "when it leads. Writes under way are not lost.\n"},
    {"wal", DE_CLI_WAL, 2, "wal (inspect | verify) DIR",
     "Checks the log of a node, each record of it, as the node would when it starts; changes "
     "nothing.\n"
     "DIR is a data directory, its wal directory, or a copy of that; a node that uses it must be\n"
     "stopped first. inspect prints the segments and records too, verify only the verdict. With\n"
     "--output json each line is an object. Exit status 1 when the log is damaged or foreign: the\n"
     "message names the file and the byte offset and says what to do; 3 when it cannot be read or "
     "is\n"
     "in use.\n"},
    {"snapshot", DE_CLI_SNAPSHOT, 2, "snapshot (save | status | restore) FILE",
     "save: has the first of the endpoints that answers take a snapshot of the state, and copies "
     "it\n"
     "to FILE while the cluster works. --timeout is the time without any progress (default: "
     "60000).\n"
     "status: checks FILE, every byte, and prints what it is.\n"
     "restore: makes --data-dir the data directory of a member of a new cluster with the state in\n"
     "FILE; then start a server there with the same --node-id, --initial-cluster and "
     "--cluster-name,\n"
     "or --config. A cluster with the members of the old one needs another name. Do\n"
     "this for each member of the new cluster, with the same FILE.\n"
     "Exit status 1 when FILE is damaged; the message says where.\n"},
};

/* Longest life of a key or lease, nine years. */
#define TTL_S_MAX UINT64_C(288230376)

#define COMMAND_COUNT DE_ARRAY_SIZE(commands)

enum option_kind {
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
    OPTION_ABSENT, /* from here on without a value */
    OPTION_PREFIX,
    OPTION_KEYS_ONLY,
    OPTION_COUNT_ONLY,
    OPTION_REVERSE,
    OPTION_PREVIOUS,
    OPTION_READ_ONLY,
    OPTION_HELP,
    OPTION_VERSION,
};

struct option {
    const char *name;
    enum option_kind kind;
    const char *value_name;
    const char *help;
};

static const struct option options[] = {
    {"--endpoints", OPTION_ENDPOINTS, "HOST:PORT,...",
     "the cluster (default: $DENGINE_ENDPOINTS, else 127.0.0.1:9081)"},
    {"--consistency", OPTION_CONSISTENCY, "LEVEL",
     "of get and scan: linearizable, lease or eventual (default: the server's)"},
    {"--timeout", OPTION_TIMEOUT, "MS",
     "give up after this long (default: 5000); of watch: when no server is found by then"},
    {"--output", OPTION_OUTPUT, "text|json", "what to print (default: text)"},
    {"--expect", OPTION_EXPECT, "VALUE", "of cas: the value that must be there"},
    {"--data-dir", OPTION_DATA_DIR, "DIR", "of snapshot restore: the new member's data directory"},
    {"--node-id", OPTION_NODE_ID, "N", "of snapshot restore: the new member (default: 1)"},
    {"--initial-cluster", OPTION_INITIAL_CLUSTER, "N=HOST:PORT,...",
     "of snapshot restore: all members (default: it alone)"},
    {"--cluster-name", OPTION_CLUSTER_NAME, "NAME",
     "of snapshot restore: the new cluster's, the same on all members"},
    {"--config", OPTION_CONFIG, "FILE", "of snapshot restore: the new member's configuration"},
    {"--ttl", OPTION_TTL, "SECONDS", "of put: the key is removed after so long"},
    {"--lease", OPTION_LEASE, "ID", "of put: the key is removed when this lease ends"},
    {"--limit", OPTION_LIMIT, "N", "of scan and watch: print at most so many keys, or changes"},
    {"--from-revision", OPTION_FROM_REVISION, "N", "of watch: changes of this revision and later"},
    {"--keys-only", OPTION_KEYS_ONLY, NULL, "of scan: no values"},
    {"--count", OPTION_COUNT_ONLY, NULL, "of scan: only how many keys there are"},
    {"--reverse", OPTION_REVERSE, NULL, "of scan: from the last key to the first"},
    {"--client-address", OPTION_CLIENT_ADDRESS, "HOST:PORT",
     "of member add and move: for clients, when it is another one"},
    {"--read-only", OPTION_READ_ONLY, NULL, "of member add: a learner that is never promoted"},
    {"--prefix", OPTION_PREFIX, NULL, "of del and watch: all keys that begin with KEY"},
    {"--prev", OPTION_PREVIOUS, NULL, "of watch: the value before, too"},
    {"--absent", OPTION_ABSENT, NULL, "of cas: the key must not exist"},
    {"--help", OPTION_HELP, NULL, "this text, or that of a command; also -h, before one"},
    {"--version", OPTION_VERSION, NULL, "the version"},
};

#define OPTION_COUNT DE_ARRAY_SIZE(options)

__attribute__((format(printf, 2, 3))) static int refuse(struct de_cli_arguments *arguments,
                                                        const char *format, ...)
{
    va_list list;

    va_start(list, format);
    (void)vsnprintf(arguments->message, sizeof arguments->message, format, list);
    va_end(list);
    return DENGINE_E_INVALID;
}

static const struct command *find_command(enum de_cli_command command)
{
    size_t i;

    for (i = 0; i < COMMAND_COUNT; i++) {
        if (commands[i].command == command) {
            return &commands[i];
        }
    }
    return NULL;
}

static int take_command(struct de_cli_arguments *arguments, const char *word)
{
    const char *names[COMMAND_COUNT];
    const char *nearest;
    size_t i;

    for (i = 0; i < COMMAND_COUNT; i++) {
        names[i] = commands[i].name;
        if (strcmp(word, commands[i].name) == 0) {
            arguments->command = commands[i].command;
            return 0;
        }
    }
    /* Operands may begin with a dash, as keys and values do; commands do not. */
    if (strcmp(word, "-h") == 0) {
        arguments->help = true;
        return 0;
    }
    if (word[0] == '-') {
        return refuse(arguments, "there is no option %.60s; see dengine-cli --help", word);
    }
    nearest = de_nearest(word, names, COMMAND_COUNT);
    return nearest == NULL
               ? refuse(arguments, "there is no command \"%.60s\"; see dengine-cli --help", word)
               : refuse(arguments, "there is no command \"%.60s\"; did you mean \"%s\"?", word,
                        nearest);
}

static int take_operand(struct de_cli_arguments *arguments, const char *word)
{
    if (arguments->command == DE_CLI_NONE) {
        return take_command(arguments, word);
    }
    if (arguments->operand_count == find_command(arguments->command)->operands) {
        return refuse(arguments, "\"%.60s\" is one operand too many; usage: %s", word,
                      find_command(arguments->command)->usage);
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
        return refuse(arguments, "--consistency %.40s: must be linearizable, lease or eventual",
                      value);
    }
    return 0;
}

static int take_timeout(struct de_cli_arguments *arguments, const char *value)
{
    char *end;
    const unsigned long number = strtoul(value, &end, 10);

    if (value[0] < '0' || value[0] > '9' || *end != '\0' || number < 1 || number > 86400000) {
        return refuse(arguments, "--timeout %.40s: must be 1 to 86400000 milliseconds", value);
    }
    arguments->timeout_ms = (uint32_t)number;
    return 0;
}

/* A number from 1 to most. */
static int take_number(struct de_cli_arguments *arguments, const char *what, const char *value,
                       uint64_t most, uint64_t *number)
{
    char *end;

    errno = 0;
    *number = strtoull(value, &end, 10);
    if (value[0] < '0' || value[0] > '9' || *end != '\0' || errno != 0 || *number < 1 ||
        *number > most) {
        return refuse(arguments, "%s %.40s: must be 1 to %llu", what, value,
                      (unsigned long long)most);
    }
    return 0;
}

static int take_output(struct de_cli_arguments *arguments, const char *value)
{
    arguments->json = strcmp(value, "json") == 0;
    if (!arguments->json && strcmp(value, "text") != 0) {
        return refuse(arguments, "--output %.40s: must be text or json", value);
    }
    return 0;
}

/* Where an option goes whose value is kept as it is; NULL for the others. */
static const char **text_of(struct de_cli_arguments *arguments, enum option_kind kind)
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

static int apply(struct de_cli_arguments *arguments, const struct option *option, const char *value)
{
    const char **text = text_of(arguments, option->kind);

    if (text != NULL) {
        *text = value;
        /* A variable of a script that is not set must not stand for the default servers. */
        return option->kind != OPTION_ENDPOINTS || value[0] != '\0'
                   ? 0
                   : refuse(arguments, "--endpoints is empty; name servers: %s",
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
        return take_number(arguments, "--ttl", value, TTL_S_MAX, &arguments->ttl_s);
    case OPTION_LEASE:
        return take_number(arguments, "--lease", value, UINT64_MAX, &arguments->lease);
    case OPTION_LIMIT:
        return take_number(arguments, "--limit", value, UINT32_MAX, &arguments->limit);
    case OPTION_FROM_REVISION:
        return take_number(arguments, "--from-revision", value, UINT64_MAX,
                           &arguments->from_revision);
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
    const char *names[OPTION_COUNT];
    const char *nearest;
    char name[64];
    size_t i;

    for (i = 0; i < OPTION_COUNT; i++) {
        names[i] = options[i].name;
    }
    (void)snprintf(name, sizeof name, "%.*s", size < 63 ? (int)size : 63, word);
    nearest = de_nearest(name, names, OPTION_COUNT);
    return nearest == NULL
               ? refuse(arguments,
                        "there is no option %s; see dengine-cli --help (-- ends the options)", name)
               : refuse(arguments, "there is no option %s; did you mean %s? (-- ends the options)",
                        name, nearest);
}

/* One option, at argv[*at], with its value: after "=" or in the next argument. */
static int take_option(struct de_cli_arguments *arguments, int argc, char *const *argv, int *at)
{
    const char *word = argv[*at];
    const size_t size = strcspn(word, "=");
    const char *value = word[size] == '=' ? word + size + 1 : NULL;
    const struct option *option = NULL;
    size_t i;

    for (i = 0; i < OPTION_COUNT && option == NULL; i++) {
        if (strlen(options[i].name) == size && memcmp(options[i].name, word, size) == 0) {
            option = &options[i];
        }
    }
    if (option == NULL) {
        return refuse_option(arguments, word, size);
    }
    if (option->kind >= OPTION_ABSENT && value != NULL) {
        return refuse(arguments, "%s takes no value", option->name);
    }
    if (option->kind < OPTION_ABSENT && value == NULL) {
        if (*at + 1 == argc) {
            return refuse(arguments, "%s needs a value: %s", option->name, option->value_name);
        }
        (*at)++;
        value = argv[*at];
    }
    return apply(arguments, option, value);
}

/* What nothing but "snapshot restore" takes. */
static int refuse_restore_options(struct de_cli_arguments *arguments)
{
    DE_ASSERT(arguments->command != DE_CLI_NONE);
    if (arguments->data_dir != NULL || arguments->node_id != NULL ||
        arguments->initial_cluster != NULL || arguments->cluster_name != NULL ||
        arguments->config != NULL) {
        return refuse(arguments, "--data-dir, --node-id, --initial-cluster, --cluster-name and "
                                 "--config belong to snapshot restore");
    }
    return 0;
}

static int check_snapshot(struct de_cli_arguments *arguments, const struct command *command)
{
    const char *verb = arguments->operand[0];
    const bool restores = strcmp(verb, "restore") == 0;

    if (!restores && strcmp(verb, "save") != 0 && strcmp(verb, "status") != 0) {
        return refuse(arguments, "there is no \"snapshot %.40s\"; usage: %s", verb, command->usage);
    }
    if (restores && arguments->data_dir == NULL && arguments->config == NULL) {
        return refuse(arguments, "snapshot restore needs --data-dir DIR, or --config FILE");
    }
    return restores ? 0 : refuse_restore_options(arguments);
}

/* The verb and object of "lease". */
static int check_lease(struct de_cli_arguments *arguments, const char *usage)
{
    const char *verb = arguments->operand[0];

    if (strcmp(verb, "grant") == 0) {
        return take_number(arguments, "SECONDS", arguments->operand[1], TTL_S_MAX,
                           &arguments->ttl_s);
    }
    if (strcmp(verb, "list") == 0 && strcmp(arguments->operand[1], "0") == 0) {
        return 0;
    }
    if (strcmp(verb, "keep-alive") == 0 || strcmp(verb, "revoke") == 0 ||
        strcmp(verb, "ttl") == 0 || strcmp(verb, "list") == 0) {
        return take_number(arguments, "ID", arguments->operand[1], UINT64_MAX, &arguments->lease);
    }
    return refuse(arguments, "there is no \"lease %.40s\"; usage: %s", verb, usage);
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
            return refuse(arguments, "ID %.40s: must be 1 to 4294967295", list);
        }
        memcpy(one, at, size);
        one[size] = '\0';
        if (take_number(arguments, "ID", one, UINT32_MAX, &arguments->ids[arguments->id_count++]) !=
            0) {
            return DENGINE_E_INVALID;
        }
        if (many && is_repeated(arguments)) {
            return refuse(arguments, "ID %s is there twice in %.60s", one, list);
        }
        at += size + (at[size] == ',' ? 1 : 0);
    }
    return arguments->id_count > 0 ? 0 : refuse(arguments, "an ID is missing");
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
        return refuse(arguments, "there is no \"member %.40s\"; see dengine-cli member --help",
                      verb);
    }
    if (arguments->operand_count != verbs[i].operands) {
        return refuse(arguments, "usage: %s", usage);
    }
    if ((arguments->client_address != NULL && !verbs[i].address) ||
        (arguments->read_only && strcmp(verb, "add") != 0)) {
        return refuse(arguments, "--client-address belongs to member add and move, --read-only to "
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

/* Options that only one command takes. */
static int check_options(struct de_cli_arguments *arguments)
{
    const bool lives = arguments->ttl_s != 0 || arguments->lease != 0;
    const bool watches = arguments->command == DE_CLI_WATCH;

    if (arguments->command != DE_CLI_CAS && (arguments->absent || arguments->expect != NULL)) {
        return refuse(arguments, "--expect and --absent belong to cas");
    }
    if (arguments->command != DE_CLI_PUT && lives) {
        return refuse(arguments, "--ttl and --lease belong to put");
    }
    if (arguments->ttl_s != 0 && arguments->lease != 0) {
        return refuse(arguments, "a key ends after --ttl or with --lease, not both");
    }
    if (arguments->command != DE_CLI_SCAN &&
        (arguments->keys_only || arguments->count_only || arguments->reverse)) {
        return refuse(arguments, "--keys-only, --count and --reverse belong to scan");
    }
    if (!watches && arguments->command != DE_CLI_SCAN && arguments->limit != 0) {
        return refuse(arguments, "--limit belongs to scan and watch");
    }
    if (!watches && (arguments->previous || arguments->from_revision != 0)) {
        return refuse(arguments, "--from-revision and --prev belong to watch");
    }
    if (arguments->command != DE_CLI_MEMBER &&
        (arguments->client_address != NULL || arguments->read_only)) {
        return refuse(arguments, "--client-address and --read-only belong to member");
    }
    if (arguments->count_only &&
        (arguments->limit != 0 || arguments->keys_only || arguments->reverse)) {
        return refuse(arguments, "--count goes with none of --limit, --keys-only and --reverse");
    }
    if (!watches && arguments->command != DE_CLI_DELETE && arguments->prefix) {
        return refuse(arguments, "--prefix belongs to del and watch");
    }
    return 0;
}

/* What no single word shows. */
static int check(struct de_cli_arguments *arguments)
{
    const struct command *command = find_command(arguments->command);

    if (arguments->help || arguments->version) {
        return 0;
    }
    if (command == NULL) {
        return refuse(arguments, "there is no command; see dengine-cli --help");
    }
    if (arguments->operand_count < command->operands &&
        (arguments->command != DE_CLI_MEMBER || arguments->operand_count == 0)) {
        return refuse(arguments, "something is missing; usage: %s", command->usage);
    }
    if (arguments->command == DE_CLI_WAL && strcmp(arguments->operand[0], "inspect") != 0 &&
        strcmp(arguments->operand[0], "verify") != 0) {
        return refuse(arguments, "there is no \"wal %.40s\"; usage: %s", arguments->operand[0],
                      command->usage);
    }
    if (check_options(arguments) != 0) {
        return DENGINE_E_INVALID;
    }
    if (arguments->command == DE_CLI_SNAPSHOT) {
        return check_snapshot(arguments, command);
    }
    if (refuse_restore_options(arguments) != 0) {
        return DENGINE_E_INVALID;
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
    if (arguments->command == DE_CLI_CAS && arguments->absent == (arguments->expect != NULL)) {
        return refuse(arguments, "cas needs one of --expect and --absent; usage: %s",
                      command->usage);
    }
    if (arguments->command == DE_CLI_CAS && arguments->expect != NULL &&
        strcmp(arguments->expect, "-") == 0 && strcmp(arguments->operand[1], "-") == 0) {
        return refuse(arguments, "only one value can be read from standard input");
    }
    return 0;
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
        } else if (!options_over && strncmp(word, "--", 2) == 0) {
            err = take_option(arguments, argc, argv, &at);
        } else {
            err = take_operand(arguments, word);
        }
    }
    return err != 0 ? err : check(arguments);
}

static void help_options(FILE *file)
{
    size_t i;

    (void)fputs("\nOptions, anywhere before --:\n", file);
    for (i = 0; i < OPTION_COUNT; i++) {
        char left[64];

        (void)snprintf(left, sizeof left, "%s %s", options[i].name,
                       options[i].value_name != NULL ? options[i].value_name : "");
        (void)fprintf(file, "  %-28s %s\n", left, options[i].help);
    }
    (void)fputs("\nJSON output is one object on one line. A byte string is a member \"value\" when "
                "it is UTF-8,\nelse \"value_base64\"; likewise \"key\". Errors have members "
                "\"error\" and \"message\".\n"
                "\nExit status: 0 ok; 1 false (comparison false, key absent); 2 usage; 3 "
                "unavailable, nothing was\ndone; 4 the outcome of a write is unknown.\n",
                file);
}

void de_cli_help(enum de_cli_command command, FILE *file)
{
    const struct command *one = find_command(command);
    size_t i;

    if (one != NULL) {
        (void)fprintf(file, "usage: dengine-cli [OPTION...] %s\n\n%s", one->usage, one->help);
        help_options(file);
        return;
    }
    (void)fputs("usage: dengine-cli [OPTION...] COMMAND\n\nCommands:\n", file);
    for (i = 0; i < COMMAND_COUNT; i++) {
        (void)fprintf(file, "  %s\n", commands[i].usage);
    }
    help_options(file);
}
