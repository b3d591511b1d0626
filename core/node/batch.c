#include "core/node/batch.h"

#include "core/base/assert.h"

size_t de_batch_size(uint32_t count, uint64_t command_bytes)
{
    DE_ASSERT(count > 0);
    DE_ASSERT(command_bytes <= UINT32_MAX);
    return (size_t)(DE_BATCH_HEADER_BYTES + (uint64_t)count * DE_BATCH_COMMAND_OVERHEAD_BYTES +
                    command_bytes);
}

void de_batch_start(struct de_writer *writer, uint32_t count, uint64_t time_ns)
{
    DE_ASSERT(writer != NULL && writer->size == 0);
    DE_ASSERT(count > 0 && time_ns <= DE_BATCH_TIME_MAX_NS);
    de_write_u8(writer, DE_BATCH_VERSION);
    de_write_u8(writer, 0);
    de_write_u16(writer, 0);
    de_write_u32(writer, count);
    de_write_u64(writer, time_ns);
}

void de_batch_add(struct de_writer *writer, struct dengine_slice command)
{
    DE_ASSERT(writer->size >= DE_BATCH_HEADER_BYTES);
    de_write_slice(writer, command);
    DE_ASSERT(!writer->failed);
}

void de_batch_set_time(void *payload, uint64_t time_ns)
{
    DE_ASSERT(payload != NULL);
    DE_ASSERT(time_ns <= DE_BATCH_TIME_MAX_NS);
    de_store_u64((uint8_t *)payload + 8, time_ns);
}

int de_batch_visit(struct dengine_slice payload,
                   int (*visit)(void *context, uint32_t number, struct dengine_slice command),
                   void *context)
{
    struct de_reader reader;
    uint32_t count;

    DE_ASSERT(visit != NULL);
    DE_ASSERT(payload.data != NULL || payload.size == 0);
    de_reader_init(&reader, payload.data, payload.size);
    if (de_read_u8(&reader) != DE_BATCH_VERSION) {
        return reader.failed ? DENGINE_E_PROTOCOL : DENGINE_E_VERSION;
    }
    if (de_read_u8(&reader) != 0 || de_read_u16(&reader) != 0) {
        return DENGINE_E_PROTOCOL;
    }
    count = de_read_u32(&reader);
    if (de_read_u64(&reader) > DE_BATCH_TIME_MAX_NS || reader.failed || count == 0) {
        return DENGINE_E_PROTOCOL;
    }
    for (uint32_t i = 0; i < count; i++) {
        struct dengine_slice command = de_read_slice(&reader);
        int rc;

        if (reader.failed) {
            return DENGINE_E_PROTOCOL;
        }
        rc = visit(context, i, command);
        if (rc != 0) {
            return rc;
        }
    }
    return de_reader_left(&reader) == 0 ? 0 : DENGINE_E_PROTOCOL;
}

uint64_t de_batch_time_ns(struct dengine_slice payload)
{
    uint64_t time_ns = 0;

    DE_ASSERT(payload.data != NULL || payload.size == 0);
    if (payload.size >= DE_BATCH_HEADER_BYTES) {
        time_ns = de_load_u64((const uint8_t *)payload.data + 8);
    }
    return time_ns <= DE_BATCH_TIME_MAX_NS ? time_ns : 0;
}

static int count_one(void *context, uint32_t number, struct dengine_slice command)
{
    uint32_t *count = context;

    (void)command;
    DE_ASSERT(number == *count);
    (*count)++;
    DE_ASSERT(*count > number);
    return 0;
}

uint32_t de_batch_count(struct dengine_slice payload)
{
    uint32_t count = 0;
    int rc = de_batch_visit(payload, count_one, &count);

    DE_ASSERT_IMPLIES(rc == 0, count > 0);
    return rc == 0 ? count : 0;
}
