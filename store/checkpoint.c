/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CHECKSUMS is text, one line a file in the order of names: 16 hexadecimal digits of xxHash64, a
 * space, the size in bytes, a space, the name; the last line is "end <number of files>", so that a
 * cut file shows.
 */
#include "store/checkpoint.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ops/runtime/assert.h"
#include "ops/runtime/checksum.h"
#include "ops/runtime/file.h"

enum { PATH_MAX_BYTES = 4096 + 512, FILES_MAX = 100000, POSITIONS_MAX = 1024 };

/* folder/name; a folder's path is bounded by the caller, a name by the file system. */
static void join(char out[PATH_MAX_BYTES], const char *folder, const char *name)
{
    int length = snprintf(out, PATH_MAX_BYTES, "%s/%s", folder, name);
    WEIR_ASSERT(length > 0 && length < PATH_MAX_BYTES);
}

static void join_position(char out[PATH_MAX_BYTES], const char *folder, int64_t position)
{
    int length = snprintf(out, PATH_MAX_BYTES, "%s/%" PRId64, folder, position);
    WEIR_ASSERT(length > 0 && length < PATH_MAX_BYTES);
}

typedef struct file_names {
    char **names;
    size_t count;
} file_names;

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void free_names(file_names *files)
{
    for (size_t i = 0; i < files->count; i++)
        free(files->names[i]);
    free(files->names);
    *files = (file_names){0};
}

static weir_error *io_error(const char *doing, const char *path)
{
    return weir_error_new(errno == ENOSPC ? WEIR_E_DISK_FULL : WEIR_E_IO, "%s %s: %s", doing, path,
                          strerror(errno));
}

/* Names in a folder but "." and "..", sorted. */
static weir_error *list_files(const char *folder, file_names *files_out)
{
    *files_out = (file_names){0};
    DIR *open = opendir(folder);
    if (open == NULL) return io_error("listing", folder);
    size_t capacity = 0;
    for (struct dirent *entry = readdir(open); entry != NULL; entry = readdir(open)) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
        if (files_out->count == FILES_MAX) break;
        if (files_out->count == capacity) {
            capacity = capacity == 0 ? 32 : capacity * 2;
            files_out->names = realloc(files_out->names, capacity * sizeof(char *));
            WEIR_ASSERT(files_out->names != NULL);
        }
        files_out->names[files_out->count] = strdup(entry->d_name);
        WEIR_ASSERT(files_out->names[files_out->count] != NULL);
        files_out->count++;
    }
    (void)closedir(open);
    if (files_out->count > 0) qsort(files_out->names, files_out->count, sizeof(char *), by_name);
    return NULL;
}

static weir_error *hash_file(const char *path, uint64_t *hash_out, uint64_t *size_out)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) return io_error("reading", path);
    weir_xxh64_state *state = weir_xxh64_begin(0);
    char chunk[1 << 16];
    uint64_t size = 0;
    for (size_t got = fread(chunk, 1, sizeof chunk, file); got > 0;
         got = fread(chunk, 1, sizeof chunk, file)) {
        weir_xxh64_update(state, chunk, got);
        size += got;
    }
    bool is_broken = ferror(file) != 0;
    (void)fclose(file);
    *hash_out = weir_xxh64_finish(state);
    *size_out = size;
    return is_broken ? io_error("reading", path) : NULL;
}

static weir_error *sync_path(const char *path, int flags)
{
    int descriptor = open(path, flags);
    if (descriptor < 0) return io_error("opening", path);
    weir_error *error = fsync(descriptor) != 0 ? io_error("syncing", path) : NULL;
    (void)close(descriptor);
    return error;
}

/* A line of CHECKSUMS: of a file, or the last one, which has their number. */
typedef struct sums_line {
    uint64_t hash, size;
    size_t end; /* SIZE_MAX: of a file */
    char name[512];
} sums_line;

/* false: no further line, or one that can not be read (then `line` has no name). */
static bool sums_read(FILE *sums, sums_line *line_out)
{
    char text[1024];
    *line_out = (sums_line){.end = SIZE_MAX};
    if (fgets(text, sizeof text, sums) == NULL) return false;
    if (sscanf(text, "end %zu", &line_out->end) == 1) return true;
    line_out->end = SIZE_MAX;
    return sscanf(text, "%16" SCNx64 " %" SCNu64 " %511s", &line_out->hash, &line_out->size,
                  line_out->name) == 3 &&
           strchr(line_out->name, '/') == NULL;
}

/* An earlier checkpoint of the shard, read file by file in the order of names. */
typedef struct earlier {
    const char *folder; /* NULL: there is none */
    FILE *sums;
    sums_line line;
} earlier;

