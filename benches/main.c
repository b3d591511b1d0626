/* dengine-bench: throughput and latency of the engine. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <dengine/dengine.h>

#include "benches/embedded_bench.h"
#include "benches/kv_bench.h"
#include "benches/restart_bench.h"
#include "benches/store_bench.h"
#include "core/base/assert.h"

enum { EXIT_USAGE = 2 };

static const char usage[] =
    "Usage: dengine-bench embedded|store|restart|kv --data-dir DIR [OPTION]...\n"
    "\n"
    "embedded measures put, linearizable get and eventual get of an embedded engine, a cluster of "
    "one that\n"
    "acknowledges after fdatasync (DiskFirst). Each put measurement alternates with the bare "
    "disk:\n"
    "pwrite and fdatasync of the same bytes, as many in one flush as are in flight. Medians of "
    "all\n"
    "pairs, with minimum and maximum; operations that failed are counted as errors.\n"
    "\n"
    "store measures the stores against what they stand on: groups of 1, 100 and 1000 entries in\n"
    "the write-ahead log against pwrite and fdatasync of the same bytes; what one group in a "
    "thousand\n"
    "waits while segments go round, against the same; recovery of a log against reading its "
    "files; put and get of the state store against LMDB; puts that are\n"
    "remembered for watches against puts that are not; saving and installing a snapshot against\n"
    "copying its file.\n"
    "\n"
    "restart fills an embedded engine with keys and measures from open to the first linearizable\n"
    "answer, in turn with reading its files: after a close, after the death of its process, and "
    "when\n"
    "the state has to be made again from the newest snapshot and the log.\n"
    "\n"
    "kv measures the key-value service: reads in the caller's thread, by one to four threads, and\n"
    "scans, in turn with LMDB alone; watches, from applying a write to the callback; writes "
    "beside\n"
    "watchers of other keys, and beside leases that live or end together, in turn with writes\n"
    "without.\n"
    "\n"
    "  --data-dir DIR     where the engine keeps its data; made if missing, kept afterwards\n"
    "                     (store: files in it are removed afterwards)\n"
    "  --in-flight LIST   embedded: operations in flight, such as 1,100 (the default)\n"
    "  --keys N           keys to draw from (10000; store, kv: 100000; restart: 1000000)\n"
    "  --value-bytes N    embedded, restart: size of a value, up to 1000000 (256); a key has 8 "
    "bytes\n"
    "  --pairs N          how often each measurement is repeated, 1..99 (5)\n"
    "  --seconds N        embedded: length of each measurement, 1..600 (1)\n"
    "  --seed N           embedded: of the keys drawn (1)\n"
    "  --groups N         store: groups in each measurement of the log (1000)\n"
    "  --log-mib N        store: size of the log that is recovered (1024)\n"
    "  --leases N         kv: leases that live; a tenth of them end together (100000)\n"
    "  --watchers N       kv: watchers of other keys (10000)\n"
    "  --only NAME        store: only the part log, state, past or snapshot; kv: only lines whose\n"
    "                     names begin so\n"
    "  --json             one JSON object a line instead of text\n"
    "  --help, -h, --version\n"
    "\n"
    "Exit status: 0 ok, 1 something failed or an operation ended in an error, 2 usage.\n";

static int fail(const char *format, const char *what)
{
    fputs("dengine-bench: ", stderr);
    fprintf(stderr, format, what);
    fputs("\nTry 'dengine-bench --help'.\n", stderr);
    return EXIT_USAGE;
}

static int parse_number(const char *option, const char *text, unsigned long low, unsigned long high,
                        uint32_t *value)
{
    char *end = NULL;
    errno = 0;
    unsigned long number = strtoul(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || *text == '-' || number < low ||
        number > high) {
        fprintf(stderr, "dengine-bench: --%s takes a whole number from %lu to %lu, not '%s'\n",
                option, low, high, text);
        return EXIT_USAGE;
    }
    *value = (uint32_t)number;
    return 0;
}

static int parse_in_flight(const char *text, struct de_embedded_bench *bench)
{
    char item[16];
    bench->in_flight_count = 0;
    while (*text != '\0') {
        size_t length = strcspn(text, ",");
        if (bench->in_flight_count == DE_BENCH_IN_FLIGHT_MAX) {
            return fail("--in-flight takes at most eight numbers: '%s'", text);
        }
        if (length >= sizeof item) {
            return fail("--in-flight: '%s' is not a number from 1 to 100000", text);
        }
        memcpy(item, text, length);
        item[length] = '\0';
        if (parse_number("in-flight", item, 1, 100000, &bench->in_flight[bench->in_flight_count]) !=
            0) {
            return EXIT_USAGE;
        }
        bench->in_flight_count++;
        text += length + (text[length] == ',');
    }
    return bench->in_flight_count > 0 ? 0 : fail("--in-flight takes a list of numbers%s", "");
}

static int parse_option(int option, const char *text, struct de_embedded_bench *bench,
                        struct de_store_bench *store, struct de_kv_bench *kv)
{
    uint32_t seed = 0;
    int status = 0;
    switch (option) {
    case 'd':
        bench->directory = text;
        return 0;
    case 'g':
        return parse_number("groups", text, 1, 1000000, &store->groups);
    case 'o':
        store->only = text;
        kv->only = text;
        return 0;
    case 'l':
        return parse_number("log-mib", text, 64, 65536, &store->log_mib);
    case 'L':
        return parse_number("leases", text, 1, 1000000, &kv->leases);
    case 'w':
        return parse_number("watchers", text, 10, 1000000, &kv->watchers);
    case 'f':
        return parse_in_flight(text, bench);
    case 'k':
        return parse_number("keys", text, 1, 100000000, &bench->keys);
    case 'b':
        return parse_number("value-bytes", text, 0, 1000000, &bench->value_bytes);
    case 'p':
        return parse_number("pairs", text, 1, 99, &bench->pairs);
    case 's':
        return parse_number("seconds", text, 1, 600, &bench->seconds);
    case 'r':
        status = parse_number("seed", text, 0, 4294967295u, &seed);
        bench->seed = seed;
        return status;
    case 'j':
        bench->json = true;
        return 0;
    default:
        fputs("Try 'dengine-bench --help'.\n", stderr);
        return EXIT_USAGE;
    }
}

static bool is_known(const char *what)
{
    static const char *const known[] = {"embedded", "store", "restart", "kv"};
    size_t i = 0;

    while (i < DE_ARRAY_SIZE(known) && strcmp(known[i], what) != 0) {
        i++;
    }
    return i < DE_ARRAY_SIZE(known);
}

/* what is one of those known; bench has the options that they share; keys 0: not given. */
static int run(const char *what, struct de_embedded_bench *bench, struct de_store_bench *store,
               struct de_kv_bench *kv)
{
    const uint32_t keys = bench->keys;

