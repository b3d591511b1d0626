#include "client/policy/place.h"

#include <string.h>

#include <dengine/error.h>

#include "core/base/assert.h"

void de_place_digits(uint64_t lease, uint8_t digits[DE_PLACE_DIGITS])
{
    DE_ASSERT(lease != 0);
    for (int i = DE_PLACE_DIGITS - 1; i >= 0; i--, lease >>= 4) {
        digits[i] = (uint8_t) "0123456789abcdef"[lease & 15];
    }
}

bool de_place_is_before(const struct de_place *a, const struct de_place *b)
{
    DE_ASSERT(a->joined != 0);
    if (a->joined != b->joined) {
        return a->joined < b->joined;
    }
    return memcmp(a->digits, b->digits, DE_PLACE_DIGITS) < 0;
}

int de_look_page(struct de_look *look, uint64_t revision)
{
    if (revision < look->own.joined) {
        return DENGINE_E_UNAVAILABLE;
    }
    DE_ASSERT(look->own.joined == 0 || revision != 0);
    look->seen = look->seen == 0 ? revision : look->seen;
    return 0;
}

bool de_look_key(struct de_look *look, const struct de_place_key *key)
{
    const struct de_place *place = &key->place;
    const bool first = look->first.joined == 0 || de_place_is_before(place, &look->first);

    DE_ASSERT(place->joined != 0 && key->version > 0);
    if (first) {
        look->first = *place;
        look->in_office = key->version > 1;
        look->revision = key->revision;
        look->lease = key->lease;
    }
    if (look->own.joined == 0) {
        return first;
    }
    if (de_place_is_before(place, &look->own)) {
        if (look->before.joined == 0 || de_place_is_before(&look->before, place)) {
            look->before = *place;
        }
    } else {
        look->there = look->there || !de_place_is_before(&look->own, place);
    }
    return first;
}

uint64_t de_look_leader(const struct de_look *look)
{
    DE_ASSERT(look->first.joined != 0 || !look->in_office);
    return look->in_office ? look->revision : 0;
}
