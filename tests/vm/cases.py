# SPDX-License-Identifier: Apache-2.0
"""What is expected of the scenarios that tests/vm/init plays. A case takes all results, {name:
bytes}, raises AssertionError, and may return a note."""

import gzip
import json
import re
from datetime import datetime

MIB = 1 << 20
REMEMBER = "main.(*leakyCache).remember"
RECORDER = "example.com/exportd/internal/accesslog.(*bodyRecorder).Write"
OK, TARGET_ERROR = 0, 3
KILLED = "137"  # what a shell makes of signal 9


def text(results, name, otherwise=None):
    if otherwise is not None and name not in results:
        return otherwise
    return results[name].decode(errors="replace").strip()


def equal(what, actual, expected):
    assert actual == expected, f"{what}: {actual!r}, expected {expected!r}"


def contains(what, haystack, needle):
    assert needle in haystack, f"{what} lacks {needle!r}:\n{haystack}"


def check_exit(results, case, code):
    said = text(results, f"{case}/out") + "\n" + text(results, f"{case}/err")
    actual = int(text(results, f"{case}/exit"))
    assert actual == code, f"exit code {actual}, expected {code}; it said:\n{said}"


def seconds(later, earlier):
    return (datetime.fromisoformat(later) - datetime.fromisoformat(earlier)).total_seconds()


def check_report(results, case, limit_mib):
    """What holds for every process killed at the limit of a cgroup; returns the report."""
    check_exit(results, case, OK)
    assert f"{case}/incident" in results, "no incident:\n" + text(results, f"{case}/err")
    report = json.loads(results[f"{case}/report.json"])
    kill = report["kill"]
    equal("kill.cause", kill["cause"], "cgroup-oom")
    equal("kill.signal", kill["signal"], 9)
    equal("kill.limit_bytes", kill["limit_bytes"], limit_mib * MIB)
    equal("cgroup.limit_bytes", report["cgroup"]["limit_bytes"], limit_mib * MIB)
    equal("cgroup.version", report["cgroup"]["version"], 2)
    equal("kill.oom_kills_before", kill["oom_kills_before"], 0)
    check_ledger(results, case)
    return report


def check_started(results, case):
    assert float(text(results, f"{case}/started")) > 0


def check_ledger(results, case):
    ledger = json.loads(results[f"{case}/ledger.json"])
    own = sum(row["bytes"] for row in ledger["rows"] if row["depth"] == 0)
    equal("the sum of the ledger's rows", own, ledger["total_bytes"])
    equal("the ledger's total", ledger["total"], "usage")
    for row in ledger["rows"]:
        if row["key"] == "unexplained":
            share = abs(row["bytes"]) / ledger["total_bytes"]
            assert share < 0.05, f"{share:.0%} of the ledger is unexplained"


def check_guilty(report, function):
    verdict = report["verdict"]
    assert verdict["determined"], f"not determined: {verdict['sentence']}"
    assert verdict["guilty"]["function"] == function, verdict["sentence"]


def last_capture(report):
    before_s = seconds(report["kill"]["time"], report["evidence"]["taken"])
    share = report["cgroup"]["usage_bytes"] / report["kill"]["limit_bytes"]
    return f"last capture {before_s * 1000:.0f} ms before the kill, at {share:.0%} of the limit"


def check_leak(results, case):
    report = check_report(results, case, 128)
    equal("kill.pid", report["kill"]["pid"], int(text(results, f"{case}/pid")))
    equal("kill.oom_kills_after", report["kill"]["oom_kills_after"], 1)
    equal("kill.limit_cgroup", report["kill"]["limit_cgroup"], f"/{case}")
    contains("kernel_line", report["kill"]["kernel_line"], "Memory cgroup out of memory: Killed")
    equal("the target's exit code", text(results, f"{case}/target-exit"), KILLED)
    check_guilty(report, REMEMBER)
    before = text(results, f"{case}/settings-before")
    contains("the cgroup's settings", before, "memory.high=max")
    equal("the cgroup's settings afterwards", text(results, f"{case}/settings-after"), before)
    return last_capture(report)


def case_leak(results):
    """A leak is killed at its limit: the report is complete, the cgroup untouched."""
    contains("cgroup.controllers", text(results, "boot/controllers"), "memory")
    return check_leak(results, "leak")


