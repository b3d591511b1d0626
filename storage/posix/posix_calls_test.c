/* Which system calls are made, in which order, and what becomes of it when one fails, is
 * interrupted, or does only a part. Linked with --wrap for each of them. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include <dengine/error.h>

#include "core/base/assert.h"
#include "storage/base/message.h"
#include "storage/posix/data_dir.h"
#include "storage/posix/posix_dir.h"

/* What the calls did, as text, and what is to go wrong. */
static struct {
    char log[2048];
    const char *fail;      /* calls whose line begins so */
    int fail_errno;        /* fail with this */
    unsigned fail_max;     /* so many times */
    unsigned failed;       /* times it did */
    size_t bytes_max;      /* a pread or pwritev does at most so much; 0: all */
    unsigned bad_opens;    /* without O_CLOEXEC, or a file that follows a symbolic link */
    const char *base;      /* the directory above */
    void (*on_list)(void); /* called once, before it */
    void (*on_flock)(void);
} calls;

/* Notes a call; true: it is to fail, and errno is set. */
static bool note(const char *what, const char *name)
{
    char line[160];
    size_t used = strlen(calls.log);
    const char *slash = strrchr(name, '/');

    (void)snprintf(line, sizeof(line), "%s %s", what, slash == NULL ? name : slash + 1);
    (void)snprintf(calls.log + used, sizeof(calls.log) - used, "%s; ", line);
    if (calls.fail != NULL && calls.failed < calls.fail_max &&
        strncmp(line, calls.fail, strlen(calls.fail)) == 0) {
        calls.failed++;
        errno = calls.fail_errno;
        return true;
    }
    return false;
}

static const char *directory_name(int fd)
{
    struct stat above;
    struct stat status;

    if (calls.base == NULL || stat(calls.base, &above) != 0 || fstat(fd, &status) != 0) {
        return "?";
    }
    return above.st_ino == status.st_ino ? "above" : "directory";
}

int __real_openat(int dir, const char *name, int flags, ...);
int __wrap_openat(int dir, const char *name, int flags, ...);
int __real_flock(int fd, int operation);
int __wrap_flock(int fd, int operation);
int __real_fsync(int fd);
int __wrap_fsync(int fd);
int __real_fdatasync(int fd);
int __wrap_fdatasync(int fd);
int __real_mkdir(const char *path, mode_t mode);
int __wrap_mkdir(const char *path, mode_t mode);
int __real_renameat(int from_dir, const char *from, int to_dir, const char *to);
int __wrap_renameat(int from_dir, const char *from, int to_dir, const char *to);
ssize_t __real_pread(int fd, void *data, size_t size, off_t offset);
ssize_t __wrap_pread(int fd, void *data, size_t size, off_t offset);
ssize_t __real_pwritev(int fd, const struct iovec *vectors, int count, off_t offset);
ssize_t __wrap_pwritev(int fd, const struct iovec *vectors, int count, off_t offset);
int __real_posix_fallocate(int fd, off_t offset, off_t length);
int __wrap_posix_fallocate(int fd, off_t offset, off_t length);

int __wrap_openat(int dir, const char *name, int flags, ...)
{
    bool is_directory = (flags & O_DIRECTORY) != 0;

    if ((flags & O_CLOEXEC) == 0 || (!is_directory && (flags & O_NOFOLLOW) == 0)) {
        calls.bad_opens++;
    }
    if ((flags & O_CREAT) != 0) {
        if (note("create", name)) {
            return -1;
        }
    } else if (note(is_directory ? "opendir" : "open", name)) {
        return -1;
    }
    if (is_directory && strcmp(name, ".") == 0 && calls.on_list != NULL) {
        void (*once)(void) = calls.on_list;

        calls.on_list = NULL;
        once();
    }
    return __real_openat(dir, name, flags, 0600);
}

int __wrap_flock(int fd, int operation)
{
    if (calls.on_flock != NULL) {
        void (*once)(void) = calls.on_flock;

        calls.on_flock = NULL;
        once();
    }
    return note("flock", "") ? -1 : __real_flock(fd, operation);
}

int __wrap_fsync(int fd)
{
    return note("fsync", directory_name(fd)) ? -1 : __real_fsync(fd);
}

int __wrap_fdatasync(int fd)
{
    return note("fdatasync", "") ? -1 : __real_fdatasync(fd);
}

