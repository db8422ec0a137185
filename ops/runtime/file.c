/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/runtime/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "ops/runtime/assert.h"

static weir_error_code code_of_errno(int number)
{
    switch (number) {
    case ENOENT:
    case ENOTDIR:
    case EISDIR:
    case ELOOP:
    case ENAMETOOLONG: return WEIR_E_NO_INPUT;
    case EACCES:
    case EPERM: return WEIR_E_PERMISSION;
    case EROFS: return WEIR_E_CANT_CREATE;
    case ENOSPC:
    case EDQUOT: return WEIR_E_DISK_FULL;
    case ENOMEM: return WEIR_E_NO_MEMORY;
    default: return WEIR_E_IO;
    }
}

static const char *cure_of(weir_error_code code)
{
    return code == WEIR_E_DISK_FULL ? "; free some space on that disk" : "";
}

weir_error *weir_error_of_errno(int number, const char *doing, const char *path)
{
    weir_error_code code = code_of_errno(number);
    return weir_error_new(code, "%s %s: %s%s", doing, path, strerror(number), cure_of(code));
}

static weir_error *read_all(int file, const char *path, size_t limit, weir_buffer *buffer)
{
    enum { STEP_BYTES = 64 * 1024 };
    for (;;) {
        uint8_t *to = weir_buffer_reserve(buffer, STEP_BYTES);
        ssize_t count = read(file, to, STEP_BYTES);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return weir_error_of_errno(errno, "reading", path);
        if (count == 0) return NULL;
        buffer->size += (size_t)count;
        if (buffer->size > limit)
            return weir_error_new(WEIR_E_LIMIT, "%s is larger than %zu bytes", path, limit);
    }
}

/* Read to the end rather than by fstat, so that pipes and growing files work; the limit bounds
 * both. */
weir_error *weir_file_read(const char *path, size_t limit, weir_arena *into, weir_bytes *bytes_out)
{
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) return weir_error_of_errno(errno, "opening", path);
    weir_buffer buffer = {0};
    weir_error *error = read_all(file, path, limit, &buffer);
    (void)close(file);
    if (error == NULL) {
        char *copy = weir_arena_string(into, (const char *)buffer.data, buffer.size);
        *bytes_out = (weir_bytes){(const uint8_t *)copy, buffer.size};
    }
    weir_buffer_deinit(&buffer);
    return error;
}

bool weir_file_exists(const char *path) { return access(path, F_OK) == 0; }

weir_error *weir_file_remove(const char *path)
{
    if (unlink(path) == 0 || errno == ENOENT) return NULL;
    return weir_error_of_errno(errno, "removing", path);
}

struct weir_draft {
    FILE *stream;
    char *path;       /* where it will stand */
    char *draft_path; /* where it stands     */
};

static char *join(const char *left, const char *right)
{
    char *text = NULL;
    WEIR_ASSERT(asprintf(&text, "%s%s", left, right) >= 0);
    return text;
}

weir_error *weir_error_of_creating(int number, const char *path)
{
    weir_error_code code = code_of_errno(number);
    if (code == WEIR_E_NO_INPUT) code = WEIR_E_CANT_CREATE;
    return weir_error_new(code, "creating %s: %s%s", path, strerror(number), cure_of(code));
}

weir_error *weir_draft_open(const char *path, weir_draft **draft_out)
{
    char *draft_path = join(path, ".draft-XXXXXX");
    int file = mkostemp(draft_path, O_CLOEXEC);
    if (file < 0) {
        weir_error *error = weir_error_of_creating(errno, path);
        free(draft_path);
        return error;
    }
    struct stat before; /* who may read what is replaced stays as it was */
    bool replaces = stat(path, &before) == 0 && S_ISREG(before.st_mode);
    (void)fchmod(file, replaces ? before.st_mode & 0777 : 0644);
    weir_draft *draft = malloc(sizeof *draft);
    FILE *stream = fdopen(file, "wb");
    WEIR_ASSERT(draft != NULL && stream != NULL);
    *draft = (weir_draft){.stream = stream, .path = join(path, ""), .draft_path = draft_path};
    *draft_out = draft;
    return NULL;
}

FILE *weir_draft_stream(weir_draft *draft) { return draft->stream; }

static void free_draft(weir_draft *draft)
{
    free(draft->path);
    free(draft->draft_path);
    free(draft);
}

void weir_draft_abandon(weir_draft *draft)
{
    if (draft == NULL) return;
    (void)fclose(draft->stream);
    (void)unlink(draft->draft_path);
    free_draft(draft);
}

static weir_error *sync_parent(const char *path)
{
    const char *slash = strrchr(path, '/');
    if (slash == NULL) return weir_dir_sync(".");
    char *parent = strndup(path, slash == path ? 1 : (size_t)(slash - path));
    WEIR_ASSERT(parent != NULL);
    weir_error *error = weir_dir_sync(parent);
    free(parent);
    return error;
}

