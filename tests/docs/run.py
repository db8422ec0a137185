#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the commands of a page and compares what they print with what the page says.

    run.py PAGE.md

In a fence ```console a line that begins with `$ ` is a command (`> ` continues it), what follows is its output; the commands of a page
run in one shell session each, in one folder, in order. `...` in an output line stands for any text, alone on a line for any lines;
numbers that follow `~` may be any. No output shown: any is fine. A command that exits with another code than 0 says so behind it:
`# exit 65`. Fences of other languages are not run. Comments in the page direct the test:

    <!-- test: kafka -->         a real Kafka is started; WEIR_BROKERS names it
    <!-- test: broker -->        the same with the embedded broker
    <!-- test: registry -->      the same for WEIR_REGISTRY_URL
    <!-- test: copy docs/examples/card-fraud -->   the folder is copied to where the commands run
    <!-- test: not run, because ... -->            the next fence is left out
    <!-- test: run `command` -->                   run here, unseen by readers (set-up and clearing away)
"""
import os, re, shutil, subprocess, sys, tempfile, time

ROOT = os.environ["WEIR_TEST_ROOT"]
PROGRAM = os.environ["WEIR_TEST_PROGRAM"]


def steps(text):
    """Yields ("do", directive) and ("run", command, output lines, exit code) in the order of the page."""
    fence, lines, skip = None, [], False
    for line in text.splitlines():
        if fence is None:
            for directive in re.findall(r"<!-- test: (.*?) -->", line):
                if directive.startswith("not run"):
                    skip = True
                else:
                    yield ("do", directive)
        match = re.match(r"```(\w*)", line)
        if match and fence is None:
            fence, lines = match[1] or "none", []
        elif line.startswith("```"):
            if fence == "console" and not skip:
                yield from commands(lines)
            fence, skip = None, False
        elif fence is not None:
            lines.append(line)


def commands(lines):
    command, output = None, []
    for line in lines + ["$ "]:
        if line.startswith("> ") and command is not None and not output:
            command += "\n" + line[2:]
        elif line.startswith("$ "):
            if command is not None:
                match = re.search(r"\s+# exit (\d+)$", command)
                yield ("run", command[:match.start()] if match else command, output, int(match[1]) if match else 0)
            command, output = line[2:], []
        elif command is not None:
            output.append(line)


def pattern(lines):
    out = []
    for line in lines:
        if line.strip() == "...":
            out.append(r"(?:.*\n)*?")
            continue
        quoted = re.escape(line.rstrip()).replace(r"\.\.\.", ".*")
        out.append(re.sub(r"\\~[\d.,]+", r"~?[\\d.,]+", quoted) + r"[ ]*\n")
    return re.compile("".join(out) + r"\s*\Z")


class Session:
    def __init__(self, work):
        self.work, self.servers, self.broker = work, [], None
        self.env = dict(os.environ, PATH=os.path.dirname(PROGRAM) + ":" + os.environ["PATH"], NO_COLOR="1", TERM="dumb",
                        LC_ALL="C.UTF-8")

    def do(self, directive):
        words = directive.split()
        if words[0] in ("kafka", "registry"):
            self.start(words[0])
        elif words[0] == "broker":
            self.embed()
        elif words[0] == "copy":
            shutil.copytree(os.path.join(ROOT, words[1]), os.path.join(self.work, os.path.basename(words[1])))
        elif words[0] == "run":
            self.run(directive.split("`")[1], [], 0)
        else:
            sys.exit(f"unknown directive: {directive}")

    def start(self, name):
        folder = os.path.join(self.work, "." + name)
        done = subprocess.run([os.path.join(ROOT, "ops/tools", name), "start", folder, "--owner", str(os.getpid())],
                              stdout=subprocess.PIPE, text=True)
        if done.returncode != 0:
            print(f"skipped: {name} does not start")
            sys.exit(1 if os.environ.get("WEIR_TEST_REQUIRE") else 77)
        self.servers.append((name, folder))
        self.env[{"kafka": "WEIR_BROKERS", "registry": "WEIR_REGISTRY_URL"}[name]] = done.stdout.strip()

    def embed(self):
        address = os.path.join(self.work, ".broker")
        self.broker = subprocess.Popen([PROGRAM, "-q", "broker", "--address-file", address], stdout=subprocess.DEVNULL)
        while not (os.path.exists(address) and os.path.getsize(address)):
            if self.broker.poll() is not None:
                sys.exit("the embedded broker does not start")
            time.sleep(0.05)
        with open(address, encoding="utf-8") as file:
            self.env["WEIR_BROKERS"] = file.read().strip()

    def run(self, command, want, code):
        # The folder is kept from one command to the next, as in a reader's shell.
        script = command + f"\nstatus=$?; pwd > {self.work}/.pwd; exit $status"
        done = subprocess.run(["bash", "-c", script], cwd=self.here(), env=self.env, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL,
                              stderr=subprocess.STDOUT, text=True, timeout=280)
        if done.returncode != code:
            sys.exit(f"$ {command}\n{done.stdout}exit {done.returncode}, the page says {code}")
        if want and not pattern(want).match(done.stdout.rstrip() + "\n"):
            sys.exit(f"$ {command}\nprints\n{done.stdout}\nthe page says\n" + "\n".join(want))

    def here(self):
        try:
            with open(self.work + "/.pwd") as file:
                return file.read().strip()
        except FileNotFoundError:
            return self.work

    def stop(self):
        for name, folder in self.servers:
            subprocess.run([os.path.join(ROOT, "ops/tools", name), "stop", folder])
        if self.broker is not None:
            self.broker.terminate()
            self.broker.wait()


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        plan = list(steps(file.read()))
    count = 0
    with tempfile.TemporaryDirectory(prefix="weir-docs-") as work:
        session = Session(work)
        try:
            for step in plan:
                if step[0] == "do":
                    session.do(step[1])
                else:
                    session.run(*step[1:])
                    count += 1
        finally:
            session.stop()
    print(f"{sys.argv[1]}: {count} commands do what the page says")


main()
