/* dengine-check-verify: is the checker itself right? Random small histories of each model, the
 * search's verdict against brute force. A tool for tests and for who doubts; not installed. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/assert.h"
#include "runtime/sim/check/verify.h"

enum { STATUS_AGREE = 0, STATUS_USAGE = 1, STATUS_DIFFER = 129 };

#define PART 50000 /* histories between two lines of progress */

/* A search that contradicts itself is wrong too, and this is not a crash to look into. */
void de_assert_failed(const char *expression, const char *file, int line)
{
    fprintf(stderr, "dengine-check-verify: assert failed: %s at %s:%d\n", expression, file, line);
    exit(STATUS_DIFFER);
}

static bool parse_number(const char *text, uint64_t *number)
{
    char *end;
    errno = 0;
    *number = strtoull(text, &end, 10);
    return text[0] >= '0' && text[0] <= '9' && *end == '\0' && errno == 0;
}

static bool verify_model(const struct de_model *model, uint64_t first_seed, uint64_t count)
{
    struct de_verify_counts counts = {0, 0, 0, 0};
    struct de_text text;
    bool agree = true;
    DE_ASSERT(count > 0);
    de_text_init(&text);
    while (agree && counts.histories < count) {
        uint64_t left = count - counts.histories;
        agree = de_verify(model, first_seed + counts.histories, left < PART ? left : PART, &counts,
                          &text);
        if (count > PART) {
            fprintf(stderr, "%s: %" PRIu64 "/%" PRIu64 "\n", model->name, counts.histories, count);
        }
    }
    if (agree) {
        printf("%s: %" PRIu64 " histories, %" PRIu64 " linearizable, %" PRIu64 " lossy, %" PRIu64
               " without links: all verdicts agree\n",
               model->name, counts.histories, counts.linearizable, counts.lossy, counts.unlinked);
    } else {
        fputs(text.data, stdout);
    }
    de_text_deinit(&text);
    return agree;
}

int main(int argc, char **argv)
{
    uint64_t count = 1000000;
    uint64_t first_seed = 1;
    const struct de_model *only = argc > 3 ? de_model_find(argv[3]) : NULL;
    if (argc > 4 || (argc > 3 && only == NULL) ||
        (argc > 1 && (!parse_number(argv[1], &count) || count == 0)) ||
        (argc > 2 && !parse_number(argv[2], &first_seed))) {
        fprintf(stderr,
                "usage: dengine-check-verify [HISTORIES [FIRST_SEED [MODEL]]]\n"
                "\n"
                "Checks so many random histories (default 1000000), a third of each model, and\n"
                "compares every verdict with brute force. Exit status: 0 all agree, 129 not.\n");
        return STATUS_USAGE;
    }
    const struct de_model *const *models = de_models();
    for (size_t i = 0; models[i] != NULL; i++) {
        if ((only == NULL || only == models[i]) &&
            !verify_model(models[i], first_seed, count / 3 + 1)) {
            return STATUS_DIFFER;
        }
    }
    return STATUS_AGREE;
}
