/* runtime/sim/service_bank.h - accounts whose sum never changes: what transactions are for.
 *
 * A transfer compares the revisions of two accounts with those last seen and then takes from one
 * what it adds to the other, with a note in between; else it looks at all accounts. A doomed one
 * wants its note to end with a lease that does not exist, so it can do nothing at all. Whoever
 * looks at the accounts finds the sum that there always was.
 *
 * One thread. */
#ifndef DE_RUNTIME_SIM_SERVICE_BANK_H
#define DE_RUNTIME_SIM_SERVICE_BANK_H

#include "core/kv/command.h"
#include "runtime/sim/dice.h"

#ifdef __cplusplus
extern "C" {
#endif

#define DE_BANK_ACCOUNTS 4u
/* Of an account that has no key yet. */
#define DE_BANK_INITIAL 100u

/* The accounts as one client has last seen them. */
struct de_bank_view {
    bool known;
    uint64_t balances[DE_BANK_ACCOUNTS];
    uint64_t revisions[DE_BANK_ACCOUNTS]; /* 0: no key yet */
};

/* Room for the lists of a command. */
struct de_bank_lists {
    uint8_t compares[100];
    uint8_t then_ops[200];
    uint8_t else_ops[100];
};

/* Fills in the lists of *command, a transaction; they borrow lists. view is known. */
void de_bank_transfer(const struct de_bank_view *view, struct de_dice *dice, bool doomed,
                      struct de_kv_command *command, struct de_bank_lists *lists);
void de_bank_audit(struct de_kv_command *command, struct de_bank_lists *lists);

/* What a look at the accounts has found: NULL, or what is wrong with it. */
const char *de_bank_look(struct de_bank_view *view, struct dengine_slice answer);

#ifdef __cplusplus
}
#endif

#endif
