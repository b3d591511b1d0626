/* dengine-check: is a recorded history linearizable? The work is done in runtime/sim/check; here
 * are the command line, the file, and the answer's exit status. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <dengine/error.h>

#include "core/base/assert.h"
#include "runtime/sim/check/check.h"
#include "runtime/sim/check/edn_reader.h"
#include "runtime/sim/check/explain.h"
#include "runtime/sim/check/history.h"
#include "runtime/sim/check/history_json.h"
#include "runtime/sim/check/history_reader.h"

#define PROGRAM "dengine-check"

/* The statuses of dengine-sim too: 1 is the caller's fault, 129 the system's, 130 nobody knows. */
enum { STATUS_LINEARIZABLE = 0, STATUS_USAGE = 1, STATUS_VIOLATION = 129, STATUS_UNKNOWN = 130 };

static const char usage[] =
    "usage: " PROGRAM " --model MODEL [--format jsonl|edn] [--budget STEPS] [--json] FILE\n"
    "\n"
    "Decides whether the history in FILE (- for standard input) is linearizable. Formats:\n"
    "\n"
    "  jsonl   JSON Lines, one event each:\n"
    "\n"
    "  "
    "{\"process\":3,\"type\":\"invoke\",\"f\":\"cas\",\"key\":\"a\",\"value\":[1,2],\"time\":"
    "41203118000}\n"
    "\n"
    "  edn     Jepsen's maps, one after the other or in a vector; a [key value] pair has a key:\n"
    "\n"
    "  {:process 3, :type :invoke, :f :cas, :value [\"a\" [1 2]], :time 41203118000}\n"
    "\n"
    "  type   invoke, ok, fail (did not happen; cas: the comparison was false), info (unknown)\n"
    "  f      what the model knows (below)\n"
    "  value  what was written, [old,new], or what was seen; null is absent\n"
    "  key    may be missing (one object)\n"
    "\n"
    "Models:\n"
    "\n"
    "  cas-register   read, write, cas, delete; absent at first\n"
    "  kv             get, put, append, delete, of strings; absent is \"\"\n"
    "  lock           acquire, release, by a holder: value, or else the process\n"
    "  all            expire: what value says vanishes if it is there (the end of a lease)\n"
    "\n"
    "  --model MODEL    what the keys are: %s\n"
    "  --format FORMAT  jsonl or edn; default: edn if FILE ends in .edn, else jsonl\n"
    "  --budget STEPS   give up on a key after so many steps (default %" PRIu64 ")\n"
    "  --json           print the result as one JSON object\n"
    "  --help, -h       print this\n"
    "  --version        print the version\n"
    "\n"
    "Prints linearizable, not linearizable (with the reason) or unknown (the budget was too "
    "small).\n"
    "Exit status: 0 linearizable, 129 not linearizable, 130 unknown, 1 usage or bad input.\n";

struct arguments {
    struct de_check_options options;
    const char *path;
    bool json;
    enum { FORMAT_BY_NAME, FORMAT_JSONL, FORMAT_EDN } format; /* of the file */
    bool done; /* --help or --version: answered already */
};

void de_assert_failed(const char *expression, const char *file, int line)
{
    fprintf(stderr, PROGRAM ": assert failed: %s at %s:%d\n", expression, file, line);
    abort();
}

static int usage_error(const char *problem, const char *word)
{
    fprintf(stderr, PROGRAM ": %s%s%s; see " PROGRAM " --help\n", problem, word == NULL ? "" : ": ",
            word == NULL ? "" : word);
    return STATUS_USAGE;
}

static int parse_model(const char *text, struct arguments *arguments)
{
    arguments->options.model = de_model_find(text);
    if (arguments->options.model == NULL) {
        fprintf(stderr, PROGRAM ": unknown model: %s; expected one of: %s\n", text,
                de_model_names());
        return STATUS_USAGE;
    }
    return 0;
}

static int parse_format(const char *text, struct arguments *arguments)
{
    if (strcmp(text, "jsonl") != 0 && strcmp(text, "edn") != 0) {
        return usage_error("--format expects jsonl or edn, not", text);
    }
    arguments->format = text[0] == 'e' ? FORMAT_EDN : FORMAT_JSONL;
    return 0;
}

