/* Golden interaction scripts: commands drive a few cores by hand, and the exact updates they cause
 * stand below each command in the same file, so that a script reads like a story and a change of
 * behaviour shows as a diff.
 *
 *   # text               a comment
 *   > command arguments  carried out; what follows, to the next empty line or command, is expected
 *
 * raft_script_test --rewrite DIRECTORY writes what comes out into the files; review the diff.
 * raft_script_test --list prints the commands. */
#include <dirent.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/assert.h"
#include "core/raft/test/world.h"

#ifndef DE_RAFT_TESTDATA
#define DE_RAFT_TESTDATA "core/raft/testdata"
#endif

#define MS           UINT64_C(1000000)
#define WORDS_MAX    48
#define SCRIPTS_MAX  128
#define NAME_MAX_LEN 128

struct script {
    struct de_world world;
    const char *file;
    int line;
    char *words[WORDS_MAX];
    int word_count;
};

static void complain(const struct script *script, const char *what, const char *word)
{
    fprintf(stderr, "%s:%d: %s%s%s\n", script->file, script->line, what, word[0] != '\0' ? " " : "",
            word);
    abort();
}

static uint64_t number(const struct script *script, const char *text)
{
    char *end;
    uint64_t value = strtoull(text, &end, 10);

    if (end == text || *end != '\0') {
        complain(script, "not a number:", text);
    }
    return value;
}

/* The value of a word "name=value"; NULL when there is none. */
static const char *option(const struct script *script, const char *name)
{
    size_t length = strlen(name);

    for (int i = 1; i < script->word_count; i++) {
        if (strncmp(script->words[i], name, length) == 0 && script->words[i][length] == '=') {
            return script->words[i] + length + 1;
        }
    }
    return NULL;
}

static uint64_t option_number(const struct script *script, const char *name, uint64_t otherwise)
{
    const char *text = option(script, name);

    return text != NULL ? number(script, text) : otherwise;
}

/* Argument i as a server. */
static struct de_world_server *server_at(struct script *script, int i)
{
    if (i >= script->word_count) {
        complain(script, "a server is missing", "");
    }
    struct de_world_server *server =
        de_world_find(&script->world, number(script, script->words[i]));
    if (server == NULL) {
        complain(script, "no such server:", script->words[i]);
    }
    return server;
}

static uint64_t argument(const struct script *script, int i, uint64_t otherwise)
{
    if (i >= script->word_count || strchr(script->words[i], '=') != NULL) {
        return otherwise;
    }
    return number(script, script->words[i]);
}

/* "1v,2v,3l": v voter, o voter of the old half, l learner, r read-only. */
static struct de_raft_configuration members(const struct script *script, const char *text)
{
    struct de_raft_configuration configuration;

    memset(&configuration, 0, sizeof(configuration));
    while (*text != '\0' && strcmp(text, "none") != 0) {
        char *end;
        struct de_raft_member *member = &configuration.members[configuration.count++];
        member->id = strtoull(text, &end, 10);
        if (end == text || configuration.count == DE_RAFT_MEMBERS_MAX) {
            complain(script, "not members:", text);
        }
        for (; *end != '\0' && *end != ','; end++) {
            member->flags |= *end == 'v'   ? (uint32_t)DE_RAFT_VOTER
                             : *end == 'o' ? (uint32_t)DE_RAFT_VOTER_OLD
                             : *end == 'l' ? (uint32_t)DE_RAFT_LEARNER
                             : *end == 'r' ? (uint32_t)DE_RAFT_READ_ONLY
                                           : 0;
        }
        text = *end == ',' ? end + 1 : end;
    }
    return configuration;
}

static void set_options(const struct script *script, struct de_raft_options *options)
{
    options->window_messages_max =
        (uint32_t)option_number(script, "window", options->window_messages_max);
    options->window_bytes_max = option_number(script, "window-bytes", options->window_bytes_max);
    options->append_entries_max =
        (uint32_t)option_number(script, "append", options->append_entries_max);
    options->append_bytes_max =
        (uint32_t)option_number(script, "append-bytes", options->append_bytes_max);
    options->uncommitted_bytes_max =
        option_number(script, "uncommitted", options->uncommitted_bytes_max);
    options->term_runs_max = (uint32_t)option_number(script, "runs", options->term_runs_max);
    options->hold_entries_max = option_number(script, "hold", options->hold_entries_max);
    options->election_timeout_min_ns =
        option_number(script, "timeout-min", options->election_timeout_min_ns / MS) * MS;
}

