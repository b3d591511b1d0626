/* sim-tests/tool/marks.h - which of the core's marks (core/base/sometimes.h) a campaign reaches.
 *
 * Only dengine-sim-marks has a core with marks in it. Its processes count in memory that they
 * share. */
#ifndef DE_SIM_TESTS_TOOL_MARKS_H
#define DE_SIM_TESTS_TOOL_MARKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

/* How many marks this program has; 0 when its core was built without them. */
size_t de_marks_count(void);

/* Call before the first run and before any process is made. False (said on stderr) when there are
 * no marks to count, or no memory. */
bool de_marks_begin(void);

/* Prints every mark with how often it was reached, the rarest first, and how many never were.
 * Returns that number. */
size_t de_marks_report(FILE *file);

#ifdef __cplusplus
}
#endif

#endif
