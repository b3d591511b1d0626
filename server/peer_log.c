#include "server/peer_log.h"

#include <string.h>

#include "core/base/assert.h"

/* Members that are started one after the other, or again, are not worth a line. */
#define TELL_AFTER_NS UINT64_C(5000000000)

static bool same_place(const struct de_peer_look *a, const struct de_peer_look *b)
{
    return a->id == b->id && strcmp(a->address, b->address) == 0;
}

static const struct de_peer_look *find(const struct de_peer_look *looks, uint32_t count,
                                       const struct de_peer_look *wanted)
{
    uint32_t i;

    for (i = 0; i < count && !same_place(&looks[i], wanted); i++) {
    }
    return i < count ? &looks[i] : NULL;
}

static void tell(const struct de_peer_look *look, enum de_log_format format)
{
    const bool well = look->trouble.since_ns == 0;
    const bool refused = look->trouble.refusal[0] != '\0';
    const struct de_log_field fields[] = {
        {"peer", NULL, look->id},
        {"address", look->address, 0},
        {"what",
         refused ? look->trouble.refusal
                 : "nobody answers there: that server is down, or its address is wrong or cannot "
                   "be reached from here",
         0},
    };

    DE_ASSERT_IMPLIES(well, !refused);
    if (well) {
        de_log(format, DE_LOG_INFO, "peer_reached", fields, 2);
    } else {
        de_log(format, DE_LOG_WARNING, refused ? "peer_refuses" : "peer_unreachable", fields, 3);
    }
}

/* Whether that is still so of a peer that was told of; tells when it is not. */
static bool keep(const struct de_peer_look *told, const struct de_peer_look *now,
                 enum de_log_format format)
{
    if (now == NULL) {
        return false;
    }
    if (now->trouble.since_ns == 0) {
        tell(now, format);
        return false;
    }
    return strcmp(told->trouble.refusal, now->trouble.refusal) == 0;
}

void de_peer_log_look(struct de_peer_log *log, const struct de_peer_look *looks, uint32_t count,
                      uint64_t now_ns, enum de_log_format format)
{
    uint32_t kept = 0;
    uint32_t i;

    DE_ASSERT(count <= DE_RAFT_MEMBERS_MAX && log->count <= DE_RAFT_MEMBERS_MAX);
    for (i = 0; i < log->count; i++) {
        if (keep(&log->told[i], find(looks, count, &log->told[i]), format)) {
            log->told[kept++] = log->told[i];
        }
    }
    log->count = kept;
    for (i = 0; i < count; i++) {
        const struct de_peer_trouble *trouble = &looks[i].trouble;

        if (trouble->since_ns != 0 && now_ns - trouble->since_ns >= TELL_AFTER_NS &&
            find(log->told, log->count, &looks[i]) == NULL && log->count < DE_RAFT_MEMBERS_MAX) {
            tell(&looks[i], format);
            log->told[log->count++] = looks[i];
        }
    }
}
