#include "runtime/libev/rpc_address.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int de_address_split(const char *address, char *host, size_t host_size, uint16_t *port)
{
    const char *colon = strrchr(address, ':');
    const char *begin = address;
    size_t size;
    unsigned long number;
    char *end;

    if (colon == NULL || colon[1] < '0' || colon[1] > '9') {
        return DENGINE_E_CONFIG;
    }
    errno = 0;
    number = strtoul(colon + 1, &end, 10);
    if (*end != '\0' || errno != 0 || number > UINT16_MAX) {
        return DENGINE_E_CONFIG;
    }
    size = (size_t)(colon - address);
    if (size >= 2 && begin[0] == '[' && begin[size - 1] == ']') {
        begin++;
        size -= 2;
    } else if (memchr(begin, ':', size) != NULL) {
        return DENGINE_E_CONFIG; /* A bare v6 address: which colon begins the port? */
    }
    if (size == 0 || size >= host_size) {
        return DENGINE_E_CONFIG;
    }
    memcpy(host, begin, size);
    host[size] = '\0';
    *port = (uint16_t)number;
    return 0;
}

static int bind_error(const char *address, int code, char *message, size_t message_size)
{
    switch (code) {
    case EADDRINUSE:
        (void)snprintf(message, message_size,
                       "%s is in use by another program: stop it or choose another address",
                       address);
        return DENGINE_E_ADDRESS_IN_USE;
    case EACCES:
    case EPERM:
        (void)snprintf(message, message_size,
                       "not permitted to listen on %s: ports below 1024 need privileges", address);
        return DENGINE_E_PERMISSION;
    case EADDRNOTAVAIL:
        (void)snprintf(message, message_size, "%s is not an address of this machine", address);
        return DENGINE_E_CONFIG;
    default:
        (void)snprintf(message, message_size, "cannot listen on %s: %s", address, strerror(code));
        return DENGINE_E_IO;
    }
}

static int try_bind(const struct addrinfo *info)
{
    int on = 1;
    int fd = socket(info->ai_family, info->ai_socktype | SOCK_CLOEXEC, info->ai_protocol);
    int err = 0;

    if (fd < 0) {
        return errno;
    }
    /* As gRPC does: a port whose connections are in TIME_WAIT can be had. */
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
        bind(fd, info->ai_addr, info->ai_addrlen) != 0 || listen(fd, 1) != 0) {
        err = errno;
    }
    (void)close(fd);
    return err;
}

int de_address_probe(const char *address, char *message, size_t message_size)
{
    struct addrinfo hints = {0};
    struct addrinfo *infos = NULL;
    char host[DE_ADDRESS_BYTES];
    char service[8];
    uint16_t port;
    int err;

    if (de_address_split(address, host, sizeof(host), &port) != 0) {
        (void)snprintf(message, message_size,
                       "\"%s\" is not of the form host:port, with a port up to 65535", address);
        return DENGINE_E_CONFIG;
    }
    (void)snprintf(service, sizeof(service), "%u", (unsigned)port);
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
    err = getaddrinfo(host, service, &hints, &infos);
    if (err != 0) {
        (void)snprintf(message, message_size, "cannot resolve %s: %s", host, gai_strerror(err));
        return DENGINE_E_CONFIG;
    }
    err = try_bind(infos);
    freeaddrinfo(infos);
    return err == 0 ? 0 : bind_error(address, err, message, message_size);
}
