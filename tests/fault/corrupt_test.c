/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A bit is flipped at every position of every file that is stored, and each file is cut at every
 * position; then it is used. It must be detected or harmless, never a wrong value and never a
 * crash (G6).
 *
 *   state       a shard with two tables and a write-ahead log: opened and read as a worker does.
 *               Harmless is also a lost tail: exactly what an earlier prefix of the writes left,
 *               with the position that belongs to it; the journal then gives the rest again.
 *   checkpoint  restored into an empty folder; a damaged one is passed over
 *   snapshot    parts and manifest: weir_snapshot_verify
 *   model FILE  loaded, and run over a row; a file has no checksum of its own, so a change that
 *               still loads must show in the digest, by which `weir apply` has named it
 *
 *   corrupt_test [--cases N] state | checkpoint | snapshot | model FILE...
 *
 * Of a file with more than N positions every k-th is taken; k is printed. 0: all.
 */
#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "compute/model/model.h"
#include "ops/runtime/assert.h"
#include "ops/runtime/file.h"
#include "store/checkpoint.h"
#include "store/shard.h"
#include "store/snapshot.h"

enum {
    BATCHES = 60,
    SLICES = 4,
    KEYS = 3,
    VALUE_BYTES = 40,
    FILES_MAX = 64,
    FILE_BYTES_MAX = 1 << 24
};

/* What a child found, as its exit code. */
enum { SAME = 10, EARLIER, DETECTED, WRONG };

static size_t case_limit = 400;
static char root[512]; /* of this process; removed at the end */

static void must(weir_error *error)
{
    if (error == NULL) return;
    (void)fprintf(stderr, "%s\n", weir_error_message(error));
    exit(1);
}

/* ---- a shard whose contents are known after each batch ---- */

static weir_error *write_batch(weir_store_port *port, uint32_t number)
{
    uint8_t value[VALUE_BYTES];
    char key[16];
    memset(value, (int)number + 1, sizeof value);
    int size = snprintf(key, sizeof key, "key%u", number / SLICES % KEYS);
    weir_store_item item = {1, {(const uint8_t *)key, (size_t)size}, 0, {value, sizeof value}};
    return port->write(port->context, number % SLICES, &item, 1,
                       (weir_bytes){(const uint8_t *)&number, sizeof number});
}

static weir_error *open_store(const char *folder, const char *checkpoints,
                              weir_store_shared **shared, weir_store_port *port)
{
    int64_t restored = -1;
    *shared = weir_store_shared_create(1 << 20);
    weir_shard_store_options options = {
        .shared = *shared, .directory = folder, .checkpoints = checkpoints, .free_bytes_min = 1};
    return weir_shard_store_open(&options, port, &restored);
}

/* Two tables, since each opening writes what the log before held, and a log with the last third. */
static void make_state(const char *folder, const char *checkpoints)
{
    for (uint32_t number = 0; number < BATCHES;) {
        weir_store_shared *shared = NULL;
        weir_store_port port;
        must(open_store(folder, checkpoints, &shared, &port));
        if (number == 0)
            must(port.write_identity(port.context, (weir_bytes){(const uint8_t *)"id", 2}));
        for (uint32_t i = 0; i < BATCHES / 3; i++, number++)
            must(write_batch(&port, number));
        port.checkpoint(port.context, number);
        weir_shard_store_settle(&port);
        port.close(port.context);
        weir_store_shared_destroy(shared);
    }
}

typedef struct contents {
    uint32_t records[SLICES]; /* last batch + 1 */
    uint8_t fill[SLICES][KEYS];
} contents;

static contents contents_after(uint32_t batches)
{
    contents all = {0};
    for (uint32_t i = 0; i < batches; i++) {
        all.records[i % SLICES] = i + 1;
        all.fill[i % SLICES][i / SLICES % KEYS] = (uint8_t)(i + 1);
    }
    return all;
}

static weir_error *take_part(void *context, uint64_t part, weir_bytes bytes)
{
    bool is_whole = part == 0 && bytes.size == VALUE_BYTES;
    for (size_t i = 1; is_whole && i < bytes.size; i++)
        is_whole = bytes.data[i] == bytes.data[0];
    *(uint8_t *)context = is_whole ? bytes.data[0] : 255;
    return NULL;
}

