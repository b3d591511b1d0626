#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "client/client_ops.h"

/* What dengine_last_error() promises: per thread, and so without a lock. */
static _Thread_local char last_error[512];

void de_client_set_last_error(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(last_error, sizeof last_error, format, arguments);
    va_end(arguments);
}

void de_client_clear_last_error(void)
{
    last_error[0] = '\0';
}

const char *de_client_get_last_error(void)
{
    return last_error;
}

const char *dengine_last_error(const struct dengine_client *client)
{
    (void)client;
    return last_error;
}
