/* Two passes and one allocation: the first pass finds out how much there is, the second fills it.
 */
#include "proto/peer_codec.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/codec.h"
#include "core/base/crc32c.h"
#include "proto/peer_fields.h"

/* What a first pass finds out, to allocate once. */
struct outline {
    uint32_t entry_count;
    size_t entry_bytes; /* of all Entry messages: no less than their payloads */
    size_t chunk_bytes;
    bool chunk;
};

/* What is allocated with a struct de_peer_decoded in front of it: one block, in this order. */
struct layout {
    struct dengine_entry *entries;
    struct de_raft_entry *metas;
    uint8_t *payloads;
    uint8_t *chunk;
};

/* Version and checksum: then the bytes are what some node of this version has written, in between
 * *inside. */
static int check_frame(struct dengine_slice bytes, struct dengine_slice *inside)
{
    const uint8_t *at = bytes.data;
    size_t covered;

    if (bytes.size > DE_PEER_MESSAGE_BYTES_MAX) {
        return DENGINE_E_TOO_LARGE;
    }
    if (bytes.size < DE_PEER_VERSION_BYTES || at[0] != (DE_PEER_VERSION << 3 | DE_WIRE_VARINT)) {
        return DENGINE_E_PROTOCOL;
    }
    if (at[1] != DE_PEER_PROTOCOL_VERSION) {
        return DENGINE_E_VERSION;
    }
    if (bytes.size < DE_PEER_VERSION_BYTES + DE_PEER_CHECKSUM_BYTES) {
        return DENGINE_E_PROTOCOL;
    }
    covered = bytes.size - DE_PEER_CHECKSUM_BYTES;
    if (at[covered] != DE_PEER_CHECKSUM_TAG ||
        de_load_u32(at + covered + 1) != de_crc32c(0, at, covered)) {
        return DENGINE_E_PROTOCOL;
    }
    *inside = dengine_bytes(at + DE_PEER_VERSION_BYTES, covered - DE_PEER_VERSION_BYTES);
    return 0;
}

static int read_outline(struct dengine_slice inside, struct outline *outline)
{
    struct de_wire_reader reader;
    struct de_wire_field field;

    *outline = (struct outline){0};
    de_wire_reader_init(&reader, inside);
    while (de_wire_next(&reader, &field)) {
        if (field.number == DE_PEER_ENTRIES) {
            if (field.type != DE_WIRE_BYTES || outline->entry_count == DE_PEER_ENTRIES_MAX) {
                return DENGINE_E_PROTOCOL;
            }
            outline->entry_count++;
            outline->entry_bytes += field.bytes.size;
        } else if (field.number == DE_PEER_CHUNK) {
            if (field.type != DE_WIRE_BYTES || outline->chunk) {
                return DENGINE_E_PROTOCOL;
            }
            outline->chunk = true;
            outline->chunk_bytes = field.bytes.size;
        }
    }
    return reader.failed ? DENGINE_E_PROTOCOL : 0;
}

/* Copies a payload to *space and moves *space behind it. */
static bool decode_entry(struct dengine_slice bytes, struct dengine_entry *entry, uint8_t **space)
{
    struct de_wire_reader reader;
    struct de_wire_field field;
    struct dengine_slice data = {NULL, 0};

    de_wire_reader_init(&reader, bytes);
    while (de_wire_next(&reader, &field)) {
        if (field.number == DE_PEER_ENTRY_TERM && field.type == DE_WIRE_VARINT) {
            entry->term = field.value;
        } else if (field.number == DE_PEER_ENTRY_TYPE && field.type == DE_WIRE_VARINT &&
                   field.value <= UINT32_MAX) {
            entry->type = (uint32_t)field.value;
        } else if (field.number == DE_PEER_ENTRY_DATA && field.type == DE_WIRE_BYTES) {
            data = field.bytes;
        } else {
            return false;
        }
    }
    if (data.size > 0) {
        memcpy(*space, data.data, data.size);
        entry->data = dengine_bytes(*space, data.size);
        *space += data.size;
    }
    return !reader.failed;
}

/* The member of this number, or NULL. The search begins at *next and moves it on: who encodes in
 * the order of the table is decoded in one pass over it. */
static const struct de_peer_scalar *scalar_find(uint32_t number, size_t *next)
{
    size_t i;

    DE_ASSERT(*next < DE_PEER_SCALARS);
    for (i = 0; i < DE_PEER_SCALARS; i++) {
        const struct de_peer_scalar *scalar = &de_peer_scalars[*next];

        *next = *next + 1 < DE_PEER_SCALARS ? *next + 1 : 0;
        if (scalar->number == number) {
            return scalar;
        }
    }
    return NULL;
}

