/* SPDX-License-Identifier: Apache-2.0 */
/*
 * file.h - files, read within bounds and written whole or not at all.
 *
 * A file that we write appears under its name complete and durable: draft beside it, fsync, rename,
 * fsync of the folder. A reader or a crash never sees half of one. Reading takes a limit, since a
 * size comes from outside. errno becomes a weir_error on the line where it appears
 * (weir_error_of_errno).
 *
 * Owns:    a draft belongs to the caller until commit or abandon, which free it.
 * Threads: any; one thread at a time for a draft.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "ops/runtime/arena.h"
#include "ops/runtime/buffer.h"
#include "ops/runtime/error.h"

/* "<doing> <path>: <what the system said>", with the code that fits: no input, permission, disk
 * full, I/O. */
weir_error *weir_error_of_errno(int number, const char *doing, const char *path);
/* "creating <path>: ..": what would be missing input is output that can not be made (E0021). */
weir_error *weir_error_of_creating(int number, const char *path);

/* The whole file into `into`, with a NUL behind it (not counted). Larger than `limit`: E0007. */
weir_error *weir_file_read(const char *path, size_t limit, weir_arena *into, weir_bytes *bytes_out);
/* Replaces the file at once. */
weir_error *weir_file_write(const char *path, const void *data, size_t size);
bool weir_file_exists(const char *path);
weir_error *weir_file_remove(const char *path); /* not there: fine */

/* A file in the making. */
typedef struct weir_draft weir_draft;
weir_error *weir_draft_open(const char *path, weir_draft **draft_out);
FILE *weir_draft_stream(weir_draft *draft); /* write here; errors are found at commit */
weir_error *weir_draft_commit(weir_draft *draft);
void weir_draft_abandon(weir_draft *draft); /* NULL is fine */

/* Folders. */
weir_error *weir_dir_make(const char *path); /* with its parents; there already: fine */
bool weir_dir_exists(const char *path);
weir_error *weir_dir_sync(const char *path); /* makes renames in it durable           */
weir_error *weir_dir_remove(
    const char *path); /* with all in it; not there: fine; follows no link */
weir_error *weir_dir_temp(weir_arena *into, char **path_out); /* new, under TMPDIR, mode 0700 */
weir_error *weir_dir_free_bytes(const char *path, uint64_t *bytes_out); /* for us, on its disk */
/* Names in it that end in `suffix`, sorted, without "." files. More than `limit`: E0007. */
weir_error *weir_dir_list(const char *path, const char *suffix, size_t limit, weir_arena *into,
                          const char *const **names_out, size_t *count_out);
