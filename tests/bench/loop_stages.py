#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""loop_stages.py BUILD PERF_DATA: a worker's samples by stage of the loop.

A sample belongs to the stage of the innermost function on its stack whose source file is in the table below; shared helpers
(buffers, expressions, values) count for whom they work. librdkafka's own threads are stages of their own.
"""
import collections
import pathlib
import subprocess
import sys

STAGES = {
    "consume": ["kafka_consumer.c"],
    "observe": ["observe.c", "decoders.c", "dead_letter.c"],
    "fold": ["fold.c", "lane.c", "state_table.c", "slices.c", "shard_record.c", "epochs.c"],
    "score": ["scorer.c", "binding.c"],
    "hop": ["journal.c", "packer.c"],
    "produce": ["kafka_producer.c", "member_send.c"],
    "commit": ["member_commit.c"],
    "turns": ["member_turn.c", "member.c", "member_nodes.c", "marks.c", "board.c", "driver.c"],
}


def functions(build):
    """Function name -> stage, from the symbols of the static libraries."""
    stage_of_file = {file: stage for stage, files in STAGES.items() for file in files}
    found = {}
    for archive in pathlib.Path(build).glob("*/lib*.a"):
        out = subprocess.run(["nm", "-A", archive], capture_output=True, text=True, check=True).stdout
        for line in out.splitlines():
            words = line.split()
            if len(words) < 3 or words[-2] not in "tT":
                continue
            file = words[0].split(":")[1].removesuffix(".o")
            if file in stage_of_file:
                found[words[-1].split(".")[0]] = stage_of_file[file]
            elif "/compute/" in str(archive):
                found.setdefault(words[-1].split(".")[0], None)
    return found


def samples(data):
    """(thread, [function names, innermost first]) of each sample."""
    run = subprocess.Popen(["perf", "script", "-i", data, "-F", "comm,ip,sym"],
                           stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    thread, stack = None, []
    for line in run.stdout:
        if not line.strip():
            if thread is not None:
                yield thread, stack
            thread, stack = None, []
        elif thread is None:
            thread = line.strip()
        else:
            words = line.split()
            stack.append(words[1].split("+")[0].split(".")[0] if len(words) > 1 else "?")
    if thread is not None:
        yield thread, stack


def main():
    build, data = sys.argv[1:3]
    stage_of = functions(build)
    count, leaves = collections.Counter(), collections.defaultdict(collections.Counter)
    for thread, stack in samples(data):
        stage = next((stage_of[name] for name in stack if stage_of.get(name)), None)
        if stage is None:
            stage = "librdkafka_threads" if thread.startswith("rdk:") else "other"
        count[stage] += 1
        leaves[stage][stack[0] if stack else "?"] += 1
    total = sum(count.values())
    print(f"stage_samples {total}")
    for stage, n in count.most_common():
        print(f"stage_share {stage} {n / total:.3f}  # " + ", ".join(f"{f} {c / total:.3f}" for f, c in leaves[stage].most_common(5)))


main()
