/* core/base/site.h - places of the production code where a simulator may have the rare thing done.
 *
 * Some states are far from where a healthy program goes: a batch of one, an early snapshot, a cache
 * that has nothing. At such a place the code asks de_site: mostly the answer is no, and costs a
 * comparison with NULL. A simulator hands in a struct de_sites that says yes now and then. What
 * follows must be right in any case: a site may shorten, put off, repeat, refuse or take the long
 * way round; it never breaks a promise.
 *
 * The answers are a function of the seed, the site and how often it was asked before, not of when
 * or in which order sites are asked. So each site can be left out without another one noticing, and
 * a part of the program that is run again with a copy of the struct takes the same ways again.
 * (FoundationDB calls this buggification: Zhou et al., SIGMOD 2021, section 4.)
 *
 * Threads: one struct belongs to one thread, as all of a simulated machine does. */
#ifndef DE_CORE_BASE_SITE_H
#define DE_CORE_BASE_SITE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* X(NAME, name in files, what is done there) */
#define DE_SITE_MAP(X)                                                                             \
    /* core/raft */                                                                                \
    X(SHORT_APPEND, "short-append", "an append carries one entry, however many there are")         \
    X(FULL_WINDOW, "full-window", "entries wait although the window has room")                     \
    X(RESEND, "resend", "entries that are on their way to a member are sent once more")            \
    X(EARLY_HEARTBEAT, "early-heartbeat", "a heartbeat follows the last one at once")              \
    X(LATE_NEWS, "late-news", "members are told of a commit with the next append only")            \
    X(PLAIN_REFUSAL, "plain-refusal", "a refusal steps back by one entry, not by a term")          \
    X(SHORT_TIMEOUT, "short-timeout", "an election time-out is the shortest that there is")        \
    X(BUSY_PROPOSAL, "busy-proposal", "a leader refuses a proposal as if too much was open")       \
    X(NEEDLESS_SNAPSHOT, "needless-snapshot", "a member is sent a snapshot, not entries")          \
    /* core/node */                                                                                \
    X(SHORT_BATCH, "short-batch", "an entry takes one command, whatever waits")                    \
    X(BUSY_NODE, "busy-node", "a request is refused as if too many waited")                        \
    X(COLD_CACHE, "cold-cache", "recent entries leave the cache and are read from the log")        \
    X(SHORT_APPLY, "short-apply", "the state machine is given one entry")                          \
    X(LATE_APPLY, "late-apply", "the state machine is given nothing for a while")                  \
    X(EARLY_SNAPSHOT, "early-snapshot", "a snapshot is taken of a log that is short")              \
    X(SHORT_CHUNK, "short-chunk", "a snapshot goes on with one byte")                              \
    X(CHUNK_AGAIN, "chunk-again", "a sender asks how much of a snapshot is there")                 \
    X(FEW_PIECES, "few-pieces", "what does not fit into one message counts as lost")               \
    X(SHORT_LOG_READ, "short-log-read", "one entry is read back from the log")                     \
    X(EARLY_WAKE, "early-wake", "the state machine is woken before its time")                      \
    X(BUSY_LEADER, "busy-leader", "a leader refuses what a follower forwards")                     \
    /* core/kv */                                                                                  \
    X(SHORT_SAVE, "short-save", "a snapshot of the state comes in slices of some bytes")           \
    X(SHORT_RING, "short-ring", "the past that watchers may begin in is forgotten")                \
    X(SHORT_PAGE, "short-page", "a page of a scan ends after one pair")                            \
    X(FULL_QUEUE, "full-queue", "a watcher that is behind counts as too far behind")               \
    /* storage/wal */                                                                              \
    X(EARLY_SEGMENT, "early-segment", "the log goes on in the next segment")                       \
    X(LATE_TIDY, "late-tidy", "no spare is made ready, nothing is marked or removed")              \
    X(NO_RECYCLING, "no-recycling", "a segment that is not needed is removed, not used again")     \
    X(SHORT_RUN, "short-run", "entries are read from the disk one by one")                         \
    /* storage/snapshot */                                                                         \
    X(SHORT_READ, "short-read", "half of what there is of a snapshot is read")                     \
    X(LATE_PRUNING, "late-pruning", "old snapshots stay for longer")

enum de_site_id {
#define DE_SITE_ENUM(name, text, what) DE_SITE_##name,
    DE_SITE_MAP(DE_SITE_ENUM)
#undef DE_SITE_ENUM
        DE_SITES
};

#define DE_SITE_CERTAIN_PPM 1000000u

/* One machine's. */
struct de_sites {
    uint64_t seed;
    uint32_t ppm[DE_SITES];   /* how often the answer is yes; 0: never */
    uint64_t asked[DE_SITES]; /* of those with a chance */
    uint64_t taken[DE_SITES];
};

/* All sites answer no. */
void de_sites_init(struct de_sites *sites, uint64_t seed);

/* The next answer of a site that has a chance. */
bool de_site_draw(struct de_sites *sites, enum de_site_id site);

/* Whether to do the rare thing. sites NULL: no. */
static inline bool de_site(struct de_sites *sites, enum de_site_id site)
{
    return sites != NULL && sites->ppm[site] != 0 && de_site_draw(sites, site);
}

/* Name and meaning. Static. */
const char *de_site_text(enum de_site_id site);
const char *de_site_what(enum de_site_id site);
/* DE_SITES: there is none of that name. */
enum de_site_id de_site_find(const char *text);

#ifdef __cplusplus
}
#endif

#endif
