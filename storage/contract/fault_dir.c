#include "storage/contract/fault_dir.h"

#include <stdio.h>
#include <stdlib.h>

#include <dengine/error.h>

#include "core/base/assert.h"
#include "core/base/random.h"

#define FILES_MAX    256u
#define NAMES_MAX    64u
#define PENDING_MAX  64u
#define NAME_BYTES   40u
#define SECTOR_BYTES 512u

#define GROW_BYTES 65536u

DE_STATIC_ASSERT(GROW_BYTES % SECTOR_BYTES == 0, "a file is whole sectors");
DE_STATIC_ASSERT(PENDING_MAX <= 64, "a mask holds a bit for each");
DE_STATIC_ASSERT(NAMES_MAX <= FILES_MAX, "every name can have a file of its own");

/* An inode: lives as long as the directory object. */
struct fault_file {
    uint8_t *now;
    uint64_t now_size;
    uint8_t *durable;
    uint64_t durable_size;
    bool *dirty; /* per sector */
    uint64_t capacity;
};

struct fault_name {
    char name[NAME_BYTES];
    size_t file;
};

struct name_table {
    struct fault_name names[NAMES_MAX];
    size_t count;
};

enum pending_kind { PENDING_CREATE, PENDING_RENAME, PENDING_REMOVE };

struct pending {
    enum pending_kind kind;
    char name[NAME_BYTES];
    char to[NAME_BYTES];
    size_t file;
};

struct de_fault_dir {
    struct fault_file files[FILES_MAX];
    size_t file_count;
    struct name_table now;
    struct name_table durable;
    struct pending pending[PENDING_MAX];
    size_t pending_count;
    uint64_t operations;
    uint64_t syncs;
    uint64_t fail_at;
    int fail_error;
    bool fail_once;
    int read_error;
    uint64_t space;
};

static void *must_have(void *memory)
{
    DE_ASSERT(memory != NULL);
    return memory;
}

static void set_name(char *to, const char *name)
{
    int length = snprintf(to, NAME_BYTES, "%s", name);

    DE_ASSERT(length > 0 && (size_t)length < NAME_BYTES);
}

static struct fault_name *table_find(struct name_table *table, const char *name)
{
    DE_ASSERT(name != NULL && name[0] != '\0');
    DE_ASSERT(table->count <= NAMES_MAX);
    for (size_t i = 0; i < table->count; i++) {
        if (strcmp(table->names[i].name, name) == 0) {
            return &table->names[i];
        }
    }
    return NULL;
}

static void table_remove(struct name_table *table, const char *name)
{
    struct fault_name *found = table_find(table, name);

    if (found != NULL) {
        DE_ASSERT(table->count > 0);
        *found = table->names[--table->count];
    }
    DE_ASSERT(table_find(table, name) == NULL);
}

static void table_set(struct name_table *table, const char *name, size_t file)
{
    table_remove(table, name);
    DE_ASSERT(table->count < NAMES_MAX);
    DE_ASSERT(file < FILES_MAX);
    set_name(table->names[table->count].name, name);
    table->names[table->count++].file = file;
}

static void table_apply(struct name_table *table, const struct pending *pending)
{
    switch (pending->kind) {
    case PENDING_CREATE:
        table_set(table, pending->name, pending->file);
        break;
    case PENDING_RENAME:
        /* When the file's creation did not survive, there is nothing to rename. */
        if (table_find(table, pending->name) != NULL) {
            table_remove(table, pending->name);
            table_set(table, pending->to, pending->file);
        }
        break;
    case PENDING_REMOVE:
        table_remove(table, pending->name);
        break;
    }
}

