/* SPDX-License-Identifier: Apache-2.0 */
/*
 * parquet_bench - rows a CPU-second of the Parquet writer and reader, and bytes a row.
 *
 *     parquet_bench [--rows N] [--runs N] [--read no] [--transactions FILE.csv --expected FILE.csv]
 * [--out FILE.parquet]
 *
 * The table is that of the training export: six columns of the transaction and the handbook's
 * fourteen features; with the two CSV files (unpacked) it is the real one, else one of the same
 * shape from a seed. Prints one line a shape: 20 columns, and the first 7. Run tiny by every test
 * run.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "schemas/decimal.h"
#include "store/parquet/reader.h"
#include "store/parquet/writer.h"
#include "tests/bench/bench.h"

enum { COLUMNS = 20, FEATURES = 14 };

static const char *const names[COLUMNS] = {
    "tx_id",
    "ts",
    "customer",
    "terminal",
    "amount",
    "fraud",
    "customer_id_nb_tx_1day_window",
    "customer_id_avg_amount_1day_window",
    "customer_id_nb_tx_7day_window",
    "customer_id_avg_amount_7day_window",
    "customer_id_nb_tx_30day_window",
    "customer_id_avg_amount_30day_window",
    "terminal_id_nb_tx_1day_window",
    "terminal_id_risk_1day_window",
    "terminal_id_nb_tx_7day_window",
    "terminal_id_risk_7day_window",
    "terminal_id_nb_tx_30day_window",
    "terminal_id_risk_30day_window",
    "tx_during_weekend",
    "tx_during_night",
};

typedef struct table {
    size_t rows;
    weir_type types[COLUMNS];
    void *data[COLUMNS];
} table;

static void table_init(table *t, size_t rows)
{
    t->rows = rows;
    for (size_t i = 0; i < COLUMNS; i++) {
        bool is_double = i >= 6 && i < 18 && i % 2 == 1;
        t->types[i] = weir_type_of(is_double ? WEIR_FLOAT64 : WEIR_INT64);
        t->data[i] = NULL;
    }
    t->types[1] = weir_type_of(WEIR_TIME);
    t->types[4] = weir_type_decimal(10, 2);
    t->types[5] = weir_type_of(WEIR_BOOL);
    for (size_t i = 0; i < COLUMNS; i++)
        t->data[i] = calloc(rows, i == 4 ? 16 : 8);
}

static uint64_t seed = 42;

static uint64_t next_random(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

static void put_cents(table *t, size_t row, int64_t cents)
{
    weir_int128 wide = cents;
    memcpy((char *)t->data[4] + 16 * row, &wide, 16);
}

static void make_window(table *t, size_t row, size_t column, uint64_t most, bool is_risk)
{
    int64_t count = 1 + (int64_t)(next_random() % most);
    int64_t sum = 0;
    for (int64_t i = 0; i < count; i++)
        sum += is_risk ? next_random() % 150 == 0 : (int64_t)(next_random() % 12000);
    ((int64_t *)t->data[column])[row] = count;
    ((double *)t->data[column + 1])[row] =
        is_risk ? (double)sum / (double)count : (double)sum / 100 / (double)count;
}

static void make_table(table *t, size_t rows)
{
    table_init(t, rows);
    int64_t now = INT64_C(1522540800);
    for (size_t i = 0; i < rows; i++) {
        now += (int64_t)(next_random() % 18);
        ((int64_t *)t->data[0])[i] = (int64_t)i;
        ((int64_t *)t->data[1])[i] = now * 1000000;
        ((int64_t *)t->data[2])[i] = (int64_t)(next_random() % 4990);
        ((int64_t *)t->data[3])[i] = (int64_t)(next_random() % 10000);
        put_cents(t, i, (int64_t)(next_random() % 12000));
        ((uint8_t *)t->data[5])[i] = next_random() % 120 == 0;
        make_window(t, i, 6, 4, false);
        make_window(t, i, 8, 20, false);
        make_window(t, i, 10, 80, false);
        make_window(t, i, 12, 3, true);
        make_window(t, i, 14, 12, true);
        make_window(t, i, 16, 40, true);
        ((int64_t *)t->data[18])[i] = now / 86400 % 7 >= 5;
        ((int64_t *)t->data[19])[i] = now / 3600 % 24 <= 6;
    }
}

/* The number behind the comma at *at, which moves to the next comma. */
static double take_number(char **at)
{
    char *from = *at + 1;
    size_t size = strcspn(from, ",\r\n");
    double value = 0;
    (void)weir_double_parse(from, size, &value);
    *at = from + size;
    return value;
}

