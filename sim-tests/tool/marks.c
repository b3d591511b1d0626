#include "sim-tests/tool/marks.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "core/base/assert.h"
#include "core/base/sometimes.h"

/* The section's bounds, from the linker; both NULL when no object has a mark. */
extern const struct de_mark *const __start_de_marks[] __attribute__((weak));
extern const struct de_mark *const __stop_de_marks[] __attribute__((weak));

/* Counters shared by all processes; NULL until marks are counted. Of the program, not of the core.
 */
static atomic_uint_fast64_t *reached;

void de_mark_reached(const struct de_mark *const *at);

void de_mark_reached(const struct de_mark *const *at)
{
    DE_ASSERT(at >= __start_de_marks && at < __stop_de_marks);
    if (reached != NULL) {
        (void)atomic_fetch_add_explicit(&reached[at - __start_de_marks], 1, memory_order_relaxed);
    }
}

size_t de_marks_count(void)
{
    return __start_de_marks == NULL ? 0 : (size_t)(__stop_de_marks - __start_de_marks);
}

bool de_marks_begin(void)
{
    void *memory;

    DE_ASSERT(reached == NULL);
    if (de_marks_count() == 0) {
        (void)fputs("dengine-sim: this program has no marks; dengine-sim-marks of the build "
                    "directory has\n",
                    stderr);
        return false;
    }
    memory = mmap(NULL, de_marks_count() * sizeof(*reached), PROT_READ | PROT_WRITE,
                  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
        perror("dengine-sim: marks");
        return false;
    }
    reached = memory;
    return true;
}

struct line {
    uint64_t count;
    const struct de_mark *mark;
};

static int compare(const void *a, const void *b)
{
    const struct line *x = a;
    const struct line *y = b;
    int files = strcmp(x->mark->file, y->mark->file);

    if (x->count != y->count) {
        return x->count < y->count ? -1 : 1;
    }
    return files != 0 ? files : x->mark->line < y->mark->line ? -1 : x->mark->line > y->mark->line;
}

/* The file as seen from the root of the sources, wherever they were compiled. */
static const char *in_tree(const char *file)
{
    const char *core = strstr(file, "/core/");

    return core != NULL ? core + 1 : file;
}

size_t de_marks_report(FILE *file)
{
    size_t count = de_marks_count();
    struct line *lines = calloc(count + 1, sizeof(*lines));
    size_t never = 0;

    DE_ASSERT(reached != NULL && lines != NULL);
    for (size_t i = 0; i < count; i++) {
        lines[i].mark = __start_de_marks[i];
        lines[i].count = atomic_load(&reached[i]);
        never += lines[i].count == 0 ? 1 : 0;
    }
    qsort(lines, count, sizeof(*lines), compare);
    for (size_t i = 0; i < count; i++) {
        (void)fprintf(file, "%12" PRIu64 "  %s (%s:%" PRIu32 ")\n", lines[i].count,
                      lines[i].mark->text, in_tree(lines[i].mark->file), lines[i].mark->line);
    }
    (void)fprintf(file, "%zu marks, %zu of them never reached\n", count, never);
    free(lines);
    return never;
}