def case_old_leak(results):
    """The same with Go 1.22."""
    return check_leak(results, "old-leak")


def case_parent_limit(results):
    """The limit is that of the parent."""
    report = check_report(results, "parent", 128)
    equal("cgroup.path", report["cgroup"]["path"], "/sys/fs/cgroup/parent/child")
    equal("cgroup.limit_path", report["cgroup"]["limit_path"], "/sys/fs/cgroup/parent")
    equal("kill.limit_cgroup", report["kill"]["limit_cgroup"], "/parent")
    equal("kill.oom_kills_after", report["kill"]["oom_kills_after"], 1)
    equal("the target's exit code", text(results, "parent/target-exit"), KILLED)
    check_guilty(report, REMEMBER)
    return last_capture(report)


def case_sibling(results):
    """The limit is that of the parent, and a sibling has filled half of it."""
    report = check_report(results, "sibling", 192)
    equal("cgroup.limit_path", report["cgroup"]["limit_path"], "/sys/fs/cgroup/shared")
    equal("the target's exit code", text(results, "sibling/target-exit"), KILLED)
    assert report["cgroup"]["usage_bytes"] > 60 * MIB, f"too early: {last_capture(report)}"
    return last_capture(report)


def case_without_controller(results):
    """The process is in a cgroup without the memory controller, below one that has it."""
    report = check_report(results, "above", 128)
    equal("cgroup.path", report["cgroup"]["path"], "/sys/fs/cgroup/above")
    equal("kill.limit_cgroup", report["kill"]["limit_cgroup"], "/above")
    equal("kill.oom_kills_after", report["kill"]["oom_kills_after"], 1)
    equal("the target's exit code", text(results, "above/target-exit"), KILLED)
    check_guilty(report, REMEMBER)
    return last_capture(report)


def case_relief(results):
    """Relief: garbage that would not fit is collected; memory.max goes up, and down again."""
    for case in ("relief", "relief-raise", "relief-lower", "relief-undo"):
        check_exit(results, case, OK)
    done = json.loads(results["relief/out"])
    limit = done["changes"]["memory_limit"]["after"]
    equal("the room", done["memory"]["room"]["limit_bytes"], 128 * MIB)
    assert done["memory"]["goal_before_bytes"] > 128 * MIB, "there would have been no kill"
    settings = json.loads(results["relief/settings"])
    equal("the program's own limit", settings["memory_limit"], limit)
    equal("memory.max, raised", text(results, "relief-raise/max"), str(160 * MIB))
    check_exit(results, "relief-too-much", 2)
    equal("memory.max, lowered", text(results, "relief-lower/max"), str(128 * MIB))
    equal("the undo", json.loads(results["relief-undo/out"])["undone"]["memory_limit"]["outcome"],
          "restored")
    contains("memory.events", text(results, "relief/events"), "oom_kill 0")


def kept_bytes(results, case):
    """What the eater itself said that it keeps; the word outlives it."""
    return int.from_bytes(results[f"{case}/truth"][:8], "little")


def explained(report, kept):
    """The share of what the program kept that the profile tells."""
    return sum(row["flat_bytes"] for row in report["heap"]["now"]) / kept


def check_unchanged(results, case):
    equal("the cgroup's settings afterwards", text(results, f"{case}/settings-after"),
          text(results, f"{case}/settings-before"))


def check_held(results, case, limit_mib):
    """Held while the evidence was taken, killed after that, everything as it was."""
    report = check_report(results, case, limit_mib)
    kill = report["kill"]
    equal("kill.pid", kill["pid"], int(text(results, f"{case}/pid")))
    equal("the target's exit code", text(results, f"{case}/target-exit"), KILLED)
    contains("what whyoom said", text(results, f"{case}/err"), "captured, the kill held, at")
    equal("kill.held", kill["held"], True)
    # A later capture that came out whole, nearer to the kill, may have replaced the held one.
    assert "memory.high=max" not in text(results, f"{case}/settings-armed"), "it was not armed"
    check_unchanged(results, case)
    return report


