#include "storage/base/message.h"

#include <stdarg.h>
#include <stdio.h>

#include "core/base/assert.h"

DE_STATIC_ASSERT(DE_MESSAGE_BYTES >= 512, "the longest sentence and a path of usual length fit");

void de_message_set(char *message, size_t message_size, const char *format, ...)
{
    va_list arguments;

    DE_ASSERT(format != NULL);
    DE_ASSERT(message != NULL || message_size == 0);
    if (message_size == 0) {
        return;
    }
    va_start(arguments, format);
    if (vsnprintf(message, message_size, format, arguments) < 0) {
        message[0] = '\0';
    }
    va_end(arguments);
}
