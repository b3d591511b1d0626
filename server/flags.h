/* server/flags.h - the command line of dengine-server.
 *
 * Threads: pure functions. */
#ifndef DE_SERVER_FLAGS_H
#define DE_SERVER_FLAGS_H

#include <stdio.h>

#include <dengine/error.h>

#include "server/log.h"

#ifdef __cplusplus
extern "C" {
#endif

enum de_action {
    DE_ACTION_RUN = 1,
    DE_ACTION_CHECK_CONFIG,
    DE_ACTION_HELP,
    DE_ACTION_VERSION,
};

#define DE_FLAG_SETTINGS_MAX 128
#define DE_FLAG_KEY_BYTES    128

/* A setting that a flag makes. */
struct de_flag_setting {
    const char *flag; /* as it is called, for messages */
    char key[DE_FLAG_KEY_BYTES];
    const char *value; /* borrowed from argv */
};

struct de_flags {
    enum de_action action;
    enum de_log_format log_format;
    const char *config_path; /* NULL: not given */
    struct de_flag_setting settings[DE_FLAG_SETTINGS_MAX];
    size_t setting_count;
    char message[256]; /* what was wrong */
};

/* Takes argv[1..argc-1] apart; CONFIG with flags->message when something is wrong with it. Borrows
 * argv for the life of flags. */
int de_flags_parse(struct de_flags *flags, int argc, char *const *argv);

/* Copies reason, what is wrong with the configuration; when it begins with a setting that has a
 * flag, that comes behind it, for who gave the flag may not know the setting. */
void de_flags_explain(const char *reason, char *text, size_t size);

/* The text of --help. */
void de_flags_help(FILE *file);

#ifdef __cplusplus
}
#endif

#endif