def check_held_heap(results, case, limit_mib, function):
    report = check_held(results, case, limit_mib)
    check_guilty(report, function)
    share = explained(report, kept_bytes(results, case))
    assert share >= 0.9, f"the profile tells {share:.0%} of what the program kept"
    return (f"held for {report['kill']['held_ns'] / 1e6:.0f} ms, the profile tells {share:.0%}, "
            + last_capture(report))


def case_held_slow(results):
    """Hold: a slow leak."""
    return check_held_heap(results, "held-slow", 128, "main.hoard")


def case_held_explosion(results):
    """Hold: an explosion, eight threads as fast as they can."""
    return check_held_heap(results, "held-explosion", 512, "main.hoard")


def case_held_giant(results):
    """Hold: one giant allocation, four times the limit."""
    return check_held_heap(results, "held-giant", 256, "main.takeGiant")


def case_held_goroutines(results):
    """Hold: goroutines without end."""
    report = check_held(results, "held-goroutines", 128)
    count = report["goroutines"]["count"]
    assert count > 5000, f"{count} goroutines"
    return f"{count} goroutines, " + last_capture(report)


def case_held_ancestor(results):
    """Hold: the limit is that of the parent; by the child's process it is refused."""
    assert int(text(results, "held-ancestor-refused/exit")) != OK
    contains("the message", text(results, "held-ancestor-refused/err"), "above")
    report = check_held(results, "held-ancestor", 128)
    equal("kill.limit_cgroup", report["kill"]["limit_cgroup"], "/held-ancestor")
    check_guilty(report, "main.hoard")
    return last_capture(report)


def case_held_group(results):
    """Hold: a group kill; the eater's evidence, and both are killed."""
    report = check_report(results, "held-group", 160)
    equal("kill.held", report["kill"]["held"], True)
    for case in ("held-group", "held-group-bystander"):
        equal(f"the exit code of {case}", text(results, f"{case}/target-exit"), KILLED)
    contains("memory.events", text(results, "held-group/events"), "oom_group_kill 1")
    check_guilty(report, "main.hoard")
    check_unchanged(results, "held-group")
    return last_capture(report)


def case_held_cache(results):
    """Hold: page cache only. The kernel takes it back; nothing is held, no incident is raised."""
    check_exit(results, "held-cache", OK)
    contains("what the program said", text(results, "held-cache/written"), "ok")
    contains("memory.events", text(results, "held-cache/events"), "oom_kill 0")
    events = dict(line.split() for line in text(results, "held-cache/events").splitlines())
    assert int(events["high"]) > 0, "the cache never reached the edge"
    assert "memory.high=max" not in text(results, "held-cache/settings-armed"), "it gave up"
    assert "held the kill" not in text(results, "held-cache/err"), text(results, "held-cache/err")
    assert "held-cache/incident" not in results, "an incident was raised"
    check_unchanged(results, "held-cache")
    return f"{events['high']} times above the edge"


def case_held_child(results):
    """Hold: a child process takes it all and is killed; the watched one lives."""
    contains("what the program said", text(results, "held-child/said"), "child: signal: killed")
    contains("what whyoom said", text(results, "held-child/err"), "captured, the kill held, at")
    report = json.loads(results["held-child/report.json"])
    equal("kill.cause", report["kill"]["cause"], "none")
    assert "hoard" not in report["verdict"]["sentence"], report["verdict"]["sentence"]
    check_unchanged(results, "held-child")


def case_held_signal(results):
    """Hold: SIGKILL that is no OOM."""
    check_exit(results, "held-signal", OK)
    contains("what whyoom said", text(results, "held-signal/out"), "not by the OOM killer")
    assert "held-signal/incident" not in results, "an incident was raised"
    check_unchanged(results, "held-signal")


def check_stopped(results, case):
    check_started(results, case)
    equal("the cgroup was frozen", text(results, f"{case}/frozen", "no"), "yes")
    equal("the target lived while it was held", text(results, f"{case}/alive", "no"), "yes")


def case_whyoom_hangs(results):
    """Hold: whyoom hangs; the time limit lets the target go."""
    check_stopped(results, "hung-whyoom")
    equal("undone", text(results, "hung-whyoom/undone", "no"), "yes")
    equal("the target's exit code", text(results, "hung-whyoom/target-exit"), KILLED)
    check_unchanged(results, "hung-whyoom")


