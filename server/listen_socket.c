#include "server/listen_socket.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <dengine/error.h>

#include "core/base/assert.h"

static int error_of(int code)
{
    switch (code) {
    case EADDRINUSE:
        return DENGINE_E_ADDRESS_IN_USE;
    case EACCES:
        return DENGINE_E_PERMISSION;
    case EADDRNOTAVAIL:
        return DENGINE_E_NOT_FOUND;
    default:
        return DENGINE_E_IO;
    }
}

/* A socket that listens, or -1 and errno. */
static int listen_one(const struct addrinfo *at, int backlog)
{
    const int on = 1;
    const int fd = socket(at->ai_family, at->ai_socktype | SOCK_CLOEXEC, at->ai_protocol);
    int code;

    if (fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
        bind(fd, at->ai_addr, at->ai_addrlen) == 0 && listen(fd, backlog) == 0) {
        return fd;
    }
    code = errno;
    if (fd >= 0) {
        (void)close(fd);
    }
    errno = code;
    return -1;
}

int de_listen_first(const struct addrinfo *found, int backlog)
{
    int fd = -1;

    DE_ASSERT(found != NULL && backlog > 0);
    while (fd < 0 && found != NULL) {
        fd = listen_one(found, backlog);
        found = found->ai_next;
    }
    return fd;
}

int de_listen_at(const char *address, uint16_t port, int backlog, int *fd, char *reason,
                 size_t reason_size)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
    struct addrinfo *found = NULL;
    char digits[8];
    int err;

    DE_ASSERT(address != NULL && fd != NULL);
    *fd = -1;
    (void)snprintf(digits, sizeof digits, "%u", (unsigned)port);
    err = getaddrinfo(address, digits, &hints, &found);
    if (err != 0) {
        (void)snprintf(reason, reason_size, "%s", gai_strerror(err));
        return DENGINE_E_NOT_FOUND;
    }
    *fd = de_listen_first(found, backlog);
    if (*fd < 0) {
        err = error_of(errno);
        (void)snprintf(reason, reason_size, "%s", strerror(errno));
    }
    freeaddrinfo(found);
    return err;
}

uint16_t de_listen_port(int fd)
{
    struct sockaddr_storage name;
    socklen_t size = sizeof name;
    char digits[16] = "0";

    DE_ASSERT(fd >= 0);
    if (getsockname(fd, (struct sockaddr *)&name, &size) == 0) {
        (void)getnameinfo((struct sockaddr *)&name, size, NULL, 0, digits, sizeof digits,
                          NI_NUMERICSERV);
    }
    return (uint16_t)strtoul(digits, NULL, 10);
}
