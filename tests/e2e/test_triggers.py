# SPDX-License-Identifier: Apache-2.0
"""Triggers of `whyoom watch`: each metric on a real program, how often, what is done then, the file."""

import csv
import json
import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from harness import MIB, OK, TARGET_ERROR, USAGE, program, wait_until

VERSION = "1.26.8"
LIMIT_BYTES = 300 * MIB


@pytest.fixture
def group(cgroup):
    return cgroup(LIMIT_BYTES)


@pytest.fixture
def grow(start, group):
    return start("grow", VERSION, cgroup=group)


@pytest.fixture
def out(open_folder):
    """Where a command that runs as nobody can look."""
    return open_folder / "incidents"


def said(running, words):
    return words in running.stderr_path.read_text()


@pytest.fixture
def begin(watch, out):
    """begin(TARGET, OPTION...) -> a watch that knows where the Go runtime of TARGET is."""

    def begin_watch(target, *options):
        running = watch("--pid", target.pid, "--out", out, *options)
        wait_until(lambda: said(running, "baseline taken"), 20, running.output)
        time.sleep(1.2)
        assert running.process.poll() is None, running.output()
        assert not said(running, "trigger "), running.output()
        return running

    return begin_watch


def incidents_in(out):
    """The finished ones: INCIDENT.partial and .partial.new are being written."""
    return sorted(path for path in out.glob("incident-*") if ".partial" not in path.name)


def incident_of(running, out):
    wait_until(lambda: incidents_in(out), 20, running.output())
    wait_until(lambda: said(running, "incident: "), 20, running.output())
    return incidents_in(out)[0]


def report_in(folder):
    return json.loads((folder / "report.json").read_text())


def write_config(folder, text):
    path = folder / "watch.yaml"
    path.write_text(text)
    return path


def do(action):
    return f"""
triggers:
  - name: files
    when: fds > 100
    do:
{action}
"""


# ---- each metric ----

@pytest.mark.short
def test_goroutines_explode(begin, grow, out, tmp_path):
    running = begin(grow, "--when", "goroutines > 20000 for 200ms")
    grow.say("goroutines 30000")
    folder = incident_of(running, out)
    own = grow.ask_json("numbers", tmp_path / "numbers")
    seen = re.match(r"trigger when-1: goroutines ([\d,]+), above 20,000, for ",
                    report_in(folder)["trigger"])[1]
    assert 20000 < int(seen.replace(",", "")) <= own["goroutines"]  # it may grow still
    assert seen in (folder / "report.txt").read_text()
    assert "30,000 goroutines [chan receive]" in (folder / "goroutines.txt").read_text()
    assert report_in(folder)["baseline"]["age_ns"] > 0
    assert (folder / "baseline/heap.pb.gz").stat().st_size > 0


@pytest.mark.parametrize("version", ["1.22.12", VERSION])
def test_the_live_heap_grows(begin, start, group, out, tmp_path, version):
    target = start("grow", version, cgroup=group)
    running = begin(target, "--when", "heap_live > 60MiB")
    target.say("keep 40")
    time.sleep(2)
    assert not said(running, "trigger "), running.output()
    target.say("keep 40")
    folder = incident_of(running, out)
    own = target.ask_json("numbers", tmp_path / "numbers")
    heap = float(re.search(r"heap_live ([\d.]+) MiB, above 60.0 MiB", report_in(folder)["trigger"])[1])
    assert heap == pytest.approx(own["heap_alloc"] / MIB, rel=0.05)
    assert "main.remember" in (folder / "report.txt").read_text()


def test_the_marked_heap_grows(begin, grow, out):
    running = begin(grow, "--when", "heap_marked > 60MiB")
    grow.say("keep 80")
    grow.say("collect")
    assert "heap_marked" in report_in(incident_of(running, out))["trigger"]


def test_the_heap_grows_against_a_baseline(begin, grow, out):
    grow.say("keep 20")
    running = begin(grow, "--when", "heap_live > baseline 10s + 50%")
    time.sleep(11)
    assert not said(running, "trigger "), running.output()
    grow.say("keep 30")
    assert re.search(r"\(10.0 s before: \d\d\.\d MiB\)", report_in(incident_of(running, out))["trigger"])


