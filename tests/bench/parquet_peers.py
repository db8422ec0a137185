#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""parquet_peers.py PROGRAM [words of parquet_bench]: our Parquet writer beside pyarrow, DuckDB and Polars, in one run.

PROGRAM is parquet_bench. It writes the training table (20 columns; real with --transactions and --expected), each library writes the same
table from memory, one thread each, in a process of its own; the median of five runs. CPU seconds a million rows, bytes a row.
"""
import json, os, re, resource, statistics, subprocess, sys, tempfile

LIBRARIES = ("pyarrow-1", "pyarrow-3", "duckdb", "polars")
SEVEN = ["tx_id", "ts", "customer", "terminal", "amount", "fraud", "customer_id_avg_amount_1day_window"]


def cpu():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def one(library, columns, source, out):
    os.environ["POLARS_MAX_THREADS"] = "1"
    import pyarrow as pa, pyarrow.parquet as pq
    pa.set_cpu_count(1)
    table = pq.read_table(source).combine_chunks()
    if columns == "7":
        table = table.select(SEVEN)
    if library == "duckdb":
        import duckdb
        con = duckdb.connect()
        con.execute("set threads=1")
        con.execute("create table m as select * from \"table\"")
        start = cpu()
        con.execute(f"copy m to '{out}' (format parquet, compression zstd)")
    elif library == "polars":
        import polars as pl
        frame = pl.from_arrow(table)
        start = cpu()
        frame.write_parquet(out, compression="zstd")
    else:
        start = cpu()
        pq.write_table(table, out, compression="zstd", compression_level=int(library[-1]))
    print(json.dumps({"cpu": cpu() - start, "rows": table.num_rows, "bytes": os.path.getsize(out)}))


def main():
    with tempfile.TemporaryDirectory(prefix="weir-parquet-bench-") as folder:
        ours, theirs = os.path.join(folder, "ours.parquet"), os.path.join(folder, "theirs.parquet")
        result = subprocess.run(sys.argv[1:] + ["--out", ours], capture_output=True, text=True, check=True).stdout
        mine = {m[0]: (float(m[1]), float(m[2])) for m in
                re.findall(r"columns=(\d+).*?write_cpu_s_per_million=([\d.]+).*?bytes_per_row=([\d.]+)", result)}
        for columns in ("20", "7"):
            print(f"{columns:>2} columns  weir       {mine[columns][0]:.3f} CPU-s/M rows  {mine[columns][1]:.2f} B/row")
            for library in LIBRARIES:
                runs = [json.loads(subprocess.run([sys.executable, __file__, "--one", library, columns, ours, theirs], capture_output=True,
                                                  text=True, check=True).stdout) for _ in range(5)]
                seconds = statistics.median(r["cpu"] for r in runs) / runs[0]["rows"] * 1e6
                size = runs[0]["bytes"] / runs[0]["rows"]
                print(f"{columns:>2} columns  {library:10} {seconds:.3f} CPU-s/M rows  {size:.2f} B/row  "
                      f"{seconds / mine[columns][0]:.2f} times our time, {size / mine[columns][1]:.2f} times our bytes", flush=True)


if __name__ == "__main__":
    one(*sys.argv[2:]) if sys.argv[1] == "--one" else main()
