#include "runtime/sim/load.h"

#include "core/base/assert.h"

void de_load_init(struct de_load *load)
{
    DE_ASSERT(load != NULL);
    *load = (struct de_load){
        .until_ns = DE_LOAD_UNTIL_MAX_NS, .slots = DE_LOAD_ALL, .clients = DE_LOAD_ALL};
}

/* The first time from at_ns on that is in a slot of the load; that of the healing when none is. */
static uint64_t opening_ns(const struct de_load *load, uint64_t at_ns)
{
    const uint64_t end_ns = load->until_ns < load->heal_ns ? load->until_ns : load->heal_ns;
    uint64_t width_ns;
    uint64_t slot;

    at_ns = at_ns > load->from_ns ? at_ns : load->from_ns;
    if (at_ns >= end_ns) {
        return at_ns > load->heal_ns ? at_ns : load->heal_ns;
    }
    width_ns = (end_ns - load->from_ns) / DE_LOAD_SLOTS + 1;
    slot = (at_ns - load->from_ns) / width_ns;
    DE_ASSERT(slot < DE_LOAD_SLOTS);
    if ((load->slots >> slot & 1) != 0) {
        return at_ns;
    }
    while (slot < DE_LOAD_SLOTS && (load->slots >> slot & 1) == 0) {
        slot++;
    }
    at_ns = load->from_ns + slot * width_ns;
    return slot == DE_LOAD_SLOTS || at_ns >= end_ns ? load->heal_ns : at_ns;
}

uint64_t de_load_next_ns(const struct de_load *load, uint32_t endpoint, uint64_t at_ns,
                         uint64_t think_ns)
{
    DE_ASSERT(endpoint < 64);
    DE_ASSERT(load->from_ns <= load->until_ns);
    if ((load->clients >> endpoint & 1) == 0 && at_ns < load->heal_ns) {
        return load->heal_ns + think_ns;
    }
    for (;;) {
        uint64_t open_ns = opening_ns(load, at_ns);

        if (open_ns == at_ns) {
            return at_ns;
        }
        at_ns = open_ns + think_ns; /* so that not all begin at one time */
    }
}
