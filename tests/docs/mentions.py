#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Commands, options and settings of `weir` that pages name in code exist.

    mentions.py PAGE.md...

Pages that show whole sessions are run (run.py); this is for the rest, runbooks above all: `weir rebuild --shard TOPIC/PARTITION`. The section
"What does not work yet" may name what is to come.
"""
import os, re, subprocess, sys

PROGRAM = os.environ["WEIR_TEST_PROGRAM"]


def ask(*words):
    return subprocess.run([PROGRAM, *words], stdout=subprocess.PIPE, text=True, check=True).stdout


COMMANDS = set(re.findall(r"^  ([a-z]+) ", ask("help").split("\nEverywhere:")[0], re.M))
SETTINGS = set(re.findall(r"^\| `([a-z_.]+)`", ask("settings", "--reference"), re.M))
options = {}


def has_option(command, option):
    if command not in options:
        options[command] = set(re.findall(r"(?<![\w-])-{1,2}[a-zA-Z][\w-]*", ask("help", command)))
    return option in options[command]


def spans(text):
    """Yields (line number, code) of inline code and of indented lines and fences, but for what run.py runs."""
    fence, is_to_come = None, False
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("## "):
            is_to_come = line == "## What does not work yet"
        if line.startswith("```"):
            fence = line[3:] if fence is None else None
        elif is_to_come or fence == "console":
            continue
        elif fence is not None or line.startswith("    "):
            yield number, line
        else:
            yield from ((number, span) for span in re.findall(r"`([^`]+)`", line))


def faults(code):
    # What one call of weir says, up to where another program's words begin.
    for call in re.findall(r"(?:^|[|&;(] ?|\$ )weir(?: -C \S+)? ([a-z]+)((?: [^|&;)#>]*)?)", code.strip()):
        command, rest = call
        if command not in COMMANDS:
            yield f"there is no `weir {command}`"
            continue
        for option in re.findall(r"(?<=\s)(--[a-z][a-z-]*|-[a-zA-Z])(?=[\s=]|$)", rest):
            if not has_option(command, option):
                yield f"`weir {command}` has no {option}"
        for setting in re.findall(r"--set ([a-z_.]+)=", rest):
            if setting not in SETTINGS:
                yield f"there is no setting {setting}"


def main():
    found, count = [], 0
    for page in sys.argv[1:]:
        with open(page, encoding="utf-8") as file:
            for number, code in spans(file.read()):
                count += "weir " in code
                found += [f"{page}:{number}: {what}" for what in faults(code)]
    print("\n".join(found) if found else f"{len(sys.argv) - 1} pages, {count} mentions of weir")
    sys.exit(1 if found else 0)


main()
