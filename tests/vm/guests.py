# SPDX-License-Identifier: Apache-2.0
"""Makes and boots the two guests: one whose process 1 is tests/vm/init, in an initrd, and one whose
process 1 is Debian's systemd, on a disk. Both hand over lines on their second serial port."""

import base64
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/incidents"))

import lab  # noqa: E402

HERE = ROOT / "tests/vm"
OUT = ROOT / "build/vm"
WHYOOM = Path(os.environ.get("WHYOOM", ROOT / "build/src/cli/whyoom")).resolve()
TARGETS = ROOT / "build-targets"
PROGRAMS = {
    "whyoom": WHYOOM,
    "leak": TARGETS / "go1.26.8/leak",
    "leak-old": TARGETS / "go1.22.12/leak",
    "churn": TARGETS / "go1.26.8/churn",
    "exportd": TARGETS / "go1.26.8/exportd",
    "eater": TARGETS / "go1.26.8/eater",
    "charges": TARGETS / "go1.26.8/charges",
    "cgroup-ledger-dump": WHYOOM.parents[2] / "tests/ledger/cgroup-ledger-dump",
}
FOLDERS = ["bin", "dev", "etc", "proc", "run", "sys", "tmp"]
USERS = "root:x:0:0::/:/bin/sh\nuser:x:1000:1000::/tmp:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n"
# Emulation boots in two seconds, and works everywhere; a /dev/kvm that can be opened may still not.
ONLY = os.environ.get("WHYOOM_VM_ONLY", "")
ACCELERATOR = os.environ.get("WHYOOM_VM_ACCEL", "tcg")
PATIENCE_S = 1500
# The emulated timer of a busy machine may be late, and the kernel then panics where it checks it.
KERNEL_OPTIONS = "console=ttyS0 quiet loglevel=3 panic=-1 cgroup_no_v1=all no_timer_check"


def libraries(program):
    """The shared libraries of a program and its loader, as absolute paths."""
    listing = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout
    return [Path(path) for path in re.findall(r"(?:=> |^\s+)(/\S+) \(", listing, re.MULTILINE)]


def make_disk(path, mib):
    with open(path, "wb") as file:
        file.truncate(mib << 20)
    return path


def make_file_system(path, *options):
    tools = os.environ["PATH"] + ":/usr/sbin:/sbin"
    subprocess.run(["mke2fs", "-q", "-F", "-t", "ext4", "-O", "^has_journal", *options, path],
                   env={**os.environ, "PATH": tools}, check=True)


def lab_programs():
    """Those of tests/incidents that are about cgroup v2."""
    return {case.folder.name: lab.build(case) for case in lab.cases()
            if case.get("cgroup") == 2 or case.name == "healthy-page-cache"}


class InitGuest:
    """tests/vm/init, and little besides."""

    name = "init"
    memory_mib = 1536
    # Page cache that can be taken back, which nothing in an initrd can; swap; a file system.
    disks_mib = {"disk": 512, "swap": 256, "files": 512}

    def make(self, folder):
        shutil.rmtree(folder / "root", ignore_errors=True)
        root = folder / "root"
        for name in FOLDERS:
            (root / name).mkdir(parents=True)
        for name, path in (PROGRAMS | lab_programs()).items():
            shutil.copy(path, root / "bin" / name)
        for path in libraries(WHYOOM):
            inside = root / path.relative_to("/")
            inside.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, inside)
        shutil.copy(shutil.which("busybox"), root / "bin/busybox")
        (root / "bin/sh").symlink_to("busybox")
        shutil.copy(HERE / "init", root / "init")
        for name in ("lib.sh", "charges.sh"):
            shutil.copy(HERE / name, root / name)
        (root / "etc/passwd").write_text(USERS)
        names = sorted(str(path.relative_to(root)) for path in root.rglob("*"))
        with open(folder / "initrd", "wb") as output:
            subprocess.run(["cpio", "--create", "--format=newc", "--owner=0:0", "--quiet"],
                           cwd=root, input="\n".join(names).encode(), stdout=output, check=True)
        return ["-initrd", folder / "initrd"], ""


