#include "cli/command_table.h"

#include "core/base/assert.h"

const struct de_cli_usage de_cli_commands[DE_CLI_COMMANDS] = {
    {"put", DE_CLI_PUT, 2, 2, "put KEY VALUE [--ttl SECONDS | --lease ID]",
     "Sets KEY to VALUE. A VALUE of - is read from standard input. The key is removed again\n"
     "after SECONDS, or when the lease ID ends, unless it is put anew before.\n"
     "Exit status 1 when there is no such lease.\n"},
    {"get", DE_CLI_GET, 1, 1, "get KEY [--revision] [--consistency LEVEL]",
     "Prints the value of KEY: exactly its bytes, and a newline only on a terminal.\n"
     "--revision prints before it the revision of the key's last change, and a tabulator.\n"
     "Exit status 1 when there is no such key.\n"},
    {"del", DE_CLI_DELETE, 1, 1, "del KEY [--prefix]",
     "Removes KEY, which need not exist; with --prefix all keys that begin with it (at most\n"
     "10000), at one revision, and prints how many there were.\n"},
    {"cas", DE_CLI_CAS, 2, 2, "cas KEY (--expect VALUE | --absent | --mod-revision N) NEW",
     "Sets KEY to NEW if its value is VALUE, or with --absent if there is no such key, or\n"
     "with --mod-revision if N is the revision of its last change, as get --revision prints\n"
     "it. One of VALUE and NEW may be -, which is read from standard input.\n"
     "Exit status 1 when the comparison is false.\n"},
    {"scan", DE_CLI_SCAN, 1, 1,
     "scan PREFIX [--limit N] [--reverse] [--keys-only | --count]\n"
     "       [--consistency LEVEL]",
     "Prints the keys that begin with PREFIX (\"\": all) in order of their bytes: key,\n"
     "tabulator, value, newline; with --output json an object on each line. --count prints\n"
     "how many there are. It reads page by page: a key that is there all the time is printed\n"
     "exactly once.\n"},
    {"txn", DE_CLI_TXN, 0, 0, "txn",
     "Carries out the transaction on standard input, a line for each comparison and\n"
     "operation:\n"
     "\n"
     "    value KEY = VALUE     (or != < >)      absent KEY      exists KEY\n"
     "    version KEY = N       (or created, modified: revisions; 0: no such key)\n"
     "    then\n"
     "    put KEY VALUE [ttl SECONDS | lease ID]\n"
     "    del KEY               del-range FROM END\n"
     "    get KEY               range FROM END [LIMIT]\n"
     "    else\n"
     "    ...\n"
     "\n"
     "Words with blanks stand in double quotes, where \\\" \\\\ \\n \\t \\xHH mean what they\n"
     "do in C; # begins a comment. Prints which way was taken, and for each operation how\n"
     "many keys it found, removed or replaced (put: 0 when the key is new), and what it found.\n"
     "Exit status 1 when a comparison was false.\n"},
    {"watch", DE_CLI_WATCH, 1, 1, "watch KEY [--prefix] [--from-revision N] [--prev] [--limit N]",
     "Prints each change of KEY, or with --prefix of all keys that begin with it, from now on\n"
     "or from revision N: revision, put, delete or expire, key, value; with --output json an\n"
     "object on each line. --prev adds the value before; --limit ends it after so many. It\n"
     "goes on at another node by itself; where what happened is not remembered, what is\n"
     "different is printed (JSON: resynced).\n"
     "Exit status 1 when revision N is not remembered any more, or what is printed is not read\n"
     "fast enough: the message says from which revision to go on.\n"},
    {"lock", DE_CLI_LOCK, 1, 1, "lock NAME [--ttl SECONDS] [--] CMD [ARGUMENT...]",
     "Waits for the lock NAME, runs CMD while it is held, and gives it back. All words behind\n"
     "CMD are CMD's, and no shell looks at them. Who asks first gets the lock first; when a\n"
     "holder dies or is cut off, it is free again after SECONDS (default: 10). --timeout is\n"
     "how long to wait (default: for ever, once a server has answered). SIGTERM and SIGHUP\n"
     "are passed on to CMD.\n"
     "A lock can be lost while CMD runs: then CMD is sent SIGTERM, as when dengine-cli is\n"
     "killed, and what it still writes has to be refused by whoever takes it. For that it has\n"
     "in its environment\n"
     "\n"
     "    DENGINE_LOCK_TOKEN                       greater than that of all holders before\n"
     "    DENGINE_LOCK_KEY, DENGINE_LOCK_REVISION  the lock is held as long as in a txn\n"
     "                                             'created KEY = REVISION' is true\n"
     "\n"
     "Exit status: that of CMD, or 128 and its signal; 125 when the lock was lost meanwhile;\n"
     "126 when CMD cannot be run, 127 when it is not found; before CMD has begun 1 when\n"
     "others had the lock until --timeout, 2 and 3 as ever, or 128 and the signal that ended\n"
     "the waiting.\n"},
    {"elect", DE_CLI_ELECT, 1, 2, "elect NAME [VALUE] [--ttl SECONDS]",
     "Prints a line for each leader of the election NAME: leader, revision, value; or nobody.\n"
     "With a VALUE it stands for election, too: it prints \"elected\" and its fencing token\n"
     "when it leads, and leads until SIGTERM or SIGINT, upon which it resigns with exit\n"
     "status 0. --ttl as for lock. With --output json each line is an object.\n"
     "Exit status 1 when it leads no more against its will.\n"},
    {"lease", DE_CLI_LEASE, 2, 2,
     "lease (grant SECONDS | keep-alive ID | revoke ID | ttl ID | list FROM)",
     "grant makes a lease that ends SECONDS after it was last kept alive, and prints its ID;\n"
     "with it end the keys put with --lease ID. keep-alive lets it begin anew, revoke ends it\n"
     "now. ttl prints its ID, milliseconds as granted and left, and the number of its keys;\n"
     "list those of all leases from FROM (0: all).\n"
     "Exit status 1 when there is no such lease.\n"},
    {"status", DE_CLI_STATUS, 0, 0, "status",
     "Prints the members of the cluster and which of them leads.\n"},
    {"member", DE_CLI_MEMBER, 1, 3,
     "member (list | add ID HOST:PORT [--client-address HOST:PORT] [--read-only] | promote ID |\n"
     "       remove ID | replace ID BY | move ID HOST:PORT [--client-address HOST:PORT] |\n"
     "       voters ID,ID,...)",
     "list prints for each member its ID, what it is (voter, learner, read-only, leaving),\n"
     "the addresses for members and for clients, and which one leads or how many log entries\n"
     "it is behind. add adds a server as a learner: start it on an empty directory with\n"
     "--join (which adds it, too, if nobody has). promote makes a learner a voter, once it\n"
     "has caught up. remove removes a member. replace removes the voter ID and promotes the\n"
     "learner BY in one step, voters makes the members named, and no others, the voters. move\n"
     "records where a member lives from now on.\n"
     "One change at a time: while another is under way, or a learner has not caught up, the\n"
     "command tries again until --timeout. When it succeeds the change is complete.\n"
     "Exit status 2 when the change makes no sense, 3 when nothing was done, 4 when it is not\n"
     "known what came of it.\n"},
    {"leader", DE_CLI_LEADER, 0, 0, "leader",
     "Prints the ID of the leader and its address for clients.\n"
     "Exit status 1 when there is none that is known.\n"},
    {"transfer", DE_CLI_TRANSFER, 1, 1, "transfer ID",
     "Hands leadership over to the voter ID, or with 0 to the one with the longest log, and\n"
     "returns when it leads. Writes under way are not lost.\n"},
    {"check", DE_CLI_CHECK, 1, 1, "check perf [--consistency LEVEL]",
     "Puts a load on the cluster for about four seconds, and prints how it takes it: writes,\n"
     "then reads (as --consistency says), one at a time and 32 at a time; rates, and the\n"
     "times within which half of the calls, 99 of 100, and all were done. Its keys,\n"
     "dengine-check-perf/..., are gone when it ends. With --output json each line is an\n"
     "object.\n"},
    {"wal", DE_CLI_WAL, 2, 2, "wal (inspect | verify) DIR",
     "Checks the log of a node, each record of it, as the node would when it starts; changes\n"
     "nothing. DIR is a data directory, its wal directory, or a copy of that; a node that\n"
     "uses it must be stopped first. inspect prints the segments and records too, verify only\n"
     "the verdict. With --output json each line is an object.\n"
     "Exit status 1 when the log is damaged or foreign: the message names the file and the\n"
     "byte offset and says what to do; 3 when it cannot be read or is in use.\n"},
    {"snapshot", DE_CLI_SNAPSHOT, 2, 2, "snapshot (save | status | restore) FILE",
     "save: has the first of the endpoints that answers take a snapshot of the state, and\n"
     "copies it to FILE while the cluster works. --timeout is the time without any progress\n"
     "(default: 60000).\n"
     "status: checks FILE, every byte, and prints what it is.\n"
     "restore: makes --data-dir the data directory of a member of a new cluster with the\n"
     "state in FILE; then start a server there with the same --node-id, --initial-cluster and\n"
     "--cluster-name, or --config. A cluster with the members of the old one needs another\n"
     "name. Do this for each member of the new cluster, with the same FILE.\n"
     "Exit status 1 when FILE is damaged; the message says where.\n"},
};

