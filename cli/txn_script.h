/* cli/txn_script.h - transactions as text, for dengine-cli txn.
 *
 * A line is a comparison, an operation, one of the words then and else, a comment (#), or empty.
 * Words are separated by blanks; one that has blanks in it, or none at all, stands in double
 * quotes, where \" \\ \n \t and \xHH mean what they mean in C.
 *
 *     value KEY = VALUE        also != < >
 *     version KEY = N          also created and modified, for revisions; 0: there is no such key
 *     absent KEY
 *     exists KEY
 *     then
 *     put KEY VALUE [ttl SECONDS | lease ID]
 *     del KEY
 *     del-range FROM END
 *     get KEY
 *     range FROM END [LIMIT]
 *     else
 *     ...                      operations again
 *
 * Without a then, everything is a comparison until the first operation.
 *
 * Threads: any, one script in one thread at a time. */
#ifndef DE_CLI_TXN_SCRIPT_H
#define DE_CLI_TXN_SCRIPT_H

#include <dengine/client.h>

#ifdef __cplusplus
extern "C" {
#endif

struct de_txn_script {
    struct dengine_txn txn; /* borrows from what follows, and from the text */
    struct dengine_compare compares[DENGINE_TXN_ITEMS_MAX];
    struct dengine_op then_ops[DENGINE_TXN_ITEMS_MAX];
    struct dengine_op else_ops[DENGINE_TXN_ITEMS_MAX];
    int part; /* of the parser: what the lines belong to */
    char message[200];
};

/* Takes text apart; writes into it, and keeps pointing to it. INVALID with script->message, which
 * names the line. */
int de_txn_script_parse(struct de_txn_script *script, char *text, size_t size);

#ifdef __cplusplus
}
#endif

#endif
