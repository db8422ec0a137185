/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "ops/runtime/file.h"
#include "store/manifest.h"
#include "store/snapshot.h"

static weir_arena arena;
static char *folder;

static int set_up(void **state)
{
    (void)state;
    assert_null(weir_dir_temp(&arena, &folder));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    weir_error_free(weir_dir_remove(folder));
    weir_arena_deinit(&arena);
    return 0;
}

static void must(weir_error *error)
{
    if (error != NULL) fail_msg("%s", weir_error_message(error));
}

static const char *path_of(const char *name)
{
    return weir_arena_printf(&arena, "%s/%s", folder, name);
}

static const weir_parquet_column columns[] = {
    {"id", {.kind = WEIR_INT64}},
    {"amount", {.kind = WEIR_DECIMAL, .precision = 10, .scale = 2, .optional = true}},
};

static weir_snapshot *begin(const char *name, uint64_t part_rows)
{
    weir_snapshot_options options = {.path = path_of(name),
                                     .title = "card.v",
                                     .definition = "abc",
                                     .columns = columns,
                                     .column_count = 2,
                                     .part_rows = part_rows};
    weir_snapshot *snapshot = NULL;
    must(weir_snapshot_begin(&options, &snapshot));
    return snapshot;
}

static const weir_snapshot_range range = {"tx.journal", 3, 10, 110};
static const weir_snapshot_model model = {"fraud", "00ff"};
static const weir_snapshot_facts facts = {.mode = "as-known",
                                          .ranges = &range,
                                          .range_count = 1,
                                          .models = &model,
                                          .model_count = 1,
                                          .grade_a = 100};

static weir_snapshot_summary make(const char *name, uint64_t part_rows, bool by_columns)
{
    weir_snapshot *snapshot = begin(name, part_rows);
    int64_t ids[100];
    weir_int128 amounts[100];
    uint8_t valid[100];
    for (int i = 0; i < 100; i++) {
        ids[i] = i;
        amounts[i] = i * 7;
        valid[i] = i % 3 != 0;
        weir_value row[2] = {weir_int(i), valid[i] ? weir_decimal(amounts[i]) : weir_null()};
        if (!by_columns) must(weir_snapshot_add_row(snapshot, row));
    }
    weir_parquet_vector vectors[2] = {{ids, NULL}, {amounts, valid}};
    if (by_columns) must(weir_snapshot_add_columns(snapshot, vectors, 100));
    weir_snapshot_summary summary;
    must(weir_snapshot_finish(snapshot, &facts, &summary));
    return summary;
}

static void the_same_rows_have_the_same_content_hash(void **state)
{
    (void)state;
    weir_snapshot_summary a = make("a", 30, false), b = make("b", 30, true);
    assert_string_equal(a.content_sha256, b.content_sha256);
    assert_int_equal(a.rows, 100);
    assert_int_equal(a.parts, 4);
    weir_snapshot_verdict verdict;
    must(weir_snapshot_verify(path_of("a"), &verdict));
    assert_true(verdict.complete);
    assert_int_equal(verdict.rows, 100);
    assert_int_equal(verdict.files, 5);
    assert_string_equal(verdict.content_sha256, a.content_sha256);
}

static void nothing_is_visible_before_the_end(void **state)
{
    (void)state;
    weir_snapshot *snapshot = begin("c", 0);
    weir_value row[2] = {weir_int(1), weir_null()};
    must(weir_snapshot_add_row(snapshot, row));
    assert_false(weir_file_exists(path_of("c")));
    weir_snapshot_abort(snapshot);
    const char *const *names = NULL;
    size_t count = 0;
    must(weir_dir_list(folder, "", 100, &arena, &names, &count));
    for (size_t i = 0; i < count; i++)
        assert_null(strstr(names[i], "tmp-"));
}

static void what_exists_is_never_overwritten(void **state)
{
    (void)state;
    (void)make("d", 0, false);
    weir_snapshot_options options = {.path = path_of("d"), .columns = columns, .column_count = 2};
    weir_snapshot *snapshot = NULL;
    weir_error *error = weir_snapshot_begin(&options, &snapshot);
    assert_int_equal(weir_error_code_of(error), WEIR_E_CANT_CREATE);
    weir_error_free(error);
    options.path = "/proc/f"; /* where no folder can be made; the system says that there is none */
    error = weir_snapshot_begin(&options, &snapshot);
    assert_int_equal(weir_error_code_of(error), WEIR_E_CANT_CREATE);
    weir_error_free(error);
    /* Also not one that appears while ours is written. */
    snapshot = begin("e", 0);
    must(weir_dir_make(path_of("e")));
    weir_snapshot_summary summary;
    error = weir_snapshot_finish(snapshot, &facts, &summary);
    assert_int_equal(weir_error_code_of(error), WEIR_E_CANT_CREATE);
    weir_error_free(error);
}

static void what_a_crash_left_is_swept(void **state)
{
    (void)state;
    const char *left = path_of(".f.tmp-1-0");
    must(weir_dir_make(left));
    (void)make("f", 0, false);
    struct stat info;
    assert_int_not_equal(stat(left, &info), 0);
}

