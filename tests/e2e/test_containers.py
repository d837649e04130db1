# SPDX-License-Identifier: Apache-2.0
"""Containers of real runtimes are named by id and image, found by id and name, and accounted for.

find-container is what stands behind --container: it prints what container_find says.
"""

import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from harness import MIB, NEWEST_SERVICE, NOBODY, WHYOOM, program
from runtimes import IMAGE, WARM_MIB, CannotStart, Containerd, Podman, Runc
from test_why import check_sums

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")

FIND = WHYOOM.parents[2] / "tests/system/find-container"
LIMIT = 256 * MIB
# No ids of containers that are here already.
ONE, TWO, ENDED = (f"shop-{os.getpid()}-{name}" for name in ("one", "two", "ended"))
MADE_UP_ID = f"{os.getpid():08x}" + "d0c0" * 14
POD = {"io.kubernetes.cri.container-type": "container",
       "io.kubernetes.cri.container-name": "checkout",
       "io.kubernetes.cri.sandbox-name": "checkout-7f9c",
       "io.kubernetes.cri.sandbox-namespace": "prod"}


@pytest.fixture(scope="module")
def folder():
    with tempfile.TemporaryDirectory(prefix="whyoom-ctr-", ignore_cleanup_errors=True) as name:
        yield Path(name)


@pytest.fixture(scope="module")
def containerd(folder):
    """A containerd with three containers: two with names as ids, one with an id that was made up."""
    place = folder / "containerd"
    place.mkdir()
    try:
        runtime = Containerd(place, program("leak", NEWEST_SERVICE), f"whyoom-{os.getpid()}")
    except CannotStart as why:
        pytest.skip(str(why))
    try:
        runtime.targets = {
            ONE: runtime.start(ONE, LIMIT),
            TWO: runtime.start(TWO, LIMIT, "--label", "nerdctl/name=till"),
            MADE_UP_ID: runtime.start(MADE_UP_ID, LIMIT, *[
                word for row in POD.items() for word in ("--annotation", "=".join(row))]),
        }
        yield runtime
    finally:
        runtime.stop()


@pytest.fixture(scope="module")
def runc(folder):
    try:
        runtime = Runc(folder, program("leak", NEWEST_SERVICE))
    except CannotStart as why:
        pytest.skip(str(why))
    yield runtime
    runtime.stop()


@pytest.fixture
def podman(folder):
    place = folder / "podman"
    place.mkdir()
    try:
        runtime = Podman(place, program("leak", NEWEST_SERVICE), f"whyoom-pod-{os.getpid()}")
    except CannotStart as why:
        pytest.skip(str(why))
    yield runtime
    runtime.stop()


def find(runtime, wanted, prefix=(), program=FIND):
    """(exit code, {key: value}, what it said of its failure)"""
    result = subprocess.run([*prefix, program, wanted], capture_output=True, text=True, timeout=60,
                            env={**os.environ, **runtime.env})
    assert result.returncode in (0, 1), result.stderr
    rows = dict(line.partition(" ")[::2] for line in result.stdout.splitlines())
    return result.returncode, rows, result.stderr


def report(whyoom, runtime, target):
    return json.loads(whyoom("why", "--json", target.pid, env=runtime.env).stdout)


def memory_cgroup(pid):
    """The directory of a process's memory cgroup, by the kernel."""
    rows = [line.split(":", 2) for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines()]
    for _, controllers, path in rows:
        if "memory" in controllers.split(","):
            return f"/sys/fs/cgroup/memory{path}"
    return "/sys/fs/cgroup" + next(path for number, _, path in rows if number == "0")


def check_account(report, target):
    """The cgroup's ledger is that of the container, sums, and holds what the program took."""
    cgroup = report["cgroup"]
    assert cgroup["path"] == memory_cgroup(target.pid)
    assert cgroup["limit_bytes"] == LIMIT and cgroup["limit_path"] == cgroup["path"]
    rows = check_sums(report["ledger"])
    assert report["ledger"]["total_bytes"] == cgroup["usage_bytes"]
    assert WARM_MIB * MIB <= rows["anon"] <= cgroup["usage_bytes"] < LIMIT


@pytest.mark.short
def test_process_in_containerd(whyoom, containerd):
    target = containerd.targets[ONE]
    found = report(whyoom, containerd, target)
    container = found["identity"]["container"]
    assert found["identity"]["container_id"] == container["id"] == ONE
    assert container["image"] == IMAGE
    assert container["runtime"] == "containerd"
    assert container["namespace"] == containerd.namespace
    assert container["missing"] == ""
    check_account(found, target)
    text = whyoom("why", target.pid, env=containerd.env).stdout
    assert f"container   {ONE}, image {IMAGE} (containerd)\n" in text


def test_process_in_a_pod(whyoom, containerd):
    target = containerd.targets[MADE_UP_ID]
    found = report(whyoom, containerd, target)
    container = found["identity"]["container"]
    assert found["identity"]["container_id"] == container["id"] == MADE_UP_ID
    assert (container["name"], container["pod_name"], container["pod_namespace"]) == \
        ("checkout", "checkout-7f9c", "prod")
    assert container["image"] == IMAGE  # of the metadata: no annotation has it
    check_account(found, target)
    text = whyoom("why", target.pid, env=containerd.env).stdout
    assert f" checkout in pod prod/checkout-7f9c, image {IMAGE} (containerd)\n" in text


def test_process_whose_runtime_keeps_its_files_elsewhere(whyoom, containerd):
    """The id that the kernel tells stays, and the rest is said to be missing."""
    target = containerd.targets[MADE_UP_ID]
    found = json.loads(whyoom("why", "--json", target.pid).stdout)["identity"]["container"]
    assert found["id"] == MADE_UP_ID
    assert found["image"] == found["name"] == ""
    assert found["missing"].startswith("image not known: its runtime has no files about it")


