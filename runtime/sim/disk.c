#include "runtime/sim/disk.h"

#include <stdio.h>

#include "core/base/assert.h"
#include "runtime/sim/disk_inode.h"
#include "runtime/sim/memory.h"
#include "runtime/sim/trace.h"

/* One directory operation: what stood under the name before and after; NULL = nothing. */
struct de_disk_change {
    char text[DE_DISK_NAME_MAX + 1];
    struct de_disk_inode *inode;
};

/* A rename changes two names at once. */
struct de_disk_journal {
    struct de_disk_change changes[2];
    size_t count;
};

struct dengine_file {
    struct dengine_file *next;
    struct de_disk_inode *inode;
    bool writable;
};

void de_disk_init(struct de_disk *disk)
{
    memset(disk, 0, sizeof(*disk));
    disk->inodes_end = &disk->inodes;
    disk->dies_in = UINT64_MAX;
    de_disk_mend(disk);
}

void de_disk_deinit(struct de_disk *disk)
{
    DE_ASSERT(disk->open_files == NULL);
    while (disk->inodes != NULL) {
        struct de_disk_inode *inode = disk->inodes;

        disk->inodes = inode->next;
        de_disk_inode_free(inode);
    }
    de_sim_free(disk->names);
    de_sim_free(disk->durable_names);
    de_sim_free(disk->journal);
    de_disk_init(disk);
}

/* 0 when an operation that changes something may go on. */
static int disk_operate(struct de_disk *disk)
{
    if (disk->dies_in == 0) {
        disk->dead = true;
    }
    if (disk->dead) {
        return DENGINE_E_IO;
    }
    if (disk->dies_in != UINT64_MAX) {
        disk->dies_in--;
    }
    return 0;
}

static size_t names_position(const struct de_disk_name *names, size_t count, const char *text)
{
    size_t at = 0;

    while (at < count && strcmp(names[at].text, text) < 0) {
        at++;
    }
    return at;
}

static struct de_disk_inode *names_find(const struct de_disk_name *names, size_t count,
                                        const char *text)
{
    size_t at = names_position(names, count, text);

    return at < count && strcmp(names[at].text, text) == 0 ? names[at].inode : NULL;
}

/* Puts inode under text; NULL takes the name away. */
static void names_set(struct de_disk_name **names, size_t *count, size_t *capacity,
                      const char *text, struct de_disk_inode *inode)
{
    size_t at = names_position(*names, *count, text);
    bool there = at < *count && strcmp((*names)[at].text, text) == 0;

    if (inode == NULL && there) {
        memmove(*names + at, *names + at + 1, (*count - at - 1) * sizeof((*names)[0]));
        (*count)--;
    } else if (inode != NULL && there) {
        (*names)[at].inode = inode;
    } else if (inode != NULL) {
        *names = de_sim_grow(*names, *count, capacity, sizeof((*names)[0]));
        memmove(*names + at + 1, *names + at, (*count - at) * sizeof((*names)[0]));
        (void)snprintf((*names)[at].text, sizeof((*names)[at].text), "%s", text);
        (*names)[at].inode = inode;
        (*count)++;
    }
}

static struct de_disk_journal *disk_journal_add(struct de_disk *disk)
{
    struct de_disk_journal *entry;

    disk->journal = de_sim_grow(disk->journal, disk->journal_count, &disk->journal_capacity,
                                sizeof(disk->journal[0]));
    entry = &disk->journal[disk->journal_count++];
    entry->count = 0;
    return entry;
}

static void disk_change(struct de_disk *disk, struct de_disk_journal *entry, const char *text,
                        struct de_disk_inode *inode)
{
    struct de_disk_change *change = &entry->changes[entry->count++];

    DE_ASSERT(entry->count <= 2);
    (void)snprintf(change->text, sizeof(change->text), "%s", text);
    change->inode = inode;
    names_set(&disk->names, &disk->name_count, &disk->name_capacity, text, inode);
}

static void journal_replay(struct de_disk *disk, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < disk->journal[i].count; j++) {
            names_set(&disk->durable_names, &disk->durable_count, &disk->durable_capacity,
                      disk->journal[i].changes[j].text, disk->journal[i].changes[j].inode);
        }
    }
    disk->journal_count = 0;
}

