/* Every state that a power cut, or the death of the process, may leave of the state store, at every
 * point of a short life.
 *
 * The store is not synced while it works: its pages are stored into a memory map, and the system
 * writes them when it likes. So this program takes the place of the C library where the store and
 * LMDB change files, and stops before each change to look at the directory as it is then, and as a
 * power cut may leave it: each file as it was synced last, or as it is, or any mixture of their
 * sectors, or garbage in some; each name as it was when the directory was synced last, or as it is.
 * Each image is opened.
 *
 * - In the next boot: it is discarded, or it is what was closed in good order. Never anything else.
 * - In the same boot, after the death of the process: it is what was committed last, or the commit
 *   or replacement under way. */
#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/assert.h"
#include "core/base/random.h"
#include "storage/contract/kv_model.h"
#include "storage/lmdb/lmdb_kv.h"

#define LIVE         "lmdb_state.live"
#define IMAGE        "lmdb_state.cut"
#define THIS_BOOT    "lmdb_state.boot1"
#define NEXT_BOOT    "lmdb_state.boot2"
#define INODES_MAX   256u
#define NAMES_MAX    16u
#define FILE_BYTES   (1u << 20) /* of a file, at most, without the zeros at its end */
#define MAP_BYTES    (1u << 20)
#define SECTOR_BYTES 512u
#define CUTS         4u /* images for each moment */

/* A file, whatever its names are. */
struct inode {
    ino_t number;
    uint8_t *now;
    uint8_t *synced;
    size_t now_bytes;
    size_t synced_bytes;
};

struct names {
    char text[NAMES_MAX][64];
    size_t inode[NAMES_MAX];
    size_t count;
};

static struct {
    bool on;
    bool busy; /* the calls are this program's own */
    struct inode inodes[INODES_MAX];
    size_t inode_count;
    struct names now;
    struct names synced;
    struct de_random random;
    size_t moments;
    size_t kept;      /* images that were kept in the next boot */
    size_t discarded; /* and that were not */
} disk;

/* What the store holds, by what it was told. */
static struct {
    struct de_kv_model closed;    /* when it was closed last */
    struct de_kv_model committed; /* last */
    struct de_kv_model next;      /* by the commit or replacement under way */
    bool closing;                 /* from its begin on it may count as closed */
} truth;

static void die(const char *what)
{
    (void)fprintf(stderr, "lmdb_state_image_test: %s\n", what);
    abort();
}

/* ---- what is there ---- */

static size_t inode_of(ino_t number)
{
    size_t at = 0;

    while (at < disk.inode_count && disk.inodes[at].number != number) {
        at++;
    }
    if (at == disk.inode_count) {
        struct inode *made = &disk.inodes[disk.inode_count++];

        if (disk.inode_count == INODES_MAX) {
            die("too many files");
        }
        made->number = number;
        made->now = calloc(1, FILE_BYTES);
        made->synced = calloc(1, FILE_BYTES);
        if (made->now == NULL || made->synced == NULL) {
            die("no memory");
        }
    }
    return at;
}

/* The file as the page cache has it. A map makes it long; behind what is used there are zeros. */
static void read_inode(struct inode *inode, const char *path)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat status;
    ssize_t got;

    if (fd < 0 || fstat(fd, &status) != 0) {
        die(path);
    }
    memset(inode->now, 0, FILE_BYTES);
    got = pread(fd, inode->now, FILE_BYTES, 0);
    if (got < 0) {
        die(path);
    }
    inode->now_bytes = (size_t)(status.st_size < FILE_BYTES ? status.st_size : FILE_BYTES);
    (void)close(fd);
}

static void look(void)
{
    DIR *dir = opendir(LIVE);
    const struct dirent *entry;

    if (dir == NULL) {
        die("no directory");
    }
    disk.now.count = 0;
    while ((entry = readdir(dir)) != NULL) {
        char path[320];
        struct stat status;
        struct names *names = &disk.now;

        (void)snprintf(path, sizeof(path), LIVE "/%s", entry->d_name);
        if (stat(path, &status) != 0 || !S_ISREG(status.st_mode)) {
            continue;
        }
        if (names->count == NAMES_MAX || strlen(entry->d_name) >= sizeof(names->text[0])) {
            die("too many names");
        }
        (void)snprintf(names->text[names->count], sizeof(names->text[0]), "%.63s", entry->d_name);
        names->inode[names->count] = inode_of(status.st_ino);
        read_inode(&disk.inodes[names->inode[names->count]], path);
        names->count++;
    }
    (void)closedir(dir);
}

