/* A layer between a process and its files, for tests: counts, fails, cuts short, kills at and records file operations.

   cc -shared -fPIC -O1 -o faults.so faults.c -ldl; then LD_PRELOAD=faults.so. It replaces the functions of libc that
   Python, SQLite and Rust call, and does nothing until `faults_begin`. From then on every operation of this process
   (not of its children) on paths that begin with `below`, and on the folder that these are in, is a step if it is of a
   chosen kind. Step `at` and the `times - 1` after it fail with `error`; or write half of the data (HALF); or kill the
   process before (KILL), or in the middle of a write (TORN). What changes files is recorded in `log`:

       OPERATION \t PATH \t SECOND PATH \t OFFSET \t LENGTH \n   and LENGTH bytes of what was written.

   Not seen: what a memory map writes (SQLite's -shm, which is made anew after a power cut) and stdio inside libc. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { WRITE = 1, SYNC = 2, RENAME = 4, MAKE = 8, OPEN = 16, TRUNCATE = 32, UNLINK = 64, MKDIR = 128, MAP = 256 };
enum { HALF = -1, KILL = -2, TORN = -3 };

static char below[PATH_MAX];
static size_t below_length;
static long at, times, steps, fired;
static int error, kinds, log_fd = -1;
static pid_t owner;
static pthread_mutex_t lock = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;

void faults_begin(const char *beginning, long first, long count, int what, int which, const char *log) {
    snprintf(below, sizeof below, "%s", beginning);
    below_length = strlen(below);
    at = first, times = count, error = what, kinds = which, steps = fired = 0;
    if (*log) log_fd = open(log, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    owner = getpid();
}

void faults_end(void) { owner = 0; }
long faults_steps(void) { return steps; }
long faults_fired(void) { return fired; }

#define REAL(type, name, ...)                                     \
    static type (*real)(__VA_ARGS__);                             \
    if (!real) real = (type(*)(__VA_ARGS__))dlsym(RTLD_NEXT, name)

static void write_log(const void *data, size_t length) {
    REAL(ssize_t, "write", int, const void *, size_t);
    const char *rest = data;
    while (length) {
        ssize_t n = real(log_fd, rest, length);
        if (n < 0) abort();
        rest += n, length -= n;
    }
}

static void record(const char *what, const char *path, const char *second, long offset, const void *data, size_t length) {
    if (log_fd < 0) return;
    char line[2 * PATH_MAX + 64];
    write_log(line, snprintf(line, sizeof line, "%s\t%s\t%s\t%ld\t%zu\n", what, path, second, offset, length));
    write_log(data, length);
}

/* A word of the test about what it knows to be committed now. */
void faults_mark(const char *word) {
    pthread_mutex_lock(&lock);
    record("mark", word, "", 0, "", 0);
    pthread_mutex_unlock(&lock);
}

static int is_watched(const char *path) {
    const char *end = strrchr(below, '/');
    size_t length = end - below;
    return !strncmp(path, below, below_length) || (strlen(path) == length && !strncmp(path, below, length));
}

/* The absolute path, when it lies below the watched folder; else NULL. */
static const char *of_path(int folder, const char *path, char *buffer) {
    if (owner == 0 || getpid() != owner) return NULL;
    buffer[0] = 0;
    if (path[0] != '/') {
        char link[64];
        snprintf(link, sizeof link, folder == AT_FDCWD ? "/proc/self/cwd" : "/proc/self/fd/%d", folder);
        ssize_t n = readlink(link, buffer, PATH_MAX - 2);
        if (n < 0) return NULL;
        buffer[n] = '/', buffer[n + 1] = 0;
    }
    strncat(buffer, path, PATH_MAX - 1 - strlen(buffer));
    return is_watched(buffer) ? buffer : NULL;
}

static const char *of_descriptor(int descriptor, char *buffer) {
    if (owner == 0 || getpid() != owner) return NULL;
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t n = readlink(link, buffer, PATH_MAX - 1);
    if (n < 0) return NULL;
    buffer[n] = 0;
    return is_watched(buffer) ? buffer : NULL;
}

/* Counts a step; 0 to go on, else what happens: an errno, HALF or TORN. */
static int fault(int kind) {
    if (!(kinds & kind)) return 0;
    steps++;
    if (steps < at || steps >= at + times) return 0;
    fired++;
    if (error == KILL) kill(getpid(), SIGKILL);
    return error;
}

/* `call` is made unless a fault comes first; `result` is what it returned, -1 with errno for the fault. */
#define STEP(kind, path, result, call, ...)                       \
    do {                                                          \
        pthread_mutex_lock(&lock);                                \
        int told = (path) ? fault(kind) : 0, kept = 0;            \
        if (told > 0) result = -1, kept = told;                   \
        else {                                                    \
            result = call;                                        \
            kept = errno;                                         \
            if (told == TORN) kill(getpid(), SIGKILL);            \
            if ((path) && (long)(result) >= 0) record(__VA_ARGS__); \
        }                                                         \
        pthread_mutex_unlock(&lock);                              \
        if ((long)(result) < 0) errno = kept;                     \
    } while (0)

/* ---------------------------------------------------------------- open */

static int opened(int folder, const char *path, int flags, mode_t mode) {
    REAL(int, "openat", int, const char *, int, mode_t);
    char buffer[PATH_MAX];
    const char *whole = of_path(folder, path, buffer);
    int result, nameless = (flags & O_TMPFILE) == O_TMPFILE, made = whole && (flags & O_CREAT) && access(whole, F_OK) != 0;
    const char *what = made ? "create" : (flags & O_TRUNC) ? "truncate" : "open";
    STEP(made || nameless || (flags & O_TRUNC) ? MAKE | OPEN : OPEN, whole, result, real(folder, path, flags, mode), what, whole, "", 0, "", 0);
    return result;
}

