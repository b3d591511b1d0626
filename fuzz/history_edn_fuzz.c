/* Fuzz target of the reader of EDN: see history_fuzz.h. */
#include "fuzz/fuzz_target.h"
#include "fuzz/history_fuzz.h"
#include "runtime/sim/check/edn_reader.h"
#include "runtime/sim/check/history_edn.h"

static int read_edn(struct de_history *history, const void *data, size_t size, size_t split,
                    struct de_history_error *error)
{
    struct de_edn_reader reader;
    DE_ASSERT(split <= size);
    de_edn_reader_init(&reader, history);
    int err = de_edn_reader_feed(&reader, data, split, error);
    if (err == 0) {
        err = de_edn_reader_feed(&reader, (const uint8_t *)data + split, size - split, error);
    }
    if (err == 0) {
        err = de_edn_reader_finish(&reader, error);
    }
    de_edn_reader_deinit(&reader);
    return err;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    de_history_fuzz(data, size, read_edn, de_history_edn_write_operations);
    return 0;
}