int __wrap_mkdir(const char *path, mode_t mode)
{
    return note("mkdir", path) ? -1 : __real_mkdir(path, mode);
}

int __wrap_renameat(int from_dir, const char *from, int to_dir, const char *to)
{
    return note("rename", to) ? -1 : __real_renameat(from_dir, from, to_dir, to);
}

ssize_t __wrap_pread(int fd, void *data, size_t size, off_t offset)
{
    if (note("read", "")) {
        return -1;
    }
    size = calls.bytes_max != 0 && size > calls.bytes_max ? calls.bytes_max : size;
    return __real_pread(fd, data, size, offset);
}

ssize_t __wrap_pwritev(int fd, const struct iovec *vectors, int count, off_t offset)
{
    struct iovec first = vectors[0];

    if (note("write", "")) {
        return -1;
    }
    if (calls.bytes_max == 0) {
        return __real_pwritev(fd, vectors, count, offset);
    }
    first.iov_len = first.iov_len > calls.bytes_max ? calls.bytes_max : first.iov_len;
    return __real_pwritev(fd, &first, 1, offset);
}

int __wrap_posix_fallocate(int fd, off_t offset, off_t length)
{
    return note("reserve", "") ? errno : __real_posix_fallocate(fd, offset, length);
}

static const struct de_identity node_one = {1, 77};

struct fixture {
    char base[64];
    char path[80];
    char message[DE_MESSAGE_BYTES];
    struct de_data_dir dir;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    assert_non_null(f);
    memset(&calls, 0, sizeof(calls));
    (void)snprintf(f->base, sizeof(f->base), "posix_calls_XXXXXX");
    assert_non_null(mkdtemp(f->base));
    (void)snprintf(f->path, sizeof(f->path), "%s/data", f->base);
    calls.base = f->base;
    *state = f;
    return 0;
}

static int remove_name(void *context, const char *name)
{
    struct dengine_dir *dir = context;

    return dir->ops->remove(dir->object, name);
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    struct dengine_dir dir;

    memset(&calls, 0, sizeof(calls));
    if (de_posix_dir_open(f->path, false, &dir, NULL, 0) == 0) {
        (void)dir.ops->list(dir.object, remove_name, &dir);
        de_posix_dir_close(dir);
    }
    (void)rmdir(f->path);
    (void)rmdir(f->base);
    free(f);
    return 0;
}

static int open_it(struct fixture *f)
{
    f->message[0] = '\0';
    return de_data_dir_open(f->path, &node_one, &f->dir, f->message, sizeof(f->message));
}

static void create_once(struct fixture *f)
{
    assert_int_equal(open_it(f), 0);
    de_data_dir_close(&f->dir);
    calls.log[0] = '\0';
}

/* The next so many calls that begin with `what` fail. */
static void let_fail(const char *what, int error, unsigned times)
{
    calls.log[0] = '\0';
    calls.fail = what;
    calls.fail_errno = error;
    calls.fail_max = times;
    calls.failed = 0;
}

/* The calls that a crash can be between, in order. */
static void expect_steps(const char *steps)
{
    char kept[2048] = "";
    char *rest = NULL;

    for (char *line = strtok_r(calls.log, ";", &rest); line != NULL;
         line = strtok_r(NULL, ";", &rest)) {
        line += line[0] == ' ';
        if (line[0] != '\0' && strncmp(line, "open", 4) != 0 && strncmp(line, "read", 4) != 0) {
            (void)strncat(kept, line, sizeof(kept) - strlen(kept) - 1);
            (void)strncat(kept, "; ", sizeof(kept) - strlen(kept) - 1);
        }
    }
    assert_string_equal(kept, steps);
}

static void a_new_data_directory_is_made_durable_step_by_step(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(open_it(f), 0);
    expect_steps("mkdir data; fsync above; create LOCK; flock ; create dengine.id.tmp; write ; "
                 "fdatasync ; rename dengine.id; fsync directory; ");
    assert_int_equal(calls.bad_opens, 0);
    de_data_dir_close(&f->dir);
}