/* ---- images ---- */

static const size_t *find(const struct names *names, const char *text)
{
    for (size_t i = 0; i < names->count; i++) {
        if (strcmp(names->text[i], text) == 0) {
            return &names->inode[i];
        }
    }
    return NULL;
}

static void write_file(const char *name, const uint8_t *bytes, size_t size)
{
    char path[128];
    FILE *file;

    (void)snprintf(path, sizeof(path), IMAGE "/%s", name);
    file = fopen(path, "wb");
    if (file == NULL || fwrite(bytes, 1, size, file) != size || fclose(file) != 0) {
        die(path);
    }
}

/* how 0: all that was not synced is lost; 1: nothing is; else each sector is one or the other, or
 * with 3 perhaps spoilt. */
static void write_cut(const char *name, const struct inode *inode, uint32_t how)
{
    static uint8_t bytes[FILE_BYTES];
    const size_t most =
        inode->now_bytes > inode->synced_bytes ? inode->now_bytes : inode->synced_bytes;
    size_t size = how == 0 ? inode->synced_bytes : inode->now_bytes;

    memcpy(bytes, how == 1 ? inode->now : inode->synced, FILE_BYTES);
    for (size_t at = 0; how >= 2 && at < most; at += SECTOR_BYTES) {
        const uint64_t luck = de_random_below(&disk.random, how == 2 ? 2 : 4);

        if (memcmp(inode->now + at, inode->synced + at, SECTOR_BYTES) == 0) {
            continue;
        }
        if (luck == 1) {
            memcpy(bytes + at, inode->now + at, SECTOR_BYTES);
        } else if (luck == 3) {
            memset(bytes + at, 0xa5, SECTOR_BYTES);
        }
    }
    if (how >= 2 && de_random_below(&disk.random, 3) == 0) {
        size = inode->synced_bytes;
    }
    write_file(name, bytes, size);
}

static void empty_image(void)
{
    static const char *const names[] = {"data.mdb",      "data.mdb-lock", "next.mdb",
                                        "next.mdb-lock", "state.mark",    "state.mark.tmp"};

    (void)mkdir(IMAGE, 0700);
    for (size_t i = 0; i < DE_ARRAY_SIZE(names); i++) {
        char path[128];

        (void)snprintf(path, sizeof(path), IMAGE "/%s", names[i]);
        (void)unlink(path);
    }
}

/* Which of the two a name is, when the directory was not synced since it changed. */
static const size_t *cut_name(const char *text, uint32_t how)
{
    const size_t *before = find(&disk.synced, text);
    const size_t *after = find(&disk.now, text);

    if (how < 2) {
        return how == 0 ? before : after;
    }
    return de_random_below(&disk.random, 2) == 0 ? before : after;
}

static void make_cut(uint32_t how)
{
    empty_image();
    for (size_t i = 0; i < disk.synced.count + disk.now.count; i++) {
        const bool old = i < disk.synced.count;
        const char *text = old ? disk.synced.text[i] : disk.now.text[i - disk.synced.count];
        const size_t *inode;

        if (!old && find(&disk.synced, text) != NULL) {
            continue;
        }
        inode = cut_name(text, how);
        if (inode != NULL) {
            write_cut(text, &disk.inodes[*inode], how);
        }
    }
}

static bool holds(struct dengine_kv_store store, const struct de_kv_model *model,
                  struct dengine_contract_report *report)
{
    struct dengine_kv_view *view;
    bool same;

    if (store.ops->view_open(store.object, &view) != 0) {
        die("no view");
    }
    same = de_kv_model_matches(model, store, view, dengine_bytes(NULL, 0), report);
    store.ops->view_close(store.object, view);
    return same;
}

static struct dengine_kv_store open_image(const char *boot, enum de_lmdb_found *found)
{
    const struct de_lmdb_options options = {.map_bytes = MAP_BYTES, .boot_id_path = boot};
    struct dengine_kv_store store;
    char message[512] = "";

    if (de_lmdb_kv_open(IMAGE, &options, &store, found, message, sizeof(message)) != 0) {
        die(message);
    }
    return store;
}