static int parse_budget(const char *text, struct arguments *arguments)
{
    char *end;
    errno = 0;
    unsigned long long steps = strtoull(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0 || steps == 0) {
        return usage_error("--budget expects a number of steps, 1 or more, not", text);
    }
    arguments->options.steps_max = steps;
    return 0;
}

/* An option that takes a value, given as "--name VALUE" or "--name=VALUE": the value, or NULL if
 * argv[*i] is another word. *missing says that the value is not there. */
static const char *value_of(const char *name, int argc, char **argv, int *i, bool *missing)
{
    size_t length = strlen(name);
    const char *word = argv[*i];
    *missing = false;
    if (strncmp(word, name, length) != 0) {
        return NULL;
    }
    if (word[length] == '=') {
        return word + length + 1;
    }
    if (word[length] != '\0') {
        return NULL;
    }
    *missing = *i + 1 >= argc;
    return *missing ? NULL : argv[++*i];
}

/* An option with a value: true, and *status is what became of it. */
static bool parse_valued(int argc, char **argv, int *i, struct arguments *arguments, int *status)
{
    static const struct {
        const char *name;
        int (*parse)(const char *text, struct arguments *arguments);
    } options[] = {
        {"--model", parse_model}, {"--format", parse_format}, {"--budget", parse_budget}};
    const char *word = argv[*i];
    for (size_t k = 0; k < DE_ARRAY_SIZE(options); k++) {
        bool missing;
        const char *value = value_of(options[k].name, argc, argv, i, &missing);
        if (value != NULL || missing) {
            *status = missing ? usage_error("a value must follow", word)
                              : options[k].parse(value, arguments);
            return true;
        }
    }
    return false;
}

static int parse_word(int argc, char **argv, int *i, struct arguments *arguments)
{
    const char *word = argv[*i];
    int status;
    if (parse_valued(argc, argv, i, arguments, &status)) {
        return status;
    }
    if (strcmp(word, "--json") == 0) {
        arguments->json = true;
        return 0;
    }
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
        printf(usage, de_model_names(), DE_CHECK_STEPS_DEFAULT);
        arguments->done = true;
        return 0;
    }
    if (strcmp(word, "--version") == 0) {
        printf(PROGRAM " " DENGINE_CHECK_VERSION "\n");
        arguments->done = true;
        return 0;
    }
    if (word[0] == '-' && word[1] != '\0') {
        return usage_error("unknown option", word);
    }
    if (arguments->path != NULL) {
        return usage_error("more than one file", word);
    }
    arguments->path = word;
    return 0;
}

static int parse_arguments(int argc, char **argv, struct arguments *arguments)
{
    memset(arguments, 0, sizeof(*arguments));
    arguments->options.steps_max = DE_CHECK_STEPS_DEFAULT;
    for (int i = 1; i < argc; i++) {
        int status = parse_word(argc, argv, &i, arguments);
        if (status != 0 || arguments->done) {
            return status;
        }
    }
    if (arguments->options.model == NULL) {
        return usage_error("no --model given", NULL);
    }
    if (arguments->path == NULL) {
        return usage_error("no FILE given", NULL);
    }
    return 0;
}

/* Says what went wrong with the input; bad lines as FILE:LINE: reason. */
static int input_error(const char *name, int err, const struct de_history_error *error)
{
    if (err == DENGINE_E_INVALID && error->line > 0) {
        fprintf(stderr, "%s:%" PRIu64 ": %s\n", name, error->line, error->text);
    } else {
        fprintf(stderr, PROGRAM ": %s: %s\n", name, dengine_strerror(err));
    }
    return STATUS_USAGE;
}

/* Either reader. */
struct reader {
    bool is_edn;
    struct de_history_reader lines;
    struct de_edn_reader edn;
};

static int feed(struct reader *reader, const char *data, size_t size,
                struct de_history_error *error)
{
    return reader->is_edn ? de_edn_reader_feed(&reader->edn, data, size, error)
                          : de_history_reader_feed(&reader->lines, data, size, error);
}

static int finish(struct reader *reader, struct de_history_error *error)
{
    return reader->is_edn ? de_edn_reader_finish(&reader->edn, error)
                          : de_history_reader_finish(&reader->lines, error);
}

