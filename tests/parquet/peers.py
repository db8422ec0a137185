#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""peers.py TOOL: our Parquet against pyarrow, DuckDB and Polars, both ways.

Files of ours are read by each of them: types exact, every value equal. Files that each of them writes, in every encoding,
codec and page version that it offers, are read by us: every value equal. Values are compared as JSON of one convention
(decimals and times as text), so nothing goes through a double that is not one. What filters find and how a file is laid out: readers.py.
"""
import base64, datetime, decimal, json, math, os, random, subprocess, sys, tempfile

try:
    import pyarrow as pa, pyarrow.parquet as pq, duckdb, polars as pl
except ImportError as missing:
    print(f"peers.py: {missing}; run ops/tools/python-env", file=sys.stderr)
    sys.exit(77)

import readers

TOOL = sys.argv[1]
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
failures = 0


def norm(value, decimals_as_text=True):
    """A value of any library in the tool's convention."""
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, decimal.Decimal):
        return format(value, "f")
    if isinstance(value, (bytes, bytearray, memoryview)):
        return base64.b64encode(bytes(value)).decode()
    if isinstance(value, datetime.datetime):
        if value.tzinfo is None:
            value = value.replace(tzinfo=datetime.timezone.utc)
        value = value.astimezone(datetime.timezone.utc)
        return f"{value.year:04d}-" + value.strftime("%m-%dT%H:%M:%S.%fZ")
    if isinstance(value, datetime.date):
        return f"{value.year:04d}-" + value.strftime("%m-%dT00:00:00.000000Z")
    if isinstance(value, datetime.time):
        return ((value.hour * 60 + value.minute) * 60 + value.second) * 1000000 + value.microsecond
    if isinstance(value, datetime.timedelta):
        return value // datetime.timedelta(microseconds=1)
    if isinstance(value, dict):
        return {k: norm(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [norm(v) for v in value]
    if hasattr(value, "tolist"):
        return norm(value.tolist())
    return str(value)


def same(ours, theirs):
    if isinstance(ours, dict) and isinstance(theirs, list):  # a map as a list of pairs
        pairs = [(p["key"], p["value"]) if isinstance(p, dict) else tuple(p) for p in theirs]
        return list(ours.items()) == [(str(k), v) for k, v in pairs]
    if isinstance(ours, list) and isinstance(theirs, list):
        return len(ours) == len(theirs) and all(same(a, b) for a, b in zip(ours, theirs))
    if isinstance(ours, float) or isinstance(theirs, float):
        return isinstance(ours, (int, float)) and isinstance(theirs, (int, float)) and float(ours) == float(theirs) and \
            math.copysign(1, ours) == math.copysign(1, theirs)
    return ours == theirs and type(ours) is type(theirs)


def fail(what):
    global failures
    failures += 1
    print("FAILED", what, flush=True)


def compare(what, names, ours, theirs):
    if len(ours) != len(theirs):
        return fail(f"{what}: {len(ours)} rows of ours, {len(theirs)} of theirs")
    for i, (a, b) in enumerate(zip(ours, theirs)):
        for name, x, y in zip(names, a, b):
            if not same(x, y):
                return fail(f"{what}: row {i}, column {name}: ours {x!r}, theirs {y!r}")
    print("ok", what, flush=True)


def run_tool(*words):
    result = subprocess.run([TOOL, *map(str, words)], capture_output=True, text=True)
    if result.returncode != 0:
        raise RuntimeError(result.stderr.strip())
    return [json.loads(line) for line in result.stdout.splitlines()]


# --- Ours, read by them ---

TYPES = {
    "bool": pa.bool_(), "int_serial": pa.int64(), "float": pa.float64(), "dec5_2": pa.decimal128(5, 2), "dec15_3": pa.decimal128(15, 3),
    "dec38_10": pa.decimal128(38, 10), "string_few": pa.string(), "bytes_o": pa.binary(), "enum": pa.string(),
    "time": pa.timestamp("us", tz="UTC"), "duration_o": pa.int64(), "vec": pa.list_(pa.field("element", pa.float32(), False)),
    "geo": pa.struct([pa.field("lat", pa.float64(), False), pa.field("lon", pa.float64(), False)]),
    "list": pa.list_(pa.field("element", pa.int64())), "map": pa.map_(pa.string(), pa.int64()),
}
DUCK_TYPES = {"dec5_2": "DECIMAL(5,2)", "dec38_10": "DECIMAL(38,10)", "time": "TIMESTAMP WITH TIME ZONE", "int_o": "BIGINT", "enum": "VARCHAR",
              "geo": "STRUCT(lat DOUBLE, lon DOUBLE)", "vec": "FLOAT[]", "map": "MAP(VARCHAR, BIGINT)", "bytes_o": "BLOB", "float": "DOUBLE"}


def read_ours(folder):
    for seed, rows, group in ((1, 0, 0), (2, 1, 0), (3, 2500, 0), (4, 9000, 3000), (5, 70000, 0)):
        path = os.path.join(folder, f"ours{seed}.parquet")
        ours = run_tool("make", seed, rows, group, path)
        table = pq.read_table(path, page_checksum_verification=True)
        names = table.column_names
        for name, want in TYPES.items():
            if table.schema.field(name).type != want:
                fail(f"pyarrow type of {name}: {table.schema.field(name).type}, wants {want}")
            if table.schema.field(name).nullable != (name.endswith("_o") or name in ("dec15_3",)):
                fail(f"pyarrow nullability of {name}")
        arrow = [norm(table[name].to_pylist()) for name in names]
        compare(f"ours, seed {seed}, read by pyarrow", names, ours, list(zip(*arrow)) if rows else [])
        check_statistics(path, ours, names)
        if rows == 9000 and not readers.check(path):  # of three row groups
            fail(f"seed {seed}: not seen alike by all readers")
        con = duckdb.connect()
        con.execute("set timezone='UTC'")
        result = con.execute(f"select * from read_parquet('{path}')")
        types = {d[0]: str(d[1]) for d in con.description}
        for name, want in DUCK_TYPES.items():
            got = con.execute(f"select column_type from (describe select \"{name}\" from read_parquet('{path}'))").fetchone()[0]
            if got != want:
                fail(f"DuckDB type of {name}: {got}, wants {want}")
        duck = con.execute(f"select * from read_parquet('{path}')").to_arrow_table()
        duck = [norm(duck[name].to_pylist()) for name in names]
        compare(f"ours, seed {seed}, read by DuckDB", names, ours, list(zip(*duck)) if rows else [])
        if rows > 0:
            frame = pl.read_parquet(path)
            if frame.schema["dec38_10"] != pl.Decimal(38, 10) or frame.schema["time"] != pl.Datetime("us", "UTC"):
                fail(f"Polars types: {frame.schema}")
            columns = [norm(frame[name].to_list()) for name in names]
            compare(f"ours, seed {seed}, read by Polars", names, ours, list(zip(*columns)))


def check_statistics(path, ours, names):
    """Least and greatest value of each flat column, group by group, against the values."""
    meta = pq.ParquetFile(path).metadata
    start = 0
    for g in range(meta.num_row_groups):
        group = meta.row_group(g)
        for c in range(group.num_columns):
            column = group.column(c)
            name, stats = column.path_in_schema, column.statistics
            if "." in name:
                continue
            values = [row[names.index(name)] for row in ours[start:start + group.num_rows]]
            there = [v for v in values if v is not None]
            if stats.null_count != len(values) - len(there):
                fail(f"null_count of {name}")
            if not stats.has_min_max:
                if there and name != "string_long":
                    fail(f"{name} has no statistics")
                continue
            if name.startswith("dec"):
                there = [decimal.Decimal(v) for v in there]
            low, high = norm(stats.min), norm(stats.max)
            if name.startswith("dec"):
                low, high = decimal.Decimal(low), decimal.Decimal(high)
            if name.startswith(("string", "enum")):
                there = [v.encode() for v in there]
                low, high = low.encode(), high.encode()
            if name.startswith("bytes"):
                there, low, high = [base64.b64decode(v) for v in there], base64.b64decode(low), base64.b64decode(high)
            if low > min(there) or high < max(there) or (name != "string_long" and (low, high) != (min(there), max(there))):
                fail(f"statistics of {name}: {low!r}..{high!r}, values {min(there)!r}..{max(there)!r}")
        start += group.num_rows


# --- Theirs, read by us ---

def their_table(rows, seed):
    r = random.Random(seed)
    D = decimal.Decimal
    maybe = lambda make: [None if r.random() < 0.2 else make() for _ in range(rows)]
    text = lambda: "".join(r.choice("abcé€😀 ,\"") for _ in range(r.randrange(12)))
    when = lambda: EPOCH + datetime.timedelta(microseconds=r.randrange(-10**15, 4 * 10**15))
    columns = {
        "b": pa.array(maybe(lambda: r.random() < 0.3), pa.bool_()),
        "i8": pa.array(maybe(lambda: r.randrange(-128, 128)), pa.int8()),
        "i16": pa.array(maybe(lambda: r.randrange(-2**15, 2**15)), pa.int16()),
        "i32": pa.array(maybe(lambda: r.randrange(-2**31, 2**31)), pa.int32()),
        "i64": pa.array(maybe(lambda: r.randrange(-2**63, 2**63)), pa.int64()),
        "serial": pa.array(range(rows), pa.int64()),
        "u8": pa.array(maybe(lambda: r.randrange(256)), pa.uint8()),
        "u32": pa.array(maybe(lambda: r.randrange(2**32)), pa.uint32()),
        "f32": pa.array(maybe(lambda: r.choice([0.5, -1.25, 3e30, 0.1])), pa.float32()),
        "f64": pa.array(maybe(lambda: r.choice([r.random(), -0.0, float("inf"), 1e-300])), pa.float64()),
        "dec9": pa.array(maybe(lambda: D(r.randrange(-10**7, 10**7)).scaleb(-2)), pa.decimal128(9, 2)),
        "dec18": pa.array(maybe(lambda: D(r.randrange(-10**17, 10**17)).scaleb(-6)), pa.decimal128(18, 6)),
        "dec38": pa.array(maybe(lambda: D(f"{r.choice(['-', ''])}{r.randrange(10**20)}.{r.randrange(10**10):010d}")), pa.decimal128(38, 10)),
        "s": pa.array(maybe(text), pa.string()),
        "few": pa.array(maybe(lambda: r.choice(["alpha", "beta", "gamma"])), pa.string()),
        "shared": pa.array([f"prefix/{i // 10:06d}/{i}" for i in range(rows)], pa.string()),
        "y": pa.array(maybe(lambda: r.randbytes(r.randrange(9))), pa.binary()),
        "d": pa.array(maybe(lambda: when().date()), pa.date32()),
        "t_us": pa.array(maybe(when), pa.timestamp("us", tz="UTC")),
        "t_ms": pa.array(maybe(lambda: when().replace(microsecond=r.randrange(1000) * 1000)), pa.timestamp("ms")),
        "tod": pa.array(maybe(lambda: when().time()), pa.time64("us")),
        "list": pa.array(maybe(lambda: [r.choice([None, 1, -5]) for _ in range(r.randrange(4))]), pa.list_(pa.int64())),
        "lists": pa.array(maybe(lambda: [r.choice([None, [], ["x", None]]) for _ in range(r.randrange(3))]), pa.list_(pa.list_(pa.string()))),
        "geo": pa.array(maybe(lambda: {"lat": r.uniform(-90, 90), "lon": r.uniform(-180, 180)}), pa.struct([("lat", pa.float64()), ("lon", pa.float64())])),
        "part": pa.array(maybe(lambda: {"a": r.choice([None, 7]), "b": {"c": text()}}), pa.struct([("a", pa.int32()), ("b", pa.struct([("c", pa.string())]))])),
    }
    return pa.table(columns)


def expected(table):
    """Our columns: structs that are no geo are taken apart."""
    names, columns = [], []
    for name in table.column_names:
        values = table[name].to_pylist()
        kind = table.schema.field(name).type
        if pa.types.is_struct(kind) and name == "part":
            names += ["part.a", "part.b.c"]
            columns.append([None if v is None else v["a"] for v in values])
            columns.append([None if v is None or v["b"] is None else v["b"]["c"] for v in values])
        else:
            names.append(name)
            columns.append(norm(values))
    return names, [list(row) for row in zip(*columns)]


def read_theirs(what, path, table):
    try:
        head, *ours = run_tool("cat", path)
    except RuntimeError as problem:
        return fail(f"{what}: {problem}")
    names, theirs = expected(table)
    if list(head) != names:
        return fail(f"{what}: columns {list(head)}, wants {names}")
    compare(what, names, ours, theirs)


def write_theirs(folder):
    table = their_table(5000, 7)
    path = os.path.join(folder, "theirs.parquet")
    flat = table.drop_columns(["list", "lists", "geo", "part"])
    for codec in ("none", "snappy", "gzip", "zstd", "lz4", "brotli"):
        for version in ("1.0", "2.0"):
            for dictionary in (True, False):
                pq.write_table(table, path, compression=codec, data_page_version=version, use_dictionary=dictionary, write_page_checksum=codec != "gzip",
                               data_page_size=4000, row_group_size=1700, dictionary_pagesize_limit=3000)
                read_theirs(f"pyarrow {codec} pages {version} dictionary {dictionary}", path, table)
    encodings = [({"i32": "DELTA_BINARY_PACKED", "i64": "DELTA_BINARY_PACKED", "serial": "DELTA_BINARY_PACKED", "t_us": "DELTA_BINARY_PACKED", "dec9": "BYTE_STREAM_SPLIT"}, "delta"),
                 ({"s": "DELTA_LENGTH_BYTE_ARRAY", "y": "DELTA_LENGTH_BYTE_ARRAY", "b": "RLE"}, "delta length"),
                 ({"s": "DELTA_BYTE_ARRAY", "shared": "DELTA_BYTE_ARRAY", "y": "DELTA_BYTE_ARRAY", "dec38": "DELTA_BYTE_ARRAY"}, "delta bytes"),
                 ({"f32": "BYTE_STREAM_SPLIT", "f64": "BYTE_STREAM_SPLIT", "i32": "BYTE_STREAM_SPLIT", "i64": "BYTE_STREAM_SPLIT", "dec38": "BYTE_STREAM_SPLIT"}, "byte stream split")]
    for columns, what in encodings:
        for version in ("1.0", "2.0"):
            for codec in ("none", "zstd"):
                pq.write_table(table, path, compression=codec, data_page_version=version, use_dictionary=False, column_encoding=columns, data_page_size=3000)
                read_theirs(f"pyarrow {what} pages {version} {codec}", path, table)
    pq.write_table(table, path, use_deprecated_int96_timestamps=True)
    read_theirs("pyarrow INT96", path, table)
    pq.write_table(table, path, use_compliant_nested_type=False, version="1.0")
    read_theirs("pyarrow version 1.0, old lists", path, table.set_column(table.column_names.index("u32"), "u32", table["u32"]))
    pq.write_table(table, path, store_decimal_as_integer=True)
    read_theirs("pyarrow decimals as integers", path, table)
    pq.write_table(table.slice(0, 0), path)
    read_theirs("pyarrow without rows", path, table.slice(0, 0))
    for codec in ("uncompressed", "snappy", "gzip", "zstd", "lz4", "brotli"):
        for size in (512, None):
            pl.from_arrow(flat).write_parquet(path, compression=codec, row_group_size=size, data_page_size=5000)
            read_theirs(f"Polars {codec} {size}", path, flat)
    pl.from_arrow(table.select(["list", "geo", "lists"])).write_parquet(path)
    read_theirs("Polars nested", path, table.select(["list", "geo", "lists"]))
    con = duckdb.connect()
    con.execute("set timezone='UTC'")
    con.register("t", table)
    for codec in ("uncompressed", "snappy", "gzip", "zstd", "lz4", "brotli"):
        for version in ("v1", "v2"):
            con.execute(f"copy t to '{path}' (format parquet, compression {codec}, parquet_version {version}, row_group_size 2048)")
            read_theirs(f"DuckDB {codec} {version}", path, table)
    big = pa.table({"u": pa.array([0, 2**64 - 1, None], pa.uint64()), "h": pa.array([1.5, None, -2.0], pa.float16()),
                    "m": pa.array([[("k", 1), ("l", None)], [], None], pa.map_(pa.string(), pa.int32())),
                    "fixed": pa.array([b"abc", None, b"xyz"], pa.binary(3)), "ns": pa.array([1000, 1001, None], pa.timestamp("ns"))})
    pq.write_table(big, path)
    head, *ours = run_tool("cat", path)
    want = [["0", 1.5, {"k": 1, "l": None}, "YWJj", "1970-01-01T00:00:00.000001Z"],
            ["18446744073709551615", None, {}, None, "a time in nanoseconds that is no whole microsecond"], [None, -2.0, None, "eHl6", None]]
    compare("pyarrow odd types", list(head), ours, want)
    places = [("turned", ["lon", "lat"], [pa.float64()] * 2), ("short", ["latitude", "longitude"], [pa.float32(), pa.float64()]),
              ("turned_short", ["longitude", "latitude"], [pa.float32()] * 2)]
    cells = [{"lat": 52.5, "lon": 13.25}, None, {"lat": None, "lon": 1.0}]
    pick = lambda cell, names: None if cell is None else {n: cell[n[:3]] for n in names}
    pq.write_table(pa.table({name: pa.array([pick(cell, members) for cell in cells], pa.struct(list(zip(members, kinds))))
                             for name, members, kinds in places}), path)
    head, *ours = run_tool("cat", path)
    compare("pyarrow places", list(head), ours, [[{"lat": 52.5, "lon": 13.25}] * 3, [None] * 3, [None] * 3])


def main():
    with tempfile.TemporaryDirectory(prefix="weir-parquet-") as folder:
        read_ours(folder)
        write_theirs(folder)
    print(f"{failures} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
