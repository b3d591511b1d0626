/* engine/open_message.h - what dengine_open_message() gives: one text per thread. */
#ifndef DE_ENGINE_OPEN_MESSAGE_H
#define DE_ENGINE_OPEN_MESSAGE_H

#ifdef __cplusplus
extern "C" {
#endif

#define DE_OPEN_MESSAGE_BYTES 768

/* The calling thread's buffer, of DE_OPEN_MESSAGE_BYTES. */
char *de_open_message(void);

#ifdef __cplusplus
}
#endif

#endif
