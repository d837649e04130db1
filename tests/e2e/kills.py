# SPDX-License-Identifier: Apache-2.0
"""A lab of kills: an eater in a cgroup of its own is killed at its limit, and what is on disk then is
compared with what the eater itself said that it keeps. For tests/e2e/test_kills.py and bench/kills."""

import contextlib
import gzip
import itertools
import json
import os
import shutil
import signal
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from harness import MIB, NEWEST_SERVICE, MemoryCgroup, Target, Watch, program, wait_until


@dataclass(frozen=True)
class Shape:
    name: str
    limit_mib: int
    options: tuple


SHAPES = [
    Shape("slow leak", 128, ("-rate", 40)),
    Shape("explosion", 512, ("-rate", 600, "-threads", 4)),
    Shape("flood", 256, ("-rate", 0, "-threads", 8)),
    Shape("giant", 256, ("-how", "giant", "-size", 1024)),
]
LARGE = Shape("1.8 GB in 3 s", 1800, ("-rate", 600, "-threads", 4))
MANY = Shape("one of many", 64, ("-rate", 15))  # dead after four seconds
GOOD_SHARE = 0.9
# While its kill is held on cgroup v1, a system call that needs memory fails; where one does before the
# rest is killed, Go's runtime ends the program ("fatal error: runtime: out of memory").
OUT_OF_MEMORY = 2
_numbers = itertools.count(1)


@dataclass
class Kill:
    shape: str
    kept_bytes: int        # by the eater's own word, at its end
    profile_bytes: int     # what the newest profile on disk tells; -1: there is none
    age_s: float           # of that profile when the eater died; NaN: there is none
    restored: bool = True  # the cgroup's settings are what they were
    note: str = ""
    ended_itself: bool = False  # by Go's "out of memory", not by the kernel
    held_ns: int = 0

    @property
    def has_evidence(self):
        return self.profile_bytes >= 0

    @property
    def share(self):
        return max(self.profile_bytes, 0) / self.kept_bytes


# ---- reading profiles ----

def _varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7f) << shift
        shift += 7
        if byte < 0x80:
            return value, at


def _fields(data):
    """(number, value) of a protobuf message; bytes where the field has a length."""
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        if key & 7 == 0:
            value, at = _varint(data, at)
        elif key & 7 == 2:
            size, at = _varint(data, at)
            value, at = data[at:at + size], at + size
        else:
            raise ValueError(f"wire type {key & 7}")
        yield key >> 3, value


def _numbers_of(value):
    if isinstance(value, int):
        return [value]
    numbers, at = [], 0
    while at < len(value):
        number, at = _varint(value, at)
        numbers.append(number)
    return numbers


def profile_total(path, sample_type):
    """The sum of one sample type of a pprof file: profile.proto of github.com/google/pprof."""
    data = Path(path).read_bytes()
    message = list(_fields(gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data))
    strings = [value.decode() for number, value in message if number == 6]
    types = [strings[dict(_fields(value)).get(1, 0)] for number, value in message if number == 1]
    which = types.index(sample_type)
    total = 0
    for number, value in message:
        if number == 2:
            values = [one for key, part in _fields(value) if key == 2 for one in _numbers_of(part)]
            total += values[which] - (1 << 64 if values[which] >> 63 else 0)
    return total


# ---- one kill ----

class Eater:
    """Waits in its cgroup for `go`."""

    def __init__(self, shape, folder, path=None, env=None):
        self.shape, self.truth = shape, folder / "truth"
        self.group = MemoryCgroup(f"whyoom-kills-{os.getpid()}-{next(_numbers)}",
                                  shape.limit_mib * MIB)
        self.target = Target(path or program("eater", NEWEST_SERVICE),
                             ["-await", "-truth", self.truth, *shape.options], cgroup=self.group,
                             env=env)

    def go(self):
        """Until it is dead for want of memory; returns when that was, in seconds since 1970."""
        self.target.process.stdin.write("\n")
        self.target.process.stdin.flush()
        code = self.target.process.wait(120)
        died = time.time()
        self.ended_itself = code == OUT_OF_MEMORY
        assert code in (-signal.SIGKILL, OUT_OF_MEMORY), f"the eater ended with {code}"
        return died

    def kept_bytes(self):
        return int.from_bytes(self.truth.read_bytes()[:8], "little")

    def close(self):
        self.target.stop()
        self.group.close()


