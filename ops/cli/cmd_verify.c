/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>

#include "ops/cli/cli.h"
#include "ops/runtime/file.h"
#include "ops/runtime/json.h"
#include "store/checkpoint.h"
#include "store/shard.h"
#include "store/snapshot.h"

static void print_json(const char *path, const weir_snapshot_verdict *verdict, const char *problem)
{
    weir_buffer out = {0};
    weir_json_writer json = {.out = &out};
    weir_json_write_begin(&json, '{');
    weir_json_write_key(&json, "path");
    weir_json_write_text(&json, path);
    weir_json_write_key(&json, "ok");
    weir_json_write_bool(&json, problem == NULL);
    if (problem != NULL) {
        weir_json_write_key(&json, "problem");
        weir_json_write_text(&json, problem);
    } else {
        const struct {
            const char *name;
            uint64_t count;
        } counts[] = {{"files", verdict->files},
                      {"rows", verdict->rows},
                      {"bytes", verdict->bytes},
                      {"pages", verdict->pages}};
        for (size_t i = 0; i < 4; i++) {
            weir_json_write_key(&json, counts[i].name);
            weir_json_write_int(&json, (int64_t)counts[i].count);
        }
        weir_json_write_key(&json, "complete");
        weir_json_write_bool(&json, verdict->complete);
        weir_json_write_key(&json, "content_sha256");
        weir_json_write_text(&json, verdict->content_sha256);
    }
    weir_json_write_end(&json, '}');
    (void)fprintf(stdout, "%.*s\n", (int)out.size, (const char *)out.data);
    weir_buffer_deinit(&out);
}

/* A checkpoint or a shard's folder has no files of its own to count, but values. */
static void print_text(const char *path, const weir_snapshot_verdict *verdict)
{
    if (verdict->files == 0) {
        (void)printf("%s: ok: %" PRIu64 " values, %" PRIu64 " bytes of state\n", path,
                     verdict->rows, verdict->bytes);
        return;
    }
    (void)printf("%s: ok: %" PRIu64 " rows, %" PRIu64 " pages, %" PRIu64 " bytes in %" PRIu64
                 " files\n",
                 path, verdict->rows, verdict->pages, verdict->bytes, verdict->files);
    if (verdict->complete) {
        (void)printf("content %s\n", verdict->content_sha256);
    } else {
        (void)printf("written by another program, without hashes of the whole: only what it has "
                     "was compared\n");
    }
}

/* A checkpoint is a store with CHECKSUMS over its files. */
static weir_error *verify_store(const char *path, bool is_checkpoint,
                                weir_snapshot_verdict *verdict)
{
    weir_shard_store_report report;
    if (is_checkpoint) WEIR_TRY(weir_checkpoint_verify(path));
    WEIR_TRY(weir_shard_store_verify(path, &report));
    *verdict =
        (weir_snapshot_verdict){.complete = true, .rows = report.values, .bytes = report.bytes};
    return NULL;
}

/* A checkpoint has its CHECKSUMS, a shard's folder RocksDB's CURRENT; everything else is a snapshot
 * or a Parquet file. */
static weir_error *verify(weir_cli *cli, const char *path, weir_snapshot_verdict *verdict)
{
    bool is_checkpoint = weir_file_exists(weir_arena_printf(&cli->arena, "%s/CHECKSUMS", path));
    bool is_store = weir_file_exists(weir_arena_printf(&cli->arena, "%s/CURRENT", path));
    if (is_checkpoint || is_store) return verify_store(path, is_checkpoint, verdict);
    return weir_snapshot_verify(path, verdict);
}

/* Damage is an answer (1); a path that is not there, or a broken disk, is an error with a code of
 * its own. */
static weir_error *run(weir_cli *cli)
{
    bool is_json = cli->format == WEIR_FORMAT_JSON || cli->format == WEIR_FORMAT_JSONL;
    for (size_t i = 0; i < cli->argument_count; i++) {
        weir_snapshot_verdict verdict;
        const char *path = weir_cli_path(cli, cli->arguments[i]);
        weir_error *error = verify(cli, path, &verdict);
        if (error == NULL) {
            is_json ? print_json(path, &verdict, NULL) : print_text(path, &verdict);
            continue;
        }
        weir_error_code code = weir_error_code_of(error);
        if (code != WEIR_E_CORRUPT && code != WEIR_E_DATA && code != WEIR_E_LIMIT) return error;
        if (is_json) print_json(path, NULL, weir_error_message(error));
        weir_cli_report(error);
        weir_error_free(error);
        cli->exit_code = 1;
    }
    return NULL;
}

const weir_command weir_command_verify = {
    .name = "verify",
    .group = WEIR_GROUP_ANSWERS,
    .summary = "Compare every hash and checksum of a snapshot, checkpoint or state folder",
    .arguments = "PATH...",
    .help =
        "Re-reads a snapshot folder, a Parquet file, a checkpoint or the folder of a shard that "
        "no worker has open:\n"
        "the manifest's own hash, every page's CRC, every value, row counts, the content hash "
        "and the SHA-256 of\n"
        "every file; of state every block's and every value's checksum. Exits with 1 and the "
        "exact place if\n"
        "something differs.",
    .formats = WEIR_FORMAT_TEXT | WEIR_FORMAT_JSON | WEIR_FORMAT_JSONL,
    .arguments_min = 1,
    .arguments_max = WEIR_ARGUMENTS_MANY,
    .run = run,
};