@pytest.mark.short
def test_files_and_threads_grow(begin, grow, out):
    running = begin(grow, "--when", "fds > 300 and threads > 50")
    grow.say("fds 400")
    time.sleep(1.5)
    assert not said(running, "trigger "), running.output()
    grow.say("threads 60")
    reason = report_in(incident_of(running, out))["trigger"]
    fds, threads = re.fullmatch(r"trigger when-1: fds ([\d,]+), above 300 and threads (\d+), above 50",
                                reason).groups()
    assert int(fds.replace(",", "")) == len(os.listdir(f"/proc/{grow.pid}/fd"))
    assert 50 < int(threads) <= len(os.listdir(f"/proc/{grow.pid}/task"))  # it may grow still


@pytest.mark.parametrize("condition", [
    "growth > 5MiB/s", "limit_used > 20%", "limit_in < 60s", "anon > 60MiB", "anon > 20%",
    "usage > 60MiB", "rss > 60MiB"])
def test_the_memory_grows(watch, start, group, out, condition):
    target = start("leak", VERSION, "-rate", 20, "-await", cgroup=group)
    running = watch("--pid", target.pid, "--out", out, "--when", condition)
    wait_until(lambda: said(running, "baseline taken"), 20, running.output)
    time.sleep(1.5)
    assert not said(running, "trigger "), running.output()
    target.process.stdin.write("\n")
    target.process.stdin.flush()
    assert condition.split()[0] in report_in(incident_of(running, out))["trigger"]
    assert target.process.poll() is None, "long before the kill"


def page_cache_eater(group, folder, number=0):
    """Writes a file that is larger than the limit, again and again; in a session of its own."""
    script = f"while :; do head -c 64M /dev/zero > {folder / f'large-{number}'}; done"
    return subprocess.Popen(group.command(["sh", "-c", script]), start_new_session=True)


def end_session(process):
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def test_another_process_of_the_cgroup_is_killed(begin, start, cgroup, out):
    """The target lives on."""
    group = cgroup(None)
    group.write("memory.limit_in_bytes", 64 * MIB)  # alone: with memsw some kernels count nothing
    target = start("grow", VERSION, cgroup=group)
    running = begin(target, "--when", "limit_hits > 0 and oom_kills > 0")
    eater = subprocess.run(group.command(["/usr/bin/python3", "-c", "b'x' * (200 << 20)"]))
    assert eater.returncode == -signal.SIGKILL
    reason = report_in(incident_of(running, out))["trigger"]
    assert re.fullmatch(r"trigger when-1: limit_hits [\d,]+, above 0 and oom_kills 1, above 0", reason)
    assert target.process.poll() is None


def test_pressure(begin, start, cgroup, out, tmp_path):
    if not Path("/proc/pressure/memory").exists():
        pytest.skip("this kernel has no PSI")
    group = cgroup(24 * MIB)
    target = start("grow", VERSION, cgroup=group)
    running = watch_pressure(begin, target)
    eaters = [page_cache_eater(group, tmp_path, i) for i in range(4)]
    try:
        assert "psi_some" in report_in(incident_of(running, out))["trigger"]
    finally:
        for eater in eaters:
            end_session(eater)


def watch_pressure(begin, target):
    before = Path("/proc/pressure/memory").read_text()
    average = float(re.search(r"some avg10=([\d.]+)", before)[1])
    if average > 20:
        pytest.skip("the machine is under pressure already")
    return begin(target, "--when", f"psi_some > {average + 0.5:.1f}%")


# ---- without a memory limit ----

NODE_BYTES = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


@pytest.fixture
def free_grow(start, cgroup, tmp_path):
    """A program without a limit, under a name of its own."""
    path = tmp_path / f"free-{os.getpid() % 10000}"
    shutil.copy(program("grow", VERSION), path)
    group = cgroup(None)
    if int(re.search(r"hierarchical_memory_limit (\d+)", group.read("memory.stat"))[1]) < 1 << 62:
        pytest.skip("a cgroup above has a limit")
    return start(path, VERSION, cgroup=group)


def whom(kind, target):
    """Options of `whyoom watch` that reach it."""
    return {"pid": ["--pid", target.pid], "name": ["--name", target.path.name], "all": ["--all"]}[kind]


def only(kind, target, condition):
    """--all is about other programs of the machine as well."""
    return f"""
triggers:
  - {{name: free, when: "{condition}", only: {{name: "{target.path.name}"}}}}
"""


