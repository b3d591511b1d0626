#include "client/policy/numbers.h"

#include "core/base/assert.h"

DE_STATIC_ASSERT(DE_NUMBERS_WINDOW == 64, "a bit of `ended` for each");

void de_numbers_init(struct de_numbers *numbers)
{
    numbers->next = 1;
    numbers->acknowledged = 0;
    numbers->ended = 0;
    DE_ASSERT(de_numbers_room(numbers));
}

bool de_numbers_room(const struct de_numbers *numbers)
{
    DE_ASSERT(numbers->next > numbers->acknowledged);
    return numbers->next - numbers->acknowledged <= DE_NUMBERS_WINDOW;
}

uint64_t de_numbers_take(struct de_numbers *numbers)
{
    DE_ASSERT(de_numbers_room(numbers));
    return numbers->next++;
}

void de_numbers_end(struct de_numbers *numbers, uint64_t number)
{
    const uint64_t at = number - numbers->acknowledged - 1;

    DE_ASSERT(number > numbers->acknowledged && number < numbers->next);
    DE_ASSERT((numbers->ended >> at & 1) == 0);
    numbers->ended |= UINT64_C(1) << at;
    while ((numbers->ended & 1) != 0) {
        numbers->ended >>= 1;
        numbers->acknowledged++;
    }
    DE_ASSERT(numbers->acknowledged < numbers->next);
}
