/* SPDX-License-Identifier: Apache-2.0 */
/*
 * io_shim.c - a disk that fails on command, preloaded under a program (RocksDB's C API has no way
 * in).
 *
 * Every call that changes something below WEIR_TEST_IO_ROOT is counted. At call number
 * WEIR_TEST_IO_AT the disk does what WEIR_TEST_IO_MODE says:
 *
 *   kill         the process dies before the call; what was written stays, as the kernel keeps it
 *   power-lost   the process dies, and so does everything that was not synced: bytes behind the
 *                last fsync of their file, and names whose folder was not synced since
 *   power-torn   the same, but half of the unsynced bytes of each file stay
 *   power-hole   the same, but of the unsynced bytes the second half stays and the first reads as
 *                zeros, since pages reach a disk in any order
 *   full         this call and all later ones that need space fail with ENOSPC; with
 *                WEIR_TEST_IO_WHILE, a file, instead: as long as that exists
 *   error        this call alone fails with EIO
 *
 * While the file WEIR_TEST_IO_LOW exists, the disk says that it has no room (statvfs), though it has.
 *
 * At exit the number of calls is written to WEIR_TEST_IO_COUNT. Undoing names: each change is
 * logged with what is needed to take it back; an fsync of a folder forgets its entries, a power cut
 * takes the others back, the latest first.
 */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <unistd.h>

#define EXPORT     __attribute__((visibility("default")))
#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

enum { DESCRIPTORS_MAX = 4096, FILES_MAX = 4096, CHANGES_MAX = 8192 };

typedef enum mode { NONE, KILL, POWER_LOST, POWER_TORN, POWER_HOLE, FULL, ERROR } mode;
typedef enum change_kind { CREATED, RENAMED, REMOVED, MADE_FOLDER, REMOVED_FOLDER } change_kind;

typedef struct file_entry {
    ino_t inode;
    off_t durable; /* bytes that survive a power cut */
} file_entry;

typedef struct change {
    change_kind kind;
    bool is_synced;
    ino_t folder;      /* whose fsync makes it durable */
    char *path, *from; /* RENAMED: path is the new name */
    char *backup;      /* a link to what was removed or replaced, or NULL */
} change;

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static char root[PATH_MAX];
static size_t root_length;
static mode chosen;
static long at, calls;
static const char *full_while, *low_while; /* or NULL */
static bool tracked[DESCRIPTORS_MAX];
static file_entry files[FILES_MAX];
static size_t file_count;
static change changes[CHANGES_MAX];
static size_t change_count, backup_count;

__attribute__((constructor)) static void start(void)
{
    static const char *const names[] = {"none",       "kill", "power-lost", "power-torn",
                                        "power-hole", "full", "error"};
    const char *path = getenv("WEIR_TEST_IO_ROOT"), *name = getenv("WEIR_TEST_IO_MODE"),
               *number = getenv("WEIR_TEST_IO_AT");
    if (path == NULL) return;
    root_length = (size_t)snprintf(root, sizeof root, "%s/", path);
    for (int i = 0; name != NULL && i <= ERROR; i++)
        if (strcmp(names[i], name) == 0) chosen = (mode)i;
    at = number == NULL ? -1 : strtol(number, NULL, 10);
    full_while = getenv("WEIR_TEST_IO_WHILE");
    low_while = getenv("WEIR_TEST_IO_LOW");
}

__attribute__((destructor)) static void report(void)
{
    const char *path = getenv("WEIR_TEST_IO_COUNT");
    if (path == NULL || root_length == 0) return;
    root_length = 0;
    FILE *file = REAL(fopen)(path, "w");
    if (file == NULL) return;
    (void)fprintf(file, "%ld\n", calls);
    (void)fclose(file);
}

static bool is_below(const char *path)
{
    return root_length > 0 && strncmp(path, root, root_length) == 0;
}
static bool is_tracked(int fd) { return fd >= 0 && fd < DESCRIPTORS_MAX && tracked[fd]; }

/* ---- a power cut ---- */

static file_entry *find_file(ino_t inode)
{
    for (size_t i = 0; i < file_count; i++)
        if (files[i].inode == inode) return &files[i];
    return NULL;
}

