/* SPDX-License-Identifier: Apache-2.0 */
#include "store/snapshot.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ops/runtime/assert.h"
#include "ops/runtime/file.h"
#include "store/manifest.h"

enum { WRITE_BYTES = 1 << 20 };

#define SNAPSHOT_MAGIC 0x504e5357u /* "WSNP" */

struct weir_snapshot {
    uint32_t magic;
    weir_arena arena;
    const char *path;      /* final                            */
    const char *parent;    /* the folder that both stand in    */
    const char *temporary; /* where it is made; NULL: not yet  */
    int lock;              /* the temporary folder, locked: who sweeps leaves it alone */
    const char *title, *definition;
    const weir_parquet_column *columns;
    size_t column_count;
    uint64_t part_rows;
    weir_buffer parts; /* weir_manifest_part */
    /* The part being written. */
    int file;
    const char *file_name;
    weir_buffer unwritten;
    weir_parquet_writer *writer;
    uint64_t writer_rows;
};

/* --- The temporary folder --- */

static void split_path(weir_arena *into, const char *path, const char **parent_out,
                       const char **base_out)
{
    size_t size = strlen(path);
    while (size > 1 && path[size - 1] == '/')
        size--;
    const char *clean = weir_arena_string(into, path, size);
    const char *slash = strrchr(clean, '/');
    *base_out = slash == NULL ? clean : slash + 1;
    if (slash == NULL)
        *parent_out = ".";
    else
        *parent_out =
            slash == clean ? "/" : weir_arena_string(into, clean, (size_t)(slash - clean));
}

/* What a process that died left: its folder is not locked any more. */
static void sweep(weir_snapshot *snapshot, const char *prefix)
{
    DIR *folder = opendir(snapshot->parent);
    if (folder == NULL) return;
    for (struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        if (strncmp(entry->d_name, prefix, strlen(prefix)) != 0) continue;
        const char *path =
            weir_arena_printf(&snapshot->arena, "%s/%s", snapshot->parent, entry->d_name);
        int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0) continue;
        if (flock(fd, LOCK_EX | LOCK_NB) == 0) weir_error_free(weir_dir_remove(path));
        (void)close(fd);
    }
    (void)closedir(folder);
}

static weir_error *make_temporary(weir_snapshot *snapshot, const char *base)
{
    const char *prefix = weir_arena_printf(&snapshot->arena, ".%s.tmp-", base);
    sweep(snapshot, prefix);
    const char *path = NULL;
    for (unsigned n = 0; path == NULL;
         n++) { /* mkdir, not mkdtemp: readable as any folder of the user's */
        path = weir_arena_printf(&snapshot->arena, "%s/%s%ld-%u", snapshot->parent, prefix,
                                 (long)getpid(), n);
        if (mkdir(path, 0777) == 0) break;
        if (errno != EEXIST || n == 1000) return weir_error_of_creating(errno, path);
        path = NULL;
    }
    snapshot->temporary = path;
    snapshot->lock = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (snapshot->lock < 0 || flock(snapshot->lock, LOCK_EX | LOCK_NB) != 0) {
        return weir_error_of_errno(errno, "locking", path);
    }
    return NULL;
}

/* --- Parts --- */

static weir_error *write_all(int fd, const void *data, size_t size, const char *path)
{
    const char *from = data;
    while (size > 0) {
        ssize_t n = write(fd, from, size);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return weir_error_of_errno(n < 0 ? errno : EIO, "writing", path);
        from += n;
        size -= (size_t)n;
    }
    return NULL;
}

static weir_error *flush_unwritten(weir_snapshot *snapshot)
{
    weir_error *error = write_all(snapshot->file, snapshot->unwritten.data,
                                  snapshot->unwritten.size, snapshot->file_name);
    weir_buffer_clear(&snapshot->unwritten);
    return error;
}

static weir_error *take_bytes(void *context, const void *data, size_t size)
{
    weir_snapshot *snapshot = context;
    weir_buffer_put(&snapshot->unwritten, data, size);
    return snapshot->unwritten.size >= WRITE_BYTES ? flush_unwritten(snapshot) : NULL;
}

static size_t part_count(const weir_snapshot *snapshot)
{
    return snapshot->parts.size / sizeof(weir_manifest_part);
}

