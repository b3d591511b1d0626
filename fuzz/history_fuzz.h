/* fuzz/history_fuzz.h - what is demanded of a reader of histories: any bytes, fed in two pieces,
 * are read or refused with a message. What is accepted is checked within a small budget, and must
 * survive being written and read again. The first byte says where to cut, and which model. */
#ifndef DE_FUZZ_HISTORY_FUZZ_H
#define DE_FUZZ_HISTORY_FUZZ_H

#include "core/base/assert.h"
#include "runtime/sim/check/check.h"
#include "runtime/sim/check/explain.h"

/* Reads size bytes, split into two pieces, into an initialised history. */
typedef int de_history_fuzz_read(struct de_history *history, const void *data, size_t size,
                                 size_t split, struct de_history_error *error);
typedef int de_history_fuzz_write(const struct de_history_operation *operations, size_t count,
                                  struct de_text *text);

static inline int de_history_fuzz_accept(de_history_fuzz_read *read, const struct de_model *model,
                                         struct de_history *history, const void *data, size_t size,
                                         size_t split)
{
    struct de_history_error error = {0, ""};
    de_history_limit(history, model->functions, model->name);
    int err = read(history, data, size, split, &error);
    DE_ASSERT(err == 0 || (error.line > 0 && error.text[0] != '\0'));
    return err;
}

static inline enum de_check_verdict de_history_fuzz_verdict(const struct de_model *model,
                                                            const struct de_history *history,
                                                            struct de_text *text)
{
    struct de_check_options options = {model, 10000};
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

static inline void de_history_fuzz(const uint8_t *data, size_t size, de_history_fuzz_read *read,
                                   de_history_fuzz_write *write)
{
    struct de_history first;
    struct de_history second;
    struct de_text text;
    struct de_text scratch;
    de_text_init(&text);
    de_text_init(&scratch);
    de_history_init(&first);
    de_history_init(&second);
    const struct de_model *model = size > 0 ? de_models()[data[0] / 86] : NULL;
    if (size > 0 &&
        de_history_fuzz_accept(read, model, &first, data + 1, size - 1, data[0] % size) == 0 &&
        first.count > 0) {
        size_t told = 0;
        for (size_t i = 0; i < first.count; i++) {
            told += first.operations[i].untold ? 0 : 1;
        }
        int err = write(first.operations, first.count, &text);
        DE_ASSERT(err == 0);
        de_text_add(&text, "\n"); /* blank, so that there is a text in any case */
        err = de_history_fuzz_accept(read, model, &second, text.data, text.size, text.size / 2);
        DE_ASSERT(err == 0 && second.count == told);
        DE_ASSERT(de_history_fuzz_verdict(model, &first, &scratch) ==
                  de_history_fuzz_verdict(model, &second, &scratch));
    }
    de_history_deinit(&second);
    de_history_deinit(&first);
    de_text_deinit(&scratch);
    de_text_deinit(&text);
}

#endif
