#include "runtime/sim/service_hoard.h"

#include <inttypes.h>
#include <stdio.h>

#include "core/base/assert.h"

void de_hoard_begin(struct de_hoard *hoard, uint64_t lease, struct de_dice *dice)
{
    DE_ASSERT(lease != 0);
    *hoard = (struct de_hoard){
        .lease = lease,
        .wanted = (uint32_t)de_dice_between(dice, DE_HOARD_KEYS_MIN, DE_HOARD_KEYS_MAX),
    };
}

struct dengine_slice de_hoard_prefix(const struct de_hoard *hoard, uint32_t owner,
                                     char name[DE_HOARD_NAME_MAX])
{
    DE_ASSERT(hoard->lease != 0);
    (void)snprintf(name, DE_HOARD_NAME_MAX, DE_HOARD_PREFIX "%" PRIu32 ".%" PRIu64 ".", owner,
                   hoard->lease);
    return dengine_str(name);
}

void de_hoard_put(struct de_hoard *hoard, uint32_t owner, struct de_kv_command *command,
                  uint8_t *bytes)
{
    struct de_kv_op op = {.type = DE_KV_PUT, .lease = hoard->lease};
    char name[DE_HOARD_NAME_MAX];
    struct de_writer writer;
    uint32_t number = hoard->sure;

    DE_ASSERT(hoard->sure < hoard->wanted);
    command->type = DE_KV_TXN;
    de_writer_init(&writer, bytes, DE_HOARD_LIST_BYTES);
    for (uint32_t i = 0; i < DE_HOARD_KEYS_AT_ONCE && number < hoard->wanted; i++, number++) {
        const size_t size = de_hoard_prefix(hoard, owner, name).size;
        int err;

        (void)snprintf(name + size, sizeof(name) - size, "%" PRIu32, number);
        op.key = dengine_str(name);
        err = de_kv_list_add_op(&command->then_ops, &writer, &op, SIZE_MAX);
        DE_ASSERT(err == 0);
    }
    hoard->asked = number;
}

void de_hoard_was_put(struct de_hoard *hoard)
{
    DE_ASSERT(hoard->asked <= hoard->wanted);
    hoard->sure = hoard->asked;
}

static const char *see_none(struct de_hoard *hoard, const struct de_lease_look *look)
{
    hoard->lease = 0;
    return look->held != 0 ? "finds keys of a lease that has ended" : NULL;
}

const char *de_hoard_look(struct de_hoard *hoard, const struct de_lease_look *look)
{
    const bool was_ending = hoard->ending;
    const uint64_t held = hoard->held;

    DE_ASSERT(hoard->lease != 0);
    if (!look->found) {
        return see_none(hoard, look);
    }
    hoard->ending = look->ending;
    hoard->held = look->held;
    if (look->held != look->keys || look->held > hoard->asked) {
        return "finds its lease with other keys than there are with it";
    }
    if (!look->ending) {
        return was_ending || hoard->ended ? "finds its lease alive that had ended"
               : look->held < hoard->sure ? "finds a key gone while its lease lives"
                                          : NULL;
    }
    return was_ending && look->held > held ? "finds a key again that had ended with its lease"
                                           : NULL;
}
