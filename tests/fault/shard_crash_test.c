/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A shard's store is killed, cut off from power and refused by its disk at every single I/O call of
 * a small workload; each time it is opened again and compared with what was written.
 *
 * The workload: batches over a few slices and keys, a checkpoint now and then, a close and an open
 * in the middle. Batch number j carries j in its slice record, so the state after j batches is
 * known for every j. What must hold:
 *
 *   kill            the state is exactly that after j batches, j >= the batches that had returned
 *   power-*         the state is exactly that after j batches, for some j
 *   full, error     as kill; the workload may fail or abort, never hang
 *   after each      the store opens, or says CORRUPT and names its folder (counted; never after a
 * kill)
 */
#include <stdio.h>
#include <string.h>

#include "ops/runtime/assert.h"
#include "tests/fault/crash.h"

enum { BATCHES = 40, KEYS = 6, SLICES = 4, PARTS = 3, ITEMS_MAX = 4, VALUE_BYTES_MAX = 700 };

/* One write: which key and part got which value, all derived from its number. */
typedef struct write_op {
    unsigned key, part;
    size_t size; /* 0: delete */
    uint8_t fill;
} write_op;

typedef struct batch {
    uint32_t slice;
    unsigned count;
    write_op ops[ITEMS_MAX];
} batch;

static uint32_t mix(uint32_t x)
{
    x ^= x >> 16;
    x *= 0x7feb352du;
    x ^= x >> 15;
    x *= 0x846ca68bu;
    return x ^ x >> 16;
}

/* A key that has any part has part 0 (docs/formats/store.md), so that one is always written and
 * never deleted. */
static batch batch_of(unsigned number)
{
    batch b = {.slice = mix(number) % SLICES, .count = 1 + mix(number + 1000) % ITEMS_MAX};
    unsigned key = mix(number + 2000) % KEYS;
    for (unsigned i = 0; i < b.count; i++) {
        uint32_t r = mix(number * 16 + i + 77777);
        unsigned part = i % PARTS;
        b.ops[i] = (write_op){
            .key = (key + i / PARTS) % KEYS,
            .part = part,
            .size = part > 0 && r % 4 == 0 ? 0 : 1 + (r >> 8) % VALUE_BYTES_MAX,
            .fill = (uint8_t)(number + i * 31),
        };
    }
    return b;
}

/* ---- the workload ---- */

static weir_bytes key_of(unsigned key, char text[16])
{
    int size = snprintf(text, 16, "card%u", key);
    return (weir_bytes){(const uint8_t *)text, (size_t)size};
}

static weir_error *write_batch(weir_store_port *port, unsigned number)
{
    batch b = batch_of(number);
    char keys[ITEMS_MAX][16];
    uint8_t values[ITEMS_MAX][VALUE_BYTES_MAX];
    weir_store_item items[ITEMS_MAX];
    for (unsigned i = 0; i < b.count; i++) {
        memset(values[i], b.ops[i].fill, sizeof values[i]);
        items[i] = (weir_store_item){
            1, key_of(b.ops[i].key, keys[i]), b.ops[i].part, {values[i], b.ops[i].size}};
    }
    uint32_t record = number;
    return port->write(port->context, b.slice, items, b.count,
                       (weir_bytes){(const uint8_t *)&record, sizeof record});
}

/* In the child: notes how many batches had returned. */
static weir_error *run_workload(const char *root, void *shared)
{
    volatile uint32_t *acked = shared;
    weir_store_port port;
    WEIR_TRY(crash_store_open(root, &port));
    weir_error *error = port.write_identity(port.context, (weir_bytes){(const uint8_t *)"id", 2});
    for (unsigned i = 0; error == NULL && i < BATCHES; i++) {
        error = write_batch(&port, i);
        if (error == NULL) *acked = i + 1;
        if (error == NULL && i % 15 == 14) port.checkpoint(port.context, i);
        if (error == NULL && i == BATCHES / 2) {
            port.close(port.context);
            WEIR_TRY(crash_store_open(root, &port));
        }
    }
    port.close(port.context);
    return error;
}

/* ---- what it should be after j batches ---- */

