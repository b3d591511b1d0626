/* runtime/sim/check/edn.h - a scanner for the EDN that Jepsen's histories are made of.
 *
 * On top of scan.h, over one form. Between tokens it passes over white space, commas, comments and
 * discarded forms (#_); tags (#inst, #jepsen.history.Op) are passed over too: what counts is the
 * form behind them. Not thread-safe. */
#ifndef DE_RUNTIME_SIM_CHECK_EDN_H
#define DE_RUNTIME_SIM_CHECK_EDN_H

#include <stdint.h>

#include "runtime/sim/check/scan.h"

#ifdef __cplusplus
extern "C" {
#endif

/* How deep forms may nest. */
#define DE_EDN_DEPTH_MAX 64

/* The first byte of the next token, without taking it, in first; -1 at the end. Errors: a bad form
 * in what is passed over. */
int de_edn_peek(struct de_scan *edn, int *first);

/* Takes the byte wanted if it is next; otherwise says "expected ..." of expected and fails. */
int de_edn_take(struct de_scan *edn, char wanted, const char *expected);

/* A keyword, without its colon, borrowed. */
int de_edn_keyword(struct de_scan *edn, const char *expected, struct dengine_slice *name);

/* An integer of 64 bits, also as 5N. */
int de_edn_integer(struct de_scan *edn, const char *expected, int64_t *integer);

/* nil, an integer, a string, or a keyword: that becomes a string with its colon, ":timeout". */
int de_edn_value(struct de_scan *edn, const char *expected, struct de_history_value *value);

/* Any form whatever, checked only as far as needed to find its end; nothing of it is decoded. */
int de_edn_skip(struct de_scan *edn);

#ifdef __cplusplus
}
#endif

#endif