static int read_stream(FILE *file, const char *name, bool is_edn, struct de_history *history)
{
    static const size_t chunk_bytes = (size_t)64 * 1024;
    struct reader reader = {.is_edn = is_edn};
    struct de_history_error error = {0, ""};
    int err = DENGINE_E_NO_MEMORY;
    char *chunk = malloc(chunk_bytes);
    de_history_reader_init(&reader.lines, history, de_history_json_parse);
    de_edn_reader_init(&reader.edn, history);
    if (chunk != NULL) {
        size_t size;
        err = 0;
        while (err == 0 && (size = fread(chunk, 1, chunk_bytes, file)) > 0) {
            err = feed(&reader, chunk, size, &error);
        }
        if (err == 0 && ferror(file)) {
            fprintf(stderr, PROGRAM ": cannot read %s: %s\n", name, strerror(errno));
            err = DENGINE_E_IO;
        } else if (err == 0) {
            err = finish(&reader, &error);
        }
    }
    de_edn_reader_deinit(&reader.edn);
    de_history_reader_deinit(&reader.lines);
    free(chunk);
    return err == 0 || err == DENGINE_E_IO ? (err == 0 ? 0 : STATUS_USAGE)
                                           : input_error(name, err, &error);
}

static bool ends_in_edn(const char *path)
{
    size_t length = strlen(path);
    return length >= 4 && strcmp(path + length - 4, ".edn") == 0;
}

static int read_history(const struct arguments *arguments, struct de_history *history)
{
    const char *path = arguments->path;
    bool is_edn =
        arguments->format == FORMAT_BY_NAME ? ends_in_edn(path) : arguments->format == FORMAT_EDN;
    if (strcmp(path, "-") == 0) {
        return read_stream(stdin, "standard input", is_edn, history);
    }
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        fprintf(stderr, PROGRAM ": cannot open %s: %s\n", path, strerror(errno));
        return STATUS_USAGE;
    }
    int status = read_stream(file, path, is_edn, history);
    fclose(file);
    return status;
}

static int status_of(enum de_check_verdict verdict)
{
    switch (verdict) {
    case DE_CHECK_LINEARIZABLE:
        return STATUS_LINEARIZABLE;
    case DE_CHECK_NOT_LINEARIZABLE:
        return STATUS_VIOLATION;
    case DE_CHECK_UNKNOWN:
        return STATUS_UNKNOWN;
    }
    DE_ASSERT(false && "a verdict of no kind");
}

static int check(const struct arguments *arguments, const struct de_history *history)
{
    struct de_check_result result;
    struct de_text text;
    int err = de_check_run(history->operations, history->count, &arguments->options, &result);
    if (err != 0) {
        fprintf(stderr, PROGRAM ": %s: %s\n", arguments->path, dengine_strerror(err));
        return STATUS_USAGE;
    }
    int status = status_of(result.verdict);
    de_text_init(&text);
    if (arguments->json) {
        de_explain_json(history->operations, &result, &text);
    } else {
        de_explain_text(history->operations, &result, &text);
    }
    if (text.failed) {
        fprintf(stderr, PROGRAM ": %s\n", dengine_strerror(DENGINE_E_NO_MEMORY));
        status = STATUS_USAGE;
    } else if (fputs(text.data, stdout) == EOF || fflush(stdout) != 0) {
        fprintf(stderr, PROGRAM ": cannot write the result: %s\n", strerror(errno));
        status = STATUS_USAGE;
    }
    de_text_deinit(&text);
    de_check_result_deinit(&result);
    return status;
}

int main(int argc, char **argv)
{
    struct arguments arguments;
    struct de_history history;
    int status = parse_arguments(argc, argv, &arguments);
    if (status != 0 || arguments.done) {
        return status;
    }
    de_history_init(&history);
    de_history_limit(&history, arguments.options.model->functions, arguments.options.model->name);
    status = read_history(&arguments, &history);
    if (status == 0) {
        if (history.count == 0) {
            fprintf(stderr, PROGRAM ": %s: warning: no operations\n", arguments.path);
        }
        status = check(&arguments, &history);
    }
    de_history_deinit(&history);
    return status;
}
