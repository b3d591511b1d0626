#include "runtime/sim/check/edn.h"

#include <string.h>

#include <dengine/error.h>

#include "core/base/assert.h"
#include "runtime/sim/check/text.h"

/* What ends a token that has no end mark of its own. NUL is no byte of a text. */
static bool is_delimiter(int c)
{
    return c < 0 || c <= ' ' || strchr(",;\"()[]{}", c) != NULL;
}

static bool is_space(int c)
{
    return c == ',' || (c >= 0 && c <= ' ');
}

static int next_byte(const struct de_scan *edn)
{
    size_t next = edn->at.position + 1;
    return next < edn->size ? edn->data[next] : -1;
}

/* To the end of the token that the position is in. */
static void pass_token(struct de_scan *edn)
{
    while (!is_delimiter(de_scan_at(edn))) {
        de_scan_advance(edn);
    }
}

static void pass_space(struct de_scan *edn)
{
    bool comment = false;
    for (int c = de_scan_at(edn); c >= 0; c = de_scan_at(edn)) {
        if (comment) {
            comment = c != '\n';
        } else if (c == ';') {
            comment = true;
        } else if (!is_space(c)) {
            return;
        }
        de_scan_advance(edn);
    }
}

/* Whether the # at the position begins a tag: #inst, #:namespace, #object; and not #{ #" #_ ##. */
static bool is_tag(const struct de_scan *edn)
{
    int next = next_byte(edn);
    return de_scan_at(edn) == '#' && !is_delimiter(next) && next != '_' && next != '#';
}

/* A string as it is, or a regular expression: up to the quote that no backslash protects. */
static int skip_quoted(struct de_scan *edn)
{
    DE_ASSERT(de_scan_at(edn) == '"');
    de_scan_advance(edn);
    for (int c = de_scan_at(edn); c != '"'; c = de_scan_at(edn)) {
        if (c == '\\') {
            de_scan_advance(edn);
        }
        if (de_scan_at(edn) < 0) {
            return de_scan_unexpected(edn, "the string to be closed");
        }
        de_scan_advance(edn);
    }
    de_scan_advance(edn);
    return 0;
}

/* A form without parts. */
static int skip_atom(struct de_scan *edn)
{
    int c = de_scan_at(edn);
    if (c == '"') {
        return skip_quoted(edn);
    }
    if (c == '#' && next_byte(edn) == '"') {
        de_scan_advance(edn);
        return skip_quoted(edn);
    }
    if (c == '\\') { /* a character; the first byte of its name may be anything */
        de_scan_advance(edn);
        if (de_scan_at(edn) < 0) {
            return de_scan_unexpected(edn, "a character after a backslash");
        }
        de_scan_advance(edn);
    } else if (is_delimiter(c)) {
        return de_scan_unexpected(edn, "a form");
    }
    pass_token(edn);
    return 0;
}

/* What closes a collection that begins at the position, and is then entered; 0: none begins. */
static char enter(struct de_scan *edn)
{
    static const char openers[] = "([{";
    static const char closers[] = ")]}";
    int c = de_scan_at(edn);
    if (c == '#' && next_byte(edn) == '{') {
        de_scan_advance(edn);
        c = '{';
    }
    const char *opener = c > 0 ? strchr(openers, c) : NULL;
    if (opener == NULL) {
        return 0;
    }
    de_scan_advance(edn);
    return closers[opener - openers];
}

/* One step of a walk over forms: enters a collection, leaves one, or passes an atom, a tag or the
 * mark of a discarded form. pending counts, at each depth, the forms that have to come yet. */
struct walk {
    char closers[DE_EDN_DEPTH_MAX];
    unsigned depth;
    unsigned pending; /* at depth 0: forms to pass before the walk is over */
};

