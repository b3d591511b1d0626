#include "cli/command_table.h"

#include "core/base/assert.h"

const struct de_cli_usage de_cli_commands[DE_CLI_COMMANDS] = {
    {"put", DE_CLI_PUT, 2, 2, "put KEY VALUE [--ttl SECONDS | --lease ID]",
     "Sets KEY to VALUE. A VALUE of - is read from standard input. The key is removed again after\n"
     "SECONDS, or when the lease ID ends, unless it is put anew before. Exit status 1 when there "
     "is\n"
     "no such lease.\n"},
    {"get", DE_CLI_GET, 1, 1, "get KEY [--revision]",
     "Prints the value of KEY: exactly its bytes, and a newline only on a terminal.\n"
     "--revision prints before it the revision of the key's last change, and a tabulator.\n"
     "Exit status 1 when there is no such key.\n"},
    {"del", DE_CLI_DELETE, 1, 1, "del KEY [--prefix]",
     "Removes KEY, which need not exist; with --prefix all keys that begin with it (at most "
     "10000),\n"
     "at one revision, and prints how many there were.\n"},
    {"cas", DE_CLI_CAS, 2, 2, "cas KEY (--expect VALUE | --absent | --mod-revision N) NEW",
     "Sets KEY to NEW if its value is VALUE, or with --absent if there is no such key, or with\n"
     "--mod-revision if N is the revision of its last change, as get --revision prints it. One of\n"
     "VALUE and NEW may be -, which is read from standard input. Exit status 1 when the comparison "
     "is\n"
     "false.\n"},
    {"scan", DE_CLI_SCAN, 1, 1, "scan PREFIX [--limit N] [--reverse] [--keys-only | --count]",
     "Prints the keys that begin with PREFIX (\"\": all) in order of their bytes: key, tabulator,\n"
     "value, newline; with --output json an object on each line. --count prints how many there "
     "are.\n"
     "It reads page by page: a key that is there all the time is printed exactly once.\n"},
    {"txn", DE_CLI_TXN, 0, 0, "txn",
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
    {"watch", DE_CLI_WATCH, 1, 1, "watch KEY [--prefix] [--from-revision N] [--prev] [--limit N]",
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
    {"lock", DE_CLI_LOCK, 1, 1, "lock NAME [--ttl SECONDS] [--] CMD [ARGUMENT...]",
     "Waits for the lock NAME, runs CMD while it is held, and gives it back. All words behind CMD "
     "are\n"
     "CMD's, and no shell looks at them. Who asks first gets the lock first; when a holder dies or "
     "is cut\n"
     "off, it is free again after SECONDS (default: 10). --timeout is how long to wait (default: "
     "for\n"
     "ever, once a server has answered). SIGTERM and SIGHUP are passed on to CMD.\n"
     "A lock can be lost while CMD runs: then CMD is sent SIGTERM, and what it still writes has to "
     "be\n"
     "refused by whoever takes it. For that it has in its environment\n\n"
     "    DENGINE_LOCK_TOKEN                       greater than that of all holders before\n"
     "    DENGINE_LOCK_KEY, DENGINE_LOCK_REVISION  the lock is held as long as in a txn\n"
     "                                             'created KEY = REVISION' is true\n\n"
     "Exit status: that of CMD, or 128 and its signal; 125 when the lock was lost meanwhile; 126 "
     "when CMD\n"
     "cannot be run, 127 when it is not found; before CMD has begun 1 when others had the lock "
     "until\n"
     "--timeout, 2 and 3 as ever, or 128 and the signal that ended the waiting.\n"},
    {"elect", DE_CLI_ELECT, 1, 2, "elect NAME [VALUE] [--ttl SECONDS]",
     "Prints a line for each leader of the election NAME: leader, revision, value; or nobody. With "
     "a\n"
     "VALUE it stands for election, too: it prints \"elected\" and its fencing token when it "
     "leads, "
     "and\n"
     "leads until SIGTERM or SIGINT, upon which it resigns with exit status 0. --ttl as for lock. "
     "With\n"
     "--output json each line is an object. Exit status 1 when it leads no more against its "
     "will.\n"},
    {"lease", DE_CLI_LEASE, 2, 2,
     "lease (grant SECONDS | keep-alive ID | revoke ID | ttl ID | list FROM)",
     "grant makes a lease that ends SECONDS after it was last kept alive, and prints its ID; with "
     "it\n"
     "end the keys put with --lease ID. keep-alive lets it begin anew, revoke ends it now. ttl "
     "prints\n"
     "its ID, milliseconds as granted and left, and the number of its keys; list those of all "
     "leases\n"
     "from FROM (0: all). Exit status 1 when there is no such lease.\n"},
    {"status", DE_CLI_STATUS, 0, 0, "status",
     "Prints the members of the cluster and which of them leads.\n"},
    {"member", DE_CLI_MEMBER, 1, 3,
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
    {"leader", DE_CLI_LEADER, 0, 0, "leader",
     "Prints the ID of the leader and its address for clients. Exit status 1 when there is none "
     "that\nis known.\n"},
    {"transfer", DE_CLI_TRANSFER, 1, 1, "transfer ID",
     "Hands leadership over to the voter ID, or with 0 to the one with the longest log, and "
     "returns\n"
     "when it leads. Writes under way are not lost.\n"},
    {"check", DE_CLI_CHECK, 1, 1, "check perf",
     "Puts a load on the cluster for about four seconds, and prints how it takes it: writes, then "
     "reads\n"
     "(as --consistency says), one at a time and 32 at a time; rates, and the times within which "
     "half of\n"
     "the calls, 99 of 100, and all were done. Its keys, dengine-check-perf/..., are gone when it "
     "ends.\n"
     "With --output json each line is an object.\n"},
    {"wal", DE_CLI_WAL, 2, 2, "wal (inspect | verify) DIR",
     "Checks the log of a node, each record of it, as the node would when it starts; changes "
     "nothing.\n"
     "DIR is a data directory, its wal directory, or a copy of that; a node that uses it must be\n"
     "stopped first. inspect prints the segments and records too, verify only the verdict. With\n"
     "--output json each line is an object. Exit status 1 when the log is damaged or foreign: the\n"
     "message names the file and the byte offset and says what to do; 3 when it cannot be read or "
     "is\n"
     "in use.\n"},
    {"snapshot", DE_CLI_SNAPSHOT, 2, 2, "snapshot (save | status | restore) FILE",
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

const struct de_cli_option de_cli_options[DE_CLI_OPTIONS] = {
    {"--endpoints", OPTION_ENDPOINTS, "HOST:PORT,...",
     "the cluster (default: $DENGINE_ENDPOINTS, else 127.0.0.1:9081)"},
    {"--consistency", OPTION_CONSISTENCY, "LEVEL",
     "of get, scan and check: linearizable, lease or eventual (default: the server's)"},
    {"--timeout", OPTION_TIMEOUT, "MS",
     "give up after this long (default: 5000); of watch: when no server is found by then"},
    {"--output", OPTION_OUTPUT, "text|json", "what to print (default: text)"},
    {"--expect", OPTION_EXPECT, "VALUE", "of cas: the value that must be there"},
    {"--mod-revision", OPTION_MOD_REVISION, "N", "of cas: the key must have changed last at it"},
    {"--data-dir", OPTION_DATA_DIR, "DIR", "of snapshot restore: the new member's data directory"},
    {"--node-id", OPTION_NODE_ID, "N", "of snapshot restore: the new member (default: 1)"},
    {"--initial-cluster", OPTION_INITIAL_CLUSTER, "N=HOST:PORT,...",
     "of snapshot restore: all members (default: it alone)"},
    {"--cluster-name", OPTION_CLUSTER_NAME, "NAME",
     "of snapshot restore: the new cluster's, the same on all members"},
    {"--config", OPTION_CONFIG, "FILE", "of snapshot restore: the new member's configuration"},
    {"--ttl", OPTION_TTL, "SECONDS",
     "of put: the key is removed after so long; of lock and elect: see there"},
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
    {"--revision", OPTION_REVISION, NULL, "of get: that of the last change, too"},
    {"--absent", OPTION_ABSENT, NULL, "of cas: the key must not exist"},
    {"--help", OPTION_HELP, NULL, "this text, or that of a command; also -h, before one"},
    {"--version", OPTION_VERSION, NULL, "the version"},
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

static void help_options(FILE *file)
{
    size_t i;

    (void)fputs("\nOptions, anywhere before --:\n", file);
    for (i = 0; i < DE_CLI_OPTIONS; i++) {
        char left[64];

        (void)snprintf(left, sizeof left, "%s %s", de_cli_options[i].name,
                       de_cli_options[i].value_name != NULL ? de_cli_options[i].value_name : "");
        (void)fprintf(file, "  %-28s %s\n", left, de_cli_options[i].help);
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
    const struct de_cli_usage *one = de_cli_usage_of(command);
    size_t i;

    if (one != NULL) {
        (void)fprintf(file, "usage: dengine-cli [OPTION...] %s\n\n%s", one->usage, one->help);
        help_options(file);
        return;
    }
    (void)fputs("usage: dengine-cli [OPTION...] COMMAND\n\nCommands:\n", file);
    for (i = 0; i < DE_CLI_COMMANDS; i++) {
        (void)fprintf(file, "  %s\n", de_cli_commands[i].usage);
    }
    help_options(file);
}
