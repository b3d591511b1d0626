#include "engine/open_message.h"

#include <dengine/dengine.h>

/* There is no engine yet that could keep it, so it belongs to the thread that tried. */
static _Thread_local char message[DE_OPEN_MESSAGE_BYTES];

char *de_open_message(void)
{
    return message;
}

const char *dengine_open_message(void)
{
    return message;
}
