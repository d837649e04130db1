# SPDX-License-Identifier: Apache-2.0
"""What is expected of the scenarios of tests/vm/charges.sh, as cases.py."""

import json

from cases import KILLED, MIB, OK, check_exit, check_guilty, check_report, contains, equal, text

PAGE = 4096


def rows_of(ledger):
    return {row["key"]: row["bytes"] for row in ledger["rows"]}


def check_sums(ledger):
    """Each level of rows is what the row above it says."""
    own = sum(row["bytes"] for row in ledger["rows"] if row["depth"] == 0)
    equal(f"the sum of the rows of {ledger['total']}", own, ledger["total_bytes"])


def kernel_figures(results, case):
    """What the kernel said before and after the account, the smaller and the larger number."""
    def read(when):
        stat = dict(line.split() for line in text(results, f"{case}/{when}-memory.stat").splitlines())
        for name in ("memory.current", "memory.swap.current"):
            stat[name] = text(results, f"{case}/{when}-{name}")
        return stat
    before, after = read("before"), read("after")
    return {key: sorted((int(value), int(after[key]))) for key, value in before.items()}


def check_near(what, actual, bounds, slack=MIB):
    low, high = bounds
    assert low - slack <= actual <= high + slack, f"{what}: {actual}, the kernel says {low} to {high}"


def read_account(results, case):
    """The cgroup's ledger as {key: bytes}, and that of its process, both checked."""
    check_exit(results, f"{case}-account", OK)
    account = json.loads(results[f"{case}-account/out"])
    ledger, figures = account["cgroup"]["ledger"], kernel_figures(results, case)
    check_sums(ledger)
    check_near("the cgroup's charge", ledger["total_bytes"], figures["memory.current"])
    rows = rows_of(ledger)
    unexplained = abs(rows.get("unexplained", 0))
    assert unexplained <= 2 * MIB, f"{unexplained} bytes are unexplained"
    for key, name in (("anon", "anon"), ("kernel", "kernel"), ("sock", "sock"),
                      ("shmem", "shmem"), ("kernel.pagetables", "pagetables"),
                      ("kernel.slab.reclaimable", "slab_reclaimable")):
        check_near(key, rows.get(key, 0), figures[name])
    check_exit(results, f"{case}-process", OK)
    process = json.loads(results[f"{case}-process/out"])["processes"][0]["ledger"]
    check_sums(process)
    return rows, process, figures


def beside(ledger):
    return {row["key"]: row["bytes"] for row in ledger["beside"]}


def check_why(results, case, rule):
    check_exit(results, case, OK)
    verdict = json.loads(results[f"{case}/out"])["verdict"]
    equal("verdict.rule", verdict["rule"], rule)
    return verdict


def check_cause(results, case, rule, share_of):
    """The rule, nobody of the program accused, and the row of the ledger that is the largest."""
    verdict = check_why(results, case, rule)
    equal("verdict.status", verdict["status"], "cause")
    equal("the guilty function", verdict["guilty"]["function"], "")
    rows, _, figures = read_account(results, case)
    top = {key: value for key, value in rows.items() if "." not in key}
    equal("the largest row", max(top, key=top.get), share_of)
    return rows, figures


def case_names(results):
    """Names of files that are not there, in the kernel's memory: `why` says so, the account sums."""
    rows, _ = check_cause(results, "names", "kernel-memory", "kernel")
    dentries = rows["kernel.slab.reclaimable"]
    assert dentries > rows["kernel"] / 2, rows
    return f"{dentries / MIB:.0f} MiB of names"


def case_tables(results):
    """Page tables: the same."""
    rows, _ = check_cause(results, "tables", "page-tables", "kernel")
    assert rows["kernel.pagetables"] > rows["kernel"] * 0.8, rows
    return f"{rows['kernel.pagetables'] / MIB:.0f} MiB of page tables"


def case_sockets(results):
    """Buffers of sockets whose peer does not read: the same."""
    rows, _ = check_cause(results, "sockets", "socket-buffers", "sock")
    return f"{rows['sock'] / MIB:.0f} MiB of buffers"


def case_cache(results):
    """A log fills the cgroup with page cache: healthy, nobody is accused."""
    verdict = check_why(results, "cache", "healthy-page-cache")
    equal("verdict.status", verdict["status"], "healthy")
    rows, _, figures = read_account(results, "cache")
    check_near("page cache", rows["cache"], figures["file"])
    assert rows["cache"] > 64 * MIB, rows


def case_reclaim(results):
    """What is said to be reclaimable the kernel gives back when it is asked."""
    rows, _, figures = read_account(results, "reclaim")
    ledger = json.loads(results["reclaim-account/out"])["cgroup"]["ledger"]
    said = beside(ledger)["reclaimable"]
    taken = figures["memory.current"][1] - int(text(results, "reclaim/left"))
    assert 96 * MIB <= taken <= said + MIB, f"{taken} of {said} bytes were taken back"
    assert said <= rows["cache"] + rows.get("kernel.slab.reclaimable", 0), rows
    return f"{taken / MIB:.0f} of {said / MIB:.0f} MiB that could be, at once"


def status_bytes(results, case, name):
    for line in text(results, f"{case}/status").splitlines():
        key, value = line.split()[:2]
        if key == name + ":":
            return int(value) * 1024
    raise AssertionError(f"no {name}")


def case_swapped(results):
    """A third of the heap is in swap: both ledgers sum, and tell it beside."""
    rows, process, figures = read_account(results, "swapped")
    told = beside(json.loads(results["swapped-account/out"])["cgroup"]["ledger"])
    used = figures["memory.swap.current"][0]
    assert used > 40 * MIB, f"{used} bytes in swap"
    check_near("in swap, of the cgroup", told["swap"], figures["memory.swap.current"], PAGE)
    check_near("in swap and in memory", told.get("swapcached", 0), figures["swapcached"])
    swapped, resident = (status_bytes(results, "swapped", name) for name in ("VmSwap", "VmRSS"))
    check_near("in swap, of the process", beside(process)["swap"], (swapped, swapped))
    check_near("resident", process["total_bytes"], (resident, resident))
    assert rows["anon"] < 100 * MIB < rows["anon"] + told["swap"]
    left = json.loads(results["swapped-account/out"])["cgroup"]["headroom"]["swap_left_bytes"]
    equal("what is left of swap", left, 192 * MIB - told["swap"])
    return f"{swapped / MIB:.0f} MiB of the process in swap"


def case_swap_kill(results):
    """Memory and swap are full: the kill is explained as any other."""
    check_report(results, "swap-kill", 64)
    report = json.loads(results["swap-kill/report.json"])
    equal("the target's exit code", text(results, "swap-kill/target-exit"), KILLED)
    check_guilty(report, "main.hoard")
    contains("the report", text(results, "swap-kill/report.txt"), "memory limit of 64.0 MiB")


ALL = [case_swapped, case_swap_kill, case_names, case_tables, case_sockets, case_cache, case_reclaim]
