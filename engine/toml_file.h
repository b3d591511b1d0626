/* engine/toml_file.h - reading a TOML file, behind a C interface: Debian has no TOML parser in C,
 * so toml++ (C++) stands behind this header, and nothing of it comes out. */
#ifndef DE_ENGINE_TOML_FILE_H
#define DE_ENGINE_TOML_FILE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Calls visit for each value in the file at path, with its name ("section.sub.key"), its text, and
 * the line it stands in. Numbers, booleans and strings come as they are; an array of strings, or of
 * tables { id = 1, address = "host:port" }, comes as its items separated by commas, the tables as
 * id=address.
 *
 * 0, or what visit returned that was not 0 (then message is left alone), or with a message: CONFIG
 * (not TOML, or a value of another kind), NOT_FOUND, PERMISSION, IO, NO_MEMORY. */
int de_toml_read(const char *path,
                 int (*visit)(void *context, const char *name, const char *value, uint32_t line),
                 void *context, char *message, size_t message_size);

#ifdef __cplusplus
}
#endif

#endif
