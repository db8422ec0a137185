/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys: slice (1 byte) | key length (2, big-endian) | key | view (2, big-endian) | part (8,
 * big-endian), so that all views of an entity's key lie side by side and parts come in ascending
 * order. Slice records have the key 0xFF slice, the identity 0xFE. Values: XXH3-64 over key and
 * bytes (8, little-endian) | bytes.
 */
#include "store/shard.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <rocksdb/c.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ops/runtime/assert.h"
#include "ops/runtime/checksum.h"
#include "ops/runtime/file.h"
#include "store/checkpoint.h"
#include "store/checkpointer.h"

enum {
    SLICE_RECORD_TAG = 0xff,
    IDENTITY_TAG = 0xfe,
    CHECKSUM_BYTES = 8,
    KEY_BYTES_MAX = 1 + 2 + 65535 + 2 + 8,
    PATH_BYTES_MAX = 4096,
};

struct weir_store_shared {
    rocksdb_cache_t *cache;
};

typedef struct shard_store {
    rocksdb_t *db;
    rocksdb_options_t *options;
    rocksdb_readoptions_t *reads;
    rocksdb_writeoptions_t *writes;
    rocksdb_writebatch_t *batch;
    weir_buffer key, value; /* reused for every call */
    weir_buffer records;    /* what read_slices and read_identity hand out */
    char directory[PATH_BYTES_MAX];
    weir_checkpointer *checkpointer; /* NULL: no checkpoints */
    uint64_t free_bytes_min;
} shard_store;

weir_store_shared *weir_store_shared_create(size_t cache_bytes)
{
    weir_store_shared *shared = calloc(1, sizeof *shared);
    WEIR_ASSERT(shared != NULL);
    shared->cache = rocksdb_cache_create_lru(cache_bytes);
    /* Shards fill alike and so are flushed and compacted together, for seconds of CPU: that gives
     * way to events. Where it falls too far behind, RocksDB holds writes back. */
    rocksdb_env_t *env = rocksdb_create_default_env();
    rocksdb_env_lower_thread_pool_cpu_priority(env);
    rocksdb_env_lower_high_priority_thread_pool_cpu_priority(env);
    rocksdb_env_destroy(env);
    return shared;
}

void weir_store_shared_destroy(weir_store_shared *shared)
{
    if (shared == NULL) return;
    rocksdb_cache_destroy(shared->cache);
    free(shared);
}

/* Turns RocksDB's message into ours, on the line where it appears. */
static weir_error *rocks_error(const shard_store *store, const char *doing, char *message)
{
    weir_error_code code = WEIR_E_IO;
    const char *cure = "";
    if (strstr(message, "No space") != NULL) {
        code = WEIR_E_DISK_FULL;
        cure = "; free some space and start again, nothing is lost";
    } else if (strncmp(message, "Corruption", 10) == 0) {
        code = WEIR_E_CORRUPT;
        cure = "; `weir rebuild --shard TOPIC/PARTITION` has it made again from its journal";
    } else if (strstr(message, "lock") != NULL) {
        code = WEIR_E_AGAIN;
        cure = "; another process has it open: stop that, or use another --worker-id";
    }
    weir_error *error =
        weir_error_new(code, "%s state folder %s: %s%s", doing, store->directory, message, cure);
    rocksdb_free(message);
    return error;
}

static void put_be16(weir_buffer *out, uint32_t value)
{
    weir_buffer_put_u8(out, (uint8_t)(value >> 8));
    weir_buffer_put_u8(out, (uint8_t)value);
}

static void key_prefix(weir_buffer *out, uint32_t slice, uint32_t view, weir_bytes key)
{
    WEIR_ASSERT(slice < WEIR_SLICE_COUNT && key.size <= UINT16_MAX && view <= UINT16_MAX);
    weir_buffer_clear(out);
    weir_buffer_put_u8(out, (uint8_t)slice);
    put_be16(out, (uint32_t)key.size);
    weir_buffer_put(out, key.data, key.size);
    put_be16(out, view);
}

static void key_part(weir_buffer *out, uint64_t part)
{
    uint64_t big_endian = __builtin_bswap64(part);
    weir_buffer_put(out, &big_endian, 8);
}

