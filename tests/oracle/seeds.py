# SPDX-License-Identifier: Apache-2.0
"""What the random tests share: their options, a folder for each seed, and the verdict."""
import argparse
import pathlib
import tempfile


def run(doc, run_seed, first, least, compared="values compared", events=None, shown=6):
    """`run_seed(weir, seed, folder)`, or with `events` `run_seed(weir, seed, count, folder)`, gives how much it compared and what was wrong.

    `first`: the seeds without --seeds. Fewer than `least` comparisons a seed are a failure, too.
    """
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weir")
    parser.add_argument("--seeds", nargs=2, type=int, default=first, metavar=("FIRST", "COUNT"))
    if events is not None:
        parser.add_argument("--events", type=int, default=events)
    parser.add_argument("--keep", help="leave the projects in this folder")
    chosen = parser.parse_args()
    weir, (begin, count) = str(pathlib.Path(chosen.weir).resolve()), chosen.seeds
    arguments = [] if events is None else [chosen.events]
    total = failed = 0
    for seed in range(begin, begin + count):
        with tempfile.TemporaryDirectory() as temporary:
            folder = pathlib.Path(chosen.keep) / str(seed) if chosen.keep else pathlib.Path(temporary)
            done, wrong = run_seed(weir, seed, *arguments, folder)
        total += done
        if wrong:
            failed += 1
            print(f"seed {seed}: {len(wrong)} differ\n  " + "\n  ".join(wrong[:shown]))
    print(f"{count} seeds, {total} {compared}, {failed} seeds failed")
    return 1 if failed or total < least * count else 0
