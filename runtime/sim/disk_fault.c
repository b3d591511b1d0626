/* What can go wrong with a simulated disk while its machine runs, and for good. */
#include "core/base/assert.h"
#include "runtime/sim/disk.h"
#include "runtime/sim/disk_inode.h"

void de_disk_fail(struct de_disk *disk, enum de_disk_operation operation, uint64_t after)
{
    DE_ASSERT(operation < DE_DISK_OPERATIONS);
    disk->fails_in[operation] = after;
}

uint64_t de_disk_used(const struct de_disk *disk)
{
    uint64_t used = 0;

    for (size_t i = 0; i < disk->name_count; i++) {
        used += disk->names[i].inode->now.size_bytes;
    }
    return used;
}

void de_disk_fill(struct de_disk *disk, uint64_t free_bytes)
{
    disk->capacity_bytes = de_disk_used(disk) + free_bytes;
}

void de_disk_mend(struct de_disk *disk)
{
    for (uint32_t i = 0; i < DE_DISK_OPERATIONS; i++) {
        disk->fails_in[i] = UINT64_MAX;
    }
    disk->capacity_bytes = UINT64_MAX;
}

int de_disk_check(struct de_disk *disk, enum de_disk_operation operation)
{
    uint64_t *fails_in = &disk->fails_in[operation];

    DE_ASSERT(operation < DE_DISK_OPERATIONS);
    if (*fails_in == UINT64_MAX || (*fails_in)-- > 0) {
        return 0;
    }
    DE_ASSERT(*fails_in == UINT64_MAX); /* wrapped: this once */
    disk->troubled = true;
    return DENGINE_E_IO;
}

int de_disk_reserve(struct de_disk *disk, uint64_t bytes)
{
    if (bytes == 0 || disk->capacity_bytes == UINT64_MAX ||
        de_disk_used(disk) + bytes <= disk->capacity_bytes) {
        return 0;
    }
    return DENGINE_E_NO_SPACE;
}

bool de_disk_rot(struct de_disk *disk, uint64_t draw)
{
    struct de_disk_inode *newest = NULL;

    for (size_t i = 0; i < disk->name_count; i++) {
        if (newest == NULL || disk->names[i].inode->written_at > newest->written_at) {
            newest = disk->names[i].inode;
        }
    }
    for (size_t i = 0; i < disk->name_count; i++) {
        struct de_disk_inode *inode = disk->names[(draw + i) % disk->name_count].inode;

        if (inode != newest && de_disk_inode_rot(inode, draw)) {
            disk->rotten = true;
            return true;
        }
    }
    return false;
}

bool de_disk_rot_newest(struct de_disk *disk, const char *prefix, uint64_t draw)
{
    struct de_disk_inode *newest = NULL;

    DE_ASSERT(prefix[0] != '\0');
    for (size_t i = 0; i < disk->name_count; i++) {
        if (strncmp(disk->names[i].text, prefix, strlen(prefix)) == 0) {
            newest = disk->names[i].inode;
        }
    }
    if (newest == NULL || !de_disk_inode_turn(newest, draw)) {
        return false;
    }
    disk->rotten = true;
    return true;
}

void de_disk_lose(struct de_disk *disk)
{
    de_disk_deinit(disk);
}

void de_disk_lose_files(struct de_disk *disk, const char *prefix)
{
    const struct dengine_dir dir = de_disk_dir(disk);
    const uint64_t fails_in = disk->fails_in[DE_DISK_SYNC];
    size_t at = 0;

    DE_ASSERT(disk->open_files == NULL);
    de_disk_fail(disk, DE_DISK_SYNC, UINT64_MAX); /* nobody syncs: they are just gone */
    while (at < disk->name_count) {
        char name[DE_DISK_NAME_MAX + 1];

        memcpy(name, disk->names[at].text, sizeof(name));
        if (strncmp(name, prefix, strlen(prefix)) != 0) {
            at++;
        } else {
            const int err = dir.ops->remove(dir.object, name);

            DE_ASSERT(err == 0);
            disk->rotten = true;
        }
    }
    if (disk->rotten) {
        const int err = dir.ops->sync_dir(dir.object);

        DE_ASSERT(err == 0);
    }
    de_disk_fail(disk, DE_DISK_SYNC, fails_in);
}