    if (strcmp(what, "store") == 0) {
        store->directory = bench->directory;
        store->pairs = bench->pairs;
        store->keys = keys == 0 ? 100000 : keys;
        store->json = bench->json;
        if (store->only != NULL && !de_store_bench_has(store->only)) {
            return fail("--only takes log, state, past or snapshot, not '%s'", store->only);
        }
        return de_store_bench_run(store);
    }
    if (strcmp(what, "kv") == 0) {
        kv->directory = bench->directory;
        kv->pairs = bench->pairs;
        kv->keys = keys == 0 ? 100000 : keys;
        kv->value_bytes = bench->value_bytes > 0 ? bench->value_bytes : 1;
        kv->seconds = bench->seconds;
        kv->json = bench->json;
        return de_kv_bench_run(kv);
    }
    if (strcmp(what, "restart") == 0) {
        const struct de_restart_bench restart = {.directory = bench->directory,
                                                 .keys = keys == 0 ? 1000000 : keys,
                                                 .value_bytes = bench->value_bytes,
                                                 .pairs = bench->pairs,
                                                 .json = bench->json};

        return de_restart_bench_run(&restart);
    }
    bench->keys = keys == 0 ? 10000 : keys;
    return de_embedded_bench_run(bench);
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"data-dir", required_argument, NULL, 'd'}, {"in-flight", required_argument, NULL, 'f'},
        {"keys", required_argument, NULL, 'k'},     {"value-bytes", required_argument, NULL, 'b'},
        {"pairs", required_argument, NULL, 'p'},    {"seconds", required_argument, NULL, 's'},
        {"seed", required_argument, NULL, 'r'},     {"groups", required_argument, NULL, 'g'},
        {"leases", required_argument, NULL, 'L'},   {"watchers", required_argument, NULL, 'w'},
        {"log-mib", required_argument, NULL, 'l'},  {"only", required_argument, NULL, 'o'},
        {"json", no_argument, NULL, 'j'},           {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'v'},        {NULL, 0, NULL, 0},
    };
    struct de_embedded_bench bench = {
        .in_flight = {1, 100},
        .in_flight_count = 2,
        .value_bytes = 256,
        .pairs = 5,
        .seconds = 1,
        .seed = 1,
    };
    struct de_store_bench store = {.groups = 1000, .log_mib = 1024};
    struct de_kv_bench kv = {.leases = 100000, .watchers = 10000, .only = ""};
    int option;
    while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        if (option == 'h') {
            fputs(usage, stdout);
            return 0;
        }
        if (option == 'v') {
            printf("dengine-bench %s\n", dengine_version());
            return 0;
        }
        int status = parse_option(option, optarg, &bench, &store, &kv);
        if (status != 0) {
            return status;
        }
    }
    if (optind == argc) {
        return fail("say what to measure: embedded, store, restart or kv%s", "");
    }
    if (optind + 1 < argc) {
        return fail("one thing at a time: what is '%s' for?", argv[optind + 1]);
    }
    if (!is_known(argv[optind])) {
        return fail("there is nothing called '%s' to measure: embedded, store, restart or kv",
                    argv[optind]);
    }
    if (bench.directory == NULL) {
        return fail("--data-dir is missing: say where the engine may keep its data%s", "");
    }
    return run(argv[optind], &bench, &store, &kv);
}