def case_whyoom_killed(results):
    """Hold: whyoom is killed; the guard undoes it all."""
    check_stopped(results, "killed-whyoom")
    equal("undone", text(results, "killed-whyoom/undone", "no"), "yes")
    equal("the target's exit code", text(results, "killed-whyoom/target-exit"), KILLED)
    check_unchanged(results, "killed-whyoom")


def case_guard_killed(results):
    """Hold: the guard is killed; whyoom undoes it all."""
    check_stopped(results, "killed-guard")
    equal("nobody has undone it before", text(results, "killed-guard/still-frozen", "no"), "yes")
    contains("what whyoom said", text(results, "killed-guard/err"), "the guard process died")
    equal("undone", text(results, "killed-guard/undone", "no"), "yes")
    equal("the target's exit code", text(results, "killed-guard/target-exit"), KILLED)
    check_unchanged(results, "killed-guard")


def case_both_killed(results):
    """Hold: whyoom and its guard are killed at once; `whyoom relieve --undo` undoes it all."""
    check_stopped(results, "killed-both")
    equal("nobody has undone it before", text(results, "killed-both/still-frozen", "no"), "yes")
    assert "memory.high=max" not in text(results, "killed-both/settings-left"), "nothing was left"
    check_exit(results, "killed-both-undo", OK)
    contains("what relieve said", text(results, "killed-both-undo/out"), "its settings are put back")
    equal("undone", text(results, "killed-both/undone", "no"), "yes")
    equal("the target's exit code", text(results, "killed-both/target-exit"), KILLED)
    check_unchanged(results, "killed-both")


def case_both_killed_armed(results):
    """Hold: both are killed while nothing happened; the next watch undoes it."""
    check_started(results, "killed-armed")
    assert "memory.high=max" not in text(results, "killed-armed/settings-left"), "nothing was left"
    contains("what the next said", text(results, "killed-armed-next/err"), "its settings are put back")
    check_unchanged(results, "killed-armed")


def fired(results, case, words):
    """The values that the triggers told, and that an incident was made."""
    check_started(results, case)
    said = text(results, f"{case}/err")
    values = []
    for word in words:
        found = re.search(rf"trigger when-\d: {word} ([^,]+), above", said)
        assert found, f"{word} has not fired:\n{said}"
        values.append(f"{word} {found[1]}")
    assert f"{case}/incident" in results, "no incident:\n" + said
    return ", ".join(values)


def case_trigger_pressure(results):
    """Triggers: psi_full, psi_some and high_hits, of one that is slowed down at memory.high."""
    note = fired(results, "trigger-pressure", ["psi_full", "psi_some", "high_hits"])
    events = dict(line.split() for line in text(results, "trigger-pressure/events").splitlines())
    assert int(events["high"]) > 3
    contains("memory.events", text(results, "trigger-pressure/events"), "oom_kill 0")
    return note


def case_trigger_cache(results):
    """Triggers: file, of one that fills the page cache."""
    return fired(results, "trigger-cache", ["file"])


def case_trigger_ooms(results):
    """Triggers: ooms, of one whose child is killed; it lives on."""
    note = fired(results, "trigger-ooms", ["ooms"])
    assert "oom_kill 0" not in text(results, "trigger-ooms/events").splitlines()
    return note


def case_node_limit(results):
    """No cgroup has a limit: the machine's memory is it, and the evidence is there all the same."""
    check_started(results, "node")
    contains("the first line", text(results, "node/err").splitlines()[0], ", the machine's memory")
    check_exit(results, "node", OK)
    assert "node/incident" in results, "no incident:\n" + text(results, "node/err")
    report = json.loads(results["node/report.json"])
    equal("kill.cause", report["kill"]["cause"], "global-oom")
    equal("kill.pid", report["kill"]["pid"], int(text(results, "node/pid")))
    check_guilty(report, "main.hoard")
    share = explained(report, kept_bytes(results, "node"))
    assert share > 0.5, f"the profile tells {share:.0%} of what the program kept"
    return f"the profile tells {share:.0%}"