static void zero_range(int fd, off_t from, off_t to)
{
    static const char zeros[4096];
    while (from < to) {
        size_t size = to - from < (off_t)sizeof zeros ? (size_t)(to - from) : sizeof zeros;
        if (REAL(pwrite)(fd, zeros, size, from) < 0) break;
        from += (off_t)size;
    }
}

static void cut_file(const char *path, const struct stat *info)
{
    const file_entry *file = find_file(info->st_ino);
    if (file == NULL || file->durable >= info->st_size) return;
    off_t half = file->durable + (info->st_size - file->durable) / 2;
    int fd = REAL(open)(path, O_RDWR);
    if (fd < 0) return;
    if (chosen == POWER_HOLE)
        zero_range(fd, file->durable, half);
    else if (REAL(ftruncate)(fd, chosen == POWER_TORN ? half : file->durable) != 0)
        perror("io_shim: ftruncate");
    (void)REAL(close)(fd);
}

static void cut_files(const char *folder)
{
    DIR *dir = opendir(folder);
    if (dir == NULL) return;
    for (const struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        char path[PATH_MAX];
        struct stat info;
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
        (void)snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        if (lstat(path, &info) != 0) continue;
        if (S_ISDIR(info.st_mode)) cut_files(path);
        if (S_ISREG(info.st_mode)) cut_file(path, &info);
    }
    (void)closedir(dir);
}

static void take_back(const change *c)
{
    switch (c->kind) {
    case CREATED: (void)REAL(unlink)(c->path); break;
    case MADE_FOLDER: (void)REAL(rmdir)(c->path); break;
    case REMOVED_FOLDER: (void)REAL(mkdir)(c->path, 0755); break;
    case REMOVED: (void)REAL(rename)(c->backup, c->path); break;
    case RENAMED:
        (void)REAL(rename)(c->path, c->from);
        if (c->backup != NULL) (void)REAL(rename)(c->backup, c->path);
        break;
    }
}

static _Noreturn void die(void)
{
    if (chosen != KILL) {
        cut_files(root);
        for (size_t i = change_count; i > 0; i--)
            if (!changes[i - 1].is_synced) take_back(&changes[i - 1]);
    }
    (void)kill(getpid(), SIGKILL);
    for (;;)
        (void)pause();
}

static bool is_full(void)
{
    if (chosen != FULL) return false;
    if (full_while != NULL) return access(full_while, F_OK) == 0;
    return at >= 0 && calls >= at;
}

/* Counts a call, with the mutex held. True: it must fail with errno as set. */
static bool strikes(bool needs_space)
{
    calls++;
    if (chosen == FULL) {
        bool fails = needs_space && is_full();
        if (fails) errno = ENOSPC;
        return fails;
    }
    if (at < 0 || calls < at || chosen == NONE) return false;
    if (calls > at) return false;
    if (chosen != ERROR) die();
    errno = EIO;
    return true;
}

/* ---- the log of names ---- */

static ino_t folder_of(const char *path)
{
    char copy[PATH_MAX];
    struct stat info;
    (void)snprintf(copy, sizeof copy, "%s", path);
    char *slash = strrchr(copy, '/');
    if (slash == NULL) return 0;
    *slash = '\0';
    return stat(copy, &info) == 0 ? info.st_ino : 0;
}

static char *make_backup(const char *path)
{
    if (chosen == FULL) return NULL;
    char *backup = NULL;
    if (asprintf(&backup, "%.*s.undo-%zu", (int)root_length - 1, root, backup_count++) < 0) abort();
    if (REAL(link)(path, backup) == 0) return backup;
    free(backup);
    return NULL;
}

static void log_change(change_kind kind, const char *path, const char *from, char *backup)
{
    if (chosen == FULL) return;
    if (change_count == CHANGES_MAX) abort();
    changes[change_count++] = (change){.kind = kind,
                                       .folder = folder_of(path),
                                       .path = strdup(path),
                                       .from = from == NULL ? NULL : strdup(from),
                                       .backup = backup};
}

static void forget_backup(change *c)
{
    if (c->backup != NULL) (void)REAL(unlink)(c->backup);
    c->is_synced = true;
}