weir_error *weir_draft_commit(weir_draft *draft)
{
    errno = 0;
    bool written = ferror(draft->stream) == 0 && fflush(draft->stream) == 0 &&
                   fsync(fileno(draft->stream)) == 0;
    if (!written) {
        weir_error *error = weir_error_of_errno(errno == 0 ? EIO : errno, "writing", draft->path);
        weir_draft_abandon(draft);
        return error;
    }
    weir_error *error = NULL;
    bool closed = fclose(draft->stream) == 0;
    if (!closed || rename(draft->draft_path, draft->path) != 0) {
        error = weir_error_of_errno(errno, closed ? "renaming to" : "writing", draft->path);
        (void)unlink(draft->draft_path);
    } else {
        error = sync_parent(draft->path);
    }
    free_draft(draft);
    return error;
}

weir_error *weir_file_write(const char *path, const void *data, size_t size)
{
    weir_draft *draft = NULL;
    WEIR_TRY(weir_draft_open(path, &draft));
    (void)fwrite(data, 1, size, weir_draft_stream(draft));
    return weir_draft_commit(draft);
}

weir_error *weir_dir_make(const char *path)
{
    char *copy = join(path, "");
    weir_error *error = NULL;
    for (char *slash = copy; error == NULL && slash != NULL;) {
        slash = strchr(slash + 1, '/');
        if (slash != NULL) *slash = '\0';
        if (mkdir(copy, 0755) != 0 && errno != EEXIST) error = weir_error_of_creating(errno, copy);
        if (slash != NULL) *slash = '/';
    }
    struct stat info;
    if (error == NULL && (stat(path, &info) != 0 || !S_ISDIR(info.st_mode)))
        error =
            weir_error_new(WEIR_E_CANT_CREATE, "creating %s: something else stands there", path);
    free(copy);
    return error;
}

bool weir_dir_exists(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

weir_error *weir_dir_sync(const char *path)
{
    int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0) return weir_error_of_errno(errno, "opening folder", path);
    weir_error *error = fsync(dir) == 0 ? NULL : weir_error_of_errno(errno, "syncing folder", path);
    (void)close(dir);
    return error;
}

static int remove_entry(const char *path, const struct stat *info, int kind, struct FTW *walk)
{
    (void)info;
    (void)kind;
    (void)walk;
    return remove(path) != 0 && errno != ENOENT ? -1 : 0;
}

weir_error *weir_dir_remove(const char *path)
{
    enum { OPEN_MAX_COUNT = 16 };
    if (nftw(path, remove_entry, OPEN_MAX_COUNT, FTW_DEPTH | FTW_PHYS) == 0 || errno == ENOENT)
        return NULL;
    return weir_error_of_errno(errno, "removing folder", path);
}

weir_error *weir_dir_temp(weir_arena *into, char **path_out)
{
    const char *base = getenv("TMPDIR");
    char *path =
        weir_arena_printf(into, "%s/weir-XXXXXX", base == NULL || *base == '\0' ? "/tmp" : base);
    if (mkdtemp(path) == NULL) return weir_error_of_creating(errno, path);
    *path_out = path;
    return NULL;
}

weir_error *weir_dir_free_bytes(const char *path, uint64_t *bytes_out)
{
    struct statvfs info;
    if (statvfs(path, &info) != 0)
        return weir_error_of_errno(errno, "looking at the disk of", path);
    *bytes_out = (uint64_t)info.f_bavail * info.f_frsize;
    return NULL;
}

static bool ends_in(const char *name, const char *suffix)
{
    size_t length = strlen(name), tail = strlen(suffix);
    return length >= tail && strcmp(name + length - tail, suffix) == 0;
}

static int by_text(const void *left, const void *right)
{
    return strcmp(*(const char *const *)left, *(const char *const *)right);
}

static weir_error *collect(DIR *dir, const char *path, const char *suffix, size_t limit,
                           weir_arena *into, weir_buffer *names)
{
    for (;;) {
        errno = 0;
        const struct dirent *entry = readdir(dir);
        if (entry == NULL) return errno == 0 ? NULL : weir_error_of_errno(errno, "listing", path);
        if (entry->d_name[0] == '.' || !ends_in(entry->d_name, suffix)) continue;
        if (names->size / sizeof(char *) == limit)
            return weir_error_new(WEIR_E_LIMIT, "%s holds more than %zu files", path, limit);
        const char *name = weir_arena_string(into, entry->d_name, strlen(entry->d_name));
        weir_buffer_put(names, &name, sizeof name);
    }
}

weir_error *weir_dir_list(const char *path, const char *suffix, size_t limit, weir_arena *into,
                          const char *const **names_out, size_t *count_out)
{
    DIR *dir = opendir(path);
    if (dir == NULL) return weir_error_of_errno(errno, "listing", path);
    weir_buffer names = {0};
    weir_error *error = collect(dir, path, suffix, limit, into, &names);
    (void)closedir(dir);
    if (error == NULL) {
        *count_out = names.size / sizeof(char *);
        if (*count_out > 0) qsort(names.data, *count_out, sizeof(char *), by_text);
        *names_out = weir_arena_copy(into, names.data, names.size);
    }
    weir_buffer_deinit(&names);
    return error;
}
