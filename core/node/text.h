/* core/node/text.h - putting a sentence together without a library. */
#ifndef DE_CORE_NODE_TEXT_H
#define DE_CORE_NODE_TEXT_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Always a terminated string; what does not fit is left out. */
struct de_sentence {
    char *buffer;
    size_t capacity; /* with the terminator; 0: nothing is written */
    size_t size;
};

void de_sentence_init(struct de_sentence *text, char *buffer, size_t capacity);
void de_sentence_add(struct de_sentence *text, const char *string);
void de_sentence_add_u64(struct de_sentence *text, uint64_t number);

#ifdef __cplusplus
}
#endif

#endif