static earlier earlier_open(const char *folder)
{
    char path[PATH_MAX_BYTES];
    join(path, folder, "CHECKSUMS");
    FILE *sums = fopen(path, "rb");
    return (earlier){.folder = sums == NULL ? NULL : folder, .sums = sums};
}

static bool is_table(const char *name)
{
    size_t length = strlen(name);
    return length > 4 && strcmp(name + length - 4, ".sst") == 0;
}

/*
 * Whether folder/name is a table that the earlier checkpoint has, too; its line is then in
 * `self->line`. Tables never change, so a further link to the same file has the sum it had: a
 * checkpoint costs what is new in it, and a table that rotted in between is found.
 */
static bool earlier_has(earlier *self, const char *folder, const char *name)
{
    if (self->folder == NULL || !is_table(name)) return false;
    while (strcmp(self->line.name, name) < 0) {
        if (sums_read(self->sums, &self->line) && self->line.end == SIZE_MAX) continue;
        self->folder = NULL;
        return false;
    }
    if (strcmp(self->line.name, name) != 0) return false;
    char now[PATH_MAX_BYTES], then[PATH_MAX_BYTES];
    join(now, folder, name);
    join(then, self->folder, name);
    struct stat a, b;
    return stat(now, &a) == 0 && stat(then, &b) == 0 && a.st_dev == b.st_dev &&
           a.st_ino == b.st_ino && (uint64_t)a.st_size == self->line.size;
}

static weir_error *write_checksums(const char *folder, earlier *before, const atomic_bool *stop)
{
    weir_error *error = NULL;
    file_names files = {0};
    char path[PATH_MAX_BYTES];
    FILE *out = NULL;
    WEIR_TRY_OUT(list_files(folder, &files));
    char sums[PATH_MAX_BYTES];
    join(sums, folder, "CHECKSUMS");
    out = fopen(sums, "wb");
    if (out == NULL) WEIR_TRY_OUT(io_error("creating", sums));
    for (size_t i = 0; i < files.count; i++) {
        if (atomic_load(stop))
            WEIR_TRY_OUT(weir_error_new(WEIR_E_AGAIN, "checkpoint %s: given up", folder));
        uint64_t hash = 0, size = 0;
        if (earlier_has(before, folder, files.names[i])) {
            hash = before->line.hash;
            size = before->line.size;
        } else {
            join(path, folder, files.names[i]);
            WEIR_TRY_OUT(hash_file(path, &hash, &size));
            WEIR_TRY_OUT(sync_path(path, O_RDONLY));
        }
        (void)fprintf(out, "%016" PRIx64 " %" PRIu64 " %s\n", hash, size, files.names[i]);
    }
    (void)fprintf(out, "end %zu\n", files.count);
    if (fflush(out) != 0 || fsync(fileno(out)) != 0) error = io_error("writing", sums);
out:
    if (out != NULL) (void)fclose(out);
    free_names(&files);
    return error;
}

/* Removes what attempts that did not end have left, whatever their position. */
static weir_error *remove_partials(const char *checkpoints)
{
    file_names files = {0};
    WEIR_TRY(list_files(checkpoints, &files));
    weir_error *error = NULL;
    for (size_t i = 0; i < files.count && error == NULL; i++) {
        char path[PATH_MAX_BYTES];
        const char *dot = strrchr(files.names[i], '.');
        if (dot == NULL || strcmp(dot, ".partial") != 0) continue;
        join(path, checkpoints, files.names[i]);
        error = weir_dir_remove(path);
    }
    free_names(&files);
    return error;
}

weir_error *weir_checkpoint_begin(const char *checkpoints, int64_t position, char *partial_out,
                                  size_t partial_size)
{
    (void)snprintf(partial_out, partial_size, "%s/%" PRId64 ".partial", checkpoints, position);
    return remove_partials(checkpoints);
}

/* The positions of published checkpoints, newest first. */
static weir_error *list_positions(const char *checkpoints, int64_t *positions, size_t *count_out)
{
    *count_out = 0;
    file_names files = {0};
    WEIR_TRY(list_files(checkpoints, &files));
    for (size_t i = 0; i < files.count && *count_out < POSITIONS_MAX; i++) {
        char *end = NULL;
        long long position = strtoll(files.names[i], &end, 10);
        if (end == files.names[i] || *end != '\0' || position < 0) continue;
        size_t at = (*count_out)++;
        for (; at > 0 && positions[at - 1] < position; at--)
            positions[at] = positions[at - 1];
        positions[at] = position;
    }
    free_names(&files);
    return NULL;
}