static void file_resize(struct fault_file *file, uint64_t size)
{
    if (size > file->capacity) {
        uint64_t capacity = (size + GROW_BYTES - 1) / GROW_BYTES * GROW_BYTES;
        uint64_t sectors = capacity / SECTOR_BYTES;
        uint64_t old = file->capacity / SECTOR_BYTES;

        file->now = must_have(realloc(file->now, (size_t)capacity));
        file->durable = must_have(realloc(file->durable, (size_t)capacity));
        file->dirty = must_have(realloc(file->dirty, (size_t)sectors * sizeof(bool)));
        memset(file->now + file->capacity, 0, (size_t)(capacity - file->capacity));
        memset(file->durable + file->capacity, 0, (size_t)(capacity - file->capacity));
        memset(file->dirty + old, 0, (size_t)(sectors - old) * sizeof(bool));
        file->capacity = capacity;
    }
    if (size < file->now_size) {
        memset(file->now + size, 0, (size_t)(file->now_size - size));
    }
    file->now_size = size;
    DE_ASSERT(file->now_size <= file->capacity);
    DE_ASSERT(file->capacity % SECTOR_BYTES == 0);
}

struct de_fault_dir *de_fault_dir_new(void)
{
    struct de_fault_dir *fault = must_have(calloc(1, sizeof(*fault)));

    fault->fail_at = UINT64_MAX;
    fault->space = UINT64_MAX;
    return fault;
}

void de_fault_dir_free(struct de_fault_dir *fault)
{
    DE_ASSERT(fault != NULL && fault->file_count <= FILES_MAX);
    for (size_t i = 0; i < fault->file_count; i++) {
        free(fault->files[i].now);
        free(fault->files[i].durable);
        free(fault->files[i].dirty);
    }
    free(fault);
}

/* Counts an operation; the error it is to fail with. */
static int step(struct de_fault_dir *fault)
{
    uint64_t number = fault->operations++;
    bool fails = fault->fail_once ? number == fault->fail_at : number >= fault->fail_at;

    DE_ASSERT_IMPLIES(fails, fault->fail_error < 0);
    return fails ? fault->fail_error : 0;
}

static void push_pending(struct de_fault_dir *fault, enum pending_kind kind, const char *name,
                         const char *to, size_t file)
{
    struct pending *pending = &fault->pending[fault->pending_count];

    DE_ASSERT(fault->pending_count < PENDING_MAX);
    DE_ASSERT((kind == PENDING_RENAME) == (to != NULL));
    DE_ASSERT(file < fault->file_count);
    fault->pending_count++;
    memset(pending, 0, sizeof(*pending));
    pending->kind = kind;
    pending->file = file;
    set_name(pending->name, name);
    if (to != NULL) {
        set_name(pending->to, to);
    }
}

static int fault_open(void *dir, const char *name, enum dengine_file_mode mode,
                      struct dengine_file **file)
{
    struct de_fault_dir *fault = dir;
    const struct fault_name *found = table_find(&fault->now, name);
    size_t which;

    if (mode != DENGINE_FILE_CREATE) {
        if (found == NULL) {
            return DENGINE_E_NOT_FOUND;
        }
        which = found->file;
    } else {
        int error = step(fault);

        if (error != 0) {
            return error;
        }
        if (found != NULL) {
            return DENGINE_E_INVALID;
        }
        DE_ASSERT(fault->file_count < FILES_MAX);
        which = fault->file_count++;
        table_set(&fault->now, name, which);
        push_pending(fault, PENDING_CREATE, name, NULL, which);
    }
    DE_ASSERT(which < fault->file_count);
    DE_ASSERT(table_find(&fault->now, name) != NULL);
    *file = (struct dengine_file *)(void *)&fault->files[which];
    return 0;
}

static struct fault_file *file_of(struct dengine_file *file)
{
    DE_ASSERT(file != NULL);
    return (struct fault_file *)(void *)file;
}

static void fault_close(void *dir, struct dengine_file *file)
{
    DE_ASSERT(dir != NULL);
    DE_ASSERT(file != NULL);
}

static int fault_read(void *dir, struct dengine_file *file, uint64_t offset, void *data,
                      size_t size)
{
    const struct de_fault_dir *fault = dir;
    const struct fault_file *inode = file_of(file);

    DE_ASSERT(data != NULL || size == 0);
    DE_ASSERT(fault->read_error <= 0);
    if (fault->read_error != 0) {
        return fault->read_error;
    }
    if (offset > inode->now_size || size > inode->now_size - offset) {
        return DENGINE_E_IO;
    }
    if (size > 0) {
        memcpy(data, inode->now + offset, size);
    }
    return 0;
}

