/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A snapshot against its manifest: the manifest against its own hashes; the folder's files against
 * the list, none missing and none more; every part against itself (pages, values, footer) and then
 * against what the list says of it.
 */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "ops/runtime/file.h"
#include "store/manifest.h"
#include "store/parquet/reader.h"

/* A name in the folder, nothing that leads out of it. */
static bool is_plain_name(const char *file)
{
    return file[0] != '\0' && file[0] != '.' && strchr(file, '/') == NULL;
}

static weir_error *differs(const char *path, const char *what, const char *says, const char *is)
{
    return weir_error_new(
        WEIR_E_CORRUPT,
        "%s: %s differs: the manifest says %s, the file has %s; export the snapshot again", path,
        what, says, is);
}

static weir_error *compare_count(const char *path, const char *what, uint64_t says, uint64_t is)
{
    char texts[2][24];
    if (says == is) return NULL;
    (void)snprintf(texts[0], sizeof texts[0], "%" PRIu64, says);
    (void)snprintf(texts[1], sizeof texts[1], "%" PRIu64, is);
    return differs(path, what, texts[0], texts[1]);
}

static weir_error *verify_part(const char *folder, const weir_manifest_part *part,
                               weir_arena *scratch, weir_snapshot_verdict *verdict)
{
    weir_parquet_verdict file;
    if (!is_plain_name(part->file)) {
        return weir_error_new(WEIR_E_CORRUPT,
                              "%s: the manifest names a part `%s` that is no file name", folder,
                              part->file);
    }
    const char *path = weir_arena_printf(scratch, "%s/%s", folder, part->file);
    if (!weir_file_exists(path)) {
        return weir_error_new(WEIR_E_CORRUPT,
                              "%s is in the manifest, but not there; export the snapshot again",
                              path);
    }
    WEIR_TRY(weir_parquet_verify(path, &file));
    WEIR_TRY(compare_count(path, "the number of bytes", part->bytes, file.bytes));
    WEIR_TRY(compare_count(path, "the number of rows", part->rows, file.rows));
    if (!file.has_hashes || strcmp(part->content_sha256, file.content_sha256) != 0) {
        return differs(path, "the content hash", part->content_sha256, file.content_sha256);
    }
    if (strcmp(part->file_sha256, file.file_sha256) != 0) {
        return differs(path, "the SHA-256 of the file", part->file_sha256, file.file_sha256);
    }
    verdict->files++;
    verdict->rows += file.rows;
    verdict->bytes += file.bytes;
    verdict->pages += file.pages;
    return NULL;
}

static bool is_listed(const weir_manifest *manifest, const char *manifest_path, const char *file)
{
    for (size_t i = 0; i < manifest->part_count; i++) {
        if (strcmp(manifest->parts[i].file, file) == 0) return true;
    }
    return strcmp(file, strrchr(manifest_path, '/') + 1) == 0;
}

/* A file that nobody listed may be a part that somebody put there: readers take all *.parquet. */
static weir_error *check_no_more(const char *folder, const char *manifest_path,
                                 const weir_manifest *manifest)
{
    DIR *directory = opendir(folder);
    weir_error *error = NULL;
    if (directory == NULL) return weir_error_of_errno(errno, "reading the folder", folder);
    for (struct dirent *entry = readdir(directory); entry != NULL && error == NULL;
         entry = readdir(directory)) {
        bool is_dots = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
        if (is_dots || is_listed(manifest, manifest_path, entry->d_name)) continue;
        error = weir_error_new(WEIR_E_CORRUPT, "%s: the file %s is not in the manifest; remove it",
                               folder, entry->d_name);
    }
    (void)closedir(directory);
    return error;
}

static weir_error *verify_folder(const char *folder, weir_snapshot_verdict *verdict)
{
    weir_arena scratch = {0};
    weir_manifest manifest;
    weir_bytes text;
    weir_error *error = NULL;
    const char *path = weir_manifest_path(folder, &scratch);
    if (!weir_file_exists(path)) {
        error = weir_error_new(
            WEIR_E_CORRUPT,
            "%s has no " WEIR_MANIFEST_NAME ": it is no snapshot that was published whole", folder);
        goto out;
    }
    WEIR_TRY_OUT(weir_file_read(path, WEIR_MANIFEST_BYTES_MAX, &scratch, &text));
    WEIR_TRY_OUT(weir_manifest_parse(path, text, &scratch, &manifest));
    WEIR_TRY_OUT(check_no_more(folder, path, &manifest));
    if (manifest.part_count == 0) {
        error = weir_error_new(WEIR_E_CORRUPT, "%s names no part; export the snapshot again", path);
        goto out;
    }
    for (size_t i = 0; i < manifest.part_count; i++)
        WEIR_TRY_OUT(verify_part(folder, &manifest.parts[i], &scratch, verdict));
    WEIR_TRY_OUT(compare_count(path, "the number of rows", manifest.rows, verdict->rows));
    WEIR_TRY_OUT(compare_count(path, "the number of bytes", manifest.bytes, verdict->bytes));
    verdict->files++;
    verdict->complete = true;
    memcpy(verdict->content_sha256, manifest.content_sha256, WEIR_SHA256_TEXT_SIZE);
out:
    weir_arena_deinit(&scratch);
    return error;
}

weir_error *weir_snapshot_verify(const char *path, weir_snapshot_verdict *verdict_out)
{
    *verdict_out = (weir_snapshot_verdict){0};
    struct stat info;
    if (stat(path, &info) != 0) return weir_error_of_errno(errno, "verifying", path);
    if (S_ISDIR(info.st_mode)) return verify_folder(path, verdict_out);
    weir_parquet_verdict file;
    WEIR_TRY(weir_parquet_verify(path, &file));
    *verdict_out = (weir_snapshot_verdict){.files = 1,
                                           .rows = file.rows,
                                           .bytes = file.bytes,
                                           .pages = file.pages,
                                           .complete = file.has_hashes};
    memcpy(verdict_out->content_sha256, file.content_sha256, WEIR_SHA256_TEXT_SIZE);
    return NULL;
}
