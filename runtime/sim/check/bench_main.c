/* dengine-check-bench: how long the checker takes for one key, and how long the same search takes
 * without its reductions. Pairs alternate; medians count. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <dengine/error.h>

#include "core/base/assert.h"
#include "runtime/sim/check/check.h"
#include "runtime/sim/check/generator.h"
#include "runtime/sim/check/history_json.h"
#include "runtime/sim/check/plain.h"

#define CLIENTS      10
#define OPERATIONS   1000
#define HISTORIES    11 /* of each kind; odd, so that there is a median */
#define LIMIT_US     2000
#define PLAIN_STEPS  UINT64_C(3000000)
#define ROUNDS_LEAST 3

enum { STATUS_OK = 0, STATUS_TOO_SLOW = 1, STATUS_USAGE = 2 };

static const char usage[] =
    "Usage: dengine-check-bench [DIRECTORY]\n"
    "\n"
    "Checks histories of 10 clients and 1000 operations on one key, of each model, without and "
    "with\n"
    "lost operations, linearizable and with a violation planted at the end. For each kind prints\n"
    "the median of 11 histories in microseconds of processor time, the slowest, and the median\n"
    "ratio to the same search without reductions (\">\": that gave up on most of them), and of "
    "how\n"
    "many the checker itself did not find a verdict within its default number of steps. With\n"
    "DIRECTORY also writes every history there as JSON Lines, for other checkers.\n"
    "\n"
    "Exit status: 0 ok, 1 the median of linearizable histories without losses is over 2000 us for\n"
    "some model, 2 usage.\n";

/* What kind of histories. */
struct kind {
    const struct de_model *model;
    uint32_t info_percent;
    bool planted;
};

void de_assert_failed(const char *expression, const char *file, int line)
{
    fprintf(stderr, "dengine-check-bench: assert failed: %s at %s:%d\n", expression, file, line);
    abort();
}

static uint64_t now_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* Fills OPERATIONS, and one more if a violation is to be planted; gives how many. */
static size_t make_history(struct de_generator *generator, const struct kind *kind, uint64_t seed,
                           struct de_history_operation *operations)
{
    static const enum de_history_function planted[] = {DE_HISTORY_READ, DE_HISTORY_GET,
                                                       DE_HISTORY_RELEASE};
    size_t model = 0;
    while (de_models()[model] != kind->model) {
        model++;
    }
    de_generator_init(generator, kind->model, seed);
    generator->clients = CLIENTS;
    generator->values = kind->model == &de_model_cas_register ? 5
                        : kind->model == &de_model_kv         ? 0
                                                              : CLIENTS;
    generator->info_percent = kind->info_percent;
    generator->info_max = 10;
    de_generator_linearizable(generator, operations, OPERATIONS);
    DE_ASSERT(model < DE_ARRAY_SIZE(planted));
    operations[OPERATIONS] = (struct de_history_operation){
        .process = INT64_MAX,
        .function = planted[model],
        .outcome = DE_HISTORY_OK,
        .value = de_history_string(DENGINE_STR("what nobody wrote")),
        .call_at = UINT64_MAX / 2,
        .return_at = UINT64_MAX / 2 + 1,
        .call_ns = INT64_MAX / 2,
        .return_ns = INT64_MAX / 2,
    };
    return OPERATIONS + (kind->planted ? 1 : 0);
}

/* Nanoseconds per check, of as many as make up a millisecond. */
static uint64_t time_search(const struct kind *kind, const struct de_history_operation *operations,
                            size_t count, bool *unknown)
{
    struct de_check_options options = {kind->model, DE_CHECK_STEPS_DEFAULT};
    uint64_t start = now_ns();
    uint64_t rounds = 0;
    uint64_t spent;
    do {
        struct de_check_result result;
        int err = de_check_run(operations, count, &options, &result);
        DE_ASSERT(err == 0);
        *unknown = result.verdict == DE_CHECK_UNKNOWN;
        DE_ASSERT(*unknown || result.verdict == (kind->planted ? DE_CHECK_NOT_LINEARIZABLE
                                                               : DE_CHECK_LINEARIZABLE));
        de_check_result_deinit(&result);
        spent = now_ns() - start;
    } while (++rounds < ROUNDS_LEAST || spent < 1000000);
    return spent / rounds;
}

