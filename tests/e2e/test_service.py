# SPDX-License-Identifier: Apache-2.0
"""The systemd unit: it is well-formed, and what it leaves to whyoom is enough.

systemd itself does not run on every machine that tests run on: under a real one, in a guest, they are
tested by tests/vm. What it would take away is taken away here by hand: capabilities, new privileges,
the network, writing outside the state directory.
"""

import json
import shutil
import signal
import subprocess
import time

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


def test_what_the_unit_leaves_is_enough(cgroup, exportd, tmp_path):
    """A held kill, an incident and a timeline, with nothing that the unit takes away."""
    group = cgroup(100 * MIB)
    state = tmp_path / "state"
    state.mkdir()
    capabilities = ",".join("+" + name.removeprefix("CAP_").lower()
                            for name in setting("CapabilityBoundingSet").split())
    script = ('mount --make-rprivate / && mount --bind "$1" "$1" && '
              'mount -o remount,bind,ro / && shift && exec setpriv --no-new-privs '
              f'--bounding-set=-all,{capabilities} --inh-caps=-all "$@"')
    command = ["unshare", "--mount", "--net", "sh", "-c", script, "sh", state, WHYOOM, "watch",
               "--cgroup", group.path, "--out", state / "incidents", "--db", state / "t.db",
               "--hold"]
    if subprocess.run(["unshare", "--mount", "--net", "true"], capture_output=True).returncode:
        pytest.skip("no permission to make namespaces")
    service = exportd(group, 4096 * MIB)
    with open(tmp_path / "out", "w") as out:
        running = subprocess.Popen(list(map(str, command)), stdout=out, stderr=subprocess.STDOUT)
    try:
        output = (tmp_path / "out").read_text
        wait_until(lambda: "baseline taken" in output(), 20, f"a baseline: {output()}")
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
