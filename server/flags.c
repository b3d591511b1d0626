#include "server/flags.h"

#include <stdarg.h>
#include <string.h>

#include "client/nearest.h"
#include "core/base/assert.h"

enum flag_kind {
    FLAG_SETTING, /* takes a value, for the setting `key` */
    FLAG_SET,
    FLAG_CONFIG,
    FLAG_LOG_FORMAT,
    FLAG_CHECK_CONFIG, /* from here on without a value */
    FLAG_HELP,
    FLAG_VERSION,
};

struct flag {
    const char *name;
    enum flag_kind kind;
    const char *key;
    const char *value_name;
    const char *help;
};

static const struct flag table[] = {
    {"--config", FLAG_CONFIG, NULL, "FILE", "read this TOML file (default: $CONFIG_PATH)"},
    {"--set", FLAG_SET, NULL, "SECTION.KEY=VALUE", "make any setting of the file"},
    {"--node-id", FLAG_SETTING, "cluster.node_id", "N",
     "this node's id in the cluster (default: 1, if it is alone)"},
    {"--data-dir", FLAG_SETTING, "cluster.db_root_dir", "DIR", "where the data is kept; required"},
    {"--listen", FLAG_SETTING, "cluster.listen_address", "HOST:PORT",
     "serve clients and peers here; required; port 0: any free one"},
    {"--advertise", FLAG_SETTING, "cluster.advertise_address", "HOST:PORT",
     "what clients dial, and peers whom --initial-cluster does not tell"},
    {"--initial-cluster", FLAG_SETTING, "cluster.initial_cluster", "ID=HOST:PORT,...",
     "all members, this one too (default: a cluster of one)"},
    {"--join", FLAG_SETTING, "cluster.join", "HOST:PORT,...",
     "join the cluster of these servers, as a learner"},
    {"--cluster-name", FLAG_SETTING, "cluster.name", "NAME", "the same on all members"},
    {"--election-timeout-min", FLAG_SETTING, "raft.election.election_timeout_min", "MS",
     "wait at least this long for a leader"},
    {"--election-timeout-max", FLAG_SETTING, "raft.election.election_timeout_max", "MS",
     "and at most this long"},
    {"--heartbeat", FLAG_SETTING, "raft.replication.rpc_append_entries_clock_in_ms", "MS",
     "pause between a leader's heartbeats"},
    {"--persistence", FLAG_SETTING, "raft.persistence.strategy", "STRATEGY",
     "DiskFirst or MemFirst: a majority has it on disk, or in memory"},
    {"--log-format", FLAG_LOG_FORMAT, NULL, "text|json", "of the lines on standard error"},
    {"--check-config", FLAG_CHECK_CONFIG, NULL, NULL,
     "check the configuration, print all of it, and exit"},
    {"--help", FLAG_HELP, NULL, NULL, "this text; also -h"},
    {"--version", FLAG_VERSION, NULL, NULL, "the version"},
};

#define FLAG_COUNT DE_ARRAY_SIZE(table)

__attribute__((format(printf, 2, 3))) static int refuse(struct de_flags *flags, const char *format,
                                                        ...)
{
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(flags->message, sizeof flags->message, format, arguments);
    va_end(arguments);
    return DENGINE_E_CONFIG;
}

void de_flags_explain(const char *reason, char *text, size_t size)
{
    const size_t key_size = strcspn(reason, " :");
    size_t i;

    DE_ASSERT(size > 0);
    for (i = 0; i < FLAG_COUNT; i++) {
        if (table[i].key != NULL && strlen(table[i].key) == key_size &&
            memcmp(table[i].key, reason, key_size) == 0) {
            (void)snprintf(text, size, "%s (%s)", reason, table[i].name);
            return;
        }
    }
    (void)snprintf(text, size, "%s", reason);
}

/* The flag called name, of size bytes. */
static const struct flag *find(const char *name, size_t size)
{
    size_t i;

    for (i = 0; i < FLAG_COUNT; i++) {
        if (strlen(table[i].name) == size && memcmp(table[i].name, name, size) == 0) {
            return &table[i];
        }
    }
    return NULL;
}

static int refuse_unknown(struct de_flags *flags, const char *argument, size_t size)
{
    const char *names[FLAG_COUNT];
    const char *nearest;
    char name[64];
    size_t i;

    if (argument[0] != '-') {
        return refuse(flags, "\"%.80s\" is not a flag; everything is given by flags", argument);
    }
    for (i = 0; i < FLAG_COUNT; i++) {
        names[i] = table[i].name;
    }
    (void)snprintf(name, sizeof name, "%.*s", size < 63 ? (int)size : 63, argument);
    nearest = de_nearest(name, names, FLAG_COUNT);
    return nearest == NULL ? refuse(flags, "there is no flag %s", name)
                           : refuse(flags, "there is no flag %s; did you mean %s?", name, nearest);
}

