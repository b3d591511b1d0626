/* Rule R6 over whole simulated runs: what a core was given (boot state, options, events) is written
 * down, and later fed to a second instance at another address. Its updates must be the same, byte
 * by byte. So a recording of the events alone tells everything that a core did.
 *
 * DENGINE_REPLAY_SEED_FIRST and DENGINE_REPLAY_SEEDS choose the seeds of each scenario. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/assert.h"
#include "core/base/site.h"
#include "core/raft/raft.h"
#include "runtime/sim/memory.h"
#include "runtime/sim/world.h"
#include "sim-tests/tool/stores.h"

/* The linker sends all calls through these (see CMakeLists.txt). */
int __real_de_raft_init(void *memory, const struct de_raft_options *options,
                        const struct de_raft_boot *boot, struct de_raft **raft,
                        struct de_raft_update *update);
int __real_de_raft_step(struct de_raft *raft, const struct de_raft_event *event,
                        struct de_raft_update *update);
int __wrap_de_raft_init(void *memory, const struct de_raft_options *options,
                        const struct de_raft_boot *boot, struct de_raft **raft,
                        struct de_raft_update *update);
int __wrap_de_raft_step(struct de_raft *raft, const struct de_raft_event *event,
                        struct de_raft_update *update);

struct note {
    struct de_raft_event event;
    int rc;
    uint64_t hash; /* of the update */
};

/* From a start of a server to its end. */
struct life {
    const struct de_raft *raft;
    struct de_raft_options options;
    struct de_raft_boot boot;
    uint64_t hash;
    struct note *notes;
    size_t count;
    size_t capacity;
};

static struct {
    struct life *lives;
    size_t count;
    size_t capacity;
    void **copies; /* what events and boot states pointed to */
    size_t copy_count;
    size_t copy_capacity;
} tape;

static uint64_t events_by_type[DE_RAFT_EV_READ + 1];

/* ---- recording ---- */

static void *keep(const void *bytes, size_t size)
{
    void *copy;

    if (bytes == NULL || size == 0) {
        return NULL;
    }
    copy = de_sim_allocate(size);
    memcpy(copy, bytes, size);
    tape.copies = de_sim_grow(tape.copies, tape.copy_count, &tape.copy_capacity, sizeof(void *));
    tape.copies[tape.copy_count++] = copy;
    return copy;
}

static const struct de_raft_configuration *
keep_configuration(const struct de_raft_configuration *configuration)
{
    return keep(configuration, sizeof(*configuration));
}

static struct de_raft_entry *keep_entries(const struct de_raft_entry *entries, size_t count)
{
    struct de_raft_entry *copy = keep(entries, count * sizeof(*entries));

    for (size_t i = 0; copy != NULL && i < count; i++) {
        copy[i].configuration = keep_configuration(copy[i].configuration);
    }
    return copy;
}

static struct de_raft_event keep_event(const struct de_raft_event *event)
{
    struct de_raft_event copy = *event;
    struct de_raft_message *message = keep(event->message, sizeof(*message));

    if (message != NULL) {
        message->entries = keep_entries(message->entries, message->entry_count);
        message->configuration = keep_configuration(message->configuration);
    }
    copy.message = message;
    copy.entries = keep_entries(event->entries, event->entry_count);
    copy.configuration = keep_configuration(event->configuration);
    return copy;
}

static struct de_raft_boot keep_boot(const struct de_raft_boot *boot)
{
    struct de_raft_boot copy = *boot;
    struct de_raft_boot_configuration *configurations =
        keep(boot->log_configurations, boot->log_configuration_count * sizeof(*configurations));

    for (uint32_t i = 0; i < boot->log_configuration_count; i++) {
        configurations[i].configuration = keep_configuration(configurations[i].configuration);
    }
    copy.log_configurations = configurations;
    copy.runs = keep(boot->runs, boot->run_count * sizeof(*boot->runs));
    copy.configuration = keep_configuration(boot->configuration);
    return copy;
}

static uint64_t hash_bytes(uint64_t hash, const void *bytes, size_t size)
{
    const uint8_t *at = bytes;

    for (size_t i = 0; i < size; i++) {
        hash = (hash ^ at[i]) * UINT64_C(0x100000001b3);
    }
    return hash;
}

/* Every byte, padding too; only where the messages lie is the core's own business. */
static uint64_t hash_update(const struct de_raft_update *update)
{
    struct de_raft_update copy;
    uint64_t hash = UINT64_C(0xcbf29ce484222325);

    memcpy(&copy, update, sizeof(copy));
    copy.messages = NULL;
    copy.persist.configuration = NULL;
    hash = hash_bytes(hash, &copy, sizeof(copy));
    hash = hash_bytes(hash, update->messages, update->message_count * sizeof(*update->messages));
    if (update->persist.configuration != NULL) {
        hash =
            hash_bytes(hash, update->persist.configuration, sizeof(*update->persist.configuration));
    }
    return hash;
}

