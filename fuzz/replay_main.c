/* NAME_replay FILE-OR-DIRECTORY...: hands each file to the fuzz target, without a fuzzer.
 *
 * So the corpora are regression tests with any compiler. The name of a file is printed before it is
 * tried: when the process dies, the last one is the reproducer. Finding no file at all is an error,
 * or a lost corpus would look like a passed test. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "fuzz/fuzz_target.h"

/* Reads the whole file into memory of exactly its size, so that a sanitizer sees a byte too many.
 * NULL: it cannot be read. */
static uint8_t *load(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    uint8_t *bytes = NULL;
    long length;

    if (file == NULL) {
        return NULL;
    }
    if (fseek(file, 0, SEEK_END) == 0 && (length = ftell(file)) >= 0 &&
        fseek(file, 0, SEEK_SET) == 0) {
        *size = (size_t)length;
        bytes = malloc(*size == 0 ? 1 : *size);
        if (bytes != NULL && fread(bytes, 1, *size, file) != *size) {
            free(bytes);
            bytes = NULL;
        }
    }
    (void)fclose(file);
    return bytes;
}

static int replay_file(const char *path)
{
    size_t size = 0;
    uint8_t *bytes = load(path, &size);

    if (bytes == NULL) {
        (void)fprintf(stderr, "cannot read %s: %s\n", path, strerror(errno));
        return -1;
    }
    (void)printf("%s (%zu bytes)\n", path, size);
    (void)fflush(stdout);
    (void)LLVMFuzzerTestOneInput(bytes, size);
    free(bytes);
    return 1;
}

/* The files of a directory (hidden ones and folders are not tried): how many, or -1. */
static int replay_directory(const char *path)
{
    DIR *directory = opendir(path);
    int count = directory == NULL ? -1 : 0;

    while (count >= 0) {
        const struct dirent *entry = readdir(directory);
        char name[4096];
        int length;

        if (entry == NULL) {
            break;
        }
        if (entry->d_name[0] == '.') {
            continue;
        }
        length = snprintf(name, sizeof(name), "%s/%s", path, entry->d_name);
        count =
            length < 0 || (size_t)length >= sizeof(name) || replay_file(name) < 0 ? -1 : count + 1;
    }
    if (directory != NULL) {
        (void)closedir(directory);
    }
    return count;
}

int main(int argc, char **argv)
{
    int total = 0;

    (void)LLVMFuzzerTestOneInput(NULL, 0);
    for (int i = 1; i < argc; i++) {
        struct stat status;
        int count = -1;

        if (stat(argv[i], &status) == 0) {
            count = S_ISDIR(status.st_mode) ? replay_directory(argv[i]) : replay_file(argv[i]);
        }
        if (count < 0) {
            (void)fprintf(stderr, "cannot replay %s\n", argv[i]);
            return 1;
        }
        total += count;
    }
    (void)printf("%d inputs replayed\n", total);
    return total > 0 ? 0 : 1;
}