def case_machine_full(results):
    """The machine is full, and one that did not grow is killed: it is not accused."""
    check_exit(results, "full", OK)
    report = json.loads(results["full/report.json"])
    verdict, kill = report["verdict"], report["kill"]
    equal("kill.cause", kill["cause"], "global-oom")
    equal("kill.pid", kill["pid"], int(text(results, "full/pid")))
    equal("kill.consumer.pid", kill["consumer"]["pid"], int(text(results, "full/other")))
    equal("verdict.rule", verdict["rule"], "machine-full")
    equal("verdict.guilty.function", verdict["guilty"]["function"], "")
    return verdict["sentence"]


def case_target_killed(results):
    """Hold: the target is killed by somebody else while it is held."""
    check_stopped(results, "killed-target")
    check_exit(results, "killed-target", OK)
    said = text(results, "killed-target/out")  # a report, where it woke up early enough to capture
    assert "not by the OOM killer" in said or "the kernel counted no OOM kill" in said, said
    check_unchanged(results, "killed-target")


def case_limit_changed(results):
    """Hold: the limit is raised meanwhile, and the edge follows."""
    raised = int(text(results, "changed/high-raised"))
    assert 240 * MIB < raised < 256 * MIB, f"memory.high is {raised}"
    report = check_report(results, "changed", 256)
    equal("kill.held", report["kill"]["held"], True)
    contains("the settings afterwards", text(results, "changed/settings-after"), "memory.high=max")
    return last_capture(report)


def case_foreign_high(results):
    """Hold: what somebody else writes to memory.high meanwhile stays."""
    report = check_report(results, "foreign", 128)
    equal("kill.held", report["kill"]["held"], True)
    contains("the settings afterwards", text(results, "foreign/settings-after"),
             f"memory.high={200 * MIB}")


def case_oomd(results):
    """Killed as systemd-oomd kills (its marks, set by a program of ours): told apart."""
    check_exit(results, "oomd", OK)
    kill = json.loads(results["oomd/report.json"])["kill"]
    equal("kill.cause", kill["cause"], "systemd-oomd")
    equal("kill.oomd_cgroup", kill["oomd_cgroup"], "/sys/fs/cgroup/oomd")
    contains("the report", text(results, "oomd/report.txt"), "killed by systemd-oomd")


def case_traced(results):
    """How it ended is known although its parent has collected it at once."""
    check_exit(results, "traced", OK)
    contains("what whyoom said", text(results, "traced/out"), "ended by signal 15")


def case_traced_kill(results):
    """Without the kernel's log: the tracepoint says that the OOM killer chose it."""
    check_exit(results, "traced-kill", OK)
    kill = json.loads(results["traced-kill/report.json"])["kill"]
    equal("kill.cause", kill["cause"], "cgroup-oom")
    equal("kill.kernel_line", kill["kernel_line"], "")
    equal("kill.inferred", kill["inferred"], True)
    equal("kill.exit_source", kill["exit_source"], "the kernel's tracepoint of exits")


def case_chosen(results):
    """The victim is not the consumer: both are named, with their scores."""
    check_exit(results, "chosen", OK)
    kill = json.loads(results["chosen/report.json"])["kill"]
    equal("kill.pid", kill["pid"], int(text(results, "chosen/pid")))
    equal("kill.constraint", kill["constraint"], "cgroup")
    equal("kill.group_kill", kill["group_kill"], False)
    equal("kill.victim_count", kill["victim_count"], 1)
    equal("kill.oom_score_adj", kill["oom_score_adj"], 500)
    consumer = kill["consumer"]
    equal("the consumer", (consumer["pid"], consumer["name"], consumer["oom_score_adj"]),
          (int(text(results, "chosen/consumer")), "leak", -900))
    assert consumer["rss_bytes"] > 90 * MIB, consumer
    contains("the report", text(results, "chosen/report.txt"), "used more")


def check_many(results, case):
    check_started(results, case)
    reports = [json.loads(results[name]) for name in results if name.startswith(f"{case}/reports/")]
    equal("the incidents", len(reports), 2)
    for report in reports:
        equal("kill.cause", report["kill"]["cause"], "cgroup-oom")
        check_guilty(report, REMEMBER)
    equal("the limits", sorted(report["kill"]["limit_bytes"] for report in reports),
          [128 * MIB, 160 * MIB])
    for which in "ab":
        equal("a target's exit code", text(results, f"{case}-{which}/target-exit"), KILLED)


