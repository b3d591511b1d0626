#include "runtime/sim/check/read_check.h"

#include <inttypes.h>

#include "core/base/assert.h"

/* The change that made key what it is at the revision; NULL if it is absent then. */
static const struct de_change *present(const struct de_change *change)
{
    return change != NULL && !change->deleted ? change : NULL;
}

static bool check_revision(const struct de_change_log *log, const struct de_read_request *request,
                           const struct de_read_answer *answer, struct de_finding *finding)
{
    if (answer->revision > log->revision) {
        return de_finding_set(finding, "read-revision",
                              "process %" PRId64 " read at revision %" PRIu64 ", and only %" PRIu64
                              " is committed",
                              answer->process, answer->revision, log->revision);
    }
    if (answer->revision < request->floor) {
        return de_finding_set(finding, "read-stale",
                              "process %" PRId64 " read at revision %" PRIu64
                              ", although revision %" PRIu64 " had been told to a client before",
                              answer->process, answer->revision, request->floor);
    }
    return true;
}

/* One pair of the answer against the change that should be behind it (NULL: it should not be
 * there).
 */
static bool check_pair(const struct de_read_request *request, const struct de_read_answer *answer,
                       const struct de_change *change, const struct de_read_pair *pair,
                       struct de_finding *finding)
{
    char key[DE_FINDING_BYTES_MAX];
    char seen[DE_FINDING_BYTES_MAX];
    char there[DE_FINDING_BYTES_MAX];
    if (change == NULL) {
        return de_finding_set(finding, "read-value",
                              "process %" PRId64 " saw key %s with %s at revision %" PRIu64
                              ", where it is absent",
                              answer->process, de_finding_bytes(pair->key, key),
                              de_finding_bytes(pair->value, seen), answer->revision);
    }
    if (!request->keys_only && de_slice_compare(pair->value, change->value) != 0) {
        return de_finding_set(finding, "read-value",
                              "process %" PRId64 " saw key %s with %s at revision %" PRIu64
                              ", where it holds %s since revision %" PRIu64,
                              answer->process, de_finding_bytes(pair->key, key),
                              de_finding_bytes(pair->value, seen), answer->revision,
                              de_finding_bytes(change->value, there), change->revision);
    }
    if (pair->mod_revision != 0 && pair->mod_revision != change->revision) {
        return de_finding_set(finding, "read-value",
                              "process %" PRId64 " was told that key %s changed last at revision "
                              "%" PRIu64 "; at revision %" PRIu64 " that was %" PRIu64,
                              answer->process, de_finding_bytes(pair->key, key), pair->mod_revision,
                              answer->revision, change->revision);
    }
    return true;
}

static bool missing(const struct de_read_answer *answer, const struct de_change *change,
                    const char *rule, struct de_finding *finding)
{
    char key[DE_FINDING_BYTES_MAX];
    char value[DE_FINDING_BYTES_MAX];
    return de_finding_set(finding, rule,
                          "process %" PRId64 " did not see key %s at revision %" PRIu64
                          ", where it holds %s since revision %" PRIu64,
                          answer->process, de_finding_bytes(change->key, key), answer->revision,
                          de_finding_bytes(change->value, value), change->revision);
}

static bool check_keys(const struct de_change_log *log, const struct de_read_request *request,
                       const struct de_read_answer *answer, struct de_finding *finding)
{
    size_t next = 0;
    for (size_t i = 0; i < request->keys_count; i++) {
        const struct de_change *change =
            present(de_change_log_find(log, request->keys[i], answer->revision));
        bool told = next < answer->pairs_count &&
                    de_slice_compare(answer->pairs[next].key, request->keys[i]) == 0;
        if (!told && change != NULL) {
            return missing(answer, change, "read-value", finding);
        }
        if (told && !check_pair(request, answer, change, &answer->pairs[next++], finding)) {
            return false;
        }
    }
    if (next < answer->pairs_count) {
        char key[DE_FINDING_BYTES_MAX];
        return de_finding_set(finding, "read-value",
                              "process %" PRId64 " was told of key %s, which it did not ask for",
                              answer->process, de_finding_bytes(answer->pairs[next].key, key));
    }
    return true;
}

