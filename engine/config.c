#include "engine/config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/assert.h"
#include "engine/toml_file.h"

static const struct de_config_key keys[DE_CONFIG_COUNT] = {
#define DE_CONFIG_ROW(id, section, key, type, unit, least, greatest, value, help)                  \
    {section, key, DE_CONFIG_##type, unit, least, greatest, value, help},
    DE_CONFIG_KEYS(DE_CONFIG_ROW)
#undef DE_CONFIG_ROW
};

const struct de_config_key *de_config_keys(void)
{
    return keys;
}

void de_config_name(uint32_t id, char *name)
{
    DE_ASSERT(id < DE_CONFIG_COUNT);
    (void)snprintf(name, DE_CONFIG_NAME_BYTES, "%s.%s", keys[id].section, keys[id].key);
}

uint32_t de_config_find(const char *name)
{
    char candidate[DE_CONFIG_NAME_BYTES];
    uint32_t id;

    for (id = 0; id < DE_CONFIG_COUNT; id++) {
        de_config_name(id, candidate);
        if (strcmp(candidate, name) == 0) {
            break;
        }
    }
    return id;
}

struct dengine_config *dengine_config_new(void)
{
    return calloc(1, sizeof(struct dengine_config));
}

void dengine_config_free(struct dengine_config *config)
{
    uint32_t id;

    if (config == NULL) {
        return;
    }
    for (id = 0; id < DE_CONFIG_COUNT; id++) {
        free(config->values[id]);
    }
    free(config);
}

const char *de_config_text(const struct dengine_config *config, enum de_config_id id)
{
    return config->values[id] != NULL ? config->values[id] : keys[id].initial;
}

bool de_config_is_set(const struct dengine_config *config, enum de_config_id id)
{
    return config->values[id] != NULL;
}

/* Decimal digits, with the underscores that TOML allows between them. */
static bool parse_number(const char *text, uint64_t *number)
{
    uint64_t value = 0;
    size_t i;

    for (i = 0; text[i] != '\0'; i++) {
        uint64_t digit;

        if (text[i] == '_' && i > 0 && text[i - 1] != '_' && text[i + 1] != '\0') {
            continue;
        }
        if (text[i] < '0' || text[i] > '9') {
            return false;
        }
        digit = (uint64_t)(text[i] - '0');
        if (value > (UINT64_MAX - digit) / 10) {
            return false;
        }
        value = value * 10 + digit;
    }
    *number = value;
    return i > 0;
}

uint64_t de_config_number(const struct dengine_config *config, enum de_config_id id)
{
    uint64_t number = 0;
    bool ok;

    DE_ASSERT(keys[id].type == DE_CONFIG_NUMBER);
    ok = parse_number(de_config_text(config, id), &number);
    DE_ASSERT(ok); /* checked when it was set */
    DE_ASSERT(number >= keys[id].least && number <= keys[id].greatest);
    return number;
}

/* ---- setting ---- */

__attribute__((format(printf, 2, 3))) static int refuse(struct dengine_config *config,
                                                        const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(config->message, sizeof(config->message), format, arguments);
    va_end(arguments);
    return DENGINE_E_CONFIG;
}

static bool is_choice(const char *choices, const char *value)
{
    size_t size = strlen(value);

    while (*choices != '\0') {
        size_t length = strcspn(choices, "|");

        if (length == size && memcmp(choices, value, size) == 0) {
            return true;
        }
        choices += length;
        choices += *choices == '|' ? 1 : 0;
    }
    return false;
}

static int check_number(struct dengine_config *config, uint32_t id, const char *value)
{
    const struct de_config_key *key = &keys[id];
    uint64_t number;

    if (!parse_number(value, &number) || number < key->least || number > key->greatest) {
        return refuse(config, "%s.%s = %.40s: must be a number from %" PRIu64 " to %" PRIu64 "%s%s",
                      key->section, key->key, value, key->least, key->greatest,
                      key->unit[0] != '\0' ? " " : "", key->unit);
    }
    return 0;
}

static int check_value(struct dengine_config *config, uint32_t id, const char *value)
{
    const struct de_config_key *key = &keys[id];

    switch (key->type) {
    case DE_CONFIG_NUMBER:
        return check_number(config, id, value);
    case DE_CONFIG_CHOICE:
        if (!is_choice(key->unit, value)) {
            return refuse(config, "%s.%s = %.40s: must be one of %s", key->section, key->key, value,
                          key->unit);
        }
        return 0;
    default:
        if (strlen(value) < key->least) {
            return refuse(config, "%s.%s is empty: give it a value, or leave it out", key->section,
                          key->key);
        }
        if (strlen(value) > key->greatest) {
            return refuse(config, "%s.%s: at most %" PRIu64 " bytes are allowed", key->section,
                          key->key, key->greatest);
        }
        return 0;
    }
}

/* A copy without the quotes that a value has in a file. */
static char *unquoted(const char *value)
{
    size_t size = strlen(value);

    if (size >= 2 && value[0] == '"' && value[size - 1] == '"') {
        return strndup(value + 1, size - 2);
    }
    return strdup(value);
}

/* A list as written in a file, ["a", "b"], becomes a,b. In place. Brackets inside stay: they belong
 * to addresses such as [::1]:9081, and no item ends with one. */
static void flatten_list(char *value)
{
    char *to = value;
    const char *from;

    for (from = value; *from != '\0'; from++) {
        if (strchr("\" \t", *from) == NULL) {
            *to++ = *from;
        }
    }
    *to = '\0';
    if (value[0] == '[' && to[-1] == ']') {
        to[-1] = '\0';
        memmove(value, value + 1, (size_t)(to - value) - 1);
    }
}

static int refuse_unknown(struct dengine_config *config, const char *name)
{
    char nearest[DE_CONFIG_NAME_BYTES];
    const uint32_t id = de_config_nearest(name);

    if (id == DE_CONFIG_COUNT) {
        return refuse(config,
                      "there is no setting \"%.100s\"; dengine-server --check-config prints all",
                      name);
    }
    de_config_name(id, nearest);
    return refuse(config, "there is no setting \"%.100s\"; did you mean \"%s\"?", name, nearest);
}

int dengine_config_set(struct dengine_config *config, const char *name, const char *value)
{
    uint32_t id = de_config_find(name);
    char *copy;
    int err;

    config->message[0] = '\0';
    if (id == DE_CONFIG_COUNT) {
        return refuse_unknown(config, name);
    }
    copy = unquoted(value);
    if (copy == NULL) {
        (void)refuse(config, "out of memory");
        return DENGINE_E_NO_MEMORY;
    }
    if (keys[id].type == DE_CONFIG_LIST) {
        flatten_list(copy);
    }
    err = check_value(config, id, copy);
    if (err != 0) {
        free(copy);
        return err;
    }
    free(config->values[id]);
    config->values[id] = copy;
    return 0;
}

/* ---- reading a file ---- */

struct loading {
    struct dengine_config *config;
    const char *path;
};

static int set_from_file(void *context, const char *name, const char *value, uint32_t line)
{
    struct loading *loading = context;
    struct dengine_config *config = loading->config;
    int err = dengine_config_set(config, name, value);

    if (err != 0) {
        char reason[DE_CONFIG_MESSAGE_BYTES];

        (void)snprintf(reason, sizeof(reason), "%s", config->message);
        (void)snprintf(config->message, sizeof(config->message), "%.200s:%" PRIu32 ": %.290s",
                       loading->path, line, reason);
    }
    return err;
}

int dengine_config_load(struct dengine_config *config, const char *path)
{
    struct loading loading = {config, path};
    char message[DE_CONFIG_MESSAGE_BYTES] = "";
    int err;

    config->message[0] = '\0';
    err = de_toml_read(path, set_from_file, &loading, message, sizeof(message));
    if (err != 0 && message[0] != '\0') {
        (void)snprintf(config->message, sizeof(config->message), "%s", message);
    }
    return err;
}

/* ---- looking ---- */

const char *dengine_config_message(const struct dengine_config *config)
{
    return config->message;
}

int dengine_config_check(struct dengine_config *config)
{
    config->message[0] = '\0';
    return de_config_check(config, config->message, sizeof(config->message));
}

/* Appends the value as it stands in a file. */
static void print_value(FILE *out, uint32_t id, const char *value)
{
    const char *at = value;

    switch (keys[id].type) {
    case DE_CONFIG_NUMBER:
        (void)fputs(value, out);
        break;
    case DE_CONFIG_LIST:
        (void)fputs("[", out);
        while (*at != '\0') {
            size_t size = strcspn(at, ",");

            (void)fprintf(out, "%s\"%.*s\"", at == value ? "" : ", ", (int)size, at);
            at += size;
            at += *at == ',' ? 1 : 0;
        }
        (void)fputs("]", out);
        break;
    default:
        if (strcmp(value, "true") == 0 || strcmp(value, "false") == 0) {
            (void)fputs(value, out);
            break;
        }
        (void)fputs("\"", out);
        for (; *at != '\0'; at++) {
            (void)fprintf(out, *at == '"' || *at == '\\' ? "\\%c" : "%c", *at);
        }
        (void)fputs("\"", out);
        break;
    }
}

/* The value of id as in a file; NULL when out of memory. The caller frees it. */
static char *format_value(const struct dengine_config *config, uint32_t id)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    if (out == NULL) {
        return NULL;
    }
    print_value(out, id, de_config_text(config, (enum de_config_id)id));
    if (fclose(out) != 0) {
        free(text);
        return NULL;
    }
    return text;
}

void dengine_config_visit(const struct dengine_config *config,
                          void (*visit)(void *context, const char *section, const char *key,
                                        const char *value),
                          void *context)
{
    uint32_t id;

    for (id = 0; id < DE_CONFIG_COUNT; id++) {
        char *value = format_value(config, id);

        if (value != NULL) {
            visit(context, keys[id].section, keys[id].key, value);
        }
        free(value);
    }
}

const char *dengine_config_get(const struct dengine_config *config, const char *name)
{
    uint32_t id = de_config_find(name);

    return id == DE_CONFIG_COUNT ? NULL : de_config_text(config, (enum de_config_id)id);
}