DE_STATIC_ASSERT(DE_CLI_OPTIONS <= 32 && DE_CLI_SNAPSHOT < 32, "de_cli_arguments.given, OF");

#define OF(command) (UINT32_C(1) << DE_CLI_##command)

const struct de_cli_option de_cli_options[DE_CLI_OPTIONS] = {
    {"--endpoints", OPTION_ENDPOINTS, "HOST:PORT,...", DE_CLI_ALL,
     "the cluster (default: $DENGINE_ENDPOINTS, else 127.0.0.1:9081)"},
    {"--timeout", OPTION_TIMEOUT, "MS", DE_CLI_ALL,
     "give up after this long (default: 5000); of watch and\n"
     "                                     elect: when no server is found by then"},
    {"--output", OPTION_OUTPUT, "text|json", DE_CLI_ALL, "what to print (default: text)"},
    {"--help", OPTION_HELP, NULL, DE_CLI_ALL, "this text; behind a command that of the command"},
    {"--version", OPTION_VERSION, NULL, DE_CLI_ALL, "the version"},
    {"--consistency", OPTION_CONSISTENCY, "LEVEL", OF(GET) | OF(SCAN) | OF(CHECK),
     "linearizable, lease or eventual (default: the server's)"},
    {"--revision", OPTION_REVISION, NULL, OF(GET), "that of the key's last change, too"},
    {"--expect", OPTION_EXPECT, "VALUE", OF(CAS), "the value that must be there"},
    {"--absent", OPTION_ABSENT, NULL, OF(CAS), "the key must not exist"},
    {"--mod-revision", OPTION_MOD_REVISION, "N", OF(CAS), "the key must have changed last at it"},
    {"--ttl", OPTION_TTL, "SECONDS", OF(PUT) | OF(LOCK) | OF(ELECT),
     "how long the key lives, or what is held outlives its holder"},
    {"--lease", OPTION_LEASE, "ID", OF(PUT), "the key is removed when this lease ends"},
    {"--prefix", OPTION_PREFIX, NULL, OF(DELETE) | OF(WATCH), "all keys that begin with KEY"},
    {"--limit", OPTION_LIMIT, "N", OF(SCAN) | OF(WATCH), "print at most so many keys, or changes"},
    {"--keys-only", OPTION_KEYS_ONLY, NULL, OF(SCAN), "no values"},
    {"--count", OPTION_COUNT_ONLY, NULL, OF(SCAN), "only how many keys there are"},
    {"--reverse", OPTION_REVERSE, NULL, OF(SCAN), "from the last key to the first"},
    {"--from-revision", OPTION_FROM_REVISION, "N", OF(WATCH), "changes of this revision and later"},
    {"--prev", OPTION_PREVIOUS, NULL, OF(WATCH), "the value before, too"},
    {"--client-address", OPTION_CLIENT_ADDRESS, "HOST:PORT", OF(MEMBER),
     "add, move: for clients, when it is another one"},
    {"--read-only", OPTION_READ_ONLY, NULL, OF(MEMBER), "add: a learner that is never promoted"},
    {"--data-dir", OPTION_DATA_DIR, "DIR", OF(SNAPSHOT), "restore: the member's data directory"},
    {"--node-id", OPTION_NODE_ID, "N", OF(SNAPSHOT), "restore: the member (default: 1)"},
    {"--initial-cluster", OPTION_INITIAL_CLUSTER, "N=HOST:PORT,...", OF(SNAPSHOT),
     "restore: all members (default: it alone)"},
    {"--cluster-name", OPTION_CLUSTER_NAME, "NAME", OF(SNAPSHOT),
     "restore: the new cluster's, the same on all members"},
    {"--config", OPTION_CONFIG, "FILE", OF(SNAPSHOT), "restore: the member's configuration"},
};

