#include "server/settings.h"

#include <stdlib.h>
#include <string.h>

static int apply_flags(struct dengine_config *config, const struct de_flags *flags, char *message,
                       size_t message_size)
{
    size_t i;

    for (i = 0; i < flags->setting_count; i++) {
        const struct de_flag_setting *setting = &flags->settings[i];
        const int err = dengine_config_set(config, setting->key, setting->value);

        if (err != 0) {
            (void)snprintf(message, message_size, "%s: %s", setting->flag,
                           dengine_config_message(config));
            return err;
        }
    }
    return 0;
}

int de_settings_make(const struct de_flags *flags, struct dengine_config **result, char *message,
                     size_t message_size)
{
    struct dengine_config *config = dengine_config_new();
    const char *path = flags->config_path != NULL ? flags->config_path : getenv("CONFIG_PATH");
    int err = 0;

    *result = NULL;
    (void)snprintf(message, message_size, "out of memory");
    if (config == NULL) {
        return DENGINE_E_NO_MEMORY;
    }
    if (path != NULL && path[0] != '\0') {
        err = dengine_config_load(config, path);
    }
    if (err == 0) {
        err = dengine_config_load_environment(config);
    }
    if (err != 0) {
        (void)snprintf(message, message_size, "%s", dengine_config_message(config));
        goto out;
    }
    err = apply_flags(config, flags, message, message_size);
    if (err != 0) {
        goto out;
    }
    err = dengine_config_check(config);
    if (err != 0) {
        (void)snprintf(message, message_size, "%s", dengine_config_message(config));
        goto out;
    }
    *result = config;
    config = NULL;
out:
    dengine_config_free(config);
    return err;
}

struct printing {
    FILE *file;
    char section[64];
};

static void print_one(void *context, const char *section, const char *key, const char *value)
{
    struct printing *printing = context;

    if (strcmp(printing->section, section) != 0) {
        (void)fprintf(printing->file, "%s[%s]\n", printing->section[0] != '\0' ? "\n" : "",
                      section);
        (void)snprintf(printing->section, sizeof printing->section, "%s", section);
    }
    (void)fprintf(printing->file, "%s = %s\n", key, value);
}

void de_settings_print(const struct dengine_config *config, FILE *file)
{
    struct printing printing = {.file = file};

    dengine_config_visit(config, print_one, &printing);
}