/* The next key of the range that is there at the revision, from the one at *at on; *at is then
 * behind it. Ascending, *at is the next to look at; descending, the one after that. */
static const struct de_change *next_in_range(const struct de_change_log *log,
                                             const struct de_read_request *request,
                                             uint64_t revision, size_t *at)
{
    for (;;) {
        if (request->reverse ? *at == 0 : *at == log->keys_count) {
            return NULL;
        }
        size_t key = request->reverse ? --*at : (*at)++;
        if (!de_slice_in_range(log->keys[key].key, request->from, request->to)) {
            return NULL;
        }
        const struct de_change *change = present(de_change_log_find_at(log, key, revision));
        if (change != NULL) {
            return change;
        }
    }
}

static bool check_order(const struct de_read_answer *answer, const struct de_change *change,
                        const struct de_read_pair *pair, struct de_finding *finding)
{
    char seen[DE_FINDING_BYTES_MAX];
    char there[DE_FINDING_BYTES_MAX];
    if (change != NULL && de_slice_compare(pair->key, change->key) == 0) {
        return true;
    }
    return de_finding_set(finding, "read-range",
                          "process %" PRId64 " scanned at revision %" PRIu64
                          " and was told of key %s where %s comes next",
                          answer->process, answer->revision, de_finding_bytes(pair->key, seen),
                          change == NULL ? "no key" : de_finding_bytes(change->key, there));
}

static bool check_range(const struct de_change_log *log, const struct de_read_request *request,
                        const struct de_read_answer *answer, struct de_finding *finding)
{
    const struct de_change *change;
    size_t at = request->reverse && request->to.data == NULL ? log->keys_count
                : request->reverse ? de_change_log_lower_bound(log, request->to)
                                   : de_change_log_lower_bound(log, request->from);
    uint64_t count = 0;
    size_t pairs = 0;
    bool more = false;
    while ((change = next_in_range(log, request, answer->revision, &at)) != NULL) {
        count++;
        if (request->count_only) {
            continue;
        }
        if (request->limit != 0 && pairs == request->limit) {
            more = true;
            continue;
        }
        if (pairs == answer->pairs_count) {
            return missing(answer, change, "read-range", finding);
        }
        const struct de_read_pair *pair = &answer->pairs[pairs++];
        if (!check_order(answer, change, pair, finding) ||
            !check_pair(request, answer, change, pair, finding)) {
            return false;
        }
    }
    if (pairs < answer->pairs_count) {
        return check_order(answer, NULL, &answer->pairs[pairs], finding);
    }
    if (!request->count_only && answer->more != more) {
        return de_finding_set(finding, "read-range",
                              "process %" PRId64 " scanned %zu keys at revision %" PRIu64
                              " and was told that there are %s; there are %" PRIu64,
                              answer->process, pairs, answer->revision,
                              answer->more ? "more" : "no more", count);
    }
    if (request->count_only && answer->count != count) {
        return de_finding_set(finding, "read-range",
                              "process %" PRId64 " counted %" PRIu64 " keys at revision %" PRIu64
                              "; there are %" PRIu64,
                              answer->process, answer->count, answer->revision, count);
    }
    return true;
}

bool de_read_check(const struct de_change_log *log, const struct de_read_request *request,
                   const struct de_read_answer *answer, struct de_finding *finding)
{
    DE_ASSERT(request->kind == DE_READ_RANGE || !request->count_only);
    if (!check_revision(log, request, answer, finding)) {
        return false;
    }
    return request->kind == DE_READ_KEYS ? check_keys(log, request, answer, finding)
                                         : check_range(log, request, answer, finding);
}
