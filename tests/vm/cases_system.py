# SPDX-License-Identifier: Apache-2.0
"""What is expected of the scenarios that tests/vm/system-play plays, as cases.py."""

import json
from datetime import datetime

from cases import MIB, check_guilty, check_started, contains, equal, explained, kept_bytes, text
from cases_charges import check_sums


def unit(results, name):
    return dict(line.split("=", 1) for line in text(results, name).splitlines())


def check_stopped(results, name):
    """By systemctl, and neither by force nor by a failure."""
    state = unit(results, name)
    equal(name, (state["ActiveState"], state["Result"], state["MainPID"]),
          ("inactive", "success", "0"))


def check_settings(results, name, high="max"):
    """Nothing of the hold stays."""
    said = dict(line.rsplit("/", 1)[1].split(":") for line in text(results, name).splitlines())
    equal("memory.high", said["memory.high"], high)
    equal("cgroup.freeze", said["cgroup.freeze"], "0")


def incidents(results, case):
    return json.loads(results[f"{case}/incidents"])


def report(results, case):
    """That of the only incident; nobody but root can read what was stored."""
    equal("incidents", len(incidents(results, case)), 1)
    equal("files that others can read", text(results, f"{case}/open-files"), "")
    ledger = json.loads(results[f"{case}/ledger.json"])
    check_sums(ledger)
    return json.loads(results[f"{case}/report.json"])


def case_boot(results):
    """systemd is process 1, and all of its units are well; what it says of ours."""
    equal("failed units", text(results, "boot/failed"), "")
    score = float(text(results, "boot/security").splitlines()[-1].split(":")[1].split()[0])
    assert score < 3, text(results, "boot/security")
    return f"{text(results, 'boot/systemd').splitlines()[0]}, the unit's exposure {score}"


def case_service_kill(results):
    """The service holds the kill of a unit, has the evidence, and waits for the unit's next start."""
    told = report(results, "service-kill")
    equal("kill.cause", told["kill"]["cause"], "cgroup-oom")
    equal("kill.held", told["kill"]["held"], True)
    equal("kill.limit_cgroup", told["kill"]["limit_cgroup"], "/lab.slice/killed.service")
    contains("the kernel's line", told["kill"]["kernel_line"], "Memory cgroup out of memory: Killed")
    equal("kill.pid", told["kill"]["pid"], int(text(results, "service-kill/pid")))
    check_guilty(told, "main.hoard")
    share = explained(told, kept_bytes(results, "service-kill"))
    assert share >= 0.9, f"the profile tells {share:.0%} of what the program kept"
    equal("what systemd says of the target", unit(results, "service-kill/unit")["Result"], "oom-kill")
    state = unit(results, "service-kill/service-waiting")["ActiveState"]
    assert state in ("activating", "active"), f"while its cgroup is gone, the service is {state}"
    equal("then", unit(results, "service-kill/service")["ActiveState"], "active")
    assert "memory.high:max" not in text(results, "service-kill/settings-again"), "it does not hold"
    check_stopped(results, "service-kill/service-stopped")
    check_settings(results, "service-kill/settings-after")
    return f"the profile tells {share:.0%}"


def case_service_restart(results):
    """Two services are restarted, and one is killed: the same targets, no hole, no hold that stays."""
    history = json.loads(results["service-restart/timeline"])
    pids = {int(text(results, f"service-restart/{name}")) for name in ("first", "second")}
    equal("the targets", {target["pid"] for target in history["targets"]}, pids)
    equal("the targets, each once", len(history["targets"]), 2)
    odd = {event["kind"] for event in history["events"]} - {"snapshot", "incident"}
    equal("marks of what did not happen", odd, set())
    down_s = (float(text(results, "service-restart/restarted")) -
              float(text(results, "service-restart/stopping")))
    worst = max(longest_hole(history, target["id"]) for target in history["targets"])
    assert worst <= down_s + 6, f"nothing for {worst:.0f} s, the restart took {down_s:.0f} s"
    for name in ("undone", "came-back", "armed-again"):
        equal(f"killed: {name}", text(results, f"service-restart/{name}", "no"), "yes")
    check_stopped(results, "service-restart/unit-stopped")
    for name in ("settings-after", "settings-after-second"):
        check_settings(results, f"service-restart/{name}")
    equal("processes that stay", text(results, "service-restart/left"), "")
    said = text(results, "service-restart/journal")
    assert "signal SIGKILL" not in said, "systemd had to kill a helper:\n" + said
    return f"the restart took {down_s:.1f} s, the longest time without a sample {worst:.1f} s"


def longest_hole(history, target):
    times = sorted(datetime.fromisoformat(row["time"]).timestamp()
                   for row in history["samples"] if row["target"] == target)
    assert len(times) > 2, "too few samples"
    return max(later - earlier for earlier, later in zip(times, times[1:]))


def case_killed_holding(results):
    """The service is killed while it holds a kill: its guard lets go, systemd starts it again."""
    case = "service-killed-holding"
    check_started(results, case)
    for name in ("frozen", "undone", "came-back"):
        equal(name, text(results, f"{case}/{name}", "no"), "yes")
    equal("the target's end", unit(results, f"{case}/target")["Result"], "oom-kill")
    said = text(results, f"{case}/journal")
    assert "signal SIGKILL" not in said, "systemd killed the guard or another helper:\n" + said


def case_service_all(results):
    """whyoom.service finds a unit's program by itself, and explains its kill."""
    told = report(results, "service-all")
    equal("kill.cause", told["kill"]["cause"], "cgroup-oom")
    equal("kill.pid", told["kill"]["pid"], int(text(results, "service-all/one")))
    check_guilty(told, "main.hoard")
    equal("the service", unit(results, "service-all/unit")["ActiveState"], "active")
    check_stopped(results, "service-all/unit-stopped")


def case_permissions(results):
    """The sandbox leaves what is needed: tracepoints, relief of a program of another user."""
    contains("its descriptors", text(results, "service-permissions/descriptors"), "bpf")
    done = text(results, "service-permissions/actions.log")
    assert "whyoom: " not in done, done
    contains("the settings", text(results, "service-permissions/settings"), f"memory.max:{160 * MIB}")
    contains("what it said", text(results, "service-permissions/said"), "ended by signal 15")


def check_oomd(results, case, why):
    told = report(results, case)
    kill = told["kill"]
    equal("kill.cause", kill["cause"], "systemd-oomd")
    equal("kill.signal", kill["signal"], 9)
    equal("kill.pid", kill["pid"], int(text(results, f"{case}/pid")))
    name = case.removeprefix("oomd-")
    equal("kill.oomd_cgroup", kill["oomd_cgroup"], f"/sys/fs/cgroup/{name}.slice/{name}.service")
    equal("in the list", incidents(results, case)[0]["cause"], "systemd-oomd")
    contains("the report", text(results, f"{case}/report.txt"), "killed by systemd-oomd")
    contains("what systemd-oomd said", text(results, "oomd/journal"),
             f"Killed /{name}.slice/{name}.service due to {why}")
    check_guilty(told, "main.hoard")


def case_oomd_pressure(results):
    """Killed by the real systemd-oomd, for memory pressure."""
    check_oomd(results, "oomd-pressure", "memory pressure")


def case_oomd_swap(results):
    """Killed by the real systemd-oomd, for want of swap."""
    check_oomd(results, "oomd-swap", "memory used")


ALL = [case_boot, case_service_kill, case_service_restart, case_killed_holding, case_service_all,
       case_permissions, case_oomd_pressure, case_oomd_swap]
