/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "ops/runtime/file.h"
#include "ops/runtime/logger.h"
#include "store/checkpoint.h"
#include "store/shard.h"

typedef struct fixture {
    char root[64], live[128], checkpoints[128], other[128];
    weir_store_shared *shared;
} fixture;

static int set_up(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    (void)snprintf(f->root, sizeof f->root, "/tmp/weir-store-XXXXXX");
    assert_non_null(mkdtemp(f->root));
    (void)snprintf(f->live, sizeof f->live, "%s/w1/card-0", f->root);
    (void)snprintf(f->other, sizeof f->other, "%s/w2/card-0", f->root);
    (void)snprintf(f->checkpoints, sizeof f->checkpoints, "%s/checkpoints/card-0", f->root);
    f->shared = weir_store_shared_create(1 << 20);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    char command[128];
    (void)snprintf(command, sizeof command, "rm -rf %s", f->root);
    assert_int_equal(system(command), 0);
    weir_store_shared_destroy(f->shared);
    free(f);
    return 0;
}

static weir_bytes text(const char *bytes)
{
    return (weir_bytes){(const uint8_t *)bytes, strlen(bytes)};
}

static void expect_ok(weir_error *error)
{
    if (error != NULL) fail_msg("%s", weir_error_message(error));
}

static weir_store_port open_store(fixture *f, const char *directory, int64_t *restored)
{
    weir_shard_store_options options = {.shared = f->shared,
                                        .directory = directory,
                                        .checkpoints = f->checkpoints,
                                        .free_bytes_min = 1};
    weir_store_port port;
    expect_ok(weir_shard_store_open(&options, &port, restored));
    return port;
}

static void checkpoint(weir_store_port *port, int64_t position)
{
    port->checkpoint(port->context, position);
    weir_shard_store_settle(port);
}

static weir_error *collect(void *context, uint64_t part, weir_bytes bytes)
{
    weir_buffer_printf(context, "%d=%.*s;", (int)part, (int)bytes.size, (const char *)bytes.data);
    return NULL;
}

static void assert_parts(weir_store_port *port, const char *key, const char *want)
{
    weir_buffer got = {0};
    expect_ok(port->load(port->context, 3, 7, text(key), collect, &got));
    weir_buffer_put_u8(&got, 0);
    assert_string_equal((const char *)got.data, want);
    weir_buffer_deinit(&got);
}

static void assert_head(weir_store_port *port, const char *key, const char *want)
{
    weir_buffer got = {0};
    expect_ok(port->load_head(port->context, 3, 7, text(key), collect, &got));
    weir_buffer_put_u8(&got, 0);
    assert_string_equal((const char *)got.data, want);
    weir_buffer_deinit(&got);
}

static void write_sample(weir_store_port *port)
{
    weir_store_item items[] = {{7, text("c1"), 0, text("head")},
                               {7, text("c1"), 300, text("tile300")},
                               {7, text("c1"), 2, text("tile2")},
                               {7, text("c11"), 0, text("other")},
                               {8, text("c1"), 0, text("view8")}};
    expect_ok(port->write(port->context, 3, items, 5, text("L=42")));
}

static void parts_come_back_in_order_and_only_of_their_key(void **state)
{
    int64_t restored = 0;
    weir_store_port port = open_store(*state, ((fixture *)*state)->live, &restored);
    assert_true(restored == -1);
    assert_parts(&port, "c1", "");
    assert_head(&port, "c1", "");
    write_sample(&port);
    assert_parts(&port, "c1", "0=head;2=tile2;300=tile300;");
    assert_head(&port, "c1", "0=head;");
    weir_store_item drop[] = {{7, text("c1"), 2, {0}}};
    expect_ok(port.write(port.context, 3, drop, 1, text("L=43")));
    assert_parts(&port, "c1", "0=head;300=tile300;");
    port.close(port.context);
}

