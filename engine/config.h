/* engine/config.h - the configuration object, for the engine itself.
 *
 * Values are kept as text, as they were written, checked one by one when they are set; de_config_*
 * give them typed. Threads: one at a time; many may read. */
#ifndef DE_ENGINE_CONFIG_H
#define DE_ENGINE_CONFIG_H

#include <dengine/dengine.h>

#include "engine/config_keys.h"

#ifdef __cplusplus
extern "C" {
#endif

enum de_config_id {
#define DE_CONFIG_ENUM(id, section, key, type, unit, least, greatest, value, help) DE_CONFIG_##id,
    DE_CONFIG_KEYS(DE_CONFIG_ENUM)
#undef DE_CONFIG_ENUM
        DE_CONFIG_COUNT
};

enum de_config_type {
    DE_CONFIG_NUMBER = 1,
    DE_CONFIG_TEXT,
    DE_CONFIG_CHOICE,
    DE_CONFIG_LIST, /* items separated by commas */
};

struct de_config_key {
    const char *section;
    const char *key;
    uint32_t type;    /* enum de_config_type */
    const char *unit; /* CHOICE: the allowed values, separated by bars */
    uint64_t least;   /* NUMBER; TEXT and LIST: of bytes */
    uint64_t greatest;
    const char *initial;
    const char *help;
};

/* The table, in the order of the ids. */
const struct de_config_key *de_config_keys(void);

/* Room for any message about a configuration, and for any key's name with its section. */
#define DE_CONFIG_MESSAGE_BYTES 512
#define DE_CONFIG_NAME_BYTES    128

/* "section.key" into name of DE_CONFIG_NAME_BYTES. */
void de_config_name(uint32_t id, char *name);

/* The id of "section.key"; DE_CONFIG_COUNT when there is none. */
uint32_t de_config_find(const char *name);

/* The key whose name is nearest to name; DE_CONFIG_COUNT when none is near enough to be meant. */
uint32_t de_config_nearest(const char *name);

struct dengine_config {
    char *values[DE_CONFIG_COUNT]; /* NULL: the initial value */
    char message[DE_CONFIG_MESSAGE_BYTES];
};

/* As set; NULL values are the initial ones. Lives until the value is set again. */
const char *de_config_text(const struct dengine_config *config, enum de_config_id id);
uint64_t de_config_number(const struct dengine_config *config, enum de_config_id id);
bool de_config_is_set(const struct dengine_config *config, enum de_config_id id);

/* As dengine_config_check, with the message given back. */
int de_config_check(const struct dengine_config *config, char *message, size_t message_size);

#ifdef __cplusplus
}
#endif

#endif