class SystemGuest:
    """Debian's systemd and systemd-oomd, whyoom as a package would install it, and system-play."""

    name = "system"
    memory_mib = 1024
    disks_mib = {}
    image_mib = 768
    users = (USERS + "systemd-oom:x:900:900::/:/bin/false\n").replace(":/bin/sh", ":/usr/bin/sh")
    groups = "root:x:0:\nuser:x:1000:\nnogroup:x:65534:\nsystemd-oom:x:900:\n"

    def __init__(self, system):
        self.system = Path(system)

    def make(self, folder):
        root = folder / "root"
        shutil.rmtree(root, ignore_errors=True)
        shutil.copytree(self.system, root, symlinks=True)
        for name, path in PROGRAMS.items():
            shutil.copy(path, root / "usr/bin" / name)
        self.add_libraries(root)
        shutil.copy(shutil.which("busybox"), root / "usr/bin/busybox")
        (root / "usr/bin/sh").symlink_to("busybox")
        for name in ("lib.sh", "system-first", "system-play"):
            shutil.copy(HERE / name, root / name)
        units = root / "etc/systemd/system"
        for unit in (ROOT / "packaging").glob("*.service"):
            shutil.copy(unit, units / unit.name)
        for unit in (HERE / "system").iterdir():
            (units / unit.name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(unit, units / unit.name)
        wanted = units / "multi-user.target.wants"
        wanted.mkdir(exist_ok=True)
        for unit in ("play.service", "systemd-oomd.service"):
            (wanted / unit).symlink_to(f"/lib/systemd/system/{unit}" if "oomd" in unit else f"../{unit}")
        for name in ("dev", "proc", "sys", "run", "tmp", "root", "home"):
            (root / name).mkdir(exist_ok=True)
        etc = {"passwd": self.users, "group": self.groups, "machine-id": "0123456789abcdef" * 2 + "\n",
               "os-release": "ID=debian\n", "fstab": "",
               "systemd/oomd.conf.d/99-lab.conf": "[OOM]\nDefaultMemoryPressureDurationSec=2s\n"
                                                  "SwapUsedLimit=99%\n"}
        for name, text in etc.items():
            (root / "etc" / name).parent.mkdir(exist_ok=True)
            (root / "etc" / name).write_text(text)
        image = make_disk(folder / "image", self.image_mib)
        make_file_system(image, "-d", root)
        return (disk_options(image, "root"), "root=/dev/nvme0n1 rw init=/system-first "
                "systemd.show_status=false")

    @staticmethod
    def add_libraries(root):
        """Those that are not there yet: the loader and its C library have to be of one build."""
        have = {path.name for path in (root / "usr/lib").rglob("*.so*")}
        for path in libraries(WHYOOM):
            if path.name not in have and "ld-linux" not in path.name:
                shutil.copy(path, root / "usr/lib/x86_64-linux-gnu" / path.name)


def disk_options(path, name):
    return ["-drive", f"file={path},if=none,id={name},format=raw,cache=unsafe",
            "-device", f"nvme,drive={name},serial={name}"]


def boot(guest, kernel):
    """Returns the results and what went wrong, or None."""
    folder = OUT / guest.name
    folder.mkdir(parents=True, exist_ok=True)
    console, results = folder / "console", folder / "results"
    results.unlink(missing_ok=True)
    options, words = guest.make(folder)
    for name, mib in guest.disks_mib.items():
        options = options + disk_options(make_disk(folder / name, mib), name)
        if name == "files":
            make_file_system(folder / name)
    command = [
        "qemu-system-x86_64", "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
        "-accel", ACCELERATOR, "-cpu", "max", "-smp", "2", "-m", str(guest.memory_mib),
        "-kernel", kernel, "-append", f"{KERNEL_OPTIONS} {words}" + (f" only={ONLY}" if ONLY else ""),
        *options, "-serial", f"file:{console}", "-serial", f"file:{results}",
    ]
    trouble = None
    try:
        code = subprocess.run(command, timeout=PATIENCE_S, stdin=subprocess.DEVNULL).returncode
        if code != 0:
            trouble = f"QEMU ended with exit code {code}"
        elif b"end/started " not in results.read_bytes():
            trouble = "the guest did not come to its end"
    except subprocess.TimeoutExpired:
        trouble = f"the guest was not done within {PATIENCE_S} s"
    return read_results(results), trouble


def read_results(path):
    """{name: bytes}. A line that the guest did not finish is left out."""
    found = {}
    for line in path.read_bytes().splitlines() if path.exists() else []:
        name, _, value = line.partition(b" ")
        try:
            found[name.decode()] = base64.b64decode(value, validate=True)
        except ValueError:
            continue
    return found


def last_words(guest):
    console = OUT / guest.name / "console"
    text = console.read_text(errors="replace") if console.exists() else ""
    return "\n".join(text.splitlines()[-15:])
