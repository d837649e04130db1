# SPDX-License-Identifier: Apache-2.0
"""What the end-to-end tests are made of: targets, memory cgroups, and runs of whyoom."""

import json
import os
import re
import signal
import subprocess
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TARGETS = ROOT / "build-targets"
WHYOOM = Path(os.environ.get("WHYOOM", ROOT / "build/src/cli/whyoom")).resolve()
VERSIONS = (ROOT / "tests/targets/versions").read_text().split()
NEWEST_SERVICE = "1.26.8"  # the version of the demo's service

# The exit codes that whyoom documents.
OK, OTHER_ERROR, USAGE, TARGET_ERROR, UNSUPPORTED, NOT_STORED = range(6)

MIB = 1 << 20


def wait_until(condition, seconds, what):
    """Polls until condition() is true and returns its value."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"{what() if callable(what) else what}: not within {seconds} s")
        time.sleep(0.02)


def minor_of(version):
    """22 of "1.22.12"."""
    return int(version.split(".")[1])


def program(name, version):
    path = TARGETS / f"go{version}" / name
    assert path.exists(), f"{path} is missing: run tests/targets/build"
    return path


class Target:
    """A program of tests/targets that speaks the protocol of internal/control."""

    def __init__(self, path, arguments=(), env=None, cgroup=None, prefix=()):
        command = [*prefix, str(path), *map(str, arguments)]
        if cgroup is not None:
            command = cgroup.command(command)
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env={**os.environ, **(env or {})})
        self.path = path
        self.listening = None
        line = self.process.stdout.readline()
        while line.startswith("listening "):
            self.listening = line.split()[-1]
            line = self.process.stdout.readline()
        assert re.fullmatch(r"ready \d+\n", line), f"{path} said {line!r}"
        self.pid = int(line.split()[1])

    def say(self, command):
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline().strip()
        assert answer == "ok", f"{self.path} answered {answer!r} to {command!r}"

    def ask_json(self, command, path):
        """For commands that write a JSON file: memprofile, memstats-to."""
        self.say(f"{command} {path}")
        return json.loads(Path(path).read_text())

    def memstats(self, path):
        """runtime.MemStats as they are before the target allocates anything to answer."""
        self.say("memstats")
        return self.ask_json("memstats-to", path)

    def stop(self):
        for pipe in (self.process.stdin, self.process.stdout):
            try:
                pipe.close()
            except BrokenPipeError:
                pass
        end(self.process)


def end(process):
    """Ends one process that a test started, whatever state it is in."""
    if process.poll() is None:
        process.kill()
    process.wait(timeout=30)


NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")


def children_of(pid):
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


class MemoryCgroup:
    """A memory cgroup (v1) of its own, removed with everything in it by close()."""

    MOUNT = Path("/sys/fs/cgroup/memory")

    @classmethod
    def why_not(cls):
        """The reason why there can be none here, or None."""
        if not (cls.MOUNT / "memory.limit_in_bytes").exists():
            return "no memory controller on cgroup v1"
        if not os.access(cls.MOUNT, os.W_OK):
            return "no permission to make a memory cgroup"
        return None

    def __init__(self, name, limit_bytes):
        self.path = self.MOUNT / name
        self.path.mkdir()
        self.limit_bytes = limit_bytes
        if limit_bytes is not None:
            self.write("memory.limit_in_bytes", limit_bytes)
            if (self.path / "memory.memsw.limit_in_bytes").exists():
                self.write("memory.memsw.limit_in_bytes", limit_bytes)

    def write(self, name, value):
        (self.path / name).write_text(f"{value}\n")

    def read(self, name):
        return (self.path / name).read_text()

    def oom_control(self):
        """{"oom_kill_disable": 0, "under_oom": 0, "oom_kill": 0}"""
        rows = (line.split() for line in self.read("memory.oom_control").splitlines())
        return {key: int(value) for key, value in rows}

    def pids(self):
        return [int(pid) for pid in self.read("cgroup.procs").split()]

    def command(self, command):
        """The same command, begun inside the cgroup: not one page is charged elsewhere."""
        return ["sh", "-c", 'echo $$ > "$0" && exec "$@"', str(self.path / "cgroup.procs"), *command]

    def close(self):
        if not self.path.exists():
            return
        self.write("memory.oom_control", 0)
        for pid in self.pids():
            os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not self.pids(), 30, f"{self.path} empty")
        wait_until(self._removed, 10, f"{self.path} removed")

    def _removed(self):
        try:
            self.path.rmdir()
        except OSError:
            return False
        return True


class Exportd:
    """The demo's service in a cgroup, with its export file in `folder`."""

    def __init__(self, folder, cgroup, size_bytes):
        arguments = ["-file", folder / "export.bin", "-size", size_bytes]
        command = [str(program("exportd", NEWEST_SERVICE)), *map(str, arguments)]
        self.process = subprocess.Popen(
            cgroup.command(command), stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        assert line.startswith("listening on "), f"exportd said {line!r}"
        self.address = line.split()[-1]
        self.pid = self.process.pid
        self.client = None

    def download(self, mib_per_second):
        """Starts a download; the limit on its speed decides how long the growth takes."""
        self.client = subprocess.Popen(
            ["curl", "-sS", "-o", os.devnull, "--noproxy", "*", "--max-time", "120",
             "--limit-rate", f"{mib_per_second}M", f"http://{self.address}/export"],
            stderr=subprocess.DEVNULL)

    def stop(self):
        self.process.stdout.close()
        for process in (self.client, self.process):
            if process is not None:
                end(process)


class Watch:
    """A `whyoom watch` that runs beside the test; its output goes to files."""

    def __init__(self, folder, *arguments):
        self.stdout_path, self.stderr_path = folder / "watch.out", folder / "watch.err"
        with open(self.stdout_path, "w") as out, open(self.stderr_path, "w") as err:
            self.process = subprocess.Popen(
                [str(WHYOOM), "watch", *map(str, arguments)], stdin=subprocess.DEVNULL,
                stdout=out, stderr=err)

    def wait(self, seconds):
        return self.process.wait(timeout=seconds)

    def stdout(self):
        return self.stdout_path.read_text()

    def output(self):
        return self.stdout() + self.stderr_path.read_text()

    def incident(self):
        """The incident's folder, as the last line of the output says."""
        last = self.stdout().rstrip().splitlines()[-1]
        assert last.startswith("incident: "), self.output()
        return Path(last.removeprefix("incident: "))

    def stop(self):
        """Gently: a killed whyoom that holds a kill leaves the undoing to its guard."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(timeout=15)
            except subprocess.TimeoutExpired:
                end(self.process)


def run_whyoom(*arguments, code=OK, seconds=60, env=None, prefix=(), program=WHYOOM):
    """Runs whyoom to its end; code=None accepts any exit code but a sanitizer's or a signal's."""
    result = subprocess.run(
        [*prefix, str(program), *map(str, arguments)], stdin=subprocess.DEVNULL,
        capture_output=True, text=True, timeout=seconds, env={**os.environ, **(env or {})})
    shown = f"{result.args}\nexit code {result.returncode}\n{result.stdout}\n{result.stderr}"
    assert "Sanitizer" not in result.stderr and "runtime error:" not in result.stderr, shown
    if code is None:
        assert result.returncode in range(6), shown
    else:
        assert result.returncode == code, shown
    return result


def run_pprof(*arguments):
    """`go tool pprof`, without the line that says when."""
    result = subprocess.run(
        [program("pprof", NEWEST_SERVICE), "-symbolize=none", *map(str, arguments)], check=True,
        capture_output=True, text=True, timeout=120)
    return [line for line in result.stdout.splitlines() if not line.startswith("Time:")]
