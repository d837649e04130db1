# SPDX-License-Identifier: Apache-2.0
"""Go versions that whyoom does not know: read by their own DWARF, else by the newest layout if that
fits, else refused by name. The programs are real; only the version that they state is changed."""

import json
import subprocess

import pytest

from harness import UNSUPPORTED, VERSIONS, Target, program
from test_heap import assert_same_buckets, buckets_of

pytestmark = pytest.mark.short
NEWEST = VERSIONS[-1]


@pytest.fixture
def stating(request, tmp_path):
    """stating(version, text): `allocs` of that version, which states another one; at rest."""

    def start(version, text, dwarf=True):
        binary = program("allocs", version).read_bytes()
        own = f"go{version}".encode()
        assert len(own) == len(text) and own in binary
        path = tmp_path / "allocs"
        path.write_bytes(binary.replace(own, text.encode()))
        path.chmod(0o755)
        if not dwarf:
            subprocess.run(["objcopy", "--strip-debug", path], check=True)
        target = Target(path, env={"GODEBUG": "memprofilerate=1"})
        request.addfinalizer(target.stop)
        target.say("rest")
        return target

    return start


def assert_heap_is_the_targets_own(whyoom, target, tmp_path):
    seen = buckets_of(whyoom, target)
    assert_same_buckets(seen, target, 1, tmp_path)
    return seen


@pytest.mark.parametrize("known", [NEWEST, VERSIONS[0]])
def test_a_new_version_is_read_by_its_own_dwarf(whyoom, stating, known, tmp_path):
    """Even one whose layout is nothing like the newest."""
    target = stating(known, "go1.99." + "1" * (len(known) - 5))
    seen = assert_heap_is_the_targets_own(whyoom, target, tmp_path)
    assert "own DWARF" in seen["evidence"]["layout_caveat"]
    assert "own DWARF" in whyoom("heap", target.pid).stdout


def test_without_dwarf_the_newest_layout_is_tried_and_said_to_be_unverified(
        whyoom, stating, tmp_path):
    target = stating(NEWEST, "go1.99.1", dwarf=False)
    seen = assert_heap_is_the_targets_own(whyoom, target, tmp_path)
    assert "UNVERIFIED" in seen["evidence"]["layout_caveat"]
    assert "UNVERIFIED" in whyoom("why", target.pid).stdout


@pytest.mark.parametrize("known", VERSIONS[:-1])
def test_where_the_newest_layout_does_not_fit_the_version_is_refused_by_name(
        whyoom, stating, known):
    target = stating(known, "go1.99." + "1" * (len(known) - 5), dwarf=False)
    result = whyoom("heap", target.pid, code=UNSUPPORTED)
    assert "go1.99.1" in result.stderr and "DWARF" in result.stderr


def test_a_known_version_has_no_caveat(whyoom, start):
    target = start("allocs", NEWEST)
    seen = json.loads(whyoom("heap", target.pid, "--json").stdout)
    assert seen["evidence"]["layout_caveat"] == ""
