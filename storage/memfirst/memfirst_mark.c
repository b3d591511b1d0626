#include "storage/memfirst/memfirst_mark.h"

#include <dengine/error.h>

#include "core/base/assert.h"
#include "storage/memfirst/memfirst.h"

int de_memfirst_mark_find(struct dengine_dir dir, bool *found)
{
    struct dengine_file *file;
    int err;

    DE_ASSERT(dir.ops != NULL);
    DE_ASSERT(found != NULL);
    err = dir.ops->open(dir.object, DE_MEMFIRST_MARK, DENGINE_FILE_READ, &file);
    *found = err == 0;
    if (err == 0) {
        dir.ops->close(dir.object, file);
    }
    return err == DENGINE_E_NOT_FOUND ? 0 : err;
}

int de_memfirst_mark_set(struct dengine_dir dir)
{
    struct dengine_file *file;
    int err;

    DE_ASSERT(dir.ops != NULL);
    err = dir.ops->open(dir.object, DE_MEMFIRST_MARK, DENGINE_FILE_CREATE, &file);
    if (err != 0) {
        return err;
    }
    err = dir.ops->sync(dir.object, file);
    dir.ops->close(dir.object, file);
    DE_ASSERT(err <= 0);
    return err != 0 ? err : dir.ops->sync_dir(dir.object);
}

int de_memfirst_mark_clear(struct dengine_dir dir)
{
    int err;

    DE_ASSERT(dir.ops != NULL);
    err = dir.ops->remove(dir.object, DE_MEMFIRST_MARK);
    DE_ASSERT(err <= 0);
    return err != 0 ? err : dir.ops->sync_dir(dir.object);
}
