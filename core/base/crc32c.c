#include "core/base/crc32c.h"

#include <string.h>

#include "core/base/assert.h"
#include "core/base/codec.h"
#include "core/base/crc32c_paths.h"

DE_STATIC_ASSERT(sizeof de_crc32c_table == (size_t)8 * 256 * 4, "a row for each of eight bytes");

uint32_t de_crc32c_portable(uint32_t state, const uint8_t *data, size_t size)
{
    DE_ASSERT(data != NULL || size == 0);
    while (size >= 8) {
        const uint32_t low = de_load_u32(data) ^ state;
        const uint32_t high = de_load_u32(data + 4);

        state = de_crc32c_table[7][low & 0xFF] ^ de_crc32c_table[6][(low >> 8) & 0xFF] ^
                de_crc32c_table[5][(low >> 16) & 0xFF] ^ de_crc32c_table[4][low >> 24] ^
                de_crc32c_table[3][high & 0xFF] ^ de_crc32c_table[2][(high >> 8) & 0xFF] ^
                de_crc32c_table[1][(high >> 16) & 0xFF] ^ de_crc32c_table[0][high >> 24];
        data += 8;
        size -= 8;
    }
    DE_ASSERT(size < 8);
    for (; size > 0; size--, data++) {
        state = (state >> 8) ^ de_crc32c_table[0][(state ^ *data) & 0xFF];
    }
    return state;
}

#if defined(__x86_64__) && defined(__GNUC__)

/* Reads a word that the C start-up code filled in; no state of ours, no system call. */
bool de_crc32c_has_hardware(void)
{
    return __builtin_cpu_supports("sse4.2") != 0;
}

static inline uint64_t word_at(const uint8_t *data)
{
    uint64_t word;

    memcpy(&word, data, sizeof word);
    return word;
}

__attribute__((target("sse4.2"))) uint32_t de_crc32c_hardware(uint32_t state, const uint8_t *data,
                                                              size_t size)
{
    uint64_t wide = state;

    DE_ASSERT(data != NULL || size == 0);
    while (size >= 32) {
        wide = __builtin_ia32_crc32di(wide, word_at(data));
        wide = __builtin_ia32_crc32di(wide, word_at(data + 8));
        wide = __builtin_ia32_crc32di(wide, word_at(data + 16));
        wide = __builtin_ia32_crc32di(wide, word_at(data + 24));
        data += 32;
        size -= 32;
    }
    while (size >= 8) {
        wide = __builtin_ia32_crc32di(wide, word_at(data));
        data += 8;
        size -= 8;
    }
    DE_ASSERT(wide <= UINT32_MAX);
    state = (uint32_t)wide;
    if (size >= 4) {
        uint32_t half;

        memcpy(&half, data, sizeof half);
        state = __builtin_ia32_crc32si(state, half);
        data += 4;
        size -= 4;
    }
    for (; size > 0; size--, data++) {
        state = __builtin_ia32_crc32qi(state, *data);
    }
    return state;
}

#else

bool de_crc32c_has_hardware(void)
{
    return false;
}

uint32_t de_crc32c_hardware(uint32_t state, const uint8_t *data, size_t size)
{
    DE_ASSERT(de_crc32c_has_hardware());
    return de_crc32c_portable(state, data, size);
}

#endif

uint32_t de_crc32c(uint32_t crc, const void *data, size_t size)
{
    DE_ASSERT(data != NULL || size == 0);
    if (de_crc32c_has_hardware()) {
        return ~de_crc32c_hardware(~crc, data, size);
    }
    return ~de_crc32c_portable(~crc, data, size);
}
