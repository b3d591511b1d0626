/* proto/error_codes.h - our error codes and those of d-engine's protocol (ErrorCode in
 * proto/d_engine/error.proto). Threads: pure functions. */
#ifndef DE_PROTO_ERROR_CODES_H
#define DE_PROTO_ERROR_CODES_H

#include <stdbool.h>
#include <stdint.h>

#include <dengine/error.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The ErrorCode for a DENGINE_E_* (0 for 0). A write whose outcome is unknown becomes
 * PROPOSE_FAILED whatever the cause: clients take every other code as "not done". */
int32_t de_wire_code_of_error(int err, bool write);

/* The DENGINE_E_* for an ErrorCode (0 for 0); INTERNAL for a number we do not know. */
int de_error_of_wire_code(int32_t code);

#ifdef __cplusplus
}
#endif

#endif
