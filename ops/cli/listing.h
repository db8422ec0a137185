/* SPDX-License-Identifier: Apache-2.0 */
/*
 * listing.h - rows of named cells, printed as -o says: a table for people, json, jsonl or csv.
 *
 *     weir_listing list = weir_listing_begin(cli, columns, 2);
 *     weir_listing_text(&list, "name");
 *     weir_listing_int(&list, 7);
 *     weir_listing_end(&list);
 *
 * Owns:    cells live in the command's arena. Threads: main thread.
 */
#pragma once

#include "ops/cli/cli.h"

enum {
    WEIR_FORMATS_OF_LISTINGS =
        WEIR_FORMAT_TABLE | WEIR_FORMAT_JSON | WEIR_FORMAT_JSONL | WEIR_FORMAT_CSV
};

typedef struct weir_listing_cell {
    const char *text; /* NULL: none */
    bool is_raw;      /* a JSON token as it stands */
} weir_listing_cell;

typedef struct weir_listing {
    weir_cli *cli;
    const char *const *columns;
    size_t column_count;
    weir_listing_cell *cells;
    size_t cell_count, capacity;
} weir_listing;

weir_listing weir_listing_begin(weir_cli *cli, const char *const *columns, size_t column_count);
void weir_listing_text(weir_listing *list, const char *text); /* NULL: null, an empty cell */
void weir_listing_int(weir_listing *list, int64_t number);
void weir_listing_bool(weir_listing *list, bool truth);
void weir_listing_end(weir_listing *list); /* prints; rows must be whole (asserted) */