static weir_error *open_part(weir_snapshot *snapshot)
{
    snapshot->file_name =
        weir_arena_printf(&snapshot->arena, "part-%05zu.parquet", part_count(snapshot));
    const char *path =
        weir_arena_printf(&snapshot->arena, "%s/%s", snapshot->temporary, snapshot->file_name);
    snapshot->file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (snapshot->file < 0) return weir_error_of_creating(errno, path);
    weir_parquet_pair metadata[] = {
        {"weir.title", snapshot->title},
        {"weir.definition", snapshot->definition},
    };
    weir_parquet_options options = {.metadata = metadata, .metadata_count = 2};
    snapshot->writer_rows = 0;
    return weir_parquet_writer_create(snapshot->columns, snapshot->column_count, &options,
                                      (weir_parquet_sink){take_bytes, snapshot}, &snapshot->writer);
}

static weir_error *close_part(weir_snapshot *snapshot)
{
    weir_parquet_summary summary;
    WEIR_TRY(weir_parquet_writer_finish(snapshot->writer, &summary));
    WEIR_TRY(flush_unwritten(snapshot));
    if (fsync(snapshot->file) != 0)
        return weir_error_of_errno(errno, "syncing", snapshot->file_name);
    int fd = snapshot->file;
    snapshot->file = -1;
    if (close(fd) != 0) return weir_error_of_errno(errno, "closing", snapshot->file_name);
    weir_parquet_writer_destroy(snapshot->writer);
    snapshot->writer = NULL;
    weir_manifest_part part = {
        .file = snapshot->file_name,
        .rows = summary.rows,
        .bytes = summary.bytes,
        .row_groups = summary.row_groups,
        .content_sha256 = weir_arena_string(&snapshot->arena, summary.content_sha256,
                                            strlen(summary.content_sha256)),
        .file_sha256 =
            weir_arena_string(&snapshot->arena, summary.file_sha256, strlen(summary.file_sha256)),
    };
    weir_buffer_put(&snapshot->parts, &part, sizeof part);
    return NULL;
}

/* --- Life --- */

static const char *copy_text(weir_snapshot *snapshot, const char *text)
{
    return weir_arena_string(&snapshot->arena, text == NULL ? "" : text,
                             text == NULL ? 0 : strlen(text));
}

weir_error *weir_snapshot_begin(const weir_snapshot_options *options, weir_snapshot **snapshot_out)
{
    *snapshot_out = NULL;
    struct stat there;
    if (lstat(options->path, &there) == 0) {
        return weir_error_new(
            WEIR_E_CANT_CREATE,
            "%s exists, and a snapshot is never overwritten; choose another folder or remove it",
            options->path);
    }
    weir_snapshot *snapshot = calloc(1, sizeof *snapshot);
    WEIR_ASSERT(snapshot != NULL);
    snapshot->magic = SNAPSHOT_MAGIC;
    snapshot->file = snapshot->lock = -1;
    snapshot->path = copy_text(snapshot, options->path);
    snapshot->title = copy_text(snapshot, options->title);
    snapshot->definition = copy_text(snapshot, options->definition);
    snapshot->part_rows = options->part_rows > 0 ? options->part_rows : WEIR_SNAPSHOT_PART_ROWS;
    /* The columns' inner types live with the caller's plan, longer than the snapshot is written. */
    weir_parquet_column *columns =
        weir_arena_array(&snapshot->arena, weir_parquet_column, options->column_count);
    for (size_t i = 0; i < options->column_count; i++)
        columns[i] = (weir_parquet_column){copy_text(snapshot, options->columns[i].name),
                                           options->columns[i].type};
    snapshot->columns = columns;
    snapshot->column_count = options->column_count;
    const char *base = NULL;
    split_path(&snapshot->arena, options->path, &snapshot->parent, &base);
    weir_error *error = NULL;
    WEIR_TRY_OUT(weir_dir_make(snapshot->parent));
    WEIR_TRY_OUT(make_temporary(snapshot, base));
    WEIR_TRY_OUT(open_part(snapshot));
    *snapshot_out = snapshot;
    return NULL;
out:
    weir_snapshot_abort(snapshot);
    return weir_error_while(error, "beginning the snapshot %s", options->path);
}

static void destroy(weir_snapshot *snapshot)
{
    weir_parquet_writer_destroy(snapshot->writer);
    if (snapshot->file >= 0) (void)close(snapshot->file);
    if (snapshot->lock >= 0) (void)close(snapshot->lock);
    weir_buffer_deinit(&snapshot->parts);
    weir_buffer_deinit(&snapshot->unwritten);
    weir_arena_deinit(&snapshot->arena);
    snapshot->magic = 0;
    free(snapshot);
}

void weir_snapshot_abort(weir_snapshot *snapshot)
{
    if (snapshot == NULL) return;
    WEIR_ASSERT(snapshot->magic == SNAPSHOT_MAGIC);
    if (snapshot->temporary != NULL) weir_error_free(weir_dir_remove(snapshot->temporary));
    destroy(snapshot);
}