static uint64_t space_used(const struct de_fault_dir *fault)
{
    uint64_t used = 0;

    for (size_t i = 0; i < fault->now.count; i++) {
        used += fault->files[fault->now.names[i].file].now_size;
    }
    return used;
}

/* Room for a file to grow to `size`. */
static bool has_space(const struct de_fault_dir *fault, const struct fault_file *file,
                      uint64_t size)
{
    return size <= file->now_size || (fault->space >= space_used(fault) &&
                                      size - file->now_size <= fault->space - space_used(fault));
}

static void mark_dirty(struct fault_file *file, uint64_t from, uint64_t to)
{
    DE_ASSERT(from <= to && to <= file->capacity);
    for (uint64_t at = from / SECTOR_BYTES; at * SECTOR_BYTES < to; at++) {
        file->dirty[at] = true;
    }
}

static int fault_write(void *dir, struct dengine_file *file, uint64_t offset,
                       const struct dengine_slice *buffers, size_t count)
{
    struct de_fault_dir *fault = dir;
    struct fault_file *inode = file_of(file);
    uint64_t end = offset;
    int error = step(fault);

    for (size_t i = 0; i < count; i++) {
        end += buffers[i].size;
    }
    if (!has_space(fault, inode, end)) {
        return error != 0 ? error : DENGINE_E_NO_SPACE;
    }
    if (end > inode->now_size) {
        file_resize(inode, end);
    }
    mark_dirty(inode, offset, end);
    for (size_t i = 0; i < count; i++) {
        if (buffers[i].size > 0) {
            memcpy(inode->now + offset, buffers[i].data, buffers[i].size);
        }
        offset += buffers[i].size;
    }
    DE_ASSERT(offset == end && end <= inode->now_size);
    return error;
}

static void file_settle(struct fault_file *file)
{
    if (file->capacity > 0) {
        memcpy(file->durable, file->now, (size_t)file->capacity);
        memset(file->dirty, 0, (size_t)(file->capacity / SECTOR_BYTES) * sizeof(bool));
    }
    file->durable_size = file->now_size;
    DE_ASSERT(file->durable_size <= file->capacity);
}

static int fault_sync(void *dir, struct dengine_file *file)
{
    struct de_fault_dir *fault = dir;
    int error = step(fault);

    if (error == 0) {
        file_settle(file_of(file));
        fault->syncs++;
    }
    return error;
}

static int fault_size(void *dir, struct dengine_file *file, uint64_t *size_bytes)
{
    DE_ASSERT(dir != NULL);
    *size_bytes = file_of(file)->now_size;
    return 0;
}

static int fault_truncate(void *dir, struct dengine_file *file, uint64_t size_bytes)
{
    struct de_fault_dir *fault = dir;
    struct fault_file *inode = file_of(file);
    int error = step(fault);

    if (error != 0) {
        return error;
    }
    if (!has_space(fault, inode, size_bytes)) {
        return DENGINE_E_NO_SPACE;
    }
    file_resize(inode, size_bytes);
    return 0;
}

static int fault_allocate(void *dir, struct dengine_file *file, uint64_t size_bytes)
{
    struct de_fault_dir *fault = dir;
    struct fault_file *inode = file_of(file);
    int error = step(fault);

    if (error != 0) {
        return error;
    }
    if (!has_space(fault, inode, size_bytes)) {
        return DENGINE_E_NO_SPACE;
    }
    DE_ASSERT(size_bytes > 0);
    file_resize(inode, size_bytes > inode->now_size ? size_bytes : inode->now_size);
    memset(inode->now, 0, (size_t)size_bytes);
    mark_dirty(inode, 0, size_bytes);
    return 0;
}