/* "1,1,4": the terms of a log that is on the disk already. */
static void set_log(const struct script *script, struct de_world_server *server)
{
    const char *text = option(script, "log");
    struct de_world_log *log = &server->disk.log;
    uint64_t term = 0;

    log->base_index = option_number(script, "base", 0);
    log->base_term = option_number(script, "base-term", 0);
    while (text != NULL && *text != '\0') {
        char *end;
        term = strtoull(text, &end, 10);
        log->entries = realloc(log->entries, (log->count + 1) * sizeof(log->entries[0]));
        DE_ASSERT(log->entries != NULL);
        log->capacity = log->count + 1;
        struct de_world_entry *entry = &log->entries[log->count++];
        memset(entry, 0, sizeof(*entry));
        entry->term = term;
        entry->type = DENGINE_ENTRY_COMMAND;
        entry->value = 1000 * (log->base_index + log->count) + term; /* the same on each server */
        text = *end == ',' ? end + 1 : end;
    }
    server->disk.hard_state.term = option_number(script, "term", term);
    server->disk.hard_state.vote = option_number(script, "vote", 0);
    server->disk.hard_state.commit = option_number(script, "commit", 0);
    server->disk.used = option_number(script, "used", 0) != 0;
}

/* cluster COUNT [options]: first boot of voters 1..COUNT. */
static void do_cluster(struct script *script)
{
    uint32_t count = (uint32_t)argument(script, 1, 3);
    struct de_raft_configuration voters = de_world_voters(count);
    const char *text = option(script, "members");

    if (text != NULL) {
        voters = members(script, text);
    }
    for (uint32_t i = 0; i < count; i++) {
        struct de_world_server *server = de_world_add(&script->world, i + 1, &voters);
        set_options(script, &server->options);
    }
    for (uint32_t i = 0; i < count; i++) {
        de_world_start(&script->world, &script->world.servers[i]);
    }
}

/* server ID [members=..] [log=..] [term=..] [vote=..] [commit=..] [used=1] [base=..]. */
static void do_server(struct script *script)
{
    const char *text = option(script, "members");
    struct de_raft_configuration configuration = members(script, text != NULL ? text : "none");
    struct de_world_server *server =
        de_world_add(&script->world, argument(script, 1, 0), &configuration);

    set_options(script, &server->options);
    set_log(script, server);
    de_world_start(&script->world, server);
}

/* time MS: passes, and nobody looks at the clock. */
static void do_time(struct script *script)
{
    script->world.now_ns += argument(script, 1, 0) * MS;
}

/* timeout ID...: the time of its deadline comes, and it is told. */
static void do_timeout(struct script *script)
{
    for (int i = 1; i < script->word_count; i++) {
        struct de_world_server *server = server_at(script, i);
        if (server->deadline_ns == UINT64_MAX) {
            complain(script, "has no deadline:", script->words[i]);
        }
        if (server->deadline_ns > script->world.now_ns) {
            script->world.now_ns = server->deadline_ns;
        }
        de_world_deadline(&script->world, server);
    }
}

static void do_propose(struct script *script)
{
    de_world_propose(&script->world, server_at(script, 1), (uint32_t)argument(script, 2, 1),
                     (uint32_t)option_number(script, "bytes", 10));
}

static bool matches(const struct script *script, const struct de_raft_message *message)
{
    const char *type = option(script, "type");

    return (argument(script, 1, 0) == 0 || message->from == argument(script, 1, 0)) &&
           (argument(script, 2, 0) == 0 || message->to == argument(script, 2, 0)) &&
           (type == NULL || strcmp(type, de_world_message_name(message)) == 0);
}

/* The messages FROM TO [type=..] [count=..] that are on their way now, oldest first (newest=1: last
 * first); 0 stands for anybody. */
