#include "sim-tests/tool/options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/sim/kernel.h"

/* Until it is known how many seeds there are: as many jobs as processors for a range. */
#define JOBS_ALL UINT32_MAX
/* Thirty days. */
#define BUDGET_MAX_S 2592000u

static bool complain(const char *what, const char *value)
{
    (void)fprintf(stderr, "dengine-sim: %s: %s (try dengine-sim --help)\n", what, value);
    return false;
}

static bool parse_number(const char *text, uint64_t *number, const char **end)
{
    char *stop;

    if (*text < '0' || *text > '9') {
        return false;
    }
    errno = 0;
    *number = strtoull(text, &stop, 0);
    *end = stop;
    return errno == 0;
}

static bool parse_seeds(const char *text, struct de_tool_options *options, bool range)
{
    const char *end;

    if (!parse_number(text, &options->first_seed, &end)) {
        return complain("not a seed", text);
    }
    options->last_seed = options->first_seed;
    if (range && strncmp(end, "..", 2) == 0) {
        if (!parse_number(end + 2, &options->last_seed, &end)) {
            return complain("not a range of seeds A..B", text);
        }
    }
    if (*end != '\0' || options->last_seed < options->first_seed) {
        return complain(range ? "not a range of seeds A..B" : "not a seed", text);
    }
    return true;
}

static bool parse_jobs(const char *text, struct de_tool_options *options)
{
    const char *end;
    uint64_t jobs;

    if (!parse_number(text, &jobs, &end) || *end != '\0' || jobs > 256) {
        return complain("not a number of jobs from 0 to 256", text);
    }
    options->jobs = (uint32_t)jobs;
    return true;
}

/* Seconds, or with the suffix ms milliseconds. */
static bool parse_until(const char *text, struct de_tool_options *options)
{
    const char *end;
    uint64_t value;
    uint64_t unit = DE_NS_PER_S;

    if (!parse_number(text, &value, &end)) {
        return complain("not a time in seconds (12) or milliseconds (1500ms)", text);
    }
    if (strcmp(end, "ms") == 0) {
        unit = DE_NS_PER_MS;
    } else if (*end != '\0' && strcmp(end, "s") != 0) {
        return complain("not a time in seconds (12) or milliseconds (1500ms)", text);
    }
    if (value == 0 || value > 3600 * DE_NS_PER_S / unit) {
        return complain("time out of range (up to one hour)", text);
    }
    options->until_ns = value * unit;
    return true;
}

static bool parse_budget(const char *text, struct de_tool_options *options)
{
    const char *end;
    uint64_t seconds;

    if (!parse_number(text, &seconds, &end) || *end != '\0' || seconds == 0 ||
        seconds > BUDGET_MAX_S) {
        return complain("not a number of seconds from 1 to 2592000", text);
    }
    options->budget_ns = seconds * DE_NS_PER_S;
    return true;
}

/* I/N: the I-th of N parts, from 1. */
static bool parse_shard(const char *text, struct de_tool_options *options)
{
    const char *end;
    uint64_t part;
    uint64_t parts;

    if (!parse_number(text, &part, &end) || *end != '/' || !parse_number(end + 1, &parts, &end) ||
        *end != '\0' || part < 1 || part > parts || parts > 10000) {
        return complain("not a part I/N of the seeds", text);
    }
    options->shard = (uint32_t)part - 1;
    options->shards = (uint32_t)parts;
    return true;
}

static bool parse_scenario(const char *text, struct de_tool_options *options)
{
    options->scenario = NULL;
    if (strcmp(text, "all") == 0) {
        return true;
    }
    options->scenario = de_scenario_find(text);
    return options->scenario != NULL || complain("no such scenario", text);
}

static bool parse_flag(const char *flag, struct de_tool_options *options)
{
    if (strcmp(flag, "--check-determinism") == 0) {
        options->check_determinism = true;
    } else if (strcmp(flag, "--json") == 0) {
        options->json = true;
    } else if (strcmp(flag, "--expect-failure") == 0) {
        options->expect_failure = true;
    } else if (strcmp(flag, "--keep-going") == 0) {
        options->keep_going = true;
    } else if (strcmp(flag, "--raw-memory") == 0) {
        options->raw_memory = true;
    } else if (strcmp(flag, "--marks") == 0) {
        options->marks = true;
        options->marks_unreached_max = UINT64_MAX;
    } else {
        return false;
    }
    return true;
}