static uint64_t checksum(const uint8_t *key, size_t key_size, const void *bytes, size_t size)
{
    return weir_xxh3(bytes, size, weir_xxh3(key, key_size, 0));
}

static void seal(weir_buffer *out, const weir_buffer *key, weir_bytes bytes)
{
    weir_buffer_clear(out);
    weir_buffer_put_u64(out, checksum(key->data, key->size, bytes.data, bytes.size));
    weir_buffer_put(out, bytes.data, bytes.size);
}

static weir_error *unseal(const char *directory, weir_bytes key, weir_bytes value,
                          weir_bytes *bytes_out)
{
    uint64_t stored = 0;
    if (value.size >= CHECKSUM_BYTES) {
        memcpy(&stored, value.data, CHECKSUM_BYTES);
        *bytes_out = (weir_bytes){value.data + CHECKSUM_BYTES, value.size - CHECKSUM_BYTES};
        if (stored == checksum(key.data, key.size, bytes_out->data, bytes_out->size)) return NULL;
    }
    return weir_error_new(WEIR_E_CORRUPT,
                          "state folder %s: the checksum of a stored value is wrong; `weir rebuild "
                          "--shard TOPIC/PARTITION` "
                          "has it made again from its journal",
                          directory);
}

static weir_error *get(shard_store *store, weir_bytes *bytes_out, bool *found_out)
{
    char *message = NULL;
    rocksdb_pinnableslice_t *slice = rocksdb_get_pinned(
        store->db, store->reads, (const char *)store->key.data, store->key.size, &message);
    if (message != NULL) return rocks_error(store, "reading", message);
    *found_out = slice != NULL;
    if (slice == NULL) return NULL;
    size_t size = 0;
    const char *data = rocksdb_pinnableslice_value(slice, &size);
    weir_buffer_clear(&store->value);
    weir_buffer_put(&store->value, data, size);
    rocksdb_pinnableslice_destroy(slice);
    weir_bytes key = {store->key.data, store->key.size};
    return unseal(store->directory, key, (weir_bytes){store->value.data, store->value.size},
                  bytes_out);
}

typedef weir_error *part_sink(void *context, uint64_t part, weir_bytes bytes);

/* Parts above 0, where a state has them: an ordered walk over the prefix. */
static weir_error *load_further_parts(shard_store *store, size_t prefix_size, part_sink *sink,
                                      void *context)
{
    rocksdb_iterator_t *iterator = rocksdb_create_iterator(store->db, store->reads);
    weir_error *error = NULL;
    rocksdb_iter_seek(iterator, (const char *)store->key.data, store->key.size);
    for (; rocksdb_iter_valid(iterator); rocksdb_iter_next(iterator)) {
        size_t key_size = 0, value_size = 0;
        const uint8_t *key = (const uint8_t *)rocksdb_iter_key(iterator, &key_size);
        if (key_size != prefix_size + 8 || memcmp(key, store->key.data, prefix_size) != 0) break;
        const uint8_t *value = (const uint8_t *)rocksdb_iter_value(iterator, &value_size);
        uint64_t part = 0;
        memcpy(&part, key + prefix_size, 8);
        weir_bytes bytes = {0};
        WEIR_TRY_OUT(unseal(store->directory, (weir_bytes){key, key_size},
                            (weir_bytes){value, value_size}, &bytes));
        WEIR_TRY_OUT(sink(context, __builtin_bswap64(part), bytes));
    }
    char *message = NULL;
    rocksdb_iter_get_error(iterator, &message);
    if (message != NULL) error = rocks_error(store, "reading", message);
out:
    rocksdb_iter_destroy(iterator);
    return error;
}

/* Part 0 is there whenever any part is: a key that is not stored costs one look at a Bloom filter.
 */
static weir_error *load_first_part(shard_store *store, uint32_t slice, uint32_t view,
                                   weir_bytes key, part_sink *sink, void *context, bool *found_out)
{
    weir_bytes bytes = {0};
    key_prefix(&store->key, slice, view, key);
    key_part(&store->key, 0);
    WEIR_TRY(get(store, &bytes, found_out));
    return *found_out ? sink(context, 0, bytes) : NULL;
}

