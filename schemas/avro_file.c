/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file: "Obj" 1, a map of metadata (avro.schema, avro.codec), 16 bytes of sync marker; then
 * blocks: count of records, bytes, the records (compressed together), the marker again. Numbers are
 * zigzag varints.
 */
#include "schemas/avro_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "ops/runtime/assert.h"
#include "ops/runtime/file.h"
#include "schemas/avro_internal.h"

enum {
    SYNC_BYTES = 16,
    META_ENTRIES_MAX = 1000,
    META_KEY_MAX = 1024,
    META_VALUE_MAX = WEIR_AVRO_TEXT_MAX,
    BLOCK_BYTES_MAX = 64 << 20,
    PLAIN_BYTES_MAX = 256 << 20,
    EMPTY_RECORDS_MAX = 1000000, /* records of no bytes in one block */
    CHUNK_BYTES = 64 * 1024,
    WRITER_BLOCK_BYTES = 64 * 1024,
};

static const uint8_t magic[4] = {'O', 'b', 'j', 1};

typedef struct codec_row {
    const char *name;
    weir_codec codec;
} codec_row;

static const codec_row codecs[] = {{"null", WEIR_CODEC_NONE},
                                   {"deflate", WEIR_CODEC_DEFLATE},
                                   {"snappy", WEIR_CODEC_SNAPPY},
                                   {"zstandard", WEIR_CODEC_ZSTD}};

struct weir_avro_reader {
    FILE *file;
    const char *path;
    uint64_t offset; /* of the next byte of the file */
    weir_arena arena, scratch;
    const weir_schema *schema;
    const weir_decoder *stepper; /* wants nothing: finds where records end */
    weir_codec codec;
    uint8_t sync[SYNC_BYTES];
    weir_buffer packed, plain;
    weir_reader records; /* what is left of the block */
    uint64_t records_left;
    uint64_t record_index;
};

/* -- Reading -- */

__attribute__((format(printf, 2, 3))) static weir_error *damaged(const weir_avro_reader *r,
                                                                 const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    weir_error *error = weir_error_new_va(WEIR_E_DATA, format, arguments);
    va_end(arguments);
    return weir_error_while(error, "%s: at byte %llu", r->path, (unsigned long long)r->offset);
}

static weir_error *short_read(const weir_avro_reader *r)
{
    if (ferror(r->file)) return weir_error_of_errno(errno, "reading", r->path);
    return damaged(r, "the Avro file ends in the middle; it was cut off, get it whole");
}

static weir_error *read_exactly(weir_avro_reader *r, void *to, size_t size)
{
    size_t got = fread(to, 1, size, r->file);
    r->offset += got;
    return got == size ? NULL : short_read(r);
}

/* *at_end: the file ends before the number; then it is 0. */
static weir_error *read_number(weir_avro_reader *r, int64_t *out, bool *at_end)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        int byte = getc(r->file);
        if (byte == EOF && shift == 0 && at_end != NULL && !ferror(r->file)) {
            *at_end = true;
            *out = 0;
            return NULL;
        }
        if (byte == EOF) return short_read(r);
        r->offset++;
        if (shift == 63 && byte > 1) break;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            *out = weir_unzigzag(value);
            return NULL;
        }
    }
    return damaged(r, "a number is longer than 64 bits");
}

/* Grows as bytes come, not as they are promised. */
static weir_error *read_bytes(weir_avro_reader *r, size_t size, weir_buffer *to)
{
    weir_buffer_clear(to);
    while (to->size < size) {
        size_t want = size - to->size < CHUNK_BYTES ? size - to->size : CHUNK_BYTES;
        WEIR_TRY(read_exactly(r, weir_buffer_reserve(to, want), want));
        to->size += want;
    }
    return NULL;
}

static weir_error *read_blob(weir_avro_reader *r, size_t limit, weir_buffer *to)
{
    int64_t size = 0;
    WEIR_TRY(read_number(r, &size, NULL));
    if (size < 0 || (uint64_t)size > limit)
        return damaged(r, "a length of the header is wrong or too large");
    return read_bytes(r, (size_t)size, to);
}

