#include "runtime/libev/peer_directory.h"

#include <string.h>

#include "core/base/assert.h"

static struct de_peer_heard *find_heard(struct de_peer_directory *directory, uint64_t id)
{
    for (uint32_t i = 0; i < DE_PEERS_HEARD_MAX; i++) {
        if (directory->heard[i].id == id) {
            return &directory->heard[i];
        }
    }
    return NULL;
}

bool de_peer_directory_hear(struct de_peer_directory *directory, uint64_t id, uint64_t config_index,
                            struct dengine_slice address)
{
    struct de_peer_heard *heard = find_heard(directory, id);

    DE_ASSERT(id != 0);
    if (address.size == 0 || address.size >= DE_ADDRESS_BYTES ||
        memchr(address.data, 0, address.size) != NULL ||
        (heard != NULL && config_index < heard->config_index)) {
        return false;
    }
    if (heard != NULL && strlen(heard->address) == address.size &&
        memcmp(heard->address, address.data, address.size) == 0) {
        heard->config_index = config_index;
        return false;
    }
    if (heard == NULL) {
        heard = &directory->heard[directory->next];
        directory->next = (directory->next + 1) % DE_PEERS_HEARD_MAX;
    }
    heard->id = id;
    heard->config_index = config_index;
    memset(heard->address, 0, sizeof heard->address);
    memcpy(heard->address, address.data, address.size);
    return true;
}

static struct de_peer_address *find_listed(struct de_peer_address *peers, uint32_t count,
                                           uint64_t id)
{
    for (uint32_t i = 0; i < count; i++) {
        if (peers[i].id == id) {
            return &peers[i];
        }
    }
    return NULL;
}

static uint32_t add_members(const struct de_membership *membership, uint64_t self,
                            struct de_peer_address *peers, uint32_t count)
{
    for (uint32_t i = 0; i < membership->configuration.count; i++) {
        const uint64_t id = membership->configuration.members[i].id;

        if (id != self && membership->addresses[i].peer[0] != '\0' &&
            find_listed(peers, count, id) == NULL) {
            DE_ASSERT(count < DE_PEERS_MAX);
            peers[count++] = (struct de_peer_address){id, membership->addresses[i].peer};
        }
    }
    return count;
}

/* Ids are never used twice: whoever is missing among those that a committed membership could have,
 * is gone for good. */
static bool is_gone(const struct de_peer_view *view, uint64_t id)
{
    return view->before == NULL && view->current->configuration.count > 0 &&
           id <= view->current->highest_id && de_membership_addresses(view->current, id) == NULL;
}

uint32_t de_peer_directory_list(const struct de_peer_directory *directory,
                                const struct de_peer_view *view, struct de_peer_address *peers)
{
    uint32_t count = add_members(view->current, view->self, peers, 0);

    if (view->before != NULL) {
        count = add_members(view->before, view->self, peers, count);
    }
    for (uint32_t i = 0; i < DE_PEERS_HEARD_MAX; i++) {
        const struct de_peer_heard *heard = &directory->heard[i];
        struct de_peer_address *known = find_listed(peers, count, heard->id);

        if (heard->id == 0 || heard->id == view->self || is_gone(view, heard->id)) {
            continue;
        }
        if (known == NULL) {
            DE_ASSERT(count < DE_PEERS_MAX);
            peers[count++] = (struct de_peer_address){heard->id, heard->address};
        } else if (heard->config_index > view->config_index) {
            known->address = heard->address;
        }
    }
    return count;
}
