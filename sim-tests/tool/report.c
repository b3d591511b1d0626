#include "sim-tests/tool/report.h"

#include <inttypes.h>

#ifndef DE_VERSION
#define DE_VERSION "unknown"
#endif

/* How many of the last faults before a failure are shown. */
#define FAULTS_SHOWN 12

void de_report_help(FILE *file)
{
    (void)fputs(
        "dengine-sim - runs whole clusters in virtual time, from a seed\n"
        "\n"
        "  dengine-sim run --seed N | --seeds A..B [options]\n"
        "  dengine-sim run --schedule FILE [options]\n"
        "  dengine-sim minimize --seed N | --schedule FILE [--scenario NAME] [--save FILE]\n"
        "                                  the smallest schedule that fails in the same way: few\n"
        "                                  faults, few operations; written to FILE, or to\n"
        "                                  minimal.schedule, which has the smallest so far at any\n"
        "                                  time; --budget-s S: what is smallest after S seconds\n"
        "  dengine-sim list                the scenarios\n"
        "  dengine-sim faults              the kinds of faults in schedule files\n"
        "  dengine-sim sites               places in the code where rare things may be done\n"
        "  dengine-sim --help | --version\n"
        "\n"
        "Options of run:\n"
        "  --scenario NAME       which scenario; default register; all: each seed takes its turn\n"
        "  --jobs N              run on N processes; default all processors; 0: in this one\n"
        "  --check-determinism   run each seed twice and compare every event\n"
        "  --history FILE        write what clients did and saw as JSON Lines (dengine-check); as\n"
        "                        EDN for Jepsen's tools if FILE ends in .edn\n"
        "  --schedule FILE       run what a schedule file says instead of what a seed draws\n"
        "  --save FILE           write the seed's schedule, to be edited and run\n"
        "  --shard I/N           of the seeds only the I-th of N parts (for several machines)\n"
        "  --budget-s S          end the sweep after so many seconds, with what was run by then\n"
        "  --until T             stop at this virtual time: 12 (seconds) or 1500ms\n"
        "  --json                one JSON object per run instead of text\n"
        "  --raw-memory          leave fresh memory as it comes, for valgrind to watch over it\n"
        "  --keep-going          go on after a failure\n"
        "  --expect-failure      exit 0 when a seed fails, 1 when none does\n"
        "  --expect-oracle NAME  exit 0 when seeds fail and all of them by this oracle, else 1\n"
        "  --marks               list the marks in the core by how often they were reached (only\n"
        "                        dengine-sim-marks has them; core/base/sometimes.h)\n"
        "  --expect-marks N      the same, and exit 1 when more than N were never reached\n"
        "\n"
        "Exit status: 0 ok, 1 usage, 127 crash, 128 liveness, 129 correctness, 130 unknown,\n"
        "131 nondeterminism.\n",
        file);
}

void de_report_version(FILE *file)
{
    (void)fprintf(file, "dengine-sim %s\n", DE_VERSION);
}

void de_report_list(FILE *file)
{
    for (const struct de_scenario *s = de_scenarios(); s->name != NULL; s++) {
        (void)fprintf(file, "%-24s %s\n", s->name, s->text);
    }
}

void de_report_faults(FILE *file)
{
    for (uint32_t kind = 0; kind < DE_FAULT_KINDS; kind++) {
        (void)fprintf(file, "%-12s %s\n", de_fault_text(kind), de_fault_what(kind));
    }
}

void de_report_sites(FILE *file)
{
    for (int site = 0; site < DE_SITES; site++) {
        (void)fprintf(file, "%-18s %s\n", de_site_text((enum de_site_id)site),
                      de_site_what((enum de_site_id)site));
    }
}

static void json_string(FILE *file, const char *text)
{
    (void)fputc('"', file);
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\') {
            (void)fprintf(file, "\\%c", *text);
        } else if ((unsigned char)*text < 0x20) {
            (void)fprintf(file, "\\u%04x", (unsigned)(unsigned char)*text);
        } else {
            (void)fputc(*text, file);
        }
    }
    (void)fputc('"', file);
}

static void json_sites(FILE *file, const struct de_run_result *r)
{
    const char *between = "";

    (void)fputs(",\"sites\":{", file);
    for (int site = 0; site < DE_SITES; site++) {
        if (r->sites_taken[site] != 0) {
            (void)fprintf(file, "%s\"%s\":%" PRIu64, between, de_site_text((enum de_site_id)site),
                          r->sites_taken[site]);
            between = ",";
        }
    }
    (void)fputs("}", file);
}

