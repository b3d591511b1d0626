#include "storage/mem/mem_dir.h"

#include <pthread.h>

#include <dengine/error.h>

#include "core/base/assert.h"
#include "storage/base/heap.h"

/* A file; it lives as long as it has a name or is open. */
struct dengine_file {
    uint32_t holders;
    uint8_t *data;
    uint64_t size;
    uint64_t capacity;
};

struct name {
    char *text; /* owned */
    struct dengine_file *file;
};

struct mem_dir {
    struct de_allocator allocator;
    pthread_mutex_t lock; /* guards all of it */
    struct name *names;   /* ascending */
    size_t count;
    size_t capacity;
};

static void lock(struct mem_dir *dir)
{
    int code = pthread_mutex_lock(&dir->lock);

    DE_ASSERT(code == 0);
}

static void unlock(struct mem_dir *dir)
{
    int code = pthread_mutex_unlock(&dir->lock);

    DE_ASSERT(code == 0);
}

/* The position of the name, or where it would be; *found says which. */
static size_t position(const struct mem_dir *dir, const char *text, bool *found)
{
    size_t at = 0;

    DE_ASSERT(text != NULL && text[0] != '\0');
    DE_ASSERT(dir->count <= dir->capacity);
    *found = false;
    while (at < dir->count && strcmp(dir->names[at].text, text) < 0) {
        at++;
    }
    *found = at < dir->count && strcmp(dir->names[at].text, text) == 0;
    return at;
}

static void drop(struct mem_dir *dir, struct dengine_file *file)
{
    DE_ASSERT(file->holders > 0);
    DE_ASSERT(file->size <= file->capacity);
    if (--file->holders == 0) {
        de_release(&dir->allocator, file->data);
        de_release(&dir->allocator, file);
    }
}

/* Takes the name at a position away, and gives up its hold of the file. */
static void take_name(struct mem_dir *dir, size_t at)
{
    struct name gone = dir->names[at];

    DE_ASSERT(at < dir->count);
    DE_ASSERT(gone.file->holders > 0);
    memmove(&dir->names[at], &dir->names[at + 1], (dir->count - at - 1) * sizeof(dir->names[0]));
    dir->count--;
    de_release(&dir->allocator, gone.text);
    drop(dir, gone.file);
}

/* Room for one more name. */
static int reserve(struct mem_dir *dir)
{
    const size_t capacity = dir->capacity == 0 ? 8 : 2 * dir->capacity;
    struct name *grown;

    DE_ASSERT(dir->count <= dir->capacity);
    if (dir->count < dir->capacity) {
        return 0;
    }
    grown = de_reallocate(&dir->allocator, dir->names, capacity * sizeof(*grown));
    if (grown == NULL) {
        return DENGINE_E_NO_MEMORY;
    }
    dir->names = grown;
    dir->capacity = capacity;
    DE_ASSERT(dir->count < dir->capacity);
    return 0;
}

/* A name for the file, which it then holds; the name must not be there. */
static int give_name(struct mem_dir *dir, const char *text, struct dengine_file *file)
{
    const size_t bytes = strlen(text) + 1;
    bool found;
    char *copy;
    size_t at;

    DE_ASSERT(file->holders > 0);
    if (reserve(dir) != 0) {
        return DENGINE_E_NO_MEMORY;
    }
    copy = de_allocate(&dir->allocator, bytes);
    if (copy == NULL) {
        return DENGINE_E_NO_MEMORY;
    }
    memcpy(copy, text, bytes);
    at = position(dir, text, &found);
    DE_ASSERT(!found);
    memmove(&dir->names[at + 1], &dir->names[at], (dir->count - at) * sizeof(dir->names[0]));
    dir->names[at] = (struct name){copy, file};
    dir->count++;
    file->holders++;
    return 0;
}