static void another_identity_is_durable_before_it_replaces_the_old(void **state)
{
    struct fixture *f = *state;
    struct de_identity later = {1, 99};

    create_once(f);
    assert_int_equal(open_it(f), 0);
    calls.log[0] = '\0';
    assert_int_equal(de_data_dir_set_identity(&f->dir, &later), 0);
    expect_steps("create dengine.id.tmp; write ; fdatasync ; rename dengine.id; fsync directory; ");
    de_data_dir_close(&f->dir);
}

static void an_identity_that_cannot_be_replaced_still_holds(void **state)
{
    static const char *const steps[] = {"create dengine.id", "write", "fdatasync", "rename"};
    struct fixture *f = *state;
    struct de_identity later = {1, 99};

    create_once(f);
    for (size_t i = 0; i < DE_ARRAY_SIZE(steps); i++) {
        assert_int_equal(open_it(f), 0);
        let_fail(steps[i], EIO, 1);
        assert_int_equal(de_data_dir_set_identity(&f->dir, &later), DENGINE_E_IO);
        assert_int_equal(calls.failed, 1);
        assert_true(f->dir.identity.cluster_id == 77);
        de_data_dir_close(&f->dir);
        assert_int_equal(open_it(f), 0);
        assert_false(f->dir.created);
        de_data_dir_close(&f->dir);
    }
}

static void a_first_open_that_fails_anywhere_can_be_repeated(void **state)
{
    static const char *const steps[] = {
        "mkdir", "fsync above", "create LOCK", "flock",          "create dengine.id",
        "write", "fdatasync",   "rename",      "fsync directory"};
    struct fixture *f = *state;

    for (size_t i = 0; i < DE_ARRAY_SIZE(steps); i++) {
        let_fail(steps[i], EIO, 1);
        assert_int_equal(open_it(f), DENGINE_E_IO);
        assert_int_equal(calls.failed, 1);
        assert_true(f->message[0] != '\0');
        assert_int_equal(f->dir.lock_fd, -1);
        calls.fail = NULL;
        assert_int_equal(open_it(f), 0);
        de_data_dir_close(&f->dir);
        assert_int_equal(teardown(state), 0);
        assert_int_equal(setup(state), 0);
        f = *state;
    }
}

/* Whatever is the first thing that has to be written there. */
static void a_read_only_file_system_is_said_to_be_one(void **state)
{
    static const char *const steps[] = {"mkdir", "create LOCK", "create dengine.id"};
    struct fixture *f = *state;

    for (size_t i = 0; i < DE_ARRAY_SIZE(steps); i++) {
        let_fail(steps[i], EROFS, 1);
        assert_int_equal(open_it(f), DENGINE_E_READ_ONLY);
        assert_non_null(strstr(f->message, f->path));
        assert_true(strstr(f->message, strerror(EROFS)) != NULL ||
                    strstr(f->message, dengine_strerror(DENGINE_E_READ_ONLY)) != NULL);
    }
}

static bool write_text(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    bool good = file != NULL && fputs(text, file) >= 0;

    return file != NULL && fclose(file) == 0 && good;
}

/* A mount name space of its own; who is not root gets a user name space in which he is. */
static bool leave_mounts(void)
{
    char users[32];
    char groups[32];

    (void)snprintf(users, sizeof(users), "0 %u 1", (unsigned)geteuid());
    (void)snprintf(groups, sizeof(groups), "0 %u 1", (unsigned)getegid());
    if (unshare(CLONE_NEWNS) != 0) {
        if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0 ||
            !write_text("/proc/self/setgroups", "deny") ||
            !write_text("/proc/self/uid_map", users) || !write_text("/proc/self/gid_map", groups)) {
            return false;
        }
    }
    return mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
}

/* In a child: a file system of its own, mounted over the directory, with a node's data in it if
 * `filled`, and then made read-only. 0: it is refused as it must be; 77: this machine forbids
 * mounts; others: what went wrong. */
static int open_on_read_only_mount(struct fixture *f, bool filled)
{
    char lock[96];

    if (!leave_mounts() || mount("none", f->base, "tmpfs", 0, NULL) != 0) {
        return 77;
    }
    if (filled) {
        if (open_it(f) != 0) {
            return 1;
        }
        de_data_dir_close(&f->dir);
    }
    if (mount("none", f->base, NULL, MS_REMOUNT | MS_RDONLY, NULL) != 0) {
        return 77;
    }
    if (open_it(f) != DENGINE_E_READ_ONLY) {
        return 2;
    }
    if (f->message[0] == '\0' || f->dir.lock_fd != -1) {
        return 3;
    }
    (void)snprintf(lock, sizeof(lock), "%s/LOCK", f->path);
    return filled == (access(lock, F_OK) == 0) ? 0 : 4;
}