static weir_error *take_schema(weir_avro_reader *r, const weir_buffer *value)
{
    WEIR_TRY(
        weir_schema_parse((const char *)value->data, value->size, r->path, &r->arena, &r->schema));
    return weir_decoder_compile(r->schema, r->schema, NULL, NULL, 0, &r->arena, &r->stepper);
}

static weir_error *take_codec(weir_avro_reader *r, const weir_buffer *value)
{
    for (size_t i = 0; i < sizeof codecs / sizeof *codecs; i++) {
        if (value->size != strlen(codecs[i].name) ||
            memcmp(value->data, codecs[i].name, value->size) != 0)
            continue;
        r->codec = codecs[i].codec;
        return NULL;
    }
    int shown = value->size < 40 ? (int)value->size : 40;
    return weir_error_new(
        WEIR_E_DATA,
        "%s: its codec %.*s is not read; write it with null, deflate, snappy or zstandard", r->path,
        shown, (const char *)value->data);
}

static bool key_is(const weir_buffer *key, const char *name)
{
    return key->size == strlen(name) && memcmp(key->data, name, key->size) == 0;
}

static weir_error *read_entry(weir_avro_reader *r)
{
    WEIR_TRY(read_blob(r, META_KEY_MAX, &r->packed));
    WEIR_TRY(read_blob(r, META_VALUE_MAX, &r->plain));
    if (key_is(&r->packed, "avro.schema") && r->schema == NULL) return take_schema(r, &r->plain);
    if (key_is(&r->packed, "avro.codec")) return take_codec(r, &r->plain);
    return NULL;
}

static weir_error *read_metadata(weir_avro_reader *r)
{
    int64_t count = 0, total = 0;
    do {
        WEIR_TRY(read_number(r, &count, NULL));
        int64_t bytes = 0;
        if (count < 0) WEIR_TRY(read_number(r, &bytes, NULL));
        if (count < -META_ENTRIES_MAX || count > META_ENTRIES_MAX)
            return damaged(r, "the header has too many entries");
        if (count < 0) count = -count;
        total += count;
        if (total > META_ENTRIES_MAX) return damaged(r, "the header has too many entries");
        for (int64_t i = 0; i < count; i++)
            WEIR_TRY(read_entry(r));
    } while (count != 0);
    return r->schema != NULL ? NULL : damaged(r, "the header has no avro.schema");
}

static weir_error *read_header(weir_avro_reader *r)
{
    uint8_t start[sizeof magic];
    size_t got = fread(start, 1, sizeof start, r->file);
    r->offset += got;
    if (got != sizeof start || memcmp(start, magic, sizeof magic) != 0)
        return weir_error_new(
            WEIR_E_DATA, "%s: is no Avro container file, which begins with \"Obj\" and 1", r->path);
    WEIR_TRY(read_metadata(r));
    return read_exactly(r, r->sync, SYNC_BYTES);
}

weir_error *weir_avro_reader_open(const char *path, weir_avro_reader **reader_out)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return weir_error_of_errno(errno, "opening", path);
    return weir_avro_reader_open_fd(fd, path, reader_out);
}

weir_error *weir_avro_reader_open_fd(int fd, const char *path, weir_avro_reader **reader_out)
{
    weir_avro_reader *reader = calloc(1, sizeof *reader);
    WEIR_ASSERT(reader != NULL);
    reader->path = weir_arena_string(&reader->arena, path, strlen(path));
    reader->file = fdopen(fd, "rb");
    WEIR_ASSERT(reader->file != NULL);
    weir_error *error = read_header(reader);
    if (error != NULL) {
        weir_avro_reader_close(reader);
        return error;
    }
    *reader_out = reader;
    return NULL;
}

void weir_avro_reader_close(weir_avro_reader *reader)
{
    if (reader == NULL) return;
    if (reader->file != NULL) (void)fclose(reader->file);
    weir_buffer_deinit(&reader->packed);
    weir_buffer_deinit(&reader->plain);
    weir_arena_deinit(&reader->arena);
    weir_arena_deinit(&reader->scratch);
    free(reader);
}