/* Parts end at a row number alone, whichever way rows come. */
static weir_error *next_part(weir_snapshot *snapshot)
{
    if (snapshot->writer_rows < snapshot->part_rows) return NULL;
    WEIR_TRY(close_part(snapshot));
    return open_part(snapshot);
}

weir_error *weir_snapshot_add_row(weir_snapshot *snapshot, const weir_value *values)
{
    WEIR_TRY(next_part(snapshot));
    snapshot->writer_rows++;
    return weir_parquet_writer_add_row(snapshot->writer, values);
}

weir_error *weir_snapshot_add_columns(weir_snapshot *snapshot, const weir_parquet_vector *columns,
                                      size_t rows)
{
    weir_buffer some = {0};
    weir_error *error = NULL;
    for (size_t from = 0; from < rows && error == NULL;) {
        WEIR_TRY_OUT(next_part(snapshot));
        uint64_t room = snapshot->part_rows - snapshot->writer_rows;
        size_t count = rows - from < room ? rows - from : (size_t)room;
        weir_buffer_clear(&some);
        for (size_t i = 0; i < snapshot->column_count; i++) {
            weir_parquet_vector vector = {
                (const char *)columns[i].data +
                    from * weir_parquet_vector_stride(&snapshot->columns[i].type),
                columns[i].valid == NULL ? NULL : columns[i].valid + from,
            };
            weir_buffer_put(&some, &vector, sizeof vector);
        }
        WEIR_TRY_OUT(
            weir_parquet_writer_add_columns(snapshot->writer, (const void *)some.data, count));
        snapshot->writer_rows += count;
        from += count;
    }
out:
    weir_buffer_deinit(&some);
    return error;
}

/* The name appears at once or not at all, and never takes the place of another. */
static weir_error *publish(weir_snapshot *snapshot)
{
    WEIR_TRY(weir_dir_sync(snapshot->temporary));
    int result =
        renameat2(AT_FDCWD, snapshot->temporary, AT_FDCWD, snapshot->path, RENAME_NOREPLACE);
    if (result != 0 &&
        errno == EINVAL) { /* a file system without it: the check and the rename are two steps */
        struct stat there;
        errno = EEXIST;
        result =
            lstat(snapshot->path, &there) == 0 ? -1 : rename(snapshot->temporary, snapshot->path);
    }
    if (result != 0 && errno == EEXIST) {
        return weir_error_new(WEIR_E_CANT_CREATE,
                              "%s appeared meanwhile, and a snapshot is never overwritten",
                              snapshot->path);
    }
    if (result != 0) return weir_error_of_errno(errno, "publishing", snapshot->path);
    snapshot->temporary = NULL;
    return weir_dir_sync(snapshot->parent);
}

static weir_error *write_manifest(weir_snapshot *snapshot, weir_manifest *manifest)
{
    weir_buffer text = {0};
    weir_manifest_print(manifest, &text);
    const char *path =
        weir_arena_printf(&snapshot->arena, "%s/" WEIR_MANIFEST_NAME, snapshot->temporary);
    weir_error *error = weir_file_write(path, text.data, text.size);
    weir_buffer_deinit(&text);
    return error;
}

weir_error *weir_snapshot_finish(weir_snapshot *snapshot, const weir_snapshot_facts *facts,
                                 weir_snapshot_summary *summary_out)
{
    WEIR_ASSERT(snapshot->magic == SNAPSHOT_MAGIC);
    weir_error *error = NULL;
    WEIR_TRY_OUT(close_part(snapshot));
    weir_manifest manifest = {
        .title = snapshot->title,
        .definition = snapshot->definition,
        .columns = snapshot->columns,
        .column_count = snapshot->column_count,
        .facts = *facts,
        .parts = (const void *)snapshot->parts.data,
        .part_count = part_count(snapshot),
    };
    WEIR_TRY_OUT(write_manifest(snapshot, &manifest));
    WEIR_TRY_OUT(publish(snapshot));
    *summary_out =
        (weir_snapshot_summary){manifest.rows, manifest.bytes, (uint32_t)manifest.part_count, {0}};
    memcpy(summary_out->content_sha256, manifest.content_sha256, WEIR_SHA256_TEXT_SIZE);
    destroy(snapshot);
    return NULL;
out:
    error = weir_error_while(error, "writing the snapshot %s", snapshot->path);
    weir_snapshot_abort(snapshot);
    return error;
}