@pytest.mark.parametrize("kind", ["pid", "name"])
@pytest.mark.parametrize("condition, story", [
    ("growth > 20MiB/s", ["keep 150"]), ("goroutines > 5000", ["goroutines 9000"]),
    ("fds > 200 and threads > 40", ["fds 300", "threads 60"]),
    ("anon > 60MiB and heap_live > 60MiB and limit_used > 0.01%", ["keep 100"])])
def test_without_a_memory_limit(out, watch, free_grow, tmp_path, kind, condition, story):
    check_without_limit(out, watch, free_grow, tmp_path, kind, condition, story)


def test_without_a_memory_limit_among_all(out, watch, free_grow, tmp_path):
    check_without_limit(out, watch, free_grow, tmp_path, "all", "goroutines > 5000",
                        ["goroutines 9000"])


def check_without_limit(out, watch, free_grow, tmp_path, kind, condition, story):
    config = write_config(tmp_path, only(kind, free_grow, condition))
    running = watch(*whom(kind, free_grow), "--out", out, "--config", config)
    text = f"process {free_grow.pid} "
    wait_until(lambda: said(running, text), 20, running.output)
    line = next(line for line in running.stderr_path.read_text().splitlines() if text in line)
    assert line.endswith(", the machine's memory"), line
    wait_until(lambda: list(out.glob(f"*-{free_grow.pid}.partial/capture-*/report.json")), 30,
               running.output)
    time.sleep(2.5)
    assert not said(running, "trigger "), running.output()
    for command in story:
        free_grow.say(command)
    # Programs of this name that other tests run are seen by --all as well.
    wait_until(lambda: any(report_in(folder)["identity"]["pid"] == free_grow.pid
                           for folder in incidents_in(out)), 40, running.output)
    folder = next(folder for folder in incidents_in(out)
                  if report_in(folder)["identity"]["pid"] == free_grow.pid)
    assert report_in(folder)["trigger"].startswith(f"trigger free: {condition.split()[0]} ")
    assert free_grow.process.poll() is None


def test_the_limit_of_one_without_is_the_machines(watch, free_grow, tmp_path, whyoom):
    """And its numbers are its own: not those of the machine, nor of the rest of its cgroup."""
    watch("--pid", free_grow.pid, "--out", tmp_path / "out")
    free_grow.say("keep 50")
    time.sleep(4)
    rows = list(csv.DictReader(whyoom("timeline", free_grow.pid, "--csv").stdout.splitlines()))
    resident = int(Path(f"/proc/{free_grow.pid}/statm").read_text().split()[1]) * 4096
    assert float(rows[-1]["limit_bytes"]) == pytest.approx(NODE_BYTES, rel=0.02)
    assert float(rows[-1]["usage_bytes"]) == pytest.approx(resident, rel=0.05)
    assert 50 * MIB < float(rows[-1]["anon_bytes"]) < 80 * MIB


def test_another_that_grows_is_not_it(watch, free_grow, start, cgroup, out, tmp_path):
    """Growth beside it, in the same cgroup, fires nothing."""
    config = write_config(tmp_path, only("pid", free_grow, "growth > 20MiB/s"))
    other = start("grow", VERSION, cgroup=cgroup(None))
    running = watch("--pid", free_grow.pid, "--out", out, "--config", config)
    wait_until(lambda: said(running, "baseline taken"), 20, running.output)
    other.say("keep 300")
    time.sleep(2)
    assert not said(running, "trigger "), running.output()
    free_grow.say("keep 100")
    wait_until(lambda: said(running, "trigger free: growth"), 20, running.output)


def test_a_limit_that_comes_later(watch, start, cgroup, tmp_path, whyoom):
    group = cgroup(None)
    target = start("grow", VERSION, cgroup=group)
    watch("--pid", target.pid, "--out", tmp_path / "out")
    time.sleep(2)
    group.write("memory.limit_in_bytes", LIMIT_BYTES)

    def limit():
        rows = list(csv.DictReader(whyoom("timeline", target.pid, "--csv").stdout.splitlines()))
        return rows and rows[-1]["limit_bytes"] and float(rows[-1]["limit_bytes"])

    wait_until(lambda: limit() == LIMIT_BYTES, 30, "the new limit")


