/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "schemas/avro_file.h"

static weir_arena arena;
static char path[] = "/tmp/weir-avro-file-XXXXXX";

static int make_path(void **state)
{
    (void)state;
    int fd = mkstemp(path);
    return fd < 0 ? -1 : close(fd);
}

static int remove_path(void **state)
{
    (void)state;
    weir_arena_deinit(&arena);
    return unlink(path);
}

static const char json[] = "{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"a\","
                           "\"type\":\"long\"},{\"name\":\"s\",\"type\":\"string\"}]}";

static const weir_schema *parse(const char *text)
{
    const weir_schema *schema = NULL;
    assert_null(weir_schema_parse(text, strlen(text), "x", &arena, &schema));
    return schema;
}

static void write_records(weir_codec codec, int count)
{
    FILE *file = fopen(path, "wb");
    weir_avro_writer *writer = weir_avro_writer_create(file, parse(json), codec);
    for (int i = 0; i < count; i++) {
        char text[40];
        weir_buffer body = {0};
        weir_value values[2] = {
            weir_int(i),
            weir_string(text, (size_t)snprintf(text, sizeof text, "record number %d", i))};
        assert_null(weir_schema_encode(parse(json), values, &body));
        weir_avro_writer_put(writer, (weir_bytes){body.data, body.size});
        weir_buffer_deinit(&body);
    }
    weir_avro_writer_close(writer);
    assert_int_equal(fclose(file), 0);
}

static weir_error *read_all(int *count_out)
{
    static const char *const wanted[] = {"a"};
    weir_avro_reader *reader = NULL;
    *count_out = 0;
    WEIR_TRY(weir_avro_reader_open(path, &reader));
    const weir_decoder *decoder = NULL;
    const weir_schema *schema = weir_avro_reader_schema(reader);
    weir_error *error = weir_decoder_compile(schema, schema, wanted, NULL, 1, &arena, &decoder);
    bool end = false;
    while (error == NULL && !end) {
        weir_bytes body;
        weir_value value = weir_null();
        error = weir_avro_reader_next(reader, &body, &end);
        if (error != NULL || end) break;
        weir_decode_result result = weir_decoder_decode(decoder, body, &arena, &value);
        if (result.reason != WEIR_DECODE_OK || value.as.integer != *count_out)
            error = weir_error_new(WEIR_E_DATA, "other values");
        *count_out += 1;
    }
    weir_avro_reader_close(reader);
    return error;
}

static void files_of_every_codec_read_back(void **state)
{
    (void)state;
    static const weir_codec all[] = {WEIR_CODEC_NONE, WEIR_CODEC_DEFLATE, WEIR_CODEC_SNAPPY,
                                     WEIR_CODEC_ZSTD};
    for (size_t i = 0; i < 4; i++) {
        static const int counts[] = {0, 1, 5000};
        for (size_t k = 0; k < 3; k++) {
            int count = 0;
            write_records(all[i], counts[k]);
            weir_error *error = read_all(&count);
            if (error != NULL) fail_msg("%s", weir_error_message(error));
            assert_int_equal(count, counts[k]);
        }
    }
}

static weir_buffer read_file(void)
{
    weir_buffer bytes = {0};
    FILE *file = fopen(path, "rb");
    uint8_t *to = weir_buffer_reserve(&bytes, 1 << 20);
    bytes.size = fread(to, 1, 1 << 20, file);
    fclose(file);
    return bytes;
}

static void write_file(const uint8_t *data, size_t size)
{
    FILE *file = fopen(path, "wb");
    assert_int_equal(fwrite(data, 1, size, file), size);
    fclose(file);
}

static void cut_files_are_refused(void **state)
{
    (void)state;
    write_records(WEIR_CODEC_SNAPPY, 20);
    weir_buffer whole = read_file();
    int refused = 0, count = 0;
    for (size_t size = 0; size < whole.size; size++) {
        write_file(whole.data, size);
        weir_error *error = read_all(&count);
        refused += error != NULL;
        weir_error_free(error);
    }
    assert_int_equal(refused, whole.size - 1); /* cut between blocks, it is whole */
    weir_buffer_deinit(&whole);
}

static void mutated_files_never_crash(void **state)
{
    (void)state;
    static const weir_codec all[] = {WEIR_CODEC_NONE, WEIR_CODEC_DEFLATE, WEIR_CODEC_SNAPPY,
                                     WEIR_CODEC_ZSTD};
    srand(11);
    for (size_t i = 0; i < 4; i++) {
        write_records(all[i], 50);
        weir_buffer whole = read_file();
        for (int k = 0; k < 150; k++) {
            uint8_t *copy = malloc(whole.size);
            memcpy(copy, whole.data, whole.size);
            for (int n = rand() % 3; n >= 0; n--)
                copy[(size_t)rand() % whole.size] = (uint8_t)rand();
            int count = 0;
            write_file(copy, whole.size);
            weir_error_free(read_all(&count));
            free(copy);
        }
        weir_buffer_deinit(&whole);
    }
}

static void check_says(const char *bytes, size_t size, const char *what)
{
    int count = 0;
    write_file((const uint8_t *)bytes, size);
    weir_error *error = read_all(&count);
    assert_non_null(error);
    if (strstr(weir_error_message(error), what) == NULL) fail_msg("%s", weir_error_message(error));
    weir_error_free(error);
}

static void refusals_name_the_cause(void **state)
{
    (void)state;
    check_says("", 0, "is no Avro container file");
    check_says("PAR1", 4, "is no Avro container file");
    check_says("Obj\1\0aaaaaaaaaaaaaaaa", 21, "has no avro.schema");
    check_says("Obj\1\2\x14"
               "avro.codec\x0a"
               "bzip2\0",
               23, "codec bzip2 is not read");
    check_says("Obj\1\2\x16"
               "avro.schema\x10\"string\"\0aaaaaaaaaaaaaaaa",
               43, "is a record, not string");
    weir_avro_reader *reader = NULL;
    weir_error *error = weir_avro_reader_open("/nowhere/at/all", &reader);
    assert_int_equal(weir_error_code_of(error), WEIR_E_NO_INPUT);
    weir_error_free(error);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_of_every_codec_read_back),
        cmocka_unit_test(cut_files_are_refused),
        cmocka_unit_test(mutated_files_never_crash),
        cmocka_unit_test(refusals_name_the_cause),
    };
    return cmocka_run_group_tests(tests, make_path, remove_path);
}
