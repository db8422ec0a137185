#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Definitions laid out at random, with a comment between any two words: `weir fmt` keeps each comment and the meaning, and is stable.

    random_format.py WEIR [--seeds FIRST COUNT]

The words of the text below, which has every form that runs, are joined again by blanks, tabs, line ends and
comments. After `weir fmt` every comment stands there once, the other words are the same but for the brackets and commas that the layout
sets, the canonical hashes are the same, and a second `weir fmt` changes nothing.
"""
import argparse, pathlib, random, re, shutil, subprocess, sys, tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
TEXT = """package card.velocity
enum Status { approved, declined, reversed }
/// the stream
stream tx from kafka("tx") avro("pay.Tx") { time ts id id observed by card, (card, merchant), merchant late 30d future 5m expect amount >= 0.00 expect n != 3 or not (ok and has x) }
stream back from kafka("back") avro("pay.Refund") { time at id case_id observed by card }
/// a group
features g per card from tx join back where amount ?? 1.00 > 0.50 and (status == approved or not ok) {
  let paid = status == approved and (n ?? 0) > -3
  a = count() where paid over 1m, 24h, ever, last 3 delayed 5m
  /// the sum
  b = sum(tx.amount * 2) where paid and merchant == "m" over 1h, 1d step 1m including this
  c = (a[1m] + a[ever]) / (a[24h] - 1) * -2 ?? 0.5
  d = if c > 1.0 then b[1h] else if has b[1d] then 2.00 else -(b[1h])
  e = quantile(x, 0.95) over 7d
  f = smooth(a[1m], a[24h], prior 0.02, weight 200)
  h = max(hours(1h), min(c, 2%, 1.5e-3))
  i = hour(this.at, "Europe/Prague") == 3
}
features m per card, merchant from tx { n = count() over 1h  k = count() where g.a[1m] > 1 over 1h }
vector w on tx { m.* this.amount }
vector v on back { g.{a, b} let z = g.c zz = g.a[1m] + 1  fast = g.b  big = z > 1.0 and not false  this.amount }
score s on back using model "m.onnx" { input v to kafka("scores") avro("weir.Score") reasons 3 decide { block when score > 0.5 review when g.c > 1.0 else pass } fallback if g.c > 1.0 then 0.9 else 0.1 }
test "one \\"two\\"" { given tx { card: "a\\n", amount: -1.00, ts: 12:00:00.5, place: {lat: 1.0, lon: -2.0} } at back { case_id: "x", at: "2026-01-01T00:00:00Z", card: null } expect g.a[last 3] = 1 expect g.c = null }
"""
WORD = re.compile(r'"(?:\\.|[^"\\\n])*"|\d\d:\d\d:\d\d(?:\.\d+)?|\d+(?:\.\d+)?(?:[eE][+-]?\d+)?(?:[a-z]+)?%?|\w+|==|!=|<=|>=|\?\?|[^\s\w]')


def words_of(text):
    return WORD.findall(re.sub(r"//[^\n]*", "", text))


def plain(words):
    """What the layout may set by itself is left out: brackets of `if` and `??`, and the order of clauses."""
    return sorted(w for w in words if w not in "()")


def lay_out(rng, words, dense):
    text, comments = "", []
    for i, word in enumerate(words):
        text += word
        if i + 1 == len(words): break
        if rng.random() < dense:
            comment = f"{rng.choice(['//', '//', '// ', '///', '////'])} c{len(comments)} {rng.choice(['', 'over 1h }', 'é {', 'let x = 1'])}".rstrip()
            comments.append(comment)
            text += rng.choice([" ", "\n", "\n\n", "\t"]) + comment + rng.choice(["\n", "\n\n\n", "\r\n"])
        else:
            joined = re.match(r"\w", words[i + 1]) or words[i + 1][0] in '"/=<>!?.' or word[-1] in "=<>!?/-."
            if word in ("{", "}") or joined or rng.random() < 0.5: text += rng.choice([" ", " ", "  ", "\n", "\t", "\n\n"])
    return text + rng.choice(["", "\n", "\n\n\n"]), comments


def run(weir, folder, *words):
    return subprocess.run([weir, "-C", folder, *words], capture_output=True, text=True)


def run_seed(weir, seed, folder):
    rng = random.Random(seed)
    shutil.copytree(ROOT / "tests" / "golden" / "schemas", folder / "schemas")
    words = words_of(TEXT)
    (folder / "t.weir").write_text(" ".join(words))
    before = run(weir, folder, "explain", "--canonical")
    if before.returncode != 0: return f"the text itself is wrong: {before.stderr}"
    text, comments = lay_out(rng, words, rng.choice([0.0, 0.02, 0.2, 0.7]))
    (folder / "t.weir").write_text(text)
    done = run(weir, folder, "fmt", "-q")
    if done.returncode != 0: return f"fmt: exit {done.returncode} {done.stderr}\n{text}"
    once = (folder / "t.weir").read_text()
    kept = [c.strip() for c in re.findall(r"//+ *c\d+[^\n]*", once)]
    spelt = lambda c: re.sub(r"^(/+) *", r"\1 ", c)
    if sorted(map(spelt, kept)) != sorted(map(spelt, comments)):
        return f"comments lost {set(map(spelt, comments)) - set(map(spelt, kept))}, made {set(map(spelt, kept)) - set(map(spelt, comments))}\n{text}\n--- became\n{once}"
    if plain(words_of(once)) != plain(words): return f"words differ\n{text}\n--- became\n{once}"
    if run(weir, folder, "explain", "--canonical").stdout != before.stdout: return f"another meaning\n{text}\n--- became\n{once}"
    run(weir, folder, "fmt", "-q")
    twice = (folder / "t.weir").read_text()
    if twice != once: return f"not stable\n{once}\n--- became\n{twice}"
    if run(weir, folder, "fmt", "--check").returncode != 0: return "fmt --check says no to what fmt wrote"
    return None


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("weir")
    arguments.add_argument("--seeds", nargs=2, type=int, default=[1, 40])
    chosen = arguments.parse_args()
    weir, failed = str(pathlib.Path(chosen.weir).resolve()), 0
    for seed in range(chosen.seeds[0], chosen.seeds[0] + chosen.seeds[1]):
        with tempfile.TemporaryDirectory() as temporary: problem = run_seed(weir, seed, pathlib.Path(temporary))
        failed += problem is not None
        if problem: print(f"seed {seed}: {problem}")
    print(f"{chosen.seeds[1]} seeds, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