static void check_cut(void)
{
    static const struct de_kv_model empty = {0};
    struct dengine_contract_report report = {""};
    enum de_lmdb_found found;
    struct dengine_kv_store store = open_image(NEXT_BOOT, &found);

    if (found != DE_LMDB_KEPT) {
        disk.discarded++;
        if (!holds(store, &empty, &report)) {
            die("what was discarded is not empty");
        }
    } else {
        disk.kept++;
        if (!holds(store, &truth.closed, &report) &&
            !(truth.closing && holds(store, &truth.committed, &report))) {
            die("kept, and not what was closed in good order");
        }
    }
    store.ops->close(store.object);
}

/* The process dies here and now; the page cache has everything. */
static void check_death(void)
{
    struct dengine_contract_report report = {""};
    enum de_lmdb_found found;
    struct dengine_kv_store store;

    make_cut(1);
    store = open_image(THIS_BOOT, &found);
    if (!holds(store, &truth.committed, &report) && !holds(store, &truth.next, &report)) {
        die(report.message);
    }
    store.ops->close(store.object);
}

static void moment(void)
{
    if (!disk.on || disk.busy) {
        return;
    }
    disk.busy = true;
    look();
    disk.moments++;
    for (uint32_t how = 0; how < CUTS; how++) {
        make_cut(how);
        check_cut();
    }
    check_death();
    disk.busy = false;
}

/* What a sync of the file makes durable: what the page cache had. */
static void note_sync(int fd)
{
    struct stat status;
    struct inode *inode;

    if (!disk.on || disk.busy || fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) {
        return;
    }
    moment();
    inode = &disk.inodes[inode_of(status.st_ino)];
    memcpy(inode->synced, inode->now, FILE_BYTES);
    inode->synced_bytes = inode->now_bytes;
}

/* ---- in the place of the C library ---- */

#define TAKES_PLACE __attribute__((visibility("default")))

TAKES_PLACE ssize_t pwrite(int fd, const void *data, size_t size, off_t offset)
{
    moment();
    return syscall(SYS_pwrite64, fd, data, size, offset);
}

TAKES_PLACE ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t offset)
{
    moment();
    return syscall(SYS_pwritev, fd, parts, count, offset, 0);
}

TAKES_PLACE ssize_t writev(int fd, const struct iovec *parts, int count)
{
    moment();
    return syscall(SYS_writev, fd, parts, count);
}

TAKES_PLACE int ftruncate(int fd, off_t size)
{
    moment();
    return (int)syscall(SYS_ftruncate, fd, size);
}

TAKES_PLACE int renameat(int from_dir, const char *from, int to_dir, const char *to)
{
    moment();
    return (int)syscall(SYS_renameat, from_dir, from, to_dir, to);
}

TAKES_PLACE int unlinkat(int dir, const char *name, int flags)
{
    moment();
    return (int)syscall(SYS_unlinkat, dir, name, flags);
}

/* The page cache is all this test needs of the real disk. */
TAKES_PLACE int fdatasync(int fd)
{
    note_sync(fd);
    return 0;
}

TAKES_PLACE int fsync(int fd)
{
    struct stat status;

    note_sync(fd);
    if (disk.on && !disk.busy && fstat(fd, &status) == 0 && S_ISDIR(status.st_mode)) {
        moment();
        disk.synced = disk.now;
    }
    return 0;
}

/* LMDB syncs its map: there is one file that is mapped to be written. */
TAKES_PLACE int msync(void *address, size_t size, int flags)
{
    const size_t *inode;

    (void)address;
    (void)size;
    (void)flags;
    if (disk.on && !disk.busy) {
        moment();
        inode = find(&disk.now, "data.mdb");
        if (inode == NULL) {
            die("a sync of no file");
        }
        memcpy(disk.inodes[*inode].synced, disk.inodes[*inode].now, FILE_BYTES);
        disk.inodes[*inode].synced_bytes = disk.inodes[*inode].now_bytes;
    }
    return 0;
}

/* ---- the life ---- */

static struct dengine_kv_store open_live(void)
{
    const struct de_lmdb_options options = {.map_bytes = MAP_BYTES, .boot_id_path = THIS_BOOT};
    struct dengine_kv_store store;
    enum de_lmdb_found found;
    char message[512] = "";

    if (de_lmdb_kv_open(LIVE, &options, &store, &found, message, sizeof(message)) != 0) {
        die(message);
    }
    return store;
}

