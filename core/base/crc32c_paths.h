/* core/base/crc32c_paths.h - the two ways in which de_crc32c() computes, apart for their tests.
 *
 * Both take and give the raw register: the caller does the inversions before and after. */
#ifndef DE_CORE_BASE_CRC32C_PATHS_H
#define DE_CORE_BASE_CRC32C_PATHS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Row k: the register after a byte and k zero bytes, from register 0. */
extern const uint32_t de_crc32c_table[8][256];

/* Slicing by eight: any machine, any byte order, about 1 byte per cycle. */
uint32_t de_crc32c_portable(uint32_t state, const uint8_t *data, size_t size);

/* Whether this processor has the instruction that de_crc32c_hardware() needs. */
bool de_crc32c_has_hardware(void);

/* The SSE 4.2 instruction: about 2.7 bytes per cycle. Only when de_crc32c_has_hardware(). */
uint32_t de_crc32c_hardware(uint32_t state, const uint8_t *data, size_t size);

#ifdef __cplusplus
}
#endif

#endif
