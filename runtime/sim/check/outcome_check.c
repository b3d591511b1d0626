#include "runtime/sim/check/outcome_check.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/assert.h"
#include "core/base/random.h"

void de_outcome_check_init(struct de_outcome_check *check)
{
    memset(check, 0, sizeof(*check));
}

void de_outcome_check_deinit(struct de_outcome_check *check)
{
    free(check->cells);
    memset(check, 0, sizeof(*check));
}

static struct de_outcome *cell_of(struct de_outcome *cells, size_t capacity, uint64_t first,
                                  uint64_t second)
{
    size_t cell = (size_t)de_mix64(first + de_mix64(second)) & (capacity - 1);
    while (cells[cell].used && (cells[cell].first != first || cells[cell].second != second)) {
        cell = (cell + 1) & (capacity - 1);
    }
    return &cells[cell];
}

/* The cell of the pair, to be filled in if it is not used. At most half of the cells are. */
static struct de_outcome *cell_for(struct de_outcome_check *check, uint64_t first, uint64_t second)
{
    if (check->count * 2 >= check->capacity) {
        size_t capacity = check->capacity == 0 ? 64 : check->capacity * 2;
        struct de_outcome *cells = calloc(capacity, sizeof(*cells));
        DE_ASSERT(cells != NULL);
        for (size_t i = 0; i < check->capacity; i++) {
            const struct de_outcome *old = &check->cells[i];
            if (old->used) {
                *cell_of(cells, capacity, old->first, old->second) = *old;
            }
        }
        free(check->cells);
        check->cells = cells;
        check->capacity = capacity;
    }
    return cell_of(check->cells, check->capacity, first, second);
}

static const struct de_outcome *find(const struct de_outcome_check *check, uint64_t first,
                                     uint64_t second)
{
    if (check->capacity == 0) {
        return NULL;
    }
    const struct de_outcome *cell = cell_of(check->cells, check->capacity, first, second);
    return cell->used ? cell : NULL;
}

bool de_outcome_check_begun(struct de_outcome_check *check, uint64_t request,
                            struct de_finding *finding)
{
    struct de_outcome *cell = cell_for(check, request, 0);
    if (cell->used) {
        return de_finding_set(finding, "one-outcome", "request %" PRIu64 " began twice", request);
    }
    *cell = (struct de_outcome){.first = request, .used = true};
    check->count++;
    check->open++;
    return true;
}

bool de_outcome_check_ended(struct de_outcome_check *check, uint64_t request,
                            struct de_finding *finding)
{
    struct de_outcome *cell = cell_for(check, request, 0);
    if (!cell->used || cell->ended) {
        return de_finding_set(finding, "one-outcome", "request %" PRIu64 " ended %s", request,
                              cell->used ? "twice" : "and never began");
    }
    DE_ASSERT(check->open > 0);
    cell->ended = true;
    check->open--;
    return true;
}

bool de_outcome_check_finish(const struct de_outcome_check *check, struct de_finding *finding)
{
    for (size_t i = 0; i < check->capacity && check->open > 0; i++) {
        const struct de_outcome *cell = &check->cells[i];
        if (cell->used && cell->second == 0 && !cell->ended) {
            return de_finding_set(finding, "one-outcome",
                                  "request %" PRIu64 " never ended, one of %zu", cell->first,
                                  check->open);
        }
    }
    return true;
}

bool de_outcome_check_applied(struct de_outcome_check *check, uint64_t session, uint64_t sequence,
                              uint64_t revision, uint64_t answer, struct de_finding *finding)
{
    DE_ASSERT(sequence > 0);
    struct de_outcome *cell = cell_for(check, session, sequence);
    if (cell->used) {
        return de_finding_set(finding, "applied-twice",
                              "session %" PRIu64 " sequence %" PRIu64
                              " took effect at revision %" PRIu64 " and again at %" PRIu64,
                              session, sequence, cell->revision, revision);
    }
    *cell = (struct de_outcome){session, sequence, revision, answer, true, true};
    check->count++;
    return true;
}

bool de_outcome_check_answered(const struct de_outcome_check *check, uint64_t session,
                               uint64_t sequence, uint64_t answer, struct de_finding *finding)
{
    DE_ASSERT(sequence > 0);
    const struct de_outcome *known = find(check, session, sequence);
    if (known == NULL) {
        return de_finding_set(finding, "answer-invented",
                              "session %" PRIu64 " was told of its sequence %" PRIu64
                              ", which never took effect",
                              session, sequence);
    }
    if (known->answer != answer) {
        return de_finding_set(finding, "other-answer",
                              "session %" PRIu64 " was told another answer to its sequence "
                              "%" PRIu64 " than the one it had at revision %" PRIu64,
                              session, sequence, known->revision);
    }
    return true;
}