static bool parse_marks(const char *text, struct de_tool_options *options)
{
    const char *end;

    options->marks = true;
    return (parse_number(text, &options->marks_unreached_max, &end) && *end == '\0') ||
           complain("not a number of marks that may stay unreached", text);
}

static bool ends_in_edn(const char *path)
{
    size_t length = strlen(path);

    return length >= 4 && strcmp(path + length - 4, ".edn") == 0;
}

/* What was said, and not only meant. */
struct given {
    bool seeds;
    bool scenario;
};

static bool parse_valued(const char *flag, const char *value, struct de_tool_options *options,
                         struct given *given)
{
    bool range = strcmp(flag, "--seeds") == 0;

    if (value == NULL) {
        return complain("a value is missing after", flag);
    }
    if (range || strcmp(flag, "--seed") == 0) {
        given->seeds = true;
        return parse_seeds(value, options, range);
    }
    if (strcmp(flag, "--scenario") == 0) {
        given->scenario = true;
        return parse_scenario(value, options);
    }
    if (strcmp(flag, "--jobs") == 0) {
        return parse_jobs(value, options);
    }
    if (strcmp(flag, "--until") == 0) {
        return parse_until(value, options);
    }
    if (strcmp(flag, "--budget-s") == 0) {
        return parse_budget(value, options);
    }
    if (strcmp(flag, "--shard") == 0) {
        return parse_shard(value, options);
    }
    if (strcmp(flag, "--expect-marks") == 0) {
        return parse_marks(value, options);
    }
    if (strcmp(flag, "--schedule") == 0) {
        options->schedule = value;
    } else if (strcmp(flag, "--save") == 0) {
        options->save = value;
    } else if (strcmp(flag, "--expect-oracle") == 0) {
        options->expect_oracle = value;
        options->keep_going = true;
    } else {
        options->history = value;
        options->history_edn = ends_in_edn(value);
    }
    return true;
}