static void for_messages(struct script *script, bool deliver, bool keep)
{
    struct de_world *world = &script->world;
    uint64_t left = option_number(script, "count", UINT64_MAX);
    bool newest_first = option_number(script, "newest", 0) != 0;
    size_t end = world->message_count;
    size_t done = 0;

    for (size_t i = newest_first ? end : 0; left > 0;) {
        if (newest_first ? i == 0 : i >= end) {
            break;
        }
        size_t at = newest_first ? i - 1 : i;
        if (!matches(script, &world->messages[at].message)) {
            i = newest_first ? i - 1 : i + 1;
            continue;
        }
        if (deliver) {
            de_world_deliver(world, at, keep);
        } else {
            de_world_drop(world, at);
        }
        left--;
        done++;
        if (newest_first || keep) {
            i = newest_first ? i - 1 : i + 1;
        } else {
            end--;
        }
    }
    if (done == 0) {
        fprintf(world->out, "no such message\n");
    }
}

static void do_deliver(struct script *script)
{
    for_messages(script, true, false);
}

static void do_duplicate(struct script *script)
{
    for_messages(script, true, true);
}

static void do_drop(struct script *script)
{
    for_messages(script, false, false);
}

/* disk ID [COUNT]: the oldest COUNT writes (all) become durable, and the core is told. */
static void do_disk(struct script *script)
{
    struct de_world_server *server = server_at(script, 1);
    uint64_t count = argument(script, 2, UINT64_MAX);

    while (count > 0 && de_world_disk_write(&script->world, server)) {
        count--;
    }
    de_world_disk_tell(&script->world, server, 0);
}

/* write ID [COUNT]: become durable, and nobody knows yet. tell ID TICKET: now it does. */
static void do_write(struct script *script)
{
    struct de_world_server *server = server_at(script, 1);

    for (uint64_t i = argument(script, 2, 1); i > 0; i--) {
        if (!de_world_disk_write(&script->world, server)) {
            complain(script, "nothing to write", "");
        }
    }
}

static void do_tell(struct script *script)
{
    struct de_raft_event event;

    memset(&event, 0, sizeof(event));
    event.type = DE_RAFT_EV_PERSISTED;
    event.ticket = argument(script, 2, 0);
    de_world_step(&script->world, server_at(script, 1), &event);
}

static bool is_cut_off(const struct script *script, uint64_t id)
{
    for (int i = 1; i < script->word_count; i++) {
        const char *word = script->words[i];
        if (strncmp(word, "without=", 8) == 0 && number(script, word + 8) == id) {
            return true;
        }
    }
    return false;
}

/* run [without=ID]...: all messages and writes, in order, until nothing is left; silently. Messages
 * from and to a server that is left out are lost. */
static void do_run(struct script *script)
{
    struct de_world *world = &script->world;
    FILE *out = world->out;
    bool any = true;

    world->out = NULL;
    while (any) {
        any = false;
        while (world->message_count > 0) {
            const struct de_raft_message *message = &world->messages[0].message;
            if (is_cut_off(script, message->from) || is_cut_off(script, message->to)) {
                de_world_drop(world, 0);
            } else {
                de_world_deliver(world, 0, false);
            }
            any = true;
        }
        for (uint32_t i = 0; i < world->server_count; i++) {
            struct de_world_server *server = &world->servers[i];
            while (server->up && de_world_disk_write(world, server)) {
                any = true;
            }
            if (server->up) {
                de_world_disk_tell(world, server, 0);
            }
        }
    }
    world->out = out;
}

/* pass MS [without=ID]...: time passes, timers go off, everything else as in `run`; silently. */
static void do_pass(struct script *script)
{
    struct de_world *world = &script->world;
    uint64_t end_ns = world->now_ns + argument(script, 1, 0) * MS;
    FILE *out = world->out;

    while (world->now_ns < end_ns) {
        do_run(script);
        uint64_t next_ns = end_ns;
        for (uint32_t i = 0; i < world->server_count; i++) {
            const struct de_world_server *server = &world->servers[i];
            if (server->up && server->deadline_ns < next_ns) {
                next_ns = server->deadline_ns;
            }
        }
        if (next_ns > world->now_ns) {
            world->now_ns = next_ns;
        }
        world->out = NULL;
        for (uint32_t i = 0; i < world->server_count; i++) {
            struct de_world_server *server = &world->servers[i];
            if (server->up && server->deadline_ns <= world->now_ns) {
                de_world_deadline(world, server);
            }
        }
        world->out = out;
    }
    do_run(script);
}