static void position_and_identity_survive_reopening(void **state)
{
    int64_t restored = 0;
    weir_store_port port = open_store(*state, ((fixture *)*state)->live, &restored);
    write_sample(&port);
    expect_ok(port.write_identity(port.context, text("who")));
    port.close(port.context);
    port = open_store(*state, ((fixture *)*state)->live, &restored);
    weir_bytes records[WEIR_SLICE_COUNT], identity;
    expect_ok(port.read_slices(port.context, records));
    assert_int_equal(records[2].size, 0);
    assert_memory_equal(records[3].data, "L=42", 4);
    expect_ok(port.read_identity(port.context, &identity));
    assert_memory_equal(identity.data, "who", 3);
    port.close(port.context);
}

static void newest_valid_checkpoint_is_restored(void **state)
{
    fixture *f = *state;
    int64_t restored = 0;
    weir_store_port port = open_store(f, f->live, &restored);
    write_sample(&port);
    checkpoint(&port, 10);
    weir_store_item more[] = {{7, text("c2"), 0, text("later")}};
    expect_ok(port.write(port.context, 3, more, 1, text("L=50")));
    checkpoint(&port, 20);
    port.close(port.context);
    char current[256];
    (void)snprintf(current, sizeof current, "%s/20/CURRENT", f->checkpoints);
    FILE *file = fopen(current, "ab");
    assert_non_null(file);
    (void)fputc('x', file);
    (void)fclose(file);
    port = open_store(f, f->other, &restored);
    assert_int_equal(restored, 10);
    assert_parts(&port, "c1", "0=head;2=tile2;300=tile300;");
    assert_parts(&port, "c2", "");
    port.close(port.context);
}

static void checkpoint_beside_writes_is_of_one_moment(void **state)
{
    fixture *f = *state;
    int64_t restored = 0;
    weir_store_port port = open_store(f, f->live, &restored);
    /* Each batch says its number twice. */
    for (int number = 0; number < 3000; number++) {
        char count[16];
        (void)snprintf(count, sizeof count, "%d", number);
        weir_store_item items[] = {{7, text("c1"), 0, text(count)},
                                   {7, text("c2"), 0, text(count)}};
        expect_ok(port.write(port.context, 3, items, 2, text(count)));
        if (number % 1000 == 500) port.checkpoint(port.context, number);
    }
    weir_shard_store_settle(&port);
    port.close(port.context);
    port = open_store(f, f->other, &restored);
    assert_in_range(restored, 500, 2500); /* one that is asked for while another is made, is not */
    weir_bytes records[WEIR_SLICE_COUNT];
    expect_ok(port.read_slices(port.context, records));
    char want[32];
    (void)snprintf(want, sizeof want, "0=%.*s;", (int)records[3].size,
                   (const char *)records[3].data);
    assert_true(strtol((const char *)records[3].data, NULL, 10) >= restored);
    assert_parts(&port, "c1", want);
    assert_parts(&port, "c2", want);
    port.close(port.context);
}

/* Has a bit of a table turned, in place: every link to it shows that. */
static void spoil_table(const fixture *f)
{
    weir_arena arena = {0};
    const char *const *names = NULL;
    size_t count = 0;
    expect_ok(weir_dir_list(f->live, ".sst", 100, &arena, &names, &count));
    assert_true(count > 0);
    FILE *file = fopen(weir_arena_printf(&arena, "%s/%s", f->live, names[0]), "r+b");
    assert_non_null(file);
    int first = fgetc(file);
    assert_int_equal(fseek(file, 0, SEEK_SET), 0);
    (void)fputc(first ^ 1, file);
    (void)fclose(file);
    weir_arena_deinit(&arena);
}

static void table_that_rots_between_checkpoints_is_found(void **state)
{
    fixture *f = *state;
    int64_t restored = 0;
    char folder[160];
    weir_store_port port = open_store(f, f->live, &restored);
    write_sample(&port);
    checkpoint(&port, 10);
    checkpoint(&port, 20);
    (void)snprintf(folder, sizeof folder, "%s/20", f->checkpoints);
    expect_ok(weir_checkpoint_verify(folder));
    spoil_table(f);
    checkpoint(&port, 30);
    (void)snprintf(folder, sizeof folder, "%s/30", f->checkpoints);
    weir_error *error = weir_checkpoint_verify(folder);
    assert_non_null(error);
    assert_int_equal(weir_error_code_of(error), WEIR_E_CORRUPT);
    weir_error_free(error);
    port.close(port.context);
}