static bool takes_value(const char *flag)
{
    static const char *const flags[] = {
        "--seed",     "--seeds", "--scenario", "--jobs",  "--until",         "--history",
        "--schedule", "--save",  "--budget-s", "--shard", "--expect-oracle", "--expect-marks"};

    for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
        if (strcmp(flag, flags[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* Without a number: as many processes as there are processors, and one for one seed. */
static uint32_t jobs_for(const struct de_tool_options *options)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);

    if (options->jobs != JOBS_ALL) {
        return options->jobs;
    }
    if (options->first_seed == options->last_seed || processors < 1) {
        return 1;
    }
    return processors > 256 ? 256 : (uint32_t)processors;
}

/* Whether it is clear which run is meant, or which runs, and they can be had as was asked. */
static bool check_run(const struct de_tool_options *options, const struct given *given)
{
    const bool several = options->first_seed != options->last_seed;

    if (!given->seeds && options->schedule == NULL) {
        return complain("which seed", options->command == DE_TOOL_MINIMIZE
                                          ? "give --seed N or --schedule FILE"
                                          : "give --seed N, --seeds A..B or --schedule FILE");
    }
    if (options->schedule != NULL && (given->seeds || given->scenario)) {
        return complain("a schedule file has its scenario and its seed in it: leave out",
                        given->seeds ? "--seed" : "--scenario");
    }
    if (several && (options->history != NULL || options->save != NULL)) {
        return complain(options->history != NULL ? "--history" : "--save", "needs a single --seed");
    }
    return true;
}

static bool parse_run(int argc, char **argv, struct de_tool_options *options)
{
    struct given given = {0};

    for (int i = 2; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0) {
            options->command = DE_TOOL_HELP;
            return true;
        }
        if (parse_flag(argv[i], options)) {
            continue;
        }
        if (!takes_value(argv[i])) {
            return complain("unknown argument", argv[i]);
        }
        if (!parse_valued(argv[i], argv[i + 1], options, &given)) {
            return false;
        }
        i++;
    }
    options->jobs = jobs_for(options);
    return check_run(options, &given);
}

/* Those that say which run it is, and how it is seen to fail. */
static bool parse_minimize(int argc, char **argv, struct de_tool_options *options)
{
    static const char *const taken[] = {"--seed", "--scenario", "--schedule",
                                        "--save", "--budget-s", "--check-determinism",
                                        "--help", "--raw-memory"};

    for (int i = 2; i < argc; i++) {
        bool known = false;

        for (size_t k = 0; k < sizeof(taken) / sizeof(taken[0]); k++) {
            known = known || strcmp(argv[i], taken[k]) == 0;
        }
        if (!known) {
            return complain("minimize does not know this argument", argv[i]);
        }
        i += takes_value(argv[i]) ? 1 : 0;
    }
    options->command = DE_TOOL_MINIMIZE;
    options->save = "minimal.schedule";
    return parse_run(argc, argv, options);
}

bool de_tool_parse(int argc, char **argv, struct de_tool_options *options)
{
    memset(options, 0, sizeof(*options));
    options->jobs = JOBS_ALL;
    options->shards = 1;
    options->scenario = de_scenario_find("register");
    if (argc < 2 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
        strcmp(argv[1], "help") == 0) {
        options->command = DE_TOOL_HELP;
        return argc >= 2 ||
               complain("which command", "run, minimize, list, faults, sites, --help or --version");
    }
    if (strcmp(argv[1], "--version") == 0) {
        options->command = DE_TOOL_VERSION;
        return true;
    }
    if (strcmp(argv[1], "list") == 0) {
        options->command = DE_TOOL_LIST;
        return argc == 2 || complain("list takes no argument", argv[2]);
    }
    if (strcmp(argv[1], "faults") == 0) {
        options->command = DE_TOOL_FAULTS;
        return argc == 2 || complain("faults takes no argument", argv[2]);
    }
    if (strcmp(argv[1], "sites") == 0) {
        options->command = DE_TOOL_SITES;
        return argc == 2 || complain("sites takes no argument", argv[2]);
    }
    if (strcmp(argv[1], "run") == 0) {
        options->command = DE_TOOL_RUN;
        return parse_run(argc, argv, options);
    }
    if (strcmp(argv[1], "minimize") == 0) {
        return parse_minimize(argc, argv, options);
    }
    return complain("unknown command", argv[1]);
}

bool de_tool_read_schedule(struct de_tool_options *options, struct de_plan *plan)
{
    char message[DE_PLAN_MESSAGE_MAX] = "";
    char *bytes = malloc(DE_PLAN_BYTES_MAX + 1);
    FILE *file = fopen(options->schedule, "r");
    size_t size = 0;
    bool ok = file != NULL && bytes != NULL;

    if (ok) {
        size = fread(bytes, 1, DE_PLAN_BYTES_MAX + 1, file);
        ok = ferror(file) == 0;
    }
    if (!ok) {
        perror(options->schedule);
    } else if (!de_plan_parse(dengine_bytes(bytes, size), plan, message)) {
        (void)fprintf(stderr, "dengine-sim: %s: %s\n", options->schedule, message);
        ok = false;
    }
    if (file != NULL) {
        (void)fclose(file);
    }
    free(bytes);
    if (ok) {
        options->plan = plan;
        options->first_seed = plan->seed;
        options->last_seed = plan->seed;
    }
    return ok;
}

const struct de_scenario *de_tool_scenario(const struct de_tool_options *options, uint64_t seed)
{
    const struct de_scenario *all = de_scenarios();
    uint64_t count = 0;

    if (options->plan != NULL) {
        return options->plan->scenario;
    }
    if (options->scenario != NULL) {
        return options->scenario;
    }
    while (all[count].name != NULL && !all[count].control && !all[count].beyond) { /* at the end */
        count++;
    }
    return &all[seed % count];
}
