# SPDX-License-Identifier: Apache-2.0
"""Schema resolution against fastavro: random records, evolved at random. avro_resolve.py PROGRAM [CASES]"""
import base64
import io
import json
import random
import subprocess
import sys

import fastavro

random.seed(20261121)
SIMPLE = ["boolean", "int", "long", "float", "double", "string", "bytes"]
PROMOTED = {"int": ["long", "float", "double"], "long": ["float", "double"], "float": ["double"], "string": ["bytes"], "bytes": ["string"]}
ENUM = {"type": "enum", "name": "E", "symbols": ["A", "B", "C"]}


def value_of(kind):
    if isinstance(kind, list):
        return value_of(random.choice(kind))
    if isinstance(kind, dict):
        if kind["type"] == "array":
            return [value_of(kind["items"]) for _ in range(random.randrange(4))]
        if kind["type"] == "map":
            return {f"k{i}": value_of(kind["values"]) for i in range(random.randrange(3))}
        if kind["type"] == "enum":
            return random.choice(kind["symbols"])
        if kind["type"] == "record":
            return {f["name"]: value_of(f["type"]) for f in kind["fields"]}
    return {
        "null": lambda: None,
        "boolean": lambda: random.random() < 0.5,
        "int": lambda: random.randrange(-(2**20), 2**20),
        "long": lambda: random.randrange(-(2**24), 2**24),  # exact as float, to which fastavro does not round
        "float": lambda: random.randrange(-1000, 1000) / 8,
        "double": lambda: random.randrange(-(10**6), 10**6) / 64,
        "string": lambda: "".join(random.choice("abcé") for _ in range(random.randrange(5))),
        "bytes": lambda: bytes(random.choice(b"abc") for _ in range(random.randrange(5))),
    }[kind]()


def type_of(depth):
    form = random.randrange(10)
    simple = random.choice(SIMPLE)
    if form < 5:
        return simple
    if form == 5:
        return ["null", simple]
    if form == 6:
        return {"type": "array", "items": simple}
    if form == 7:
        return {"type": "map", "values": simple}
    if form == 8 and depth == 0:
        return {"type": "record", "name": "I", "fields": [{"name": n, "type": type_of(1)} for n in ("x", "y")]}
    return simple


def default_of(kind):
    """A default as JSON, and its type."""
    if kind == "bytes":
        return "a"
    if isinstance(kind, list):
        return None
    if isinstance(kind, dict):
        if kind["type"] == "record":
            return {f["name"]: default_of(f["type"]) for f in kind["fields"]}
        return [] if kind["type"] == "array" else {}
    return {"boolean": True, "int": 7, "long": 8, "float": 1.5, "double": 2.5, "string": "d"}[kind]


def evolve_type(kind):
    if isinstance(kind, list):
        inner = kind[1]
        return random.choice([kind, [inner, "null"], ["null", random.choice(PROMOTED.get(inner, [inner]))], inner])
    if isinstance(kind, dict):
        if kind["type"] == "array":
            return {"type": "array", "items": random.choice([kind["items"], evolve_type(kind["items"])])}
        if kind["type"] == "map":
            return {"type": "map", "values": evolve_type(kind["values"])}
        if kind["type"] == "record":
            fields = [{"name": f["name"], "type": evolve_type(f["type"])} for f in kind["fields"]]
            random.shuffle(fields)
            fields.append({"name": "z", "type": "int", "default": 3})
            return {"type": "record", "name": "I", "fields": fields[random.randrange(2):]}
        return kind
    return random.choice([kind, kind, ["null", kind], random.choice(PROMOTED.get(kind, [kind])), random.choice(SIMPLE)])


