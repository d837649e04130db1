# SPDX-License-Identifier: Apache-2.0
"""Which processes can be read: deleted binaries, other namespaces, other users, dying ones."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from harness import (NOBODY, OK, TARGET_ERROR, VERSIONS, WHYOOM, Target, children_of, program,
                     wait_until)
from test_heap import assert_same_buckets, at_rest, buckets_of, rate_of

root_only = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


@pytest.fixture
def begin(request):
    """begin(PATH, ...) -> a Target of that path."""

    def begin_target(path, **options):
        target = Target(path, env=rate_of(1), **options)
        request.addfinalizer(target.stop)
        target.say("rest")
        return target

    return begin_target


def copy_program(version, path, name="allocs"):
    path.write_bytes(program(name, version).read_bytes())
    path.chmod(0o755)
    return path


@pytest.mark.short
def test_not_a_process(whyoom):
    failed = whyoom("heap", 2 ** 22, code=TARGET_ERROR)  # above the kernel's highest pid
    assert f"there is no process {2 ** 22}" in failed.stderr


@pytest.mark.short
def test_a_process_that_was_not_collected(whyoom):
    ended = subprocess.Popen(["true"])
    wait_until(lambda: ") Z " in open(f"/proc/{ended.pid}/stat").read(), 10, "the end of true")
    failed = whyoom("heap", ended.pid, code=TARGET_ERROR)
    ended.wait()
    assert "has ended" in failed.stderr


@pytest.mark.short
@pytest.mark.parametrize("command", ["heap", "why"])
def test_not_a_go_program(whyoom, command):
    sleeper = subprocess.Popen(["/bin/sleep", "60"])
    try:
        failed = whyoom(command, sleeper.pid, code=TARGET_ERROR)
    finally:
        sleeper.kill()
        sleeper.wait()
    assert "not a go program" in failed.stderr.lower()


def test_a_thread_of_the_kernel(whyoom):
    with open("/proc/2/stat") as stat:
        if "(kthreadd)" not in stat.read():
            pytest.skip("this pid namespace has no threads of the kernel")
    assert "thread of the kernel" in whyoom("heap", 2, code=None).stderr


@pytest.mark.short
@pytest.mark.parametrize("replacement", [None, "other program", b"garbage"],
                         ids=["deleted", "replaced", "damaged"])
def test_binary_that_is_gone_from_disk(whyoom, begin, tmp_path, replacement):
    """The executable is read through /proc/PID/exe, so an upgrade on disk does not matter."""
    path = copy_program(VERSIONS[-1], tmp_path / "allocs")
    target = begin(path)
    path.unlink()
    if replacement == "other program":
        copy_program(VERSIONS[0], path, "leak")
    elif replacement:
        path.write_bytes(replacement)
    seen = buckets_of(whyoom, target)
    assert seen["identity"]["go_version"] == f"go{VERSIONS[-1]}"
    assert str(path) in seen["identity"]["executable"]
    assert_same_buckets(seen, target, 1, tmp_path)


def unshared(*options):
    """Something to begin a program with; skips where it does not work."""
    prefix = ["unshare", *options]
    if subprocess.run([*prefix, "true"], capture_output=True).returncode != 0:
        pytest.skip(f"no permission for {' '.join(prefix)}")
    return prefix


@pytest.mark.short
def test_another_mount_namespace(whyoom, begin, tmp_path):
    """The path of the binary means nothing outside."""
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    mount = f'mount -t tmpfs none "{hidden}" && cp "$0" "{hidden}" && exec "{hidden}/allocs"'
    prefix = unshared("--mount", "--propagation", "private")
    target = begin(program("allocs", "1.26.8"), prefix=[*prefix, "sh", "-c", mount])
    assert not (hidden / "allocs").exists()
    assert_same_buckets(buckets_of(whyoom, target), target, 1, tmp_path)


@root_only
def test_another_root_folder(whyoom, begin, tmp_path):
    inside = tmp_path / "root"
    inside.mkdir()
    copy_program("1.26.8", inside / "allocs")
    target = begin("/allocs", prefix=["chroot", str(inside)])
    seen = buckets_of(whyoom, target)
    target.say("memprofile /truth.json")
    (tmp_path / "memprofile.json").write_text((inside / "truth.json").read_text())
    target.ask_json = lambda command, path: json.loads(path.read_text())
    assert_same_buckets(seen, target, 1, tmp_path)


@pytest.mark.short
def test_another_pid_namespace(whyoom, begin, tmp_path):
    target = begin(program("allocs", "1.26.8"),
                   prefix=unshared("--mount-proc", "--pid", "--fork", "--kill-child"))
    assert target.pid == 1
    target.pid, = children_of(target.process.pid)
    assert_same_buckets(buckets_of(whyoom, target), target, 1, tmp_path)


@pytest.mark.short
@root_only
@pytest.mark.parametrize("command", ["heap", "why"])
def test_no_permission_names_the_capability(whyoom, start, command):
    target = start("allocs", "1.26.8")
    powerless = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"]
    failed = whyoom(command, target.pid, code=TARGET_ERROR, prefix=powerless)
    assert "CAP_SYS_PTRACE" in failed.stderr


@pytest.fixture
def whyoom_of_nobody(whyoom, open_folder):
    """A copy that every user may run, run as nobody."""
    copy = open_folder / "whyoom"
    copy.write_bytes(WHYOOM.read_bytes())
    copy.chmod(0o755)

    def run(*arguments, **options):
        return whyoom(*arguments, prefix=NOBODY, program=copy, **options)

    return run


@pytest.mark.short
@root_only
@pytest.mark.parametrize("command", ["heap", "why"])
def test_a_process_of_another_user(whyoom_of_nobody, start, command):
    failed = whyoom_of_nobody(command, start("allocs", "1.26.8").pid, code=TARGET_ERROR)
    assert "CAP_SYS_PTRACE" in failed.stderr
    assert failed.stdout == ""


@pytest.mark.short
@root_only
def test_a_process_of_ones_own_without_root(whyoom_of_nobody, begin, open_folder, tmp_path):
    target = begin(copy_program("1.26.8", open_folder / "allocs"), prefix=NOBODY)
    os.chmod(open_folder, 0o777)  # for the target's answer
    seen = buckets_of(whyoom_of_nobody, target)
    assert_same_buckets(seen, target, 1, open_folder)
    report = json.loads(whyoom_of_nobody(target.pid, "--json").stdout)
    assert report["memstats"]["HeapAlloc"] > 0 and report["process_ledger"]["total_bytes"] > 0


@pytest.mark.short
@root_only
def test_root_reads_a_process_of_another_user(whyoom, begin, open_folder):
    target = begin(copy_program("1.26.8", open_folder / "allocs"), prefix=NOBODY)
    os.chmod(open_folder, 0o777)
    assert_same_buckets(buckets_of(whyoom, target), target, 1, open_folder)


@pytest.mark.short
@root_only
def test_the_reading_side_has_no_privileges_left(start, version):
    """It is caught when it has read everything, blocked on a pipe that nobody reads."""
    target = at_rest(start, version)
    command = [str(WHYOOM), "heap", str(target.pid), "--json", "--all"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as running:
        running.stdout.read(1)
        reader, = children_of(running.pid)
        with open(f"/proc/{reader}/status") as file:
            status = dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)
        running.stdout.read()
    assert running.returncode == OK
    assert status["Uid"].split() == status["Gid"].split() == ["65534"] * 4
    assert status["Groups"].split() == []
    for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert int(status[name], 16) == 0, name
    assert status["NoNewPrivs"] == "1"
    assert status["Seccomp"] == "2"


@pytest.mark.short
@pytest.mark.parametrize("arguments", [["heap", "--json", "--all"], ["why", "--json"]], ids=" ".join)
def test_killed_while_it_is_read(whyoom, start, version, arguments):
    undisturbed = time.monotonic()
    whyoom(*arguments, start("allocs", version).pid)
    undisturbed = time.monotonic() - undisturbed
    ends = set()
    for step in range(20):
        target = start("allocs", version, env=rate_of(1))
        running = subprocess.Popen([str(WHYOOM), *arguments, str(target.pid)],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        time.sleep(undisturbed * (step / 20) ** 2)
        target.process.kill()
        out, err = running.communicate(timeout=30)
        assert running.returncode in (OK, TARGET_ERROR), err
        assert "Sanitizer" not in err and "runtime error" not in err and "signal" not in err, err
        assert ("error" in json.loads(out)) == (running.returncode != OK)
        ends.add(running.returncode)
    assert TARGET_ERROR in ends


# What else may be done to a process at the same time.

def state_of(pid):
    with open(f"/proc/{pid}/stat") as stat:
        return stat.read().rpartition(")")[2].split()[0]


def tracer_of(pid):
    with open(f"/proc/{pid}/status") as status:
        return int(re.search(r"^TracerPid:\t(\d+)", status.read(), re.MULTILINE)[1])


@pytest.mark.short
def test_a_stopped_process(whyoom, begin, tmp_path):
    """It is read, and left stopped."""
    target = begin(program("allocs", VERSIONS[-1]))
    os.kill(target.pid, signal.SIGSTOP)
    wait_until(lambda: state_of(target.pid) == "T", 10, "the stop")
    seen = buckets_of(whyoom, target)
    report = json.loads(whyoom(target.pid, "--json").stdout)
    assert state_of(target.pid) == "T"
    os.kill(target.pid, signal.SIGCONT)
    assert report["goroutines"]["count"] == 77
    assert_same_buckets(seen, target, 1, tmp_path)


@pytest.fixture
def traced(request):
    """traced(PID, COMMAND...) -> a running tracer of that process."""

    def attach(pid, *command):
        if not shutil.which(command[0]):
            pytest.skip(f"{command[0]} is not installed")
        tracer = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                                  stderr=subprocess.DEVNULL)
        request.addfinalizer(lambda: (tracer.terminate(), tracer.wait(timeout=30)))
        wait_until(lambda: tracer_of(pid), 30, f"{command[0]} attached")
        return tracer

    return attach


@pytest.mark.short
def test_a_process_traced_by_strace(whyoom, begin, traced, tmp_path):
    target = begin(program("allocs", VERSIONS[-1]))
    tracer = traced(target.pid, "strace", "-f", "-o", os.devnull, "-p", str(target.pid))
    seen = buckets_of(whyoom, target)
    assert tracer_of(target.pid) == tracer.pid
    assert_same_buckets(seen, target, 1, tmp_path)


def test_a_process_held_by_gdb(whyoom, begin, traced, tmp_path):
    target = begin(program("allocs", VERSIONS[-1]))
    tracer = traced(target.pid, "gdb", "-q", "-nx", "-p", str(target.pid))
    wait_until(lambda: state_of(target.pid) == "t", 30, "gdb's stop")
    seen = buckets_of(whyoom, target)
    assert tracer_of(target.pid) == tracer.pid and state_of(target.pid) == "t"
    tracer.stdin.write(b"detach\nquit\n")
    tracer.stdin.flush()
    tracer.wait(timeout=30)
    assert_same_buckets(seen, target, 1, tmp_path)


@pytest.mark.short
def test_a_process_under_seccomp(whyoom, begin, tmp_path):
    """Its filter forbids what a tracer would have it do; reading asks nothing of it."""
    if not shutil.which("setpriv"):
        pytest.skip("setpriv is not installed")
    target = begin(program("allocs", VERSIONS[-1]), prefix=[sys.executable, "-c", SECCOMP])
    with open(f"/proc/{target.pid}/status") as status:
        assert "Seccomp:\t2\n" in status.read()
    assert_same_buckets(buckets_of(whyoom, target), target, 1, tmp_path)
    assert json.loads(whyoom(target.pid, "--json").stdout)["goroutines"]["count"] == 77


# Kills whoever calls ptrace or process_vm_readv, and runs the rest of its arguments. The program of
# the filter: the number of the call; two comparisons; allow; kill.
SECCOMP = r"""
import ctypes, os, struct, sys
CALLS = {"x86_64": (101, 310), "aarch64": (117, 270)}[os.uname().machine]
rows = [(0x20, 0, 0, 0), (0x15, 2, 0, CALLS[0]), (0x15, 1, 0, CALLS[1]),
        (0x06, 0, 0, 0x7fff0000), (0x06, 0, 0, 0x80000000)]