const struct de_cli_usage *de_cli_usage_of(enum de_cli_command command)
{
    size_t i;

    for (i = 0; i < DE_CLI_COMMANDS; i++) {
        if (de_cli_commands[i].command == command) {
            return &de_cli_commands[i];
        }
    }
    return NULL;
}

/* Those that only command takes, or those that all take. */
static void help_options(const char *title, uint32_t commands, FILE *file)
{
    bool any = false;
    size_t i;

    for (i = 0; i < DE_CLI_OPTIONS; i++) {
        const struct de_cli_option *option = &de_cli_options[i];
        char left[64];

        if ((option->commands & commands) == 0 ||
            (option->commands == DE_CLI_ALL) != (commands == DE_CLI_ALL)) {
            continue;
        }
        (void)fprintf(file, "%s", any ? "" : title);
        (void)snprintf(left, sizeof left, "%s %s", option->name,
                       option->value_name != NULL ? option->value_name : "");
        (void)fprintf(file, "  %-34s %s\n", left, option->help);
        any = true;
    }
}

void de_cli_help(enum de_cli_command command, FILE *file)
{
    const struct de_cli_usage *one = de_cli_usage_of(command);
    size_t i;

    if (one != NULL) {
        (void)fprintf(file, "usage: dengine-cli [OPTION...] %s\n\n%s", one->usage, one->help);
        help_options("\nIts options, anywhere before --:\n", UINT32_C(1) << command, file);
    } else {
        (void)fputs("usage: dengine-cli [OPTION...] COMMAND\n\nCommands, of which "
                    "dengine-cli COMMAND --help says more:\n",
                    file);
        for (i = 0; i < DE_CLI_COMMANDS; i++) {
            (void)fprintf(file, "  %s\n", de_cli_commands[i].usage);
        }
    }
    help_options("\nOptions of all commands, anywhere before --:\n", DE_CLI_ALL, file);
    (void)fputs("\nJSON output is one object on one line. A byte string is a member \"value\" when "
                "it is UTF-8,\nelse \"value_base64\"; likewise \"key\". Errors have members "
                "\"error\" and \"message\".\n",
                file);
    if (command == DE_CLI_LOCK) {
        return; /* its status is that of the program which it runs */
    }
    (void)fputs("\nExit status: 0 ok; 1 false (comparison false, key absent); 2 usage; 3 "
                "unavailable, nothing was\ndone; 4 the outcome of a write is unknown.\n",
                file);
}