static void note_synced(int fd)
{
    struct stat info;
    if (fstat(fd, &info) != 0) return;
    if (!S_ISDIR(info.st_mode)) {
        file_entry *file = find_file(info.st_ino);
        if (file != NULL) file->durable = info.st_size;
        return;
    }
    for (size_t i = 0; i < change_count; i++)
        if (changes[i].folder == info.st_ino && !changes[i].is_synced) forget_backup(&changes[i]);
}

static void note_opened(int fd, const char *path, bool is_new, bool is_emptied)
{
    struct stat info;
    if (fd < 0 || fd >= DESCRIPTORS_MAX || fstat(fd, &info) != 0) return;
    tracked[fd] = true;
    if (!S_ISREG(info.st_mode) || chosen == FULL) return; /* nothing will be taken back */
    file_entry *file = find_file(info.st_ino);
    if (file == NULL) {
        if (file_count == FILES_MAX) abort();
        file = &files[file_count++];
    } else if (!is_new && !is_emptied) {
        return;
    }
    *file = (file_entry){info.st_ino, is_new || is_emptied ? 0 : info.st_size};
    if (is_new) log_change(CREATED, path, NULL, NULL);
}

/* ---- the calls ---- */

static int open_with(int (*real)(const char *, int, ...), const char *path, int flags, mode_t bits)
{
    if (!is_below(path)) return real(path, flags, bits);
    (void)pthread_mutex_lock(&mutex);
    bool is_new = (flags & O_CREAT) != 0 && access(path, F_OK) != 0;
    bool changes_disk = is_new || (flags & O_TRUNC) != 0;
    int fd = changes_disk && strikes(true) ? -1 : real(path, flags, bits);
    if (fd >= 0) note_opened(fd, path, is_new, (flags & O_TRUNC) != 0);
    (void)pthread_mutex_unlock(&mutex);
    return fd;
}

static mode_t bits_of(int flags, va_list arguments)
{
    return (flags & (O_CREAT | O_TMPFILE)) != 0 ? (mode_t)va_arg(arguments, int) : 0;
}

EXPORT int open(const char *path, int flags, ...)
{
    va_list arguments;
    va_start(arguments, flags);
    mode_t bits = bits_of(flags, arguments);
    va_end(arguments);
    return open_with(REAL(open), path, flags, bits);
}

EXPORT int open64(const char *path, int flags, ...)
{
    va_list arguments;
    va_start(arguments, flags);
    mode_t bits = bits_of(flags, arguments);
    va_end(arguments);
    return open_with(REAL(open64), path, flags, bits);
}

/* stdio's own writes do not pass here; its files count as unsynced until their fsync. */
static FILE *fopen_with(FILE *(*real)(const char *, const char *), const char *path,
                        const char *how)
{
    if (!is_below(path) || *how == 'r') return real(path, how);
    (void)pthread_mutex_lock(&mutex);
    bool is_new = access(path, F_OK) != 0;
    FILE *file = strikes(true) ? NULL : real(path, how);
    if (file != NULL) note_opened(fileno(file), path, is_new, *how == 'w');
    (void)pthread_mutex_unlock(&mutex);
    return file;
}

EXPORT FILE *fopen(const char *path, const char *how) { return fopen_with(REAL(fopen), path, how); }
EXPORT FILE *fopen64(const char *path, const char *how)
{
    return fopen_with(REAL(fopen64), path, how);
}

EXPORT int close(int fd)
{
    if (fd >= 0 && fd < DESCRIPTORS_MAX) tracked[fd] = false;
    return REAL(close)(fd);
}

/* A call on a descriptor: counted where it is ours, made with the mutex held, so that a crash is
 * one instant. */
#define ON_DESCRIPTOR(type, name, fd, needs_space, parameters, arguments, after)                   \
    EXPORT type name parameters                                                                    \
    {                                                                                              \
        if (!is_tracked(fd)) return REAL(name) arguments;                                          \
        (void)pthread_mutex_lock(&mutex);                                                          \
        type result = strikes(needs_space) ? (type)-1 : REAL(name) arguments;                      \
        int saved = errno;                                                                         \
        if (result >= 0) after;                                                                    \
        (void)pthread_mutex_unlock(&mutex);                                                        \
        errno = saved;                                                                             \
        return result;                                                                             \
    }

