/* Fuzz target of schedule files: any bytes are refused with a line number, or mean a plan that says
 * the same when it is written and read again. */
#include "core/base/assert.h"
#include "fuzz/fuzz_target.h"
#include "runtime/sim/plan.h"

static void print(const struct de_plan *plan, struct de_text *text)
{
    de_text_init(text);
    de_plan_print(plan, text);
    DE_ASSERT(!text->failed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char message[DE_PLAN_MESSAGE_MAX] = "";
    struct de_plan plan;
    struct de_plan again;
    struct de_text first;
    struct de_text second;
    bool good = de_plan_parse(dengine_bytes(data, size), &plan, message);

    DE_ASSERT(good == (message[0] == '\0'));
    if (!good) {
        DE_ASSERT(memcmp(message, "line ", 5) == 0);
        return 0;
    }
    print(&plan, &first);
    good = de_plan_parse(dengine_bytes(first.data, first.size), &again, message);
    DE_ASSERT(good);
    print(&again, &second);
    DE_ASSERT(first.size == second.size && memcmp(first.data, second.data, first.size) == 0);
    de_text_deinit(&first);
    de_text_deinit(&second);
    de_plan_deinit(&plan);
    de_plan_deinit(&again);
    return 0;
}
