/* core/base/sometimes.h - marks at the rare places of the core.
 *
 * A simulator that never comes to a place proves nothing about it. DE_SOMETIMES(condition, text)
 * says: in a good campaign the condition holds here at least once. In every build but one it is
 * nothing, and the condition is not even evaluated. Where DE_MARKS is defined each mark is a word
 * in the section de_marks, so that those that are never reached can be listed too, and a hook is
 * called when the condition holds: see sim-tests/tool/marks.h. A condition has no side effects.
 *
 * Text: what happened, as the end of "once it happened that ...". */
#ifndef DE_CORE_BASE_SOMETIMES_H
#define DE_CORE_BASE_SOMETIMES_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct de_mark {
    const char *text;
    const char *file;
    uint32_t line;
};

#ifdef DE_MARKS

/* Supplied by whoever links a core with marks. at points into the section de_marks. */
void de_mark_reached(const struct de_mark *const *at);

#define DE_SOMETIMES(condition, what)                                                              \
    do {                                                                                           \
        static const struct de_mark de_mark_ = {what, __FILE__, __LINE__};                         \
        static const struct de_mark *const de_mark_word_                                           \
            __attribute__((used, section("de_marks"))) = &de_mark_;                                \
        if (condition) {                                                                           \
            de_mark_reached(&de_mark_word_);                                                       \
        }                                                                                          \
    } while (0)

#else

#define DE_SOMETIMES(condition, what) ((void)sizeof((condition) ? 1 : 0))

#endif

#ifdef __cplusplus
}
#endif

#endif