// clang-format off
ON_DESCRIPTOR(ssize_t, write, fd, true, (int fd, const void *data, size_t size), (fd, data, size), (void)0)
ON_DESCRIPTOR(ssize_t, pwrite, fd, true, (int fd, const void *data, size_t size, off_t to), (fd, data, size, to), (void)0)
ON_DESCRIPTOR(ssize_t, pwrite64, fd, true, (int fd, const void *data, size_t size, off64_t to), (fd, data, size, to), (void)0)
ON_DESCRIPTOR(ssize_t, writev, fd, true, (int fd, const struct iovec *parts, int count), (fd, parts, count), (void)0)
ON_DESCRIPTOR(int, ftruncate, fd, false, (int fd, off_t size), (fd, size), (void)0)
ON_DESCRIPTOR(int, ftruncate64, fd, false, (int fd, off64_t size), (fd, size), (void)0)
ON_DESCRIPTOR(int, fallocate, fd, true, (int fd, int how, off_t from, off_t size), (fd, how, from, size), (void)0)
ON_DESCRIPTOR(int, fallocate64, fd, true, (int fd, int how, off64_t from, off64_t size), (fd, how, from, size), (void)0)
ON_DESCRIPTOR(int, fsync, fd, true, (int fd), (fd), note_synced(fd))
ON_DESCRIPTOR(int, fdatasync, fd, true, (int fd), (fd), note_synced(fd))
// clang-format on

EXPORT int rename(const char *from, const char *to)
{
    if (!is_below(to)) return REAL(rename)(from, to);
    (void)pthread_mutex_lock(&mutex);
    int result = -1;
    if (!strikes(false)) {
        char *backup = make_backup(to);
        result = REAL(rename)(from, to);
        if (result == 0) log_change(RENAMED, to, from, backup);
    }
    (void)pthread_mutex_unlock(&mutex);
    return result;
}

EXPORT int unlink(const char *path)
{
    if (!is_below(path)) return REAL(unlink)(path);
    (void)pthread_mutex_lock(&mutex);
    int result = -1;
    if (!strikes(false)) {
        char *backup = make_backup(path);
        result = REAL(unlink)(path);
        if (result == 0 && backup != NULL) log_change(REMOVED, path, NULL, backup);
    }
    (void)pthread_mutex_unlock(&mutex);
    return result;
}

EXPORT int link(const char *from, const char *to)
{
    if (!is_below(to)) return REAL(link)(from, to);
    (void)pthread_mutex_lock(&mutex);
    int result = strikes(true) ? -1 : REAL(link)(from, to);
    if (result == 0) log_change(CREATED, to, NULL, NULL);
    (void)pthread_mutex_unlock(&mutex);
    return result;
}

EXPORT int mkdir(const char *path, mode_t bits)
{
    /* What is there needs no room: the answer is EEXIST. */
    if (!is_below(path) || access(path, F_OK) == 0) return REAL(mkdir)(path, bits);
    (void)pthread_mutex_lock(&mutex);
    int result = strikes(true) ? -1 : REAL(mkdir)(path, bits);
    if (result == 0) log_change(MADE_FOLDER, path, NULL, NULL);
    (void)pthread_mutex_unlock(&mutex);
    return result;
}

EXPORT int rmdir(const char *path)
{
    if (!is_below(path)) return REAL(rmdir)(path);
    (void)pthread_mutex_lock(&mutex);
    int result = strikes(false) ? -1 : REAL(rmdir)(path);
    if (result == 0) log_change(REMOVED_FOLDER, path, NULL, NULL);
    (void)pthread_mutex_unlock(&mutex);
    return result;
}

/* A full disk says so. */
EXPORT int statvfs(const char *path, struct statvfs *info)
{
    int code = REAL(statvfs)(path, info);
    bool is_ours = root_length > 0 && strncmp(path, root, root_length - 1) == 0;
    (void)pthread_mutex_lock(&mutex);
    bool is_low = low_while != NULL && access(low_while, F_OK) == 0;
    if (code == 0 && is_ours && (is_low || is_full())) info->f_bavail = info->f_bfree = 0;
    (void)pthread_mutex_unlock(&mutex);
    return code;
}
