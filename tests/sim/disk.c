/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "ops/runtime/assert.h"
#include "tests/sim/sim.h"

/* One part of a state. */
typedef struct part {
    uint32_t slice, view;
    uint64_t part;
    weir_buffer key, bytes;
} part;

/* A batch that is not yet synced: kept so that a power cut can take it back. */
typedef struct batch {
    uint32_t slice;
    part *parts;
    size_t count;
    weir_buffer record;
} batch;

struct sim_disk {
    part *parts; /* what is durable, in no order */
    size_t count, capacity;
    weir_buffer records[WEIR_SLICE_COUNT];
    batch *tail; /* written, not synced */
    size_t tail_count, tail_capacity;
    weir_buffer identity;
    sim_point *point;
    void *point_context;
};

sim_disk *sim_disk_create(void)
{
    sim_disk *disk = calloc(1, sizeof *disk);
    WEIR_ASSERT(disk != NULL);
    return disk;
}

static void part_free(part *p)
{
    weir_buffer_deinit(&p->key);
    weir_buffer_deinit(&p->bytes);
}

static void batch_free(batch *b)
{
    for (size_t i = 0; i < b->count; i++)
        part_free(&b->parts[i]);
    free(b->parts);
    weir_buffer_deinit(&b->record);
}

void sim_disk_destroy(sim_disk *disk)
{
    if (disk == NULL) return;
    for (size_t i = 0; i < disk->count; i++)
        part_free(&disk->parts[i]);
    for (size_t i = 0; i < disk->tail_count; i++)
        batch_free(&disk->tail[i]);
    for (size_t s = 0; s < WEIR_SLICE_COUNT; s++)
        weir_buffer_deinit(&disk->records[s]);
    weir_buffer_deinit(&disk->identity);
    free(disk->parts);
    free(disk->tail);
    free(disk);
}

static bool is_part(const part *p, uint32_t slice, uint32_t view, weir_bytes key)
{
    return p->slice == slice && p->view == view && p->key.size == key.size &&
           memcmp(p->key.data, key.data, key.size) == 0;
}

static void put_part(sim_disk *disk, const part *from)
{
    weir_bytes key = {from->key.data, from->key.size};
    part *at = NULL;
    for (size_t i = 0; i < disk->count && at == NULL; i++)
        if (is_part(&disk->parts[i], from->slice, from->view, key) &&
            disk->parts[i].part == from->part)
            at = &disk->parts[i];
    if (from->bytes.size == 0) {
        if (at == NULL) return;
        part_free(at);
        *at = disk->parts[--disk->count];
        return;
    }
    if (at == NULL) {
        if (disk->count == disk->capacity) {
            disk->capacity = disk->capacity == 0 ? 64 : disk->capacity * 2;
            disk->parts = realloc(disk->parts, disk->capacity * sizeof *disk->parts);
            WEIR_ASSERT(disk->parts != NULL);
        }
        at = &disk->parts[disk->count++];
        *at = (part){.slice = from->slice, .view = from->view, .part = from->part};
        weir_buffer_put(&at->key, key.data, key.size);
    }
    weir_buffer_clear(&at->bytes);
    weir_buffer_put(&at->bytes, from->bytes.data, from->bytes.size);
}

static void sync_one(sim_disk *disk, batch *b)
{
    for (size_t i = 0; i < b->count; i++)
        put_part(disk, &b->parts[i]);
    weir_buffer_clear(&disk->records[b->slice]);
    weir_buffer_put(&disk->records[b->slice], b->record.data, b->record.size);
    batch_free(b);
}

void sim_disk_sync(sim_disk *disk)
{
    for (size_t i = 0; i < disk->tail_count; i++)
        sync_one(disk, &disk->tail[i]);
    disk->tail_count = 0;
}

void sim_disk_cut_power(sim_disk *disk, sim_random *random)
{
    size_t keep = sim_below(random, (uint32_t)disk->tail_count + 1);
    for (size_t i = keep; i < disk->tail_count; i++)
        batch_free(&disk->tail[i]);
    disk->tail_count = keep;
    sim_disk_sync(disk);
}

/* ---- the port. Reads go through what is written: sync first, but remember that it is not durable.
 * ---- */

/* Parts of a key as a reader sees them: the durable ones under those of the tail. */
typedef struct seen_part {
    uint64_t part;
    const weir_buffer *bytes;
} seen_part;

static void see(seen_part *seen, size_t *count, uint64_t number, const weir_buffer *bytes)
{
    size_t at = 0;
    while (at < *count && seen[at].part < number)
        at++;
    if (at == *count || seen[at].part != number) {
        memmove(seen + at + 1, seen + at, (*count - at) * sizeof *seen);
        (*count)++;
    }
    seen[at] = (seen_part){number, bytes};
}