static weir_error *store_load_head(void *self, uint32_t slice, uint32_t view, weir_bytes key,
                                   part_sink *sink, void *context)
{
    bool found = false;
    return load_first_part(self, slice, view, key, sink, context, &found);
}

static weir_error *store_load(void *self, uint32_t slice, uint32_t view, weir_bytes key,
                              part_sink *sink, void *context)
{
    shard_store *store = self;
    bool found = false;
    WEIR_TRY(load_first_part(store, slice, view, key, sink, context, &found));
    if (!found) return NULL;
    key_prefix(&store->key, slice, view, key);
    size_t prefix_size = store->key.size;
    key_part(&store->key, 1);
    return load_further_parts(store, prefix_size, sink, context);
}

static void batch_put(shard_store *store, weir_bytes bytes)
{
    seal(&store->value, &store->key, bytes);
    rocksdb_writebatch_put(store->batch, (const char *)store->key.data, store->key.size,
                           (const char *)store->value.data, store->value.size);
}

/* RocksDB may abort the process on a full disk, when it opens, and after a write that failed; so look
 * first. */
static weir_error *check_free_space(const char *directory, uint64_t free_bytes_min)
{
    uint64_t free_bytes = 0;
    WEIR_TRY(weir_dir_free_bytes(directory, &free_bytes));
    if (free_bytes >= free_bytes_min) return NULL;
    return weir_error_new(WEIR_E_DISK_FULL,
                          "state folder %s: %" PRIu64 " MiB free, %" PRIu64
                          " wanted (disk_reserve); free some space, nothing is lost",
                          directory, free_bytes >> 20, free_bytes_min >> 20);
}

static weir_error *batch_write(shard_store *store)
{
    char *message = NULL;
    weir_error *error = check_free_space(store->directory, store->free_bytes_min);
    if (error == NULL) rocksdb_write(store->db, store->writes, store->batch, &message);
    rocksdb_writebatch_clear(store->batch);
    return message == NULL ? error : rocks_error(store, "writing", message);
}

static weir_error *store_write(void *self, uint32_t slice, const weir_store_item *items,
                               size_t count, weir_bytes slice_record)
{
    shard_store *store = self;
    rocksdb_writebatch_clear(store->batch);
    for (size_t i = 0; i < count; i++) {
        key_prefix(&store->key, slice, items[i].view, items[i].key);
        key_part(&store->key, items[i].part);
        if (items[i].bytes.size == 0) {
            rocksdb_writebatch_delete(store->batch, (const char *)store->key.data, store->key.size);
        } else {
            batch_put(store, items[i].bytes);
        }
    }
    uint8_t tag[2] = {SLICE_RECORD_TAG, (uint8_t)slice};
    weir_buffer_clear(&store->key);
    weir_buffer_put(&store->key, tag, sizeof tag);
    batch_put(store, slice_record);
    return batch_write(store);
}

static weir_error *store_read_slices(void *self, weir_bytes records_out[WEIR_SLICE_COUNT])
{
    shard_store *store = self;
    size_t starts[WEIR_SLICE_COUNT + 1] = {0};
    weir_buffer_clear(&store->records);
    for (uint32_t slice = 0; slice < WEIR_SLICE_COUNT; slice++) {
        uint8_t tag[2] = {SLICE_RECORD_TAG, (uint8_t)slice};
        weir_buffer_clear(&store->key);
        weir_buffer_put(&store->key, tag, sizeof tag);
        weir_bytes bytes = {0};
        bool found = false;
        WEIR_TRY(get(store, &bytes, &found));
        if (found) weir_buffer_put(&store->records, bytes.data, bytes.size);
        starts[slice + 1] = store->records.size;
    }
    for (uint32_t slice = 0; slice < WEIR_SLICE_COUNT; slice++) {
        records_out[slice] =
            (weir_bytes){store->records.data + starts[slice], starts[slice + 1] - starts[slice]};
    }
    return NULL;
}

static void identity_key(weir_buffer *out)
{
    weir_buffer_clear(out);
    weir_buffer_put_u8(out, IDENTITY_TAG);
}

