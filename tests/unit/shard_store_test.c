/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

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
    expect_ok(port.checkpoint(port.context, 10));
    weir_store_item more[] = {{7, text("c2"), 0, text("later")}};
    expect_ok(port.write(port.context, 3, more, 1, text("L=50")));
    expect_ok(port.checkpoint(port.context, 20));
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
        cmocka_unit_test_setup_teardown(verify_counts_values_and_finds_no_store, set_up, tear_down),
        cmocka_unit_test_setup_teardown(second_owner_is_refused, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
