/* core/base/crc32c.h - CRC-32C (Castagnoli), the checksum of every record and block on disk.
 *
 * Polynomial 0x1EDC6F41 reflected, initial value and final xor 0xFFFFFFFF (RFC 3720 appendix B.4):
 * the CRC of "123456789" is 0xE3069283. */
#ifndef DE_CORE_BASE_CRC32C_H
#define DE_CORE_BASE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The checksum of size bytes at data, continuing from crc, the checksum of what came before them
 * (0 at the start). data may be NULL when size is 0. Any thread. */
uint32_t de_crc32c(uint32_t crc, const void *data, size_t size);

#ifdef __cplusplus
}
#endif

#endif
