/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reader_internal.h - what verify.c sees of an open reader.
 */
#pragma once

#include "store/parquet/page.h"
#include "store/parquet/read_schema.h"
#include "store/parquet/reader.h"

const parquet_file_meta *parquet_reader_meta(const weir_parquet_reader *reader);
const parquet_read_schema *parquet_reader_schema(const weir_parquet_reader *reader);
const parquet_source *parquet_reader_source(const weir_parquet_reader *reader);
weir_bytes parquet_reader_footer(const weir_parquet_reader *reader);
/* The first value under that key, or NULL. Points into the footer. */
const weir_bytes *parquet_reader_pair(const weir_parquet_reader *reader, const char *key);