static weir_error *store_read_identity(void *self, weir_bytes *identity_out)
{
    shard_store *store = self;
    identity_key(&store->key);
    weir_bytes bytes = {0};
    bool found = false;
    WEIR_TRY(get(store, &bytes, &found));
    weir_buffer_clear(&store->records);
    if (found) weir_buffer_put(&store->records, bytes.data, bytes.size);
    *identity_out = (weir_bytes){store->records.data, store->records.size};
    return NULL;
}

static weir_error *store_write_identity(void *self, weir_bytes identity)
{
    shard_store *store = self;
    rocksdb_writebatch_clear(store->batch);
    identity_key(&store->key);
    batch_put(store, identity);
    return batch_write(store);
}

/* On the checkpointer's thread: RocksDB lets it copy while this shard's writes. */
static weir_error *take_checkpoint(void *self, const char *partial)
{
    shard_store *store = self;
    char *message = NULL;
    rocksdb_checkpoint_t *checkpoint = rocksdb_checkpoint_object_create(store->db, &message);
    if (message == NULL) rocksdb_checkpoint_create(checkpoint, partial, 0, &message);
    if (checkpoint != NULL) rocksdb_checkpoint_object_destroy(checkpoint);
    return message == NULL ? NULL : rocks_error(store, "checkpointing", message);
}

static void store_checkpoint(void *self, int64_t position)
{
    shard_store *store = self;
    if (store->checkpointer != NULL) weir_checkpointer_start(store->checkpointer, position);
}

void weir_shard_store_settle(const weir_store_port *port)
{
    shard_store *store = port->context;
    if (store->checkpointer != NULL) weir_checkpointer_wait(store->checkpointer);
}

static void store_close(void *self)
{
    shard_store *store = self;
    weir_checkpointer_destroy(store->checkpointer);
    if (store->db != NULL) rocksdb_close(store->db);
    if (store->batch != NULL) rocksdb_writebatch_destroy(store->batch);
    if (store->reads != NULL) rocksdb_readoptions_destroy(store->reads);
    if (store->writes != NULL) rocksdb_writeoptions_destroy(store->writes);
    if (store->options != NULL) rocksdb_options_destroy(store->options);
    weir_buffer_deinit(&store->key);
    weir_buffer_deinit(&store->value);
    weir_buffer_deinit(&store->records);
    free(store);
}

static rocksdb_options_t *make_options(const weir_store_shared *shared)
{
    rocksdb_options_t *options = rocksdb_options_create();
    rocksdb_options_set_create_if_missing(options, 1);
    rocksdb_options_set_info_log_level(options, 2);
    rocksdb_options_set_keep_log_file_num(options, 2);
    rocksdb_options_set_max_open_files(options, 256);
    /* Else sixteen threads are started to open what are few files. */
    rocksdb_options_set_max_file_opening_threads(options, 1);
    /*
     * Opening a store after a crash puts what its log holds into the write buffer again, a tenth of a
     * second for ten megabytes, one shard after the other: so the buffer is small. Level 0 has as much
     * room as with a larger one, so that compaction is not dearer.
     */
    rocksdb_options_set_write_buffer_size(options, (size_t)8 << 20);
    rocksdb_options_set_max_write_buffer_number(options, 4);
    rocksdb_options_set_level0_file_num_compaction_trigger(options, 16);
    rocksdb_options_set_level0_slowdown_writes_trigger(options, 40);
    rocksdb_options_set_level0_stop_writes_trigger(options, 60);
    rocksdb_options_set_skip_stats_update_on_db_open(options, 1);
    rocksdb_options_set_max_background_jobs(options, 2);
    rocksdb_options_set_level_compaction_dynamic_level_bytes(options, 1);
    rocksdb_options_set_bytes_per_sync(options, 1 << 20);
    rocksdb_options_set_compression(options, rocksdb_lz4_compression);
    rocksdb_options_set_wal_recovery_mode(options, rocksdb_point_in_time_recovery);
    rocksdb_block_based_table_options_t *table = rocksdb_block_based_options_create();
    rocksdb_block_based_options_set_filter_policy(table,
                                                  rocksdb_filterpolicy_create_bloom_full(10));
    rocksdb_block_based_options_set_format_version(table, 5);
    if (shared != NULL) rocksdb_block_based_options_set_block_cache(table, shared->cache);
    rocksdb_options_set_block_based_table_factory(options, table);
    rocksdb_block_based_options_destroy(table);
    return options;
}