void de_report_json(FILE *file, const struct de_run_result *r, const char *scenario)
{
    (void)fprintf(file,
                  "{\"seed\":%" PRIu64 ",\"scenario\":\"%s\",\"verdict\":\"%s\",\"status\":%" PRIu32
                  ",\"trace_hash\":\"%016" PRIx64 "\",\"events\":%" PRIu64 ",\"time_ns\":%" PRIu64
                  ",\"nodes\":%" PRIu32 ",\"clients\":%" PRIu32 ",\"elections\":%" PRIu64
                  ",\"crashes\":%" PRIu64 ",\"faults\":%" PRIu64 ",\"committed\":%" PRIu64
                  ",\"messages\":%" PRIu64 ",\"begun\":%" PRIu64 ",\"ok\":%" PRIu64
                  ",\"fail\":%" PRIu64 ",\"info\":%" PRIu64 ",\"lease_reads\":%" PRIu64
                  ",\"admin_done\":%" PRIu64 ",\"admin_refused\":%" PRIu64
                  ",\"configurations\":%" PRIu64 ",\"pages\":%" PRIu64 ",\"keys\":%" PRIu64
                  ",\"keys_unknown\":%" PRIu64,
                  r->seed, scenario, de_verdict_name(r->verdict.status), r->verdict.status,
                  r->trace_hash, r->events, r->time_ns, r->nodes, r->clients, r->elections,
                  r->crashes, r->faults, r->committed, r->messages, r->ops_begun, r->ops_ok,
                  r->ops_failed, r->ops_unknown, r->lease_reads, r->admin_done, r->admin_refused,
                  r->configurations, r->pages, r->keys.checked, r->keys.unknown);
    json_sites(file, r);
    if (de_verdict_failed(&r->verdict)) {
        (void)fputs(",\"oracle\":", file);
        json_string(file, r->verdict.oracle);
        (void)fputs(",\"sentence\":", file);
        json_string(file, r->verdict.sentence);
    }
    (void)fputs("}\n", file);
}

void de_report_line(FILE *file, const struct de_run_result *r, const char *scenario)
{
    (void)fprintf(file,
                  "seed %" PRIu64 " %s: %s, %" PRIu32 " nodes, %" PRIu32 " clients, %" PRIu64
                  ".%03" PRIu64 " s, %" PRIu64 " events, %" PRIu64 " elections, %" PRIu64
                  " crashes, %" PRIu64 " faults, %" PRIu64 " entries, operations %" PRIu64
                  " ok %" PRIu64 " failed %" PRIu64 " unknown, trace %016" PRIx64 "\n",
                  r->seed, scenario, de_verdict_name(r->verdict.status), r->nodes, r->clients,
                  r->time_ns / DE_NS_PER_S, r->time_ns % DE_NS_PER_S / DE_NS_PER_MS, r->events,
                  r->elections, r->crashes, r->faults, r->committed, r->ops_ok, r->ops_failed,
                  r->ops_unknown, r->trace_hash);
}

/* Which rare things were done, how often. */
static void report_sites_taken(FILE *file, const struct de_run_result *r)
{
    const char *before = "  sites    ";

    for (int site = 0; site < DE_SITES; site++) {
        if (r->sites_taken[site] != 0) {
            (void)fprintf(file, "%s%s %" PRIu64, before, de_site_text((enum de_site_id)site),
                          r->sites_taken[site]);
            before = ", ";
        }
    }
    (void)fputs(before[0] == ',' ? "\n" : "", file);
}

/* The arguments that mean this run, and the end of the line. */
static void report_which(FILE *file, const struct de_run_result *r, const char *scenario,
                         const struct de_tool_options *options)
{
    if (options->schedule != NULL) {
        (void)fprintf(file, "--schedule %s", options->schedule);
    } else {
        (void)fprintf(file, "--scenario %s --seed %" PRIu64, scenario, r->seed);
    }
    (void)fputs(options->check_determinism ? " --check-determinism\n" : "\n", file);
}

void de_report_failure(FILE *file, const struct de_run_result *r, const char *scenario,
                       const struct de_tool_options *options)
{
    (void)fprintf(file,
                  "FAILED: %s\n"
                  "  oracle   %s\n"
                  "  at       %" PRIu64 ".%06" PRIu64 " s of virtual time, event %" PRIu64 "\n"
                  "  what     %s\n"
                  "  cluster  %" PRIu32 " nodes, %" PRIu32 " clients, scenario %s\n"
                  "  seed     %" PRIu64 "\n"
                  "  trace    %016" PRIx64 "\n"
                  "  build    %s\n"
                  "  replay   dengine-sim run ",
                  de_verdict_name(r->verdict.status), r->verdict.oracle,
                  r->verdict.time_ns / DE_NS_PER_S, r->verdict.time_ns % DE_NS_PER_S / DE_NS_PER_US,
                  r->events, r->verdict.sentence, r->nodes, r->clients, scenario, r->seed,
                  r->trace_hash, DE_VERSION);
    report_which(file, r, scenario, options);
    if (options->command == DE_TOOL_RUN) {
        (void)fputs("  smaller  dengine-sim minimize ", file);
        report_which(file, r, scenario, options);
    }
    report_sites_taken(file, r);
}

void de_report_schedule(FILE *file, const struct de_schedule *schedule, uint64_t until_ns)
{
    size_t started = 0;
    char text[128];

    while (started < schedule->count && schedule->faults[started].start_ns <= until_ns) {
        started++;
    }
    (void)fprintf(file, "  faults   %zu, the last ones (start_us duration_us kind target a b):\n",
                  started);
    for (size_t i = started > FAULTS_SHOWN ? started - FAULTS_SHOWN : 0; i < started; i++) {
        de_fault_print(&schedule->faults[i], text, sizeof(text));
        (void)fprintf(file, "           %s\n", text);
    }
}