static weir_error *disk_load(void *context, uint32_t slice, uint32_t view, weir_bytes key,
                             weir_error *(*sink)(void *sink_context, uint64_t part,
                                                 weir_bytes bytes),
                             void *sink_context)
{
    sim_disk *disk = context;
    seen_part seen[1024];
    size_t count = 0;
    for (size_t i = 0; i < disk->count; i++)
        if (is_part(&disk->parts[i], slice, view, key))
            see(seen, &count, disk->parts[i].part, &disk->parts[i].bytes);
    for (size_t b = 0; b < disk->tail_count; b++)
        for (size_t i = 0; i < disk->tail[b].count; i++)
            if (is_part(&disk->tail[b].parts[i], slice, view, key))
                see(seen, &count, disk->tail[b].parts[i].part, &disk->tail[b].parts[i].bytes);
    WEIR_ASSERT(count < 1024);
    for (size_t i = 0; i < count; i++)
        if (seen[i].bytes->size > 0)
            WEIR_TRY(sink(sink_context, seen[i].part,
                          (weir_bytes){seen[i].bytes->data, seen[i].bytes->size}));
    return NULL;
}

/* Hands part 0 on. */
typedef struct head_only {
    weir_error *(*sink)(void *sink_context, uint64_t part, weir_bytes bytes);
    void *context;
} head_only;

static weir_error *take_head(void *context, uint64_t number, weir_bytes bytes)
{
    const head_only *to = context;
    return number == 0 ? to->sink(to->context, number, bytes) : NULL;
}

static weir_error *disk_load_head(void *context, uint32_t slice, uint32_t view, weir_bytes key,
                                  weir_error *(*sink)(void *sink_context, uint64_t part,
                                                      weir_bytes bytes),
                                  void *sink_context)
{
    head_only to = {sink, sink_context};
    return disk_load(context, slice, view, key, take_head, &to);
}

static weir_error *reach(const sim_disk *disk, const char *what, bool after)
{
    return disk->point == NULL ? NULL : disk->point(disk->point_context, what, after);
}

static weir_error *disk_write(void *context, uint32_t slice, const weir_store_item *items,
                              size_t count, weir_bytes slice_record)
{
    sim_disk *disk = context;
    WEIR_TRY(reach(disk, "store write", false));
    batch b = {.slice = slice, .count = count, .parts = calloc(count + 1, sizeof *b.parts)};
    WEIR_ASSERT(b.parts != NULL);
    for (size_t i = 0; i < count; i++) {
        b.parts[i] = (part){.slice = slice, .view = items[i].view, .part = items[i].part};
        weir_buffer_put(&b.parts[i].key, items[i].key.data, items[i].key.size);
        weir_buffer_put(&b.parts[i].bytes, items[i].bytes.data, items[i].bytes.size);
    }
    weir_buffer_put(&b.record, slice_record.data, slice_record.size);
    if (disk->tail_count == disk->tail_capacity) {
        disk->tail_capacity = disk->tail_capacity == 0 ? 16 : disk->tail_capacity * 2;
        disk->tail = realloc(disk->tail, disk->tail_capacity * sizeof *disk->tail);
        WEIR_ASSERT(disk->tail != NULL);
    }
    disk->tail[disk->tail_count++] = b;
    return reach(disk, "store write", true);
}

static weir_error *disk_read_slices(void *context, weir_bytes records_out[WEIR_SLICE_COUNT])
{
    sim_disk *disk = context;
    for (size_t s = 0; s < WEIR_SLICE_COUNT; s++)
        records_out[s] = (weir_bytes){disk->records[s].data, disk->records[s].size};
    for (size_t b = 0; b < disk->tail_count; b++)
        records_out[disk->tail[b].slice] =
            (weir_bytes){disk->tail[b].record.data, disk->tail[b].record.size};
    return NULL;
}

static weir_error *disk_read_identity(void *context, weir_bytes *identity_out)
{
    sim_disk *disk = context;
    *identity_out = (weir_bytes){disk->identity.data, disk->identity.size};
    return NULL;
}

static weir_error *disk_write_identity(void *context, weir_bytes identity)
{
    sim_disk *disk = context;
    weir_buffer_clear(&disk->identity);
    weir_buffer_put(&disk->identity, identity.data, identity.size);
    return NULL;
}

static void disk_checkpoint(void *context, int64_t position) { (void)context, (void)position; }

static void disk_close(void *context) { (void)context; }

