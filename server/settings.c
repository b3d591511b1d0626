#include "server/settings.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/assert.h"
#include "engine/config.h"

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
        de_flags_explain(dengine_config_message(config), message, message_size);
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

/* What a setting means and may be, as comments, so that what is printed is a file to begin with. */
static void print_meaning(FILE *file, const char *section, const char *key)
{
    char name[DE_CONFIG_NAME_BYTES];
    const struct de_config_key *setting;
    uint32_t id;

    (void)snprintf(name, sizeof name, "%s.%s", section, key);
    id = de_config_find(name);
    DE_ASSERT(id < DE_CONFIG_COUNT);
    setting = &de_config_keys()[id];
    (void)fprintf(file, "# %s\n", setting->help);
    switch (setting->type) {
    case DE_CONFIG_NUMBER:
        (void)fprintf(file, "# %llu to %llu%s%s\n", (unsigned long long)setting->least,
                      (unsigned long long)setting->greatest, setting->unit[0] != '\0' ? " " : "",
                      setting->unit);
        break;
    case DE_CONFIG_CHOICE:
        (void)fprintf(file, "# one of %s\n", setting->unit);
        break;
    default:
        if (setting->unit[0] != '\0') {
            (void)fprintf(file, "# %s%s\n", setting->type == DE_CONFIG_LIST ? "each " : "",
                          setting->unit);
        }
        break;
    }
}

static void print_one(void *context, const char *section, const char *key, const char *value)
{
    struct printing *printing = context;

    if (strcmp(printing->section, section) != 0) {
        (void)fprintf(printing->file, "%s[%s]\n", printing->section[0] != '\0' ? "\n" : "",
                      section);
        (void)snprintf(printing->section, sizeof printing->section, "%s", section);
    }
    print_meaning(printing->file, section, key);
    (void)fprintf(printing->file, "%s = %s\n", key, value);
}

void de_settings_print(const struct dengine_config *config, FILE *file)
{
    struct printing printing = {.file = file};

    dengine_config_visit(config, print_one, &printing);
}
