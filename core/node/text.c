#include "core/node/text.h"

#include <string.h>

#include "core/base/assert.h"

void de_sentence_init(struct de_sentence *text, char *buffer, size_t capacity)
{
    DE_ASSERT(text != NULL);
    DE_ASSERT(buffer != NULL || capacity == 0);
    text->buffer = buffer;
    text->capacity = capacity;
    text->size = 0;
    if (capacity > 0) {
        buffer[0] = '\0';
    }
}

void de_sentence_add(struct de_sentence *text, const char *string)
{
    DE_ASSERT(string != NULL);
    DE_ASSERT(text->capacity == 0 || text->size < text->capacity);
    for (; *string != '\0' && text->size + 1 < text->capacity; string++) {
        text->buffer[text->size++] = *string;
        text->buffer[text->size] = '\0';
    }
}

void de_sentence_add_u64(struct de_sentence *text, uint64_t number)
{
    char digits[21];
    size_t at = sizeof digits - 1;

    digits[at] = '\0';
    do {
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    DE_ASSERT(at < sizeof digits - 1);
    de_sentence_add(text, digits + at);
}
