# SPDX-License-Identifier: Apache-2.0
"""The lab: each folder beside this file is a program with one thing wrong, or nothing, and an
answer.json that says what. Runs them, asks whyoom, compares.

answer.json: `cause` (the rule that has to be the verdict, or a list), `function` and, in the
source, the comment "// guilty" at the line that has to be named; `healthy` instead of a cause;
`not`: functions that must not be accused; `undetermined`: that it says so is as good; `number`: the row
of the list of causes; `how`:

  live   (default) whyoom why PID --for `for` (default 4s)
  once   whyoom why PID
  kill   the program runs in a cgroup of `limit_mib` under `whyoom watch` until it is killed

`above_mib`: the limit is that of a cgroup above its own, and beside it runs the same program with
the argument "beside", which the kernel would kill later.

The folders of five/ are the incidents that whyoom was made for, services with real libraries. Each has
`variants` (fast, slow); the load comes from a process of its own (`load`: how fast), and what has to be
there before (`before`) as well. Those of libraries/ share one go.mod, with libraries of third parties.
Any program may have `variants`: name and what differs, `args` as a rule.

`scratch`: a folder that the program leaves behind, which is removed.

`cgroup`: 2 where it is to be seen on cgroup v2 only: `./dev vmtest` plays those, in a guest.

`mark`: what somebody notes on the timeline (`whyoom mark`) two seconds before it begins; `timeline`,
`proof`: patterns, each of which a line of the verdict's timeline, of its proof, has to match.

`env`, `args`, `warm` (seconds before the first look), `module` (a folder with a go.mod of its own:
third-party libraries), `cgo`, `flags` (for go build), `short`: part of the ordinary tests.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
OUT = ROOT / "build-targets" / "incidents"
sys.path.insert(0, str(ROOT / "tests" / "e2e"))

from harness import MIB, WHYOOM, MemoryCgroup, end  # noqa: E402

VERSION = "1.26.8"


@dataclass
class Case:
    name: str
    answer: dict
    folder: Path

    def get(self, key, default=None):
        return self.answer.get(key, default)

    @property
    def causes(self):
        cause = self.get("cause", [])
        return [cause] if isinstance(cause, str) else cause

    @property
    def functions(self):
        function = self.get("function", [])
        return [function] if isinstance(function, str) else function

    @property
    def own_module(self):
        """The folder of its go.mod where that is not the one of all."""
        return next((folder for folder in (self.folder, self.folder.parent)
                     if folder != HERE and (folder / "go.mod").exists()), None)

    def markers(self):
        """{(file name, line)} of the comments "// guilty"."""
        return {(path.name, number) for path in self.folder.glob("*.go")
                for number, line in enumerate(path.read_text().splitlines(), 1)
                if re.search(r"//\s*guilty\b", line)}


def variants(path):
    answer = json.loads(path.read_text())
    for variant, more in answer.pop("variants", {"": {}}).items():
        name = f"{path.parent.name}-{variant}" if variant else path.parent.name
        yield Case(name, answer | more, path.parent)


def cases():
    return [case for pattern in ("five/*/answer.json", "*/answer.json",
                                    "libraries/*/answer.json")
            for path in sorted(HERE.glob(pattern)) for case in variants(path)]


def go_of(version):
    return subprocess.run([ROOT / "tools/go-toolchain", version], check=True, text=True,
                          stdout=subprocess.PIPE).stdout.strip()


def newest_source(folder):
    files = [*folder.rglob("*"), *(HERE / "internal").rglob("*")]
    return max(path.stat().st_mtime for path in files if path.is_file())


def environment(case):
    """For go build."""
    env = {**os.environ, "GOENV": "off", "GOTOOLCHAIN": "local", "GOFLAGS": "", "GOWORK": "off",
           "GO111MODULE": "on", "CGO_ENABLED": "1" if case.get("cgo") else "0"}
    if os.environ.get("WHYOOM_CACHE"):
        env |= {"GOMODCACHE": os.environ["WHYOOM_CACHE"] + "/mod",
                "GOCACHE": os.environ["WHYOOM_CACHE"] + "/build"}
    return env


def module_of(case, version):
    """For a Go older than the module says: a go.mod that says less, as flags."""
    text = (HERE / "go.mod").read_text()
    minor = int(version.split(".")[1])
    if case.own_module or minor >= int(re.search(r"^go 1\.(\d+)", text, re.M)[1]):
        return []
    path = OUT / f"go{version}.mod"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(re.sub(r"^go .*", f"go 1.{minor}", text, flags=re.M))
    return [f"-modfile={path}"]


def build(case, version=VERSION, stripped=False):
    """The program of a case, built when it is not or is older than its source."""
    path = OUT / f"go{version}{'-stripped' if stripped else ''}" / case.folder.name
    if path.exists() and path.stat().st_mtime > newest_source(case.folder):
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    command = [go_of(version), "build", *case.get("flags", []), "-o", str(path),
               *module_of(case, version)]
    if int(version.split(".")[1]) >= 18:
        command.append("-buildvcs=false")
    if stripped:
        command.append("-ldflags=-s -w")
    subprocess.run([*command, "." if case.own_module else f"./{case.folder.name}"],
                   cwd=case.folder if case.own_module else HERE, env=environment(case), check=True)
    return path


class Program:
    """A program of the lab that runs."""

    def __init__(self, path, case, group=None):
        command = [str(path), *map(str, case.get("args", []))]
        if group:
            command = group.command(command)
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True, cwd=case.folder,
                                        env={**os.environ, **case.get("env", {})})
        line = self.process.stdout.readline()
        if not re.fullmatch(r"ready \d+\n", line):
            self.stop()
            raise RuntimeError(f"{case.name} said {line!r}")
        self.pid = int(line.split()[1])

    def go(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def stop(self):
        end(self.process)
        for pipe in (self.process.stdin, self.process.stdout):
            try:
                pipe.close()
            except BrokenPipeError:
                pass


class Beside:
    """The neighbour of a program, below the same limit."""

    def __init__(self, path, case, above):
        self.group = MemoryCgroup(f"{above.path.name}/beside", None)
        self.program = Program(path, Case(case.name, case.answer | {"args": ["beside"]}, case.folder),
                               self.group)

    def stop(self):
        self.program.stop()
        self.group.close()


class Part:
    """One process of a service: the service, its load, what it needs."""

    def __init__(self, command, folder, env=None):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL, text=True, cwd=folder, env=env)
        self.address = ""
        for line in self.process.stdout:
            if line.startswith("listening "):
                self.address = line.split()[1]
            if line.startswith("ready "):
                self.pid = int(line.split()[1])
                return
        raise RuntimeError(f"{command[0]} ended at once")

    def stop(self):
        end(self.process)
        self.process.stdin.close()
        self.process.stdout.close()


class Service:
    """A service of five/, with its load; as a Program."""

    def __init__(self, path, case, group=None):
        self.path, self.case = str(path), case
        self.folder = tempfile.TemporaryDirectory(prefix="whyoom-lab-")
        self.parts = []
        serve = [self.path, "serve", *map(str, case.get("args", []))]
        if case.get("before"):
            serve.append(self.add([self.path, case.get("before")]).address)
        self.service = self.add(group.command(serve) if group else serve, case.get("env", {}))
        self.process, self.pid = self.service.process, self.service.pid

    def add(self, command, env=()):
        part = Part(command, self.folder.name, {**os.environ, **dict(env)})
        self.parts.append(part)
        return part

    def go(self):
        self.add([self.path, "load", self.service.address, self.case.get("load")])

    def stop(self):
        for part in reversed(self.parts):
            part.stop()
        self.folder.cleanup()


@dataclass
class Result:
    case: Case
    report: dict = field(default_factory=dict)
    error: str = ""
    seconds: float = 0

    @property
    def verdict(self):
        return self.report.get("verdict", {})

    @property
    def rule(self):
        return self.verdict.get("rule", "")

    @property
    def status(self):
        return self.verdict.get("status", "")

    @property
    def cause_right(self):
        if self.case.get("healthy") and not self.rightly_undetermined:
            return self.status == "healthy" and self.rule in (self.case.causes or [self.rule])
        return self.rightly_undetermined or (
            self.status == "cause" and self.rule in self.case.causes)

    @property
    def function_right(self):
        """None where there is none to be seen."""
        if not self.case.functions or self.rightly_undetermined:
            return None
        return (base_function(self.verdict.get("guilty", {}).get("function", "")) in
                self.case.functions)

    @property
    def line_right(self):
        markers = self.case.markers()
        if not markers or self.rightly_undetermined:
            return None
        guilty = self.verdict.get("guilty", {})
        return (Path(guilty.get("file", "")).name, guilty.get("line")) in markers

    @property
    def words_right(self):
        return all(any(re.search(pattern, line) for line in self.verdict.get(key, []))
                   for asked, key in (("timeline", "timeline"), ("proof", "evidence"))
                   for pattern in self.case.get(asked, []))

    @property
    def accused_wrongly(self):
        """A healthy one that is said to have a cause, or one that must not be blamed."""
        if self.status != "cause":
            return False
        guilty = base_function(self.verdict.get("guilty", {}).get("function", ""))
        blamed = any(guilty.endswith(name) for name in self.case.get("not", []))
        return bool(self.case.get("healthy")) or blamed

    @property
    def undetermined(self):
        return not self.verdict.get("determined", False)

    @property
    def rightly_undetermined(self):
        return self.undetermined and bool(self.case.get("undetermined"))

    @property
    def right(self):
        return (self.cause_right and self.function_right is not False and
                self.line_right is not False and self.words_right and
                not self.accused_wrongly)


def base_function(name):
    """main.ask of main.ask.func1.2, main.ask.gowrap1"""
    return re.sub(r"(\.(func|gowrap|deferwrap)?\d+)+(-range\d+)?$", "", name)


def run_whyoom(*arguments, seconds=120):
    result = subprocess.run([str(WHYOOM), *map(str, arguments)], stdin=subprocess.DEVNULL,
                            capture_output=True, text=True, timeout=seconds)
    if "Sanitizer" in result.stderr or "runtime error:" in result.stderr:
        raise RuntimeError(result.stderr)
    return result


def look(case, program, result):
    program.go()
    time.sleep(case.get("warm", 2))
    arguments = ["why", program.pid, "--json"]
    if case.get("how", "live") == "live":
        arguments += ["--for", case.get("for", "4s")]
    answer = run_whyoom(*arguments)
    if answer.returncode:
        raise RuntimeError(answer.stderr)
    result.report = json.loads(answer.stdout)


def note(case, database):
    if not case.get("mark"):
        return
    marked = run_whyoom("mark", case.get("mark"), "--db", database)
    if marked.returncode:
        raise RuntimeError(marked.stderr)
    time.sleep(2)


def watch_it_die(case, program, result, folder):
    database = f"{folder}/whyoom.db"
    hold = [] if case.get("above_mib") else ["--hold"]  # that limit is not the program's own
    watch = subprocess.Popen([str(WHYOOM), "watch", "--pid", str(program.pid), *hold, "--json",
                              "--out", folder, "--db", database], stdin=subprocess.DEVNULL,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        time.sleep(case.get("warm", 1))
        note(case, database)
        program.go()
        program.process.wait(timeout=case.get("timeout", 180))
        died = time.monotonic()
        out, err = watch.communicate(timeout=30)
        result.seconds = time.monotonic() - died
    finally:
        end(watch)
    found = sorted(Path(folder).glob("incident-*/report.json"))
    if not found:
        raise RuntimeError(f"no incident: {out} {err}")
    result.report = json.loads(found[-1].read_text())


def groups_of(case):
    """The cgroup of the program, and the one above it that has the limit."""
    name = f"whyoom-lab-{os.getpid()}"
    if case.get("above_mib"):
        above = MemoryCgroup(name, case.get("above_mib") * MIB)
        above.write("memory.use_hierarchy", 1)
        return MemoryCgroup(f"{name}/own", None), above
    if case.get("limit_mib"):
        return MemoryCgroup(name, case.get("limit_mib") * MIB), None
    return None, None


def run(case, version=VERSION, stripped=False, keep=None, look=look):
    """`keep`: a folder for the incident of a kill, which stays there. `look`: how to look at one that
    lives."""
    result = Result(case)
    group = above = beside = program = None
    try:
        path = build(case, version, stripped)
        group, above = groups_of(case)
        if above:
            beside = Beside(path, case, above)
        program = (Service if case.get("load") else Program)(path, case, group)
        if beside:
            Path(f"/proc/{program.pid}/oom_score_adj").write_text("900")
            beside.program.go()
        if case.get("how") == "kill" and keep:
            watch_it_die(case, program, result, keep)
        elif case.get("how") == "kill":
            with tempfile.TemporaryDirectory(prefix="whyoom-lab-") as folder:
                os.chmod(folder, 0o777)
                watch_it_die(case, program, result, folder)
        else:
            look(case, program, result)
    except (RuntimeError, OSError, subprocess.SubprocessError, ValueError) as error:
        result.error = f"{type(error).__name__}: {error}"
    finally:
        for each in (program, beside):
            if each:
                each.stop()
        for each in (group, above):
            if each:
                each.close()
        if case.get("scratch"):
            shutil.rmtree(case.get("scratch"), ignore_errors=True)
    return result


def mark(value):
    return {True: "yes", False: "NO", None: "-"}[value]


def line_of(result):
    said = result.rule or result.status or result.error.replace("\n", " ")[:60]
    return (f"| {result.case.name:24} | {mark(result.cause_right):5} | "
            f"{mark(result.function_right):8} | {mark(result.line_right):4} | "
            f"{'YES' if result.accused_wrongly else 'no':7} | "
            f"{f'{result.seconds:.1f} s' if result.seconds else '-':7} | {said} |")


def has_cgroup_v2():
    controllers = Path("/sys/fs/cgroup/cgroup.controllers")
    return controllers.exists() and "memory" in controllers.read_text().split()


def is_chosen(case, options):
    of_five = case.folder.parent.name == "five"
    return (not options.names or case.name in options.names) and (of_five or not options.five)


def can_run(case):
    """Says so of a case that this machine cannot run."""
    if case.get("cgroup") != 2 or has_cgroup_v2():
        return True
    print(f"| {case.name:24} | NOT RUN: needs cgroup v2; ./dev vmtest plays it in a guest |")
    return False


def run_one(case, version, options, show=True):
    result = run(case, version, options.stripped)
    if show:
        print(line_of(result), flush=True)
    if options.verbose and not result.right:
        print(version, case.name, json.dumps(
            {key: result.verdict.get(key) for key in ("sentence", "confidence", "steps", "timeline",
                                                      "evidence", "rejected")}, indent=2),
            result.error)
    return result


def share(results, right):
    asked = [right(result) for result in results if right(result) is not None]
    return f"{sum(asked)} of {len(asked)}"


def run_versions(chosen, options):
    """A line for each version of Go: of how many cases cause, function and line are right."""
    everything = []
    print("| Go        | form     | cause    | function | line     | accused | misses |")
    print("|---|---|---|---|---|---|---|")
    for version in options.version:
        results = [run_one(case, version, options, show=False) for case in chosen
                   if can_run(case)]
        everything += results
        misses = ", ".join(f"{r.case.name} ({r.rule or r.error[:40] or 'not determined'})"
                           for r in results if not r.right)
        print(f"| {version:9} | {'stripped' if options.stripped else 'plain':8} | "
              f"{share(results, lambda r: r.cause_right):8} | "
              f"{share(results, lambda r: r.function_right):8} | "
              f"{share(results, lambda r: r.line_right):8} | "
              f"{sum(r.accused_wrongly for r in results):7} | {misses} |", flush=True)
    return everything


def main():
    parser = argparse.ArgumentParser(description="Run the lab and print the table.")
    parser.add_argument("names", nargs="*", help="only these cases")
    parser.add_argument("--version", nargs="+", default=[VERSION], metavar="GO",
                        help="of Go; with several, one line for each")
    parser.add_argument("--five", action="store_true", help="only the five incidents")
    parser.add_argument("--stripped", action="store_true")
    parser.add_argument("--verbose", action="store_true", help="print what was said of misses")
    options = parser.parse_args()
    chosen = [case for case in cases() if is_chosen(case, options)]
    if len(options.version) > 1:
        results = run_versions(chosen, options)
    else:
        print(f"| {'case':24} | cause | function | line | accused | verdict | said |")
        print("|---|---|---|---|---|---|---|")
        results = [run_one(case, options.version[0], options) for case in chosen
                   if can_run(case)]
    with_function = [r for r in results if r.function_right is not None]
    print(f"\n{len(results)} cases: cause right {sum(r.cause_right for r in results)}, function "
          f"{sum(bool(r.function_right) for r in with_function)} of {len(with_function)}, false "
          f"accusations {sum(r.accused_wrongly for r in results)}, not determined "
          f"{sum(r.undetermined for r in results)}")
    return 0 if all(r.right for r in results) else 1


if __name__ == "__main__":
    sys.exit(main())