def case_many_by_name(results):
    """watch --name: two programs in cgroups of their own."""
    check_many(results, "many--name")


def case_many_all(results):
    """watch --all: the same."""
    check_many(results, "many--all")


def case_held_many_killed(results):
    """watch --all --hold: a slow kill and an explosion, each held by a watch of its own."""
    check_started(results, "held-many")
    notes = []
    for case in ("held-many-slow", "held-many-fast"):
        report = json.loads(results[f"{case}/report.json"])
        equal("kill.cause", report["kill"]["cause"], "cgroup-oom")
        equal("kill.held", report["kill"]["held"], True)
        check_guilty(report, "main.hoard")
        share = explained(report, kept_bytes(results, case))
        assert share >= 0.9, f"the profile tells {share:.0%} of what the program kept"
        equal("the target's exit code", text(results, f"{case}/target-exit"), KILLED)
        equal("memory.high", text(results, f"{case}/high-after"), text(results, f"{case}/high-before"))
        equal("cgroup.freeze", text(results, f"{case}/frozen-after"), "0")
        notes.append(f"{share:.0%}")
    return "the profiles tell " + " and ".join(notes)


def case_held_many_undone(results):
    """watch --all --hold: its child is killed, then it is; each time the cgroup is as it was."""
    for name in ("settings-armed", "settings-armed-again"):
        assert "memory.high=max" not in text(results, f"held-many/{name}"), "it was not armed"
    check_unchanged(results, "held-many")


def case_download(results):
    """The demo's service is killed by a download."""
    report = check_report(results, "download", 192)
    equal("kill.oom_kills_after", report["kill"]["oom_kills_after"], 1)
    check_guilty(report, RECORDER)
    return last_capture(report)


def case_group(results):
    """memory.oom.group: the leak is reported as killed with its cgroup."""
    report = check_report(results, "group", 160)
    equal("kill.pid", report["kill"]["pid"], int(text(results, "group/pid")))
    equal("kill.group_kill", report["kill"]["group_kill"], True)
    equal("kill.victim_count", report["kill"]["victim_count"], 2)
    equal("the target's exit code", text(results, "group/target-exit"), KILLED)
    contains("memory.events", text(results, "group/events"), "oom_group_kill 1")
    check_guilty(report, REMEMBER)
    return last_capture(report)


def case_bystander(results):
    """memory.oom.group: so is the process that did nothing."""
    report = check_report(results, "bystander", 160)
    equal("kill.pid", report["kill"]["pid"], int(text(results, "bystander/pid")))
    equal("the target's exit code", text(results, "bystander/target-exit"), KILLED)
    verdict = report["verdict"]
    assert not verdict["determined"] or verdict["rule"] == "other-process", verdict["sentence"]
    equal("the guilty function", verdict["guilty"]["function"], "")


def case_user(results):
    """A user without privileges looks at a process of their own."""
    check_exit(results, "user", OK)
    contains("the report", text(results, "user/out"), "remember")
    contains("the report", text(results, "user/out"), "128")
    check_exit(results, "user-heap", OK)
    contains("the profile", gzip.decompress(results["user-heap/heap.pb.gz"]).decode("latin-1"),
             REMEMBER)


def case_foreign(results):
    """A user without privileges may not look at a process of root."""
    check_exit(results, "user-foreign", TARGET_ERROR)
    contains("the message", text(results, "user-foreign/err"), "1")


def case_user_watch(results):
    """A user without privileges watches: no kernel log, the counter and the exit status do."""
    report = check_report(results, "user-watch", 128)
    equal("kill.oom_kills_after", report["kill"]["oom_kills_after"], 1)
    check_guilty(report, REMEMBER)
    return last_capture(report)