static void a_directory_on_a_read_only_mount_is_refused(void **state)
{
    struct fixture *f = *state;

    for (int filled = 0; filled <= 1; filled++) {
        int status = 0;
        pid_t child = fork();

        if (child == 0) {
            _exit(open_on_read_only_mount(f, filled == 1));
        }
        assert_true(child > 0);
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFEXITED(status));
        if (WEXITSTATUS(status) == 77) {
            skip();
        }
        assert_int_equal(WEXITSTATUS(status), 0);
    }
}

/* A user who may not write sees the same files, and a refusal that says so. */
static void a_directory_of_another_user_is_refused(void **state)
{
    struct fixture *f = *state;
    int status = 0;
    pid_t child;

    create_once(f);
    assert_int_equal(chmod(f->base, 0755), 0);
    assert_int_equal(chmod(f->path, 0555), 0);
    child = fork();
    if (child == 0) {
        char file[96];

        /* The files can be read: what is refused is writing. */
        (void)snprintf(file, sizeof(file), "%s/dengine.id", f->path);
        if (chmod(file, 0444) != 0) {
            _exit(2);
        }
        (void)snprintf(file, sizeof(file), "%s/LOCK", f->path);
        if (chmod(file, 0444) != 0 || (geteuid() == 0 && seteuid(65534) != 0)) {
            _exit(2);
        }
        _exit(open_it(f) == DENGINE_E_PERMISSION && strstr(f->message, "writable") != NULL ? 0 : 1);
    }
    assert_true(child > 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(chmod(f->path, 0700), 0);
}

static struct {
    const char *other_path;
    const char *path;
    struct de_identity identity;
} race;

/* Between this process's look for an identity and its look at the names, another one makes the
 * directory a node's and begins to fill it. */
static void be_overtaken(void)
{
    struct de_data_dir dir;
    char from[128];
    char to[128];
    FILE *file;

    assert_int_equal(de_data_dir_open(race.other_path, &race.identity, &dir, NULL, 0), 0);
    de_data_dir_close(&dir);
    (void)snprintf(from, sizeof(from), "%s/dengine.id", race.other_path);
    (void)snprintf(to, sizeof(to), "%s/dengine.id", race.path);
    assert_int_equal(rename(from, to), 0);
    (void)snprintf(to, sizeof(to), "%s/a-file-of-ours", race.path);
    file = fopen(to, "wb");
    assert_non_null(file);
    assert_int_equal(fclose(file), 0);
}

static void remove_other(const char *other)
{
    char lock[112];

    (void)snprintf(lock, sizeof(lock), "%s/LOCK", other);
    (void)unlink(lock);
    assert_int_equal(rmdir(other), 0);
}

static void a_first_start_that_is_overtaken_is_no_stranger(void **state)
{
    struct fixture *f = *state;
    char other[96];

    (void)snprintf(other, sizeof(other), "%s/other", f->base);
    race.other_path = other;
    race.path = f->path;
    race.identity = node_one;
    calls.on_list = be_overtaken;
    assert_int_equal(open_it(f), 0);
    assert_null(calls.on_list);
    assert_false(f->dir.created);
    de_data_dir_close(&f->dir);
    remove_other(other);
}

static void an_identity_made_before_the_lock_was_had_is_not_replaced(void **state)
{
    struct fixture *f = *state;
    char other[96];

    (void)snprintf(other, sizeof(other), "%s/other", f->base);
    race.other_path = other;
    race.path = f->path;
    race.identity.node_id = 2;
    race.identity.cluster_id = 77;
    calls.on_flock = be_overtaken;
    assert_int_equal(open_it(f), DENGINE_E_FOREIGN);
    assert_non_null(strstr(f->message, "belongs to node 2"));
    remove_other(other);
}

static void a_directory_named_without_a_slash_is_durable_too(void **state)
{
    struct fixture *f = *state;
    char back[4096];

    assert_non_null(getcwd(back, sizeof(back)));
    assert_int_equal(chdir(f->base), 0);
    calls.base = ".";
    assert_int_equal(de_posix_make_dir("data", NULL, 0), 0);
    assert_int_equal(chdir(back), 0);
    expect_steps("mkdir data; fsync above; ");
}

static struct dengine_file *make_file(struct fixture *f, const char *name)
{
    struct dengine_file *file = NULL;

    assert_int_equal(f->dir.dir.ops->open(f->dir.dir.object, name, DENGINE_FILE_CREATE, &file), 0);
    return file;
}

static void what_is_interrupted_goes_on(void **state)
{
    static const char *const steps[] = {"create", "write", "read", "reserve"};
    struct fixture *f = *state;
    struct dengine_slice text = dengine_str("text");

    assert_int_equal(open_it(f), 0);
    for (size_t i = 0; i < DE_ARRAY_SIZE(steps); i++) {
        struct dengine_dir dir = f->dir.dir;
        struct dengine_file *file;
        char back[5] = "";

        let_fail(steps[i], EINTR, 3);
        file = make_file(f, "file");
        assert_int_equal(dir.ops->allocate(dir.object, file, 100), 0);
        assert_int_equal(dir.ops->write(dir.object, file, 7, &text, 1), 0);
        assert_int_equal(dir.ops->read(dir.object, file, 7, back, 4), 0);
        assert_string_equal(back, "text");
        assert_int_equal(calls.failed, 3);
        dir.ops->close(dir.object, file);
        assert_int_equal(dir.ops->remove(dir.object, "file"), 0);
    }
    de_data_dir_close(&f->dir);
}

static void what_is_done_in_part_is_continued(void **state)
{
    struct fixture *f = *state;
    struct dengine_slice parts[4] = {dengine_str("abcde"), dengine_str(""), dengine_str("f"),
                                     dengine_str("ghijklm")};
    struct dengine_dir dir;
    struct dengine_file *file;
    char back[14] = "";

    assert_int_equal(open_it(f), 0);
    dir = f->dir.dir;
    file = make_file(f, "file");
    calls.bytes_max = 3;
    assert_int_equal(dir.ops->write(dir.object, file, 2, parts, 4), 0);
    assert_int_equal(dir.ops->read(dir.object, file, 2, back, 13), 0);
    assert_string_equal(back, "abcdefghijklm");
    dir.ops->close(dir.object, file);
    de_data_dir_close(&f->dir);
}

/* A sync that failed once may succeed when repeated, with the pages dropped: it must not be. */
static void a_failed_sync_is_reported_and_never_repeated(void **state)
{
    static const int errors[] = {EIO, EINTR, ENOSPC};
    static const int codes[] = {DENGINE_E_IO, DENGINE_E_IO, DENGINE_E_NO_SPACE};
    struct fixture *f = *state;
    struct dengine_dir dir;
    struct dengine_file *file;

    assert_int_equal(open_it(f), 0);
    dir = f->dir.dir;
    file = make_file(f, "file");
    for (size_t i = 0; i < DE_ARRAY_SIZE(errors); i++) {
        let_fail("fdatasync", errors[i], 1);
        assert_int_equal(dir.ops->sync(dir.object, file), codes[i]);
        assert_string_equal(calls.log, "fdatasync ; ");
        let_fail("fsync", errors[i], 1);
        assert_int_equal(dir.ops->sync_dir(dir.object), codes[i]);
        assert_string_equal(calls.log, "fsync directory; ");
    }
    dir.ops->close(dir.object, file);
    de_data_dir_close(&f->dir);
}

static void every_failed_call_is_reported(void **state)
{
    struct fixture *f = *state;
    struct dengine_slice text = dengine_str("text");
    struct dengine_dir dir;
    struct dengine_file *file;
    char back[4];

    assert_int_equal(open_it(f), 0);
    dir = f->dir.dir;
    file = make_file(f, "file");
    assert_int_equal(dir.ops->write(dir.object, file, 0, &text, 1), 0);
    let_fail("write", ENOSPC, 1);
    assert_int_equal(dir.ops->write(dir.object, file, 0, &text, 1), DENGINE_E_NO_SPACE);
    let_fail("read", EIO, 1);
    assert_int_equal(dir.ops->read(dir.object, file, 0, back, 4), DENGINE_E_IO);
    let_fail("reserve", ENOSPC, 1);
    assert_int_equal(dir.ops->allocate(dir.object, file, 4096), DENGINE_E_NO_SPACE);
    let_fail("rename", EACCES, 1);
    assert_int_equal(dir.ops->rename(dir.object, "file", "other"), DENGINE_E_PERMISSION);
    let_fail("opendir .", EMFILE, 1);
    assert_int_equal(dir.ops->list(dir.object, remove_name, &dir), DENGINE_E_IO);
    dir.ops->close(dir.object, file);
    /* A new file can be waited for; one that is there cannot. */
    let_fail("create", EMFILE, 1);
    assert_int_equal(dir.ops->open(dir.object, "new", DENGINE_FILE_CREATE, &file),
                     DENGINE_E_NO_SPACE);
    let_fail("create", ENFILE, 1);
    assert_int_equal(dir.ops->open(dir.object, "new", DENGINE_FILE_CREATE, &file),
                     DENGINE_E_NO_SPACE);
    let_fail("open", EMFILE, 1);
    assert_int_equal(dir.ops->open(dir.object, "file", DENGINE_FILE_WRITE, &file), DENGINE_E_IO);
    de_data_dir_close(&f->dir);
}

static void each_errno_has_its_code(void **state)
{
    static const struct {
        int value;
        int code;
    } map[] = {
        {0, 0},
        {ENOENT, DENGINE_E_NOT_FOUND},
        {ENOSPC, DENGINE_E_NO_SPACE},
        {EDQUOT, DENGINE_E_NO_SPACE},
        {EFBIG, DENGINE_E_NO_SPACE},
        {EACCES, DENGINE_E_PERMISSION},
        {EPERM, DENGINE_E_PERMISSION},
        {EROFS, DENGINE_E_READ_ONLY},
        {ENOMEM, DENGINE_E_NO_MEMORY},
        {EINVAL, DENGINE_E_INVALID},
        {EEXIST, DENGINE_E_INVALID},
        {EISDIR, DENGINE_E_INVALID},
        {ENOTDIR, DENGINE_E_INVALID},
        {ENAMETOOLONG, DENGINE_E_INVALID},
        {ELOOP, DENGINE_E_INVALID},
        {EIO, DENGINE_E_IO},
        {EMFILE, DENGINE_E_IO},
    };

    (void)state;
    for (size_t i = 0; i < DE_ARRAY_SIZE(map); i++) {
        assert_int_equal(de_posix_error(map[i].value), map[i].code);
    }
}

/* A link in the place of a file could make a write land anywhere. */
static void links_are_not_followed(void **state)
{
    struct fixture *f = *state;
    struct dengine_file *file;
    char target[96];
    char link_path[96];

    create_once(f);
    (void)snprintf(target, sizeof(target), "%s/LOCK", f->path);
    (void)snprintf(link_path, sizeof(link_path), "%s/link", f->path);
    assert_int_equal(symlink("LOCK", link_path), 0);
    assert_int_equal(open_it(f), 0);
    assert_int_equal(f->dir.dir.ops->open(f->dir.dir.object, "link", DENGINE_FILE_WRITE, &file),
                     DENGINE_E_INVALID);
    de_data_dir_close(&f->dir);
    assert_int_equal(unlink(target), 0);
    assert_int_equal(symlink("link", target), 0);
    assert_int_equal(open_it(f), DENGINE_E_INVALID);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_new_data_directory_is_made_durable_step_by_step),
        TEST(another_identity_is_durable_before_it_replaces_the_old),
        TEST(an_identity_that_cannot_be_replaced_still_holds),
        TEST(a_first_open_that_fails_anywhere_can_be_repeated),
        TEST(a_read_only_file_system_is_said_to_be_one),
        TEST(a_directory_on_a_read_only_mount_is_refused),
        TEST(a_directory_of_another_user_is_refused),
        TEST(a_first_start_that_is_overtaken_is_no_stranger),
        TEST(an_identity_made_before_the_lock_was_had_is_not_replaced),
        TEST(a_directory_named_without_a_slash_is_durable_too),
        TEST(what_is_interrupted_goes_on),
        TEST(what_is_done_in_part_is_continued),
        TEST(a_failed_sync_is_reported_and_never_repeated),
        TEST(every_failed_call_is_reported),
        TEST(each_errno_has_its_code),
        TEST(links_are_not_followed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
