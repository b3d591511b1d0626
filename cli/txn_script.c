#include "cli/txn_script.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/assert.h"

/* Words of one line at most. */
#define WORDS_MAX 6

enum part {
    IN_COMPARES,
    IN_THEN,
    IN_ELSE,
};

struct words {
    struct dengine_slice word[WORDS_MAX];
    size_t count;
};

__attribute__((format(printf, 2, 3))) static int refuse(struct de_txn_script *script,
                                                        const char *format, ...)
{
    va_list list;

    va_start(list, format);
    (void)vsnprintf(script->message, sizeof script->message, format, list);
    va_end(list);
    return DENGINE_E_INVALID;
}

static bool is(struct dengine_slice word, const char *text)
{
    return word.size == strlen(text) && memcmp(word.data, text, word.size) == 0;
}

/* ---- words ---- */

static int hex_of(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* The byte that the escape at *at stands for; *at moves behind it. -1: it is none. */
static int escape(const char **at, const char *end)
{
    int high;
    int low;

    if (end - *at < 2) {
        return -1;
    }
    *at += 2;
    switch ((*at)[-1]) {
    case '"':
    case '\\':
        return (unsigned char)(*at)[-1];
    case 'n':
        return '\n';
    case 't':
        return '\t';
    case 'x':
        high = end - *at >= 2 ? hex_of((*at)[0]) : -1;
        low = high >= 0 ? hex_of((*at)[1]) : -1;
        *at += 2;
        return low >= 0 ? high * 16 + low : -1;
    default:
        return -1;
    }
}

/* A word in quotes, unescaped where it stands; at is behind the opening quote. NULL: it does not
 * end, or has an escape that is none; else where the text goes on. */
static char *take_quoted(char *at, const char *end, struct dengine_slice *word)
{
    char *const start = at;
    char *to = at;
    const char *from = at;

    while (from < end && *from != '"') {
        if (*from == '\\') {
            const int byte = escape(&from, end);

            if (byte < 0) {
                return NULL;
            }
            *to++ = (char)byte;
        } else {
            *to++ = *from++;
        }
    }
    *word = dengine_bytes(start, (size_t)(to - start));
    return from < end ? at + (from - at) + 1 : NULL;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static int split(struct de_txn_script *script, char *at, const char *end, struct words *words)
{
    words->count = 0;
    while (at < end) {
        char *start = at;

        if (is_blank(*at)) {
            at++;
            continue;
        }
        if (*at == '#') {
            return 0;
        }
        if (words->count == WORDS_MAX) {
            return refuse(script, "there are too many words");
        }
        if (*at == '"') {
            at = take_quoted(at + 1, end, &words->word[words->count++]);
            if (at == NULL) {
                return refuse(script, "a quoted word does not end, or has an escape that is not "
                                      "one of \\\" \\\\ \\n \\t \\xHH");
            }
            continue;
        }
        while (at < end && !is_blank(*at)) {
            at++;
        }
        words->word[words->count++] = dengine_bytes(start, (size_t)(at - start));
    }
    return 0;
}

static int take_number(struct de_txn_script *script, struct dengine_slice word, uint64_t least,
                       uint64_t most, uint64_t *number)
{
    char text[24] = "";
    char *end;

    (void)snprintf(text, sizeof text, "%.*s", word.size < 23 ? (int)word.size : 23,
                   (const char *)word.data);
    errno = 0;
    *number = strtoull(text, &end, 10);
    if (word.size >= 23 || text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0 ||
        *number < least || *number > most) {
        return refuse(script, "\"%s\" is not a number from %llu to %llu", text,
                      (unsigned long long)least, (unsigned long long)most);
    }
    return 0;
}

static int check_key(struct de_txn_script *script, struct dengine_slice key)
{
    return key.size > 0 ? 0 : refuse(script, "the key is empty");
}

/* Whether no key can be in a range; the end that is empty is behind the last key. */
static bool ends_before_it_begins(struct dengine_slice from, struct dengine_slice end)
{
    const size_t shorter = from.size < end.size ? from.size : end.size;
    const int order = shorter > 0 ? memcmp(from.data, end.data, shorter) : 0;

    return end.size > 0 && (order > 0 || (order == 0 && from.size >= end.size));
}

/* ---- lines ---- */

static int take_relation(struct de_txn_script *script, struct dengine_slice word,
                         struct dengine_compare *compare)
{
    static const char *const signs[] = {"=", "!=", "<", ">"};
    size_t i;

    for (i = 0; i < DE_ARRAY_SIZE(signs); i++) {
        if (is(word, signs[i])) {
            compare->relation = (enum dengine_relation)(DENGINE_EQUAL + i);
            return 0;
        }
    }
    return refuse(script, "\"%.*s\" is none of = != < >", word.size < 20 ? (int)word.size : 20,
                  (const char *)word.data);
}

/* The target that a comparison begins with; 0: it is none. */
static int target_of(struct dengine_slice word)
{
    static const struct {
        const char *name;
        enum dengine_compare_target target;
    } targets[] = {
        {"value", DENGINE_COMPARE_VALUE},
        {"absent", DENGINE_COMPARE_ABSENCE},
        {"exists", DENGINE_COMPARE_ABSENCE},
        {"version", DENGINE_COMPARE_VERSION},
        {"created", DENGINE_COMPARE_CREATE_REVISION},
        {"modified", DENGINE_COMPARE_MOD_REVISION},
    };
    size_t i;

    for (i = 0; i < DE_ARRAY_SIZE(targets); i++) {
        if (is(word, targets[i].name)) {
            return (int)targets[i].target;
        }
    }
    return 0;
}

static int take_compare(struct de_txn_script *script, const struct words *words, int target)
{
    struct dengine_compare *compare = &script->compares[script->txn.compare_count];
    int err;

    if (script->txn.compare_count == DENGINE_TXN_ITEMS_MAX) {
        return refuse(script, "there are more than %d comparisons", DENGINE_TXN_ITEMS_MAX);
    }
    script->txn.compare_count++;
    compare->target = (enum dengine_compare_target)target;
    if (compare->target == DENGINE_COMPARE_ABSENCE) {
        compare->relation = is(words->word[0], "absent") ? DENGINE_EQUAL : DENGINE_NOT_EQUAL;
        compare->key = words->word[1];
        return words->count == 2 ? check_key(script, compare->key)
                                 : refuse(script, "usage: absent KEY, exists KEY");
    }
    if (words->count != 4) {
        return refuse(script, "usage: value KEY = VALUE; version, created or modified KEY = N");
    }
    compare->key = words->word[1];
    err = take_relation(script, words->word[2], compare);
    if (err == 0 && compare->target == DENGINE_COMPARE_VALUE) {
        compare->value = words->word[3];
    } else if (err == 0) {
        err = take_number(script, words->word[3], 0, UINT64_MAX, &compare->number);
    }
    return err != 0 ? err : check_key(script, compare->key);
}

static int take_put(struct de_txn_script *script, const struct words *words, struct dengine_op *op)
{
    uint64_t seconds = 0;
    int err = 0;

    if ((words->count != 3 && words->count != 5) ||
        (words->count == 5 && !is(words->word[3], "ttl") && !is(words->word[3], "lease"))) {
        return refuse(script, "usage: put KEY VALUE [ttl SECONDS | lease ID]");
    }
    op->type = DENGINE_OP_PUT;
    op->key = words->word[1];
    op->value = words->word[2];
    if (words->count == 5 && is(words->word[3], "ttl")) {
        err = take_number(script, words->word[4], 1, 288230376, &seconds);
        op->ttl_ms = seconds * 1000;
    } else if (words->count == 5) {
        err = take_number(script, words->word[4], 1, UINT64_MAX, &op->lease);
    }
    return err != 0 ? err : check_key(script, op->key);
}

static int take_range(struct de_txn_script *script, const struct words *words,
                      struct dengine_op *op)
{
    uint64_t limit = 0;
    int err = 0;

    if (words->count != 3 && !(words->count == 4 && op->type == DENGINE_OP_RANGE)) {
        return refuse(script, "usage: range FROM END [LIMIT], del-range FROM END");
    }
    op->key = words->word[1];
    op->end = words->word[2];
    if (words->count == 4) {
        err = take_number(script, words->word[3], 0, UINT32_MAX, &limit);
        op->limit = (uint32_t)limit;
    }
    if (err == 0 && ends_before_it_begins(op->key, op->end)) {
        return refuse(script, "the range ends before it begins; an END of \"\" is behind all keys");
    }
    return err;
}

static int take_op(struct de_txn_script *script, const struct words *words)
{
    const bool otherwise = script->part == IN_ELSE;
    size_t *count = otherwise ? &script->txn.else_count : &script->txn.then_count;
    struct dengine_op *op = &(otherwise ? script->else_ops : script->then_ops)[*count];
    const struct dengine_slice verb = words->word[0];

    if (*count == DENGINE_TXN_ITEMS_MAX) {
        return refuse(script, "there are more than %d operations", DENGINE_TXN_ITEMS_MAX);
    }
    (*count)++;
    if (is(verb, "put")) {
        return take_put(script, words, op);
    }
    if (is(verb, "range") || is(verb, "del-range")) {
        op->type = is(verb, "range") ? DENGINE_OP_RANGE : DENGINE_OP_DELETE_RANGE;
        return take_range(script, words, op);
    }
    if (is(verb, "get") || is(verb, "del")) {
        op->type = is(verb, "get") ? DENGINE_OP_GET : DENGINE_OP_DELETE;
        op->key = words->word[1];
        return words->count == 2 ? check_key(script, op->key)
                                 : refuse(script, "usage: get KEY, del KEY");
    }
    return refuse(script, "\"%.*s\" begins neither a comparison nor an operation",
                  verb.size < 40 ? (int)verb.size : 40, (const char *)verb.data);
}

static int take_line(struct de_txn_script *script, const struct words *words)
{
    const bool then = is(words->word[0], "then");
    const int target = target_of(words->word[0]);

    if (then || is(words->word[0], "else")) {
        if (words->count != 1 || script->part >= (then ? IN_THEN : IN_ELSE)) {
            return refuse(script, "then and else stand alone on a line, once each, in this order");
        }
        script->part = then ? IN_THEN : IN_ELSE;
        return 0;
    }
    if (target != 0) {
        return script->part == IN_COMPARES
                   ? take_compare(script, words, target)
                   : refuse(script, "comparisons come before the operations");
    }
    if (script->part == IN_COMPARES) {
        script->part = IN_THEN;
    }
    return take_op(script, words);
}

int de_txn_script_parse(struct de_txn_script *script, char *text, size_t size)
{
    const char *const end = text + size;
    char *at = text;
    int number = 0;

    memset(script, 0, sizeof *script);
    script->txn.compares = script->compares;
    script->txn.then_ops = script->then_ops;
    script->txn.else_ops = script->else_ops;
    while (at < end) {
        char *newline = memchr(at, '\n', (size_t)(end - at));
        const char *line_end = newline != NULL ? newline : end;
        struct words words = {.count = 0};
        int err = split(script, at, line_end, &words);

        number++;
        if (err == 0 && words.count > 0) {
            err = take_line(script, &words);
        }
        if (err != 0) {
            char what[sizeof script->message];

            (void)snprintf(what, sizeof what, "%s", script->message);
            (void)snprintf(script->message, sizeof script->message, "line %d: %.180s", number,
                           what);
            return err;
        }
        at = newline != NULL ? newline + 1 : at + (end - at);
    }
    return 0;
}