static int walk_on(struct de_scan *edn, struct walk *walk)
{
    pass_space(edn);
    int c = de_scan_at(edn);
    if (is_tag(edn)) {
        pass_token(edn);
        return 0; /* the form behind it is the one that counts */
    }
    if (c == '#' && next_byte(edn) == '_') {
        de_scan_advance(edn);
        de_scan_advance(edn);
        walk->pending += walk->depth == 0 ? 1 : 0;
        return 0;
    }
    if (walk->depth > 0 && c == walk->closers[walk->depth - 1]) {
        de_scan_advance(edn);
        walk->depth--;
    } else {
        struct de_scan_place start = edn->at;
        char closer = enter(edn);
        if (closer != 0 && walk->depth == DE_EDN_DEPTH_MAX) {
            edn->at = start;
            return de_scan_fail(edn, "nested deeper than %d", DE_EDN_DEPTH_MAX);
        }
        if (closer != 0) {
            walk->closers[walk->depth++] = closer;
            return 0;
        }
        int err = skip_atom(edn);
        if (err != 0) {
            return err;
        }
    }
    walk->pending -= walk->depth == 0 ? 1 : 0;
    return 0;
}

int de_edn_skip(struct de_scan *edn)
{
    struct walk walk = {.depth = 0, .pending = 1};
    int err = 0;
    while (err == 0 && walk.pending > 0) {
        err = walk_on(edn, &walk);
    }
    return err;
}

int de_edn_peek(struct de_scan *edn, int *first)
{
    for (;;) {
        pass_space(edn);
        if (is_tag(edn)) {
            pass_token(edn);
        } else if (de_scan_at(edn) == '#' && next_byte(edn) == '_') {
            de_scan_advance(edn);
            de_scan_advance(edn);
            int err = de_edn_skip(edn);
            if (err != 0) {
                return err;
            }
        } else {
            *first = de_scan_at(edn);
            return 0;
        }
    }
}

int de_edn_take(struct de_scan *edn, char wanted, const char *expected)
{
    int first;
    int err = de_edn_peek(edn, &first);
    if (err != 0) {
        return err;
    }
    if (first != wanted) {
        return de_scan_unexpected(edn, expected);
    }
    de_scan_advance(edn);
    return 0;
}

/* The token at the position, borrowed. */
static struct dengine_slice take_token(struct de_scan *edn)
{
    size_t start = edn->at.position;
    pass_token(edn);
    return dengine_bytes(edn->data + start, edn->at.position - start);
}

int de_edn_keyword(struct de_scan *edn, const char *expected, struct dengine_slice *name)
{
    int err = de_edn_take(edn, ':', expected);
    if (err != 0) {
        return err;
    }
    *name = take_token(edn);
    return name->size > 0 ? 0 : de_scan_unexpected(edn, "a name after ':'");
}

int de_edn_integer(struct de_scan *edn, const char *expected, int64_t *integer)
{
    int first;
    int err = de_edn_peek(edn, &first);
    if (err == 0 && first == '+') {
        de_scan_advance(edn);
    }
    if (err == 0) {
        err = de_scan_integer(edn, expected, integer);
    }
    if (err == 0 && de_scan_at(edn) == 'N') {
        de_scan_advance(edn);
    }
    if (err == 0 && !is_delimiter(de_scan_at(edn))) {
        return de_scan_unexpected(edn, "an integer");
    }
    return err;
}

int de_edn_value(struct de_scan *edn, const char *expected, struct de_history_value *value)
{
    int first;
    int err = de_edn_peek(edn, &first);
    *value = de_history_null();
    if (err != 0) {
        return err;
    }
    if (first == '"') {
        value->kind = DE_HISTORY_STRING;
        return de_scan_string(edn, true, &value->string);
    }
    struct de_scan_place start = edn->at;
    if (first == ':' || first == 'n') {
        struct dengine_slice token = take_token(edn);
        if (first == ':' && token.size > 1 && de_text_is_utf8(token)) {
            *value = de_history_string(token);
            return 0;
        }
        if (first == 'n' && token.size == 3 && memcmp(token.data, "nil", 3) == 0) {
            return 0;
        }
        edn->at = start;
        return de_scan_unexpected(edn, expected);
    }
    value->kind = DE_HISTORY_INTEGER;
    return de_edn_integer(edn, expected, &value->integer);
}
