/* Fuzz target of the history reader: any bytes are read, fed in two pieces, or refused with a
 * message. What is accepted is checked within a small budget and must survive being written and
 * read again. */
#include "core/base/assert.h"
#include "fuzz/fuzz_target.h"
#include "runtime/sim/check/check.h"
#include "runtime/sim/check/explain.h"
#include "runtime/sim/check/history_json.h"
#include "runtime/sim/check/history_reader.h"

static int read_all(struct de_history *history, const void *data, size_t size, size_t split)
{
    struct de_history_reader reader;
    struct de_history_error error = {0, ""};
    de_history_reader_init(&reader, history, de_history_json_parse);
    int err = de_history_reader_feed(&reader, data, split, &error);
    if (err == 0) {
        err = de_history_reader_feed(&reader, (const uint8_t *)data + split, size - split, &error);
    }
    if (err == 0) {
        err = de_history_reader_finish(&reader, &error);
    }
    DE_ASSERT(err == 0 || (error.line > 0 && error.text[0] != '\0'));
    de_history_reader_deinit(&reader);
    return err;
}

static enum de_check_verdict verdict_of(const struct de_history *history, struct de_text *text)
{
    struct de_check_options options = {&de_model_cas_register, 10000};
    struct de_check_result result;
    int err = de_check_run(history->operations, history->count, &options, &result);
    DE_ASSERT(err == 0);
    enum de_check_verdict verdict = result.verdict;
    de_text_clear(text);
    de_explain_text(history->operations, &result, text);
    de_explain_json(history->operations, &result, text);
    de_check_result_deinit(&result);
    return verdict;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct de_history first;
    struct de_history second;
    struct de_text text;
    struct de_text scratch;
    de_text_init(&text);
    de_text_init(&scratch);
    de_history_init(&first);
    de_history_init(&second);
    if (size > 0 && read_all(&first, data + 1, size - 1, data[0] % size) == 0 && first.count > 0) {
        int err = de_history_json_write_operations(first.operations, first.count, &text);
        DE_ASSERT(err == 0);
        err = read_all(&second, text.data, text.size, text.size / 2);
        DE_ASSERT(err == 0 && second.count == first.count);
        DE_ASSERT(verdict_of(&first, &scratch) == verdict_of(&second, &scratch));
    }
    de_history_deinit(&second);
    de_history_deinit(&first);
    de_text_deinit(&scratch);
    de_text_deinit(&text);
    return 0;
}