static bool scalar_set(struct de_peer_message *message, const struct de_wire_field *field,
                       size_t *next)
{
    const struct de_peer_scalar *scalar = scalar_find(field->number, next);
    uint32_t type;
    char *at;

    if (scalar == NULL) {
        return false; /* nothing unknown belongs to this version */
    }
    type = scalar->kind == DE_PEER_FIXED64 ? DE_WIRE_FIXED64 : DE_WIRE_VARINT;
    if (field->type != type) {
        return false;
    }
    at = (char *)message + scalar->offset;
    if (scalar->kind == DE_PEER_BOOL) {
        const bool flag = field->value != 0;

        memcpy(at, &flag, sizeof flag);
        return field->value <= 1;
    }
    if (scalar->kind == DE_PEER_U32) {
        const uint32_t small = (uint32_t)field->value;

        memcpy(at, &small, sizeof small);
        return field->value <= UINT32_MAX;
    }
    memcpy(at, &field->value, sizeof field->value);
    return true;
}

/* The second pass: fills message and what layout points to, which has room for all. */
static bool decode_fields(struct dengine_slice inside, const struct layout *layout,
                          struct de_peer_message *message)
{
    struct de_raft_message *raft = &message->raft;
    uint8_t *payloads = layout->payloads;
    struct de_wire_reader reader;
    struct de_wire_field field;
    size_t next = 0;
    bool ok = true;

    de_wire_reader_init(&reader, inside);
    while (ok && de_wire_next(&reader, &field)) {
        if (field.number == DE_PEER_ENTRIES) {
            ok = decode_entry(field.bytes, &layout->entries[raft->entry_count], &payloads);
            raft->entry_count++;
        } else if (field.number == DE_PEER_CHUNK) {
            message->chunk.data = dengine_bytes(layout->chunk, field.bytes.size);
            if (field.bytes.size > 0) {
                memcpy(layout->chunk, field.bytes.data, field.bytes.size);
            }
        } else {
            ok = scalar_set(message, &field, &next);
        }
    }
    message->entries = layout->entries;
    return ok && de_peer_message_check(message);
}

/* The metas of the entries, as the consensus core wants them. */
static void fill_metas(const struct layout *layout, uint32_t count)
{
    uint32_t i;

    for (i = 0; i < count; i++) {
        layout->metas[i].term = layout->entries[i].term;
        layout->metas[i].type = layout->entries[i].type;
        layout->metas[i].bytes = (uint32_t)layout->entries[i].data.size;
        layout->metas[i].configuration = NULL;
    }
}

/* Allocates the block and finds its parts; all but the payloads are zero. */
static struct de_peer_decoded *allocate(const struct outline *outline, struct layout *layout)
{
    const size_t entry_bytes = outline->entry_count * sizeof *layout->entries;
    const size_t meta_bytes = outline->entry_count * sizeof *layout->metas;
    const size_t fixed = sizeof(struct de_peer_decoded) + entry_bytes + meta_bytes;
    char *block = malloc(fixed + outline->entry_bytes + outline->chunk_bytes);
    char *at;

    if (block == NULL) {
        return NULL;
    }
    memset(block, 0, fixed);
    at = block + sizeof(struct de_peer_decoded);
    layout->entries = (void *)at;
    layout->metas = (void *)(at + entry_bytes);
    layout->payloads = (void *)(block + fixed);
    layout->chunk = layout->payloads + outline->entry_bytes;
    return (struct de_peer_decoded *)(void *)block;
}

int de_peer_decode(struct dengine_slice bytes, struct de_peer_decoded **decoded)
{
    struct de_peer_decoded *block;
    struct dengine_slice inside;
    struct outline outline;
    struct layout layout;
    int err;

    DE_ASSERT(decoded != NULL);
    DE_ASSERT(bytes.data != NULL || bytes.size == 0);
    *decoded = NULL;
    err = check_frame(bytes, &inside);
    if (err == 0) {
        err = read_outline(inside, &outline);
    }
    if (err != 0) {
        return err;
    }
    block = allocate(&outline, &layout);
    if (block == NULL) {
        return DENGINE_E_NO_MEMORY;
    }
    if (!decode_fields(inside, &layout, &block->message)) {
        free(block);
        return DENGINE_E_PROTOCOL;
    }
    DE_ASSERT(block->message.raft.entry_count == outline.entry_count);
    fill_metas(&layout, outline.entry_count);
    block->message.raft.entries = layout.metas;
    *decoded = block;
    return 0;
}

void de_peer_decoded_free(struct de_peer_decoded *decoded)
{
    free(decoded);
}
