#include "tests/server/meaning.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/base/crc32c.h"

/* In the text under way a revision stands between these, with what it is of in front. */
#define MARK_BEGIN '\x01'
#define MARK_END   '\x02'
#define EXACT      'e'
#define AS_OF      'a'

/* ---- the text ---- */

void de_meaning_begin(struct de_meaning *meaning, struct dengine_client *client)
{
    *meaning = (struct de_meaning){.client = client};
    meaning->out = open_memstream(&meaning->text, &meaning->size);
    assert_non_null(meaning->out);
}

static int compare_numbers(const void *a, const void *b)
{
    const uint64_t *x = a;
    const uint64_t *y = b;

    return (*x > *y) - (*x < *y);
}

/* A mark at *at; its number, and *at behind it. */
static uint64_t read_mark(const char **at, char *kind)
{
    char *end;
    uint64_t number;

    *kind = (*at)[1];
    number = strtoull(*at + 2, &end, 10);
    assert_int_equal(*end, MARK_END);
    *at = end + 1;
    return number;
}

/* All revisions of changes that were told, ascending; the caller frees them. */
static uint64_t *collect(const char *text, size_t *count)
{
    uint64_t *numbers = NULL;
    const char *at = text;

    *count = 0;
    while ((at = strchr(at, MARK_BEGIN)) != NULL) {
        char kind;
        const uint64_t number = read_mark(&at, &kind);

        if (kind == EXACT) {
            numbers = realloc(numbers, (*count + 1) * sizeof *numbers);
            assert_non_null(numbers);
            numbers[(*count)++] = number;
        }
    }
    if (*count > 0) {
        qsort(numbers, *count, sizeof *numbers, compare_numbers);
    }
    return numbers;
}

/* How many different ones are not greater than number. */
static size_t place_of(const uint64_t *numbers, size_t count, uint64_t number)
{
    size_t place = 0;

    for (size_t i = 0; i < count && numbers[i] <= number; i++) {
        place += i == 0 || numbers[i] != numbers[i - 1] ? 1 : 0;
    }
    return place;
}

char *de_meaning_end(struct de_meaning *meaning)
{
    const char *at;
    uint64_t *numbers;
    char *raw;
    size_t count;

    assert_int_equal(fclose(meaning->out), 0);
    raw = meaning->text;
    numbers = collect(raw, &count);
    meaning->out = open_memstream(&meaning->text, &meaning->size);
    assert_non_null(meaning->out);
    for (at = raw; *at != '\0';) {
        char kind;

        if (*at == MARK_BEGIN) {
            (void)fprintf(meaning->out, "r%zu", place_of(numbers, count, read_mark(&at, &kind)));
        } else {
            (void)fputc(*at++, meaning->out);
        }
    }
    assert_int_equal(fclose(meaning->out), 0);
    free(numbers);
    free(raw);
    return meaning->text;
}

/* ---- lines ---- */

/* What the caller learns beyond the error: without the address in front, and nothing when it is the
 * error's own text. */
static const char *addition(const char *text, int err)
{
    const char *behind = strncmp(text, "127.0.0.1:", 10) == 0 ? strstr(text, ": ") : NULL;

    text = behind != NULL ? behind + 2 : text;
    return strcmp(text, dengine_strerror(err)) == 0 ? "" : text;
}

void de_say_end(struct de_meaning *meaning, int err, const char *text)
{
    const char *more = addition(text, err);

    (void)fprintf(meaning->out, ": %s%s%s\n", dengine_error_name(err), *more != '\0' ? ": " : "",
                  more);
}

void de_say(struct de_meaning *meaning, int err, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    (void)vfprintf(meaning->out, format, arguments);
    va_end(arguments);
    de_say_end(meaning, err, dengine_last_error(meaning->client));
}

static void print_bytes(FILE *out, struct dengine_slice bytes)
{
    const unsigned char *data = bytes.data;

    for (size_t i = 0; i < bytes.size && i < 40; i++) {
        if (data[i] > ' ' && data[i] < 127) {
            (void)fputc(data[i], out);
        } else {
            (void)fprintf(out, "\\%02x", data[i]);
        }
    }
    if (bytes.size > 40) {
        (void)fprintf(out, "... %zu bytes, %08" PRIx32, bytes.size,
                      de_crc32c(0, bytes.data, bytes.size));
    }
}