@contextlib.contextmanager
def eater(shape, **options):
    with tempfile.TemporaryDirectory(prefix="whyoom-kills-") as name:
        one = Eater(shape, Path(name), **options)
        try:
            yield one, Path(name)
        finally:
            one.close()


def kill_under_whyoom(shape, *options, before_go=lambda: None):
    """The eater dies under `whyoom watch`; options such as "--hold"."""
    with eater(shape) as (one, folder):
        watch = Watch(folder, "--pid", one.target.pid, "--out", folder / "out", *options)
        try:
            wait_until(lambda: "baseline taken" in watch.output(), 60, "the baseline")
            before_go()
            died = one.go()
            watch.wait(60)
            kill = Kill(shape.name, one.kept_bytes(), -1, float("nan"),
                        one.group.oom_control()["oom_kill_disable"] == 0, watch.output(),
                        one.ended_itself)
            with contextlib.suppress(AssertionError, IndexError):
                incident = watch.incident()
                kill.profile_bytes = profile_total(incident / "heap.pb.gz", "now_space")
                report = json.loads((incident / "report.json").read_text())
                taken = datetime.fromisoformat(report["evidence"]["taken"]).timestamp()
                kill.age_s = died - taken
            return kill
        finally:
            watch.stop()


def own_copy(folder):
    """An eater under a name that no other program of the machine has."""
    path = folder / f"eater-{os.getpid() % 10000}-{next(_numbers)}"
    shutil.copy(program("eater", NEWEST_SERVICE), path)
    return path


def kills_under_name(shapes, *options, before_go=lambda watch: None):
    """Eaters of one name die at the same moment under one `whyoom watch --name`. A Kill for each."""
    with tempfile.TemporaryDirectory(prefix="whyoom-kills-") as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        path = own_copy(folder)
        eaters = [stack.enter_context(eater(shape, path=path))[0] for shape in shapes]
        watch = Watch(folder, "--name", path.name, "--out", folder / "out", "--db", folder / "db",
                      "--state", folder / "state", *options)
        stack.callback(watch.stop)
        for one in eaters:
            wait_until(lambda: f"found process {one.target.pid} " in watch.output(), 60, watch.output)
        before_go(watch)
        with ThreadPoolExecutor(len(eaters)) as pool:
            died = list(pool.map(Eater.go, eaters))
        pids = [one.target.pid for one in eaters]
        with contextlib.suppress(TimeoutError, AssertionError):
            wait_until(lambda: {report["identity"]["pid"] for _, report in
                                _incidents_in(folder / "out")} >= set(pids), 60, watch.output)
        found = {report["identity"]["pid"]: (path, report) for path, report in
                 _incidents_in(folder / "out")}
        kills = []
        for one, at in zip(eaters, died):
            kill = Kill(one.shape.name, one.kept_bytes(), -1, float("nan"),
                        one.group.oom_control()["oom_kill_disable"] == 0, watch.output(),
                        one.ended_itself)
            path, report = found.get(one.target.pid, (None, None))
            if report:
                kill.profile_bytes = profile_total(path / "heap.pb.gz", "now_space")
                kill.age_s = at - datetime.fromisoformat(report["evidence"]["taken"]).timestamp()
                kill.held_ns = report["kill"].get("held_ns") or 0
            kills.append(kill)
        return kills


def _incidents_in(out):
    for path in out.glob("incident-*"):
        with contextlib.suppress(OSError, ValueError):
            if ".partial" not in path.name:
                yield path, json.loads((path / "report.json").read_text())