/* A store that is not open yet. */
static shard_store *store_new(const char *directory, const weir_store_shared *shared)
{
    shard_store *store = calloc(1, sizeof *store);
    WEIR_ASSERT(store != NULL);
    (void)snprintf(store->directory, sizeof store->directory, "%s", directory);
    store->options = make_options(shared);
    store->reads = rocksdb_readoptions_create();
    return store;
}

/* What can be asked of any open store. */
static weir_store_port port_to_read(shard_store *store)
{
    return (weir_store_port){
        .context = store,
        .load = store_load,
        .load_head = store_load_head,
        .read_slices = store_read_slices,
        .read_identity = store_read_identity,
        .close = store_close,
    };
}

static bool directory_is_empty(const char *directory)
{
    DIR *open = opendir(directory);
    if (open == NULL) return true;
    bool is_empty = true;
    for (struct dirent *entry = readdir(open); entry != NULL; entry = readdir(open)) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) is_empty = false;
    }
    (void)closedir(open);
    return is_empty;
}

weir_error *weir_shard_store_open(const weir_shard_store_options *options,
                                  weir_store_port *port_out, int64_t *restored_out)
{
    weir_error *error = NULL;
    *restored_out = -1;
    WEIR_TRY(weir_dir_make(options->directory));
    WEIR_TRY(check_free_space(options->directory, options->free_bytes_min));
    if (options->checkpoints != NULL) {
        WEIR_TRY(weir_dir_make(options->checkpoints));
        if (directory_is_empty(options->directory)) {
            WEIR_TRY(
                weir_checkpoint_restore(options->checkpoints, options->directory, restored_out));
        }
    }
    shard_store *store = store_new(options->directory, options->shared);
    if (options->checkpoints != NULL) {
        store->checkpointer = weir_checkpointer_create(&(weir_checkpointer_options){
            .checkpoints = options->checkpoints,
            .kept = options->checkpoints_kept == 0 ? 2 : options->checkpoints_kept,
            .take = take_checkpoint,
            .context = store});
    }
    store->free_bytes_min = options->free_bytes_min;
    store->writes = rocksdb_writeoptions_create();
    store->batch = rocksdb_writebatch_create();
    char *message = NULL;
    store->db = rocksdb_open(store->options, store->directory, &message);
    if (message != NULL) WEIR_TRY_OUT(rocks_error(store, "opening", message));
    *port_out = port_to_read(store);
    port_out->write = store_write;
    port_out->write_identity = store_write_identity;
    port_out->checkpoint = store_checkpoint;
    return NULL;
out:
    store_close(store);
    return error;
}

/* ---- reading what a worker left ---- */

static weir_error *open_read(const char *directory, shard_store **store_out)
{
    shard_store *store = store_new(directory, NULL);
    rocksdb_options_set_create_if_missing(store->options, 0);
    rocksdb_readoptions_set_verify_checksums(store->reads, 1);
    rocksdb_readoptions_set_fill_cache(store->reads, 0);
    char *message = NULL;
    store->db = rocksdb_open_for_read_only(store->options, directory, 0, &message);
    if (message != NULL) {
        weir_error *error = rocks_error(store, "opening", message);
        store_close(store);
        return error;
    }
    *store_out = store;
    return NULL;
}

bool weir_shard_store_is_open(const char *directory)
{
    char path[PATH_BYTES_MAX];
    (void)snprintf(path, sizeof path, "%.*s/LOCK", PATH_BYTES_MAX - 6, directory);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return false;
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    bool is_locked = fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
    (void)close(fd);
    return is_locked;
}

weir_error *weir_shard_store_open_read(const char *directory, weir_store_port *port_out)
{
    shard_store *store = NULL;
    WEIR_TRY(open_read(directory, &store));
    *port_out = port_to_read(store);
    return NULL;
}

struct weir_shard_cursor {
    shard_store *store;
    rocksdb_iterator_t *iterator;
    uint32_t slice;
    bool has_begun;
};