static void do_crash(struct script *script)
{
    de_world_crash(&script->world, server_at(script, 1), (size_t)argument(script, 2, 0));
}

/* start ID [hint=0] [forget=COUNT]: the commit hint on its disk is this; it comes up recovering,
 * and has forgotten so many entries (0: none). */
static void do_start(struct script *script)
{
    struct de_world_server *server = server_at(script, 1);

    server->disk.hard_state.commit = option_number(script, "hint", server->disk.hard_state.commit);
    if (option(script, "forget") != NULL) {
        de_world_forget(&script->world, server, option_number(script, "forget", 0));
    }
    de_world_start(&script->world, server);
}

static void do_change(struct script *script)
{
    struct de_raft_configuration target =
        members(script, script->word_count > 2 ? script->words[2] : "none");

    de_world_change(&script->world, server_at(script, 1), &target);
}

static void do_transfer(struct script *script)
{
    de_world_transfer(&script->world, server_at(script, 1), argument(script, 2, 0));
}

static void do_read(struct script *script)
{
    de_world_read(&script->world, server_at(script, 1));
}

static void do_unreachable(struct script *script)
{
    de_world_unreachable(&script->world, server_at(script, 1), argument(script, 2, 0));
}

static void do_snapshot(struct script *script)
{
    de_world_snapshot(&script->world, server_at(script, 1));
}

/* stream ID TO [ok=0]. */
static void do_stream(struct script *script)
{
    de_world_stream(&script->world, server_at(script, 1), argument(script, 2, 0),
                    option_number(script, "ok", 1) != 0);
}

/* staged ID index=.. term=.. members=..: a snapshot from somewhere is durable there. */
static void do_staged(struct script *script)
{
    const char *text = option(script, "members");
    struct de_raft_configuration configuration = members(script, text != NULL ? text : "none");
    struct de_raft_event event;

    memset(&event, 0, sizeof(event));
    event.type = DE_RAFT_EV_SNAPSHOT_STAGED;
    event.index = option_number(script, "index", 0);
    event.term = option_number(script, "term", 0);
    event.configuration = &configuration;
    de_world_step(&script->world, server_at(script, 1), &event);
}

/* message FROM TO kind=.. term=.. ...: made by hand. */
static void do_message(struct script *script)
{
    static const char *const kinds[] = {"",
                                        "vote-request",
                                        "vote-reply",
                                        "append",
                                        "append-reply",
                                        "timeout-now",
                                        "read-request",
                                        "read-reply",
                                        "snapshot"};
    struct de_raft_message message;
    struct de_raft_entry metas[16];
    uint64_t values[16];
    struct de_raft_event event;
    struct de_raft_configuration configuration;
    const char *kind = option(script, "kind");
    const char *entries = option(script, "entries");

    memset(&message, 0, sizeof(message));
    memset(metas, 0, sizeof(metas));
    for (uint32_t i = 1; i < DE_ARRAY_SIZE(kinds); i++) {
        message.type = kind != NULL && strcmp(kind, kinds[i]) == 0 ? i : message.type;
    }
    message.cluster_id = option_number(script, "cluster", 77);
    message.from = argument(script, 1, 0);
    message.to = option_number(script, "addressee", argument(script, 2, 0));
    message.term = option_number(script, "term", 1);
    message.pre_vote = option_number(script, "pre", 0) != 0;
    message.granted = option_number(script, "granted", 0) != 0;
    message.rejected = option_number(script, "rejected", 0) != 0;
    message.transfer = option_number(script, "transfer", 0) != 0;
    message.recovering = option_number(script, "recovering", 0) != 0;
    message.has_config = option_number(script, "has-config", 0) != 0;
    message.prev_index = option_number(script, "prev", 0);
    message.prev_term = option_number(script, "prev-term", 0);
    message.last_index = message.prev_index;
    message.last_term = message.prev_term;
    message.commit = option_number(script, "commit", 0);
    message.round = option_number(script, "round", 0);
    message.match = option_number(script, "match", 0);
    message.hint_index = option_number(script, "hint", 0);
    message.hint_term = option_number(script, "hint-term", 0);
    message.config_index = option_number(script, "config", 0);
    message.config_term = option_number(script, "config-term", 0);
    while (entries != NULL && *entries != '\0' && message.entry_count < DE_ARRAY_SIZE(metas)) {
        char *end;
        uint32_t i = message.entry_count++;
        metas[i].term = strtoull(entries, &end, 10);
        metas[i].type = DENGINE_ENTRY_COMMAND;
        metas[i].bytes = 10;
        message.last_index++;
        message.last_term = metas[i].term;
        values[i] = 1000 * message.last_index + metas[i].term;
        entries = *end == ',' ? end + 1 : end;
    }
    message.last_index = option_number(script, "last", message.last_index);
    message.last_term = option_number(script, "last-term", message.last_term);
    message.entries = metas;
    if (option(script, "members") != NULL) {
        configuration = members(script, option(script, "members"));
        message.configuration = &configuration;
    }
    memset(&event, 0, sizeof(event));
    event.type = DE_RAFT_EV_MESSAGE;
    event.message = &message;
    script->world.delivering_values = values;
    de_world_step(&script->world, server_at(script, 2), &event);
}

