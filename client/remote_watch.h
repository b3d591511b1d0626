/* client/remote_watch.h - one watch of a remote client.
 *
 * It is at a place of the one order of changes: `from`, the revision that has not been seen whole,
 * and `given`, how many of its events have been. A stream begins there, at any node: events of a
 * revision come in the order of the log everywhere, so the first `given` are left out.
 *
 * One message of the stream is taken at a time, the next one when its events have been given to the
 * user. So who reads slowly makes the server wait, and it is the server that has the bound.
 *
 * Threads: everything is guarded by the mutex of the remote. */
#ifndef DE_CLIENT_REMOTE_WATCH_H
#define DE_CLIENT_REMOTE_WATCH_H

#include "client/remote.h"
#include "dengine_watch.pb-c.h"

#ifdef __cplusplus
extern "C" {
#endif

struct de_remote_watch {
    struct de_watch_feed feed;
    struct de_remote *remote;
    struct de_remote_watch *next;
    struct de_remote_watch **previous;
    struct dengine_watch_options options; /* from and end lie in bytes */

    uint64_t from; /* 0: what is to come, from the first answer on */
    uint64_t given;
    uint64_t to_skip; /* of the present stream */
    Dengine__Watch__WatchReply *reply;
    size_t at;  /* the next event in it */
    int result; /* what it has ended with; 0: it goes on */
    uint64_t result_revision;

    /* Where it was told that the past is not remembered, since it last got something: bit i is
     * endpoint i. */
    uint64_t compacted_at;
    struct de_remote_endpoint *avoid; /* where the last stream broke */
    uint32_t failures;
    uint64_t not_before_ns;

    /* remote_stream.c */
    struct de_remote_endpoint *endpoint; /* of the last stream; its reply may outlive it */
    grpc_call *call;                     /* NULL: no stream */
    uint32_t pending;                    /* batches under way */
    bool receiving;
    bool sending; /* the request, or a question */
    bool ask;     /* a question is to follow */
    bool closed;  /* by its user: freed when the stream has ended */
    struct de_tag begun;
    struct de_tag received;
    struct de_tag asked;
    struct de_tag ended;
    grpc_byte_buffer *outgoing;
    grpc_byte_buffer *incoming;
    grpc_metadata_array initial;
    grpc_metadata_array trailing;
    grpc_slice details;
    grpc_status_code status;

    uint8_t bytes[]; /* of the keys */
};

/* remote_stream.c */
/* Begins a stream at the place of watch. */
void de_remote_stream_begin(struct de_remote_watch *watch, struct de_remote_endpoint *endpoint);
/* Takes the next message, if there is a stream and none is being taken. */
void de_remote_stream_receive(struct de_remote_watch *watch);
/* Asks for a progress, if there is a stream. */
void de_remote_stream_ask(struct de_remote_watch *watch);
void de_remote_stream_cancel(struct de_remote_watch *watch);

/* remote_watch.c: what a stream tells. */
/* watch->reply is new. */
void de_remote_watch_arrived(struct de_remote_watch *watch);
/* The stream has gone; it ended with status. */
void de_remote_watch_broken(struct de_remote_watch *watch, grpc_status_code status);
void de_remote_watch_free(struct de_remote_watch *watch);

#ifdef __cplusplus
}
#endif

#endif
