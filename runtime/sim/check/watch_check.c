#include "runtime/sim/check/watch_check.h"

#include <inttypes.h>
#include <string.h>

#include "core/base/assert.h"

void de_watch_check_init(struct de_watch_check *check, const struct de_change_log *log,
                         uint64_t watcher, const struct de_watch_wish *wish)
{
    memset(check, 0, sizeof(*check));
    DE_ASSERT(log != NULL);
    check->log = log;
    check->wish = *wish;
    check->watcher = watcher;
}

static bool is_wanted(const struct de_watch_check *check, const struct de_change *change)
{
    return de_slice_in_range(change->key, check->wish.from, check->wish.to) &&
           !(change->deleted ? check->wish.no_deletes : check->wish.no_puts);
}

/* The first change at revision or later. */
static size_t first_at(const struct de_change_log *log, uint64_t revision)
{
    size_t low = 0;
    size_t high = log->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (log->changes[middle].revision < revision) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* The first wanted change from number on; the count of all if there is none. */
static size_t next_wanted(const struct de_watch_check *check, size_t number)
{
    while (number < check->log->count && !is_wanted(check, &check->log->changes[number])) {
        number++;
    }
    return number;
}

/* The first change that the watcher is owed and that is not later than revision; NULL: none. */
static const struct de_change *owed(const struct de_watch_check *check, uint64_t revision)
{
    size_t number = next_wanted(check, check->next);
    if (number == check->log->count || check->log->changes[number].revision > revision) {
        return NULL;
    }
    return &check->log->changes[number];
}

bool de_watch_check_started(struct de_watch_check *check, uint64_t asked, uint64_t applied,
                            uint64_t oldest, struct de_finding *finding)
{
    DE_ASSERT(applied <= check->log->revision);
    uint64_t first = asked == 0 ? applied + 1 : asked;
    if (first < oldest) {
        return de_finding_set(finding, "watch-compacted",
                              "watcher %" PRIu64 " was let in from revision %" PRIu64
                              ", and the node keeps changes from %" PRIu64 " on only",
                              check->watcher, first, oldest);
    }
    check->live = true;
    check->next = first_at(check->log, first);
    check->told = first - 1;
    return true;
}

bool de_watch_check_compacted(struct de_watch_check *check, uint64_t needed, uint64_t told,
                              uint64_t oldest, struct de_finding *finding)
{
    check->live = false;
    if (needed >= oldest) {
        return de_finding_set(finding, "watch-compacted",
                              "watcher %" PRIu64 " was refused revision %" PRIu64
                              ", and the node keeps changes from %" PRIu64 " on",
                              check->watcher, needed, oldest);
    }
    if (told != oldest) {
        return de_finding_set(finding, "watch-compacted",
                              "watcher %" PRIu64 " was told that the oldest revision is %" PRIu64
                              "; it is %" PRIu64,
                              check->watcher, told, oldest);
    }
    return true;
}

/* The number of the change that event seems to be: of its revision and key, if there are several in
 * one revision the one at number expected. The count of all: there is none. */
static size_t change_of(const struct de_watch_check *check, const struct de_watch_event *event,
                        size_t expected)
{
    const struct de_change_log *log = check->log;
    size_t found = log->count;
    for (size_t i = first_at(log, event->revision);
         i < log->count && log->changes[i].revision == event->revision; i++) {
        if (de_slice_compare(log->changes[i].key, event->key) == 0 &&
            (found == log->count || i == expected)) {
            found = i;
        }
    }
    return found;
}

/* An event that is not of the change expected. */
static bool misplaced(const struct de_watch_check *check, const struct de_watch_event *event,
                      size_t number, size_t expected, struct de_finding *finding)
{
    char key[DE_FINDING_BYTES_MAX];
    char missing[DE_FINDING_BYTES_MAX];
    const struct de_change_log *log = check->log;
    (void)de_finding_bytes(event->key, key);
    if (number == log->count) {
        return de_finding_set(finding, "watch-invented",
                              "watcher %" PRIu64 " was sent a change of key %s at revision "
                              "%" PRIu64 ", which nobody made",
                              check->watcher, key, event->revision);
    }
    if (!is_wanted(check, &log->changes[number])) {
        return de_finding_set(finding, "watch-filter",
                              "watcher %" PRIu64 " was sent the %s of key %s at revision %" PRIu64
                              ", for which it did not ask",
                              check->watcher, log->changes[number].deleted ? "delete" : "put", key,
                              event->revision);
    }
    if (number < check->next) {
        return de_finding_set(finding, "watch-order",
                              "watcher %" PRIu64 " was sent key %s at revision %" PRIu64
                              " again, or too late: it had all up to revision %" PRIu64 " before",
                              check->watcher, key, event->revision,
                              check->next == 0 ? 0 : log->changes[check->next - 1].revision);
    }
    DE_ASSERT(expected < number);
    return de_finding_set(finding, "watch-gap",
                          "watcher %" PRIu64 " was sent key %s at revision %" PRIu64
                          " without key %s at revision %" PRIu64 " before it",
                          check->watcher, key, event->revision,
                          de_finding_bytes(log->changes[expected].key, missing),
                          log->changes[expected].revision);
}

/* What an event says of its change. */
static bool check_content(const struct de_watch_check *check, const struct de_watch_event *event,
                          const struct de_change *change, struct de_finding *finding)
{
    char key[DE_FINDING_BYTES_MAX];
    const char *wrong = NULL;
    const struct de_change *previous =
        change->previous == DE_CHANGE_NONE ? NULL : &check->log->changes[change->previous];
    bool had = previous != NULL && !previous->deleted;
    if (event->deleted != change->deleted) {
        wrong = change->deleted ? "as a put, and it is a delete" : "as a delete, and it is a put";
    } else if (!event->deleted && de_slice_compare(event->value, change->value) != 0) {
        wrong = "with another value";
    } else if (event->expired != change->expired) {
        wrong = change->expired ? "without saying that it expired" : "as expired, which it is not";
    } else if (check->wish.previous && event->has_previous != had) {
        wrong = had ? "without the value before" : "with a value before, where there was none";
    } else if (check->wish.previous && had &&
               de_slice_compare(event->previous, previous->value) != 0) {
        wrong = "with another value before";
    }
    if (wrong == NULL) {
        return true;
    }
    return de_finding_set(
        finding, "watch-value", "watcher %" PRIu64 " was sent key %s at revision %" PRIu64 " %s",
        check->watcher, de_finding_bytes(event->key, key), event->revision, wrong);
}

static bool check_event(struct de_watch_check *check, const struct de_watch_event *event,
                        struct de_finding *finding)
{
    size_t expected = next_wanted(check, check->next);
    size_t number = change_of(check, event, expected);
    if (number == check->log->count || number != expected) {
        return misplaced(check, event, number, expected, finding);
    }
    check->next = number + 1;
    return check_content(check, event, &check->log->changes[number], finding);
}

bool de_watch_check_events(struct de_watch_check *check, const struct de_watch_event *events,
                           size_t count, struct de_finding *finding)
{
    DE_ASSERT(check->live && count > 0);
    for (size_t i = 0; i < count; i++) {
        if (!check_event(check, &events[i], finding)) {
            return false;
        }
    }
    uint64_t last = events[count - 1].revision;
    const struct de_change *left = owed(check, last);
    if (left != NULL) {
        char key[DE_FINDING_BYTES_MAX];
        return de_finding_set(finding, "watch-split",
                              "watcher %" PRIu64 " was sent a part of revision %" PRIu64
                              ": a message ended before key %s",
                              check->watcher, last, de_finding_bytes(left->key, key));
    }
    check->told = last;
    return true;
}

bool de_watch_check_progress(struct de_watch_check *check, uint64_t revision,
                             struct de_finding *finding)
{
    char key[DE_FINDING_BYTES_MAX];
    DE_ASSERT(check->live);
    const struct de_change *left = owed(check, revision);
    if (left != NULL) {
        return de_finding_set(finding, "watch-progress",
                              "watcher %" PRIu64 " was told that it has all up to revision "
                              "%" PRIu64 ", and was not sent key %s at revision %" PRIu64,
                              check->watcher, revision, de_finding_bytes(left->key, key),
                              left->revision);
    }
    if (revision > check->log->revision || revision < check->told) {
        return de_finding_set(finding, "watch-progress",
                              "watcher %" PRIu64 " was told that it has all up to revision "
                              "%" PRIu64 "; it had been told %" PRIu64 ", and %" PRIu64
                              " is committed",
                              check->watcher, revision, check->told, check->log->revision);
    }
    check->told = revision;
    check->next = first_at(check->log, revision + 1);
    return true;
}

bool de_watch_check_cancelled(struct de_watch_check *check, uint64_t resume,
                              struct de_finding *finding)
{
    DE_ASSERT(check->live);
    check->live = false;
    const struct de_change *left = resume == 0 ? NULL : owed(check, resume - 1);
    if (left != NULL || resume < check->told + 1) {
        return de_finding_set(finding, "watch-resume",
                              "watcher %" PRIu64 " was cancelled, to resume from revision "
                              "%" PRIu64 "; it has all up to %" PRIu64 ", and %s",
                              check->watcher, resume, check->told,
                              left != NULL ? "would miss some" : "would get some twice");
    }
    return true;
}

void de_watch_check_lost(struct de_watch_check *check)
{
    check->live = false;
}

uint64_t de_watch_check_resume_from(const struct de_watch_check *check)
{
    return check->told + 1;
}

bool de_watch_check_finish(const struct de_watch_check *check, uint64_t revision,
                           struct de_finding *finding)
{
    char key[DE_FINDING_BYTES_MAX];
    const struct de_change *left = owed(check, revision);
    DE_ASSERT(revision <= check->log->revision);
    if (!check->live || left == NULL) {
        return true;
    }
    return de_finding_set(finding, "watch-behind",
                          "watcher %" PRIu64 " was never sent key %s at revision %" PRIu64
                          ", although all is quiet at %" PRIu64,
                          check->watcher, de_finding_bytes(left->key, key), left->revision,
                          revision);
}