static void a_killed_process_leaves_nothing_visible(void **state)
{
    (void)state;
    for (int rows = 0; rows < 60; rows += 19) {
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            weir_snapshot *snapshot = begin("k", 20);
            weir_value row[2] = {weir_int(1), weir_null()};
            for (int i = 0; i < rows; i++)
                weir_error_free(weir_snapshot_add_row(snapshot, row));
            (void)raise(SIGKILL);
        }
        int status = 0;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status));
        struct stat info;
        assert_int_not_equal(stat(path_of("k"), &info), 0);
    }
    (void)make("k", 0, false);
    DIR *directory = opendir(folder);
    for (struct dirent *entry = readdir(directory); entry != NULL; entry = readdir(directory))
        assert_null(strstr(entry->d_name, ".k.tmp-"));
    (void)closedir(directory);
}

static void assert_found(const char *name)
{
    weir_snapshot_verdict verdict;
    weir_error *error = weir_snapshot_verify(path_of(name), &verdict);
    if (error == NULL) fail_msg("damage in %s was not found", name);
    assert_int_equal(weir_error_code_of(error), WEIR_E_CORRUPT);
    weir_error_free(error);
}

static void damage_anywhere_is_found(void **state)
{
    (void)state;
    (void)make("g", 50, false);
    static const char *const files[] = {"g/_manifest.json", "g/part-00000.parquet",
                                        "g/part-00001.parquet"};
    for (size_t f = 0; f < 3; f++) {
        weir_bytes bytes;
        must(weir_file_read(path_of(files[f]), 1 << 20, &arena, &bytes));
        uint8_t *copy = weir_arena_copy(&arena, bytes.data, bytes.size);
        for (size_t i = 0; i < bytes.size; i += 1 + bytes.size / 60) {
            copy[i] ^= 4;
            must(weir_file_write(path_of(files[f]), copy, bytes.size));
            assert_found("g");
            copy[i] ^= 4;
        }
        must(weir_file_write(path_of(files[f]), copy, bytes.size / 2));
        assert_found("g");
        must(weir_file_remove(path_of(files[f])));
        assert_found("g");
        must(weir_file_write(path_of(files[f]), copy, bytes.size));
    }
    weir_snapshot_verdict verdict;
    must(weir_snapshot_verify(path_of("g"), &verdict));
    must(weir_file_write(path_of("g/part-00002.parquet"), "x", 1));
    assert_found("g");
}

static void a_manifest_under_its_first_name_is_one(void **state)
{
    (void)state;
    (void)make("old", 50, false);
    weir_bytes bytes;
    weir_snapshot_verdict verdict;
    must(weir_file_read(path_of("old/_manifest.json"), 1 << 20, &arena, &bytes));
    must(weir_file_write(path_of("old/manifest.json"), bytes.data, bytes.size));
    assert_found("old"); /* one too many */
    must(weir_file_remove(path_of("old/_manifest.json")));
    must(weir_snapshot_verify(path_of("old"), &verdict));
}

static void a_manifest_without_parts_is_found(void **state)
{
    (void)state;
    (void)make("n", 0, false);
    weir_bytes bytes;
    weir_manifest manifest;
    weir_buffer text = {0};
    must(weir_file_read(path_of("n/_manifest.json"), 1 << 20, &arena, &bytes));
    must(weir_manifest_parse("n", bytes, &arena, &manifest));
    manifest.part_count = manifest.rows = manifest.bytes = 0;
    weir_manifest_print(&manifest, &text);
    must(weir_file_write(path_of("n/_manifest.json"), text.data, text.size));
    must(weir_file_remove(path_of("n/part-00000.parquet")));
    assert_found("n");
    weir_buffer_deinit(&text);
}

static void a_manifest_tells_what_it_was_told(void **state)
{
    (void)state;
    (void)make("h", 0, false);
    weir_bytes bytes;
    weir_manifest manifest;
    must(weir_file_read(path_of("h/_manifest.json"), 1 << 20, &arena, &bytes));
    must(weir_manifest_parse("h", bytes, &arena, &manifest));
    assert_string_equal(manifest.title, "card.v");
    assert_string_equal(manifest.facts.ranges[0].topic, "tx.journal");
    assert_int_equal(manifest.facts.ranges[0].to, 110);
    assert_string_equal(manifest.facts.models[0].digest, "00ff");
    assert_int_equal(manifest.facts.grade_a, 100);
    assert_int_equal(manifest.parts[0].rows, 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_rows_have_the_same_content_hash),
        cmocka_unit_test(nothing_is_visible_before_the_end),
        cmocka_unit_test(what_exists_is_never_overwritten),
        cmocka_unit_test(what_a_crash_left_is_swept),
        cmocka_unit_test(a_killed_process_leaves_nothing_visible),
        cmocka_unit_test(damage_anywhere_is_found),
        cmocka_unit_test(a_manifest_under_its_first_name_is_one),
        cmocka_unit_test(a_manifest_without_parts_is_found),
        cmocka_unit_test(a_manifest_tells_what_it_was_told),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
