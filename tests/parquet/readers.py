#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""readers.py PATH...: a file or a snapshot's folder of ours, as other people's readers see it.

pyarrow, DuckDB, Polars and, where it is installed, Spark read the same rows, types and nulls; filters that they push down to our statistics
(which skip row groups) find what a look at all rows finds; and what the footer promises about layout holds.
"""
import glob, json, os, sys

try:
    import duckdb, polars as pl, pyarrow as pa, pyarrow.compute as pc, pyarrow.dataset as ds, pyarrow.parquet as pq
except ImportError as missing:
    print(f"readers.py: {missing}; run ops/tools/python-env", file=sys.stderr)
    sys.exit(77)
ROW_GROUP_ROWS, ROW_GROUP_BYTES = 65536, 64 << 20
problems = []


def fail(what):
    problems.append(what)
    print("FAILED", what, flush=True)


def files_of(path):
    return sorted(glob.glob(os.path.join(path, "*.parquet"))) if os.path.isdir(path) else [path]


def by_duckdb(con, files, columns):
    names = ", ".join(f'"{name}"' for name in columns)
    return con.sql(f"select {names} from read_parquet({files})").to_arrow_table()


def is_scalar(kind):
    return not (pa.types.is_nested(kind) or pa.types.is_binary(kind))


def check_rows(path, files, whole, con):
    """The same values, and exact types, in each. DuckDB and Polars have no other name for a list's item or for text than their own."""
    scalars = [f.name for f in whole.schema if is_scalar(f.type)]
    frame = pl.read_parquet(files)
    want = whole.select(scalars)
    for reader, table in (("DuckDB", by_duckdb(con, files, scalars)), ("Polars", frame.select(scalars).to_arrow())):
        for name in scalars:
            got, there = table.schema.field(name).type, want.schema.field(name).type
            is_text = pa.types.is_string(there) and (pa.types.is_large_string(got) or "string_view" in str(got))
            if got != there and not is_text:
                fail(f"{path}: {reader} has {name} as {got}, not {there}")
            if table[name].cast(there).combine_chunks() != want[name].combine_chunks():
                fail(f"{path}: {reader} has other values in {name}")
    if frame.height != whole.num_rows:
        fail(f"{path}: Polars has {frame.height} rows, pyarrow {whole.num_rows}")


def probes_of(column):
    """A few values that are there, from all over the file: the least and the greatest among them."""
    values = column.drop_null().unique()
    if len(values) == 0:
        return []
    ordered = values.take(pc.sort_indices(values))
    at = sorted({0, len(ordered) // 3, len(ordered) // 2, len(ordered) - 1})
    return [ordered[i] for i in at]


def check_pushdown(path, files, whole, con):
    lazy, dataset = pl.scan_parquet(files), ds.dataset(files)
    operators = {"=": (pc.equal, lambda a, b: a == b), "<": (pc.less, lambda a, b: a < b), ">=": (pc.greater_equal, lambda a, b: a >= b)}
    for field in whole.schema:
        name = field.name
        if not is_scalar(field.type) or pa.types.is_boolean(field.type):
            continue
        absent = whole[name].null_count
        if con.execute(f'select count(*) from read_parquet({files}) where "{name}" is null').fetchone()[0] != absent:
            fail(f"{path}: DuckDB finds other nulls in {name}")
        for probe in probes_of(whole[name]):
            value, series = probe.as_py(), pl.from_arrow(pa.array([probe.as_py()], field.type))
            literal = pl.lit(series.item(), series.dtype)
            for sign, (compute, python) in operators.items():
                want = pc.sum(compute(whole[name], probe)).as_py() or 0
                found = {
                    "DuckDB": con.execute(f'select count(*) from read_parquet({files}) where "{name}" {sign} ?', [value]).fetchone()[0],
                    "Polars": lazy.filter(python(pl.col(name), literal)).select(pl.len()).collect().item(),
                    "pyarrow": dataset.count_rows(filter=compute(ds.field(name), probe)),
                }
                for reader, count in found.items():
                    if count != want:
                        fail(f"{path}: where {name} {sign} {value!r}: {reader} finds {count} rows, there are {want}")


def check_layout(path, files):
    for file in files:
        meta = pq.ParquetFile(file).metadata
        names = {key.decode() for key in meta.metadata or {}}
        if not {"weir.schema", "weir.content_sha256", "weir.body_sha256", "weir.footer_sha256"} <= names or not meta.created_by.startswith("weir version "):
            fail(f"{file}: the footer says {sorted(names)}, {meta.created_by}")
        schema = json.loads(meta.metadata[b"weir.schema"])
        if [column["name"] for column in schema] != pq.ParquetFile(file).schema_arrow.names:
            fail(f"{file}: weir.schema names other columns")
        for g in range(meta.num_row_groups):
            group = meta.row_group(g)
            if not 0 < group.num_rows <= ROW_GROUP_ROWS or group.total_byte_size > 2 * ROW_GROUP_BYTES:
                fail(f"{file}: row group {g} has {group.num_rows} rows, {group.total_byte_size} bytes")
            for c in range(group.num_columns):
                column = group.column(c)
                extra = {"RLE_DICTIONARY", "PLAIN", "DELTA_BINARY_PACKED", "RLE"}
                if column.compression != "ZSTD" or not set(column.encodings) <= extra or column.statistics is None and "." not in column.path_in_schema:
                    fail(f"{file}: column {column.path_in_schema}: {column.compression}, {column.encodings}")
        if sum(meta.row_group(g).num_rows for g in range(meta.num_row_groups)) != meta.num_rows:
            fail(f"{file}: the row groups do not add up")


def check_spark(path, files, whole):
    try:
        from pyspark.sql import SparkSession
    except ImportError:
        print("not compared with Spark: it is not installed", file=sys.stderr)
        return
    spark = (SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false").config("spark.sql.session.timeZone", "UTC")
             .config("spark.driver.bindAddress", "127.0.0.1").config("spark.driver.host", "127.0.0.1").config("spark.log.level", "ERROR").getOrCreate())
    table = spark.read.parquet(*files).toArrow()
    for field in whole.schema:
        name, got = field.name, table.schema.field(field.name).type
        if is_scalar(field.type) and got != field.type:
            fail(f"{path}: Spark has {name} as {got}, not {field.type}")
        if table[name].to_pylist() != whole[name].to_pylist():
            fail(f"{path}: Spark has other values in {name}")
    print(f"ok {path}: read by Spark", flush=True)


def check(path):
    files = files_of(path)
    con = duckdb.connect()
    con.execute("set timezone='UTC'")
    whole = pa.concat_tables(pq.read_table(file, page_checksum_verification=True) for file in files)
    if os.path.isdir(path) and not pq.read_table(path).equals(whole):  # as pandas does; the manifest is no part of it
        fail(f"{path}: pyarrow has other rows in the folder")
    check_rows(path, files, whole, con)
    check_pushdown(path, files, whole, con)
    check_layout(path, files)
    check_spark(path, files, whole)
    print(f"ok {path}: {whole.num_rows} rows, {whole.num_columns} columns, seen alike", flush=True)
    return not problems


if __name__ == "__main__":
    sys.exit(0 if all([check(path) for path in sys.argv[1:]]) else 1)