const weir_schema *weir_avro_reader_schema(const weir_avro_reader *reader)
{
    return reader->schema;
}

static uint32_t big_endian(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

/* A snappy block has the CRC-32 of its plain bytes behind it. */
static bool unpack_snappy(weir_avro_reader *r)
{
    if (r->packed.size < 4) return false;
    weir_bytes block = {r->packed.data, r->packed.size - 4};
    if (!weir_decompress_unsized(WEIR_CODEC_SNAPPY, block, PLAIN_BYTES_MAX, &r->plain))
        return false;
    return weir_crc32(0, r->plain.data, r->plain.size) == big_endian(r->packed.data + block.size);
}

static bool unpack(weir_avro_reader *r)
{
    weir_buffer_clear(&r->plain);
    if (r->codec == WEIR_CODEC_SNAPPY) return unpack_snappy(r);
    return weir_decompress_unsized(r->codec, (weir_bytes){r->packed.data, r->packed.size},
                                   PLAIN_BYTES_MAX, &r->plain);
}

static weir_error *open_block(weir_avro_reader *r, const weir_buffer *plain, int64_t count)
{
    uint64_t most = plain->size > EMPTY_RECORDS_MAX ? plain->size : EMPTY_RECORDS_MAX;
    if ((uint64_t)count > most) return damaged(r, "a block claims more records than it can hold");
    r->records = weir_reader_of(plain->data, plain->size);
    r->records_left = (uint64_t)count;
    return NULL;
}

static weir_error *read_block(weir_avro_reader *r, bool *end_out)
{
    int64_t count = 0, size = 0;
    uint8_t sync[SYNC_BYTES];
    WEIR_TRY(read_number(r, &count, end_out));
    if (*end_out) return NULL;
    WEIR_TRY(read_number(r, &size, NULL));
    if (count < 0 || size < 0 || size > BLOCK_BYTES_MAX)
        return damaged(r, "a block's count or size is wrong, or above 64 MiB");
    WEIR_TRY(read_bytes(r, (size_t)size, &r->packed));
    WEIR_TRY(read_exactly(r, sync, SYNC_BYTES));
    if (memcmp(sync, r->sync, SYNC_BYTES) != 0)
        return damaged(r, "a block does not end with the file's sync marker");
    if (r->codec == WEIR_CODEC_NONE) return open_block(r, &r->packed, count);
    if (!unpack(r))
        return damaged(r, "a block does not decompress (or is larger than 256 MiB when it does)");
    return open_block(r, &r->plain, count);
}

static weir_error *take_record(weir_avro_reader *r, weir_bytes *body_out)
{
    size_t used = 0;
    weir_bytes rest = {r->records.next, weir_reader_left(&r->records)};
    weir_arena_reset(&r->scratch);
    weir_decode_result result =
        weir_decoder_decode_front(r->stepper, rest, &r->scratch, NULL, &used);
    if (result.reason != WEIR_DECODE_OK)
        return damaged(r, "record %llu of the block before it, field %s: %s",
                       (unsigned long long)r->record_index, result.path == NULL ? "?" : result.path,
                       result.problem);
    *body_out = (weir_bytes){rest.data, used};
    r->records.next += used;
    r->records_left--;
    r->record_index++;
    return NULL;
}

weir_error *weir_avro_reader_next(weir_avro_reader *reader, weir_bytes *body_out, bool *end_out)
{
    *end_out = false;
    while (reader->records_left == 0) {
        if (weir_reader_left(&reader->records) != 0)
            return damaged(reader, "bytes follow behind the last record of a block");
        reader->record_index = 0;
        WEIR_TRY(read_block(reader, end_out));
        if (*end_out) return NULL;
    }
    return take_record(reader, body_out);
}

/* -- Writing -- */

struct weir_avro_writer {
    FILE *stream;
    weir_codec codec;
    uint8_t sync[SYNC_BYTES];
    uint64_t count;
    weir_buffer plain, packed;
    weir_compressor *zstd;
};

static const char *codec_name(weir_codec codec)
{
    for (size_t i = 0; i < sizeof codecs / sizeof *codecs; i++) {
        if (codecs[i].codec == codec) return codecs[i].name;
    }
    WEIR_UNREACHABLE();
}

static void put_entry(weir_buffer *out, const char *key, const char *value, size_t size)
{
    weir_buffer_put_zigzag(out, (int64_t)strlen(key));
    weir_buffer_put_text(out, key);
    weir_buffer_put_zigzag(out, (int64_t)size);
    weir_buffer_put(out, value, size);
}

/* Sixteen bytes that records are unlikely to hold, the same for the same schema. */
static void make_sync(const weir_schema *schema, uint8_t sync[SYNC_BYTES])
{
    uint64_t halves[2] = {
        schema->fingerprint,
        weir_avro_fingerprint((weir_bytes){(const uint8_t *)schema->json, schema->json_size})};
    halves[1] = ~halves[1] * UINT64_C(0x9e3779b97f4a7c15);
    memcpy(sync, halves, SYNC_BYTES);
}

weir_avro_writer *weir_avro_writer_create(FILE *stream, const weir_schema *schema, weir_codec codec)
{
    weir_avro_writer *writer = calloc(1, sizeof *writer);
    WEIR_ASSERT(writer != NULL);
    writer->stream = stream;
    writer->codec = codec;
    if (codec == WEIR_CODEC_ZSTD) writer->zstd = weir_compressor_create(3);
    make_sync(schema, writer->sync);
    const char *name = codec_name(codec);
    weir_buffer_put(&writer->packed, magic, sizeof magic);
    weir_buffer_put_zigzag(&writer->packed, 2);
    put_entry(&writer->packed, "avro.codec", name, strlen(name));
    put_entry(&writer->packed, "avro.schema", schema->json, schema->json_size);
    weir_buffer_put_u8(&writer->packed, 0);
    weir_buffer_put(&writer->packed, writer->sync, SYNC_BYTES);
    (void)fwrite(writer->packed.data, 1, writer->packed.size, stream);
    return writer;
}

static weir_bytes pack(weir_avro_writer *writer)
{
    weir_bytes plain = {writer->plain.data, writer->plain.size};
    weir_buffer_clear(&writer->packed);
    if (writer->codec == WEIR_CODEC_NONE) return plain;
    if (writer->codec == WEIR_CODEC_ZSTD) {
        weir_compressor_zstd(writer->zstd, plain.data, plain.size, &writer->packed);
    } else {
        weir_compress(writer->codec, plain, &writer->packed);
    }
    if (writer->codec == WEIR_CODEC_SNAPPY) {
        uint32_t crc = __builtin_bswap32(weir_crc32(0, plain.data, plain.size));
        weir_buffer_put(&writer->packed, &crc, sizeof crc);
    }
    return (weir_bytes){writer->packed.data, writer->packed.size};
}

static void write_block(weir_avro_writer *writer)
{
    if (writer->count == 0) return;
    weir_bytes block = pack(writer);
    weir_buffer head = {0};
    weir_buffer_put_zigzag(&head, (int64_t)writer->count);
    weir_buffer_put_zigzag(&head, (int64_t)block.size);
    (void)fwrite(head.data, 1, head.size, writer->stream);
    if (block.size > 0) (void)fwrite(block.data, 1, block.size, writer->stream);
    (void)fwrite(writer->sync, 1, SYNC_BYTES, writer->stream);
    weir_buffer_deinit(&head);
    weir_buffer_clear(&writer->plain);
    writer->count = 0;
}

void weir_avro_writer_put(weir_avro_writer *writer, weir_bytes body)
{
    weir_buffer_put(&writer->plain, body.data, body.size);
    writer->count++;
    if (writer->plain.size >= WRITER_BLOCK_BYTES || writer->count == EMPTY_RECORDS_MAX)
        write_block(writer);
}

void weir_avro_writer_close(weir_avro_writer *writer)
{
    if (writer == NULL) return;
    write_block(writer);
    weir_compressor_destroy(writer->zstd);
    weir_buffer_deinit(&writer->plain);
    weir_buffer_deinit(&writer->packed);
    free(writer);
}