int __wrap_de_raft_init(void *memory, const struct de_raft_options *options,
                        const struct de_raft_boot *boot, struct de_raft **raft,
                        struct de_raft_update *update)
{
    struct de_sites *sites = keep(options->sites, sizeof(*sites)); /* as they are before */
    int rc = __real_de_raft_init(memory, options, boot, raft, update);
    struct life *life;

    if (rc == 0) {
        tape.lives = de_sim_grow(tape.lives, tape.count, &tape.capacity, sizeof(*tape.lives));
        life = &tape.lives[tape.count++];
        memset(life, 0, sizeof(*life));
        life->raft = *raft;
        life->options = *options;
        life->options.sites = sites;
        life->boot = keep_boot(boot);
        life->hash = hash_update(update);
    }
    return rc;
}

/* The newest one at this address: memory is used again. */
static struct life *life_of(const struct de_raft *raft)
{
    size_t i = tape.count;

    while (i > 0 && tape.lives[i - 1].raft != raft) {
        i--;
    }
    DE_ASSERT(i > 0);
    return &tape.lives[i - 1];
}

int __wrap_de_raft_step(struct de_raft *raft, const struct de_raft_event *event,
                        struct de_raft_update *update)
{
    struct life *life = life_of(raft);
    struct note *note;

    life->notes = de_sim_grow(life->notes, life->count, &life->capacity, sizeof(*life->notes));
    note = &life->notes[life->count++];
    note->event = keep_event(event);
    note->rc = __real_de_raft_step(raft, event, update);
    note->hash = hash_update(update);
    events_by_type[event->type]++;
    return note->rc;
}

/* ---- replaying ---- */

static void replay(const struct life *life, const struct de_plan *plan)
{
    size_t size = de_raft_size(&life->options);
    void *memory = de_sim_allocate(size);
    struct de_raft_update update;
    struct de_raft *raft;

    memset(memory, 0x5a, size);
    assert_int_equal(__real_de_raft_init(memory, &life->options, &life->boot, &raft, &update), 0);
    assert_true(hash_update(&update) == life->hash);
    for (size_t i = 0; i < life->count; i++) {
        const struct note *note = &life->notes[i];
        int rc = __real_de_raft_step(raft, &note->event, &update);

        if (rc != note->rc || hash_update(&update) != note->hash) {
            fail_msg("%s, seed %" PRIu64 ", node %" PRIu64 ": event %zu of its life (type %" PRIu32
                     ") has another update the second time",
                     plan->scenario->name, plan->seed, life->options.id, i, note->event.type);
        }
    }
    de_sim_free(memory);
}

static void erase(void)
{
    for (size_t i = 0; i < tape.count; i++) {
        de_sim_free(tape.lives[i].notes);
    }
    for (size_t i = 0; i < tape.copy_count; i++) {
        de_sim_free(tape.copies[i]);
    }
    de_sim_free(tape.lives);
    de_sim_free(tape.copies);
    memset(&tape, 0, sizeof(tape));
}

static void run(const struct de_scenario *scenario, uint64_t seed)
{
    struct de_sim_stores stores = de_tool_stores();
    struct de_run_options options = {.stores = &stores, .memory_fill = 0xa5};
    struct de_run_result result;
    struct de_plan plan;

    de_plan_draw(&plan, scenario, seed);
    options.plan = &plan;
    de_run(&options, &result);
    assert_true(tape.count >= result.nodes - plan.cluster.spares);
    for (size_t i = 0; i < tape.count; i++) {
        replay(&tape.lives[i], &plan);
    }
    erase();
    de_plan_deinit(&plan);
}

static uint64_t from_environment(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);

    return text != NULL ? strtoull(text, NULL, 0) : otherwise;
}

static void test_the_events_of_a_run_tell_all_of_it(void **state)
{
    uint64_t first = from_environment("DENGINE_REPLAY_SEED_FIRST", 1);
    uint64_t count = from_environment("DENGINE_REPLAY_SEEDS", 2);

    (void)state;
    for (const struct de_scenario *scenario = de_scenarios(); scenario->name != NULL; scenario++) {
        for (uint64_t seed = first; seed < first + count; seed++) {
            run(scenario, seed);
        }
    }
    for (uint32_t type = DE_RAFT_EV_MESSAGE; type <= DE_RAFT_EV_READ; type++) {
        print_message("events of type %" PRIu32 ": %" PRIu64 "\n", type, events_by_type[type]);
        assert_true(events_by_type[type] > 0); /* what does not happen is not tested */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_events_of_a_run_tell_all_of_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
