/* dengine/types.h - bytes that belong to somebody else. */
#ifndef DENGINE_TYPES_H
#define DENGINE_TYPES_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Marks what the shared libraries export; everything else stays hidden. */
#if defined(__GNUC__)
#define DENGINE_EXPORT __attribute__((visibility("default")))
#else
#define DENGINE_EXPORT
#endif

/* A borrowed run of bytes. Whoever receives one may read it only as long as the call it came with
 * lasts, unless the call says otherwise. data may be NULL when size is 0. */
struct dengine_slice {
    const void *data;
    size_t size;
};

/* The bytes of a C string without its terminator. Borrows s. */
static inline struct dengine_slice dengine_str(const char *s)
{
    struct dengine_slice slice = {s, strlen(s)};
    return slice;
}

/* size bytes at data. Borrows them. */
static inline struct dengine_slice dengine_bytes(const void *data, size_t size)
{
    struct dengine_slice slice = {data, size};
    return slice;
}

#define DENGINE_STR(s)            dengine_str(s)
#define DENGINE_BYTES(data, size) dengine_bytes((data), (size))

#ifdef __cplusplus
}
#endif

#endif