def test_it_cannot_be_held_there(whyoom, free_grow):
    refused = whyoom("watch", "--pid", free_grow.pid, "--hold", code=USAGE)
    assert "no kill for the machine's memory can be held" in refused.stderr


def test_several_conditions(begin, grow, out):
    running = begin(grow, "--when", "fds > 100", "--when", "goroutines > 5000")
    grow.say("fds 200")
    wait_until(lambda: said(running, "trigger when-1: fds "), 20, running.output)
    grow.say("goroutines 9000")
    wait_until(lambda: said(running, "trigger when-2: goroutines "), 20, running.output)


# ---- how often ----

@pytest.mark.short
def test_cooldown_and_quota(begin, grow, out, tmp_path):
    config = write_config(tmp_path, """
triggers:
  - name: files
    when: fds > 100
    cooldown: 1s
    quota: 3
""")
    running = begin(grow, "--config", config)
    grow.say("fds 200")
    wait_until(lambda: said(running, "its quota of 3 an hour is used up"), 30, running.output)
    wait_until(lambda: len(incidents_in(out)) == 3, 20, running.output)
    time.sleep(2)
    assert len(incidents_in(out)) == 3
    text = running.stderr_path.read_text()
    assert text.count("trigger files: fds ") == 3
    assert text.count("is used up") == 1


def test_once_within_the_cooldown(begin, grow, out):
    running = begin(grow, "--when", "fds > 100")
    grow.say("fds 200")
    incident_of(running, out)
    time.sleep(3)
    assert len(incidents_in(out)) == 1


def test_it_is_about_those_that_match(begin, grow, out, tmp_path):
    config = write_config(tmp_path, """
triggers:
  - name: others
    when: fds > 100
    only: {name: "nobody-*"}
  - name: ours
    when: fds > 100
    only: {name: "gr?w", cgroup: "*whyoom-test-*"}
""")
    running = begin(grow, "--config", config)
    grow.say("fds 200")
    assert report_in(incident_of(running, out))["trigger"].startswith("trigger ours: ")
    assert not said(running, "trigger others")


# ---- what is done then ----

@pytest.mark.short
def test_a_command_gets_the_incident_and_no_privileges(begin, grow, out, tmp_path):
    script = r'echo "argument $1"; env; id -un; grep -E "Cap(Eff|Prm|Bnd)|NoNewPrivs" /proc/self/status;' \
             ' ls -l /proc/self/fd'
    config = write_config(tmp_path, do(f"      - run: [/bin/sh, -c, '{script}', sh]"))
    running = begin(grow, "--config", config)
    grow.say("fds 200")
    folder = incident_of(running, out)
    wait_until(lambda: said(running, "/bin/sh ended with code 0"), 20, running.output())
    log = (folder / "actions.log").read_text()
    assert f"argument {folder}\n" in log
    assert f"WHYOOM_INCIDENT={folder}\n" in log
    assert f"WHYOOM_PID={grow.pid}\n" in log
    assert "WHYOOM_TRIGGER=files\n" in log and "WHYOOM_REASON=trigger files: fds 20" in log
    assert "STATE_DIRECTORY" not in log
    assert "\nnobody\n" in log
    for name in ("Eff", "Prm", "Bnd"):
        assert f"Cap{name}:\t0000000000000000\n" in log
    assert "NoNewPrivs:\t1\n" in log
    descriptors = re.findall(r" (\d+) -> ", log)
    assert sorted(descriptors)[:3] == ["0", "1", "2"] and len(descriptors) <= 4, log


def test_a_command_as_root(begin, grow, out, tmp_path):
    config = write_config(tmp_path, do("      - run: [/bin/sh, -c, id -un]\n        as: root"))
    running = begin(grow, "--config", config)
    grow.say("fds 200")
    wait_until(lambda: said(running, "/bin/sh ended with code 0"), 20, running.output)
    assert "\nroot\n" in (incidents_in(out)[0] / "actions.log").read_text()


def test_a_command_that_does_not_end_or_is_not_there_or_talks_too_much(begin, grow, out, tmp_path):
    config = write_config(tmp_path, do("""
      - run: [/bin/sh, -c, "sleep 1000 & yes"]
        timeout: 1s
      - run: /no/such/program
"""))
    running = begin(grow, "--config", config)
    grow.say("fds 200")
    wait_until(lambda: said(running, "/no/such/program ended with code 127"), 20, running.output)
    assert said(running, "/bin/sh took longer than 1.0"), running.output()
    assert (incidents_in(out)[0] / "actions.log").stat().st_size <= MIB
    left = subprocess.run(["pgrep", "-u", "nobody", "-f", "^(sleep 1000|yes)"], capture_output=True)
    assert left.stdout == b""


