#include "server/service_watch_message.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/assert.h"
#include "d_engine/client.pb-c.h"
#include "dengine_watch.pb-c.h"

static struct dengine_slice slice_of(const ProtobufCBinaryData *data)
{
    return dengine_bytes(data->data, data->len);
}

/* protobuf-c has no const; packing changes nothing. */
static ProtobufCBinaryData data_of(struct dengine_slice slice)
{
    ProtobufCBinaryData data = {.len = slice.size};

    memcpy(&data.data, &slice.data, sizeof data.data);
    return data;
}

/* ---- requests ---- */

static int read_ours(struct de_watch_request *request, struct dengine_slice bytes)
{
    Dengine__Watch__WatchRequest *from =
        dengine__watch__watch_request__unpack(NULL, bytes.size, bytes.data);

    if (from == NULL) {
        return DENGINE_E_INVALID;
    }
    request->message = from;
    request->options.from = slice_of(&from->from);
    request->options.end = slice_of(&from->end);
    request->options.one_key = from->one_key != 0;
    request->options.no_puts = from->no_puts != 0;
    request->options.no_deletes = from->no_deletes != 0;
    request->options.from_revision = from->from_revision;
    request->progress_ms = from->progress_ms;
    request->previous = true;
    return 0;
}

static int read_dengine(struct de_watch_request *request, struct dengine_slice bytes)
{
    DEngine__Client__WatchRequest *from =
        d_engine__client__watch_request__unpack(NULL, bytes.size, bytes.data);

    if (from == NULL) {
        return DENGINE_E_INVALID;
    }
    request->message = from;
    request->options.from = slice_of(&from->key);
    request->options.one_key = from->prefix == 0;
    request->previous = from->prev_kv != 0;
    if (from->prefix != 0 && from->key.len <= sizeof request->end) {
        request->options.end = dengine_prefix_end(request->options.from, request->end);
    }
    return 0;
}

int de_watch_request_read(struct de_watch_request *request, enum de_watch_protocol protocol,
                          struct dengine_slice bytes)
{
    DE_ASSERT(bytes.data != NULL || bytes.size == 0);
    *request = (struct de_watch_request){0};
    return protocol == DE_WATCH_OURS ? read_ours(request, bytes) : read_dengine(request, bytes);
}

void de_watch_request_free(struct de_watch_request *request, enum de_watch_protocol protocol)
{
    if (protocol == DE_WATCH_OURS) {
        dengine__watch__watch_request__free_unpacked(request->message, NULL);
    } else {
        d_engine__client__watch_request__free_unpacked(request->message, NULL);
    }
    request->message = NULL;
}

/* ---- messages ---- */

/* Messages of protobuf that are written one after the other are one message, whose repeated fields
 * hold all that was in them: so each event is packed as a reply of its own. */
static int add(struct de_watch_message *message, const ProtobufCMessage *packed)
{
    const size_t size = protobuf_c_message_get_packed_size(packed);

    if (message->size + size > message->capacity) {
        const size_t capacity = 2 * (message->size + size);
        uint8_t *bytes = realloc(message->bytes, capacity);

        if (bytes == NULL) {
            return DENGINE_E_NO_MEMORY;
        }
        message->bytes = bytes;
        message->capacity = capacity;
    }
    (void)protobuf_c_message_pack(packed, message->bytes + message->size);
    message->size += size;
    DE_ASSERT(message->size <= message->capacity);
    return 0;
}

static int add_dengine(struct de_watch_message *message, int32_t type, int32_t error,
                       uint64_t revision, const struct dengine_event *event, bool previous)
{
    DEngine__Client__WatchResponse response = D_ENGINE__CLIENT__WATCH_RESPONSE__INIT;

    DE_ASSERT(message->size == 0);
    response.event_type = (DEngine__Client__WatchEventType)type;
    response.error = (DEngine__Error__ErrorCode)error;
    response.revision = revision;
    if (event != NULL) {
        response.key = data_of(event->key);
        response.value = data_of(event->value);
        response.prev_value = previous ? data_of(event->previous) : response.prev_value;
    }
    return add(message, &response.base);
}

int de_watch_message_event(struct de_watch_message *message, enum de_watch_protocol protocol,
                           const struct dengine_event *event, bool previous)
{
    const bool is_delete = event->type == DENGINE_EVENT_DELETE;
    Dengine__Watch__WatchReply reply = DENGINE__WATCH__WATCH_REPLY__INIT;
    Dengine__Watch__WatchEvent one = DENGINE__WATCH__WATCH_EVENT__INIT;
    Dengine__Watch__WatchEvent *pointer = &one;

    if (protocol == DE_WATCH_DENGINE) {
        return add_dengine(message,
                           is_delete ? D_ENGINE__CLIENT__WATCH_EVENT_TYPE__WATCH_EVENT_TYPE_DELETE
                                     : D_ENGINE__CLIENT__WATCH_EVENT_TYPE__WATCH_EVENT_TYPE_PUT,
                           0, event->revision, event, previous);
    }
    one.is_delete = is_delete;
    one.expired = event->expired;
    one.had_previous = event->had_previous;
    one.revision = event->revision;
    one.create_revision = event->create_revision;
    one.version = event->version;
    one.lease = event->lease;
    one.key = data_of(event->key);
    one.value = data_of(event->value);
    one.previous = data_of(event->previous);
    reply.n_events = 1;
    reply.events = &pointer;
    return add(message, &reply.base);
}

int de_watch_message_progress(struct de_watch_message *message, enum de_watch_protocol protocol,
                              uint64_t revision)
{
    Dengine__Watch__WatchReply reply = DENGINE__WATCH__WATCH_REPLY__INIT;

    if (protocol == DE_WATCH_DENGINE) {
        return add_dengine(message, D_ENGINE__CLIENT__WATCH_EVENT_TYPE__WATCH_EVENT_TYPE_PROGRESS,
                           0, revision, NULL, false);
    }
    reply.has_progress = true;
    reply.progress = revision;
    return add(message, &reply.base);
}

int de_watch_message_end(struct de_watch_message *message, enum de_watch_protocol protocol, int err,
                         uint64_t revision)
{
    Dengine__Watch__WatchReply reply = DENGINE__WATCH__WATCH_REPLY__INIT;

    DE_ASSERT(err == DENGINE_E_CANCELED || err == DENGINE_E_COMPACTED);
    if (protocol == DE_WATCH_DENGINE) {
        return add_dengine(message, D_ENGINE__CLIENT__WATCH_EVENT_TYPE__WATCH_EVENT_TYPE_CANCELED,
                           D_ENGINE__ERROR__ERROR_CODE__WATCH_BUFFER_OVERFLOW, revision, NULL,
                           false);
    }
    reply.end = err == DENGINE_E_CANCELED ? DENGINE__WATCH__WATCH_END__WATCH_END_CANCELED
                                          : DENGINE__WATCH__WATCH_END__WATCH_END_COMPACTED;
    reply.revision = revision;
    return add(message, &reply.base);
}
