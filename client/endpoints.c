#include "client/endpoints.h"

#include <stdio.h>
#include <string.h>

#include "core/base/assert.h"

static bool check_port(const char *port)
{
    uint32_t value = 0;
    size_t i;

    for (i = 0; port[i] != '\0'; i++) {
        if (port[i] < '0' || port[i] > '9' || i == 5) {
            return false;
        }
        value = value * 10 + (uint32_t)(port[i] - '0');
    }
    return value >= 1 && value <= 65535;
}

static bool check_host(const char *host, size_t size)
{
    const bool bracketed = size > 2 && host[0] == '[' && host[size - 1] == ']';
    size_t i;

    if (bracketed) {
        host++;
        size -= 2;
    }
    for (i = 0; i < size; i++) {
        const unsigned char c = (unsigned char)host[i];

        /* A scheme or a path is the commonest mistake; neither has a place in an address. */
        if (c <= ' ' || strchr("/[]\x7f", c) != NULL || (c == ':' && !bracketed)) {
            return false;
        }
    }
    return size > 0;
}

bool de_endpoint_check(const char *address)
{
    const char *colon;

    DE_ASSERT(address != NULL);
    colon = strrchr(address, ':');
    if (colon == NULL || strlen(address) >= DE_ENDPOINT_BYTES) {
        return false;
    }
    return check_host(address, (size_t)(colon - address)) && check_port(colon + 1);
}

/* One element of the list, without the blanks around it. */
static struct dengine_slice trim(const char *at, size_t size)
{
    while (size > 0 && (at[0] == ' ' || at[0] == '\t')) {
        at++;
        size--;
    }
    while (size > 0 && (at[size - 1] == ' ' || at[size - 1] == '\t')) {
        size--;
    }
    return dengine_bytes(at, size);
}

int de_endpoints_parse(const char *list, char addresses[][DE_ENDPOINT_BYTES], size_t *count,
                       char *message, size_t message_size)
{
    const char *at = list;
    size_t found = 0;

    DE_ASSERT(list != NULL && count != NULL);
    *count = 0;
    for (;;) {
        const size_t size = strcspn(at, ",");
        const struct dengine_slice element = trim(at, size);

        if (found == DE_ENDPOINTS_MAX) {
            (void)snprintf(message, message_size, "more than %d endpoints", DE_ENDPOINTS_MAX);
            return DENGINE_E_INVALID;
        }
        if (element.size < DE_ENDPOINT_BYTES) {
            memcpy(addresses[found], element.data, element.size);
            addresses[found][element.size] = '\0';
        }
        if (element.size >= DE_ENDPOINT_BYTES || !de_endpoint_check(addresses[found])) {
            (void)snprintf(message, message_size,
                           "\"%.*s\" is not an endpoint of the form host:port, with a port of 1 "
                           "to 65535",
                           element.size < 80 ? (int)element.size : 80, (const char *)element.data);
            return DENGINE_E_INVALID;
        }
        found++;
        if (at[size] == '\0') {
            break;
        }
        at += size + 1;
    }
    *count = found;
    return 0;
}