def test_relief_is_printed_and_done(whyoom, begin, grow, out, tmp_path):
    config = write_config(tmp_path, do("      - relieve: {gogc: 50}"))
    running = begin(grow, "--config", config, "--state", tmp_path / "state")
    assert "GOGC=100" in whyoom(grow.pid).stdout
    grow.say("fds 200")
    wait_until(lambda: said(running, "whyoom relieve ended with code 0"), 20, running.output)
    log = (incidents_in(out)[0] / "actions.log").read_text()
    assert f"relieve {grow.pid} --gogc 50" in log and "GOGC" in log
    grow.say("collect")
    assert "GOGC=50" in whyoom(grow.pid).stdout
    whyoom("relieve", grow.pid, "--undo", "--state", tmp_path / "state")  # it is noted there
    grow.say("collect")
    assert "GOGC=100" in whyoom(grow.pid).stdout


def test_the_limit_of_the_cgroup_is_raised(begin, grow, group, out, tmp_path):
    config = write_config(tmp_path, do("      - relieve: {cgroup-limit: +50%}"))
    running = begin(grow, "--config", config)
    grow.say("fds 200")
    wait_until(lambda: said(running, "whyoom relieve --cgroup ended with code 0"), 20, running.output)
    assert int(group.read("memory.limit_in_bytes")) == LIMIT_BYTES * 3 // 2


def test_the_kill_is_held_from_then_on(watch, start, group, out, tmp_path):
    target = start("leak", VERSION, "-rate", 100, "-await", cgroup=group)
    config = write_config(tmp_path, """
triggers:
  - {name: grows, when: growth > 20MiB/s, do: hold}
""")
    running = watch("--pid", target.pid, "--out", out, "--config", config)
    wait_until(lambda: said(running, "baseline taken"), 20, running.output)
    target.process.stdin.write("\n")
    target.process.stdin.flush()
    assert running.wait(60) == OK, running.output()
    assert said(running, "the kill will be held"), running.output()
    assert said(running, "held the kill for"), running.output()
    assert target.process.wait(20) == -signal.SIGKILL
    assert group.oom_control()["oom_kill_disable"] == 0


def test_a_command_after_the_kill(watch, start, group, out, tmp_path):
    target = start("leak", VERSION, "-rate", 200, "-await", cgroup=group)
    config = write_config(tmp_path, """
triggers:
  - {name: killed, when: oom_kills > 0, do: {run: [/bin/sh, -c, 'ls "$1"', sh]}}
""")
    running = watch("--pid", target.pid, "--out", out, "--config", config)
    wait_until(lambda: said(running, "baseline taken"), 20, running.output)
    target.process.stdin.write("\n")
    target.process.stdin.flush()
    assert running.wait(60) == OK, running.output()
    folder = running.incident()
    wait_until(lambda: said(running, "/bin/sh ended with code 0"), 20, running.output())
    assert "report.json" in (folder / "actions.log").read_text()
    assert report_in(folder)["kill"]["cause"] == "cgroup-oom"


def test_older_incidents_are_removed(whyoom, begin, grow, out, tmp_path):
    config = write_config(tmp_path, "triggers:\n  - {name: files, when: fds > 100, cooldown: 1s, quota: 4}\n")
    (out / "incident-of-somebody").mkdir(parents=True)  # no manifest: not ours
    running = begin(grow, "--config", config, "--keep", 2)
    grow.say("fds 200")
    wait_until(lambda: running.stderr_path.read_text().count("incident: ") == 4, 30, running.output)
    wait_until(lambda: len(incidents_in(out)) == 3, 10, "the oldest are removed")
    told = re.findall(r"incident: (\S+)", running.stderr_path.read_text())
    assert {str(path) for path in incidents_in(out)} == {*told[-2:], str(out / "incident-of-somebody")}

    def rows_here():  # the timeline has the incidents of other tests as well
        return [row for row in json.loads(whyoom("incidents", "--json").stdout)
                if Path(row["directory"]).parent == out]

    rows = wait_until(lambda: len(rows_here()) == 4 and rows_here(), 10, "all are on the timeline")
    removed = {row["directory"]: row["removed"] for row in rows}
    assert removed == dict(zip(told, (True, True, False, False)))
    lines = whyoom("incidents").stdout.splitlines()
    assert [line.endswith(f"{path} (removed since)") for path in told for line in lines if path in line] == [
        True, True, False, False]
    gone = whyoom("report", rows[-1]["id"], code=TARGET_ERROR)
    assert "--keep" in gone.stderr


