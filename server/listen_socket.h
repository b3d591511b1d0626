/* server/listen_socket.h - a TCP socket that listens, at an address that is a name or a number. */
#ifndef DE_SERVER_LISTEN_SOCKET_H
#define DE_SERVER_LISTEN_SOCKET_H

#include <netdb.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What a name stands for may be several addresses, of which some are not this host's: listens at
 * the first of found that can be had. backlog: as of listen(2). The socket, or -1 and the errno of
 * the last one. */
int de_listen_first(const struct addrinfo *found, int backlog);

/* Looks up address and listens there; port 0: any free one. *fd is the caller's. NOT_FOUND,
 * ADDRESS_IN_USE, PERMISSION or IO, and what was wrong in reason. */
int de_listen_at(const char *address, uint16_t port, int backlog, int *fd, char *reason,
                 size_t reason_size);

/* The port that a socket listens on; 0 when it has none. */
uint16_t de_listen_port(int fd);

#ifdef __cplusplus
}
#endif

#endif
