/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "ops/runtime/checksum.h"
#include "ops/runtime/digest.h"
#include "ops/runtime/file.h"
#include "ops/runtime/logger.h"

static weir_arena arena;
static char *dir;

static void expect(weir_error *error, weir_error_code code)
{
    assert_non_null(error);
    assert_int_equal(weir_error_code_of(error), code);
    weir_error_free(error);
}

static int make_dir(void **state)
{
    (void)state;
    return weir_dir_temp(&arena, &dir) == NULL ? 0 : -1;
}

static int remove_dir(void **state)
{
    (void)state;
    weir_error *error = weir_dir_remove(dir);
    weir_arena_deinit(&arena);
    return error == NULL ? 0 : -1;
}

static void a_file_is_read_back_and_replaced_whole(void **state)
{
    (void)state;
    const char *path = weir_arena_printf(&arena, "%s/a/b/file", dir);
    expect(weir_file_write(path, "x", 1), WEIR_E_CANT_CREATE);
    assert_null(weir_dir_make(weir_arena_printf(&arena, "%s/a/b", dir)));
    assert_null(weir_file_write(path, "first", 5));
    assert_null(weir_file_write(path, "second", 6));
    weir_bytes bytes = {0};
    assert_null(weir_file_read(path, 6, &arena, &bytes));
    assert_int_equal(bytes.size, 6);
    assert_string_equal((const char *)bytes.data, "second");
    expect(weir_file_read(path, 5, &arena, &bytes), WEIR_E_LIMIT);
    expect(weir_file_read("/no/such/file", 5, &arena, &bytes), WEIR_E_NO_INPUT);
    expect(weir_file_read(dir, 5, &arena, &bytes), WEIR_E_NO_INPUT);
}

static void an_abandoned_draft_leaves_nothing(void **state)
{
    (void)state;
    const char *path = weir_arena_printf(&arena, "%s/draft", dir);
    assert_null(weir_file_write(path, "old", 3));
    weir_draft *draft = NULL;
    assert_null(weir_draft_open(path, &draft));
    assert_true(fputs("new", weir_draft_stream(draft)) >= 0);
    weir_draft_abandon(draft);
    weir_bytes bytes = {0};
    assert_null(weir_file_read(path, 100, &arena, &bytes));
    assert_string_equal((const char *)bytes.data, "old");
    const char *const *names = NULL;
    size_t count = 0;
    assert_null(weir_dir_list(dir, "", 100, &arena, &names, &count));
    for (size_t i = 0; i < count; i++)
        assert_null(strstr(names[i], "draft-"));
}

static void a_full_disk_is_told_at_commit(void **state)
{
    (void)state;
    weir_draft *draft = NULL;
    if (access("/dev/full", W_OK) != 0) skip();
    assert_null(weir_draft_open(weir_arena_printf(&arena, "%s/full", dir), &draft));
    assert_non_null(freopen("/dev/full", "wb", weir_draft_stream(draft)));
    assert_true(fputs("data", weir_draft_stream(draft)) >= 0);
    expect(weir_draft_commit(draft), WEIR_E_DISK_FULL);
    assert_false(weir_file_exists(weir_arena_printf(&arena, "%s/full", dir)));
}

static void a_list_is_sorted_and_bounded(void **state)
{
    (void)state;
    static const char *const made[] = {"b.weir", "a.weir", "c.txt", ".d.weir"};
    const char *sub = weir_arena_printf(&arena, "%s/list", dir);
    assert_null(weir_dir_make(sub));
    for (size_t i = 0; i < 4; i++)
        assert_null(weir_file_write(weir_arena_printf(&arena, "%s/%s", sub, made[i]), "", 0));
    const char *const *names = NULL;
    size_t count = 0;
    assert_null(weir_dir_list(sub, ".weir", 10, &arena, &names, &count));
    assert_int_equal(count, 2);
    assert_string_equal(names[0], "a.weir");
    assert_string_equal(names[1], "b.weir");
    expect(weir_dir_list(sub, "", 1, &arena, &names, &count), WEIR_E_LIMIT);
    uint64_t bytes = 0;
    assert_null(weir_dir_free_bytes(sub, &bytes));
}

static void digests_have_their_published_values(void **state)
{
    (void)state;
    char text[WEIR_SHA256_TEXT_SIZE];
    uint8_t digest[WEIR_SHA256_BYTES], again[WEIR_SHA256_BYTES];
    weir_sha256_of("abc", 3, digest);
    weir_sha256_print(digest, text);
    assert_string_equal(text, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_true(weir_sha256_parse(text, again));
    assert_memory_equal(again, digest, sizeof digest);
    text[3] = 'g';
    assert_false(weir_sha256_parse(text, again));
    weir_sha256 *running = weir_sha256_create();
    weir_sha256_add(running, "a", 1);
    weir_sha256_add(running, "bc", 2);
    weir_sha256_finish(running, again);
    assert_memory_equal(again, digest, sizeof digest);
    assert_true(weir_xxh64("", 0, 0) == 0xEF46DB3751D8E999u);
    assert_true(weir_xxh3("", 0, 0) == 0x2D06800538D394C2u);
    weir_xxh64_state *pieces = weir_xxh64_begin(7);
    weir_xxh64_update(pieces, "ab", 2);
    weir_xxh64_update(pieces, "c", 1);
    assert_true(weir_xxh64_finish(pieces) == weir_xxh64("abc", 3, 7));
}

static void a_log_line_is_one_line_and_bounded(void **state)
{
    (void)state;
    char line[256];
    weir_log_field fields[] = {WEIR_TEXT("topic", "orders"), WEIR_INT("partition", -3),
                               WEIR_BOOL("ok", true),        WEIR_TEXT("why", "a \"b\"\n=\x01"),
                               WEIR_REAL("rate", 0.5),       WEIR_TEXT("none", "")};
    size_t size = weir_logger_format(line, sizeof line, "batch_committed", fields, 6);
    line[size] = '\0';
    assert_string_equal(
        line, "batch_committed topic=orders partition=-3 ok=true why=\"a \\\"b\\\"\\n=\\x01\" "
              "rate=0.5 none=\"\"");
    char large[1000];
    memset(large, 'x', sizeof large - 1);
    large[sizeof large - 1] = '\0';
    weir_log_field two[] = {WEIR_INT("a", 1), WEIR_TEXT("b", large)};
    size = weir_logger_format(line, sizeof line, "event", two, 2);
    line[size] = '\0';
    assert_string_equal(line, "event a=1 cut=true");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_is_read_back_and_replaced_whole),
        cmocka_unit_test(an_abandoned_draft_leaves_nothing),
        cmocka_unit_test(a_full_disk_is_told_at_commit),
        cmocka_unit_test(a_list_is_sorted_and_bounded),
        cmocka_unit_test(digests_have_their_published_values),
        cmocka_unit_test(a_log_line_is_one_line_and_bounded),
    };
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