code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *row) for row in rows))
filter = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(rows), ctypes.addressof(code)))
libc = ctypes.CDLL(None, use_errno=True)
assert libc.prctl(38, 1, 0, 0, 0) == 0 and libc.prctl(22, 2, filter, 0, 0) == 0
os.execv(sys.argv[1], sys.argv[1:])
"""


@pytest.mark.short
def test_another_mount_and_pid_namespace(whyoom, begin, tmp_path):
    """As in a container: process 1 of a root folder that is not there outside."""
    inside = tmp_path / "root"
    inside.mkdir()
    prefix = unshared("--mount", "--pid", "--fork", "--kill-child", "--propagation", "private")
    mount = ('mount -t tmpfs none "$0" && mkdir "$0/bin" && cp "$1" "$0/bin/service" && '
             'exec chroot "$0" /bin/service')
    target = begin(program("allocs", VERSIONS[-1]), prefix=[*prefix, "sh", "-c", mount, inside])
    assert target.pid == 1 and not (inside / "bin").exists()
    target.pid, = children_of(target.process.pid)
    seen = buckets_of(whyoom, target)
    assert seen["identity"]["executable"].endswith("/bin/service")
    assert seen["identity"]["pid"] == target.pid
    outside = Path(f"/proc/{target.pid}/root")
    target.say("memprofile /truth.json")
    (tmp_path / "memprofile.json").write_text((outside / "truth.json").read_text())
    target.ask_json = lambda command, path: json.loads(path.read_text())
    assert_same_buckets(seen, target, 1, tmp_path)


@pytest.mark.short
def test_a_path_that_is_bound_to_something_else(whyoom, begin, tmp_path):
    """Outside, the same path is another program of the same runtime: it must not be looked at."""
    path = copy_program(VERSIONS[0], tmp_path / "service", "leak")
    prefix = unshared("--mount", "--propagation", "private")
    bind = 'mount --bind "$1" "$0" && exec "$0"'
    target = begin(program("allocs", VERSIONS[-1]), prefix=[*prefix, "sh", "-c", bind, path])
    assert path.read_bytes() == program("leak", VERSIONS[0]).read_bytes()
    seen = buckets_of(whyoom, target)
    assert seen["identity"]["executable"] == str(path)
    assert seen["identity"]["go_version"] == f"go{VERSIONS[-1]}"
    assert_same_buckets(seen, target, 1, tmp_path)


# The executable that is given.

@pytest.mark.short
def test_given_executable_that_is_another(whyoom, begin):
    target = begin(program("allocs", VERSIONS[-1]))
    for other in (program("leak", VERSIONS[-1]), program("allocs", VERSIONS[0])):
        failed = whyoom("heap", target.pid, "--exe", other, code=TARGET_ERROR)
        assert "does not run" in failed.stderr and str(other) in failed.stderr
    failed = whyoom("heap", target.pid, "--exe", "/nonexistent", code=TARGET_ERROR)
    assert "/nonexistent" in failed.stderr


@pytest.mark.short
@pytest.mark.parametrize("strip", ["--strip-all", "--strip-debug"])
def test_given_executable_has_the_symbols_that_ran_without(whyoom, begin, tmp_path, strip):
    """A service is stripped when it is shipped, and its builder has kept the symbols."""
    if not shutil.which("strip"):
        pytest.skip("strip is not installed")
    whole, shipped = program("allocs", VERSIONS[-1]), tmp_path / "service"
    subprocess.run(["strip", strip, "-o", shipped, whole], check=True)
    target = begin(shipped)
    seen = json.loads(whyoom("heap", target.pid, "--exe", whole, "--json", "--all").stdout)
    assert seen["identity"]["executable"] == str(shipped)
    assert_same_buckets(seen, target, 1, tmp_path)