static int fault_rename(void *dir, const char *from, const char *to)
{
    struct de_fault_dir *fault = dir;
    const struct fault_name *found = table_find(&fault->now, from);
    int error = step(fault);

    if (error != 0) {
        return error;
    }
    if (found == NULL) {
        return DENGINE_E_NOT_FOUND;
    }
    push_pending(fault, PENDING_RENAME, from, to, found->file);
    table_apply(&fault->now, &fault->pending[fault->pending_count - 1]);
    DE_ASSERT(table_find(&fault->now, from) == NULL && table_find(&fault->now, to) != NULL);
    return 0;
}

static int fault_remove(void *dir, const char *name)
{
    struct de_fault_dir *fault = dir;
    const struct fault_name *found = table_find(&fault->now, name);
    int error;

    if (found == NULL) {
        return DENGINE_E_NOT_FOUND;
    }
    error = step(fault);
    if (error == 0) {
        push_pending(fault, PENDING_REMOVE, name, NULL, found->file);
        table_remove(&fault->now, name);
    }
    return error;
}

static int fault_sync_dir(void *dir)
{
    struct de_fault_dir *fault = dir;
    int error = step(fault);

    if (error == 0) {
        fault->durable = fault->now;
        fault->pending_count = 0;
    }
    DE_ASSERT_IMPLIES(error == 0, fault->durable.count == fault->now.count);
    return error;
}

static int compare_names(const void *a, const void *b)
{
    const struct fault_name *left = a;
    const struct fault_name *right = b;

    return strcmp(left->name, right->name);
}

static int fault_list(void *dir, int (*visit)(void *context, const char *name), void *context)
{
    struct de_fault_dir *fault = dir;
    struct name_table table = fault->now;
    int result = 0;

    qsort(table.names, table.count, sizeof(table.names[0]), compare_names);
    for (size_t i = 0; i < table.count && result == 0; i++) {
        DE_ASSERT(i == 0 || strcmp(table.names[i - 1].name, table.names[i].name) < 0);
        result = visit(context, table.names[i].name);
    }
    return result;
}

struct dengine_dir de_fault_dir_dir(struct de_fault_dir *fault)
{
    static const struct dengine_dir_ops ops = {
        .open = fault_open,
        .close = fault_close,
        .read = fault_read,
        .write = fault_write,
        .sync = fault_sync,
        .size = fault_size,
        .truncate = fault_truncate,
        .allocate = fault_allocate,
        .rename = fault_rename,
        .remove = fault_remove,
        .sync_dir = fault_sync_dir,
        .list = fault_list,
    };
    struct dengine_dir dir = {&ops, fault};

    return dir;
}

uint64_t de_fault_dir_operations(const struct de_fault_dir *fault)
{
    return fault->operations;
}

uint64_t de_fault_dir_syncs(const struct de_fault_dir *fault)
{
    return fault->syncs;
}

void de_fault_dir_fail_at(struct de_fault_dir *fault, uint64_t at, int error, bool once)
{
    DE_ASSERT(at == UINT64_MAX || error < 0);
    fault->fail_at = at;
    fault->fail_error = error;
    fault->fail_once = once;
}

void de_fault_dir_fail_reads(struct de_fault_dir *fault, int error)
{
    DE_ASSERT(error <= 0);
    fault->read_error = error;
}

void de_fault_dir_set_space(struct de_fault_dir *fault, uint64_t bytes)
{
    fault->space = bytes;
}

static void crash_sector(struct fault_file *file, uint64_t sector, enum de_fault_crash kind,
                         struct de_random *random)
{
    uint8_t *now = file->now + sector * SECTOR_BYTES;
    uint64_t fate = de_random_below(random, kind == DE_FAULT_RANDOM_SPOIL ? 8 : 2);

    DE_ASSERT(kind != DE_FAULT_PROCESS);
    DE_ASSERT(file->dirty[sector]);
    if (kind == DE_FAULT_LOSE_ALL || (kind != DE_FAULT_KEEP_ALL && fate % 2 == 0)) {
        memcpy(now, file->durable + sector * SECTOR_BYTES, SECTOR_BYTES);
    } else if (kind == DE_FAULT_RANDOM_SPOIL && fate == 7) {
        for (size_t i = 0; i < SECTOR_BYTES; i++) {
            now[i] = (uint8_t)de_random_below(random, 256);
        }
    }
}