static int create(struct mem_dir *dir, const char *name, struct dengine_file **file)
{
    struct dengine_file *made = de_allocate(&dir->allocator, sizeof(*made));

    DE_ASSERT(file != NULL);
    if (made == NULL) {
        return DENGINE_E_NO_MEMORY;
    }
    memset(made, 0, sizeof(*made));
    made->holders = 1; /* who opens it */
    if (give_name(dir, name, made) != 0) {
        drop(dir, made);
        return DENGINE_E_NO_MEMORY;
    }
    DE_ASSERT(made->holders == 2);
    *file = made;
    return 0;
}

static int mem_open(void *object, const char *name, enum dengine_file_mode mode,
                    struct dengine_file **file)
{
    struct mem_dir *dir = object;
    bool found;
    size_t at;
    int error = 0;

    DE_ASSERT(file != NULL);
    lock(dir);
    at = position(dir, name, &found);
    if (mode == DENGINE_FILE_CREATE) {
        error = found ? DENGINE_E_INVALID : create(dir, name, file);
    } else if (found) {
        *file = dir->names[at].file;
        (*file)->holders++;
    } else {
        error = DENGINE_E_NOT_FOUND;
    }
    unlock(dir);
    return error;
}

static void mem_close(void *object, struct dengine_file *file)
{
    struct mem_dir *dir = object;

    DE_ASSERT(file != NULL);
    lock(dir);
    drop(dir, file);
    unlock(dir);
}

static int mem_read(void *object, struct dengine_file *file, uint64_t offset, void *data,
                    size_t size)
{
    struct mem_dir *dir = object;
    int error = 0;

    DE_ASSERT(file != NULL);
    DE_ASSERT(data != NULL || size == 0);
    lock(dir);
    if (offset > file->size || size > file->size - offset) {
        error = DENGINE_E_IO;
    } else if (size > 0) {
        memcpy(data, file->data + offset, size);
    }
    unlock(dir);
    return error;
}

/* Makes the file so long; what is new is zero. */
static int grow(struct mem_dir *dir, struct dengine_file *file, uint64_t size)
{
    uint64_t capacity = file->capacity < 4096 ? 4096 : file->capacity;
    uint8_t *grown;

    DE_ASSERT(size >= file->size && size <= SIZE_MAX / 2);
    while (capacity < size) {
        capacity *= 2;
    }
    if (capacity > file->capacity) {
        grown = de_reallocate(&dir->allocator, file->data, (size_t)capacity);
        if (grown == NULL) {
            return DENGINE_E_NO_SPACE; /* this is the device */
        }
        file->data = grown;
        file->capacity = capacity;
    }
    memset(file->data + file->size, 0, (size_t)(size - file->size));
    file->size = size;
    DE_ASSERT(file->size <= file->capacity);
    return 0;
}

static int mem_write(void *object, struct dengine_file *file, uint64_t offset,
                     const struct dengine_slice *buffers, size_t count)
{
    struct mem_dir *dir = object;
    uint64_t end = offset;
    int error = 0;

    DE_ASSERT(file != NULL);
    DE_ASSERT(buffers != NULL || count == 0);
    for (size_t i = 0; i < count; i++) {
        end += buffers[i].size;
    }
    lock(dir);
    if (end > file->size) {
        error = grow(dir, file, end);
    }
    for (size_t i = 0; i < count && error == 0; i++) {
        if (buffers[i].size > 0) {
            memcpy(file->data + offset, buffers[i].data, buffers[i].size);
        }
        offset += buffers[i].size;
    }
    unlock(dir);
    return error;
}

static int mem_sync(void *object, struct dengine_file *file)
{
    DE_ASSERT(object != NULL);
    DE_ASSERT(file != NULL);
    return 0;
}

static int mem_size(void *object, struct dengine_file *file, uint64_t *size_bytes)
{
    struct mem_dir *dir = object;

    DE_ASSERT(file != NULL);
    DE_ASSERT(size_bytes != NULL);
    lock(dir);
    *size_bytes = file->size;
    unlock(dir);
    return 0;
}

