/* Settings from the environment, in d-engine's form: RAFT__ELECTION__ELECTION_TIMEOUT_MIN is
 * raft.election.election_timeout_min, and RAFT__CLUSTER__NODE_ID is cluster.node_id. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "engine/config.h"

#define PREFIX "RAFT__"

/* "RAFT__ELECTION__X" for "raft.election.x". */
static void variable_name(uint32_t id, char *name, size_t size)
{
    char key[DE_CONFIG_NAME_BYTES];
    const char *from = key;
    size_t used;

    de_config_name(id, key);
    if (strncmp(key, "raft.", 5) == 0) {
        from += 5;
    }
    used = (size_t)snprintf(name, size, PREFIX);
    for (; *from != '\0' && used + 2 < size; from++) {
        if (*from == '.') {
            name[used++] = '_';
            name[used++] = '_';
        } else {
            name[used++] = (char)toupper((unsigned char)*from);
        }
    }
    name[used] = '\0';
}

/* What a name of the environment would be called in a file, as far as one can tell. */
static void guess_name(const char *variable, size_t size, char *name)
{
    size_t used = 0;
    size_t i;

    for (i = strlen(PREFIX); i < size && used + 1 < DE_CONFIG_NAME_BYTES; i++) {
        if (variable[i] == '_' && i + 1 < size && variable[i + 1] == '_') {
            name[used++] = '.';
            i++;
        } else {
            name[used++] = (char)tolower((unsigned char)variable[i]);
        }
    }
    name[used] = '\0';
}

static uint32_t find_variable(const char *variable, size_t size)
{
    char name[2 * DE_CONFIG_NAME_BYTES];
    uint32_t id;

    for (id = 0; id < DE_CONFIG_COUNT; id++) {
        variable_name(id, name, sizeof(name));
        if (strlen(name) == size && memcmp(name, variable, size) == 0) {
            break;
        }
    }
    return id;
}

static int refuse_variable(struct dengine_config *config, const char *variable, size_t size)
{
    const int shown = (int)(size < 100 ? size : 100);
    char name[DE_CONFIG_NAME_BYTES];
    char nearest[2 * DE_CONFIG_NAME_BYTES];
    uint32_t id;

    guess_name(variable, size, name);
    id = de_config_nearest(name);
    if (id == DE_CONFIG_COUNT) {
        (void)snprintf(config->message, sizeof(config->message),
                       "environment variable %.*s is no setting, and " PREFIX
                       " stands before settings; dengine-server --check-config prints all",
                       shown, variable);
        return DENGINE_E_CONFIG;
    }
    variable_name(id, nearest, sizeof(nearest));
    (void)snprintf(config->message, sizeof(config->message),
                   "environment variable %.*s is no setting; did you mean %s?", shown, variable,
                   nearest);
    return DENGINE_E_CONFIG;
}

static int take_variable(struct dengine_config *config, const char *variable)
{
    size_t size = strcspn(variable, "=");
    uint32_t id = find_variable(variable, size);
    char name[DE_CONFIG_NAME_BYTES];
    char reason[DE_CONFIG_MESSAGE_BYTES];
    int err;

    if (id == DE_CONFIG_COUNT) {
        return refuse_variable(config, variable, size);
    }
    de_config_name(id, name);
    err = dengine_config_set(config, name, variable + size + 1);
    if (err != 0) {
        (void)snprintf(reason, sizeof(reason), "%s", config->message);
        (void)snprintf(config->message, sizeof(config->message),
                       "environment variable %.*s: %.350s", (int)size, variable, reason);
    }
    return err;
}

extern char **environ;

int dengine_config_load_environment(struct dengine_config *config)
{
    char **variable;
    int err = 0;

    config->message[0] = '\0';
    for (variable = environ; *variable != NULL && err == 0; variable++) {
        if (strncmp(*variable, PREFIX, strlen(PREFIX)) == 0 && strchr(*variable, '=') != NULL) {
            err = take_variable(config, *variable);
        }
    }
    return err;
}
