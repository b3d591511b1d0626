/* cli/arguments.h - the command line of dengine-cli.
 *
 * Threads: pure functions. */
#ifndef DE_CLI_ARGUMENTS_H
#define DE_CLI_ARGUMENTS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <dengine/client.h>

#ifdef __cplusplus
extern "C" {
#endif

enum de_cli_command {
    DE_CLI_NONE = 0,
    DE_CLI_PUT,
    DE_CLI_GET,
    DE_CLI_DELETE,
    DE_CLI_CAS,
    DE_CLI_STATUS,
    DE_CLI_LEASE,
    DE_CLI_SCAN,
    DE_CLI_TXN,
    DE_CLI_WATCH,
    DE_CLI_MEMBER,
    DE_CLI_LEADER,
    DE_CLI_TRANSFER,
    DE_CLI_LOCK,
    DE_CLI_ELECT,
    DE_CLI_CHECK,
    DE_CLI_WAL,
    DE_CLI_SNAPSHOT,
};

/* Operands of a command at most. */
#define DE_CLI_OPERANDS_MAX 3

struct de_cli_arguments {
    enum de_cli_command command;
    uint32_t given; /* bit 1 << kind of each option that is there */
    bool help;      /* of the command, or of the program when there is none */
    bool version;
    bool json;
    const char *endpoints; /* NULL: not given */
    enum dengine_consistency consistency;
    uint32_t timeout_ms;                      /* 0: not given */
    const char *operand[DE_CLI_OPERANDS_MAX]; /* key, value; or verb, object */
    size_t operand_count;
    char *const *program; /* lock: what to run, ends with NULL; its words are no operands */
    uint64_t ids[DENGINE_MEMBERS_MAX]; /* member, transfer */
    size_t id_count;
    const char *client_address; /* member add, move; NULL: not given */
    bool read_only;             /* member add */
    const char *expect;         /* cas: NULL with --absent */
    bool absent;
    uint64_t mod_revision; /* cas; 0: not given */
    bool revision;         /* get */
    const char *data_dir;  /* snapshot restore, as the following; NULL: not given */
    const char *node_id;
    const char *initial_cluster;
    const char *cluster_name;
    const char *config;
    uint64_t ttl_s; /* put, lease grant, lock, elect; 0: none */
    uint64_t lease; /* put, lease keep-alive and revoke; 0: none */
    bool keys_only; /* scan, as the following */
    bool count_only;
    bool reverse;
    uint64_t limit;         /* scan, watch; 0: none */
    bool prefix;            /* del, watch: the keys that begin with the operand */
    bool previous;          /* watch, as the following */
    uint64_t from_revision; /* 0: what is to come */
    char message[256];      /* what was wrong */
};

/* Takes argv[1..argc-1] apart; options may stand anywhere before "--", or before
 * the command of "lock". INVALID with
 * arguments->message. Borrows argv, which ends with NULL, for the life of arguments. */
int de_cli_parse(struct de_cli_arguments *arguments, int argc, char *const *argv);

/* The help of a command, or of the program. */
void de_cli_help(enum de_cli_command command, FILE *file);

#ifdef __cplusplus
}
#endif

#endif