static weir_error *read_contents(weir_store_port *port, contents *into)
{
    weir_bytes records[WEIR_SLICE_COUNT];
    *into = (contents){0};
    WEIR_TRY(port->read_slices(port->context, records));
    for (uint32_t s = 0; s < SLICES; s++) {
        uint32_t number = 0;
        if (records[s].size != sizeof number) continue;
        memcpy(&number, records[s].data, sizeof number);
        into->records[s] = number + 1;
    }
    for (uint32_t s = 0; s < SLICES; s++) {
        for (uint32_t k = 0; k < KEYS; k++) {
            char key[16];
            int size = snprintf(key, sizeof key, "key%u", k);
            WEIR_TRY(port->load(port->context, s, 1,
                                (weir_bytes){(const uint8_t *)key, (size_t)size}, take_part,
                                &into->fill[s][k]));
        }
    }
    return NULL;
}

/* Uses it as a worker would: opens, reads, writes on. */
static int use_state(const char *folder, const char *checkpoints)
{
    weir_store_shared *shared = NULL;
    weir_store_port port;
    contents found;
    weir_error *error = open_store(folder, checkpoints, &shared, &port);
    if (error != NULL) return DETECTED;
    error = read_contents(&port, &found);
    if (error == NULL) error = write_batch(&port, BATCHES);
    port.close(port.context);
    weir_store_shared_destroy(shared);
    if (error != NULL) return DETECTED;
    for (uint32_t batches = BATCHES + 1; batches-- > 0;) {
        contents want = contents_after(batches);
        if (memcmp(&found, &want, sizeof want) == 0) return batches == BATCHES ? SAME : EARLIER;
    }
    return WRONG;
}

static int check_state(const char *folder) { return use_state(folder, NULL); }

/* `folder` holds checkpoints/<L>; they are restored into a folder beside it. */
static int check_checkpoint(const char *folder)
{
    char live[1024], checkpoints[1024];
    (void)snprintf(live, sizeof live, "%s/live", folder);
    (void)snprintf(checkpoints, sizeof checkpoints, "%s/checkpoints", folder);
    return use_state(live, checkpoints);
}

static int check_snapshot(const char *folder)
{
    weir_snapshot_verdict verdict;
    weir_error *error = weir_snapshot_verify(folder, &verdict);
    return error != NULL || !verdict.complete ? DETECTED : SAME;
}

static void make_snapshot(const char *folder)
{
    weir_parquet_column columns[] = {{"n", weir_type_of(WEIR_INT64)},
                                     {"x", weir_type_optional(weir_type_of(WEIR_FLOAT64))},
                                     {"s", weir_type_of(WEIR_STRING)}};
    weir_snapshot_options options = {
        .path = folder, .title = "p.v", .definition = "00", .columns = columns, .column_count = 3};
    weir_snapshot *snapshot = NULL;
    weir_snapshot_summary summary;
    must(weir_snapshot_begin(&options, &snapshot));
    for (int i = 0; i < 50; i++) {
        weir_value row[] = {weir_int(i), i % 7 == 0 ? weir_null() : weir_float(i / 3.0),
                            weir_string(i % 2 == 0 ? "even" : "odd", i % 2 == 0 ? 4 : 3)};
        must(weir_snapshot_add_row(snapshot, row));
    }
    weir_snapshot_range range = {"journal", 0, 0, 50};
    weir_snapshot_facts facts = {
        .mode = "as-known", .ranges = &range, .range_count = 1, .grade_a = 50};
    must(weir_snapshot_finish(snapshot, &facts, &summary));
}

/* ---- models ---- */

static uint8_t model_digest[32];

static weir_error *load_model(const char *path, weir_model **model_out)
{
    weir_arena arena = {0};
    weir_bytes bytes;
    weir_error *error = weir_file_read(path, FILE_BYTES_MAX, &arena, &bytes);
    if (error == NULL) error = weir_model_load(path, bytes, NULL, model_out);
    weir_arena_deinit(&arena);
    return error;
}

/* A row of zeros (of text: of empty texts), to see that what was loaded can be run. */
static weir_error *run_model(const weir_model *model)
{
    const weir_model_info *info = weir_model_describe(model);
    weir_arena arena = {0};
    weir_model_tensor *inputs = weir_arena_array(&arena, weir_model_tensor, info->input_count + 1);
    weir_model_tensor *outputs =
        weir_arena_array(&arena, weir_model_tensor, info->output_count + 1);
    for (size_t i = 0; i < info->input_count; i++) {
        uint32_t width = info->inputs[i].width;
        inputs[i] = (weir_model_tensor){info->inputs[i].kind, width,
                                        weir_arena_calloc(&arena, width + 1, sizeof(weir_bytes))};
    }
    weir_model_workspace *workspace = weir_model_workspace_create(model, 1);
    weir_error *error = weir_model_run(model, workspace, inputs, 1, outputs);
    weir_model_workspace_destroy(workspace);
    weir_arena_deinit(&arena);
    return error;
}