static void crash_file(struct fault_file *file, enum de_fault_crash kind, struct de_random *random)
{
    for (uint64_t sector = 0; sector < file->capacity / SECTOR_BYTES; sector++) {
        if (file->dirty[sector]) {
            crash_sector(file, sector, kind, random);
        }
    }
    if (kind == DE_FAULT_LOSE_ALL ||
        (kind != DE_FAULT_KEEP_ALL && de_random_below(random, 2) == 0)) {
        file_resize(file, file->durable_size);
    }
    file_settle(file);
}

static void crash_settle(struct de_fault_dir *fault)
{
    fault->now = fault->durable;
    DE_ASSERT(fault->pending_count <= PENDING_MAX);
    fault->pending_count = 0;
    fault->fail_at = UINT64_MAX;
    fault->read_error = 0;
}

void de_fault_dir_crash(struct de_fault_dir *fault, enum de_fault_crash kind, uint64_t seed)
{
    struct de_random random;

    if (kind == DE_FAULT_PROCESS) {
        fault->fail_at = UINT64_MAX;
        fault->read_error = 0;
        return;
    }
    de_random_init(&random, seed);
    for (size_t i = 0; i < fault->file_count; i++) {
        crash_file(&fault->files[i], kind, &random);
    }
    for (size_t i = 0; i < fault->pending_count; i++) {
        if (kind == DE_FAULT_KEEP_ALL ||
            (kind != DE_FAULT_LOSE_ALL && de_random_below(&random, 2) == 0)) {
            table_apply(&fault->durable, &fault->pending[i]);
        }
    }
    crash_settle(fault);
}

void de_fault_dir_crash_names(struct de_fault_dir *fault, uint64_t mask)
{
    DE_ASSERT(fault->pending_count == 64 || mask >> fault->pending_count == 0);
    for (size_t i = 0; i < fault->file_count; i++) {
        file_settle(&fault->files[i]);
    }
    for (size_t i = 0; i < fault->pending_count; i++) {
        if ((mask >> i & 1) != 0) {
            table_apply(&fault->durable, &fault->pending[i]);
        }
    }
    crash_settle(fault);
}

size_t de_fault_dir_pending(const struct de_fault_dir *fault)
{
    return fault->pending_count;
}

uint8_t *de_fault_dir_bytes(struct de_fault_dir *fault, const char *name, uint64_t *size_bytes)
{
    const struct fault_name *found = table_find(&fault->now, name);

    if (found == NULL) {
        return NULL;
    }
    *size_bytes = fault->files[found->file].now_size;
    return fault->files[found->file].now;
}

void de_fault_dir_cut(struct de_fault_dir *fault, const char *name, uint64_t size_bytes)
{
    const struct fault_name *found = table_find(&fault->now, name);

    DE_ASSERT(found != NULL);
    file_resize(&fault->files[found->file], size_bytes);
    file_settle(&fault->files[found->file]);
}

void de_fault_dir_lose(struct de_fault_dir *fault, const char *name)
{
    DE_ASSERT(table_find(&fault->now, name) != NULL);
    table_remove(&fault->now, name);
    table_remove(&fault->durable, name);
}

struct de_fault_dir *de_fault_dir_copy(const struct de_fault_dir *fault)
{
    struct de_fault_dir *copy = de_fault_dir_new();

    for (size_t i = 0; i < fault->now.count; i++) {
        const struct fault_file *from = &fault->files[fault->now.names[i].file];
        struct fault_file *to = &copy->files[copy->file_count];

        file_resize(to, from->now_size);
        if (from->now_size > 0) {
            memcpy(to->now, from->now, (size_t)from->now_size);
        }
        file_settle(to);
        table_set(&copy->now, fault->now.names[i].name, copy->file_count++);
    }
    copy->durable = copy->now;
    return copy;
}