static void do_state(struct script *script)
{
    de_world_print_state(&script->world);
}

static void do_log(struct script *script)
{
    for (uint32_t i = 0; i < script->world.server_count; i++) {
        if (script->word_count == 1 || server_at(script, 1) == &script->world.servers[i]) {
            de_world_print_log(&script->world, &script->world.servers[i]);
        }
    }
}

static void do_messages(struct script *script)
{
    de_world_print_messages(&script->world);
}

/* A script that shows a contradiction with the committed prefix says so. */
static void do_expect_halt(struct script *script)
{
    script->world.halt_is_expected = true;
}

static void do_lazy(struct script *script)
{
    script->world.lazy = true;
}

static const struct {
    const char *name;
    void (*run)(struct script *script);
} commands[] = {
    {"cluster", do_cluster},
    {"server", do_server},
    {"time", do_time},
    {"timeout", do_timeout},
    {"propose", do_propose},
    {"deliver", do_deliver},
    {"duplicate", do_duplicate},
    {"drop", do_drop},
    {"disk", do_disk},
    {"write", do_write},
    {"tell", do_tell},
    {"run", do_run},
    {"pass", do_pass},
    {"crash", do_crash},
    {"start", do_start},
    {"change", do_change},
    {"transfer", do_transfer},
    {"read", do_read},
    {"unreachable", do_unreachable},
    {"snapshot", do_snapshot},
    {"stream", do_stream},
    {"staged", do_staged},
    {"message", do_message},
    {"state", do_state},
    {"log", do_log},
    {"messages", do_messages},
    {"expect-halt", do_expect_halt},
    {"lazy", do_lazy},
};

static void run_command(struct script *script, char *line)
{
    char *rest = line;

    script->word_count = 0;
    for (char *word = strtok_r(line, " \n", &rest); word != NULL;
         word = strtok_r(NULL, " \n", &rest)) {
        DE_ASSERT(script->word_count < WORDS_MAX);
        script->words[script->word_count++] = word;
    }
    for (size_t i = 0; i < DE_ARRAY_SIZE(commands); i++) {
        if (script->word_count > 0 && strcmp(commands[i].name, script->words[0]) == 0) {
            commands[i].run(script);
            return;
        }
    }
    complain(script, "unknown command:", script->word_count > 0 ? script->words[0] : "");
}

