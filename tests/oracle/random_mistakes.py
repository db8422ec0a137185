#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Definitions with up to twenty mistakes each: every mistake gives one error, at its place, and nothing else does.

    random_mistakes.py WEIR [--seeds FIRST COUNT] [--keep DIR]

A mistake is a line of text with its code; what the carets must mark stands between « and ». Lines that are right stand between them. Now
and then the line comes behind tabs, in CRLF or behind a byte order mark.
"""
import random, re, subprocess, sys

import seeds

SCHEMAS = {
    "pay.Tx.avsc": """{"type": "record", "name": "Tx", "namespace": "pay", "fields": [
  {"name": "id", "type": ["null", "string"], "default": null}, {"name": "card", "type": ["null", "string"], "default": null},
  {"name": "merchant", "type": ["null", "string"], "default": null},
  {"name": "amount", "type": ["null", {"type": "bytes", "logicalType": "decimal", "precision": 12, "scale": 2}], "default": null},
  {"name": "n", "type": ["null", "long"], "default": null}, {"name": "x", "type": ["null", "double"], "default": null},
  {"name": "ok", "type": ["null", "boolean"], "default": null},
  {"name": "status", "type": {"type": "enum", "name": "Status", "symbols": ["approved", "declined", "reversed"]}},
  {"name": "place", "type": ["null", {"type": "record", "name": "Place", "fields": [{"name": "lat", "type": "double"}, {"name": "lon", "type": "double"}]}]},
  {"name": "vec", "type": {"type": "array", "items": "float"}},
  {"name": "ts", "type": {"type": "long", "logicalType": "timestamp-micros"}}]}""",
    "pay.Back.avsc": """{"type": "record", "name": "Back", "namespace": "pay", "fields": [{"name": "card", "type": "string"},
  {"name": "amount", "type": "double"}, {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}}]}""",
}
# In a group per card from tx. @ is a fresh name.
FEATURES = [
    ("E0101", "@ = count() «;» over 1h"), ("E0101", "@ = this.n «%» 2"), ("E0101", "@ = this.ok «&&» this.ok"), ("E0101", "@ = «'»"),
    ("E0102", "@ = «\"never closed»"), ("E0103", "@ = count() over «1h30m»"), ("E0103", "@ = count() over «1.5h»"), ("E0103", "@ = count() over «5y»"),
    ("E0104", "@ = \"a«\\q»b\""), ("E0105", "@ «:» count() over 1h"), ("E0105", "@ = count() over 1h, «,» 2h"), ("E0105", "@ = (this.n + 1 «over» 1h"),
    ("E0105", "@ = count() «overr» 1h"), ("E0107", "«then» = 1"), ("E0107", "let «has» = n"), ("E0108", "@ = count() over 1h «over» 2h"),
    ("E0108", "@ = count() where ok over 1h «where» ok"), ("E0112", "@ = 1 < this.n «<» 5"), ("E0201", "@ = «nope» + 1"),
    ("E0201", "@ = sum(«amonut») over 1h"), ("E0201", "let @ = «zzz» > 1"), ("E0202", "«good» = 1"), ("E0205", "@ = «this.amuont» + 1"),
    ("E0205", "@ = sum(tx.«zip») over 1h"), ("E0206", "@ = «g.nothing»"), ("E0207", "@ = «cuont»() over 1h"), ("E0207", "@ = «flor»(this.n)"),
    ("E0210", "@ = this.n «+» this.card"), ("E0210", "@ = count() where amount «==» \"5\" over 1h"), ("E0210", "@ = «lower(this.n)»"),
    ("E0210", "@ = count() where status «<» declined over 1h"), ("E0210", "@ = «hour(this.ts, \"Mars/Phobos\")»"), ("E0210", "@ = «hour(this.ts)»"),
    ("E0210", "@ = «if this.ok then 1 else \"a\"»"), ("E0211", "@ = count() where «n» over 1h"), ("E0211", "@ = if «this.card» then 1 else 2"),
    ("E0211", "@ = not «this.n»"), ("E0212", "@ = count() where status == «aproved» over 1h"), ("E0213", "@ = «amount» + 1"),
    ("E0215", "@ = «paid»"), ("E0216", "@ = sum(«max»(n)) over 1h"), ("E0216", "let @ = «count()»"), ("E0217", "@ = «sum()» over 1h"),
    ("E0217", "@ = «sum(n, x)» over 1h"), ("E0218", "@ = this.ts > «\"yesterday\"»"), ("E0219", "@ = «family» + 1"), ("E0220", "@ = family[«9h»]"),
    ("E0301", "@ = «sum(amount)»"), ("E0301", "@ = «count() / 2»"), ("E0302", "@ = this.n «over» 1h"), ("E0303", "@ = count() over 24h, 1h, «1d»"),
    ("E0304", "@ = distinct(merchant) over «ever»"), ("E0304", "@ = median(x) over 1h, «ever»"), ("E0305", "@ = count() over 1h delayed 1h «including this»"),
    ("E0306", "@ = count() over ever step «1h»"), ("E0307", "@ = count() over «0s»"), ("E0307", "@ = count() over «last 0»"),
    ("E0307", "@ = count() over 1h delayed «40000d»"), ("E0310", "@ = «shop.n» + 1"), ("E0901", "@ = count() over «session 30m»"),
    ("E0901", "@ = count() over «calendar day(\"UTC\")»"), ("E0901", "@ = count() over «7 x 1d»"), ("E0901", "@ = sum(n) «by merchant» over 7d"),
    ("E0901", "@ = «decay»(n, half 6h) over ever"), ("E0901", "@ = count() over «since last(ok)»"),
    ("E0901", "@ = «sum(vec)» over 1h"), ("E0901", "@ = «cosine(this.vec, this.vec)»"),
]
GOOD_FEATURES = ["@ = count() over 1h, 2h", "@ = sum(amount) where paid over 1h step 1m", "let @ = n > 3", "@ = good * 2", "// count() over", "@ = max(this.n, 1)"]
COLUMNS = [
    ("E0206", "«g.zero»"), ("E0206", "g.{ «bad» }"), ("E0206", "«gg».*"), ("E0501", "k0 = 1  «k0» = 2"), ("E0201", "@ = «nothing»"),
    ("E0213", "@ = «amount»"), ("E0205", "«this.zip»"), ("E0219", "@ = «g.family» + 1"), ("E0223", "@ = «score» + 1"), ("E0208", "k1 = k2  k2 = «k1»"),
    ("E0216", "@ = «count»()"), ("E0210", "@ = this.n «==» this.card"), ("E0202", "let k3 = 1  let «k3» = 2"),
]
GOOD_COLUMNS = ["@ = g.good + 1", "@ = this.n ?? 0", "@ = g.family[1h]"]
STREAMS = [
    ("E0205", "stream @ from kafka(\"t\") avro(\"pay.Tx\") { time «tss»  observed by card }"), ("E0205", "stream @ from kafka(\"t\") avro(\"pay.Tx\") { time ts  observed by «cart» }"),
    ("E0205", "stream @ from kafka(\"t\") avro(\"pay.Tx\") { time ts  id «idd»  observed by card }"), ("E0401", "stream «@» from kafka(\"t\") avro(\"pay.Tx\") { observed by card }"),
    ("E0402", "stream @ from kafka(\"t\") avro(\"pay.Tx\") { time «n»  observed by card }"), ("E0403", "stream «@» from kafka(\"t\") avro(\"pay.Tx\") { time ts }"),
    ("E0404", "stream @ from kafka(\"t\") avro(«\"pay.Txx\"») { time ts  observed by card }"), ("E0404", "stream «@» from kafka(\"t\") { time ts  observed by card }"),
    ("E0405", "stream @ from kafka(\"t\") avro(\"pay.Tx\") { time ts  observed by «x» }"), ("E0405", "stream @ from kafka(\"t\") avro(\"pay.Tx\") { time ts  observed by (card, «place») }"),
    ("E0406", "stream @ from «kafak»(\"t\") avro(\"pay.Tx\") { time ts  observed by card }"), ("E0408", "stream @ from kafka(\"t\") avro(\"pay.Tx\") { time ts  observed by card  late «40000d» }"),
    ("E0211", "stream @ from kafka(\"t\") avro(\"pay.Tx\") { time ts  observed by card  expect «n» }"), ("E0214", "stream @ from kafka(\"t\") avro(\"pay.Tx\") { time ts  observed by card  expect «this.n» > 1 }"),
    ("E0202", "stream @ from kafka(\"t\") avro(\"pay.Tx\") { time ts  observed by card, «card» }"), ("E0901", "stream @ from kafka(\"t\") «json»(\"pay.Tx\") { time ts  observed by card }"),
    ("E0407", "enum «Status» { approved, reversed, declined }"), ("E0502", "enum «@» { }"), ("E0202", "enum @ { a, b, «a» }"), ("E0109", "«strema» @ from kafka(\"t\")"),
    ("E0204", "features @ per card from «txx» { a = count() over 1h }"), ("E0308", "features @ per «crad» from tx { a = count() over 1h }"),
    ("E0308", "features @ per «device» from tx { a = count() over 1h }"), ("E0202", "features «g» per card from tx { a = count() over 1h }"),
    ("E0214", "features @ per card from tx where «this.n» > 1 { a = count() over 1h }"), ("E0221", "features @ per card from tx join back { a = sum(«amount») over 1h }"),
    ("E0204", "vector @ on «nowhere» { b = 1 }"), ("E0502", "vector «@» on tx { }", "alone"), ("E0503", "score «@» on tx using model \"m\" { to kafka(\"s\") }"),
    ("E0503", "score «@» on tx using model \"m\" { input v }"), ("E0505", "score @ on tx using model \"m\" { input «w»  to kafka(\"s\") }"),
    ("E0504", "score @ on back using model \"m\" { input «v»  to kafka(\"s\") }"), ("E0503", "score @ on tx using model \"m\" { input v to kafka(\"s\") «decide { a when score > 0.5 }» }"),
    ("E0505", "label «w».y = any(tx) within 1d"), ("E0601", "test \"@\" { at tx { card: «5» } }"), ("E0205", "test \"@\" { at tx { «zip»: 5 } }"),
    ("E0602", "test \"@\" { «expect g.good = 1» }"), ("E0204", "test \"@\" { at «txx» { card: \"a\" } }"), ("E0206", "test \"@\" { at tx { card: \"a\" } expect «g.zero» = 1 }"),
]


def line_of(rng, template, number, tab):
    text = template.replace("@", f"k_{number}")
    return rng.choice(["\t", "  ", "    "] if tab else [""]) + text


def make(rng):
    """Text and the errors that it must give: (line, column, code, length of the carets)."""
    streams, features, columns = [], [], []
    for kind, good, chosen in ((STREAMS, ["// a comment"], streams), (FEATURES, GOOD_FEATURES, features), (COLUMNS, GOOD_COLUMNS, columns)):
        for mistake in rng.sample(kind, rng.randrange(0, 8)):
            if len(mistake) < 3: chosen.append(mistake)
        chosen.extend((None, g) for g in rng.choices(good, k=rng.randrange(0, 4)))
        rng.shuffle(chosen)
    lines = [("", "package t"), ("", 'stream tx from kafka("tx") avro("pay.Tx") { time ts  id id  observed by card, merchant }'),
             ("", 'stream back from kafka("back") avro("pay.Back") { time at  observed by card }'), ("", "features shop per merchant from tx { n = count() over 1h }")]
    lines += [("features", "features g per card from tx {"), ("", "  let paid = amount > 0.00"), ("", "  good = count() over 1h"), ("", "  family = count() over 1h, 2h")]
    lines += [(code, t, True) for code, t in features] + [("", "}"), ("", "vector v on tx {"), ("", "  g.good")] + [(code, t, True) for code, t in columns] + [("", "}")]
    lines += [(code, t, False) for code, t in streams]
    text, wanted, number = "", [], 0
    for place, line in enumerate(lines, 1):
        number += 1
        shown = line_of(rng, line[1], number, len(line) > 2 and line[2])
        at = re.search("«(.*)»", shown)
        if at: wanted.append((place, len(shown[:at.start()].encode()) + 1, line[0], len(at.group(1))))
        text += shown.replace("«", "").replace("»", "") + "\n"
    return text, sorted(wanted)


def printed(stderr):
    found = re.findall(r"error\[(E\d+)\].*\n +--> [^:]+:(\d+):(\d+)\n(?: *\d+ \|.*\n +\| *\t*[ \t]*(\^+))?", stderr)
    return sorted((int(line), int(column), code, len(carets)) for code, line, column, carets in found)


def run_seed(weir, seed, folder):
    rng = random.Random(seed)
    text, wanted = make(rng)
    if rng.random() < 0.2: text = text.replace("\n", "\r\n")
    if rng.random() < 0.2: text = "\ufeff" + text
    (folder / "schemas").mkdir(parents=True, exist_ok=True)
    for name, schema in SCHEMAS.items(): (folder / "schemas" / name).write_text(schema)
    (folder / "t.weir").write_bytes(text.encode())
    done = subprocess.run([weir, "-C", folder, "check"], capture_output=True, text=True)
    if done.returncode != (65 if wanted else 0): return len(wanted), [f"exit {done.returncode}\n{done.stderr}"]
    got = printed(done.stderr)
    if text.startswith("\ufeff"): got = [(line, column - 3 * (line == 1), *rest) for line, column, *rest in got]
    if len(wanted) > 20: return 20, [] if len(got) == 20 and not set(got) - set(wanted) else [f"more than twenty: {sorted(set(got) - set(wanted))}\n{text}"]
    wrong = [f"not said: {one}  {text.splitlines()[one[0] - 1]}" for one in wanted if one not in got]
    wrong += [f"said: {one}  {text.splitlines()[one[0] - 1]}" for one in got if one not in wanted]
    return len(wanted), wrong


if __name__ == "__main__":
    sys.exit(seeds.run(__doc__, run_seed, first=[1, 60], least=5, compared="mistakes found at their places"))