static int check_model(const char *folder)
{
    weir_model *model = NULL;
    char path[1024];
    (void)snprintf(path, sizeof path, "%s/model", folder);
    weir_error *error = load_model(path, &model);
    if (error != NULL) return DETECTED;
    weir_error_free(run_model(model));
    bool is_same =
        memcmp(weir_model_describe(model)->digest, model_digest, sizeof model_digest) == 0;
    return is_same ? WRONG : DETECTED;
}

/* ---- damage ---- */

typedef struct tally {
    size_t same, earlier, detected, wrong, crashed, cases;
} tally;

typedef int check(const char *folder);

static void copy_tree(const char *from, const char *to, const char *but)
{
    char left[1024], right[1024];
    must(weir_dir_make(to));
    DIR *folder = opendir(from);
    WEIR_ASSERT(folder != NULL);
    for (struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
        (void)snprintf(left, sizeof left, "%s/%s", from, entry->d_name);
        (void)snprintf(right, sizeof right, "%s/%s", to, entry->d_name);
        struct stat info;
        WEIR_ASSERT(lstat(left, &info) == 0);
        if (S_ISDIR(info.st_mode))
            copy_tree(left, right, but);
        else if (strcmp(left, but) != 0)
            WEIR_ASSERT(link(left, right) == 0);
    }
    (void)closedir(folder);
}