static int add_setting(struct de_flags *flags, const char *flag, const char *key, size_t key_size,
                       const char *value)
{
    struct de_flag_setting *setting = &flags->settings[flags->setting_count];

    if (flags->setting_count == DE_FLAG_SETTINGS_MAX) {
        return refuse(flags, "more than %d settings", DE_FLAG_SETTINGS_MAX);
    }
    if (key_size >= sizeof setting->key) {
        return refuse(flags, "%s: there is no setting with so long a name", flag);
    }
    setting->flag = flag;
    setting->value = value;
    memcpy(setting->key, key, key_size);
    setting->key[key_size] = '\0';
    flags->setting_count++;
    return 0;
}

static int apply_set(struct de_flags *flags, const char *value)
{
    const char *equals = strchr(value, '=');

    if (equals == NULL || equals == value) {
        return refuse(flags, "--set %.80s: the form is --set section.key=value", value);
    }
    return add_setting(flags, "--set", value, (size_t)(equals - value), equals + 1);
}

static int apply_log_format(struct de_flags *flags, const char *value)
{
    if (strcmp(value, "json") == 0) {
        flags->log_format = DE_LOG_JSON;
    } else if (strcmp(value, "text") == 0) {
        flags->log_format = DE_LOG_TEXT;
    } else {
        return refuse(flags, "--log-format %.40s: must be text or json", value);
    }
    return 0;
}

static int apply(struct de_flags *flags, const struct flag *flag, const char *value)
{
    switch (flag->kind) {
    case FLAG_SETTING:
        return add_setting(flags, flag->name, flag->key, strlen(flag->key), value);
    case FLAG_SET:
        return apply_set(flags, value);
    case FLAG_CONFIG:
        flags->config_path = value;
        return 0;
    case FLAG_LOG_FORMAT:
        return apply_log_format(flags, value);
    case FLAG_CHECK_CONFIG:
        flags->action = DE_ACTION_CHECK_CONFIG;
        return 0;
    case FLAG_HELP:
        flags->action = DE_ACTION_HELP;
        return 0;
    case FLAG_VERSION:
        flags->action = DE_ACTION_VERSION;
        return 0;
    }
    return 0;
}

/* One flag, at argv[*at], with its value: after "=" or in the next argument. */
static int parse_one(struct de_flags *flags, int argc, char *const *argv, int *at)
{
    const char *argument = strcmp(argv[*at], "-h") == 0 ? "--help" : argv[*at];
    const size_t size = strcspn(argument, "=");
    const struct flag *flag = find(argument, size);
    const char *value = argument[size] == '=' ? argument + size + 1 : NULL;

    if (flag == NULL) {
        return refuse_unknown(flags, argument, size);
    }
    if (flag->kind >= FLAG_CHECK_CONFIG && value != NULL) {
        return refuse(flags, "%s takes no value", flag->name);
    }
    if (flag->kind < FLAG_CHECK_CONFIG && value == NULL) {
        if (*at + 1 == argc) {
            return refuse(flags, "%s needs a value: %s", flag->name, flag->value_name);
        }
        (*at)++;
        value = argv[*at];
    }
    return apply(flags, flag, value);
}

int de_flags_parse(struct de_flags *flags, int argc, char *const *argv)
{
    int at;
    int err = 0;

    memset(flags, 0, sizeof *flags);
    flags->action = DE_ACTION_RUN;
    flags->log_format = DE_LOG_TEXT;
    for (at = 1; at < argc && err == 0; at++) {
        err = parse_one(flags, argc, argv, &at);
        /* Whoever asks for help gets it, whatever follows. */
        if (flags->action == DE_ACTION_HELP || flags->action == DE_ACTION_VERSION) {
            break;
        }
    }
    return err;
}

void de_flags_help(FILE *file)
{
    size_t i;

    (void)fputs("usage: dengine-server --data-dir DIR --listen HOST:PORT [FLAG...]\n\n"
                "Runs one node of a cluster, until it is sent SIGTERM or SIGINT.\n\n",
                file);
    for (i = 0; i < FLAG_COUNT; i++) {
        char left[64];

        (void)snprintf(left, sizeof left, "%s %s", table[i].name,
                       table[i].value_name != NULL ? table[i].value_name : "");
        (void)fprintf(file, "  %-36s %s\n", left, table[i].help);
    }
    (void)fputs(
        "\nFlags go before environment variables (RAFT__ELECTION__ELECTION_TIMEOUT_MIN and "
        "so on), which go\nbefore the file, which goes before the built-in values.\n\n"
        "Exit status: 0 stopped by a signal; 1 the node failed; 2 usage or configuration;\n"
        "3 what it needs cannot be had: address or directory in use, not permitted, not "
        "ours;\n4 no space to start; 5 stored data is damaged; 6 it is of another version; 7 "
        "the disk failed;\n8 the node was removed from the cluster.\n",
        file);
}