#define MODE                                                      \
    mode_t mode = 0;                                              \
    if (flags & (O_CREAT | (__O_TMPFILE))) {                      \
        va_list rest;                                             \
        va_start(rest, flags);                                    \
        mode = va_arg(rest, mode_t);                              \
        va_end(rest);                                             \
    }

int open(const char *path, int flags, ...) { MODE return opened(AT_FDCWD, path, flags, mode); }
int open64(const char *path, int flags, ...) { MODE return opened(AT_FDCWD, path, flags, mode); }
int openat(int folder, const char *path, int flags, ...) { MODE return opened(folder, path, flags, mode); }
int openat64(int folder, const char *path, int flags, ...) { MODE return opened(folder, path, flags, mode); }

/* ---------------------------------------------------------------- write */

ssize_t pwrite64(int descriptor, const void *data, size_t length, off64_t offset) {
    REAL(ssize_t, "pwrite64", int, const void *, size_t, off64_t);
    char buffer[PATH_MAX];
    const char *path = of_descriptor(descriptor, buffer);
    ssize_t result;
    STEP(WRITE, path, result, real(descriptor, data, told < 0 && length > 1 ? length / 2 : length, offset),
         "write", path, "", offset, data, result);
    return result;
}
ssize_t pwrite(int descriptor, const void *data, size_t length, off_t offset) {
    return pwrite64(descriptor, data, length, offset);
}

ssize_t write(int descriptor, const void *data, size_t length) {
    REAL(ssize_t, "write", int, const void *, size_t);
    char buffer[PATH_MAX];
    const char *path = of_descriptor(descriptor, buffer);
    ssize_t result;
    STEP(WRITE, path, result, real(descriptor, data, told < 0 && length > 1 ? length / 2 : length),
         "write", path, "", lseek(descriptor, 0, SEEK_CUR) - result, data, result);
    return result;
}

#define ON_DESCRIPTOR(name, kind, what, offset, parameters, types, ...)                    \
    int name parameters {                                                                  \
        REAL(int, #name, types);                                                           \
        char buffer[PATH_MAX];                                                             \
        const char *path = of_descriptor(descriptor, buffer);                              \
        int result;                                                                        \
        STEP(kind, path, result, real(__VA_ARGS__), what, path, "", offset, "", 0);        \
        return result;                                                                     \
    }
#define COMMA ,
ON_DESCRIPTOR(fsync, SYNC, "sync", 0, (int descriptor), int, descriptor)
ON_DESCRIPTOR(fdatasync, SYNC, "sync", 0, (int descriptor), int, descriptor)
ON_DESCRIPTOR(ftruncate, TRUNCATE, "resize", n, (int descriptor, off_t n), int COMMA off_t, descriptor, n)
ON_DESCRIPTOR(ftruncate64, TRUNCATE, "resize", n, (int descriptor, off64_t n), int COMMA off64_t, descriptor, n)

/* Returns its error. Recorded as nothing: it changes no byte that anybody reads. */
int posix_fallocate(int descriptor, off_t offset, off_t length) {
    REAL(int, "posix_fallocate", int, off_t, off_t);
    char buffer[PATH_MAX];
    int told = of_descriptor(descriptor, buffer) ? fault(TRUNCATE) : 0;
    return told > 0 ? told : real(descriptor, offset, length);
}

void *mmap64(void *where, size_t length, int protection, int flags, int descriptor, off64_t offset) {
    REAL(void *, "mmap64", void *, size_t, int, int, int, off64_t);
    char buffer[PATH_MAX];
    int told = descriptor >= 0 && of_descriptor(descriptor, buffer) ? fault(MAP) : 0;
    if (told > 0) return errno = told, MAP_FAILED;
    return real(where, length, protection, flags, descriptor, offset);
}
void *mmap(void *where, size_t length, int protection, int flags, int descriptor, off_t offset) {
    return mmap64(where, length, protection, flags, descriptor, offset);
}

/* ---------------------------------------------------------------- names */

#define ON_PATH(name, kind, what, folder, parameters, types, ...)                          \
    int name parameters {                                                                  \
        REAL(int, #name, types);                                                           \
        char buffer[PATH_MAX];                                                             \
        const char *whole = of_path(folder, path, buffer);                                 \
        int result;                                                                        \
        STEP(kind, whole, result, real(__VA_ARGS__), what, whole, "", 0, "", 0);           \
        return result;                                                                     \
    }
ON_PATH(unlink, UNLINK, "remove", AT_FDCWD, (const char *path), const char *, path)
ON_PATH(rmdir, UNLINK, "remove", AT_FDCWD, (const char *path), const char *, path)
ON_PATH(unlinkat, UNLINK, "remove", folder, (int folder, const char *path, int flags), int COMMA const char * COMMA int,
        folder, path, flags)
ON_PATH(mkdir, MKDIR, "mkdir", AT_FDCWD, (const char *path, mode_t mode), const char * COMMA mode_t, path, mode)

int renameat2(int from, const char *old, int to, const char *new, unsigned flags) {
    REAL(int, "renameat2", int, const char *, int, const char *, unsigned);
    char one[PATH_MAX], other[PATH_MAX];
    const char *source = of_path(from, old, one), *target = of_path(to, new, other);
    int result;
    STEP(RENAME, source && target ? source : NULL, result, real(from, old, to, new, flags),
         flags & RENAME_EXCHANGE ? "exchange" : "rename", source, target, 0, "", 0);
    return result;
}
int rename(const char *old, const char *new) { return renameat2(AT_FDCWD, old, AT_FDCWD, new, 0); }
int renameat(int from, const char *old, int to, const char *new) { return renameat2(from, old, to, new, 0); }
