#include "storage/contract/count_dir.h"

#include <stdlib.h>

#include "core/base/assert.h"

struct de_count_dir {
    struct dengine_dir behind;
    struct de_call_counts counts;
};

static int count_open(void *dir, const char *name, enum dengine_file_mode mode,
                      struct dengine_file **file)
{
    struct de_count_dir *count = dir;

    count->counts.all++;
    count->counts.creates += mode == DENGINE_FILE_CREATE;
    return count->behind.ops->open(count->behind.object, name, mode, file);
}

static void count_close(void *dir, struct dengine_file *file)
{
    struct de_count_dir *count = dir;

    count->behind.ops->close(count->behind.object, file);
}

static int count_read(void *dir, struct dengine_file *file, uint64_t offset, void *data,
                      size_t size)
{
    struct de_count_dir *count = dir;

    count->counts.all++;
    count->counts.reads++;
    count->counts.read_bytes += size;
    return count->behind.ops->read(count->behind.object, file, offset, data, size);
}

static int count_write(void *dir, struct dengine_file *file, uint64_t offset,
                       const struct dengine_slice *buffers, size_t buffer_count)
{
    struct de_count_dir *count = dir;

    count->counts.all++;
    count->counts.writes++;
    return count->behind.ops->write(count->behind.object, file, offset, buffers, buffer_count);
}

static int count_sync(void *dir, struct dengine_file *file)
{
    struct de_count_dir *count = dir;

    count->counts.all++;
    count->counts.syncs++;
    return count->behind.ops->sync(count->behind.object, file);
}

static int count_size(void *dir, struct dengine_file *file, uint64_t *size_bytes)
{
    struct de_count_dir *count = dir;

    return count->behind.ops->size(count->behind.object, file, size_bytes);
}

static int count_truncate(void *dir, struct dengine_file *file, uint64_t size_bytes)
{
    struct de_count_dir *count = dir;

    count->counts.all++;
    return count->behind.ops->truncate(count->behind.object, file, size_bytes);
}

static int count_allocate(void *dir, struct dengine_file *file, uint64_t size_bytes)
{
    struct de_count_dir *count = dir;

    count->counts.all++;
    return count->behind.ops->allocate(count->behind.object, file, size_bytes);
}

static int count_rename(void *dir, const char *from, const char *to)
{
    struct de_count_dir *count = dir;

    count->counts.all++;
    count->counts.renames++;
    return count->behind.ops->rename(count->behind.object, from, to);
}

static int count_remove(void *dir, const char *name)
{
    struct de_count_dir *count = dir;
    int error = count->behind.ops->remove(count->behind.object, name);

    count->counts.all++;
    count->counts.removes += error == 0;
    return error;
}

static int count_sync_dir(void *dir)
{
    struct de_count_dir *count = dir;

    count->counts.all++;
    return count->behind.ops->sync_dir(count->behind.object);
}

static int count_list(void *dir, int (*visit)(void *context, const char *name), void *context)
{
    struct de_count_dir *count = dir;

    count->counts.all++;
    return count->behind.ops->list(count->behind.object, visit, context);
}

struct de_count_dir *de_count_dir_new(struct dengine_dir behind)
{
    struct de_count_dir *count = calloc(1, sizeof(*count));

    DE_ASSERT(behind.ops != NULL);
    DE_ASSERT(count != NULL);
    count->behind = behind;
    return count;
}

void de_count_dir_free(struct de_count_dir *count)
{
    free(count);
}

struct dengine_dir de_count_dir_dir(struct de_count_dir *count)
{
    static const struct dengine_dir_ops ops = {
        .open = count_open,
        .close = count_close,
        .read = count_read,
        .write = count_write,
        .sync = count_sync,
        .size = count_size,
        .truncate = count_truncate,
        .allocate = count_allocate,
        .rename = count_rename,
        .remove = count_remove,
        .sync_dir = count_sync_dir,
        .list = count_list,
    };
    struct dengine_dir dir = {&ops, count};

    DE_ASSERT(count != NULL);
    return dir;
}

struct de_call_counts de_count_dir_counts(const struct de_count_dir *count)
{
    DE_ASSERT(count != NULL);
    return count->counts;
}