static bool read_table(table *t, const char *transactions, const char *expected)
{
    FILE *left = fopen(transactions, "r"), *right = fopen(expected, "r");
    char a[1024], b[1024];
    if (left == NULL || right == NULL || fgets(a, sizeof a, left) == NULL ||
        fgets(b, sizeof b, right) == NULL) {
        (void)fprintf(stderr, "parquet_bench: can not read %s or %s\n", transactions, expected);
        return false;
    }
    table_init(t, 600000);
    size_t row = 0;
    for (; row < t->rows && fgets(a, sizeof a, left) != NULL && fgets(b, sizeof b, right) != NULL;
         row++) {
        long long id = 0, ts = 0, customer = 0, terminal = 0, whole = 0, cents = 0, fraud = 0;
        if (sscanf(a, "%lld,%lld,%lld,%lld,%lld.%lld,%lld", &id, &ts, &customer, &terminal, &whole,
                   &cents, &fraud) < 7) {
            return false;
        }
        ((int64_t *)t->data[0])[row] = id;
        ((int64_t *)t->data[1])[row] = ts * 1000000;
        ((int64_t *)t->data[2])[row] = customer;
        ((int64_t *)t->data[3])[row] = terminal;
        put_cents(t, row, whole * 100 + cents);
        ((uint8_t *)t->data[5])[row] = fraud != 0;
        char *at = strchr(b, ',');
        double values[FEATURES];
        for (size_t i = 0; i < FEATURES && at != NULL; i++)
            values[i] = take_number(&at);
        ((int64_t *)t->data[18])[row] = (int64_t)values[0];
        ((int64_t *)t->data[19])[row] = (int64_t)values[1];
        for (size_t i = 2; i < FEATURES; i++) {
            if (i % 2 == 1) {
                ((double *)t->data[i + 4])[row] = values[i];
            } else {
                ((int64_t *)t->data[i + 4])[row] = (int64_t)values[i];
            }
        }
    }
    t->rows = row;
    (void)fclose(left);
    (void)fclose(right);
    return row > 0;
}

static weir_error *keep(void *context, const void *data, size_t size)
{
    weir_buffer_put(context, data, size);
    return NULL;
}

static void must(weir_error *error)
{
    if (error == NULL) return;
    (void)fprintf(stderr, "parquet_bench: %s\n", weir_error_message(error));
    exit(70);
}

/* The seven columns are the six of the transaction and the average that hardly repeats. */
static const size_t seven[7] = {0, 1, 2, 3, 4, 5, 7};