static uint64_t time_plain(const struct kind *kind, const struct de_history_operation *operations,
                           size_t count, bool *gave_up)
{
    enum de_check_verdict verdict;
    uint64_t start = now_ns();
    int err = de_plain_check(kind->model, operations, count, PLAIN_STEPS, &verdict);
    DE_ASSERT(err == 0);
    *gave_up = verdict == DE_CHECK_UNKNOWN;
    return now_ns() - start;
}

static int compare_numbers(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left;
    uint64_t b = *(const uint64_t *)right;
    return a < b ? -1 : a > b ? 1 : 0;
}

static int write_history(const char *directory, const struct kind *kind, uint64_t seed,
                         const struct de_history_operation *operations, size_t count)
{
    char path[512];
    struct de_text text;
    if (directory == NULL) {
        return 0;
    }
    (void)snprintf(path, sizeof(path), "%s/%s-%" PRIu32 "-%s-%" PRIu64 ".jsonl", directory,
                   kind->model->name, kind->info_percent, kind->planted ? "bad" : "good", seed);
    de_text_init(&text);
    int err = de_history_json_write_operations(operations, count, &text);
    DE_ASSERT(err == 0);
    FILE *file = fopen(path, "wb");
    bool ok = file != NULL && fwrite(text.data, 1, text.size, file) == text.size;
    ok = file != NULL && fclose(file) == 0 && ok;
    if (!ok) {
        fprintf(stderr, "dengine-check-bench: cannot write %s: %s\n", path, strerror(errno));
    }
    de_text_deinit(&text);
    return ok ? 0 : DENGINE_E_IO;
}

/* Measures one kind and prints its line; *median_us is what the checker took. */
static int measure(const struct kind *kind, const char *directory, uint64_t *median_us)
{
    static struct de_history_operation operations[OPERATIONS + 1];
    uint64_t ours[HISTORIES];
    uint64_t ratios[HISTORIES]; /* in tenths */
    size_t given_up = 0;
    size_t unknowns = 0;
    for (uint64_t seed = 0; seed < HISTORIES; seed++) {
        struct de_generator generator;
        bool gave_up;
        bool unknown;
        size_t count = make_history(&generator, kind, seed, operations);
        ours[seed] = time_search(kind, operations, count, &unknown);
        uint64_t plain = time_plain(kind, operations, count, &gave_up);
        ratios[seed] = plain * 10 / ours[seed];
        given_up += gave_up ? 1 : 0;
        unknowns += unknown ? 1 : 0;
        int err = write_history(directory, kind, seed, operations, count);
        de_generator_deinit(&generator);
        if (err != 0) {
            return err;
        }
    }
    qsort(ours, HISTORIES, sizeof(ours[0]), compare_numbers);
    qsort(ratios, HISTORIES, sizeof(ratios[0]), compare_numbers);
    *median_us = ours[HISTORIES / 2] / 1000;
    printf("%-13s %4" PRIu32 " %% %-12s %9" PRIu64 " %9" PRIu64 " %8s%" PRIu64 ".%" PRIu64
           " %8zu\n",
           kind->model->name, kind->info_percent, kind->planted ? "violation" : "linearizable",
           *median_us, ours[HISTORIES - 1] / 1000, given_up > HISTORIES / 2 ? ">" : "",
           ratios[HISTORIES / 2] / 10, ratios[HISTORIES / 2] % 10, unknowns);
    (void)fflush(stdout);
    return 0;
}

int main(int argc, char **argv)
{
    int status = STATUS_OK;
    if (argc > 2 || (argc == 2 && argv[1][0] == '-')) {
        fputs(usage, stderr);
        return STATUS_USAGE;
    }
    printf("%-13s %6s %-12s %9s %9s %9s\n", "model", "lost", "", "median us", "max us", "plain/it");
    for (size_t i = 0; de_models()[i] != NULL; i++) {
        for (unsigned variant = 0; variant < 4; variant++) {
            struct kind kind = {de_models()[i], variant % 2 == 0 ? 0 : 2, variant >= 2};
            uint64_t median_us;
            if (measure(&kind, argc == 2 ? argv[1] : NULL, &median_us) != 0) {
                return STATUS_USAGE;
            }
            status = variant == 0 && median_us > LIMIT_US ? STATUS_TOO_SLOW : status;
        }
    }
    return status;
}