def make_case():
    names = [f"f{i}" for i in range(random.randrange(1, 7))]
    fields = [{"name": n, "type": type_of(0) if i else type_of(0)} for i, n in enumerate(names)]
    seen = False
    for f in fields:  # one inner record a schema: its name is defined once
        if isinstance(f["type"], dict) and f["type"]["type"] == "record":
            if seen:
                f["type"] = "long"
            seen = True
    if random.random() < 0.5:
        fields.append({"name": "e", "type": ENUM})
    writer = {"type": "record", "name": "R", "fields": fields}
    evolved = []
    for f in fields:
        if random.random() < 0.15:
            continue
        kind = f["type"]
        if kind is ENUM:
            kind = random.choice([ENUM, {**ENUM, "symbols": ["C", "A", "D"]}, {**ENUM, "symbols": ["D", "B"], "default": "D"}])
        elif random.random() < 0.5:
            kind = evolve_type(kind)
        renamed = random.random() < 0.15
        evolved.append({"name": "r" + f["name"], "aliases": [f["name"]], "type": kind} if renamed else {"name": f["name"], "type": kind})
    if random.random() < 0.4:
        kind = random.choice(SIMPLE + [["null", "int"], {"type": "array", "items": "int"}])
        added = {"name": "new", "type": kind}
        if random.random() < 0.8:
            added["default"] = default_of(kind)
        evolved.append(added)
    random.shuffle(evolved)
    return writer, {"type": "record", "name": "R", "fields": evolved}


def flat(value, prefix=""):
    out = {}
    for key, one in value.items():
        if isinstance(one, dict) and "\0record" in one:
            out.update(flat({k: v for k, v in one.items() if k != "\0record"}, prefix + key + "."))
        else:
            out[prefix + key] = one
    return out


def mark(kind, value):
    """Tells inner records from maps, and prints bytes as we do."""
    if isinstance(kind, list):
        kinds = [k for k in kind if k != "null"]
        return None if value is None else mark(kinds[0], value)
    if isinstance(kind, dict) and kind["type"] == "record":
        marked = {f["name"]: mark(f["type"], value[f["name"]]) for f in kind["fields"]}
        return {**marked, "\0record": 1}
    if isinstance(kind, dict) and kind["type"] == "array":
        return [mark(kind["items"], v) for v in value]
    if isinstance(kind, dict) and kind["type"] == "map":
        return {k: mark(kind["values"], v) for k, v in value.items()}
    if kind == "bytes":
        return base64.b64encode(value if isinstance(value, bytes) else value.encode("latin-1")).decode()
    if kind in ("float", "double"):
        return float(value)
    if kind == "string" and isinstance(value, bytes):
        return value.decode()
    return value


def expected(writer, reader, body):
    try:
        value = fastavro.schemaless_reader(io.BytesIO(body), fastavro.parse_schema(writer), fastavro.parse_schema(reader))
    except Exception:  # what it calls the refusal depends on where it finds it
        return "refused"
    marked = mark(reader, value)
    return flat({k: v for k, v in marked.items() if k != "\0record"})


def main():
    cases, text = [], []
    for _ in range(int(sys.argv[2]) if len(sys.argv) > 2 else 3000):
        writer, reader = make_case()
        body = io.BytesIO()
        fastavro.schemaless_writer(body, fastavro.parse_schema(json.loads(json.dumps(writer))), value_of(writer))
        cases.append((writer, reader, body.getvalue()))
        text += [json.dumps(writer), json.dumps(reader), body.getvalue().hex()]
    answers = subprocess.run([sys.argv[1]], input="\n".join(text) + "\n", capture_output=True, text=True, check=True).stdout.splitlines()
    assert len(answers) == len(cases)
    same = refused = stricter = 0
    for (writer, reader, body), answer in zip(cases, answers):
        want = expected(json.loads(json.dumps(writer)), json.loads(json.dumps(reader)), body)
        if answer in ("schema", "bad_avro", "bad_number"):
            if want == "refused":
                refused += 1
            elif answer == "schema":
                stricter += 1  # fastavro looks only at what this body holds; we at all that the schemas allow
            else:
                sys.exit(f"refused ({answer}), but it is {want}\n{json.dumps(writer)}\n{json.dumps(reader)}\n{body.hex()}")
        elif want == "refused" or json.loads(answer) != want:
            sys.exit(f"{answer}\nbut it is {json.dumps(want)}\n{json.dumps(writer)}\n{json.dumps(reader)}\n{body.hex()}")
        else:
            same += 1
    print(f"{same} equal, {refused} refused by both, {stricter} refused by us before any data")
    if same < len(cases) // 4 or refused < len(cases) // 20:
        sys.exit("the cases are too alike")


main()