def read_account(results, name):
    """What the ledger says of a cgroup; every part of it sums."""
    check_exit(results, f"ledger-{name}", OK)
    account = json.loads(results[f"ledger-{name}/out"])
    equal("the version", account["version"], 2)
    stat = dict(line.split() for line in text(results, f"ledger-{name}/stat").splitlines())
    for part in ("cgroup", "cache", "shmem"):
        equal(f"what does not sum in {part}", account[part]["broken"], None)
        account[part]["by_key"] = {row["key"]: row for row in account[part]["rows"]}
    equal("the files' memory", account["cache"]["total_bytes"] + account["shmem"]["total_bytes"],
          int(stat["file"]))
    equal("whose a page is, known", account["files"]["charge_known"], True)
    equal("partial", account["files"]["partial_reason"], "")
    left = account["cgroup"]["by_key"].get("unexplained", {"bytes": 0})["bytes"]
    assert abs(left) <= 2 * MIB, f"{left} bytes are unexplained"
    return account


def check_largest(account, key):
    rows = [row for row in account["cgroup"]["rows"] if row["depth"] == 0]
    equal("the largest row", max(rows, key=lambda row: row["bytes"])["key"], key)


def case_ledger_logs(results):
    """Logs in the page cache are named. On a ramfs nothing of them can be reclaimed."""
    account = read_account(results, "logs")
    check_largest(account, "cache")
    names = {row["label"]: row for row in account["cache"]["rows"]}
    equal("the open log", names["/tmp/ram/app.log"]["bytes"], 12 * MIB)
    for name in ("app.log.1", "app-2026-01-02T03-04-02.000.log"):
        equal(name, names[f"/tmp/ram/{name}"]["bytes"], 24 * MIB)
        contains(name, names[f"/tmp/ram/{name}"]["note"], "rotated log")
    bites = account["headroom"]["bites"]
    equal("the limit that bites", bites["path"], "/sys/fs/cgroup/ledger/logs")
    assert bites["headroom_bytes"] < (128 - 60) * MIB, "what is locked counts as reclaimable"


def case_ledger_tmpfs(results):
    """A file on a tmpfs is named."""
    account = read_account(results, "tmpfs")
    check_largest(account, "shmem")
    equal("the mount", account["shmem"]["by_key"]["shmem.mount.1"]["label"], "/tmp/shared")
    row = account["shmem"]["by_key"]["shmem.mount.1.file.1"]
    equal("the file", (row["label"], row["bytes"]), ("/tmp/shared/data", 24 * MIB))
    equal("without a name", account["shmem"]["by_key"].get("shmem.unnamed"), None)


def case_ledger_sockets(results):
    """Buffers of sockets that nobody reads are part of the charge on v2."""
    account = read_account(results, "sockets")
    check_largest(account, "sock")


def case_ledger_files(results):
    """Many small files are slab memory, told apart on v2."""
    account = read_account(results, "files")
    check_largest(account, "kernel")
    rows = account["cgroup"]["by_key"]
    slab = sum(rows.get(f"kernel.slab.{kind}", {"bytes": 0})["bytes"]
               for kind in ("reclaimable", "other"))
    assert slab > 10000 * 600, f"{slab} bytes of slab for 10000 files"
    assert slab > rows["kernel"]["bytes"] / 2


def case_ledger_parent(results):
    """The limit that bites is the parent's: the neighbour has filled it."""
    account = read_account(results, "parent")
    bites = account["headroom"]["bites"]
    equal("the limit that bites", bites["path"], "/sys/fs/cgroup/ledger")
    assert 0 < bites["headroom_bytes"] < 44 * MIB, bites
    return f"{bites['headroom_bytes'] / MIB:.0f} MiB left of 224"


ALL = [case_ledger_logs, case_ledger_tmpfs, case_ledger_sockets, case_ledger_files,
       case_ledger_parent, case_leak, case_old_leak, case_parent_limit, case_sibling, case_without_controller,
       case_relief, case_held_slow, case_held_explosion, case_held_giant, case_held_goroutines,
       case_held_ancestor, case_held_group, case_held_cache, case_held_child, case_held_signal,
       case_whyoom_hangs, case_whyoom_killed, case_guard_killed, case_both_killed,
       case_both_killed_armed, case_trigger_pressure, case_trigger_cache, case_trigger_ooms, case_node_limit, case_machine_full,
       case_target_killed,
       case_limit_changed, case_foreign_high, case_oomd, case_traced, case_traced_kill, case_chosen, case_many_by_name, case_many_all, case_held_many_killed, case_held_many_undone, case_download, case_group, case_bystander, case_user, case_foreign,
       case_user_watch]