# ---- the timeline ----

def test_the_timeline_knows_the_runtime_between_captures(whyoom, begin, grow, tmp_path):
    begin(grow)
    grow.say("goroutines 1234")
    grow.say("keep 50")
    time.sleep(3)
    own = grow.ask_json("numbers", tmp_path / "numbers")
    time.sleep(1.5)
    rows = csv.DictReader(whyoom("timeline", grow.pid, "--csv").stdout.splitlines())
    last = list(rows)[-1]
    assert float(last["goroutines"]) == own["goroutines"], last
    assert float(last["heap_live_bytes"]) == pytest.approx(own["heap_alloc"], rel=0.05)


# ---- the file ----

@pytest.mark.short
@pytest.mark.parametrize("text, message, hint", [
    ("triggers:\n  - name: a\n    when: gorutines > 5\n", "3:11: there is no metric gorutines",
     "did you mean goroutines?"),
    ("kep: {}\n", "1:1: there is no key kep here", "did you mean keep?"),
    ("triggers:\n  - name: a\n    when: heap_live > 5%%\n", "3:23: heap_live is compared with a size", ""),
    ("triggers: [\n", "2:1: not YAML", ""),
    ("a: &a [x]\nb: [*a, *a]\n", "1:4: anchors (&) are not for this file", ""),
])
def test_mistakes_are_told_with_their_place(whyoom, tmp_path, text, message, hint):
    path = write_config(tmp_path, text)
    for options in (["--check", path], ["--pid", os.getpid(), "--config", path]):
        result = whyoom("watch", *options, code=USAGE)
        assert f"{path}:{message}" in result.stderr, result.stderr
        assert hint in result.stderr, result.stderr
        assert result.stdout == ""


def test_a_file_is_told_in_words(whyoom, tmp_path):
    path = write_config(tmp_path, do("      - relieve: {memory-limit: auto}\n      - run: /bin/true"))
    text = whyoom("watch", "--check", path).stdout
    assert "Trigger files: when fds (the open file descriptors of the process) is above 100" in text
    assert "CHANGES the process, as `whyoom relieve PID --memory-limit auto` does" in text
    assert "runs /bin/true INCIDENT, as nobody" in text


def test_a_file_that_others_can_change_may_not_act(whyoom, tmp_path):
    path = write_config(tmp_path, do("      - run: /bin/true"))
    path.chmod(0o666)
    assert "others than you can change it" in whyoom("watch", "--check", path, code=USAGE).stderr


# ---- all programs of a host ----

def test_triggers_over_many(watch, start, cgroup, out, tmp_path):
    config = write_config(tmp_path, """
triggers:
  - {name: many, when: goroutines > 1000}
  - {name: files, when: fds > 100, cooldown: 2s, quota: 2}
""")
    own = tmp_path / f"g-{os.getpid()}"  # no other test has programs of that name
    shutil.copy(program("grow", VERSION), own)
    targets = [start(own, VERSION, cgroup=cgroup(200 * MIB)) for _ in range(3)]
    running = watch("--name", own.name, "--out", out, "--config", config)
    wait_until(lambda: len(list(out.glob("baseline-*/capture-*/manifest.json"))) == 3, 30,
               "the baselines")
    time.sleep(3)
    targets[1].say("goroutines 2000")
    targets[2].say("fds 200")
    wait_until(lambda: said(running, "its quota of 2 an hour is used up"), 60, running.output())
    found = sorted((report_in(path)["identity"]["pid"], report_in(path)["trigger"].split(":")[0])
                   for path in incidents_in(out))
    assert found == sorted([(targets[1].pid, "trigger many"), (targets[2].pid, "trigger files"),
                            (targets[2].pid, "trigger files")])
    assert all(target.process.poll() is None for target in targets)
