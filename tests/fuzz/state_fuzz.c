/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stored key states: an input is a run of parts, each u64 number, u32 size, bytes. What decodes
 * must take events, give values, and encode to parts that decode to the same state; everything else
 * is WEIR_E_CORRUPT.
 */
#include <stdlib.h>
#include <string.h>

#include "compute/engine/read.h"
#include "tests/unit/engine_fixture.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define EVER                                                                                       \
    {                                                                                              \
        .kind = WEIR_WINDOW_EVER                                                                   \
    }
#define WEEK                                                                                       \
    {                                                                                              \
        .kind = WEIR_WINDOW_TIME, .width_us = INT64_C(604800000000)                                \
    }
static const cell_spec specs[] = {
    {"count", 0, {0, 0}, 0, EVER, 0, 0, 0},
    {"sum", 1, {SLOT_SCORE, 0}, 0, EVER, 0, 0, 0},
    {"sum", 1, {SLOT_MONEY, 0}, 0, EVER, 1, 0, 0},
    {"max", 1, {SLOT_SHOP, 0}, 0, EVER, 0, 0, 0},
    {"var", 1, {SLOT_WIDE, 0}, 0, EVER, 0, 0, 0},
    {"last", 1, {SLOT_SHOP, 0}, 3, EVER, 0, 0, 0},
    {"mean", 1, {SLOT_MONEY, 0}, 0, WEEK, 0, 0, 0},
    {"distinct", 1, {SLOT_SHOP, 0}, 0, WEEK, 0, 0, 0},
    {"any", 1, {SLOT_FLAG, 0}, 0, WEEK, 0, 0, 0},
};
enum { SPECS = sizeof specs / sizeof specs[0] };

static weir_plan *plan;

typedef struct copy {
    weir_key_state *state;
    bool failed;
} copy;

static void copy_part(void *context, uint64_t part, weir_bytes bytes)
{
    copy *c = context;
    if (bytes.size == 0) return;
    weir_error *error = weir_key_state_decode(c->state, part, bytes);
    c->failed |= error != NULL;
    weir_error_free(error);
}

static void put_part(void *context, uint64_t part, weir_bytes bytes)
{
    weir_buffer *out = context;
    if (bytes.size == 0) return; /* a part that is no more */
    weir_buffer_put_u64(out, part);
    weir_buffer_put_u32(out, (uint32_t)bytes.size);
    weir_buffer_put(out, bytes.data, bytes.size);
}

/* Decoded, encoded, decoded: the second bytes are the first. */
static void check_round(weir_key_state *state)
{
    weir_buffer first = {0}, second = {0};
    copy c = {.state = weir_key_state_create(plan, 0)};
    weir_key_state_encode(state, true, put_part, &first);
    weir_key_state_encode(state, true, copy_part, &c);
    weir_error *error = weir_key_state_decode_end(c.state);
    if (c.failed || error != NULL) abort();
    weir_key_state_encode(c.state, true, put_part, &second);
    if (first.size != second.size || memcmp(first.data, second.data, first.size) != 0) abort();
    weir_buffer_deinit(&first);
    weir_buffer_deinit(&second);
    weir_key_state_destroy(c.state);
}

static void read_all(weir_key_state *state, int64_t tau_us)
{
    weir_arena scratch = {0};
    const weir_view_layout *layout = weir_layout_of_view(plan, 0);
    weir_read_point point = {.tau_us = tau_us, .greatest_us = tau_us, .scratch = &scratch};
    for (uint32_t i = 0; i < layout->cell_count; i++) {
        bool overflow = false;
        weir_bounds bounds;
        uint32_t window = layout->cells[i].window;
        weir_bounds_request request = {&layout->windows[window].window, window, false};
        weir_window_bounds(state, layout, &request, 1, &point, NULL, &bounds);
        (void)weir_cell_read(state, &layout->cells[i], &bounds, &point, NULL, &overflow);
    }
    weir_arena_deinit(&scratch);
}

static void use(weir_key_state *state)
{
    uint32_t count = (uint32_t)weir_key_state_rows(state);
    int64_t last = count > 0 ? weir_state_times(state)[count - 1] : 0;
    weir_value null = weir_null(), time = weir_time(last), shop = weir_string("shop", 4);
    const weir_value *row[COLUMN_COUNT];
    for (uint32_t c = 0; c < COLUMN_COUNT; c++)
        row[c] = &null;
    row[COLUMN_TIME] = &time;
    row[column_of_slot(SLOT_SHOP)] = &shop;
    read_all(state, last);
    check_round(state);
    weir_state_insert(state, last, row);
    if (count > 0) weir_state_insert(state, weir_state_times(state)[0], row);
    read_all(state, last);
    weir_state_evict(state, last);
    weir_state_evict_front(state, (uint32_t)weir_key_state_rows(state) / 2);
    read_all(state, last);
    check_round(state);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (plan == NULL) plan = fixture_plan(specs, SPECS, INT64_C(3600000000));
    weir_reader reader = weir_reader_of(data, size);
    weir_key_state *state = weir_key_state_create(plan, 0);
    weir_error *error = NULL;
    while (error == NULL && weir_reader_left(&reader) > 0) {
        uint64_t part = weir_reader_u64(&reader);
        uint32_t bytes = weir_reader_u32(&reader);
        const uint8_t *at = weir_reader_take(&reader, bytes);
        if (at == NULL) break;
        error = weir_key_state_decode(state, part, (weir_bytes){at, bytes});
    }
    if (error == NULL) error = weir_key_state_decode_end(state);
    if (error == NULL) {
        use(state);
    } else if (weir_error_code_of(error) != WEIR_E_CORRUPT) {
        abort();
    }
    weir_error_free(error);
    weir_key_state_destroy(state);
    return 0;
}