void de_say_bytes(struct de_meaning *meaning, const char *name, struct dengine_slice bytes)
{
    (void)fprintf(meaning->out, "  %s [", name);
    print_bytes(meaning->out, bytes);
    (void)fputs("]\n", meaning->out);
}

void de_say_number(struct de_meaning *meaning, const char *name, uint64_t number)
{
    (void)fprintf(meaning->out, "  %s %" PRIu64 "\n", name, number);
}

static void print_revision(FILE *out, char kind, uint64_t revision)
{
    if (revision == 0) {
        (void)fputs("none", out);
    } else {
        (void)fprintf(out, "%c%c%" PRIu64 "%c", MARK_BEGIN, kind, revision, MARK_END);
    }
}

void de_say_revision(struct de_meaning *meaning, const char *name, uint64_t revision)
{
    (void)fprintf(meaning->out, "  %s ", name);
    print_revision(meaning->out, EXACT, revision);
    (void)fputc('\n', meaning->out);
}

void de_say_as_of(struct de_meaning *meaning, uint64_t revision)
{
    (void)fputs("  as of ", meaning->out);
    print_revision(meaning->out, AS_OF, revision);
    (void)fputc('\n', meaning->out);
}

/* ---- results ---- */

void de_say_value(struct de_meaning *meaning, struct dengine_value *value)
{
    if (value->owner != NULL) {
        de_say_bytes(meaning, "value", dengine_bytes(value->data, value->size));
        de_say_revision(meaning, "of", value->revision);
    }
    dengine_value_free(value);
}

void de_say_pair(struct de_meaning *meaning, const struct dengine_pair *pair)
{
    FILE *out = meaning->out;

    (void)fputs("  ", out);
    print_bytes(out, pair->key);
    (void)fputs(" = ", out);
    print_bytes(out, pair->value);
    (void)fputs(" created ", out);
    print_revision(out, EXACT, pair->create_revision);
    (void)fputs(" changed ", out);
    print_revision(out, EXACT, pair->mod_revision);
    (void)fprintf(out, " version %" PRIu64 " lease %" PRIu64 "\n", pair->version, pair->lease);
}

/* Of many pairs the first and the last. */
static void say_pairs(struct de_meaning *meaning, const struct dengine_pair *pairs, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (i < 10 || i + 1 == count) {
            de_say_pair(meaning, &pairs[i]);
        }
    }
}

void de_say_page(struct de_meaning *meaning, struct dengine_page *page)
{
    if (page->owner != NULL) {
        (void)fprintf(meaning->out, "  %zu pairs, total %" PRIu64 "%s\n", page->count, page->total,
                      page->more ? ", more" : "");
        say_pairs(meaning, page->pairs, page->count);
        de_say_as_of(meaning, page->revision);
    }
    dengine_page_free(page);
}

void de_say_txn(struct de_meaning *meaning, struct dengine_txn_result *result)
{
    if (result->owner != NULL) {
        (void)fprintf(meaning->out, "  %s, %zu results", result->succeeded ? "then" : "else",
                      result->op_count);
        de_say_revision(meaning, ",", result->revision);
    }
    for (size_t i = 0; i < result->op_count; i++) {
        const struct dengine_op_result *op = &result->ops[i];

        (void)fprintf(meaning->out, "  type %d count %" PRIu64 "%s\n", (int)op->type, op->count,
                      op->more ? ", more" : "");
        say_pairs(meaning, op->pairs, op->pair_count);
    }
    dengine_txn_result_free(result);
}

void de_say_lease(struct de_meaning *meaning, const struct dengine_lease_info *info)
{
    /* What is left depends on how long the run has taken: of an hour, most. */
    const bool most = info->left_ms <= info->ttl_ms && info->left_ms > info->ttl_ms / 2;

    (void)fprintf(meaning->out,
                  "  lease %" PRIu64 " of %" PRIu64 " ms, %s left, %" PRIu64 " keys%s\n",
                  info->lease, info->ttl_ms, most ? "most" : "little", info->keys,
                  info->of_one_key ? ", of one key" : "");
}

void de_say_leases(struct de_meaning *meaning, struct dengine_lease_page *page)
{
    if (page->owner != NULL) {
        (void)fprintf(meaning->out, "  %zu leases%s\n", page->count, page->more ? ", more" : "");
        for (size_t i = 0; i < page->count; i++) {
            de_say_lease(meaning, &page->leases[i]);
        }
        de_say_as_of(meaning, page->revision);
    }
    dengine_lease_page_free(page);
}