weir_shard_cursor *weir_shard_cursor_create(const weir_store_port *port, uint32_t slice)
{
    WEIR_ASSERT(port->load == store_load && slice < WEIR_SLICE_COUNT);
    weir_shard_cursor *cursor = calloc(1, sizeof *cursor);
    WEIR_ASSERT(cursor != NULL);
    cursor->store = port->context;
    cursor->iterator = rocksdb_create_iterator(cursor->store->db, cursor->store->reads);
    cursor->slice = slice;
    return cursor;
}

void weir_shard_cursor_destroy(weir_shard_cursor *cursor)
{
    if (cursor == NULL) return;
    rocksdb_iter_destroy(cursor->iterator);
    free(cursor);
}

/* slice | length | key | view | part, as key_prefix and key_part write it. */
static bool split_key(weir_bytes stored, weir_shard_part *part)
{
    if (stored.size < 1 + 2 + 2 + 8) return false;
    size_t size = (size_t)stored.data[1] << 8 | stored.data[2];
    if (stored.size != 1 + 2 + size + 2 + 8) return false;
    const uint8_t *rest = stored.data + 3 + size;
    uint64_t number = 0;
    memcpy(&number, rest + 2, 8);
    part->stored_key = stored;
    part->key = (weir_bytes){stored.data + 3, size};
    part->view = (uint32_t)rest[0] << 8 | rest[1];
    part->part = __builtin_bswap64(number);
    return true;
}

weir_error *weir_shard_cursor_next(weir_shard_cursor *cursor, weir_shard_part *part_out)
{
    const char first = (char)cursor->slice;
    *part_out = (weir_shard_part){.is_end = true};
    if (cursor->has_begun)
        rocksdb_iter_next(cursor->iterator);
    else
        rocksdb_iter_seek(cursor->iterator, &first, 1);
    cursor->has_begun = true;
    if (!rocksdb_iter_valid(cursor->iterator)) {
        char *message = NULL;
        rocksdb_iter_get_error(cursor->iterator, &message);
        return message == NULL ? NULL : rocks_error(cursor->store, "reading", message);
    }
    size_t key_size = 0, value_size = 0;
    const uint8_t *key = (const uint8_t *)rocksdb_iter_key(cursor->iterator, &key_size);
    if (key_size == 0 || key[0] != cursor->slice) return NULL;
    const uint8_t *value = (const uint8_t *)rocksdb_iter_value(cursor->iterator, &value_size);
    WEIR_TRY(unseal(cursor->store->directory, (weir_bytes){key, key_size},
                    (weir_bytes){value, value_size}, &part_out->bytes));
    if (!split_key((weir_bytes){key, key_size}, part_out)) {
        return weir_error_new(WEIR_E_CORRUPT, "state folder %s: a stored key has a wrong form",
                              cursor->store->directory);
    }
    part_out->is_end = false;
    return NULL;
}

static weir_error *verify_all(shard_store *store, weir_shard_store_report *report)
{
    weir_error *error = NULL;
    rocksdb_iterator_t *iterator = rocksdb_create_iterator(store->db, store->reads);
    for (rocksdb_iter_seek_to_first(iterator); rocksdb_iter_valid(iterator);
         rocksdb_iter_next(iterator)) {
        size_t key_size = 0, value_size = 0;
        const uint8_t *key = (const uint8_t *)rocksdb_iter_key(iterator, &key_size);
        const uint8_t *value = (const uint8_t *)rocksdb_iter_value(iterator, &value_size);
        weir_bytes bytes = {0};
        WEIR_TRY_OUT(unseal(store->directory, (weir_bytes){key, key_size},
                            (weir_bytes){value, value_size}, &bytes));
        report->values++;
        report->bytes += bytes.size;
        if (key_size == 2 && key[0] == SLICE_RECORD_TAG) report->slices++;
    }
    char *message = NULL;
    rocksdb_iter_get_error(iterator, &message);
    if (message != NULL) error = rocks_error(store, "reading", message);
out:
    rocksdb_iter_destroy(iterator);
    return error;
}

weir_error *weir_shard_store_verify(const char *directory, weir_shard_store_report *report_out)
{
    *report_out = (weir_shard_store_report){0};
    shard_store *store = NULL;
    WEIR_TRY(open_read(directory, &store));
    weir_error *error = verify_all(store, report_out);
    store_close(store);
    return error;
}