weir_error *weir_checkpoint_publish(const char *checkpoints, int64_t position, uint32_t kept,
                                    const atomic_bool *stop)
{
    char partial[PATH_MAX_BYTES], final[PATH_MAX_BYTES];
    (void)snprintf(partial, sizeof partial, "%s/%" PRId64 ".partial", checkpoints, position);
    int64_t positions[POSITIONS_MAX];
    size_t count = 0;
    WEIR_TRY(list_positions(checkpoints, positions, &count));
    earlier before = {0};
    if (count > 0) {
        join_position(final, checkpoints, positions[0]);
        before = earlier_open(final);
    }
    weir_error *error = write_checksums(partial, &before, stop);
    if (before.sums != NULL) (void)fclose(before.sums);
    if (error != NULL) return error;
    WEIR_TRY(weir_dir_sync(partial));
    join_position(final, checkpoints, position);
    WEIR_TRY(weir_dir_remove(final));
    if (rename(partial, final) != 0) return io_error("publishing checkpoint", final);
    WEIR_TRY(weir_dir_sync(checkpoints));
    WEIR_TRY(list_positions(checkpoints, positions, &count));
    for (size_t i = kept; i < count; i++) {
        join_position(final, checkpoints, positions[i]);
        WEIR_TRY(weir_dir_remove(final));
    }
    return NULL;
}

static weir_error *damaged(const char *folder, const char *name, const char *what)
{
    return weir_error_new(
        WEIR_E_CORRUPT,
        "checkpoint %s: %s %s; remove that checkpoint, an older one or the journal serves", folder,
        name, what);
}

weir_error *weir_checkpoint_verify(const char *folder)
{
    char path[PATH_MAX_BYTES];
    join(path, folder, "CHECKSUMS");
    FILE *sums = fopen(path, "rb");
    if (sums == NULL) return damaged(folder, "CHECKSUMS", "is missing");
    weir_error *error = NULL;
    size_t seen = 0;
    sums_line line;
    while (error == NULL && sums_read(sums, &line) && line.end == SIZE_MAX) {
        uint64_t hash = 0, size = 0;
        join(path, folder, line.name);
        bool is_missing = access(path, F_OK) != 0 && errno == ENOENT;
        error =
            is_missing ? damaged(folder, line.name, "is missing") : hash_file(path, &hash, &size);
        if (error == NULL && (hash != line.hash || size != line.size))
            error = damaged(folder, line.name, "has changed");
        seen++;
    }
    (void)fclose(sums);
    if (error == NULL && line.end != seen)
        error = damaged(folder, "CHECKSUMS", "is cut short or has a line that can not be read");
    return error;
}

static weir_error *copy_file(const char *from, const char *to)
{
    FILE *in = fopen(from, "rb");
    if (in == NULL) return io_error("reading", from);
    FILE *out = fopen(to, "wb");
    weir_error *error = out == NULL ? io_error("creating", to) : NULL;
    char chunk[1 << 16];
    while (error == NULL) {
        size_t got = fread(chunk, 1, sizeof chunk, in);
        if (got == 0) break;
        if (fwrite(chunk, 1, got, out) != got) error = io_error("writing", to);
    }
    if (out != NULL && fclose(out) != 0 && error == NULL) error = io_error("writing", to);
    (void)fclose(in);
    return error;
}

/* Tables never change, so a link will do; everything else is appended to and must be a copy. */
static weir_error *restore_file(const char *from, const char *to)
{
    if (is_table(from) && link(from, to) == 0) return NULL;
    return copy_file(from, to);
}

static weir_error *restore_from(const char *folder, const char *directory)
{
    file_names files = {0};
    WEIR_TRY(list_files(folder, &files));
    weir_error *error = NULL;
    for (size_t i = 0; i < files.count && error == NULL; i++) {
        if (strcmp(files.names[i], "CHECKSUMS") == 0) continue;
        char from[PATH_MAX_BYTES], to[PATH_MAX_BYTES];
        join(from, folder, files.names[i]);
        join(to, directory, files.names[i]);
        error = restore_file(from, to);
    }
    free_names(&files);
    return error;
}

weir_error *weir_checkpoint_restore(const char *checkpoints, const char *directory,
                                    int64_t *position_out)
{
    *position_out = -1;
    int64_t positions[POSITIONS_MAX];
    size_t count = 0;
    WEIR_TRY(list_positions(checkpoints, positions, &count));
    for (size_t i = 0; i < count; i++) {
        char folder[PATH_MAX_BYTES];
        join_position(folder, checkpoints, positions[i]);
        weir_error *error = weir_checkpoint_verify(folder);
        if (error !=
            NULL) { /* a damaged checkpoint is passed over: an older one or the journal serves */
            weir_error_free(error);
            continue;
        }
        WEIR_TRY(restore_from(folder, directory));
        *position_out = positions[i];
        return NULL;
    }
    return NULL;
}