static int dir_open(void *dir, const char *name, enum dengine_file_mode mode,
                    struct dengine_file **file)
{
    struct de_disk *disk = dir;
    struct de_disk_inode *inode = names_find(disk->names, disk->name_count, name);

    if (disk->dead) {
        return DENGINE_E_IO;
    }
    if (mode == DENGINE_FILE_CREATE) {
        if (inode != NULL || name[0] == '\0' || strlen(name) > DE_DISK_NAME_MAX) {
            return DENGINE_E_INVALID;
        }
        if (disk_operate(disk) != 0) {
            return DENGINE_E_IO;
        }
        inode = de_disk_inode_new();
        *disk->inodes_end = inode;
        disk->inodes_end = &inode->next;
        disk_change(disk, disk_journal_add(disk), name, inode);
    } else if (inode == NULL) {
        return DENGINE_E_NOT_FOUND;
    }
    *file = de_sim_allocate(sizeof(**file));
    (*file)->next = disk->open_files;
    (*file)->inode = inode;
    (*file)->writable = mode != DENGINE_FILE_READ;
    disk->open_files = *file;
    return 0;
}

static void dir_close(void *dir, struct dengine_file *file)
{
    struct de_disk *disk = dir;
    struct dengine_file **link = &disk->open_files;

    while (*link != file) {
        DE_ASSERT(*link != NULL);
        link = &(*link)->next;
    }
    *link = file->next;
    de_sim_free(file);
}

static int dir_read(void *dir, struct dengine_file *file, uint64_t offset, void *data, size_t size)
{
    struct de_disk *disk = dir;

    if (disk->dead || de_disk_check(disk, DE_DISK_READ) != 0 ||
        !de_disk_inode_read(file->inode, offset, data, size)) {
        return DENGINE_E_IO;
    }
    return 0;
}

/* By how much the file grows when it is to have at least so many bytes. */
static uint64_t growth(const struct de_disk_inode *inode, uint64_t size_bytes)
{
    return size_bytes > inode->now.size_bytes ? size_bytes - inode->now.size_bytes : 0;
}

static int dir_write(void *dir, struct dengine_file *file, uint64_t offset,
                     const struct dengine_slice *buffers, size_t count)
{
    struct de_disk *disk = dir;
    bool fails;

    if (!file->writable) {
        return DENGINE_E_INVALID;
    }
    if (disk_operate(disk) != 0) {
        return DENGINE_E_IO;
    }
    disk->writes++;
    fails = de_disk_check(disk, DE_DISK_WRITE) != 0;
    for (size_t i = 0; i < count; i++) {
        /* A write that fails has written a part: of one buffer a half, in whole sectors or not. */
        size_t size = fails ? buffers[i].size / 2 : buffers[i].size;
        int err = fails ? 0 : de_disk_reserve(disk, growth(file->inode, offset + size));

        if (err != 0) {
            return err;
        }
        de_disk_inode_write(file->inode, offset, buffers[i].data, size);
        file->inode->written_at = ++disk->clock;
        if (fails) {
            return DENGINE_E_IO;
        }
        offset += size;
        disk->write_bytes += size;
    }
    return 0;
}

static int dir_sync(void *dir, struct dengine_file *file)
{
    struct de_disk *disk = dir;

    if (disk_operate(disk) != 0) {
        return DENGINE_E_IO;
    }
    disk->syncs++;
    if (de_disk_check(disk, DE_DISK_SYNC) != 0) {
        de_disk_inode_forget(file->inode);
        return DENGINE_E_IO;
    }
    if (!disk->no_sync) {
        de_disk_inode_sync(file->inode);
    }
    return 0;
}

static int dir_size(void *dir, struct dengine_file *file, uint64_t *size_bytes)
{
    struct de_disk *disk = dir;

    *size_bytes = file->inode->now.size_bytes;
    return disk->dead ? DENGINE_E_IO : 0;
}

static int dir_truncate(void *dir, struct dengine_file *file, uint64_t size_bytes)
{
    struct de_disk *disk = dir;

    if (!file->writable) {
        return DENGINE_E_INVALID;
    }
    if (disk_operate(disk) != 0) {
        return DENGINE_E_IO;
    }
    if (de_disk_reserve(disk, growth(file->inode, size_bytes)) != 0) {
        return DENGINE_E_NO_SPACE;
    }
    de_disk_inode_resize(file->inode, size_bytes);
    return 0;
}

