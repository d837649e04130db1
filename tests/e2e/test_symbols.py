# SPDX-License-Identifier: Apache-2.0
"""Where the code of a program says that the runtime's variables are is where its symbol table says.

On programs of every version and form that tests/targets/build-forms built; those that were not
built are skipped."""

import subprocess

import pytest

from harness import TARGETS, WHYOOM, Target
from test_heap import assert_same_buckets, buckets_of

GO_SYMBOLS = WHYOOM.parents[2] / "tests/golang/go-symbols"
FORMS = ["plain", "w", "trimpath", "pie", "cgo", "cgo-pie", "race", "noopt", "arm64", "arm64-noopt"]
# The same program without its symbol table.
STRIPPED = {"plain": "strip", "pie": "pie-strip", "cgo": "cgo-strip", "cgo-pie": "cgo-pie-strip",
            "race": "race-strip", "noopt": "noopt-strip", "arm64": "arm64-strip",
            "arm64-noopt": "arm64-noopt-strip"}
BUILT = sorted(folder.name[2:] for folder in TARGETS.glob("go*") if (folder / "forms").is_dir())


@pytest.fixture(params=BUILT)
def go(request):
    return request.param


@pytest.fixture
def program(request):
    """program(VERSION, FORM) -> a running one that has a profile, or the test is skipped."""

    def start_program(version, form):
        path = TARGETS / f"go{version}/forms/{form}/allocs"
        if not path.exists():
            pytest.skip(f"{path} was not built")
        prefix = ["qemu-aarch64"] if form.startswith("arm64") else []
        target = Target(path, env={"GODEBUG": "memprofilerate=1"}, prefix=prefix)
        request.addfinalizer(target.stop)
        target.say("rest")
        return target

    return start_program


def symbols_of(target):
    """{name: (address by the table, address by the code)}, 0 for what is not there."""
    done = subprocess.run([GO_SYMBOLS, str(target.process.pid), str(target.path.resolve())],
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    rows = (line.split() for line in done.stdout.splitlines())
    return {name: (int(table, 16), int(code, 16)) for name, table, code in rows}


def assert_all_equal(symbols):
    scan = symbols.pop("scan")[1]
    assert len(symbols) > 20
    assert sum(table != 0 for table, _ in symbols.values()) > 20
    wrong = {name: pair for name, pair in symbols.items() if pair[0] != pair[1]}
    assert not wrong
    assert scan == symbols["runtime.mbuckets"][0]


@pytest.mark.parametrize("form", FORMS)
def test_code_says_what_the_table_says(program, go, form):
    assert_all_equal(symbols_of(program(go, form)))


def distances(symbols):
    """From one of them: a position-independent program lies somewhere else each time."""
    start = symbols["runtime.firstmoduledata"][1]
    return {name: code and code - start for name, (_, code) in symbols.items()}


@pytest.mark.parametrize("form", STRIPPED)
def test_stripped_program_has_the_same_symbols(program, go, form):
    whole = symbols_of(program(go, form))
    stripped = symbols_of(program(go, STRIPPED[form]))
    assert all(table == 0 for table, _ in stripped.values())
    assert distances(stripped) == distances(whole)


def test_obfuscated_program_has_all_symbols(program, go):
    """The tables' magic is random and the version is gone; the runtime's own names remain."""
    symbols = symbols_of(program(go, "garble"))
    absent = {"runtime.mProf", "runtime.gcpercent",  # of old versions
              "sync.allPools", "sync.oldPools"}  # names of other packages are gone
    assert {name for name, (_, code) in symbols.items() if not code} <= absent
    assert symbols["scan"] == symbols["runtime.mbuckets"]


@pytest.mark.parametrize("form", ["sw", *STRIPPED.values(), "garble"])
def test_heap_profile_is_the_programs_own(whyoom, program, go, form, tmp_path):
    target = program(go, form)
    assert_same_buckets(buckets_of(whyoom, target), target, 1, tmp_path)