static int mem_truncate(void *object, struct dengine_file *file, uint64_t size_bytes)
{
    struct mem_dir *dir = object;
    int error = 0;

    DE_ASSERT(file != NULL);
    lock(dir);
    if (size_bytes > file->size) {
        error = grow(dir, file, size_bytes);
    }
    file->size = error == 0 ? size_bytes : file->size;
    unlock(dir);
    return error;
}

static int mem_allocate(void *object, struct dengine_file *file, uint64_t size_bytes)
{
    struct mem_dir *dir = object;
    int error = 0;

    DE_ASSERT(file != NULL);
    lock(dir);
    if (size_bytes > file->size) {
        error = grow(dir, file, size_bytes);
    }
    unlock(dir);
    return error;
}

static int mem_rename(void *object, const char *from, const char *to)
{
    struct mem_dir *dir = object;
    struct dengine_file *file;
    bool found;
    size_t at;
    int error = 0;

    DE_ASSERT(strcmp(from, to) != 0);
    lock(dir);
    at = position(dir, from, &found);
    if (!found) {
        unlock(dir);
        return DENGINE_E_NOT_FOUND;
    }
    file = dir->names[at].file;
    at = position(dir, to, &found);
    if (found) {
        drop(dir, dir->names[at].file);
        dir->names[at].file = file;
        file->holders++;
    } else {
        error = give_name(dir, to, file);
    }
    if (error == 0) {
        at = position(dir, from, &found);
        DE_ASSERT(found);
        take_name(dir, at);
    }
    unlock(dir);
    return error;
}

static int mem_remove(void *object, const char *name)
{
    struct mem_dir *dir = object;
    bool found;
    size_t at;

    DE_ASSERT(name != NULL);
    lock(dir);
    at = position(dir, name, &found);
    if (found) {
        take_name(dir, at);
    }
    unlock(dir);
    return found ? 0 : DENGINE_E_NOT_FOUND;
}

static int mem_sync_dir(void *object)
{
    DE_ASSERT(object != NULL);
    return 0;
}

/* The visitor may not change the directory. */
static int mem_list(void *object, int (*visit)(void *context, const char *name), void *context)
{
    const struct mem_dir *dir = object;
    int result = 0;

    DE_ASSERT(visit != NULL);
    DE_ASSERT(dir->count <= dir->capacity);
    for (size_t i = 0; i < dir->count && result == 0; i++) {
        result = visit(context, dir->names[i].text);
    }
    return result;
}

int de_mem_dir_open(const struct de_allocator *allocator, struct dengine_dir *dir)
{
    static const struct dengine_dir_ops ops = {
        .open = mem_open,
        .close = mem_close,
        .read = mem_read,
        .write = mem_write,
        .sync = mem_sync,
        .size = mem_size,
        .truncate = mem_truncate,
        .allocate = mem_allocate,
        .rename = mem_rename,
        .remove = mem_remove,
        .sync_dir = mem_sync_dir,
        .list = mem_list,
    };
    struct mem_dir *made;

    DE_ASSERT(dir != NULL);
    allocator = allocator == NULL ? de_heap_allocator() : allocator;
    made = de_allocate(allocator, sizeof(*made));
    if (made == NULL) {
        return DENGINE_E_NO_MEMORY;
    }
    memset(made, 0, sizeof(*made));
    made->allocator = *allocator;
    if (pthread_mutex_init(&made->lock, NULL) != 0) {
        de_release(allocator, made);
        return DENGINE_E_NO_MEMORY;
    }
    dir->ops = &ops;
    dir->object = made;
    return 0;
}

void de_mem_dir_close(struct dengine_dir dir)
{
    struct mem_dir *mem = dir.object;
    struct de_allocator allocator = mem->allocator;

    DE_ASSERT(dir.ops->open == mem_open);
    while (mem->count > 0) {
        DE_ASSERT(mem->names[mem->count - 1].file->holders == 1);
        take_name(mem, mem->count - 1);
    }
    de_release(&allocator, mem->names);
    (void)pthread_mutex_destroy(&mem->lock);
    de_release(&allocator, mem);
}
