/* runtime/libev/rpc_address.h - "host:port" before it is handed to gRPC, which says only that it
 * could not bind, not why. */
#ifndef DE_RUNTIME_LIBEV_RPC_ADDRESS_H
#define DE_RUNTIME_LIBEV_RPC_ADDRESS_H

#include <stddef.h>
#include <stdint.h>

#include <dengine/error.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Longest "host:port". */
#define DE_ADDRESS_BYTES 256

/* Splits address ("host:port", "[v6]:port") into host (of host_size bytes, brackets removed) and
 * port. CONFIG when it is not of this form. */
int de_address_split(const char *address, char *host, size_t host_size, uint16_t *port);

/* Tries to bind address and lets go again. 0, ADDRESS_IN_USE, PERMISSION, CONFIG (not of the form,
 * unknown host, or not an address of this machine) or IO, and message says which. */
int de_address_probe(const char *address, char *message, size_t message_size);

#ifdef __cplusplus
}
#endif

#endif