/* The child's standard error is lost: RocksDB talks when it aborts. */
static int run_check(check *test, const char *folder)
{
    (void)fflush(stdout);
    pid_t child = fork();
    WEIR_ASSERT(child >= 0);
    if (child == 0) {
        struct rlimit no_core = {0, 0};
        (void)setrlimit(RLIMIT_CORE, &no_core);
        (void)freopen("/dev/null", "w", stderr);
        (void)alarm(30);
        _exit(test(folder));
    }
    int status = 0;
    WEIR_ASSERT(waitpid(child, &status, 0) == child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void run_case(check *test, const char *whole, const char *file, const uint8_t *bytes,
                     size_t size, tally *found, const char *what, size_t at)
{
    char folder[1024], path[2048];
    (void)snprintf(folder, sizeof folder, "%s/case", root);
    copy_tree(whole, folder, file);
    (void)snprintf(path, sizeof path, "%s%s", folder, file + strlen(whole));
    FILE *out = fopen(path, "wb");
    WEIR_ASSERT(out != NULL);
    WEIR_ASSERT(fwrite(bytes, 1, size, out) == size);
    WEIR_ASSERT(fclose(out) == 0);
    int code = run_check(test, folder);
    found->cases++;
    found->same += code == SAME;
    found->earlier += code == EARLIER;
    found->detected += code == DETECTED;
    found->wrong += code == WRONG;
    bool is_crash = code != SAME && code != EARLIER && code != DETECTED && code != WRONG;
    found->crashed += is_crash;
    if (code == WRONG || is_crash)
        (void)printf("%s: %s at %zu: %s\n", file + strlen(whole) + 1, what, at,
                     is_crash ? "CRASH" : "WRONG VALUE");
    must(weir_dir_remove(folder));
}

/* Flips and cuts of one file. */
static void damage_file(check *test, const char *whole, const char *file, tally *all)
{
    weir_arena arena = {0};
    weir_bytes bytes;
    must(weir_file_read(file, FILE_BYTES_MAX, &arena, &bytes));
    size_t step = case_limit == 0 ? 1 : (bytes.size + case_limit - 1) / case_limit;
    if (step == 0) step = 1;
    tally found = {0};
    for (size_t at = 0; at < bytes.size; at += step) {
        uint8_t *changed = weir_arena_copy(&arena, bytes.data, bytes.size);
        changed[at] ^= (uint8_t)(1u << (at * 5 + 3) % 8);
        run_case(test, whole, file, changed, bytes.size, &found, "bit flipped", at);
        run_case(test, whole, file, bytes.data, at, &found, "cut", at);
        weir_arena_reset(&arena);
        must(weir_file_read(file, FILE_BYTES_MAX, &arena, &bytes));
    }
    (void)printf("%-28s %7zu bytes, every %zu.: %5zu cases, %5zu detected, %5zu unchanged, %4zu "
                 "earlier, %zu wrong, %zu crashed\n",
                 file + strlen(whole) + 1, bytes.size, step, found.cases, found.detected,
                 found.same, found.earlier, found.wrong, found.crashed);
    all->cases += found.cases;
    all->detected += found.detected;
    all->same += found.same;
    all->earlier += found.earlier;
    all->wrong += found.wrong;
    all->crashed += found.crashed;
    weir_arena_deinit(&arena);
}

static void damage_tree(check *test, const char *whole, const char *folder, tally *all)
{
    char path[1024];
    DIR *directory = opendir(folder);
    WEIR_ASSERT(directory != NULL);
    for (struct dirent *entry = readdir(directory); entry != NULL; entry = readdir(directory)) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
        if (strncmp(entry->d_name, "LOG", 3) == 0) continue; /* RocksDB's diary: nobody reads it */
        (void)snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        struct stat info;
        WEIR_ASSERT(lstat(path, &info) == 0);
        S_ISDIR(info.st_mode) ? damage_tree(test, whole, path, all)
                              : damage_file(test, whole, path, all);
    }
    (void)closedir(directory);
}

/* ---- the program ---- */

static void sweep(const char *name, check *test, int want, tally *all)
{
    char whole[600], copy[600];
    (void)snprintf(whole, sizeof whole, "%s/%s", root, name);
    (void)snprintf(copy, sizeof copy, "%s/case", root);
    copy_tree(whole, copy, "");
    int code = run_check(test, copy);
    must(weir_dir_remove(copy));
    if (code != want) {
        (void)fprintf(stderr, "%s, undamaged, gives %d\n", name, code);
        exit(1);
    }
    damage_tree(test, whole, whole, all);
}

static void sweep_model(const char *path, tally *all)
{
    weir_arena arena = {0};
    weir_model *model = NULL;
    char folder[600], copy[1024];
    must(load_model(path, &model));
    memcpy(model_digest, weir_model_describe(model)->digest, sizeof model_digest);
    weir_model_destroy(model);
    (void)snprintf(folder, sizeof folder, "%s/model-of", root);
    (void)snprintf(copy, sizeof copy, "%s/model", folder);
    must(weir_dir_make(folder));
    weir_bytes bytes;
    must(weir_file_read(path, FILE_BYTES_MAX, &arena, &bytes));
    must(weir_file_write(copy, bytes.data, bytes.size));
    (void)printf("%s\n", path);
    sweep("model-of", check_model, WRONG, all); /* undamaged, its digest is the same */
    must(weir_dir_remove(folder));
    weir_arena_deinit(&arena);
}

static void make_root(void)
{
    const char *base = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    (void)snprintf(root, sizeof root, "%s/weir-corrupt-XXXXXX", base);
    WEIR_ASSERT(mkdtemp(root) != NULL);
}

int main(int argc, char **argv)
{
    int at = 1;
    tally all = {0};
    char folder[600], other[600];
    if (at + 1 < argc && strcmp(argv[at], "--cases") == 0) {
        case_limit = strtoul(argv[at + 1], NULL, 10);
        at += 2;
    }
    if (at == argc) return 64;
    make_root();
    if (strcmp(argv[at], "state") == 0) {
        (void)snprintf(folder, sizeof folder, "%s/state", root);
        make_state(folder, NULL);
        sweep("state", check_state, SAME, &all);
    } else if (strcmp(argv[at], "checkpoint") == 0) {
        (void)snprintf(folder, sizeof folder, "%s/made", root);
        (void)snprintf(other, sizeof other, "%s/kept/checkpoints", root);
        make_state(folder, other);
        sweep("kept", check_checkpoint, SAME, &all);
    } else if (strcmp(argv[at], "snapshot") == 0) {
        (void)snprintf(folder, sizeof folder, "%s/snapshot", root);
        make_snapshot(folder);
        sweep("snapshot", check_snapshot, SAME, &all);
    } else {
        for (int i = at + 1; i < argc; i++)
            sweep_model(argv[i], &all);
    }
    must(weir_dir_remove(root));
    (void)printf(
        "%s: %zu cases, %zu detected, %zu unchanged, %zu earlier, %zu wrong, %zu crashed\n",
        argv[at], all.cases, all.detected, all.same, all.earlier, all.wrong, all.crashed);
    return all.wrong + all.crashed == 0 && all.cases > 0 ? 0 : 1;
}
