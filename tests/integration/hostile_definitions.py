#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Texts that were made to hurt: each is checked within seconds of CPU, and answered by 0 or 65 (G7).

    hostile_definitions.py WEIR
"""
import json, pathlib, resource, subprocess, sys, tempfile

DEEP, MANY = 5000, 20000
TX = {"type": "record", "name": "Tx", "namespace": "pay", "fields": [
    {"name": "card", "type": "string"}, {"name": "n", "type": "long"}, {"name": "x", "type": "double"}, {"name": "ok", "type": "boolean"},
    {"name": "ts", "type": {"type": "long", "logicalType": "timestamp-micros"}}]}
HEAD = 'package t\nstream tx from kafka("tx") avro("pay.Tx") { time ts  observed by card }\n'


def group(body):
    return f"{HEAD}features g per card from tx {{\n{body}\n}}\n"


def lines(form, count):
    return "\n".join(form.format(i=i, j=i + 1, h=i - 1) for i in range(count))


def nested(opening, inner, closing=""):
    return group("  a = " + opening * DEEP + inner + closing * DEEP)


TEXTS = {
    # nested 5,000 deep
    "brackets": nested("(", "1", ")"), "minus": nested("-", "1"), "has": nested("has ", "this.n"), "not": nested("not (", "this.ok", ")"),
    "if": nested("if true then 1 else ", "2"), "if_condition": nested("if ", "true", " then true else false"), "if_then": nested("if true then ", "1", " else 2"),
    "call": nested("min(", "1", ", 2)"), "index": nested("a[1h", "", "]"), "path": nested("this.", "n"), "sum": nested("1 + ", "1"),
    "coalesce": nested("1 ?? ", "1"), "and": nested("this.ok and ", "this.ok"), "compare": nested("1 < ", "1"), "aggregate": nested("sum(", "n", ")"),
    "since": group("  a = count() over " + "since last(" * DEEP + "ok" + ")" * DEEP), "blocks": HEAD + "features g per card from tx { " * DEEP,
    "braces": HEAD + "{" * DEEP, "entities": HEAD.replace("card }", "(" * DEEP + "card" + ")" * DEEP + " }"),
    "list_in_test": group("  a = count() over 1h") + 'test "x" { at tx { n: ' + "[" * DEEP + "]" * DEEP + " } }",
    "record_in_test": group("  a = count() over 1h") + 'test "x" { at tx { n: ' + "{a: " * DEEP + "1" + "}" * DEEP + " } }",
    # many of one thing
    "names_behind_names": group(lines("  let l{i} = l{j}", DEEP) + f"\n  let l{DEEP} = n\n  a = sum(l0) over 1h"),
    "columns_behind_columns": HEAD + "vector v on tx { c0 = 1 " + " ".join(f"c{i} = c{i - 1} + 1" for i in range(1, DEEP)) + " }",
    "doubling_lets": group("  let l0 = n\n" + "\n".join(f"  let l{i} = l{i - 1} + l{i - 1}" for i in range(1, 60)) + "\n  a = sum(l59) over 1h"),
    "doubling_features": group("  f0 = count() over 1h\n" + "\n".join(f"  f{i} = f{i - 1} + f{i - 1}" for i in range(1, 60))),
    "unknown_names": group(lines("  f{i} = zz{i}", MANY)), "unknown_functions": group(lines("  f{i} = cuont() over 1h", MANY)),
    "unknown_columns": group(lines("  f{i} = count() over 1h", 4000)) + "vector v on tx { " + " ".join(f"g.x{i}" for i in range(MANY)) + " }",
    "same_name": group("  f = count() over 1h\n" * MANY), "enum": HEAD + "enum E { " + ", ".join(f"v{i}" for i in range(50000)) + " }",
    "windows": group("  a = count() over " + ", ".join(f"{i + 1}s" for i in range(DEEP))), "columns": HEAD + "vector v on tx { " + " ".join(f"c{i} = {i}" for i in range(8000)) + " }",
    "features": group(lines("  f{i} = sum(n) where n > {i} over 1h", 1000)), "groups": HEAD + lines("features g{i} per card from tx where n > {i} {{ a = count() over 1h }}", 3000),
    "streams": HEAD + lines('stream s{i} from kafka("t{i}") avro("pay.Tx") {{ time ts  observed by card }}', 3000),
    "tests": group("  a = count() over 1h") + lines('test "t{i}" {{ at tx {{ card: "c" }} expect g.a = 0 }}', 3000),
    # the text itself
    "escapes": group('  a = "' + "\\q" * 200000 + '"'), "bytes": bytes(range(256)) * 4000, "zeros": b"\0" * 1000000, "long_name": group("  a = " + "x" * 1000000),
    "long_number": group("  a = " + "9" * 1000000), "long_string": group('  a = "' + "x" * 1000000 + '"'), "open_string": group('  a = "' + "x" * 1000000),
    "comments": HEAD + "// a comment\n" * 80000, "utf16": HEAD.encode("utf-16"), "errors": HEAD + "; " * 400000, "exponent": group("  a = 1e" + "9" * 1000),
}
GOOD = {"enum", "windows", "columns", "features", "streams", "tests", "long_string", "comments"}


def limit():
    resource.setrlimit(resource.RLIMIT_CPU, (60, 60))


def main():
    weir, slow = str(pathlib.Path(sys.argv[1]).resolve()), 0
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        (folder / "schemas").mkdir()
        (folder / "schemas" / "tx.avsc").write_text(json.dumps(TX))
        for name, text in TEXTS.items():
            (folder / "t.weir").write_bytes(text if isinstance(text, bytes) else text.encode())
            before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
            done = subprocess.run([weir, "-C", folder, "check"], capture_output=True, preexec_fn=limit)
            spent = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before
            slow = max(slow, spent)
            if done.returncode != (0 if name in GOOD else 65): sys.exit(f"{name}: exit {done.returncode}\n{done.stderr.decode(errors='replace')[:2000]}")
            if done.returncode == 65 and not 1 <= done.stderr.count(b"error[E") <= 20: sys.exit(f"{name}: no errors or too many\n{done.stderr[:2000]}")
            if len(done.stderr) > 200000: sys.exit(f"{name}: {len(done.stderr)} bytes of messages")
    print(f"{len(TEXTS)} texts, the slowest took {slow:.2f} s of CPU")


main()
