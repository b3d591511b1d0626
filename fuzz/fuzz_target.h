/* fuzz/fuzz_target.h - the entry point that every file here named *_fuzz.c defines.
 *
 * It is called by libFuzzer (DENGINE_FUZZ) or, for the inputs kept in corpus/, by replay_main.c.
 * The abort hook of both programs is in abort_hook.c. */
#ifndef DE_FUZZ_FUZZ_TARGET_H
#define DE_FUZZ_FUZZ_TARGET_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Tries one input; it returns 0, or the process dies: that is a finding. data is the caller's and
 * holds exactly size bytes; NULL is allowed when size is 0. One thread. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#ifdef __cplusplus
}
#endif

#endif
