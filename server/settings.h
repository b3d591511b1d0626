/* server/settings.h - the configuration of dengine-server from where it is said: built-in values,
 * then a file, then the environment, then flags.
 *
 * Threads: one at a time. */
#ifndef DE_SERVER_SETTINGS_H
#define DE_SERVER_SETTINGS_H

#include <stdio.h>

#include <dengine/dengine.h>

#include "server/flags.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Takes the file that flags name, or else the environment's CONFIG_PATH, then the environment, then
 * flags, and checks the whole. On failure *config is NULL and message says what is wrong, and
 * where. CONFIG, NOT_FOUND, PERMISSION, NO_MEMORY. */
int de_settings_make(const struct de_flags *flags, struct dengine_config **config, char *message,
                     size_t message_size);

/* Prints every setting with its effective value as a TOML file. */
void de_settings_print(const struct dengine_config *config, FILE *file);

#ifdef __cplusplus
}
#endif

#endif