/* Runs the script in `in`, with the outputs as they come out now, into `out`. */
static void play(FILE *in, FILE *out, const char *file)
{
    static struct script script;
    char line[1024];
    bool skipping = false;

    memset(&script, 0, sizeof(script));
    script.file = file;
    de_world_init(&script.world);
    script.world.out = out;
    script.world.context = file;
    while (fgets(line, sizeof(line), in) != NULL) {
        script.line++;
        script.world.context_number = (uint64_t)script.line;
        if (line[0] == '>') {
            fputs(line, out);
            run_command(&script, line + 1);
            skipping = true;
        } else if (line[0] == '#' || line[0] == '\n') {
            fputs(line, out);
            skipping = false;
        } else if (!skipping) {
            complain(&script, "neither a comment nor a command:", line);
        }
    }
    de_world_deinit(&script.world);
}

static char *slurp(FILE *file, size_t *size)
{
    char *text = NULL;

    *size = 0;
    for (;;) {
        text = realloc(text, *size + 4096);
        DE_ASSERT(text != NULL);
        size_t got = fread(text + *size, 1, 4096, file);
        *size += got;
        if (got == 0) {
            return text;
        }
    }
}

static void report_difference(const char *name, const char *expected, const char *found)
{
    int line = 1;

    while (*expected != '\0' && *expected == *found) {
        line += *expected == '\n';
        expected++;
        found++;
    }
    while (line > 1 && expected[-1] != '\n') {
        expected--;
        found--;
    }
    fail_msg("%s:%d:\n  expected: %.*s\n  found:    %.*s", name, line, (int)strcspn(expected, "\n"),
             expected, (int)strcspn(found, "\n"), found);
}

static void check_script(const char *directory, const char *name, bool rewrite)
{
    char path[1024];
    char *output = NULL;
    size_t output_size;
    size_t size;

    snprintf(path, sizeof(path), "%s/%s", directory, name);
    FILE *in = fopen(path, "r");
    assert_non_null(in);
    FILE *out = open_memstream(&output, &output_size);
    assert_non_null(out);
    play(in, out, name);
    fclose(out);
    rewind(in);
    char *expected = slurp(in, &size);
    fclose(in);
    expected = realloc(expected, size + 1);
    assert_non_null(expected);
    expected[size] = '\0';
    if (rewrite) {
        FILE *file = fopen(path, "w");
        assert_non_null(file);
        fwrite(output, 1, output_size, file);
        fclose(file);
    } else if (size != output_size || memcmp(expected, output, size) != 0) {
        report_difference(name, expected, output);
    }
    free(expected);
    free(output);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(a, b);
}

static char names[SCRIPTS_MAX][NAME_MAX_LEN];

static size_t find_scripts(const char *directory)
{
    DIR *dir = opendir(directory);
    size_t count = 0;

    if (dir == NULL) {
        fprintf(stderr, "no such directory: %s\n", directory);
        exit(1);
    }
    for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        size_t length = strlen(entry->d_name);
        if (length > 4 && strcmp(entry->d_name + length - 4, ".txt") == 0) {
            DE_ASSERT(count < SCRIPTS_MAX && length < NAME_MAX_LEN);
            memcpy(names[count++], entry->d_name, length + 1);
        }
    }
    closedir(dir);
    qsort(names, count, sizeof(names[0]), by_name);
    return count;
}

static void test_script(void **state)
{
    check_script(DE_RAFT_TESTDATA, *state, false);
}

int main(int argc, char **argv)
{
    static struct CMUnitTest tests[SCRIPTS_MAX];

    if (argc == 2 && strcmp(argv[1], "--list") == 0) {
        for (size_t i = 0; i < DE_ARRAY_SIZE(commands); i++) {
            puts(commands[i].name);
        }
        return 0;
    }
    if (argc == 3 && strcmp(argv[1], "--rewrite") == 0) {
        size_t rewritten = find_scripts(argv[2]);
        for (size_t i = 0; i < rewritten; i++) {
            check_script(argv[2], names[i], true);
        }
        printf("%zu scripts rewritten\n", rewritten);
        return 0;
    }
    size_t count = find_scripts(DE_RAFT_TESTDATA);
    for (size_t i = 0; i < count; i++) {
        tests[i].name = names[i];
        tests[i].test_func = test_script;
        tests[i].initial_state = names[i];
    }
    return _cmocka_run_group_tests("golden scripts", tests, count, NULL, NULL);
}
