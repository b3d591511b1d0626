/* tests/server/meaning.h - the public calls of a client and what they are answered, as text that is
 * the same for an engine in the process and for a server, as long as the calls mean the same.
 *
 * What differs between any two runs is left out: a revision is written as its place among all that
 * were told (r1, r2, ...), the revision of a page as that of the last change in it, the address of
 * the server that said something not at all.
 *
 * Threads: one. */
#ifndef DE_TESTS_SERVER_MEANING_H
#define DE_TESTS_SERVER_MEANING_H

#include <stdio.h>

#include <dengine/client.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What the calls expect of the configuration. */
#define DE_MEANING_VALUE_BYTES_MAX 5242880 /* more than gRPC lets through unless it is told to */
#define DE_MEANING_KEY_BYTES_MAX   400
#define DE_MEANING_LEASES_MAX      8
#define DE_MEANING_SESSIONS_MAX    2
#define DE_MEANING_WATCHERS_MAX    16
#define DE_MEANING_EVENTS_MAX      64

struct de_meaning {
    struct dengine_client *client;
    FILE *out;
    char *text;
    size_t size;
};

/* Begins an empty text about client. */
void de_meaning_begin(struct de_meaning *meaning, struct dengine_client *client);

/* The text; the caller frees it. */
char *de_meaning_end(struct de_meaning *meaning);

/* One line: the call (printf form), the name of the error, what dengine_last_error adds to it. */
__attribute__((format(printf, 3, 4))) void de_say(struct de_meaning *meaning, int err,
                                                  const char *format, ...);

/* The end of such a line alone, with the text that was there when the call ended. */
void de_say_end(struct de_meaning *meaning, int err, const char *text);

/* More lines about what the last call gave, each behind `name`. */
void de_say_bytes(struct de_meaning *meaning, const char *name, struct dengine_slice bytes);
void de_say_number(struct de_meaning *meaning, const char *name, uint64_t number);
void de_say_revision(struct de_meaning *meaning, const char *name, uint64_t revision);
/* Of the last change at or before it. */
void de_say_as_of(struct de_meaning *meaning, uint64_t revision);
void de_say_value(struct de_meaning *meaning, struct dengine_value *value); /* and frees it */
void de_say_pair(struct de_meaning *meaning, const struct dengine_pair *pair);
void de_say_page(struct de_meaning *meaning, struct dengine_page *page);         /* likewise */
void de_say_txn(struct de_meaning *meaning, struct dengine_txn_result *result);  /* likewise */
void de_say_leases(struct de_meaning *meaning, struct dengine_lease_page *page); /* likewise */
void de_say_lease(struct de_meaning *meaning, const struct dengine_lease_info *info);

/* The calls, each file a part of them, in this order on a state that is new. */
void de_meaning_writes(struct de_meaning *meaning);    /* meaning_calls.c */
void de_meaning_reads(struct de_meaning *meaning);     /* meaning_reads.c */
void de_meaning_txns(struct de_meaning *meaning);      /* meaning_txns.c */
void de_meaning_leases(struct de_meaning *meaning);    /* meaning_leases.c */
void de_meaning_callbacks(struct de_meaning *meaning); /* meaning_callbacks.c */
void de_meaning_watches(struct de_meaning *meaning);   /* meaning_watches.c */
void de_meaning_locks(struct de_meaning *meaning);     /* meaning_locks.c */
void de_meaning_bad_calls(struct de_meaning *meaning); /* meaning_bad_calls.c */
void de_meaning_bounds(struct de_meaning *meaning);    /* meaning_bounds.c */

/* Others, of a node that has no leader, likewise: what becomes of a deadline. */
void de_meaning_deadlines(struct de_meaning *meaning); /* meaning_deadlines.c */

#ifdef __cplusplus
}
#endif

#endif
