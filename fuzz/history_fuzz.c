/* Fuzz target of the reader of JSON Lines: see history_fuzz.h. */
#include "fuzz/fuzz_target.h"
#include "fuzz/history_fuzz.h"
#include "runtime/sim/check/history_json.h"
#include "runtime/sim/check/history_reader.h"

static int read_lines(struct de_history *history, const void *data, size_t size, size_t split,
                      struct de_history_error *error)
{
    struct de_history_reader reader;
    DE_ASSERT(split <= size);
    de_history_reader_init(&reader, history, de_history_json_parse);
    int err = de_history_reader_feed(&reader, data, split, error);
    if (err == 0) {
        err = de_history_reader_feed(&reader, (const uint8_t *)data + split, size - split, error);
    }
    if (err == 0) {
        err = de_history_reader_finish(&reader, error);
    }
    de_history_reader_deinit(&reader);
    return err;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    de_history_fuzz(data, size, read_lines, de_history_json_write_operations);
    return 0;
}
