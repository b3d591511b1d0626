/* core/kv/command.h - how a command of the key-value state machine looks in the log.
 *
 * Little-endian:
 *
 *   offset  size  what
 *        0     1  version, 1
 *        1     1  type, enum de_kv_command_type
 *        2     1  flags: bit 0 = the key must be absent (CAS only)
 *        3     1  reserved, 0
 *        4     4  length k of the key, 1 .. DE_KV_USER_KEY_MAX
 *        8     k  key
 *      8+k     4  length v of the value        (PUT and CAS)
 *     12+k     v  value
 *   12+k+v     4  length e of what is expected (CAS without flag bit 0)
 *   16+k+v     e  expected value
 *
 * Nothing may follow. A command has one encoding only, so equal commands have equal bytes. There is
 * no checksum here: log records and peer messages carry one. The functions are in core/kv/kv.h. */
#ifndef DE_CORE_KV_COMMAND_H
#define DE_CORE_KV_COMMAND_H

#include "core/kv/kv.h"

#ifdef __cplusplus
extern "C" {
#endif

#define DE_KV_COMMAND_VERSION      1
#define DE_KV_COMMAND_HEADER_BYTES 8
#define DE_KV_COMMAND_FLAG_ABSENT  1
#define DE_KV_COMMAND_LENGTH_BYTES 4

#ifdef __cplusplus
}
#endif

#endif
