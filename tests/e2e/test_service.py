# SPDX-License-Identifier: Apache-2.0
"""The systemd unit: it is well-formed, and what it leaves to whyoom is enough.

systemd itself does not run on every machine that tests run on: under a real one, in a guest, they are
tested by tests/vm. What it would take away is taken away here by hand: capabilities, new privileges,
the network, writing outside the state directory.
"""

import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from harness import MIB, OK, ROOT, WHYOOM, Watch, wait_until

UNIT = ROOT / "packaging/whyoom@.service"
ALL = ROOT / "packaging/whyoom.service"


def setting(name):
    lines = [line for line in UNIT.read_text().splitlines() if line.startswith(name + "=")]
    assert len(lines) == 1, lines
    return lines[0].partition("=")[2]


@pytest.mark.parametrize("file, name", [(UNIT, "whyoom@sys-fs.service"), (ALL, ALL.name)])
def test_systemd_understands_the_unit(tmp_path, file, name):
    if not shutil.which("systemd-analyze"):
        pytest.skip("no systemd-analyze")
    unit = tmp_path / file.name
    unit.write_text(file.read_text().replace("/usr/bin/whyoom", str(WHYOOM)))
    result = subprocess.run(["systemd-analyze", "verify", tmp_path / name], capture_output=True,
                            text=True)
    ours = [line for line in result.stderr.splitlines() if "whyoom" in line]
    assert result.returncode == 0 and not ours, result.stderr


def settings(path):
    return {line for line in path.read_text().splitlines() if line and not line.startswith("#")}


def test_the_units_differ_in_what_is_watched_alone():
    different = {line.partition("=")[0] for line in settings(UNIT) ^ settings(ALL)}
    assert different == {"Description", "Environment", "ExecStart", "MemoryMax", "TasksMax"}


def capabilities(without=""):
    return [name for name in setting("CapabilityBoundingSet").split() if name != without]


def as_the_unit(state, names, *arguments):
    """The command that runs whyoom with what the unit leaves to it, and these capabilities."""
    if subprocess.run(["unshare", "--mount", "--net", "true"], capture_output=True).returncode:
        pytest.skip("no permission to make namespaces")
    script = ('mount --make-rprivate / && mount --bind "$1" "$1" && mkdir -p /run/whyoom && '
              'mount --bind /run/whyoom /run/whyoom && '
              'mount -o remount,bind,ro / && kept=$2 && shift 2 && exec setpriv '
              '--no-new-privs --bounding-set="-all,$kept" --inh-caps=-all "$@"')
    kept = ",".join("+" + name.removeprefix("CAP_").lower() for name in names)
    return list(map(str, ["unshare", "--mount", "--net", "sh", "-c", script, "sh", state, kept,
                          WHYOOM, *arguments]))


# What is said, or what is not open, without each of them. CAP_SETPCAP makes the captures' bounding set
# empty, which only a look into one would tell, and CAP_KILL ends those that hang.
NEEDED = {
    "CAP_SYS_PTRACE": "may not look into process",
    "CAP_DAC_READ_SEARCH": "may not look into process",
    "CAP_SETUID": "cannot become the user nobody",
    "CAP_SETGID": "cannot become the user nobody",
    "CAP_SYSLOG": "/dev/kmsg",
    "CAP_SYS_ADMIN": "anon_inode:bpf_link",
}


def open_files(pid):
    try:
        return {os.readlink(path) for path in Path(f"/proc/{pid}/fd").iterdir()}
    except OSError:
        return set()


@pytest.mark.parametrize("name", ["", *NEEDED])
def test_each_capability_is_needed(cgroup, tmp_path, name):
    group = cgroup(100 * MIB)
    eater = ["setpriv", "--reuid=1000", "--regid=1000", "--clear-groups",
             ROOT / "build-targets/go1.26.8/eater", "-await"]
    target = subprocess.Popen(group.command(list(map(str, eater))), stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE)
    assert target.stdout.readline().startswith(b"ready ")
    command = as_the_unit(tmp_path, capabilities(name), "watch", "--cgroup", group.path, "--out",
                          tmp_path, "--db", "none")
    running = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    said = ""
    for line in running.stderr:
        said += line
        if "baseline taken" in line or "capture failed" in line:
            break
    files = open_files(running.pid)
    running.kill()
    said += running.communicate()[1]
    target.kill()
    target.communicate()
    for other, what in NEEDED.items():
        if what.startswith("/") or ":" in what:
            lost = "baseline taken" in said and what not in files
            if other == "CAP_SYS_ADMIN" and not name and lost:
                pytest.skip("this kernel does not let even root have tracepoints")
        else:
            lost = what in said
        expected = bool(name) and what == NEEDED[name]
        assert lost == expected, f"{other}: {said} {files}"


def test_what_the_unit_leaves_is_enough(cgroup, exportd, tmp_path):
    """A held kill, an incident and a timeline, with nothing that the unit takes away."""
    group = cgroup(100 * MIB)
    state = tmp_path / "state"
    state.mkdir()
    command = as_the_unit(state, capabilities(), "watch", "--cgroup", group.path, "--out",
                          state / "incidents", "--db", state / "t.db", "--hold")
    service = exportd(group, 4096 * MIB)
    with open(tmp_path / "out", "w") as out:
        running = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT)
    try:
        output = (tmp_path / "out").read_text
        try:
            wait_until(lambda: "baseline taken" in output(), 20, "a baseline")
        except AssertionError as late:
            raise AssertionError(f"{late}: {output()}") from late
        service.download(200)
        assert running.wait(60) == OK, output()
    finally:
        running.kill()
        running.wait()
    assert "held the kill" in output() and "incident: " in output(), output()
    timeline = json.loads(subprocess.run([WHYOOM, "timeline", "--json", "--db", state / "t.db"],
                                         check=True, capture_output=True).stdout)
    assert {"kill", "incident"} <= {event["kind"] for event in timeline["events"]}
    assert any("rss_bytes" in row for row in timeline["samples"])


def test_a_clean_stop_and_a_new_start(cgroup, exportd, tmp_path):
    """As the unit stops it: by its signal, within its time, and what it said is its success."""
    group = cgroup(100 * MIB)
    service = exportd(group, 4096 * MIB)
    for _ in range(2):
        running = Watch(tmp_path, "--cgroup", group.path, "--out", tmp_path / "out", "--db",
                        tmp_path / "t.db", "--hold")
        wait_until(lambda: "baseline taken" in running.output(), 20, "a baseline")
        time.sleep(1.1)
        running.process.send_signal(getattr(signal, setting("KillSignal")))
        code = running.wait(int(setting("TimeoutStopSec").removesuffix("s")))
        assert str(code) in setting("SuccessExitStatus").split(), running.output()
        assert group.oom_control()["oom_kill_disable"] == 0
    timeline = json.loads(subprocess.run(
        [WHYOOM, "timeline", "--json", "--db", tmp_path / "t.db"], check=True,
        capture_output=True).stdout)
    assert [target["pid"] for target in timeline["targets"]] == [service.pid]
    assert not [event for event in timeline["events"] if event["kind"] != "snapshot"]