static struct dengine_slice key_at(uint64_t number, char text[16])
{
    (void)snprintf(text, 16, "key%04u", (unsigned)number);
    return dengine_str(text);
}

static void transaction(struct dengine_kv_store store)
{
    uint8_t value[DE_KV_MODEL_DATA_BYTES];
    char text[16];

    truth.next = truth.committed;
    assert_int_equal(store.ops->begin(store.object), 0);
    for (uint64_t i = 0; i < 12; i++) {
        const struct dengine_slice key = key_at(de_random_below(&disk.random, 60), text);
        const struct dengine_slice data =
            dengine_bytes(value, (size_t)de_random_below(&disk.random, sizeof(value)));

        memset(value, (int)de_random_below(&disk.random, 256), sizeof(value));
        if (de_random_below(&disk.random, 4) > 0) {
            assert_int_equal(store.ops->put(store.object, key, data), 0);
            de_kv_model_put(&truth.next, key, data);
        } else if (de_kv_model_remove(&truth.next, key)) {
            assert_int_equal(store.ops->remove(store.object, key), 0);
        }
    }
    moment();
    assert_int_equal(store.ops->commit(store.object), 0);
    truth.committed = truth.next;
    moment();
}

static void replacement(struct dengine_kv_store store, bool carry_out)
{
    uint8_t value[DE_KV_MODEL_DATA_BYTES];
    char text[16];

    truth.next.count = 0;
    assert_int_equal(store.ops->replace_begin(store.object), 0);
    for (uint64_t i = 0; i < 60; i += 1 + de_random_below(&disk.random, 3)) {
        const struct dengine_slice key = key_at(i, text);
        const struct dengine_slice data = dengine_bytes(value, sizeof(value));

        memset(value, (int)de_random_below(&disk.random, 256), sizeof(value));
        assert_int_equal(store.ops->replace_put(store.object, key, data), 0);
        de_kv_model_put(&truth.next, key, data);
    }
    if (carry_out) {
        assert_int_equal(store.ops->replace_commit(store.object), 0);
        truth.committed = truth.next;
    } else {
        store.ops->replace_abort(store.object);
        truth.next = truth.committed;
    }
    moment();
}

static void live(void)
{
    for (int life = 0; life < 4; life++) {
        struct dengine_kv_store store = open_live();

        moment();
        for (int i = 0; i < 6; i++) {
            transaction(store);
        }
        replacement(store, life != 1);
        transaction(store);
        if (life != 2) {
            assert_int_equal(store.ops->sync(store.object), 0);
            moment();
        }
        transaction(store);
        truth.closing = true;
        store.ops->close(store.object);
        truth.closed = truth.committed;
        truth.closing = false;
        moment();
    }
}

static void write_text(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void remove_all(void)
{
    static const char *const names[] = {"data.mdb", "data.mdb-lock", "state.mark"};

    empty_image();
    for (size_t i = 0; i < DE_ARRAY_SIZE(names); i++) {
        char path[128];

        (void)snprintf(path, sizeof(path), LIVE "/%s", names[i]);
        (void)unlink(path);
    }
    (void)rmdir(LIVE);
    (void)rmdir(IMAGE);
    (void)unlink(THIS_BOOT);
    (void)unlink(NEXT_BOOT);
}

static void a_power_cut_at_any_moment_leaves_nothing_that_is_wrong(void **state)
{
    (void)state;
    remove_all();
    write_text(THIS_BOOT, "6b1c0f3e-0000-4000-8000-000000000001\n");
    write_text(NEXT_BOOT, "6b1c0f3e-0000-4000-8000-000000000002\n");
    assert_int_equal(mkdir(LIVE, 0700), 0);
    de_random_init(&disk.random, 1);
    disk.on = true;
    live();
    disk.on = false;
    (void)printf("%zu moments; in the next boot %zu images were kept, %zu discarded\n",
                 disk.moments, disk.kept, disk.discarded);
    /* Or the calls were not seen, or nothing was ever closed. */
    assert_true(disk.moments > 100);
    assert_true(disk.kept > 10 && disk.discarded > 100);
    for (size_t i = 0; i < disk.inode_count; i++) {
        free(disk.inodes[i].now);
        free(disk.inodes[i].synced);
    }
    remove_all();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_power_cut_at_any_moment_leaves_nothing_that_is_wrong)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
