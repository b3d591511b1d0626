#include "runtime/libev/peer_outbox.h"

#include <string.h>

#include "core/base/assert.h"

/* Forgets the count messages from position on, without dropping the references. */
static void cut(struct de_peer_outbox *outbox, uint32_t position, uint32_t count)
{
    uint32_t after = outbox->count - position - count;

    DE_ASSERT(position + count <= outbox->count);
    memmove(&outbox->slices[position], &outbox->slices[position + count],
            after * sizeof(outbox->slices[0]));
    memmove(&outbox->appends[position], &outbox->appends[position + count],
            after * sizeof(outbox->appends[0]));
    outbox->count -= count;
}

void de_peer_outbox_clear(struct de_peer_outbox *outbox)
{
    uint32_t i;

    for (i = 0; i < outbox->count; i++) {
        grpc_slice_unref(outbox->slices[i]);
    }
    outbox->count = 0;
    outbox->bytes = 0;
}

static void drop_one(struct de_peer_outbox *outbox)
{
    uint32_t i;

    DE_ASSERT(outbox->count > 0);
    for (i = 0; i < outbox->count && !outbox->appends[i]; i++) {
    }
    if (i == outbox->count) {
        i = 0;
    }
    outbox->bytes -= GRPC_SLICE_LENGTH(outbox->slices[i]);
    grpc_slice_unref(outbox->slices[i]);
    cut(outbox, i, 1);
}

bool de_peer_outbox_push(struct de_peer_outbox *outbox, grpc_slice slice, bool append,
                         uint32_t items_max)
{
    size_t size = GRPC_SLICE_LENGTH(slice);
    bool dropped = false;

    DE_ASSERT(items_max > 0 && items_max <= DE_OUTBOX_ITEMS_MAX);
    while (outbox->count > 0 &&
           (outbox->count >= items_max || outbox->bytes + size > DE_OUTBOX_BYTES_MAX)) {
        drop_one(outbox);
        dropped = true;
    }
    outbox->slices[outbox->count] = slice;
    outbox->appends[outbox->count] = append;
    outbox->count++;
    outbox->bytes += size;
    return !dropped;
}

uint32_t de_peer_outbox_take(struct de_peer_outbox *outbox, grpc_slice *slices, uint32_t slice_max,
                             size_t bytes_max)
{
    uint32_t count = 0;
    size_t bytes = 0;

    while (count < outbox->count && count < slice_max) {
        size_t size = GRPC_SLICE_LENGTH(outbox->slices[count]);

        if (count > 0 && bytes + size > bytes_max) {
            break;
        }
        slices[count] = outbox->slices[count];
        bytes += size;
        count++;
    }
    cut(outbox, 0, count);
    DE_ASSERT(outbox->bytes >= bytes);
    outbox->bytes -= bytes;
    return count;
}
