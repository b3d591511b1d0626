#include "sim-tests/tool/save.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

bool de_save_text(const char *path, const struct de_text *text)
{
    FILE *file = fopen(path, "w");
    bool ok = file != NULL;

    if (ok) {
        ok = fwrite(text->data, 1, text->size, file) == text->size;
        ok = fclose(file) == 0 && ok;
    }
    if (!ok) {
        (void)fprintf(stderr, "dengine-sim: %s cannot be written: %s\n", path, strerror(errno));
    }
    return ok;
}

bool de_save_plan(const char *path, const struct de_plan *plan)
{
    struct de_text text;
    bool ok;

    de_text_init(&text);
    de_plan_print(plan, &text);
    ok = de_save_text(path, &text);
    de_text_deinit(&text);
    return ok;
}
