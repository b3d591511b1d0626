/* server/service_watch_message.h - what a watch sends and gets, in the two protocols.
 *
 * Threads: pure functions on the caller's buffer. */
#ifndef DE_SERVER_SERVICE_WATCH_MESSAGE_H
#define DE_SERVER_SERVICE_WATCH_MESSAGE_H

#include <dengine/watch.h>

#ifdef __cplusplus
extern "C" {
#endif

enum de_watch_protocol {
    DE_WATCH_OURS,
    DE_WATCH_DENGINE, /* one event in a message */
};

/* A request; what it points to belongs to `message`. */
struct de_watch_request {
    struct dengine_watch_options options;
    uint32_t progress_ms;
    bool previous; /* values before are wanted */
    void *message;
    uint8_t end[512]; /* of d-engine's prefixes */
};

/* INVALID when bytes are no request, or one whose prefix is too long for a key. */
int de_watch_request_read(struct de_watch_request *request, enum de_watch_protocol protocol,
                          struct dengine_slice bytes);
void de_watch_request_free(struct de_watch_request *request, enum de_watch_protocol protocol);

/* A message under construction: events one after the other, in malloc'ed bytes. */
struct de_watch_message {
    uint8_t *bytes;
    size_t size;
    size_t capacity;
};

/* NO_MEMORY leaves *message as it was. In d-engine's protocol one call makes a whole message. */
int de_watch_message_event(struct de_watch_message *message, enum de_watch_protocol protocol,
                           const struct dengine_event *event, bool previous);
int de_watch_message_progress(struct de_watch_message *message, enum de_watch_protocol protocol,
                              uint64_t revision);
/* err: CANCELED or COMPACTED. */
int de_watch_message_end(struct de_watch_message *message, enum de_watch_protocol protocol, int err,
                         uint64_t revision);

#ifdef __cplusplus
}
#endif

#endif