def test_process_in_no_container(whyoom, start, containerd):
    target = start("leak", NEWEST_SERVICE, "-await")
    found = report(whyoom, containerd, target)["identity"]
    assert found["container"] is None and found["container_id"] == ""


@pytest.mark.parametrize("wanted", ["{one}", "{namespace}/{one}", "containerd://{one}"])
def test_find_by_id(containerd, wanted):
    code, found, error = find(containerd, wanted.format(namespace=containerd.namespace, one=ONE))
    assert code == 0, error
    target = containerd.targets[ONE]
    assert found["id"] == ONE and found["image"] == IMAGE
    assert found["cgroup"] == memory_cgroup(target.pid)
    assert int(found["main_pid"]) == target.pid


@pytest.mark.parametrize("wanted", [
    "{id}", "{id:.12}", "{id:.8}", "checkout", "checkout-7f9c/checkout",
    "prod/checkout-7f9c/checkout"])
def test_find_by_beginning_and_by_name(containerd, wanted):
    code, found, error = find(containerd, wanted.format(id=MADE_UP_ID))
    assert code == 0, error
    target = containerd.targets[MADE_UP_ID]
    assert found["id"] == MADE_UP_ID and found["name"] == "checkout" and found["image"] == IMAGE
    assert found["cgroup"] == memory_cgroup(target.pid)
    assert int(found["main_pid"]) == target.pid


@pytest.mark.short
def test_find_by_the_name_in_a_label(containerd):
    """nerdctl's name, which stands in the metadata."""
    code, found, error = find(containerd, "till")
    assert code == 0, error
    assert found["id"] == TWO and found["name"] == "till"
    assert int(found["main_pid"]) == containerd.targets[TWO].pid


@pytest.mark.short
@pytest.mark.parametrize("wanted", [TWO, "till", MADE_UP_ID[:20]], ids=["id", "name", "beginning"])
def test_account_of_a_container(whyoom, containerd, wanted):
    account = json.loads(whyoom("account", "--container", wanted, "--json",
                                env=containerd.env).stdout)
    target = containerd.targets[MADE_UP_ID if wanted in MADE_UP_ID else TWO]
    assert account["cgroup"]["path"] == memory_cgroup(target.pid)
    assert account["cgroup"]["limit_bytes"] == LIMIT
    assert account["processes"][0]["identity"]["container"]["image"] == IMAGE
    check_sums(account["cgroup"]["ledger"])
    text = whyoom("account", "--container", wanted, env=containerd.env).stdout
    assert IMAGE in text


def test_find_what_is_not_one(containerd):
    code, _, error = find(containerd, ONE[:-3])
    assert code == 1
    assert f"2 containers fit {ONE[:-3]}: " in error
    assert all(f"{containerd.namespace}/{name}" in error for name in (ONE, TWO))
    code, _, error = find(containerd, "desk")
    assert code == 1 and "there is no running container desk" in error


def test_without_the_right_to_read_the_files(containerd, open_folder):
    """The kernel shows everybody the ids; the rest is said to be out of reach."""
    copy = open_folder / "find-container"
    shutil.copy(FIND, copy)
    code, found, error = find(containerd, MADE_UP_ID, prefix=NOBODY, program=copy)
    assert code == 0, error
    assert found["cgroup"] == memory_cgroup(containerd.targets[MADE_UP_ID].pid)
    assert found["image"] == ""
    assert found["missing"] == \
        "image not known: no permission to read the files of its runtime"
    code, _, error = find(containerd, "checkout", prefix=NOBODY, program=copy)
    assert code == 1 and "run as root" in error


def test_a_container_that_has_ended_is_not_found(containerd):
    containerd.start(ENDED, LIMIT)
    assert find(containerd, ENDED)[0] == 0
    containerd.end(ENDED)
    assert find(containerd, ENDED)[0] == 1


def test_runc_alone(whyoom, runc):
    """In a cgroup whose path says nothing of the id."""
    try:
        target = runc.start("batch", LIMIT, f"/whyoom-runc-{os.getpid()}/job")
    except CannotStart as why:
        pytest.skip(str(why))
    found = report(whyoom, runc, target)
    container = found["identity"]["container"]
    assert found["identity"]["container_id"] == container["id"] == "batch"
    assert container["runtime"] == "runc" and container["image"] == ""
    assert container["missing"] == "image not known: runc keeps none"
    check_account(found, target)
    code, rows, error = find(runc, "batch")
    assert code == 0, error
    assert rows["runtime"] == "runc" and rows["cgroup"] == memory_cgroup(target.pid)
    assert int(rows["main_pid"]) == target.pid


@pytest.mark.short
def test_podman(whyoom, podman):
    name = f"till-{os.getpid()}"
    try:
        target = podman.start(name, LIMIT)
    except CannotStart as why:
        pytest.skip(str(why))
    found = report(whyoom, podman, target)
    container = found["identity"]["container"]
    assert container["runtime"] == "podman" and container["missing"] == ""
    assert container["image"] == IMAGE and container["name"] == name
    assert container["id"] in memory_cgroup(target.pid)
    check_account(found, target)
    for wanted in (name, container["id"], container["id"][:12]):
        code, rows, error = find(podman, wanted)
        assert code == 0, error
        assert rows["id"] == container["id"] and rows["image"] == IMAGE
        assert rows["cgroup"] == memory_cgroup(target.pid)
        assert int(rows["main_pid"]) == target.pid
    account = json.loads(whyoom("account", "--container", name, "--json", env=podman.env).stdout)
    assert account["processes"][0]["identity"]["container"]["image"] == IMAGE
    check_sums(account["cgroup"]["ledger"])
