/* runtime/sim/check/history.h - what clients did and saw: events, and operations made of them.
 *
 * An *event* is one line of a history: a process invokes an operation, or learns how it ended. An
 * *operation* is an invocation together with its end. This is Jepsen's model:
 *
 *   invoke  the operation begins
 *   ok      it happened, between its invoke and here; a read says what it saw
 *   fail    it did not happen and never will. For cas it means more: the comparison was *false*.
 *           A cas that was refused for another reason must not be recorded as fail: leave it out
 *           if it surely did nothing, or record info, or say `untold`
 *   info    nobody knows: it may have happened, or may happen at any time after its invoke. An
 *           operation that never completes counts as info
 *
 * A process does one thing at a time; after info its number is never used again (what it was doing
 * may still be going on). Functions and what `value` is for each; a model knows some of them:
 *
 *   read     null or nothing when invoked, what was seen when ok (null: absent)
 *   write    the value, an integer or a string
 *   cas      [old, new]; old may be null (absent), new may not (that would be a compare-and-delete)
 *   delete   null or nothing
 *   get      null or nothing when invoked, the string that was seen when ok ("" or null: absent)
 *   put      the string
 *   append   the string to add at the end
 *   acquire  the holder, an integer or a string; null or nothing: the process, as an integer
 *   release  likewise; who releases must be who holds
 *   expire   what vanishes if it is there, and only then: a value of the key, or a lock's holder.
 *            Nobody calls it: it is how a lease's end gets into a history, mostly as info
 *
 * The order of the lines is the order of the events; `time` may not go backwards.
 * Nothing here is thread-safe. */
#ifndef DE_RUNTIME_SIM_CHECK_HISTORY_H
#define DE_RUNTIME_SIM_CHECK_HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/sim/check/value.h"

#ifdef __cplusplus
extern "C" {
#endif

/* X(NAME, text in files). */
#define DE_HISTORY_TYPE_MAP(X)                                                                     \
    X(INVOKE, "invoke")                                                                            \
    X(OK, "ok")                                                                                    \
    X(FAIL, "fail")                                                                                \
    X(INFO, "info")

enum de_history_type {
#define DE_HISTORY_TYPE_ENUM(name, text) DE_HISTORY_##name,
    DE_HISTORY_TYPE_MAP(DE_HISTORY_TYPE_ENUM)
#undef DE_HISTORY_TYPE_ENUM
};

#define DE_HISTORY_FUNCTION_MAP(X)                                                                 \
    X(READ, "read")                                                                                \
    X(WRITE, "write")                                                                              \
    X(CAS, "cas")                                                                                  \
    X(DELETE, "delete")                                                                            \
    X(GET, "get")                                                                                  \
    X(PUT, "put")                                                                                  \
    X(APPEND, "append")                                                                            \
    X(ACQUIRE, "acquire")                                                                          \
    X(RELEASE, "release")                                                                          \
    X(EXPIRE, "expire")

enum de_history_function {
#define DE_HISTORY_FUNCTION_ENUM(name, text) DE_HISTORY_##name,
    DE_HISTORY_FUNCTION_MAP(DE_HISTORY_FUNCTION_ENUM)
#undef DE_HISTORY_FUNCTION_ENUM
};

/* Sets of functions. */
#define DE_HISTORY_BIT(name)     (UINT32_C(1) << DE_HISTORY_##name)
#define DE_HISTORY_ALL_FUNCTIONS UINT32_MAX

/* The text of a type or function, as in files. Static. */
const char *de_history_type_text(enum de_history_type type);
const char *de_history_function_text(enum de_history_function function);

/* "read, write or cas", of a set of functions, into text (as snprintf). */
void de_history_functions_text(uint32_t functions, char *text, size_t size);

/* How `value` was given: not at all, as one value, or as [first, second]. */
enum de_history_shape { DE_HISTORY_MISSING, DE_HISTORY_SINGLE, DE_HISTORY_PAIR };

struct de_history_event {
    int64_t process; /* >= 0 */
    enum de_history_type type;
    enum de_history_function function;
    enum de_history_shape shape;
    bool untold;                      /* fail of a cas: nobody says that the comparison was false */
    bool key_left_out;                /* completion: does not repeat the key of its invoke */
    struct de_history_value key;      /* null: no key, there is one object */
    struct de_history_value expected; /* PAIR: the first of the two, what cas compares with */
    struct de_history_value value;    /* SINGLE: the value; PAIR: the second, what cas writes */
    int64_t time_ns;
};

/* Call and return are positions in the order of events: a precedes b if and only if
 * a.return_at < b.call_at; otherwise they overlap. Use a counter of events, not a clock, so that no
 * two are equal; an operation's return_at is greater than its call_at. */
struct de_history_operation {
    int64_t process;
    enum de_history_function function;
    enum de_history_type outcome; /* OK, FAIL or INFO; INFO also if it never completed */
    bool untold;                  /* FAIL of a cas: it did not happen, that is all we know */
    struct de_history_value key;
    struct de_history_value expected; /* cas */
    struct de_history_value value;    /* as in the list above; of a read or get: what it saw */
    uint64_t call_at;
    uint64_t return_at; /* ignored when INFO */
    int64_t call_ns;    /* for people */
    int64_t return_ns;  /* ignored when INFO */
};

/* What is wrong, where (line 0: no line), and what was expected. */
struct de_history_error {
    uint64_t line;
    char text[256];
};

/* As printf, into error->text, cut if too long; returns DENGINE_E_INVALID. */
__attribute__((format(printf, 3, 4))) int de_history_fail(struct de_history_error *error,
                                                          uint64_t line, const char *format, ...);

struct de_history_block; /* of the strings' memory */
struct de_history_process;

struct de_history {
    struct de_history_operation *operations; /* in the order of their invokes */
    size_t count;
    size_t capacity;
    struct de_value_table process_numbers;
    struct de_history_process *processes; /* by the number that process_numbers gives */
    size_t processes_capacity;
    struct de_history_block *blocks;
    uint64_t last_line;
    uint64_t last_position;
    int64_t last_time_ns;
    uint32_t functions; /* those that may occur */
    const char *model;  /* whose they are, for messages; NULL: any */
};

void de_history_init(struct de_history *history);
void de_history_deinit(struct de_history *history);

/* From now on refuses functions outside the set, as not of the model. model is borrowed. */
void de_history_limit(struct de_history *history, uint32_t functions, const char *model);

/* Takes the next event, found in the given line (not before that of the last event). Its position,
 * call_at or return_at, is the line, or the next one free where a line holds several events.
 * Strings are copied. On an event that cannot follow what came before returns DENGINE_E_INVALID,
 * says why in error, and history is as before; else 0 or DENGINE_E_NO_MEMORY,
 * DENGINE_E_TOO_LARGE. */
int de_history_add(struct de_history *history, const struct de_history_event *event, uint64_t line,
                   struct de_history_error *error);

#ifdef __cplusplus
}
#endif

#endif