static int dir_allocate(void *dir, struct dengine_file *file, uint64_t size_bytes)
{
    if (size_bytes <= file->inode->now.size_bytes) {
        return file->writable ? 0 : DENGINE_E_INVALID;
    }
    return dir_truncate(dir, file, size_bytes);
}

static int dir_rename(void *dir, const char *from, const char *to)
{
    struct de_disk *disk = dir;
    struct de_disk_inode *inode = names_find(disk->names, disk->name_count, from);
    struct de_disk_journal *entry;

    if (inode == NULL) {
        return DENGINE_E_NOT_FOUND;
    }
    if (strlen(to) > DE_DISK_NAME_MAX || to[0] == '\0') {
        return DENGINE_E_INVALID;
    }
    if (disk_operate(disk) != 0) {
        return DENGINE_E_IO;
    }
    entry = disk_journal_add(disk);
    disk_change(disk, entry, from, NULL);
    disk_change(disk, entry, to, inode);
    return 0;
}

static int dir_remove(void *dir, const char *name)
{
    struct de_disk *disk = dir;

    if (names_find(disk->names, disk->name_count, name) == NULL) {
        return DENGINE_E_NOT_FOUND;
    }
    if (disk_operate(disk) != 0) {
        return DENGINE_E_IO;
    }
    disk_change(disk, disk_journal_add(disk), name, NULL);
    return 0;
}

static int dir_sync_dir(void *dir)
{
    struct de_disk *disk = dir;

    if (disk_operate(disk) != 0) {
        return DENGINE_E_IO;
    }
    disk->syncs++;
    journal_replay(disk, disk->journal_count);
    return 0;
}

static int dir_list(void *dir, int (*visit)(void *context, const char *name), void *context)
{
    struct de_disk *disk = dir;
    int err = disk->dead ? DENGINE_E_IO : 0;

    for (size_t i = 0; err == 0 && i < disk->name_count; i++) {
        err = visit(context, disk->names[i].text);
    }
    return err;
}

struct dengine_dir de_disk_dir(struct de_disk *disk)
{
    static const struct dengine_dir_ops ops = {
        .open = dir_open,
        .close = dir_close,
        .read = dir_read,
        .write = dir_write,
        .sync = dir_sync,
        .size = dir_size,
        .truncate = dir_truncate,
        .allocate = dir_allocate,
        .rename = dir_rename,
        .remove = dir_remove,
        .sync_dir = dir_sync_dir,
        .list = dir_list,
    };
    struct dengine_dir dir = {&ops, disk};

    return dir;
}

void de_disk_die_in(struct de_disk *disk, uint64_t operations)
{
    disk->dies_in = operations;
}

void de_disk_kill(struct de_disk *disk)
{
    disk->dead = true;
}

void de_disk_process_crash(struct de_disk *disk)
{
    DE_ASSERT(disk->open_files == NULL);
    disk->dead = false;
    disk->troubled = false;
    disk->dies_in = UINT64_MAX;
}

void de_disk_power_cut(struct de_disk *disk, enum de_disk_cut cut, struct de_dice *dice)
{
    size_t kept = disk->journal_count;

    de_disk_process_crash(disk);
    if (cut == DE_DISK_CUT_ALL) {
        kept = 0;
    } else if (cut != DE_DISK_CUT_NONE) {
        kept = (size_t)de_dice_below(dice, disk->journal_count + 1);
    }
    journal_replay(disk, kept);
    for (struct de_disk_inode *inode = disk->inodes; inode != NULL; inode = inode->next) {
        de_disk_inode_cut(inode, cut, dice);
    }
    disk->name_count = 0;
    for (size_t i = 0; i < disk->durable_count; i++) {
        names_set(&disk->names, &disk->name_count, &disk->name_capacity,
                  disk->durable_names[i].text, disk->durable_names[i].inode);
    }
    DE_ASSERT(disk->name_count == disk->durable_count && disk->journal_count == 0);
}

uint64_t de_disk_digest(const struct de_disk *disk)
{
    uint64_t hash = disk->name_count;

    for (size_t i = 0; i < disk->name_count; i++) {
        hash = de_trace_mix(hash,
                            de_trace_hash_bytes(disk->names[i].text, strlen(disk->names[i].text)));
        hash = de_trace_mix(hash, de_disk_inode_digest(disk->names[i].inode));
    }
    return hash;
}