static void write_once(const table *t, size_t count, weir_buffer *out,
                       weir_parquet_summary *summary)
{
    weir_parquet_column columns[COLUMNS];
    const size_t strides[COLUMNS] = {[4] = 16, [5] = 1};
    for (size_t i = 0; i < count; i++) {
        size_t k = count == 7 ? seven[i] : i;
        columns[i] = (weir_parquet_column){names[k], t->types[k]};
    }
    weir_parquet_writer *writer = NULL;
    must(weir_parquet_writer_create(columns, count, NULL, (weir_parquet_sink){keep, out}, &writer));
    for (size_t from = 0; from < t->rows; from += 4096) { /* as the export hands them over */
        weir_parquet_vector vectors[COLUMNS];
        for (size_t i = 0; i < count; i++) {
            size_t k = count == 7 ? seven[i] : i;
            size_t stride = strides[k] > 0 ? strides[k] : 8;
            vectors[i] = (weir_parquet_vector){(const char *)t->data[k] + from * stride, NULL};
        }
        must(weir_parquet_writer_add_columns(writer, vectors,
                                             t->rows - from < 4096 ? t->rows - from : 4096));
    }
    must(weir_parquet_writer_finish(writer, summary));
    weir_parquet_writer_destroy(writer);
}

static double read_once(const weir_buffer *file)
{
    weir_parquet_reader *reader = NULL;
    double start = bench_cpu_seconds();
    must(weir_parquet_reader_open_bytes("bench", (weir_bytes){file->data, file->size}, &reader));
    for (size_t rows = 1; rows > 0;) {
        weir_value *const *columns = NULL;
        must(weir_parquet_reader_next(reader, &columns, &rows));
    }
    weir_parquet_reader_close(reader);
    return bench_cpu_seconds() - start;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static void bench(const table *t, size_t count, int runs, bool reads_too, const char *out_path)
{
    weir_buffer file = {0};
    weir_parquet_summary summary;
    double writes[64], reads[64];
    for (int run = 0; run < runs; run++) {
        weir_buffer_clear(&file);
        double start = bench_cpu_seconds();
        write_once(t, count, &file, &summary);
        writes[run] = bench_cpu_seconds() - start;
        reads[run] = reads_too ? read_once(&file) : 0;
    }
    qsort(writes, (size_t)runs, sizeof *writes, by_value);
    qsort(reads, (size_t)runs, sizeof *reads, by_value);
    double millions = (double)t->rows / 1e6, write = writes[runs / 2], read = reads[runs / 2];
    (void)printf("parquet columns=%zu rows=%zu write_cpu_s_per_million=%.3f "
                 "write_million_rows_per_cpu_s=%.2f "
                 "bytes_per_row=%.2f read_cpu_s_per_million=%.3f read_million_rows_per_cpu_s=%.2f "
                 "content=%.12s\n",
                 count, t->rows, write / millions, millions / write,
                 (double)file.size / (double)t->rows, read / millions, millions / read,
                 summary.content_sha256);
    if (out_path != NULL) {
        FILE *out = fopen(out_path, "wb");
        if (out == NULL || fwrite(file.data, 1, file.size, out) != file.size || fclose(out) != 0)
            exit(74);
    }
    weir_buffer_deinit(&file);
}

int main(int argc, char **argv)
{
    size_t rows = 1 << 20;
    int runs = 5;
    bool reads_too = true;
    const char *transactions = NULL, *expected = NULL, *out = NULL;
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--rows") == 0) rows = (size_t)strtoull(argv[i + 1], NULL, 10);
        if (strcmp(argv[i], "--runs") == 0) runs = (int)strtol(argv[i + 1], NULL, 10);
        if (strcmp(argv[i], "--transactions") == 0) transactions = argv[i + 1];
        if (strcmp(argv[i], "--expected") == 0) expected = argv[i + 1];
        if (strcmp(argv[i], "--out") == 0) out = argv[i + 1];
        if (strcmp(argv[i], "--read") == 0) reads_too = strcmp(argv[i + 1], "no") != 0;
    }
    if (runs < 1 || runs > 64) runs = 5;
    table t;
    if (transactions != NULL && expected != NULL) {
        if (!read_table(&t, transactions, expected)) return 66;
    } else {
        make_table(&t, rows);
    }
    bench(&t, 7, runs, reads_too, NULL);
    bench(&t, COLUMNS, runs, reads_too, out);
    for (size_t i = 0; i < COLUMNS; i++)
        free(t.data[i]);
    return 0;
}