void sim_disk_port(sim_disk *disk, sim_point *point, void *context, weir_store_port *port_out)
{
    disk->point = point;
    disk->point_context = context;
    *port_out = (weir_store_port){.context = disk,
                                  .load = disk_load,
                                  .load_head = disk_load_head,
                                  .write = disk_write,
                                  .read_slices = disk_read_slices,
                                  .read_identity = disk_read_identity,
                                  .write_identity = disk_write_identity,
                                  .checkpoint = disk_checkpoint,
                                  .close = disk_close};
}

static int compare_parts(const void *left, const void *right)
{
    const part *a = left, *b = right;
    if (a->slice != b->slice) return a->slice < b->slice ? -1 : 1;
    if (a->view != b->view) return a->view < b->view ? -1 : 1;
    size_t size = a->key.size < b->key.size ? a->key.size : b->key.size;
    int order = memcmp(a->key.data, b->key.data, size);
    if (order != 0) return order;
    if (a->key.size != b->key.size) return a->key.size < b->key.size ? -1 : 1;
    return a->part < b->part ? -1 : a->part > b->part;
}

/* What a shard knows besides its keys, as far as it is a fact of the journal. */
static void print_record(const weir_plan *plan, uint32_t slice, const weir_buffer *bytes,
                         weir_buffer *out)
{
    weir_shard_record record;
    weir_seq_list duplicates = {0};
    int64_t position = 0;
    weir_shard_record_init(&record, plan);
    weir_error *error = weir_slice_record_decode(plan, (weir_bytes){bytes->data, bytes->size},
                                                 &position, &record, &duplicates);
    WEIR_ASSERT(error == NULL);
    weir_buffer_printf(
        out,
        "slice %u at %lld: ingest %lld, greatest %lld, events %llu, duplicates %llu, late %llu\n",
        slice, (long long)position, (long long)record.clock.ingest_us,
        (long long)record.clock.greatest_et_us, (unsigned long long)record.counters.events,
        (unsigned long long)record.counters.duplicates, (unsigned long long)record.counters.late);
    weir_shard_record_deinit(&record);
    weir_seq_list_deinit(&duplicates);
}

void sim_disk_print(const sim_disk *disk, const weir_plan *plan, weir_buffer *out)
{
    WEIR_ASSERT(disk->tail_count == 0);
    for (uint32_t s = 0; s < WEIR_SLICE_COUNT; s++)
        if (disk->records[s].size > 0) print_record(plan, s, &disk->records[s], out);
    part *sorted = calloc(disk->count + 1, sizeof *sorted);
    WEIR_ASSERT(sorted != NULL);
    if (disk->count > 0) memcpy(sorted, disk->parts, disk->count * sizeof *sorted);
    qsort(sorted, disk->count, sizeof *sorted, compare_parts);
    for (size_t i = 0; i < disk->count; i++) {
        weir_buffer_printf(out, "%u/%u/%.*s/%llu=", sorted[i].slice, sorted[i].view,
                           (int)sorted[i].key.size, (const char *)sorted[i].key.data,
                           (unsigned long long)sorted[i].part);
        for (size_t b = 0; b < sorted[i].bytes.size; b++)
            weir_buffer_printf(out, "%02x", sorted[i].bytes.data[b]);
        weir_buffer_put_u8(out, '\n');
    }
    free(sorted);
}

typedef struct stored_key {
    sim_disk *into;
    const part *key;
} stored_key;

static weir_error *keep_stored(void *context, uint64_t number, weir_bytes bytes)
{
    const stored_key *k = context;
    part stored = {.slice = k->key->slice, .view = k->key->view, .part = number};
    weir_buffer_put(&stored.key, k->key->key.data, k->key->key.size);
    weir_buffer_put(&stored.bytes, bytes.data, bytes.size);
    put_part(k->into, &stored);
    part_free(&stored);
    return NULL;
}

static weir_error *copy_stored(const sim_disk *disk, const weir_store_port *store, sim_disk *into)
{
    weir_bytes records[WEIR_SLICE_COUNT] = {{0}};
    WEIR_TRY(store->read_slices(store->context, records));
    for (size_t s = 0; s < WEIR_SLICE_COUNT; s++)
        weir_buffer_put(&into->records[s], records[s].data, records[s].size);
    for (size_t i = 0; i < disk->count; i++) {
        const part *p = &disk->parts[i];
        stored_key key = {into, p};
        WEIR_TRY(store->load(store->context, p->slice, p->view,
                             (weir_bytes){p->key.data, p->key.size}, keep_stored, &key));
    }
    return NULL;
}

weir_error *sim_disk_print_stored(const sim_disk *disk, const weir_plan *plan,
                                  const weir_store_port *store, weir_buffer *out)
{
    sim_disk *copy = sim_disk_create();
    weir_error *error = copy_stored(disk, store, copy);
    if (error == NULL) sim_disk_print(copy, plan, out);
    sim_disk_destroy(copy);
    return error;
}