static void a_checkpoint_without_one_of_its_files_is_damaged(void **state)
{
    fixture *f = *state;
    int64_t restored = 0;
    char folder[160], current[192];
    weir_store_port port = open_store(f, f->live, &restored);
    write_sample(&port);
    checkpoint(&port, 10);
    port.close(port.context);
    (void)snprintf(folder, sizeof folder, "%s/10", f->checkpoints);
    (void)snprintf(current, sizeof current, "%s/CURRENT", folder);
    assert_int_equal(remove(current), 0);
    weir_error *error = weir_checkpoint_verify(folder);
    assert_non_null(error);
    assert_int_equal(weir_error_code_of(error), WEIR_E_CORRUPT);
    assert_non_null(strstr(weir_error_message(error), "CURRENT is missing"));
    weir_error_free(error);
}

static void what_an_attempt_left_goes_with_the_next(void **state)
{
    fixture *f = *state;
    int64_t restored = 0;
    char left[160];
    (void)snprintf(left, sizeof left, "%s/7.partial", f->checkpoints);
    weir_store_port port = open_store(f, f->live, &restored);
    expect_ok(weir_dir_make(left));
    write_sample(&port);
    checkpoint(&port, 10);
    assert_false(weir_dir_exists(left));
    /* In the place of a folder is a file: it fails, is logged, and the shard goes on. */
    expect_ok(weir_dir_remove(f->checkpoints));
    expect_ok(weir_file_write(f->checkpoints, "", 0));
    weir_logger_set_level(WEIR_LOG_OFF);
    checkpoint(&port, 20);
    weir_logger_set_level(WEIR_LOG_INFO);
    write_sample(&port);
    port.close(port.context);
}

static void verify_counts_values_and_finds_no_store(void **state)
{
    fixture *f = *state;
    int64_t restored = 0;
    weir_store_port port = open_store(f, f->live, &restored);
    write_sample(&port);
    port.close(port.context);
    weir_shard_store_report report;
    expect_ok(weir_shard_store_verify(f->live, &report));
    assert_int_equal(report.values, 6);
    assert_int_equal(report.slices, 1);
    weir_error *error = weir_shard_store_verify(f->other, &report);
    assert_non_null(error);
    weir_error_free(error);
}

static void second_owner_is_refused(void **state)
{
    fixture *f = *state;
    int64_t restored = 0;
    weir_store_port port = open_store(f, f->live, &restored), second;
    weir_shard_store_options options = {
        .shared = f->shared, .directory = f->live, .free_bytes_min = 1};
    weir_error *error = weir_shard_store_open(&options, &second, &restored);
    assert_non_null(error);
    assert_int_equal(weir_error_code_of(error), WEIR_E_AGAIN);
    weir_error_free(error);
    options.directory = f->other;
    options.free_bytes_min = UINT64_MAX;
    error = weir_shard_store_open(&options, &second, &restored);
    assert_int_equal(weir_error_code_of(error), WEIR_E_DISK_FULL);
    weir_error_free(error);
    port.close(port.context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(parts_come_back_in_order_and_only_of_their_key, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(position_and_identity_survive_reopening, set_up, tear_down),
        cmocka_unit_test_setup_teardown(newest_valid_checkpoint_is_restored, set_up, tear_down),
        cmocka_unit_test_setup_teardown(checkpoint_beside_writes_is_of_one_moment, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(table_that_rots_between_checkpoints_is_found, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_checkpoint_without_one_of_its_files_is_damaged, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(what_an_attempt_left_goes_with_the_next, set_up, tear_down),
        cmocka_unit_test_setup_teardown(verify_counts_values_and_finds_no_store, set_up, tear_down),
        cmocka_unit_test_setup_teardown(second_owner_is_refused, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