typedef struct model {
    uint32_t records[SLICES]; /* number of the last batch + 1; 0: none */
    struct {
        size_t size;
        uint8_t fill;
    } parts[SLICES][KEYS][PARTS];
} model;

static void apply(model *m, unsigned number)
{
    batch b = batch_of(number);
    m->records[b.slice] = number + 1;
    for (unsigned i = 0; i < b.count; i++) {
        m->parts[b.slice][b.ops[i].key][b.ops[i].part].size = b.ops[i].size;
        m->parts[b.slice][b.ops[i].key][b.ops[i].part].fill =
            b.ops[i].size == 0 ? 0 : b.ops[i].fill;
    }
}

typedef struct reading {
    model *into;
    unsigned slice, key;
} reading;

static weir_error *take_part(void *context, uint64_t part, weir_bytes bytes)
{
    const reading *r = context;
    WEIR_ASSERT(part < PARTS && bytes.size > 0);
    for (size_t i = 1; i < bytes.size; i++)
        WEIR_ASSERT(bytes.data[i] == bytes.data[0]);
    r->into->parts[r->slice][r->key][part].size = bytes.size;
    r->into->parts[r->slice][r->key][part].fill = bytes.data[0];
    return NULL;
}

static weir_error *read_model(weir_store_port *port, model *into)
{
    weir_bytes records[WEIR_SLICE_COUNT];
    memset(into, 0, sizeof *into);
    WEIR_TRY(port->read_slices(port->context, records));
    for (unsigned slice = 0; slice < SLICES; slice++) {
        uint32_t number = 0;
        if (records[slice].size == sizeof number) {
            memcpy(&number, records[slice].data, sizeof number);
            into->records[slice] = number + 1;
        }
        for (unsigned key = 0; key < KEYS; key++) {
            char text[16];
            reading r = {into, slice, key};
            WEIR_TRY(port->load(port->context, slice, 1, key_of(key, text), take_part, &r));
        }
    }
    return NULL;
}

/* The j whose state this is, or -1. */
static int find_prefix(const model *got)
{
    model want;
    memset(&want, 0, sizeof want);
    int found = -1;
    for (unsigned j = 0; j <= BATCHES; j++) {
        bool is_equal = memcmp(want.records, got->records, sizeof want.records) == 0;
        for (unsigned s = 0; s < SLICES && is_equal; s++)
            for (unsigned k = 0; k < KEYS && is_equal; k++)
                for (unsigned p = 0; p < PARTS && is_equal; p++)
                    is_equal = want.parts[s][k][p].size == got->parts[s][k][p].size &&
                               want.parts[s][k][p].fill == got->parts[s][k][p].fill;
        if (is_equal) found = (int)j;
        if (j < BATCHES) apply(&want, j);
    }
    return found;
}

/* ---- the judge ---- */

/* Opens what is left, and compares. */
static void judge(const crash_run *run, crash_tally *sum)
{
    uint32_t acked = *(const uint32_t *)run->shared;
    weir_store_port port;
    weir_error *error = crash_store_open(run->root, &port);
    if (error != NULL) {
        if (!crash_is_power(run) || weir_error_code_of(error) != WEIR_E_CORRUPT)
            crash_fail(run, weir_error_message(error));
        sum->refused++;
        weir_error_free(error);
        return;
    }
    model got;
    error = read_model(&port, &got);
    port.close(port.context);
    if (error != NULL) crash_fail(run, weir_error_message(error));
    int prefix = find_prefix(&got);
    if (prefix < 0) crash_fail(run, "the state is that of no prefix of the batches");
    if (run->at < 0 && prefix != BATCHES) crash_fail(run, "the workload did not finish");
    if (!crash_is_power(run) && prefix < (int)acked)
        crash_fail(run, "a batch that had returned is gone");
    if (prefix < (int)acked) sum->lost += (int)acked - prefix;
}

int main(int argc, char **argv)
{
    static const crash_test test = {
        .shared_bytes = 4096, .lost = "batches", .workload = run_workload, .judge = judge};
    return crash_main(argc, argv, &test);
}
